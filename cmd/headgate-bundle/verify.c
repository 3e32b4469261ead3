/* SPDX-License-Identifier: Apache-2.0 */
/* Is a bundle whole, signed, and of the code that is here? */
#include "bundle_cmd.h"

#include <string.h>
#include <unistd.h>

static void compare_env(const struct bundle_project *p, const struct hg_bundle *b,
                        struct hg_findings *ret)
{
    enum { ENV_MAX = 1 << 22 };
    HG_AUTO(hg_freep) char *path = hg_path_join(p->alembic.script_location, "env.py");
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    char digest[HG_SHA256_SIZE];
    if (hg_file_read(path, ENV_MAX, &text, &ignored) < 0 ||
        !hg_streq(hg_sha256(hg_buf_str(&text), text.len, digest), b->env_digest))
        hg_finding_add(ret, "HG256", "env.py is not the one that the bundle was built with")->path =
            hg_xstrdup("env.py");
}

static int compare(const struct bundle_options *o, const struct hg_bundle *b, bool *ret_compared,
                   struct hg_findings *ret, struct hg_err *err)
{
    HG_AUTO(bundle_project_done) struct bundle_project p = { 0 };
    HG_AUTO(hg_findings_done) struct hg_findings ignored = HG_FINDINGS_INIT;
    if (bundle_project_open(o, true, &p, &ignored, err) < 0)
        return -1;
    if (hg_target_bundle_signed(&p.target, o->output, b, o->signers, ret, err) < 0)
        return -1;
    *ret_compared = p.found;
    if (!p.found)
        return 0;
    hg_bundle_compare(b, p.graph, ret);
    compare_env(&p, b, ret);
    return 0;
}

static void print(const struct bundle_options *o, const char *file, const struct hg_bundle *b,
                  bool compared, const struct hg_findings *findings)
{
    HG_AUTO(hg_buf_done) struct hg_buf text = HG_BUF_INIT;
    if (hg_streq(o->common.format, "json")) {
        json_t *d = hg_bundle_json(b, false);
        json_object_set_new(d, "of_this_code", !compared ? json_null()
                            : json_boolean(!hg_findings_have(findings, "HG256")));
        json_object_set_new(d, "findings", hg_findings_json(findings));
        if (findings->count)
            json_object_set_new(d, "error", hg_json_no(HG_EXIT_NO, findings->items[0].message));
        bundle_print_json(d);
        return;
    }
    hg_findings_text(findings, hg_cli_color(&o->common, STDOUT_FILENO), &text);
    hg_buf_addf(&text, "%s is whole%s: ", file, !compared ? "; there is no code here to compare it with"
                : hg_findings_have(findings, "HG256") ? ", but not of this code" : " and of this code");
    bundle_summary(b, &text);
    hg_out(hg_buf_str(&text));
}

int bundle_verify(const struct bundle_options *given, const char *file, struct hg_err *err)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    HG_AUTO(hg_findings_done) struct hg_findings findings = HG_FINDINGS_INIT;
    struct bundle_options o = *given;
    bool compared = false;
    o.output = file;
    if (hg_bundle_open(file, &b, err) < 0)
        return -1;
    if (compare(&o, &b, &compared, &findings, err) < 0)
        return -1;
    print(&o, file, &b, compared, &findings);
    return findings.count ? HG_EXIT_NO : HG_EXIT_YES;
}

int bundle_sign(const struct bundle_options *o, const char *file, struct hg_err *err)
{
    HG_AUTO(hg_bundle_done) struct hg_bundle b = { 0 };
    if (!o->key)
        return hg_fail(err, HG_E_USAGE, "sign wants a key: headgate bundle sign %s -k ~/.ssh/id_ed25519",
                       file);
    if (hg_bundle_open(file, &b, err) < 0 ||
        hg_signature_make(file, o->key, HG_BUNDLE_NAMESPACE, err) < 0)
        return -1;
    if (hg_streq(o->common.format, "json")) {
        HG_AUTO(hg_freep) char *signature = hg_xasprintf("%s.sig", file);
        bundle_print_json(json_pack("{ss ss so}", "schema", "headgate.bundle-signature/1", "digest",
                                    b.digest, "signature", hg_json_text(signature)));
    } else {
        hg_outf("%s.sig\n", file);
    }
    return HG_EXIT_YES;
}
