/* SPDX-License-Identifier: ISC
 *
 * worker.h: the processes of authd that may block: they look up, hash, and
 * hold the SASL exchanges. A small parent, forked before authd locks itself
 * in, forks them; it never reads what a stranger sent.
 *
 * authd -> parent   "worker" settings=TEXT + fd "link" [+ fd "rules": the table of files, rulefile.h]
 * authd -> worker   one at a time, each answered once:
 *   "account" address      -> "answer" result [id user local domain name roles quota_bytes ...]
 *   "rcpt" address         -> "answer" as of auth_rcpt
 *   "sender" user address  -> "answer" result
 *   "accounts" after       -> "answer" result account* [more]: the next thousand, by their addresses
 *   "copy"                 -> "answer" result + fd "database": a copy of the directory, which has no name
 *   "offer"                -> "answer" result scram=SET: kinds of keys (password.h) that all accounts have
 *   "sasl-start" ...       -> "sasl" result [data] [user] [why] [changed]
 *   "sasl-step" id data    -> "sasl" the same
 *   "control" verb ... + fd "reply" -> "answer" result changed=0|1
 *   "settings" settings=TEXT [+ fd "rules"] -> "answer" result
 *   "sasl-abort" id           (not answered)
 */
#ifndef MANSIO_AUTH_WORKER_H
#define MANSIO_AUTH_WORKER_H

#include "base/base.h"

/* Forks the parent of workers; `dir` is the directory of the database, and
 * every descriptor of `shut` (control socket, mail root) is closed there.
 * logins: how many are remembered (verified.h). authd's end of its link, or negative. */
int workers_start(int dir, const int *shut, size_t nshut, size_t logins);

#endif
