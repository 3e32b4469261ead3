/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every function of OpenSSL, Kerberos and LDAP that libpq calls, loading the real library at the first
 * call (pkg/lazy/lazy.h). A connection that needs none of them loads none of their two dozen libraries.
 * A name that is missing is noticed when linking, and then scripts/static-libpq leaves libpq a shared
 * library.
 */
#include "base/base.h"
#include "lazy/lazy.h"

#include <stdarg.h>

#if __has_include("gen/libpq_names.h")
#include "gen/libpq_names.h" /* as this machine's libpq has them, by scripts/static-libpq */
#else
#define HG_LIBPQ_SSL    "libssl.so.3"
#define HG_LIBPQ_CRYPTO "libcrypto.so.3"
#define HG_LIBPQ_GSS    "libgssapi_krb5.so.2"
#define HG_LIBPQ_LDAP   "libldap-2.5.so.0"
#endif

/* ---- OpenSSL: 0 is a failure or a null pointer ------------------------------------------------------ */

#define SSL(name)    HG_LAZY(name, 6, HG_LIBPQ_SSL, 0)
#define CRYPTO(name) HG_LAZY(name, 6, HG_LIBPQ_CRYPTO, 0)

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
    *(void **)&real = hg_lazy_find(HG_LIBPQ_CRYPTO, "ERR_vset_error");
    va_list arguments;
    va_start(arguments, format);
    if (real)
        real(library, reason, format, arguments);
    va_end(arguments);
}

/* ---- Kerberos ------------------------------------------------------------------------------------------ */

#define GSS(name, count) HG_LAZY(name, count, HG_LIBPQ_GSS, HG_LAZY_KERBEROS_FAILED)

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

HG_LAZY_KERBEROS_NAME

/* ---- LDAP, for service files that point there: begins with ldap_init, whose failure is NULL ---------------- */

#define LDAP(name) HG_LAZY(name, 6, HG_LIBPQ_LDAP, 0)

LDAP(ldap_count_entries) LDAP(ldap_err2string) LDAP(ldap_first_entry) LDAP(ldap_get_values_len)
LDAP(ldap_init) LDAP(ldap_msgfree) LDAP(ldap_result) LDAP(ldap_search_st) LDAP(ldap_set_option)
LDAP(ldap_simple_bind) LDAP(ldap_unbind) LDAP(ldap_value_free_len)
