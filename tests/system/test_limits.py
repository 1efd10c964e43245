# SPDX-License-Identifier: ISC
"""The limits of the door: each is a setting, each has a clear answer, every wait ends (C26)."""
import base64
import smtplib
import socket
import time

import pytest

from conftest import in_time, wait_for


# A silent transaction keeps its smtpd, as one does that cannot sleep at the door.
AWAKE = {"smtp.park_after": "1h", "smtp.park_pressed": "1h"}


def lines(c, timeout=20):
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
        lines(c, 60)
        assert 0.5 < time.monotonic() - began < 40, service  # without the limit: minutes


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
        text = lines(c.sock, 60)
        assert time.monotonic() - began < 40 and (text == b"" or text.startswith(b"421")), (last, text)
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
    assert c.recv(1000).startswith(b"500 ")
    c = suite.connect("imap")
    c.recv(1000)
    c.sendall(b"a NOOP " + b"x" * 20000)
    assert b"B" in c.recv(1000)  # BAD or BYE


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


@pytest.mark.alone
def test_silent_crowd_does_not_stop_honest_work(suite, anna):
    """Test 19 in short form: 1,500 silent connections from 100 addresses; honest login and mail go on."""
    held = []
    try:
        for n in range(1500):
            c = socket.socket()
            c.bind((f"127.0.{1 + n % 100}.1", 0))
            c.connect(("127.0.0.1", suite.ports[("smtp", "imap", "pop3")[n % 3]]))
            held.append(c)
        in_time(2, lambda: (suite.imap(anna).logout(), suite.deliver(anna.address, "through the crowd")))
    finally:
        for c in held:
            c.close()


@pytest.mark.alone
def test_more_senders_than_smtpds_wait_or_get_421(own_suite):
    """Every smtpd is busy with a stalled sender: the next hears 421, and service is back when they go."""
    s = own_suite({"smtp.processes": "2", "server.processes": "1", **AWAKE})
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
    wait_for(lambda: delivered(s, anna), 20)


def delivered(s, a):
    try:
        s.deliver(a.address, "again")
        return True
    except Exception:
        return False


class Proxied(smtplib.SMTP):
    """A client that a proxy at 127.0.0.1 brings: its address is what the PROXY header says."""

    def __init__(self, s, peer, service="smtp"):
        self.peer = peer
        super().__init__("127.0.0.1", s.ports[service], timeout=20)

    def _get_socket(self, host, port, timeout):
        c = super()._get_socket(host, port, timeout)
        c.sendall(f"PROXY TCP4 {self.peer} 192.0.2.1 40000 25\r\n".encode())
        return c

    def begin(self):
        """Sends MAIL and does not wait for its answer."""
        self.ehlo()
        self.putcmd("MAIL FROM:<a@b.example>")
        return self

    def send(self, s):
        try:
            super().send(s)
        except smtplib.SMTPServerDisconnected:
            pass


def codes(sessions):
    """{code: how many} of the replies to MAIL."""
    out = {}
    for c in sessions:
        code, text = c.getreply()
        assert code != 421 or text.startswith(b"4.3.2"), text
        out[code] = out.get(code, 0) + 1
    return out


def one_mail(s, a, peer):
    with Proxied(s, peer) as c:
        return c.sendmail("x@b.example", [a.address], b"Subject: honest\r\n\r\nHello.\r\n") == {}


def submits(s, a, peer):
    with Proxied(s, peer, "submission") as c:
        c.starttls(context=s.context())
        c.login(a.address, a.password)
        return c.sendmail(a.address, [a.address], b"Subject: ours\r\n\r\nHello.\r\n") == {}


@pytest.mark.alone
def test_a_network_that_stalls_leaves_room_for_others(own_suite):
    """Ten sessions of one /24 stop after MAIL: a quarter of the smtpds is theirs, the rest works on."""
    s = own_suite({"server.proxy_from": "127.0.0.1", "server.processes": "2", "smtp.processes": "16", "limit.room_wait": "600ms", **AWAKE})
    anna = s.account()
    stalled = [Proxied(s, f"203.0.113.{n}").begin() for n in range(1, 11)]
    assert one_mail(s, anna, "198.51.100.7")  # while they wait
    assert submits(s, anna, "203.0.113.99")  # logged in: not even the network counts
    got = codes(stalled)
    assert 1 <= got[250] <= 4 and got[250] + got[421] == 10
    assert one_mail(s, anna, "198.51.100.7") and submits(s, anna, "203.0.113.99")
    for c in stalled:
        c.close()
    wait_for(lambda: codes([Proxied(s, "203.0.113.1").begin()]) == {250: 1})


@pytest.mark.alone
def test_strangers_of_many_networks_leave_a_quarter_to_our_people(own_suite):
    s = own_suite({"server.proxy_from": "127.0.0.1", "server.processes": "1", "smtp.processes": "8", "limit.room_wait": "600ms", **AWAKE})
    anna = s.account()
    stalled = [Proxied(s, f"203.0.{n}.1").begin() for n in range(1, 11)]
    assert submits(s, anna, "192.0.2.7")
    assert codes(stalled) == {250: 6, 421: 4}
    assert codes([Proxied(s, "198.51.100.7").begin()]) == {421: 1}
    assert submits(s, anna, "192.0.2.7")


@pytest.mark.alone
def test_who_waits_for_a_place_gets_it_in_order(own_suite):
    s = own_suite({**AWAKE, "server.proxy_from": "127.0.0.1", "server.processes": "1", "smtp.processes": "8", "limit.smtp_share": "1",
                   "limit.room_wait": "20s"})
    anna = s.account()
    first = Proxied(s, "203.0.113.1").begin()
    assert first.getreply()[0] == 250
    waiting = [Proxied(s, f"203.0.113.{n}").begin() for n in (2, 3, 4)]
    wait_for(lambda: s.cli("session", "list").stdout.count(" waiting ") == 3)
    assert one_mail(s, anna, "198.51.100.7")  # passes them: it takes nothing from them
    waiting[1].close()  # gives up, unseen until its turn
    first.quit()
    assert waiting[0].getreply()[0] == 250
    waiting[2].sock.settimeout(0.3)
    with pytest.raises(OSError):
        waiting[2].sock.recv(1)
    waiting[0].quit()
    waiting[2].sock.settimeout(10)
    assert waiting[2].sock.recv(100).startswith(b"250 ")


def test_who_waits_for_a_place_can_be_kicked_and_stopped(own_suite):
    s = own_suite({"server.proxy_from": "127.0.0.1", "server.processes": "1", "limit.smtp_share": "1", "limit.room_wait": "2m", **AWAKE})
    first = Proxied(s, "203.0.113.1").begin()
    assert first.getreply()[0] == 250
    waiting = [Proxied(s, f"203.0.113.{n}").begin() for n in (2, 3)]
    rows = wait_for(lambda: [r for r in sessions(s) if r["state"] == "waiting"])
    s.cli("session", "kick", f"id={[r for r in rows if r['peer'] == '203.0.113.2'][0]['id']}")
    assert waiting[0].getreply()[0] == 421
    began = time.monotonic()
    s.stop()
    assert time.monotonic() - began < 30
    assert lines(waiting[1].sock).startswith(b"421 4.3.2")


def sessions(s):
    import json
    return json.loads(s.cli("--json", "session", "list").stdout)


def test_own_addresses_are_in_no_network(own_suite):
    s = own_suite({"server.processes": "1", "smtp.processes": "8", "limit.room_wait": "600ms", **AWAKE})
    held = []
    for _ in range(7):
        c = s.smtp()
        c.ehlo()
        c.putcmd("MAIL FROM:<a@b.example>")
        held.append(c)
    assert codes(held) == {250: 6, 421: 1}


def test_sessions_in_status_fall_after_a_kick(own_suite):
    s = own_suite(AWAKE)
    anna = s.account()

    def count(name):
        return sum(r["sessions"] for r in s.status() if r["process"] == name)

    for kind in (lambda: s.imap(anna), lambda: s.imap(anna, tls=False), lambda: s.pop3(anna)):
        held = kind()
        wait_for(lambda: count("front") == 1 and count("imapd") + count("pop3d") == 1, 20, 0.1)
        s.cli("session", "kick", f"user={anna.address}")
        wait_for(lambda: count("front") == 0 and count("imapd") + count("pop3d") == 0, 20, 0.1)
        del held
    c = s.smtp()
    c.ehlo()
    c.mail("a@b.example")
    wait_for(lambda: count("front") == 1 and count("smtpd") == 1, 20, 0.1)
    s.cli("session", "kick", f"id={sessions(s)[0]['id']}")
    wait_for(lambda: count("front") == 0 and count("smtpd") == 0, 20, 0.1)


def test_auth_with_an_initial_response_may_be_longer_than_other_commands(suite):
    """RFC 4954 4: 12,288 bytes; other commands end at limit.prelogin_line."""
    for size, said in ((9000, b"535 "), (10000, b"500 ")):
        with smtplib.SMTP_SSL("localhost", suite.ports["submissions"], context=suite.context(), timeout=20) as c:
            c.ehlo()
            line = b"AUTH PLAIN " + base64.b64encode(b"\0nobody@example.org\0" + b"x" * size)
            c.sock.sendall(line + b"\r\n")
            assert c.sock.recv(100).startswith(said), (size, len(line))
            c.close()


def test_an_ordinary_stop_warns_of_nothing(own_suite):
    s = own_suite({"log.level": "warn"})
    a = s.account()
    s.deliver(a.address)
    since = len(s.log())
    s.stop()
    assert not [line for line in s.log()[since:].splitlines() if "smtpd" in line or "front" in line], s.log()[since:]
