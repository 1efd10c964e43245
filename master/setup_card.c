/* SPDX-License-Identifier: ISC
 *
 * setup_card.c: what the checks found, and at the end what is left for the
 * administrator to do: records to publish, the link, the certificate, the way in before
 * the name leads here, and the order of a move from an old server. What a part of the
 * suite would tell that this build does not have is left out.
 */
#include "master/setup.h"

#include <stdio.h>
#include <time.h>

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

static void certificate(struct setup *s)
{
	struct str last = STR_NONE, print;
	struct answer a;
	size_t i;

	if (suite_ask(s, &a, "cert list", NULL))
		for (i = 0; i < a.n; i++) {
			print = ipc_get(&a.row[i], "fingerprint");
			if (!print.n || str_eq(print, last))
				continue;
			last = print;
			printf("  Certificate    SHA-256 %.*s\n", STRF(print));
		}
	answer_done(&a);
	if (strcmp(settings_value(s, "acme.enabled"), "yes") == 0)
		printf("                 One of an authority is being ordered: 'mansio cert show'. That agrees to the terms of\n"
			"                 service of %s\n", settings_value(s, "acme.directory"));
}

static void admin(struct setup *s)
{
	const char *listen = settings_value(s, "listen.https"), *port = strrchr(listen, ':');
	char when[40] = "";
	time_t t = (time_t)s->link_expires;
	struct tm tm;

	printf("\nMansio serves %.*s\n\n  Administrator  %.*s\n", STRF(s->domain), STRF(s->address));
	if (s->link) {
		if (t && localtime_r(&t, &tm))
			strftime(when, sizeof(when), ", until %e %b %H:%M", &tm);
		printf("  Page           %s\n                 (sets the password, once%s)\n", s->link, when);
	} else if (port) {
		printf("  Page           https://%.*s/\n", STRF(s->hostname));
	}
	certificate(s);
	if (port) {
		const char *path = s->link ? strstr(s->link, "/#/") : NULL;

		printf("  Before %.*s leads to this host, from your own machine:\n"
			"                 ssh -L 8443:localhost:%.*s root@THIS-HOST   and then https://localhost:8443%s\n",
			STRF(s->hostname), (int)strspn(port + 1, "0123456789"), port + 1, path ? path : "/");
	}
	printf("  Mail programs  IMAP %.*s 993 SSL/TLS, SMTP %.*s 465 SSL/TLS, user name = address\n", STRF(s->hostname), STRF(s->hostname));
}

static void import_line(const char *verb, const char *text)
{
	const struct verb *v = verb_named(verb);
	struct buf line;

	if (!v)
		return;
	buf_init(&line, 4096);
	help_usage(v, &line);
	printf("      %s\n         %s\n", buf_cstr(&line), text);
	buf_done(&line);
}

static void move(struct setup *s)
{
	if (!s->elsewhere || !verb_named("import maildir"))
		return;
	printf("\nThe order of a move from the old server:\n"
		"  1. Make the accounts here:  mansio user add ADDRESS\n"
		"  2. Bring the mail over while the old server goes on; a second run brings what is new:\n");
	import_line("import maildir", "a Maildir of Dovecot or Courier: nobody's mail program loads anything again");
	import_line("import mbox", "mbox files");
	import_line("import imap", "any other server");
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
