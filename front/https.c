/* SPDX-License-Identifier: ISC
 *
 * https.c: the door of the admin page (RFC 9110, 9112 are webadmind's): TLS first,
 * ALPN http/1.1 alone, and with the first bytes inside TLS the session goes to
 * webadmind, pumped, for as long as the connection lasts. Nothing of HTTP is
 * parsed here; nobody logs in here: a request carries who asks (auth/gate.h).
 */
#include "front/conn.h"

#define REFUSED(status)                                                                     \
	"HTTP/1.1 " status "\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 5\r\n"

static void greet(struct conn *c)
{
	(void)c;
}

static int step(struct conn *c)
{
	if (conn_unread(c).n == 0)
		return 0;
	conn_offer(c);
	return 1;
}

const struct dialogue https_dialogue = {
	.greet = greet,
	.step = step,
	.bye = {
		[BYE_BUSY] = REFUSED("503 Service Unavailable"),
		[BYE_ADDRESS] = REFUSED("503 Service Unavailable"),
		[BYE_NETWORK] = REFUSED("503 Service Unavailable"),
		[BYE_TIMEOUT] = REFUSED("408 Request Timeout"),
		[BYE_NO_ROOM] = REFUSED("503 Service Unavailable"),
		[BYE_STOP] = REFUSED("503 Service Unavailable"),
		[BYE_KICK] = REFUSED("503 Service Unavailable"),
		[BYE_ERRORS] = REFUSED("400 Bad Request"),
		[BYE_FAILURES] = REFUSED("400 Bad Request"),
		[BYE_TOO_LONG] = REFUSED("400 Bad Request"),
		[BYE_MALFORMED] = REFUSED("400 Bad Request"),
		[BYE_BANNED] = REFUSED("429 Too Many Requests"),
	},
};
