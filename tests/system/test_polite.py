# SPDX-License-Identifier: ISC
"""Senders' addresses that name the recipient (VERP), complaints that are believed and those that are not, new source addresses,
what an admin sees of a destination and that his retry waits for nothing, and a message by MX that grows too old."""
import datetime
import json
import re
import smtplib

import pytest

from conftest import TOP, wait_for
from fakehost import FakeHost
from test_mx import DEEP, REFUSED, SAFE, world  # noqa: F401 (a fixture)
from test_http_send import token
from test_queue import kill
from web import Web

@pytest.fixture
def busy(world):  # noqa: F811
    """The server of busy.mx.example; what the test changed of it and of the settings is undone."""
    host, changed = world.hosts[DEEP], {}
    host.messages.clear()

    def change(key, value):
        changed.setdefault(key, world.s.settings.get(key))
        world.s.cli("config", "set", key, value)

    host.change = change
    yield host
    host.hooks.clear()
    for key, value in changed.items():
        world.s.cli("config", *(("set", key, value) if value else ("unset", key)))


def ask(world, *verb):  # noqa: F811
    """One that was killed is not ready at once."""
    def answer():
        p = world.s.cli("--json", *verb, check=False)
        assert p.returncode in (0, 75), p
        return p.returncode == 0 and [json.loads(p.stdout)]
    return wait_for(answer, 20)[0]


def bounce(c, to):
    report = (TOP / "tests/fuzz/corpus/bounce/failed").read_bytes()
    c.sendmail("", [to], report)


def of(host, name):
    return [m for m in host.messages if any(name in r for r in m[1])]


def test_each_recipient_of_a_list_has_a_sender_of_its_own(world, busy):  # noqa: F811
    s, news = world.s, world.s.account("news")
    busy.hooks["RCPT"] = lambda c, line: b"550 5.7.1 not from you\r\n" if b"v3@" in line else None
    with s.smtp(news) as c:
        assert c.has_extn("xverp")
        c.sendmail(news.address, [f"v{i}@busy.mx.example" for i in (1, 2, 3)], b"Subject: news\r\n\r\nNew.\r\n", mail_options=["XVERP"],
                   rcpt_options=["ORCPT=rfc822;someone@elsewhere.example"])
    wait_for(lambda: of(busy, b"v1@") and of(busy, b"v2@"))
    for i in (b"1", b"2"):
        (m,) = of(busy, b"v%b@" % i)
        assert len(m[1]) == 1 and b"<news+v%b=busy.mx.example@example.org>" % i in m[0] and b"ORCPT=rfc822;someone@elsewhere.example" in m[1][0]
    s.wait_log('to="news+v3=busy.mx.example@example.org"')  # the report of ours, too
    world.log("sent", "v1@busy.mx.example")
    with s.smtp() as c:  # what comes later, from whoever; and about somebody who got nothing
        bounce(c, "news+v9=busy.mx.example@example.org")
        bounce(c, "news+v1=busy.mx.example@example.org")
    assert "from=news@example.org" in world.log("returned", "v1@busy.mx.example") and "class=invalid" in world.log("returned", "v1@busy.mx.example")
    with s.imap(news) as m:
        wait_for(lambda: int(m.select()[1][0]) == 3)
    assert "to=v9@" not in s.log()


def test_a_complaint_counts_if_a_listed_loop_names_what_was_sent(world, busy):  # noqa: F811
    s, sales, fbl = world.s, world.s.account("sales"), world.s.account("fbl")
    busy.change("reports.feedback", fbl.address)
    busy.change("reports.feedback_networks", "192.0.2.0/24")

    def send(to):
        with s.smtp(sales) as c:
            c.sendmail(sales.address, [to], b"Subject: buy\r\n\r\nBuy.\r\n")

    send("carl@busy.mx.example")
    original = wait_for(lambda: of(busy, b"carl@"))[0][2]
    world.log("sent", "carl@busy.mx.example")
    report = (TOP / "tests/fuzz/corpus/arf/rfc5965").read_bytes().replace(b"user@example.com", b"carl@busy.mx.example")
    before = re.search(rb"(?ms)^Received: .*?(?=^To:)", report)[0]
    forged = report.replace(before, b"Received: from x by mail.self-is.example with ESMTPSA id AAAAAAAAAAAAAAAA; Thu, 08 Mar 2005 14:00:00 -0400\r\n")
    right = report.replace(before, re.search(rb"(?s)Received: .*?\r\n(?=\S)", original)[0])

    def complain(what, n):
        with s.smtp() as c:
            c.sendmail("abusedesk@example.com", [fbl.address], what)
        wait_for(lambda: s.log().count(" complaint ") == n)

    complain(right, 1)  # a stranger's word
    busy.change("reports.feedback_networks", "127.0.0.0/8")
    complain(forged, 2)  # of no message of ours
    complain(right.replace(b"carl@busy", b"dora@busy"), 3)  # that went to somebody else
    send("carl@busy.mx.example")
    wait_for(lambda: len(of(busy, b"carl@")) == 2)
    assert not [r for r in ask(world, "suppression", "list") if "busy" in r["address"]]
    complain(right, 4)
    row = wait_for(lambda: [r for r in ask(world, "suppression", "list") if r["address"] == "carl@busy.mx.example"])[0]
    assert (row["class"], row["sender"]) == ("complaint", "example.org")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="complained"):
        send("carl@busy.mx.example")
    assert len(of(busy, b"carl@")) == 2


def test_a_new_address_sends_little_at_first(world, busy):  # noqa: F811
    """By its provider, which the settings name; what is above that waits, or leaves by another address; restarts forget nothing."""
    s, today = world.s, datetime.datetime.now(datetime.timezone.utc).date()
    busy.change("send.source", "127.0.7.71")
    busy.change("send.providers", "big: busy.host.mx.example *.tls.mx.example")
    busy.change("send.warmup_first", "2")
    busy.change("send.warmup_growth", "200")
    busy.change("send.warmup", f"127.0.7.71 {today}")
    waiting = lambda: [r for r in ask(world, "queue", "list", "domain=busy.mx.example") if r["reply"].startswith("warming up")]  # noqa: E731
    world.post("w0@tls.mx.example")
    world.log("sent", "w0@tls.mx.example")
    for i in (1, 2, 3):
        world.post(f"w{i}@busy.mx.example")
    rows = wait_for(lambda: len(waiting()) == 2 and waiting())
    assert [r["attempts"] for r in rows] == [0, 0] and all(r["next"] > 0 for r in rows)
    wait_for(lambda: [(r["sent"], r["limit"], r["day"]) for r in ask(world, "warmup", "list") if r["provider"] == "big"] == [(2, 2, 1)])
    for name in ("sender", "queued"):
        kill(s, name)
    ask(world, "queue", "retry", "domain=busy.mx.example")
    wait_for(lambda: s.log().count("warming up") >= 4 and len(waiting()) == 2, 20)
    assert len(busy.messages) == 1 and busy.peers >= {"127.0.7.71"}
    # its second day
    busy.change("send.warmup", f"127.0.7.71 {today - datetime.timedelta(days=1)}")
    ask(world, "queue", "retry", "domain=busy.mx.example")
    wait_for(lambda: len(busy.messages) == 3 and not waiting())
    assert "127.0.7.72" not in busy.peers
    # another address, which is known for long
    busy.change("send.source", "127.0.7.71, 127.0.7.72")
    for i in (4, 5, 6):
        world.post(f"w{i}@busy.mx.example")
    wait_for(lambda: len(busy.messages) == 6 and "127.0.7.72" in busy.peers)


def test_what_waits_for_a_server_by_mx_is_told_of_and_given_up(world, busy):  # noqa: F811
    s, eva = world.s, world.s.account("eva")
    busy.change("queue.retry", "1s")
    busy.change("queue.lifetime", "3s")
    busy.change("queue.delay_warning", "1s")
    with s.smtp(eva) as c:
        c.sendmail(eva.address, ["old@dead.mx.example"], b"Subject: old\r\n\r\nOld.\r\n", rcpt_options=["NOTIFY=DELAY,FAILURE"])
    world.log("expired", "old@dead.mx.example")
    with s.imap(eva) as m:
        wait_for(lambda: int(m.select()[1][0]) == 2)
        text = [m.fetch(f"{i}", "(BODY.PEEK[])")[1][0][1] for i in (1, 2)]
    assert b"Action: delayed" in text[0] and b"Action: failed" in text[1] and b"Status: 4.4.7" in text[1] and b"onnection refused" in text[1]


def test_a_retry_of_the_admin_waits_for_nothing(world, busy):  # noqa: F811
    s = world.s
    busy.change("send.down", "1h")
    world.post("ada@dead.mx.example")

    def down():
        r = ask(world, "destination", "show", "dead.mx.example")
        if r["left"] > 3000 and r["waiting"] == 1:
            return r
        if r["waiting"] == 1:  # tried before the sender knew the setting
            ask(world, "queue", "retry", "domain=dead.mx.example")
        return None
    row = wait_for(down, 20, 0.1)
    assert row["state"] == "down" and row["since"] > 0 and "refused" in row["reply"]
    assert [r["waiting"] for r in ask(world, "destination", "list") if r["destination"] == "dead.mx.example"] == [1]
    host = FakeHost(address=REFUSED, port=world.port, name="risen.example.net")
    try:
        ask(world, "queue", "retry", "domain=dead.mx.example")
        wait_for(lambda: of(host, b"ada@dead"))
        wait_for(lambda: not ask(world, "queue", "list", "domain=dead.mx.example"))
    finally:
        host.close()


def test_nothing_is_taken_for_who_is_on_the_list(world, busy):  # noqa: F811
    """A mail program hears it at RCPT, a program by HTTP in its answer, each recipient by itself; nobody is sent away for it."""
    s, ida = world.s, world.s.account("ida")
    s.cli("suppression", "add", "address=gone@busy.mx.example", "comment=left us")
    s.cli("suppression", "add", "address=once@busy.mx.example", "sender=other.example")
    world.post("nosuch@busy.mx.example")
    wait_for(lambda: of(busy, b"nosuch@"))
    busy.hooks["RCPT"] = lambda c, line: b"550 5.1.1 no such user\r\n" if b"nosuch@" in line else None
    world.post("nosuch@busy.mx.example")
    world.log("suppressed", "nosuch@busy.mx.example")
    with s.smtp(ida) as c:
        c.ehlo_or_helo_if_needed()
        c.mail(ida.address)
        code, text = c.rcpt("Gone@busy.mx.example")
        assert code == 550 and text.startswith(b"5.7.1 <Gone@busy.mx.example>: suppressed: ") and b"left us" in text, text
        code, text = c.rcpt("nosuch@busy.mx.example")
        assert code == 550 and text.startswith(b"5.1.1 ") and b"no such user" in text, text
        for _ in range(30):
            assert c.rcpt("gone@busy.mx.example")[0] == 550
        assert c.rcpt("once@busy.mx.example")[0] == 250  # stopped for the senders of another domain
        assert c.data(b"Subject: x\r\n\r\nx")[0] == 250
    wait_for(lambda: of(busy, b"once@"))
    w = Web(s, token=token(s, f"send:{ida.address}"))
    a = w.post("send", {"from": ida.address, "to": ["gone@busy.mx.example", "fine@busy.mx.example"], "text": "x"})
    assert a.status == 200 and a.json["accepted"] == ["fine@busy.mx.example"], a
    assert [(x["to"], x["code"], x["status"], x["class"]) for x in a.json["refused"]] == [("gone@busy.mx.example", 550, "5.7.1", "suppressed")]
    assert "left us" in a.json["refused"][0]["words"]
    a = w.post("send", {"from": ida.address, "to": "nosuch@busy.mx.example", "text": "x"})
    assert a.status == 422 and [x["class"] for x in a.json["refused"]] == ["suppressed"], a
    s.cli("suppression", "remove", "address=gone@busy.mx.example")
    assert w.post("send", {"from": ida.address, "to": "gone@busy.mx.example", "text": "x"}).status == 200
    wait_for(lambda: of(busy, b"gone@"))
    kill(s, "queued")  # the next one knows it, and so do those who asked the one before

    def refused_again():
        with s.smtp(ida) as c:
            c.ehlo_or_helo_if_needed()
            c.mail(ida.address)
            return c.rcpt("nosuch@busy.mx.example")[0] == 550
    wait_for(refused_again, 20)


def test_a_suppression_is_what_was_said_or_nothing(world):  # noqa: F811
    s, jan = world.s, world.s.account("jan")

    def refused(code, *args):
        p = s.cli("suppression", *args, check=False)
        assert p.returncode == code, p
        return p.stdout + p.stderr

    def there():
        return {(r["address"], r["sender"]) for r in ask(world, "suppression", "list") if r["address"].startswith("lea@")}

    assert "sender=example.org" in refused(64, "add", "address=lea@busy.mx.example", f"sender={jan.address}")
    assert "domain" in refused(64, "add", "address=lea@busy.mx.example", "sender=jan")
    assert "this server" in refused(64, "add", f"address={jan.address}")
    assert "this server" in refused(64, "add", "address=nobody@EXAMPLE.org")
    assert there() == set()
    kill(s, "authd")  # who is asked whose address it is: the verb waits for the next one
    s.cli("suppression", "add", "address=Lea@busy.mx.example", "sender=Example.org")
    assert "sender=example.org" in refused(67, "remove", "address=lea@busy.mx.example")
    s.cli("suppression", "add", "address=lea@busy.mx.example")
    assert there() == {("lea@busy.mx.example", ""), ("lea@busy.mx.example", "example.org")}
    s.cli("suppression", "remove", "address=lea@busy.mx.example")
    assert there() == {("lea@busy.mx.example", "example.org")}
    assert "sender=example.org" in refused(64, "remove", "address=lea@busy.mx.example", f"sender={jan.address}")
    s.cli("suppression", "remove", "address=lea@busy.mx.example", "sender=example.org")
    assert there() == set()
    assert "lea@busy.mx.example" in refused(67, "remove", "address=lea@busy.mx.example")
