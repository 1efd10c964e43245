pkglibexec_PROGRAMS += libexec/pop3d
libexec_pop3d_SOURCES = pop3/pop3d.c
libexec_pop3d_LDADD = $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
