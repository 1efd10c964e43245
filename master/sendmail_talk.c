/* SPDX-License-Identifier: ISC
 *
 * sendmail_talk.c: the client's half of SMTP over the unix socket run/submit,
 * where the suite takes mail of this host's programs without a password (smtp/
 * receive/local.c). The last 250 means that the message survives a power cut.
 *
 * What a reply becomes: 4yz is EX_TEMPFAIL (the caller tries again), 5yz by its
 * enhanced code EX_NOUSER (5.1), EX_NOPERM (5.7), EX_DATAERR (5.3.4, 5.5, 5.6), else
 * EX_UNAVAILABLE. Without a suite: EX_TEMPFAIL, and a sentence that nothing was sent.
 */
#include "master/sendmail.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "net/stream.h"

#define REPLY_LINE 8192
#define PIPE_BYTES 65536

struct talk {
	struct stream io;
	struct buf *why;
	char reply[REPLY_LINE]; /* the last one, its last line */
	int code; /* of it */
};

static int no_suite(const char *state, struct buf *why)
{
	buf_fmt(why, "%s/run/submit: %s; nothing was sent (does Mansio run? systemctl status mansio)", state, err_text(-errno));
	return EX_TEMPFAIL;
}

/* Relative to the folder: a socket's address has room for 107 bytes only. */
static int connect_submit(const char *state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "submit" };
	char dir[4200];
	int fd;

	snprintf(dir, sizeof(dir), "%s/run", state);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && chdir(dir) == 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* --- replies ------------------------------------------------------------------------ */

/* The next reply; 0, or a sysexits code if there is none. */
static int hear(struct talk *t)
{
	struct str line;
	int r;

	do {
		r = stream_line(&t->io, REPLY_LINE - 1, &line);
		if (r < 0 || line.n < 3) {
			buf_fmt(t->why, "the connection to Mansio broke off: %s; send the message again",
				r < 0 ? err_text(r) : "no SMTP reply");
			return EX_TEMPFAIL;
		}
		snprintf(t->reply, sizeof(t->reply), "%.*s", STRF(line));
	} while (line.n > 3 && line.p[3] == '-');
	t->code = (t->reply[0] - '0') * 100 + (t->reply[1] - '0') * 10 + (t->reply[2] - '0');
	return 0;
}

static int exit_code(const struct talk *t)
{
	const char *status = t->reply + (strlen(t->reply) > 4 ? 4 : strlen(t->reply));

	if (t->code < 500)
		return EX_TEMPFAIL;
	if (strncmp(status, "5.1.", 4) == 0)
		return EX_NOUSER;
	if (strncmp(status, "5.7.", 4) == 0)
		return EX_NOPERM;
	if (strncmp(status, "5.3.4", 5) == 0 || strncmp(status, "5.5.", 4) == 0 || strncmp(status, "5.6.", 4) == 0)
		return EX_DATAERR;
	return EX_UNAVAILABLE;
}

/* A command was said: its reply must be 2yz or 3yz. 0, or a sysexits code with the reply in why. */
static int expect(struct talk *t, const char *what)
{
	int r = hear(t);

	if (r == 0 && t->code / 100 != 2 && t->code / 100 != 3) {
		buf_fmt(t->why, "%s: %s", what, t->reply);
		r = exit_code(t);
	}
	return r;
}

/* --- a message ----------------------------------------------------------------------- */

static int hello(struct talk *t, const struct conf *conf)
{
	int r = expect(t, "greeting");

	stream_fmt(&t->io, "EHLO %s\r\n", conf_hostname(conf));
	return r ? r : expect(t, "EHLO");
}

static int mail_from(struct talk *t, const struct letter *l)
{
	struct buf xtext;

	stream_fmt(&t->io, "MAIL FROM:<%.*s> SIZE=%zu", STRF(l->sender), l->head.n + l->body.n);
	if (l->eight_bit)
		stream_puts(&t->io, " BODY=8BITMIME");
	if (l->utf8)
		stream_puts(&t->io, " SMTPUTF8");
	if (l->ret.n)
		stream_fmt(&t->io, " RET=%.*s", STRF(l->ret));
	if (l->envid.n) {
		buf_init(&xtext, 1024);
		xtext_encode(l->envid, &xtext);
		stream_fmt(&t->io, " ENVID=%s", buf_cstr(&xtext));
		buf_done(&xtext);
	}
	stream_puts(&t->io, "\r\n");
	return expect(t, "sender");
}

static int rcpt_to(struct talk *t, const struct letter *l, size_t i)
{
	stream_fmt(&t->io, "RCPT TO:<%.*s>", STRF(l->rcpt[i]));
	if (l->notify.n)
		stream_fmt(&t->io, " NOTIFY=%.*s", STRF(l->notify));
	stream_puts(&t->io, "\r\n");
	return hear(t);
}

/* Every recipient is asked for. How many were taken; who was not stands in why, the first
 * one's code in *code_out. */
static size_t recipients(struct talk *t, const struct letter *l, int *code_out)
{
	size_t i, taken = 0;
	int r;

	for (i = 0; i < l->nrcpt; i++) {
		r = rcpt_to(t, l, i);
		if (r) {
			*code_out = r;
			return 0;
		}
		if (t->code / 100 == 2) {
			taken++;
			continue;
		}
		buf_fmt(t->why, "%s%.*s: %s", t->why->n ? "\n" : "", STRF(l->rcpt[i]), t->reply);
		if (!*code_out)
			*code_out = exit_code(t);
	}
	return taken;
}

static void write_dotted(struct stream *io, struct str text)
{
	struct str rest = text, line;

	while (rest.n) {
		line = str_cut(&rest, '\n');
		if (line.n && line.p[0] == '.')
			stream_puts(io, ".");
		stream_write(io, str_make(line.p, line.n + 1));
	}
}

static int data(struct talk *t, const struct letter *l)
{
	int r;

	stream_puts(&t->io, "DATA\r\n");
	r = expect(t, "DATA");
	if (r)
		return r;
	write_dotted(&t->io, buf_view(&l->head));
	write_dotted(&t->io, buf_view(&l->body));
	stream_puts(&t->io, ".\r\n");
	return expect(t, "message");
}

static int begin(struct talk *t, const struct letter *l, const struct conf *conf, const char *state,
	struct buf *why)
{
	int fd = connect_submit(state), r;

	if (fd < 0)
		return no_suite(state, why);
	t->why = why;
	t->code = 0;
	stream_init(&t->io, fd, -1, REPLY_LINE, conf->send_data_end);
	r = hello(t, conf);
	return r ? r : mail_from(t, l);
}

static void end(struct talk *t)
{
	stream_puts(&t->io, "QUIT\r\n");
	stream_flush(&t->io);
	stream_done(&t->io);
}

int talk_send(const struct letter *l, const struct conf *conf, const char *state, struct buf *why)
{
	struct talk t = { .io.fd = -1 };
	int r = begin(&t, l, conf, state, why), refused = 0;
	size_t taken = 0;

	if (r == 0) {
		taken = recipients(&t, l, &refused);
		r = taken ? data(&t, l) : refused;
	}
	if (r == 0 && refused)
		buf_fmt(why, "\nThe message was sent to the other %zu", taken);
	if (t.io.fd >= 0)
		end(&t);
	return r ? r : refused;
}

int talk_verify(const struct letter *l, const struct conf *conf, const char *state, struct buf *why)
{
	struct talk t = { .io.fd = -1 };
	int r = begin(&t, l, conf, state, why), worst = 0;
	size_t i;

	for (i = 0; r == 0 && i < l->nrcpt; i++) {
		r = rcpt_to(&t, l, i);
		if (r == 0)
			printf("%.*s: %s\n", STRF(l->rcpt[i]), t.reply);
		if (r == 0 && t.code / 100 != 2 && !worst)
			worst = exit_code(&t);
	}
	if (t.io.fd >= 0)
		end(&t);
	return r ? r : worst;
}

/* --- -bs ----------------------------------------------------------------------------- */

/* What one side said goes to the other. 1, 0 at its end, negative. */
static int pass(int from, int to)
{
	char p[PIPE_BYTES];
	ssize_t n = read(from, p, sizeof(p));

	if (n <= 0)
		return n < 0 && errno == EINTR ? 1 : n < 0 ? -errno : 0;
	return file_write_all(to, p, (size_t)n) < 0 ? -EPIPE : 1;
}

int talk_smtp(const char *state, struct buf *why)
{
	int fd = connect_submit(state), r = 1;
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

	if (fd < 0)
		return no_suite(state, why);
	while (r > 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && (r = pass(STDIN_FILENO, fd)) == 0) {
			shutdown(fd, SHUT_WR);
			p[0].fd = -1;
			r = 1;
		}
		if (r > 0 && p[1].revents)
			r = pass(fd, STDOUT_FILENO);
	}
	close(fd);
	return r < 0 ? EX_IOERR : 0;
}
