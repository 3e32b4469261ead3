/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures by ssh-keygen -Y, as git makes and verifies them: with the keys that people have. */
#include "process.h"

#include <stdlib.h>
#include <string.h>

#define SSH_NS  (10 * HG_NS_PER_S)
#define ASKS_NS (120 * HG_NS_PER_S) /* for a passphrase, or a touch */
#define SAID_MAX ((size_t)1 << 20)

static int ssh_keygen(const char *const *argv, const char *text, size_t len, int64_t timeout_ns,
                      struct hg_buf *ret_out, struct hg_buf *ret_err, struct hg_err *err)
{
    struct hg_exit_status status = { 0 };
    struct hg_process_run spec = { .argv = (char *const *)(uintptr_t)argv, .input = text,
                                   .input_len = len, .timeout_ns = timeout_ns, .max_output = SAID_MAX };
    if (hg_process_run(&spec, &status, ret_out, ret_err, err) < 0) {
        if (err->exit_code != HG_EXIT_NOT_FOUND)
            return hg_wrap(err, "ssh-keygen");
        hg_err_clear(err);
        hg_fail(err, HG_E_CONFIG, "signatures are made and checked by ssh-keygen, which is not there");
        return hg_hint(err, "install it: the package is called openssh-client, or openssh");
    }
    return hg_exit_status_code(&status);
}

/* Who could it be, and is it them? */
int hg_signature_verify(const struct hg_signature *s, const void *data, size_t len, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *signature = hg_xasprintf("%s.sig", s->path);
    HG_AUTO(hg_buf_done) struct hg_buf who = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    if (!hg_is_file(signature))
        return hg_fail(err, HG_E_INTEGRITY, "%s is not signed: there is no %s.sig", s->shown,
                       hg_path_base(s->path));
    const char *const find[] = { "ssh-keygen", "-Y", "find-principals", "-s", signature, "-f",
                                 s->signers, NULL };
    int code = ssh_keygen(find, NULL, 0, SSH_NS, &who, NULL, err);
    HG_AUTO(hg_freep) char *principal = hg_xstrndup(hg_buf_str(&who), strcspn(hg_buf_str(&who), "\n"));
    if (code == 0 && *principal) {
        const char *const verify[] = { "ssh-keygen", "-Y", "verify", "-f", s->signers, "-I", principal,
                                       "-n", s->namespace, "-s", signature, NULL };
        code = ssh_keygen(verify, data, len, SSH_NS, &said, NULL, err);
        if (code == 0)
            return 0;
    }
    if (code < 0)
        return -1;
    return hg_fail(err, HG_E_INTEGRITY, "the signature of %s is wrong: it was changed, or signed by nobody "
                   "of %s", s->shown, hg_path_base(s->signers));
}

int hg_signature_make(const char *path, const char *key, const char *namespace, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *signature = hg_xasprintf("%s.sig", path);
    HG_AUTO(hg_buf_done) struct hg_buf said = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf data = HG_BUF_INIT;
    HG_AUTO(hg_buf_done) struct hg_buf out = HG_BUF_INIT;
    const char *const sign[] = { "ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key, NULL };
    if (hg_file_read(path, HG_BUF_MAX - 1, &data, err) < 0)
        return -1;
    int code = ssh_keygen(sign, hg_buf_str(&data), data.len, ASKS_NS, &out, &said, err);
    if (code < 0)
        return -1;
    if (code == 0 && out.len) /* it writes no file of its own when it reads stdin */
        return hg_file_write(signature, 0644, out.data, out.len, err);
    hg_buf_trim_end(&said, " \r\n");
    HG_AUTO(hg_freep) char *why = hg_printable(hg_buf_str(&said), 500);
    (void)hg_fail(err, HG_E_USAGE, "%s could not be signed with %s", path, key);
    return hg_detail(err, "%s", why);
}
