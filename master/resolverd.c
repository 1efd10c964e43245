/* SPDX-License-Identifier: ISC
 *
 * resolverd.c: the process that finds things in the DNS for all others (net/resolver.h says
 * what they ask; net/recursor.c how it is found).
 *
 *     link --ask------> recursor -------------------------> answer --> link
 *          --address--> itself, /etc/hosts, localhost, or
 *                       recursor: A and AAAA, both ------> address --> link
 *
 * The files of the system (hosts, resolv.conf, the trust anchor) are read before the sandbox
 * stands; a reload starts a new process in this one's place, which reads them anew.
 *
 * A question that wants no cache (fresh=1) begins a new one for everybody: libunbound cannot forget a single name.
 *
 * Always true: a question refers to its link until it is answered; a link whose peer is gone is
 * freed with its last question.
 */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sandbox.h"
#include "base/table.h"
#include "conf/program.h"
#include "net/hosts.h"
#include "net/recursor.h"
#include "net/resolver.h"
#include "trace/trace.h"

#define FILE_MAX (1024 * 1024)
#define ROOT_KEY "/usr/share/dns/root.key"
#define DNS_PORT 53
#define LINKS 256
#define PENDING (32 * 1024 * 1024) /* bytes of answers that a link has not taken yet */
#define BATCH 64
#define OLD 8 /* caches that were put away, at once */
#define YOUNG_MS 1000 /* many names that want no cache share a new one */
#define LOOK_S 1
#define NAMES 10000

struct pending {
	struct pending *next;
	struct ipc_msg m;
};

struct link {
	struct resolverd *d;
	struct link *next;
	int fd; /* -1: the peer is gone */
	size_t questions;
	struct event ev, ev_out;
	struct pending *out, **last; /* that the link could not take yet */
	size_t bytes;
};

struct resolverd {
	struct program program;
	struct event_base *base;
	struct recursor *recursor, *old[OLD]; /* old ones answer what they were asked */
	deadline young; /* until then the cache is as good as new, for names that are not in `fresh` */
	struct table fresh;
	struct recursor_options options; /* as they were before the sandbox */
	struct buf anchors; /* of them */
	struct arena arena;
	struct event ev_old;
	struct link *links;
	size_t nlinks;
	struct event ev_control;
	struct buf hosts;
};
static struct resolverd resolverd;

/* --- links ----------------------------------------------------------------------- */

static void link_close(struct link *l)
{
	struct pending *p;

	if (l->fd < 0)
		return;
	event_del(&l->ev);
	event_del(&l->ev_out);
	fd_close(&l->fd);
	while ((p = l->out)) {
		l->out = p->next;
		ipc_done(&p->m);
		free(p);
	}
}

static void link_free_if_done(struct link *l)
{
	struct link **at = &l->d->links;

	if (l->fd >= 0 || l->questions > 0)
		return;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->d->nlinks--;
	free(l);
}

/* Takes m. A peer that does not read is given PENDING bytes, then its answers are lost: its own
 * deadlines see to the rest. */
static void link_send(struct link *l, struct ipc_msg *m)
{
	struct pending *p;
	int r = l->fd < 0 ? E_CLOSED : l->out ? -EAGAIN : ipc_try_send(l->fd, m);

	if (r == -EAGAIN && l->bytes + m->arena.used < PENDING) {
		p = mem_alloc(1, sizeof *p);
		p->m = *m;
		*l->last = p;
		l->last = &p->next;
		l->bytes += m->arena.used;
		event_add(&l->ev_out, NULL);
		return;
	}
	ipc_done(m);
}

static void link_writable(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	struct pending *p;

	(void)what;
	while ((p = l->out)) {
		if (ipc_try_send(fd, &p->m) == -EAGAIN) {
			event_add(&l->ev_out, NULL);
			return;
		}
		l->out = p->next;
		l->bytes -= p->m.arena.used;
		ipc_done(&p->m);
		free(p);
	}
	l->last = &l->out;
}

/* --- a new cache ---------------------------------------------------------------------- */

static void look_at_old(evutil_socket_t fd, short what, void *arg)
{
	struct resolverd *d = arg;
	size_t i, n = 0;

	(void)fd, (void)what;
	for (i = 0; i < OLD; i++) {
		if (d->old[i] && recursor_idle(d->old[i])) {
			recursor_free(d->old[i]);
			d->old[i] = NULL;
		}
		n += d->old[i] != NULL;
	}
	if (n)
		event_add(&d->ev_old, &(struct timeval){ LOOK_S, 0 });
}

static void want_fresh(struct resolverd *d, const struct ipc_msg *m, const char *name)
{
	bool was_there;
	struct recursor *r;
	const char *why;
	size_t i;

	if (!ipc_get_bool(m, "fresh"))
		return;
	was_there = d->fresh.n >= NAMES || table_get(&d->fresh, str_of(name));
	if (!was_there)
		table_set(&d->fresh, str_of(name), d);
	if (!was_there && d->young && !deadline_passed(d->young))
		return;
	for (i = 0; i < OLD && d->old[i]; i++)
		;
	if (i == OLD || recursor_new(d->base, &d->options, &r, &why) < 0)
		return;
	d->old[i] = d->recursor;
	d->recursor = r;
	d->young = deadline_in(YOUNG_MS);
	table_done(&d->fresh);
	table_init(&d->fresh);
	table_set(&d->fresh, str_of(name), d);
	event_add(&d->ev_old, &(struct timeval){ LOOK_S, 0 });
}

/* --- ask ---------------------------------------------------------------------------- */

struct asked {
	struct link *l;
	uint64_t id;
	enum dns_type type;
};

static void ask_done(void *arg, const struct dns_answer *x)
{
	struct asked *q = arg;
	struct dns_answer mine = *x;
	struct ipc_msg m;
	struct buf size;

	mine.id = q->id;
	resolver_answer_print(&mine, q->type, &m);
	buf_init(&size, IPC_MAX);
	if (ipc_print(&m, &size) < 0) {
		ipc_done(&m);
		mine = (struct dns_answer){ .id = q->id, .state = DNS_SERVFAIL, .canonical = STR(""),
			.why = STR("the answer is too large") };
		resolver_answer_print(&mine, q->type, &m);
	}
	buf_done(&size);
	link_send(q->l, &m);
	q->l->questions--;
	link_free_if_done(q->l);
	free(q);
}

static int64_t wait_of(const struct link *l, const struct ipc_msg *m)
{
	int64_t most = l->d->program.conf->dns_timeout;
	uint64_t ms = (uint64_t)most;

	ipc_get_u64(m, "wait", (uint64_t)most, &ms); /* more than that: that */
	return MAX((int64_t)ms, (int64_t)1);
}

static int take_question(const struct ipc_msg *m, char name[DNS_NAME_TEXT], uint64_t *id)
{
	struct str s = ipc_get(m, "name");

	if (ipc_get_u64(m, "id", UINT64_MAX, id))
		return E_PEER;
	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	snprintf(name, DNS_NAME_TEXT, "%.*s", s.n < 512 && !str_has_ctl(s) ? (int)s.n : 0, s.p ? s.p : "");
	return 0;
}

static int on_ask(struct link *l, const struct ipc_msg *m)
{
	struct asked *q, x = { .l = l };
	char name[DNS_NAME_TEXT];

	if (take_question(m, name, &x.id) || dns_type_parse(ipc_get(m, "type"), &x.type))
		return E_PEER;
	q = mem_alloc(1, sizeof *q);
	*q = x;
	l->questions++;
	want_fresh(l->d, m, name);
	recursor_ask(l->d->recursor, name, q->type, wait_of(l, m), ask_done, q);
	return 0;
}

/* --- address ------------------------------------------------------------------------------ */

struct seek {
	struct link *l;
	uint64_t id;
	struct addr addr[RESOLVER_ADDRESSES * 2];
	size_t n, open;
	enum dns_state worst;
	bool insecure; /* some answer was not proven, or did not come by the DNS */
	char canonical[DNS_NAME_TEXT];
};

/* Only an address of this machine can be bound. */
static bool is_local(const struct addr *a)
{
	struct addr b = *a;
	struct sockaddr_storage ss;
	socklen_t len;
	bool yes;
	int fd;

	b.port = 0;
	len = addr_to_sockaddr(&b, &ss);
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	yes = bind(fd, (struct sockaddr *)&ss, len) == 0;
	close(fd);
	return yes;
}

/* RFC 6724 5, rule 1: is there a way to it at all? */
static bool has_route(const struct addr *a)
{
	struct addr b = *a;
	struct sockaddr_storage ss;
	socklen_t len;
	bool yes;
	int fd;

	b.port = DNS_PORT;
	len = addr_to_sockaddr(&b, &ss);
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	yes = connect(fd, (struct sockaddr *)&ss, len) == 0;
	close(fd);
	return yes;
}

static void add_addresses(const struct seek *k, struct ipc_msg *m)
{
	char text[ADDR_TEXT];
	size_t i, n = 0;
	int pass;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < k->n && n < RESOLVER_ADDRESSES; i++) {
			if (has_route(&k->addr[i]) != (pass == 0))
				continue;
			ipc_setc(m, "ip", addr_text(&k->addr[i], text));
			ipc_set_bool(m, "local", is_local(&k->addr[i]));
			n++;
		}
}

static void seek_done(struct seek *k)
{
	struct ipc_msg m;

	ipc_init(&m, "address");
	ipc_set_u64(&m, "id", k->id);
	add_addresses(k, &m);
	ipc_set_bool(&m, "secure", !k->insecure);
	if (k->canonical[0])
		ipc_setc(&m, "canonical", k->canonical);
	if (!k->n) {
		ipc_setc(&m, "error", k->worst == DNS_NODATA ? "no address" : dns_state_text(k->worst));
		ipc_setc(&m, "state", dns_state_name(k->worst));
	}
	link_send(k->l, &m);
	k->l->questions--;
	link_free_if_done(k->l);
	free(k);
}

static void seek_answer(void *arg, const struct dns_answer *x)
{
	struct seek *k = arg;
	size_t i;

	for (i = 0; i < x->n && k->n < ARRAY_LEN(k->addr); i++)
		k->addr[k->n++] = x->record[i].addr;
	if (x->canonical.n)
		snprintf(k->canonical, sizeof k->canonical, "%.*s", STRF(x->canonical));
	k->worst = MAX(k->worst, x->state);
	k->insecure |= !x->secure;
	if (--k->open == 0)
		seek_done(k);
}

/* Without the DNS, if it can be: an address, a name of the hosts file, localhost. */
static void seek_here(struct seek *k, struct str name, const struct buf *hosts)
{
	if (addr_parse(name, &k->addr[0]) == 0) {
		k->n = 1;
		return;
	}
	k->n = hosts_find(buf_view(hosts), name, k->addr, ARRAY_LEN(k->addr));
	if (!k->n && (str_ieqc(name, "localhost") || str_ends(name, ".localhost"))) {
		addr_parse(STR("127.0.0.1"), &k->addr[k->n++]);
		addr_parse(STR("::1"), &k->addr[k->n++]);
	}
}

static int on_address(struct link *l, const struct ipc_msg *m)
{
	struct seek *k, x = { .l = l };
	char name[DNS_NAME_TEXT];

	if (take_question(m, name, &x.id))
		return E_PEER;
	k = mem_alloc(1, sizeof *k);
	*k = x;
	l->questions++;
	seek_here(k, str_of(name), &l->d->hosts);
	if (k->n) {
		k->insecure = true;
		seek_done(k);
		return 0;
	}
	k->open = 2;
	want_fresh(l->d, m, name);
	recursor_ask(l->d->recursor, name, DNS_AAAA, wait_of(l, m), seek_answer, k);
	recursor_ask(l->d->recursor, name, DNS_A, wait_of(l, m), seek_answer, k);
	return 0;
}

/* --- what comes in by a link ------------------------------------------------------------------ */

static void link_add(struct resolverd *d, int fd);

static int on_link(struct link *l, const struct ipc_msg *m)
{
	struct ipc_msg answer;
	uint64_t id = 0;
	int pair[2] = { -1, -1 };

	if (ipc_get_u64(m, "id", UINT64_MAX, &id))
		return E_PEER;
	ipc_init(&answer, "link");
	ipc_set_u64(&answer, "id", id);
	if (l->d->nlinks < LINKS && ipc_pair(pair) == 0) {
		link_add(l->d, pair[1]);
		ipc_add_fd(&answer, "link", pair[0]);
	}
	ipc_try_send(l->fd, &answer); /* full: the asker's deadline ends it */
	ipc_done(&answer);
	fd_close(&pair[0]);
	return 0;
}

static int on_message(struct link *l, const struct ipc_msg *m)
{
	if (ipc_is(m, "ask"))
		return on_ask(l, m);
	if (ipc_is(m, "address"))
		return on_address(l, m);
	if (ipc_is(m, "link"))
		return on_link(l, m);
	return E_PEER;
}

static void link_readable(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	l->questions++; /* it stays while we are in here */
	for (i = 0; i < BATCH && r == 0 && l->fd == fd; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0)
			r = on_message(l, &m);
		ipc_done(&m);
	}
	if (r == E_PEER)
		trace_event(TRACE_ERROR, "peer-dropped", NULL, "malformed question");
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		link_close(l);
	l->questions--;
	link_free_if_done(l);
}

static void link_add(struct resolverd *d, int fd)
{
	struct link *l = mem_alloc(1, sizeof *l);

	fd_nonblock(fd, true);
	*l = (struct link){ .d = d, .next = d->links, .fd = fd };
	l->last = &l->out;
	d->links = l;
	d->nlinks++;
	event_assign(&l->ev, d->base, fd, EV_READ | EV_PERSIST, link_readable, l);
	event_assign(&l->ev_out, d->base, fd, EV_WRITE, link_writable, l);
	event_add(&l->ev, NULL);
}

/* --- start -------------------------------------------------------------------------------------- */

static NORETURN void cannot(int code, const char *what, const char *why)
{
	fprintf(stderr, "mansio resolverd: %s%s%s\n", what, why ? ": " : "", why ? why : "");
	exit(code);
}

static int load(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;

	if (fd < 0)
		return -errno;
	r = file_read_all(fd, out);
	close(fd);
	return r;
}

static void add_system_servers(struct recursor_options *o)
{
	struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	r = load("/etc/resolv.conf", &text);
	if (r < 0)
		trace_event(TRACE_ERROR, "resolv.conf", NULL, "/etc/resolv.conf: %s", err_text(r));
	o->nservers += resolvconf_servers(buf_view(&text), o->server + o->nservers, RECURSOR_SERVERS - o->nservers);
	buf_done(&text);
}

static void fill_options(const struct conf *c, struct arena *a, struct recursor_options *o)
{
	struct str zone, rest;
	size_t i;

	for (i = 0; i < c->dns_servers.n && o->nservers < RECURSOR_SERVERS; i++) {
		if (str_eqc(c->dns_servers.v[i], "system"))
			add_system_servers(o);
		else if (addr_parse_server(c->dns_servers.v[i], DNS_PORT, &o->server[o->nservers]) == 0)
			o->nservers++;
	}
	for (i = 0; i < c->dns_zones.n && o->nzones < RECURSOR_ZONES; i++) {
		rest = c->dns_zones.v[i];
		zone = str_cut(&rest, '=');
		if (addr_parse_server(rest, DNS_PORT, &o->zone[o->nzones].server) == 0)
			o->zone[o->nzones++].name = arena_cstr(a, zone);
	}
	o->cache = c->dns_cache;
	o->queries = (size_t)c->dns_queries;
	o->validate = !str_eqc(c->dns_trust_anchor, "none");
}

/* The file that is named must be there; Debian's own may. */
static void load_anchors(const struct conf *c, struct buf *out)
{
	bool named = c->dns_trust_anchor.n > 0 && !str_eqc(c->dns_trust_anchor, "none");
	const char *path = named ? c->dns_trust_anchor.p : ROOT_KEY;
	int r = load(path, out);

	if (r < 0 && named) {
		fprintf(stderr, "mansio resolverd: [dns] trust_anchor: %s: %s\n", path, err_text(r));
		exit(EX_CONFIG);
	}
}

static void open_recursor(struct resolverd *d)
{
	const char *why = "";

	buf_init(&d->anchors, FILE_MAX);
	load_anchors(d->program.conf, &d->anchors);
	arena_init(&d->arena);
	table_init(&d->fresh);
	fill_options(d->program.conf, &d->arena, &d->options);
	d->options.anchors = buf_view(&d->anchors);
	if (recursor_new(d->base, &d->options, &d->recursor, &why))
		cannot(EX_CONFIG, "[dns]", why);
	evtimer_assign(&d->ev_old, d->base, look_at_old, d);
}

/* TCP goes to port 53 and to the ports of the settings; UDP no filter can tie to a port. */
static void enter_sandbox(const struct conf *c)
{
	uint16_t port[SANDBOX_PORTS] = { DNS_PORT };
	size_t i, n = 1;
	struct str rest;
	struct addr a;

	for (i = 0; i < c->dns_servers.n && n < SANDBOX_PORTS; i++)
		if (addr_parse_server(c->dns_servers.v[i], DNS_PORT, &a) == 0)
			port[n++] = a.port;
	for (i = 0; i < c->dns_zones.n && n < SANDBOX_PORTS; i++) {
		rest = c->dns_zones.v[i];
		str_cut(&rest, '=');
		if (addr_parse_server(rest, DNS_PORT, &a) == 0)
			port[n++] = a.port;
	}
	sandbox_connect_ports(port, n);
	sandbox_log_only(c->server_sandbox == CONF_SANDBOX_LOG);
	if (sandbox_prepare(SANDBOX_RESOLVER) || sandbox_enter(SANDBOX_RESOLVER, NULL, 0, NULL))
		cannot(EX_OSERR, "the kernel refuses the sandbox", NULL);
}

/* A socket for each of libunbound's questions that are on their way. */
static void raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < 2048) {
		lim.rlim_cur = MIN(lim.rlim_max, (rlim_t)2048);
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static void on_peer(struct program *p, const char *name, int fd)
{
	if (strcmp(name, "traced") == 0) {
		trace_least(p->conf->log_level);
		trace_open(fd, "resolverd");
	} else {
		close(fd);
	}
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	(void)name, (void)instance;
	link_add(p->data, fd);
}

static void control_event(evutil_socket_t fd, short what, void *arg)
{
	struct resolverd *d = arg;

	(void)fd, (void)what;
	program_dispatch(&d->program);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = { .peer = on_peer, .client = on_client };
	struct resolverd *d = &resolverd;

	program_start(&d->program, "resolverd", &ops, argc, argv);
	d->program.data = d;
	trace_open(-1, "resolverd");
	raise_descriptors();
	d->base = event_base_new();
	if (!d->base)
		cannot(EX_OSERR, "no event loop", NULL);
	buf_init(&d->hosts, FILE_MAX);
	if (load("/etc/hosts", &d->hosts) == E_LIMIT)
		trace_event(TRACE_WARN, "hosts", NULL, "/etc/hosts is larger than 1 MiB: it is not used");
	open_recursor(d);
	enter_sandbox(d->program.conf);
	event_assign(&d->ev_control, d->base, d->program.control, EV_READ | EV_PERSIST, control_event, d);
	event_add(&d->ev_control, NULL);
	program_ready(&d->program);
	event_base_dispatch(d->base);
	return 0;
}
