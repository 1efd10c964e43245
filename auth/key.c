/* SPDX-License-Identifier: ISC
 *
 * key.c: see key.h.
 *
 * Separated (authd and the rooms are different users): the mail root is 0700
 * of authd, a user's directory is _auth:_mail 0070: authd, its owner, has no
 * right inside it, and the rooms, members of the group, cannot walk to it but
 * only be handed it. The directory is made 0700, then gets its group, then its
 * mode: at no moment is it open to anybody else. A leftover of a crash between
 * these steps is mended the next time. Not separated: plain 0700.
 */
#include "auth/key.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/codec.h"
#include "base/file.h"

#define USER "_auth"
#define GROUP "_mail"

static bool member(gid_t gid)
{
	gid_t list[NGROUPS_MAX];
	int i, n = getgroups(NGROUPS_MAX, list);

	for (i = 0; i < n; i++)
		if (list[i] == gid)
			return true;
	return getegid() == gid;
}

void keys_init(struct keys *k, int mail)
{
	struct passwd *us = getpwuid(geteuid());
	struct group *g;

	k->mail = mail;
	k->gid = -1;
	/* anybody else's try-out: everything runs as that one user */
	if (!us || strcmp(us->pw_name, USER) != 0)
		return;
	g = getgrnam(GROUP);
	if (g && member(g->gr_gid))
		k->gid = (int64_t)g->gr_gid;
}

int key_name(struct str part, struct buf *out)
{
	return auth_path_part(part, out);
}

/* Brings a user's directory to its owner and mode. O_PATH cannot be changed by
 * fchown: it is opened for reading, which its owner may while it is 0700. */
static int dress(const struct keys *k, const char *path)
{
	struct stat st;
	int fd, r = 0;

	if (k->gid < 0)
		return 0;
	fd = file_open(k->mail, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || ((int64_t)st.st_gid != k->gid && fchown(fd, (uid_t)-1, (gid_t)k->gid) < 0) ||
	    fchmod(fd, 0070) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* The name on disk first: a directory that is dressed is one to rely on. */
static int finish(const struct keys *k, const char *domain, const char *path)
{
	int r = file_fsync_dir(k->mail, domain);

	return r < 0 ? r : dress(k, path);
}

static int make(const struct keys *k, const char *domain, const char *path)
{
	int r = file_mkdir(k->mail, domain, 0700);

	if (r < 0 && r != E_EXISTS)
		return r;
	/* also when it is there: who made it may have died before the sync */
	r = file_fsync_dir(k->mail, ".");
	if (r < 0)
		return r;
	r = file_mkdir(k->mail, path, 0700);
	if (r < 0 && r != E_EXISTS)
		return r;
	return finish(k, domain, path);
}

/* Half made: made, but perhaps not on disk, and not yet given to the rooms. */
static bool half_made(const struct keys *k, int fd)
{
	struct stat st;

	return k->gid >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0700 &&
	       st.st_uid == geteuid();
}

int key_open(const struct keys *k, struct str local, struct str domain)
{
	struct buf dom, path;
	int fd, r;

	buf_init(&dom, AUTH_PART_MAX + 1);
	buf_init(&path, 2 * AUTH_PART_MAX + 2);
	r = key_name(domain, &dom);
	if (r == 0) {
		buf_str(&path, buf_view(&dom));
		buf_c(&path, '/');
		r = key_name(local, &path);
	}
	fd = r < 0 ? r : file_open_path(k->mail, buf_cstr(&path));
	if (fd >= 0 && half_made(k, fd)) {
		r = finish(k, buf_cstr(&dom), buf_cstr(&path));
		if (r < 0) {
			close(fd);
			fd = r;
		}
	} else if (fd == -ENOENT) {
		r = make(k, buf_cstr(&dom), buf_cstr(&path));
		fd = r < 0 ? r : file_open_path(k->mail, buf_cstr(&path));
	}
	buf_done(&path);
	buf_done(&dom);
	return fd;
}
