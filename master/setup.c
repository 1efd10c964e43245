/* SPDX-License-Identifier: ISC
 *
 * setup.c: `mansio setup`, its steps in their order (setup.h).
 *
 *   root? -> answers remembered or given -> address, host name -> settings -> start
 *         -> checks of the host -> elsewhere? -> ACME if the name leads here
 *         -> domain, administrator, aliases -> what is left to do
 */
#include "master/setup.h"

#include <sysexits.h>
#include <unistd.h>

#include "conf/edit.h"
#include "master/master.h"

int setup_fail(int code, const char *what, const char *fix)
{
	fflush(stdout);
	fprintf(stderr, "mansio setup: %s\n", what);
	if (fix && fix[0])
		fprintf(stderr, "  %s\n", fix);
	return code;
}

struct str pairs_get(const struct pairs *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (str_eqc(p->v[i].name, name))
			return p->v[i].value;
	return STR_NONE;
}

void pairs_set(struct setup *s, struct pairs *p, struct str name, struct str value)
{
	size_t i;

	for (i = 0; i < p->n && !str_eq(p->v[i].name, name); i++)
		;
	if (i == PAIRS_MAX)
		return;
	if (i == p->n)
		p->v[p->n++].name = arena_str(&s->a, name);
	p->v[i].value = arena_str(&s->a, value);
}

static bool check_is(const struct setup *s, const char *check, const char *state)
{
	size_t i;

	for (i = 0; i < s->checks.n; i++)
		if (str_eqc(ipc_get(&s->checks.row[i], "check"), check))
			return str_eqc(ipc_get(&s->checks.row[i], "state"), state);
	return false;
}

/* A certificate from an authority, where the name leads to this host and nobody decided otherwise. */
static int acme(struct setup *s)
{
	if (!conf_key_named(STR("acme.enabled")) || settings_value(s, "tls.certificates")[0] ||
	    !check_is(s, "name", "OK"))
		return 0;
	return settings_want(s, "acme.enabled", STR("yes"));
}

static int ready(struct setup *s)
{
	char path[4200];

	if (geteuid() != 0)
		return setup_fail(EX_NOPERM, "this needs root: it writes the settings and starts the suite.", "sudo mansio setup");
	if (snprintf(path, sizeof(path), "%s", s->state) >= (int)sizeof(path) - 100)
		return setup_fail(EX_CONFIG, "the name of the state folder is too long.", "");
	return 0;
}

int setup(const struct where *w, const char *answers, bool yes, bool run)
{
	struct setup s = { .yes = yes, .run = run };
	int code;

	arena_init(&s.a);
	s.config = where_absolute(&s.a, where_config(w));
	s.state_given = w->state || getenv("MANSIO_STATE");
	s.state = where_absolute(&s.a, where_state(&s.a, w));
	code = ready(&s);
	if (!code)
		code = memory_load(&s);
	if (!code && answers)
		code = answers_load(&s, answers);
	if (!code && !(code = ask_address(&s)) && !(code = ask_hostname(&s)) && !(code = settings_write(&s)) &&
	    !(code = memory_save(&s)))
		code = suite_start(&s);
	if (!code) {
		card_checks(&s);
		code = ask_elsewhere(&s);
	}
	if (!code && !(code = acme(&s)) && !(code = memory_save(&s)) && !(code = suite_reload(&s)))
		code = people_make(&s);
	if (!code) {
		pairs_set(&s, &s.memory, STR("done"), STR("yes"));
		code = memory_save(&s);
	}
	if (!code)
		card_print(&s);
	answer_done(&s.checks);
	arena_done(&s.a);
	return code;
}
