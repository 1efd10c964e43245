noinst_LIBRARIES += net/libnet.a
net_libnet_a_SOURCES = net/addr.c net/addr.h net/ipc.c net/ipc.h net/stream.c net/stream.h \
	net/handover.c net/handover.h net/proxy.c net/proxy.h
NET_LIBS = net/libnet.a $(BASE_LIBS)
# libssl is for the door alone: a room never links it
noinst_LIBRARIES += net/libtls.a
net_libtls_a_SOURCES = net/tls.c net/tls.h
TLS_LIBS = net/libtls.a $(OPENSSL_LIBS)
