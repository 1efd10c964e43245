/* SPDX-License-Identifier: ISC
 *
 * autoconfig.c: documents for mail programs (see autoconfig.h). TLS from the first byte comes
 * first, STARTTLS second, nothing in clear.
 */
#include "webadmin/autoconfig.h"

#include <qrencode.h>

#include "base/codec.h"
#include "conf/value.h"
#include "net/addr.h"
#include "net/dns.h"

#define ADDRESS_MAX 254 /* RFC 5321 4.5.3.1.3, without the brackets */
#define LOCAL_MAX 64
#define URL_MAX 1000

/* --- questions --------------------------------------------------------------------- */

static uint16_t port_of(const struct conf_list *l)
{
	struct addr a;

	return l->n && addr_parse_hostport(l->v[0], &a) == 0 ? a.port : 0;
}

void autoconfig_of(const struct conf *c, struct arena *a, struct autoconfig *out)
{
	uint16_t https = port_of(&c->listen_https);

	*out = (struct autoconfig){ .host = arena_cstr(a, str_of(conf_hostname(c))), .imaps = port_of(&c->listen_imaps),
		.imap = port_of(&c->listen_imap), .pop3s = port_of(&c->listen_pop3s), .pop3 = port_of(&c->listen_pop3),
		.submissions = port_of(&c->listen_submissions), .submission = port_of(&c->listen_submission) };
	if (c->web_url.n)
		out->url = arena_cstr(a, str_ends(c->web_url, "/") ? str_sub(c->web_url, 0, c->web_url.n - 1) : c->web_url);
	else if (https && https != 443)
		out->url = arena_fmt(a, "https://%s:%u", out->host, https);
	else
		out->url = arena_fmt(a, "https://%s", out->host);
}

static bool is_address(struct str s)
{
	ssize_t at = str_rfind(s, '@');

	return at > 0 && at <= LOCAL_MAX && s.n <= ADDRESS_MAX && str_is_utf8(s) && !str_has_ctl(s) &&
		str_find(str_sub(s, 0, (size_t)at), ' ') < 0 && dns_is_hostname(str_from(s, (size_t)at + 1));
}

struct str autoconfig_address(struct str query, const char *field, struct arena *a)
{
	struct str rest = query, pair, name, found = STR_NONE;
	struct buf b;

	while (rest.p) {
		pair = str_cut(&rest, '&');
		name = str_cut(&pair, '=');
		if (!pair.p || !str_ieqc(name, field))
			continue;
		buf_init(&b, 4 * ADDRESS_MAX);
		if (percent_decode(pair, &b) == 0 && is_address(buf_view(&b)))
			found = arena_str(a, buf_view(&b));
		buf_done(&b);
		return found;
	}
	return STR_NONE;
}

struct str autoconfig_domain(struct str address, struct str host)
{
	if (address.n)
		return str_from(address, (size_t)str_rfind(address, '@') + 1);
	if (str_istarts(host, "autoconfig."))
		host = str_from(host, strlen("autoconfig."));
	return host;
}

/* --- Thunderbird ---------------------------------------------------------------------- */

static void xml(struct buf *b, struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '&':
			buf_puts(b, "&amp;");
			break;
		case '<':
			buf_puts(b, "&lt;");
			break;
		case '>':
			buf_puts(b, "&gt;");
			break;
		case '"':
			buf_puts(b, "&quot;");
			break;
		default:
			buf_c(b, s.p[i]);
		}
	}
}

static void mozilla_server(struct buf *b, const char *tag, const char *type, const char *host, uint16_t port, bool implicit)
{
	if (port)
		buf_fmt(b, "    <%s type=\"%s\">\n      <hostname>%s</hostname>\n      <port>%u</port>\n"
			"      <socketType>%s</socketType>\n      <authentication>password-cleartext</authentication>\n"
			"      <username>%%EMAILADDRESS%%</username>\n    </%s>\n",
			tag, type, host, port, implicit ? "SSL" : "STARTTLS", tag);
}

void autoconfig_mozilla(const struct autoconfig *c, struct str domain, struct buf *out)
{
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n  <emailProvider id=\"");
	xml(out, domain);
	buf_puts(out, "\">\n    <domain>");
	xml(out, domain);
	buf_puts(out, "</domain>\n    <displayName>");
	xml(out, domain);
	buf_puts(out, "</displayName>\n    <displayShortName>");
	xml(out, domain);
	buf_puts(out, "</displayShortName>\n");
	mozilla_server(out, "incomingServer", "imap", c->host, c->imaps, true);
	mozilla_server(out, "incomingServer", "imap", c->host, c->imap, false);
	mozilla_server(out, "incomingServer", "pop3", c->host, c->pop3s, true);
	mozilla_server(out, "incomingServer", "pop3", c->host, c->pop3, false);
	mozilla_server(out, "outgoingServer", "smtp", c->host, c->submissions, true);
	mozilla_server(out, "outgoingServer", "smtp", c->host, c->submission, false);
	buf_puts(out, "  </emailProvider>\n</clientConfig>\n");
}

/* --- Apple ------------------------------------------------------------------------------- */

/* Names are stable for an address, so that a second profile replaces the first (RFC 9562 5.8:
 * our own way of making them; nothing is secret in it). */
static void add_uuid(struct buf *b, struct str address, const char *part)
{
	uint64_t h[2] = { 14695981039346656037u, 1099511628211u };
	struct str s[] = { address, str_of(part) };
	unsigned char u[16];
	size_t i, k, n;

	for (n = 0; n < 2; n++)
		for (i = 0; i < 2; i++)
			for (k = 0; k < s[i].n; k++)
				h[n] = (h[n] ^ (unsigned char)ascii_lower(s[i].p[k]) ^ n) * 1099511628211u;
	memcpy(u, h, sizeof u);
	u[6] = (u[6] & 0x0f) | 0x80;
	u[8] = (u[8] & 0x3f) | 0x80;
	for (i = 0; i < 16; i++)
		buf_fmt(b, "%s%02X", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
}

static void key_text(struct buf *b, const char *indent, const char *key, struct str value)
{
	buf_fmt(b, "%s<key>%s</key>\n%s<string>", indent, key, indent);
	xml(b, value);
	buf_puts(b, "</string>\n");
}

static void key_uuid(struct buf *b, const char *indent, struct str address, const char *part)
{
	buf_fmt(b, "%s<key>PayloadUUID</key>\n%s<string>", indent, indent);
	add_uuid(b, address, part);
	buf_puts(b, "</string>\n");
}

static void apple_server(struct buf *b, const char *way, const char *host, uint16_t port, struct str address)
{
	static const char in[] = "\t\t\t";
	char key[64];

	snprintf(key, sizeof key, "%sMailServerAuthentication", way);
	key_text(b, in, key, STR("EmailAuthPassword"));
	snprintf(key, sizeof key, "%sMailServerHostName", way);
	key_text(b, in, key, str_of(host));
	snprintf(key, sizeof key, "%sMailServerUsername", way);
	key_text(b, in, key, address);
	/* the same key says TLS from the first byte, or STARTTLS on the ports of that */
	buf_fmt(b, "%s<key>%sMailServerPortNumber</key>\n%s<integer>%u</integer>\n%s<key>%sMailServerUseSSL</key>\n%s<true/>\n", in, way, in,
		port, in, way, in);
}

void autoconfig_apple(const struct autoconfig *c, struct str address, struct buf *out)
{
	bool imap = c->imaps || c->imap;
	uint16_t in = c->imaps ? c->imaps : c->imap ? c->imap : c->pop3s ? c->pop3s : c->pop3;

	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
		"<plist version=\"1.0\">\n<dict>\n\t<key>PayloadContent</key>\n\t<array>\n\t\t<dict>\n");
	key_text(out, "\t\t\t", "EmailAccountDescription", address);
	key_text(out, "\t\t\t", "EmailAccountType", imap ? STR("EmailTypeIMAP") : STR("EmailTypePOP"));
	key_text(out, "\t\t\t", "EmailAddress", address);
	apple_server(out, "Incoming", c->host, in, address);
	apple_server(out, "Outgoing", c->host, c->submissions ? c->submissions : c->submission, address);
	buf_puts(out, "\t\t\t<key>OutgoingPasswordSameAsIncomingPassword</key>\n\t\t\t<true/>\n");
	key_text(out, "\t\t\t", "PayloadDisplayName", address);
	buf_fmt(out, "\t\t\t<key>PayloadIdentifier</key>\n\t\t\t<string>%s.mail.", c->host);
	add_uuid(out, address, "mail");
	buf_puts(out, "</string>\n");
	key_text(out, "\t\t\t", "PayloadType", STR("com.apple.mail.managed"));
	key_uuid(out, "\t\t\t", address, "mail");
	buf_puts(out, "\t\t\t<key>PayloadVersion</key>\n\t\t\t<integer>1</integer>\n\t\t</dict>\n\t</array>\n");
	key_text(out, "\t", "PayloadDescription", STR("Sets up this mail account; the password is asked for."));
	key_text(out, "\t", "PayloadDisplayName", address);
	buf_fmt(out, "\t<key>PayloadIdentifier</key>\n\t<string>%s.profile.", c->host);
	add_uuid(out, address, "profile");
	buf_puts(out, "</string>\n");
	key_text(out, "\t", "PayloadOrganization", str_of(c->host));
	key_text(out, "\t", "PayloadType", STR("Configuration"));
	key_uuid(out, "\t", address, "profile");
	buf_puts(out, "\t<key>PayloadVersion</key>\n\t<integer>1</integer>\n</dict>\n</plist>\n");
}

/* One path of small squares; four of them free around it, as readers want. */
int autoconfig_qr(const struct autoconfig *c, struct str address, struct buf *out)
{
	struct buf url;
	QRcode *q;
	int x, y;

	buf_init(&url, URL_MAX);
	buf_fmt(&url, "%s/apple.mobileconfig?address=", c->url);
	percent_encode(address, &url);
	q = url.err ? NULL : QRcode_encodeString8bit(buf_cstr(&url), 0, QR_ECLEVEL_M);
	buf_done(&url);
	if (!q)
		return E_LIMIT;
	buf_fmt(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/><path fill=\"#000\" d=\"", q->width + 8, q->width + 8);
	for (y = 0; y < q->width; y++)
		for (x = 0; x < q->width; x++)
			if (q->data[y * q->width + x] & 1)
				buf_fmt(out, "M%d %dh1v1h-1z", x + 4, y + 4);
	buf_puts(out, "\"/></svg>\n");
	QRcode_free(q);
	return out->err;
}
