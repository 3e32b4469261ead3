/* SPDX-License-Identifier: Apache-2.0 */
/* The program of its own: what verbs that were started directly become to have their target resolved. */
#include "env.h"

int main(int argc, char **argv)
{
    return env_main(argc, argv);
}
