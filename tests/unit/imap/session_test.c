/* SPDX-License-Identifier: ISC
 *
 * session_test.c: whole IMAP sessions over a socket pair, with a store in a
 * temporary folder. A script is a list of lines: "C: ..." is sent with CRLF, "S: ..."
 * must be the next line that comes (fnmatch pattern), "S* ..." skips lines up to the
 * one that matches, "2C:" and "2S:" are those of a second session of the same person,
 * "END" wants the end of the connection.
 */
#include "imap/session.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define WAIT_MS 20000

struct peer {
	int fd, lease;
	pid_t pid;
	char in[1 << 18];
	size_t n;
};

static char home[] = "/tmp/mansio-imap-XXXXXX";
static struct conf *conf;
static struct peer peer[2];

static void serve(int fd, int lease)
{
	struct store_options opt = { .host = "test.example", .lock_timeout_ms = 10000, .notify = true };
	struct handover h = { .id = STR("testsession1"), .service = STR("imaps"), .tag = STR("0") };
	struct stream st;
	struct store *store;

	opt.key = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	stream_init(&st, fd, lease, (size_t)conf->imap_line_length + 2, 10000);
	if (store_open(&opt, &store))
		_exit(3);
	imap_session_run(&st, store, conf, &h, STR("anna@example.org"), NULL);
	store_close(store);
	stream_done(&st);
}

static void begin(struct peer *p)
{
	int s[2], l[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, l), 0);
	p->n = 0;
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (!p->pid) {
		struct peer *other = &peer[p == &peer[0]];

		if (other->pid) { /* the end of that one must be seen by it */
			close(other->fd);
			close(other->lease);
		}
		close(s[0]);
		close(l[0]);
		serve(s[1], l[1]);
		_exit(0);
	}
	close(s[1]);
	close(l[1]);
	p->fd = s[0];
	p->lease = l[0];
}

static void end(struct peer *p)
{
	int status;

	if (!p->pid)
		return;
	close(p->fd);
	if (p->lease >= 0)
		close(p->lease);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
	p->pid = 0;
}

/* The next line without CRLF into line; false at the end of the connection. */
static bool next_line(struct peer *p, char *line, size_t cap)
{
	for (;;) {
		char *lf = memchr(p->in, '\n', p->n);
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
		ssize_t got;

		if (lf) {
			size_t len = (size_t)(lf - p->in);

			assert_true(len >= 1 && len < cap && lf[-1] == '\r');
			memcpy(line, p->in, len - 1);
			line[len - 1] = '\0';
			p->n -= len + 1;
			memmove(p->in, lf + 1, p->n);
			return true;
		}
		if (poll(&pfd, 1, WAIT_MS) != 1)
			fail_msg("nothing came within %d ms", WAIT_MS);
		got = read(p->fd, p->in + p->n, sizeof p->in - p->n);
		if (got <= 0)
			return false;
		p->n += (size_t)got;
	}
}

static void expect(struct peer *p, const char *pattern, bool skip, const char *after)
{
	static char line[1 << 17];

	do {
		if (!next_line(p, line, sizeof line))
			fail_msg("wanted %s, the connection ended (after %s)", pattern, after);
		if (!fnmatch(pattern, line, 0))
			return;
	} while (skip);
	fail_msg("wanted %s, got %s (after %s)", pattern, line, after);
}

/* What a test that failed left behind. */
static void drop(struct peer *p)
{
	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	close(p->fd);
	p->pid = 0;
}

static void play(const char *const *script, size_t n)
{
	static char line[1 << 16];
	const char *after = "login";
	size_t i;

	drop(&peer[0]);
	drop(&peer[1]);
	for (i = 0; i < n; i++) {
		const char *s = script[i];
		struct peer *p = &peer[*s == '2'];

		s += *s == '2';
		if (!p->pid) {
			begin(p);
			expect(p, "0 OK *Logged in", false, "begin");
		}
		if (!strncmp(s, "C: ", 3)) {
			after = s;
			assert_true(write(p->fd, s + 3, strlen(s + 3)) == (ssize_t)strlen(s + 3));
			assert_true(write(p->fd, "\r\n", 2) == 2);
		} else if (!strcmp(s, "END")) {
			assert_false(next_line(p, line, sizeof line));
		} else if (!strcmp(s, "KICK")) {
			close(p->lease);
			p->lease = -1;
		} else {
			assert_true(s[0] == 'S' && (s[1] == ':' || s[1] == '*') && s[2] == ' ');
			expect(p, s + 3, s[1] == '*', after);
		}
	}
	end(&peer[0]);
	end(&peer[1]);
}

#define PLAY(...)                                                              \
	do {                                                                   \
		static const char *const script[] = { __VA_ARGS__ };           \
		play(script, ARRAY_LEN(script));                               \
	} while (0)

/* 113 bytes; the CRLF of its last line ends the command */
#define MESSAGE "From: Anna <anna@x.example>", "C: Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", \
	"C: Date: Sat, 21 Nov 2026 10:00:00 +0200", "C: ", "C: Hello"
#define APPEND(tag, box) "C: " tag " APPEND " box " {113+}", "C: " MESSAGE, "S* " tag " OK ?APPENDUID*"

static void states_and_bad_commands(void **state)
{
	(void)state;
	PLAY("C: a CAPABILITY", "S: * CAPABILITY IMAP4rev1 *", "S: a OK *",
		"C: b FETCH 1 FLAGS", "S: b BAD No mailbox selected",
		"C: c NOSUCH", "S: c BAD *", "C: d UID NOOP", "S: d BAD *", "C: e STARTTLS", "S: e BAD *",
		"C: f LOGIN x y", "S: f BAD *", "C: g NOOP x", "S: g BAD *", "C: *", "S: [*] BAD Invalid tag",
		"C: h", "S: h BAD Missing command", "C: ", "S: [*] BAD Invalid tag",
		"C: i NOOP", "S: i OK *", "C: j LOGOUT", "S: [*] BYE *", "S: j OK *", "END");
}

static void too_many_bad_commands_end_the_session(void **state)
{
	int64_t limit = conf->limit_errors;

	(void)state;
	conf->limit_errors = 2;
	PLAY("C: a x", "S: a BAD *", "C: b x", "S: b BAD *", "C: c x", "S: [*] BYE Too many*", "S: c BAD *",
		"END");
	conf->limit_errors = limit;
}

static void append_select_fetch(void **state)
{
	(void)state;
	PLAY("C: a CREATE one", "S: a OK *", APPEND("b", "one"), "C: c SELECT one", "S: [*] FLAGS *",
		"S: [*] OK ?PERMANENTFLAGS *[*])] *", "S: [*] 1 EXISTS", "S: [*] 1 RECENT",
		"S: [*] OK ?UNSEEN 1] *", "S: [*] OK ?UIDVALIDITY *", "S: [*] OK ?UIDNEXT 2] *", "S: [*] OK ?HIGHESTMODSEQ *] *",
		"S: c OK ?READ-WRITE] *",
		"C: d FETCH 1 (UID RFC822.SIZE FLAGS)", "S: [*] 1 FETCH (UID 1 RFC822.SIZE 113 FLAGS (?Recent))",
		"S: d OK *",
		"C: e FETCH 1 BODY.PEEK[HEADER.FIELDS (subject)]",
		"S: [*] 1 FETCH (BODY?HEADER.FIELDS (subject)] {40}", "S: Subject: *", "S: ", "S: )", "S: e OK *",
		"C: f FETCH 1 BODY[TEXT]<1.3>", "S: [*] 1 FETCH (BODY?TEXT]<1> {3}", "S: ell FLAGS (?Seen ?Recent))",
		"S: f OK *",
		"C: g FETCH 1 BODY[TEXT]<100.3>", "S: [*] 1 FETCH (BODY?TEXT]<100> {0}", "S: )", "S: g OK *",
		"C: h UID FETCH 1:* BODY[1]", "S: [*] 1 FETCH (UID 1 BODY?1] {5}", "S: Hello)", "S: h OK *",
		"C: i FETCH 1 BODY[2]", "S: [*] 1 FETCH (BODY?2] NIL)", "S: i OK *",
		"C: j FETCH 1 BODY[1.MIME]", "S: [*] 1 FETCH (BODY?1.MIME] {108}", "S* j OK *",
		"C: k FETCH 2 FLAGS", "S: k BAD *", "C: l UID FETCH 2 FLAGS", "S: l OK *",
		"C: m FETCH 1 (FLAGS", "S: m BAD *",
		"C: n FETCH 1 (ENVELOPE BODYSTRUCTURE)",
		"S: [*] 1 FETCH (ENVELOPE (\"Sat, 21 Nov 2026 10:00:00 +0200\" *) BODYSTRUCTURE (\"text\" \"plain\" *))",
		"S: n OK *");
}

static void literals(void **state)
{
	(void)state;
	PLAY("C: a CREATE {3}", "S: + OK", "C: lit", "S: a OK *", "C: b CREATE {4+}", "C: lit2", "S: b OK *",
		"C: c STATUS {3+}", "C: lit (MESSAGES)", "S: [*] STATUS \"lit\" (MESSAGES 0)", "S: c OK *",
		"C: d CREATE {70000}", "S: d NO ?TOOBIG] *", "C: e CREATE {99999999999+}", "S: [*] BYE ?TOOBIG]*",
		"END");
}

static void append_is_refused_before_the_literal(void **state)
{
	(void)state;
	PLAY("C: a APPEND nosuch {10}", "S: a NO ?TRYCREATE] *", "C: b APPEND INBOX {99999999999}",
		"S: b NO ?TOOBIG] *", "C: c APPEND nosuch {5+}", "C: Hello", "S: c NO ?TRYCREATE] *",
		"C: d APPEND INBOX (\\Nosuch) {5}", "S: + OK", "C: Hello", "S: d BAD *",
		"C: e APPEND INBOX {5}", "S: + OK", "C: Hello x", "S: e BAD *",
		"C: f APPEND INBOX {0}", "S: f NO *", "C: g APPEND INBOX", "S: g BAD *");
}

static void flags_and_keywords(void **state)
{
	(void)state;
	PLAY("C: a CREATE flags", "S: a OK *", APPEND("b", "flags"), APPEND("c", "flags"), "C: d SELECT flags",
		"S* d OK *", "C: e STORE 1 +FLAGS (\\Flagged work)", "S: [*] FLAGS (* work)",
		"S: [*] OK ?PERMANENTFLAGS *", "S: [*] 1 FETCH (FLAGS (?Flagged ?Recent work))", "S: e OK *",
		"C: f STORE 1:2 FLAGS.SILENT \\Answered", "S: f OK *",
		"C: g FETCH 1:2 FLAGS", "S: [*] 1 FETCH (FLAGS (?Answered ?Recent))",
		"S: [*] 2 FETCH (FLAGS (?Answered ?Recent))", "S: g OK *",
		"C: h UID STORE 2 -FLAGS (\\Answered)", "S: [*] 2 FETCH (UID 2 FLAGS (?Recent))", "S: h OK *",
		"C: i STORE 1 FLAGS (\\Recent)", "S: i BAD *", "C: j STORE 3 FLAGS ()", "S: j BAD *",
		"C: k EXAMINE flags", "S* k OK ?READ-ONLY] *", "C: l STORE 1 FLAGS ()", "S: l NO *",
		"C: m EXPUNGE", "S: m NO *");
}

/* RFC 3501 7.4.1: no EXPUNGE while FETCH, STORE, SEARCH are answered; RFC 2180 4.1.2 */
static void expunge_of_another_session_waits_for_noop(void **state)
{
	(void)state;
	PLAY("C: a CREATE two", "S: a OK *", APPEND("b", "two"), APPEND("c", "two"), APPEND("d", "two"),
		"C: e SELECT two", "S* e OK *", "2C: a SELECT two", "2S* a OK *",
		"2C: b STORE 1 +FLAGS (\\Deleted)", "2S* b OK *", "2C: c EXPUNGE", "2S: [*] 1 EXPUNGE", "2S: c OK *",
		"C: f FETCH 1:3 UID", "S: [*] 1 FETCH (UID 1)", "S: [*] 2 FETCH (UID 2)", "S: [*] 3 FETCH (UID 3)",
		"S: f OK *", "C: g FETCH 1:3 UID", "S: [*] 2 FETCH (UID 2)", "S: [*] 3 FETCH (UID 3)",
		"S: g NO ?EXPUNGEISSUED] *", "C: h SEARCH ALL", "S: [*] SEARCH 2 3", "S: h OK *",
		"C: i STORE 2 +FLAGS (\\Seen)", "S: [*] 2 FETCH (FLAGS (?Seen ?Recent))", "S: i OK *",
		"2C: d NOOP", "2S: [*] 1 FETCH (FLAGS (?Seen*))", "2S: d OK *",
		"C: j NOOP", "S: [*] 1 EXPUNGE", "S: j OK *", "C: k FETCH 1:2 UID", "S: [*] 1 FETCH (UID 2)",
		"S: [*] 2 FETCH (UID 3)", "S: k OK *");
}

/* RFC 3501 6.4.6: in silence is told what the client cannot know */
static void changes_of_another_are_told_in_silence(void **state)
{
	(void)state;
	PLAY("C: a CREATE quiet", "S: a OK *", APPEND("b", "quiet"), "C: c SELECT quiet", "S* c OK *",
		"2C: a SELECT quiet", "2S* a OK *", "2C: b STORE 1 +FLAGS.SILENT (\\Flagged)", "2S: b OK *",
		"C: d STORE 1 +FLAGS.SILENT (\\Seen)", "S: [*] 1 FETCH (FLAGS (?Flagged ?Seen ?Recent))", "S: d OK *",
		"C: e STORE 1 +FLAGS.SILENT (\\Draft)", "S: e OK *",
		"2C: c STORE 1 FLAGS.SILENT (\\Seen \\Flagged x)", "2S: [*] FLAGS *", "2S: [*] OK ?PERMANENTFLAGS *",
		"2S: c OK *", "C: f UID STORE 1 -FLAGS.SILENT (\\Seen)", "S: [*] FLAGS *", "S: [*] OK ?PERMANENTFLAGS *",
		"S: [*] 1 FETCH (UID 1 FLAGS (?Flagged ?Recent x))", "S: f OK *");
}

static void uid_expunge_and_close(void **state)
{
	(void)state;
	PLAY("C: a CREATE three", "S: a OK *", APPEND("b", "three"), APPEND("c", "three"), APPEND("d", "three"),
		"C: e SELECT three", "S* e OK *", "C: f STORE 1:2 +FLAGS.SILENT (\\Deleted)", "S: f OK *",
		"C: g UID EXPUNGE 2:3", "S: [*] 2 EXPUNGE", "S: g OK *", "C: h CLOSE", "S: h OK *",
		"C: i FETCH 1 UID", "S: i BAD *", "C: j EXAMINE three", "S* [*] 1 EXISTS", "S* j OK *",
		"C: k UID SEARCH ALL", "S: [*] SEARCH 3", "S: k OK *", "C: l UNSELECT", "S: l OK *");
}

static void copy_and_move(void **state)
{
	(void)state;
	PLAY("C: a CREATE from", "S: a OK *", "C: b CREATE to", "S: b OK *", APPEND("c", "from"),
		APPEND("d", "from"), "C: e SELECT from", "S* e OK *", "C: f COPY 1:2 to",
		"S: f OK ?COPYUID * 1:2 1:2] *", "C: g UID MOVE 1 to", "S: [*] OK ?COPYUID * 1 3] *",
		"S: [*] 1 EXPUNGE", "S: g OK *", "C: h COPY 1 nosuch", "S: h NO ?TRYCREATE] *",
		"C: i UID COPY 77 to", "S: i OK *", "C: j UID COPY 77 nosuch", "S: j NO ?TRYCREATE] *",
		"C: k MOVE 2 to", "S: k BAD *", "C: l STATUS to (MESSAGES UIDNEXT)",
		"S: [*] STATUS \"to\" (MESSAGES 3 UIDNEXT 4)", "S: l OK *");
}

static void search_keys(void **state)
{
	(void)state;
	PLAY("C: a CREATE search", "S: a OK *", APPEND("b", "search"),
		"C: d APPEND search (\\Seen x) \"01-Feb-2020 10:00:00 +0000\" {22+}", "C: Subject: one", "C: ",
		"C: second", "S: d OK *", "C: e SELECT search", "S* e OK *",
		"C: g SEARCH CHARSET UTF-8 SUBJECT {6+}", "C: GR\xc3\x9c\xc3\x9f", "S: [*] SEARCH 1", "S: g OK *",
		"C: h SEARCH BODY SECOND", "S: [*] SEARCH 2", "S: h OK *",
		"C: i SEARCH TEXT anna", "S: [*] SEARCH 1", "S: i OK *",
		"C: j SEARCH BEFORE 2-Feb-2020", "S: [*] SEARCH 2", "S: j OK *",
		"C: k SEARCH ON 1-Feb-2020 KEYWORD X", "S: [*] SEARCH 2", "S: k OK *",
		"C: l SEARCH SENTON 21-Nov-2026", "S: [*] SEARCH 1", "S: l OK *",
		"C: m SEARCH NOT SEEN", "S: [*] SEARCH 1", "S: m OK *",
		"C: n SEARCH OR SEEN LARGER 100", "S: [*] SEARCH 1 2", "S: n OK *",
		"C: o SEARCH 2:* UID 1:2", "S: [*] SEARCH 2", "S: o OK *",
		"C: p SEARCH HEADER DATE \"\"", "S: [*] SEARCH 1", "S: p OK *",
		"C: q SEARCH BODY nowhere", "S: [*] SEARCH", "S: q OK *",
		"C: r SEARCH CHARSET X-NO ALL", "S: r NO ?BADCHARSET *", "C: s SEARCH", "S: s BAD *");
}

static void mailboxes(void **state)
{
	(void)state;
	PLAY("C: a LIST \"\" \"\"", "S: [*] LIST (?Noselect) \"/\" \"\"", "S: a OK *",
		"C: b LIST \"\" inbox", "S: [*] LIST (*) \"/\" \"INBOX\"", "S: b OK *",
		"C: c LIST \"\" Sent", "S: [*] LIST (*HasNoChildren ?Sent) \"/\" \"Sent\"", "S: c OK *",
		"C: d CREATE deep/er/est", "S: d OK *", "C: e LIST \"deep/\" %",
		"S: [*] LIST (*HasChildren) \"/\" \"deep/er\"", "S: e OK *",
		"C: f SUBSCRIBE deep/er/est", "S: f OK *", "C: g LSUB \"\" deep/%",
		"S: [*] LSUB (?Noselect) \"/\" \"deep/er\"", "S: g OK *",
		"C: h LSUB \"\" deep*", "S: [*] LSUB () \"/\" \"deep/er/est\"", "S: h OK *",
		"C: i RENAME deep deeper", "S: i OK *", "C: j SELECT deeper/er/est", "S* j OK *",
		"C: k DELETE deeper/er/est", "S: k OK *", "C: l FETCH 1 UID", "S: l BAD *",
		"C: m SELECT deeper/er/est", "S: m NO ?NONEXISTENT] *", "C: n CREATE deeper", "S: n NO ?ALREADYEXISTS] *",
		"C: o DELETE INBOX", "S: o NO *", "C: p CREATE ../x", "S: p NO ?CANNOT] *",
		"C: q CREATE x&AC8-", "S: q NO ?CANNOT] *", "C: r CREATE \"a\"b", "S: r BAD *",
		"C: s CREATE trail/", "S: s OK *", "C: t LIST \"\" trail", "S: [*] LIST *", "S: t OK *",
		"C: u CREATE mine (USE (\\Sent))", "S: u NO ?USEATTR] *",
		"C: v CREATE mine (USE (\\All))", "S: v NO ?USEATTR] *",
		"C: w CREATE mine (USE x)", "S: w BAD *",
		"C: x STATUS Trash (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)",
		"S: [*] STATUS \"Trash\" (MESSAGES 0 RECENT 0 UIDNEXT 1 UIDVALIDITY * UNSEEN 0)", "S: x OK *",
		"C: y STATUS Trash ()", "S: y BAD *", "C: z NAMESPACE", "S: [*] NAMESPACE ((\"\" \"/\")) NIL NIL",
		"S: z OK *");
}

/* "new mail shows within 20 ms": by the notify socket, not by the poll */
static void idle_with_a_second_session(void **state)
{
	int64_t start;

	(void)state;
	PLAY("C: a CREATE idle2", "S: a OK *");
	start = clock_mono_ms();
	PLAY("C: b SELECT idle2", "S* b OK *", "C: c IDLE", "S: + idling", "2C: a APPEND idle2 {5+}", "2C: Hello",
		"2S: a OK *", "S: [*] 1 EXISTS", "S: [*] 1 RECENT", "2C: b SELECT idle2", "2S* b OK *",
		"2C: c STORE 1 +FLAGS.SILENT (\\Deleted)", "2S: c OK *", "S: [*] 1 FETCH (FLAGS (?Deleted*))",
		"2C: d EXPUNGE", "2S: [*] 1 EXPUNGE", "2S: d OK *", "S: [*] 1 EXPUNGE", "C: DONE", "S: c OK *",
		"C: d IDLE", "S: + idling", "C: x NOOP", "S: d BAD *");
	assert_true(clock_mono_ms() - start < 5000); /* the poll comes after 15 s */
}

static void the_end_of_the_lease_ends_the_session(void **state)
{
	(void)state;
	PLAY("C: a NOOP", "S: a OK *", "KICK", "S: [*] BYE *", "END");
	PLAY("C: a IDLE", "S: + idling", "KICK", "S: a NO *", "S: [*] BYE *", "END");
}

static void a_silent_client_is_logged_out(void **state)
{
	int64_t was = conf->imap_idle_timeout;

	(void)state;
	conf->imap_idle_timeout = 50;
	PLAY("S: [*] BYE Autologout*", "END");
	PLAY("C: a IDLE", "S: + idling", "S: [*] BYE Autologout*", "S: a NO *", "END");
	conf->imap_idle_timeout = was;
}

static void deleted_mailbox_ends_other_sessions(void **state)
{
	(void)state;
	PLAY("C: a CREATE doomed", "S: a OK *", "C: b SELECT doomed", "S* b OK *", "2C: a DELETE doomed",
		"2S: a OK *", "C: c NOOP", "S: [*] BYE *", "S: c OK *", "END");
}

static void renamed_mailbox_stays_selected(void **state)
{
	(void)state;
	PLAY("C: a CREATE old/sub", "S: a OK *", APPEND("b", "old/sub"), "C: c SELECT old/sub", "S* c OK *",
		"C: d RENAME old new", "S: d OK *", "C: e FETCH 1 BODY.PEEK[TEXT]", "S: [*] 1 FETCH (BODY?TEXT] {5}",
		"S: Hello)", "S: e OK *", "C: f RENAME new/sub top", "S: f OK *", "C: g STORE 1 +FLAGS (\\Seen)",
		"S: [*] 1 FETCH *", "S: g OK *", "C: h STATUS top (MESSAGES UNSEEN)",
		"S: [*] STATUS \"top\" (MESSAGES 1 UNSEEN 0)", "S: h OK *");
}

static void id_and_enable(void **state)
{
	(void)state;
	PLAY("C: a ID NIL", "S: [*] ID (\"name\" \"Mansio\")", "S: a OK *",
		"C: b ID (\"name\" \"x\" \"version\" NIL)", "S: [*] ID *", "S: b OK *",
		"C: c ID (\"name\")", "S: c BAD *", "C: d ENABLE CONDSTORE X", "S: [*] ENABLED CONDSTORE", "S: d OK *",
		"C: e ENABLE", "S: e BAD *");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	conf = conf_defaults();
	trace_open(open("/dev/null", O_WRONLY), "imapd");
	return mkdtemp(home) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	conf_free(conf);
	return nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_and_bad_commands),
		cmocka_unit_test(too_many_bad_commands_end_the_session),
		cmocka_unit_test(append_select_fetch),
		cmocka_unit_test(literals),
		cmocka_unit_test(append_is_refused_before_the_literal),
		cmocka_unit_test(flags_and_keywords),
		cmocka_unit_test(expunge_of_another_session_waits_for_noop),
		cmocka_unit_test(changes_of_another_are_told_in_silence),
		cmocka_unit_test(uid_expunge_and_close),
		cmocka_unit_test(copy_and_move),
		cmocka_unit_test(search_keys),
		cmocka_unit_test(mailboxes),
		cmocka_unit_test(idle_with_a_second_session),
		cmocka_unit_test(the_end_of_the_lease_ends_the_session),
		cmocka_unit_test(a_silent_client_is_logged_out),
		cmocka_unit_test(deleted_mailbox_ends_other_sessions),
		cmocka_unit_test(renamed_mailbox_stays_selected),
		cmocka_unit_test(id_and_enable),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
