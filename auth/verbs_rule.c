/* SPDX-License-Identifier: ISC
 *
 * verbs_rule.c: mansio access add|list|remove, mansio rewrite add|list|remove: the rows of
 * rules.h. Access: who may send, and to whom. Rewriting: another address in the envelope.
 * The rows of files (rulefile.h) are listed too; they are changed in the file alone.
 */
#include <sysexits.h>

#include "auth/rulefile.h"
#include "auth/rules.h"
#include "auth/verbs.h"
#include "conf/trust.h"

static const char *const access_kinds[] = { RULE_CLIENT, RULE_SENDER, RULE_RECIPIENT, NULL };
static const char *const rewrite_kinds[] = { RULE_REWRITE_SENDER, RULE_REWRITE_RECIPIENT, NULL };

#define REWRITE "rewrite " /* what the verb's word has before it in the table */

/* kind= and who=: the key of the row. */
static int key(struct verb *v, bool rewrite, const char **kind_out, struct directory_rule *out)
{
	const char *const *known = rewrite ? rewrite_kinds : access_kinds, *why = NULL;
	struct str given = ipc_get(v->m, "kind"), who = ipc_get(v->m, "who");
	size_t i, skip = rewrite ? strlen(REWRITE) : 0;

	for (i = 0; known[i] && !str_eqc(given, known[i] + skip); i++)
		;
	if (!known[i])
		return verb_fail(v, EX_DATAERR, "kind is %ssender or recipient", rewrite ? "" : "client, ");
	if (who.n == 0)
		return verb_fail(v, EX_USAGE, "who is needed");
	if (rule_who(known[i], who, &v->a, &out->who, &why) < 0 || (rewrite && str_eqc(out->who, "<>")))
		return verb_fail(v, EX_DATAERR, "'%.*s': %s", STRF(who), why ? why : "the null sender stays what it is");
	*kind_out = known[i];
	out->kind = str_of(known[i]);
	return 0;
}

static int text(struct verb *v, const char *name, struct str *out)
{
	struct str given = ipc_get(v->m, name);
	const char *why;

	if (rule_text(given, &why) < 0)
		return verb_fail(v, EX_DATAERR, "%s: %s", name, why);
	*out = given.p ? given : STR("");
	return 0;
}

static void add(struct verb *v, const struct directory_rule *r)
{
	int e = v->d->ops->rule_add ? v->d->ops->rule_add(v->d, r) : E_UNSUPPORTED;

	if (e < 0)
		verb_error(v, e, "rule for", r->who);
	else
		v->changed = true;
}

void verb_access_add(struct verb *v)
{
	const char *kind, *why = NULL;
	struct directory_rule r;

	if (key(v, false, &kind, &r) < 0 || text(v, "text", &r.text) < 0 || text(v, "comment", &r.comment) < 0)
		return;
	if (rule_action(kind, r.who, ipc_get(v->m, "action"), &r.action, &why) < 0)
		verb_fail(v, EX_DATAERR, "%s", why);
	else if (str_starts(r.who, RULE_FINGERPRINT) && !trust_asks(v->conf, false))
		verb_fail(v, EX_DATAERR, "nobody is asked for a certificate, so that this rule would never count: "
			"set smtp.ask_certificate to smtp first");
	else
		add(v, &r);
}

void verb_rewrite_add(struct verb *v)
{
	const char *kind, *why = NULL;
	struct directory_rule r = { .text = STR("") };

	if (key(v, true, &kind, &r) < 0 || text(v, "comment", &r.comment) < 0)
		return;
	if (rule_target(r.who, ipc_get(v->m, "new_address"), &v->a, &r.action, &why) < 0)
		verb_fail(v, EX_DATAERR, "%s", why);
	else
		add(v, &r);
}

static bool in_file(const struct verb *v, const struct directory_rule *r)
{
	struct directory_rule found;

	return rulefile_find(v->resolver->rules, r->kind, r->who, &found) == 0;
}

static void remove_rule(struct verb *v, bool rewrite)
{
	struct directory_rule r, there;
	const char *kind;
	int e;

	if (key(v, rewrite, &kind, &r) < 0)
		return;
	if (in_file(v, &r) && (!v->d->ops->rule || v->d->ops->rule(v->d, r.kind, r.who, &v->a, &there) == E_NOTFOUND)) {
		verb_fail(v, EX_NOUSER, "the rule for '%.*s' stands in the file of [smtp] %s_file: edit it there, then 'mansio reload'",
			STRF(r.who), rewrite ? "rewrite" : "access");
		return;
	}
	e = v->d->ops->rule_remove ? v->d->ops->rule_remove(v->d, r.kind, r.who) : E_UNSUPPORTED;
	if (e < 0)
		verb_error(v, e, "rule for", r.who);
	else
		v->changed = true;
}

void verb_access_remove(struct verb *v)
{
	remove_rule(v, false);
}

void verb_rewrite_remove(struct verb *v)
{
	remove_rule(v, true);
}

struct list {
	struct verb *v;
	bool rewrite, file; /* file: its rows are those of the file */
};

static bool row(const struct directory_rule *r, void *arg)
{
	struct list *l = arg;
	struct str match = ipc_get(l->v->m, "match");
	struct ipc_msg m;

	if (str_starts(r->kind, REWRITE) != l->rewrite)
		return true;
	if (match.n > 0 && str_search(r->who, match) < 0 && str_search(r->action, match) < 0 &&
		str_search(r->comment, match) < 0)
		return true;
	ipc_init(&m, "result");
	ipc_set(&m, "kind", l->rewrite ? str_from(r->kind, strlen(REWRITE)) : r->kind);
	ipc_set(&m, "who", r->who);
	ipc_set(&m, l->rewrite ? "new_address" : "action", r->action);
	if (!l->rewrite)
		ipc_set(&m, "text", r->text);
	ipc_set(&m, "comment", r->comment);
	ipc_setc(&m, "from", l->file ? "file" : "command");
	verb_row(l->v, &m);
	return true;
}

static void list(struct verb *v, bool rewrite)
{
	struct list l = { .v = v, .rewrite = rewrite };
	int e = v->d->ops->rules ? v->d->ops->rules(v->d, row, &l) : E_UNSUPPORTED;

	if (e < 0 && (e != E_UNSUPPORTED || v->resolver->rules.n == 0))
		verb_error(v, e, "rule", STR(""));
	l.file = true;
	rulefile_each(v->resolver->rules, row, &l);
}

void verb_access_list(struct verb *v)
{
	list(v, false);
}

void verb_rewrite_list(struct verb *v)
{
	list(v, true);
}
