/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headgate-source-railway - asks Railway for a service's variables, for headgate-env, which thereby
 * needs no libcurl. Not meant to be typed: one JSON request on stdin, one JSON answer on stdout
 * (pkg/railway/railway.h). Exit 0 when an answer was printed, be it an error.
 */
#include "railway/railway.h"

#include <signal.h>

#define REQUEST_MAX ((size_t)1 << 20)

static int ask(struct hg_railway_answer *ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf request = HG_BUF_INIT;
    HG_AUTO(hg_railway_query_done) struct hg_railway_query query = { 0 };
    if (hg_read_all(STDIN_FILENO, REQUEST_MAX, &request, err) < 0 ||
        hg_railway_query_parse(hg_buf_str(&request), request.len, &query, err) < 0)
        return -1;
    return hg_railway_fetch(&query, ret, err);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0, version = strcmp(argv[1], "--version") == 0;
        if (version)
            printf("headgate-source-railway %s\n", hg_version);
        else
            fprintf(help ? stdout : stderr,
                    "headgate-source-railway: internal; reads one JSON request from stdin and prints "
                    "one JSON answer.\nType `headgate env` instead.\n");
        return help || version ? HG_EXIT_YES : HG_EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    struct hg_err err = { 0 };
    HG_AUTO(hg_railway_answer_done) struct hg_railway_answer answer = { 0 };
    int rc = ask(&answer, &err);
    char *text = hg_railway_answer_json(&answer, rc < 0 ? &err : NULL);
    int written = hg_write_all(STDOUT_FILENO, text, strlen(text));
    explicit_bzero(text, strlen(text));
    free(text);
    return written < 0 ? HG_EXIT_UNKNOWN : HG_EXIT_YES;
}
