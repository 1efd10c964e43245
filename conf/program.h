/* SPDX-License-Identifier: ISC
 *
 * program.h: the skeleton that every process of the suite but master starts
 * from: settings, links and descriptors arrive on the control socket (fd 3).
 *
 * master -> program:
 *   start   settings=TEXT name=imapd instance=1; descriptors by name
 *   peer    name=authd + fd: a link from us to that program (replaces an old one)
 *   client  name=front instance=1 + fd: that program's link to us
 *   reload  settings=TEXT (+ descriptors)
 *   control verb=..., arguments + fd "reply": a verb of the mansio command for us;
 *           answer with verb "result" messages on that descriptor (docs/PROCESSES.md)
 *   status  asks for the current numbers (answered by program_dispatch itself)
 *   settle n=N                 answered by program_dispatch itself, `settled n=N`: what was said before has been done
 *   numbers (to traced alone) what the processes use, every few seconds (master/numbers.c)
 *   stop    finish what is in hand within the grace time, then exit 0
 * program -> master:
 *   ready                      (once: sandboxed and serving)
 *   settled n=N
 *   status  sessions=N key=... (after a change, at most once a second)
 *   control verb=... arguments + fd "reply" (authd alone)
 *
 * Who may link to whom is master's table (master/programs.def); names in
 * "client" are therefore true, and what a peer may ask follows from its name.
 */
#ifndef MANSIO_CONF_PROGRAM_H
#define MANSIO_CONF_PROGRAM_H

#include "conf/conf.h"
#include "net/ipc.h"

#define PROGRAM_CONTROL_FD 3

struct program;
struct program_ops {
	/* all optional; fds in m are the callee's to take. reload: p->conf is new
	 * already, old is freed when the function returns. stop: returns, and the
	 * program ends by itself within [server] stop_grace. */
	void (*peer)(struct program *p, const char *name, int fd);
	void (*client)(struct program *p, const char *name, int instance, int fd);
	void (*reload)(struct program *p, struct ipc_msg *m, const struct conf *old);
	void (*control)(struct program *p, struct ipc_msg *m);
	void (*numbers)(struct program *p, struct ipc_msg *m);
	void (*stop)(struct program *p); /* default: exit(0) */
};

struct program {
	const char *name;
	int instance;
	int control;
	struct conf *conf;
	const struct program_ops *ops;
	struct ipc_msg start; /* descriptors wait in here: ipc_take_fd(&p->start, "...") */
	void *data;
};

/* First call of main: hygiene, waits for "start" (10 s), parses the settings.
 * Exits by itself with a sentence on standard error if that fails. */
void program_start(struct program *p, const char *name, const struct program_ops *ops, int argc,
	char **argv);
/* Tell master. Descriptors of p->start that were not taken are closed by
 * program_ready; statuses within a second of the last are held until asked for.
 * A forked child must not call either (close p->control there). */
void program_ready(struct program *p);
void program_status(struct program *p, uint64_t sessions, const char *note);
/* Asks master to route a verb as if a command had asked: m (verb "control") with
 * verb=, its arguments and the descriptor `reply`. authd alone may (its gate has
 * looked at who asks). 0 or negative. */
int program_control(struct program *p, struct ipc_msg *m);
/* One message from control: call when it is readable. master gone: exits 0. */
void program_dispatch(struct program *p);
/* Answer of a control verb: fields already in m (verb "result"), last one has
 * done=1 and code=sysexits. Waits at most 2 s for a command that does not read. */
void program_result(int reply_fd, struct ipc_msg *m);

#endif
