/* SPDX-License-Identifier: ISC
 *
 * directory_ldap.c: people of an LDAP directory, or of Active Directory, as accounts.
 *
 * A person is an entry below [ldap] base that fits [ldap] filter and has one address in attr_mail: the name of
 * the account. Addresses in attr_aliases are aliases of it. A group with an address of its own is an alias of
 * its members. Nothing is written; domains, roles beyond admin_group and what is Mansio's own are kept by the
 * built-in directory. The account's key is an attribute that never changes (entryUUID, objectGUID), so that
 * who is renamed keeps his mail.
 *
 * Passwords are checked by binding as the entry, found by a search or named by a template ([ldap] direct_bind).
 * Two entries with one address: neither logs in nor gets mail until that is put right (temporary failure, told
 * in the log); to choose one of them would be to give one person's mail to another.
 */
#include "auth/directory_ldap_private.h"

#include "auth/directory_files.h"
#include "auth/ldap_text.h"
#include "auth/resolve.h"
#include "auth/trouble.h"
#include "base/codec.h"
#include "base/rand.h"

static struct ldap_directory *own(struct directory *d)
{
	return (struct ldap_directory *)d;
}

#define SEND_AS_MAX 100000 /* bytes of all that one person may send with */

/* --- shared with ldap_groups.c ----------------------------------------------------- */

bool ldap_address(struct str value, struct arena *a, struct str *local, struct str *domain)
{
	struct str text = ldap_proxy_address(value);

	return text.p && address_read(text, a, local, domain) == 0;
}

void ldap_put_equal(struct buf *b, const char *attr, const char *prefix, struct str value)
{
	buf_fmt(b, "(%s=%s", attr, prefix);
	ldap_filter_value(value, b);
	buf_c(b, ')');
}

int ldap_entries(struct ldap_directory *o, enum ldap_scope scope, struct str base, struct buf *filter, const char *const *attrs,
	size_t limit, struct arena *a, struct ldap_entry **out)
{
	int r = filter->err ? filter->err : ldap_find(o->client, base, scope, buf_view(filter), attrs, limit, a, out);

	buf_done(filter);
	return r;
}

/* --- from entries to accounts ----------------------------------------------------- */

/* The one address that names the account: of several, the first in order of bytes, so that it is always the same. */
bool ldap_primary(const struct ldap_entry *e, struct arena *a, struct str *local_out, struct str *domain_out)
{
	struct str best = STR_NONE, local, domain, name;
	const struct ldap_value *v;

	for (v = e->value[A_MAIL]; v; v = v->next) {
		if (!ldap_address(v->v, a, &local, &domain))
			continue;
		name = address_name(local, domain, a);
		if (best.p && str_cmp(best, name) <= 0)
			continue;
		best = name;
		*local_out = local;
		*domain_out = domain;
	}
	return best.p != NULL;
}

static struct str first_value(const struct ldap_entry *e, int which)
{
	return e->value[which] ? e->value[which]->v : STR("");
}

bool ldap_any_yes(const struct ldap_value *v)
{
	while (v && !ldap_says_yes(v->v))
		v = v->next;
	return v != NULL;
}

/* Values of an attribute have no order: whoever may not log in by one of them may not. */
static bool is_active(const struct ldap_directory *o, const struct ldap_entry *e)
{
	bool flags = str_ieqc(str_of(o->attr[A_ACTIVE]), "userAccountControl"), active = true;
	const struct ldap_value *v;
	uint64_t n;

	for (v = e->value[A_ACTIVE]; v && active; v = v->next)
		active = v->v.n == 0 || (flags ? str_u64(v->v, UINT32_MAX, &n) == 0 && !(n & 2) : ldap_says_yes(v->v) != o->active_not);
	return active;
}

#define LONG_AGO 1 /* Unix time */
#define SHOWN 64 /* bytes of a strange value */

/* The earliest of its values. One that is no time was meant to end the account at some time, which may be over: nobody logs in with
 * it until that is put right. */
static uint64_t ends_at(const struct ldap_directory *o, const struct ldap_entry *e)
{
	const char *attr = o->attr[A_EXPIRES];
	const struct ldap_value *v;
	uint64_t first = 0, n;

	for (v = e->value[A_EXPIRES]; v; v = v->next) {
		if (ldap_expires(str_of(attr), v->v, &n) < 0) {
			trouble_tell("ldap: %.*s: %s '%.*s' is no time: nobody may log in with this account", STRF(e->dn), attr,
				STRF(str_sub(v->v, 0, SHOWN)));
			n = LONG_AGO;
		}
		if (n && (!first || n < first))
			first = n;
	}
	return first;
}

/* The value of attr_id as text; bytes become hex. */
static struct str key_of(const struct ldap_entry *e, struct arena *a)
{
	struct str v = first_value(e, A_ID), s;
	struct buf b;

	if (v.n == 0 || (str_is_ascii(v) && !str_has_ctl(v)))
		return v;
	buf_init(&b, 1000);
	hex_encode(v, &b);
	s = arena_str(a, buf_view(&b));
	buf_done(&b);
	return s;
}

/* An address or @DOMAIN a line; what is neither gives nothing. */
static struct str send_as(const struct ldap_entry *e, struct arena *a)
{
	struct str local, domain, out;
	struct ldap_value *v;
	struct buf b;

	buf_init(&b, SEND_AS_MAX);
	for (v = e->value[A_SEND_AS]; v; v = v->next) {
		bool all = v->v.n > 1 && v->v.p[0] == '@';

		if (address_read(all ? str_of(arena_fmt(a, "x%.*s", STRF(v->v))) : v->v, a, &local, &domain) < 0)
			continue;
		buf_fmt(&b, "%s", b.n ? "\n" : "");
		buf_str(&b, all ? str_of(arena_fmt(a, "@%.*s", STRF(domain))) : address_name(local, domain, a));
	}
	out = b.err ? STR("") : arena_str(a, buf_view(&b));
	buf_done(&b);
	return out;
}

int ldap_account_of(struct ldap_directory *o, const struct ldap_entry *e, const struct table *admins, struct arena *a,
	struct directory_account *out)
{
	struct directory_account v = { .active = is_active(o, e), .domain_active = true, .forward_keep = true };
	struct str quota = first_value(e, A_QUOTA);
	int r;

	if (!ldap_primary(e, a, &v.local, &v.domain))
		return E_NOTFOUND;
	v.key = key_of(e, a);
	if (v.key.n == 0 || e->value[A_ID]->next) {
		trouble_tell("ldap: %.*s has %s %s: it names nobody's mailbox", STRF(e->dn), v.key.n ? "more than one" : "no", o->attr[A_ID]);
		return E_TEMP;
	}
	v.name = first_value(e, A_NAME);
	v.send_as = send_as(e, a);
	v.hash = v.scram = v.roles = v.forward = STR("");
	v.expires = ends_at(o, e);
	v.unlisted = ldap_any_yes(e->value[A_HIDDEN]);
	if (quota.n && ldap_quota(quota, &v.quota_bytes) < 0)
		trouble_tell("ldap: %.*s: %s is no size: the default counts", STRF(e->dn), o->attr[A_QUOTA]);
	if (o->conf->ldap_admin_group.n) {
		r = admins ? ldap_is_of(e, o->conf->ldap_admin_group, admins, a) : ldap_in_group(o, e, o->conf->ldap_admin_group, a);
		if (r < 0)
			return r;
		if (r > 0)
			v.roles = STR("admin");
	}
	*out = v;
	return 0;
}

/* --- filters ------------------------------------------------------------------------ */

void ldap_person_filter(const struct ldap_directory *o, struct buf *b)
{
	buf_fmt(b, "(&%.*s", STRF(o->conf->ldap_filter));
	if (ldap_is_ad(o) && o->conf->ldap_group.n) {
		buf_puts(b, "(memberOf" LDAP_NESTED "=");
		ldap_filter_value(o->conf->ldap_group, b);
		buf_c(b, ')');
	}
}

/* Whoever has this address, by whatever attribute. */
static void who_has(const struct ldap_directory *o, struct str address, struct buf *b)
{
	ldap_person_filter(o, b);
	buf_puts(b, "(|");
	ldap_put_equal(b, o->attr[A_MAIL], "", address);
	ldap_put_equal(b, o->attr[A_ALIASES], "", address);
	if (str_ieqc(str_of(o->attr[A_ALIASES]), "proxyAddresses"))
		ldap_put_equal(b, o->attr[A_ALIASES], "smtp:", address);
	buf_puts(b, "))");
}

/* Is who was found one of [ldap] group? Active Directory was asked so in the filter. */
static int belongs(struct ldap_directory *o, const struct ldap_entry *e, struct arena *a)
{
	if (o->conf->ldap_group.n == 0 || ldap_is_ad(o))
		return 1;
	return ldap_in_group(o, e, o->conf->ldap_group, a);
}

/* --- one address --------------------------------------------------------------------- */

/* The person who has this address. */
static int person(struct ldap_directory *o, struct str address, struct arena *a, struct ldap_entry **out)
{
	struct ldap_entry *e = NULL;
	struct buf b;
	int r;

	buf_init(&b, 20000);
	who_has(o, address, &b);
	r = ldap_entries(o, LDAP_BELOW, o->conf->ldap_base, &b, o->attr, 2, a, &e);
	if (r < 0)
		return r;
	if (!e)
		return E_NOTFOUND;
	if (e->next) {
		trouble_tell("ldap: %.*s and %.*s have one address: neither is used", STRF(e->dn), STRF(e->next->dn));
		return E_TEMP;
	}
	r = belongs(o, e, a);
	if (r <= 0)
		return r < 0 ? r : E_NOTFOUND;
	*out = e;
	return 0;
}

static void remember(struct ldap_directory *o, struct str name, struct str dn)
{
	buf_reset(&o->last_name);
	buf_reset(&o->last_dn);
	buf_str(&o->last_name, name);
	buf_str(&o->last_dn, dn);
}

static int get_account(struct directory *d, struct str local, struct str domain, struct arena *a, struct directory_account *out)
{
	struct ldap_directory *o = own(d);
	struct str name = address_name(local, domain, a);
	struct directory_account v;
	struct ldap_entry *e;
	int r;

	ldap_question(o->client);
	r = person(o, name, a, &e);
	if (r == 0)
		r = ldap_account_of(o, e, NULL, a, &v);
	if (r == 0 && (!str_eq(v.local, local) || !str_eq(v.domain, domain)))
		r = E_NOTFOUND; /* by an alias of his */
	if (r < 0)
		return r;
	remember(o, name, e->dn);
	*out = v;
	return 0;
}

static int get_alias(struct directory *d, struct str address, struct arena *a, struct directory_alias *out)
{
	struct ldap_directory *o = own(d);
	struct str local, domain, name;
	struct ldap_entry *e;
	int r;

	ldap_question(o->client);
	r = person(o, address, a, &e);
	if (r == E_NOTFOUND)
		return o->conf->ldap_mail_groups ? ldap_group_alias(o, address, a, out) : r;
	if (r < 0)
		return r;
	if (!ldap_primary(e, a, &local, &domain))
		return E_NOTFOUND;
	name = address_name(local, domain, a);
	if (str_eq(name, address))
		return E_NOTFOUND; /* it is the account itself */
	*out = (struct directory_alias){ .address = address, .targets = name };
	return 0;
}

/* --- passwords ------------------------------------------------------------------------- */

/* For a name that nobody has: a login like any other, that no entry can pass (C16). */
static struct str nobodys_dn(struct ldap_directory *o, struct arena *a)
{
	char id[17];

	rand_id(id, 16);
	return str_of(arena_fmt(a, "cn=%s,%.*s", id, STRF(o->conf->ldap_base)));
}

static int dn_of(struct ldap_directory *o, const struct directory_account *v, struct arena *a, struct str *out)
{
	struct str name = address_name(v->local, v->domain, a), text;
	struct ldap_entry *e;
	struct buf b;
	int r;

	if (o->conf->ldap_direct_bind.n) {
		buf_init(&b, 20000);
		r = ldap_dn_template(o->conf->ldap_direct_bind, v->local, v->domain, name, &b);
		text = arena_str(a, buf_view(&b));
		buf_done(&b);
		*out = text;
		return r;
	}
	if (str_eq(buf_view(&o->last_name), name)) {
		*out = buf_view(&o->last_dn);
		return 0;
	}
	r = person(o, name, a, &e);
	if (r == 0)
		*out = e->dn;
	return r;
}

static int check(struct directory *d, const struct directory_account *v, struct str password)
{
	struct ldap_directory *o = own(d);
	struct arena a;
	struct str dn;
	int r = 0;

	ldap_question(o->client);
	arena_init(&a);
	if (v->id)
		r = dn_of(o, v, &a, &dn);
	else
		dn = nobodys_dn(o, &a);
	if (r == 0)
		r = ldap_check(o->client, dn, password);
	arena_done(&a);
	return r == E_NOTFOUND ? E_DENIED : r;
}

/* --- life ---------------------------------------------------------------------------------- */

static void ldap_close(struct directory *d)
{
	struct ldap_directory *o = own(d);

	ldap_client_free(o->client);
	buf_done(&o->last_name);
	buf_done(&o->last_dn);
	arena_wipe(&o->arena);
	free(o->d.domains);
	free(o);
}

static const struct directory_ops ops = {
	.close = ldap_close,
	.account = get_account,
	.alias = get_alias,
	.keeper = ldap_list_keeper,
	.check = check,
	.accounts = ldap_list_accounts,
	.aliases = ldap_list_aliases,
};

static const char *or_else(struct ldap_directory *o, struct str set, const char *of_ad, const char *of_others)
{
	return set.n ? arena_cstr(&o->arena, set) : ldap_is_ad(o) ? of_ad : of_others;
}

static void name_attributes(struct ldap_directory *o)
{
	const struct conf *c = o->conf;
	struct str active = c->ldap_attr_active;

	if (active.n && active.p[0] == '!') {
		o->active_not = true;
		active = str_from(active, 1);
	}
	o->attr[A_MAIL] = or_else(o, c->ldap_attr_mail, "mail", "mail");
	o->attr[A_ALIASES] = or_else(o, c->ldap_attr_aliases, "proxyAddresses", "mailAlternateAddress");
	o->attr[A_NAME] = or_else(o, c->ldap_attr_name, "displayName", "cn");
	o->attr[A_QUOTA] = or_else(o, c->ldap_attr_quota, LDAP_NO_ATTR, LDAP_NO_ATTR);
	o->attr[A_ACTIVE] = or_else(o, active, "userAccountControl", LDAP_NO_ATTR);
	o->attr[A_ID] = or_else(o, c->ldap_attr_id, "objectGUID", "entryUUID");
	o->attr[A_SEND_AS] = or_else(o, c->ldap_attr_send_as, LDAP_NO_ATTR, LDAP_NO_ATTR);
	o->attr[A_EXPIRES] = or_else(o, c->ldap_attr_expires, "accountExpires", LDAP_NO_ATTR);
	o->attr[A_HIDDEN] = or_else(o, c->ldap_attr_hidden, "msExchHideFromAddressLists", LDAP_NO_ATTR);
	o->attr[A_GROUPS] = or_else(o, c->ldap_attr_groups, "memberOf", "memberOf");
	o->group_attr[G_MEMBER] = "member";
	o->group_attr[G_UNIQUE] = "uniqueMember";
	o->group_attr[G_EXTERNAL] = "rfc822MailMember";
	o->group_attr[G_MAIL] = o->attr[A_MAIL];
	o->group_attr[G_HIDDEN] = o->attr[A_HIDDEN];
}

int directory_ldap_open(const struct conf *conf, struct directory **out)
{
	struct ldap_directory *o = mem_alloc(1, sizeof(*o));
	int r;

	o->d.ops = &ops;
	o->d.name = "ldap";
	o->d.domains = directory_domains(&conf->ldap_domains);
	o->conf = conf;
	arena_init(&o->arena);
	buf_init(&o->last_name, 4096);
	buf_init(&o->last_dn, 65536);
	name_attributes(o);
	r = ldap_client_new(conf, directory_file("ldap.password", &o->arena), directory_file("ldap.trust", &o->arena), &o->client);
	if (r < 0)
		ldap_close(&o->d);
	else
		*out = &o->d;
	return r;
}
