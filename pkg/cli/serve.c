/* SPDX-License-Identifier: Apache-2.0 */
/* What the internal programs have in common: one JSON request in, one JSON answer out. */
#include "cli.h"

#include <jansson.h>
#include <unistd.h>

#define REQUEST_MAX ((size_t)1 << 20)

static int print_answer(json_t *into, struct hg_err *err)
{
    if (json_dumpf(into, stdout, JSON_COMPACT) < 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "cannot write the answer");
    hg_out("\n");
    return 0;
}

int hg_cli_serve(struct json_t *into, hg_cli_answer answer, struct hg_err *err)
{
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    json_auto_t *held = into;
    int code = HG_EXIT_YES;
    if (hg_read_all(STDIN_FILENO, REQUEST_MAX, &text, err) < 0)
        return -1;
    json_auto_t *request = json_loadb(hg_buf_str(&text), text.len, 0, NULL);
    if (!request)
        return hg_fail(err, HG_E_USAGE, "stdin is not one JSON request");
    json_object_set_new(held, "error", json_null());
    if (answer(request, held, err) < 0) {
        HG_AUTO(hg_freep) char *error = hg_cli_error_json(err);
        json_object_set_new(held, "error", json_loads(error, 0, NULL));
        code = hg_err_exit_code(err);
    }
    return print_answer(held, err) < 0 ? -1 : code;
}
