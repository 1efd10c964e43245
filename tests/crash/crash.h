/* SPDX-License-Identifier: ISC
 *
 * crash.h: what the files of the program tests/crash/store share (store.c says what it does).
 */
#ifndef MANSIO_TESTS_CRASH_H
#define MANSIO_TESTS_CRASH_H

#include "base/base.h"
#include "store/store.h"

enum { MESSAGES = 64, FOLDERS = 24, BIG = 1200000 };

struct picture {
	int err;
	unsigned nf, nm;
	struct pfolder {
		char name[48];
		unsigned flags;
		uint32_t validity, uidnext;
		uint64_t modseq;
	} f[FOLDERS];
	struct pmessage {
		char folder[48], subject[32], keywords[160];
		uint32_t uid, flags;
		uint64_t modseq;
		bool whole;
	} m[MESSAGES];
};

/* What children tell, in shared memory. */
struct told {
	int result; /* of the change */
	bool returned, synced_badly;
	int fds_before, fds_after;
	char text[600];
	struct picture within; /* by the process that met the fault */
	struct picture before, after; /* of a run without fault */
	struct picture early, now, again, rebuilt; /* of this one */
};

extern struct told *told;
extern char dir[64]; /* where the mailbox is */

/* Ends the child with what it found. */
NORETURN void bad(const char *fmt, ...) PRINTF(1, 2);

/* picture.c: a mailbox, and what a client sees of it. */
void box_path(char *out, size_t n, const char *a, const char *b);
void box_remove(const char *path);
struct store *box_open(void);
/* The text of a message follows from its subject, so that every byte can be checked. */
void text_of(const char *subject, struct buf *out);
void picture_take(struct store *s, struct picture *p);

/* change.c: what is done to it. */
enum {
	TWICE = 1, /* a message may be in both places: the change copies, then removes */
	WHOLE = 2, /* the folders are all as before or all as after */
	DOUBLES = 4, /* done again without an answer, it makes another message */
	OPENS = 8, /* opening the mailbox is part of the change */
	ONCE = 16, /* done again it is another change */
	BLIND = 32, /* without an answer it is done again before anybody looks */
	ATOMIC = 64, /* all or nothing, unless the process dies over it */
};

struct scenario {
	const char *name;
	int (*setup)(struct store *s);
	int (*change)(struct store *s);
	unsigned flags;
};
extern const struct scenario scenarios[];

/* judge.c: why and whom say what is wrong, where a function answers false. */
extern const char *why;
extern char whom[100];
#define WRONG(what, a, b)                                                              \
	do {                                                                           \
		why = what;                                                            \
		snprintf(whom, sizeof(whom), "%.40s/%.40s", a, b);                     \
		return false;                                                          \
	} while (0)
/* Numbers within p, and against an earlier picture of the same mailbox. */
bool judge_numbers(const struct picture *early, const struct picture *p);
/* Folder by folder and message by message as in `before` or as in `after`. */
bool judge_doubt(const struct scenario *sc, const struct picture *p);
/* All messages as in `before`, or all as in `after`. */
bool judge_atomic(const struct picture *p);
/* As in `after`, but for UIDs that were skipped. */
bool judge_done(const struct picture *p, bool doubles);
/* An index made anew. */
bool judge_rebuilt(const struct picture *a, const struct picture *b);

#endif
