# SPDX-License-Identifier: ISC
"""Access tokens (OAUTHBEARER, XOAUTH2; docs/AUTH.md, "OAuth"): an issuer whose keys are made here signs good tokens and bad
ones; curl logs in with them by IMAP, POP3 and submission. Normal logins come by ::1, guesses by 127.0.0.1."""
import base64
import hashlib
import hmac
import json
import re
import shutil
import socket
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from conftest import MANSIO, TOP, Suite, check_log, make_folder, wait_for

ISSUER = "https://login.example.org/realms/staff"
HASH = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class Provider:
    """An OpenID provider's keys and what it signs."""

    def __init__(self):
        self.keys = {"rsa": rsa.generate_private_key(65537, 2048), "p256": ec.generate_private_key(ec.SECP256R1()),
                     "p384": ec.generate_private_key(ec.SECP384R1()), "ed": ed25519.Ed25519PrivateKey.generate()}

    def jwk(self, kid):
        public = self.keys[kid].public_key()
        if kid == "ed":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), "kid": kid, "use": "sig"}
        n = public.public_numbers()
        if kid == "rsa":
            return {"kty": "RSA", "n": number(n.n), "e": number(n.e), "kid": kid, "use": "sig"}
        size = 32 if kid == "p256" else 48
        return {"kty": "EC", "crv": "P-256" if size == 32 else "P-384", "x": number(n.x, size), "y": number(n.y, size), "kid": kid}

    def jwks(self, *kids):
        return json.dumps({"keys": [self.jwk(k) for k in kids or self.keys]})

    def pem(self, kid):
        return self.keys[kid].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, alg, data, kid):
        key, digest = self.keys[kid], HASH.get(alg[2:], hashes.SHA256)()
        if alg == "EdDSA":
            return key.sign(data)
        if alg.startswith("ES"):
            size = key.curve.key_size // 8
            return b"".join(n.to_bytes(size, "big") for n in utils.decode_dss_signature(key.sign(data, ec.ECDSA(digest))))
        if alg.startswith("PS"):
            return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return key.sign(data, padding.PKCS1v15(), digest)

    def token(self, alg="RS256", kid=None, header=(), without=(), signature=None, payload=None, **claims):
        kid = kid or {"E": "p256", "R": "rsa", "P": "rsa"}.get(alg[0], "rsa")
        kid = {"ES384": "p384", "EdDSA": "ed"}.get(alg, kid)
        now = int(time.time())
        all_claims = {"iss": ISSUER, "aud": "mail", "exp": now + 600, "iat": now, "nbf": now, "scope": "openid mail", "azp": "thunderbird",
                      "email": "anna@example.org", "email_verified": True, **claims}
        text = payload or json.dumps({k: v for k, v in all_claims.items() if k not in without})
        data = b64(json.dumps({"alg": alg, "kid": kid, "typ": "JWT", **dict(header)}).encode()) + "." + b64(text.encode())
        raw = self.sign(alg, data.encode(), kid) if signature is None else signature(data.encode())
        return data + "." + b64(raw)


@pytest.fixture(scope="module")
def provider():
    return Provider()


@pytest.fixture(scope="module")
def mail(system_users, provider):
    s = Suite(make_folder(), {
        "oauth.jwks_file": "keys.json", "oauth.issuer": ISSUER, "oauth.audience": "other, mail", "oauth.clients": "thunderbird, k9",
        "oauth.scope": "mail", "auth.allow_clear": "yes", "auth.failure_delay": "0s", "auth.failure_delay_max": "0s",
        "ban.never": "::1", "ban.failures": "5"})
    (s.folder / "keys.json").write_text(provider.jwks())
    s.start()
    for who in ("anna", "off", "ben"):
        s.account(who)
    s.cli("user", "change", "off@example.org", "active=no")
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def bearer(token, user="", mech="OAUTHBEARER"):
    if mech == "XOAUTH2":
        return f"user={user}\1auth=Bearer {token}\1\1"
    return f"n,{'a=' + user if user else ''},\1host=localhost\1port=993\1auth=Bearer {token}\1\1"


class Imap:
    def __init__(self, suite, host="::1"):
        self.s = suite.context().wrap_socket(socket.create_connection((host, suite.ports["imaps"]), 60), server_hostname="localhost")
        self.f = self.s.makefile("rb")
        self.greeting = self.line()

    def line(self):
        return self.f.readline().decode().rstrip("\r\n")

    def say(self, text):
        self.s.sendall(text.encode() + b"\r\n")

    def login(self, message, mech="OAUTHBEARER"):
        """The last line, and the JSON before it if there was one."""
        self.say(f"a AUTHENTICATE {mech} {base64.b64encode(message.encode()).decode()}")
        line, said = self.line(), None
        if line.startswith("+ "):
            said = json.loads(base64.b64decode(line[2:]))
            self.say("AQ==" if mech == "OAUTHBEARER" else "")
            line = self.line()
        return line, said

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def gets_in(suite, *args, **kw):
    with Imap(suite) as c:
        line, said = c.login(*args, **kw)
        assert line.startswith("a OK") == (said is None), (line, said)
        return line.startswith("a OK")


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"])
def test_each_signature_and_both_mechanisms(mail, provider, alg):
    assert gets_in(mail, bearer(provider.token(alg)))
    assert gets_in(mail, bearer(provider.token(alg), "Anna@Example.org", "XOAUTH2"), mech="XOAUTH2")


def test_without_an_initial_response_and_with_a_long_one(mail, provider):
    with Imap(mail) as c:
        c.say("a AUTHENTICATE OAUTHBEARER")
        assert c.line() == "+ "
        c.say(base64.b64encode(bearer(provider.token()).encode()).decode())
        assert c.line().startswith("a OK")
    assert gets_in(mail, bearer(provider.token(groups="g" * 5000)))  # a line of more than 8 KiB


def bad_tokens(p):
    now = int(time.time())
    public = p.pem("rsa")
    good = p.token()
    head, body, sig = good.split(".")
    other = Provider()
    claims = json.dumps({"iss": ISSUER, "aud": "mail", "exp": now + 600, "email": "anna@example.org", "email_verified": True, "scope": "mail",
                         "azp": "k9"})
    return {
        "no algorithm": p.token("none", signature=lambda d: b""),
        "no algorithm, with a signature": p.token("none", signature=lambda d: b"x"),
        "HMAC keyed with the public key": p.token("HS256", signature=lambda d: hmac.new(public, d, hashlib.sha256).digest()),
        "HMAC keyed with the JWK": p.token("HS256", signature=lambda d: hmac.new(p.jwks("rsa").encode(), d, hashlib.sha256).digest()),
        "another issuer's key": other.token(),
        "another issuer's key in the header": other.token(header={"jwk": other.jwk("rsa")}),
        "another issuer's key at an address": other.token(header={"jku": "https://evil.example/keys", "x5u": "https://evil.example/c"}),
        "a path as key name": p.token(header={"kid": "../../../../dev/null"}),
        "the name of another key": p.token(header={"kid": "p256"}),
        "the algorithm of another key": p.token("ES256", signature=lambda d: p.sign("RS256", d, "rsa")),
        "claims changed": head + "." + b64(claims.encode()) + "." + sig,
        "signature cut": good[:-4],
        "signature doubled": good + sig,
        "ECDSA as DER": p.token("ES256", signature=lambda d: p.keys["p256"].sign(d, ec.ECDSA(hashes.SHA256()))),
        "expired": p.token(exp=now - 60),
        "never expires": p.token(without=["exp"]),
        "not yet": p.token(nbf=now + 3600),
        "from the future": p.token(iat=now + 3600),
        "other issuer": p.token(iss="https://login.example.org/realms/guests"),
        "other audience": p.token(aud=["web", "wiki"]),
        "no audience": p.token(without=["aud"]),
        "other program": p.token(azp="evil"),
        "address not verified": p.token(email_verified=False),
        "nothing said of the address": p.token(without=["email_verified"]),
        "no address": p.token(without=["email"]),
        "nobody's address": p.token(email="nobody@example.org"),
        "suspended": p.token(email="off@example.org"),
        "twice the same claim": p.token(payload=claims[:-1] + ', "email": "ben@example.org"}'),
        "critical extension": p.token(header={"crit": ["exp"]}),
        "encrypted": ".".join([head, body, sig, body, sig]),
        "no token": "x",
    }


def test_bad_tokens_are_refused_alike_and_each_is_one_failed_login(mail, provider):
    rows = bad_tokens(provider)

    def counted():
        return [line for line in mail.log().splitlines() if "login-failed" in line and "why=\"token: " in line or "account" in line and "login-failed" in line]
    before = len(counted())
    for name, token in rows.items():
        with Imap(mail) as c:
            line, said = c.login(bearer(token))
        assert line.startswith("a NO [AUTHENTICATIONFAILED]"), (name, line)
        assert said == {"status": "invalid_token", "scope": "mail", "openid-configuration": ISSUER + "/.well-known/openid-configuration"}, name
    assert gets_in(mail, bearer(provider.token()))
    wait_for(lambda: len(counted()) >= before + len(rows))
    authd = counted()[before:]
    assert len(authd) == len(rows)
    for words in ("signature is wrong", "not allowed", "expired", "not good yet", "another issuer", "another service", "another program",
                  "not verified", "no such account", "may not log in", "not a signed JWT"):
        assert any(words in line for line in authd), words


def test_a_token_is_good_for_its_own_account_and_scope(mail, provider):
    assert gets_in(mail, bearer(provider.token(), "anna@example.org"))
    for mech in ("OAUTHBEARER", "XOAUTH2"):
        assert not gets_in(mail, bearer(provider.token(), "ben@example.org", mech), mech=mech)
    with Imap(mail) as c:
        line, said = c.login(bearer(provider.token(scope="openid")))
        assert line.startswith("a NO") and said["status"] == "insufficient_scope" and said["scope"] == "mail"
    with Imap(mail) as c:
        line, said = c.login(bearer("x y", "anna@example.org", "XOAUTH2"), "XOAUTH2")
        assert line.startswith("a NO") and said == {"status": "400", "schemes": "bearer", "scope": "mail"}


def curl(mail, url, token, *options):
    return subprocess.run(["curl", "-sS", "--cacert", mail.cert, "--user", "anna@example.org:", "--oauth2-bearer", token, *options, url],
                          text=True, capture_output=True, timeout=60)


@pytest.fixture(params=["OAUTHBEARER", "XOAUTH2"])
def mech(mail, request):
    """curl takes OAUTHBEARER where both are offered."""
    mail.settings["auth.mechanisms"] = "PLAIN, " + request.param
    mail.write_config()
    mail.cli("reload")
    wait_for(lambda: f"AUTH=PLAIN AUTH={request.param}]" in greeting_of(mail))
    yield request.param
    del mail.settings["auth.mechanisms"]
    mail.write_config()
    mail.cli("reload")
    wait_for(lambda: "AUTH=OAUTHBEARER AUTH=XOAUTH2]" in greeting_of(mail))


def test_curl_sends_and_reads(mail, provider, mech, tmp_path):
    letter = tmp_path / "letter"
    letter.write_bytes(f"From: anna@example.org\r\nTo: anna@example.org\r\nSubject: by {mech}\r\n\r\nHello.\r\n".encode())
    token, bad = provider.token("ES256"), provider.token("ES256", exp=1)
    p = mail.ports
    send = ("--mail-from", "anna@example.org", "--mail-rcpt", "anna@example.org", "--upload-file", letter)
    since = len(mail.log())
    done = curl(mail, f"smtps://localhost:{p['submissions']}", token, *send)
    assert done.returncode == 0, done.stderr
    assert curl(mail, f"smtp://localhost:{p['submission']}", token, "--ssl-reqd", *send).returncode == 0
    wait_for(lambda: f"by {mech}" in curl(mail, f"imaps://localhost:{p['imaps']}/INBOX;MAILINDEX=*", token).stdout)
    assert curl(mail, f"imap://localhost:{p['imap']}/", token, "--ssl-reqd").returncode == 0
    assert "Hello." in curl(mail, f"pop3s://localhost:{p['pop3s']}/1", token).stdout
    for url in (f"imaps://localhost:{p['imaps']}/", f"pop3s://localhost:{p['pop3s']}/", f"smtps://localhost:{p['submissions']}"):
        done = curl(mail, url, bad, *(send if "smtp" in url else ()))
        assert done.returncode == 67, (url, done)
    wait_for(lambda: {"imaps", "pop3s", "submissions"} <= set(re.findall(rf"service=(\w+) .*mech={mech}", mail.log()[since:])))


def offered(suite, service):
    with suite.connect(service) as s:
        f = s.makefile("rwb")
        if service == "submission":
            f.readline()
        f.write({"imap": b"a CAPABILITY\r\n", "pop3": b"CAPA\r\n", "submission": b"EHLO x\r\n"}[service])
        f.flush()
        last = {"imap": b"a OK", "pop3": b".\r\n", "submission": b"250 "}[service]
        text = b""
        while not text.splitlines(True) or not text.splitlines(True)[-1].startswith(last):
            text += f.readline()
        return text.decode()


def test_tokens_are_offered_under_tls_alone(mail, provider):
    for service in ("imap", "pop3", "submission"):
        said = offered(mail, service)
        assert "PLAIN" in said and "OAUTH" not in said, said
    with mail.connect("imap") as s:  # allow_clear counts for passwords, not for tokens
        f = s.makefile("rwb")
        f.readline()
        f.write(b"a AUTHENTICATE OAUTHBEARER " + base64.b64encode(bearer(provider.token()).encode()) + b"\r\n")
        f.flush()
        assert f.readline().startswith(b"a NO [CANNOT]")
    with Imap(mail) as c:
        assert "AUTH=OAUTHBEARER" in c.greeting and "AUTH=XOAUTH2" in c.greeting
    with mail.smtp_submissions() as c:
        assert {"OAUTHBEARER", "XOAUTH2"} <= set(c.esmtp_features["auth"].split())


def test_keys_are_changed_by_a_reload_and_broken_ones_refused(mail, provider):
    new, file = Provider(), mail.folder / "keys.json"
    old_token, new_token = provider.token(), new.token()
    try:
        file.write_text(json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}]}))
        done = mail.cli("reload", check=False)
        assert done.returncode != 0 and "jwks_file" in done.stdout + done.stderr and "secret" in done.stdout + done.stderr
        assert gets_in(mail, bearer(old_token))
        file.write_text(new.jwks())
        mail.cli("reload")
        wait_for(lambda: gets_in(mail, bearer(new_token)))
        wait_for(lambda: not gets_in(mail, bearer(old_token)))
        file.write_bytes(provider.pem("rsa"))  # PEM does it too
        mail.cli("reload")
        wait_for(lambda: gets_in(mail, bearer(old_token)))
        mail.settings["oauth.jwks_file"] = mail.settings["oauth.issuer"] = ""
        mail.write_config()
        mail.cli("reload")

        def silent():
            with Imap(mail) as c:
                return "OAUTH" not in c.greeting
        wait_for(silent)
        with Imap(mail) as c:
            c.say("a AUTHENTICATE OAUTHBEARER")
            assert c.line().startswith("a NO [CANNOT]")
    finally:
        mail.settings |= {"oauth.jwks_file": "keys.json", "oauth.issuer": ISSUER}
        mail.write_config()
        file.write_text(provider.jwks())
        mail.cli("reload")
    wait_for(lambda: "OAUTH" in greeting_of(mail) and gets_in(mail, bearer(provider.token("EdDSA"))))


def greeting_of(mail):
    with Imap(mail) as c:
        return c.greeting


def test_the_settings_of_the_document(mail, provider):
    """docs/AUTH.md, as it stands there, but for the issuer's keys."""
    part = (TOP / "docs" / "AUTH.md").read_text().split("\n## OAuth\n")[1].split("\n## ")[0].split("\n### ")[0]
    rows = dict(re.findall(r"^    (\w+) = (.*)$", part, re.M))
    saved = dict(mail.settings)
    mail.settings = {k: v for k, v in saved.items() if not k.startswith("oauth.")}
    mail.settings.update({f"oauth.{k}": v for k, v in rows.items()} | {"oauth.jwks_file": "keys.json"})
    mail.write_config()
    mail.cli("reload")
    token = provider.token(iss=rows["issuer"], aud=rows["audience"])
    wait_for(lambda: gets_in(mail, bearer(token)))
    mail.settings = saved
    mail.write_config()
    mail.cli("reload")
    wait_for(lambda: gets_in(mail, bearer(provider.token())))


@pytest.mark.parametrize("key, value, words", [
    ("oauth.issuer", "", "issuer"), ("oauth.audience", "", "audience"), ("oauth.algorithms", "HS256", "HS256"),
    ("oauth.algorithms", "none", "none"), ("oauth.claim", "", "claim"), ("oauth.jwks_file", "nowhere.json", "nowhere.json")])
def test_settings_that_cannot_be_meant(mail, tmp_path, key, value, words):
    saved, mail.settings, mail.config = (mail.settings, mail.config), {**mail.settings, key: value}, mail.folder / "other.conf"
    mail.write_config()
    done = subprocess.run([MANSIO, "config", "check", "--config", mail.config], text=True, capture_output=True, timeout=60)
    mail.settings, mail.config = saved
    assert done.returncode != 0 and words in done.stdout + done.stderr


def test_guesses_count_also_of_who_hangs_up(mail, provider):
    """The last: 127.0.0.1 is banned behind it."""
    bad = Provider().token()
    for i in range(5):
        with Imap(mail, "127.0.0.1") as c:
            c.say("a AUTHENTICATE OAUTHBEARER " + base64.b64encode(bearer(bad).encode()).decode())
            assert c.line().startswith("+ ")
            if i % 2:
                c.say("*")
    wait_for(lambda: "127.0.0.1" in mail.cli("ban", "list").stdout)
    assert gets_in(mail, bearer(provider.token()))
