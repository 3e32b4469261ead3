/* SPDX-License-Identifier: Apache-2.0 */
/* Runs COUNT commands in CONTAINER from one process: output must be whole, and afterwards there are as
 * many descriptors as before, and no child. */
#include "docker/docker.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static int descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static void collect(void *context, int stream, const char *data, size_t len)
{
    hg_buf_add((struct hg_buf *)context + (stream == 2), data, len);
}

static int one(struct hg_docker *d, const char *container, int number, struct hg_err *err)
{
    struct hg_buf out[2] = { HG_BUF_INIT, HG_BUF_INIT };
    HG_AUTO(hg_freep) char *script =
        hg_xasprintf("cat; %s echo err%d >&2; exit %d", number % 5 ? "" : "sleep 0.3;", number,
                     number % 256);
    char *argv[] = { (char *)"sh", (char *)"-c", script, NULL };
    struct hg_docker_exec_result result = { 0 };
    const struct hg_docker_exec spec = { .container = container, .argv = argv, .input = "input",
                                         .input_len = 5, .sink = collect, .context = out };
    HG_AUTO(hg_freep) char *want = hg_xasprintf("err%d\n", number);
    int rc = hg_docker_exec(d, &spec, &result, err);
    if (rc == 0 && (result.code != number % 256 || !hg_streq(hg_buf_str(&out[0]), "input") ||
                    !hg_streq(hg_buf_str(&out[1]), want)))
        rc = hg_fail(err, HG_E_BUG, "exec %d gave code %d, \"%s\", \"%s\"", number, result.code,
                     hg_buf_str(&out[0]), hg_buf_str(&out[1]));
    hg_buf_done(&out[0]);
    hg_buf_done(&out[1]);
    return rc;
}

int main(int argc, char **argv)
{
    struct hg_err err = { 0 };
    HG_AUTO(hg_docker_freep) struct hg_docker *d = NULL;
    int64_t count = 0;
    int rc = argc == 3 ? hg_parse_int(argv[2], 1, 1000000, &count) : -1;
    if (rc == 0)
        rc = hg_docker_open(NULL, 0, &d, &err);
    if (rc == 0)
        rc = one(d, argv[1], 0, &err); /* what is opened once is open now */
    int before = descriptors();
    for (int i = 1; rc == 0 && i <= count; i++)
        rc = one(d, argv[1], i, &err);
    if (rc < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int after = descriptors();
    bool child = waitpid(-1, NULL, WNOHANG) != -1;
    if (after != before || child)
        fprintf(stderr, "%d descriptors before, %d after; a child is left: %d\n", before, after, child);
    return after != before || child;
}
