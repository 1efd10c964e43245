/* SPDX-License-Identifier: ISC
 *
 * taken.c: see taken.h. The memory is an array of entries; where each one is found (by message
 * and number of the recipient) is kept in this process, and made anew at its start.
 */
#include "smtp/send/taken.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x6d74616b656e0002u /* grows when the entries change */
#define WHOLE 0x57484f4cu
#define TEXT 368
#define BUCKETS 8192u
#define NONE UINT16_MAX

enum field { MESSAGE, STATUS, REMOTE, IP, TLS, REPLY, FIELDS };
/* longest of each, so that all of them fit; a reply has what is left */
static const size_t longest[FIELDS] = { 64, 11, 120, 46, 64, TEXT };

struct entry {
	_Atomic uint32_t state; /* WHOLE, or it does not count */
	uint32_t number, code, dsn;
	char text[TEXT]; /* the fields, each ended by NUL */
};

struct awaited {
	_Atomic uint32_t state; /* as above */
	uint32_t n, dsn;
	uint64_t key;
	uint32_t number[TAKEN_RCPTS];
	char id[65], remote[121], ip[47];
};

struct memory {
	uint64_t magic;
	_Atomic uint32_t next; /* the entry that is written next */
	_Atomic uint32_t most; /* slots of `awaited` that were ever used */
	struct entry entry[TAKEN_ENTRIES];
	struct awaited awaited[TAKEN_AWAITED];
};

struct taken {
	struct memory *m;
	uint16_t free[TAKEN_AWAITED];
	size_t nfree;
	uint16_t bucket[BUCKETS], chain[TAKEN_ENTRIES];
};

/* --- entries ---------------------------------------------------------------------- */

static void put(struct entry *e, size_t *at, enum field f, struct str s)
{
	size_t left = (FIELDS - 1u - (size_t)f) + 1; /* the ends of this one and of those behind it */
	size_t n = MIN(MIN(s.n, longest[f]), TEXT - *at - left);

	if (n)
		memcpy(e->text + *at, s.p, n);
	e->text[*at + n] = '\0';
	*at += n + 1;
}

/* False: it is damaged. */
static bool get(const struct entry *e, struct str out[FIELDS])
{
	size_t at = 0, f;
	const char *end;

	if (atomic_load_explicit(&e->state, memory_order_acquire) != WHOLE || e->code < 200 || e->code > 299)
		return false;
	for (f = 0; f < FIELDS; f++) {
		end = at < TEXT ? memchr(e->text + at, '\0', TEXT - at) : NULL;
		if (!end)
			return false;
		out[f] = str_make(e->text + at, (size_t)(end - e->text) - at);
		if (str_has_ctl(out[f]))
			return false;
		at += out[f].n + 1;
	}
	return out[MESSAGE].n > 0 && out[STATUS].n > 0 && out[STATUS].n <= longest[STATUS];
}

/* --- where they are --------------------------------------------------------------------- */

/* FNV-1a */
static uint32_t hash(struct str message, uint32_t number)
{
	uint32_t h = 2166136261u ^ number;
	size_t i;

	for (i = 0; i < message.n; i++)
		h = (h ^ (unsigned char)message.p[i]) * 16777619u;
	return h % BUCKETS;
}

static void index_add(struct taken *t, uint32_t at)
{
	struct str field[FIELDS];
	uint16_t *first;

	if (!get(&t->m->entry[at], field))
		return;
	first = &t->bucket[hash(field[MESSAGE], t->m->entry[at].number)];
	t->chain[at] = *first;
	*first = (uint16_t)at;
}

static void index_remove(struct taken *t, uint32_t at)
{
	struct str field[FIELDS];
	uint16_t *p;

	if (!get(&t->m->entry[at], field))
		return;
	for (p = &t->bucket[hash(field[MESSAGE], t->m->entry[at].number)]; *p != NONE; p = &t->chain[*p])
		if (*p == at) {
			*p = t->chain[at];
			return;
		}
}

static const struct entry *find(const struct taken *t, struct str message, uint32_t number, struct str field[FIELDS])
{
	uint16_t at;

	for (at = t->bucket[hash(message, number)]; at != NONE; at = t->chain[at])
		if (t->m->entry[at].number == number && get(&t->m->entry[at], field) && str_eq(field[MESSAGE], message))
			return &t->m->entry[at];
	return NULL;
}

/* --- life ----------------------------------------------------------------------------------- */

static struct memory *map(int fd)
{
	struct stat st;
	void *m;

	if (fd < 0 || fstat(fd, &st) < 0 || (st.st_size != sizeof(struct memory) &&
			(ftruncate(fd, 0) < 0 || ftruncate(fd, sizeof(struct memory)) < 0)))
		return NULL;
	m = mmap(NULL, sizeof(struct memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return m == MAP_FAILED ? NULL : m;
}

struct taken *taken_open(int fd)
{
	struct taken *t = mem_alloc(1, sizeof *t);
	uint32_t i;

	t->m = map(fd);
	if (fd >= 0)
		close(fd);
	if (!t->m) {
		t->m = mmap(NULL, sizeof *t->m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		BUG_ON(t->m == MAP_FAILED);
	}
	if (t->m->magic && t->m->magic != MAGIC)
		memset(t->m, 0, sizeof *t->m);
	t->m->magic = MAGIC;
	memset(t->bucket, 0xff, sizeof t->bucket);
	/* one may have been cut short; behind two that are empty nothing was ever written, and pages stay untouched */
	for (i = 0; i < TAKEN_ENTRIES && (i == 0 || t->m->entry[i].state || t->m->entry[i - 1].state); i++)
		index_add(t, i);
	/* the lowest ones are used first, so that few pages are touched */
	for (i = TAKEN_AWAITED; i-- > 0;)
		if (i >= t->m->most || t->m->awaited[i].state != WHOLE)
			t->free[t->nfree++] = (uint16_t)i;
	return t;
}

void taken_close(struct taken *t)
{
	munmap(t->m, sizeof *t->m);
	free(t);
}

/* --- use --------------------------------------------------------------------------------------- */

static void note(struct taken *t, const struct job *j, const struct job_rcpt *r)
{
	uint32_t at = t->m->next % TAKEN_ENTRIES;
	struct entry *e = &t->m->entry[at];
	size_t n = 0;

	index_remove(t, at);
	atomic_store_explicit(&e->state, 0, memory_order_release);
	e->number = r->number;
	e->code = (uint32_t)r->code;
	e->dsn = j->dsn;
	put(e, &n, MESSAGE, j->message);
	put(e, &n, STATUS, str_of(r->status));
	put(e, &n, REMOTE, j->remote);
	put(e, &n, IP, j->ip);
	put(e, &n, TLS, j->tls);
	put(e, &n, REPLY, r->reply);
	atomic_store_explicit(&e->state, WHOLE, memory_order_release);
	atomic_store_explicit(&t->m->next, (at + 1) % TAKEN_ENTRIES, memory_order_release);
	index_add(t, at);
}

void taken_note(struct taken *t, const struct job *j)
{
	struct str field[FIELDS];
	size_t i;

	for (i = 0; i < j->nrcpt; i++) {
		const struct job_rcpt *r = &j->rcpt[i];

		if (r->state == RCPT_KNOWN && r->code >= 200 && r->code < 300 && !find(t, j->message, r->number, field))
			note(t, j, r);
	}
}

size_t taken_answer(const struct taken *t, struct job *j)
{
	struct str field[FIELDS];
	const struct entry *e;
	size_t i, n = 0;

	for (i = 0; i < j->nrcpt; i++) {
		struct job_rcpt *r = &j->rcpt[i];

		e = r->state == RCPT_OPEN ? find(t, j->message, r->number, field) : NULL;
		if (!e)
			continue;
		job_set(j, r, (int)e->code, arena_cstr(&j->a, field[STATUS]), field[REPLY]);
		j->remote = arena_str(&j->a, field[REMOTE]);
		j->ip = arena_str(&j->a, field[IP]);
		j->tls = arena_str(&j->a, field[TLS]);
		j->dsn = e->dsn != 0;
		n++;
	}
	return n;
}

/* --- what waits for its answer ---------------------------------------------------------------- */

static bool copy(char *to, size_t cap, struct str s)
{
	if (s.n >= cap)
		return false;
	if (s.n)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

int taken_begin(struct taken *t, uint64_t key, const struct job *j, bool dsn)
{
	struct awaited *w;
	size_t i;
	uint16_t at;

	if (!t->nfree)
		return E_LIMIT;
	at = t->free[t->nfree - 1];
	w = &t->m->awaited[at];
	w->n = 0;
	for (i = 0; i < j->nrcpt; i++) {
		if (j->rcpt[i].state != RCPT_TAKEN)
			continue;
		if (w->n == TAKEN_RCPTS)
			return E_LIMIT;
		w->number[w->n++] = j->rcpt[i].number;
	}
	if (!w->n || !copy(w->id, sizeof w->id, j->message) || !copy(w->remote, sizeof w->remote, str_sub(j->remote, 0, sizeof w->remote - 1)) ||
		!copy(w->ip, sizeof w->ip, j->ip))
		return E_LIMIT;
	w->key = key;
	w->dsn = dsn;
	t->nfree--;
	if (t->m->most <= at)
		t->m->most = at + 1u;
	atomic_store_explicit(&w->state, WHOLE, memory_order_release);
	return at;
}

void taken_end(struct taken *t, int slot)
{
	atomic_store_explicit(&t->m->awaited[slot].state, 0, memory_order_release);
	t->free[t->nfree++] = (uint16_t)slot;
}

static bool text(const char *p, size_t cap, struct str *out)
{
	const char *end = memchr(p, '\0', cap);

	*out = str_make(p, end ? (size_t)(end - p) : 0);
	return end && !str_has_ctl(*out);
}

bool taken_awaits(const struct taken *t, int *slot, struct taken_message *out)
{
	uint32_t most = MIN(t->m->most, (uint32_t)TAKEN_AWAITED);
	const struct awaited *w;

	for (; *slot >= 0 && (uint32_t)*slot < most; ++*slot) {
		w = &t->m->awaited[*slot];
		if (atomic_load_explicit(&w->state, memory_order_acquire) != WHOLE)
			continue;
		*out = (struct taken_message){ .key = w->key, .dsn = w->dsn != 0 };
		/* one that is damaged is nobody's: it is ended for having no connection */
		if (text(w->id, sizeof w->id, &out->id) && text(w->remote, sizeof w->remote, &out->remote) &&
			text(w->ip, sizeof w->ip, &out->ip) && w->n <= TAKEN_RCPTS) {
			out->n = w->n;
			memcpy(out->number, w->number, w->n * sizeof w->number[0]);
		} else {
			out->key = 0;
		}
		return true;
	}
	return false;
}
