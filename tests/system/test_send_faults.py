# SPDX-License-Identifier: ISC
"""Servers that mean us no good, or nothing at all: what they do is deferred with the exact reason, costs no other message
anything, and leaks nothing."""
import os
import random
import re
import ssl
import subprocess
import time

import pytest

from conftest import wait_for
from fakehost import CLOSE, FakeHost
from test_send import arrived, hosts, house, post, stuffed_right  # noqa: F401 (fixtures)


def broken_tls(c, line):
    c.say(b"220 go ahead\r\n")
    c.more()  # the ClientHello
    c.say(b"\x16\x03\x03\x00\x05\x02\x00\x00")  # the begin of a ServerHello, and no more
    return CLOSE


def garbage_tls(c, line):
    c.say(b"220 go ahead\r\n")
    c.more()
    c.say(b"500 what was that?\r\n")
    return CLOSE


def half(c, line=b""):
    c.more()
    return CLOSE


# what it does, and the words by which the log tells it
FAULTS = [
    ("connect", CLOSE, "closed the connection"),
    ("connect", b"\x00\xff\xfe\x01 nothing\r\n", "does not speak SMTP"),
    ("connect", b"220-and\r\n" * 5000, "a reply without end"),
    ("connect", b"220" + b"x" * 40000, "a reply without end"),
    ("connect", b"554 5.7.1 go away\r\n", "554 5.7.1 go away"),
    ("EHLO", b"250-one\r\n550 two\r\n", "does not speak SMTP"),
    ("EHLO", b"421 4.3.2 not now\r\n", "421 4.3.2 not now"),
    ("STARTTLS", b"454 4.7.0 no random numbers\r\n", "454 4.7.0 no random numbers"),
    ("STARTTLS", broken_tls, "fails in the TLS handshake"),
    ("STARTTLS", garbage_tls, "fails in the TLS handshake"),
    ("MAIL", b"451 4.3.0 later\r\n", "451 4.3.0 later"),
    ("MAIL", b"555 5.5.4 SIZE is unknown\r\n", "555 5.5.4 SIZE is unknown"),
    ("MAIL", CLOSE, "closed the connection"),
    ("RCPT", b"555 5.5.4 NOTIFY is unknown\r\n", "555 5.5.4 NOTIFY is unknown"),
    ("RCPT", b"354 go\r\n", "answers out of turn"),
    ("DATA", b"502 5.5.1 no DATA here\r\n", "502 5.5.1 no DATA here"),
    ("DATA", b"250 ok\r\n", "answers out of turn"),
    ("DATA", CLOSE, "closed the connection"),
    ("CONTENT", b"\xde\xad\xbe\xef\r\n", "does not speak SMTP"),
    ("CONTENT", b"250-ok\r\n550 but\r\n", "does not speak SMTP"),
    ("CONTENT", CLOSE, "closed the connection"),
]


class Hostile:
    """Hooks of a host that makes the fault with that number, or none."""

    def __init__(self):
        self.fault = None

    def hooks(self):
        return {stage: self.hook(stage) for stage in {f[0] for f in FAULTS}}

    def hook(self, stage):
        def run(c, line):
            if self.fault is None or FAULTS[self.fault][0] != stage:
                return None
            what = FAULTS[self.fault][1]
            return what(c, line) if callable(what) else what
        return run


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def sender_of(s):
    return next(p for p, n in s.tree().items() if n == "sender")


def memory(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


CA = """[ca]
default_ca = x
[x]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = p
copy_extensions = copy
unique_subject = no
[p]
commonName = supplied
"""


def certificate(folder, name, *, host="relay.example.net", begin=-1, end=30):
    """PEM files (certificate, key), signed by itself, valid between those days from today."""
    def run(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder)

    def when(days):
        return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))

    (folder / "ca.conf").write_text(CA)
    (folder / "index").write_text("")
    (folder / "serial").write_text("%04x\n" % random.randrange(1 << 15))
    run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={host}", "-addext",
        f"subjectAltName=DNS:{host},IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    run("ca", "-batch", "-selfsign", "-config", "ca.conf", "-in", f"{name}.csr", "-keyfile", f"{name}.key", "-startdate", when(begin),
        "-enddate", when(end), "-notext", "-out", f"{name}.pem")
    return folder / f"{name}.pem", folder / f"{name}.key"


def context_of(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_each_fault_is_told_and_nothing_leaks(house, hosts, folder):  # noqa: F811
    cert, key = certificate(folder, "good")
    hostile = Hostile()
    host = hosts(hostile.hooks(), extensions=("PIPELINING", "SIZE 50000000", "8BITMIME", "DSN", "STARTTLS"), context=context_of(cert, key))
    s = house(host, "verify", send__smarthost_ca=str(cert), queue__retry="1h", send__session_idle="0s")
    post(s)
    arrived(host)
    seen = 1
    base = None
    for turn in range(10):
        for hostile.fault, (stage, _, words) in enumerate(FAULTS):
            post(s, sender=f"f{turn}x{hostile.fault}@elsewhere.example")
            seen += 1
            wait_for(lambda: s.log().count(" deferred ") >= seen - 1, 20)
            line = [x for x in s.log().splitlines() if " deferred " in x][-1]
            assert words in line, (stage, words)
        if turn == 0:
            pid = sender_of(s)
            base = descriptors(pid), memory(pid)
    hostile.fault = None
    assert sender_of(s) == pid, "it lives on"
    wait_for(lambda: descriptors(pid) <= base[0], 20)
    assert memory(pid) <= base[1] + 3000
    host.messages.clear()  # what it counts as taken where it said both yes and no
    s.cli("queue", "retry", "--all")
    for _, _, raw in arrived(host, seen - 1):
        stuffed_right(raw)
    assert len({mail for mail, _, _ in host.messages}) == seen - 1


def test_certificates_that_do_not_hold_stop_verified_mail(house, hosts, folder):  # noqa: F811
    good, good_key = certificate(folder, "good")
    bad = {"expired": certificate(folder, "old", begin=-10, end=-1), "not yet": certificate(folder, "new", begin=1, end=2),
           "another key": certificate(folder, "other")}
    trusted = folder / "trusted.pem"
    trusted.write_bytes(good.read_bytes() + bad["expired"][0].read_bytes() + bad["not yet"][0].read_bytes())
    host = hosts(extensions=("STARTTLS",), context=None)
    s = house(host, "verify", send__smarthost_ca=str(trusted), queue__retry="1h")
    for n, files in enumerate(bad.values()):
        host.context = context_of(*files)
        post(s)
        wait_for(lambda: s.log().count(" deferred ") > n, 20)
        assert "fails in the TLS handshake" in [x for x in s.log().splitlines() if " deferred " in x][-1]
    assert not host.messages and all(not c.tls or not any(x.startswith(b"MAIL") for x in c.commands) for c in host.connections)
    host.context = context_of(good, good_key)
    s.cli("queue", "retry", "--all")
    arrived(host, 3)


def test_an_answer_that_comes_late_is_nobodys(house, hosts):  # noqa: F811
    """Two answers to one message; and one that comes when nobody waits any more."""
    calls = []

    def content(c, raw):
        calls.append(c)
        if len(calls) == 1:
            return b"250 2.0.0 first\r\n550 5.7.1 not the next one\r\n"
        if len(calls) == 2:
            try:
                c.wait_end()  # until we gave up
            except ConnectionError:
                pass
            return b"250 2.0.0 too late\r\n"
        return None

    host = hosts({"CONTENT": content})
    s = house(host, send__data_end="1s", send__sessions="1")
    post(s, text="Subject: one\r\n\r\nx\r\n")
    s.wait_log("2.0.0 first")
    post(s, text="Subject: two\r\n\r\nx\r\n")
    assert "which may have arrived" in s.wait_log(" deferred ")
    post(s, text="Subject: three\r\n\r\nx\r\n")
    wait_for(lambda: s.log().count(" sent ") == 3, 20)
    assert "not the next one" not in s.log().replace("closes the connection: 550 5.7.1 not the next one", "") and " failed " not in s.log()
    assert {re.search(rb"Subject: (\w+)", raw).group(1) for _, _, raw in host.messages} >= {b"one", b"two", b"three"}
