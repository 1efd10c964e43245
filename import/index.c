/* SPDX-License-Identifier: ISC
 *
 * index.c: UIDs and UIDLs (see index.h).
 *
 *   dovecot-uidlist        3 V<uidvalidity> N<next> [G<guid>]       1 <uidvalidity> <next>
 *                          <uid> [W<n> S<n> P<uidl> G<guid> O<n>]... :<file>    <uid> <file>
 *   courierimapuiddb       1 <uidvalidity> <next>
 *                          <uid> <file>
 *   courierpop3dsizelist   /3 <next> <uidvalidity>                 (2: without utf8)
 *                          <file> <size> <n>:<uidvalidity>[:<utf8>]
 *
 * Dovecot appends to its list: of two lines about one file the later counts.
 */
#include "import/index.h"

void index_init(struct index *x, struct arena *a)
{
	memset(x, 0, sizeof(*x));
	x->a = a;
	table_init(&x->by_base);
}

void index_done(struct index *x)
{
	table_done(&x->by_base);
}

struct str index_base(struct str name)
{
	size_t i;

	for (i = 0; i < name.n && name.p[i] != ':' && name.p[i] != ','; i++)
		;
	return str_sub(name, 0, i);
}

struct index_entry *index_find(const struct index *x, struct str base)
{
	return table_get(&x->by_base, base);
}

static struct index_entry *entry_of(struct index *x, struct str file)
{
	struct str base = index_base(file);
	struct index_entry *e;

	if (!base.n || base.n > 255 || str_find(base, '/') >= 0 || str_has_ctl(base))
		return NULL;
	e = index_find(x, base);
	if (!e) {
		e = ARENA_NEW(x->a, struct index_entry);
		e->base = arena_str(x->a, base);
		table_set(&x->by_base, e->base, e);
	}
	return e;
}

static bool uid_of(struct str s, uint32_t *out)
{
	uint64_t n;

	if (str_u64(s, INDEX_UID_MAX, &n) < 0 || !n)
		return false;
	*out = (uint32_t)n;
	return true;
}

static void give_uid(struct index *x, struct str file, uint32_t uid, struct str uidl)
{
	struct index_entry *e = entry_of(x, file);

	if (!e) {
		x->bad++;
		return;
	}
	x->doubles += e->uid != 0;
	e->uid = uid;
	e->uidl = arena_str(x->a, uidl);
	if (uid >= x->uidnext)
		x->uidnext = uid + 1;
}

/* The text of a POP3 UIDL (RFC 1939 7): 1 to 70 of 0x21 to 0x7e; some servers give longer ones. */
static bool uidl_ok(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.n > 0 && s.n <= 250;
}

/* --- Dovecot ------------------------------------------------------------------ */

static int uidlist_head(struct index *x, struct str line, bool *v3)
{
	struct str version = str_cut(&line, ' '), word;
	uint32_t validity = 0, next = 0;

	*v3 = str_eqc(version, "3");
	if (str_eqc(version, "1")) {
		if (!uid_of(str_cut(&line, ' '), &validity) || !uid_of(line, &next))
			return E_DAMAGED;
	} else if (*v3) {
		while (line.p) {
			word = str_cut(&line, ' ');
			if (word.n && word.p[0] == 'V' && !uid_of(str_from(word, 1), &validity))
				return E_DAMAGED;
			if (word.n && word.p[0] == 'N' && !uid_of(str_from(word, 1), &next))
				return E_DAMAGED;
		}
	}
	if (!validity || !next)
		return E_DAMAGED;
	x->uidvalidity = validity;
	x->uidnext = next;
	return 0;
}

static void uidlist_line(struct index *x, struct str line, bool v3)
{
	struct str uidl = STR(""), word = str_cut(&line, ' ');
	uint32_t uid;

	if (!uid_of(word, &uid) || !line.n) {
		x->bad++;
		return;
	}
	while (v3 && line.n && line.p[0] != ':') {
		word = str_cut(&line, ' ');
		if (word.n > 1 && word.p[0] == 'P' && uidl_ok(str_from(word, 1)))
			uidl = str_from(word, 1);
	}
	if (v3)
		line = str_from(line, 1);
	if (line.n)
		give_uid(x, line, uid, uidl);
	else
		x->bad++;
}

int index_dovecot_uidlist(struct index *x, struct str text)
{
	bool v3;
	int err = uidlist_head(x, str_cut(&text, '\n'), &v3);

	while (!err && text.p && text.n)
		uidlist_line(x, str_cut(&text, '\n'), v3);
	return err;
}

void index_dovecot_keywords(struct str text, struct arena *a, struct str name[INDEX_KEYWORDS], size_t *beyond_out)
{
	memset(name, 0, INDEX_KEYWORDS * sizeof(*name));
	*beyond_out = 0;
	while (text.p && text.n) {
		struct str line = str_cut(&text, '\n'), number = str_cut(&line, ' ');
		uint64_t n;

		if (str_u64(number, 100000, &n) < 0 || !line.n || line.n > 200 || str_has_ctl(line))
			continue;
		if (n < INDEX_KEYWORDS)
			name[n] = arena_str(a, line);
		else
			++*beyond_out;
	}
}

/* --- Courier --------------------------------------------------------------------- */

int index_courier_uids(struct index *x, struct str text)
{
	struct str line = str_cut(&text, '\n');
	uint32_t validity, next, uid;

	if (!str_eqc(str_cut(&line, ' '), "1") || !uid_of(str_cut(&line, ' '), &validity) || !uid_of(line, &next))
		return E_DAMAGED;
	x->uidvalidity = validity;
	x->uidnext = next;
	while (text.p && text.n) {
		line = str_cut(&text, '\n');
		if (uid_of(str_cut(&line, ' '), &uid) && line.n)
			give_uid(x, line, uid, STR(""));
		else
			x->bad++;
	}
	return 0;
}

static void pop3_line(struct index *x, struct str line)
{
	struct str number, validity;
	ssize_t at = str_rfind(line, ' ');
	struct index_entry *e;
	uint64_t n, v = 0;

	x->bad++;
	if (at <= 0)
		return;
	number = str_from(line, (size_t)at + 1);
	line = str_sub(line, 0, (size_t)at);
	at = str_rfind(line, ' ');
	if (at <= 0)
		return;
	line = str_sub(line, 0, (size_t)at);
	validity = number;
	number = str_cut(&validity, ':');
	if (str_u64(number, UINT32_MAX, &n) < 0 || (validity.p && str_u64(str_cut(&validity, ':'), UINT32_MAX, &v) < 0))
		return;
	e = entry_of(x, line);
	if (!e)
		return;
	/* as Courier's print_uidl: without a number the name itself is the UIDL */
	if (n && v)
		e->uidl = str_of(arena_fmt(x->a, "UID%llu-%llu", (unsigned long long)n, (unsigned long long)v));
	else if (n)
		e->uidl = str_of(arena_fmt(x->a, "UID%llu", (unsigned long long)n));
	else if (uidl_ok(line))
		e->uidl = arena_str(x->a, line);
	x->bad--;
}

int index_courier_pop3(struct index *x, struct str text)
{
	struct str line = str_cut(&text, '\n');

	if (!str_starts(line, "/2 ") && !str_starts(line, "/3 "))
		return E_DAMAGED;
	while (text.p && text.n)
		pop3_line(x, str_cut(&text, '\n'));
	return 0;
}

static bool keyword_ok(struct str s)
{
	return s.n > 0 && s.n <= 200 && !str_has_ctl(s) && str_find(s, ' ') < 0;
}

/* Names, an empty line, then "<file>:<number> <number> ..." */
void index_courier_keywords(struct index *x, struct str text)
{
	struct str name[64], line;
	size_t n = 0;

	while (text.p && (line = str_cut(&text, '\n')).n)
		if (n < ARRAY_LEN(name))
			name[n++] = line;
	while (text.p && text.n) {
		struct str numbers = str_cut(&text, '\n'), file = str_cut(&numbers, ':');
		struct index_entry *e = numbers.p ? entry_of(x, file) : NULL;
		struct buf b;
		uint64_t i;

		if (!e) {
			x->bad++;
			continue;
		}
		buf_init(&b, 16384);
		while (numbers.p && numbers.n)
			if (str_u64(str_cut(&numbers, ' '), 1000, &i) == 0 && i < n && keyword_ok(name[i])) {
				if (b.n)
					buf_c(&b, ' ');
				buf_str(&b, name[i]);
			}
		e->keywords = arena_str(x->a, buf_view(&b));
		buf_done(&b);
	}
}

/* "<file>" or ".<number>.<file>", newer than :list; a name a line. */
void index_courier_keyword_file(struct index *x, struct str name, struct str text)
{
	struct index_entry *e;
	struct buf b;

	if (name.n && name.p[0] == '.') {
		name = str_from(name, 1);
		str_cut(&name, '.');
		if (!name.p)
			return;
	}
	e = entry_of(x, name);
	if (!e)
		return;
	buf_init(&b, 16384);
	while (text.p && text.n) {
		struct str line = str_cut(&text, '\n');

		if (!keyword_ok(line))
			continue;
		if (b.n)
			buf_c(&b, ' ');
		buf_str(&b, line);
	}
	e->keywords = arena_str(x->a, buf_view(&b));
	buf_done(&b);
}
