# SPDX-License-Identifier: ISC
"""Client certificates (SASL EXTERNAL; docs/AUTH.md, "Client certificates"): an authority of our own, made here, signs good ones
and bad ones; openssl, curl and a client of our own show them. Normal logins come by ::1, refused ones by 127.0.0.1."""
import base64
import datetime
import re
import shutil
import socket
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conftest import TOP, Suite, check_log, make_folder, wait_for

NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(thing):
    return thing.public_bytes(serialization.Encoding.PEM)


class Authority:
    def __init__(self, name, parent=None):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), name_of(name)
        self.parent = parent or self
        b = x509.CertificateBuilder().subject_name(self.name).issuer_name(self.parent.name).public_key(self.key.public_key())
        b = b.serial_number(x509.random_serial_number()).not_valid_before(NOW - 9 * DAY).not_valid_after(NOW + 99 * DAY)
        self.cert = b.add_extension(x509.BasicConstraints(True, None), True).sign(self.parent.key, hashes.SHA256())

    def client(self, *emails, cn="somebody", usage=(ExtendedKeyUsageOID.CLIENT_AUTH,), since=NOW - DAY, until=NOW + DAY, san=None):
        """Certificate, key."""
        key = ec.generate_private_key(ec.SECP256R1())
        b = x509.CertificateBuilder().subject_name(name_of(cn)).issuer_name(self.name).public_key(key.public_key())
        b = b.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)
        b = b.add_extension(x509.BasicConstraints(False, None), True)
        if usage:
            b = b.add_extension(x509.ExtendedKeyUsage(usage), False)
        if san:
            b = b.add_extension(x509.UnrecognizedExtension(x509.oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, san), False)
        elif emails:
            b = b.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(e) for e in emails]), False)
        return b.sign(self.key, hashes.SHA256()), key

    def revoke(self, *certificates, until=NOW + DAY):
        b = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(NOW - DAY * 2).next_update(until)
        for c in certificates:
            b = b.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(c.serial_number).revocation_date(NOW - DAY).build())
        return pem(b.sign(self.key, hashes.SHA256()))


class Shown:
    """A certificate with its key and what is sent with it, as a file."""

    def __init__(self, folder, name, made, *between):
        cert, key = made
        self.cert, self.path = cert, folder / f"{name}.pem"
        self.path.write_bytes(pem(cert) + b"".join(pem(a.cert) for a in between) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def context(self, suite, version=None):
        c = suite.context()
        c.load_cert_chain(self.path)
        if version:
            c.minimum_version = c.maximum_version = version
        return c


class World:
    def revoke(self, *names):
        """These and the one that always is; both authorities publish a list."""
        gone = [self.shown[n].cert for n in ("revoked", *names)]
        self.crl.write_bytes(b"".join(a.revoke(*[c for c in gone if c.issuer == a.name]) for a in (self.root, self.between)))


def email_san(raw):
    """subjectAltName of one rfc822Name with these very bytes."""
    return bytes([0x30, len(raw) + 2, 0x81, len(raw)]) + raw


@pytest.fixture(scope="module")
def world(system_users):
    w = World()
    w.folder = make_folder()
    w.root, w.other = Authority("root"), Authority("other")
    w.between = Authority("between", w.root)
    made = {
        "anna": (w.root.client("anna@example.org"),),
        "ben": (w.between.client("ben@example.org"), w.between),
        "both": (w.root.client("anna@example.org", "ben@example.org"),),
        "some": (w.root.client("nobody@example.org", "anna@example.org", "anna@elsewhere.example"),),
        "unknown": (w.root.client("nobody@example.org"),),
        "off": (w.root.client("off@example.org"),),
        "old": (w.root.client("anna@example.org", since=NOW - 3 * DAY, until=NOW - DAY),),
        "early": (w.root.client("anna@example.org", since=NOW + DAY / 2),),
        "foreign": (w.other.client("anna@example.org"),),
        "server": (w.root.client("anna@example.org", usage=(ExtendedKeyUsageOID.SERVER_AUTH,)),),
        "revoked": (w.root.client("anna@example.org"),),
        "nul": (w.root.client(san=email_san(b"anna@example.org\0.evil.example")),),
        "nameless": (w.root.client(),),
        "cn": (w.root.client(cn="anna@example.org"),),
    }
    w.shown = {k: Shown(w.folder, k, *v) for k, v in made.items()}
    (w.folder / "ca.pem").write_bytes(pem(w.root.cert))
    w.crl = w.folder / "crl.pem"
    w.revoke()
    w.mail = s = Suite(w.folder, {
        "auth.client_ca": "ca.pem", "auth.client_crl": "crl.pem", "auth.failure_delay": "0s", "auth.failure_delay_max": "0s",
        "ban.never": "::1, 127.0.0.1", "limit.login_failures": "1000"})
    s.start()
    for who in ("anna", "off", "ben"):
        s.account(who)
    s.cli("user", "change", "off@example.org", "active=no")
    yield w
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


class Imap:
    """One that shows a certificate, by TLS from the first byte."""

    def __init__(self, w, shown=None, version=None, session=None, context=None, host="::1"):
        self.context = context or (w.shown[shown].context(w.mail, version) if shown else w.mail.context())
        raw = socket.create_connection((host, w.mail.ports["imaps"]), 60)
        self.s = self.context.wrap_socket(raw, server_hostname="localhost", session=session)
        self.f = self.s.makefile("rb")
        self.greeting = self.line()

    def line(self):
        return self.f.readline().decode().rstrip("\r\n")

    def say(self, text):
        self.s.sendall(text.encode() + b"\r\n")

    def login(self, asked="", initial=True):
        text = base64.b64encode(asked.encode()).decode()
        if initial:
            self.say(f"a AUTHENTICATE EXTERNAL {text or '='}")
        else:
            self.say("a AUTHENTICATE EXTERNAL")
            assert self.line().startswith("+")
            self.say(text)
        return self.line()

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def login(w, shown, asked="", **kw):
    with Imap(w, shown, **kw) as c:
        return c.login(asked)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("initial", [True, False])
def test_a_certificate_is_a_login(world, version, initial):
    for shown, asked, user in (("anna", "", "anna"), ("anna", "anna@example.org", "anna"), ("anna", "ANNA@Example.org", "anna"),
                               ("ben", "", "ben"), ("both", "ben@example.org", "ben"), ("both", "anna@example.org", "anna"),
                               ("some", "", "anna")):
        since = len(world.mail.log())
        with Imap(world, shown, version) as c:
            assert "AUTH=EXTERNAL" in c.greeting
            assert c.login(asked, initial).startswith("a OK"), (shown, asked)
        assert f"user={user}@example.org" in world.mail.wait_log("mech=EXTERNAL", since)


REFUSED = {
    "unknown": "no such account", "off": "account may not log in", "old": "certificate has expired", "early": "not yet valid",
    "foreign": "unable to get", "server": "purpose", "revoked": "certificate revoked", "nul": "malformed",
    "nameless": "names nobody", "cn": "names nobody", "both": "names several accounts"}


def refusal(world, since):
    """authd's line; front logs that it was refused, before or after."""
    said = re.compile(r"authd\[\d+\] .*login-failed .*")
    wait_for(lambda: said.search(world.mail.log()[since:]))
    return said.search(world.mail.log()[since:]).group(0)


def test_what_is_refused_is_refused_alike_and_the_log_tells_why(world):
    answers = set()
    for shown, why in REFUSED.items():
        since = len(world.mail.log())
        answers.add(login(world, shown))
        line = refusal(world, since)
        assert why in line and "mech=EXTERNAL" in line, (shown, line)
    for asked in ("ben@example.org", "off@example.org", "nobody@example.org", "anna", "anna@example.org\0ben@example.org", "x" * 3000,
                  "anna@example.org, ben@example.org", "*", "\u00e4@example.org"):
        answers.add(login(world, "anna", asked))
    assert answers == {"a NO [AUTHENTICATIONFAILED] Authentication failed"}
    assert login(world, "anna").startswith("a OK")


def test_it_is_offered_to_whom_a_good_one_proved_alone(world):
    for shown in ("old", "early", "foreign", "server", "revoked"):
        with Imap(world, shown) as c:
            assert "EXTERNAL" not in c.greeting and "AUTH=PLAIN" in c.greeting
    with Imap(world) as c:
        assert "EXTERNAL" not in c.greeting
        assert c.login() == "a NO [CANNOT] Mechanism is not offered"
        c.say('b LOGIN anna@example.org "secret pass 1"')
        assert c.line().startswith("b OK")
    with Imap(world, "foreign") as c:  # one that counts for nothing costs nobody his mail
        c.say('b LOGIN anna@example.org "secret pass 1"')
        assert c.line().startswith("b OK")


def ask_line(w, service):
    """What openssl is asked for."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{w.mail.ports[service]}", "-servername", "localhost"],
                          input="", text=True, capture_output=True, timeout=60)
    return done.stdout


def test_who_is_asked(world):
    for service in ("imaps", "pop3s", "submissions"):
        text = ask_line(world, service)
        assert "Acceptable client certificate CA names\nCN = root" in text, text
    assert "No client certificate CA names sent" in ask_line(world, "https")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("shown, user", [("anna", "anna"), ("ben", "ben")])
def test_a_resumed_session_is_the_same_person_and_is_judged_anew(world, version, shown, user):
    context = world.shown[shown].context(world.mail, version)
    with Imap(world, context=context) as c:
        assert c.login("").startswith("a OK")
        session = c.s.session
    since = len(world.mail.log())
    with Imap(world, context=context, session=session) as c:
        assert c.s.session_reused and "AUTH=EXTERNAL" in c.greeting and c.login("").startswith("a OK")
        session = c.s.session
    assert f"user={user}@example.org" in world.mail.wait_log("mech=EXTERNAL", since)
    try:
        world.revoke(shown)
        world.mail.cli("reload")
        with Imap(world, context=context, session=session) as c:
            assert c.s.session_reused and "EXTERNAL" not in c.greeting
            assert c.login("").startswith("a NO [AUTHENTICATIONFAILED]")
    finally:
        world.revoke()
        world.mail.cli("reload")
    assert login(world, shown).startswith("a OK")


def curl(w, shown, user, *options):
    certificate = ("--cert", shown.path) if shown else ()
    return subprocess.run(["curl", "-sS", "--cacert", w.mail.cert, *certificate, "--user", f"{user}:", "--login-options", "AUTH=EXTERNAL",
                           *options], text=True, capture_output=True, timeout=60)


def test_curl_sends_and_reads(world, tmp_path):
    letter, p = tmp_path / "letter", world.mail.ports
    letter.write_bytes(b"From: anna@example.org\r\nTo: anna@example.org\r\nSubject: by certificate\r\n\r\nHello.\r\n")
    sent = ("--mail-from", "anna@example.org", "--mail-rcpt", "anna@example.org", "--upload-file", letter)
    for options in ((f"smtps://localhost:{p['submissions']}", *sent), (f"imaps://localhost:{p['imaps']}/INBOX", "-X", "STATUS INBOX (MESSAGES)"),
                    (f"pop3s://localhost:{p['pop3s']}/",), ("--ssl-reqd", f"imap://localhost:{p['imap']}/"),
                    ("--ssl-reqd", f"pop3://localhost:{p['pop3']}/"), ("--ssl-reqd", f"smtp://localhost:{p['submission']}", *sent)):
        good = curl(world, world.shown["anna"], "anna@example.org", *options)
        assert good.returncode == 0, (options, good.stderr)
        for shown, user in (("foreign", "anna"), ("anna", "ben"), (None, "anna")):
            bad = curl(world, world.shown[shown] if shown else None, f"{user}@example.org", *options)
            assert bad.returncode == 67, (options, shown, bad)
    world.mail.settle()
    assert "by certificate" in curl(world, world.shown["anna"], "anna@example.org", f"pop3s://localhost:{p['pop3s']}/1").stdout


def test_port_25_and_the_page_ask_nobody(world):
    assert "EXTERNAL" not in subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{world.mail.ports['smtp']}", "-starttls", "smtp", "-cert", world.shown["anna"].path],
        input="EHLO x\r\nQUIT\r\n", text=True, capture_output=True, timeout=60).stdout


@pytest.fixture
def changed(world):
    """Other settings for one test."""
    saved = dict(world.mail.settings)

    def change(**new):
        world.mail.settings.update({f"auth.{k}": v for k, v in new.items()})
        world.mail.write_config()
        return world.mail.cli("reload", check=False)
    yield change
    world.mail.settings = saved
    world.mail.write_config()
    world.mail.cli("reload")


def test_the_common_name_if_the_settings_say_so(world, changed):
    assert changed(client_name="cn").returncode == 0
    assert login(world, "cn").startswith("a OK")
    assert login(world, "anna").startswith("a NO [AUTHENTICATIONFAILED]")


def test_without_authority_nobody_is_asked(world, changed):
    assert changed(client_ca="", client_crl="").returncode == 0
    with Imap(world, "anna") as c:
        assert "EXTERNAL" not in c.greeting
        assert c.login() == "a NO [CANNOT] Mechanism is not offered"
    assert "No client certificate CA names sent" in ask_line(world, "imaps")
    since = len(world.mail.log())
    assert changed(client_ca="ca.pem").returncode == 0
    assert login(world, "revoked").startswith("a OK") and "client_why" not in world.mail.log()[since:]


def test_a_list_that_is_out_of_force_lets_nobody_in(world, changed):
    before = world.crl.read_bytes()
    try:
        world.crl.write_bytes(world.root.revoke(until=NOW - DAY))
        assert changed().returncode == 0
        since = len(world.mail.log())
        assert login(world, "anna").startswith("a NO [AUTHENTICATIONFAILED]")
        assert "CRL has expired" in refusal(world, since)
    finally:
        world.crl.write_bytes(before)


@pytest.mark.parametrize("key, text, words", [
    ("client_ca", None, "bad.pem"), ("client_ca", b"", "no certificate"), ("client_ca", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "PEM"),
    ("client_ca", "key", "private key"), ("client_crl", b"", "no list"), ("client_crl", b"-----BEGIN X509 CRL-----\nAA", "PEM"),
    ("client_depth", "11", "client_depth")])
def test_files_that_cannot_be_used_leave_those_of_before(world, changed, key, text, words):
    bad = world.folder / "bad.pem"
    bad.unlink(missing_ok=True)
    if text == "key":
        text = world.shown["anna"].path.read_bytes()
    if isinstance(text, bytes):
        bad.write_bytes(text)
    done = changed(**{key: text if isinstance(text, str) else "bad.pem"})
    assert done.returncode != 0 and words in done.stdout + done.stderr, done
    assert login(world, "anna").startswith("a OK")


def test_the_document(world, changed, tmp_path):
    """docs/AUTH.md: from an authority to a login."""
    part = (TOP / "docs" / "AUTH.md").read_text().split("\n## Client certificates\n")[1].split("\n## ")[0]
    lines = re.findall(r"^    (.*)$", part, re.M)
    rows = dict(line.split(" = ", 1) for line in lines if re.match(r"\w+ = ", line))

    def here(text):
        return text.replace("/etc/mansio", str(tmp_path)).replace("/root", str(tmp_path))
    for line in lines:
        if line.startswith("openssl"):
            subprocess.run(here(line), shell=True, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert changed(client_crl="", **{k: here(v) for k, v in rows.items()}).returncode == 0
    line = next(line for line in lines if line.startswith("curl"))
    line = line.replace("imaps://mail.example.org/", f"imaps://localhost:{world.mail.ports['imaps']}/ -sS --cacert {world.mail.cert}")
    done = subprocess.run(line, shell=True, cwd=tmp_path, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0 and "INBOX" in done.stdout, done
