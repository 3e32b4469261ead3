/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pseudo-terminal that a masked stream needs where ours is a terminal: a program behind a pipe
 * would lose its colours, its prompts and its line buffering.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

bool hg_terminal_controls(void)
{
    HG_AUTO(hg_closep) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd >= 0;
}

void hg_pty_resize(const struct hg_terminal *outer, int master)
{
    struct winsize size;
    if (outer->fd >= 0 && ioctl(outer->fd, TIOCGWINSZ, &size) == 0)
        (void)ioctl(master, TIOCSWINSZ, &size); /* the kernel tells the child by SIGWINCH */
}

/* The slave starts with our terminal's modes and size. Where our terminal goes on translating
 * output (it is not put into raw mode without input), the slave must not add a second CR. */
static void pty_modes(const struct hg_terminal *outer, bool input, int slave)
{
    struct termios modes;
    if (outer->fd < 0 || tcgetattr(outer->fd, &modes) < 0)
        return;
    if (!input)
        modes.c_oflag &= (tcflag_t)~OPOST;
    (void)tcsetattr(slave, TCSANOW, &modes);
}

int hg_pty_open(const struct hg_terminal *outer, bool input, int *ret_master, int *ret_slave,
                struct hg_err *err)
{
    HG_AUTO(hg_closep) int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
        ptsname_r(master, name, sizeof name) != 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "cannot make a pseudo-terminal");
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return hg_fail_errno(err, HG_E_UNKNOWN, "cannot open the pseudo-terminal %s", name);
    pty_modes(outer, input, slave);
    hg_pty_resize(outer, master);
    (void)fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    *ret_master = master;
    master = -1;
    *ret_slave = slave;
    return 0;
}

void hg_terminal_raw(struct hg_terminal *t)
{
    struct termios raw;
    if (t->fd < 0 || t->raw || tcgetpgrp(t->fd) != getpgrp() || tcgetattr(t->fd, &t->saved) < 0)
        return; /* in the background the terminal belongs to somebody else */
    raw = t->saved;
    cfmakeraw(&raw);
    t->raw = tcsetattr(t->fd, TCSADRAIN, &raw) == 0;
}

void hg_terminal_restore(struct hg_terminal *t)
{
    int saved_errno = errno;
    if (t->raw)
        (void)tcsetattr(t->fd, TCSADRAIN, &t->saved);
    t->raw = false;
    errno = saved_errno;
}

/* The child leads its own session, so its group is orphaned and the kernel would drop the stop that
 * ^Z asks for: the keeper of the outer terminal must do it. A job of an inner shell is the inner
 * shell's business, and a program that reads keys raw (ISIG off) gets ^Z as a key. */
bool hg_pty_suspends(int master, pid_t child, unsigned char byte)
{
    struct termios modes;
    return tcgetattr(master, &modes) == 0 && (modes.c_lflag & ISIG) &&
           modes.c_cc[VSUSP] == byte && tcgetpgrp(master) == child;
}
