/* SPDX-License-Identifier: ISC
 *
 * history.c: the changes of the settings that were made by command or page.
 *
 *     STATE/settings/00000012    one change: id, time, who, verb, key, from, to, and
 *                                the whole settings file as it was before it
 *
 * A change is written durably before the settings file is replaced: a crash in between
 * leaves a change that did nothing, never one that cannot be undone. The format is
 * that of a message (net/ipc.h), so nothing in a value can break it.
 */
#include "master/master.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

#define NAME_DIGITS 8
#define ID_MAX 99999999

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

size_t history_ids(int dir, struct arena *a, uint64_t **out)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0, cap = 0;
	uint64_t *id = NULL, *grown;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct str name = str_of(e->d_name);
		uint64_t v;

		if (name.n != NAME_DIGITS || str_u64(name, ID_MAX, &v) < 0)
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 64;
			grown = arena_array(a, cap, sizeof(*id));
			if (n)
				memcpy(grown, id, n * sizeof(*id));
			id = grown;
		}
		id[n++] = v;
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	if (n)
		qsort(id, n, sizeof(*id), order);
	*out = id;
	return n;
}

static const char *name_of(uint64_t id, char out[NAME_DIGITS + 16])
{
	snprintf(out, NAME_DIGITS + 16, "%08llu", (unsigned long long)id);
	return out;
}

int history_load(int dir, uint64_t id, struct arena *a, struct change *out)
{
	char name[NAME_DIGITS + 16];
	struct ipc_msg m;
	struct buf text;
	int r;

	buf_init(&text, IPC_MAX);
	r = file_load(dir, name_of(id, name), &text);
	if (r == 0 && ipc_parse(buf_view(&text), &m) == 0) {
		*out = (struct change){ .id = id };
		ipc_get_u64(&m, "time", INT64_MAX, &out->time);
		out->who = arena_str(a, ipc_get(&m, "who"));
		out->verb = arena_str(a, ipc_get(&m, "verb"));
		out->key = arena_str(a, ipc_get(&m, "key"));
		out->from = arena_str(a, ipc_get(&m, "from"));
		out->to = arena_str(a, ipc_get(&m, "to"));
		out->text = arena_str(a, ipc_get(&m, "text"));
		ipc_done(&m);
	} else if (r == 0) {
		ipc_done(&m);
		r = E_DAMAGED;
	}
	buf_done(&text);
	return r;
}

static void forget_oldest(int dir, const uint64_t *id, size_t n, size_t keep)
{
	char name[NAME_DIGITS + 16];
	size_t i;

	for (i = 0; i + keep < n; i++)
		file_unlink(dir, name_of(id[i], name));
}

int history_add(int dir, struct change *c, size_t keep)
{
	char name[NAME_DIGITS + 16];
	struct arena a;
	struct ipc_msg m;
	struct buf text;
	uint64_t *id;
	size_t n;
	int r;

	arena_init(&a);
	n = history_ids(dir, &a, &id);
	c->id = n ? id[n - 1] + 1 : 1;
	ipc_init(&m, "change");
	ipc_set_u64(&m, "time", c->time);
	ipc_set(&m, "who", c->who);
	ipc_set(&m, "verb", c->verb);
	ipc_set(&m, "key", c->key);
	ipc_set(&m, "from", c->from);
	ipc_set(&m, "to", c->to);
	ipc_set(&m, "text", c->text);
	buf_init(&text, IPC_MAX);
	r = ipc_print(&m, &text);
	if (r == 0)
		r = file_replace(dir, name_of(c->id, name), buf_view(&text), 0600);
	if (r == 0 && keep > 0)
		forget_oldest(dir, id, n, keep - 1);
	buf_done(&text);
	ipc_done(&m);
	arena_done(&a);
	return r;
}
