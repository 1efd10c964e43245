/* SPDX-License-Identifier: ISC
 *
 * recipient.c: from an address to the mailboxes behind it, at RCPT: authd
 * resolves (aliases, catch-all, user+detail), and a mailbox that is already
 * full says so now, while the sender can still be told.
 */
#include "delivery/session.h"

#include <fcntl.h>

#include "base/file.h"
#include "delivery/forward.h"
#include "store/store.h"

#define AUTHD_WAIT_MS 10000

/* <postmaster> alone (RFC 5321 4.5.1): of the nearest domain of ours above our name. */
static int resolve(struct session *s, struct str address, struct auth_rcpt *out, int *key_out)
{
	struct str domain = str_of(s->hostname);
	deadline d = deadline_in(AUTHD_WAIT_MS);
	ssize_t dot;
	int r;

	if (!str_eqc(address, "postmaster"))
		return auth_rcpt_key(s->authd, address, &s->tx.a, out, key_out, d);
	*key_out = -1;
	for (;;) {
		address = str_of(arena_fmt(&s->cmd, "postmaster@%.*s", STRF(domain)));
		r = auth_rcpt(s->authd, address, &s->tx.a, out, d);
		dot = str_find(domain, '.');
		if (r || out->result != AUTH_NODOMAIN || dot < 0)
			return r;
		domain = str_from(domain, (size_t)dot + 1);
	}
}

static int refuse(const struct session *s, struct str address, const struct auth_rcpt *rcpt, struct dsn *why)
{
	switch (rcpt->result) {
	case AUTH_NODOMAIN:
		dsn_set(why, 550, "5.7.1", "<%.*s>: this is not a domain of this server", STRF(address));
		return -1;
	case AUTH_TEMP:
		dsn_set(why, 451, "4.3.0", "<%.*s>: cannot be looked up at the moment, try again later",
			STRF(address));
		return -1;
	case AUTH_OK:
	case AUTH_INACTIVE:
		if (rcpt->noutside && !forward_allowed(s->conf)) {
			dsn_set(why, 550, "5.7.1", "<%.*s>: this server forwards no mail to other domains, "
				"neither [send] direct nor smarthost is set", STRF(address));
			return -1;
		}
		if (rcpt->ntargets || rcpt->noutside)
			return 0;
		break;
	case AUTH_UNKNOWN:
	case AUTH_DENIED:
		break;
	}
	if (rcpt->moved.n) /* RFC 3463 3.2 */
		dsn_set(why, 550, "5.1.6", "<%.*s>: %.*s", STRF(address), STRF(rcpt->moved));
	else
		dsn_set(why, 550, "5.1.1", "<%.*s>: no such mailbox here", STRF(address));
	return -1;
}

static size_t account_index(struct tx *tx, const struct auth_target *t)
{
	size_t i;

	for (i = 0; i < tx->naccounts; i++)
		if (str_eq(tx->account[i].name, t->account))
			return i;
	if (tx->naccounts == tx->account_cap) {
		tx->account_cap = tx->account_cap ? tx->account_cap * 2 : 4;
		tx->account = mem_grow(tx->account, tx->account_cap, sizeof *tx->account);
	}
	tx->account[tx->naccounts++] = (struct account){ .name = t->account,
		.quota_bytes = t->quota_bytes, .quota_messages = t->quota_messages, .key = -1 };
	return i;
}

static int usage(struct session *s, const struct account *acc, uint64_t *bytes, uint64_t *messages)
{
	struct store_options opt = { .host = s->hostname, .lock_timeout_ms = s->conf->mail_lock_timeout };
	struct store *store;
	int r;

	opt.key = fcntl(acc->key, F_DUPFD_CLOEXEC, 3);
	if (opt.key < 0)
		return -errno;
	r = store_open(&opt, &store);
	if (r) {
		fd_close(&opt.key); /* still ours */
		return r;
	}
	r = store_usage(store, bytes, messages);
	store_close(store);
	return r;
}

/* Full already, or full with the size that MAIL declared? Checked again, under the
 * lock, when the message is stored. */
static int check_quota(struct session *s, struct account *acc, struct str address, struct dsn *why)
{
	uint64_t bytes = 0, messages = 0;
	int r;

	if (!acc->quota_bytes && !acc->quota_messages)
		return 0;
	r = acc->key >= 0 ? 0 : auth_keys(s->authd, &acc->name, 1, &acc->key, deadline_in(AUTHD_WAIT_MS));
	if (!r && acc->key < 0)
		r = E_DENIED;
	if (!r)
		r = usage(s, acc, &bytes, &messages);
	if (r) {
		dsn_set(why, 451, "4.3.0", "<%.*s>: mailbox not available at the moment, try again later",
			STRF(address));
		dsn_log(why, "%.*s: %s", STRF(acc->name), err_text(r));
		return -1;
	}
	if ((!acc->quota_bytes || (bytes < acc->quota_bytes && s->tx.declared <= acc->quota_bytes - bytes)) &&
		(!acc->quota_messages || messages < acc->quota_messages))
		return 0;
	dsn_set(why, 552, "5.2.2", "<%.*s>: mailbox is full", STRF(address));
	return -1;
}

static struct recipient *recipient_new(struct tx *tx)
{
	if (tx->nrcpt == tx->rcpt_cap) {
		tx->rcpt_cap = tx->rcpt_cap ? tx->rcpt_cap * 2 : 4;
		tx->rcpt = mem_grow(tx->rcpt, tx->rcpt_cap, sizeof *tx->rcpt);
	}
	return &tx->rcpt[tx->nrcpt++];
}

/* key: of the only target, -1 once the account has it. */
static int find_targets(struct session *s, const struct auth_rcpt *rcpt, struct recipient *r, int *key,
	struct dsn *why)
{
	struct tx *tx = &s->tx;
	size_t i;

	r->target = arena_array(&tx->a, rcpt->ntargets, sizeof *r->target);
	for (i = 0; i < rcpt->ntargets; i++) {
		r->target[i].account = account_index(tx, &rcpt->target[i]);
		r->target[i].detail = rcpt->target[i].detail;
		if (*key >= 0 && tx->account[r->target[i].account].key < 0) {
			tx->account[r->target[i].account].key = *key;
			*key = -1;
		}
		if (check_quota(s, &tx->account[r->target[i].account], r->address, why))
			return -1;
	}
	r->ntargets = rcpt->ntargets;
	r->outside = rcpt->outside;
	r->noutside = rcpt->noutside;
	return r->noutside ? forward_open(s, why) : 0;
}

static int add(struct session *s, const struct recipient *in, int *key, struct dsn *why)
{
	struct tx *tx = &s->tx;
	struct auth_rcpt rcpt = { .result = AUTH_TEMP };
	struct recipient new = *in;
	int r = resolve(s, in->address, &rcpt, key);

	if (r)
		rcpt = (struct auth_rcpt){ .result = AUTH_TEMP };
	if (refuse(s, in->address, &rcpt, why)) {
		if (r)
			dsn_log(why, "authd: %s", err_text(r));
		return -1;
	}
	if (tx->nrcpt >= (uint64_t)s->conf->smtp_recipients ||
		tx->ntargets + tx->noutside + rcpt.ntargets + rcpt.noutside > (uint64_t)s->conf->delivery_mailboxes) {
		dsn_set(why, 452, "4.5.3", "Too many recipients, send the others in another message");
		return -1;
	}
	if (find_targets(s, &rcpt, &new, key, why))
		return -1;
	tx->ntargets += new.ntargets;
	tx->noutside += new.noutside;
	*recipient_new(tx) = new;
	return 0;
}

int recipient_add(struct session *s, const struct recipient *in, struct dsn *why)
{
	int key = -1, r = add(s, in, &key, why);

	fd_close(&key);
	return r;
}
