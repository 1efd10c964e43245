/* SPDX-License-Identifier: ISC
 *
 * lmtp_test.c: whole LMTP sessions of a child of lmtpd, in memory. authd, the
 * store and the sandbox are played by the functions below, so that order
 * (locked in before the content is touched, durable before 250) and every
 * failure of a mailbox can be asked for by the account's name.
 */
#include "delivery/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "net/spool.h"
#include "store/store.h"

/* --- authd ------------------------------------------------------------------------ */

static void add_target(struct auth_rcpt *out, struct arena *a, const char *account, struct str detail)
{
	struct auth_target *t = arena_array(a, out->ntargets + 1, sizeof *t);

	if (out->ntargets)
		memcpy(t, out->target, out->ntargets * sizeof *t);
	t[out->ntargets++] = (struct auth_target){ .account = str_of(account), .detail = detail,
		.quota_bytes = strcmp(account, "tight@example.org") ? 0 : 2000 };
	out->target = t;
}

static void add_outside(struct auth_rcpt *out, struct arena *a, const char *one, const char *two)
{
	out->outside = arena_array(a, 2, sizeof *out->outside);
	out->outside[0] = str_of(one);
	out->outside[1] = str_of(two);
	out->noutside = two ? 2 : 1;
}

int auth_rcpt(int link, struct str address, struct arena *a, struct auth_rcpt *out, deadline d)
{
	struct str rest = address, local = str_cut(&rest, '@'), detail = local, user = str_cut(&detail, '+');
	char *account = arena_fmt(a, "%.*s@%.*s", STRF(user), STRF(rest));

	(void)link;
	(void)d;
	*out = (struct auth_rcpt){ .result = AUTH_OK };
	if (!str_eqc(rest, "example.org")) {
		out->result = AUTH_NODOMAIN;
	} else if (str_starts(local, "nobody")) {
		out->result = AUTH_UNKNOWN;
	} else if (str_eqc(local, "down")) {
		return E_CLOSED;
	} else if (str_eqc(local, "team")) {
		add_target(out, a, "anna@example.org", STR_NONE);
		add_target(out, a, "bert@example.org", STR_NONE);
	} else if (str_eqc(local, "half")) {
		add_target(out, a, "anna@example.org", STR_NONE);
		add_target(out, a, "nospace@example.org", STR_NONE);
	} else if (str_eqc(local, "away")) {
		add_target(out, a, "anna@example.org", STR_NONE);
		add_outside(out, a, "anna@home.example.net", NULL);
	} else if (str_eqc(local, "ext")) {
		add_outside(out, a, "e1@example.net", "e2@example.net");
	} else if (str_eqc(local, "ext2")) {
		add_outside(out, a, "E2@example.net", "e3@example.net");
	} else {
		add_target(out, a, account, detail);
	}
	return 0;
}

/* A forward keeps its sender; is that one of ours? */
int auth_forward_sender(int link, struct str sender, struct str domain, struct arena *a, struct str *out, bool *ours_out,
	deadline d)
{
	struct auth_rcpt rcpt = { .result = AUTH_TEMP };
	int r = auth_rcpt(link, sender, a, &rcpt, d);

	(void)domain;
	if (r)
		return r;
	*out = sender;
	*ours_out = rcpt.result != AUTH_NODOMAIN;
	return 0;
}

static int keys_asked;

/* Accounts named key... come with theirs. */
int auth_rcpt_key(int link, struct str address, struct arena *a, struct auth_rcpt *out, int *key_out, deadline d)
{
	int r = auth_rcpt(link, address, a, out, d);

	if (r)
		return r;
	*key_out = -1;
	if (str_starts(address, "key") && out->ntargets == 1) {
		assert_int_equal(auth_keys(link, &out->target[0].account, 1, key_out, d), 0);
		keys_asked = 0;
	}
	return 0;
}

/* A key is a file that holds the account's name. */
int auth_keys(int link, const struct str *account, size_t n, int *key_out, deadline d)
{
	size_t i;

	(void)link;
	(void)d;
	for (i = 0; i < n; i++) {
		keys_asked++;
		key_out[i] = -1;
		if (str_starts(account[i], "nokey"))
			continue;
		key_out[i] = memfd_create("key", MFD_CLOEXEC);
		assert_int_equal(file_write_all(key_out[i], account[i].p, account[i].n), 0);
	}
	return 0;
}

/* --- the sandbox --------------------------------------------------------------------- */

static int locked; /* mailboxes of the sandbox that was entered */

int store_seal(const int *key, size_t n)
{
	size_t i;

	assert_int_equal(locked, 0);
	for (i = 0; i < n; i++)
		locked += key[i] >= 0;
	return 0;
}

static bool shared; /* locked in for messages to come, too */

int store_seal_shared(void)
{
	assert_int_equal(locked, 0);
	assert_false(shared);
	shared = true;
	return 0;
}

static int left; /* mailboxes that the process has stepped out of */

int store_leave(void)
{
	left++;
	return 0;
}

/* --- the store ------------------------------------------------------------------------ */

struct store {
	char account[300];
	int key;
};
struct store_save {
	struct store *store;
	char folder[100], id[100];
	struct buf text;
};
static struct buf saved; /* "account|folder|id|" and the message, of each copy */
static bool open_now;

int store_open(const struct store_options *opt, struct store **out)
{
	struct store *s = mem_alloc(1, sizeof *s);

	assert_false(open_now);
	assert_true(pread(opt->key, s->account, sizeof s->account - 1, 0) > 0);
	s->key = opt->key;
	*out = s;
	open_now = true;
	return 0;
}

void store_close(struct store *s)
{
	close(s->key);
	free(s);
	open_now = false;
}

int store_usage(struct store *s, uint64_t *bytes, uint64_t *messages)
{
	assert_string_equal(s->account, "tight@example.org");
	*bytes = 1500;
	*messages = 3;
	return 0;
}

int store_folder_exists(struct store *s, struct str name, bool *out)
{
	(void)s;
	if (str_find(name, '\x01') >= 0)
		return E_SYNTAX;
	*out = str_eqc(name, "work") || str_eqc(name, "gone");
	return 0;
}

int store_save_begin(struct store *s, const struct store_save_options *opt, uint64_t size_hint,
	struct store_save **out)
{
	struct store_save *w;

	assert_true(locked > 0 || shared);
	assert_true(size_hint > 0);
	if (str_starts(str_of(s->account), "quota"))
		return E_QUOTA;
	if (str_starts(str_of(s->account), "busy"))
		return E_TEMP;
	if (str_eqc(opt->folder, "gone"))
		return E_NOTFOUND;
	w = mem_alloc(1, sizeof *w);
	w->store = s;
	snprintf(w->folder, sizeof w->folder, "%.*s", STRF(opt->folder));
	snprintf(w->id, sizeof w->id, "%.*s", STRF(opt->delivery_id));
	buf_init(&w->text, 1 << 20);
	*out = w;
	return 0;
}

int store_save_write(struct store_save *w, const void *p, size_t n)
{
	buf_add(&w->text, p, n);
	return str_starts(str_of(w->store->account), "nospace") ? -ENOSPC : 0;
}

void store_save_abort(struct store_save *w)
{
	buf_done(&w->text);
	free(w);
}

int store_save_commit(struct store_save *w, uint32_t *uidvalidity_out, uint32_t *uid_out)
{
	int r = str_starts(str_of(w->store->account), "twice") ? E_EXISTS :
		str_starts(str_of(w->store->account), "broken") ? -EIO : 0;

	if (!r) {
		buf_fmt(&saved, "%s|%s|%s|", w->store->account, w->folder, w->id);
		buf_str(&saved, buf_view(&w->text));
	}
	*uidvalidity_out = 1;
	*uid_out = 7;
	store_save_abort(w);
	return r;
}

/* --- queued ----------------------------------------------------------------------------------- */

static struct buf queued; /* "id|" and what was put, of each message */
static int put_result;

int spool_file(int link, int *fd_out, deadline d)
{
	(void)d;
	assert_true(link >= 0);
	*fd_out = memfd_create("spool", MFD_CLOEXEC);
	return 0;
}

int spool_put(int link, int fd, struct str id, const struct str *piece, size_t npieces, deadline d)
{
	size_t i;

	(void)d;
	assert_true(link >= 0 && fd >= 0);
	assert_true(locked > 0 || !saved.n);
	buf_fmt(&queued, "%.*s|", STRF(id));
	for (i = 0; i < npieces; i++)
		buf_str(&queued, piece[i]);
	return put_result;
}

/* The parent's answer to "queue", sent before it is asked. */
static void offer_queue(int parent)
{
	int fd = memfd_create("link", MFD_CLOEXEC);
	struct ipc_msg m;

	ipc_init(&m, "queue");
	ipc_setc(&m, "id", "abcdefghijkl");
	if (put_result != E_CLOSED)
		ipc_add_fd(&m, "link", fd);
	assert_int_equal(ipc_send(parent, &m), 0);
	ipc_done(&m);
	close(fd);
}

/* --- the client -------------------------------------------------------------------------- */

static struct conf *conf;
static char output[1 << 16], codes[4096], again[4096];
static enum session_end ended;
static bool forwards;
static int64_t may_serve;

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

static void collect(int fd)
{
	size_t n = 0;
	ssize_t got;

	while ((got = recv(fd, output + n, sizeof output - 1 - n, MSG_DONTWAIT)) > 0)
		n += (size_t)got;
	output[n] = 0;
}

/* verb: "lmtp" as smtpd, "accept" as a stranger, "again" as a child gave it back. */
static void dialogue(const char *verb, struct str in)
{
	struct session s = { .conf = conf, .hostname = "mx.example.org", .authd = -1, .may_serve = may_serve };
	struct ipc_msg m, back;
	int client[2], parent[2];

	buf_reset(&saved);
	buf_reset(&queued);
	locked = keys_asked = left = 0;
	shared = false;
	again[0] = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
	assert_int_equal(ipc_pair(parent), 0);
	assert_int_equal(write(client[0], in.p, in.n), in.n);
	shutdown(client[0], SHUT_WR);
	ipc_init(&m, verb);
	ipc_setc(&m, "session", "abcdefghijkl");
	if (!strcmp(verb, "again"))
		ipc_setc(&m, "helo", "old.example.net");
	s.parent = parent[1];
	if (forwards)
		offer_queue(parent[0]);
	session_init(&s, &m, client[1]);
	session_run(&s);
	ended = s.end;
	session_done(&s);
	ipc_done(&m);
	if (ended == SESSION_AGAIN) {
		assert_int_equal(ipc_try_recv(parent[0], &back), 0);
		assert_true(ipc_is(&back, "again"));
		snprintf(again, sizeof again, "%.*s", STRF(ipc_get(&back, "command")));
		ipc_done(&back);
	}
	close(parent[0]);
	close(parent[1]);
	collect(client[0]);
	close(client[0]);
	list_codes();
}

static void inside(const char *in, const char *want)
{
	dialogue("lmtp", str_of(in));
	if (strcmp(codes, want))
		fail_msg("%s\n-> %s\nwanted %s\n%s", in, codes, want, output);
}

static void outside(const char *in, const char *want)
{
	dialogue("accept", str_of(in));
	if (strcmp(codes, want))
		fail_msg("%s\n-> %s\nwanted %s\n%s", in, codes, want, output);
}

static int descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#define LHLO "LHLO client.example.net\r\n"
#define MAIL "MAIL FROM:<x@example.net>\r\n"
#define XMAIL "MAIL FROM:<x@example.net> XID=abc123\r\n"
#define TO(who) "RCPT TO:<" who "@example.org>\r\n"
#define DATA "DATA\r\nSubject: a\r\n\r\nb\r\n.\r\n"

/* --- tests ---------------------------------------------------------------------------------- */

static void one_message(void **state)
{
	(void)state;
	inside(LHLO XMAIL TO("anna") "BDAT 17 LAST\r\nSubject: a\r\n\r\nb\r\nQUIT\r\n", "220 250 250 250 250 221");
	assert_string_equal(buf_cstr(&saved),
		"anna@example.org|INBOX|abc123r1|Return-Path: <x@example.net>\r\n"
		"Delivered-To: anna@example.org\r\nSubject: a\r\n\r\nb\r\n");
	assert_int_equal(locked, 1);
}

static void a_stranger_gets_a_received_line_and_no_xid(void **state)
{
	(void)state;
	outside(LHLO XMAIL MAIL TO("anna") DATA "QUIT\r\n", "220 250 555 250 250 354 250 221");
	assert_non_null(strstr(buf_cstr(&saved), "anna@example.org|INBOX||Return-Path: <x@example.net>\r\n"
						 "Delivered-To: anna@example.org\r\n"
						 "Received: from client.example.net\r\n\tby mx.example.org with LMTP\r\n"));
	assert_non_null(strstr(buf_cstr(&saved), "for <anna@example.org>;"));
}

static void lhlo_offers_what_is_there(void **state)
{
	(void)state;
	outside("EHLO a\r\nHELO a\r\nMAIL FROM:<>\r\nLHLO\r\n" LHLO, "220 500 500 503 501 250");
	assert_non_null(strstr(output, "250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
				       "250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"));
}

/* RFC 2033 4.2: one reply for each accepted recipient, in order. */
static void one_reply_a_recipient(void **state)
{
	(void)state;
	inside(LHLO XMAIL TO("anna") TO("nobody") TO("quota") TO("bert") TO("busy") TO("nospace") TO("broken")
			TO("twice") TO("nokey") DATA,
		"220 250 250 250 550 250 250 250 250 250 250 250 354 250 552 250 451 452 451 250 451");
	assert_non_null(strstr(buf_cstr(&saved), "anna@example.org|INBOX|abc123r1|"));
	assert_non_null(strstr(buf_cstr(&saved), "bert@example.org|INBOX|abc123r3|"));
	assert_null(strstr(buf_cstr(&saved), "nospace"));
	/* a message that cannot be taken is refused as often */
	dialogue("lmtp", STR(LHLO MAIL TO("anna") TO("bert") "DATA\r\na\0b\r\n.\r\nNOOP\r\n"));
	assert_string_equal(codes, "220 250 250 250 250 354 554 554 250");
	assert_int_equal(keys_asked, 0);
}

static void recipients(void **state)
{
	(void)state;
	outside(LHLO MAIL TO("nobody") TO("away") TO("down") "RCPT TO:<a@example.com>\r\nRCPT TO:<>\r\n"
		     "RCPT TO:<anna@example.org> NOTIFY=NEVER\r\nRCPT TO:<\xc3\xa9@example.org>\r\n"
		     "RCPT TO:<postmaster>\r\nDATA\r\n\r\n.\r\n",
		"220 250 250 550 550 451 550 501 555 553 250 354 250");
	assert_non_null(strstr(buf_cstr(&saved), "postmaster@example.org|INBOX|"));
	outside(LHLO MAIL TO("nobody") "DATA\r\nRSET\r\n", "220 250 250 550 503 250");
}

static void aliases_reach_each_mailbox_once(void **state)
{
	const char *first;

	(void)state;
	inside(LHLO XMAIL TO("anna") TO("team") TO("anna") DATA, "220 250 250 250 250 250 354 250 250 250");
	first = strstr(buf_cstr(&saved), "anna@example.org|INBOX|abc123r1|");
	assert_non_null(first);
	assert_null(strstr(first + 1, "anna@example.org|"));
	assert_non_null(strstr(first, "bert@example.org|INBOX|abc123r2t1|"));
	/* an alias is done only when all of it is */
	inside(LHLO XMAIL TO("half") DATA, "220 250 250 250 354 452");
}

static void detail_chooses_a_folder_that_is_there(void **state)
{
	(void)state;
	inside(LHLO XMAIL TO("anna+work") TO("bert+play") TO("carl+gone") DATA,
		"220 250 250 250 250 250 354 250 250 250");
	assert_non_null(strstr(buf_cstr(&saved), "anna@example.org|work|abc123r1|"));
	assert_non_null(strstr(buf_cstr(&saved), "bert@example.org|INBOX|abc123r2|"));
	assert_non_null(strstr(buf_cstr(&saved), "carl@example.org|INBOX|abc123r3|"));
}

static void quota_is_told_at_rcpt(void **state)
{
	(void)state;
	inside(LHLO "MAIL FROM:<> SIZE=501\r\n" TO("tight") "RSET\r\nMAIL FROM:<> SIZE=500\r\n" TO("tight") DATA,
		"220 250 250 552 250 250 250 354 250");
	assert_int_equal(keys_asked, 2);
}

static void old_return_path_goes(void **state)
{
	(void)state;
	inside(LHLO XMAIL TO("anna") "DATA\r\nReturn-Path: <a@b>\r\nSubject: a\r\nreturn-path:\r\n <c>\r\nTo: x\r\n\r\n"
				     "Return-Path: in text\r\n.\r\n",
		"220 250 250 250 354 250");
	assert_true(str_ends(buf_view(&saved), "Delivered-To: anna@example.org\r\nSubject: a\r\nTo: x\r\n\r\n"
					       "Return-Path: in text\r\n"));
	inside(LHLO "MAIL FROM:<>\r\n" TO("anna") "DATA\r\n\r\n.\r\n", "220 250 250 250 354 250");
	assert_non_null(strstr(buf_cstr(&saved), "|Return-Path: <>\r\n"));
}

static void loops_stop(void **state)
{
	struct buf in;
	int i;

	(void)state;
	inside(LHLO XMAIL TO("anna") TO("bert") "DATA\r\nDelivered-To: Anna@example.org\r\n\r\n.\r\n",
		"220 250 250 250 250 354 554 250");
	inside(LHLO XMAIL TO("anna") "DATA\r\nA: b\r\n\r\nDelivered-To: anna@example.org\r\n.\r\n",
		"220 250 250 250 354 250");
	buf_init(&in, 100000);
	buf_puts(&in, LHLO XMAIL TO("anna") "DATA\r\n");
	for (i = 0; i < 60; i++)
		buf_puts(&in, "Received: x\r\n");
	buf_puts(&in, ".\r\n");
	inside(buf_cstr(&in), "220 250 250 250 354 554");
	buf_done(&in);
}

/* RFC 2033 4.3 */
static void chunks(void **state)
{
	(void)state;
	outside(LHLO MAIL TO("anna") TO("bert") "BDAT 6\r\nA: b\r\nBDAT 2 LAST\r\n\r\nNOOP\r\n",
		"220 250 250 250 250 250 250 250 250");
	outside(LHLO MAIL "BDAT 6 LAST\r\nRSET\r\nNOOP\r\n", "220 250 250 250"); /* no recipients, no replies */
	outside(LHLO "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "220 250 503 250");
	outside(LHLO MAIL TO("anna") "BDAT 99999999999 LAST\r\nQUIT\r\n", "220 250 250 250 501");
	outside(LHLO MAIL TO("anna") "BDAT 3 LAST\r\na\n\rQUIT\r\n", "220 250 250 250 521");
	outside(LHLO MAIL TO("anna") "BDAT 30 LAST\r\na\r\n", "220 250 250 250");
	assert_int_equal(saved.n, 0);
}

/* One child, one message: its sandbox is tied to the mailboxes. */
static void the_next_message_is_for_another_child(void **state)
{
	(void)state;
	outside(LHLO MAIL TO("anna") DATA "NOOP\r\n" MAIL TO("bert") "x", "220 250 250 250 354 250 250");
	assert_int_equal(ended, SESSION_AGAIN);
	assert_string_equal(again, MAIL TO("bert") "x");
	dialogue("again", STR(MAIL TO("bert") DATA));
	assert_string_equal(codes, "250 250 354 250");
	assert_non_null(strstr(buf_cstr(&saved), "Received: from old.example.net\r\n"));
	/* what was given up before its end does not count */
	outside(LHLO MAIL TO("anna") "RSET\r\n" MAIL TO("bert") DATA, "220 250 250 250 250 250 250 354 250");
}

static void has_queued(const char *text)
{
	if (str_search(buf_view(&queued), str_of(text)) < 0)
		fail_msg("not in the queue: %s\n%s", text, buf_cstr(&queued));
}

static void forwards_go_to_the_queue_before_250(void **state)
{
	(void)state;
	/* without a way to the outside they are refused, and the reason named */
	inside(LHLO XMAIL TO("ext") TO("away"), "220 250 250 550 550");
	assert_non_null(strstr(output, "nor smarthost"));
	conf->send_smarthost = STR("mx.example.net");
	forwards = true;
	inside(LHLO "MAIL FROM:<x@example.net> XID=abc123 RET=HDRS ENVID=e+2B1 BODY=8BITMIME\r\n"
		    "RCPT TO:<ext@example.org> XN=3 NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o@example.org\r\n"
		    "RCPT TO:<ext2@example.org> XN=5\r\n" TO("away") DATA,
		"220 250 250 250 250 250 354 250 250 250");
	has_queued("abc123f3|mansio-envelope 1 ");
	has_queued("\nid=abc123f3\n");
	has_queued("\nsender=x@example.net\nsession=abcdefghijkl\nenvid=e+2B1\nret=hdrs\nbody8=1\nforward=1\nalias=ext@example.org\n"
		   "rcpt=e1@example.net number=1 notify=delay orcpt=rfc822;o@example.org\n"
		   "rcpt=e2@example.net number=2 notify=delay orcpt=rfc822;o@example.org\n\n"
		   "Delivered-To: ext@example.org\r\nSubject: a\r\n\r\nb\r\n");
	/* an address that has it already gets it once */
	has_queued("abc123f5|");
	has_queued("\nrcpt=e3@example.net number=2 orcpt=rfc822;ext2@example.org\n\n");
	has_queued("abc123f6|"); /* the number of a recipient without XN= is the next one */
	assert_non_null(strstr(buf_cstr(&saved), "anna@example.org|INBOX|abc123r6|"));
	has_queued("\nrcpt=anna@home.example.net number=1 ");
	assert_non_null(strstr(output, "250 2.1.5 Forwarded\r\n"));
	assert_null(strstr(buf_cstr(&queued), "Return-Path"));
	assert_null(strstr(buf_cstr(&queued), "confirmed"));
	inside(LHLO "MAIL FROM:<anna@example.org> XID=abc123 XUSER=anna@example.org\r\n" TO("ext") DATA,
		"220 250 250 250 354 250");
	has_queued("\nconfirmed=1\nsender-local=1\nuser=anna@example.org\n");
	/* what the message requires, and who brought it (RFC 8689 4.1, RFC 6710 4.4) */
	inside(LHLO "MAIL FROM:<x@example.net> XID=abc124 XREQUIRETLS=1 XPRIORITY=-4 XPEER=192.0.2.9 XHELO=one.example\r\n" TO("ext") DATA,
		"220 250 250 250 354 250");
	has_queued("\nrequiretls=1\npriority=-4\npeer=192.0.2.9\nhelo=one.example\nforward=1\n");
}

static void a_forward_that_fails_is_temporary(void **state)
{
	(void)state;
	conf->send_smarthost = STR("mx.example.net");
	forwards = true;
	put_result = E_FULL;
	inside(LHLO XMAIL TO("ext") TO("anna") TO("away") DATA, "220 250 250 250 250 250 354 452 250 452");
	put_result = E_TIMEOUT;
	inside(LHLO XMAIL TO("ext") DATA, "220 250 250 250 354 451");
	/* a second delivery of what the queue has already */
	put_result = E_EXISTS;
	inside(LHLO XMAIL TO("ext") DATA, "220 250 250 250 354 250");
	inside(LHLO MAIL TO("ext") DATA, "220 250 250 250 354 451");
	/* no queue: told at RCPT */
	put_result = E_CLOSED;
	inside(LHLO XMAIL TO("ext") TO("anna") DATA, "220 250 250 451 250 354 250");
}

static void a_forward_that_comes_back_stops(void **state)
{
	(void)state;
	conf->send_smarthost = STR("mx.example.net");
	forwards = true;
	inside(LHLO XMAIL TO("ext") TO("away")
			"DATA\r\nDelivered-To: Ext@example.org\r\nSubject: a\r\n\r\nb\r\n.\r\n",
		"220 250 250 250 250 354 554 250");
	assert_null(strstr(buf_cstr(&queued), "e1@example.net"));
	has_queued("anna@home.example.net");
}

/* The number of a recipient names its delivery, whatever else is in this attempt. */
static void numbers_of_recipients(void **state)
{
	(void)state;
	inside(LHLO XMAIL "RCPT TO:<anna@example.org> XN=7\r\nRCPT TO:<bert@example.org> XN=7\r\n"
			  "RCPT TO:<bert@example.org> XN=0\r\nRCPT TO:<team@example.org> XN=4294967295\r\n" DATA,
		"220 250 250 250 555 555 250 354 250 250");
	assert_non_null(strstr(buf_cstr(&saved), "anna@example.org|INBOX|abc123r7|"));
	assert_non_null(strstr(buf_cstr(&saved), "bert@example.org|INBOX|abc123r4294967295t1|"));
	outside(LHLO MAIL "RCPT TO:<anna@example.org> XN=7\r\nRCPT TO:<anna@example.org> NOTIFY=NEVER\r\nRSET\r\n"
			  "MAIL FROM:<a@b> XUSER=anna\r\nMAIL FROM:<a@b> RET=FULL\r\n",
		"220 250 250 555 555 250 555 555");
	inside(LHLO "MAIL FROM:<a@b> XID=abc/1\r\nMAIL FROM:<a@b> ENVID=+0A\r\nMAIL FROM:<a@b> RET=x\r\n" XMAIL
		    "RCPT TO:<anna@example.org> ORCPT=rfc822;a+0D+0A\r\n",
		"220 250 555 555 555 250 555");
}

/* The key that came with the answer to RCPT is the one that is used, once. */
static void a_key_comes_with_the_recipient(void **state)
{
	int before, after;

	(void)state;
	before = descriptors();
	inside(LHLO XMAIL TO("key1") TO("key1+x") DATA, "220 250 250 250 250 354 250 250");
	assert_non_null(strstr(buf_cstr(&saved), "key1@example.org|INBOX|abc123r1|"));
	assert_int_equal(keys_asked, 0);
	conf->smtp_recipients = 1;
	inside(LHLO XMAIL TO("key1") TO("key2") DATA, "220 250 250 250 452 354 250");
	after = descriptors();
	assert_int_equal(after, before);
}

/* Each message has its own keys, and none when it is over. */
static void one_child_takes_several_messages(void **state)
{
	int before, after;

	(void)state;
	may_serve = 2;
	outside(LHLO MAIL TO("anna") DATA MAIL TO("bert") DATA "NOOP\r\n" MAIL TO("anna") "x",
		"220 250 250 250 354 250 250 250 354 250 250");
	assert_int_equal(ended, SESSION_AGAIN);
	assert_string_equal(again, MAIL TO("anna") "x");
	assert_true(shared);
	assert_int_equal(locked, 0);
	assert_int_equal(keys_asked, 2);
	assert_int_equal(left, 2);
	before = descriptors();
	outside(LHLO MAIL TO("anna") DATA MAIL TO("bert") DATA, "220 250 250 250 354 250 250 250 354 250");
	after = descriptors();
	assert_int_equal(after, before);
}

static void limits(void **state)
{
	(void)state;
	conf->delivery_mailboxes = 2;
	outside(LHLO MAIL TO("team") TO("anna") "NOOP\r\n", "220 250 250 250 452 250");
	conf->limit_errors = 1;
	outside("A\r\nB\r\nNOOP\r\n", "220 500 421");
	outside("GET / HTTP/1.1\r\n" LHLO, "220");
}

static int setup(void **state)
{
	(void)state;
	conf = conf_defaults();
	may_serve = 1;
	buf_init(&saved, 1 << 20);
	buf_init(&queued, 1 << 20);
	forwards = false;
	put_result = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&saved);
	buf_done(&queued);
	conf_free(conf);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_message),
		TEST(a_stranger_gets_a_received_line_and_no_xid),
		TEST(lhlo_offers_what_is_there),
		TEST(one_reply_a_recipient),
		TEST(recipients),
		TEST(aliases_reach_each_mailbox_once),
		TEST(detail_chooses_a_folder_that_is_there),
		TEST(quota_is_told_at_rcpt),
		TEST(old_return_path_goes),
		TEST(loops_stop),
		TEST(chunks),
		TEST(the_next_message_is_for_another_child),
		TEST(forwards_go_to_the_queue_before_250),
		TEST(a_forward_that_fails_is_temporary),
		TEST(a_forward_that_comes_back_stops),
		TEST(numbers_of_recipients),
		TEST(one_child_takes_several_messages),
		TEST(a_key_comes_with_the_recipient),
		TEST(limits),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(60);
	trace_open(open("/dev/null", O_WRONLY), "lmtpd");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
