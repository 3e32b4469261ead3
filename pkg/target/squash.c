/* SPDX-License-Identifier: Apache-2.0 */
/* `squash:` of headgate.yaml: which revisions were replaced by which. */
#include "internal.h"

#define EXPECTED "FIRST..LAST, the two ends of what was replaced (both are part of it; base is the very beginning)"

void hg_squash_done(struct hg_squash *s)
{
    free(s->replaces);
    free(s->first);
    free(s->last);
    free(s->by);
    *s = (struct hg_squash){ 0 };
}

static bool is_id(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr(" \t,@:+", text[i]))
            return false;
    return len > 0;
}

static int take_ends(struct hg_yaml *y, const yaml_node_t *node, struct hg_squash *s)
{
    const char *dots = strstr(s->replaces, "..");
    const char *last = dots ? dots + 2 : "";
    if (!dots || *last == '.' || !is_id(s->replaces, (size_t)(dots - s->replaces)) ||
        !is_id(last, strlen(last)))
        return hg_yaml_expected(y, node, EXPECTED);
    s->first = hg_xstrndup(s->replaces, (size_t)(dots - s->replaces));
    s->last = hg_xstrdup(last);
    if (!is_id(s->by, strlen(s->by)) || hg_streq(s->by, s->first) || hg_streq(s->by, s->last))
        return hg_yaml_fail(y, node, "`by` has to be the revision that stands for %s now", s->replaces);
    return 0;
}

int hg_config_read_squash(struct hg_yaml *y, yaml_node_t *node, void *object)
{
    struct hg_config *c = &((struct hg_document *)object)->config;
    if (node->type != YAML_SEQUENCE_NODE)
        return hg_yaml_expected(y, node, "a list such as [ { replaces: FIRST..LAST, by: REVISION } ]");
    size_t cap = 0;
    yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        yaml_node_t *entry = hg_yaml_node(y, *item);
        if (c->squash_count >= HG_YAML_LIST_MAX)
            return hg_yaml_fail(y, node, "more than %d entries", HG_YAML_LIST_MAX);
        c->squashes = hg_grow(c->squashes, c->squash_count, &cap, sizeof *c->squashes);
        struct hg_squash *s = &c->squashes[c->squash_count++];
        *s = (struct hg_squash){ 0 };
        if (hg_yaml_map(y, entry, hg_schema_squash, "squash", s) < 0 || take_ends(y, entry, s) < 0)
            return -1;
        for (size_t i = 0; i + 1 < c->squash_count; i++)
            if (hg_streq(c->squashes[i].last, s->last))
                return hg_yaml_fail(y, entry, "%s is the end of two squashes", s->last);
    }
    return 0;
}

const struct hg_squash *hg_config_squash_of(const struct hg_config *c, const char *row)
{
    for (size_t i = 0; i < c->squash_count; i++)
        if (hg_streq(c->squashes[i].last, row))
            return &c->squashes[i];
    return NULL;
}
