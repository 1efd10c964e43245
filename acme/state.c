/* SPDX-License-Identifier: ISC
 *
 * state.c: acmed's memory as a file (see state.h).
 */
#include "acme/state.h"

#include "base/file.h"
#include "net/ipc.h"

#define DAY 86400

static void text(const struct ipc_msg *m, const char *name, char *out, size_t size)
{
	struct str s = ipc_get(m, name);

	snprintf(out, size, "%.*s", s.n < size ? (int)s.n : 0, s.p ? s.p : "");
}

static int64_t when(const struct ipc_msg *m, const char *name)
{
	uint64_t v = 0;

	ipc_get_u64(m, name, INT64_MAX, &v);
	return (int64_t)v;
}

static void take(const struct ipc_msg *m, struct acme_state *s)
{
	uint64_t at;
	size_t i;

	for (i = 0; s->norders < ACME_ORDERS; i++) {
		struct str v = ipc_get_nth(m, "order", i);

		if (!v.p)
			break;
		if (str_u64(v, INT64_MAX, &at) == 0)
			s->order[s->norders++] = (int64_t)at;
	}
	ipc_get_u64(m, "failures", 1000000, &s->failures);
	s->next_try = when(m, "next_try");
	s->last_try = when(m, "last_try");
	s->last_good = when(m, "last_good");
	s->not_after = when(m, "not_after");
	s->renew_at = when(m, "renew_at");
	s->rekey = ipc_get_bool(m, "rekey");
	text(m, "names", s->names, sizeof s->names);
	text(m, "words", s->words, sizeof s->words);
	text(m, "fix", s->fix, sizeof s->fix);
	text(m, "account", s->account, sizeof s->account);
	text(m, "directory", s->directory, sizeof s->directory);
	text(m, "email", s->email, sizeof s->email);
	text(m, "ari", s->ari, sizeof s->ari);
}

int acme_state_load(int dir, struct acme_state *out)
{
	struct ipc_msg m;
	struct buf b;
	int r;

	*out = (struct acme_state){ 0 };
	buf_init(&b, IPC_MAX);
	r = file_load(dir, "state", &b);
	if (r == 0) {
		r = ipc_parse(buf_view(&b), &m);
		if (r == 0)
			take(&m, out);
		ipc_done(&m);
	}
	buf_done(&b);
	return r == -ENOENT ? 0 : r;
}

int acme_state_save(int dir, const struct acme_state *s)
{
	struct ipc_msg m;
	struct buf b;
	size_t i;
	int r;

	ipc_init(&m, "acme");
	for (i = 0; i < s->norders; i++)
		ipc_set_u64(&m, "order", (uint64_t)s->order[i]);
	ipc_set_u64(&m, "failures", s->failures);
	ipc_set_u64(&m, "next_try", (uint64_t)s->next_try);
	ipc_set_u64(&m, "last_try", (uint64_t)s->last_try);
	ipc_set_u64(&m, "last_good", (uint64_t)s->last_good);
	ipc_set_u64(&m, "not_after", (uint64_t)s->not_after);
	ipc_set_u64(&m, "renew_at", (uint64_t)s->renew_at);
	ipc_set_bool(&m, "rekey", s->rekey);
	ipc_setc(&m, "names", s->names);
	ipc_setc(&m, "words", s->words);
	ipc_setc(&m, "fix", s->fix);
	ipc_setc(&m, "account", s->account);
	ipc_setc(&m, "directory", s->directory);
	ipc_setc(&m, "email", s->email);
	ipc_setc(&m, "ari", s->ari);
	buf_init(&b, IPC_MAX);
	r = ipc_print(&m, &b);
	if (r == 0)
		r = file_replace(dir, "state", buf_view(&b), 0600);
	buf_done(&b);
	ipc_done(&m);
	return r;
}

size_t acme_state_orders(struct acme_state *s, int64_t now)
{
	size_t i, n = 0;

	for (i = 0; i < s->norders; i++)
		if (s->order[i] > now - DAY && s->order[i] <= now)
			s->order[n++] = s->order[i];
	return s->norders = n;
}

int64_t acme_backoff(uint64_t failures, int64_t retry_ms, int64_t max_ms)
{
	int64_t ms = retry_ms;

	while (failures-- > 1 && ms < max_ms)
		ms *= 2;
	return (MIN(ms, max_ms) + 999) / 1000;
}
