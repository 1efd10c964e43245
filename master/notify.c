/* SPDX-License-Identifier: ISC
 *
 * notify.c: tells the service manager how we are (sd_notify(3), the protocol is
 * a datagram of lines to the socket that $NOTIFY_SOCKET names): READY,
 * STOPPING, and a sign of life in half of the time that $WATCHDOG_USEC allows.
 * Without those variables nothing is said.
 */
#include "master/master.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_open(struct master *m)
{
	const char *name = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t limit = 0, whose = 0;
	socklen_t n;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	m->notify = -1;
	m->alive_at = DEADLINE_NEVER;
	if (!name || (name[0] != '/' && name[0] != '@') || strlen(name) >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, name, strlen(name));
	n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	if (name[0] == '@')
		sun.sun_path[0] = '\0'; /* an abstract name */
	m->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (m->notify < 0 || connect(m->notify, (struct sockaddr *)&sun, n) < 0) {
		fprintf(stderr, "mansio: $NOTIFY_SOCKET %s: %s\n", name, err_text(-errno));
		if (m->notify >= 0)
			close(m->notify);
		m->notify = -1;
		return;
	}
	if (usec && str_u64(str_of(usec), INT64_MAX, &limit) == 0 && limit >= 2000 &&
	    (!pid || (str_u64(str_of(pid), INT32_MAX, &whose) == 0 && whose == (uint64_t)getpid()))) {
		m->alive_every = (int64_t)(limit / 2000);
		m->alive_at = deadline_in(m->alive_every);
	}
}

void notify_say(const struct master *m, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	if (m->notify < 0)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* a manager that is gone or full: nothing that we could do */
	(void)send(m->notify, text, (size_t)MIN(n, (int)sizeof(text) - 1), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void notify_tick(struct master *m)
{
	if (m->alive_at == DEADLINE_NEVER || !deadline_passed(m->alive_at))
		return;
	notify_say(m, "WATCHDOG=1");
	m->alive_at = deadline_in(m->alive_every);
}
