/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a container, through the engine's tar archives (libarchive). */
#include "docker/internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* libarchive pulls, the connection gives. */
struct source {
    struct hg_http http;
    struct hg_err *err;
    char piece[16384];
};

static la_ssize_t pull(struct archive *a, void *context, const void **ret)
{
    struct source *s = context;
    ssize_t n = hg_http_read(&s->http, s->piece, sizeof s->piece, s->err);
    if (n < 0)
        archive_set_error(a, EIO, "%s", s->err->message);
    *ret = s->piece;
    return n;
}

static void free_reader(struct archive **a)
{
    archive_read_free(*a);
}

static char *archive_path(const char *container, const char *path)
{
    HG_AUTO(hg_freep) char *id = hg_url_encode(container);
    HG_AUTO(hg_freep) char *where = hg_url_encode(path);
    return hg_xasprintf("/containers/%s/archive?path=%s", id, where);
}

/* The engine's words for a refused archive request. */
static int refused(struct hg_http *http, const char *container, const char *path,
                   struct hg_err *err)
{
    char text[1024];
    struct hg_err ignored;
    ssize_t n = hg_http_read(http, text, sizeof text - 1, &ignored);
    text[n > 0 ? n : 0] = '\0';
    json_auto_t *reply = json_loads(text, 0, NULL);
    HG_AUTO(hg_freep) char *shown = hg_printable(reply ? hg_docker_words(reply) : text, 500);
    if (http->head.status == 404)
        hg_fail(err, HG_E_DOCKER, "there is no %s in the container %s", path, container);
    else
        hg_fail(err, HG_E_DOCKER, "the container engine refused access to %s in the container %s",
                path, container);
    return hg_detail(err, "the engine says: %s", shown);
}

/* Opens the tar of a path inside. */
static int open_archive(struct hg_docker *d, const char *container, const char *path,
                        struct source *source, struct archive **ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *request_path = archive_path(container, path);
    const struct hg_request request = { .method = "GET", .path = request_path };
    source->http = (struct hg_http)HG_HTTP_INIT;
    source->err = err;
    if (hg_http_open(d, &request, &source->http, err) < 0)
        return -1;
    if (source->http.head.status != 200)
        return refused(&source->http, container, path, err);
    struct archive *a = archive_read_new();
    archive_read_support_format_tar(a);
    *ret = a;
    if (archive_read_open(a, source, NULL, pull, NULL) == ARCHIVE_OK)
        return 0;
    return hg_fail(err, HG_E_DOCKER, "the container engine sent no tar archive for %s: %s", path,
                   archive_error_string(a));
}

/* The content of the current entry. */
static int read_entry(struct archive *a, size_t max, struct hg_buf *ret, struct hg_err *err)
{
    char piece[16384];
    la_ssize_t n;
    ret->max = max;
    while ((n = archive_read_data(a, piece, sizeof piece)) > 0)
        hg_buf_add(ret, piece, (size_t)n);
    if (n < 0)
        return hg_fail(err, HG_E_DOCKER, "the archive from the container broke off: %s",
                       archive_error_string(a));
    return ret->overflow ? hg_fail(err, HG_E_DOCKER, "a file in the container is over %zu bytes",
                                   max)
                         : 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct hg_docker_file *)a)->path,
                  ((const struct hg_docker_file *)b)->path);
}

static int add_entry(struct archive *a, struct archive_entry *entry, size_t *bytes,
                     struct hg_docker_files *files, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf content = HG_BUF_INIT;
    const char *name = archive_entry_pathname(entry);
    /* The root of the archive is the folder's own name. */
    const char *slash = name ? strchr(name, '/') : NULL;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return 0;
    if (files->count >= HG_DOCKER_FILES_MAX)
        return hg_fail(err, HG_E_DOCKER, "there are more than %d files", HG_DOCKER_FILES_MAX);
    if (read_entry(a, HG_DOCKER_BYTES_MAX - *bytes, &content, err) < 0)
        return -1;
    *bytes += content.len;
    files->items = hg_grow(files->items, files->count, &files->cap, sizeof *files->items);
    struct hg_docker_file *file = &files->items[files->count++];
    file->path = hg_xstrdup(slash ? slash + 1 : name ? name : "");
    file->size = content.len;
    hg_sha256(hg_buf_str(&content), content.len, file->sha256);
    return 0;
}

int hg_docker_files(struct hg_docker *d, const char *container, const char *path,
                    struct hg_docker_files *ret, struct hg_err *err)
{
    HG_AUTO(hg_docker_files_done) struct hg_docker_files files = { 0 };
    HG_AUTO(free_reader) struct archive *a = NULL;
    struct archive_entry *entry = NULL;
    struct source source;
    size_t bytes = 0;
    int step = ARCHIVE_OK;
    int result = open_archive(d, container, path, &source, &a, err);
    while (result == 0 && (step = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
        if (step < ARCHIVE_WARN)
            result = hg_fail(err, HG_E_DOCKER, "the archive of %s from the container broke off: %s",
                             path, archive_error_string(a));
        else
            result = add_entry(a, entry, &bytes, &files, err);
    }
    hg_http_close(&source.http);
    if (result < 0)
        return -1;
    if (files.count)
        qsort(files.items, files.count, sizeof *files.items, by_path);
    *ret = files;
    files = (struct hg_docker_files){ 0 };
    return 0;
}
