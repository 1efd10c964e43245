# SPDX-License-Identifier: ISC
"""The sender without a smarthost: servers found by MX records of zones on knot, and played by fakehost.py on addresses of
loopback. Each test has a domain of its own in the zones, so that all of them share one suite."""
import hashlib
import itertools
import json
import shutil
import smtplib
import socket
import ssl
import subprocess

import pytest

from conftest import DOMAIN, Suite, check_log, free_ports, make_folder, wait_for
from fakehost import SILENT, FakeHost
from nameservers import Knot, Scripted, TYPES, wire_name, wire_record
from test_send import server_context, stuffed_right

serial = itertools.count(1)
GOOD, OTHER, THIRD, REFUSED, DEEP, OWN, SILENT_ADDRESS, SAFE = (f"127.0.7.{i}" for i in range(1, 9))

ZONE = f"""good 60 MX 10 one.good
one.good 60 A {GOOD}
two 60 MX 10 mail.two
mail.two 60 A {GOOD}
order 60 MX 30 late.order
order 60 MX 10 first.order
order 60 MX 20 second.order
first.order 60 A {REFUSED}
second.order 60 A {OTHER}
late.order 60 A {THIRD}
implicit 60 A {GOOD}
null 60 MX 0 .
nothing 60 TXT "x"
lost 60 MX 10 nowhere.lost
lost 60 MX 20 nobody
half 60 MX 10 nowhere.half
half 60 MX 20 one.good
alias 60 MX 10 aka
aka 60 CNAME one.good
many 60 MX 10 mail.many
mail.many 60 A {REFUSED}
mail.many 60 A 127.0.7.9
mail.many 60 A {OTHER}
six 60 MX 10 mail.six
mail.six 60 AAAA ::1
mail.six 60 A {OTHER}
self 60 MX 10 mail.self-is.example.
self 60 MX 10 one.good
self 60 MX 20 mail.two
backup 60 MX 10 first.order
backup 60 MX 20 mail.self-is.example.
backup 60 MX 30 one.good
door 60 MX 10 door.host
door 60 MX 20 one.good
door.host 60 A {OWN}
tls 60 MX 10 mail.tls
mail.tls 60 A {SAFE}
dead 60 MX 10 first.order
slow 60 MX 10 mail.slow
mail.slow 60 A {SILENT_ADDRESS}
mail.slow 60 A {OTHER}
busy 60 MX 10 busy.host
busy.host 60 A {DEEP}
pushy 60 MX 10 late.order
spread 60 MX 10 one.good
spread 60 MX 10 busy.host
live6 60 MX 10 mail.live6
mail.live6 60 AAAA ::1
mail.live6 60 A {REFUSED}
short 60 CNAME good
loop 60 CNAME loop2
loop2 60 CNAME loop
mxloop 60 MX 10 loop
""" + "".join(f"chain{i} 60 CNAME chain{i + 1}\n" for i in range(40)) + """chain40 60 MX 10 one.good
temp 60 MX 10 x.hung.example.
temp 60 MX 20 nowhere.lost
bogus 60 MX 10 one.bogus.example.
"""


def hung(name, type, tcp):
    return None


def liar(name, type, tcp):
    first = name.split(".")[0]
    if first == "servfail":
        return 2, [], 0
    if first == "big":  # 64 KiB of MX records, by TCP
        return (0, [wire_record(name, "MX", b"\0\x0a" + wire_name("m" * 60 + f"{i}.liar.example"))
                    for i in range(600)], 0) if tcp else (0, [], 0x200)
    if first == "thousand":  # as many as fit, all of them in truth one server
        return (0, [wire_record(name, "MX", b"\0\x0a" + wire_name(f"m{i}.liar.example")) for i in range(1000)], 0) if tcp else (0, [], 0x200)
    if first == "garbage":
        return 0, [b"\xff" * 11], 0
    if first == "lines" and type == TYPES["MX"]:
        return 0, [wire_record(name, "MX", b"\0\x0a\x06a\r\nb.c\x03org\0")], 0
    if type in (TYPES["NS"], 6):
        return 0, [], 0
    return 3, [], 0


class World:
    """The zones, the servers, and a suite that sends by MX."""

    def __init__(self):
        self.port = free_ports(1)[0]
        folder = make_folder()
        context, cert = server_context(folder, "mail.dane.example")
        key = ssl.PEM_cert_to_DER_cert(subprocess.run(["openssl", "x509", "-in", cert], capture_output=True, text=True, check=True).stdout)
        tlsa = hashlib.sha256(key).hexdigest()
        dane = f"""@ 60 MX 10 mail
mail 60 A {SAFE}
_{self.port}._tcp.mail 60 TLSA 3 0 1 {tlsa}
wrong 60 MX 10 bad
bad 60 A {SAFE}
_{self.port}._tcp.bad 60 TLSA 3 0 1 {"ab" * 32}
plain 60 MX 10 clear
clear 60 A {GOOD}
_{self.port}._tcp.clear 60 TLSA 3 0 1 {tlsa}
"""
        self.knot = Knot({"dane.example": dane, "mx.example": ZONE, "bogus.example": "@ 60 MX 10 one.mx.example.\none 60 A 127.0.7.1\n"},
                         signed=("bogus.example", "dane.example"))
        self.liar, self.hung = Scripted(liar), Scripted(hung)
        self.hosts = {a: FakeHost(address=a, port=self.port, name=f"host{a[-1]}.example.net") for a in (GOOD, OTHER, THIRD, DEEP)}
        self.hosts[SAFE] = FakeHost(address=SAFE, port=self.port, name="safe.example.net", context=context,
                                    extensions=("PIPELINING", "STARTTLS"))
        self.anchor = folder / "anchor"
        self.anchor.write_text("bogus.example. IN DS 1 13 2 " + "ab" * 32 + "\n" +
                               "".join(x for x in self.knot.anchors().splitlines(True) if x.startswith("dane")))
        zones = ", ".join(self.knot.setting() + [f"liar.example=127.0.0.1:{self.liar.port}", f"hung.example=127.0.0.1:{self.hung.port}",
                                                 "lame.example=127.0.0.1:1"])
        self.s = Suite(folder, {"server.hostname": "mail.self-is.example", "send.direct": "yes", "send.port": self.port, "send.down": "100ms",
                        "send.lookup": "2s", "send.session_idle": "100ms", "queue.retry": "1s, 1h", "dns.zones": zones,
                        "send.connect": "3s", "sts.wait": "1s", "dns.trust_anchor": str(self.anchor)}).start()
        self.s.cli("domain", "add", DOMAIN)

    def post(self, *targets, text="Subject: hello\r\n\r\nHello.\r\n"):
        alias = f"out{next(serial)}@{DOMAIN}"
        self.s.cli("alias", "add", alias, *targets)
        with smtplib.LMTP(str(self.s.state / "run" / "lmtp")) as c:
            c.sendmail("someone@elsewhere.example", [alias], text.encode())

    def mail(self, to):
        """By submission: addresses that no alias may have."""
        self.anna = getattr(self, "anna", None) or self.s.account()
        with self.s.smtp(self.anna) as c:
            c.sendmail(self.anna.address, [to], b"Subject: hello\r\n\r\nHello.\r\n")

    def log(self, event, to, timeout=20):
        """The first line of that event about that recipient."""
        found = []

        def there():
            found[:] = [x for x in self.s.log().splitlines() if f" {event} " in x and f"to={to} " in x + " "]
            return found
        wait_for(there, timeout)
        return found[0]

    def at(self, address, who):
        return [m for m in self.hosts[address].messages if any(who.encode() in r for r in m[1])]

    def stop(self):
        self.s.stop()
        check_log(self.s)
        shutil.rmtree(self.s.folder)
        for h in self.hosts.values():
            h.close()
        for x in (self.liar, self.hung, self.knot):
            x.stop()


@pytest.fixture(scope="module")
def world(system_users):
    w = World()
    yield w
    w.stop()


# --- which server

def test_a_message_goes_to_the_server_that_mx_names(world):
    world.post("ben@good.mx.example", text="Subject: dots\r\n\r\n.\r\n..x\r\n")
    line = world.log("sent", "ben@good.mx.example")
    assert "remote=one.good.mx.example" in line
    (_, _, raw), = world.at(GOOD, "ben@good.mx.example")
    assert stuffed_right(raw).endswith(b"\r\n\r\n.\r\n..x\r\n")


def test_without_mx_the_domain_itself_is_the_server(world):
    world.post("a@implicit.mx.example", "b@alias.mx.example")
    assert "remote=implicit.mx.example" in world.log("sent", "a@implicit.mx.example")
    assert "remote=aka.mx.example" in world.log("sent", "b@alias.mx.example"), "an alias as MX is tolerated"


def test_the_next_best_is_taken_when_the_best_is_not_there(world):
    world.post("a@order.mx.example")
    line = world.log("sent", "a@order.mx.example")
    assert "remote=second.order.mx.example" in line and "attempt=1" in line
    assert not world.at(THIRD, "a@order"), "the worst was not needed"


def test_equal_ones_share_the_mail(world):
    for i in range(14):
        world.post(f"u{i}@spread.mx.example")
        world.log("sent", f"u{i}@spread.mx.example")
        if all(world.at(x, "@spread") for x in (GOOD, DEEP)):
            break
    assert sum(len(world.at(x, "@spread")) for x in (GOOD, DEEP)) == i + 1


def test_all_addresses_of_a_host_are_tried(world):
    world.post("a@many.mx.example")
    line = world.log("sent", "a@many.mx.example")
    assert world.at(OTHER, "a@many") and "attempt=1" in line


def test_ipv6_that_is_not_there_costs_nothing(world):
    world.post("a@six.mx.example")
    assert "attempt=1" in world.log("sent", "a@six.mx.example") and world.at(OTHER, "a@six")


# --- no server

@pytest.mark.parametrize("domain, code, status, words", [
    ("null.mx.example", 556, "5.1.10", "null MX"),
    ("nosuch.mx.example", 550, "5.1.2", "no such domain"),
    ("nothing.mx.example", 550, "5.4.4", "no address"),
    ("lost.mx.example", 550, "5.4.4", "nowhere.lost.mx.example"),
    ("self.mx.example", 554, "5.4.6", "circle"),
])
def test_what_dns_rules_out_fails_for_good(world, domain, code, status, words):
    world.post(f"a@{domain}")
    line = world.log("failed", f"a@{domain}")
    assert f"code={code} " in line and f"status={status}" in line and words in line


@pytest.mark.parametrize("domain, words", [
    ("servfail.liar.example", "servers gave no usable answer"),
    ("garbage.liar.example", "cannot be looked up"),
    ("x.lame.example", "cannot be looked up"),
    ("x.hung.example", "did not answer in time"),
    ("bogus.example", "validation failure"),
    ("temp.mx.example", "did not answer in time"),
])
def test_what_dns_does_not_say_is_tried_again(world, domain, words):
    world.post(f"a@{domain}")
    line = world.log("deferred", f"a@{domain}")
    assert "code=451 " in line and "status=4.4.3" in line and words in line


@pytest.mark.parametrize("domain, words", [
    ("big.liar.example", "cannot be looked up"),  # 64 KiB of records
    ("thousand.liar.example", "cannot be looked up"),
    ("loop.mx.example", "cannot be looked up"),
    ("mxloop.mx.example", "loop.mx.example"),
    ("lines.liar.example", "no host that can be connected to"),
])
def test_a_dns_that_plays_tricks_defers_its_own_mail_alone(world, domain, words):
    world.post(f"h@{domain}", f"between.{domain}@good.mx.example")
    line = world.log("deferred", f"h@{domain}")
    assert "code=451 " in line and words in line, line
    assert "attempt=1" in world.log("sent", f"between.{domain}@good.mx.example", 5)


@pytest.mark.parametrize("name", ["short", "chain0"])
def test_aliases_are_followed(world, name):
    """Also forty of them, in one answer."""
    world.post(f"h@{name}.mx.example")
    assert "remote=one.good.mx.example" in world.log("sent", f"h@{name}.mx.example")


# --- addresses, and other ways

def test_an_address_that_lives_is_used_whatever_its_family(world):
    """IPv6 there, IPv4 refuses; the other way round see above."""
    six = FakeHost(address="::1", port=world.port, name="six.example.net")
    try:
        world.post("l@live6.mx.example")
        line = world.log("sent", "l@live6.mx.example")
        assert "ip=::1 " in line and "attempt=1" in line
        world.mail("l@[IPv6:::1]")
        assert "ip=::1 " in world.log("sent", "l@[IPv6:::1]")
        assert len(six.messages) == 2
    finally:
        six.close()


def test_mail_to_an_address_literal_goes_there(world):
    world.mail(f"l@[{OTHER}]")
    line = world.log("sent", f"l@[{OTHER}]")
    assert f"ip={OTHER} " in line and world.at(OTHER, f"l@[{OTHER}]")
    world.mail(f"l@[{REFUSED}]")
    assert "Connection refused" in world.log("deferred", f"l@[{REFUSED}]")


@pytest.mark.parametrize("name", ["one.good.mx.example", GOOD])
def test_mail_is_sent_another_way_by_name_and_by_address(world, name):
    """Nobody asks the DNS for a hop's MX; what is no server defers with its reason."""
    to = f"hop.{name}@dead.mx.example"
    world.post(to)
    world.log("deferred", to)
    world.s.cli("queue", "reroute", f"recipient={to}", f"hop={name}:{world.port}")
    line = world.log("sent", to)
    assert f"remote={name} " in line and f"ip={GOOD} " in line and world.at(GOOD, to)


def test_a_hop_that_is_not_there_is_told(world):
    to = "hopless@dead.mx.example"
    world.post(to)
    world.log("deferred", to)
    world.s.cli("queue", "reroute", f"recipient={to}", f"hop=nowhere.mx.example:{world.port}")
    line = world.log("failed", to)
    assert "nowhere.mx.example" in line and "has no address" in line


# --- ourselves

def test_what_is_no_better_than_this_server_is_not_tried(world):
    """The best one refuses connections; second is this server, and what is worse than it might send the mail back."""
    before = len(world.at(GOOD, "@backup"))
    world.post("a@backup.mx.example")
    line = world.log("deferred", "a@backup.mx.example")
    assert "first.order.mx.example" in line and "Connection refused" in line
    assert len(world.at(GOOD, "@backup")) == before


# --- dead, slow, and others

def test_a_dead_destination_is_deferred_with_the_words_of_the_system(world):
    world.post("a@dead.mx.example")
    line = world.log("deferred", "a@dead.mx.example")
    assert f"cannot be reached at {REFUSED}: Connection refused" in line and "status=4.4.1" in line


def test_a_silent_address_holds_nobody_up(world):
    """The first address takes the connection request and says nothing: the second gets the mail after the fallback time."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((SILENT_ADDRESS, world.port))
    listener.listen(0)
    fill = []
    for _ in range(4):  # no room in its queue: a further SYN gets no answer
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex((SILENT_ADDRESS, world.port))
        fill.append(c)
    try:
        world.post("a@slow.mx.example")
        line = world.log("sent", "a@slow.mx.example", 2.5)
        assert "attempt=1" in line and world.at(OTHER, "a@slow")
    finally:
        for c in [*fill, listener]:
            c.close()


def test_hung_destinations_hold_up_no_other(world):
    """Forty domains whose name servers are silent, forty whose server is: the mail after them goes at once."""
    world.hosts[DEEP].hooks["connect"] = SILENT
    try:
        for i in range(10):
            world.post(*(f"a@n{i}x{k}.hung.example" for k in range(4)))
        world.post(*(f"b{i}@busy.mx.example" for i in range(40)))
        world.post("last@good.mx.example")
        assert "attempt=1" in world.log("sent", "last@good.mx.example", 5)
    finally:
        world.hosts[DEEP].hooks.clear()
        for c in world.hosts[DEEP].connections:
            c.sock.close()


def test_a_session_serves_every_destination_of_its_host(world):
    """Two domains with the same server share its connections."""
    before = len(world.hosts[GOOD].connections)
    n = len(world.hosts[GOOD].messages)
    for i in range(10):
        world.post(f"s{i}@good.mx.example", f"s{i}@implicit.mx.example")
    wait_for(lambda: len(world.hosts[GOOD].messages) >= n + 20, 20)
    assert len(world.hosts[GOOD].connections) - before < 20


# --- how safe

def connected(world, address, tls):
    return [x for x in world.s.log().splitlines() if " connected " in x and f"ip={address} " in x and f'tls="{tls}"' in x]


def test_tls_is_used_where_it_is_offered(world):
    world.post("a@tls.mx.example")
    assert "remote=mail.tls.mx.example" in world.log("sent", "a@tls.mx.example")
    assert connected(world, SAFE, "TLSv1.3 opportunistic")


def test_a_record_in_a_signed_zone_vouches_for_the_server(world):
    world.post("a@dane.example")
    assert "remote=mail.dane.example" in world.log("sent", "a@dane.example")
    assert connected(world, SAFE, "TLSv1.3 DANE")


@pytest.mark.parametrize("domain", ["wrong.dane.example", "plain.dane.example"])
def test_without_what_the_record_vouches_for_nothing_is_sent(world, domain):
    """Another certificate, or no TLS at all."""
    world.post(f"a@{domain}")
    line = world.log("deferred", f"a@{domain}")
    assert "status=4.7." in line
    assert not any(world.at(x, f"a@{domain}") for x in world.hosts)


def test_mail_leaves_by_the_address_that_is_set(world):
    world.s.cli("config", "set", "send.source", "127.0.7.77")
    try:
        world.post("from@tls.mx.example")
        world.log("sent", "from@tls.mx.example")
        assert "127.0.7.77" in world.hosts[SAFE].peers
    finally:
        world.s.cli("config", "unset", "send.source")


def test_queued_hears_of_a_destination_that_pushes_back(world):
    """Many 4xx: fewer jobs at once, and `destination list` says so, before another attempt is made."""
    host = world.hosts[THIRD]
    host.hooks["RCPT"] = b"451 4.7.1 too much from you\r\n"
    try:
        def slow():
            world.post(*(f"q{next(serial)}@pushy.mx.example" for _ in range(3)))
            return [r for r in json.loads(world.s.cli("--json", "destination", "list").stdout)
                    if r["destination"] == "pushy.mx.example" and r["state"] == "slow" and int(r["limit"]) >= 1]
        wait_for(slow, 20, 0.1)
    finally:
        host.hooks.clear()
