/* SPDX-License-Identifier: ISC */
#include "webadmin/pages.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_file_is_found_by_its_path(void **state)
{
	size_t i;

	(void)state;
	assert_true(npages > 5);
	for (i = 0; i < npages; i++) {
		assert_ptr_equal(page_find(pages[i].path), &pages[i]);
		if (i > 0)
			assert_true(strcmp(pages[i - 1].path, pages[i].path) < 0);
	}
}

static void what_is_not_there_is_not_found(void **state)
{
	(void)state;
	assert_null(page_find(""));
	assert_null(page_find("/index.html"));
	assert_null(page_find("/../app.js"));
	assert_null(page_find("//"));
	assert_null(page_find("/p-"));
}

static void only_the_first_page_changes_under_its_path(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < npages; i++)
		assert_int_equal(pages[i].lasting, strcmp(pages[i].path, "/") != 0);
	assert_string_equal(page_find("/")->type, "text/html; charset=utf-8");
}

/* RFC 1952 2.3.1: the last four bytes are the size of what was compressed */
static void each_compressed_form_is_of_its_plain_form(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < npages; i++) {
		const unsigned char *end = pages[i].gzip + pages[i].gzip_size;

		assert_true(pages[i].gzip_size > 18);
		assert_memory_equal(pages[i].gzip, "\x1f\x8b\x08", 3);
		assert_int_equal(end[-4] | end[-3] << 8 | end[-2] << 16, pages[i].size);
	}
}

/* The names inside the first page are those of the table. */
static void the_first_page_names_files_that_are_there(void **state)
{
	const struct page *first = page_find("/");
	const char *at = (const char *)first->body, *end = at + first->size;
	char path[200];
	size_t n = 0;

	(void)state;
	for (; at < end - 3; at++) {
		size_t len;

		if (memcmp(at, "\"/p-", 4) != 0)
			continue;
		len = (size_t)((const char *)memchr(at + 1, '"', (size_t)(end - at - 1)) - at - 1);
		assert_true(len < sizeof path);
		memcpy(path, at + 1, len);
		path[len] = '\0';
		if (page_find(path) == NULL)
			fail_msg("%s", path);
		n++;
	}
	assert_true(n >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_is_found_by_its_path),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(only_the_first_page_changes_under_its_path),
		cmocka_unit_test(each_compressed_form_is_of_its_plain_form),
		cmocka_unit_test(the_first_page_names_files_that_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
