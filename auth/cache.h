/* SPDX-License-Identifier: ISC
 *
 * cache.h: answers of the directory that are still good, positive and
 * negative. The key is the whole question (kind and every argument, C15), the
 * value the answer as a printed message. Cleared as a whole on any change.
 */
#ifndef MANSIO_AUTH_CACHE_H
#define MANSIO_AUTH_CACHE_H

#include "base/str.h"

struct cache;
struct cache *cache_new(size_t max, int64_t life_ms);
void cache_free(struct cache *c);
void cache_set(struct cache *c, size_t max, int64_t life_ms); /* new limits; empties it */
void cache_put(struct cache *c, struct str key, struct str value, int64_t now_ms);
/* STR_NONE: not there. Borrowed until the next call. */
struct str cache_get(struct cache *c, struct str key, int64_t now_ms);
void cache_clear(struct cache *c);

#endif
