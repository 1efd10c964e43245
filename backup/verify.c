/* SPDX-License-Identifier: ISC
 *
 * verify.c: `mansio backup verify`: reads every byte of the folder and names
 * what is not right.
 *
 *  1. packs: object behind object, head, content (SHA-256), line of the index; nothing between them
 *  2. manifests: their sums; and that all they lead to is among the good objects of 1.
 *
 * Bad places are written into `damaged`: nothing takes them for stored any more, so the
 * next run stores those contents again, if the mailboxes still have them.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "backup/idset.h"
#include "backup/job.h"
#include "backup/walk.h"
#include "base/clock.h"

struct verify {
	struct job *j;
	struct idset good, walked;
	struct repo_place *bad;
	size_t nbad, bad_cap;
	uint64_t objects, bytes, findings;
	const char *snapshot; /* that is looked at */
};

static void finding(struct verify *v, const char *file, const char *fmt, ...) PRINTF(3, 4);
static void finding(struct verify *v, const char *file, const char *fmt, ...)
{
	struct ipc_msg row;
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->findings++;
	trace_event(TRACE_ERROR, "backup-damaged", NULL, "%s: %s", file, text);
	ipc_init(&row, "result");
	ipc_setc(&row, "file", file);
	ipc_setc(&row, "finding", text);
	job_row(v->j, &row);
}

static void bad_place(struct verify *v, uint32_t pack, uint64_t at)
{
	if (v->nbad == v->bad_cap) {
		v->bad_cap = v->bad_cap * 2 + 16;
		v->bad = mem_grow(v->bad, v->bad_cap, sizeof(*v->bad));
	}
	v->bad[v->nbad++] = (struct repo_place){ pack, at };
}

/* --- packs ---------------------------------------------------------------------- */

static int count_bytes(void *arg, const void *p, size_t n)
{
	(void)p;
	*(uint64_t *)arg += n;
	return 0;
}

/* Where the object that this index line names must begin; false: no line left. */
struct index_file {
	int fd;
	uint64_t at, size;
};

static int next_line(struct index_file *f, struct object_id *id, uint64_t *at)
{
	char line[INDEX_LINE];
	int err;

	if (f->at + INDEX_LINE > f->size)
		return E_NOTFOUND;
	err = file_pread_all(f->fd, line, INDEX_LINE, (off_t)f->at);
	f->at += INDEX_LINE;
	return err ? err : index_line_parse(str_make(line, INDEX_LINE), id, at);
}

static bool head_ok(struct verify *v, uint32_t number, const char *file)
{
	char want[64], have[REPO_PACK_HEAD];
	int fd = file_open(v->j->r.packs, file + strlen("packs/"), O_RDONLY, 0), err;

	(void)number;
	if (fd < 0)
		return false;
	err = file_pread_all(fd, have, sizeof(have), 0);
	close(fd);
	snprintf(want, sizeof(want), "mansio-pack %d %-16s   \n", FORMAT_VERSION, v->j->r.id);
	return !err && memcmp(have, want, sizeof(have)) == 0;
}

static bool object_ok(struct verify *v, uint32_t number, uint64_t at, struct repo_object *o)
{
	struct repo *r = &v->j->r;
	uint64_t n = 0;

	if (repo_object_at(r, number, at, o) < 0 || repo_object_read(r, o, count_bytes, &n) < 0)
		return false;
	v->objects++;
	v->bytes += o->head.stored;
	return true;
}

/* One object after the other as the index has them; the place of the next one is known from
 * there even if this one is bad. */
static void verify_objects(struct verify *v, uint32_t number, const char *pack, const char *index,
	struct index_file *f, uint64_t end)
{
	uint64_t expect = REPO_PACK_HEAD, at;
	struct repo_object o;
	struct object_id id;
	int err;

	while ((err = next_line(f, &id, &at)) != E_NOTFOUND) {
		if (err) {
			finding(v, index, "the line at byte %llu is damaged", (unsigned long long)(f->at - INDEX_LINE));
			/* it can only be the next one */
			if (expect && object_ok(v, number, expect, &o)) {
				idset_add(&v->good, &o.head.id);
				expect += OBJECT_HEAD + o.head.stored + 1;
			}
			continue;
		}
		if (expect && at != expect)
			finding(v, pack, "bytes %llu to %llu belong to nothing", (unsigned long long)MIN(expect, at),
				(unsigned long long)MAX(expect, at));
		if (!object_ok(v, number, at, &o)) {
			finding(v, pack, "the object at byte %llu is damaged", (unsigned long long)at);
			bad_place(v, number, at);
			expect = 0;
			continue;
		}
		if (memcmp(o.head.id.sha, id.sha, SHA256_SIZE) != 0) {
			finding(v, index, "the line at byte %llu names another object", (unsigned long long)(f->at - INDEX_LINE));
			bad_place(v, number, at);
		} else {
			idset_add(&v->good, &id);
		}
		expect = at + OBJECT_HEAD + o.head.stored + 1;
	}
	if (f->at != f->size)
		finding(v, index, "its last line is torn");
	/* behind it: an unfinished run, which the next one takes in or leaves */
	if (expect > end)
		finding(v, pack, "%llu bytes are missing at its end", (unsigned long long)(expect - end));
}

static int verify_pack(struct verify *v, const struct repo_pack *p)
{
	char pack[40] = "packs/", index[40] = "packs/";
	struct index_file f = { .fd = -1 };
	struct stat st, pst;

	repo_pack_name(p->number, "pack", pack + 6);
	repo_pack_name(p->number, "index", index + 6);
	if (!head_ok(v, p->number, pack))
		finding(v, pack, "its first line is damaged");
	f.fd = file_open(v->j->r.packs, index + 6, O_RDONLY, 0);
	if (f.fd < 0 || fstat(f.fd, &st) != 0 || fstatat(v->j->r.packs, pack + 6, &pst, 0) != 0) {
		finding(v, index, "%s", err_text(f.fd < 0 ? f.fd : -errno));
		if (f.fd >= 0)
			close(f.fd);
		return 0;
	}
	f.size = (uint64_t)st.st_size;
	verify_objects(v, p->number, pack, index, &f, (uint64_t)pst.st_size);
	close(f.fd);
	return 0;
}

/* --- manifests ----------------------------------------------------------------------- */

static int on_object(void *arg, const struct object_id *id, const char *where)
{
	struct verify *v = arg;
	char file[40], sha[SHA256_HEX + 1];

	if (idset_has(&v->good, id))
		return 0;
	snprintf(file, sizeof(file), "snapshots/%.16s", v->snapshot);
	sha256_print(id->sha, sha);
	finding(v, file, "%s: %s is damaged or missing", where, sha);
	return 0;
}

static int on_broken(void *arg, int err, const char *where)
{
	struct verify *v = arg;
	char file[40];

	(void)err;
	snprintf(file, sizeof(file), "snapshots/%.16s", v->snapshot);
	finding(v, file, "%s: %s", where, v->j->r.why);
	return 0;
}

static bool on_seen(void *arg, const struct object_id *id)
{
	struct verify *v = arg;

	return !idset_add(&v->walked, id);
}

static void verify_snapshot(struct verify *v, struct str id)
{
	const struct walk w = { on_object, on_broken, on_seen, v };
	struct snapshot s;
	struct arena a;
	char file[40];

	arena_init(&a);
	v->snapshot = arena_cstr(&a, id);
	snprintf(file, sizeof(file), "snapshots/%.16s", v->snapshot);
	if (snapshots_load(&v->j->r, id, &a, &s) < 0)
		finding(v, file, "%s", v->j->r.why);
	else
		(void)walk_snapshot(&v->j->r, &s, &w);
	arena_done(&a);
}

/* --- all ------------------------------------------------------------------------------------- */

static void tell(struct verify *v, int64_t began, size_t snapshots)
{
	struct trace t;

	trace_begin(&t, v->findings ? TRACE_ERROR : TRACE_INFO, "backup-verified");
	trace_u64(&t, "snapshots", snapshots);
	trace_u64(&t, "objects", v->objects);
	trace_u64(&t, "bytes", v->bytes);
	trace_u64(&t, "findings", v->findings);
	trace_u64(&t, "seconds", (uint64_t)(clock_mono_ms() - began) / 1000);
	trace_end(&t);
}

static int verify_all(struct verify *v)
{
	struct str wanted = job_arg(v->j, "backup"), *id;
	int64_t began = clock_mono_ms();
	size_t n, i;
	int err = snapshots_list(&v->j->r, &v->j->a, &id, &n);

	if (v->j->r.marker_bad)
		finding(v, "mansio-backup", "is damaged; the next run writes it anew");
	for (i = 0; !err && i < v->j->r.npacks; i++)
		err = verify_pack(v, &v->j->r.pack[i]);
	for (i = 0; !err && i < n; i++)
		if (!wanted.n || str_eq(wanted, id[i]) || (i + 1 == n && str_eqc(wanted, "latest")))
			verify_snapshot(v, id[i]);
	if (!err && v->nbad && repo_mark_bad(&v->j->r, v->bad, v->nbad) < 0)
		trace_event(TRACE_WARN, "backup-damaged", NULL, "the list of bad places cannot be written");
	if (!err)
		tell(v, began, n);
	return err;
}

int do_verify(struct job *j)
{
	struct verify v = { .j = j };
	int err = job_repo(j, REPO_READ);

	if (!err)
		err = verify_all(&v);
	if (!err && v.findings)
		err = job_fail(j, E_DAMAGED, "%llu finding%s; what is not named is good and can be restored; the next run stores again what the mailboxes still have",
			(unsigned long long)v.findings, v.findings == 1 ? "" : "s");
	if (!err && j->reply >= 0) {
		struct ipc_msg row;

		ipc_init(&row, "result");
		ipc_setc(&row, "file", "all");
		ipc_setc(&row, "finding", "good");
		ipc_set_u64(&row, "objects", v.objects);
		ipc_set_u64(&row, "bytes", v.bytes);
		job_row(j, &row);
	}
	idset_done(&v.good);
	idset_done(&v.walked);
	free(v.bad);
	return err ? job_fail(j, err, "%s", j->r.why[0] ? j->r.why : err_text(err)) : 0;
}
