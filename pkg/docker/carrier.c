/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that carry a connection to the engine: ssh, and ours for TLS. */
#include "docker/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 600

/* As the docker command does it (docker/cli: cli/connhelper). The far end's shell takes the words
 * apart once more, so the path must not have anything in it that means something there. */
static int ssh_argv(const struct hg_endpoint *e, struct hg_strv *argv, struct hg_err *err)
{
    static const char *const FIRST[] = { "ssh", "-o", "ConnectTimeout=30", "-T" };
    for (size_t i = 0; i < HG_COUNT(FIRST); i++)
        hg_strv_add(argv, FIRST[i]);
    if (e->port) {
        hg_strv_add(argv, "-p");
        hg_strv_add(argv, e->port);
    }
    hg_strv_add(argv, "--");
    hg_strv_add(argv, e->host);
    hg_strv_add(argv, "docker");
    if (e->path) {
        for (const char *s = e->path; *s; s++)
            if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@", *s))
                return hg_fail(err, HG_E_DOCKER,
                               "%s (%s): the path of the socket may have letters, digits and "
                               "/._-+:@ only", e->address, e->source);
        hg_strv_addf(argv, "--host=unix://%s", e->path);
    }
    hg_strv_add(argv, "system");
    hg_strv_add(argv, "dial-stdio");
    return 0;
}

static void tls_argv(const struct hg_endpoint *e, struct hg_strv *argv)
{
    const struct { const char *option, *value; } FILES[] = {
        { "--ca", e->ca }, { "--cert", e->cert }, { "--key", e->key } };
    hg_strv_add(argv, "headgate-source-tls");
    for (size_t i = 0; i < HG_COUNT(FILES); i++) {
        if (FILES[i].value) {
            hg_strv_add(argv, FILES[i].option);
            hg_strv_add(argv, FILES[i].value);
        }
    }
    if (e->unverified)
        hg_strv_add(argv, "--unverified");
    hg_strv_add(argv, "--");
    hg_strv_add(argv, e->host);
    hg_strv_add(argv, e->port);
}

_Noreturn static void become(const char *file, char *const *argv, int fd, int words)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Its own group: Ctrl-C is for the command, which we tell over this very connection. */
    setpgid(0, 0);
    if (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(words, 2) < 0)
        _exit(126);
    execvp(file, argv);
    dprintf(2, "%s: %s", argv[0], strerror(errno));
    _exit(127);
}

int hg_carrier_open(const struct hg_endpoint *e, struct hg_conn *ret, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv argv = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *file = NULL;
    int pair[2];
    if (e->kind == HG_ENDPOINT_TLS) {
        HG_AUTO(hg_freep) char *dir = hg_self_dir();
        file = hg_path_join(dir, "headgate-source-tls");
        tls_argv(e, &argv);
    } else {
        file = hg_xstrdup("ssh");
        if (ssh_argv(e, &argv, err) < 0)
            return -1;
    }
    HG_AUTO(hg_closep) int words = memfd_create("headgate-carrier", MFD_CLOEXEC);
    if (words < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return hg_fail_errno(err, HG_E_DOCKER, "cannot make a socket");
    pid_t pid = fork();
    if (pid == 0)
        become(file, argv.items, pair[1], words);
    int why = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        errno = why;
        return hg_fail_errno(err, HG_E_DOCKER, "cannot start %s", file);
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    *ret = (struct hg_conn){ .fd = pair[0], .carrier = pid, .words = words };
    words = -1;
    return 0;
}

void hg_carrier_explain(const struct hg_conn *c, struct hg_err *err)
{
    char text[WORDS_MAX + 1];
    ssize_t n = c->words < 0 ? 0 : pread(c->words, text, WORDS_MAX, 0);
    if (n <= 0)
        return;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = '\0';
    HG_AUTO(hg_freep) char *shown = hg_printable(text, WORDS_MAX);
    hg_detail(err, "%s", shown);
}

void hg_carrier_close(struct hg_conn *c)
{
    int saved = errno;
    /* It ends by itself at end of file; a hanging network must not hold us. */
    kill(c->carrier, SIGTERM);
    while (waitpid(c->carrier, NULL, 0) < 0 && errno == EINTR)
        ;
    c->carrier = 0;
    errno = saved;
}
