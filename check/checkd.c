/* SPDX-License-Identifier: ISC
 *
 * checkd.c: the process of the checks: a small parent that forks a child for each verb.
 *
 *     control message --fork--> child: links of its own to resolverd, signd, policyd and authd, verb, rows on `reply`
 *
 * The parent learns the host's addresses and the certificates at its start (a reload starts a new
 * one) and locks itself up; its children are born in that sandbox. A verb ends by [check] timeout,
 * at the latest by an alarm soon after.
 */
#include <ifaddrs.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "check/check.h"
#include "conf/program.h"
#include "trace/trace.h"

#define CHILDREN 8
#define GRACE_S 5
#define QUESTION_MS 8000 /* one question of many: what is slow is told, and the rest still looked at */
#define CHAIN_MAX (1024 * 1024)

struct checkd {
	struct program program;
	struct facts facts;
	int resolver, signd, policyd, authd, sigchld;
	size_t children;
};
static struct checkd checkd = { .resolver = -1, .signd = -1, .policyd = -1, .authd = -1 };

const char *check_state_name(enum check_state s)
{
	static const char *const names[] = { "OK", "WARN", "FAIL", "UNKNOWN" };

	return names[s];
}

int64_t check_wait(const struct check *k)
{
	int64_t left = deadline_left(k->until);

	return MAX(MIN(left - RESOLVER_SLACK_MS, k->most), (int64_t)1);
}

void check_row(struct check *k, struct ipc_msg *row)
{
	program_result(k->reply, row);
	ipc_done(row);
}

/* --- the child --------------------------------------------------------------------- */

static void answer_end(int reply, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	program_result(reply, &m);
	ipc_done(&m);
}

static int run_verb(struct check *k)
{
	struct str verb = ipc_get(k->m, "verb"), domain = ipc_get(k->m, "domain");
	const char *d = arena_cstr(&k->a, domain);

	if (domain.n && !dns_is_hostname(domain)) {
		k->error = "that is not the name of a domain, like example.org (one with other letters is written in its xn-- form)";
		return EX_DATAERR;
	}
	if (str_eqc(verb, "host check"))
		return verb_host_check(k, d);
	if (!domain.n)
		return EX_USAGE;
	if (str_eqc(verb, "domain dns") || str_eqc(verb, "domain zone"))
		return verb_domain_dns(k, d, str_eqc(verb, "domain zone"));
	return str_eqc(verb, "domain check") ? verb_domain_check(k, d) : EX_USAGE;
}

static NORETURN void child(struct checkd *d, const struct ipc_msg *m, int reply)
{
	struct check k = { .f = &d->facts, .m = m, .reply = reply, .resolver = d->resolver, .signd = d->signd, .policyd = d->policyd, .authd = d->authd,
		.until = deadline_in(d->facts.conf->check_timeout), .most = QUESTION_MS };
	int code;

	alarm((unsigned)(d->facts.conf->check_timeout / 1000) + GRACE_S);
	signal(SIGALRM, SIG_DFL);
	arena_init(&k.a);
	code = run_verb(&k);
	answer_end(reply, code, code && !k.error ? "checkd has no such verb" : k.error);
	_exit(0);
}

/* --- the parent ----------------------------------------------------------------------- */

static void refuse(int reply, const char *why)
{
	answer_end(reply, EX_TEMPFAIL, why);
	close(reply);
}

/* A link of the child's own: two that read from one would take each other's answers. Without
 * a resolver the child says of everything that it is not known. */
static void fork_verb(struct checkd *d, const struct ipc_msg *m, int reply)
{
	int resolver = d->resolver < 0 ? -1 : ipc_link_clone(d->resolver);
	int signd = d->signd < 0 ? -1 : ipc_link_clone(d->signd);
	int policyd = d->policyd < 0 ? -1 : ipc_link_clone(d->policyd);
	int authd = d->authd < 0 ? -1 : ipc_link_clone(d->authd);
	pid_t pid = proc_fork(true);

	if (pid == 0) {
		d->resolver = MAX(resolver, -1);
		d->signd = MAX(signd, -1);
		d->policyd = MAX(policyd, -1);
		d->authd = MAX(authd, -1);
		close(d->program.control);
		child(d, m, reply);
	}
	fd_close(&resolver);
	fd_close(&signd);
	fd_close(&policyd);
	fd_close(&authd);
	if (pid < 0) {
		refuse(reply, "no process can be made for this check; try again");
		return;
	}
	d->children++;
	close(reply);
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	struct checkd *d = p->data;
	int reply = ipc_take_fd(m, "reply");

	if (reply < 0)
		return;
	if (d->children >= CHILDREN)
		refuse(reply, "too many checks run already; try again");
	else
		fork_verb(d, m, reply);
}

static void on_peer(struct program *p, const char *name, int fd)
{
	struct checkd *d = p->data;

	if (strcmp(name, "resolverd") == 0) {
		fd_close(&d->resolver);
		d->resolver = fd;
	} else if (strcmp(name, "signd") == 0) {
		fd_close(&d->signd);
		d->signd = fd;
	} else if (strcmp(name, "policyd") == 0) {
		fd_close(&d->policyd);
		d->policyd = fd;
	} else if (strcmp(name, "authd") == 0) {
		fd_close(&d->authd);
		d->authd = fd;
	} else if (strcmp(name, "traced") == 0) {
		trace_least(p->conf->log_level);
		trace_open(fd, "checkd");
	} else {
		close(fd);
	}
}

static void reap(struct checkd *d)
{
	char drain[1024];
	int status;

	while (read(d->sigchld, drain, sizeof drain) > 0)
		;
	while (d->children && proc_reap(&status) > 0) {
		d->children--;
		if (status)
			trace_event(TRACE_ERROR, "check-died", NULL, "%s", proc_status_text(status));
	}
	program_status(&d->program, d->children, NULL);
}

static NORETURN void serve(struct checkd *d)
{
	struct pollfd p[] = { { d->program.control, POLLIN, 0 }, { d->sigchld, POLLIN, 0 } };

	for (;;) {
		if (poll(p, ARRAY_LEN(p), -1) < 0)
			continue;
		if (p[1].revents)
			reap(d);
		if (p[0].revents)
			program_dispatch(&d->program);
	}
}

/* --- start -------------------------------------------------------------------------------- */

static void learn_addresses(struct facts *f)
{
	struct ifaddrs *list = NULL, *i;
	struct addr a;

	if (getifaddrs(&list) < 0)
		return;
	for (i = list; i && f->naddrs < CHECK_ADDRESSES; i = i->ifa_next) {
		socklen_t len = !i->ifa_addr ? 0 : i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) :
			i->ifa_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : 0;

		if (!len || addr_of_sockaddr(i->ifa_addr, len, &a) || addr_is_loopback(&a))
			continue;
		a.port = 0;
		f->addr[f->naddrs++] = a;
	}
	freeifaddrs(list);
}

static void learn_file(int fd, struct buf *out)
{
	struct stat st;
	char *p;

	buf_init(out, CHAIN_MAX);
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (p = buf_room(out, (size_t)st.st_size)) &&
		file_pread_all(fd, p, (size_t)st.st_size, 0) == 0)
		buf_grew(out, (size_t)st.st_size);
	close(fd);
}

static void learn_certificates(struct facts *f, struct ipc_msg *m)
{
	char name[32];
	int fd = ipc_take_fd(m, "next");

	if (fd >= 0)
		learn_file(fd, &f->next);
	for (f->ncerts = 0; f->ncerts < CHECK_CERTS; f->ncerts++) {
		snprintf(name, sizeof name, "cert.%zu", f->ncerts);
		fd = ipc_take_fd(m, name);
		if (fd < 0)
			return;
		learn_file(fd, &f->cert[f->ncerts]);
	}
}

/* The servers of check.port25_hosts, and nobody else. */
static void enter_sandbox(const struct conf *c)
{
	uint16_t port[SANDBOX_PORTS] = { 25 }, own;
	struct str host;
	size_t i, n = 1;
	bool literal;

	for (i = 0; i < c->check_port25_hosts.n && n < SANDBOX_PORTS; i++)
		if (addr_split_hostport(c->check_port25_hosts.v[i], &host, &own, &literal) == 0 && own)
			port[n++] = own;
	sandbox_connect_ports(port, n);
	sandbox_log_only(c->server_sandbox == CONF_SANDBOX_LOG);
	if (sandbox_prepare(SANDBOX_CHECK) || sandbox_enter(SANDBOX_CHECK, NULL, 0, NULL)) {
		fprintf(stderr, "mansio checkd: the kernel refuses the sandbox\n");
		exit(EX_OSERR);
	}
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = { .peer = on_peer, .control = on_control };
	static const int signals[] = { SIGCHLD, 0 };
	struct checkd *d = &checkd;

	program_start(&d->program, "checkd", &ops, argc, argv);
	d->program.data = d;
	trace_open(-1, "checkd");
	d->sigchld = proc_signal_fd(signals);
	d->facts.conf = d->program.conf;
	d->facts.host = mem_strdup(conf_hostname(d->program.conf));
	d->facts.state = ipc_take_fd(&d->program.start, "state");
	learn_addresses(&d->facts);
	learn_certificates(&d->facts, &d->program.start);
	enter_sandbox(d->program.conf);
	program_ready(&d->program);
	serve(d);
}
