/* SPDX-License-Identifier: ISC
 *
 * inject.c: makes a running process do one system call, as an attacker who
 * took it over would, and prints what came of it.
 *
 *   inject PID NUMBER [ARG...]     ARG: a number, or a text that starts with '=' (passed as
 *                                  a pointer to its bytes, NUL-terminated)
 *
 * Prints "ret N" (the raw result, negative errno), or "killed SIGNAL".
 * x86_64, needs CAP_SYS_PTRACE. After the call the registers are put back and
 * the process goes on.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) < 0) {
		perror("waitpid");
		exit(2);
	}
	if (WIFSIGNALED(status)) {
		printf("killed %d\n", WTERMSIG(status));
		exit(0);
	}
	if (WIFEXITED(status)) {
		printf("exited %d\n", WEXITSTATUS(status));
		exit(0);
	}
	return WSTOPSIG(status) | (status >> 16 << 8);
}

static void poke(pid_t pid, unsigned long at, const void *p, size_t n)
{
	char pad[8];
	size_t i;

	for (i = 0; i < n; i += 8) {
		long word;

		memset(pad, 0, sizeof pad);
		memcpy(pad, (const char *)p + i, n - i < 8 ? n - i : 8);
		memcpy(&word, pad, 8);
		if (ptrace(PTRACE_POKEDATA, pid, at + i, word) < 0) {
			perror("poke");
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct user_regs_struct old, r;
	unsigned long arg[6] = { 0 }, at, code;
	pid_t pid;
	long word;
	int i;

	if (argc < 3 || argc > 9)
		return 64;
	pid = (pid_t)strtol(argv[1], NULL, 10);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0) {
		perror("seize");
		return 2;
	}
	wait_stop(pid);
	if (ptrace(PTRACE_GETREGS, pid, 0, &old) < 0) {
		perror("getregs");
		return 2;
	}
	at = (old.rsp - 4096) & ~15ul;
	for (i = 3; i < argc; i++) {
		if (argv[i][0] == '=') {
			arg[i - 3] = at;
			poke(pid, at, argv[i] + 1, strlen(argv[i] + 1) + 1);
			at = (at + strlen(argv[i])) + 16;
			at &= ~7ul;
		} else {
			arg[i - 3] = strtoul(argv[i], NULL, 0);
		}
	}
	/* a syscall instruction: the one that the process was stopped in or before; else write one */
	code = old.rip - 2;
	word = ptrace(PTRACE_PEEKTEXT, pid, code, 0);
	if ((word & 0xffff) != 0x050f) {
		code = old.rip;
		word = ptrace(PTRACE_PEEKTEXT, pid, code, 0);
		ptrace(PTRACE_POKETEXT, pid, code, (word & ~0xffffl) | 0x050f);
	} else {
		word = 0;
	}
	r = old;
	r.rip = code;
	r.rax = r.orig_rax = strtoul(argv[2], NULL, 0);
	r.orig_rax = (unsigned long)-1; /* no restart of the interrupted call */
	r.rdi = arg[0];
	r.rsi = arg[1];
	r.rdx = arg[2];
	r.r10 = arg[3];
	r.r8 = arg[4];
	r.r9 = arg[5];
	ptrace(PTRACE_SETREGS, pid, 0, &r);
	ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
	wait_stop(pid);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("ret %ld\n", (long)r.rax);
	if (word)
		ptrace(PTRACE_POKETEXT, pid, code, word);
	/* put back; an interrupted call is restarted by the kernel's own codes in rax */
	ptrace(PTRACE_SETREGS, pid, 0, &old);
	ptrace(PTRACE_DETACH, pid, 0, 0);
	return 0;
}
