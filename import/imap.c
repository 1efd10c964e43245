/* SPDX-License-Identifier: ISC
 *
 * imap.c: `mansio import imap`: every folder of an account elsewhere, by our own small client.
 *
 *   LIST, LSUB -> for each folder: EXAMINE, UID FETCH 1:* FLAGS, then the contents of what is
 *   not here yet, a few dozen messages at a time
 *
 * Nothing is changed at the server (EXAMINE, BODY.PEEK). A message is known by folder, UIDVALIDITY
 * and UID: after a break the next connection, or the next run, goes on where it was. What the
 * server says is bounded (imap_talk.c), and believed only where it concerns its own messages.
 */
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/program.h"
#include "import/content.h"
#include "import/dial.h"
#include "import/imap_talk.h"
#include "import/index.h"
#include "mail/imapset.h"

#define FETCH_AT_ONCE 40

struct imap_folder {
	struct str wire; /* as the server calls it */
	struct str name; /* as we do */
	struct str special;
	bool done, subscribed;
};
struct listed_message {
	uint32_t uid, flags;
	struct str keywords;
};

struct imap_job {
	struct job *j;
	struct imap_talk t;
	bool connected;
	struct imap_folder *folder;
	size_t nfolders, cap;
	struct str *subscribed; /* wire names */
	size_t nsubscribed, subscribed_cap;
	bool prefixed; /* all folders lie below INBOX */
	char separator;
	/* of a folder */
	const struct imap_folder *f;
	struct arena a;
	struct listed_message *m;
	size_t n, mcap;
	uint32_t exists, uidvalidity, uidnext;
	bool too_many;
	struct apply *apply;
	enum store_import_uids uids;
	uint64_t large, lost;
	/* of a message on its way */
	int fd;
	uint64_t size, bare, got;
	char last;
	const struct listed_message *wanted; /* those asked for, nwanted */
	size_t nwanted;
	bool *came;
};

/* --- contents ---------------------------------------------------------------------- */

static int content_begin(void *arg, uint64_t size)
{
	struct imap_job *i = arg;

	fd_close(&i->fd);
	i->size = i->bare = 0;
	i->last = 0;
	if (size > (uint64_t)i->j->conf->import_message_size) {
		i->large++;
		return 0;
	}
	i->fd = store_import_file(i->j->store);
	return i->fd < 0 ? i->fd : 1;
}

static int content_text(void *arg, const void *p, size_t n)
{
	struct imap_job *i = arg;
	const char *text = p, *lf;

	for (lf = text; (lf = memchr(lf, '\n', n - (size_t)(lf - text))); lf++)
		i->bare += (lf > text ? lf[-1] : i->last) != '\r';
	i->last = text[n - 1];
	i->size += n;
	return file_write_all(i->fd, p, n);
}

static void id_of(const struct imap_job *i, uint32_t uid, char out[CONTENT_ID])
{
	struct buf b;

	buf_init(&b, 16384);
	buf_fmt(&b, "imap %.*s %.*s %u %u %.*s", STRF(ipc_get(i->j->m, "host")), STRF(ipc_get(i->j->m, "user")),
		i->uidvalidity, uid, STRF(i->f->wire));
	content_id(buf_view(&b), out);
	buf_done(&b);
}

static size_t words_of(struct str words, struct str *out, size_t cap)
{
	size_t n = 0;

	while (words.p && words.n && n < cap)
		out[n++] = str_cut(&words, ' ');
	return n;
}

static int by_uid(const void *pa, const void *pb)
{
	const struct listed_message *a = pa, *b = pb;

	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

/* A whole message: taken, if it was asked for and did not come yet. */
static int take_message(const struct imap_reply *r, void *arg)
{
	struct imap_job *i = arg;
	struct str keyword[STORE_KEYWORDS_MAX];
	struct listed_message key = { .uid = r->uid }, *m;
	struct store_import_message to;
	char id[CONTENT_ID];
	int err;

	if (r->kind != IMAP_FETCH || !r->has_body || i->fd < 0)
		return 0;
	m = r->uid ? bsearch(&key, i->wanted, i->nwanted, sizeof(*m), by_uid) : NULL;
	if (!m || i->came[m - i->wanted]) {
		fd_close(&i->fd);
		return 0;
	}
	id_of(i, m->uid, id);
	to = (struct store_import_message){ .id = str_of(id), .uid = m->uid, .flags = m->flags, .keyword = keyword,
		.nkeywords = words_of(m->keywords, keyword, ARRAY_LEN(keyword)), .internaldate = r->internaldate,
		.uidl = STR(""), .fd = i->fd, .size = i->size, .wire = i->size + i->bare };
	i->fd = -1;
	i->came[m - i->wanted] = true;
	err = apply_add(i->apply, &to);
	i->j->done++;
	return err ? err : job_progress(i->j, "messages");
}

static int fetch_some(struct imap_job *i, const struct listed_message *m, size_t n)
{
	struct imap_content content = { content_begin, content_text, i };
	struct imapset_writer w;
	struct buf set;
	size_t k;
	uint64_t large = i->large;
	int err;

	buf_init(&set, 65536);
	w = (struct imapset_writer){ .out = &set };
	for (k = 0; k < n; k++)
		imapset_write(&w, m[k].uid);
	imapset_write_end(&w);
	i->wanted = m;
	i->nwanted = n;
	i->came = mem_alloc(n + 1, sizeof(*i->came));
	imap_send(&i->t, "UID FETCH %s (UID INTERNALDATE BODY.PEEK[])", buf_cstr(&set));
	buf_done(&set);
	i->t.content = &content;
	err = imap_send_end(&i->t);
	if (!err)
		err = imap_wait(&i->t, take_message, i);
	i->t.content = NULL;
	fd_close(&i->fd);
	for (k = 0; k < n && !err; k++)
		i->lost += !i->came[k];
	i->lost -= MIN(i->lost, i->large - large); /* they have a sentence of their own */
	free(i->came);
	/* NO: some of them are gone, or the server cannot read them; the next run asks again */
	return err == E_DENIED ? 0 : err;
}

/* --- a folder ------------------------------------------------------------------------- */

static int on_examine(const struct imap_reply *r, void *arg)
{
	struct imap_job *i = arg;
	uint64_t n;

	if (r->kind == IMAP_EXISTS)
		i->exists = r->number;
	if (r->kind == IMAP_STATE && str_ieqc(r->code, "UIDVALIDITY") && str_u64(r->code_value, UINT32_MAX, &n) == 0)
		i->uidvalidity = (uint32_t)n;
	if (r->kind == IMAP_STATE && str_ieqc(r->code, "UIDNEXT") && str_u64(r->code_value, INDEX_UID_MAX, &n) == 0)
		i->uidnext = (uint32_t)n;
	return 0;
}

static int on_flags(const struct imap_reply *r, void *arg)
{
	struct imap_job *i = arg;

	if (r->kind != IMAP_FETCH || !r->uid || !r->has_flags || r->uid > INDEX_UID_MAX)
		return 0;
	if (i->n >= (size_t)i->j->conf->import_messages) {
		i->too_many = true;
		return 0;
	}
	if (i->n == i->mcap) {
		i->mcap = i->mcap * 2 + 1024;
		i->m = mem_grow(i->m, i->mcap, sizeof(*i->m));
	}
	i->m[i->n++] = (struct listed_message){ r->uid, r->flags, r->keywords.n ? arena_str(&i->a, r->keywords) : STR("") };
	return job_progress(i->j, "messages");
}

static int list_messages(struct imap_job *i)
{
	size_t k, n = 0;
	int err;

	i->n = 0;
	i->exists = i->uidvalidity = i->uidnext = 0;
	i->too_many = false;
	imap_send(&i->t, "EXAMINE ");
	err = imap_send_string(&i->t, i->f->wire);
	if (!err)
		err = imap_send_end(&i->t);
	if (!err)
		err = imap_wait(&i->t, on_examine, i);
	if (err || !i->exists)
		return err;
	imap_send(&i->t, "UID FETCH 1:* (UID FLAGS)");
	err = imap_send_end(&i->t);
	if (!err)
		err = imap_wait(&i->t, on_flags, i);
	if (i->n)
		qsort(i->m, i->n, sizeof(*i->m), by_uid);
	for (k = 0; k < i->n; k++)
		if (!n || i->m[k].uid != i->m[n - 1].uid)
			i->m[n++] = i->m[k];
	i->n = n;
	if (n && i->m[n - 1].uid >= i->uidnext)
		i->uidnext = i->m[n - 1].uid + 1;
	return err;
}

/* What is known is compared, what is not is fetched. */
static int take_messages(struct imap_job *i, uint32_t lowest)
{
	struct listed_message ask[FETCH_AT_ONCE];
	struct str keyword[STORE_KEYWORDS_MAX];
	struct store_imported was;
	char id[CONTENT_ID];
	size_t k, n = 0;
	int err = 0, late;

	for (late = 0; !err && late < 2; late++) {
		for (k = 0; !err && k < i->n; k++) {
			const struct listed_message *m = &i->m[k];

			if ((m->uid < lowest) != late)
				continue;
			id_of(i, m->uid, id);
			if (store_import_find(i->apply->im, str_of(id), &was)) {
				apply_compare(i->apply, str_of(id), &was, m->flags, keyword,
					words_of(m->keywords, keyword, ARRAY_LEN(keyword)));
				i->j->done++;
			} else if (i->j->dry) {
				i->apply->added++;
			} else {
				ask[n++] = *m;
			}
			if (n == FETCH_AT_ONCE) {
				err = fetch_some(i, ask, n);
				n = 0;
			}
		}
		if (!err && n)
			err = fetch_some(i, ask, n);
		n = 0;
	}
	return err;
}

static void tell(struct imap_job *i, uint64_t moved)
{
	static const char *const words[] = { [STORE_UIDS_NONE] = "new UIDs: the server tells no UIDVALIDITY",
		[STORE_UIDS_KEPT] = "UIDs and UIDVALIDITY are kept",
		[STORE_UIDS_TAKEN] = "new UIDs: the folder here has messages already",
		[STORE_UIDS_OTHER] = "new UIDs: the folder here has messages of another UIDVALIDITY" };
	struct job_folder row = { .name = i->f->name, .messages = i->n, .added = i->apply->added,
		.changed = i->apply->changed, .removed = i->apply->removed,
		.uids = i->uids == STORE_UIDS_KEPT ? "kept" : "new", .words = words[i->uids] };
	struct job *j = i->j;

	job_row(j, &row);
	if (moved)
		job_say(j, i->f->name, "%llu messages have new UIDs: others came in between", (unsigned long long)moved);
	if (i->large)
		job_say(j, i->f->name, "%llu messages are larger than [import] message_size", (unsigned long long)i->large);
	if (i->lost)
		job_say(j, i->f->name, "%llu messages were not sent by the server: import once more", (unsigned long long)i->lost);
	if (i->too_many)
		job_say(j, i->f->name, "there are more messages than [import] messages allows");
	j->failed |= i->large || i->lost || i->too_many;
}

static struct str source_of(struct imap_job *i)
{
	return str_of(arena_fmt(&i->a, "imap %.*s %.*s %u", STRF(ipc_get(i->j->m, "host")),
		STRF(ipc_get(i->j->m, "user")), i->uidvalidity));
}

static int take_folder(struct imap_job *i)
{
	struct job *j = i->j;
	struct store_import_options opt = { .folder = i->f->name, .special = i->f->special, .dry = j->dry };
	struct store_import *im;
	struct apply *apply;
	uint64_t moved;
	int err = list_messages(i), err2;

	if (err == E_DENIED) {
		job_say(j, i->f->name, "the server does not open it: %s", i->t.said);
		j->failed = true;
		return 0;
	}
	if (err)
		return err;
	opt.source = source_of(i);
	opt.uidvalidity = i->uidvalidity;
	opt.uidnext = i->uidnext;
	err = store_import_begin(j->store, &opt, &im, &i->uids);
	if (err == E_SYNTAX || err == E_LIMIT) {
		job_say(j, i->f->name, "left out: %s", err == E_SYNTAX ? "no folder can be called so here" : err_text(err));
		j->failed = true;
		return 0;
	}
	if (err)
		return err;
	j->total += i->n;
	apply = mem_alloc(1, sizeof(*apply));
	apply_init(apply, j, im, i->f->name);
	i->apply = apply;
	i->large = i->lost = 0;
	err = take_messages(i, i->uids == STORE_UIDS_KEPT ? store_import_lowest(im) : 0);
	err2 = j->dry ? 0 : apply_flush(apply); /* also what came before a break */
	if (!err)
		err = err2;
	if (!err)
		err = apply_finish(apply, !i->too_many);
	moved = store_import_moved(im);
	if (!err)
		tell(i, moved);
	apply_done(apply);
	free(apply);
	err2 = store_import_end(im, !err && !i->lost && !i->large && !i->too_many);
	return err ? err : err2;
}

/* --- the list of folders ------------------------------------------------------------- */

static int on_list(const struct imap_reply *r, void *arg)
{
	static const char *const uses[] = { "\\Sent", "\\Drafts", "\\Junk", "\\Trash", "\\Archive" };
	struct imap_job *i = arg;
	struct arena *a = &i->j->a;
	struct imap_folder *f;
	size_t k;

	if (r->kind == IMAP_LSUB && i->nsubscribed < (size_t)i->j->conf->import_folders) {
		if (i->nsubscribed == i->subscribed_cap) {
			i->subscribed_cap = i->subscribed_cap * 2 + 64;
			i->subscribed = mem_grow(i->subscribed, i->subscribed_cap, sizeof(*i->subscribed));
		}
		i->subscribed[i->nsubscribed++] = arena_str(a, r->name);
	}
	if (r->kind != IMAP_LIST || imap_word(r->attributes, "\\Noselect") || imap_word(r->attributes, "\\NonExistent"))
		return 0;
	if (imap_word(r->attributes, "\\All") || imap_word(r->attributes, "\\Flagged")) {
		job_say(i->j, r->name, "left out: it shows messages of other folders");
		return 0;
	}
	if (i->nfolders >= (size_t)i->j->conf->import_folders)
		return E_LIMIT;
	if (i->nfolders == i->cap) {
		i->cap = i->cap * 2 + 64;
		i->folder = mem_grow(i->folder, i->cap, sizeof(*i->folder));
	}
	f = &i->folder[i->nfolders++];
	*f = (struct imap_folder){ .wire = arena_str(a, r->name), .special = STR("") };
	for (k = 0; k < ARRAY_LEN(uses); k++)
		if (imap_word(r->attributes, uses[k]))
			f->special = str_of(uses[k]);
	if (r->separator)
		i->separator = r->separator;
	return 0;
}

static bool below_inbox(const struct imap_job *i, struct str name)
{
	return i->separator && str_istarts(name, "INBOX") && name.n > 6 && name.p[5] == i->separator;
}

static int name_folders(struct imap_job *i)
{
	size_t k, n = 0;

	i->prefixed = i->nfolders > 1;
	for (k = 0; k < i->nfolders; k++)
		i->prefixed = i->prefixed && (str_ieqc(i->folder[k].wire, "INBOX") || below_inbox(i, i->folder[k].wire));
	for (k = 0; k < i->nfolders; k++) {
		struct imap_folder *f = &i->folder[k];
		struct str wire = i->prefixed && below_inbox(i, f->wire) ? str_from(f->wire, 6) : f->wire;

		if (str_ieqc(f->wire, "INBOX"))
			f->name = STR("INBOX");
		else if (index_folder_name(wire, i->separator ? i->separator : '\001', &i->j->a, &f->name) < 0)
			continue;
		i->folder[n++] = *f;
	}
	i->nfolders = n;
	return 0;
}

/* Named on the command line: it, or a parent of it. None named: all. */
static bool is_asked_for(const struct job *j, struct str name)
{
	struct str want;
	size_t k;

	for (k = 0; (want = ipc_get_nth(j->m, "folder", k)).p; k++)
		if (str_eq(want, name) || (want.n < name.n && str_eq(str_sub(name, 0, want.n), want) && name.p[want.n] == '/'))
			return true;
	return k == 0;
}

static int list_folders(struct imap_job *i)
{
	int err;

	imap_send(&i->t, imap_can(&i->t, "LIST-EXTENDED") && imap_can(&i->t, "SPECIAL-USE") ?
		"LIST \"\" \"*\" RETURN (SPECIAL-USE)" : "LIST \"\" \"*\"");
	err = imap_send_end(&i->t);
	if (!err)
		err = imap_wait(&i->t, on_list, i);
	if (err)
		return err;
	imap_send(&i->t, "LSUB \"\" \"*\"");
	err = imap_send_end(&i->t);
	if (!err)
		err = imap_wait(&i->t, on_list, i);
	return err && err != E_DENIED ? err : name_folders(i);
}

static int subscribe(struct imap_job *i)
{
	size_t k, n;
	int err = 0;

	for (k = 0; !err && !i->j->dry && k < i->nfolders; k++)
		for (n = 0; !err && n < i->nsubscribed; n++)
			if (str_eq(i->subscribed[n], i->folder[k].wire) && is_asked_for(i->j, i->folder[k].name))
				err = store_subscribe(i->j->store, i->folder[k].name, true);
	return err == E_SYNTAX ? 0 : err;
}

/* --- connections ------------------------------------------------------------------------- */

static int next_end(struct job *j)
{
	size_t k;
	int fd;

	for (k = 0; k < ARRAY_LEN(j->dial); k++)
		if (j->dial[k] >= 0) {
			fd = j->dial[k];
			j->dial[k] = -1;
			return fd;
		}
	return E_NOTFOUND;
}

static int greet(struct imap_job *i)
{
	bool starttls = str_eqc(ipc_get(i->j->m, "security"), "starttls");
	struct imap_reply r;
	int err = 0;

	if (!starttls) { /* else the dialer has read it */
		err = imap_next(&i->t, &r);
		if (!err && (r.kind != IMAP_STATE || r.state != IMAP_OK))
			return job_fail(i->j, E_DENIED, "the server does not let us in: %.*s", STRF(r.text));
	}
	return err ? err : imap_ask_capabilities(&i->t);
}

static int connect_and_login(struct imap_job *i)
{
	struct job *j = i->j;
	int64_t wait = j->conf->import_wait;
	char why[400];
	int fd = next_end(j), err;

	if (fd < 0)
		return E_CLOSED;
	err = dial_connect(fd, wait, why, sizeof(why));
	if (err) {
		close(fd);
		return job_fail(j, err, "%s", why);
	}
	imap_talk_init(&i->t, fd, wait);
	i->connected = true;
	err = greet(i);
	if (!err)
		err = imap_login(&i->t, ipc_get(j->m, "user"), ipc_get(j->m, "password"), str_eqc(ipc_get(j->m, "login"), "xoauth2"));
	if (!err)
		err = imap_ask_capabilities(&i->t);
	if (err == E_DENIED && !j->error[0])
		job_fail(j, err, "the server refuses the login: %s", i->t.said);
	else if (err && !j->error[0])
		job_fail(j, err, "the server's answers: %s", err_text(err));
	return err;
}

static void disconnect(struct imap_job *i)
{
	if (!i->connected)
		return;
	imap_send(&i->t, "LOGOUT");
	(void)imap_send_end(&i->t);
	imap_talk_done(&i->t);
	i->connected = false;
}

/* Nobody is to wait for hours at a page: the answer is given, the job goes on. */
static void answer_early(struct job *j)
{
	struct str wait = ipc_get(j->m, "wait");
	struct ipc_msg m;

	/* `asker`: somebody outside, by page or API */
	if (j->dry || (wait.n ? !str_eqc(wait, "no") : !ipc_get(j->m, "asker").n))
		return;
	job_say(j, STR(""), "job %llu has begun; 'import list' tells how far it is", (unsigned long long)j->id);
	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", EX_OK);
	program_result(j->reply, &m);
	ipc_done(&m);
	close(j->reply);
	j->reply = -1;
	j->alone = true;
}

static int all_folders(struct imap_job *i)
{
	uint64_t done, total;
	size_t k;
	int err = 0;

	for (k = 0; !err && k < i->nfolders; k++) {
		if (i->folder[k].done || !is_asked_for(i->j, i->folder[k].name))
			continue;
		i->f = &i->folder[k];
		arena_reset(&i->a);
		done = i->j->done;
		total = i->j->total;
		err = take_folder(i);
		i->folder[k].done = !err;
		if (err) { /* it is counted when it is gone through again */
			i->j->done = done;
			i->j->total = total;
		}
	}
	return err;
}

static bool worth_another(int err)
{
	return err == E_CLOSED || err == E_TIMEOUT || err == -ECONNRESET || err == -EPIPE;
}

static int run(struct imap_job *i)
{
	bool listed = false;
	int err;

	for (;;) {
		err = connect_and_login(i);
		if (err)
			return err;
		if (!listed) {
			answer_early(i->j);
			err = list_folders(i);
			listed = !err;
		}
		if (!err)
			err = all_folders(i);
		if (!err || !worth_another(err) || job_progress(i->j, "again") == E_CLOSED)
			break;
		imap_talk_done(&i->t);
		i->connected = false;
		i->j->error[0] = 0;
	}
	if (err == E_DENIED)
		job_fail(i->j, err, "the server refuses: %s", i->t.said);
	else if (err == E_SYNTAX || err == E_LIMIT)
		job_fail(i->j, err, "the server does not speak IMAP as we know it (%s)", err_text(err));
	return err;
}

int import_imap(struct job *j)
{
	struct imap_job *i;
	int err;

	if (!ipc_get(j->m, "user").n || !ipc_get(j->m, "password").n)
		return job_fail(j, E_SYNTAX, "user= and the password are needed");
	i = mem_alloc(1, sizeof(*i));
	i->j = j;
	i->fd = -1;
	arena_init(&i->a);
	err = run(i);
	if (!err)
		err = subscribe(i);
	disconnect(i);
	fd_close(&i->fd);
	arena_done(&i->a);
	free(i->m);
	free(i->folder);
	free(i->subscribed);
	free(i);
	return err;
}
