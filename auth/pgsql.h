/* SPDX-License-Identifier: ISC
 *
 * pgsql.h: one connection to a PostgreSQL database that is served by one of several hosts.
 * Blocking, with a deadline on every wait; one retry after a connection that broke, then E_TEMP.
 * Within a transaction nothing is tried again: a connection that broke took it along.
 */
#ifndef MANSIO_AUTH_PGSQL_H
#define MANSIO_AUTH_PGSQL_H

#include <libpq-fe.h>

#include "base/str.h"

#define PGSQL_PARAMETERS 24
#define PGSQL_QUERIES 128
#define PGSQL_HOSTS 8

struct pgsql_settings {
	const struct str *host; /* "name", "name:port", or the folder of a unix socket, "/path" or "/path:port" */
	size_t nhosts;
	struct str database, user, password;
	const char *tls; /* libpq's sslmode */
	int trust; /* file in memory with the authorities, -1: none */
	int64_t timeout_ms, retry_ms;
	const char *channel; /* what is listened to, once pgsql_listen was called */
	/* Runs on every new connection, by pgsql_exec and pgsql_run: 0, or negative: it is of no use. */
	int (*ready)(void *arg);
	void *arg;
};

struct pgsql_query { /* parameters only ever travel beside the text */
	unsigned number; /* below PGSQL_QUERIES: the same text always has the same */
	const char *text;
	int n;
	const char *value[PGSQL_PARAMETERS];
	int length[PGSQL_PARAMETERS], format[PGSQL_PARAMETERS]; /* format 1: bytes of that length */
};

struct pgsql;
/* Copies the settings; connects when first asked. */
struct pgsql *pgsql_new(const struct pgsql_settings *set);
void pgsql_free(struct pgsql *p);
/* 0 and the result (PQclear), E_EXISTS (unique key), E_NOTFOUND (foreign key), E_SYNTAX (a value that
 * cannot be), E_TEMP. */
int pgsql_run(struct pgsql *p, const struct pgsql_query *q, PGresult **out);
/* For `ready`: one or more statements; out may be NULL. */
int pgsql_exec(struct pgsql *p, const char *text, PGresult **out);
/* Begins a transaction by this text. 0, or negative: there is none. */
int pgsql_begin(struct pgsql *p, const char *text);
/* 0; E_TEMP: it was undone; E_CLOSED: the connection broke, and if it was to be committed nobody knows. */
int pgsql_end(struct pgsql *p, bool commit);
/* From now on, and on every connection, hears the channel. */
void pgsql_listen(struct pgsql *p);
/* Readable when something may have come; -1: not connected. */
int pgsql_fd(const struct pgsql *p);
/* Was there a notification, or a time in which one could have been missed, since the last call? */
bool pgsql_news(struct pgsql *p);

#endif
