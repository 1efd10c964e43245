/* SPDX-License-Identifier: ISC
 *
 * run.c: `mansio backup run`: a snapshot of everything, while everything runs.
 *
 * Order, and why:
 *  1. accounts, copy of the directory, accounts again: what is in both lists has its account in
 *     the copy, so no restored mailbox lacks one.
 *  2. the queue, before the mailboxes: a message that is delivered meanwhile is then in both, and
 *     its delivery id keeps it from being delivered twice; the other way round it would be in neither.
 *  3. settings with their history, certificates, keys; 4. mailboxes one by one; 5. the manifest.
 *
 * After each mailbox the manifest so far is kept as `unfinished`: a run that was
 * stopped goes on from there.
 */
#include "backup/job.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "backup/mailbox.h"
#include "base/clock.h"

#define ASK_MS 60000
#define KEEP_UNFINISHED_MS 10000 /* not after each of ten thousand small mailboxes */
#define PACK_MAX ((size_t)65 << 20)
#define QUEUE_TEXT ((size_t)256 << 20)

struct run {
	struct job *j;
	struct repo *r;
	struct snapshot s, before, rest; /* rest: an unfinished run */
	bool has_before, has_rest;
	struct str *account;
	size_t naccounts;
	uint64_t read, bytes_before;
};

/* --- accounts, directory ------------------------------------------------------------- */

static int list_accounts(struct run *x, struct str **out, size_t *n_out)
{
	struct arena *a = &x->j->a;
	struct str after = STR(""), *page, *all = NULL;
	size_t n = 0, got = 0, i;
	bool more = true;
	int err = 0;

	while (!err && more) {
		err = auth_accounts(x->j->authd, after, a, &page, &got, &more, deadline_in(ASK_MS));
		if (err || !got)
			break;
		all = mem_grow(all, n + got, sizeof(*all));
		for (i = 0; i < got; i++)
			all[n++] = page[i];
		after = all[n - 1];
	}
	if (!err) {
		*out = arena_array(a, n + 1, sizeof(*all));
		if (n)
			memcpy(*out, all, n * sizeof(*all));
		*n_out = n;
	}
	free(all);
	return err ? job_fail(x->j, err, "authd does not tell the accounts: %s", err_text(err)) : 0;
}

static int take_directory(struct run *x)
{
	struct str *before, *after;
	size_t nb, na, i, k = 0;
	int fd, err = list_accounts(x, &before, &nb);

	if (err)
		return err;
	err = auth_directory_copy(x->j->authd, &fd, deadline_in(ASK_MS));
	if (err)
		return job_fail(x->j, err, "authd gives no copy of the directory: %s", err_text(err));
	err = repo_put_fd(x->r, OBJECT_FILE, fd, &x->s.directory, &x->s.directory_bytes);
	close(fd);
	if (!err)
		err = list_accounts(x, &after, &na);
	if (err)
		return err;
	x->account = arena_array(&x->j->a, nb + 1, sizeof(*x->account));
	for (i = 0; i < nb; i++) {
		while (k < na && str_cmp(after[k], before[i]) < 0)
			k++;
		if (k < na && str_eq(after[k], before[i]))
			x->account[x->naccounts++] = before[i];
	}
	return 0;
}

/* --- the queue ------------------------------------------------------------------------- */

static int ask_queue(struct run *x, const char *verb, struct ipc_msg *answer)
{
	struct ipc_msg q;
	int err;

	ipc_init(&q, verb);
	err = ipc_call(x->j->queued, &q, answer, deadline_in(ASK_MS));
	ipc_done(&q);
	if (!err && ipc_get(answer, "result").p && !str_eqc(ipc_get(answer, "result"), "ok"))
		err = E_TEMP;
	return err;
}

static int queue_page(struct run *x, struct buf *text, bool *more)
{
	struct ipc_msg m = { 0 };
	struct object_id id;
	char field[16];
	uint64_t size;
	size_t i;
	int err = ask_queue(x, "files", &m), fd;

	*more = !err && ipc_get_bool(&m, "more");
	for (i = 0; !err; i++) {
		struct str name = ipc_get_nth(&m, "message", i);

		snprintf(field, sizeof(field), "file.%zu", i);
		fd = name.p ? ipc_take_fd(&m, field) : -1;
		if (fd < 0)
			break;
		err = repo_put_fd(x->r, OBJECT_MESSAGE, fd, &id, &size);
		close(fd);
		queue_line_print(&id, size, name, text);
		x->s.queue_messages++;
	}
	ipc_done(&m);
	return err;
}

static int take_queue(struct run *x)
{
	struct ipc_msg m = { 0 };
	struct object_id db;
	struct buf text;
	uint64_t size;
	bool more = true;
	int fd, err = x->j->queued < 0 ? E_CLOSED : ask_queue(x, "copy", &m);

	fd = err ? -1 : ipc_take_fd(&m, "database");
	ipc_done(&m);
	if (fd < 0)
		return job_fail(x->j, err ? err : E_PEER, "queued gives no copy of the queue: %s", err_text(err));
	buf_init(&text, QUEUE_TEXT);
	err = repo_put_fd(x->r, OBJECT_FILE, fd, &db, &size);
	close(fd);
	queue_head_print(&db, size, &text);
	while (!err && more)
		err = queue_page(x, &text, &more);
	(void)ask_queue(x, "end", &m);
	ipc_done(&m);
	if (!err)
		err = text.err ? text.err : repo_put(x->r, OBJECT_QUEUE, buf_view(&text), &x->s.queue);
	x->s.has_queue = !err;
	buf_done(&text);
	return err;
}

/* --- settings and certificates ------------------------------------------------------------ */

struct files {
	struct kept_file *v;
	size_t n, cap;
};

static struct kept_file *file_new(struct files *f)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->v = mem_grow(f->v, f->cap, sizeof(*f->v));
	}
	f->v[f->n] = (struct kept_file){ .mode = 0600 };
	return &f->v[f->n++];
}

/* master's descriptors: "file.N" with fields path.N and mode.N. */
static int take_single(struct run *x, struct files *out)
{
	struct kept_file *f;
	size_t i;
	int err = 0, fd;

	for (i = 0; !err && i < IPC_MAX_FDS; i++) {
		char name[24];
		uint64_t mode = 0600;

		snprintf(name, sizeof(name), "file.%zu", i);
		fd = ipc_take_fd(x->j->m, name);
		if (fd < 0)
			break;
		f = file_new(out);
		snprintf(name, sizeof(name), "path.%zu", i);
		f->path = ipc_get(x->j->m, name);
		snprintf(name, sizeof(name), "mode.%zu", i);
		(void)ipc_get_u64(x->j->m, name, 0777, &mode);
		f->mode = (unsigned)mode;
		err = repo_put_fd(x->r, OBJECT_FILE, fd, &f->id, &f->size);
		close(fd);
	}
	return err;
}

/* And many small ones as one: "PATH SIZE\n" and so many bytes, one behind the other (master/backup.c). */
static int take_pack(struct run *x, struct files *out)
{
	int fd = ipc_take_fd(x->j->m, "pack"), err;
	struct str rest, path, size;
	struct kept_file *f;
	struct buf b;

	if (fd < 0)
		return 0;
	buf_init(&b, PACK_MAX);
	err = file_read_all(fd, &b);
	close(fd);
	rest = buf_view(&b);
	while (!err && rest.n) {
		size = str_cut(&rest, '\n');
		path = str_cut(&size, ' ');
		f = file_new(out);
		if (!rest.p || str_u64(size, rest.n, &f->size) < 0) {
			err = E_PEER;
			break;
		}
		f->path = arena_str(&x->j->a, path);
		err = repo_put(x->r, OBJECT_FILE, str_sub(rest, 0, (size_t)f->size), &f->id);
		rest = str_from(rest, (size_t)f->size);
	}
	buf_wipe(&b);
	return err;
}

static int take_files(struct run *x)
{
	struct files f = { NULL, 0, 0 };
	int err = take_single(x, &f);
	struct buf text;

	if (!err)
		err = take_pack(x, &f);
	buf_init(&text, PACK_MAX);
	files_print(f.v, f.n, &text);
	if (!err)
		err = text.err ? text.err : repo_put(x->r, OBJECT_FILES, buf_view(&text), &x->s.files);
	x->s.has_files = !err;
	x->s.nfiles = f.n;
	buf_done(&text);
	free(f.v);
	return err;
}

/* --- mailboxes -------------------------------------------------------------------------------- */

struct mailbox_arg {
	struct str address;
	const struct object_id *before;
};

/* In the child. What it says: "SHA MESSAGES BYTES READ". */
static int mailbox_child(struct job *j, struct store *s, void *arg, struct buf *said)
{
	struct mailbox_arg *m = arg;
	char sha[SHA256_HEX + 1];
	struct taken t;
	int err = mailbox_take(&j->r, s, m->address, m->before, j->conf->backup_rate, &t);

	if (!err)
		err = repo_commit(&j->r);
	if (err)
		return err;
	sha256_print(t.id.sha, sha);
	buf_fmt(said, "%s %llu %llu %llu", sha, (unsigned long long)t.messages, (unsigned long long)t.bytes,
		(unsigned long long)t.read);
	return 0;
}

static int parse_taken(struct str said, struct snapshot_mailbox *m, uint64_t *read)
{
	struct str sha = str_cut(&said, ' '), messages = str_cut(&said, ' '), bytes = str_cut(&said, ' ');

	if (sha256_read(sha, m->id.sha) < 0 || str_u64(messages, UINT32_MAX, &m->messages) < 0 ||
		str_u64(bytes, INT64_MAX, &m->bytes) < 0 || str_u64(said, UINT32_MAX, read) < 0)
		return E_PEER;
	return 0;
}

static const struct object_id *known(const struct snapshot *s, struct str address)
{
	size_t i;

	for (i = 0; i < s->nmailboxes; i++)
		if (str_eq(s->mailbox[i].address, address) && !s->mailbox[i].why.n)
			return &s->mailbox[i].id;
	return NULL;
}

/* What the folder cannot take ends the run; a mailbox that cannot be read is named in the
 * manifest, and the others go on. */
static bool is_folders_fault(const struct run *x, int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EROFS || err == -EIO || err == -ESTALE ||
		err == -ENODEV || err == E_LIMIT || x->r->why[0];
}

static int take_mailbox(struct run *x, struct str address)
{
	struct snapshot_mailbox *m = &x->s.mailbox[x->s.nmailboxes];
	struct mailbox_arg arg = { .address = address };
	uint64_t read = 0;
	struct buf said;
	int err;

	arg.before = x->has_rest ? known(&x->rest, address) : NULL;
	if (!arg.before && x->has_before)
		arg.before = known(&x->before, address);
	*m = (struct snapshot_mailbox){ .address = address };
	buf_init(&said, 4096);
	err = repo_commit(x->r);
	if (!err) {
		/* the child goes on at the end of the pack; we hear of it by the index */
		repo_release(x->r);
		err = job_mailbox(x->j, address, mailbox_child, &arg, &said);
	}
	if (!err)
		err = parse_taken(buf_view(&said), m, &read);
	if (!err)
		err = repo_refresh(x->r);
	if (err == E_NOTFOUND) { /* removed meanwhile */
		x->j->why[0] = '\0';
		buf_done(&said);
		return 0;
	}
	if (err && !is_folders_fault(x, err)) {
		m->why = said.n ? arena_str(&x->j->a, buf_view(&said)) : arena_str(&x->j->a, str_of(err_text(err)));
		x->j->why[0] = '\0';
		trace_event(TRACE_ERROR, "backup-mailbox", NULL, "%.*s: %.*s", STRF(address), STRF(m->why));
		err = repo_refresh(x->r);
	} else if (err) {
		job_fail(x->j, err, "%.*s", said.n ? (int)said.n : (int)strlen(err_text(err)),
			said.n ? said.p : err_text(err));
	}
	buf_done(&said);
	x->s.nmailboxes++;
	x->s.messages += m->messages;
	x->s.bytes += m->bytes;
	x->read += read;
	return err;
}

static int take_mailboxes(struct run *x)
{
	deadline keep = deadline_in(0);
	size_t i;
	int err = 0;

	x->s.mailbox = arena_array(&x->j->a, x->naccounts + 1, sizeof(*x->s.mailbox));
	for (i = 0; !err && i < x->naccounts; i++) {
		err = take_mailbox(x, x->account[i]);
		if (!err && deadline_passed(keep)) {
			err = unfinished_save(x->r, &x->s);
			keep = deadline_in(KEEP_UNFINISHED_MS);
		}
	}
	return err;
}

/* --- all of it ------------------------------------------------------------------------------------- */

/* Ids are times; two runs within a second would have the same. */
static int name_it(struct run *x)
{
	struct arena *a = &x->j->a;
	struct str *id;
	char text[SNAPSHOT_ID + 1];
	int64_t t = clock_unix();
	size_t n;
	int err = snapshots_list(x->r, a, &id, &n);

	if (err)
		return err;
	if (n && snapshots_time(id[n - 1]) >= t)
		t = snapshots_time(id[n - 1]) + 1;
	snapshot_id(t, text);
	x->s.id = arena_str(a, str_of(text));
	if (n) /* one that cannot be read is as good as none: everything is read again */
		x->has_before = snapshots_load(x->r, id[n - 1], a, &x->before) == 0;
	x->has_rest = unfinished_load(x->r, a, &x->rest) == 0;
	x->r->why[0] = '\0';
	return 0;
}

static int take_all(struct run *x)
{
	int err = name_it(x);

	x->s.repository = str_of(x->r->id);
	x->s.host = str_of(conf_hostname(x->j->conf));
	x->s.program = STR(PACKAGE_VERSION);
	x->s.scheduled = x->j->reply < 0;
	x->s.began = clock_unix();
	x->bytes_before = repo_bytes(x->r);
	if (!err)
		err = take_directory(x);
	if (!err)
		err = take_queue(x);
	if (!err)
		err = take_files(x);
	if (!err)
		err = take_mailboxes(x);
	if (!err)
		err = repo_commit(x->r);
	x->s.ended = clock_unix();
	x->s.new_bytes = repo_bytes(x->r) - MIN(x->bytes_before, repo_bytes(x->r));
	if (!err)
		err = snapshots_save(x->r, &x->s);
	if (!err)
		(void)unfinished_remove(x->r); /* a rest costs nothing but the next look at it */
	return err;
}

static void tell(struct run *x)
{
	struct ipc_msg row;

	ipc_init(&row, "result");
	ipc_set(&row, "id", x->s.id);
	ipc_setc(&row, "state", snapshot_incomplete(&x->s) ? "incomplete" : "complete");
	ipc_set_u64(&row, "mailboxes", x->s.nmailboxes);
	ipc_set_u64(&row, "messages", x->s.messages);
	ipc_set_u64(&row, "bytes", x->s.bytes);
	ipc_set_u64(&row, "new_bytes", x->s.new_bytes);
	ipc_set_u64(&row, "read", x->read);
	ipc_set_u64(&row, "seconds", (uint64_t)MAX(x->s.ended - x->s.began, 0));
	if (conf_has_directory(x->j->conf, "pgsql"))
		ipc_setc(&row, "missing", "accounts of PostgreSQL: the mail is here, they are not; pg_dump them too (docs/BACKUP.md)");
	job_row(x->j, &row);
}

static void log_it(struct run *x)
{
	struct trace t;

	trace_begin(&t, snapshot_incomplete(&x->s) ? TRACE_WARN : TRACE_INFO, "backup-done");
	trace_str(&t, "id", x->s.id);
	trace_u64(&t, "mailboxes", x->s.nmailboxes);
	trace_u64(&t, "messages", x->s.messages);
	trace_u64(&t, "bytes", x->s.bytes);
	trace_u64(&t, "new_bytes", x->s.new_bytes);
	trace_u64(&t, "seconds", (uint64_t)MAX(x->s.ended - x->s.began, 0));
	if (conf_has_directory(x->j->conf, "pgsql"))
		trace_s(&t, "without", "pgsql");
	trace_end(&t);
}

int do_run(struct job *j)
{
	struct run x = { .j = j, .r = &j->r };
	int err = job_repo(j, REPO_WRITE);

	if (!err)
		err = take_all(&x);
	if (err)
		return job_fail(j, err, "%s", j->r.why[0] ? j->r.why : err_text(err));
	log_it(&x);
	job_repo_done(j);
	err = keep_few(j);
	if (err) { /* the snapshot is there: that old ones could not go is for the log */
		trace_event(TRACE_WARN, "backup-keep", NULL, "%s", j->why);
		j->why[0] = '\0';
	}
	tell(&x);
	return 0;
}
