/* SPDX-License-Identifier: Apache-2.0 */
/* A target that runs behind a command: that command, and ours behind it. Its own environment is there
 * already; the target's variables do not cross, because everybody could read them in the arguments. */
#include "exec.h"
#include "process/process.h"

#include <unistd.h>

int exec_behind_command(const struct exec_options *o, const struct hg_target_config *t,
                        const struct hg_strv *args, struct hg_err *err)
{
    const char *only = o->user ? "--user" : o->workdir ? "--workdir" : o->tty ? "--tty"
                       : o->env.count ? "--env" : o->with.count ? "--with"
                       : o->fetch.count ? "--fetch" : NULL;
    if (o->max_runtime_ns) {
        hg_fail(err, HG_E_USAGE, "--max-runtime cannot end what runs behind a command");
        return hg_hint(err, "headgate exec -t %s -- timeout SECONDS COMMAND…", t->name);
    }
    if (only) {
        hg_fail(err, HG_E_USAGE, "%s is for containers, and this target runs behind a command", only);
        return hg_hint(err, "put it into targets.%s.run.command in headgate.yaml", t->name);
    }
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    hg_strv_addv(&argv, &t->run_command);
    hg_strv_addv(&argv, args);
    HG_AUTO(hg_freep) char *found = hg_find_program(argv.items[0], NULL);
    if (o->common.dir && chdir(o->common.dir) != 0)
        return hg_fail_errno(err, HG_E_USAGE, "-C %s", o->common.dir);
    return hg_process_become(found ? found : argv.items[0], argv.items, NULL, err);
}
