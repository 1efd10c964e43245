/* SPDX-License-Identifier: ISC
 *
 * value.c: one value of a setting between text and memory.
 *
 * What is printed parses back to the same value (conf_test.c holds it to
 * that). Nothing is repaired: a number with a tail, a time without a unit or
 * an empty list element is an error that says what would be right.
 */
#include "conf/value.h"

#include <time.h>

#include "base/cur.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* from large to small: printing takes the first that divides */
static const struct unit size_units[] = {
	{ "T", (uint64_t)1 << 40 }, { "G", (uint64_t)1 << 30 }, { "M", (uint64_t)1 << 20 },
	{ "k", (uint64_t)1 << 10 }, { "", 1 },
};
static const struct unit time_units[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

static int unit_parse(struct str text, const struct unit *unit, size_t nunits, uint64_t max,
	uint64_t *out)
{
	struct cur c = cur_of(text);
	uint64_t n;
	size_t i;
	int r = cur_u64(&c, max, &n);

	if (r <= 0)
		return r == 0 ? E_SYNTAX : r;
	for (i = 0; i < nunits; i++) {
		if (!str_eqc(cur_rest(&c), unit[i].name))
			continue;
		if (n > max / unit[i].factor)
			return E_LIMIT;
		*out = n * unit[i].factor;
		return 0;
	}
	return E_SYNTAX;
}

static void unit_print(uint64_t n, const struct unit *unit, size_t nunits, struct buf *out)
{
	size_t i;

	for (i = 0; i < nunits; i++)
		if (n % unit[i].factor == 0 && (n > 0 || i == nunits - 1))
			break;
	buf_u64(out, n / unit[i].factor);
	buf_puts(out, unit[i].name);
}

int conf_size_parse(struct str text, uint64_t *out)
{
	char upper[32];
	size_t i;

	/* K and k, M and m mean the same; there is no milli-byte to confuse */
	if (text.n == 0 || text.n >= sizeof(upper))
		return E_SYNTAX;
	for (i = 0; i < text.n; i++)
		upper[i] = ascii_upper(text.p[i]);
	if (upper[text.n - 1] == 'K')
		upper[text.n - 1] = 'k';
	return unit_parse(str_make(upper, text.n), size_units, ARRAY_LEN(size_units), INT64_MAX, out);
}

void conf_size_print(uint64_t bytes, struct buf *out)
{
	unit_print(bytes, size_units, ARRAY_LEN(size_units), out);
}

int conf_time_parse(struct str text, int64_t *out)
{
	uint64_t v;
	int r;

	if (str_eqc(text, "0")) {
		*out = 0;
		return 0;
	}
	r = unit_parse(text, time_units, ARRAY_LEN(time_units), INT64_MAX, &v);
	if (r < 0)
		return r;
	*out = (int64_t)v;
	return 0;
}

int conf_date_parse(struct str text, int64_t *out, bool *day_out)
{
	static const char *const form[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	char s[32];
	const char *end;
	struct tm tm;
	size_t i;

	if (text.n == 0 || text.n >= sizeof(s) || str_find(text, '\0') >= 0)
		return E_SYNTAX;
	snprintf(s, sizeof(s), "%.*s", STRF(text));
	for (i = 0; i < ARRAY_LEN(form); i++) {
		tm = (struct tm){ 0 };
		end = strptime(s, form[i], &tm);
		if (end && (!*end || strcmp(end, "Z") == 0)) {
			*out = timegm(&tm);
			if (day_out)
				*day_out = i == 2;
			return 0;
		}
	}
	return E_SYNTAX;
}

void conf_time_print(int64_t ms, struct buf *out)
{
	if (ms == 0)
		buf_puts(out, "0s");
	else
		unit_print((uint64_t)ms, time_units, ARRAY_LEN(time_units), out);
}

void *conf_field(struct conf *c, const struct conf_key *k)
{
	return (char *)c + k->offset;
}

const void *conf_field_of(const struct conf *c, const struct conf_key *k)
{
	return (const char *)c + k->offset;
}

void conf_limit_print(const struct conf_key *k, int64_t limit, struct buf *out)
{
	switch (k->type) {
	case CONF_SIZE:
		conf_size_print((uint64_t)limit, out);
		break;
	case CONF_TIME:
		conf_time_print(limit, out);
		break;
	default:
		buf_fmt(out, "%lld", (long long)limit);
		break;
	}
}

static bool in_range(const struct conf_key *k, uint64_t v)
{
	if (k->lo == 0 && k->hi == 0)
		return true;
	return v >= (uint64_t)k->lo && v <= (uint64_t)k->hi;
}

/* "must be a size between 1k and 4G, like 64k, 50M, 2G" */
static int bad_number(const struct conf_key *k, const char *what, const char *like, struct buf *why,
	int err)
{
	buf_fmt(why, "must be %s", what);
	if (k->lo || k->hi) {
		buf_puts(why, " from ");
		conf_limit_print(k, k->lo, why);
		buf_puts(why, " to ");
		conf_limit_print(k, k->hi, why);
	}
	buf_puts(why, like);
	return err;
}

static int number_parse(const struct conf_key *k, struct str text, void *field, struct buf *why)
{
	uint64_t v = 0;
	int64_t t;
	int r;

	switch (k->type) {
	case CONF_SIZE:
		r = conf_size_parse(text, &v);
		if (r < 0 || !in_range(k, v))
			return bad_number(k, "a size", ", like 1500, 64k, 50M, 2G", why, r < 0 ? r : E_LIMIT);
		*(uint64_t *)field = v;
		return 0;
	case CONF_TIME:
		r = conf_time_parse(text, &t);
		if (r < 0 || !in_range(k, (uint64_t)t))
			return bad_number(k, "a time", ", like 500ms, 30s, 5m, 2h, 7d", why,
				r < 0 ? r : E_LIMIT);
		*(int64_t *)field = t;
		return 0;
	default:
		r = str_u64(text, INT32_MAX, &v);
		if (r < 0 || !in_range(k, v))
			return bad_number(k, "a whole number", "", why, r < 0 ? r : E_LIMIT);
		*(int64_t *)field = (int64_t)v;
		return 0;
	}
}

static int bool_parse(struct str text, void *field, struct buf *why)
{
	if (!str_eqc(text, "yes") && !str_eqc(text, "no")) {
		buf_puts(why, "must be yes or no");
		return E_SYNTAX;
	}
	*(bool *)field = str_eqc(text, "yes");
	return 0;
}

static int enum_parse(const struct conf_key *k, struct str text, void *field, struct buf *why)
{
	struct str rest = str_of(k->words);
	int64_t i;

	for (i = 0; rest.p; i++) {
		if (str_eq(str_cut(&rest, '|'), text)) {
			*(int64_t *)field = i;
			return 0;
		}
	}
	buf_fmt(why, "must be one of %s", k->words);
	return E_SYNTAX;
}

static int list_parse(struct str text, struct arena *a, void *field, struct buf *why)
{
	struct conf_list *l = field;
	struct str rest = text;
	struct str *v;
	size_t n = 0, i;

	if (text.n == 0) {
		*l = (struct conf_list){ NULL, 0 };
		return 0;
	}
	while (rest.p) {
		if (str_trim(str_cut(&rest, ',')).n == 0) {
			buf_puts(why, "has an empty element between its commas");
			return E_SYNTAX;
		}
		n++;
	}
	if (n > CONF_LIST_MAX) {
		buf_fmt(why, "has more than %d elements", CONF_LIST_MAX);
		return E_LIMIT;
	}
	v = arena_array(a, n, sizeof(*v));
	rest = text;
	for (i = 0; i < n; i++)
		v[i] = arena_str(a, str_trim(str_cut(&rest, ',')));
	*l = (struct conf_list){ v, n };
	return 0;
}

int conf_value_parse(const struct conf_key *k, struct str text, struct arena *a, void *field,
	struct buf *why)
{
	switch (k->type) {
	case CONF_BOOL:
		return bool_parse(text, field, why);
	case CONF_ENUM:
		return enum_parse(k, text, field, why);
	case CONF_STRING:
		*(struct str *)field = arena_str(a, text);
		return 0;
	case CONF_LIST:
		return list_parse(text, a, field, why);
	default:
		return number_parse(k, text, field, why);
	}
}

static void enum_print(const struct conf_key *k, int64_t index, struct buf *out)
{
	struct str rest = str_of(k->words), word = STR_NONE;
	int64_t i;

	for (i = 0; i <= index && rest.p; i++)
		word = str_cut(&rest, '|');
	buf_str(out, word);
}

void conf_value_print(const struct conf_key *k, const void *field, struct buf *out)
{
	const struct conf_list *l = field;
	size_t i;

	switch (k->type) {
	case CONF_BOOL:
		buf_puts(out, *(const bool *)field ? "yes" : "no");
		break;
	case CONF_INT:
		buf_u64(out, (uint64_t)*(const int64_t *)field);
		break;
	case CONF_SIZE:
		conf_size_print(*(const uint64_t *)field, out);
		break;
	case CONF_TIME:
		conf_time_print(*(const int64_t *)field, out);
		break;
	case CONF_STRING:
		buf_str(out, *(const struct str *)field);
		break;
	case CONF_ENUM:
		enum_print(k, *(const int64_t *)field, out);
		break;
	case CONF_LIST:
		for (i = 0; i < l->n; i++) {
			if (i)
				buf_puts(out, ", ");
			buf_str(out, l->v[i]);
		}
		break;
	}
}
