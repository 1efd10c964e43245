# The door (client side) that other programs link
noinst_LIBRARIES += auth/libauth.a
auth_libauth_a_SOURCES = auth/auth.c auth/auth.h
AUTH_LIBS = auth/libauth.a
pkglibexec_PROGRAMS += libexec/authd
libexec_authd_SOURCES = auth/authd.c
libexec_authd_LDADD = $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(SQLITE_LIBS) $(EVENT_LIBS) $(SASL_LIBS) $(CRYPT_LIBS) $(OPENSSL_LIBS)
