/* SPDX-License-Identifier: ISC
 *
 * setup_card.c: what the checks found, and at the end what is left for the
 * administrator to do: records to publish, the link, the certificate, the way in before
 * the name leads here, and the order of a move from an old server. What a part of the
 * suite would tell that this build does not have is left out.
 */
#include "master/setup.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/addr.h"

static void words(const char *begin, struct str text)
{
	size_t i;

	fputs(begin, stdout);
	for (i = 0; i < text.n; i++) /* names that others published: no control character reaches the terminal */
		putchar((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f ? '?' : text.p[i]);
	putchar('\n');
}

void card_checks(struct setup *s)
{
	size_t i;

	printf("\n");
	if (!suite_ask(s, &s->checks, "host check", "domain", arena_cstr(&s->a, s->domain), NULL))
		return;
	if (s->checks.code && !s->checks.n)
		printf("WARN  the host could not be checked: %s\n", s->checks.error);
	for (i = 0; i < s->checks.n; i++) {
		const struct ipc_msg *row = &s->checks.row[i];

		printf("%-8.*s%-11.*s", STRF(ipc_get(row, "state")), STRF(ipc_get(row, "check")));
		words(" ", ipc_get(row, "words"));
		if (ipc_get(row, "fix").n)
			words("                    -> ", ipc_get(row, "fix"));
	}
	printf("\n");
}

static void records(struct setup *s)
{
	struct answer a;
	size_t i, k;

	if (suite_ask(s, &a, "domain zone", "domain", arena_cstr(&s->a, s->domain), NULL) && a.code == 0) {
		printf("\nPublish these records where %.*s is registered ('mansio domain check' then looks each up):\n\n", STRF(s->domain));
		for (i = 0; i < a.n; i++) {
			struct str text = ipc_get(&a.row[i], "text");

			for (k = 0; k < text.n; k++)
				if ((unsigned char)text.p[k] >= 0x20 || text.p[k] == '\n' || text.p[k] == '\t')
					putchar(text.p[k]);
		}
	} else if (a.code) {
		printf("\nThe DNS records could not be told: %s\n", a.error);
	}
	answer_done(&a);
}

/* As browsers and mail programs show it. */
static void fingerprint(struct str hex)
{
	size_t i;

	printf("  Certificate    SHA-256 ");
	for (i = 0; i < hex.n; i++) {
		if (i && i % 2 == 0)
			putchar(':');
		putchar(ascii_upper(hex.p[i]));
	}
	putchar('\n');
}

static void certificate(struct setup *s)
{
	struct str last = STR_NONE, print;
	struct answer a;
	size_t i;

	if (suite_ask(s, &a, "cert list", NULL))
		for (i = 0; i < a.n; i++) {
			print = ipc_get(&a.row[i], "fingerprint");
			if (!print.n || str_has_ctl(print) || str_eq(print, last))
				continue;
			last = print;
			fingerprint(print);
		}
	answer_done(&a);
	if (strcmp(settings_value(s, "acme.enabled"), "yes") == 0)
		printf("                 One of an authority is being ordered: 'mansio cert show'. That agrees to the terms of\n"
			"                 service of %s\n", settings_value(s, "acme.directory"));
}

/* The port of the first address of a service. */
static struct str port_of(struct setup *s, const char *full)
{
	struct str list = str_of(settings_value(s, full)), first = str_cut(&list, ',');
	ssize_t colon = str_rfind(first, ':');

	return colon < 0 ? STR_NONE : str_trim(str_from(first, (size_t)colon + 1));
}

/* The address of this host that faces the Internet, as the kernel would choose it; nothing is sent. */
static const char *own_address(char out[ADDR_TEXT])
{
	struct addr a = { .family = 4, .ip = { 192, 0, 2, 1 }, .port = 9 };
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(&a, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && connect(fd, (struct sockaddr *)&ss, n) == 0;

	n = sizeof(ss);
	good = good && getsockname(fd, (struct sockaddr *)&ss, &n) == 0 && addr_of_sockaddr((struct sockaddr *)&ss, n, &a) == 0;
	if (fd >= 0)
		close(fd);
	return good ? addr_text(&a, out) : "THIS-HOST";
}

static void admin(struct setup *s)
{
	struct str port = port_of(s, "listen.https");
	char address[ADDR_TEXT];
	char when[40] = "";
	time_t t = (time_t)s->link_expires;
	struct tm tm;

	printf("\nMansio serves %.*s\n\n  Administrator  %.*s\n", STRF(s->domain), STRF(s->address));
	if (s->link) {
		if (t && localtime_r(&t, &tm))
			strftime(when, sizeof(when), ", until %e %b %H:%M", &tm);
		printf("  Page           %s\n                 (sets the password, once%s)\n", s->link, when);
	} else if (port.n) {
		printf("  Page           https://%.*s/\n", STRF(s->hostname));
	}
	certificate(s);
	if (port.n) {
		const char *path = s->link ? strstr(s->link, "/#/") : NULL;

		printf("  Before %.*s leads to this host, from your own machine:\n"
			"                 ssh -L 8443:localhost:%.*s root@%s   and then https://localhost:8443%s\n",
			STRF(s->hostname), STRF(port), own_address(address), path ? path : "/");
	}
	printf("  Mail programs  %.*s: IMAP %.*s, SMTP %.*s, both SSL/TLS; the user name is the address\n", STRF(s->hostname),
		STRF(port_of(s, "listen.imaps")), STRF(port_of(s, "listen.submissions")));
}

static void import_line(struct setup *s, const char *verb, const char *from, const char *text)
{
	if (verb_named(verb))
		printf("       mansio %s %s %.*s\n          %s\n", verb, from, STRF(s->address), text);
}

static void move(struct setup *s)
{
	if (!s->elsewhere || !verb_named("import maildir"))
		return;
	printf("\nThe order of a move from the old server:\n"
		"  1. Make the accounts here:  mansio user add ADDRESS\n"
		"  2. Bring the mail over while the old server goes on; a second run brings what is new:\n");
	import_line(s, "import maildir", "/home/anna/Maildir", "a Maildir of Dovecot or Courier: nobody's mail program loads anything again");
	import_line(s, "import mbox", "/var/mail/anna", "an mbox file");
	import_line(s, "import imap", "OLD-SERVER", "any other server, with the password there");
	printf("  3. Change the MX record of %.*s to this host, and the names that mail programs use\n"
		"  4. When the old MX has run out (its TTL): import once more, then stop the old server\n", STRF(s->domain));
}

void card_print(struct setup *s)
{
	records(s);
	admin(s);
	move(s);
	printf("\nSettings: %s     Again at any time: mansio setup\n", s->config);
}
