/* SPDX-License-Identifier: ISC
 *
 * dkim.h: DKIM signatures (RFC 6376; Ed25519: RFC 8463; sizes of keys: RFC 8301), without
 * network and files: who signs and who verifies brings bytes, keys and texts.
 *
 *   tags.c     "v=1; a=rsa-sha256; ..." (3.2)
 *   canon.c    the two canonical forms of fields and bodies (3.4), a body as a stream
 *   key.c      keys: made, as PEM, as the text of a DNS record, and what they sign
 *   head.c     the header of a message that comes as a stream
 *   sign.c     a message as a stream in, a DKIM-Signature field out
 *   check.c    a signature field read, and verified with a key record
 *
 * arc.h has the chains of forwarders (RFC 8617), results.h what was found of a message as a whole.
 *
 * Everything is linear in its input, and what is kept of a message is its header alone.
 *
 * Line ends are those with which the message leaves (smtp/send/content.h): a CR or an LF alone
 * is one, and an unfinished last line gets one. So the signature fits what others receive.
 */
#ifndef MANSIO_SMTP_VERIFY_DKIM_H
#define MANSIO_SMTP_VERIFY_DKIM_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/header.h"

#define DKIM_HASH 32
#define DKIM_TAGS 32 /* of one list */
#define DKIM_NAMES 256 /* in h= */
#define DKIM_SELECTOR_MAX 63
#define DKIM_SIGNATURE_MAX 16384 /* bytes of a whole signature field */

/* --- tags.c --- */

struct dkim_tag {
	struct str name, value; /* value: trimmed, folds inside */
};
struct dkim_tags {
	struct dkim_tag v[DKIM_TAGS];
	size_t n;
};
/* A whole tag-list. E_SYNTAX (also: a name twice), E_LIMIT. */
int dkim_tags_parse(struct str text, struct dkim_tags *out);
/* STR_NONE: it is not there. */
struct str dkim_tag(const struct dkim_tags *t, const char *name);
/* Without any white space: base64, lists. */
struct str dkim_compact(struct str value, struct arena *a);

/* --- canon.c --- */

enum dkim_canon { DKIM_SIMPLE, DKIM_RELAXED };

/* One field with its line end(s), CRLF inside; the last CRLF is written too. */
void dkim_canon_field(struct str raw, enum dkim_canon c, struct buf *out);

struct dkim_body; /* the hash of a body, while it comes in pieces of any size */
/* limit: hash so many canonical bytes at most (l=); UINT64_MAX: all. */
struct dkim_body *dkim_body_new(enum dkim_canon c, uint64_t limit);
void dkim_body_add(struct dkim_body *b, struct str piece);
/* The end: the hash, and how many canonical bytes there were in all; frees b. */
void dkim_body_end(struct dkim_body *b, unsigned char hash_out[DKIM_HASH], uint64_t *size_out);
void dkim_body_free(struct dkim_body *b);

/* --- key.c --- */

enum dkim_algorithm { DKIM_RSA, DKIM_ED25519 };
const char *dkim_algorithm_name(enum dkim_algorithm a); /* "rsa", "ed25519": k= (RFC 8463 4) */
int dkim_algorithm_parse(struct str s, enum dkim_algorithm *out);

struct dkim_key; /* a private or a public one */
/* A fresh private key (RSA of 2,048 bits). NULL: the library cannot. */
struct dkim_key *dkim_key_new(enum dkim_algorithm a);
/* From PEM, whatever stands before it; NULL: there is no key of a kind that DKIM knows. */
struct dkim_key *dkim_key_read(struct str pem);
int dkim_key_print(const struct dkim_key *k, struct buf *pem_out);
void dkim_key_free(struct dkim_key *k);
enum dkim_algorithm dkim_key_algorithm(const struct dkim_key *k);
/* "v=DKIM1; h=sha256; k=rsa; p=...": what the TXT record says (RFC 6376 3.6.1). */
void dkim_key_record(const struct dkim_key *k, struct buf *out);
/* The public key of a record's text. 0; E_SYNTAX, E_NOTFOUND (p= is empty: revoked), E_UNSUPPORTED
 * (a service, hash or kind of key that is not for this, or RSA below 1,024 bits: RFC 8301 3.2). */
int dkim_key_parse(struct str record, struct dkim_key **out);
/* Signature of data, or is it one? sign: 0 or E_TLS. */
int dkim_key_sign(const struct dkim_key *k, struct str data, struct buf *out);
bool dkim_key_fits(const struct dkim_key *k, struct str data, struct str signature);
/* The same of data whose SHA-256 is known. */
bool dkim_key_fits_hash(const struct dkim_key *k, const unsigned char hash[DKIM_HASH], struct str signature);

/* --- head.c --- */

struct dkim_head {
	struct buf text;
	size_t line; /* bytes of the present line */
	bool cr, over; /* over: the body has begun */
	struct arena a;
	struct header h; /* after dkim_head_end */
};
/* max: bytes of a header; more is E_LIMIT in text.err. */
void dkim_head_init(struct dkim_head *h, size_t max);
void dkim_head_done(struct dkim_head *h);
/* Takes bytes up to the end of the empty line; how many. The body may begin with an LF that is its. */
size_t dkim_head_add(struct dkim_head *h, struct str piece);
/* All of it was there (or of the message). 0; E_LIMIT; E_SYNTAX: it begins with the fold of a field that is not there. */
int dkim_head_end(struct dkim_head *h);
/* The domain of the author, lower case: of all mailboxes of the one From field. E_NOTFOUND: there is no single one. */
int dkim_head_author(struct dkim_head *h, struct buf *out);
/* Is this address the one author? */
bool dkim_head_from(struct dkim_head *h, struct str address);

/* --- sign.c --- */

/* What a signature lists (see sign.c); signatures: DKIM-Signature fields too. out has DKIM_NAMES. E_LIMIT. */
int dkim_names(const struct header *h, bool signatures, struct str *out, size_t *n_out);
/* A whole field that begins with `first` ("Name: tags;"), then bh=, h= and b=, relaxed. E_LIMIT, E_TLS. */
int dkim_field_sign(const struct header *h, const struct str *name, size_t n, const unsigned char hash[DKIM_HASH],
	const struct dkim_key *k, struct str first, struct buf *out);
/* The value of b= in lines, and the CRLF of the field. */
void dkim_print_signature(struct str raw, struct buf *out);

struct dkim_signer;
/* header_max: bytes of a header that can be signed. */
struct dkim_signer *dkim_signer_new(size_t header_max);
void dkim_signer_free(struct dkim_signer *s);
/* 0, or E_LIMIT: the header is too large (and so it stays). */
int dkim_signer_add(struct dkim_signer *s, struct str piece);
/* All is there. E_SYNTAX: the message begins with the fold of a field that is not there. */
int dkim_signer_end(struct dkim_signer *s);
/* After the end: the domain of the author, lower case: of all mailboxes of the one From field.
 * E_NOTFOUND: there is no single one. */
int dkim_signer_author(struct dkim_signer *s, struct buf *out);
/* After the end, once for each key: a whole DKIM-Signature field with its CRLF. E_LIMIT: the
 * message has more fields of a name than can be listed; E_TLS. */
int dkim_signer_sign(struct dkim_signer *s, const struct dkim_key *k, struct str domain, struct str selector,
	int64_t now, struct buf *out);

/* --- check.c --- */

struct dkim_signature {
	enum dkim_algorithm algorithm;
	enum dkim_canon header, body;
	struct str domain, selector, identity; /* lower case; identity: i=, or empty */
	struct str names[DKIM_NAMES];
	size_t nnames;
	unsigned char body_hash[DKIM_HASH];
	struct str signature; /* decoded */
	uint64_t limit; /* l=; UINT64_MAX: none */
	int64_t made, expires; /* t=, x=; 0: not said */
};
/* May be d= or s=: labels of letters, digits, hyphens and underscores. */
bool dkim_name_ok(struct str s);
/* The tags that signatures of every kind have (a b bh c d h l s t x). As below. */
int dkim_signature_tags(const struct dkim_tags *t, struct arena *a, struct dkim_signature *out);
/* A value in base64. E_SYNTAX, E_LIMIT. */
int dkim_decode(struct str value, struct arena *a, struct str *out);
/* Where the value of b= stands in a field, and its length. */
void dkim_find_signature(struct str field, size_t *at_out, size_t *n_out);
/* a=: "rsa-sha256". E_UNSUPPORTED. */
int dkim_parse_algorithm(struct str s, enum dkim_algorithm *out);
/* The body of a DKIM-Signature field. 0, E_SYNTAX, E_UNSUPPORTED (version, algorithm), E_LIMIT. */
int dkim_signature_parse(struct str field_body, struct arena *a, struct dkim_signature *out);
/* Does it hold? hash, size: of the body in the signature's form (dkim_body_end). 0; E_DENIED: it does not;
 * why_out: a few words. Time, and whether l= covers all, is the caller's to judge. */
int dkim_signature_check(const struct dkim_signature *g, const struct header *h, const struct header_field *field,
	const unsigned char hash[DKIM_HASH], const struct dkim_key *key, const char **why_out);
/* The text that is signed: fields as listed, and `field` itself without the value of b=. */
void dkim_signed_text(const struct header *h, const struct str *names, size_t n, enum dkim_canon c,
	struct str field, struct buf *out);

#endif
