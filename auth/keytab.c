/* SPDX-License-Identifier: ISC
 *
 * keytab.c: see keytab.h. Numbers have their high byte first; what is signed is said.
 *
 *   keytab    05 02, then entries
 *   entry     size (32 bits, signed; negative: a hole of so many bytes), then
 *             components (16), realm, so many names, name type (32), time (32), version (8),
 *             kind of key (16), key, and in files of today version (32)
 *   realm, name, key   length (16), bytes
 */
#include "auth/keytab.h"

#include "auth/auth.h"
#include "base/cur.h"

static int number(struct cur *c, unsigned bytes, uint32_t *out)
{
	uint32_t v = 0;

	while (bytes-- > 0) {
		if (cur_end(c))
			return E_SYNTAX;
		v = v << 8 | (uint32_t)(unsigned char)cur_next(c);
	}
	*out = v;
	return 0;
}

static int counted(struct cur *c, struct str *out)
{
	struct str rest;
	uint32_t n;

	if (number(c, 2, &n) < 0)
		return E_SYNTAX;
	rest = cur_rest(c);
	if (n > rest.n)
		return E_SYNTAX;
	*out = str_sub(rest, 0, n);
	*c = cur_of(str_from(rest, n));
	return 0;
}

static int read_entry(struct str text, struct keytab_entry *out)
{
	struct keytab_entry e = { .service = STR(""), .host = STR("") };
	struct cur c = cur_of(text);
	uint32_t components, v, i;
	struct str name, key;

	if (number(&c, 2, &components) < 0 || counted(&c, &e.realm) < 0)
		return E_SYNTAX;
	for (i = 0; i < components; i++) {
		if (counted(&c, &name) < 0)
			return E_SYNTAX;
		if (components == 2)
			*(i == 0 ? &e.service : &e.host) = name;
	}
	if (number(&c, 4, &v) < 0 || number(&c, 4, &v) < 0 || number(&c, 1, &v) < 0 || number(&c, 2, &v) < 0 || counted(&c, &key) < 0)
		return E_SYNTAX;
	*out = e;
	return 0;
}

int keytab_read(struct str text, keytab_fn *fn, void *arg)
{
	struct keytab_entry e;
	struct cur c;
	uint32_t size;
	int64_t n;

	if (!str_starts(text, "\5\2"))
		return E_SYNTAX;
	for (text = str_from(text, 2); text.n > 0; text = str_from(text, (size_t)n)) {
		c = cur_of(text);
		if (number(&c, 4, &size) < 0)
			return E_SYNTAX;
		text = cur_rest(&c);
		n = (int32_t)size;
		if (n < 0) {
			n = -n;
		} else if (n == 0) {
			return 0; /* the library reads no further either */
		} else {
			if ((uint64_t)n > text.n || read_entry(str_sub(text, 0, (size_t)n), &e) < 0)
				return E_SYNTAX;
			fn(arg, &e);
		}
		n = MIN(n, (int64_t)text.n); /* a hole may reach past the end */
	}
	return 0;
}

/* --- is it of use here? --------------------------------------------------------------- */

struct found {
	size_t keys, ours;
};

static void count(void *arg, const struct keytab_entry *e)
{
	struct found *f = arg;

	f->keys++;
	f->ours += str_eqc(e->service, "imap") || str_eqc(e->service, "pop") || str_eqc(e->service, "smtp");
}

int auth_keytab_check(struct str text, struct buf *why)
{
	struct found f = { 0 };

	if (keytab_read(text, count, &f) < 0)
		buf_puts(why, f.keys ? "is a keytab that is damaged or cut off" : "is no keytab");
	else if (f.ours == 0)
		buf_fmt(why, "has %zu keys, but none of imap/HOST, pop/HOST or smtp/HOST", f.keys);
	else
		return 0;
	return E_SYNTAX;
}
