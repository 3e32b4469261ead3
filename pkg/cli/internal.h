/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/cli/internal.h - what the files of this package share. */
#ifndef HG_CLI_INTERNAL_H
#define HG_CLI_INTERNAL_H

#include "cli.h"

extern const struct hg_opt hg_cli_basic_options[];
struct hg_opt hg_cli_format_option(const struct hg_cmd *cmd);
bool hg_cli_choice_allowed(const char *values, const char *value);
void hg_cli_print_help(const struct hg_cmd *cmd);
void hg_cli_print_help_json(const struct hg_cmd *cmd);

#endif
