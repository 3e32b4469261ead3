/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exec instance by the Engine API: create, start with the raw connection, inspect.
 */
#include "docker/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define API_WORKDIR 35      /* the first with WorkingDir */
#define API_CONSOLE_SIZE 42 /* the first with ConsoleSize */

/* A program under headgate must see every byte that is typed; the engine would keep Ctrl-P back. It
 * knows no way to say "none", so this is something nobody types. */
#define NO_DETACH_KEYS "ctrl-@,ctrl-^,ctrl-_,ctrl-@"

static json_t *strings(char *const *list)
{
    json_t *array = json_array();
    for (; list && *list; list++) {
        if (json_array_append_new(array, json_string(*list)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *create_body(const struct hg_docker *d, const struct hg_docker_exec *spec,
                           char *const *env, bool stdin_attached)
{
    json_auto_t *argv = strings(spec->argv);
    json_auto_t *variables = strings(env);
    struct winsize size = { 0 };
    if (!argv || !variables)
        return NULL;
    json_t *body = json_pack("{s:b, s:b, s:b, s:b, s:O, s:O, s:b, s:s}", "AttachStdin",
                             stdin_attached, "AttachStdout", 1, "AttachStderr", 1, "Tty",
                             spec->tty, "Cmd", argv, "Env", variables, "Privileged",
                             spec->privileged, "DetachKeys", NO_DETACH_KEYS);
    if (body && spec->user)
        json_object_set_new(body, "User", json_string(spec->user));
    if (body && spec->dir && d->minor >= API_WORKDIR)
        json_object_set_new(body, "WorkingDir", json_string(spec->dir));
    if (body && spec->tty && d->minor >= API_CONSOLE_SIZE && ioctl(1, TIOCGWINSZ, &size) == 0 &&
        size.ws_row && size.ws_col)
        json_object_set_new(body, "ConsoleSize", json_pack("[ii]", size.ws_row, size.ws_col));
    return body;
}

bool hg_exec_no_user(const struct hg_docker_exec *spec, const char *words, struct hg_err *err)
{
    if (!strstr(words, "unable to find user") && !strstr(words, "unable to find group") &&
        !strstr(words, "no matching entries"))
        return false;
    hg_fail(err, HG_E_DOCKER, "the container has no user %s", spec->user ? spec->user : "(its own user)");
    return true;
}

/* The engine refused: the container is gone, stopped or paused meanwhile, or the user is unknown. */
static int refused(const struct hg_docker_exec *spec, int status, const json_t *reply, struct hg_err *err)
{
    const char *words = hg_docker_words(reply), *container = spec->container;
    if (status == 404)
        hg_fail(err, HG_E_DOCKER, "there is no container \"%s\" any more", container);
    else if (strstr(words, "is paused"))
        hg_fail(err, HG_E_DOCKER, "the container %s is paused", container);
    else if (status == 409)
        hg_fail(err, HG_E_DOCKER, "the container %s does not run", container);
    else if (!hg_exec_no_user(spec, words, err))
        hg_fail(err, HG_E_DOCKER, "the container engine refused to run a command in %s",
                container);
    HG_AUTO(hg_freep) char *shown = hg_printable(words, 500);
    hg_detail(err, "the engine says: %s", shown);
    return hg_hint(err, "docker ps -a");
}

int hg_exec_create(struct hg_docker *d, const struct hg_docker_exec *spec, char *const *env,
                   bool stdin_attached, char **ret_id, struct hg_err *err)
{
    json_auto_t *body = create_body(d, spec, env, stdin_attached);
    json_auto_t *reply = NULL;
    HG_AUTO(hg_freep) char *encoded = hg_url_encode(spec->container);
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/containers/%s/exec", encoded);
    int status = 0;
    if (!body)
        return hg_fail(err, HG_E_USAGE,
                       "the command, a variable, the user or the folder is not UTF-8, and the "
                       "container engine takes nothing else");
    if (spec->dir && d->minor < API_WORKDIR)
        return hg_fail(err, HG_E_DOCKER,
                       "this container engine (API %s) cannot start a command in another folder",
                       d->version);
    if (hg_docker_call(d, "POST", path, body, &status, &reply, err) < 0)
        return -1;
    const char *id = json_string_value(json_object_get(reply, "Id"));
    if (status != 201 || !id)
        return refused(spec, status, reply, err);
    *ret_id = hg_xstrdup(id);
    return 0;
}

int hg_exec_attach(struct hg_docker *d, const char *id, bool tty, struct hg_http *ret,
                   struct hg_err *err)
{
    const char *body = tty ? "{\"Detach\":false,\"Tty\":true}" : "{\"Detach\":false,\"Tty\":false}";
    HG_AUTO(hg_freep) char *encoded = hg_url_encode(id);
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/exec/%s/start", encoded);
    const struct hg_request request = { .method = "POST", .path = path, .body = body,
                                        .body_len = strlen(body), .upgrade = true };
    if (hg_http_open(d, &request, ret, err) < 0)
        return -1;
    /* Engines answer 200 to clients that did not ask for an upgrade, and some of them to all. */
    if (ret->head.status == 101 || ret->head.status == 200)
        return 0;
    char text[512];
    ssize_t n = hg_http_read(ret, text, sizeof text - 1, err);
    text[n > 0 ? n : 0] = '\0';
    json_auto_t *reply = json_loads(text, 0, NULL);
    HG_AUTO(hg_freep) char *shown = hg_printable(reply ? hg_docker_words(reply) : text, 500);
    hg_fail(err, HG_E_DOCKER, "the container engine could not start the command");
    hg_detail(err, "the engine says (status %d): %s", ret->head.status, shown);
    hg_http_close(ret);
    return -1;
}

int hg_exec_inspect(struct hg_docker *d, const char *id, struct hg_exec_state *ret,
                    struct hg_err *err)
{
    HG_AUTO(hg_freep) char *encoded = hg_url_encode(id);
    HG_AUTO(hg_freep) char *path = hg_xasprintf("/exec/%s/json", encoded);
    json_auto_t *reply = NULL;
    int status = 0;
    if (hg_docker_call(d, "GET", path, NULL, &status, &reply, err) < 0)
        return -1;
    struct hg_exec_state state = { .exit_code = -1 };
    if (status == 404) {
        state.gone = true;
    } else if (status != 200) {
        return hg_fail(err, HG_E_DOCKER, "the container engine does not tell how the command "
                       "fares: %s", hg_docker_words(reply));
    } else {
        json_t *code = json_object_get(reply, "ExitCode");
        state.running = json_is_true(json_object_get(reply, "Running"));
        state.pid = json_integer_value(json_object_get(reply, "Pid"));
        if (json_is_integer(code) && !state.running)
            state.exit_code = (int)json_integer_value(code);
    }
    *ret = state;
    return 0;
}
