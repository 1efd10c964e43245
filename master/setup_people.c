/* SPDX-License-Identifier: ISC
 *
 * setup_people.c: the domain with the keys that sign its mail, its first administrator, and the addresses that
 * every domain must have (RFC 2142: postmaster, abuse; root for this host's own mail).
 * What is there already stays. No password is made up: the administrator gets a link
 * that works once, or is asked.
 */
#include "master/setup.h"

#include <stdio.h>
#include <sysexits.h>

static int failed(const struct answer *a, const char *what)
{
	char text[600];

	snprintf(text, sizeof(text), "%s: %.500s", what, a->error);
	return setup_fail(a->code, text, a->code == EX_UNAVAILABLE ? "systemctl status mansio" : "");
}

/* Done, or done before. */
static int made(struct answer *a, const char *what)
{
	int code = a->code == 0 || a->code == EX_CANTCREAT ? 0 : failed(a, what);

	answer_done(a);
	return code;
}

static bool exists(struct setup *s, const char *verb, const char *address)
{
	struct answer a;
	bool there = suite_ask(s, &a, verb, "address", address, NULL) && a.code == 0;

	answer_done(&a);
	return there;
}

static int make_account(struct setup *s, const char *address)
{
	bool invited = verb_named("user invite") != NULL;
	struct str name = pairs_get(&s->answers, "name");
	struct buf password;
	struct answer a;
	int r = 0;

	if (suite_ask(s, &a, "user show", "address", address, NULL) && a.code == 0) {
		if (a.n && !str_eqc(ipc_get(&a.row[0], "roles"), "admin"))
			printf("  %s keeps its rights; to make it an administrator: mansio user change %s roles=admin\n", address, address);
		answer_done(&a);
		return 0;
	}
	answer_done(&a);
	buf_init(&password, 1);
	if (!invited) {
		char label[300];

		buf_done(&password);
		snprintf(label, sizeof(label), "A password for %.250s", address);
		r = ask_secret(label, &password);
	}
	if (r < 0)
		return setup_fail(EX_DATAERR, "no password, or the two differ.", "Run 'mansio setup' again: it goes on from here.");
	suite_ask(s, &a, "user add", "address", address, "roles", "admin", invited ? "active" : "password",
		invited ? "yes" : buf_cstr(&password), name.n ? "name" : NULL, name.n ? arena_cstr(&s->a, name) : NULL, NULL);
	buf_wipe(&password);
	return made(&a, "the account could not be made");
}

/* A link, unless the account has a password already. */
static int invite(struct setup *s, const char *address)
{
	struct answer a;
	bool has = false;

	if (!verb_named("user invite"))
		return 0;
	if (suite_ask(s, &a, "user show", "address", address, NULL) && a.code == 0 && a.n)
		has = str_eqc(ipc_get(&a.row[0], "password"), "yes");
	answer_done(&a);
	if (has)
		return 0;
	suite_ask(s, &a, "user invite", "address", address, NULL);
	if (a.code == 0 && a.n) {
		s->link = arena_cstr(&s->a, ipc_get(&a.row[0], "link"));
		ipc_get_u64(&a.row[0], "expires", INT64_MAX, &s->link_expires);
	}
	return made(&a, "the one-time link could not be made");
}

/* So that the records that are shown at the end have them. Who removed them after a setup does not
 * get them again. */
static int make_keys(struct setup *s, const char *domain)
{
	struct answer a;

	suite_ask(s, &a, "dkim rotate", "domain", domain, "first", "yes", NULL);
	return made(&a, "the keys that sign mail (DKIM) could not be made");
}

int people_make(struct setup *s)
{
	static const char *const wanted[] = { "postmaster", "abuse", "root" };
	const char *address = arena_cstr(&s->a, s->address), *name, *domain = arena_cstr(&s->a, s->domain);
	bool fresh;
	struct answer a;
	size_t i;
	int code;

	suite_ask(s, &a, "domain add", "domain", domain, NULL);
	fresh = a.code == 0 || !pairs_get(&s->memory, "done").n;
	code = made(&a, "the domain could not be made");
	if (!code && fresh)
		code = make_keys(s, domain);
	if (!code)
		code = make_account(s, address);
	for (i = 0; !code && i < ARRAY_LEN(wanted); i++) {
		name = arena_fmt(&s->a, "%s@%.*s", wanted[i], STRF(s->domain));
		if (exists(s, "user show", name) || exists(s, "alias show", name))
			continue;
		suite_ask(s, &a, "alias add", "address", name, "target", address, NULL);
		code = made(&a, name);
	}
	return code ? code : invite(s, address);
}
