/* SPDX-License-Identifier: ISC
 *
 * suppressfilter.c: see suppressfilter.h.
 */
#include "net/suppressfilter.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BITS (1u << 21) /* with SUPPRESSFILTER_MANY addresses about one of 400 others is found */
#define HASHES 3
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

struct suppressfilter {
	_Atomic uint32_t all;
	_Atomic uint32_t word[BITS / 32];
};

struct suppressfilter *suppressfilter_new(int *fd_out)
{
	int fd = memfd_create("suppressed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)sizeof(struct suppressfilter)) == 0)
		p = mmap(NULL, sizeof(struct suppressfilter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* the mapping that is there stays ours to write; no later one is */
	if (p != MAP_FAILED && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0) {
		*fd_out = fd;
		return p;
	}
	if (p != MAP_FAILED)
		munmap(p, sizeof(struct suppressfilter));
	if (fd >= 0)
		close(fd);
	return NULL;
}

const struct suppressfilter *suppressfilter_open(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	void *p;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 || st.st_size != (off_t)sizeof(struct suppressfilter))
		return NULL;
	p = mmap(NULL, sizeof(struct suppressfilter), PROT_READ, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

void suppressfilter_close(const struct suppressfilter *f)
{
	if (f)
		munmap((void *)(uintptr_t)f, sizeof(*f));
}

/* FNV-1a over the address in lower case, its halves mixed into HASHES places. */
static void places(struct str address, uint32_t out[HASHES])
{
	uint64_t h = UINT64_C(14695981039346656037);
	uint32_t a, b;
	size_t i;

	for (i = 0; i < address.n; i++)
		h = (h ^ (unsigned char)ascii_lower(address.p[i])) * UINT64_C(1099511628211);
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	a = (uint32_t)h;
	b = (uint32_t)(h >> 32) | 1;
	for (i = 0; i < HASHES; i++)
		out[i] = (a + (uint32_t)i * b) % BITS;
}

void suppressfilter_add(struct suppressfilter *f, struct str address)
{
	uint32_t at[HASHES];
	size_t i;

	places(address, at);
	for (i = 0; i < HASHES; i++)
		atomic_fetch_or(&f->word[at[i] / 32], UINT32_C(1) << at[i] % 32);
}

void suppressfilter_all(struct suppressfilter *f)
{
	atomic_store(&f->all, 1);
}

bool suppressfilter_may(const struct suppressfilter *f, struct str address)
{
	uint32_t at[HASHES];
	size_t i;

	if (atomic_load(&f->all) || !str_is_ascii(address)) /* one mailbox, written in several ways */
		return true;
	places(address, at);
	for (i = 0; i < HASHES; i++)
		if (!(atomic_load(&f->word[at[i] / 32]) >> at[i] % 32 & 1))
			return false;
	return true;
}
