/* SPDX-License-Identifier: ISC
 *
 * ipc.c: any bytes as a packet: refused or parsed; what was parsed prints
 * and parses to the same again. As a packet of several messages (net/ipc_queue.h)
 * it is the same ones; one is a packet of one.
 */
#include "net/ipc_queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many messages a packet of these bytes has; all of them, printed, come to `out`. */
static size_t messages(struct str text, struct buf *out, int *last)
{
	struct ipc_packet k;
	struct ipc_msg m;
	size_t n = 0;

	ipc_packet_of(text, &k);
	while ((*last = ipc_packet_next(&k, &m)) > 0) {
		BUG_ON(++n > IPC_BATCH_MESSAGES || ipc_print(&m, out) != 0);
		ipc_done(&m);
	}
	ipc_done(&m);
	ipc_packet_done(&k);
	return n;
}

static void batch(struct str text)
{
	struct buf out, again;
	struct ipc_msg m;
	size_t n;
	int last;

	buf_init(&out, 3 * IPC_MAX);
	buf_init(&again, 3 * IPC_MAX);
	n = messages(text, &out, &last);
	if (n) {
		BUG_ON(messages(buf_view(&out), &again, &last) != n || last != 0);
		BUG_ON(!str_eq(buf_view(&out), buf_view(&again)));
	}
	if (ipc_parse(text, &m) == 0)
		BUG_ON(m.nfds == 0 && n != 1);
	ipc_done(&m);
	buf_done(&out);
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_msg m, again;
	struct buf out;
	size_t i;

	batch(str_make(data, size));
	buf_init(&out, 3 * IPC_MAX);
	if (ipc_parse(str_make(data, size), &m) == 0) {
		BUG_ON(ipc_print(&m, &out) != 0);
		/* needless escapes are shorter afterwards, never longer */
		BUG_ON(out.n > size + sizeof "mansio 1 ");
		BUG_ON(ipc_parse(buf_view(&out), &again) != 0);
		BUG_ON(!str_eq(m.verb, again.verb) || m.nfields != again.nfields || m.nfds != again.nfds);
		for (i = 0; i < m.nfields; i++)
			BUG_ON(!str_eq(m.field[i].name, again.field[i].name) ||
				!str_eq(m.field[i].value, again.field[i].value));
		ipc_done(&again);
	}
	ipc_done(&m);
	buf_done(&out);
	return 0;
}
