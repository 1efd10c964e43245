# SPDX-License-Identifier: ISC
"""A silent transaction sleeps at the door and goes on where it was (smtp/receive/park.c): whatever the place it stopped at, the
client hears each reply once, and the message comes once and whole."""
import contextlib
import re
import socket
import time

import pytest

from conftest import wait_for

SLEEPY = {"smtp.park_after": "40ms", "smtp.park_pressed": "40ms", "smtp.processes": "2", "server.processes": "1"}
TEXT = b"Subject: slept\r\nX-Long: " + b"y" * 600 + b"\r\n\r\nfirst\r\n..dotted\r\n.\tno end\r\n\xc3\xa4\r\nlast\r\n.\r\n"


@pytest.fixture(scope="module")
def house(system_users):
    from conftest import Suite, check_log, make_folder
    import shutil
    s = Suite(make_folder(), SLEEPY).start()
    s.anna, s.ben = s.account(), s.account()
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


class Client:
    def __init__(self, s, tls=False):
        self.s = s
        self.c = s.connect("submissions" if tls else "smtp")
        self.c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.c = s.context().wrap_socket(self.c, server_hostname="localhost")
        self.f = self.c.makefile("rb")
        assert self.reply()[0] == 220

    def reply(self):
        text = b""
        while True:
            line = self.f.readline()
            text += line
            if line[3:4] != b"-":
                return (int(line[:3]) if line else 0), text

    def ask(self, line):
        self.c.sendall(line.encode() + b"\r\n")
        return self.reply()[0]


def asleep(s, before, patience=20):
    wait_for(lambda: s.log().count(" handback ") > before, patience)


def slept(s):
    return s.log().count(" handback ")


def bodies(s, account):
    c = s.imap(account)
    c.select("INBOX")
    got = [x[1] for x in c.fetch("1:*", "BODY.PEEK[]")[1] if isinstance(x, tuple)]
    c.store("1:*", "+FLAGS", "\\Deleted")
    c.expunge()
    c.logout()
    return got


def check_once(s, account):
    got = bodies(s, account)
    assert len(got) == 1
    assert got[0].endswith(TEXT[:-3].replace(b"\r\n..", b"\r\n.").replace(b"\r\n.\tno", b"\r\n\tno")), got[0]


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_asleep_after_every_command(house, tls):
    s = house
    c = Client(s, tls)
    assert c.ask("EHLO x") == 250
    if tls:
        import base64
        assert c.ask("AUTH PLAIN " + base64.b64encode(f"\0{s.anna.address}\0{s.anna.password}".encode()).decode()) == 235
    for line, code in ((f"MAIL FROM:<{s.anna.address if tls else 'a@b.example'}> BODY=8BITMIME", 250), (f"RCPT TO:<{s.ben.address}>", 250),
                       ("RCPT TO:<nobody@example.org>", 550), (f"RCPT TO:<{s.anna.address}>", 250), ("NOOP", 250), ("DATA", 354)):
        n = slept(s)
        assert c.ask(line) == code, line
        asleep(s, n)
    c.c.sendall(TEXT)
    assert c.reply()[0] == 250
    assert c.ask("QUIT") == 221
    for a in (s.anna, s.ben):
        check_once(s, a)


@pytest.mark.parametrize("at", [0, 1, 8, 15, 16, 17, 700, len(TEXT) - 6, len(TEXT) - 5, len(TEXT) - 4, len(TEXT) - 3, len(TEXT) - 2, len(TEXT) - 1])
def test_asleep_inside_the_message(house, at):
    """Also between CR and LF, before and behind the last dot."""
    s = house
    c = Client(s)
    for line, code in (("EHLO x", 250), ("MAIL FROM:<a@b.example>", 250), (f"RCPT TO:<{s.anna.address}>", 250), ("DATA", 354)):
        assert c.ask(line) == code
    n = slept(s)
    c.c.sendall(TEXT[:at])
    asleep(s, n)
    c.c.sendall(TEXT[at:] + b"MAIL FROM:<a@b.example>\r\nRSET\r\n")  # and the session goes on
    assert [c.reply()[0] for _ in range(3)] == [250, 250, 250]
    check_once(s, s.anna)
    assert c.ask("QUIT") == 221


def test_asleep_in_the_middle_of_a_command(house):
    s = house
    c = Client(s)
    assert c.ask("EHLO x") == 250 and c.ask("MAIL FROM:<a@b.example>") == 250
    n = slept(s)
    c.c.sendall(b"RCPT TO:<nob")
    asleep(s, n)
    n = slept(s)
    c.c.sendall(b"ody@example.org>\r\n")
    assert c.reply()[0] == 550
    asleep(s, n)
    assert c.ask("DATA") == 554  # a recipient was refused: it remembers
    assert c.ask(f"RCPT TO:<{s.anna.address}>") == 250 and c.ask("RSET") == 250 and c.ask("DATA") == 503


def test_asleep_between_and_inside_chunks(house):
    """BDAT (RFC 3030): after a chunk, and in the middle of the last one."""
    s = house
    text = TEXT[:-3]
    c = Client(s)
    assert c.ask("EHLO x") == 250 and c.ask("MAIL FROM:<a@b.example>") == 250 and c.ask(f"RCPT TO:<{s.anna.address}>") == 250
    c.c.sendall(b"BDAT 100\r\n" + text[:100])
    n = slept(s)
    assert c.reply()[0] == 250
    asleep(s, n)
    n = slept(s)
    c.c.sendall(b"BDAT %d LAST\r\n" % (len(text) - 100) + text[100:300])
    asleep(s, n)
    c.c.sendall(text[300:] + b"QUIT\r\n")
    assert c.reply()[0] == 250 and c.reply()[0] == 221
    assert [b.endswith(text) for b in bodies(s, s.anna)] == [True]


def test_a_refused_chunk_is_read_to_its_end(house):
    """C04: its bytes are no commands, however slowly they come."""
    s = house
    c = Client(s)
    assert c.ask("EHLO x") == 250 and c.ask("MAIL FROM:<a@b.example>") == 250 and c.ask("RCPT TO:<nobody@example.org>") == 550
    inside = b"x\r\nRCPT TO:<%s>\r\nQUIT\r\n" % s.anna.address.encode()
    n = slept(s)
    c.c.sendall(b"BDAT %d LAST\r\n" % len(inside) + inside[:10])
    with contextlib.suppress(AssertionError):
        asleep(s, n + 1, 3)  # it may have slept before, never in the middle
    c.c.sendall(inside[10:] + b"RSET\r\n")
    assert c.reply()[0] == 554 and c.reply()[0] == 250
    assert c.ask("NOOP") == 250


def test_one_id_and_one_story(house):
    s = house
    since = len(s.log())
    c = Client(s)
    for line in ("EHLO x", "MAIL FROM:<story@b.example>", f"RCPT TO:<{s.anna.address}>"):
        n = slept(s)
        assert c.ask(line) == 250
        if line[0] != "E":
            asleep(s, n)
    assert c.ask("DATA") == 354
    c.c.sendall(TEXT)
    code, text = c.reply()
    m = re.search(rb"Accepted as (\w+)", text)[1].decode()
    story = [x for x in s.log()[since:].splitlines() if f"m={m}" in x and "smtpd" in x]
    assert sum(" mail " in x for x in story) == 3 and "from=story@b.example" in story[0]  # told once, twice at level debug
    bodies(s, s.anna)


def test_a_changed_world_ends_the_message(own_suite):
    """What was accepted is not accepted the second time: 421, never a message for fewer people than the client believes."""
    s = own_suite(SLEEPY)
    s.account("anna@example.org")
    s.account("gone@example.org")
    c = Client(s)
    assert c.ask("EHLO x") == 250 and c.ask("MAIL FROM:<a@b.example>") == 250
    n = slept(s)
    assert c.ask("RCPT TO:<gone@example.org>") == 250
    asleep(s, n)
    s.cli("user", "remove", "gone@example.org")
    assert c.ask("RCPT TO:<anna@example.org>") == 421


def test_a_slow_sender_is_served(house):
    """A few hundred bytes now and then: slow, not hostile."""
    s = house
    c = Client(s)
    for line, code in (("EHLO x", 250), ("MAIL FROM:<a@b.example>", 250), (f"RCPT TO:<{s.anna.address}>", 250), ("DATA", 354)):
        assert c.ask(line) == code
    n = slept(s)
    for i in range(0, len(TEXT) - 1, 150):
        c.c.sendall(TEXT[i:min(i + 150, len(TEXT) - 1)])
        asleep(s, n) if i == 0 else time.sleep(0.06)  # longer than park_after
    c.c.sendall(TEXT[-1:])
    assert c.reply()[0] == 250
    check_once(s, s.anna)


def test_a_trickle_wakes_nobody(house):
    """A byte now and then inside DATA: no smtpd is bothered with it."""
    s = house
    c = Client(s)
    for line, code in (("EHLO x", 250), ("MAIL FROM:<a@b.example>", 250), (f"RCPT TO:<{s.anna.address}>", 250)):
        assert c.ask(line) == code
    n = slept(s)
    assert c.ask("DATA") == 354
    asleep(s, n)
    n = s.log().count(" handover ")
    for _ in range(10):
        c.c.sendall(b"x")
        time.sleep(0.06)  # each of them its own packet, longer than park_after
    assert s.log().count(" handover ") == n


def test_who_leaves_while_asleep_leaves_nothing(house):
    s = house
    n = slept(s)
    c = Client(s)
    assert c.ask("EHLO x") == 250 and c.ask("MAIL FROM:<a@b.example>") == 250
    asleep(s, n)
    c.f.close()
    c.c.close()
    wait_for(lambda: all(r["sessions"] == 0 for r in s.status() if r["process"] in ("front", "smtpd")), 20)


def test_large_messages_stay_where_they_are(house):
    """More than can be said again: the session keeps its smtpd, and the message comes."""
    s = house
    c = Client(s)
    for line, code in (("EHLO x", 250), ("MAIL FROM:<a@b.example>", 250), (f"RCPT TO:<{s.anna.address}>", 250), ("DATA", 354)):
        assert c.ask(line) == code
    big = b"Subject: big\r\n\r\n" + (b"z" * 70 + b"\r\n") * 1000
    c.c.sendall(big[:40000])
    with contextlib.suppress(AssertionError):
        wait_for(lambda: False, 0.2)
    c.c.sendall(big[40000:] + b".\r\n")
    assert c.reply()[0] == 250
    assert [b.endswith(big) for b in bodies(s, s.anna)] == [True]
