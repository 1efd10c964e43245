/* SPDX-License-Identifier: ISC
 *
 * oldserver.c: the worker's side of oldserver.h.
 */
#include "auth/oldserver.h"

#include "auth/trouble.h"
#include "base/clock.h"
#include "base/file.h"
#include "conf/conf.h"
#include "conf/value.h"
#include "net/ipc.h"

#define SLACK_MS 500 /* of the desk, beyond [oldserver] timeout */

bool oldserver_active(const struct conf *conf, int64_t now)
{
	int64_t until;

	return conf->oldserver_host.n > 0 &&
		(conf->oldserver_until.n == 0 || (conf_date_parse(conf->oldserver_until, &until, NULL) == 0 && now < until));
}

bool oldserver_covers(const struct conf *conf, struct str domain, int64_t now)
{
	size_t i;

	for (i = 0; i < conf->oldserver_domains.n; i++)
		if (str_eq(conf->oldserver_domains.v[i], domain))
			return oldserver_active(conf, now);
	return false;
}

struct str oldserver_user(const struct conf *conf, struct str name, struct arena *a)
{
	struct str t = conf->oldserver_user, s;
	ssize_t at = str_rfind(name, '@');
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	for (i = 0; i < t.n; i++) {
		char c = t.p[i] == '%' && i + 1 < t.n ? t.p[++i] : '\0';

		if (c == 'u')
			buf_str(&b, str_sub(name, 0, at < 0 ? name.n : (size_t)at));
		else if (c == 'd')
			buf_str(&b, str_from(name, (size_t)at + 1));
		else if (c == 'a')
			buf_str(&b, name);
		else
			buf_c(&b, t.p[i]);
	}
	s = arena_str(a, buf_view(&b));
	buf_done(&b);
	return s;
}

static const char *const from_text[] = { [OLDSERVER_STRANGER] = "stranger", [OLDSERVER_FRIEND] = "friend",
	[OLDSERVER_KNOWN] = "known" };

const char *oldserver_from_text(enum oldserver_from from)
{
	return from_text[from];
}

enum oldserver_from oldserver_from_parse(struct str word)
{
	return str_eqc(word, "known") ? OLDSERVER_KNOWN : str_eqc(word, "friend") ? OLDSERVER_FRIEND : OLDSERVER_STRANGER;
}

/* Without an answer in time the link is given up: the worker has no other one. */
static int ask(struct oldserver *o, struct ipc_msg *q, struct ipc_msg *answer)
{
	int r = o->link < 0 ? E_TEMP : ipc_call(o->link, q, answer, deadline_in(o->conf->oldserver_timeout + SLACK_MS));

	if (r < 0 && r != E_TIMEOUT && r != -EINTR)
		fd_close(&o->link);
	return r;
}

int oldserver_check(struct oldserver *o, const struct oldserver_asker *who, struct arena *a, const char **why_out)
{
	char peer[ADDR_TEXT];
	struct ipc_msg q, answer = { 0 };
	struct str result;
	int r;

	ipc_init(&q, "check");
	ipc_set(&q, "name", who->name);
	ipc_set(&q, "password", who->password);
	if (who->peer.family)
		ipc_setc(&q, "peer", addr_text(&who->peer, peer));
	ipc_setc(&q, "from", oldserver_from_text(who->from));
	ipc_set_bool(&q, "nobody", who->nobody);
	r = ask(o, &q, &answer);
	result = r == 0 ? ipc_get(&answer, "result") : STR("");
	*why_out = r == 0 ? arena_cstr(a, ipc_get(&answer, "why")) : "the old server cannot be asked";
	if (r == 0 && ipc_get_bool(&answer, "trouble"))
		trouble_tell("%s", *why_out);
	r = str_eqc(result, "ok") && !who->nobody ? 0 : str_eqc(result, "denied") ? E_DENIED : E_TEMP;
	ipc_done(&answer);
	ipc_done(&q);
	return r;
}

void oldserver_wait(struct oldserver *o, int64_t began)
{
	struct ipc_msg q, answer = { 0 };

	ipc_init(&q, "wait");
	ipc_set_u64(&q, "spent", (uint64_t)MAX(clock_mono_ms() - began, (int64_t)0));
	(void)ask(o, &q, &answer);
	ipc_done(&answer);
	ipc_done(&q);
}
