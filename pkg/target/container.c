/* SPDX-License-Identifier: Apache-2.0 */
/* Which container is meant, as headgate.yaml writes it: into the spelling of hg_docker_find. */
#include "internal.h"

#define CHOICE(field) offsetof(struct choice, field)

struct choice {
    char *container, *service, *project, *index;
    struct hg_strv labels;
};

const struct hg_key hg_schema_container[] = {
    { "container", HG_KEY_STRING, CHOICE(container),
      .help = "container, by name, id or Compose service" },
    { "service", HG_KEY_STRING, CHOICE(service), .help = "instead: a Compose service" },
    { "project", HG_KEY_STRING, CHOICE(project), .fallback = "`COMPOSE_PROJECT_NAME`, else any",
      .with = "service", .help = "Compose project of the service" },
    { "index", HG_KEY_STRING, CHOICE(index), .with = "service", .help = "which of the service's replicas, from 1" },
    { "labels", HG_KEY_STRINGS, CHOICE(labels),
      .help = "instead: labels that it has, such as [app=api, tier=web]" },
    { 0 },
};

static void choice_done(struct choice *c)
{
    hg_freep(&c->container);
    hg_freep(&c->service);
    hg_freep(&c->project);
    hg_freep(&c->index);
    hg_strv_done(&c->labels);
}

static char *spell_labels(const struct hg_strv *labels)
{
    struct hg_buf b = HG_BUF_INIT;
    for (size_t i = 0; i < labels->count; i++) {
        hg_buf_adds(&b, i ? "," : "label:");
        for (const char *s = labels->items[i]; *s; s++) {
            if (*s == ',' || *s == '%')
                hg_buf_addf(&b, "%%%02X", (unsigned)*s);
            else
                hg_buf_addc(&b, *s);
        }
    }
    return hg_buf_take(&b);
}

static int check(struct hg_yaml *y, const yaml_node_t *map, const struct choice *c)
{
    int64_t number = 0;
    if (!c->container + !c->service + !c->labels.count != 2)
        return hg_yaml_fail(y, map, "expected one of `container`, `service` or `labels`");
    if ((c->project || c->index) && !c->service)
        return hg_yaml_fail(y, map, "`%s` goes with `service`", c->project ? "project" : "index");
    if (c->index && hg_parse_int(c->index, 1, INT32_MAX, &number) < 0)
        return hg_yaml_fail(y, map, "expected a number from 1 as `index`");
    if ((c->service && strpbrk(c->service, "/#")) || (c->project && strpbrk(c->project, "/#")))
        return hg_yaml_fail(y, map, "a Compose service or project has no / or # in its name");
    for (size_t i = 0; i < c->labels.count; i++)
        if (!*c->labels.items[i] || *c->labels.items[i] == '=')
            return hg_yaml_fail(y, map, "a label is KEY or KEY=VALUE");
    return 0;
}

int hg_config_read_container(struct hg_yaml *y, yaml_node_t *map, const char *where, char **ret)
{
    HG_AUTO(choice_done) struct choice c = { 0 };
    if (hg_yaml_map(y, map, hg_schema_container, where, &c) < 0 || check(y, map, &c) < 0)
        return -1;
    if (c.container)
        *ret = HG_TAKE(c.container);
    else if (c.labels.count)
        *ret = spell_labels(&c.labels);
    else
        *ret = hg_xasprintf("service:%s%s%s%s%s", c.project ? c.project : "", c.project ? "/" : "",
                            c.service, c.index ? "#" : "", c.index ? c.index : "");
    return 0;
}
