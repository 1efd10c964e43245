/* SPDX-License-Identifier: ISC
 *
 * The sender's parts: replies, extensions, content on its way out, jobs of queued.
 */
#include "smtp/send/content.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "smtp/send/job.h"
#include "smtp/send/reply.h"

static void replies_are_the_same_in_any_pieces(void **state)
{
	static const char text[] = "250-2.1.0 a\r\n250-\r\n250 2.1.0 b\xff\n421 bye\r\n";
	struct reply_reader reader;
	const struct reply *r;
	struct buf b;
	size_t piece;

	(void)state;
	for (piece = 1; piece < sizeof text; piece++) {
		struct str in = str_of(text);
		int found = 0;

		reply_init(&reader, 100);
		buf_init(&b, 2 * REPLY_TEXT);
		while (in.n) {
			struct str part = str_sub(in, 0, piece);

			in = str_from(in, part.n);
			while (part.n && reply_read(&reader, &part, &r) == 1) {
				buf_reset(&b);
				reply_print(r, &b);
				assert_string_equal(buf_cstr(&b), found == 0 ? "250 2.1.0 a b?" : "421 bye");
				found++;
			}
		}
		assert_int_equal(found, 2);
		buf_done(&b);
		reply_done(&reader);
	}
}

static void replies_have_an_end(void **state)
{
	struct reply_reader reader;
	const struct reply *r;
	struct buf b;
	struct str in;
	char *big = mem_alloc(1, 1 << 20);
	size_t i;

	(void)state;
	memset(big, 'x', 1 << 20);
	reply_init(&reader, 32768);
	in = str_make(big, 1 << 20);
	assert_int_equal(reply_read(&reader, &in, &r), E_LIMIT);
	reply_done(&reader);
	reply_init(&reader, 32768); /* a long one that is whole is cut in print only */
	memcpy(big, "550 5.1.1 ", 10);
	big[20000] = '\n';
	in = str_make(big, 20001);
	assert_int_equal(reply_read(&reader, &in, &r), 1);
	buf_init(&b, 2 * REPLY_TEXT);
	reply_print(r, &b);
	assert_int_equal(b.n, REPLY_TEXT);
	assert_int_equal(b.err, 0);
	for (i = 0; i < 3; i++) { /* ... also if the limit falls on a blank */
		in = STR("250-a\r\n250 b\r\n");
		assert_int_equal(reply_read(&reader, &in, &r), 1);
	}
	buf_done(&b);
	reply_done(&reader);
	free(big);
}

static void extensions(void **state)
{
	struct ehlo e;

	(void)state;
	ehlo_parse(STR("mx.example.net at your service\nSIZE 1000\nsize x\nPIPELINING\nSTARTTLS\nAUTH GSSAPI plain\n"
		       "AUTH=LOGIN SCRAM-SHA-1\nDSN\nX-DSNX\nSMTPUTF8\n"), &e);
	assert_string_equal(e.name, "mx.example.net");
	assert_true(e.pipelining && e.starttls && e.dsn && e.smtputf8 && e.auth && !e.eight_bit);
	assert_int_equal(e.mechs, MECH_PLAIN | MECH_LOGIN | MECH_SCRAM_SHA_1);
	assert_int_equal(e.size, 1000);
	ehlo_parse(STR("a\x01" "b\n8BITMIMEX\nAUTHX PLAIN\nSTARTTLSX"), &e);
	assert_string_equal(e.name, "a?b");
	assert_false(e.eight_bit || e.auth || e.starttls || e.size_given);
	ehlo_parse(STR("x\nCHUNKING\nREQUIRETLS\nMT-PRIORITY MIXER\nLIMITS RCPTMAX=10 mailmax=3 RCPTDOMAINMAX=1 X=4\n"), &e);
	assert_true(e.chunking && e.requiretls && e.mt_priority);
	assert_true(e.rcpt_max == 10 && e.mail_max == 3 && e.domain_max == 1);
	ehlo_parse(STR("x\nLIMITS RCPTMAX=0 MAILMAX RCPTDOMAINMAX=9999999 MAILMAX=x\n"), &e);
	assert_true(!e.chunking && !e.rcpt_max && !e.mail_max && !e.domain_max);
	ehlo_parse(STR(""), &e);
	assert_string_equal(e.name, "");
}

static int file_of(struct str text)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	assert_int_equal(write(fd, text.p, text.n), (ssize_t)text.n);
	return fd;
}

/* All of it, read in pieces of n. */
static void out_is(const char *in, size_t n, const char *want)
{
	struct content c;
	struct buf out;
	int fd = file_of(str_of(in)), r;

	buf_init(&out, 1 << 20);
	content_init(&c, fd, 0, strlen(in), STR_NONE);
	while ((r = content_more(&c, n, &out)) == 0)
		;
	assert_int_equal(r, 1);
	assert_int_equal(content_more(&c, n, &out), 1); /* the end is given once */
	assert_string_equal(buf_cstr(&out), want);
	buf_done(&out);
	close(fd);
}

static void content_never_has_a_bare_cr_or_lf(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", ".\r\n" },
		{ "a", "a\r\n.\r\n" },
		{ "a\r\n", "a\r\n.\r\n" },
		{ "a\r", "a\r\n.\r\n" },
		{ "a\n", "a\r\n.\r\n" },
		{ "\r\r\n\n", "\r\n\r\n\r\n.\r\n" },
		{ ".", "..\r\n.\r\n" },
		{ ".\r\n", "..\r\n.\r\n" },
		{ "a\n.\nMAIL FROM:<x>\n", "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n" },
		{ "a\r.\r\nb\n.\r\n", "a\r\n..\r\nb\r\n..\r\n.\r\n" },
		{ "a\r\n.\rQUIT\r\n", "a\r\n..\r\nQUIT\r\n.\r\n" },
		{ "a.b\r\n..\r\n", "a.b\r\n...\r\n.\r\n" },
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++)
		for (n = 1; n < 8; n++)
			out_is(rows[i].in, n, rows[i].out);
}

/* The same rows by BDAT, from a file and from memory: each chunk is as long as it says, the last one
 * is the only LAST, dots stay single, and together they are what is wanted. */
static void chunks_are(const char *in, size_t n, const char *want)
{
	struct buf out, all;
	struct content c;
	int fd = file_of(str_of(in)), r, pass;

	for (pass = 0; pass < 2; pass++) {
		buf_init(&out, 1 << 20);
		buf_init(&all, 1 << 20);
		if (pass)
			content_init_text(&c, str_of(in), STR("X: .y\r\n"));
		else
			content_init(&c, fd, 0, strlen(in), STR("X: .y\r\n"));
		do {
			struct str rest, line, size;
			uint64_t size_said = 0;

			buf_reset(&out);
			r = content_chunk(&c, n, &out);
			rest = buf_view(&out);
			line = str_cut(&rest, '\n');
			assert_true(str_starts(line, "BDAT "));
			line = str_sub(line, 5, line.n - 1);
			size = str_cut(&line, ' ');
			assert_int_equal(str_u64(size, 1 << 20, &size_said), 0);
			assert_int_equal(size_said, rest.n);
			assert_int_equal(str_eqc(line, "LAST"), r == 1);
			buf_str(&all, rest);
		} while (r == 0);
		assert_int_equal(r, 1);
		assert_string_equal(buf_cstr(&all), want);
		buf_done(&all);
		buf_done(&out);
	}
	close(fd);
}

static void chunks_tell_their_exact_length(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "X: .y\r\n" },
		{ "a", "X: .y\r\na\r\n" },
		{ "a\r", "X: .y\r\na\r\n" },
		{ ".\r\n..\n", "X: .y\r\n.\r\n..\r\n" },
		{ "\r\r\n\n", "X: .y\r\n\r\n\r\n\r\n" },
		{ "\n\n\n\n\n\n\n\n", "X: .y\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" },
		{ "a\n.\nBDAT 0 LAST\nMAIL FROM:<x>\n", "X: .y\r\na\r\n.\r\nBDAT 0 LAST\r\nMAIL FROM:<x>\r\n" },
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++)
		for (n = 1; n < 12; n++)
			chunks_are(rows[i].in, n, rows[i].out);
}

static void a_file_that_is_too_short_never_ends(void **state)
{
	struct content c;
	struct buf out;
	int fd = file_of(STR("half"));

	(void)state;
	buf_init(&out, 1000);
	content_init(&c, fd, 0, 100, STR("A: b\r\n"));
	assert_true(content_chunk(&c, 100, &out) < 0);
	assert_int_equal(out.n, 0);
	buf_done(&out);
	close(fd);
}

static void scanning_tells_header_from_body(void **state)
{
	static const struct {
		const char *text;
		bool eight, header;
	} rows[] = {
		{ "A: b\r\n\r\nc\r\n", false, false },
		{ "A: b\r\n\r\n\xc3\xb6\r\n", true, false },
		{ "A: \xc3\xb6\r\n\r\nc\r\n", true, true },
		{ "A: \xc3\xb6", true, true },
		{ "\r\n\xc3\xb6", true, false },
		{ "", false, false },
	};
	struct content_facts f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = file_of(str_of(rows[i].text));

		assert_int_equal(content_scan(fd, 0, strlen(rows[i].text), &f), 0);
		assert_int_equal(f.eight_bit, rows[i].eight);
		assert_int_equal(f.utf8_header, rows[i].header);
		close(fd);
	}
}

static int parse(const char *const *fields, bool file, struct job **out)
{
	struct ipc_msg m;
	char name[64];
	int r;

	ipc_init(&m, "job");
	m.owns_fds = true;
	for (; *fields; fields++) {
		snprintf(name, sizeof name, "%.*s", (int)strcspn(*fields, "="), *fields);
		ipc_setc(&m, name, *fields + strlen(name) + 1);
	}
	if (file)
		ipc_add_fd(&m, "file", file_of(STR("x")));
	r = job_parse(&m, out);
	ipc_done(&m);
	return r;
}

#define GOOD "id=1", "message=abc", "via=smtp", "offset=0", "size=1"
/* RFC 8689 3: one field, that one word; in the header alone, at the beginning of a line. */
static void a_field_may_ask_that_policies_do_not_count(void **state)
{
	static const struct {
		const char *text;
		bool optional;
	} rows[] = {
		{ "TLS-Required: No\r\n\r\nx\r\n", true },
		{ "Subject: x\r\ntls-required:no \r\n\r\n", true },
		{ "TLS-Required: No\n\nx\n", true },
		{ "TLS-Required: Yes\r\n\r\n", false },
		{ "TLS-Required: None\r\n\r\n", false },
		{ "TLS-Required: No\r\nTLS-Required: No\r\n\r\n", false },
		{ "Subject: x\r\n TLS-Required: No\r\n\r\n", false },
		{ "X-TLS-Required: No\r\n\r\n", false },
		{ "Subject: x\r\n\r\nTLS-Required: No\r\n", false },
		{ "TLS-Required: No", false },
		{ "", false },
	};
	struct buf b;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		fd = file_of(str_of(rows[i].text));
		if (content_tls_optional(fd, 0, strlen(rows[i].text)) != rows[i].optional)
			fail_msg("%s", rows[i].text);
		close(fd);
	}
	buf_init(&b, 1 << 20); /* a line over the end of a piece */
	for (i = 0; i < 3000; i++)
		buf_fmt(&b, "X-Many: %zu\r\n", i);
	buf_puts(&b, "TLS-Required: No\r\n\r\n");
	fd = file_of(buf_view(&b));
	assert_true(content_tls_optional(fd, 0, b.n));
	close(fd);
	buf_done(&b);
}

static void jobs_that_could_break_a_command_are_refused(void **state)
{
	static const char *const bad[][12] = {
		{ GOOD, "sender=a@b" }, /* nobody to send to */
		{ GOOD, "sender=a@b\r\nRCPT TO:<x@y>", "rcpt=1 a@b" },
		{ GOOD, "sender=a@b", "rcpt=1 a@b\nDATA" },
		{ GOOD, "sender=a@b", "rcpt=x a@b" },
		{ GOOD, "sender=a@b", "rcpt=1" },
		{ GOOD, "sender=a@b", "rcpt=1 a@b", "notify.1=16" },
		{ GOOD, "sender=a@b", "rcpt=1 a@b", "notify.2=1" },
		{ GOOD, "sender=a@b", "rcpt=1 a@b", "orcpt.1=a b" },
		{ GOOD, "sender=a@b", "envid=a b", "rcpt=1 a@b" },
		{ GOOD, "sender=\xff@b", "rcpt=1 a@b" },
		{ "id=1", "message=a/b", "via=smtp", "offset=0", "size=1", "sender=", "rcpt=1 a@b" },
		{ "id=1", "message=a", "via=uucp", "offset=0", "size=1", "sender=", "rcpt=1 a@b" },
		{ "id=1", "message=a", "via=smtp", "offset=-1", "size=1", "sender=", "rcpt=1 a@b" },
		{ "message=a", "via=smtp", "offset=0", "size=1", "sender=", "rcpt=1 a@b" },
	};
	static const char *const good[] = { GOOD, "sender=\"a b\"@c", "ret=full", "rcpt=3 x@y", "notify.3=14", "rcpt=1 z@y",
		"orcpt.1=rfc822;z@y", NULL };
	struct job *j;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (parse(bad[i], true, &j) != E_PEER)
			fail_msg("row %zu was taken", i);
	assert_int_equal(parse(good, false, &j), E_PEER);
	assert_int_equal(parse(good, true, &j), 0);
	assert_int_equal(j->nrcpt, 2);
	assert_int_equal(j->rcpt[0].notify, 14);
	assert_true(str_eqc(j->rcpt[1].orcpt, "rfc822;z@y"));
	assert_int_equal(j->ret, JOB_RET_FULL);
	job_free(j);
}

static void results_are_told_once_and_in_parts(void **state)
{
	static const char *const fields[] = { GOOD, "sender=", "rcpt=1 a@y", "rcpt=2 b@y", "rcpt=3 c@y", NULL };
	struct dsn why = { 0 };
	struct ipc_msg m;
	struct job *j;
	bool last;

	(void)state;
	assert_int_equal(parse(fields, true, &j), 0);
	job_set(j, &j->rcpt[1], 550, "5.1.1", STR("550 5.1.1 no"));
	job_results(j, 10, &m, &last);
	assert_false(last);
	assert_true(str_eqc(ipc_get(&m, "rcpt"), "2 550 5.1.1 550 5.1.1 no"));
	assert_false(ipc_get(&m, "done").p);
	ipc_done(&m);
	assert_true(job_open(j));
	dsn_set(&why, 451, "4.4.1", "gone");
	job_fail(j, &why);
	assert_false(job_open(j));
	job_results(j, 1, &m, &last);
	assert_false(last);
	assert_true(str_eqc(ipc_get(&m, "rcpt"), "1 451 4.4.1 gone"));
	ipc_done(&m);
	job_results(j, 1, &m, &last);
	assert_true(last);
	assert_true(str_eqc(ipc_get(&m, "rcpt"), "3 451 4.4.1 gone"));
	assert_true(ipc_get_bool(&m, "done"));
	ipc_done(&m);
	/* a status that says otherwise than the code, or none */
	job_set(j, &j->rcpt[0], 250, "", STR("250 ok"));
	assert_string_equal(j->rcpt[0].status, "2.0.0");
	job_set(j, &j->rcpt[0], 550, "4.1.1", STR("x"));
	assert_string_equal(j->rcpt[0].status, "5.0.0");
	job_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_the_same_in_any_pieces),
		cmocka_unit_test(replies_have_an_end),
		cmocka_unit_test(extensions),
		cmocka_unit_test(content_never_has_a_bare_cr_or_lf),
		cmocka_unit_test(chunks_tell_their_exact_length),
		cmocka_unit_test(a_file_that_is_too_short_never_ends),
		cmocka_unit_test(scanning_tells_header_from_body),
		cmocka_unit_test(a_field_may_ask_that_policies_do_not_count),
		cmocka_unit_test(jobs_that_could_break_a_command_are_refused),
		cmocka_unit_test(results_are_told_once_and_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
