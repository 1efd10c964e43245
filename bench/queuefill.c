/* SPDX-License-Identifier: ISC
 *
 * queuefill.c: fills a spool folder with messages, for bench/queue.
 *
 *   queuefill DIR N DOMAINS     N messages of 1 kB, to as many domains
 *
 * The files are not synced: this is no delivery.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rand.h"
#include "mail/envelope.h"

static int put(int dir, unsigned long i, unsigned long domains)
{
	static char body[1000];
	char id[20], from[60], to[100];
	struct envelope_rcpt r = { .number = 1 };
	struct envelope e = { .time = clock_unix() - (int64_t)(i % 86400), .confirmed = true,
		.session = STR("fill"), .size = sizeof(body), .rcpt = &r, .nrcpt = 1 };
	struct buf head;
	int fd, err;

	memset(body, 'x', sizeof(body));
	memcpy(body, "Subject: fill\r\n\r\n", 17 - 1);
	snprintf(from, sizeof(from), "sender%lu@example.org", i % 1000);
	snprintf(to, sizeof(to), "user%lu@domain%lu.example", i, i * 2654435761u % domains);
	e.sender = str_of(from);
	r.address = str_of(to);
	rand_id(id, 12);
	e.id = str_of(id);
	buf_init(&head, 10000);
	envelope_print(&e, &head);
	fd = file_open(dir, id, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fd;
	err = file_write_all(fd, head.p, head.n);
	if (!err)
		err = file_write_all(fd, body, sizeof(body));
	close(fd);
	buf_done(&head);
	return err;
}

int main(int argc, char **argv)
{
	unsigned long i, n, domains;
	int dir, err;

	if (argc != 4) {
		fprintf(stderr, "usage: queuefill DIR N DOMAINS\n");
		return 64;
	}
	n = strtoul(argv[2], NULL, 10);
	domains = strtoul(argv[3], NULL, 10);
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || domains == 0) {
		perror(argv[1]);
		return 1;
	}
	for (i = 0; i < n; i++) {
		err = put(dir, i, domains);
		if (err < 0) {
			fprintf(stderr, "queuefill: %s\n", err_text(err));
			return 1;
		}
	}
	return 0;
}
