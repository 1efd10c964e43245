# SPDX-License-Identifier: ISC
"""Which way mail goes: routes, access and rewriting, relaying for others. Nothing here makes an open relay."""
import json

import pytest

from conftest import DOMAIN


@pytest.fixture
def house(own_suite):
    s = own_suite()
    s.cli("domain", "add", DOMAIN)
    return s


def rows(s, *args):
    p = s.cli("--json", *args)
    return [json.loads(x) for x in p.stdout.splitlines()] if not p.stdout.startswith("[") else json.loads(p.stdout)


def test_routes_are_made_listed_changed_and_removed_and_tell_no_secret(house):
    s = house
    s.cli("route", "add", "b.example", "relay.example:2525", "tls=encrypt")
    s.cli("route", "add", ".b.example", "source=127.0.0.1")
    s.cli("route", "add", "c.example", "relay.example", "username=we", input="very hidden\n")
    refused = s.cli("route", "add", "c.example", "other.example", check=False)
    assert refused.returncode == 73 and "exists" in refused.stderr
    assert s.cli("route", "add", "d.example", "x.example", "username=u", "tls=may", input="p\n", check=False).returncode == 65
    assert s.cli("route", "add", "d.example", "x.example", "password=p", check=False).returncode == 64
    listed = {r["to"]: r for r in rows(s, "route", "list")}
    assert set(listed) == {"b.example", ".b.example", "c.example"}
    assert (listed["c.example"]["host"], listed["c.example"]["port"], listed["c.example"]["tls"]) == ("relay.example", 587, "verify")
    assert listed["c.example"]["password"] == "set" and listed["b.example"]["password"] == ""
    s.cli("route", "change", "c.example", "comment=by night")
    assert [r["comment"] for r in rows(s, "route", "list", "match=night")] == ["by night"]
    s.cli("route", "remove", "b.example")
    assert s.cli("route", "remove", "b.example", check=False).returncode == 67
    told = s.cli("audit", "list").stdout
    assert "route add" in told and "relay.example" in told
    for text in (told, s.cli("route", "list").stdout, s.log()):
        assert "very hidden" not in text
