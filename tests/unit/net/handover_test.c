/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/handover.h"

/* Through the packet: what the other side parses. */
static int roundtrip(const struct handover *h, struct ipc_msg *got, struct handover *out)
{
	struct ipc_msg m;
	struct buf packet;
	int r;

	ipc_init(&m, "handover");
	handover_print(h, &m);
	buf_init(&packet, IPC_MAX);
	r = ipc_print(&m, &packet);
	if (r == 0)
		r = ipc_parse(buf_view(&packet), got);
	buf_done(&packet);
	ipc_done(&m);
	return r < 0 ? r : handover_parse(got, out);
}

static void every_field_survives_the_way(void **state)
{
	struct handover h = { .id = STR("abcdefghij01"), .service = STR("submission"), .ticket = STR("t1"),
		.user = STR("anna@example.org"), .tls_version = STR("TLSv1.3"), .tls_cipher = STR("AES"),
		.tls_sni = STR("mx.example.org"), .tls_bits = 256, .client_cert = STR("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
		.client_key = STR("ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"), .pumped = true, .helo = STR("[192.0.2.1]"),
		.esmtp = true, .tag = STR("a1"), .id_params = STR("name=x"), .command = STR("MAIL\r\n\0%\xff"),
		.errors = 3, .state = STR("tx=1"), .look = STR("look 1\nlook 2"), .idle_left = 5000,
		.may_sleep = true, .parked = 5, .parked_data = true, .parked_need = 99, .pressed = true };
	struct handover g;
	struct ipc_msg m;

	(void)state;
	assert_int_equal(addr_parse(STR("2001:db8::1"), &h.peer), 0);
	h.peer.port = 4711;
	assert_int_equal(addr_parse(STR("192.0.2.9"), &h.local), 0);
	h.local.port = 587;
	assert_int_equal(roundtrip(&h, &m, &g), 0);
	assert_true(str_eq(g.id, h.id) && str_eq(g.service, h.service) && str_eq(g.ticket, h.ticket));
	assert_true(str_eq(g.user, h.user) && str_eq(g.tls_version, h.tls_version));
	assert_true(str_eq(g.tls_cipher, h.tls_cipher) && str_eq(g.tls_sni, h.tls_sni));
	assert_true(str_eq(g.client_cert, h.client_cert) && str_eq(g.client_key, h.client_key));
	assert_true(str_eq(g.helo, h.helo) && str_eq(g.tag, h.tag) && str_eq(g.id_params, h.id_params));
	assert_true(str_eq(g.command, h.command) && str_eq(g.state, h.state));
	assert_true(addr_eq(&g.peer, &h.peer) && g.peer.port == 4711);
	assert_true(addr_eq(&g.local, &h.local) && g.local.port == 587);
	assert_true(str_eq(g.look, h.look) && g.idle_left == 5000 && g.may_sleep);
	assert_true(g.parked == 5 && g.parked_data && g.parked_need == 99 && g.pressed);
	assert_true(g.pumped && g.esmtp && g.tls_bits == 256 && g.errors == 3);
	ipc_done(&m);
}

static void what_is_missing_is_empty(void **state)
{
	struct handover h = { .id = STR("abcdefghij01"), .service = STR("smtp") }, g;
	struct ipc_msg m;

	(void)state;
	assert_int_equal(roundtrip(&h, &m, &g), 0);
	assert_int_equal(g.peer.family, 0);
	assert_int_equal(g.ticket.n + g.command.n + g.tls_version.n, 0);
	assert_false(g.pumped || g.esmtp);
	ipc_done(&m);
}

static void nonsense_is_the_peers_fault(void **state)
{
	static const struct {
		const char *name, *value;
	} bad[] = { { "id", "short" }, { "id", "ABCDEFGHIJ01" }, { "service", "" },
		{ "peer", "not an address" }, { "peer_port", "70000" }, { "errors", "-1" }, { "tls_bits", "x" }, { "client_cert", "00" },
		{ "client_key", "xx112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct handover g;
		struct ipc_msg m;

		ipc_init(&m, "handover");
		if (strcmp(bad[i].name, "id") != 0)
			ipc_setc(&m, "id", "abcdefghij01");
		if (strcmp(bad[i].name, "service") != 0)
			ipc_setc(&m, "service", "smtp");
		if (strcmp(bad[i].name, "peer_port") == 0)
			ipc_setc(&m, "peer", "192.0.2.1");
		ipc_setc(&m, bad[i].name, bad[i].value);
		assert_int_equal(handover_parse(&m, &g), E_PEER);
		ipc_done(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_survives_the_way),
		cmocka_unit_test(what_is_missing_is_empty),
		cmocka_unit_test(nonsense_is_the_peers_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
