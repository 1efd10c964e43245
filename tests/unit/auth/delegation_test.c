/* SPDX-License-Identifier: ISC
 *
 * Who may send with an address that is not his: by an address, a domain, a group; that a right goes with the names that
 * it is about; who owns a mailbox; and what becomes of the mail of somebody who left.
 */
#include "auth/delegation.h"
#include "auth/directory_sqlite.h"
#include "auth/verbs.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "net/ipc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/mansio-delegation-XXXXXX";
static struct directory *d;
static struct resolver resolver;
static struct conf *conf;
static unsigned rows;
static char ended[100]; /* a mailbox whose sessions end with the last verb */

/* Runs "noun verb" with name, value pairs: its code. */
static int verb(const char *name, ...)
{
	struct ipc_msg m, answer, more;
	const char *key;
	uint64_t code = 99;
	va_list ap;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	ipc_init(&m, "control");
	ipc_setc(&m, "verb", name);
	va_start(ap, name);
	while ((key = va_arg(ap, const char *)) != NULL)
		ipc_setc(&m, key, va_arg(ap, const char *));
	va_end(ap);
	ipc_init(&more, "answer");
	(void)verb_run(&resolver, conf, NULL, &m, pair[1], &more);
	snprintf(ended, sizeof(ended), "%.*s", STRF(ipc_get(&more, "ended_mail")));
	ipc_done(&more);
	ipc_done(&m);
	close(pair[1]);
	for (rows = 0; code == 99 && ipc_recv(pair[0], &answer) == 0; ipc_done(&answer)) {
		if (ipc_get_bool(&answer, "done"))
			assert_int_equal(ipc_get_u64(&answer, "code", 255, &code), 0);
		else
			rows++;
	}
	close(pair[0]);
	return (int)code;
}

static enum auth_result sends(const char *who, const char *address)
{
	enum auth_result out = AUTH_TEMP;
	struct arena a;

	arena_init(&a);
	assert_int_equal(resolve_sender(&resolver, str_of(who), str_of(address), &a, &out), 0);
	arena_done(&a);
	return out;
}

static int begin(void **state)
{
	static const char *const people[] = { "anna@a.example", "ben@a.example", "carl@a.example", "dora@b.example" };
	size_t i;

	(void)state;
	assert_int_equal(directory_sqlite_open(&d), 0);
	resolver = (struct resolver){ .d = d, .separator = '+' };
	conf = conf_defaults();
	conf->auth_yescrypt_cost = 1;
	assert_int_equal(verb("domain add", "domain", "a.example", NULL), 0);
	assert_int_equal(verb("domain add", "domain", "b.example", NULL), 0);
	for (i = 0; i < ARRAY_LEN(people); i++)
		assert_int_equal(verb("user add", "address", people[i], NULL), 0);
	assert_int_equal(verb("alias add", "address", "info@a.example", "target", "carl@a.example", NULL), 0);
	assert_int_equal(verb("alias add", "address", "group@a.example", "target", "anna@a.example", "target", "ben@a.example", NULL), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	d->ops->close(d);
	conf_free(conf);
	unlink("directory.db");
	unlink("directory.db-wal");
	unlink("directory.db-shm");
	return 0;
}

static void an_address_with_its_details_and_no_other(void **state)
{
	(void)state;
	assert_int_equal(sends("anna@a.example", "ben@a.example"), AUTH_DENIED);
	assert_int_equal(verb("send-as add", "who", "Anna@A.example", "address", "Ben@a.example", NULL), 0);
	assert_int_equal(sends("anna@a.example", "ben@a.example"), AUTH_OK);
	assert_int_equal(sends("anna@a.example", "BEN+lists@a.example"), AUTH_OK);
	assert_int_equal(sends("anna@a.example", "carl@a.example"), AUTH_DENIED);
	assert_int_equal(sends("anna@a.example", "benn@a.example"), AUTH_DENIED);
	assert_int_equal(sends("carl@a.example", "ben@a.example"), AUTH_DENIED);
	assert_int_equal(sends("ben@a.example", "anna@a.example"), AUTH_DENIED);
	assert_int_equal(verb("send-as add", "who", "anna@a.example", "address", "info@a.example", NULL), 0);
	assert_int_equal(sends("anna@a.example", "info@a.example"), AUTH_OK);
	assert_int_equal(sends("anna@a.example", "carl@a.example"), AUTH_DENIED);
	assert_int_equal(verb("send-as list", NULL), 0);
	assert_int_equal(rows, 2);
	assert_int_equal(verb("send-as list", "scope", "b.example", NULL), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(verb("send-as list", "scope", "ben@a.example", NULL), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(verb("send-as remove", "who", "anna@a.example", "address", "ben@a.example", NULL), 0);
	assert_int_equal(sends("anna@a.example", "ben@a.example"), AUTH_DENIED);
	assert_int_equal(verb("send-as remove", "who", "anna@a.example", "address", "ben@a.example", NULL), 67);
}

static void a_domain_and_a_group(void **state)
{
	(void)state;
	assert_int_equal(verb("send-as add", "who", "dora@b.example", "domain", "a.example", NULL), 0);
	assert_int_equal(sends("dora@b.example", "anna@a.example"), AUTH_OK);
	assert_int_equal(sends("dora@b.example", "nobody@a.example"), AUTH_OK);
	assert_int_equal(sends("dora@b.example", "x@c.example"), AUTH_NODOMAIN);
	assert_int_equal(verb("domain change", "domain", "a.example", "active", "no", NULL), 0);
	assert_int_equal(sends("dora@b.example", "anna@a.example"), AUTH_DENIED);
	assert_int_equal(verb("domain change", "domain", "a.example", "active", "yes", NULL), 0);
	assert_int_equal(verb("send-as add", "who", "group@a.example", "address", "dora@b.example", NULL), 0);
	assert_int_equal(sends("ben@a.example", "dora@b.example"), AUTH_OK);
	assert_int_equal(sends("carl@a.example", "dora@b.example"), AUTH_DENIED);
	assert_int_equal(verb("alias change", "address", "group@a.example", "target", "carl@a.example", NULL), 0);
	assert_int_equal(sends("ben@a.example", "dora@b.example"), AUTH_DENIED);
	assert_int_equal(sends("carl@a.example", "dora@b.example"), AUTH_OK);
	/* where a person's mail goes on to makes nobody a member */
	assert_int_equal(verb("user forward", "address", "carl@a.example", "target", "ben@a.example", NULL), 0);
	assert_int_equal(sends("ben@a.example", "dora@b.example"), AUTH_DENIED);
}

static void a_right_goes_with_its_names(void **state)
{
	(void)state;
	assert_int_equal(verb("send-as add", "who", "anna@a.example", "address", "ben@a.example", NULL), 0);
	assert_int_equal(verb("send-as add", "who", "anna@a.example", "address", "info@a.example", NULL), 0);
	assert_int_equal(verb("send-as add", "who", "ben@a.example", "address", "carl@a.example", NULL), 0);
	assert_int_equal(verb("user remove", "address", "ben@a.example", NULL), 0);
	assert_int_equal(verb("alias remove", "address", "info@a.example", NULL), 0);
	assert_int_equal(verb("send-as list", NULL), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(verb("user add", "address", "ben@a.example", NULL), 0);
	assert_int_equal(sends("anna@a.example", "ben@a.example"), AUTH_DENIED);
	assert_int_equal(sends("ben@a.example", "carl@a.example"), AUTH_DENIED);
}

static void what_its_back_end_says(void **state)
{
	struct directory_account anna = { .local = STR("anna"), .domain = STR("a.example"),
		.send_as = STR("ben@a.example\n@b.example\nnobody@a.example") };
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(delegation_sends(&resolver, &anna, STR("ben@a.example"), &a), 0);
	assert_int_equal(delegation_sends(&resolver, &anna, STR("any@b.example"), &a), 0);
	assert_int_equal(delegation_sends(&resolver, &anna, STR("carl@a.example"), &a), E_NOTFOUND);
	assert_int_equal(delegation_sends(&resolver, &anna, STR("nobody@a.example"), &a), E_NOTFOUND);
	assert_int_equal(delegation_sends(&resolver, &anna, STR("x@c.example"), &a), E_NOTFOUND);
	arena_done(&a);
}

static bool owns(const char *who, const char *mailbox)
{
	struct directory_account acc;
	struct arena a;
	int r;

	arena_init(&a);
	r = delegation_owns(&resolver, str_of(who), str_of(mailbox), &a, &acc);
	assert_true(r == 0 || r == E_NOTFOUND);
	arena_done(&a);
	return r == 0;
}

static void an_owner_and_a_group_of_them(void **state)
{
	(void)state;
	assert_int_equal(verb("user add", "address", "box@a.example", "shared", "yes", NULL), 0);
	assert_int_equal(verb("send-as add", "who", "carl@a.example", "address", "box@a.example", NULL), 0);
	assert_int_equal(verb("owner add", "who", "carl@a.example", "address", "anna@a.example", NULL), 0);
	assert_int_equal(verb("owner add", "who", "group@a.example", "address", "box@a.example", NULL), 0);
	assert_true(owns("ben@a.example", "box@a.example") && owns("anna@a.example", "box@a.example"));
	assert_false(owns("carl@a.example", "box@a.example") || owns("box@a.example", "box@a.example") || owns("box@a.example", "ben@a.example"));
	assert_true(owns("carl@a.example", "anna@a.example"));
	assert_false(owns("nobody@a.example", "box@a.example") || owns("ben@a.example", "nobody@a.example"));
	/* who owns it sends with it, and not the other way */
	assert_int_equal(sends("ben@a.example", "box+x@a.example"), AUTH_OK);
	assert_int_equal(sends("box@a.example", "ben@a.example"), AUTH_DENIED);
	assert_int_equal(verb("owner list", NULL), 0);
	assert_int_equal(rows, 2);
	/* what somebody looks after, as one of a group too; others' groups are not his to see */
	assert_int_equal(verb("owner list", "who", "Ben@a.example", NULL), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(verb("owner list", "who", "ben@a.example", "scope", "ben@a.example", NULL), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(verb("owner list", "who", "ben@a.example", "address", "anna@a.example", NULL), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(verb("owner list", "who", "anna@a.example", "scope", "ben@a.example", NULL), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(verb("send-as list", NULL), 0);
	assert_int_equal(rows, 1);
	/* one who may not log in owns nothing; sessions that he may have there end */
	assert_int_equal(verb("user change", "address", "ben@a.example", "active", "no", NULL), 0);
	assert_string_equal(ended, "box@a.example");
	assert_false(owns("ben@a.example", "box@a.example"));
	assert_int_equal(verb("user change", "address", "ben@a.example", "active", "yes", NULL), 0);
	assert_true(owns("ben@a.example", "box@a.example"));
	assert_int_equal(verb("user change", "address", "ben@a.example", "name", "Ben", NULL), 0);
	assert_string_equal(ended, "");
	assert_int_equal(verb("user change", "address", "ben@a.example", "expires", "2999-01-01", NULL), 0);
	assert_string_equal(ended, "box@a.example");
	assert_int_equal(verb("user leave", "address", "carl@a.example", NULL), 0);
	assert_string_equal(ended, "anna@a.example");
	assert_int_equal(verb("alias change", "address", "group@a.example", "target", "anna@a.example", NULL), 0);
	assert_string_equal(ended, "box@a.example");
	assert_false(owns("ben@a.example", "box@a.example"));
	assert_int_equal(verb("user remove", "address", "anna@a.example", NULL), 0);
	assert_string_equal(ended, "box@a.example");
	assert_int_equal(verb("alias remove", "address", "group@a.example", NULL), 0);
	assert_string_equal(ended, "box@a.example");
	assert_int_equal(verb("owner list", NULL), 0);
	assert_int_equal(rows, 0);
}

static void a_shared_mailbox_gets_no_password(void **state)
{
	(void)state;
	assert_int_equal(verb("user add", "address", "box@a.example", "shared", "yes", "password", "secret 1", NULL), 69);
	assert_int_equal(verb("user add", "address", "box@a.example", "shared", "yes", NULL), 0);
	assert_int_equal(verb("user password", "address", "box@a.example", "password", "secret 1", NULL), 69);
	assert_int_equal(verb("user invite", "address", "box@a.example", NULL), 69);
	assert_int_equal(verb("shared-secret set", "address", "box@a.example", NULL), 69);
	assert_int_equal(verb("user password", "address", "ben@a.example", "password", "secret 1", NULL), 0);
	/* an app password for an owner, and for nobody else */
	assert_int_equal(verb("app-password add", "address", "box@a.example", "owner", "ben@a.example", NULL), 65);
	assert_int_equal(verb("owner add", "who", "ben@a.example", "address", "box@a.example", NULL), 0);
	assert_int_equal(verb("app-password add", "address", "box@a.example", "owner", "Ben@a.example", NULL), 0);
	assert_int_equal(verb("app-password add", "address", "box@a.example", "owner", "anna@a.example", "asker", "ben@a.example",
		"asker_owner", "1", NULL), 77);
	assert_int_equal(verb("app-password add", "address", "box@a.example", "asker", "anna@a.example", "asker_owner", "1", NULL), 65);
	assert_int_equal(verb("app-password list", "address", "box@a.example", "asker", "ben@a.example", "asker_owner", "1", NULL), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(verb("app-password list", "address", "box@a.example", "asker", "anna@a.example", "asker_owner", "1", NULL), 0);
	assert_int_equal(rows, 0);
	/* they go with him */
	assert_int_equal(verb("user remove", "address", "ben@a.example", NULL), 0);
	assert_int_equal(verb("app-password list", "address", "box@a.example", NULL), 0);
	assert_int_equal(rows, 0);
	/* mailboxes alone have owners */
	assert_int_equal(verb("owner add", "who", "anna@a.example", "address", "info@a.example", NULL), 67);
	assert_int_equal(verb("owner add", "who", "box@a.example", "address", "box@a.example", NULL), 65);
	assert_int_equal(verb("owner add", "who", "dora@b.example", "address", "box@a.example", "asker", "boss@a.example", NULL), 77);
}

static void an_owner_who_comes_back_has_no_old_app_password(void **state)
{
	(void)state;
	assert_int_equal(verb("user add", "address", "box@a.example", "shared", "yes", NULL), 0);
	assert_int_equal(verb("owner add", "who", "ben@a.example", "address", "box@a.example", NULL), 0);
	assert_int_equal(verb("owner add", "who", "anna@a.example", "address", "box@a.example", NULL), 0);
	assert_int_equal(verb("app-password add", "address", "box@a.example", "owner", "ben@a.example", NULL), 0);
	assert_int_equal(verb("app-password add", "address", "box@a.example", "owner", "anna@a.example", NULL), 0);
	assert_int_equal(verb("app-password add", "address", "box@a.example", "owner", "ben@a.example", NULL), 0);
	assert_int_equal(verb("owner remove", "who", "ben@a.example", "address", "box@a.example", NULL), 0);
	assert_int_equal(verb("owner add", "who", "ben@a.example", "address", "box@a.example", NULL), 0);
	assert_int_equal(verb("app-password list", "address", "box@a.example", NULL), 0);
	assert_int_equal(rows, 1);
}

static void tokens_of_who_is_gone(void **state)
{
	(void)state;
	assert_int_equal(verb("token add", "label", "mailer", "role", "send:ben@a.example", NULL), 0);
	assert_int_equal(verb("token add", "label", "both", "role", "metrics,send:ben@a.example", NULL), 0);
	assert_int_equal(verb("token add", "label", "another", "role", "send:anna@a.example", NULL), 0);
	assert_int_equal(verb("user remove", "address", "ben@a.example", NULL), 0);
	assert_int_equal(verb("token list", NULL), 0);
	assert_int_equal(rows, 2);
	assert_int_equal(verb("directory check", NULL), 0);
}

/* Another directory removes people and tells nobody. */
static void rights_of_names_that_nobody_has(void **state)
{
	(void)state;
	assert_int_equal(verb("directory check", NULL), 0);
	assert_int_equal(verb("send-as add", "who", "ben@a.example", "address", "anna@a.example", NULL), 0);
	assert_int_equal(verb("owner add", "who", "ben@a.example", "address", "carl@a.example", NULL), 0);
	assert_int_equal(verb("send-as add", "who", "carl@a.example", "domain", "a.example", NULL), 0);
	assert_int_equal(verb("token add", "label", "mailer", "role", "metrics,send:ben@a.example", NULL), 0);
	assert_int_equal(verb("directory check", NULL), 0);
	assert_int_equal(d->ops->account_remove(d, STR("ben"), STR("a.example")), 0);
	assert_int_equal(verb("directory check", NULL), 65);
	assert_int_equal(rows, 3);
}

static void what_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(verb("send-as add", "who", "anna@a.example", NULL), 64);
	assert_int_equal(verb("send-as add", "who", "anna@a.example", "address", "ben@a.example", "domain", "a.example", NULL), 64);
	assert_int_equal(verb("send-as add", "who", "anna@a.example", "address", "nobody@a.example", NULL), 67);
	assert_int_equal(verb("send-as add", "who", "nobody@a.example", "address", "anna@a.example", NULL), 67);
	assert_int_equal(verb("send-as add", "who", "anna@a.example", "address", "x@c.example", NULL), 67);
	assert_int_equal(verb("send-as add", "who", "anna@a.example", "domain", "c.example", NULL), 67);
	assert_int_equal(verb("send-as add", "who", "anna", "address", "ben@a.example", NULL), 65);
	assert_int_equal(verb("send-as add", "who", "anna@a.example", "address", "anna@a.example", NULL), 65);
	/* from outside, by who is no global administrator */
	assert_int_equal(verb("send-as add", "who", "dora@b.example", "address", "anna@a.example", "asker", "anna@a.example", NULL), 77);
	assert_int_equal(verb("send-as add", "who", "dora@b.example", "address", "anna@a.example", "asker", "boss@c.example",
		"asker_admin", "1", NULL), 0);
	assert_int_equal(verb("send-as add", "who", "dora@b.example", "address", "anna@a.example", NULL), 73);
}

static void rcpt(const char *address, struct arena *a, struct auth_rcpt *out)
{
	assert_int_equal(resolve_rcpt(&resolver, str_of(address), a, out), 0);
}

static void who_left(void **state)
{
	struct directory_account acc;
	struct auth_rcpt v;
	struct arena a;

	(void)state;
	arena_init(&a);
	clock_set_unix(1798761600 - 100); /* 2026-12-31T23:58:20Z */
	assert_int_equal(verb("user leave", "address", "anna@a.example", "target", "ben@a.example", "keep", "no", "until", "2026-12-31",
		"reply", "anna@new.example", NULL), 0);
	rcpt("anna@a.example", &a, &v);
	assert_true(v.result == AUTH_OK && v.ntargets == 1 && str_eqc(v.target[0].account, "ben@a.example"));
	assert_int_equal(v.good_until, 1798761600);
	assert_int_equal(sends("anna@a.example", "anna@a.example"), AUTH_INACTIVE);
	rcpt("group@a.example", &a, &v);
	assert_int_equal(v.ntargets, 1);
	clock_set_unix(1798761600);
	rcpt("anna+x@a.example", &a, &v);
	assert_true(v.result == AUTH_UNKNOWN && v.ntargets == 0 && str_eqc(v.moved, "anna@new.example"));
	/* others go on, and do not hear of it */
	rcpt("group@a.example", &a, &v);
	assert_true(v.result == AUTH_OK && v.ntargets == 1 && v.moved.n == 0);
	assert_int_equal(verb("alias change", "address", "group@a.example", "target", "anna@a.example", NULL), 0);
	rcpt("group@a.example", &a, &v);
	assert_true(v.result == AUTH_UNKNOWN && v.moved.n == 0);
	/* what else is changed leaves it as it is; `active` is the way back */
	assert_int_equal(verb("user change", "address", "anna@a.example", "name", "Anna", NULL), 0);
	rcpt("anna@a.example", &a, &v);
	assert_int_equal(v.result, AUTH_UNKNOWN);
	assert_int_equal(verb("user change", "address", "anna@a.example", "active", "yes", NULL), 0);
	rcpt("anna@a.example", &a, &v);
	assert_true(v.result == AUTH_OK && v.ntargets == 1 && str_eqc(v.target[0].account, "anna@a.example") && v.good_until == 0);
	assert_int_equal(resolve_account(&resolver, STR("anna@a.example"), &a, &acc), 0);
	assert_true(acc.left == 0 && acc.refuse_from == 0 && acc.refuse_text.n == 0 && acc.forward.n == 0);
	assert_int_equal(verb("user leave", "address", "anna@a.example", "reply", "x", NULL), 64);
	assert_int_equal(verb("user leave", "address", "anna@a.example", "until", "2027-01-01", "reply", "x\ny", NULL), 65);
	assert_int_equal(verb("user leave", "address", "anna@a.example", "target", "anna@a.example", NULL), 65);
	assert_int_equal(verb("user leave", "address", "nobody@a.example", NULL), 67);
	arena_done(&a);
	clock_set_unix(0);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	return chdir(dir);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(chdir("/"), 0);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_address_with_its_details_and_no_other, begin, end),
		cmocka_unit_test_setup_teardown(a_domain_and_a_group, begin, end),
		cmocka_unit_test_setup_teardown(a_right_goes_with_its_names, begin, end),
		cmocka_unit_test_setup_teardown(what_its_back_end_says, begin, end),
		cmocka_unit_test_setup_teardown(an_owner_and_a_group_of_them, begin, end),
		cmocka_unit_test_setup_teardown(a_shared_mailbox_gets_no_password, begin, end),
		cmocka_unit_test_setup_teardown(an_owner_who_comes_back_has_no_old_app_password, begin, end),
		cmocka_unit_test_setup_teardown(tokens_of_who_is_gone, begin, end),
		cmocka_unit_test_setup_teardown(rights_of_names_that_nobody_has, begin, end),
		cmocka_unit_test_setup_teardown(what_cannot_be, begin, end),
		cmocka_unit_test_setup_teardown(who_left, begin, end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
