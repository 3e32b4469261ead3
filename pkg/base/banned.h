/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg/base/banned.h - functions that bite: using one does not compile, and says what to use.
 * System headers are read first, so that their own declarations are not hit.
 */
#ifndef HG_BASE_BANNED_H
#define HG_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok
#undef strncpy
#undef strncat
#undef atoi
#undef localtime
#undef gmtime
#undef system
#undef popen
#undef alloca
#undef mktemp
#undef tmpnam
#define strcpy   hg_banned_use_hg_buf_adds
#define strcat   hg_banned_use_hg_buf_adds
#define strncpy  hg_banned_use_snprintf
#define strncat  hg_banned_use_hg_buf_add
#define sprintf  hg_banned_use_snprintf
#define vsprintf hg_banned_use_vsnprintf
#define strtok   hg_banned_use_strcspn
#define atoi     hg_banned_use_hg_parse_int
#define localtime hg_banned_use_localtime_r
#define gmtime   hg_banned_use_gmtime_r
#define system   hg_banned_use_pkg_process
#define popen    hg_banned_use_pkg_process
#define alloca   hg_banned_use_hg_xmalloc
#define mktemp   hg_banned_use_mkstemp
#define tmpnam   hg_banned_use_mkstemp

#endif
