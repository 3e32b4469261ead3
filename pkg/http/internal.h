/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of pkg/http only. */
#ifndef HG_HTTP_INTERNAL_H
#define HG_HTTP_INTERNAL_H

#include "http.h"

#include <curl/curl.h>

/* Which authorities the transfer trusts: the file or folder that CURL_CA_BUNDLE, SSL_CERT_FILE or
 * SSL_CERT_DIR name, else the system's. True when only the system's folder is looked into, where a
 * certificate is found by its hash; trust_system_file then adds the system's file. */
bool trust(CURL *curl);
void trust_system_file(CURL *curl);

#endif
