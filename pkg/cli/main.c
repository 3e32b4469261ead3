/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

static bool error_printed;
static bool code_stands;
static volatile sig_atomic_t stdout_begun;
static int stdout_errno; /* of the first thing that could not be written; 0: all could */

void hg_cli_error_printed(void)
{
    error_printed = true;
}

void hg_cli_code_stands(void)
{
    code_stands = true;
}

static void note_stdout(bool failed)
{
    if (failed && !stdout_errno)
        stdout_errno = errno ? errno : EIO;
}

void hg_out(const char *text)
{
    HG_AUTO(hg_freep) char *shown = hg_log_filtered(text);
    stdout_begun = 1;
    note_stdout(fputs(shown, stdout) == EOF);
}

void hg_out_flush(void)
{
    note_stdout(fflush(stdout) == EOF);
}

void hg_outf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    HG_AUTO(hg_freep) char *text = hg_xvasprintf(fmt, ap);
    va_end(ap);
    hg_out(text);
}

/* Continuation lines are indented under the first, so that a block is seen as one. */
static void print_block(const char *label, const char *text)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        hg_buf_addf(&b, "  %s%.*s\n", line == text ? label : "  ", (int)len, line);
        line += len;
        line += *line == '\n';
    }
    HG_AUTO(hg_freep) char *shown = hg_log_filtered(hg_buf_str(&b));
    fputs(shown, stderr);
}

void hg_cli_print_error(const struct hg_err *err)
{
    hg_out_flush();
    hg_log(HG_LOG_ERROR, "%s", err->message);
    if (*err->detail)
        print_block("", err->detail);
    if (*err->hint)
        print_block("hint: ", err->hint);
}

static void json_member(struct hg_buf *b, const char *key, const char *value)
{
    hg_buf_addf(b, ",\"%s\":", key);
    if (!*value) {
        hg_buf_adds(b, "null");
        return;
    }
    HG_AUTO(hg_freep) char *shown = hg_log_filtered(value);
    hg_buf_addc(b, '"');
    hg_json_escape(b, shown, strlen(shown));
    hg_buf_addc(b, '"');
}

char *hg_cli_error_json(const struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    hg_buf_addf(&b, "{\"kind\":\"%s\"", hg_err_kind_name(err->kind));
    json_member(&b, "message", err->message);
    json_member(&b, "detail", err->detail);
    json_member(&b, "hint", err->hint);
    hg_buf_addf(&b, ",\"exit_code\":%d}", hg_err_exit_code(err));
    return hg_buf_take(&b);
}

bool hg_cli_color(const struct hg_common *common, int fd)
{
    if (hg_streq(common->color, "always"))
        return true;
    if (hg_streq(common->color, "never"))
        return false;
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");
    if (no && *no)
        return false;
    if (force && *force && strcmp(force, "0") != 0)
        return true;
    return isatty(fd) && !(term && strcmp(term, "dumb") == 0);
}

/* An answer that did not arrive is not given: a full disk or closed stdout must not exit 0. */
int hg_cli_close_stdout(int own_failure, int code)
{
    hg_out_flush();
    if (!stdout_errno && !ferror(stdout))
        return code;
    const char *why = strerror(stdout_errno ? stdout_errno : EIO);
    if (code_stands)
        hg_log(HG_LOG_ERROR, "output was lost (stdout: %s); how it ended, the exit code tells", why);
    else if (stdout_errno != EPIPE)
        hg_log(HG_LOG_ERROR, "cannot write the answer: %s", why);
    if (code != HG_EXIT_YES || code_stands)
        return code;
    return own_failure ? own_failure : HG_EXIT_UNKNOWN;
}

static const int SIGNALS[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
static char *signal_documents[HG_COUNT(SIGNALS)];
static pid_t teller;

static void leave(int number)
{
    _exit(HG_EXIT_SIGNAL + number);
}

/* A child that has not yet become another program has our stdout, but nothing to say on it. */
static void tell_and_leave(int number)
{
    for (size_t i = 0; i < HG_COUNT(SIGNALS); i++)
        if (SIGNALS[i] == number && !stdout_begun && getpid() == teller)
            (void)!write(STDOUT_FILENO, signal_documents[i], strlen(signal_documents[i]));
    (void)raise(number); /* by default again, so that a shell sees what ended us */
    leave(number);       /* process 1 */
}

void hg_cli_tell_signals(void)
{
    struct sigaction action = { .sa_handler = tell_and_leave, .sa_flags = SA_RESETHAND | SA_NODEFER }, was;
    teller = getpid();
    for (size_t i = 0; i < HG_COUNT(SIGNALS); i++) {
        struct hg_err err = { 0 };
        (void)hg_fail(&err, HG_E_SIGNAL, "ended by signal %d (%s)", SIGNALS[i], strsignal(SIGNALS[i]));
        err.exit_code = HG_EXIT_SIGNAL + SIGNALS[i];
        HG_AUTO(hg_freep) char *json = hg_cli_error_json(&err);
        hg_freep(&signal_documents[i]);
        signal_documents[i] = hg_xasprintf("{\"error\":%s}\n", json);
        if (sigaction(SIGNALS[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
            (void)sigaction(SIGNALS[i], &action, NULL);
    }
}

void hg_cli_first_process(void)
{
    for (size_t i = 0; getpid() == 1 && i < HG_COUNT(SIGNALS); i++)
        if (signal(SIGNALS[i], leave) == SIG_IGN)
            (void)signal(SIGNALS[i], SIG_IGN);
}

/* A caller may have closed one of the three. Then no file of ours may get its number, and writing to
 * it must fail rather than go there. */
void hg_cli_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); /* the lowest number */
}

bool hg_cli_wants_json(char *const *argv)
{
    for (; *argv && strcmp(*argv, "--") != 0; argv++)
        if (strcmp(*argv, "--format=json") == 0 ||
            (strcmp(*argv, "--format") == 0 && hg_streq(argv[1], "json")))
            return true;
    return false;
}

static int report(const struct hg_cmd *cmd, const struct hg_common *common, const struct hg_err *err)
{
    int code = hg_err_exit_code(err);
    /* 126, 127 and 128+n are set where they are meant and stay. */
    if (cmd->own_failure && err->kind != HG_E_USAGE && err->exit_code == 0)
        code = cmd->own_failure;
    hg_trace("error", "kind", hg_err_kind_name(err->kind), "message", err->message, NULL);
    if (hg_streq(common->format, "json") && !error_printed) {
        struct hg_err shown = *err;
        shown.exit_code = code;
        HG_AUTO(hg_freep) char *json = hg_cli_error_json(&shown);
        hg_outf("{\"error\":%s}\n", json);
    }
    hg_cli_print_error(err);
    return code;
}

static void release_lists(const struct hg_opt *table, void *options)
{
    for (const struct hg_opt *o = table; o && o->name; o++)
        if (o->type == HG_OPT_LIST)
            hg_strv_done((struct hg_strv *)((char *)options + o->offset));
}

int hg_cli_main(const struct hg_cmd *cmd, int argc, char **argv, void *options, hg_cli_run run)
{
    struct hg_common *common = options;
    struct hg_err err = { 0 };
    HG_AUTO(hg_strv_done) struct hg_strv args = HG_STRV_INIT;
    hg_cli_standard_streams();
    hg_cli_first_process();
    if (hg_cli_wants_json(argv + 1))
        hg_cli_tell_signals();
    hg_keep_private();
    (void)signal(SIGPIPE, SIG_IGN); /* a closed reader is an error of write, not our end */
    hg_log_init("headgate", HG_LOG_NOTE);
    int rc = hg_cli_parse(cmd, argc, argv, options, &args, &err);
    if (rc == 1)
        return hg_cli_close_stdout(cmd->own_failure, HG_EXIT_YES);
    if (rc < 0 && hg_cli_wants_json(argv + 1)) /* the mistake may stand before it */
        common->format = "json";
    hg_log_set_level(common->quiet          ? HG_LOG_ERROR
                     : common->verbose >= 2 ? HG_LOG_DEBUG
                     : common->verbose      ? HG_LOG_INFO
                                            : HG_LOG_NOTE);
    hg_trace("start", "verb", cmd->name, NULL);
    if (rc == 0)
        rc = run(options, &args, &err);
    int code = rc >= 0 ? rc : report(cmd, common, &err);
    code = hg_cli_close_stdout(cmd->own_failure, code);
    char text[16];
    (void)snprintf(text, sizeof text, "%d", code);
    hg_trace("exit", "verb", cmd->name, "code", text, NULL);
    hg_log_set_filter(NULL, NULL);
    release_lists(hg_common_options, options);
    release_lists(cmd->options, options);
    if (hg_has_thread_left_behind())
        _exit(code);
    return code;
}
