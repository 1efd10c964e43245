/* SPDX-License-Identifier: ISC
 *
 * sts_serve.c: our own MTA-STS policy (RFC 8461 3.3), by the name mta-sts.DOMAIN alone. It says nothing of who exists.
 */
#include "conf/sts.h"
#include "net/dns.h"
#include "webadmin/web.h"

void sts_serve(struct request *q)
{
	struct str host = request_host(q);
	char id[CONF_STS_ID + 1];
	struct buf text;

	buf_init(&text, 4096);
	if (str_istarts(host, "mta-sts.") && dns_is_hostname(host) && conf_sts_policy(web.conf, &text, id)) {
		request_set(q, "Cache-Control", "no-store");
		request_answer_buf(q, 200, "text/plain", &text);
		return;
	}
	buf_done(&text);
	request_fail(q, 404, 65, "there is no MTA-STS policy by this name");
}
