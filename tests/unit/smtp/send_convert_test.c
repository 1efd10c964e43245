/* SPDX-License-Identifier: ISC
 *
 * 8-bit text for servers that take 7-bit text only (RFC 6152 3): what comes out, and what may not be changed.
 */
#include "smtp/send/convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void becomes(const char *in, const char *want)
{
	const char *why = NULL;
	struct buf out;

	buf_init(&out, 1 << 20);
	if (convert_7bit(str_of(in), &out, &why))
		fail_msg("%s: %s", in, why ? why : "-");
	if (strcmp(buf_cstr(&out), want) != 0)
		fail_msg("%s", buf_cstr(&out));
	buf_done(&out);
}

static void refused(const char *in, const char *want)
{
	const char *why = NULL;
	struct buf out;

	buf_init(&out, 1 << 20);
	assert_int_equal(convert_7bit(str_of(in), &out, &why), E_UNSUPPORTED);
	assert_string_equal(why, want);
	buf_done(&out);
}

#define QPH "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
#define B64H "Content-Transfer-Encoding: base64\r\n\r\n"
#define T8 "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"

static void text_becomes_quoted_printable(void **state)
{
	(void)state;
	becomes("Subject: x\r\nMIME-Version: 1.0\r\n" T8 "Gr\xc3\xbc\xc3\x9f" "e=x \r\n--b\r\nFrom me\r\n\t\r\nend of the story",
		"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" QPH
		"Gr=C3=BC=C3=9Fe=3Dx=20\r\n=2D-b\r\n=46rom me\r\n=09\r\nend of the story");
	/* a long line is broken softly, never inside of an escape, and no new line begins with a dash */
	becomes(T8 "\xc3\xb6 a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a--b--b--b--b\r\n",
		"Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n" QPH
		"=C3=B6 a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a--b=\r\n=2D-b--b--b\r\n");
}

static void other_data_becomes_base64(void **state)
{
	(void)state;
	becomes("MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: Binary\r\n\r\n\xff\n\xfe\r\n",
		"MIME-Version: 1.0\r\nContent-Type: application/x\r\n" B64H "/wr+DQo=\r\n");
	becomes("MIME-Version: 1.0\r\n" T8 "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\r\n",
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" B64H "0L/RgNC40LLQtdGCDQo=\r\n");
}

/* RFC 1428 */
static void text_without_mime_is_declared(void **state)
{
	(void)state;
	becomes("Subject: x\r\n\r\nbl\xc3\xb6" "d and some more text\r\n", "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" QPH
		"bl=C3=B6d and some more text\r\n");
	becomes("Subject: x\r\n\r\nbl\xf6" "d and more\r\n", "Subject: x\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=unknown-8bit\r\n" QPH "bl=F6d and more\r\n");
}

#define MIXED "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
static void containers_are_relabelled_and_parts_encoded(void **state)
{
	(void)state;
	becomes(MIXED "Content-Transfer-Encoding: 8bit\r\n\r\npr\xc3\xa9" "face\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n--b\r\n" T8
		"something \xc3\xb6\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n\r\nmore of it \xc3\xb6\r\n--b--\r\nend\r\n",
		MIXED "Content-Transfer-Encoding: 7bit\r\n\r\npr??face\r\n--b\r\nContent-Transfer-Encoding: 7bit\r\n\r\nplain\r\n--b\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n" QPH "something =C3=B6\r\n--b\r\nContent-Type: message/rfc822\r\n"
		"Content-Transfer-Encoding: 7bit\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" QPH
		"more of it =C3=B6\r\n--b--\r\nend\r\n");
}

static void what_may_not_be_changed_is_refused(void **state)
{
	static char deep[20000];
	size_t i, n = 0;

	(void)state;
	refused("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xb6\r\n--b--\r\n", "it is signed");
	refused("Subject: \xc3\xb6\r\n\r\nx\r\n", "its header has 8-bit characters");
	refused(MIXED "\r\n--b\r\nContent-Description: \xc3\xb6\r\n\r\nx\r\n--b--\r\n", "its header has 8-bit characters");
	refused("Content-Transfer-Encoding: base64\r\n\r\n\xc3\xb6\r\n", "a part is not in the encoding that it names");
	refused("Content-Transfer-Encoding: x-odd\r\n\r\n\xc3\xb6\r\n", "a part is not in the encoding that it names");
	refused("Content-Type: message/delivery-status\r\n\r\n\xc3\xb6\r\n", "a part that must be 7-bit text is not");
	refused("Content-Type: message/partial\r\n\r\n\xc3\xb6\r\n", "a part that must be 7-bit text is not");
	/* signed 7-bit text beside 8-bit text stays as it is */
	becomes(MIXED "\r\n--b\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n--s--\r\n--b\r\n" T8
		"something \xc3\xb6\r\n--b--\r\n",
		MIXED "\r\n--b\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n--s--\r\n--b\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n" QPH "something =C3=B6\r\n--b--\r\n");
	for (i = 0; i < 200; i++)
		n += (size_t)snprintf(deep + n, sizeof deep - n, "Content-Type: message/rfc822\r\n\r\n");
	snprintf(deep + n, sizeof deep - n, "\xc3\xb6\r\n");
	refused(deep, "it has too many parts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_quoted_printable),
		cmocka_unit_test(other_data_becomes_base64),
		cmocka_unit_test(text_without_mime_is_declared),
		cmocka_unit_test(containers_are_relabelled_and_parts_encoded),
		cmocka_unit_test(what_may_not_be_changed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
