/* SPDX-License-Identifier: ISC
 *
 * cmdline.c: the words of a command line turned into a message.
 */
#include "master/cmdline.h"

#include <limits.h>

#include "conf/near.h"

struct parse {
	const struct verb_arg *arg;
	size_t nargs;
	bool given[VERB_ARGS];
	struct ipc_msg *m;
	struct buf *why;
};

/* --quota-messages and quota_messages are one. */
static int arg_named(const struct parse *p, struct str name)
{
	size_t i, k;

	for (i = 0; i < p->nargs; i++) {
		struct str have = p->arg[i].name;

		if (have.n != name.n)
			continue;
		for (k = 0; k < name.n; k++)
			if (have.p[k] != (name.p[k] == '-' ? '_' : name.p[k]))
				break;
		if (k == name.n)
			return (int)i;
	}
	return -1;
}

static int bad(struct parse *p, size_t i, const char *what)
{
	buf_fmt(p->why, "%.*s: %s", STRF(p->arg[i].name), what);
	return E_SYNTAX;
}

static int set(struct parse *p, size_t i, struct str value)
{
	const struct verb_arg *a = &p->arg[i];

	if (p->given[i] && a->mark != '+' && a->mark != '*')
		return bad(p, i, "given twice");
	p->given[i] = true;
	if (a->type == ARG_SECRET)
		return bad(p, i, "a secret is not taken from the command line, where others see it; "
			"it is asked for, or read from standard input");
	return verb_value(a, value, p->m, p->why);
}

/* A word that has no place: a name= that is none here or lacks its value, an address where address= or user= is to stand. */
static int nowhere(struct parse *p, struct str word)
{
	struct str rest = word, name = str_cut(&rest, '=');
	unsigned d, best = UINT_MAX;
	size_t i, at = 0;
	int named = arg_named(p, name);

	if (named >= 0) {
		buf_fmt(p->why, "'%.*s' needs a value: %.*s=...", STRF(name), STRF(p->arg[named].name));
		return E_SYNTAX;
	}
	for (i = 0; i < p->nargs; i++) {
		d = near_distance(name, p->arg[i].name);
		if (d < best && p->arg[i].type != ARG_SECRET)
			best = d, at = i;
	}
	if (!rest.p)
		buf_fmt(p->why, "'%.*s' is one argument too many", STRF(word));
	else if (best < UINT_MAX && near_enough(name, best))
		buf_fmt(p->why, "there is no '%.*s=' here: did you mean '%.*s='?", STRF(name), STRF(p->arg[at].name));
	else
		buf_fmt(p->why, "there is no '%.*s=' here", STRF(name));
	return E_SYNTAX;
}

/* The next place by position that is free: those marked ! and ? once, + and *
 * without end. */
static int by_position(struct parse *p, struct str value)
{
	size_t i;

	for (i = 0; i < p->nargs; i++) {
		char mark = p->arg[i].mark;

		if (mark == '+' || mark == '*' || ((mark == '!' || mark == '?') && !p->given[i]))
			return set(p, i, value);
	}
	return nowhere(p, value);
}

/* One word of the command line, and perhaps its follower. How many were used. */
static int word(struct parse *p, int argc, char **argv, bool options)
{
	struct str rest = str_of(argv[0]), name;
	bool dashes = options && str_starts(rest, "--");
	int i;

	if (!options)
		return by_position(p, rest) < 0 ? E_SYNTAX : 1;
	if (dashes)
		rest = str_from(rest, 2);
	name = str_cut(&rest, '=');
	i = arg_named(p, name);
	if (i < 0 && dashes) {
		buf_fmt(p->why, "unknown option %s", argv[0]);
		return E_SYNTAX;
	}
	if (i < 0 || (!dashes && !rest.p))
		return by_position(p, str_of(argv[0])) < 0 ? E_SYNTAX : 1;
	if (rest.p)
		return set(p, (size_t)i, rest) < 0 ? E_SYNTAX : 1;
	if (p->arg[i].type == ARG_FLAG || p->arg[i].type == ARG_BOOL) {
		bool value = p->arg[i].type == ARG_BOOL && argc > 1 &&
			(strcmp(argv[1], "yes") == 0 || strcmp(argv[1], "no") == 0);

		return set(p, (size_t)i, value ? str_of(argv[1]) : STR("yes")) < 0 ? E_SYNTAX : value ? 2 : 1;
	}
	if (argc < 2) {
		buf_fmt(p->why, "%s needs a value", argv[0]);
		return E_SYNTAX;
	}
	return set(p, (size_t)i, str_of(argv[1])) < 0 ? E_SYNTAX : 2;
}

/* A secret that may be left out is asked for if the login that it is for is named, or if it is said that there is one;
 * not if none is wanted. */
static bool secret_wanted(const struct parse *p)
{
	int i = arg_named(p, STR("username")), given = arg_named(p, STR("given")), none = arg_named(p, STR("no_password"));

	if (given >= 0)
		return p->given[given];
	if ((none >= 0 && p->given[none]) || (arg_named(p, STR("shared")) >= 0 && str_eqc(ipc_get(p->m, "shared"), "yes")))
		return false;
	return i < 0 || (p->given[i] && ipc_get(p->m, "username").n > 0);
}

static int complete(struct parse *p, const char **secret_out)
{
	bool one = true;
	struct buf names;
	size_t i;

	*secret_out = NULL;
	buf_init(&names, 256);
	for (i = 0; i < p->nargs; i++) {
		char mark = p->arg[i].mark;

		if (p->arg[i].type == ARG_SECRET && !str_eqc(p->arg[i].name, "old") && secret_wanted(p))
			*secret_out = "password";
		if ((mark == '!' || mark == '+') && !p->given[i]) {
			buf_done(&names);
			return bad(p, i, "is missing");
		}
		if (mark == '^') {
			buf_fmt(&names, "%s%.*s=...", names.n ? " or " : "", STRF(p->arg[i].name));
			one = p->given[i] || (names.n > p->arg[i].name.n + 4 && one);
		}
	}
	if (!one)
		buf_fmt(p->why, "%s is needed", buf_cstr(&names));
	buf_done(&names);
	return one ? 0 : E_SYNTAX;
}

int verb_parse(const struct verb *v, int argc, char **argv, struct ipc_msg *m, const char **secret_out,
	struct buf *why)
{
	struct verb_arg arg[VERB_ARGS];
	struct parse p = { .arg = arg, .nargs = verb_args(v, arg), .m = m, .why = why };
	bool options = true;
	char name[64];
	int i = 0, r;

	verb_full_name(v, name, sizeof(name));
	ipc_setc(m, "verb", name);
	while (i < argc) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
			i++;
			continue;
		}
		r = word(&p, argc - i, argv + i, options);
		if (r < 0)
			return r;
		i += r;
	}
	return complete(&p, secret_out);
}
