/* SPDX-License-Identifier: ISC
 *
 * http.c: libmicrohttpd between the connections (door.c) and who answers
 * (paths.c). It has no listening socket, no thread and no clock of its own: its
 * epoll descriptor stands in our loop, and http_kick runs it when we know of work.
 *
 *   head --> request_new --> body in pieces --> serve() --answer--> queued
 *                                                 | later: suspended until then
 *
 * Invariants: a request is answered once; who serves it may answer at once or later;
 * when the client goes first, `gone` is called once and nobody answers any more.
 */
#include <microhttpd.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/codec.h"
#include "trace/trace.h"
#include "webadmin/headers.h"
#include "webadmin/json.h"
#include "webadmin/web.h"

#define MEMORY (64 * 1024) /* of one connection, for heads */
#define HEADERS_MAX 12
#define STREAM_BLOCK 4096

struct request {
	struct arena arena;
	struct MHD_Connection *mhd;
	int fd;
	bool post, begun, served, suspended, answered;
	struct str uri, path, query, host;
	struct buf body;
	struct MHD_Response *response;
	struct {
		const char *name, *value;
	} header[HEADERS_MAX];
	size_t nheaders;
	unsigned status;
	struct stream *stream;
	void (*gone)(void *arg);
	void *gone_arg;
};

static struct MHD_Daemon *daemon_;
static struct event *ev_epoll, *ev_later;
static bool inside; /* libmicrohttpd runs: it must not be entered again */

/* --- what a request says ------------------------------------------------------- */

struct arena *request_arena(struct request *q)
{
	return &q->arena;
}

struct str request_path(const struct request *q)
{
	return q->path;
}

struct str request_query(const struct request *q)
{
	return q->query;
}

struct str request_body(const struct request *q)
{
	return buf_view(&q->body);
}

void request_body_drop(struct request *q)
{
	buf_wipe(&q->body);
}

struct str request_host(const struct request *q)
{
	return q->host;
}

struct str request_header(struct request *q, const char *name)
{
	return str_of(MHD_lookup_connection_value(q->mhd, MHD_HEADER_KIND, name));
}

const struct addr *request_peer(const struct request *q)
{
	return door_peer(q->fd);
}

int request_fd(const struct request *q)
{
	return q->fd;
}

bool request_is_post(const struct request *q)
{
	return q->post;
}

void request_on_gone(struct request *q, void (*gone)(void *arg), void *arg)
{
	q->gone = gone;
	q->gone_arg = arg;
}

/* --- answers --------------------------------------------------------------------- */

void request_set(struct request *q, const char *name, const char *value)
{
	BUG_ON(q->nheaders == HEADERS_MAX);
	q->header[q->nheaders].name = name;
	q->header[q->nheaders++].value = arena_cstr(&q->arena, str_of(value));
}

static void finish(struct request *q, unsigned status, const char *type, struct MHD_Response *r)
{
	size_t i;

	BUG_ON(q->answered || !r);
	q->answered = true;
	q->status = status;
	q->response = r;
	headers_add(r, request_path(q));
	if (type)
		MHD_add_response_header(r, "Content-Type", type);
	for (i = 0; i < q->nheaders; i++)
		MHD_add_response_header(r, q->header[i].name, q->header[i].value);
	if (door_last(q->fd))
		MHD_add_response_header(r, "Connection", "close");
	q->gone = NULL;
	if (q->suspended) {
		q->suspended = false;
		MHD_resume_connection(q->mhd);
		http_kick();
	}
}

void request_answer(struct request *q, unsigned status, const char *type, struct str body)
{
	finish(q, status, type,
		MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY));
}

void request_answer_static(struct request *q, unsigned status, const char *type, struct str body)
{
	finish(q, status, type,
		MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_PERSISTENT));
}

void request_answer_buf(struct request *q, unsigned status, const char *type, struct buf *body)
{
	struct buf b = *body;

	*body = (struct buf){ 0 };
	if (b.n == 0) {
		buf_done(&b);
		request_answer_static(q, status, type, STR(""));
		return;
	}
	finish(q, status, type, MHD_create_response_from_buffer(b.n, b.p, MHD_RESPMEM_MUST_FREE));
}

void request_fail(struct request *q, unsigned status, int code, const char *fmt, ...)
{
	char text[512];
	struct buf b;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&b, 8192);
	json_error(&b, str_of(text), code);
	request_answer_buf(q, status, "application/json", &b);
}

static ssize_t reader(void *cls, uint64_t at, char *out, size_t max)
{
	struct request *q = cls;
	ssize_t n = stream_read(q->stream, out, max);

	(void)at;
	if (n > 0)
		return n;
	if (n < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	MHD_suspend_connection(q->mhd);
	stream_paused(q->stream, q->mhd);
	return 0;
}

void request_stream(struct request *q, struct stream *s)
{
	q->stream = s;
	door_streams(q->fd);
	finish(q, MHD_HTTP_OK, "text/event-stream",
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, reader, q, NULL));
}

void http_resume(void *mhd_connection)
{
	MHD_resume_connection(mhd_connection);
	http_kick();
}

/* --- from head to answer ------------------------------------------------------------ */

/* Called for each request as soon as its first line is read: the one place where a
 * request begins. The URI is as it came. */
static void *request_new(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct request *q = mem_alloc(1, sizeof(*q));
	struct str rest;
	struct buf path;

	(void)cls;
	arena_init(&q->arena);
	q->mhd = mhd;
	q->fd = info->connect_fd;
	q->uri = arena_str(&q->arena, str_of(uri));
	rest = q->uri;
	buf_init(&path, 8192);
	if (percent_decode(str_cut(&rest, '?'), &path) == 0 && str_is_utf8(buf_view(&path)) &&
		!str_has_ctl(buf_view(&path)))
		q->path = arena_str(&q->arena, buf_view(&path));
	q->query = rest;
	buf_done(&path);
	buf_init(&q->body, str_eqc(q->path, "/api/v1/send") ? MAX(web.conf->web_send_size, web.conf->web_body) :
		web.conf->web_body);
	return q;
}

static void completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
	enum MHD_RequestTerminationCode how)
{
	struct request *q = *con_cls;
	int fd;

	(void)cls;
	(void)mhd;
	if (!q)
		return;
	*con_cls = NULL;
	fd = q->fd;
	if (q->status) /* the path, not what is behind the '?' */
		trace_event(TRACE_DEBUG, "http", NULL, "%u %.*s", q->status, STRF(str_sub(q->path, 0, 200)));
	if (q->gone)
		q->gone(q->gone_arg);
	if (q->stream)
		stream_gone(q->stream);
	buf_wipe(&q->body);
	arena_wipe(&q->arena);
	free(q);
	if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		door_answered(fd);
}

/* The table, the first that fits. A HEAD is served as a GET: libmicrohttpd leaves the body out. */
static const struct web_path *find(const struct request *q)
{
	const struct web_path *p;

	for (p = web_paths; p->path; p++) {
		bool tree = str_ends(str_of(p->path), "/");

		if (tree ? str_starts(q->path, p->path) : str_eqc(q->path, p->path))
			return p;
	}
	return NULL;
}

/* Without TLS nothing is served that matters: the same, with it. */
static void to_https(struct request *q)
{
	struct addr a = { 0 };
	const struct conf_list *l = &web.conf->listen_https;

	if (!l->n || addr_parse_hostport(l->v[0], &a) < 0 || !a.port || str_find(q->host, ':') >= 0) {
		request_fail(q, MHD_HTTP_NOT_FOUND, 67, "there is nothing of that name without TLS");
		return;
	}
	request_set(q, "Location", a.port == 443 ? arena_fmt(&q->arena, "https://%.*s%s", STRF(q->host), q->uri.p) :
		arena_fmt(&q->arena, "https://%.*s:%u%s", STRF(q->host), a.port, q->uri.p));
	request_answer_static(q, MHD_HTTP_PERMANENT_REDIRECT, NULL, STR(""));
}

static void serve(struct request *q, const char *method)
{
	const struct web_path *p = find(q);
	struct str why = STR_NONE;

	q->post = strcmp(method, "POST") == 0;
	q->host = host_of(request_header(q, "Host"));
	if (!(p && p->any_name) && !host_is_ours(q->host, &web, &why))
		request_fail(q, MHD_HTTP_MISDIRECTED_REQUEST, 65, "%.*s", STRF(why));
	else if (!q->path.p || !p)
		request_fail(q, MHD_HTTP_NOT_FOUND, 67, "there is nothing of that name");
	else if (door_clear(q->fd) && !p->clear)
		to_https(q);
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 && (!q->post || !p->post)) {
		request_set(q, "Allow", p->post ? "GET, HEAD, POST" : "GET, HEAD");
		request_fail(q, MHD_HTTP_METHOD_NOT_ALLOWED, 64, "this method is not for this");
	} else
		p->serve(q);
}

static enum MHD_Result access_handler(void *cls, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
	struct request *q = *con_cls;
	enum MHD_Result r;

	(void)cls;
	(void)url;
	(void)version;
	if (!q)
		return MHD_NO;
	if (!q->served && *upload_size > 0) {
		buf_add(&q->body, upload, *upload_size);
		*upload_size = 0;
		return q->body.err ? MHD_NO : MHD_YES;
	}
	if (!q->served) {
		/* first without anything: the body is still to come */
		if (!q->begun) {
			q->begun = true;
			return MHD_YES;
		}
		q->served = true;
		serve(q, method);
	}
	if (!q->answered) {
		q->suspended = true;
		MHD_suspend_connection(mhd);
		return MHD_YES;
	}
	r = MHD_queue_response(mhd, q->status, q->response);
	MHD_destroy_response(q->response);
	q->response = NULL;
	return r;
}

/* --- the daemon in our loop ------------------------------------------------------------ */

static void run(void)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct timeval tv = { 0, 0 };
	int turns = 0;

	if (inside)
		return;
	inside = true;
	do {
		MHD_run(daemon_);
	} while (++turns < 16 && MHD_get_timeout(daemon_, &ms) == MHD_YES && ms == 0);
	inside = false;
	if (turns == 16)
		event_add(ev_later, &tv);
}

static void epoll_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	run();
}

void http_kick(void)
{
	struct timeval tv = { 0, 0 };

	if (ev_later)
		event_add(ev_later, &tv);
}

int http_add(int fd, const struct addr *peer)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(peer, &ss);

	if (MHD_add_connection(daemon_, fd, (struct sockaddr *)&ss, n) != MHD_YES)
		return -errno;
	http_kick();
	return 0;
}

int http_open(void)
{
	const union MHD_DaemonInfo *info;

	daemon_ = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, access_handler, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, request_new, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)web.conf->web_connections + 1,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, 0u,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_END);
	info = daemon_ ? MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info || info->epoll_fd < 0)
		return E_TEMP;
	ev_epoll = event_new(web.base, info->epoll_fd, EV_READ | EV_PERSIST, epoll_event, NULL);
	ev_later = evtimer_new(web.base, epoll_event, NULL);
	event_add(ev_epoll, NULL);
	return 0;
}
