# SPDX-License-Identifier: Apache-2.0
# Builds, tests and installs headgate. `make help` lists the targets.
#
# Sources are found, not listed: pkg/NAME/*.c become build/PROFILE/libNAME.a, cmd/NAME/*.c become
# the program NAME, tests/unit/test_*.c the unit tests, tests/fuzz/fuzz_*.c the fuzz targets.
# pkg/NAME/sql/x.sql and pkg/NAME/py/x.py are embedded as hg_sql_NAME_x and hg_py_NAME_x
# (#include "gen/NAME_embed.h"). Every program is offered all libraries with --as-needed, so it
# loads only what its own objects use; scripts/check-layers watches who may include whom.

SHELL    := /bin/sh
CC       ?= gcc
PROFILE  ?= dev
PREFIX   ?= /usr/local
BUILD    := build/$(PROFILE)
WERROR   ?=
VERSION  := $(shell sed -n 's/.*hg_version\[\] = "\(.*\)";/\1/p' pkg/base/log.c)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wwrite-strings -Wformat=2 -Wundef -Wpointer-arith -Wno-sign-conversion
HARDEN   := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
# In sections, so that a program has of each package what it calls and nothing else.
CFLAGS_dev     := -O2 -g $(HARDEN) -ffunction-sections -fdata-sections
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_clang   := -O0
CFLAGS_analyze := -O1 -g -fanalyzer
CFLAGS_fuzz    := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
LDFLAGS_dev    := -pie -Wl,-z,relro,-z,now -Wl,--gc-sections
LDFLAGS_asan   := -fsanitize=address,undefined
LDFLAGS_clang  :=
LDFLAGS_analyze :=
LDFLAGS_fuzz   := -fsanitize=address,undefined,fuzzer

PKGS_PC  := libpq libcurl jansson libarchive yaml-0.1 libssl libcrypto
# These two go into the programs: loading them costs headgate-env and the verbs 0.15 ms each.
SMALL_LIBS_dev := -Wl,-Bstatic -ljansson -lyaml -Wl,-Bdynamic
# And libarchive where that can be done (scripts/static-archive): images of applications have none.
SMALL_LIBS_dev += $(shell scripts/static-archive $(BUILD))
SMALL_LIBS := $(SMALL_LIBS_$(PROFILE))
# libpq goes in too where that can be done (pkg/libpq/libpq.h). What comes out of archives is hidden, so
# that a shared library does not find our OpenSSL functions instead of its own.
LIBPQ_dev := $(shell scripts/static-libpq $(BUILD))
LIBPQ     := $(LIBPQ_$(PROFILE))
# And libcurl into the programs that speak HTTP (scripts/static-curl).
CURL_dev  := $(shell scripts/static-curl $(BUILD))
CURL_LIBS := $(CURL_$(PROFILE))
PC_CFLAGS := $(shell pkg-config --cflags $(PKGS_PC) 2>/dev/null)
PC_LIBS  := $(shell pkg-config --libs $(PKGS_PC) 2>/dev/null)
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -Ipkg -I$(BUILD) $(PC_CFLAGS) $(WARNINGS) $(WERROR) \
              $(CFLAGS_$(PROFILE)) $(CFLAGS)
ALL_LDFLAGS := $(LDFLAGS_$(PROFILE)) $(LDFLAGS)

PACKAGES := $(patsubst pkg/%/,%,$(wildcard pkg/*/))
PROGRAMS := $(patsubst cmd/%/,%,$(wildcard cmd/*/))
EMBEDS   := $(sort $(foreach p,$(PACKAGES),$(if $(wildcard pkg/$(p)/sql/*.sql pkg/$(p)/py/*.py),$(p))))
ARCHIVES := $(PACKAGES:%=$(BUILD)/lib%.a)
BINARIES := $(PROGRAMS:%=$(BUILD)/%)
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
HELPERS  := $(patsubst tests/helpers/%.c,$(BUILD)/helpers/%,$(wildcard tests/helpers/*.c))
GEN      := $(EMBEDS:%=$(BUILD)/gen/%_embed.h)
comma    := ,
objects   = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c))

.PHONY: all
all: $(BINARIES) ## build every program into build/dev

# Everything goes to a single link group: packages may stand in any order.
# libpq stands first, so that its hashes are found in ours before PostgreSQL's.
LINK = $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(if $(LIBPQ),-Wl$(comma)--exclude-libs$(comma)ALL) \
       -Wl,--start-group $(firstword $(LIBPQ)) $(ARCHIVES) $(wordlist 2,9,$(LIBPQ)) -Wl,--end-group \
       $(SMALL_LIBS) -Wl,--as-needed $(PC_LIBS)

define package
$(BUILD)/lib$(1).a: $(call objects,pkg/$(1)) $(if $(filter $(1),$(EMBEDS)),$(BUILD)/gen/$(1)_embed.o)
	@rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach p,$(PACKAGES),$(eval $(call package,$(p))))

define program
$(BUILD)/$(1): $(call objects,cmd/$(1)) $(ARCHIVES) $(LIBPQ)
	@echo "  LD   $$@"
	@$$(LINK)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# Only after `make clean all`, which found libpq before it cleaned.
$(BUILD)/libpq/libhash.a:
	@mkdir -p $(BUILD) && scripts/static-libpq $(BUILD) > $(BUILD)/libpq.log

$(BUILD)/curl/libforward.a:
	@mkdir -p $(BUILD) && scripts/static-curl $(BUILD) > $(BUILD)/curl.log

# Without libpq's forwarders: these are to have the real OpenSSL.
HTTP_PROGRAMS := $(BUILD)/headgate-source-railway $(BUILD)/headgate-notify
ifneq ($(CURL_LIBS),)
$(HTTP_PROGRAMS): LIBPQ := $(CURL_LIBS)
$(HTTP_PROGRAMS): ARCHIVES := $(filter-out %/liblibpq.a,$(ARCHIVES))
$(HTTP_PROGRAMS): $(BUILD)/curl/libforward.a
endif

# `headgate` resolves targets itself (cmd/headgate/main.c) by the files of headgate-env.
$(BUILD)/headgate: $(filter-out %/start.o,$(call objects,cmd/headgate-env))

$(BUILD)/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define embed
$(BUILD)/gen/$(1)_embed.c: $(wildcard pkg/$(1)/sql/*.sql pkg/$(1)/py/*.py) scripts/embed
	@mkdir -p $(BUILD)/gen
	@scripts/embed $(1) $$@ $(BUILD)/gen/$(1)_embed.h $$(filter-out scripts/embed,$$^)
$(BUILD)/gen/$(1)_embed.h: $(BUILD)/gen/$(1)_embed.c
	@test -f $$@
$(BUILD)/gen/$(1)_embed.o: $(BUILD)/gen/$(1)_embed.c
	@$(CC) $(ALL_CFLAGS) -c -o $$@ $$<
endef
$(foreach p,$(EMBEDS),$(eval $(call embed,$(p))))

# The pages of the rules, for `headgate explain`.
$(BUILD)/gen/rule_pages.c: $(wildcard docs/rules/HG*.md) scripts/embed-rules
	@mkdir -p $(BUILD)/gen
	@scripts/embed-rules $@ $(sort $(filter %.md,$^))
$(BUILD)/gen/rule_pages.o: $(BUILD)/gen/rule_pages.c pkg/finding/internal.h
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/libfinding.a: $(BUILD)/gen/rule_pages.o

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(ARCHIVES) $(LIBPQ)
	@mkdir -p $(@D)
	@$(LINK) -lcmocka
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(if $(filter fuzz,$(PROFILE)),,$(BUILD)/tests/fuzz/replay/main.o) $(ARCHIVES)
	@mkdir -p $(@D)
	@$(LINK)
# The peers of tests/bench are linked as everybody links.
$(BUILD)/helpers/%: LIBPQ :=
$(BUILD)/helpers/%: $(BUILD)/tests/helpers/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@$(LINK)

# What tests put before a program's libraries (LD_PRELOAD): for libc alone, too.
PRELOADS := $(patsubst tests/preload/%.c,$(BUILD)/helpers/%.so,$(wildcard tests/preload/*.c))
$(BUILD)/helpers/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) -std=gnu17 -D_GNU_SOURCE -O2 $(WARNINGS) $(WERROR) -fPIC -shared -o $@ $<

# The relay that headgate copies into containers which have nothing of their own to relay with: static,
# small, and for libc alone, so it is compiled apart. Named by the machine it runs on.
RELAY       := $(BUILD)/headgate-relay.$(shell uname -m)
RELAY_CC    ?= $(if $(shell command -v musl-gcc),musl-gcc,$(CC))
RELAY_FLAGS := -std=gnu17 -D_GNU_SOURCE -Ipkg -Os $(WARNINGS) $(WERROR) -static -s \
               -ffunction-sections -fdata-sections -Wl,--gc-sections
$(RELAY): pkg/tunnel/relay/main.c pkg/tunnel/mux.c pkg/tunnel/mux.h
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(RELAY_CC) $(RELAY_FLAGS) -o $@ $(filter %.c,$^) -pthread
all: $(RELAY)

# What stays as process 1 beside an application: static and for libc alone, likewise.
PID1 := $(BUILD)/headgate-pid1
$(PID1): pkg/init/program/main.c $(wildcard pkg/init/*.c) pkg/init/init.h
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(RELAY_CC) $(RELAY_FLAGS) -o $@ $(filter %.c,$^)
all: $(PID1)

.PHONY: unit fuzzers helpers
unit: $(UNIT) ## build the unit tests
fuzzers: $(FUZZ) ## build the fuzz targets (PROFILE=fuzz CC=clang for libFuzzer)
helpers: $(HELPERS) $(PRELOADS)

.PHONY: deps
deps: ## install what building and testing need
	@scripts/install-deps

.PHONY: test test-railway-cli check-asan check-valgrind check-static layers hdr-check bench demo fuzz
test: ## install what is missing, build, and run every test
	@scripts/install-deps
	@ci/test
test-railway-cli: all helpers ## the same beside the real Railway CLI (built once, 8 minutes)
	@scripts/test-railway-cli > /dev/null
	@tests/run tests/railway
check-asan: ## unit and command tests under address and undefined behaviour sanitizers
	@ci/asan
check-valgrind: ## unit and command tests under valgrind
	@ci/valgrind
check-static: ## gcc and clang without a warning, shellcheck, layers, headers, pages
	@ci/static
layers: ## who may include whom
	@scripts/check-layers
hdr-check: $(GEN) ## every public header compiles alone, twice
	@for h in pkg/*/*.h; do printf '#include "%s"\n#include "%s"\n' "$${h#pkg/}" "$${h#pkg/}" | \
	  $(CC) $(ALL_CFLAGS) -Werror -fsyntax-only -x c - || exit 1; done
fuzz: ## fuzz each target for a while (SECONDS=60)
	@ci/fuzz
.PHONY: test-regression-database
test-regression-database: all ## round trip of the database of PostgreSQL's own suite (fetches 23 MB, 2 minutes)
	@scripts/test-regression-database
bench: ## ratios beside the peers, measured in one run (builds the real Railway CLI's release, once)
	@scripts/install-deps
	@$(MAKE) --no-print-directory all helpers
	@HGT_BENCH_BUILD=1 tests/bench/run
torture: all helpers ## EXECS (10000) commands in containers, every byte compared with docker exec
	@tests/e2e/torture $(or $(EXECS),10000)
demo: ## the main job on a real PostgreSQL, real Alembic and a Railway API stub
	@scripts/install-deps
	@$(MAKE) --no-print-directory all
	@scripts/demo

.PHONY: bundle
bundle: all ## the sample's migrations as one file, build/dev/sample.bundle, by `headgate bundle`
	@PATH="$(CURDIR)/$(BUILD):$$(scripts/test-venv)/bin:$$PATH" headgate bundle -C containers/notebook-api \
	  -o "$(CURDIR)/$(BUILD)/sample.bundle"
.PHONY: install uninstall image clean help dist compile_commands.json docs docs-check analyze
LIBEXEC := $(PREFIX)/libexec/headgate
install: all ## install under DESTDIR/PREFIX
	@scripts/install-tree "$(BUILD)" "$(DESTDIR)" "$(PREFIX)"
uninstall: ## remove what install put there
	@scripts/install-tree --remove "$(BUILD)" "$(DESTDIR)" "$(PREFIX)"
image: ## the container image `headgate` (docs/images.md); BASE_IMAGE=, IMAGE=
	@docker build -f containers/headgate.Dockerfile -t "$(or $(IMAGE),headgate)" \
	  $(if $(BASE_IMAGE),--build-arg BASE_IMAGE="$(BASE_IMAGE)") .
clean: ## remove build/
	rm -rf build
compile_commands.json: ## for editors and clang tools
	@scripts/compile-commands "$(CC) $(ALL_CFLAGS)" > $@
docs: all ## option tables of docs/ from the programs themselves
	@scripts/gen-docs
docs-check: all ## are the pages complete and their option tables current?
	@scripts/gen-docs --check
analyze: ## gcc's analyzer over every file
	@$(MAKE) --no-print-directory PROFILE=analyze WERROR=-Werror all
dist: ## headgate-VERSION.tar.gz of what is committed
	@git archive --prefix=headgate-$(VERSION)/ -o headgate-$(VERSION).tar.gz HEAD
	@echo headgate-$(VERSION).tar.gz
help: ## this list
	@awk -F ':.*## ' '/^[a-z_.-]+:.*## /{printf "  %-22s %s\n", $$1, $$2}' Makefile

.SECONDARY:

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
