/* SPDX-License-Identifier: ISC
 *
 * corpus_test.c: whole mails through every reader: the twelve hostile ones
 * (C08; made here) and all files below tests/vectors/mime and $CORPUS.
 *
 * Of each: header, tree, ENVELOPE, BODYSTRUCTURE, texts, dates, addresses. It
 * must not crash, the tree must lie inside the message and be in order, the
 * answers must be one balanced IMAP list, and the hostile ones must keep the
 * bounds on memory and on time. Time is CPU time against an easy mail of the
 * same size, beside a floor that no honest machine misses.
 */
#include "mail/charset.h"
#include "mail/date.h"
#include "mail/imapdesc.h"
#include "base/cur.h"


#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <cmocka.h>

#define MEMORY_MAX ((size_t)64 << 20)
#ifdef SANITIZE
#define CPU_MS_MAX 3000
#else
#define CPU_MS_MAX 500
#endif

struct cost {
	size_t memory;
	double cpu_ms;
};

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One parenthesised list from the first byte to the last: quoted strings,
 * literals, balanced parentheses, no NUL. */
static bool imap_balanced(struct str s)
{
	size_t i = 0, depth = 0;

	while (i < s.n) {
		char c = s.p[i++];

		if (c == '(') {
			depth++;
		} else if (c == ')') {
			if (!depth--)
				return false;
			if (!depth)
				return i == s.n;
		} else if (c == '"') {
			while (i < s.n && s.p[i] != '"') {
				if (!s.p[i] || s.p[i] == '\r' || s.p[i] == '\n' || (s.p[i] & 0x80))
					return false;
				i += s.p[i] == '\\' ? 2 : 1;
			}
			i++;
		} else if (c == '{') {
			uint64_t n;
			struct cur cur = cur_of(str_from(s, i));

			if (cur_u64(&cur, s.n, &n) != 1 || !cur_word(&cur, "}\r\n") || n > cur_left(&cur))
				return false;
			if (n && memchr(cur.p, 0, n))
				return false;
			i = s.n - cur_left(&cur) + n;
		} else if (!c || c == '\r' || c == '\n') {
			return false;
		}
	}
	return false;
}

static void check_tree(struct str msg, const struct mime *m)
{
	size_t i;

	assert_true(m->n >= 1);
	for (i = 0; i < m->n; i++) {
		const struct mime_part *p = &m->part[i];

		assert_true(p->header_at <= msg.n && p->header_size <= msg.n - p->header_at);
		assert_int_equal(p->body_at, p->header_at + p->header_size);
		assert_true(p->body_size <= msg.n - p->body_at);
		assert_true(p->parent < (int)i);
		assert_true(p->first_child == -1 || (p->first_child == (int)i + 1 && (p->multipart || p->message)));
		assert_true(p->next_sibling == -1 ||
			(p->next_sibling > (int)i && m->part[p->next_sibling].parent == p->parent &&
				m->part[p->next_sibling].number == p->number + 1));
		assert_true(!p->message || p->first_child >= 0);
	}
}

/* What a FETCH of the usual items needs. */
static struct cost describe(struct str msg)
{
	struct header h;
	struct mime m;
	struct arena a;
	struct buf env, body;
	struct cost cost;
	double start = cpu_ms();

	arena_init(&a);
	buf_init(&env, MEMORY_MAX);
	buf_init(&body, MEMORY_MAX);
	header_parse(msg, NULL, &a, &h);
	mime_parse(msg, NULL, &a, &m);
	imapdesc_envelope(&h, &a, &env);
	imapdesc_bodystructure(msg, &m, true, &body);
	cost.cpu_ms = cpu_ms() - start;
	cost.memory = a.used + env.cap + body.cap;
	assert_int_equal(env.err, 0);
	assert_int_equal(body.err, 0);
	assert_true(imap_balanced(buf_view(&env)));
	assert_true(imap_balanced(buf_view(&body)));
	check_tree(msg, &m);
	assert_true(m.cut || m.part[0].header_size == h.size);
	buf_done(&env);
	buf_done(&body);
	arena_done(&a);
	return cost;
}

/* What SEARCH, SORT and THREAD need. */
static struct cost search(struct str msg)
{
	struct header h;
	struct mime m;
	struct arena a;
	struct buf text, fold;
	struct str *ids;
	struct date d;
	struct cost cost;
	double start = cpu_ms();
	size_t i;

	arena_init(&a);
	buf_init(&text, msg.n * 4 + 100);
	buf_init(&fold, msg.n * 4 + 100);
	header_parse(msg, NULL, &a, &h);
	mime_parse(msg, NULL, &a, &m);
	for (i = 0; i < h.n; i++) {
		buf_reset(&text);
		encoded_words_decode(header_unfold(h.field[i].body, &a), &text);
		assert_true(str_is_utf8(buf_view(&text)));
		if (str_ieqc(h.field[i].name, "date"))
			(void)date_parse(h.field[i].body, &d);
		if (str_ieqc(h.field[i].name, "references"))
			assert_true(header_message_ids(h.field[i].body, &a, 1000, &ids) <= 1000);
	}
	for (i = 0; i < m.n; i++) {
		buf_reset(&text);
		buf_reset(&fold);
		if (mime_text(msg, &m.part[i], true, &text))
			continue;
		assert_true(str_is_utf8(buf_view(&text)));
		charset_fold(buf_view(&text), &fold);
	}
	cost.cpu_ms = cpu_ms() - start;
	cost.memory = a.used;
	buf_done(&text);
	buf_done(&fold);
	arena_done(&a);
	return cost;
}

/* --- the twelve ------------------------------------------------------------------ */

static void repeat(struct buf *b, const char *text, size_t n)
{
	size_t len = strlen(text);

	while (n--)
		buf_add(b, text, len);
}

static void addr100k(struct buf *b)
{
	int i;

	buf_puts(b, "To: a@b");
	for (i = 0; i < 100000; i++)
		buf_fmt(b, ",\r\n u%d@example.org", i);
	buf_puts(b, "\r\n\r\nx\r\n");
}

static void parens(struct buf *b)
{
	buf_puts(b, "From: ");
	repeat(b, "(", 200000);
	repeat(b, ")", 199999);
	buf_puts(b, " a@b\r\nTo: ");
	repeat(b, "(\"", 100000);
	buf_puts(b, "\r\nContent-Type: ");
	repeat(b, "(", 200000);
	buf_puts(b, "\r\nDate: ");
	repeat(b, "(", 200000);
	buf_puts(b, "\r\n\r\nx\r\n");
}

static void hdr20M(struct buf *b)
{
	buf_puts(b, "Subject: x");
	repeat(b, "\r\n 0123456789012345678901234567890123456789012345678901234567890123456789", 20 * 1024 * 1024 / 73);
	buf_puts(b, "\r\n\r\nx\r\n");
}

static void hdrs500k(struct buf *b)
{
	int i;

	for (i = 0; i < 500000; i++)
		buf_fmt(b, "X-%d: y\r\n", i);
	buf_puts(b, "\r\nx\r\n");
}

static void rfc2231(struct buf *b)
{
	int i;

	buf_puts(b, "Content-Type: text/plain");
	for (i = 0; i < 100000; i++)
		buf_fmt(b, ";\r\n a*%d*=x", i);
	buf_puts(b, "\r\n\r\nx\r\n");
}

static void parts20k(struct buf *b)
{
	buf_puts(b, "Content-Type: multipart/mixed; boundary=x\r\n\r\n");
	repeat(b, "--x\r\nContent-Type: text/plain; NAME=\"A\"\r\n\r\na\r\n", 20000);
	buf_puts(b, "--x--\r\n");
}

static void nest2000(struct buf *b)
{
	int i;

	for (i = 0; i < 2000; i++)
		buf_fmt(b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
	for (i = 1999; i >= 0; i--)
		buf_fmt(b, "\r\n--b%d--\r\n", i);
}

static void rfc822nest2000(struct buf *b)
{
	repeat(b, "Subject: s\r\nContent-Type: message/rfc822\r\n\r\n", 2000);
	buf_puts(b, "x\r\n");
}

/* A hundred open boundaries of nearly one text, 200,000 lines nearly like them. */
static void boundaryprefix(struct buf *b)
{
	char common[61];
	int i;

	memset(common, 'a', 60);
	common[60] = 0;
	for (i = 0; i < 100; i++)
		buf_fmt(b, "Content-Type: multipart/mixed; boundary=\"%s%03d\"\r\n\r\n--%s%03d\r\n", common, i, common, i);
	buf_puts(b, "\r\n");
	for (i = 0; i < 200000; i++)
		buf_fmt(b, "--%sb%d\r\n", common, i % 10);
}

static void encword50k(struct buf *b)
{
	buf_puts(b, "Subject: ");
	repeat(b, "=?utf-8?q?=C3=BC?=\r\n ", 25000);
	repeat(b, "=?utf-8?b?", 25000);
	buf_puts(b, "\r\n\r\nx\r\n");
}

static void nul8bit(struct buf *b)
{
	char *room;

	buf_puts(b, "Subject: ");
	room = buf_room(b, 1 << 20);
	memset(room, 0, 1 << 20);
	buf_grew(b, 1 << 20);
	repeat(b, "\xff\x00\xc3", 100000);
	buf_puts(b, "\r\n\r\n");
	room = buf_room(b, 1 << 20);
	memset(room, 0, 1 << 20);
	buf_grew(b, 1 << 20);
}

static void refs200k(struct buf *b)
{
	int i;

	buf_puts(b, "References:");
	for (i = 0; i < 200000; i++)
		buf_fmt(b, " <%d@example.org>\r\n", i);
	buf_puts(b, "In-Reply-To: ");
	repeat(b, "<", 200000);
	buf_puts(b, "\r\n\r\nx\r\n");
}

/* Beyond the twelve: unclosed markup, and 100,000 delimiters of 100 tiny boundaries. */
static void htmlopen(struct buf *b)
{
	buf_puts(b, "Content-Type: text/html\r\n\r\n");
	repeat(b, "<script><!--<style><a href=\"", 50000);
	repeat(b, "</scrip<", 50000);
}

static void shortlines(struct buf *b)
{
	int i;

	for (i = 0; i < 90; i++)
		buf_fmt(b, "Content-Type: multipart/mixed; boundary=\"%c\"\r\n\r\n--%c\r\n", '!' + (i % 60) + 10, '!' + (i % 60) + 10);
	repeat(b, "--\r\n--", 500000);
}

static void easy(struct buf *b, size_t size)
{
	buf_puts(b, "From: a@b\r\nSubject: easy\r\n\r\n");
	while (b->n < size)
		buf_puts(b, "0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
}

static void C08_hostile_mails_stay_in_bounds(void **state)
{
	static const struct {
		const char *name;
		void (*make)(struct buf *b);
	} row[] = { { "addr100k", addr100k }, { "parens", parens }, { "hdr20M", hdr20M }, { "hdrs500k", hdrs500k },
		{ "rfc2231", rfc2231 }, { "parts20k", parts20k }, { "nest2000", nest2000 },
		{ "rfc822nest2000", rfc822nest2000 }, { "boundaryprefix", boundaryprefix },
		{ "encword50k", encword50k }, { "nul8bit", nul8bit }, { "refs200k", refs200k },
		{ "htmlopen", htmlopen }, { "shortlines", shortlines } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct buf b, plain;
		struct cost d, s, e;

		buf_init(&b, 64 << 20);
		buf_init(&plain, 64 << 20);
		row[i].make(&b);
		assert_int_equal(b.err, 0);
		easy(&plain, b.n);
		e = describe(buf_view(&plain));
		d = describe(buf_view(&b));
		s = search(buf_view(&b));
		print_message("%-15s %6zu KiB: describe %.1f ms %zu KiB, search %.1f ms %zu KiB (easy: %.1f ms)\n",
			row[i].name, b.n >> 10, d.cpu_ms, d.memory >> 10, s.cpu_ms, s.memory >> 10, e.cpu_ms);
		assert_true(d.memory <= MEMORY_MAX);
		assert_true(s.memory <= MEMORY_MAX);
		assert_true(d.cpu_ms <= CPU_MS_MAX);
		assert_true(s.cpu_ms <= CPU_MS_MAX * 4);
		buf_done(&b);
		buf_done(&plain);
	}
}

/* Double the mail, not more than about double the work. */
static void C09_cost_is_linear(void **state)
{
	size_t n;
	double ms[2] = { 0, 0 };
	int i, k;

	(void)state;
	for (i = 0, n = 20000; i < 2; i++, n *= 8) {
		struct buf b;

		buf_init(&b, 64 << 20);
		buf_puts(&b, "Content-Type: multipart/mixed; boundary=x\r\nTo: ");
		repeat(&b, "(\"a\\", n);
		buf_puts(&b, "\r\nSubject: ");
		repeat(&b, "=?utf-8?q?", n);
		buf_puts(&b, "\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n");
		repeat(&b, "--x<!--&#<\r\n", n);
		for (k = 0; k < 3; k++)
			ms[i] += describe(buf_view(&b)).cpu_ms + search(buf_view(&b)).cpu_ms;
		buf_done(&b);
	}
	assert_true(ms[1] < ms[0] * 8 * 4 + 100);
}

/* --- files ------------------------------------------------------------------------- */

static size_t files;
static double slowest;

static void one_file(const char *path)
{
	struct buf raw, crlf;
	struct cost c;
	FILE *f = fopen(path, "rb");
	char chunk[65536];
	size_t n, i;

	assert_non_null(f);
	buf_init(&raw, 64 << 20);
	buf_init(&crlf, 128 << 20);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(&raw, chunk, n);
	fclose(f);
	assert_int_equal(raw.err, 0);
	for (i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\n' && (!i || raw.p[i - 1] != '\r'))
			buf_c(&crlf, '\r');
		buf_c(&crlf, raw.p[i]);
	}
	describe(buf_view(&raw));
	search(buf_view(&raw));
	c = describe(buf_view(&crlf));
	search(buf_view(&crlf));
	slowest = MAX(slowest, c.cpu_ms);
	files++;
	buf_done(&raw);
	buf_done(&crlf);
}

static void folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		fail_msg("no folder %s", path);
	while ((e = readdir(d))) {
		char sub[4096];
		struct stat st;

		if (e->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
		if (!stat(sub, &st) && S_ISDIR(st.st_mode))
			folder(sub);
		else
			one_file(sub);
	}
	closedir(d);
}

static void real_mails(void **state)
{
	const char *src = getenv("MANSIO_SRCDIR"), *more = getenv("CORPUS");
	char path[4096];

	(void)state;
	snprintf(path, sizeof path, "%s/tests/vectors/mime", src ? src : ".");
	folder(path);
	assert_true(files >= 40);
	if (more)
		folder(more);
	print_message("%zu mails, slowest description %.1f ms\n", files, slowest);
	assert_true(slowest <= CPU_MS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(C08_hostile_mails_stay_in_bounds),
		cmocka_unit_test(C09_cost_is_linear),
		cmocka_unit_test(real_mails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
