/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtp/verify/spf.h"

static struct arena a;

/* name, type, values separated by "|"; "!" the servers fail, "?" not known yet. */
static const struct zone {
	const char *name;
	enum dns_type type;
	const char *values;
} zone[] = {
	{ "a.example", DNS_TXT, "unrelated|v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/32 -all" },
	{ "soft.example", DNS_TXT, "v=spf1 ?ip4:192.0.2.9 ~all" },
	{ "host.example", DNS_TXT, "v=spf1 a mx:mail.example//64 -all" },
	{ "host.example", DNS_A, "192.0.2.77" },
	{ "mail.example", DNS_MX, "mx1.mail.example|mx2.mail.example" },
	{ "mx1.mail.example", DNS_A, "192.0.2.78" },
	{ "mx2.mail.example", DNS_AAAA, "2001:db8:1::5" },
	{ "inc.example", DNS_TXT, "v=spf1 include:a.example include:soft.example ?all" },
	{ "redir.example", DNS_TXT, "v=spf1 redirect=a.example" },
	{ "two.example", DNS_TXT, "v=spf1 -all|v=spf1 +all" },
	{ "lost.example", DNS_TXT, "!" },
	{ "later.example", DNS_TXT, "?" },
	{ "bad.example", DNS_TXT, "v=spf1 +all ip4:300.0.0.1" },
	{ "bad2.example", DNS_TXT, "v=spf1 a/33 all" },
	{ "bad3.example", DNS_TXT, "v=spf1 all:x all" },
	{ "bad4.example", DNS_TXT, "v=spf1 redirect=a.example redirect=a.example" },
	{ "bad5.example", DNS_TXT, "v=spf1 include: all" },
	{ "bad6.example", DNS_TXT, "v=spf1 exists:%{q} all" },
	{ "brace.example", DNS_TXT, "v=spf1 a:x/24}/ all" },
	{ "brace2.example", DNS_TXT, "v=spf1 a/} all" },
	{ "slash.example", DNS_TXT, "v=spf1 mx:%{d2/}.mail/24//64 a:%{d/ all" },
	{ "slash2.example", DNS_TXT, "v=spf1 a:%{d/}/32 -all" },
	{ "slash2.example", DNS_A, "192.0.2.1" },
	{ "not.example", DNS_TXT, "v=spf10 +all" },
	{ "self.example", DNS_TXT, "v=spf1 include:self.example -all" },
	{ "self2.example", DNS_TXT, "v=spf1 redirect=self2.example" },
	{ "hole.example", DNS_TXT, "v=spf1 include:nothing.example +all" },
	{ "void.example", DNS_TXT, "v=spf1 a:n1.example a:n2.example a:n3.example +all" },
	{ "void2.example", DNS_TXT, "v=spf1 a:n1.example a:n2.example +all" },
	{ "ten.example", DNS_TXT, "v=spf1 a a a a a a a a a a ip4:192.0.2.1 -all" },
	{ "ten.example", DNS_A, "192.0.2.200" },
	{ "eleven.example", DNS_TXT, "v=spf1 a:ten.example a:ten.example a:ten.example a:ten.example a:ten.example a:ten.example"
		" a:ten.example a:ten.example a:ten.example a:ten.example a:ten.example +all" },
	{ "macro.example", DNS_TXT, "v=spf1 exists:%{ir}.%{l1r-}.%{d2}.%{v}._spf.%{o} -all" },
	{ "1.2.0.192.strong.macro.example.in-addr._spf.macro.example", DNS_A, "127.0.0.2" },
	{ "ptr.example", DNS_TXT, "v=spf1 ptr -all" },
	{ "1.2.0.192.in-addr.arpa", DNS_PTR, "liar.ptr.example|mx.ptr.example" },
	{ "mx.ptr.example", DNS_A, "192.0.2.1" },
	{ "liar.ptr.example", DNS_A, "192.0.2.99" },
	{ "unknown.example", DNS_TXT, "v=spf1 x-what=%{d} ip4:192.0.2.1 -all exp=explain.%{d}" },
	{ "neutral.example", DNS_TXT, "v=spf1" },
};

static const struct dns_answer *ask(void *arg, struct str name, enum dns_type type)
{
	struct dns_answer *v = ARENA_NEW(&a, struct dns_answer);
	size_t i;

	(void)arg;
	v->state = DNS_NXDOMAIN;
	for (i = 0; i < ARRAY_LEN(zone); i++) {
		struct str rest = str_of(zone[i].values);

		if (!str_ieqc(name, zone[i].name) || zone[i].type != type)
			continue;
		if (str_eqc(rest, "?"))
			return NULL;
		v->state = str_eqc(rest, "!") ? DNS_SERVFAIL : DNS_OK;
		v->record = arena_array(&a, 10, sizeof *v->record);
		while (rest.p && v->state == DNS_OK) {
			struct dns_record *r = &v->record[v->n++];

			r->data = r->name = str_cut(&rest, '|');
			if (type == DNS_A || type == DNS_AAAA)
				assert_int_equal(addr_parse(r->data, &r->addr), 0);
		}
	}
	return v;
}

static const char *check(const char *client, const char *sender)
{
	struct spf s = { .helo = STR("mx.far.example"), .sender = str_of(sender), .host = STR("mx.ours.example"), .ask = ask, .a = &a };
	enum spf_result r;

	assert_int_equal(addr_parse(str_of(client), &s.client), 0);
	r = spf_check(&s);
	return r == SPF_WAIT ? "wait" : spf_result_name(r);
}

#define IS(client, domain, result) assert_string_equal(check(client, "strong-bad@" domain), result)

static void networks_and_qualifiers(void **state)
{
	(void)state;
	IS("192.0.2.15", "a.example", "pass");
	IS("192.0.2.16", "a.example", "fail");
	IS("2001:db8::1", "a.example", "pass");
	IS("2001:db9::1", "a.example", "fail");
	IS("192.0.2.9", "soft.example", "neutral");
	IS("192.0.2.8", "soft.example", "softfail");
	IS("192.0.2.8", "neutral.example", "neutral");
	IS("192.0.2.8", "nothing.example", "none");
	IS("192.0.2.8", "not.example", "none");
	IS("192.0.2.8", "single", "none");
	IS("192.0.2.1", "unknown.example", "pass");
}

static void names_of_hosts(void **state)
{
	(void)state;
	IS("192.0.2.77", "host.example", "pass");
	IS("192.0.2.78", "host.example", "pass");
	IS("2001:db8:1::99", "host.example", "pass");
	IS("2001:db8:1:1::99", "host.example", "fail");
	IS("192.0.2.79", "host.example", "fail");
	IS("192.0.2.1", "ptr.example", "pass");
	IS("192.0.2.99", "ptr.example", "fail");
}

static void other_records(void **state)
{
	(void)state;
	IS("192.0.2.1", "inc.example", "pass");
	IS("198.51.100.1", "inc.example", "neutral");
	IS("198.51.100.1", "redir.example", "fail");
	IS("192.0.2.1", "redir.example", "pass");
	IS("192.0.2.1", "hole.example", "permerror");
}

static void macros(void **state)
{
	(void)state;
	IS("192.0.2.1", "macro.example", "pass"); /* %{l1r-}: the last of "bad.strong" (RFC 7208 7.4) */
	assert_string_equal(check("192.0.2.1", "bad-strong@macro.example"), "fail");
	assert_string_equal(check("192.0.2.1", "strong@macro.example"), "pass");
}

static void limits_end_what_has_no_end(void **state)
{
	(void)state;
	IS("192.0.2.1", "self.example", "permerror");
	IS("192.0.2.1", "self2.example", "permerror");
	IS("192.0.2.1", "void.example", "permerror");
	IS("192.0.2.1", "void2.example", "pass");
	IS("192.0.2.1", "ten.example", "pass");
	IS("192.0.2.1", "eleven.example", "permerror");
}

static void errors_are_told_apart(void **state)
{
	(void)state;
	IS("192.0.2.1", "two.example", "permerror");
	IS("192.0.2.1", "lost.example", "temperror");
	IS("192.0.2.1", "later.example", "wait");
	IS("192.0.2.1", "bad.example", "permerror");
	IS("192.0.2.1", "bad2.example", "permerror");
	IS("192.0.2.1", "bad3.example", "permerror");
	IS("192.0.2.1", "bad4.example", "permerror");
	IS("192.0.2.1", "bad5.example", "permerror");
	IS("192.0.2.1", "bad6.example", "permerror");
	IS("192.0.2.1", "brace.example", "permerror");
	IS("192.0.2.1", "brace2.example", "permerror");
	IS("192.0.2.1", "slash.example", "permerror");
	IS("192.0.2.1", "slash2.example", "pass");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_and_qualifiers),
		cmocka_unit_test(names_of_hosts),
		cmocka_unit_test(other_records),
		cmocka_unit_test(macros),
		cmocka_unit_test(limits_end_what_has_no_end),
		cmocka_unit_test(errors_are_told_apart),
	};
	int r;

	arena_init(&a);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&a);
	return r;
}
