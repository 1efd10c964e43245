/* SPDX-License-Identifier: ISC
 *
 * front.c: the door's main: start, sandbox, event loop, reload, stop.
 *
 * Order: settings and descriptors from master, TLS contexts, listeners, then
 * the sandbox, then "ready"; no stranger's byte is read before the sandbox.
 * Everything happens in one event loop of raw libevent events. The epoll
 * changelist is never switched on: a socket must be out of epoll when it is
 * passed on (handover.c).
 */
#include "front/front.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/sandbox.h"
#include "front/conn.h"
#include "net/client_cert.h"
#include "trace/trace.h"

#define PEM_MAX (1024 * 1024)
#define CERTIFICATES_MAX 32

static struct front front;

int64_t front_wait(const struct front *f, int64_t ms)
{
	size_t max = (size_t)f->conf->limit_connections;

	if (f->limits.total <= max - max / 4)
		return ms;
	return MIN(ms, f->conf->limit_pressure_wait);
}

void front_status(struct front *f)
{
	struct timeval soon = { 1, 0 };

	if (f->stopping && f->nconns == 0)
		event_base_loopexit(f->base, NULL);
	if (!event_pending(&f->ev_status, EV_TIMEOUT, NULL) &&
		(f->told != f->nconns || f->told_asleep != f->sleepers.n))
		event_add(&f->ev_status, &soon);
}

static void status_event(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;
	char note[40] = "";

	(void)fd, (void)what;
	f->told = f->nconns;
	f->told_asleep = f->sleepers.n;
	if (f->sleepers.n)
		snprintf(note, sizeof note, "%zu asleep", f->sleepers.n);
	program_status(&f->program, f->nconns, note);
}

/* ---- certificates */

/* From position 0, whatever an earlier reader of the same open file did. */
int front_read_pem(int fd, struct buf *out)
{
	struct stat st;
	char *p;

	if (fd < 0)
		return E_NOTFOUND;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > PEM_MAX)
		return E_LIMIT;
	p = buf_room(out, (size_t)st.st_size);
	if (!p || file_pread_all(fd, p, (size_t)st.st_size, 0) < 0)
		return E_DAMAGED;
	buf_grew(out, (size_t)st.st_size);
	return 0;
}

/* cert.N or key.N of a message; its descriptor is closed. */
static int take_pem(struct ipc_msg *m, const char *kind, size_t n, struct buf *out)
{
	char name[16];
	int fd, r;

	snprintf(name, sizeof name, "%s.%zu", kind, n);
	fd = ipc_take_fd(m, name);
	r = front_read_pem(fd, out);
	fd_close(&fd);
	return r;
}

/* All fronts open one another's tickets: a client may come back to any of them. */
static void share_tickets(struct tls_context *ctx, const struct ipc_msg *m)
{
	struct buf seed;
	uint64_t day;

	buf_init(&seed, TLS_SEED);
	if (ipc_get_u64(m, "ticket_day", INT32_MAX, &day) == 0 &&
		hex_decode(ipc_get(m, "ticket_seed"), &seed) == 0 && seed.n == TLS_SEED)
		tls_context_seed(ctx, (const unsigned char *)seed.p, (int64_t)day);
	buf_wipe(&seed);
}

static void load_certificates(struct front *f, struct ipc_msg *m)
{
	struct buf chain[CERTIFICATES_MAX], key[CERTIFICATES_MAX];
	struct tls_certificate cert[CERTIFICATES_MAX];
	struct tls_context *ctx = NULL;
	const char *why = NULL;
	struct str label;
	size_t i, n;
	int r = 0;

	for (n = 0; n < CERTIFICATES_MAX && (label = ipc_get_nth(m, "cert", n)).n; n++) {
		buf_init(&chain[n], PEM_MAX);
		buf_init(&key[n], PEM_MAX);
		if (r == 0) {
			r = take_pem(m, "cert", n, &chain[n]);
			if (r == 0)
				r = take_pem(m, "key", n, &key[n]);
			if (r < 0)
				trace_event(TRACE_ERROR, "tls-certificate", NULL, "%.*s: %s", STRF(label), err_text(r));
		}
		cert[n] = (struct tls_certificate){ buf_view(&chain[n]), buf_view(&key[n]), label };
	}
	if (r == 0) {
		r = tls_context_new(cert, n, f->conf->tls_min_version == 1 ? "1.3" : "1.2", f->tls, &ctx, &why);
		if (r < 0)
			trace_event(TRACE_ERROR, "tls-certificate", NULL, "%s", why);
	}
	for (i = 0; i < n; i++) {
		buf_done(&chain[i]);
		buf_wipe(&key[i]);
	}
	if (r < 0 && n > 0)
		return; /* a bad one never replaces a good one */
	if (ctx)
		share_tickets(ctx, m);
	tls_context_free(f->tls); /* connections keep theirs until they end */
	f->tls = ctx;
}

/* Whose certificates stand for a login; master has seen that it can be read. */
static void load_client_ca(struct front *f, struct ipc_msg *m)
{
	int fd = ipc_take_fd(m, "client_ca"), r = 0;
	struct client_ca *ca = NULL;
	struct buf text, why;

	buf_init(&text, CLIENT_CA_FILE_MAX);
	buf_init(&why, 1024);
	if (fd >= 0) {
		r = file_read_all(fd, &text);
		if (r == 0)
			r = client_ca_new(buf_view(&text), (unsigned)f->conf->auth_client_depth, &ca, &why);
	}
	if (r < 0) {
		trace_event(TRACE_ERROR, "tls-certificate", NULL, "client_ca: %s", why.n ? buf_cstr(&why) : err_text(r));
	} else {
		client_ca_free(f->client_ca);
		f->client_ca = ca;
	}
	fd_close(&fd);
	buf_done(&text);
	buf_done(&why);
}

/* ---- master's wishes */

static void on_peer(struct program *p, const char *name, int fd)
{
	trace_least(p->conf->log_level);
	if (strcmp(name, "traced") == 0)
		trace_open(fd, "front");
	else
		links_set(p->data, name, fd);
}

static void on_reload(struct program *p, struct ipc_msg *m, const struct conf *old)
{
	struct front *f = p->data;

	(void)old;
	trace_least(p->conf->log_level);
	f->conf = p->conf;
	event_active(&f->ev_places, EV_READ, 0); /* shares may be larger now */
	load_certificates(f, m);
	load_client_ca(f, m);
	trace_event(TRACE_INFO, "reload", NULL, "settings and certificates");
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	sessions_control(p->data, m);
}

static void stop_event(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;

	(void)fd, (void)what;
	event_base_loopexit(f->base, NULL);
}

/* No new connections; everybody is told; the rest ends with the grace time. */
static void on_stop(struct program *p)
{
	struct front *f = p->data;
	int64_t ms = f->conf->server_stop_grace;
	struct timeval grace = { ms / 1000, ms % 1000 * 1000 };
	struct conn *c, *next;

	if (f->stopping)
		return;
	f->stopping = true;
	listeners_close(f);
	for (c = f->conns; c; c = next) {
		next = c->next;
		handover_end(c, BYE_STOP);
	}
	event_add(&f->ev_stop, &grace);
	front_status(f);
}

static const struct program_ops ops = {
	.peer = on_peer,
	.reload = on_reload,
	.control = on_control,
	.stop = on_stop,
};

static void control_event(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;

	(void)fd, (void)what;
	program_dispatch(&f->program);
	f->conf = f->program.conf;
}

static void reap_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	conn_reap(arg);
}

static void places_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	places_serve(arg);
}

static void wakes_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	sleep_serve(arg);
}

static void more_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	conn_do_more(arg);
}

/* ---- main */

static void open_base(struct front *f)
{
	struct event_config *cfg = event_config_new();

	if (cfg)
		event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	f->base = cfg ? event_base_new_with_config(cfg) : NULL;
	if (!f->base) {
		fprintf(stderr, "mansio front: no event loop\n");
		exit(1);
	}
	event_config_free(cfg);
	event_assign(&f->ev_control, f->base, f->program.control, EV_READ | EV_PERSIST, control_event, f);
	event_assign(&f->ev_reap, f->base, -1, 0, reap_event, f);
	event_assign(&f->ev_relink, f->base, -1, 0, links_relink, f);
	event_assign(&f->ev_more, f->base, -1, 0, more_event, f);
	event_assign(&f->ev_places, f->base, -1, 0, places_event, f);
	event_assign(&f->ev_wakes, f->base, -1, 0, wakes_event, f);
	event_assign(&f->ev_status, f->base, -1, 0, status_event, f);
	event_assign(&f->ev_stop, f->base, -1, 0, stop_event, f);
}

static void enter_sandbox(const struct front *f)
{
	bool landlock = false;

	sandbox_log_only(f->conf->server_sandbox == 1);
	if (sandbox_prepare(SANDBOX_FRONT) < 0 || sandbox_enter(SANDBOX_FRONT, NULL, 0, &landlock) < 0) {
		fprintf(stderr, "mansio front: the kernel refuses the sandbox\n");
		exit(1);
	}
	if (!landlock)
		trace_event(TRACE_WARN, "sandbox", NULL, "no Landlock in this kernel");
}

int main(int argc, char **argv)
{
	struct front *f = &front;
	uint64_t fronts;

	program_start(&f->program, "front", &ops, argc, argv);
	f->program.data = f;
	f->conf = f->program.conf;
	trace_open(-1, "front");
	limits_init(&f->limits);
	table_init(&f->by_id);
	table_init(&f->by_sasl);
	if (ipc_get_u64(&f->program.start, "fronts", 1024, &fronts) < 0 || fronts == 0)
		fronts = 1;
	f->fronts = (size_t)fronts;
	f->mechs_tls = mem_strdup("");
	f->mechs_clear = mem_strdup("");
	f->mechs_certificate = mem_strdup("");
	f->hostname = conf_hostname(f->conf);
	open_base(f);
	f->bans = banlist_new(f->base);
	load_certificates(f, &f->program.start);
	load_client_ca(f, &f->program.start);
	listeners_open(f);
	enter_sandbox(f);
	event_add(&f->ev_control, NULL);
	program_ready(&f->program);
	do {
		if (event_base_loop(f->base, EVLOOP_ONCE) != 0)
			break;
		ipc_turn_end();
	} while (!event_base_got_exit(f->base));
	return 0;
}
