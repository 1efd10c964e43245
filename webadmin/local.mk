# The files of the admin page, embedded: a table (webadmin/pages.h) that tools/embed makes
PAGES = app.js icon.svg index.html lib/api.js lib/ask.js lib/dom.js lib/format.js lib/key.js lib/paged.js lib/router.js \
	lib/session.js lib/stream.js parts/all.js parts/bits.js parts/chart.js parts/dialog.js parts/form.js \
	parts/icons.js parts/labels.js parts/servers.js parts/session.js parts/shell.js parts/table.js parts/toast.js screens.js screens/about.js \
	screens/admins.js screens/aliases.js screens/audit.js screens/backups.js screens/bans.js screens/book.js screens/certs.js \
	screens/checks.js screens/dashboard.js screens/delegation.js screens/destinations.js screens/devices.js screens/dkim.js screens/domain.js screens/domains.js \
	screens/imports.js screens/invite.js \
	screens/log.js screens/login.js screens/me.js screens/message.js screens/people.js screens/person.js \
	screens/queue.js screens/reports.js screens/routes.js screens/rules.js screens/sending.js \
	screens/sessions.js screens/settings.js screens/story.js screens/suppressed.js screens/tlsreports.js screens/tokens.js \
	screens/trace.js style.css theme.js vendor/hooks.js vendor/htm.js vendor/preact.js vendor/uplot.css \
	vendor/uplot.js
noinst_LIBRARIES += webadmin/libpages.a
webadmin_libpages_a_SOURCES = webadmin/pages.c webadmin/pages.h
nodist_webadmin_libpages_a_SOURCES = webadmin/table.c
EXTRA_DIST += $(PAGES:%=webadmin/pages/%) webadmin/pages/vendor/VERSIONS webadmin/pages/vendor/LICENSE.htm \
	webadmin/pages/vendor/LICENSE.preact webadmin/pages/vendor/LICENSE.uplot
CLEANFILES += webadmin/table.c
webadmin/table.c: $(PAGES:%=webadmin/pages/%) tools/embed
	$(AM_V_GEN)$(MKDIR_P) webadmin && $(srcdir)/tools/embed $(srcdir)/webadmin/pages $(PAGES) >$@.tmp && mv $@.tmp $@

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/webadmin/pages_test
tests_unit_webadmin_pages_test_SOURCES = tests/unit/webadmin/pages_test.c
tests_unit_webadmin_pages_test_LDADD = webadmin/libpages.a $(CMOCKA_LIBS)
endif

# What is pure (grammars) is a library, for tests and fuzz targets
noinst_LIBRARIES += webadmin/libweb.a
webadmin_libweb_a_SOURCES = webadmin/head.c webadmin/head.h webadmin/json.c webadmin/json.h \
	webadmin/cookie.c webadmin/cookie.h webadmin/autoconfig.c webadmin/autoconfig.h webadmin/autodiscover.c \
	webadmin/letter.c webadmin/letter.h
WEB_LIBS = webadmin/libweb.a $(TRACE_LIBS) $(MAIL_LIBS) $(JANSSON_LIBS) $(EXPAT_LIBS) $(QRENCODE_LIBS)
pkglibexec_PROGRAMS += libexec/webadmind
libexec_webadmind_SOURCES = webadmin/webadmind.c webadmin/web.h webadmin/door.c webadmin/http.c \
	webadmin/headers.c webadmin/headers.h webadmin/paths.c webadmin/files.c webadmin/ask.c webadmin/ask.h \
	webadmin/api.c webadmin/api.h webadmin/live.c webadmin/stream.c webadmin/autoconfig_serve.c webadmin/sts_serve.c \
	webadmin/send.c webadmin/courier.c webadmin/courier.h
libexec_webadmind_LDADD = $(WEB_LIBS) webadmin/libpages.a $(EVENT_LIBS) $(MICROHTTPD_LIBS)


if HAVE_CMOCKA
check_PROGRAMS += tests/unit/webadmin/head_test tests/unit/webadmin/json_test
tests_unit_webadmin_head_test_SOURCES = tests/unit/webadmin/head_test.c
tests_unit_webadmin_head_test_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
tests_unit_webadmin_json_test_SOURCES = tests/unit/webadmin/json_test.c
tests_unit_webadmin_json_test_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/web_head tests/fuzz/web_args
tests_fuzz_web_head_SOURCES = tests/fuzz/web_head.c $(FUZZ_MAIN)
tests_fuzz_web_head_LDADD = $(WEB_LIBS)
tests_fuzz_web_head_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_web_args_SOURCES = tests/fuzz/web_args.c $(FUZZ_MAIN)
tests_fuzz_web_args_LDADD = $(WEB_LIBS)
tests_fuzz_web_args_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/web_head tests/fuzz/corpus/web_args

# what mail programs are told
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/webadmin/autoconfig_test
tests_unit_webadmin_autoconfig_test_SOURCES = tests/unit/webadmin/autoconfig_test.c
tests_unit_webadmin_autoconfig_test_LDADD = $(WEB_LIBS) $(NET_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/autodiscover
tests_fuzz_autodiscover_SOURCES = tests/fuzz/autodiscover.c $(FUZZ_MAIN)
tests_fuzz_autodiscover_LDADD = $(WEB_LIBS) $(NET_LIBS)
tests_fuzz_autodiscover_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/autodiscover

# what is sent by HTTP
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/webadmin/letter_test
tests_unit_webadmin_letter_test_SOURCES = tests/unit/webadmin/letter_test.c
tests_unit_webadmin_letter_test_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/web_letter
tests_fuzz_web_letter_SOURCES = tests/fuzz/web_letter.c $(FUZZ_MAIN)
tests_fuzz_web_letter_LDADD = $(WEB_LIBS)
tests_fuzz_web_letter_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/web_letter
