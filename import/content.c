/* SPDX-License-Identifier: ISC
 *
 * content.c: bytes from file to file; digests.
 */
#include "import/content.h"

#include <unistd.h>

#include "base/file.h"
#include "base/rand.h"

#define BLOCK 65536

static const unsigned char digest_key[2][16] = { "mansio digest A", "mansio digest B" };

void digest_init(struct digest *d)
{
	memset(d, 0, sizeof(*d));
}

/* The digest so far and the next block are hashed into the next one. */
static void digest_block(struct digest *d, const void *p, size_t n)
{
	char text[sizeof(d->h) + sizeof(d->total) + 64];
	uint64_t next[2];
	int i;

	memcpy(text, d->h, sizeof(d->h));
	memcpy(text + sizeof(d->h), &d->total, sizeof(d->total));
	memcpy(text + sizeof(d->h) + sizeof(d->total), p, n);
	for (i = 0; i < 2; i++)
		next[i] = siphash(digest_key[i], str_make(text, sizeof(d->h) + sizeof(d->total) + n));
	memcpy(d->h, next, sizeof(next));
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	const char *at = p;

	d->total += n;
	while (n > 0) {
		size_t take = MIN(n, sizeof(d->rest) - d->n);

		memcpy(d->rest + d->n, at, take);
		d->n += take;
		at += take;
		n -= take;
		if (d->n == sizeof(d->rest)) {
			uint64_t total = d->total;

			d->total = 0; /* the length counts at the end, wherever the pieces were cut */
			digest_block(d, d->rest, d->n);
			d->total = total;
			d->n = 0;
		}
	}
}

void digest_id(struct digest *d, char out[CONTENT_ID])
{
	digest_block(d, d->rest, d->n);
	snprintf(out, CONTENT_ID, "I%016llx%016llx", (unsigned long long)d->h[0], (unsigned long long)d->h[1]);
}

void content_id(struct str text, char out[CONTENT_ID])
{
	struct digest d;

	digest_init(&d);
	digest_add(&d, text.p, text.n);
	digest_id(&d, out);
}

int content_copy(int from, int to, uint64_t max, uint64_t *size_out, uint64_t *wire_out)
{
	static char block[BLOCK];
	uint64_t size = 0, bare = 0;
	char last = 0;
	ssize_t n, i;
	int err;

	while ((n = read(from, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		size += (uint64_t)n;
		if (size > max)
			return E_LIMIT;
		for (i = 0; i < n; last = block[i++])
			bare += block[i] == '\n' && last != '\r';
		err = file_write_all(to, block, (size_t)n);
		if (err)
			return err;
	}
	*size_out = size;
	*wire_out = size + bare;
	return 0;
}

int content_clone(int from, int to, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)MIN(size - done, (uint64_t)1 << 30), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return E_DAMAGED; /* shorter than it was */
		done += (uint64_t)n;
	}
	return 0;
}
