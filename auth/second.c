/* SPDX-License-Identifier: ISC
 *
 * second.c: see second.h.
 */
#include "auth/second.h"

#include "auth/totp.h"
#include "auth/webauthn.h"

/* The list without this digest; false: it is not in it. */
static bool without(struct str list, const char *digest, struct buf *out)
{
	struct str line;
	bool found = false;

	while (list.n > 0) {
		line = str_cut(&list, '\n');
		if (str_eqc(line, digest))
			found = true;
		else if (line.n > 0)
			buf_fmt(out, "%.*s\n", STRF(line));
	}
	return found;
}

/* 0: it is used up now; E_NOTFOUND: it is none. */
static int recover(struct directory *d, uint64_t account, const struct directory_totp *v, struct str typed)
{
	char digest[SECRET_HEX + 1];
	struct buf left;
	int r = E_NOTFOUND;

	if (!totp_recovery_digest(typed, digest))
		return E_NOTFOUND;
	buf_init(&left, (SECRET_HEX + 1) * TOTP_RECOVERY + 1);
	if (without(v->recovery, digest, &left) && !left.err)
		r = d->ops->totp_recover(d, account, v->recovery, buf_view(&left));
	buf_done(&left);
	return r;
}

/* --- security keys ---------------------------------------------------------------------- */

static bool count(const struct directory_security_key *v, void *arg)
{
	(void)v;
	(*(int *)arg)++;
	return true;
}

int second_keys(struct directory *d, uint64_t account)
{
	int n = 0, r = d->ops->security_keys ? d->ops->security_keys(d, account, count, &n) : 0;

	return r < 0 ? r : n;
}

struct search {
	struct str rp_id, credential; /* which ones: of this page, of that name */
	struct arena *a;
	struct buf names; /* of those for this page */
	struct directory_security_key found;
	int n;
};

static bool look(const struct directory_security_key *v, void *arg)
{
	struct search *s = arg;

	s->n++;
	if (!str_eq(v->rp_id, s->rp_id))
		return true;
	buf_fmt(&s->names, "%s%.*s", s->names.n ? "," : "", STRF(v->credential));
	if (str_eq(v->credential, s->credential))
		s->found = (struct directory_security_key){ .id = arena_str(s->a, v->id), .credential = arena_str(s->a, v->credential),
			.public = arena_str(s->a, v->public), .algorithm = arena_str(s->a, v->algorithm), .counter = v->counter };
	return true;
}

/* 0, E_DENIED with why, or negative. */
static int key_check(struct directory *d, uint64_t account, const struct sasl_second *shown, const struct second_visit *visit,
	struct directory_security_key *v, struct second_outcome *out)
{
	const struct client_data_asked asked = { shown->challenge, shown->origin };
	const struct webauthn_key key = { v->credential, v->public, v->algorithm, (uint32_t)v->counter };
	uint32_t counter;
	int r;

	out->why = "security key: it is none of this account for this page";
	if (v->id.n == 0)
		return E_DENIED;
	r = webauthn_check(&asked, &key, shown->client_data, shown->authenticator_data, shown->signature, &counter, &out->why);
	if (r < 0)
		return E_DENIED;
	v->counter = counter;
	v->last = (uint64_t)visit->now;
	v->peer = visit->network;
	r = d->ops->security_key_used(d, account, v);
	if (r != E_NOTFOUND)
		return r;
	out->why = "security key: its counter went back; there may be a copy of it";
	out->copied = true;
	out->key = v->id;
	return E_DENIED;
}

/* --- all of them ------------------------------------------------------------------------- */

/* Six digits are guessed in some hundred thousand tries, from as many networks as one likes: of one account only so many are
 * looked at (RFC 4226 7.3). A step that was used before, or one before that, is good no more (RFC 6238 5.2). 0, E_DENIED, or
 * negative. */
static int code_check(struct directory *d, uint64_t account, const struct directory_totp *v, struct str typed, const struct second_visit *visit,
	const char **why)
{
	char digest[SECRET_HEX + 1];
	uint64_t step;
	int r = E_NOTFOUND;

	*why = "wrong code of the second factor";
	if (!v->since || totp_recovery_digest(typed, digest)) {
		r = recover(d, account, v, typed);
	} else {
		r = d->ops->totp_try(d, account, (uint64_t)visit->now, (uint64_t)MAX(visit->now - visit->code_window_s, 0), (uint64_t)visit->code_tries);
		if (r == E_NOTFOUND)
			*why = "too many wrong codes of the second factor";
		else if (r == 0)
			r = totp_check(v->secret, typed, visit->now, &step) ? d->ops->totp_step(d, account, step) : E_NOTFOUND;
	}
	return r == E_NOTFOUND ? E_DENIED : r;
}

int second_check(struct directory *d, uint64_t account, const struct sasl_second *shown, const struct second_visit *visit, struct arena *a,
	struct second_outcome *out)
{
	struct search s = { .rp_id = STR(""), .credential = shown->key, .a = a };
	struct directory_totp v = { .since = 0 };
	int r = d->ops->totp ? d->ops->totp(d, account, a, &v) : E_NOTFOUND;

	*out = (struct second_outcome){ .is = SECOND_NONE };
	(void)webauthn_rp_id(shown->origin, &s.rp_id);
	buf_init(&s.names, IPC_MAX);
	if ((r == 0 || r == E_NOTFOUND) && d->ops->security_keys)
		r = d->ops->security_keys(d, account, look, &s);
	if (r == E_NOTFOUND)
		r = 0;
	if (r == 0 && (v.since || s.n > 0)) {
		out->is = SECOND_NEEDED;
		out->why = "the second factor is needed";
		out->ways = !s.n ? "code" : v.since ? "code,key" : "key";
		out->keys = arena_str(a, buf_view(&s.names));
		if (shown->code.n > 0) {
			r = code_check(d, account, &v, shown->code, visit, &out->why);
		} else if (shown->key.n > 0) {
			r = key_check(d, account, shown, visit, &s.found, out);
		}
		if (shown->code.n > 0 || shown->key.n > 0)
			out->is = r == 0 ? SECOND_GOOD : SECOND_WRONG;
		if (r == E_DENIED)
			r = 0;
	}
	buf_done(&s.names);
	return r;
}
