noinst_LIBRARIES += mail/libmail.a
mail_libmail_a_SOURCES = mail/address.c mail/address.h mail/address_list.c mail/header.c mail/header.h \
	mail/date.c mail/date.h mail/charset.c mail/charset.h mail/encword.c mail/mime.c mail/mime.h \
	mail/mime_fields.c mail/mime_fields.h mail/mime_decode.c mail/mime_text.c \
	mail/imapdesc.c mail/imapdesc.h mail/imapset.c mail/imapset.h mail/mutf7.c \
	mail/dsn.c mail/dsn.h mail/smtp.c mail/smtp.h
MAIL_LIBS = mail/libmail.a $(BASE_LIBS) $(IDN2_LIBS) $(UNISTRING_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/mail/address_test tests/unit/mail/smtp_test tests/unit/mail/dsn_test
tests_unit_mail_address_test_SOURCES = tests/unit/mail/address_test.c
tests_unit_mail_address_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_smtp_test_SOURCES = tests/unit/mail/smtp_test.c
tests_unit_mail_smtp_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_dsn_test_SOURCES = tests/unit/mail/dsn_test.c
tests_unit_mail_dsn_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/address tests/fuzz/smtpcmd
tests_fuzz_address_SOURCES = tests/fuzz/address.c $(FUZZ_MAIN)
tests_fuzz_address_LDADD = $(MAIL_LIBS)
tests_fuzz_address_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_smtpcmd_SOURCES = tests/fuzz/smtpcmd.c $(FUZZ_MAIN)
tests_fuzz_smtpcmd_LDADD = $(MAIL_LIBS)
tests_fuzz_smtpcmd_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/address/plain tests/fuzz/corpus/address/quoted \
	tests/fuzz/corpus/address/utf8 tests/fuzz/corpus/address/literal \
	tests/fuzz/corpus/smtpcmd/mail tests/fuzz/corpus/smtpcmd/rcpt tests/fuzz/corpus/smtpcmd/rcpt8 \
	tests/fuzz/corpus/smtpcmd/bdat tests/fuzz/corpus/smtpcmd/ehlo tests/fuzz/corpus/smtpcmd/reply
