/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/bounce.h"
#include "auth/srs.h"

#define NOW 1700000000
#define DAY 86400

static struct srs_keys keys = { .n = 1, .key = { { .since = NOW - 100 * DAY, .secret = "a secret of thirty-two bytes...." } } };
static struct arena a;

static const char *made_by(const struct srs_keys *k, const char *local, const char *domain, int64_t now)
{
	struct str out;

	return srs_forward(k, str_of(local), str_of(domain), now, &a, &out) == 0 ? arena_cstr(&a, out) : NULL;
}

static const char *made(const char *local, const char *domain)
{
	return made_by(&keys, local, domain, NOW);
}

static enum srs_result back_by(const struct srs_keys *k, const char *text, int64_t now, const char **out)
{
	struct str local, domain;
	enum srs_result r = srs_back(k, str_of(text), now, 21, &a, &local, &domain);

	if (out)
		*out = r == SRS_GOOD ? arena_fmt(&a, "%.*s@%.*s", STRF(local), STRF(domain)) : NULL;
	return r;
}

static enum srs_result back(const char *text, const char **out)
{
	return back_by(&keys, text, NOW, out);
}

/* One place changed. */
static const char *with(const char *text, size_t at, char c)
{
	char *p = arena_cstr(&a, str_of(text));

	p[at] = c;
	return p;
}

static void what_was_rewritten_comes_back(void **state)
{
	static const char *const senders[][2] = { { "ben", "far.example" }, { "a=b=c", "x.example" }, { "a b\"c", "x.example" },
		{ "-", "x" }, { "SRS", "x.example" }, { "SRS0", "x.example" }, { "SRS2=a=b", "x.example" } };
	const char *out;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(senders); i++) {
		const char *m = made(senders[i][0], senders[i][1]);

		assert_non_null(m);
		assert_int_equal(strncmp(m, "SRS0=", 5), 0);
		assert_int_equal(back(m, &out), SRS_GOOD);
		assert_string_equal(out, arena_fmt(&a, "%s@%s", senders[i][0], senders[i][1]));
	}
	/* its time stamp is the day, as Mail::SRS writes it: 19675 = 19 * 1024 + 219 = 6 * 32 + 27 */
	assert_int_equal(strncmp(made("ben", "far.example") + 12, "G3=far.example=ben", 18), 0);
}

static void every_byte_of_it_counts_but_its_case_does_not(void **state)
{
	const char *m = made("Ben", "far.example"), *out;
	char *other = arena_cstr(&a, str_of(m));
	size_t i;

	(void)state;
	for (i = 0; other[i]; i++)
		other[i] = ascii_lower(other[i]);
	assert_int_equal(back(other, &out), SRS_GOOD);
	for (i = 0; other[i]; i++)
		other[i] = ascii_upper(other[i]);
	assert_int_equal(back(other, &out), SRS_GOOD);
	for (i = 5; i < strlen(m); i++)
		assert_int_not_equal(back(with(m, i, m[i] == '7' ? '8' : '7'), NULL), SRS_GOOD);
	/* no byte moves from the domain to the name: both are hashed with what parts them */
	m = made("muster", "a.co");
	assert_int_equal(back(arena_fmt(&a, "%.15sa.com=uster", m), NULL), SRS_BAD);
}

static void it_is_good_for_a_time(void **state)
{
	const char *m = made("ben", "far.example");

	(void)state;
	assert_int_equal(back_by(&keys, m, NOW + 21 * DAY, NULL), SRS_GOOD);
	assert_int_equal(back_by(&keys, m, NOW + 22 * DAY, NULL), SRS_EXPIRED);
	assert_int_equal(back_by(&keys, m, NOW + 1000 * (int64_t)DAY, NULL), SRS_EXPIRED);
	assert_int_equal(back_by(&keys, m, NOW - 2 * DAY, NULL), SRS_EXPIRED); /* of tomorrow: 1,022 days old */
}

static void one_that_others_wrote_keeps_its_way_and_no_more(void **state)
{
	const char *m = made("SRS0=xxxx=yy=far.example=ben", "first.example"), *out;

	(void)state;
	assert_int_equal(strncmp(m, "SRS1=", 5), 0);
	assert_string_equal(m + 11, "=first.example==xxxx=yy=far.example=ben");
	assert_int_equal(back(m, &out), SRS_GOOD);
	assert_string_equal(out, "SRS0=xxxx=yy=far.example=ben@first.example");
	/* a third forwarder leaves the second out */
	m = made("SRS1=zzzz=first.example=+xxxx=yy=far.example=ben", "second.example");
	assert_string_equal(m + 11, "=first.example=+xxxx=yy=far.example=ben");
	assert_int_equal(back(m, &out), SRS_GOOD);
	assert_string_equal(out, "SRS0+xxxx=yy=far.example=ben@first.example");
	assert_int_equal(back(with(m, 13, 'x'), NULL), SRS_BAD);
}

/* Of an SRS1 a stranger writes every byte but the hash: the hash must not be good for an SRS0, nor for an SRS1 of another text. */
static void what_a_stranger_has_rewritten_is_no_address_of_his_choice(void **state)
{
	static const char *const text[] = { "G3=victim.example=boss", "G3=x.example==boss", "G3=+victim.example=boss", "G3=-victim.example=boss" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(text); i++) {
		const char *m = made(arena_fmt(&a, "SRS1=x=%s", text[i]), "evil.example");

		assert_non_null(m);
		assert_int_not_equal(back(arena_fmt(&a, "SRS0=%.6s=%s", m + 5, text[i]), NULL), SRS_GOOD);
		assert_int_not_equal(back(arena_fmt(&a, "SRS0+%.6s=%s", m + 5, text[i]), NULL), SRS_GOOD);
	}
}

/* What names no host, or carries no SRS0, is a name like any other. */
static void what_is_no_srs1_is_wrapped_whole(void **state)
{
	static const char *const name[] = { "SRS1=x=77=victim.example=boss", "SRS1=x=bad_host==a=G3=x=ben", "SRS1=x==+xxxx=yy=x=ben", "SRS1=x=[1.2.3.4]==a=G3=x=ben",
		"SRS1=x=y.example=", "SRS1=x=y.example", "SRS1=", "SRS1=x" };
	const char *out;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(name); i++) {
		const char *m = made(name[i], "e.example");

		assert_non_null(m);
		assert_int_equal(strncmp(m, "SRS0=", 5), 0);
		assert_int_equal(back(m, &out), SRS_GOOD);
		assert_string_equal(out, arena_fmt(&a, "%s@e.example", name[i]));
	}
}

static void hostile_ones_are_bad_or_none(void **state)
{
	static const char *const bad[] = { "SRS0=", "SRS0==", "SRS0====", "SRS0=aaaaaa=", "SRS0=aaaaaa=AA=x.example=", "SRS0=aaaaaa=AA==ben",
		"SRS0=aaaaaa=A1=x.example=ben", "SRS1=", "SRS1==", "SRS1=aaaaaa==", "SRS1=aaaaaa=x.example=", "SRS0+a", "SRS0-a", "srs0=a" };
	static const char *const none[] = { "", "S", "SRS", "SRS0", "SRS1", "SRS2=a", "SRS00=a", "ben", "xSRS0=a" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(back(bad[i], NULL), SRS_BAD);
	for (i = 0; i < ARRAY_LEN(none); i++)
		assert_int_equal(back(none[i], NULL), SRS_NONE);
	assert_null(made("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "far.example")); /* 65 bytes */
	assert_null(made("ben", "x=y"));
}

static void an_old_secret_is_good_as_long_as_its_addresses_are(void **state)
{
	struct srs_keys k = keys, again;
	const char *m = made("ben", "far.example");
	struct buf b;
	int i;

	(void)state;
	srs_keys_rotate(&k, NOW + DAY, 21);
	assert_int_equal(k.n, 2);
	assert_string_not_equal(made_by(&k, "ben", "far.example", NOW), m);
	assert_int_equal(back_by(&k, m, NOW + 20 * DAY, NULL), SRS_GOOD);
	/* somebody who has the old secret makes nothing with it any more */
	m = made_by(&keys, "eve", "far.example", NOW + 30 * DAY);
	assert_int_equal(back_by(&keys, m, NOW + 30 * DAY, NULL), SRS_GOOD);
	assert_int_equal(back_by(&k, m, NOW + 30 * DAY, NULL), SRS_BAD);
	for (i = 0; i < 20; i++)
		srs_keys_rotate(&k, NOW + DAY, 21);
	assert_int_equal(k.n, SRS_SECRETS);
	srs_keys_rotate(&k, NOW + 60 * DAY, 21);
	assert_int_equal(k.n, 2); /* the one before it, and no older one */
	buf_init(&b, 4096);
	srs_keys_print(&k, &b);
	assert_int_equal(srs_keys_parse(buf_view(&b), &again), 0);
	assert_memory_equal(again.key, k.key, k.n * sizeof k.key[0]);
	assert_int_equal(srs_keys_parse(str_sub(buf_view(&b), 0, b.n - 1), &again), E_DAMAGED);
	assert_int_equal(srs_keys_parse(STR(""), &again), E_DAMAGED);
	buf_done(&b);
}

static void reports_to_one_person_are_counted_by_the_hour(void **state)
{
	static struct bounce_limit l;
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_true(bounce_take(&l, STR("ben@far.example"), NOW, 3));
	assert_false(bounce_take(&l, STR("ben@far.example"), NOW, 3));
	assert_true(bounce_take(&l, STR("ben@far.example"), NOW + 3600, 3));
	assert_false(bounce_take(&l, STR("ben@far.example"), NOW + 7200, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_rewritten_comes_back),
		cmocka_unit_test(every_byte_of_it_counts_but_its_case_does_not),
		cmocka_unit_test(it_is_good_for_a_time),
		cmocka_unit_test(one_that_others_wrote_keeps_its_way_and_no_more),
		cmocka_unit_test(what_a_stranger_has_rewritten_is_no_address_of_his_choice),
		cmocka_unit_test(what_is_no_srs1_is_wrapped_whole),
		cmocka_unit_test(hostile_ones_are_bad_or_none),
		cmocka_unit_test(an_old_secret_is_good_as_long_as_its_addresses_are),
		cmocka_unit_test(reports_to_one_person_are_counted_by_the_hour),
	};
	int r;

	arena_init(&a);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&a);
	return r;
}
