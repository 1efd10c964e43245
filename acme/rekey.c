/* SPDX-License-Identifier: ISC
 *
 * rekey.c: which key a certificate is ordered for, and the way from one key to the next.
 *
 *     live.pem   the key in use, and its chain
 *     next.pem   the key that comes after it, and a certificate that it signed itself: so that checkd
 *                can tell its record, without the key
 *
 * A renewal keeps the key ([acme] reuse_key): a TLSA record "3 1 1" (RFC 7671 5.1) names it, and who sends by DANE
 * (RFC 7672) would find nobody behind it after a new one. For the same reason a new key comes in two steps (RFC 7671 8.4):
 * `cert rekey` makes it and shows its record, to be published beside the old one; `cert rekey --now`, when the old
 * answers are forgotten, orders the certificate with it. Where the DNS has TLSA records without the new one the
 * step is not made.
 */
#include "acme/order.h"

#include "base/file.h"
#include "net/cert.h"
#include "net/resolver.h"

#define PEM_MAX (256 * 1024)
#define NEXT_DAYS 3650
#define DNS_WAIT_MS 10000

static const char begin[] = "-----BEGIN CERTIFICATE-----";

/* The key in front of the certificate. */
static int key_part(struct str pem, struct buf *out)
{
	ssize_t at = str_search(pem, str_of(begin));

	if (at <= 0 || !cert_fits_key(pem, pem))
		return E_DAMAGED;
	buf_str(out, str_sub(pem, 0, (size_t)at));
	return out->err;
}

int rekey_next(int dir, const struct conf *c, struct buf *pem_out)
{
	struct str name = str_of(conf_hostname(c));
	struct buf key, cert, live;
	bool good, used;
	int r;

	buf_init(&live, PEM_MAX);
	good = file_load(dir, "next.pem", pem_out) == 0 && cert_fits_key(buf_view(pem_out), buf_view(pem_out));
	/* a crash behind the switch */
	used = good && file_load(dir, "live.pem", &live) == 0 && cert_fits_key(buf_view(&live), buf_view(pem_out));
	buf_wipe(&live);
	if (good && !used)
		return 0;
	buf_reset(pem_out);
	buf_init(&key, PEM_MAX);
	buf_init(&cert, PEM_MAX);
	r = cert_key_new(&key);
	if (r == 0)
		r = cert_self_signed(buf_view(&key), &name, 1, NEXT_DAYS, NULL, &cert);
	buf_str(pem_out, buf_view(&key));
	buf_str(pem_out, buf_view(&cert));
	if (r == 0)
		r = pem_out->err ? pem_out->err : file_replace(dir, "next.pem", buf_view(pem_out), 0600);
	buf_wipe(&key);
	buf_done(&cert);
	return r;
}

/* Of the MX host, for that is where TLSA records are looked for. */
int rekey_ready(struct order *o, int resolver)
{
	struct problem *why = &o->acme.why;
	char tlsa[CERT_TLSA] = "";
	struct dns_answer x;
	const char *name;
	struct buf pem;
	struct arena a;
	bool shown = false;
	size_t i;
	int r;

	arena_init(&a);
	buf_init(&pem, PEM_MAX);
	r = file_load(o->acme.dir, "next.pem", &pem);
	if (r == 0)
		r = cert_tlsa(buf_view(&pem), tlsa);
	buf_wipe(&pem);
	if (r < 0) {
		problem_set(why, "mansio cert rekey", "there is no next key");
		arena_done(&a);
		return r;
	}
	name = arena_fmt(&a, "_25._tcp.%s", conf_hostname(o->acme.conf));
	resolver_ask(resolver, &a, name, DNS_TLSA, DNS_WAIT_MS, &x);
	for (i = 0; i < x.n; i++)
		shown |= str_ieqc(x.record[i].data, tlsa);
	if (x.state != DNS_OK && x.state != DNS_NODATA && x.state != DNS_NXDOMAIN) {
		problem_set(why, "mansio host check; then again: mansio cert rekey --now", "the key stays: whether %s is published could not be looked up", name);
		r = E_TEMP;
	} else if (x.n && !shown) {
		problem_set(why, arena_fmt(&a, "publish %s. IN TLSA %s beside the other, wait until the old answer is forgotten (its TTL), then again: mansio cert rekey --now",
			name, tlsa), "the key stays: the DNS has a TLSA record of %s, but not the one of the next key", name);
		r = E_DENIED;
	}
	arena_done(&a);
	return r;
}

int rekey_choose(const struct order *o, struct buf *key_out)
{
	const struct acme *a = &o->acme;
	struct buf pem;
	int r = E_NOTFOUND;

	buf_init(&pem, PEM_MAX);
	if (a->state->rekey && file_load(a->dir, "next.pem", &pem) == 0)
		r = key_part(buf_view(&pem), key_out);
	buf_reset(&pem);
	if (r < 0 && a->conf->acme_reuse_key && file_load(a->dir, "live.pem", &pem) == 0)
		r = key_part(buf_view(&pem), key_out);
	buf_wipe(&pem);
	return r < 0 ? cert_key_new(key_out) : 0;
}

void rekey_done(const struct order *o)
{
	if (!o->acme.state->rekey)
		return;
	o->acme.state->rekey = false;
	file_unlink(o->acme.dir, "next.pem"); /* left by a crash, it is found to be in use */
}
