/* SPDX-License-Identifier: ISC
 *
 * ban.h: which networks may try passwords, and how many (docs/AUTH.md, "Guessing").
 *
 * Pure: no clock, no files, no links. The time is passed in: ms that began as Unix time and then
 * never jump, so that what was saved fits the next life. What is to outlive us goes out by `save`, what
 * others must hear by `banned` and `spray`.
 *
 * Networks: near is an IPv4 address or an IPv6 /64, wide an IPv4 /24 or an IPv6 /48. A
 * pair (account as tried, addr_network) with a good login not long ago is known: its tries
 * are never refused for what others of its network do, and its failures ban nobody;
 * slowdown.h alone holds them back. A network with good logins of several accounts is an
 * office: it is not banned at all.
 */
#ifndef MANSIO_AUTH_BAN_H
#define MANSIO_AUTH_BAN_H

#include "auth/spray.h"
#include "net/addr.h"

struct ban_limits {
	unsigned failures; /* in a window that ban a near network; 0: no bans */
	unsigned wide; /* so many times as many ban a wide one */
	unsigned growth; /* each further ban is so many times as long */
	unsigned tries; /* failed ones an hour of a wide network, then none is looked at; 0: any number */
	unsigned office; /* accounts that make an office */
	int64_t window_ms, first_ms, longest_ms;
	int64_t memory_ms; /* how long a ban that is over makes the next one longer */
	int64_t good_ms; /* how long a good login counts */
	size_t entries; /* networks, and pairs */
	struct spray_limits spray;
	const struct addr_net *never; /* the caller's */
	size_t nnever;
};

/* A ban as others see it. */
struct ban_row {
	struct addr_net net;
	int64_t left_ms; /* 0: until it is removed; negative: it has ended */
	int64_t since_ms; /* how long ago it began */
	unsigned count; /* failures, or tries refused since */
	unsigned level; /* how many bans in a row */
	bool manual;
	bool door; /* nobody known is in there: connections need not be taken */
	const char *comment;
};

/* What outlives us. who: all zero for a ban. */
#define BAN_COMMENT 63
struct ban_record {
	struct addr_net net; /* of a pair: the whole address */
	uint8_t who[16];
	int64_t until, since; /* pair: since is its last good login */
	uint32_t level, count;
	uint8_t kind; /* 0: an empty slot */
	char comment[BAN_COMMENT + 1];
};

struct ban_ops {
	void (*banned)(void *arg, const struct ban_row *row); /* begins, or ends (left_ms < 0) */
	void (*spray)(void *arg, const struct spray_news *news);
	void (*save)(void *arg, size_t slot, const struct ban_record *r); /* instead of what was in the slot */
	void *arg;
};

struct bans;
struct bans *bans_new(const struct ban_limits *l, const struct ban_ops *ops);
void bans_free(struct bans *b);
void bans_set(struct bans *b, const struct ban_limits *l);
/* A record that was saved. False: it says nothing any more, its slot is free. */
bool bans_load(struct bans *b, size_t slot, const struct ban_record *r, int64_t now);

enum ban_answer {
	BAN_FREE, /* not counted: the network is one of `never`, or none */
	BAN_KNOWN, /* not counted: the pair is known */
	BAN_PASS, /* counted as a try */
	BAN_BANNED, /* the network is banned: nothing is looked at */
	BAN_TRIES, /* too many failed tries of its network in this hour */
};
/* A login is to be looked at. */
enum ban_answer bans_ask(struct bans *b, struct str name, const struct addr *peer, int64_t now);
/* Its outcome; `was` is what bans_ask said. */
void bans_failed(struct bans *b, struct str name, const struct addr *peer, enum ban_answer was, int64_t now);
void bans_good(struct bans *b, struct str name, const struct addr *peer, enum ban_answer was, int64_t now);
/* It came to nothing: the directory is down. */
void bans_undecided(struct bans *b, const struct addr *peer, enum ban_answer was, int64_t now);

/* Did somebody log in lately from its network, near or wide? */
bool bans_friend(struct bans *b, const struct addr *peer, int64_t now);
/* While a spray is on: how long every answer to this network waits; 0 if it is known, or there is none. */
int64_t bans_strange(struct bans *b, const struct addr *peer, enum ban_answer was, int64_t now);
/* True once a minute for a network: what happens in it is worth a line. */
bool bans_tell(struct bans *b, const struct addr *peer, int64_t now);

/* By hand; ms 0: until it is removed. The comment is copied. */
void bans_add(struct bans *b, const struct addr_net *net, int64_t ms, const char *comment, int64_t now);
bool bans_remove(struct bans *b, const struct addr_net *net, int64_t now);
/* All that are in force. */
void bans_each(struct bans *b, int64_t now, void (*fn)(void *arg, const struct ban_row *row), void *arg);
/* Ends what is over; every few seconds. */
void bans_sweep(struct bans *b, int64_t now);
size_t bans_networks(const struct bans *b);
size_t bans_pairs(const struct bans *b);

#endif
