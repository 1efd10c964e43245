/* SPDX-License-Identifier: ISC
 *
 * rights.c: see rights.h.
 *
 *   HOST    nobody from outside
 *   ADMIN   the global role
 *   DOMAIN  also who has the role for the domain that `domain`, `address` or `user` names
 *   PERSON  also whom `address` or `user` names; of some verbs (rights_of_owner), an owner of that mailbox
 * Every argument of these names counts, not just the first. A verb with `scope`
 * needs none: its rows are narrowed to what the asker may see; the address book (verbs_book.c) says itself whose `domain` he sees. An argument marked
 * '#' is a global administrator's. Addresses are compared in normal form.
 */
#include "auth/rights.h"

#include "auth/resolve.h"

static bool add_domain(struct identity *id, struct str domain)
{
	if (domain.n == 0 || id->ndomains == RIGHTS_DOMAINS)
		return false;
	id->domain[id->ndomains++] = domain;
	return true;
}

void rights_roles(struct str roles, struct identity *id)
{
	struct str role;

	while (roles.n > 0) {
		role = str_trim(str_cut(&roles, ','));
		if (str_eqc(role, "admin"))
			id->admin = true;
		else if (str_eqc(role, "metrics"))
			id->metrics = true;
		else if (str_starts(role, "send:"))
			id->send = str_from(role, 5);
		else if (str_starts(role, "admin@"))
			add_domain(id, str_from(role, 6));
	}
}

int rights_roles_parse(struct str text, bool token, struct arena *a, struct str *out, struct str *bad_out)
{
	struct identity id = { .admin = false };
	struct str role, local, domain;
	struct buf b;
	int r = 0;

	buf_init(&b, 16 * 1024);
	while (text.n > 0 && r == 0) {
		role = str_trim(str_cut(&text, ','));
		*bad_out = role;
		if (role.n == 0)
			continue;
		if (b.n > 0)
			buf_c(&b, ',');
		if (str_eqc(role, "admin") || (token && str_eqc(role, "metrics")))
			buf_str(&b, role);
		else if (str_starts(role, "admin@") && address_read(role, a, &local, &domain) == 0 &&
			add_domain(&id, domain)) {
			buf_puts(&b, "admin@");
			buf_str(&b, domain);
		} else if (token && str_starts(role, "send:") && !id.send.p &&
			address_read(str_from(role, 5), a, &local, &domain) == 0) {
			id.send = address_name(local, domain, a); /* one: whose addresses else would count? */
			buf_puts(&b, "send:");
			buf_str(&b, id.send);
		} else
			r = E_SYNTAX;
	}
	if (r == 0)
		*out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return r;
}

bool rights_roles_without(struct str roles, struct str gone, struct arena *a, struct str *out)
{
	struct str role;
	bool found = false;
	struct buf b;

	buf_init(&b, 16 * 1024);
	while (roles.n > 0) {
		role = str_trim(str_cut(&roles, ','));
		if (str_eq(role, gone))
			found = true;
		else
			buf_fmt(&b, "%s%.*s", b.n ? "," : "", STRF(role));
	}
	if (found)
		*out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return found;
}

/* --- who may -------------------------------------------------------------------- */

static bool is_metrics(const struct verb *v)
{
	return strcmp(v->noun, "stats") == 0 && strcmp(v->name, "metrics") == 0;
}

bool rights_any(const struct identity *id, const struct verb *v)
{
	if (v->who == WHO_HOST || v->owner == OWNER_HERE)
		return false;
	if (id->admin || (id->metrics && is_metrics(v)))
		return true;
	return (v->who == WHO_PERSON && id->user.n > 0) || (v->who >= WHO_DOMAIN && id->ndomains > 0);
}

bool rights_of_owner(const struct verb *v)
{
	static const char *const nouns[] = { "app-password", "send-as", "owner", "mailbox" };
	size_t i;

	if (v->who != WHO_PERSON)
		return false;
	for (i = 0; i < ARRAY_LEN(nouns); i++)
		if (strcmp(v->noun, nouns[i]) == 0)
			return true;
	return strcmp(v->noun, "user") == 0 && (strcmp(v->name, "show") == 0 || strcmp(v->name, "forward") == 0);
}

static bool has_domain(const struct identity *id, struct str domain)
{
	size_t i;

	for (i = 0; i < id->ndomains; i++)
		if (str_eq(id->domain[i], domain))
			return true;
	return false;
}

bool rights_exceed(const struct identity *id, struct str roles)
{
	struct identity other = { .admin = false };
	size_t i;

	rights_roles(roles, &other);
	if (id->admin)
		return false;
	for (i = 0; i < other.ndomains; i++)
		if (!has_domain(id, other.domain[i]))
			return true;
	return other.admin;
}

/* One value of `domain`, `address` or `user`. */
static bool may_touch(const struct identity *id, const struct verb *v, struct str value, bool domain_only,
	struct arena *a, struct rights *out)
{
	char *text = domain_only ? arena_fmt(a, "x@%.*s", STRF(value)) : NULL;
	struct str local, domain, name;

	if (address_read(text ? str_of(text) : value, a, &local, &domain) < 0)
		return false;
	if (has_domain(id, domain)) {
		if (!domain_only)
			out->address = address_name(local, domain, a);
		return true;
	}
	if (domain_only || v->who != WHO_PERSON || id->user.n == 0)
		return false;
	name = address_name(local, domain, a);
	out->address = name;
	return str_eq(name, id->user) || (id->owned.n > 0 && str_eq(name, id->owned));
}

static void set_scope(const struct identity *id, const struct verb *v, struct rights *out)
{
	size_t i;

	for (i = 0; i < id->ndomains; i++)
		out->scope[out->nscope++] = id->domain[i];
	if (v->who == WHO_PERSON && id->user.n > 0)
		out->scope[out->nscope++] = id->user;
	if (id->owned.n > 0)
		out->scope[out->nscope++] = id->owned;
}

static int denied(struct buf *why, const char *text)
{
	buf_puts(why, text);
	return E_DENIED;
}

static bool is_book(const struct verb *v)
{
	return strcmp(v->noun, "directory") == 0 && strcmp(v->name, "list") == 0;
}

/* Arguments of an asker who is no global administrator. */
static int check_arguments(const struct identity *id, const struct verb *v, const struct ipc_msg *args,
	const char *prefix, struct arena *a, struct rights *out, struct buf *why)
{
	struct verb_arg arg[VERB_ARGS];
	size_t n = verb_args(v, arg), i, k, named = 0;
	char field[80];
	struct str value;

	for (i = 0; i < n; i++) {
		bool domain = str_eqc(arg[i].name, "domain");
		bool address = str_eqc(arg[i].name, "address"), user = str_eqc(arg[i].name, "user");

		snprintf(field, sizeof(field), "%s%.*s", prefix, STRF(arg[i].name));
		if (arg[i].admin && ipc_get(args, field).p)
			return denied(why, "only a global administrator may say this");
		if ((!domain && !address && !user) || (address && verb_scoped(v)) || (domain && is_book(v)))
			continue;
		for (k = 0; (value = ipc_get_nth(args, field, k)).p; k++, named++)
			if (!may_touch(id, v, value, domain, a, out))
				return denied(why, "this is not yours to look after");
	}
	if (named == 0 && !verb_scoped(v))
		return denied(why, "only a global administrator may ask for this");
	return 0;
}

int rights_check(const struct identity *id, const struct verb *v, const struct ipc_msg *args,
	const char *prefix, struct arena *a, struct rights *out, struct buf *why)
{
	struct str local, domain, address;
	char field[80];
	int r = 0;

	*out = (struct rights){ 0 };
	if (!rights_any(id, v))
		return denied(why, "this is not for you");
	if (!id->admin && !(id->metrics && is_metrics(v))) {
		r = check_arguments(id, v, args, prefix, a, out, why);
		if (r == 0 && verb_scoped(v))
			set_scope(id, v, out);
	}
	snprintf(field, sizeof(field), "%saddress", prefix);
	address = ipc_get(args, field);
	if (r == 0 && id->user.n > 0 && address.p && address_read(address, a, &local, &domain) == 0)
		out->own = str_eq(address_name(local, domain, a), id->user);
	return r;
}
