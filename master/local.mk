bin_PROGRAMS += bin/mansio
bin_mansio_SOURCES = master/mansio.c
bin_mansio_LDADD = $(TRACE_LIBS)
pkglibexec_PROGRAMS += libexec/mailboxd
libexec_mailboxd_SOURCES = master/mailboxd.c
libexec_mailboxd_LDADD = $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
