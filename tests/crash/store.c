/* SPDX-License-Identifier: ISC
 *
 * store.c: every change of a mailbox, with a fault at its n-th operation on a file, for every n.
 *
 *   store [-a] [-s SECONDS] [-o SCENARIO] [-m MODE -n N] [-v]
 *
 * One run: a mailbox is made, a child does the change with the counter armed (faults.h) and
 * writes down what the store answered, as a client would. Then, without faults and in fresh
 * processes: the mailbox is looked at, the change is done again, the mailbox is looked at, its index is
 * built anew, it is looked at again. A picture is what a client sees: folders, subscriptions, UIDs,
 * flags, keywords, every byte of every message. `before` and `after` are pictures of a run without fault.
 *
 * Judged (judge): what was acknowledged is as in `after`. What was not is, message by message and folder
 * by folder, as in `before` or as in `after`, nothing third; a message that both know is somewhere. No UID
 * means another message than it ever did, none runs backwards, a new one is above all that were seen. No
 * process dies by itself. No descriptor stays open after a failure. No fsync that failed is asked
 * for again. What is left over in temporary names goes by `mailbox check --repair`.
 *
 * -a: all of it; else as many runs, evenly spread, as fit in SECONDS (default 12).
 */
#include "tests/crash/crash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/crash/faults.h"

static bool verbose;

/* --- children ------------------------------------------------------------------ */

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Runs fn in a child of its own: its exit code, or minus the signal that ended it. */
static int in_child(void (*fn)(const struct scenario *sc), const struct scenario *sc)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(120); /* a machine may stand still for a while; what hangs does so for ever */
		fn(sc);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void child_setup(const struct scenario *sc)
{
	struct store *s;
	int err;

	if (!sc->setup)
		return;
	s = box_open();
	err = sc->setup(s);
	if (err)
		bad("setup: %s", err_text(err));
	store_close(s);
}

static enum faults_mode armed_mode;
static int armed_error;
static uint32_t armed_at;

static void child_change(const struct scenario *sc)
{
	struct store_options o = { .host = "mx.example", .lock_timeout_ms = 5000 };
	struct store *s = NULL;
	int err = 0;

	store_prepare();
	o.key = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!(sc->flags & OPENS))
		err = store_open(&o, &s);
	if (err)
		bad("store_open: %s", err_text(err));
	told->fds_before = count_fds() + !(sc->flags & OPENS ? 0 : 1);
	faults_arm(armed_mode, armed_error, armed_at);
	if (sc->flags & OPENS)
		err = store_open(&o, &s);
	if (!err)
		err = sc->change(s);
	told->result = err;
	told->returned = true;
	if (!err)
		store_close(s); /* leaves its mark, or not */
	faults_disarm();
	told->synced_badly = strstr(faults->what, "sync") != NULL;
	if (!err || (sc->flags & OPENS))
		return;
	/* the same process goes on reading, if it may */
	told->fds_after = count_fds();
	if (!told->synced_badly)
		picture_take(s, &told->within);
}

static void child_picture(struct picture *p)
{
	struct store *s = box_open();

	picture_take(s, p);
	store_close(s);
}

static void child_now(const struct scenario *sc UNUSED)
{
	child_picture(&told->now);
}

static void child_early(const struct scenario *sc UNUSED)
{
	child_picture(&told->early);
}

static void child_again(const struct scenario *sc)
{
	struct store *s = box_open();
	int err = sc->change(s);

	if (err)
		bad("done again: %s", err_text(err));
	picture_take(s, &told->again);
	store_close(s);
}

/* "NAME.tmp" and "NAME.tmp-ID", as `mailbox check` means it; a message's own random tag may begin with "tmp". */
static bool is_temporary(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".tmp") == 0 || strncmp(dot, ".tmp-", 5) == 0);
}

static void age_leftovers(const char *path, unsigned *n, bool age)
{
	struct timespec old[2] = { { .tv_sec = clock_unix() - 3 * 86400 }, { .tv_sec = clock_unix() - 3 * 86400 } };
	bool tmp = strlen(path) > 4 && strcmp(path + strlen(path) - 4, "/tmp") == 0;
	DIR *d = opendir(path);
	struct dirent *e;
	char sub[1024];

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		box_path(sub, sizeof(sub), path, e->d_name);
		if (e->d_type == DT_DIR) {
			age_leftovers(sub, n, age);
		} else if (tmp || is_temporary(e->d_name) || strstr(e->d_name, "mansio-deleted")) {
			(*n)++;
			if (age)
				utimensat(AT_FDCWD, sub, old, AT_SYMLINK_NOFOLLOW);
			else
				snprintf(told->text, sizeof(told->text), "left over: %.500s", sub);
		}
	}
	if (d)
		closedir(d);
}

/* The cleaner takes what is left; the index from nothing says the same. */
static void child_care(const struct scenario *sc UNUSED)
{
	unsigned left = 0, still = 0;
	size_t findings = 0;
	struct store *s = box_open();
	struct buf report;
	int err;

	buf_init(&report, 65536);
	err = store_check(s, false, &report, &findings);
	if (err || (findings && !strstr(buf_cstr(&report), "removal did not finish")))
		bad("check: %s, %zu findings: %s", err_text(err), findings, buf_cstr(&report));
	age_leftovers(dir, &left, true);
	if ((left || findings) && store_check(s, true, &report, &findings) != 0)
		bad("check --repair failed");
	err = store_rebuild(s);
	if (err)
		bad("rebuild: %s", err_text(err));
	picture_take(s, &told->rebuilt);
	store_close(s);
	age_leftovers(dir, &still, false);
	if (still)
		_exit(9);
}

static bool judge(const struct scenario *sc, int ended)
{
	bool acked = told->returned && told->result == 0;
	bool kills = armed_mode == FAULTS_KILL || armed_mode == FAULTS_KILL_AFTER;

	if (ended == 9)
		WRONG(told->text, "", "");
	if (ended != 0 && !(kills && ended == -SIGKILL)) {
		snprintf(told->text, sizeof(told->text), "a process ended by itself: %d", ended);
		WRONG(told->text, "", "");
	}
	if (faults->again)
		WRONG("an fsync that failed was repeated", "", "");
	if (told->fds_after > told->fds_before + 1)
		WRONG("a descriptor stayed open", "", "");
	if (told->within.nf && (!judge_numbers(&told->early, &told->within) || !judge_doubt(sc, &told->within)))
		return false;
	if (sc->flags & BLIND && !acked)
		told->now = told->within.nf ? told->within : told->early;
	else if (in_child(child_now, sc) != 0)
		WRONG(told->text[0] ? told->text : "the next process died", "", "");
	if (!judge_numbers(&told->early, &told->now) ||
		!(acked ? judge_done(&told->now, false) : judge_doubt(sc, &told->now)))
		return false;
	if (told->within.nf && !judge_numbers(&told->within, &told->now))
		return false;
	/* a disk that takes nothing any more, not even an unlink, leaves what was done */
	if ((sc->flags & ATOMIC) && !kills && !(armed_mode == FAULTS_STICKY && armed_error == EIO) && !judge_atomic(&told->now))
		return false;
	if (in_child(acked ? child_now : child_again, sc) != 0)
		WRONG(told->text[0] ? told->text : "the process that did it again died", "", "");
	if (!acked && (!judge_numbers(&told->now, &told->again) ||
		!(sc->flags & ONCE ? judge_doubt(sc, &told->again) : judge_done(&told->again, sc->flags & DOUBLES))))
		return false;
	if (in_child(child_care, sc) != 0)
		WRONG(told->text[0] ? told->text : "check or rebuild died", "", "");
	return judge_rebuilt(acked ? &told->now : &told->again, &told->rebuilt);
}

/* --- runs ------------------------------------------------------------------------------ */

static void fresh(const struct scenario *sc)
{
	box_remove(dir);
	memset(&told->early, 0, sizeof(told->early));
	told->returned = false;
	told->text[0] = 0;
	told->fds_after = 0;
	memset(&told->within, 0, sizeof(told->within));
	if (mkdir(dir, 0700) != 0 || in_child(child_setup, sc) != 0) {
		fprintf(stderr, "%s: setup failed: %s\n", sc->name, told->text);
		exit(1);
	}
}

/* Both pictures, and how many operations the change has. */
static uint32_t learn(const struct scenario *sc)
{
	fresh(sc);
	if (in_child(child_now, sc) != 0)
		goto broken;
	told->before = told->now;
	fresh(sc);
	armed_mode = FAULTS_COUNT;
	if (in_child(child_change, sc) != 0 || told->result || in_child(child_now, sc) != 0)
		goto broken;
	told->after = told->now;
	return faults->seen;
broken:
	fprintf(stderr, "%s without a fault: %s (%d)\n", sc->name, told->text, told->result);
	exit(1);
}

static const struct {
	const char *name;
	enum faults_mode mode;
	int error;
} modes[] = {
	{ "kill", FAULTS_KILL, 0 }, { "kill-after", FAULTS_KILL_AFTER, 0 }, { "eio", FAULTS_ERROR, EIO },
	{ "enospc", FAULTS_ERROR, ENOSPC }, { "enospc-stays", FAULTS_STICKY, ENOSPC }, { "emfile", FAULTS_ERROR, EMFILE },
	{ "enomem", FAULTS_ERROR, ENOMEM }, { "eio-stays", FAULTS_STICKY, EIO }, { "short", FAULTS_SHORT, 0 },
};

static unsigned runs, idle, wrong;

static void one(const struct scenario *sc, size_t mode, uint32_t n)
{
	int ended;

	fresh(sc);
	if (!(sc->flags & OPENS) && in_child(child_early, sc) != 0) {
		fprintf(stderr, "%s: before the change: %s\n", sc->name, told->text);
		exit(1);
	}
	armed_mode = modes[mode].mode;
	armed_error = modes[mode].error;
	armed_at = n;
	ended = in_child(child_change, sc);
	runs++;
	if (!faults->fired) {
		idle++;
		return;
	}
	why = NULL;
	if (!judge(sc, ended)) {
		wrong++;
		printf("%s -m %s -n %u (%s, %s): %s %s\n", sc->name, modes[mode].name, n, faults->what,
			!told->returned ? "no answer" : err_text(told->result), why ? why : "?", whom);
	} else if (verbose) {
		printf("%s %s %u (%s): good, %s\n", sc->name, modes[mode].name, n, faults->what,
			!told->returned ? "no answer" : err_text(told->result));
	}
	whom[0] = 0;
}

static void run_scenario(const struct scenario *sc, const char *mode, uint32_t only, int64_t budget_ms)
{
	uint32_t n, ops = learn(sc), step, first;
	int64_t began = clock_mono_ms(), each;
	size_t m;

	/* what one run takes decides how many there are */
	one(sc, 0, only ? only : 1);
	each = MAX(clock_mono_ms() - began, 1);
	step = budget_ms ? (uint32_t)MAX(1, (int64_t)(ops * ARRAY_LEN(modes)) * each / budget_ms) : 1;
	first = 1 + (uint32_t)(clock_unix() / 60 % step); /* another sample a minute later */
	for (n = 0; n < ops * ARRAY_LEN(modes); n++) {
		m = n % ARRAY_LEN(modes);
		if (mode && strcmp(mode, modes[m].name) != 0)
			continue;
		if (only ? n / ARRAY_LEN(modes) + 1 != only : n % step != first - 1)
			continue;
		one(sc, m, n / (uint32_t)ARRAY_LEN(modes) + 1);
	}
	if (verbose)
		printf("%s: %u operations\n", sc->name, ops);
}

int main(int argc, char **argv)
{
	const char *only = NULL, *mode = NULL;
	const struct scenario *sc;
	int64_t seconds = 12;
	uint32_t at = 0;
	int64_t n = 0;
	int c;

	while ((c = getopt(argc, argv, "as:o:m:n:v")) != -1) {
		switch (c) {
		case 'a': seconds = 0; break;
		case 's': seconds = strtol(optarg, NULL, 10); break;
		case 'o': only = optarg; break;
		case 'm': mode = optarg; break;
		case 'n': at = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'v': verbose = true; break;
		default: return 64;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	faults_share();
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(dir, sizeof(dir), "%s/mansio-crash.%d", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
		(int)getpid());
	for (sc = scenarios; sc->name; sc++)
		n++;
	for (sc = scenarios; sc->name; sc++)
		if (!only || strcmp(only, sc->name) == 0)
			run_scenario(sc, mode, at, only ? 0 : seconds * 1000 / n);
	if (!wrong)
		box_remove(dir);
	printf("%u runs, %u with a fault that could not be, %u wrong\n", runs, idle, wrong);
	return wrong ? 1 : runs ? 0 : 1;
}
