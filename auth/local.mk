# The door (client side) that other programs link
noinst_LIBRARIES += auth/libauth.a
auth_libauth_a_SOURCES = auth/auth.c auth/auth.h auth/auth_private.h auth/ask_mail.c auth/ask_route.c auth/ask_mailbox.c auth/mailbox_path.c auth/room.c
AUTH_LIBS = auth/libauth.a

# What the parts of authd are made of, apart from the processes themselves
noinst_LIBRARIES += auth/libauthd.a
auth_libauthd_a_SOURCES = auth/ticket.c auth/ticket.h auth/renewal.c auth/renewal.h auth/slowdown.c auth/slowdown.h \
	auth/cache.c auth/cache.h auth/recent.c auth/recent.h auth/fair.c auth/fair.h auth/secret.c auth/secret.h auth/logins.c auth/logins.h \
	auth/rights.c auth/rights.h auth/roles.h auth/key.c auth/key.h \
	auth/frame.c auth/frame.h auth/gs2.c auth/gs2.h \
	auth/password.c auth/password.h auth/shacrypt.c auth/shacrypt.h auth/prepare.c auth/prepare.h auth/resolve.c auth/resolve.h \
	auth/directory.h auth/directory.c auth/directory_stack.h auth/directory_stack.c auth/stack_identity.c auth/stack_changes.c auth/stack_tables.c auth/directory_list.c auth/directory_identity.c auth/directory_sql.c auth/directory_token.c auth/directory_sql.h auth/directory_statements.c auth/directory_sqlite.c auth/directory_sqlite.h auth/directory_tables.c auth/route.c auth/route.h auth/rules.c auth/rules.h \
	auth/rulefile.c auth/rulefile.h auth/rulefile_private.h auth/rulefile_parse.c auth/sasl.c auth/sasl_password.c auth/sasl.h auth/sasl_private.h auth/sasl_bearer.c \
	auth/verbs.c auth/verbs.h auth/verbs_domain.c auth/verbs_user.c auth/verbs_alias.c auth/verbs_forward.c auth/verbs_token.c auth/verbs_route.c auth/verbs_rule.c
# who guesses passwords
auth_libauthd_a_SOURCES += auth/ring.h auth/spray.c auth/spray.h auth/ban.c auth/ban.h auth/ban_private.h auth/ban_table.c auth/ban_file.c auth/ban_file.h auth/peek.c auth/peek.h
# passwords that people bring, and their files
auth_libauthd_a_SOURCES += auth/scheme.c auth/scheme.h auth/scheme_parse.c auth/scheme_private.h auth/verified.c auth/verified.h \
	auth/userfile.c auth/userfile.h auth/verbs_import.c
auth_libauthd_a_SOURCES += auth/delegation.c auth/delegation.h auth/verbs_delegation.c auth/verbs_leave.c \
	auth/app_password.c auth/app_password.h auth/directory_app_password.c auth/stack_secrets.c auth/verbs_app_password.c \
	auth/totp.c auth/totp.h auth/second.c auth/second.h auth/directory_totp.c auth/verbs_totp.c \
	auth/client_data.c auth/client_data.h auth/webauthn.c auth/webauthn.h auth/challenge.c auth/challenge.h \
	auth/directory_security_key.c auth/verbs_second.c auth/verbs_security_key.c
auth_libauthd_a_SOURCES += auth/popbefore.c auth/popbefore.h
# secrets that can be read again, for CRAM-MD5 and APOP
auth_libauthd_a_SOURCES += auth/shared_secret.c auth/shared_secret.h auth/cram.c auth/cram.h auth/sasl_shared.c auth/directory_shared_secret.c \
	auth/verbs_shared_secret.c
auth_libauthd_a_SOURCES += auth/directory_files.c auth/directory_files.h auth/prefetched.c auth/prefetched.h auth/ldap_text.c auth/ldap_text.h auth/trouble.c auth/trouble.h
if WITH_LDAP
auth_libauthd_a_SOURCES += auth/directory_ldap.c auth/directory_ldap.h auth/directory_ldap_private.h auth/ldap_groups.c auth/ldap_lists.c
auth_libauthd_a_SOURCES += auth/ldap.c auth/ldap_dn.c auth/ldap.h
endif
auth_libauthd_a_SOURCES += auth/system_user.c auth/system_user.h
if WITH_PAM
auth_libauthd_a_SOURCES += auth/directory_pam.c auth/directory_pam.h
endif
# people who move in
auth_libauthd_a_SOURCES += auth/moving.c auth/moving.h auth/oldserver.c auth/oldserver.h auth/oldserver_dialogue.c auth/oldserver_dialogue.h \
	auth/oldserver_tries.c auth/oldserver_tries.h
# access tokens, and what comes to the workers as a file
auth_libauthd_a_SOURCES += auth/jwks.c auth/jwks.h auth/json.h auth/provider.c auth/provider.h auth/oauth.c auth/oauth.h auth/bearer.c auth/bearer.h auth/kerberos.c auth/kerberos.h auth/gss_token.c auth/gss_token.h auth/keytab.c auth/keytab.h auth/sasl_kerberos.c auth/sasl_external.c auth/external.c auth/external.h auth/tables.c auth/tables.h
# senders of forwards
auth_libauthd_a_SOURCES += auth/srs.c auth/srs.h auth/bounce.c auth/bounce.h auth/verbs_srs.c
# from one database into another
auth_libauthd_a_SOURCES += auth/directory_copy.c auth/directory_copy.h auth/directory_names.c auth/directory_names.h auth/verbs_directory.c auth/verbs_directory_check.c auth/verbs_book.c
if WITH_PGSQL
auth_libauthd_a_SOURCES += auth/pgsql.c auth/pgsql.h auth/directory_pgsql.c auth/directory_pgsql.h
endif
AUTHD_LIBS = auth/libauthd.a $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(DB_LIBS) $(NET_LIBS) $(CLIENT_CERT_LIBS) \
	$(PGSQL_LIBS) $(SASL_LIBS) $(CRYPT_LIBS) $(ARGON2_LIBS) $(OPENSSL_LIBS) $(LDAP_LIBS) $(FIDO2_LIBS) $(JANSSON_LIBS)

pkglibexec_PROGRAMS += libexec/authd
libexec_authd_SOURCES = auth/authd.c auth/authd.h auth/authd_link.c auth/client.c auth/client.h \
	auth/control.c auth/gate.c auth/gate.h auth/gate_private.h auth/gate_login.c auth/gate_send.c auth/guard.c auth/guard.h auth/verbs_ban.c auth/audit.c auth/verbs_login.c auth/exchange.c auth/exchange_messages.c auth/exchange_private.h auth/expiry.c auth/expiry.h auth/before.c auth/oauth_link.c auth/oauth_link.h auth/offer.c auth/lookup.c auth/pool.c auth/pool.h auth/worker.c auth/worker_private.h auth/answers.c auth/workers.c auth/worker.h
libexec_authd_SOURCES += auth/oldserver_desk.c auth/oldserver_login.c auth/oldserver_login.h
libexec_authd_LDADD = $(TLS_LIBS) $(AUTHD_LIBS) $(EVENT_LIBS)

# who asks the provider of tokens
pkglibexec_PROGRAMS += libexec/oauthd
libexec_oauthd_SOURCES = auth/oauthd.c auth/oauthd.h auth/oauthd_keys.c auth/oauthd_tokens.c auth/oauthd_asker.c
libexec_oauthd_LDADD = auth/libauthd.a $(AUTH_LIBS) $(TRACE_LIBS) $(CONF_LIBS) $(HTTPS_LIBS) $(JANSSON_LIBS)

if WITH_PAM
pkglibexec_PROGRAMS += libexec/pamd
libexec_pamd_SOURCES = auth/pamd.c auth/pam_desk.c auth/pam_desk.h auth/pam_check.c auth/pam_check.h auth/system_user.c auth/system_user.h
libexec_pamd_LDADD = $(CONF_LIBS) $(CRYPT_LIBS) $(PAM_LIBS)
# below the settings of the host in /etc/pam.d: no question about it at an upgrade
pamdir = $(prefix)/lib/pam.d
dist_pam_DATA = auth/pam.d/mansio
endif

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/auth/system_user_test
tests_unit_auth_system_user_test_SOURCES = tests/unit/auth/system_user_test.c
tests_unit_auth_system_user_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/shacrypt_test
tests_unit_auth_shacrypt_test_SOURCES = tests/unit/auth/shacrypt_test.c
tests_unit_auth_shacrypt_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/kerberos_test
tests_unit_auth_kerberos_test_SOURCES = tests/unit/auth/kerberos_test.c
tests_unit_auth_kerberos_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/external_test
tests_unit_auth_external_test_SOURCES = tests/unit/auth/external_test.c
tests_unit_auth_external_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/auth_test tests/unit/auth/ticket_test tests/unit/auth/renewal_test tests/unit/auth/slowdown_test \
	tests/unit/auth/queue_test tests/unit/auth/password_test tests/unit/auth/prepare_test tests/unit/auth/gs2_test \
	tests/unit/auth/gate_test tests/unit/auth/key_test tests/unit/auth/directory_test tests/unit/auth/sasl_test tests/unit/auth/rulefile_test
tests_unit_auth_auth_test_SOURCES = tests/unit/auth/auth_test.c
tests_unit_auth_auth_test_LDADD = $(AUTH_LIBS) $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/scheme_test tests/unit/auth/verified_test tests/unit/auth/recent_test tests/unit/auth/userfile_test
tests_unit_auth_userfile_test_SOURCES = tests/unit/auth/userfile_test.c
tests_unit_auth_userfile_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_scheme_test_SOURCES = tests/unit/auth/scheme_test.c
tests_unit_auth_scheme_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_verified_test_SOURCES = tests/unit/auth/verified_test.c
tests_unit_auth_verified_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/pool_test tests/unit/auth/prefetched_test
tests_unit_auth_pool_test_SOURCES = tests/unit/auth/pool_test.c auth/pool.c
tests_unit_auth_pool_test_LDADD = $(AUTHD_LIBS) $(EVENT_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_prefetched_test_SOURCES = tests/unit/auth/prefetched_test.c
tests_unit_auth_prefetched_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/client_test
tests_unit_auth_client_test_SOURCES = tests/unit/auth/client_test.c auth/client.c
tests_unit_auth_client_test_LDADD = $(AUTHD_LIBS) $(EVENT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/exchange_test
tests_unit_auth_exchange_test_SOURCES = tests/unit/auth/exchange_test.c auth/exchange.c auth/exchange_messages.c auth/exchange_private.h auth/pool.c auth/client.c
tests_unit_auth_exchange_test_LDADD = $(AUTHD_LIBS) $(EVENT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/oauth_link_test tests/unit/auth/oauthd_tokens_test
tests_unit_auth_oauth_link_test_SOURCES = tests/unit/auth/oauth_link_test.c auth/oauth_link.c
tests_unit_auth_oauth_link_test_LDADD = $(AUTHD_LIBS) $(EVENT_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_oauthd_tokens_test_SOURCES = tests/unit/auth/oauthd_tokens_test.c auth/oauthd_tokens.c
tests_unit_auth_oauthd_tokens_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/popbefore_test
tests_unit_auth_popbefore_test_SOURCES = tests/unit/auth/popbefore_test.c
tests_unit_auth_popbefore_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/shared_secret_test
tests_unit_auth_shared_secret_test_SOURCES = tests/unit/auth/shared_secret_test.c
tests_unit_auth_shared_secret_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_recent_test_SOURCES = tests/unit/auth/recent_test.c
tests_unit_auth_recent_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/totp_test
tests_unit_auth_totp_test_SOURCES = tests/unit/auth/totp_test.c
tests_unit_auth_totp_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/delegation_test
tests_unit_auth_delegation_test_SOURCES = tests/unit/auth/delegation_test.c
tests_unit_auth_delegation_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/webauthn_test
tests_unit_auth_webauthn_test_SOURCES = tests/unit/auth/webauthn_test.c
tests_unit_auth_webauthn_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/app_password_test
tests_unit_auth_app_password_test_SOURCES = tests/unit/auth/app_password_test.c
tests_unit_auth_app_password_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/stack_test
tests_unit_auth_stack_test_SOURCES = tests/unit/auth/stack_test.c
tests_unit_auth_stack_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/trouble_test
tests_unit_auth_trouble_test_SOURCES = tests/unit/auth/trouble_test.c
tests_unit_auth_trouble_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/ldap_text_test
tests_unit_auth_ldap_text_test_SOURCES = tests/unit/auth/ldap_text_test.c
tests_unit_auth_ldap_text_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/oldserver_test
tests_unit_auth_oldserver_test_SOURCES = tests/unit/auth/oldserver_test.c
tests_unit_auth_oldserver_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/srs_test
tests_unit_auth_srs_test_SOURCES = tests/unit/auth/srs_test.c
tests_unit_auth_srs_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/provider_test
tests_unit_auth_provider_test_SOURCES = tests/unit/auth/provider_test.c
tests_unit_auth_provider_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/oauth_test
tests_unit_auth_oauth_test_SOURCES = tests/unit/auth/oauth_test.c
tests_unit_auth_oauth_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/auth/ban_test tests/unit/auth/ban_file_test
tests_unit_auth_ban_file_test_SOURCES = tests/unit/auth/ban_file_test.c
tests_unit_auth_ban_file_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_ban_test_SOURCES = tests/unit/auth/ban_test.c
tests_unit_auth_ban_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_ticket_test_SOURCES = tests/unit/auth/ticket_test.c
tests_unit_auth_ticket_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_renewal_test_SOURCES = tests/unit/auth/renewal_test.c
tests_unit_auth_renewal_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_slowdown_test_SOURCES = tests/unit/auth/slowdown_test.c
tests_unit_auth_slowdown_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_queue_test_SOURCES = tests/unit/auth/queue_test.c
tests_unit_auth_queue_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_prepare_test_SOURCES = tests/unit/auth/prepare_test.c
tests_unit_auth_prepare_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_password_test_SOURCES = tests/unit/auth/password_test.c
tests_unit_auth_password_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_gs2_test_SOURCES = tests/unit/auth/gs2_test.c
tests_unit_auth_gs2_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_gate_test_SOURCES = tests/unit/auth/gate_test.c
tests_unit_auth_gate_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_key_test_SOURCES = tests/unit/auth/key_test.c
tests_unit_auth_key_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_directory_test_SOURCES = tests/unit/auth/directory_test.c
tests_unit_auth_directory_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_rulefile_test_SOURCES = tests/unit/auth/rulefile_test.c
tests_unit_auth_rulefile_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_sasl_test_SOURCES = tests/unit/auth/sasl_test.c
tests_unit_auth_sasl_test_LDADD = $(AUTHD_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_sasl_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=password_verify -Wl,--wrap=cram_good
endif

check_PROGRAMS += tests/fuzz/kerberos
tests_fuzz_kerberos_SOURCES = tests/fuzz/kerberos.c $(FUZZ_MAIN)
tests_fuzz_kerberos_LDADD = $(AUTHD_LIBS)
tests_fuzz_kerberos_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/kerberos
check_PROGRAMS += tests/fuzz/userfile
tests_fuzz_userfile_SOURCES = tests/fuzz/userfile.c $(FUZZ_MAIN)
tests_fuzz_userfile_LDADD = $(AUTHD_LIBS)
tests_fuzz_userfile_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/userfile
check_PROGRAMS += tests/fuzz/scheme
tests_fuzz_scheme_SOURCES = tests/fuzz/scheme.c $(FUZZ_MAIN)
tests_fuzz_scheme_LDADD = $(AUTHD_LIBS)
tests_fuzz_scheme_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/scheme
check_PROGRAMS += tests/fuzz/shacrypt
tests_fuzz_shacrypt_SOURCES = tests/fuzz/shacrypt.c $(FUZZ_MAIN)
tests_fuzz_shacrypt_LDADD = $(AUTHD_LIBS)
tests_fuzz_shacrypt_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/shacrypt
check_PROGRAMS += tests/fuzz/peek
tests_fuzz_peek_SOURCES = tests/fuzz/peek.c $(FUZZ_MAIN)
tests_fuzz_peek_LDADD = $(AUTHD_LIBS)
tests_fuzz_peek_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/peek
check_PROGRAMS += tests/fuzz/srs
tests_fuzz_srs_SOURCES = tests/fuzz/srs.c $(FUZZ_MAIN)
tests_fuzz_srs_LDADD = $(AUTHD_LIBS)
tests_fuzz_srs_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/srs
check_PROGRAMS += tests/fuzz/sasl_frame
tests_fuzz_sasl_frame_SOURCES = tests/fuzz/sasl_frame.c $(FUZZ_MAIN)
tests_fuzz_sasl_frame_LDADD = $(AUTHD_LIBS)
tests_fuzz_sasl_frame_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/sasl_frame/scram-n tests/fuzz/corpus/sasl_frame/scram-p tests/fuzz/corpus/sasl_frame/scram-y \
	tests/fuzz/corpus/sasl_frame/start-plain tests/fuzz/corpus/sasl_frame/start-scram tests/fuzz/corpus/sasl_frame/step

check_PROGRAMS += tests/fuzz/address_table
tests_fuzz_address_table_SOURCES = tests/fuzz/address_table.c $(FUZZ_MAIN)
tests_fuzz_address_table_LDADD = $(AUTHD_LIBS)
tests_fuzz_address_table_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/address_table

check_PROGRAMS += tests/fuzz/prepare
tests_fuzz_prepare_SOURCES = tests/fuzz/prepare.c $(FUZZ_MAIN)
tests_fuzz_prepare_LDADD = $(AUTHD_LIBS)
tests_fuzz_prepare_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/prepare

check_PROGRAMS += tests/fuzz/ldap_text
tests_fuzz_ldap_text_SOURCES = tests/fuzz/ldap_text.c $(FUZZ_MAIN)
tests_fuzz_ldap_text_LDADD = $(AUTHD_LIBS)
tests_fuzz_ldap_text_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/ldap_text

check_PROGRAMS += tests/fuzz/bearer
tests_fuzz_bearer_SOURCES = tests/fuzz/bearer.c $(FUZZ_MAIN)
tests_fuzz_bearer_LDADD = $(AUTHD_LIBS)
tests_fuzz_bearer_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/bearer

check_PROGRAMS += tests/fuzz/client_data
tests_fuzz_client_data_SOURCES = tests/fuzz/client_data.c $(FUZZ_MAIN)
tests_fuzz_client_data_LDADD = $(AUTHD_LIBS)
tests_fuzz_client_data_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/client_data
check_PROGRAMS += tests/fuzz/oldserver
tests_fuzz_oldserver_SOURCES = tests/fuzz/oldserver.c $(FUZZ_MAIN)
tests_fuzz_oldserver_LDADD = $(AUTHD_LIBS)
tests_fuzz_oldserver_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/oldserver


check_PROGRAMS += tests/fuzz/provider
tests_fuzz_provider_SOURCES = tests/fuzz/provider.c $(FUZZ_MAIN)
tests_fuzz_provider_LDADD = $(AUTHD_LIBS)
tests_fuzz_provider_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/provider
