/* SPDX-License-Identifier: ISC
 *
 * verbs.h: the verbs of the `mansio` command, the page and the API that change or show the directory (the table is in
 * verbs.c; docs/PROCESSES.md). They run in a worker, one at a time, and answer on the asker's own connection.
 *
 * Exit codes are sysexits': 64 wrong usage, 65 a value that cannot be, 67 no
 * such thing, 73 exists or is not empty, 75 try again.
 */
#ifndef MANSIO_AUTH_VERBS_H
#define MANSIO_AUTH_VERBS_H

#include "auth/resolve.h"
#include "auth/shared_secret.h"

/* One verb at work. Functions of verbs use the helpers below and return; the
 * first verb_fail wins. */
struct verb {
	const struct ipc_msg *m; /* arguments */
	struct directory *d;
	const struct resolver *resolver;
	const struct conf *conf;
	const struct shared_secret_key *shared_key;
	unsigned cost, iterations, kinds; /* of new passwords */
	int reply; /* -1: nobody listens; does not block */
	int64_t waited_ms; /* for the reader of the answer */
	struct arena a;
	int code; /* 0: good */
	char *error;
	bool changed; /* the directory is not what it was */
	bool partial; /* it failed, but its rows are good */
	struct ipc_msg *more; /* for authd's main process, NULL: nobody asks; verb_ends */
};

struct conf;
/* Runs the verb that m names and sends the answer. true: something changed. */
bool verb_run(const struct resolver *r, const struct conf *conf, const struct shared_secret_key *shared_key, const struct ipc_msg *m, int reply,
	struct ipc_msg *more);

/* A verb that takes long says so now and then by verb_working, or its worker is taken for dead. The worker tells what
 * is done then. */
void verb_long(void (*fn)(void *arg), void *arg);
void verb_working(void *unused);

/* Ends the verb with a code and one sentence. Returns -1. */
int verb_fail(struct verb *v, int code, const char *fmt, ...) PRINTF(3, 4);
/* The sentence for a directory error about `what`. Returns -1. */
int verb_error(struct verb *v, int err, const char *what, struct str name);
/* Why the directory failed, in its own words for the command and global administrators: they name servers and people. */
const char *verb_trouble(const struct verb *v, int err);
void verb_row(struct verb *v, struct ipc_msg *row); /* sends and frees a result row */
/* The sessions of this account end with the verb, or ("@DOMAIN") those of a whole domain: what was done is why. Not for what
 * the arguments tell (control.c logs_out). */
void verb_ends(struct verb *v, struct str who);

/* Mail sessions of mailboxes that he owns, or that an alias of this name does, end with the verb: he may be no owner
 * now, or not one who may log in. Others of theirs come back. (verbs_delegation.c) */
void verb_ends_owned(struct verb *v, struct str who);

/* They end at this moment (Unix time; 0: never), or now if it is over. */
void verb_expires(struct verb *v, struct str who, uint64_t when);

/* Arguments: 0, or -1 after verb_fail. */
int verb_domain(struct verb *v, struct str *out); /* domain=, normal form */
int verb_domain_text(struct verb *v, struct str given, struct str *out);
int verb_address(struct verb *v, struct str *local_out, struct str *domain_out); /* address= */
int verb_bool(struct verb *v, const char *name, bool *io); /* yes no; absent: unchanged */
int verb_size(struct verb *v, const char *name, uint64_t *io); /* 500M; 0 or none: none */

/* Rows of a list as scope, match, after and limit want them. */
struct verb_page {
	struct verb *v;
	struct str match; /* in lower case */
	struct str after_key, after_domain;
	bool begun;
	bool no_scope; /* who calls looks after it */
	uint64_t limit, n;
};
/* 0, or -1 after verb_fail. by_local: the list is in order of domain and local part, else of
 * domain and address. */
int verb_page(struct verb *v, bool by_local, struct verb_page *out);
/* Is this row shown? key: what it is ordered by; more: look at this too, for `match`. */
bool verb_page_shows(struct verb_page *p, struct str key, struct str address, struct str domain,
	struct str more);
bool verb_page_full(const struct verb_page *p);
bool verb_in_scope(const struct verb *v, struct str address, struct str domain);
int verb_moment(struct verb *v, const char *name, uint64_t *io); /* a day (to its end), a moment, never (0); absent: unchanged */
int verb_forward(struct verb *v, struct directory_account *acc); /* target= (repeated) keep= into acc */
int verb_targets(struct verb *v, bool needed, struct str *out); /* target= (repeated), an address a line */
int verb_user(struct verb *v, struct directory_account *out); /* address= is this account */
int verb_password(struct verb *v, struct directory_account *acc); /* password= into acc */
int verb_not_shared(struct verb *v, const struct directory_account *acc); /* it may have a password */
/* verbs_second.c: the second factors of an account at the web page. What it has; secret.p NULL: no row. */
int verb_second(struct verb *v, const struct directory_account *acc, struct directory_totp *out);
/* One is on now: t is stored (NULL: there is a row already), recovery codes are made if there are none, and told in a row with
 * what became of the password. 0, or negative after verb_error. */
int verb_second_on(struct verb *v, struct directory_account *acc, const struct directory_totp *t, struct ipc_msg *row);
/* One was taken away: recovery codes go with the last one. codes: those of a telephone are on. */
void verb_second_off(struct verb *v, const struct directory_account *acc, bool codes);
void verb_user_put(struct verb *v, const struct directory_account *acc, bool is_new);

void verb_domain_add(struct verb *v);
void verb_domain_list(struct verb *v);
void verb_domain_show(struct verb *v);
void verb_domain_change(struct verb *v);
void verb_domain_remove(struct verb *v);
void verb_user_add(struct verb *v);
void verb_user_list(struct verb *v);
void verb_user_show(struct verb *v);
void verb_user_change(struct verb *v);
void verb_user_remove(struct verb *v);
void verb_user_password(struct verb *v);
void verb_user_forward(struct verb *v);
void verb_user_leave(struct verb *v);
void verb_user_invite(struct verb *v);
void verb_invite_redeem(struct verb *v); /* the gate's alone */
void verb_import_users(struct verb *v);
void verb_alias_add(struct verb *v);
void verb_alias_list(struct verb *v);
void verb_alias_show(struct verb *v);
void verb_alias_change(struct verb *v);
void verb_alias_remove(struct verb *v);
void verb_alias_who(struct verb *v);
void verb_route_add(struct verb *v);
void verb_route_list(struct verb *v);
void verb_route_change(struct verb *v);
void verb_route_remove(struct verb *v);
void verb_access_add(struct verb *v);
void verb_access_list(struct verb *v);
void verb_access_remove(struct verb *v);
void verb_rewrite_add(struct verb *v);
void verb_rewrite_list(struct verb *v);
void verb_rewrite_remove(struct verb *v);
void verb_srs_rotate(struct verb *v);
void verb_srs_show(struct verb *v);
void verb_directory_list(struct verb *v);
void verb_directory_copy(struct verb *v);
void verb_directory_check(struct verb *v);
void verb_app_password_add(struct verb *v);
void verb_app_password_list(struct verb *v);
void verb_app_password_remove(struct verb *v);
void verb_send_as_add(struct verb *v);
void verb_send_as_list(struct verb *v);
void verb_send_as_remove(struct verb *v);
void verb_owner_add(struct verb *v);
void verb_owner_list(struct verb *v);
void verb_owner_remove(struct verb *v);
void verb_delegations_forget(struct verb *v, struct str name); /* somebody else may have this name later */
/* The link of an invitation that is out: who has it must not set the password of somebody who has got other rights, another
 * password, or left, since. 0, or -1 after verb_error. (verbs_forward.c) */
int verb_invite_void(struct verb *v, const struct directory_account *acc);
/* As verb_delegations_forget: tokens that send as this account, or look after this domain ("@DOMAIN"), lose that role, and go with their last
 * one (verbs_token.c). */
void verb_tokens_forget(struct verb *v, struct str name);
void verb_totp_on(struct verb *v);
void verb_totp_off(struct verb *v);
void verb_totp_show(struct verb *v);
void verb_shared_secret_set(struct verb *v);
void verb_shared_secret_remove(struct verb *v);
void verb_shared_secret_show(struct verb *v);
void verb_security_key_add(struct verb *v);
void verb_security_key_list(struct verb *v);
void verb_security_key_remove(struct verb *v);
void verb_token_add(struct verb *v);
void verb_token_list(struct verb *v);
void verb_token_remove(struct verb *v);
void verb_token_used(struct verb *v); /* the gate's alone */

#endif
