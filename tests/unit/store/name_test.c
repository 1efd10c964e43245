/* SPDX-License-Identifier: ISC
 *
 * name_test.c: file names, mansio-folder, folder names.
 */
#include "box.h"

#include "store/folderfile.h"
#include "store/folders.h"
#include "store/name.h"

static void test_parse(void **state)
{
	struct name n;

	(void)state;
	assert_true(name_parse(STR("1795287054.4f2Qr1.mx.example,S=120,W=124,M=7.abc12:2,FSaz"), &n));
	assert_int_equal(n.sec, 1795287054);
	assert_true(str_eqc(n.unique, "4f2Qr1"));
	assert_true(str_eqc(n.base, "1795287054.4f2Qr1.mx.example"));
	assert_int_equal(n.size, 120);
	assert_int_equal(n.wire, 124);
	assert_int_equal(n.uid, 7);
	assert_string_equal(n.tag, "abc12");
	assert_int_equal(n.flags, STORE_FLAGGED | STORE_SEEN);
	assert_int_equal(n.letters, 1 | 1 << 25);
}

static void test_parse_odd_names(void **state)
{
	static const char *const not_marked[] = { "1.a.b,M=0.abcde:2,", "1.a.b,M=07.abcde", "1.a.b,M=7.abcd",
		"1.a.b,M=7.abcdef", "1.a.b,M=7", "1.a.b,M=4294967295.abcde", "1.a.b,M=-7.abcde", "1.a.b,M=x.abcde",
		"1.a.b,U=7", "1.a.b:2,,M=7.abcde", "cur" };
	static const char *const refused[] = { "", ".x", "a/b", "a\nb" };
	char longest[300];
	struct name n;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(not_marked); i++) {
		assert_true(name_parse(str_of(not_marked[i]), &n));
		assert_int_equal(n.uid, 0);
	}
	for (i = 0; i < ARRAY_LEN(refused); i++)
		assert_false(name_parse(str_make(refused[i], strlen(refused[i])), &n));
	memset(longest, 'a', sizeof(longest));
	assert_false(name_parse(str_make(longest, 256), &n));
	assert_true(name_parse(str_make(longest, 255), &n));
	assert_int_equal(n.sec, -1);
}

static void test_print_is_the_way_back(void **state)
{
	static const char *const text[] = { "1.a.b,S=1,M=4294967294.abcde:2,DFPRST",
		"1795287054.M1P2_x.h,S=120,W=124,M=7.abc12:2,abcdefghijklmnopqrstuvwxyz", "x,S=0:2," };
	char out[NAME_SIZE];
	struct name n;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(text); i++) {
		assert_true(name_parse(str_of(text[i]), &n));
		assert_int_equal(name_print(&n, out), 0);
		assert_string_equal(out, text[i]);
	}
}

static void test_fresh_names_are_no_delivery_ids(void **state)
{
	char one[NAME_SIZE], two[NAME_SIZE];
	struct name n;

	(void)state;
	assert_int_equal(name_base(5, STR(""), "a/b:c,d", one), 0);
	assert_int_equal(name_base(5, STR(""), "a/b:c,d", two), 0);
	assert_string_not_equal(one, two);
	assert_true(name_parse(str_of(one), &n));
	assert_int_equal(n.sec, 5);
	assert_false(name_is_delivery_id(n.unique));
	assert_int_equal(name_base(5, STR("Ab9"), "h", one), 0);
	assert_string_equal(one, "5.Ab9.h");
}

static void test_tag_depends_on_folder_and_uidvalidity(void **state)
{
	char one[NAME_TAG + 1], two[NAME_TAG + 1];

	(void)state;
	name_tag(1, 1, one);
	name_tag(1, 1, two);
	assert_string_equal(one, two);
	assert_int_equal(strlen(one), NAME_TAG);
	name_tag(1, 2, two);
	assert_string_not_equal(one, two);
	name_tag(2, 1, two);
	assert_string_not_equal(one, two);
}

#define HEAD "mansio-folder 1\nid 00f1e2d3c4b5a697\nuidvalidity 9\nuidnext 257\nmodseq 4097\n"

static void test_folderfile_round_trip(void **state)
{
	const char *text = HEAD "special \\Sent\nkeyword 0 $Forwarded\nkeyword 30 Work\nacl future line\n";
	struct folderfile f;
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a);
	buf_init(&b, 10000);
	assert_int_equal(folderfile_parse(str_of(text), &a, &f), 0);
	assert_int_equal(f.id, 0x00f1e2d3c4b5a697);
	assert_int_equal(f.uidnext, 257);
	assert_int_equal(f.nkeywords, 31);
	assert_true(str_eqc(f.special, "\\Sent"));
	folderfile_print(&f, &b);
	assert_true(str_eqc(buf_view(&b), text));
	buf_done(&b);
	arena_done(&a);
}

static void test_folderfile_damaged(void **state)
{
	static const char *const bad[] = { "", "mansio-folder 2\n", "mansio-folder 1\n", HEAD "keyword 64 x\n",
		HEAD "keyword 0 a\nkeyword 0 b\n", HEAD "keyword 0 a b\n", HEAD "uidnext 5\n", HEAD "x",
		"mansio-folder 1\nid 0\nuidvalidity 9\nuidnext 1\nmodseq 1\n",
		"mansio-folder 1\nid 00f1e2d3c4b5a697\nuidvalidity 0\nuidnext 1\nmodseq 1\n",
		"mansio-folder 1\nid 00f1e2d3c4b5a697\nuidvalidity 4294967296\nuidnext 1\nmodseq 1\n" };
	struct folderfile f;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(folderfile_parse(str_make(bad[i], strlen(bad[i])), &a, &f), E_DAMAGED);
	arena_done(&a);
}

static void test_folder_names(void **state)
{
	static const struct { const char *name, *dir; } row[] = {
		{ "INBOX", "Maildir" }, { "inbox", "Maildir" }, { "A/B", "Maildir/.A.B" },
		{ "a.b", "Maildir/.a&AC4-b" }, { "R&D", "Maildir/.R&-D" }, { "\xc3\xa9.x/y", "Maildir/.&AOk-&AC4-x.y" },
		{ "a..b", "Maildir/.a&AC4-&AC4-b" }, { "...", "Maildir/.&AC4-&AC4-&AC4-" },
	};
	static const char *const bad[] = { "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a\x01", "\xff" };
	char dir[STORE_DIR_SIZE], wide[10001];
	struct arena a;
	struct str name;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(folders_dir(str_of(row[i].name), dir), 0);
		assert_string_equal(dir, row[i].dir);
		if (i < 2)
			continue;
		assert_int_equal(folders_name(str_of(dir + 8), &a, &name), 0);
		assert_true(str_eqc(name, row[i].name));
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(folders_dir(str_make(bad[i], strlen(bad[i])), dir), E_SYNTAX);
	assert_int_equal(folders_dir(str_make("a\0b", 3), dir), E_SYNTAX);
	memset(wide, 'x', sizeof(wide));
	assert_int_equal(folders_dir(str_make(wide, 10000), dir), E_SYNTAX);
	assert_int_equal(folders_dir(str_make(wide, 255), dir), E_SYNTAX);
	assert_int_equal(folders_dir(str_make(wide, 254), dir), 0);
	assert_int_equal(folders_name(STR(".a&b"), &a, &name), E_SYNTAX);
	assert_int_equal(folders_name(STR(".INBOX"), &a, &name), E_SYNTAX);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_parse_odd_names),
		cmocka_unit_test(test_print_is_the_way_back), cmocka_unit_test(test_fresh_names_are_no_delivery_ids),
		cmocka_unit_test(test_tag_depends_on_folder_and_uidvalidity),
		cmocka_unit_test(test_folderfile_round_trip), cmocka_unit_test(test_folderfile_damaged),
		cmocka_unit_test(test_folder_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
