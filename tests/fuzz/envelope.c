/* SPDX-License-Identifier: ISC
 *
 * envelope.c: any bytes as the head of a message file, with the checksum put
 * right as well, so that the lines behind it are reached: refused or read; what
 * was read prints and reads to the same again.
 */
#include "base/rand.h"
#include "mail/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str head)
{
	struct envelope e, again;
	struct buf out;
	struct arena a;
	size_t i;

	arena_init(&a);
	buf_init(&out, 2 * ENVELOPE_HEAD_MAX);
	if (!envelope_parse(head, &a, &e)) {
		BUG_ON(!e.nrcpt || !envelope_id_ok(e.id));
		envelope_print(&e, &out);
		BUG_ON(out.err || envelope_length(buf_view(&out), &i) || i != out.n);
		BUG_ON(envelope_parse(buf_view(&out), &a, &again));
		BUG_ON(!str_eq(e.id, again.id) || !str_eq(e.sender, again.sender) || e.time != again.time ||
			e.size != again.size || e.nrcpt != again.nrcpt || e.ret != again.ret);
		BUG_ON(e.requiretls != again.requiretls || e.release != again.release || e.priority != again.priority ||
			!str_eq(e.peer, again.peer) || !str_eq(e.helo, again.helo) || e.forward != again.forward || !str_eq(e.verp, again.verp) || !str_eq(e.future, again.future));
		for (i = 0; i < e.nrcpt; i++)
			BUG_ON(!str_eq(e.rcpt[i].address, again.rcpt[i].address) ||
				e.rcpt[i].number != again.rcpt[i].number || e.rcpt[i].notify != again.rcpt[i].notify ||
				!str_eq(e.rcpt[i].orcpt, again.rcpt[i].orcpt) || e.rcpt[i].code != again.rcpt[i].code ||
				!str_eq(e.rcpt[i].reply, again.rcpt[i].reply));
	}
	buf_done(&out);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str head = str_make(data, size), rest = head;
	struct buf fixed;

	check(head);
	if (str_search(head, STR("\n")) < 0 || size > ENVELOPE_HEAD_MAX / 2)
		return 0;
	str_cut(&rest, '\n');
	buf_init(&fixed, ENVELOPE_HEAD_MAX);
	buf_fmt(&fixed, "mansio-envelope 1 %010zu %08x\n", rest.n + 38, crc32c(0, rest.p, rest.n));
	BUG_ON(fixed.n != 38);
	buf_str(&fixed, rest);
	check(buf_view(&fixed));
	buf_done(&fixed);
	return 0;
}
