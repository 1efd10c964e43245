pkglibexec_PROGRAMS += libexec/smtpd
libexec_smtpd_SOURCES = smtp/receive/smtpd.c
libexec_smtpd_LDADD = $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
