/* SPDX-License-Identifier: ISC
 *
 * imap_talk.c: commands out, responses in (imap_talk.h).
 *
 * A response is read line by line; a literal in it becomes a quoted string, but that of BODY[],
 * which goes to the receiver piece by piece. Bounds: a response RESPONSE_MAX, a literal that is no
 * message LITERAL_MAX, the rate of what comes (a byte a second is no transfer), each wait.
 */
#include "import/imap_talk.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/codec.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define RESPONSE_MAX ((size_t)2 << 20)
#define LITERAL_MAX ((int64_t)65536)
#define SKIP_MAX ((int64_t)1 << 32) /* of a message that is too large */
#define RESPONSES_MAX 20000000u /* to one command */
#define RATE 50 /* bytes a second while something is to come */

void imap_talk_init(struct imap_talk *t, int fd, int64_t timeout_ms)
{
	memset(t, 0, sizeof(*t));
	stream_init(&t->s, fd, -1, LINE_MAX_BYTES + 2, timeout_ms);
	arena_init(&t->a);
	buf_init(&t->text, RESPONSE_MAX);
	buf_init(&t->capabilities, 65536);
}

void imap_talk_done(struct imap_talk *t)
{
	stream_done(&t->s);
	arena_done(&t->a);
	buf_done(&t->text);
	buf_done(&t->capabilities);
}

/* --- out ----------------------------------------------------------------------- */

void imap_send(struct imap_talk *t, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, 65536);
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	stream_fmt(&t->s, "a%u ", ++t->tag);
	stream_write(&t->s, buf_view(&b));
	buf_wipe(&b);
	t->responses = 0;
	t->said[0] = 0;
}

static int await_plus(struct imap_talk *t)
{
	struct imap_reply r;
	int err = stream_flush(&t->s);

	while (!err) {
		err = imap_next(t, &r);
		if (!err && r.kind == IMAP_CONTINUE)
			return 0;
		if (!err && r.kind == IMAP_TAGGED)
			err = E_DENIED;
	}
	return err;
}

int imap_send_string(struct imap_talk *t, struct str s)
{
	bool quoted = s.n < 1000;
	size_t i;
	int err;

	for (i = 0; i < s.n && quoted; i++)
		quoted = s.p[i] >= 0x20 && s.p[i] < 0x7f;
	if (quoted) {
		stream_puts(&t->s, "\"");
		for (i = 0; i < s.n; i++) {
			if (s.p[i] == '"' || s.p[i] == '\\')
				stream_puts(&t->s, "\\");
			stream_write(&t->s, str_sub(s, i, i + 1));
		}
		stream_puts(&t->s, "\"");
		return 0;
	}
	/* RFC 7888 */
	if (imap_can(t, "LITERAL+")) {
		stream_fmt(&t->s, "{%zu+}\r\n", s.n);
	} else {
		stream_fmt(&t->s, "{%zu}\r\n", s.n);
		err = await_plus(t);
		if (err)
			return err;
	}
	stream_write(&t->s, s);
	return 0;
}

int imap_send_end(struct imap_talk *t)
{
	stream_puts(&t->s, "\r\n");
	return stream_flush(&t->s);
}

/* --- in --------------------------------------------------------------------------- */

static int read_content(struct imap_talk *t, int64_t n)
{
	char block[65536];
	int wanted = t->content->begin(t->content->arg, (uint64_t)n);
	ssize_t got;
	int err;

	if (wanted < 0)
		return wanted;
	if (!wanted && n > SKIP_MAX)
		return E_LIMIT;
	while (n > 0) {
		got = stream_read(&t->s, block, (size_t)MIN(n, (int64_t)sizeof(block)));
		if (got <= 0)
			return got ? (int)got : E_CLOSED;
		n -= got;
		err = wanted ? t->content->text(t->content->arg, block, (size_t)got) : 0;
		if (err)
			return err;
	}
	return 0;
}

/* A string of the server becomes a quoted one; what cannot be in one becomes '?'. */
static int read_string(struct imap_talk *t, int64_t n)
{
	char *p = arena_alloc(&t->a, (size_t)n + 1);
	int64_t i;
	int err;

	if (n > LITERAL_MAX)
		return E_LIMIT;
	err = stream_read_all(&t->s, p, (size_t)n);
	buf_c(&t->text, '"');
	for (i = 0; !err && i < n; i++) {
		if (p[i] == '"' || p[i] == '\\')
			buf_c(&t->text, '\\');
		buf_c(&t->text, (unsigned char)p[i] < 0x20 ? '?' : p[i]);
	}
	buf_c(&t->text, '"');
	return err ? err : t->text.err;
}

static bool is_content(struct str before)
{
	return before.n >= 7 && str_ieqc(str_from(before, before.n - 7), "BODY[] ");
}

static int read_response(struct imap_talk *t)
{
	struct str line;
	size_t at;
	int64_t n;
	int err;

	buf_reset(&t->text);
	for (;;) {
		err = stream_line(&t->s, LINE_MAX_BYTES, &line);
		if (err)
			return err;
		n = imap_literal(line, &at);
		if (n < 0) {
			buf_str(&t->text, line);
			return t->text.err;
		}
		buf_str(&t->text, str_sub(line, 0, at));
		if (t->text.err)
			return t->text.err;
		if (t->content && is_content(buf_view(&t->text))) {
			buf_puts(&t->text, "<>");
			err = read_content(t, n);
		} else {
			err = n > LITERAL_MAX ? E_LIMIT : read_string(t, n);
		}
		if (err)
			return err;
	}
}

int imap_next(struct imap_talk *t, struct imap_reply *out)
{
	int err;

	arena_reset(&t->a);
	t->s.min_rate = RATE;
	err = read_response(t);
	t->s.min_rate = 0;
	if (!err)
		err = imap_reply_parse(buf_view(&t->text), &t->a, out);
	if (err)
		return err;
	if (++t->responses > RESPONSES_MAX)
		return E_LIMIT;
	if ((out->kind == IMAP_TAGGED && out->state != IMAP_OK) || (out->kind == IMAP_STATE && out->state == IMAP_BYE))
		snprintf(t->said, sizeof(t->said), "%.*s", STRF(out->text));
	if (out->kind == IMAP_CAPABILITY || str_ieqc(out->code, "CAPABILITY")) {
		buf_reset(&t->capabilities);
		buf_str(&t->capabilities, out->kind == IMAP_CAPABILITY ? out->text : out->code_value);
	}
	return 0;
}

int imap_wait(struct imap_talk *t, imap_fn *fn, void *arg)
{
	struct imap_reply r;
	struct str tag;
	char text[24];
	int err;

	snprintf(text, sizeof(text), "a%u", t->tag);
	tag = str_of(text);
	for (;;) {
		err = imap_next(t, &r);
		if (err)
			return err;
		if (r.kind == IMAP_TAGGED)
			return !str_eq(r.tag, tag) ? E_SYNTAX : r.state == IMAP_OK ? 0 : E_DENIED;
		if (r.kind == IMAP_CONTINUE)
			return E_SYNTAX; /* nothing was left to say */
		if (r.kind == IMAP_STATE && r.state == IMAP_BYE)
			return E_CLOSED;
		err = fn ? fn(&r, arg) : 0;
		if (err)
			return err;
	}
}

bool imap_can(struct imap_talk *t, const char *capability)
{
	return imap_word(buf_view(&t->capabilities), capability);
}

int imap_ask_capabilities(struct imap_talk *t)
{
	int err;

	imap_send(t, "CAPABILITY");
	err = imap_send_end(t);
	return err ? err : imap_wait(t, NULL, NULL);
}

/* --- login -------------------------------------------------------------------------- */

/* RFC 4616 and 4959; Google's and Microsoft's XOAUTH2. */
static int authenticate(struct imap_talk *t, const char *mechanism, struct str plain)
{
	struct buf b;
	int err = 0;

	buf_init(&b, 65536);
	base64_encode(plain, &b);
	imap_send(t, "AUTHENTICATE %s", mechanism);
	if (imap_can(t, "SASL-IR")) {
		stream_puts(&t->s, " ");
	} else {
		stream_puts(&t->s, "\r\n");
		err = await_plus(t);
	}
	if (!err) {
		stream_write(&t->s, buf_view(&b));
		err = imap_send_end(t);
	}
	buf_wipe(&b);
	return err;
}

static int login_sasl(struct imap_talk *t, struct str user, struct str secret, bool token)
{
	struct imap_reply r;
	struct buf b;
	int err;

	buf_init(&b, 32768);
	if (token) {
		buf_fmt(&b, "user=%.*s\001auth=Bearer ", STRF(user));
		buf_str(&b, secret);
		buf_puts(&b, "\001\001");
	} else {
		buf_c(&b, 0);
		buf_str(&b, user);
		buf_c(&b, 0);
		buf_str(&b, secret);
	}
	err = b.err ? b.err : authenticate(t, token ? "XOAUTH2" : "PLAIN", buf_view(&b));
	buf_wipe(&b);
	while (!err) {
		err = imap_next(t, &r);
		if (!err && r.kind == IMAP_TAGGED)
			return r.state == IMAP_OK ? 0 : E_DENIED;
		if (!err && r.kind == IMAP_CONTINUE) { /* XOAUTH2 tells what is wrong, and waits */
			stream_puts(&t->s, "\r\n");
			err = stream_flush(&t->s);
		}
	}
	return err;
}

int imap_login(struct imap_talk *t, struct str user, struct str secret, bool token)
{
	int err;

	if (token || imap_can(t, "AUTH=PLAIN"))
		return login_sasl(t, user, secret, token);
	if (imap_can(t, "LOGINDISABLED")) {
		snprintf(t->said, sizeof(t->said), "the server offers no way to log in that we know");
		return E_DENIED;
	}
	imap_send(t, "LOGIN ");
	err = imap_send_string(t, user);
	if (!err)
		stream_puts(&t->s, " ");
	if (!err)
		err = imap_send_string(t, secret);
	if (!err)
		err = imap_send_end(t);
	return err ? err : imap_wait(t, NULL, NULL);
}
