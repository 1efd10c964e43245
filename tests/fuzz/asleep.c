/* SPDX-License-Identifier: ISC
 *
 * asleep.c: the text of a sleeping session comes back from front: whatever it says, the
 * session is as it was or ends with BYE, and nothing outside the mailbox is touched. An
 * input that begins with 'm' is changes (position, byte) to a text that fits.
 */
#include "imap/session.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 2048
#define MESSAGES 3

static char home[] = "/tmp/mansio-fuzz-XXXXXX";
static struct store *store;
static struct conf *conf;
static char good[TEXT_MAX];
static size_t ngood;
static int outside; /* where the fuzzer finds its files: a store is in the mailbox's directory */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static void clean(void)
{
	store_close(store);
	nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void save_one(void)
{
	struct store_save_options o = { .folder = STR("INBOX") };
	struct store_save *w;
	uint32_t validity, uid;

	BUG_ON(store_save_begin(store, &o, 0, &w) || store_save_write(w, "a: b\r\n\r\nc", 9) ||
		store_save_commit(w, &validity, &uid));
}

static void print_good(void)
{
	struct store_view *v;
	struct ipc_msg m;
	struct buf view, text;

	BUG_ON(store_select(store, STR("INBOX"), false, &v));
	buf_init(&view, STORE_FROZEN_MAX);
	buf_init(&text, TEXT_MAX);
	BUG_ON(store_view_freeze(v, &view));
	store_deselect(v);
	ipc_init(&m, "imap-asleep");
	ipc_setc(&m, "user", "a@b");
	ipc_setc(&m, "commands", "1");
	ipc_setc(&m, "fetched", "0");
	ipc_setc(&m, "appended", "0");
	ipc_setc(&m, "expunged", "0");
	ipc_set(&m, "view", buf_view(&view));
	BUG_ON(ipc_print(&m, &text));
	memcpy(good, text.p, text.n);
	ngood = text.n;
	ipc_done(&m);
	buf_done(&view);
	buf_done(&text);
}

static void start(void)
{
	struct store_options opt = { .host = "fuzz.example", .lock_timeout_ms = 1000 };
	int i;

	outside = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	BUG_ON(outside < 0 || !mkdtemp(home));
	opt.key = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	BUG_ON(store_open(&opt, &store));
	atexit(clean);
	conf = conf_defaults();
	for (i = 0; i < MESSAGES; i++)
		save_one();
	print_good();
}

static void wake(struct str state)
{
	struct handover h = { .id = STR("testsession1"), .service = STR("imap"), .state = state };
	struct imap_session s = { .store = store, .conf = conf, .id = h.id, .user = STR("a@b"), .handover = &h };
	struct stream stream;
	int pair[2];

	BUG_ON(chdir(home) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	stream_init(&stream, pair[0], -1, 0, 1000);
	s.stream = &stream;
	arena_init(&s.a);
	arena_init(&s.ma);
	BUG_ON(imap_wake(&s) == s.ending);
	BUG_ON(s.view && s.view->n != MESSAGES); /* what was shown, or nothing */
	store_deselect(s.view);
	stream_done(&stream);
	close(pair[1]);
	arena_done(&s.a);
	arena_done(&s.ma);
	BUG_ON(fchdir(outside));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX];
	size_t i;

	if (!store)
		start();
	if (!size || data[0] != 'm') {
		wake(str_make(data, size));
		return 0;
	}
	memcpy(text, good, ngood);
	for (i = 1; i + 1 < size && i < 16; i += 2)
		text[data[i] % ngood] = (char)data[i + 1];
	wake(str_make(text, ngood));
	return 0;
}
