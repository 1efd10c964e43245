/* SPDX-License-Identifier: ISC
 *
 * list_match_test.c: LIST patterns (RFC 3501 6.3.8), right and never slow (C09).
 */
#include "imap/list_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/clock.h"

static struct arena a;

static bool matches(const char *pattern, const char *name)
{
	struct list_pattern p;

	list_pattern_make(str_of(pattern), &a, &p);
	return list_match(&p, str_of(name));
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool yes;
	} row[] = {
		{ "*", "INBOX", true },
		{ "*", "a/b/c", true },
		{ "%", "a", true },
		{ "%", "a/b", false },
		{ "%/%", "a/b", true },
		{ "%/%", "a", false },
		{ "%/%", "a/b/c", false },
		{ "a*", "a/b", true },
		{ "a%", "a/b", false },
		{ "a/%", "a/b", true },
		{ "a/%", "a", false },
		{ "*b", "a/b", true },
		{ "%b", "a/b", false },
		{ "*%", "a/b/c", true },
		{ "%*", "a/b/c", true },
		{ "%%", "a/b", false },
		{ "a*c", "abcabc", true },
		{ "a*c", "abcab", false },
		{ "A", "a", false },
		{ "inbox", "INBOX", true },
		{ "InBo%", "INBOX", true },
		{ "inbox/%", "INBOX/a", true },
		{ "inbox", "INBOXES", false },
		{ "INBOX/A", "INBOX/a", false },
		{ "", "a", false },
		{ "*a*a*a*b", "aaaaaaaaaaaaaaab", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(matches(row[i].pattern, row[i].name), row[i].yes);
}

/* C09: LIST "*%*%*%..." on ten thousand mailboxes takes less than a second */
static void hostile_patterns_are_not_slow(void **state)
{
	char name[256], pattern[2 * 255 + 2];
	struct list_pattern p;
	int64_t start;
	size_t i;

	(void)state;
	memset(name, 'a', 255);
	name[255] = '\0';
	for (i = 0; i < 200; i++)
		memcpy(pattern + 2 * i, i % 2 ? "%a" : "*a", 2);
	memcpy(pattern + 400, "b", 2);
	list_pattern_make(str_of(pattern), &a, &p);
	start = clock_mono_ms();
	for (i = 0; i < 1000; i++)
		assert_false(list_match(&p, str_of(name)));
	assert_true(clock_mono_ms() - start < 4000); /* the sanitizer build is slow */
	memset(pattern, '*', 400);
	for (i = 0; i < 400; i += 2)
		pattern[i] = '%';
	pattern[400] = '\0';
	list_pattern_make(str_of(pattern), &a, &p);
	assert_int_equal(p.text.n, 1);
}

static void long_patterns_match_nothing(void **state)
{
	struct list_pattern p;
	char *text = mem_alloc(100001, 1);

	(void)state;
	memset(text, 'a', 100000);
	list_pattern_make(str_of(text), &a, &p);
	assert_false(list_match(&p, STR("a")));
	free(text);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(hostile_patterns_are_not_slow),
		cmocka_unit_test(long_patterns_match_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
