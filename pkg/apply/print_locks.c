/* SPDX-License-Identifier: Apache-2.0 */
/* Lines about locks: another try, others that waited, what holds the next revision back. */
#include "internal.h"

#define MESSAGE_MAX 200

static const char *met(const char *why)
{
    return hg_streq(why, "deadlock") ? "met a deadlock"
           : hg_streq(why, "breaker") ? "was canceled for those who waited"
                                      : "could not get a lock";
}

static void on_retry(const json_t *e, struct hg_buf *b)
{
    const json_t *way = json_object_get(e, "in_the_way");
    long long number = (long long)json_integer_value(json_object_get(e, "try"));
    hg_buf_addf(b, "try %lld %s", number - 1, met(hg_jstr(e, "why")));
    if (json_is_object(way)) {
        HG_AUTO(hg_freep) char *who = hg_breaker_words(way);
        hg_buf_addf(b, "; in its way: %s", who);
    } else {
        HG_AUTO(hg_freep) char *text = hg_printable(hg_jstr(e, "message"), MESSAGE_MAX);
        hg_buf_addf(b, ": %s", text);
    }
    hg_buf_addf(b, "\n    nothing of it is in; try %lld follows in %.1f s (lock_budget: %.0f s left)\n", number,
                json_number_value(json_object_get(e, "pause")), json_number_value(json_object_get(e, "left")));
}

static void on_breaker(const json_t *e, struct hg_buf *b)
{
    size_t i;
    json_t *session;
    hg_buf_addf(b, "others have waited for the migration for %.1f s: it is canceled\n",
                json_number_value(json_object_get(e, "seconds")));
    json_array_foreach(json_object_get(e, "waiting"), i, session)
    {
        HG_AUTO(hg_freep) char *who = hg_breaker_words(session);
        hg_buf_addf(b, "    %s\n", who);
    }
}

static void on_throttle(const json_t *e, struct hg_buf *b)
{
    HG_AUTO(hg_freep) char *why = hg_printable(hg_jstr(e, "why"), MESSAGE_MAX);
    hg_buf_addf(b, "the next revision waits: %s (for %.0f s of at most %.0f s)\n", why,
                json_number_value(json_object_get(e, "waited")),
                json_number_value(json_object_get(e, "limit")));
}

bool hg_print_locks(const json_t *e, const char *note, struct hg_buf *b)
{
    if (hg_streq(note, "retry"))
        on_retry(e, b);
    else if (hg_streq(note, "breaker"))
        on_breaker(e, b);
    else if (hg_streq(note, "throttle"))
        on_throttle(e, b);
    else
        return false;
    return true;
}
