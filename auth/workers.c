/* SPDX-License-Identifier: ISC
 *
 * workers.c: the parent of authd's workers (see worker.h).
 *
 * It loads the SASL library and its plug-ins once, so that a worker is a fork and needs no file
 * but the database; with a back end on the network also what it takes to find and trust that. It
 * never reads what a stranger sent.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/kerberos.h"
#include "auth/oldserver.h"
#include "auth/sasl.h"
#include "auth/worker.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "conf/conf.h"

int worker_lock_in(enum sandbox_profile p, const struct workers_room *room)
{
	struct sandbox_rule rules[32];
	size_t n;
	int r;

	rules[0] = (struct sandbox_rule){ room->dir, SANDBOX_READ | SANDBOX_WRITE };
	n = 1 + sandbox_system_rules(rules + 1, ARRAY_LEN(rules) - 1);
	if (room->network && p != SANDBOX_AUTH_LOCAL)
		n += sandbox_name_rules(rules + n, ARRAY_LEN(rules) - n);
	r = sandbox_enter(p, rules, n, NULL);
	while (n > 1)
		fd_close(&rules[--n].fd);
	return r;
}

/* Until authd asks. Without the one that asks the old server, all of us are made anew. */
static void wait_for_authd(int link, const struct workers_room *room)
{
	struct pollfd p[2] = { { .fd = link, .events = POLLIN }, { .fd = room->old, .events = POLLIN } };

	if (poll(p, ARRAY_LEN(p), -1) > 0 && p[1].revents)
		_exit(0);
}

static NORETURN void parent_loop(int link, const struct workers_room *room)
{
	struct workers_room of_worker = *room;
	struct ipc_msg m;
	int worker, r;

	for (;;) {
		wait_for_authd(link, room);
		r = ipc_recv(link, &m);
		worker = r == 0 && ipc_is(&m, "worker") ? ipc_take_fd(&m, "link") : -1;
		of_worker.old = worker >= 0 && room->old >= 0 ? oldserver_link(room->old) : -1;
		if (worker >= 0 && proc_fork(true) == 0) {
			close(link);
			if (room->old >= 0)
				close(room->old);
			worker_run(worker, &m, tables_take(&m), &of_worker);
		}
		fd_close(&worker);
		fd_close(&of_worker.old);
		ipc_done(&m);
		if (r < 0 && r != -EINTR)
			_exit(0);
	}
}

/* Makes the database or brings it to today's form, once, before many workers
 * open it at the same moment. No connection stays open across the forks. */
static void database_make(void)
{
	struct directory *d;
	int r = directory_sqlite_open(&d);

	if (r < 0) {
		fprintf(stderr, "mansio authd: directory.db: %s\n", err_text(r));
		_exit(EX_TEMPFAIL);
	}
	d->ops->close(d);
}

/* libraries look for files of a person, and wait long for names: not here */
static void network_prepare(void)
{
	setenv("HOME", ".", 1); /* the folder of the database: what is above it may be shut */
	setenv("RES_OPTIONS", "timeout:1 attempts:2", 1);
}

/* Who asks the old server: a process of its own. */
static int oldserver_desk(const struct conf *conf, int dir, int link)
{
	int desk;

	network_prepare();
	desk = oldserver_start(conf, (int[]){ dir, link }, 2);
	if (desk < 0) {
		fprintf(stderr, "mansio authd: who asks the old server cannot be started: %s\n", err_text(desk));
		_exit(EX_OSERR);
	}
	return desk;
}

static void library_load(const struct conf *conf)
{
	bool kerberos = conf->kerberos_keytab.n > 0;
	int r = kerberos ? kerberos_prepare(conf) : 0;

	if (r == 0)
		r = sasl_setup(kerberos);
	if (r == E_NOTFOUND) {
		fprintf(stderr, "mansio authd: [kerberos] keytab: Cyrus SASL has no plug-in for GSSAPI here (Debian: libsasl2-modules-gssapi-mit)\n");
		_exit(EX_CONFIG);
	}
	if (r < 0) {
		fprintf(stderr, "mansio authd: the SASL library or its plug-ins cannot be loaded\n");
		_exit(EX_OSERR);
	}
}

/* All that the parent needs; then it is locked in, and forks workers until authd is gone. */
static NORETURN void parent_run(int link, int dir, const struct conf *conf)
{
	struct workers_room room = { .dir = dir, .network = directory_network(conf), .old = -1 };
	int r;

	proc_title("authd workers");
	signal(SIGCHLD, SIG_IGN);
	if (oldserver_active(conf, clock_unix()))
		room.old = oldserver_desk(conf, dir, link);
	room.verified = verified_new((size_t)conf->auth_login_cache_entries);
	library_load(conf);
	if (!room.verified || fchdir(room.dir) < 0) {
		fprintf(stderr, "mansio authd: no memory for logins, or no way into the directory's folder\n");
		_exit(EX_OSERR);
	}
	database_make();
	if (room.network)
		network_prepare();
	r = sandbox_prepare(room.network ? SANDBOX_AUTH_WORKER : SANDBOX_AUTH_LOCAL);
	if (r == 0)
		r = worker_lock_in(SANDBOX_AUTH_ZYGOTE, &room);
	if (r < 0) {
		fprintf(stderr, "mansio authd: workers cannot be locked in: %s\n", err_text(r));
		_exit(EX_OSERR);
	}
	parent_loop(link, &room);
}

int workers_start(int dir, const struct conf *conf, const int *shut, size_t nshut)
{
	int pair[2], r;
	size_t i;
	pid_t pid;

	r = ipc_pair(pair);
	if (r < 0)
		return r;
	pid = proc_fork(true);
	if (pid != 0) {
		close(pair[1]);
		if (pid < 0)
			close(pair[0]);
		return pid < 0 ? (int)pid : pair[0];
	}
	close(pair[0]);
	for (i = 0; i < nshut; i++)
		close(shut[i]);
	parent_run(pair[1], dir, conf);
}
