/* SPDX-License-Identifier: ISC
 *
 * notify.c: sessions that wait bind datagram sockets notify/<pid>.<random>; who
 * changed a folder sends each one its id, after unlocking and without
 * blocking. A full queue means that it was told already; a refused one is
 * the rest of a dead session and is removed. The sending socket is unbound and
 * made before the sandbox (store_prepare), so that sending needs no new one; the
 * one of a session is made with the store and bound when somebody waits on it:
 * most sessions never do, and a name costs the file system an inode.
 */
#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/rand.h"
#include "store/internal.h"

static int notify_out = -1;

/* A zygote's child has closed what it was not told to keep: then the number may
 * be nobody's, or another file's. */
static bool notify_alive(void)
{
	socklen_t len = sizeof(int);
	int type = 0;

	return notify_out >= 0 && getsockopt(notify_out, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		type == SOCK_DGRAM;
}

void notify_prepare(void)
{
	if (!notify_alive())
		notify_out = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static bool notify_address(const char *name, struct sockaddr_un *un)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	return (size_t)snprintf(un->sun_path, sizeof(un->sun_path), "%s", name) < sizeof(un->sun_path);
}

/* A socket that was bound in an earlier life: its name must be one of ours. Another
 * mailbox's would only tell us to look for nothing. */
static bool notify_resume(struct store *s, int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un);
	size_t n;

	memset(&un, 0, sizeof(un));
	if (getsockname(fd, (struct sockaddr *)&un, &len) != 0 || un.sun_family != AF_UNIX)
		return false;
	n = strnlen(un.sun_path, sizeof(un.sun_path));
	if (n >= sizeof(s->notify_path) || strncmp(un.sun_path, "notify/", 7) != 0 ||
		strchr(un.sun_path + 7, '/') || un.sun_path[7] == '.' || !un.sun_path[7])
		return false;
	memcpy(s->notify_path, un.sun_path, n + 1);
	s->notify = fd;
	return true;
}

int notify_open(struct store *s, int earlier)
{
	if (earlier > 0 && notify_resume(s, earlier))
		return 0;
	if (earlier > 0)
		close(earlier);
	s->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return s->notify < 0 ? -errno : 0;
}

static int notify_bind(struct store *s)
{
	struct sockaddr_un un;
	char id[13];
	int err = file_mkdir(s->dir, "notify", 0700);

	if (err && err != E_EXISTS)
		return err;
	rand_id(id, 12);
	snprintf(s->notify_path, sizeof(s->notify_path), "notify/%d.%s", (int)getpid(), id);
	if (!notify_address(s->notify_path, &un) ||
		bind(s->notify, (struct sockaddr *)&un, sizeof(un)) != 0) {
		err = errno;
		s->notify_path[0] = '\0';
		return -err;
	}
	return 0;
}

void notify_close(struct store *s)
{
	if (s->notify < 0)
		return;
	if (s->notify_path[0])
		file_unlink(s->dir, s->notify_path);
	fd_close(&s->notify);
}

void notify_send(struct store *s, uint64_t folder_id)
{
	struct sockaddr_un un;
	struct dirent *e;
	char path[300], text[32];
	int n = snprintf(text, sizeof(text), "look %016llx", (unsigned long long)folder_id);
	int fd = file_open_dir(s->dir, "notify");
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (!d) {
		fd_close(&fd);
		return;
	}
	while (notify_out >= 0 && (e = readdir(d))) {
		snprintf(path, sizeof(path), "notify/%s", e->d_name);
		if (e->d_name[0] == '.' || strcmp(path, s->notify_path) == 0 || !notify_address(path, &un))
			continue;
		if (sendto(notify_out, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
			    (struct sockaddr *)&un, sizeof(un)) < 0 && errno == ECONNREFUSED)
			file_unlink(s->dir, path);
	}
	closedir(d);
}

void store_notify_leave(struct store *s)
{
	fd_close(&s->notify);
}

/* Where it cannot be bound (a full disk) the session looks from time to time. */
int store_notify_fd(struct store *s)
{
	return s->notify >= 0 && (s->notify_path[0] || notify_bind(s) == 0) ? s->notify : -1;
}

void store_notify_clear(struct store *s)
{
	char text[64];

	while (s->notify >= 0 && recv(s->notify, text, sizeof(text), MSG_DONTWAIT) >= 0)
		;
}
