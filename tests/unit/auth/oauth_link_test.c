/* SPDX-License-Identifier: ISC
 *
 * authd's link to oauthd, which this test plays: of what it says counts only what is of the provider in the settings of now,
 * and no network takes all places.
 */
#include "auth/oauth_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/authd.h"
#include "base/clock.h"
#include "conf/oauth.h"

struct authd authd;
static struct conf *one, *other; /* settings */
static int oauthd = -1, told; /* how often the workers got keys */
static size_t answers;

void pool_keys(struct pool *p, int fd)
{
	(void)p;
	told += fd >= 0;
	if (fd >= 0)
		close(fd);
}

static void heard(void *arg, const struct ipc_msg *answer)
{
	(void)arg, (void)answer;
	answers++;
}

static struct conf *settings(const char *issuer)
{
	char text[200];
	struct conf *c;

	snprintf(text, sizeof(text), "[oauth]\nissuer = %s\naudience = mail\nwaiting = 8\nwaiting_per_network = 3\n", issuer);
	assert_int_equal(conf_parse(str_of(text), "settings", NULL, &c), 0);
	return c;
}

static void says(const struct conf *of, const char *verb, uint64_t id)
{
	char provider[CONF_OAUTH_PROVIDER];
	struct ipc_msg m;

	conf_oauth_provider(of, provider);
	ipc_init(&m, verb);
	ipc_setc(&m, "of", provider);
	ipc_set_u64(&m, "id", id);
	ipc_setc(&m, "result", "ok");
	ipc_setc(&m, "text", "{}");
	ipc_set_u64(&m, "until", (uint64_t)clock_unix() + 3600);
	assert_int_equal(ipc_send(oauthd, &m), 0);
	ipc_done(&m);
	assert_true(event_base_loop(authd.base, EVLOOP_NONBLOCK) >= 0);
}

/* The number of the question; 0 if it has none, UINT64_MAX: nothing was said. */
static uint64_t hears(const char *verb)
{
	struct ipc_msg m;
	uint64_t id = 0;
	int r = ipc_try_recv(oauthd, &m);

	if (r == 0) {
		assert_true(ipc_is(&m, verb));
		(void)ipc_get_u64(&m, "id", UINT64_MAX, &id);
	}
	ipc_done(&m);
	return r == 0 ? id : UINT64_MAX;
}

static void new_oauthd(void)
{
	int pair[2];

	if (oauthd >= 0)
		close(oauthd);
	assert_int_equal(ipc_pair(pair), 0);
	oauthd = pair[1];
	assert_int_equal(fcntl(oauthd, F_SETFL, O_NONBLOCK), 0);
	oauth_peer(pair[0]);
}

static void reload(struct conf *to)
{
	struct conf *old = authd.program.conf;

	authd.program.conf = to;
	oauth_reload(old);
}

static bool has_keys(void)
{
	int fd = oauth_keys();

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void keys_on_their_way_from_another_provider_do_not_count(void **state)
{
	(void)state;
	new_oauthd();
	says(one, "keys", 0);
	assert_true(has_keys());
	assert_int_equal(told, 1);
	reload(other);
	assert_false(has_keys());
	says(one, "keys", 0); /* sent before the old oauthd ended */
	assert_false(has_keys());
	assert_int_equal(told, 1);
	new_oauthd();
	says(other, "keys", 0);
	assert_true(has_keys());
	assert_int_equal(told, 2);
	reload(one);
}

static void keys_that_came_before_the_reload_are_asked_for(void **state)
{
	(void)state;
	new_oauthd();
	says(other, "keys", 0); /* the new oauthd was quicker than our reload */
	assert_false(has_keys());
	assert_int_equal(hears("tell"), UINT64_MAX);
	reload(other);
	assert_int_equal(hears("tell"), 0);
	says(other, "keys", 0);
	assert_true(has_keys());
	reload(one);
}

static void an_answer_of_another_provider_does_not_count_and_it_is_asked_again(void **state)
{
	uint64_t id;

	(void)state;
	new_oauthd();
	answers = 0;
	assert_non_null(oauth_ask("introspect", STR("192.0.2.0"), STR("token"), heard, NULL));
	id = hears("introspect");
	reload(other);
	says(one, "answer", id);
	assert_int_equal(answers, 0);
	new_oauthd();
	assert_int_equal(hears("introspect"), id);
	says(other, "answer", id);
	assert_int_equal(answers, 1);
	says(other, "answer", id);
	assert_int_equal(answers, 1);
	reload(one);
}

static void one_network_has_not_all_places(void **state)
{
	struct oauth_question *q[4];
	size_t i;

	(void)state;
	new_oauthd();
	for (i = 0; i < 3; i++)
		assert_non_null(q[i] = oauth_ask("introspect", STR("192.0.2.0"), STR("token"), heard, NULL));
	assert_null(oauth_ask("introspect", STR("192.0.2.0"), STR("token"), heard, NULL));
	assert_non_null(q[3] = oauth_ask("introspect", STR("198.51.100.0"), STR("token"), heard, NULL));
	oauth_forget(q[0]);
	assert_non_null(q[0] = oauth_ask("introspect", STR("192.0.2.0"), STR("token"), heard, NULL));
	for (i = 0; i < ARRAY_LEN(q); i++)
		oauth_forget(q[i]);
}

static int start(void **state)
{
	(void)state;
	authd.base = event_base_new();
	one = settings("https://one.example");
	other = settings("https://other.example");
	authd.program.conf = one;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_on_their_way_from_another_provider_do_not_count),
		cmocka_unit_test(keys_that_came_before_the_reload_are_asked_for),
		cmocka_unit_test(an_answer_of_another_provider_does_not_count_and_it_is_asked_again),
		cmocka_unit_test(one_network_has_not_all_places),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
