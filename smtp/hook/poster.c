/* SPDX-License-Identifier: ISC
 *
 * poster.c: the process that talks to the receiver of webhooks: libcurl, the network, no
 * files, one request at a time.
 *
 *   hookd -> poster   post id url resolve signature body
 *   poster -> hookd   posted id status (0: none) words
 *
 * Forked before hookd locks itself in. Redirections are not followed, an answer's body is
 * thrown away and may not be long, and one time limit covers all of it. It knows no secret: the
 * signature comes ready. When it dies hookd ends too, and both are started anew.
 */
#include <curl/curl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "smtp/hook/hookd.h"

#define ANSWER_MAX (64 * 1024)

static size_t swallow(char *p, size_t size, size_t n, void *arg)
{
	size_t *seen = arg;

	(void)p;
	*seen += size * n;
	return *seen > ANSWER_MAX ? 0 : size * n;
}

static void options(CURL *c, const struct conf *conf, struct curl_blob *trust, const struct ipc_msg *m, struct arena *a,
	size_t *seen, char *error)
{
	struct str body = ipc_get(m, "body");

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, arena_cstr(a, ipc_get(m, "url")));
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, trust);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)conf->webhook_request);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)conf->webhook_request);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Mansio/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, seen);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, swallow);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, seen);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.n);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.p);
}

static long post(CURL *c, const struct conf *conf, struct str trust, const struct ipc_msg *m, char *error)
{
	struct curl_blob blob = { (void *)(uintptr_t)trust.p, trust.n, CURL_BLOB_NOCOPY };
	struct curl_slist *fields = NULL, *addresses = NULL;
	struct arena a;
	size_t seen = 0;
	CURLcode code;
	long status = 0;

	arena_init(&a);
	options(c, conf, &blob, m, &a, &seen, error);
	if (ipc_get(m, "resolve").n > 0)
		addresses = curl_slist_append(NULL, arena_cstr(&a, ipc_get(m, "resolve")));
	fields = curl_slist_append(NULL, "Content-Type: application/json");
	fields = curl_slist_append(fields, "Expect:");
	if (ipc_get(m, "signature").n > 0)
		fields = curl_slist_append(fields, arena_fmt(&a, "X-Mansio-Signature: %.*s", STRF(ipc_get(m, "signature"))));
	curl_easy_setopt(c, CURLOPT_RESOLVE, addresses);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
	code = curl_easy_perform(c);
	if (code == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	else if (!error[0])
		snprintf(error, CURL_ERROR_SIZE, "%s", curl_easy_strerror(code));
	curl_slist_free_all(addresses);
	curl_slist_free_all(fields);
	arena_done(&a);
	return status;
}

static NORETURN void run(const struct conf *conf, struct str trust, int link)
{
	char error[CURL_ERROR_SIZE];
	struct ipc_msg m, answer;
	CURL *c;
	long status;

	proc_title("hookd poster");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	c = curl_easy_init();
	if (!c || sandbox_prepare(SANDBOX_SENDER) < 0 || sandbox_enter(SANDBOX_SENDER, NULL, 0, NULL) < 0)
		_exit(EX_OSERR);
	while (ipc_recv(link, &m) == 0) {
		error[0] = '\0';
		status = post(c, conf, trust, &m, error);
		ipc_init(&answer, "posted");
		ipc_set(&answer, "id", ipc_get(&m, "id"));
		ipc_set_u64(&answer, "status", (uint64_t)MAX(status, 0L));
		ipc_setc(&answer, "words", error);
		if (ipc_send(link, &answer) < 0)
			break;
		ipc_done(&answer);
		ipc_done(&m);
	}
	_exit(0);
}

int poster_start(const struct conf *conf, struct str trust)
{
	int pair[2];
	pid_t pid;

	if (ipc_pair(pair) < 0)
		return -errno;
	pid = proc_fork(true);
	if (pid == 0) {
		close(pair[0]);
		close(PROGRAM_CONTROL_FD);
		run(conf, trust, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return E_TEMP;
	}
	fd_nonblock(pair[0], true);
	return pair[0];
}
