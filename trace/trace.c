/* SPDX-License-Identifier: ISC
 *
 * trace.c: builds one event as one line and sends it to traced.
 *
 * A packet is lines "L event key=value ...", LF between them: L is the level's
 * digit. Time, program and process id are not in it: traced takes them from its clock, from the
 * link, and from the kernel (SCM_CREDENTIALS), so that a program taken over by
 * a stranger cannot write in another's name.
 *
 * Always true: no value, whatever bytes it holds, adds a line, a field, or
 * anything that a terminal would obey; sending never waits.
 */
#include "trace/trace.h"

#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "trace/line.h"

static struct {
	int link;
	const char *program;
	uint64_t dropped; /* events that could not be sent, not yet told */
	int64_t least; /* level */
	char text[TRACE_PACKET_MAX]; /* events that wait for a flush, LF behind each */
	size_t n;
	uint64_t events, told; /* in it, and the dropped ones that it tells of */
} trace = { .link = -1, .program = "mansio" };

void trace_flush(void)
{
	if (trace.n == 0)
		return;
	if (trace.link < 0 || send(trace.link, trace.text, trace.n - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		trace.dropped += trace.events + trace.told;
	trace.n = 0;
	trace.events = trace.told = 0;
}

void trace_open(int link, const char *program)
{
	trace_flush();
	if (trace.link >= 0 && trace.link != link)
		close(trace.link);
	trace.link = link;
	trace.program = program;
}

void trace_least(int64_t level)
{
	trace.least = MIN(level, (int64_t)TRACE_INFO);
}

int trace_link(void)
{
	return trace.link;
}

/* As most values are: they stand as they are. */
static bool is_plain(struct str v)
{
	size_t i;

	for (i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f || v.p[i] == '"' || v.p[i] == '=' || v.p[i] == '\\')
			return false;
	return v.n > 0;
}

static bool needs_quotes(struct str v)
{
	size_t i;

	for (i = 0; i < v.n; i++)
		if (v.p[i] == ' ' || v.p[i] == '"' || v.p[i] == '=')
			return true;
	return v.n == 0;
}

static void escape(struct str value, size_t max, struct buf *out)
{
	struct str v = str_sub(value, 0, max);
	bool quotes = needs_quotes(v);
	size_t i = 0, len, end = out->n + max;
	uint32_t cp;

	if (value.n <= max && is_plain(value)) {
		buf_str(out, value);
		return;
	}
	if (quotes)
		buf_c(out, '"');
	while (i < v.n && out->n < end && out->err == 0) {
		len = str_char((const unsigned char *)v.p + i, v.n - i, &cp);
		if (len == 0) {
			/* the cut may have split a character: not its sender's fault */
			if (value.n > v.n && v.n - i < 4)
				break;
			buf_fmt(out, "\\x%02x", (unsigned char)v.p[i]);
			len = 1;
		} else if (str_deceives(cp)) {
			buf_fmt(out, cp < 0x80 ? "\\x%02x" : "\\u{%x}", cp);
		} else if (cp == '\\' || cp == '"') {
			buf_c(out, '\\');
			buf_c(out, (char)cp);
		} else {
			buf_add(out, v.p + i, len);
		}
		i += len;
	}
	if (i < value.n)
		buf_puts(out, "...");
	if (quotes)
		buf_c(out, '"');
}

void trace_escape(struct str value, struct buf *out)
{
	escape(value, TRACE_FIELD_MAX, out);
}

void trace_begin(struct trace *t, enum trace_level level, const char *event)
{
	t->level = level;
	t->off = (int64_t)level < trace.least;
	if (t->off)
		return;
	buf_init(&t->line, TRACE_LINE_MAX);
	(void)buf_room(&t->line, TRACE_USUAL);
	buf_c(&t->line, (char)('0' + level));
	buf_c(&t->line, ' ');
	buf_puts(&t->line, event);
}

static void field(struct trace *t, const char *key, struct str value, size_t max)
{
	size_t before;

	if (t->off)
		return;
	before = t->line.n;
	/* room for the drop counter of trace_end stays free: a field that would
	 * not fit is left out as a whole, with a mark */
	buf_c(&t->line, ' ');
	buf_puts(&t->line, key);
	buf_c(&t->line, '=');
	escape(value, max, &t->line);
	if (t->line.err == 0 && t->line.n <= TRACE_LINE_MAX - TRACE_TAIL)
		return;
	t->line.err = 0;
	buf_cut(&t->line, before);
	if (!str_ends(buf_view(&t->line), " cut=1"))
		buf_puts(&t->line, " cut=1");
}

void trace_str(struct trace *t, const char *key, struct str value)
{
	field(t, key, value, TRACE_FIELD_MAX);
}

void trace_long(struct trace *t, const char *key, struct str value)
{
	field(t, key, value, TRACE_LONG_MAX);
}

void trace_s(struct trace *t, const char *key, const char *value)
{
	if (value)
		trace_str(t, key, str_of(value));
}

void trace_u64(struct trace *t, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	trace_str(t, key, str_of(text));
}

/* Without traced (early, or it is being restarted): standard error. */
static bool to_stderr(struct trace *t)
{
	struct buf out;
	bool good;

	buf_init(&out, TRACE_LINE_MAX + 256);
	trace_line_print(&out, clock_unix_us(), trace.program, getpid(), t->level,
		str_from(buf_view(&t->line), 2));
	buf_c(&out, '\n');
	good = write(STDERR_FILENO, out.p, out.n) == (ssize_t)out.n;
	buf_done(&out);
	return good;
}

static void tell_dropped(struct trace *t)
{
	if (trace.dropped)
		buf_fmt(&t->line, " dropped=%llu", (unsigned long long)trace.dropped);
}

void trace_end(struct trace *t)
{
	bool good;

	if (t->off)
		return;
	trace_flush();
	tell_dropped(t);
	if (trace.link < 0)
		good = to_stderr(t);
	else
		good = send(trace.link, t->line.p, t->line.n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	if (good)
		trace.dropped = 0;
	else
		trace.dropped++;
	buf_done(&t->line);
}

void trace_later(struct trace *t)
{
	static bool at_exit;

	if (!at_exit)
		at_exit = atexit(trace_flush) == 0;
	if (t->off || trace.link < 0 || !at_exit) {
		trace_end(t);
		return;
	}
	if (trace.n > sizeof(trace.text) - TRACE_LINE_MAX - 1)
		trace_flush();
	tell_dropped(t);
	memcpy(trace.text + trace.n, t->line.p, t->line.n);
	trace.n += t->line.n;
	trace.text[trace.n++] = '\n';
	trace.events++;
	trace.told += trace.dropped;
	trace.dropped = 0;
	buf_done(&t->line);
}

void trace_audit(struct str who, struct str from, const char *verb, struct str args, int code)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, "audit");
	trace_str(&t, "who", who);
	trace_str(&t, "from", from);
	trace_s(&t, "verb", verb);
	trace_str(&t, "args", args);
	if (code >= 0)
		trace_u64(&t, "code", (uint64_t)code);
	trace_end(&t);
}

void trace_fact(const char *event, const char *key, uint64_t value)
{
	struct trace t;

	if (trace.link < 0)
		return; /* nobody counts */
	trace_begin(&t, TRACE_FACT, event);
	trace_u64(&t, key, value);
	trace_end(&t);
}

void trace_event(enum trace_level level, const char *event, const char *session, const char *fmt, ...)
{
	struct trace t;
	struct buf text;
	va_list ap;

	trace_begin(&t, level, event);
	if (t.off)
		return;
	if (session && session[0])
		trace_s(&t, "s", session);
	if (fmt && fmt[0]) {
		buf_init(&text, TRACE_LINE_MAX);
		va_start(ap, fmt);
		buf_vfmt(&text, fmt, ap);
		va_end(ap);
		trace_str(&t, "text", buf_view(&text));
		buf_done(&text);
	}
	trace_end(&t);
}
