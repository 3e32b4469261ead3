/* SPDX-License-Identifier: Apache-2.0 */
/* Our terminal while a command inside has one: raw, of the same size, and given back as it was. */
#include "docker/run.h"

#include <sys/ioctl.h>
#include <unistd.h>

void hg_exec_tty_raw(struct hg_exec_run *r)
{
    const struct hg_docker_exec *spec = r->spec;
    if (!spec->tty || !spec->attach_fd || spec->input || tcgetattr(spec->input_fd, &r->before) < 0)
        return;
    struct termios raw = r->before;
    cfmakeraw(&raw);
    r->raw = tcsetattr(spec->input_fd, TCSADRAIN, &raw) == 0;
}

void hg_exec_tty_restore(struct hg_exec_run *r)
{
    if (r->raw)
        tcsetattr(r->spec->input_fd, TCSADRAIN, &r->before);
    r->raw = false;
}

bool hg_exec_tty_resize(struct hg_exec_run *r)
{
    struct winsize size = { 0 };
    struct hg_err ignored;
    int status = 0;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ||
                 (r->spec->attach_fd && ioctl(r->spec->input_fd, TIOCGWINSZ, &size) == 0);
    if (!known || !size.ws_row || !size.ws_col)
        return true;
    HG_AUTO(hg_freep) char *path =
        hg_xasprintf("/exec/%s/resize?h=%d&w=%d", r->id, size.ws_row, size.ws_col);
    json_auto_t *reply = NULL;
    return hg_docker_call(r->d, "POST", path, NULL, &status, &reply, &ignored) == 0 &&
           status / 100 == 2;
}
