/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to a libyaml document. The events are looked at first: depth, count, aliases and tags
 * are refused before a tree is built, so a hostile file costs no more than its size.
 */
#include "internal.h"

struct scan {
    struct hg_yaml *y;
    int depth;
    size_t nodes, documents;
};

static int fail_at(struct hg_yaml *y, const yaml_mark_t *mark, const char *what)
{
    return hg_fail(y->err, HG_E_CONFIG, "%s:%zu:%zu: %s", y->shown, mark->line + 1,
                   mark->column + 1, what);
}

static int parser_error(struct hg_yaml *y, const yaml_parser_t *parser)
{
    HG_AUTO(hg_freep) char *problem =
        hg_printable(parser->problem ? parser->problem : "cannot be read", 200);
    if (parser->error == YAML_READER_ERROR)
        return hg_fail(y->err, HG_E_CONFIG, "%s: not YAML: %s (at byte %zu)", y->shown, problem,
                       parser->problem_offset);
    HG_AUTO(hg_freep) char *text = hg_xasprintf("not YAML: %s", problem);
    (void)fail_at(y, &parser->problem_mark, text);
    if (parser->context)
        hg_detail(y->err, "%s, which begins in line %zu", parser->context,
                  parser->context_mark.line + 1);
    return -1;
}

static int check_tag(struct scan *s, const yaml_event_t *e, const yaml_char_t *anchor,
                     const yaml_char_t *tag)
{
    if (anchor)
        return fail_at(s->y, &e->start_mark, "anchors (&name) are not allowed here");
    if (tag)
        return fail_at(s->y, &e->start_mark, "tags (!name) are not allowed here");
    if (++s->nodes > HG_YAML_NODES_MAX)
        return fail_at(s->y, &e->start_mark, "too many values");
    return 0;
}

static int deeper(struct scan *s, const yaml_event_t *e)
{
    if (++s->depth > HG_YAML_DEPTH_MAX)
        return fail_at(s->y, &e->start_mark, "nested too deeply");
    return 0;
}

static int check_event(struct scan *s, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return fail_at(s->y, &e->start_mark, "aliases (*name) are not allowed here");
    case YAML_SCALAR_EVENT:
        return check_tag(s, e, e->data.scalar.anchor, e->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        if (check_tag(s, e, e->data.sequence_start.anchor, e->data.sequence_start.tag) < 0)
            return -1;
        return deeper(s, e);
    case YAML_MAPPING_START_EVENT:
        if (check_tag(s, e, e->data.mapping_start.anchor, e->data.mapping_start.tag) < 0)
            return -1;
        return deeper(s, e);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        s->depth--;
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        if (++s->documents > 1)
            return fail_at(s->y, &e->start_mark, "a second document begins here; one is expected");
        return 0;
    default:
        return 0;
    }
}

static int scan_events(struct hg_yaml *y, const char *text, size_t len)
{
    HG_AUTO(yaml_parser_delete) yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        HG_BUG("out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    struct scan s = { .y = y };
    for (bool end = false; !end;) {
        HG_AUTO(yaml_event_delete) yaml_event_t e;
        memset(&e, 0, sizeof e);
        if (!yaml_parser_parse(&parser, &e))
            return parser_error(y, &parser);
        if (check_event(&s, &e) < 0)
            return -1;
        end = e.type == YAML_STREAM_END_EVENT;
    }
    return 0;
}

int hg_yaml_read(struct hg_yaml *y, const char *text, size_t len, const struct hg_key *keys,
                 void *object)
{
    if (len > HG_YAML_FILE_MAX)
        return hg_fail(y->err, HG_E_CONFIG, "%s: larger than %zu KiB", y->shown,
                       HG_YAML_FILE_MAX >> 10);
    const char *nul = len ? memchr(text, '\0', len) : NULL;
    if (nul)
        return hg_fail(y->err, HG_E_CONFIG, "%s: a NUL byte at byte %zu: not a text file", y->shown,
                       (size_t)(nul - text));
    if (scan_events(y, text, len) < 0)
        return -1;
    HG_AUTO(yaml_parser_delete) yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        HG_BUG("out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    HG_AUTO(yaml_document_delete) yaml_document_t doc;
    memset(&doc, 0, sizeof doc);
    if (!yaml_parser_load(&parser, &doc))
        return parser_error(y, &parser);
    yaml_node_t *root = yaml_document_get_root_node(&doc);
    if (!root)
        return hg_fail(y->err, HG_E_CONFIG, "%s:1:1: the file is empty; `version: 1` is expected",
                       y->shown);
    y->doc = &doc;
    int rc = hg_yaml_map(y, root, keys, "", object);
    y->doc = NULL;
    return rc;
}
