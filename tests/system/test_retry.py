# SPDX-License-Identifier: ISC
"""What the admin changes counts at once: routes, the smarthost, MX records; a retry asks the network and no memory; and mail
that is to leave later keeps its time."""
import json
import signal
import socket
import time

import pytest

from conftest import free_ports, wait_for
from fakehost import FakeHost
from nameservers import TYPES, Scripted, wire_name, wire_record
from test_queue import kill

LATER = {"send.direct": "yes", "send.down": "1h", "queue.retry": "1h"}  # by itself nothing is tried again


@pytest.fixture
def hosts():
    made = []

    def make(*args, **kw):
        made.append(FakeHost(*args, **kw))
        return made[-1]

    yield make
    for h in made:
        h.close()


def ask(s, *verb):
    return json.loads(s.cli("--json", *verb).stdout)


def send(s, who, *rcpts, options=()):
    with s.smtp(who) as c:
        c.sendmail(who.address, list(rcpts), b"Subject: x\r\n\r\nx\r\n", mail_options=options)


def of(host, name):
    return [m for m in host.messages if any(name in r for r in m[1])]


def waits(s, what, attempts=1):
    """It was tried so often, and nobody is asked any more."""
    return wait_for(lambda: [r for r in ask(s, "queue", "list", what) if r["attempts"] == attempts and r["state"] == "waiting"], 30)[0]


def test_a_route_that_is_changed_or_removed_counts_at_once(own_suite, hosts):
    s, live, rest = own_suite(LATER), hosts(), hosts()
    anna, dead = s.account("anna"), free_ports(1)[0]
    s.cli("route", "add", "*", f"127.0.0.1:{rest.port}", "tls=none")
    for name in ("changed", "gone"):
        s.cli("route", "add", f"{name}.example", f"127.0.0.1:{dead}", "tls=none")
    s.cli("route", "add", ".below.example", f"127.0.0.1:{dead}", "tls=none")
    send(s, anna, "a@changed.example", "b@gone.example", "c@x.below.example")
    for name in ("changed", "gone", "x.below"):
        row = waits(s, f"domain={name}.example")
        assert "refused" in row["reply"] and row["next"] > 3000
    s.cli("route", "change", "changed.example", f"host=127.0.0.1:{live.port}")
    wait_for(lambda: of(live, b"a@changed"), 30)
    s.cli("route", "remove", "gone.example")
    s.cli("route", "remove", ".below.example")
    wait_for(lambda: of(rest, b"b@gone") and of(rest, b"c@x.below"), 30)
    send(s, anna, "d@changed.example", "e@gone.example")  # nothing of before is remembered
    wait_for(lambda: of(live, b"d@changed") and of(rest, b"e@gone"), 30)
    s.cli("route", "change", "changed.example", f"host=127.0.0.1:{dead}")
    send(s, anna, "f@changed.example")
    waits(s, "domain=changed.example")
    kill(s, "queued", signal.SIGSTOP)  # it is told, and dies before it has done it
    s.cli("route", "change", "changed.example", f"host=127.0.0.1:{live.port}")
    kill(s, "queued")
    wait_for(lambda: of(live, b"f@changed"), 30)
    wait_for(lambda: not ask(s, "queue", "list"), 30)


def test_a_smarthost_that_is_changed_counts_at_once(own_suite, hosts):
    dead, live, own = free_ports(1)[0], hosts(), hosts()
    s = own_suite({**LATER, "send.smarthost": f"127.0.0.1:{dead}", "send.smarthost_tls": "none"})
    anna = s.account("anna")
    send(s, anna, "a@one.example", "b@two.example")
    assert "refused" in waits(s, "domain=one.example")["reply"] and waits(s, "domain=two.example")
    s.cli("config", "set", "send.smarthost", f"127.0.0.1:{live.port}")
    wait_for(lambda: of(live, b"a@one") and of(live, b"b@two"), 30)
    s.cli("config", "set", "send.smarthost", f"127.0.0.1:{dead}")
    stuck = lambda: [r for r in ask(s, "queue", "list", "domain=one.example") if r["attempts"] == 1 and r["state"] == "waiting"]  # noqa: E731

    def counts():
        before = len(live.messages)
        send(s, anna, "c@one.example")
        wait_for(lambda: len(live.messages) > before or stuck(), 30)
        return stuck()
    wait_for(counts, 30)
    s.cli("route", "add", "one.example", f"127.0.0.1:{own.port}", "tls=none")
    wait_for(lambda: of(own, b"c@one"), 30)


def test_a_route_changed_while_the_sender_is_dead_counts_for_what_waits(own_suite, hosts):
    """The word of authd goes to a sender that never reads it."""
    s, live = own_suite(LATER), hosts()
    anna, dead = s.account("anna"), free_ports(1)[0]
    s.cli("route", "add", "changed.example", f"127.0.0.1:{dead}", "tls=none")
    s.cli("route", "add", ".below.example", f"127.0.0.1:{dead}", "tls=none")
    send(s, anna, "a@changed.example", "c@x.below.example")
    for name in ("changed", "x.below"):
        waits(s, f"domain={name}.example")
    kill(s, "sender", signal.SIGSTOP)
    s.cli("route", "change", "changed.example", f"host=127.0.0.1:{live.port}")
    s.cli("route", "change", ".below.example", f"host=127.0.0.1:{live.port}")
    kill(s, "sender")
    wait_for(lambda: of(live, b"a@changed") and of(live, b"c@x.below"), 20)


def test_a_retry_asks_the_network_and_no_memory(own_suite, hosts):
    """... also of a route, of a hop, and of a DNS whose answer was to last for an hour."""
    where, port = {"A": "127.0.7.21"}, free_ports(1)[0]

    def answer(name, type, tcp):
        if name == "moved.example" and type == TYPES["MX"]:
            return 0, [wire_record(name, "MX", b"\0\x0a" + wire_name("mail.moved.example"), 3600)], 0
        if name == "mail.moved.example" and type == TYPES["A"]:
            return 0, [wire_record(name, "A", socket.inet_aton(where["A"]), 3600)], 0
        return (0, [], 0) if name.endswith("moved.example") else (3, [], 0)

    dns = Scripted(answer)
    s = own_suite({**LATER, "send.port": port, "dns.zones": f"moved.example=127.0.0.1:{dns.port}", "dns.trust_anchor": "none",
                   "sts.wait": "1s"})
    anna = s.account("anna")
    s.cli("route", "add", "routed.example", f"127.0.0.1:{port}", "tls=none")
    send(s, anna, "a@moved.example", "b@routed.example")
    first = {name: waits(s, f"domain={name}.example") for name in ("moved", "routed")}
    shown = ask(s, "destination", "show", "moved.example")
    assert shown["state"] == "down" and abs(shown["since"] - time.time()) < 1000 and "refused" in shown["reply"]
    assert shown["waiting"] == 1 and 3000 < shown["next"] <= 3600 and abs(shown["last"] - time.time()) < 1000
    # what was tried in vain was tried: it counts
    asked = len(dns.asked)
    s.cli("queue", "retry", first["moved"]["message"])
    waits(s, "domain=moved.example", 2)
    assert len(dns.asked) > asked
    # more mail for it is answered from memory, which is no attempt of what the admin wants now
    send(s, anna, "c@moved.example")
    waits(s, "recipient=c@moved.example", 1)
    where["A"] = "127.0.7.22"
    moved, routed = hosts(address="127.0.7.22", port=port), hosts(port=port)
    s.cli("queue", "retry", "domain=moved.example")
    wait_for(lambda: of(moved, b"a@moved") and of(moved, b"c@moved"), 30)
    s.cli("queue", "retry", "--all")
    wait_for(lambda: of(routed, b"b@routed"), 30)
    # a hop that was not there, and is
    late = free_ports(1)[0]
    s.cli("route", "add", "nowhere.example", f"127.0.0.1:{free_ports(1)[0]}", "tls=none")
    send(s, anna, "e@nowhere.example")
    waits(s, "recipient=e@nowhere.example", 1)
    s.cli("queue", "reroute", "recipient=e@nowhere.example", f"hop=127.0.0.1:{late}")
    waits(s, "recipient=e@nowhere.example", 2)
    back = hosts(port=late)
    s.cli("queue", "reroute", "recipient=e@nowhere.example", f"hop=127.0.0.1:{late}")
    wait_for(lambda: of(back, b"e@nowhere"), 30)
    wait_for(lambda: not ask(s, "queue", "list"), 30)


def test_mx_that_change_are_seen_while_the_old_ones_are_down(own_suite, hosts):
    port, mx = free_ports(1)[0], ["old"]

    def answer(name, type, tcp):
        if name == "moved.example" and type == TYPES["MX"]:
            return 0, [wire_record(name, "MX", b"\0\x0a" + wire_name(f"{mx[0]}.moved.example"), 1)], 0
        if type == TYPES["A"] and name in ("old.moved.example", "new.moved.example"):
            return 0, [wire_record(name, "A", socket.inet_aton("127.0.7.23" if name[0] == "o" else "127.0.7.24"), 3600)], 0
        return (0, [], 0) if name.endswith("moved.example") else (3, [], 0)

    s = own_suite({**LATER, "send.port": port, "dns.zones": f"moved.example=127.0.0.1:{Scripted(answer).port}", "dns.trust_anchor": "none",
                   "sts.wait": "1s"})
    anna, new = s.account("anna"), hosts(address="127.0.7.24", port=port)
    send(s, anna, "a@moved.example")
    assert "127.0.7.23" in waits(s, "domain=moved.example")["reply"]
    mx[0] = "new"
    wait_for(lambda: of(new, b"a@moved"), 30)
    wait_for(lambda: not ask(s, "queue", "list"), 30)


def test_mail_that_is_to_leave_later_keeps_its_time(own_suite, hosts):
    host = hosts()
    s = own_suite({"send.smarthost": f"127.0.0.1:{host.port}", "send.smarthost_tls": "none", "queue.retry": "1h"})
    anna = s.account("anna")
    for who in "abc":
        send(s, anna, f"{who}@one.example", options=["HOLDFOR=5000"])
    rows = {r["recipient"][0]: r for r in wait_for(lambda: len(ask(s, "queue", "list", "state=scheduled")) == 3 and ask(s, "queue", "list", "state=scheduled"), 30)}
    assert s.cli("queue", "retry", "--all", check=False).returncode == 67  # nothing that waits for an attempt
    assert s.cli("queue", "retry", "domain=one.example", check=False).returncode == 67
    s.cli("queue", "hold", "--all")
    held = ask(s, "queue", "list", "state=held")
    assert len(held) == 3 and {r["next"] for r in held} == {"-"}
    assert "1970" not in s.cli("queue", "list").stdout
    s.cli("queue", "release", "--all")
    again = ask(s, "queue", "list", "state=scheduled")
    assert len(again) == 3 and all(r["next"] > 4000 for r in again)
    s.cli("queue", "retry", rows["b"]["message"])
    wait_for(lambda: of(host, b"b@one"), 30)
    assert len(ask(s, "queue", "list", "state=scheduled")) == 2 and len(host.messages) == 1
    shown = s.cli("queue", "list", "by=destination").stdout + s.cli("destination", "show", "one.example").stdout
    assert "1970" not in shown
