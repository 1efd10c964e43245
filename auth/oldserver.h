/* SPDX-License-Identifier: ISC
 *
 * oldserver.h: people move in with their first login ([oldserver]): as long as Mansio has no password of an account
 * of its domains, the IMAP server that they come from is asked whether the one that is typed is right. If it is, it
 * is stored as any password is, and that server is not asked about this account any more.
 *
 * Three processes: a worker of authd, which knows the accounts, asks; the desk, one for all workers and without any
 * file of ours, limits how often and how many at once; a child of the desk for each login makes the connection
 * (oldserver_login.c), and is the only one that reads what the other server says.
 *
 * workers' parent -> desk   "link" + fd "link": that of a worker
 * worker -> desk            one question at a time:
 *   "check" id name password peer from [nobody=1]
 *                                        -> "answer" id result=ok|denied|temp why [trouble=1]. trouble: it was found out
 *                                           now, and is worth a line for administrators. nobody: a name that is not to be asked
 *                                           about, as much waiting as for another one, never "ok"
 *   "wait" id spent                      -> "answer" id, when a refusal by the old server would be there: spent ms ago the
 *                                           login began
 */
#ifndef MANSIO_AUTH_OLDSERVER_H
#define MANSIO_AUTH_OLDSERVER_H

#include "base/arena.h"
#include "net/addr.h"

struct conf;

/* Is it asked at all at this moment (a host, and `until` is not over), and of which domain? */
bool oldserver_active(const struct conf *conf, int64_t now);
bool oldserver_covers(const struct conf *conf, struct str domain, int64_t now);
/* The name that a login there has: `user` of the settings with %u, %d, %a. */
struct str oldserver_user(const struct conf *conf, struct str name, struct arena *a);

/* Forks the desk; its link, for the parent of workers alone. Before anything is sealed. `shut` is closed there. */
int oldserver_start(const struct conf *conf, const int *shut, size_t nshut);
/* In that parent: the link of a worker to be, or negative. */
int oldserver_link(int desk);

/* Who asks to be let in. */
enum oldserver_from {
	OLDSERVER_STRANGER,
	OLDSERVER_FRIEND, /* from a network in which somebody of ours logged in lately, or that is never banned (ban.h) */
	OLDSERVER_KNOWN, /* from one in which this very account did */
};
struct oldserver_asker {
	struct str name, password;
	struct addr peer;
	enum oldserver_from from;
	bool nobody; /* a name that is not to be asked about */
};
enum oldserver_from oldserver_from_parse(struct str word);
const char *oldserver_from_text(enum oldserver_from from);

/* A worker's own. */
struct oldserver {
	const struct conf *conf; /* of the start: what the desk knows; NULL: there is none */
	int link;
};
/* 0, E_DENIED, E_TEMP; why_out: for the log, lives as long as the arena. */
int oldserver_check(struct oldserver *o, const struct oldserver_asker *who, struct arena *a, const char **why_out);
/* After a failure that came without it, of a login that began then (clock_mono_ms): as late as one with it. */
void oldserver_wait(struct oldserver *o, int64_t began);

#endif
