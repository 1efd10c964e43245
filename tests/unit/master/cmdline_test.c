/* SPDX-License-Identifier: ISC */
#include "master/cmdline.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct ipc_msg m;
static const char *secret;
static struct buf why;

/* words: the whole command line, separated by '|'. */
static int parse(const char *words)
{
	static char copy[1024];
	char *argv[32], *p;
	const struct verb *v;
	size_t used = 0;
	int argc = 0;

	ipc_done(&m);
	ipc_init(&m, "control");
	buf_done(&why);
	buf_init(&why, 1024);
	snprintf(copy, sizeof(copy), "%s", words);
	for (p = copy; p; argc++) {
		argv[argc] = p;
		p = strchr(p, '|');
		if (p)
			*p++ = '\0';
	}
	v = verb_find(argv[0], argc > 1 ? argv[1] : NULL, &used);
	assert_non_null(v);
	return verb_parse(v, argc - (int)used, argv + used, &m, &secret, &why);
}

static void has(const char *name, const char *value)
{
	assert_true(str_eqc(ipc_get(&m, name), value));
}

static void places_and_names(void **state)
{
	(void)state;
	assert_int_equal(parse("user|add|anna@example.org|quota=2G|--name|Anna Berg|--roles=admin|--quota-messages=5"), 0);
	has("verb", "user add");
	has("address", "anna@example.org");
	has("quota", "2147483648");
	has("name", "Anna Berg");
	has("roles", "admin");
	has("quota_messages", "5");
	assert_string_equal(secret, "password");
	assert_int_equal(parse("status"), 0);
	has("verb", "status");
	assert_null(secret);
}

static void values_may_be_empty_or_hold_equal_signs(void **state)
{
	(void)state;
	assert_int_equal(parse("domain|change|example.org|catchall=|active=no"), 0);
	has("catchall", "");
	has("active", "no");
	assert_int_equal(parse("alias|show|a=b@example.org"), 0);
	has("address", "a=b@example.org");
	assert_int_equal(parse("alias|show|--|--address@example.org"), 0);
	has("address", "--address@example.org");
}

static void repeated_arguments(void **state)
{
	(void)state;
	assert_int_equal(parse("alias|add|info@example.org|a@example.org|target=b@example.org|c@example.org"), 0);
	assert_true(str_eqc(ipc_get_nth(&m, "target", 1), "b@example.org"));
	assert_true(str_eqc(ipc_get_nth(&m, "target", 2), "c@example.org"));
	assert_int_equal(parse("alias|add|info@example.org"), E_SYNTAX);
	assert_string_equal(buf_cstr(&why), "target: is missing");
}

static void flags(void **state)
{
	(void)state;
	assert_int_equal(parse("mailbox|check|a@example.org|--repair"), 0);
	has("repair", "yes");
	assert_int_equal(parse("mailbox|check|--repair|no|a@example.org"), 0);
	has("repair", "no");
	assert_int_equal(parse("config|show|--changed|smtp.hops"), 0);
	has("changed", "yes");
	has("key", "smtp.hops");
}

static void one_of_several_is_needed(void **state)
{
	(void)state;
	assert_int_equal(parse("session|kick"), E_SYNTAX);
	assert_string_equal(buf_cstr(&why), "user=... or id=... is needed");
	assert_int_equal(parse("session|kick|user=a@example.org"), 0);
	assert_int_equal(parse("session|kick|id=abc"), 0);
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *words, *why;
	} wrong[] = {
		{ "user|add", "address: is missing" },
		{ "user|add|a@b|c@d", "'c@d' is one argument too many" },
		{ "user|add|a@b|--frob=1", "unknown option --frob=1" },
		{ "user|add|a@b|quota=many", "quota: must be a size, like 1500, 64k, 50M, 2G" },
		{ "user|add|a@b|quota=1|quota=2", "quota: given twice" },
		{ "user|add|a@b|active=maybe", "active: must be yes or no" },
		{ "user|add|a@b|quota_messages=-1", "quota_messages: must be a whole number" },
		{ "user|add|a@b|--name", "--name needs a value" },
		{ "user|add|a\nb@c", "address: control characters, or not UTF-8" },
		{ "user|add|", "address: must not be empty" },
		{ "user|change|a@b|quota", "'quota' needs a value: quota=..." },
		{ "app-password|add|a@b|lable=phone", "there is no 'lable=' here: did you mean 'label='?" },
		{ "user|add|a@b|shoe_size=44", "there is no 'shoe_size=' here" },
		{ "status|x", "'x' is one argument too many" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(parse(wrong[i].words), E_SYNTAX);
		assert_string_equal(buf_cstr(&why), wrong[i].why);
	}
}

static void secrets_never_come_from_the_command_line(void **state)
{
	(void)state;
	assert_int_equal(parse("user|add|a@b|password=x"), E_SYNTAX);
	assert_true(str_starts(buf_view(&why), "password: a secret is not taken"));
	assert_int_equal(parse("user|password|a@b|--password|x"), E_SYNTAX);
	assert_null(ipc_get(&m, "password").p);
}

static void the_nearest_verb_is_found(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	verb_nearest("user", "ad", &b);
	assert_string_equal(buf_cstr(&b), "user add");
	buf_reset(&b);
	verb_nearest("stauts", NULL, &b);
	assert_string_equal(buf_cstr(&b), "status");
	buf_reset(&b);
	verb_nearest("frobnicate", "everything", &b);
	assert_int_equal(b.n, 0);
	buf_done(&b);
}

static void every_verb_and_argument_is_explained(void **state)
{
	struct verb_arg arg[VERB_ARGS];
	struct buf page, all;
	size_t i, k, n;
	char full[64];

	(void)state;
	buf_init(&all, 1 << 20);
	help_manual(&all);
	for (i = 0; i < nverbs; i++) {
		snprintf(full, sizeof(full), "%s%s%s", verbs[i].noun, verbs[i].noun[0] ? " " : "", verbs[i].name);
		assert_ptr_equal(verb_named(full), &verbs[i]);
		n = verb_args(&verbs[i], arg);
		for (k = 0; k < n; k++)
			assert_non_null(verb_arg_text(&verbs[i], arg[k].name));
		buf_init(&page, 65536);
		help_verb(&verbs[i], &page);
		assert_non_null(strstr(buf_cstr(&page), verbs[i].text));
		buf_done(&page);
		buf_init(&page, 256);
		for (k = 0; full[k] != '\0'; k++) /* as the manual writes it */
			buf_fmt(&page, "%s%c", full[k] == '-' ? "\\" : "", full[k]);
		assert_non_null(strstr(buf_cstr(&all), buf_cstr(&page)));
		buf_done(&page);
	}
	buf_done(&all);
}

/* One sentence for two verbs that mean different things by it misleads. */
static void an_argument_is_explained_as_its_verb_means_it(void **state)
{
	static const struct {
		const char *verb, *argument, *says;
	} row[] = { { "queue retry", "all", "all messages of the queue" }, { "dkim remove", "all", "all keys of the domain" },
		{ "test delivery", "all", "yes: each server" }, { "test delivery", "from", "the sender" }, { "backup restore", "state", "with --all: the new" },
		{ "queue list", "state", "recipients in this state: waiting" }, { "trace search", "state", "what became of them: delivered, waiting" },
		{ "suppression add", "sender", "what comes from senders in this domain" }, { "queue hold", "sender", "messages of this sender" },
		{ "rewrite add", "who", "an address, a domain, .DOMAIN for all below it, * for all" }, { "queue list", "limit", "lines at most; 10000" },
		{ "trace search", "limit", "lines at most; 100 " } };
	static const char *const never[] = { "of a test", "of a backup", "of suppressions", "(queue)", "(trace)", "(access)", "with restore" };
	struct verb_arg arg[VERB_ARGS];
	size_t i, k, n, w;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(strncmp(verb_arg_text(verb_named(row[i].verb), str_of(row[i].argument))->text, row[i].says, strlen(row[i].says)), 0);
	for (i = 0; i < nverbs; i++)
		for (k = 0, n = verb_args(&verbs[i], arg); k < n; k++)
			for (w = 0; w < ARRAY_LEN(never); w++)
				assert_null(strstr(verb_arg_text(&verbs[i], arg[k].name)->text, never[w]));
}

static void the_host_of_a_route_stands_where_it_is_named_or_not(void **state)
{
	static char *const forms[][2] = { { "d.example", "mail.example:26" }, { "d.example", "host=mail.example:26" }, { "--host=mail.example:26", "d.example" } };
	static const char *const named[] = { "route add", "route change" };
	const char *asked;
	struct ipc_msg got;
	struct buf words;
	char *empty[] = { "d.example", "host=" };
	size_t i, k;

	(void)state;
	for (k = 0; k < ARRAY_LEN(named); k++)
		for (i = 0; i < ARRAY_LEN(forms); i++) {
			char *argv[2] = { forms[i][0], forms[i][1] };

			ipc_init(&got, "control");
			buf_init(&words, 1000);
			assert_int_equal(verb_parse(verb_named(named[k]), 2, argv, &got, &asked, &words), 0);
			assert_true(str_eqc(ipc_get(&got, "to"), "d.example") && str_eqc(ipc_get(&got, "host"), "mail.example:26"));
			ipc_done(&got);
			buf_done(&words);
		}
	ipc_init(&got, "control");
	buf_init(&words, 1000);
	assert_int_equal(verb_parse(verb_named("route change"), 2, empty, &got, &asked, &words), 0); /* by MX again */
	assert_true(ipc_get(&got, "host").p && ipc_get(&got, "host").n == 0);
	ipc_done(&got);
	buf_done(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_and_names),
		cmocka_unit_test(values_may_be_empty_or_hold_equal_signs),
		cmocka_unit_test(repeated_arguments),
		cmocka_unit_test(flags),
		cmocka_unit_test(one_of_several_is_needed),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(secrets_never_come_from_the_command_line),
		cmocka_unit_test(the_nearest_verb_is_found),
		cmocka_unit_test(every_verb_and_argument_is_explained),
		cmocka_unit_test(an_argument_is_explained_as_its_verb_means_it),
		cmocka_unit_test(the_host_of_a_route_stands_where_it_is_named_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
