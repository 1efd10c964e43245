/* SPDX-License-Identifier: ISC
 *
 * directory_ldap_private.h: what the files of the LDAP back end share: directory_ldap.c (people), ldap_groups.c (groups).
 */
#ifndef MANSIO_AUTH_DIRECTORY_LDAP_PRIVATE_H
#define MANSIO_AUTH_DIRECTORY_LDAP_PRIVATE_H

#include "auth/directory_ldap.h"
#include "auth/ldap.h"

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

/* Is a person in a group, directly or by groups in it? 1, 0, negative. */
int ldap_in_group(struct ldap_directory *o, const struct ldap_entry *e, struct str group, struct arena *a);
/* The group with this address as an alias of its members; E_NOTFOUND. */
int ldap_group_alias(struct ldap_directory *o, struct str address, struct arena *a, struct directory_alias *out);
/* All groups with an address, and where mail to one goes. */
int ldap_mail_groups(struct ldap_directory *o, struct arena *a, struct ldap_entry **out);
int ldap_group_targets(struct ldap_directory *o, const struct ldap_entry *group, struct arena *a, struct str *out);

#endif
