/* SPDX-License-Identifier: ISC
 *
 * proc.h: processes: start-up hygiene, forked children, and their ends.
 */
#ifndef MANSIO_BASE_PROC_H
#define MANSIO_BASE_PROC_H

#include "base/base.h"

/* First call of every main: opens 0-2 if closed, ignores SIGPIPE, umask 077,
 * no core files, PR_SET_DUMPABLE 0, no_new_privs; closes descriptors from
 * `keep_below` up (pass 4: standard ones and the control socket 3). */
void proc_init(const char *name, int keep_below);
/* Shown by ps: "mansio: imapd user@example.org 192.0.2.1". */
void proc_title_init(int argc, char **argv);
void proc_title(const char *fmt, ...) PRINTF(1, 2);
const char *proc_name(void);
/* fork: in the child, the title is set, random state renewed and PDEATHSIG
 * armed (SIGKILL when the parent dies, if with_parent). pid, 0 or -errno. */
pid_t proc_fork(bool with_parent);
/* Reaps one ended child: its pid or 0; *status_out as of waitpid. */
pid_t proc_reap(int *status_out);
/* "exit 1", "signal 11 (Segmentation fault)". Static buffer. */
const char *proc_status_text(int status);
/* signalfd for the given signals, blocked for normal delivery. 0-terminated list. */
int proc_signal_fd(const int *signals);
uint64_t proc_cpu_ms(void);
/* A throwaway child that tries something without any right, and its words: proc_piped forks
 * (0 in the child, which writes to *fd_out and ends); proc_collect takes what it wrote, up to
 * out's maximum, kills it after ms, and returns its wait status, or -1 if it never was.
 * proc_drop_rights, in the child: root becomes nobody. */
struct buf;
pid_t proc_piped(int *fd_out);
int proc_collect(pid_t pid, int fd, int64_t ms, struct buf *out);
int proc_drop_rights(void);

#endif
