# SPDX-License-Identifier: ISC
"""The limits of the door: each is a setting, each has a clear answer, every wait ends (C26)."""
import socket
import time

import pytest

from conftest import wait_for


def lines(c, timeout=5):
    c.settimeout(timeout)
    data = b""
    try:
        while True:
            got = c.recv(4096)
            if not got:
                break
            data += got
    except (socket.timeout, ConnectionError):
        pass
    return data


def test_connections_of_one_address_are_limited(own_suite):
    s = own_suite({"limit.connections_per_address": "5", "server.processes": "1"})
    held = [s.connect("smtp") for _ in range(5)]
    for c in held:
        assert c.recv(100).startswith(b"220")
    assert lines(s.connect("smtp")).startswith(b"421 ")
    assert lines(s.connect("imap")).startswith(b"* BYE ")
    assert lines(s.connect("pop3")).startswith(b"-ERR ")
    # another address is served
    c = s.connect("smtp", "::1")
    assert c.recv(100).startswith(b"220")
    held.pop().close()
    wait_for(lambda: s.connect("smtp").recv(100).startswith(b"220"))


def test_silence_before_login_ends(own_suite):
    s = own_suite({"limit.login": "700ms", "limit.smtp_idle": "700ms", "limit.handshake": "700ms"})
    for service in ("smtp", "imap", "pop3", "imaps", "submission"):
        c = s.connect(service)
        began = time.monotonic()
        lines(c, 6)
        assert 0.5 < time.monotonic() - began < 4, service


def test_stall_inside_a_transaction_ends(own_suite):
    s = own_suite({"smtp.data_timeout": "700ms", "limit.smtp_idle": "700ms"})
    anna = s.account()
    for last in ("MAIL FROM:<a@b.example>", f"RCPT TO:<{anna.address}>", "DATA"):
        c = s.smtp()
        c.ehlo()
        c.putcmd("MAIL FROM:<a@b.example>")
        c.getreply()
        if last != "MAIL FROM:<a@b.example>":
            c.putcmd(f"RCPT TO:<{anna.address}>")
            c.getreply()
        if last == "DATA":
            c.putcmd("DATA")
            c.getreply()
            c.sock.sendall(b"Subject: half\r\n")
        began = time.monotonic()
        text = lines(c.sock, 8)
        assert time.monotonic() - began < 6 and (text == b"" or text.startswith(b"421")), (last, text)
    with s.imap(anna) as i:
        assert i.select("INBOX")[1] == [b"0"]


def test_bad_commands_and_logins_are_counted(own_suite):
    s = own_suite({"limit.errors": "4", "limit.login_failures": "2"})
    c = s.connect("smtp")
    c.recv(100)
    c.sendall(b"FROB\r\n" * 10)
    text = lines(c)
    assert text.count(b"\r\n") <= 6 and b"421 " in text
    i = s.imap()
    import imaplib
    for _ in range(2):
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            i.login("nobody@example.org", "x")
    with pytest.raises((imaplib.IMAP4.error, OSError)):
        i.noop()
        i.noop()


def test_overlong_lines_before_login(suite):
    c = suite.connect("smtp")
    c.recv(100)
    c.sendall(b"EHLO " + b"x" * 20000 + b"\r\nNOOP\r\n")
    assert lines(c, 2).startswith(b"500 ")
    c = suite.connect("imap")
    c.recv(1000)
    c.sendall(b"a NOOP " + b"x" * 20000)
    assert b"B" in lines(c, 2)  # BAD or BYE


def test_message_and_recipient_limits(own_suite):
    s = own_suite({"smtp.message_size": "100k", "smtp.recipients": "2"})
    accounts = [s.account() for _ in range(3)]
    with s.smtp() as c:
        c.ehlo()
        assert c.docmd("MAIL", "FROM:<a@b.example>")[0] == 250
        codes = [c.docmd("RCPT", f"TO:<{a.address}>")[0] for a in accounts]
        assert codes == [250, 250, 452]
        assert c.docmd("DATA")[0] == 354
        c.sock.sendall(b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 3000 + b".\r\n")
        code, text = c.getreply()
        assert code == 552 and b"5.3.4" in text
    with s.imap(accounts[0]) as i:
        assert i.select("INBOX")[1] == [b"0"]


def test_silent_crowd_does_not_stop_honest_work(suite, anna):
    """Test 19 in short form: 1,500 silent connections from 100 addresses; honest login and mail go on."""
    held = []
    try:
        for n in range(1500):
            c = socket.socket()
            c.bind((f"127.0.{1 + n % 100}.1", 0))
            c.connect(("127.0.0.1", suite.ports[("smtp", "imap", "pop3")[n % 3]]))
            held.append(c)
        began = time.monotonic()
        suite.imap(anna).logout()
        suite.deliver(anna.address, "through the crowd")
        assert time.monotonic() - began < 2
    finally:
        for c in held:
            c.close()


def test_more_senders_than_smtpds_wait_or_get_421(own_suite):
    """Every smtpd is busy with a stalled sender: the next hears 421, and service is back when they go."""
    s = own_suite({"smtp.processes": "2", "server.processes": "1"})
    anna = s.account()
    held = []
    for _ in range(2):
        c = s.smtp()
        c.ehlo()
        c.mail("a@b.example")
        held.append(c)
    c = s.smtp()
    c.ehlo()
    assert c.docmd("MAIL", "FROM:<a@b.example>")[0] in (421, 451)
    for h in held:
        h.close()
    wait_for(lambda: delivered(s, anna), 5)


def delivered(s, a):
    try:
        s.deliver(a.address, "again")
        return True
    except Exception:
        return False
