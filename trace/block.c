/* SPDX-License-Identifier: ISC
 *
 * block.c: see block.h.
 */
#include "trace/block.h"

#define IDS_BITS (BLOCK_IDS * 8u)
#define GRAMS_BITS (BLOCK_GRAMS * 8u)
#define IDS_PROBES 4

void block_init(struct block *b)
{
	*b = (struct block){ .worst = -1 };
	buf_init(&b->text, 2 * BLOCK_BYTES);
}

void block_reset(struct block *b)
{
	struct buf text = b->text;

	buf_reset(&text);
	*b = (struct block){ .worst = -1, .text = text };
}

void block_done(struct block *b)
{
	buf_done(&b->text);
}

/* FNV-1a and a last mixing: a set on disk must know the same numbers tomorrow. Not keyed:
 * who chooses ids that collide only makes his own searches slower. */
uint64_t block_id(struct str id)
{
	uint64_t h = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * 0x100000001b3u;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	return h ^ h >> 33;
}

static void ids_set(unsigned char *ids, uint64_t h)
{
	int i;

	for (i = 0; i < IDS_PROBES; i++, h >>= 16) {
		unsigned bit = (unsigned)(h & 0xffff) % IDS_BITS;

		ids[bit / 8] |= (unsigned char)(1u << bit % 8);
	}
}

bool block_has_id(const unsigned char *ids, uint64_t h)
{
	int i;

	for (i = 0; i < IDS_PROBES; i++, h >>= 16) {
		unsigned bit = (unsigned)(h & 0xffff) % IDS_BITS;

		if (!(ids[bit / 8] & 1u << bit % 8))
			return false;
	}
	return true;
}

static unsigned gram(const char *p)
{
	uint32_t x = (uint32_t)(unsigned char)ascii_lower(p[0]) << 16 |
		(uint32_t)(unsigned char)ascii_lower(p[1]) << 8 | (unsigned char)ascii_lower(p[2]);

	return x * 2654435761u >> 17; /* 15 bits: GRAMS_BITS */
}

static void grams_set(unsigned char *grams, struct str value)
{
	size_t i;

	for (i = 0; i + 3 <= value.n; i++) {
		unsigned bit = gram(value.p + i) % GRAMS_BITS;

		grams[bit / 8] |= (unsigned char)(1u << bit % 8);
	}
}

bool block_has_gram(const unsigned char *grams, struct str needle)
{
	size_t i;

	for (i = 0; i + 3 <= needle.n; i++) {
		unsigned bit = gram(needle.p + i) % GRAMS_BITS;

		if (!(grams[bit / 8] & 1u << bit % 8))
			return false;
	}
	return true;
}

void record_print(const struct record *r, struct buf *out)
{
	buf_fmt(out, "%016lld %c ", (long long)r->time, r->level);
	buf_str(out, r->program);
	buf_c(out, ' ');
	buf_u64(out, r->pid);
	buf_c(out, ' ');
	buf_str(out, r->text);
}

void block_add(struct block *b, const struct record *r, const struct fields *parsed)
{
	size_t i;

	if (b->text.n == 0 || r->time < b->first)
		b->first = r->time;
	b->last = MAX(b->last, r->time);
	record_print(r, &b->text);
	buf_c(&b->text, '\n');
	for (i = 0; i < parsed->n; i++) {
		if (str_eqc(parsed->f[i].key, "s") || str_eqc(parsed->f[i].key, "m"))
			ids_set(b->ids, block_id(parsed->f[i].raw));
		if (r->level == BLOCK_INDEX)
			grams_set(b->grams, parsed->f[i].raw);
	}
	if (r->level == BLOCK_INDEX)
		return;
	b->events++;
	b->worst = MAX(b->worst, r->level - '0');
}

int record_parse(struct str line, struct record *out)
{
	struct str rest = line, time = str_cut(&rest, ' '), level = str_cut(&rest, ' ');
	struct record r = { 0 };
	uint64_t us;

	r.program = str_cut(&rest, ' ');
	if (str_u64(time, INT64_MAX, &us) < 0 || level.n != 1 || r.program.n == 0 || !rest.p ||
	    str_u64(str_cut(&rest, ' '), UINT32_MAX, &r.pid) < 0 || rest.n == 0)
		return E_SYNTAX;
	r.time = (int64_t)us;
	r.level = level.p[0];
	r.text = rest;
	if ((r.level < '0' || r.level > '4') && r.level != BLOCK_INDEX)
		return E_SYNTAX;
	*out = r;
	return 0;
}

bool record_next(struct str *rest, struct record *out)
{
	while (rest->n > 0)
		if (record_parse(str_cut(rest, '\n'), out) == 0)
			return true;
	return false;
}
