/* SPDX-License-Identifier: ISC
 *
 * cache.c: policies as files (see cache.h). Each is replaced as a whole.
 */
#include "smtp/policy/cache.h"

#include <dirent.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "net/dns.h"
#include "net/ipc.h"

static int take(const struct ipc_msg *m, struct arena *a, struct policy *out)
{
	struct policy p = { 0 };
	struct str id = ipc_get(m, "id"), mx;
	uint64_t fetched, expires;

	if (!ipc_is(m, "policy") || id.n == 0 || id.n > STS_ID || sts_mode_parse(ipc_get(m, "mode"), &p.sts.mode) < 0 ||
		ipc_get_u64(m, "fetched", INT64_MAX / 2, &fetched) || ipc_get_u64(m, "expires", INT64_MAX / 2, &expires))
		return E_DAMAGED;
	snprintf(p.id, sizeof p.id, "%.*s", STRF(id));
	p.fetched = (int64_t)fetched;
	p.expires = MIN((int64_t)expires, p.fetched + STS_AGE_MAX);
	while (p.sts.n < STS_MX && (mx = ipc_get_nth(m, "mx", p.sts.n)).p)
		p.sts.mx[p.sts.n++] = arena_str(a, mx);
	*out = p;
	return 0;
}

int cache_load(int dir, const char *domain, struct arena *a, struct policy *out)
{
	struct policy p;
	struct ipc_msg m;
	struct buf b;
	int r;

	buf_init(&b, IPC_MAX);
	r = file_load(dir, domain, &b);
	if (r == 0) {
		r = ipc_parse(buf_view(&b), &m) == 0 ? take(&m, a, &p) : E_DAMAGED;
		ipc_done(&m);
	}
	buf_done(&b);
	if (r == 0 && (p.expires <= clock_unix() || p.fetched > clock_unix() + 86400))
		r = -ENOENT;
	if (r == 0)
		*out = p;
	return r;
}

int cache_save(int dir, const char *domain, const struct policy *p)
{
	struct ipc_msg m;
	struct buf b;
	size_t i;
	int r;

	ipc_init(&m, "policy");
	ipc_setc(&m, "id", p->id);
	ipc_setc(&m, "mode", sts_mode_name(p->sts.mode));
	ipc_set_u64(&m, "fetched", (uint64_t)p->fetched);
	ipc_set_u64(&m, "expires", (uint64_t)p->expires);
	for (i = 0; i < p->sts.n; i++)
		ipc_set(&m, "mx", p->sts.mx[i]);
	buf_init(&b, IPC_MAX);
	r = ipc_print(&m, &b);
	if (r == 0)
		r = file_replace(dir, domain, buf_view(&b), 0600);
	buf_done(&b);
	ipc_done(&m);
	return r;
}

size_t cache_sweep(int dir, void (*aged)(void *arg, const char *domain), void *arg, size_t max)
{
	int fd = file_open_dir(dir, "."), r;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	struct policy p;
	struct arena a;
	size_t left = 0, told = 0;

	arena_init(&a);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || e->d_name[0] == '_') /* the database of reports lies beside them */
			continue;
		arena_reset(&a);
		r = dns_is_name(str_of(e->d_name)) ? cache_load(dir, e->d_name, &a, &p) : E_DAMAGED;
		if (r == 0) {
			left++;
			if (clock_unix() - p.fetched > (p.expires - p.fetched) / 2 && told++ < max)
				aged(arg, e->d_name);
		} else if (r == -ENOENT || r == E_DAMAGED) {
			file_unlink(dir, e->d_name);
		}
	}
	arena_done(&a);
	if (d)
		closedir(d);
	else
		fd_close(&fd);
	return left;
}
