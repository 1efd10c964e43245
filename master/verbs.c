/* SPDX-License-Identifier: ISC
 *
 * verbs.c: the table of verbs, and a command line turned into a message.
 * What a value may be beyond its type is for the process that owns the verb.
 */
#include "master/verbs.h"

#include "conf/near.h"
#include "conf/value.h"

const struct verb verbs[] = {
#define VERB(noun, name, owner, shape, args, text)                             \
	{ noun, name, OWNER_##owner, SHAPE_##shape, args, text },
#define ARG(name, placeholder, text)
#include "master/verbs.def"
#undef VERB
#undef ARG
};
const size_t nverbs = ARRAY_LEN(verbs);

static const struct verb_arg_text arg_texts[] = {
#define VERB(noun, name, owner, shape, args, text)
#define ARG(name, placeholder, text) { name, placeholder, text },
#include "master/verbs.def"
#undef VERB
#undef ARG
};

const struct verb_arg_text *verb_arg_text(struct str name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(arg_texts); i++)
		if (str_eqc(name, arg_texts[i].name))
			return &arg_texts[i];
	return NULL;
}

static void full_name(const struct verb *v, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", v->noun, v->noun[0] ? " " : "", v->name);
}

const struct verb *verb_named(const char *full)
{
	char name[64];
	size_t i;

	for (i = 0; i < nverbs; i++) {
		full_name(&verbs[i], name, sizeof(name));
		if (strcmp(name, full) == 0)
			return &verbs[i];
	}
	return NULL;
}

const struct verb *verb_find(const char *a, const char *b, size_t *words_out)
{
	size_t i;

	for (i = 0; i < nverbs; i++) {
		const struct verb *v = &verbs[i];

		if (v->noun[0] ? strcmp(v->noun, a) == 0 && b && strcmp(v->name, b) == 0 :
		    strcmp(v->name, a) == 0) {
			*words_out = v->noun[0] ? 2 : 1;
			return v;
		}
	}
	return NULL;
}

bool verb_noun_known(const char *noun)
{
	size_t i;

	for (i = 0; i < nverbs; i++)
		if (verbs[i].noun[0] && strcmp(verbs[i].noun, noun) == 0)
			return true;
	return false;
}

void verb_nearest(const char *a, const char *b, struct buf *out)
{
	char typed[130], name[64], best[64] = "";
	unsigned d, best_d = UINT32_MAX;
	size_t i;

	snprintf(typed, sizeof(typed), "%s%s%s", a, b ? " " : "", b ? b : "");
	for (i = 0; i < nverbs; i++) {
		full_name(&verbs[i], name, sizeof(name));
		/* a single word may be a verb, or stand before an argument */
		d = near_distance(str_of(verbs[i].noun[0] ? typed : a), str_of(name));
		if (d < best_d) {
			best_d = d;
			snprintf(best, sizeof(best), "%s", name);
		}
	}
	if (near_enough(str_of(typed), best_d))
		buf_puts(out, best);
}

/* --- arguments ------------------------------------------------------------- */

static enum arg_type type_named(struct str s)
{
	static const char *const name[] = { [ARG_TEXT] = "text", [ARG_SIZE] = "size",
		[ARG_NUMBER] = "number", [ARG_BOOL] = "bool", [ARG_SECRET] = "secret", [ARG_FLAG] = "flag" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(name); i++)
		if (str_eqc(s, name[i]))
			return (enum arg_type)i;
	BUG_ON("unknown type in verbs.def");
	return ARG_TEXT;
}

size_t verb_args(const struct verb *v, struct verb_arg out[VERB_ARGS])
{
	struct str rest = str_of(v->args), word;
	size_t n = 0;

	while (rest.n > 0) {
		word = str_cut(&rest, ' ');
		if (word.n == 0)
			continue;
		BUG_ON(n == VERB_ARGS);
		out[n] = (struct verb_arg){ .type = ARG_TEXT };
		if (strchr("!+?*^", word.p[word.n - 1])) {
			out[n].mark = word.p[word.n - 1];
			word = str_sub(word, 0, word.n - 1);
		}
		out[n].name = str_cut(&word, ':');
		if (word.p)
			out[n].type = type_named(word);
		n++;
	}
	return n;
}

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
	char name[64];
	uint64_t n;

	snprintf(name, sizeof(name), "%.*s", STRF(a->name));
	if (p->given[i] && a->mark != '+' && a->mark != '*')
		return bad(p, i, "given twice");
	p->given[i] = true;
	if (!str_is_utf8(value) || str_has_ctl(value))
		return bad(p, i, "control characters, or not UTF-8");
	switch (a->type) {
	case ARG_SIZE:
		if (conf_size_parse(value, &n) < 0)
			return bad(p, i, "must be a size, like 1500, 64k, 50M, 2G");
		ipc_set_u64(p->m, name, n);
		return 0;
	case ARG_NUMBER:
		if (str_u64(value, INT64_MAX, &n) < 0)
			return bad(p, i, "must be a whole number");
		ipc_set_u64(p->m, name, n);
		return 0;
	case ARG_BOOL:
	case ARG_FLAG:
		if (!str_eqc(value, "yes") && !str_eqc(value, "no"))
			return bad(p, i, "must be yes or no");
		break;
	case ARG_SECRET:
		return bad(p, i, "a secret is not taken from the command line, where others see it; "
			"it is asked for, or read from standard input");
	case ARG_TEXT:
		if (value.n == 0 && a->mark)
			return bad(p, i, "must not be empty");
		break;
	}
	ipc_set(p->m, name, value);
	return 0;
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
	buf_fmt(p->why, "'%.*s' is one argument too many", STRF(value));
	return E_SYNTAX;
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

static int complete(struct parse *p, const char **secret_out)
{
	bool one = true;
	struct buf names;
	size_t i;

	*secret_out = NULL;
	buf_init(&names, 256);
	for (i = 0; i < p->nargs; i++) {
		char mark = p->arg[i].mark;

		if (p->arg[i].type == ARG_SECRET)
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

	full_name(v, name, sizeof(name));
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
