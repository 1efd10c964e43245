# SPDX-License-Identifier: ISC
"""Every verb of conf/verbs.def by every kind of asker, on his own domain and on a foreign one: refused, or let pass.

What must happen is worked out here from the column `who` alone, apart from auth/rights.c; new verbs are in it by being in the table.
"""
import re
import shutil
import urllib.parse

import pytest

from conftest import TOP, Suite, check_log, make_folder
from web import Web

TABLE = (TOP / "conf" / "verbs.def").read_text()
VERBS = re.findall(r'^VERB\("([\w-]*)", "(\w+)", (\w+), (\w+), (\w+), (\w+), "([^"]*)"', TABLE, re.M)
ASKERS = ("none", "person", "domain", "admin", "token-admin", "token-domain", "token-metrics")
# These are let pass to a process that works for long or outside this suite: that they are refused is tested, not more
SLOW = ("HERE", "CHECKD", "ACMED", "BACKUPD", "IMPORTD", "TRACED")
# An argument of each type that passes the check of its form
DUMMY = {"text": "x", "size": "1M", "number": "1", "bool": "no", "secret": "secret 1", "flag": "no"}


@pytest.fixture(scope="module")
def house(system_users):
    s = Suite(make_folder()).start()
    s.person = s.account("person", "pass 1 long")
    s.domain = s.account("dora", "pass 2 long", "roles=admin@example.org")
    s.admin = s.account("boss", "pass 3 long", "roles=admin")
    s.cli("domain", "add", "far.example")
    s.account("far@far.example")
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


@pytest.fixture(scope="module")
def browsers(house):
    boss = Web(house, house.admin)

    def token(role):
        return Web(house, token=boss.post("token/add", {"label": role, "role": [role]}).json["result"]["token"])
    return {"none": Web(house), "person": Web(house, house.person), "domain": Web(house, house.domain), "admin": boss,
            "token-admin": token("admin"), "token-domain": token("admin@example.org"), "token-metrics": token("metrics")}


def arguments(spec, target):
    """What is needed, and all of domain, address and user, which name whom it concerns."""
    out, scoped, concerns = {}, False, False
    for word in spec.split():
        if word == "scope":
            scoped = True
            continue
        name, _, kind = word.rstrip("#").rstrip("!+?*^").partition(":")
        mark = word.rstrip("#")[-1]
        if name in ("domain", "address", "user"):
            concerns = True
            out[name] = target.split("@")[1] if name == "domain" else target
        elif name == "id" and mark in "!^":
            out[name] = "nothing00000"
        elif name == "target" and mark in "!+":
            out[name] = [target]
        elif mark in "!+":
            value = DUMMY[kind or "text"]
            out[name] = [value] if mark == "+" else value
    if "key" in out:
        out["key"] = "web.idle"
    if "value" in out:
        out["value"] = "80s"
    return out, scoped, concerns


def allowed(who, asker, own, spec, name):
    """own: the target is the person, or in the domain, of the asker."""
    _, scoped, concerns = arguments(spec, "x@y")
    if asker == "none" or who == "HOST":
        return False
    if asker in ("admin", "token-admin"):
        return True
    if asker == "token-metrics":
        return name == "stats metrics"
    if who == "ADMIN":
        return False
    names = [w.rstrip("#").rstrip("!+?*^").split(":")[0] for w in spec.split()]
    if asker == "person":
        if who != "PERSON":
            return False
        if "domain" in names:  # a domain is never a person's own, but for its people
            return own and name == "directory list"
        if scoped:
            return own or "user" not in names
        return concerns and own
    if scoped:
        return own or not {"domain", "user"} & set(names)
    return concerns and own


def cases():
    for noun, verb, owner, shape, who, effect, spec in VERBS:
        name = f"{noun} {verb}".strip()
        for asker in ASKERS:
            for own in (True, False):
                yield name, owner, shape, who, effect, spec, asker, own


def test_the_table_is_read():
    assert len(VERBS) == len(re.findall(r"^VERB\(", TABLE, re.M)) > 40


def test_every_verb_by_every_asker(house, browsers):
    wrong, n = [], {"refused": 0, "passed": 0}
    for name, owner, shape, who, effect, spec, asker, own in cases():
        # one who does not exist: to be let pass is decided before, and nothing is destroyed
        target = "far.away@far.example" if not own else house.person.address if asker == "person" else "nobody.here@example.org"
        args, _, _ = arguments(spec, target)
        want = allowed(who, asker, own, spec, name)
        if want and (owner in SLOW or name == "login end" or name == "reload"):
            continue
        w = browsers[asker]
        path = ("stream/" if shape == "STREAM" else "") + name.replace(" ", "/")
        if effect == "CHANGE":
            a = w.post(path, args)
        else:
            query = "&".join(f"{k}={x}" for k, v in args.items() for x in (v if isinstance(v, list) else [v]))
            a = w.get(path + ("?" + query if query else ""))
        got = a.status not in (401, 403) and not (a.status == 404 and a.json["error"] == "the API has no such verb")
        n["passed" if got else "refused"] += 1
        if got != want or (asker == "none" and who != "HOST" and a.status != 401):
            wrong.append((name, asker, "own" if own else "foreign", want, a))
    assert not wrong, "\n".join(map(str, wrong[:20]))
    assert n["refused"] > 300 and n["passed"] > 100, n


def test_verbs_lists_what_the_asker_may_use(house, browsers):
    for asker, w in browsers.items():
        a = w.get("verbs")
        if asker == "none":
            assert a.status == 401
            continue
        listed = {f"{r['noun']} {r['verb']}".strip() for r in a.json["rows"]}
        for noun, verb, owner, shape, who, effect, spec in VERBS:
            name = f"{noun} {verb}".strip()
            may = owner != "HERE" and who != "HOST" and (
                "admin" in asker or (asker == "token-metrics" and name == "stats metrics") or
                (asker in ("domain", "token-domain") and who in ("DOMAIN", "PERSON")) or (asker == "person" and who == "PERSON"))
            assert (name in listed) == may, (asker, name)


HOSTILE = ["", "\0", "a\r\nb", "../../../etc/passwd", "' OR 1=1 --", "<img src=x onerror=alert(1)>", "%s%n%x", "x" * 5000, "\u202e\u2066", "💥@💥.example",
           "-1", "99999999999999999999999", "@", "a@b@c", "*", "a@example.org\nb@example.org", True, 12345678901234567890, [], ["x"] * 1200, [None], {}]


def test_hostile_values_in_every_argument(house, browsers):
    """Each argument of each verb in turn; nothing answers with a failure of its own, and nobody dies of it."""
    w, odd, n = browsers["token-admin"], [], 0
    for noun, verb, owner, shape, who, effect, spec in VERBS:
        if who == "HOST" or owner in SLOW:
            continue
        good, _, _ = arguments(spec, "nobody.here@example.org")
        names = [word.rstrip("#").rstrip("!+?*^").split(":")[0] for word in spec.split() if word != "scope"]
        for name in names:
            for value in HOSTILE if effect == "CHANGE" else [v for v in HOSTILE if isinstance(v, str)]:
                path = f"{noun}/{verb}".strip("/")
                if effect == "CHANGE":
                    a = w.post(path, {**good, name: value})
                else:
                    a = w.get(path + "?" + urllib.parse.urlencode({**good, name: value}))
                n += 1
                if a.status not in (200, 400, 404, 409, 431, 503):
                    odd.append((path, name, str(value)[:30], a))
    assert not odd, "\n".join(map(str, odd[:20]))
    assert n > 1000
    assert {r["process"]: r["restarts"] for r in house.status() if r["restarts"]} == {}
