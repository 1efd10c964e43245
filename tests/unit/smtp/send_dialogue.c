/* SPDX-License-Identifier: ISC
 *
 * send_dialogue.c: see send_dialogue.h.
 */
#include "send_dialogue.h"

struct client c;
struct client_options *opt;
struct job *job;

void session(int64_t tls, const char *user)
{
	opt = mem_alloc(1, sizeof *opt);
	*opt = (struct client_options){ .helo = "our.example.org", .host = "relay.example.net",
		.label = "smarthost relay.example.net:587", .tls = tls, .user = str_of(user), .password = STR("secret"),
		.reply_size = 2000, .recipients = 100 };
	arena_init(&opt->a);
	client_init(&c, opt);
}

int file_of(const char *text)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

struct job *make_job(const char *text, const char *const *fields)
{
	struct ipc_msg m;
	struct job *j = NULL;
	char name[64];

	ipc_init(&m, "job");
	m.owns_fds = true;
	ipc_setc(&m, "id", "7");
	ipc_setc(&m, "message", "m7");
	ipc_setc(&m, "offset", "0");
	ipc_set_u64(&m, "size", strlen(text));
	for (; *fields; fields++) {
		snprintf(name, sizeof name, "%.*s", (int)strcspn(*fields, "="), *fields);
		ipc_setc(&m, name, *fields + strlen(name) + 1);
	}
	ipc_add_fd(&m, "file", file_of(text));
	assert_int_equal(job_parse(&m, &j), 0);
	ipc_done(&m);
	return j;
}

struct job *simple(const char *text)
{
	static const char *const fields[] = { "via=smtp", "sender=anna@example.org", "rcpt=1 ben@example.net", NULL };

	return make_job(text, fields);
}

struct job *three(void)
{
	static const char *const fields[] = { "via=smtp", "sender=anna@example.org", "rcpt=1 a@x.example", "rcpt=2 b@x.example",
		"rcpt=3 c@x.example", NULL };

	return make_job("Subject: x\r\n\r\nhello\r\n", fields);
}

void play(const char *const *line)
{
	for (; *line; line++) {
		char text[1200];
		size_t n = (size_t)snprintf(text, sizeof text, "%s\r\n", *line + 2);

		client_output(&c);
		if (!strncmp(*line, "S:", 2)) {
			client_wrote(&c, 0);
			client_input(&c, str_make(text, n));
			continue;
		}
		if (c.out.n < n || memcmp(c.out.p, text, n) != 0)
			fail_msg("wanted %.*s, there is %.*s", (int)n, text, (int)c.out.n, c.out.n ? c.out.p : "");
		client_wrote(&c, n);
	}
	client_output(&c);
	if (c.out.n)
		fail_msg("more is said: %.*s", (int)c.out.n, c.out.p);
}

void result(size_t i, int code, const char *status, const char *reply)
{
	const struct job_rcpt *r = &job->rcpt[i];

	assert_int_equal(r->state, RCPT_KNOWN);
	assert_int_equal(r->code, code);
	assert_string_equal(r->status, status);
	if (r->reply.n != strlen(reply) || memcmp(r->reply.p, reply, r->reply.n) != 0)
		fail_msg("reply is: %.*s", STRF(r->reply));
}

void begin(struct job *j)
{
	job = j;
	assert_int_equal(c.state, CLIENT_READY);
	client_start(&c, j);
}

void taken(void)
{
	assert_ptr_equal(client_take(&c), job);
	assert_null(client_take(&c));
}

void end(void)
{
	client_done(&c);
	if (job)
		job_free(job);
	job = NULL;
}
