/* SPDX-License-Identifier: ISC
 *
 * verbs.c: cert list, cert show, cert renew, cert rekey.
 */
#include "acme/acmed.h"

#include <sysexits.h>
#include <unistd.h>

#include "acme/order.h"
#include "base/file.h"
#include "net/cert.h"

static void last(int reply, struct ipc_msg *m, int code, const char *error)
{
	ipc_set_bool(m, "done", true);
	ipc_set_u64(m, "code", (uint64_t)code);
	ipc_setc(m, "error", error);
	program_result(reply, m);
	ipc_done(m);
}

static void fail(int reply, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	last(reply, &m, code, error);
}

static void set_time(struct ipc_msg *m, const char *name, int64_t at)
{
	if (at > 0)
		ipc_set_u64(m, name, (uint64_t)at);
	else
		ipc_setc(m, name, "");
}

static const char *how(const struct acmed *a)
{
	if (!a->conf->acme_enabled)
		return "off";
	if (a->order > 0)
		return "ordering";
	if (a->state.words[0])
		return "failed";
	return a->state.not_after > clock_unix() ? "good" : "none";
}

static void show(struct acmed *a, int reply)
{
	static const char *const challenge[] = { "http-01", "tls-alpn-01", "dns-01" };
	struct str names[CONF_ACME_NAMES];
	size_t n = order_names(a->conf, names), i;
	int64_t at = 0, now = clock_unix();
	struct ipc_msg m;
	struct buf joined;

	buf_init(&joined, 8192);
	for (i = 0; i < n; i++)
		buf_fmt(&joined, "%s%.*s", i ? ", " : "", STRF(names[i]));
	ipc_init(&m, "result");
	ipc_setc(&m, "state", how(a));
	ipc_set(&m, "names", buf_view(&joined));
	ipc_setc(&m, "directory", a->conf->acme_directory.p);
	ipc_setc(&m, "challenge", challenge[a->conf->acme_challenge]);
	set_time(&m, "not_after", a->state.not_after);
	set_time(&m, "renew_at", a->state.renew_at);
	set_time(&m, "last_try", a->state.last_try);
	set_time(&m, "next_try", a->order <= 0 && acmed_due(a, &at) ? MAX(at, now) : 0);
	ipc_set_u64(&m, "orders", acme_state_orders(&a->state, now));
	ipc_set_u64(&m, "failures", a->state.failures);
	ipc_setc(&m, "words", a->state.words);
	ipc_setc(&m, "fix", a->state.fix);
	last(reply, &m, EX_OK, NULL);
	buf_done(&joined);
}

static void renew(struct acmed *a, int reply)
{
	struct ipc_msg m;

	if (!a->conf->acme_enabled) {
		fail(reply, EX_UNAVAILABLE, "certificates are not ordered here: set [acme] enabled = yes");
		return;
	}
	a->forced = true;
	ipc_init(&m, "result");
	ipc_setc(&m, "state", a->order > 0 ? "ordering already" : "ordering");
	ipc_setc(&m, "words", "'mansio cert show' tells how it goes");
	last(reply, &m, EX_OK, NULL);
}

/* The record of the next key; with `now` the step to it (rekey.c). */
static void rekey(struct acmed *a, const struct ipc_msg *in, int reply)
{
	bool now = str_eqc(ipc_get(in, "now"), "yes");
	char tlsa[CERT_TLSA];
	struct ipc_msg m;
	struct buf pem;
	int r = E_NOTFOUND;

	if (!a->conf->acme_enabled) {
		fail(reply, EX_UNAVAILABLE, "certificates are not ordered here: set [acme] enabled = yes");
		return;
	}
	buf_init(&pem, 1 << 18);
	if (now && file_load(a->dir, "next.pem", &pem) < 0) {
		fail(reply, EX_UNAVAILABLE, "there is no next key yet: 'mansio cert rekey' makes it and shows the record to publish first");
		buf_wipe(&pem);
		return;
	}
	r = now ? 0 : rekey_next(a->dir, a->conf, &pem);
	if (r == 0)
		r = cert_tlsa(buf_view(&pem), tlsa);
	buf_wipe(&pem);
	if (r < 0) {
		fail(reply, EX_IOERR, err_text(r));
		return;
	}
	a->forced |= now;
	a->rekey |= now;
	if (!now)
		acmed_tell_master(a);
	ipc_init(&m, "result");
	ipc_setc(&m, "state", now ? "ordering" : "waiting");
	ipc_setc(&m, "name", arena_fmt(&m.arena, "_25._tcp.%s", conf_hostname(a->conf)));
	ipc_setc(&m, "type", "TLSA");
	ipc_setc(&m, "value", tlsa);
	ipc_setc(&m, "words", now ? "'mansio cert show' tells how it goes; when it is in use the old record may go" :
		"publish this beside the record of the key in use, if there is one; when the old answer is forgotten (its TTL): mansio cert rekey --now");
	last(reply, &m, EX_OK, NULL);
}

void verbs_control(struct acmed *a, struct ipc_msg *m)
{
	struct str verb = ipc_get(m, "verb");
	int reply = ipc_take_fd(m, "reply");

	if (reply < 0)
		return;
	if (str_eqc(verb, "cert list")) {
		acmed_look(a, reply); /* which takes it */
		return;
	}
	if (str_eqc(verb, "cert show"))
		show(a, reply);
	else if (str_eqc(verb, "cert renew"))
		renew(a, reply);
	else if (str_eqc(verb, "cert rekey"))
		rekey(a, m, reply);
	else
		fail(reply, EX_USAGE, "unknown verb");
	close(reply);
}
