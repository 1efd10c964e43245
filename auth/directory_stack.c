/* SPDX-License-Identifier: ISC
 *
 * directory_stack.c: several back ends as one directory.
 *
 * Who decides: the layers are asked in their order, and the first that knows a name has it;
 * another one of the same name below it does not exist. A layer that is down may know the name:
 * whoever is not found above it gets E_TEMP, and nobody else. A layer that was told which domains
 * it keeps is asked about those alone, so that it is missed by those alone.
 *
 * What lives where: tokens, routes, rules and settings in the first layer that has a place for
 * them; the secret and the table of identities in the built-in database, which every host has.
 * A change goes to the layer that keeps the thing; a new account or alias to the one that keeps
 * its domain; a new domain to the first that can be changed.
 *
 * Numbers: an account of the built-in database has its own; one of another layer gets one when
 * it is seen first (directory_identity.c), by the key that never changes there. So it keeps its
 * mail under another name, and no mailbox is ever shared by two: a name whose mail belongs to an
 * account of a layer of this stack leads another account to a new place. One that was copied from one
 * database into another (directory_copy.c) is the same account in both.
 */
#include "auth/directory_stack.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/directory_sqlite.h"
#include "base/file.h"

static struct stack *own(struct directory *d)
{
	return (struct stack *)d;
}

bool stack_asks(const struct directory *e, struct str domain)
{
	struct str list = e->domains ? str_of(e->domains) : STR(""), one;

	if (!e->domains)
		return true;
	while (list.p) {
		one = str_cut(&list, ',');
		if (one.n > 0 && str_eq(one, domain))
			return true;
	}
	return false;
}

static struct str domain_of(struct str address)
{
	size_t i = address.n;

	while (i > 0 && address.p[i - 1] != '@')
		i--;
	return str_from(address, i);
}

/* --- who has it ------------------------------------------------------------------ */

static int find_domain(struct stack *s, struct str name, struct arena *a, struct directory_domain *out,
	struct directory **layer_out)
{
	size_t i;
	int r;

	for (i = 0; i < s->n; i++) {
		struct directory *e = s->layer[i].d;

		if (!e->ops->domain || !stack_asks(e, name))
			continue;
		r = e->ops->domain(e, name, a, out);
		if (r == 0)
			*layer_out = e;
		if (r != E_NOTFOUND)
			return r;
	}
	return E_NOTFOUND;
}

static int find_account(struct stack *s, struct str local, struct str domain, struct arena *a,
	struct directory_account *out, struct directory **layer_out)
{
	size_t i;
	int r;

	for (i = 0; i < s->n; i++) {
		struct directory *e = s->layer[i].d;

		if (!s->layer[i].accounts || !stack_asks(e, domain))
			continue;
		r = e->ops->account(e, local, domain, a, out);
		if (r == 0)
			*layer_out = e;
		if (r != E_NOTFOUND)
			return r;
	}
	return E_NOTFOUND;
}

static int find_alias(struct stack *s, struct str address, struct arena *a, struct directory_alias *out,
	struct directory **layer_out)
{
	size_t i;
	int r;

	for (i = 0; i < s->n; i++) {
		struct directory *e = s->layer[i].d;

		if (!e->ops->alias || !stack_asks(e, domain_of(address)))
			continue;
		r = e->ops->alias(e, address, a, out);
		if (r == 0)
			*layer_out = e;
		if (r != E_NOTFOUND)
			return r;
	}
	return E_NOTFOUND;
}

/* --- numbers and places ------------------------------------------------------------ */

struct claim {
	const struct stack *s;
	struct str backend, key;
	bool taken;
};

static bool claimed(const struct directory_identity *v, void *arg)
{
	struct claim *c = arg;
	size_t i;

	if (str_eq(v->backend, c->backend) && str_eq(v->key, c->key))
		return true;
	/* what was left behind by a layer that is gone may be moved into */
	for (i = 0; i < c->s->n; i++)
		c->taken |= c->s->layer[i].accounts && (str_eqc(v->backend, c->s->layer[i].d->name) ||
			(v->own && c->s->layer[i].d == c->s->own));
	return !c->taken;
}

/* The first time that it is seen, or, if it is our own, that it needs a row. */
static int first_seen(struct stack *s, const struct directory_identity *x, struct arena *a,
	struct directory_identity *out)
{
	struct claim c = { .s = s, .backend = x->backend, .key = x->key };
	struct directory_identity made = *x;
	int r = identity_home(s->own, x->local, x->domain, claimed, &c);

	if (r < 0)
		return r;
	if (!c.taken && x->id > 0)
		return E_NOTFOUND;
	made.home_local = c.taken ? STR("") : x->local;
	made.home_domain = x->domain;
	r = identity_add(s->own, &made);
	return r < 0 ? r : identity_find(s->own, arena_cstr(a, x->backend), x->key, a, out);
}

static int identify(struct stack *s, struct directory *e, struct arena *a, struct directory_account *v)
{
	struct directory_identity x, seen = { .backend = str_of(e->name), .local = v->local, .domain = v->domain };
	int r;

	if (e == s->own)
		seen.id = v->id;
	seen.key = e == s->own ? str_of(arena_fmt(a, "%llu", (unsigned long long)v->id)) :
		v->key.n ? v->key : str_of(arena_fmt(a, "%.*s@%.*s", STRF(v->local), STRF(v->domain)));
	r = e == s->own ? identity_of(s->own, v->id, a, &x) : identity_find(s->own, e->name, seen.key, a, &x);
	if (r == E_NOTFOUND)
		r = first_seen(s, &seen, a, &x);
	else if (r == 0 && (!str_eq(x.local, v->local) || !str_eq(x.domain, v->domain)))
		r = identity_move(s->own, x.id, v->local, v->domain);
	if (r == E_NOTFOUND && e == s->own)
		return 0;
	if (r < 0)
		return r;
	v->id = x.id;
	v->home_local = x.home_local;
	v->home_domain = x.home_domain;
	return 0;
}

int stack_account(struct stack *s, struct directory *e, struct arena *a, struct directory_account *v)
{
	struct directory_domain dom;
	struct directory *keeper;
	int r;

	v->backend = e->name;
	if (!e->ops->domain) {
		r = find_domain(s, v->domain, a, &dom, &keeper);
		if (r < 0 && r != E_NOTFOUND)
			return r;
		v->domain_active = r == 0 && dom.active;
	}
	return identify(s, e, a, v);
}

int stack_layer_of(struct stack *s, uint64_t id, struct directory **layer_out, uint64_t *own_id_out)
{
	struct directory_identity x;
	struct arena a;
	size_t i;
	int r;

	arena_init(&a);
	r = identity_of(s->own, id, &a, &x);
	if (r == E_NOTFOUND || (r == 0 && str_eqc(x.backend, s->own->name))) {
		*layer_out = s->own;
		*own_id_out = id;
		r = 0;
	} else if (r == 0) {
		r = E_UNSUPPORTED;
		for (i = 0; i < s->n && r < 0; i++) { /* one that was copied is in two: the upper one counts */
			*layer_out = s->layer[i].d;
			*own_id_out = id;
			if (s->layer[i].d == s->own ? x.own && s->layer[i].accounts : str_eqc(x.backend, s->layer[i].d->name) &&
				str_u64(x.key, INT64_MAX, own_id_out) == 0)
				r = 0;
		}
	}
	arena_done(&a);
	return r;
}

/* --- questions ------------------------------------------------------------------- */

static int get_domain(struct directory *d, struct str name, struct arena *a, struct directory_domain *out)
{
	struct directory_domain v = { .active = false };
	struct directory *e;
	int r = find_domain(own(d), name, a, &v, &e);

	if (r == 0)
		*out = v;
	return r;
}

static int get_domain_size(struct directory *d, struct str name, uint64_t *accounts_out, uint64_t *aliases_out)
{
	struct directory_domain v;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = find_domain(own(d), name, &a, &v, &e);
	arena_done(&a);
	if (r < 0)
		return r;
	return e->ops->domain_size ? e->ops->domain_size(e, name, accounts_out, aliases_out) : E_UNSUPPORTED;
}

static int get_account(struct directory *d, struct str local, struct str domain, struct arena *a,
	struct directory_account *out)
{
	struct directory_account v = { .id = 0 };
	struct directory *e;
	int r = find_account(own(d), local, domain, a, &v, &e);

	if (r == 0)
		r = stack_account(own(d), e, a, &v);
	if (r == 0)
		*out = v;
	return r;
}

static int get_alias(struct directory *d, struct str address, struct arena *a, struct directory_alias *out)
{
	struct directory_alias v;
	struct directory *e;
	int r = find_alias(own(d), address, a, &v, &e);

	if (r == 0)
		*out = v;
	return r;
}

static int get_keeper(struct directory *d, struct str domain, struct arena *a, struct directory_account *out)
{
	struct stack *s = own(d);
	struct directory_account v = { .id = 0 };
	size_t i;
	int r = E_NOTFOUND;

	for (i = 0; i < s->n && r == E_NOTFOUND; i++) {
		struct directory *e = s->layer[i].d;

		if (!s->layer[i].accounts || !e->ops->keeper || !stack_asks(e, domain))
			continue;
		r = e->ops->keeper(e, domain, a, &v);
		if (r == 0)
			r = stack_account(s, e, a, &v);
	}
	if (r == 0)
		*out = v;
	return r;
}

/* A layer that is down may have accounts without keys: SCRAM is not offered then. */
static int get_scram_complete(struct directory *d, struct str mech, bool *any_out, bool *complete_out)
{
	struct stack *s = own(d);
	size_t i;

	*any_out = false;
	*complete_out = true;
	for (i = 0; i < s->n; i++) {
		struct directory *e = s->layer[i].d;
		bool any = true, complete = false;

		if (!s->layer[i].accounts)
			continue;
		if (e->ops->scram_complete && e->ops->scram_complete(e, mech, &any, &complete) < 0)
			complete = false;
		*any_out |= any;
		*complete_out &= complete;
	}
	return 0;
}

struct directory *stack_could_be_of(struct stack *s, struct str name)
{
	struct directory *asked[DIRECTORY_STACK + 1];
	unsigned char secret[DIRECTORY_SECRET], mac[32];
	size_t n = 0, i;

	for (i = 0; i < s->n; i++)
		if (s->layer[i].accounts && stack_asks(s->layer[i].d, domain_of(name)))
			asked[n++] = s->layer[i].d;
	if (n == 0 || s->own->ops->secret(s->own, secret) < 0)
		return NULL;
	HMAC(EVP_sha256(), secret, sizeof(secret), (const unsigned char *)name.p, name.n, mac, NULL);
	return asked[mac[0] % n];
}

static int check(struct directory *d, const struct directory_account *v, struct str password)
{
	struct stack *s = own(d);
	struct directory *e = v->backend ? NULL : stack_could_be_of(s, v->name);
	size_t i;

	for (i = 0; i < s->n && v->backend; i++)
		if (strcmp(s->layer[i].d->name, v->backend) == 0)
			e = s->layer[i].d;
	return e && e->ops->check ? e->ops->check(e, v, password) : E_UNSUPPORTED;
}

static int get_secret(struct directory *d, unsigned char out[DIRECTORY_SECRET])
{
	return own(d)->own->ops->secret(own(d)->own, out);
}

/* --- changes --------------------------------------------------------------------- */

/* d cannot be changed there: the words for the person say which it is. */
static int kept(struct directory *d, const struct directory *layer)
{
	d->kept = layer->name;
	return E_UNSUPPORTED;
}

static int put_credentials(struct directory *d, uint64_t id, struct str before, struct str hash, struct str scram)
{
	struct directory *e;
	uint64_t own_id;
	int r = stack_layer_of(own(d), id, &e, &own_id);

	if (r < 0)
		return r;
	return e->ops->credentials ? e->ops->credentials(e, own_id, before, hash, scram) : kept(d, e);
}

static int put_domain(struct directory *d, const struct directory_domain *v, bool is_new)
{
	struct stack *s = own(d);
	struct directory_domain old;
	struct directory *e = s->own;
	struct arena a;
	size_t i;
	int r;

	arena_init(&a);
	r = find_domain(s, v->name, &a, &old, &e);
	arena_done(&a);
	if (is_new && r == E_NOTFOUND) {
		for (i = 0; i < s->n; i++) {
			e = s->layer[i].d;
			if (e->ops->domain_put && stack_asks(e, v->name))
				return e->ops->domain_put(e, v, true);
		}
		return kept(d, e);
	}
	if (r < 0 || is_new)
		return r < 0 ? r : E_EXISTS;
	return e->ops->domain_put ? e->ops->domain_put(e, v, false) : kept(d, e);
}

static int remove_domain(struct directory *d, struct str name)
{
	struct directory_domain v;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = find_domain(own(d), name, &a, &v, &e);
	arena_done(&a);
	if (r < 0)
		return r;
	return e->ops->domain_remove ? e->ops->domain_remove(e, name) : kept(d, e);
}

static bool has_accounts(const struct stack *s, const struct directory *e)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->layer[i].d == e)
			return s->layer[i].accounts;
	return false;
}

static int put_account(struct directory *d, const struct directory_account *v, bool is_new)
{
	struct stack *s = own(d);
	struct directory_account old;
	struct directory_domain dom;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = find_account(s, v->local, v->domain, &a, &old, &e);
	if (is_new && r == 0)
		r = E_EXISTS;
	else if (is_new && r == E_NOTFOUND)
		r = find_domain(s, v->domain, &a, &dom, &e);
	arena_wipe(&a);
	if (r < 0)
		return r;
	if (!has_accounts(s, e))
		return kept(d, s->layer[0].d);
	return e->ops->account_put ? e->ops->account_put(e, v, is_new) : kept(d, e);
}

static int remove_account(struct directory *d, struct str local, struct str domain)
{
	struct directory_account v;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = find_account(own(d), local, domain, &a, &v, &e);
	arena_wipe(&a);
	if (r < 0)
		return r;
	return e->ops->account_remove ? e->ops->account_remove(e, local, domain) : kept(d, e);
}

static int put_alias(struct directory *d, const struct directory_alias *v, struct str domain, bool is_new)
{
	struct directory_domain dom;
	struct directory_alias old;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = find_alias(own(d), v->address, &a, &old, &e);
	if (is_new && r == 0)
		r = E_EXISTS;
	else if (is_new && r == E_NOTFOUND)
		r = find_domain(own(d), domain, &a, &dom, &e);
	arena_done(&a);
	if (r < 0)
		return r;
	return e->ops->alias_put ? e->ops->alias_put(e, v, domain, is_new) : kept(d, e);
}

static int remove_alias(struct directory *d, struct str address)
{
	struct directory_alias v;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = find_alias(own(d), address, &a, &v, &e);
	arena_done(&a);
	if (r < 0)
		return r;
	return e->ops->alias_remove ? e->ops->alias_remove(e, address) : kept(d, e);
}

/* --- invitations: beside the account that they are for ---------------------------------- */

static int get_invite(struct directory *d, struct str id, struct arena *a, struct directory_invite *out)
{
	struct stack *s = own(d);
	struct directory_account acc = { .id = 0 };
	struct directory_invite v;
	size_t i;
	int r = E_NOTFOUND;

	for (i = 0; i < s->n && r == E_NOTFOUND; i++) {
		struct directory *e = s->layer[i].d;

		if (!s->layer[i].accounts || !e->ops->invite)
			continue;
		r = e->ops->invite(e, id, a, &v);
		if (r == 0)
			r = e->ops->account(e, v.local, v.domain, a, &acc);
		if (r == 0)
			r = stack_account(s, e, a, &acc);
	}
	if (r < 0)
		return r;
	v.account = acc.id;
	*out = v;
	return 0;
}

static int put_invite(struct directory *d, const struct directory_invite *v)
{
	struct directory_invite mine = *v;
	struct directory *e;
	int r = stack_layer_of(own(d), v->account, &e, &mine.account);

	if (r < 0)
		return r;
	return e->ops->invite_put ? e->ops->invite_put(e, &mine) : kept(d, e);
}

static int remove_invite(struct directory *d, uint64_t account)
{
	struct directory *e;
	uint64_t own_id;
	int r = stack_layer_of(own(d), account, &e, &own_id);

	if (r < 0)
		return r;
	return e->ops->invite_remove ? e->ops->invite_remove(e, own_id) : kept(d, e);
}

/* --- tables ------------------------------------------------------------------------ */

static int get_token(struct directory *d, struct str id, struct arena *a, struct directory_token *out)
{
	return own(d)->tables->ops->token(own(d)->tables, id, a, out);
}

static int add_token(struct directory *d, const struct directory_token *v)
{
	return own(d)->tables->ops->token_add(own(d)->tables, v);
}

static int remove_token(struct directory *d, struct str id)
{
	return own(d)->tables->ops->token_remove(own(d)->tables, id);
}

static int use_token(struct directory *d, struct str id, uint64_t when)
{
	return own(d)->tables->ops->token_used(own(d)->tables, id, when);
}

static int list_tokens(struct directory *d, bool (*fn)(const struct directory_token *v, void *arg), void *arg)
{
	return own(d)->tables->ops->tokens(own(d)->tables, fn, arg);
}

static int get_route(struct directory *d, struct str to, struct str from, struct arena *a,
	struct directory_route *out)
{
	return own(d)->tables->ops->route(own(d)->tables, to, from, a, out);
}

static int put_route(struct directory *d, const struct directory_route *v, bool is_new)
{
	return own(d)->tables->ops->route_put(own(d)->tables, v, is_new);
}

static int remove_route(struct directory *d, struct str to, struct str from)
{
	return own(d)->tables->ops->route_remove(own(d)->tables, to, from);
}

static int list_routes(struct directory *d, bool (*fn)(const struct directory_route *v, void *arg), void *arg)
{
	return own(d)->tables->ops->routes(own(d)->tables, fn, arg);
}

static int get_setting(struct directory *d, struct str name, struct buf *out)
{
	return own(d)->tables->ops->setting(own(d)->tables, name, out);
}

static int put_setting(struct directory *d, struct str name, struct str value, bool replace)
{
	return own(d)->tables->ops->setting_put(own(d)->tables, name, value, replace);
}

static int get_rule(struct directory *d, struct str kind, struct str who, struct arena *a,
	struct directory_rule *out)
{
	return own(d)->tables->ops->rule(own(d)->tables, kind, who, a, out);
}

static int get_rule_kinds(struct directory *d, unsigned *out)
{
	return own(d)->tables->ops->rule_kinds(own(d)->tables, out);
}

static int add_rule(struct directory *d, const struct directory_rule *v)
{
	return own(d)->tables->ops->rule_add(own(d)->tables, v);
}

static int remove_rule(struct directory *d, struct str kind, struct str who)
{
	return own(d)->tables->ops->rule_remove(own(d)->tables, kind, who);
}

static int list_rules(struct directory *d, bool (*fn)(const struct directory_rule *v, void *arg), void *arg)
{
	return own(d)->tables->ops->rules(own(d)->tables, fn, arg);
}

/* --- the whole --------------------------------------------------------------------- */

static int copy(struct directory *d, const char *name)
{
	return own(d)->own->ops->copy(own(d)->own, name);
}

static int renew(struct directory *d)
{
	return own(d)->own->ops->renew(own(d)->own);
}

static void watch(struct directory *d)
{
	struct stack *s = own(d);
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->layer[i].d->ops->watch)
			s->layer[i].d->ops->watch(s->layer[i].d);
}

/* There is one back end at most that tells. */
static int news_fd(struct directory *d)
{
	struct stack *s = own(d);
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->layer[i].d->ops->news_fd)
			return s->layer[i].d->ops->news_fd(s->layer[i].d);
	return -1;
}

static bool news(struct directory *d)
{
	struct stack *s = own(d);
	bool any = false;
	size_t i;

	for (i = 0; i < s->n; i++)
		any |= s->layer[i].d->ops->news && s->layer[i].d->ops->news(s->layer[i].d);
	return any;
}

/* There is one back end at most that asks a program of ours. */
static void peer(struct directory *d, int fd)
{
	struct stack *s = own(d);
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->layer[i].d->ops->peer) {
			s->layer[i].d->ops->peer(s->layer[i].d, fd);
			return;
		}
	}
	fd_close(&fd);
}

static void stack_close(struct directory *d)
{
	struct stack *s = own(d);
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->layer[i].d != s->own)
			s->layer[i].d->ops->close(s->layer[i].d);
	s->own->ops->close(s->own);
	free(s);
}

static const struct directory_ops ops = {
	.close = stack_close,
	.domain = get_domain,
	.domain_size = get_domain_size,
	.account = get_account,
	.alias = get_alias,
	.keeper = get_keeper,
	.scram_complete = get_scram_complete,
	.check = check,
	.secret = get_secret,
	.credentials = put_credentials,
	.domain_put = put_domain,
	.domain_remove = remove_domain,
	.account_put = put_account,
	.account_remove = remove_account,
	.alias_put = put_alias,
	.alias_remove = remove_alias,
	.peer = peer,
	.renew = renew,
	.watch = watch,
	.news_fd = news_fd,
	.news = news,
	.copy = copy,
	.domains = stack_domains,
	.accounts = stack_accounts,
	.aliases = stack_aliases,
	.token = get_token,
	.token_add = add_token,
	.token_remove = remove_token,
	.token_used = use_token,
	.tokens = list_tokens,
	.invite = get_invite,
	.invite_put = put_invite,
	.invite_remove = remove_invite,
	.route = get_route,
	.route_put = put_route,
	.route_remove = remove_route,
	.routes = list_routes,
	.setting = get_setting,
	.setting_put = put_setting,
	.rule = get_rule,
	.rule_kinds = get_rule_kinds,
	.rule_add = add_rule,
	.rule_remove = remove_rule,
	.rules = list_rules,
	.delegations = stack_delegations,
	.delegation_add = stack_delegation_add,
	.delegation_remove = stack_delegation_remove,
	.delegation_forget = stack_delegation_forget,
	.app_password = stack_app_password,
	.app_password_add = stack_app_password_add,
	.app_password_remove = stack_app_password_remove,
	.app_passwords_forget = stack_app_passwords_forget,
	.app_password_used = stack_app_password_used,
	.app_passwords = stack_app_passwords,
	.totp = stack_totp,
	.totp_put = stack_totp_put,
	.totp_remove = stack_totp_remove,
	.totp_try = stack_totp_try,
	.totp_step = stack_totp_step,
	.totp_recover = stack_totp_recover,
	.shared_secret = stack_shared_secret,
	.shared_secret_put = stack_shared_secret_put,
	.shared_secret_remove = stack_shared_secret_remove,
	.shared_secret_any = stack_shared_secret_any,
	.security_key_add = stack_security_key_add,
	.security_key_remove = stack_security_key_remove,
	.security_key_used = stack_security_key_used,
	.security_keys = stack_security_keys,
};

struct directory *directory_stack(struct directory *const *named, size_t n, struct directory *built_in)
{
	struct stack *s = mem_alloc(1, sizeof(*s));
	bool domains = false;
	size_t i;

	BUG_ON(n > DIRECTORY_STACK);
	s->d.ops = &ops;
	s->d.name = DIRECTORY_IS_STACK;
	s->own = built_in;
	for (i = 0; i < n; i++) {
		s->layer[s->n++] = (struct stack_layer){ named[i], true };
		domains |= named[i]->ops->domain != NULL;
		if (!s->tables && named[i]->ops->setting)
			s->tables = named[i];
	}
	/* somebody has to keep the domains */
	if (!domains)
		s->layer[s->n++] = (struct stack_layer){ built_in, false };
	if (!s->tables)
		s->tables = built_in;
	return &s->d;
}
