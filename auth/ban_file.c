/* SPDX-License-Identifier: ISC
 *
 * ban_file.c: see ban_file.h. A table of slots of one size, each written in place by one
 * pwrite(2) and never synced: it survives the death of authd, and of a machine that loses
 * power all but the last half minute. Each slot has its own sum, so a torn one is an empty
 * one; the text is the same on every machine (big endian):
 *
 *   magic 4  kind 1  family 1  bits 1  0 1  ip 16  who 16  until 8  since 8  level 4  count 4  comment 64  sum 8
 */
#include "auth/ban_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

#define FILE_NAME "networks"
#define MAGIC UINT64_C(0x4d424e31) /* MBN1 */
#define RECORD 136
#define SUM_AT (RECORD - 8)

static void put(unsigned char **p, uint64_t v, int bytes)
{
	while (bytes-- > 0)
		*(*p)++ = (unsigned char)(v >> (8 * bytes));
}

static uint64_t take(const unsigned char **p, int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | *(*p)++;
	return v;
}

/* FNV-1a: against tearing, not against somebody who may write here. */
static uint64_t sum(const unsigned char *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (n-- > 0)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

static void print(const struct ban_record *r, unsigned char out[RECORD])
{
	unsigned char *p = out;

	memset(out, 0, RECORD);
	if (r->kind == 0)
		return;
	put(&p, MAGIC, 4);
	put(&p, r->kind, 1);
	put(&p, r->net.net.family, 1);
	put(&p, r->net.bits, 1);
	put(&p, 0, 1);
	memcpy(p, r->net.net.ip, 16);
	memcpy(p + 16, r->who, 16);
	p += 32;
	put(&p, (uint64_t)r->until, 8);
	put(&p, (uint64_t)r->since, 8);
	put(&p, r->level, 4);
	put(&p, r->count, 4);
	memcpy(p, r->comment, sizeof(r->comment));
	p = out + SUM_AT;
	put(&p, sum(out, SUM_AT), 8);
}

static bool parse(const unsigned char in[RECORD], struct ban_record *out)
{
	const unsigned char *p = in, *end = in + SUM_AT;

	*out = (struct ban_record){ 0 };
	if (take(&p, 4) != MAGIC || take(&end, 8) != sum(in, SUM_AT))
		return false;
	out->kind = (uint8_t)take(&p, 1);
	out->net.net.family = (uint8_t)take(&p, 1);
	out->net.bits = (uint8_t)take(&p, 1);
	p++;
	memcpy(out->net.net.ip, p, 16);
	memcpy(out->who, p + 16, 16);
	p += 32;
	out->until = (int64_t)take(&p, 8);
	out->since = (int64_t)take(&p, 8);
	out->level = (uint32_t)take(&p, 4);
	out->count = (uint32_t)take(&p, 4);
	memcpy(out->comment, p, BAN_COMMENT);
	return true;
}

int ban_file_open(struct ban_file *f, int dir)
{
	f->err = 0;
	f->fd = openat(dir, FILE_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return f->fd < 0 ? -errno : 0;
}

void ban_file_close(struct ban_file *f)
{
	fd_close(&f->fd);
}

void ban_file_read(struct ban_file *f, size_t max, ban_file_fn *fn, void *arg)
{
	unsigned char raw[RECORD];
	struct ban_record r;
	size_t slot;

	for (slot = 0; f->fd >= 0 && slot < max; slot++) {
		if (pread(f->fd, raw, sizeof(raw), (off_t)(slot * RECORD)) != RECORD)
			break;
		if (!parse(raw, &r))
			r = (struct ban_record){ 0 };
		fn(arg, slot, &r);
	}
	/* what lies behind is of a time when more was kept */
	if (f->fd >= 0 && ftruncate(f->fd, (off_t)(slot * RECORD)) < 0)
		f->err = errno;
}

bool ban_file_write(struct ban_file *f, size_t slot, const struct ban_record *r)
{
	unsigned char raw[RECORD];
	int before = f->err;

	if (f->fd < 0)
		return false;
	print(r, raw);
	f->err = pwrite(f->fd, raw, sizeof(raw), (off_t)(slot * RECORD)) == RECORD ? 0 : errno ? errno : ENOSPC;
	return f->err != 0 && before == 0;
}
