/* SPDX-License-Identifier: ISC
 *
 * proxy.c: one PROXY protocol header, version 1 (text) or 2 (binary), as
 * HAProxy's specification "The PROXY protocol, versions 1 & 2" gives it.
 *
 * Strict: the header stands alone at the start of a connection from a listed
 * proxy, so anything that is not a complete, well-formed header is E_SYNTAX
 * and the caller closes; nothing is guessed. Never reads past `bytes`.
 */
#include "net/proxy.h"

#include "base/cur.h"

#define V1_MAX 107 /* specification 2.1: longest line with its CRLF */
#define V2_HEAD 16

static const unsigned char v2_sig[12] = "\r\n\r\n\0\r\nQUIT\n";

/* "0" or 1*5DIGIT without leading zeros, up to 65535. */
static int v1_port(struct str s, uint16_t *out)
{
	uint64_t v;

	if (s.n == 0 || (s.n > 1 && s.p[0] == '0') || str_u64(s, 65535, &v) < 0)
		return E_SYNTAX;
	*out = (uint16_t)v;
	return 0;
}

static int v1_addr(struct str s, uint8_t family, struct addr *out)
{
	bool colon = str_find(s, ':') >= 0;

	/* the family must be the announced one, also where addr_parse maps */
	if (colon != (family == 6) || addr_parse(s, out) < 0)
		return E_SYNTAX;
	return 0;
}

/* "PROXY" SP ("TCP4" / "TCP6") SP src SP dst SP sport SP dport CRLF, or
 * "PROXY UNKNOWN" anything CRLF (2.1). */
static int v1_line(struct str line, struct proxy_header *h)
{
	struct str rest = str_from(line, 6), word[5];
	uint8_t family;
	size_t i;

	if (str_eqc(rest, "UNKNOWN") || str_starts(rest, "UNKNOWN ")) {
		h->local = true;
		return 0;
	}
	for (i = 0; i < ARRAY_LEN(word); i++) {
		word[i] = str_cut(&rest, ' ');
		if (word[i].n == 0)
			return E_SYNTAX;
	}
	if (rest.p)
		return E_SYNTAX;
	if (str_eqc(word[0], "TCP4"))
		family = 4;
	else if (str_eqc(word[0], "TCP6"))
		family = 6;
	else
		return E_SYNTAX;
	if (v1_addr(word[1], family, &h->src) < 0 || v1_addr(word[2], family, &h->dst) < 0 ||
		v1_port(word[3], &h->src.port) < 0 || v1_port(word[4], &h->dst.port) < 0)
		return E_SYNTAX;
	return 0;
}

static ssize_t v1_parse(struct str b, struct proxy_header *out)
{
	struct str head = str_sub(b, 0, V1_MAX);
	struct proxy_header h = { 0 };
	ssize_t lf = str_find(head, '\n');

	if (lf < 0)
		return b.n >= V1_MAX ? E_SYNTAX : 0;
	if (lf == 0 || head.p[lf - 1] != '\r' || v1_line(str_sub(head, 0, (size_t)lf - 1), &h) < 0)
		return E_SYNTAX;
	*out = h;
	return lf + 1;
}

static void v2_addr(const unsigned char *ip, const unsigned char *port, uint8_t family, struct addr *out)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	out->family = family;
	if (family == 6 && memcmp(ip, mapped, sizeof mapped) == 0) {
		out->family = 4;
		ip += sizeof mapped;
	}
	memcpy(out->ip, ip, out->family == 4 ? 4 : 16);
	out->port = (uint16_t)(port[0] << 8 | port[1]);
}

/* Signature, version and command, family, length, addresses, TLVs (2.2). */
static ssize_t v2_parse(struct str b, struct proxy_header *out)
{
	const unsigned char *p = (const unsigned char *)b.p;
	struct proxy_header h = { 0 };
	size_t len, alen;

	if (b.n < V2_HEAD)
		return 0;
	len = (size_t)p[14] << 8 | p[15];
	if ((p[12] & 0xf0) != 0x20 || (p[12] & 0x0f) > 1 || V2_HEAD + len > PROXY_MAX)
		return E_SYNTAX;
	if (b.n < V2_HEAD + len)
		return 0;
	alen = p[13] == 0x11 ? 4 : p[13] == 0x21 ? 16 : 0;
	if ((p[12] & 0x0f) == 0 || alen == 0) {
		/* LOCAL, or a family that no door of ours has (UNSPEC, unix, UDP) */
		h.local = true;
	} else {
		if (len < 2 * alen + 4)
			return E_SYNTAX;
		p += V2_HEAD;
		v2_addr(p, p + 2 * alen, alen == 4 ? 4 : 6, &h.src);
		v2_addr(p + alen, p + 2 * alen + 2, alen == 4 ? 4 : 6, &h.dst);
	}
	*out = h;
	return (ssize_t)(V2_HEAD + len);
}

ssize_t proxy_parse(struct str bytes, struct proxy_header *out)
{
	static const char v1_sig[] = "PROXY ";
	size_t n1 = MIN(bytes.n, sizeof v1_sig - 1), n2 = MIN(bytes.n, sizeof v2_sig);

	if (bytes.n == 0)
		return 0;
	if (memcmp(bytes.p, v1_sig, n1) == 0)
		return n1 < sizeof v1_sig - 1 ? 0 : v1_parse(bytes, out);
	if (memcmp(bytes.p, v2_sig, n2) == 0)
		return n2 < sizeof v2_sig ? 0 : v2_parse(bytes, out);
	return E_SYNTAX;
}
