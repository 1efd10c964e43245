/* SPDX-License-Identifier: ISC
 *
 * alone.c: the verbs of checkd while the suite does not run: the command starts resolverd and
 * checkd for the moment, as its own children, in the same way as master does: own users, own
 * sandbox, a link between them. They end when the command does.
 *
 * What only root can see, whether the ports of [listen] are free and who has them, is looked at
 * here and goes along as fields `port`.
 */
#include "master/client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/value.h"
#include "master/master.h"

#define READY_MS 20000
#define ANSWER_MS 120000

struct helper {
	enum program_id id;
	pid_t pid;
	int control;
};

struct alone {
	struct master m;
	struct settings *set; /* NULL: no certificates yet */
	struct conf *conf;
	struct buf text;
	int state;
	struct helper resolverd, checkd;
};

/* --- settings ---------------------------------------------------------------------- */

/* A file that is not there means the defaults; one with mistakes is the caller's to mend. */
static struct conf *parse_alone(const char *config, struct answer *out)
{
	FILE *f = fopen(config, "re");
	struct conf *c = NULL;
	struct buf text, errors;

	if (!f)
		return conf_defaults();
	buf_init(&text, 1 << 20);
	buf_init(&errors, sizeof(out->error) - 1);
	if (file_read_all(fileno(f), &text) < 0 || conf_parse(buf_view(&text), config, &errors, &c) < 0) {
		errors.err = 0;
		answer_fail(out, EX_CONFIG, "%s", errors.n ? buf_cstr(&errors) : config);
	}
	fclose(f);
	buf_done(&text);
	buf_done(&errors);
	return c;
}

/* The file as master would take it; if certificates are missing yet, what else is in it. */
static bool load(struct alone *x, const char *config, const char *state, struct answer *out)
{
	struct buf errors;

	buf_init(&errors, 64 * 1024);
	if (settings_load(config, state, RULES_APART, &x->set, &errors) == 0)
		x->conf = x->set->conf;
	else
		x->conf = parse_alone(config, out);
	buf_done(&errors);
	buf_init(&x->text, 64 * 1024);
	if (x->conf)
		conf_print(x->conf, true, &x->text);
	return x->conf != NULL;
}

/* The state folder, or where it will be. */
static int open_state(const char *state)
{
	char path[4200];
	char *slash;
	int fd;

	snprintf(path, sizeof path, "%s", state);
	while ((fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0 && (slash = strrchr(path, '/')) && slash != path)
		*slash = '\0';
	return fd;
}

/* --- ports -------------------------------------------------------------------------- */

static void add_port(struct ipc_msg *question, const char *service, struct str where)
{
	char owner[80] = "", text[300];
	struct addr a;
	int fd;

	if (addr_parse_hostport(where, &a) < 0)
		return;
	fd = addr_listen(&a, 1, false);
	if (fd == -EADDRINUSE)
		port_owner(&a, owner);
	snprintf(text, sizeof text, "%s %.*s %s%s%s", service, STRF(where), fd >= 0 ? "free" : fd == -EADDRINUSE ? "taken" : "denied",
		owner[0] ? " " : "", owner);
	if (fd >= 0)
		close(fd);
	ipc_setc(question, "port", text);
}

static void add_ports(struct ipc_msg *question, const struct conf *c)
{
	size_t i, k;

	for (k = 0; k < conf_nkeys; k++) {
		const struct conf_list *l = conf_field_of(c, &conf_keys[k]);

		if (strcmp(conf_keys[k].section, "listen") != 0)
			continue;
		for (i = 0; i < l->n; i++)
			add_port(question, conf_keys[k].name, l->v[i]);
	}
}

/* --- the two processes ----------------------------------------------------------------- */

static int start(struct alone *x, struct helper *h, enum program_id id)
{
	int own[CERTS_MAX];
	struct ipc_msg m;
	size_t n = 0;
	int r;

	h->id = id;
	h->pid = spawn(&x->m, id, &h->control);
	if (h->pid < 0)
		return (int)h->pid;
	ipc_init(&m, "start");
	ipc_set(&m, "settings", buf_view(&x->text));
	ipc_setc(&m, "name", programs[id].name);
	ipc_set_u64(&m, "instance", 0);
	if (id == PROGRAM_checkd) {
		n = x->set ? settings_add_chains(x->set, &m, own) : 0;
		if (x->state >= 0)
			ipc_add_fd(&m, "state", x->state);
	}
	r = ipc_send(h->control, &m);
	ipc_done(&m);
	while (n > 0)
		fd_close(&own[--n]);
	return r;
}

static int send_link(const struct helper *h, const char *verb, const char *name, int fd)
{
	struct ipc_msg m;
	int r;

	ipc_init(&m, verb);
	ipc_setc(&m, "name", name);
	ipc_set_u64(&m, "instance", 0);
	ipc_add_fd(&m, "fd", fd);
	r = ipc_send(h->control, &m);
	ipc_done(&m);
	return r;
}

static int join(struct alone *x)
{
	int pair[2], r = ipc_pair(pair);

	if (r < 0)
		return r;
	r = send_link(&x->resolverd, "client", "checkd", pair[1]);
	if (r == 0)
		r = send_link(&x->checkd, "peer", "resolverd", pair[0]);
	close(pair[0]);
	close(pair[1]);
	return r;
}

static int wait_ready(const struct helper *h, deadline until)
{
	struct ipc_msg m;
	bool ready = false;
	int r = 0;

	while (r == 0 && !ready) {
		r = ipc_recv_until(h->control, &m, until);
		ready = r == 0 && ipc_is(&m, "ready");
		ipc_done(&m);
	}
	return r;
}

static void end(struct helper *h)
{
	fd_close(&h->control); /* which it takes as the end */
	if (h->pid > 0)
		waitpid(h->pid, NULL, 0);
}

static int ask(struct alone *x, struct ipc_msg *question, struct answer *out)
{
	int pair[2], r = ipc_pair(pair);

	if (r < 0)
		return r;
	ipc_add_fd(question, "reply", pair[1]);
	r = ipc_send(x->checkd.control, question);
	close(pair[1]);
	if (r == 0)
		client_collect(pair[0], ANSWER_MS, out);
	close(pair[0]);
	return r;
}

static void run_checks(struct alone *x, struct ipc_msg *question, struct answer *out)
{
	static const enum program_id needed[] = { PROGRAM_resolverd, PROGRAM_checkd };
	deadline until = deadline_in(READY_MS);
	int r;

	if (spawn_init_some(&x->m, needed, ARRAY_LEN(needed))) {
		answer_fail(out, EX_UNAVAILABLE, "the programs for the checks cannot be had");
		return;
	}
	r = start(x, &x->resolverd, PROGRAM_resolverd);
	if (r >= 0)
		r = start(x, &x->checkd, PROGRAM_checkd);
	if (r >= 0)
		r = join(x);
	if (r >= 0)
		r = wait_ready(&x->resolverd, until);
	if (r >= 0)
		r = wait_ready(&x->checkd, until);
	if (r >= 0)
		r = ask(x, question, out);
	if (r < 0)
		answer_fail(out, EX_TEMPFAIL, "the processes for the checks did not start: %s", err_text(r));
	end(&x->checkd);
	end(&x->resolverd);
}

void alone_ask(const char *config, const char *state, struct ipc_msg *question, struct answer *out)
{
	struct alone x = { .m = { .root = geteuid() == 0 }, .resolverd = { .control = -1 }, .checkd = { .control = -1 } };

	answer_done(out);
	x.state = open_state(state);
	if (load(&x, config, state, out)) {
		add_ports(question, x.conf);
		run_checks(&x, question, out);
	}
	fd_close(&x.state);
	buf_done(&x.text);
	if (x.set)
		settings_free(x.set);
	else
		conf_free(x.conf);
}
