/* SPDX-License-Identifier: ISC
 *
 * guard.c: LMDB trusts its file. A truncated one gives SIGBUS, a changed page
 * header SIGSEGV or an assertion, a garbage page an endless loop (measured:
 * 42 of 300). The index is only a cache, so none of these may end a session
 * or, worse, hold the lock for ever.
 *
 * Every call into LMDB runs between guard_enter and guard_leave. A fault
 * there, or the same call still running after three seconds of CPU time,
 * jumps back to burst_run, which gives the environment up (its memory and map
 * are lost, on purpose: nothing of it can be trusted), deletes the index under
 * the lock and starts the work again. The jump leaves only frames of LMDB and
 * of the burst function, which keeps what it did in memory that outlives it.
 * This is the one place of the suite with a longjmp: there is no other way
 * back from a fault.
 *
 * Writing is another thing: LMDB moves bytes inside pages by lengths that it
 * finds in them, and by the time that faults it may have written over our own
 * memory. Then the index file is deleted (its name is all that is needed) and
 * the process ends as it would have; the next one builds the index anew. This
 * takes a disk that lies: what other programs do to the file is seen by its
 * times before it is opened (index.c).
 *
 * The handlers stand for the length of a burst. A fault outside of LMDB is our
 * bug: the handler that was there before gets it.
 */
#include "store/guard.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

enum { GUARD_TICKS = 3 };

struct guard guard;

static const int guard_signal[] = { SIGSEGV, SIGBUS, SIGABRT, SIGVTALRM };
static struct sigaction guard_old[ARRAY_LEN(guard_signal)];
static volatile unsigned tick_calls;
static volatile int ticks;

void guard_fail(void)
{
	int inside = guard.inside;

	guard.inside = 0;
	if (inside == 1)
		siglongjmp(guard.jump, 1);
	if (inside == 2)
		unlink(GUARD_FILE);
	abort();
}

static void on_fault(int sig)
{
	size_t i;

	if (guard.inside == 1)
		guard_fail();
	if (guard.inside == 2) {
		guard.inside = 0;
		unlink(GUARD_FILE);
	}
	for (i = 0; i < ARRAY_LEN(guard_signal); i++)
		if (guard_signal[i] == sig)
			sigaction(sig, &guard_old[i], NULL);
	/* Returning runs the faulting instruction again, now with the old handler. */
}

static void on_tick(int sig UNUSED)
{
	if (!guard.inside || guard.calls != tick_calls) {
		tick_calls = guard.calls;
		ticks = 0;
		return;
	}
	if (++ticks >= GUARD_TICKS)
		guard_fail();
}

static void timer(time_t sec)
{
	struct itimerval it = { { sec, 0 }, { sec, 0 } };

	setitimer(ITIMER_VIRTUAL, &it, NULL);
}

void guard_start(void)
{
	struct sigaction sa = { 0 };
	size_t i;

	sigemptyset(&sa.sa_mask);
	for (i = 0; i < ARRAY_LEN(guard_signal); i++) {
		sa.sa_handler = guard_signal[i] == SIGVTALRM ? on_tick : on_fault;
		sa.sa_flags = guard_signal[i] == SIGVTALRM ? SA_RESTART : SA_NODEFER;
		sigaction(guard_signal[i], &sa, &guard_old[i]);
	}
	ticks = 0;
	timer(1);
}

void guard_stop(void)
{
	size_t i;

	guard.inside = 0;
	timer(0);
	for (i = 0; i < ARRAY_LEN(guard_signal); i++)
		sigaction(guard_signal[i], &guard_old[i], NULL);
}
