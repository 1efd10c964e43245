/* SPDX-License-Identifier: ISC
 *
 * push.c: the events of hooks.db go to the receiver, the oldest first, one request at a time.
 *
 *   IDLE --something waits, `next` has come--> RESOLVING --addresses--> POSTING --2xx--> IDLE
 *     ^                                           |                       |  (events leave)
 *     `---- next = now + wait, which doubles -----+-----------------------'
 *                                     no address, no answer in time, another status
 *
 * A test (`webhook test`) is a request of its own, comes first, and is not repeated.
 */
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "net/addr.h"
#include "net/resolver.h"
#include "smtp/hook/hookd.h"
#include "smtp/hook/record.h"
#include "trace/trace.h"

#define BODY_MAX (30 * 1024) /* of the events: escaped at most threefold in IPC_MAX */
#define SLACK_MS 5000 /* the poster has its own limit of time */

void push_open(struct hookd *h, int poster)
{
	h->push = (struct push){ .poster = poster, .test = -1 };
	buf_init(&h->push.body, 2 * BODY_MAX);
}

bool push_wants(const struct hookd *h, struct str event)
{
	const struct conf_list *l = &h->conf->webhook_events;
	size_t i;

	for (i = 0; h->conf->webhook_url.n > 0 && i < l->n; i++)
		if (str_eq(l->v[i], event))
			return true;
	return false;
}

/* --- the end of a request ----------------------------------------------------------------- */

static void answer_test(struct hookd *h, bool good)
{
	struct push *p = &h->push;
	struct ipc_msg m;
	int reply = p->test;

	p->test = -1;
	ipc_init(&m, "result");
	ipc_set(&m, "url", h->conf->webhook_url);
	ipc_set_u64(&m, "status", (uint64_t)p->status);
	ipc_setc(&m, "words", p->words);
	hook_answer(reply, &m, good ? EX_OK : EX_UNAVAILABLE, good ? NULL : "the receiver did not take it");
}

static void failed(struct hookd *h)
{
	struct push *p = &h->push;
	int64_t wait = h->conf->webhook_retry << MIN(p->failures, 20u);

	if (wait > h->conf->webhook_retry_max || wait < 0)
		wait = h->conf->webhook_retry_max;
	if (p->failures++ == 0)
		trace_event(TRACE_WARN, "webhook-failed", NULL, "%s", p->words);
	p->next = deadline_in(wait);
}

static int taken(struct hookd *h)
{
	struct push *p = &h->push;

	if (p->failures > 0)
		trace_event(TRACE_INFO, "webhook-again", NULL, "the receiver takes events again after %u failures", p->failures);
	p->failures = 0;
	p->next = DEADLINE_NEVER;
	p->posted += p->n;
	return store_posted(p->first, p->upto);
}

static void over(struct hookd *h, int status, struct str words)
{
	struct push *p = &h->push;
	bool good = status >= 200 && status < 300;

	p->state = PUSH_IDLE;
	p->until = DEADLINE_NEVER;
	p->id++;
	p->status = status;
	if (words.n > 0 || good)
		snprintf(p->words, sizeof(p->words), "%.*s", STRF(words));
	else
		snprintf(p->words, sizeof(p->words), "the receiver answered with status %d", status);
	if (p->testing)
		answer_test(h, good);
	else if (!good)
		failed(h);
	else if (taken(h) < 0)
		exit(EX_IOERR); /* they stay, and are posted again */
	p->testing = false;
}

/* --- a request ----------------------------------------------------------------------------- */

static void test_body(struct hookd *h)
{
	struct ipc_msg m;

	ipc_init(&m, "delivery");
	ipc_setc(&m, "id", "test");
	ipc_setc(&m, "event", "test");
	ipc_set_u64(&m, "time", (uint64_t)clock_unix());
	record_json(&m, &h->push.body);
	ipc_done(&m);
	h->push.n = 1;
}

static void post(struct hookd *h)
{
	struct push *p = &h->push;
	struct ipc_msg m;
	struct buf signature;
	int r;

	buf_reset(&p->body);
	buf_puts(&p->body, "{\"events\":[");
	if (p->testing)
		test_body(h);
	else
		p->n = store_batch((size_t)h->conf->webhook_batch, BODY_MAX, &p->body, &p->first, &p->upto);
	buf_puts(&p->body, "]}");
	if (p->n == 0) {
		p->state = PUSH_IDLE;
		return;
	}
	buf_init(&signature, 256);
	if (h->secret.n > 0)
		record_sign(buf_view(&h->secret), clock_unix(), buf_view(&p->body), &signature);
	ipc_init(&m, "post");
	ipc_set_u64(&m, "id", ++p->id);
	ipc_set(&m, "url", h->conf->webhook_url);
	ipc_setc(&m, "resolve", p->resolve);
	ipc_set(&m, "signature", buf_view(&signature));
	ipc_set(&m, "body", buf_view(&p->body));
	r = p->body.err ? p->body.err : ipc_try_send(p->poster, &m);
	ipc_done(&m);
	buf_done(&signature);
	p->state = PUSH_POSTING;
	p->until = deadline_in(h->conf->webhook_request + SLACK_MS);
	if (r < 0)
		over(h, 0, STR("the process that posts takes nothing"));
}

/* The host and port of the URL; literal: it is an address. */
static int url_host(struct str url, struct str *host_out, uint16_t *port_out, bool *literal_out)
{
	bool tls = str_starts(url, "https://");
	struct str rest = str_from(url, tls ? 8 : 7);
	int r = addr_split_hostport(str_cut(&rest, '/'), host_out, port_out, literal_out);

	if (r == 0 && *port_out == 0)
		*port_out = tls ? 443 : 80;
	return r;
}

static void begin(struct hookd *h)
{
	struct push *p = &h->push;
	struct str host;
	uint16_t port;
	bool literal;
	char name[256];

	p->testing = p->test >= 0;
	p->resolve[0] = '\0';
	if (url_host(h->conf->webhook_url, &host, &port, &literal) < 0) {
		over(h, 0, STR("[webhook] url is no URL"));
	} else if (literal) {
		post(h);
	} else {
		snprintf(name, sizeof(name), "%.*s", STRF(host));
		p->state = PUSH_RESOLVING;
		p->until = deadline_in(h->conf->webhook_request + SLACK_MS);
		if (h->resolver < 0 || resolver_send_address(h->resolver, ++p->id, name, h->conf->webhook_request, false) < 0)
			over(h, 0, STR("no process looks names up now"));
	}
}

static void resolved(struct hookd *h, const struct resolver_addresses *found)
{
	struct push *p = &h->push;
	char text[ADDR_TEXT];
	struct str host;
	struct buf b;
	uint16_t port;
	bool literal;
	size_t i;

	if (found->n == 0) {
		char words[HOOK_WORDS];

		snprintf(words, sizeof(words), "the name of the receiver has no address: %s", found->error);
		over(h, 0, str_of(words));
		return;
	}
	if (url_host(h->conf->webhook_url, &host, &port, &literal) < 0)
		return;
	buf_init(&b, sizeof(p->resolve));
	buf_fmt(&b, "%.*s:%u:", STRF(host), port);
	for (i = 0; i < found->n; i++)
		buf_fmt(&b, found->addr[i].family == 6 ? "%s[%s]" : "%s%s", i ? "," : "", addr_text(&found->addr[i], text));
	snprintf(p->resolve, sizeof(p->resolve), "%s", b.err ? "" : buf_cstr(&b));
	buf_done(&b);
	post(h);
}

void push_resolved(struct hookd *h)
{
	struct resolver_addresses found;
	struct ipc_msg m;
	int r = ipc_try_recv(h->resolver, &m);

	if (r == 0 && h->push.state == PUSH_RESOLVING && ipc_is(&m, "address") &&
	    resolver_parse_address(&m, &found) == 0 && found.id == h->push.id)
		resolved(h, &found);
	ipc_done(&m);
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		fd_close(&h->resolver); /* the question ends by its time */
}

void push_answered(struct hookd *h)
{
	struct ipc_msg m;
	uint64_t id = 0, status = 0;
	int r = ipc_try_recv(h->push.poster, &m);

	if (r == 0 && h->push.state == PUSH_POSTING && ipc_get_u64(&m, "id", UINT64_MAX, &id) == 0 && id == h->push.id &&
	    ipc_get_u64(&m, "status", 999, &status) == 0)
		over(h, (int)status, str_sub(ipc_get(&m, "words"), 0, HOOK_WORDS - 1));
	ipc_done(&m);
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		exit(EX_UNAVAILABLE); /* locked in as we are we could not make another */
}

/* --- the clock ------------------------------------------------------------------------------- */

static bool may_begin(const struct hookd *h)
{
	const struct push *p = &h->push;

	if (p->state != PUSH_IDLE || h->conf->webhook_url.n == 0 || h->stopping)
		return false;
	return p->test >= 0 || (store_pending() > 0 && (!p->next || deadline_passed(p->next)));
}

void push_work(struct hookd *h)
{
	struct push *p = &h->push;

	if (p->state == PUSH_POSTING && deadline_passed(p->until))
		exit(EX_UNAVAILABLE); /* the poster hangs: both begin anew */
	if (p->state == PUSH_RESOLVING && deadline_passed(p->until))
		over(h, 0, STR("the name of the receiver was not looked up in time"));
	if (may_begin(h))
		begin(h);
}

int64_t push_wait(const struct hookd *h)
{
	const struct push *p = &h->push;

	if (p->state != PUSH_IDLE)
		return deadline_left(p->until);
	if (may_begin(h))
		return 0;
	return store_pending() > 0 && p->next && h->conf->webhook_url.n > 0 ? deadline_left(p->next) : -1;
}

void push_test(struct hookd *h, int reply)
{
	struct ipc_msg m;

	if (h->conf->webhook_url.n > 0 && h->push.test < 0) {
		h->push.test = reply;
		return;
	}
	ipc_init(&m, "result");
	hook_answer(reply, &m, h->push.test < 0 ? EX_CONFIG : EX_TEMPFAIL,
		h->push.test < 0 ? "there is no [webhook] url" : "another test is on its way");
}
