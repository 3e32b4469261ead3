/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program into a container, by the engine's archive endpoint. A tar of one file is a header of 512
 * bytes (POSIX.1-1988 ustar), so that a program that only needs this loads no libarchive.
 */
#include "docker/internal.h"

#include <string.h>

enum { BLOCK = 512 };

/* Field offsets and sizes of the ustar header. */
enum { NAME_AT = 0, NAME_SIZE = 100, MODE_AT = 100, UID_AT = 108, GID_AT = 116, SIZE_AT = 124,
       MTIME_AT = 136, SUM_AT = 148, SUM_SIZE = 8, TYPE_AT = 156, MAGIC_AT = 257 };

static void tar_header(const char *name, size_t size, char header[BLOCK])
{
    unsigned sum = 0;
    memset(header, 0, BLOCK);
    snprintf(header + NAME_AT, NAME_SIZE, "%s", name);
    snprintf(header + MODE_AT, 8, "%07o", 0555);
    snprintf(header + UID_AT, 8, "%07o", 0);
    snprintf(header + GID_AT, 8, "%07o", 0);
    snprintf(header + SIZE_AT, 12, "%011zo", size);
    snprintf(header + MTIME_AT, 12, "%011o", 0);
    header[TYPE_AT] = '0';
    memcpy(header + MAGIC_AT, "ustar\00000", 8);
    memset(header + SUM_AT, ' ', SUM_SIZE);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)header[i];
    snprintf(header + SUM_AT, SUM_SIZE, "%06o", sum);
}

int hg_docker_put_program(struct hg_docker *d, const char *container, const char *name,
                          const void *data, size_t len, struct hg_err *err)
{
    static const char END[2 * BLOCK];
    char header[BLOCK], answer[512] = "";
    HG_AUTO(hg_buf_done) struct hg_buf tar = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *id = hg_url_encode(container);
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/containers/%s/archive?path=%%2F", id);
    tar_header(name, len, header);
    hg_buf_add(&tar, header, BLOCK);
    hg_buf_add(&tar, data, len);
    hg_buf_add(&tar, END, (BLOCK - len % BLOCK) % BLOCK);
    hg_buf_add(&tar, END, sizeof END);
    const struct hg_request request = { .method = "PUT", .path = path,
                                        .content_type = "application/x-tar", .body = tar.data,
                                        .body_len = tar.len };
    struct hg_http http = HG_HTTP_INIT;
    if (hg_http_open(d, &request, &http, err) < 0)
        return -1;
    struct hg_err ignored;
    ssize_t n = http.head.status == 200 ? 0
                                        : hg_http_read(&http, answer, sizeof answer - 1, &ignored);
    int status = http.head.status;
    hg_http_close(&http);
    if (status == 200)
        return 0;
    HG_AUTO(hg_freep) char *shown = hg_printable(n > 0 ? answer : "", 300);
    hg_fail(err, HG_E_DOCKER, "no program can be put into the container");
    return hg_detail(err, "the engine says: %s", *shown ? shown : "nothing");
}

/* GOARCH, as engines name machines, and uname's name. */
static const char *const MACHINES[][2] = {
    { "amd64", "x86_64" }, { "arm64", "aarch64" }, { "386", "i686" },       { "arm", "armv7l" },
    { "ppc64le", "ppc64le" }, { "s390x", "s390x" }, { "riscv64", "riscv64" },
};

int hg_docker_machine(struct hg_docker *d, const char *container, char **ret, struct hg_err *err)
{
    json_auto_t *info = NULL, *image = NULL;
    HG_AUTO(hg_freep) char *id = hg_url_encode(container);
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/containers/%s/json", id);
    int status = 0;
    if (hg_docker_call(d, "GET", path, NULL, &status, &info, err) < 0)
        return -1;
    const char *image_id = json_string_value(json_object_get(info, "Image"));
    HG_AUTO(hg_freep) char *encoded = hg_url_encode(image_id ? image_id : "none");
    HG_AUTO(hg_freep) char *image_path = hg_xasprintf("/images/%s/json", encoded);
    if (hg_docker_call(d, "GET", image_path, NULL, &status, &image, err) < 0)
        return -1;
    const char *machine = json_string_value(json_object_get(image, "Architecture"));
    if (status != 200 || !machine)
        return hg_fail(err, HG_E_DOCKER, "the engine does not say for which machine the image is");
    for (size_t i = 0; i < HG_COUNT(MACHINES); i++)
        if (hg_streq(MACHINES[i][0], machine))
            machine = MACHINES[i][1];
    *ret = hg_xstrdup(machine);
    return 0;
}
