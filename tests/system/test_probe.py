# SPDX-License-Identifier: ISC
"""mansio test delivery: the way of mail, stage by stage, without mail; servers with right and wrong certificates, records and
policies, dead and silent ones."""
import json
import os
import signal
import subprocess

import pytest

from conftest import DOMAIN, MANSIO, wait_for
from fakehost import CLOSE, SILENT
from test_security import CLEAR, DEAD, RIGHT, WRONG, world  # noqa: F401 (a fixture)


def probe(world, to, *args):  # noqa: F811
    """Exit code, and the rows."""
    p = world.s.cli("--json", "test", "delivery", to, *args, check=False)
    said = json.loads(p.stdout) if p.stdout.strip() else p.stderr
    return p.returncode, said.get("rows", said) if isinstance(said, dict) else said


def stages(rows, host=None):
    return [r["stage"] for r in rows if host is None or r["host"].startswith(host)]


def only(rows, stage, host=""):
    row, = [r for r in rows if r["stage"] == stage and r["host"].startswith(host)]
    return row


def test_a_test_goes_all_the_way_and_sends_nothing(world):  # noqa: F811
    host = world.hosts[RIGHT]
    before, mails = len(host.connections), len(host.messages)
    code, rows = probe(world, "ben@good.safe.example")
    assert code == 0 and {r["state"] for r in rows} == {"OK"}, rows
    assert stages(rows) == ["access", "suppression", "route", "policy", "mx", "address", "tlsa", "demand", "connect", "greeting", "ehlo", "starttls", "tls", "ehlo",
                            "mail", "rcpt", "rset", "quit", "result"]
    words = {r["stage"]: r["words"] for r in rows}
    assert words["mx"].startswith("10 mail.good.safe.example") and "proven by DNSSEC" in words["mx"]
    assert RIGHT in words["address"] and words["tlsa"].startswith("3 1 1 ") and "DANE" in words["demand"]
    assert words["greeting"] == "220 relay.example.net ESMTP" and words["starttls"] == "220 go ahead" and words["rcpt"] == "250 2.1.5 ok"
    assert words["quit"] == "221 bye" and "8BITMIME" in words["ehlo"], "the other server's own words"
    assert "TLSv1.3 DANE" in words["tls"] and "mail.enforced.test" in words["tls"] and "TLSA 3 1 1" in words["tls"] and "until 20" in words["tls"]
    assert "taken by mail.good.safe.example" in words["result"] and all(isinstance(r["ms"], int) for r in rows)
    said, = [c.commands for c in host.connections[before:]]
    assert b"MAIL FROM:<>" in said and b"RCPT TO:<ben@good.safe.example>" in said and said[-2:] == [b"RSET", b"QUIT"]
    assert not any(c.startswith((b"DATA", b"BDAT")) for c in said) and len(host.messages) == mails


@pytest.mark.parametrize("domain, code, stage, words", [
    ("wrong.safe.example", 75, "tls", "TLSA"),
    ("clear.safe.example", 75, "ehlo", "does not offer STARTTLS"),
    ("lost.safe.example", 75, "tlsa", "name servers"),
    ("badcert.test", 75, "tls", "certificate"),
    ("elsewhere.test", 75, "demand", "does not name mail.elsewhere.test"),
    ("null.safe.example", 69, "mx", "null MX"),
    ("nosuch.safe.example", 69, "mx", "no such domain"),
    ("gone.safe.example", 75, "connect", "Connection refused"),
])
def test_where_it_fails_and_why(world, domain, code, stage, words):  # noqa: F811
    """The exit code says what the last line says."""
    got, rows = probe(world, f"a@{domain}")
    failed = [r for r in rows if r["state"] == "FAIL"]
    assert got == code and failed[0]["stage"] == stage and words in failed[0]["words"], rows
    assert rows[-1]["stage"] == "result" and rows[-1]["state"] == ("WARN" if code == 75 else "FAIL") and "rcpt" not in stages(rows)
    assert ("would wait: 4" if code == 75 else "would be returned: 5") in rows[-1]["words"]


@pytest.mark.parametrize("hooks, stage, state, code, words", [
    ({"RCPT": b"451 4.7.1 Greylisted: come back in 5 minutes\r\n"}, "rcpt", "WARN", 75, "451 4.7.1 Greylisted: come back in 5 minutes"),
    ({"RCPT": b"550-5.1.1 No such\r\n550 5.1.1 user here\r\n"}, "rcpt", "FAIL", 69, "550 5.1.1 No such user here"),
    ({"MAIL": b"550 5.7.1 not from there\r\n"}, "mail", "FAIL", 69, "550 5.7.1 not from there"),
    ({"connect": b"554 5.7.1 your address is listed\r\n"}, "greeting", "FAIL", 75, "554 5.7.1 your address is listed"),
    ({"EHLO": b"502 no\r\n"}, "ehlo", "WARN", 0, "502 no"),
    ({"RCPT": CLOSE}, "rcpt", "FAIL", 75, "closed the connection"),
])
def test_what_the_other_server_says_is_shown_word_by_word(world, hooks, stage, state, code, words):  # noqa: F811
    host = world.hosts[CLEAR]
    host.hooks.update(hooks)
    try:
        got, rows = probe(world, "a@clear.open.example", f"from=anna@{DOMAIN}")
    finally:
        host.hooks.clear()
    row = only(rows, stage)
    assert got == code and row["state"] == state and words in row["words"], rows
    assert code == 0 or not stages(rows) or rows[-1]["state"] == ("WARN" if code == 75 else "FAIL")
    if "rcpt" in stages(rows):
        assert f"MAIL FROM:<anna@{DOMAIN}>".encode() in host.connections[-1].commands
    if code == 0:
        assert only(rows, "helo")["state"] == "OK" and only(rows, "tls")["state"] == "WARN", "in clear, and that is told"


def test_servers_are_gone_through_in_order(world):  # noqa: F811
    code, rows = probe(world, "a@both.safe.example")
    assert code == 0 and only(rows, "connect", "mail.gone")["state"] == "FAIL" and DEAD in only(rows, "connect", "mail.gone")["words"]
    assert "taken by mail.good.safe.example" in rows[-1]["words"]
    code, rows = probe(world, "a@required.safe.example")
    assert code == 0 and not stages(rows, "mail.passes-on"), "the first that answers is enough"
    code, rows = probe(world, "a@required.safe.example", "all=yes")
    assert code == 0 and stages(rows, "mail.none").count("rcpt") == stages(rows, "mail.passes-on").count("rcpt") == 1


def test_no_test_of_what_is_here_or_nowhere(world):  # noqa: F811
    code, rows = probe(world, f"somebody@{DOMAIN}")
    assert code == 65 and "this server" in rows[-1]["words"] and "nowhere: there is no such address" in rows[-1]["words"]
    world.s.cli("alias", "add", f"both@{DOMAIN}", world.anna.address, "ben@good.safe.example")
    code, rows = probe(world, f"both@{DOMAIN}")
    assert code == 65 and f"goes to the mailbox of {world.anna.address}; on to ben@good.safe.example" in rows[-1]["words"]
    assert probe(world, "no address")[0] == 65
    assert probe(world, "a@good.safe.example", "from=no address")[0] == 65
    code, rows = probe(world, f"a@[{RIGHT}]")
    assert code == 0 and "straight to this address" in only(rows, "route")["words"] and "mx" not in stages(rows)


def test_the_smarthost_is_tested_where_mail_goes_there(world):  # noqa: F811
    world.s.cli("config", "set", "send.smarthost_tls", "encrypt")
    world.s.cli("config", "set", "send.smarthost", f"{WRONG}:{world.port}")
    try:
        code, rows = probe(world, "a@anywhere.example")
        assert code == 0 and "by the smarthost" in only(rows, "route")["words"] and "mx" not in stages(rows)
        assert "nobody vouches for it" in only(rows, "tls")["words"]
    finally:
        world.s.cli("config", "unset", "send.smarthost")


def test_mail_and_tests_do_not_meet(world):  # noqa: F811
    """A session that idles after a message is not used, and not closed, by a test."""
    host = world.hosts[RIGHT]
    world.post("h1@good.safe.example")
    world.log("sent", "h1@good.safe.example")
    n = len(host.connections)
    assert probe(world, "a@good.safe.example")[0] == 0 and len(host.connections) == n + 1
    world.post("h2@good.safe.example")
    world.log("sent", "h2@good.safe.example")
    assert len(host.connections) == n + 1, "the message went over the session of the first"


def test_a_test_ends_in_time_and_only_so_many_run(world):  # noqa: F811
    host = world.hosts[CLEAR]
    host.hooks["connect"] = SILENT
    world.s.cli("config", "set", "send.test_time", "1500ms")
    world.s.cli("config", "set", "send.tests", "1")
    n = len(host.connections)
    try:
        first = subprocess.Popen([MANSIO, "--state", world.s.state, "--json", "test", "delivery", "a@clear.open.example"], stdout=subprocess.PIPE)
        wait_for(lambda: len(host.connections) > n)
        code, said = probe(world, "a@clear.open.example")
        assert code == 75 and "as many tests run already" in said["error"]
        rows = json.loads(first.communicate(timeout=20)[0])["rows"]
        assert first.returncode == 75 and rows[-1]["stage"] == "greeting" and "the time of the test is over" in rows[-1]["words"]
    finally:
        host.hooks.clear()
        for key in ("send.test_time", "send.tests"):
            world.s.cli("config", "unset", key)
        for c in host.connections:
            c.sock.close()
    assert probe(world, "a@clear.open.example")[0] == 0, "and its place is free again"


def said_at_rcpt(world, to):  # noqa: F811
    """What this server says to anna, who is logged in."""
    with world.s.smtp(world.anna) as c:
        c.ehlo_or_helo_if_needed()
        c.mail(world.anna.address)
        code, text = c.rcpt(to)
        return f"{code} {text.decode()}"


def test_rules_of_this_server_come_first(world):  # noqa: F811
    s, host = world.s, world.hosts[CLEAR]
    n, to = len(host.connections), "a@clear.open.example"
    assert only(probe(world, to)[1], "access")["words"] == "no rule is about it"
    try:
        s.cli("access", "add", "sender", world.anna.address, "reject", "text=not he")
        assert probe(world, to)[0] == 0, "a rule about somebody else"
        code, rows = probe(world, to, f"from={world.anna.address}")
        said = said_at_rcpt(world, to)
        assert code == 69 and stages(rows) == ["access", "result"] and said == f"550 5.7.1 <{to}>: not he"
        assert said in only(rows, "access")["words"] and f"sender {world.anna.address} reject" in only(rows, "access")["words"]
        assert "would be refused: 550 5.7.1" in rows[-1]["words"]
        s.cli("access", "remove", "sender", world.anna.address)
        s.cli("access", "add", "recipient", "@clear.open.example", "hold")
        code, rows = probe(world, to)
        assert code == 75 and only(rows, "access")["state"] == "WARN" and only(rows, "rcpt")["state"] == "OK"
        assert "held in the queue" in rows[-1]["words"] and "when it is released, it is taken by" in rows[-1]["words"]
        s.cli("access", "remove", "recipient", "@clear.open.example")
        assert len(host.connections) == n + 3
        s.cli("rewrite", "add", "recipient", "@clear.open.example", "@good.safe.example")
        s.cli("rewrite", "add", "sender", world.anna.address, f"elsewhere@{DOMAIN}")
        code, rows = probe(world, to, f"from={world.anna.address}")
        assert code == 0 and [r["words"] for r in rows if r["stage"] == "rewrite"] == [
            f"the sender {world.anna.address} becomes elsewhere@{DOMAIN}", f"{to} becomes a@good.safe.example"]
        said = world.hosts[RIGHT].connections[-1].commands
        assert f"MAIL FROM:<elsewhere@{DOMAIN}>".encode() in said and b"RCPT TO:<a@good.safe.example>" in said
        s.cli("rewrite", "remove", "recipient", "@clear.open.example")
        s.cli("rewrite", "add", "recipient", to, world.anna.address)
        code, rows = probe(world, to)
        assert code == 65 and f"to the mailbox of {world.anna.address}" in rows[-1]["words"]
    finally:
        for args in (("access", "remove", "sender", world.anna.address), ("access", "remove", "recipient", "@clear.open.example"),
                     ("rewrite", "remove", "recipient", "@clear.open.example"), ("rewrite", "remove", "recipient", to),
                     ("rewrite", "remove", "sender", world.anna.address)):
            s.cli(*args, check=False)


def test_what_is_suppressed_does_not_leave(world):  # noqa: F811
    s, to = world.s, "gone@clear.open.example"
    n = len(world.hosts[CLEAR].connections)
    s.cli("suppression", "add", to, "sender=other.example", "comment=complained")
    code, rows = probe(world, to)
    assert code == 0 and "not on the suppression list" in only(rows, "suppression")["words"]
    assert probe(world, to, "from=x@other.example")[0] == 69, "of that sender"
    s.cli("suppression", "add", to, "comment=left us")
    code, rows = probe(world, to)
    assert code == 69 and stages(rows) == ["access", "suppression", "result"] and only(rows, "suppression")["state"] == "FAIL"
    said = said_at_rcpt(world, to)
    assert rows[1]["words"] == said and "suppressed" in said and f"would be refused: {said}" in rows[-1]["words"]
    s.cli("suppression", "remove", to)
    assert probe(world, to)[0] == 0 and len(world.hosts[CLEAR].connections) == n + 2


def test_what_is_held_and_what_has_no_way_out(world):  # noqa: F811
    s, to = world.s, "a@clear.open.example"
    try:
        s.cli("config", "set", "send.hold_all", "yes")
        code, rows = probe(world, to)
        assert code == 75 and only(rows, "hold")["state"] == "WARN" and "hold_all" in only(rows, "hold")["words"]
        assert only(rows, "rcpt")["state"] == "OK" and "held in the queue" in rows[-1]["words"]
        s.cli("config", "set", "send.direct", "no")
        code, rows = probe(world, to)
        assert code == 75 and "held in the queue" in rows[-1]["words"] and only(rows, "route")["state"] == "FAIL"
        assert said_at_rcpt(world, to).startswith("250")
        s.cli("config", "unset", "send.hold_all")
        for route in (False, True):
            if route:
                s.cli("route", "add", "clear.open.example", f"{CLEAR}:{world.port}", "tls=may")
            code, rows = probe(world, to)
            said = said_at_rcpt(world, to)
            assert code == 69 and said.startswith("550 5.7.1") and only(rows, "route")["words"].startswith(said), (said, rows)
            assert "would be refused: 550 5.7.1" in rows[-1]["words"]
    finally:
        s.cli("config", "unset", "send.hold_all", check=False)
        s.cli("route", "remove", "clear.open.example", check=False)
        s.cli("config", "set", "send.direct", "yes")


def test_a_policy_that_is_not_known_is_not_called_none(world):  # noqa: F811
    world.s.cli("config", "set", "sts.wait", "500ms")
    try:
        code, rows = probe(world, "a@unsure.open.example")
    finally:
        world.s.cli("config", "unset", "sts.wait")
    row = only(rows, "policy")
    assert code == 0 and row["state"] == "WARN" and "cannot be found out" in row["words"] and "as if there were none" in row["words"], rows
    assert only(probe(world, "a@clear.open.example")[1], "policy") | {"ms": 0} == {
        "stage": "policy", "host": "", "state": "OK", "words": "no MTA-STS policy", "ms": 0}


def test_a_queue_that_does_not_answer_is_said_so(world):  # noqa: F811
    queued, = [pid for pid, name in world.s.tree().items() if name == "queued"]
    world.s.cli("config", "set", "send.lookup", "500ms")
    os.kill(queued, signal.SIGSTOP)
    try:
        _, rows = probe(world, "a@clear.open.example")
    finally:
        os.kill(queued, signal.SIGCONT)
        world.s.cli("config", "set", "send.lookup", "3s")
    assert only(rows, "suppression")["state"] == "WARN" and "does not answer" in only(rows, "suppression")["words"]
