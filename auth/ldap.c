/* SPDX-License-Identifier: ISC
 *
 * ldap.c: see ldap.h.
 *
 * The sockets are ours (ldap_init_fd): name lookup and connect(2) have deadlines that way, and reads and
 * writes have SO_RCVTIMEO beside the library's own times, which do not cover an answer that stops in its
 * middle. Results are taken one message at a time and counted, so that a server that never ends its list
 * costs neither memory nor time.
 */
#include "auth/ldap.h"

#include <fcntl.h>
#include <ldap.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openldap.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "auth/trouble.h"
#include "base/clock.h"
#include "base/file.h"

#define SERVERS_MAX 8
#define PDU_MAX (4 << 20) /* largest message of a server */
#define PAGE 500 /* entries asked for at a time (RFC 2696) */

struct server {
	char *uri, *host, *port; /* host: name or path */
	bool tls, local; /* from the first byte; a socket of this host */
	int64_t down_until; /* monotonic ms; 0: it answered last time */
};

struct ldap_client {
	const struct conf *conf;
	struct arena a;
	struct str password;
	deadline until; /* of what is asked now */
	struct server server[SERVERS_MAX];
	size_t n;
	struct link {
		LDAP *ld;
		size_t server;
	} search, binding;
};

/* --- one server ------------------------------------------------------------- */

static void complain(const struct server *s, const char *what, const char *words)
{
	trouble_tell("ldap: %s: %s: %s", s->uri, what, words);
}

static int connect_one(const struct sockaddr *addr, socklen_t n, int family, deadline d, int64_t timeout)
{
	struct timeval tv = { .tv_sec = (time_t)(timeout / 1000), .tv_usec = (suseconds_t)(timeout % 1000 * 1000) };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), err = 0, one = 1;
	socklen_t size = sizeof(err);
	struct pollfd p;

	if (fd < 0)
		return -errno;
	fd_nonblock(fd, true);
	p = (struct pollfd){ .fd = fd, .events = POLLOUT };
	if (connect(fd, addr, n) != 0) {
		err = errno;
		if (err == EINPROGRESS)
			err = poll(&p, 1, deadline_left(d)) <= 0 ? ETIMEDOUT :
				getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0 ? errno : err;
	}
	if (err) {
		close(fd);
		return -err;
	}
	fd_nonblock(fd, false);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int connect_path(const struct server *s, deadline d, int64_t timeout)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(s->host);

	if (n >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, s->host, n);
	return connect_one((struct sockaddr *)&un, sizeof(un), AF_UNIX, d, timeout);
}

static int connect_host(const struct server *s, deadline d, int64_t timeout)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *all, *i;
	int fd = -EHOSTUNREACH;

	if (getaddrinfo(s->host, s->port, &want, &all) != 0)
		return -EHOSTUNREACH;
	for (i = all; i && fd < 0 && !deadline_passed(d); i = i->ai_next)
		fd = connect_one(i->ai_addr, i->ai_addrlen, i->ai_family, d, timeout);
	freeaddrinfo(all);
	return fd;
}

/* The next message that answers msgid: its type, or negative. */
static int next_message(LDAP *ld, int msgid, deadline d, LDAPMessage **out)
{
	int left = deadline_left(d), type;
	struct timeval tv = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

	if (left <= 0)
		return E_TIMEOUT;
	type = ldap_result(ld, msgid, LDAP_MSG_ONE, &tv, out);
	return type > 0 ? type : type == 0 ? E_TIMEOUT : E_CLOSED;
}

/* The library's code of the answer to a question that has just one; negative: none came. */
static int one_result(LDAP *ld, int msgid, deadline d, struct buf *words)
{
	LDAPMessage *m = NULL;
	char *text = NULL;
	int code = LDAP_OTHER, r = next_message(ld, msgid, d, &m);

	if (r < 0)
		return r;
	if (ldap_parse_result(ld, m, &code, NULL, &text, NULL, NULL, 1) != LDAP_SUCCESS)
		code = LDAP_OTHER;
	if (words && text)
		buf_puts(words, text);
	ldap_memfree(text);
	return code;
}

static int simple_bind(LDAP *ld, struct str dn, struct str password, deadline d, struct arena *a, struct buf *words)
{
	struct berval cred = { .bv_len = password.n, .bv_val = (char *)(uintptr_t)password.p };
	int msgid, r;

	r = ldap_sasl_bind(ld, arena_cstr(a, dn), LDAP_SASL_SIMPLE, &cred, NULL, NULL, &msgid);
	return r != LDAP_SUCCESS ? E_CLOSED : one_result(ld, msgid, d, words);
}

static const char *code_words(int r)
{
	return r < 0 ? err_text(r) : ldap_err2string(r);
}

static volatile sig_atomic_t handshake_fd;

static void too_late(int signal)
{
	int before = errno;

	(void)signal;
	shutdown(handshake_fd, SHUT_RDWR);
	errno = before;
}

/* The library begins a handshake again and again after SO_RCVTIMEO, and has no deadline for it: in time the socket is shut,
 * and it sees the end. */
static int install_tls(LDAP *ld, deadline d)
{
	struct sigaction act = { .sa_handler = too_late }, before;
	int left = MAX(deadline_left(d), 1), fd = -1, r;
	struct itimerval in_time = { .it_value = { left / 1000, left % 1000 * 1000 } }, off = { 0 };

	ldap_get_option(ld, LDAP_OPT_DESC, &fd);
	handshake_fd = fd;
	sigemptyset(&act.sa_mask);
	sigaction(SIGALRM, &act, &before);
	setitimer(ITIMER_REAL, &in_time, NULL);
	r = ldap_install_tls(ld);
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &before, NULL);
	return r == LDAP_SUCCESS && deadline_passed(d) ? E_TIMEOUT : r;
}

/* TLS is there, or the connection is of this host. */
static int secure(LDAP *ld, const struct conf *conf, const struct server *s, deadline d)
{
	int msgid, r;

	if (s->local || (!s->tls && !conf->ldap_start_tls))
		return LDAP_SUCCESS;
	if (!s->tls) {
		r = ldap_start_tls(ld, NULL, NULL, &msgid) == LDAP_SUCCESS ? one_result(ld, msgid, d, NULL) : E_CLOSED;
		if (r != LDAP_SUCCESS) {
			complain(s, "StartTLS is refused", code_words(r));
			return r;
		}
	}
	r = install_tls(ld, d);
	if (r != LDAP_SUCCESS && deadline_passed(d)) {
		complain(s, "TLS failed", err_text(E_TIMEOUT));
	} else if (r != LDAP_SUCCESS) {
		char *text = NULL;

		ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
		/* the library compares "localhost" with this host's own name, and has no words for names that differ, nor always for authorities */
		complain(s, "TLS failed", text && *text && !strstr(text, "unknown error") ? text :
			str_ieqc(str_of(s->host), "localhost") ?
			"its certificate is of an authority that is not trusted here ([ldap] ca_file), or not for this host's own name, which the LDAP library takes for \"localhost\": write 127.0.0.1, or that name" :
			"its certificate has another name, or is of an authority that is not trusted here ([ldap] ca_file)");
		ldap_memfree(text);
	}
	return r;
}

static void set_options(LDAP *ld, int64_t timeout)
{
	struct timeval tv = { .tv_sec = (time_t)(timeout / 1000), .tv_usec = (suseconds_t)(timeout % 1000 * 1000) };
	int three = LDAP_VERSION3, never = LDAP_DEREF_NEVER;
	ber_len_t most = PDU_MAX;
	Sockbuf *sb = NULL;

	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &three);
	ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(ld, LDAP_OPT_DEREF, &never);
	ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &tv);
	ldap_set_option(ld, LDAP_OPT_TIMEOUT, &tv);
	if (ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb)
		ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most);
	/* one read for many messages, each of which takes two otherwise */
	if (sb)
		ber_sockbuf_add_io(sb, &ber_sockbuf_io_readahead, LBER_SBIOD_LEVEL_PROVIDER, NULL);
}

/* A connection to that server; as_service: bound by our own name. */
static int open_server(struct ldap_client *c, struct server *s, bool as_service, deadline d, LDAP **out)
{
	int64_t timeout = MAX(deadline_left(d), 1);
	int fd = s->local ? connect_path(s, d, timeout) : connect_host(s, d, timeout), r;
	LDAP *ld = NULL;
	struct arena a;

	if (fd < 0) {
		if (!s->down_until)
			complain(s, "no connection", err_text(fd));
		return fd;
	}
	if (ldap_init_fd(fd, s->local ? LDAP_PROTO_IPC : LDAP_PROTO_TCP, s->uri, &ld) != LDAP_SUCCESS) {
		close(fd);
		return E_TEMP;
	}
	set_options(ld, timeout);
	r = secure(ld, c->conf, s, d);
	if (r == LDAP_SUCCESS && as_service && c->conf->ldap_bind_dn.n) {
		arena_init(&a);
		r = simple_bind(ld, c->conf->ldap_bind_dn, c->password, d, &a, NULL);
		arena_wipe(&a);
		if (r != LDAP_SUCCESS)
			complain(s, "the login of [ldap] bind_dn failed", code_words(r));
	}
	if (r != LDAP_SUCCESS) {
		ldap_unbind_ext(ld, NULL, NULL);
		return E_TEMP;
	}
	*out = ld;
	return 0;
}

/* --- the servers, one after the other ------------------------------------------ */

static void link_close(struct link *l)
{
	if (l->ld)
		ldap_unbind_ext(l->ld, NULL, NULL);
	l->ld = NULL;
}

/* What a server did not answer in time is its fault: another one is next. */
static void link_failed(struct ldap_client *c, struct link *l, int why)
{
	struct server *s = &c->server[l->server];

	if (why == E_TIMEOUT) {
		if (!s->down_until)
			complain(s, "no answer", err_text(why));
		s->down_until = clock_mono_ms() + c->conf->ldap_retry;
	}
	link_close(l);
}

/* In order, each with an equal share of the time that is left. Those that failed not long ago are left out: who asks
 * then waits for nothing. */
static int link_open(struct ldap_client *c, struct link *l, deadline d)
{
	int64_t now = clock_mono_ms();
	size_t i, left = 0;

	for (i = 0; i < c->n; i++)
		left += c->server[i].down_until <= now;
	for (i = 0; i < c->n && left > 0; i++) {
		struct server *s = &c->server[i];
		bool was_down = s->down_until != 0;

		if (s->down_until > now)
			continue;
		if (open_server(c, s, l == &c->search, deadline_in(MAX(deadline_left(d), 0) / (int64_t)left--), &l->ld) < 0) {
			s->down_until = clock_mono_ms() + c->conf->ldap_retry;
			continue;
		}
		if (was_down)
			complain(s, "it answers", "again");
		s->down_until = 0;
		l->server = i;
		return 0;
	}
	return E_TEMP;
}

/* --- searches ------------------------------------------------------------------- */

static struct ldap_value *values_of(LDAP *ld, LDAPMessage *m, const char *attr, struct arena *a)
{
	struct berval **v = ldap_get_values_len(ld, m, attr);
	struct ldap_value *first = NULL, **end = &first;
	size_t i;

	for (i = 0; v && v[i]; i++) {
		*end = ARENA_NEW(a, struct ldap_value);
		(*end)->v = arena_str(a, str_make(v[i]->bv_val, v[i]->bv_len));
		end = &(*end)->next;
	}
	ldap_value_free_len(v);
	return first;
}

static struct ldap_entry *entry_of(LDAP *ld, LDAPMessage *m, const char *const *attrs, struct arena *a)
{
	struct ldap_entry *e = ARENA_NEW(a, struct ldap_entry);
	char *dn = ldap_get_dn(ld, m);
	size_t n = 0, i;

	while (attrs[n])
		n++;
	e->dn = arena_str(a, dn ? str_of(dn) : STR(""));
	ldap_memfree(dn);
	e->value = arena_array(a, n + 1, sizeof(*e->value));
	for (i = 0; i < n; i++)
		e->value[i] = values_of(ld, m, attrs[i], a);
	return e;
}

struct search {
	struct str base, filter;
	enum ldap_scope scope;
	const char *const *attrs;
	size_t limit, n;
	struct arena *a;
	struct ldap_entry *first, **end;
};

/* The cookie of the next page, from the last message of this one. */
static int end_of_page(LDAP *ld, LDAPMessage *m, struct berval *cookie)
{
	LDAPControl **controls = NULL, *paged;
	ber_int_t estimate;
	int code = LDAP_OTHER;

	ber_memfree(cookie->bv_val);
	*cookie = (struct berval){ 0 };
	if (ldap_parse_result(ld, m, &code, NULL, NULL, NULL, &controls, 0) != LDAP_SUCCESS)
		code = LDAP_OTHER;
	paged = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	if (paged && ldap_parse_pageresponse_control(ld, paged, &estimate, cookie) != LDAP_SUCCESS)
		code = LDAP_OTHER;
	ldap_controls_free(controls);
	return code;
}

static int run_page(LDAP *ld, struct search *s, struct berval *cookie, deadline d)
{
	LDAPControl *paged = NULL, *controls[2] = { NULL, NULL };
	int msgid, type = 0, code = LDAP_SUCCESS, r = 0;
	struct arena a;
	LDAPMessage *m;

	arena_init(&a);
	/* few are found in one answer */
	if (s->scope == LDAP_BELOW && s->limit > PAGE && ldap_create_page_control(ld, PAGE, cookie, 0, &paged) == LDAP_SUCCESS)
		controls[0] = paged;
	if (ldap_search_ext(ld, arena_cstr(&a, s->base), s->scope == LDAP_BELOW ? LDAP_SCOPE_SUBTREE : LDAP_SCOPE_BASE,
		    arena_cstr(&a, s->filter), (char **)(uintptr_t)s->attrs, 0, controls, NULL, NULL, paged ? 0 : (int)s->limit + 1,
		    &msgid) != LDAP_SUCCESS)
		r = E_CLOSED;
	while (r == 0 && type != LDAP_RES_SEARCH_RESULT) {
		type = next_message(ld, msgid, d, &m);
		if (type < 0) {
			r = type;
			break;
		}
		if (type == LDAP_RES_SEARCH_RESULT) {
			code = end_of_page(ld, m, cookie);
		} else if (type == LDAP_RES_SEARCH_ENTRY && s->n++ == s->limit) {
			r = E_LIMIT;
		} else if (type == LDAP_RES_SEARCH_ENTRY) {
			*s->end = entry_of(ld, m, s->attrs, s->a);
			s->end = &(*s->end)->next;
		}
		ldap_msgfree(m);
	}
	if (r < 0 && r != E_CLOSED)
		ldap_abandon_ext(ld, msgid, NULL, NULL);
	ldap_control_free(paged);
	arena_done(&a);
	return r < 0 ? r : code;
}

/* The library's code, or negative. */
static int run_search(LDAP *ld, struct search *s, deadline d)
{
	struct berval cookie = { 0 };
	int r;

	s->first = NULL;
	s->end = &s->first;
	s->n = 0;
	do
		r = run_page(ld, s, &cookie, d);
	while (r == LDAP_SUCCESS && cookie.bv_len > 0);
	ber_memfree(cookie.bv_val);
	return r;
}

/* Is this code the server's trouble, and not an answer? */
static bool is_trouble(int r)
{
	switch (r) {
	case LDAP_BUSY:
	case LDAP_UNAVAILABLE:
	case LDAP_SERVER_DOWN:
	case LDAP_OTHER:
	case LDAP_TIMELIMIT_EXCEEDED:
	case LDAP_OPERATIONS_ERROR: /* Active Directory: a search before the login */
		return true;
	}
	return r < 0 && r != E_LIMIT;
}

void ldap_question(struct ldap_client *c)
{
	c->until = deadline_in(c->conf->ldap_timeout);
}

int ldap_find(struct ldap_client *c, struct str base, enum ldap_scope scope, struct str filter,
	const char *const *attrs, size_t limit, struct arena *a, struct ldap_entry **out)
{
	struct search s = { .base = base, .filter = filter, .scope = scope, .attrs = attrs, .limit = limit, .a = a };
	deadline d = limit > PAGE ? deadline_in(c->conf->ldap_timeout) : c->until;
	int r = E_TEMP, try;

	if (deadline_passed(d))
		return E_TEMP;
	for (try = 0; try < 2; try++) {
		bool fresh = !c->search.ld;

		if (fresh && link_open(c, &c->search, d) < 0)
			return E_TEMP;
		r = run_search(c->search.ld, &s, d);
		if (!is_trouble(r))
			break;
		link_failed(c, &c->search, r);
		if (deadline_passed(d))
			return E_TEMP;
	}
	if (r == LDAP_NO_SUCH_OBJECT && str_eq(base, c->conf->ldap_base)) {
		complain(&c->server[c->search.server], "there is no entry [ldap] base, or bind_dn may not see it", arena_cstr(a, base));
		return E_TEMP; /* nobody's mail is refused for that */
	}
	if (r == LDAP_NO_SUCH_OBJECT)
		return E_NOTFOUND;
	if (r == E_LIMIT || r == LDAP_SIZELIMIT_EXCEEDED) {
		if (limit > PAGE)
			complain(&c->server[c->search.server], "it does not tell the whole list: [ldap] bind_dn needs a higher limit of sizes there", code_words(r));
		return E_LIMIT;
	}
	if (r != LDAP_SUCCESS) {
		if (!is_trouble(r))
			complain(&c->server[c->search.server], "search refused", code_words(r));
		return E_TEMP;
	}
	*out = s.first;
	return 0;
}

int ldap_check(struct ldap_client *c, struct str dn, struct str password)
{
	deadline d = deadline_in(c->conf->ldap_timeout);
	struct arena a;
	int r = E_TEMP, try;

	if (password.n == 0 || dn.n == 0)
		return E_DENIED;
	arena_init(&a);
	for (try = 0; try < 2; try++) {
		if (!c->binding.ld && link_open(c, &c->binding, d) < 0) {
			r = E_TEMP;
			break;
		}
		r = simple_bind(c->binding.ld, dn, password, d, &a, NULL);
		if (!is_trouble(r))
			break;
		link_failed(c, &c->binding, r);
		if (deadline_passed(d))
			break;
	}
	arena_wipe(&a);
	if (r == LDAP_SUCCESS)
		return 0;
	return is_trouble(r) ? E_TEMP : E_DENIED; /* 49, locked, expired, no such entry: all say no */
}

/* --- life ------------------------------------------------------------------------ */

static bool server_of(struct arena *a, struct str text, struct server *s)
{
	LDAPURLDesc *u = NULL;
	const char *uri = arena_cstr(a, text);

	if (ldap_url_parse(uri, &u) != LDAP_URL_SUCCESS || !u->lud_host || !*u->lud_host) {
		ldap_free_urldesc(u);
		return false;
	}
	*s = (struct server){ .tls = strcmp(u->lud_scheme, "ldaps") == 0, .local = strcmp(u->lud_scheme, "ldapi") == 0 };
	s->host = arena_cstr(a, str_of(u->lud_host));
	s->port = arena_fmt(a, "%d", u->lud_port > 0 ? u->lud_port : s->tls ? 636 : 389);
	s->uri = s->local ? arena_fmt(a, "ldapi://%.*s", STRF(str_from(text, 8))) :
		arena_fmt(a, "ldap%s://%s%s%s:%s", s->tls ? "s" : "", strchr(s->host, ':') ? "[" : "", s->host,
			strchr(s->host, ':') ? "]" : "", s->port);
	ldap_free_urldesc(u);
	return true;
}

/* The library wants a file: it gets one that has no name. */
static int load_trust(struct str trust)
{
	int fd = memfd_create("ldap-trust", MFD_CLOEXEC), demand = LDAP_OPT_X_TLS_DEMAND, server = 0, r = -1;
	char path[40];

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, trust.p ? trust.p : "", trust.n) == (ssize_t)trust.n &&
		ldap_set_option(NULL, LDAP_OPT_X_TLS_CACERTFILE, path) == LDAP_OPT_SUCCESS &&
		ldap_set_option(NULL, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS)
		r = ldap_set_option(NULL, LDAP_OPT_X_TLS_NEWCTX, &server);
	close(fd);
	return r == LDAP_OPT_SUCCESS ? 0 : E_UNSUPPORTED;
}

int ldap_client_new(const struct conf *conf, struct str password, struct str trust, struct ldap_client **out)
{
	struct ldap_client *c;
	size_t i;
	int r;

	/* neither ~/.ldaprc nor /etc/ldap/ldap.conf decides anything here */
	setenv("LDAPNOINIT", "1", 1);
	r = load_trust(trust);
	if (r < 0)
		return r;
	c = mem_alloc(1, sizeof(*c));
	c->conf = conf;
	arena_init(&c->a);
	c->password = arena_str(&c->a, password);
	for (i = 0; i < conf->ldap_servers.n && c->n < SERVERS_MAX; i++)
		if (server_of(&c->a, conf->ldap_servers.v[i], &c->server[c->n]))
			c->n++;
	*out = c;
	return 0;
}

void ldap_client_free(struct ldap_client *c)
{
	if (!c)
		return;
	link_close(&c->search);
	link_close(&c->binding);
	arena_wipe(&c->a);
	free(c);
}
