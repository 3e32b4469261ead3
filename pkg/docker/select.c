/* SPDX-License-Identifier: Apache-2.0 */
/* How people name containers, and which one they mean. Compose's labels: docker/compose,
 * pkg/api/labels.go; version 1 writes the same ones. */
#include "docker/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* As many are shown to choose from. */
#define SHOWN_MAX 8
#define NUMBER_MAX 100000

#define LABEL_PROJECT "com.docker.compose.project"
#define LABEL_SERVICE "com.docker.compose.service"
#define LABEL_NUMBER  "com.docker.compose.container-number"
#define LABEL_ONEOFF  "com.docker.compose.oneoff"

/* ---- the spelling --------------------------------------------------------------------------- */

void hg_container_want_done(struct hg_container_want *w)
{
    free(w->name);
    free(w->service);
    free(w->project);
    hg_strv_done(&w->labels);
    *w = (struct hg_container_want){ 0 };
}

static int bad_want(const char *text, const char *why, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *shown = hg_printable(text, 120);
    hg_fail(err, HG_E_USAGE, "'%s' names no container: %s", shown, why);
    return hg_hint(err, "NAME, service:[PROJECT/]SERVICE[#NUMBER] or label:KEY=VALUE[,KEY=VALUE…]");
}

static int parse_service(const char *text, const char *rest, struct hg_container_want *w,
                         struct hg_err *err)
{
    const char *slash = strchr(rest, '/'), *hash = strchr(rest, '#');
    const char *service = slash ? slash + 1 : rest;
    size_t len = hash ? (size_t)(hash - service) : strlen(service);
    int64_t number = 0;
    if (hash && hash < service)
        return bad_want(text, "the number stands behind the service", err);
    if (len == 0 || slash == rest)
        return bad_want(text, "a name is missing", err);
    if (hash && hg_parse_int(hash + 1, 1, NUMBER_MAX, &number) < 0)
        return bad_want(text, "expected a number from 1 behind the #", err);
    w->service = hg_xstrndup(service, len);
    w->project = slash ? hg_xstrndup(rest, (size_t)(slash - rest)) : NULL;
    w->index = (int)number;
    return 0;
}

static int parse_labels(const char *text, const char *rest, struct hg_container_want *w,
                        struct hg_err *err)
{
    for (;;) {
        size_t len = strcspn(rest, ",");
        size_t decoded_len = 0;
        HG_AUTO(hg_freep) char *label = hg_percent_decode(rest, len, false, &decoded_len);
        if (decoded_len == 0 || *label == '=' || strlen(label) != decoded_len)
            return bad_want(text, "a label has no key", err);
        hg_strv_add(&w->labels, label);
        if (!rest[len])
            return 0;
        rest += len + 1;
    }
}

int hg_container_want_parse(const char *text, struct hg_container_want *ret, struct hg_err *err)
{
    struct hg_container_want w = { 0 };
    int rc = 0;
    if (!*text)
        return hg_fail(err, HG_E_USAGE, "the name of the container is empty");
    if (hg_starts_with(text, "service:"))
        rc = parse_service(text, text + strlen("service:"), &w, err);
    else if (hg_starts_with(text, "label:"))
        rc = parse_labels(text, text + strlen("label:"), &w, err);
    else
        w.name = hg_xstrdup(text);
    if (rc < 0)
        hg_container_want_done(&w);
    else
        *ret = w;
    return rc;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static json_t *as_array(const struct hg_strv *v)
{
    json_t *array = json_array();
    for (size_t i = 0; i < v->count; i++) {
        if (json_array_append_new(array, json_string(v->items[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

int hg_container_list(struct hg_docker *d, const struct hg_strv *labels, const char *network,
                      json_t **ret, struct hg_err *err)
{
    json_auto_t *filters = json_object();
    if (labels && json_object_set_new(filters, "label", as_array(labels)) < 0)
        return hg_fail(err, HG_E_USAGE, "the name or label of a container must be UTF-8");
    if (network)
        json_object_set_new(filters, "network", json_pack("[s]", network));
    HG_AUTO(hg_freep) char *text = json_dumps(filters, JSON_COMPACT);
    int status = 0;
    HG_AUTO(hg_freep) char *encoded = hg_url_encode(text);
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/containers/json?all=1&filters=%s", encoded);
    json_auto_t *reply = NULL;
    if (hg_docker_call(d, "GET", path, NULL, &status, &reply, err) < 0)
        return -1;
    if (status != 200 || !json_is_array(reply))
        return hg_fail(err, HG_E_DOCKER, "the container engine refused to list containers: %s",
                       hg_docker_words(reply));
    *ret = HG_TAKE(reply);
    return 0;
}

static const char *listed_name(const json_t *item)
{
    const char *name = json_string_value(json_array_get(json_object_get(item, "Names"), 0));
    if (!name)
        return json_string_value(json_object_get(item, "Id"));
    return *name == '/' ? name + 1 : name;
}

static const char *label_of(const json_t *item, const char *key)
{
    return json_string_value(json_object_get(json_object_get(item, "Labels"), key));
}

static bool is_running(const json_t *item)
{
    return hg_streq(json_string_value(json_object_get(item, "State")), "running");
}

/* Running ones by name, as many as are shown; *ret_left_out counts the others. */
static void running_names(const json_t *list, struct hg_strv *names, size_t *ret_left_out)
{
    size_t i, left_out = 0;
    json_t *item;
    json_array_foreach(list, i, item) {
        if (!is_running(item) || !listed_name(item))
            continue;
        if (names->count < SHOWN_MAX)
            hg_strv_add(names, listed_name(item));
        else
            left_out++;
    }
    hg_strv_sort(names);
    *ret_left_out = left_out;
}

static int detail_names(const char *what, const struct hg_strv *names, size_t left_out,
                        struct hg_err *err)
{
    HG_AUTO(hg_freep) char *list = hg_strv_join(names, ", ");
    if (left_out)
        return hg_detail(err, "%s: %s and %zu more", what, list, left_out);
    return hg_detail(err, "%s: %s", what, list);
}

/* ---- which one is meant --------------------------------------------------------------------- */

/* "the Compose service "api" of the project "shop"", "the labels a=b, c". Heap. */
static char *described(const struct hg_container_want *w)
{
    const char *service = w->service ? w->service : w->name;
    if (!service) {
        HG_AUTO(hg_freep) char *labels = hg_strv_join(&w->labels, ", ");
        return hg_xasprintf("the label%s %s", w->labels.count > 1 ? "s" : "", labels);
    }
    if (w->project)
        return hg_xasprintf("the Compose service \"%s\" of the project \"%s\"", service, w->project);
    return hg_xasprintf("the Compose service \"%s\"", service);
}

static int several(const json_t *list, const struct hg_container_want *w, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *what = described(w);
    size_t left_out = 0;
    running_names(list, &names, &left_out);
    hg_fail(err, HG_E_DOCKER, "%zu running containers %s %s", names.count + left_out,
            w->labels.count ? "have" : "belong to", what);
    detail_names("they are", &names, left_out, err);
    if (w->labels.count || w->index)
        return hg_hint(err, "name one of them instead, such as %s", names.items[0]);
    return hg_hint(err, "name one of them, such as %s, or say which: "
                        "service:PROJECT/%s#NUMBER", names.items[0],
                   w->service ? w->service : w->name);
}

/* Nothing fits: which ones are there? */
static int not_found(struct hg_docker *d, const struct hg_container_want *w, struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv names = HG_STRV_INIT;
    HG_AUTO(hg_freep) char *what = described(w);
    json_auto_t *all = NULL;
    size_t left_out = 0;
    struct hg_err ignored;
    if (hg_container_list(d, NULL, NULL, &all, &ignored) == 0)
        running_names(all, &names, &left_out);
    if (w->name)
        hg_fail(err, HG_E_DOCKER, "there is no container or Compose service \"%s\" at %s", w->name,
                d->endpoint.address);
    else if (w->labels.count)
        hg_fail(err, HG_E_DOCKER, "no container at %s has %s", d->endpoint.address, what);
    else
        hg_fail(err, HG_E_DOCKER, "there is no container of %s at %s", what, d->endpoint.address);
    if (names.count == 0) {
        hg_detail(err, "no container runs there");
        return hg_hint(err, "docker compose up -d");
    }
    const char *near = w->name ? hg_nearest(w->name, (const char *const *)names.items, names.count)
                               : NULL;
    detail_names("running", &names, left_out, err);
    return near ? hg_hint(err, "did you mean %s?", near) : hg_hint(err, "docker ps");
}

/* The service is there, but not with this number. */
static int no_such_number(const json_t *list, const struct hg_container_want *w, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *what = described(w);
    HG_AUTO(hg_strv_done) struct hg_strv there = HG_STRV_INIT;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        const char *number = label_of(item, LABEL_NUMBER);
        if (number && listed_name(item) && there.count < SHOWN_MAX)
            hg_strv_addf(&there, "#%s (%s)", number, listed_name(item));
    }
    hg_strv_sort(&there);
    hg_fail(err, HG_E_DOCKER, "%s has no container with number %d", what, w->index);
    return detail_names("there are", &there, 0, err);
}

/* Drops what is not meant: one-off containers (docker compose run), and other numbers. */
static void keep_meant(json_t *list, const struct hg_container_want *w)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *item = json_array_get(list, i);
        const char *number = label_of(item, LABEL_NUMBER);
        int64_t n = 0;
        bool other = w->index && (!number || hg_parse_int(number, 1, NUMBER_MAX, &n) < 0 ||
                                  n != w->index);
        if (!listed_name(item) || other ||
            (!w->labels.count && hg_streq(label_of(item, LABEL_ONEOFF), "True")))
            json_array_remove(list, i);
    }
}

static void labels_of_service(const struct hg_container_want *w, struct hg_strv *labels)
{
    const char *project = w->project ? w->project : getenv("COMPOSE_PROJECT_NAME");
    hg_strv_addf(labels, LABEL_SERVICE "=%s", w->service ? w->service : w->name);
    if (!project || !*project)
        return;
    /* Compose writes projects in lower case, however they were given. */
    HG_AUTO(hg_freep) char *lower = hg_xstrdup(project);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    hg_strv_addf(labels, LABEL_PROJECT "=%s", lower);
}

/* 1 with the id of the container that bears the labels, 0 when there is none, -1. */
static int find_labelled(struct hg_docker *d, const struct hg_container_want *w, char **ret_id,
                         struct hg_err *err)
{
    HG_AUTO(hg_strv_done) struct hg_strv labels = HG_STRV_INIT;
    json_auto_t *list = NULL;
    size_t i, running = 0;
    json_t *item;
    if (w->labels.count)
        hg_strv_addv(&labels, &w->labels);
    else
        labels_of_service(w, &labels);
    if (hg_container_list(d, &labels, NULL, &list, err) < 0)
        return -1;
    json_auto_t *all = json_copy(list);
    keep_meant(list, w);
    if (w->index && json_array_size(list) == 0 && json_array_size(all))
        return no_such_number(all, w, err);
    const json_t *chosen = json_array_get(list, 0);
    json_array_foreach(list, i, item) {
        if (is_running(item) && running++ == 0)
            chosen = item;
    }
    if (running > 1)
        return several(list, w, err);
    const char *id = json_string_value(json_object_get(chosen, "Id"));
    *ret_id = hg_xstrdup(id);
    return id != NULL;
}

static int find_wanted(struct hg_docker *d, const struct hg_container_want *w,
                       struct hg_container *ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *id = NULL;
    int found = w->name ? hg_container_inspect(d, w->name, ret, err) : 0;
    if (found == 0 && (found = find_labelled(d, w, &id, err)) == 1)
        found = hg_container_inspect(d, id, ret, err);
    return found == 0 ? not_found(d, w, err) : found;
}

int hg_docker_find(struct hg_docker *d, const char *name, struct hg_container *ret,
                   struct hg_err *err)
{
    struct hg_container_want want = { 0 };
    struct hg_container c = HG_CONTAINER_INIT;
    if (hg_container_want_parse(name, &want, err) < 0)
        return -1;
    int found = find_wanted(d, &want, &c, err);
    hg_container_want_done(&want);
    if (found < 0)
        return -1;
    *ret = c;
    return 0;
}
