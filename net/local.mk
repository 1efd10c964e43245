noinst_LIBRARIES += net/libnet.a
net_libnet_a_SOURCES = net/addr.c net/addr.h net/ipc.c net/ipc.h net/ipc_private.h net/ipc_socket.c net/ipc_queue.c net/ipc_queue.h net/ipc_call.c net/stream.c net/stream.h \
	net/handover.c net/handover.h net/imapcap.h net/proxy.c net/proxy.h net/spool.c net/spool.h net/catchup.c net/catchup.h net/suppressed.c net/suppressed.h net/suppressfilter.c net/suppressfilter.h \
	net/dns.c net/dns.h net/fingerprint.c net/fingerprint.h net/resolver.c net/resolver.h net/hosts.c net/hosts.h net/tlsa.c net/tlsa.h net/url.c net/url.h
NET_LIBS = net/libnet.a $(BASE_LIBS)
# libunbound is for resolverd alone
noinst_LIBRARIES += net/librecursor.a
net_librecursor_a_SOURCES = net/recursor.c net/recursor.h
RECURSOR_LIBS = net/librecursor.a $(UNBOUND_LIBS) $(EVENT_ALL_LIBS)
# libcurl is for who fetches, in a child
noinst_LIBRARIES += net/libhttps.a
net_libhttps_a_SOURCES = net/https.c net/https.h
net_libhttps_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
HTTPS_LIBS = net/libhttps.a $(NET_LIBS) $(CURL_LIBS) $(OPENSSL_LIBS)
# libssl is for the door and the sender alone: a room never links it
noinst_LIBRARIES += net/libtls.a
net_libtls_a_SOURCES = net/tls.c net/tls.h net/tls_client.c net/tls_client.h net/tls_private.h \
	net/tls_alpn.c net/tls_peer.c net/cert.c net/cert.h
TLS_LIBS = net/libtls.a $(CLIENT_CERT_LIBS) $(BASE_LIBS) $(OPENSSL_LIBS)
# libcrypto alone
noinst_LIBRARIES += net/libclientcert.a
net_libclientcert_a_SOURCES = net/client_cert.c net/client_cert.h
CLIENT_CERT_LIBS = net/libclientcert.a $(BASE_LIBS) $(OPENSSL_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/net/addr_test
tests_unit_net_addr_test_SOURCES = tests/unit/net/addr_test.c
tests_unit_net_addr_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/net/dns_test
tests_unit_net_dns_test_SOURCES = tests/unit/net/dns_test.c
tests_unit_net_dns_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/net/ipc_test
tests_unit_net_ipc_test_SOURCES = tests/unit/net/ipc_test.c
tests_unit_net_ipc_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/net/ipc_queue_test
tests_unit_net_ipc_queue_test_SOURCES = tests/unit/net/ipc_queue_test.c
tests_unit_net_ipc_queue_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/net/suppressfilter_test
tests_unit_net_suppressfilter_test_SOURCES = tests/unit/net/suppressfilter_test.c
tests_unit_net_suppressfilter_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/net/spool_test
tests_unit_net_spool_test_SOURCES = tests/unit/net/spool_test.c
tests_unit_net_spool_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/net/stream_test
tests_unit_net_stream_test_SOURCES = tests/unit/net/stream_test.c
tests_unit_net_stream_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/client_cert
tests_fuzz_client_cert_SOURCES = tests/fuzz/client_cert.c $(FUZZ_MAIN)
tests_fuzz_client_cert_LDADD = $(CLIENT_CERT_LIBS)
tests_fuzz_client_cert_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/client_cert
check_PROGRAMS += tests/fuzz/ipc
tests_fuzz_ipc_SOURCES = tests/fuzz/ipc.c $(FUZZ_MAIN)
tests_fuzz_ipc_LDADD = $(NET_LIBS)
tests_fuzz_ipc_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/ipc/handover tests/fuzz/corpus/ipc/ready \
	tests/fuzz/corpus/ipc/result tests/fuzz/corpus/ipc/version tests/fuzz/corpus/ipc/batch

# TLS, PROXY, hand-over
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/net/cert_test
tests_unit_net_cert_test_SOURCES = tests/unit/net/cert_test.c
tests_unit_net_cert_test_LDADD = $(TLS_LIBS) $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/net/proxy_test tests/unit/net/handover_test tests/unit/net/tls_test tests/unit/net/tls_client_test \
	tests/unit/net/tls_dane_test
tests_unit_net_tls_dane_test_SOURCES = tests/unit/net/tls_dane_test.c
tests_unit_net_tls_dane_test_LDADD = $(TLS_LIBS) $(NET_LIBS) $(CMOCKA_LIBS)
tests_unit_net_tls_client_test_SOURCES = tests/unit/net/tls_client_test.c
tests_unit_net_tls_client_test_LDADD = $(TLS_LIBS) $(NET_LIBS) $(CMOCKA_LIBS)
tests_unit_net_proxy_test_SOURCES = tests/unit/net/proxy_test.c
tests_unit_net_proxy_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
tests_unit_net_handover_test_SOURCES = tests/unit/net/handover_test.c
tests_unit_net_handover_test_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
tests_unit_net_tls_test_SOURCES = tests/unit/net/tls_test.c
tests_unit_net_tls_test_LDADD = $(TLS_LIBS) $(NET_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/proxy
tests_fuzz_proxy_SOURCES = tests/fuzz/proxy.c $(FUZZ_MAIN)
tests_fuzz_proxy_LDADD = $(NET_LIBS)
tests_fuzz_proxy_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/proxy/v1 tests/fuzz/corpus/proxy/v1six tests/fuzz/corpus/proxy/unknown \
	tests/fuzz/corpus/proxy/v2 tests/fuzz/corpus/proxy/v2six
check_PROGRAMS += tests/fuzz/dns
tests_fuzz_dns_SOURCES = tests/fuzz/dns.c $(FUZZ_MAIN)
tests_fuzz_dns_LDADD = $(NET_LIBS)
tests_fuzz_dns_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/dns
