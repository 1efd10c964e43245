/* SPDX-License-Identifier: ISC
 *
 * dkim_test.c: canonical forms, tag lists, keys, signing and verifying (RFC 6376, 8463). With
 * $DKIM_DIR every file *.eml there is signed with fresh keys into *.signed, and the key records are
 * written to `records`: for verifiers of others (tests/system/test_dkim.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "smtp/verify/dkim.h"

#define MIB (1024 * 1024)

/* --- the verifier that the tests need ------------------------------------------- */

static size_t body_at(struct str message)
{
	struct header_walk w = { .message = message };
	struct header_field f;

	while (header_walk(&w, &f))
		;
	return w.at;
}

/* The n-th DKIM-Signature of a message with that key: 0, or what was wrong. */
static int verify(struct str message, size_t nth, struct str record)
{
	unsigned char hash[DKIM_HASH];
	const struct header_field *f;
	struct dkim_signature g;
	struct dkim_body *b;
	struct dkim_key *k = NULL;
	struct header h;
	const char *why;
	struct arena a;
	int r = E_NOTFOUND;

	arena_init(&a);
	header_parse(message, &header_default_limits, &a, &h);
	f = header_get(&h, "DKIM-Signature", nth);
	if (f && (r = dkim_signature_parse(f->body, &a, &g)) == 0 && (r = dkim_key_parse(record, &k)) == 0) {
		b = dkim_body_new(g.body, g.limit);
		dkim_body_add(b, str_from(message, body_at(message)));
		dkim_body_end(b, hash, NULL);
		r = dkim_signature_check(&g, &h, f, hash, k, &why);
	}
	dkim_key_free(k);
	arena_done(&a);
	return r;
}

/* --- canonical forms ---------------------------------------------------------------- */

static void canon_is(const char *raw, enum dkim_canon c, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	dkim_canon_field(str_of(raw), c, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_done(&b);
}

static void fields_are_as_in_rfc_6376_3_4_5(void **state)
{
	(void)state;
	canon_is("A: X\r\n", DKIM_RELAXED, "a:X\r\n");
	canon_is("B : Y\t\r\n\tZ  \r\n", DKIM_RELAXED, "b:Y Z\r\n");
	canon_is("B : Y\t\r\n\tZ  \r\n", DKIM_SIMPLE, "B : Y\t\r\n\tZ  \r\n");
	canon_is("Subject:\r\n", DKIM_RELAXED, "subject:\r\n");
	canon_is("Subject: \r\n \r\n", DKIM_RELAXED, "subject:\r\n");
}

static void body_is(struct str body, enum dkim_canon c, const char *want)
{
	unsigned char hash[DKIM_HASH], right[SHA256_SIZE];
	size_t step, i;

	sha256_of(str_of(want), right);
	for (step = 1; step <= body.n + 1; step++) {
		struct dkim_body *b = dkim_body_new(c, UINT64_MAX);
		uint64_t size;

		for (i = 0; i < body.n; i += step)
			dkim_body_add(b, str_sub(body, i, MIN(i + step, body.n)));
		dkim_body_end(b, hash, &size);
		assert_int_equal(size, strlen(want));
		assert_memory_equal(hash, right, DKIM_HASH);
	}
}

static void bodies_are_as_in_rfc_6376_whatever_the_pieces(void **state)
{
	const struct str example = STR(" C \r\nD \t E\r\n\r\n\r\n");

	(void)state;
	body_is(example, DKIM_RELAXED, " C\r\nD E\r\n");
	body_is(example, DKIM_SIMPLE, " C \r\nD \t E\r\n");
	body_is(STR(""), DKIM_SIMPLE, "\r\n");
	body_is(STR(""), DKIM_RELAXED, "");
	body_is(STR("\r\n\r\n"), DKIM_SIMPLE, "\r\n");
	body_is(STR(" \t\r\n  \r\n"), DKIM_RELAXED, "");
	body_is(STR("\r\n\r\nx"), DKIM_RELAXED, "\r\n\r\nx\r\n");
	body_is(STR("a\rb\nc\r\r\n\n"), DKIM_SIMPLE, "a\r\nb\r\nc\r\n");
	body_is(STR("x  "), DKIM_RELAXED, "x\r\n");
}

static void empty_lines_cost_nothing(void **state)
{
	unsigned char hash[DKIM_HASH], right[SHA256_SIZE];
	struct dkim_body *b = dkim_body_new(DKIM_RELAXED, UINT64_MAX);
	size_t i;

	(void)state;
	dkim_body_add(b, STR("x\r\n"));
	for (i = 0; i < MIB; i++)
		dkim_body_add(b, STR(" \r\n\t\r\n"));
	dkim_body_end(b, hash, NULL);
	sha256_of(STR("x\r\n"), right);
	assert_memory_equal(hash, right, DKIM_HASH);
}

/* --- lists, records ---------------------------------------------------------------------- */

static void tag_lists_are_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
	} table[] = { { "v=1", 0 }, { "v=1;", 0 }, { " v = 1 ; a=b\r\n c ;\r\n ", 0 }, { "a=;b=2", 0 }, { "", E_SYNTAX }, { ";", E_SYNTAX },
		{ "v=1;;a=2", E_SYNTAX }, { "v", E_SYNTAX }, { "v=1;v=1", E_SYNTAX }, { "1v=1", E_SYNTAX }, { "=1", E_SYNTAX },
		{ "a b=1", E_SYNTAX }, { "a=\001", E_SYNTAX } };
	struct dkim_tags t;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++)
		assert_int_equal(dkim_tags_parse(str_of(table[i].text), &t), table[i].r);
	assert_int_equal(dkim_tags_parse(STR("v=1; b=x\r\n y"), &t), 0);
	assert_true(str_eqc(dkim_tag(&t, "b"), "x\r\n y"));
	assert_null(dkim_tag(&t, "B").p);
	assert_int_equal(dkim_tags_parse(STR("a=\0b"), &t), E_SYNTAX);
}

static void records_are_judged(void **state)
{
	static const char *const ed = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
	static const struct {
		const char *format;
		int r;
	} table[] = { { "v=DKIM1; k=ed25519; p=%s", 0 }, { "k=ed25519; p=%s; t=s; n=words", 0 }, { "v=DKIM1; k=ed25519; h=sha1:sha256; s=*; p=%s", 0 },
		{ "v=DKIM2; k=ed25519; p=%s", E_SYNTAX }, { "k=ed25519; v=DKIM1; p=%s", E_SYNTAX }, { "v=DKIM1; k=ed25519; h=sha1; p=%s", E_UNSUPPORTED },
		{ "v=DKIM1; k=ed25519; s=tlsrpt; p=%s", E_UNSUPPORTED }, { "v=DKIM1; k=rsa; p=%s", E_SYNTAX }, { "v=DKIM1; k=new; p=%s", E_UNSUPPORTED },
		{ "v=DKIM1; k=ed25519; p=%.20s", E_SYNTAX }, { "v=DKIM1; k=ed25519; p=%.0s", E_NOTFOUND }, { "v=DKIM1; k=ed25519; x=%s", E_SYNTAX } };
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct dkim_key *k = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		const char *text = arena_fmt(&a, table[i].format, ed);
#pragma GCC diagnostic pop

		assert_int_equal(dkim_key_parse(str_of(text), &k), table[i].r);
		assert_true((k != NULL) == (table[i].r == 0));
		dkim_key_free(k);
	}
	arena_done(&a);
}

static void vector(const char *name, struct buf *out)
{
	const char *src = getenv("MANSIO_SRCDIR");
	char path[1024];
	int fd;

	snprintf(path, sizeof path, "%s/tests/vectors/dkim/%s", src ? src : ".", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	buf_init(out, MIB);
	assert_int_equal(file_read_all(fd, out), 0);
	close(fd);
}

/* A copy with CRLF for LF. */
static void with_crlf(struct str in, struct buf *out)
{
	size_t i;

	buf_init(out, 64 * MIB);
	for (i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			buf_c(out, '\r');
		buf_c(out, in.p[i]);
	}
}

static void the_messages_of_the_rfcs_verify(void **state)
{
	static const char *const file[] = { "rfc8463.txt", "rfc6376.txt" };
	size_t i, nth, good = 0;

	(void)state;
	for (i = 0; i < ARRAY_LEN(file); i++) {
		struct buf raw, text;
		struct str rest, line;

		vector(file[i], &raw);
		with_crlf(buf_view(&raw), &text);
		rest = buf_view(&text);
		for (nth = 0; (line = str_trim(str_cut(&rest, '\n'))).n; nth++) {
			struct str record = line, message = rest;
			struct buf bad;

			str_cut(&record, ' ');
			while (str_cut(&message, '\n').n > 1 && message.p)
				; /* the other records */
			assert_int_equal(verify(message, nth, record), 0);
			with_crlf(message, &bad);
			bad.p[bad.n - 4]++;
			assert_int_equal(verify(buf_view(&bad), nth, record), E_DENIED);
			buf_done(&bad);
			good++;
		}
		buf_done(&raw);
		buf_done(&text);
	}
	assert_true(good >= 3);
}

/* --- signing ----------------------------------------------------------------------------------- */

struct pair {
	struct dkim_key *key[2];
	struct buf record[2];
};

static void pair_init(struct pair *p)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		p->key[i] = dkim_key_new(i ? DKIM_RSA : DKIM_ED25519);
		assert_non_null(p->key[i]);
		buf_init(&p->record[i], 4096);
		dkim_key_record(p->key[i], &p->record[i]);
	}
}

static void pair_done(struct pair *p)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		dkim_key_free(p->key[i]);
		buf_done(&p->record[i]);
	}
}

/* Signatures of both keys, in pieces of `step` bytes. */
static int sign(const struct pair *p, struct str message, size_t step, struct buf *out)
{
	struct dkim_signer *s = dkim_signer_new(MIB);
	size_t i;
	int r = 0;

	for (i = 0; i < message.n && r == 0; i += step)
		r = dkim_signer_add(s, str_sub(message, i, MIN(i + step, message.n)));
	if (r == 0)
		r = dkim_signer_end(s);
	for (i = 0; i < 2 && r == 0; i++)
		r = dkim_signer_sign(s, p->key[i], STR("example.org"), i ? STR("202611r") : STR("202611e"), 1764000000, out);
	dkim_signer_free(s);
	return r;
}

static const char mail[] = "Received: from a by b\r\nFrom: Anna <anna@example.org>\r\nTo: ben@example.net\r\nSubject: Hello\r\n there\r\n"
	"Date: Sat, 22 Nov 2025 10:00:00 +0000\r\nX-Other: 1\r\n\r\nText  with \tblanks \r\n\r\nend\r\n\r\n\r\n";

static void what_we_sign_holds_until_something_that_counts_is_changed(void **state)
{
	static const struct {
		const char *before; /* a field put on top, or NULL */
		const char *from, *to;
		int r;
	} table[] = { { NULL, "", "", 0 }, { "Received: from c by d\r\n", "", "", 0 }, { "Subject: Buy\r\n", "", "", E_DENIED },
		{ "Reply-To: eve@evil.example\r\n", "", "", E_DENIED }, { "From: eve@evil.example\r\n", "", "", E_DENIED },
		{ "Content-Type: text/html\r\n", "", "", E_DENIED }, { "List-Id: <x.example>\r\n", "", "", 0 },
		{ NULL, "Hello\r\n there", "Hello  there", 0 }, { NULL, "Hello", "Hallo", E_DENIED }, { NULL, "X-Other: 1", "X-Other: 2", 0 },
		{ NULL, "\tblanks \r\n", " blanks\r\n", 0 }, { NULL, "end", "END", E_DENIED }, { NULL, "\r\nend", "end", E_DENIED } };
	struct buf sig, whole;
	struct pair p;
	size_t i, k;

	(void)state;
	pair_init(&p);
	buf_init(&sig, MIB);
	assert_int_equal(sign(&p, str_of(mail), sizeof mail, &sig), 0);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		ssize_t at = str_search(str_of(mail), str_of(table[i].from));

		assert_true(at >= 0);
		buf_init(&whole, MIB);
		if (table[i].before)
			buf_puts(&whole, table[i].before);
		buf_str(&whole, buf_view(&sig));
		buf_str(&whole, str_sub(str_of(mail), 0, (size_t)at));
		buf_puts(&whole, table[i].to);
		buf_str(&whole, str_from(str_of(mail), (size_t)at + strlen(table[i].from)));
		for (k = 0; k < 2; k++)
			assert_int_equal(verify(buf_view(&whole), k, buf_view(&p.record[k])), table[i].r);
		buf_done(&whole);
	}
	buf_done(&sig);
	pair_done(&p);
}

static void lines_of_a_signature_are_short_and_pieces_do_not_matter(void **state)
{
	struct buf one, other;
	struct str rest, line;
	struct pair p;
	size_t step;

	(void)state;
	pair_init(&p);
	buf_init(&one, MIB);
	buf_init(&other, MIB);
	assert_int_equal(sign(&p, str_of(mail), sizeof mail, &one), 0);
	for (step = 1; step < 9; step++) {
		buf_reset(&other);
		assert_int_equal(sign(&p, str_of(mail), step, &other), 0);
		assert_true(str_eq(buf_view(&one), buf_view(&other)));
	}
	for (rest = buf_view(&one); (line = str_cut(&rest, '\n')).p && rest.p;)
		assert_true(line.n <= 79 && str_ends(line, "\r"));
	buf_done(&one);
	buf_done(&other);
	pair_done(&p);
}

static void a_first_field_is_no_mbox_line(void **state)
{
	const char *odd = "From  : Anna <anna@example.org>\r\n__\r\n folded\r\nSubject: x\r\n\r\nx\r\n";
	struct buf whole;
	struct pair p;
	size_t k;

	(void)state;
	pair_init(&p);
	buf_init(&whole, MIB);
	assert_int_equal(sign(&p, str_of(odd), 1000, &whole), 0);
	buf_puts(&whole, odd);
	for (k = 0; k < 2; k++)
		assert_int_equal(verify(buf_view(&whole), k, buf_view(&p.record[k])), 0);
	buf_done(&whole);
	pair_done(&p);
}

static void line_ends_are_those_that_leave(void **state)
{
	struct buf one, other;
	struct pair p;

	(void)state;
	pair_init(&p);
	buf_init(&one, MIB);
	buf_init(&other, MIB);
	assert_int_equal(sign(&p, STR("From: a@example.org\r\nSubject: x\r\n\r\na\r\nb\r\n"), 1000, &one), 0);
	assert_int_equal(sign(&p, STR("From: a@example.org\nSubject: x\r\r\na\rb"), 1, &other), 0);
	assert_true(str_eq(buf_view(&one), buf_view(&other)));
	buf_done(&one);
	buf_done(&other);
	pair_done(&p);
}

static void author_is(const char *from, const char *want)
{
	struct dkim_signer *s = dkim_signer_new(MIB);
	struct buf b;

	buf_init(&b, 1024);
	assert_int_equal(dkim_signer_add(s, str_of(from)), 0);
	assert_int_equal(dkim_signer_end(s), 0);
	assert_int_equal(dkim_signer_author(s, &b), want ? 0 : E_NOTFOUND);
	if (want)
		assert_string_equal(buf_cstr(&b), want);
	buf_done(&b);
	dkim_signer_free(s);
}

static void the_author_is_one_or_none(void **state)
{
	(void)state;
	author_is("From: Anna <anna@Example.ORG>\r\n\r\n", "example.org");
	author_is("From: a@x.example, b@X.example\r\n\r\n", "x.example");
	author_is("From: a@x.example, b@y.example\r\n\r\n", NULL);
	author_is("From: a@x.example\r\nFrom: a@x.example\r\n\r\n", NULL);
	author_is("From: \"x@y.example\"\r\n\r\n", NULL);
	author_is("Subject: none\r\n\r\nFrom: a@x.example\r\n", NULL);
}

static void a_header_has_its_limit(void **state)
{
	struct dkim_signer *s = dkim_signer_new(100);
	size_t i;
	int r = 0;

	(void)state;
	for (i = 0; i < 30 && r == 0; i++)
		r = dkim_signer_add(s, STR("To: a@x.example\r\n"));
	assert_int_equal(r, E_LIMIT);
	assert_int_equal(dkim_signer_end(s), E_LIMIT);
	dkim_signer_free(s);
}

static void a_fold_of_nothing_is_not_signed(void **state)
{
	struct buf out;
	struct pair p;

	(void)state;
	pair_init(&p);
	buf_init(&out, MIB);
	assert_int_equal(sign(&p, STR(" x\r\nFrom: a@example.org\r\n\r\n"), 1, &out), E_SYNTAX);
	assert_int_equal(out.n, 0);
	buf_done(&out);
	pair_done(&p);
}

static void keys_survive_their_file(void **state)
{
	struct pair p;
	size_t i;

	(void)state;
	pair_init(&p);
	for (i = 0; i < 2; i++) {
		struct dkim_key *again;
		struct buf pem, sig, record;

		buf_init(&pem, 8192);
		buf_init(&sig, 8192);
		buf_init(&record, 8192);
		buf_puts(&pem, "state=active\n");
		assert_int_equal(dkim_key_print(p.key[i], &pem), 0);
		again = dkim_key_read(buf_view(&pem));
		assert_non_null(again);
		dkim_key_record(again, &record);
		assert_true(str_eq(buf_view(&record), buf_view(&p.record[i])));
		assert_int_equal(dkim_key_sign(again, STR("text"), &sig), 0);
		assert_true(dkim_key_fits(p.key[i], STR("text"), buf_view(&sig)));
		assert_false(dkim_key_fits(p.key[i], STR("Text"), buf_view(&sig)));
		dkim_key_free(again);
		buf_wipe(&pem);
		buf_done(&sig);
		buf_done(&record);
	}
	assert_null(dkim_key_read(STR("no key")));
	pair_done(&p);
}

/* --- for the verifiers of others --------------------------------------------------------------- */

static void sign_file(const struct pair *p, int dir, const char *name)
{
	struct buf message, sig, out;
	char to[300];
	size_t k;
	int fd;

	buf_init(&message, 64 * MIB);
	buf_init(&sig, MIB);
	assert_int_equal(file_load(dir, name, &message), 0);
	with_crlf(buf_view(&message), &out);
	assert_int_equal(sign(p, buf_view(&out), 65536, &sig), 0);
	buf_reset(&message);
	buf_str(&message, buf_view(&sig));
	buf_str(&message, buf_view(&out));
	for (k = 0; k < 2; k++)
		assert_int_equal(verify(buf_view(&message), k, buf_view(&p->record[k])), 0);
	snprintf(to, sizeof to, "%s.signed", name);
	fd = openat(dir, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, message.p, message.n), 0);
	close(fd);
	buf_done(&message);
	buf_done(&sig);
	buf_done(&out);
}

static void a_folder_is_signed_for_others(void **state)
{
	const char *path = getenv("DKIM_DIR");
	DIR *d = path ? opendir(path) : NULL;
	struct dirent *e;
	struct pair p;
	struct buf b;

	(void)state;
	if (!d)
		return;
	pair_init(&p);
	while ((e = readdir(d)))
		if (str_ends(str_of(e->d_name), ".eml"))
			sign_file(&p, dirfd(d), e->d_name);
	buf_init(&b, 8192);
	buf_fmt(&b, "202611e._domainkey.example.org %.*s\n202611r._domainkey.example.org %.*s\n", STRF(buf_view(&p.record[0])), STRF(buf_view(&p.record[1])));
	assert_int_equal(file_replace(dirfd(d), "records", buf_view(&b), 0644), 0);
	buf_done(&b);
	closedir(d);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_as_in_rfc_6376_3_4_5),
		cmocka_unit_test(bodies_are_as_in_rfc_6376_whatever_the_pieces),
		cmocka_unit_test(empty_lines_cost_nothing),
		cmocka_unit_test(tag_lists_are_read_or_refused),
		cmocka_unit_test(records_are_judged),
		cmocka_unit_test(the_messages_of_the_rfcs_verify),
		cmocka_unit_test(what_we_sign_holds_until_something_that_counts_is_changed),
		cmocka_unit_test(lines_of_a_signature_are_short_and_pieces_do_not_matter),
		cmocka_unit_test(a_first_field_is_no_mbox_line),
		cmocka_unit_test(line_ends_are_those_that_leave),
		cmocka_unit_test(the_author_is_one_or_none),
		cmocka_unit_test(a_header_has_its_limit),
		cmocka_unit_test(a_fold_of_nothing_is_not_signed),
		cmocka_unit_test(keys_survive_their_file),
		cmocka_unit_test(a_folder_is_signed_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
