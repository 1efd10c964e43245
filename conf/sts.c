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
	size_t i;

	if (c->sts_publish == CONF_STS_NONE)
		return false;
	buf_fmt(text_out, "version: STSv1\r\nmode: %s\r\nmx: %s\r\n", c->sts_publish == CONF_STS_ENFORCE ? "enforce" : "testing", conf_hostname(c));
	for (i = 0; i < c->sts_publish_mx.n; i++)
		buf_fmt(text_out, "mx: %.*s\r\n", STRF(c->sts_publish_mx.v[i]));
	buf_fmt(text_out, "max_age: %lld\r\n", (long long)c->sts_publish_age / 1000);
	sha256_of(buf_view(text_out), sha);
	sha256_print(sha, hex);
	snprintf(id_out, CONF_STS_ID + 1, "%.*s", CONF_STS_ID, hex);
	return true;
}

bool conf_sts_pattern(struct str pattern, struct str host)
{
	if (!str_starts(pattern, "*."))
		return str_ieq(pattern, host);
	str_cut(&host, '.');
	return host.p && str_ieq(str_from(pattern, 2), host);
}

bool conf_sts_names(const struct conf *c, struct str host)
{
	size_t i;

	if (str_ieqc(host, conf_hostname(c)))
		return true;
	for (i = 0; i < c->sts_publish_mx.n; i++)
		if (conf_sts_pattern(c->sts_publish_mx.v[i], host))
			return true;
	return false;
}
