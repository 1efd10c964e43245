/* SPDX-License-Identifier: ISC
 *
 * uids.c: 8 writers save 20,000 messages into one folder while 4 sessions watch.
 *
 * A watcher only ever learns what is above what it knows, as an IMAP client does. If a message came below a UID
 * that a watcher has seen, that watcher never shows it: in the end each must know all that a new session
 * finds, without a gap.
 */
#include "tests/crash/crash.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { WRITERS = 8, WATCHERS = 4, EACH = 2500 };

static volatile int *writers_left;

static void write_some(unsigned k)
{
	static const char text[] = "Subject: x\r\n\r\nHello.\r\n";
	struct store_save_options o = { .folder = STR("INBOX") };
	struct store *s = box_open();
	struct store_save *w;
	uint32_t validity, uid;
	unsigned i;
	int err = 0;

	for (i = 0; !err && i < EACH; i++) {
		err = store_save_begin(s, &o, sizeof(text) - 1, &w);
		if (!err)
			err = store_save_write(w, text, sizeof(text) - 1);
		if (!err)
			err = store_save_commit(w, &validity, &uid);
	}
	if (err)
		bad("writer %u: %s", k, err_text(err));
	store_close(s);
	__atomic_sub_fetch(writers_left, 1, __ATOMIC_SEQ_CST);
}

static void watch(unsigned k)
{
	struct store *s = box_open(), *fresh;
	struct store_view *v, *all;
	struct store_changes c;
	uint32_t *seen = mem_alloc(WRITERS * EACH + 1, sizeof(*seen)), n = 0, i;
	unsigned looks = 0;
	struct arena a;
	bool last;

	if (store_select(s, STR("INBOX"), true, &v) != 0)
		bad("watcher %u: no INBOX", k);
	arena_init(&a);
	do {
		last = *writers_left == 0;
		if (store_sync(v, true, &a, &c) != 0)
			bad("watcher %u cannot look", k);
		arena_reset(&a);
		looks++;
		for (i = 0; i < n; i++)
			if (v->rec[i].uid != seen[i])
				bad("watcher %u: UID %u became %u", k, seen[i], v->rec[i].uid);
		for (; n < v->n && n < WRITERS * EACH; n++) {
			seen[n] = v->rec[n].uid;
			if (n && seen[n] <= seen[n - 1])
				bad("watcher %u: UID %u came after %u", k, seen[n], seen[n - 1]);
		}
		usleep(2000);
	} while (!last);
	arena_done(&a);
	fresh = box_open();
	if (store_select(fresh, STR("INBOX"), true, &all) != 0 || all->n != WRITERS * EACH)
		bad("%u messages of %u", all->n, WRITERS * EACH);
	for (i = 0; i < all->n; i++)
		if (i >= n || seen[i] != all->rec[i].uid || seen[i] != i + 1)
			bad("watcher %u has never seen UID %u", k, all->rec[i].uid);
	printf("watcher %u: %u looks\n", k, looks);
	fflush(stdout);
}

int main(void)
{
	unsigned k;
	int status, wrong = 0;

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	writers_left = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*writers_left = WRITERS;
	snprintf(dir, sizeof(dir), "%s/mansio-uids.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	store_close(box_open());
	for (k = 0; k < WRITERS + WATCHERS; k++) {
		if (fork() != 0)
			continue;
		if (k < WRITERS)
			write_some(k);
		else
			watch(k - WRITERS);
		_exit(0);
	}
	while (wait(&status) > 0)
		wrong += status != 0;
	if (wrong)
		printf("%s\n", told->text);
	box_remove(dir);
	return wrong != 0;
}
