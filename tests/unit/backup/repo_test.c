/* SPDX-License-Identifier: ISC
 *
 * repo_test.c: the folder: what is stored comes back, once; a torn end; a lost or
 * damaged index; packs of any size; and which snapshots are kept when.
 */
#include "backup/repo.h"
#include "backup/schedule.h"
#include "backup/snapshots.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char path[] = "/tmp/mansio-repo-XXXXXX";
static int dir;

static int setup(void **state)
{
	(void)state;
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0;
}

static int teardown(void **state)
{
	char command[80];

	(void)state;
	close(dir);
	snprintf(command, sizeof(command), "rm -rf %s", path);
	return system(command);
}

static void open_repo(struct repo *r, enum repo_mode mode, uint64_t pack_size)
{
	const struct repo_options opt = { mode, true, pack_size };

	assert_int_equal(repo_open(dir, &opt, r), 0);
}

static struct str text_of(int i, struct buf *b)
{
	int k;

	buf_reset(b);
	for (k = 0; k <= i % 40; k++)
		buf_fmt(b, "line %d of text %d\n", k, i);
	return buf_view(b);
}

static void check(struct repo *r, const struct object_id *id, int n)
{
	struct buf want, have;
	int i;

	buf_init(&want, 1 << 20);
	buf_init(&have, 1 << 20);
	for (i = 0; i < n; i++) {
		buf_reset(&have);
		assert_int_equal(repo_get(r, &id[i], &have), 0);
		assert_true(str_eq(buf_view(&have), text_of(i, &want)));
	}
	buf_done(&want);
	buf_done(&have);
}

static void put_all(struct repo *r, struct object_id *id, int n)
{
	struct buf b;
	int i;

	buf_init(&b, 1 << 20);
	for (i = 0; i < n; i++)
		assert_int_equal(repo_put(r, OBJECT_MESSAGE, text_of(i, &b), &id[i]), 0);
	assert_int_equal(repo_commit(r), 0);
	buf_done(&b);
}

static void test_stored_once_in_packs_of_any_size(void **state)
{
	static const uint64_t sizes[] = { 1, 1000, 5000, 1 << 20 };
	struct object_id id[200];
	struct repo r;
	uint64_t bytes;
	size_t k;

	(void)state;
	for (k = 0; k < ARRAY_LEN(sizes); k++) {
		open_repo(&r, REPO_WRITE, sizes[k]);
		put_all(&r, id, 200);
		bytes = repo_bytes(&r);
		put_all(&r, id, 200);
		assert_int_equal(repo_bytes(&r), bytes);
		check(&r, id, 200);
		repo_close(&r);
		open_repo(&r, REPO_READ, 0);
		check(&r, id, 200);
		repo_close(&r);
	}
}

static void test_large_files_and_both_methods(void **state)
{
	char name[] = "/tmp/mansio-large-XXXXXX", chunk[65536];
	struct repo_options opt = { REPO_WRITE, true, 1 << 30 };
	int fd = mkstemp(name), i, k;
	struct object_id id[2], again;
	struct repo r;
	uint64_t size;
	struct buf b;

	(void)state;
	unlink(name);
	buf_init(&b, 16 << 20);
	for (k = 0; k < 2; k++) {
		opt.compress = k == 0;
		assert_int_equal(repo_open(dir, &opt, &r), 0);
		for (i = 0; i < 70; i++) {
			memset(chunk, 'a' + i % 20 + k, sizeof(chunk));
			assert_int_equal(pwrite(fd, chunk, sizeof(chunk), (off_t)i * 65536), 65536);
		}
		assert_int_equal(repo_put_fd(&r, OBJECT_FILE, fd, &id[k], &size), 0);
		assert_int_equal(size, 70 * 65536);
		assert_int_equal(repo_put_fd(&r, OBJECT_FILE, fd, &again, &size), 0);
		assert_memory_equal(&again, &id[k], sizeof(again));
		assert_int_equal(repo_commit(&r), 0);
		repo_close(&r);
	}
	open_repo(&r, REPO_READ, 0);
	for (k = 0; k < 2; k++) {
		buf_reset(&b);
		assert_int_equal(repo_get(&r, &id[k], &b), 0);
		assert_int_equal(b.n, 70 * 65536);
		assert_int_equal(b.p[69 * 65536], 'a' + 69 % 20 + k);
	}
	repo_close(&r);
	buf_done(&b);
	close(fd);
}

/* Cut the pack at every length: what is whole is taken in, what is torn is stored again. */
static void test_torn_at_every_byte(void **state)
{
	char pack[80], index[80], keep[400000];
	struct object_id id[12];
	struct stat st;
	struct repo r;
	ssize_t n;
	off_t cut;
	int fd;

	(void)state;
	open_repo(&r, REPO_WRITE, 1 << 20);
	put_all(&r, id, 12);
	repo_close(&r);
	snprintf(pack, sizeof(pack), "%s/packs/000001.pack", path);
	snprintf(index, sizeof(index), "%s/packs/000001.index", path);
	fd = open(pack, O_RDONLY);
	n = read(fd, keep, sizeof(keep));
	close(fd);
	assert_true(n > 0 && fstat(dir, &st) == 0);
	for (cut = REPO_PACK_HEAD; cut <= n; cut++) {
		char next[80];

		fd = open(pack, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, keep, (size_t)cut), cut);
		close(fd);
		assert_int_equal(truncate(index, 0), 0);
		snprintf(next, sizeof(next), "rm -f %s/packs/000002.*", path);
		assert_int_equal(system(next), 0);
		open_repo(&r, REPO_WRITE, 1 << 20);
		put_all(&r, id, 12);
		repo_close(&r);
		open_repo(&r, REPO_READ, 0);
		check(&r, id, 12);
		repo_close(&r);
		if (cut % 97)
			cut += 12; /* enough of them */
	}
}

/* Any byte of a pack: what is given out is right, and something is not given out. */
static void test_every_flipped_byte_is_noticed(void **state)
{
	struct object_id id[6];
	struct buf want, have;
	char pack[80], c;
	struct stat st;
	struct repo r;
	off_t at;
	int fd, i;

	(void)state;
	buf_init(&want, 1 << 20);
	buf_init(&have, 1 << 20);
	open_repo(&r, REPO_WRITE, 1 << 20);
	put_all(&r, id, 6);
	repo_close(&r);
	snprintf(pack, sizeof(pack), "%s/packs/000001.pack", path);
	fd = open(pack, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	for (at = REPO_PACK_HEAD; at < st.st_size; at++) {
		int bad = 0;

		assert_int_equal(pread(fd, &c, 1, at), 1);
		c ^= (char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		open_repo(&r, REPO_READ, 0);
		for (i = 0; i < 6; i++) {
			buf_reset(&have);
			if (repo_get(&r, &id[i], &have) == 0)
				assert_true(str_eq(buf_view(&have), text_of(i, &want)));
			else
				bad++;
		}
		assert_int_equal(bad, 1);
		assert_non_null(strstr(r.why, "packs/000001.pack"));
		repo_close(&r);
		c ^= (char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
	}
	close(fd);
	buf_done(&want);
	buf_done(&have);
}

static void test_without_index_and_with_a_damaged_one(void **state)
{
	struct object_id id[50];
	char index[80];
	struct repo r;
	int fd;

	(void)state;
	open_repo(&r, REPO_WRITE, 1 << 20);
	put_all(&r, id, 50);
	repo_close(&r);
	snprintf(index, sizeof(index), "%s/packs/000001.index", path);
	fd = open(index, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 10 * INDEX_LINE + 3), 1);
	close(fd);
	open_repo(&r, REPO_READ, 0);
	check(&r, id, 50);
	repo_close(&r);
	assert_int_equal(unlink(index), 0);
	open_repo(&r, REPO_READ, 0);
	check(&r, id, 50);
	repo_close(&r);
	open_repo(&r, REPO_WRITE, 1 << 20);
	put_all(&r, id, 50); /* nothing new: no second pack */
	assert_int_equal(r.npacks, 1);
	repo_close(&r);
}

static void test_bad_places_are_stored_again(void **state)
{
	struct object_id id[5];
	struct repo_object o;
	struct repo_place bad;
	struct repo r;

	(void)state;
	open_repo(&r, REPO_WRITE, 1 << 20);
	put_all(&r, id, 5);
	assert_int_equal(repo_find(&r, &id[2], &o), 0);
	bad = (struct repo_place){ o.pack, o.at };
	assert_int_equal(repo_mark_bad(&r, &bad, 1), 0);
	repo_close(&r);
	open_repo(&r, REPO_WRITE, 1 << 20);
	assert_false(repo_has(&r, &id[2]));
	put_all(&r, id, 5);
	assert_int_equal(repo_find(&r, &id[2], &o), 0);
	assert_true(o.at != bad.at);
	check(&r, id, 5);
	repo_close(&r);
}

static void test_a_foreign_folder_is_left_alone(void **state)
{
	const struct repo_options opt = { REPO_WRITE, true, 1 << 20 };
	struct repo r;

	(void)state;
	close(openat(dir, "holiday.jpg", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(repo_open(dir, &opt, &r), E_EXISTS);
	repo_close(&r);
}

/* --- keeping, schedule -------------------------------------------------------------- */

static void test_keep(void **state)
{
	static const struct keep_rule rules[] = { { KEEP_LAST, 2 }, { KEEP_DAILY, 3 }, { KEEP_WEEKLY, 2 }, { KEEP_MONTHLY, 3 },
		{ KEEP_YEARLY, 2 } };
	static const char *const row[] = {
		/* id, is it kept */
		"20250101T010000Z -", "20251230T010000Z +", "20260930T010000Z +", "20261001T010000Z -", "20261031T010000Z +",
		"20261114T010000Z -", "20261115T230000Z +", "20261118T010000Z -", "20261120T010000Z +", "20261121T010000Z -",
		"20261121T020000Z +", "20261122T010000Z +", "20261122T020000Z +" };
	struct str id[ARRAY_LEN(row)];
	bool keep[ARRAY_LEN(row)];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++)
		id[i] = str_sub(str_of(row[i]), 0, SNAPSHOT_ID);
	snapshots_keep(id, ARRAY_LEN(row), rules, ARRAY_LEN(rules), keep);
	for (i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(keep[i], row[i][SNAPSHOT_ID + 1] == '+');
	snapshots_keep(id, ARRAY_LEN(row), rules, 0, keep);
	for (i = 0; i < ARRAY_LEN(row); i++)
		assert_true(keep[i]);
}

static void test_schedule(void **state)
{
	struct conf *c = conf_defaults();
	const int64_t day = 86400, t = 1795316400; /* 2026-11-22 03:00 UTC */

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(schedule_next(c, 0, 0), 0); /* never yet: at once */
	assert_int_equal(schedule_next(c, t, 0), t - 1800 + day); /* 02:30 of the next day */
	assert_int_equal(schedule_next(c, t - 3600, 0), t - 1800); /* missed: its time is over, so at once */
	assert_int_equal(schedule_next(c, t - 3600, t + 10), t + 10 + 3600); /* failed: in an hour */
	assert_int_equal(schedule_next(c, t, t - 10), t - 1800 + day); /* that attempt was the good one */
	c->backup_every = 7200000;
	assert_int_equal(schedule_next(c, t, 0), t + 7200);
	c->backup_every = 0;
	c->backup_at = STR("");
	assert_int_equal(schedule_next(c, t, 0), INT64_MAX);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stored_once_in_packs_of_any_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_files_and_both_methods, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_at_every_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_flipped_byte_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_index_and_with_a_damaged_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_places_are_stored_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_foreign_folder_is_left_alone, setup, teardown),
		cmocka_unit_test(test_keep), cmocka_unit_test(test_schedule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
