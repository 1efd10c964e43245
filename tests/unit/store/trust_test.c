/* SPDX-License-Identifier: ISC
 *
 * trust_test.c: the index is a cache. Deleted or damaged in any way, also
 * beneath a live view, the next call brings it back: UIDVALIDITY, UIDs, flags
 * and keywords unchanged, MODSEQs above any ever told, no wrong answer.
 */
#include "box.h"

#include <signal.h>

#include "base/file.h"
#include "base/rand.h"

#define META_PAGES 8192
#define MESSAGES 60

/* MESSAGES messages in INBOX: every third seen, every fifth with keyword Work,
 * UID 7 expunged. */
static void fill(struct box *b)
{
	struct str kw = STR("Work");
	struct store_view *v;
	uint32_t *changed, i, seven = 6;
	struct store_changes c;
	struct arena a;
	size_t n;
	bool gone;

	arena_init(&a);
	for (i = 1; i <= MESSAGES; i++)
		box_save(b, "INBOX", "x", i % 3 == 0 ? STORE_SEEN : 0);
	v = box_select(b, "INBOX");
	for (i = 4; i < MESSAGES; i += 5)
		assert_int_equal(store_set_flags(v, &i, 1, STORE_ADD, 0, &kw, 1, &a, &changed, &n, &gone), 0);
	assert_int_equal(store_expunge(v, &seven, 1), 0);
	assert_int_equal(store_sync(v, true, &a, &c), 0);
	store_deselect(v);
	arena_done(&a);
}

static void check_view(const struct store_view *v)
{
	uint32_t i, uid = 1;

	assert_int_equal(v->n, MESSAGES - 1);
	for (i = 0; i < v->n; i++, uid++) {
		if (uid == 7)
			uid++;
		assert_int_equal(v->rec[i].uid, uid);
		assert_int_equal(v->rec[i].flags & 31, uid % 3 == 0 ? STORE_SEEN : 0);
		assert_int_equal(v->rec[i].keywords, uid % 5 == 0 ? 1 : 0);
		assert_true(v->rec[i].size > 60);
	}
	assert_true(str_eqc(v->keyword[0], "Work"));
}

struct before {
	uint32_t uidvalidity;
	uint64_t modseq, epoch;
};

/* After damage: live view, new view, content. */
static void check_all(struct box *b, struct store_view *live, struct before *before)
{
	struct store_changes c;
	struct store_view *v;
	struct store_msg m;
	struct arena a;

	arena_init(&a);
	assert_int_equal(store_sync(live, true, &a, &c), 0);
	assert_int_equal(c.nexpunged, 0);
	assert_int_equal(c.nchanged, 0);
	check_view(live);
	v = box_select(b, "INBOX");
	check_view(v);
	assert_int_equal(v->uidvalidity, before->uidvalidity);
	assert_true(v->uidnext > MESSAGES);
	assert_true(v->highestmodseq >= before->modseq);
	before->modseq = v->highestmodseq;
	assert_int_equal(store_msg_open(v, 30, &m), 0);
	store_msg_close(&m);
	store_deselect(v);
	arena_done(&a);
}

static off_t data_size(void)
{
	struct stat st;

	assert_int_equal(stat("index/data.mdb", &st), 0);
	return st.st_size;
}

static void live_before(struct box *b, struct store_view **v, struct before *x)
{
	*v = box_select(b, "INBOX");
	x->uidvalidity = (*v)->uidvalidity;
	x->modseq = (*v)->highestmodseq;
}

/* So that the live view has a reason to look. */
static void poke(void)
{
	int fd = open("index/state", O_RDWR);
	uint64_t junk = rand_u64();
	off_t at;

	if (fd < 0)
		return;
	for (at = 80; at < 80 + 4096 * 8; at += 8)
		if (pwrite(fd, &junk, 8, at) != 8)
			break;
	close(fd);
}

static void test_deleted(void **state)
{
	static const char *const gone[] = { "index/data.mdb", "index/state", "index" };
	struct box *b = *state;
	struct store_view *live;
	struct before x;
	size_t i;

	fill(b);
	live_before(b, &live, &x);
	for (i = 0; i < ARRAY_LEN(gone); i++) {
		uint64_t modseq = x.modseq;

		if (unlink(gone[i]) != 0)
			box_rm(gone[i]);
		poke();
		check_all(b, live, &x);
		assert_true(x.modseq > modseq);
	}
	store_deselect(live);
}

static void test_a_uid_is_never_given_again(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	uint32_t last, uid = 0;
	int round;

	box_save(b, "INBOX", "stays", 0);
	for (round = 0; round < 3; round++) {
		last = box_save(b, "INBOX", "the last one, expunged", 0);
		assert_true(last > uid);
		uid = last;
		v = box_select(b, "INBOX");
		last = v->n - 1;
		assert_int_equal(store_expunge(v, &last, 1), 0);
		store_deselect(v);
		box_rm("index");
	}
}

static void test_modseq_is_above_any_ever_told(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	uint64_t told;
	uint32_t i;
	int round;

	fill(b);
	for (round = 0; round < 3; round++) {
		v = box_select(b, "INBOX");
		told = v->highestmodseq;
		store_deselect(v);
		box_rm("index");
		v = box_select(b, "INBOX");
		for (i = 0; i < v->n; i++)
			assert_true(v->rec[i].modseq > told);
		store_deselect(v);
	}
}

static void test_truncated_at_every_page(void **state)
{
	struct box *b = *state;
	struct store_view *live;
	struct before x;
	off_t at;

	fill(b);
	live_before(b, &live, &x);
	for (at = 0; at < data_size(); at += 4096) {
		assert_int_equal(truncate("index/data.mdb", at), 0);
		poke();
		check_all(b, live, &x);
	}
	store_deselect(live);
}

static void overwrite(off_t at, const void *p, size_t n)
{
	int fd = open("index/data.mdb", O_WRONLY);

	assert_int_equal(pwrite(fd, p, n, at), n);
	close(fd);
}

static void test_garbage_pages(void **state)
{
	struct box *b = *state;
	struct store_view *live;
	struct before x;
	char page[4096];
	off_t at;
	int round;

	fill(b);
	live_before(b, &live, &x);
	for (round = 0; round < 2; round++)
		for (at = 0; at < data_size(); at += 4096) {
			if (round)
				memset(page, 0, sizeof(page));
			else
				rand_bytes(page, sizeof(page));
			overwrite(at, page, sizeof(page));
			poke();
			check_all(b, live, &x);
		}
	store_deselect(live);
}

static void test_flipped_bytes(void **state)
{
	struct box *b = *state;
	struct store_view *live;
	struct before x;
	int round;

	fill(b);
	live_before(b, &live, &x);
	for (round = 0; round < 300; round++) {
		off_t at = (off_t)(rand_u64() % (uint64_t)data_size());
		unsigned char c = (unsigned char)rand_u64();

		if (round % 3 == 0)
			at = at / 4096 * 4096 + (off_t)(rand_u64() % 32); /* page headers */
		overwrite(at, &c, 1);
		poke();
		check_all(b, live, &x);
	}
	store_deselect(live);
}

/* Makes the state agree with the changed file, as if the disk had lied. */
static void bless(void)
{
	unsigned char head[80];
	uint32_t crc;
	struct stat st;
	uint64_t v;
	int fd = open("index/state", O_RDWR);

	assert_int_equal(pread(fd, head, 80, 0), 80);
	assert_int_equal(stat("index/data.mdb", &st), 0);
	v = (uint64_t)st.st_size;
	memcpy(head + 48, &v, 8);
	v = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
	memcpy(head + 56, &v, 8);
	v = (uint64_t)st.st_ctim.tv_sec * 1000000000 + (uint64_t)st.st_ctim.tv_nsec;
	memcpy(head + 64, &v, 8);
	crc = crc32c(0, head, 76);
	memcpy(head + 76, &crc, 4);
	assert_int_equal(pwrite(fd, head, 80, 0), 80);
	close(fd);
}

/* A fault while writing, inside LMDB: the sanitizer reports it and ends the process by itself. */
static bool sanitizer_ended(int status)
{
#ifdef SANITIZE
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
#else
	(void)status;
	return false;
#endif
}

/* In a child: a fault while writing may end it, a wrong answer must not be. */
static int look(const char *dir, bool write)
{
	struct box b = { 0 };
	struct store_view *v;
	uint32_t i, uid = 1;
	struct store_options o;

	snprintf(b.dir, sizeof(b.dir), "%s", dir);
	o = box_options(b.dir);
	if (store_open(&o, &b.s))
		return 6;
	if (store_select(b.s, STR("INBOX"), false, &v))
		return 5;
	if (v->n != MESSAGES - 1)
		return 2;
	for (i = 0; i < v->n; i++, uid++) {
		if (uid == 7)
			uid++;
		if (v->rec[i].uid != uid || (v->rec[i].flags & 31) != (uid % 3 ? 0 : STORE_SEEN) ||
			v->rec[i].keywords != (uid % 5 == 0))
			return 3;
	}
	if (write && box_save(&b, "Sent", "x", 0) == 0)
		return 4;
	return 0;
}

static void test_a_disk_that_lies(void **state)
{
	struct box *b = *state;
	struct store_view *live;
	struct before x;
	char page[4096];
	int round, status;
	pid_t pid;

	fill(b);
	live_before(b, &live, &x);
	for (round = 0; round < 240; round++) {
		off_t at = (off_t)(rand_u64() % (uint64_t)data_size());

		/* behind the meta pages: an older root there is a whole, older index (docs/STORE.md) */
		if (round % 4 != 1 && at < META_PAGES)
			at += META_PAGES;
		rand_bytes(page, sizeof(page));
		if (round % 4 == 0)
			overwrite(at / 4096 * 4096, page, sizeof(page));
		else if (round % 4 == 1)
			assert_int_equal(truncate("index/data.mdb", at), 0);
		else if (round % 4 == 2)
			overwrite(at / 4096 * 4096 + (off_t)(rand_u64() % 32), page, 1);
		else
			overwrite(at, page, 1);
		bless();
		pid = fork();
		if (pid == 0) {
			signal(SIGSEGV, SIG_DFL);
			signal(SIGBUS, SIG_DFL);
			signal(SIGABRT, SIG_DFL);
			alarm(20);
			_exit(look(b->dir, round % 2));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if ((WIFEXITED(status) && WEXITSTATUS(status) && !sanitizer_ended(status)) ||
			(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM))
			fail_msg("round %d, at %lld: status %x", round, (long long)at, (unsigned)status);
		assert_int_equal(store_rebuild(b->s), 0);
		check_all(b, live, &x);
	}
	store_deselect(live);
}

static void test_page_from_elsewhere(void **state)
{
	struct box *b = *state;
	struct store_view *live;
	struct before x;
	char page[4096];
	int fd, round;

	fill(b);
	live_before(b, &live, &x);
	for (round = 0; round < 60; round++) {
		uint64_t pages = (uint64_t)data_size() / 4096;
		off_t from = (off_t)(rand_u64() % pages) * 4096, to = (off_t)(rand_u64() % pages) * 4096;

		fd = open("index/data.mdb", O_RDONLY);
		assert_int_equal(pread(fd, page, sizeof(page), from), 4096);
		close(fd);
		overwrite(to, page, sizeof(page));
		poke();
		check_all(b, live, &x);
	}
	store_deselect(live);
}

static void test_writes_into_a_damaged_index(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	char page[4096];
	int round;

	for (round = 0; round < 40; round++) {
		uint32_t uid = box_save(b, "INBOX", "x", 0), again;

		rand_bytes(page, sizeof(page));
		overwrite((off_t)(rand_u64() % (uint64_t)(data_size() / 4096)) * 4096, page, sizeof(page));
		again = box_save(b, "INBOX", "y", 0);
		assert_true(again > uid);
	}
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, 80);
	store_deselect(v);
}

static void test_strange_files_in_its_place(void **state)
{
	struct box *b = *state;
	struct store_view *live;
	struct before x;
	int fd;

	fill(b);
	live_before(b, &live, &x);
	unlink("index/data.mdb");
	assert_int_equal(mkdir("index/data.mdb", 0700), 0);
	poke();
	check_all(b, live, &x);
	unlink("index/data.mdb");
	assert_int_equal(mkfifo("index/data.mdb", 0600), 0);
	poke();
	check_all(b, live, &x);
	unlink("index/state");
	assert_int_equal(mkdir("index/state", 0700), 0);
	check_all(b, live, &x);
	box_rm("index");
	fd = open("index", O_WRONLY | O_CREAT, 0600);
	close(fd);
	check_all(b, live, &x);
	fd = open("index/state", O_RDWR);
	assert_int_equal(pwrite(fd, "garbage", 7, 20), 7);
	close(fd);
	check_all(b, live, &x);
	assert_int_equal(truncate("index/state", 10), 0);
	check_all(b, live, &x);
	store_deselect(live);
}

static void test_another_boot_without_clean_mark(void **state)
{
	struct box *b = *state;
	struct store_view *live;
	struct before x;
	uint64_t modseq;
	unsigned char head[80];
	uint32_t crc;
	int fd;

	fill(b);
	live_before(b, &live, &x);
	modseq = x.modseq;
	fd = open("index/state", O_RDWR);
	assert_int_equal(pread(fd, head, 80, 0), 80);
	head[8] ^= 1;
	crc = crc32c(0, head, 76);
	memcpy(head + 76, &crc, 4);
	assert_int_equal(pwrite(fd, head, 80, 0), 80);
	close(fd);
	poke();
	check_all(b, live, &x);
	assert_true(x.modseq > modseq);
	store_deselect(live);
}

static void test_clean_mark_outlives_a_boot(void **state)
{
	struct box *b = *state;
	struct store_options o = box_options(b->dir);
	struct store_view *live;
	struct before x;
	uint64_t modseq;
	unsigned char head[80];
	uint32_t crc, flags;
	int fd;

	store_close(b->s);
	o.notify = true;
	assert_int_equal(store_open(&o, &b->s), 0);
	fill(b);
	box_reopen(b);
	fd = open("index/state", O_RDWR);
	assert_int_equal(pread(fd, head, 80, 0), 80);
	memcpy(&flags, head + 72, 4);
	assert_int_equal(flags & 1, 1);
	head[8] ^= 1;
	crc = crc32c(0, head, 76);
	memcpy(head + 76, &crc, 4);
	assert_int_equal(pwrite(fd, head, 80, 0), 80);
	live_before(b, &live, &x);
	modseq = x.modseq;
	check_all(b, live, &x);
	assert_true(x.modseq == modseq);
	assert_int_equal(pread(fd, head, 80, 0), 80);
	memcpy(&flags, head + 72, 4);
	assert_int_equal(flags & 1, 0);
	close(fd);
	store_deselect(live);
}

static void test_cache_file_damage_is_harmless(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_desc d;
	struct arena a;
	char path[600];
	struct stat st;
	uint32_t i;
	int round, fd;

	fill(b);
	arena_init(&a);
	for (round = 0; round < 20; round++) {
		struct dirent *e;
		DIR *dir = opendir("index");

		while ((e = readdir(dir)))
			if (strstr(e->d_name, ".cache"))
				snprintf(path, sizeof(path), "index/%s", e->d_name);
		closedir(dir);
		assert_int_equal(stat(path, &st), 0);
		fd = open(path, O_RDWR);
		if (round % 5 == 4)
			assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
		else
			assert_int_equal(pwrite(fd, "\xff\xff\xff", 3, (off_t)(rand_u64() % (uint64_t)st.st_size)), 3);
		close(fd);
		if (round % 7 == 3)
			assert_int_equal(store_rebuild(b->s), 0);
		v = box_select(b, "INBOX");
		for (i = 0; i < v->n; i++) {
			assert_int_equal(store_describe(v, i, STORE_WANT_HEADERS, &a, &d), 0);
			assert_true(str_search(d.headers, STR("Subject: x\r\n")) >= 0);
		}
		store_deselect(v);
	}
	arena_done(&a);
}

/* A damaged description is written once more, not computed again for ever. */
static void test_damaged_description_is_replaced(void **state)
{
	struct box *b = *state;
	char path[600] = "";
	off_t size[3];
	struct store_desc d;
	struct store_view *v;
	struct dirent *e;
	struct stat st;
	struct arena a;
	DIR *dir;
	int i, fd;

	box_save(b, "INBOX", "x", 0);
	arena_init(&a);
	dir = opendir("index");
	while ((e = readdir(dir)))
		if (strstr(e->d_name, ".cache"))
			snprintf(path, sizeof(path), "index/%s", e->d_name);
	closedir(dir);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "\xff\xff\xff", 3, 60), 3);
	close(fd);
	for (i = 0; i < 3; i++) {
		assert_int_equal(stat(path, &st), 0);
		size[i] = st.st_size;
		v = box_select(b, "INBOX");
		assert_int_equal(store_describe(v, 0, STORE_WANT_HEADERS, &a, &d), 0);
		store_deselect(v);
	}
	assert_true(size[1] > size[0]);
	assert_int_equal(size[2], size[1]);
	arena_done(&a);
}

static void test_damaged_mansio_folder_gives_a_new_uidvalidity(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_changes c;
	struct arena a;
	uint32_t validity;
	int fd;

	arena_init(&a);
	fill(b);
	v = box_select(b, "INBOX");
	validity = v->uidvalidity;
	fd = open("Maildir/mansio-folder", O_WRONLY | O_TRUNC);
	close(fd);
	poke();
	assert_int_equal(store_sync(v, true, &a, &c), E_STALE);
	store_deselect(v);
	v = box_select(b, "INBOX");
	assert_true(v->uidvalidity > validity);
	assert_int_equal(v->n, MESSAGES - 1);
	assert_int_equal(v->rec[1].flags & 31, 0);
	assert_int_equal(v->rec[2].flags & 31, STORE_SEEN);
	store_deselect(v);
	arena_done(&a);
}

static void test_older_mansio_folder_put_back(void **state)
{
	struct box *b = *state;
	struct buf old;
	uint32_t uid, i;

	buf_init(&old, 10000);
	box_save(b, "INBOX", "x", 0);
	assert_int_equal(file_load(AT_FDCWD, "Maildir/mansio-folder", &old), 0);
	for (i = 0; i < 600; i++)
		uid = box_save(b, "INBOX", "x", 0);
	assert_int_equal(file_replace(AT_FDCWD, "Maildir/mansio-folder", buf_view(&old), 0600), 0);
	assert_int_equal(box_save(b, "INBOX", "x", 0), uid + 1);
	buf_done(&old);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_deleted), T(test_a_uid_is_never_given_again), T(test_modseq_is_above_any_ever_told),
		T(test_truncated_at_every_page),
		T(test_garbage_pages), T(test_flipped_bytes), T(test_a_disk_that_lies), T(test_page_from_elsewhere),
		T(test_writes_into_a_damaged_index), T(test_strange_files_in_its_place),
		T(test_another_boot_without_clean_mark), T(test_clean_mark_outlives_a_boot),
		T(test_cache_file_damage_is_harmless), T(test_damaged_description_is_replaced),
		T(test_damaged_mansio_folder_gives_a_new_uidvalidity), T(test_older_mansio_folder_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
