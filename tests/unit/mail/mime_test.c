/* SPDX-License-Identifier: ISC
 *
 * mime_test.c: the tree of parts, its fields, and the text of parts.
 */
#include "mail/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena a;
static struct mime m;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	return 0;
}

/* The tree as text: "multipart/mixed(text/plain[5,1] ...)" */
static void draw(int i, struct buf *out)
{
	for (; i >= 0; i = m.part[i].next_sibling) {
		const struct mime_part *p = &m.part[i];

		buf_fmt(out, "%.*s/%.*s", STRF(p->type), STRF(p->subtype));
		if (p->first_child < 0)
			buf_fmt(out, "[%zu,%u]", p->body_size, p->body_lines);
		else {
			buf_c(out, '(');
			draw(p->first_child, out);
			buf_c(out, ')');
		}
		if (p->next_sibling >= 0)
			buf_c(out, ' ');
	}
}

static void tree_is(const char *message, const char *want)
{
	struct buf b;

	mime_parse(str_of(message), NULL, &a, &m);
	buf_init(&b, 10000);
	draw(0, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_done(&b);
}

#define MIXED(b) "Content-Type: multipart/mixed; boundary=" b "\r\n\r\n"

static void trees(void **state)
{
	(void)state;
	tree_is("", "text/plain[0,0]");
	tree_is("Subject: x\r\n\r\na\r\nb\r\n", "text/plain[6,2]");
	tree_is("Subject: x\r\n\r\na\r\nb", "text/plain[4,1]");
	tree_is(MIXED("x") "pre\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: text/html\r\n\r\ntwo\r\nthree\r\n--x--\r\nepi\r\n--x\r\nno\r\n",
		"multipart/mixed(text/plain[3,0] text/html[10,1])");
	tree_is(MIXED("x") "--x\r\n\r\n--x\r\n\r\n\r\n--x--", "multipart/mixed(text/plain[0,0] text/plain[0,0])");
	tree_is(MIXED("x") "--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nhello\r\n--x--\r\n",
		"multipart/mixed(message/rfc822(text/plain[5,0]))");
	tree_is(MIXED("x") "--x\r\n\r\nnever closed\r\n", "multipart/mixed(text/plain[14,1])");
	tree_is(MIXED("x") "nothing\r\n", "multipart/mixed[9,1]");
	tree_is("Content-Type: multipart/mixed\r\n\r\n--x\r\n", "text/plain[5,1]");
	tree_is("Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: a\r\n\r\nb\r\n--x\r\nContent-Type: text/plain\r\n\r\nc\r\n--x--",
		"multipart/digest(message/rfc822(text/plain[1,0]) text/plain[1,0])");
	tree_is("Content-Type: nonsense\r\n\r\nx", "text/plain[1,0]");
	tree_is("Content-Type: Message/RFC822\r\n\r\n" MIXED("y") "--y\r\n\r\na\r\n--y--\r\n",
		"message/rfc822(multipart/mixed(text/plain[1,0]))");
	tree_is("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA==\r\n",
		"message/rfc822[18,1]");
}

/* RFC 2046 5.1.1: by prefix; the longest, then the innermost. */
static void nested_boundaries(void **state)
{
	(void)state;
	tree_is(MIXED("x") "--x\r\n" MIXED("xy") "--xy\r\n\r\na\r\n--xyz\r\n\r\nb\r\n--x\r\n\r\nc\r\n--x--\r\n",
		"multipart/mixed(multipart/mixed(text/plain[1,0] text/plain[1,0]) text/plain[1,0])");
	tree_is(MIXED("x") "--x\r\n" MIXED("x") "--x\r\n\r\na\r\n--x--\r\n--x\r\n\r\nb\r\n--x--\r\n",
		"multipart/mixed(multipart/mixed(text/plain[1,0]) text/plain[1,0])");
	/* an outer delimiter closes what is inside, also in a header */
	tree_is(MIXED("x") "--x\r\n" MIXED("y") "--y\r\nContent-Type: text/html\r\n--x\r\n\r\nb\r\n--x--",
		"multipart/mixed(multipart/mixed(text/html[0,0]) text/plain[1,0])");
	tree_is(MIXED("x") "--x\r\n" MIXED("y") "--y--\r\n--y\r\nignored\r\n--x--",
		"multipart/mixed(multipart/mixed[19,2])");
	tree_is(MIXED("\"a b \"") "--a b  \r\n\r\n1\r\n--a b--", "multipart/mixed(text/plain[1,0])");
}

/* C23: the first of several fields, and one reading of odd ones. */
static void C23_first_field_counts(void **state)
{
	(void)state;
	tree_is("Content-Type: text/html\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", "text/html[5,1]");
	mime_parse(STR("Content-Type: text/plain; charset=a; charset=b\r\n\r\n"), NULL, &a, &m);
	assert_true(str_eqc(mime_param(&m.part[0], "charset"), "a"));
	assert_int_equal(m.part[0].nparams, 2);
}

static void C08_limits(void **state)
{
	struct mime_limits lim = mime_default_limits;
	struct buf b;
	int i;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_puts(&b, MIXED("x"));
	for (i = 0; i < 10; i++)
		buf_puts(&b, "--x\r\n\r\na\r\n");
	lim.parts = 4;
	mime_parse(buf_view(&b), &lim, &a, &m);
	assert_int_equal(m.n, 4);
	assert_true(m.cut);
	assert_int_equal(m.part[3].body_at + m.part[3].body_size, b.n);
	buf_reset(&b);
	for (i = 0; i < 300; i++)
		buf_fmt(&b, MIXED("b%03d") "--b%03d\r\n", i, i);
	mime_parse(buf_view(&b), NULL, &a, &m);
	assert_true(m.cut);
	assert_int_equal(m.n, 101);
	assert_int_equal(m.part[100].depth, 100);
	assert_false(m.part[100].multipart);
	buf_done(&b);
}

static const char *param(const char *type, const char *name)
{
	struct str v;

	mime_parse(str_of(arena_fmt(&a, "Content-Type: %s\r\n\r\n", type)), NULL, &a, &m);
	v = mime_param(&m.part[0], name);
	return v.p ? arena_cstr(&a, v) : NULL;
}

static void parameters(void **state)
{
	(void)state;
	assert_string_equal(param("text/plain; charset=us-ascii (Plain text)", "charset"), "us-ascii");
	assert_string_equal(param("text (a(b)) / (c) plain (d) ; (e) Charset (f) = (g) \"us\\-ascii\"", "charset"), "us-ascii");
	assert_string_equal(param("a/b; name=some file.pdf; x=y", "name"), "some file.pdf");
	assert_string_equal(param("a/b; name=some file.pdf; x=y", "x"), "y");
	assert_string_equal(param("a/b; name=\"a;b=c\"; x=y", "x"), "y");
	assert_string_equal(param("a/b; name=\"fol\r\n ded\"", "name"), "fol ded");
	assert_string_equal(param("a/b;; ; name=", "name"), "");
	assert_string_equal(param("a/b; name=\"open", "name"), "open");
	assert_null(param("a/b; name", "name"));
	assert_null(param("a/b", "name"));
}

/* RFC 2231 3, 4, 4.1 */
static void extended_parameters(void **state)
{
	(void)state;
	assert_string_equal(param("a/b; u*0=\"ftp://\"; u*1=\"cs.utk.edu\"", "u"), "ftp://cs.utk.edu");
	assert_string_equal(param("a/b; u*1=\"cs.utk.edu\"; u*0=\"ftp://\"", "u"), "ftp://cs.utk.edu");
	assert_string_equal(param("a/b; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "title"), "This is ***fun***");
	assert_string_equal(param("a/b; t*0*=us-ascii'en'This%20is%20even%20more%20; t*1*=%2A%2A%2Afun%2A%2A%2A%20; t*2=\"isn't it!\"", "t"),
		"This is even more ***fun*** isn't it!");
	assert_string_equal(param("a/b; f*=iso-8859-1''gr%FC", "f"), "gr\xc3\xbc");
	assert_string_equal(param("a/b; f=plain; f*=utf-8''gr%C3%BC", "f"), "gr\xc3\xbc");
	assert_string_equal(param("a/b; f*0*=utf-8''gr%C3; f*1*=%BC", "f"), "gr\xc3\xbc");
	assert_string_equal(param("a/b; f*=x-odd'en'a%20b", "f*"), "x-odd'en'a%20b");
	assert_string_equal(param("a/b; f*1=x; g=1", "f*1"), "x");
	assert_string_equal(param("a/b; f*=no%20charset", "f"), "no charset");
	assert_string_equal(param("a/b; f*=utf-8''%zz%4", "f"), "%zz%4");
	assert_string_equal(param("a/b; *=1", "*"), "1");
}

static void fields(void **state)
{
	const struct mime_part *p;

	(void)state;
	mime_parse(STR("Content-Type: image/PNG; name=\"x.png\"\r\nContent-Transfer-Encoding: BASE64 (c)\r\n"
		       "Content-ID: <id@x>\r\nContent-Description: two\r\n words\r\nContent-MD5: abc==\r\n"
		       "Content-Location: http://x/\r\nContent-Language: de, en\r\n"
		       "Content-Disposition: Attachment; filename*=utf-8''%C3%BC.png; size=3\r\n\r\nxx\n"),
		NULL, &a, &m);
	p = &m.part[0];
	assert_true(m.has_bare_lf);
	assert_true(str_eqc(p->subtype, "png"));
	assert_true(str_eqc(p->encoding, "base64"));
	assert_true(str_eqc(p->id, "<id@x>"));
	assert_true(str_eqc(p->description, "two words"));
	assert_true(str_eqc(p->md5, "abc=="));
	assert_true(str_eqc(p->location, "http://x/"));
	assert_true(str_eqc(p->language, "de, en"));
	assert_true(str_eqc(p->disposition, "attachment"));
	assert_true(str_eqc(mime_disposition_param(p, "filename"), "\xc3\xbc.png"));
	assert_true(str_eqc(mime_disposition_param(p, "size"), "3"));
}

static void decodes_as(const char *encoding, const char *in, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	mime_decode(str_of(in), str_of(encoding), &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_done(&b);
}

static void transfer_encodings(void **state)
{
	(void)state;
	decodes_as("base64", "aGVs\r\nbG8=\r\n", "hello");
	decodes_as("BASE64", "aGVsbG8", "hello");
	decodes_as("base64", "aG!V-s.bG8==\r\nIQ==", "hello!");
	decodes_as("base64", "a", "");
	decodes_as("quoted-printable", "a=3Db=\r\nc  \r\nd=20\r\n", "a=bc\r\nd \r\n");
	decodes_as("quoted-printable", "a=\nb=", "ab");
	decodes_as("quoted-printable", "=4=zz=e4", "=4=zz\xe4");
	decodes_as("7bit", "a=3D\r\n", "a=3D\r\n");
}

static void text_is(const char *message, const char *want)
{
	struct buf b;

	mime_parse(str_of(message), NULL, &a, &m);
	buf_init(&b, 1000);
	assert_int_equal(mime_text(str_of(message), &m.part[0], true, &b), 0);
	assert_string_equal(buf_cstr(&b), want);
	buf_done(&b);
}

static void texts(void **state)
{
	struct buf b;

	(void)state;
	text_is("\r\nplain <b>", "plain <b>");
	text_is("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ngr=FC",
		"gr\xc3\xbc");
	text_is("Content-Type: text/plain; charset=x-unknown\r\n\r\na", "a");
	text_is("Content-Type: text/html\r\n\r\n<p>Hel<b>lo</b> &amp; &auml;&#228;&#xE4;&bogus; 1 < 2</p><br>x", " Hello & \xc3\xa4\xc3\xa4\xc3\xa4&bogus; 1 < 2  x");
	text_is("Content-Type: text/html\r\n\r\na<script>if (a<b) '</b>'</script ><style>x{}</style><!-- <b>c> -->d<img alt=\"a>b\" src=x>e",
		"a  d e");
	text_is("Content-Type: text/html\r\n\r\na<!-- open", "a");
	text_is("Content-Type: text/html\r\n\r\na<script>open</scrip", "a ");
	text_is("Content-Type: text/html\r\n\r\na<b", "a");
	text_is("Content-Type: text/html\r\n\r\na&#0;&#xD800;&#99999999;&;&", "a&#0;&#xD800;&#99999999;&;&");
	mime_parse(STR("Content-Type: image/png\r\n\r\n"), NULL, &a, &m);
	buf_init(&b, 10);
	assert_int_equal(mime_text(STR(""), &m.part[0], true, &b), E_UNSUPPORTED);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(trees, setup, teardown),
		cmocka_unit_test_setup_teardown(nested_boundaries, setup, teardown),
		cmocka_unit_test_setup_teardown(C23_first_field_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(C08_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(parameters, setup, teardown),
		cmocka_unit_test_setup_teardown(extended_parameters, setup, teardown),
		cmocka_unit_test_setup_teardown(fields, setup, teardown),
		cmocka_unit_test_setup_teardown(transfer_encodings, setup, teardown),
		cmocka_unit_test_setup_teardown(texts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
