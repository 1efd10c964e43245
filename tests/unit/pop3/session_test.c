/* SPDX-License-Identifier: ISC
 *
 * session_test.c: POP3 sessions on a socket pair, with a store door made of
 * strings that can fail where the test says so.
 */
#include "tests/unit/pop3/fake_store.h"

#include "pop3/session.h"
#include "trace/trace.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* --- a conversation ----------------------------------------------------------------- */

static char answer[256 * 1024];
static struct conf *conf;

/* Everything the server says to these bytes, which come at once. */
static const char *talk_raw(const char *in, size_t len, const char *why)
{
	int pair[2], size = 1 << 20;
	struct handover h = { .id = STR("session00001"), .service = STR("pop3s") };
	struct stream io;
	size_t n = 0;
	ssize_t r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	assert_int_equal(write(pair[0], in, len), len);
	shutdown(pair[0], SHUT_WR);
	stream_init(&io, pair[1], -1, 1024, 1000);
	pop3_session_run(&io, why ? NULL : (struct store *)&fake, conf, &h, STR("anna@example.org"), why);
	stream_done(&io);
	while ((r = read(pair[0], answer + n, sizeof answer - 1 - n)) > 0)
		n += (size_t)r;
	answer[n] = '\0';
	close(pair[0]);
	assert_int_equal(fake.open, 0);
	return answer;
}

static const char *talk(const char *in)
{
	return talk_raw(in, strlen(in), NULL);
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof fake);
	fake.mail[0] = "Subject: one\r\n\r\na\r\n.b\r\n..\r\n";
	fake.mail[1] = "Subject: two\r\n\r\n1\r\n2\r\n3\r\n";
	fake.mail[2] = ".dot\r\n\r\nno end";
	return 0;
}

#define HELLO "+OK 3 messages (66 octets)\r\n"

static void login_and_counts(void **state)
{
	(void)state;
	assert_string_equal(talk("STAT\r\nlist\r\nLIST 2\r\nUIDL\r\nUIDL 3\r\nNOOP\r\nQUIT\r\n"),
		HELLO "+OK 3 66\r\n" HELLO "1 27\r\n2 25\r\n3 14\r\n.\r\n+OK 2 25\r\n"
		      "+OK unique ids follow\r\n1 uid10\r\n2 uid11\r\n3 uid12\r\n.\r\n+OK 3 uid12\r\n"
		      "+OK nothing done\r\n+OK 3 messages left\r\n");
	fake.mail[0] = NULL;
	assert_string_equal(talk("STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nQUIT\r\n"),
		"+OK 0 messages (0 octets)\r\n+OK 0 0\r\n+OK 0 messages (0 octets)\r\n.\r\n+OK unique ids follow\r\n.\r\n"
		"-ERR no such message\r\n+OK 0 messages left\r\n");
}

/* RFC 1939 3: byte-stuffing, wherever the text is cut on its way. */
static void retr_stuffs_dots(void **state)
{
	(void)state;
	for (fake.piece = 0; fake.piece < 12; fake.piece++)
		assert_string_equal(talk("RETR 1\r\nRETR 3\r\nQUIT\r\n"),
			HELLO "+OK 27 octets\r\nSubject: one\r\n\r\na\r\n..b\r\n...\r\n.\r\n"
			      "+OK 14 octets\r\n..dot\r\n\r\nno end\r\n.\r\n+OK 3 messages left\r\n");
	assert_true(fake.seen[0] && !fake.seen[1] && fake.seen[2]);
}

static void top_sends_header_and_lines(void **state)
{
	(void)state;
	for (fake.piece = 0; fake.piece < 12; fake.piece++)
		assert_string_equal(talk("TOP 2 0\r\nTOP 2 1\r\nTOP 2 99\r\nTOP 1 2\r\nQUIT\r\n"),
			HELLO "+OK 25 octets\r\nSubject: two\r\n\r\n.\r\n"
			      "+OK 25 octets\r\nSubject: two\r\n\r\n1\r\n.\r\n"
			      "+OK 25 octets\r\nSubject: two\r\n\r\n1\r\n2\r\n3\r\n.\r\n"
			      "+OK 27 octets\r\nSubject: one\r\n\r\na\r\n..b\r\n.\r\n+OK 3 messages left\r\n");
	assert_false(fake.seen[0] || fake.seen[1]);
	assert_string_equal(talk("TOP 2\r\nTOP 2 -1\r\nTOP 2 x\r\nTOP 9 1\r\nQUIT\r\n"),
		HELLO "-ERR TOP wants a message and a number of lines\r\n-ERR TOP wants a message and a number of lines\r\n"
		      "-ERR TOP wants a message and a number of lines\r\n-ERR no such message\r\n+OK 3 messages left\r\n");
}

static void quit_deletes(void **state)
{
	(void)state;
	assert_string_equal(talk("DELE 2\r\nDELE 2\r\nRETR 2\r\nLIST 2\r\nSTAT\r\nLIST\r\nQUIT\r\nSTAT\r\n"),
		HELLO "+OK message 2 deleted\r\n-ERR message 2 is deleted\r\n-ERR message 2 is deleted\r\n"
		      "-ERR message 2 is deleted\r\n+OK 2 41\r\n+OK 2 messages (41 octets)\r\n1 27\r\n3 14\r\n.\r\n"
		      "+OK 2 messages left\r\n");
	assert_true(!fake.expunged[0] && fake.expunged[1] && !fake.expunged[2]);
}

static void rset_forgets(void **state)
{
	(void)state;
	assert_string_equal(talk("DELE 1\r\nDELE 3\r\nRSET\r\nDELE 2\r\nQUIT\r\n"),
		HELLO "+OK message 1 deleted\r\n+OK message 3 deleted\r\n" HELLO
		      "+OK message 2 deleted\r\n+OK 2 messages left\r\n");
	assert_true(!fake.expunged[0] && fake.expunged[1] && !fake.expunged[2]);
}

/* RFC 1939 6: without QUIT nothing is removed. */
static void an_aborted_session_deletes_nothing(void **state)
{
	(void)state;
	assert_string_equal(talk("RETR 2\r\nDELE 2\r\nQUI"),
		HELLO "+OK 25 octets\r\nSubject: two\r\n\r\n1\r\n2\r\n3\r\n.\r\n+OK message 2 deleted\r\n");
	assert_false(fake.expunged[1] || fake.seen[1]);
}

/* The client stays silent; the session ends by itself, or with the door's lease. */
static void silent(bool kicked)
{
	int64_t idle = conf->pop3_idle_timeout;
	struct handover h = { .id = STR("session00001"), .service = STR("pop3") };
	struct stream io;
	int pair[2], lease[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lease), 0);
	assert_int_equal(write(pair[0], "DELE 1\r\n", 8), 8);
	conf->pop3_idle_timeout = kicked ? 20000 : 30;
	if (kicked)
		close(lease[0]);
	stream_init(&io, pair[1], lease[1], 1024, 1000);
	pop3_session_run(&io, (struct store *)&fake, conf, &h, STR("anna@example.org"), NULL);
	stream_done(&io);
	n = read(pair[0], answer, sizeof answer - 1);
	answer[MAX(n, 0)] = '\0';
	if (!kicked)
		assert_string_equal(answer, HELLO "+OK message 1 deleted\r\n");
	assert_int_equal(fake.open, 0);
	assert_false(fake.expunged[0]);
	conf->pop3_idle_timeout = idle;
	close(pair[0]);
	if (!kicked)
		close(lease[0]);
}

/* RFC 1939 3: the autologout timer deletes nothing and says nothing. */
static void an_idle_session_ends_and_deletes_nothing(void **state)
{
	(void)state;
	silent(false);
}

static void a_session_ends_with_its_lease(void **state)
{
	(void)state;
	silent(true);
}

static void failures_are_told(void **state)
{
	(void)state;
	fake.expunge_err = -ENOSPC;
	assert_string_equal(talk("DELE 2\r\nQUIT\r\n"),
		HELLO "+OK message 2 deleted\r\n-ERR [SYS/TEMP] some deleted messages not removed\r\n");
	fake.open_err = E_NOTFOUND;
	assert_string_equal(talk("RETR 2\r\nQUIT\r\n"),
		HELLO "-ERR message was removed by another session\r\n+OK 3 messages left\r\n");
	fake.open_err = -EIO;
	fake.uidl_err = -EIO;
	assert_string_equal(talk("RETR 2\r\nUIDL 1\r\nUIDL\r\nQUIT\r\n"),
		HELLO "-ERR [SYS/TEMP] message cannot be read\r\n-ERR [SYS/TEMP] unique id cannot be read\r\n"
		      "+OK unique ids follow\r\n");
	fake.select_err = E_TEMP;
	assert_string_equal(talk("STAT\r\n"), "-ERR [SYS/TEMP] mailbox is busy, try again later\r\n");
	fake.select_err = E_DAMAGED;
	assert_string_equal(talk("STAT\r\n"), "-ERR [SYS/TEMP] mailbox cannot be opened\r\n");
	assert_string_equal(talk_raw("STAT\r\n", 6, "no"), "-ERR [SYS/TEMP] no\r\n");
}

/* Half a message must not end like a whole one. */
static void a_broken_read_ends_the_session(void **state)
{
	(void)state;
	fake.piece = 5;
	fake.broken_at = 15;
	assert_string_equal(talk("DELE 1\r\nRETR 2\r\nQUIT\r\n"),
		HELLO "+OK message 1 deleted\r\n+OK 25 octets\r\nSubject: two\r\n\r");
	assert_false(fake.expunged[0] || fake.seen[1]);
}

static void bad_commands(void **state)
{
	char long_line[2000];
	const char *a;
	int i;

	(void)state;
	assert_string_equal(talk("XTND\r\n\r\nSTAT 1\r\nRETR\r\nRETR 0\r\nRETR 4\r\nRETR 99999999999999999999\r\nDELE x\r\n USER a\r\nQUIT now\r\nQUIT\r\n"),
		HELLO "-ERR unknown command\r\n-ERR unknown command\r\n-ERR wrong arguments\r\n-ERR wrong arguments\r\n"
		      "-ERR no such message\r\n-ERR no such message\r\n-ERR no such message\r\n-ERR no such message\r\n"
		      "-ERR unknown command\r\n-ERR wrong arguments\r\n+OK 3 messages left\r\n");
	assert_string_equal(talk("STAT\nNOOP\r\nQUIT\r\n"),
		HELLO "-ERR malformed line\r\n+OK nothing done\r\n+OK 3 messages left\r\n");
	assert_string_equal(talk_raw("ST\0AT\r\nQUIT\r\n", 13, NULL),
		HELLO "-ERR malformed line\r\n+OK 3 messages left\r\n");
	memset(long_line, 'A', sizeof long_line);
	memcpy(long_line + sizeof long_line - 9, "\r\nQUIT\r\n", 9);
	assert_string_equal(talk(long_line), HELLO "-ERR line too long\r\n+OK 3 messages left\r\n");
	for (i = 0; i < 400; i++)
		memcpy(long_line + i * 3, "X\r\n", 4);
	a = talk(long_line);
	assert_non_null(strstr(a, "-ERR too many errors\r\n"));
	for (i = 0; (a = strstr(a, "-ERR unknown")) != NULL; i++)
		a++;
	assert_int_equal(i, conf->limit_errors);
}

static void capabilities(void **state)
{
	const char *a;

	(void)state;
	a = talk("CAPA\r\nQUIT\r\n");
	assert_non_null(strstr(a, "\r\nTOP\r\nUIDL\r\n"));
	assert_non_null(strstr(a, "\r\nRESP-CODES\r\n"));
	assert_non_null(strstr(a, "\r\nEXPIRE NEVER\r\n"));
	assert_non_null(strstr(a, "\r\n.\r\n+OK 3 messages left\r\n"));
	assert_null(strstr(a, "STLS"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(login_and_counts, setup),
		cmocka_unit_test_setup(retr_stuffs_dots, setup),
		cmocka_unit_test_setup(top_sends_header_and_lines, setup),
		cmocka_unit_test_setup(quit_deletes, setup),
		cmocka_unit_test_setup(rset_forgets, setup),
		cmocka_unit_test_setup(an_aborted_session_deletes_nothing, setup),
		cmocka_unit_test_setup(an_idle_session_ends_and_deletes_nothing, setup),
		cmocka_unit_test_setup(a_session_ends_with_its_lease, setup),
		cmocka_unit_test_setup(failures_are_told, setup),
		cmocka_unit_test_setup(a_broken_read_ends_the_session, setup),
		cmocka_unit_test_setup(bad_commands, setup),
		cmocka_unit_test_setup(capabilities, setup),
	};
	int r;

	trace_open(open("/dev/null", O_WRONLY | O_CLOEXEC), "pop3d");
	conf = conf_defaults();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	conf_free(conf);
	return r;
}
