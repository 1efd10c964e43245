/* SPDX-License-Identifier: ISC
 *
 * answers.c: what a worker answers about the directory: who an address is, where mail to it goes, which rule or
 * way counts; and for a backup, all names and a copy. The questions are those of worker.h.
 */
#include "auth/worker_private.h"

#include <fcntl.h>
#include <unistd.h>

#include "auth/auth_private.h"
#include "auth/bounce.h"
#include "auth/delegation.h"
#include "auth/password.h"
#include "auth/route.h"
#include "auth/rules.h"
#include "base/clock.h"
#include "base/file.h"
#include "mail/address.h"

/* An answer that is another one from this moment on (Unix time; 0: none). */
static void put_good_until(uint64_t when, struct ipc_msg *out)
{
	if (when)
		ipc_set_u64(out, LOOKUP_GOOD_UNTIL, when);
}

static void answer_account(struct worker *w, const struct ipc_msg *q, struct arena *a,
	struct ipc_msg *out)
{
	struct directory_account acc;
	int r = resolve_account(&w->service.resolver, ipc_get(q, "address"), a, &acc);
	bool active;

	if (r < 0) {
		ipc_setc(out, "result", auth_result_word(r == E_NOTFOUND ? AUTH_UNKNOWN : AUTH_TEMP));
		return;
	}
	active = resolve_may_log_in(&acc);
	ipc_setc(out, "result", auth_result_word(active ? AUTH_OK : AUTH_INACTIVE));
	put_good_until(active ? acc.expires : 0, out);
	ipc_set_u64(out, "account", acc.id);
	ipc_set(out, "user", address_name(acc.local, acc.domain, a));
	ipc_set(out, "local", acc.local);
	ipc_set(out, "domain", acc.domain);
	ipc_set(out, "home_local", acc.home_local.n ? acc.home_local : acc.local);
	ipc_set(out, "home_domain", acc.home_local.n ? acc.home_domain : acc.domain);
	ipc_set(out, "name", acc.name);
	ipc_set(out, "roles", acc.roles);
	ipc_set_u64(out, "quota_bytes", resolve_quota(&w->service.resolver, &acc));
	ipc_set_u64(out, "quota_messages", acc.quota_messages);
}

static void put_targets(const struct auth_rcpt *v, struct ipc_msg *out)
{
	size_t i;

	ipc_setc(out, "result", auth_result_word(v->result));
	put_good_until(v->good_until, out);
	if (v->moved.n)
		ipc_set(out, "moved", v->moved);
	ipc_set_u64(out, "targets", v->ntargets);
	ipc_set_u64(out, "outsiders", v->noutside);
	for (i = 0; i < v->ntargets; i++) {
		ipc_set(out, "target", v->target[i].account);
		ipc_set(out, "detail", v->target[i].detail);
		ipc_set_u64(out, "quota_bytes", v->target[i].quota_bytes);
		ipc_set_u64(out, "quota_messages", v->target[i].quota_messages);
	}
	for (i = 0; i < v->noutside; i++)
		ipc_set(out, "outside", v->outside[i]);
}

static void put_rcpt(struct worker *w, struct str address, struct arena *a, struct ipc_msg *out)
{
	struct auth_rcpt v = { .result = AUTH_TEMP };

	/* a failure leaves "temp", and nothing else, in v */
	(void)resolve_rcpt(&w->service.resolver, address, a, &v);
	put_targets(&v, out);
}

static void answer_owner(struct worker *w, const struct ipc_msg *q, struct arena *a, struct ipc_msg *out)
{
	struct auth_rcpt v = { .result = AUTH_TEMP };

	(void)resolve_own(&w->service.resolver, ipc_get(q, "address"), a, &v);
	put_targets(&v, out);
}

/* Does this person own that mailbox? */
static void answer_owns(struct worker *w, const struct ipc_msg *q, struct arena *a, struct ipc_msg *out)
{
	struct directory_account owner = { .expires = 0 };
	int r = delegation_owns(&w->service.resolver, ipc_get(q, "user"), ipc_get(q, "address"), a, &owner);

	ipc_setc(out, "result", auth_result_word(r == 0 ? AUTH_OK : r == E_NOTFOUND ? AUTH_DENIED : AUTH_TEMP));
	put_good_until(owner.expires, out);
}

static void answer_rcpt(struct worker *w, const struct ipc_msg *q, struct arena *a,
	struct ipc_msg *out)
{
	put_rcpt(w, ipc_get(q, "address"), a, out);
}

static void put_rule(const struct directory_rule *r, struct ipc_msg *out)
{
	ipc_set(out, "access", r->action);
	ipc_set(out, "text", r->text);
}

/* A report to the sender that a forward said: it goes to whom that stands for. True: answered. */
static bool returned(struct worker *w, struct str address, struct arena *a, struct ipc_msg *out)
{
	static const char *const words[] = { [SRS_GOOD] = "good", [SRS_BAD] = "bad", [SRS_EXPIRED] = "expired" };
	enum srs_result result;
	struct str original;
	int e = bounce_back(&w->service.resolver, address, clock_unix(), w->conf->forward_srs_age / BOUNCE_DAY, a, &result,
		&original);

	if (e == 0 && result == SRS_NONE)
		return false;
	if (e == 0 && result == SRS_GOOD) {
		put_rcpt(w, original, a, out);
		ipc_set(out, "rewritten", original);
	} else {
		ipc_setc(out, "result", auth_result_word(e < 0 ? AUTH_TEMP : AUTH_UNKNOWN));
		ipc_set_u64(out, "targets", 0);
		ipc_set_u64(out, "outsiders", 0);
	}
	if (e == 0)
		ipc_setc(out, "srs", words[result]);
	ipc_set_bool(out, "guarded", true);
	return true;
}

/* A recipient of mail that comes in: rewritten, then resolved; with the access rule about it,
 * and whether there are rules about clients and senders that must be asked as well. */
static void answer_arrival(struct worker *w, const struct ipc_msg *q, struct arena *a,
	struct ipc_msg *out)
{
	const struct resolver *r = &w->service.resolver;
	struct str address = ipc_get(q, "address"), rewritten = address;
	struct directory_rule rule;
	unsigned kinds = 0;
	int k = rule_kinds(r, &kinds);
	int e = kinds & RULES_RECIPIENT ? rule_for_address(r, RULE_RECIPIENT, address, a, &rule) : E_NOTFOUND;
	int f = kinds & RULES_REWRITE_RECIPIENT ? rule_rewrite(r, RULE_REWRITE_RECIPIENT, address, a, &rewritten) : E_NOTFOUND;

	if (returned(w, address, a, out))
		return;
	if (k < 0 || (e < 0 && e != E_NOTFOUND) || (f < 0 && f != E_NOTFOUND)) {
		ipc_setc(out, "result", auth_result_word(AUTH_TEMP));
		return;
	}
	put_rcpt(w, rewritten, a, out);
	if (f == 0)
		ipc_set(out, "rewritten", rewritten);
	if (e == 0)
		put_rule(&rule, out);
	ipc_set_bool(out, "guarded", (kinds & (RULES_CLIENT | RULES_SENDER)) != 0);
}

/* user: the envelope sender; address: the client as in rule_for_client, empty if its rules do not count. */
static void answer_access(struct worker *w, const struct ipc_msg *q, struct arena *a,
	struct ipc_msg *out)
{
	const struct resolver *r = &w->service.resolver;
	struct directory_rule rule;
	int e = rule_for_client(r, ipc_get(q, "address"), a, &rule);

	if (e == E_NOTFOUND)
		e = rule_for_address(r, RULE_SENDER, ipc_get(q, "user"), a, &rule);
	ipc_setc(out, "result", auth_result_word(e == 0 ? AUTH_OK : e == E_NOTFOUND ? AUTH_UNKNOWN : AUTH_TEMP));
	if (e == 0)
		put_rule(&rule, out);
}

/* Which sender a forward says. user: the domain of the alias; address: the sender as it came. */
static void answer_srs(struct worker *w, const struct ipc_msg *q, struct arena *a, struct ipc_msg *out)
{
	struct str address = STR("");
	bool ours = false;
	int e = bounce_sender(&w->service.resolver, ipc_get(q, "address"), ipc_get(q, "user"), w->conf->forward_srs,
		clock_unix(), a, &address, &ours);

	ipc_setc(out, "result", auth_result_word(e < 0 ? AUTH_TEMP : AUTH_OK));
	ipc_set(out, "address", address);
	ipc_set_bool(out, "ours", ours);
}

static void answer_sender(struct worker *w, const struct ipc_msg *q, struct arena *a,
	struct ipc_msg *out)
{
	const struct resolver *r = &w->service.resolver;
	struct str user = ipc_get(q, "user"), address = ipc_get(q, "address"), rewritten;
	enum auth_result result = AUTH_TEMP;
	unsigned kinds = 0;
	int e;

	if (user.n == 0) /* nobody's address is asked for: whoever may relay */
		result = AUTH_OK;
	else
		(void)resolve_sender(r, user, address, a, &result);
	e = result == AUTH_OK ? rule_kinds(r, &kinds) : 0;
	if (e == 0)
		e = kinds & RULES_REWRITE_SENDER ? rule_rewrite(r, RULE_REWRITE_SENDER, address, a, &rewritten) : E_NOTFOUND;
	ipc_setc(out, "result", auth_result_word(e < 0 && e != E_NOTFOUND ? AUTH_TEMP : result));
	if (e == 0)
		ipc_set(out, "rewritten", rewritten);
}

/* Mail to a domain of this server never leaves, but for one that it keeps for others (a backup MX). */
static bool is_ours(struct worker *w, struct str domain, struct arena *a)
{
	struct directory *d = w->service.resolver.d;
	struct directory_domain v;

	return d->ops->domain(d, domain, a, &v) == 0 && !v.backup;
}

/* For people: where mail to an address of ours goes. */
static void put_goes(struct worker *w, struct str address, struct arena *a, struct ipc_msg *out)
{
	struct auth_rcpt v = { .result = AUTH_TEMP };
	struct buf b;
	size_t i;

	(void)resolve_rcpt(&w->service.resolver, address, a, &v);
	buf_init(&b, 500);
	for (i = 0; i < v.ntargets; i++)
		buf_fmt(&b, "%s%.*s", i ? ", " : "to the mailbox of ", STRF(v.target[i].account));
	for (i = 0; i < v.noutside; i++)
		buf_fmt(&b, "%s%.*s", i ? ", " : v.ntargets ? "; on to " : "on to ", STRF(v.outside[i]));
	if (v.result == AUTH_UNKNOWN)
		buf_puts(&b, "nowhere: there is no such address");
	if (!b.err && b.n)
		ipc_set(out, "goes", buf_view(&b));
	buf_done(&b);
}

/* Behind the last @; an address literal as it is. */
static struct str domain_of(struct str address)
{
	ssize_t at = str_rfind(address, '@');

	return at >= 0 ? str_from(address, (size_t)at + 1) : STR("");
}

/* What mail from somebody who is logged in would meet at RCPT, in the order of smtpd (policy_rcpt.c): his address is
 * rewritten, the rules about senders and recipients, then the recipient is rewritten. 0, or E_TEMP. */
static int put_test(struct worker *w, struct str *address, struct str *sender, struct arena *a, struct ipc_msg *out)
{
	const struct resolver *r = &w->service.resolver;
	struct directory_rule rule;
	struct str to = *address, from = *sender;
	int e = from.n ? rule_rewrite(r, RULE_REWRITE_SENDER, from, a, sender) : E_NOTFOUND, f, g;

	f = rule_for_address(r, RULE_SENDER, *sender, a, &rule);
	if (f == E_NOTFOUND)
		f = rule_for_address(r, RULE_RECIPIENT, to, a, &rule);
	g = rule_rewrite(r, RULE_REWRITE_RECIPIENT, to, a, address);
	if ((e < 0 && e != E_NOTFOUND) || (f < 0 && f != E_NOTFOUND) || (g < 0 && g != E_NOTFOUND))
		return E_TEMP;
	if (e == 0)
		ipc_set(out, "rewritten_sender", *sender);
	if (g == 0)
		ipc_set(out, "rewritten", *address);
	if (f == 0) {
		put_rule(&rule, out);
		ipc_set(out, "rule", str_of(arena_fmt(a, "%.*s %.*s", STRF(rule.kind), STRF(rule.who))));
	}
	return 0;
}

static void answer_route(struct worker *w, const struct ipc_msg *q, struct arena *a,
	struct ipc_msg *out)
{
	struct str to = ipc_get(q, "address"), sender = ipc_get(q, "user"), test = ipc_get(q, "recipient"), from = ipc_get(q, "from");
	struct directory_route v;
	int r = 0;

	if (test.n) {
		r = put_test(w, &test, &from, a, out);
		to = domain_of(test);
		sender = domain_of(from);
	}
	if (r == 0)
		r = route_find(w->service.resolver.d, to, sender, a, &v);
	ipc_setc(out, "result", auth_result_word(r == 0 ? AUTH_OK : r == E_NOTFOUND ? AUTH_UNKNOWN : AUTH_TEMP));
	if (r == E_NOTFOUND)
		ipc_set_bool(out, "none", !route_any(w->service.resolver.d));
	ipc_set_bool(out, "ours", is_ours(w, to, a));
	if (ipc_get_bool(out, "ours") && test.n)
		put_goes(w, test, a, out);
	if (r < 0)
		return;
	ipc_set(out, "host", v.host);
	ipc_set_u64(out, "port", v.port);
	ipc_set(out, "tls", v.tls);
	ipc_set(out, "start", v.start);
	ipc_set(out, "user", v.user);
	ipc_set(out, "secret", v.secret);
	ipc_set(out, "mech", v.mech);
	ipc_set(out, "source", v.source);
}

/* What leaves straight from addresses of ours says so in `source`; `host`: who takes all that goes nowhere else. A host that
 * stands for one destination is that one's own server as a rule, and sends nothing in our name. */
struct ways {
	struct ipc_msg *out;
	struct str domain, host;
	bool own; /* host is of the row for this domain alone */
};

static bool add_way(const struct directory_route *v, void *arg)
{
	struct ways *x = arg;
	bool own = v->from.n > 0;

	if (own && !str_ieq(v->from, x->domain))
		return true;
	if (v->source.n)
		ipc_set(x->out, "source", v->source);
	if (v->host.n && str_eqc(v->to, ROUTE_ANY) && (own || !x->own)) {
		x->host = arena_str(&x->out->arena, v->host);
		x->own = own;
	}
	return true;
}

static void answer_domain(struct worker *w, const struct ipc_msg *q, struct arena *a, struct ipc_msg *out)
{
	struct directory *d = w->service.resolver.d;
	struct ways x = { .out = out };
	struct directory_domain v;
	int r = E_NOTFOUND;

	if (domain_normal(ipc_get(q, "address"), a, &x.domain) == 0)
		r = d->ops->domain(d, x.domain, a, &v);
	if (r == 0 && d->ops->routes)
		r = d->ops->routes(d, add_way, &x);
	ipc_setc(out, "result", auth_result_word(r == 0 ? AUTH_OK : r == E_NOTFOUND ? AUTH_NODOMAIN : AUTH_TEMP));
	ipc_set(out, "host", x.host);
}

static void answer_token(struct worker *w, const struct ipc_msg *q, struct arena *a,
	struct ipc_msg *out)
{
	struct directory *d = w->service.resolver.d;
	struct directory_token t;
	int r = d->ops->token ? d->ops->token(d, ipc_get(q, "address"), a, &t) : E_NOTFOUND;

	ipc_setc(out, "result", auth_result_word(r == 0 ? AUTH_OK : r == E_NOTFOUND ? AUTH_UNKNOWN : AUTH_TEMP));
	if (r < 0)
		return;
	ipc_set(out, "label", t.label);
	ipc_set(out, "digest", t.digest);
	ipc_set(out, "roles", t.roles);
	ipc_set_u64(out, "expires", t.expires);
	ipc_set_u64(out, "last", t.last);
}

/* The hand-out link with this id. */
static void answer_invite(struct worker *w, const struct ipc_msg *q, struct arena *a, struct ipc_msg *out)
{
	struct directory *d = w->service.resolver.d;
	struct directory_invite v;
	int r = d->ops->invite ? d->ops->invite(d, ipc_get(q, "address"), a, &v) : E_NOTFOUND;

	ipc_setc(out, "result", auth_result_word(r == 0 ? AUTH_OK : r == E_NOTFOUND ? AUTH_UNKNOWN : AUTH_TEMP));
	if (r == 0)
		ipc_set(out, "digest", v.digest);
}

static void answer_offer(struct worker *w, const struct ipc_msg *q, struct arena *a,
	struct ipc_msg *out)
{
	struct directory *d = w->service.resolver.d;
	unsigned kinds = 0;
	bool any = false, complete = false, shared = false;
	size_t i;
	int r = 0;

	(void)q;
	for (i = 0; r == 0 && i < SCRAM_KINDS; i++) {
		r = d->ops->scram_complete(d, str_of(arena_fmt(a, "%s$", scram_mech(i))), &any, &complete);
		kinds |= r == 0 && any && complete ? 1u << i : 0;
	}
	if (r == 0 && w->service.shared_key.there && d->ops->shared_secret_any)
		r = d->ops->shared_secret_any(d, &shared);
	/* who moves in has keys after his first login, and not before it */
	if (w->service.old.conf && oldserver_active(w->service.old.conf, clock_unix()))
		kinds = 0;
	ipc_setc(out, "result", auth_result_word(r < 0 ? AUTH_TEMP : AUTH_OK));
	ipc_set_bool(out, "shared", shared);
	ipc_set_u64(out, "scram", kinds);
}

/* --- for a backup ----------------------------------------------------------- */

#define ACCOUNTS_PAGE 1000
#define COPY_NAME "directory.copy"

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct all_names {
	struct arena *a;
	struct str *name;
	size_t n, cap;
};

static bool add_name(const struct directory_account *v, void *arg)
{
	struct all_names *all = arg;

	if (all->n == all->cap) {
		all->cap = all->cap * 2 + 64;
		all->name = mem_grow(all->name, all->cap, sizeof(*all->name));
	}
	all->name[all->n++] = address_name(v->local, v->domain, all->a);
	return true;
}

/* The order of the pages is that of the bytes of the addresses, whatever the back end's is. */
static void answer_accounts(struct worker *w, const struct ipc_msg *q, struct arena *a, struct ipc_msg *out)
{
	struct directory *d = w->service.resolver.d;
	struct all_names all = { .a = a };
	struct str after = ipc_get(q, "address");
	size_t i, n = 0;
	int r = d->ops->accounts(d, STR(""), add_name, &all);

	if (all.n)
		qsort(all.name, all.n, sizeof(*all.name), by_text);
	for (i = 0; r == 0 && i < all.n; i++) {
		if (str_cmp(all.name[i], after) <= 0)
			continue;
		if (n++ == ACCOUNTS_PAGE) {
			ipc_set_bool(out, "more", true);
			break;
		}
		ipc_set(out, "account", all.name[i]);
	}
	free(all.name);
	ipc_setc(out, "result", auth_result_word(r < 0 ? AUTH_TEMP : AUTH_OK));
}

/* The file loses its name at once: who has the descriptor is the last that knows it. */
static void answer_copy(struct worker *w, const struct ipc_msg *q, struct arena *a, struct ipc_msg *out)
{
	struct directory *d = w->service.resolver.d;
	int r = d->ops->copy ? d->ops->copy(d, COPY_NAME) : E_UNSUPPORTED, fd = -1;

	(void)q;
	(void)a;
	if (r == 0)
		fd = file_open(AT_FDCWD, COPY_NAME, O_RDONLY, 0);
	(void)file_unlink(AT_FDCWD, COPY_NAME);
	if (fd >= 0) {
		ipc_add_fd(out, "database", fd);
		w->close_after = fd;
	}
	ipc_setc(out, "result", auth_result_word(fd < 0 ? AUTH_TEMP : AUTH_OK));
}

static const struct {
	const char *verb;
	void (*answer)(struct worker *w, const struct ipc_msg *q, struct arena *a,
		struct ipc_msg *out);
} lookups[] = {
	{ "account", answer_account },
	{ "rcpt", answer_rcpt },
	{ "owner", answer_owner },
	{ "owns", answer_owns },
	{ "arrival", answer_arrival },
	{ "access", answer_access },
	{ "sender", answer_sender },
	{ "srs", answer_srs },
	{ "route", answer_route },
	{ "domain", answer_domain },
	{ "token", answer_token },
	{ "invite", answer_invite },
	{ "offer", answer_offer },
	{ "accounts", answer_accounts },
	{ "copy", answer_copy },
};

void worker_answer(struct worker *w, const struct ipc_msg *q, struct ipc_msg *out)
{
	struct arena a;
	size_t i;

	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(lookups); i++)
		if (ipc_is(q, lookups[i].verb))
			break;
	if (i < ARRAY_LEN(lookups))
		lookups[i].answer(w, q, &a, out);
	else
		ipc_setc(out, "result", "temp");
	arena_done(&a);
}
