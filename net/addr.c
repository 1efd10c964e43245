/* SPDX-License-Identifier: ISC
 *
 * addr.c: IP addresses of peers: text, networks, listening (addr.h).
 *
 * Always true: an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) never gets into
 * a struct addr: the same peer has one form, so that no limit or rule on it
 * can be passed by asking over the other family.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <unistd.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Bytes of an address of that family. */
static size_t width(uint8_t family)
{
	return family == 4 ? 4 : family == 6 ? 16 : 0;
}

static void set_v6(struct addr *a, const uint8_t ip[16])
{
	if (memcmp(ip, mapped, sizeof mapped) == 0) {
		a->family = 4;
		memcpy(a->ip, ip + 12, 4);
	} else {
		a->family = 6;
		memcpy(a->ip, ip, 16);
	}
}

int addr_parse(struct str s, struct addr *out)
{
	char text[INET6_ADDRSTRLEN];
	struct addr a = { 0 };
	uint8_t ip[16];

	if (s.n == 0 || s.n >= sizeof text || str_find(s, '\0') >= 0)
		return E_SYNTAX;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET, text, a.ip) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, text, ip) == 1)
		set_v6(&a, ip);
	else
		return E_SYNTAX;
	*out = a;
	return 0;
}

int addr_of_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *out)
{
	struct addr a = { 0 };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (len >= sizeof in && sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof in);
		a.family = 4;
		a.port = ntohs(in.sin_port);
		memcpy(a.ip, &in.sin_addr, 4);
	} else if (len >= sizeof in6 && sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof in6);
		a.port = ntohs(in6.sin6_port);
		set_v6(&a, in6.sin6_addr.s6_addr);
	} else if (len >= sizeof sa->sa_family && sa->sa_family != AF_UNIX) {
		return E_UNSUPPORTED;
	}
	*out = a;
	return 0;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };

	memset(out, 0, sizeof *out);
	if (a->family == 4) {
		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(out, &in, sizeof in);
		return sizeof in;
	}
	/* family 0 is any: all of IPv6, and IPv4 by its mapped form */
	if (a->family == 6)
		memcpy(&in6.sin6_addr, a->ip, 16);
	memcpy(out, &in6, sizeof in6);
	return sizeof in6;
}

/* What inet_ntop would say; it is asked for with every login. */
static const char *text_v4(const uint8_t ip[4], char out[ADDR_TEXT])
{
	char *to = out;
	size_t i;

	for (i = 0; i < 4; i++) {
		if (ip[i] >= 100)
			*to++ = (char)('0' + ip[i] / 100);
		if (ip[i] >= 10)
			*to++ = (char)('0' + ip[i] / 10 % 10);
		*to++ = (char)('0' + ip[i] % 10);
		*to++ = i < 3 ? '.' : '\0';
	}
	return out;
}

const char *addr_text(const struct addr *a, char out[ADDR_TEXT])
{
	if (a->family == 4)
		return text_v4(a->ip, out);
	if (!a->family || !inet_ntop(AF_INET6, a->ip, out, ADDR_TEXT))
		snprintf(out, ADDR_TEXT, "unknown");
	return out;
}

const char *addr_literal(const struct addr *a, char out[ADDR_TEXT + 8])
{
	char text[ADDR_TEXT];

	snprintf(out, ADDR_TEXT + 8, "%s%s", a->family == 6 ? "IPv6:" : "", addr_text(a, text));
	return out;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, width(a->family)) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (a->family == 4)
		return a->ip[0] == 127;
	return a->family == 6 && memcmp(a->ip, one, sizeof one) == 0;
}

/* Clears all but the first bits; true if something was there. */
static bool clear_host(struct addr *a, unsigned bits)
{
	size_t i, n = width(a->family);
	bool had = false;

	for (i = 0; i < n; i++) {
		unsigned keep = bits > 8 * i ? MIN(bits - 8 * (unsigned)i, 8u) : 0;
		uint8_t mask = (uint8_t)(0xff00 >> keep);

		had |= (a->ip[i] & ~mask & 0xff) != 0;
		a->ip[i] &= mask;
	}
	return had;
}

struct addr addr_network(const struct addr *a)
{
	return addr_prefix(a, a->family == 4 ? 24 : 64);
}

struct addr addr_prefix(const struct addr *a, unsigned bits)
{
	struct addr net = *a;

	net.port = 0;
	clear_host(&net, bits);
	return net;
}

int addr_net_parse(struct str s, struct addr_net *out)
{
	struct str rest = s, ip = str_cut(&rest, '/');
	bool was_v6 = str_find(ip, ':') >= 0;
	struct addr_net n = { 0 };
	uint64_t bits, whole;
	int err;

	err = addr_parse(ip, &n.net);
	if (err)
		return err;
	whole = was_v6 ? 128 : 32;
	bits = whole;
	if (rest.p && str_u64(rest, whole, &bits) != 0)
		return E_SYNTAX;
	if (was_v6 && n.net.family == 4) { /* a mapped network, written as IPv6 */
		if (bits < 96)
			return E_SYNTAX;
		bits -= 96;
	}
	n.bits = (uint8_t)bits;
	/* 10.0.0.1/8 is more likely a slip of the pen than a wish for 10/8 */
	if (clear_host(&n.net, n.bits))
		return E_SYNTAX;
	*out = n;
	return 0;
}

bool addr_net_has(const struct addr_net *n, const struct addr *a)
{
	struct addr net = *a;

	if (!a->family || a->family != n->net.family)
		return false;
	clear_host(&net, n->bits);
	return addr_eq(&net, &n->net);
}

/* The IPv4 address that an IPv6 one leads to by its form: ::a.b.c.d (RFC 4291 2.5.5.1), NAT64 (RFC 6052 2.1), 6to4 (RFC 3056 2). */
static bool embedded(const struct addr *a, struct addr *out)
{
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b }, compatible[12] = { 0 };
	struct addr v4 = { .family = 4 };

	if (a->family != 6)
		return false;
	if (memcmp(a->ip, nat64, sizeof nat64) == 0 || memcmp(a->ip, compatible, sizeof compatible) == 0)
		memcpy(v4.ip, a->ip + 12, 4);
	else if (a->ip[0] == 0x20 && a->ip[1] == 0x02)
		memcpy(v4.ip, a->ip + 2, 4);
	else
		return false;
	*out = v4;
	return true;
}

bool addr_is_public(const struct addr *a)
{
	static const char *const others[] = { "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
		"172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "224.0.0.0/3", "::/127", "64:ff9b:1::/48", "100::/64",
		"2001::/32", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8" };
	struct addr_net net;
	struct addr v4;
	size_t i;

	if (embedded(a, &v4))
		return addr_is_public(&v4);
	for (i = 0; i < ARRAY_LEN(others); i++)
		if (addr_net_parse(str_of(others[i]), &net) == 0 && addr_net_has(&net, a))
			return false;
	return a->family != 0;
}

int addr_parse_hostport(struct str s, struct addr *out)
{
	ssize_t colon = str_rfind(s, ':');
	struct addr a = { 0 };
	struct str host;
	uint64_t port;
	int err;

	if (colon < 0)
		return E_SYNTAX;
	host = str_sub(s, 0, (size_t)colon);
	err = str_u64(str_from(s, (size_t)colon + 1), UINT16_MAX, &port);
	if (err)
		return err;
	if (str_starts(host, "[") && str_ends(host, "]")) {
		host = str_sub(host, 1, host.n - 1);
		if (str_find(host, ':') < 0)
			return E_SYNTAX;
		err = addr_parse(host, &a);
	} else if (host.n) {
		/* "::1:25" could mean two things */
		err = str_find(host, ':') >= 0 ? E_SYNTAX : addr_parse(host, &a);
	}
	if (err)
		return err;
	a.port = (uint16_t)port;
	*out = a;
	return 0;
}

/* Letters, digits, '-', '.', '_': what a name in DNS may be made of here; not a bare
 * number, which would be an address that nobody understands. */
static bool host_name_ok(struct str s)
{
	bool letter = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (c >= 'a' && c <= 'z')
			letter = true;
		else if (!(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
			return false;
		if (c == '.' && i > 0 && s.p[i - 1] == '.')
			return false;
	}
	return letter && s.n <= 255 && s.p[0] != '.' && s.p[0] != '-';
}

int addr_split_hostport(struct str s, struct str *host_out, uint16_t *port_out, bool *literal_out)
{
	ssize_t colon = str_rfind(s, ':'), close = str_rfind(s, ']');
	struct str host = s;
	bool bracket = str_starts(s, "["), literal;
	uint64_t port = 0;
	struct addr a;
	int err;

	if (colon >= 0 && colon > close) {
		host = str_sub(s, 0, (size_t)colon);
		err = str_u64(str_from(s, (size_t)colon + 1), UINT16_MAX, &port);
		if (err || port == 0)
			return err ? err : E_SYNTAX;
	}
	if (bracket) {
		if (host.n < 2 || !str_ends(host, "]"))
			return E_SYNTAX;
		host = str_sub(host, 1, host.n - 1);
	}
	literal = addr_parse(host, &a) == 0;
	if (bracket ? !literal || str_find(host, ':') < 0 : str_find(host, ':') >= 0)
		return E_SYNTAX;
	if (!literal && !host_name_ok(host))
		return E_SYNTAX;
	*host_out = host;
	*port_out = (uint16_t)port;
	*literal_out = literal;
	return 0;
}

static int listen_on(const struct addr *a, bool only_v6, int backlog, bool reuseport)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, &ss);
	int fd, err, on = 1, v6only = only_v6;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		goto fail;
	if (reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
		goto fail;
	if (ss.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only) != 0)
		goto fail;
	if (bind(fd, (struct sockaddr *)&ss, len) != 0 || listen(fd, backlog) != 0)
		goto fail;
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

int addr_parse_server(struct str s, uint16_t port, struct addr *out)
{
	struct addr a = { 0 };
	struct str host;
	uint16_t own;
	bool literal;

	if (addr_parse(s, &a) < 0) {
		if (addr_split_hostport(s, &host, &own, &literal) < 0 || !literal || addr_parse(host, &a) < 0)
			return E_SYNTAX;
		port = own ? own : port;
	}
	a.port = port;
	*out = a;
	return 0;
}

int addr_listen(const struct addr *a, int backlog, bool reuseport)
{
	struct addr any4 = { .family = 4, .port = a->port };
	int fd = listen_on(a, a->family == 6, backlog, reuseport);

	/* a kernel without IPv6 */
	if (!a->family && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
		fd = listen_on(&any4, false, backlog, reuseport);
	return fd;
}
