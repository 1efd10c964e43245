/* SPDX-License-Identifier: ISC
 *
 * url.c: see url.h.
 */
#include "net/url.h"

#include "net/addr.h"

static bool plain(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || str_find(STR("\"<>\\^`{|}"), s.p[i]) >= 0)
			return false;
	return s.n <= URL_MAX;
}

int url_https(struct str url, char host_out[URL_HOST_MAX], uint16_t *port_out)
{
	struct str rest, host;
	uint16_t port = 0;
	bool literal;
	size_t i;

	if (!str_starts(url, "https://") || !plain(url))
		return E_SYNTAX;
	rest = str_from(url, strlen("https://"));
	for (i = 0; i < rest.n && str_find(STR("/?#"), rest.p[i]) < 0; i++)
		;
	rest = str_sub(rest, 0, i);
	if (str_find(rest, '@') >= 0 || addr_split_hostport(rest, &host, &port, &literal) < 0 || host.n == 0 || host.n >= URL_HOST_MAX)
		return E_SYNTAX;
	snprintf(host_out, URL_HOST_MAX, "%.*s", STRF(host));
	*port_out = port ? port : 443;
	return 0;
}
