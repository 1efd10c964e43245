/* SPDX-License-Identifier: ISC
 *
 * directory_ldap_private.h: what the files of the LDAP back end share: directory_ldap.c (people), ldap_groups.c (groups),
 * ldap_lists.c (all of them).
 */
#ifndef MANSIO_AUTH_DIRECTORY_LDAP_PRIVATE_H
#define MANSIO_AUTH_DIRECTORY_LDAP_PRIVATE_H

#include "auth/directory_ldap.h"
#include "auth/ldap.h"
#include "base/table.h"

#define LDAP_NO_ATTR "1.1" /* asks for none (RFC 4511 4.5.1.8); entries have none of that name */
#define LDAP_LIST_MAX 200000 /* entries of one list */
#define LDAP_NESTED ":1.2.840.113556.1.4.1941:" /* Active Directory: memberOf through groups of groups */

/* What is asked of a person's entry, and of a group's. */
enum { A_MAIL, A_ALIASES, A_NAME, A_QUOTA, A_ACTIVE, A_ID, A_GROUPS, A_SEND_AS, A_EXPIRES, A_HIDDEN, A_MAX };
enum { G_MAIL, G_MEMBER, G_UNIQUE, G_EXTERNAL, G_HIDDEN, G_MAX };

struct ldap_directory {
	struct directory d;
	const struct conf *conf;
	struct ldap_client *client;
	struct arena arena;
	const char *attr[A_MAX + 1], *group_attr[G_MAX + 1];
	bool active_not; /* attr_active says who may not */
	struct buf last_name, last_dn; /* of the entry that was found last: a login asks for it twice */
};

static inline bool ldap_is_ad(const struct ldap_directory *o)
{
	return o->conf->ldap_kind == CONF_LDAP_AD;
}

/* (ATTR=PREFIXvalue), whatever is in the value. */
void ldap_put_equal(struct buf *b, const char *attr, const char *prefix, struct str value);
/* ldap_find with a filter that is taken over. */
int ldap_entries(struct ldap_directory *o, enum ldap_scope scope, struct str base, struct buf *filter,
	const char *const *attrs, size_t limit, struct arena *a, struct ldap_entry **out);
/* Does one of the values say yes? */
bool ldap_any_yes(const struct ldap_value *v);
/* The address in a value, in normal form; false: none. */
bool ldap_address(struct str value, struct arena *a, struct str *local, struct str *domain);

/* directory_ldap.c */
/* The one address that names the account. */
bool ldap_primary(const struct ldap_entry *e, struct arena *a, struct str *local_out, struct str *domain_out);
/* The account of a person. admins: those of [ldap] admin_group (ldap_group_people), NULL: they are asked for. E_NOTFOUND: no address. */
int ldap_account_of(struct ldap_directory *o, const struct ldap_entry *e, const struct table *admins, struct arena *a,
	struct directory_account *out);
/* "(&" and which entries are people. */
void ldap_person_filter(const struct ldap_directory *o, struct buf *b);

/* ldap_lists.c */
int ldap_list_accounts(struct directory *d, struct str domain, bool (*fn)(const struct directory_account *v, void *arg), void *arg);
int ldap_list_keeper(struct directory *d, struct str domain, struct arena *a, struct directory_account *out);
int ldap_list_aliases(struct directory *d, struct str domain, bool (*fn)(const struct directory_alias *v, void *arg), void *arg);

/* ldap_groups.c */
/* Is a person in a group, directly or by groups in it? 1, 0, negative. */
int ldap_in_group(struct ldap_directory *o, const struct ldap_entry *e, struct str group, struct arena *a);
/* All names (ldap_dn_key) in a group, also by groups in it. */
int ldap_group_people(struct ldap_directory *o, struct str group, struct arena *a, struct table *out);
/* Is a person in a group whose people are these? */
bool ldap_is_of(const struct ldap_entry *e, struct str group, const struct table *people, struct arena *a);
/* The group with this address as an alias of its members; E_NOTFOUND. */
int ldap_group_alias(struct ldap_directory *o, struct str address, struct arena *a, struct directory_alias *out);
/* All groups with an address, and where mail to one goes. */
int ldap_mail_groups(struct ldap_directory *o, struct arena *a, struct ldap_entry **out);
/* known: entries that have been found, by ldap_dn_key; NULL: none. E_TEMP: it has more members than mail goes to. */
int ldap_group_targets(struct ldap_directory *o, const struct ldap_entry *group, const struct table *known, struct arena *a, struct str *out);

#endif
