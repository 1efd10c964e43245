/* SPDX-License-Identifier: ISC
 *
 * source.c: which address of this host a connection by MX leaves by, and how much a new one may send (conf/warmup.h).
 *
 *   those that the route names, else `[send] source`; none: the system chooses
 *     `- of the family of the server's address, by chance
 *          `- that may send more to this provider today
 *
 * What each new address sent to each provider today is counted here, when a session gets a job, and kept by queued
 * with the job's result (smtp/queue/warmup.c), which tells it to a new sender. When no address may send more, what
 * waits goes back to queued untried, until tomorrow.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/rand.h"
#include "conf/warmup.h"
#include "smtp/send/sender.h"

#define DAY 86400
#define SPREAD 120 /* s: not all of it comes back in the same second */
#define SOURCES 64

struct count {
	uint64_t n;
};

static bool drop_count(struct str key, void *value, void *arg)
{
	(void)key, (void)arg;
	free(value);
	return true;
}

static int64_t today(void)
{
	return clock_unix() / DAY;
}

void sources_done(struct sender *s)
{
	table_each(&s->warm, drop_count, NULL);
	table_done(&s->warm);
	table_init(&s->warm);
}

/* With a new day all counts begin anew. NULL: nothing was sent, and it is not to be made. */
static struct count *count_of(struct sender *s, const struct addr *a, struct str provider, bool make)
{
	char key[400], ip[ADDR_TEXT];
	struct count *c;

	if (s->warm_day != today()) {
		sources_done(s);
		s->warm_day = today();
	}
	snprintf(key, sizeof key, "%s %.*s", addr_text(a, ip), STRF(str_sub(provider, 0, 300)));
	c = table_get(&s->warm, str_of(key));
	if (!c && make) {
		c = mem_alloc(1, sizeof *c);
		table_set(&s->warm, str_of(key), c);
	}
	return c;
}

/* Messages that this address may still send to h's provider today. */
static uint64_t room(struct host *h, const struct addr *a)
{
	uint64_t limit = h->sender->conf->send_warmup.n ? warmup_limit(h->sender->conf, a, today(), NULL) : WARMUP_NONE;
	const struct count *c;

	if (limit == WARMUP_NONE)
		return limit;
	c = count_of(h->sender, a, pace_provider(h), false);
	return !c ? limit : c->n < limit ? limit - c->n : 0;
}

/* Those of one family, 0: of any that an address of the server has. How many. */
static size_t candidates(const struct host *h, int family, struct addr out[SOURCES])
{
	const struct conf_list *list = &h->sender->conf->send_source;
	bool by_route = h->way && h->way->nsources > 0;
	size_t i, k, n = 0, total = by_route ? h->way->nsources : list->n;
	struct addr a;

	for (i = 0; h->kind == HOST_MX && i < total && n < SOURCES; i++) {
		if (by_route)
			a = h->way->source[i];
		else if (addr_parse(list->v[i], &a) < 0)
			continue;
		for (k = 0; !family && k < h->naddrs && h->addr[k].family != a.family; k++)
			;
		if (family ? a.family == family : h->naddrs == 0 || k < h->naddrs)
			out[n++] = a;
	}
	return n;
}

uint64_t source_room(struct host *h)
{
	struct addr a[SOURCES];
	uint64_t sum = 0, one;
	size_t i, n;

	if (h->kind != HOST_MX || h->sender->conf->send_warmup.n == 0)
		return WARMUP_NONE;
	n = candidates(h, 0, a);
	for (i = 0; i < n; i++) {
		one = room(h, &a[i]);
		if (one == WARMUP_NONE)
			return one;
		sum += one;
	}
	return n ? sum : WARMUP_NONE;
}

int source_bind(struct host *h, int fd, int family, struct addr *used)
{
	struct addr a[SOURCES];
	struct sockaddr_storage ss;
	size_t n = candidates(h, family, a), i, k;
	int on = 1, r = 0;
	socklen_t len;

	*used = (struct addr){ 0 };
	for (i = 0; i < n;) /* those that have no room go */
		if (room(h, &a[i]) > 0)
			i++;
		else
			a[i] = a[--n], r = E_LIMIT;
	for (; n > 0; a[k] = a[--n]) {
		k = (size_t)(rand_u64() % n);
		len = addr_to_sockaddr(&a[k], &ss);
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on); /* the port is found by connect */
		if (bind(fd, (struct sockaddr *)&ss, len) == 0) {
			*used = a[k];
			return 0;
		}
		/* one that this machine does not have (any more) is no reason to keep the mail, unless a route wants it */
		if (h->way && h->way->nsources)
			return -errno;
	}
	return r;
}

bool source_may(struct host *h, const struct session *s)
{
	return !s->source.family || room(h, &s->source) > 0;
}

void source_sent(struct host *h, const struct session *s, struct job *j)
{
	char ip[ADDR_TEXT];
	struct str provider;

	j->warm = STR_NONE;
	if (!s->source.family || room(h, &s->source) == WARMUP_NONE)
		return;
	provider = pace_provider(h);
	count_of(h->sender, &s->source, provider, true)->n++;
	j->warm = str_of(arena_fmt(&j->a, "%s %.*s %lld", addr_text(&s->source, ip), STRF(str_sub(provider, 0, 300)),
		(long long)today()));
}

void source_unsent(struct host *h, const struct session *s, struct job *j)
{
	struct count *c = j->warm.p ? count_of(h->sender, &s->source, pace_provider(h), false) : NULL;

	j->warm = STR_NONE;
	if (c && c->n > 0)
		c->n--;
}

int64_t source_wait(struct host *h, struct dsn *why)
{
	int64_t left = DAY - clock_unix() % DAY;
	struct str provider = pace_provider(h);
	struct addr a[SOURCES];
	char ip[ADDR_TEXT];
	int64_t nth = 0;
	uint64_t limit;
	size_t n = candidates(h, 0, a);

	BUG_ON(n == 0);
	limit = warmup_limit(h->sender->conf, &a[0], today(), &nth);
	dsn_set(why, 0, "4.7.0", "warming up: %s%s sent what it may send to %.*s on its day %lld (%llu messages); more goes tomorrow",
		addr_text(&a[0], ip), n > 1 ? " (and each other address)" : "", STRF(provider), (long long)nth + 1,
		(unsigned long long)limit);
	return MIN(left + (int64_t)(rand_u64() % SPREAD), (int64_t)DAY);
}

/* "SOURCE PROVIDER N" (repeated) of a day, as queued kept it: the higher number counts. */
void sources_told(struct sender *s, const struct ipc_msg *m)
{
	struct str row, source, provider;
	uint64_t day, n;
	struct count *c;
	struct addr a;
	size_t i;

	if (ipc_get_u64(m, "day", INT64_MAX, &day) < 0 || (int64_t)day != today())
		return;
	for (i = 0; (row = ipc_get_nth(m, "row", i)).p; i++) {
		source = str_cut(&row, ' ');
		provider = str_cut(&row, ' ');
		if (addr_parse(source, &a) < 0 || provider.n == 0 || str_u64(row, UINT64_MAX, &n) < 0)
			continue;
		c = count_of(s, &a, provider, true);
		c->n = MAX(c->n, n);
	}
}
