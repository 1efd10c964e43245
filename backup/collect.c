/* SPDX-License-Identifier: ISC
 *
 * collect.c: `mansio backup remove`, and what goes by the settings keep_*: the
 * manifests first, then the packs that hold nothing that is needed any more.
 *
 *     mark: all that the remaining manifests lead to (and that of an unfinished run)
 *     for each pack of which less than half is needed:
 *         what is needed of it ─> a new pack, committed ─> the old pack is removed
 *
 * Whoever cannot tell what is needed (a text is damaged) removes no pack. A crash
 * leaves an object twice, never not at all. Readers are waited for, or it is put off.
 */
#include "backup/idset.h"
#include "backup/job.h"
#include "backup/walk.h"

struct mark {
	struct idset need, walked;
};

static int on_object(void *arg, const struct object_id *id, const char *where)
{
	struct mark *m = arg;

	(void)where;
	idset_add(&m->need, id);
	return 0;
}

static int on_broken(void *arg, int err, const char *where)
{
	(void)arg;
	(void)where;
	return err;
}

static bool on_seen(void *arg, const struct object_id *id)
{
	struct mark *m = arg;

	return !idset_add(&m->walked, id);
}

static int mark_all(struct job *j, struct mark *m)
{
	const struct walk w = { on_object, on_broken, on_seen, m };
	struct snapshot s;
	struct str *id;
	struct arena a;
	size_t n, i;
	int err = snapshots_list(&j->r, &j->a, &id, &n);

	arena_init(&a);
	for (i = 0; !err && i < n; i++) {
		err = snapshots_load(&j->r, id[i], &a, &s);
		if (!err)
			err = walk_snapshot(&j->r, &s, &w);
		arena_reset(&a);
	}
	if (!err && unfinished_load(&j->r, &a, &s) == 0)
		err = walk_snapshot(&j->r, &s, &w);
	arena_done(&a);
	return err;
}

/* --- one pack ------------------------------------------------------------------------ */

struct weight {
	uint64_t all, needed;
};

static int each_object(struct job *j, const struct mark *m, const struct repo_pack *p, struct weight *w, bool move)
{
	struct repo_object o;
	uint64_t at = REPO_PACK_HEAD, size;
	int err = 0;

	while (!err && at < p->end) {
		struct repo_object first;

		err = repo_object_at(&j->r, p->number, at, &o);
		if (err)
			break;
		size = OBJECT_HEAD + o.head.stored + 1;
		w->all += size;
		/* of two that are the same, the one that is found is the one that is needed */
		if (idset_has(&m->need, &o.head.id) && repo_find(&j->r, &o.head.id, &first) == 0 &&
			first.pack == p->number && first.at == at) {
			w->needed += size;
			if (move)
				err = repo_move(&j->r, &o);
		}
		at += size;
	}
	return err;
}

static int drop_pack(struct job *j, const struct mark *m, uint32_t number, uint64_t *freed)
{
	struct repo_pack p = { .number = 0 };
	struct weight w = { 0 };
	char name[32];
	size_t i;
	int err;

	for (i = 0; i < j->r.npacks; i++)
		if (j->r.pack[i].number == number)
			p = j->r.pack[i];
	err = each_object(j, m, &p, &w, false);
	if (err || w.needed * 2 > w.all)
		return err;
	if (w.needed)
		err = each_object(j, m, &p, &(struct weight){ 0 }, true);
	if (!err)
		err = repo_commit(&j->r);
	if (err)
		return err;
	repo_forget(&j->r, number);
	repo_pack_name(number, "index", name);
	err = file_unlink(j->r.packs, name);
	repo_pack_name(number, "pack", name);
	if (!err)
		err = file_unlink(j->r.packs, name);
	if (!err)
		err = file_fsync_dir(j->r.packs, ".");
	if (!err)
		*freed += w.all - w.needed;
	return err ? repo_fail(&j->r, err, "packs/%s: %s", name, err_text(err)) : 0;
}

int collect(struct job *j, uint64_t *freed_out)
{
	uint32_t *number;
	struct mark m;
	size_t n, i;
	int err;

	idset_init(&m.need);
	idset_init(&m.walked);
	err = mark_all(j, &m);
	n = j->r.npacks;
	number = arena_array(&j->a, n + 1, sizeof(*number));
	for (i = 0; i < n; i++)
		number[i] = j->r.pack[i].number;
	j->r.fresh = true;
	for (i = 0; !err && i < n; i++)
		err = drop_pack(j, &m, number[i], freed_out);
	idset_done(&m.need);
	idset_done(&m.walked);
	return err ? job_fail(j, err, "space is not freed: %s", j->r.why[0] ? j->r.why : err_text(err)) : 0;
}

/* --- which snapshots go ----------------------------------------------------------------- */

static size_t rules(const struct conf *c, struct keep_rule out[5])
{
	const struct keep_rule all[] = { { KEEP_LAST, (uint64_t)c->backup_keep_last },
		{ KEEP_DAILY, (uint64_t)c->backup_keep_daily }, { KEEP_WEEKLY, (uint64_t)c->backup_keep_weekly },
		{ KEEP_MONTHLY, (uint64_t)c->backup_keep_monthly }, { KEEP_YEARLY, (uint64_t)c->backup_keep_yearly } };
	size_t i, n = 0;

	for (i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].n)
			out[n++] = all[i];
	return n;
}

int keep_few(struct job *j)
{
	struct keep_rule rule[5];
	size_t nrules = rules(j->conf, rule), n, i, gone = 0;
	uint64_t freed = 0;
	struct str *id;
	bool *keep;
	int err = nrules ? job_repo(j, REPO_COLLECT) : 0;

	if (err || !nrules)
		return err;
	err = snapshots_list(&j->r, &j->a, &id, &n);
	keep = arena_array(&j->a, n + 1, sizeof(*keep));
	if (!err)
		snapshots_keep(id, n, rule, nrules, keep);
	for (i = 0; !err && i < n; i++)
		if (!keep[i]) {
			err = snapshots_remove(&j->r, id[i]);
			gone++;
		}
	if (!err && gone)
		err = collect(j, &freed);
	job_repo_done(j);
	if (gone)
		trace_event(TRACE_INFO, "backup-removed", NULL, "%zu snapshots, %llu bytes freed", gone,
			(unsigned long long)freed);
	return err ? job_fail(j, err, "%s", err_text(err)) : 0;
}

int do_remove(struct job *j)
{
	struct str id;
	struct ipc_msg row;
	uint64_t freed = 0;
	size_t i;
	int err = job_repo(j, REPO_COLLECT);

	for (i = 0; !err && (id = ipc_get_nth(j->m, "backup", i)).p; i++) {
		char path[40];
		struct str *all;
		size_t n, k;

		/* one whose manifest is damaged may go, too */
		err = snapshots_list(&j->r, &j->a, &all, &n);
		for (k = 0; !err && k < n && !str_eq(all[k], id); k++)
			;
		snprintf(path, sizeof(path), "%.*s", (int)MIN(id.n, sizeof(path) - 1), id.p);
		if (!err && k == n)
			err = job_fail(j, E_NOTFOUND, "there is no snapshot %s", path);
		if (!err)
			err = snapshots_remove(&j->r, id);
	}
	if (!err)
		err = collect(j, &freed);
	if (err)
		return job_fail(j, err, "%s", j->r.why[0] ? j->r.why : err_text(err));
	trace_event(TRACE_INFO, "backup-removed", NULL, "%zu snapshots, %llu bytes freed", i, (unsigned long long)freed);
	ipc_init(&row, "result");
	ipc_set_u64(&row, "removed", i);
	ipc_set_u64(&row, "freed_bytes", freed);
	job_row(j, &row);
	return 0;
}
