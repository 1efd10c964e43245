/* SPDX-License-Identifier: ISC
 *
 * task.c: messages that are being signed (see signd.h). Each turn of the loop reads one piece of
 * every message, so a large one keeps nobody waiting longer than its own pieces take.
 */
#include "smtp/sign/signd.h"

#include <unistd.h>

#include "base/file.h"
#include "mail/address.h"
#include "trace/trace.h"

#define PIECE 65536
#define HEADER_OUT 65536 /* signatures of one message */

static void lower_domain(struct str address, char out[KEYS_DOMAIN_MAX + 1])
{
	ssize_t at = str_rfind(address, '@');
	struct str d = at < 0 ? STR("") : str_from(address, (size_t)at + 1), normal;
	struct arena a;
	size_t i;

	arena_init(&a);
	if (d.n && domain_normal(d, &a, &normal) == 0)
		d = normal;
	for (i = 0; i < d.n && d.n <= KEYS_DOMAIN_MAX; i++)
		out[i] = ascii_lower(d.p[i]);
	out[i] = '\0';
	arena_done(&a);
}

int task_add(struct signd *d, size_t asker, struct ipc_msg *m)
{
	uint64_t id, offset, size;
	struct task *t;
	int fd;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) || ipc_get_u64(m, "offset", INT64_MAX / 2, &offset) ||
		ipc_get_u64(m, "size", INT64_MAX / 2, &size))
		return E_PEER;
	fd = ipc_take_fd(m, "file");
	if (fd < 0)
		return E_PEER;
	t = mem_alloc(1, sizeof *t);
	*t = (struct task){ .asker = (int)asker, .fd = fd, .id = id, .at = offset, .end = offset + size,
		.report = ipc_get_bool(m, "report") };
	if (ipc_is(m, "seal")) {
		t->seal = seal_new(d, m);
	} else {
		lower_domain(ipc_get(m, "sender"), t->domain);
		t->signer = dkim_signer_new((size_t)d->program.conf->dkim_header);
	}
	*d->last = t;
	d->last = &t->next;
	d->ntasks++;
	return 0;
}

/* --- which keys -------------------------------------------------------------------------- */

/* The same, or one is beneath the other. */
static bool related(struct str a, struct str b)
{
	struct str longer = a.n > b.n ? a : b, shorter = a.n > b.n ? b : a;

	return shorter.n && str_eq(str_from(longer, longer.n - shorter.n), shorter) &&
		(longer.n == shorter.n || longer.p[longer.n - shorter.n - 1] == '.');
}

static struct sign_domain *domain_for(struct signd *d, const struct task *t)
{
	struct sign_domain *found = NULL;
	struct str author = STR_NONE, sender = str_of(t->domain);
	struct arena a;
	struct buf b;

	arena_init(&a);
	buf_init(&b, 1024);
	if (dkim_signer_author(t->signer, &b) == 0)
		author = buf_view(&b);
	if (author.n && domain_normal(author, &a, &author) < 0)
		author = STR_NONE;
	if (author.n && (t->report || related(author, sender)))
		found = keys_for(&d->keys, author);
	if (!found && !t->report && sender.n)
		found = keys_for(&d->keys, sender);
	buf_done(&b);
	arena_done(&a);
	return found;
}

/* --- the answer ------------------------------------------------------------------------------ */

static int sign_all(struct signd *d, struct task *t, struct sign_domain *of, struct buf *out)
{
	struct sign_key *x;
	int r = 0;

	for (x = of->first; x && r == 0; x = x->next) {
		const struct dkim_key *key;

		if (x->state != KEY_ACTIVE)
			continue;
		key = keys_private(&d->keys, x);
		r = key ? dkim_signer_sign(t->signer, key, str_of(of->name), str_of(x->selector), clock_unix(), out) : E_TEMP;
	}
	return r;
}

static void send_answer(struct signd *d, const struct task *t, struct ipc_msg *m)
{
	int r = ipc_send(d->asker[t->asker].fd, m);

	ipc_done(m);
	if (r < 0) /* its tasks go at the end of the turn */
		signd_drop(d, (size_t)t->asker);
}

static void answer(struct signd *d, const struct task *t, struct str header, const char *domain, const char *words, bool failed)
{
	struct ipc_msg m;

	ipc_init(&m, "signed");
	ipc_set_u64(&m, "id", t->id);
	if (header.n) {
		ipc_set(&m, "header", header);
		ipc_setc(&m, "domain", domain);
	}
	if (failed)
		ipc_set_bool(&m, "failed", true);
	ipc_setc(&m, "words", words);
	send_answer(d, t, &m);
}

/* A forward was read. 1: answered. */
static int finish_seal(struct signd *d, struct task *t)
{
	struct ipc_msg m;

	if (!seal_ready(t->seal))
		return 0;
	ipc_init(&m, "signed");
	ipc_set_u64(&m, "id", t->id);
	seal_finish(d, t->seal, &m);
	send_answer(d, t, &m);
	return 1;
}

/* All of the message was read. */
static void finish(struct signd *d, struct task *t)
{
	struct sign_domain *of = NULL;
	struct buf out;
	int r;

	buf_init(&out, HEADER_OUT);
	r = dkim_signer_end(t->signer);
	if (r == 0)
		of = domain_for(d, t);
	if (of)
		r = sign_all(d, t, of, &out);
	if (r == E_LIMIT)
		answer(d, t, STR(""), NULL, "its header is too large to be signed", false);
	else if (r == E_SYNTAX)
		answer(d, t, STR(""), NULL, "it does not begin with a field", false);
	else if (r)
		answer(d, t, STR(""), NULL, err_text(r), true);
	else
		answer(d, t, buf_view(&out), of ? of->name : NULL, of ? NULL : "no key for its domain", false);
	buf_done(&out);
}

/* 1: done, answered; 0: more to come. */
static int piece(struct signd *d, struct task *t)
{
	static char data[PIECE];
	size_t n = (size_t)MIN((uint64_t)sizeof data, t->end - t->at);
	int r;

	if (n == 0 && t->seal)
		return finish_seal(d, t);
	if (n == 0) {
		finish(d, t);
		return 1;
	}
	r = file_pread_all(t->fd, data, n, (off_t)t->at);
	if (r) {
		answer(d, t, STR(""), NULL, err_text(r), true);
		return 1;
	}
	t->at += n;
	if (t->seal ? seal_add(t->seal, str_make(data, n)) : dkim_signer_add(t->signer, str_make(data, n)))
		t->at = t->end; /* it cannot be signed: finish says so */
	return 0;
}

static void task_free(struct signd *d, struct task *t)
{
	d->ntasks--;
	dkim_signer_free(t->signer);
	seal_free(t->seal);
	close(t->fd);
	free(t);
}

/* Takes those out that `over` says of. */
static void sweep(struct signd *d, bool (*over)(struct signd *, struct task *, size_t), size_t arg)
{
	struct task **at = &d->tasks, *t;

	while ((t = *at)) {
		if (over(d, t, arg)) {
			*at = t->next;
			task_free(d, t);
		} else {
			at = &t->next;
		}
	}
	d->last = at;
}

static bool work(struct signd *d, struct task *t, size_t unused)
{
	(void)unused;
	return d->asker[t->asker].fd < 0 || piece(d, t) == 1;
}

static bool of_asker(struct signd *d, struct task *t, size_t asker)
{
	(void)d;
	return (size_t)t->asker == asker;
}

void tasks_work(struct signd *d)
{
	sweep(d, work, 0);
}

void tasks_drop(struct signd *d, size_t asker)
{
	sweep(d, of_asker, asker);
}

bool tasks_answer(struct signd *d, const struct ipc_msg *m)
{
	struct task *t;
	uint64_t id;

	if (m && ipc_get_u64(m, "id", UINT64_MAX, &id))
		return false;
	for (t = d->tasks; t; t = t->next)
		if (t->seal && !m)
			seal_lost(t->seal);
		else if (t->seal && seal_answer(t->seal, id, m))
			return true;
	return false;
}

bool tasks_idle(const struct signd *d, deadline *until_out)
{
	const struct task *t;
	deadline until;

	*until_out = DEADLINE_NEVER;
	for (t = d->tasks; t; t = t->next) {
		if (t->at < t->end || !t->seal || !seal_waits(t->seal, &until))
			return false;
		*until_out = MIN(*until_out, until);
	}
	return true;
}
