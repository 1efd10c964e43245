# SPDX-License-Identifier: ISC
"""resolverd against real and lying name servers: what is found, what is told apart, DNSSEC, deadlines, bounds, strangers' bytes."""
import time

import pytest

from conftest import in_time
from nameservers import Knot, Resolver, Scripted, TYPES, wire_name, wire_record

PLAIN = """www 60 A 198.51.100.1
www 60 A 198.51.100.2
www 60 AAAA 2001:db8::1
alias 60 CNAME www
@ 60 MX 10 mail
@ 60 MX 20 backup.example.net.
@ 60 TXT "v=spf1 " "mx -all"
_submissions._tcp 60 SRV 0 1 465 mail
_25._tcp.mail 60 TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
mail 60 A 198.51.100.25
big 60 TXT """ + " ".join(f'"{"x" * 250}"' for _ in range(8)) + "\n"


def liar(name, type, tcp):
    first = name.split(".")[0]
    if first == "servfail":
        return 2, [], 0
    if first == "refused":
        return 5, [], 0
    if first == "wrong":
        return 0, [wire_record(name, "A", bytes([198, 51, 100, 66]))], "wrong id"
    if first == "truncated":
        return 0, [wire_record(name, "A", bytes([198, 51, 100, 7]))] if tcp else [], 0 if tcp else 0x200
    if first == "garbage":
        return 0, [b"\xff" * 11], 0
    if first == "lines" and type == TYPES["TXT"]:
        return 0, [wire_record(name, "TXT", b"\x0da\r\nRCPT TO:x\0")], 0
    if first == "lines" and type == TYPES["MX"]:
        return 0, [wire_record(name, "MX", b"\0\x0a\x06a\r\nb.c\x03org\0")], 0
    if first == "other":  # an answer about somebody else's name
        return 0, [wire_record("victim.plain.test", "A", bytes([198, 51, 100, 66]))], 0
    if type in (TYPES["NS"], 6):
        return 0, [], 0
    return 3, [], 0


@pytest.fixture(scope="module")
def world():
    """knot with plain.test and the signed signed.test; liar.test; hung.test; and a resolverd that knows them."""
    class World:
        pass
    w = World()
    w.knot = Knot({"plain.test": PLAIN, "signed.test": PLAIN, "broken.test": PLAIN}, signed=("signed.test", "broken.test"))
    w.liar = Scripted(liar)
    w.hung = Scripted(lambda name, type, tcp: None)
    w.anchor = w.knot.folder / "anchors"
    w.anchor.write_text("; of the test\n" + "".join(x for x in w.knot.anchors().splitlines(True) if x.startswith("signed")) +
                        "broken.test. IN DS 1 13 2 " + "ab" * 32 + "\n")
    w.zones = "zones = " + ", ".join(w.knot.setting() + [f"liar.test=127.0.0.1:{w.liar.port}", f"hung.test=127.0.0.1:{w.hung.port}",
                                                          "dead.test=127.0.0.1:1"])
    w.resolver = Resolver(w.zones, f"trust_anchor = {w.anchor}")
    yield w
    w.resolver.stop()
    w.liar.stop()
    w.hung.stop()
    w.knot.stop()


@pytest.fixture
def r(world):
    return world.resolver


def test_every_type_is_found(r):
    assert sorted(r.ask("www.plain.test")["record"]) == ["198.51.100.1", "198.51.100.2"]
    assert r.ask("www.plain.test", "AAAA")["record"] == ["2001:db8::1"]
    assert sorted(r.ask("plain.test", "MX")["record"]) == ["10 mail.plain.test", "20 backup.example.net"]
    assert r.ask("plain.test", "TXT")["record"] == ["v=spf1 mx -all"]
    assert r.ask("_submissions._tcp.plain.test", "SRV")["record"] == ["0 1 465 mail.plain.test"]
    assert r.ask("_25._tcp.mail.plain.test", "TLSA")["record"][0].startswith("3 1 1 00112233")
    assert r.ask("plain.test", "NS")["record"] == ["ns.plain.test"]
    assert r.ask("alias.plain.test", "CNAME")["record"] == ["www.plain.test"]
    a = r.ask("Alias.PLAIN.test.")
    assert a["canonical"] == "www.plain.test" and len(a["record"]) == 2 and int(a["ttl"]) <= 60
    assert len(r.ask("big.plain.test", "TXT")["record"][0]) == 2000  # by TCP


def test_nothing_is_told_apart_from_failure(r):
    """NXDOMAIN, no such record, and servers that give no answer are three things."""
    assert r.ask("none.plain.test")["state"] == "nxdomain"
    assert r.ask("www.plain.test", "TXT")["state"] == "nodata"
    for name in ("servfail.liar.test", "refused.liar.test", "garbage.liar.test", "x.dead.test"):
        assert r.ask(name, wait=1200)["state"] in ("servfail", "timeout"), name
    assert r.ask("none.liar.test")["state"] == "nxdomain"
    for name in ("a..b", "-", "x" * 64 + ".test", "a b.test", ""):
        assert r.ask(name)["state"] == "invalid", name


def test_signed_answers_are_proven_and_forged_ones_refused(r):
    a = r.ask("www.signed.test")
    assert a["state"] == "ok" and a["secure"] == "1"
    assert r.ask("none.signed.test")["secure"] == "1" and r.ask("none.signed.test")["state"] == "nxdomain"
    assert r.ask("www.plain.test")["secure"] == "0"
    a = r.ask("www.broken.test")
    assert a["state"] == "bogus" and "record" not in a and a["secure"] == "0" and a["why"]


def test_without_anchors_nothing_is_checked(world):
    r = Resolver(world.zones, "trust_anchor = none")
    a = r.ask("www.broken.test")
    r.stop()
    assert a["state"] == "ok" and a["secure"] == "0"


def test_a_lying_server_tells_nothing(r, world):
    assert r.ask("wrong.liar.test", wait=1500)["state"] in ("timeout", "servfail")
    assert r.ask("truncated.liar.test")["record"] == ["198.51.100.7"]
    assert "record" not in r.ask("other.liar.test")
    assert r.ask("victim.plain.test")["state"] == "nxdomain"


def test_line_ends_in_answers_are_data(r):
    """C02: nothing that a name server says begins a line of ours."""
    assert r.ask("lines.liar.test", "TXT")["record"] == [r"a\013\010RCPT TO:x\000"]
    assert r.ask("lines.liar.test", "MX")["record"] == [r"10 a\013\010b\046c.org"]


@pytest.mark.alone
def test_each_question_ends_at_its_deadline(r):
    def ask():
        began = time.monotonic()
        assert r.ask("a.hung.test", wait=400)["state"] == "timeout"
        assert 0.35 < time.monotonic() - began

    in_time(5, ask)


@pytest.mark.alone
def test_thousands_at_once_are_bounded_and_others_go_on(world):
    r = Resolver(world.zones, "queries = 500", f"trust_anchor = {world.anchor}")
    try:
        sent = {r.send(f"n{i}.hung.test", "A", 3000): "hung" for i in range(2500)}
        states = {}
        while len(states) < len(sent):
            a = r.take()
            states[a["id"]] = a["state"]
        kinds = list(states.values())
        assert kinds.count("busy") >= 1500 and set(kinds) <= {"busy", "timeout", "servfail"}
        assert kinds.count("timeout") + kinds.count("servfail") >= 500
        assert r.ask("www.plain.test")["state"] == "ok"
        rss = int(next(x.split()[1] for x in open(f"/proc/{r.process.pid}/status") if x.startswith("VmRSS")))
        assert rss < 60000
    finally:
        r.stop()


def test_addresses_come_from_hosts_and_the_dns(r):
    a = r.address("localhost")
    assert "127.0.0.1" in a["ip"] and a["local"][a["ip"].index("127.0.0.1")] == "1"
    a = r.address("www.plain.test")
    assert set(a["ip"]) == {"198.51.100.1", "198.51.100.2", "2001:db8::1"} 
    assert all(local == "0" for ip, local in zip(a["ip"], a["local"]) if ip.startswith("198."))
    assert r.address("198.51.100.9")["ip"] == ["198.51.100.9"]
    assert r.address("none.plain.test")["error"] == "there is no such name"
    assert "ip" not in r.address("x.broken.test") and "signatures" in r.address("www.broken.test")["error"]
    assert r.address("any.localhost")["ip"][0] in ("127.0.0.1", "::1")


def test_answers_are_kept_and_forwarders_are_asked(world):
    asked = []

    def answer(name, type, tcp):
        asked.append(name)
        return 0, [wire_record(name, "A", bytes([198, 51, 100, 77]))] if type == 1 else [], 0x80
    server = Scripted(answer)
    r = Resolver(f"servers = 127.0.0.1:{server.port}", "trust_anchor = none")
    try:
        assert r.ask("anything.example")["record"] == ["198.51.100.77"]
        n = asked.count("anything.example")
        assert r.ask("anything.example")["record"] == ["198.51.100.77"]
        assert asked.count("anything.example") == n
    finally:
        r.stop()
        server.stop()


def test_a_peer_that_breaks_the_rules_is_dropped_alone(world):
    from nameservers import message
    import socket
    r = Resolver(world.zones, "trust_anchor = none")
    try:
        r.link.sendall(message("link", [("id", 1)]))
        data, fds, _, _ = socket.recv_fds(r.link, 65536, 4)
        second = socket.socket(fileno=fds[0])
        second.settimeout(5)
        for junk in (b"mansio 1 ask\nid=x\n", ):
            second.sendall(junk)
        assert second.recv(100) == b""
        assert r.ask("www.plain.test")["state"] == "ok"
    finally:
        r.stop()


def test_a_wrong_anchor_file_is_told():
    with pytest.raises(RuntimeError, match="trust_anchor: /nonexistent"):
        Resolver("trust_anchor = /nonexistent")


@pytest.mark.alone
def test_it_is_small_at_rest(world):
    r = Resolver()
    try:
        pss = int(next(x.split()[1] for x in open(f"/proc/{r.process.pid}/smaps_rollup") if x.startswith("Pss:")))
        assert pss < 8000
    finally:
        r.stop()
