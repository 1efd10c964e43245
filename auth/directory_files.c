/* SPDX-License-Identifier: ISC
 *
 * directory_files.c: see directory_files.h.
 */
#include "auth/directory_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define FILE_MAX (4 << 20)

static struct {
	const char *name;
	int fd;
} files[] = { { "ldap.trust", -1 }, { "ldap.password", -1 }, { "pgsql.trust", -1 }, { "pgsql.password", -1 },
	{ "shared-secret.key", -1 }, { "oldserver.trust", -1 } };

void directory_files_take(struct ipc_msg *start)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(files); i++)
		files[i].fd = ipc_take_fd(start, files[i].name);
}

void directory_files_drop(void)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(files); i++)
		fd_close(&files[i].fd);
}

int directory_file_fd(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(files); i++)
		if (strcmp(files[i].name, name) == 0)
			return files[i].fd;
	return -1;
}

struct str directory_file(const char *name, struct arena *a)
{
	int fd = directory_file_fd(name);
	struct stat st;
	char *p;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > FILE_MAX)
		return STR_NONE;
	p = arena_alloc(a, (size_t)st.st_size + 1);
	n = pread(fd, p, (size_t)st.st_size, 0); /* others read the same descriptor */
	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	return n > 0 ? str_make(p, (size_t)n) : STR_NONE;
}
