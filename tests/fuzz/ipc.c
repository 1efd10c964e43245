/* SPDX-License-Identifier: ISC
 *
 * ipc.c: any bytes as a packet: refused or parsed; what was parsed prints
 * and parses to the same again.
 */
#include "net/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_msg m, again;
	struct buf out;
	size_t i;

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
