/* SPDX-License-Identifier: ISC
 *
 * certs.c: the certificates that this host shows, as TLSA records (RFC 6698, RFC 7671): usage
 * 3 (this server's own), selector 1 (its key: it stays the same when a certificate is renewed
 * with it), matching 1 (SHA-256).
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/codec.h"
#include "check/check.h"

int cert_tlsa(struct str pem, const char *host, char out[80], bool *names_host_out)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)MIN(pem.n, (size_t)INT_MAX));
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
	int len = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der) : -1;
	unsigned n = 0;
	struct buf hex;
	int r = E_SYNTAX;

	if (len > 0 && EVP_Digest(der, (size_t)len, digest, &n, EVP_sha256(), NULL) == 1) {
		buf_init(&hex, 2 * sizeof digest + 1);
		hex_encode(str_make(digest, n), &hex);
		snprintf(out, 80, "3 1 1 %s", buf_cstr(&hex));
		*names_host_out = X509_check_host(x, host, 0, 0, NULL) == 1;
		buf_done(&hex);
		r = 0;
	}
	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
	return r;
}
