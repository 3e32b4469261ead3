/* SPDX-License-Identifier: Apache-2.0 */
/* Between document.c and file.c: the parts of headgate.ledger/1, with null for what is not known. */
#ifndef HG_LEDGER_DOCUMENT_H
#define HG_LEDGER_DOCUMENT_H

#include "internal.h"

json_t *hg_ledger_new_document(const char *place);
json_t *hg_ledger_new_run(void);
json_t *hg_ledger_new_step(void);

#endif
