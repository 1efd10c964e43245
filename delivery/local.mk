noinst_LIBRARIES += delivery/libdelivery.a
delivery_libdelivery_a_SOURCES = delivery/session.c delivery/session.h delivery/commands.c \
	delivery/receive.c delivery/recipient.c delivery/deliver.c delivery/forward.c delivery/forward.h
pkglibexec_PROGRAMS += libexec/lmtpd
libexec_lmtpd_SOURCES = delivery/lmtpd.c
libexec_lmtpd_LDADD = delivery/libdelivery.a $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/delivery/lmtp_test
tests_unit_delivery_lmtp_test_SOURCES = tests/unit/delivery/lmtp_test.c
tests_unit_delivery_lmtp_test_LDADD = delivery/libdelivery.a $(TRACE_LIBS) $(MAIL_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/lmtp
tests_fuzz_lmtp_SOURCES = tests/fuzz/lmtp.c $(FUZZ_MAIN)
tests_fuzz_lmtp_LDADD = delivery/libdelivery.a $(STORE_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
tests_fuzz_lmtp_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/lmtp/dialogue tests/fuzz/corpus/lmtp/bdat
