/* SPDX-License-Identifier: ISC
 *
 * envelope_test.c: the head of a message file: everything comes back as it was,
 * and nothing that is torn, changed or nonsense is read.
 */
#include "mail/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/rand.h"

static struct envelope_rcpt rcpt[] = {
	{ .address = STR("anna@example.org"), .number = 1, .local = true },
	{ .address = STR("\"a b%=,\"@example.net"), .number = 2, .notify = NOTIFY_SUCCESS | NOTIFY_DELAY,
		.orcpt = STR("rfc822;x+2Bz@example.net") },
	{ .address = STR("d\xc3\xb6@example.net"), .number = 7, .notify = NOTIFY_NEVER },
	{ .address = STR("full@example.org"), .number = 900, .local = true, .code = 552, .status = STR("5.2.2"),
		.reply = STR("Mailbox is full\nrcpt=evil@example.net number=901") },
};
static const struct envelope all = {
	.id = STR("k3v9x2m4p8q1"),
	.time = 1795000000,
	.sender = STR("bert@example.org"),
	.confirmed = true,
	.sender_local = true,
	.user = STR("bert@example.org"),
	.session = STR("s1s2s3s4s5s6"),
	.envid = STR("QQ314159+2B"),
	.ret = RET_HDRS,
	.body8 = true,
	.smtputf8 = true,
	.requiretls = true,
	.release = 1795003600,
	.priority = -4,
	.peer = STR("2001:db8::25"),
	.helo = STR("mx one=\n"),
	.forward = true,
	.hold = true,
	.size = 12345678901,
	.rcpt = rcpt,
	.nrcpt = ARRAY_LEN(rcpt),
};

static void same(const struct envelope *a, const struct envelope *b)
{
	size_t i;

	assert_true(str_eq(a->id, b->id) && a->time == b->time && a->size == b->size);
	assert_true(str_eq(a->sender, b->sender) && str_eq(a->user, b->user) && str_eq(a->session, b->session));
	assert_true(str_eq(a->envid, b->envid) && a->ret == b->ret);
	assert_true(a->confirmed == b->confirmed && a->sender_local == b->sender_local);
	assert_true(a->body8 == b->body8 && a->smtputf8 == b->smtputf8 && a->report == b->report);
	assert_true(a->requiretls == b->requiretls && a->release == b->release && a->priority == b->priority);
	assert_true(str_eq(a->peer, b->peer) && str_eq(a->helo, b->helo) && a->forward == b->forward && a->hold == b->hold);
	assert_int_equal(a->nrcpt, b->nrcpt);
	for (i = 0; i < a->nrcpt; i++) {
		const struct envelope_rcpt *x = &a->rcpt[i], *y = &b->rcpt[i];

		assert_true(str_eq(x->address, y->address) && x->number == y->number && x->local == y->local);
		assert_true(x->notify == y->notify && str_eq(x->orcpt, y->orcpt) && x->code == y->code);
		assert_true(str_eq(x->status, y->status) && str_eq(x->reply, y->reply));
	}
}

static void comes_back(void **state)
{
	struct envelope_rcpt one = { .address = STR("a@b"), .number = 0 };
	struct envelope small = { .id = STR("A1"), .rcpt = &one, .nrcpt = 1, .report = true, .priority = 9 }, got = { 0 };
	struct arena a;
	struct buf out;
	size_t n = 0;

	(void)state;
	arena_init(&a);
	buf_init(&out, 1 << 20);
	envelope_print(&all, &out);
	assert_int_equal(out.err, 0);
	assert_int_equal(envelope_length(str_sub(buf_view(&out), 0, 40), &n), 0);
	assert_int_equal(n, out.n);
	assert_int_equal(envelope_parse(buf_view(&out), &a, &got), 0);
	same(&all, &got);
	n = out.n; /* behind other bytes */
	envelope_print(&small, &out);
	assert_int_equal(envelope_parse(str_from(buf_view(&out), n), &a, &got), 0);
	same(&small, &got);
	buf_done(&out);
	arena_done(&a);
}

/* No cut, no changed byte is taken for an envelope. */
static void torn_or_changed(void **state)
{
	struct envelope got = { 0 };
	struct arena a;
	struct buf out;
	size_t i, n;

	(void)state;
	arena_init(&a);
	buf_init(&out, 1 << 20);
	envelope_print(&all, &out);
	for (i = 0; i < out.n; i++) {
		arena_reset(&a);
		assert_int_not_equal(envelope_parse(str_sub(buf_view(&out), 0, i), &a, &got), 0);
		out.p[i] = (char)(out.p[i] ^ 1);
		assert_int_not_equal(envelope_parse(buf_view(&out), &a, &got), 0);
		if (i >= 38)
			assert_int_equal(envelope_parse(buf_view(&out), &a, &got), E_DAMAGED);
		out.p[i] = (char)(out.p[i] ^ 1);
	}
	assert_int_equal(envelope_parse(buf_view(&out), &a, &got), 0);
	buf_puts(&out, "x");
	assert_int_equal(envelope_parse(buf_view(&out), &a, &got), E_SYNTAX);
	assert_int_equal(envelope_length(STR(""), &n), E_SYNTAX);
	assert_int_equal(envelope_length(STR("mansio-envelope 1 0009999999 00000000\n"), &n), E_LIMIT);
	assert_int_equal(envelope_length(STR("mansio-envelope 1 0000000038 00000000\n"), &n), E_SYNTAX);
	assert_int_equal(envelope_length(STR("mansio-envelope 2 whatever"), &n), E_UNSUPPORTED);
	assert_int_equal(envelope_length(STR("Received: from a by b; a long line of a mail"), &n), E_SYNTAX);
	buf_done(&out);
	arena_done(&a);
}

/* Lines with a good checksum, as another program might write them. */
static void lines(void **state)
{
#define GOOD "id=a1\ntime=5\nsize=9\nsender=\n"
#define R "rcpt=a@b number=1"
	static const struct {
		const char *text;
		int r;
	} row[] = {
		{ GOOD R "\n\n", 0 },
		{ R " later=x\n" GOOD "newer=field\n\n", 0 },
		{ GOOD R "\nrcpt=c@d number=2\n\n", 0 },
		{ GOOD R "\n", E_SYNTAX }, /* no empty line */
		{ GOOD R "\n\n\n", E_SYNTAX },
		{ GOOD R "\n\nrcpt=c@d number=2\n", E_SYNTAX },
		{ GOOD "\n", E_SYNTAX }, /* no recipient */
		{ "time=5\nsize=9\nsender=\n" R "\n\n", E_SYNTAX },
		{ "id=a1\nsize=9\nsender=\n" R "\n\n", E_SYNTAX },
		{ "id=a1\ntime=5\nsender=\n" R "\n\n", E_SYNTAX },
		{ "id=a1\ntime=5\nsize=9\n" R "\n\n", E_SYNTAX }, /* null and missing are two things */
		{ GOOD "id=a2\n" R "\n\n", E_SYNTAX }, /* twice */
		{ "id=../x\ntime=5\nsize=9\nsender=\n" R "\n\n", E_SYNTAX },
		{ "id=\ntime=5\nsize=9\nsender=\n" R "\n\n", E_SYNTAX },
		{ "id=a1\ntime=-5\nsize=9\nsender=\n" R "\n\n", E_SYNTAX },
		{ "id=a1\ntime=5\nsize=9223372036854775808\nsender=\n" R "\n\n", E_LIMIT },
		{ GOOD "confirmed=yes\n" R "\n\n", E_SYNTAX },
		{ GOOD "ret=some\n" R "\n\n", E_SYNTAX },
		{ GOOD "user=a b\n" R "\n\n", E_SYNTAX }, /* not encoded */
		{ GOOD "nonsense\n" R "\n\n", E_SYNTAX },
		{ GOOD "priority=-9\n" R "\n\n", 0 },
		{ GOOD "priority=10\n" R "\n\n", E_LIMIT },
		{ GOOD "priority=-\n" R "\n\n", E_SYNTAX },
		{ GOOD "priority=--1\n" R "\n\n", E_SYNTAX },
		{ GOOD "release=-1\n" R "\n\n", E_SYNTAX },
		{ GOOD "release=1\nrelease=2\n" R "\n\n", E_SYNTAX },
		{ GOOD "requiretls=0\n" R "\n\n", E_SYNTAX },
		{ GOOD "forward=yes\n" R "\n\n", E_SYNTAX },
		{ GOOD "rcpt=a@b\n\n", E_SYNTAX }, /* without number */
		{ GOOD "rcpt= number=1\n\n", E_SYNTAX },
		{ GOOD R "\nrcpt=c@d number=1\n\n", E_SYNTAX },
		{ GOOD "rcpt=a@b number=4294967296\n\n", E_LIMIT },
		{ GOOD R " code=600\n\n", E_LIMIT },
		{ GOOD R " notify=success,failure,delay\n\n", 0 },
		{ GOOD R " notify=never\n\n", 0 },
		{ GOOD R " notify=never,delay\n\n", E_SYNTAX },
		{ GOOD R " notify=success,success\n\n", E_SYNTAX },
		{ GOOD R " notify=\n\n", E_SYNTAX },
		{ GOOD R " orcpt=%0\n\n", E_SYNTAX },
		{ GOOD R "  local=1\n\n", E_SYNTAX },
	};
	struct envelope got = { 0 };
	struct arena a;
	struct buf head;
	size_t i;

	(void)state;
	arena_init(&a);
	buf_init(&head, 4096);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		size_t n = strlen(row[i].text);
		int r;

		buf_reset(&head);
		buf_fmt(&head, "mansio-envelope 1 %010zu %08x\n%s", n + 38, crc32c(0, row[i].text, n), row[i].text);
		r = envelope_parse(buf_view(&head), &a, &got);
		if (r != row[i].r)
			fail_msg("%s: %d", row[i].text, r);
	}
	buf_done(&head);
	arena_done(&a);
}

static void limits(void **state)
{
	static char text[3000];
	struct envelope_rcpt *many = mem_alloc(2000, sizeof *many);
	struct envelope e = { .id = STR("a1"), .rcpt = many, .nrcpt = 2000 };
	struct buf out;
	size_t i;

	(void)state;
	memset(text, 'x', sizeof text);
	for (i = 0; i < 2000; i++)
		many[i] = (struct envelope_rcpt){ .address = str_make(text, sizeof text), .number = (uint32_t)i };
	buf_init(&out, 2 * ENVELOPE_HEAD_MAX);
	envelope_print(&e, &out);
	assert_int_equal(out.err, E_LIMIT);
	buf_done(&out);
	free(many);
	assert_true(envelope_id_ok(STR("0123456789abcdefghijklmnopqrstUV")));
	assert_false(envelope_id_ok(STR("0123456789abcdefghijklmnopqrstUVW")));
	assert_false(envelope_id_ok(STR("a/b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(torn_or_changed),
		cmocka_unit_test(lines),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
