/* SPDX-License-Identifier: ISC
 *
 * records.c: see records.h.
 *
 *   made --room--> kept --socket has room--> sent --ack n--> gone
 *     `-- no room: lost, counted       ^--- a new hookd: all of them once more
 *
 * The id of a record is this life of queued and a number: what comes twice is known again.
 */
#include "smtp/queue/records.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rand.h"
#include "trace/trace.h"

#define LIFE_ID 8
#define TEXT_MAX 2000 /* bytes of a field */
#define TELL_MS 60000 /* losses are told so often */
#define READS 64

struct record {
	STAILQ_ENTRY(record) link;
	uint64_t n;
	size_t size;
	char packet[];
};

/* Of this turn, whose commit decides whether it is true. */
struct pending {
	STAILQ_ENTRY(pending) link;
	struct ipc_msg m;
};

static struct {
	bool wanted;
	size_t max, bytes;
	int fd;
	char life[LIFE_ID + 1];
	uint64_t last, lost;
	deadline tell;
	STAILQ_HEAD(record_list, record) kept;
	struct record *next; /* the first that was not sent; NULL: none */
	STAILQ_HEAD(pending_list, pending) turn;
} g = { .fd = -1, .kept = STAILQ_HEAD_INITIALIZER(g.kept), .turn = STAILQ_HEAD_INITIALIZER(g.turn) };

void records_settings(const struct conf *conf)
{
	g.wanted = conf->accounting_format != CONF_ACCOUNTING_OFF || conf->webhook_url.n > 0;
	g.max = conf->queue_records;
}

bool records_wanted(void)
{
	return g.wanted;
}

int records_fd(void)
{
	return g.fd;
}

static void flush(void)
{
	while (g.next && g.fd >= 0) {
		if (send(g.fd, g.next->packet, g.next->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return; /* full: its next ack wakes us; gone: the next link does */
		g.next = STAILQ_NEXT(g.next, link);
	}
}

void records_link(int fd)
{
	fd_close(&g.fd);
	g.fd = fd;
	fd_nonblock(fd, true);
	g.next = STAILQ_FIRST(&g.kept);
	flush();
}

static void confirmed(uint64_t n)
{
	struct record *r;

	/* not beyond what was sent */
	while ((r = STAILQ_FIRST(&g.kept)) != NULL && r != g.next && r->n <= n) {
		STAILQ_REMOVE_HEAD(&g.kept, link);
		g.bytes -= r->size;
		free(r);
	}
}

void records_read(void)
{
	struct ipc_msg m;
	uint64_t n;
	int i, r = 0;

	for (i = 0; i < READS && r == 0; i++) {
		r = ipc_try_recv(g.fd, &m);
		if (r == 0 && ipc_is(&m, "ack") && ipc_get_u64(&m, "n", UINT64_MAX, &n) == 0)
			confirmed(n);
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		fd_close(&g.fd);
	else
		flush();
}

/* --- making one ------------------------------------------------------------------------ */

static void tell_lost(void)
{
	struct trace t;

	if (!g.lost || (g.tell && !deadline_passed(g.tell)))
		return;
	trace_begin(&t, TRACE_ERROR, "records-lost");
	trace_u64(&t, "events", g.lost);
	trace_end(&t);
	g.lost = 0;
	g.tell = deadline_in(TELL_MS);
}

static void set(struct ipc_msg *m, const char *name, struct str value)
{
	if (value.n > 0)
		ipc_set(m, name, str_sub(value, 0, TEXT_MAX));
}

static void begin(struct ipc_msg *m, const char *event)
{
	ipc_init(m, "delivery");
	ipc_set_u64(m, "time", (uint64_t)MAX(clock_unix(), (int64_t)0));
	ipc_setc(m, "event", event);
}

/* Takes m. */
static void keep(struct ipc_msg *m)
{
	struct record *r;
	struct buf b;

	if (!g.life[0])
		rand_id(g.life, LIFE_ID);
	ipc_set_u64(m, "n", ++g.last);
	ipc_setc(m, "id", arena_fmt(&m->arena, "%s-%llu", g.life, (unsigned long long)g.last));
	buf_init(&b, IPC_MAX);
	if (ipc_print(m, &b) < 0 || b.err || g.bytes + b.n > g.max) {
		g.lost++;
	} else {
		r = mem_alloc(1, sizeof(*r) + b.n);
		r->n = g.last;
		r->size = b.n;
		memcpy(r->packet, b.p, b.n);
		g.bytes += b.n;
		STAILQ_INSERT_TAIL(&g.kept, r, link);
		if (!g.next)
			g.next = r;
	}
	buf_done(&b);
	ipc_done(m);
	tell_lost();
	flush();
}

void records_attempt(const struct job *j, const struct job_rcpt *r, const struct rcpt_row *x, const char *event)
{
	static const char *const names[][2] = { { "sent", "delivered" }, { "deferred", "deferred" }, { "failed", "bounced" },
		{ "bounced", "bounced" }, { "removed", "removed" }, { "expired", "expired" } };
	struct ipc_msg m;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names) && strcmp(names[i][0], event) != 0; i++)
		;
	/* a wait that was no attempt is none; one that was counted though nothing was tried neither */
	if (!g.wanted || i == ARRAY_LEN(names) || (strcmp(event, "deferred") == 0 && r->told && (r->code == 0 || x->attempts == r->attempts)))
		return;
	begin(&m, names[i][1]);
	set(&m, "message", j->row.id);
	set(&m, "session", j->row.session);
	set(&m, "sender", j->row.sender);
	set(&m, "recipient", r->address);
	if (x->code > 0)
		ipc_set_u64(&m, "code", (uint64_t)x->code);
	set(&m, "status", x->status);
	set(&m, "reply", x->reply);
	set(&m, "remote", x->remote);
	set(&m, "ip", r->ip);
	set(&m, "tls", r->tls);
	ipc_set_u64(&m, "attempts", x->attempts);
	ipc_set_u64(&m, "size", j->size);
	set(&m, "user", j->user);
	set(&m, "class", str_of(bounce_name((enum bounce_class)x->class)));
	keep(&m);
}

void records_ended(const struct message_row *row, struct str user, const struct rcpt_row *x, const char *event)
{
	struct pending *p;

	if (!g.wanted)
		return;
	p = mem_alloc(1, sizeof(*p));
	begin(&p->m, event);
	set(&p->m, "message", row->id);
	set(&p->m, "session", row->session);
	set(&p->m, "sender", row->sender);
	set(&p->m, "recipient", x->address);
	set(&p->m, "status", x->status);
	set(&p->m, "reply", x->reply);
	ipc_set_u64(&p->m, "attempts", x->attempts);
	ipc_set_u64(&p->m, "size", row->size);
	set(&p->m, "user", user);
	set(&p->m, "class", str_of(bounce_name((enum bounce_class)x->class)));
	STAILQ_INSERT_TAIL(&g.turn, p, link);
}

void records_turn(bool committed)
{
	struct pending *p;

	while ((p = STAILQ_FIRST(&g.turn)) != NULL) {
		STAILQ_REMOVE_HEAD(&g.turn, link);
		if (committed)
			keep(&p->m);
		else
			ipc_done(&p->m);
		free(p);
	}
}

void records_complaint(const struct ipc_msg *given)
{
	static const char *const fields[] = { "message", "session", "sender", "recipient", "reply", "remote", "ip", "class" };
	struct ipc_msg m;
	size_t i;

	if (!g.wanted)
		return;
	begin(&m, "complaint");
	for (i = 0; i < ARRAY_LEN(fields); i++)
		set(&m, fields[i], ipc_get(given, fields[i]));
	keep(&m);
}

void records_returned(const struct ipc_msg *given, const struct sent_row *x, const char *class)
{
	struct ipc_msg m;

	if (!g.wanted)
		return;
	begin(&m, "bounced");
	set(&m, "message", x->message);
	set(&m, "session", ipc_get(given, "session"));
	set(&m, "sender", x->sender);
	set(&m, "recipient", x->recipient);
	set(&m, "status", ipc_get(given, "status"));
	set(&m, "reply", ipc_get(given, "reply"));
	set(&m, "remote", ipc_get(given, "remote"));
	set(&m, "ip", ipc_get(given, "ip"));
	set(&m, "class", str_of(class));
	keep(&m);
}
