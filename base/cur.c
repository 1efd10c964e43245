/* SPDX-License-Identifier: ISC
 *
 * cur.c: the steps of a read cursor that are more than one byte (cur.h).
 */
#include "base/cur.h"

bool cur_word(struct cur *c, const char *text)
{
	size_t n = strlen(text);

	if (cur_left(c) < n || memcmp(c->p, text, n) != 0)
		return false;
	c->p += n;
	return true;
}

bool cur_iword(struct cur *c, const char *text)
{
	size_t n = strlen(text);

	if (!str_istarts(cur_rest(c), text))
		return false;
	c->p += n;
	return true;
}

struct str cur_span(struct cur *c, cur_class table, uint16_t bits)
{
	const unsigned char *from = c->p;

	while (c->p < c->end && (table[*c->p] & bits))
		c->p++;
	return (struct str){ (const char *)from, (size_t)(c->p - from) };
}

bool cur_bytes(struct cur *c, size_t n, struct str *out)
{
	if (cur_left(c) < n)
		return false;
	*out = (struct str){ (const char *)c->p, n };
	c->p += n;
	return true;
}

int cur_u64(struct cur *c, uint64_t max, uint64_t *out)
{
	const unsigned char *p = c->p;
	int err;

	while (p < c->end && *p >= '0' && *p <= '9')
		p++;
	if (p == c->p)
		return 0;
	err = str_u64(str_make(c->p, (size_t)(p - c->p)), max, out);
	if (err)
		return err;
	c->p = p;
	return 1;
}
