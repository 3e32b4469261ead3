/* SPDX-License-Identifier: Apache-2.0 */
/* A program for the Python that a command leads to. */
#include "alembic.h"
#include "env/env.h"
#include "process/process.h"

#include <string.h>

static const char *const PYTHONS[] = { HG_ALEMBIC_PYTHONS };

int hg_alembic_run_behind(const struct hg_alembic_behind *b, int *ret_code, struct hg_buf *ret_out,
                          struct hg_buf *ret_err, struct hg_err *err)
{
    char **envp = hg_vars_envp(b->vars);
    int rc = 0, code = HG_EXIT_NOT_FOUND;
    for (size_t i = 0; i < HG_COUNT(PYTHONS); i++) {
        HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
        hg_strv_addv(&argv, b->command);
        hg_strv_add(&argv, PYTHONS[i]);
        hg_strv_add(&argv, "-");
        struct hg_exit_status status = { 0 };
        struct hg_process_run spec = { .argv = argv.items, .envp = envp, .dir = b->dir,
                                       .input = b->program, .input_len = strlen(b->program),
                                       .timeout_ns = b->timeout_ns, .max_output = b->max_output };
        hg_buf_clear(ret_out);
        hg_buf_clear(ret_err);
        rc = hg_process_run(&spec, &status, ret_out, ret_err, err);
        code = hg_exit_status_code(&status);
        if (rc < 0 || (code != HG_EXIT_NOT_FOUND && code != HG_EXIT_CANNOT_RUN) ||
            (b->output_is_ours && ret_out->len))
            break;
    }
    hg_vars_free_envp(envp);
    if (rc < 0)
        err->exit_code = 0;
    else
        *ret_code = code;
    return rc;
}
