pkglibexec_PROGRAMS += libexec/lmtpd
libexec_lmtpd_SOURCES = delivery/lmtpd.c
libexec_lmtpd_LDADD = $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
