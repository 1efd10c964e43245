/* SPDX-License-Identifier: ISC
 *
 * headers.c: see headers.h. Nothing but what this server itself serves may be
 * loaded, framed, or posted to from a page; API answers are never stored.
 */
#include "webadmin/headers.h"

static const char policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	"connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void headers_add(struct MHD_Response *r, struct str path)
{
	static const char *const fixed[][2] = {
		{ "Content-Security-Policy", policy },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "X-Frame-Options", "DENY" },
		{ "Strict-Transport-Security", "max-age=31536000" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(fixed); i++)
		MHD_add_response_header(r, fixed[i][0], fixed[i][1]);
	if (str_starts(path, "/api/") || str_eqc(path, "/metrics"))
		MHD_add_response_header(r, "Cache-Control", "no-store");
}

struct str host_of(struct str authority)
{
	ssize_t end;

	if (authority.n > 0 && authority.p[0] == '[') {
		end = str_find(authority, ']');
		return end > 0 ? str_sub(authority, 1, (size_t)end) : STR("");
	}
	end = str_find(authority, ':');
	return authority.n == 0 ? STR("") : str_sub(authority, 0, end < 0 ? authority.n : (size_t)end);
}

bool host_is_ours(struct str host, const struct web *w, struct str *why_out)
{
	const struct conf_list *names = &w->conf->web_names;
	struct addr a;
	size_t i;

	*why_out = STR("this server does not answer to that name ([web] names)");
	if (host.n == 0)
		return false;
	if (addr_parse(host, &a) == 0 || str_ieqc(host, "localhost") || str_ieqc(host, conf_hostname(w->conf)))
		return true;
	for (i = 0; i < names->n; i++)
		if (str_ieq(host, names->v[i]))
			return true;
	return false;
}

bool origin_is_ours(struct str origin, struct str host_header)
{
	struct str rest = str_from(origin, 8);

	if (!str_istarts(origin, "https://") || rest.n == 0)
		return false;
	if (str_ieq(rest, host_header))
		return true;
	/* one of both may name the port of https */
	return (str_ends(rest, ":443") && str_ieq(str_sub(rest, 0, rest.n - 4), host_header)) ||
		(str_ends(host_header, ":443") &&
			str_ieq(str_sub(host_header, 0, host_header.n - 4), rest));
}
