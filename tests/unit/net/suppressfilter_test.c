/* SPDX-License-Identifier: ISC
 *
 * suppressfilter_test.c: what was added is found, by whoever has the descriptor, in any case of letters; few others are;
 * who reads can neither write nor make it smaller.
 */
#include "net/suppressfilter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static struct suppressfilter *writer;
static const struct suppressfilter *reader;
static int fd;

static void open_both(void)
{
	writer = suppressfilter_new(&fd);
	assert_non_null(writer);
	reader = suppressfilter_open(fd);
	assert_non_null(reader);
}

static void close_both(void)
{
	suppressfilter_close(reader);
	suppressfilter_close(writer);
	close(fd);
}

static struct str name(const char *what, int i)
{
	static char text[60];

	snprintf(text, sizeof(text), "%s%d@x.example", what, i);
	return str_of(text);
}

static void what_was_added_is_found(void **state)
{
	int i, found = 0;

	(void)state;
	open_both();
	assert_false(suppressfilter_may(reader, STR("anna@x.example")));
	suppressfilter_add(writer, STR("anna@x.example"));
	assert_true(suppressfilter_may(reader, STR("anna@x.example")));
	assert_true(suppressfilter_may(reader, STR("Anna@X.Example")));
	assert_true(suppressfilter_may(reader, STR("b\xc3\xa4r@x.example"))); /* its form is not known here */
	for (i = 0; i < SUPPRESSFILTER_MANY; i++)
		suppressfilter_add(writer, name("in", i));
	for (i = 0; i < SUPPRESSFILTER_MANY; i++)
		assert_true(suppressfilter_may(reader, name("in", i)));
	for (i = 0; i < 100000; i++)
		found += suppressfilter_may(reader, name("out", i));
	assert_in_range(found, 0, 600); /* about one of 400 */
	suppressfilter_all(writer);
	assert_true(suppressfilter_may(reader, name("out", 1)) && suppressfilter_may(reader, name("out", 2)));
	close_both();
}

static void who_reads_changes_nothing(void **state)
{
	int other = memfd_create("x", MFD_CLOEXEC);
	char c;

	(void)state;
	open_both();
	assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(pread(fd, &c, 1, 0), 1);
	assert_null(suppressfilter_open(other)); /* nothing keeps it from getting smaller */
	assert_null(suppressfilter_open(-1));
	close(other);
	close_both();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found),
		cmocka_unit_test(who_reads_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
