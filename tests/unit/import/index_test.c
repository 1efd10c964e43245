/* SPDX-License-Identifier: ISC
 *
 * The files of Dovecot and Courier: what they say, and what a line that is none does.
 */
#include "import/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct box {
	struct arena a;
	struct index x;
};

static int setup(void **state)
{
	struct box *b = mem_alloc(1, sizeof(*b));

	arena_init(&b->a);
	index_init(&b->x, &b->a);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;

	index_done(&b->x);
	arena_done(&b->a);
	free(b);
	return 0;
}

static uint32_t uid_of(const struct index *x, const char *base)
{
	const struct index_entry *e = index_find(x, str_of(base));

	return e ? e->uid : 0;
}

static void dovecot_version_3(void **state)
{
	struct box *b = *state;

	assert_int_equal(index_dovecot_uidlist(&b->x, STR(
		"3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n"
		"25006 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,\n"
		"25017 W2481 S2448 :1276533073.M242911P3632.kurkku\n"
		"25018 Pold-uidl-7 Gabc O5 :1276533073.M242911P3633.kurkku\n"
		"25019 :gone\n"
		"25020 :1276533073.M242911P3632.kurkku:2,S\n")), 0);
	assert_int_equal(b->x.uidvalidity, 1275660208);
	assert_int_equal(b->x.uidnext, 25022);
	assert_int_equal(uid_of(&b->x, "1276528487.M364837P9451.kurkku"), 25006);
	/* of two lines about one file the later counts */
	assert_int_equal(uid_of(&b->x, "1276533073.M242911P3632.kurkku"), 25020);
	assert_int_equal(b->x.doubles, 1);
	assert_true(str_eqc(index_find(&b->x, STR("1276533073.M242911P3633.kurkku"))->uidl, "old-uidl-7"));
	assert_int_equal(b->x.bad, 0);
}

static void dovecot_version_1(void **state)
{
	struct box *b = *state;

	assert_int_equal(index_dovecot_uidlist(&b->x, STR("1 1173189136 20221\n12 1.a.b:2,S\n13 2.a.b,S=3\n")), 0);
	assert_int_equal(b->x.uidvalidity, 1173189136);
	assert_int_equal(uid_of(&b->x, "1.a.b"), 12);
	assert_int_equal(uid_of(&b->x, "2.a.b"), 13);
}

static void a_head_that_says_nothing_is_damage(void **state)
{
	static const char *const heads[] = { "", "\n", "2 V1 N2\n", "3\n", "3 V1\n", "3 N5 V0\n", "3 V99999999999 N5\n",
		"1 5\n", "1 0 5\n", "1 x y\n", "3 V5 Nx\n", "V5 N6 3\n" };
	struct box *b = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(heads); i++) {
		assert_int_equal(index_dovecot_uidlist(&b->x, str_of(heads[i])), E_DAMAGED);
		assert_int_equal(b->x.uidvalidity, 0);
	}
	assert_int_equal(index_courier_uids(&b->x, STR("2 1 1\n")), E_DAMAGED);
	assert_int_equal(index_courier_pop3(&b->x, STR("/1 5 6\n")), E_DAMAGED);
}

static void lines_that_are_none_are_counted(void **state)
{
	struct box *b = *state;

	assert_int_equal(index_dovecot_uidlist(&b->x, STR("3 V5 N9\n"
		"x :1.a\n" "0 :2.a\n" "4294967295 :3.a\n" "5\n" "6 :\n" "7 :../../etc/passwd\n" "8 :\x01x\n" "4 :4.a\n")), 0);
	assert_int_equal(b->x.bad, 7);
	assert_int_equal(uid_of(&b->x, "4.a"), 4);
	assert_int_equal(b->x.uidnext, 9);
	/* a POP3 id with what may not stand in one is none */
	assert_int_equal(index_dovecot_uidlist(&b->x, STR("3 V5 N9\n5 P\x7f :5.a\n")), 0);
	assert_int_equal(index_find(&b->x, STR("5.a"))->uidl.n, 0);
	/* UIDNEXT is above every UID, whatever the head says */
	assert_int_equal(index_dovecot_uidlist(&b->x, STR("3 V5 N2\n700 :7.a\n")), 0);
	assert_int_equal(b->x.uidnext, 701);
}

static void courier_uids_pop3_ids_and_keywords(void **state)
{
	struct box *b = *state;

	assert_int_equal(index_courier_uids(&b->x, STR("1 795315132 13\n1 100.M1.vm,S=164\n3 101.M2.vm\nx y\n")), 0);
	assert_int_equal(b->x.uidvalidity, 795315132);
	assert_int_equal(b->x.uidnext, 13);
	assert_int_equal(uid_of(&b->x, "101.M2.vm"), 3);
	assert_int_equal(b->x.bad, 1);
	assert_int_equal(index_courier_pop3(&b->x, STR("/3 11 1795\n100.M1.vm,S=164:2,S 171 1:1795:0\n"
		"101.M2.vm:2, 5 2:0:0\n102.M3 5 0:0\n" "broken\n a b\n103.M4 1 x:1\n")), 0);
	assert_true(str_eqc(index_find(&b->x, STR("100.M1.vm"))->uidl, "UID1-1795"));
	assert_true(str_eqc(index_find(&b->x, STR("101.M2.vm"))->uidl, "UID2"));
	assert_true(str_eqc(index_find(&b->x, STR("102.M3"))->uidl, "102.M3"));
	index_courier_keywords(&b->x, STR("NonJunk\n$Work\n\n100.M1.vm,S=164:1 0\n101.M2.vm:0 7 x\nnone\n"));
	assert_true(str_eqc(index_find(&b->x, STR("100.M1.vm"))->keywords, "$Work NonJunk"));
	assert_true(str_eqc(index_find(&b->x, STR("101.M2.vm"))->keywords, "NonJunk"));
	index_courier_keyword_file(&b->x, STR(".5984384.100.M1.vm,S=164"), STR("Blue\nwith space\n"));
	assert_true(str_eqc(index_find(&b->x, STR("100.M1.vm"))->keywords, "Blue"));
	index_courier_keyword_file(&b->x, STR("."), STR("Blue\n"));
}

static void dovecot_keywords_beyond_the_letters(void **state)
{
	struct box *b = *state;
	struct str name[INDEX_KEYWORDS];
	size_t beyond;

	index_dovecot_keywords(STR("0 $Work\n25 Last\n26 None\nx y\n3\n1 a b\n"), &b->a, name, &beyond);
	assert_true(str_eqc(name[0], "$Work"));
	assert_true(str_eqc(name[25], "Last"));
	assert_int_equal(beyond, 1);
	assert_null(name[3].p);
}

static void names_of_folders(void **state)
{
	static const struct { const char *disk; char sep; const char *name; } c[] = {
		{ "Sent", '.', "Sent" }, { "A.B", '.', "A/B" }, { "M&APw-ller", '.', "Müller" }, { "Müller", '.', "Müller" },
		{ "R&D", '.', "R&D" }, { "&AC8-", '.', "&AC8-" }, { "a..b", '.', "a/_/b" }, { "A.B/C", '/', "A.B/C" },
		{ "inbox", '.', "inbox_" }, { "..", '/', "__" }, { "x\x01y", '.', "x_y" }, { "\xff", '.', "_" },
		{ "INBOX.x", '.', "INBOX/x" },
	};
	struct box *b = *state;
	struct str out;
	size_t i;

	for (i = 0; i < ARRAY_LEN(c); i++) {
		assert_int_equal(index_folder_name(str_of(c[i].disk), c[i].sep, &b->a, &out), 0);
		if (!str_eqc(out, c[i].name))
			fail_msg("%s: %.*s", c[i].disk, STRF(out));
	}
	assert_int_equal(index_folder_name(STR(""), '.', &b->a, &out), E_SYNTAX);
}

static void subscriptions_of_all_three_kinds(void **state)
{
	struct box *b = *state;
	struct str *s;

	assert_int_equal(index_subscriptions(STR("INBOX\nKunden.M&APw-ller\n\n"), false, &b->a, &s), 2);
	assert_true(str_eqc(s[0], "INBOX") && str_eqc(s[1], "Kunden/Müller"));
	assert_int_equal(index_subscriptions(STR("V\t2\n\nKunden\tM&APw-ller\nA.b\n"), false, &b->a, &s), 2);
	assert_true(str_eqc(s[0], "Kunden/Müller") && str_eqc(s[1], "A.b"));
	assert_int_equal(index_subscriptions(STR("INBOX.Kunden.Müller\nINBOX\n"), true, &b->a, &s), 2);
	assert_true(str_eqc(s[0], "Kunden/Müller") && str_eqc(s[1], "INBOX"));
}

static void formats_of_pop3_ids(void **state)
{
	static const struct { const char *format, *out; } c[] = { { "%08Xu%08Xv", "0000000a499602d2" }, { "%v-%u", "1234567890-10" },
		{ "%f", "1.a" }, { "UID%u", "UID10" }, { "%5u", "   10" } };
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(c); i++) {
		buf_init(&b, 1000);
		assert_int_equal(index_uidl(c[i].format, 10, 1234567890, STR("1.a"), &b), 0);
		assert_string_equal(buf_cstr(&b), c[i].out);
		buf_done(&b);
	}
	buf_init(&b, 1000);
	assert_int_equal(index_uidl("%g", 1, 1, STR("x"), &b), E_SYNTAX);
	assert_int_equal(index_uidl("%", 1, 1, STR("x"), &b), E_SYNTAX);
	assert_int_equal(index_uidl("%99999u", 1, 1, STR("x"), &b), E_SYNTAX);
	buf_done(&b);
}

/* Every truncation and every flipped bit of a list: no crash, and never a UID that is none. */
static void cut_and_flipped_lists(void **state)
{
	static const char good[] = "3 V1275660208 N25022 G3085\n25006 :1.M1\n25017 W2481 S2448 Pabc :2.M2,S=5\n25018 :3.M3\n";
	char text[sizeof(good)];
	struct box *b = *state;
	size_t i, bit;

	(void)b;
	for (i = 0; i < sizeof(good) - 1; i++)
		for (bit = 0; bit < 9; bit++) {
			struct arena a;
			struct index x;

			arena_init(&a);
			index_init(&x, &a);
			memcpy(text, good, sizeof(good));
			if (bit < 8)
				text[i] = (char)(text[i] ^ (1 << bit));
			if (index_dovecot_uidlist(&x, str_make(text, bit < 8 ? sizeof(good) - 1 : i)) == 0) {
				assert_true(x.uidvalidity && x.uidnext && x.uidnext <= INDEX_UID_MAX + 1);
				assert_true(uid_of(&x, "1.M1") < x.uidnext && uid_of(&x, "3.M3") < x.uidnext);
			}
			index_done(&x);
			arena_done(&a);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dovecot_version_3, setup, teardown),
		cmocka_unit_test_setup_teardown(dovecot_version_1, setup, teardown),
		cmocka_unit_test_setup_teardown(a_head_that_says_nothing_is_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_that_are_none_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(courier_uids_pop3_ids_and_keywords, setup, teardown),
		cmocka_unit_test_setup_teardown(dovecot_keywords_beyond_the_letters, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(subscriptions_of_all_three_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(formats_of_pop3_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_and_flipped_lists, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
