/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>

#define HTTP_DEADLINE_NS (30 * HG_NS_PER_S)
#define HTTP_CONNECT_NS  (10 * HG_NS_PER_S)
#define HTTP_BODY_MAX    ((size_t)16 << 20)
/* 200 ms, 400 ms, 800 ms … up to 5 s, each times 0.5 to 1.5. */
#define HTTP_PAUSE_FIRST_NS (200 * HG_NS_PER_MS)
#define HTTP_PAUSE_MAX_NS   (5 * HG_NS_PER_S)
/* libcurl counts in milliseconds and may end a transfer a little before the deadline. */
#define HTTP_SLACK_NS       (20 * HG_NS_PER_MS)
#define RETRY_AFTER_MAX_S   86400
/* A number above is no count of seconds but a time, in seconds or milliseconds since 1970. */
#define EPOCH_S             INT64_C(1000000000)
#define EPOCH_MS            (EPOCH_S * 1000)

struct transfer {
    CURL *curl;
    struct curl_slist *headers;
    struct hg_http_response *response;
    curl_socket_t socket; /* the newest connection's; CURL_SOCKET_BAD: none yet */
    char error[CURL_ERROR_SIZE];
};

static void transfer_done(struct transfer *t)
{
    curl_slist_free_all(t->headers);
    curl_easy_cleanup(t->curl);
}

void hg_http_response_done(struct hg_http_response *r)
{
    hg_buf_wipe(&r->body);
}

char *hg_http_url_shown(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    size_t authority = strcspn(host, "/?#");
    for (size_t i = authority; i > 0; i--)
        if (host[i - 1] == '@') {
            host += i;
            break;
        }
    HG_AUTO(hg_freep) char *plain = hg_xasprintf("%.*s%.*s", scheme ? (int)(scheme + 3 - url) : 0,
                                                 url, (int)strcspn(host, "?#"), host);
    return hg_printable(plain, 200);
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    hg_buf_add(&t->response->body, data, size * count);
    return t->response->body.overflow ? 0 : size * count; /* 0 ends the transfer */
}

static bool take_value(const char *line, size_t len, const char *name, char *out, size_t out_size)
{
    size_t name_len = strlen(name);
    if (len < name_len || strncasecmp(line, name, name_len) != 0)
        return false;
    while (name_len < len && line[name_len] == ' ')
        name_len++;
    while (len > name_len && strchr("\r\n ", line[len - 1]))
        len--;
    (void)snprintf(out, out_size, "%.*s", (int)(len - name_len), line + name_len);
    return true;
}

static void take_number(const char *line, size_t len, const char *name, int64_t max, int64_t *ret)
{
    char value[64];
    if (take_value(line, len, name, value, sizeof value) && hg_parse_int(value, 0, max, ret) < 0)
        *ret = -1; /* Retry-After may be a date: seldom, and our clock may differ */
}

/* Servers disagree about what the number of X-RateLimit-Reset is: its size tells. */
static int64_t until_reset(int64_t given)
{
    int64_t now = hg_wall_ns() / HG_NS_PER_S;
    int64_t at = given > EPOCH_MS ? given / 1000 : given;
    if (at > EPOCH_S)
        at = at > now ? at - now : 0;
    return at;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    struct hg_http_response *r = t->response;
    size_t len = size * count;
    int64_t reset = -1;
    (void)take_value(data, len, "content-type:", r->content_type, sizeof r->content_type);
    take_number(data, len, "retry-after:", RETRY_AFTER_MAX_S, &r->retry_after_s);
    take_number(data, len, "x-ratelimit-limit:", INT64_MAX, &r->rate_limit);
    take_number(data, len, "x-ratelimit-remaining:", INT64_MAX, &r->rate_remaining);
    take_number(data, len, "x-ratelimit-reset:", INT64_MAX, &reset);
    if (reset >= 0)
        r->rate_reset_s = until_reset(reset);
    return len;
}

static int64_t left_ms(int64_t ns)
{
    return ns / HG_NS_PER_MS > 1 ? ns / HG_NS_PER_MS : 1;
}

static int take_socket(void *context, curl_socket_t socket, curlsocktype purpose)
{
    if (purpose == CURLSOCKTYPE_IPCXN)
        ((struct transfer *)context)->socket = socket;
    return CURL_SOCKOPT_OK;
}

/* Called whenever something was sent or received. The kernel delays acknowledgements by 40 ms, and a server
 * that sends head and body apart, without TCP_NODELAY, waits for the head's. The wish not to delay lasts
 * only a few segments, so it is renewed. */
static int no_delay(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    (void)down_all, (void)down, (void)up_all, (void)up;
    const struct transfer *t = context;
    if (t->socket != CURL_SOCKET_BAD)
        (void)setsockopt(t->socket, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
    return 0;
}

static void set_socket_options(struct transfer *t, const struct hg_http_request *r)
{
    t->socket = CURL_SOCKET_BAD;
    if (r->unix_socket) {
        curl_easy_setopt(t->curl, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
        return;
    }
    curl_easy_setopt(t->curl, CURLOPT_SOCKOPTFUNCTION, take_socket);
    curl_easy_setopt(t->curl, CURLOPT_SOCKOPTDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(t->curl, CURLOPT_XFERINFOFUNCTION, no_delay);
    curl_easy_setopt(t->curl, CURLOPT_XFERINFODATA, t);
}

static int prepare(struct transfer *t, const struct hg_http_request *r, struct hg_err *err)
{
    t->curl = curl_easy_init();
    if (!t->curl)
        return hg_fail(err, HG_E_NETWORK, "cannot start an HTTP request");
    for (const char *const *h = r->headers; h && *h; h++)
        t->headers = curl_slist_append(t->headers, *h);
    t->headers = curl_slist_append(t->headers, "Expect:"); /* no waiting for 100-continue */
    HG_AUTO(hg_freep) char *agent = hg_xasprintf("headgate/%s", hg_version);
    curl_easy_setopt(t->curl, CURLOPT_URL, r->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else /* Ubuntu 22.04 */
    curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 0L);
    /* One request gains nothing from HTTP/2. */
    curl_easy_setopt(t->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(t->curl, CURLOPT_USERAGENT, r->user_agent ? r->user_agent : agent);
    curl_easy_setopt(t->curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
    set_socket_options(t, r);
    if (r->body) {
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, r->body);
    }
    if (r->method)
        curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, r->method);
    return 0;
}

/* Would the same request, sent later, have a chance, and do no harm? */
static bool worth_again(CURLcode code, const struct hg_http_response *r, bool once)
{
    switch (code) {
    case CURLE_OK:
        return (r->status >= 500 && !once) ||
               (r->status == 429 && (r->retry_after_s >= 0 || r->rate_reset_s >= 0));
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR: return true;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return !once;
    default: return false;
    }
}

static int64_t pause_ns(unsigned attempt, const struct hg_http_response *r)
{
    if (r->retry_after_s >= 0)
        return r->retry_after_s * HG_NS_PER_S;
    if (r->status == 429)
        return (r->rate_reset_s < RETRY_AFTER_MAX_S ? r->rate_reset_s : RETRY_AFTER_MAX_S) *
               HG_NS_PER_S;
    int64_t pause = HTTP_PAUSE_FIRST_NS;
    while (--attempt && pause < HTTP_PAUSE_MAX_NS)
        pause *= 2;
    uint32_t jitter = 0;
    if (getrandom(&jitter, sizeof jitter, GRND_NONBLOCK) != (ssize_t)sizeof jitter)
        jitter = (uint32_t)hg_now_ns();
    pause = pause / 2 + pause * (int64_t)(jitter % 1000) / 1000;
    return pause < HTTP_PAUSE_MAX_NS ? pause : HTTP_PAUSE_MAX_NS;
}

static void sleep_ns(int64_t ns)
{
    struct timespec left = { .tv_sec = (time_t)(ns / HG_NS_PER_S), .tv_nsec = (long)(ns % HG_NS_PER_S) };
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

static bool name_resolved(const struct transfer *t)
{
    curl_off_t us = 0;
    return curl_easy_getinfo(t->curl, CURLINFO_NAMELOOKUP_TIME_T, &us) == CURLE_OK && us > 0;
}

static int explain(const struct transfer *t, CURLcode code, const struct hg_http_request *r,
                   bool late, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *shown = hg_http_url_shown(r->url);
    if (t->response->body.overflow)
        return hg_fail(err, HG_E_NETWORK, "%s answered with more than %zu bytes", shown,
                       t->response->body.max);
    bool unresolved = code == CURLE_OPERATION_TIMEDOUT && !name_resolved(t);
    if (late && !unresolved)
        hg_fail(err, HG_E_TIMEOUT, "%s did not answer in time", shown);
    else
        hg_fail(err, HG_E_NETWORK, "cannot reach %s", shown);
    hg_detail(err, "%s", *t->error ? t->error : curl_easy_strerror(code));
    if (unresolved)
        return hg_hint(err, "the name server does not answer: check this machine's network, VPN and "
                            "/etc/resolv.conf");
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return hg_hint(err, "the certificate was not accepted; behind a proxy with its own authority "
                            "name its file in SSL_CERT_FILE or CURL_CA_BUNDLE");
    return -1;
}

static CURLcode attempt(struct transfer *t, const struct hg_http_request *r, int64_t left)
{
    struct hg_http_response *response = t->response;
    hg_buf_clear(&response->body);
    response->retry_after_s = response->rate_limit = -1;
    response->rate_remaining = response->rate_reset_s = -1;
    response->content_type[0] = '\0';
    t->error[0] = '\0';
    int64_t connect = r->connect_ns ? r->connect_ns : HTTP_CONNECT_NS;
    curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)left_ms(left));
    curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)left_ms(connect < left ? connect : left));
    CURLcode code = curl_easy_perform(t->curl);
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    response->status = (int)status;
    response->attempts++;
    return code;
}

int hg_http_do(const struct hg_http_request *request, struct hg_http_response *ret,
               struct hg_err *err)
{
    HG_AUTO(hg_http_response_done) struct hg_http_response response = HG_HTTP_RESPONSE_INIT;
    response.body.max = request->max_body ? request->max_body : HTTP_BODY_MAX;
    HG_AUTO(transfer_done) struct transfer t = { .response = &response };
    if (prepare(&t, request, err) < 0)
        return -1;
    bool folder_only = trust(t.curl);
    int64_t deadline = request->deadline_ns ? request->deadline_ns : hg_now_ns() + HTTP_DEADLINE_NS;
    unsigned attempts = request->attempts ? request->attempts : HG_HTTP_ATTEMPTS;
    for (;;) {
        int64_t left = deadline - hg_now_ns();
        CURLcode code = attempt(&t, request, left > 0 ? left : 0);
        left = deadline - hg_now_ns();
        if (request->status_suffices && response.status >= 200)
            code = CURLE_OK;
        if (code == CURLE_PEER_FAILED_VERIFICATION && folder_only) {
            trust_system_file(t.curl); /* somebody may have added theirs there alone */
            folder_only = false;
            continue;
        }
        bool again = worth_again(code, &response, request->once) && response.attempts < attempts;
        int64_t pause = again ? pause_ns(response.attempts, &response) : 0;
        if (again && pause < left) {
            sleep_ns(pause);
            continue;
        }
        if (code != CURLE_OK)
            return explain(&t, code, request, left < HTTP_SLACK_NS, err);
        hg_http_response_done(ret);
        *ret = response;
        response.body = (struct hg_buf)HG_BUF_INIT;
        return 0;
    }
}
