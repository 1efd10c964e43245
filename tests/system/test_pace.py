# SPDX-License-Identifier: ISC
"""Limits of servers by MX: how many messages a minute, what a server that says 421 makes of it, what is shown of a destination,
reroute and suppression, with real sessions."""
import json
import re
import time

import pytest

from conftest import wait_for
from fakehost import CLOSE
from test_mx import DEEP, OTHER, world  # noqa: F401 (a fixture)


@pytest.fixture
def busy(world):  # noqa: F811
    """The server of busy.mx.example, and what the test changed of it and of the settings is undone."""
    host = world.hosts[DEEP]
    host.messages.clear()
    yield host
    host.hooks.clear()
    for key in ("send.destination_minute", "send.provider_sessions"):
        world.s.cli("config", "unset", key, check=False)


def rows(world, *verb):  # noqa: F811
    return json.loads(world.s.cli("--json", *verb).stdout)


def test_a_minute_of_a_destination_has_so_many_messages(world, busy):  # noqa: F811
    world.s.cli("config", "set", "send.destination_minute", "60")
    times = []
    busy.hooks["CONTENT"] = lambda c, line: times.append(time.monotonic())
    for i in range(9):
        world.post(f"m{i}@busy.mx.example")
    wait_for(lambda: len(times) == 9, 30)
    # a tenth at once, the others over the rest of the minute
    assert times[8] - times[0] > 2.5 and times[5] - times[0] < times[8] - times[5] + 2
    assert not [r for r in rows(world, "queue", "list") if "busy" in r["recipient"]]


def test_a_server_that_pushes_back_gets_fewer_connections(world, busy):  # noqa: F811
    refused, lock_open = [], set()

    def connect(c, line):
        living = [x for x in busy.connections if x.sock.fileno() >= 0]
        if len(living) > 3:
            refused.append(c)
            c.say(b"421 4.7.0 too many connections\r\n")
            return CLOSE
        lock_open.add(c)
        return None

    def content(c, line):
        time.sleep(0.05)  # so that several are wanted at once

    busy.hooks.update(connect=connect, CONTENT=content)
    for i in range(60):
        world.post(f"p{i}@busy.mx.example")
    wait_for(lambda: len(busy.messages) == 60, 20)
    got = sorted(re.search(rb"<(.*?)@", m[1][0])[1].decode() for m in busy.messages)
    assert got == sorted(f"p{i}" for i in range(60)), "each once"
    assert len(refused) <= 12, len(refused)


def test_hosts_of_one_provider_share_its_connections(world, busy):  # noqa: F811
    world.s.cli("config", "set", "send.provider_sessions", "2")
    most = []

    def content(c, line):
        most.append(sum(x.sock.fileno() >= 0 for h in (busy, world.hosts[OTHER]) for x in h.connections))
        time.sleep(0.02)

    world.hosts[OTHER].hooks["CONTENT"] = content
    busy.hooks["CONTENT"] = content
    try:
        for i in range(12):
            world.post(f"a{i}@busy.mx.example", f"b{i}@order.mx.example")
        wait_for(lambda: len(most) == 24, 60)
        assert max(most) <= 2, most
    finally:
        world.hosts[OTHER].hooks.clear()


def test_a_mailbox_that_does_not_exist_is_left_alone(world, busy):  # noqa: F811
    busy.hooks["RCPT"] = lambda c, line: b"550 5.1.1 no such user\r\n" if b"gone@" in line else None
    world.post("gone@busy.mx.example")
    assert "class=invalid" in world.log("failed", "gone@busy.mx.example")
    row = wait_for(lambda: [r for r in rows(world, "suppression", "list") if r["address"] == "gone@busy.mx.example"])[0]
    assert row["class"] == "invalid" and "no such user" in row["reply"]
    before = len(busy.connections)
    world.post("gone@busy.mx.example")
    wait_for(lambda: len([x for x in world.s.log().splitlines() if " failed " in x and "to=gone@busy" in x]) == 2)
    line = [x for x in world.s.log().splitlines() if " failed " in x and "to=gone@busy" in x][1]
    assert "class=suppressed" in line and "no such mailbox (550 5.1.1 no such user)" in line and len(busy.connections) == before
    world.s.cli("suppression", "remove", "gone@busy.mx.example")
    busy.hooks.clear()
    world.post("gone@busy.mx.example")
    wait_for(lambda: any(b"gone@" in r for m in busy.messages for r in m[1]))


def test_what_waits_is_sent_another_way(world, busy):  # noqa: F811
    world.post("ben@dead.mx.example")
    wait_for(lambda: [r for r in rows(world, "queue", "list", "domain=dead.mx.example") if r["attempts"] >= 1])
    world.s.cli("queue", "reroute", "domain=dead.mx.example", f"hop={DEEP}:{busy.port}")
    wait_for(lambda: any(b"ben@dead" in r for m in busy.messages for r in m[1]), 20)
    wait_for(lambda: not rows(world, "queue", "list", "domain=dead.mx.example"))
