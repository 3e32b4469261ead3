/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

int hg_apply_run_printed(struct hg_apply_options *o, struct hg_err *err)
{
    struct hg_apply_printer printer;
    hg_apply_printer_init(&printer, o->common);
    printer.bundle = o->bundle;
    o->sink = hg_apply_print;
    o->tick = printer.live ? hg_apply_printer_tick : NULL;
    o->context = &printer;
    int code = hg_apply_run(o, err);
    hg_apply_printer_done(&printer);
    hg_cli_error_printed(); /* the result event carries it */
    if (!o->dry_run)
        hg_cli_code_stands(); /* what is in is in, and a job must not take it for "could not tell" */
    return code;
}
