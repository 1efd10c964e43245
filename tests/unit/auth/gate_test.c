/* SPDX-License-Identifier: ISC
 *
 * The gate's parts: logins, secrets, roles and rights.
 */
#include "auth/logins.h"
#include "auth/rights.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ANNA STR("anna@example.org")
#define BEN STR("ben@example.org")

static const struct logins_limits limits = { .max = 5, .per_user = 3, .idle_ms = 1000, .age_ms = 5000 };
static char cookie[10][SECRET_TEXT + 1];

static struct login *make(struct logins *l, int n, struct str user, int64_t now)
{
	return login_make(l, user, 7, STR("192.0.2.1"), STR("agent"), now, now / 1000, cookie[n]);
}

static bool good(struct logins *l, int n, int64_t now)
{
	return login_find(l, str_of(cookie[n]), now, now / 1000, false) != NULL;
}

static void a_login_is_found_by_its_whole_cookie_alone(void **state)
{
	struct logins *l = logins_new(&limits);
	struct login *k = make(l, 0, ANNA, 0);
	char other[SECRET_TEXT + 2];

	(void)state;
	assert_ptr_equal(login_find(l, str_of(cookie[0]), 1, 0, true), k);
	memcpy(other, cookie[0], sizeof(cookie[0]));
	other[SECRET_TEXT - 1] ^= 1;
	assert_null(login_find(l, str_of(other), 1, 0, true));
	assert_null(login_find(l, str_make(cookie[0], SECRET_ID), 1, 0, true));
	assert_null(login_find(l, str_make(cookie[0], SECRET_TEXT - 1), 1, 0, true));
	assert_null(login_find(l, STR(""), 1, 0, true));
	assert_false(login_csrf_good(k, STR("")));
	assert_false(login_csrf_good(k, str_of(cookie[0] + SECRET_ID + 1)));
	assert_true(login_csrf_good(k, str_of(k->csrf)));
	assert_null(strstr(k->csrf, cookie[0] + SECRET_ID + 1));
	logins_free(l);
}

static void it_ends_idle_and_old(void **state)
{
	struct logins *l = logins_new(&limits);
	int64_t now;

	(void)state;
	make(l, 0, ANNA, 0);
	assert_true(good(l, 0, 1000));
	assert_false(good(l, 0, 1001));
	assert_int_equal(logins_count(l), 0);
	make(l, 1, ANNA, 0);
	for (now = 500; now <= 5000; now += 500) /* used all the time */
		assert_non_null(login_find(l, str_of(cookie[1]), now, 0, true));
	assert_null(login_find(l, str_of(cookie[1]), 5001, 0, true));
	make(l, 2, ANNA, 0);
	logins_sweep(l, 1001);
	assert_int_equal(logins_count(l), 0);
	logins_free(l);
}

static void looking_is_not_using(void **state)
{
	struct logins *l = logins_new(&limits);

	(void)state;
	make(l, 0, ANNA, 0);
	assert_true(good(l, 0, 900));
	assert_false(good(l, 0, 1800));
	logins_free(l);
}

static void there_are_no_more_than_allowed(void **state)
{
	struct logins *l = logins_new(&limits);
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		make(l, i, ANNA, 0);
	assert_false(good(l, 0, 1)); /* the oldest of hers */
	assert_true(good(l, 1, 1) && good(l, 2, 1) && good(l, 3, 1));
	for (i = 4; i < 7; i++)
		make(l, i, BEN, 0);
	assert_int_equal(logins_count(l), 5);
	assert_false(good(l, 1, 1)); /* the oldest of all */
	assert_int_equal(logins_end_user(l, ANNA), 2);
	assert_true(good(l, 6, 1) && !good(l, 3, 1));
	logins_free(l);
}

static void a_secret_is_known_by_its_digest(void **state)
{
	char text[SECRET_TEXT + 1], digest[SECRET_HEX + 1], other[SECRET_HEX + 1];
	struct str id, secret;

	(void)state;
	secret_digest(STR("abc"), other); /* FIPS 180-2 B.1 */
	assert_string_equal(other, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	secret_new(text, digest);
	assert_true(secret_split(str_of(text), &id, &secret));
	assert_true(secret_good(secret, str_of(digest)));
	assert_false(secret_good(secret, str_of(other)));
	assert_false(secret_good(secret, STR("")));
	assert_false(secret_good(str_of(digest), str_of(digest)));
	text[SECRET_ID] = '-';
	assert_false(secret_split(str_of(text), &id, &secret));
}

static void roles_are_read_strictly(void **state)
{
	struct arena a;
	struct str out = STR("x"), bad;

	(void)state;
	arena_init(&a);
	assert_int_equal(rights_roles_parse(STR(" admin@Example.ORG ,admin"), false, &a, &out, &bad), 0);
	assert_true(str_eqc(out, "admin@example.org,admin"));
	assert_int_equal(rights_roles_parse(STR(""), false, &a, &out, &bad), 0);
	assert_int_equal(out.n, 0);
	assert_int_equal(rights_roles_parse(STR("metrics"), true, &a, &out, &bad), 0);
	assert_int_equal(rights_roles_parse(STR("metrics"), false, &a, &out, &bad), E_SYNTAX);
	assert_true(str_eqc(bad, "metrics"));
	assert_int_equal(rights_roles_parse(STR("root"), true, &a, &out, &bad), E_SYNTAX);
	assert_int_equal(rights_roles_parse(STR("admin@"), true, &a, &out, &bad), E_SYNTAX);
	assert_int_equal(rights_roles_parse(STR("Admin"), true, &a, &out, &bad), E_SYNTAX);
	arena_done(&a);
}

/* --- rights ------------------------------------------------------------------------- */

static struct rights r;
static struct arena arena;

static bool may(struct identity *id, const char *verb, ...)
{
	const struct verb *v = verb_named(verb);
	const char *key, *value;
	struct ipc_msg m;
	struct buf why;
	va_list ap;
	int e;

	assert_non_null(v);
	ipc_init(&m, "ask");
	va_start(ap, verb);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		ipc_setc(&m, key, value);
	}
	va_end(ap);
	buf_init(&why, 1000);
	e = rights_check(id, v, &m, "a.", &arena, &r, &why);
	assert_true((e < 0) == (why.n > 0));
	buf_done(&why);
	ipc_done(&m);
	return e == 0;
}

static void rights_by_role(void **state)
{
	struct identity person = { .user = ANNA }, dora = { .user = STR("dora@example.org") },
			boss = { .user = STR("boss@other.net") }, metrics = { .user = STR("") };

	(void)state;
	arena_init(&arena);
	rights_roles(STR("admin@example.org"), &dora);
	rights_roles(STR("admin"), &boss);
	rights_roles(STR("metrics"), &metrics);
	assert_false(may(&boss, "stop", NULL)); /* of this host alone */
	assert_false(may(&boss, "config show", NULL));
	assert_true(may(&boss, "status", NULL) && r.nscope == 0);
	assert_false(may(&dora, "status", NULL));
	assert_false(may(&person, "status", NULL));
	assert_true(may(&metrics, "stats metrics", NULL));
	assert_false(may(&metrics, "status", NULL));
	assert_false(may(&person, "stats metrics", NULL));

	assert_true(may(&person, "user show", "a.address", "Anna@EXAMPLE.org", NULL) && r.own);
	assert_false(may(&person, "user show", "a.address", "ben@example.org", NULL));
	assert_false(may(&person, "user show", "a.address", "anna+x@example.org", NULL));
	assert_false(may(&person, "user show", "a.address", "anna@example.org", "a.address", "ben@example.org", NULL));
	assert_false(may(&person, "user change", "a.address", "anna@example.org", NULL));
	assert_false(may(&person, "user show", "a.address", "no address", NULL));
	assert_true(may(&person, "session list", NULL) && r.nscope == 1 && str_eq(r.scope[0], ANNA));
	assert_true(may(&person, "directory list", NULL) && r.nscope == 1 && str_eq(r.scope[0], ANNA));
	assert_true(may(&person, "directory list", "a.domain", "other.net", NULL) && r.nscope == 1); /* the verb says who sees it */
	assert_false(may(&person, "user list", "a.domain", "other.net", NULL));
	assert_false(may(&person, "user list", "a.domain", "example.org", NULL));
	assert_false(may(&metrics, "directory list", NULL));

	assert_true(may(&dora, "user change", "a.address", "ben@Example.Org", NULL) && str_eq(r.address, BEN));
	assert_false(may(&dora, "user change", "a.address", "ben@example.org", "a.roles", "admin", NULL));
	assert_true(may(&boss, "user change", "a.address", "ben@example.org", "a.roles", "admin", NULL));
	assert_false(may(&dora, "user change", "a.address", "ben@example.org.evil.net", NULL));
	assert_false(may(&dora, "user change", "a.address", "\"x@example.org\"@evil.net", NULL));
	assert_false(may(&dora, "domain show", "a.domain", "other.net", NULL));
	assert_true(may(&dora, "domain show", "a.domain", "EXAMPLE.ORG", NULL));
	assert_false(may(&dora, "domain add", "a.domain", "example.org", NULL));
	assert_false(may(&dora, "user list", "a.domain", "other.net", NULL));
	assert_true(may(&dora, "user list", NULL) && r.nscope == 1 && str_eqc(r.scope[0], "example.org"));
	assert_true(may(&dora, "session list", NULL) && r.nscope == 2);
	assert_false(may(&dora, "session kick", "a.user", "x@other.net", NULL));
	assert_false(may(&dora, "session kick", "a.user", "@other.net", NULL)); /* how authd itself names a domain */
	arena_done(&arena);
}

static void nobody_reaches_above_himself(void **state)
{
	struct identity dora = { .user = STR("dora@example.org") }, boss = { .admin = true };

	(void)state;
	rights_roles(STR("admin@example.org,admin@b.org"), &dora);
	assert_false(rights_exceed(&dora, STR("")));
	assert_false(rights_exceed(&dora, STR("admin@b.org")));
	assert_true(rights_exceed(&dora, STR("admin@b.org,admin@c.org")));
	assert_true(rights_exceed(&dora, STR("admin")));
	assert_false(rights_exceed(&dora, STR("admins,xadmin")));
	assert_false(rights_exceed(&boss, STR("admin,admin@c.org")));
}

static void a_token_is_no_person(void **state)
{
	struct identity token = { .user = STR("") };

	(void)state;
	arena_init(&arena);
	rights_roles(STR("admin@example.org"), &token);
	assert_true(may(&token, "user show", "a.address", "anna@example.org", NULL) && !r.own);
	assert_true(may(&token, "session list", NULL) && r.nscope == 1);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_is_found_by_its_whole_cookie_alone),
		cmocka_unit_test(it_ends_idle_and_old),
		cmocka_unit_test(looking_is_not_using),
		cmocka_unit_test(there_are_no_more_than_allowed),
		cmocka_unit_test(a_secret_is_known_by_its_digest),
		cmocka_unit_test(roles_are_read_strictly),
		cmocka_unit_test(rights_by_role),
		cmocka_unit_test(nobody_reaches_above_himself),
		cmocka_unit_test(a_token_is_no_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
