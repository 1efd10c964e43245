/* SPDX-License-Identifier: ISC
 *
 * port.c: which process has a port that we want: /proc/net/tcp names the
 * socket's inode, some /proc/PID/fd holds it. What of others we may not see
 * (another user's process, or one that cannot be dumped, as our own) is named
 * by its user. Only for the message.
 */
#include "master/master.h"

#include <dirent.h>
#include <pwd.h>
#include <unistd.h>

/* The inode of a listening socket on that port and its user, 0 if none is found. */
static unsigned long port_inode(const char *table, unsigned want, unsigned *uid_out)
{
	FILE *f = fopen(table, "re");
	char line[512];
	unsigned long inode = 0;
	unsigned port, state, uid;

	if (!f)
		return 0;
	while (inode == 0 && fgets(line, sizeof(line), f)) {
		unsigned long n;

		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*d %lu", &port,
			    &state, &uid, &n) == 4 && port == want && state == 0x0a) {
			inode = n;
			*uid_out = uid;
		}
	}
	fclose(f);
	return inode;
}

static bool has_socket(const char *pid, const char *link)
{
	char path[300], target[64];
	struct dirent *e;
	bool found = false;
	ssize_t n;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	if (!d)
		return false;
	while (!found && (e = readdir(d))) {
		n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		found = strcmp(target, link) == 0;
	}
	closedir(d);
	return found;
}

static void name_user(unsigned uid, char out[80])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(out, 80, "a process of user %.40s", pw->pw_name);
	else
		snprintf(out, 80, "a process of user %u", uid);
}

const char *port_owner(const struct addr *a, char out[80])
{
	unsigned uid = 0;
	unsigned long inode = port_inode(a->family == 6 ? "/proc/net/tcp6" : "/proc/net/tcp", a->port, &uid);
	char link[64], path[300], comm[32] = "?";
	struct dirent *e;
	DIR *d;
	FILE *f;

	out[0] = '\0';
	if (inode == 0 || !(d = opendir("/proc")))
		return out;
	snprintf(link, sizeof(link), "socket:[%lu]", inode);
	while ((e = readdir(d))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || !has_socket(e->d_name, link))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f) {
			if (fgets(comm, sizeof(comm), f))
				comm[strcspn(comm, "\n")] = '\0';
			fclose(f);
		}
		snprintf(out, 80, "process %.10s (%s)", e->d_name, comm);
		break;
	}
	closedir(d);
	if (!out[0])
		name_user(uid, out);
	return out;
}
