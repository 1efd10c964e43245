# SPDX-License-Identifier: ISC
"""Moving in with the first login: a live Dovecot is asked about passwords, once for each account; hung, lying, stripped and dead servers."""
import concurrent.futures
import contextlib
import errno
import imaplib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import threading
import time

import pytest

from attackers import logs_in, tries
from conftest import TOP, Account, Suite, check_log, make_certificate, make_folder, wait_for
from oldserver import Dovecot
from test_faults import ERROR, KILL, STICKY, Rig

PASSWORD = "old_pass"
# its own slowness after wrong passwords, by address, is not what is tested
SWIFT = """auth_failure_delay = 0
auth_verbose = yes
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""


def document():
    """The settings of docs/AUTH.md as they stand there."""
    part = (TOP / "docs" / "AUTH.md").read_text().split("\n## Moving in")[1].split("\n## ")[0]
    rows = re.findall(r"^    (\w+) = (.*)$", part.split("    [oldserver]")[1].split("\n\n")[0], re.M)
    return {f"oldserver.{key}": value for key, value in rows}


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory):
    d = Dovecot(tmp_path_factory.mktemp("old"), extra=SWIFT).start()
    yield d
    d.close()


def asked(dovecot, name):
    """How often Dovecot was asked about a name and refused it, and how often it let it in."""
    log = dovecot.log()
    return len(re.findall(rf"\({re.escape(name)},.*[Pp]assword mismatch", log)), len(re.findall(rf"Login: user=<{re.escape(name)}>", log))


@pytest.fixture(scope="module")
def house(dovecot, system_users):
    folder = make_folder()
    s = Suite(folder, {**document(), "oldserver.host": "localhost", "oldserver.port": dovecot.ports["imaps"], "oldserver.ca_file": dovecot.cert,
                       "oldserver.account_tries": "8", "oldserver.timeout": "20s", "oldserver.retry": "100ms",
                       "auth.failure_delay": "0", "ban.never": "", "ban.failures": "0", "ban.tries": "0"}).start()
    for domain in ("example.org", "here.example"):
        s.cli("domain", "add", domain, check=False)
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(folder, ignore_errors=True)


def user(s, name, *options):
    s.cli("user", "add", f"{name}@example.org", "--no-password", *options)
    return f"{name}@example.org"


def row(s, address):
    return json.loads(s.cli("user", "show", address, "--json").stdout)


def left(s):
    return {r["address"] for r in json.loads(s.cli("user", "list", "--without-password", "--json").stdout)}


def test_the_first_login_moves_in_and_the_second_asks_nobody(house, dovecot):
    anna = user(house, "anna")
    assert row(house, anna)["password"] == "no"
    assert anna in left(house)
    mark = len(house.log())
    assert logs_in(house, anna, PASSWORD)
    assert "moved-in" in house.wait_log(f"moved-in s=", since=mark)
    assert (row(house, anna)["password"], row(house, anna)["scram"]) == ("yes", "yes")
    assert asked(dovecot, anna) == (0, 1)
    assert anna not in left(house)
    dovecot.stop()
    try:
        later, mark = user(house, "later"), len(house.log())
        assert tries(house, later, PASSWORD) is None
        assert "the old server: no connection" in house.wait_log("directory-trouble", since=mark)
        assert logs_in(house, anna, PASSWORD)
        assert logs_in(house, anna, "wrong") is False, "no try later: the old server has no part in it"
        with house.smtp(Account(anna, PASSWORD)) as c:
            c.noop()
    finally:
        dovecot.start()
    assert asked(dovecot, anna) == (0, 1)


def test_first_logins_at_the_same_moment_are_one_move(house):
    eva, mark = user(house, "eva"), len(house.log())
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: logs_in(house, eva, PASSWORD), range(4)))
    house.wait_log("moved-in s=", since=mark)
    log = house.log()[mark:]
    assert log.count("moved-in s=") == 1 and "same moment" not in log


def test_a_wrong_password_is_shown_there_once(house, dovecot):
    ben = user(house, "ben")
    for _ in range(3):
        assert logs_in(house, ben, "telephone") is False
    assert asked(dovecot, ben) == (1, 0)
    assert logs_in(house, ben, PASSWORD)
    house.cli("user", "password", ben, input="a new one\n")
    assert logs_in(house, ben, "a new one") and logs_in(house, ben, PASSWORD) is False
    assert asked(dovecot, ben) == (1, 1)


def from_network(s, source, name, password):
    """As tries(), from an address of another network."""
    c = imaplib.IMAP4_SSL.__new__(imaplib.IMAP4_SSL)
    c._create_socket = lambda timeout: s.context().wrap_socket(
        socket.create_connection(("127.0.0.1", s.ports["imaps"]), 60, (source, 0)), server_hostname="localhost")
    imaplib.IMAP4.__init__(c, "localhost", s.ports["imaps"], 60)
    with c:
        try:
            c.login(name, password)
            return True
        except imaplib.IMAP4.error as e:
            assert "AUTHENTICATIONFAILED" in str(e) or "UNAVAILABLE" in str(e), e
            return None if "UNAVAILABLE" in str(e) else False


def test_guesses_stop_before_that_server_bans_us_and_keep_nobody_out(house, dovecot):
    known = house.account("known")
    assert logs_in(house, known.address, known.password), "now 127.0.0.0/24 is a network where somebody of ours is known"
    carla, ella = user(house, "carla"), user(house, "ella")
    said = [from_network(house, "127.9.1.1", carla, f"guess {i}") for i in range(6)]
    assert said == [False, False, None, None, None, None], "half of what is there for strangers, then it is not asked"
    assert from_network(house, "127.9.1.2", carla, PASSWORD) is None, "nor is it when the guess is right"
    assert asked(dovecot, carla) == (2, 0)
    assert from_network(house, "127.9.2.1", carla, PASSWORD), "her own network has its own share"
    # from everywhere
    said = [from_network(house, f"127.8.{i}.1", ella, f"guess {i}") for i in range(8)]
    assert said == [False] * 3 + [None] * 5 and from_network(house, "127.8.9.1", ella, PASSWORD) is None
    assert asked(dovecot, ella) == (3, 0)
    assert logs_in(house, ella, PASSWORD), "the last one is for networks in which we know somebody"


def test_strangers_and_other_domains_are_not_asked_about(house, dovecot):
    dora = "dora@here.example"
    house.cli("user", "add", dora, "--no-password")
    off = user(house, "off", "active=no")
    for name in (dora, off, "nobody@example.org"):
        assert logs_in(house, name, PASSWORD) is False, name
        assert asked(dovecot, name) == (0, 0), name
    assert f"user={dora} " in house.wait_log('why="the account has no password"')
    local = house.account("local")
    assert logs_in(house, local.address, local.password) and logs_in(house, local.address, PASSWORD) is False
    assert asked(dovecot, local.address) == (0, 0)
    assert json.loads(house.cli("user", "list", "--json").stdout)
    with house.imap() as c:
        assert not any(m.startswith("AUTH=SCRAM") for m in c.capabilities), "who has no keys yet would be lost by it"


def test_a_new_account_by_starttls_and_whose_certificate_counts(own_suite, dovecot, tmp_path):
    other = make_certificate(tmp_path, "localhost", name="other")[0]
    s = own_suite({"oldserver.host": "localhost", "oldserver.port": dovecot.ports["imap"], "oldserver.tls": "starttls",
                   "oldserver.ca_file": other, "oldserver.domains": "example.org", "oldserver.create": "yes", "oldserver.timeout": "9s", "oldserver.retry": "100ms", "auth.failure_delay": "0"})
    s.cli("domain", "add", "example.org", check=False)
    s.cli("alias", "add", "info@example.org", "new@example.org")
    assert tries(s, "new@example.org", PASSWORD) is None
    assert "directory-trouble" in s.wait_log("the old server: TLS: ")
    s.settings["oldserver.ca_file"] = dovecot.cert
    s.stop()
    s.write_config()
    s.start()
    assert logs_in(s, "new@example.org", "wrong") is False
    assert s.cli("user", "show", "new@example.org", check=False).returncode != 0
    assert logs_in(s, "New@Example.org", PASSWORD)
    assert row(s, "new@example.org")["password"] == "yes"
    assert logs_in(s, "info@example.org", PASSWORD) is False, "an alias is no account"
    s.deliver("new@example.org", subject="the mailbox is there")
    assert logs_in(s, "new@elsewhere.example", PASSWORD) is False
    assert (asked(dovecot, "info@example.org"), asked(dovecot, "new@elsewhere.example")) == ((0, 0), (0, 0))


class Liar:
    """A scripted server; what it heard."""

    def __init__(self, certificate, script, tls=True):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.script, self.tls, self.heard, self.open = script, tls, [], []
        threading.Thread(target=self.run, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                c, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        with contextlib.suppress(OSError):
            if self.tls:
                c = self.context.wrap_socket(c, server_side=True)
            self.open.append(c)
            c.sendall(self.script[0])
            for answer in self.script[1:]:
                said = c.recv(4096)
                if not said:
                    return
                self.heard.append(said)
                if answer is None:
                    c.close()
                    return
                c.sendall(answer)
            while c.recv(4096):
                pass


CAPA = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nc OK\r\n"
HI = b"* OK hi\r\n"
IN = [HI, CAPA, b"+ \r\n"]  # until it has heard the password
LIARS = {  # what it says; TLS from the first byte; does it hang; what comes of it
    "bye": ([HI, CAPA, b"* BYE go away\r\n"], True, False, None),
    "unavailable": ([*IN, b"l NO [UNAVAILABLE] later\r\n"], True, False, None),
    "referral": ([*IN, b"l NO [REFERRAL imap://evil.example/] there\r\n"], True, False, None),
    "ok before it was asked": ([HI + CAPA + b"+ \r\nl OK in\r\n", b"", b""], True, False, None),
    "endless line": ([b"* OK " + b"x" * 100000], True, False, None),
    "bare lf": ([b"* OK hi\n"], True, False, None),
    "wrong": ([*IN, b"l NO\r\n"], True, False, False),
    "another tag": ([*IN, b"x OK in\r\n"], True, False, None),
    "untagged ok": ([*IN, b"* OK in\r\nc OK in\r\n"], True, False, None),
    "flood": ([*IN, b"* 1 EXISTS\r\n" * 5000 + b"l OK in\r\n"], True, False, None),
    "endless verdict": ([*IN, b"l OK " + b"x" * 100000 + b"\r\n"], True, False, None),
    "bye for a verdict": ([*IN, b"* BYE l OK in\r\n"], True, False, None),
    "hangs up on the password": ([*IN, None], True, False, None),
    "hangs up on AUTHENTICATE": ([HI, CAPA, None], True, False, None),
    "no greeting": ([b""], True, True, None),
    "no verdict": ([*IN, b""], True, True, None),
    "half a verdict": ([*IN, b"l OK in"], True, True, None),
    "drips": ([*IN, b"* OK in\r\n" * 60], True, True, None),
    "hangs": ([HI, b""], False, True, None),
    "no handshake": ([HI, b"* CAPABILITY STARTTLS\r\nc OK\r\n", b"s OK\r\n"], False, True, None),
    "no answer to STARTTLS": ([HI, b"* CAPABILITY STARTTLS\r\nc OK\r\n", b""], False, True, None),
    "hangs up on the handshake": ([HI, b"* CAPABILITY STARTTLS\r\nc OK\r\n", b"s OK\r\n", None], False, True, None),
    "refuses STARTTLS": ([HI, b"* CAPABILITY STARTTLS\r\nc OK\r\n", b"s NO\r\n"], False, True, None),
    "stripped": ([HI, CAPA], False, True, None),
    "injected": ([HI, b"* CAPABILITY STARTTLS\r\nc OK\r\n", b"s OK\r\nc OK injected\r\n"], False, True, None),
}


def test_who_lies_or_hangs_is_a_try_later_for_those_alone(own_suite, tmp_path):
    """Each liar in turn behind one port; others log in all the while."""
    cert, key = make_certificate(tmp_path, "localhost")
    s = own_suite(start=False)
    results = {}
    for tls, hangs in ((True, False), (True, True), (False, True)):
        names = [n for n in LIARS if LIARS[n][1:3] == (tls, hangs)]
        liars = {n: Liar((cert, key), LIARS[n][0], tls) for n in names}
        relay = Relay()
        s.settings.update({"oldserver.host": "localhost", "oldserver.port": relay.port, "oldserver.tls": "implicit" if tls else "starttls",
                           "oldserver.ca_file": cert, "oldserver.domains": "example.org", "oldserver.timeout": "800ms" if hangs else "9s", "oldserver.retry": "100ms",
                           "auth.failure_delay": "0", "auth.workers": "1", "oldserver.connections": "1"})
        s.write_config()
        s.start()
        s.cli("domain", "add", "example.org", check=False)
        local = s.account(f"local-{tls}-{hangs}".lower())
        for i, n in enumerate(names):
            name = f"u{i}-{tls}-{hangs}@example.org".lower()
            relay.to = liars[n].port
            s.cli("user", "add", name, "--no-password")
            done = threading.Thread(target=lambda: results.__setitem__(n, until_asked(s, name)))
            done.start()
            wait_for(lambda: liars[n].open, 60)
            assert logs_in(s, local.address, local.password), n
            done.join(60)
            assert not any(b"secret" in h or b"AHUw" in h for h in liars[n].heard) or tls, n
            assert row(s, name)["password"] == "no", n
        s.stop()
        relay.listener.close()
    assert results == {n: LIARS[n][3] for n in LIARS}
    check_log(s)


def until_asked(s, name, password="secret"):
    """The liar before may still be the reason why nobody is asked."""
    for _ in range(200):
        mark = len(s.log())
        said = tries(s, name, password)
        if said is not None or "not asked now" not in s.wait_log(f"user={name}", since=mark):
            return said
    return said


def test_the_real_one_hangs_or_hangs_up_anywhere(own_suite, dovecot):
    """Dovecot behind a wire that ends, or goes dead, after so many of its answers: the next login asks again."""
    relay = Relay(dovecot.ports["imaps"])
    s = own_suite({"oldserver.host": "localhost", "oldserver.port": relay.port, "oldserver.ca_file": dovecot.cert, "oldserver.domains": "example.org",
                   "oldserver.timeout": "600ms", "oldserver.retry": "100ms", "auth.failure_delay": "0"})
    s.cli("domain", "add", "example.org", check=False)
    for dead in (False, True):
        name, said = user(s, f"anna-{dead}".lower()), []
        for relay.answers in range(12):
            relay.dead = dead
            said.append(until_asked(s, name, PASSWORD))
            assert row(s, name)["password"] == ("yes" if said[-1] else "no"), said
            if said[-1]:
                break
        assert said[-1] is True and set(said[:-1]) == {None} and len(said) > 4, "no answer of ours was wrong"
    relay.listener.close()


def test_what_is_killed_or_full_while_somebody_moves_in_loses_nothing(dovecot, tmp_path):
    cert, key = make_certificate(tmp_path, "localhost")
    silent, relay = Liar((cert, key), [*IN, b""]), Relay(dovecot.ports["imaps"])
    trust = tmp_path / "both.pem"
    trust.write_text("".join(open(c).read() for c in (cert, dovecot.cert)))
    rig = Rig({"oldserver.host": "localhost", "oldserver.port": relay.port, "oldserver.ca_file": trust, "oldserver.domains": "example.org",
               "oldserver.timeout": "20s", "oldserver.retry": "100ms", "auth.failure_delay": "0"})
    s = rig.suite
    s.cli("domain", "add", "example.org", check=False)
    try:
        for i, (mode, error) in enumerate(((STICKY, errno.ENOSPC), (ERROR, errno.EIO), (KILL, 0))):
            name = user(s, f"full{i}")
            for n in (1, 3):
                rig.page.arm("authd", mode, error, n)
                with contextlib.suppress(OSError):  # killed: front may hang up
                    assert tries(s, name, PASSWORD) is not False, (mode, n)
                assert rig.page.disarm()[1] >= 1 or n > 1, "a fault hits what is stored"
            wait_for(lambda: tries(s, name, PASSWORD), 60)
            assert row(s, name)["password"] == "yes" and logs_in(s, name, "wrong") is False
        # who asks is killed while it waits for the answer
        name = user(s, "killed")
        for victim in ("authd old server", "authd workers", "authd worker", "authd"):
            relay.to, before = silent.port, len(silent.heard)
            said = []
            asks = threading.Thread(target=lambda: said.append(quietly(s, name)))
            asks.start()
            wait_for(lambda: len(silent.heard) > before + 2, 60)
            relay.to = dovecot.ports["imaps"]
            victims = [pid for pid, title in titles(s).items() if title == f"mansio: {victim}"]
            assert victims, (victim, titles(s))
            for pid in victims:
                with contextlib.suppress(ProcessLookupError):  # who depends on it goes with it
                    os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            asks.join(60)
            assert time.monotonic() - began < 15, "who waits for it hears of it"
            assert said and said[0] is None, (victim, said)
            assert wait_for(lambda: quietly(s, name, "wrong" + victim) is False, 60)
        assert wait_for(lambda: quietly(s, name, PASSWORD), 60) and row(s, name)["password"] == "yes"
    finally:
        rig.stop()
        relay.listener.close()


def titles(s):
    out = {}
    for pid in s.tree():
        with contextlib.suppress(OSError):
            out[pid] = open(f"/proc/{pid}/cmdline").read().rstrip("\0 ")
    return out


def quietly(s, name, password=PASSWORD):
    """As tries(); None as well if nobody is there to answer."""
    try:
        return tries(s, name, password)
    except (OSError, EOFError, AssertionError):
        return None


class Relay:
    """One port that leads to the liar of the moment; after so many answers it ends, or is dead."""

    def __init__(self, to=None):
        self.listener, self.to = socket.create_server(("127.0.0.1", 0)), to
        self.answers, self.dead = None, False
        threading.Thread(target=self.run, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                c, _ = self.listener.accept()
                there = socket.create_connection(("127.0.0.1", self.to))
                threading.Thread(target=self.pump, args=(c, there, None), daemon=True).start()
                threading.Thread(target=self.pump, args=(there, c, self.answers), daemon=True).start()

    def pump(self, a, b, most):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                if most is not None and most <= 0 and self.dead:
                    continue
                if most is not None and most <= 0:
                    break
                most = None if most is None else most - 1
                b.sendall(data)
        for x in (a, b):
            with contextlib.suppress(OSError):
                x.shutdown(socket.SHUT_RDWR)
