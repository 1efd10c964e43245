/* SPDX-License-Identifier: ISC
 *
 * box.h: a mailbox in a temporary directory, for the tests of store/.
 */
#ifndef MANSIO_TESTS_STORE_BOX_H
#define MANSIO_TESTS_STORE_BOX_H

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct box {
	char dir[64];
	struct store *s;
};

static inline struct store_options box_options(const char *dir)
{
	struct store_options o = { .key = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), .host = "mx.example",
		.lock_timeout_ms = 20000 };

	assert_true(o.key >= 0);
	return o;
}

static inline void box_reopen(struct box *b)
{
	struct store_options o = box_options(b->dir);

	store_close(b->s);
	assert_int_equal(store_open(&o, &b->s), 0);
}

static inline int box_setup(void **state)
{
	struct box *b = mem_alloc(1, sizeof(*b));

	snprintf(b->dir, sizeof(b->dir), "/tmp/mansio-store-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	box_reopen(b);
	*state = b;
	return 0;
}

static inline void box_rm(const char *path)
{
	struct dirent *e;
	DIR *d = opendir(path);
	char sub[1024];

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if ((size_t)snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name) >= sizeof(sub))
			continue;
		if (unlink(sub) != 0)
			box_rm(sub);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static inline int box_teardown(void **state)
{
	struct box *b = *state;

	store_close(b->s);
	assert_int_equal(chdir("/"), 0);
	box_rm(b->dir);
	free(b);
	return 0;
}

/* A message with this subject; its UID. */
static inline int box_try_save(struct box *b, const char *folder, const char *subject, uint32_t flags,
	const char *id, uint32_t *uid_out)
{
	struct store_save_options o = { .folder = str_of(folder), .flags = flags, .delivery_id = str_of(id) };
	struct store_save *w;
	uint32_t validity;
	char text[512];
	int n = snprintf(text, sizeof(text), "From: a@example.org\r\nTo: b@example.org\r\nSubject: %s\r\n\r\n"
					     "Hello.\r\n", subject);
	int err = store_save_begin(b->s, &o, (uint64_t)n, &w);

	if (err)
		return err;
	assert_int_equal(store_save_write(w, text, (size_t)n), 0);
	return store_save_commit(w, &validity, uid_out);
}

static inline uint32_t box_save(struct box *b, const char *folder, const char *subject, uint32_t flags)
{
	uint32_t uid = 0;

	assert_int_equal(box_try_save(b, folder, subject, flags, NULL, &uid), 0);
	return uid;
}

static inline struct store_view *box_select(struct box *b, const char *folder)
{
	struct store_view *v = NULL;

	assert_int_equal(store_select(b->s, str_of(folder), false, &v), 0);
	return v;
}

/* Only file of Maildir/<sub> whose name has `part`; "" if none. */
static inline void box_find(struct box *b, const char *sub, const char *part, char out[600])
{
	char path[200];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/Maildir/%s", b->dir, sub);
	d = opendir(path);
	out[0] = 0;
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && strstr(e->d_name, part))
			snprintf(out, 600, "%s/%s", path, e->d_name);
	if (d)
		closedir(d);
}

/* A file made by another program, with LF lines. */
static inline void box_foreign(struct box *b, const char *sub, const char *name, const char *subject)
{
	char path[600], text[300];
	int fd, n = snprintf(text, sizeof(text), "Subject: %s\n\nfrom outside\n", subject);

	snprintf(path, sizeof(path), "%s/Maildir/%s/%s", b->dir, sub, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)n), n);
	close(fd);
}

static inline struct store_changes box_sync(struct store_view *v, struct arena *a)
{
	struct store_changes c;

	assert_int_equal(store_sync(v, true, a, &c), 0);
	return c;
}

#endif
