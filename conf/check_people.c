/* SPDX-License-Identifier: ISC
 *
 * check_people.c: the checks of where people are kept: [auth] directory, [ldap], [pam], [oldserver].
 */
#include "conf/check.h"

#include "conf/oauth.h"
#include "conf/value.h"
#include "net/addr.h"
#include "net/dns.h"

#define LINE CONF_LINE

/* Each back end once, and one at least. */
static void check_directory(const struct conf *c, struct conf_report *r)
{
	static const char *const words[] = { "sqlite",
#ifdef WITH_LDAP
		"ldap",
#endif
#ifdef WITH_PGSQL
		"pgsql",
#endif
#ifdef WITH_PAM
		"pam",
#endif
	};
	const struct conf_list *l = &c->auth_directory;
	char shown[80], has[60] = "";
	size_t i, j;

	for (j = 0; j < ARRAY_LEN(words); j++)
		snprintf(has + strlen(has), sizeof(has) - strlen(has), "%s%s", j ? ", " : "", words[j]);
	if (l->n == 0)
		conf_error(r, LINE(r, auth, directory), "directory: must name one at least, like sqlite");
	for (i = 0; i < l->n; i++) {
		for (j = 0; j < ARRAY_LEN(words); j++)
			if (str_eqc(l->v[i], words[j]))
				break;
		if (j == ARRAY_LEN(words))
			conf_error(r, LINE(r, auth, directory), "directory: '%s' is none that this program has; it has %s",
				conf_shown(l->v[i], shown), has);
		if (str_eqc(l->v[i], "pgsql") && c->pgsql_hosts.n == 0)
			conf_error(r, LINE(r, pgsql, hosts), "hosts: none, but [auth] directory names pgsql");
		for (j = 0; j < i; j++)
			if (str_eq(l->v[i], l->v[j]))
				conf_error(r, LINE(r, auth, directory), "directory: '%s' stands there twice", conf_shown(l->v[i], shown));
	}
}

/* The outer form of a filter; what is inside, the server reads (RFC 4515). */
static bool is_filter(struct str s)
{
	size_t depth = 0, i;

	if (s.n < 3 || s.p[0] != '(' || s.p[s.n - 1] != ')' || !str_is_utf8(s) || str_has_ctl(s))
		return false;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && depth-- == 0)
			return false;
		if (depth == 0 && i + 1 < s.n)
			return false;
	}
	return depth == 0;
}

static bool is_name_template(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == '%' && (++i == s.n || !strchr("uda%", s.p[i])))
			return false;
	return true;
}

static void check_ldap_server(const struct conf *c, struct str s, struct conf_report *r)
{
	bool tls = str_istarts(s, "ldaps://"), local = str_istarts(s, "ldapi://");
	struct str host = str_from(s, str_find(s, '/') < 0 ? s.n : (size_t)str_find(s, '/') + 2);
	char shown[80];

	if ((!tls && !local && !str_istarts(s, "ldap://")) || host.n == 0 || str_find(host, '/') >= 0 || str_find(host, '?') >= 0)
		conf_error(r, LINE(r, ldap, servers), "servers: '%s' is not of the form ldap://HOST, ldaps://HOST or ldapi://PATH",
			conf_shown(s, shown));
	else if (!tls && !local && !c->ldap_start_tls && !str_istarts(host, "127.") && !str_istarts(host, "[::1]") && !str_istarts(host, "localhost"))
		conf_error(r, LINE(r, ldap, start_tls), "start_tls = no would send passwords to '%s' in clear", conf_shown(s, shown));
}

static void check_ldap(const struct conf *c, struct conf_report *r)
{
	size_t i;

	for (i = 0; i < c->ldap_servers.n; i++)
		check_ldap_server(c, c->ldap_servers.v[i], r);
	if (!is_filter(c->ldap_filter))
		conf_error(r, LINE(r, ldap, filter), "filter: is not one filter in brackets, like (objectClass=person)");
	if (!is_name_template(c->ldap_direct_bind))
		conf_error(r, LINE(r, ldap, direct_bind), "direct_bind: behind a %% stands u, d, a or %%");
	if (!conf_has_directory(c, "ldap"))
		return;
	if (c->ldap_servers.n == 0)
		conf_error(r, LINE(r, auth, directory), "directory: ldap needs [ldap] servers");
	if (c->ldap_base.n == 0)
		conf_error(r, LINE(r, auth, directory), "directory: ldap needs [ldap] base");
	if (c->ldap_bind_dn.n && c->ldap_bind_password_file.n == 0)
		conf_error(r, LINE(r, ldap, bind_dn), "bind_dn needs 'bind_password_file', the file with its password");
}

static bool is_plain(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '.'))
			return false;
	return dns_is_hostname(s);
}

static void check_pam(const struct conf *c, struct conf_report *r)
{
	char shown[80];
	size_t i;

	for (i = 0; i < c->pam_domains.n; i++)
		if (!is_plain(c->pam_domains.v[i]))
			conf_error(r, LINE(r, pam, domains), "domains: '%s' is not the name of a domain in small letters, like example.org",
				conf_shown(c->pam_domains.v[i], shown));
	if (c->pam_service.n == 0 || str_find(c->pam_service, '/') >= 0 || c->pam_service.p[0] == '.')
		conf_error(r, LINE(r, pam, service), "service: must be the name of a file in /etc/pam.d, without a path");
	if (c->pam_min_uid > c->pam_max_uid)
		conf_error(r, LINE(r, pam, max_uid), "max_uid is smaller than min_uid");
	if (conf_has_directory(c, "pam") && c->pam_domains.n == 0)
		conf_error(r, LINE(r, auth, directory), "directory: pam needs [pam] domains, in which the users of this system have mail");
}

static void check_oldserver(const struct conf *c, struct conf_report *r)
{
	char shown[80];
	int64_t day;
	size_t i;

	for (i = 0; i < c->oldserver_domains.n; i++)
		if (!is_plain(c->oldserver_domains.v[i]))
			conf_error(r, LINE(r, oldserver, domains), "domains: '%s' is not the name of a domain in small letters, like example.org",
				conf_shown(c->oldserver_domains.v[i], shown));
	if (!is_name_template(c->oldserver_user) || c->oldserver_user.n == 0)
		conf_error(r, LINE(r, oldserver, user), "user: behind a %% stands u, d, a or %%");
	if (c->oldserver_until.n && conf_date_parse(c->oldserver_until, &day, NULL) < 0)
		conf_error(r, LINE(r, oldserver, until), "until: '%s' is not a day, like 2027-03-01", conf_shown(c->oldserver_until, shown));
	if (c->oldserver_host.n && c->oldserver_domains.n == 0)
		conf_error(r, LINE(r, oldserver, host), "host: it is asked about nobody without 'domains'");
	if (c->oldserver_host.n && (str_find(c->oldserver_host, ':') >= 0 ? addr_parse(c->oldserver_host, &(struct addr){ 0 }) < 0 :
		!dns_is_hostname(c->oldserver_host)))
		conf_error(r, LINE(r, oldserver, host), "host: '%s' is neither a name nor an address", conf_shown(c->oldserver_host, shown));
}

void conf_check_people(const struct conf *c, struct conf_report *r)
{
	check_directory(c, r);
	check_ldap(c, r);
	check_pam(c, r);
	check_oldserver(c, r);
}

bool conf_idle(const struct conf *c, size_t n, struct conf_idle *out)
{
	const struct {
		bool idle;
		struct conf_idle it;
	} all[] = {
		{ c->ldap_servers.n > 0 && !conf_has_directory(c, "ldap"), { "ldap", "servers", "[auth] directory does not name ldap" } },
		{ c->pgsql_password_file.n > 0 && !conf_has_directory(c, "pgsql"), { "pgsql", "password_file", "[auth] directory does not name pgsql" } },
		{ c->pam_domains.n > 0 && !conf_has_directory(c, "pam"), { "pam", "domains", "[auth] directory does not name pam" } },
		{ c->oldserver_domains.n > 0 && c->oldserver_host.n == 0, { "oldserver", "domains", "[oldserver] host is not set" } },
		{ c->oauth_audience.n > 0 && !conf_oauth_on(c), { "oauth", "audience", "none of [oauth] issuer, jwks, jwks_file, introspect is set" } },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(all); i++) {
		if (!all[i].idle || n-- > 0)
			continue;
		*out = all[i].it;
		return true;
	}
	return false;
}
