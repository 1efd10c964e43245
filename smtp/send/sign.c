/* SPDX-License-Identifier: ISC
 *
 * sign.c: signatures for jobs (see sign.h). Some questions are under way at once; the rest waits here,
 * in the order in which it came.
 */
#include "smtp/send/sign.h"

#include "base/file.h"
#include "smtp/send/sender.h"
#include "trace/trace.h"

/* At once: each is a descriptor of signd's. Forwards wait for the DNS of strangers, so they have places of their own, or
 * slow name servers would hold up the mail of our people. */
#define SIGNED 64
#define SEALED 192

struct waiting {
	struct waiting *next;
	struct job *job;
	uint64_t id; /* of the question, 0: not asked */
	deadline until;
};

struct signing {
	struct sender *sender;
	void (*done)(struct sender *, struct job *);
	void (*failed)(struct sender *, struct job *);
	int link;
	struct event ev, ev_tick;
	struct waiting *first, **last;
	size_t n, asked[2]; /* to be signed, sealed */
	uint64_t questions;
};

/* A stranger's message that an address of ours sends on. */
static bool to_seal(const struct job *j)
{
	return j->forward && j->alias.n && !j->user.n && !j->report;
}

size_t sign_waiting(const struct signing *g)
{
	return g->n;
}

/* --- the list --------------------------------------------------------------------------- */

static struct job *take(struct signing *g, struct waiting *w)
{
	struct waiting **at = &g->first;
	struct job *j = w->job;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (g->last == &w->next)
		g->last = at;
	g->n--;
	g->asked[to_seal(j)] -= w->id != 0;
	free(w);
	return j;
}

static void fail(struct signing *g, struct waiting *w, const char *words)
{
	struct job *j = take(g, w);
	size_t i;

	for (i = 0; i < j->nrcpt; i++)
		if (j->rcpt[i].state < RCPT_KNOWN)
			job_set(j, &j->rcpt[i], 0, "4.3.0", str_of(words));
	g->failed(g->sender, j);
}

/* --- questions ---------------------------------------------------------------------------- */

static void lost(struct signing *g)
{
	struct waiting *w;

	if (g->link < 0)
		return;
	event_del(&g->ev);
	fd_close(&g->link);
	g->asked[false] = g->asked[true] = 0;
	for (w = g->first; w; w = w->next)
		w->id = 0;
}

static int ask(struct signing *g, struct waiting *w)
{
	const struct job *j = w->job;
	struct ipc_msg m;
	int r;

	ipc_init(&m, to_seal(j) ? "seal" : "sign");
	ipc_set_u64(&m, "id", ++g->questions);
	ipc_set(&m, "sender", to_seal(j) ? j->origin : j->sender);
	if (to_seal(j)) {
		ipc_set(&m, "alias", j->alias);
		ipc_set(&m, "peer", j->peer);
		ipc_set(&m, "helo", j->helo);
		ipc_set(&m, "found", j->found);
		ipc_set(&m, "chain", j->chain);
	}
	ipc_set_u64(&m, "offset", j->offset);
	ipc_set_u64(&m, "size", j->size);
	if (j->report)
		ipc_set_bool(&m, "report", true);
	ipc_add_fd(&m, "file", j->fd);
	r = ipc_try_send(g->link, &m);
	ipc_done(&m);
	if (r == 0) {
		w->id = g->questions;
		g->asked[to_seal(j)]++;
	}
	return r;
}

static void ask_all(struct signing *g)
{
	struct waiting *w;
	int r = 0;

	for (w = g->first; w && g->link >= 0 && (g->asked[false] < SIGNED || g->asked[true] < SEALED) && r == 0; w = w->next)
		if (!w->id && g->asked[to_seal(w->job)] < (to_seal(w->job) ? SEALED : SIGNED))
			r = ask(g, w);
	if (r && r != -EAGAIN) /* full: the tick comes again */
		lost(g);
}

/* --- answers --------------------------------------------------------------------------------- */

/* What goes to strangers is looked at, whoever gave it: fields of printable lines, and no end of
 * the header. */
static bool fields_ok(struct str s)
{
	struct str rest = s;

	if ((!str_starts(s, "DKIM-Signature:") && !str_starts(s, "ARC-Seal:")) || !str_ends(s, "\r\n"))
		return false;
	while (rest.n) {
		struct str line = str_cut(&rest, '\n');
		size_t i;

		if (line.n < 2 || line.p[line.n - 1] != '\r')
			return false;
		for (i = 0; i + 1 < line.n; i++)
			if ((line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] > '~')
				return false;
	}
	return true;
}

static void told(const struct job *j, const char *event, const char *key, struct str value)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, event);
	trace_str(&t, "m", j->message);
	trace_str(&t, key, value);
	trace_end(&t);
}

/* What was found of a message that is sent on: one line. */
static void told_checked(const struct job *j, struct str found)
{
	struct buf b;
	size_t i;

	buf_init(&b, TRACE_TEXT);
	str_cut(&found, ';'); /* our name */
	for (i = 0; i < found.n && b.n < TRACE_TEXT - 1; i++)
		if (found.p[i] != '\r' && found.p[i] != '\n')
			buf_c(&b, found.p[i] == '\t' ? ' ' : found.p[i]);
	if (b.n)
		told(j, "checked", "text", str_trim(buf_view(&b)));
	buf_done(&b);
}

static int answer(struct signing *g, const struct ipc_msg *m)
{
	struct str header = ipc_get(m, "header"), words = ipc_get(m, "words");
	struct waiting *w;
	struct job *j;
	uint64_t id;

	if (!ipc_is(m, "signed") || ipc_get_u64(m, "id", UINT64_MAX, &id) || (header.n && !fields_ok(header)))
		return E_PEER;
	for (w = g->first; w && w->id != id; w = w->next)
		;
	if (!w || !id)
		return 0; /* of one that was given up */
	if (ipc_get_bool(m, "failed")) {
		fail(g, w, "the message cannot be signed now");
		return 0;
	}
	j = take(g, w);
	if (to_seal(j) && !j->found.n) {
		j->confirmed = ipc_get_bool(m, "confirmed");
		j->found = arena_str(&j->a, ipc_get(m, "found"));
		j->chain = arena_str(&j->a, ipc_get(m, "chain"));
		told_checked(j, j->found);
	}
	if (header.n && to_seal(j)) {
		j->prepend = arena_str(&j->a, header);
		told(j, "sealed", "domain", ipc_get(m, "domain"));
	} else if (header.n) {
		j->prepend = arena_str(&j->a, header);
		told(j, "signed", "domain", ipc_get(m, "domain"));
	} else if (words.n) {
		told(j, "unsigned", "text", words);
	}
	g->done(g->sender, j);
	return 0;
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct signing *g = arg;
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	for (i = 0; i < 32 && r == 0 && g->link == fd; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0)
			r = answer(g, &m);
		ipc_done(&m);
	}
	if (r == E_PEER)
		trace_event(TRACE_ERROR, "peer-dropped", NULL, "signd sent a malformed message");
	if (r && r != -EAGAIN && r != -EINTR && g->link == fd)
		lost(g);
	ask_all(g);
}

/* Once a second while somebody waits. */
static void tick(evutil_socket_t fd, short what, void *arg)
{
	struct signing *g = arg;
	struct waiting *w, *next;

	(void)fd, (void)what;
	for (w = g->first; w; w = next) {
		next = w->next;
		if (deadline_passed(w->until))
			fail(g, w, "the message could not be signed in time");
	}
	ask_all(g);
	if (g->first)
		event_add(&g->ev_tick, &(struct timeval){ 1, 0 });
}

/* --- for the sender ---------------------------------------------------------------------------- */

struct signing *sign_new(struct sender *s, void (*done)(struct sender *, struct job *), void (*failed)(struct sender *, struct job *))
{
	struct signing *g = mem_alloc(1, sizeof *g);

	*g = (struct signing){ .sender = s, .done = done, .failed = failed, .link = -1 };
	g->last = &g->first;
	event_assign(&g->ev_tick, s->base, -1, 0, tick, g);
	return g;
}

void sign_job(struct signing *g, struct job *j)
{
	struct waiting *w;

	if (j->lmtp || (!j->user.n && !j->report && !to_seal(j))) {
		g->done(g->sender, j);
		return;
	}
	w = mem_alloc(1, sizeof *w);
	*w = (struct waiting){ .job = j, .until = deadline_in(g->sender->conf->dkim_wait) };
	*g->last = w;
	g->last = &w->next;
	g->n++;
	ask_all(g);
	if (!event_pending(&g->ev_tick, EV_TIMEOUT, NULL))
		event_add(&g->ev_tick, &(struct timeval){ 1, 0 });
}

void sign_again(struct signing *g, struct job *j)
{
	j->resign = false;
	sign_job(g, j);
}

void sign_link(struct signing *g, int fd)
{
	lost(g);
	fd_nonblock(fd, true);
	g->link = fd;
	event_assign(&g->ev, g->sender->base, fd, EV_READ | EV_PERSIST, readable, g);
	event_add(&g->ev, NULL);
	ask_all(g);
}

void sign_drop(struct signing *g, void (*drop)(struct sender *, struct job *))
{
	while (g->first)
		drop(g->sender, take(g, g->first));
}
