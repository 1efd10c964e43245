/* SPDX-License-Identifier: ISC
 *
 * mime.c: the MIME tree of a message (RFC 2045, 2046), found in one pass.
 *
 * The parser walks the message line by line. `open` is the innermost part
 * whose body the line belongs to; its ancestors are open too. A line that
 * begins with "--" may be a delimiter of any open multipart: those are on a
 * stack, and in a hash from boundary to stack place. While the line's prefix
 * is hashed, every length at which some open boundary ends is looked up: the
 * cost is that of the line, however deep the nest and however alike its
 * boundaries. Nothing is recursive, no line is seen twice.
 *
 * Always true:
 * - stack[0..depth) are open multiparts, each an ancestor of the next and of
 *   `open`; the chains of the hash hold these and no other, innermost first;
 * - a part's body ends before the line end in front of the delimiter that
 *   closes it (RFC 2046 5.1.1), and never before it begins;
 * - a delimiter matches by prefix, the longest boundary wins, then the
 *   innermost (RFC 2046 5.1.1 and 5.1.2); it also ends a header without empty line;
 * - the first Content-Type (and every other field) of a part counts, others
 *   are not seen: one reading for everybody (C23).
 * - `nl` counts the line ends before `at`; while a part is open its
 *   body_lines holds the count at its beginning.
 */
#include "mail/mime.h"

#include "base/rand.h"
#include "mail/mime_fields.h"

/* RFC 2046 allows 70; some senders write more. */
#define BOUNDARY_MAX 200

const struct mime_limits mime_default_limits = {
	.depth = 100,
	.parts = 10000,
	.params = 128,
	.header = { .fields = 10000, .field_bytes = 1024 * 1024, .bytes = 10 * 1024 * 1024 },
};

struct frame {
	struct str boundary;
	uint64_t hash;
	int part, last_child;
	int next; /* in the hash chain */
};

struct parser {
	struct str m;
	const struct mime_limits *lim;
	struct arena *a;
	struct mime *out;
	size_t cap;
	size_t at, nl;
	int open;
	struct frame *stack;
	size_t depth;
	int chain[256];
	uint16_t ends[BOUNDARY_MAX + 1]; /* how many open boundaries have this length */
	bool full;
};

/* A stranger must not choose boundaries that fall on one chain. */
static uint64_t hash_key(void)
{
	static uint64_t key;

	if (!key)
		key = rand_u64() | 1;
	return key;
}

static uint64_t hash_step(uint64_t h, char c, uint64_t key)
{
	return (h ^ (unsigned char)c) * key;
}

static unsigned slot(uint64_t hash)
{
	return (unsigned)(hash >> 56);
}

/* --- the stack of boundaries ------------------------------------------------- */

static void push(struct parser *p, int part, struct str boundary)
{
	struct frame *f = &p->stack[p->depth];
	uint64_t h = 1, key = hash_key();
	size_t i;

	for (i = 0; i < boundary.n; i++)
		h = hash_step(h, boundary.p[i], key);
	*f = (struct frame){ .boundary = boundary, .hash = h, .part = part, .last_child = -1,
		.next = p->chain[slot(h)] };
	p->chain[slot(h)] = (int)p->depth++;
	p->ends[boundary.n]++;
}

static void pop_to(struct parser *p, size_t depth)
{
	while (p->depth > depth) {
		struct frame *f = &p->stack[--p->depth];

		p->chain[slot(f->hash)] = f->next;
		p->ends[f->boundary.n]--;
	}
}

/* Stack place of the multipart that the line delimits, or -1. */
static int match(const struct parser *p, struct str line, bool *closing)
{
	uint64_t h = 1, key = hash_key();
	size_t i, n;
	int best = -1, f;

	if (!p->depth || p->full || !str_starts(line, "--"))
		return -1;
	line = str_from(line, 2);
	n = MIN(line.n, (size_t)BOUNDARY_MAX);
	for (i = 0; i < n; i++) {
		h = hash_step(h, line.p[i], key);
		if (!p->ends[i + 1])
			continue;
		for (f = p->chain[slot(h)]; f >= 0; f = p->stack[f].next)
			if (p->stack[f].hash == h && p->stack[f].boundary.n == i + 1 &&
				!memcmp(p->stack[f].boundary.p, line.p, i + 1)) {
				best = f;
				break;
			}
	}
	if (best >= 0)
		*closing = str_starts(str_from(line, p->stack[best].boundary.n), "--");
	return best;
}

/* --- one part ------------------------------------------------------------------ */

/* The line at p->at with its end; p->at and p->nl step behind it. */
static struct str take_line(struct parser *p)
{
	size_t start = p->at;
	const char *nl = memchr(p->m.p + start, '\n', p->m.n - start);

	p->at = nl ? (size_t)(nl - p->m.p) + 1 : p->m.n;
	if (nl) {
		p->nl++;
		if (nl == p->m.p || nl[-1] != '\r')
			p->out->has_bare_lf = true;
	}
	return str_sub(p->m, start, p->at);
}

static int add_part(struct parser *p, int parent)
{
	struct mime *m = p->out;
	struct mime_part *part;

	if (m->n == p->cap) {
		size_t want = p->cap ? p->cap * 2 : 4;
		struct mime_part *grown = arena_array(p->a, want, sizeof *grown);

		if (m->n)
			memcpy(grown, m->part, m->n * sizeof *grown);
		m->part = grown;
		p->cap = want;
	}
	part = &m->part[m->n];
	*part = (struct mime_part){ .parent = parent, .first_child = -1, .next_sibling = -1,
		.number = 1, .header_at = p->at, .type = STR("text"), .subtype = STR("plain"),
		.encoding = STR("7bit") };
	if (parent >= 0) {
		const struct mime_part *up = &m->part[parent];

		part->depth = (uint16_t)(up->depth + 1);
		if (up->multipart && str_eqc(up->subtype, "digest")) { /* RFC 2046 5.1.5 */
			part->type = STR("message");
			part->subtype = STR("rfc822");
		}
		if (up->first_child < 0)
			m->part[parent].first_child = (int)m->n;
	}
	return (int)m->n++;
}

enum { SAW_TYPE = 1, SAW_ENCODING = 2, SAW_ID = 4, SAW_DESCRIPTION = 8, SAW_MD5 = 16,
	SAW_LOCATION = 32, SAW_LANGUAGE = 64, SAW_DISPOSITION = 128 };

static const struct {
	const char *name; /* behind "Content-" */
	int bit;
} content_fields[] = { { "type", SAW_TYPE }, { "transfer-encoding", SAW_ENCODING },
	{ "id", SAW_ID }, { "description", SAW_DESCRIPTION }, { "md5", SAW_MD5 },
	{ "location", SAW_LOCATION }, { "language", SAW_LANGUAGE },
	{ "disposition", SAW_DISPOSITION } };

/* The bit of a Content-* field, 0 for others. */
static int field_bit(struct str name)
{
	size_t i;

	if (!str_istarts(name, "content-"))
		return 0;
	name = str_from(name, sizeof "content-" - 1);
	for (i = 0; i < ARRAY_LEN(content_fields); i++)
		if (str_ieqc(name, content_fields[i].name))
			return content_fields[i].bit;
	return 0;
}

static void take_field(struct parser *p, struct mime_part *part, int bit, struct str body)
{
	struct str token;

	switch (bit) {
	case SAW_TYPE: /* not valid: the default stands, text/plain (RFC 2045 5.2) */
		mime_field_type(body, p->lim->params, p->a, part, &p->out->cut);
		break;
	case SAW_DISPOSITION:
		mime_field_disposition(body, p->lim->params, p->a, part, &p->out->cut);
		break;
	case SAW_ENCODING:
		token = mime_field_token(body, p->a);
		if (token.n)
			part->encoding = token;
		break;
	case SAW_ID:
		part->id = header_unfold(body, p->a);
		break;
	case SAW_DESCRIPTION:
		part->description = header_unfold(body, p->a);
		break;
	case SAW_MD5:
		part->md5 = header_unfold(body, p->a);
		break;
	case SAW_LOCATION:
		part->location = header_unfold(body, p->a);
		break;
	case SAW_LANGUAGE:
		part->language = header_unfold(body, p->a);
		break;
	}
}

/* Line ends in [p->at, end), and p->at comes to end. */
static void count_lines(struct parser *p, size_t end)
{
	while (p->at < end)
		take_line(p);
	p->at = end;
}

/* The header at p->at: to its empty line, a delimiter, or the end. */
static void take_header(struct parser *p, struct mime_part *part)
{
	const struct header_limits *lim = &p->lim->header;
	struct header_walk w = { .message = p->m, .at = p->at };
	struct header_field f;
	size_t n = 0, start = p->at;
	int seen = 0, bit;
	bool closing;

	while (header_walk(&w, &f)) {
		size_t at = (size_t)(f.raw.p - p->m.p);

		if (match(p, f.raw, &closing) >= 0) {
			w.at = at;
			break;
		}
		if (++n > lim->fields || at - start >= lim->bytes) {
			p->out->cut = true;
			continue;
		}
		bit = field_bit(f.name);
		if (!bit || (seen & bit))
			continue;
		seen |= bit;
		if (f.body.n > lim->field_bytes) {
			f.body.n = lim->field_bytes;
			p->out->cut = true;
		}
		take_field(p, part, bit, f.body);
	}
	count_lines(p, w.at);
	part->header_size = w.at - start;
	part->body_at = w.at;
	part->body_lines = (uint32_t)p->nl;
}

/* A multipart begins, if it has a usable boundary; without one it is what a
 * broken Content-Type is: text/plain (RFC 2045 5.2). */
static void begin_multipart(struct parser *p, int index)
{
	struct mime_part *part = &p->out->part[index];
	struct str boundary = mime_param(part, "boundary");

	while (boundary.n && (boundary.p[boundary.n - 1] == ' ' || boundary.p[boundary.n - 1] == '\t'))
		boundary.n--;
	if (!boundary.n || boundary.n > BOUNDARY_MAX) {
		part->type = STR("text");
		part->subtype = STR("plain");
		part->nparams = 0;
	} else if (part->depth >= p->lim->depth) {
		p->out->cut = true;
	} else {
		part->multipart = true;
		push(p, index, boundary);
	}
}

/* message/rfc822 (RFC 2046 5.2.1), message/global (RFC 6532 3.7); encoded ones,
 * which the RFC forbids, are opaque. */
static bool is_message(const struct mime_part *part)
{
	return str_eqc(part->type, "message") &&
		(str_eqc(part->subtype, "rfc822") || str_eqc(part->subtype, "global")) &&
		!str_eqc(part->encoding, "base64") && !str_eqc(part->encoding, "quoted-printable");
}

/* A part at p->at and, while it is a message, the one that is in it. */
static int open_part(struct parser *p, int parent)
{
	int first = -1, index;
	bool more;

	do {
		struct mime_part *part;

		index = add_part(p, parent);
		if (first < 0)
			first = index;
		part = &p->out->part[index];
		take_header(p, part);
		if (str_eqc(part->type, "multipart"))
			begin_multipart(p, index);
		more = is_message(part);
		if (more && (part->depth >= p->lim->depth || p->out->n >= p->lim->parts)) {
			p->out->cut = true;
			more = false;
		}
		part->message = more;
		parent = index;
	} while (more);
	p->open = index;
	return first;
}

/* Closes p->open and its ancestors below `stop`; their bodies end at `end`. */
static void close_parts(struct parser *p, int stop, size_t end, size_t nl)
{
	while (p->open != stop) {
		struct mime_part *part = &p->out->part[p->open];
		bool some = end > part->body_at;

		part->body_size = some ? end - part->body_at : 0;
		part->body_lines = some ? (uint32_t)nl - part->body_lines : 0;
		p->open = part->parent;
	}
}

/* The delimiter line at [start, p->at) belongs to stack[place]. */
static void delimiter(struct parser *p, size_t start, size_t nl, int place, bool closing)
{
	struct frame *f = &p->stack[place];
	struct mime_part *part = p->out->part;
	size_t end = start;
	int child;

	if (end && p->m.p[end - 1] == '\n') {
		end--;
		nl--;
		if (end && p->m.p[end - 1] == '\r')
			end--;
	}
	close_parts(p, f->part, end, nl);
	pop_to(p, (size_t)place + (closing ? 0 : 1));
	if (closing)
		return;
	child = open_part(p, f->part);
	part = p->out->part;
	if (f->last_child >= 0) {
		part[f->last_child].next_sibling = child;
		part[child].number = part[f->last_child].number + 1;
	}
	f->last_child = child;
}

void mime_parse(struct str message, const struct mime_limits *lim, struct arena *a,
	struct mime *out)
{
	struct parser p = { .m = message, .lim = lim ? lim : &mime_default_limits, .a = a,
		.out = out };
	struct arena scratch;
	size_t i;

	memset(out, 0, sizeof *out);
	if (!p.m.p)
		p.m = STR("");
	arena_init(&scratch);
	p.stack = arena_array(&scratch, p.lim->depth + 1, sizeof *p.stack);
	for (i = 0; i < ARRAY_LEN(p.chain); i++)
		p.chain[i] = -1;
	open_part(&p, -1);
	while (p.at < p.m.n) {
		size_t start = p.at, nl = p.nl;
		bool closing = false;
		struct str line = take_line(&p);
		int place = match(&p, line, &closing);

		if (place < 0)
			continue;
		if (!closing && out->n >= p.lim->parts) {
			p.full = true; /* the rest belongs to what is open */
			out->cut = true;
		} else {
			delimiter(&p, start, nl, place, closing);
		}
	}
	close_parts(&p, -1, p.m.n, p.nl);
	arena_done(&scratch);
}

static struct str find_param(const struct mime_param *list, size_t n, const char *name)
{
	struct str want = str_of(name);
	const struct mime_param *found = NULL;
	size_t i;

	for (i = 0; i < n; i++)
		if (str_eq(list[i].name, want) && (!found || (list[i].extended && !found->extended)))
			found = &list[i];
	return found ? found->value : STR_NONE;
}

struct str mime_param(const struct mime_part *p, const char *name)
{
	return find_param(p->param, p->nparams, name);
}

struct str mime_disposition_param(const struct mime_part *p, const char *name)
{
	return find_param(p->disposition_param, p->ndisposition_params, name);
}
