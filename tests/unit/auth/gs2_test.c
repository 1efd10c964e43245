/* SPDX-License-Identifier: ISC
 *
 * GS2 headers and SASL frames: what is taken and what is refused.
 */
#include "auth/frame.h"
#include "auth/gs2.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void headers(void **state)
{
	static const struct {
		const char *text;
		int result;
		enum gs2_flag flag;
		const char *binding, *authzid, *rest;
	} rows[] = {
		{ "n,,n=user,r=x", 1, GS2_NONE, "", "", "n=user,r=x" },
		{ "y,,", 1, GS2_UNUSED, "", "", "" },
		{ "p=tls-exporter,,n=", 1, GS2_USED, "tls-exporter", "", "n=" },
		{ "p=tls-server-end-point,a=anna=2Cx=3D,z", 1, GS2_USED, "tls-server-end-point",
			"anna=2Cx=3D", "z" },
		{ "n,a=\xc3\xa4,", 1, GS2_NONE, "", "\xc3\xa4", "" },
		{ "", E_SYNTAX }, { "n", E_SYNTAX }, { "n,", E_SYNTAX }, { "n,a=", E_SYNTAX },
		{ "n,a=,", E_SYNTAX }, { "n,a=x", E_SYNTAX }, { "n,b,", E_SYNTAX },
		{ "n,a==2D,", E_SYNTAX }, { "n,a==,", E_SYNTAX }, { "n,a=\xff,", E_SYNTAX },
		{ "p,,", E_SYNTAX }, { "p=,,", E_SYNTAX }, { "p=tls unique,,", E_SYNTAX },
		{ "F,n,,", E_SYNTAX }, { "N,,", E_SYNTAX },
	};
	struct gs2 g;
	struct cur c;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		c = cur_of(str_of(rows[i].text));
		assert_int_equal(gs2_parse(&c, &g), rows[i].result);
		if (rows[i].result != 1)
			continue;
		assert_int_equal(g.flag, rows[i].flag);
		assert_true(str_eqc(g.binding, rows[i].binding));
		assert_true(str_eqc(g.authzid, rows[i].authzid));
		assert_true(str_eqc(cur_rest(&c), rows[i].rest));
	}
}

static void frame(struct ipc_msg *m, const char *service, const char *mech, const char *peer)
{
	ipc_init(m, "sasl-start");
	ipc_set_u64(m, "id", 7);
	ipc_setc(m, "service", service);
	ipc_setc(m, "mech", mech);
	ipc_setc(m, "peer", peer);
	ipc_setc(m, "initial", "abc");
}

static int parsed(const char *service, const char *mech, const char *peer, size_t max)
{
	struct ipc_msg m;
	struct sasl_start s;
	int r;

	frame(&m, service, mech, peer);
	r = sasl_start_parse(&m, max, &s);
	ipc_done(&m);
	return r;
}

static void frames_are_checked(void **state)
{
	(void)state;
	assert_int_equal(parsed("imaps", "PLAIN", "192.0.2.1", 3), 0);
	assert_int_equal(parsed("imaps", "PLAIN", "2001:db8::1", 3), 0);
	assert_int_equal(parsed("imaps", "PLAIN", "192.0.2.1", 2), E_LIMIT);
	assert_int_equal(parsed("http", "PLAIN", "192.0.2.1", 9), E_PEER);
	assert_int_equal(parsed("imaps", "plain", "192.0.2.1", 9), E_PEER);
	assert_int_equal(parsed("imaps", "", "192.0.2.1", 9), E_PEER);
	assert_int_equal(parsed("imaps", "ABCDEFGHIJKLMNOPQRSTU", "192.0.2.1", 9), E_PEER);
	assert_int_equal(parsed("imaps", "PLAIN", "192.0.2.999", 9), E_PEER);
}

static void no_initial_response_differs_from_an_empty_one(void **state)
{
	struct ipc_msg m, again;
	struct sasl_start s, t;

	(void)state;
	ipc_init(&m, "sasl-start");
	ipc_set_u64(&m, "id", 1);
	ipc_setc(&m, "service", "smtp");
	ipc_setc(&m, "mech", "PLAIN");
	assert_int_equal(sasl_start_parse(&m, 10, &s), 0);
	assert_null(s.initial.p);
	ipc_setc(&m, "initial", "");
	assert_int_equal(sasl_start_parse(&m, 10, &s), 0);
	assert_non_null(s.initial.p);
	ipc_init(&again, "sasl-start");
	sasl_start_print(&s, &again);
	assert_int_equal(sasl_start_parse(&again, 10, &t), 0);
	assert_non_null(t.initial.p);
	assert_int_equal(t.initial.n, 0);
	ipc_done(&again);
	ipc_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(frames_are_checked),
		cmocka_unit_test(no_initial_response_differs_from_an_empty_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
