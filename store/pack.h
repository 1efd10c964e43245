/* SPDX-License-Identifier: ISC
 *
 * pack.h: index/<folder id>.pack, a large view as it was at some MODSEQ, so that
 * the next session reads one file instead of a record a message. Deletable at
 * any moment, believed only with its checksums and in its epoch of the index.
 */
#ifndef MANSIO_STORE_PACK_H
#define MANSIO_STORE_PACK_H

#include "store/view.h"

#define PACK_MIN 1000 /* messages; smaller folders are read from the index */
#define PACK_OLD 500 /* MODSEQs behind: time for a new one */

/* Fills an empty view of folder f with what the pack has: v->n, uidnext and priv->synced
 * say up to where. 0, or E_NOTFOUND (there is none that fits), -errno: the view is empty. */
int pack_read(struct burst *b, struct store_view *v, const struct folder *f);
/* Writes the view down if priv->pack_due: once, soon after it was read, but not while
 * the client waits for SELECT. What fails costs the next one time. */
void pack_if_due(struct store_view *v);
void pack_remove(struct store *s, uint64_t folder);

#endif
