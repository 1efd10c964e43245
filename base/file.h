/* SPDX-License-Identifier: ISC
 *
 * file.h: files beneath a directory descriptor, and the one library that does
 * every durable write of the suite.
 *
 * Durable means: temporary file in the same file system, write, fsync, link
 * or rename, fsync of the directory, and only then success. A failed fsync is
 * never repeated: the file is given up (unlinked) and the error returned; the
 * caller answers 4xx/NO and its process restarts.
 * Paths are relative to dirfd and opened by openat2 with RESOLVE_BENEATH and
 * RESOLVE_NO_SYMLINKS (and NO_MAGICLINKS).
 */
#ifndef MANSIO_BASE_FILE_H
#define MANSIO_BASE_FILE_H

#include "base/buf.h"

/* openat2 beneath dirfd, O_CLOEXEC always set. A descriptor or -errno. */
int file_open(int dirfd, const char *path, int flags, mode_t mode);
/* Directory for reading (O_DIRECTORY), and O_PATH. */
int file_open_dir(int dirfd, const char *path);
int file_open_path(int dirfd, const char *path);
/* Whole regular file (from its start, wherever the offset is) appended to out,
 * which on failure is as before; E_LIMIT above out->max. */
int file_read_all(int fd, struct buf *out);
int file_load(int dirfd, const char *path, struct buf *out);
/* All bytes or -errno; EINTR and short writes handled. */
int file_write_all(int fd, const void *p, size_t n);
int file_pread_all(int fd, void *p, size_t n, off_t at); /* E_DAMAGED if shorter */
int file_fsync(int fd);
/* The contents of n files of one file system that have just been written, in one go: one flush of the
 * disk instead of n. The first must have been opened first. */
int file_fsync_all(const int *fd, size_t n);
/* Has an fsync of this process failed? What lies in its page cache then is no proof of
 * anything: it says 4xx or NO to its client, and ends; whoever started it starts another. */
bool file_fsync_failed(void);
void file_fsync_fails(void); /* said by a library that syncs by itself (db.c) */
int file_fsync_dir(int dirfd, const char *path); /* "." for dirfd itself */
/* Replaces dirfd/path atomically and durably by data. The temporary file is
 * PATH.tmp-ID beside it, and left there by a crash only. */
int file_replace(int dirfd, const char *path, struct str data, mode_t mode);
/* Is this the name of such a temporary file, "NAME.tmp-ID"? Of files only: a folder may be called anything. */
bool file_is_tmp(const char *name);
/* The same with owner, group and mode of a file that there was. */
struct stat;
int file_replace_like(int dirfd, const char *path, struct str data, const struct stat *like);
/* Anonymous file (O_TMPFILE, read and write) in directory path, later given a
 * name by file_link. E_UNSUPPORTED: this file system has none (NFS, old
 * overlayfs): then file_tmp_named, whose name ("path/.tmp-ID") is appended to
 * name_out for file_rename or file_link and file_unlink. */
int file_tmp(int dirfd, const char *path, mode_t mode);
int file_tmp_named(int dirfd, const char *path, mode_t mode, struct buf *name_out);
/* fsync of fd is the caller's (once); links fd at dirfd/path, E_EXISTS if taken.
 * The directory is not synced here: file_fsync_dir after unlocking. */
int file_link(int fd, int dirfd, const char *path);
int file_unlink(int dirfd, const char *path); /* a missing file is 0 */
int file_rename(int dirfd, const char *from, const char *to);
int file_mkdir(int dirfd, const char *path, mode_t mode); /* E_EXISTS if there */
/* flock with deadline (monotonic ms, 0 = wait for ever): 0, E_TIMEOUT, -errno. */
int file_lock(int fd, bool exclusive, int64_t deadline_at);
void file_unlock(int fd);
void fd_close(int *fd); /* closes if >= 0 and sets -1 */
int fd_nonblock(int fd, bool on);
/* Closes all from 3 on but these two: for a forked child. */
void fd_keep(int one, int other);

#endif
