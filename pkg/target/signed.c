/* SPDX-License-Identifier: Apache-2.0 */
/* Is a bundle signed by those whom headgate.yaml names, where it names some? */
#include "bundle/bundle.h"
#include "internal.h"

int hg_target_bundle_signed(const struct hg_target *target, const char *path, const struct hg_bundle *b,
                            const char *signers, struct hg_findings *ret, struct hg_err *err)
{
    const struct hg_target_config *t = target->t;
    struct hg_err wrong = { 0 };
    if (!signers && !t->bundle_signers && !t->bundle_require_signature)
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
