pkglibexec_PROGRAMS += libexec/imapd
libexec_imapd_SOURCES = imap/imapd.c
libexec_imapd_LDADD = $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
