/* SPDX-License-Identifier: ISC
 *
 * record.c: keys and values of the index. Numbers in keys are big-endian, so
 * that byte order is their order; values are in the machine's order (the
 * format name in index/state changes with it).
 *
 *   F folder             struct meta
 *   M folder uid         struct record, the name cut to its length
 *   X folder modseq uid  (empty) expunged
 *   C folder modseq      ranges of UIDs whose flags or keywords were changed
 *   D delivery-id        struct delivered
 *   T time delivery-id   (empty) when a D may go
 *   U                    struct usage
 *
 * Every value starts with the CRC-32C of its key and the rest: a flipped bit
 * that LMDB does not notice ends as BURST_DAMAGED, never as a wrong answer.
 */
#include "store/record.h"

#include "base/rand.h"

enum { PRUNE_AT_ONCE = 4, FORGET_CHUNK = 1000 };

struct key {
	unsigned char p[INDEX_KEY_MAX];
	size_t n;
};

static void key_u64(struct key *k, uint64_t v)
{
	int i;

	for (i = 56; i >= 0; i -= 8)
		k->p[k->n++] = (unsigned char)(v >> i);
}

static void key_u32(struct key *k, uint32_t v)
{
	int i;

	for (i = 24; i >= 0; i -= 8)
		k->p[k->n++] = (unsigned char)(v >> i);
}

static uint64_t get_u(const unsigned char *p, int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

static struct key key_of(char type, uint64_t folder)
{
	struct key k;

	k.n = 0;
	k.p[k.n++] = (unsigned char)type;
	if (folder)
		key_u64(&k, folder);
	return k;
}

static int value_put(struct burst *b, const struct key *k, const void *p, size_t n)
{
	unsigned char v[INDEX_VALUE_MAX];
	uint32_t crc = crc32c(crc32c(0, k->p, k->n), p, n);

	BUG_ON(n + 4 > sizeof(v));
	memcpy(v, &crc, 4);
	memcpy(v + 4, p, n);
	return index_put(b, k->p, k->n, v, n + 4);
}

static int value_check(const unsigned char *key, size_t nkey, const unsigned char *v, size_t n)
{
	uint32_t crc;

	if (n < 4)
		return BURST_DAMAGED;
	memcpy(&crc, v, 4);
	return crc == crc32c(crc32c(0, key, nkey), v + 4, n - 4) ? 0 : BURST_DAMAGED;
}

/* The value without its checksum, exactly n bytes. */
static int value_get(struct burst *b, const struct key *k, void *out, size_t n)
{
	unsigned char v[INDEX_VALUE_MAX];
	size_t got;
	int err = index_get(b, k->p, k->n, v, sizeof(v), &got);

	if (err)
		return err;
	if (got != n + 4 || value_check(k->p, k->n, v, got))
		return BURST_DAMAGED;
	memcpy(out, v + 4, n);
	return 0;
}

/* --- messages ------------------------------------------------------------- */

static struct key record_key(uint64_t folder, uint32_t uid)
{
	struct key k = key_of('M', folder);

	key_u32(&k, uid);
	return k;
}

static int record_parse(const unsigned char *key, size_t nkey, const unsigned char *v, size_t n,
	struct record *out)
{
	const size_t head = offsetof(struct record, name);

	if (nkey != 13 || n < 4 + head || n >= 4 + sizeof(*out) || value_check(key, nkey, v, n))
		return BURST_DAMAGED;
	memcpy(out, v + 4, n - 4);
	out->name[n - 4 - head] = 0;
	return out->uid == get_u(key + 9, 4) ? 0 : BURST_DAMAGED;
}

int record_get(struct burst *b, uint64_t folder, uint32_t uid, struct record *out)
{
	struct key k = record_key(folder, uid);
	unsigned char v[INDEX_VALUE_MAX];
	size_t n;
	int err = index_get(b, k.p, k.n, v, sizeof(v), &n);

	return err ? err : record_parse(k.p, k.n, v, n, out);
}

int record_put(struct burst *b, uint64_t folder, const struct record *r)
{
	struct key k = record_key(folder, r->uid);

	return value_put(b, &k, r, offsetof(struct record, name) + strlen(r->name));
}

int record_del(struct burst *b, uint64_t folder, uint32_t uid)
{
	struct key k = record_key(folder, uid);

	return index_del(b, k.p, k.n);
}

int record_scan(struct burst *b, uint64_t folder, uint32_t from, struct index_scan *sc)
{
	struct key k = record_key(folder, from);

	return index_scan(b, k.p, k.n, 9, sc);
}

int record_next(struct index_scan *sc, struct record *out)
{
	int rc = index_scan_next(sc);

	if (rc <= 0)
		return rc;
	rc = record_parse(sc->key, sc->nkey, sc->value, sc->nvalue, out);
	return rc ? rc : 1;
}

/* --- folders -------------------------------------------------------------- */

int meta_get(struct burst *b, uint64_t folder, struct meta *out)
{
	struct key k = key_of('F', folder);

	return value_get(b, &k, out, sizeof(*out));
}

int meta_put(struct burst *b, uint64_t folder, const struct meta *m)
{
	struct key k = key_of('F', folder);

	return value_put(b, &k, m, sizeof(*m));
}

int gone_put(struct burst *b, uint64_t folder, uint64_t modseq, uint32_t uid)
{
	struct key k = key_of('X', folder);

	key_u64(&k, modseq);
	key_u32(&k, uid);
	return value_put(b, &k, "", 0);
}

int gone_scan(struct burst *b, uint64_t folder, uint64_t after, struct index_scan *sc)
{
	struct key k = key_of('X', folder);

	key_u64(&k, after + 1);
	key_u32(&k, 0);
	return index_scan(b, k.p, k.n, 9, sc);
}

int gone_next(struct index_scan *sc, uint64_t *modseq_out, uint32_t *uid_out)
{
	int rc = index_scan_next(sc);

	if (rc <= 0)
		return rc;
	if (sc->nkey != 21 || value_check(sc->key, sc->nkey, sc->value, sc->nvalue))
		return BURST_DAMAGED;
	*modseq_out = get_u(sc->key + 9, 8);
	*uid_out = (uint32_t)get_u(sc->key + 17, 4);
	return 1;
}

static struct key changed_key(uint64_t folder, uint64_t modseq)
{
	struct key k = key_of('C', folder);

	key_u64(&k, modseq);
	return k;
}

int changed_put(struct burst *b, uint64_t folder, const struct changed *c)
{
	struct key k = changed_key(folder, c->modseq);

	return value_put(b, &k, c->range, c->n * sizeof(c->range[0]));
}

int changed_del(struct burst *b, uint64_t folder, uint64_t modseq)
{
	struct key k = changed_key(folder, modseq);

	return index_del(b, k.p, k.n);
}

int changed_scan(struct burst *b, uint64_t folder, uint64_t after, struct index_scan *sc)
{
	struct key k = changed_key(folder, after + 1);

	return index_scan(b, k.p, k.n, 9, sc);
}

int changed_next(struct index_scan *sc, struct changed *out)
{
	int rc = index_scan_next(sc);
	size_t n;

	if (rc <= 0)
		return rc;
	if (sc->nkey != 17 || value_check(sc->key, sc->nkey, sc->value, sc->nvalue))
		return BURST_DAMAGED;
	n = sc->nvalue - 4;
	if (n % sizeof(out->range[0]) || n > sizeof(out->range))
		return BURST_DAMAGED;
	out->modseq = get_u(sc->key + 9, 8);
	out->n = (uint32_t)(n / sizeof(out->range[0]));
	memcpy(out->range, sc->value + 4, n);
	return 1;
}

/* --- delivery ids --------------------------------------------------------- */

struct delivered {
	int64_t when;
	uint64_t folder;
	uint64_t uid;
};

static bool delivered_key(struct str id, struct key *k)
{
	*k = key_of('D', 0);
	if (id.n == 0 || id.n > INDEX_KEY_MAX - 16)
		return false;
	memcpy(k->p + k->n, id.p, id.n);
	k->n += id.n;
	return true;
}

static struct key due_key(int64_t when, struct str id)
{
	struct key k = key_of('T', 0);

	key_u64(&k, (uint64_t)MAX(when, 0));
	memcpy(k.p + k.n, id.p, id.n);
	k.n += id.n;
	return k;
}

int delivered_get(struct burst *b, struct str id, uint64_t *folder_out, uint32_t *uid_out)
{
	struct delivered d;
	struct key k;
	int err;

	if (!delivered_key(id, &k))
		return E_NOTFOUND;
	err = value_get(b, &k, &d, sizeof(d));
	if (err)
		return err;
	*folder_out = d.folder;
	*uid_out = (uint32_t)d.uid;
	return 0;
}

int delivered_put(struct burst *b, struct str id, int64_t when, uint64_t folder, uint32_t uid)
{
	struct delivered d = { when, folder, uid };
	struct key k, due;
	int err;

	if (!delivered_key(id, &k))
		return E_LIMIT;
	due = due_key(when, id);
	err = value_put(b, &k, &d, sizeof(d));
	return err ? err : value_put(b, &due, "", 0);
}

int delivered_prune(struct burst *b, int64_t now)
{
	struct key dead[PRUNE_AT_ONCE], first = key_of('T', 0), id;
	struct index_scan sc;
	int n = 0, i, rc, err;

	err = index_scan(b, first.p, first.n, 1, &sc);
	if (err)
		return err;
	while (n < PRUNE_AT_ONCE && (rc = index_scan_next(&sc)) > 0) {
		if (sc.nkey < 10) {
			rc = BURST_DAMAGED;
			break;
		}
		if ((int64_t)get_u(sc.key + 1, 8) > now - DELIVERED_DAYS * 86400)
			break;
		memcpy(dead[n].p, sc.key, sc.nkey);
		dead[n++].n = sc.nkey;
	}
	index_scan_end(&sc);
	if (n < PRUNE_AT_ONCE && rc < 0)
		return rc;
	for (i = 0; i < n; i++) {
		err = index_del(b, dead[i].p, dead[i].n);
		if (!err && delivered_key(str_make(dead[i].p + 9, dead[i].n - 9), &id))
			err = index_del(b, id.p, id.n);
		if (err)
			return err;
	}
	return 0;
}

/* --- the mailbox ------------------------------------------------------------ */

int usage_get(struct burst *b, struct usage *out)
{
	struct key k = key_of('U', 0);

	return value_get(b, &k, out, sizeof(*out));
}

int usage_put(struct burst *b, const struct usage *u)
{
	struct key k = key_of('U', 0);

	return value_put(b, &k, u, sizeof(*u));
}

int usage_forget(struct burst *b)
{
	struct key k = key_of('U', 0);

	return index_del(b, k.p, k.n);
}

/* Deletes what starts with `prefix`, a chunk at a time: nothing is deleted under a cursor. */
static int forget(struct burst *b, struct key prefix)
{
	struct key *dead = arena_array(&b->a, FORGET_CHUNK, sizeof(*dead));
	struct index_scan sc;
	int n, i, rc, err;

	do {
		err = index_scan(b, prefix.p, prefix.n, prefix.n, &sc);
		if (err)
			return err;
		for (n = 0, rc = 0; n < FORGET_CHUNK && (rc = index_scan_next(&sc)) > 0; n++) {
			memcpy(dead[n].p, sc.key, sc.nkey);
			dead[n].n = sc.nkey;
		}
		index_scan_end(&sc);
		if (rc < 0)
			return rc;
		for (i = 0; i < n && !err; i++)
			err = index_del(b, dead[i].p, dead[i].n);
		if (!err && n)
			err = index_commit(b, 0);
	} while (!err && n == FORGET_CHUNK);
	return err;
}

int folder_forget(struct burst *b, uint64_t folder)
{
	int err = forget(b, key_of('M', folder));

	if (!err)
		err = forget(b, key_of('X', folder));
	if (!err)
		err = forget(b, key_of('C', folder));
	if (!err)
		err = forget(b, key_of('F', folder));
	return err;
}
