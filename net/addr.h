/* SPDX-License-Identifier: ISC
 *
 * addr.h: IP addresses of peers: text, networks, prefixes for limits.
 */
#ifndef MANSIO_NET_ADDR_H
#define MANSIO_NET_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buf.h"

struct addr {
	uint8_t family; /* 4, 6, or 0: unknown or unix */
	uint8_t ip[16]; /* network order; IPv4 in the first 4 */
	uint16_t port;
};

#define ADDR_TEXT 48
/* "192.0.2.1" or "2001:db8::1", without port. IPv4-mapped IPv6 becomes IPv4. */
int addr_parse(struct str s, struct addr *out);
int addr_of_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *out);
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);
/* Family 0 is "unknown". */
const char *addr_text(const struct addr *a, char out[ADDR_TEXT]);
/* "192.0.2.1" or "IPv6:2001:db8::1" (RFC 5321 4.1.3, without brackets). */
const char *addr_literal(const struct addr *a, char out[ADDR_TEXT + 8]);
bool addr_eq(const struct addr *a, const struct addr *b); /* ports not compared */
bool addr_is_loopback(const struct addr *a);
/* The network that limits are counted on: /24 for IPv4, /64 for IPv6. */
struct addr addr_network(const struct addr *a);
/* The network of that many bits (at most 32, 128), without port. */
struct addr addr_prefix(const struct addr *a, unsigned bits);

struct addr_net {
	struct addr net;
	uint8_t bits;
};
/* "10.0.0.0/8", "::1"; bits set behind the prefix are E_SYNTAX. */
int addr_net_parse(struct str s, struct addr_net *out);
bool addr_net_has(const struct addr_net *n, const struct addr *a);
/* Is it one of the Internet? Not: this machine, private networks (RFC 1918, 4193, 6598), one link, groups, unspecified,
 * reserved (RFC 6890), nor an IPv6 form that leads to such an IPv4 one (NAT64, 6to4). This host's own may be one. */
bool addr_is_public(const struct addr *a);
/* "192.0.2.1:port", "[::1]:port", ":port" (family 0: any); "/path" is not for here. */
int addr_parse_hostport(struct str s, struct addr *out);
/* "name:port", "192.0.2.1:port", "[::1]:port", each also without port (0 then). The host
 * comes without brackets, as written; literal: it is an address. E_SYNTAX, E_LIMIT. */
int addr_split_hostport(struct str s, struct str *host_out, uint16_t *port_out, bool *literal_out);

/* An address of a server, with or without port: "192.0.2.53", "192.0.2.53:53", "2001:db8::53",
 * "[2001:db8::53]:53"; without one the port is `port`. E_SYNTAX. */
int addr_parse_server(struct str s, uint16_t port, struct addr *out);

/* A bound, listening TCP socket (SO_REUSEADDR, close-on-exec, non-blocking) or
 * -errno. IPv6 is IPv6 only; family 0 takes both families on one socket.
 * reuseport: several may bind it. */
int addr_listen(const struct addr *a, int backlog, bool reuseport);

#endif
