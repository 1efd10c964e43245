/* SPDX-License-Identifier: ISC
 *
 * task.c: reports that are being sent or read, each by a throwaway child (see policyd.h).
 *
 *   sent:  WAITS --TXT asked--> DNS --> LINK (to resolver: https; to the queue: mailto) --> CHILD --> (next URI) or over
 *   read:  WAITS --> LINK --> CHILD --what it read, piece by piece--> over
 */
#include "smtp/policy/policyd.h"

#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "trace/trace.h"

struct task *task_new(struct policyd *p, bool reads, const char *domain)
{
	struct task *t = mem_alloc(1, sizeof *t);

	t->reads = reads;
	t->link = t->message = -1;
	t->until = deadline_in(p->conf->tlsrpt_wait);
	snprintf(t->domain, sizeof t->domain, "%s", domain);
	arena_init(&t->a);
	t->next = p->tasks;
	p->tasks = t;
	p->ntasks += !reads;
	p->nreads += reads;
	return t;
}

void task_free(struct policyd *p, struct task *t)
{
	struct task **at = &p->tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	p->ntasks -= !t->reads;
	p->nreads -= t->reads;
	fd_close(&t->link); /* a child that is late ends by its alarm */
	fd_close(&t->message);
	arena_done(&t->a);
	free(t);
}

int task_ask_link(struct policyd *p, struct task *t, int of)
{
	struct ipc_msg m;
	int r;

	t->asked = ++p->serial;
	t->state = TASK_LINK;
	t->until = deadline_in(p->conf->tlsrpt_wait);
	ipc_init(&m, "link");
	ipc_set_u64(&m, "id", t->asked);
	r = of < 0 ? E_CLOSED : ipc_try_send(of, &m);
	ipc_done(&m);
	return r;
}

void child_keep(int one, int other)
{
	trace_open(-1, "policyd");
	fd_keep(one, other);
}

void child_done(int link, int err, const char *words)
{
	struct ipc_msg m;

	ipc_init(&m, "done");
	ipc_set_bool(&m, "ok", err == 0);
	ipc_setc(&m, "words", words);
	_exit(ipc_send(link, &m) < 0 ? 3 : 0);
}

static int start(struct policyd *p, struct task *t, int other)
{
	int pair[2];

	if (ipc_pair(pair) < 0)
		return -errno;
	t->pid = proc_fork(true);
	if (t->pid == 0) {
		proc_title("policyd report");
		alarm((unsigned)(p->conf->tlsrpt_wait / 1000 + 2));
		close(pair[0]);
		t->link = pair[1];
		if (t->reads)
			receive_child(p, t, other);
		deliver_child(p, t, other);
	}
	close(pair[1]);
	t->link = pair[0];
	fd_nonblock(t->link, true);
	t->state = TASK_CHILD;
	return t->pid < 0 ? -EAGAIN : 0;
}

/* The end of one child, or of the wait for one. */
static void said(struct policyd *p, struct task *t, const struct ipc_msg *m)
{
	if (t->reads)
		receive_said(p, t, m);
	else
		deliver_done(p, t, m);
}

bool task_link(struct policyd *p, struct ipc_msg *m)
{
	struct task *t;
	uint64_t id;
	int fd;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) || id == 0)
		return false;
	for (t = p->tasks; t && (t->asked != id || t->state != TASK_LINK); t = t->next)
		;
	if (!t)
		return false;
	t->asked = 0;
	fd = ipc_take_fd(m, "link");
	if (fd < 0 || start(p, t, fd) < 0) {
		snprintf(t->words, sizeof t->words, "no process for it");
		said(p, t, NULL);
	}
	fd_close(&fd);
	return true;
}

bool task_readable(struct policyd *p, int fd)
{
	struct task *t;
	struct ipc_msg m;
	int r = 0, i;

	for (t = p->tasks; t && (t->link != fd || t->state != TASK_CHILD); t = t->next)
		;
	if (!t)
		return false;
	for (i = 0; i < 200 && r == 0; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0)
			said(p, t, &m);
		else if (r != -EAGAIN && r != -EINTR)
			said(p, t, NULL);
		if (r == 0 && (!t->reads || t->state == TASK_OVER))
			r = E_CLOSED; /* that was the last word */
		ipc_done(&m);
	}
	return true;
}

void task_tick(struct policyd *p)
{
	struct task *t, *next;

	for (t = p->tasks; t; t = next) {
		next = t->next;
		if (t->state == TASK_OVER) {
			task_free(p, t);
		} else if (t->state != TASK_WAITS && deadline_passed(t->until)) {
			snprintf(t->words, sizeof t->words, "it took too long");
			said(p, t, NULL);
		}
	}
}
