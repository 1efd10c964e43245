/* SPDX-License-Identifier: ISC
 *
 * letter.c: see letter.h. The names of JSON are those of the table `keys`, each once and of
 * its type; everything else is refused, so that a misspelt "bbc" is not silently nobody.
 */
#include "webadmin/letter.h"

#include <jansson.h>

#include "base/codec.h"
#include "mail/address.h"
#include "mail/compose.h"
#include "mail/header.h"

#define FIELDS_MAX 50
#define PARTS_MAX 200
#define ADDRESS_TEXT_MAX 1000
#define HEADER_LIST_MAX 1000

struct reader {
	struct arena *a;
	const struct letter_limits *max;
	struct letter *out;
	struct compose c;
	struct buf *why;
};

static int say(struct buf *why, int r, const char *what, const char *text)
{
	buf_fmt(why, "%s: %s", what, text);
	return r;
}

void letter_done(struct letter *l)
{
	buf_wipe(&l->message);
}

static struct str text_of(const json_t *v)
{
	return str_make(json_string_value(v), json_string_length(v));
}

/* --- addresses ------------------------------------------------------------------------- */

/* An address of the envelope as it is written there; E_SYNTAX. */
static int envelope_address(struct str text, struct arena *a, struct str *out)
{
	struct address parsed;

	if (text.n == 0 || text.n > ADDRESS_MAX || str_has_ctl(text) || address_parse_all(text, a, &parsed) < 0 ||
	    parsed.domain.n == 0)
		return E_SYNTAX;
	*out = address_text(a, &parsed);
	return 0;
}

/* anna@example.org, Anna Example <anna@example.org>, or with a name in quotes. */
static int one_address(struct str text, struct arena *a, struct compose_address *out)
{
	struct compose_address x = { .name = STR("") };
	ssize_t open;

	text = str_trim(text);
	if (text.n > ADDRESS_TEXT_MAX || str_has_ctl(text) || !str_is_utf8(text))
		return E_SYNTAX;
	if (str_ends(text, ">")) {
		open = str_rfind(text, '<');
		if (open < 0)
			return E_SYNTAX;
		x.name = str_trim(str_sub(text, 0, (size_t)open));
		if (x.name.n >= 2 && x.name.p[0] == '"' && x.name.p[x.name.n - 1] == '"')
			x.name = str_sub(x.name, 1, x.name.n - 1);
		text = str_sub(text, (size_t)open + 1, text.n - 1);
	}
	if (envelope_address(text, a, &x.address) < 0)
		return E_SYNTAX;
	x.name = arena_str(a, x.name);
	*out = x;
	return 0;
}

static int address_of(struct reader *r, const char *key, const json_t *v, struct compose_address *out)
{
	const json_t *name, *address;

	if (json_is_string(v) && one_address(text_of(v), r->a, out) == 0)
		return 0;
	if (json_is_object(v)) {
		name = json_object_get(v, "name");
		address = json_object_get(v, "address");
		if (json_is_string(address) && (!name || json_is_string(name)) &&
		    json_object_size(v) == (name ? 2u : 1u) &&
		    envelope_address(text_of(address), r->a, &out->address) == 0) {
			out->name = name ? arena_str(r->a, text_of(name)) : STR("");
			return 0;
		}
	}
	return say(r->why, E_SYNTAX, key, "must be an address, NAME <ADDRESS>, or {\"name\", \"address\"}");
}

static int add_recipient(struct letter *l, const struct letter_limits *max, struct arena *a, struct str address,
	struct buf *why)
{
	struct str *grown;
	size_t i;

	for (i = 0; i < l->nto; i++)
		if (str_eq(l->to[i], address))
			return 0;
	if (l->nto >= max->recipients)
		return say(why, E_LIMIT, "to", "too many recipients ([smtp] recipients)");
	if ((l->nto & (l->nto - 1)) == 0) { /* 0, 1, 2, 4 ...: room for twice as many */
		grown = arena_array(a, l->nto ? 2 * l->nto : 1, sizeof(*grown));
		if (l->nto)
			memcpy(grown, l->to, l->nto * sizeof(*grown));
		l->to = grown;
	}
	l->to[l->nto++] = address;
	return 0;
}

/* One or a list; recipients too, unless it is reply_to. */
static int address_list_of(struct reader *r, const char *key, const json_t *v, bool recipients,
	const struct compose_address **out, size_t *n_out)
{
	size_t n = json_is_array(v) ? json_array_size(v) : 1, i;
	struct compose_address *list;
	int err = 0;

	if (n > r->max->recipients)
		return say(r->why, E_LIMIT, key, "too many recipients ([smtp] recipients)");
	list = arena_array(r->a, n ? n : 1, sizeof(*list));
	for (i = 0; i < n && err == 0; i++) {
		err = address_of(r, key, json_is_array(v) ? json_array_get(v, i) : v, &list[i]);
		if (err == 0 && recipients)
			err = add_recipient(r->out, r->max, r->a, list[i].address, r->why);
	}
	*out = list;
	*n_out = n;
	return err;
}

/* --- the keys ----------------------------------------------------------------------------- */

static int key_from(struct reader *r, const char *key, const json_t *v)
{
	int err = address_of(r, key, v, &r->c.from);

	if (err == 0)
		r->out->from = r->c.from.address;
	return err;
}

static int key_to(struct reader *r, const char *key, const json_t *v)
{
	return address_list_of(r, key, v, true, &r->c.to, &r->c.nto);
}

static int key_cc(struct reader *r, const char *key, const json_t *v)
{
	return address_list_of(r, key, v, true, &r->c.cc, &r->c.ncc);
}

static int key_bcc(struct reader *r, const char *key, const json_t *v)
{
	const struct compose_address *hidden;
	size_t n;

	return address_list_of(r, key, v, true, &hidden, &n);
}

static int key_reply_to(struct reader *r, const char *key, const json_t *v)
{
	return address_list_of(r, key, v, false, &r->c.reply_to, &r->c.nreply_to);
}

static int text_key(struct reader *r, const char *key, const json_t *v, struct str *out)
{
	if (!json_is_string(v))
		return say(r->why, E_SYNTAX, key, "must be a text");
	*out = text_of(v);
	return 0;
}

static int key_subject(struct reader *r, const char *key, const json_t *v)
{
	return text_key(r, key, v, &r->c.subject);
}

static int key_text(struct reader *r, const char *key, const json_t *v)
{
	return text_key(r, key, v, &r->c.text);
}

static int key_html(struct reader *r, const char *key, const json_t *v)
{
	return text_key(r, key, v, &r->c.html);
}

static int key_headers(struct reader *r, const char *key, const json_t *v)
{
	struct compose_field *f;
	const char *name;
	json_t *value;
	size_t n = 0;

	if (!json_is_object(v) || json_object_size(v) > FIELDS_MAX)
		return say(r->why, E_SYNTAX, key, "must be an object of at most 50 texts");
	f = arena_array(r->a, json_object_size(v) + 1, sizeof(*f));
	json_object_foreach((json_t *)(uintptr_t)v, name, value) {
		if (!json_is_string(value))
			return say(r->why, E_SYNTAX, key, "must be an object of at most 50 texts");
		f[n++] = (struct compose_field){ arena_str(r->a, str_of(name)), text_of(value) };
	}
	r->c.field = f;
	r->c.nfield = n;
	return 0;
}

static int part_of(struct reader *r, const char *key, const json_t *v, struct compose_part *out)
{
	static const char must[] = "each is an object with content (base64), and filename, type, cid if wanted";
	struct buf plain;
	const char *name;
	json_t *value;
	int err;

	if (!json_is_object(v))
		return say(r->why, E_SYNTAX, key, must);
	*out = (struct compose_part){ .type = STR("application/octet-stream"), .filename = STR(""), .cid = STR("") };
	json_object_foreach((json_t *)(uintptr_t)v, name, value) {
		struct str *to = strcmp(name, "content") == 0 ? &out->base64 : strcmp(name, "filename") == 0 ? &out->filename :
			strcmp(name, "type") == 0 ? &out->type : strcmp(name, "cid") == 0 ? &out->cid : NULL;

		if (!to || !json_is_string(value))
			return say(r->why, E_SYNTAX, key, must);
		*to = text_of(value);
	}
	if (!out->base64.p)
		return say(r->why, E_SYNTAX, key, must);
	buf_init(&plain, out->base64.n + 16);
	err = base64_decode(out->base64, &plain);
	buf_done(&plain);
	return err < 0 ? say(r->why, E_SYNTAX, key, "content must be base64 (RFC 4648 4), without line breaks") : 0;
}

static int key_attachments(struct reader *r, const char *key, const json_t *v)
{
	struct compose_part *p;
	size_t i, n = json_array_size(v);
	int err = 0;

	if (!json_is_array(v) || n > PARTS_MAX)
		return say(r->why, E_SYNTAX, key, "must be a list, of 200 at most");
	p = arena_array(r->a, n + 1, sizeof(*p));
	for (i = 0; i < n && err == 0; i++)
		err = part_of(r, key, json_array_get(v, i), &p[i]);
	r->c.part = p;
	r->c.npart = n;
	return err;
}

static int key_verp(struct reader *r, const char *key, const json_t *v)
{
	if (!json_is_boolean(v))
		return say(r->why, E_SYNTAX, key, "must be true or false");
	r->out->verp = json_is_true(v);
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct reader *r, const char *key, const json_t *v);
} keys[] = {
	{ "from", key_from },
	{ "to", key_to },
	{ "cc", key_cc },
	{ "bcc", key_bcc },
	{ "reply_to", key_reply_to },
	{ "subject", key_subject },
	{ "text", key_text },
	{ "html", key_html },
	{ "headers", key_headers },
	{ "attachments", key_attachments },
	{ "verp", key_verp },
};

static int read_object(struct reader *r, json_t *root)
{
	const char *name;
	json_t *v;
	size_t i;
	int err;

	json_object_foreach(root, name, v) {
		for (i = 0; i < ARRAY_LEN(keys) && strcmp(keys[i].name, name) != 0; i++)
			;
		if (i == ARRAY_LEN(keys)) {
			buf_fmt(r->why, "%.40s: there is no such thing in a message", str_has_ctl(str_of(name)) ? "?" : name);
			return E_SYNTAX;
		}
		if (json_is_null(v))
			continue;
		err = keys[i].take(r, keys[i].name, v);
		if (err < 0)
			return err;
	}
	if (!r->c.from.address.p)
		return say(r->why, E_SYNTAX, "from", "is missing");
	if (r->out->nto == 0)
		return say(r->why, E_SYNTAX, "to", "there is no recipient");
	if (!r->c.text.p && !r->c.html.p)
		r->c.text = STR("");
	return 0;
}

static bool any_utf8_address(const struct letter *l)
{
	size_t i;

	for (i = 0; i < l->nto; i++)
		if (!str_is_ascii(l->to[i]))
			return true;
	return !str_is_ascii(l->from);
}

int letter_of_json(struct str body, const struct letter_limits *max, const char *boundary, struct arena *a,
	struct letter *out, struct buf *why)
{
	struct reader r = { .a = a, .max = max, .out = out, .why = why, .c = { .boundary = boundary } };
	json_error_t e;
	json_t *root;
	bool utf8 = false;
	int err;

	*out = (struct letter){ .from = STR("") };
	buf_init(&out->message, max->size);
	root = json_loadb(body.n ? body.p : "", body.n, JSON_REJECT_DUPLICATES, &e);
	if (!root || !json_is_object(root)) {
		json_decref(root);
		return say(why, E_SYNTAX, "the body", "is not a JSON object");
	}
	err = read_object(&r, root);
	if (err == 0)
		err = compose_print(&r.c, &out->message, &utf8, why);
	out->smtputf8 = utf8 || any_utf8_address(out);
	out->eight_bit = utf8;
	json_decref(root);
	return err;
}

/* --- a whole message ------------------------------------------------------------------------ */

/* One value of the query, decoded. */
static int query_value(struct str value, struct arena *a, struct str *out)
{
	struct buf plain;
	int r;

	buf_init(&plain, ADDRESS_TEXT_MAX);
	r = percent_decode(value, &plain);
	if (r == 0)
		r = envelope_address(buf_view(&plain), a, out);
	buf_done(&plain);
	return r;
}

static int read_query(struct str query, const struct letter_limits *max, struct arena *a, struct letter *out,
	bool *from_given, struct buf *why)
{
	struct str value, name, address;
	int r = 0;

	while (query.n > 0 && r == 0) {
		value = str_cut(&query, '&');
		name = str_cut(&value, '=');
		if (!str_eqc(name, "from") && !str_eqc(name, "to"))
			return say(why, E_SYNTAX, "the query", "may say from and to alone");
		if (query_value(value, a, &address) < 0)
			return say(why, E_SYNTAX, "the query", "an address is not well-formed");
		if (str_eqc(name, "to")) {
			r = add_recipient(out, max, a, address, why);
		} else if (*from_given) {
			r = say(why, E_SYNTAX, "from", "given twice");
		} else {
			out->from = address;
			*from_given = true;
		}
	}
	return r;
}

/* Addresses of a field of the header. */
static int take_addresses(struct str body, bool from, const struct letter_limits *max, struct arena *a,
	struct letter *out, struct buf *why)
{
	struct header_address *list;
	size_t n = address_list(body, a, HEADER_LIST_MAX, &list, NULL), i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		struct address x = { .local = list[i].local, .domain = list[i].domain };
		struct str address;
		struct buf b;

		if (list[i].kind != HEADER_MAILBOX)
			continue;
		buf_init(&b, 4 * ADDRESS_TEXT_MAX);
		address_print(&x, &b);
		r = b.err ? E_SYNTAX : envelope_address(buf_view(&b), a, &address);
		buf_done(&b);
		if (r < 0)
			return say(why, E_SYNTAX, "the header", "an address is not well-formed");
		if (from) {
			out->from = address;
			return 0;
		}
		r = add_recipient(out, max, a, address, why);
	}
	return r;
}

/* LF becomes CRLF, as programs on Unix write messages; a bare CR stays, and smtpd refuses it. */
static void normal_lines(struct str s, struct buf *out)
{
	size_t i, from = 0;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '\n' || (i > 0 && s.p[i - 1] == '\r'))
			continue;
		buf_add(out, s.p + from, i - from);
		buf_puts(out, "\r\n");
		from = i + 1;
	}
	buf_add(out, s.p + from, s.n - from);
	if (s.n > 0 && s.p[s.n - 1] != '\n')
		buf_puts(out, "\r\n");
}

/* What the header says, and the message without Bcc (RFC 5322 3.6.3). */
static int read_header(struct buf *lines, bool from_given, bool to_given, const struct letter_limits *max, struct arena *a,
	struct letter *out, struct buf *why)
{
	struct header_walk w = { .message = buf_view(lines) };
	struct header_field f;
	size_t begin = 0;
	bool sender = from_given;
	int r = 0;

	while (r == 0 && header_walk(&w, &f)) {
		bool bcc = str_ieqc(f.name, "Bcc");

		if (!sender && (str_ieqc(f.name, "Sender") || (str_ieqc(f.name, "From") && out->from.n == 0))) {
			r = take_addresses(f.body, true, max, a, out, why);
			sender = str_ieqc(f.name, "Sender");
		}
		if (r == 0 && !to_given && (bcc || str_ieqc(f.name, "To") || str_ieqc(f.name, "Cc")))
			r = take_addresses(f.body, false, max, a, out, why);
		if (!bcc)
			buf_str(&out->message, f.raw);
		begin = (size_t)(f.raw.p - w.message.p) + f.raw.n;
	}
	buf_str(&out->message, str_from(w.message, begin));
	return r;
}

int letter_of_message(struct str body, struct str query, const struct letter_limits *max, struct arena *a,
	struct letter *out, struct buf *why)
{
	struct buf lines;
	bool from_given = false, to_given;
	int r;

	*out = (struct letter){ .from = STR("") };
	buf_init(&out->message, max->size);
	r = read_query(query, max, a, out, &from_given, why);
	if (r < 0)
		return r;
	to_given = out->nto > 0;
	buf_init(&lines, max->size);
	normal_lines(body, &lines);
	r = read_header(&lines, from_given, to_given, max, a, out, why);
	if (r == 0 && (lines.err || out->message.err))
		r = say(why, E_LIMIT, "the message", "is too large");
	else if (r == 0 && (body.n == 0 || memchr(body.p, 0, body.n)))
		r = say(why, E_SYNTAX, "the message", body.n ? "has a NUL byte" : "is empty");
	else if (r == 0 && out->from.n == 0)
		r = say(why, E_SYNTAX, "from", "is missing");
	else if (r == 0 && out->nto == 0)
		r = say(why, E_SYNTAX, "to", "there is no recipient");
	buf_done(&lines);
	out->eight_bit = !str_is_ascii(buf_view(&out->message));
	out->smtputf8 = any_utf8_address(out);
	return r;
}
