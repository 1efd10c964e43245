/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtp/verify/results.h"

#define NOW 1700000000
#define BODY "Hello  there \r\n.dot\r\n\r\n"
#define MESSAGE "From: Cora <cora@far.example>\r\nSubject:  chain\r\n\tof them\r\n\r\n" BODY

static struct arena a;
static struct dkim_key *key[2];
static struct dns_answer none = { .state = DNS_NXDOMAIN }, broken = { .state = DNS_SERVFAIL };
static enum { GOOD, SILENT, FAILING, EMPTY } dns;
static unsigned asked;

/* Selector "r" and "e" of every domain are our keys. */
static const struct dns_answer *ask(void *arg, struct str name, enum dns_type type)
{
	static struct dns_answer answer;
	static struct dns_record record;
	struct buf b;

	(void)arg;
	asked++;
	if (dns != GOOD)
		return dns == SILENT ? NULL : dns == FAILING ? &broken : &none;
	if (type != DNS_TXT || !(str_starts(name, "r._") || str_starts(name, "e._")))
		return &none;
	buf_init(&b, 2048);
	dkim_key_record(key[name.p[0] == 'e'], &b);
	record.data = arena_str(&a, buf_view(&b));
	buf_done(&b);
	answer = (struct dns_answer){ .state = DNS_OK, .record = &record, .n = 1 };
	return &answer;
}

static struct results *read_of(const char *message, struct results_of of)
{
	struct results *r = results_new(1 << 20, &of);

	assert_int_equal(results_add(r, str_of(message)), 0);
	assert_int_equal(results_end(r), 0);
	return r;
}

/* What is said of a message; seal_out: the message with one set more, or NULL. */
static const char *said_of(const char *message, const char **seal_out)
{
	struct results_of of = { .host = STR("mx.ours.example"), .sender = STR("cora@far.example"), .ask = ask };
	struct results *r = read_of(message, of);
	const char *said, *sealed = NULL;
	struct buf b;

	assert_true(results_try(r, true, NOW));
	buf_init(&b, 1 << 20);
	results_print(r, &b);
	said = arena_cstr(&a, buf_view(&b));
	buf_reset(&b);
	if (results_seal(r, key[0], STR("ours.example"), STR("r"), NOW, &b) == 0)
		sealed = arena_fmt(&a, "%s%s", buf_cstr(&b), message);
	buf_done(&b);
	results_free(r);
	if (seal_out)
		*seal_out = sealed;
	return said;
}

static const char *arc_of(const char *message)
{
	const char *said = said_of(message, NULL), *at = strstr(said, "arc=");

	return at ? at + 4 : "not said";
}

/* `hops` sets on top of the message. */
static const char *chain(unsigned hops)
{
	const char *m = MESSAGE;

	dns = GOOD;
	while (hops--) {
		said_of(m, &m);
		assert_non_null(m);
	}
	return m;
}

static const char *replaced(const char *m, const char *what, const char *with)
{
	const char *at = strstr(m, what);

	assert_non_null(at);
	return arena_fmt(&a, "%.*s%s%s", (int)(at - m), m, with, at + strlen(what));
}

static void seals_hold_up_to_fifty_and_no_further(void **state)
{
	const char *m = MESSAGE, *next;
	unsigned i;

	(void)state;
	dns = GOOD;
	assert_string_equal(arc_of(m), "none");
	for (i = 1; i <= ARC_SETS; i++) {
		said_of(m, &m);
		assert_non_null(m);
		assert_int_equal(strncmp(m, arena_fmt(&a, "ARC-Seal: i=%u; a=rsa-sha256; cv=%s;", i, i == 1 ? "none" : "pass"), 30), 0);
	}
	assert_string_equal(arc_of(m), "pass");
	said_of(m, &next);
	assert_null(next);
}

static void whatever_is_changed_breaks_it_and_stays_broken(void **state)
{
	static const char *const changes[][2] = {
		{ "Hello", "Hallo" }, /* body */
		{ "From: Cora", "From: Eve" },
		{ "i=1; mx.ours.example", "i=1; mx.eves.example" }, /* results of the first hop */
		{ "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed", "ARC-Message-Signature: i=1; a=rsa-sha256; x=9; c=relaxed" },
		{ "cv=none", "cv=pass" },
		{ "ARC-Seal: i=2; a=rsa-sha256; cv=pass", "ARC-Seal: i=2; a=rsa-sha256; cv=none" },
		{ "ARC-Seal: i=2; a=rsa-sha256", "ARC-Seal: i=2; a=ed25519-sha256" },
		{ "ARC-Seal: i=2; ", "ARC-Seal: i=2; h=from; " },
		{ "ARC-Seal: i=2; ", "ARC-Seal: i=02; " },
		{ "ARC-Seal: i=2; ", "ARC-Seal: i=3; " },
		{ "ARC-Seal: i=2; ", "ARC-Seal: i=51; " },
		{ "ARC-Seal: i=2; ", "ARC-Seal: i=0; " },
		{ "ARC-Seal: i=2; ", "ARC-Seal: " },
		{ "ARC-Seal: i=1; ", "X-Seal: i=1; " },
		{ "ARC-Message-Signature: i=2;", "ARC-Message-Signature: i=1;" },
		{ "ARC-Authentication-Results: i=2;", "ARC-Authentication-Results: i=2" },
		{ "ARC-Authentication-Results: i=1;", "ARC-Authentication-Results: i=1; a=b\r\nARC-Authentication-Results: i=1;" },
	};
	const char *good = chain(2), *sealed, *next;
	size_t i;

	(void)state;
	assert_string_equal(arc_of(good), "pass");
	for (i = 0; i < ARRAY_LEN(changes); i++) {
		const char *bad = replaced(good, changes[i][0], changes[i][1]);

		assert_int_equal(strncmp(arc_of(bad), "fail (", 6), 0);
		said_of(bad, &sealed);
		if (!sealed)
			continue;
		/* said in a set of its own, and nobody adds to it */
		assert_non_null(strstr(sealed, "cv=fail;"));
		assert_string_equal(arc_of(sealed), "fail (it failed before)");
		said_of(sealed, &next);
		assert_null(next);
	}
	/* what nobody signed may change: fields of the way */
	assert_string_equal(arc_of(arena_fmt(&a, "Received: from x by y; z\r\n%s", good)), "pass");
}

static void a_seal_says_what_is_known_and_nothing_is_sealed_on_what_is_not(void **state)
{
	const char *m = chain(1), *sealed;
	struct results_of of = { .host = STR("mx"), .sender = STR("cora@far.example"), .ask = ask };
	struct results *r = read_of(m, of);

	(void)state;
	dns = SILENT;
	asked = 0;
	assert_false(results_try(r, false, NOW));
	assert_int_equal(asked, 2); /* both keys at once */
	dns = GOOD;
	assert_true(results_try(r, false, NOW));
	results_free(r);
	dns = FAILING;
	assert_null(strstr(said_of(m, &sealed), "arc="));
	assert_null(sealed);
	dns = SILENT;
	assert_null(strstr(said_of(m, &sealed), "arc="));
	assert_null(sealed);
	dns = EMPTY; /* RFC 8617 5.2.1 */
	assert_string_equal(arc_of(m), "fail (a key is not in the DNS)");
	dns = GOOD;
}

/* The message, signed by its author's domain. */
static const char *signed_by(const char *domain, const char *selector, const char *message)
{
	struct dkim_signer *s = dkim_signer_new(1 << 20);
	const char *out;
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(dkim_signer_add(s, str_of(message)), 0);
	assert_int_equal(dkim_signer_end(s), 0);
	assert_int_equal(dkim_signer_sign(s, key[selector[0] == 'e'], str_of(domain), str_of(selector), NOW, &b), 0);
	out = arena_fmt(&a, "%s%s", buf_cstr(&b), message);
	buf_done(&b);
	dkim_signer_free(s);
	return out;
}

static bool confirmed(const char *message, const char *sender)
{
	struct results_of of = { .host = STR("mx"), .sender = str_of(sender), .ask = ask };
	struct results *r = read_of(message, of);
	bool yes;

	assert_true(results_try(r, true, NOW));
	yes = results_confirmed(r);
	results_free(r);
	return yes;
}

static void signatures_are_judged_and_confirm_their_author_alone(void **state)
{
	const char *m = signed_by("far.example", "e", MESSAGE);

	(void)state;
	dns = GOOD;
	assert_non_null(strstr(said_of(m, NULL), "dkim=pass header.d=far.example header.s=e"));
	assert_true(confirmed(m, "cora@far.example"));
	assert_true(confirmed(m, "Cora@FAR.example"));
	assert_false(confirmed(m, "dan@far.example")); /* sent again with another sender of that domain */
	assert_false(confirmed(m, "cora@near.example"));
	assert_false(confirmed(m, ""));
	assert_true(confirmed(signed_by("example", "e", MESSAGE), "cora@far.example"));
	assert_false(confirmed(signed_by("r.example", "e", MESSAGE), "cora@far.example"));
	assert_false(confirmed(replaced(m, "Hello", "Hallo"), "cora@far.example"));
	assert_non_null(strstr(said_of(replaced(m, "Hello", "Hallo"), NULL), "dkim=fail (the body was changed)"));
	assert_non_null(strstr(said_of(signed_by("far.example", "x", MESSAGE), NULL), "dkim=permerror (its key is not in the DNS)"));
	dns = FAILING;
	assert_non_null(strstr(said_of(m, NULL), "dkim=temperror"));
	assert_false(confirmed(m, "cora@far.example"));
	dns = GOOD;
	assert_non_null(strstr(said_of(MESSAGE, NULL), "dkim=none"));
}

static void nothing_is_said_of_a_client_that_nobody_knows(void **state)
{
	(void)state;
	assert_null(strstr(said_of(MESSAGE, NULL), "spf="));
}

static void many_fields_cost_no_more_than_their_bytes(void **state)
{
	struct buf b;
	int i;

	(void)state;
	buf_init(&b, 1 << 20);
	for (i = 0; i < 9000; i++)
		buf_fmt(&b, "ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=x.example; s=r; b=AAAA\r\n", i % 50 + 1);
	buf_puts(&b, MESSAGE);
	asked = 0;
	assert_int_equal(strncmp(arc_of(buf_cstr(&b)), "fail (", 6), 0);
	assert_int_equal(asked, 0);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_hold_up_to_fifty_and_no_further),
		cmocka_unit_test(whatever_is_changed_breaks_it_and_stays_broken),
		cmocka_unit_test(a_seal_says_what_is_known_and_nothing_is_sealed_on_what_is_not),
		cmocka_unit_test(signatures_are_judged_and_confirm_their_author_alone),
		cmocka_unit_test(nothing_is_said_of_a_client_that_nobody_knows),
		cmocka_unit_test(many_fields_cost_no_more_than_their_bytes),
	};
	int r;

	arena_init(&a);
	key[0] = dkim_key_new(DKIM_RSA);
	key[1] = dkim_key_new(DKIM_ED25519);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	dkim_key_free(key[0]);
	dkim_key_free(key[1]);
	arena_done(&a);
	return r;
}
