/* SPDX-License-Identifier: ISC
 *
 * ask.c: a secret from the terminal without echo, or from standard input.
 */
#include "master/client.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_MAX 1024

/* One line without its end. Byte by byte: what follows is not ours. */
static int read_line(int fd, struct buf *out)
{
	ssize_t n;
	char c;

	while ((n = read(fd, &c, 1)) == 1 && c != '\n') {
		buf_c(out, c);
		if (out->err < 0)
			return E_LIMIT;
	}
	if (n < 0)
		return -errno;
	if (out->n && out->p[out->n - 1] == '\r')
		buf_cut(out, out->n - 1);
	return out->n ? 0 : E_SYNTAX;
}

static int prompt(const char *what, struct buf *out)
{
	struct termios old, quiet;
	sigset_t block, was;
	int r;

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return -errno;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* a Ctrl-C between here and there must not leave the terminal dumb: it
	 * counts when the echo is back */
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTSTP);
	sigprocmask(SIG_BLOCK, &block, &was);
	quiet.c_lflag &= ~(tcflag_t)ISIG;
	/* quiet first: who answers at once is neither shown nor thrown away */
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	fprintf(stderr, "%s: ", what);
	r = read_line(STDIN_FILENO, out);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &old);
	fputc('\n', stderr);
	sigprocmask(SIG_SETMASK, &was, NULL);
	if (r == 0 && memchr(out->p, 3, out->n)) /* Ctrl-C, as a byte */
		return -EINTR;
	return r;
}

int ask_secret(const char *what, struct buf *out)
{
	struct buf again;
	char label[64];
	int r;

	buf_init(out, SECRET_MAX);
	if (!isatty(STDIN_FILENO)) {
		r = read_line(STDIN_FILENO, out);
		goto out;
	}
	r = prompt(what, out);
	if (r == 0) {
		buf_init(&again, SECRET_MAX);
		snprintf(label, sizeof(label), "%s again", what);
		r = prompt(label, &again);
		if (r == 0 && !str_eq(buf_view(out), buf_view(&again)))
			r = E_SYNTAX;
		buf_wipe(&again);
	}
out:
	if (r < 0)
		buf_wipe(out);
	return r;
}
