/* SPDX-License-Identifier: ISC
 *
 * directory_statements.c: every question to a directory that is an SQL database, once for all
 * such databases. Parameters are $1, $2 ...; @id is the next number of an account, which each
 * database finds in its own way (sql_text). No value is ever part of a text.
 */
#include "auth/directory_sql.h"

#define ACCOUNT_COLUMNS                                                                  \
	"a.id, a.local, a.domain, a.name, a.hash, a.scram, a.quota_bytes, a.quota_messages," \
	" a.active, a.roles, d.active, a.forward, a.forward_keep, a.main_web, a.expires," \
	" a.left_at, a.refuse_from, a.refuse_text, a.shared, a.unlisted"    \
	" FROM account a JOIN domain d ON d.name = a.domain "
#define DOMAIN_SIZE(name)                                                                \
	"(SELECT count(*) FROM account WHERE domain = " name "), (SELECT count(*) FROM alias WHERE domain = " name ")"
#define RULES_OF(kind, bit) "CASE WHEN EXISTS(SELECT 1 FROM rule WHERE kind = '" kind "') THEN " #bit " ELSE 0 END"
#define RULE_COLUMNS "kind, who, action, text, comment FROM rule "
#define APP_COLUMNS "id, label, digest, protocols, created, expires, last, peer, owner FROM app_password "
#define HAS_APP "EXISTS(SELECT 1 FROM app_password p WHERE p.account = account.id)"
#define ROUTE_COLUMNS \
	"rcpt_domain, sender_domain, host, port, tls, start, \"user\", secret, mech, source, comment FROM route "

#define TABLE_STATEMENTS(NAME, table, rows, columns, parameters, kinds, order)                 \
	[Q_READ_##NAME] = "SELECT " columns " FROM " table rows " ORDER BY " order,               \
	[Q_WRITE_##NAME] = "INSERT INTO " table "(" columns ") VALUES(" parameters ")",           \
	[Q_CLEAR_##NAME] = "DELETE FROM " table rows,
#define TABLE_ROWS(NAME, table, rows, ...) " + (SELECT count(*) FROM " table rows ")"

static const char *const sql[Q_MAX] = {
	/* asked for each mail: nothing is counted */
	[Q_DOMAIN] = "SELECT name, active, catchall, 0, 0, backup FROM domain WHERE name = $1",
	[Q_DOMAIN_SIZE] = "SELECT " DOMAIN_SIZE("$1"),
	[Q_ACCOUNT] = "SELECT " ACCOUNT_COLUMNS "WHERE a.domain = $2 AND a.local = $1",
	/* a row of the index for each name, however many accounts the planner expects; it does not look into the arrays, so that
	 * one plan is good for all */
	[Q_ACCOUNTS_NAMED] = "SELECT x.* FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) AS n(local, domain),"
		" LATERAL (SELECT " ACCOUNT_COLUMNS "WHERE a.domain = n.domain AND a.local = n.local OFFSET 0) x",
	[Q_ALIAS] = "SELECT address, targets, unlisted FROM alias WHERE address = $1",
	[Q_KEEPER] = "SELECT " ACCOUNT_COLUMNS "WHERE a.domain = $1"
		" ORDER BY CASE WHEN ',' || a.roles || ',' LIKE '%,admin,%' THEN 0 ELSE 1 END, a.id LIMIT 1",
	/* a device with an app password would be lost by SCRAM, which knows one password of a name */
	[Q_SCRAM] = "SELECT count(*), coalesce(sum(CASE WHEN scram LIKE '%' || $1 || '%' AND main_web = 0"
		" AND NOT " HAS_APP " THEN 0 ELSE 1 END), 0) FROM account"
		" WHERE active <> 0 AND (hash <> '' OR " HAS_APP ")", /* who was only invited yet cannot log in anyway */
	[Q_SECRET] = "SELECT value FROM setting WHERE name = 'secret'",
	[Q_CREDENTIALS] = "UPDATE account SET hash = $2, scram = $3 WHERE id = $1 AND hash = $4",
	[Q_DOMAIN_ADD] = "INSERT INTO domain(name, active, catchall, backup, created) VALUES($1, $2, $3, $4, $5)",
	[Q_DOMAIN_CHANGE] = "UPDATE domain SET active = $2, catchall = $3, backup = $4 WHERE name = $1",
	[Q_DOMAIN_REMOVE] = "DELETE FROM domain WHERE name = $1",
	[Q_ACCOUNT_ADD] = "INSERT INTO account(id, local, domain, name, hash, scram, quota_bytes,"
		" quota_messages, active, roles, forward, forward_keep, main_web, expires,"
		" left_at, refuse_from, refuse_text, shared, unlisted, created)"
		" VALUES(@id, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
	[Q_ACCOUNT_CHANGE] = "UPDATE account SET name = $3, hash = $4, scram = $5, quota_bytes = $6,"
		" quota_messages = $7, active = $8, roles = $9, forward = $10, forward_keep = $11, main_web = $12,"
		" expires = $13, left_at = $14, refuse_from = $15, refuse_text = $16, shared = $17,"
		" unlisted = $18 WHERE domain = $2 AND local = $1",
	[Q_ACCOUNT_REMOVE] = "DELETE FROM account WHERE domain = $2 AND local = $1",
	[Q_ALIAS_ADD] = "INSERT INTO alias(address, domain, targets, unlisted, created) VALUES($1, $2, $3, $4, $5)",
	[Q_ALIAS_CHANGE] = "UPDATE alias SET targets = $3, unlisted = $4 WHERE address = $1 AND domain = $2",
	[Q_ALIAS_REMOVE] = "DELETE FROM alias WHERE address = $1",
	[Q_DOMAINS] = "SELECT name, active, catchall, " DOMAIN_SIZE("d.name") ", backup FROM domain d ORDER BY name",
	[Q_ACCOUNTS] = "SELECT " ACCOUNT_COLUMNS "WHERE $1 = '' OR a.domain = $1"
		" ORDER BY a.domain, a.local",
	[Q_ALIASES] = "SELECT address, targets, unlisted FROM alias WHERE $1 = '' OR domain = $1"
		" ORDER BY domain, address",
	[Q_TOKEN] = "SELECT id, label, digest, roles, created, expires, last FROM token WHERE id = $1",
	[Q_TOKEN_ADD] = "INSERT INTO token(id, label, digest, roles, created, expires, last)"
		" VALUES($1, $2, $3, $4, $5, $6, 0)",
	[Q_TOKEN_REMOVE] = "DELETE FROM token WHERE id = $1",
	[Q_TOKEN_USED] = "UPDATE token SET last = $2 WHERE id = $1",
	[Q_TOKENS] = "SELECT id, label, digest, roles, created, expires, last FROM token ORDER BY created, id",
	[Q_INVITE] = "SELECT i.id, i.digest, i.account, i.expires, a.local, a.domain"
		" FROM invite i JOIN account a ON a.id = i.account WHERE i.id = $1",
	[Q_INVITE_PUT] = "INSERT INTO invite(account, id, digest, expires) VALUES($1, $2, $3, $4)"
		" ON CONFLICT(account) DO UPDATE SET id = excluded.id, digest = excluded.digest, expires = excluded.expires",
	[Q_INVITE_REMOVE] = "DELETE FROM invite WHERE account = $1",
	[Q_ROUTE] = "SELECT " ROUTE_COLUMNS "WHERE rcpt_domain = $1 AND sender_domain = $2",
	[Q_ROUTE_ADD] = "INSERT INTO route(rcpt_domain, sender_domain, host, port, tls, start, \"user\", secret,"
		" mech, source, comment, created) VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
	[Q_ROUTE_CHANGE] = "UPDATE route SET host = $3, port = $4, tls = $5, start = $6, \"user\" = $7, secret = $8,"
		" mech = $9, source = $10, comment = $11 WHERE rcpt_domain = $1 AND sender_domain = $2",
	[Q_ROUTE_REMOVE] = "DELETE FROM route WHERE rcpt_domain = $1 AND sender_domain = $2",
	[Q_ROUTES] = "SELECT " ROUTE_COLUMNS "ORDER BY rcpt_domain, sender_domain",
	[Q_RULE] = "SELECT " RULE_COLUMNS "WHERE kind = $1 AND who = $2",
	[Q_RULE_KINDS] = "SELECT " RULES_OF("client", 1) " + " RULES_OF("sender", 2) " + " RULES_OF("recipient", 4) " + "
		RULES_OF("rewrite sender", 8) " + " RULES_OF("rewrite recipient", 16),
	[Q_RULE_ADD] = "INSERT INTO rule(kind, who, action, text, comment, created)"
		" VALUES($1, $2, $3, $4, $5, $6)",
	[Q_RULE_REMOVE] = "DELETE FROM rule WHERE kind = $1 AND who = $2",
	[Q_SETTING] = "SELECT value FROM setting WHERE name = $1",
	[Q_SETTING_ADD] = "INSERT INTO setting(name, value) VALUES($1, $2) ON CONFLICT(name) DO NOTHING",
	[Q_SETTING_PUT] = "INSERT INTO setting(name, value) VALUES($1, $2)"
		" ON CONFLICT(name) DO UPDATE SET value = excluded.value",
	[Q_RULES] = "SELECT " RULE_COLUMNS "ORDER BY kind, who",
	SQL_TABLES(TABLE_STATEMENTS)
	[Q_HOW_MUCH] = "SELECT 0" SQL_TABLES(TABLE_ROWS),
	[Q_NUMBER_LAST] = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM account_id_seq",
	[Q_NUMBER_PAST] = "SELECT setval('account_id_seq', greatest($1, (SELECT last_value FROM account_id_seq)))",
	[Q_APP] = "SELECT " APP_COLUMNS "WHERE account = $1 AND digest = $2",
	[Q_APP_ADD] = "INSERT INTO app_password(account, id, label, digest, protocols, created, expires, last, peer, owner)"
		" VALUES($1, $2, $3, $4, $5, $6, $7, 0, '', $8)",
	[Q_APP_REMOVE] = "DELETE FROM app_password WHERE account = $1 AND id = $2",
	[Q_APP_FORGET] = "DELETE FROM app_password WHERE owner = $1",
	[Q_APP_USED] = "UPDATE app_password SET last = $3, peer = $4 WHERE account = $1 AND id = $2",
	[Q_TOTP] = "SELECT secret, recovery, since, step FROM totp WHERE account = $1",
	[Q_TOTP_PUT] = "INSERT INTO totp(account, secret, recovery, since, step) VALUES($1, $2, '', $3, $4)"
		" ON CONFLICT(account) DO UPDATE SET secret = excluded.secret, since = excluded.since, step = excluded.step",
	[Q_TOTP_REMOVE] = "DELETE FROM totp WHERE account = $1",
	[Q_TOTP_TRY] = "UPDATE totp SET tries = CASE WHEN tried <= $3 THEN 1 ELSE tries + 1 END, tried = $2"
		" WHERE account = $1 AND (tried <= $3 OR tries < $4)",
	[Q_TOTP_STEP] = "UPDATE totp SET step = $2, tries = 0 WHERE account = $1 AND step < $2",
	[Q_TOTP_RECOVER] = "UPDATE totp SET recovery = $3 WHERE account = $1 AND recovery = $2",
	[Q_DELEGATIONS] = "SELECT kind, address, who, created FROM delegation WHERE ($1 = '' OR address = $1)"
		" AND ($2 = '' OR who = $2) ORDER BY address, who, kind",
	[Q_DELEGATION_ADD] = "INSERT INTO delegation(kind, address, who, created) VALUES($1, $2, $3, $4)",
	[Q_DELEGATION_REMOVE] = "DELETE FROM delegation WHERE kind = $1 AND address = $2 AND who = $3",
	[Q_DELEGATION_FORGET] = "DELETE FROM delegation WHERE address = $1 OR who = $1",
	[Q_SHARED_SECRET] = "SELECT sealed, since FROM shared_secret WHERE account = $1",
	[Q_SHARED_SECRET_PUT] = "INSERT INTO shared_secret(account, sealed, since) VALUES($1, $2, $3)"
		" ON CONFLICT(account) DO UPDATE SET sealed = excluded.sealed, since = excluded.since",
	[Q_SHARED_SECRET_REMOVE] = "DELETE FROM shared_secret WHERE account = $1",
	[Q_SHARED_SECRET_ANY] = "SELECT count(*) FROM (SELECT 1 FROM shared_secret LIMIT 1) one",
	[Q_SECURITY_KEY_ADD] = "INSERT INTO security_key(account, id, label, credential, public_key, algorithm, rp_id, counter, created,"
		" last, peer) VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '')",
	[Q_SECURITY_KEY_REMOVE] = "DELETE FROM security_key WHERE account = $1 AND id = $2",
	[Q_SECURITY_KEY_USED] = "UPDATE security_key SET counter = $3, last = $4, peer = $5 WHERE account = $1 AND id = $2"
		" AND (counter < $3 OR (counter = 0 AND $3 = 0))",
	[Q_SECURITY_KEYS] = "SELECT id, label, credential, public_key, algorithm, rp_id, counter, created, last, peer FROM security_key"
		" WHERE account = $1 ORDER BY created, id",
	[Q_NAMES_ACCOUNTS] = "SELECT id, local, domain FROM account ORDER BY id",
	[Q_NAMES_ALIASES] = "SELECT address, domain FROM alias ORDER BY address",
	[Q_NAMES_TAKEN] = "SELECT (SELECT count(*) FROM account WHERE local = $1 AND domain = $2) + (SELECT count(*) FROM alias WHERE address = $3)",
	[Q_NAMES_MOVE_ACCOUNT] = "UPDATE account SET local = $2 WHERE id = $1",
	[Q_NAMES_MOVE_ALIAS] = "UPDATE alias SET address = $2 WHERE address = $1",
	[Q_NAMES_MOVE_RIGHT] = "UPDATE delegation SET address = $2 WHERE address = $1 AND NOT EXISTS"
		"(SELECT 1 FROM delegation x WHERE x.address = $2 AND x.who = delegation.who AND x.kind = delegation.kind)",
	[Q_NAMES_MOVE_HOLDER] = "UPDATE delegation SET who = $2 WHERE who = $1 AND NOT EXISTS"
		"(SELECT 1 FROM delegation x WHERE x.who = $2 AND x.address = delegation.address AND x.kind = delegation.kind)",
	[Q_NAMES_MOVE_OWNER] = "UPDATE app_password SET owner = $2 WHERE owner = $1",
	[Q_NAMES_MOVE_RULE] = "UPDATE rule SET who = $2 WHERE who = $1 AND NOT EXISTS"
		"(SELECT 1 FROM rule x WHERE x.who = $2 AND x.kind = rule.kind)",
	[Q_APPS] = "SELECT " APP_COLUMNS "WHERE account = $1 ORDER BY created, id",
};

void sql_text(enum sql_statement q, char parameter, const char *next_id, struct buf *out)
{
	const char *p;

	for (p = sql[q]; *p; p++) {
		if (strncmp(p, "@id", 3) == 0) {
			buf_puts(out, next_id);
			p += 2;
		} else {
			buf_c(out, *p == '$' ? parameter : *p);
		}
	}
}
