# SPDX-License-Identifier: ISC
"""traced: what is kept of the events, the stories that are told of them, the statistics."""
import json
import re
import smtplib
import subprocess

import pytest

from conftest import MANSIO, TOP, wait_for


def rows(s, *verb):
    return json.loads(s.cli("--json", *verb).stdout)


def found(s, *args):
    """The rows of a search, once there are any (events arrive a moment after the reply)."""
    return wait_for(lambda: rows(s, "trace", "search", *args))


def test_a_message_is_found_and_its_story_told(suite, anna):
    mid = suite.deliver(anna.address, "Kosten der Brücke", sender="tiro@rome.example")
    for args in ([anna.address], ["subject=brücke", "recipient=" + anna.address], ["message_id=" + mid.strip("<>")],
                 ["sender=@rome.example", "recipient=" + anna.address, "since=1h"]):
        assert [r["subject"] for r in found(suite, *args)] == ["Kosten der Brücke"], args
    row = found(suite, anna.address)[0]
    assert row["sender"] == "tiro@rome.example" and row["recipient"] == anna.address and row["recipients"] == 1
    assert row["state"] == "delivered" and row["size"] > 100 and isinstance(row["time"], int)
    assert rows(suite, "trace", "search", anna.address, "until=1h") == []
    assert rows(suite, "trace", "search", anna.address, "subject=bridge") == []
    story = wait_for(lambda: (y := rows(suite, "trace", "show", row["id"]))[-1]["event"] == "close" and y)
    events = [r["event"] for r in story]
    assert [e for e in events if e in ("mail", "rcpt", "delivered", "accepted", "close")] == \
        ["mail", "rcpt", "delivered", "accepted", "close"]
    words = "\n".join(r["words"] for r in story)
    assert "tiro@rome.example" in words and f"in the mailbox of {anna.address}, folder INBOX" in words
    assert "{" not in words and "[" not in words.replace("[127.0.0.1]", "").replace("[::1]", "")
    p = suite.cli("trace", "show", "nosuchmessage", check=False)
    assert p.returncode == 67 and "nothing is known" in p.stderr


def test_a_refusal_is_found_with_its_reply(suite):
    with suite.smtp() as c, pytest.raises(smtplib.SMTPRecipientsRefused):
        c.sendmail("asks@rome.example", ["nobody.there@example.org"], "Subject: x\r\n\r\nx\r\n")
    row = found(suite, "nobody.there@example.org")[0]
    assert row["state"] == "rejected" and "no such mailbox" in row["words"]
    assert any("550 5.1.1" in r["words"] for r in rows(suite, "trace", "show", row["id"]))


def test_log_and_audit_are_listed(suite, anna):
    suite.deliver(anna.address, "listed")
    line = wait_for(lambda: rows(suite, "log", "list", "program=lmtpd", "match=" + anna.address))[-1]
    assert line["event"] == "delivered" and line["level"] == "info" and "folder=INBOX" in line["text"]
    done = [r for r in rows(suite, "audit", "list") if anna.address in r["args"]]
    assert [r["verb"] for r in done] == ["user add"] and done[0]["from"] == "command"
    assert "secret pass" not in json.dumps(rows(suite, "audit", "list")), "a password in the audit log"
    assert any(r["kind"] == "person" and "user add" in r["words"] for r in rows(suite, "changes", "list"))
    assert suite.cli("log", "list", "level=loud", check=False).returncode == 64
    assert suite.cli("trace", "search", "since=yesterdayish", check=False).returncode == 64


def test_the_log_is_followed_as_it_happens(suite, anna):
    p = subprocess.Popen([MANSIO, "--state", suite.state, "--json", "log", "follow", "match=" + anna.address],
                         stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: any("log follow" in r["text"] for r in rows(suite, "log", "list", "match=log follow")))
        suite.deliver(anna.address, "followed")
        while json.loads(p.stdout.readline())["event"] != "delivered":
            pass
    finally:
        p.terminate()
        p.wait()
        p.stdout.close()
