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
 * it is seen first (stack_identity.c, directory_identity.c), by the key that never changes there. So it keeps its
 * mail under another name, and no mailbox is ever shared by two: a name whose mail belongs to an
 * account of a layer of this stack leads another account to a new place. One that was copied from one
 * database into another (directory_copy.c) is the same account in both.
 */
#include "auth/directory_stack.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/file.h"

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

int stack_find_domain(struct stack *s, struct str name, struct arena *a, struct directory_domain *out,
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

int stack_find_account(struct stack *s, struct str local, struct str domain, struct arena *a,
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

int stack_find_alias(struct stack *s, struct str address, struct arena *a, struct directory_alias *out,
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

/* --- questions ------------------------------------------------------------------- */

static int get_domain(struct directory *d, struct str name, struct arena *a, struct directory_domain *out)
{
	struct directory_domain v = { .active = false };
	struct directory *e;
	int r = stack_find_domain(stack_of(d), name, a, &v, &e);

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
	r = stack_find_domain(stack_of(d), name, &a, &v, &e);
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
	int r = stack_find_account(stack_of(d), local, domain, a, &v, &e);

	if (r == 0)
		r = stack_account(stack_of(d), e, a, &v);
	if (r == 0)
		*out = v;
	return r;
}

/* Each layer gets the names that it is asked about first: who is known by a layer does not wait for one below it. The
 * built-in one is there at once, and says so. */
static bool ends_here(struct stack *s, struct directory *e, const struct directory_name *name)
{
	struct directory_account v;
	struct arena a;
	int r;

	if (e != s->own)
		return true;
	arena_init(&a);
	r = e->ops->account(e, name->local, name->domain, &a, &v);
	arena_wipe(&a);
	return r != E_NOTFOUND;
}

static void prefetch(struct directory *d, const struct directory_name *name, size_t n)
{
	struct stack *s = stack_of(d);
	struct directory_name here[DIRECTORY_PREFETCH];
	bool placed[DIRECTORY_PREFETCH] = { false };
	size_t i, k, m;

	for (i = 0; i < s->n; i++) {
		if (!s->layer[i].accounts)
			continue;
		for (k = m = 0; k < n; k++) {
			if (placed[k] || !stack_asks(s->layer[i].d, name[k].domain))
				continue;
			placed[k] = ends_here(s, s->layer[i].d, &name[k]);
			if (placed[k])
				here[m++] = name[k];
		}
		if (s->layer[i].d->ops->prefetch)
			s->layer[i].d->ops->prefetch(s->layer[i].d, here, m);
	}
}

static int get_alias(struct directory *d, struct str address, struct arena *a, struct directory_alias *out)
{
	struct directory_alias v;
	struct directory *e;
	int r = stack_find_alias(stack_of(d), address, a, &v, &e);

	if (r == 0)
		*out = v;
	return r;
}

static int get_keeper(struct directory *d, struct str domain, struct arena *a, struct directory_account *out)
{
	struct stack *s = stack_of(d);
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
	struct stack *s = stack_of(d);
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
	struct stack *s = stack_of(d);
	struct directory *e = v->backend ? NULL : stack_could_be_of(s, v->name);
	size_t i;

	for (i = 0; i < s->n && v->backend; i++)
		if (strcmp(s->layer[i].d->name, v->backend) == 0)
			e = s->layer[i].d;
	return e && e->ops->check ? e->ops->check(e, v, password) : E_UNSUPPORTED;
}

static int get_secret(struct directory *d, unsigned char out[DIRECTORY_SECRET])
{
	return stack_of(d)->own->ops->secret(stack_of(d)->own, out);
}

/* --- the whole --------------------------------------------------------------------- */

static int copy(struct directory *d, const char *name)
{
	return stack_of(d)->own->ops->copy(stack_of(d)->own, name);
}

static int renew(struct directory *d)
{
	return stack_of(d)->own->ops->renew(stack_of(d)->own);
}

static void watch(struct directory *d)
{
	struct stack *s = stack_of(d);
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->layer[i].d->ops->watch)
			s->layer[i].d->ops->watch(s->layer[i].d);
}

/* There is one back end at most that tells. */
static int news_fd(struct directory *d)
{
	struct stack *s = stack_of(d);
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->layer[i].d->ops->news_fd)
			return s->layer[i].d->ops->news_fd(s->layer[i].d);
	return -1;
}

static bool news(struct directory *d)
{
	struct stack *s = stack_of(d);
	bool any = false;
	size_t i;

	for (i = 0; i < s->n; i++)
		any |= s->layer[i].d->ops->news && s->layer[i].d->ops->news(s->layer[i].d);
	return any;
}

/* There is one back end at most that asks a program of ours. */
static void peer(struct directory *d, int fd)
{
	struct stack *s = stack_of(d);
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
	struct stack *s = stack_of(d);
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
	.prefetch = prefetch,
	.alias = get_alias,
	.keeper = get_keeper,
	.scram_complete = get_scram_complete,
	.check = check,
	.secret = get_secret,
	.credentials = stack_credentials,
	.domain_put = stack_domain_put,
	.domain_remove = stack_domain_remove,
	.account_put = stack_account_put,
	.account_remove = stack_account_remove,
	.alias_put = stack_alias_put,
	.alias_remove = stack_alias_remove,
	.peer = peer,
	.renew = renew,
	.watch = watch,
	.news_fd = news_fd,
	.news = news,
	.copy = copy,
	.domains = stack_domains,
	.accounts = stack_accounts,
	.aliases = stack_aliases,
	.people = stack_people,
	.token = stack_token,
	.token_add = stack_token_add,
	.token_remove = stack_token_remove,
	.token_used = stack_token_used,
	.tokens = stack_tokens,
	.invite = stack_invite,
	.invite_put = stack_invite_put,
	.invite_remove = stack_invite_remove,
	.route = stack_route,
	.route_put = stack_route_put,
	.route_remove = stack_route_remove,
	.routes = stack_routes,
	.setting = stack_setting,
	.setting_put = stack_setting_put,
	.rule = stack_rule,
	.rule_kinds = stack_rule_kinds,
	.rule_add = stack_rule_add,
	.rule_remove = stack_rule_remove,
	.rules = stack_rules,
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
