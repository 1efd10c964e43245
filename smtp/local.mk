noinst_LIBRARIES += smtp/libreceive.a
smtp_libreceive_a_SOURCES = smtp/receive/session.c smtp/receive/session.h smtp/receive/verbs.c \
	smtp/receive/cmd_mail.c smtp/receive/cmd_rcpt.c smtp/receive/cmd_data.c smtp/receive/cmd_bdat.c \
	smtp/receive/cmd_other.c smtp/receive/policy_sender.c smtp/receive/policy_rcpt.c \
	smtp/receive/content.c smtp/receive/submit.c smtp/receive/lmtp.c smtp/receive/lmtp.h
pkglibexec_PROGRAMS += libexec/smtpd
libexec_smtpd_SOURCES = smtp/receive/smtpd.c
libexec_smtpd_LDADD = smtp/libreceive.a $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/smtp/receive_test
tests_unit_smtp_receive_test_SOURCES = tests/unit/smtp/receive_test.c
tests_unit_smtp_receive_test_LDADD = smtp/libreceive.a $(TRACE_LIBS) $(MAIL_LIBS) $(CMOCKA_LIBS)
endif

# The queue without its sockets, for its tests too
noinst_LIBRARIES += smtp/libqueue.a
smtp_libqueue_a_SOURCES = smtp/queue/queue.h smtp/queue/turn.c smtp/queue/message.c smtp/queue/jobs.c \
	smtp/queue/pick.c smtp/queue/recover.c smtp/queue/rows.c smtp/queue/rows.h \
	smtp/queue/schedule.c smtp/queue/schedule.h
QUEUE_LIBS = smtp/libqueue.a $(TRACE_LIBS) $(MAIL_LIBS) $(NET_LIBS) $(DB_LIBS)
pkglibexec_PROGRAMS += libexec/queued
libexec_queued_SOURCES = smtp/queue/queued.c smtp/queue/links.c smtp/queue/links.h
libexec_queued_LDADD = $(QUEUE_LIBS)
