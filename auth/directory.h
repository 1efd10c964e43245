/* SPDX-License-Identifier: ISC
 *
 * directory.h: who exists. One interface for every back end that can tell:
 * domains, accounts, aliases. The one that is built in is SQLite
 * (directory_sqlite.c). [auth] directory names those that are asked, as a stack
 * (directory.c), which has this same interface.
 *
 * A back end fills in what it has: `account` it must have, every other op may be NULL.
 * It answers by the name and the key alone; the number of an account, and where its mail
 * lies, are the stack's. One that is down says E_TEMP within 10 seconds, and open does not
 * wait for it.
 *
 * All functions may block and are called in authd's workers only. Names come
 * in normal form (address_normal), and reach a back end as bound parameters,
 * never as text of a query (C15). Return 0, E_NOTFOUND, or negative (E_TEMP:
 * back end down); strings live in the arena, output is untouched on failure.
 */
#ifndef MANSIO_AUTH_DIRECTORY_H
#define MANSIO_AUTH_DIRECTORY_H

#include "base/arena.h"
#include "base/buf.h"

struct directory_domain {
	struct str name;
	bool active; /* no: no mail, no logins */
	struct str catchall; /* address or empty */
	bool backup; /* its mail goes on to its own servers; its recipients are aliases of themselves */
	uint64_t accounts, aliases; /* only in lists */
};

struct directory_account {
	uint64_t id; /* stable, never used again */
	struct str local, domain;
	struct str name; /* for people */
	struct str hash; /* crypt(5), empty: cannot log in by password */
	struct str scram; /* "SCRAM-SHA-256$...", a line for each kind (auth/password.h); empty: none */
	uint64_t quota_bytes, quota_messages; /* 0: the default, none */
	bool active; /* no: no logins; still receives */
	uint64_t expires; /* Unix time from which on it is as if it were not active; 0: never */
	/* Of one that is not active: when she left (Unix time), from when on her mail is refused, and with which words;
	 * 0: not */
	uint64_t left, refuse_from;
	struct str refuse_text;
	struct str roles; /* comma separated */
	struct str forward; /* one address a line: its mail goes there; empty: nowhere else */
	bool forward_keep; /* and into its mailbox, too */
	struct str send_as; /* one address or "@DOMAIN" a line: its back end says that it may send with these; may be empty */
	bool shared; /* of several people: no password of its own, app passwords of its owners (auth/delegation.h) */
	bool main_web; /* its password is good for the web page alone */
	bool unlisted; /* not in the address book */
	bool domain_active;
	const char *backend; /* which one keeps it; static */
	struct str key; /* what never changes about it there, not even its name (entryUUID, a number) */
	/* Where its mail lies beneath the mail root: its first name. Empty: local and domain */
	struct str home_local, home_domain;
};

/* A secret of which the digest is kept (auth/secret.h). */
struct directory_token { /* of a program that uses the API */
	struct str id, label, digest, roles;
	uint64_t created, expires, last; /* Unix time; expires 0: never, last 0: not used */
};

struct directory_app_password { /* of an account, for one device (auth/app_password.h) */
	struct str id, label, digest;
	struct str protocols; /* what it is good for, "imap,submission" */
	uint64_t created, expires, last; /* Unix time; expires 0: never, last 0: not used */
	struct str peer; /* the network that it was used from last */
	struct str owner; /* who made it for himself, of a mailbox that he owns: good for as long as he does; may be empty */
};

struct directory_totp { /* codes as the second factor of an account at the web page (auth/totp.h) */
	struct str secret; /* as it is: codes are made of it; empty: the account has security keys alone */
	struct str recovery; /* digests of recovery codes that were not used, one a line; for security keys, too */
	uint64_t since; /* Unix time; 0: its owner has not shown a code yet, it does not count */
	uint64_t step; /* the last one that was used */
};

struct directory_shared_secret { /* of an account, for CRAM-MD5 and APOP (auth/shared_secret.h) */
	struct str sealed;
	uint64_t since; /* Unix time */
};

struct directory_security_key { /* another second factor (auth/webauthn.h) */
	struct str id, label;
	struct str credential, public, algorithm; /* of webauthn_key */
	struct str rp_id; /* the name of this server that it is for */
	uint64_t counter, created, last; /* Unix time; last 0: not used */
	struct str peer; /* the network that it was used from last */
};

struct directory_invite { /* a hand-out link: its holder sets the password, once */
	struct str id, digest;
	uint64_t account, expires;
	struct str local, domain; /* of the account */
};

struct directory_alias {
	struct str address; /* normal form, printed */
	struct str targets; /* one address a line */
	bool unlisted; /* not in the address book */
};

struct directory_route { /* which way mail leaves; key: to and from (auth/route.h) */
	struct str to; /* "example.net", ".example.net": what is below it, "*" */
	struct str from; /* domain of the sender; empty: of all */
	struct str host; /* name or IP address; empty: by MX */
	uint64_t port; /* 0 without a host */
	struct str tls, start, mech; /* words of auth_route (auth/auth.h) */
	struct str user, secret; /* empty: no login */
	struct str source; /* our addresses for it, comma separated; empty: as the system chooses */
	struct str comment;
};

struct directory_rule { /* of access and rewriting (auth/rules.h); key: kind and who */
	struct str kind, who;
	struct str action; /* or the new address */
	struct str text; /* said to a client that is refused */
	struct str comment;
};

/* What an account may do with an address beside its own (auth/delegation.h); key: all but `created`. */
struct directory_delegation {
	struct str kind; /* "send-as", "owner" */
	struct str address; /* normal form, or "@DOMAIN" */
	struct str who; /* an account, or an alias or group: its members */
	uint64_t created;
};

#define DIRECTORY_SECRET 32

struct directory_name {
	struct str local, domain;
};
#define DIRECTORY_PREFETCH 16 /* names at a time */

struct directory;
struct directory_ops {
	void (*close)(struct directory *d);
	int (*domain)(struct directory *d, struct str name, struct arena *a,
		struct directory_domain *out);
	/* How many accounts and aliases that domain has; NULL: unknown. */
	int (*domain_size)(struct directory *d, struct str name, uint64_t *accounts_out, uint64_t *aliases_out);
	int (*account)(struct directory *d, struct str local, struct str domain, struct arena *a,
		struct directory_account *out);
	/* `account` will be asked for these names (DIRECTORY_PREFETCH at most) now: a back end on the network may ask for all of
	 * them at once. What it is told then is what `account` says of them, until this is called again (n 0: nothing is
	 * known any more) or something is changed by way of d. If it is told nothing each is asked for as ever. NULL: it does not. */
	void (*prefetch)(struct directory *d, const struct directory_name *name, size_t n);
	int (*alias)(struct directory *d, struct str address, struct arena *a,
		struct directory_alias *out);
	/* The account that reads a domain's postmaster mail: its first admin, else its first account. */
	int (*keeper)(struct directory *d, struct str domain, struct arena *a,
		struct directory_account *out);
	/* Is there an active account, and has every one SCRAM keys of this kind? mech: "SCRAM-SHA-256$".
	 * NULL: none has. */
	int (*scram_complete)(struct directory *d, struct str mech, bool *any_out, bool *complete_out);
	/* Is this the password of an account of its? For back ends that say so themselves. 0,
	 * E_DENIED, E_TEMP; E_UNSUPPORTED: ask its hash. Never called with an empty password. id 0: an
	 * account that nobody has (its name as tried) or that may not log in: as much work, and E_DENIED. */
	int (*check)(struct directory *d, const struct directory_account *v, struct str password);
	/* A secret that never changes, the same in every process. */
	int (*secret)(struct directory *d, unsigned char out[DIRECTORY_SECRET]);
	/* New forms of the same password, after a login, in place of `before`, the hash that it was verified by.
	 * E_NOTFOUND: there is another one by now, which stays. */
	int (*credentials)(struct directory *d, uint64_t id, struct str before, struct str hash, struct str scram);

	/* Changes; NULL in a back end that others keep. E_EXISTS, E_NOTFOUND. */
	int (*domain_put)(struct directory *d, const struct directory_domain *v, bool is_new);
	int (*domain_remove)(struct directory *d, struct str name); /* E_EXISTS: not empty */
	int (*account_put)(struct directory *d, const struct directory_account *v, bool is_new);
	int (*account_remove)(struct directory *d, struct str local, struct str domain);
	int (*alias_put)(struct directory *d, const struct directory_alias *v, struct str domain,
		bool is_new);
	int (*alias_remove)(struct directory *d, struct str address);
	/* For a back end that hears when somebody else changed it; NULL: it never does. watch: from now
	 * on. news_fd: readable when news may have come, -1: not now. news: has it changed since the last
	 * call, or may it have? */
	void (*watch)(struct directory *d);
	int (*news_fd)(struct directory *d);
	bool (*news)(struct directory *d);
	/* A link to the program of ours that it asks (pamd), in place of the one before; taken over. NULL: it asks none. */
	void (*peer)(struct directory *d, int fd);
	/* Makes its connection for writing anew; NULL: nothing to do. */
	int (*renew)(struct directory *d);
	/* All of it at this moment, as a database file of this name in the current directory. */
	int (*copy)(struct directory *d, const char *name);
	/* Lists in order of names; domain empty: of all domains. fn returns false to stop. */
	int (*domains)(struct directory *d, bool (*fn)(const struct directory_domain *v, void *arg),
		void *arg);
	int (*accounts)(struct directory *d, struct str domain,
		bool (*fn)(const struct directory_account *v, void *arg), void *arg);
	int (*aliases)(struct directory *d, struct str domain,
		bool (*fn)(const struct directory_alias *v, void *arg), void *arg);

	/* As accounts and aliases of one domain (empty: of all), but a back end that is down is left out: `missing` gets its
	 * name, a space before it. NULL: the two. fn of NULL: none of these. */
	int (*people)(struct directory *d, struct str domain, bool (*account)(const struct directory_account *v, void *arg),
		bool (*alias)(const struct directory_alias *v, void *arg), void *arg, struct buf *missing);

	/* Tokens and invitations; NULL in a back end that has none. */
	int (*token)(struct directory *d, struct str id, struct arena *a, struct directory_token *out);
	int (*token_add)(struct directory *d, const struct directory_token *v);
	int (*token_remove)(struct directory *d, struct str id);
	int (*token_used)(struct directory *d, struct str id, uint64_t when);
	int (*tokens)(struct directory *d, bool (*fn)(const struct directory_token *v, void *arg), void *arg);
	int (*invite)(struct directory *d, struct str id, struct arena *a, struct directory_invite *out);
	int (*invite_put)(struct directory *d, const struct directory_invite *v); /* the one before is void */
	int (*invite_remove)(struct directory *d, uint64_t account);

	/* App passwords; NULL in a back end that has no place for them. Only the id and the name of v count; id 0: an
	 * account that nobody has, as much work. */
	int (*app_password)(struct directory *d, const struct directory_account *v, struct str digest, struct arena *a,
		struct directory_app_password *out);
	int (*app_password_add)(struct directory *d, uint64_t account, const struct directory_app_password *v);
	int (*app_password_remove)(struct directory *d, uint64_t account, struct str id);
	/* All that this owner made for himself. */
	int (*app_passwords_forget)(struct directory *d, struct str owner);
	int (*app_password_used)(struct directory *d, uint64_t account, struct str id, uint64_t when, struct str peer);
	int (*app_passwords)(struct directory *d, uint64_t account,
		bool (*fn)(const struct directory_app_password *v, void *arg), void *arg);

	/* Second factors; NULL in a back end that has no place for them. put: all but the recovery codes, which change
	 * by totp_recover alone. try: one of `max` since the first of them; E_NOTFOUND: there were as many, the last
	 * one later than `over`; a good step forgives them. step, recover: use up what is there only once, else
	 * E_NOTFOUND: a step that is later than all before, a list of codes that is still this one. */
	int (*totp)(struct directory *d, uint64_t account, struct arena *a, struct directory_totp *out);
	int (*totp_put)(struct directory *d, uint64_t account, const struct directory_totp *v);
	int (*totp_remove)(struct directory *d, uint64_t account);
	int (*totp_try)(struct directory *d, uint64_t account, uint64_t now, uint64_t over, uint64_t max);
	int (*totp_step)(struct directory *d, uint64_t account, uint64_t step);
	int (*totp_recover)(struct directory *d, uint64_t account, struct str before, struct str after);

	/* Shared secrets; NULL in a back end that has no place for them. Of v as with app_password. any: has any
	 * account one? */
	int (*shared_secret)(struct directory *d, const struct directory_account *v, struct arena *a,
		struct directory_shared_secret *out);
	int (*shared_secret_put)(struct directory *d, uint64_t account, const struct directory_shared_secret *v);
	int (*shared_secret_remove)(struct directory *d, uint64_t account);
	int (*shared_secret_any)(struct directory *d, bool *any_out);

	/* Security keys; NULL in a back end that has no place for them. add: E_EXISTS: somebody has it. used:
	 * E_NOTFOUND also if this counter is not later than the last one (both 0: it does not count). */
	int (*security_key_add)(struct directory *d, uint64_t account, const struct directory_security_key *v);
	int (*security_key_remove)(struct directory *d, uint64_t account, struct str id);
	int (*security_key_used)(struct directory *d, uint64_t account, const struct directory_security_key *v);
	int (*security_keys)(struct directory *d, uint64_t account,
		bool (*fn)(const struct directory_security_key *v, void *arg), void *arg);

	/* Routes; NULL in a back end that has none. `route` finds the row of exactly this key. */
	int (*route)(struct directory *d, struct str to, struct str from, struct arena *a,
		struct directory_route *out);
	int (*route_put)(struct directory *d, const struct directory_route *v, bool is_new);
	int (*route_remove)(struct directory *d, struct str to, struct str from);
	int (*routes)(struct directory *d, bool (*fn)(const struct directory_route *v, void *arg), void *arg);

	/* Bytes kept under a name; NULL in a back end that has no place for them. get: E_NOTFOUND; put: once
	 * there, only with replace. */
	int (*setting)(struct directory *d, struct str name, struct buf *out);
	int (*setting_put)(struct directory *d, struct str name, struct str value, bool replace);

	/* Rules; NULL in a back end that has none. rule_kinds: the bits (auth/rules.h) of those kinds that there are any of. */
	int (*rule)(struct directory *d, struct str kind, struct str who, struct arena *a,
		struct directory_rule *out);
	int (*rule_kinds)(struct directory *d, unsigned *out);
	int (*rule_add)(struct directory *d, const struct directory_rule *v);
	int (*rule_remove)(struct directory *d, struct str kind, struct str who);
	int (*rules)(struct directory *d, bool (*fn)(const struct directory_rule *v, void *arg), void *arg);

	/* Delegations; NULL in a back end that has none. Rows of an address, or of who, or (both empty) all; forget: all that
	 * have to do with a name. */
	int (*delegations)(struct directory *d, struct str address, struct str who,
		bool (*fn)(const struct directory_delegation *v, void *arg), void *arg);
	int (*delegation_add)(struct directory *d, const struct directory_delegation *v);
	int (*delegation_remove)(struct directory *d, const struct directory_delegation *v);
	int (*delegation_forget)(struct directory *d, struct str name);
};

struct directory {
	const struct directory_ops *ops;
	const char *name; /* its word in [auth] directory; static */
	bool sql; /* a database like the built-in one (auth/directory_sql.h) */
	const char *kept; /* after E_UNSUPPORTED: which back end keeps what was to be changed; NULL: this one */
	char *domains; /* ",a.example,b.example,": it is asked about these alone; NULL: about all */
};

/* The built-in directory, a database in the current directory. */
int directory_sqlite_open(struct directory **out);

struct conf;
/* The directory of the settings: the built-in one itself if no other is named, else a stack. Closed
 * by its own `close`. */
int directory_open(const struct conf *conf, struct directory **out);
/* Is a back end of the settings asked over the network? (pam is asked by way of pamd.) */
bool directory_network(const struct conf *conf);
/* A stack of n back ends, the first asked first; all are taken over. own: the built-in one, which
 * always is there, and need not be one of them. */
#define DIRECTORY_STACK 8
struct directory *directory_stack(struct directory *const *named, size_t n, struct directory *own);
/* `domains` of a back end from a setting (taken by free); NULL for an empty one. */
struct conf_list;
char *directory_domains(const struct conf_list *l);

#endif
