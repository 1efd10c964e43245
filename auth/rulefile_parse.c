/* SPDX-License-Identifier: ISC
 *
 * rulefile_parse.c: files with rules to the table of rulefile.h.
 *
 *   line    = *WSP [ rule *WSP ] [ "#" comment ] LF
 *   rule    = kind 1*WSP who 1*WSP action [ 1*WSP text ]    access_file
 *           / kind 1*WSP who 1*WSP new-address              rewrite_file
 *
 * A "#" begins a comment at the begin of a word; blanks inside "quotes" are part of the word
 * (of an address). Each value is what the verbs `access add` and `rewrite add` take. Every
 * wrong line is told with file and number, RULEFILE_ERRORS of them; one is enough, and there is
 * no table. Time grows with the bytes, and as n log n with the rules.
 */
#include "auth/auth.h"
#include "auth/rulefile.h"
#include "auth/rulefile_private.h"
#include "auth/rules.h"
#include "conf/near.h"

#define SHOWN 80

struct item {
	size_t at, n, key; /* in the lines; key: bytes that must be there once */
	const char *lines; /* where they are, once all are there */
	const char *file;
	unsigned line;
};

struct parse {
	const struct auth_rule_files *files;
	struct buf lines, *errors;
	struct item *item;
	size_t n, cap, wrong;
	/* of the line at hand */
	struct arena a;
	const char *file;
	unsigned line;
	bool rewrite;
};

struct fields {
	struct str kind, who, action, rest, comment;
};

/* --- errors ----------------------------------------------------------------------------- */

/* Text of the file for a message: short and printable. */
static const char *shown(struct str s, char out[SHOWN])
{
	size_t i, n = MIN(s.n, (size_t)SHOWN - 8);

	for (i = 0; i < n; i++)
		out[i] = s.p[i] < ' ' || s.p[i] > '~' ? '?' : s.p[i];
	snprintf(out + n, SHOWN - n, "%s", s.n > n ? "..." : "");
	return out;
}

static void wrong(struct parse *p, const char *fmt, ...) PRINTF(2, 3);
static void wrong(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	if (++p->wrong > RULEFILE_ERRORS)
		return;
	buf_fmt(p->errors, "%s:%u: ", p->file, p->line);
	va_start(ap, fmt);
	buf_vfmt(p->errors, fmt, ap);
	va_end(ap);
	buf_c(p->errors, '\n');
}

/* "; did you mean 'x'?", or nothing. */
static const char *meant(struct parse *p, struct str word, const char *const *known, size_t n)
{
	char *low = arena_cstr(&p->a, word);
	unsigned d, best = UINT32_MAX;
	size_t i, at = 0;

	for (i = 0; i < word.n; i++)
		low[i] = ascii_lower(low[i]);
	for (i = 0; i < n; i++) {
		d = near_distance(str_make(low, word.n), str_of(known[i]));
		if (d < best) {
			best = d;
			at = i;
		}
	}
	return n > 0 && near_enough(word, best) ? arena_fmt(&p->a, "; did you mean '%s'?", known[at]) : "";
}

/* --- one line ---------------------------------------------------------------------------- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct str trim_left(struct str s)
{
	size_t i = 0;

	while (i < s.n && blank(s.p[i]))
		i++;
	return str_from(s, i);
}

/* The next word; empty: there is none, but perhaps a comment. */
static struct str word(struct str *rest)
{
	struct str s = trim_left(*rest);
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.n && (quoted || !blank(s.p[i])); i++) {
		if (i == 0 && s.p[0] == '#')
			break;
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
	}
	*rest = str_from(s, i);
	return str_sub(s, 0, i);
}

/* What is behind the third word: text, and behind a word that begins with "#" the comment. */
static void split_comment(struct str rest, struct str *text_out, struct str *comment_out)
{
	size_t i;

	*text_out = str_trim(rest);
	*comment_out = STR("");
	for (i = 0; i < rest.n; i++) {
		if (rest.p[i] != '#' || (i > 0 && !blank(rest.p[i - 1])))
			continue;
		*text_out = str_trim(str_sub(rest, 0, i));
		*comment_out = str_trim(str_from(rest, i + 1));
		return;
	}
}

/* A comment is kept as far as it is as long as those of the verbs. */
static struct str comment_kept(struct str s)
{
	size_t n = MIN(s.n, (size_t)RULE_TEXT_MAX);

	while (n < s.n && n > 0 && !str_is_utf8(str_sub(s, 0, n)))
		n--;
	return str_sub(s, 0, n);
}

static bool readable(struct parse *p, struct str line)
{
	size_t i;

	for (i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ' ? line.p[i] != '\t' : line.p[i] == 0x7f)
			break;
	if (line.n > RULEFILE_LINE)
		wrong(p, "the line is longer than %d bytes", RULEFILE_LINE);
	else if (i < line.n)
		wrong(p, "the line holds a control character (byte 0x%02x): is this a file of text?", (unsigned char)line.p[i]);
	else if (!str_is_utf8(line))
		wrong(p, "the line is not UTF-8");
	else
		return true;
	return false;
}

static const char *kind_read(struct parse *p, struct str given)
{
	static const char *const access[] = { RULE_CLIENT, RULE_SENDER, RULE_RECIPIENT };
	static const char *const rewrite[] = { RULE_SENDER, RULE_RECIPIENT };
	const char *const *known = p->rewrite ? rewrite : access;
	size_t n = p->rewrite ? ARRAY_LEN(rewrite) : ARRAY_LEN(access), i;
	char text[SHOWN];

	for (i = 0; i < n; i++)
		if (str_eqc(given, known[i]))
			return !p->rewrite ? known[i] : i == 0 ? RULE_REWRITE_SENDER : RULE_REWRITE_RECIPIENT;
	wrong(p, p->rewrite ? "'%s' is neither sender nor recipient%s (a rule is: sender|recipient WHO NEW-ADDRESS)" :
		"'%s' is neither client, sender nor recipient%s (a rule is: client|sender|recipient WHO ACTION [TEXT])",
		shown(given, text), meant(p, given, known, n));
	return NULL;
}

static int action_read(struct parse *p, const char *kind, struct fields *f, struct directory_rule *out)
{
	static const char *const known[] = { "reject", "hold", "allow", "relay" };
	const char *why = NULL;
	char text[SHOWN];

	if (rule_action(kind, out->who, f->action, &out->action, &why) < 0) {
		wrong(p, "'%s': %s%s", shown(f->action, text), why, meant(p, f->action, known, ARRAY_LEN(known)));
		return -1;
	}
	if (rule_text(f->rest, &why) < 0) {
		wrong(p, "the text for the client: %s", why);
		return -1;
	}
	if (str_starts(out->who, RULE_FINGERPRINT) && !p->files->certificates) {
		wrong(p, "nobody is asked for a certificate, so that this rule would never count: set [smtp] ask_certificate = smtp");
		return -1;
	}
	out->text = f->rest;
	return 0;
}

static int new_address_read(struct parse *p, const struct fields *f, struct directory_rule *out)
{
	const char *why = NULL;
	char text[SHOWN];

	if (f->rest.n > 0) {
		wrong(p, "'%s' is too much behind the new address (a comment begins with #)", shown(f->rest, text));
		return -1;
	}
	if (rule_target(out->who, f->action, &p->a, &out->action, &why) < 0) {
		wrong(p, "'%s': %s", shown(f->action, text), why);
		return -1;
	}
	return 0;
}

static void keep(struct parse *p, const struct directory_rule *r)
{
	struct item *x;
	size_t at = p->lines.n;

	if (p->n >= p->files->max) {
		wrong(p, "more than %zu rules: [smtp] table_rules", p->files->max);
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap * 2 + 256;
		p->item = mem_grow(p->item, p->cap, sizeof(*p->item));
	}
	buf_fmt(&p->lines, "%c\t", rulefile_letter(r->kind));
	buf_str(&p->lines, r->who);
	buf_c(&p->lines, '\t');
	x = &p->item[p->n++];
	*x = (struct item){ .at = at, .key = p->lines.n - at, .file = p->file, .line = p->line };
	buf_str(&p->lines, r->action);
	buf_c(&p->lines, '\t');
	buf_str(&p->lines, r->text);
	buf_c(&p->lines, '\t');
	buf_str(&p->lines, r->comment);
	buf_c(&p->lines, '\n');
	x->n = p->lines.n - at;
}

static void rule_line(struct parse *p, struct str line)
{
	struct fields f = { .rest = line };
	struct directory_rule r = { .text = STR("") };
	const char *kind, *why = NULL;
	char text[SHOWN];

	f.kind = word(&f.rest);
	if (f.kind.n == 0)
		return; /* empty, or a comment */
	if (!readable(p, line))
		return;
	f.who = word(&f.rest);
	f.action = word(&f.rest);
	split_comment(f.rest, &f.rest, &f.comment);
	kind = kind_read(p, f.kind);
	if (!kind)
		return;
	if (f.action.n == 0) {
		wrong(p, "a rule needs %s behind '%s'", f.who.n == 0 ? "who it is about, and then what is done," :
			p->rewrite ? "the new address" : "reject, hold, allow or relay",
			shown(f.who.n == 0 ? f.kind : f.who, text));
		return;
	}
	if (str_has_ctl(f.who) || str_has_ctl(f.action)) {
		wrong(p, "'%s': a quoted tab is in no address that this server knows", shown(str_has_ctl(f.who) ? f.who : f.action, text));
		return;
	}
	if (rule_who(kind, f.who, &p->a, &r.who, &why) < 0) {
		wrong(p, "'%s': %s", shown(f.who, text), p->rewrite && str_eqc(f.who, "<>") ? "the null sender stays what it is" : why);
		return;
	}
	if ((p->rewrite ? new_address_read(p, &f, &r) : action_read(p, kind, &f, &r)) < 0)
		return;
	r.kind = str_of(kind);
	r.comment = comment_kept(f.comment);
	keep(p, &r);
}

/* --- whole files ---------------------------------------------------------------------------- */

static void read_file(struct parse *p, const char *name, struct str text, bool rewrite)
{
	p->file = name;
	p->line = 0;
	p->rewrite = rewrite;
	if (str_starts(text, "\xef\xbb\xbf"))
		text = str_from(text, 3);
	while (text.n > 0 && p->wrong <= RULEFILE_ERRORS) {
		struct str line = str_cut(&text, '\n');

		if (str_ends(line, "\r"))
			line = str_sub(line, 0, line.n - 1);
		p->line++;
		rule_line(p, line);
		arena_reset(&p->a);
	}
}

static int by_key(const void *x, const void *y)
{
	const struct item *a = x, *b = y;
	int c = str_cmp(str_make(a->lines + a->at, a->key), str_make(b->lines + b->at, b->key));

	return c ? c : (a->line > b->line) - (a->line < b->line);
}

/* Sorted; two rules about the same: nobody could say which was meant. */
static void sort(struct parse *p)
{
	char text[SHOWN];
	size_t i;

	for (i = 0; i < p->n; i++)
		p->item[i].lines = p->lines.p;
	if (p->n > 1)
		qsort(p->item, p->n, sizeof(*p->item), by_key);
	for (i = 1; i < p->n; i++) {
		const struct item *a = &p->item[i - 1], *b = &p->item[i];

		if (!str_eq(str_make(a->lines + a->at, a->key), str_make(b->lines + b->at, b->key)))
			continue;
		p->file = b->file;
		p->line = b->line;
		wrong(p, "a rule about '%s' stands in line %u already", shown(str_make(b->lines + b->at + 2, b->key - 3), text), a->line);
	}
}

int auth_rules_compile(const struct auth_rule_files *f, struct buf *table_out, struct buf *errors)
{
	struct parse p = { .files = f, .errors = errors };
	size_t i;

	buf_init(&p.lines, SIZE_MAX / 4);
	arena_init(&p.a);
	read_file(&p, f->access_name, f->access, false);
	read_file(&p, f->rewrite_name, f->rewrite, true);
	sort(&p);
	for (i = 0; i < p.n && p.wrong == 0; i++)
		buf_add(table_out, p.lines.p + p.item[i].at, p.item[i].n);
	if (p.wrong > RULEFILE_ERRORS)
		buf_puts(errors, "... and more\n");
	buf_done(&p.lines);
	arena_done(&p.a);
	free(p.item);
	return p.wrong ? E_SYNTAX : table_out->err;
}
