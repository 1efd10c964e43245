/* SPDX-License-Identifier: ISC
 *
 * Fuzz target: a server's replies. What comes out is bounded and printable, and pieces make
 * no difference; and a whole session is fed with it, which must end with one result for
 * each recipient, whatever the server says.
 */
#include "smtp/send/client.h"

#include <sys/mman.h>
#include <unistd.h>

#define REPLY_LIMIT 4096

static void check_replies(struct str in, size_t piece)
{
	struct reply_reader reader;
	const struct reply *r;
	struct buf text;
	struct ehlo e;
	int got = 0;

	reply_init(&reader, REPLY_LIMIT);
	buf_init(&text, 2 * REPLY_TEXT);
	while (in.n && got >= 0) {
		struct str part = str_sub(in, 0, piece);
		size_t n = part.n;

		while (part.n && (got = reply_read(&reader, &part, &r)) == 1) {
			BUG_ON(r->code < 200 || r->code > 559 || r->lines.n > REPLY_LIMIT);
			ehlo_parse(r->lines, &e);
			buf_reset(&text);
			reply_print(r, &text);
			BUG_ON(text.err || text.n > REPLY_TEXT || text.n < 3 || str_has_ctl(buf_view(&text)));
			BUG_ON(!str_is_ascii(buf_view(&text)));
		}
		in = str_from(in, n);
	}
	buf_done(&text);
	reply_done(&reader);
}

static struct job *make_job(void)
{
	struct ipc_msg m;
	struct job *j = NULL;
	int fd = memfd_create("message", MFD_CLOEXEC);

	ipc_init(&m, "job");
	m.owns_fds = true; /* as if received */
	ipc_setc(&m, "id", "1");
	ipc_setc(&m, "message", "m1");
	ipc_setc(&m, "via", "smtp");
	ipc_setc(&m, "sender", "a@example.org");
	ipc_setc(&m, "rcpt", "1 b@example.net");
	ipc_setc(&m, "rcpt", "2 c@example.net");
	ipc_setc(&m, "rcpt", "3 d@example.net");
	BUG_ON(write(fd, "A: b\r\n\r\n.x\r\n", 12) != 12);
	ipc_setc(&m, "offset", "0");
	ipc_setc(&m, "size", "12");
	ipc_add_fd(&m, "file", fd);
	BUG_ON(job_parse(&m, &j));
	ipc_done(&m);
	return j;
}

static void check_session(struct str in)
{
	struct client_options *opt = mem_alloc(1, sizeof *opt);
	struct job *j = make_job(), *back = NULL;
	struct client c;
	size_t i;

	*opt = (struct client_options){ .helo = "mail.example.org", .host = "h", .label = "smarthost h:25", .tls = 3,
		.reply_size = REPLY_LIMIT, .recipients = 2 };
	arena_init(&opt->a);
	client_init(&c, opt);
	client_connected(&c);
	while (in.n) {
		struct str line = str_sub(in, 0, (size_t)(str_find(in, '\n') < 0 ? (ssize_t)in.n : str_find(in, '\n') + 1));

		in = str_from(in, line.n);
		client_input(&c, line);
		if (c.state == CLIENT_READY && !c.job && !back)
			client_start(&c, j);
		client_output(&c);
		client_wrote(&c, c.out.n);
		if (!back)
			back = client_take(&c);
	}
	client_lost(&c, "4.4.2", "closed the connection");
	if (!back && c.job)
		back = client_take(&c);
	BUG_ON(back && back != j);
	for (i = 0; back && !c.retry && i < j->nrcpt; i++)
		BUG_ON(j->rcpt[i].state != RCPT_KNOWN || j->rcpt[i].code < 200 || j->rcpt[i].code > 599);
	client_done(&c);
	job_free(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size);

	check_replies(in, in.n);
	check_replies(in, 1 + in.n % 7);
	check_session(in);
	return 0;
}
