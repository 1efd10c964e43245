/* SPDX-License-Identifier: ISC
 *
 * fill.c: not a test: fills a folder with the events of N messages, as traced would have
 * kept them, for measurements (test_trace.py).
 *
 *     fill FOLDER MESSAGES
 */
#include "trace/query.h"

#include <unistd.h>

static struct keep keep;
static struct flights *flights;

static void leave(void *arg, const struct record *r)
{
	struct fields e;

	(void)arg;
	if (fields_parse(r->text, &e) == 0)
		keep_add(&keep, r, &e);
}

static void say(int64_t time, const char *program, const char *text)
{
	const struct record r = { .time = time, .level = '1', .program = str_of(program), .text = str_of(text), .pid = 4711 };
	struct fields e;

	if (fields_parse(r.text, &e) < 0)
		exit(1);
	keep_add(&keep, &r, &e);
	flights_event(flights, &r, &e);
}

static uint64_t mixed(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	return x ^ x >> 29;
}

static void message(uint64_t i, int64_t time)
{
	static const char *const word[] = { "offer", "invoice", "bridge", "meeting", "holiday", "report", "lunch", "garden" };
	char m[16], text[600];
	uint64_t x = mixed(i + 1);

	snprintf(m, sizeof(m), "%012llx", (unsigned long long)(x & 0xffffffffffff));
	snprintf(text, sizeof(text), "mail s=%.11ss m=%s from=p%llu@d%llu.example helo=mx%llu.example peer=192.0.2.7 tls=TLSv1.3 "
		"service=smtp size=4096", m, m, (unsigned long long)(x % 5000), (unsigned long long)(x % 700),
		(unsigned long long)(x % 700));
	say(time, "smtpd", text);
	snprintf(text, sizeof(text), "rcpt s=%.11ss m=%s to=u%llu@example.org", m, m, (unsigned long long)(i % 200));
	say(time + 1000, "smtpd", text);
	snprintf(text, sizeof(text), "delivered s=%.11ss m=%s to=u%llu@example.org account=u%llu@example.org folder=INBOX uid=%llu",
		m, m, (unsigned long long)(i % 200), (unsigned long long)(i % 200), (unsigned long long)(i / 200 + 1));
	say(time + 2000, "lmtpd", text);
	snprintf(text, sizeof(text), "accepted s=%.11ss m=%s from=p%llu@d%llu.example rcpts=1 size=4096 way=straight ms=3 "
		"mid=<%llx.%llu@d%llu.example> subject=\"The %s of the %s, %llu\"", m, m, (unsigned long long)(x % 5000),
		(unsigned long long)(x % 700), (unsigned long long)x, (unsigned long long)i, (unsigned long long)(x % 700),
		word[x % 8], word[x / 8 % 8], (unsigned long long)i);
	say(time + 3000, "smtpd", text);
	snprintf(text, sizeof(text), "close s=%.11ss service=smtp peer=192.0.2.7 reason=\"session ended\" in=4300 out=400 seconds=0", m);
	say(time + 4000, "front", text);
}

int main(int argc, char **argv)
{
	uint64_t i, n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	int64_t now = clock_unix_us();

	if (!n || chdir(argv[1]) < 0) {
		fprintf(stderr, "usage: fill FOLDER MESSAGES\n");
		return 64;
	}
	keep_init(&keep);
	flights = flights_new(leave, NULL);
	for (i = 0; i < n; i++) {
		message(i, now - (int64_t)(n - i) * 1000000);
		if (i % 100 == 99 && keep_commit(&keep) < 0)
			return 1;
	}
	flights_free(flights);
	keep_done(&keep);
	return 0;
}
