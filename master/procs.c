/* SPDX-License-Identifier: ISC
 *
 * procs.c: the life of one process.
 *
 *     DOWN --procs_tick: start()--> STARTING --ready--> READY --proc_stop--> STOPPING
 *      ^                               |                  |                     |
 *      +---- exited(): after the brake +------------------+     (place taken or suite stops)
 *
 * Each place (program, instance) has one process that is not retired. A
 * renewal starts a second one in the same place; when it is ready it gets the
 * clients, and the old one is retired: told to stop, never restarted, and
 * forgotten when it has exited.
 *
 * Brake: a process that lived 10 s is restarted at once; one that dies sooner
 * again and again, after 0, 0.1, 0.2 ... 1, 2, 4 ... 10 s: a few crashes in a row
 * hardly delay anybody, an endless loop costs little.
 */
#include "master/master.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/proc.h"

#define READY_MS 20000
#define LIVED_MS 10000
#define BRAKE_STEP_MS 100
#define BRAKE_STEPS 10u
#define BRAKE_MAX_MS 10000

bool proc_running(const struct proc *p)
{
	return p->pid > 0;
}

void proc_log(enum trace_level level, const char *event, const struct proc *p, const char *why)
{
	struct trace t;

	trace_begin(&t, level, event);
	trace_s(&t, "process", programs[p->id].name);
	trace_u64(&t, "instance", (uint64_t)p->instance);
	if (p->pid > 0)
		trace_u64(&t, "pid", (uint64_t)p->pid);
	if (why)
		trace_s(&t, "text", why);
	trace_end(&t);
}

/* --- places ------------------------------------------------------------------ */

static struct proc *proc_new(struct master *m, enum program_id id, int instance)
{
	struct proc *p = mem_alloc(1, sizeof(*p));

	if (m->nprocs == m->procs_cap) {
		m->procs_cap = m->procs_cap ? m->procs_cap * 2 : 64;
		m->proc = mem_grow(m->proc, m->procs_cap, sizeof(struct proc *));
	}
	*p = (struct proc){ .id = id, .instance = instance, .control = -1, .at = deadline_in(0) };
	m->proc[m->nprocs++] = p;
	return p;
}

static void proc_free(struct master *m, struct proc *p)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->replaces == p) /* which may have been on its way to the same place */
			m->proc[i]->replaces = p->replaces;
	for (i = 0; m->proc[i] != p; i++)
		;
	memmove(&m->proc[i], &m->proc[i + 1], (m->nprocs - i - 1) * sizeof(*m->proc));
	m->nprocs--;
	free(p);
}

static int how_many(const struct master *m, enum program_count count)
{
	switch (count) {
	case COUNT_CORES:
		return (int)m->cores;
	case COUNT_POOL_SIZE:
		return (int)m->set->conf->smtp_processes;
	case COUNT_IF_PAM:
		return conf_has_directory(m->set->conf, "pam");
	case COUNT_ONE:
		break;
	}
	return 1;
}

void procs_make(struct master *m)
{
	int i, k, n;

	for (i = 0; i < NPROGRAMS; i++) {
		n = how_many(m, programs[i].count);
		for (k = 0; k < n; k++)
			proc_new(m, (enum program_id)i, k);
	}
}

size_t procs_alive(const struct master *m, enum program_phase phase)
{
	size_t i, n = 0;

	for (i = 0; i < m->nprocs; i++)
		n += programs[m->proc[i]->id].phase == phase && proc_running(m->proc[i]);
	return n;
}

/* --- messages ------------------------------------------------------------------ */

void proc_send(struct master *m, struct proc *p, const struct ipc_msg *msg)
{
	int r;

	(void)m;
	if (p->control < 0)
		return;
	r = ipc_send(p->control, msg);
	if (r == 0 || r == E_CLOSED)
		return;
	/* it reads nothing any more: nothing that we say would count */
	proc_log(TRACE_ERROR, "process-stuck", p, err_text(r));
	kill(p->pid, SIGKILL);
}

static void add_log_fd(struct master *m, struct ipc_msg *msg, int *own)
{
	static const char *const path[] = { [CONF_LOG_JOURNALD] = "/run/systemd/journal/socket",
		[CONF_LOG_SYSLOG] = "/dev/log" };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int64_t to = m->set->conf->log_to;

	if (to == CONF_LOG_STDERR) {
		ipc_add_fd(msg, "stderr", STDERR_FILENO);
		return;
	}
	if (to == CONF_LOG_FILE) {
		*own = state_log_dir(m);
		if (*own < 0)
			fprintf(stderr, "mansio: log file %s: %s\n", m->set->conf->log_file.p, err_text(*own));
	} else {
		*own = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path[to]);
		if (*own < 0 || connect(*own, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
			fprintf(stderr, "mansio: %s: %s\n", path[to], err_text(-errno));
			fd_close(own);
		}
	}
	if (*own >= 0)
		ipc_add_fd(msg, to == CONF_LOG_FILE ? "log" : to == CONF_LOG_JOURNALD ? "journal" : "syslog", *own);
}

static void add_tickets(const struct master *m, struct ipc_msg *msg)
{
	struct buf hex;

	buf_init(&hex, 2 * sizeof(m->ticket_seed));
	hex_encode(str_make(m->ticket_seed, sizeof(m->ticket_seed)), &hex);
	ipc_set(msg, "ticket_seed", buf_view(&hex));
	ipc_set_u64(msg, "ticket_day", (uint64_t)m->ticket_day);
	buf_wipe(&hex);
}

/* `start` and `reload`: settings, and what the program may touch. */
static void send_settings(struct master *m, struct proc *p, const char *verb)
{
	bool start = strcmp(verb, "start") == 0;
	int own[2 * CERTS_MAX + 2];
	size_t n = 0;
	struct ipc_msg msg;

	ipc_init(&msg, verb);
	ipc_set(&msg, "settings", buf_view(&m->set->text));
	ipc_setc(&msg, "name", programs[p->id].name);
	ipc_set_u64(&msg, "instance", (uint64_t)p->instance);
	if (p->id == PROGRAM_front) {
		n = settings_add_certs(m->set, &msg, own);
		n += settings_add_client_ca(m->set, &msg, own + n);
		add_tickets(m, &msg);
		ipc_set_u64(&msg, "fronts", (uint64_t)m->cores);
	}
	if (p->id == PROGRAM_checkd) {
		n = settings_add_chains(m->set, &msg, own);
		n += certs_add_next(m, &msg, own + n);
		ipc_add_fd(&msg, "state", m->dir_state);
	}
	if (p->id == PROGRAM_sender)
		n = settings_add_smarthost(m->set, &msg, own);
	if (start && p->id == PROGRAM_sender && m->taken >= 0)
		ipc_add_fd(&msg, "taken", m->taken);
	if (start && p->id == PROGRAM_sender && m->kept[0] >= 0) {
		ipc_add_fd(&msg, "kept.in", m->kept[0]);
		ipc_add_fd(&msg, "kept.out", m->kept[1]);
	}
	if (p->id == PROGRAM_policyd) {
		n = settings_add_sts(m->set, &msg, own);
		ipc_add_fd(&msg, "dir", m->dir_policy);
	}
	if (p->id == PROGRAM_importd)
		n = settings_add_import(m->set, &msg, own);
	if (p->id == PROGRAM_acmed) {
		n = settings_add_chains(m->set, &msg, own);
		n += settings_add_acme(m->set, &msg, own + n);
		ipc_add_fd(&msg, "dir", m->dir_acme);
	}
	if (p->id == PROGRAM_hookd) {
		n = settings_add_hook(m->set, &msg, own);
		ipc_add_fd(&msg, "dir", m->dir_hooks);
	}
	if (p->id == PROGRAM_oauthd)
		n = settings_add_provider(m->set, &msg, own);
	if (start && (p->id == PROGRAM_front || p->id == PROGRAM_lmtpd))
		listen_add(m, &msg, p->id, p->instance);
	if (p->id == PROGRAM_authd && m->set->rules >= 0)
		ipc_add_fd(&msg, "rules", m->set->rules);
	if (p->id == PROGRAM_authd) {
		n = settings_add_oauth(m->set, &msg, own);
		n += settings_add_keytab(m->set, &msg, own + n);
		n += settings_add_client_ca(m->set, &msg, own + n);
	}
	if (start && p->id == PROGRAM_authd) {
		n += settings_add_directory(m->set, &msg, own + n);
		n += shared_key_add(m, &msg, own + n);
		ipc_add_fd(&msg, "dir", m->dir_directory);
		ipc_add_fd(&msg, "mail", m->dir_mail);
	}
	if (start && p->id == PROGRAM_queued) {
		ipc_add_fd(&msg, "spool", m->dir_spool);
		ipc_add_fd(&msg, "dir", m->dir_queue);
	}
	if (start && p->id == PROGRAM_signd)
		ipc_add_fd(&msg, "dir", m->dir_dkim);
	if (start && p->id == PROGRAM_backupd)
		n = backup_add_folder(m, p, &msg, own);
	if (start && programs[p->id].kind == KIND_ZYGOTE)
		ipc_add_fd(&msg, "mail", m->dir_mail); /* for its sandbox: it cannot open it */
	if (start && p->id == PROGRAM_traced) {
		ipc_add_fd(&msg, "dir", m->dir_trace);
		own[n] = -1;
		add_log_fd(m, &msg, &own[n++]);
	}
	proc_send(m, p, &msg);
	p->settings = m->reloads;
	ipc_done(&msg);
	while (n > 0)
		fd_close(&own[--n]);
}

void proc_stop(struct master *m, struct proc *p, const char *reason)
{
	struct ipc_msg msg;

	if (p->state == PROC_STOPPING || !proc_running(p))
		return;
	ipc_init(&msg, "stop");
	ipc_setc(&msg, "reason", reason);
	proc_send(m, p, &msg);
	ipc_done(&msg);
	p->state = PROC_STOPPING;
	p->at = DEADLINE_NEVER;
}

/* --- start, ready, exit ----------------------------------------------------------- */

/* The next time that is tried, and how long after it the one after that. */
static void brake(struct proc *p)
{
	int64_t ms;
	unsigned i;

	if (p->since == 0 || clock_mono_ms() - p->since >= LIVED_MS)
		p->fails = 0;
	ms = BRAKE_STEP_MS * (int64_t)MIN(p->fails, BRAKE_STEPS);
	for (i = BRAKE_STEPS; i < p->fails && ms < BRAKE_MAX_MS; i++)
		ms *= 2;
	p->fails++;
	p->at = deadline_in(MIN(ms, (int64_t)BRAKE_MAX_MS));
}

static void start(struct master *m, struct proc *p)
{
	pid_t pid = spawn(m, p->id, &p->control);

	p->since = clock_mono_ms();
	if (pid < 0) {
		proc_log(TRACE_ERROR, "fork-failed", p, err_text((int)pid));
		brake(p);
		return;
	}
	p->pid = pid;
	p->state = PROC_STARTING;
	p->at = deadline_in(READY_MS);
	p->sessions = 0;
	p->joined = p->asked = false;
	p->settled = 0;
	p->note[0] = '\0';
	send_settings(m, p, "start");
	links_out(m, p);
	if (!p->replaces)
		links_in(m, p);
	proc_log(TRACE_DEBUG, "process-start", p, NULL);
}

static void suite_ready(struct master *m)
{
	size_t i;

	if (m->was_ready)
		return;
	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->state != PROC_READY)
			return;
	m->was_ready = true;
	trace_event(TRACE_INFO, "ready", NULL, NULL);
	notify_say(m, "READY=1\nSTATUS=All processes serve");
	if (m->ready_fd >= 0 && file_write_all(m->ready_fd, "ready\n", 6) < 0)
		trace_event(TRACE_WARN, "ready-fd", NULL, "nobody reads it");
	fd_close(&m->ready_fd);
}

static void ready(struct master *m, struct proc *p)
{
	struct proc *old = p->replaces;

	p->state = PROC_READY;
	p->at = DEADLINE_NEVER;
	proc_log(TRACE_DEBUG, "process-ready", p, NULL);
	if (old) {
		p->replaces = NULL;
		links_in(m, p);
		old->retired = true;
		proc_stop(m, old, "renewed");
	}
	settle_ask(m, p);
	suite_ready(m);
}

/* A second process in the place of p; p goes on until that one is ready. */
static void renew(struct master *m, struct proc *p)
{
	struct proc *next;
	size_t i;

	if (m->stopping || p->retired || !proc_running(p))
		return;
	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->replaces == p)
			return;
	next = proc_new(m, p->id, p->instance);
	next->replaces = p;
	next->restarts = p->restarts;
	next->generation = p->generation + 1;
	start(m, next);
}

/* A replacement died before it was ready: the old one stays in its place. */
static bool gave_up_renewal(struct master *m, struct proc *p)
{
	size_t i;

	if (p->replaces) {
		proc_free(m, p);
		return true;
	}
	/* the old one died while its replacement starts: that one takes over now */
	for (i = 0; i < m->nprocs; i++) {
		if (m->proc[i]->replaces != p)
			continue;
		m->proc[i]->replaces = NULL;
		links_in(m, m->proc[i]);
		proc_free(m, p);
		return true;
	}
	return false;
}

static void exited(struct master *m, struct proc *p, int status)
{
	bool expected = p->state == PROC_STOPPING;
	bool good = expected || (WIFEXITED(status) && WEXITSTATUS(status) == 0);

	if (p->id == PROGRAM_traced && !p->retired)
		trace_open(-1, "master"); /* nobody reads the link any more */
	proc_log(good ? TRACE_DEBUG : TRACE_ERROR, "process-exit", p, proc_status_text(status));
	fd_close(&p->control);
	p->pid = 0;
	p->sessions = 0;
	p->state = PROC_DOWN;
	if (p->retired) {
		proc_free(m, p);
		return;
	}
	if (gave_up_renewal(m, p))
		return;
	p->at = DEADLINE_NEVER;
	if (m->stopping)
		return;
	if (!m->was_ready && WIFEXITED(status) &&
	    (WEXITSTATUS(status) == EX_CONFIG || WEXITSTATUS(status) == EX_CANTCREAT)) {
		/* its own sentence is on standard error: trying again would not help */
		m->exit_code = WEXITSTATUS(status);
		run_stop(m, "it cannot start like this");
		return;
	}
	p->restarts++;
	brake(p);
}

void procs_reap(struct master *m)
{
	int status;
	size_t i;
	pid_t pid;

	while ((pid = proc_reap(&status)) > 0) {
		for (i = 0; i < m->nprocs; i++) {
			if (m->proc[i]->pid == pid) {
				exited(m, m->proc[i], status);
				break;
			}
		}
		/* others: children of zygotes that are gone, adopted as their subreaper */
	}
}

void procs_tick(struct master *m)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++) {
		struct proc *p = m->proc[i];

		if (p->at == DEADLINE_NEVER || !deadline_passed(p->at))
			continue;
		if (p->state == PROC_DOWN && !m->stopping)
			start(m, p);
		else if (p->state == PROC_STARTING) {
			proc_log(TRACE_ERROR, "process-not-ready", p, NULL);
			p->at = DEADLINE_NEVER;
			kill(p->pid, SIGKILL);
		}
	}
}

deadline procs_next(const struct master *m)
{
	deadline first = DEADLINE_NEVER;
	size_t i;

	for (i = 0; i < m->nprocs; i++) {
		const struct proc *p = m->proc[i];

		if (p->at != DEADLINE_NEVER && (first == DEADLINE_NEVER || p->at < first))
			first = p->at;
	}
	return first;
}

void proc_readable(struct master *m, struct proc *p)
{
	struct ipc_msg msg;
	struct str note;
	int r = ipc_recv(p->control, &msg);

	if (r == -EAGAIN || r == -EINTR) {
		ipc_done(&msg);
		return;
	}
	if (r < 0) {
		/* its end closed: it exits or has; garbage: it is not ours any more */
		if (r == E_PEER) {
			proc_log(TRACE_ERROR, "process-bad-message", p, NULL);
			kill(p->pid, SIGKILL);
		}
		fd_close(&p->control);
		ipc_done(&msg);
		return;
	}
	if (ipc_is(&msg, "ready") && p->state == PROC_STARTING)
		ready(m, p);
	else if (ipc_is(&msg, "renew"))
		renew(m, p);
	else if (ipc_is(&msg, "relink") && p->id == PROGRAM_front && p->state == PROC_READY)
		links_again(m, p, PROGRAM_authd);
	else if (ipc_is(&msg, "backup") && p->id == PROGRAM_backupd && p->state == PROC_READY)
		control_run(m, "backup run");
	else if (ipc_is(&msg, "backup-id") && p->id == PROGRAM_backupd)
		backup_known(m, ipc_get(&msg, "id"));
	else if (ipc_is(&msg, "control") && p->id == PROGRAM_authd)
		control_ask(m, &msg);
	else if (ipc_is(&msg, "certs") && p->id == PROGRAM_acmed)
		certs_due(m);
	else if (ipc_is(&msg, "status")) {
		note = ipc_get(&msg, "note");
		ipc_get_u64(&msg, "sessions", 1000000000, &p->sessions);
		snprintf(p->note, sizeof(p->note), "%.*s", STRF(note));
		p->asked = false;
	} else if (ipc_is(&msg, "settled"))
		ipc_get_u64(&msg, "n", m->settle_said, &p->settled);
	ipc_done(&msg);
}

void procs_renew(struct master *m, enum program_id id)
{
	size_t i, n = m->nprocs;

	for (i = 0; i < n; i++)
		if (m->proc[i]->id == id && m->proc[i]->state == PROC_READY)
			renew(m, m->proc[i]);
}

void procs_reload(struct master *m)
{
	size_t i, n = m->nprocs; /* renewals come behind */

	for (i = 0; i < n; i++) {
		struct proc *p = m->proc[i];

		if (p->retired || !proc_running(p) || p->state == PROC_STOPPING)
			continue;
		if (programs[p->id].kind == KIND_ZYGOTE || programs[p->id].kind == KIND_FRESH)
			renew(m, p);
		else
			send_settings(m, p, "reload");
	}
}

void procs_certs(struct master *m)
{
	size_t i, n = m->nprocs;

	for (i = 0; i < n; i++) {
		struct proc *p = m->proc[i];

		if (p->id == PROGRAM_front && !p->retired && proc_running(p) && p->state != PROC_STOPPING)
			send_settings(m, p, "reload");
	}
	procs_renew(m, PROGRAM_checkd); /* 'domain dns' names their keys */
}
