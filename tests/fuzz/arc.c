/* SPDX-License-Identifier: ISC
 *
 * arc.c: fuzz target of forwards: the first line of the bytes is a policy (SPF), the rest a message with whatever chain.
 * Every key in this DNS is ours, so a chain can be good. What is sealed on a good chain must verify one
 * hop further; a failed chain never becomes a good one.
 */
#include "smtp/verify/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dkim_key *key;
static struct dns_record text, policy, mx;

static const struct dns_answer *ask(void *arg, struct str name, enum dns_type type)
{
	static struct dns_answer answer;
	static struct dns_record address = { .addr = { .family = 4, .ip = { 192, 0, 2, 1 } } };

	(void)arg;
	answer = (struct dns_answer){ .state = DNS_OK, .n = 1 };
	answer.record = type == DNS_A ? &address : type == DNS_MX || type == DNS_PTR ? &mx : str_search(name, STR("._domainkey.")) >= 0 ?
		&text : &policy;
	if (type == DNS_AAAA)
		answer.state = DNS_NODATA, answer.n = 0;
	return &answer;
}

/* The status of a chain as "arc=..." says it; seal gets the next set, empty if there is none. */
static int look(struct str message, size_t step, struct buf *seal, struct str *status_out, struct buf *said)
{
	struct results_of of = { .host = STR("mx.example"), .sender = STR("cora@far.example"), .helo = STR("mx.far.example"), .ask = ask };
	struct results *r;
	size_t i;
	int e = 0;

	of.peer = (struct addr){ .family = 4, .ip = { 192, 0, 2, 1 } };
	r = results_new(1 << 16, &of);
	for (i = 0; i < message.n && e == 0; i += step)
		e = results_add(r, str_sub(message, i, MIN(i + step, message.n)));
	e = results_end(r);
	if (e == 0) {
		BUG_ON(!results_try(r, false, 1700000000));
		results_print(r, said);
		BUG_ON(said->err || str_search(buf_view(said), STR("arc=")) < 0);
		*status_out = str_from(buf_view(said), (size_t)str_search(buf_view(said), STR("arc=")) + 4);
		if (results_seal(r, key, STR("ours.example"), STR("s"), 1700000000, seal))
			buf_reset(seal);
	}
	results_free(r);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size), first, status, next;
	struct buf seal, said, whole, more, again;
	static struct buf record;

	if (!key) {
		key = dkim_key_new(DKIM_ED25519);
		buf_init(&record, 1024);
		dkim_key_record(key, &record);
		text.data = buf_view(&record);
		mx.name = STR("mx.far.example");
	}
	first = str_cut(&in, '\n');
	policy.data = first;
	buf_init(&seal, 1 << 18);
	buf_init(&said, 1 << 18);
	buf_init(&whole, 1 << 20);
	buf_init(&more, 1 << 18);
	buf_init(&again, 1 << 18);
	if (look(in, 7, &seal, &status, &said) == 0 && seal.n) {
		buf_str(&whole, buf_view(&seal));
		buf_str(&whole, in);
		BUG_ON(look(buf_view(&whole), 1000, &more, &next, &again) && whole.n < 1 << 16);
		if (again.n)
			BUG_ON(str_starts(next, "pass") == str_starts(status, "fail"));
	}
	buf_done(&seal);
	buf_done(&said);
	buf_done(&whole);
	buf_done(&more);
	buf_done(&again);
	return 0;
}
