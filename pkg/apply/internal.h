/* SPDX-License-Identifier: Apache-2.0 */
/* pkg/apply/internal.h - the parts of one run, shared by this package's files. */
#ifndef HG_APPLY_INTERNAL_H
#define HG_APPLY_INTERNAL_H

#include "alembic/alembic.h"
#include "apply.h"
#include "bundle/bundle.h"
#include "finding/finding.h"
#include "ledger/ledger.h"
#include "live.h"
#include "pg/pg.h"
#include "review/review.h"
#include "status/status.h"
#include "target/target.h"

/* One short statement of ours on a working server. */
#define HG_APPLY_QUERY_NS     (10 * HG_NS_PER_S)
#define HG_APPLY_CONNECT_NS   (10 * HG_NS_PER_S)
#define HG_APPLY_SESSIONS_MAX 256
#define HG_APPLY_LINE_MAX     ((size_t)1 << 20) /* one report of the driver */

struct hg_identity {
    char *system_identifier, *database, *oid, *role;
    int pid;                        /* of this session, by the server's word */
    bool in_recovery, read_only, pooled;
};

/* What the driver reported. */
struct hg_driven {
    int sessions[HG_APPLY_SESSIONS_MAX];
    size_t session_count;
    struct hg_ledger_times *times;
    size_t time_count, time_cap;
    size_t steps_ended;             /* steps whose end was reported */
    size_t steps_committed;         /* of those, before the last commit seen */
    bool autocommit, transaction_per_migration;
    bool began;                     /* the driver runs */
    bool finished, ok;              /* its own result arrived */
    bool touched;                   /* perhaps env.py ran something that changes a database */
    char *stopped;                  /* its reason, when it stopped Alembic */
    char *exception, *message, *detail, sqlstate[6];
    char *half;                     /* the revision of which something was committed before its version
                                       row was; NULL: none */
    char *undid;                    /* the revision that rolled back others before it in its transaction */
    char *lost;                     /* the revision that rolled back what it had done itself */
    int paces;                      /* so many revisions are committed, and the next one waits for the
                                       word; 0: it does not */
};

/* Who waits for the migration, and who is in its way (breaker.c). */
struct hg_breaker {
    int64_t next_ns;                /* of the next look */
    int64_t since_ns;               /* others have been waiting since; 0: nobody does */
    int64_t tripped_ns;             /* the migration was canceled for them; 0: it was not */
    unsigned trips;                 /* in all tries */
    json_t *waiting;                /* who waited when it tripped */
    json_t *in_way;                 /* whom the migration waited for last, or NULL */
};

/* Points between revisions that commit one by one (throttle.c). */
struct hg_throttle {
    int words;                      /* the number of the next word is above this: a lock is never asked
                                       for twice */
    int given;                      /* number of the word given last; 0: none */
    bool recorded;                  /* what was finished before this point is in the ledger */
    int64_t recorded_ns;            /* when that was last so, at any point; 0: never */
    int64_t since_ns, next_ns, said_ns;
    char noted[32];                 /* a position in the WAL to which some replica has not come, since */
    int64_t noted_ns;
    char *failed;                   /* why the migration must not go on */
    bool ended;                     /* and it was told so */
};

/* A character of a child's output of which the rest is still to be read. */
struct hg_begun { char bytes[3]; size_t len; };

/* A revision that only the ledger has the file of. */
struct hg_stored {
    struct hg_ledger_file file;
    char *name;                     /* of the file that Alembic gets */
    char *message;                  /* the revision's */
    char *proof, *why;              /* what proves it, or why nothing does */
};

struct hg_run {
    const struct hg_apply_options *o;
    struct hg_target target;
    struct hg_alembic_config alembic;
    struct hg_graph *graph;
    struct hg_stored *stored;
    size_t stored_count, stored_cap;
    struct hg_status status;
    bool have_target, have_alembic, have_status;
    struct hg_bundle bundle;        /* instead of alembic.ini and its files */
    bool have_bundle;
    bool connected;                 /* once: the next connection reads command sources again */
    struct hg_findings findings;
    PGconn *lock, *watch;           /* the lock session; everything else */
    struct hg_identity identity;    /* of the watching session */
    int lock_pid;
    int32_t key;
    char *version_table;            /* "schema.table" */
    struct hg_ledger ledger;
    struct hg_ledger_summary summary;
    bool have_summary;
    json_t *planned;                /* the plan to keep to, or NULL */
    char *goal;                     /* what Alembic is told: a revision, heads, base */
    struct hg_revlist steps;
    struct hg_strv to;              /* rows expected after the steps */
    char *by, *host, *commit;
    char *named;                    /* the revision that the lock session's name tells; NULL: none yet */
    struct hg_strv invalid_before, unvalidated_before, invalid_after;
    struct hg_ledger_objects before, now; /* what the catalog held; for the ledger */
    json_t *catalog_before, *catalog_now; /* the same with their definitions; NULL: not known */
    json_t *changed;                /* by this run, as hg_snapshot_diff has it; NULL: not known */
    bool comparing;                 /* these two, from hg_run_find_changed to hg_run_found_changed */
    pthread_t compare_thread;       /* does so, where */
    bool compares_beside;           /* it could be started */
    struct hg_findings preflight;   /* until the gate judges */
    int64_t calm_left_ns;           /* of --wait-for-calm */
    struct hg_strv shown;           /* steps whose downgrades were shown */
    struct hg_driven driven;
    struct hg_breaker breaker;
    struct hg_throttle throttle;
    unsigned tries;                 /* of the migrator */
    struct hg_buf report;           /* bytes of an unfinished line of the driver */
    struct hg_begun begun[2];       /* on stderr, on stdout */
    int64_t started_ns, next_beat_ns, next_watch_ns, told_to_end_ns;
    struct hg_apply_pace pace;      /* of progress events */
    bool lock_lost, timed_out;
    bool settled;                   /* something of the past was written down */
    int signal;                     /* that interrupted us; 0: none */
    /* the result */
    const char *outcome;
    bool to_known;
    struct hg_strv from, after, applied;
    struct hg_strv moved_from, moved_to, from_before; /* of a squash; and the rows before it */
    bool started;                   /* the migrator: from here anything but success is 4 */
    json_t *earlier;                /* receipt of the target that comes first (gate.after), or NULL */
    json_t *expected;               /* seconds that revisions took before, by id; NULL: nothing known */
    struct hg_tell *tell;           /* notify.c; NULL: nobody is told */
    bool hooked;                    /* the hooks of `before` were reached */
    int64_t began_ns, ended_ns;     /* of all of it; 0: not yet */
};

/* events.c */
json_t *hg_event(const char *name);             /* {"event", "at"} */
json_t *hg_note(const char *note);              /* a progress event: recovered, adopted, held… */
void hg_emit(struct hg_run *r, json_t *event);  /* steals */
json_t *hg_json_list(const struct hg_strv *v);
json_t *hg_event_text(const char *text);         /* null for NULL; invalid UTF-8 replaced */

/* open.c */
/* A session for our own statements. On the way of its settings goes what it is to answer first, HG_FIRST_ASKS at
 * most, as by hg_pg_ask_each; the caller releases that, also after -1. */
enum { HG_IDENTITY_ASKS = 2, HG_SETTINGS_MAX = 8, HG_FIRST_ASKS = HG_IDENTITY_ASKS + HG_SETTINGS_MAX };
int hg_run_connect(struct hg_run *r, const char *what, struct hg_pg_ask *asks, size_t count, PGconn **ret,
                   struct hg_err *err);
/* For a bundle's statements: with the time limits that role, database and address set. */
int hg_run_connect_migrator(struct hg_run *r, struct hg_pg_ask *asks, size_t count, PGconn **ret, struct hg_err *err);
/* Which database is it? `before`: what another session of this run was, or NULL. How many are to be asked. */
size_t hg_identity_asks(const struct hg_identity *before, struct hg_pg_ask *ret);
int hg_identity_take(PGconn *conn, const struct hg_identity *before, const struct hg_pg_ask *asks,
                     struct hg_identity *ret, struct hg_err *err);
void hg_identity_done(struct hg_identity *i);
int hg_run_open(struct hg_run *r, struct hg_err *err);      /* target, files, connections */
/* (Again,) with these files besides those of the configuration; findings are those of loading then. */
int hg_run_load_files(struct hg_run *r, const struct hg_alembic_source *more, size_t count,
                      struct hg_err *err);
int hg_run_status(struct hg_run *r, struct hg_err *err);    /* reads where it stands, and the ledger */
void hg_run_done(struct hg_run *r);
void hg_run_who(struct hg_run *r);

/* lock.c */
int hg_run_lock(struct hg_run *r, struct hg_err *err);
/* An advisory lock's two numbers, as parameters. */
struct hg_lock_name { char class[16], key[16]; };
struct hg_lock_name hg_lock_name(int32_t key, int lock_class);
/* Other sessions that hold this lock, in the columns of sql/holders.sql. */
int hg_run_holders(PGconn *conn, int32_t key, int lock_class, PGresult **ret, struct hg_err *err);
/* "it goes to r3, from commit 41f6d28c9e20, begun by tess at …", or "": of a holder in an event; heap. */
char *hg_holder_run(const json_t *holder);
bool hg_run_lock_held(struct hg_run *r);                    /* heartbeat; false: the session is gone */
void hg_run_name_step(struct hg_run *r);                    /* its application_name tells the revision under way */
void hg_signals_catch(void);
int hg_signals_seen(void);                                  /* last signal before the migrator ran */
unsigned hg_signals_count(void);                            /* how many of them */
int hg_signals_check(struct hg_err *err);                   /* -1 SIGNAL (128+n) when there was one */
void hg_signals_release(void);
/* Waits, as long as it takes a person, until fd can be read; -1 as hg_signals_check. */
int hg_signals_wait_input(int fd, struct hg_err *err);
int hg_int4_array(const int *pids, size_t count, char **ret_literal);

/* judge.c */
int hg_run_plan(struct hg_run *r, struct hg_err *err);      /* goal, steps, rows after */
int hg_run_judge(struct hg_run *r, struct hg_err *err);     /* the gate; -1 REFUSED when shut */
bool hg_run_asks(const struct hg_run *r);                   /* must somebody confirm it? */
int hg_run_confirm(struct hg_run *r, struct hg_err *err);

/* record.c */
bool hg_run_moved_outside(const struct hg_run *r); /* the rows are not as recorded, and no run is open */
int hg_run_settle_past(struct hg_run *r, struct hg_err *err); /* open intent, adoption, release */
int hg_run_intent(struct hg_run *r, struct hg_err *err);
int hg_run_outcome(struct hg_run *r, const struct hg_err *failure, struct hg_err *err);
int hg_run_baseline(struct hg_run *r, struct hg_err *err);
int hg_run_adopt(struct hg_run *r, struct hg_err *err);       /* only the past */
int hg_run_squash_intent(struct hg_run *r, struct hg_err *err);
int hg_run_squash_outcome(struct hg_run *r, bool moved, struct hg_err *err);

/* objects.c: what the catalog holds. Failing costs the run its fingerprint (HG238), nothing else. */
void hg_run_objects_before(struct hg_run *r);
void hg_run_objects_now(struct hg_run *r);
void hg_run_catalog_now(struct hg_run *r);   /* r->now is to be filled by the caller */

/* changed.c: after the migrator. */
/* What this run made, changed and took away, from the catalogs at both ends: reads the second, and has it
 * when hg_run_found_changed returns. Of thousands of tables that takes a while, in which the caller may do what
 * leaves the catalogs alone: the record of the run takes as long. */
void hg_run_find_changed(struct hg_run *r);
void hg_run_found_changed(struct hg_run *r);
/* HG618 for what the plan that is kept to did not say, or said and did not come; -1 when there is any. */
int hg_run_as_planned(struct hg_run *r, struct hg_err *err);

/* touched.c: what the steps touch, from their text. */
struct hg_touched {
    struct hg_strv tables;          /* as quoted names: "public"."t", or "t" */
    struct hg_strv altered;         /* of those, that only their owner may touch so */
    struct hg_strv schemas;         /* in which something is made; "": the first of the search path */
    bool all;                       /* these are all of them */
    bool concurrently;              /* something waits until every older snapshot is gone */
};
void hg_touched_add(struct hg_touched *t, const struct hg_review_body *body);
void hg_run_touched(const struct hg_run *r, struct hg_touched *ret);
void hg_touched_done(struct hg_touched *t);
/* "schema"."table", or "table" where the schema is NULL. Heap. */
char *hg_quoted_name(const char *schema, const char *table);

/* preflight.c: before the gate judges. What cannot be read is not said. */
void hg_run_preflight(struct hg_run *r);
/* Findings (HG610, HG612 to HG615) of what sql/load.sql saw. */
void hg_preflight_load(const json_t *seen, struct hg_findings *ret);
/* What the load is at the moment. */
int hg_run_load(struct hg_run *r, struct hg_findings *ret, struct hg_err *err);
/* The variable that seems to name this database past its pooler; NULL: none. Borrowed. */
const char *hg_run_direct_variable(const struct hg_target *t);

/* calm.c: --wait-for-calm. */
bool hg_run_wants_calm(const struct hg_run *r);
/* Did the last pre-flight see load that nobody waived? */
bool hg_run_crowded(const struct hg_run *r);
/* Until there is none, without any lock; TIMEOUT when that takes too long. */
int hg_run_wait_for_calm(struct hg_run *r, struct hg_err *err);

/* driver.c */
char *hg_driver_program(struct hg_run *r, int report_fd);   /* fd < 0: its stdout, in another place */
/* The specification, source.py, driver.py, failure.py, what stands between, and the call. Heap. */
char *hg_driver_text(const json_t *spec, const char *between);
/* For `driver: plain` behind a command: bare Alembic. Heap. */
char *hg_driver_plain_program(struct hg_run *r);
void hg_driver_argv(struct hg_run *r, bool flask, struct hg_strv *ret);
/* The words up to and with the verb. */
void hg_driver_command(const struct hg_run *r, bool flask, const char *verb, struct hg_strv *ret);
void hg_driver_feed(struct hg_run *r, const char *data, size_t len);
/* What hg_driver_feed makes of one line. */
void hg_driver_report(struct hg_run *r, const json_t *report);
/* What the migrator's sessions are set to, by name. New reference. */
json_t *hg_driver_settings(const struct hg_run *r);
void hg_driven_done(struct hg_driven *d);
/* Before another try: keeps the times of what is applied, forgets the rest. */
void hg_driven_again(struct hg_driven *d, const struct hg_strv *applied);
/* The target's, else ours. The session's own may be shorter. */
int64_t hg_run_lock_timeout(const struct hg_run *r);

/* How the interpreter reads its program from a descriptor: a format with one %d. */
#define HG_DRIVER_PROGRAM_ARG \
    "import os; exec(compile(os.fdopen(%d).read(), '<headgate driver>', 'exec'))"

/* migrate.c, container.c, command.c */
/* The environment of a migrator on this host; NULL with *err. Release with hg_vars_free_envp. */
char **hg_run_migrator_envp(struct hg_run *r, struct hg_err *err);
struct hg_migrated { bool ok; int code; bool timed_out; int signal; };
int hg_run_migrate(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err);
int hg_run_migrate_in_container(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err);
int hg_run_migrate_behind_command(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err);
/* bundle.c: without Python. -1: nothing was started. */
int hg_run_migrate_from_bundle(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err);
int hg_run_read_bundle(struct hg_run *r, struct hg_err *err);   /* of --bundle; before anything else */
int hg_run_load_bundle(struct hg_run *r, struct hg_err *err);   /* its graph, and what stands for alembic.ini */
void hg_run_judge_bundle(const struct hg_run *r, struct hg_findings *ret);
int hg_run_bundle_fits(const struct hg_run *r, struct hg_err *err); /* REFUSED: a step needs Python */
/* Of a migrator elsewhere: its stdout carries the reports. */
void hg_run_far_output(void *run, int stream, const char *data, size_t len);
#define HG_APPLY_TICK_NS (200 * HG_NS_PER_MS)
int hg_run_tick(void *run);
int hg_run_signal(void *run, int signal, unsigned times);
void hg_run_output(void *run, int stream, const char *data, size_t len);
void hg_run_output_end(struct hg_run *r);   /* whoever wrote it has ended */
int64_t hg_run_max_runtime(const struct hg_run *r);

/* ending.c */
const char *hg_run_stop_hint(const char *reason);
/* The revision that has begun and not ended; NULL: none. */
const char *hg_run_under_way(const struct hg_driven *d);
/* Fills *err with what went wrong with the migrator. */
void hg_run_describe_failure(struct hg_run *r, const struct hg_migrated *m, struct hg_err *err);
/* Of a run that went well: what it lost on the way. */
void hg_run_say_lost(struct hg_run *r);
/* Adds where the database stands; unread: why that could not be read. */
void hg_run_say_where(struct hg_run *r, const struct hg_err *unread, struct hg_err *err);

/* retry.c: runs the migrator until it succeeds, fails for another reason than locks, or the budget is
 * spent. Between tries the version table is read on a fresh connection. */
int hg_run_tries(struct hg_run *r, struct hg_migrated *ret, struct hg_err *err);
int64_t hg_run_lock_budget(const struct hg_run *r);         /* --lock-budget, else the target's */
bool hg_run_met_lock(const struct hg_run *r);               /* lock_timeout, NOWAIT, or a deadlock */
void hg_run_forget(struct hg_run *r);                       /* what was verified, before it is again */

/* breaker.c */
/* Who waits for whom; where others have waited too long, the migration is canceled. Returns the signal
 * for the migrator, or 0. */
int hg_run_breaker(struct hg_run *r);
void hg_breaker_again(struct hg_breaker *b);                /* before another try */
void hg_breaker_done(struct hg_breaker *b);
/* "pid 12 (app, alice, idle in transaction for 4 s) holds public.t"; heap. */
char *hg_breaker_words(const json_t *session);

/* print_locks.c: a line for people about a note "retry", "breaker" or "throttle"; false: it is another. */
bool hg_print_locks(const json_t *e, const char *note, struct hg_buf *b);

/* print_output.c: what the migrator prints, and, at the end, what of it was held back. */
void hg_print_output(struct hg_apply_printer *p, const char *text);
void hg_print_held(struct hg_apply_printer *p, bool failed);

/* throttle.c */
/* While the migrator waits for the word: writes down what is in, asks whether the next revision may
 * begin, gives the word. */
void hg_run_pace(struct hg_run *r);
/* Before the migrator: from here the lag of a replica that is silent is measured. */
void hg_run_note_lag(struct hg_run *r);
/* For the next point: what is known of replicas and record stays. */
void hg_throttle_again(struct hg_throttle *t, int words, int given);
/* Is there anything to do at this point of a bundle? Its revisions are often made in a millisecond, a
 * record takes five: without `throttle` or --revision-by-revision it is written now and then. */
bool hg_run_point_due(const struct hg_run *r);
/* The signal for a migrator that must not go on, once; else 0. */
int hg_run_throttled(struct hg_run *r);
/* A throttle that can never hold anything back is a finding (HG622). */
void hg_run_check_throttle(struct hg_run *r);

/* watch.c */
void hg_run_watch(struct hg_run *r);                        /* progress */
void hg_run_end_sessions(struct hg_run *r, bool terminate); /* of the migrator, by fresh connection */

/* verify.c */
/* Where it stands: the rows, on a fresh connection, when no session of the migrator is left. */
int hg_run_stand(struct hg_run *r, struct hg_err *err);
/* That, and what was left behind or changed; the last goes on beside, and is told after what comes next. */
int hg_run_verify(struct hg_run *r, struct hg_err *err);
void hg_run_tell_verified(struct hg_run *r);
void hg_run_find_applied(struct hg_run *r);                 /* which steps are in, by r->after */
/* What a failed migration leaves, before this one. */
void hg_run_leftovers_before(struct hg_run *r);
bool hg_strv_same_set(const struct hg_strv *a, const struct hg_strv *b);

/* The value of HG_LEDGER_KEY, or NULL. */
const char *hg_run_ledger_key(void);

/* failed.c */
/* -1, REFUSED with exit code 4 and HG630: the first step failed before, with the same file. */
int hg_run_failed_before(struct hg_run *r, struct hg_err *err);

/* squash.c */
bool hg_run_moves(const struct hg_run *r);                  /* version rows, before anything runs */
int hg_run_moves_first(const struct hg_run *r, struct hg_err *err); /* -1: something else than apply */
/* Moves them, under the lock, with intent and outcome, and reads the status again. */
int hg_run_squash(struct hg_run *r, struct hg_err *err);

/* stored.c */
/* The ledger that this machine keeps of the database, with the revisions' files if asked for. New reference;
 * NULL: there is none. */
int hg_run_ledger_document(const struct hg_run *r, bool files, json_t **ret, struct hg_err *err);
/* --files-from-ledger: gets what is missing here, shows it, and takes it into the graph if all of it is
 * proven; else -1, REFUSED, with HG237. */
int hg_run_take_stored(struct hg_run *r, struct hg_err *err);
/* At the end: where the database stands for the files here alone. The steps are gone after. */
void hg_run_leave_stored(struct hg_run *r);
/* For the driver: hex by file name. New reference. */
json_t *hg_stored_json(const struct hg_run *r);
void hg_stored_done(struct hg_stored *s);

/* expect.c */
void hg_run_expect(struct hg_run *r);                       /* what is known of earlier runs */
/* Of a revision, in seconds; < 0: not known. */
double hg_run_expected(const struct hg_run *r, const char *revision);
/* Adds "expected_seconds", a number or null. */
void hg_run_add_expected(const struct hg_run *r, const char *revision, json_t *event);

/* hooks.c */
/* Those of `before`: -1 REFUSED when a required one failed. The others report a finding. */
int hg_run_hooks_before(struct hg_run *r, struct hg_err *err);
/* `after`, or `on_failure`, once `before` was reached. */
void hg_run_hooks_end(struct hg_run *r, int rc, const char *outcome, const struct hg_err *err);
/* `gate.rules` says off. The gate has judged before such a finding is made. */
bool hg_run_rule_is_off(const struct hg_run *r, const char *rule);
/* The first line of an error, masked: what others may be told of it. Heap. */
char *hg_run_error_line(const struct hg_err *err);

/* facts.c: the document of an event; `run` is what those of one run share; outcome NULL: it only begins.
 * New reference. */
json_t *hg_run_facts(const struct hg_run *r, const char *run, const char *event, const char *outcome, int rc,
                     const struct hg_err *err);

/* notify.c */
/* Before the migrator starts: hooks, then who is told of the start. -1 REFUSED: nothing may start. */
int hg_run_tell_start(struct hg_run *r, struct hg_err *err);
/* After everything, locks included: who is told how it ended, then hooks. Returns rc, or -1 with *err
 * where somebody had to be told and could not. Adds findings (HG640 to HG642). */
int hg_run_tell_end(struct hg_run *r, int rc, const char *outcome, struct hg_err *err);
void hg_run_tell_done(struct hg_run *r);

/* rollback.c */
/* Says what the downgrades do and destroy, once for the same steps. */
void hg_run_show_down(struct hg_run *r);
/* lost.c: what operations destroy: tables with their rows, or (column not NULL) columns with their values. */
struct hg_loss {
    char *name, *column;    /* the table as written, quoted */
    char *object;           /* as the server names it; NULL: not there, */
    bool looked;            /* which it has said */
    long long rows, values; /* -1: not known */
    bool exact, quick;      /* counted; can be with others */
};
struct hg_losses { struct hg_loss *items; size_t count, cap; };
#define HG_LOSSES_INIT { NULL, 0, 0 }
void hg_losses_add(struct hg_losses *l, const char *schema, const char *table, const char *column);
/* Counted by deadline_ns, else estimated. */
void hg_run_count_losses(struct hg_run *r, struct hg_losses *l, int64_t deadline_ns);
char *hg_loss_words(const struct hg_loss *l); /* "12 rows"; heap */
/* {"kind": "table" | "column", "object", "column", "rows", "values", "exact"}. New reference. */
json_t *hg_loss_json(const struct hg_loss *l);
void hg_losses_done(struct hg_losses *l);
int hg_run_judge_down(struct hg_run *r, struct hg_err *err);
int hg_run_hold(struct hg_run *r, struct hg_err *err);

#endif
