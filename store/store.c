/* SPDX-License-Identifier: ISC
 *
 * store.c: opening a mailbox and its lock.
 *
 * The lock is flock on the user's directory: it cannot be deleted and ends
 * with its holder. Before it everyone passes the turnstile, flock on Maildir/:
 * a writer keeps it while it waits, readers take and drop it. Without it eight
 * readers starve a writer for ever (measured). Order: turnstile, directory;
 * nobody waits for the turnstile with the directory locked.
 */
#include "store/store.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "store/folders.h"
#include "store/index.h"
#include "store/restored.h"

#define SYSTEM_RULES 16

int store_lock(struct store *s, bool exclusive)
{
	deadline d = deadline_in(s->lock_timeout_ms > 0 ? s->lock_timeout_ms : 30000);
	int err;

	BUG_ON(s->locked);
	err = file_lock(s->turnstile, true, d);
	if (err)
		return err == E_TIMEOUT ? E_TEMP : err;
	if (!exclusive)
		file_unlock(s->turnstile);
	err = file_lock(s->dir, exclusive, d);
	if (exclusive)
		file_unlock(s->turnstile);
	s->locked = err == 0;
	return err == E_TIMEOUT ? E_TEMP : err;
}

void store_unlock(struct store *s)
{
	s->locked = false;
	file_unlock(s->dir);
}

int store_mtime(struct store *s, const char *dir, const char *sub, int64_t *out)
{
	char path[STORE_PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), sub ? "%s/%s" : "%s", dir, sub);
	if (fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOENT;
	*out = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return 0;
}

bool store_no_room(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EROFS || err == -EIO;
}

int64_t store_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct sandbox_rule system_rule[SYSTEM_RULES];
static size_t nsystem_rules;

static void open_system_rules(void)
{
	static bool known;

	if (!known)
		nsystem_rules = sandbox_system_rules(system_rule, SYSTEM_RULES);
	known = true;
}

void store_prepare(void)
{
	unsigned char boot[16];

	state_boot(boot);
	notify_prepare();
	open_system_rules();
	/* LMDB asks for 2 MiB of zeroes each time it opens: from the kernel they
	 * cost nothing, from a heap that keeps them a memset; and an idle session
	 * gives them back. Setting the limit keeps malloc from raising it. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

size_t store_rule_fds(int *out, size_t cap)
{
	size_t i;

	for (i = 0; i < nsystem_rules && i < cap; i++)
		out[i] = system_rule[i].fd;
	return i;
}

int store_seal(const int *key, size_t n)
{
	struct sandbox_rule *rule = mem_alloc(n + SYSTEM_RULES, sizeof(*rule));
	size_t i, nrules;
	bool landlock;
	int r;

	store_prepare(); /* a zygote's socket was closed at the fork, and behind the sandbox none can be made */
	memcpy(rule, system_rule, sizeof(system_rule));
	nrules = nsystem_rules;
	for (i = 0; i < n; i++)
		if (key[i] >= 0)
			rule[nrules++] = (struct sandbox_rule){ key[i], SANDBOX_READ | SANDBOX_WRITE };
	r = sandbox_enter(SANDBOX_STORE, rule, nrules, &landlock);
	free(rule);
	return r;
}

int store_seal_shared(void)
{
	store_prepare();
	return sandbox_enter_filter(SANDBOX_STORE);
}

int store_leave(void)
{
	return chdir("/") < 0 ? -errno : 0;
}

/* Maildir must be there before anything can be locked. */
static int open_dirs(struct store *s)
{
	s->dir = file_open_dir(AT_FDCWD, ".");
	if (s->dir < 0)
		return s->dir;
	s->turnstile = file_open_dir(s->dir, "Maildir");
	if (s->turnstile == -ENOENT) {
		int err = file_mkdir(s->dir, "Maildir", 0700);

		if (err && err != E_EXISTS)
			return err;
		err = file_fsync_dir(s->dir, ".");
		if (err)
			return err;
		s->turnstile = file_open_dir(s->dir, "Maildir");
	}
	return s->turnstile < 0 ? s->turnstile : 0;
}

static bool exists(struct store *s, const char *path)
{
	struct stat st;

	return fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What somebody before left half done, and the very first opening. */
static int settle(struct store *s)
{
	int err;

	if (exists(s, FOLDERS_SUBSCRIPTIONS) && !exists(s, FOLDERS_RENAME) && !exists(s, RESTORED_PLAN))
		return 0;
	err = store_lock(s, true);
	if (err)
		return err;
	err = folders_resume_rename(s);
	if (store_no_room(err) && exists(s, FOLDERS_SUBSCRIPTIONS))
		err = 0; /* the next one finishes it; until then there is something to read */
	if (!err)
		err = restored_resume(s);
	if (!err)
		err = folders_standard(s);
	store_unlock(s);
	return err;
}

int store_open(const struct store_options *opt, struct store **out)
{
	struct store *s = mem_alloc(1, sizeof(*s));
	int err = 0;

	s->key = opt->key;
	s->dir = s->turnstile = s->notify = -1;
	s->host = mem_strdup(opt->host && *opt->host ? opt->host : "localhost");
	s->quota_bytes = opt->quota_bytes;
	s->quota_messages = opt->quota_messages;
	s->lock_timeout_ms = opt->lock_timeout_ms;
	s->session = opt->notify;
	store_prepare();
	if (fchdir(s->key) != 0)
		err = -errno;
	if (!err)
		err = open_dirs(s);
	if (!err)
		err = settle(s);
	if (!err && opt->notify) {
		err = notify_open(s, opt->notified);
		if (store_no_room(err)) { /* a session without a socket looks from time to time */
			notify_close(s);
			err = 0;
		}
	} else if (opt->notified > 0) {
		close(opt->notified);
	}
	if (err) {
		s->key = -1; /* the caller keeps it */
		store_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	notify_close(s);
	if (s->session && s->dir >= 0)
		index_clean_mark(s);
	fd_close(&s->turnstile);
	fd_close(&s->dir);
	fd_close(&s->key);
	free(s->spare);
	free(s->host);
	free(s);
}
