/* SPDX-License-Identifier: ISC
 *
 * Second factors: the codes of RFC 6238, and that each is good once.
 */
#include "auth/second.h"
#include "auth/totp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

/* "12345678901234567890" of RFC 6238, appendix B, in base32 */
#define SECRET "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

static char dir[] = "/tmp/mansio-totp-XXXXXX";
static struct directory *d;

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	return directory_sqlite_open(&d);
}

static int teardown(void **state)
{
	(void)state;
	d->ops->close(d);
	unlink("directory.db");
	unlink("directory.db-wal");
	unlink("directory.db-shm");
	assert_int_equal(chdir("/"), 0);
	return rmdir(dir);
}

static void codes_are_those_of_the_rfc(void **state)
{
	/* of eight digits there; the last six here */
	static const struct {
		uint64_t time;
		const char *code;
	} table[] = { { 59, "287082" }, { 1111111109, "081804" }, { 1111111111, "050471" }, { 1234567890, "005924" },
		{ 2000000000, "279037" }, { 20000000000, "353130" } };
	char code[TOTP_DIGITS + 1];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(totp_code(STR(SECRET), table[i].time / TOTP_STEP, code), 0);
		assert_string_equal(code, table[i].code);
	}
	assert_int_equal(totp_code(STR("short"), 1, code), E_SYNTAX);
	assert_int_equal(totp_code(STR("1EZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), 1, code), E_SYNTAX);
}

static void one_counts_in_its_step_and_those_beside(void **state)
{
	static const char *const bad[] = { "", "08180", "0818044", "08180a", "o81804", "081804 1" };
	uint64_t step = 0, at = 1111111109 / TOTP_STEP;
	int64_t now = 1111111109;
	size_t i;

	(void)state;
	assert_true(totp_check(STR(SECRET), STR("081804"), now, &step));
	assert_int_equal(step, at);
	assert_true(totp_check(STR(SECRET), STR("081 804"), now + TOTP_STEP, &step));
	assert_int_equal(step, at);
	assert_true(totp_check(STR(SECRET), STR("081804"), now - TOTP_STEP, &step));
	assert_int_equal(step, at);
	assert_false(totp_check(STR(SECRET), STR("081804"), now + 2 * TOTP_STEP, &step));
	assert_false(totp_check(STR(SECRET), STR("081804"), now - 2 * TOTP_STEP, &step));
	assert_false(totp_check(STR("bad"), STR("081804"), now, &step));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(totp_check(STR(SECRET), str_of(bad[i]), now, &step));
}

static void secrets_and_recovery_codes_are_made(void **state)
{
	char secret[2][TOTP_SECRET + 1], text[TOTP_RECOVERY_TEXT + 1], digest[SECRET_HEX + 1], again[SECRET_HEX + 1], code[TOTP_DIGITS + 1];

	(void)state;
	totp_new(secret[0]);
	totp_new(secret[1]);
	assert_string_not_equal(secret[0], secret[1]);
	assert_int_equal(totp_code(str_of(secret[0]), 1, code), 0);
	totp_recovery_new(text, digest);
	assert_int_equal(strlen(text), TOTP_RECOVERY_TEXT);
	assert_true(totp_recovery_digest(str_of(text), again));
	assert_string_equal(again, digest);
	assert_false(totp_recovery_digest(STR("123456"), again));
	assert_false(totp_recovery_digest(str_sub(str_of(text), 0, 10), again));
}

static enum second check(const char *typed, int64_t now)
{
	const struct sasl_second shown = { .code = str_of(typed) };
	const struct second_visit visit = { STR(""), now, 3, 3600 };
	struct second_outcome out = { .is = SECOND_WRONG };
	struct arena a;

	arena_init(&a);
	assert_int_equal(second_check(d, 7, &shown, &visit, &a, &out), 0);
	arena_done(&a);
	return out.is;
}

static void each_is_good_once(void **state)
{
	char text[2][TOTP_RECOVERY_TEXT + 1], digest[2][SECRET_HEX + 1], list[2 * SECRET_HEX + 3];
	struct directory_totp v = { .secret = STR(SECRET) };
	int64_t now = 1111111109;

	(void)state;
	totp_recovery_new(text[0], digest[0]);
	totp_recovery_new(text[1], digest[1]);
	snprintf(list, sizeof(list), "%s\n%s\n", digest[0], digest[1]);
	assert_int_equal(check("", now), SECOND_NONE);
	assert_int_equal(d->ops->totp_put(d, 7, &v), 0);
	assert_int_equal(d->ops->totp_recover(d, 7, STR(""), str_of(list)), 0);
	assert_int_equal(d->ops->totp_recover(d, 7, STR(""), str_of(list)), E_NOTFOUND); /* nothing is written over */
	assert_int_equal(check("", now), SECOND_NONE); /* nobody has shown a code of it */
	v.since = 1;
	assert_int_equal(d->ops->totp_put(d, 7, &v), 0);
	assert_int_equal(check("", now), SECOND_NEEDED);
	assert_int_equal(check("000000", now), SECOND_WRONG);
	assert_int_equal(check("050471", now), SECOND_GOOD); /* of the step that comes */
	assert_int_equal(check("050471", now), SECOND_WRONG);
	assert_int_equal(check("081804", now), SECOND_WRONG); /* of one before that */
	assert_int_equal(check(text[1], now), SECOND_GOOD);
	assert_int_equal(check(text[1], now), SECOND_WRONG);
	assert_int_equal(check(text[0], now), SECOND_GOOD);
	assert_int_equal(check(text[0], now), SECOND_WRONG);
	assert_int_equal(d->ops->totp_remove(d, 7), 0);
	assert_int_equal(d->ops->totp_remove(d, 7), E_NOTFOUND);
	assert_int_equal(check("", now), SECOND_NONE);
}

/* From whatever networks they come; it is known who has the password, and nothing else. */
static void of_wrong_ones_only_so_many_are_looked_at(void **state)
{
	char text[TOTP_RECOVERY_TEXT + 1], digest[SECRET_HEX + 1];
	struct directory_totp v = { .secret = STR(SECRET), .since = 1 };
	int64_t now = 1111111109;

	(void)state;
	totp_recovery_new(text, digest);
	assert_int_equal(d->ops->totp_put(d, 7, &v), 0);
	assert_int_equal(d->ops->totp_recover(d, 7, STR(""), str_of(digest)), 0);
	assert_int_equal(check("000000", now), SECOND_WRONG);
	assert_int_equal(check("000001", now), SECOND_WRONG);
	assert_int_equal(check("081804", now), SECOND_GOOD); /* the third; all is forgiven */
	assert_int_equal(check("000000", now), SECOND_WRONG);
	assert_int_equal(check("000001", now), SECOND_WRONG);
	assert_int_equal(check("000002", now), SECOND_WRONG);
	assert_int_equal(check("050471", now), SECOND_WRONG);
	/* a recovery code is too long to guess */
	assert_int_equal(check(text, now), SECOND_GOOD);
	assert_int_equal(check("050471", now), SECOND_WRONG);
	/* asking does not make it longer */
	assert_int_equal(check("279037", 2000000000), SECOND_GOOD);
	assert_int_equal(d->ops->totp_remove(d, 7), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_the_rfc),
		cmocka_unit_test(one_counts_in_its_step_and_those_beside),
		cmocka_unit_test(secrets_and_recovery_codes_are_made),
		cmocka_unit_test(each_is_good_once),
		cmocka_unit_test(of_wrong_ones_only_so_many_are_looked_at),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
