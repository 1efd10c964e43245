# SPDX-License-Identifier: ISC
"""DKIM: what people here send leaves signed, and others' verifiers agree; keys come and go by the rules (smtp/sign/keys.h)."""
import json
import os
import re
import signal
import subprocess
import time

import dkim
import pytest

from conftest import BUILD, DOMAIN, ROOT, TOP, wait_for
from fakehost import FakeHost
from nameservers import Scripted, wire_record
from test_send import arrived, post, stuffed_right


@pytest.fixture
def host():
    h = FakeHost(extensions=("PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "DSN"))
    yield h
    h.close()


@pytest.fixture
def house(own_suite, host):
    """A suite with a smarthost and a person; the DNS is the given server, or nobody."""

    def make(dns=None, **settings):
        values = {"send.smarthost": f"127.0.0.1:{host.port}", "send.smarthost_tls": "none", "queue.retry": "1s",
                  "dns.servers": f"127.0.0.1:{dns.port}" if dns else "127.0.0.1:9", "dns.trust_anchor": "none"}
        values.update({k.replace("__", "."): v for k, v in settings.items()})
        s = own_suite(values)
        s.cli("domain", "add", DOMAIN)
        s.anna = s.account()
        return s

    return make


def keys(s, *args):
    return json.loads(s.cli("dkim", "list", *args, "--json").stdout)


def records(s):
    return {k["name"] + ".": k["value"].encode() for k in keys(s)}


def send(s, to="ben@outside.example", text=b"Hello.\r\n", sender=None, subject="x"):
    sender = sender or s.anna.address
    with s.smtp(s.anna) as c:
        c.sendmail(s.anna.address, [to], f"From: Anna <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n".encode() + text)


def txt(text):
    parts = [text.encode()[i:i + 255] for i in range(0, len(text), 255)]
    return b"".join(bytes([len(p)]) + p for p in parts)


def signatures(message):
    return re.findall(rb"(?m)^DKIM-Signature: v=1; a=(\w+)-sha256;(?:.|\r\n\s)*?d=([\w.-]+);\s+s=(\w+);", message)


def verdicts(message, known):
    """What dkimpy says of each signature."""
    return [verdict(message, i, known) for i in range(len(signatures(message)))]


def verdict(message, i, known):
    try:
        return dkim.DKIM(message).verify(idx=i, dnsfunc=lambda name, timeout=5: known.get(name.decode()))
    except dkim.ValidationError:
        return False


def by_subject(host, subject):
    for _, _, raw in host.messages:
        if f"Subject: {subject}\r\n".encode() in raw:
            return stuffed_right(raw)
    return None


def test_mail_of_a_person_is_signed_by_both_keys_and_a_strangers_is_not(house, host):
    s = house()
    s.cli("dkim", "rotate", DOMAIN)
    assert {(k["algorithm"], k["state"]) for k in keys(s)} == {("rsa", "active"), ("ed25519", "active")}
    send(s, text=b"Dots\r\n.\r\n..\r\nand  blanks \t\r\n\r\n\r\n")
    message = stuffed_right(arrived(host)[0][2])
    found = signatures(message)
    assert {(a, d) for a, d, _ in found} == {(b"rsa", DOMAIN.encode()), (b"ed25519", DOMAIN.encode())}
    assert message.startswith(b"DKIM-Signature:"), "before Received"
    known = records(s)
    assert verdicts(message, known) == [True, True]
    assert verdicts(message.replace(b"Dots", b"Cats"), known) == [False, False], "negative control"
    assert verdicts(b"Subject: another\r\n" + message, known) == [False, False], "over-signed"
    # a stranger's mail that an alias sends on is not ours, whatever its From says
    post(s, text=f"From: {s.anna.address}\r\nSubject: forged\r\n\r\nx\r\n")
    post(s, text=f"From: {s.anna.address}\r\nSubject: forged twice\r\n\r\nx\r\n", sender=s.anna.address)
    for subject in ("forged", "forged twice"):
        wait_for(lambda: by_subject(host, subject), 20)
        assert not signatures(by_subject(host, subject)), subject
    # who writes another domain of this host into From is signed as what he is
    s.cli("domain", "add", "other.example")
    s.cli("dkim", "rotate", "other.example")
    send(s, sender="boss@other.example", subject="across")
    wait_for(lambda: by_subject(host, "across"), 20)
    assert {d for _, d, _ in signatures(by_subject(host, "across"))} == {DOMAIN.encode()}
    if ROOT:
        for k in (s.state / "dkim" / DOMAIN).glob("*.key"):
            assert k.stat().st_mode & 0o777 == 0o600
    # without a key mail leaves as before
    s.cli("dkim", "remove", DOMAIN, "--all")
    assert [k["domain"] for k in keys(s)] == ["other.example"] * 2
    send(s, subject="plain")
    wait_for(lambda: by_subject(host, "plain"), 20)
    assert not signatures(by_subject(host, "plain"))


def test_a_rotation_waits_for_the_dns_and_the_old_keys_stay_valid(house, host):
    zone = {}

    def answer(name, type, tcp):
        return (0, [wire_record(name, "TXT", txt(zone[name]))], 0) if name in zone and type == 16 else (3, [], 0)

    server = Scripted(answer)
    try:
        s = house(server, dkim__look="200ms", dkim__overlap="1s")
        s.cli("dkim", "rotate", DOMAIN)
        first = {k["selector"] for k in keys(s)}
        send(s, subject="before")
        wait_for(lambda: by_subject(host, "before"), 20)
        asked = len(server.asked)
        s.cli("dkim", "rotate", DOMAIN)
        assert s.cli("dkim", "rotate", DOMAIN, check=False).returncode == 69, "one at a time"
        new = [k for k in keys(s) if k["selector"] not in first]
        assert len(new) == 2 and {k["state"] for k in new} == {"next"}
        # the DNS says no for longer than the overlap: the old ones go on
        wait_for(lambda: len(server.asked) >= asked + 2 and time.time() > max(int(k["since"]) for k in new) + 2, 20)
        assert {k["state"] for k in keys(s) if k["selector"] not in first} == {"next"}
        send(s, subject="meanwhile")
        wait_for(lambda: by_subject(host, "meanwhile"), 20)
        assert {x.decode() for _, _, x in signatures(by_subject(host, "meanwhile"))} == first
        zone.update({k["name"]: k["value"] for k in new})
        wait_for(lambda: sorted(k["state"] for k in keys(s)) == ["active", "active", "old", "old"], 20)
        send(s, subject="after")
        wait_for(lambda: by_subject(host, "after"), 20)
        assert {x.decode() for _, _, x in signatures(by_subject(host, "after"))} == {k["selector"] for k in new}
        known = records(s)
        for subject in ("before", "meanwhile", "after"):
            assert verdicts(by_subject(host, subject), known) == [True, True], subject
        s.cli("config", "set", "dkim.retire", "0s")
        wait_for(lambda: {k["selector"] for k in keys(s)} == {k["selector"] for k in new}, 20)
        assert len(list((s.state / "dkim" / DOMAIN).iterdir())) == 2
    finally:
        server.stop()


def test_a_dead_signer_delays_nothing_for_good_and_a_large_message_nobody(house, host):
    s = house()
    s.cli("dkim", "rotate", DOMAIN)
    known = records(s)
    large = (b"." * 70 + b"\r\n") * 85000  # 6 MB, a hundred pieces: the scripted host is slow with more
    send(s, text=large, subject="large")
    for i in range(20):
        if i % 7 == 3:
            os.kill(wait_for(lambda: [p for p, n in s.tree().items() if n == "signd"])[0], signal.SIGKILL)
        send(s, subject=f"small{i}")
    wait_for(lambda: len(host.messages) >= 21, 100)
    assert len(host.messages) == 21
    for i in range(20):
        assert verdicts(by_subject(host, f"small{i}"), known) == [True, True], i
    message = by_subject(host, "large")
    assert len(signatures(message)) == 2 and message.endswith(large) and verdict(message, 0, known)
    assert records(s) == known, "the keys are as they were"


def test_other_verifiers_agree_over_the_corpus(tmp_path):
    """Every tenth message of the corpus, signed by the library of signd."""
    subprocess.run(["tar", "-C", tmp_path, "-xf", TOP / "tests/corpus/modern.tar.zst"], check=True)
    mails = sorted(tmp_path.rglob("*.eml"))[::10]
    for i, p in enumerate(mails):
        p.rename(tmp_path / f"{i}.eml")
    p = subprocess.run([BUILD / "tests/unit/smtp/dkim_test"], env={**os.environ, "DKIM_DIR": str(tmp_path), "MANSIO_SRCDIR": str(TOP)},
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    known = dict(line.split(" ", 1) for line in (tmp_path / "records").read_text().splitlines())
    known = {k + ".": v.encode() for k, v in known.items()}
    signed = sorted(tmp_path.glob("*.signed"))
    judged = 0
    for f in signed:
        try:
            assert verdict(f.read_bytes(), 0, known) and verdict(f.read_bytes(), 1, known), f
            judged += 1
        except dkim.MessageFormatError:
            pass  # a header that dkimpy does not read
    assert judged > len(signed) * 0.9 > 10
