# SPDX-License-Identifier: ISC
"""LMTP (RFC 2033) on its unix socket: one reply a recipient, no doubles, exact refusals."""
import smtplib
import socket

import pytest


class Client(smtplib.LMTP):
    def __init__(self, path):
        super().__init__()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(path))
        self.file = None
        assert self.getreply()[0] == 220


@pytest.fixture
def lmtp(suite):
    c = Client(suite.state / "run" / "lmtp")
    yield c
    c.close()


def test_one_reply_for_each_recipient(suite, lmtp):
    a, b = suite.account(), suite.account()
    assert lmtp.docmd("LHLO", "here")[0] == 250
    assert lmtp.docmd("MAIL", "FROM:<x@elsewhere.example>")[0] == 250
    assert lmtp.docmd("RCPT", f"TO:<{a.address}>")[0] == 250
    assert lmtp.docmd("RCPT", "TO:<nobody@example.org>") [0] == 550
    assert lmtp.docmd("RCPT", f"TO:<{b.address}>")[0] == 250
    assert lmtp.docmd("DATA")[0] == 354
    lmtp.sock.sendall(b"Subject: two\r\n\r\n..x\r\n.\r\n")
    assert [lmtp.getreply()[0], lmtp.getreply()[0]] == [250, 250]
    # a second message on the same connection
    assert lmtp.docmd("MAIL", "FROM:<>")[0] == 250
    assert lmtp.docmd("RCPT", f"TO:<{a.address}>")[0] == 250
    assert lmtp.docmd("DATA")[0] == 354
    lmtp.sock.sendall(b"Subject: three\r\n\r\nx\r\n.\r\n")
    assert lmtp.getreply()[0] == 250
    assert lmtp.docmd("QUIT")[0] == 221
    with suite.imap(a) as c:
        assert c.select("INBOX")[1] == [b"2"]
        raw = c.fetch("1", "BODY.PEEK[]")[1][0][1]
        assert raw.startswith(b"Return-Path: <x@elsewhere.example>\r\n") and raw.endswith(b"\r\n\r\n.x\r\n")
    with suite.imap(b) as c:
        assert c.select("INBOX")[1] == [b"1"]


def test_no_data_without_a_good_recipient_and_helo_is_refused(suite, lmtp):
    assert lmtp.docmd("EHLO", "here")[0] == 500
    assert lmtp.docmd("LHLO", "here")[0] == 250
    assert lmtp.docmd("MAIL", "FROM:<x@elsewhere.example>")[0] == 250
    assert lmtp.docmd("RCPT", "TO:<nobody@example.org>")[0] == 550
    assert lmtp.docmd("DATA")[0] == 503


def test_delivery_ids_are_not_for_strangers(suite, lmtp):
    """XID is taken on inside links only."""
    assert lmtp.docmd("LHLO", "here")[0] == 250
    assert lmtp.docmd("MAIL", "FROM:<x@elsewhere.example> XID=abc")[0] in (501, 555)


def test_lmtp_over_tcp(own_suite):
    from conftest import free_ports
    port = free_ports(1)[0]
    s = own_suite({"listen.lmtp": f"127.0.0.1:{port}"})
    a = s.account()
    c = smtplib.LMTP("127.0.0.1", port)
    assert c.sendmail("x@elsewhere.example", [a.address], "Subject: by TCP\r\n\r\nx\r\n") == {}
    c.quit()
    with s.imap(a) as i:
        assert i.select("INBOX")[1] == [b"1"]


def test_loop_is_stopped_by_delivered_to(suite, anna, lmtp):
    assert lmtp.docmd("LHLO", "here")[0] == 250
    assert lmtp.docmd("MAIL", "FROM:<x@elsewhere.example>")[0] == 250
    assert lmtp.docmd("RCPT", f"TO:<{anna.address}>")[0] == 250
    assert lmtp.docmd("DATA")[0] == 354
    lmtp.sock.sendall(f"Delivered-To: {anna.address}\r\nSubject: x\r\n\r\nx\r\n.\r\n".encode())
    code, text = lmtp.getreply()
    assert code == 554 and b"5.4.6" in text


def test_hops_are_counted_by_smtp(suite, anna):
    with suite.smtp() as c:
        with pytest.raises(smtplib.SMTPDataError) as e:
            c.sendmail("x@elsewhere.example", [anna.address], "Received: by x; x\r\n" * 60 + "Subject: x\r\n\r\nx\r\n")
    assert e.value.smtp_code == 554 and b"5.4.6" in e.value.smtp_error
