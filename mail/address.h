/* SPDX-License-Identifier: ISC
 *
 * address.h: mail addresses: of the envelope (RFC 5321 4.1.2, RFC 6531) and
 * of header fields (RFC 5322 3.4 with its obsolete forms, RFC 6854 groups).
 * Nothing is repaired: what does not match its grammar is refused.
 */
#ifndef MANSIO_MAIL_ADDRESS_H
#define MANSIO_MAIL_ADDRESS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

/* An envelope address. local is without quotes and escapes ("a b" -> a b). */
struct address {
	struct str local, domain; /* domain: as given; "[192.0.2.1]" for a literal; empty only for <postmaster> */
	bool literal; /* domain is an address literal */
	bool utf8; /* has bytes above 127 */
};
#define ADDRESS_LOCAL_MAX 64
#define ADDRESS_DOMAIN_MAX 255
#define ADDRESS_MAX 254

/* Mailbox = Local-part "@" ( Domain / address-literal ), whole cursor up to a
 * byte that cannot belong. allow_utf8: SMTPUTF8 was given. */
int address_parse(struct cur *c, struct arena *a, bool allow_utf8, struct address *out);
/* The same for a whole string; 0 or E_SYNTAX. */
int address_parse_all(struct str s, struct arena *a, struct address *out);
/* Quotes the local part where needed. */
void address_print(const struct address *addr, struct buf *out);
struct str address_text(struct arena *a, const struct address *addr); /* the same, in a */
/* Form to compare and store: domain lower-cased (A-labels and U-labels become
 * the same A-label, libidn2), local part as UsernameCaseMapped (RFC 8265 3.3: width, lower case, NFC); E_SYNTAX. */
int address_normal(const struct address *addr, struct arena *a, struct str *local_out,
	struct str *domain_out);
/* Characters of full and half width as the usual ones (RFC 8265 3.3.2 1): "＠" is "@". */
struct str address_width(struct str s, struct arena *a);
int domain_normal(struct str domain, struct arena *a, struct str *out);
/* Is `user` (normal form) the address `who` or, if that is "@DOMAIN", one of this domain? ASCII case folded. */
bool address_is(struct str who, struct str user);

/* One address of a header list, or a group mark. */
struct header_address {
	enum { HEADER_MAILBOX, HEADER_GROUP_START, HEADER_GROUP_END } kind;
	struct str name; /* display name or group name, unquoted, still with encoded words */
	struct str route; /* obsolete source route, may be empty */
	struct str local, domain; /* domain empty: missing */
};
#define HEADER_ADDRESS_MAX 5000

/* All addresses of an unfolded or folded field body, at most max; more are
 * dropped and *cut_out (may be NULL) is set. Broken parts are skipped to the
 * next comma. Linear time, no recursion. */
size_t address_list(struct str body, struct arena *a, size_t max, struct header_address **out,
	bool *cut_out);
/* The same of a field in which nothing may be left out: 0, E_LIMIT, or E_SYNTAX (a broken part, quotes or a comment
 * without end). */
int address_list_all(struct str body, struct arena *a, size_t max, struct header_address **out, size_t *n_out);

#endif
