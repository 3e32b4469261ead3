/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a container, through the engine's tar archives (libarchive). */
#include "docker/internal.h"

#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"

/* The tar of a path inside, as it comes. */
struct source {
    struct hg_http http;
    char piece[16384];
};

static ssize_t pull(void *context, const void **ret, struct hg_err *err)
{
    struct source *s = context;
    *ret = s->piece;
    return hg_http_read(&s->http, s->piece, sizeof s->piece, err);
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

static int open_source(struct hg_docker *d, const char *container, const char *path,
                       struct source *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *request_path = archive_path(container, path);
    const struct hg_request request = { .method = "GET", .path = request_path };
    ret->http = (struct hg_http)HG_HTTP_INIT;
    if (hg_http_open(d, &request, &ret->http, err) < 0)
        return -1;
    if (ret->http.head.status == 200)
        return 0;
    refused(&ret->http, container, path, err);
    hg_http_close(&ret->http);
    return -1;
}

/* ---- digests --------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct hg_docker_file *)a)->path,
                  ((const struct hg_docker_file *)b)->path);
}

static int add_digest(void *context, const char *name, const char *data, size_t len,
                      struct hg_err *err)
{
    struct hg_docker_files *files = context;
    /* The root of the archive is the folder's own name. */
    const char *slash = strchr(name, '/');
    (void)err;
    files->items = hg_grow(files->items, files->count, &files->cap, sizeof *files->items);
    struct hg_docker_file *file = &files->items[files->count++];
    file->path = hg_xstrdup(slash ? slash + 1 : name);
    file->size = len;
    hg_sha256(data, len, file->sha256);
    return 0;
}

int hg_docker_files(struct hg_docker *d, const char *container, const char *path,
                    struct hg_docker_files *ret, struct hg_err *err)
{
    HG_AUTO(hg_docker_files_done) struct hg_docker_files files = { 0 };
    struct source source;
    if (open_source(d, container, path, &source, err) < 0)
        return -1;
    int rc = hg_tar_each(pull, &source, add_digest, &files, err);
    hg_http_close(&source.http);
    if (rc < 0)
        return hg_wrap(err, "%s in the container %s", path, container);
    if (files.count)
        qsort(files.items, files.count, sizeof *files.items, by_path);
    *ret = files;
    files = (struct hg_docker_files){ 0 };
    return 0;
}

/* ---- out ------------------------------------------------------------------------------------- */

int hg_docker_get(struct hg_docker *d, const struct hg_container *c, const char *from, const char *to,
                  struct hg_err *err)
{
    struct source source;
    if (open_source(d, c->id, from, &source, err) < 0)
        return hg_wrap(err, "%s", c->name);
    int rc = hg_tar_unpack(pull, &source, to, err);
    hg_http_close(&source.http);
    return rc < 0 ? hg_wrap(err, "%s of the container %s", from, c->name) : 0;
}

/* ---- in -------------------------------------------------------------------------------------- */

static int keep_text(void *context, const char *name, const char *data, size_t len,
                     struct hg_err *err)
{
    (void)name;
    (void)err;
    hg_buf_add(context, data, len);
    return 0;
}

/* "name:x:uid:gid:…" of the container's own /etc/passwd. */
static int look_up(struct hg_docker *d, const struct hg_container *c, const char *user, size_t len,
                   struct hg_tar_pack *ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct source source;
    if (open_source(d, c->id, "/etc/passwd", &source, err) < 0)
        return -1;
    int rc = hg_tar_each(pull, &source, keep_text, &text, err);
    hg_http_close(&source.http);
    if (rc < 0)
        return -1;
    for (const char *line = hg_buf_str(&text); *line;) {
        unsigned uid = 0, gid = 0;
        size_t line_len = strcspn(line, "\n");
        if (strncmp(line, user, len) == 0 && line[len] == ':' &&
            sscanf(line + len, ":%*[^:\n]:%u:%u:", &uid, &gid) == 2) {
            ret->uid = uid;
            ret->gid = gid;
            return 0;
        }
        line += line_len + (line[line_len] == '\n');
    }
    return hg_fail(err, HG_E_DOCKER, "the container has no user %.*s", (int)len, user);
}

/* "uid", "uid:gid", "name", "name:group": the files are the user's; a group by name is left alone. */
static int owner(struct hg_docker *d, const struct hg_container *c, const char *user,
                 struct hg_tar_pack *ret, struct hg_err *err)
{
    size_t len = user ? strcspn(user, ":") : 0;
    int64_t uid = 0, gid = 0;
    if (len == 0)
        return 0;
    HG_AUTO(hg_freep) char *first = hg_xstrndup(user, len);
    if (hg_parse_int(first, 0, UINT32_MAX, &uid) < 0)
        return look_up(d, c, user, len, ret, err);
    ret->uid = (uint32_t)uid;
    if (user[len] && hg_parse_int(user + len + 1, 0, UINT32_MAX, &gid) == 0)
        ret->gid = (uint32_t)gid;
    return 0;
}

struct putting {
    const struct hg_strv *paths;
    struct hg_tar_pack how;
};

static int push(void *context, const void *data, size_t len, struct hg_err *err)
{
    return hg_http_write(context, data, len, err);
}

static int produce(void *context, struct hg_http *h, struct hg_err *err)
{
    struct putting *p = context;
    return hg_tar_pack(p->paths, &p->how, push, h, err);
}

int hg_docker_put(struct hg_docker *d, const struct hg_container *c, const struct hg_strv *paths,
                  const char *folder, const char *user, struct hg_err *err)
{
    HG_AUTO(hg_http_close) struct hg_http answer = HG_HTTP_INIT;
    HG_AUTO(hg_freep) char *path = archive_path(c->id, "/");
    struct putting putting = { .paths = paths };
    const struct hg_request request = { .method = "PUT", .path = path,
                                        .content_type = "application/x-tar", .produce = produce,
                                        .context = &putting };
    putting.how.folder = folder + strspn(folder, "/");
    if (owner(d, c, user ? user : c->user, &putting.how, err) < 0 ||
        hg_http_open(d, &request, &answer, err) < 0)
        return -1;
    return answer.head.status == 200 ? 0 : refused(&answer, c->name, folder, err);
}
