/* SPDX-License-Identifier: ISC
 *
 * web.h: what the files of webadmind share. Private to webadmin/.
 *
 *   front --hand-over--> door.c (strict framing) --pair--> http.c (libmicrohttpd)
 *        --> paths.c: a file, a fixed path, or api.c --> ask.c --> authd's gate
 *
 * webadmind has no rights of its own: each request carries its cookie or token to
 * the gate (auth/gate.h), which alone says who asks and what he may.
 */
#ifndef MANSIO_WEBADMIN_WEB_H
#define MANSIO_WEBADMIN_WEB_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/arena.h"
#include "base/clock.h"
#include "conf/program.h"
#include "net/addr.h"

struct web {
	struct program program;
	struct event_base *base;
	const struct conf *conf; /* newest */
	int authd; /* link, -1: none now */
	size_t connections, streams;
	bool stopping;
};
extern struct web web;

struct visit; /* a connection: door.c */
struct request;

/* door.c: connections. Takes the descriptors. */
void door_open(struct ipc_msg *m, int link);
void door_stop(void); /* idle ones end now, the others after their answer */
/* libmicrohttpd is done with the request of the connection that has this descriptor. */
void door_answered(int fd);
bool door_last(int fd); /* that was its last request: the answer says so */
void door_streams(int fd); /* its answer is a live page */
const struct addr *door_peer(int fd);
void door_tls(int fd, struct str *version_out, struct str *cipher_out, uint32_t *bits_out);
bool door_clear(int fd); /* it came without TLS */
void door_drop(int fd); /* ends it now */

/* http.c: the one libmicrohttpd daemon, driven by our loop. */
int http_open(void);
int http_add(int fd, const struct addr *peer); /* takes fd */
void http_kick(void); /* there is something to do for it: soon, from the loop */

/* Who answers a request. Exactly one call of request_answer (now or later), or of
 * request_stream. */
struct web_path {
	const char *path; /* one that ends with '/': all beneath it */
	bool post; /* POST may come, beside GET (and HEAD) */
	void (*serve)(struct request *q);
	/* asked by any name that leads here: nothing in it is anybody's, so no page of a stranger's
	 * domain learns a thing; and also without TLS (port 80) */
	bool any_name, clear;
};
extern const struct web_path web_paths[]; /* the first that fits; NULL ends it (paths.c) */

/* What a request says. All strings last as long as it does. */
struct arena *request_arena(struct request *q);
struct str request_path(const struct request *q); /* decoded, without the query */
struct str request_query(const struct request *q); /* as it came, behind the '?' */
struct str request_body(const struct request *q);
void request_body_drop(struct request *q); /* its memory is not needed any more */
struct str request_header(struct request *q, const char *name); /* STR_NONE: none */
const struct addr *request_peer(const struct request *q);
bool request_is_post(const struct request *q);
/* The name by which it was asked for, without port; one of ours. */
struct str request_host(const struct request *q);

/* A header of the answer, before request_answer; value is copied. */
void request_set(struct request *q, const char *name, const char *value);
/* body is copied, or borrowed for ever (request_answer_static). type NULL: none. */
void request_answer(struct request *q, unsigned status, const char *type, struct str body);
void request_answer_static(struct request *q, unsigned status, const char *type, struct str body);
void request_answer_buf(struct request *q, unsigned status, const char *type, struct buf *body); /* takes the memory */
/* {"error": ..., "code": N} */
void request_fail(struct request *q, unsigned status, int code, const char *fmt, ...) PRINTF(4, 5);
/* The client went away while its answer was awaited: called once, then q is gone. */
void request_on_gone(struct request *q, void (*gone)(void *arg), void *arg);

/* stream.c: server-sent events. */
struct stream;
/* NULL: too many. Until stream_end the owner may add; closed is called once when the
 * browser is gone or too slow, and the stream is gone then. */
struct stream *stream_new(struct request *q, void (*closed)(void *arg), void *arg);
void stream_data(struct stream *s, struct str json); /* one event */
void stream_comment(struct stream *s); /* heartbeat */
void stream_end(struct stream *s, struct str json); /* last event "end", then no more */

/* http.c for stream.c: the answer of q comes from s, bit by bit. */
void request_stream(struct request *q, struct stream *s);
int request_fd(const struct request *q);
ssize_t stream_read(struct stream *s, char *out, size_t max); /* 0: nothing now, -1: the end */
void stream_paused(struct stream *s, void *mhd_connection);
void stream_gone(struct stream *s);
void http_resume(void *mhd_connection);

/* api.c */
void api_serve(struct request *q);
void api_metrics(struct request *q);

/* autoconfig_serve.c */
void sts_serve(struct request *q);
void autoconfig_serve_mozilla(struct request *q);
void autoconfig_serve_outlook(struct request *q);
void autoconfig_serve_json(struct request *q);
void autoconfig_serve_apple(struct request *q);
void autoconfig_serve_qr(struct request *q);

/* files.c: the files of the page (pages.h). */
void files_serve(struct request *q);

#endif
