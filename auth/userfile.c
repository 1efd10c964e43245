/* SPDX-License-Identifier: ISC
 *
 * userfile.c: see userfile.h.
 *
 *   dovecot  = user ":" [hash] [":" uid ":" gid ":" gecos ":" home ":" shell [":" extra]]
 *              extra: words NAME=VALUE; known: quota rules, nologin; others are the old server's own business
 *   courier  = name 1*WSP field *("|" field); field = NAME "=" value
 *   postfix  = address 1*WSP target *(("," / WSP) target)
 *   shadow   = name ":" hash 7(":" number)  and the seven fields of passwd
 * "#" begins a comment line; a line that begins with white space continues the one before.
 */
#include "auth/userfile.h"

static const struct {
	const char *name;
	enum userfile_format format;
} names[] = {
	{ "dovecot", USERFILE_DOVECOT }, { "courier", USERFILE_COURIER }, { "postfix", USERFILE_POSTFIX },
	{ "shadow", USERFILE_SHADOW },
};

enum userfile_format userfile_format(struct str name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		if (str_eqc(name, names[i].name))
			return names[i].format;
	return USERFILE_UNKNOWN;
}

/* --- lines -------------------------------------------------------------------------- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool says_nothing(struct str line)
{
	struct str s = str_trim(line);

	return s.n == 0 || s.p[0] == '#';
}

bool userfile_next(struct str *rest, uint64_t *line, struct arena *a, struct str *out, uint64_t *at_out)
{
	struct str s = STR_NONE, more;

	for (;;) {
		if (rest->n == 0)
			return false;
		s = str_cut(rest, '\n');
		++*line;
		if (!says_nothing(s))
			break;
	}
	*at_out = *line;
	s = str_trim(s);
	while (rest->n > 0 && is_space(rest->p[0])) {
		more = str_trim(str_cut(rest, '\n'));
		++*line;
		/* what is too long is broken anyway: no more of it is kept than shows that */
		if (!says_nothing(more) && s.n <= USERFILE_LINE_MAX)
			s = str_of(arena_fmt(a, "%.*s %.*s", STRF(s), STRF(more)));
	}
	*out = s;
	return true;
}

static size_t count(struct str s, char c)
{
	size_t i, n = 0;

	for (i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

/* Up to white space; *rest: what stands behind it. */
static struct str word(struct str *rest)
{
	struct str s = *rest;
	size_t n = 0;

	while (n < s.n && !is_space(s.p[n]))
		n++;
	*rest = str_trim(str_from(s, n));
	return str_sub(s, 0, n);
}

/* --- values -------------------------------------------------------------------------- */

/* 1*DIGIT [unit] in bytes; a number alone counts by `plain`. false: something else ("10%"). */
static bool size_of(struct str s, uint64_t plain, uint64_t *out)
{
	static const char units[] = "bkmgt";
	uint64_t v, unit = plain;
	const char *u;

	if (s.n > 1 && ascii_lower(s.p[s.n - 1]) == 'b' && (s.p[s.n - 2] < '0' || s.p[s.n - 2] > '9'))
		s.n--; /* "MB" */
	u = s.n > 0 && s.p[s.n - 1] ? strchr(units, ascii_lower(s.p[s.n - 1])) : NULL;
	if (u) {
		unit = (uint64_t)1 << (10 * (u - units));
		s.n--;
	}
	if (str_u64(s, (uint64_t)INT64_MAX / unit, &v) < 0)
		return false;
	*out = v * unit;
	return true;
}

/* A name for people, if it can be shown. */
static struct str gecos(struct str s)
{
	s = str_trim(str_cut(&s, ','));
	return s.n <= 200 && str_is_utf8(s) && !str_has_ctl(s) ? s : STR("");
}

/* "*:storage=1G:messages=1000", also "bytes="; rules for single folders ("Trash:...") are no quota of the account. */
static bool quota_rule(struct str s, struct userfile_entry *e)
{
	struct str part;

	if (!str_starts(s, "*:"))
		return true;
	for (s = str_from(s, 2); s.n > 0;) {
		part = str_cut(&s, ':');
		if (str_starts(part, "storage=") && !size_of(str_from(part, 8), 1024, &e->quota_bytes))
			return false;
		if (str_starts(part, "bytes=") && !size_of(str_from(part, 6), 1, &e->quota_bytes))
			return false;
		if (str_starts(part, "messages=") && str_u64(str_from(part, 9), INT64_MAX, &e->quota_messages) < 0)
			return false;
		e->has_quota = true;
	}
	return true;
}

/* --- formats ------------------------------------------------------------------------- */

static bool dovecot_extra(struct str extra, struct userfile_entry *e)
{
	while (extra.n > 0) {
		struct str w = word(&extra);

		if (str_starts(w, "userdb_"))
			w = str_from(w, 7);
		if (str_starts(w, "quota_rule=") && !quota_rule(str_from(w, 11), e))
			return false;
		if (str_starts(w, "quota_storage_size=")) {
			e->has_quota = true;
			if (!size_of(str_from(w, 19), 1, &e->quota_bytes))
				return false;
		}
		if (str_eqc(w, "nologin") || str_starts(w, "nologin="))
			e->active = false;
	}
	return true;
}

static int dovecot(struct str line, struct userfile_entry *e, const char **why)
{
	int i;

	*why = "a line of a passwd-file is user:hash:uid:gid:gecos:home:shell:extra";
	if (str_find(line, ':') < 0)
		return E_SYNTAX;
	e->who = str_cut(&line, ':');
	e->hash = str_cut(&line, ':');
	for (i = 0; i < 5 && line.p; i++) {
		struct str field = str_cut(&line, ':');

		if (i == 2)
			e->name = gecos(field);
	}
	*why = "its quota cannot be read";
	return !line.p || dovecot_extra(line, e) ? 1 : E_SYNTAX;
}

static bool is_number(struct str s)
{
	uint64_t v;

	if (s.n > 0 && s.p[0] == '-')
		s = str_from(s, 1);
	return s.n == 0 || str_u64(s, INT64_MAX, &v) == 0;
}

/* shadow(5): what is behind the hash are numbers, or nothing. */
static bool is_shadow(struct str line)
{
	int i;

	if (count(line, ':') != 8)
		return false;
	for (i = 0; line.p; i++) {
		struct str field = str_cut(&line, ':');

		if (i > 1 && !is_number(field))
			return false;
	}
	return true;
}

static int shadow(struct str line, struct userfile_entry *e, const char **why)
{
	size_t colons = count(line, ':');
	int i;

	*why = "a line of shadow has nine fields, one of passwd seven";
	if (colons != 8 && colons != 6)
		return E_SYNTAX;
	e->who = str_cut(&line, ':');
	e->hash = str_cut(&line, ':');
	for (i = 0; colons == 6 && i < 3; i++) {
		struct str field = str_cut(&line, ':');

		if (i == 2)
			e->name = gecos(field);
	}
	*why = colons == 6 && str_eqc(e->hash, "x") ? "its hash is in shadow" : "has no password, or is locked";
	return e->hash.n == 0 || e->hash.p[0] == '*' || e->hash.p[0] == '!' || str_eqc(e->hash, "x") ? 0 : 1;
}

/* "10000000S,1000C" */
static bool courier_quota(struct str s, struct userfile_entry *e)
{
	e->has_quota = true;
	while (s.n > 0) {
		struct str part = str_trim(str_cut(&s, ','));
		bool bytes = str_ends(part, "S");

		if (!bytes && !str_ends(part, "C"))
			return false;
		part.n--;
		if (str_u64(part, INT64_MAX, bytes ? &e->quota_bytes : &e->quota_messages) < 0)
			return false;
	}
	return true;
}

static int courier(struct str line, struct userfile_entry *e, const char **why)
{
	struct str general = STR("");

	*why = "a line of userdb is a name, white space, and NAME=VALUE with | between";
	e->who = word(&line);
	if (line.n == 0 || str_find(line, '=') < 0)
		return E_SYNTAX;
	while (line.n > 0) {
		struct str value = str_trim(str_cut(&line, '|')), field = str_trim(str_cut(&value, '='));

		value = str_trim(value.p ? value : STR(""));
		if (str_eqc(field, "systempw"))
			general = value;
		else if (str_eqc(field, "imappw") || (str_eqc(field, "pop3pw") && e->hash.n == 0))
			e->hash = value;
		else if (str_eqc(field, "gecos"))
			e->name = gecos(value);
		else if (str_eqc(field, "quota") && !courier_quota(value, e)) {
			*why = "its quota cannot be read";
			return E_SYNTAX;
		}
	}
	if (e->hash.n == 0)
		e->hash = general;
	return 1;
}

/* Programs, files and lists of files are no addresses. */
static bool is_target(struct str s)
{
	return s.n > 0 && !strchr("|/:\"", s.p[0]) && s.p[0] != '@';
}

static int postfix(struct str line, struct userfile_entry *e, const char **why)
{
	struct str target;

	e->alias = true;
	e->who = word(&line);
	*why = "a line of virtual is an address, white space, and targets";
	if (line.n == 0 || str_find(e->who, ':') >= 0)
		return E_SYNTAX;
	*why = "patterns are not taken over";
	if (e->who.p[0] == '/')
		return E_SYNTAX;
	*why = "a catch-all: 'mansio domain change DOMAIN catchall=ADDRESS' makes one";
	if (e->who.p[0] == '@')
		return 0;
	*why = "names a domain, no address";
	if (str_find(e->who, '@') < 0 && str_find(e->who, '.') >= 0)
		return 0;
	*why = "too many targets";
	while (line.n > 0) {
		struct str part = word(&line);

		while (part.n > 0) {
			target = str_cut(&part, ',');
			if (target.n == 0)
				continue;
			if (e->ntargets == USERFILE_TARGETS_MAX)
				return E_LIMIT;
			if (!is_target(target)) {
				*why = "a target is no address";
				return E_SYNTAX;
			}
			e->target[e->ntargets++] = target;
		}
	}
	*why = "has no target";
	return e->ntargets > 0 ? 1 : E_SYNTAX;
}

enum userfile_format userfile_detect(struct str head)
{
	enum userfile_format f = USERFILE_UNKNOWN;
	uint64_t line = 0, at;
	struct arena a;
	struct str s, first;

	arena_init(&a);
	if (userfile_next(&head, &line, &a, &s, &at)) {
		first = s;
		first = word(&first);
		if (str_find(first, ':') >= 0)
			f = is_shadow(s) ? USERFILE_SHADOW : USERFILE_DOVECOT;
		else if (first.n < s.n)
			f = str_find(s, '=') >= 0 && str_find(s, '@') < 0 ? USERFILE_COURIER : USERFILE_POSTFIX;
		if (f == USERFILE_DOVECOT && count(s, ':') == 6) {
			str_cut(&s, ':');
			if (str_starts(s, "x:") || str_starts(s, "*:") || str_starts(s, "!"))
				f = USERFILE_SHADOW; /* passwd */
		}
		if (f == USERFILE_POSTFIX && (str_search(s, STR("|")) >= 0 || str_search(s, STR("pw=")) >= 0 ||
			str_search(s, STR("home=")) >= 0))
			f = USERFILE_COURIER;
	}
	arena_done(&a);
	return f;
}

int userfile_parse(struct str line, enum userfile_format f, struct userfile_entry *out, const char **why)
{
	int r = E_SYNTAX;

	memset(out, 0, sizeof(*out));
	out->active = true;
	out->who = out->hash = out->name = STR("");
	*why = "not text, or too long";
	if (line.n > USERFILE_LINE_MAX || str_find(line, '\0') >= 0)
		return E_SYNTAX;
	if (f == USERFILE_DOVECOT)
		r = dovecot(line, out, why);
	else if (f == USERFILE_COURIER)
		r = courier(line, out, why);
	else if (f == USERFILE_POSTFIX)
		r = postfix(line, out, why);
	else if (f == USERFILE_SHADOW)
		r = shadow(line, out, why);
	else
		*why = "the format is not known";
	if (r == 1 && out->who.n == 0) {
		*why = "has no name";
		r = E_SYNTAX;
	}
	return r;
}
