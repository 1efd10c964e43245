/* SPDX-License-Identifier: ISC
 *
 * worker.h: the processes of authd that may block: they look up, hash, and
 * hold the SASL exchanges. A small parent, forked before authd locks itself
 * in, forks them; it never reads what a stranger sent.
 *
 * authd -> parent   "worker" settings=TEXT lookups=0|1 + fd "link" [+ fds of tables.h]
 * authd -> worker   one at a time, each answered once:
 *   "account" address      -> "answer" result [id user local domain name roles quota_bytes ...]
 *   "rcpt" address         -> "answer" as of auth_rcpt
 *   "owner" address        -> the same of whose address it is: no forwards, no catch-all
 *   "arrival" address      -> "answer" as of auth_arrival, but for the rules about clients and senders; guarded: there are such
 *   "access" user address  -> "answer" result [access text]: the rule about a client (address, as in rule_for_client), else
 *                             about an envelope sender (user)
 *   "sender" user address  -> "answer" result [rewritten]
 *   "srs" user address     -> "answer" result address ours: as which sender an alias of domain `user` sends it on
 *   "route" address user [recipient from] -> "answer" as of auth_route; with recipient also as of auth_test
 *   "domain" address       -> "answer" as of auth_domain
 *   "owns" user address    -> "answer" result=ok|denied: is he an owner of that mailbox?
 *   "token" address        -> "answer" result [label digest roles expires last]: a token of the API, by its id
 *   "accounts" address     -> "answer" result account* [more]: the next thousand behind it, by their addresses
 *   "copy"                 -> "answer" result + fd "database": a copy of the directory, which has no name
 *   "offer"                -> "answer" result scram=SET: kinds of keys (password.h) that all accounts have; shared: some
 *                             account has a shared secret
 *   "sasl-start" ... from  -> "sasl" result [data] [user] [why] [changed] [moved_in]
 *                             expires: of the account or the app password
 *                             lasting: by the main password
 *                             no_submission: by an app password for others
 *                             failed=1: it is a "continue" that tells a failure, and the login has failed
 *                             result=code [ways] [keys]: the second factor of the page (frame.h) is missing (second.h)
 *                             copied=ID: a security key whose counter went back
 *                             result=ask ask=renew|introspect [token]: oauthd must be asked, and what it says is the
 *                             next step:
 *   "sasl-told" id result=ok|inactive|temp [claims] -> "sasl" the same
 *   "sasl-step" id data from -> "sasl" the same
 * from: stranger|friend|known (oldserver.h)
 *   "control" verb ... + fd "reply" -> "answer" result changed=0|1
 *   "settings" settings=TEXT [+ fds of tables.h]   (not answered): in place of all before
 *   "sasl-abort" id           (not answered)
 *   "keys" [+ fd "keys"]      (not answered): of access tokens, in place of those before
 *   "pamd" + fd "link"        (not answered): its own link to pamd (system_user.h), in place of the one before
 * A "sasl-start" may be answered by "back": it was not begun, and another worker shall do it.
 * worker -> authd, at any time: "changed": somebody else changed the directory; "trouble" text (trouble.h); "working": a verb
 * takes long, and goes on
 */
#ifndef MANSIO_AUTH_WORKER_H
#define MANSIO_AUTH_WORKER_H

#include "auth/tables.h"
#include "auth/verified.h"
#include "base/sandbox.h"
#include "net/ipc.h"

/* Field of an answer that is another one from this moment on (Unix time): authd's main process keeps it no longer. */
#define LOOKUP_GOOD_UNTIL "good_until"

struct conf;
/* Forks the parent of workers; dir: of the database. Every descriptor of `shut` (control socket, mail
 * root) is closed there. authd's end of its link, or negative. */
int workers_start(int dir, const struct conf *conf, const int *shut, size_t nshut);

/* What the parent hands its children (workers.c, worker.c). */
struct workers_room {
	int dir;
	bool network; /* a back end is asked over the network */
	int old; /* the parent's link to who asks the old server (oldserver.h), then a worker's own; -1: none */
	struct verified *verified;
};
int worker_lock_in(enum sandbox_profile p, const struct workers_room *room);
/* start: the message "worker" */
NORETURN void worker_run(int link, const struct ipc_msg *start, struct tables tables, const struct workers_room *room);

#endif
