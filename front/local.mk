pkglibexec_PROGRAMS += libexec/front
libexec_front_SOURCES = front/front.c
libexec_front_LDADD = $(TLS_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(EVENT_LIBS)
