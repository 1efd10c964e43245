/* SPDX-License-Identifier: ISC
 *
 * sasl_frame.c: what a client or a front may send for a login: the GS2 header of a
 * SCRAM message, and the frame around it.
 */
#include "auth/frame.h"
#include "auth/gs2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void header(struct str in)
{
	struct cur c = cur_of(in);
	struct gs2 g;

	if (gs2_parse(&c, &g) == 1)
		BUG_ON(g.binding.n + g.authzid.n >= in.n ||
		       (g.flag == GS2_USED) != (g.binding.n > 0));
}

static void frame(struct str in)
{
	struct ipc_msg m, again;
	struct sasl_start s, t;
	struct sasl_step step;

	if (ipc_parse(in, &m) == 0) {
		if (sasl_start_parse(&m, 4096, &s) == 0) {
			BUG_ON(s.initial.n > 4096 || !service_known(s.service));
			/* what goes on to a worker means the same */
			ipc_init(&again, "sasl-start");
			sasl_start_print(&s, &again);
			BUG_ON(sasl_start_parse(&again, 4096, &t) != 0 ||
			       !str_eq(s.initial, t.initial) || !str_eq(s.mech, t.mech) ||
			       !addr_eq(&s.peer, &t.peer) || s.tls != t.tls);
			header(s.initial);
			ipc_done(&again);
		}
		if (sasl_step_parse(&m, 4096, &step) == 0)
			header(step.data);
	}
	ipc_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size);

	header(in);
	frame(in);
	return 0;
}
