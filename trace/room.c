/* SPDX-License-Identifier: ISC
 *
 * room.c: what every zygote does with its link to traced, and says in the log
 * of its children.
 */
#include "base/file.h"
#include "base/proc.h"
#include "conf/zygote.h"
#include "trace/trace.h"

void trace_peer(struct zygote *z, const char *name, int fd)
{
	trace_least(z->program.conf->log_level); /* a reload makes a new zygote */
	if (!strcmp(name, "traced"))
		trace_open(fd, z->program.name);
	else
		fd_close(&fd);
}

void trace_child_ended(struct zygote *z, const char *label, int status)
{
	struct trace t;

	(void)z;
	if (!status)
		return;
	trace_begin(&t, TRACE_ERROR, "died");
	trace_s(&t, "child", label);
	trace_s(&t, "status", proc_status_text(status));
	trace_end(&t);
}

void trace_refused(struct str session, const char *why)
{
	struct trace t;

	trace_begin(&t, TRACE_WARN, "refused");
	trace_str(&t, "s", session);
	trace_s(&t, "why", why);
	trace_end(&t);
}
