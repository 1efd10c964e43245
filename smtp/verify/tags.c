/* SPDX-License-Identifier: ISC
 *
 * tags.c: tag lists (see dkim.h).
 *
 *     tag-list  =  tag-spec *( ";" tag-spec ) [ ";" ]              RFC 6376 3.2
 *     tag-spec  =  [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
 *     tag-name  =  ALPHA *ALNUMPUNC
 *     tag-value =  [ tval *( 1*(WSP / FWS) tval ) ]    ; printable, no ";"
 */
#include "smtp/verify/dkim.h"

static bool is_alpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool name_ok(struct str s)
{
	size_t i;

	if (!s.n || !is_alpha(s.p[0]))
		return false;
	for (i = 1; i < s.n; i++)
		if (!is_alpha(s.p[i]) && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '_')
			return false;
	return true;
}

static bool value_ok(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] == 127 || ((unsigned char)s.p[i] < ' ' && !(s.p[i] && strchr("\t\r\n", s.p[i]))))
			return false;
	return true;
}

int dkim_tags_parse(struct str text, struct dkim_tags *out)
{
	struct str rest = text;

	out->n = 0;
	while (rest.p) {
		struct str spec = str_cut(&rest, ';'), value = spec, name;
		ssize_t eq = str_find(spec, '=');
		size_t i;

		if (!str_trim(spec).n && !str_trim(rest).n && out->n)
			break; /* the last semicolon */
		if (eq < 0)
			return E_SYNTAX;
		name = str_trim(str_cut(&value, '='));
		value = str_trim(value);
		if (!name_ok(name) || !value_ok(value))
			return E_SYNTAX;
		for (i = 0; i < out->n; i++)
			if (str_eq(out->v[i].name, name))
				return E_SYNTAX;
		if (out->n == DKIM_TAGS)
			return E_LIMIT;
		out->v[out->n++] = (struct dkim_tag){ name, value.p ? value : STR("") };
	}
	return out->n ? 0 : E_SYNTAX;
}

struct str dkim_tag(const struct dkim_tags *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (str_eqc(t->v[i].name, name))
			return t->v[i].value;
	return STR_NONE;
}

struct str dkim_compact(struct str value, struct arena *a)
{
	char *p = arena_alloc(a, value.n + 1);
	size_t i, n = 0;

	for (i = 0; i < value.n; i++)
		if (!strchr(" \t\r\n", value.p[i]))
			p[n++] = value.p[i];
	return str_make(p, n);
}
