/* SPDX-License-Identifier: Apache-2.0 */
/* Where a private cluster lies, and the lock that its starters take. */
#include "cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

/* sun_path has 108 bytes; "/.s.PGSQL.65535" and an end follow the folder. */
#define SOCKET_DIR_MAX 88

void hg_pg_place_done(struct hg_pg_place *p)
{
    if (!p)
        return;
    free(p->dir);
    free(p->data);
    free(p->socket_dir);
    free(p->record);
    *p = (struct hg_pg_place){ 0 };
}

char *hg_pg_place_file(const struct hg_pg_place *p, const char *name)
{
    return hg_path_join(p->dir, name);
}

/* Takes dir. */
static void set_dir(struct hg_pg_place *p, char *dir)
{
    p->dir = dir;
    p->data = hg_path_join(dir, "data");
    p->socket_dir = hg_path_join(dir, "run");
    if (strlen(p->socket_dir) > SOCKET_DIR_MAX) {
        free(p->socket_dir);
        p->socket_dir = hg_xasprintf("/tmp/headgate-%016llx", (unsigned long long)hg_hash64(
                                         dir, strlen(dir), HG_HASH64_INIT));
    }
}

/* The folder that a record names, if it is there; heap or NULL. */
static char *recorded(const char *record)
{
    HG_AUTO(hg_buf_done) struct hg_buf b = HG_BUF_INIT;
    struct hg_err ignored = { 0 };
    if (hg_file_read(record, 4096, &b, &ignored) < 0)
        return NULL;
    char *dir = hg_xstrndup(hg_buf_str(&b), strcspn(hg_buf_str(&b), "\n"));
    if (*dir != '/' || !hg_is_dir(dir)) {
        free(dir);
        return NULL;
    }
    return dir;
}

/* A cluster that is there already: 1, or 0. */
static int existing(const struct hg_pg_cluster_options *o, struct hg_pg_place *p)
{
    HG_AUTO(hg_freep) char *usual = hg_path_join(o->state_dir, "postgres");
    HG_AUTO(hg_freep) char *elsewhere = hg_path_join(o->state_dir, "postgres.location");
    HG_AUTO(hg_freep) char *temporary = hg_path_join(o->state_dir, "postgres.ephemeral");
    if (!o->ephemeral && hg_is_dir(usual)) {
        set_dir(p, HG_TAKE(usual));
        return 1;
    }
    char *dir = o->ephemeral ? NULL : recorded(elsewhere);
    if (dir) {
        p->record = HG_TAKE(elsewhere);
        set_dir(p, dir);
        return 1;
    }
    dir = recorded(temporary);
    if (!dir)
        return 0;
    p->record = HG_TAKE(temporary);
    p->ephemeral = true;
    set_dir(p, dir);
    return 1;
}

int hg_pg_place_find(const struct hg_pg_cluster_options *o, struct hg_pg_place *ret, struct hg_err *err)
{
    struct hg_pg_place p = { 0 };
    if (!existing(o, &p)) {
        hg_fail(err, HG_E_REFUSED, "there is no private PostgreSQL under %s", o->state_dir);
        return hg_hint(err, "headgate postgres start");
    }
    if (hg_pg_owner_choose(p.data, &p.owner, err) < 0) {
        hg_pg_place_done(&p);
        return -1;
    }
    *ret = p;
    return 0;
}

static int temporary_dir(const char *where, char **ret, struct hg_err *err)
{
    HG_AUTO(hg_freep) char *template = hg_path_join(where, "headgate-XXXXXX");
    if (!mkdtemp(template))
        return hg_fail_errno(err, HG_E_CONFIG, "cannot make a folder in %s", where);
    *ret = HG_TAKE(template);
    return 0;
}

static int new_dir(const struct hg_pg_cluster_options *o, struct hg_pg_place *p, struct hg_err *err)
{
    char *dir = NULL;
    bool reached = hg_pg_owner_reaches(&p->owner, o->state_dir);
    if (o->ephemeral || !reached) {
        if (temporary_dir(o->ephemeral ? "/tmp" : "/var/tmp", &dir, err) < 0)
            return -1;
        p->record = hg_path_join(o->state_dir, o->ephemeral ? "postgres.ephemeral" : "postgres.location");
        HG_AUTO(hg_freep) char *line = hg_xasprintf("%s\n", dir);
        if (hg_file_write(p->record, 0600, line, strlen(line), err) < 0) {
            free(dir);
            return -1;
        }
    } else {
        dir = hg_path_join(o->state_dir, "postgres");
        if (mkdir(dir, 0700) < 0) {
            hg_fail_errno(err, HG_E_CONFIG, "cannot make %s", dir);
            free(dir);
            return -1;
        }
    }
    set_dir(p, dir);
    p->ephemeral = o->ephemeral;
    if (p->owner.drop && lchown(dir, p->owner.uid, p->owner.gid) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot give %s to the user who will run PostgreSQL", dir);
    return 0;
}

int hg_pg_place_make(const struct hg_pg_cluster_options *o, struct hg_pg_place *ret, struct hg_err *err)
{
    struct hg_err none = { 0 };
    if (hg_pg_place_find(o, ret, &none) == 0) {
        if (ret->ephemeral == o->ephemeral)
            return 0;
        hg_pg_place_done(ret);
    }
    struct hg_pg_place p = { 0 };
    if (hg_pg_owner_choose(NULL, &p.owner, err) < 0 || new_dir(o, &p, err) < 0) {
        hg_pg_place_done(&p);
        return -1;
    }
    *ret = p;
    return 0;
}

static int make_state_dir(const char *dir, struct hg_err *err)
{
    int made = hg_state_dir_make(dir, err);
    if (made <= 0)
        return made;
    struct hg_pg_owner owner;
    struct hg_err none = { 0 };
    if (hg_pg_owner_choose(NULL, &owner, &none) == 0 && owner.drop && getenv("SUDO_UID") &&
        lchown(dir, owner.uid, owner.gid) < 0)
        return hg_fail_errno(err, HG_E_CONFIG, "cannot give %s to the caller of sudo", dir);
    return 0;
}

int hg_pg_place_lock(const char *state_dir, int64_t deadline_ns, struct hg_err *err)
{
    if (make_state_dir(state_dir, err) < 0)
        return -1;
    HG_AUTO(hg_freep) char *file = hg_path_join(state_dir, "postgres.lock");
    for (;;) {
        HG_AUTO(hg_closep) int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            hg_fail_errno(err, HG_E_CONFIG, "cannot open %s", file);
            return hg_hint(err, "name a folder that can be written in HEADGATE_STATE_DIR");
        }
        struct stat mine, there;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            /* destroy removes the file while it holds it: then ours is a lock on nothing */
            if (fstat(fd, &mine) == 0 && stat(file, &there) == 0 && mine.st_ino == there.st_ino) {
                int locked = fd;
                fd = -1;
                return locked;
            }
            continue;
        }
        if (errno != EWOULDBLOCK && errno != EINTR)
            return hg_fail_errno(err, HG_E_CONFIG, "cannot lock %s", file);
        if (hg_ms_left(deadline_ns) == 0)
            return hg_fail(err, HG_E_TIMEOUT, "another headgate is still starting or stopping this cluster");
        const struct timespec nap = { .tv_nsec = 50 * HG_NS_PER_MS };
        (void)nanosleep(&nap, NULL);
    }
}
