/* SPDX-License-Identifier: ISC
 *
 * imapset.c: IMAP sequence sets (RFC 3501 9: sequence-set), from the command
 * to a sorted list of ranges, and back in their shortest form.
 *
 * A parsed set stands as written; imapset_resolve makes it sorted, without
 * overlaps or neighbours that touch, so that imapset_has can halve it.
 */
#include "mail/imapset.h"

/* seq-number = nz-number / "*". 2^32-1 means "*" in here; as a number it is
 * read as the one below, which no message ever has. */
static int parse_number(struct cur *c, uint32_t *out)
{
	uint64_t v;
	int r;

	if (cur_take(c, '*')) {
		*out = IMAPSET_STAR;
		return 1;
	}
	r = cur_u64(c, UINT32_MAX, &v);
	if (r == 0)
		return 0;
	if (r < 0 || !v)
		return E_SYNTAX;
	*out = (uint32_t)MIN(v, (uint64_t)IMAPSET_STAR - 1);
	return 1;
}

static void set_add(struct imapset *s, size_t *cap, struct arena *a, struct imapset_range r)
{
	if (s->n == *cap) {
		size_t want = *cap ? *cap * 2 : 8;
		struct imapset_range *grown = arena_array(a, want, sizeof *grown);

		if (s->n)
			memcpy(grown, s->r, s->n * sizeof *grown);
		s->r = grown;
		*cap = want;
	}
	s->r[s->n++] = r;
}

/* sequence-set = (seq-number / seq-range) *("," sequence-set) */
int imapset_parse(struct cur *c, struct arena *a, struct imapset *out)
{
	struct cur at = *c;
	struct imapset set = { 0 };
	struct imapset_range r;
	size_t cap = 0;
	int got;

	do {
		got = parse_number(&at, &r.lo);
		if (got == 0 && !set.n)
			return 0;
		if (got <= 0)
			return E_SYNTAX;
		r.hi = r.lo;
		if (cur_take(&at, ':') && parse_number(&at, &r.hi) <= 0)
			return E_SYNTAX;
		if (set.n == IMAPSET_MAX)
			return E_LIMIT;
		set_add(&set, &cap, a, r);
	} while (cur_take(&at, ','));
	*c = at;
	*out = set;
	return 1;
}

static int by_lo(const void *a, const void *b)
{
	const struct imapset_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void imapset_resolve(struct imapset *s, uint32_t last)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++) {
		struct imapset_range r = s->r[i];

		/* in an empty mailbox "*" is no message, nor is "5:*" */
		if (!last && (r.lo == IMAPSET_STAR || r.hi == IMAPSET_STAR))
			continue;
		if (r.lo == IMAPSET_STAR)
			r.lo = last;
		if (r.hi == IMAPSET_STAR)
			r.hi = last;
		s->r[n].lo = MIN(r.lo, r.hi);
		s->r[n++].hi = MAX(r.lo, r.hi);
	}
	s->n = n;
	if (n < 2)
		return;
	qsort(s->r, n, sizeof *s->r, by_lo);
	for (n = 1, i = 1; i < s->n; i++) {
		struct imapset_range *top = &s->r[n - 1];

		if (s->r[i].lo <= top->hi || s->r[i].lo - 1 == top->hi)
			top->hi = MAX(top->hi, s->r[i].hi);
		else
			s->r[n++] = s->r[i];
	}
	s->n = n;
}

bool imapset_has(const struct imapset *s, uint32_t n)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (n > s->r[mid].hi)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && n >= s->r[lo].lo;
}

static void print_number(uint32_t n, struct buf *out)
{
	if (n == IMAPSET_STAR)
		buf_c(out, '*');
	else
		buf_u64(out, n);
}

static void print_range(bool comma, uint32_t lo, uint32_t hi, struct buf *out)
{
	if (comma)
		buf_c(out, ',');
	print_number(lo, out);
	if (hi != lo) {
		buf_c(out, ':');
		print_number(hi, out);
	}
}

void imapset_print(const struct imapset *s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		print_range(i > 0, s->r[i].lo, s->r[i].hi, out);
}

/* The open range lo..hi is printed when a number does not continue it; hi 0
 * means none is open, `any` that one was printed before. */
void imapset_write(struct imapset_writer *w, uint32_t n)
{
	if (w->hi && n == w->hi + 1) {
		w->hi = n;
		return;
	}
	imapset_write_end(w);
	w->lo = w->hi = n;
}

void imapset_write_end(struct imapset_writer *w)
{
	if (!w->hi)
		return;
	print_range(w->any, w->lo, w->hi, w->out);
	w->any = true;
	w->hi = 0;
}
