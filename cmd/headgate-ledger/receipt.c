/* SPDX-License-Identifier: Apache-2.0 */
/* headgate ledger export --receipt: what another target's gate wants to see (gate.after). */
#include "ledger_cmd.h"

#include <stdlib.h>
#include <string.h>

int ledger_receipt(struct ledger_view *v, struct hg_err *err)
{
    const struct ledger_options *o = v->o;
    HG_AUTO(hg_ledger_entries_done) struct hg_ledger_entries entries = { 0 };
    const char *key = getenv(HG_LEDGER_KEY);
    bool to_stdout = hg_streq(o->receipt, "-");
    if (!v->version_table && ledger_status(v, err) < 0)
        return -1;
    if (v->status.ledger_exists &&
        (hg_ledger_applied(v->conn, v->version_table, ledger_deadline(o), &entries, err) < 0 ||
         hg_ledger_entries_time(v->conn, &entries, ledger_deadline(o), err) < 0))
        return -1;
    if (!v->status.ledger_exists && !to_stdout) {
        (void)hg_fail(err, HG_E_REFUSED, "the database of %s has no ledger (schema headgate) to make a "
                      "receipt from", v->target.t->name);
        return hg_hint(err, "headgate apply -t %s --baseline begins its record", v->target.t->name);
    }
    struct hg_ledger_receipt of = { .target = v->target.t->name,
                                    .database = v->status.db_name,
                                    .system_identifier = v->status.system_identifier,
                                    .version_table = v->version_table,
                                    .rows = &v->status.rows,
                                    .entries = &entries };
    json_t *receipt = hg_ledger_receipt(&of, key && *key ? key : NULL);
    if (to_stdout) {
        ledger_print_json(receipt);
        return HG_EXIT_YES;
    }
    char *text = json_dumps(receipt, JSON_INDENT(2));
    json_decref(receipt);
    HG_AUTO(hg_freep) char *line = hg_xasprintf("%s\n", text ? text : "{}");
    free(text);
    if (!key || !*key)
        hg_log(HG_LOG_NOTE, "HEADGATE_LEDGER_KEY is not set, so the receipt is not signed; sign it with "
               "ssh-keygen -Y sign -n headgate -f KEY %s", o->receipt);
    return hg_file_write(o->receipt, 0644, line, strlen(line), err) < 0 ? -1 : HG_EXIT_YES;
}
