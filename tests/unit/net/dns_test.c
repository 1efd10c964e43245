/* SPDX-License-Identifier: ISC
 *
 * Answers of the DNS: records of each type, chains, strangers' bytes, damage; names; and the
 * way through the text of our own processes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/hosts.h"
#include "net/resolver.h"

static struct arena arena;
static struct buf packet;

static void u16(unsigned v)
{
	buf_c(&packet, (char)(v >> 8));
	buf_c(&packet, (char)v);
}

/* Labels divided by dots; no escapes. */
static void name(const char *text)
{
	struct str rest = str_of(text), l;

	while (rest.p && text[0]) {
		l = str_cut(&rest, '.');
		buf_c(&packet, (char)l.n);
		buf_str(&packet, l);
	}
	buf_c(&packet, 0);
}

static void head(unsigned rcode, unsigned answers, const char *owner, unsigned type)
{
	buf_reset(&packet);
	u16(7);
	u16(0x8180 | rcode);
	u16(1);
	u16(answers);
	u16(0);
	u16(0);
	name(owner);
	u16(type);
	u16(1);
}

static void record(const char *owner, unsigned type, unsigned ttl, struct str data)
{
	name(owner);
	u16(type);
	u16(1);
	u16(0);
	u16(ttl);
	u16((unsigned)data.n);
	buf_str(&packet, data);
}

static struct dns_answer parsed(enum dns_type type)
{
	struct dns_answer x;

	assert_int_equal(dns_parse(buf_view(&packet), type, &arena, &x), 0);
	return x;
}

static void test_each_type(void **state)
{
	static const struct {
		enum dns_type type;
		struct str data;
		const char *text;
	} rows[] = {
		{ DNS_A, { "\300\000\002\001", 4 }, "192.0.2.1" },
		{ DNS_AAAA, { "\040\001\015\270\0\0\0\0\0\0\0\0\0\0\0\001", 16 }, "2001:db8::1" },
		{ DNS_MX, { "\0\012\002mx\002ex\0", 9 }, "10 mx.ex" },
		{ DNS_NS, { "\002ns\0", 4 }, "ns" },
		{ DNS_PTR, { "\0", 1 }, "." },
		{ DNS_SRV, { "\0\001\0\002\003\341\001h\0", 9 }, "1 2 993 h" },
		{ DNS_TXT, { "\003v=s\003pf1", 8 }, "v=spf1" },
		{ DNS_TLSA, { "\003\001\001\253\315", 5 }, "3 1 1 abcd" },
	};
	struct dns_answer x;
	struct buf text;
	size_t i;

	(void)state;
	buf_init(&text, 1000);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		head(0, 1, "a.ex", rows[i].type);
		record("A.Ex", rows[i].type, 300, rows[i].data);
		x = parsed(rows[i].type);
		assert_int_equal(x.state, DNS_OK);
		assert_int_equal(x.n, 1);
		assert_int_equal(x.ttl, 300);
		buf_reset(&text);
		dns_record_print(&x.record[0], rows[i].type, &text);
		assert_string_equal(buf_cstr(&text), rows[i].text);
	}
	buf_done(&text);
}

static void test_a_chain_is_followed(void **state)
{
	struct dns_answer x;

	(void)state;
	head(0, 3, "a", DNS_A);
	record("a", DNS_CNAME, 20, (struct str){ "\001b\0", 3 });
	record("b", DNS_A, 300, (struct str){ "\300\0\002\1", 4 });
	record("c", DNS_A, 300, (struct str){ "\300\0\002\2", 4 });
	x = parsed(DNS_A);
	assert_int_equal(x.n, 1);
	assert_int_equal(x.ttl, 20);
	assert_true(str_eqc(x.canonical, "b"));
	head(0, 1, "a", DNS_MX);
	record("a", DNS_CNAME, 20, (struct str){ "\001b\0", 3 });
	x = parsed(DNS_MX);
	assert_int_equal(x.state, DNS_NODATA);
	assert_true(str_eqc(x.canonical, "b"));
}

static void test_nothing_is_told_apart(void **state)
{
	(void)state;
	head(0, 0, "a", DNS_A);
	assert_int_equal(parsed(DNS_A).state, DNS_NODATA);
	head(3, 0, "a", DNS_A);
	assert_int_equal(parsed(DNS_A).state, DNS_NXDOMAIN);
	head(2, 0, "a", DNS_A);
	assert_int_equal(parsed(DNS_A).state, DNS_SERVFAIL);
	head(5, 0, "a", DNS_A);
	assert_int_equal(parsed(DNS_A).state, DNS_SERVFAIL);
}

/* C02 */
static void test_bytes_of_strangers_are_data(void **state)
{
	struct dns_answer x;
	struct buf raw;

	(void)state;
	head(0, 1, "a", DNS_TXT);
	record("a", DNS_TXT, 1, (struct str){ "\010a\015\012b\0\\\303\274", 9 });
	x = parsed(DNS_TXT);
	assert_true(str_eqc(x.record[0].data, "a\\013\\010b\\000\\092\303\274"));
	buf_init(&raw, 100);
	assert_int_equal(dns_unescape(x.record[0].data, &raw), 0);
	assert_true(str_eq(buf_view(&raw), (struct str){ "a\015\012b\0\\\303\274", 8 }));
	buf_done(&raw);
	head(0, 1, "a", DNS_TXT);
	record("a", DNS_TXT, 1, (struct str){ "\002x\377", 3 });
	assert_true(str_eqc(parsed(DNS_TXT).record[0].data, "x\\255"));
	head(0, 1, "a", DNS_PTR);
	record("a", DNS_PTR, 1, (struct str){ "\006a\015\012b.c\003org\0", 12 });
	x = parsed(DNS_PTR);
	assert_true(str_eqc(x.record[0].name, "a\\013\\010b\\046c.org"));
	assert_false(dns_is_hostname(x.record[0].name));
}

static void malformed(enum dns_type type)
{
	struct dns_answer x = { .id = 99 };

	assert_true(dns_parse(buf_view(&packet), type, &arena, &x) < 0);
	assert_int_equal(x.id, 99);
}

static void test_damage(void **state)
{
	size_t n, full;

	(void)state;
	/* every prefix of a good one */
	head(0, 2, "a.ex", DNS_MX);
	record("a.ex", DNS_MX, 1, (struct str){ "\0\012\002mx\002ex\0", 9 });
	record("a.ex", DNS_MX, 1, (struct str){ "\0\012\300\014", 4 });
	assert_int_equal(parsed(DNS_MX).n, 2);
	assert_true(str_eqc(parsed(DNS_MX).record[1].name, "a.ex"));
	full = packet.n;
	for (n = 0; n < full; n++) {
		struct dns_answer x;

		assert_true(dns_parse(str_sub(buf_view(&packet), 0, n), DNS_MX, &arena, &x) < 0);
	}
	/* names that never end: to itself, forward */
	head(0, 1, "a", DNS_PTR);
	record("a", DNS_PTR, 1, (struct str){ "\300\040", 2 });
	malformed(DNS_PTR);
	head(0, 1, "a", DNS_PTR);
	record("a", DNS_PTR, 1, (struct str){ "\300\100", 2 });
	malformed(DNS_PTR);
	/* data that is longer or shorter than its type */
	head(0, 1, "a", DNS_A);
	record("a", DNS_A, 1, (struct str){ "\300\0\002\1\1", 5 });
	malformed(DNS_A);
	head(0, 1, "a", DNS_TXT);
	record("a", DNS_TXT, 1, (struct str){ "\005ab", 3 });
	malformed(DNS_TXT);
}

static void test_too_many_records(void **state)
{
	int i;

	(void)state;
	head(0, DNS_RECORDS + 1, "a", DNS_A);
	for (i = 0; i <= DNS_RECORDS; i++)
		record("a", DNS_A, 1, (struct str){ "\300\0\002\1", 4 });
	malformed(DNS_A);
}

static void test_names(void **state)
{
	struct addr a;
	struct buf b;

	(void)state;
	assert_true(dns_is_hostname(STR("mail.example.org")));
	assert_true(dns_is_hostname(STR("localhost")));
	assert_false(dns_is_hostname(STR("-a.org")));
	assert_false(dns_is_hostname(STR("a..org")));
	assert_false(dns_is_hostname(STR("192.0.2.1")));
	assert_false(dns_is_hostname(STR("a.org\r\nx")));
	assert_false(dns_is_hostname(STR("_dmarc.a.org")));
	assert_true(dns_is_name(STR("_dmarc.a.org")));
	buf_init(&b, 200);
	assert_int_equal(addr_parse(STR("192.0.2.1"), &a), 0);
	dns_reverse(&a, &b);
	assert_string_equal(buf_cstr(&b), "1.2.0.192.in-addr.arpa");
	buf_reset(&b);
	assert_int_equal(addr_parse(STR("2001:db8::1"), &a), 0);
	dns_reverse(&a, &b);
	assert_string_equal(buf_cstr(&b), "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	buf_done(&b);
}

static void test_answers_that_do_not_fit_are_refused(void **state)
{
	struct dns_answer x = { .id = 99 };
	struct ipc_msg m;

	(void)state;
	/* ok without records */
	ipc_init(&m, "answer");
	ipc_set_u64(&m, "id", 1);
	ipc_setc(&m, "state", "ok");
	assert_int_equal(resolver_parse(&m, DNS_A, &arena, &x), E_PEER);
	ipc_setc(&m, "record", "192.0.2.1");
	assert_int_equal(resolver_parse(&m, DNS_A, &arena, &x), 0);
	assert_int_equal(resolver_parse(&m, DNS_MX, &arena, &x), E_PEER);
	ipc_done(&m);
}

static void test_hosts(void **state)
{
	static const char text[] = "# c\n127.0.0.1 localhost\n192.0.2.1\tMail.example mail # x other\nbad mail\n::1 mail\n";
	struct addr a[4];

	(void)state;
	assert_int_equal(hosts_find(str_of(text), STR("mail"), a, 4), 2);
	assert_int_equal(a[0].family, 4);
	assert_int_equal(a[1].family, 6);
	assert_int_equal(hosts_find(str_of(text), STR("mail.EXAMPLE"), a, 4), 1);
	assert_int_equal(hosts_find(str_of(text), STR("other"), a, 4), 0);
	assert_int_equal(hosts_find(str_of(text), STR("mail"), a, 1), 1);
	assert_int_equal(resolvconf_servers(STR("search x\nnameserver 192.0.2.53\n nameserver ::1\nnameserver y\n"), a, 4), 2);
	assert_int_equal(a[0].port, 53);
}

static void test_servers(void **state)
{
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse_server(STR("192.0.2.1"), 53, &a), 0);
	assert_int_equal(a.port, 53);
	assert_int_equal(addr_parse_server(STR("[::1]:5353"), 53, &a), 0);
	assert_int_equal(a.port, 5353);
	assert_int_equal(addr_parse_server(STR("2001:db8::1"), 53, &a), 0);
	assert_int_equal(a.family, 6);
	assert_true(addr_parse_server(STR("name:53"), 53, &a) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type),
		cmocka_unit_test(test_a_chain_is_followed),
		cmocka_unit_test(test_nothing_is_told_apart),
		cmocka_unit_test(test_bytes_of_strangers_are_data),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_too_many_records),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_answers_that_do_not_fit_are_refused),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_servers),
	};
	int r;

	arena_init(&arena);
	buf_init(&packet, 1 << 16);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&arena);
	buf_done(&packet);
	return r;
}
