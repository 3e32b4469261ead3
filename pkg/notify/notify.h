/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/notify/notify.h - tells somebody else, over HTTP, what became of a run: a webhook, Slack and what
 * understands its messages, a deployment on GitHub.
 *
 * Only headgate-notify links this (it needs libcurl). headgate-apply starts that program with one JSON
 * request on stdin and reads one JSON answer; secrets travel in the request, never in arguments or the
 * environment. The document that is told is docs/schema/notify.schema.json.
 *
 * The request:
 *   kind      "webhook", "slack" or "github"
 *   event     the document
 *   url       webhook, slack: where to
 *   secret    webhook: signs; null: unsigned
 *   api, repository, environment, deployment, token    github; deployment null: one is made
 *   timeout   seconds for all attempts together
 * The answer: {"status", "attempts", "deployment", "error"}; error as in CONTRACT.md, or null.
 */
#ifndef HG_NOTIFY_NOTIFY_H
#define HG_NOTIFY_NOTIFY_H

#include "base/base.h"

#include <jansson.h>

/* Sends it: tried again, with growing pauses (hg_http_do), until the time is up. An answer that is no 2xx
 * is an error. Errors name the host, never path, query, secret or token. */
int hg_notify_send(const json_t *request, json_t *into, struct hg_err *err);

/* "t=1767225600,v1=HEX": HMAC-SHA256 with the secret over "1767225600." and the body. Heap. */
char *hg_notify_signature(const char *secret, int64_t at_s, const char *body, size_t len);

/* What happened, as one sentence for people: "production: 2 revisions applied in 4.2 s; app is at ae10". */
void hg_notify_sentence(const json_t *event, struct hg_buf *ret);

/* The message for Slack; new reference. */
json_t *hg_notify_slack(const json_t *event);

/* GitHub's word for it: in_progress, success, failure or error. */
const char *hg_notify_github_state(const json_t *event);

/* What follows, at most max bytes of it, whole characters. */
char *hg_notify_cut(const char *text, size_t max);

#endif
