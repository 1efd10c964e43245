/* SPDX-License-Identifier: ISC
 *
 * host.c: a server that takes mail: our own lmtpd, the smarthost, or one that MX records
 * name; shared by all destinations that lead to it (see sender.h). Its life, and the line of destinations with mail for it:
 * an idle session takes a job of the first, which goes to the end (serve.c). Where it is: reach.c.
 */
#include "smtp/send/sender.h"

/* --- life --------------------------------------------------------------------------- */

void host_init(struct host *h, struct sender *s, enum host_kind kind)
{
	*h = (struct host){ .sender = s, .kind = kind };
	TAILQ_INIT(&h->dests);
	reach_init(h);
	arena_init(&h->a);
	arena_init(&h->records);
}

/* Idle sessions end. */
static void rest(struct host *h)
{
	struct session *s;

	for (s = h->sessions; s; s = s->next)
		if (s->client.state == CLIENT_READY && !s->client.job) {
			client_quit(&s->client);
			session_step(s);
		}
}

/* Other settings may mean another server: what is known of the old one goes. */
void host_set(struct host *h, struct client_options *opt, size_t max)
{
	struct client_options *old = h->opt;

	h->opt = opt;
	h->max = max;
	h->naddrs = 0;
	lookup_stop(h->sender, &h->lookup);
	lookup_stop(h->sender, &h->tlsa);
	h->decided = false;
	if (h->kind == HOST_MX)
		h->facts.host = opt->host;
	h->hold = h->down = DEADLINE_NEVER;
	h->login_told = false;
	h->failure[0] = '\0';
	rest(h);
	options_drop(old);
	host_wake(h);
}

/* What may differ between destinations that name the same host stands in its key. */
static void print_key(const struct dest *d, struct str name, uint16_t port, bool allowed, char *out, size_t n)
{
	bool special = d->secure || d->sts_found;

	snprintf(out, n, "%.*s %u %d %d %d %s %s %d", STRF(name), port, d->secure, d->sts_found ? (int)d->sts_mode : -1, allowed,
		special ? d->name : "", d->way ? d->way->key : "", (int)d->tls);
}

struct client_options *host_options(const struct host *h, struct str name, uint16_t port)
{
	struct client_options *o = options_mx(h->sender->conf, name, port, h->sender->trust, h->way);

	o->requiretls = h->facts.requiretls;
	return o;
}

/* d->a may go before the host: what it says is copied. */
static void set_facts(struct host *h, const struct dest *d)
{
	struct str *mx = arena_array(&h->a, d->sts_n + 1, sizeof *mx);
	size_t i;

	for (i = 0; i < d->sts_n; i++)
		mx[i] = arena_str(&h->a, d->sts_mx[i]);
	h->facts = (struct security_facts){
		.domain = arena_cstr(&h->a, str_of(d->name)), .host = h->opt->host, .literal = h->opt->literal, .mx_secure = d->secure,
		.sts_found = d->sts_found, .sts_mode = d->sts_mode, .sts_mx = mx, .sts_n = d->sts_n,
		.requiretls = d->tls == DEST_TLS_REQUIRED, .optional = d->tls == DEST_TLS_OPTIONAL,
	};
	way_facts(d->way, &h->facts);
	h->opt->requiretls = h->facts.requiretls;
}

struct host *host_get(const struct dest *d, struct str name, uint16_t port)
{
	struct sender *s = d->sender;
	bool allowed = d->sts_found && sts_allows(d->sts_mx, d->sts_n, name.p ? name.p : "");
	char key[900];
	struct host *h;

	print_key(d, name, port, allowed, key, sizeof key);
	h = d->probe ? NULL : table_get(&s->hosts, str_of(key));
	if (!h) {
		h = mem_alloc(1, sizeof *h);
		host_init(h, s, HOST_MX);
		h->key = mem_strdup(key);
		h->way = way_ref(d->way);
		h->opt = options_mx(s->conf, name, port, s->trust, d->way);
		h->max = (size_t)s->conf->send_host_sessions;
		set_facts(h, d);
		h->probe = d->probe;
		if (!h->probe)
			table_set(&s->hosts, str_of(key), h);
	}
	h->refs++;
	return h;
}

static void host_free(struct host *h)
{
	if (h->works)
		TAILQ_REMOVE(&h->sender->work, h, work);
	if (h->starves)
		TAILQ_REMOVE(&h->sender->starved, h, starved);
	lookup_stop(h->sender, &h->lookup);
	lookup_stop(h->sender, &h->tlsa);
	arena_done(&h->a);
	arena_done(&h->records);
	if (!h->probe)
		table_remove(&h->sender->hosts, str_of(h->key));
	free(h->alias);
	options_drop(h->opt);
	way_drop(h->way);
	free(h->key);
	free(h);
}

/* It is freed later, by its work or tick: the caller may stand in the middle of it. */
void host_release(struct host *h)
{
	h->refs--;
	if (h->probe)
		host_wake(h); /* no table has it */
}

static bool is_unused(const struct host *h)
{
	return h->key && h->refs == 0 && !h->sessions;
}

bool host_is_down(const struct host *h)
{
	return h->down && !deadline_passed(h->down);
}

void host_wake(struct host *h)
{
	if (!h->works)
		TAILQ_INSERT_TAIL(&h->sender->work, h, work);
	h->works = true;
	sender_wake(h->sender);
}

void host_attach(struct host *h, struct dest *d)
{
	TAILQ_INSERT_TAIL(&h->dests, d, turn);
	d->attached = true;
	host_wake(h);
}

void host_detach(struct host *h, struct dest *d)
{
	TAILQ_REMOVE(&h->dests, d, turn);
	d->attached = false;
}

/* --- failure ------------------------------------------------------------------------- */

void host_note_failure(struct host *h, const char *text)
{
	snprintf(h->failure, sizeof h->failure, "%.*s", (int)sizeof h->failure - 1, text);
}

/* Everybody in the line goes elsewhere. A destination may come back to this line only when its
 * list is made anew, so those of now are counted. */
void host_failed(struct host *h, const struct dsn *why, bool ours)
{
	struct dest_list line = TAILQ_HEAD_INITIALIZER(line);
	struct dest *d;

	if (h->probe)
		host_wake(h);
	if (h->kind == HOST_MX || h->probe) {
		h->down = h->sender->conf->send_down ? deadline_in(h->sender->conf->send_down) : DEADLINE_NEVER;
		h->down_why = *why;
		h->ours = ours;
	}
	TAILQ_CONCAT(&line, &h->dests, turn);
	while ((d = TAILQ_FIRST(&line))) {
		TAILQ_REMOVE(&line, d, turn);
		d->attached = false;
		dest_host_failed(d, why, ours);
	}
}

/* --- turns --------------------------------------------------------------------------- */

void host_work(struct host *h)
{
	if (!h->probe)
		host_serve(h);
	else if (h->refs)
		probe_wake(h->probe);
	if (is_unused(h))
		host_free(h);
}

void host_tick(struct host *h)
{
	if (h->pace && deadline_passed(h->pace)) {
		h->pace = DEADLINE_NEVER;
		host_wake(h);
	}
	if (h->hold && deadline_passed(h->hold))
		host_wake(h);
	if (is_unused(h))
		host_free(h);
}

void host_drop(struct host *h, bool orphan)
{
	struct session *s;
	struct job *j;

	for (s = h->sessions; s; s = s->next) {
		j = s->client.job;
		if (j)
			j->orphan |= orphan || !j->begun; /* nothing is known of it: it is nobody's attempt */
		if (j && orphan && j->begun)
			orphan_add(h->sender, j);
		if (!j && s->client.state == CLIENT_READY)
			client_quit(&s->client);
		else if (!j || !j->begun)
			client_lost(&s->client, "4.3.2", "is not waited for: this server stops");
		session_step(s);
	}
	host_wake(h);
}
