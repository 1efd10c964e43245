/* SPDX-License-Identifier: ISC
 *
 * Hashes of other programs: each vector was made by the program that is named beside it, of the one password.
 */
#include "auth/password.h"
#include "auth/scheme.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PASSWORD "s3cret p\xc3\xa4\xc3\x9f"

static const struct scheme_limits limits = { 64 << 20, 1000000 };

static const struct {
	const char *from, *hash;
} vectors[] = {
	{ "doveadm", "{MD5}$1$ZdrUP8zl$hXjyxcFvg6Be1GeADFo3G/" },
	{ "doveadm", "{PLAIN-MD5}3721e17e96be446ebf5e76fb58b23014" },
	{ "doveadm", "{LDAP-MD5}NyHhfpa+RG6/Xnb7WLIwFA==" },
	{ "doveadm", "{SMD5}5fvnDJUO/9XBJ8e2xxa1LG9i6S4=" },
	{ "doveadm", "{SHA}eTGZLl172Ytqf8A6vWymFM91w3I=" },
	{ "doveadm", "{SHA1}eTGZLl172Ytqf8A6vWymFM91w3I=" },
	{ "doveadm", "{SSHA}C59kPwieaUFwtOnD7odjaxQQc7Pliaga" },
	{ "doveadm", "{SHA256}lkqUX3LOBOTdONR3ouC2FwK7519W0izqJjCGBAh6cAs=" },
	{ "doveadm", "{SSHA256}qAMs555DHb8vZO/p6z/qpGb6vLTX/+xbCobn/TW3nlAJbwV/" },
	{ "doveadm", "{SHA512}mQNlMCswBRoeY5o1Uc2dJlpvuPOuvZxnKbQJmwut8M35+VTsT4R4Ewe/g62wvWrn5M+/VE2wQWeqnDzW4wY4Ow==" },
	{ "doveadm", "{SSHA512}OXSvg9wFd/Zl/TbuKNXQmh1JwjrkfXAL97ftAZiyDxSYLoKgOLGv4WQmKE5T4KaRLNQaYm4HW1YHot2sJJ2ko7yto+I=" },
	{ "doveadm", "{SHA256-CRYPT}$5$rounds=1000$P9d0EPvLkdM7Y0Bk$YksKnNTRfzFm.w9G13JqtLbFdsrO4VUo.vGAgs.OhT1" },
	{ "doveadm", "{SHA512-CRYPT}$6$rounds=1000$rG8fihDvnxGfxDWJ$7IQqAu7vwVEuDmfyHs7cch.L8o7TKiAasHmhBQFKMEB7j86BW7MKACwhnXQx0nlEpvcWHEpXb.vP262W3cFIm1" },
	{ "doveadm", "{MD5-CRYPT}$1$5FqOEcWy$ozTt8EShVbacruiQ9c2/E." },
	{ "doveadm", "{PBKDF2}$1$ffVI53G/LxiDTJQG$1000$d13506993f199d06111a86d652c449537f7d4ba2" },
	{ "doveadm", "{SCRAM-SHA-1}4096,aWw5OAq8RpOQmwmOPIwtYQ==,ylGO3DH5A9qd0FKzTLpT6OEOb0k=,6RqtkvOWaoas3vcoc1ZvhXQgzUI=" },
	{ "doveadm", "{SCRAM-SHA-256}4096,GwK8K9B+V0/BhwBE5v43GA==,OH99SF05HbXF2i6p1Yy7Hu+CZXqCTdhAKkIsltJIUTk=,9Hvc8D9Qs04tnNq6IhHCcLHOqVRIHSXNuAHljLASt0A=" },
	{ "doveadm", "{SHA.HEX}7931992e5d7bd98b6a7fc03abd6ca614cf75c372" },
	{ "doveadm", "{SSHA.HEX}f20938c0f74c46190a243dd187472f9a5ac96462941d2868" },
	{ "doveadm", "{SSHA512.B64}Ay3ntP620xRA/Ank1HSi1pab5sI682wYok/M4ZL+rUqLJ/P+RQJpEU6nP9dicLzMcEWvfNx/6XQbe7y+Ya7191Iokxc=" },
	{ "doveadm", "{PLAIN-MD5.B64}NyHhfpa+RG6/Xnb7WLIwFA==" },
	{ "doveadm", "{PLAIN}" PASSWORD },
	{ "doveadm", "{CLEARTEXT}" PASSWORD },
	{ "doveadm", "{PLAIN.HEX}7333637265742070c3a4c39f" },
	{ "doveadm", "{PLAIN.B64}czNjcmV0IHDDpMOf" },
	{ "doveadm", "{BLF-CRYPT}$2y$05$qH7pJGHcc.EEcbBNpW3qOO4ZXwc9N8OQ2gEclmfs3.v6nhc6zdFuS" },
	{ "doveadm", "{CRYPT}$2y$05$X3sELsERSfJj0Z.96sVwje0Y/5oKh8dvX12AEQH0c0i3GE5BAMpC2" },
	{ "doveadm", "{ARGON2I}$argon2i$v=19$m=32768,t=3,p=1$L8v0DRViCnXGFLhFdb6wBw$zKsoVvhRH3f5Jck/mw9JKBNnF6MUZEnN5ZStdn3LD6A" },
	{ "doveadm", "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$3WOTzWIC0S/asML29jK31A$4X0GiXJ1EwpcDQA2jRKc10g6F1ex+HN3iC+GMuMmlPo" },
	{ "passlib", "{MD5}NyHhfpa+RG6/Xnb7WLIwFA==" },
	{ "passlib", "{SMD5}HNzbXrUwXsrJf3C15PZ6lKa0ltI=" },
	{ "passlib", "{SHA}eTGZLl172Ytqf8A6vWymFM91w3I=" },
	{ "passlib", "{SSHA}GsqIuToBqUMxHSxutBEg1aIx+xB6D2Es" },
	{ "passlib", "{SSHA256}kLcuUyR6ZM3zrc8hgASDV7G/+d9mOJr1tvIya0QpeCr0Xsv5X0uptQ==" },
	{ "passlib", "{SSHA512}CDwPxrR4XN1Rlx64PAGP2fEccAT7SrFr4gQaazgHYGoY14fSL5lLszCmZP4kCpICNRsUUzHH3PqY11ijni/WR3pvzZmzlpKS" },
	{ "passlib", "$1$TP84LJWK$wgyyng0OIiHnM2/jOoCdO/" },
	{ "passlib", "wgULMkdPBqAIc" },
	{ "passlib", "_7C/.f7xQT3aOruKxTzg" },
	{ "passlib", "{CRYPT}$1$XKW7o8pw$CpKRmVakTAuqh2qM1S4Ty." },
	{ "passlib", "{MD5}3721e17e96be446ebf5e76fb58b23014" },
	{ "passlib", "{SHA}7931992e5d7bd98b6a7fc03abd6ca614cf75c372" },
	{ "passlib", "$pbkdf2$1200$BeB8D.F8jxEixFiLEQLAWA$tiPRcZjgFzrix65.zZ74jmoxI.c" },
	{ "passlib", "$pbkdf2-sha256$1200$3zunlNLam5OyFsIYg5Cytg$KyjDcPAjfTeaNCfKLmE7i/DIyq3XmPEYk9KqRNAYExk" },
	{ "passlib", "$pbkdf2-sha512$1200$iJFSynnvfW8txbjXOodQCg$YhvE2UjQWlS/cbK5jGM0BTRGUWCjKU/2dsABvwTquGbeaYDnUguHWuYHQj4PvYZF0CspiLau5GaVYnO2/LjQyg" },
	{ "passlib", "{PBKDF2-SHA256}1200$/Z/T2vuf0/p/731vjfGeEw$x8nDTBWwtVjlEEkroTj6.n5b7Dps5CuqaVvbda30yYU" },
	{ "passlib", "pbkdf2_sha256$1200$xrraYMzmWhnW$3DegKtm5iLAwKtShYNu3jrGLjIUW3LO0c8rAcu4YRSg=" },
	{ "passlib", "pbkdf2_sha1$1200$ug4Gv3YQqxZY$hAIb+sZW/hFdi36xaseMps9LJRE=" },
	{ "passlib", "$5$rounds=1200$aOgn58nA8FaaOUmZ$qYYL6dykCMq9AMUqw/QhOEB5qHVmGlF5xOmUnuzGHKD" },
	{ "passlib", "$6$rounds=1200$.UFRaGuswAkEc5Wr$xzLw6tweekxMa8S2q5RpYv7gGe4rcC7DRpYD4SNbwhf38OCU/5Ognrm2LBRhXvGXLkaJtFKCxqSDibPcWM5uW." },
	{ "passlib", "$sha1$1200$Spz3/ePk$Lvy67yL1lb.EkyNw2qEdIn.QXoME" },
	{ "passlib", "sha1$OZ7uP89renFy$349f87b2977223e1715ff102fd59441f9e565ad1" },
	{ "passlib", "md5$JjpYmCe632jX$388766a5210a0e2e7fcbbc6c111e90ec" },
	{ "passlib", "bcrypt_sha256$$2b$04$9U5ifnrM8Vgc0L0tiNClWOGJTZnBB0.ktLQk8dckOROIDUr6XmyMS" },
	{ "passlib", "bcrypt$$2b$04$RpWVcfnSsQfXwA4c0HP15OMjjYhHU.GXER2hhl6PV9yhwjg6aUpEq" },
	{ "passlib", "$2b$04$Vrm2RHyrIHgpQE70WouTd.cqk2J6YlkEmf.t5UdvqMlvGMlBr6Q9q" },
	{ "python", "scrypt$salz12345$1024$8$1$Np9AoYCGIGjgwKSZ/NB25X8nVDjQu6ZCEgQxws7kuMzH9bGhzFW+9CGngsgCRG0cF/ic7TfwYjgBY+n+/IBnlQ==" },
	{ "python", "{SCRAM-SHA-512}4096,sEGoyFgT3B5Ql+l0/WsF7Q==,eyeyrZxOnwq6L4AFpm2xdY9nWmmbwcpba5lB4WJGSqvleL9smJGTD7YOoBc/eHM/4b1YSOyOgyxJFAgU5HKs1w==,6wd8ENtNJjEdPOrw2w9W8W3KAgKdC522j3VbSqWzcnIfScAj/hfzfYO3+sOsrHh1OXnIMihMijbzHtdLzqiPlA==" },
	{ "PostgreSQL's form", "SCRAM-SHA-256$4096:sEGoyFgT3B5Ql+l0/WsF7Q==$CtHw4lEXvZqfcx4Jr9tcpGSpwTGZ7dbNg2jPV+AfhFM=:CuQokkrUgRmV+GlJTL2skpeEEK3SZCv6c+29G0OUPT8=" },
	{ "crypt(3)", "$y$j75$k2XAnEHBqQ1Ct2aMXFKNaR4Odd4Al6nAoIXBrUHCk21$HMtPV92OPkqH7695QGPvP6zv05HRUEIMYd/a7UOY19A" },
	{ "crypt(3)", "$gy$j75$k2XAnEHBqQ1Ct2aMXFKNaR4Odd4Al6nAoIXBrUHCk21$fKVkG6K8G88IKwL6I9.DDzdGlFWcJemQAgxgk.SbJH8" },
	{ "crypt(3)", "$7$BU..../....k2XAnEHBqQ1Ct2aMXFKNaR4Odd4Al6nAoIXBrUHCk21$aNx4whveZfAMMhHdRPUWxtlnP/gNtZA/6E3ZK3Rxjv0" },
	{ "crypt(3)", "$2b$04$KBCwKxOzLha2MUDgW0PjXeOfUQFYCqvEIVFTk3EnOLKjqKZ5uQLzy" },
	{ "crypt(3)", "$2a$04$KBCwKxOzLha2MUDgW0PjXeOfUQFYCqvEIVFTk3EnOLKjqKZ5uQLzy" },
	{ "crypt(3)", "$2y$04$KBCwKxOzLha2MUDgW0PjXeOfUQFYCqvEIVFTk3EnOLKjqKZ5uQLzy" },
	{ "crypt(3)", "$6$rounds=1000$k2XAnEHBqQ1Ct2aM$YjzHn2CqifZTC9cGJVp7MxgsPah.K0oQPAQjQWv5IUFVzkzH1mnhqckkUigdKqByDdxZUaL1cT8idmFFmZfvO1" },
	{ "crypt(3)", "$5$rounds=1000$k2XAnEHBqQ1Ct2aM$DpAeD/8ieTtLEwHq1Sxupm.OHkVfhNA675QbrNf4v2D" },
	{ "crypt(3)", "$1$k2XAnEHB$MfK.775WKqf2Go1oCXiLI1" },
	{ "crypt(3)", "$md5,rounds=45105$mA1BpMnB$$aCXE6Wrd5Ck70XOCgMJcP1" },
	{ "crypt(3)", "$3$$60e55ac6eae751b427310d337eb9498f" },
	{ "crypt(3)", "$sha1$92$qI1BtUnBX7KMaJ4NdVqNl.XOoAXArMHBkY1C$pZodacBA66B/KttjZBz2Poqobepq" },
	{ "crypt(3)", "_J9..k2XACcvBpvyz7Jw" },
	{ "crypt(3)", "kl8ekn78darPg" },
	{ "argon2", "$argon2id$v=19$m=256,t=2,p=2$c2FsdHNhbHRzYWx0$4i2P/fhcLCv3nrs2S7TI4K/0gZL9LSvW4sYdz9cvNAw" },
	{ "argon2", "$argon2i$v=16$m=256,t=2,p=1$c2FsdHNhbHRzYWx0$USVak5Q2O4PVLNHB4CxLIz0hvfEL97za+Y6eZTOgjdU" },
	{ "argon2", "$argon2d$v=19$m=256,t=2,p=1$c2FsdHNhbHRzYWx0$vV0vjZMTTDk4sWe87HQBB6UXPstRUgrGm1jhbxBR3go" },
	{ "hashlib", "{SHA224}LXGbHFlPP7V/Vj4vQR0Y9e8997T2l1yAKN7LKg==" },
	{ "hashlib", "{SSHA224}Dqu5WKBtx/Rk+tJMUZBTbClumrfBGinkKbQqHXNhbHQ=" },
	{ "hashlib", "{SHA384}43i1xEtqDuBkm5boyW+AZZ2MUlKD1qEdM6ViNLgurngjbakYBjF0KXgQK2/25puL" },
	{ "hashlib", "{SSHA384}+shjsyHAwzHSfviN0F/rKvO0bSfcpWdlv4MXI+RVMV3/OpA1CHwE1Gyh6ojbu1bHc2FsdA==" },
	{ "hashlib", "{CLEAR.B64}czNjcmV0IHDDpMOf" },
	/* by hand: names in any case, what Courier writes */
	{ "Courier", "{MD5RAW}3721E17E96BE446EBF5E76FB58B23014" },
	{ "OpenLDAP", "{ARGON2}$argon2id$v=19$m=256,t=2,p=2$c2FsdHNhbHRzYWx0$4i2P/fhcLCv3nrs2S7TI4K/0gZL9LSvW4sYdz9cvNAw" },
	{ "Dovecot", "{sha}eTGZLl172Ytqf8A6vWymFM91w3I=" },
	{ "Django", "argon2$argon2id$v=19$m=256,t=2,p=2$c2FsdHNhbHRzYWx0$4i2P/fhcLCv3nrs2S7TI4K/0gZL9LSvW4sYdz9cvNAw" },
};

static void what_others_made_verifies(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(vectors); i++) {
		struct str hash = str_of(vectors[i].hash);
		enum scheme_result r = scheme_check(STR(PASSWORD), hash, &limits);

		if (r != SCHEME_GOOD)
			fail_msg("%s of %s: %s", vectors[i].hash, vectors[i].from, scheme_text(r));
		/* the old crypt(3) looks at eight characters */
		r = scheme_check(STR("S" PASSWORD), hash, &limits);
		if (r != SCHEME_WRONG)
			fail_msg("%s of %s: another password: %s", vectors[i].hash, vectors[i].from, scheme_text(r));
		assert_int_equal(scheme_check(STR(""), hash, &limits), SCHEME_WRONG);
		assert_int_equal(scheme_check(STR("a\0b"), hash, &limits), SCHEME_WRONG);
	}
}

/* (Padding of base64 may be there or not.) */
static void what_is_cut_or_longer_never_verifies(void **state)
{
	char text[SCHEME_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(vectors); i++) {
		int n = snprintf(text, sizeof(text), "%sA", vectors[i].hash);

		if (n == 14)
			continue; /* the old crypt(3): 14 characters are no scheme */
		if (scheme_check(STR(PASSWORD), str_make(text, (size_t)n), &limits) == SCHEME_GOOD)
			fail_msg("%s", text);
		if (scheme_check(STR(PASSWORD), str_make(text, (size_t)n - 4), &limits) == SCHEME_GOOD)
			fail_msg("%s less three", text);
	}
}

static void what_asks_for_too_much_is_refused_unseen(void **state)
{
	static const char *const table[] = {
		"$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0$4i2P/fhcLCv3nrs2S7TI4K/0gZL9LSvW4sYdz9cvNAw",
		"$argon2id$v=19$m=4096,t=4294967295,p=1$c2FsdHNhbHRzYWx0$4i2P/fhcLCv3nrs2S7TI4K/0gZL9LSvW4sYdz9cvNAw",
		"$2b$31$KBCwKxOzLha2MUDgW0PjXeOfUQFYCqvEIVFTk3EnOLKjqKZ5uQLzy",
		"{CRYPT}$6$rounds=999999999$k2XAnEHBqQ1Ct2aM$YjzHn2CqifZTC9cGJVp7MxgsPah",
		"$5$rounds=4294967295$k2XAnEHBqQ1Ct2aM$DpAeD",
		"$sha1$4294967295$qI1BtUnBX7KMaJ4NdVqNl.XOoAXArMHBkY1C$pZodacBA66B/KttjZBz2Poqobepq",
		"$md5,rounds=4294967295$mA1BpMnB$$aCXE6Wrd5Ck70XOCgMJcP1",
		"$y$jFT$k2XAnEHBqQ1Ct2aMXFKNaR4Odd4Al6nAoIXBrUHCk21$HMtPV92OPkqH7695QGPvP6zv05HRUEIMYd/a7UOY19A",
		"$7$VU..../....k2XAnEHBqQ1Ct2aMXFKNaR4Odd4Al6nAoIXBrUHCk21$aNx4whveZfAMMhHdRPUWxtlnP/gNtZA/6E3ZK3Rxjv0",
		"$7$3zzzzzzzzzzk2XAnEHBqQ1Ct2aMXFKNaR4Odd4Al6nAoIXBrUHCk21$aNx4whveZfAMMhHdRPUWxtlnP/gNtZA/6E3ZK3Rxjv0",
		"{PBKDF2}$1$ffVI53G/LxiDTJQG$4294967295$d13506993f199d06111a86d652c449537f7d4ba2",
		"pbkdf2_sha256$4294967295$xrraYMzmWhnW$3DegKtm5iLAwKtShYNu3jrGLjIUW3LO0c8rAcu4YRSg=",
		"scrypt$salz12345$4294967295$4294967295$4294967295$Np9AoYCGIGjgwKSZ/NB25X8nVDjQu6ZCEgQxws7kuMzH9bGhzFW+9CGngsgCRG0cF/ic7TfwYjgBY+n+/IBnlQ==",
		"{SCRAM-SHA-1}4294967295,aWw5OAq8RpOQmwmOPIwtYQ==,ylGO3DH5A9qd0FKzTLpT6OEOb0k=,6RqtkvOWaoas3vcoc1ZvhXQgzUI=",
		"_zzzzk2XACcvBpvyz7Jw",
	};
	struct scheme_limits takes;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		enum scheme_result r = scheme_inspect(str_of(table[i]), &limits, &takes);

		if (r != SCHEME_COSTLY)
			fail_msg("%s: %s", table[i], scheme_text(r));
		assert_int_equal(takes.work, 0);
		assert_int_equal(scheme_check(STR("x"), str_of(table[i]), &limits), SCHEME_COSTLY);
	}
}

static void what_has_no_form_is_broken_or_unknown(void **state)
{
	static const struct {
		struct str hash;
		enum scheme_result r;
	} table[] = {
		{ STR(""), SCHEME_BROKEN },
		{ STR("{"), SCHEME_BROKEN },
		{ STR("{SHA"), SCHEME_BROKEN },
		{ STR("{SHA}"), SCHEME_BROKEN },
		{ STR("{SHA}!!!!"), SCHEME_BROKEN },
		{ STR("{SHA}NyHhfpa+RG6/Xnb7WLIwFA=="), SCHEME_BROKEN }, /* the sum of MD5 */
		{ STR("{SSHA}eTGZLl172Ytqf8A6vWymFM91w3I="), SCHEME_BROKEN }, /* without a salt */
		{ STR("{PLAIN}"), SCHEME_BROKEN },
		{ STR("{PLAIN.HEX}7g"), SCHEME_BROKEN },
		{ STR("{CRYPT}"), SCHEME_BROKEN },
		{ STR("{CRYPT}*"), SCHEME_BROKEN },
		{ STR("{CRYPT}!$6$x"), SCHEME_BROKEN },
		{ STR("$9$salt$sum"), SCHEME_BROKEN },
		{ STR("$2b$99$KBCwKxOzLha2MUDgW0PjXeOfUQFYCqvEIVFTk3EnOLKjqKZ5uQLzy"), SCHEME_BROKEN },
		{ STR("{ARGON2ID}$argon2id$v=19$m=1,t=1,p=1$c2FsdHNhbHRzYWx0$4i2P/fhcLCv3nrs2S7TI4A"), SCHEME_BROKEN },
		{ STR("$argon2id$v=19$m=256,t=0,p=1$c2FsdHNhbHRzYWx0$4i2P/fhcLCv3nrs2S7TI4A"), SCHEME_BROKEN },
		{ STR("$argon2id$v=19$m=256,t=2,p=1$c2FsdHNhbHRzYWx0$4i2P"), SCHEME_BROKEN }, /* proves nothing */
		{ STR("{PBKDF2}$1$salt$0$d13506993f199d06111a86d652c449537f7d4ba2"), SCHEME_BROKEN },
		{ STR("{PBKDF2}$1$salt$1000$d1"), SCHEME_BROKEN },
		{ STR("{SCRAM-SHA-256}4096,aWw5OAq8RpOQmwmOPIwtYQ==,ylGO3DH5A9qd0FKzTLpT6OEOb0k=,x"), SCHEME_BROKEN },
		{ STR("{SHA}eTGZLl172Ytqf8A6\0vWymFM91w3I="), SCHEME_BROKEN },
		{ STR("{NTLM}0123456789abcdef0123456789abcdef"), SCHEME_UNKNOWN },
		{ STR("{CRAM-MD5}9186d855e11eba527a7a52ca82b313e180d62234f0acc9051b527243d41e2740"), SCHEME_UNKNOWN },
		{ STR("{SHA.ROT13}eTGZLl172Ytqf8A6vWymFM91w3I="), SCHEME_UNKNOWN },
		{ STR("{CRYPT.HEX}00"), SCHEME_UNKNOWN },
		{ STR("secret"), SCHEME_UNKNOWN }, /* a clear password says so, or is none */
		{ STR("x"), SCHEME_UNKNOWN },
	};
	struct scheme_limits takes;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		enum scheme_result r = scheme_inspect(table[i].hash, &limits, &takes);

		if (r != table[i].r)
			fail_msg("%.*s: %s", STRF(table[i].hash), scheme_text(r));
		assert_int_equal(scheme_check(STR("secret"), table[i].hash, &limits), r);
	}
}

static void our_own_hash_takes_what_its_cost_says(void **state)
{
	struct scheme_limits any = { UINT64_MAX, UINT64_MAX }, takes;
	struct buf h;
	unsigned cost;

	(void)state;
	buf_init(&h, 1024);
	for (cost = 1; cost <= 5; cost++) {
		buf_reset(&h);
		assert_int_equal(password_hash(STR(PASSWORD), cost, &h), 0);
		assert_int_equal(scheme_inspect(buf_view(&h), &any, &takes), SCHEME_GOOD);
		/* crypt(5): 1 MiB doubled with each step */
		assert_int_equal(takes.memory, 1 << (19 + cost));
	}
	buf_done(&h);
}

/* RFC 5802 5: the keys of its example, "user" with "pencil". */
static void keys_of_rfc_5802_are_of_its_password(void **state)
{
	struct str keys = STR("SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=");

	(void)state;
	assert_int_equal(scheme_check(STR("pencil"), keys, &limits), SCHEME_GOOD);
	assert_int_equal(scheme_check(STR("Pencil"), keys, &limits), SCHEME_WRONG);
}

static void a_clear_password_is_told_apart(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_true(scheme_clear(STR("{plain.b64}c2VjcmV0"), &b));
	assert_string_equal(buf_cstr(&b), "secret");
	assert_false(scheme_clear(STR("{SHA}eTGZLl172Ytqf8A6vWymFM91w3I="), &b));
	assert_false(scheme_clear(STR("secret"), &b));
	buf_done(&b);
}

static void keys_of_others_become_ours(void **state)
{
	struct buf keys;

	(void)state;
	buf_init(&keys, 1024);
	assert_true(scheme_scram_keys(STR("{SCRAM-SHA-1}4096,aWw5OAq8RpOQmwmOPIwtYQ==,ylGO3DH5A9qd0FKzTLpT6OEOb0k=,"
					  "6RqtkvOWaoas3vcoc1ZvhXQgzUI="), &keys));
	assert_string_equal(buf_cstr(&keys), "SCRAM-SHA-1$4096:aWw5OAq8RpOQmwmOPIwtYQ==$ylGO3DH5A9qd0FKzTLpT6OEOb0k=:"
		"6RqtkvOWaoas3vcoc1ZvhXQgzUI=");
	assert_true(scram_find(buf_view(&keys), SCRAM_SHA_1).n > 0);
	assert_false(scheme_scram_keys(STR("{SHA}eTGZLl172Ytqf8A6vWymFM91w3I="), &keys));
	buf_done(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_made_verifies),
		cmocka_unit_test(what_is_cut_or_longer_never_verifies),
		cmocka_unit_test(what_asks_for_too_much_is_refused_unseen),
		cmocka_unit_test(what_has_no_form_is_broken_or_unknown),
		cmocka_unit_test(our_own_hash_takes_what_its_cost_says),
		cmocka_unit_test(keys_of_others_become_ours),
		cmocka_unit_test(keys_of_rfc_5802_are_of_its_password),
		cmocka_unit_test(a_clear_password_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
