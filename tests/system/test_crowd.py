# SPDX-License-Identifier: ISC
"""The crowd (S5, S7, S9, C26): thousands that are silent, stall, never read, send junk or guess; honest mail and honest
logins from elsewhere go on, their median at most doubled, and the door stays small.

tools/crowd.c holds the bad clients, each with an address of its own by a PROXY header. What is honest is measured before
and while they are there; on a machine that does other things too the best of three such pairs counts."""
import contextlib
import pathlib
import re
import socket
import statistics
import subprocess
import time

import pytest

from conftest import TOP, wait_for

HONEST = "198.51.100.7"
SETTINGS = {"server.proxy_from": "127.0.0.1, ::1", "server.processes": "2", "smtp.processes": "16", "limit.connections": "18000",
            "limit.connections_per_address": "50"}


@pytest.fixture(scope="module")
def crowd_tool(tmp_path_factory):
    out = tmp_path_factory.mktemp("crowd") / "crowd"
    subprocess.run(["gcc", "-O1", "-o", out, TOP / "tests/system/tools/crowd.c"], check=True)
    return out


class Crowd:
    def __init__(self, tool, s, mode, count, networks, services=("smtp", "imap", "pop3"), **options):
        args = [f"{x}={s.ports[x]}" for x in services] + [f"{k}={v}" for k, v in options.items()]
        self.p = subprocess.Popen([tool, mode, str(count), str(networks), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ready(self):
        return int(self.p.stdout.readline().split()[1])

    def leave(self):
        """What it counted."""
        self.p.stdin.close()
        words = self.p.stdout.read().split()
        self.p.wait(20)
        return dict(zip(words[::2], map(int, words[1::2])))


@pytest.fixture
def crowds(crowd_tool):
    made = []

    def make(*args, **kw):
        made.append(Crowd(crowd_tool, *args, **kw))
        return made[-1]

    yield make
    for c in made:
        with contextlib.suppress(Exception):
            c.p.kill()
            c.p.wait()


def connect(s, service, peer):
    c = socket.create_connection(("127.0.0.1", s.ports[service]), 20)
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    c.sendall(f"PROXY TCP4 {peer} 192.0.2.1 40000 25\r\n".encode())
    return c


def mail(s, to, peer=HONEST):
    with contextlib.closing(connect(s, "smtp", peer)) as c:
        f = c.makefile("rb")
        for line, code in ((None, b"220"), ("EHLO honest.example", b"250"), ("MAIL FROM:<honest@elsewhere.example>", b"250"),
                           (f"RCPT TO:<{to}>", b"250"), ("DATA", b"354"), ("Subject: honest\r\n\r\nHello.\r\n.", b"250")):
            if line:
                c.sendall(line.encode() + b"\r\n")
            while (got := f.readline())[3:4] == b"-":
                pass
            assert got.startswith(code), (line, got)


def login(s, account, peer=HONEST):
    with contextlib.closing(s.context().wrap_socket(connect(s, "imaps", peer), server_hostname="localhost")) as c:
        f = c.makefile("rb")
        assert f.readline().startswith(b"* OK")
        c.sendall(f'a LOGIN {account.address} "{account.password}"\r\n'.encode())
        assert f.readline().startswith((b"a OK", b"* CAPABILITY"))


def medians(s, account, rounds=15):
    def one(what):
        began = time.perf_counter()
        what()
        return time.perf_counter() - began
    pairs = [(one(lambda: mail(s, account.address)), one(lambda: login(s, account))) for _ in range(rounds)]
    return [statistics.median(x) for x in zip(*pairs)]


def honest_goes_on(s, account, begin, end):
    """begin() brings the crowd, end() takes it away: the medians of honest work at most double."""
    tries = []
    for _ in range(3):
        before = medians(s, account)
        begin()
        during = medians(s, account)
        end()
        tries.append([d / b for b, d in zip(before, during)])
        if max(tries[-1]) <= 2:
            return
    raise AssertionError(f"honest mail and logins took these times longer: {tries}")


def pss(s, name):
    """KiB of all processes of that name."""
    return sum(int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
               for pid, n in s.tree().items() if n == name)


def test_fifteen_thousand_silent_connections(own_suite, crowds):
    """S5, test 19: 15,000 in clear, half of them of IPv6: each costs the door at most 4 KiB, and nobody waits for them."""
    s = own_suite(SETTINGS)
    anna = s.account()
    medians(s, anna, 3)
    small = pss(s, "front")
    now = []

    def begin():
        now.append(crowds(s, "silent", 15000, 3000))
        assert now[-1].ready() == 15000

    def end():
        large = pss(s, "front")
        counted = now.pop().leave()
        assert counted["open"] == 15000 and counted["settled"] == 15000, counted
        assert (large - small) / 15000 <= 4, f"{small} KiB, {large} KiB"

    honest_goes_on(s, anna, begin, end)


@pytest.mark.parametrize("mode", ["mail", "rcpt", "data", "deaf"])
def test_two_thousand_that_stall(own_suite, crowds, mode):
    """C26, tests 19 and 20: after MAIL, after RCPT, inside DATA at a byte a second, and who never reads."""
    s = own_suite(SETTINGS)
    anna = s.account()
    medians(s, anna, 3)
    now = []

    def begin():
        now.append(crowds(s, mode, 2000, 1000, services=("smtp",), rcpt=anna.address))
        assert now[-1].ready() == 2000

    def end():
        now.pop().leave()

    honest_goes_on(s, anna, begin, end)


def test_junk_of_a_thousand_connections(own_suite, crowds):
    """S7, C07: 64 MB of junk on 1,000 connections before login: less than 64 MiB in all processes, honest work goes on."""
    s = own_suite(SETTINGS)
    anna = s.account()
    medians(s, anna, 3)
    names = {n for n in s.tree().values()}
    small = sum(pss(s, n) for n in names)
    now = []

    def begin():
        now.append(crowds(s, "junk", 1000, 500, bytes=65536))
        assert now[-1].ready() == 1000

    def end():
        large = sum(pss(s, n) for n in {x for x in s.tree().values()})
        assert large - small < 64 * 1024, f"{small} KiB, {large} KiB"
        now.pop().leave()

    honest_goes_on(s, anna, begin, end)


@pytest.mark.parametrize("user", ["anna", "*"])
def test_guesses_from_one_network(own_suite, crowds, user):
    """S9, C16: as many guesses as one network can make, against one account and against names that do not exist; its owner and
    others elsewhere log in as ever."""
    s = own_suite({**SETTINGS, "auth.yescrypt_cost": "5", "auth.failure_delay": "2s", "auth.failure_delay_max": "15s", "auth.allow_clear": "yes"})
    anna = s.account("anna")
    medians(s, anna, 3)
    now = []

    def begin():
        now.append(crowds(s, "guess", 200, 1, services=("imap",), user=anna.address if user == "anna" else "*"))
        assert now[-1].ready() == 200

    def end():
        counted = now.pop().leave()
        assert counted["replies"] > 0, counted

    honest_goes_on(s, anna, begin, end)


def test_a_crowd_leaves_nothing(own_suite, crowds):
    """All kinds at once, all gone at once: places, processes and descriptors are free again."""
    s = own_suite(SETTINGS)
    anna = s.account()
    mail(s, anna.address)
    fds = {pid: len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) for pid, n in s.tree().items() if n in ("front", "smtpd", "authd")}
    all_of_them = [crowds(s, mode, 300, 100, services=("smtp",), rcpt=anna.address) for mode in ("silent", "mail", "data", "deaf")]
    for c in all_of_them:
        c.ready()
    for c in all_of_them:
        c.p.kill()
        c.p.wait()

    def back():
        return all(len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) <= n + 2 for pid, n in fds.items())

    wait_for(back, 20)
    mail(s, anna.address)
    assert {str(r["restarts"]) for r in s.status()} == {"0"}
