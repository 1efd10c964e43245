/* SPDX-License-Identifier: ISC
 *
 * links.c: who gets which end of which link (programs.def, LINK).
 *
 * A link is made when its later side starts, and made anew when either side
 * does: the asking side gets message `peer`, which replaces what it had, the
 * serving side gets `client`. master keeps no end, but for pools: the room's
 * end of a front's link is shared by all processes of the pool, so a copy stays
 * here for those that start later.
 *
 * A zygote that replaces another is joined to its clients when it is ready:
 * until then the old one serves them, and nothing waits in between.
 */
#include "master/master.h"

#include <sys/socket.h>
#include <unistd.h>

static const struct {
	enum program_id from, to;
} links[] = {
#define PROGRAM(name, user, extra, count, kind, phase)
#define LINK(from, to) { PROGRAM_##from, PROGRAM_##to },
#include "master/programs.def"
#undef PROGRAM
#undef LINK
};

static void tell_peer(struct master *m, struct proc *from, enum program_id to, int fd)
{
	struct ipc_msg msg;

	ipc_init(&msg, "peer");
	ipc_setc(&msg, "name", programs[to].name);
	ipc_add_fd(&msg, "fd", fd);
	proc_send(m, from, &msg);
	ipc_done(&msg);
}

static void tell_client(struct master *m, struct proc *to, enum program_id from, int instance, int fd)
{
	struct ipc_msg msg;

	ipc_init(&msg, "client");
	ipc_setc(&msg, "name", programs[from].name);
	ipc_set_u64(&msg, "instance", (uint64_t)instance);
	ipc_add_fd(&msg, "fd", fd);
	proc_send(m, to, &msg);
	ipc_done(&msg);
}

/* The number by which a server tells its clients apart: two processes of one
 * place, the old and the renewed, must not look the same. */
static int link_instance(const struct proc *p)
{
	return p->instance + 1000 * (int)(p->generation % 64);
}

/* traced learns from the kernel who wrote a line. */
static int make_pair(enum program_id to, int pair[2])
{
	const int on = 1;
	int r = ipc_pair(pair);

	if (r == 0 && to == PROGRAM_traced)
		setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	return r;
}

static void link_one(struct master *m, struct proc *from, struct proc *to)
{
	int pair[2];

	if (make_pair(to->id, pair) < 0) {
		proc_log(TRACE_ERROR, "no-link", from, programs[to->id].name);
		return;
	}
	tell_client(m, to, from->id, link_instance(from), pair[1]);
	tell_peer(m, from, to->id, pair[0]);
	close(pair[0]);
	close(pair[1]);
}

static struct pool_end *pool_end(struct master *m, enum program_id from, enum program_id to, int instance)
{
	size_t i;

	for (i = 0; i < m->npool; i++)
		if (m->pool[i].from == from && m->pool[i].to == to && m->pool[i].instance == instance)
			return &m->pool[i];
	if (m->npool == m->pool_cap) {
		m->pool_cap = m->pool_cap ? m->pool_cap * 2 : 16;
		m->pool = mem_grow(m->pool, m->pool_cap, sizeof(*m->pool));
	}
	m->pool[m->npool] = (struct pool_end){ from, to, instance, -1 };
	return &m->pool[m->npool++];
}

/* A new link of `from` to the whole pool: each process of it gets the same end. */
static void link_pool(struct master *m, struct proc *from, enum program_id to)
{
	struct pool_end *end = pool_end(m, from->id, to, from->instance);
	int pair[2];
	size_t i;

	if (make_pair(to, pair) < 0) {
		proc_log(TRACE_ERROR, "no-link", from, programs[to].name);
		return;
	}
	if (end->fd >= 0)
		close(end->fd);
	end->fd = pair[1];
	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->id == to && m->proc[i]->joined && proc_running(m->proc[i]))
			tell_client(m, m->proc[i], from->id, from->instance, end->fd);
	tell_peer(m, from, to, pair[0]);
	close(pair[0]);
}

void links_again(struct master *m, struct proc *from, enum program_id to)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->id == to && m->proc[i]->joined && !m->proc[i]->retired && proc_running(m->proc[i]))
			link_one(m, from, m->proc[i]);
}

void links_out(struct master *m, struct proc *p)
{
	size_t l;

	for (l = 0; l < ARRAY_LEN(links); l++) {
		if (links[l].from != p->id)
			continue;
		if (programs[links[l].to].kind == KIND_POOL)
			link_pool(m, p, links[l].to);
		else
			links_again(m, p, links[l].to);
	}
}

/* master is a client of traced too. */
static void link_master(struct master *m, struct proc *traced)
{
	struct ipc_msg msg;
	int pair[2];

	if (make_pair(PROGRAM_traced, pair) < 0)
		return;
	ipc_init(&msg, "client");
	ipc_setc(&msg, "name", "master");
	ipc_set_u64(&msg, "instance", 0);
	ipc_add_fd(&msg, "fd", pair[1]);
	proc_send(m, traced, &msg);
	ipc_done(&msg);
	close(pair[1]);
	trace_open(pair[0], "master");
}

void links_in(struct master *m, struct proc *p)
{
	size_t l, i;

	p->joined = true;
	if (p->id == PROGRAM_traced)
		link_master(m, p);
	for (i = 0; i < m->npool; i++)
		if (m->pool[i].to == p->id && m->pool[i].fd >= 0)
			tell_client(m, p, m->pool[i].from, m->pool[i].instance, m->pool[i].fd);
	for (l = 0; l < ARRAY_LEN(links); l++) {
		if (links[l].to != p->id || programs[p->id].kind == KIND_POOL)
			continue;
		for (i = 0; i < m->nprocs; i++) {
			struct proc *from = m->proc[i];

			/* one that was told to stop still needs authd and the log */
			if (from->id == links[l].from && proc_running(from))
				link_one(m, from, p);
		}
	}
}
