/* SPDX-License-Identifier: ISC
 *
 * directory_sql.h: a directory in an SQL database. What is asked is written once
 * (directory_statements.c), and so is what the answers mean (directory_sql.c: accounts and what
 * belongs to them; directory_tables.c: routes, access, rewriting; a file for each
 * other kind of thing). A driver runs the statements: SQLite (directory_sqlite.c), PostgreSQL (directory_pgsql.c).
 *
 * Every table of theirs stands in SQL_TABLES, so that one database can be copied into another
 * (directory_copy.c); what belongs to this host alone (identities, the secret) does not.
 */
#ifndef MANSIO_AUTH_DIRECTORY_SQL_H
#define MANSIO_AUTH_DIRECTORY_SQL_H

#include "auth/directory.h"

/* X(NAME, table, which rows, columns, parameters, kinds, order), in the order in which rows can be made. Kinds of
 * columns: t text, n number, b bytes, a the number of an account. */
#define SQL_TABLES(X) \
	X(DOMAINS, "domain", "", "name, active, catchall, backup, created", "$1, $2, $3, $4, $5", "tntnn", "name") \
	X(ACCOUNTS, "account", "", "id, local, domain, name, hash, scram, quota_bytes, quota_messages, active, roles, forward," \
		" forward_keep, main_web, created, expires, left_at, refuse_from, refuse_text, shared, unlisted",\
		"$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20", "attttt" "nnn" "ttnnnn" "nntnn", "id") \
	X(ALIASES, "alias", "", "address, domain, targets, created, unlisted", "$1, $2, $3, $4, $5", "tttnn", "address") \
	X(INVITES, "invite", "", "account, id, digest, expires", "$1, $2, $3, $4", "attn", "account") \
	X(APP_PASSWORDS, "app_password", SQL_OF_ACCOUNTS, "account, id, label, digest, protocols, created, expires, last, peer, owner", \
		"$1, $2, $3, $4, $5, $6, $7, $8, $9, $10", "attttnnntt", "account, id") \
	X(TOTP, "totp", SQL_OF_ACCOUNTS, "account, secret, recovery, since, step, tries, tried", "$1, $2, $3, $4, $5, $6, $7", "attnnnn", "account") \
	X(SHARED_SECRETS, "shared_secret", SQL_OF_ACCOUNTS, "account, sealed, since", "$1, $2, $3", "atn", "account") \
	X(SECURITY_KEYS, "security_key", SQL_OF_ACCOUNTS, "account, id, label, credential, public_key, algorithm, rp_id, counter, created," \
		" last, peer", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11", "attttttnnnt", "account, id") \
	X(TOKENS, "token", "", "id, label, digest, roles, created, expires, last", "$1, $2, $3, $4, $5, $6, $7", "ttttnnn", "id") \
	X(ROUTES, "route", "", "rcpt_domain, sender_domain, host, port, tls, start, \"user\", secret, mech, source, comment, created", \
		"$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12", "tttn" "ttttttt" "n", "rcpt_domain, sender_domain") \
	X(RULES, "rule", "", "kind, who, action, text, comment, created", "$1, $2, $3, $4, $5, $6", "tttttn", "kind, who") \
	X(DELEGATIONS, "delegation", "", "kind, address, who, created", "$1, $2, $3, $4", "tttn", "address, who, kind") \
	X(SETTINGS, "setting", " WHERE name <> 'secret'", "name, value", "$1, $2", "tb", "name")
/* not those of other back ends' people */
#define SQL_OF_ACCOUNTS " WHERE account IN (SELECT id FROM account)"
#define SQL_ONE_TABLE(...) + 1
#define SQL_TABLES_N (0 SQL_TABLES(SQL_ONE_TABLE))
#define SQL_TABLE_STATEMENTS(NAME, ...) Q_READ_##NAME, Q_WRITE_##NAME, Q_CLEAR_##NAME,

enum sql_statement {
	Q_DOMAIN, Q_ACCOUNT, Q_ALIAS, Q_KEEPER, Q_SCRAM, Q_SECRET, Q_CREDENTIALS, Q_DOMAIN_ADD,
	Q_DOMAIN_CHANGE, Q_DOMAIN_REMOVE, Q_ACCOUNT_ADD, Q_ACCOUNT_CHANGE, Q_ACCOUNT_REMOVE,
	Q_ALIAS_ADD, Q_ALIAS_CHANGE, Q_ALIAS_REMOVE, Q_DOMAINS, Q_ACCOUNTS, Q_ALIASES, Q_TOKEN,
	Q_TOKEN_ADD, Q_TOKEN_REMOVE, Q_TOKEN_USED, Q_TOKENS, Q_INVITE, Q_INVITE_PUT, Q_INVITE_REMOVE,
	Q_ROUTE, Q_ROUTE_ADD, Q_ROUTE_CHANGE, Q_ROUTE_REMOVE, Q_ROUTES, Q_RULE, Q_RULE_KINDS, Q_RULE_ADD,
	Q_RULE_REMOVE, Q_SETTING, Q_SETTING_ADD, Q_SETTING_PUT, Q_RULES, Q_APP, Q_APP_ADD, Q_APP_REMOVE,
	Q_APP_FORGET, Q_APP_USED, Q_APPS, Q_TOTP, Q_TOTP_PUT, Q_TOTP_REMOVE, Q_TOTP_TRY, Q_TOTP_STEP, Q_TOTP_RECOVER,
	Q_DELEGATIONS, Q_DELEGATION_ADD, Q_DELEGATION_REMOVE, Q_DELEGATION_FORGET,
	Q_SHARED_SECRET, Q_SHARED_SECRET_PUT, Q_SHARED_SECRET_REMOVE, Q_SHARED_SECRET_ANY,
	Q_SECURITY_KEY_ADD, Q_SECURITY_KEY_REMOVE, Q_SECURITY_KEY_USED, Q_SECURITY_KEYS,
	SQL_TABLES(SQL_TABLE_STATEMENTS) Q_HOW_MUCH,
	/* of databases that count their accounts by a sequence: the last number that was given; none up to this one again */
	Q_NUMBER_LAST, Q_NUMBER_PAST, Q_DOMAIN_SIZE,
	/* of databases that have arrays: the accounts of many names; two arrays of text, one element of each for a name */
	Q_ACCOUNTS_NAMED,
	/* of directory_names.c */
	Q_NAMES_ACCOUNTS, Q_NAMES_ALIASES, Q_NAMES_TAKEN, Q_NAMES_MOVE_ACCOUNT, Q_NAMES_MOVE_ALIAS, Q_NAMES_MOVE_RIGHT, Q_NAMES_MOVE_HOLDER,
	Q_NAMES_MOVE_OWNER, Q_NAMES_MOVE_RULE, Q_MAX
};
#define SQL_PARAMETERS 24

/* SQL_READ: all that is read is of one moment. SQL_WRITE: nobody else writes accounts or aliases. */
enum sql_transaction { SQL_READ, SQL_WRITE, SQL_COMMIT, SQL_ROLLBACK };

struct sql_directory;
struct sql { /* one statement at work; one of each at a time */
	struct sql_directory *o;
	enum sql_statement q;
	void *handle; /* the driver's */
};

struct sql_driver {
	int (*begin)(struct sql *s); /* prepared, without parameters: 0 or negative */
	void (*bind_str)(struct sql *s, int at, struct str v); /* from 1; borrowed until reset */
	void (*bind_u64)(struct sql *s, int at, uint64_t v);
	void (*bind_bytes)(struct sql *s, int at, struct str v);
	int (*step)(struct sql *s); /* 1 a row, 0 no more (and reset), negative (and reset) */
	int (*run)(struct sql *s); /* without rows: 0, E_EXISTS, E_NOTFOUND (foreign key), negative; reset */
	uint64_t (*changes)(struct sql *s); /* rows that the last run changed */
	void (*reset)(struct sql *s);
	struct str (*str)(struct sql *s, int col, struct arena *a); /* copied */
	uint64_t (*u64)(struct sql *s, int col);
	struct str (*bytes)(struct sql *s, int col); /* borrowed */
	/* A connection that is lost within one is not made anew before its end. E_CLOSED of SQL_COMMIT: it may have
	 * been done. */
	int (*transaction)(struct sql_directory *o, enum sql_transaction t);
};

struct sql_directory {
	struct directory d;
	const struct sql_driver *driver;
	struct sql stmt[Q_MAX];
};

/* The text of a statement for a database whose parameters begin with this character. */
void sql_text(enum sql_statement q, char parameter, const char *next_id, struct buf *out);
/* Fills in what all drivers have in common; close, renew and copy are the driver's. */
void sql_init(struct sql_directory *o, const struct sql_driver *driver, struct directory_ops *ops);

int sql_begin(struct directory *d, enum sql_statement q, struct sql **out);
void sql_bind_str(struct sql *s, int at, struct str v);
void sql_bind_u64(struct sql *s, int at, uint64_t v);
void sql_bind_bytes(struct sql *s, int at, struct str v);
int sql_step(struct sql *s);
int sql_run(struct sql *s);
uint64_t sql_changes(struct sql *s);
void sql_reset(struct sql *s);
struct str sql_str(struct sql *s, int col, struct arena *a);
uint64_t sql_u64(struct sql *s, int col);
struct str sql_bytes(struct sql *s, int col);
/* One row: 0 (the caller reads the columns and resets), E_NOTFOUND, negative. */
int sql_one(struct sql *s);
/* A change of exactly one row: 0, or E_NOTFOUND if there was none. */
int sql_change(struct sql *s);
/* The row of these; 0 or E_NOTFOUND. */
int sql_remove(struct directory *d, enum sql_statement q, struct str first, struct str second);
int sql_transaction(struct directory *d, enum sql_transaction t);

/* The row of a statement that asks for accounts. */
void sql_account(struct sql *s, struct arena *a, struct directory_account *out);

/* directory_token.c */
int directory_token(struct directory *d, struct str id, struct arena *a, struct directory_token *out);
int directory_token_add(struct directory *d, const struct directory_token *v);
int directory_token_remove(struct directory *d, struct str id);
int directory_token_used(struct directory *d, struct str id, uint64_t when);
int directory_tokens(struct directory *d, bool (*fn)(const struct directory_token *v, void *arg), void *arg);
int directory_invite(struct directory *d, struct str id, struct arena *a, struct directory_invite *out);
int directory_invite_put(struct directory *d, const struct directory_invite *v);
int directory_invite_remove(struct directory *d, uint64_t account);

/* directory_tables.c */
int directory_route(struct directory *d, struct str to, struct str from, struct arena *a,
	struct directory_route *out);
int directory_route_put(struct directory *d, const struct directory_route *v, bool is_new);
int directory_route_remove(struct directory *d, struct str to, struct str from);
int directory_routes(struct directory *d, bool (*fn)(const struct directory_route *v, void *arg), void *arg);
int directory_rule(struct directory *d, struct str kind, struct str who, struct arena *a,
	struct directory_rule *out);
int directory_rule_kinds(struct directory *d, unsigned *out);
int directory_rule_add(struct directory *d, const struct directory_rule *v);
int directory_rule_remove(struct directory *d, struct str kind, struct str who);
int directory_rules(struct directory *d, bool (*fn)(const struct directory_rule *v, void *arg), void *arg);
int directory_setting(struct directory *d, struct str name, struct buf *out);
int directory_setting_put(struct directory *d, struct str name, struct str value, bool replace);

int directory_delegations(struct directory *d, struct str address, struct str who,
	bool (*fn)(const struct directory_delegation *v, void *arg), void *arg);
int directory_delegation_add(struct directory *d, const struct directory_delegation *v);
int directory_delegation_remove(struct directory *d, const struct directory_delegation *v);
int directory_delegation_forget(struct directory *d, struct str name);

/* directory_app_password.c */
int directory_app_password(struct directory *d, const struct directory_account *v, struct str digest, struct arena *a,
	struct directory_app_password *out);
int directory_app_password_add(struct directory *d, uint64_t account, const struct directory_app_password *v);
int directory_app_password_remove(struct directory *d, uint64_t account, struct str id);
int directory_app_passwords_forget(struct directory *d, struct str owner);
int directory_app_password_used(struct directory *d, uint64_t account, struct str id, uint64_t when, struct str peer);
int directory_app_passwords(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_app_password *v, void *arg), void *arg);

/* directory_totp.c */
int directory_totp(struct directory *d, uint64_t account, struct arena *a, struct directory_totp *out);
int directory_totp_put(struct directory *d, uint64_t account, const struct directory_totp *v);
int directory_totp_remove(struct directory *d, uint64_t account);
int directory_totp_try(struct directory *d, uint64_t account, uint64_t now, uint64_t over, uint64_t max);
int directory_totp_step(struct directory *d, uint64_t account, uint64_t step);
int directory_totp_recover(struct directory *d, uint64_t account, struct str before, struct str after);

/* directory_shared_secret.c */
int directory_shared_secret(struct directory *d, const struct directory_account *v, struct arena *a,
	struct directory_shared_secret *out);
int directory_shared_secret_put(struct directory *d, uint64_t account, const struct directory_shared_secret *v);
int directory_shared_secret_remove(struct directory *d, uint64_t account);
int directory_shared_secret_any(struct directory *d, bool *any_out);

/* directory_security_key.c */
int directory_security_key_add(struct directory *d, uint64_t account, const struct directory_security_key *v);
int directory_security_key_remove(struct directory *d, uint64_t account, struct str id);
int directory_security_key_used(struct directory *d, uint64_t account, const struct directory_security_key *v);
int directory_security_keys(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_security_key *v, void *arg), void *arg);

#endif
