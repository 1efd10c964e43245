/* SPDX-License-Identifier: ISC
 *
 * pop3.c (fuzz): whole POP3 sessions: the input is what the client says. It
 * must end, close all it opened, and delete nothing unless QUIT was answered.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pop3/session.h"
#include "tests/unit/pop3/fake_store.h"
#include "trace/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf *conf;
	struct handover h = { .id = STR("session00001"), .service = STR("pop3s") };
	struct stream io;
	int pair[2], room = 1 << 20;
	char tail[65536];
	ssize_t n;
	bool quit = false;
	size_t i;

	if (!conf) {
		conf = conf_defaults();
		trace_open(open("/dev/null", O_WRONLY | O_CLOEXEC), "pop3d");
	}
	memset(&fake, 0, sizeof fake);
	fake.mail[0] = "Subject: one\r\n\r\na\r\n.b\r\n..\r\n";
	fake.mail[1] = ".dot\r\n\r\nno end";
	fake.piece = size % 7;
	if (size > 4096 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return 0;
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	BUG_ON(write(pair[0], data, size) != (ssize_t)size);
	shutdown(pair[0], SHUT_WR);
	stream_init(&io, pair[1], -1, 1024, 1000);
	pop3_session_run(&io, (struct store *)&fake, conf, &h, STR("anna@example.org"), NULL);
	stream_done(&io);
	while ((n = read(pair[0], tail, sizeof tail - 1)) > 0) {
		tail[n] = '\0';
		quit = strstr(tail, "messages left\r\n") != NULL;
	}
	close(pair[0]);
	BUG_ON(fake.open);
	for (i = 0; i < FAKE_MAILS; i++)
		BUG_ON(fake.expunged[i] && !quit);
	return 0;
}
