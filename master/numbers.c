/* SPDX-License-Identifier: ISC
 *
 * numbers.c: what the processes use, for the statistics: every EVERY_MS one
 * message `numbers` to traced, which may not look into /proc itself.
 *
 *     cores cpu_ms memory memory_total sessions
 *     proc="NAME INSTANCE UP RESTARTS SESSIONS MEMORY"   for each place
 *
 * cpu_ms: of all processes that run, with those of theirs that have ended.
 * memory: what they have for themselves (resident without what is shared).
 */
#include "master/master.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

#define EVERY_MS 5000
#define TREE_MAX 4096 /* processes that are looked at */

struct use {
	uint64_t cpu_ms, own, resident; /* bytes */
};

static size_t read_proc(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, out, size - 1);
	close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static bool use_of(pid_t pid, struct use *out)
{
	unsigned long long t[4] = { 0 }, pages[3] = { 0 };
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), tick = (uint64_t)sysconf(_SC_CLK_TCK);
	char text[1024], *p;

	if (!read_proc(pid, "stat", text, sizeof(text)) || !(p = strrchr(text, ')')) ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3]) != 4)
		return false;
	out->cpu_ms = (t[0] + t[1] + t[2] + t[3]) * 1000 / tick;
	if (!read_proc(pid, "statm", text, sizeof(text)) ||
	    sscanf(text, "%llu %llu %llu", &pages[0], &pages[1], &pages[2]) != 3)
		return false;
	out->resident = pages[1] * page;
	out->own = (pages[1] - MIN(pages[1], pages[2])) * page;
	return true;
}

/* The process and all below it. */
static void add_tree(pid_t pid, struct use *sum, unsigned *left)
{
	char *children, name[48], *p, *end;
	struct use u;
	long child;

	if (*left == 0 || !use_of(pid, &u))
		return;
	--*left;
	sum->cpu_ms += u.cpu_ms;
	sum->own += u.own;
	snprintf(name, sizeof(name), "task/%d/children", (int)pid);
	children = mem_alloc(1, 32768);
	read_proc(pid, name, children, 32768);
	for (p = children; (child = strtol(p, &end, 10)) > 0 && end != p; p = end)
		add_tree((pid_t)child, sum, left);
	free(children);
}

static void add_procs(const struct master *m, struct ipc_msg *msg)
{
	uint64_t sessions = 0;
	struct use u;
	char text[160];
	size_t i;

	for (i = 0; i < m->nprocs; i++) {
		const struct proc *p = m->proc[i];

		if (p->retired)
			continue;
		u = (struct use){ 0 };
		if (p->pid > 0)
			(void)use_of(p->pid, &u);
		snprintf(text, sizeof(text), "%s %d %d %u %llu %llu", programs[p->id].name, p->instance,
			p->state == PROC_READY, p->restarts, (unsigned long long)p->sessions,
			(unsigned long long)u.resident);
		ipc_setc(msg, "proc", text);
		sessions += p->id == PROGRAM_front ? p->sessions : 0;
	}
	ipc_set_u64(msg, "sessions", sessions);
}

/* Fronts are asked for their numbers: the answers are there the next time. */
static void ask_fronts(struct master *m)
{
	struct ipc_msg msg;
	size_t i;

	ipc_init(&msg, "status");
	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->id == PROGRAM_front && m->proc[i]->state == PROC_READY)
			proc_send(m, m->proc[i], &msg);
	ipc_done(&msg);
}

void numbers_tick(struct master *m)
{
	struct proc *traced = NULL;
	unsigned left = TREE_MAX;
	struct use sum = { 0 };
	struct ipc_msg msg;
	size_t i;

	if (m->stopping || !m->was_ready || (m->numbers_at != DEADLINE_NEVER && !deadline_passed(m->numbers_at)))
		return;
	m->numbers_at = deadline_in(EVERY_MS);
	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->id == PROGRAM_traced && m->proc[i]->state == PROC_READY)
			traced = m->proc[i];
	if (!traced)
		return;
	ipc_init(&msg, "numbers");
	add_tree(getpid(), &sum, &left);
	ipc_set_u64(&msg, "cpu_ms", sum.cpu_ms);
	ipc_set_u64(&msg, "memory", sum.own);
	ipc_set_u64(&msg, "memory_total", (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
	ipc_set_u64(&msg, "cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	add_procs(m, &msg);
	proc_send(m, traced, &msg);
	ipc_done(&msg);
	ask_fronts(m);
}
