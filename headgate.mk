# SPDX-License-Identifier: Apache-2.0
#
# headgate.mk - the make targets of a project whose migrations headgate guards:
#
#     include /usr/local/share/headgate/headgate.mk
#
#   migration m="add sources table"   autogenerate a revision and review it (MANUAL=1: an empty one)
#   migrate                           apply what is pending to the development database
#   migrate-status  migrate-history   where it stands; the revision graph
#   migrate-down [REV=-1]             roll it back, by one revision or to REV
#   migrate-doctor                    can everything be found and reached? one line each
#   migrate-plan [o=plan.json]        what would run, as SQL; o: the plan itself, for apply --plan
#   migrate-bundle [o=FILE]           what the code wants as one file (headgate.bundle), to apply without Python
#   migrate-docker                    apply inside the container of the target `docker`
#   migrate-check [BASE=origin/main]  judge files and git alone, for pull requests
#   migrate-prod                      apply to production, with its variables injected
#   migrate-prod-status  migrate-prod-history  migrate-prod-down [REV=-1]
#   migrate-prod-snapshot             write what production has to a file
#
# t=NAME takes another target of headgate.yaml in the targets without "docker" or "prod" in their
# names. YES=1 answers the question that protected targets ask.
#
# Set before the include, if at all:
#   HEADGATE          the program                                           (headgate)
#   HEADGATE_PREFIX   put before every target name, "db-" gives db-migrate  (nothing)
#   HEADGATE_PROD     the target behind migrate-prod…                       (production)
#   HEADGATE_DOCKER   the target behind migrate-docker                      (docker)
#
# Works with GNU make 3.81 and any POSIX /bin/sh. A target that your makefile defines with a recipe of
# its own is left alone; one without a recipe ("migrate-prod: test") adds prerequisites to the one
# here. The default goal stays what it was. make turns every failure into its own exit code 2: the
# line "headgate: exit N" has headgate's.

HEADGATE        ?= headgate
HEADGATE_PROD   ?= production
HEADGATE_DOCKER ?= docker

HEADGATE_GOAL_ := $(.DEFAULT_GOAL)
HEADGATE_NAMES_ := $(addprefix $(HEADGATE_PREFIX),migration migrate migrate-status migrate-history \
  migrate-down migrate-doctor migrate-bundle migrate-docker migrate-check migrate-plan migrate-prod \
  migrate-prod-status migrate-prod-history migrate-prod-down migrate-prod-snapshot)

# Which of the names have a recipe in the makefiles read so far, or further down in them: make 3.81
# cannot be asked, so the files are. Lines are joined at backslashes; blank lines, comments and
# conditionals may stand between a rule and its recipe.
HEADGATE_SCAN_ := { while (sub(/\\$$/, " ") && (getline rest) > 0) $$0 = $$0 rest } \
  /^\t/ { for (n in open) print n; split("", open); next } \
  /^[ ]*(\#.*)?$$/ || /^ *(ifeq|ifneq|ifdef|ifndef|else|endif)/ { next } \
  { split("", open) } \
  /^[^\#=]*:/ && !/^[^:]*:?:?:=/ { left = $$0; sub(/:.*/, "", left); right = substr($$0, length(left) + 2); \
    count = split(left, names, " "); \
    for (i = 1; i <= count; i++) { if (right ~ /;/) print names[i]; else open[names[i]] = 1 } }
HEADGATE_TAKEN_ := $(filter $(HEADGATE_NAMES_),$(shell awk '$(HEADGATE_SCAN_)' \
  $(filter-out %headgate.mk,$(MAKEFILE_LIST)) /dev/null 2>/dev/null))
HEADGATE_OURS_ := $(filter-out $(HEADGATE_TAKEN_),$(HEADGATE_NAMES_))

# What the caller says reaches the recipes through the environment, exactly as typed and never as
# make or shell text: m="it's $$5" and even m='$$(shell date)' are only a message.
export HEADGATE_MAKE_PROGRAM := $(HEADGATE)
export HEADGATE_MAKE_PROD := $(HEADGATE_PROD)
export HEADGATE_MAKE_DOCKER := $(HEADGATE_DOCKER)
export HEADGATE_MAKE_NAME := $(HEADGATE_PREFIX)
export HEADGATE_MAKE_M := $(value m)
export HEADGATE_MAKE_T := $(value t)
export HEADGATE_MAKE_O := $(value o)
export HEADGATE_MAKE_REV := $(value REV)
export HEADGATE_MAKE_BASE := $(value BASE)
export HEADGATE_MAKE_YES := $(filter 1 y yes true,$(value YES))
export HEADGATE_MAKE_MANUAL := $(filter 1 y yes true,$(value MANUAL))
# Else make would expand them once more when it fills the environment of a recipe.
ifneq ($(filter $(HEADGATE_OURS_),$(MAKECMDGOALS)),)
unexport m t o REV BASE YES MANUAL
endif

# headgate_run ARGS…: runs it, says how it ended, and ends the recipe with the same code.
HEADGATE_RUN_ = headgate_run() { \
  code=0; "$$HEADGATE_MAKE_PROGRAM" "$$@" || code=$$?; \
  case $$code in \
    0) what="done" ;; 1) what="the answer is no" ;; 2) what="wrong usage or configuration" ;; \
    3) what="could not tell" ;; 4) what="the migration was started and failed" ;; \
    5) what="somebody else holds the migration lock" ;; 124) what="time ran out" ;; \
    126) what="command cannot be run" ;; \
    127) what="command not found: is headgate installed and in PATH?" ;; \
    129|1[3-9]?|2??) what="ended by signal $$((code - 128))" ;; *) what="not a code of headgate" ;; \
  esac; \
  echo "headgate: exit $$code ($$what)" >&2; exit $$code; \
}

HEADGATE_T_ := $${HEADGATE_MAKE_T:+-t "$$HEADGATE_MAKE_T"}
HEADGATE_YES_ := $${HEADGATE_MAKE_YES:+--yes}
HEADGATE_REV_ := "$${HEADGATE_MAKE_REV:--1}"

ifneq ($(HEADGATE_OURS_),)
.PHONY: $(HEADGATE_OURS_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migration,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migration:
	@$(HEADGATE_RUN_); \
	if [ -z "$$HEADGATE_MAKE_M" ]; then \
	  echo "headgate: say what the migration does: make $${HEADGATE_MAKE_NAME}migration m=\"add sources table\"" >&2; \
	  echo "headgate: exit 2 (wrong usage or configuration)" >&2; exit 2; \
	fi; \
	headgate_run new $(HEADGATE_T_) $${HEADGATE_MAKE_MANUAL:+--manual} -m "$$HEADGATE_MAKE_M"
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate:
	@$(HEADGATE_RUN_); headgate_run apply $(HEADGATE_T_) $(HEADGATE_YES_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-status,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-status:
	@$(HEADGATE_RUN_); headgate_run status $(HEADGATE_T_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-history,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-history:
	@$(HEADGATE_RUN_); headgate_run history $(HEADGATE_T_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-down,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-down:
	@$(HEADGATE_RUN_); headgate_run rollback $(HEADGATE_T_) $(HEADGATE_YES_) $(HEADGATE_REV_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-doctor,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-doctor:
	@$(HEADGATE_RUN_); headgate_run doctor $(HEADGATE_T_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-bundle,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-bundle:
	@$(HEADGATE_RUN_); headgate_run bundle $(HEADGATE_T_) $${HEADGATE_MAKE_O:+-o "$$HEADGATE_MAKE_O"}
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-docker,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-docker:
	@$(HEADGATE_RUN_); headgate_run apply -t "$$HEADGATE_MAKE_DOCKER" $(HEADGATE_YES_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-check,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-check:
	@$(HEADGATE_RUN_); headgate_run gate --offline $(HEADGATE_T_) \
	  $${HEADGATE_MAKE_BASE:+--base "$$HEADGATE_MAKE_BASE"}
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-plan,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-plan:
	@$(HEADGATE_RUN_); headgate_run plan $(HEADGATE_T_) $${HEADGATE_MAKE_O:+-o "$$HEADGATE_MAKE_O"}
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-prod,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-prod:
	@$(HEADGATE_RUN_); headgate_run apply -t "$$HEADGATE_MAKE_PROD" $(HEADGATE_YES_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-prod-status,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-prod-status:
	@$(HEADGATE_RUN_); headgate_run status -t "$$HEADGATE_MAKE_PROD"
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-prod-history,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-prod-history:
	@$(HEADGATE_RUN_); headgate_run history -t "$$HEADGATE_MAKE_PROD"
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-prod-down,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-prod-down:
	@$(HEADGATE_RUN_); headgate_run rollback -t "$$HEADGATE_MAKE_PROD" $(HEADGATE_YES_) \
	  $(HEADGATE_REV_)
endif

ifneq ($(filter $(HEADGATE_PREFIX)migrate-prod-snapshot,$(HEADGATE_OURS_)),)
$(HEADGATE_PREFIX)migrate-prod-snapshot:
	@$(HEADGATE_RUN_); headgate_run snapshot -t "$$HEADGATE_MAKE_PROD"
endif

.DEFAULT_GOAL := $(HEADGATE_GOAL_)
