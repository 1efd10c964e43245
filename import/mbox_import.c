/* SPDX-License-Identifier: ISC
 *
 * mbox_import.c: `mansio import mbox`: the file is read once, from its start to its end.
 *
 * A message is known by a digest of its text (and how often that came), so that a second run,
 * or one after a run that was killed, takes what is missing.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/table.h"
#include "import/content.h"
#include "import/mbox.h"

struct taking {
	struct job *j;
	struct apply apply;
	struct table seen; /* digest -> how often */
	struct mbox_facts facts;
	struct digest digest;
	int fd; /* of the message that is being read, -1: it is not wanted */
	bool too_large;
	uint64_t size, messages, large;
	struct buf out;
};

static int drain(struct taking *t)
{
	int err = t->fd >= 0 && t->out.n ? file_write_all(t->fd, t->out.p, t->out.n) : 0;

	buf_reset(&t->out);
	return err;
}

static int on_begin(void *arg, const struct mbox_facts *facts)
{
	struct taking *t = arg;

	t->facts = *facts;
	t->size = 0;
	t->too_large = false;
	digest_init(&t->digest);
	buf_reset(&t->out);
	t->fd = -1;
	if (facts->internal || t->j->dry)
		return 0;
	t->fd = store_import_file(t->j->store);
	return MIN(t->fd, 0);
}

static int on_text(void *arg, const void *p, size_t n)
{
	struct taking *t = arg;
	int err = 0;

	if (t->facts.internal || t->too_large)
		return 0;
	t->size += n;
	if (t->size > (uint64_t)t->j->conf->import_message_size) {
		t->too_large = true;
		return 0;
	}
	digest_add(&t->digest, p, n);
	if (t->out.n + n > t->out.max)
		err = drain(t);
	if (!err && n > t->out.max)
		return t->fd >= 0 ? file_write_all(t->fd, p, n) : 0;
	if (!err)
		buf_add(&t->out, p, n);
	return err ? err : t->out.err;
}

/* The n-th message with this text has an id of its own. */
static void name_message(struct taking *t, char id[CONTENT_ID])
{
	char first[CONTENT_ID], text[CONTENT_ID + 24];
	uintptr_t count;

	digest_id(&t->digest, first);
	count = (uintptr_t)table_get(&t->seen, str_of(first)) + 1;
	table_set(&t->seen, str_of(first), (void *)count);
	snprintf(text, sizeof(text), "%s %zu", first, (size_t)count);
	content_id(str_of(text), id);
}

static int take(struct taking *t, struct str id, const struct str *keyword, size_t nkeywords)
{
	struct store_import_message m = { .id = id, .flags = t->facts.flags, .keyword = keyword,
		.nkeywords = nkeywords, .internaldate = t->facts.date, .uidl = STR(""), .fd = t->fd,
		.size = t->size, .wire = t->size };
	int err = drain(t);

	if (err)
		return err;
	t->fd = -1;
	return apply_add(&t->apply, &m);
}

static int on_end(void *arg)
{
	struct taking *t = arg;
	struct str keyword[STORE_KEYWORDS_MAX], rest = str_of(t->facts.keywords);
	struct store_imported was;
	char id[CONTENT_ID];
	size_t n = 0;
	int err = 0;

	if (t->facts.internal)
		return 0;
	t->messages++;
	if (t->too_large) {
		t->large++;
		fd_close(&t->fd);
		return 0;
	}
	while (rest.p && rest.n && n < ARRAY_LEN(keyword))
		keyword[n++] = str_cut(&rest, ' ');
	name_message(t, id);
	if (store_import_find(t->apply.im, str_of(id), &was))
		apply_compare(&t->apply, str_of(id), &was, t->facts.flags, keyword, n);
	else if (t->j->dry)
		t->apply.added++;
	else
		err = take(t, str_of(id), keyword, n);
	fd_close(&t->fd);
	return err;
}

static int read_all(struct taking *t, int fd, struct mbox *m)
{
	static char block[262144];
	ssize_t n;
	int err = 0;

	while (!err && (n = read(fd, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		err = mbox_feed(m, block, (size_t)n);
		t->j->done += (uint64_t)n;
		if (!err)
			err = job_progress(t->j, "bytes");
	}
	return err ? err : mbox_finish(m);
}

static void tell(struct taking *t, struct str folder, const struct mbox *m)
{
	struct job_folder row = { .name = folder, .messages = t->messages, .added = t->apply.added,
		.changed = t->apply.changed, .removed = 0, .uids = "new", .words = "an mbox has no UIDs" };

	job_row(t->j, &row);
	if (m->junk)
		job_say(t->j, folder, "%llu bytes before the first message are none", (unsigned long long)m->junk);
	if (t->large)
		job_say(t->j, folder, "%llu messages are larger than [import] message_size",
			(unsigned long long)t->large);
	t->j->failed = t->large || (m->junk && !t->messages);
}

static int take_file(struct job *j, struct str folder, int fd)
{
	static const struct mbox_ops ops = { on_begin, on_text, on_end };
	struct store_import_options opt = { .folder = folder, .source = STR("mbox"), .special = STR(""), .dry = j->dry };
	struct taking *t = mem_alloc(1, sizeof(*t));
	enum store_import_uids uids;
	struct store_import *im;
	struct mbox m;
	int err = store_import_begin(j->store, &opt, &im, &uids), err2;

	if (err) {
		free(t);
		return job_fail(j, err, "%.*s: %s", STRF(folder), err == E_SYNTAX ? "no folder can be called so" : err_text(err));
	}
	t->j = j;
	t->fd = -1;
	table_init(&t->seen);
	buf_init(&t->out, 65536);
	apply_init(&t->apply, j, im, folder);
	mbox_init(&m, &ops, t);
	err = read_all(t, fd, &m);
	if (!err && !j->dry)
		err = apply_flush(&t->apply);
	if (!err)
		err = apply_finish(&t->apply, false);
	if (!err)
		tell(t, folder, &m);
	mbox_done(&m);
	apply_done(&t->apply);
	table_done(&t->seen);
	buf_done(&t->out);
	fd_close(&t->fd);
	free(t);
	err2 = store_import_end(im, !err);
	return err ? err : err2;
}

int import_mbox(struct job *j)
{
	struct str folder = ipc_get(j->m, "folder"), path = STR("");
	struct stat st;
	int fd, err = remote_open(j, &path, 1, false, &fd);

	if (err)
		return err;
	if (fd < 0 || fstat(fd, &st) != 0)
		return job_fail(j, fd < 0 ? fd : -errno, "%.*s is no file that can be read", STRF(ipc_get(j->m, "path")));
	j->total = (uint64_t)st.st_size;
	err = take_file(j, folder.n ? folder : STR("INBOX"), fd);
	close(fd);
	return err;
}
