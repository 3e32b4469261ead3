/* SPDX-License-Identifier: Apache-2.0 */
/* supervise [--always] [--secret S] [--max SECONDS] [--grace SECONDS] COMMAND… - hg_process_supervise, for tests. */
#include "env/env.h"
#include "process/process.h"

int main(int argc, char **argv)
{
    struct hg_mask *mask = hg_mask_new();
    struct hg_process_supervise spec = { .mask = mask, .end_group = true };
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--always") == 0)
            spec.mask_always = true;
        else if (strcmp(argv[at], "--secret") == 0 && at + 1 < argc)
            hg_mask_add(mask, argv[++at]);
        else if (strcmp(argv[at], "--max") == 0 && at + 1 < argc &&
                 hg_parse_duration(argv[++at], &spec.max_runtime_ns) < 0)
            return 125;
        else if (strcmp(argv[at], "--grace") == 0 && at + 1 < argc &&
                 hg_parse_duration(argv[++at], &spec.grace_ns) < 0)
            return 125;
    }
    hg_mask_build(mask);
    spec.argv = argv + at;
    struct hg_supervised result;
    struct hg_err err = { 0 };
    int rc = hg_process_supervise(&spec, &result, &err);
    if (rc < 0)
        fprintf(stderr, "supervise: %s\n", err.message);
    hg_mask_free(mask);
    return rc < 0 ? hg_err_exit_code(&err) : hg_exit_status_code(&result.status);
}
