/* SPDX-License-Identifier: ISC
 *
 * autoconfig_serve.c: the paths of autoconfig.h. They are asked by any name that leads here
 * (autoconfig.DOMAIN, autodiscover.DOMAIN, DOMAIN itself), and before anybody has a password;
 * Thunderbird's also without TLS.
 */
#include "net/dns.h"
#include "webadmin/autoconfig.h"
#include "webadmin/web.h"

#define DOCUMENT_MAX (256 * 1024)

struct work {
	struct autoconfig c;
	struct buf out;
};

static void begin(struct request *q, struct work *w)
{
	autoconfig_of(web.conf, request_arena(q), &w->c);
	buf_init(&w->out, DOCUMENT_MAX);
	request_set(q, "Cache-Control", "no-store");
}

void autoconfig_serve_mozilla(struct request *q)
{
	struct str address = autoconfig_address(request_query(q), "emailaddress", request_arena(q));
	struct str domain = autoconfig_domain(address, request_host(q));
	struct work w;

	begin(q, &w);
	autoconfig_mozilla(&w.c, dns_is_hostname(domain) ? domain : str_of(w.c.host), &w.out);
	request_answer_buf(q, 200, "text/xml; charset=utf-8", &w.out);
}

void autoconfig_serve_outlook(struct request *q)
{
	struct str address;
	struct work w;

	begin(q, &w);
	/* 200 either way: Outlook reads the code from the document */
	if (request_is_post(q) && autodiscover_parse(request_body(q), request_arena(q), &address) == 0)
		autodiscover_xml(&w.c, address, &w.out);
	else
		autodiscover_error(&w.out);
	request_answer_buf(q, 200, "text/xml; charset=utf-8", &w.out);
}

static struct str query_field(struct str query, const char *name)
{
	struct str pair, key;

	while (query.p) {
		pair = str_cut(&query, '&');
		key = str_cut(&pair, '=');
		if (str_ieqc(key, name))
			return pair;
	}
	return STR_NONE;
}

void autoconfig_serve_json(struct request *q)
{
	struct work w;
	bool good;

	begin(q, &w);
	good = autodiscover_json(&w.c, query_field(request_query(q), "Protocol"), &w.out);
	request_answer_buf(q, good ? 200 : 400, "application/json", &w.out);
}

static bool need_address(struct request *q, struct str *address_out)
{
	*address_out = autoconfig_address(request_query(q), "address", request_arena(q));
	if (!address_out->p)
		request_fail(q, 400, 65, "address=: a mail address is needed, like anna@example.org");
	return address_out->p != NULL;
}

void autoconfig_serve_apple(struct request *q)
{
	struct str address;
	struct work w;

	if (!need_address(q, &address))
		return;
	begin(q, &w);
	autoconfig_apple(&w.c, address, &w.out);
	request_set(q, "Content-Disposition", "attachment; filename=\"mail.mobileconfig\"");
	request_answer_buf(q, 200, "application/x-apple-aspen-config", &w.out);
}

void autoconfig_serve_qr(struct request *q)
{
	struct str address;
	struct work w;

	if (!need_address(q, &address))
		return;
	begin(q, &w);
	if (autoconfig_qr(&w.c, address, &w.out) < 0) {
		buf_done(&w.out);
		request_fail(q, 400, 65, "the address is too long for a QR code");
		return;
	}
	request_answer_buf(q, 200, "image/svg+xml", &w.out);
}
