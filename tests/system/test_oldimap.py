# SPDX-License-Identifier: ISC
"""Moving in with the first login: a live Dovecot is asked about passwords, once for each account; hung, lying, stripped and dead servers."""
import concurrent.futures
import contextlib
import imaplib
import json
import re
import shutil
import socket
import ssl
import threading

import pytest

from attackers import logs_in, tries
from conftest import TOP, Account, Suite, check_log, make_certificate, make_folder, wait_for
from oldserver import Dovecot

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
                       "oldserver.account_tries": "3", "oldserver.timeout": "9s", "oldserver.retry": "100ms",
                       "auth.failure_delay": "0", "ban.failures": "0", "ban.tries": "0"}).start()
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


def test_the_first_login_moves_in_and_the_second_asks_nobody(house, dovecot):
    anna = user(house, "anna")
    assert row(house, anna)["password"] == "no"
    mark = len(house.log())
    assert logs_in(house, anna, PASSWORD)
    assert "moved-in" in house.wait_log(f"moved-in s=", since=mark)
    assert (row(house, anna)["password"], row(house, anna)["scram"]) == ("yes", "yes")
    assert asked(dovecot, anna) == (0, 1)
    dovecot.stop()
    try:
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


def test_guesses_stop_before_that_server_bans_us(house, dovecot):
    carla = user(house, "carla")
    for i in range(3):
        assert logs_in(house, carla, f"guess {i}") is False
    assert tries(house, carla, "guess 4") is None and tries(house, carla, PASSWORD) is None, "it is not asked now, right or wrong"
    assert asked(dovecot, carla) == (3, 0)


def test_strangers_and_other_domains_are_not_asked_about(house, dovecot):
    dora = "dora@here.example"
    house.cli("user", "add", dora, "--no-password")
    off = user(house, "off", "active=no")
    for name in (dora, off, "nobody@example.org"):
        assert logs_in(house, name, PASSWORD) is False, name
        assert asked(dovecot, name) == (0, 0), name
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
    assert "login-unavailable" in s.wait_log("the old server: TLS: ")
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
                c.sendall(answer)
            while c.recv(4096):
                pass


CAPA = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nc OK\r\n"
HI = b"* OK hi\r\n"
LIARS = {
    "bye": ([HI, CAPA, b"* BYE go away\r\n"], True, None),
    "unavailable": ([HI, CAPA, b"+ \r\n", b"l NO [UNAVAILABLE] later\r\n"], True, None),
    "referral": ([HI, CAPA, b"+ \r\n", b"l NO [REFERRAL imap://evil.example/] there\r\n"], True, None),
    "ok before it was asked": ([HI + CAPA + b"+ \r\nl OK in\r\n", b"", b""], True, None),
    "endless line": ([b"* OK " + b"x" * 100000], True, None),
    "bare lf": ([b"* OK hi\n"], True, None),
    "wrong": ([HI, CAPA, b"+ \r\n", b"l NO\r\n"], True, False),
    "hangs": ([HI, b""], False, None),
    "stripped": ([HI, CAPA], False, None),
    "injected": ([HI, b"* CAPABILITY STARTTLS\r\nc OK\r\n", b"s OK\r\nc OK injected\r\n"], False, None),
}


def test_who_lies_or_hangs_is_a_try_later_for_those_alone(own_suite, tmp_path):
    """Each liar in turn behind one port; others log in all the while."""
    cert, key = make_certificate(tmp_path, "localhost")
    s = own_suite(start=False)
    results = {}
    for tls in (True, False):
        names = [n for n in LIARS if LIARS[n][1] == tls]
        liars = {n: Liar((cert, key), LIARS[n][0], tls) for n in names}
        relay = Relay()
        s.settings.update({"oldserver.host": "localhost", "oldserver.port": relay.port, "oldserver.tls": "implicit" if tls else "starttls",
                           "oldserver.ca_file": cert, "oldserver.domains": "example.org", "oldserver.timeout": "9s" if tls else "800ms", "oldserver.retry": "100ms",
                           "auth.failure_delay": "0", "auth.workers": "1", "oldserver.connections": "1"})
        s.write_config()
        s.start()
        s.cli("domain", "add", "example.org", check=False)
        local = s.account(f"local-{tls}".lower())
        for i, n in enumerate(names):
            name = f"u{i}-{tls}@example.org".lower()
            relay.to = liars[n].port
            s.cli("user", "add", name, "--no-password")
            done = threading.Thread(target=lambda: results.__setitem__(n, until_asked(s, name)))
            done.start()
            wait_for(lambda: liars[n].open, 60)
            assert logs_in(s, local.address, local.password), n
            done.join(60)
            assert not any(b"secret" in h or b"AHUw" in h for h in liars[n].heard) or tls, n
        s.stop()
        relay.listener.close()
    assert results == {n: LIARS[n][2] for n in LIARS}
    check_log(s)


def until_asked(s, name):
    """The liar before may still be the reason why nobody is asked."""
    for _ in range(200):
        mark = len(s.log())
        said = tries(s, name, "secret")
        if said is not None or "not asked now" not in s.wait_log(f"user={name}", since=mark):
            return said
    return said


class Relay:
    """One port that leads to the liar of the moment."""

    def __init__(self):
        self.listener, self.to = socket.create_server(("127.0.0.1", 0)), None
        threading.Thread(target=self.run, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                c, _ = self.listener.accept()
                there = socket.create_connection(("127.0.0.1", self.to))
                for a, b in ((c, there), (there, c)):
                    threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        for x in (a, b):
            with contextlib.suppress(OSError):
                x.shutdown(socket.SHUT_RDWR)
