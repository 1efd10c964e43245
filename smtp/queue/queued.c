/* SPDX-License-Identifier: ISC
 *
 * queued.c: the process that owns the spool and queue.db (docs/QUEUE.md).
 *
 * A loop that waits for nothing but its own disk: read what came on all links,
 * one turn of the queue (one commit for all of it), again. What takes long, because
 * there is much of it, goes in slices between the turns.
 *
 * While the disk is full at the start, it serves nevertheless: everybody is told
 * "full", and once a second it tries again to open the database.
 */
#include "smtp/queue/tasks.h"

#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "conf/program.h"
#include "smtp/queue/copy.h"
#include "smtp/queue/links.h"
#include "smtp/queue/ours.h"
#include "smtp/queue/records.h"
#include "smtp/queue/removal.h"
#include "trace/trace.h"

#define OPEN_AGAIN_MS 1000
#define DEPTH_MS 1000
#define STOP_QUIET_MS 50 /* nothing on any link for this long: the others are gone */

static struct {
	struct program p;
	struct queue q;
	struct links links;
	int spool, dir;
	uint64_t depth_told;
	deadline depth_next;
	bool stopping;
} g;

static void on_peer(struct program *p, const char *name, int fd)
{
	trace_least(p->conf->log_level);
	if (strcmp(name, "traced") == 0) {
		trace_open(fd, p->name);
		g.depth_told = UINT64_MAX; /* a new one knows nothing */
	} else if (strcmp(name, "hookd") == 0) {
		records_link(fd);
	} else if (strcmp(name, "authd") == 0) {
		ours_link(&g.q, fd);
	} else {
		close(fd);
	}
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	(void)p;
	(void)instance;
	links_add(&g.links, name, fd);
}

static void on_reload(struct program *p, struct ipc_msg *m, const struct conf *old)
{
	(void)m;
	(void)old;
	trace_least(p->conf->log_level);
	queue_settings(&g.q, p->conf);
	records_settings(p->conf);
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	(void)p;
	verbs_message(&g.q, m);
}

static void on_stop(struct program *p)
{
	(void)p;
	g.stopping = g.q.stopping = true;
}

static const struct program_ops ops = { .peer = on_peer, .client = on_client, .reload = on_reload,
	.control = on_control, .stop = on_stop };

static NORETURN void give_up(int code, const char *what, int err)
{
	fprintf(stderr, "mansio queued: %s: %s\n", what, err_text(err));
	exit(code);
}

/* queue.db, put aside and made anew if it is damaged. */
static int open_queue(void)
{
	int r = queue_open(&g.q, g.p.conf, &links_ops, g.spool);

	if (r == E_DAMAGED) {
		trace_event(TRACE_ERROR, "queue-damaged", NULL, "queue.db is put aside and made anew");
		rows_set_aside(g.dir, clock_unix());
		r = queue_open(&g.q, g.p.conf, &links_ops, g.spool);
	}
	g.q.stopping = g.stopping;
	return r;
}

/* The turn failed: master starts us again, and that start looks at what is there. */
static NORETURN void failed(void)
{
	if (g.q.failed == E_DAMAGED)
		rows_set_aside(g.dir, clock_unix());
	exit(EX_IOERR);
}

static void tell_status(void)
{
	char note[120];

	snprintf(note, sizeof(note), "%llu messages, %zu attempts in hand", (unsigned long long)g.q.messages,
		g.q.njobs);
	program_status(&g.p, g.q.njobs, note);
}

/* The statistics learn how many messages wait, at most once a second. */
static void tell_depth(void)
{
	if (g.depth_told == g.q.messages || deadline_left(g.depth_next) > 0)
		return;
	trace_fact("queue", "messages", g.q.messages);
	g.depth_told = g.q.messages;
	g.depth_next = deadline_in(DEPTH_MS);
}

static int wait_ms(bool open)
{
	int64_t ms = !open ? OPEN_AGAIN_MS : copy_busy(&g.q) ? 0 : queue_wait(&g.q);

	if (open && g.depth_told != g.q.messages)
		ms = MIN(ms, (int64_t)DEPTH_MS);
	return (int)MIN(ms, (int64_t)(g.stopping ? STOP_QUIET_MS : INT32_MAX));
}

static void loop(bool open)
{
	struct pollfd *pfd;
	uint64_t told = UINT64_MAX;
	bool any;
	size_t n;
	int r;

	for (;;) {
		pfd = links_poll(&g.links, 3, &n);
		pfd[0] = (struct pollfd){ g.stopping ? -1 : g.p.control, POLLIN, 0 };
		pfd[1] = (struct pollfd){ records_fd(), POLLIN, 0 };
		pfd[2] = (struct pollfd){ ours_fd(), POLLIN, 0 };
		r = poll(pfd, n, wait_ms(open));
		if (r < 0)
			continue;
		any = links_read(&g.links, 3);
		if (g.links.pfd[1].revents)
			records_read();
		if (g.links.pfd[2].revents)
			ours_read(&g.q);
		if (g.links.pfd[0].revents)
			program_dispatch(&g.p);
		if (!open) {
			open = open_queue() == 0;
			g.q.full_until = open ? DEADLINE_NEVER : deadline_in(OPEN_AGAIN_MS);
		}
		queue_turn(&g.q);
		if (g.q.failed)
			failed();
		links_copy(&g.links);
		links_sweep(&g.links);
		if (told != g.q.messages + g.q.njobs) {
			told = g.q.messages + g.q.njobs;
			tell_status();
		}
		tell_depth();
		if (g.stopping && !any && !g.q.more)
			break;
	}
}

static void lock_in(void)
{
	struct sandbox_rule rule[] = { { g.spool, SANDBOX_READ | SANDBOX_WRITE },
		{ g.dir, SANDBOX_READ | SANDBOX_WRITE } };
	int r;

	sandbox_log_only(g.p.conf->server_sandbox == CONF_SANDBOX_LOG);
	r = removal_start(g.spool);
	if (r < 0)
		give_up(EX_OSERR, "cannot start its threads", r);
	r = sandbox_enter(SANDBOX_QUEUED, rule, ARRAY_LEN(rule), NULL);
	if (r < 0)
		give_up(EX_OSERR, "cannot lock itself in", r);
}

int main(int argc, char **argv)
{
	int r;

	program_start(&g.p, "queued", &ops, argc, argv);
	trace_open(-1, g.p.name);
	records_settings(g.p.conf);
	g.spool = ipc_take_fd(&g.p.start, "spool");
	g.dir = ipc_take_fd(&g.p.start, "dir");
	if (g.spool < 0 || g.dir < 0 || fchdir(g.dir) < 0)
		give_up(EX_SOFTWARE, "master gave no spool", E_PEER);
	lock_in();
	links_init(&g.links, &g.q);
	r = open_queue();
	if (r < 0 && r != E_FULL)
		give_up(EX_CANTCREAT, "queue.db", r);
	program_ready(&g.p);
	loop(r == 0);
	if (r == 0)
		queue_close(&g.q);
	return 0;
}
