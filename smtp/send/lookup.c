/* SPDX-License-Identifier: ISC
 *
 * lookup.c: the process that finds addresses (see lookup.h).
 *
 * The parent reads questions of the sender alone. Each child asks one, is ended by an
 * alarm when its time is over, and touches nothing else; the sender has a deadline of
 * its own, so a child that dies silent is only a late answer.
 */
#include "smtp/send/lookup.h"

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"

#define CHILDREN 8
#define RULES 16
#define LINK 3

/* --- the child: one question ------------------------------------------------- */

/* Only an address of this machine can be bound. */
static bool is_local(const struct addr *a)
{
	struct addr b = *a;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;
	bool yes;

	b.port = 0;
	len = addr_to_sockaddr(&b, &ss);
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	yes = bind(fd, (struct sockaddr *)&ss, len) == 0;
	close(fd);
	return yes;
}

static void add_address(struct ipc_msg *m, const struct addrinfo *ai)
{
	char text[ADDR_TEXT];
	struct addr a;

	if (addr_of_sockaddr(ai->ai_addr, ai->ai_addrlen, &a) || !a.family)
		return;
	ipc_setc(m, "ip", addr_text(&a, text));
	ipc_set_bool(m, "local", is_local(&a));
}

static void answer(uint64_t id, const char *name)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL, *ai;
	struct ipc_msg m;
	size_t n = 0;
	int r = getaddrinfo(name, NULL, &hints, &list);

	ipc_init(&m, "address");
	ipc_set_u64(&m, "id", id);
	for (ai = r == 0 ? list : NULL; ai && n < LOOKUP_ADDRESSES; ai = ai->ai_next, n++)
		add_address(&m, ai);
	if (r)
		ipc_setc(&m, "error", r == EAI_SYSTEM ? err_text(-errno) : gai_strerror(r));
	ipc_send(LINK, &m);
	ipc_done(&m);
}

static void refuse(uint64_t id, const char *why)
{
	struct ipc_msg m;

	ipc_init(&m, "address");
	ipc_set_u64(&m, "id", id);
	ipc_setc(&m, "error", why);
	ipc_try_send(LINK, &m);
	ipc_done(&m);
}

/* --- the parent ----------------------------------------------------------------- */

static void fork_for(const struct ipc_msg *m, size_t *children)
{
	uint64_t id = 0, wait = 1;
	char name[256];
	pid_t pid;

	ipc_get_u64(m, "id", UINT64_MAX, &id);
	ipc_get_u64(m, "wait", 3600, &wait);
	snprintf(name, sizeof name, "%.*s", STRF(ipc_get(m, "name")));
	pid = *children < CHILDREN ? proc_fork(true) : -EAGAIN;
	if (pid == 0) {
		alarm((unsigned)MAX(wait, (uint64_t)1));
		answer(id, name);
		_exit(0);
	}
	if (pid < 0)
		refuse(id, "too many names are looked up at once");
	else
		++*children;
}

static void reap(size_t *children)
{
	int status;

	while (*children && waitpid(-1, &status, WNOHANG) > 0)
		--*children;
}

static NORETURN void serve(void)
{
	size_t children = 0;
	struct ipc_msg m;
	int r;

	for (;;) {
		r = ipc_recv_until(LINK, &m, DEADLINE_NEVER);
		reap(&children);
		if (r == 0 && ipc_is(&m, "lookup"))
			fork_for(&m, &children);
		ipc_done(&m);
		if (r < 0 && r != -EINTR && r != -EAGAIN)
			_exit(0); /* the sender is gone */
	}
}

static NORETURN void worker(int link, bool log_only)
{
	struct sandbox_rule rules[RULES];
	size_t n, i;

	/* all that the sender holds, its control socket first, is closed here */
	if (dup2(link, LINK) < 0)
		_exit(1);
	syscall(SYS_close_range, LINK + 1, ~0U, 0);
	fcntl(LINK, F_SETFD, FD_CLOEXEC);
	proc_title("sender lookup");
	sandbox_log_only(log_only);
	n = sandbox_lookup_rules(rules, RULES);
	if (sandbox_enter(SANDBOX_LOOKUP, rules, n, NULL)) {
		fprintf(stderr, "mansio sender: the kernel refuses the sandbox of the resolver\n");
		_exit(1);
	}
	for (i = 0; i < n; i++)
		close(rules[i].fd);
	serve();
}

int lookup_start(bool log_only)
{
	int pair[2], r = ipc_pair(pair);
	pid_t pid;

	if (r)
		return r;
	pid = proc_fork(true);
	if (pid == 0)
		worker(pair[1], log_only);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return (int)pid;
	}
	fd_nonblock(pair[0], true);
	return pair[0];
}

/* --- the sender's side -------------------------------------------------------------- */

int lookup_ask(int link, uint64_t id, const char *name, int64_t wait_ms)
{
	struct ipc_msg m;
	int r;

	ipc_init(&m, "lookup");
	ipc_set_u64(&m, "id", id);
	ipc_setc(&m, "name", name);
	ipc_set_u64(&m, "wait", (uint64_t)(wait_ms + 999) / 1000);
	r = link < 0 ? E_CLOSED : ipc_try_send(link, &m);
	ipc_done(&m);
	return r;
}

int lookup_parse(const struct ipc_msg *m, struct lookup_answer *out)
{
	struct lookup_answer a = { 0 };
	struct str ip;
	size_t i;

	if (!ipc_is(m, "address") || ipc_get_u64(m, "id", UINT64_MAX, &a.id))
		return E_PEER;
	for (i = 0; i < LOOKUP_ADDRESSES && (ip = ipc_get_nth(m, "ip", i)).p; i++) {
		if (addr_parse(ip, &a.addr[a.n]))
			return E_PEER;
		a.local[a.n++] = str_eqc(ipc_get_nth(m, "local", i), "1");
	}
	snprintf(a.error, sizeof a.error, "%.*s", STRF(ipc_get(m, "error")));
	if (!a.n && !a.error[0])
		snprintf(a.error, sizeof a.error, "no address");
	*out = a;
	return 0;
}
