noinst_LIBRARIES += delivery/libdelivery.a
delivery_libdelivery_a_SOURCES = delivery/session.c delivery/session.h delivery/commands.c \
	delivery/receive.c delivery/recipient.c delivery/deliver.c
pkglibexec_PROGRAMS += libexec/lmtpd
libexec_lmtpd_SOURCES = delivery/lmtpd.c
libexec_lmtpd_LDADD = delivery/libdelivery.a $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
