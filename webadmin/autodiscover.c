/* SPDX-License-Identifier: ISC
 *
 * autodiscover.c: Outlook's way to its settings: a small XML request, answered with all servers
 * ([MS-OXDSCLI] 3.1.5; the older "POX" form, which knows IMAP and SMTP).
 *
 * The request is the one place where webadmin reads XML. expat is let see one document without a
 * DTD (so no entities, no files, nothing that grows), DEPTH deep, and keeps of it two texts.
 */
#include <expat.h>

#include "net/dns.h"
#include "webadmin/autoconfig.h"

#define DEPTH 8
#define TEXT_MAX 320
#define BODY_MAX (32 * 1024)
#define RESPONSE_SCHEMA "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

struct parsing {
	XML_Parser parser;
	int depth;
	bool bad, in_address, in_schema, has_address;
	struct buf address, schema;
};

static void give_up(struct parsing *p)
{
	p->bad = true;
	XML_StopParser(p->parser, XML_FALSE);
}

/* Namespaces differ between programs that ask: the local name counts. */
static struct str local_name(const char *name)
{
	struct str s = str_of(name);
	ssize_t colon = str_rfind(s, ':');

	return colon < 0 ? s : str_from(s, (size_t)colon + 1);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct parsing *p = arg;
	struct str n = local_name(name);

	(void)attributes;
	if (++p->depth > DEPTH || (p->depth == 1 && !str_eqc(n, "Autodiscover"))) {
		give_up(p);
		return;
	}
	p->in_address = p->depth == 3 && str_eqc(n, "EMailAddress");
	p->in_schema = p->depth == 3 && str_eqc(n, "AcceptableResponseSchema");
	if (p->in_address && p->has_address)
		give_up(p);
	p->has_address |= p->in_address;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct parsing *p = arg;

	(void)name;
	p->depth--;
	p->in_address = p->in_schema = false;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int n)
{
	struct parsing *p = arg;

	if (p->in_address)
		buf_add(&p->address, text, (size_t)n);
	if (p->in_schema)
		buf_add(&p->schema, text, (size_t)n);
	if (p->address.err || p->schema.err)
		give_up(p);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	(void)name, (void)system, (void)public, (void)internal;
	give_up(arg);
}

static bool good_address(struct str s)
{
	ssize_t at = str_rfind(s, '@');

	return at > 0 && s.n <= 254 && !str_has_ctl(s) && str_find(s, ' ') < 0 && dns_is_hostname(str_from(s, (size_t)at + 1));
}

int autodiscover_parse(struct str body, struct arena *a, struct str *address_out)
{
	struct parsing p = { .parser = body.n && body.n <= BODY_MAX ? XML_ParserCreate(NULL) : NULL };
	struct str address, schema;
	int r = E_SYNTAX;

	if (!p.parser)
		return E_SYNTAX;
	buf_init(&p.address, TEXT_MAX);
	buf_init(&p.schema, TEXT_MAX);
	XML_SetUserData(p.parser, &p);
	XML_SetElementHandler(p.parser, on_start, on_end);
	XML_SetCharacterDataHandler(p.parser, on_text);
	XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
	if (XML_Parse(p.parser, body.p, (int)body.n, XML_TRUE) == XML_STATUS_OK && !p.bad) {
		address = str_trim(buf_view(&p.address));
		schema = str_trim(buf_view(&p.schema));
		if (good_address(address) && (!schema.n || str_eqc(schema, RESPONSE_SCHEMA))) {
			*address_out = arena_str(a, address);
			r = 0;
		}
	}
	XML_ParserFree(p.parser);
	buf_done(&p.address);
	buf_done(&p.schema);
	return r;
}

/* --- answers ------------------------------------------------------------------------- */

static void head(struct buf *out)
{
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		"<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\">\n");
}

static void text(struct buf *b, struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '&')
			buf_puts(b, "&amp;");
		else if (s.p[i] == '<')
			buf_puts(b, "&lt;");
		else if (s.p[i] == '>')
			buf_puts(b, "&gt;");
		else
			buf_c(b, s.p[i]);
	}
}

static void protocol(struct buf *b, const char *type, const char *host, uint16_t implicit, uint16_t starttls, struct str address)
{
	if (!implicit && !starttls)
		return;
	buf_fmt(b, "      <Protocol>\n        <Type>%s</Type>\n        <Server>%s</Server>\n        <Port>%u</Port>\n"
		"        <DomainRequired>off</DomainRequired>\n        <LoginName>", type, host, implicit ? implicit : starttls);
	text(b, address);
	buf_fmt(b, "</LoginName>\n        <SPA>off</SPA>\n        <SSL>%s</SSL>\n        <Encryption>%s</Encryption>\n"
		"        <AuthRequired>on</AuthRequired>\n%s      </Protocol>\n", implicit ? "on" : "off", implicit ? "SSL" : "TLS",
		strcmp(type, "SMTP") == 0 ? "        <UsePOPAuth>off</UsePOPAuth>\n        <SMTPLast>off</SMTPLast>\n" : "");
}

void autodiscover_xml(const struct autoconfig *c, struct str address, struct buf *out)
{
	head(out);
	buf_puts(out, "  <Response xmlns=\"" RESPONSE_SCHEMA "\">\n    <Account>\n"
		"      <AccountType>email</AccountType>\n      <Action>settings</Action>\n");
	protocol(out, "IMAP", c->host, c->imaps, c->imap, address);
	protocol(out, "POP3", c->host, c->pop3s, c->pop3, address);
	protocol(out, "SMTP", c->host, c->submissions, c->submission, address);
	buf_puts(out, "    </Account>\n  </Response>\n</Autodiscover>\n");
}

void autodiscover_error(struct buf *out)
{
	head(out);
	buf_puts(out, "  <Response>\n    <Error Time=\"00:00:00.0000000\" Id=\"0\">\n      <ErrorCode>600</ErrorCode>\n"
		"      <Message>Invalid Request</Message>\n      <DebugData />\n    </Error>\n  </Response>\n</Autodiscover>\n");
}

bool autodiscover_json(const struct autoconfig *c, struct str wanted, struct buf *out)
{
	if (!str_ieqc(wanted, "AutodiscoverV1")) {
		buf_puts(out, "{\"ErrorCode\":\"InvalidProtocol\",\"ErrorMessage\":\"The given protocol value is invalid. Supported values are 'AutodiscoverV1'\"}");
		return false;
	}
	buf_fmt(out, "{\"Protocol\":\"AutodiscoverV1\",\"Url\":\"%s/autodiscover/autodiscover.xml\"}", c->url);
	return true;
}
