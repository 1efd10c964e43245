/* SPDX-License-Identifier: ISC
 *
 * restore.c: `mansio backup restore` while the suite runs: messages of a
 * snapshot go back into living mailboxes, beside what is there. Nothing that is
 * there is changed or removed.
 *
 * They are new messages to the mailbox: with flags, keywords and INTERNALDATE as they
 * were, but with new UIDs, for a UID that clients saw vanish must not come back.
 * What is there already is left out: in place, a message with the same unique name in
 * any folder; in any case one of the same content, size and date where it would go.
 */
#include "backup/job.h"

#include <unistd.h>

#include "backup/pick.h"

/* --- what is there ------------------------------------------------------------------- */

struct there {
	int64_t date;
	uint64_t size;
	const char *dir, *name;
	struct str unique;
};
struct restore {
	struct job *j;
	struct store *s;
	const char *into; /* NULL: in place; else a folder, "Restored/20261122T021500Z" */
	struct arena a;
	struct there *there;
	size_t nthere, cap;
	const char *dir; /* of the listing */
	uint64_t restored, skipped, failed;
	char first[300]; /* the first failure */
	struct str made; /* the folder that is known to be there */
};

static int on_file(void *arg, struct str path, struct str content)
{
	(void)arg;
	(void)path;
	(void)content;
	return 0;
}

static int on_folder(void *arg, struct str dir)
{
	struct restore *x = arg;

	x->dir = arena_cstr(&x->a, dir);
	return 0;
}

/* "cur/SEC.UNIQUE.HOST,S=SIZE…" */
static struct str unique_of(struct str name)
{
	struct str rest = str_from(name, 4), base = str_cut(&rest, ':');

	return str_cut(&base, ',');
}

static int on_message(void *arg, struct str name)
{
	struct restore *x = arg;
	struct store_file f;
	uint64_t sec = 0;
	struct there *t;
	struct str u = unique_of(name), first;

	if (x->nthere == x->cap) {
		x->cap = x->cap * 2 + 64;
		x->there = mem_grow(x->there, x->cap, sizeof(*x->there));
	}
	if (store_list_stat(x->s, str_of(x->dir), name, &f) < 0)
		return 0;
	first = u;
	(void)str_u64(str_cut(&first, '.'), INT64_MAX, &sec);
	t = &x->there[x->nthere++];
	t->name = arena_cstr(&x->a, name);
	t->dir = x->dir;
	t->date = (int64_t)sec;
	t->size = f.size;
	t->unique = unique_of(str_of(t->name));
	return 0;
}

static int there_cmp(const void *pa, const void *pb)
{
	const struct there *a = pa, *b = pb;

	if (a->date != b->date)
		return a->date < b->date ? -1 : 1;
	return a->size < b->size ? -1 : a->size > b->size;
}

static int list_there(struct restore *x)
{
	const struct store_listing l = { on_file, on_folder, on_message, NULL, x };
	int err = store_list(x->s, &l);

	if (!err && x->nthere)
		qsort(x->there, x->nthere, sizeof(*x->there), there_cmp);
	return err;
}

static bool same_content(struct restore *x, const struct there *t, const struct object_id *id)
{
	int fd = store_list_open(x->s, str_of(t->dir), str_of(t->name));
	unsigned char chunk[16384], sha[SHA256_SIZE];
	struct sha256 sum;
	ssize_t n;

	if (fd < 0)
		return false;
	sha256_init(&sum);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		sha256_add(&sum, chunk, (size_t)n);
	close(fd);
	sha256_end(&sum, sha);
	return n == 0 && memcmp(sha, id->sha, SHA256_SIZE) == 0;
}

/* The folder of a directory, to compare with where the message would go. */
static bool in_folder(struct restore *x, const char *dir, struct str folder)
{
	struct store_listed_folder *f;
	struct arena a;
	bool yes;

	(void)x;
	arena_init(&a);
	yes = store_listed_folder(str_of(dir), STR(""), STR(""), &a, &f) == 0 &&
		str_eq(store_listed_name(f), folder);
	arena_done(&a);
	return yes;
}

static bool is_there(struct restore *x, const struct picked *p, struct str folder)
{
	struct there key = { .date = p->l.internaldate, .size = p->m->size };
	struct str unique = unique_of(p->m->name);
	const struct there *t, *end = x->there + x->nthere;

	if (!x->nthere)
		return false;
	t = bsearch(&key, x->there, x->nthere, sizeof(key), there_cmp);
	while (t && t > x->there && there_cmp(t - 1, &key) == 0)
		t--;
	for (; t && t < end && there_cmp(t, &key) == 0; t++) {
		if (!x->into && str_eq(t->unique, unique))
			return true;
		if (in_folder(x, t->dir, folder) && same_content(x, t, &p->m->id))
			return true;
	}
	return false;
}

/* --- putting back ------------------------------------------------------------------------ */

static void failed(struct restore *x, struct str folder, const char *why)
{
	if (x->failed++ == 0)
		clip(x->first, sizeof(x->first), "%.*s: %s", STRF(folder), why);
}

static void on_bad(void *arg, struct str folder)
{
	struct restore *x = arg;

	failed(x, folder, x->j->r.why);
}

static int make_folder(struct restore *x, struct str folder)
{
	int err;

	if (str_eq(x->made, folder))
		return 0;
	err = store_create(x->s, folder, STR(""));
	if (err && err != E_EXISTS)
		return err;
	x->made = arena_str(&x->a, folder);
	return 0;
}

static int save_piece(void *arg, const void *p, size_t n)
{
	return store_save_write(arg, p, n);
}

/* A message whose content is damaged is not begun to be seen: nothing is committed. */
static int put_back(void *arg, const struct picked *p)
{
	struct restore *x = arg;
	struct store_save_options opt = { .flags = p->l.flags, .keyword = p->l.keyword,
		.nkeywords = p->l.nkeywords, .internaldate = p->l.internaldate };
	struct store_save *w;
	uint32_t validity, uid;
	struct arena a;
	int err;

	arena_init(&a);
	opt.folder = x->into ? str_of(arena_fmt(&a, "%s/%.*s", x->into, STRF(p->folder))) : p->folder;
	if (is_there(x, p, opt.folder)) {
		x->skipped++;
		arena_done(&a);
		return 0;
	}
	err = make_folder(x, opt.folder);
	if (!err)
		err = store_save_begin(x->s, &opt, p->m->size, &w);
	if (!err) {
		x->j->r.why[0] = '\0';
		err = repo_read(&x->j->r, &p->m->id, save_piece, w);
		if (err) {
			store_save_abort(w);
			if (err == E_DAMAGED || x->j->r.why[0]) {
				failed(x, p->folder, x->j->r.why);
				arena_done(&a);
				return 0;
			}
		} else {
			err = store_save_commit(w, &validity, &uid);
		}
	}
	arena_done(&a);
	if (!err)
		x->restored++;
	return err;
}

struct restore_arg {
	const struct kept_mailbox *m;
	const char *into;
	struct pick pick;
};

/* In the child. "RESTORED SKIPPED FAILED FIRST FAILURE". */
static int restore_child(struct job *j, struct store *s, void *arg, struct buf *said)
{
	struct restore_arg *a = arg;
	struct restore x = { .j = j, .s = s, .into = a->into, .made = STR("") };
	const struct pick_ops ops = { put_back, on_bad, &x };
	int err;

	arena_init(&x.a);
	err = list_there(&x);
	if (!err)
		err = pick_messages(&j->r, a->m, &a->pick, &ops);
	if (!err)
		buf_fmt(said, "%llu %llu %llu %s", (unsigned long long)x.restored, (unsigned long long)x.skipped,
			(unsigned long long)x.failed, x.first);
	arena_done(&x.a);
	free(x.there);
	return err;
}

/* --- the verb ------------------------------------------------------------------------------- */

struct sums {
	uint64_t restored, skipped, failed;
	char first[300];
};

static int add_sums(struct sums *s, struct str said)
{
	struct str a = str_cut(&said, ' '), b = str_cut(&said, ' '), c = str_cut(&said, ' ');
	uint64_t n[3];

	if (str_u64(a, INT64_MAX, &n[0]) < 0 || str_u64(b, INT64_MAX, &n[1]) < 0 || str_u64(c, INT64_MAX, &n[2]) < 0)
		return E_PEER;
	if (n[2] && !s->failed)
		snprintf(s->first, sizeof(s->first), "%.*s", STRF(said));
	s->restored += n[0];
	s->skipped += n[1];
	s->failed += n[2];
	return 0;
}

static int restore_one(struct job *j, const struct snapshot *s, struct str address, struct sums *sums)
{
	struct restore_arg arg = { .pick = { .folder = job_arg(j, "folder"), .message = job_arg(j, "message") } };
	struct kept_mailbox m;
	struct buf said;
	int err = pick_mailbox(&j->r, s, address, &j->a, &m);

	if (err)
		return err;
	arg.m = &m;
	if (!str_eqc(job_arg(j, "in_place"), "yes"))
		arg.into = arena_fmt(&j->a, "Restored/%.*s", STRF(s->id));
	buf_init(&said, 4096);
	err = job_mailbox(j, address, restore_child, &arg, &said);
	if (!err)
		err = add_sums(sums, buf_view(&said));
	else if (said.n)
		job_fail(j, err, "%.*s: %.*s", STRF(address), (int)said.n, said.p);
	buf_done(&said);
	return err;
}

static int restore_all(struct job *j, const struct snapshot *s, struct sums *sums)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < s->nmailboxes; i++) {
		if (s->mailbox[i].why.n)
			continue;
		err = restore_one(j, s, s->mailbox[i].address, sums);
		if (err == E_NOTFOUND || err == E_DAMAGED) { /* an account that is gone; a text that is damaged */
			if (!sums->failed++)
				clip(sums->first, sizeof(sums->first), "%.*s: %s", STRF(s->mailbox[i].address),
					j->why[0] ? j->why : j->r.why);
			j->why[0] = '\0';
			err = 0;
		}
	}
	return err;
}

static void tell(struct job *j, const struct snapshot *s, const struct sums *sums)
{
	struct ipc_msg row;
	struct trace t;

	trace_begin(&t, sums->failed ? TRACE_WARN : TRACE_INFO, "backup-restored");
	trace_str(&t, "id", s->id);
	trace_str(&t, "user", job_arg(j, "address"));
	trace_u64(&t, "restored", sums->restored);
	trace_u64(&t, "there", sums->skipped);
	trace_u64(&t, "failed", sums->failed);
	trace_end(&t);
	ipc_init(&row, "result");
	ipc_set(&row, "id", s->id);
	if (!str_eqc(job_arg(j, "in_place"), "yes")) {
		char into[80];

		snprintf(into, sizeof(into), "Restored/%.*s", STRF(s->id));
		ipc_setc(&row, "folder", into);
	}
	ipc_set_u64(&row, "restored", sums->restored);
	ipc_set_u64(&row, "there", sums->skipped);
	ipc_set_u64(&row, "failed", sums->failed);
	job_row(j, &row);
}

int do_restore(struct job *j)
{
	struct str id = job_arg(j, "backup"), address = job_arg(j, "address");
	struct sums sums = { 0 };
	struct snapshot s;
	int err;

	if (str_eqc(job_arg(j, "all"), "yes"))
		return job_fail(j, E_SYNTAX, "--all is for an empty machine, by the command on that host");
	if (!address.n && job_arg(j, "message").n)
		return job_fail(j, E_SYNTAX, "whose message? address= names the mailbox");
	err = job_repo(j, REPO_READ);
	if (!err)
		err = snapshots_load(&j->r, id.n ? id : STR("latest"), &j->a, &s);
	if (!err)
		err = address.n ? restore_one(j, &s, address, &sums) : restore_all(j, &s, &sums);
	if (err)
		return job_fail(j, err, "%s", j->r.why[0] ? j->r.why : err_text(err));
	tell(j, &s, &sums);
	if (sums.failed)
		return job_fail(j, E_DAMAGED, "%llu could not be restored, all others were: %s", (unsigned long long)sums.failed,
			sums.first);
	if (!sums.restored && !sums.skipped)
		return job_fail(j, E_NOTFOUND, "the snapshot has no such message");
	return 0;
}
