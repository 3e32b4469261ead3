/* SPDX-License-Identifier: Apache-2.0 */
/* lock_key SCHEMA TABLE: the second key of headgate's advisory locks, for tests that hold them. */
#include "status/status.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    return printf("%d\n", hg_status_lock_key(argv[1], argv[2])) < 0;
}
