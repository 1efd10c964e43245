/* SPDX-License-Identifier: ISC
 *
 * hookd.c: main and loop (see hookd.h).
 *
 * A turn: what queued has sent, into the file of the day and hooks.db, one sync and one commit
 * for all of it; then the acks; then what can be posted. If either cannot be written nothing is
 * confirmed and the process ends: queued says it all again to the next one. A fresh one comes
 * after each reload: so at the stop the link is read to its end.
 */
#include "smtp/hook/hookd.h"

#include <poll.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "smtp/hook/record.h"
#include "trace/trace.h"

#define READS 500 /* of one link in a turn */
#define SWEEP_MS 60000
#define STOP_MS 500
#define TRUST_MAX (4 * 1024 * 1024)
#define SECRET_MAX 4096

static struct hookd hookd;

static NORETURN void give_up(int code, const char *what, int err)
{
	fprintf(stderr, "mansio hookd: %s: %s\n", what, err_text(err));
	exit(code);
}

/* --- what queued says ------------------------------------------------------------------ */

static int take(struct hookd *h, const struct ipc_msg *m)
{
	uint64_t time = 0;
	struct buf json;
	int r = account_add(h, m);

	if (r == 0 && push_wants(h, ipc_get(m, "event"))) {
		buf_init(&json, IPC_MAX);
		record_json(m, &json);
		ipc_get_u64(m, "time", INT64_MAX, &time);
		r = json.err ? json.err : store_add(ipc_get(m, "id"), (int64_t)time, buf_view(&json));
		buf_done(&json);
	}
	return r;
}

static void confirm(int fd, uint64_t n)
{
	struct ipc_msg m;

	ipc_init(&m, "ack");
	ipc_set_u64(&m, "n", n);
	(void)ipc_try_send(fd, &m); /* full: the next one counts for this too */
	ipc_done(&m);
}

/* One transaction for all that a link has. */
static void read_client(struct hookd *h, int *fd)
{
	uint64_t last = 0;
	struct ipc_msg m;
	int i, err = store_begin(), r = 0;

	for (i = 0; i < READS && r == 0 && err == 0; i++) {
		r = ipc_try_recv(*fd, &m);
		if (r == 0 && !record_valid(&m))
			r = E_PEER;
		if (r == 0) {
			err = take(h, &m);
			ipc_get_u64(&m, "n", UINT64_MAX, &last);
		}
		ipc_done(&m);
	}
	if (err == 0)
		err = account_flush(h);
	if (err == 0)
		err = store_commit();
	if (err < 0) {
		trace_event(TRACE_ERROR, "hooks-failed", NULL, "records cannot be written: %s", err_text(err));
		exit(EX_IOERR);
	}
	if (last > 0)
		confirm(*fd, last);
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		fd_close(fd);
}

static void sweep(struct hookd *h)
{
	int64_t n;

	if (h->sweep_at && !deadline_passed(h->sweep_at) && store_pending() <= (uint64_t)h->conf->webhook_queue)
		return;
	if (!h->sweep_at || deadline_passed(h->sweep_at)) {
		account_sweep(h);
		h->sweep_at = deadline_in(SWEEP_MS);
	}
	if (h->push.state == PUSH_POSTING)
		return; /* they may just be taken */
	n = store_give_up(clock_unix() - h->conf->webhook_keep / 1000, (uint64_t)h->conf->webhook_queue);
	if (n < 0)
		exit(EX_IOERR);
	if (n > 0) {
		h->push.given_up += (uint64_t)n;
		trace_event(TRACE_ERROR, "webhook-dropped", NULL, "%lld events were given up: too old, or too many", (long long)n);
	}
}

/* --- master's wishes -------------------------------------------------------------------- */

static void on_peer(struct program *p, const char *name, int fd)
{
	struct hookd *h = p->data;

	trace_least(p->conf->log_level);
	if (strcmp(name, "traced") == 0) {
		trace_open(fd, p->name);
	} else if (strcmp(name, "resolverd") == 0) {
		fd_close(&h->resolver);
		h->resolver = fd;
	} else {
		close(fd);
	}
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	struct hookd *h = p->data;
	size_t i;

	(void)instance;
	for (i = 0; i < HOOK_CLIENTS && h->client[i] >= 0; i++)
		;
	if (i == HOOK_CLIENTS || strcmp(name, "queued") != 0) {
		close(fd);
		return;
	}
	fd_nonblock(fd, true);
	h->client[i] = fd;
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	hook_verb(p->data, m);
}

static void on_stop(struct program *p)
{
	struct hookd *h = p->data;

	h->stopping = true;
	h->stop_at = deadline_in(STOP_MS);
}

static const struct program_ops ops = { .peer = on_peer, .client = on_client, .control = on_control, .stop = on_stop };

/* --- the loop ------------------------------------------------------------------------------ */

static int wait_ms(const struct hookd *h)
{
	int64_t ms = push_wait(h);

	ms = ms < 0 ? SWEEP_MS : MIN(ms, (int64_t)SWEEP_MS);
	if (h->stopping)
		ms = MIN(ms, (int64_t)deadline_left(h->stop_at));
	return (int)ms;
}

static void turn(struct hookd *h)
{
	struct pollfd pfd[HOOK_CLIENTS + 3] = {
		{ h->stopping ? -1 : h->program.control, POLLIN, 0 },
		{ h->push.poster, POLLIN, 0 },
		{ h->resolver, POLLIN, 0 },
	};
	size_t i;
	bool any = false;

	for (i = 0; i < HOOK_CLIENTS; i++)
		pfd[i + 3] = (struct pollfd){ h->client[i], POLLIN, 0 };
	if (poll(pfd, ARRAY_LEN(pfd), wait_ms(h)) > 0) {
		for (i = 0; i < HOOK_CLIENTS; i++)
			if (pfd[i + 3].revents)
				read_client(h, &h->client[i]);
		if (pfd[2].revents)
			push_resolved(h);
		if (pfd[1].revents)
			push_answered(h);
		if (pfd[0].revents)
			program_dispatch(&h->program);
	}
	for (i = 0; i < HOOK_CLIENTS; i++)
		any |= h->client[i] >= 0;
	if (h->stopping && (!any || deadline_passed(h->stop_at)))
		exit(0);
	sweep(h);
	push_work(h);
}

/* --- main ------------------------------------------------------------------------------------ */

static void load(struct hookd *h, const char *name, size_t max, struct buf *out)
{
	int fd = ipc_take_fd(&h->program.start, name);
	struct stat st;
	char *p;

	buf_init(out, max);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && (p = buf_room(out, (size_t)st.st_size)) != NULL &&
	    file_pread_all(fd, p, (size_t)st.st_size, 0) == 0)
		buf_grew(out, (size_t)st.st_size);
	fd_close(&fd);
}

int main(int argc, char **argv)
{
	struct hookd *h = &hookd;
	struct sandbox_rule rule;
	struct buf trust;
	int poster, r;
	size_t i;

	program_start(&h->program, "hookd", &ops, argc, argv);
	h->program.data = h;
	h->conf = h->program.conf;
	h->resolver = -1;
	for (i = 0; i < HOOK_CLIENTS; i++)
		h->client[i] = -1;
	trace_open(-1, "hookd");
	h->dir = ipc_take_fd(&h->program.start, "dir");
	load(h, "trust", TRUST_MAX, &trust);
	if (h->dir < 0 || fchdir(h->dir) < 0)
		give_up(EX_SOFTWARE, "master gave no folder", E_PEER);
	sandbox_log_only(h->conf->server_sandbox == CONF_SANDBOX_LOG);
	poster = poster_start(h->conf, buf_view(&trust));
	buf_done(&trust);
	if (poster < 0)
		give_up(EX_OSERR, "no process that posts", poster);
	load(h, "secret", SECRET_MAX, &h->secret);
	rule = (struct sandbox_rule){ h->dir, SANDBOX_READ | SANDBOX_WRITE };
	r = sandbox_enter(SANDBOX_QUEUED, &rule, 1, NULL);
	if (r < 0)
		give_up(EX_OSERR, "cannot lock itself in", r);
	r = store_open();
	if (r < 0)
		give_up(EX_CANTCREAT, "hooks.db", r);
	push_open(h, poster);
	program_ready(&h->program);
	for (;;)
		turn(h);
}
