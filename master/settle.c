/* SPDX-License-Identifier: ISC
 *
 * settle.c: when new settings count everywhere: what 'reload', 'config set' and the like wait for.
 *
 *     run_reload --> the renewals are ready, their clients have new links
 *                --> `settle n` to every process --> `settled n` of every process --> the command is answered
 *
 * A process answers in the order of what it was told (conf/program.h), so who has said `settled` has taken
 * its settings and every new link that was sent before: what is asked after the command meets nobody who
 * lives by the settings of before. Always true: a command waits no longer than [server] reload_wait, and is told then
 * who is not there yet; one whose next process does not start goes on as it was, is named, and waited for no more.
 * The pool is not waited for: those in the middle of a session answer late, and the others read what master says before
 * they take the next client.
 */
#include "master/master.h"

/* The process that is to take the place of p; NULL: none is under way. */
static const struct proc *next_of(const struct master *m, const struct proc *p)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->replaces == p && proc_running(m->proc[i]))
			return m->proc[i];
	return NULL;
}

static bool renewing(const struct master *m)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->replaces && proc_running(m->proc[i]))
			return true;
	return false;
}

/* Does it serve, in its place? */
static bool counts(const struct proc *p)
{
	return programs[p->id].kind != KIND_POOL && p->state == PROC_READY && !p->retired;
}

void settle_ask(struct master *m, struct proc *p)
{
	struct ipc_msg msg;

	if (m->settle_said == 0 || !counts(p))
		return;
	ipc_init(&msg, "settle");
	ipc_set_u64(&msg, "n", m->settle_said);
	proc_send(m, p, &msg);
	ipc_done(&msg);
}

void settle_tick(struct master *m)
{
	size_t i;

	if (m->settle_said == m->reloads || renewing(m))
		return;
	m->settle_said = m->reloads;
	for (i = 0; i < m->nprocs; i++)
		settle_ask(m, m->proc[i]);
}

bool settle_over(const struct master *m, uint64_t reload)
{
	size_t i;

	if (renewing(m) || m->settle_said < reload)
		return false;
	for (i = 0; i < m->nprocs; i++)
		if (counts(m->proc[i]) && m->proc[i]->settled < reload)
			return false;
	return true;
}

void settle_missing(const struct master *m, uint64_t reload, struct buf *out)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++) {
		const struct proc *p = m->proc[i];

		if (counts(p) && (next_of(m, p) || p->settings < reload || (m->settle_said >= reload && p->settled < reload)))
			buf_fmt(out, "%s%s", out->n ? ", " : "", programs[p->id].name);
	}
}
