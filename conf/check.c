/* SPDX-License-Identifier: ISC
 *
 * check.c: checks beside the ranges of keys.def: texts with a grammar of
 * their own, and settings that must fit one another. Called once, after all
 * lines were parsed; each mistake is reported at the line of its key.
 */
#include "conf/check.h"

#include <stdarg.h>

#include "conf/realm.h"
#include "conf/trust.h"
#include "conf/value.h"
#include "conf/sending.h"
#include "conf/warmup.h"
#include "net/addr.h"
#include "net/dns.h"

void conf_error(struct conf_report *r, unsigned line, const char *fmt, ...)
{
	va_list ap;

	r->count++;
	if (!r->errors)
		return;
	if (line)
		buf_fmt(r->errors, "%s:%u: ", r->file_name, line);
	else
		buf_fmt(r->errors, "%s: ", r->file_name);
	va_start(ap, fmt);
	buf_vfmt(r->errors, fmt, ap);
	va_end(ap);
	buf_c(r->errors, '\n');
}

const char *conf_shown(struct str s, char out[80])
{
	size_t i, n = MIN(s.n, (size_t)70);

	for (i = 0; i < n; i++)
		out[i] = s.p[i] < ' ' || s.p[i] > '~' ? '?' : s.p[i];
	snprintf(out + n, 80 - n, "%s", s.n > n ? "..." : "");
	return out;
}

#define LINE CONF_LINE
unsigned conf_line(const struct conf_report *r, size_t offset)
{
	size_t i;

	for (i = 0; i < conf_nkeys; i++)
		if (conf_keys[i].offset == offset)
			return r->line[i];
	return 0;
}

static void check_listen(const struct conf *c, struct conf_report *r)
{
	struct addr seen[512], a;
	const char *by[ARRAY_LEN(seen)];
	size_t i, k, j, n = 0;
	char shown[80];

	for (k = 0; k < conf_nkeys; k++) {
		const struct conf_list *l = (const void *)((const char *)c + conf_keys[k].offset);

		if (!str_eqc(str_of(conf_keys[k].section), "listen"))
			continue;
		for (i = 0; i < l->n; i++) {
			if (addr_parse_hostport(l->v[i], &a) < 0 || a.port == 0) {
				conf_error(r, r->line[k], "%s: '%s' is not an address and port, like 0.0.0.0:25 or [::1]:25",
					conf_keys[k].name, conf_shown(l->v[i], shown));
				continue;
			}
			for (j = 0; j < n; j++)
				if (addr_eq(&seen[j], &a) && seen[j].port == a.port)
					break;
			if (j < n)
				conf_error(r, r->line[k], "%s: %s is taken by '%s' of this section already",
					conf_keys[k].name, conf_shown(l->v[i], shown), by[j]);
			else if (n == ARRAY_LEN(seen))
				conf_error(r, r->line[k], "%s: more than %zu addresses in this section",
					conf_keys[k].name, ARRAY_LEN(seen));
			else {
				seen[n] = a;
				by[n++] = conf_keys[k].name;
			}
		}
	}
}

static bool hostname_good(struct str s)
{
	size_t i, label = 0;

	if (s.n > 255)
		return false;
	for (i = 0; i < s.n; i++) {
		char ch = ascii_lower(s.p[i]);
		bool alnum = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');

		if (ch == '.') {
			if (label == 0 || s.p[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if ((!alnum && (ch != '-' || label == 0)) || ++label > 63)
			return false;
	}
	return s.n == 0 || (label > 0 && s.p[s.n - 1] != '-');
}

static void check_server(const struct conf *c, struct conf_report *r)
{
	struct addr_net net;
	char shown[80];
	size_t i;

	if (!hostname_good(c->server_hostname))
		conf_error(r, LINE(r, server, hostname), "hostname: '%s' is not a host name",
			conf_shown(c->server_hostname, shown));
	if (c->server_state.n == 0)
		conf_error(r, LINE(r, server, state), "state: must name a folder");
	for (i = 0; i < c->server_proxy_from.n; i++)
		if (addr_net_parse(c->server_proxy_from.v[i], &net) < 0)
			conf_error(r, LINE(r, server, proxy_from), "proxy_from: '%s' is not a network, like 10.0.0.0/8 or ::1",
				conf_shown(c->server_proxy_from.v[i], shown));
}

#define NEVER_MAX 64

static void check_ban(const struct conf *c, struct conf_report *r)
{
	struct addr_net net;
	char shown[80];
	size_t i;

	for (i = 0; i < c->ban_never.n; i++)
		if (addr_net_parse(c->ban_never.v[i], &net) < 0)
			conf_error(r, LINE(r, ban, never), "never: '%s' is not a network, like 192.0.2.0/24 or ::1",
				conf_shown(c->ban_never.v[i], shown));
	if (c->ban_never.n > NEVER_MAX)
		conf_error(r, LINE(r, ban, never), "never: at most %d networks", NEVER_MAX);
}

static void check_tls(const struct conf *c, struct conf_report *r)
{
	if (c->tls_keys.n != c->tls_certificates.n)
		conf_error(r, LINE(r, tls, keys), "[tls] has %zu certificates, but %zu keys: one key for each certificate, in the same order",
			c->tls_certificates.n, c->tls_keys.n);
}

#define RELAY_BITS_4 8
#define RELAY_BITS_6 16

/* No network so large that strangers are in it: that would be an open relay. */
static void check_relay(const struct conf *c, struct conf_report *r)
{
	struct addr_net net;
	char shown[80];
	size_t i;

	for (i = 0; i < c->smtp_relay_networks.n; i++) {
		const char *text = conf_shown(c->smtp_relay_networks.v[i], shown);

		if (addr_net_parse(c->smtp_relay_networks.v[i], &net) < 0)
			conf_error(r, LINE(r, smtp, relay_networks), "relay_networks: '%s' is not a network, like 192.0.2.0/24 or ::1", text);
		else if (net.bits < (net.net.family == 4 ? RELAY_BITS_4 : RELAY_BITS_6))
			conf_error(r, LINE(r, smtp, relay_networks), "relay_networks: '%s' is so large that this server would be an open relay: at least /%d",
				text, net.net.family == 4 ? RELAY_BITS_4 : RELAY_BITS_6);
	}
}

static void check_certificates(const struct conf *c, struct conf_report *r)
{
	char shown[80], hex[FINGERPRINT_HEX + 1];
	struct trust_etrn e;
	size_t i;

	for (i = 0; i < c->smtp_relay_certificates.n; i++)
		if (fingerprint_parse(c->smtp_relay_certificates.v[i], hex) < 0)
			conf_error(r, LINE(r, smtp, relay_certificates), "relay_certificates: '%s' is not the SHA-256 of a certificate or of its public key: 64 hexadecimal digits, as 'openssl x509 -noout -fingerprint -sha256' prints them",
				conf_shown(c->smtp_relay_certificates.v[i], shown));
	for (i = 0; i < c->smtp_etrn.n; i++) {
		if (trust_etrn_parse(c->smtp_etrn.v[i], &e) < 0)
			conf_error(r, LINE(r, smtp, etrn), "etrn: '%s' is not DOMAIN=NETWORK or DOMAIN=FINGERPRINT, like example.net=192.0.2.7",
				conf_shown(c->smtp_etrn.v[i], shown));
		else if (e.fingerprint[0] && !trust_asks(c, false))
			conf_error(r, LINE(r, smtp, etrn), "etrn: nobody is asked for a certificate like that of '%s': set ask_certificate = smtp",
				conf_shown(e.domain, shown));
	}
}

static void check_networks(const struct conf_list *l, const char *name, int line, struct conf_report *r)
{
	struct addr_net net;
	char shown[80];
	size_t i;

	for (i = 0; i < l->n; i++)
		if (addr_net_parse(l->v[i], &net) < 0)
			conf_error(r, line, "%s: '%s' is not a network, like 192.0.2.0/24 or ::1", name, conf_shown(l->v[i], shown));
}

/* "NAME: PATTERN PATTERN": see smtp/send/limit.h */
static bool provider_good(struct str rule)
{
	struct str name = str_trim(str_cut(&rule, ':')), pattern;
	size_t n = 0;

	if (!rule.p || !hostname_good(name) || name.n == 0)
		return false;
	for (; (rule = str_trim(rule)).n > 0; n++) {
		pattern = str_cut(&rule, ' ');
		if (str_starts(pattern, "*."))
			pattern = str_from(pattern, 2);
		if (pattern.n == 0 || !hostname_good(pattern))
			return false;
	}
	return n > 0;
}

static void check_send(const struct conf *c, struct conf_report *r)
{
	char shown[80];
	struct addr a;
	struct sending_limits limits = { 0 };
	struct str host;
	uint16_t port;
	int64_t day;
	bool literal;
	size_t i;

	if (c->send_smarthost.n && addr_split_hostport(c->send_smarthost, &host, &port, &literal) < 0)
		conf_error(r, LINE(r, send, smarthost), "smarthost: '%s' is not a host and port, like mail.example.net:587 or [2001:db8::1]:465",
			conf_shown(c->send_smarthost, shown));
	/* the file alone is harmless, so that the two can be set one after the other */
	if (c->send_smarthost_user.n && c->send_smarthost_password_file.n == 0)
		conf_error(r, LINE(r, send, smarthost_user), "smarthost_user needs 'smarthost_password_file', the file with its password");
	for (i = 0; i < c->send_warmup.n; i++)
		if (warmup_parse(c->send_warmup.v[i], &a, &day) < 0)
			conf_error(r, LINE(r, send, warmup), "warmup: '%s' is not an address and a day, like 192.0.2.7 2026-11-22",
				conf_shown(c->send_warmup.v[i], shown));
	for (i = 0; i < c->send_account_limits.n; i++)
		if (sending_parse(c->send_account_limits.v[i], &host, &limits) < 0)
			conf_error(r, LINE(r, send, account_limits), "account_limits: '%s' is not an address or a domain and its limits, like news@example.org none"
				" or example.org messages_hour=500 new_day=1000", conf_shown(c->send_account_limits.v[i], shown));
	for (i = 0; i < c->send_providers.n; i++)
		if (!provider_good(c->send_providers.v[i]))
			conf_error(r, LINE(r, send, providers), "providers: '%s' is not a name and its servers, like bigmail: mx.bigmail.example *.other.example",
				conf_shown(c->send_providers.v[i], shown));
	if (str_has_ctl(c->send_smarthost_user))
		conf_error(r, LINE(r, send, smarthost_user), "smarthost_user: has control characters");
}

/* What resolverd takes: see net/recursor.h. */
static void check_dns(const struct conf *c, struct conf_report *r)
{
	struct str zone, rest;
	char shown[80];
	struct addr a;
	size_t i;

	for (i = 0; i < c->dns_servers.n; i++)
		if (!str_eqc(c->dns_servers.v[i], "system") && addr_parse_server(c->dns_servers.v[i], 53, &a) < 0)
			conf_error(r, LINE(r, dns, servers), "servers: '%s' is not an address, like 192.0.2.53 or [2001:db8::53]:53, nor 'system'",
				conf_shown(c->dns_servers.v[i], shown));
	for (i = 0; i < c->dns_zones.n; i++) {
		rest = c->dns_zones.v[i];
		zone = str_cut(&rest, '=');
		if (!rest.p || !zone.n || !hostname_good(zone) || addr_parse_server(rest, 53, &a) < 0)
			conf_error(r, LINE(r, dns, zones), "zones: '%s' is not a zone and an address, like corp.example=10.0.0.53",
				conf_shown(c->dns_zones.v[i], shown));
	}
}

static void check_backup(const struct conf *c, struct conf_report *r)
{
	uint64_t n;

	if (c->backup_at.n && (c->backup_at.n != 5 || c->backup_at.p[2] != ':' ||
		str_u64(str_sub(c->backup_at, 0, 2), 23, &n) < 0 || str_u64(str_sub(c->backup_at, 3, 5), 59, &n) < 0))
		conf_error(r, LINE(r, backup, at), "at: must be a time of day like 02:30");
}

static void check_acme(const struct conf *c, struct conf_report *r)
{
	char shown[80];
	size_t i;

	for (i = 0; i < c->acme_names.n; i++) {
		struct str name = c->acme_names.v[i];

		if (str_starts(name, "*."))
			name = str_from(name, 2);
		if (name.n == 0 || !hostname_good(name) || str_find(name, '.') < 0)
			conf_error(r, LINE(r, acme, names), "names: '%s' is not a name that an authority certifies, like mail.example.org",
				conf_shown(c->acme_names.v[i], shown));
		else if (name.n != c->acme_names.v[i].n && c->acme_challenge != CONF_ACME_DNS)
			conf_error(r, LINE(r, acme, names), "names: '%s' needs challenge = dns-01", conf_shown(c->acme_names.v[i], shown));
	}
	if (c->acme_names.n > CONF_ACME_NAMES)
		conf_error(r, LINE(r, acme, names), "names: more than %d", CONF_ACME_NAMES);
	if (!str_starts(c->acme_directory, "https://"))
		conf_error(r, LINE(r, acme, directory), "directory: must begin with https://");
	if (c->acme_enabled && c->acme_challenge == CONF_ACME_DNS && c->acme_hook.n == 0)
		conf_error(r, LINE(r, acme, challenge), "challenge = dns-01 needs 'hook', the program that publishes the record");
	if (c->acme_hook.n && c->acme_hook.p[0] != '/')
		conf_error(r, LINE(r, acme, hook), "hook: must be a whole path, from / on");
	if (!c->acme_eab_kid.n != !c->acme_eab_key_file.n)
		conf_error(r, LINE(r, acme, eab_kid), "eab_kid and eab_key_file need each other");
	if (c->acme_retry > c->acme_retry_max)
		conf_error(r, LINE(r, acme, retry_max), "retry_max is shorter than retry");
}

static void check_sts(const struct conf *c, struct conf_report *r)
{
	char shown[80];
	size_t i;

	for (i = 0; i < c->sts_publish_mx.n; i++) {
		struct str name = c->sts_publish_mx.v[i];

		if (str_starts(name, "*."))
			name = str_from(name, 2);
		if (name.n == 0 || !hostname_good(name) || str_find(name, '.') < 0)
			conf_error(r, LINE(r, sts, publish_mx), "publish_mx: '%s' is not a host like mx2.example.net, nor *.example.net",
				conf_shown(c->sts_publish_mx.v[i], shown));
	}
}

/* Who is told of mail must be told in secret, or on this machine. */
static void check_webhook(const struct conf *c, struct conf_report *r)
{
	static const char *const known[] = { "delivered", "deferred", "bounced", "expired", "removed", "complaint" };
	struct str url = c->webhook_url, rest, host;
	char shown[80];
	uint16_t port;
	bool literal;
	size_t i, k;

	if (url.n > 0) {
		bool tls = str_starts(url, "https://"), clear = str_starts(url, "http://");

		rest = str_from(url, tls ? 8 : 7);
		rest = str_sub(rest, 0, strcspn(rest.p, "/?"));
		if ((!tls && !clear) || str_find(rest, '@') >= 0 || str_has_ctl(url) || str_find(url, ' ') >= 0 || url.n > 2000 ||
		    addr_split_hostport(rest, &host, &port, &literal) < 0 || host.n == 0)
			conf_error(r, LINE(r, webhook, url), "url: must be like https://hooks.example.org/mail, without name and password");
		else if (clear && !str_eqc(host, "localhost") && !str_starts(host, "127.") && !str_eqc(host, "::1"))
			conf_error(r, LINE(r, webhook, url), "url: http:// is for this machine itself alone");
	}
	for (i = 0; i < c->webhook_events.n; i++) {
		for (k = 0; k < ARRAY_LEN(known) && !str_eqc(c->webhook_events.v[i], known[k]); k++)
			;
		if (k == ARRAY_LEN(known))
			conf_error(r, LINE(r, webhook, events), "events: '%s' is none of delivered, deferred, bounced, expired, complaint",
				conf_shown(c->webhook_events.v[i], shown));
	}
	if (c->webhook_retry > c->webhook_retry_max)
		conf_error(r, LINE(r, webhook, retry_max), "retry_max is shorter than retry");
}

void conf_check_words(struct conf_report *r, unsigned line, const char *name, const struct conf_list *l,
	const char *const *known, size_t nknown)
{
	char shown[80];
	size_t i, k;

	for (i = 0; i < l->n; i++) {
		for (k = 0; k < nknown && !str_eqc(l->v[i], known[k]); k++)
			;
		if (k == nknown)
			conf_error(r, line, "%s: '%s' is not known here", name, conf_shown(l->v[i], shown));
	}
}

static void check_auth(const struct conf *c, struct conf_report *r)
{
	static const char *const known[] = { "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "LOGIN",
		"OAUTHBEARER", "XOAUTH2", "CRAM-MD5", "APOP", "EXTERNAL", "GSSAPI", "GS2-KRB5" };

	conf_check_words(r, LINE(r, auth, mechanisms), "mechanisms", &c->auth_mechanisms, known, ARRAY_LEN(known));
	conf_check_words(r, LINE(r, auth, scram_keys), "scram_keys", &c->auth_scram_keys, known, 3);
	if (c->auth_mechanisms.n == 0)
		conf_error(r, LINE(r, auth, mechanisms), "mechanisms: without one nobody can log in");
	if (c->auth_client_crl.n > 0 && c->auth_client_ca.n == 0)
		conf_error(r, LINE(r, auth, client_crl), "client_crl: without client_ca there is nothing to revoke");
}

static void check_kerberos(const struct conf *c, struct conf_report *r)
{
	struct kerberos_realm realm;
	char shown[80];
	size_t i;

	if (c->kerberos_keytab.n > 0 && c->kerberos_realms.n == 0)
		conf_error(r, LINE(r, kerberos, realms), "realms: none, but [kerberos] keytab is set: whose tickets count?");
	for (i = 0; i < c->kerberos_realms.n; i++)
		if (kerberos_realm_parse(c->kerberos_realms.v[i], &realm) < 0)
			conf_error(r, LINE(r, kerberos, realms), "realms: '%s' is not REALM or REALM=domain", conf_shown(c->kerberos_realms.v[i], shown));
}

static void check_queue(const struct conf *c, struct conf_report *r)
{
	char shown[80];
	int64_t ms;
	size_t i;

	if (c->queue_retry.n == 0 || c->queue_retry.n > CONF_RETRY_MAX)
		conf_error(r, LINE(r, queue, retry), "retry: must have 1 to %d waits, like 1m, 5m, 1h", CONF_RETRY_MAX);
	for (i = 0; i < c->queue_retry.n; i++)
		if (conf_time_parse(c->queue_retry.v[i], &ms) < 0 || ms < 1000 || ms > CONF_RETRY_LONGEST_MS)
			conf_error(r, LINE(r, queue, retry), "retry: '%s' is not a time from 1s to 7d, like 5m",
				conf_shown(c->queue_retry.v[i], shown));
	if (c->queue_share_alone < c->queue_share)
		conf_error(r, LINE(r, queue, share_alone), "share_alone is less than share");
}

static void check_tlsrpt(const struct conf *c, struct conf_report *r)
{
	struct str domain = c->tlsrpt_from, local = str_cut(&domain, '@');

	if (c->tlsrpt_from.n && (!local.n || !dns_is_hostname(domain) || str_has_ctl(local) || !str_is_ascii(local) || strcspn(local.p, " <>\",;:()\\") < local.n))
		conf_error(r, LINE(r, tlsrpt, from), "from: must be an address here, like tls-reports@example.org");
	if (c->tlsrpt_send && !c->tlsrpt_from.n)
		conf_error(r, LINE(r, tlsrpt, send), "send = yes needs 'from', the address that reports come from");
	if (!str_is_utf8(c->tlsrpt_organisation) || str_has_ctl(c->tlsrpt_organisation) || c->tlsrpt_organisation.n > 200)
		conf_error(r, LINE(r, tlsrpt, organisation), "organisation: a name of at most 200 bytes");
	if (c->tlsrpt_retry > c->tlsrpt_retry_max)
		conf_error(r, LINE(r, tlsrpt, retry_max), "retry_max is shorter than retry");
}

static void check_rest(const struct conf *c, struct conf_report *r)
{
	static const char good[] = "+-_=#~!$&*";

	if (c->log_to == CONF_LOG_FILE && c->log_file.n == 0)
		conf_error(r, LINE(r, log, to), "to = file needs 'file', the name of the log file");
	if (c->auth_detail_separator.n > 1 ||
	    (c->auth_detail_separator.n == 1 && !memchr(good, c->auth_detail_separator.p[0], sizeof(good) - 1)))
		conf_error(r, LINE(r, auth, detail_separator), "detail_separator: must be one of %s, or empty", good);
	if (c->auth_failure_delay > c->auth_failure_delay_max)
		conf_error(r, LINE(r, auth, failure_delay_max), "failure_delay_max is shorter than failure_delay");
}

void conf_check(const struct conf *c, struct conf_report *r)
{
	check_server(c, r);
	conf_check_people(c, r);
	check_listen(c, r);
	check_tls(c, r);
	check_ban(c, r);
	check_send(c, r);
	check_relay(c, r);
	check_certificates(c, r);
	check_networks(&c->reports_feedback_networks, "feedback_networks", LINE(r, reports, feedback_networks), r);
	check_networks(&c->sts_inside_networks, "inside_networks", LINE(r, sts, inside_networks), r);
	check_dns(c, r);
	check_queue(c, r);
	check_backup(c, r);
	check_auth(c, r);
	conf_check_oauth(c, r);
	check_kerberos(c, r);
	check_webhook(c, r);
	check_tlsrpt(c, r);
	check_acme(c, r);
	check_sts(c, r);
	check_rest(c, r);
}
