/* SPDX-License-Identifier: ISC
 *
 * verbs.c: the table of verbs, their arguments, and what a value must be.
 * What a value may be beyond its type is for the process that owns the verb.
 */
#include "conf/verbs.h"

#include "conf/near.h"
#include "conf/value.h"

const struct verb verbs[] = {
#define VERB(noun, name, owner, shape, who, effect, args, text)                \
	{ noun, name, OWNER_##owner, SHAPE_##shape, WHO_##who, EFFECT_##effect, args, text },
#define ARG(name, placeholder, text)
#include "conf/verbs.def"
#undef VERB
#undef ARG
};
const size_t nverbs = ARRAY_LEN(verbs);

static const struct verb_arg_text arg_texts[] = {
#define VERB(noun, name, owner, shape, who, effect, args, text)
#define ARG(name, placeholder, text) { name, placeholder, text },
#include "conf/verbs.def"
#undef VERB
#undef ARG
};

/* "queue list.limit", "queue.limit", "limit" */
static const struct verb_arg_text *text_of(const char *scope, struct str name)
{
	size_t i, n = strlen(scope);

	for (i = 0; i < ARRAY_LEN(arg_texts); i++) {
		struct str have = str_of(arg_texts[i].name);

		if (n == 0 ? str_eq(have, name) : have.n == n + 1 + name.n && str_starts(have, scope) && have.p[n] == '.' &&
			str_eq(str_from(have, n + 1), name))
			return &arg_texts[i];
	}
	return NULL;
}

const struct verb_arg_text *verb_arg_text(const struct verb *v, struct str name)
{
	const struct verb_arg_text *t;
	char full[64];

	verb_full_name(v, full, sizeof(full));
	t = text_of(full, name);
	if (!t && v->noun[0])
		t = text_of(v->noun, name);
	return t ? t : text_of("", name);
}

void verb_full_name(const struct verb *v, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", v->noun, v->noun[0] ? " " : "", v->name);
}

const struct verb *verb_named(const char *full)
{
	char name[64];
	size_t i;

	for (i = 0; i < nverbs; i++) {
		verb_full_name(&verbs[i], name, sizeof(name));
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
	size_t i, n = 0;

	snprintf(typed, sizeof(typed), "%s%s%s", a, b ? " " : "", b ? b : "");
	for (i = 0; i < nverbs; i++) {
		verb_full_name(&verbs[i], name, sizeof(name));
		/* a single word may be a verb, or stand before an argument */
		d = near_distance(str_of(verbs[i].noun[0] ? typed : a), str_of(name));
		if (d < best_d) {
			best_d = d;
			snprintf(best, sizeof(best), "%s", name);
		}
	}
	if (near_enough(str_of(typed), best_d)) {
		buf_puts(out, best);
		return;
	}
	for (i = 0; i < nverbs; i++) {
		if (!verbs[i].noun[0] || strcmp(verbs[i].name, a) != 0)
			continue;
		if (++n > 6) {
			buf_reset(out); /* "list" */
			return;
		}
		buf_fmt(out, "%s%s %s", n > 1 ? "' or '" : "", verbs[i].noun, a);
	}
}

/* --- arguments ------------------------------------------------------------- */

static enum arg_type type_named(struct str s)
{
	static const char *const name[] = { [ARG_TEXT] = "text", [ARG_SIZE] = "size",
		[ARG_NUMBER] = "number", [ARG_BOOL] = "bool", [ARG_SECRET] = "secret", [ARG_FLAG] = "flag", [ARG_MAYBE] = "maybe" };
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
		if (word.n == 0 || str_eqc(word, "scope"))
			continue;
		BUG_ON(n == VERB_ARGS);
		out[n] = (struct verb_arg){ .type = ARG_TEXT };
		if (word.p[word.n - 1] == '#') {
			out[n].admin = true;
			word = str_sub(word, 0, word.n - 1);
		}
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

bool verb_scoped(const struct verb *v)
{
	struct str rest = str_of(v->args);

	while (rest.n > 0)
		if (str_eqc(str_cut(&rest, ' '), "scope"))
			return true;
	return false;
}

int verb_value(const struct verb_arg *a, struct str value, struct ipc_msg *m, struct buf *why)
{
	const char *what = NULL;
	char name[64];
	uint64_t n;

	snprintf(name, sizeof(name), "%.*s", STRF(a->name));
	if (!str_is_utf8(value) || str_has_ctl(value))
		what = "control characters, or not UTF-8";
	else if (a->type == ARG_SIZE && conf_size_parse(value, &n) < 0)
		what = "must be a size, like 1500, 64k, 50M, 2G";
	else if (a->type == ARG_NUMBER && str_u64(value, INT64_MAX, &n) < 0)
		what = "must be a whole number";
	else if ((a->type == ARG_BOOL || a->type == ARG_FLAG) && !str_eqc(value, "yes") && !str_eqc(value, "no"))
		what = "must be yes or no";
	else if ((a->type == ARG_TEXT || a->type == ARG_SECRET) && value.n == 0 && a->mark)
		what = "must not be empty";
	if (what) {
		buf_fmt(why, "%s: %s", name, what);
		return E_SYNTAX;
	}
	if (a->type == ARG_SIZE || a->type == ARG_NUMBER)
		ipc_set_u64(m, name, n);
	else
		ipc_set(m, name, value);
	return 0;
}

#define AUDIT_VALUE 100 /* bytes of one value */

void verb_audit(const struct verb *v, const struct ipc_msg *m, const char *prefix, struct buf *out)
{
	struct verb_arg arg[VERB_ARGS];
	size_t n = verb_args(v, arg), i, k;

	for (i = 0; i < m->nfields; i++) {
		struct str name = m->field[i].name;

		if (!str_starts(name, prefix))
			continue;
		name = str_from(name, strlen(prefix));
		for (k = 0; k < n && !str_eq(arg[k].name, name); k++)
			;
		if (k < n && arg[k].type != ARG_SECRET)
			buf_fmt(out, "%s%.*s=%.*s", out->n ? " " : "", STRF(name),
				STRF(str_sub(m->field[i].value, 0, AUDIT_VALUE)));
	}
}

/* --- columns of answers --- */

enum verb_kind verb_kind(struct str name)
{
	static const struct {
		const char *name;
		enum verb_kind kind;
	} known[] = {
		{ "pid", KIND_NUMBER }, { "instance", KIND_NUMBER }, { "uid", KIND_NUMBER }, { "restarts", KIND_NUMBER },
		{ "sessions", KIND_NUMBER }, { "messages", KIND_NUMBER }, { "unseen", KIND_NUMBER }, { "folders", KIND_NUMBER },
		{ "uidvalidity", KIND_NUMBER }, { "uidnext", KIND_NUMBER }, { "quota_messages", KIND_NUMBER },
		{ "findings", KIND_NUMBER }, { "users", KIND_NUMBER }, { "aliases", KIND_NUMBER }, { "size", KIND_SIZE },
		{ "quota", KIND_SIZE }, { "usage", KIND_SIZE }, { "age", KIND_AGE },
		{ "seconds", KIND_AGE }, { "next", KIND_AGE }, { "attempts", KIND_NUMBER },
		{ "recipients", KIND_NUMBER }, { "waiting", KIND_NUMBER }, { "active", KIND_NUMBER }, { "held", KIND_NUMBER },
		{ "mailboxes", KIND_NUMBER }, { "bytes", KIND_SIZE }, { "new_bytes", KIND_SIZE },
		{ "freed_bytes", KIND_SIZE }, { "read", KIND_NUMBER }, { "restored", KIND_NUMBER }, { "there", KIND_NUMBER },
		{ "objects", KIND_NUMBER }, { "uid", KIND_NUMBER }, { "failed", KIND_NUMBER }, { "since", KIND_SINCE },
		{ "days", KIND_NUMBER }, { "orders", KIND_NUMBER }, { "failures", KIND_NUMBER }, { "port", KIND_NUMBER }, { "time", KIND_SINCE }, { "not_after", KIND_SINCE }, { "not_before", KIND_SINCE },
		{ "renew_at", KIND_SINCE }, { "next_try", KIND_SINCE },
		{ "job", KIND_NUMBER }, { "taken", KIND_NUMBER }, { "total", KIND_NUMBER }, { "added", KIND_NUMBER },
		{ "changed", KIND_NUMBER }, { "removed", KIND_NUMBER },
		{ "step", KIND_NUMBER }, { "ms", KIND_NUMBER }, { "expires", KIND_SINCE }, { "until", KIND_SINCE }, { "last", KIND_SINCE },
		{ "in", KIND_NUMBER }, { "out", KIND_NUMBER }, { "rejected", KIND_NUMBER }, { "deferred", KIND_NUMBER }, { "successes", KIND_NUMBER },
		{ "bounced", KIND_NUMBER }, { "delivered", KIND_NUMBER }, { "queue", KIND_NUMBER },
		{ "logins", KIND_NUMBER }, { "failed_logins", KIND_NUMBER }, { "delivery_p50", KIND_NUMBER },
		{ "delivery_p95", KIND_NUMBER }, { "cpu", KIND_NUMBER }, { "memory", KIND_SIZE },
		{ "known", KIND_NUMBER }, { "kept", KIND_NUMBER }, { "pending", KIND_NUMBER }, { "posted", KIND_NUMBER }, { "given_up", KIND_NUMBER }, { "oldest", KIND_SINCE },
		{ "left", KIND_AGE }, { "recovery_left", KIND_NUMBER }, { "limit", KIND_NUMBER }, { "day", KIND_NUMBER }, { "sent", KIND_NUMBER },
		{ "scheduled", KIND_NUMBER }, { "memory_total", KIND_SIZE }, { "disk_used", KIND_SIZE }, { "disk_total", KIND_SIZE },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(known); i++)
		if (str_eqc(name, known[i].name))
			return known[i].kind;
	return KIND_TEXT;
}
