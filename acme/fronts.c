/* SPDX-License-Identifier: ISC
 *
 * fronts.c: challenges on their way from an order to every front (front/challenge.c has the messages).
 *
 * The order's child asks one thing at a time and waits; it hears "ok" when every front has said
 * it, so that the authority finds the answer at whichever front it comes to. A front that
 * starts later, or is restarted, is told all that is pending when its link comes.
 */
#include "acme/acmed.h"

#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define ANSWER_MS 5000

/* Does a front's descriptor go with it? dup, for the original belongs to a message. */
static struct challenge *keep(struct acmed *a, struct ipc_msg *in)
{
	static const char *const fields[] = { "kind", "token", "answer", "name" };
	static const char *const files[] = { "cert", "key" };
	struct challenge *c = mem_alloc(1, sizeof *c);
	size_t i;

	ipc_init(&c->m, "challenge");
	for (i = 0; i < ARRAY_LEN(fields); i++)
		if (ipc_get(in, fields[i]).p)
			ipc_set(&c->m, fields[i], ipc_get(in, fields[i]));
	for (i = 0; i < ARRAY_LEN(files); i++) {
		int fd = ipc_take_fd(in, files[i]);

		if (fd >= 0)
			ipc_add_fd(&c->m, files[i], fd);
	}
	c->next = a->challenges;
	a->challenges = c;
	return c;
}

static void drop_all(struct acmed *a)
{
	while (a->challenges) {
		struct challenge *c = a->challenges;
		size_t i;

		a->challenges = c->next;
		for (i = 0; i < c->m.nfds; i++)
			close(c->m.fd[i]);
		ipc_done(&c->m);
		free(c);
	}
}

static void lose(struct acmed *a, size_t i)
{
	fd_close(&a->front[i].fd);
	a->front[i].awaited = false;
	fronts_tick(a);
}

static void tell(struct acmed *a, size_t i, const struct ipc_msg *m, bool awaited)
{
	if (a->front[i].fd < 0)
		return;
	a->front[i].awaited = awaited;
	if (ipc_try_send(a->front[i].fd, m) < 0)
		lose(a, i); /* master makes a new link with the new front */
}

static void tell_all(struct acmed *a, const struct ipc_msg *m, bool awaited)
{
	size_t i;

	for (i = 0; i < FRONTS; i++)
		tell(a, i, m, awaited);
}

void fronts_add(struct acmed *a, int instance, int fd)
{
	struct challenge *c;
	size_t i;

	for (i = 0; i < FRONTS && !(a->front[i].fd >= 0 && a->front[i].instance == instance); i++)
		;
	if (i < FRONTS)
		fd_close(&a->front[i].fd);
	else
		for (i = 0; i < FRONTS && a->front[i].fd >= 0; i++)
			;
	if (i == FRONTS) {
		close(fd);
		return;
	}
	fd_nonblock(fd, true);
	a->front[i].fd = fd;
	a->front[i].instance = instance;
	a->front[i].awaited = false;
	for (c = a->challenges; c; c = c->next)
		tell(a, i, &c->m, false);
}

/* What a front says; counts for the question at hand only. */
void fronts_readable(struct acmed *a, size_t i)
{
	struct ipc_msg m;
	int r = ipc_try_recv(a->front[i].fd, &m);

	if (r == 0 && ipc_is(&m, "ok") && str_eqc(ipc_get(&m, "id"), a->pending)) {
		a->front[i].awaited = false;
		a->refused |= !ipc_get_bool(&m, "good");
	}
	ipc_done(&m);
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		lose(a, i);
	fronts_tick(a);
}

static void answer_order(struct acmed *a, bool good)
{
	struct ipc_msg m;

	ipc_init(&m, "ok");
	ipc_setc(&m, "id", a->pending);
	ipc_set_bool(&m, "good", good);
	if (a->link >= 0)
		ipc_try_send(a->link, &m);
	ipc_done(&m);
	a->pending[0] = '\0';
}

void fronts_tick(struct acmed *a)
{
	bool awaited = false;
	size_t i;

	if (!a->pending[0])
		return;
	for (i = 0; i < FRONTS; i++)
		awaited |= a->front[i].fd >= 0 && a->front[i].awaited;
	if (!awaited)
		answer_order(a, !a->refused);
	else if (deadline_passed(a->answer_by))
		answer_order(a, false);
}

void fronts_order_readable(struct acmed *a)
{
	struct ipc_msg m, out;
	struct challenge *c;
	int r = ipc_try_recv(a->link, &m);

	if (r == 0 && (ipc_is(&m, "challenge") || ipc_is(&m, "clear"))) {
		snprintf(a->pending, sizeof a->pending, "%.*s", STRF(ipc_get(&m, "id")));
		a->refused = false;
		a->answer_by = deadline_in(ANSWER_MS);
		if (ipc_is(&m, "clear")) {
			drop_all(a);
			ipc_init(&out, "clear");
			ipc_setc(&out, "id", a->pending);
			tell_all(a, &out, true);
			ipc_done(&out);
		} else {
			c = keep(a, &m);
			ipc_setc(&c->m, "id", a->pending);
			tell_all(a, &c->m, true);
		}
		fronts_tick(a);
	}
	ipc_done(&m);
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		fd_close(&a->link); /* its end is told by SIGCHLD */
}

void fronts_clear(struct acmed *a)
{
	struct ipc_msg m;

	a->pending[0] = '\0';
	drop_all(a);
	ipc_init(&m, "clear");
	tell_all(a, &m, false);
	ipc_done(&m);
}
