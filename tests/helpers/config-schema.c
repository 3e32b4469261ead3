/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints docs/schema/headgate.schema.json (--json) or the tables of docs/configuration.md
 * (--markdown) from the table that reads headgate.yaml.
 */
#include "target/internal.h"

static json_t *schema_of(const struct hg_key *key);

static json_t *choices(const char *values)
{
    json_t *list = json_array();
    for (const char *p = values; *p;) {
        size_t n = strcspn(p, "|");
        json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == '|');
    }
    return list;
}

static json_t *object_of(const struct hg_key *keys)
{
    json_t *properties = json_object(), *required = json_array(), *with = json_object();
    for (; keys->name; keys++) {
        json_object_set_new(properties, keys->name, schema_of(keys));
        if (keys->required)
            json_array_append_new(required, json_string(keys->name));
        if (keys->with)
            json_object_set_new(with, keys->name, json_pack("[s]", keys->with));
    }
    json_t *object = json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0,
                               "properties", properties);
    if (json_array_size(required))
        json_object_set(object, "required", required);
    if (json_object_size(with))
        json_object_set(object, "dependentRequired", with);
    json_decref(with);
    json_decref(required);
    return object;
}

static json_t *schema_of(const struct hg_key *key)
{
    json_t *s = NULL;
    switch (key->type) {
    case HG_KEY_STRING:
    case HG_KEY_TEMPLATE:
        s = json_pack("{s:[s,s], s:i}", "type", "string", "number", "minLength", 1);
        break;
    case HG_KEY_BOOL:
        s = json_pack("{s:s}", "type", "boolean");
        break;
    case HG_KEY_DURATION:
        s = json_pack("{s:[s,s], s:s}", "type", "string", "number", "pattern",
                      "^[0-9]+(\\.[0-9]+)?(ms|s|min|h|d)?$");
        break;
    case HG_KEY_ENUM:
    case HG_KEY_CHOICE:
        s = json_pack("{s:o}", "enum", choices(key->values));
        break;
    case HG_KEY_STRINGS:
        s = json_pack("{s:s, s:{s:[s,s]}}", "type", "array", "items", "type", "string", "number");
        break;
    case HG_KEY_DATE:
        s = json_pack("{s:s, s:s}", "type", "string", "format", "date");
        break;
    case HG_KEY_MAP:
        s = object_of(key->keys);
        break;
    case HG_KEY_CUSTOM:
        s = json_loads(key->schema, JSON_DECODE_ANY, NULL);
        break;
    }
    if (!s)
        HG_BUG("a key without a schema");
    json_object_set_new(s, "description", json_string(key->help));
    return s;
}

static void print_json(void)
{
    json_t *root = object_of(hg_schema_document), *defs = json_object();
    json_t *document = json_pack("{s:s, s:s, s:s}", "$schema",
                                 "https://json-schema.org/draft/2020-12/schema", "title",
                                 "headgate.yaml", "description", "Targets and policy of headgate");
    json_object_update(document, root);
    json_object_set_new(defs, "target", object_of(hg_schema_target));
    json_object_set_new(defs, "waiver", object_of(hg_schema_waiver));
    json_object_set_new(defs, "squash", object_of(hg_schema_squash));
    json_object_set_new(defs, "dotenv", object_of(hg_schema_dotenv));
    json_t *container = object_of(hg_schema_container);
    json_object_set_new(container, "oneOf",
                        json_pack("[{s:[s]},{s:[s]},{s:[s]}]", "required", "container", "required",
                                  "service", "required", "labels"));
    json_object_set_new(defs, "container", container);
    json_object_set_new(defs, "command", object_of(hg_schema_command));
    json_object_set_new(defs, "run_command", object_of(hg_schema_run_command));
    json_t *notifier = object_of(hg_schema_notifier);
    json_object_set_new(notifier, "oneOf",
                        json_pack("[{s:[s]},{s:[s]},{s:[s]},{s:[s]}]", "required", "webhook", "required",
                                  "webhook_env", "required", "slack_env", "required", "github"));
    json_object_set_new(defs, "notifier", notifier);
    json_object_set_new(defs, "hook", object_of(hg_schema_hook));
    json_object_set_new(defs, "railway",
                        json_pack("{s:s, s:b, s:[s], s:{s:{s:[{s:s},o]}}}", "type", "object",
                                  "additionalProperties", 0, "required", "railway", "properties",
                                  "railway", "oneOf", "type", "string",
                                  object_of(hg_schema_railway)));
    json_object_set_new(document, "$defs", defs);
    char *text = json_dumps(document, JSON_INDENT(2));
    (void)puts(text);
    free(text);
    json_decref(root);
    json_decref(document);
}

static const char *type_name(const struct hg_key *key)
{
    static const char *const NAMES[] = {
        [HG_KEY_STRING] = "string", [HG_KEY_TEMPLATE] = "string with `${NAME}`",
        [HG_KEY_BOOL] = "`true` or `false`", [HG_KEY_DURATION] = "duration",
        [HG_KEY_STRINGS] = "list of strings", [HG_KEY_DATE] = "date",
    };
    if (key->type == HG_KEY_CUSTOM)
        return key->expected;
    return NAMES[key->type];
}

static void print_rows(const char *prefix, const struct hg_key *keys)
{
    for (; keys->name; keys++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", keys->name);
        if (keys->type == HG_KEY_MAP) {
            print_rows(path, keys->keys);
            continue;
        }
        printf("| `%s` | ", path);
        if (keys->values)
            for (const char *p = keys->values; *p; p++)
                printf("%s%c%s", p == keys->values ? "`" : "", *p == '|' ? ',' : *p,
                       *p == '|' ? " " : !p[1] ? "`" : "");
        else
            printf("%s", type_name(keys));
        printf(" | %s | %s%s |\n", keys->fallback ? keys->fallback : "", keys->help,
               keys->required ? " (required)" : "");
    }
}

static void print_table(const char *title, const char *prefix, const struct hg_key *keys)
{
    printf("\n### %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title);
    print_rows(prefix, keys);
}

static void print_markdown(void)
{
    print_table("The file", "", hg_schema_document);
    print_table("A target", "", hg_schema_target);
    print_table("The source `dotenv`", "", hg_schema_dotenv);
    print_table("The source `railway`", "railway", hg_schema_railway);
    print_table("The source `container`, and `run`", "", hg_schema_container);
    print_table("The source `command`", "", hg_schema_command);
    print_table("A command in `run`", "", hg_schema_run_command);
    print_table("A notification", "", hg_schema_notifier);
    print_table("A hook", "", hg_schema_hook);
    print_table("A waiver", "", hg_schema_waiver);
    print_table("A squash", "", hg_schema_squash);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--json") == 0)
        print_json();
    else if (argc == 2 && strcmp(argv[1], "--markdown") == 0)
        print_markdown();
    else
        return 2;
    return fflush(stdout) == 0 ? 0 : 1;
}
