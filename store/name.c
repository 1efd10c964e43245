/* SPDX-License-Identifier: ISC
 *
 * name.c: file names of messages:
 *
 *   <sec>.<delivery id or unique>.<host>,S=<size>[,W=<wire size>],M=<uid>.<tag>:2,<flags>
 *
 * S= and W= mean what they mean to Dovecot and Courier; M= is ours (U= is
 * offlineimap's). Flags: D F P R S T, then keyword letters a-z whose meaning
 * is in the folder's mansio-folder. Nothing is repaired here: a field that
 * does not match its form is as if it were not there.
 */
#include "store/name.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/cur.h"
#include "base/rand.h"
#include "store/store.h"

static const struct { char letter; uint32_t flag; } name_flag[] = {
	{ 'D', STORE_DRAFT }, { 'F', STORE_FLAGGED }, { 'P', NAME_PASSED },
	{ 'R', STORE_ANSWERED }, { 'S', STORE_SEEN }, { 'T', STORE_DELETED },
};

/* uid "." tag */
static void parse_mark(struct str v, struct name *out)
{
	struct str uid = str_cut(&v, '.');
	uint64_t n;

	if (!v.p || v.n != NAME_TAG || str_u64(uid, NAME_UID_MAX, &n) < 0 || n == 0 || uid.p[0] == '0')
		return;
	out->uid = (uint32_t)n;
	memcpy(out->tag, v.p, NAME_TAG);
	out->tag[NAME_TAG] = 0;
}

static void parse_field(struct str f, struct name *out)
{
	uint64_t n;

	if (str_starts(f, "S=") && str_u64(str_from(f, 2), INT64_MAX, &n) == 0) {
		out->size = n;
		out->has_size = true;
	} else if (str_starts(f, "W=") && str_u64(str_from(f, 2), INT64_MAX, &n) == 0) {
		out->wire = n;
		out->has_wire = true;
	} else if (str_starts(f, "M=")) {
		parse_mark(str_from(f, 2), out);
	}
}

static void parse_flags(struct str f, struct name *out)
{
	size_t i, k;

	for (i = 0; i < f.n; i++) {
		if (f.p[i] >= 'a' && f.p[i] <= 'z')
			out->letters |= 1u << (f.p[i] - 'a');
		for (k = 0; k < ARRAY_LEN(name_flag); k++)
			if (f.p[i] == name_flag[k].letter)
				out->flags |= name_flag[k].flag;
	}
}

bool name_parse(struct str s, struct name *out)
{
	struct name n = { .sec = -1 };
	struct str rest, info = STR_NONE, base, sec;
	ssize_t at;
	uint64_t v;

	if (s.n == 0 || s.n >= NAME_SIZE || s.p[0] == '.' || str_has_ctl(s) || str_find(s, '/') >= 0)
		return false;
	rest = s;
	at = str_find(rest, ':');
	if (at >= 0) {
		info = str_from(rest, (size_t)at + 1);
		rest = str_sub(rest, 0, (size_t)at);
	}
	n.base = str_cut(&rest, ',');
	while (rest.p)
		parse_field(str_cut(&rest, ','), &n);
	if (str_starts(info, "2,")) {
		info = str_from(info, 2);
		/* Dovecot and others may append ",k=v" behind the flags. */
		parse_flags(str_cut(&info, ','), &n);
	}
	base = n.base;
	sec = str_cut(&base, '.');
	if (base.p && str_u64(sec, INT64_MAX / 1000000, &v) == 0) {
		n.sec = (int64_t)v;
		n.unique = str_cut(&base, '.');
	}
	*out = n;
	return true;
}

int name_print(const struct name *n, char out[NAME_SIZE])
{
	char text[2 * NAME_SIZE], *p;
	int len;
	size_t i;

	if (n->base.n >= NAME_SIZE)
		return E_LIMIT;
	len = snprintf(text, sizeof(text), "%.*s,S=%llu", STRF(n->base), (unsigned long long)n->size);
	p = text + len;
	if (n->has_wire && n->wire != n->size)
		p += snprintf(p, 32, ",W=%llu", (unsigned long long)n->wire);
	if (n->uid)
		p += snprintf(p, 32, ",M=%u.%s", n->uid, n->tag);
	p += snprintf(p, 8, ":2,");
	for (i = 0; i < ARRAY_LEN(name_flag); i++)
		if (n->flags & name_flag[i].flag)
			*p++ = name_flag[i].letter;
	for (i = 0; i < 26; i++)
		if (n->letters & (1u << i))
			*p++ = (char)('a' + i);
	*p = 0;
	if (p - text >= NAME_SIZE)
		return E_LIMIT;
	memcpy(out, text, (size_t)(p - text) + 1);
	return 0;
}

void name_tag(uint64_t folder_id, uint32_t uidvalidity, char out[NAME_TAG + 1])
{
	static const unsigned char key[16] = "mansio name tag";
	static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char text[40];
	int n = snprintf(text, sizeof(text), "%016llx.%u", (unsigned long long)folder_id, uidvalidity);
	uint64_t h = siphash(key, str_make(text, (size_t)n));
	int i;

	for (i = 0; i < NAME_TAG; i++) {
		out[i] = alphabet[h % 36];
		h /= 36;
	}
	out[NAME_TAG] = 0;
}

int name_base(int64_t sec, struct str id, const char *host, char out[NAME_SIZE])
{
	char unique[64], random[9], safe[65];
	size_t i;
	int n;

	for (i = 0; host[i] && i < sizeof(safe) - 1; i++)
		safe[i] = host[i] > ' ' && host[i] < 127 && !strchr("/:,", host[i]) ? host[i] : '_';
	safe[i] = 0;
	if (!i)
		snprintf(safe, sizeof(safe), "localhost");
	if (!id.n) {
		rand_id(random, 8);
		snprintf(unique, sizeof(unique), "M%06dP%d_%s", (int)(clock_unix_us() % 1000000),
			(int)getpid(), random);
		id = str_of(unique);
	}
	/* Room for sizes, mark and 32 flag letters must stay. */
	n = snprintf(out, NAME_SIZE, "%lld.%.*s.%s", (long long)MAX(sec, 0), STRF(id), safe);
	return n > 150 ? E_LIMIT : 0;
}

bool name_is_delivery_id(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') ||
			    (ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z')))
			return false;
	return s.n > 0;
}
