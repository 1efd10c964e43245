/* SPDX-License-Identifier: ISC
 *
 * ban_private.h: what the files of ban.h share: ban.c (who may try) and ban_table.c (what is remembered for that).
 */
#ifndef MANSIO_AUTH_BAN_PRIVATE_H
#define MANSIO_AUTH_BAN_PRIVATE_H

#include <sys/queue.h>

#include "auth/ban.h"
#include "base/table.h"

#define TELL_MS 60000
#define NO_SLOT SIZE_MAX

enum { KIND_NONE, KIND_BAN, KIND_PAIR };

struct ban_good {
	uint64_t who;
	int64_t when;
};

struct ban_net {
	TAILQ_ENTRY(ban_net) link;
	struct addr_net net;
	struct ring failed, tries;
	struct ban_good *good; /* GOODS of them; NULL: none */
	int64_t touched, told;
	/* the ban */
	int64_t since, until; /* until 0: none was ever; INT64_MAX: by hand, without end */
	unsigned level, count;
	bool banned, manual;
	char *comment;
	size_t slot;
};

struct ban_pair {
	TAILQ_ENTRY(ban_pair) link;
	uint8_t key[34];
	struct addr peer;
	int64_t good, saved;
	size_t slot;
};

struct bans {
	struct ban_limits limits;
	struct ban_ops ops;
	struct table nets, pairs;
	TAILQ_HEAD(net_list, ban_net) netlist; /* least recently touched first */
	TAILQ_HEAD(pair_list, ban_pair) pairlist;
	unsigned manual[2][129]; /* bans by hand of so many bits */
	size_t *spare, nspare, cap, slots; /* slots that are free; all that there are */
	struct spray spray;
};

/* --- ban_table.c */

/* A name, as it is kept; _short: for a network's list of good ones. */
void ban_digest(struct str name, uint8_t out[16]);
uint64_t ban_short(const uint8_t who[16]);
/* What an address is of, near and wide (ban.h). */
unsigned ban_near_bits(const struct addr *a);
unsigned ban_wide_bits(const struct addr *a);
/* The key of a network in its table. */
void ban_net_key(const struct addr *a, unsigned bits, uint8_t out[18]);
/* A place for what is saved; _spare: that nothing is in; _free: that is emptied, if there is one (NO_SLOT). */
size_t ban_slot_new(struct bans *b);
void ban_slot_spare(struct bans *b, size_t slot);
void ban_slot_free(struct bans *b, size_t *slot);
/* NULL: nothing is remembered of it. */
struct ban_net *ban_net_get(struct bans *b, const struct addr *a, unsigned bits);
/* The network as it stands, on the young end of the list. */
struct ban_net *ban_net_touch(struct bans *b, const struct addr *a, unsigned bits, int64_t now);
void ban_net_drop(struct bans *b, struct ban_net *n);
/* This account logged in from there. */
void ban_net_good(struct ban_net *n, uint64_t who, int64_t when);
/* How many accounts logged in lately from there; n may be NULL. */
unsigned ban_goods(const struct bans *b, const struct ban_net *n, int64_t now);
bool ban_office(const struct bans *b, const struct ban_net *n, int64_t now);
/* How many networks of this size are banned by hand. */
unsigned *ban_manual_of(struct bans *b, const struct addr_net *n);
/* NULL: it is not known, or was not good for too long. */
struct ban_pair *ban_pair_get(struct bans *b, const uint8_t who[16], const struct addr *peer, int64_t now);
struct ban_pair *ban_pair_put(struct bans *b, const uint8_t who[16], const struct addr *peer, int64_t when);
void ban_pair_drop(struct bans *b, struct ban_pair *p);

#endif
