/* SPDX-License-Identifier: ISC
 *
 * sha256-crypt and sha512-crypt: the vectors of their specification, and crypt(3) as the oracle of all others.
 */
#include "auth/shacrypt.h"

#include <crypt.h>

#include "auth/password.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#ifdef HAVE_SHA_TRANSFORM
enum { HERE = true };
#else
enum { HERE = false };
#endif

static struct crypt_data work;

/* What crypt(3) makes of it; NULL: it refuses. */
static const char *oracle(const char *phrase, const char *setting)
{
	const char *made = crypt_rn(phrase, setting, &work, sizeof(work));

	return made && made[0] != '*' ? made : NULL;
}

/* Whatever the setting: ours is crypt(3)'s, and verifies. true: it was made here. */
static bool same_as_oracle(struct str phrase, const char *setting)
{
	char text[PASSWORD_MAX + 1] = "", out[SHACRYPT_SIZE] = "untouched";
	bool here = shacrypt(phrase, str_of(setting), out);
	const char *made;

	memcpy(text, phrase.p, phrase.n);
	made = oracle(text, setting);
	if (here) {
		assert_non_null(made);
		assert_string_equal(out, made);
	} else {
		assert_string_equal(out, "untouched");
	}
	if (made)
		assert_true(password_verify(phrase, str_of(made)));
	assert_int_equal(password_verify(phrase, str_of(setting)), made && strcmp(made, setting) == 0);
	return here;
}

/* From the specification, salts already cut to 16. */
static void the_vectors_of_the_specification(void **state)
{
	static const struct {
		const char *phrase, *hash;
	} v[] = {
		{ "Hello world!",
			"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5" },
		{ "Hello world!",
			"$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA" },
		{ "This is just a test",
			"$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5" },
		{ "a very much longer text to encrypt.  This one even stretches over morethan one line.",
			"$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1" },
		{ "we have a short salt string but not a short password",
			"$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/" },
		{ "Hello world!",
			"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1" },
		{ "Hello world!",
			"$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v." },
		{ "This is just a test",
			"$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0" },
		{ "a very much longer text to encrypt.  This one even stretches over morethan one line.",
			"$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1" },
		{ "we have a short salt string but not a short password",
			"$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(same_as_oracle(str_of(v[i].phrase), v[i].hash), HERE);
		assert_true(password_verify(str_of(v[i].phrase), str_of(v[i].hash)));
		assert_false(password_verify(STR("Hello world?"), str_of(v[i].hash)));
	}
}

/* Any of them: a cheap sequence that is the same every time. */
static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void phrases_of_any_length(void **state)
{
	static const char *const settings[] = { "$5$rounds=1000$", "$6$rounds=1000$" };
	char phrase[PASSWORD_MAX], setting[64];
	uint32_t seed = 1;
	size_t n, i, j;

	(void)state;
	for (n = 0; n <= PASSWORD_MAX; n += n < 140 ? 1 : 41) {
		for (i = 0; i < n; i++)
			phrase[i] = (char)(1 + next(&seed) % 255);
		for (j = 0; j < ARRAY_LEN(settings); j++) {
			snprintf(setting, sizeof(setting), "%s%.*s", settings[j], (int)(n % 17), "ab./XY0189zyABCD");
			same_as_oracle(str_make(phrase, n), setting);
		}
	}
	memset(phrase, 'x', sizeof(phrase));
	same_as_oracle(str_make(phrase, sizeof(phrase)), "$5$rounds=1000$0123456789abcdef");
	same_as_oracle(str_make(phrase, sizeof(phrase)), "$6$rounds=1000$0123456789abcdef");
}

static void salts_and_rounds_of_any_kind(void **state)
{
	static const char *const settings[] = { "", "rounds=999$a", "rounds=1000$a", "rounds=1001$a", "rounds=1042$a", "rounds=5000$a",
		"rounds=01000$a", "rounds=0$a", "rounds=$a", "rounds=+1000$a", "rounds= 1000$a", "rounds=-1$a", "rounds=1000", "rounds=1000a",
		"rounds=1000:a", "rounds=1000000000$a", "rounds=18446744073709552616$a", "rounds=1000$", "rounds=1000$$", "$", "$$",
		"rounds=1000$rounds=1000$a", "round=1000$a", "0123456789abcdef", "0123456789abcdefg", "0123456789abcdefg$", "a$", "a$b", "a$b$c",
		"a:b", "a\nb", "a!b", "a*b", "a;b", "a\\b", "a b", "a\tb", "a-b", "a_b", "a=b", "a{b}", "a,b", "a\x7f" "b", "a\xc3\xa4", "a$\n", "a$:", "a$-" };
	char setting[128];
	size_t i, j, here = 0;

	(void)state;
	for (i = 0; i < ARRAY_LEN(settings); i++)
		for (j = 5; j <= 6; j++) {
			snprintf(setting, sizeof(setting), "$%zu$%s", j, settings[i]);
			here += same_as_oracle(STR("secret"), setting);
		}
	/* the eleven that people have, and no other */
	assert_int_equal(here, HERE ? 2 * 11 : 0);
	assert_false(shacrypt(STR("secret"), STR("$6"), setting));
	assert_false(shacrypt(STR("secret"), STR("$1$abc"), setting));
	assert_false(shacrypt(STR("secret"), STR("$6$a\0b"), setting));
}

/* Mixtures of all that a setting is made of: what is made is crypt(3)'s, what it refuses is refused. */
static void mixtures(void **state)
{
	static const char *const parts[] = { "$", "rounds=", "rounds=1000$", "1000", "1", "0", "a", "Zz", "./", "0123456789abcdef", ":", "\n", "*", "-" };
	char setting[128], phrase[256];
	uint32_t seed = 42;
	size_t i, k, n;

	(void)state;
	for (i = 0; i < 1000; i++) {
		n = (size_t)snprintf(setting, sizeof(setting), "%s", next(&seed) & 1 ? "$5$" : "$6$");
		n += (size_t)snprintf(setting + n, sizeof(setting) - n, "%s", next(&seed) % 8 ? "rounds=1000$" : "");
		for (k = next(&seed) % 5; k > 0; k--)
			n += (size_t)snprintf(setting + n, sizeof(setting) - n, "%s", parts[next(&seed) % ARRAY_LEN(parts)]);
		/* what would take minutes */
		if (strlen(setting) > 13 && strstr(setting + 3, "rounds=1") && !strstr(setting, "rounds=1000$"))
			continue;
		n = next(&seed) % 80;
		for (k = 0; k < n; k++)
			phrase[k] = (char)(1 + next(&seed) % 255);
		same_as_oracle(str_make(phrase, n), setting);
	}
}

static void nul_and_overlong_phrases_do_not_verify(void **state)
{
	static const char *const settings[] = { "$5$rounds=1000$a", "$6$rounds=1000$a" };
	char longer[2 * PASSWORD_MAX], made[CRYPT_OUTPUT_SIZE];
	size_t i;

	(void)state;
	memset(longer, 'x', sizeof(longer));
	for (i = 0; i < ARRAY_LEN(settings); i++) {
		snprintf(made, sizeof(made), "%s", oracle("a", settings[i]));
		assert_false(password_verify(STR("a\0b"), str_of(made)));
		snprintf(made, sizeof(made), "%s", oracle("", settings[i]));
		assert_true(password_verify(STR(""), str_of(made)));
		assert_false(password_verify(str_make(longer, sizeof(longer)), str_of(made)));
		assert_false(shacrypt(str_make(longer, sizeof(longer)), str_of(settings[i]), longer));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_specification),
		cmocka_unit_test(phrases_of_any_length),
		cmocka_unit_test(salts_and_rounds_of_any_kind),
		cmocka_unit_test(mixtures),
		cmocka_unit_test(nul_and_overlong_phrases_do_not_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
