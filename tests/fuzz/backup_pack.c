/* SPDX-License-Identifier: ISC
 *
 * backup_pack.c: a pack and its index from a hostile hand, read in the folder: an object is
 * given out whole and right, or not at all.
 */
#include "backup/repo.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int folder = -1;

static void put(const char *name, const void *p, size_t n)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	BUG_ON(fd < 0 || file_write_all(fd, p, n) < 0);
	close(fd);
}

static int sum(void *arg, const void *p, size_t n)
{
	sha256_add(arg, p, n);
	return 0;
}

static void read_all(struct repo *r)
{
	struct repo_object o;
	uint64_t at = REPO_PACK_HEAD;
	struct sha256 s;
	unsigned char sha[SHA256_SIZE];

	while (repo_object_at(r, 1, at, &o) == 0) {
		sha256_init(&s);
		if (repo_object_read(r, &o, sum, &s) == 0) {
			sha256_end(&s, sha);
			BUG_ON(memcmp(sha, o.head.id.sha, SHA256_SIZE) != 0);
		}
		at += OBJECT_HEAD + o.head.stored + 1;
	}
}

/* The first two bytes say where the index begins; heads and lines get right checksums, or none of
 * them would ever be read: that is the fuzzer's part, by its corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[] = "/tmp/mansio-fuzz-pack-XXXXXX";
	const struct repo_options opt = { .mode = REPO_READ };
	struct repo r;
	size_t cut;

	if (size < 2)
		return 0;
	if (folder < 0) {
		BUG_ON(!mkdtemp(path) || (folder = open(path, O_RDONLY | O_DIRECTORY)) < 0);
		BUG_ON(mkdirat(folder, "packs", 0700) < 0 || mkdirat(folder, "snapshots", 0700) < 0);
		put("mansio-backup", "x", 1); /* damaged: the pack says whose it is */
	}
	cut = MIN((size_t)data[0] << 8 | data[1], size - 2);
	put("packs/000001.index", data + 2, cut);
	put("packs/000001.pack", data + 2 + cut, size - 2 - cut);
	if (repo_open(folder, &opt, &r) == 0)
		read_all(&r);
	repo_close(&r);
	return 0;
}
