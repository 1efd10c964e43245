/* SPDX-License-Identifier: ISC
 *
 * oldserver_desk.c: the desk of oldserver.h: a loop that hears the workers, and makes a child for each login.
 *
 * It stands between the two so that the old server's state is known once for all workers: how many logins are there
 * now, whether it did not answer a moment ago, what it refused within the hour. It reads messages of our own workers,
 * and from a child one byte and a line of text; what the old server says, a child alone reads, without a link and
 * without a file of ours.
 *
 * Who is not to be asked about (a name that has no account) has a turn like any other, as long as the last refusal
 * took: how long an answer takes tells nobody who exists (C16).
 *
 * Invariants: a worker has one question at most; a turn is a child or a wait, and there are at most [oldserver] connections
 * of them, of which a strange network has no more than it leaves; a child that does not end in time loses its question then,
 * and its place when it ends; what a question cost (oldserver_tries.h) is settled before its turn ends.
 */
#include "auth/oldserver.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "auth/directory_files.h"
#include "auth/oldserver_login.h"
#include "auth/oldserver_tries.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "net/ipc.h"

#define TURNS 64 /* the most of [oldserver] connections */
#define LINKS 192 /* workers: hashers, that many more, one for lookups */
#define CHILD_EXTRA_S 3 /* a name may take longer to look up than a login may last; then the child is ended */

struct turn {
	bool used, waits; /* waits: for no child */
	bool asks; /* it has been paid for */
	int pipe; /* of the child; -1: none */
	int link; /* who asked; -1: it has its answer */
	struct arena a; /* of id and who */
	struct str id;
	struct oldserver_asker who;
	struct addr net; /* its */
	int64_t began;
	deadline until;
};

static struct {
	const struct conf *conf;
	struct tls_trust *trust; /* NULL: it cannot be read */
	struct oldserver_tries *tries;
	int parent, link[LINKS];
	size_t nlinks, nturns;
	struct turn turn[TURNS];
	int64_t refusal_ms; /* how long the last one took; 0: none yet */
	deadline down_until;
	char down_why[OLDSERVER_WHY];
} desk;

/* --- a child -------------------------------------------------------------------------- */

/* One byte for the verdict, and why. */
static NORETURN void child(const struct turn *t, int out)
{
	static const char letter[] = { [OLDSERVER_GOOD] = 'g', [OLDSERVER_REFUSED] = 'r', [OLDSERVER_LATER] = 'l',
		[OLDSERVER_DOWN] = 'd' };
	char text[OLDSERVER_WHY + 1], why[OLDSERVER_WHY];
	enum oldserver_step step;
	struct arena a;
	size_t i;

	close(desk.parent);
	for (i = 0; i < desk.nlinks; i++)
		close(desk.link[i]);
	for (i = 0; i < TURNS; i++)
		if (desk.turn[i].used && desk.turn[i].pipe >= 0)
			close(desk.turn[i].pipe);
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned)(desk.conf->oldserver_timeout / 1000) + CHILD_EXTRA_S);
	if (sandbox_enter_filter(SANDBOX_AUTH_WORKER) < 0)
		_exit(1);
	arena_init(&a);
	step = oldserver_login(desk.conf, desk.trust, oldserver_user(desk.conf, t->who.name, &a), t->who.password, t->until, why);
	snprintf(text, sizeof(text), "%c%s", letter[step], why);
	_exit(write(out, text, strlen(text)) > 0 ? 0 : 1);
}

/* --- answers ---------------------------------------------------------------------------- */

static void answer(int link, struct str id, const char *result, const char *why, bool trouble)
{
	struct ipc_msg m;

	ipc_init(&m, "answer");
	ipc_set(&m, "id", id);
	ipc_setc(&m, "result", result);
	ipc_setc(&m, "why", why);
	ipc_set_bool(&m, "trouble", trouble);
	(void)ipc_try_send(link, &m); /* a worker that is gone needs none */
	ipc_done(&m);
}

static void settle(struct turn *t, bool refused)
{
	if (t->asks)
		oldserver_tries_end(desk.tries, &t->who, refused, clock_mono_ms());
	t->asks = false;
}

static void turn_end(struct turn *t)
{
	settle(t, false);
	fd_close(&t->pipe);
	arena_wipe(&t->a);
	*t = (struct turn){ .pipe = -1, .link = -1 };
	desk.nturns--;
}

static void told(struct turn *t, const char *result, const char *why)
{
	if (t->link >= 0)
		answer(t->link, t->id, result, why, false);
	t->link = -1;
}

static void is_down(struct turn *t, const char *why)
{
	desk.down_until = deadline_in(desk.conf->oldserver_retry);
	snprintf(desk.down_why, sizeof(desk.down_why), "%s", why);
	if (t->link >= 0)
		answer(t->link, t->id, "temp", why, true);
	t->link = -1;
}

static void refused(struct turn *t, const char *why)
{
	settle(t, true);
	told(t, "denied", why);
}

/* What the child found; its end. */
static void child_said(struct turn *t)
{
	char text[OLDSERVER_WHY + 1];
	ssize_t n = read(t->pipe, text, sizeof(text) - 1);
	bool late = deadline_passed(t->until);
	size_t i;

	text[MAX(n, (ssize_t)0)] = '\0';
	for (i = 1; n > 1 && i < (size_t)n; i++)
		if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e)
			text[i] = '?';
	if (n > 0 && text[0] == 'g') {
		told(t, "ok", "");
	} else if (n > 0 && text[0] == 'r') {
		desk.refusal_ms = clock_mono_ms() - t->began;
		refused(t, text + 1);
	} else if (n > 0 && text[0] == 'l') {
		told(t, "temp", text + 1);
	} else if (!late) {
		is_down(t, n > 0 && text[1] ? text + 1 : "the old server: a login was given up");
	}
	turn_end(t);
}

static void turn_late(struct turn *t)
{
	if (t->waits) {
		refused(t, t->asks ? "no such account" : "");
		turn_end(t);
	} else if (t->link >= 0) { /* its place it keeps until the child ends */
		is_down(t, "the old server does not answer");
	}
}

/* --- questions ---------------------------------------------------------------------------- */

static struct oldserver_asker asker_of(const struct ipc_msg *q)
{
	struct oldserver_asker who = { .name = ipc_get(q, "name"), .password = ipc_get(q, "password"),
		.from = oldserver_from_parse(ipc_get(q, "from")), .nobody = ipc_get_bool(q, "nobody") };

	(void)addr_parse(ipc_get(q, "peer"), &who.peer); /* else it has none */
	return who;
}

/* Is there one for this network? */
static bool place_for(const struct oldserver_asker *who)
{
	size_t left = (size_t)desk.conf->oldserver_connections - desk.nturns, has = 0, i;
	struct addr net = oldserver_network(&who->peer);

	for (i = 0; i < TURNS && who->from == OLDSERVER_STRANGER; i++)
		has += desk.turn[i].asks && addr_eq(&net, &desk.turn[i].net);
	return left > has;
}

static struct turn *turn_new(int link, const struct ipc_msg *q, int64_t ms)
{
	struct oldserver_asker who = asker_of(q);
	struct turn *t = desk.turn;

	if (!place_for(&who))
		return NULL;
	while (t->used)
		t++;
	*t = (struct turn){ .used = true, .pipe = -1, .link = link, .who = who,
		.net = oldserver_network(&who.peer), .began = clock_mono_ms(), .until = deadline_in(ms) };
	arena_init(&t->a);
	t->id = arena_str(&t->a, ipc_get(q, "id"));
	t->who.name = arena_str(&t->a, who.name);
	t->who.password = arena_str(&t->a, who.password);
	desk.nturns++;
	return t;
}

static void child_start(struct turn *t)
{
	int pair[2];
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0) {
		told(t, "temp", "the old server: no descriptors left");
		turn_end(t);
		return;
	}
	pid = proc_fork(true);
	if (pid == 0) {
		close(pair[0]);
		child(t, pair[1]);
	}
	close(pair[1]);
	t->pipe = pair[0];
	if (pid < 0) {
		told(t, "temp", "the old server: no process left");
		turn_end(t);
	}
}

static void check(int link, const struct ipc_msg *q)
{
	struct str id = ipc_get(q, "id");
	struct oldserver_asker who = asker_of(q);
	enum oldserver_try may = oldserver_tries_ask(desk.tries, &who, clock_mono_ms());
	struct turn *t = NULL;
	char why[OLDSERVER_WHY + 20];

	if (may == OLDSERVER_REFUSED_BEFORE) {
		answer(link, id, "denied", "wrong password, said the old server within the hour", false);
		return;
	}
	if (may == OLDSERVER_ENOUGH)
		snprintf(why, sizeof(why), "not asked now: too many wrong passwords for the old server");
	else if (!desk.trust)
		snprintf(why, sizeof(why), "the certificates of [oldserver] ca_file cannot be read");
	else if (desk.down_until && !deadline_passed(desk.down_until))
		snprintf(why, sizeof(why), "not asked now: %s", desk.down_why);
	else if (!(t = turn_new(link, q, who.nobody ? desk.refusal_ms : desk.conf->oldserver_timeout)))
		snprintf(why, sizeof(why), "not asked now: too many logins at the old server at once");
	if (!t) {
		if (may == OLDSERVER_ASK)
			oldserver_tries_end(desk.tries, &who, false, clock_mono_ms());
		answer(link, id, "temp", why, false);
		return;
	}
	t->asks = true;
	t->waits = who.nobody;
	if (!who.nobody)
		child_start(t);
}

static void just_wait(int link, const struct ipc_msg *q)
{
	uint64_t spent = 0;
	struct turn *t;

	ipc_get_u64(q, "spent", 60000, &spent);
	t = (int64_t)spent < desk.refusal_ms ? turn_new(link, q, desk.refusal_ms - (int64_t)spent) : NULL;
	if (t)
		t->waits = true;
	else
		answer(link, ipc_get(q, "id"), "denied", "", false);
}

/* --- the loop ------------------------------------------------------------------------------ */

static void link_gone(size_t i)
{
	size_t k;

	for (k = 0; k < TURNS; k++)
		if (desk.turn[k].used && desk.turn[k].link == desk.link[i])
			desk.turn[k].link = -1;
	close(desk.link[i]);
	desk.link[i] = desk.link[--desk.nlinks];
}

static void link_readable(size_t i)
{
	struct ipc_msg q;
	int r = ipc_try_recv(desk.link[i], &q);

	if (r == 0 && ipc_is(&q, "check"))
		check(desk.link[i], &q);
	else if (r == 0 && ipc_is(&q, "wait"))
		just_wait(desk.link[i], &q);
	else if (r != -EAGAIN && r != -EINTR)
		link_gone(i);
	ipc_done(&q);
}

static void parent_readable(void)
{
	struct ipc_msg m;
	int r = ipc_try_recv(desk.parent, &m), fd = r == 0 && ipc_is(&m, "link") ? ipc_take_fd(&m, "link") : -1;

	if (fd >= 0 && desk.nlinks < LINKS)
		desk.link[desk.nlinks++] = fd;
	else
		fd_close(&fd);
	ipc_done(&m);
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		_exit(0);
}

static int until_next(void)
{
	int least = -1, left;
	size_t i;

	for (i = 0; i < TURNS; i++) {
		if (!desk.turn[i].used || (desk.turn[i].link < 0 && !desk.turn[i].waits))
			continue;
		left = deadline_left(desk.turn[i].until);
		least = least < 0 ? left : MIN(least, left);
	}
	return least;
}

static NORETURN void serve(void)
{
	struct pollfd p[1 + LINKS + TURNS];
	size_t i, n;

	for (;;) {
		n = desk.nlinks;
		p[0] = (struct pollfd){ .fd = desk.parent, .events = POLLIN };
		for (i = 0; i < n; i++)
			p[1 + i] = (struct pollfd){ .fd = desk.link[i], .events = POLLIN };
		for (i = 0; i < TURNS; i++)
			p[1 + n + i] = (struct pollfd){ .fd = desk.turn[i].used ? desk.turn[i].pipe : -1, .events = POLLIN };
		if (poll(p, 1 + n + TURNS, until_next()) < 0)
			continue;
		for (i = 0; i < TURNS; i++)
			if (p[1 + n + i].revents)
				child_said(&desk.turn[i]);
		for (i = 0; i < TURNS; i++)
			if (desk.turn[i].used && deadline_passed(desk.turn[i].until))
				turn_late(&desk.turn[i]);
		for (i = n; i-- > 0;) /* from the end: one that goes is replaced by the last */
			if (p[1 + i].revents)
				link_readable(i);
		if (p[0].revents)
			parent_readable();
	}
}

static NORETURN void run(const struct conf *conf, int parent)
{
	struct oldserver_limits l = { .accounts = (size_t)conf->oldserver_accounts, .account = (unsigned)conf->oldserver_account_tries,
		.all = (unsigned)conf->oldserver_tries };
	struct sandbox_rule rules[32];
	const char *why = "";
	struct arena a;
	size_t n, i;
	int r;

	proc_title("authd old server");
	signal(SIGCHLD, SIG_IGN);
	desk.conf = conf;
	desk.parent = parent;
	desk.tries = oldserver_tries_new(&l);
	for (i = 0; i < TURNS; i++)
		desk.turn[i] = (struct turn){ .pipe = -1, .link = -1 };
	arena_init(&a);
	if (tls_trust_new(directory_file("oldserver.trust", &a), &desk.trust, &why) < 0)
		fprintf(stderr, "mansio authd: [oldserver] ca_file: %s\n", why);
	arena_done(&a);
	directory_files_drop();
	n = sandbox_name_rules(rules, ARRAY_LEN(rules));
	r = sandbox_prepare(SANDBOX_AUTH_WORKER);
	if (r == 0)
		r = sandbox_enter(SANDBOX_AUTH_ZYGOTE, rules, n, NULL);
	while (n > 0)
		fd_close(&rules[--n].fd);
	if (r < 0) {
		fprintf(stderr, "mansio authd: who asks the old server cannot be locked in: %s\n", err_text(r));
		_exit(71);
	}
	serve();
}

int oldserver_start(const struct conf *conf, const int *shut, size_t nshut)
{
	int pair[2], r = ipc_pair(pair);
	size_t i;
	pid_t pid;

	if (r < 0)
		return r;
	pid = proc_fork(true);
	if (pid == 0) {
		close(pair[0]);
		for (i = 0; i < nshut; i++)
			close(shut[i]);
		run(conf, pair[1]);
	}
	close(pair[1]);
	if (pid < 0)
		close(pair[0]);
	return pid < 0 ? (int)pid : pair[0];
}

int oldserver_link(int desk_link)
{
	int pair[2], r = ipc_pair(pair);
	struct ipc_msg m;

	if (r < 0)
		return r;
	ipc_init(&m, "link");
	ipc_add_fd(&m, "link", pair[1]);
	r = ipc_try_send(desk_link, &m);
	ipc_done(&m);
	close(pair[1]);
	if (r < 0)
		close(pair[0]);
	return r < 0 ? r : pair[0];
}
