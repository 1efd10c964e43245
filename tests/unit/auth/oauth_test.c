/* SPDX-License-Identifier: ISC
 *
 * Access tokens: signatures by the vectors of the RFCs, and that a key serves its own algorithms alone; the form of a
 * token; its claims; and the messages of OAUTHBEARER and XOAUTH2.
 */
#include "auth/bearer.h"
#include "auth/oauth.h"
#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* RFC 7515 A.2 and A.3, RFC 8037 A.2 and A.4; the others were made by OpenSSL through python-cryptography. */
#define PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RSA_KEY "{\"kty\":\"RSA\",\"kid\":\"a2\",\"e\":\"AQAB\",\"n\":\"" \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-" \
	"pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2Ca" \
	"pHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb5" \
	"4h4FRWyuXpoQ" "\"}"
#define RSA_OTHER "{\"kty\":\"RSA\",\"use\":\"sig\",\"e\":\"AQAB\",\"n\":\"" \
	"rWnsEyjcXXU6H8TQXHUMRKZ0r79wr7_F_Pd6Q7oNMxRfFod4-ejzbtjMUGBbjqVmURcx68z9rq0rXyDE1G3xpso4Z88gTfp2Et-Ucs72N1P6K5" \
	"JJpikKTA5DYV-kAGboSLY4vtH1mvglcmggyGKsxIAPsr2vczRj5Yx0C8mveVrtDUZSnLP5oRJ57tezFvJQxpxOk3icqzp7viAL_Z9KHHE3Y4ot" \
	"KyvZDYHSZUvXAe2PuoyvP949a8dfuzxEMOqVofbu6L5z89kd0rcHVmzbWqSQM5BtZaaD9AnzxYxcaeoDWAHa6TGMqqFnv_xCTlfh3UrPHaQo89" \
	"hRJwqHuj7oYw" "\"}"
#define RSA_WEAK "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" \
	"2fnI3GYSMdJq-MicOjSF9IZKiDjAhRSPYYd-qu6ZTQuWpjqT7-d4Y_XyeiLY4FtL1gF_pm3xlNCNfib999dHIFoLJ-BSLBEx6wTdu0NApxY-Ve" \
	"SLUqbaWwE8MjISIQ2G__IRPYZFES2Aij52bayFvk6NcfMoE-7-2LdS_ImZ6D0" "\"}"
#define P256_KEY "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a3\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define P384_KEY "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"rbxnycpSltHTu_OkXV-i1AVGLDtWudPPlRRasww63IrlExXXkrbqCvJHlVa2eGV_\"," \
	"\"y\":\"HQ9k9Tj4wVcQ2vv6451cRh1cx7YPE2jd2u4aRrJUti_947bRemk8ws3yFffGUB_D\"}"
#define ED_KEY "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define OTHERS_PEM "-----BEGIN PUBLIC KEY-----\n" \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArWnsEyjcXXU6H8TQXHUM\n" \
	"RKZ0r79wr7/F/Pd6Q7oNMxRfFod4+ejzbtjMUGBbjqVmURcx68z9rq0rXyDE1G3x\n" \
	"pso4Z88gTfp2Et+Ucs72N1P6K5JJpikKTA5DYV+kAGboSLY4vtH1mvglcmggyGKs\n" \
	"xIAPsr2vczRj5Yx0C8mveVrtDUZSnLP5oRJ57tezFvJQxpxOk3icqzp7viAL/Z9K\n" \
	"HHE3Y4otKyvZDYHSZUvXAe2PuoyvP949a8dfuzxEMOqVofbu6L5z89kd0rcHVmzb\n" \
	"WqSQM5BtZaaD9AnzxYxcaeoDWAHa6TGMqqFnv/xCTlfh3UrPHaQo89hRJwqHuj7o\n" \
	"YwIDAQAB\n" \
	"-----END PUBLIC KEY-----\n"

static const struct vector {
	const char *alg, *kid, *text, *signature;
} vectors[] = {
	{ "RS256", "a2", "eyJhbGciOiJSUzI1NiJ9." PAYLOAD,
		"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr"
		"7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x"
		"i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_Ioy"
		"pGlUPQGe77Rw" },
	{ "ES256", "a3", "eyJhbGciOiJFUzI1NiJ9." PAYLOAD,
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
	{ "EdDSA", NULL, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" },
	{ "ES384", NULL, "eyJhbGciOiJFUzM4NCJ9." PAYLOAD,
		"lzOGHI_k3mfFKrd_el-DwtjXlxmOq7lZhiab8OcnAN_SwtibP0MxaOR5uBcuu9fE9qhVSRm-ktpPsOCWCaQCUczzSDOR_gdW2FbYcUbkpLZnil"
		"A-GqXldWrliVQrpG6O" },
	{ "RS384", NULL, "eyJhbGciOiJSUzM4NCJ9." PAYLOAD,
		"e1V6RVPUwxEQHdyeBIykZ36Z_9gFDaA5-XFt8EdCWDPDvD5Lt63jmLO05vFBbfuaKdmOtKK9GNhTm-v_VuW4EAwEkzQpQ6NnummtBTVM9y0VNn"
		"U4i34YYyFqo_R9YgPPNyhXqlictxIsS6vJV6d8qZT72TO8Wv999WCYpZn113ewNI6gE7a8mL4TcgqY38c_anj3X7Di5hkyoZH8mhyY588ZCVYK"
		"jDnz6Ficel9nYC4LWn9iQHVeF9c0GvFyqziah8A-qojo70Ah2aSLIwr254cc3FvgQwPklO6p_-T1TgeZ7ZwUMQyYWUQdeaMIbJfKW36-CerdBK"
		"DlrPAufFq2WA" },
	{ "RS512", NULL, "eyJhbGciOiJSUzUxMiJ9." PAYLOAD,
		"Pfx1q49zzw6Y12J7tXAncQgN_8EdjJ5NQ1ld1oxbsv7xTxvkQKMDa8bMIIEDRq9LMtb8fGxe-nPuZ1ld4JYwCmgi3DNpGHiCf7L5Bugfmu0L5I"
		"8VwRZDiFP_HBUBPkdvOs3vS6Dg2vGm9IWWaLJ00DaS96-JvH0cW7iiwJk76Pvrl6pFf9MuSnZlic1JA7l3wH2Sko_PSFvnbGS1D2SIUEqY180B"
		"tr33fkvz8YYbES2D_bHq9AZNdnrFkOADib9NB5CNR9BOtZdIUHx5q7V477WXSGIT0fc051Xvb-KM0A6fixYuvcyQa7o1BwY8WauiTwwBYhyNZJ"
		"c9LYhykvZkMQ" },
	{ "PS256", NULL, "eyJhbGciOiJQUzI1NiJ9." PAYLOAD,
		"Bz-zM2GhFDn-6S472L382cLlzDpf_8OPAiaLm7W_eHf2dyqEv6XOAy7f9YyPFJBUugMit-vUIZiUJtd0EvEClxVTxCwjiR_tCvYb8wEGLXEMQB"
		"d59X-4mHGdqA7kLslCACAdhD2hP8yUpRz3l6GI4q1CS023emmrv8sYZEpavbNbZcFi0gJXW17pKmZdEwaM9KPizXJ8eoYh4CMiBiIzYBewYbXE"
		"FakbTzW4XFrnsgRow0wX21jvU9lcAcfec3pBwZ9nFlsWxR8G0IkEjXwg1e8YQHdQQRj3rEGzkB29WP4AJgTpNr4L9ukazfuZHoICETL2b7mYry"
		"eU-XS_zmmJxw" },
};

static const char all_keys[] = "{\"keys\":[" RSA_KEY "," RSA_OTHER "," P256_KEY "," P384_KEY "," ED_KEY
	",{\"kty\":\"future\",\"kid\":\"x\"},{\"kty\":\"RSA\",\"use\":\"enc\"},{\"kty\":\"EC\",\"crv\":\"P-521\"}]}";

static struct jwks *keys_of(const char *text)
{
	struct jwks *k = NULL;
	struct buf why;

	buf_init(&why, 1000);
	if (jwks_read(str_of(text), JWKS_STRICT, &why, &k) < 0)
		fail_msg("%s", buf_cstr(&why));
	buf_done(&why);
	return k;
}

static bool good(const struct jwks *k, const char *alg, const char *kid, const char *text, const char *signature)
{
	struct buf raw;
	bool r;

	buf_init(&raw, 4096);
	assert_int_equal(base64url_decode(str_of(signature), &raw), 0);
	r = jwks_verify(k, str_of(alg), kid ? str_of(kid) : STR_NONE, str_of(text), buf_view(&raw));
	buf_done(&raw);
	return r;
}

static void signatures_of_the_rfcs_are_good_and_changed_ones_are_not(void **state)
{
	struct jwks *k = keys_of(all_keys);
	char text[1000], signature[1000];
	size_t i;

	(void)state;
	assert_int_equal(jwks_count(k), 5);
	for (i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];

		assert_true(good(k, v->alg, v->kid, v->text, v->signature));
		assert_true(good(k, v->alg, NULL, v->text, v->signature));
		snprintf(text, sizeof(text), "%s", v->text);
		text[30] ^= 1;
		assert_false(good(k, v->alg, NULL, text, v->signature));
		snprintf(signature, sizeof(signature), "%s", v->signature);
		signature[10] = signature[10] == 'A' ? 'B' : 'A';
		assert_false(good(k, v->alg, NULL, v->text, signature));
		signature[4] = '\0'; /* three bytes of it */
		assert_false(good(k, v->alg, NULL, v->text, signature));
		assert_false(good(k, v->alg, NULL, v->text, ""));
	}
	jwks_free(k);
}

static void a_key_serves_its_own_algorithms_alone(void **state)
{
	static const char *const algs[] = { "RS256", "ES256", "EdDSA", "ES384", "RS384", "RS512", "PS256", "none", "None", "HS256",
		"HS512", "", "rs256" };
	struct jwks *k = keys_of(all_keys), *one;
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(vectors); i++)
		for (j = 0; j < ARRAY_LEN(algs); j++)
			assert_int_equal(good(k, algs[j], NULL, vectors[i].text, vectors[i].signature), strcmp(algs[j], vectors[i].alg) == 0);
	/* "kid" chooses among those that have one, and nothing else */
	assert_false(good(k, "RS256", "a3", vectors[0].text, vectors[0].signature));
	assert_false(good(k, "RS256", "../a2", vectors[0].text, vectors[0].signature));
	assert_true(good(k, "EdDSA", "a3", vectors[2].text, vectors[2].signature));
	jwks_free(k);
	one = keys_of("{\"keys\":[{\"alg\":\"RS512\"," "\"key_ops\":[\"verify\"],\"x5u\":\"https://x\"," "\"kid\":\"1\"," "\"kty\":\"EC\",\"crv\":\"P-256\","
		"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}");
	assert_false(good(one, "ES256", NULL, vectors[1].text, vectors[1].signature)); /* its "alg" is another one */
	jwks_free(one);
	one = keys_of(OTHERS_PEM);
	assert_true(good(one, "PS256", "any", vectors[6].text, vectors[6].signature));
	assert_false(good(one, "RS256", NULL, vectors[0].text, vectors[0].signature));
	jwks_free(one);
}

static void keys_that_cannot_be_used_are_named(void **state)
{
	static const struct {
		const char *text, *words;
	} row[] = {
		{ "", "" }, { "{", "line 1" }, { "[]", "no list \"keys\"" }, { "{\"keys\":{}}", "no list" }, { "{\"keys\":[]}", "no key" },
		{ "{\"keys\":[3]}", "key 1 is none" }, { "{\"keys\":[{}]}", "kty" }, { "{\"keys\":[],\"keys\":[]}", "line 1" },
		{ "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AQAB\"}]}", "secret" },
		{ "{\"keys\":[" P256_KEY ",{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AA\"}]}", "key 2 is a secret" },
		{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}]}", "not well made" },
		{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}]}", "not well made" },
		{ "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}]}", "not well made" },
		{ "{\"keys\":[" RSA_WEAK "]}", "fewer than 2048" },
		{ "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQ\",\"n\":\"AQAB\"}]}", "not well made" },
		{ "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "key 1 is not well made" },
		{ OTHERS_PEM "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "key 2 is not" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no key" },
		{ OTHERS_PEM "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "secret" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct jwks *k = NULL;
		struct buf why;

		buf_init(&why, 1000);
		assert_int_equal(jwks_read(str_of(row[i].text), JWKS_STRICT, &why, &k), E_SYNTAX);
		assert_null(k);
		assert_true(why.n > 0);
		assert_non_null(strstr(buf_cstr(&why), row[i].words));
		buf_done(&why);
	}
}

/* "HEADER.CLAIMS.SIGNATURE" of texts */
static struct str token_of(struct arena *a, const char *header, const char *claims, const char *signature)
{
	const char *part[3] = { header, claims, signature };
	struct buf b;
	struct str s;
	size_t i, j;

	buf_init(&b, 100000);
	for (i = 0; i < 3; i++) {
		if (i)
			buf_c(&b, '.');
		base64_encode(str_of(part[i]), &b);
		while (b.n && b.p[b.n - 1] == '=')
			buf_cut(&b, b.n - 1);
	}
	for (j = 0; j < b.n; j++)
		b.p[j] = b.p[j] == '+' ? '-' : b.p[j] == '/' ? '_' : b.p[j];
	s = arena_str(a, buf_view(&b));
	buf_done(&b);
	return s;
}

static void a_token_has_its_form_or_is_refused(void **state)
{
	static const char *const bad[] = { "", ".", "..", "...", "e30", "e30.e30", "e30.e30.", ".e30.e30", "e30..e30", "e30.e30.e30.e30",
		"e30.e30.e30.e30.e30", "e30=.e30.e30", "e3 0.e30.e30", "e30.e31.AAAA=", "e30.e3/.AAAA", "e30.e30.A", "e30.e30.AB" };
	static const char *const headers[] = { "{}", "[]", "\"RS256\"", "{\"alg\":null}", "{\"alg\":[\"RS256\"]}", "{\"alg\":\"RS256\",\"alg\":\"none\"}",
		"{\"alg\":\"RS256\"}x", "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}", "{\"alg\":\"RS256\",\"b64\":false}", "{\"alg\":\"RS256\",\"zip\":\"DEF\"}",
		"{\"alg\":\"RS256\",\"typ\":\"dpop+jwt\"}", "{\"alg\":\"RS256\",\"typ\":1}", "{\"alg\":\"RS256\",\"kid\":7}", "{\"alg\":\"RS256\\u0000\"}" };
	const char *why;
	struct arena a;
	struct jwt t;
	struct str s;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		why = NULL;
		assert_int_equal(jwt_read(str_of(bad[i]), &a, &t, &why), E_SYNTAX);
		assert_non_null(why);
	}
	for (i = 0; i < ARRAY_LEN(headers); i++)
		assert_int_equal(jwt_read(token_of(&a, headers[i], "{}", "sig"), &a, &t, &why), E_SYNTAX);
	s = token_of(&a, "{\"alg\":\"RS256\",\"kid\":\"../k\",\"typ\":\"application/at+JWT\",\"jku\":\"https://evil\",\"jwk\":{}}", "{\"a\":1}", "sig");
	assert_int_equal(jwt_read(s, &a, &t, &why), 0);
	assert_string_equal(arena_cstr(&a, t.kid), "../k");
	assert_string_equal(arena_cstr(&a, t.alg), "RS256");
	assert_string_equal(arena_cstr(&a, t.claims), "{\"a\":1}");
	assert_true(str_eqc(t.signature, "sig"));
	assert_int_equal(t.signed_part.n, s.n - 5);
	s = str_make(arena_alloc(&a, OAUTH_TOKEN_MAX + 1), OAUTH_TOKEN_MAX + 1);
	assert_int_equal(jwt_read(s, &a, &t, &why), E_SYNTAX);
	assert_string_equal(why, "token: too long");
	arena_done(&a);
}

#define NOW 1800000000
#define TIMES "\"exp\":1800000600,\"iat\":1799999990"
#define WHO "\"iss\":\"https://id.example.org\",\"email\":\"anna@example.org\",\"email_verified\":true"
#define BASE WHO "," TIMES

static void claims_must_all_fit(void **state)
{
	static const struct {
		const char *settings, *claims;
		int result;
		const char *word; /* of why, or who it is */
	} row[] = {
		{ "", "{" BASE ",\"aud\":\"mail\"}", 0, "anna@example.org" },
		{ "", "{" BASE ",\"aud\":[\"x\",\"mail\"]}", 0, "anna@example.org" },
		{ "", "{" BASE ",\"aud\":[\"x\",\"mail2\"]}", E_DENIED, "another service" },
		{ "", "{" BASE ",\"aud\":\"mai\"}", E_DENIED, "another service" },
		{ "", "{" BASE ",\"aud\":[]}", E_DENIED, "another service" },
		{ "", "{" BASE ",\"aud\":[\"mail\",1]}", E_DENIED, "another service" },
		{ "", "{" BASE "}", E_DENIED, "another service" },
		{ "", "{\"email\":\"a@b\",\"aud\":\"mail\"," TIMES "}", E_DENIED, "another issuer" },
		{ "", "{\"iss\":\"https://id.example.org/\",\"aud\":\"mail\"," TIMES "}", E_DENIED, "another issuer" },
		{ "", "{" WHO ",\"aud\":\"mail\"}", E_DENIED, "times" },
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":\"1800000600\"}", E_DENIED, "times" },
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":1e300}", E_DENIED, "times" },
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":99999999999999999999}", E_DENIED, "JSON" },
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":1799999971}", 0, "anna@example.org" }, /* within the leeway */
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":1799999970}", E_DENIED, "expired" },
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":1800000000.5,\"nbf\":1800000030}", 0, "anna@example.org" },
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":1800000600,\"nbf\":1800000031}", E_DENIED, "not good yet" },
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":1800000600,\"iat\":1800000031}", E_DENIED, "not good yet" },
		{ "", "{" WHO ",\"aud\":\"mail\",\"exp\":1800000600,\"nbf\":true}", E_DENIED, "times" },
		{ "", "{" BASE ",\"aud\":\"mail\",\"aud\":\"mail\"}", E_DENIED, "JSON" },
		{ "", "[1]", E_DENIED, "JSON" },
		{ "", "{\"iss\":\"https://id.example.org\",\"aud\":\"mail\"," TIMES "}", E_DENIED, "whose" },
		{ "", "{\"iss\":\"https://id.example.org\",\"aud\":\"mail\",\"email\":\"a@b\"," TIMES "}", E_DENIED, "not verified" },
		{ "", "{\"iss\":\"https://id.example.org\",\"aud\":\"mail\",\"email\":\"a@b\",\"email_verified\":\"true\"," TIMES "}", E_DENIED, "not verified" },
		{ "", "{\"iss\":\"https://id.example.org\",\"aud\":\"mail\",\"email\":[\"a@b\"],\"email_verified\":true," TIMES "}", E_DENIED, "whose" },
		{ "claim = upn\n", "{\"iss\":\"https://id.example.org\",\"aud\":\"mail\",\"upn\":\"a@b\"," TIMES "}", 0, "a@b" },
		{ "clients = app, web\n", "{" BASE ",\"aud\":\"mail\",\"azp\":\"web\"}", 0, "anna@example.org" },
		{ "clients = app, web\n", "{" BASE ",\"aud\":\"mail\",\"client_id\":\"app\"}", 0, "anna@example.org" },
		{ "clients = app, web\n", "{" BASE ",\"aud\":\"mail\",\"azp\":\"x\",\"client_id\":\"app\"}", E_DENIED, "another program" },
		{ "clients = app, web\n", "{" BASE ",\"aud\":\"mail\"}", E_DENIED, "another program" },
		{ "", "{" BASE ",\"aud\":\"mail\",\"azp\":3}", E_DENIED, "another program" },
		{ "scope = imap\n", "{" BASE ",\"aud\":\"mail\",\"scope\":\"openid imap\"}", 0, "anna@example.org" },
		{ "scope = imap\n", "{" BASE ",\"aud\":\"mail\",\"scp\":[\"imap\"]}", 0, "anna@example.org" },
		{ "scope = imap\n", "{" BASE ",\"aud\":\"mail\",\"scope\":\"openid imap2\"}", E_NOTFOUND, "not good for mail" },
		{ "scope = imap\n", "{" BASE ",\"aud\":\"mail\"}", E_NOTFOUND, "not good for mail" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct str who = STR("");
		const char *why = "";
		struct arena a;
		struct conf *c;
		char *text;
		int r;

		arena_init(&a);
		text = arena_fmt(&a, "[oauth]\njwks_file = x\nissuer = https://id.example.org\naudience = other, mail\n%s", row[i].settings);
		assert_int_equal(conf_parse(str_of(text), "c", NULL, &c), 0);
		r = oauth_claims(c, OAUTH_SIGNED, str_of(row[i].claims), NOW, &a, &who, &why);
		if (r != row[i].result || !strstr(r == 0 ? arena_cstr(&a, who) : why, row[i].word))
			fail_msg("%s: %d %s", row[i].claims, r, why);
		conf_free(c);
		arena_done(&a);
	}
}

static void messages_of_clients(void **state)
{
	static const struct {
		const char *mech;
		struct str message;
		const char *user, *token; /* token NULL: refused */
	} row[] = {
		{ "OAUTHBEARER", STR("n,a=anna@example.org,\1host=h\1port=143\1auth=Bearer a.b-c_d\1\1"), "anna@example.org", "a.b-c_d" },
		{ "OAUTHBEARER", STR("y,,\1auth=bearer   t\1\1"), "", "t" },
		{ "OAUTHBEARER", STR("n,a=a=2Cb=3Dc,\1x=\1auth=Bearer t\1\1"), "a,b=c", "t" },
		{ "OAUTHBEARER", STR("p=tls-exporter,,\1auth=Bearer t\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer t\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer t\1\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer t\1\1x"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer t\1auth=Bearer u\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer t\1AUTH=Bearer u\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer \1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Basic t\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer t t\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1auth=Bearer t\0\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1h1=x\1auth=Bearer t\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,\1host=\0\1auth=Bearer t\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,,auth=Bearer t\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("n,a=x\1auth=Bearer t\1\1"), NULL, NULL },
		{ "OAUTHBEARER", STR("\1"), NULL, NULL },
		{ "OAUTHBEARER", STR(""), NULL, NULL },
		{ "XOAUTH2", STR("user=anna@example.org\1auth=Bearer t\1\1"), "anna@example.org", "t" },
		{ "XOAUTH2", STR("user=\xc3\xa4@example.org\1auth=Bearer t\1\1"), "\xc3\xa4@example.org", "t" },
		{ "XOAUTH2", STR("user=\xff@example.org\1auth=Bearer t\1\1"), NULL, NULL },
		{ "XOAUTH2", STR("user=\1auth=Bearer t\1\1"), NULL, NULL },
		{ "XOAUTH2", STR("auth=Bearer t\1\1"), NULL, NULL },
		{ "XOAUTH2", STR("user=a\1user=b\1auth=Bearer t\1\1"), NULL, NULL },
		{ "XOAUTH2", STR("user=a\1\1"), NULL, NULL },
	};
	struct bearer b;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		int r = bearer_read(str_of(row[i].mech), row[i].message, &a, &b);

		assert_int_equal(r, row[i].token ? 0 : E_SYNTAX);
		if (r < 0)
			continue;
		assert_string_equal(arena_cstr(&a, b.user), row[i].user);
		assert_string_equal(arena_cstr(&a, b.token), row[i].token);
	}
	arena_done(&a);
}

static void refusals_are_json(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	bearer_refuse(STR("OAUTHBEARER"), BEARER_TOKEN, STR("https://id.example.org/x"), STR("imap"), &b);
	assert_string_equal(buf_cstr(&b), "{\"status\":\"invalid_token\",\"scope\":\"imap\","
		"\"openid-configuration\":\"https://id.example.org/x/.well-known/openid-configuration\"}");
	buf_reset(&b);
	bearer_refuse(STR("OAUTHBEARER"), BEARER_MALFORMED, STR("accounts.example"), STR(""), &b);
	assert_string_equal(buf_cstr(&b), "{\"status\":\"invalid_request\"}");
	buf_reset(&b);
	bearer_refuse(STR("XOAUTH2"), BEARER_SCOPE, STR("https://a\"b"), STR("m\"ail"), &b);
	assert_string_equal(buf_cstr(&b), "{\"status\":\"403\",\"schemes\":\"bearer\",\"scope\":\"m\\\"ail\"}");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_of_the_rfcs_are_good_and_changed_ones_are_not),
		cmocka_unit_test(a_key_serves_its_own_algorithms_alone),
		cmocka_unit_test(keys_that_cannot_be_used_are_named),
		cmocka_unit_test(a_token_has_its_form_or_is_refused),
		cmocka_unit_test(claims_must_all_fit),
		cmocka_unit_test(messages_of_clients),
		cmocka_unit_test(refusals_are_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
