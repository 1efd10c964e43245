/* SPDX-License-Identifier: ISC
 *
 * stack_secrets.c: app passwords, second factors, security keys and shared secrets of a stack of back ends: beside the
 * account where its back end has a place for them, else in the built-in database, by the account's number. So people of
 * an LDAP directory have theirs, too.
 */
#include "auth/directory_stack.h"

/* Who keeps those of an account, and its number there. */
static int keeper(struct directory *d, uint64_t account, struct directory **out, uint64_t *own_id_out)
{
	struct stack *s = stack_of(d);
	int r = stack_layer_of(s, account, out, own_id_out);

	if (r == E_UNSUPPORTED || (r == 0 && !(*out)->ops->app_password)) {
		*out = s->own;
		*own_id_out = account;
		r = 0;
	}
	return r;
}

/* The same of an account that nobody may have: that costs what one of somebody costs (C16). */
static int keeper_or_other(struct directory *d, const struct directory_account *v, struct directory **out, uint64_t *own_id_out)
{
	struct directory *other = v->backend ? NULL : stack_could_be_of(stack_of(d), v->name);
	int r = keeper(d, v->id, out, own_id_out);

	if (r == 0 && other && other->ops->app_password)
		*out = other;
	return r;
}

int stack_app_password(struct directory *d, const struct directory_account *v, struct str digest, struct arena *a,
	struct directory_app_password *out)
{
	struct directory_account mine = *v;
	struct directory *e;
	int r = keeper_or_other(d, v, &e, &mine.id);

	return r < 0 ? r : e->ops->app_password(e, &mine, digest, a, out);
}

int stack_app_password_add(struct directory *d, uint64_t account, const struct directory_app_password *v)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->app_password_add(e, own_id, v);
}

int stack_app_password_remove(struct directory *d, uint64_t account, struct str id)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->app_password_remove(e, own_id, id);
}

/* What he owned may be kept by any of them. */
int stack_app_passwords_forget(struct directory *d, struct str owner)
{
	struct stack *s = stack_of(d);
	int r = s->own->ops->app_passwords_forget(s->own, owner);
	size_t i;

	for (i = 0; r == 0 && i < s->n; i++)
		if (s->layer[i].d != s->own && s->layer[i].d->ops->app_passwords_forget)
			r = s->layer[i].d->ops->app_passwords_forget(s->layer[i].d, owner);
	return r;
}

int stack_app_password_used(struct directory *d, uint64_t account, struct str id, uint64_t when, struct str peer)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->app_password_used(e, own_id, id, when, peer);
}

int stack_app_passwords(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_app_password *v, void *arg), void *arg)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->app_passwords(e, own_id, fn, arg);
}

/* --- second factors */

int stack_totp(struct directory *d, uint64_t account, struct arena *a, struct directory_totp *out)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->totp(e, own_id, a, out);
}

int stack_totp_put(struct directory *d, uint64_t account, const struct directory_totp *v)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->totp_put(e, own_id, v);
}

int stack_totp_remove(struct directory *d, uint64_t account)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->totp_remove(e, own_id);
}

int stack_totp_try(struct directory *d, uint64_t account, uint64_t now, uint64_t over, uint64_t max)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->totp_try(e, own_id, now, over, max);
}

int stack_totp_step(struct directory *d, uint64_t account, uint64_t step)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->totp_step(e, own_id, step);
}

int stack_totp_recover(struct directory *d, uint64_t account, struct str before, struct str after)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->totp_recover(e, own_id, before, after);
}

/* --- shared secrets */

int stack_shared_secret(struct directory *d, const struct directory_account *v, struct arena *a,
	struct directory_shared_secret *out)
{
	struct directory_account mine = *v;
	struct directory *e;
	int r = keeper_or_other(d, v, &e, &mine.id);

	return r < 0 ? r : e->ops->shared_secret(e, &mine, a, out);
}

int stack_shared_secret_put(struct directory *d, uint64_t account, const struct directory_shared_secret *v)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->shared_secret_put(e, own_id, v);
}

int stack_shared_secret_remove(struct directory *d, uint64_t account)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->shared_secret_remove(e, own_id);
}

/* Those that back ends keep, and those of their people in the built-in database. One that is down has none of its own
 * to log in. */
int stack_shared_secret_any(struct directory *d, bool *any_out)
{
	struct stack *s = stack_of(d);
	bool any = false;
	int r = s->own->ops->shared_secret_any(s->own, &any);
	size_t i;

	for (i = 0; r == 0 && !any && i < s->n; i++)
		if (s->layer[i].d != s->own && s->layer[i].d->ops->shared_secret_any)
			(void)s->layer[i].d->ops->shared_secret_any(s->layer[i].d, &any);
	if (r == 0)
		*any_out = any;
	return r;
}

/* --- security keys */

int stack_security_key_add(struct directory *d, uint64_t account, const struct directory_security_key *v)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->security_key_add(e, own_id, v);
}

int stack_security_key_remove(struct directory *d, uint64_t account, struct str id)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->security_key_remove(e, own_id, id);
}

int stack_security_key_used(struct directory *d, uint64_t account, const struct directory_security_key *v)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->security_key_used(e, own_id, v);
}

int stack_security_keys(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_security_key *v, void *arg), void *arg)
{
	struct directory *e;
	uint64_t own_id;
	int r = keeper(d, account, &e, &own_id);

	return r < 0 ? r : e->ops->security_keys(e, own_id, fn, arg);
}
