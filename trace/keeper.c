/* SPDX-License-Identifier: ISC
 *
 * keeper.c: see keeper.h. The loop: lines first (there is always room for the
 * next), then questions; a commit when a batch is due.
 */
#include "trace/keeper.h"

#include <signal.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "trace/flight.h"
#include "trace/line.h"
#include "trace/stats.h"
#include "trace/trace.h"

#define IN_BYTES (128 * 1024)
#define EXPIRE_MS 30000
#define EXPIRE_MORE_MS 100 /* there is more to delete */
#define POLL_MAX 1024

static void leave(void *arg, const struct record *r)
{
	struct keeper *k = arg;
	struct fields e;

	if (fields_parse(r->text, &e) == 0)
		keep_add(&k->keep, r, &e);
}

static void follow(struct keeper *k, const struct record *r)
{
	struct reader *x;
	struct ipc_msg m;

	LIST_FOREACH(x, &k->readers, link) {
		if (x->kind != READER_LOG || !log_fits(&x->filter, r))
			continue;
		query_log_row(&m, r);
		reader_send(x, &m);
		ipc_done(&m);
	}
}

void keeper_line(struct keeper *k, struct str line)
{
	struct record r;
	struct fields e;

	if (record_parse(line, &r) < 0 || r.level == BLOCK_INDEX || fields_parse(r.text, &e) < 0)
		return;
	stats_event(k->stats, &r, &e);
	if (r.level - '0' == TRACE_FACT)
		return;
	keep_add(&k->keep, &r, &e);
	flights_event(k->flights, &r, &e);
	follow(k, &r);
	if (k->commit == DEADLINE_NEVER)
		k->commit = deadline_in(k->conf->trace_batch);
}

/* Once each: what could not be kept, and why. */
static void tell(struct keeper *k)
{
	struct trace t;

	if (k->keep.aside) {
		k->keep.aside = false;
		trace_event(TRACE_ERROR, "trace-damaged", NULL, NULL);
	}
	if (!k->keep.lost)
		return;
	trace_begin(&t, TRACE_WARN, "trace-lost");
	trace_u64(&t, "events", k->keep.lost);
	trace_end(&t);
	k->keep.lost = 0;
}

static void work(struct keeper *k)
{
	if (k->commit != DEADLINE_NEVER && deadline_passed(k->commit)) {
		k->commit = keep_commit(&k->keep) < 0 ? deadline_in(MAX(k->conf->trace_batch, (int64_t)1000)) : DEADLINE_NEVER;
		tell(k);
		if (k->expire == DEADLINE_NEVER)
			k->expire = deadline_in(EXPIRE_MS);
	}
	if (k->expire != DEADLINE_NEVER && deadline_passed(k->expire))
		k->expire = keep_expire(&k->keep, k->conf->trace_keep / 1000, k->conf->trace_audit_keep / 1000,
			k->conf->trace_size) ? deadline_in(EXPIRE_MORE_MS) : DEADLINE_NEVER;
}

/* False: traced is gone. */
static bool read_lines(struct keeper *k, struct buf *in)
{
	char *room = buf_room(in, IN_BYTES / 2);
	ssize_t n = room ? recv(k->lines, room, IN_BYTES / 2, MSG_DONTWAIT) : 0;
	struct str rest;
	ssize_t end;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	buf_grew(in, (size_t)n);
	end = str_rfind(buf_view(in), '\n');
	rest = str_sub(buf_view(in), 0, (size_t)(end + 1));
	while (rest.n > 0)
		keeper_line(k, str_cut(&rest, '\n'));
	buf_drop(in, (size_t)(end + 1));
	return true;
}

static void settings(struct keeper *k, const struct ipc_msg *m)
{
	struct buf errors;
	struct conf *next;

	buf_init(&errors, 16384);
	if (conf_parse(ipc_get(m, "settings"), "settings", &errors, &next) == 0) {
		conf_free((struct conf *)(uintptr_t)k->conf);
		k->conf = next;
	}
	buf_done(&errors);
}

/* False: traced is gone. */
static bool read_control(struct keeper *k)
{
	struct ipc_msg m;
	int r = ipc_try_recv(k->control, &m);

	if (r == 0 && ipc_is(&m, "control"))
		keeper_verb(k, &m);
	else if (r == 0 && ipc_is(&m, "numbers"))
		stats_numbers(k->stats, &m);
	else if (r == 0 && ipc_is(&m, "reload"))
		settings(k, &m);
	ipc_done(&m);
	return r == 0 || r == -EAGAIN || r == -EINTR;
}

static int sooner(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

static void loop(struct keeper *k)
{
	struct pollfd *p = mem_alloc(POLL_MAX, sizeof(*p));
	bool more = true;
	struct buf in;
	size_t n;
	int ms;

	buf_init(&in, 2 * IN_BYTES);
	while (more) {
		ms = sooner(readers_sweep(&k->readers), sooner(deadline_left(k->commit), deadline_left(k->expire)));
		ms = sooner(ms, stats_wait(k->stats, &k->readers));
		p[0] = (struct pollfd){ k->lines, POLLIN, 0 };
		p[1] = (struct pollfd){ k->control, POLLIN, 0 };
		n = 2 + readers_poll(&k->readers, p + 2, POLL_MAX - 2);
		if (poll(p, n, ms) < 0)
			continue;
		if (p[0].revents)
			more = read_lines(k, &in);
		if (p[1].revents && !read_control(k))
			more = false;
		readers_events(&k->readers, p + 2, n - 2);
		stats_tick(k->stats, &k->readers);
		work(k);
	}
	buf_done(&in);
	free(p);
}

int keeper_run(struct conf *conf, int dir, int lines, int control, int link)
{
	const struct sandbox_rule rule = { dir, SANDBOX_READ | SANDBOX_WRITE };
	struct keeper k = { .conf = conf, .lines = lines, .control = control };
	bool landlock;
	int r;

	trace_open(link, "traced");
	if (fchdir(dir) < 0)
		return EX_OSERR;
	r = sandbox_enter(SANDBOX_TRACED, &rule, 1, &landlock);
	if (r < 0) {
		fprintf(stderr, "mansio traced: sandbox: %s\n", err_text(r));
		return EX_OSERR;
	}
	LIST_INIT(&k.readers);
	keep_init(&k.keep);
	tell(&k);
	k.flights = flights_new(leave, &k);
	k.stats = stats_open(dir);
	loop(&k);
	flights_free(k.flights);
	stats_close(k.stats);
	keep_done(&k.keep);
	return 0;
}
