/* SPDX-License-Identifier: ISC
 *
 * sts.c: our own MTA-STS policy (see sts.h).
 */
#include "conf/sts.h"

#include "base/sha256.h"

bool conf_sts_policy(const struct conf *c, struct buf *text_out, char id_out[CONF_STS_ID + 1])
{
	unsigned char sha[SHA256_SIZE];
	char hex[SHA256_HEX + 1];

	if (c->sts_publish == CONF_STS_NONE)
		return false;
	buf_fmt(text_out, "version: STSv1\r\nmode: %s\r\nmx: %s\r\nmax_age: %lld\r\n",
		c->sts_publish == CONF_STS_ENFORCE ? "enforce" : "testing", conf_hostname(c), (long long)c->sts_publish_age / 1000);
	sha256_of(buf_view(text_out), sha);
	sha256_print(sha, hex);
	snprintf(id_out, CONF_STS_ID + 1, "%.*s", CONF_STS_ID, hex);
	return true;
}
