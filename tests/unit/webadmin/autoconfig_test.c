/* SPDX-License-Identifier: ISC
 *
 * Documents for mail programs: what is asked, what is refused, what is answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <expat.h>

#include "webadmin/autoconfig.h"

#define REQUEST(inside) "<?xml version=\"1.0\"?><Autodiscover xmlns=\"urn:x\"><Request>" inside "</Request></Autodiscover>"

static const struct autoconfig all = { .host = "mail.example.org", .imaps = 993, .imap = 143, .pop3s = 995, .pop3 = 110,
	.submissions = 465, .submission = 587, .url = "https://mail.example.org" };
static struct arena arena;

static bool has(struct buf *b, const char *text)
{
	return str_search(buf_view(b), str_of(text)) >= 0;
}

static bool well_formed(struct buf *b)
{
	XML_Parser p = XML_ParserCreate(NULL);
	bool good = XML_Parse(p, b->p, (int)b->n, XML_TRUE) == XML_STATUS_OK;

	XML_ParserFree(p);
	return good;
}

static void test_addresses_of_queries(void **state)
{
	(void)state;
	assert_true(str_eqc(autoconfig_address(STR("x=1&emailaddress=anna%40example.org"), "emailaddress", &arena), "anna@example.org"));
	assert_null(autoconfig_address(STR("emailaddress=anna"), "emailaddress", &arena).p);
	assert_null(autoconfig_address(STR("emailaddress=a%0d%0a@example.org"), "emailaddress", &arena).p);
	assert_null(autoconfig_address(STR("emailaddress=a@ex%3cample.org"), "emailaddress", &arena).p);
	assert_null(autoconfig_address(STR(""), "emailaddress", &arena).p);
	assert_true(str_eqc(autoconfig_domain(STR("a@b@example.org"), STR("x")), "example.org"));
	assert_true(str_eqc(autoconfig_domain(STR_NONE, STR("autoconfig.example.org")), "example.org"));
	assert_true(str_eqc(autoconfig_domain(STR_NONE, STR("example.org")), "example.org"));
}

static void test_thunderbird(void **state)
{
	struct autoconfig few = all;
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	autoconfig_mozilla(&all, STR("example.org"), &b);
	assert_true(well_formed(&b));
	assert_true(has(&b, "<emailProvider id=\"example.org\">"));
	assert_true(has(&b, "<port>993</port>\n      <socketType>SSL</socketType>"));
	assert_true(has(&b, "<port>587</port>\n      <socketType>STARTTLS</socketType>"));
	assert_true(has(&b, "<username>%EMAILADDRESS%</username>"));
	few.pop3 = few.pop3s = few.imap = 0;
	buf_reset(&b);
	autoconfig_mozilla(&few, STR("a&b\"<"), &b);
	assert_true(well_formed(&b));
	assert_false(has(&b, "pop3"));
	buf_done(&b);
}

static int refused(const char *body)
{
	struct str s = STR("untouched");
	int r = autodiscover_parse(str_of(body), &arena, &s);

	assert_true(r == 0 || str_eqc(s, "untouched"));
	return r;
}

static void test_outlook_asks(void **state)
{
	struct str s;
	char *deep;
	struct buf b;
	int i;

	(void)state;
	assert_int_equal(autodiscover_parse(STR(REQUEST("<EMailAddress> anna@example.org\n</EMailAddress>")), &arena, &s), 0);
	assert_true(str_eqc(s, "anna@example.org"));
	assert_int_equal(refused(REQUEST("<x:EMailAddress xmlns:x='urn:y'>anna@example.org</x:EMailAddress>")), 0);
	assert_int_equal(refused(""), E_SYNTAX);
	assert_int_equal(refused("<Autodiscover>"), E_SYNTAX);
	assert_int_equal(refused(REQUEST("<EMailAddress>anna</EMailAddress>")), E_SYNTAX);
	assert_int_equal(refused(REQUEST("<EMailAddress>a@a.org</EMailAddress><EMailAddress>b@a.org</EMailAddress>")), E_SYNTAX);
	assert_int_equal(refused(REQUEST("<EMailAddress>a&#10;b@a.org</EMailAddress>")), E_SYNTAX);
	assert_int_equal(refused(REQUEST("<EMailAddress>a@a.org</EMailAddress><AcceptableResponseSchema>urn:z</AcceptableResponseSchema>")), E_SYNTAX);
	assert_int_equal(refused("<Other><Request><EMailAddress>a@a.org</EMailAddress></Request></Other>"), E_SYNTAX);
	/* a DTD, with and without entities, ends it */
	assert_int_equal(refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><Autodiscover><Request><EMailAddress>a@a.org</EMailAddress></Request></Autodiscover>"), E_SYNTAX);
	assert_int_equal(refused("<!DOCTYPE a [<!ENTITY x \"y\">]><Autodiscover><Request><EMailAddress>&x;@a.org</EMailAddress></Request></Autodiscover>"), E_SYNTAX);
	buf_init(&b, 1 << 20);
	buf_puts(&b, "<Autodiscover><Request><EMailAddress>a@a.org</EMailAddress>");
	for (i = 0; i < 1000; i++)
		buf_puts(&b, "<d>");
	for (i = 0; i < 1000; i++)
		buf_puts(&b, "</d>");
	buf_puts(&b, "</Request></Autodiscover>");
	deep = mem_strdup(buf_cstr(&b));
	assert_int_equal(refused(deep), E_SYNTAX);
	free(deep);
	buf_done(&b);
}

static void test_outlook_is_answered(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	autodiscover_xml(&all, STR("a<&b@example.org"), &b);
	assert_true(well_formed(&b));
	assert_true(has(&b, "<LoginName>a&lt;&amp;b@example.org</LoginName>"));
	assert_true(has(&b, "<Type>IMAP</Type>") && has(&b, "<Port>993</Port>") && has(&b, "<Port>465</Port>"));
	buf_reset(&b);
	autodiscover_error(&b);
	assert_true(well_formed(&b) && has(&b, "<ErrorCode>600</ErrorCode>"));
	buf_reset(&b);
	assert_true(autodiscover_json(&all, STR("autodiscoverv1"), &b));
	assert_true(has(&b, "https://mail.example.org/autodiscover/autodiscover.xml"));
	assert_false(autodiscover_json(&all, STR("EWS"), &b));
	buf_done(&b);
}

static void test_apple(void **state)
{
	struct buf b, again;

	(void)state;
	buf_init(&b, 65536);
	buf_init(&again, 65536);
	autoconfig_apple(&all, STR("anna@example.org"), &b);
	assert_true(well_formed(&b));
	assert_true(has(&b, "<string>EmailTypeIMAP</string>") && has(&b, "<integer>993</integer>") && has(&b, "<integer>465</integer>"));
	autoconfig_apple(&all, STR("ANNA@example.org"), &again);
	assert_true(str_ieq(buf_view(&b), buf_view(&again)));
	buf_reset(&again);
	autoconfig_apple(&all, STR("ben@example.org"), &again);
	assert_false(str_eq(str_sub(buf_view(&b), b.n - 200, b.n), str_sub(buf_view(&again), again.n - 200, again.n)));
	buf_done(&b);
	buf_done(&again);
}

static void test_the_code_is_an_image(void **state)
{
	char local[64];
	struct buf b, address;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(autoconfig_qr(&all, STR("anna@example.org"), &b), 0);
	assert_true(well_formed(&b) && has(&b, "viewBox=\"0 0 "));
	/* the corner square of a QR code: seven dark ones in a row, from the quiet zone's end on */
	assert_true(has(&b, "d=\"M4 4h1v1h-1zM5 4h1v1h-1zM6 4h1v1h-1zM7 4h1v1h-1zM8 4h1v1h-1zM9 4h1v1h-1zM10 4h1v1h-1z"));
	memset(local, 'x', sizeof local);
	buf_init(&address, 300);
	buf_add(&address, local, sizeof local);
	buf_puts(&address, "@example.org");
	buf_reset(&b);
	assert_int_equal(autoconfig_qr(&all, buf_view(&address), &b), 0);
	buf_done(&b);
	buf_done(&address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_of_queries),
		cmocka_unit_test(test_thunderbird),
		cmocka_unit_test(test_outlook_asks),
		cmocka_unit_test(test_outlook_is_answered),
		cmocka_unit_test(test_apple),
		cmocka_unit_test(test_the_code_is_an_image),
	};
	int r;

	arena_init(&arena);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&arena);
	return r;
}
