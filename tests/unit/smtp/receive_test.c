/* SPDX-License-Identifier: ISC
 *
 * receive_test.c: whole SMTP sessions in this room, in memory: a client's bytes
 * in, replies out. authd is played by the functions below (known: anna@ and
 * bert@example.org; box names that misbehave), lmtpd by a forked process that
 * speaks LMTP and reports each message that it got, queued by spool_*() below.
 * One file, though a long one: all of it stands on these players.
 */
#include "smtp/receive/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "net/catchup.h"
#include "net/ipc.h"
#include "net/spool.h"
#include "net/suppressed.h"

/* --- authd -------------------------------------------------------------------- */

int auth_redeem(int link, struct str ticket, struct str service, struct arena *a,
	struct auth_identity *out, deadline d)
{
	(void)link;
	(void)service;
	(void)a;
	(void)d;
	*out = (struct auth_identity){ .result = str_eqc(ticket, "good") ? AUTH_OK : AUTH_UNKNOWN,
		.user = STR("anna@example.org"), .renew = STR("fresh"), .key = -1 };
	return 0;
}

int auth_sender(int link, struct str user, struct str address, struct arena *a,
	enum auth_result *out, struct str *rewritten_out, deadline d)
{
	(void)link;
	(void)a;
	(void)d;
	*rewritten_out = str_eqc(address, "old@relay.example") ? STR("new@example.org") : STR_NONE;
	if (user.n == 0) {
		*out = AUTH_OK;
		return 0;
	}
	*out = str_eq(user, address) ? AUTH_OK : AUTH_DENIED;
	return 0;
}

int auth_senders(int link, struct str user, const struct str *address, size_t n, enum auth_result *out, deadline d)
{
	size_t i;

	(void)link;
	(void)d;
	for (i = 0; i < n; i++)
		out[i] = str_eq(user, address[i]) ? AUTH_OK : AUTH_DENIED;
	return 0;
}

int auth_rcpt(int link, struct str address, struct arena *a, struct auth_rcpt *out, deadline d)
{
	static struct auth_target target;

	(void)link;
	(void)a;
	(void)d;
	*out = (struct auth_rcpt){ .result = AUTH_OK, .target = &target, .ntargets = 1 };
	if (str_eqc(address, "down@example.org"))
		return E_TIMEOUT;
	if (str_eqc(address, "temp@example.org"))
		out->result = AUTH_TEMP;
	else if (str_eqc(address, "away@example.org"))
		out->noutside = 1;
	else if (!str_ends(address, "@example.org"))
		out->result = AUTH_NODOMAIN;
	else if (str_starts(address, "nobody"))
		out->result = AUTH_UNKNOWN;
	return 0;
}

static char arrivals[4096]; /* what was asked: a line each, its addresses with a space behind */
static bool one_answer; /* only the first of them is answered */

/* Rules: relay@ as sender may relay, hold@ is held, spam@ is refused, moved@ is anna@. */
int auth_arrivals(int link, const struct str *address, size_t n, struct str sender, struct str client, struct arena *a,
	struct auth_arrival *out, size_t *n_out, deadline d)
{
	size_t i, at = strlen(arrivals);
	int r = 0;

	for (i = 0; i < n && at < sizeof arrivals - 400; i++)
		at += (size_t)snprintf(arrivals + at, sizeof arrivals - at, "%.*s%s", STRF(address[i]), i + 1 < n ? " " : "\n");
	*n_out = 0;
	for (i = 0; i < (one_answer ? 1 : n) && !r; i++) {
		bool moved = str_eqc(address[i], "moved@example.org");

		out[i].address = moved ? STR("anna@example.org") : address[i];
		out[i].text = STR("");
		out[i].srs = AUTH_SRS_NONE;
		out[i].access = str_starts(sender, "spam@") ? AUTH_ACCESS_REJECT : str_starts(sender, "hold@") ? AUTH_ACCESS_HOLD :
			str_starts(sender, "relay@") && client.n ? AUTH_ACCESS_RELAY : AUTH_ACCESS_NONE;
		r = auth_rcpt(link, out[i].address, a, &out[i].rcpt, d);
		*n_out += !r;
	}
	return *n_out ? 0 : r;
}

/* --- queued --------------------------------------------------------------------- */

static struct buf queued; /* what was put */
static int file_result, put_result;

int spool_file(int link, int *fd_out, deadline d)
{
	(void)d;
	assert_int_equal(link, 77);
	if (!file_result)
		*fd_out = open("/dev/null", O_RDWR | O_CLOEXEC);
	return file_result;
}

static int list_error, list_asked;

/* stopped@ is on the list for mail from anna@ */
int suppressed_ask(int link, struct str address, struct str sender, struct arena *a, struct str *status_out,
	struct str *words_out, const struct suppressfilter **filter, deadline d)
{
	(void)a;
	(void)d;
	(void)filter;
	assert_int_equal(link, 77);
	list_asked++;
	if (list_error)
		return list_error;
	if (!str_starts(address, "stopped@") || !str_starts(sender, "anna@"))
		return 0;
	*status_out = STR("5.1.1");
	*words_out = STR("mail to this address is stopped");
	return 1;
}

int spool_put(int link, int fd, struct str id, const struct str *piece, size_t npieces, deadline d)
{
	size_t i;

	(void)d;
	assert_true(link == 77 && fd >= 0);
	assert_int_equal(id.n, TX_ID);
	for (i = 0; i < npieces; i++)
		buf_str(&queued, piece[i]);
	return put_result;
}

/* In order: the answers to ETRN. */
static struct caught caught;
static int catchup_error;
static char asked[300];

int catchup_ask(int link, struct str domain, bool below, struct caught *out, deadline d)
{
	(void)d;
	assert_int_equal(link, 77);
	snprintf(asked, sizeof asked, "%s%.*s", below ? "@" : "", STRF(domain));
	*out = caught;
	return catchup_error;
}

/* --- lmtpd ---------------------------------------------------------------------- */

static void lmtp_reply(struct stream *io, struct str rcpt)
{
	if (str_starts(rcpt, "RCPT TO:<late"))
		stream_puts(io, "451 4.3.0 later\r\n");
	else if (str_starts(rcpt, "RCPT TO:<loop"))
		stream_puts(io, "554 5.4.6 loop\r\n");
	else if (str_starts(rcpt, "RCPT TO:<disk"))
		stream_puts(io, "452 4.3.1 no room\r\n");
	else
		stream_puts(io, "250 2.1.5 Delivered\r\n");
}

static int *connections; /* shared with lmtpd: how many there were */

static void lmtp_serve(int fd, int report, int commands)
{
	struct str rcpt[20], line, rest;
	struct stream io;
	struct arena a;
	size_t n = 0, i;
	uint64_t size;
	char *body;

	arena_init(&a);
	(*connections)++;
	stream_init(&io, fd, -1, 65536, 5000);
	stream_puts(&io, "220 hi\r\n");
	while (!stream_line(&io, 4000, &line)) {
		if (str_starts(line, "LHLO")) {
			stream_puts(&io, "250-x\r\n250 CHUNKING\r\n");
		} else if (str_starts(line, "MAIL FROM:<again")) {
			stream_puts(&io, "421 4.3.0 The next message needs a new connection\r\n");
			break;
		} else if (str_starts(line, "MAIL")) {
			n = 0;
			assert_int_equal(write(commands, line.p, line.n), line.n);
			assert_int_equal(write(commands, "\n", 1), 1);
			stream_puts(&io, "250 2.1.0 ok\r\n");
		} else if (str_starts(line, "RCPT TO:<full")) {
			stream_puts(&io, "552 5.2.2 Mailbox is full\r\n");
		} else if (str_starts(line, "RCPT TO:<crash")) {
			break;
		} else if (str_starts(line, "RCPT TO:<hang")) {
			stream_flush(&io);
			usleep(300000);
			break;
		} else if (str_starts(line, "RCPT")) {
			rcpt[n++] = arena_str(&a, line);
			stream_puts(&io, "250 2.1.5 ok\r\n");
			assert_int_equal(write(commands, line.p, line.n), line.n);
			assert_int_equal(write(commands, "\n", 1), 1);
		} else if (str_starts(line, "BDAT ")) {
			rest = str_from(line, 5);
			assert_int_equal(str_u64(str_cut(&rest, ' '), 1 << 24, &size), 0);
			body = mem_alloc((size_t)size + 1, 1);
			assert_int_equal(stream_read_all(&io, body, (size_t)size), 0);
			assert_int_equal(write(report, body, (size_t)size), size);
			free(body);
			if (n && str_starts(rcpt[n - 1], "RCPT TO:<die")) {
				for (i = 0; i < n - 1; i++)
					lmtp_reply(&io, rcpt[i]);
				break;
			}
			for (i = 0; i < n; i++)
				lmtp_reply(&io, rcpt[i]);
			if (n && str_starts(rcpt[0], "RCPT TO:<last"))
				break;
		} else {
			stream_puts(&io, "250 2.0.0 ok\r\n");
		}
	}
	stream_flush(&io);
	stream_done(&io);
	arena_done(&a);
}

static int lmtpd_link, lmtpd_report, lmtpd_commands;
static pid_t lmtpd_pid;

static void lmtpd_start(void)
{
	int pair[2], report[2], commands[2];
	struct ipc_msg m;

	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(pipe(report), 0);
	connections = mmap(NULL, sizeof *connections, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(connections != MAP_FAILED);
	assert_int_equal(pipe(commands), 0);
	lmtpd_pid = fork();
	if (!lmtpd_pid) {
		close(pair[0]);
		while (!ipc_recv(pair[1], &m)) {
			lmtp_serve(ipc_take_fd(&m, "client"), report[1], commands[1]);
			ipc_done(&m);
		}
		_exit(0);
	}
	close(pair[1]);
	close(report[1]);
	close(commands[1]);
	fd_nonblock(report[0], true);
	fd_nonblock(commands[0], true);
	lmtpd_commands = commands[0];
	lmtpd_link = pair[0];
	lmtpd_report = report[0];
}

static void lmtpd_stop(void)
{
	fd_close(&lmtpd_link);
	close(lmtpd_report);
	close(lmtpd_commands);
	waitpid(lmtpd_pid, NULL, 0);
	munmap(connections, sizeof *connections);
}

/* --- the client ------------------------------------------------------------------- */

static struct conf *conf;
static struct str certificate, public_key; /* that the client showed */
static char output[1 << 16]; /* replies, as they came */
static char codes[4096]; /* "250 250 354": of each reply */
static char mail[1 << 16]; /* what lmtpd got */
static char said[1 << 16]; /* MAIL and RCPT to it */
static char unused_line[4096]; /* what would go back to front */
static enum session_end ended;

static void collect(int fd, char *to, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	while (n < cap - 1 && (got = read(fd, to + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	to[n] = 0;
}

static void list_codes(void)
{
	const char *p = output;
	size_t n = 0;

	codes[0] = 0;
	while (*p && n + 5 < sizeof codes) {
		if (p[3] == ' ')
			n += (size_t)snprintf(codes + n, sizeof codes - n, "%s%.3s", n ? " " : "", p);
		p = strchr(p, '\n');
		if (!p)
			break;
		p++;
	}
}

static void no_control(struct room *room)
{
	(void)room;
}

/* A session of the service; the client says all of `in` and then closes its side. */
static void dialogue_n(const char *service, const char *ticket, struct str in)
{
	struct room room = { .conf = conf, .hostname = "mx.example.org", .authd = -1, .lmtpd = lmtpd_link, .queued = 77,
		.control = -1, .on_control = no_control };
	struct handover h = { .id = STR("abcdefghijkl"), .service = str_of(service),
		.ticket = str_of(ticket), .helo = STR("client.example.net"), .esmtp = true,
		.client_cert = certificate, .client_key = public_key };
	int client[2], lease[2];
	struct session s;
	struct ipc_msg m;

	arrivals[0] = 0;
	buf_reset(&queued);
	assert_int_equal(addr_parse(STR("192.0.2.7"), &h.peer), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
	assert_int_equal(pipe(lease), 0);
	assert_int_equal(write(client[0], in.p, in.n), in.n);
	shutdown(client[0], SHUT_WR);
	session_init(&s, &room, &h, client[1], lease[0]);
	if (session_identify(&s))
		session_run(&s);
	ended = s.end;
	unused_line[0] = 0;
	if (s.end == SESSION_HANDBACK) {
		assert_int_equal(stream_flush(&s.io), 0);
		session_handback(&s, &m);
		assert_int_equal(m.err, 0);
		snprintf(unused_line, sizeof unused_line, "%.*s", STRF(ipc_get(&m, "command")));
		ipc_done(&m);
	}
	session_done(&s);
	close(lease[1]);
	collect(client[0], output, sizeof output);
	close(client[0]);
	lmtp_spare_close(&room.spare);
	list_codes();
	collect(lmtpd_report, mail, sizeof mail);
	collect(lmtpd_commands, said, sizeof said);
}

static void dialogue(const char *service, const char *ticket, const char *in)
{
	dialogue_n(service, ticket, str_of(in));
}

static void mx(const char *in, const char *want)
{
	dialogue("smtp", NULL, in);
	if (strcmp(codes, want))
		fail_msg("%s\n-> %s\nwanted %s\n%s", in, codes, want, output);
}

static void submission(const char *in, const char *want)
{
	dialogue("submission", "good", in);
	if (strcmp(codes, want))
		fail_msg("%s\n-> %s\nwanted %s\n%s", in, codes, want, output);
}

#define ENVELOPE "MAIL FROM:<x@example.net>\r\nRCPT TO:<anna@example.org>\r\n"

/* --- tests ------------------------------------------------------------------------- */

static void one_message(void **state)
{
	(void)state;
	mx(ENVELOPE "DATA\r\nSubject: a\r\n\r\n..dot\r\n.\r\nQUIT\r\n", "250 250 354 250 221");
	assert_non_null(strstr(mail, "Received: from client.example.net ([192.0.2.7])\r\n"
				     "\tby mx.example.org with ESMTP\r\n\tid "));
	assert_non_null(strstr(mail, " for <anna@example.org>;"));
	assert_true(str_ends(str_of(mail), "+0000\r\nSubject: a\r\n\r\n.dot\r\n"));
	assert_null(strstr(mail, "Message-ID"));
}

static void text_without_header_gets_an_empty_line(void **state)
{
	(void)state;
	mx(ENVELOPE "DATA\r\nhello\r\n.\r\nQUIT\r\n", "250 250 354 250 221");
	assert_true(str_ends(str_of(mail), "+0000\r\n\r\nhello\r\n"));
	mx(ENVELOPE "DATA\r\n.\r\nQUIT\r\n", "250 250 354 250 221");
	assert_true(str_ends(str_of(mail), "+0000\r\n"));
}

static void submission_adds_what_is_missing(void **state)
{
	(void)state;
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<bert@example.org>\r\n"
		   "DATA\r\nSubject: a\r\n\r\nb\r\n.\r\nQUIT\r\n",
		"250 250 354 250 221");
	assert_non_null(strstr(mail, " with ESMTPA\r\n"));
	assert_non_null(strstr(mail, "\r\nDate: "));
	assert_non_null(strstr(mail, "\r\nMessage-ID: <"));
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<bert@example.org>\r\n"
		   "DATA\r\nmessage-id: <a@b>\r\ndate: x\r\n\r\nDate: b\r\n.\r\nQUIT\r\n",
		"250 250 354 250 221");
	assert_null(strstr(mail, "Message-ID"));
}

/* The door says "submit", but this socket was accepted from nowhere: a pair has no name. */
static void the_word_of_the_door_lets_no_local_user_in(void **state)
{
	(void)state;
	dialogue("submit", NULL, ENVELOPE "QUIT\r\n");
	assert_string_equal(codes, "421");
	assert_int_equal(ended, SESSION_CLOSE);
}

static void relay_is_refused(void **state)
{
	(void)state;
	mx("MAIL FROM:<>\r\nRCPT TO:<x@example.com>\r\nDATA\r\n", "250 550 554");
	assert_non_null(strstr(output, "550 5.7.1 "));
	mx("MAIL FROM:<>\r\nRCPT TO:<@example.org:x@example.com>\r\n", "250 550");
	mx("MAIL FROM:<>\r\nRCPT TO:<\"x@example.com\"@[192.0.2.1]>\r\n", "250 550");
	mx("MAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\n", "250 550");
	assert_non_null(strstr(output, "550 5.1.1 "));
	mx("MAIL FROM:<>\r\nRCPT TO:<away@example.org>\r\n", "250 550");
	mx("MAIL FROM:<>\r\nRCPT TO:<temp@example.org>\r\nRCPT TO:<down@example.org>\r\n", "250 451 451");
	/* who is logged in may, if there is a way out, and is told what is missing */
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<x@example.com>\r\nRCPT TO:<away@example.org>\r\n", "250 550 550");
	assert_non_null(strstr(output, "neither [send] direct nor smarthost is set"));
	conf->send_smarthost = STR("mx.example.net");
	mx("MAIL FROM:<>\r\nRCPT TO:<x@example.com>\r\nRCPT TO:<away@example.org>\r\n", "250 550 250");
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<x@example.com>\r\nRCPT TO:<away@example.org>\r\n", "250 250 250");
	conf->send_smarthost = STR_NONE;
	conf->send_hold_all = true;
	mx("MAIL FROM:<>\r\nRCPT TO:<x@example.com>\r\n", "250 550");
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<x@example.com>\r\n", "250 250");
}

static void only_listed_networks_and_clients_may_relay(void **state)
{
	struct str near[] = { STR("198.51.100.0/24"), STR("2001:db8::/32") }, ours[] = { STR("10.0.0.0/8"), STR("192.0.2.0/25") };

	(void)state;
	conf->send_hold_all = false;
	conf->send_smarthost = STR("mx.example.net");
	conf->smtp_relay_networks = (struct conf_list){ near, 2 };
	mx("MAIL FROM:<printer@example.org>\r\nRCPT TO:<x@example.com>\r\n", "250 550");
	conf->smtp_relay_networks = (struct conf_list){ ours, 2 };
	mx("MAIL FROM:<printer@example.org>\r\nRCPT TO:<x@example.com>\r\nRCPT TO:<nobody@example.org>\r\n", "250 250 550");
	/* and needs a way out as all do */
	conf->send_smarthost = STR_NONE;
	mx("MAIL FROM:<printer@example.org>\r\nRCPT TO:<x@example.com>\r\n", "250 550");
	conf->send_smarthost = STR("mx.example.net");
	/* submission is for those who log in, wherever they are */
	dialogue("submission", NULL, "MAIL FROM:<printer@example.org>\r\n");
	assert_string_equal(codes, "530");
	conf->smtp_relay_networks = (struct conf_list){ NULL, 0 };
	/* a rule about the client: for its transaction, not for the next one */
	mx("MAIL FROM:<relay@example.com>\r\nRCPT TO:<x@example.com>\r\nRSET\r\n"
	   "MAIL FROM:<other@example.com>\r\nRCPT TO:<x@example.com>\r\n", "250 250 250 250 550");
	conf->send_smarthost = STR_NONE;
}

#define FP_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FP_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define FP_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define AWAY "MAIL FROM:<printer@example.org>\r\nRCPT TO:<x@example.com>\r\n"

static void only_listed_certificates_relay(void **state)
{
	struct str list[] = { STR("SHA256:" FP_A) };

	(void)state;
	conf->send_smarthost = STR("mx.example.net");
	conf->smtp_relay_certificates = (struct conf_list){ list, 1 };
	mx(AWAY, "250 550");
	certificate = STR(FP_B);
	public_key = STR(FP_C);
	mx(AWAY, "250 550");
	certificate = STR(FP_A);
	mx(AWAY, "250 250");
	mx(ENVELOPE "DATA\r\n\r\nx\r\n.\r\n", "250 250 354 250");
	certificate = STR(FP_B);
	public_key = STR(FP_A);
	mx(AWAY, "250 250");
	/* a login only where that was said */
	dialogue("submission", NULL, AWAY);
	assert_string_equal(codes, "530 503");
	conf->smtp_ask_certificate = CONF_ASK_ALL;
	dialogue("submission", NULL, AWAY);
	assert_string_equal(codes, "250 250");
	public_key = STR(FP_C);
	dialogue("submission", NULL, AWAY);
	assert_string_equal(codes, "530 503");
	conf->smtp_ask_certificate = CONF_ASK_AUTO;
	conf->smtp_relay_certificates = (struct conf_list){ NULL, 0 };
	conf->send_smarthost = STR_NONE;
	certificate = public_key = STR_NONE;
}

/* Who submits hears it at RCPT; it is no mistake that ends a session, and a queue that does not answer stops nobody. */
static void mail_to_who_is_suppressed_is_refused_at_once(void **state)
{
	struct buf many, want;
	int i;

	(void)state;
	conf->send_smarthost = STR("mx.example.net");
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<stopped@x.example>\r\nRCPT TO:<fine@x.example>\r\nRCPT TO:<bert@example.org>\r\n",
		"250 550 250 250");
	assert_non_null(strstr(output, "550 5.1.1 <stopped@x.example>: suppressed: mail to this address is stopped\r\n"));
	list_asked = 0;
	mx("MAIL FROM:<x@y.example>\r\nRCPT TO:<bert@example.org>\r\n", "250 250");
	assert_int_equal(list_asked, 0); /* a mailbox here */
	buf_init(&many, 20000);
	buf_init(&want, 2000);
	buf_puts(&many, "MAIL FROM:<anna@example.org>\r\n");
	buf_puts(&want, "250");
	for (i = 0; i < 50; i++) {
		buf_puts(&many, "RCPT TO:<stopped@x.example>\r\n");
		buf_puts(&want, " 550");
	}
	buf_puts(&many, "RCPT TO:<fine@x.example>\r\n");
	buf_puts(&want, " 250");
	submission(buf_cstr(&many), buf_cstr(&want));
	buf_done(&many);
	buf_done(&want);
	list_error = E_TIMEOUT;
	list_asked = 0;
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<stopped@x.example>\r\nRCPT TO:<stopped@x.example>\r\n", "250 250 250");
	assert_int_equal(list_asked, 1);
	list_error = 0;
	conf->send_smarthost = STR_NONE;
}

/* RFC 1985 */
static void mail_that_waits_is_sent_on_for_its_domain(void **state)
{
	struct str list[] = { STR("Backed.Example=192.0.2.0/24"), STR("other.example=198.51.100.1"), STR("key.example=" FP_A) };

	(void)state;
	mx("ETRN backed.example\r\n", "459");
	conf->smtp_etrn = (struct conf_list){ list, 3 };
	caught = (struct caught){ .result = CATCHUP_STARTED, .messages = 3 };
	asked[0] = '\0';
	mx("ETRN other.example\r\nETRN x.backed.example\r\nETRN key.example\r\nETRN #backed.example\r\nETRN backed\r\nETRN\r\n",
		"459 459 459 459 501 501");
	assert_string_equal(asked, "");
	mx("ETRN BACKED.example\r\n", "253");
	assert_string_equal(asked, "backed.example");
	assert_non_null(strstr(output, "253 2.0.0 OK, 3 pending messages for node backed.example started\r\n"));
	mx(ENVELOPE "ETRN backed.example\r\nRSET\r\nETRN @backed.example\r\n", "250 250 503 250 253");
	assert_string_equal(asked, "@backed.example");
	caught.messages = 0;
	mx("ETRN backed.example\r\n", "252");
	caught = (struct caught){ .result = CATCHUP_NONE };
	mx("ETRN backed.example\r\n", "251");
	caught = (struct caught){ .result = CATCHUP_ACTIVE };
	mx("ETRN backed.example\r\n", "250");
	caught = (struct caught){ .result = CATCHUP_SOON, .again = 59 };
	mx("ETRN backed.example\r\n", "458");
	assert_non_null(strstr(output, "try again in 59 s"));
	catchup_error = E_TEMP;
	mx("ETRN backed.example\r\n", "458");
	catchup_error = 0;
	caught = (struct caught){ .result = CATCHUP_NONE };
	certificate = STR(FP_A);
	mx("ETRN key.example\r\n", "251");
	certificate = STR_NONE;
	submission("ETRN what.ever.example\r\n", "251");
	conf->smtp_etrn = (struct conf_list){ NULL, 0 };
}

static bool in_queue(const char *text)
{
	return str_search(buf_view(&queued), str_of(text)) >= 0;
}

#define QUEUED(text)                                                           \
	do {                                                                   \
		if (!in_queue(text))                                           \
			fail_msg("not queued: %s\n%s", text, buf_cstr(&queued)); \
	} while (0)
#define BODY "DATA\r\nSubject: a\r\n\r\nb\r\n.\r\n"

static void rules_refuse_hold_and_rewrite(void **state)
{
	struct str ours[] = { STR("192.0.2.7/32") };

	(void)state;
	conf->send_smarthost = STR("mx.example.net");
	mx("MAIL FROM:<spam@example.com>\r\nRCPT TO:<anna@example.org>\r\n", "250 550");
	assert_non_null(strstr(output, "refused by a rule"));
	mx("MAIL FROM:<hold@example.com>\r\nRCPT TO:<anna@example.org>\r\n" BODY, "250 250 354 250");
	QUEUED("\nhold=1\n");
	assert_false(in_queue("confirmed=1"));
	mx("MAIL FROM:<old@relay.example>\r\nRCPT TO:<moved@example.org>\r\n" BODY, "250 250 354 250");
	assert_non_null(strstr(mail, "anna@example.org"));
	assert_null(strstr(mail, "moved@example.org"));
	assert_null(strstr(mail, "new@example.org")); /* a stranger's sender stays */
	conf->smtp_relay_networks = (struct conf_list){ ours, 1 };
	mx("MAIL FROM:<old@relay.example>\r\nRCPT TO:<x@example.com>\r\n" BODY, "250 250 354 250");
	QUEUED("sender=new@example.org\n");
	QUEUED("confirmed=1");
	assert_false(in_queue("hold=1"));
	conf->smtp_relay_networks = (struct conf_list){ NULL, 0 };
	conf->send_smarthost = STR_NONE;
}

/* RFC 4865 4.2, RFC 6710 4.1 */
static void what_is_to_wait_is_queued_until_then(void **state)
{
	static const char *const bad[] = { "HOLDFOR=0", "HOLDFOR=x", "HOLDFOR=3601", "HOLDUNTIL=2099-01-01T00:00:00Z", "HOLDUNTIL=tomorrow",
		"HOLDFOR=5 HOLDUNTIL=2026-12-24T18:00:00Z", "MT-PRIORITY=10", "MT-PRIORITY=+1" };
	char in[300];
	size_t i;

	(void)state;
	conf->smtp_future_release = 3600 * 1000;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(in, sizeof in, "MAIL FROM:<anna@example.org> %s\r\n", bad[i]);
		submission(in, "501");
	}
	submission("MAIL FROM:<anna@example.org> HOLDFOR=3600 MT-PRIORITY=5\r\nRCPT TO:<bert@example.org>\r\n" BODY, "250 250 354 250");
	assert_non_null(strstr(output, "250 2.3.6 0 is the priority"));
	assert_null(strstr(mail, "Subject")); /* not delivered at once */
	QUEUED("\nrelease=");
	QUEUED("\nfuture=for;3600\n"); /* RFC 4865 5.1 */
	QUEUED("PRIORITY 0;"); /* RFC 6710 4.1, in Received */
	assert_null(strstr(buf_cstr(&queued), "\npriority="));
	QUEUED("\nrcpt=bert@example.org number=1 local=1\n");
	conf->smtp_priority_max = 4;
	submission("MAIL FROM:<anna@example.org> MT-PRIORITY=5\r\n", "250");
	assert_non_null(strstr(output, "250 2.3.6 4 is the priority"));
	conf->smtp_priority_max = 0;
	submission("MAIL FROM:<anna@example.org> HOLDUNTIL=2001-01-01T00:00:00Z MT-PRIORITY=-3\r\nRCPT TO:<bert@example.org>\r\n" BODY,
		"250 250 354 250");
	QUEUED("\npriority=-3\n");
	conf->smtp_future_release = 0;
	submission("MAIL FROM:<anna@example.org> HOLDFOR=1\r\n", "555");
}

/* XVERP: for who may relay, with a sender, and delimiters that a bounce comes back by. */
static void verp_is_for_who_may_relay(void **state)
{
	static const char *const bad[] = { "XVERP=", "XVERP=+", "XVERP=+==", "XVERP=/=", "XVERP=ab", "XVERP XVERP" };
	struct str ours[] = { STR("192.0.2.7/32") };
	char in[300];
	size_t i;

	(void)state;
	conf->send_smarthost = STR("mx.example.net");
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(in, sizeof in, "MAIL FROM:<anna@example.org> %s\r\n", bad[i]);
		submission(in, "501");
	}
	submission("MAIL FROM:<> XVERP\r\n", "503");
	submission("MAIL FROM:<anna@example.org> XVERP\r\nRCPT TO:<x@example.com>\r\n" BODY, "250 250 354 250");
	QUEUED("\nverp=+=\n");
	submission("MAIL FROM:<anna@example.org> XVERP=-=\r\nRCPT TO:<x@example.com>\r\n" BODY, "250 250 354 250");
	QUEUED("\nverp=-=\n");
	mx("MAIL FROM:<anna@example.org> XVERP\r\n", "555");
	conf->smtp_relay_networks = (struct conf_list){ ours, 1 };
	mx("MAIL FROM:<list@example.com> XVERP=+=\r\nRCPT TO:<x@example.com>\r\n" BODY, "250 250 354 250");
	QUEUED("\nverp=+=\n");
	conf->smtp_relay_networks = (struct conf_list){ NULL, 0 };
	conf->send_smarthost = STR_NONE;
}

static void what_goes_outside_is_queued(void **state)
{
	(void)state;
	conf->send_smarthost = STR("mx.example.net");
	submission("MAIL FROM:<anna@example.org> RET=FULL ENVID=e+2B1 BODY=8BITMIME\r\n"
		   "RCPT TO:<x@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;y+2B@example.com\r\n"
		   "RCPT TO:<bert@example.org>\r\n" BODY,
		"250 250 250 354 250");
	QUEUED("mansio-envelope 1 ");
	QUEUED("\nsender=anna@example.org\nconfirmed=1\nsender-local=1\nuser=anna@example.org\nsession=abcdefghijkl\n"
	       "envid=e+2B1\nret=full\nbody8=1\npeer=192.0.2.7\nhelo=client.example.net\n"
	       "rcpt=x@example.com number=1 notify=success,delay orcpt=rfc822;y+2B@example.com\n"
	       "rcpt=bert@example.org number=2 local=1\n\nReceived: from ");
	QUEUED("\r\nSubject: a\r\n\r\nb\r\n");
	assert_null(strstr(mail, "Subject")); /* all of it goes one way */
	/* a success report needs the queue, if there is somebody to be told */
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<bert@example.org> NOTIFY=SUCCESS\r\n" BODY, "250 250 354 250");
	QUEUED("\nrcpt=bert@example.org number=1 local=1 notify=success\n");
	assert_non_null(strstr(said, "RCPT TO:<bert@example.org> XN=1 NOTIFY=SUCCESS\n"));
	mx("MAIL FROM:<x@example.net>\r\nRCPT TO:<bert@example.org> NOTIFY=SUCCESS\r\n" BODY, "250 250 354 250");
	assert_int_equal(queued.n, 0);
	assert_non_null(strstr(mail, "Subject: a"));
	submission("MAIL FROM:<>\r\nRCPT TO:<bert@example.org> NOTIFY=SUCCESS\r\n" BODY, "250 250 354 250");
	assert_int_equal(queued.n, 0);
}

static void a_queue_that_cannot(void **state)
{
	static const struct {
		int file, put;
		const char *want;
	} row[] = {
		{ E_FULL, 0, "250 250 354 452" }, { E_TEMP, 0, "250 250 354 451" }, { E_CLOSED, 0, "250 250 354 451" },
		{ E_TIMEOUT, 0, "250 250 354 451" }, { 0, E_FULL, "250 250 354 452" }, { 0, -EIO, "250 250 354 451" },
		{ 0, E_CLOSED, "250 250 354 451" }, { 0, E_TIMEOUT, "250 250 354 451" }, { 0, E_EXISTS, "250 250 354 451" },
		{ 0, E_DAMAGED, "250 250 354 451" }, { 0, 0, "250 250 354 250" },
	};
	size_t i;

	(void)state;
	conf->send_smarthost = STR("mx.example.net");
	for (i = 0; i < ARRAY_LEN(row); i++) {
		file_result = row[i].file;
		put_result = row[i].put;
		submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<x@example.com>\r\n" BODY, row[i].want);
	}
}

static void hold_all(void **state)
{
	(void)state;
	conf->send_hold_all = true;
	mx(ENVELOPE BODY, "250 250 354 250");
	QUEUED("\nrcpt=anna@example.org number=1 local=1\n");
	assert_string_equal(mail, "");
	assert_false(in_queue("confirmed"));
}

static void postmaster_needs_no_domain(void **state)
{
	(void)state;
	mx("MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n\r\n.\r\n", "250 250 354 250");
	assert_non_null(strstr(mail, " for <postmaster@example.org>;"));
}

static void senders_of_others_are_refused(void **state)
{
	(void)state;
	submission("MAIL FROM:<bert@example.org>\r\nMAIL FROM:<>\r\n", "553 250");
	assert_non_null(strstr(output, "553 5.7.1 <bert@example.org>"));
	dialogue("submission", NULL, "MAIL FROM:<anna@example.org>\r\n");
	assert_string_equal(codes, "530");
	dialogue("submission", "used", "MAIL FROM:<anna@example.org>\r\n");
	assert_string_equal(codes, "421");
}

/* Every way that a message of an account comes; corners of the rule are in author_test.c. */
static void authors_of_others_are_refused(void **state)
{
	(void)state;
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<bert@example.org>\r\nDATA\r\nFrom: Bert <bert@example.org>\r\n\r\nx\r\n.\r\n"
		"MAIL FROM:<anna@example.org>\r\nRCPT TO:<bert@example.org>\r\nDATA\r\nFrom: Anna <anna@example.org>\r\n\r\nx\r\n.\r\n"
		"MAIL FROM:<anna@example.org>\r\nRCPT TO:<bert@example.org>\r\nBDAT 29 LAST\r\nFrom: bert@example.org\r\n\r\nx\r\n",
		"250 250 354 550 250 250 354 250 250 250 550");
	assert_non_null(strstr(output, "550 5.7.1 From: <bert@example.org> is not an address of the account anna@example.org"));
	assert_null(strstr(mail, "From: Bert"));
	assert_non_null(strstr(mail, "From: Anna"));
	submission("MAIL FROM:<>\r\nRCPT TO:<bert@example.org>\r\nDATA\r\nFrom: bert@example.org\r\n\r\nx\r\n.\r\n", "250 250 354 550");
	mx(ENVELOPE "DATA\r\nFrom: bert@example.org\r\nFrom: x@example.net\r\n\r\nx\r\n.\r\n", "250 250 354 250");
}

static void parameters(void **state)
{
	static const struct {
		const char *in, *code;
	} row[] = {
		{ "SIZE=100", "250" }, { "SIZE=0", "250" }, { "SIZE=99999999999", "552" },
		{ "SIZE=99999999999999999999999", "501" }, { "SIZE=-1", "501" }, { "SIZE=x", "501" },
		{ "SIZE", "555" }, { "BODY=8BITMIME", "250" }, { "BODY=7bit", "250" },
		{ "BODY=BINARYMIME", "501" }, { "SMTPUTF8", "250" }, { "SMTPUTF8=1", "555" },
		{ "AUTH=<>", "250" }, { "AUTH=a+40b.c", "250" }, { "AUTH=a+4", "501" }, { "AUTH=a@b.c", "250" }, { "AUTH=e+3Df@b.c", "250" },
		{ "AUTH=a@b+0D+0ARCPT", "501" }, /* C02 */
		{ "RET=FULL", "250" }, { "RET=hdrs ENVID=QQ+2B1", "250" }, { "RET=BODY", "501" }, { "RET", "555" },
		{ "ENVID=a+0Ab", "501" }, { "ENVID=a+0D+0ARCPT", "501" }, { "ENVID=+C3", "501" }, { "ENVID=+", "501" }, /* C02 */
		{ "RET=FULL RET=FULL", "501" }, { "XID=abc", "555" }, { "XUSER=anna", "555" }, { "a=b=c", "501" },
	};
	char in[400];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		snprintf(in, sizeof in, "MAIL FROM:<x@example.net> %s\r\n", row[i].in);
		mx(in, row[i].code);
	}
	/* not from strangers, not in clear */
	mx("MAIL FROM:<> HOLDFOR=5\r\nMAIL FROM:<> HOLDUNTIL=2026-12-24T18:00:00Z\r\nMAIL FROM:<> MT-PRIORITY=-1\r\n"
	   "MAIL FROM:<> REQUIRETLS\r\nMAIL FROM:<> REQUIRETLS=1\r\n", "555 555 555 530 555");
	mx("MAIL FROM:<>\r\nRCPT TO:<anna@example.org> NOTIFY=NEVER\r\nRCPT TO:<anna@example.org> NOTIFY=never,delay\r\n"
	   "RCPT TO:<anna@example.org> NOTIFY=\r\nRCPT TO:<anna@example.org> NOTIFY\r\n"
	   "RCPT TO:<anna@example.org> ORCPT=rfc822;a+40b NOTIFY=FAILURE\r\n"
	   "RCPT TO:<anna@example.org> ORCPT=rfc822;a+0D+0AEvil:+20b\r\nRCPT TO:<anna@example.org> ORCPT=a\r\n"
	   "RCPT TO:<anna@example.org> XN=7\r\nRCPT TO:<anna@example.org> SIZE=7\r\n",
		"250 250 501 501 555 250 501 501 555 555");
	mx("MAIL FROM:<\xc3\xa9@example.net>\r\n", "553");
	mx("MAIL FROM:<\xc3\xa9@example.net> SMTPUTF8\r\n", "250");
	mx("MAIL FROM:<\xc3@example.net> SMTPUTF8\r\n", "501");
	mx("MAIL FROM:<>\r\nRCPT TO:<\xc3\xa9@example.org>\r\n", "250 553");
	mx("MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<\xc3\xa9@example.org>\r\n", "250 250");
}

static void order(void **state)
{
	(void)state;
	mx("RCPT TO:<anna@example.org>\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\nRSET\r\nRSET x\r\n"
	   "NOOP x\r\nVRFY anna\r\nEXPN a\r\nHELP\r\nFOO\r\nRCPT TO:<anna@example.org>\r\nQUIT\r\n",
		"503 503 250 503 503 250 501 250 252 502 214 500 503 221");
	mx(ENVELOPE "RSET\r\nDATA\r\n", "250 250 250 503");
	mx("MAIL\r\nMAIL FROM:x\r\nMAIL FROM:<x\r\nMAIL FROM:<>\r\nRCPT TO:\r\nRCPT TO:<>\r\n",
		"501 501 501 250 501 501");
}

/* A transaction's refusals do not outlive it, and there may be many. */
static void two_messages_in_one_session(void **state)
{
	(void)state;
	mx(ENVELOPE "DATA\r\n\r\none\r\n.\r\n" ENVELOPE "DATA\r\n\r\ntwo\r\n.\r\nQUIT\r\n",
		"250 250 354 250 250 250 354 250 221");
	assert_non_null(strstr(mail, "one"));
	assert_non_null(strstr(mail, "two"));
}

/* C06 */
static void C06_bare_line_ends_close_the_session(void **state)
{
	(void)state;
	mx(ENVELOPE "DATA\r\nx\r\n.\n" ENVELOPE "DATA\r\nevil\r\n.\r\n", "250 250 354 521");
	assert_int_equal(ended, SESSION_DRAIN);
	assert_string_equal(mail, "");
	mx(ENVELOPE "DATA\r\nx\ry\r\n.\r\nQUIT\r\n", "250 250 354 521");
	mx(ENVELOPE "BDAT 4 LAST\r\nx\n\r\nQUIT\r\n", "250 250 521");
	assert_string_equal(mail, "");
	mx("MAIL FROM:<>\nRCPT TO:<anna@example.org>\r\nNOOP\r\n", "500 503 250");
}

static void content_refusals(void **state)
{
	struct buf in;
	int i;

	(void)state;
	buf_init(&in, 1 << 20);
	dialogue_n("smtp", NULL, STR(ENVELOPE "DATA\r\na\0b\r\n.\r\nQUIT\r\n"));
	assert_string_equal(codes, "250 250 354 554 221");
	conf->smtp_message_size = 2000;
	conf->smtp_line_length = 1000;
	buf_puts(&in, ENVELOPE "DATA\r\n");
	for (i = 0; i < 30; i++)
		buf_fmt(&in, "%098d\r\n", i);
	buf_puts(&in, ".\r\nQUIT\r\n");
	mx(buf_cstr(&in), "250 250 354 552 221");
	buf_reset(&in);
	buf_fmt(&in, ENVELOPE "DATA\r\n%01000d\r\n.\r\nQUIT\r\n", 0);
	mx(buf_cstr(&in), "250 250 354 500 221");
	conf->smtp_message_size = 100000;
	buf_reset(&in);
	buf_puts(&in, ENVELOPE "DATA\r\n");
	for (i = 0; i < 51; i++)
		buf_puts(&in, "Received: x\r\n");
	buf_puts(&in, "\r\n.\r\nQUIT\r\n");
	mx(buf_cstr(&in), "250 250 354 554 221");
	assert_non_null(strstr(output, "554 5.4.6 "));
	conf->smtp_strict_8bit = true;
	mx(ENVELOPE "DATA\r\n\r\n\xc3\xa9\r\n.\r\n", "250 250 354 554");
	conf->smtp_strict_8bit = false;
	mx(ENVELOPE "DATA\r\n\r\n\xc3\xa9\r\n.\r\n", "250 250 354 250");
	assert_true(str_ends(str_of(mail), "\r\n\xc3\xa9\r\n"));
	buf_done(&in);
}

/* C04: what is data is never a command. */
static void C04_chunks(void **state)
{
	(void)state;
	mx(ENVELOPE "BDAT 9\r\n.a\r\n\r\nRS\rBDAT 3 LAST\r\nET\nQUIT\r\n", "250 250 250 521");
	mx(ENVELOPE "BDAT 6\r\nA: b\r\nBDAT 0\r\nBDAT 2\r\n\r\nBDAT 5 LAST\r\n.\r\nc\rQUIT\r\n", "250 250 250 250 250 554 221");
	mx(ENVELOPE "BDAT 6\r\nA: b\r\nBDAT 0\r\nBDAT 2\r\n\r\nBDAT 6 LAST\r\n.\r\nc\r\nQUIT\r\n",
		"250 250 250 250 250 250 221");
	assert_true(str_ends(str_of(mail), "A: b\r\n\r\n.\r\nc\r\n"));
	mx(ENVELOPE "BDAT 0 LAST\r\nQUIT\r\n", "250 250 250 221");
	/* no sequence: the octets are swallowed first */
	mx("BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n", "503 250 503 250");
	mx(ENVELOPE "BDAT 3\r\nA:\rRCPT TO:<bert@example.org>\r\nDATA\r\nMAIL FROM:<>\r\nRSET\r\nNOOP\r\n",
		"250 250 250 503 503 503 250 250");
	/* after a refused chunk, until RSET */
	dialogue_n("smtp", NULL, STR(ENVELOPE "BDAT 2\r\n\0\rBDAT 6\r\nQUIT\r\nBDAT 1 LAST\r\nxRSET\r\n" ENVELOPE));
	assert_string_equal(codes, "250 250 554 503 503 250 250 250");
	/* numbers that are none, or too large to be read */
	mx(ENVELOPE "BDAT 9223372036854775808 LAST\r\nQUIT\r\n", "250 250 501");
	mx(ENVELOPE "BDAT -1\r\nQUIT\r\n", "250 250 501");
	mx(ENVELOPE "BDAT 2147483648\r\nQUIT\r\n", "250 250 552");
	/* the connection ends inside a chunk: no message */
	mx(ENVELOPE "BDAT 100 LAST\r\nx\r\n", "250 250");
	assert_string_equal(mail, "");
	mx(ENVELOPE "DATA\r\nx\r\n", "250 250 354");
	assert_string_equal(mail, "");
}

/* lmtpd's refusals reach the client where it can act on them. */
static void refusals_of_lmtpd(void **state)
{
	(void)state;
	mx("MAIL FROM:<>\r\nRCPT TO:<full@example.org>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n\r\n.\r\n",
		"250 552 250 354 250");
	mx("MAIL FROM:<>\r\nRCPT TO:<loop@example.org>\r\nDATA\r\n\r\n.\r\n", "250 250 354 554");
	mx("MAIL FROM:<>\r\nRCPT TO:<loop@example.org>\r\nRCPT TO:<loop2@example.org>\r\nDATA\r\n\r\n.\r\n",
		"250 250 250 354 554");
	assert_int_equal(queued.n, 0);
}

/* Those who may still get it go to the queue, with their numbers; of those who may not
 * only a confirmed sender hears. */
static void mixed_results(void **state)
{
	(void)state;
	mx("MAIL FROM:<x@example.net>\r\nRCPT TO:<late@example.org>\r\n" BODY, "250 250 354 250");
	QUEUED("\nrcpt=late@example.org number=1 local=1\n\nReceived: ");
	mx("MAIL FROM:<x@example.net>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<late@example.org>\r\n"
	   "RCPT TO:<full@example.org>\r\nRCPT TO:<loop@example.org>\r\nRCPT TO:<late2@example.org>\r\n" BODY,
		"250 250 250 552 250 250 354 250");
	QUEUED("\nrcpt=late@example.org number=2 local=1\nrcpt=late2@example.org number=4 local=1\n\n");
	assert_false(in_queue("anna@") || in_queue("loop") || in_queue("confirmed"));
	assert_non_null(strstr(said, "XN=4\n"));
	mx("MAIL FROM:<x@example.net>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<loop@example.org>\r\n" BODY,
		"250 250 250 354 250");
	assert_int_equal(queued.n, 0);
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<loop@example.org>\r\n" BODY,
		"250 250 250 354 250");
	QUEUED("\nrcpt=loop@example.org number=2 local=1 code=554 status=5.4.6 reply=loop\n\n");
	submission("MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<loop@example.org>\r\n" BODY,
		"250 250 250 354 250");
	assert_int_equal(queued.n, 0);
	/* no room for anybody is told: the queue is on a disk too */
	mx("MAIL FROM:<>\r\nRCPT TO:<disk@example.org>\r\nRCPT TO:<disk2@example.org>\r\n" BODY, "250 250 250 354 452");
	assert_int_equal(queued.n, 0);
	mx("MAIL FROM:<>\r\nRCPT TO:<loop@example.org>\r\nRCPT TO:<disk@example.org>\r\n" BODY, "250 250 250 354 250");
	QUEUED("\nrcpt=disk@example.org number=2 local=1\n\n");
	/* what cannot be queued is not acknowledged */
	put_result = E_FULL;
	mx("MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<late@example.org>\r\n" BODY, "250 250 250 354 452");
	submission("MAIL FROM:<anna@example.org>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<loop@example.org>\r\n" BODY,
		"250 250 250 354 452");
}

/* lmtpd dies, or says nothing: authd knows the address, the queue delivers. */
static void without_lmtpd(void **state)
{
	(void)state;
	mx("MAIL FROM:<>\r\nRCPT TO:<crash@example.org>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<nobody@example.org>\r\n"
	   BODY "QUIT\r\n", "250 250 250 550 354 250 221");
	QUEUED("\nrcpt=crash@example.org number=1 local=1\nrcpt=anna@example.org number=2 local=1\n\n");
	mx("MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<crash@example.org>\r\n" BODY, "250 250 250 354 250");
	QUEUED("\nrcpt=anna@example.org number=1 local=1\nrcpt=crash@example.org number=2 local=1\n\n");
	/* behind the message: what was answered counts */
	mx("MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<die@example.org>\r\n" BODY, "250 250 250 354 250");
	QUEUED("\n\nReceived:");
	QUEUED("\nrcpt=die@example.org number=2 local=1\n\n");
	assert_false(in_queue("anna@"));
	conf->smtp_lmtp_wait = 100;
	mx("MAIL FROM:<>\r\nRCPT TO:<hang@example.org>\r\n" BODY, "250 250 354 250");
	QUEUED("\nrcpt=hang@example.org number=1 local=1\n");
	close(lmtpd_link);
	lmtpd_link = -1;
	mx("MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\n" BODY, "250 250 354 250");
	QUEUED("\nrcpt=anna@example.org number=1 local=1\n");
}

#define MESSAGE(who) "MAIL FROM:<>\r\nRCPT TO:<" who "@example.org>\r\nDATA\r\n\r\n.\r\n"

static void one_connection_serves_the_next_message_too(void **state)
{
	(void)state;
	mx(MESSAGE("anna") MESSAGE("bert") MESSAGE("late") MESSAGE("anna"),
		"250 250 354 250 250 250 354 250 250 250 354 250 250 250 354 250");
	assert_int_equal(*connections, 1);
	/* a transaction that was given up takes its connection with it */
	mx("MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nRSET\r\n" MESSAGE("anna"), "250 250 250 250 250 354 250");
	assert_int_equal(*connections, 3);
}

/* Nothing was done over it yet: no reason to trouble the client. */
static void a_kept_connection_that_ended_is_replaced(void **state)
{
	(void)state;
	mx(MESSAGE("last") MESSAGE("anna"), "250 250 354 250 250 250 354 250");
	assert_int_equal(*connections, 2);
	/* a fresh one that says the same is of no use: the queue */
	mx(MESSAGE("anna") "MAIL FROM:<again@example.net>\r\nRCPT TO:<bert@example.org>\r\n" BODY,
		"250 250 354 250 250 250 354 250");
	QUEUED("\nrcpt=bert@example.org number=1 local=1\n");
	assert_int_equal(*connections, 4);
}

static void limits(void **state)
{
	struct buf in;
	int i;

	(void)state;
	buf_init(&in, 1 << 20);
	conf->smtp_recipients = 2;
	mx(ENVELOPE "RCPT TO:<bert@example.org>\r\nRCPT TO:<carl@example.org>\r\n", "250 250 250 452");
	conf->smtp_transactions = 1;
	mx("MAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\nQUIT\r\n", "250 250 421");
	conf->limit_errors = 3;
	mx("A\r\nB\r\nC\r\nD\r\nNOOP\r\n", "500 500 500 421");
	mx("MAIL FROM:<>\r\nRCPT TO:<nobody1@example.org>\r\nRCPT TO:<nobody2@example.org>\r\n"
	   "RCPT TO:<nobody3@example.org>\r\nRCPT TO:<nobody4@example.org>\r\nNOOP\r\n",
		"250 550 550 550 421");
	buf_fmt(&in, "NOOP %05000d\r\nNOOP\r\n", 0);
	mx(buf_cstr(&in), "500 250");
	buf_reset(&in);
	for (i = 0; i < 1000; i++)
		buf_puts(&in, "x\r\n");
	mx(buf_cstr(&in), "500 500 500 421");
	buf_done(&in);
}

/* C20 */
static void C20_browsers_are_cut_off(void **state)
{
	(void)state;
	mx("POST / HTTP/1.1\r\nMAIL FROM:<>\r\n", "421");
}

static void the_door_gets_back_what_is_its_own(void **state)
{
	(void)state;
	mx("NOOP\r\nEHLO b\r\nMAIL FROM:<>\r\n", "250");
	assert_int_equal(ended, SESSION_HANDBACK);
	assert_string_equal(unused_line, "EHLO b\r\nMAIL FROM:<>\r\n");
	mx(ENVELOPE "STARTTLS\r\nNOOP\r\n", "250 250");
	assert_string_equal(unused_line, "STARTTLS\r\nNOOP\r\n");
	mx("AUTH PLAIN AGEAYg==\r\n", "");
	assert_string_equal(unused_line, "AUTH PLAIN AGEAYg==\r\n");
	mx("MAIL FROM:<>\r\nAUTH PLAIN AGEAYg==\r\n", "250 503");
}

#define R(name) "RCPT TO:<" name "@example.org>\r\n"
#define FROM "MAIL FROM:<x@example.net>\r\n"

static void recipients_said_in_one_go_are_one_question(void **state)
{
	(void)state;
	mx(FROM R("anna") R("nobody") "rcpt to:<moved@example.org>\r\n" R("anna") "DATA\r\n", "250 250 550 250 250 354");
	assert_string_equal(arrivals, "anna@example.org nobody@example.org moved@example.org anna@example.org\n");
	mx(FROM R("anna") "RCPT TO:<bert@example.org> FROB=1\r\n" R("temp"), "250 250 555 451"); /* an answer that nobody takes */
	/* what is not a good RCPT ends it; a rule's word counts for its own recipient */
	mx(FROM R("anna") "RCPT TO:anna\r\n" R("bert") "NOOP\r\n" R("carl"), "250 250 501 250 250 250");
	assert_string_equal(arrivals, "anna@example.org\nbert@example.org\ncarl@example.org\n");
	mx(FROM R("anna") "RCPT TO:<postmaster>\r\n" R("bert"), "250 250 250 250");
	mx(FROM R("temp") R("bert") R("anna") "RCPT TO:<x@example.com>\r\n" R("disk"), "250 451 250 250 550 250");
	assert_non_null(strstr(said, "\nRCPT TO:<bert@example.org> XN=1\nRCPT TO:<anna@example.org> XN=2\nRCPT TO:<disk@example.org> XN=3\n"));
	mx("MAIL FROM:<spam@example.net>\r\n" R("anna") R("bert"), "250 550 550");
	assert_string_equal(arrivals, "anna@example.org bert@example.org\n");
	/* the next message asks anew */
	mx(FROM R("anna") R("bert") "RSET\r\n" FROM R("bert"), "250 250 250 250 250 250");
	assert_string_equal(arrivals, "anna@example.org bert@example.org\nbert@example.org\n");
}

/* To <> an answer counts a report: it is asked for when its RCPT is read. */
static void recipients_of_reports_are_asked_about_alone(void **state)
{
	(void)state;
	mx("MAIL FROM:<>\r\n" R("anna") R("bert"), "250 250 250");
	assert_string_equal(arrivals, "anna@example.org\nbert@example.org\n");
}

static void only_so_many_are_asked_about_ahead(void **state)
{
	int64_t errors = conf->limit_errors, recipients = conf->smtp_recipients;

	(void)state;
	conf->limit_errors = 2;
	mx(FROM R("nobody1") R("nobody2") R("nobody3") R("nobody4"), "250 550 550 421");
	assert_string_equal(arrivals, "nobody1@example.org nobody2@example.org\nnobody3@example.org\n");
	conf->limit_errors = errors;
	conf->smtp_recipients = 2;
	mx(FROM R("anna") R("bert") R("carl"), "250 250 250 452");
	assert_string_equal(arrivals, "anna@example.org bert@example.org\n");
	conf->smtp_recipients = recipients;
}

/* authd gave up behind the first one: the others are asked about again. */
static void what_was_not_answered_is_asked_again(void **state)
{
	(void)state;
	one_answer = true;
	mx(FROM R("anna") R("bert"), "250 250 250");
	one_answer = false;
	assert_string_equal(arrivals, "anna@example.org bert@example.org\nbert@example.org\n");
	mx(FROM R("anna") R("down") R("bert"), "250 250 451 250");
}

static int setup(void **state)
{
	(void)state;
	conf = conf_defaults();
	conf->smtp_handback_idle = 60000;
	buf_init(&queued, 1 << 20);
	file_result = put_result = 0;
	lmtpd_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lmtpd_stop();
	buf_done(&queued);
	conf_free(conf);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(recipients_said_in_one_go_are_one_question),
		TEST(recipients_of_reports_are_asked_about_alone),
		TEST(only_so_many_are_asked_about_ahead),
		TEST(what_was_not_answered_is_asked_again),
		TEST(one_message),
		TEST(text_without_header_gets_an_empty_line),
		TEST(submission_adds_what_is_missing),
		TEST(the_word_of_the_door_lets_no_local_user_in),
		TEST(relay_is_refused),
		TEST(only_listed_networks_and_clients_may_relay),
		TEST(only_listed_certificates_relay),
		TEST(mail_to_who_is_suppressed_is_refused_at_once),
		TEST(mail_that_waits_is_sent_on_for_its_domain),
		TEST(rules_refuse_hold_and_rewrite),
		TEST(postmaster_needs_no_domain),
		TEST(senders_of_others_are_refused),
		TEST(authors_of_others_are_refused),
		TEST(parameters),
		TEST(order),
		TEST(two_messages_in_one_session),
		TEST(C06_bare_line_ends_close_the_session),
		TEST(content_refusals),
		TEST(C04_chunks),
		TEST(verp_is_for_who_may_relay),
		TEST(what_goes_outside_is_queued),
		TEST(what_is_to_wait_is_queued_until_then),
		TEST(a_queue_that_cannot),
		TEST(hold_all),
		TEST(refusals_of_lmtpd),
		TEST(one_connection_serves_the_next_message_too),
		TEST(a_kept_connection_that_ended_is_replaced),
		TEST(mixed_results),
		TEST(without_lmtpd),
		TEST(limits),
		TEST(C20_browsers_are_cut_off),
		TEST(the_door_gets_back_what_is_its_own),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(60);
	trace_open(open("/dev/null", O_WRONLY), "smtpd");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
