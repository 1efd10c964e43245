pkglibexec_PROGRAMS += libexec/checkd
noinst_LIBRARIES += check/libcheck.a
check_libcheck_a_SOURCES = check/check.h check/records.c check/domain.c check/spf.c check/host.c check/certs.c
libexec_checkd_SOURCES = check/checkd.c
libexec_checkd_LDADD = check/libcheck.a $(TRACE_LIBS) $(CONF_LIBS) $(NET_LIBS) $(OPENSSL_LIBS)
