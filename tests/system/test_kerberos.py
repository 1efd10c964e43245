# SPDX-License-Identifier: ISC
"""Kerberos (SASL GSSAPI and GS2-KRB5; docs/AUTH.md, "Kerberos"): a real KDC of MIT's, in a folder of its own on the loopback
interface, gives tickets; curl and a client of our own log in with them. Normal logins come by ::1."""
import base64
import os
import pathlib
import re
import shutil
import socket
import subprocess

import gssapi
import pytest
from gssapi.raw import ChannelBindings

from conftest import MANSIO, TOP, Suite, check_log, free_ports, make_folder, wait_for


class Kdc:
    def __init__(self, folder, realm="EXAMPLE.ORG"):
        self.folder, self.realm, self.process = folder, realm, None
        folder.mkdir()
        self.port = free_ports(1)[0]
        self.env = {**os.environ, "KRB5_CONFIG": str(folder / "krb5.conf"), "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
                    "KRB5CCNAME": str(folder / "tickets")}
        (folder / "krb5.conf").write_text(
            f"[libdefaults]\ndefault_realm = {realm}\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\n"
            "dns_canonicalize_hostname = false\ndefault_keytab_name = /nonexistent\n"
            f"[realms]\n{realm} = {{\nkdc = 127.0.0.1:{self.port}\n}}\n")
        (folder / "kdc.conf").write_text(
            f"[kdcdefaults]\nkdc_listen = 127.0.0.1:{self.port}\nkdc_tcp_listen = 127.0.0.1:{self.port}\n[logging]\nkdc = FILE:{folder}/log\n"
            f"[realms]\n{realm} = {{\ndatabase_name = {folder}/principal\nkey_stash_file = {folder}/stash\n"
            "supported_enctypes = aes256-cts:normal aes128-cts:normal\n}\n")
        self.run("kdb5_util", "create", "-r", realm, "-s", "-P", "master")

    def run(self, *args, input=None, env=None):
        return subprocess.run(args, check=True, env=env or self.env, text=True, input=input, capture_output=True, timeout=60).stdout

    def admin(self, *questions):
        return self.run("kadmin.local", "-r", self.realm, input="\n".join(questions) + "\n")

    def start(self):
        self.process = subprocess.Popen(["krb5kdc", "-n", "-r", self.realm], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def answers():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for(answers)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def person(self, name, *options):
        """Environment of somebody with a ticket for tickets; kinit's options before the name."""
        env = {**self.env, "KRB5CCNAME": str(self.folder / ("cc-" + re.sub(r"\W", "_", name + "".join(options))))}
        self.run("kinit", *options, name, input="secret\n", env=env)
        return env


@pytest.fixture(scope="module")
def world(system_users):
    folder = make_folder()
    k = Kdc(folder / "kdc")
    services = [f"{s}/{h}" for s in ("imap", "pop", "smtp") for h in ("localhost", "mail.example.org")]
    people = ["anna", "ben", "off", "nobody", "anna/admin", "Anna.Maria"]
    k.admin(*[f"addprinc -pw secret {p}" for p in people], *[f"addprinc -randkey {s}" for s in services],
            *[f"addprinc -randkey -e {kind}:normal imap/{name}" for name, kind in KINDS.items()],
            *[f"ktadd -e {kind}:normal -k {folder}/mail.keytab imap/{name}" for name, kind in KINDS.items()], "addprinc -randkey ldap/localhost", "addprinc -randkey imap/other", f"ktadd -k {folder}/mail.keytab " + " ".join(services),
            f"ktadd -k {folder}/ldap.keytab ldap/localhost")
    k.start()
    s = Suite(folder, {
        "kerberos.keytab": "mail.keytab", "kerberos.realms": "EXAMPLE.ORG=example.org", "auth.failure_delay": "0s",
        "auth.failure_delay_max": "0s", "ban.never": "::1, 127.0.0.1", "limit.login_failures": "1000"})
    s.kdc = k
    try:
        s.start()
        for who in ("anna", "ben", "off", "anna.maria"):
            s.account(who)
        s.cli("user", "change", "off@example.org", "active=no")
        yield s
    finally:
        s.stop()
        k.stop()
    check_log(s)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def anna(world):
    return world.kdc.person("anna")


def curl(world, env, url, *options, user="anna@example.org"):
    return subprocess.run(["curl", "-sS", "--cacert", world.cert, "--user", f"{user}:", "--login-options", "AUTH=GSSAPI", *options, url],
                          text=True, capture_output=True, timeout=60, env=env)


def test_curl_sends_and_reads(world, anna, tmp_path):
    letter, p = tmp_path / "letter", world.ports
    letter.write_bytes(b"From: anna@example.org\r\nTo: anna@example.org\r\nSubject: by ticket\r\n\r\nHello.\r\n")
    sent = ("--mail-from", "anna@example.org", "--mail-rcpt", "anna@example.org", "--upload-file", letter)
    since = len(world.log())
    for url, options in ((f"smtps://localhost:{p['submissions']}", sent), (f"imaps://localhost:{p['imaps']}/", ()),
                         (f"pop3s://localhost:{p['pop3s']}/", ()), (f"imap://localhost:{p['imap']}/", ("--ssl-reqd",)),
                         (f"smtp://localhost:{p['submission']}", ("--ssl-reqd", *sent))):
        done = curl(world, anna, url, *options)
        assert done.returncode == 0, (url, done.stderr)
    world.settle()
    assert "by ticket" in curl(world, anna, f"pop3s://localhost:{p['pop3s']}/1").stdout
    assert "user=anna@example.org" in world.wait_log("mech=GSSAPI", since)


def test_other_programs_log_in(world, anna, tmp_path):
    """GSSAPI. (gsasl's GS2 does not ask for sequence detection, which Cyrus SASL wants to see.)"""
    p, env = world.ports, {**anna, "HOME": str(tmp_path), "TERM": "dumb"}

    def run(*args, input=""):
        return subprocess.run([str(a) for a in args], input=input, text=True, capture_output=True, timeout=60, env=env, errors="replace")
    since = len(world.log())
    done = run("gsasl", "--client", "--imap", f"--connect=localhost:{p['imap']}", "--starttls", f"--x509-ca-file={world.cert}", "-m", "GSSAPI",
               "-a", "anna@example.org", "-z", "anna@example.org", "--service=imap", "--hostname=localhost")
    assert done.returncode == 0, done
    assert "user=anna@example.org" in world.wait_log("mech=GSSAPI ", since)
    rc = tmp_path / "msmtprc"
    rc.write_text(f"account default\nhost localhost\nport {p['submission']}\ntls on\ntls_starttls on\ntls_trust_file {world.cert}\n"
                  "auth gssapi\nuser anna@example.org\nfrom anna@example.org\n")
    rc.chmod(0o600)
    done = run("msmtp", "-C", rc, "anna@example.org", input="Subject: by msmtp\n\nx\n")
    assert done.returncode == 0, done
    world.settle()


KRB5 = gssapi.MechType.kerberos


class Client:
    """IMAP, and the client's side of GSSAPI (RFC 4752) and GS2-KRB5 (RFC 5801) by hand."""

    def __init__(self, world, env, host="::1", service="imap@localhost"):
        store = {"ccache": env["KRB5CCNAME"]} if env else None
        self.creds = gssapi.Credentials(usage="initiate", store=store) if env else None
        self.target = gssapi.Name(service, gssapi.NameType.hostbased_service)
        self.s = world.context().wrap_socket(socket.create_connection((host, world.ports["imaps"]), 60), server_hostname="localhost")
        self.f = self.s.makefile("rb")
        self.greeting = self.line()

    def line(self):
        return self.f.readline().decode().rstrip("\r\n")

    def say(self, data):
        self.s.sendall((data if isinstance(data, bytes) else data.encode()) + b"\r\n")

    def send(self, token):
        self.say(base64.b64encode(token))
        return self.line()

    def start(self, mech, token):
        self.say(b"a AUTHENTICATE " + mech.encode() + b" " + (base64.b64encode(token) or b"="))
        return self.line()

    def context(self, binding=None):
        self.ctx = gssapi.SecurityContext(
            name=self.target, creds=self.creds, mech=KRB5, usage="initiate",
            flags=[gssapi.RequirementFlag.mutual_authentication, gssapi.RequirementFlag.integrity,
                   gssapi.RequirementFlag.out_of_sequence_detection],
            channel_bindings=ChannelBindings(application_data=binding) if binding is not None else None)
        return self.ctx.step()

    def gssapi(self, asked="", layer=b"\1\0\0\0"):
        line = self.start("GSSAPI", self.context())
        while line.startswith("+") and not self.ctx.complete:
            line = self.send(self.ctx.step(base64.b64decode(line[2:])) or b"")
        if not line.startswith("+"):
            return line
        offer = self.ctx.unwrap(base64.b64decode(line[2:])).message
        assert offer[0] == 1  # no security layer but none
        return self.send(self.ctx.wrap(layer + asked.encode(), False).message)

    def gs2_first(self, header, data=b""):
        """RFC 5801 4: without the frame of a first token (RFC 2743 3.1)."""
        token = self.context(header + data)
        at = 2 if token[1] < 0x80 else 2 + (token[1] & 0x7f)
        return header + token[at + 2 + token[at + 1]:]

    def gs2(self, mech="GS2-KRB5", header=b"n,,", data=b""):
        line = self.start(mech, self.gs2_first(header, data))
        while line.startswith("+"):
            line = self.send(self.ctx.step(base64.b64decode(line[2:])) or b"")
        return line

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


@pytest.fixture(scope="module", autouse=True)
def own_settings(world):
    before = os.environ.get("KRB5_CONFIG")
    os.environ["KRB5_CONFIG"] = world.kdc.env["KRB5_CONFIG"]
    yield
    if before is None:
        del os.environ["KRB5_CONFIG"]
    else:
        os.environ["KRB5_CONFIG"] = before


KINDS = {"aes128": "aes128-cts-hmac-sha1-96", "aes256": "aes256-cts-hmac-sha1-96", "sha2": "aes256-cts-hmac-sha384-192"}
FAILED = "a NO [AUTHENTICATIONFAILED] Authentication failed"
CLOCK = "a NO [UNAVAILABLE] The clock of this device is too far from the one of the server: set it, then try again"


def login(world, env, asked="", **kw):
    with Client(world, env, **kw) as c:
        return c.gssapi(asked)


def why(world, since):
    """As authd tells it; front logs that it was refused, before or after."""
    said = re.compile(r'authd\[\d+\] (?:WARN )?login-failed .*(why=(?:"[^"]*"|\S+))')
    wait_for(lambda: said.search(world.log()[since:]))
    return said.search(world.log()[since:]).group(1)


def test_a_ticket_is_a_login(world, anna):
    with Client(world, anna) as c:
        assert "AUTH=GSSAPI AUTH=GS2-KRB5-PLUS AUTH=GS2-KRB5" in c.greeting
    for asked in ("", "anna", "anna@example.org", "ANNA@example.org", "anna@EXAMPLE.ORG"):
        since = len(world.log())
        assert login(world, anna, asked).startswith("a OK"), asked
        assert "user=anna@example.org" in world.wait_log("mech=GSSAPI", since)
    assert login(world, anna, service="imap@mail.example.org").startswith("a OK")  # any name of this host
    assert login(world, world.kdc.person("Anna.Maria")).startswith("a OK")


def test_gs2_with_and_without_channel_binding(world, anna):
    for header in (b"n,,", b"n,a=anna@example.org,", b"n,a=anna,"):
        with Client(world, anna) as c:
            assert c.gs2(header=header).startswith("a OK"), header
    end_point = end_point_of(world)
    with Client(world, anna) as c:
        assert c.gs2("GS2-KRB5-PLUS", b"p=tls-server-end-point,,", end_point).startswith("a OK")
    for mech, header, data in (("GS2-KRB5-PLUS", b"p=tls-server-end-point,,", b"\0" * len(end_point)), ("GS2-KRB5-PLUS", b"n,,", b""),
                               ("GS2-KRB5", b"y,,", b""), ("GS2-KRB5", b"p=tls-server-end-point,,", end_point),
                               ("GS2-KRB5", b"n,a=ben@example.org,", b""), ("GS2-KRB5", b"F,n,,", b""), ("GS2-KRB5", b"", b"")):
        with Client(world, anna) as c:
            assert c.gs2(mech, header, data) == FAILED, (mech, header)


def end_point_of(world):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    cert = x509.load_pem_x509_certificate(world.cert.read_bytes())
    return cert.fingerprint(cert.signature_hash_algorithm or hashes.SHA256())


def test_who_else_stays_out_and_the_log_tells_why(world, anna):
    k = world.kdc
    for env, asked, words in ((k.person("nobody"), "", "no such account"), (k.person("off"), "", "may not log in"),
                              (k.person("anna/admin"), "", "not that of a person"), (k.person("anna/admin"), "anna", "not that of a person"),
                              (anna, "ben@example.org", "another account"), (anna, "ben", "another account"),
                              (anna, "ben@EXAMPLE.ORG", "another account"), (anna, "anna@OTHER.ORG", "another account"),
                              (anna, "anna/admin", "not that of a person"), (anna, "x" * 900, "")):
        since = len(world.log())
        assert login(world, env, asked) == FAILED, asked
        assert words in why(world, since), (asked, why(world, since))
    assert login(world, anna).startswith("a OK")


def test_keys_of_other_services_do_not_count(world, anna):
    for service in ("smtp@localhost", "pop@localhost", "ldap@localhost", "imap@other"):
        since = len(world.log())
        assert login(world, anna, service=service) == FAILED
        assert why(world, since)


def test_a_used_token_is_good_no_more(world, anna):
    with Client(world, anna) as c, Client(world, anna) as d:
        first = c.gs2_first(b"n,,")
        line = c.start("GS2-KRB5", first)
        while line.startswith("+"):
            line = c.send(c.ctx.step(base64.b64decode(line[2:])) or b"")
        assert line.startswith("a OK")
        since = len(world.log())
        assert d.start("GS2-KRB5", first) == FAILED
        assert "replay" in why(world, since)


def test_a_clock_that_is_off_is_named_and_is_no_guess(world, anna):
    k, p = world.kdc, world.ports
    k.run("kvno", "imap/localhost", "smtp/localhost", "pop/localhost", env=anna)
    for off, skew in (("+30m", "5m"), ("-2m", "1m")):
        world.settings["kerberos.clock_skew"] = skew
        world.write_config()
        world.cli("reload")
        env = {**anna, "FAKETIME": off, "LD_PRELOAD": FAKETIME}
        since = len(world.log())
        done = curl(world, env, f"imaps://localhost:{p['imaps']}/", "-kv")
        assert done.returncode != 0 and CLOCK[5:] in done.stderr, done.stderr
        assert "Clock skew" in why(world, since)
        done = curl(world, env, f"pop3s://localhost:{p['pop3s']}/", "-kv")
        assert "-ERR [SYS/TEMP] The clock of this device" in done.stderr
        done = curl(world, env, f"smtps://localhost:{p['submissions']}", "-kv", "--mail-from", "anna@example.org", "--mail-rcpt", "x@example.org")
        assert "454 4.7.0 The clock of this device" in done.stderr
    del world.settings["kerberos.clock_skew"]
    world.write_config()
    world.cli("reload")
    assert curl(world, env, f"imaps://localhost:{p['imaps']}/", "-k").returncode == 0
    assert login(world, anna).startswith("a OK")


FAKETIME = next((str(f) for f in pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), "libfaketime.so.1")


def test_an_old_ticket_is_none(world):
    k = world.kdc
    k.stop()
    yesterday = {"FAKETIME": "-1d", "LD_PRELOAD": FAKETIME}
    env = {**k.env, "KRB5CCNAME": str(k.folder / "old")}
    try:
        k.process = subprocess.Popen(["krb5kdc", "-n", "-r", k.realm], env={**k.env, **yesterday}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def tickets():
            try:
                k.run("kinit", "-l", "10m", "anna", input="secret\n", env={**env, **yesterday})
                k.run("kvno", "imap/localhost", env={**env, **yesterday})
                return True
            except subprocess.CalledProcessError:
                return False
        wait_for(tickets)
        since = len(world.log())
        assert curl(world, {**env, **yesterday}, f"imaps://localhost:{world.ports['imaps']}/", "-k").returncode != 0
        assert re.search("Clock skew|[Ee]xpired", why(world, since))  # the library looks at one of them first
    finally:
        k.stop()
        k.start()


def test_each_kind_of_key(world, anna):
    for kind in KINDS:
        since = len(world.log())
        assert login(world, anna, service=f"imap@{kind}").startswith("a OK"), (kind, world.log()[since:])
    assert set(KINDS.values()) <= set(re.findall(r"\(([\w-]+)\)", world.kdc.run("klist", "-kte", str(world.folder / "mail.keytab"))))


def test_the_kdc_may_be_away(world, anna):
    assert login(world, anna).startswith("a OK")
    world.kdc.stop()
    try:
        assert login(world, anna).startswith("a OK")
        with Client(world, anna) as c:
            assert c.gs2().startswith("a OK")
    finally:
        world.kdc.start()


def test_another_realm_is_another_person(world, anna):
    k = Kdc(world.folder / "other", "OTHER.ORG")
    before = (world.folder / "mail.keytab").read_bytes()
    try:
        k.admin("addprinc -pw secret anna", "addprinc -randkey imap/localhost")
        k.start()
        os.environ["KRB5_CONFIG"] = k.env["KRB5_CONFIG"]
        env = k.person("anna")
        since = len(world.log())
        assert login(world, env) == FAILED and why(world, since)  # we have no key of it
        k.admin(f"ktadd -k {world.folder}/mail.keytab imap/localhost")
        world.cli("reload")
        env = k.person("anna", "-r", "1h")  # kadmin's keys are new ones
        since = len(world.log())
        assert login(world, env) == FAILED
        assert "a realm that is not ours" in why(world, since)
        world.settings["kerberos.realms"] = "EXAMPLE.ORG, OTHER.ORG=example.org"
        world.write_config()
        world.cli("reload")
        assert login(world, env).startswith("a OK")
    finally:
        k.stop()
        (world.folder / "mail.keytab").write_bytes(before)
        world.settings["kerberos.realms"] = "EXAMPLE.ORG=example.org"
        world.write_config()
        world.cli("reload")
        os.environ["KRB5_CONFIG"] = world.kdc.env["KRB5_CONFIG"]
    assert login(world, anna).startswith("a OK")


def test_tokens_of_attackers(world, anna):
    with Client(world, anna) as c:
        good = c.context()
        gs2 = c.gs2_first(b"n,,")
    odd = [b"", b"\0", b"`", b"`\x80", b"`\x84\xff\xff\xff\xff", b"`\x81\x02\x06\x09", good[:1], good[:20], good[:-1], good[1:], good * 2, good + b"\0",
           b"\x60\x06\x06\x04\x2b\x06\x01\x05", b"A" * 4000, bytes(range(256)), b"NTLMSSP\0\1\0\0\0", good[:40] + b"\0" * 40 + good[80:],
           good[:-30] + bytes(30), bytes(b ^ 1 for b in good), good[:15] + b"\xff\xff\xff\xff" + good[19:]]
    odd += [good[:i] + bytes([good[i] ^ 0x80]) + good[i + 1:] for i in (2, 4, 8, 13, 17, 20, 30, 60)]
    gs2s = [b"n,,", b"n,a=,", b"n,,\0", b"y", b"F", gs2[:10], gs2[3:], gs2 + b"\0", gs2.replace(b"n,,", b"n,a=\xff,"), b"p=,,x",
            b"n,a=" + b"=2C" * 900 + b",", bytes(b ^ 1 for b in gs2)]
    for mech, tokens in (("GSSAPI", odd), ("GS2-KRB5", gs2s), ("GS2-KRB5-PLUS", gs2s)):
        for token in tokens:
            with Client(world, anna) as c:
                line = c.start(mech, token)
                while line.startswith("+"):
                    line = c.send(token)
                assert line == FAILED, (mech, token)
    # the context is good, what follows is not
    for layer in (b"", b"\2\0\0\0", b"\1", b"\4\xff\xff\xff"):
        with Client(world, anna) as c:
            assert c.gssapi(layer=layer) == FAILED, layer
    with Client(world, anna) as c:
        line = c.start("GSSAPI", c.context())
        while line.startswith("+") and not c.ctx.complete:
            line = c.send(c.ctx.step(base64.b64decode(line[2:])) or b"")
        assert c.send(b"\5\4" + bytes(40)) == FAILED
    assert login(world, anna).startswith("a OK")


def check(world, **changes):
    saved, world.config = (dict(world.settings), world.config), world.folder / "other.conf"
    world.settings.update({f"kerberos.{k}": v for k, v in changes.items()})
    world.write_config()
    text = world.config.read_text()
    done = subprocess.run([MANSIO, "config", "check", "--config", world.config], text=True, capture_output=True, timeout=60)
    world.settings, world.config = saved
    return done.returncode, done.stdout + done.stderr, text


@pytest.mark.parametrize("key, value, words", [
    ("keytab", "nowhere", "No such file"), ("keytab", "mansio.conf", "is no keytab"), ("keytab", "ldap.keytab", "none of imap/HOST"),
    ("keytab", "cut.keytab", "damaged or cut off"), ("realms", "", "whose tickets count"), ("realms", "A B", "REALM=domain"),
    ("realms", "A=", "REALM=domain"), ("realms", "A=@", "REALM=domain"), ("clock_skew", "2h", "clock_skew")])
def test_settings_that_cannot_be_meant(world, key, value, words):
    (world.folder / "cut.keytab").write_bytes((world.folder / "mail.keytab").read_bytes()[:-3])
    code, said, text = check(world, **{key: value})
    line = next(i for i, row in enumerate(text.splitlines(), 1) if row.startswith(key + " ="))
    assert code != 0 and words in said and f"other.conf:{line}:" in said, said


def test_without_the_plug_in_the_start_says_what_is_missing(world, tmp_path):
    """In a file system of its own the suite sees the other plug-ins alone."""
    there = next(pathlib.Path("/usr/lib").glob("*/sasl2"))
    for lib in there.glob("lib*.so*"):
        if "gs" not in lib.name:
            shutil.copy(lib, tmp_path)
    tmp_path.chmod(0o755)
    other = Suite(make_folder(), {"kerberos.keytab": world.folder / "mail.keytab", "kerberos.realms": "EXAMPLE.ORG"})
    other.prefix = ["unshare", "-m", "sh", "-c", f'mount --bind {tmp_path} {there} && exec "$@"', "sh"]
    with pytest.raises(RuntimeError):
        other.start()
    assert "libsasl2-modules-gssapi-mit" in other.log() and re.search(r"process=authd .*exit 78", other.log())
    shutil.rmtree(other.folder)


def test_the_document(world, own_suite):
    """docs/AUTH.md: from a keytab to a login."""
    part = (TOP / "docs" / "AUTH.md").read_text().split("\n## Kerberos\n")[1].split("\n## ")[0]
    lines = re.findall(r"^    (.*)$", part, re.M)
    rows = dict(line.split(" = ", 1) for line in lines if re.match(r"\w+ = ", line))
    keytab = world.folder / "document.keytab"
    for line in lines:
        if line.startswith("kadmin.local"):
            world.kdc.run("sh", "-c", line.replace("/etc/mansio/mail.keytab", str(keytab)))
    s = own_suite({f"kerberos.{k}": v.replace("/etc/mansio/mail.keytab", str(keytab)) for k, v in rows.items()})
    s.account("anna")
    world.kdc.run("kinit", "anna", input="secret\n")
    line = next(line for line in lines if line.startswith("curl"))
    done = subprocess.run(line + f" -sS --cacert {s.cert} --connect-to ::localhost:{s.ports['imaps']}", shell=True, text=True,
                          capture_output=True, timeout=60, env=world.kdc.env)
    assert done.returncode == 0 and "INBOX" in done.stdout, done
