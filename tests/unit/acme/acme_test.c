/* SPDX-License-Identifier: ISC
 *
 * acme_test.c: what of acmed needs no authority: signatures, words, memory, waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/acmed.h"
#include "acme/jws.h"
#include "acme/problem.h"
#include "acme/state.h"
#include "base/codec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* RFC 7515 A.3: its key, and the thumbprint of that key. */
static const char key_pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
	"MHcCAQEEII6bETgwY6x44C5Kh9WgIqo7+EOFFnEmSaw7LBk1gWrXoAoGCCqGSM49\n"
	"AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
	"focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END EC PRIVATE KEY-----\n";

static void the_key_is_shown_as_rfc_7515_shows_it(void **state)
{
	struct jws_key *k = jws_key_new(str_of(key_pem));
	struct buf b;

	(void)state;
	assert_non_null(k);
	buf_init(&b, 1024);
	jws_jwk(k, &b);
	assert_string_equal(buf_cstr(&b), "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
	buf_reset(&b);
	jws_key_authorization(k, STR("token"), &b);
	assert_string_equal(buf_cstr(&b), "token.oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
	buf_done(&b);
	jws_key_free(k);
	assert_null(jws_key_new(STR("nonsense")));
}

static void a_signature_has_three_parts_of_the_right_length(void **state)
{
	struct jws_key *k = jws_key_new(str_of(key_pem));
	struct buf b, sig;
	json_t *o;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&sig, 256);
	assert_int_equal(jws_sign(k, STR("{\"alg\":\"ES256\"}"), STR(""), &b), 0);
	o = json_loadb(b.p, b.n, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(o, "protected")), "eyJhbGciOiJFUzI1NiJ9");
	assert_string_equal(json_string_value(json_object_get(o, "payload")), "");
	assert_int_equal(base64url_decode(str_of(json_string_value(json_object_get(o, "signature"))), &sig), 0);
	assert_int_equal(sig.n, 64);
	json_decref(o);
	buf_done(&b);
	buf_done(&sig);
	jws_key_free(k);
}

/* RFC 7515 A.1 */
static void hs256_as_rfc_7515(void **state)
{
	struct buf secret, b;

	(void)state;
	buf_init(&secret, 256);
	buf_init(&b, 4096);
	assert_int_equal(base64url_decode(STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"), &secret), 0);
	assert_int_equal(jws_mac(buf_view(&secret), STR("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"),
		STR("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"), &b), 0);
	assert_non_null(strstr(buf_cstr(&b), "\"signature\":\"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\""));
	assert_int_equal(base64url_decode(STR("a+b"), &secret), E_SYNTAX);
	buf_done(&secret);
	buf_done(&b);
}

static struct problem problem(const char *json)
{
	json_t *o = json_loads(json, 0, NULL);
	struct problem p;

	problem_of(o, 400, "the order", &p);
	json_decref(o);
	return p;
}

static void problems_say_what_to_do(void **state)
{
	struct problem p = problem("{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many\"}");

	(void)state;
	assert_string_equal(p.type, "rateLimited");
	assert_non_null(strstr(p.words, "limit"));
	assert_non_null(strstr(p.words, "too many"));
	p = problem("{\"type\":\"urn:ietf:params:acme:error:malformed\",\"subproblems\":[{\"type\":"
		    "\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\\u0007\",\"identifier\":{\"value\":\"a.example\"}}]}");
	assert_non_null(strstr(p.words, "a.example: a CAA record"));
	assert_non_null(strstr(p.words, "no?"));
	assert_non_null(strstr(p.fix, "CAA"));
	p = problem("{\"type\":\"about:blank\"}");
	assert_non_null(strstr(p.words, "HTTP 400"));
	assert_true(p.fix[0]);
	p = problem("[1,2]");
	assert_true(p.words[0] && p.fix[0]);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	(void)state;
	assert_int_equal(problem_retry_after("120", 0), 120);
	assert_int_equal(problem_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 60), 60);
	assert_int_equal(problem_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 60), 0);
	assert_int_equal(problem_retry_after("soon", 0), 0);
	assert_int_equal(problem_retry_after("", 0), 0);
	assert_int_equal(problem_retry_after("99999999999", 0), 0);
}

static void waits_double_up_to_the_longest(void **state)
{
	(void)state;
	assert_int_equal(acme_backoff(1, 3600000, 86400000), 3600);
	assert_int_equal(acme_backoff(2, 3600000, 86400000), 7200);
	assert_int_equal(acme_backoff(5, 3600000, 86400000), 57600);
	assert_int_equal(acme_backoff(6, 3600000, 86400000), 86400);
	assert_int_equal(acme_backoff(1000000, 3600000, 86400000), 86400);
}

static void the_state_comes_back(void **state)
{
	struct acme_state *s = mem_alloc(1, sizeof *s), *t = mem_alloc(1, sizeof *t);
	char path[] = "/tmp/mansio-acme.XXXXXX";
	int dir;

	(void)state;
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(acme_state_load(dir, t), 0);
	assert_int_equal(t->norders, 0);
	s->order[0] = 1000;
	s->order[1] = 90000;
	s->order[2] = 300000;
	s->norders = 3;
	s->failures = 2;
	s->next_try = 12345;
	snprintf(s->words, sizeof s->words, "a\nb = c%%");
	assert_int_equal(acme_state_save(dir, s), 0);
	assert_int_equal(acme_state_load(dir, t), 0);
	assert_memory_equal(s, t, sizeof *s);
	assert_int_equal(acme_state_orders(t, 100000), 1); /* one too old, one of the future */
	assert_int_equal(t->order[0], 90000);
	unlinkat(dir, "state", 0);
	close(dir);
	rmdir(path);
	free(s);
	free(t);
}

/* A digest in base64url may begin with any of its letters: one in 64 with '-'. */
static void the_hook_takes_every_value(void **state)
{
	static const char *const values[] = { "-_a", "_-a", "a-_", "--", "x" };
	char path[] = "/tmp/mansio-hook.XXXXXX";
	int fd = mkstemp(path), link;
	struct ipc_msg m, answer;
	size_t i;

	(void)state;
	assert_true(fd >= 0 && dprintf(fd, "#!/bin/sh\necho \"$1 $2 $3\"\n") > 0 && fchmod(fd, 0700) == 0);
	close(fd);
	link = hook_start(path, 5000);
	assert_true(link >= 0);
	for (i = 0; i < sizeof values / sizeof *values; i++) {
		ipc_init(&m, "hook");
		ipc_setc(&m, "what", "set");
		ipc_setc(&m, "name", "_acme-challenge.example.org");
		ipc_setc(&m, "value", values[i]);
		assert_int_equal(ipc_call(link, &m, &answer, deadline_in(10000)), 0);
		assert_true(ipc_get_bool(&answer, "good"));
		assert_string_equal(arena_cstr(&answer.arena, ipc_get(&answer, "words")),
			arena_fmt(&answer.arena, "set _acme-challenge.example.org %s", values[i]));
		ipc_done(&answer);
		ipc_done(&m);
	}
	close(link);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_is_shown_as_rfc_7515_shows_it),
		cmocka_unit_test(a_signature_has_three_parts_of_the_right_length),
		cmocka_unit_test(hs256_as_rfc_7515),
		cmocka_unit_test(problems_say_what_to_do),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(waits_double_up_to_the_longest),
		cmocka_unit_test(the_state_comes_back),
		cmocka_unit_test(the_hook_takes_every_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
