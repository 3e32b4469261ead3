/* SPDX-License-Identifier: Apache-2.0 */
/* What is handed to the project's interpreter. */
#include "alembic.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gen/alembic_embed.h"

#define ENV_PY_MAX ((size_t)4 << 20)

bool hg_alembic_needs_flask(const struct hg_alembic_config *c)
{
    HG_AUTO(hg_freep) char *path = hg_path_join(c->script_location, "env.py");
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    return hg_file_read(path, ENV_PY_MAX, &text, &ignored) == 0 &&
           strstr(hg_buf_str(&text), "current_app") != NULL;
}

static void wipe(char *text)
{
    explicit_bzero(text, strlen(text));
}

char *hg_alembic_program(const json_t *spec, const char *text)
{
    char *dumped = json_dumps(spec, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_t *as_string = json_string(dumped);
    char *literal = json_dumps(as_string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    json_decref(as_string);
    char *program = hg_xasprintf("import json\nSPEC = json.loads(%s)\n%s", literal, text);
    wipe(dumped); /* perhaps with passwords in the environment */
    wipe(literal);
    free(dumped);
    free(literal);
    return program;
}

char *hg_alembic_far_program(char *program)
{
    json_t *spec = json_pack("{s:s}", "program", program);
    if (!spec)
        HG_BUG("a program that is no UTF-8");
    char *text = hg_alembic_program(spec, hg_py_alembic_boot);
    wipe((char *)(uintptr_t)json_string_value(json_object_get(spec, "program")));
    json_decref(spec);
    wipe(program);
    free(program);
    return text;
}
