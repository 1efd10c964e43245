/* SPDX-License-Identifier: ISC
 *
 * fetch.c: fetches under way (see policyd.h).
 *
 *   fetch_start --> a link to the resolver is asked for --> child --> policy, kept --> gone
 *                                                             `--> failed, remembered for [sts] retry --> gone
 *
 * The child narrows itself once more before it connects: the network, and no file. What it says is looked at like any peer's.
 */
#include "smtp/policy/policyd.h"

#include <signal.h>
#include <unistd.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "net/https.h"
#include "smtp/policy/get.h"
#include "trace/trace.h"

#define TRUST_MAX (4 * 1024 * 1024)
#define GRACE_MS 5000 /* beyond the child's own time */

static struct fetch *find(struct policyd *p, const char *domain)
{
	struct fetch *f;

	for (f = p->fetches; f && strcmp(f->domain, domain) != 0; f = f->next)
		;
	return f;
}

static void forget(struct policyd *p, struct fetch *f)
{
	struct fetch **at = &p->fetches;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	fd_close(&f->link);
	free(f);
}

static int ask_link(struct policyd *p, struct fetch *f)
{
	struct ipc_msg m;
	int r;

	f->asked = ++p->serial;
	ipc_init(&m, "link");
	ipc_set_u64(&m, "id", f->asked);
	r = p->resolver < 0 ? E_CLOSED : ipc_try_send(p->resolver, &m);
	ipc_done(&m);
	return r;
}

static size_t remembered(const struct policyd *p)
{
	const struct fetch *f;
	size_t n = 0;

	for (f = p->fetches; f; f = f->next)
		n += f->over;
	return n;
}

int fetch_start(struct policyd *p, const char *domain, const char *id, char words_out[POLICY_WORDS])
{
	struct fetch *f = find(p, domain);

	if (f && f->over && strcmp(f->id, id) == 0) {
		snprintf(words_out, POLICY_WORDS, "%s", f->words);
		tally_policy(p, domain, f->result, f->words); /* mail leaves without it (RFC 8460 4.3.2.2) */
		return 0;
	}
	if (f && !f->over)
		return 1;
	if (f)
		forget(p, f);
	if (p->running >= (size_t)p->conf->sts_fetches || remembered(p) > (size_t)p->conf->sts_policies) {
		snprintf(words_out, POLICY_WORDS, "too many policies are being fetched");
		return 0;
	}
	f = mem_alloc(1, sizeof *f);
	f->link = -1;
	f->until = deadline_in(p->conf->sts_fetch + GRACE_MS);
	snprintf(f->domain, sizeof f->domain, "%s", domain);
	snprintf(f->id, sizeof f->id, "%s", id);
	f->next = p->fetches;
	p->fetches = f;
	p->running++;
	if (ask_link(p, f) == 0)
		return 1;
	snprintf(words_out, POLICY_WORDS, "the resolver is not there");
	p->running--;
	forget(p, f);
	return 0;
}

/* --- the child ------------------------------------------------------------------------ */

void load_trust(int fd, struct buf *out)
{
	struct stat st;
	char *p;

	buf_init(out, TRUST_MAX);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && (p = buf_room(out, (size_t)st.st_size)) &&
		file_pread_all(fd, p, (size_t)st.st_size, 0) == 0)
		buf_grew(out, (size_t)st.st_size);
}

static NORETURN void child(struct policyd *p, const struct fetch *f, int resolver, int link)
{
	struct get g = { .domain = f->domain, .resolver = resolver, .port = (uint16_t)p->conf->sts_port, .wait = p->conf->sts_fetch,
		.inside = &p->conf->sts_inside_networks };
	char words[POLICY_WORDS] = "";
	struct sts_policy got;
	struct ipc_msg m;
	struct buf trust;
	struct arena a;
	size_t i;
	int r;

	proc_title("policyd fetch");
	alarm((unsigned)(p->conf->sts_fetch / 1000 + 2));
	load_trust(p->trust, &trust);
	g.trust = buf_view(&trust);
	https_init();
	child_keep(resolver, link);
	if (sandbox_enter(SANDBOX_CHECK, NULL, 0, NULL) < 0)
		_exit(3);
	arena_init(&a);
	r = get_policy(&g, &a, &got, words);
	ipc_init(&m, "fetched");
	ipc_set_bool(&m, "ok", r == 0);
	ipc_setc(&m, "words", words);
	ipc_setc(&m, "result", r == E_TLS ? "sts-webpki-invalid" : r == E_TEMP ? "sts-policy-fetch-error" : "sts-policy-invalid");
	if (r == 0) {
		ipc_setc(&m, "mode", sts_mode_name(got.mode));
		ipc_set_u64(&m, "max_age", (uint64_t)got.max_age);
		for (i = 0; i < got.n; i++)
			ipc_set(&m, "mx", got.mx[i]);
	}
	_exit(ipc_send(link, &m) < 0 ? 3 : 0);
}

static void fork_child(struct policyd *p, struct fetch *f, int resolver)
{
	int pair[2];

	if (ipc_pair(pair) < 0)
		return; /* its deadline ends it */
	f->pid = proc_fork(true);
	if (f->pid == 0) {
		close(pair[0]);
		child(p, f, resolver, pair[1]);
	}
	close(pair[1]);
	f->link = pair[0];
	fd_nonblock(f->link, true);
}

void fetch_link(struct policyd *p, struct ipc_msg *m)
{
	int fd = ipc_take_fd(m, "link");
	struct fetch *f;
	uint64_t id;

	if (fd < 0 || ipc_get_u64(m, "id", UINT64_MAX, &id) || id == 0)
		goto out;
	for (f = p->fetches; f && f->asked != id; f = f->next)
		;
	if (f && !f->over && !f->pid) {
		f->asked = 0;
		fork_child(p, f, fd);
	}
out:
	fd_close(&fd);
}

/* --- its end --------------------------------------------------------------------------- */

static void failed(struct policyd *p, struct fetch *f, const char *words, const char *result)
{
	char domain[POLICY_DOMAIN];

	p->running -= p->running > 0;
	f->over = true;
	f->asked = 0;
	fd_close(&f->link);
	f->until = deadline_in(p->conf->sts_retry);
	snprintf(f->words, sizeof f->words, "%s", words);
	f->result = result;
	trace_event(TRACE_WARN, "sts-failed", NULL, "the MTA-STS policy of %s was not fetched: %s", f->domain, f->words);
	memcpy(domain, f->domain, sizeof domain);
	ask_fetched(p, domain, NULL, f->words, f->result);
}

/* True: a policy. */
static bool take(const struct ipc_msg *m, struct policy *out)
{
	uint64_t age;
	struct str mx;

	if (!ipc_is(m, "fetched") || sts_mode_parse(ipc_get(m, "mode"), &out->sts.mode) < 0 || ipc_get_u64(m, "max_age", STS_AGE_MAX, &age))
		return false;
	while (out->sts.n < STS_MX && (mx = ipc_get_nth(m, "mx", out->sts.n)).p) {
		if (mx.n == 0 || mx.n > 255 || str_has_ctl(mx))
			return false;
		out->sts.mx[out->sts.n++] = mx;
	}
	out->fetched = clock_unix();
	out->expires = out->fetched + (int64_t)age;
	return out->sts.mode == STS_NONE || out->sts.n > 0;
}

static void keep(struct policyd *p, struct fetch *f, const struct policy *got)
{
	struct policy old;
	struct arena a;
	bool had;
	int r = 0;

	arena_init(&a);
	had = cache_load(p->dir, f->domain, &a, &old) == 0;
	arena_done(&a);
	if (had || p->kept < (size_t)p->conf->sts_policies)
		r = cache_save(p->dir, f->domain, got);
	if (r < 0)
		trace_event(TRACE_ERROR, "sts-cache", NULL, "the policy of %s could not be kept: %s", f->domain, err_text(r));
	else
		p->kept += !had;
	trace_event(TRACE_INFO, "sts-policy", NULL, "the MTA-STS policy of %s: %s, %zu names, good for %lld s", f->domain,
		sts_mode_name(got->sts.mode), got->sts.n, (long long)(got->expires - got->fetched));
}

void fetch_readable(struct policyd *p, int fd)
{
	struct policy got = { 0 };
	static const char *const results[] = { "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid" };
	const char *result = results[0];
	struct fetch *f;
	struct ipc_msg m;
	char words[POLICY_WORDS];
	size_t i;
	int r;

	for (f = p->fetches; f && f->link != fd; f = f->next)
		;
	if (!f)
		return;
	r = ipc_try_recv(fd, &m);
	if (r == 0 && ipc_get_bool(&m, "ok") && take(&m, &got)) {
		snprintf(got.id, sizeof got.id, "%s", f->id);
		keep(p, f, &got);
		p->running -= p->running > 0;
		f->over = true; /* nobody joins it any more */
		ask_fetched(p, f->domain, &got, "", NULL);
		forget(p, f);
	} else if (r != -EAGAIN && r != -EINTR) {
		snprintf(words, sizeof words, "%.*s", STRF(r == 0 ? ipc_get(&m, "words") : STR("its process ended")));
		for (i = 0; i < ARRAY_LEN(results) && r == 0; i++)
			if (str_eqc(ipc_get(&m, "result"), results[i]))
				result = results[i];
		failed(p, f, words[0] ? words : "what was fetched is no policy", result);
	}
	ipc_done(&m);
}

void fetch_reap(struct policyd *p)
{
	int status;

	(void)p; /* the end of its link is what counts */
	while (proc_reap(&status) > 0)
		;
}

void fetch_tick(struct policyd *p)
{
	struct fetch *f, *next;

	for (f = p->fetches; f; f = next) {
		next = f->next;
		if (!deadline_passed(f->until))
			continue;
		if (f->over)
			forget(p, f);
		else
			failed(p, f, "it took too long", "sts-policy-fetch-error");
	}
}
