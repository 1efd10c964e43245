# SPDX-License-Identifier: ISC
"""mansio test delivery: the way of mail, stage by stage, without mail; servers with right and wrong certificates, records and
policies, dead and silent ones."""
import json
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
    assert stages(rows) == ["route", "policy", "mx", "address", "tlsa", "demand", "connect", "greeting", "ehlo", "starttls", "tls", "ehlo",
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


@pytest.mark.parametrize("domain, stage, words", [
    ("wrong.safe.example", "tls", "TLSA"),
    ("clear.safe.example", "ehlo", "does not offer STARTTLS"),
    ("lost.safe.example", "tlsa", "name servers"),
    ("badcert.test", "tls", "certificate"),
    ("elsewhere.test", "demand", "does not name mail.elsewhere.test"),
    ("null.safe.example", "mx", "null MX"),
    ("nosuch.safe.example", "mx", "no such domain"),
    ("gone.safe.example", "connect", "Connection refused"),
])
def test_where_it_fails_and_why(world, domain, stage, words):  # noqa: F811
    code, rows = probe(world, f"a@{domain}")
    failed = [r for r in rows if r["state"] == "FAIL"]
    assert code == 69 and failed[0]["stage"] == stage and words in failed[0]["words"], rows
    assert failed[-1]["stage"] == "result" and "rcpt" not in stages(rows)


@pytest.mark.parametrize("hooks, stage, state, code, words", [
    ({"RCPT": b"451 4.7.1 Greylisted: come back in 5 minutes\r\n"}, "rcpt", "WARN", 75, "451 4.7.1 Greylisted: come back in 5 minutes"),
    ({"RCPT": b"550-5.1.1 No such\r\n550 5.1.1 user here\r\n"}, "rcpt", "FAIL", 69, "550 5.1.1 No such user here"),
    ({"MAIL": b"550 5.7.1 not from there\r\n"}, "mail", "FAIL", 69, "550 5.7.1 not from there"),
    ({"connect": b"554 5.7.1 your address is listed\r\n"}, "greeting", "FAIL", 69, "554 5.7.1 your address is listed"),
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
