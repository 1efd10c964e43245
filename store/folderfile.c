/* SPDX-License-Identifier: ISC
 *
 * folderfile.c: mansio-folder. One `word value` a line, the first line names
 * format and version:
 *
 *   mansio-folder 1
 *   id 00f1e2d3c4b5a697
 *   uidvalidity 1795287054
 *   uidnext 257
 *   modseq 4097
 *   special \Sent
 *   keyword 0 $Forwarded
 *
 * It is replaced durably, so it is whole or it is damaged; a damaged one is
 * never guessed at.
 */
#include "store/folderfile.h"

#include "base/codec.h"
#include "base/file.h"

enum { HAVE_ID = 1, HAVE_VALIDITY = 2, HAVE_UIDNEXT = 4, HAVE_MODSEQ = 8, HAVE_ALL = 15 };

bool folderfile_keyword_ok(struct str s)
{
	size_t i;

	if (s.n == 0 || s.n > 200 || s.p[0] == '\\')
		return false;
	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 127 ||
			strchr("(){%*\"\\]", s.p[i]))
			return false;
	return true;
}

static int parse_id(struct str v, uint64_t *out)
{
	uint64_t id = 0;
	size_t i;

	if (v.n != 16)
		return E_DAMAGED;
	for (i = 0; i < 16; i++) {
		const char *hex = "0123456789abcdef";
		const char *at = v.p[i] ? strchr(hex, v.p[i]) : NULL;

		if (!at)
			return E_DAMAGED;
		id = id << 4 | (uint64_t)(at - hex);
	}
	if (!id)
		return E_DAMAGED;
	*out = id;
	return 0;
}

static int parse_keyword(struct str v, struct folderfile *f)
{
	struct str number = str_cut(&v, ' ');
	uint64_t n;

	if (str_u64(number, STORE_KEYWORDS_MAX - 1, &n) < 0 || !folderfile_keyword_ok(v) ||
		f->keyword[n].n)
		return E_DAMAGED;
	f->keyword[n] = v;
	f->nkeywords = MAX(f->nkeywords, (unsigned)n + 1);
	return 0;
}

/* from " " to */
static int parse_importing(struct str v, struct folderfile *f)
{
	struct str from = str_cut(&v, ' ');
	uint64_t lo, hi;

	if (str_u64(from, UINT32_MAX - 1, &lo) < 0 || str_u64(v, UINT32_MAX - 1, &hi) < 0 || !lo || hi < lo ||
	    f->import_to)
		return E_DAMAGED;
	f->import_from = (uint32_t)lo;
	f->import_to = (uint32_t)hi;
	return 0;
}

/* 0 taken, 1 unknown word, E_DAMAGED. */
static int parse_line(struct str line, struct folderfile *f, unsigned *have)
{
	struct str v = line, word = str_cut(&v, ' ');
	uint64_t n = 0;
	unsigned bit = 0;
	int err = 0;

	if (str_eqc(word, "id")) {
		err = parse_id(v, &f->id);
		bit = HAVE_ID;
	} else if (str_eqc(word, "uidvalidity")) {
		err = str_u64(v, UINT32_MAX, &n);
		f->uidvalidity = (uint32_t)n;
		bit = HAVE_VALIDITY;
	} else if (str_eqc(word, "uidnext")) {
		err = str_u64(v, UINT32_MAX, &n);
		f->uidnext = (uint32_t)n;
		bit = HAVE_UIDNEXT;
	} else if (str_eqc(word, "modseq")) {
		err = str_u64(v, INT64_MAX, &f->modseq);
		bit = HAVE_MODSEQ;
	} else if (str_eqc(word, "special")) {
		if (v.n < 2 || v.n > 64 || v.p[0] != '\\' || f->special.n)
			return E_DAMAGED;
		f->special = v;
		return 0;
	} else if (str_eqc(word, "keyword")) {
		return parse_keyword(v, f);
	} else if (str_eqc(word, "importing")) {
		return parse_importing(v, f);
	} else {
		return 1;
	}
	if (err < 0 || (*have & bit) || ((bit & (HAVE_VALIDITY | HAVE_UIDNEXT)) && !n))
		return E_DAMAGED;
	*have |= bit;
	return 0;
}

int folderfile_parse(struct str text, struct arena *a, struct folderfile *out)
{
	struct folderfile f = { 0 };
	struct str rest = text, line;
	struct buf kept;
	unsigned have = 0;
	int err;

	if (!str_starts(text, "mansio-folder 1\n") || !str_ends(text, "\n"))
		return E_DAMAGED;
	buf_init(&kept, FOLDERFILE_MAX);
	str_cut(&rest, '\n');
	while (rest.p && rest.n) {
		line = str_cut(&rest, '\n');
		if (str_has_ctl(line) || (err = parse_line(line, &f, &have)) < 0)
			goto damaged;
		if (err == 1) {
			buf_str(&kept, line);
			buf_c(&kept, '\n');
		}
	}
	if (have != HAVE_ALL || kept.err)
		goto damaged;
	f.rest = arena_str(a, buf_view(&kept));
	buf_done(&kept);
	*out = f;
	return 0;
damaged:
	buf_done(&kept);
	return E_DAMAGED;
}

void folderfile_print(const struct folderfile *f, struct buf *out)
{
	unsigned i;

	buf_fmt(out, "mansio-folder 1\nid %016llx\nuidvalidity %u\nuidnext %u\nmodseq %llu\n",
		(unsigned long long)f->id, f->uidvalidity, f->uidnext, (unsigned long long)f->modseq);
	if (f->special.n)
		buf_fmt(out, "special %.*s\n", STRF(f->special));
	if (f->import_to)
		buf_fmt(out, "importing %u %u\n", f->import_from, f->import_to);
	for (i = 0; i < f->nkeywords; i++)
		if (f->keyword[i].n)
			buf_fmt(out, "keyword %u %.*s\n", i, STRF(f->keyword[i]));
	buf_str(out, f->rest);
}

int folderfile_load(int dirfd, const char *dir, struct arena *a, struct folderfile *out)
{
	char path[320];
	struct buf b;
	int err;

	snprintf(path, sizeof(path), "%s/" FOLDERFILE_NAME, dir);
	buf_init(&b, FOLDERFILE_MAX);
	err = file_load(dirfd, path, &b);
	if (err == 0)
		err = folderfile_parse(arena_str(a, buf_view(&b)), a, out);
	else if (err == -ENOENT)
		err = E_NOTFOUND;
	buf_done(&b);
	return err;
}

int folderfile_save(int dirfd, const char *dir, const struct folderfile *f)
{
	char path[320];
	struct buf b;
	int err;

	snprintf(path, sizeof(path), "%s/" FOLDERFILE_NAME, dir);
	buf_init(&b, FOLDERFILE_MAX);
	folderfile_print(f, &b);
	err = b.err ? b.err : file_replace(dirfd, path, buf_view(&b), 0600);
	buf_done(&b);
	return err;
}
