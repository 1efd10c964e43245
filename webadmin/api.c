/* SPDX-License-Identifier: ISC
 *
 * api.c: /api/v1/ (docs/API.md): a request becomes a question to the gate, its
 * answer becomes JSON.
 *
 *   who    cookie or bearer token, in every request anew
 *   what   login logout me verbs invite, a verb of conf/verbs.def, a stream of one
 *
 * A request that changes something is a POST of JSON; with a cookie it must also
 * come from our own page: Origin is checked here, the CSRF token at the gate.
 */
#include "webadmin/api.h"

#include <sysexits.h>

#include "base/sha256.h"
#include "webadmin/ask.h"
#include "webadmin/cookie.h"
#include "webadmin/headers.h"
#include "webadmin/json.h"

#define PREFIX "a." /* of the arguments of a verb on the way to the gate */

struct call {
	struct request *q; /* NULL: its client is gone */
	struct ask *ask;
	const struct verb *verb; /* NULL: one of ours */
	enum api_own own;
	struct buf out;
	size_t rows, first; /* bytes of the first row */
};

/* --- who asks -------------------------------------------------------------------- */

static bool has_cookie(struct request *q)
{
	return !bearer_get(request_header(q, "Authorization")).p &&
		cookie_get(request_header(q, "Cookie"), COOKIE_NAME).p;
}

/* "https://HOST[:PORT]" of the page, as a browser writes it (RFC 6454 6.2): a name of ours, in lower case, without the usual port. */
static const char *page_origin(struct request *q)
{
	struct str host = request_header(q, "Host");
	char *text, *p;

	if (str_ends(host, ":443"))
		host = str_sub(host, 0, host.n - 4);
	text = arena_fmt(request_arena(q), "https://%.*s", STRF(host));
	for (p = text; *p; p++)
		*p = ascii_lower(*p);
	return text;
}

void api_question(struct request *q, struct ipc_msg *m, const char *op)
{
	struct str bearer = bearer_get(request_header(q, "Authorization")), agent;
	char peer[ADDR_TEXT];

	ipc_init(m, "ask");
	ipc_setc(m, "op", op);
	if (bearer.p)
		ipc_set(m, "token", bearer);
	else if (has_cookie(q))
		ipc_set(m, "cookie", cookie_get(request_header(q, "Cookie"), COOKIE_NAME));
	if (request_is_post(q)) /* the page, as security keys see it */
		ipc_setc(m, "origin", page_origin(q));
	if (request_header(q, "X-Mansio-CSRF").n > 0)
		ipc_set(m, "csrf", str_sub(request_header(q, "X-Mansio-CSRF"), 0, SECRET_MAX));
	ipc_setc(m, "peer", addr_text(request_peer(q), peer));
	agent = request_header(q, "User-Agent");
	if (agent.n > 0 && str_is_utf8(agent))
		ipc_set(m, "agent", str_sub(agent, 0, 200));
}

/* A change must come from our own page, or from a program that names itself by a token. */
static bool from_our_page(struct request *q, bool cookie_needed)
{
	struct str origin = request_header(q, "Origin"), site = request_header(q, "Sec-Fetch-Site");

	if (site.n > 0 && !str_eqc(site, "same-origin") && (has_cookie(q) || cookie_needed))
		return false;
	if (origin.n > 0)
		return origin_is_ours(origin, request_header(q, "Host"));
	return !has_cookie(q);
}

bool api_type_is(struct request *q, const char *type)
{
	struct str rest = request_header(q, "Content-Type"), first = str_cut(&rest, ';');

	return str_ieqc(str_trim(first), type);
}

bool api_may_change(struct request *q)
{
	if (!request_is_post(q)) {
		request_set(q, "Allow", "POST");
		request_fail(q, 405, EX_USAGE, "this changes something: POST it");
	} else if (!from_our_page(q, false))
		request_fail(q, 403, EX_NOPERM, "this request does not come from the page of this server");
	else
		return true;
	return false;
}

/* False: refused. */
static bool may_post(struct request *q)
{
	if (!api_may_change(q))
		return false;
	if (api_type_is(q, "application/json"))
		return true;
	request_fail(q, 415, EX_USAGE, "Content-Type must be application/json");
	return false;
}

/* --- the answer -------------------------------------------------------------------- */

static void call_free(struct call *c)
{
	if (c->ask)
		ask_cancel(c->ask);
	buf_wipe(&c->out);
	free(c);
}

static void gone(void *arg)
{
	call_free(arg);
}

unsigned api_status(int code, const struct ipc_msg *last)
{
	if (last && ipc_get_bool(last, "unknown"))
		return 401;
	if (last && ipc_get_bool(last, "limit"))
		return 429;
	switch (code) {
	case EX_OK:
		return 200;
	case EX_USAGE:
	case EX_DATAERR:
		return 400;
	case EX_NOPERM:
		return 403;
	case EX_NOUSER:
		return 404;
	case EX_CANTCREAT:
	case EX_CONFIG:
	case EX_UNAVAILABLE: /* a program was there, and said that it cannot be as things are: another try changes nothing */
		return 409;
	case EX_TEMPFAIL:
		return 503;
	default:
		return 500;
	}
}

static void row(void *arg, const struct ipc_msg *m)
{
	struct call *c = arg;

	if (c->verb && c->verb->shape == SHAPE_TEXT) {
		buf_str(&c->out, ipc_get(m, "text"));
		return;
	}
	if (c->rows++)
		buf_c(&c->out, ',');
	json_row(&c->out, m);
	if (c->rows == 1)
		c->first = c->out.n;
}

static bool is_table(const struct call *c)
{
	return c->verb ? c->verb->shape == SHAPE_ROWS || c->verb->shape == SHAPE_SOME : c->own == OWN_VERBS;
}

static void list(struct buf *out, const char *name, const struct ipc_msg *m, const char *field)
{
	struct str v;
	size_t i;

	buf_fmt(out, ",\"%s\":[", name);
	for (i = 0; (v = ipc_get_nth(m, field, i)).p; i++) {
		if (i)
			buf_c(out, ',');
		json_text(out, v);
	}
	buf_c(out, ']');
}

/* login and me: who you are. */
static void answer_identity(struct call *c, const struct ipc_msg *m)
{
	struct buf b, cookie;

	buf_init(&b, 64 * 1024);
	buf_puts(&b, "{\"address\":");
	json_text(&b, ipc_get(m, "address"));
	buf_puts(&b, ",\"name\":");
	json_text(&b, ipc_get(m, "name"));
	list(&b, "roles", m, "role");
	list(&b, "domains", m, "domain");
	buf_puts(&b, ",\"csrf\":");
	json_text(&b, ipc_get(m, "csrf"));
	buf_c(&b, '}');
	if (ipc_get(m, "cookie").n > 0) {
		buf_init(&cookie, 1024);
		buf_fmt(&cookie, COOKIE_NAME "=%.*s; Path=/; Secure; HttpOnly; SameSite=Strict",
			STRF(ipc_get(m, "cookie")));
		request_set(c->q, "Set-Cookie", buf_cstr(&cookie));
		buf_wipe(&cookie);
	}
	request_answer_buf(c->q, 200, "application/json", &b);
}

/* RFC 9110 13.1.2: is it one of these tags, weak or not? */
static bool has_tag(struct str tags, const char *etag)
{
	struct str tag;

	while (tags.n > 0) {
		tag = str_trim(str_cut(&tags, ','));
		if (str_eqc(str_starts(tag, "W/") ? str_from(tag, 2) : tag, etag) || str_eqc(tag, "*"))
			return true;
	}
	return false;
}

/* RFC 9110 8.8.3: a list that the client has already. It still has to be asked for each time. */
static bool is_unchanged(struct request *q, struct str body)
{
	unsigned char sha[SHA256_SIZE];
	char hex[SHA256_HEX + 1], *etag;

	if (request_is_post(q)) /* what was done is always told */
		return false;
	sha256_of(body, sha);
	sha256_print(sha, hex);
	etag = arena_fmt(request_arena(q), "\"%.32s\"", hex);
	request_set(q, "ETag", etag);
	if (!has_tag(request_header(q, "If-None-Match"), etag))
		return false;
	request_answer_static(q, 304, NULL, STR(""));
	return true;
}

static void answer_rows(struct call *c, unsigned status, int code, struct str error)
{
	struct buf b;

	buf_init(&b, c->out.n + 64 * 1024);
	buf_puts(&b, "{\"rows\":[");
	buf_str(&b, buf_view(&c->out));
	buf_c(&b, ']');
	if (code) { /* a check that found something: the rows are the finding; else what came before it failed */
		buf_puts(&b, ",\"error\":");
		json_text(&b, error);
		buf_fmt(&b, ",\"code\":%d", code);
	}
	buf_c(&b, '}');
	if (code || !is_unchanged(c->q, buf_view(&b)))
		request_answer_buf(c->q, status, "application/json", &b);
	else
		buf_done(&b);
}

static void answer_good(struct call *c, const struct ipc_msg *last)
{
	struct buf b;

	if (!c->verb && (c->own == OWN_LOGIN || c->own == OWN_ME)) {
		answer_identity(c, last);
		return;
	}
	if (!c->verb && c->own == OWN_LOGOUT)
		request_set(c->q, "Set-Cookie",
			COOKIE_NAME "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
	if (c->verb && c->own == OWN_METRICS) {
		request_answer(c->q, 200, "text/plain; version=0.0.4; charset=utf-8", buf_view(&c->out));
		return;
	}
	if (is_table(c)) {
		answer_rows(c, 200, 0, STR(""));
		return;
	}
	buf_init(&b, 2 * c->out.n + 64 * 1024 + IPC_MAX * 6);
	if (c->verb && c->verb->shape == SHAPE_TEXT) {
		buf_puts(&b, "{\"text\":");
		json_text(&b, buf_view(&c->out));
		buf_c(&b, '}');
	} else {
		/* the facts of one thing may come with its last message */
		buf_puts(&b, "{\"result\":");
		if (c->rows)
			buf_str(&b, str_sub(buf_view(&c->out), 0, c->first));
		else
			json_row(&b, last);
		if (c->rows > 1) { /* a thing with parts: a message and its recipients */
			buf_puts(&b, ",\"rows\":[");
			buf_str(&b, str_from(buf_view(&c->out), c->first + 1));
			buf_c(&b, ']');
		}
		buf_c(&b, '}');
	}
	request_answer_buf(c->q, 200, "application/json", &b);
}

/* The password was right, and the second factor is missing: what there is. */
static void answer_second(struct call *c, struct str error, const struct ipc_msg *m)
{
	static const char *const texts[] = { "error", "challenge", "rp_id" };
	static const char *const lists[] = { "ways", "keys" };
	struct str rest;
	struct buf b;
	size_t i, n;

	buf_init(&b, IPC_MAX * 2);
	buf_fmt(&b, "{\"code\":%d", EX_NOPERM);
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		buf_fmt(&b, ",\"%s\":", texts[i]);
		json_text(&b, i == 0 ? error : ipc_get(m, texts[i]));
	}
	for (i = 0; i < ARRAY_LEN(lists); i++) {
		buf_fmt(&b, ",\"%s\":[", lists[i]);
		for (rest = ipc_get(m, lists[i]), n = 0; rest.n > 0; n++) {
			if (n)
				buf_c(&b, ',');
			json_text(&b, str_cut(&rest, ','));
		}
		buf_c(&b, ']');
	}
	buf_c(&b, '}');
	request_answer_buf(c->q, 403, "application/json", &b);
}

static void done(void *arg, int code, struct str error, const struct ipc_msg *last)
{
	struct call *c = arg;
	bool partial = last && ipc_get_bool(last, "partial");

	c->ask = NULL;
	if (c->verb && c->verb->shape == SHAPE_SOME && c->rows == 0 && code == 0) {
		code = EX_NOUSER;
		error = STR("nothing matches");
	}
	if (c->out.err)
		request_fail(c->q, 500, EX_DATAERR, "the answer is too long ([web] answer): ask for less");
	else if (!c->verb && c->own == OWN_LOGIN && last && ipc_get(last, "ways").n > 0)
		answer_second(c, error, last);
	else if (code && (c->rows > 0 || partial) && is_table(c) && !(last && ipc_get_bool(last, "unknown")))
		answer_rows(c, code == EX_DATAERR || partial ? 200 : api_status(code, last), code, error);
	else if (code || !last) {
		if (last && ipc_get_bool(last, "unknown"))
			request_set(c->q, "WWW-Authenticate", "Bearer");
		request_fail(c->q, api_status(code ? code : EX_TEMPFAIL, last), code, "%.*s", STRF(error));
	} else
		answer_good(c, last);
	call_free(c);
}

static const struct ask_ops call_ops = { .row = row, .done = done };

/* Takes m. */
static void ask(struct request *q, struct ipc_msg *m, const struct verb *v, enum api_own own)
{
	struct call *c = mem_alloc(1, sizeof(*c));

	c->q = q;
	c->verb = v;
	c->own = own;
	buf_init(&c->out, web.conf->web_answer);
	c->ask = ask_new(m, web.conf->web_answer_wait, &call_ops, c);
	ipc_done(m);
	if (!c->ask) {
		request_fail(q, 503, EX_TEMPFAIL, "the suite is busy: try again");
		call_free(c);
		return;
	}
	request_on_gone(q, gone, c);
}

/* --- what is asked -------------------------------------------------------------------- */

/* What the body of login and invite may say: the first two it must. */
static const char *const login_fields[] = { "address", "password", "code", "key", "challenge", "client_data", "authenticator_data", "signature", NULL };
static const char *const invite_fields[] = { "token", "password", NULL };

static bool fields(struct request *q, struct ipc_msg *m, const char *const *names)
{
	struct ipc_msg given;
	struct buf why;
	size_t i, known = 0;
	bool good;

	buf_init(&why, 512);
	ipc_init(&given, "given");
	good = json_fields(request_body(q), "", &given, &why) == 0;
	for (i = 0; good && names[i]; i++)
		known += ipc_get(&given, names[i]).p != NULL;
	if (good && (given.nfields != known || !ipc_get(&given, names[0]).p || !ipc_get(&given, names[1]).p)) {
		buf_fmt(&why, "needed are %s and %s", names[0], names[1]);
		good = false;
	}
	if (good) {
		for (i = 0; names[i]; i++)
			if (ipc_get(&given, names[i]).p)
				ipc_set(m, names == invite_fields && i == 0 ? "invite" : names[i], ipc_get(&given, names[i]));
	} else {
		request_fail(q, 400, EX_USAGE, "%s", buf_cstr(&why));
	}
	ipc_done(&given);
	buf_done(&why);
	return good;
}

static void own(struct request *q, enum api_own what)
{
	static const char *const op[] = { [OWN_LOGIN] = "login", [OWN_LOGOUT] = "logout", [OWN_ME] = "me",
		[OWN_VERBS] = "verbs", [OWN_INVITE] = "invite" };
	bool reads = what == OWN_ME || what == OWN_VERBS;
	struct ipc_msg m;

	if (!reads && !may_post(q))
		return;
	api_question(q, &m, op[what]);
	if ((what == OWN_LOGIN && !fields(q, &m, login_fields)) || (what == OWN_INVITE && !fields(q, &m, invite_fields))) {
		ipc_done(&m);
		return;
	}
	ask(q, &m, NULL, what);
}

bool api_arguments(struct request *q, const struct verb *v, struct ipc_msg *m)
{
	struct ipc_msg given;
	struct buf why;
	char name[64];
	int r;

	buf_init(&why, 1024);
	ipc_init(&given, "given");
	verb_full_name(v, name, sizeof(name));
	ipc_setc(m, "verb", name);
	r = v->effect == EFFECT_READ ? query_fields(request_query(q), PREFIX, &given, &why) :
		request_query(q).n > 0 ? E_SYNTAX : json_fields(request_body(q), PREFIX, &given, &why);
	if (r == 0)
		r = verb_fields(v, PREFIX, &given, m, &why);
	if (r < 0)
		request_fail(q, 400, EX_USAGE, "%s", why.n ? buf_cstr(&why) : "arguments belong into the body");
	ipc_done(&given);
	buf_done(&why);
	return r == 0;
}

static void serve_verb(struct request *q, const struct verb *v, enum api_own how)
{
	struct ipc_msg m;

	if (v->effect == EFFECT_READ && request_is_post(q)) {
		request_set(q, "Allow", "GET, HEAD");
		request_fail(q, 405, EX_USAGE, "this only reads: GET it");
		return;
	}
	if (v->shape == SHAPE_STREAM) {
		request_fail(q, 400, EX_USAGE, "this goes on and on: ask for /api/v1/stream/%s/%s", v->noun, v->name);
		return;
	}
	if (v->effect == EFFECT_CHANGE && !may_post(q))
		return;
	api_question(q, &m, "verb");
	if (api_arguments(q, v, &m))
		ask(q, &m, v, how);
	else
		ipc_done(&m);
}

/* NOUN/VERB, NOUN or VERB; NULL: none, or one of this host alone. */
const struct verb *api_verb(struct request *q, struct str path)
{
	char name[64];
	const struct verb *v;
	ssize_t slash = str_find(path, '/');

	if (path.n == 0 || path.n >= sizeof(name) || str_find(path, ' ') >= 0)
		return NULL;
	snprintf(name, sizeof(name), "%.*s", STRF(path));
	if (slash >= 0)
		name[slash] = ' ';
	(void)q;
	v = verb_named(name);
	if (!v && slash < 0) { /* a noun alone is its list */
		snprintf(name, sizeof(name), "%.*s list", STRF(str_sub(path, 0, sizeof(name) - sizeof(" list"))));
		v = verb_named(name);
	}
	return v && v->who != WHO_HOST && v->owner != OWNER_HERE ? v : NULL;
}

void api_serve(struct request *q)
{
	static const char *const name[] = { [OWN_LOGIN] = "login", [OWN_LOGOUT] = "logout", [OWN_ME] = "me",
		[OWN_VERBS] = "verbs", [OWN_INVITE] = "invite" };
	struct str path = str_from(request_path(q), strlen("/api/v1/"));
	const struct verb *v;
	size_t i;

	for (i = 0; i < ARRAY_LEN(name); i++)
		if (str_eqc(path, name[i])) {
			own(q, (enum api_own)i);
			return;
		}
	if (str_eqc(path, "send")) {
		send_serve(q);
		return;
	}
	if (str_starts(path, "stream/")) {
		live_serve(q, str_from(path, 7));
		return;
	}
	v = api_verb(q, path);
	if (v)
		serve_verb(q, v, OWN_NONE);
	else
		request_fail(q, 404, EX_NOUSER, "the API has no such verb");
}

void api_metrics(struct request *q)
{
	const struct verb *v = verb_named("stats metrics");

	if (v)
		serve_verb(q, v, OWN_METRICS);
	else
		request_fail(q, 404, EX_NOUSER, "there are no metrics");
}
