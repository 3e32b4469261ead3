/* SPDX-License-Identifier: Apache-2.0 */
/* headgate-pid1: process 1 of a container, beside its application. Started by headgate-entrypoint. */
#include "init/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
    (void)fputs("usage: headgate-pid1 [-g|--group] [--probe FD] [--] COMMAND [ARGUMENT]...\n"
                "Runs COMMAND as a container's process 1 should: passes signals on, reaps orphans, ends with\n"
                "its exit code, 128+n when signal n ended it, 126 or 127 when it cannot be run.\n",
                stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct hg_init_options o = { .probe_fd = -1 };
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "-g") == 0 || strcmp(argv[i], "--group") == 0)
            o.group = true;
        else if (strcmp(argv[i], "--probe") == 0 && i + 1 < argc)
            o.probe_fd = (int)strtol(argv[++i], NULL, 10);
        else
            return usage();
    }
    return i < argc ? hg_init_run(&o, argv + i) : usage();
}
