# SPDX-License-Identifier: ISC
"""POP3 against the real suite: whole downloads, deletion at QUIT only, sessions beside IMAP, pipelining."""
import os
import poplib
import re
import signal
import socket
import time

import pytest


def messages(suite, account):
    with suite.imap(account) as c:
        return int(c.select("INBOX", readonly=True)[1][0])


class Raw:
    """A session by hand, over TLS, logged in."""

    def __init__(self, suite, account):
        self.sock = suite.context().wrap_socket(suite.connect("pop3s"), server_hostname="localhost")
        self.file = self.sock.makefile("rb")
        assert self.line().startswith(b"+OK")
        self.send(f"USER {account.address}\r\nPASS {account.password}\r\n")
        assert self.line().startswith(b"+OK") and self.line().startswith(b"+OK")

    def send(self, text):
        self.sock.sendall(text.encode())

    def line(self):
        return self.file.readline()

    def lines(self):
        out = []
        while True:
            line = self.line()
            if line in (b".\r\n", b""):
                return out
            out.append(line)

    def close(self):
        self.file.close()
        self.sock.close()


@pytest.fixture
def filled(suite, anna):
    for i in range(3):
        suite.deliver(anna.address, subject=f"number {i}", body=f"line\r\n.dot {i}\r\n..two\r\n.\r\nend\r\n")
    return anna


def test_the_download_is_the_message(suite, filled):
    p = suite.pop3(filled)
    count, size = p.stat()
    assert count == 3
    assert sum(int(line.split()[1]) for line in p.list()[1]) == size
    with suite.imap(filled) as c:
        c.select("INBOX")
        for n in (1, 2, 3):
            text = b"\r\n".join(p.retr(n)[1]) + b"\r\n"
            assert text == c.fetch(str(n), "(BODY.PEEK[])")[1][0][1]
            assert len(text) == int(p.list(n).split()[2])
            assert b"\r\n.dot" in text
            top = b"\r\n".join(p.top(n, 1)[1])
            assert top.endswith(b"\r\n\r\nline")
    p.quit()
    with suite.imap(filled) as c:
        c.select("INBOX")
        assert len(c.search(None, "SEEN")[1][0].split()) == 3


def test_unique_ids_stay(suite, filled):
    p = suite.pop3(filled)
    before = [line.split()[1] for line in p.uidl()[1]]
    p.dele(1)
    p.quit()
    suite.deliver(filled.address, subject="later")
    p = suite.pop3(filled)
    after = [line.split()[1] for line in p.uidl()[1]]
    p.quit()
    assert after[:2] == before[1:] and len(after) == 3 and after[2] not in before
    assert all(re.fullmatch(rb"[\x21-\x7e]{1,70}", i) for i in after)


def test_a_lost_connection_deletes_nothing(suite, filled):
    r = Raw(suite, filled)
    r.send("DELE 1\r\nDELE 2\r\nRSET\r\nDELE 3\r\n")
    assert [r.line()[:3] for _ in range(4)] == [b"+OK"] * 4
    r.close()
    assert messages(suite, filled) == 3
    r = Raw(suite, filled)
    r.send("DELE 3\r\nQUIT\r\n")
    assert r.line().startswith(b"+OK") and r.line().startswith(b"+OK")
    assert r.line() == b""
    r.close()
    assert messages(suite, filled) == 2


def test_the_maildrop_stands_still_while_imap_changes_it(suite, filled):
    p = suite.pop3(filled)
    with suite.imap(filled) as c:
        c.select("INBOX")
        c.store("1", "+FLAGS", r"(\Deleted)")
        c.expunge()
    suite.deliver(filled.address, subject="new")
    assert p.stat()[0] == 3
    with pytest.raises(poplib.error_proto, match="removed"):
        p.retr(1)
    assert p.retr(2)
    p.dele(1)
    p.dele(2)
    p.quit()
    assert messages(suite, filled) == 2


def test_pipelined_commands(suite, filled):
    r = Raw(suite, filled)
    r.send("CAPA\r\nSTAT\r\nUIDL\r\nRETR 1\r\nXYZZY\r\nNOOP\r\nQUIT\r\n")
    assert r.line().startswith(b"+OK")
    capa = r.lines()
    assert b"TOP\r\n" in capa and b"PIPELINING\r\n" in capa and not any(c.startswith((b"STLS", b"SASL")) for c in capa)
    assert r.line().startswith(b"+OK 3 ")
    assert r.line().startswith(b"+OK") and len(r.lines()) == 3
    assert r.line().startswith(b"+OK") and b"..dot 0\r\n" in r.lines()
    assert r.line().startswith(b"-ERR")
    assert r.line().startswith(b"+OK") and r.line().startswith(b"+OK") and r.line() == b""
    r.close()


def test_login_and_first_commands_in_one_segment(suite, filled):
    sock = suite.context().wrap_socket(suite.connect("pop3s"), server_hostname="localhost")
    sock.sendall(f"USER {filled.address}\r\nPASS {filled.password}\r\nSTAT\r\nQUIT\r\n".encode())
    with sock.makefile("rb") as f:
        said = f.read().splitlines()
    sock.close()
    assert [line[:3] for line in said] == [b"+OK"] * 5 and said[3].startswith(b"+OK 3 ")


def test_many_errors_end_the_session(own_suite):
    s = own_suite({"limit.errors": "5"})
    r = Raw(s, s.account("eve"))
    r.send("XYZZY\r\n" * 50)
    said = r.file.read().splitlines()
    assert said.count(b"-ERR unknown command") == 5 and said[-1] == b"-ERR too many errors"
    r.close()


def test_sessions_are_limited(own_suite):
    s = own_suite({"pop3.sessions": "2"})
    eve = s.account("eve")
    open_ones = [s.pop3(eve) for _ in range(2)]
    with pytest.raises(poplib.error_proto, match="SYS/TEMP"):
        s.pop3(eve)
    for p in open_ones:
        p.quit()


def test_a_login_outlasts_a_machine_that_stands_still(own_suite):
    """A process that does nothing for a while costs no login: limit.handover, not the short wait of SMTP's room_wait."""
    s = own_suite({"limit.room_wait": "100ms"})
    anna = s.account()

    def stand(sig):
        for pid, name in s.tree().items():
            if name == "pop3d":
                os.kill(pid, sig)

    c = s.pop3()
    c.user(anna.address)
    stand(signal.SIGSTOP)
    c._putcmd("PASS " + anna.password)
    s.wait_log(" login s=")
    time.sleep(0.5)  # that is what the machine does
    stand(signal.SIGCONT)
    assert c._getresp().startswith(b"+OK")
    c.quit()
    s.settings["limit.handover"] = "100ms"
    s.write_config()
    s.cli("reload")
    c = s.pop3()
    c.user(anna.address)
    stand(signal.SIGSTOP)
    try:
        with pytest.raises(poplib.error_proto, match="SYS/TEMP"):
            c.pass_(anna.password)
    finally:
        stand(signal.SIGCONT)


def test_a_client_that_never_reads_is_given_up(own_suite):
    s = own_suite({"pop3.write_timeout": "1s"})
    eve = s.account("eve")
    s.deliver(eve.address, body="x" * 70 + "\r\n" * 20000)
    r = Raw(s, eve)
    r.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    r.send("RETR 1\r\n" * 400)
    assert s.wait_log(" logout ", timeout=20)
    r.close()


def test_stls_then_login_and_nothing_before(suite, anna):
    p = poplib.POP3("localhost", suite.ports["pop3"], timeout=20)
    assert "STLS" in p.capa() and "USER" not in p.capa()
    with pytest.raises(poplib.error_proto):
        p.user(anna.address)
        p.pass_(anna.password)
    p.close()
    p = poplib.POP3("localhost", suite.ports["pop3"], timeout=20)
    p.stls(suite.context())
    p.user(anna.address)
    assert p.pass_(anna.password).startswith(b"+OK 0 messages")
    p.quit()
