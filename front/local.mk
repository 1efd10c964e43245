# What is pure (grammars, counters) is a library, for tests and fuzz targets
noinst_LIBRARIES += front/libfront.a
front_libfront_a_SOURCES = front/parse.c front/parse.h front/smtp_parse.c front/imap_parse.c \
	front/pop3_parse.c front/limits.c front/limits.h
pkglibexec_PROGRAMS += libexec/front
libexec_front_SOURCES = front/front.c front/front.h front/conn.c front/conn.h front/listener.c \
	front/links.c front/smtp.c front/imap.c front/pop3.c front/sasl.c front/handover.c front/sessions.c
FRONT_LIBS = front/libfront.a $(MAIL_LIBS) $(TRACE_LIBS)
libexec_front_LDADD = front/libfront.a $(TLS_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(TRACE_LIBS) $(EVENT_LIBS)
