/* SPDX-License-Identifier: ISC
 *
 * oldserver_dialogue.c: see oldserver_dialogue.h.
 *
 * Strict: what this dialogue has no place for (a literal, a tag that is not ours, a continuation that was not asked
 * for, bytes that no text has) is OLDSERVER_DOWN, and so is whoever lets us in without a password (PREAUTH). Only a
 * tagged OK to the login itself is a good password. Response codes are those of RFC 5530; a referral (RFC 2221) is
 * not followed: nobody but the server of the settings is shown a password.
 *
 * (The client of `mansio import` reads folders and messages, in terms of the store; this one nothing but states.)
 */
#include "auth/oldserver_dialogue.h"

#include "base/codec.h"

#define LINES_MAX 64 /* before the answer to a command */
#define OUT_MAX 4096

enum state { GREETING, CAPABILITIES, STARTTLS, READY, CHALLENGE, LITERAL, VERDICT };
enum word { OK, NO, BAD, BYE, PREAUTH, OTHER };

static enum oldserver_step down(struct oldserver_dialogue *d, const char *why)
{
	d->why = why;
	return OLDSERVER_DOWN;
}

static enum word word_of(struct str s)
{
	static const char *const words[] = { [OK] = "OK", [NO] = "NO", [BAD] = "BAD", [BYE] = "BYE", [PREAUTH] = "PREAUTH" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++)
		if (str_ieqc(s, words[i]))
			return (enum word)i;
	return OTHER;
}

/* resp-text = ["[" resp-text-code "]" SP] text: the atom of the code, or an empty one */
static struct str code_of(struct str text)
{
	struct str code;

	if (!str_starts(text, "["))
		return STR("");
	text = str_from(text, 1);
	code = str_cut(&text, ']');
	return str_cut(&code, ' ');
}

/* --- what we say ------------------------------------------------------------------- */

static void ask_capabilities(struct oldserver_dialogue *d, struct buf *out)
{
	d->has_starttls = d->has_plain = d->no_login = false;
	d->lines = 0;
	d->state = CAPABILITIES;
	buf_puts(out, "c CAPABILITY\r\n");
}

static bool quotable(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7e)
			return false;
	return true;
}

static void put_quoted(struct buf *out, struct str s)
{
	size_t i;

	buf_c(out, '"');
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_c(out, '\\');
		buf_c(out, s.p[i]);
	}
	buf_c(out, '"');
}

/* RFC 3501 6.2.3; strings that no quotes can hold are literals, each after its "+" */
static void say_login(struct oldserver_dialogue *d, struct buf *out)
{
	buf_puts(out, "l LOGIN ");
	if (quotable(d->user) && quotable(d->password)) {
		put_quoted(out, d->user);
		buf_c(out, ' ');
		put_quoted(out, d->password);
		d->state = VERDICT;
	} else {
		buf_fmt(out, "{%zu}", d->user.n);
		d->state = LITERAL;
	}
	buf_puts(out, "\r\n");
}

static void say_literal(struct oldserver_dialogue *d, struct buf *out)
{
	if (d->literals++ == 0) {
		buf_str(out, d->user);
		buf_fmt(out, " {%zu}\r\n", d->password.n);
	} else {
		buf_str(out, d->password);
		buf_puts(out, "\r\n");
		d->state = VERDICT;
	}
}

/* RFC 4616 */
static void say_plain(struct oldserver_dialogue *d, struct buf *out)
{
	struct buf b;

	buf_init(&b, OUT_MAX);
	buf_c(&b, '\0');
	buf_str(&b, d->user);
	buf_c(&b, '\0');
	buf_str(&b, d->password);
	base64_encode(buf_view(&b), out);
	buf_puts(out, "\r\n");
	buf_wipe(&b);
	d->state = VERDICT;
}

/* --- what it says ------------------------------------------------------------------- */

static enum oldserver_step greeted(struct oldserver_dialogue *d, enum word w, struct buf *out)
{
	if (w == PREAUTH)
		return down(d, "the old server lets everybody in (PREAUTH)");
	if (w != OK)
		return down(d, w == BYE ? "the old server sends us away (BYE)" : "the old server does not greet as IMAP does");
	ask_capabilities(d, out);
	return OLDSERVER_MORE;
}

static void hear_capabilities(struct oldserver_dialogue *d, struct str rest)
{
	struct str word;

	while (rest.n > 0) {
		word = str_cut(&rest, ' ');
		d->has_starttls |= str_ieqc(word, "STARTTLS");
		d->has_plain |= str_ieqc(word, "AUTH=PLAIN");
		d->no_login |= str_ieqc(word, "LOGINDISABLED");
	}
}

static enum oldserver_step next_command(struct oldserver_dialogue *d, struct buf *out)
{
	d->lines = 0;
	if (d->starttls) {
		if (!d->has_starttls)
			return down(d, "the old server offers no STARTTLS");
		buf_puts(out, "s STARTTLS\r\n");
		d->state = STARTTLS;
	} else if (d->has_plain) {
		buf_puts(out, "l AUTHENTICATE PLAIN\r\n");
		d->state = CHALLENGE;
	} else if (!d->no_login) {
		say_login(d, out);
	} else {
		return down(d, "the old server offers no login that we know (LOGINDISABLED)");
	}
	return OLDSERVER_MORE;
}

/* RFC 5530: is it the password that a NO is about? */
static enum oldserver_step refused(struct oldserver_dialogue *d, struct str code)
{
	static const char *const later[] = { "UNAVAILABLE", "SERVERBUG", "INUSE", "LIMIT", "CONTACTADMIN" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(later); i++)
		if (str_ieqc(code, later[i])) {
			d->why = "the old server says: try later";
			return OLDSERVER_LATER;
		}
	if (str_ieqc(code, "REFERRAL") || str_ieqc(code, "PRIVACYREQUIRED")) {
		d->why = str_ieqc(code, "REFERRAL") ? "the old server refers to another one, which is not asked" :
			"the old server wants more encryption";
		return OLDSERVER_LATER;
	}
	d->why = "wrong password, says the old server";
	return OLDSERVER_REFUSED;
}

static enum oldserver_step answered(struct oldserver_dialogue *d, enum word w, struct str text, struct buf *out)
{
	if (w == BAD)
		return down(d, "the old server does not understand us");
	if (d->state == VERDICT)
		return w == OK ? OLDSERVER_GOOD : refused(d, code_of(text));
	if (w == NO)
		return down(d, d->state == STARTTLS ? "the old server refuses STARTTLS" : "the old server refuses to begin a login");
	if (d->state == CAPABILITIES)
		return next_command(d, out);
	if (d->state == STARTTLS) {
		d->state = READY;
		return OLDSERVER_SECURE;
	}
	return down(d, "the old server breaks the protocol");
}

static enum oldserver_step untagged(struct oldserver_dialogue *d, struct str rest, struct buf *out)
{
	struct str word = str_cut(&rest, ' ');
	enum word w = word_of(word);

	if (d->state == GREETING)
		return greeted(d, w, out);
	if (w == BYE)
		return down(d, "the old server sends us away (BYE)");
	if (d->state == CAPABILITIES && str_ieqc(word, "CAPABILITY"))
		hear_capabilities(d, rest);
	return OLDSERVER_MORE;
}

/* A line, whole: no literal hangs on it. */
static bool is_text(struct str line)
{
	size_t i;

	for (i = 0; i < line.n; i++)
		if (line.p[i] == '\0' || line.p[i] == '\r' || line.p[i] == '\n')
			return false;
	return line.n > 0 && line.n <= OLDSERVER_LINE_MAX && !str_ends(line, "}");
}

enum oldserver_step oldserver_line(struct oldserver_dialogue *d, struct str line, struct buf *out)
{
	static const char *const tag[] = { [CAPABILITIES] = "c", [STARTTLS] = "s", [CHALLENGE] = "l", [LITERAL] = "l", [VERDICT] = "l" };
	struct str rest = line, word;
	enum word w;

	if (!is_text(line) || ++d->lines > LINES_MAX || d->state == READY)
		return down(d, "the old server breaks the protocol");
	if (str_starts(line, "+")) {
		if (d->state == CHALLENGE && str_trim(str_from(line, 1)).n == 0)
			say_plain(d, out);
		else if (d->state == LITERAL)
			say_literal(d, out);
		else
			return down(d, "the old server breaks the protocol");
		return OLDSERVER_MORE;
	}
	word = str_cut(&rest, ' ');
	if (str_eqc(word, "*"))
		return untagged(d, rest, out);
	if (d->state == GREETING || !str_eqc(word, tag[d->state]))
		return down(d, "the old server breaks the protocol");
	w = word_of(str_cut(&rest, ' '));
	return w == OK || w == NO || w == BAD ? answered(d, w, rest, out) : down(d, "the old server breaks the protocol");
}

void oldserver_secured(struct oldserver_dialogue *d, struct buf *out)
{
	d->starttls = false;
	ask_capabilities(d, out);
}
