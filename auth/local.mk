# The door (client side) that other programs link
noinst_LIBRARIES += auth/libauth.a
auth_libauth_a_SOURCES = auth/auth.c auth/auth.h
AUTH_LIBS = auth/libauth.a

# What the parts of authd are made of, apart from the processes themselves
noinst_LIBRARIES += auth/libauthd.a
auth_libauthd_a_SOURCES = auth/ticket.c auth/ticket.h auth/slowdown.c auth/slowdown.h \
	auth/cache.c auth/cache.h auth/fair.c auth/fair.h auth/key.c auth/key.h \
	auth/frame.c auth/frame.h auth/gs2.c auth/gs2.h \
	auth/password.c auth/password.h auth/resolve.c auth/resolve.h \
	auth/directory.h auth/directory_sqlite.c auth/sasl.c auth/sasl.h \
	auth/verbs.c auth/verbs.h auth/verbs_domain.c auth/verbs_user.c auth/verbs_alias.c
AUTHD_LIBS = auth/libauthd.a $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(DB_LIBS) $(NET_LIBS) \
	$(SASL_LIBS) $(CRYPT_LIBS) $(OPENSSL_LIBS)

pkglibexec_PROGRAMS += libexec/authd
libexec_authd_SOURCES = auth/authd.c auth/authd.h auth/authd_link.c auth/client.c auth/client.h \
	auth/control.c auth/exchange.c auth/lookup.c auth/pool.c auth/pool.h auth/worker.c auth/worker.h
libexec_authd_LDADD = $(AUTHD_LIBS) $(EVENT_LIBS)
