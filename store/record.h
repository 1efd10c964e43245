/* SPDX-License-Identifier: ISC
 *
 * record.h: what the index holds, typed and checked: a record per message, one
 * per folder, the expunge log, delivery ids, the mailbox's sums.
 */
#ifndef MANSIO_STORE_RECORD_H
#define MANSIO_STORE_RECORD_H

#include "store/index.h"
#include "store/name.h"

/* A message. Everything but MODSEQ and the place in the cache file comes back
 * from the file name and mansio-extra. */
struct record {
	uint32_t uid;
	uint32_t flags; /* STORE_SEEN .. STORE_DRAFT, NAME_PASSED */
	uint64_t keywords; /* bit: number in mansio-folder */
	uint64_t modseq;
	int64_t internaldate, savedate;
	uint64_t size, file_size; /* on the wire, on disk */
	uint64_t cache_at; /* 0: not described yet */
	uint32_t cache_len;
	char name[NAME_SIZE]; /* in cur/ */
};

struct meta {
	uint32_t uidvalidity, uidnext;
	uint32_t recent_uid; /* first that no session was told as \Recent */
	uint32_t count, unseen, deleted;
	uint32_t spare; /* keeps the next ones aligned without a hole */
	uint32_t pending_from, pending_to; /* UIDs being given to files now; from 0: none */
	uint32_t dirty; /* files are being changed now: look at the directory */
	uint64_t bytes;
	uint64_t modseq; /* last one given */
	uint64_t modseq_flags, modseq_gone; /* last change of a message, last expunge */
	uint64_t gone_floor; /* the expunge log is complete above */
	int64_t cur_mtime, new_mtime; /* as last seen, ns; 0: unknown */
	int64_t scanned; /* when cur/ was read, and how long that took */
	int64_t scan_cost;
	uint32_t unsettled; /* META_* */
	uint32_t ngone; /* entries of the expunge log */
	uint64_t cache_live; /* bytes of the cache file in use */
	uint64_t modseq_logged; /* of modseq_flags: the last one that the change log has */
	uint64_t changed_floor; /* the change log is complete above */
	uint64_t nchanged; /* its entries */
};
enum {
	META_OWN = 1, /* cur/: our own change is so fresh that a foreign one could hide */
	META_CUR = 2, /* cur/: a foreign change is that fresh */
	META_NEW = 4, /* new/: the same */
};

int record_get(struct burst *b, uint64_t folder, uint32_t uid, struct record *out);
int record_put(struct burst *b, uint64_t folder, const struct record *r);
int record_del(struct burst *b, uint64_t folder, uint32_t uid);
/* All records from uid `from` on. next: 1, 0, negative. */
int record_scan(struct burst *b, uint64_t folder, uint32_t from, struct index_scan *sc);
int record_next(struct index_scan *sc, struct record *out);

int meta_get(struct burst *b, uint64_t folder, struct meta *out);
int meta_put(struct burst *b, uint64_t folder, const struct meta *m);

int gone_put(struct burst *b, uint64_t folder, uint64_t modseq, uint32_t uid);
int gone_scan(struct burst *b, uint64_t folder, uint64_t after, struct index_scan *sc);
int gone_next(struct index_scan *sc, uint64_t *modseq_out, uint32_t *uid_out);

/* Which messages were changed at a MODSEQ: ranges of UIDs. */
#define CHANGED_RANGES 120
struct changed {
	uint64_t modseq;
	uint32_t n;
	struct { uint32_t lo, hi; } range[CHANGED_RANGES];
};
int changed_put(struct burst *b, uint64_t folder, const struct changed *c);
int changed_del(struct burst *b, uint64_t folder, uint64_t modseq);
int changed_scan(struct burst *b, uint64_t folder, uint64_t after, struct index_scan *sc);
int changed_next(struct index_scan *sc, struct changed *out);

/* Delivery ids of the last DELIVERED_DAYS. */
#define DELIVERED_DAYS 14
int delivered_get(struct burst *b, struct str id, uint64_t *folder_out, uint32_t *uid_out);
int delivered_put(struct burst *b, struct str id, int64_t when, uint64_t folder, uint32_t uid);
int delivered_prune(struct burst *b, int64_t now);

/* Sums over all folders; valid while Maildir/ has this mtime. */
struct usage {
	int64_t mtime;
	uint64_t bytes, messages;
};
int usage_get(struct burst *b, struct usage *out);
int usage_forget(struct burst *b);
int usage_put(struct burst *b, const struct usage *u);

/* Removes all that the index knows of a folder. */
int folder_forget(struct burst *b, uint64_t folder);

#endif
