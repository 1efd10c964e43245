/* SPDX-License-Identifier: ISC
 *
 * format_test.c: the texts of a backup: printed, read again, damaged anywhere.
 */
#include "backup/format.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct object_id id_of(const char *text)
{
	struct object_id id;

	sha256_of(str_of(text), id.sha);
	return id;
}

static void test_head_and_line_in_every_bit(void **state)
{
	const struct object_head h = { .id = id_of("x"), .kind = OBJECT_MAILBOX, .packed = true, .size = 12345,
		.stored = 678, .crc = 0xdeadbeef };
	char head[OBJECT_HEAD + 1], line[INDEX_LINE + 1];
	struct object_head back;
	struct object_id id;
	uint64_t at;
	size_t i;

	(void)state;
	object_head_print(&h, head);
	assert_int_equal(strlen(head), OBJECT_HEAD);
	assert_int_equal(object_head_parse(str_of(head), &back), 0);
	assert_memory_equal(&back.id, &h.id, sizeof(h.id));
	assert_int_equal(back.kind, h.kind);
	assert_true(back.packed);
	assert_int_equal(back.size, 12345);
	assert_int_equal(back.stored, 678);
	assert_int_equal(back.crc, 0xdeadbeef);
	for (i = 0; i < OBJECT_HEAD * 8; i++) {
		head[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(object_head_parse(str_make(head, OBJECT_HEAD), &back), E_DAMAGED);
		head[i / 8] ^= (char)(1 << i % 8);
	}
	index_line_print(&h.id, 4711, line);
	assert_int_equal(strlen(line), INDEX_LINE);
	assert_int_equal(index_line_parse(str_of(line), &id, &at), 0);
	assert_int_equal(at, 4711);
	for (i = 0; i < INDEX_LINE * 8; i++) {
		line[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(index_line_parse(str_make(line, INDEX_LINE), &id, &at), E_DAMAGED);
		line[i / 8] ^= (char)(1 << i % 8);
	}
}

static void test_manifest_in_every_bit(void **state)
{
	struct snapshot_mailbox box[2] = { { .address = STR("anna@example.org"), .id = id_of("a"), .messages = 3, .bytes = 9 },
		{ .address = STR("b c@example.org"), .why = STR("it is damaged\n%") } };
	struct snapshot s = { .id = STR("20261122T021500Z"), .repository = STR("0123456789abcdef"), .host = STR("mx"),
		.program = STR("0.1"), .scheduled = true, .began = 5, .ended = 6, .directory = id_of("d"),
		.directory_bytes = 7, .has_queue = true, .queue = id_of("q"), .queue_messages = 1, .mailbox = box,
		.nmailboxes = 2, .messages = 3, .bytes = 9, .new_bytes = 8 }, t;
	struct arena a;
	struct buf b;
	size_t i;

	(void)state;
	arena_init(&a);
	buf_init(&b, 1 << 16);
	snapshot_print(&s, &b);
	assert_int_equal(snapshot_parse(buf_view(&b), &a, &t), 0);
	assert_int_equal(t.nmailboxes, 2);
	assert_true(str_eq(t.mailbox[1].address, box[1].address) && str_eq(t.mailbox[1].why, box[1].why));
	assert_true(t.scheduled && t.has_queue && !t.has_files && snapshot_incomplete(&t));
	assert_int_equal(t.mailbox[0].messages, 3);
	for (i = 0; i < b.n * 8; i++) {
		b.p[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(snapshot_parse(buf_view(&b), &a, &t), E_DAMAGED);
		b.p[i / 8] ^= (char)(1 << i % 8);
		arena_reset(&a);
	}
	for (i = 0; i < b.n; i++)
		assert_int_equal(snapshot_parse(str_make(b.p, i), &a, &t), E_DAMAGED);
	buf_done(&b);
	arena_done(&a);
}

static void test_another_version_is_not_damage(void **state)
{
	unsigned char sha[SHA256_SIZE];
	char hex[SHA256_HEX + 1];
	struct snapshot s;
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a);
	buf_init(&b, 4096);
	buf_puts(&b, "mansio-snapshot 2\nwhatever it may hold\n");
	sha256_of(buf_view(&b), sha);
	sha256_print(sha, hex);
	buf_fmt(&b, "sum %s\n", hex);
	assert_int_equal(snapshot_parse(buf_view(&b), &a, &s), E_UNSUPPORTED);
	buf_done(&b);
	arena_done(&a);
}

static void test_no_path_leads_out(void **state)
{
	static const char *const bad[] = { "../x", "/etc/passwd", "a//b", "a/..", ".", "a%00b", "a%0ab" };
	char text[300], sha[SHA256_HEX + 1];
	const struct object_id id = id_of("x");
	struct kept_mailbox m;
	struct kept_message *k;
	struct kept_queue q;
	struct arena a;
	size_t i, n;

	(void)state;
	arena_init(&a);
	sha256_print(id.sha, sha);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "mansio-mailbox 1\naddress x\nfile %s 1 %s\n", sha, bad[i]);
		assert_int_equal(mailbox_parse(str_of(text), &a, &m), E_DAMAGED);
		snprintf(text, sizeof(text), "mansio-mailbox 1\naddress x\nfolder 1 1 %s\n", bad[i]);
		assert_int_equal(mailbox_parse(str_of(text), &a, &m), E_DAMAGED);
		snprintf(text, sizeof(text), "mansio-list 1\n%s 1 1 1 cur/%s\n", sha, bad[i]);
		assert_int_equal(list_parse(str_of(text), &a, &k, &n), E_DAMAGED);
		snprintf(text, sizeof(text), "mansio-queue 1\ndatabase %s 1\nmessage %s 1 %s\n", sha, sha, bad[i]);
		assert_int_equal(queue_parse(str_of(text), &a, &q), E_DAMAGED);
	}
	snprintf(text, sizeof(text), "mansio-list 1\n%s 1 1 1 cur/a/b\n", sha);
	assert_int_equal(list_parse(str_of(text), &a, &k, &n), E_DAMAGED);
	snprintf(text, sizeof(text), "mansio-list 1\n%s 1 1 1 tmp/a\n", sha);
	assert_int_equal(list_parse(str_of(text), &a, &k, &n), E_DAMAGED);
	snprintf(text, sizeof(text), "mansio-list 1\n%s 1 2 3 cur/a:2,%%20S\n", sha);
	assert_int_equal(list_parse(str_of(text), &a, &k, &n), 0);
	assert_true(n == 1 && str_eqc(k->name, "cur/a:2, S"));
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_head_and_line_in_every_bit),
		cmocka_unit_test(test_manifest_in_every_bit), cmocka_unit_test(test_another_version_is_not_damage),
		cmocka_unit_test(test_no_path_leads_out) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
