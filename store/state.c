/* SPDX-License-Identifier: ISC
 *
 * state.c: index/state: a head of 80 bytes with its own checksum, then 4096
 * generations of 8 bytes. A folder's generation (slot: its id modulo 4096) is
 * raised before every commit that a session could see; two folders in one
 * slot only cost a look. Read without a lock by those who ask "did anything
 * happen"; written under the exclusive lock only.
 *
 * The head says which LMDB transaction is the last. A damaged meta page makes
 * LMDB go back to the one before without a word: then the numbers differ.
 */
#include "store/state.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/rand.h"

static uint32_t state_crc(const struct state *st)
{
	return crc32c(0, st, offsetof(struct state, crc));
}

void state_boot(unsigned char out[16])
{
	static unsigned char boot[16];
	static bool known;
	char text[64];
	struct buf hex;
	ssize_t n, i;
	int fd;

	if (!known) {
		fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
		n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
		if (fd >= 0)
			close(fd);
		buf_init(&hex, 64);
		for (i = 0; i < n; i++)
			if (text[i] != '-' && text[i] != '\n')
				buf_c(&hex, text[i]);
		if (hex.n == 32) {
			struct buf raw;

			buf_init(&raw, 16);
			if (hex_decode(buf_view(&hex), &raw) == 0 && raw.n == 16) {
				memcpy(boot, raw.p, 16);
				known = true;
			}
			buf_done(&raw);
		}
		buf_done(&hex);
	}
	memcpy(out, boot, 16);
}

int state_open(int dir, int flags, int *fd_out, struct state *out)
{
	struct state st;
	int fd = file_open(dir, STATE_PATH, flags, 0), err;

	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? E_NOTFOUND : fd == -ELOOP || fd == -EISDIR ? E_DAMAGED : fd;
	err = file_pread_all(fd, &st, sizeof(st), 0);
	if (!err && (memcmp(st.magic, STATE_MAGIC, 8) != 0 || st.crc != state_crc(&st)))
		err = E_DAMAGED;
	if (err) {
		close(fd);
		return err;
	}
	*fd_out = fd;
	*out = st;
	return 0;
}

static int pwrite_all(int fd, const void *p, size_t n, off_t at)
{
	ssize_t done;

	do
		done = pwrite(fd, p, n, at);
	while (done < 0 && errno == EINTR);
	return done == (ssize_t)n ? 0 : done < 0 ? -errno : -EIO;
}

int state_write(int fd, struct state *st)
{
	st->crc = state_crc(st);
	return pwrite_all(fd, st, sizeof(*st), 0);
}

int state_create(int dir)
{
	struct state st = { .magic = STATE_MAGIC };
	char *all = mem_alloc(1, sizeof(st) + STATE_SLOTS * 8);
	int err;

	state_boot(st.boot);
	st.epoch = rand_u64() | 1;
	st.crc = state_crc(&st);
	memcpy(all, &st, sizeof(st));
	err = file_replace(dir, STATE_PATH, str_make(all, sizeof(st) + STATE_SLOTS * 8), 0600);
	free(all);
	return err;
}

static off_t slot_at(uint64_t folder_id)
{
	return (off_t)(sizeof(struct state) + folder_id % STATE_SLOTS * 8);
}

int state_generation(int fd, uint64_t folder_id, uint64_t *out)
{
	return file_pread_all(fd, out, 8, slot_at(folder_id));
}

int state_bump(int fd, uint64_t folder_id)
{
	uint64_t gen = 0;
	int err = state_generation(fd, folder_id, &gen);

	if (err)
		return err;
	gen++;
	return pwrite_all(fd, &gen, 8, slot_at(folder_id));
}
