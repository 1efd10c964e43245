/* SPDX-License-Identifier: ISC
 *
 * conf.h: the settings of the suite: one struct made from one table,
 * keys.def. A row there gives section, name, type, default, limits, whether a
 * reload is enough, and one sentence; parser, range check, printer, sample
 * file, manual page and (later) the web form come from it.
 *
 * File: "[section]" and "key = value", '#' or ';' starts a comment line;
 * "[tls example.net]"-like sections do not exist: lists are comma separated.
 * All errors of a file are reported at once, as file:line, with the nearest
 * known key. master parses the file; every other process gets the settings as
 * text (conf_print_text) and parses them with the same code.
 */
#ifndef MANSIO_CONF_H
#define MANSIO_CONF_H

#include "base/arena.h"
#include "base/buf.h"

enum conf_type {
	CONF_BOOL, /* yes no */
	CONF_INT, /* plain number */
	CONF_SIZE, /* bytes: 64k, 50M, 2G (binary); stored as uint64_t */
	CONF_TIME, /* 500ms 30s 5m 2h 7d; stored in ms */
	CONF_STRING,
	CONF_LIST, /* comma separated strings */
	CONF_ENUM, /* one word of the row's "limits" text "a|b|c"; stored as its index */
};

struct conf_list {
	struct str *v;
	size_t n;
};

/* Field names are section_name, types: bool, int64_t (INT, TIME, ENUM),
 * uint64_t (SIZE), struct str (STRING, NUL-terminated), struct conf_list. */
struct conf {
	struct arena arena;
#define CONF_FIELD_BOOL bool
#define CONF_FIELD_INT int64_t
#define CONF_FIELD_SIZE uint64_t
#define CONF_FIELD_TIME int64_t
#define CONF_FIELD_STRING struct str
#define CONF_FIELD_LIST struct conf_list
#define CONF_FIELD_ENUM int64_t
#define KEY(section, name, type, dflt, lo, hi, words, when, text)              \
	CONF_FIELD_##type section##_##name;
#include "conf/keys.def"
#undef KEY
	bool *set; /* private: which rows the file set, conf_nkeys of them */
};

#define CONF_RETRY_MAX 32 /* waits in queue.retry, each up to */
#define CONF_RETRY_LONGEST_MS ((int64_t)7 * 86400000)

enum conf_when { CONF_RELOAD, CONF_RESTART };
struct conf_key {
	const char *section, *name;
	enum conf_type type;
	const char *dflt;
	int64_t lo, hi;
	const char *words; /* ENUM: "a|b|c"; else "" */
	enum conf_when when;
	const char *text; /* one sentence for people */
	size_t offset;
};
/* Indexes of words that code compares with (ENUM rows of keys.def). */
enum { CONF_SANDBOX_FULL, CONF_SANDBOX_LOG };
enum { CONF_LOCAL_USERS_ALL, CONF_LOCAL_USERS_ROOT, CONF_LOCAL_USERS_OFF };
enum { CONF_HEADER_FROM_OWN, CONF_HEADER_FROM_OUTSIDE, CONF_HEADER_FROM_ANY };
enum { CONF_ACCOUNT_OVER_WAIT, CONF_ACCOUNT_OVER_HOLD };
enum { CONF_ASK_AUTO, CONF_ASK_SMTP, CONF_ASK_ALL };
enum { CONF_LDAP_STANDARD, CONF_LDAP_AD };
enum { CONF_SCRAM_AUTO, CONF_SCRAM_ON, CONF_SCRAM_OFF };
enum { CONF_MAIN_PASSWORD_ALL, CONF_MAIN_PASSWORD_WEB };
enum { CONF_CLIENT_NAME_EMAIL, CONF_CLIENT_NAME_CN };
enum { CONF_DIRECTORY_VISIBLE_OFF, CONF_DIRECTORY_VISIBLE_DOMAIN, CONF_DIRECTORY_VISIBLE_ALL };
enum { CONF_OLDSERVER_TLS_IMPLICIT, CONF_OLDSERVER_TLS_STARTTLS };
enum { CONF_STS_NONE, CONF_STS_TESTING, CONF_STS_ENFORCE };
enum { CONF_SMARTHOST_VERIFY, CONF_SMARTHOST_ENCRYPT, CONF_SMARTHOST_OPPORTUNISTIC, CONF_SMARTHOST_NONE };
enum { CONF_TLS_START_AUTO, CONF_TLS_START_STARTTLS, CONF_TLS_START_IMPLICIT };
enum { CONF_ACCOUNTING_OFF, CONF_ACCOUNTING_CSV, CONF_ACCOUNTING_JSON };
enum { CONF_ACME_HTTP, CONF_ACME_TLS_ALPN, CONF_ACME_DNS };
#define CONF_ACME_NAMES 50 /* names of one certificate */
enum { CONF_LOG_STDERR, CONF_LOG_FILE, CONF_LOG_JOURNALD, CONF_LOG_SYSLOG };

/* Is that back end one of [auth] directory? */
bool conf_has_directory(const struct conf *c, const char *word);
/* A setting that is there and does nothing, as another one is missing: no mistake, but hardly what was meant. */
struct conf_idle {
	const char *section, *name, *words; /* words: what is missing */
};
/* The n-th of these, false: there are no more. */
bool conf_idle(const struct conf *c, size_t n, struct conf_idle *out);

extern const struct conf_key conf_keys[];
extern const size_t conf_nkeys;

/* Parses text; file_name is used in messages only. errors (may be NULL)
 * receives one line per error ("mansio.conf:12: unknown key 'hostnam' in
 * [server]: did you mean 'hostname'?"). 0 and *out (free with conf_free), or
 * E_SYNTAX with every error reported. */
int conf_parse(struct str text, const char *file_name, struct buf *errors, struct conf **out);
void conf_free(struct conf *c);
struct conf *conf_defaults(void);
/* Values as text. conf_print: "[section]\nkey = value" for all rows; only_set:
 * those that differ from the default. */
void conf_print(const struct conf *c, bool only_set, struct buf *out);
/* "section.name" -> value as text; E_NOTFOUND. */
int conf_value(const struct conf *c, const char *section, const char *name, struct buf *out);
/* server.hostname, else the system's name. Stays when c is freed (a RESTART key). */
const char *conf_hostname(const struct conf *c);
bool conf_is_set(const struct conf *c, size_t key_index);
/* Names of RESTART keys in which a and b differ, comma separated. */
void conf_restart_diff(const struct conf *a, const struct conf *b, struct buf *out);
/* For a reload: the RESTART rows of next become those of running. */
void conf_keep_restart(const struct conf *running, struct conf *next);
void conf_sample(struct buf *out); /* commented mansio.conf */
void conf_manual(struct buf *out); /* mansio.conf(5), roff */

#endif
