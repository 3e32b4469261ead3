/* SPDX-License-Identifier: Apache-2.0 */
/* Is a bundle signed by those whom headgate.yaml names, where it names some? */
#include "bundle/bundle.h"
#include "internal.h"

int hg_target_bundle_signed(const struct hg_target *target, const char *path, const struct hg_bundle *b,
                            const char *signers, struct hg_findings *ret, struct hg_err *err)
{
    const struct hg_target_config *t = target->t;
    struct hg_err wrong = { 0 };
    if (!signers && !hg_target_bundle_signing(target))
        return 0;
    if (!signers && !t->bundle_signers)
        return hg_fail(err, HG_E_CONFIG, "headgate.yaml has bundle.require_signature, but no bundle.signers");
    HG_AUTO(hg_freep) char *file = signers ? hg_xstrdup(signers)
                                           : hg_path_join(target->config.dir, t->bundle_signers);
    HG_AUTO(hg_freep) char *signature = hg_xasprintf("%s.sig", path);
    if (!signers && !t->bundle_require_signature && !hg_is_file(signature))
        return 0;
    if (hg_bundle_signed(path, file, b, &wrong) == 0)
        return 0;
    if (wrong.kind != HG_E_INTEGRITY) {
        *err = wrong;
        return -1;
    }
    (void)hg_finding_add(ret, "HG257", "%s", wrong.message);
    return 0;
}

int hg_target_bundle_trusted(const struct hg_target *target, const char *path, const struct hg_bundle *b,
                             struct hg_findings *ret, struct hg_err *err)
{
    HG_AUTO(hg_findings_done) struct hg_findings wrong = HG_FINDINGS_INIT;
    if (hg_target_bundle_signed(target, path, b, NULL, &wrong, err) < 0)
        return -1;
    if (!wrong.count)
        return 0;
    (void)hg_fail(err, HG_E_REFUSED, "%s", wrong.items[0].message);
    hg_findings_move(ret, &wrong);
    return hg_hint(err, "headgate explain HG257");
}

bool hg_target_bundle_signing(const struct hg_target *target)
{
    return target->t && (target->t->bundle_signers || target->t->bundle_require_signature);
}
