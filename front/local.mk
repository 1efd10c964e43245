# What is pure (grammars, counters) is a library, for tests and fuzz targets
noinst_LIBRARIES += front/libfront.a
front_libfront_a_SOURCES = front/parse.c front/parse.h front/smtp_parse.c front/imap_parse.c \
	front/pop3_parse.c front/http_head.c front/limits.c front/limits.h
pkglibexec_PROGRAMS += libexec/front
libexec_front_SOURCES = front/front.c front/front.h front/conn.c front/conn.h front/wire.c front/admit.c \
	front/listener.c front/links.c front/smtp.c front/imap.c front/pop3.c front/https.c front/sasl.c front/handover.c front/places.c front/pump.c front/sleep.c front/sessions.c \
	front/http.c front/challenge.c front/banlist.c
FRONT_LIBS = front/libfront.a $(MAIL_LIBS) $(TRACE_LIBS)
libexec_front_LDADD = front/libfront.a $(TLS_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(TRACE_LIBS) $(EVENT_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/front/parse_test tests/unit/front/imap_parse_test tests/unit/front/limits_test
tests_unit_front_parse_test_SOURCES = tests/unit/front/parse_test.c
tests_unit_front_parse_test_LDADD = $(FRONT_LIBS) $(CMOCKA_LIBS)
tests_unit_front_imap_parse_test_SOURCES = tests/unit/front/imap_parse_test.c
tests_unit_front_imap_parse_test_LDADD = $(FRONT_LIBS) $(CMOCKA_LIBS)
tests_unit_front_limits_test_SOURCES = tests/unit/front/limits_test.c
tests_unit_front_limits_test_LDADD = $(FRONT_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/front_http
tests_fuzz_front_http_SOURCES = tests/fuzz/front_http.c $(FUZZ_MAIN)
tests_fuzz_front_http_LDADD = $(FRONT_LIBS)
tests_fuzz_front_http_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/front_http
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/front/http_head_test
tests_unit_front_http_head_test_SOURCES = tests/unit/front/http_head_test.c
tests_unit_front_http_head_test_LDADD = $(FRONT_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/front_smtp tests/fuzz/front_imap tests/fuzz/front_pop3 tests/fuzz/sasl
tests_fuzz_front_smtp_SOURCES = tests/fuzz/front_smtp.c $(FUZZ_MAIN)
tests_fuzz_front_smtp_LDADD = $(FRONT_LIBS)
tests_fuzz_front_smtp_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_front_imap_SOURCES = tests/fuzz/front_imap.c $(FUZZ_MAIN)
tests_fuzz_front_imap_LDADD = $(FRONT_LIBS)
tests_fuzz_front_imap_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_front_pop3_SOURCES = tests/fuzz/front_pop3.c $(FUZZ_MAIN)
tests_fuzz_front_pop3_LDADD = $(FRONT_LIBS)
tests_fuzz_front_pop3_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_sasl_SOURCES = tests/fuzz/sasl.c $(FUZZ_MAIN)
tests_fuzz_sasl_LDADD = $(FRONT_LIBS)
tests_fuzz_sasl_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/front_smtp/session tests/fuzz/corpus/front_smtp/http \
	tests/fuzz/corpus/front_imap/literals tests/fuzz/corpus/front_imap/login \
	tests/fuzz/corpus/front_imap/authenticate tests/fuzz/corpus/front_imap/id \
	tests/fuzz/corpus/front_pop3/session tests/fuzz/corpus/front_pop3/apop tests/fuzz/corpus/sasl/plain tests/fuzz/corpus/sasl/abort \
	tests/fuzz/corpus/sasl/empty tests/fuzz/corpus/sasl/scram
