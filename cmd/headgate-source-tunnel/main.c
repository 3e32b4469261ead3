/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal: opens a tunnel for headgate-env. One JSON request on stdin, one JSON answer on stdout (both
 * described in docs/docker.md); then it goes on in the background until the process ends whose pidfd it
 * inherited: headgate-env, and whatever that becomes.
 */
#include "source_tunnel.h"

#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define REQUEST_MAX ((size_t)1 << 20)

/* ---- the background process ---------------------------------------------------------------------- */

static int tell(const struct hg_tunnel *t, const struct hg_err *err)
{
    json_auto_t *into = json_pack("{s:o, s:o, s:n}", "port",
                                  t ? json_integer(hg_tunnel_port(t)) : json_null(), "tool",
                                  t ? json_string(hg_tunnel_tool(t)) : json_null(), "error");
    if (!t) {
        HG_AUTO(hg_freep) char *error = hg_cli_error_json(err);
        json_object_set_new(into, "error", json_loads(error, 0, NULL));
    }
    HG_AUTO(hg_freep) char *text = json_dumps(into, JSON_COMPACT);
    if (hg_write_all(STDOUT_FILENO, text, strlen(text)) < 0 ||
        hg_write_all(STDOUT_FILENO, "\n", 1) < 0)
        return HG_EXIT_UNKNOWN;
    return t ? HG_EXIT_YES : hg_err_exit_code(err);
}

/* From here on nobody waits for us, and no terminal is ours. */
static void detach(void)
{
    (void)setsid();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null_fd >= 0; fd++)
        (void)dup2(null_fd, fd);
    hg_closep(&null_fd);
}

static _Noreturn void background(const json_t *request, int owner_fd)
{
    struct hg_err err = { 0 };
    struct hg_tunnel *t = NULL;
    struct source_tunnel source = { 0 };
    int rc = source_tunnel_open(&source, request, &t, &err);
    int code = tell(rc == 0 ? t : NULL, &err);
    if (code == 0) {
        detach();
        (void)hg_tunnel_serve(t, owner_fd, &err);
    }
    hg_tunnel_free(t);
    source_tunnel_done(&source);
    _exit(code);
}

/* ---- the one that is waited for ---------------------------------------------------------------------- */

/* The answer comes through a pipe whose end also tells that the background process died. */
static int pass_answer(int from, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (hg_read_all(from, REQUEST_MAX, &text, err) < 0)
        return -1;
    json_auto_t *answer = json_loadb(hg_buf_str(&text), text.len, 0, NULL);
    if (!answer)
        return hg_fail(err, HG_E_BUG, "the tunnel gave no answer");
    hg_out(hg_buf_str(&text));
    json_t *code = json_object_get(json_object_get(answer, "error"), "exit_code");
    return (int)json_integer_value(code);
}

static int run(void *options, const struct hg_strv *args, struct hg_err *err)
{
    (void)options;
    (void)args;
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    int answer[2];
    if (hg_read_all(STDIN_FILENO, REQUEST_MAX, &text, err) < 0)
        return -1;
    json_auto_t *request = json_loadb(hg_buf_str(&text), text.len, 0, NULL);
    int owner_fd = (int)json_integer_value(json_object_get(request, "owner_fd"));
    if (!request || owner_fd < 3 || fcntl(owner_fd, F_SETFD, FD_CLOEXEC) < 0)
        return hg_fail(err, HG_E_USAGE, "stdin is not one JSON request with an owner");
    if (pipe2(answer, O_CLOEXEC) < 0)
        return hg_fail_errno(err, HG_E_BUG, "cannot make a pipe");
    pid_t pid = fork();
    if (pid < 0)
        return hg_fail_errno(err, HG_E_BUG, "cannot fork");
    if (pid == 0) {
        if (dup2(answer[1], STDOUT_FILENO) < 0)
            _exit(HG_EXIT_UNKNOWN);
        close(answer[0]);
        close(answer[1]);
        background(request, owner_fd);
    }
    close(answer[1]);
    int code = pass_answer(answer[0], err);
    close(answer[0]);
    return code;
}

int main(int argc, char **argv)
{
    static const struct hg_cmd CMD = {
        .name = "source-tunnel",
        .summary = "internal: a listener whose connections are made in another place",
        .no_common = true,
    };
    struct hg_common common = { 0 };
    return hg_cli_main(&CMD, argc, argv, &common, run);
}
