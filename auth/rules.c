/* SPDX-License-Identifier: ISC
 *
 * rules.c: see rules.h.
 */
#include "auth/rules.h"

#include "auth/rulefile.h"
#include "mail/address.h"
#include "net/fingerprint.h"

#define NULL_SENDER "<>"
#define ALL "*"

static int row(const struct resolver *r, const char *kind, struct str who, struct arena *a,
	struct directory_rule *out)
{
	int e = r->d->ops->rule ? r->d->ops->rule(r->d, str_of(kind), who, a, out) : E_NOTFOUND;

	return e == E_NOTFOUND ? rulefile_find(r->rules, str_of(kind), who, out) : e;
}

int rule_kinds(const struct resolver *r, unsigned *out)
{
	/* in the order of the bits */
	static const char *const kind[] = { RULE_CLIENT, RULE_SENDER, RULE_RECIPIENT, RULE_REWRITE_SENDER, RULE_REWRITE_RECIPIENT };
	unsigned kinds = 0, i;
	int e = r->d->ops->rule_kinds ? r->d->ops->rule_kinds(r->d, &kinds) : 0;

	for (i = 0; i < ARRAY_LEN(kind); i++)
		if (rulefile_has(r->rules, str_of(kind[i])))
			kinds |= 1u << i;
	if (e == 0)
		*out = kinds;
	return e;
}

/* "@domain", then "@." and what is behind each dot, then "*". */
static int by_domain(const struct resolver *r, const char *kind, struct str domain, struct arena *a,
	struct directory_rule *out)
{
	int e = row(r, kind, str_of(arena_fmt(a, "@%.*s", STRF(domain))), a, out);
	ssize_t dot;

	while (e == E_NOTFOUND && (dot = str_find(domain, '.')) >= 0) {
		domain = str_from(domain, (size_t)dot);
		e = row(r, kind, str_of(arena_fmt(a, "@%.*s", STRF(domain))), a, out);
		domain = str_from(domain, 1);
	}
	return e == E_NOTFOUND ? row(r, kind, STR(ALL), a, out) : e;
}

int rule_for_address(const struct resolver *r, const char *kind, struct str address, struct arena *a,
	struct directory_rule *out)
{
	struct str local, domain;
	ssize_t detail;
	int e;

	if (address.n == 0) {
		e = row(r, kind, STR(NULL_SENDER), a, out);
		return e == E_NOTFOUND ? row(r, kind, STR(ALL), a, out) : e;
	}
	if (address_read(address, a, &local, &domain) < 0) /* an address literal, say */
		return row(r, kind, STR(ALL), a, out);
	e = row(r, kind, address_name(local, domain, a), a, out);
	detail = r->separator ? str_find(local, r->separator) : -1;
	if (e == E_NOTFOUND && detail > 0 && !str_starts(str_of(kind), "rewrite"))
		e = row(r, kind, address_name(str_sub(local, 0, (size_t)detail), domain, a), a, out);
	return e == E_NOTFOUND ? by_domain(r, kind, domain, a, out) : e;
}

static struct str network_text(const struct addr *peer, unsigned bits, struct arena *a)
{
	struct addr net = *peer;
	char text[ADDR_TEXT];
	unsigned i, all = peer->family == 4 ? 32 : 128;

	for (i = bits; i < all; i++)
		net.ip[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	net.port = 0;
	return str_of(arena_fmt(a, "%s/%u", addr_text(&net, text), bits));
}

static int by_network(const struct resolver *r, const struct addr *addr, struct arena *a, struct directory_rule *out)
{
	int bits, e = E_NOTFOUND;

	for (bits = addr->family == 4 ? 32 : 128; bits >= 0 && e == E_NOTFOUND; bits--)
		e = row(r, RULE_CLIENT, network_text(addr, (unsigned)bits, a), a, out);
	return e;
}

int rule_for_client(const struct resolver *r, struct str client, struct arena *a, struct directory_rule *out)
{
	char hex[FINGERPRINT_HEX + 1];
	struct addr addr;
	struct str word;
	int e = E_NOTFOUND;

	while (client.n > 0 && e == E_NOTFOUND) {
		word = str_cut(&client, ' ');
		if (fingerprint_parse(word, hex) == 0)
			e = row(r, RULE_CLIENT, str_of(arena_fmt(a, RULE_FINGERPRINT "%s", hex)), a, out);
		else if (addr_parse(word, &addr) == 0)
			e = by_network(r, &addr, a, out);
	}
	return e;
}

int rule_rewrite(const struct resolver *r, const char *kind, struct str address, struct arena *a,
	struct str *out)
{
	struct directory_rule v;
	struct str local, domain;
	int e = rule_for_address(r, kind, address, a, &v);

	if (e < 0)
		return e;
	if (v.action.p[0] != '@') {
		*out = v.action;
		return 0;
	}
	if (address_read(address, a, &local, &domain) < 0)
		return E_NOTFOUND;
	*out = address_name(local, str_from(v.action, 1), a);
	return 0;
}

/* --- from text ------------------------------------------------------------------------ */

static int fails(const char **why, const char *text)
{
	*why = text;
	return E_SYNTAX;
}

static int domain_read(struct str given, struct arena *a, struct str *out)
{
	struct str local;

	if (given.n == 0 || given.n > ADDRESS_DOMAIN_MAX || str_find(given, '@') >= 0)
		return E_SYNTAX;
	return address_read(str_of(arena_fmt(a, "x@%.*s", STRF(given))), a, &local, out);
}

static int client_who(struct str given, struct arena *a, struct str *out, const char **why)
{
	char hex[FINGERPRINT_HEX + 1];
	struct addr_net net;

	if (fingerprint_parse(given, hex) == 0) {
		*out = str_of(arena_fmt(a, RULE_FINGERPRINT "%s", hex));
		return 0;
	}
	if (str_istarts(given, RULE_FINGERPRINT))
		return fails(why, "a fingerprint is the SHA-256 of a certificate or of its public key: sha256: and 64 hexadecimal digits");
	if (addr_net_parse(given, &net) < 0)
		return fails(why, "who is a network, like 192.0.2.0/24 or 2001:db8::1, or a fingerprint, sha256:...");
	*out = network_text(&net.net, net.bits, a);
	return 0;
}

int rule_who(const char *kind, struct str given, struct arena *a, struct str *out, const char **why)
{
	struct str local, domain = given;
	bool below;

	if (strcmp(kind, RULE_CLIENT) == 0)
		return client_who(given, a, out, why);
	if (str_eqc(given, ALL) || (str_eqc(given, NULL_SENDER) && strcmp(kind, RULE_SENDER) == 0)) {
		*out = given;
		return 0;
	}
	if (str_find(given, '@') > 0) {
		if (address_read(given, a, &local, &domain) < 0)
			return fails(why, "who is not an address");
		*out = address_name(local, domain, a);
		return 0;
	}
	if (str_starts(domain, "@"))
		domain = str_from(domain, 1);
	below = str_starts(domain, ".");
	if (domain_read(below ? str_from(domain, 1) : domain, a, &local) < 0)
		return fails(why, "who is an address, a domain, .DOMAIN for what is below it, or *");
	*out = str_of(arena_fmt(a, "@%s%.*s", below ? "." : "", STRF(local)));
	return 0;
}

int rule_action(const char *kind, struct str who, struct str given, struct str *out, const char **why)
{
	static const char *const words[] = { "reject", "hold", "allow", "relay" };
	struct addr_net net;
	size_t i;

	for (i = 0; i < ARRAY_LEN(words) && !str_eqc(given, words[i]); i++)
		;
	if (i == ARRAY_LEN(words))
		return fails(why, "action is reject, hold, allow, or relay");
	if (str_eqc(given, "relay")) {
		if (strcmp(kind, RULE_CLIENT) != 0)
			return fails(why, "relay is for clients only: anybody can write any sender");
		if (str_starts(who, RULE_FINGERPRINT)) {
			*out = str_of(words[i]);
			return 0;
		}
		if (addr_net_parse(who, &net) < 0 ||
			net.bits < (net.net.family == 4 ? RULE_RELAY_BITS_4 : RULE_RELAY_BITS_6))
			return fails(why, "this network is too large to relay for: at least /8, or /16 of IPv6");
	}
	*out = str_of(words[i]);
	return 0;
}

int rule_text(struct str given, const char **why)
{
	size_t i;

	if (given.n > RULE_TEXT_MAX)
		return fails(why, "at most 200 bytes");
	for (i = 0; i < given.n; i++) /* it is said to clients of every kind */
		if (given.p[i] < ' ' || given.p[i] > '~')
			return fails(why, "printable ASCII only");
	return 0;
}

int rule_target(struct str who, struct str given, struct arena *a, struct str *out, const char **why)
{
	struct str local, domain;
	size_t i;

	for (i = 0; i < given.n; i++)
		if ((unsigned char)given.p[i] > 0x7e)
			return fails(why, "the new address is ASCII: not every server takes others");
	if (str_starts(given, "@")) {
		if (str_eqc(who, NULL_SENDER) || domain_read(str_from(given, 1), a, &domain) < 0)
			return fails(why, "the new address is ADDRESS, or @DOMAIN to keep what is before the @");
		*out = str_of(arena_fmt(a, "@%.*s", STRF(domain)));
		return 0;
	}
	if (str_eqc(who, NULL_SENDER) || address_read(given, a, &local, &domain) < 0)
		return fails(why, "the new address is ADDRESS, or @DOMAIN to keep what is before the @");
	*out = address_name(local, domain, a);
	return 0;
}
