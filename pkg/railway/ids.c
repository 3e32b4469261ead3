/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids that an earlier run found out, so that the next one takes a single request (the CLI takes two to
 * four, and a free account has a hundred an hour). Kept in STATE-DIR/railway-ids.json: ids and names of
 * projects, environments and services, and which service owns which private host; no variable, no
 * value, no token. An entry is found by a salted digest of the token and of everything that decided the
 * answer; a wrong or stale one is noticed by the names that come with the variables, or by Railway's
 * refusal, and then everything is looked up again.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define IDS_FILE    "railway-ids.json"
#define IDS_MAX     ((size_t)1 << 20)
#define PLACES_MAX  64
#define SALT_BYTES  16
#define KEY_DIGITS  32

/* ---- named, owners ------------------------------------------------------------------------------- */

void hg_railway_named_set(struct hg_railway_named *n, const char *id, const char *name)
{
    hg_railway_named_done(n);
    n->id = hg_xstrdup(id);
    n->name = hg_xstrdup(name ? name : id);
}

void hg_railway_known_done(struct known *k)
{
    hg_railway_named_done(&k->project);
    hg_railway_named_done(&k->environment);
    hg_railway_named_done(&k->service);
    for (size_t i = 0; i < k->owner_count; i++) {
        hg_freep(&k->owners[i].host);
        hg_railway_named_done(&k->owners[i].service);
        json_decref(k->owners[i].map);
    }
    k->owner_count = 0;
}

struct owner *hg_railway_known_owner(struct known *k, const char *host)
{
    for (size_t i = 0; i < k->owner_count; i++)
        if (strcasecmp(k->owners[i].host, host) == 0)
            return &k->owners[i];
    return NULL;
}

bool hg_railway_known_add(struct known *k, const char *host, const char *id, const char *name)
{
    if (k->owner_count >= HG_COUNT(k->owners) || hg_railway_known_owner(k, host))
        return false;
    struct owner *o = &k->owners[k->owner_count++];
    *o = (struct owner){ .host = hg_xstrdup(host) };
    hg_railway_named_set(&o->service, id, name);
    return true;
}

/* ---- the file ------------------------------------------------------------------------------------ */

static json_t *read_file(const char *path)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    if (hg_file_read(path, IDS_MAX, &text, &ignored) < 0)
        return NULL;
    json_t *root = json_loadb(hg_buf_str(&text), text.len, 0, NULL);
    const char *salt = hg_railway_text(root, "salt");
    if (salt && strlen(salt) == (size_t)2 * SALT_BYTES &&
        json_integer_value(json_object_get(root, "version")) == 1 &&
        json_is_array(json_object_get(root, "places")))
        return root;
    json_decref(root); /* somebody else's, or broken: as good as none */
    return NULL;
}

static json_t *new_file(void)
{
    unsigned char salt[SALT_BYTES];
    if (getrandom(salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        return NULL;
    char hex[2 * SALT_BYTES + 1];
    return json_pack("{s:i, s:s, s:[]}", "version", 1, "salt", hg_hex(salt, sizeof salt, hex), "places");
}

/* Everything that decides which place is meant. */
static void key_of(const json_t *root, const struct client *c, const struct hg_railway_query *q,
                   const struct link *l, char out[HG_SHA256_SIZE])
{
    const char *const parts[] = { hg_railway_text(root, "salt"), c->url, c->token,
                                  c->kind == TOKEN_PROJECT ? "project" : "account", q->project,
                                  q->environment, q->service, l->project, l->environment, l->service };
    HG_AUTO(hg_buf_wipe) struct hg_buf text = HG_BUF_INIT;
    for (size_t i = 0; i < HG_COUNT(parts); i++) {
        hg_buf_adds(&text, parts[i] ? parts[i] : "");
        hg_buf_addc(&text, parts[i] ? '\n' : '\t');
    }
    hg_sha256(hg_buf_str(&text), text.len, out);
    out[KEY_DIGITS] = '\0';
}

static size_t find_place(const json_t *places, const char *key)
{
    size_t i;
    for (i = 0; i < json_array_size(places); i++)
        if (hg_streq(hg_railway_text(json_array_get(places, i), "key"), key))
            break;
    return i;
}

static bool take_named(const json_t *place, const char *key, struct hg_railway_named *ret)
{
    const json_t *object = json_object_get(place, key);
    if (!hg_railway_text(object, "id"))
        return false;
    hg_railway_named_set(ret, hg_railway_text(object, "id"), hg_railway_text(object, "name"));
    return true;
}

static void take_owners(const json_t *place, struct known *ret)
{
    const json_t *owners = json_object_get(place, "owners");
    for (size_t i = 0; i < json_array_size(owners); i++) {
        const json_t *one = json_array_get(owners, i);
        const char *host = hg_railway_text(one, "host"), *id = hg_railway_text(one, "id");
        if (host && id)
            (void)hg_railway_known_add(ret, host, id, hg_railway_text(one, "name"));
    }
}

static char *path_of(const struct hg_railway_query *q)
{
    return q->state_dir ? hg_path_join(q->state_dir, IDS_FILE) : NULL;
}

static void from_file(const struct client *c, const struct hg_railway_query *q, const struct link *l,
                      struct known *ret)
{
    HG_AUTO(hg_freep) char *path = path_of(q);
    JSON_AUTO root = path ? read_file(path) : NULL;
    if (!root)
        return;
    char key[HG_SHA256_SIZE];
    key_of(root, c, q, l, key);
    const json_t *places = json_object_get(root, "places");
    const json_t *place = json_array_get(places, find_place(places, key));
    HG_AUTO(hg_railway_known_done) struct known k = { 0 };
    if (!take_named(place, "project", &k.project) ||
        !take_named(place, "environment", &k.environment) ||
        !take_named(place, "service", &k.service))
        return;
    take_owners(place, &k);
    *ret = k;
    k = (struct known){ 0 };
}

/* ---- what is known before asking ------------------------------------------------------------------- */

/* The id that was written, or that a link gives where nothing was. */
static const char *pinned(const char *wanted, const char *link)
{
    if (wanted)
        return hg_railway_is_id(wanted) ? wanted : NULL;
    return link && hg_railway_is_id(link) ? link : NULL;
}

void hg_railway_known(const struct client *c, const struct hg_railway_query *q, const struct link *l,
                      struct known *ret)
{
    from_file(c, q, l, ret); /* knows the owners of private hosts too */
    if (ret->service.id)
        return;
    bool linked = c->kind != TOKEN_PROJECT && l->project &&
                  (!q->project || strcmp(q->project, l->project) == 0);
    const char *project = pinned(q->project, linked ? l->project : NULL);
    const char *environment = pinned(q->environment, linked ? l->environment : NULL);
    const char *service = pinned(q->service, linked ? l->service : NULL);
    if (!project || !environment || !service)
        return;
    hg_railway_named_set(&ret->project, project, NULL);
    hg_railway_named_set(&ret->environment, environment, NULL);
    hg_railway_named_set(&ret->service, service, NULL);
}

/* Does what came with the variables agree with what was asked for? Sets the name of today. */
static bool agrees(const json_t *map, const char *what, const char *wanted,
                   struct hg_railway_named *n)
{
    HG_AUTO(hg_freep) char *id_name = hg_xasprintf("RAILWAY_%s_ID", what);
    HG_AUTO(hg_freep) char *name_name = hg_xasprintf("RAILWAY_%s_NAME", what);
    const char *id = hg_railway_text(map, id_name), *name = hg_railway_text(map, name_name);
    if (id && strcmp(id, n->id) != 0)
        return false;
    if (wanted && !hg_railway_is_id(wanted) && (!name || strcasecmp(wanted, name) != 0))
        return false;
    if (name) {
        free(n->name);
        n->name = hg_xstrdup(name);
    }
    return true;
}

bool hg_railway_known_holds(struct known *k, const struct hg_railway_query *q, const json_t *map)
{
    return agrees(map, "PROJECT", q->project, &k->project) &&
           agrees(map, "ENVIRONMENT", q->environment, &k->environment) &&
           agrees(map, "SERVICE", q->service, &k->service);
}

/* ---- remembering --------------------------------------------------------------------------------- */

static json_t *named_json(const struct hg_railway_named *n)
{
    return json_pack("{s:s, s:s}", "id", n->id, "name", n->name);
}

static json_t *place_json(const char *key, const struct known *k)
{
    json_t *owners = json_array();
    for (size_t i = 0; i < k->owner_count; i++)
        (void)json_array_append_new(owners, json_pack("{s:s, s:s, s:s}", "host", k->owners[i].host,
                                                      "id", k->owners[i].service.id, "name",
                                                      k->owners[i].service.name));
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "key", key, "project", named_json(&k->project),
                     "environment", named_json(&k->environment), "service", named_json(&k->service),
                     "owners", owners);
}

int hg_railway_remember(const struct client *c, const struct hg_railway_query *q,
                        const struct link *l, const struct known *k, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *path = path_of(q);
    if (!path)
        return 0;
    JSON_AUTO root = read_file(path);
    if (!root)
        root = new_file();
    char key[HG_SHA256_SIZE];
    key_of(root, c, q, l, key);
    JSON_AUTO place = place_json(key, k);
    json_t *places = json_object_get(root, "places");
    if (!place || !places)
        return hg_fail(err, HG_E_CONFIG, "cannot remember ids: no valid text or no random bytes");
    size_t at = find_place(places, key);
    if (json_equal(json_array_get(places, at), place))
        return 0;
    (void)json_array_remove(places, at);
    (void)json_array_append(places, place);
    while (json_array_size(places) > PLACES_MAX)
        (void)json_array_remove(places, 0);
    HG_AUTO(hg_freep) char *text = json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (!text || hg_state_dir_make(q->state_dir, err) < 0)
        return -1;
    return hg_file_write(path, 0600, text, strlen(text), err);
}
