/* SPDX-License-Identifier: ISC
 *
 * pgsql.c: see pgsql.h.
 *
 *   no connection --ready_up--> connected --broken, timed out--> no connection
 *        |  ^                                                        |
 *        +--+ no host: brake_until, until then E_TEMP at once  <-----+
 *
 * A host that hangs costs its share of the time-out and not more; after it nothing is tried for
 * three times as long as was waited, so that a dead database takes a quarter of a worker's time at
 * most. The host that served last is tried first. First one that can be written to is looked for;
 * if there are only standbys, they serve what is read.
 *
 * libpq is used in its asynchronous form: every wait is a poll(2) of ours. What it says goes to
 * standard error, once for each time that the database goes or comes.
 */
#include "auth/pgsql.h"

#include <poll.h>

#include "auth/trouble.h"
#include "base/buf.h"
#include "base/clock.h"
#include "net/addr.h"

struct host {
	char *name, *shown; /* name: a folder, too */
	char port[8];
	bool local;
};

struct pgsql {
	struct pgsql_settings set;
	struct host host[PGSQL_HOSTS];
	size_t nhosts, at; /* at: the one that served last */
	char *database, *user, *password, trust[40];
	PGconn *c;
	bool prepared[PGSQL_QUERIES];
	bool listens, news;
	bool pinned; /* within a transaction: this connection or none */
	bool read_only; /* a host was refused for that */
	bool down; /* and it was said */
	int64_t brake_until;
	deadline deadline; /* of what is asked now */
	char why[300];
};

static char *copy(struct str s)
{
	char *p = mem_alloc(s.n + 1, 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

/* "/path" may have ":port" behind it, as it is part of the socket's name. */
static void host_set(struct host *h, struct str text)
{
	struct str name = text;
	uint16_t port = 0;
	uint64_t n;
	bool literal;
	size_t i;

	h->local = str_starts(text, "/");
	if (h->local) {
		for (i = text.n; i > 0 && text.p[i - 1] >= '0' && text.p[i - 1] <= '9';)
			i--;
		if (i > 0 && text.p[i - 1] == ':' && str_u64(str_from(text, i), UINT16_MAX, &n) == 0) {
			port = (uint16_t)n;
			name = str_sub(text, 0, i - 1);
		}
	} else if (addr_split_hostport(text, &name, &port, &literal) < 0) {
		name = text;
	}
	h->name = copy(name);
	h->shown = copy(text);
	snprintf(h->port, sizeof(h->port), "%u", port ? port : 5432u);
}

struct pgsql *pgsql_new(const struct pgsql_settings *set)
{
	struct pgsql *p = mem_alloc(1, sizeof(*p));
	size_t i;

	p->set = *set;
	for (i = 0; i < set->nhosts && i < PGSQL_HOSTS; i++)
		host_set(&p->host[p->nhosts++], set->host[i]);
	p->set.host = NULL;
	p->database = copy(set->database);
	p->user = copy(set->user);
	p->password = copy(set->password);
	if (set->trust >= 0)
		snprintf(p->trust, sizeof(p->trust), "/proc/self/fd/%d", set->trust);
	return p;
}

static void drop(struct pgsql *p)
{
	if (!p->c)
		return;
	PQfinish(p->c);
	p->c = NULL;
	memset(p->prepared, 0, sizeof(p->prepared));
	p->news |= p->listens; /* what happens now is not heard */
}

void pgsql_free(struct pgsql *p)
{
	size_t i;

	drop(p);
	for (i = 0; i < p->nhosts; i++) {
		free(p->host[i].name);
		free(p->host[i].shown);
	}
	free(p->database);
	free(p->user);
	explicit_bzero(p->password, strlen(p->password));
	free(p->password);
	free(p);
}

/* The first line of what libpq says. */
static void note(struct pgsql *p, const char *host, const char *text)
{
	size_t n = strcspn(text, "\n");

	snprintf(p->why, sizeof(p->why), "%s%s%.*s", host, *host ? ": " : "", (int)MIN(n, (size_t)200), text);
}

static int wait_for(PGconn *c, short events, deadline d)
{
	struct pollfd f = { .fd = PQsocket(c), .events = events };
	int r;

	if (f.fd < 0)
		return E_CLOSED;
	do {
		r = deadline_passed(d) ? 0 : poll(&f, 1, deadline_left(d));
	} while (r < 0 && errno == EINTR);
	return r == 0 ? E_TIMEOUT : r < 0 ? E_CLOSED : 0;
}

static void hear(struct pgsql *p)
{
	PGnotify *n;

	while ((n = PQnotifies(p->c)) != NULL) {
		p->news = true;
		PQfreemem(n);
	}
}

/* SQLSTATE as one of ours; E_CLOSED: this connection is of no more use. */
static int error_of(struct pgsql *p, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	note(p, p->host[p->at].shown, PQresultErrorMessage(res));
	if (PQstatus(p->c) != CONNECTION_OK || !state || strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0 ||
		strcmp(state, "25006") == 0 || strcmp(state, "26000") == 0)
		return E_CLOSED;
	if (strcmp(state, "23505") == 0)
		return E_EXISTS;
	if (strcmp(state, "23503") == 0)
		return E_NOTFOUND;
	return strncmp(state, "22", 2) == 0 ? E_SYNTAX : E_TEMP;
}

/* What was sent is answered: the last result, or the first error. */
static int collect(struct pgsql *p, PGresult **out)
{
	PGresult *res = NULL, *next;
	int r = 0, unsent;

	while (r == 0 && (unsent = PQflush(p->c)) != 0) {
		r = unsent < 0 ? E_CLOSED : wait_for(p->c, POLLIN | POLLOUT, p->deadline);
		if (r == 0 && !PQconsumeInput(p->c))
			r = E_CLOSED;
	}
	for (;;) {
		while (r == 0 && PQisBusy(p->c)) {
			r = wait_for(p->c, POLLIN, p->deadline);
			if (r == 0 && !PQconsumeInput(p->c))
				r = E_CLOSED;
		}
		if (r == E_CLOSED || r == E_TIMEOUT || (next = PQgetResult(p->c)) == NULL)
			break;
		PQclear(res);
		res = next;
		if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
			r = error_of(p, res);
	}
	hear(p);
	if (r == 0 && !res)
		r = E_CLOSED;
	if (r == E_CLOSED && !res)
		note(p, p->host[p->at].shown, PQerrorMessage(p->c));
	if (r == E_TIMEOUT)
		note(p, p->host[p->at].shown, "does not answer in time");
	if (r == 0 && out)
		*out = res;
	else
		PQclear(res);
	return r;
}

int pgsql_exec(struct pgsql *p, const char *text, PGresult **out)
{
	return PQsendQuery(p->c, text) ? collect(p, out) : E_CLOSED;
}

static PGconn *start(struct pgsql *p, const struct host *h, const char *target)
{
	const char *key[20], *value[20];
	size_t n = 0;

#define SET(k, v) (key[n] = (k), value[n++] = (v))
	SET("host", h->name);
	SET("port", h->port);
	SET("dbname", p->database);
	SET("user", p->user);
	if (*p->password)
		SET("password", p->password);
	SET("sslmode", h->local ? "disable" : p->set.tls);
	if (!h->local && *p->trust && strncmp(p->set.tls, "verify", 6) == 0)
		SET("sslrootcert", p->trust);
	SET("gssencmode", "disable");
	SET("client_encoding", "UTF8");
	SET("application_name", "mansio");
	SET("target_session_attrs", target);
	SET("keepalives_idle", "30");
	SET("keepalives_interval", "10");
	SET("keepalives_count", "3");
#undef SET
	key[n] = value[n] = NULL;
	return PQconnectStartParams(key, value, 0);
}

static int connect_host(struct pgsql *p, size_t i, const char *target, deadline d)
{
	PostgresPollingStatusType s = PGRES_POLLING_WRITING;
	PGconn *c = start(p, &p->host[i], target);
	int r = 0;

	if (!c || PQstatus(c) == CONNECTION_BAD)
		s = PGRES_POLLING_FAILED;
	while (r == 0 && s != PGRES_POLLING_OK && s != PGRES_POLLING_FAILED) {
		r = wait_for(c, s == PGRES_POLLING_READING ? POLLIN : POLLOUT, d);
		if (r == 0)
			s = PQconnectPoll(c);
	}
	if (r == 0 && s == PGRES_POLLING_OK) {
		PQsetnonblocking(c, 1);
		p->c = c;
		return 0;
	}
	note(p, p->host[i].shown, r == E_TIMEOUT ? "does not answer in time" : c ? PQerrorMessage(c) : "no memory");
	p->read_only |= strstr(p->why, "read-only") != NULL;
	PQfinish(c);
	return E_TEMP;
}

static int set_up(struct pgsql *p)
{
	char text[200];
	int r;

	snprintf(text, sizeof(text), "SET statement_timeout = %lld", (long long)p->set.timeout_ms);
	r = pgsql_exec(p, text, NULL);
	if (r == 0) {
		p->pinned = true; /* what it asks (pgsql_run, too) is asked of this connection */
		r = p->set.ready(p->set.arg);
		p->pinned = false;
	}
	if (r == 0 && p->listens) {
		snprintf(text, sizeof(text), "LISTEN %s", p->set.channel);
		r = pgsql_exec(p, text, NULL);
	}
	if (r < 0)
		drop(p);
	return r;
}

static int connect_any(struct pgsql *p, const char *target)
{
	size_t i, first = p->at;
	int r = E_TEMP;

	for (i = 0; i < p->nhosts && !deadline_passed(p->deadline); i++) {
		p->at = (first + i) % p->nhosts;
		r = connect_host(p, p->at, target, deadline_in(MAX(deadline_left(p->deadline) / (int)(p->nhosts - i), 1)));
		if (r == 0)
			r = set_up(p);
		if (r == 0)
			return 0;
	}
	p->at = p->nhosts ? (first + 1) % p->nhosts : 0; /* names may take all the time: another begins next time */
	return r;
}

static void brake(struct pgsql *p, int64_t began)
{
	int64_t now = clock_mono_ms();

	p->brake_until = now + MAX(p->set.retry_ms, 3 * (now - began));
	trouble_tell("pgsql: %s%s", p->why, strstr(p->why, "certificate verify failed") ? " ([pgsql] ca_file)" : "");
	p->down = true;
}

static int ready_up(struct pgsql *p)
{
	int64_t began = clock_mono_ms();
	int r;

	if (p->c && PQstatus(p->c) == CONNECTION_OK)
		return 0;
	drop(p);
	if (began < p->brake_until)
		return E_TEMP;
	p->read_only = false;
	r = connect_any(p, "read-write");
	if (r < 0 && p->read_only)
		r = connect_any(p, "any");
	if (r < 0) {
		brake(p, began);
		return E_TEMP;
	}
	if (p->down)
		trouble_tell("pgsql: %s answers again", p->host[p->at].shown);
	p->down = false;
	return 0;
}

static int once(struct pgsql *p, const struct pgsql_query *q, PGresult **out)
{
	char name[16];
	int r;

	snprintf(name, sizeof(name), "m%u", q->number);
	if (!p->prepared[q->number]) {
		r = PQsendPrepare(p->c, name, q->text, q->n, NULL) ? collect(p, NULL) : E_CLOSED;
		if (r < 0)
			return r;
		p->prepared[q->number] = true;
	}
	if (!PQsendQueryPrepared(p->c, name, q->n, q->value, q->length, q->format, 0))
		return E_CLOSED;
	return collect(p, out);
}

int pgsql_run(struct pgsql *p, const struct pgsql_query *q, PGresult **out)
{
	int64_t began = clock_mono_ms();
	int i, r = E_TEMP;

	BUG_ON(q->number >= PGSQL_QUERIES);
	p->deadline = deadline_in(p->set.timeout_ms);
	for (i = 0; i < 2; i++) {
		if (p->pinned ? !p->c : ready_up(p) < 0)
			return E_TEMP;
		r = once(p, q, out);
		if (r != E_CLOSED && r != E_TIMEOUT)
			return r;
		drop(p);
		if (r == E_TIMEOUT || p->pinned)
			break;
	}
	brake(p, began);
	return E_TEMP;
}

int pgsql_begin(struct pgsql *p, const char *text)
{
	int i, r;

	BUG_ON(p->pinned);
	p->deadline = deadline_in(p->set.timeout_ms);
	for (i = 0; i < 2; i++) {
		if (ready_up(p) < 0)
			return E_TEMP;
		r = pgsql_exec(p, text, NULL);
		if (r == 0) {
			p->pinned = true;
			return 0;
		}
		if (r != E_CLOSED && r != E_TIMEOUT) {
			(void)pgsql_exec(p, "ROLLBACK", NULL);
			return r;
		}
		drop(p);
	}
	return E_TEMP;
}

int pgsql_end(struct pgsql *p, bool commit)
{
	bool good = p->c && PQtransactionStatus(p->c) == PQTRANS_INTRANS; /* a COMMIT of a failed one undoes it, and says yes */
	int r;

	p->pinned = false;
	if (!p->c)
		return E_TEMP;
	p->deadline = deadline_in(p->set.timeout_ms);
	r = pgsql_exec(p, commit && good ? "COMMIT" : "ROLLBACK", NULL);
	if (r == E_CLOSED || r == E_TIMEOUT) {
		drop(p);
		return commit && good ? E_CLOSED : E_TEMP;
	}
	return r == 0 && commit && !good ? E_TEMP : r;
}

void pgsql_listen(struct pgsql *p)
{
	p->listens = true;
	drop(p);
}

int pgsql_fd(const struct pgsql *p)
{
	return p->c ? PQsocket(p->c) : -1;
}

bool pgsql_news(struct pgsql *p)
{
	bool news;

	if (p->c && !PQconsumeInput(p->c))
		drop(p);
	if (p->c)
		hear(p);
	news = p->news;
	p->news = false;
	return news;
}
