/* SPDX-License-Identifier: ISC
 *
 * fake_store.h: a store door made of strings, linked in place of store/: it
 * remembers what was asked and fails where the test says so.
 */
#ifndef MANSIO_TESTS_FAKE_STORE_H
#define MANSIO_TESTS_FAKE_STORE_H

#include "store/store.h"

#define FAKE_MAILS 8
struct fake_store {
	const char *mail[FAKE_MAILS]; /* up to the first NULL */
	bool expunged[FAKE_MAILS], seen[FAKE_MAILS];
	int select_err, open_err, expunge_err, uidl_err;
	size_t piece; /* bytes that one read gives at most, 0: all */
	uint64_t broken_at; /* reads fail from this byte on; 0: never */
	int open; /* messages and views that were not closed */
};
extern struct fake_store fake;

#endif
