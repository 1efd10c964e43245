/* SPDX-License-Identifier: ISC
 *
 * queue.c: puts, results and verbs of the queue, with a fault at its n-th operation on a
 * file (faults.h; SQLite's are counted too), for every n.
 *
 *   queue [-a] [-s SECONDS] [-m MODE -n N] [-o SCENARIO]
 *
 * One run: a child fills a queue, arms the counter, does the change, and writes down each answer at the moment it
 * is given. A second child opens the queue as queued does after a start and looks: a message whose put was answered "ok" is
 * there with all recipients, its file whole; one that was not is there whole or not at all; a recipient without a
 * last word is still there; who was refused for good is there or has one report; a verb that said so was done; no
 * file is without rows. Then it puts the unanswered ones again, under the same ids: each is there once.
 *
 * -a: all of it; else as many runs, evenly spread, as fit in SECONDS (default 8).
 */
#include "tests/unit/smtp/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/crash/faults.h"

enum { PUTS = 3 };

static struct told {
	char path[64];
	char answer[PUTS][16]; /* of the puts, when it came */
	bool held, removed, rerouted, suppressed; /* verbs that were answered with 0 */
	bool sent, asked; /* results were handed in, a removal was asked for */
	bool failed; /* the process had to end */
	char text[300];
} *told;

static NORETURN void bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(told->text, sizeof(told->text), fmt, ap);
	va_end(ap);
	_exit(9);
}

static void answer(void *who, uint64_t question, const char *result)
{
	(void)who;
	if (question < PUTS)
		snprintf(told->answer[question], sizeof(told->answer[0]), "%s", result);
}

static struct queue_ops ops;

/* Its process ends when a turn cannot be committed. */
static void turns(void)
{
	int i;

	for (i = 0; i < 1000; i++) {
		queue_turn(&box.q);
		told->failed = box.q.failed != 0;
		if (told->failed)
			_exit(0);
		if (!box.q.more)
			return;
	}
	bad("the queue never comes to rest");
}

static const char *const put_id[PUTS] = { "p1", "p2", "p3" };
static const unsigned put_rcpts[PUTS] = { 3, 1, 2 };
static const char *const rcpts[] = { "a@example.com", "b@example.net", "c@example.com" };

/* What smtpd writes is not counted: the counter is of the queue. */
static void put(uint64_t i)
{
	struct envelope e = { .id = str_of(put_id[i]), .time = clock_unix(), .sender = STR("s@example.org"),
		.confirmed = true, .session = STR("s1"), .sender_local = true, .nrcpt = put_rcpts[i] };
	struct envelope_rcpt rcpt[3] = { 0 };
	struct str content = STR("Subject: hello\r\n\r\nHello.\r\n");
	uint32_t armed, k;
	struct buf head;
	int fd = message_file(&box.q);

	if (fd < 0) {
		snprintf(told->answer[i], sizeof(told->answer[0]), "refused");
		return;
	}
	armed = faults->armed;
	faults_disarm();
	for (k = 0; k < put_rcpts[i]; k++)
		rcpt[k] = (struct envelope_rcpt){ .address = str_of(rcpts[k]), .number = k + 1 };
	e.rcpt = rcpt;
	e.size = content.n;
	buf_init(&head, ENVELOPE_HEAD_MAX);
	envelope_print(&e, &head);
	if (head.err || file_write_all(fd, head.p, head.n) || file_write_all(fd, content.p, content.n))
		bad("cannot write a message");
	buf_done(&head);
	faults->armed = armed;
	message_put(&box.q, e.id, fd, &box, i);
}

static void change_put(void)
{
	put(0);
	put(1);
	turns();
	put(2);
	turns();
}

static void result(struct box_job *j, const char *text)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_u64(&m, "id", j->id);
	ipc_setc(&m, "rcpt", text);
	ipc_setc(&m, "remote", "mx.example.net");
	ipc_set_bool(&m, "done", true);
	(void)jobs_result(&box.q, &box, &m);
	ipc_done(&m);
	told->sent = true;
	turns();
}

/* Each job has one recipient: the first domain has it, the others come later, or never. */
static void change_update(void)
{
	size_t i;

	jobs_ready(&box.q, &box, false, 10);
	turns();
	for (i = 0; i < box.njobs; i++) {
		struct str rcpt = ipc_get(&box.job[i].m, "rcpt");

		if (str_search(rcpt, STR("a@example.com")) >= 0)
			result(&box.job[i], "1 250 2.0.0 fine");
		else if (str_search(rcpt, STR("b@example.net")) >= 0)
			result(&box.job[i], "1 451 4.0.0 later");
		else
			result(&box.job[i], "1 550 5.1.1 550 5.1.1 no such user");
	}
}

static bool verb2(const char *name, const char *field, const char *value, const char *field2, const char *value2)
{
	struct ipc_msg m, r;
	bool done = false;
	uint64_t code = 255;
	int pair[2], i;

	if (ipc_pair(pair) < 0)
		bad("no pair");
	ipc_init(&m, "control");
	ipc_setc(&m, "verb", name);
	ipc_setc(&m, field, value);
	if (field2)
		ipc_setc(&m, field2, value2);
	m.owns_fds = true;
	ipc_add_fd(&m, "reply", pair[1]);
	verbs_message(&box.q, &m);
	ipc_done(&m);
	for (i = 0; i < 100 && !done; i++) {
		turns();
		while (!done && ipc_try_recv(pair[0], &r) == 0) {
			done = ipc_get_bool(&r, "done");
			if (done)
				ipc_get_u64(&r, "code", 255, &code);
			ipc_done(&r);
		}
		if (box.q.full_until)
			break;
	}
	close(pair[0]);
	return done && code == 0;
}

static bool verb(const char *name, const char *id)
{
	return verb2(name, "message", id, NULL, NULL);
}

/* One after the other: another way, and an address to which nothing is sent. */
static void change_ways(void)
{
	told->rerouted = verb2("queue reroute", "message", "u2", "hop", "other.example:25");
	told->suppressed = verb2("suppression add", "address", "b@example.net", NULL, NULL);
}

static void change_verbs(void)
{
	told->held = verb("queue hold", "u2");
	told->asked = true;
	told->removed = verb("queue remove", "u1");
}

static void change_hold(void)
{
	told->held = verb("queue hold", "u2");
}

/* Hold and remove while a sender has all of it in hand, who never answers. */
static void change_in_hand(void)
{
	jobs_ready(&box.q, &box, false, 10);
	turns();
	change_verbs();
}

static const struct scenario {
	const char *name;
	void (*change)(void);
	bool lost; /* and queue.db is gone then */
} scenarios[] = { { "put", change_put, false }, { "update", change_update, false }, { "verbs", change_verbs, false },
	{ "ways", change_ways, false }, { "in-hand", change_in_hand, false }, { "lost", change_hold, true },
	{ NULL, NULL, false } };

/* --- children ------------------------------------------------------------------------- */

static enum faults_mode armed_mode;
static int armed_error;
static uint32_t armed_at;

static void child_change(const struct scenario *sc)
{
	static const struct box_message m[] = {
		{ .id = "u1", .sender = "s@example.org", .rcpt = "a@example.com" },
		{ .id = "u2", .sender = "s@example.org", .rcpt = "b@example.net" },
		{ .id = "u3", .sender = "s@example.org", .rcpt = "c@example.edu" },
	};
	size_t i;

	box_open("");
	snprintf(told->path, sizeof(told->path), "%s", box.path);
	for (i = 0; i < ARRAY_LEN(m); i++)
		if (strcmp(box_put(&m[i]), "ok") != 0)
			bad("setup");
	box_settle();
	ops = *box.q.ops;
	ops.answer = answer;
	box.q.ops = &ops;
	faults_arm(armed_mode, armed_error, armed_at);
	sc->change();
	faults_disarm();
	_exit(0);
}

static int64_t count(const char *sql)
{
	sqlite3_stmt *s;
	int64_t n;

	if (db_prepare(box.q.rows.db, sql, &s) != 0)
		bad("prepare");
	n = db_step(s) == 1 ? sqlite3_column_int64(s, 0) : -1;
	sqlite3_finalize(s);
	return n;
}

static int64_t count_of(const char *id, const char *what)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM recipient JOIN message USING(m) WHERE id='%s'%s", id, what);
	return count(sql);
}

static void whole(const char *id, unsigned want)
{
	struct envelope e;
	struct arena a;
	uint64_t offset;
	int64_t n = count_of(id, "");
	int fd;

	if (n != (int64_t)want)
		bad("%s has %lld recipients of %u", id, (long long)n, want);
	arena_init(&a);
	fd = message_open(&box.q, str_of(id), &a, &e, &offset);
	if (fd < 0 || e.nrcpt != want)
		bad("the file of %s: %s", id, err_text(fd));
	close(fd);
	arena_done(&a);
}

static void look_at_puts(void)
{
	size_t i;

	for (i = 0; i < PUTS; i++) {
		bool acked = strcmp(told->answer[i], "ok") == 0;

		if (acked || count_of(put_id[i], "") > 0)
			whole(put_id[i], put_rcpts[i]);
	}
}

static void look_at_updates(void)
{
	int64_t reports = count("SELECT count(*) FROM message WHERE sender=''");

	if (count_of("u1", "") > 0)
		whole("u1", 1);
	else if (!told->sent && !told->asked)
		bad("a message is lost");
	if (told->removed && count_of("u1", "") != 0)
		bad("a removed message is back");
	if (count_of("u2", "") != 1)
		bad("a recipient without a last word is gone");
	if (told->held && count_of("u2", " AND state=2") != 1)
		bad("a held message goes on");
	if (told->rerouted && count_of("u2", " AND hop='other.example:25'") != 1)
		bad("a rerouted message goes its own way");
	if (told->suppressed && count("SELECT count(*) FROM suppression WHERE address='b@example.net'") != 1)
		bad("an address that was put on the list is not there");
	/* in one transaction: refused for good, and on the list */
	if ((count_of("u3", " AND state<>3") == 0) != (count("SELECT count(*) FROM suppression WHERE address='c@example.edu'") == 1))
		bad("a mailbox that does not exist, and the list, do not agree");
	if (reports > 1 || (count_of("u3", "") == 0 && reports != 1))
		bad("refused for good: %lld reports", (long long)reports);
	if (reports && count("SELECT count(*) FROM recipient JOIN message USING(m) WHERE sender=''") != 1)
		bad("a report without its recipient");
}

static void child_look(const struct scenario *sc)
{
	size_t i;

	if (sc->lost && (chdir(told->path) < 0 || (unlink("queue.db") < 0 && errno != ENOENT) || (unlink("queue.db-wal") < 0 && errno != ENOENT)))
		bad("queue.db cannot be removed");
	box_again(told->path, "");
	box_settle();
	look_at_puts();
	look_at_updates();
	if ((int64_t)box_files() != count("SELECT count(*) FROM message"))
		bad("%zu files of %lld messages", box_files(), (long long)count("SELECT count(*) FROM message"));
	if (sc->change == change_put) {
		ops = *box.q.ops;
		ops.answer = answer;
		box.q.ops = &ops;
		for (i = 0; i < PUTS; i++)
			put(i);
		turns();
		for (i = 0; i < PUTS; i++) {
			if (strcmp(told->answer[i], "ok") != 0 && strcmp(told->answer[i], "exists") != 0)
				bad("put again: %s", told->answer[i]);
			whole(put_id[i], put_rcpts[i]);
		}
	}
	box_close();
}

static int in_child(void (*fn)(const struct scenario *sc), const struct scenario *sc)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(30);
		fn(sc);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- runs ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum faults_mode mode;
	int error;
} modes[] = {
	{ "kill", FAULTS_KILL, 0 }, { "kill-after", FAULTS_KILL_AFTER, 0 }, { "eio", FAULTS_ERROR, EIO },
	{ "enospc", FAULTS_ERROR, ENOSPC }, { "enospc-stays", FAULTS_STICKY, ENOSPC }, { "emfile", FAULTS_ERROR, EMFILE },
	{ "enomem", FAULTS_ERROR, ENOMEM }, { "short", FAULTS_SHORT, 0 },
};

static unsigned runs, idle, wrong;

/* What a child that died left of its folder. */
static void clean(void)
{
	char command[100];

	if (told->text[0] || !told->path[0] || access(told->path, F_OK) != 0)
		return;
	snprintf(command, sizeof(command), "rm -rf %s", told->path);
	if (system(command) != 0)
		abort();
}

static void one(const struct scenario *sc, size_t mode, uint32_t n)
{
	bool kills = modes[mode].mode == FAULTS_KILL || modes[mode].mode == FAULTS_KILL_AFTER;
	int ended;

	memset(told, 0, sizeof(*told));
	armed_mode = modes[mode].mode;
	armed_error = modes[mode].error;
	armed_at = n;
	ended = in_child(child_change, sc);
	runs++;
	idle += !faults->fired;
	if (ended != 0 && !(kills && ended == -SIGKILL) && !told->text[0])
		snprintf(told->text, sizeof(told->text), "it ended by itself: %d", ended);
	if (faults->again)
		snprintf(told->text, sizeof(told->text), "an fsync that failed was repeated");
	faults_disarm();
	ended = told->text[0] ? 0 : in_child(child_look, sc);
	if (ended && !told->text[0])
		snprintf(told->text, sizeof(told->text), "who looked ended by itself: %d", ended);
	clean();
	if (told->text[0]) {
		wrong++;
		printf("%s -m %s -n %u (%s%s): %s\n", sc->name, modes[mode].name, n, faults->what,
			told->failed ? ", gave up" : "", told->text);
	}
}

static void run_scenario(const struct scenario *sc, const char *mode, uint32_t only, int64_t budget_ms)
{
	uint32_t n, ops_n, step;
	int64_t began = clock_mono_ms(), each;
	size_t m;

	memset(told, 0, sizeof(*told));
	armed_mode = FAULTS_COUNT;
	if (in_child(child_change, sc) != 0 || in_child(child_look, sc) != 0) {
		printf("%s without a fault: %s\n", sc->name, told->text);
		exit(1);
	}
	ops_n = faults->seen;
	each = MAX(clock_mono_ms() - began, 1);
	step = budget_ms ? (uint32_t)MAX(1, (int64_t)(ops_n * ARRAY_LEN(modes)) * each / budget_ms) : 1;
	for (n = 0; n < ops_n * ARRAY_LEN(modes); n++) {
		m = n % ARRAY_LEN(modes);
		if (mode && strcmp(mode, modes[m].name) != 0)
			continue;
		if (only ? n / ARRAY_LEN(modes) + 1 != only : n % step != (uint32_t)(clock_mono_ms() / 60000) % step)
			continue;
		one(sc, m, n / (uint32_t)ARRAY_LEN(modes) + 1);
	}
	printf("%s: %u operations\n", sc->name, ops_n);
}

int main(int argc, char **argv)
{
	const char *only = NULL, *mode = NULL;
	const struct scenario *sc;
	int64_t seconds = 8;
	uint32_t at = 0;
	int c;

	while ((c = getopt(argc, argv, "as:o:m:n:")) != -1) {
		switch (c) {
		case 'a': seconds = 0; break;
		case 's': seconds = strtol(optarg, NULL, 10); break;
		case 'o': only = optarg; break;
		case 'm': mode = optarg; break;
		case 'n': at = (uint32_t)strtoul(optarg, NULL, 10); break;
		default: return 64;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	faults_share();
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	for (sc = scenarios; sc->name; sc++)
		if (!only || strcmp(only, sc->name) == 0)
			run_scenario(sc, mode, at, only ? 0 : seconds * 1000 / (int64_t)(ARRAY_LEN(scenarios) - 1));
	printf("%u runs, %u with a fault that could not be, %u wrong\n", runs, idle, wrong);
	return wrong || !runs;
}
