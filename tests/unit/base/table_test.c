/* SPDX-License-Identifier: ISC
 *
 * table_test.c: thousands of entries, and removal while visiting.
 */
#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MANY = 5000 };

static struct str key_of(size_t i, char out[16])
{
	return str_make(out, (size_t)snprintf(out, 16, "key%zu", i));
}

static void fill(struct table *t)
{
	char text[16];

	table_init(t);
	for (size_t i = 1; i <= MANY; i++)
		assert_null(table_set(t, key_of(i, text), (void *)i));
}

static void test_set_get_replace_remove(void **state)
{
	struct table t;
	char text[16];

	(void)state;
	fill(&t);
	assert_int_equal(t.n, MANY);
	for (size_t i = 1; i <= MANY; i++)
		assert_ptr_equal(table_get(&t, key_of(i, text)), (void *)i);
	assert_null(table_get(&t, STR("key0")));
	assert_ptr_equal(table_set(&t, STR("key1"), (void *)7), (void *)1);
	assert_ptr_equal(table_remove(&t, STR("key1")), (void *)7);
	assert_null(table_remove(&t, STR("key1")));
	assert_null(table_get(&t, STR("key1")));
	assert_int_equal(t.n, MANY - 1);
	table_done(&t);
	assert_null(table_get(&t, STR("key2")));
	table_done(&t);
}

static void test_keys_are_bytes(void **state)
{
	struct table t;
	char key[] = "mine";

	(void)state;
	table_init(&t);
	assert_null(table_get(&t, STR("x")));
	assert_null(table_remove(&t, STR("x")));
	table_set(&t, STR("a\0b"), (void *)1);
	table_set(&t, STR("a\0c"), (void *)2);
	table_set(&t, STR(""), (void *)3);
	table_set(&t, str_of(key), (void *)4);
	key[0] = 'x'; /* keys are copied */
	assert_ptr_equal(table_get(&t, STR("a\0b")), (void *)1);
	assert_ptr_equal(table_get(&t, STR("a\0c")), (void *)2);
	assert_ptr_equal(table_get(&t, STR_NONE), (void *)3);
	assert_ptr_equal(table_get(&t, STR("mine")), (void *)4);
	table_done(&t);
}

struct visit {
	struct table *t;
	size_t seen, sum;
};

static bool remove_even(struct str key, void *value, void *arg)
{
	struct visit *v = arg;

	v->seen++;
	v->sum += (size_t)value;
	if ((size_t)value % 2 == 0)
		assert_ptr_equal(table_remove(v->t, key), value);
	return true;
}

static bool stop_at_once(struct str key, void *value, void *arg)
{
	struct visit *v = arg;

	(void)key;
	(void)value;
	v->seen++;
	return false;
}

static void test_visit_may_remove_the_current(void **state)
{
	struct table t;
	struct visit v = { &t, 0, 0 }, w = { &t, 0, 0 };

	(void)state;
	fill(&t);
	table_each(&t, remove_even, &v);
	assert_int_equal(v.seen, MANY);
	assert_int_equal(v.sum, (size_t)MANY * (MANY + 1) / 2);
	assert_int_equal(t.n, MANY / 2);
	table_each(&t, stop_at_once, &w);
	assert_int_equal(w.seen, 1);
	table_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_get_replace_remove),
		cmocka_unit_test(test_keys_are_bytes),
		cmocka_unit_test(test_visit_may_remove_the_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
