# SPDX-License-Identifier: ISC
"""Guessed passwords (docs/AUTH.md, "Guessing"): bans of networks, who stays free, offices, a spray, the verbs, and what a ban
costs the door. Peers are many addresses of 127/8, or any address by a PROXY header. Who counts what, with a clock passed in,
is tests/unit/auth/ban_test.c."""
import base64
import contextlib
import http.client
import json
import os
import shutil
import select
import signal
import socket
import sqlite3
import time

import pytest

from conftest import Suite, check_log, make_folder, wait_for
from web import Web

NEVER = {"ban.never": "", "ban.hold": "0", "auth.allow_clear": "yes", "auth.failure_delay": "0s", "server.processes": "2", "auth.yescrypt_cost": "1",
         "server.proxy_from": "127.0.0.1", "smtp.processes": "2"}


class Peer:
    """A connection to POP3, IMAP or submission in clear, from an address of 127/8 or by a PROXY header."""

    def __init__(self, s, address, service="pop3"):
        self.service = service
        direct = address.startswith("127.")
        self.sock = socket.create_connection(("127.0.0.1", s.ports[service]), 20, (address, 0) if direct else None)
        if not direct:
            four = "TCP6" if ":" in address else "TCP4"
            to = "2001:db8::1" if ":" in address else "192.0.2.1"
            self.sock.sendall(f"PROXY {four} {address} {to} 4711 110\r\n".encode())
        self.file = self.sock.makefile("rb")
        self.greeting = self.line()

    def line(self):
        try:
            return self.file.readline()
        except ConnectionError:
            return b""

    def say(self, text):
        try:
            self.sock.sendall(text.encode() + b"\r\n")
        except ConnectionError:
            return b""
        return self.line()

    def login(self, user, password):
        """True, False, "limit", or None: no connection."""
        if self.service == "imap":
            answer = self.say(f'a LOGIN "{user}" "{password}"')
        else:
            self.say(f"USER {user}")
            answer = self.say(f"PASS {password}")
        if b"Too many attempts" in answer:
            return "limit"
        return None if not answer or b"BYE" in answer else b"OK" in answer[:8]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()


def login(s, address, user, password, service="pop3"):
    with Peer(s, address, service) as p:
        if b"failed logins from your network" in p.greeting or not p.greeting:
            return None
        return p.login(user, password)


def guess_until_banned(s, address, user="nobody@example.org", most=40):
    n = 0
    while n < most and login(s, address, user, f"guess {n}") is False:
        n += 1
    return n


def bans(s):
    return {r["network"]: r for r in json.loads(s.cli("--json", "ban", "list").stdout)}


def closed(s, address, service="pop3"):
    with Peer(s, address, service) as p:
        return b"failed logins from your network" in p.greeting


def served(settings):
    s = Suite(make_folder(), settings)
    s.start()
    s.anna, s.ben, s.cora, s.dora = (s.account() for _ in range(4))
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


@pytest.fixture(scope="module")
def rooms(system_users):
    yield from served({"server.processes": "2", "auth.yescrypt_cost": "1", "imap.hibernate_after": "200ms"})


@pytest.fixture(scope="module")
def house(system_users):
    yield from served({**NEVER, "ban.failures": "5", "ban.first": "1h"})


def test_who_guesses_is_banned_at_every_door_and_the_owner_elsewhere_does_not_notice(house):
    s, a = house, house.anna
    assert login(s, "127.1.0.1", a.address, a.password) is True
    assert guess_until_banned(s, "127.1.1.1", a.address) == 5
    row = wait_for(lambda: bans(s).get("127.1.1.1/32"), 20)
    assert int(row["count"]) >= 5 and row["door"] == "closed" and row["reason"] == "failed logins" and int(row["until"]) > int(row["since"])
    for service, said in (("pop3", b"-ERR [SYS/TEMP] Too"), ("imap", b"* BYE [UNAVAILABLE] Too"), ("submission", b"421 4.7.0 Too")):
        wait_for(lambda: closed(s, "127.1.1.1", service), 20)
        with Peer(s, "127.1.1.1", service) as p:
            assert p.greeting.startswith(said)
            assert p.line() == b""
    for service in ("imaps", "pop3s", "submissions", "https"):
        c = socket.create_connection(("127.0.0.1", s.ports[service]), 20, ("127.1.1.1", 0))
        try:
            assert c.recv(1) == b"", service  # without a word of TLS
        except ConnectionError:
            pass
        c.close()
    # mail of other servers is nobody's way to guess
    with Peer(s, "127.1.1.1", "smtp") as p:
        assert p.greeting.startswith(b"220 ")
    assert login(s, "127.1.0.1", a.address, a.password) is True
    assert login(s, "127.1.1.2", a.address, a.password) is True  # the neighbour
    s.wait_log("banned net=127.1.1.1/32", timeout=20)
    s.cli("ban", "remove", "127.1.1.1")
    wait_for(lambda: not closed(s, "127.1.1.1"), 20)
    assert login(s, "127.1.1.1", a.address, a.password) is True
    assert s.cli("ban", "remove", "127.1.1.1", check=False).returncode == 67


def test_an_empty_first_response_hides_no_name(house):
    s, a, b = house, house.anna, house.ben

    def by_steps(account, password, begin):
        with Peer(s, "127.1.2.9", "imap") as p:
            for text in (begin, account.address, password):
                answer = p.say(text if text == begin else base64.b64encode(text.encode()).decode())
                if not answer.startswith(b"+"):
                    break
        return "limit" if b"[LIMIT]" in answer else answer.startswith(b"a OK")

    begin = "a AUTHENTICATE LOGIN ="
    assert by_steps(b, b.password, begin) is True
    assert [by_steps(a, f"guess {n}", begin) for n in range(5)] == [False] * 5
    wait_for(lambda: bans(s).get("127.1.2.9/32"), 20)
    assert by_steps(a, a.password, begin) == by_steps(a, a.password, "a AUTHENTICATE LOGIN") == "limit"
    assert by_steps(b, b.password, begin) is True  # known there by his name


def test_who_is_known_there_logs_in_from_a_banned_network(house):
    s, a = house, house.anna
    assert login(s, "203.0.113.5", a.address, a.password) is True
    assert guess_until_banned(s, "203.0.113.5") == 5
    assert not closed(s, "203.0.113.5") and bans(s)["203.0.113.5/32"]["door"] == "open"
    assert login(s, "203.0.113.5", a.address, a.password) is True
    assert login(s, "203.0.113.5", house.ben.address, house.ben.password) == "limit"
    assert login(s, "203.0.113.5", a.address, a.password, "imap") is True


def test_ipv6_and_proxies(house):
    s = house
    assert guess_until_banned(s, "2001:db8:7:1::9") == 5
    wait_for(lambda: closed(s, "2001:db8:7:1:abcd::2"), 20)
    assert not closed(s, "2001:db8:7:2::1")
    assert "2001:db8:7:1::/64" in bans(s)


def test_an_office_is_slowed_per_account_and_not_banned(house):
    s = house
    for who in (s.anna, s.ben, s.cora):
        assert login(s, "198.51.100.7", who.address, who.password) is True
    assert guess_until_banned(s, "198.51.100.7", s.dora.address, 20) == 20
    assert "198.51.100.7/32" not in bans(s)
    assert login(s, "198.51.100.7", s.dora.address, s.dora.password) is True


def test_the_page_and_its_api_count_too(house):
    # webadmind tells authd the peer that the door saw
    for n in range(5):
        raw = socket.create_connection(("127.0.0.1", house.ports["https"]), 20, ("127.1.7.1", 0))
        c = http.client.HTTPSConnection("127.0.0.1", house.ports["https"], context=house.context())
        c.sock = house.context().wrap_socket(raw, server_hostname="localhost")
        if n < 2:
            c.request("POST", "/api/v1/login", json.dumps({"address": "x@example.org", "password": "y"}), {"Content-Type": "application/json"})
        elif n == 2:
            c.request("GET", "/api/v1/status", headers={"Authorization": "Bearer abcdefghijkl." + "0" * 64})
        else:
            link = "a link" if n == 3 else "abcdefghijkl." + "0" * 64
            c.request("POST", "/api/v1/invite", json.dumps({"token": link, "password": "y"}), {"Content-Type": "application/json"})
        assert c.getresponse().status == (401 if n <= 2 else 404)
        c.close()
    wait_for(lambda: closed(house, "127.1.7.1"), 20)


def test_bans_by_hand(house):
    s, a = house, house.anna
    assert login(s, "127.1.8.1", a.address, a.password) is True
    s.cli("ban", "add", "127.1.8.0/24", "comment=not today")
    wait_for(lambda: closed(s, "127.1.8.1"), 20)
    row = bans(s)["127.1.8.0/24"]
    assert row["reason"] == "not today" and row["until"] == ""
    s.cli("ban", "add", "127.1.8.0/24", "time=2h")
    assert int(bans(s)["127.1.8.0/24"]["until"]) > int(row["since"])
    for wrong in (("add", "127.1.8.1/24"), ("add", "nonsense"), ("add", "127.1.8.0/24", "time=soon"), ("remove", "nonsense")):
        assert s.cli("ban", *wrong, check=False).returncode == 65, wrong
    s.cli("ban", "remove", "127.1.8.0/24")
    wait_for(lambda: login(s, "127.1.8.1", a.address, a.password) is True, 20)


def test_bans_and_known_networks_outlive_authd(house):
    s, a = house, house.anna
    assert login(s, "203.0.113.77", a.address, a.password) is True
    assert guess_until_banned(s, "203.0.113.77") == 5
    assert guess_until_banned(s, "127.1.9.1") == 5
    wait_for(lambda: closed(s, "127.1.9.1"), 20)
    pid = next(r["pid"] for r in s.status() if r["process"] == "authd")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: [r for r in s.status() if r["process"] == "authd" and r["pid"] != pid and r["state"] == "ready"], 20)
    wait_for(lambda: login(s, "203.0.113.77", a.address, a.password) is True, 20)
    assert login(s, "203.0.113.77", s.ben.address, s.ben.password) == "limit"
    assert closed(s, "127.1.9.1") and {"127.1.9.1/32", "203.0.113.77/32"} <= bans(s).keys()


def cpu_of_fronts(s):
    ticks = 0
    for r in s.status():
        if r["process"] == "front":
            ticks += sum(map(int, open(f"/proc/{r['pid']}/stat").read().rsplit(")", 1)[1].split()[11:13]))
    return ticks


def test_a_banned_peer_costs_the_door_little(house):
    """Its connections are closed at accept; each of them costs less than the handshake of anybody else, and one event tells
    of all of them."""
    s = house
    s.cli("ban", "add", "127.1.10.1")
    wait_for(lambda: closed(s, "127.1.10.1"), 20)

    def knock(address, n):
        before = cpu_of_fronts(s)
        for _ in range(n):
            c = socket.create_connection(("127.0.0.1", s.ports["imaps"]), 20, (address, 0))
            if address != "127.1.10.1":
                c = s.context().wrap_socket(c, server_hostname="localhost")
            try:
                c.recv(1)
            except ConnectionError:
                pass
            c.close()
        return cpu_of_fronts(s) - before

    free, banned = knock("127.1.11.1", 100), knock("127.1.10.1", 1000)
    assert banned < max(free, 5), (free, banned)  # ten times as many
    s.wait_log("banned n=", timeout=30)
    assert s.log().count("banned n=") < 50


def test_a_banned_peer_waits_for_its_word_and_not_too_many_do(own_suite):
    s = own_suite({**NEVER, "ban.hold": "1s", "ban.held": "10", "server.processes": "1"})
    s.cli("ban", "add", "127.1.12.1")
    wait_for(lambda: closed(s, "127.1.12.1"), 20)
    began = time.monotonic()
    waiting = [socket.create_connection(("127.0.0.1", s.ports["imap"]), 20, ("127.1.12.1", 0)) for _ in range(15)]
    at_once = [c for c in waiting if select.select([c], [], [], 0.2)[0]]
    assert len(at_once) == 5 or time.monotonic() - began > 1, "ten wait"
    for c in waiting:
        assert b"BYE" in c.recv(1000)
        c.close()
    assert time.monotonic() - began >= 0.9


def test_a_small_spray_is_told_once_and_known_networks_stay_quick(own_suite):
    s = own_suite({**NEVER, "ban.spray": "30", "ban.spray_delay": "1s"})
    a = s.account()
    assert login(s, "198.51.100.9", a.address, a.password) is True
    peers = []
    for n in range(45):
        p = Peer(s, f"10.{n}.1.1")
        p.say(f"USER person{n}@example.org")
        p.sock.sendall(b"PASS winter2026\r\n")
        peers.append(p)
    for p in peers:
        assert b"-ERR" in p.line()
        p.__exit__()
    s.wait_log("spray failures=30 networks=", timeout=20)
    assert s.log().count("spray failures=") == 1
    assert not bans(s)
    def delays(user):
        return [line for line in s.log().splitlines() if " login " in line and f"user={user}" in line and "authd" in line]
    assert login(s, "198.51.100.9", a.address, a.password) is True
    assert "delay_ms" not in wait_for(lambda: delays(a.address)[1:], 20)[0]
    assert login(s, "192.0.2.200", a.address, a.password) is True  # on a journey: later, but in
    assert "delay_ms=1000" in wait_for(lambda: delays(a.address)[2:], 20)[0]


def live(s, account):
    return sorted(r["service"] for r in json.loads(s.cli("--json", "session", "list").stdout) if r["user"] == account.address)


def everywhere(s, account):
    """A session of each kind, that of IMAP once awake and once asleep."""
    asleep = s.imap(account)
    asleep.select()
    asleep.send(b"x IDLE\r\n")
    asleep.readline()
    page = Web(s, account)
    held = [asleep, s.imap(account), s.pop3(account), s.smtp(account), page]
    wait_for(lambda: '"asleep"' in s.cli("--json", "session", "list").stdout, 20)
    wait_for(lambda: live(s, account) == ["imaps", "imaps", "pop3s", "submission", "web"], 20)
    return held, page


@pytest.mark.parametrize("how", ["kick", "password", "invited", "imported", "suspended", "domain", "removed"])
def test_all_sessions_of_an_account_end_together(rooms, tmp_path, how):
    s, who, other = rooms, rooms.account("eve@asleep.example" if how == "domain" else None), rooms.ben
    held, page = everywhere(s, who)
    with s.imap(other) as o:
        if how == "kick":
            rows = json.loads(s.cli("--json", "session", "kick", f"user={who.address}").stdout)
            assert sorted(r["service"] for r in rows) == ["imaps", "imaps", "pop3s", "submission", "web"]
        elif how == "password":
            s.cli("user", "password", who.address, input="another one\n")
        elif how == "invited":
            link = json.loads(s.cli("--json", "user", "invite", who.address).stdout)["link"]
            assert Web(s).post("invite", {"token": link.split("/")[-1], "password": "another one"}).status == 200
        elif how == "imported":
            with contextlib.closing(sqlite3.connect(s.state / "directory" / "directory.db", timeout=20)) as db:
                same = db.execute("SELECT hash FROM account WHERE local || '@' || domain = ?", [other.address]).fetchone()[0]
            (tmp_path / "users").write_text(f"{other.address}:{same}\n{who.address}:{{PLAIN}}another one\n")
            s.cli("import", "users", tmp_path / "users", "--dry-run", "--replace")
            assert len(live(s, who)) == 5
            s.cli("import", "users", tmp_path / "users")
            assert len(live(s, who)) == 5
            s.cli("import", "users", tmp_path / "users", "--replace")
        elif how == "suspended":
            s.cli("user", "change", who.address, "active=no")
        elif how == "domain":
            s.cli("domain", "change", "asleep.example", "catchall=")
            assert len(live(s, who)) == 5
            s.cli("domain", "change", "asleep.example", "active=no")
        else:
            s.cli("user", "remove", who.address)
        wait_for(lambda: not live(s, who), 20)
        assert b"BYE" in held[0].readline()  # it was asleep
        assert page.get("me").status == 401
        assert o.noop()[0] == "OK"
    for h in held[1:4]:
        h.sock.close()


def test_a_person_ends_his_other_sessions_by_the_page(rooms):
    s, who = rooms, rooms.account()
    held, page = everywhere(s, who)
    second = Web(s, who)
    rows = page.get("session/list").json["rows"]
    assert {r["user"] for r in rows} == {who.address} and len(rows) == 6
    assert sorted(r["state"] for r in rows if r["service"] == "web") == ["page", "this page"]
    assert page.post("session/kick", {"id": next(r["id"] for r in rows if r["service"] == "pop3s")}).status == 200
    wait_for(lambda: "pop3s" not in live(s, who), 20)
    ended = page.post("session/kick", {"user": who.address}).json["rows"]
    assert sorted(r["service"] for r in ended) == ["imaps", "imaps", "submission", "web"]
    assert page.get("me").status == 200 and second.get("me").status == 401
    wait_for(lambda: live(s, who) == ["web"], 20)
    assert page.post("session/kick", {"user": rooms.ben.address}).status == 403
    for h in held[1:4]:
        h.sock.close()


def test_roles_end_no_session_of_a_mail_program(rooms):
    s, who = rooms, rooms.account()
    with s.imap(who) as c:
        s.cli("user", "change", who.address, "roles=admin@example.org")
        s.cli("user", "change", who.address, "name=Anna")
        assert c.noop()[0] == "OK"
        assert live(s, who) == ["imaps"]
