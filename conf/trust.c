/* SPDX-License-Identifier: ISC
 *
 * trust.c: see trust.h. The settings were checked when they were read (check.c): what cannot be
 * read here lets nobody in.
 */
#include "conf/trust.h"

/* One that is empty was not shown, and is nobody's. */
static bool shows(const struct trust_client *t, const char *hex)
{
	return hex[0] && (str_eqc(t->certificate, hex) || str_eqc(t->public_key, hex));
}

bool trust_network(const struct conf *c, const struct trust_client *t)
{
	const struct conf_list *l = &c->smtp_relay_networks;
	struct addr_net net;
	size_t i;

	for (i = 0; i < l->n && t->peer->family; i++)
		if (addr_net_parse(l->v[i], &net) == 0 && addr_net_has(&net, t->peer))
			return true;
	return false;
}

bool trust_certificate(const struct conf *c, const struct trust_client *t)
{
	const struct conf_list *l = &c->smtp_relay_certificates;
	char hex[FINGERPRINT_HEX + 1];
	size_t i;

	for (i = 0; i < l->n && t->certificate.n > 0; i++)
		if (fingerprint_parse(l->v[i], hex) == 0 && shows(t, hex))
			return true;
	return false;
}

bool trust_asks(const struct conf *c, bool submission)
{
	if (submission)
		return c->smtp_ask_certificate == CONF_ASK_ALL;
	return c->smtp_ask_certificate != CONF_ASK_AUTO || c->smtp_relay_certificates.n > 0;
}

bool trust_submits(const struct conf *c, const struct trust_client *t)
{
	return trust_asks(c, true) && trust_certificate(c, t);
}

int trust_etrn_parse(struct str text, struct trust_etrn *out)
{
	struct trust_etrn v = { 0 };

	v.domain = str_trim(str_cut(&text, '='));
	text = str_trim(text);
	if (v.domain.n == 0 || str_find(v.domain, '.') <= 0 || str_find(v.domain, ' ') >= 0 || str_find(v.domain, '@') >= 0)
		return E_SYNTAX;
	if (fingerprint_parse(text, v.fingerprint) < 0) {
		v.fingerprint[0] = '\0';
		if (addr_net_parse(text, &v.net) < 0)
			return E_SYNTAX;
	}
	*out = v;
	return 0;
}

bool trust_etrn(const struct conf *c, const struct trust_client *t, struct str domain)
{
	const struct conf_list *l = &c->smtp_etrn;
	struct trust_etrn e;
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (trust_etrn_parse(l->v[i], &e) < 0 || (domain.n > 0 && !str_ieq(e.domain, domain)))
			continue;
		if (e.fingerprint[0] ? shows(t, e.fingerprint) : t->peer->family && addr_net_has(&e.net, t->peer))
			return true;
	}
	return false;
}
