/* SPDX-License-Identifier: ISC
 *
 * faults.h: the fault counter of the tests: the n-th operation on a file fails,
 * comes up short, or is the last one that the process does.
 *
 * faults.c stands between a program and the C library: linked into a test program
 * (tests/crash/store.c), or preloaded into the programs of a running suite
 * (tests/system/test_faults.py) as they were built for release. The product itself knows
 * nothing of it. What our own code calls and what LMDB and SQLite call
 * is counted alike, so a commit of the index is as many operations as it is writes.
 *
 * The counter lives in a page that all processes share, so whoever tests arms it from
 * outside, in a sandbox too: the page is mapped before the sandbox stands.
 */
#ifndef MANSIO_TESTS_FAULTS_H
#define MANSIO_TESTS_FAULTS_H

#include <stdint.h>

enum faults_mode {
	FAULTS_COUNT, /* only count */
	FAULTS_ERROR, /* the operation fails with `error` */
	FAULTS_STICKY, /* it and all that can fail so after it */
	FAULTS_SHORT, /* a write does half of its work */
	FAULTS_KILL, /* the process dies instead of doing it */
	FAULTS_KILL_AFTER, /* the process dies when it is done */
};

enum { FAULTS_FILES = 32 };

/* In the layout that tests/system reads and writes (struct "<4I16s4I64sq"). */
struct faults {
	uint32_t armed; /* 0: everything passes uncounted */
	uint32_t mode;
	int32_t error;
	uint32_t at; /* the n-th operation, from 1 */
	char program[16]; /* of this program only; empty: of all */
	uint32_t seen; /* operations so far */
	uint32_t fired; /* how often one was hit */
	uint32_t again; /* files whose fsync failed and was asked for again: must stay 0 */
	uint32_t nfailed;
	char what[64]; /* the operation that was hit */
	int64_t shift; /* seconds that the wall clock is ahead (faults_clock.c) */
	struct {
		uint64_t dev, ino;
		int64_t born; /* ns: a number of a file that is gone is given again */
	} failed[FAULTS_FILES];
};

/* The page, for a program that links this; a preloaded one maps the file $MANSIO_FAULTS. */
extern struct faults *faults;
void faults_share(void);
void faults_arm(enum faults_mode mode, int error, uint32_t at);
void faults_disarm(void);

#endif
