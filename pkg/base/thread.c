/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <stdatomic.h>

static atomic_bool left_behind;

void hg_thread_left_behind(void)
{
    atomic_store(&left_behind, true);
}

bool hg_has_thread_left_behind(void)
{
    return atomic_load(&left_behind);
}
