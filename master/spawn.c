/* SPDX-License-Identifier: ISC
 *
 * spawn.c: from master to a process with its own user and nothing else.
 *
 * The binary was opened when master started and is executed by descriptor: no
 * path is looked up after the user changed (a checkout may lie in a home that
 * others cannot enter), and an update of the files does not mix versions.
 *
 * The child keeps: standard error, /dev/null as input and output, and its
 * control socket as descriptor 3. It has a session of its own, so that a Ctrl-C
 * at the terminal reaches master alone.
 */
#include "master/master.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/program.h"

const struct program_def programs[NPROGRAMS] = {
#define ONE COUNT_ONE
#define CORES COUNT_CORES
#define POOL_SIZE COUNT_POOL_SIZE
#define IF_PAM COUNT_IF_PAM
#define PROGRAM(name, user, extra, count, kind, phase)                         \
	[PROGRAM_##name] = { #name, user, extra, count, KIND_##kind, PHASE_##phase },
#define LINK(from, to)
#include "master/programs.def"
#undef PROGRAM
#undef LINK
};

/* --- what is looked up once ------------------------------------------------ */

static int open_in(const char *dir, const char *name)
{
	char path[4200];
	struct stat st;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EACCES;
	}
	return fd;
}

/* Beside us (a built tree, or an installed one that was moved), else where
 * the build said. */
static int open_binary(const char *own_dir, const char *name)
{
	char dir[2][4200];
	int fd;

	snprintf(dir[0], sizeof(dir[0]), "%s/../libexec/mansio", own_dir);
	snprintf(dir[1], sizeof(dir[1]), "%s/../libexec", own_dir);
	fd = open_in(dir[0], name);
	if (fd < 0)
		fd = open_in(dir[1], name);
	if (fd < 0)
		fd = open_in(PKGLIBEXECDIR, name);
	if (fd < 0)
		fprintf(stderr, "mansio: %s/%s: %s\n", PKGLIBEXECDIR, name, err_text(fd));
	return fd;
}

static int find_ids(const struct program_def *def, struct ids *out)
{
	struct passwd *pw = getpwnam(def->user);
	struct group *gr;

	if (!pw)
		goto missing;
	*out = (struct ids){ pw->pw_uid, pw->pw_gid, 0, false };
	if (pw->pw_uid == 0) {
		fprintf(stderr, "mansio: user %s is root: that is no separation\n", def->user);
		return -EPERM;
	}
	if (!def->extra_group)
		return 0;
	gr = getgrnam(def->extra_group);
	if (!gr)
		goto missing;
	out->extra = gr->gr_gid;
	out->has_extra = true;
	return 0;
missing:
	fprintf(stderr, "mansio: there is no user %s (or group %s): 'groupadd --system %s; useradd --system "
		"--no-create-home --shell /usr/sbin/nologin -g %s %s' makes it; ./quickstart makes all of them\n",
		def->user, def->extra_group ? def->extra_group : def->user, def->user, def->user, def->user);
	return E_NOTFOUND;
}

static int own_folder(char self[4096])
{
	ssize_t n = readlink("/proc/self/exe", self, 4095);

	if (n <= 0)
		return EX_OSERR;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	return 0;
}

int spawn_init_some(struct master *m, const enum program_id *id, size_t n)
{
	struct passwd *pw;
	char self[4096];
	size_t i;

	if (own_folder(self))
		return EX_OSERR;
	for (i = 0; i < n; i++) {
		m->ids[id[i]] = (struct ids){ geteuid(), getegid(), 0, false };
		if (m->root) {
			pw = getpwnam(programs[id[i]].user);
			if (!pw)
				pw = getpwnam("nobody");
			if (!pw || pw->pw_uid == 0)
				return EX_NOUSER;
			m->ids[id[i]] = (struct ids){ pw->pw_uid, pw->pw_gid, 0, false };
		}
		m->libexec[id[i]] = open_binary(self, programs[id[i]].name);
		if (m->libexec[id[i]] < 0)
			return EX_UNAVAILABLE;
	}
	return 0;
}

int spawn_init(struct master *m)
{
	char self[4096];
	int i, code = 0;

	if (own_folder(self))
		return EX_OSERR;
	for (i = 0; i < NPROGRAMS; i++) {
		m->ids[i] = (struct ids){ geteuid(), getegid(), 0, false };
		if (m->root && find_ids(&programs[i], &m->ids[i]) < 0)
			code = EX_NOUSER;
		m->libexec[i] = open_binary(self, programs[i].name);
		if (m->libexec[i] < 0)
			code = EX_UNAVAILABLE;
	}
	return code;
}

/* --- one process ------------------------------------------------------------ */

static NORETURN void child_dies(const char *name, const char *what)
{
	/* _exit: the parent's buffers are not ours to flush */
	dprintf(STDERR_FILENO, "mansio %s: %s: %s\n", name, what, strerror(errno));
	_exit(EX_OSERR);
}

static void become(const struct program_def *def, const struct ids *ids)
{
	gid_t groups[2] = { ids->gid, ids->extra };
	uid_t r, e, s;

	if (setgroups(ids->has_extra ? 2 : 1, groups) < 0 || setresgid(ids->gid, ids->gid, ids->gid) < 0 ||
	    setresuid(ids->uid, ids->uid, ids->uid) < 0)
		child_dies(def->name, "change of user");
	if (getresuid(&r, &e, &s) < 0 || r != ids->uid || e != ids->uid || s != ids->uid || setuid(0) == 0)
		child_dies(def->name, "the change of user did not hold");
}

/* PATH and language; what sanitizers and the time zone need; and room for the
 * process title, which is written over arguments and environment. */
static char **environment(void)
{
	static const char *const kept[] = { "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };
	static char *env[ARRAY_LEN(kept) + 3], room[256] = "MANSIO_TITLE=", path[] = "PATH=/usr/bin:/bin";
	static char text[ARRAY_LEN(kept)][512];
	size_t n = 0, i;

	memset(room + strlen(room), '.', sizeof(room) - 1 - strlen(room));
	env[n++] = path;
	for (i = 0; i < ARRAY_LEN(kept); i++) {
		const char *v = getenv(kept[i]);

		if (v && snprintf(text[i], sizeof(text[i]), "%s=%s", kept[i], v) < (int)sizeof(text[i]))
			env[n++] = text[i];
	}
	env[n++] = room;
	env[n] = NULL;
	return env;
}

static NORETURN void child(struct master *m, enum program_id id, int control)
{
	const struct program_def *def = &programs[id];
	char **env = environment(), *argv[] = { (char *)(uintptr_t)def->name, NULL };
	sigset_t none;
	int null, binary;

	sigemptyset(&none);
	null = open("/dev/null", O_RDWR);
	/* above the places that are filled below */
	binary = fcntl(m->libexec[id], F_DUPFD_CLOEXEC, 16);
	control = fcntl(control, F_DUPFD_CLOEXEC, 16);
	if (null < 0 || binary < 0 || control < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(control, PROGRAM_CONTROL_FD) < 0)
		child_dies(def->name, "descriptors");
	syscall(SYS_close_range, PROGRAM_CONTROL_FD + 1, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
	setsid();
	if (chdir("/") < 0)
		child_dies(def->name, "chdir");
	if (m->root)
		become(def, &m->ids[id]);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		child_dies(def->name, "no_new_privs");
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	syscall(SYS_execveat, binary, "", argv, env, AT_EMPTY_PATH);
	child_dies(def->name, "exec");
}

pid_t spawn(struct master *m, enum program_id id, int *control_out)
{
	int pair[2], r = ipc_pair(pair);
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		child(m, id, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		r = -errno;
		close(pair[0]);
		return r;
	}
	fd_nonblock(pair[0], true);
	*control_out = pair[0];
	return pid;
}
