/* SPDX-License-Identifier: ISC
 *
 * json.c: see json.h. What comes in is a stranger's: jansson parses it, with
 * duplicates refused, and only a flat object goes on.
 */
#include "webadmin/json.h"

#include <jansson.h>

#include "base/codec.h"

#define VALUES_MAX 1100 /* of one request: 1000 messages of the queue, and some */
#define NAME_MAX_BYTES 40

/* --- in --------------------------------------------------------------------- */

static int say(struct buf *why, int r, const char *text)
{
	buf_puts(why, text);
	return r;
}

/* ALPHA / "_" : what arguments of verbs are called */
static bool name_valid(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((s.p[i] < 'a' || s.p[i] > 'z') && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

static int add(struct ipc_msg *m, const char *prefix, struct str name, struct str value, struct buf *why)
{
	char field[NAME_MAX_BYTES + 16];

	if (!name_valid(name))
		return say(why, E_SYNTAX, "a name is not that of an argument");
	if (m->nfields >= VALUES_MAX)
		return say(why, E_LIMIT, "too many values");
	snprintf(field, sizeof(field), "%s%.*s", prefix, STRF(name));
	ipc_set(m, field, value);
	return 0;
}

static int add_json(struct ipc_msg *m, const char *prefix, const char *key, const json_t *v, bool inner,
	struct buf *why)
{
	struct str name = str_of(key);
	char text[40];
	size_t i;
	int r = 0;

	switch (json_typeof(v)) {
	case JSON_NULL:
		return 0;
	case JSON_STRING:
		return add(m, prefix, name, str_make(json_string_value(v), json_string_length(v)), why);
	case JSON_INTEGER:
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
		return add(m, prefix, name, str_of(text), why);
	case JSON_TRUE:
		return add(m, prefix, name, STR("yes"), why);
	case JSON_FALSE:
		return add(m, prefix, name, STR("no"), why);
	case JSON_ARRAY:
		if (inner)
			break;
		for (i = 0; i < json_array_size(v) && r == 0; i++)
			r = add_json(m, prefix, key, json_array_get(v, i), true, why);
		return r;
	default:
		break;
	}
	return say(why, E_SYNTAX, "a value is a text, a whole number, true or false, or a list of these");
}

int json_fields(struct str body, const char *prefix, struct ipc_msg *m, struct buf *why)
{
	json_error_t e;
	const char *key;
	json_t *root, *v;
	int r = 0;

	root = json_loadb(body.n ? body.p : "", body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
	if (!root)
		return say(why, E_SYNTAX, "the body is not JSON");
	if (!json_is_object(root))
		r = say(why, E_SYNTAX, "the body is not a JSON object");
	else
		json_object_foreach(root, key, v) {
			r = add_json(m, prefix, key, v, false, why);
			if (r < 0)
				break;
		}
	json_decref(root);
	return r;
}

/* '+' is a space, then %XX. */
static int query_decode(struct str s, struct buf *out)
{
	struct buf plain;
	size_t i;
	int r;

	buf_init(&plain, 64 * 1024);
	for (i = 0; i < s.n; i++)
		if (s.p[i] == '+')
			buf_puts(&plain, "%20");
		else
			buf_c(&plain, s.p[i]);
	r = plain.err ? E_LIMIT : percent_decode(buf_view(&plain), out);
	buf_done(&plain);
	return r;
}

int query_fields(struct str query, const char *prefix, struct ipc_msg *m, struct buf *why)
{
	struct str value, name;
	struct buf b;
	int r = 0;

	while (query.n > 0 && r == 0) {
		value = str_cut(&query, '&');
		name = str_cut(&value, '=');
		if (name.n == 0 && !value.p)
			continue;
		buf_init(&b, 64 * 1024);
		r = query_decode(value, &b);
		if (r < 0)
			say(why, r, "the query is not well-formed");
		else
			r = add(m, prefix, name, buf_view(&b), why);
		buf_done(&b);
	}
	return r;
}

/* --- arguments of a verb -------------------------------------------------------- */

static int arg_of(const struct verb_arg *arg, size_t n, struct str name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (str_eq(arg[i].name, name))
			return (int)i;
	return -1;
}

/* What verb_value made, under our prefix. */
static int value_add(const struct verb_arg *a, const char *prefix, struct str value, struct ipc_msg *m,
	struct buf *why)
{
	char field[80], name[64];
	struct ipc_msg one;
	int r;

	/* a line or more may stand in a secret or text: control characters never do */
	ipc_init(&one, "one");
	r = verb_value(a, value, &one, why);
	if (r == 0) {
		snprintf(name, sizeof(name), "%.*s", STRF(a->name));
		snprintf(field, sizeof(field), "%s%s", prefix, name);
		ipc_set(m, field, ipc_get(&one, name));
	}
	ipc_done(&one);
	return r;
}

static int complete(const struct verb_arg *arg, size_t n, const unsigned *given, struct buf *why)
{
	bool any = false, one = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if ((arg[i].mark == '!' || arg[i].mark == '+') && given[i] == 0) {
			buf_fmt(why, "%.*s: is missing", STRF(arg[i].name));
			return E_SYNTAX;
		}
		any |= arg[i].mark == '^';
		one |= arg[i].mark == '^' && given[i] > 0;
	}
	return any && !one ? say(why, E_SYNTAX, "one of the arguments is needed") : 0;
}

int verb_fields(const struct verb *v, const char *prefix, const struct ipc_msg *given, struct ipc_msg *m,
	struct buf *why)
{
	struct verb_arg arg[VERB_ARGS];
	size_t n = verb_args(v, arg), plen = strlen(prefix), i;
	unsigned count[VERB_ARGS] = { 0 };
	int k, r;

	for (i = 0; i < given->nfields; i++) {
		struct str name = str_from(given->field[i].name, plen);

		k = arg_of(arg, n, name);
		if (k < 0) {
			buf_fmt(why, "%.*s: this verb has no such argument", STRF(name));
			return E_SYNTAX;
		}
		if (count[k]++ && arg[k].mark != '+' && arg[k].mark != '*') {
			buf_fmt(why, "%.*s: given twice", STRF(name));
			return E_SYNTAX;
		}
		r = value_add(&arg[k], prefix, given->field[i].value, m, why);
		if (r < 0)
			return r;
	}
	return complete(arg, n, count, why);
}

/* --- out --------------------------------------------------------------------------- */

void json_text(struct buf *out, struct str s)
{
	bool utf8 = str_is_utf8(s);
	size_t i, from = 0;

	buf_c(out, '"');
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && (c < 0x80 || utf8))
			continue;
		buf_add(out, s.p + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			buf_fmt(out, "\\%c", c);
		else
			buf_fmt(out, "\\u%04x", c);
	}
	buf_add(out, s.p + from, s.n - from);
	buf_c(out, '"');
}

static bool hidden(struct str name)
{
	return str_eqc(name, "done") || str_eqc(name, "code") || str_eqc(name, "error");
}

static void value(struct buf *out, const struct ipc_field *f)
{
	uint64_t n;

	if (verb_kind(f->name) != KIND_TEXT && str_u64(f->value, INT64_MAX, &n) == 0)
		buf_u64(out, n);
	else
		json_text(out, f->value);
}

/* All values of that name, from the first on. */
static void values(struct buf *out, const struct ipc_msg *row, size_t i)
{
	size_t k, n = 0;

	for (k = i; k < row->nfields; k++)
		n += str_eq(row->field[k].name, row->field[i].name);
	if (n == 1) {
		value(out, &row->field[i]);
		return;
	}
	buf_c(out, '[');
	for (k = i, n = 0; k < row->nfields; k++)
		if (str_eq(row->field[k].name, row->field[i].name)) {
			if (n++)
				buf_c(out, ',');
			value(out, &row->field[k]);
		}
	buf_c(out, ']');
}

static bool came_before(const struct ipc_msg *row, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++)
		if (str_eq(row->field[k].name, row->field[i].name))
			return true;
	return false;
}

void json_row(struct buf *out, const struct ipc_msg *row)
{
	bool first = true;
	size_t i;

	buf_c(out, '{');
	for (i = 0; i < row->nfields; i++) {
		if (hidden(row->field[i].name) || came_before(row, i))
			continue;
		if (!first)
			buf_c(out, ',');
		first = false;
		json_text(out, row->field[i].name);
		buf_c(out, ':');
		values(out, row, i);
	}
	buf_c(out, '}');
}

void json_error(struct buf *out, struct str sentence, int code)
{
	buf_puts(out, "{\"error\":");
	json_text(out, sentence);
	buf_fmt(out, ",\"code\":%d}", code);
}
