/* SPDX-License-Identifier: ISC
 *
 * host.c: can this host do its work? (`mansio host check`) One row for each thing that keeps mail
 * away from new servers.
 *
 * A fact that only root can learn (which ports are taken) comes as a field `port` of the question,
 * from the command, if the suite does not run; while it runs its ports are its own.
 */
#include "check/check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <unistd.h>

#define SMTP_PORT 25
#define CONNECT_MS 6000
#define GREETING 256
#define OFFLINE_MS 500

static void row(struct check *k, const char *check, enum check_state state, const char *fix, const char *fmt, ...) PRINTF(5, 6);
static void row(struct check *k, const char *check, enum check_state state, const char *fix, const char *fmt, ...)
{
	struct ipc_msg m;
	struct buf b;
	va_list ap;

	buf_init(&b, 2000);
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	b.err = 0;
	ipc_init(&m, "result");
	ipc_setc(&m, "check", check);
	ipc_setc(&m, "state", check_state_name(state));
	ipc_set(&m, "words", buf_view(&b));
	ipc_setc(&m, "fix", state == CHECK_OK ? "" : fix);
	check_row(k, &m);
	buf_done(&b);
}

/* --- name --------------------------------------------------------------------------- */

static bool is_own(const struct check *k, const struct addr *a)
{
	size_t i;

	for (i = 0; i < k->f->naddrs; i++)
		if (addr_eq(&k->f->addr[i], a))
			return true;
	return false;
}

static bool has_public(const struct check *k)
{
	size_t i;

	for (i = 0; i < k->f->naddrs; i++)
		if (addr_is_public(&k->f->addr[i]))
			return true;
	return false;
}

/* The public addresses to look at: its own, or those of its name. */
static size_t public_addresses(struct check *k, const struct dns_answer *v4, const struct dns_answer *v6, struct addr *out, size_t cap)
{
	const struct dns_answer *x[] = { v4, v6 };
	size_t i, j, n = 0;

	for (i = 0; i < k->f->naddrs && n < cap; i++)
		if (addr_is_public(&k->f->addr[i]))
			out[n++] = k->f->addr[i];
	for (j = 0; j < ARRAY_LEN(x) && !has_public(k); j++)
		for (i = 0; i < x[j]->n && n < cap; i++)
			if (addr_is_public(&x[j]->record[i].addr))
				out[n++] = x[j]->record[i].addr;
	return n;
}

static bool answered(const struct dns_answer *x)
{
	return x->state == DNS_OK || x->state == DNS_NODATA || x->state == DNS_NXDOMAIN;
}

static void check_name(struct check *k, const struct dns_answer *v4, const struct dns_answer *v6)
{
	const char *host = k->f->host;
	size_t i, own = 0;

	for (i = 0; i < v4->n; i++)
		own += is_own(k, &v4->record[i].addr);
	for (i = 0; i < v6->n; i++)
		own += is_own(k, &v6->record[i].addr);
	if (!dns_is_hostname(str_of(host)) || !strchr(host, '.'))
		row(k, "name", CHECK_FAIL, "Give this host a full name, like mail.example.org: mansio config set server.hostname mail.example.org",
			"The host name '%s' is not one that others can look up.", host);
	else if (!answered(v4) || !answered(v6))
		row(k, "name", CHECK_UNKNOWN, "Check this host's way to the Internet; then try again.", "%s could not be looked up: %s.", host,
			dns_state_text(answered(v4) ? v6->state : v4->state));
	else if (!v4->n && !v6->n)
		row(k, "name", CHECK_FAIL, "Publish its address; 'mansio domain dns' prints the record.", "%s has no address in the DNS.", host);
	else if (!own && has_public(k))
		row(k, "name", CHECK_FAIL, "Change its A and AAAA records, or the setting server.hostname.", "%s is another host's name: its addresses are not here.", host);
	else if (!own)
		row(k, "name", CHECK_WARN, "Make sure that the router passes the ports of [listen] on to this host.",
			"%s has a public address; this host itself has private ones only.", host);
	else
		row(k, "name", CHECK_OK, "", "%s leads to this host.", host);
}

/* Forward-confirmed: address -> name -> the same address (here: the name is ours, and check_name looked at it). */
static void check_ptr(struct check *k, const struct addr *a, size_t n)
{
	char text[ADDR_TEXT];
	const char *fix = arena_fmt(&k->a, "At the provider who gave you the address, set its reverse name (PTR) to %s", k->f->host);
	struct dns_answer x;
	struct buf name;
	size_t i;

	if (n == 0)
		row(k, "ptr", CHECK_UNKNOWN, "First give the host a public address, or its name in the DNS.", "No public address is known, so none has a name.");
	for (i = 0; i < n; i++) {
		addr_text(&a[i], text);
		buf_init(&name, 256);
		dns_reverse(&a[i], &name);
		resolver_ask(k->resolver, &k->a, arena_cstr(&k->a, buf_view(&name)), DNS_PTR, check_wait(k), &x);
		buf_done(&name);
		if (!answered(&x))
			row(k, "ptr", CHECK_UNKNOWN, "Check this host's way to the Internet; then try again.", "The name of %s could not be looked up: %s.", text,
				dns_state_text(x.state));
		else if (!x.n)
			row(k, "ptr", CHECK_FAIL, fix, "%s has no name: large providers refuse mail from it.", text);
		else if (!str_ieqc(x.record[0].name, k->f->host))
			row(k, "ptr", CHECK_FAIL, fix, "%s bears the name %s, not %s.", text, x.record[0].name.p, k->f->host);
		else
			row(k, "ptr", CHECK_OK, "", "%s bears the name of this host.", text);
	}
}

/* --- port 25 out ------------------------------------------------------------------------- */

/* A greeting's code: 0 none came; negative: no connection. */
static int greeting(const struct addr *a, int64_t wait_ms)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, &ss), size = sizeof(int);
	deadline until = deadline_in(wait_ms);
	struct pollfd p = { socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), POLLOUT, 0 };
	char text[GREETING];
	int err = 0, code = -1;
	ssize_t n = 0;

	if (p.fd < 0)
		return -1;
	if ((connect(p.fd, (struct sockaddr *)&ss, len) == 0 || errno == EINPROGRESS) && poll(&p, 1, deadline_left(until)) == 1 &&
		getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &err, &size) == 0 && err == 0) {
		p.events = POLLIN;
		code = 0;
		if (poll(&p, 1, deadline_left(until)) == 1)
			n = recv(p.fd, text, sizeof text, 0);
		if (n > 3 && text[0] >= '2' && text[0] <= '5' && text[1] >= '0' && text[1] <= '9')
			code = (text[0] - '0') * 100 + 1;
		if (code && send(p.fd, "QUIT\r\n", 6, MSG_NOSIGNAL) < 0)
			code = 0;
	}
	close(p.fd);
	return code;
}

static void check_port25(struct check *k)
{
	const struct conf_list *hosts = &k->f->conf->check_port25_hosts;
	struct resolver_addresses at;
	size_t i, named = 0, mute = 0;
	struct str host;
	uint16_t port;
	bool literal;
	int code;

	for (i = 0; i < hosts->n && check_wait(k) > 1; i++) {
		if (addr_split_hostport(hosts->v[i], &host, &port, &literal))
			continue;
		resolver_address(k->resolver, arena_cstr(&k->a, host), check_wait(k), &at);
		if (!at.n)
			continue;
		named++;
		at.addr[0].port = port ? port : SMTP_PORT;
		code = greeting(&at.addr[0], MIN((int64_t)CONNECT_MS, check_wait(k)));
		if (code > 0) {
			row(k, "port25", CHECK_OK, "", "%.*s answers: mail can leave this host.", STRF(host));
			return;
		}
		mute += code == 0;
	}
	if (hosts->n == 0)
		row(k, "port25", CHECK_UNKNOWN, "mansio config set check.port25_hosts HOST", "No host is set to be tried.");
	else if (named == 0)
		row(k, "port25", CHECK_UNKNOWN, "Check this host's way to the Internet and the resolver; or set check.port25_hosts to a server that is reachable.",
			"None of the servers to be tried could be looked up.");
	else if (mute)
		row(k, "port25", CHECK_WARN, "Something in between (a firewall, a 'mail protection') takes the connections: ask the provider.",
			"Connections to port 25 outside open, but no mail server speaks there.");
	else
		row(k, "port25", CHECK_FAIL, "Many providers open port 25 on request: ask yours. Until then send by a smarthost: mansio config set send.smarthost HOST:587",
			"No mail server outside can be reached on port 25: mail cannot leave this host by itself.");
}

/* --- ports, clock, resolver ------------------------------------------------------------------ */

/* Fields "smtp 0.0.0.0:25 free|denied|taken WHO" if the suite does not run. */
static void check_ports(struct check *k)
{
	struct str field, service, where, state;
	size_t i, bad = 0, denied = 0;

	for (i = 0; (field = ipc_get_nth(k->m, "port", i)).p; i++) {
		service = str_cut(&field, ' ');
		where = str_cut(&field, ' ');
		state = str_cut(&field, ' ');
		denied += str_eqc(state, "denied");
		if (!str_eqc(state, "taken"))
			continue;
		bad++;
		row(k, "ports", CHECK_FAIL, "Stop that program for good (systemctl disable --now ...), or change [listen] of the settings.",
			"%.*s: the port of %.*s is taken%s%.*s.", STRF(where), STRF(service), field.n ? " by " : "", STRF(field));
	}
	if (denied)
		row(k, "ports", CHECK_UNKNOWN, "Run it as root.", "Whether the ports are free only root can find out.");
	else if (i == 0)
		row(k, "ports", CHECK_OK, "", "Mansio runs, and has its ports.");
	else if (!bad)
		row(k, "ports", CHECK_OK, "", "The ports of [listen] are free.");
}

static void check_clock(struct check *k)
{
	struct timex t = { .modes = 0 };
	int r = adjtimex(&t);

	if (r < 0)
		row(k, "clock", CHECK_UNKNOWN, "", "The kernel does not say whether the clock is kept.");
	else if (r == TIME_ERROR || (t.status & STA_UNSYNC))
		row(k, "clock", CHECK_WARN, "Install a time service: apt install chrony (or systemd-timesyncd). A virtual machine may get its time from its host; then this is no matter.",
			"No time service keeps this host's clock; a wrong clock breaks certificates, DNSSEC and logs.");
	else
		row(k, "clock", CHECK_OK, "", "A time service keeps the clock.");
}

static void check_resolver(struct check *k, const struct dns_answer *asked)
{
	struct dns_answer root = *asked, signed_name, bogus;

	if (root.state != DNS_OK) {
		row(k, "resolver", root.state == DNS_TIMEOUT || root.state == DNS_SERVFAIL ? CHECK_FAIL : CHECK_UNKNOWN,
			"If a firewall keeps DNS (port 53, UDP and TCP) from this host, use the provider's name servers: mansio config set dns.servers system",
			"The DNS cannot be asked: %s.", dns_state_text(root.state));
		row(k, "dnssec", CHECK_UNKNOWN, "First make the resolver work.", "Without the DNS there is no DNSSEC.");
		return;
	}
	row(k, "resolver", CHECK_OK, "", "The DNS answers.");
	resolver_ask(k->resolver, &k->a, "org", DNS_NS, check_wait(k), &signed_name);
	resolver_ask(k->resolver, &k->a, "dnssec-failed.org", DNS_A, check_wait(k), &bogus);
	if (root.secure && bogus.state == DNS_OK)
		row(k, "dnssec", CHECK_WARN, "Take 'none' out of dns.trust_anchor.", "A name that is known to be forged was taken for good.");
	else if (root.secure || signed_name.secure)
		row(k, "dnssec", CHECK_OK, "", "Signed answers are checked.");
	else
		row(k, "dnssec", CHECK_WARN, "If dns.servers names servers, they may take the signatures out: leave it empty, or name others. If dns.trust_anchor is none, take that out.",
			"Answers are not proven: signatures do not arrive, or are not checked.");
}

/* --- blocklists (RFC 5782) -------------------------------------------------------------------------- */

enum listed { LISTED_NO, LISTED_YES, LISTED_UNKNOWN, LISTED_MAD };

static bool is_loopback_answer(const struct dns_answer *x)
{
	size_t i;

	/* 127.255.255.x: "you ask through a public resolver", not a listing */
	for (i = 0; i < x->n; i++)
		if (x->record[i].addr.ip[0] == 127 && x->record[i].addr.ip[1] != 255)
			return true;
	return false;
}

static const char *list_name(struct check *k, const struct addr *a, struct str list)
{
	struct buf b;
	const char *name;

	buf_init(&b, 512);
	dns_reverse(a, &b);
	buf_cut(&b, b.n - strlen(a->family == 4 ? "in-addr.arpa" : "ip6.arpa"));
	buf_str(&b, list);
	name = arena_cstr(&k->a, buf_view(&b));
	buf_done(&b);
	return name;
}

/* 127.0.0.2 is on every list that works, and 127.0.0.1 on none (RFC 5782 5). */
static enum listed ask_list(struct check *k, const struct addr *a, struct str list)
{
	struct addr yes, no;
	struct resolver_question q[3];

	addr_parse(STR("127.0.0.2"), &yes);
	addr_parse(STR("127.0.0.1"), &no);
	q[0] = (struct resolver_question){ .name = list_name(k, &yes, list), .type = DNS_A };
	q[1] = (struct resolver_question){ .name = list_name(k, &no, list), .type = DNS_A };
	q[2] = (struct resolver_question){ .name = list_name(k, a, list), .type = DNS_A };
	resolver_ask_all(k->resolver, &k->a, q, 3, check_wait(k));
	if (!answered(&q[0].answer) || !answered(&q[2].answer))
		return LISTED_UNKNOWN;
	if (!is_loopback_answer(&q[0].answer) || is_loopback_answer(&q[1].answer))
		return LISTED_MAD;
	return is_loopback_answer(&q[2].answer) ? LISTED_YES : LISTED_NO;
}

static void check_blocklists(struct check *k, const struct addr *a, size_t n)
{
	const struct conf_list *lists = &k->f->conf->check_blocklists;
	size_t i, j, good = 0, bad = 0;
	char text[ADDR_TEXT];

	for (j = 0; j < lists->n; j++)
		for (i = 0; i < n; i++) {
			enum listed r = ask_list(k, &a[i], lists->v[j]);

			good += r == LISTED_NO;
			if (r != LISTED_YES)
				continue;
			bad++;
			row(k, "blocklists", CHECK_FAIL, arena_fmt(&k->a, "Look the address up on the web page of %.*s: it says why, and how to get off.",
				STRF(lists->v[j])), "%s is on the blocklist %.*s: many refuse its mail.", addr_text(&a[i], text), STRF(lists->v[j]));
		}
	if (bad == 0 && good > 0)
		row(k, "blocklists", CHECK_OK, "", "This host is on none of the lists that answered.");
	else if (bad == 0)
		row(k, "blocklists", CHECK_UNKNOWN, n ? "Lists do not answer to public resolvers: leave dns.servers empty, so that Mansio asks by itself." :
			"First give the host a public address, or its name in the DNS.", n ? "No blocklist gave a usable answer." : "No public address is known.");
}

/* --- the domain's mail today, room ------------------------------------------------------------------- */

static void check_present_mx(struct check *k, const char *domain)
{
	struct dns_answer x;

	if (!domain || !domain[0])
		return;
	resolver_ask(k->resolver, &k->a, domain, DNS_MX, check_wait(k), &x);
	if (!answered(&x))
		row(k, "mx", CHECK_UNKNOWN, "Check this host's way to the Internet; then try again.", "Where mail for %s goes could not be looked up: %s.", domain,
			dns_state_text(x.state));
	else if (x.state == DNS_NXDOMAIN)
		row(k, "mx", CHECK_FAIL, "Register it, or check its spelling.", "The domain %s does not exist.", domain);
	else if (!x.n)
		row(k, "mx", CHECK_WARN, arena_fmt(&k->a, "'mansio domain dns %s' prints the record.", domain), "%s has no MX yet.", domain);
	else if (str_ieqc(x.record[0].name, k->f->host))
		row(k, "mx", CHECK_OK, "", "Mail for %s comes to this host.", domain);
	else
		row(k, "mx", CHECK_WARN, "Import the old mail first ('mansio help import'), then change the MX.", "Mail for %s goes to %s today.", domain,
			x.record[0].name.p);
}

static void check_room(struct check *k)
{
	const struct conf *c = k->f->conf;
	struct statfs fs;
	struct sysinfo s;
	uint64_t bytes;

	if (k->f->state < 0 || fstatfs(k->f->state, &fs) < 0) {
		row(k, "disk", CHECK_UNKNOWN, "", "The state folder is not there yet.");
	} else {
		bytes = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
		row(k, "disk", bytes < c->check_least_disk ? CHECK_WARN : CHECK_OK, "Make room, or put the state folder on a larger disk; mail is refused when it is full.",
			"%llu MiB are free where mail is kept.", (unsigned long long)(bytes >> 20));
		if (fs.f_files && fs.f_ffree < fs.f_files / 20)
			row(k, "disk", CHECK_WARN, "Every message is a file: make a file system with more inodes.", "Few files more can be made there (inodes).");
	}
	if (sysinfo(&s) < 0)
		return;
	bytes = (uint64_t)s.totalram * s.mem_unit;
	row(k, "memory", bytes < c->check_least_memory ? CHECK_WARN : CHECK_OK, "It will run, but a crowd will make it slow: give the host more.",
		"The host has %llu MiB of memory.", (unsigned long long)(bytes >> 20));
}

/* The mail of accounts that are nowhere any more belongs to nobody. */
static void check_backup(struct check *k)
{
	if (k->f->conf->backup_folder.n && conf_has_directory(k->f->conf, "pgsql"))
		row(k, "backup", CHECK_WARN, "Dump it as often as Mansio's backups are made (pg_dump), to the same place; docs/BACKUP.md has the lines.",
			"The backup holds the mail, but not the accounts in PostgreSQL.");
}

int verb_host_check(struct check *k, const char *domain)
{
	struct resolver_question q[] = { { .name = k->f->host, .type = DNS_A }, { .name = k->f->host, .type = DNS_AAAA } };
	struct addr mine[CHECK_ADDRESSES];
	struct dns_answer root;
	size_t n;

	/* without the DNS nobody need wait long to hear the same of each name */
	resolver_ask(k->resolver, &k->a, ".", DNS_NS, check_wait(k), &root);
	if (root.state != DNS_OK)
		k->most = OFFLINE_MS;
	resolver_ask_all(k->resolver, &k->a, q, 2, check_wait(k));
	n = public_addresses(k, &q[0].answer, &q[1].answer, mine, CHECK_ADDRESSES);
	check_name(k, &q[0].answer, &q[1].answer);
	check_ptr(k, mine, n);
	check_ports(k);
	check_clock(k);
	check_resolver(k, &root);
	check_room(k);
	check_backup(k);
	check_present_mx(k, domain);
	check_port25(k);
	check_blocklists(k, mine, n);
	return 0;
}
