/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every function of OpenSSL, Kerberos and LDAP that libpq calls, loading the real library at the first
 * call. A connection that needs none of them loads none of their two dozen libraries.
 *
 * A function here hands on words, as many as the real one takes, and returns a word. On Linux's 64-bit
 * machines a call is made of nothing else, whatever the types say; no function here takes or returns
 * floating point or a structure by value. A name that is missing is noticed when linking, and then
 * scripts/static-libpq leaves libpq a shared library.
 */
#include "base/base.h"

#include <dlfcn.h>
#include <stdarg.h>

#if __has_include("gen/libpq_names.h")
#include "gen/libpq_names.h" /* as this machine's libpq has them, by scripts/static-libpq */
#else
#define HG_LIBPQ_SSL    "libssl.so.3"
#define HG_LIBPQ_CRYPTO "libcrypto.so.3"
#define HG_LIBPQ_GSS    "libgssapi_krb5.so.2"
#define HG_LIBPQ_LDAP   "libldap-2.5.so.0"
#endif

typedef uintptr_t word;

/* NULL, and the reason said, when this machine has no such library; libpq then reports what failed. */
static void *find(const char *library, const char *name)
{
    static const char *told;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle ? dlsym(handle, name) : NULL;
    if (!symbol && told != library) {
        hg_log(HG_LOG_WARNING, "this connection needs %s: %s", library, dlerror());
        told = library;
    }
    return symbol;
}

#define TAKES_6 word a, word b, word c, word d, word e, word f
#define HANDS_6 a, b, c, d, e, f
#define TAKES_7 TAKES_6, word g
#define HANDS_7 HANDS_6, g
#define TAKES_13 TAKES_7, word h, word i, word j, word k, word l, word m
#define HANDS_13 HANDS_7, h, i, j, k, l, m

#define FORWARD(name, count, library, failed)                                                          \
    word name(TAKES_##count);                                                                   \
    word name(TAKES_##count)                                                                           \
    {                                                                                                  \
        static word (*real)(TAKES_##count);                                                            \
        if (!real)                                                                                     \
            *(void **)&real = find(library, #name); /* as dlsym(3) writes it */                        \
        return real ? real(HANDS_##count) : (failed);                                                  \
    }

/* ---- OpenSSL: 0 is a failure or a null pointer ------------------------------------------------------ */

#define SSL(name)    FORWARD(name, 6, HG_LIBPQ_SSL, 0)
#define CRYPTO(name) FORWARD(name, 6, HG_LIBPQ_CRYPTO, 0)

SSL(OPENSSL_init_ssl) SSL(SSL_CIPHER_get_bits) SSL(SSL_CIPHER_get_name) SSL(SSL_CTX_ctrl)
SSL(SSL_CTX_free) SSL(SSL_CTX_get_cert_store) SSL(SSL_CTX_load_verify_locations) SSL(SSL_CTX_new)
SSL(SSL_CTX_set_cert_cb) SSL(SSL_CTX_set_default_passwd_cb)
SSL(SSL_CTX_set_default_passwd_cb_userdata) SSL(SSL_CTX_set_default_verify_paths)
SSL(SSL_CTX_set_options) SSL(SSL_CTX_use_certificate_chain_file) SSL(SSL_check_private_key)
SSL(SSL_clear_options) SSL(SSL_connect) SSL(SSL_ctrl) SSL(SSL_free) SSL(SSL_get0_alpn_selected)
SSL(SSL_get1_peer_certificate) SSL(SSL_get_certificate) SSL(SSL_get_current_cipher)
SSL(SSL_get_current_compression) SSL(SSL_get_error) SSL(SSL_get_verify_result) SSL(SSL_get_version)
SSL(SSL_new) SSL(SSL_pending) SSL(SSL_read) SSL(SSL_set_alpn_protos) SSL(SSL_set_bio)
SSL(SSL_set_ex_data) SSL(SSL_set_options) SSL(SSL_set_verify) SSL(SSL_shutdown)
SSL(SSL_use_PrivateKey) SSL(SSL_use_PrivateKey_file) SSL(SSL_write) SSL(TLS_method)

CRYPTO(ASN1_STRING_get0_data) CRYPTO(ASN1_STRING_length) CRYPTO(BIO_clear_flags)
CRYPTO(BIO_get_ex_data) CRYPTO(BIO_get_new_index) CRYPTO(BIO_int_ctrl) CRYPTO(BIO_meth_free)
CRYPTO(BIO_meth_get_callback_ctrl) CRYPTO(BIO_meth_get_create) CRYPTO(BIO_meth_get_ctrl)
CRYPTO(BIO_meth_get_destroy) CRYPTO(BIO_meth_get_gets) CRYPTO(BIO_meth_get_puts)
CRYPTO(BIO_meth_new) CRYPTO(BIO_meth_set_callback_ctrl) CRYPTO(BIO_meth_set_create)
CRYPTO(BIO_meth_set_ctrl) CRYPTO(BIO_meth_set_destroy) CRYPTO(BIO_meth_set_gets)
CRYPTO(BIO_meth_set_puts) CRYPTO(BIO_meth_set_read) CRYPTO(BIO_meth_set_write) CRYPTO(BIO_new)
CRYPTO(BIO_s_socket) CRYPTO(BIO_set_ex_data) CRYPTO(BIO_set_flags) CRYPTO(ENGINE_by_id)
CRYPTO(ENGINE_finish) CRYPTO(ENGINE_free) CRYPTO(ENGINE_init) CRYPTO(ENGINE_load_private_key)
CRYPTO(ERR_clear_error) CRYPTO(ERR_get_error) CRYPTO(ERR_new) CRYPTO(ERR_reason_error_string)
CRYPTO(ERR_set_debug) CRYPTO(EVP_get_digestbyname) CRYPTO(EVP_sha256) CRYPTO(GENERAL_NAME_free)
CRYPTO(OBJ_nid2sn) CRYPTO(OPENSSL_sk_num) CRYPTO(OPENSSL_sk_pop_free) CRYPTO(OPENSSL_sk_value)
CRYPTO(X509_NAME_ENTRY_get_data) CRYPTO(X509_NAME_get_entry) CRYPTO(X509_NAME_get_index_by_NID)
CRYPTO(X509_STORE_load_locations) CRYPTO(X509_STORE_set_flags) CRYPTO(X509_digest) CRYPTO(X509_free)
CRYPTO(X509_get_ext_d2i) CRYPTO(X509_get_signature_info) CRYPTO(X509_get_subject_name)
CRYPTO(X509_verify_cert_error_string)

/* The only one with arguments of any number; OpenSSL has the same with a list of them. */
void ERR_set_error(int library, int reason, const char *format, ...) HG_PRINTF(3, 4);
void ERR_set_error(int library, int reason, const char *format, ...)
{
    void (*real)(int, int, const char *, va_list);
    *(void **)&real = find(HG_LIBPQ_CRYPTO, "ERR_vset_error");
    va_list arguments;
    va_start(arguments, format);
    if (real)
        real(library, reason, format, arguments);
    va_end(arguments);
}

/* ---- Kerberos: a failure is anything but 0 ------------------------------------------------------------ */

#define GSS_UNAVAILABLE ((word)16 << 16) /* GSS_S_UNAVAILABLE of RFC 2744 */
#define GSS(name, count) FORWARD(name, count, HG_LIBPQ_GSS, GSS_UNAVAILABLE)

GSS(gss_acquire_cred, 7)
GSS(gss_delete_sec_context, 6)
GSS(gss_display_status, 6)
GSS(gss_import_name, 6)
GSS(gss_init_sec_context, 13)
GSS(gss_release_buffer, 6)
GSS(gss_release_cred, 6)
GSS(gss_release_name, 6)
GSS(gss_unwrap, 6)
GSS(gss_wrap, 7)
GSS(gss_wrap_size_limit, 6)

/* The kind of name that is "service@host": iso(1) … krb5(2) of RFC 2744's appendix A. */
static const struct {
    uint32_t length;
    const void *elements;
} HOST_BASED = { 10, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04" };
extern const void *GSS_C_NT_HOSTBASED_SERVICE;
const void *GSS_C_NT_HOSTBASED_SERVICE = &HOST_BASED;

/* ---- LDAP, for service files that point there: begins with ldap_init, whose failure is NULL ---------------- */

#define LDAP(name) FORWARD(name, 6, HG_LIBPQ_LDAP, 0)

LDAP(ldap_count_entries) LDAP(ldap_err2string) LDAP(ldap_first_entry) LDAP(ldap_get_values_len)
LDAP(ldap_init) LDAP(ldap_msgfree) LDAP(ldap_result) LDAP(ldap_search_st) LDAP(ldap_set_option)
LDAP(ldap_simple_bind) LDAP(ldap_unbind) LDAP(ldap_value_free_len)
