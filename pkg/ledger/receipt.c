/* SPDX-License-Identifier: Apache-2.0 */
/* What a target's ledger says of each revision, as a file that can be carried to where it is wanted. */
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "process/process.h"

#define RECEIPT_MAX ((size_t)16 << 20)
#define NAMESPACE   "headgate"

static json_t *entry_json(const struct hg_ledger_entry *e)
{
    return json_pack("{so so so so so so}", "revision", hg_json_text(e->revision), "direction",
                     hg_json_text(e->direction), "digest", hg_json_text(e->digest), "finished_at",
                     hg_json_text(e->finished_at), "commit", hg_json_text(e->commit), "seconds",
                     e->seconds >= 0 ? json_real(e->seconds) : json_null());
}

/* Over everything but the signature: keys sorted, no spaces. */
static const char *signature_of(const json_t *receipt, const char *key, char out[HG_SHA256_SIZE])
{
    json_t *signed_part = json_copy((json_t *)(uintptr_t)receipt);
    (void)json_object_del(signed_part, "signature");
    char *text = json_dumps(signed_part, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(signed_part);
    (void)hg_hmac_sha256(key, strlen(key), text ? text : "", text ? strlen(text) : 0, out);
    free(text);
    return out;
}

json_t *hg_ledger_receipt(const struct hg_ledger_receipt *of, const char *key)
{
    json_t *revisions = json_array();
    char now[HG_TIME_SIZE], signature[HG_SHA256_SIZE];
    for (size_t i = 0; i < of->entries->count; i++)
        json_array_append_new(revisions, entry_json(&of->entries->items[i]));
    json_t *r = json_object();
    json_object_set_new(r, "schema", json_string("headgate.receipt/1"));
    json_object_set_new(r, "target", hg_json_text(of->target));
    json_object_set_new(r, "database",
                        json_pack("{so so}", "name", hg_json_text(of->database), "system_identifier",
                                  hg_json_text(of->system_identifier)));
    json_object_set_new(r, "version_table", hg_json_text(of->version_table));
    json_object_set_new(r, "rows", hg_json_texts(of->rows));
    json_object_set_new(r, "made_at", json_string(hg_time_format(hg_wall_ns(), now)));
    json_object_set_new(r, "revisions", revisions);
    json_object_set_new(r, "signature",
                        key ? json_pack("{ss ss}", "method", "hmac-sha256", "value",
                                        signature_of(r, key, signature))
                            : json_null());
    return r;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static int parse(const char *text, size_t len, const char *shown, json_t **ret, struct hg_err *err)
{
    json_t *r = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const char *schema = json_string_value(json_object_get(r, "schema"));
    if (hg_streq(schema, "headgate.receipt/1") && json_is_string(json_object_get(r, "target")) &&
        json_is_array(json_object_get(r, "revisions")) && json_is_array(json_object_get(r, "rows"))) {
        *ret = r;
        return 0;
    }
    json_decref(r);
    return hg_fail(err, HG_E_INTEGRITY, "%s is no receipt", shown);
}

static int check_hmac(const json_t *receipt, const char *shown, const char *key, struct hg_err *err)
{
    const json_t *signature = json_object_get(receipt, "signature");
    const char *value = json_string_value(json_object_get(signature, "value"));
    const char *method = json_string_value(json_object_get(signature, "method"));
    char want[HG_SHA256_SIZE];
    if (!value || !hg_streq(method, "hmac-sha256"))
        return hg_fail(err, HG_E_INTEGRITY, "the receipt %s is not signed", shown);
    if (!key)
        return hg_fail(err, HG_E_INTEGRITY, "the signature of the receipt %s cannot be verified here: "
                       "HEADGATE_LEDGER_KEY is not set", shown);
    signature_of(receipt, key, want);
    unsigned different = strlen(value) != strlen(want);
    for (size_t i = 0; !different && want[i]; i++)
        different |= (unsigned char)value[i] ^ (unsigned char)want[i];
    return different ? hg_fail(err, HG_E_INTEGRITY, "the signature of the receipt %s is wrong: it was "
                               "changed, or signed with another key", shown)
                     : 0;
}

int hg_ledger_receipt_read(const char *path, const char *shown, const char *key, const char *signers,
                           json_t **ret, struct hg_err *err)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    HG_AUTO(hg_freep) char *named = hg_xasprintf("the receipt %s", shown);
    const struct hg_signature signature = { path, named, signers, NAMESPACE };
    json_t *receipt = NULL;
    if (hg_file_read_at(AT_FDCWD, path, shown, RECEIPT_MAX, &text, err) < 0 ||
        parse(hg_buf_str(&text), text.len, shown, &receipt, err) < 0)
        return -1;
    int rc = signers ? hg_signature_verify(&signature, hg_buf_str(&text), text.len, err)
                     : check_hmac(receipt, shown, key, err);
    if (rc < 0)
        json_decref(receipt);
    else
        *ret = receipt;
    return rc;
}
