# SPDX-License-Identifier: ISC
"""Rules of access and rewriting from files, relaying for clients by their certificate, and a backup that is told that the
primary is back (ETRN)."""
import datetime
import hashlib
import json
import smtplib
import socket
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import DOMAIN, wait_for

# --- files


def codes(s, sender, *rcpts, source=None):
    """What port 25 says to each recipient, from a stranger; and the last reply."""
    with smtplib.SMTP("localhost", s.ports["smtp"], timeout=20, source_address=source) as c:
        c.ehlo()
        assert c.mail(sender)[0] == 250
        said = [c.rcpt(r) for r in rcpts]
        return [x[0] for x in said], said[-1][1].decode()


def test_rules_from_files_count_at_a_reload_and_a_broken_file_changes_nothing(own_suite):
    s = own_suite(start=False)
    access, rewrite = s.folder / "access", s.folder / "rewrite"
    s.settings.update({"smtp.access_file": "access", "smtp.rewrite_file": str(rewrite), "send.hold_all": "yes"})
    s.write_config()
    access.write_text("# who may not\nsender .spam.example reject not from there # since may\nsender ok@good.spam.example allow\n"
                      "client 127.0.0.3 relay\n")
    rewrite.write_text(f"recipient @old.{DOMAIN} @{DOMAIN}\n")
    s.start()
    anna = s.account("anna")
    to = anna.address
    assert codes(s, "x@a.spam.example", to)[0] == [550] and "not from there" in codes(s, "x@a.spam.example", to)[1]
    assert codes(s, "ok@good.spam.example", to, f"anna@old.{DOMAIN}", f"nobody@old.{DOMAIN}")[0] == [250, 250, 550]
    assert codes(s, "p@x.example", "x@outside.example")[0] == [550]
    assert codes(s, "p@x.example", "x@outside.example", source=("127.0.0.3", 0))[0] == [250]

    # beside the rules of the command: the most exact one counts, and of two about the same that of the command
    s.cli("access", "add", "sender", "x@a.spam.example", "allow")
    wait_for(lambda: codes(s, "x@a.spam.example", to)[0] == [250])
    s.cli("access", "add", "sender", "ok@good.spam.example", "reject")
    wait_for(lambda: codes(s, "ok@good.spam.example", to)[0] == [550])
    listed = [(r["who"], r["action"], r["from"]) for r in json.loads(s.cli("--json", "access", "list").stdout)]
    assert ("ok@good.spam.example", "reject", "command") in listed and ("ok@good.spam.example", "allow", "file") in listed
    s.cli("access", "remove", "sender", "ok@good.spam.example")
    wait_for(lambda: codes(s, "ok@good.spam.example", to)[0] == [250])
    refused = s.cli("access", "remove", "sender", "ok@good.spam.example", check=False)
    assert refused.returncode == 67 and "access_file" in refused.stderr

    # a mistake: said with file and line, by all who look, and the old rules stay
    good = access.read_text()
    access.write_text("sender y@b.example reject\n" + good + "\nsender z@b.example rejct\ncleint 10.0.0.1 hold\n")
    for args in (["reload"], ["config", "check"], ["config", "set", "smtp.table_rules", "1000"]):
        p = s.cli(*args, check=False)
        assert p.returncode and f"{access}:7: 'rejct': action is reject, hold, allow, or relay; did you mean 'reject'?" in p.stderr, p.stderr
        assert f"{access}:8: 'cleint' is neither" in p.stderr and "did you mean 'client'?" in p.stderr
    assert str(access) in s.wait_log("reload-refused")
    assert codes(s, "x@b.spam.example", to)[0] == [550] and codes(s, "y@b.example", to)[0] == [250]

    # many rules
    access.write_text("".join(f"sender u{i}@many.example {'reject' if i % 2 else 'allow'}\n" for i in range(100000)) + "sender * hold\n")
    s.cli("reload")
    wait_for(lambda: codes(s, "u99999@many.example", to)[0] == [550])
    assert codes(s, "u4@many.example", to)[0] == [250] and codes(s, "y@b.example", to)[0] == [250]
    assert codes(s, "x@b.spam.example", to)[0] == [250], "a rule that is not in the file any more counts"
    s.cli("config", "unset", "smtp.access_file")
    wait_for(lambda: codes(s, "u99999@many.example", to)[0] == [250])


def test_a_broken_file_of_rules_holds_nothing_else_up_and_never_means_fewer_rules(own_suite):
    s = own_suite({"smtp.access_file": "access", "smtp.hops": "41"}, start=False)
    access = s.folder / "access"
    access.write_text("sender .spam.example rejct\n")
    with pytest.raises(RuntimeError):  # nothing that was good before: better no start than one without the rules
        s.start()
    assert f"{access}:1: 'rejct'" in s.log()
    access.write_text("sender .spam.example reject\n")
    s.start()
    to = s.account().address
    assert codes(s, "x@a.spam.example", to)[0] == [550]
    access.write_text("sender .spam.example rejct\n")

    # what has nothing to do with it counts, and the mistake is told
    said = json.loads(s.cli("--json", "config", "set", "smtp.hops", "42").stdout)
    assert f"{access}:1: 'rejct'" in said["rules_kept"] and s.wait_log("rules-old")
    assert s.cli("config", "show", "smtp.hops").stdout == "42\n" and codes(s, "x@a.spam.example", to)[0] == [550]
    s.cli("config", "undo", said["id"])
    assert s.cli("config", "show", "smtp.hops").stdout == "41\n" and codes(s, "x@a.spam.example", to)[0] == [550]
    before = s.config.read_text()
    (s.folder / "other").write_text("sender x@y.example rejct\n")
    p = s.cli("config", "set", "smtp.access_file", "other", check=False)
    assert p.returncode == 65 and "other:1: 'rejct'" in p.stderr and s.config.read_text() == before

    # the next start goes on with what was good
    s.stop()
    n = len(s.log())
    s.start()
    assert codes(s, "x@a.spam.example", to)[0] == [550] and "rules of the last files that were good" in s.log()[n:]
    s.cli("config", "set", "smtp.hops", "43")
    assert codes(s, "x@a.spam.example", to)[0] == [550]
    assert s.cli("config", "check", check=False).returncode == 78 and s.cli("reload", check=False).returncode == 78
    access.write_text("sender .junk.example reject\n")
    s.cli("reload")
    assert codes(s, "x@a.spam.example", to)[0] == [250] and codes(s, "x@a.junk.example", to)[0] == [550]


# --- certificates


class Client:
    """A key with a certificate that nobody vouches for, valid or long expired."""

    def __init__(self, folder, name, days=30):
        key = ec.generate_private_key(ec.SECP256R1())
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        cert = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(end - datetime.timedelta(days=60))
                .not_valid_after(end).sign(key, hashes.SHA256()))
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self.fingerprint = cert.fingerprint(hashes.SHA256()).hex()
        spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key = hashlib.sha256(spki).hexdigest()

    def colons(self):
        return ":".join(self.fingerprint[i:i + 2] for i in range(0, 64, 2)).upper()


class Wire:
    """SMTP under TLS with a certificate, and perhaps an earlier session."""

    def __init__(self, s, client=None, session=None, service="smtp", version=None):
        self.context = s.context()
        if version:
            self.context.maximum_version = version
        if client:
            self.context.load_cert_chain(client.pem)
        if session:
            self.context = session[0]
        self.sock = s.connect(service)
        if service != "submissions":
            self.read()
            self.say("EHLO client.example")
            self.say("STARTTLS")
        self.sock = self.context.wrap_socket(self.sock, server_hostname="localhost", session=session[1] if session else None)
        if service == "submissions":
            self.read()
        self.hello = self.say("EHLO client.example")

    def read(self):
        buf = b""
        while True:
            more = self.sock.recv(65536)
            assert more, buf
            buf += more
            last = buf.rstrip(b"\r\n").split(b"\r\n")[-1]
            if buf.endswith(b"\r\n") and last[3:4] == b" ":
                return buf.decode()

    def say(self, line):
        self.sock.sendall(line.encode() + b"\r\n")
        return self.read()

    def relays(self, to="x@outside.example"):
        code = self.say("MAIL FROM:<printer@elsewhere.example>")[:3]
        if code == "250":
            code = self.say(f"RCPT TO:<{to}>")[:3]
            self.say("RSET")
        return int(code)

    def session(self):
        """For another connection; the ticket has come with the first reply."""
        return self.context, self.sock.session

    def close(self):
        self.sock.close()


def relays(s, client=None, **kw):
    w = Wire(s, client, **kw)
    try:
        return w.relays()
    finally:
        w.close()


def asked(s, service="smtp"):
    """Does this port ask for a certificate, as openssl sees it?"""
    p = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{s.ports[service]}",
                        *(["-starttls", "smtp"] if service != "submissions" else [])],
                       input="QUIT\r\n", capture_output=True, text=True, timeout=20)
    assert "Cipher" in p.stdout
    return "Requested Signature Algorithms" in p.stdout


def test_a_client_relays_by_its_certificate_and_by_no_other(own_suite):
    s = own_suite({"send.hold_all": "yes"})
    anna = s.account("anna")
    known, by_key, expired, other = (Client(s.folder, n, d) for n, d in (("known", 30), ("key", 30), ("expired", -10), ("other", 30)))
    assert not asked(s) and relays(s, known) == 550
    s.cli("config", "set", "smtp.relay_certificates", f"{known.colons()}, sha256:{by_key.key}, {expired.fingerprint}")
    assert asked(s) and not asked(s, "submission") and not asked(s, "submissions")
    assert [relays(s, c) for c in (known, by_key, expired, other, None)] == [250, 250, 250, 550, 550]
    assert relays(s, known, version=ssl.TLSVersion.TLSv1_2) == 250
    assert "code=550" in s.wait_log(f"its certificate sha256:{other.fingerprint} may not relay")
    with smtplib.SMTP("localhost", s.ports["smtp"]) as c:  # in clear nobody is known
        c.ehlo()
        c.mail("x@y.example")
        assert c.rcpt("x@outside.example")[0] == 550

    # a session that is resumed is the same client; what is struck off the list counts no more
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        first, nobody = Wire(s, known, version=version), Wire(s, other, version=version)
        assert first.relays() == 250
        tickets = first.session(), nobody.session()
        first.close(), nobody.close()
        again = Wire(s, session=tickets[0])
        assert again.sock.session_reused and again.relays() == 250
        again.close()
        again = Wire(s, session=tickets[1])
        assert again.sock.session_reused and again.relays() == 550
        again.close()
    line = s.wait_log(f"client_cert={known.fingerprint}")
    assert f"client_key={known.key}" in line

    # behind a hand-over, asleep in a transaction, and in the trace fields
    s.cli("config", "set", "smtp.park_after", "20ms")
    w = Wire(s, known)
    assert w.say("MAIL FROM:<printer@elsewhere.example>")[:3] == "250"
    since = len(s.log())
    s.wait_log("handback", since - 2000)
    assert w.say("RCPT TO:<x@outside.example>")[:3] == "250"
    assert w.say(f"RCPT TO:<{anna.address}>")[:3] == "250" and w.say("DATA")[:3] == "354"
    assert w.say("Subject: by certificate\r\n\r\nx\r\n.")[:3] == "250"
    assert "ETRN" in w.hello
    w.close()
    s.cli("queue", "release", f"recipient={anna.address}")
    with s.imap(anna) as c:
        wait_for(lambda: int(c.select()[1][0]) == 1, 20)
        text = c.fetch("1", "(BODY[HEADER.FIELDS (RECEIVED)])")[1][0][1]
    assert b"client certificate sha256:" + known.fingerprint.encode() in text

    # swaks, whose TLS is another one's
    p = subprocess.run(["swaks", "--server", f"127.0.0.1:{s.ports['smtp']}", "--tls", "--tls-cert", known.pem, "--tls-key", known.pem,
                        "--from", "a@b.example", "--to", "x@outside.example"], capture_output=True, text=True, timeout=30)
    assert p.returncode == 0, p.stdout + p.stderr

    # on the submission ports a certificate stands for a login only where that was set
    assert relays(s, known, service="submissions") == 530
    s.cli("config", "set", "smtp.ask_certificate", "all")
    wait_for(lambda: asked(s, "submissions"))
    assert [relays(s, c, service="submissions") for c in (known, other, None)] == [250, 530, 530]

    # rules about certificates
    s.cli("access", "add", "client", other.colons(), "relay")
    s.cli("access", "add", "client", by_key.key, "reject", "text=your key is lost")
    wait_for(lambda: [relays(s, c) for c in (other, by_key, known)] == [250, 550, 250])
    assert relays(s, other, service="submissions") == 530
    s.cli("config", "unset", "smtp.relay_certificates")
    wait_for(lambda: [relays(s, c) for c in (known, other)] == [550, 250])
    s.cli("config", "set", "smtp.ask_certificate", "auto")
    wait_for(lambda: not asked(s))
    assert relays(s, other) == 550 and s.cli("access", "add", "client", known.colons(), "relay", check=False).returncode == 65


# --- ETRN


def attempts(s):
    """Of each message that waits."""
    return [r["attempts"] for r in json.loads(s.cli("--json", "queue", "list").stdout or "[]") if r["state"] == "waiting"]


def test_a_backup_sends_on_at_once_when_the_primary_is_back(own_suite):
    primary = own_suite({"server.hostname": "mx.primary.example"})
    anna = primary.account("anna@backed.example")
    s = own_suite({"queue.retry": "1h", "smtp.etrn": "backed.example=127.0.0.7, other.example=127.0.0.0/8", "send.direct": "yes"})
    s.cli("domain", "add", "backed.example", "backup=yes")
    s.cli("alias", "add", anna.address, anna.address)
    s.cli("route", "add", "backed.example", "127.0.0.1:1", "tls=none")
    s.cli("route", "change", "backed.example", f"127.0.0.1:{primary.ports['smtp']}")  # the host by position, as `add` takes it
    shown = s.cli("alias", "who", anna.address).stdout
    assert anna.address in shown and "the domain's own servers" in shown
    assert "nobody has this address" in s.cli("alias", "who", "other@backed.example").stdout
    primary.stop()
    for i in range(3):
        s.deliver(anna.address, subject=f"while away {i}")
    wait_for(lambda: attempts(s) == [1, 1, 1], 20)

    def etrn(text, source="127.0.0.7"):
        with smtplib.SMTP("localhost", s.ports["smtp"], timeout=20, source_address=(source, 0)) as c:
            c.ehlo()
            assert c.has_extn("etrn")
            return c.docmd("ETRN", text)
    assert etrn("backed.example", "127.0.0.1")[0] == 459  # that of another domain
    assert etrn("other.example") == (251, b"2.0.0 OK, no messages waiting for node other.example")
    assert etrn("@example")[0] == 501 and etrn("#backed.example")[0] == 459
    primary.start()
    assert s.cli("queue", "list").stdout.strip()  # nothing happens by itself for an hour
    assert etrn("Backed.Example") == (253, b"2.0.0 OK, 3 pending messages for node backed.example started")
    with primary.imap(anna) as c:
        wait_for(lambda: int(c.select()[1][0]) == 3, 20)
    wait_for(lambda: not s.cli("queue", "list").stdout.strip())
    assert "messages=3" in s.wait_log("node=backed.example")

    # not more often than that, and by the domain above
    primary.stop()
    s.deliver(anna.address, subject="again")
    wait_for(lambda: attempts(s) == [1], 20)
    code, text = etrn("backed.example")
    assert code == 458 and b"try again in" in text
    s.cli("config", "set", "queue.catchup_again", "0")
    s.cli("config", "set", "smtp.relay_networks", "127.0.0.8/32")
    primary.start()
    assert etrn("@backed.example", "127.0.0.8")[0] == 253
    with primary.imap(anna) as c:
        wait_for(lambda: int(c.select()[1][0]) == 4, 20)
