# An admin's hook for dns-01
dist_pkgdata_SCRIPTS = acme/acme-nsupdate
# What needs no network is a library, for tests and fuzz targets
noinst_LIBRARIES += acme/libacme.a
acme_libacme_a_SOURCES = acme/state.c acme/state.h acme/jws.c acme/jws.h acme/problem.c acme/problem.h acme/hook.c
acme_libacme_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
ACME_LIBS = acme/libacme.a $(TLS_LIBS) $(NET_LIBS) $(JANSSON_LIBS)
# libcurl is for acmed alone
pkglibexec_PROGRAMS += libexec/acmed
libexec_acmed_SOURCES = acme/acmed.c acme/acmed.h acme/fronts.c acme/look.c acme/verbs.c acme/order.c acme/rekey.c \
	acme/order.h acme/client.c acme/client.h acme/http.c acme/http.h
libexec_acmed_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS)
libexec_acmed_LDADD = acme/libacme.a $(TRACE_LIBS) $(TLS_LIBS) $(NET_LIBS) $(JANSSON_LIBS) $(CURL_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/acme/acme_test
tests_unit_acme_acme_test_SOURCES = tests/unit/acme/acme_test.c
tests_unit_acme_acme_test_LDADD = $(ACME_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/acme_problem
tests_fuzz_acme_problem_SOURCES = tests/fuzz/acme_problem.c $(FUZZ_MAIN)
tests_fuzz_acme_problem_LDADD = $(ACME_LIBS)
tests_fuzz_acme_problem_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/acme_problem
