/* SPDX-License-Identifier: ISC
 *
 * keys.h: the keys that sign the mail of our domains, and their lives.
 *
 *     STATE/dkim/DOMAIN/SELECTOR.key    one key: lines name=value (state since record), then its PEM
 *
 *     made --> NEXT --------------------------------> ACTIVE ------------------> OLD --------> gone
 *       |       the DNS shows it, or `overlap` is over   another one is active    `retire` is over
 *       '---- the first of its domain and kind --------^
 *
 * Always true:
 *   1. A move is one file replaced (base/file.h): after a crash a key is in one state or the other.
 *      Two active keys of a kind, of a crash between two moves: the newer one counts.
 *   2. A NEXT key of which the DNS says that it is not there does not become active: mail signed
 *      with it would be worth less than before.
 *   3. An OLD key signs nothing; its record stays wanted (domain dns), for mail on its way.
 *   4. Private keys are read when one signs, and few are kept in memory.
 */
#ifndef MANSIO_SMTP_SIGN_KEYS_H
#define MANSIO_SMTP_SIGN_KEYS_H

#include "base/table.h"
#include "smtp/verify/dkim.h"

#define KEYS_DOMAIN_MAX 253

enum key_state { KEY_NEXT, KEY_ACTIVE, KEY_OLD };

struct sign_key {
	struct sign_key *next; /* of its domain */
	struct sign_domain *of;
	char selector[DKIM_SELECTOR_MAX + 1];
	enum dkim_algorithm algorithm;
	enum key_state state;
	int64_t since; /* in that state, Unix seconds */
	bool absent; /* NEXT: the DNS said that it is not there */
	char *record; /* the text of its TXT record */
	struct dkim_key *key; /* NULL: not in memory */
};

struct sign_domain {
	char name[KEYS_DOMAIN_MAX + 1];
	struct sign_key *first;
};

struct keys {
	int dir; /* STATE/dkim, not owned */
	struct table domains;
	size_t loaded; /* private keys in memory */
};

const char *key_state_name(enum key_state s);

/* Reads the folder; what cannot be read is left alone and told (trace). */
void keys_open(struct keys *k, int dir);
void keys_close(struct keys *k);
struct sign_domain *keys_domain(const struct keys *k, struct str domain);
/* The domain itself, or the nearest one above it, that has an active key. NULL: none. */
struct sign_domain *keys_for(const struct keys *k, struct str domain);
/* The private key, from memory or its file; NULL: it cannot be read. */
const struct dkim_key *keys_private(struct keys *k, struct sign_key *key);

/* A new pair for the domain (it may be its first), RSA and Ed25519. E_EXISTS: a pair waits already to
 * become active; E_SYNTAX: no name of a domain. */
int keys_rotate(struct keys *k, struct str domain, int64_t now);
/* That one, with pair the other of its pair too, or (selector empty) all of the domain. E_NOTFOUND. */
int keys_remove(struct keys *k, struct str domain, struct str selector, bool pair);
/* What the DNS said of a NEXT key: seen, or not there. */
void keys_seen(struct keys *k, struct sign_key *key, bool seen, int64_t now);
/* What time brings: times in seconds. */
void keys_turn(struct keys *k, int64_t now, int64_t overlap, int64_t retire);

#endif
