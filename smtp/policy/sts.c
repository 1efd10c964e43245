/* SPDX-License-Identifier: ISC
 *
 * sts.c: MTA-STS policies as values (see sts.h). RFC 8461 3.1 (record), 3.2 (policy), 4.1 (matching).
 *
 * A field that comes twice counts once, the first time; only mx comes often. Fields that are not known
 * are passed over, so that later versions of the format can be read; a field that is known must be right.
 */
#include "smtp/policy/sts.h"

static const char *const modes[] = { [STS_NONE] = "none", [STS_TESTING] = "testing", [STS_ENFORCE] = "enforce" };

const char *sts_mode_name(enum sts_mode m)
{
	return modes[m];
}

int sts_mode_parse(struct str s, enum sts_mode *out)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(modes); i++)
		if (str_eqc(s, modes[i])) {
			*out = (enum sts_mode)i;
			return 0;
		}
	return E_SYNTAX;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]; sts-id = "id=" 1*32(ALPHA / DIGIT) */
int sts_record_parse(struct str txt, struct str *id_out)
{
	struct str rest = txt, field, key, id = STR_NONE;
	size_t i;

	if (!str_eqc(str_trim(str_cut(&rest, ';')), "v=STSv1"))
		return 0;
	while (rest.n) {
		field = str_trim(str_cut(&rest, ';'));
		key = str_cut(&field, '=');
		if (str_eqc(key, "id") && !id.n)
			id = field;
	}
	if (id.n == 0 || id.n > STS_ID)
		return E_SYNTAX;
	for (i = 0; i < id.n; i++)
		if (!is_alnum(id.p[i]))
			return E_SYNTAX;
	*id_out = id;
	return 1;
}

/* sts-policy-mx-value = ["*."] Domain */
static bool is_pattern(struct str s)
{
	size_t i, label = 0;

	if (str_starts(s, "*."))
		s = str_from(s, 2);
	if (s.n == 0 || s.n > 253)
		return false;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '_') {
			if (++label > 63)
				return false;
		} else {
			return false;
		}
	}
	return label > 0;
}

static struct str lower(struct arena *a, struct str s)
{
	struct str out = arena_str(a, s);
	char *p = (char *)(uintptr_t)out.p;
	size_t i;

	for (i = 0; i < out.n; i++)
		p[i] = ascii_lower(p[i]);
	return out;
}

struct seen {
	bool version, mode, age;
};

static int take(struct str key, struct str value, struct arena *a, struct sts_policy *p, struct seen *seen, const char **why)
{
	uint64_t age;

	if (str_eqc(key, "version") && !seen->version) {
		*why = "its version is not STSv1";
		seen->version = true;
		return str_eqc(value, "STSv1") ? 0 : E_SYNTAX;
	}
	if (str_eqc(key, "mode") && !seen->mode) {
		*why = "its mode is none of enforce, testing, none";
		seen->mode = true;
		return sts_mode_parse(value, &p->mode);
	}
	if (str_eqc(key, "max_age") && !seen->age) {
		*why = "its max_age is no number of seconds";
		if (value.n > 10 || str_u64(value, UINT64_MAX, &age) < 0)
			return E_SYNTAX;
		seen->age = true;
		p->max_age = (int64_t)MIN(age, (uint64_t)STS_AGE_MAX);
		return 0;
	}
	if (str_eqc(key, "mx")) {
		*why = "one of its mx is no name";
		if (!is_pattern(value))
			return E_SYNTAX;
		*why = "it has too many mx";
		if (p->n == STS_MX)
			return E_LIMIT;
		p->mx[p->n++] = lower(a, value);
	}
	return 0;
}

int sts_policy_parse(struct str text, struct arena *a, struct sts_policy *out, const char **why_out)
{
	struct sts_policy p = { 0 };
	struct seen seen = { 0 };
	struct str line, value;
	int err;

	*why_out = "it is too long";
	if (text.n > STS_TEXT_MAX)
		return E_LIMIT;
	while (text.n) {
		line = str_trim(str_cut(&text, '\n'));
		if (!line.n)
			continue;
		*why_out = "a line is no \"name: value\"";
		if (str_find(line, ':') < 1)
			return E_SYNTAX;
		value = line;
		line = str_trim(str_cut(&value, ':'));
		err = take(line, str_trim(value), a, &p, &seen, why_out);
		if (err < 0)
			return err;
	}
	*why_out = !seen.version ? "it has no version" : !seen.mode ? "it has no mode" : !seen.age ? "it has no max_age" : "it has no mx";
	if (!seen.version || !seen.mode || !seen.age || (p.mode != STS_NONE && p.n == 0))
		return E_SYNTAX;
	*out = p;
	return 0;
}

bool sts_matches(struct str pattern, struct str host)
{
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (!str_starts(pattern, "*."))
		return str_ieq(pattern, host);
	str_cut(&host, '.');
	return host.n && str_ieq(str_from(pattern, 2), host);
}

bool sts_allows(const struct str *mx, size_t n, const char *host)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (sts_matches(mx[i], str_of(host)))
			return true;
	return false;
}
