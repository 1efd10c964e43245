pkglibexec_PROGRAMS += libexec/checkd
noinst_LIBRARIES += check/libcheck.a
check_libcheck_a_SOURCES = check/check.h check/domain.h check/records.c check/domain.c check/keys.c check/keytext.c check/secure.c check/spf.c check/host.c
libexec_checkd_SOURCES = check/checkd.c
libexec_checkd_LDADD = check/libcheck.a $(AUTH_LIBS) $(TRACE_LIBS) $(CONF_LIBS) $(TLS_LIBS) $(NET_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/check/keytext_test
tests_unit_check_keytext_test_SOURCES = tests/unit/check/keytext_test.c
tests_unit_check_keytext_test_LDADD = check/libcheck.a $(NET_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/keytext
tests_fuzz_keytext_SOURCES = tests/fuzz/keytext.c $(FUZZ_MAIN)
tests_fuzz_keytext_LDADD = check/libcheck.a $(NET_LIBS)
tests_fuzz_keytext_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/keytext
