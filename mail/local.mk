noinst_LIBRARIES += mail/libmail.a
mail_libmail_a_SOURCES = mail/address.c mail/address.h mail/header.c mail/header.h \
	mail/date.c mail/date.h mail/charset.c mail/charset.h mail/mime.c mail/mime.h \
	mail/imapdesc.c mail/imapdesc.h mail/imapset.c mail/imapset.h mail/mutf7.c \
	mail/dsn.c mail/dsn.h mail/smtp.c mail/smtp.h
MAIL_LIBS = mail/libmail.a $(BASE_LIBS) $(IDN2_LIBS) $(UNISTRING_LIBS)
