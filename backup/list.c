/* SPDX-License-Identifier: ISC
 *
 * list.c: `mansio backup list`: the snapshots; what is in one; a mailbox; a folder.
 */
#include "backup/job.h"
#include "backup/pick.h"

#define LIMIT 1000

static void snapshot_row(struct job *j, struct str id, const struct snapshot *s, const char *state, const char *words)
{
	struct ipc_msg row;

	ipc_init(&row, "result");
	ipc_set(&row, "id", id);
	ipc_set_u64(&row, "time", (uint64_t)MAX(snapshots_time(id), 0));
	ipc_setc(&row, "kind", s ? s->scheduled ? "schedule" : "command" : "");
	ipc_setc(&row, "state", state);
	ipc_set_u64(&row, "mailboxes", s ? s->nmailboxes : 0);
	ipc_set_u64(&row, "messages", s ? s->messages : 0);
	ipc_set_u64(&row, "bytes", s ? s->bytes : 0);
	ipc_set_u64(&row, "new_bytes", s ? s->new_bytes : 0);
	ipc_setc(&row, "words", words);
	job_row(j, &row);
}

static void missing_words(const struct snapshot *s, char out[200])
{
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < s->nmailboxes; i++)
		if (s->mailbox[i].why.n && n++ == 0)
			snprintf(out, 200, "%.*s is missing: %.*s", STRF(s->mailbox[i].address), STRF(s->mailbox[i].why));
	if (n > 1)
		clip(out + MIN(strlen(out), (size_t)170), 30, "; %zu more", n - 1);
}

static int list_snapshots(struct job *j)
{
	struct snapshot s;
	struct str *id;
	char words[200];
	struct arena a;
	size_t n, i;
	int err = snapshots_list(&j->r, &j->a, &id, &n);

	arena_init(&a);
	for (i = 0; !err && i < n; i++) {
		arena_reset(&a);
		if (snapshots_load(&j->r, id[i], &a, &s) < 0) {
			snapshot_row(j, id[i], NULL, "damaged", j->r.why);
			continue;
		}
		missing_words(&s, words);
		snapshot_row(j, id[i], &s, snapshot_incomplete(&s) ? "incomplete" : "complete", words);
	}
	if (!err && unfinished_load(&j->r, &a, &s) == 0)
		snapshot_row(j, s.id, &s, "unfinished", "a run is at work, or was stopped: the next one goes on from here");
	arena_done(&a);
	return err;
}

static int list_mailboxes(struct job *j, const struct snapshot *s)
{
	struct ipc_msg row;
	size_t i;

	for (i = 0; i < s->nmailboxes; i++) {
		ipc_init(&row, "result");
		ipc_set(&row, "address", s->mailbox[i].address);
		ipc_set_u64(&row, "messages", s->mailbox[i].messages);
		ipc_set_u64(&row, "bytes", s->mailbox[i].bytes);
		ipc_set(&row, "words", s->mailbox[i].why.p ? s->mailbox[i].why : STR(""));
		job_row(j, &row);
	}
	return 0;
}

static int list_folders(struct job *j, const struct kept_mailbox *m)
{
	struct store_listed_folder *f;
	struct ipc_msg row;
	struct arena a;
	size_t i;

	arena_init(&a);
	for (i = 0; i < m->nfolders; i++) {
		arena_reset(&a);
		if (pick_folder(&j->r, m, &m->folder[i], &a, &f) < 0)
			continue;
		ipc_init(&row, "result");
		ipc_set(&row, "folder", store_listed_name(f));
		ipc_set_u64(&row, "messages", m->folder[i].messages);
		ipc_set_u64(&row, "bytes", m->folder[i].bytes);
		job_row(j, &row);
	}
	arena_done(&a);
	return 0;
}

struct listing {
	struct job *j;
	uint64_t left;
	bool all;
};

static int on_message(void *arg, const struct picked *p)
{
	static const char *const flag[] = { "seen", "answered", "flagged", "deleted", "draft" };
	struct listing *l = arg;
	struct ipc_msg row;
	struct buf words;
	size_t i;

	if (!l->all && l->left == 0)
		return E_LIMIT;
	l->left--;
	buf_init(&words, 4096);
	for (i = 0; i < ARRAY_LEN(flag); i++)
		if (p->l.flags & (1u << i))
			buf_fmt(&words, "%s%s", words.n ? " " : "", flag[i]);
	for (i = 0; i < p->l.nkeywords; i++)
		buf_fmt(&words, "%s%.*s", words.n ? " " : "", STRF(p->l.keyword[i]));
	ipc_init(&row, "result");
	ipc_set(&row, "folder", p->folder);
	ipc_set_u64(&row, "uid", p->l.uid);
	ipc_set_u64(&row, "time", (uint64_t)p->l.internaldate);
	ipc_set(&row, "from", p->from);
	ipc_set(&row, "subject", p->subject);
	ipc_set_u64(&row, "size", p->m->size);
	ipc_set(&row, "flags", buf_view(&words).n ? buf_view(&words) : STR(""));
	ipc_set(&row, "message_id", p->message_id);
	job_row(l->j, &row);
	buf_done(&words);
	return 0;
}

static void on_bad(void *arg, struct str folder)
{
	struct listing *l = arg;
	struct ipc_msg row;

	ipc_init(&row, "result");
	ipc_set(&row, "folder", folder);
	ipc_setc(&row, "subject", l->j->r.why);
	job_row(l->j, &row);
}

static int list_messages(struct job *j, const struct kept_mailbox *m)
{
	const struct pick p = { .folder = job_arg(j, "folder"), .match = job_arg(j, "match"), .facts = true };
	struct listing l = { .j = j, .left = LIMIT };
	const struct pick_ops ops = { on_message, on_bad, &l };
	int err;

	(void)ipc_get_u64(j->m, "limit", INT64_MAX, &l.left);
	l.all = l.left == 0;
	err = pick_messages(&j->r, m, &p, &ops);
	return err == E_LIMIT ? 0 : err;
}

int do_list(struct job *j)
{
	struct str id = job_arg(j, "backup"), address = job_arg(j, "address");
	struct kept_mailbox m;
	struct snapshot s;
	int err = job_repo(j, REPO_READ);

	if (!err && !id.n && !address.n)
		err = list_snapshots(j);
	else if (!err)
		err = snapshots_load(&j->r, id.n ? id : STR("latest"), &j->a, &s);
	if (!err && !address.n && id.n)
		err = list_mailboxes(j, &s);
	if (!err && address.n)
		err = pick_mailbox(&j->r, &s, address, &j->a, &m);
	if (!err && address.n)
		err = job_arg(j, "folder").n || job_arg(j, "match").n ? list_messages(j, &m) : list_folders(j, &m);
	/* before the first run there is nothing to list, and that is no error */
	if (err == E_NOTFOUND && !j->r.id[0] && !id.n) {
		j->why[0] = '\0';
		return 0;
	}
	return err ? job_fail(j, err, "%s", j->r.why[0] ? j->r.why : err_text(err)) : 0;
}
