/* SPDX-License-Identifier: ISC
 *
 * The file of bans and known pairs (auth/ban_file.h), and names before a login (auth/peek.h).
 */
#include "auth/ban_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/peek.h"

static int dir;
static char folder[] = "/tmp/ban-file.XXXXXX";

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/ban-file.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	return dir < 0;
}

static int teardown(void **state)
{
	(void)state;
	unlinkat(dir, "networks", 0);
	close(dir);
	return rmdir(folder);
}

static struct ban_record got[8];
static size_t ngot;

static bool take(void *arg, size_t slot, const struct ban_record *r)
{
	(void)arg;
	assert_int_equal(slot, ngot);
	if (ngot < ARRAY_LEN(got))
		got[ngot] = *r;
	ngot++;
	return r->kind != 0;
}

static void reads(size_t max)
{
	struct ban_file f;

	ngot = 0;
	assert_int_equal(ban_file_open(&f, dir), 0);
	ban_file_read(&f, max, take, NULL);
	ban_file_close(&f);
}

static void what_is_written_is_read_and_a_torn_slot_is_empty(void **state)
{
	struct ban_record r = { .kind = 1, .until = INT64_MAX, .since = -5, .level = 3, .count = 70000, .comment = "why" };
	struct ban_file f;
	char byte = 'X';

	(void)state;
	assert_int_equal(addr_net_parse(STR("2001:db8::/48"), &r.net), 0);
	assert_int_equal(ban_file_open(&f, dir), 0);
	assert_false(ban_file_write(&f, 2, &r));
	memset(r.who, 7, sizeof(r.who));
	r.kind = 2;
	assert_false(ban_file_write(&f, 0, &r));
	assert_false(ban_file_write(&f, 3, &r));
	assert_int_equal(pwrite(f.fd, &byte, 1, 3 * 136 + 40), 1);
	ban_file_close(&f);
	reads(10);
	assert_int_equal(ngot, 4);
	assert_int_equal(got[0].kind, 2);
	assert_memory_equal(got[0].who, r.who, 16);
	assert_int_equal(got[1].kind, 0);
	assert_int_equal(got[2].kind, 1);
	assert_true(addr_eq(&got[2].net.net, &r.net.net));
	assert_int_equal(got[2].net.bits, 48);
	assert_true(got[2].until == INT64_MAX && got[2].since == -5);
	assert_int_equal(got[2].level, 3);
	assert_int_equal(got[2].count, 70000);
	assert_string_equal(got[2].comment, "why");
	assert_int_equal(got[3].kind, 0);
	/* less is kept now: what lies behind goes */
	reads(1);
	assert_int_equal(ngot, 1);
	reads(10);
	assert_int_equal(ngot, 1);
}

static void a_full_disk_is_told_once(void **state)
{
	struct ban_record r = { .kind = 1 };
	struct ban_file f = { .fd = open("/dev/full", O_WRONLY) };

	(void)state;
	assert_true(ban_file_write(&f, 0, &r));
	assert_false(ban_file_write(&f, 0, &r));
	ban_file_close(&f);
	assert_false(ban_file_write(&f, 0, &r)); /* there is none */
}

static void the_name_of_a_login_is_seen_before_it_is_tried(void **state)
{
	static const struct {
		const char *mech;
		struct str data;
		const char *name;
	} row[] = {
		{ "PLAIN", STR("\0anna@example.org\0secret"), "anna@example.org" },
		{ "PLAIN", STR("boss\0Anna@EXAMPLE.org\0secret"), "anna@example.org" },
		{ "PLAIN", STR("nothing"), "" },
		{ "PLAIN", STR(""), "" },
		{ "LOGIN", STR("anna@example.org"), "anna@example.org" },
		{ "LOGIN", STR("A\xef\xbd\x8e" "NA\xef\xbc\xa0" "Example.org"), "anna@example.org" }, /* full width, "@" too */
		{ "SCRAM-SHA-256", STR("n,,n=a=2Cb=3Dc,r=1"), "a,b=c" },
		{ "SCRAM-SHA-256-PLUS", STR("p=tls-exporter,a=x@y,m=1,n=anna@example.org,r=1"), "anna@example.org" },
		{ "SCRAM-SHA-256", STR("n,,r=1"), "" },
		{ "XOAUTH2", STR("user=anna@example.org"), "" },
		{ "XOAUTH2", STR("user=Anna@example.org\1auth=Bearer t\1\1"), "anna@example.org" },
		{ "OAUTHBEARER", STR("n,a=anna@example.org,\1auth=Bearer t\1\1"), "anna@example.org" },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer t\1\1"), "" },
	};
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct str name = peek_name(str_of(row[i].mech), row[i].data, &a);

		assert_non_null(name.p);
		assert_string_equal(arena_cstr(&a, name), row[i].name);
	}
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read_and_a_torn_slot_is_empty, setup, teardown),
		cmocka_unit_test(a_full_disk_is_told_once),
		cmocka_unit_test(the_name_of_a_login_is_seen_before_it_is_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
