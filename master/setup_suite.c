/* SPDX-License-Identifier: ISC
 *
 * setup_suite.c: from settings to a running suite: the system users, free ports,
 * the start by systemd where it runs, else by ourselves with --run (containers, tests).
 * And the questions to that suite.
 */
#include "master/setup.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "conf/value.h"
#include "master/master.h"

#define START_MS 60000

/* --- the suite's verbs -------------------------------------------------------------------- */

bool suite_ask(struct setup *s, struct answer *out, const char *verb, ...)
{
	const struct verb *v = verb_named(verb);
	const char *name, *value;
	struct ipc_msg m;
	va_list ap;

	*out = (struct answer){ 0 };
	if (!v)
		return false;
	ipc_init(&m, "control");
	ipc_setc(&m, "verb", verb);
	va_start(ap, verb);
	while ((name = va_arg(ap, const char *)) && (value = va_arg(ap, const char *)))
		ipc_setc(&m, name, value);
	va_end(ap);
	client_ask(s->state, v, &m, out);
	ipc_done(&m);
	return true;
}

bool suite_runs(struct setup *s)
{
	struct answer a;
	bool runs = suite_ask(s, &a, "status", NULL) && a.code == 0;

	answer_done(&a);
	return runs;
}

int suite_reload(struct setup *s)
{
	struct answer a;
	int code = 0;

	if (!s->changed)
		return 0;
	s->changed = false;
	suite_ask(s, &a, "reload", NULL);
	if (a.code)
		code = setup_fail(a.code, a.error, "mansio config check");
	else if (a.n && ipc_get(&a.row[0], "needs_restart").n)
		printf("  These settings count after a restart (systemctl restart mansio): %.*s\n",
			STRF(ipc_get(&a.row[0], "needs_restart")));
	answer_done(&a);
	return code;
}

/* --- before the start ------------------------------------------------------------------------ */

static int run_program(const char *const *argv)
{
	pid_t pid;
	int status = -1;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool users_there(void)
{
	int i;

	for (i = 0; i < NPROGRAMS; i++)
		if (!getpwnam(programs[i].user))
			return false;
	return true;
}

static int make_users(void)
{
	static const char *const sysusers[] = { "systemd-sysusers", "mansio.conf", NULL };

	if (users_there() || (run_program(sysusers) == 0 && users_there()))
		return 0;
	return setup_fail(EX_NOUSER, "the system users of Mansio are missing.",
		"systemd-sysusers mansio.conf (from 'make install' or the package); tools/users.sh makes them, too.");
}

/* Every port that the settings want, while no suite of ours holds them. */
static int ports_free(struct setup *s)
{
	struct settings *set;
	struct buf errors;
	char owner[80];
	size_t i, k;
	int code = 0;

	buf_init(&errors, 32768);
	if (settings_load(s->config, s->state_given ? s->state : NULL, RULES_TOO, &set, &errors) < 0) {
		errors.err = 0;
		fputs(buf_cstr(&errors), stderr);
		buf_done(&errors);
		return setup_fail(EX_CONFIG, "the settings are not good.", "Mend these, then run it again.");
	}
	buf_done(&errors);
	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_list *list = conf_field_of(set->conf, &conf_keys[i]);

		if (strcmp(conf_keys[i].section, "listen") != 0)
			continue;
		for (k = 0; k < list->n; k++) {
			struct addr a;

			if (addr_parse_hostport(list->v[k], &a) < 0 || !port_owner(&a, owner)[0])
				continue;
			code = setup_fail(EX_UNAVAILABLE, arena_fmt(&s->a, "FAIL  ports: %.*s (%s) is taken by %s.",
				STRF(list->v[k]), conf_keys[i].name, owner),
				"Stop that program for good (systemctl disable --now ...), or change [listen] of the settings.");
		}
	}
	settings_free(set);
	return code;
}

/* --- the start ---------------------------------------------------------------------------------- */

static bool systemd_runs(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

static int start_by_systemd(void)
{
	static const char *const start[] = { "systemctl", "enable", "--now", "mansio.service", NULL };

	if (run_program(start) == 0)
		return 0;
	return setup_fail(EX_UNAVAILABLE, "systemd could not start the suite.", "journalctl -u mansio -n 30 says why.");
}

static NORETURN void child(struct setup *s, int ready)
{
	const char *log = arena_fmt(&s->a, "%s/mansio.log", s->state);
	int null = open("/dev/null", O_RDWR), out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	setsid();
	if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(EX_OSERR);
	fcntl(ready, F_SETFD, 0);
	exit(run(s->config, s->state_given ? s->state : NULL, ready));
}

/* In the background, until `mansio stop`; its log is STATE/mansio.log. */
static int start_here(struct setup *s)
{
	struct pollfd p = { .events = POLLIN };
	int pair[2];
	char said[16];
	pid_t pid;
	bool ready;

	fflush(stdout);
	if (pipe2(pair, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return setup_fail(EX_OSERR, err_text(-errno), "");
	if (pid == 0) {
		close(pair[0]);
		child(s, pair[1]);
	}
	close(pair[1]);
	p.fd = pair[0];
	ready = poll(&p, 1, START_MS) == 1 && read(pair[0], said, sizeof(said)) > 0;
	close(pair[0]);
	if (ready)
		return 0;
	return setup_fail(EX_UNAVAILABLE, "the suite did not start.", arena_fmt(&s->a, "Its log: %s/mansio.log", s->state));
}

int suite_start(struct setup *s)
{
	int code;

	if (suite_runs(s))
		return suite_reload(s);
	code = make_users();
	if (!code)
		code = ports_free(s);
	if (code)
		return code;
	s->changed = false;
	if (s->run)
		return start_here(s);
	if (systemd_runs())
		return start_by_systemd();
	return setup_fail(EX_TEMPFAIL, "the settings are written, and systemd does not run here.",
		arena_fmt(&s->a, "Start the suite with 'mansio run --config %s', then run 'mansio setup' again; or 'mansio setup --run'.", s->config));
}
