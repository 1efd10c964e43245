/* SPDX-License-Identifier: ISC
 *
 * Names of system users: which may be asked about, and that nothing else leaves the back end for them.
 */
#include "auth/system_user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef WITH_PAM
#include "auth/directory_pam.h"
#include "net/ipc.h"
#endif

static void names(void **state)
{
	static const char *const good[] = { "anna", "_apt", "a", "o.hara", "x1-2_3.", "annaannaannaannaannaannaannaannaannaannaannaannaannaannaannaanna" };
	static const char *const bad[] = { "", "Anna", "1anna", "-anna", ".anna", "anna$", "anna*", "an na", "anna\n", "../anna", "anna/x",
		"anna:x", "anna@x", "anna+x", "anna;id", "j\xc3\xbcrgen", "anna\x7f", "%u", "annaannaannaannaannaannaannaannaannaannaannaannaannaannaannaannaa" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++)
		assert_true(system_user_name(str_of(good[i])));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(system_user_name(str_of(bad[i])));
	assert_false(system_user_name(str_make("anna\0x", 6)));
}

#ifdef WITH_PAM
/* The other end of the link. */
static void answer(int fd, const char *result, const char *name_asked)
{
	struct ipc_msg q, m;

	assert_int_equal(ipc_recv(fd, &q), 0);
	assert_true(str_eqc(ipc_get(&q, "name"), name_asked));
	ipc_init(&m, "answer");
	ipc_set(&m, "id", ipc_get(&q, "id"));
	ipc_setc(&m, "result", result);
	ipc_setc(&m, "words", "Anna");
	assert_int_equal(ipc_send(fd, &m), 0);
	ipc_done(&m);
	ipc_done(&q);
}

/* One question in a child, one answer here: what the back end says of it. */
static int asked(struct directory *d, int fd, const char *local, const char *domain, const char *result)
{
	struct directory_account v;
	struct arena a;
	int status, r;
	pid_t pid = fork();

	if (pid == 0) {
		answer(fd, result, local);
		_exit(0);
	}
	arena_init(&a);
	r = d->ops->account(d, str_of(local), str_of(domain), &a, &v);
	if (r == 0)
		assert_true(str_eqc(v.key, local) && str_eqc(v.local, local) && str_eqc(v.name, "Anna"));
	arena_done(&a);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return r;
}

static void what_the_desk_says(void **state)
{
	struct directory_account v;
	struct directory_alias alias;
	struct directory *d;
	struct conf *c;
	struct arena a;
	int pair[2];

	(void)state;
	arena_init(&a);
	assert_int_equal(conf_parse(STR("[auth]\ndirectory = pam\n[pam]\ndomains = example.org, example.net\n"), "t", NULL, &c), 0);
	assert_int_equal(directory_pam_open(c, &d), 0);
	/* no link yet */
	assert_int_equal(d->ops->account(d, STR("anna"), STR("example.org"), &a, &v), E_TEMP);
	assert_int_equal(ipc_pair(pair), 0);
	d->ops->peer(d, pair[0]);
	assert_int_equal(asked(d, pair[1], "anna", "example.org", "ok"), 0);
	assert_int_equal(asked(d, pair[1], "anna", "example.org", "unknown"), E_NOTFOUND);
	assert_int_equal(asked(d, pair[1], "anna", "example.org", "temp"), E_TEMP);
	assert_int_equal(asked(d, pair[1], "anna", "example.org", "nonsense"), E_TEMP);
	/* these ask nothing: nobody would answer, and it would wait */
	assert_int_equal(d->ops->account(d, STR("an*na"), STR("example.org"), &a, &v), E_NOTFOUND);
	assert_int_equal(d->ops->account(d, STR("anna"), STR("example.net"), &a, &v), E_NOTFOUND);
	assert_int_equal(d->ops->alias(d, STR("anna@example.org"), &a, &alias), E_NOTFOUND);
	assert_int_equal(d->ops->alias(d, STR("../x@example.net"), &a, &alias), E_NOTFOUND);
	/* pamd is gone */
	close(pair[1]);
	assert_int_equal(d->ops->account(d, STR("anna"), STR("example.org"), &a, &v), E_TEMP);
	d->ops->close(d);
	conf_free(c);
	arena_done(&a);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
#ifdef WITH_PAM
		cmocka_unit_test(what_the_desk_says),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
