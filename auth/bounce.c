/* SPDX-License-Identifier: ISC
 *
 * bounce.c: senders of forwards, and reports that come back (see bounce.h).
 *
 * The secrets lie in the directory's database, so every worker has the same ones, a backup has them
 * too, and reports find their way after a restore. The first one is made by whoever needs it first; of two at the
 * same moment the database keeps one, and both read that.
 */
#include "auth/bounce.h"

#include "base/clock.h"
#include "base/rand.h"
#include "mail/address.h"

#define NAME "srs"
#define BLOB_MAX 4096

static int read_keys(struct directory *d, struct srs_keys *out)
{
	struct buf b;
	int r;

	buf_init(&b, BLOB_MAX);
	r = d->ops->setting(d, STR(NAME), &b);
	if (r == 0)
		r = srs_keys_parse(buf_view(&b), out);
	buf_wipe(&b);
	return r;
}

static int write_keys(struct directory *d, const struct srs_keys *k, bool replace)
{
	struct buf b;
	int r;

	buf_init(&b, BLOB_MAX);
	srs_keys_print(k, &b);
	r = b.err ? b.err : d->ops->setting_put(d, STR(NAME), buf_view(&b), replace);
	buf_wipe(&b);
	return r;
}

int bounce_keys(struct directory *d, struct srs_keys *out)
{
	struct srs_keys fresh = { .n = 0 };
	int r;

	if (!d->ops->setting)
		return E_UNSUPPORTED;
	r = read_keys(d, out);
	if (r != E_NOTFOUND)
		return r;
	srs_keys_rotate(&fresh, clock_unix(), 0);
	r = write_keys(d, &fresh, false);
	explicit_bzero(&fresh, sizeof fresh);
	return r ? r : read_keys(d, out);
}

int bounce_rotate(struct directory *d, int64_t now, int64_t days)
{
	struct srs_keys k;
	int r = bounce_keys(d, &k);

	if (r == 0) {
		srs_keys_rotate(&k, now, days);
		r = write_keys(d, &k, true);
	}
	explicit_bzero(&k, sizeof k);
	return r;
}

/* --- there ----------------------------------------------------------------------------- */

/* Is that a domain whose mail ends here? 0, E_NOTFOUND, negative. */
static int our_domain(const struct resolver *r, struct str name, struct arena *a)
{
	struct directory_domain dom;
	int e = r->d->ops->domain(r->d, name, a, &dom);

	return e == 0 && (!dom.active || dom.backup) ? E_NOTFOUND : e;
}

/* The domain itself, or the nearest one above it. */
static int our_domain_above(const struct resolver *r, struct str name, struct arena *a, struct str *out)
{
	struct str rest, normal;

	if (domain_normal(name, a, &normal) < 0)
		return E_NOTFOUND;
	for (rest = normal; rest.n; str_cut(&rest, '.')) {
		int e = our_domain(r, rest, a);

		if (e == 0)
			*out = rest;
		if (e != E_NOTFOUND)
			return e;
	}
	return E_NOTFOUND;
}

static struct str under(struct str local, struct str domain, struct arena *a)
{
	return address_name(local, domain, a);
}

int bounce_sender(const struct resolver *r, struct str sender, struct str domain, bool rewrite, int64_t now,
	struct arena *a, struct str *out, bool *ours_out)
{
	struct str host = STR_NONE, ours, local;
	struct address addr;
	struct srs_keys k;
	bool named = sender.n && address_parse_all(sender, a, &addr) == 0 && !addr.literal &&
		domain_normal(addr.domain, a, &host) == 0;
	int e = named ? our_domain(r, host, a) : E_NOTFOUND;

	*out = sender;
	*ours_out = e == 0;
	if (e != E_NOTFOUND || !rewrite || !sender.n)
		return e == E_NOTFOUND ? 0 : e;
	e = our_domain_above(r, domain, a, &ours);
	if (e == E_NOTFOUND)
		return 0;
	if (e == 0)
		e = bounce_keys(r->d, &k);
	if (e < 0)
		return e;
	if (named && srs_forward(&k, addr.local, host, now, a, &local) == 0)
		*out = under(local, ours, a);
	else
		*out = under(STR("postmaster"), ours, a);
	explicit_bzero(&k, sizeof k);
	return 0;
}

/* --- and back ------------------------------------------------------------------------------ */

int bounce_back(const struct resolver *r, struct str address, int64_t now, int64_t days, struct arena *a,
	enum srs_result *result_out, struct str *original_out)
{
	struct str domain, local, host, normal;
	struct address addr, original;
	struct srs_keys k;
	int e;

	*result_out = SRS_NONE;
	if (!str_istarts(address, "SRS") && !str_istarts(address, "\"SRS"))
		return 0;
	if (address_parse_all(address, a, &addr) < 0 || addr.literal || domain_normal(addr.domain, a, &domain) < 0)
		return 0;
	if (!str_istarts(addr.local, "SRS0") && !str_istarts(addr.local, "SRS1"))
		return 0;
	e = our_domain(r, domain, a);
	if (e == 0)
		e = bounce_keys(r->d, &k);
	if (e < 0)
		return e == E_NOTFOUND ? 0 : e;
	*result_out = srs_back(&k, addr.local, now, days, a, &local, &host);
	explicit_bzero(&k, sizeof k);
	if (*result_out != SRS_GOOD)
		return 0;
	*original_out = address_name(local, host, a);
	/* what a stranger's address became is an address again, or nothing of ours */
	if (address_parse_all(*original_out, a, &original) < 0 || domain_normal(original.domain, a, &normal) < 0)
		*result_out = SRS_BAD;
	return 0;
}

bool bounce_take(struct bounce_limit *l, struct str address, int64_t now, int64_t most)
{
	size_t i = (size_t)(hash_str(address) % BOUNCE_COUNTERS);
	int64_t hour = now / 3600;

	if (l->counter[i].hour != hour) {
		l->counter[i].hour = hour;
		l->counter[i].n = 0;
	}
	if ((int64_t)l->counter[i].n >= most)
		return false;
	l->counter[i].n++;
	return true;
}
