/* SPDX-License-Identifier: ISC
 *
 * base.c: the ends of a process that cannot go on, checked allocation, and
 * the text of every error code.
 *
 * Both ends write with write(2) and end by an illegal instruction: abort(3)
 * needs tgkill, which every sandbox refuses, and stdio may be what is broken.
 */
#include "base/base.h"

#include <unistd.h>

static void say(const char *text)
{
	size_t n = strlen(text);

	/* nobody is left to tell if this fails */
	if (write(STDERR_FILENO, text, n) < 0)
		return;
}

NORETURN void bug_at(const char *file, int line, const char *what)
{
	char text[512];

	snprintf(text, sizeof text, "mansio: BUG at %s:%d: %s\n", file, line, what);
	say(text);
	__builtin_trap();
}

NORETURN void die_oom(size_t wanted)
{
	char text[80];

	snprintf(text, sizeof text, "mansio: out of memory (%zu bytes wanted)\n", wanted);
	say(text);
	_exit(71); /* EX_OSERR */
}

void *mem_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		die_oom(n);
	return p;
}

void *mem_grow(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (!size_mul(n, size, &bytes))
		die_oom(SIZE_MAX);
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		die_oom(bytes);
	return p;
}

char *mem_strdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(mem_alloc(n, 1), s, n);
}

const char *err_text(int err)
{
	switch (err) {
	case 0: return "no error";
	case E_SYNTAX: return "malformed";
	case E_LIMIT: return "too large";
	case E_CLOSED: return "connection closed";
	case E_TIMEOUT: return "timed out";
	case E_NOTFOUND: return "not found";
	case E_EXISTS: return "exists already";
	case E_QUOTA: return "over quota";
	case E_DAMAGED: return "stored data is damaged";
	case E_DENIED: return "not allowed";
	case E_TEMP: return "temporary failure";
	case E_PEER: return "protocol violation by a peer process";
	case E_UNSUPPORTED: return "not supported";
	case E_KICKED: return "session ended by the door";
	case E_TLS: return "TLS failure";
	case E_STALE: return "state no longer fits";
	case E_FULL: return "no room for more";
	}
	/* strerrordesc_np is static text, and does no locale work */
	if (err < 0 && err > E_SYNTAX) {
		const char *text = strerrordesc_np(-err);

		if (text)
			return text;
	}
	return "unknown error";
}
