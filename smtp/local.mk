noinst_LIBRARIES += smtp/libreceive.a
smtp_libreceive_a_SOURCES = smtp/receive/session.c smtp/receive/session.h smtp/receive/verbs.c \
	smtp/receive/cmd_mail.c smtp/receive/cmd_rcpt.c smtp/receive/cmd_data.c smtp/receive/cmd_bdat.c \
	smtp/receive/cmd_other.c smtp/receive/cmd_etrn.c smtp/receive/policy_sender.c smtp/receive/policy_author.c smtp/receive/policy_rcpt.c smtp/receive/arrival.c \
	smtp/receive/local.c smtp/receive/park.c smtp/receive/content.c smtp/receive/submit.c smtp/receive/complaint.c smtp/receive/tlsreport.c smtp/receive/queue.c \
	smtp/receive/lmtp.c smtp/receive/lmtp.h
pkglibexec_PROGRAMS += libexec/smtpd
libexec_smtpd_SOURCES = smtp/receive/smtpd.c
libexec_smtpd_LDADD = smtp/libreceive.a smtp/libtlsrpt.a $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/smtp/receive_test
tests_unit_smtp_receive_test_SOURCES = tests/unit/smtp/receive_test.c
tests_unit_smtp_receive_test_LDADD = smtp/libreceive.a smtp/libtlsrpt.a $(TRACE_LIBS) $(MAIL_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/author_test
tests_unit_smtp_author_test_SOURCES = tests/unit/smtp/author_test.c
tests_unit_smtp_author_test_LDADD = smtp/libreceive.a $(TRACE_LIBS) $(MAIL_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_test
tests_unit_smtp_queue_test_SOURCES = tests/unit/smtp/queue_test.c tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_unit_smtp_queue_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_catchup_test
tests_unit_smtp_queue_catchup_test_SOURCES = tests/unit/smtp/queue_catchup_test.c tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_unit_smtp_queue_catchup_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_dests_test
tests_unit_smtp_queue_dests_test_SOURCES = tests/unit/smtp/queue_dests_test.c tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_unit_smtp_queue_dests_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_classify_test
tests_unit_smtp_queue_classify_test_SOURCES = tests/unit/smtp/queue_classify_test.c
tests_unit_smtp_queue_classify_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_schedule_test
tests_unit_smtp_queue_schedule_test_SOURCES = tests/unit/smtp/queue_schedule_test.c
tests_unit_smtp_queue_schedule_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_ended_test
tests_unit_smtp_queue_ended_test_SOURCES = tests/unit/smtp/queue_ended_test.c tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_unit_smtp_queue_ended_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_polite_test
tests_unit_smtp_queue_polite_test_SOURCES = tests/unit/smtp/queue_polite_test.c tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_unit_smtp_queue_polite_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_report_test
tests_unit_smtp_queue_report_test_SOURCES = tests/unit/smtp/queue_report_test.c tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_unit_smtp_queue_report_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_held_test
tests_unit_smtp_queue_held_test_SOURCES = tests/unit/smtp/queue_held_test.c tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_unit_smtp_queue_held_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/queue_limits_test
tests_unit_smtp_queue_limits_test_SOURCES = tests/unit/smtp/queue_limits_test.c tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_unit_smtp_queue_limits_test_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
endif

# The queue without its sockets, for its tests too
noinst_LIBRARIES += smtp/libqueue.a
smtp_libqueue_a_SOURCES = smtp/queue/queue.h smtp/queue/turn.c smtp/queue/message.c smtp/queue/jobs.c smtp/queue/outcome.c smtp/queue/ended.c \
	smtp/queue/pick.c smtp/queue/dests.c smtp/queue/catchup.c smtp/queue/classify.c smtp/queue/classify.h \
	smtp/queue/sent.c smtp/queue/sent.h smtp/queue/said.c smtp/queue/warmup.c smtp/queue/warmup.h smtp/queue/limits.c smtp/queue/limits.h smtp/queue/held.c smtp/queue/held.h smtp/queue/suppress.c smtp/queue/suppress.h smtp/queue/lists.c smtp/queue/recover.c smtp/queue/rows.c smtp/queue/rows.h smtp/queue/rows_sql.h \
	smtp/queue/rows_rcpts.c smtp/queue/rows_due.c \
	smtp/queue/copy.c smtp/queue/copy.h smtp/queue/schedule.c smtp/queue/schedule.h smtp/queue/report.c smtp/queue/notice.c \
	smtp/queue/records.c smtp/queue/records.h smtp/queue/verbs.c smtp/queue/tasks.c smtp/queue/tasks.h smtp/queue/task_change.c
QUEUE_LIBS = smtp/libqueue.a $(TRACE_LIBS) $(MAIL_LIBS) $(NET_LIBS) $(DB_LIBS)
pkglibexec_PROGRAMS += libexec/queued
libexec_queued_SOURCES = smtp/queue/queued.c smtp/queue/links.c smtp/queue/links.h smtp/queue/removal.c smtp/queue/removal.h \
	smtp/queue/ours.c smtp/queue/ours.h
libexec_queued_LDADD = $(AUTH_LIBS) $(QUEUE_LIBS)

# Policies of other domains: what is pure, for the sender, policyd, tests and fuzz targets
noinst_LIBRARIES += smtp/libpolicy.a
smtp_libpolicy_a_SOURCES = smtp/policy/sts.c smtp/policy/sts.h smtp/policy/cache.c smtp/policy/cache.h
POLICY_LIBS = smtp/libpolicy.a $(NET_LIBS) $(BASE_LIBS)
pkglibexec_PROGRAMS += libexec/policyd
libexec_policyd_SOURCES = smtp/policy/policyd.c smtp/policy/policyd.h smtp/policy/ask.c smtp/policy/fetch.c \
	smtp/policy/get.c smtp/policy/get.h smtp/policy/tally.c smtp/policy/task.c smtp/policy/deliver.c smtp/policy/receive.c \
	smtp/policy/verbs.c
libexec_policyd_LDADD = smtp/libpolicy.a $(REPORT_LIBS) $(HTTPS_LIBS)

# Reports about TLS: what is pure, and where they are kept
noinst_LIBRARIES += smtp/libtlsrpt.a
smtp_libtlsrpt_a_SOURCES = smtp/report/tlsrpt.h smtp/report/record.c smtp/report/print.c smtp/report/parse.c smtp/report/letter.c \
	smtp/report/signed.c smtp/report/store.c smtp/report/store.h
smtp_libtlsrpt_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
REPORT_LIBS = smtp/libtlsrpt.a smtp/libdkim.a $(TRACE_LIBS) $(MAIL_LIBS) $(NET_LIBS) $(DB_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(OPENSSL_LIBS)

# The sender: what is pure is a library, for tests and fuzz targets
noinst_LIBRARIES += smtp/libsend.a
smtp_libsend_a_SOURCES = smtp/send/reply.c smtp/send/reply.h smtp/send/content.c smtp/send/content.h \
	smtp/send/convert.c smtp/send/convert.h smtp/send/fit.c \
	smtp/send/job.c smtp/send/job.h smtp/send/auth.c smtp/send/auth.h smtp/send/limit.c smtp/send/limit.h \
	smtp/send/client.c smtp/send/client.h smtp/send/transaction.c smtp/send/taken.c smtp/send/taken.h \
	smtp/send/security.c smtp/send/security.h
SEND_LIBS = smtp/libsend.a smtp/libpolicy.a $(CONF_LIBS) $(TLS_LIBS) $(MAIL_LIBS) $(NET_LIBS) $(SASL_LIBS)
pkglibexec_PROGRAMS += libexec/sender
libexec_sender_SOURCES = smtp/send/sender.c smtp/send/sender.h smtp/send/sign.c smtp/send/sign.h smtp/send/results.c smtp/send/rescue.c smtp/send/options.c \
	smtp/send/route.c smtp/send/dest.c smtp/send/find.c smtp/send/change.c smtp/send/host.c smtp/send/reach.c smtp/send/serve.c smtp/send/probe.c smtp/send/probe.h smtp/send/probe_here.c smtp/send/probe_rows.c smtp/send/pace.c smtp/send/source.c smtp/send/lookup.c smtp/send/session.c smtp/send/tlsrpt.c smtp/send/dial.c smtp/send/way.c smtp/send/way.h
libexec_sender_LDADD = $(SEND_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(NET_LIBS) $(EVENT_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/smtp/tlsrpt_test
tests_unit_smtp_tlsrpt_test_SOURCES = tests/unit/smtp/tlsrpt_test.c
tests_unit_smtp_tlsrpt_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_smtp_tlsrpt_test_LDADD = $(REPORT_LIBS) $(CONF_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/send_security_test tests/unit/smtp/policy_sts_test
tests_unit_smtp_send_security_test_SOURCES = tests/unit/smtp/send_security_test.c
tests_unit_smtp_send_security_test_LDADD = $(SEND_LIBS) $(CMOCKA_LIBS)
tests_unit_smtp_policy_sts_test_SOURCES = tests/unit/smtp/policy_sts_test.c
tests_unit_smtp_policy_sts_test_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/send_taken_test
tests_unit_smtp_send_taken_test_SOURCES = tests/unit/smtp/send_taken_test.c
tests_unit_smtp_send_taken_test_LDADD = $(SEND_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/send_limit_test
tests_unit_smtp_send_limit_test_SOURCES = tests/unit/smtp/send_limit_test.c
tests_unit_smtp_send_limit_test_LDADD = $(SEND_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/send_client_test tests/unit/smtp/send_parts_test tests/unit/smtp/send_extensions_test
tests_unit_smtp_send_extensions_test_SOURCES = tests/unit/smtp/send_extensions_test.c tests/unit/smtp/send_dialogue.c \
	tests/unit/smtp/send_dialogue.h
check_PROGRAMS += tests/unit/smtp/send_convert_test
tests_unit_smtp_send_convert_test_SOURCES = tests/unit/smtp/send_convert_test.c
tests_unit_smtp_send_convert_test_LDADD = $(SEND_LIBS) $(CMOCKA_LIBS)
tests_unit_smtp_send_extensions_test_LDADD = $(SEND_LIBS) $(CMOCKA_LIBS)
tests_unit_smtp_send_client_test_SOURCES = tests/unit/smtp/send_client_test.c tests/unit/smtp/send_dialogue.c \
	tests/unit/smtp/send_dialogue.h
tests_unit_smtp_send_client_test_LDADD = $(SEND_LIBS) $(CMOCKA_LIBS)
tests_unit_smtp_send_parts_test_SOURCES = tests/unit/smtp/send_parts_test.c
tests_unit_smtp_send_parts_test_LDADD = $(SEND_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/send_convert
tests_fuzz_send_convert_SOURCES = tests/fuzz/send_convert.c $(FUZZ_MAIN)
tests_fuzz_send_convert_LDADD = $(SEND_LIBS)
tests_fuzz_send_convert_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/send_convert
check_PROGRAMS += tests/fuzz/send_reply
tests_fuzz_send_reply_SOURCES = tests/fuzz/send_reply.c $(FUZZ_MAIN)
tests_fuzz_send_reply_LDADD = $(SEND_LIBS)
tests_fuzz_send_reply_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/send_reply/ehlo tests/fuzz/corpus/send_reply/session tests/fuzz/corpus/send_reply/odd

check_PROGRAMS += tests/fuzz/tlsrpt
tests_fuzz_tlsrpt_SOURCES = tests/fuzz/tlsrpt.c $(FUZZ_MAIN)
tests_fuzz_tlsrpt_LDADD = $(REPORT_LIBS)
tests_fuzz_tlsrpt_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/tlsrpt

check_PROGRAMS += tests/fuzz/sts_policy
tests_fuzz_sts_policy_SOURCES = tests/fuzz/sts_policy.c $(FUZZ_MAIN)
tests_fuzz_sts_policy_LDADD = $(POLICY_LIBS)
tests_fuzz_sts_policy_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/sts_policy

EXTRA_PROGRAMS += bench/queuefill
bench_queuefill_SOURCES = bench/queuefill.c
bench_queuefill_LDADD = $(MAIL_LIBS)

check_PROGRAMS += tests/fuzz/queue_result
tests_fuzz_queue_result_SOURCES = tests/fuzz/queue_result.c $(FUZZ_MAIN)
tests_fuzz_queue_result_LDADD = $(QUEUE_LIBS)
tests_fuzz_queue_result_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/queue_result

# DKIM: no network, no files
noinst_LIBRARIES += smtp/libdkim.a
smtp_libdkim_a_SOURCES = smtp/verify/dkim.h smtp/verify/tags.c smtp/verify/canon.c smtp/verify/key.c \
	smtp/verify/head.c smtp/verify/sign.c smtp/verify/check.c smtp/verify/arc.h smtp/verify/arc.c smtp/verify/spf.h smtp/verify/spf.c \
	smtp/verify/results.h smtp/verify/results.c
DKIM_LIBS = smtp/libdkim.a $(NET_LIBS) $(MAIL_LIBS) $(BASE_LIBS) $(OPENSSL_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/smtp/dkim_test
tests_unit_smtp_dkim_test_SOURCES = tests/unit/smtp/dkim_test.c
tests_unit_smtp_dkim_test_LDADD = $(DKIM_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smtp/arc_test tests/unit/smtp/spf_test
tests_unit_smtp_arc_test_SOURCES = tests/unit/smtp/arc_test.c
tests_unit_smtp_arc_test_LDADD = $(DKIM_LIBS) $(CMOCKA_LIBS)
tests_unit_smtp_spf_test_SOURCES = tests/unit/smtp/spf_test.c
tests_unit_smtp_spf_test_LDADD = $(DKIM_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/dkim
tests_fuzz_dkim_SOURCES = tests/fuzz/dkim.c $(FUZZ_MAIN)
tests_fuzz_dkim_LDADD = $(DKIM_LIBS)
tests_fuzz_dkim_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/dkim tests/vectors/dkim
check_PROGRAMS += tests/fuzz/arc
tests_fuzz_arc_SOURCES = tests/fuzz/arc.c $(FUZZ_MAIN)
tests_fuzz_arc_LDADD = $(DKIM_LIBS)
tests_fuzz_arc_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/arc

# records of attempts and webhooks; what is pure is a library, for tests
noinst_LIBRARIES += smtp/libhook.a
smtp_libhook_a_SOURCES = smtp/hook/record.c smtp/hook/record.h
HOOK_LIBS = smtp/libhook.a $(TRACE_LIBS) $(NET_LIBS) $(OPENSSL_LIBS)
pkglibexec_PROGRAMS += libexec/hookd
libexec_hookd_SOURCES = smtp/hook/hookd.c smtp/hook/hookd.h smtp/hook/account.c smtp/hook/store.c smtp/hook/push.c \
	smtp/hook/poster.c smtp/hook/verbs.c
libexec_hookd_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
libexec_hookd_LDADD = smtp/libhook.a $(TRACE_LIBS) $(DB_LIBS) $(NET_LIBS) $(CURL_LIBS) $(OPENSSL_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/smtp/hook_record_test
tests_unit_smtp_hook_record_test_SOURCES = tests/unit/smtp/hook_record_test.c
tests_unit_smtp_hook_record_test_LDADD = $(HOOK_LIBS) $(CMOCKA_LIBS)
endif

# signd: keys and signatures
pkglibexec_PROGRAMS += libexec/signd
libexec_signd_SOURCES = smtp/sign/signd.c smtp/sign/signd.h smtp/sign/task.c smtp/sign/keys.c smtp/sign/keys.h \
	smtp/sign/publish.c smtp/sign/seal.c smtp/sign/ask.c smtp/sign/verbs.c
libexec_signd_LDADD = $(AUTH_LIBS) $(DKIM_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(NET_LIBS)
