/* SPDX-License-Identifier: ISC
 *
 * queue.c: see queue.h.
 */
#include "queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct box box;
static struct arena a;
static const char *const state[] = { "waiting", "active", "held", "failed", "done", "damaged", "scheduled", "throttled" };

static void answer(void *who, uint64_t question, const char *result)
{
	(void)who;
	(void)question;
	assert_true(box.nanswers < 100);
	snprintf(box.answer[box.nanswers++], 16, "%s", result);
}

/* The job as the sender sees it: through the text of the packet. */
static int job(void *who, const struct ipc_msg *m)
{
	struct box_job *j = &box.job[box.njobs];
	int pair[2];

	(void)who;
	if (box.job_error)
		return box.job_error;
	assert_true(box.njobs < BOX_JOBS);
	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(ipc_send(pair[0], m), 0);
	assert_int_equal(ipc_recv(pair[1], &j->m), 0);
	close(pair[0]);
	close(pair[1]);
	if (!ipc_is(m, "job")) {
		ipc_done(&box.told);
		box.told = j->m;
		j->m = (struct ipc_msg){ 0 };
		box.ntold++;
		return 0;
	}
	assert_int_equal(ipc_get_u64(&j->m, "id", UINT64_MAX, &j->id), 0);
	j->fd = ipc_take_fd(&j->m, "file");
	assert_int_equal(fcntl(j->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	box.njobs++;
	return 0;
}

static void caught(void *who, uint64_t question, const char *result, uint64_t messages, uint64_t again)
{
	(void)who;
	(void)question;
	snprintf(box.caught, sizeof(box.caught), "%s %llu%s", result, (unsigned long long)messages, again ? " again" : "");
}

static const struct queue_ops ops = { .answer = answer, .job = job, .caught = caught };

static void start(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	box.spool = file_open_dir(fd, "spool");
	close(fd);
	assert_true(box.spool >= 0);
	assert_int_equal(queue_open(&box.q, box.conf, &ops, box.spool), 0);
}

void box_open(const char *settings)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/mansio-queue.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(path));
	assert_int_equal(chdir(path), 0);
	assert_int_equal(mkdir("spool", 0700), 0);
	box_again(path, settings);
}

void box_again(const char *path, const char *settings)
{
	char text[1000];

	memset(&box, 0, sizeof(box));
	arena_init(&a);
	snprintf(text, sizeof(text), "[server]\nhostname = mail.example.org\n%s", settings);
	assert_int_equal(conf_parse(str_of(text), "test", NULL, &box.conf), 0);
	snprintf(box.path, sizeof(box.path), "%s", path);
	assert_int_equal(chdir(box.path), 0);
	clock_set_unix(T0);
	start();
	box_settle();
}

static void forget(void)
{
	box.seen = 0;
	ipc_done(&box.told);
	box.told = (struct ipc_msg){ 0 };
	while (box.njobs > 0) {
		ipc_done(&box.job[--box.njobs].m);
		fd_close(&box.job[box.njobs].fd);
	}
}

void box_restart(void)
{
	forget();
	queue_close(&box.q);
	close(box.spool);
	start();
	box_settle();
}

static void remove_all(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[400];

	while (d && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			remove_all(path);
		else
			unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

void box_close(void)
{
	forget();
	queue_close(&box.q);
	close(box.spool);
	conf_free(box.conf);
	clock_set_unix(0);
	assert_int_equal(chdir("/"), 0);
	remove_all(box.path);
	arena_done(&a);
}

void box_settle(void)
{
	int i;

	for (i = 0; i < 10000; i++) {
		queue_turn(&box.q);
		assert_int_equal(box.q.failed, 0);
		if (!box.q.more)
			return;
	}
	fail_msg("the queue never comes to rest");
}

/* --- messages -------------------------------------------------------------------- */

void box_ask_put(const struct box_message *m)
{
	struct envelope e = { .id = str_of(m->id), .time = m->time ? m->time : clock_unix(),
		.sender = str_of(m->sender), .confirmed = !m->unconfirmed, .session = STR("s1"),
		.sender_local = true, .ret = m->ret, .envid = str_of(m->envid ? m->envid : ""), .release = m->release, .priority = m->priority,
		.verp = str_of(m->verp ? m->verp : ""), .future = str_of(m->future ? m->future : ""),
		.user = str_of(m->user ? m->user : "") };
	struct str content = str_of(m->content ? m->content : "Subject: hello\r\n\r\nHello.\r\n");
	struct str list = str_of(m->rcpt);
	struct buf head;
	int fd = message_file(&box.q);

	assert_true(fd >= 0);
	e.size = content.n;
	e.rcpt = arena_array(&a, 2000, sizeof(*e.rcpt));
	while (list.n) {
		struct envelope_rcpt *r = &e.rcpt[e.nrcpt++];

		r->address = str_cut(&list, ' ');
		r->number = (uint32_t)e.nrcpt;
		r->local = str_ends(r->address, "@example.org");
		r->notify = m->notify;
		if (m->refused && e.nrcpt == 1) {
			r->code = m->refused;
			r->status = STR("5.1.1");
			r->reply = STR("no such user here");
		}
	}
	buf_init(&head, ENVELOPE_HEAD_MAX);
	envelope_print(&e, &head);
	assert_int_equal(head.err, 0);
	assert_int_equal(file_write_all(fd, head.p, head.n), 0);
	assert_int_equal(file_write_all(fd, content.p, content.n), 0);
	buf_done(&head);
	message_put(&box.q, e.id, fd, &box, 1);
}

const char *box_put(const struct box_message *m)
{
	box_ask_put(m);
	queue_turn(&box.q);
	return box.answer[box.nanswers - 1];
}

void box_sender(uint64_t places)
{
	jobs_ready(&box.q, &box, true, places);
	jobs_ready(&box.q, &box, false, places);
	box_settle();
}

struct box_job *box_job(void)
{
	box_settle();
	if (box.seen == box.njobs)
		return NULL;
	box.seen = box.njobs;
	return &box.job[box.njobs - 1];
}

static void send_result(struct box_job *j, struct ipc_msg *m)
{
	ipc_set_u64(m, "id", j->id);
	ipc_setc(m, "remote", "mx.example.net");
	assert_true(jobs_result(&box.q, &box, m));
	if (ipc_get_bool(m, "done"))
		jobs_ready(&box.q, &box, str_eqc(ipc_get(&j->m, "via"), "lmtp"), 1);
	ipc_done(m);
	box_settle();
}

void box_result(struct box_job *j, const char *result)
{
	struct ipc_msg m;
	struct str text;
	size_t i;

	ipc_init(&m, "result");
	for (i = 0; (text = ipc_get_nth(&j->m, "rcpt", i)).p; i++) {
		struct str number = str_cut(&text, ' ');

		ipc_setc(&m, "rcpt", arena_fmt(&a, "%.*s %s", STRF(number), result));
	}
	ipc_set_bool(&m, "done", true);
	send_result(j, &m);
}

void box_result_one(struct box_job *j, uint32_t number, const char *result, bool done)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_setc(&m, "rcpt", arena_fmt(&a, "%u %s", number, result));
	if (done)
		ipc_set_bool(&m, "done", true);
	send_result(j, &m);
}

const char *box_field(struct box_job *j, const char *name)
{
	return arena_cstr(&a, ipc_get(&j->m, name));
}

struct rcpt_row *box_row(const char *id, uint32_t number)
{
	struct rcpt_row *v;
	size_t i, n;
	int64_t m;

	rows_begin(&box.q.rows);
	if (rows_find(&box.q.rows, str_of(id), &m) < 0)
		return NULL;
	n = rows_rcpts(&box.q.rows, m, &a, &v);
	for (i = 0; i < n; i++)
		if (v[i].number == number)
			return &v[i];
	return NULL;
}

const char *box_state(const char *id, uint32_t number)
{
	const struct rcpt_row *x = box_row(id, number);

	return x ? state[x->state] : "gone";
}

bool box_file(const char *id)
{
	return faccessat(box.spool, id, R_OK, 0) == 0;
}

size_t box_files(void)
{
	DIR *d = opendir("spool");
	struct dirent *e;
	size_t n = 0;

	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

int box_verb(const char *verb, const char *name, const char *value, struct ipc_msg *row_out)
{
	return box_verb2(verb, name, value, NULL, NULL, row_out);
}

int box_verb2(const char *verb, const char *name, const char *value, const char *name2, const char *value2,
	struct ipc_msg *row_out)
{
	struct ipc_msg m, r;
	uint64_t code = 255;
	bool done = false;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	ipc_init(&m, "control");
	ipc_setc(&m, "verb", verb);
	if (name)
		ipc_setc(&m, name, value);
	if (name2)
		ipc_setc(&m, name2, value2);
	m.owns_fds = true;
	ipc_add_fd(&m, "reply", pair[1]);
	verbs_message(&box.q, &m);
	ipc_done(&m);
	while (!done) {
		box_settle();
		assert_int_equal(ipc_try_recv(pair[0], &r), 0);
		done = ipc_get_bool(&r, "done");
		if (done)
			ipc_get_u64(&r, "code", 255, &code);
		if (row_out && (!done || ipc_get(&r, "messages").p)) {
			ipc_done(row_out);
			*row_out = r;
		} else {
			ipc_done(&r);
		}
	}
	close(pair[0]);
	return (int)code;
}
