/* SPDX-License-Identifier: ISC
 *
 * Tokens that the provider is asked about, with askers and an authd that this test plays: whose turn it is.
 */
#include "auth/oauthd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ASKERS 8

static struct oauthd o;
static struct conf *many; /* askers */
static size_t askers; /* that are free */
static struct token *asked; /* the last one */
static size_t refused, answers, questions;

void oauthd_answer(struct oauthd *d, struct ids *ids, const char *result, const char *claims)
{
	(void)d, (void)claims;
	refused += strcmp(result, "temp") == 0 ? ids->n : 0;
	answers += ids->n;
	ids->n = 0;
}

void oauthd_failed(struct oauthd *d, const char *what, struct str words)
{
	(void)d, (void)what, (void)words;
}

bool asker_ask(struct oauthd *d, size_t i, struct token *t)
{
	(void)d;
	assert_int_equal(i, askers);
	askers--;
	asked = t;
	questions++;
	return true;
}

size_t asker_free(const struct oauthd *d)
{
	(void)d;
	return askers;
}

static void provider_says_no(void)
{
	struct ipc_msg m;

	ipc_init(&m, "done");
	ipc_setc(&m, "result", "inactive");
	askers++;
	token_done(&o, asked, &m);
	ipc_done(&m);
}

static void flood(size_t n)
{
	static uint64_t serial;
	char text[32];

	for (; n > 0; n--) {
		snprintf(text, sizeof(text), "flood%llu", (unsigned long long)++serial);
		token_ask(&o, serial, STR("192.0.2.0"), str_of(text));
	}
}

static void a_flood_of_one_network_holds_up_nobody_else(void **state)
{
	(void)state;
	askers = 1;
	flood(100);
	/* one is asked about, 20 wait, the others are told to try later */
	assert_int_equal(refused, 79);
	token_ask(&o, 1000, STR("198.51.100.0"), STR("his"));
	token_ask(&o, 1001, STR("203.0.113.0"), STR("hers"));
	assert_int_equal(refused, 79);
	provider_says_no();
	assert_true(str_starts(buf_view(&asked->text), "flood"));
	provider_says_no();
	assert_true(str_eqc(buf_view(&asked->text), "his"));
	provider_says_no();
	assert_true(str_eqc(buf_view(&asked->text), "hers"));
	/* the place of the one that was asked about is free again */
	refused = 0;
	flood(100);
	assert_int_equal(refused, 99);
	while (o.nwaiting > 1)
		provider_says_no();
	assert_int_equal(o.turns.n, 0);
	provider_says_no();
	assert_int_equal(o.nwaiting, 0);
}

static void who_waited_too_long_leaves_the_turn(void **state)
{
	(void)state;
	askers = 1;
	refused = 0;
	token_ask(&o, 1, STR("192.0.2.0"), STR("slow"));
	token_ask(&o, 2, STR("192.0.2.0"), STR("late"));
	assert_int_equal(o.turns.n, 1);
	TAILQ_FIRST(&o.waiting)->until = deadline_in(-1);
	tokens_tick(&o);
	assert_int_equal(refused, 1);
	assert_int_equal(o.turns.n, 0);
	provider_says_no();
}

static void one_that_is_asked_for_again_waits_once(void **state)
{
	uint64_t id;
	size_t i;

	(void)state;
	askers = 1;
	answers = refused = 0;
	for (i = 0; i < 100; i++)
		for (id = 1; id <= 10; id++)
			token_ask(&o, id, STR("192.0.2.0"), STR("again"));
	assert_int_equal(answers, 0);
	provider_says_no();
	assert_int_equal(answers, 10);
	assert_int_equal(refused, 0);
}

static void slow_answers_to_one_network_hold_up_nobody_else(void **state)
{
	struct token *first;

	(void)state;
	o.conf = many;
	askers = ASKERS;
	questions = refused = 0;
	flood(10);
	assert_int_equal(questions, 3);
	first = asked;
	token_ask(&o, 1000, STR("198.51.100.0"), STR("his"));
	assert_int_equal(questions, 4);
	assert_true(str_eqc(buf_view(&asked->text), "his"));
	provider_says_no();
	assert_int_equal(questions, 4);
	asked = first;
	provider_says_no(); /* and the next of the crowd */
	assert_int_equal(questions, 5);
	while (o.nwaiting > 0) {
		asked = TAILQ_FIRST(&o.asked);
		provider_says_no();
	}
	assert_int_equal(questions, 11);
	assert_int_equal(refused, 0);
	assert_int_equal(askers, ASKERS);
}

static struct conf *settings(unsigned requests)
{
	static const char text[] = "[oauth]\nissuer = https://id.example\naudience = mail\nintrospect = https://id.example/i\nclient_id = mail\n"
		"client_secret_file = /x\nintrospect_cache = 0\nwaiting = 50\nwaiting_per_network = 20\nrequests_per_network = 3\nrequests = ";
	char all[sizeof(text) + 10];
	struct conf *c;

	snprintf(all, sizeof(all), "%s%u\n", text, requests);
	assert_int_equal(conf_parse(str_of(all), "settings", NULL, &c), 0);
	return c;
}

static int start(void **state)
{
	(void)state;
	many = settings(ASKERS);
	o.conf = settings(1);
	tokens_start(&o);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_one_network_holds_up_nobody_else),
		cmocka_unit_test(who_waited_too_long_leaves_the_turn),
		cmocka_unit_test(one_that_is_asked_for_again_waits_once),
		cmocka_unit_test(slow_answers_to_one_network_hold_up_nobody_else),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
