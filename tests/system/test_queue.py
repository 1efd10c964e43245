# SPDX-License-Identifier: ISC
"""The queue in a running suite: what stays in it and for how long, what survives, what the senders are told, the verbs."""
import contextlib
import email
import email.policy
import json
import os
import re
import signal
import smtplib
import time

import pytest

from conftest import DOMAIN, ROOT, check_log, wait_for
from fakehost import FakeHost
from test_attacks import fill_disk, make_room, small_disk
from test_order import watched
from web import Web

HOLD = {"send.hold_all": "yes"}
SOON = {"queue.retry": "1s", "smtp.deliver_timeout": "1s"}


@pytest.fixture
def relay():
    """A server for mail to the outside: refuses users named no..., is not ready for those named later..."""
    def rcpt(c, line):
        if b"<no" in line:
            return b"550 5.1.1 no such user\r\n"
        if b"<later" in line:
            return b"450 4.2.1 come again\r\n"
        return None
    host = FakeHost({"RCPT": rcpt})
    yield host
    host.close()


def with_relay(relay, **more):
    return {"send.smarthost": f"127.0.0.1:{relay.port}", "send.smarthost_tls": "none", "queue.retry": "1s",
            **{k.replace("__", "."): v for k, v in more.items()}}


def queue(s, *args):
    return json.loads(s.cli("--json", "queue", "list", *args).stdout)


def post(s, account, *to, subject="hello", mail_options=(), rcpt_options=(), body="Hello."):
    """Submission by an account; the reply's id."""
    with s.smtp(account) as c:
        c.ehlo_or_helo_if_needed()
        code, text = c.mail(account.address, list(mail_options))
        assert code == 250, text
        for r in to:
            code, text = c.rcpt(r, list(rcpt_options))
            assert code in (250, 251), text
        code, text = c.data(f"From: {account.address}\r\nTo: x@example.net\r\nSubject: {subject}\r\n\r\n{body}\r\n")
        assert code == 250, text
    return re.search(rb"as (\w+)", text)[1].decode()


def inbox(s, account):
    """The messages of an account, parsed."""
    with s.imap(account) as c:
        c.select("INBOX")
        n = int(c.status("INBOX", "(MESSAGES)")[1][0].split()[-1].rstrip(b")"))
        found = []
        for i in range(1, n + 1):
            found.append(email.message_from_bytes(c.fetch(str(i), "(BODY.PEEK[])")[1][0][1], policy=email.policy.default))
        return found


def count(s, account):
    new = s.mail_folder(account) / "Maildir"
    return sum(len(os.listdir(new / d)) for d in ("new", "cur") if (new / d).exists())


def kill(s, name, sig=signal.SIGKILL):
    for pid, n in s.tree().items():
        if n == name:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)


def spool(s):
    return sorted(f.name for f in (s.state / "spool").iterdir() if not f.name.startswith("."))


# --- holding, verbs ----------------------------------------------------------------

def test_hold_all_keeps_everything_until_it_is_released(own_suite):
    s = own_suite(HOLD)
    anna = s.account()
    here = s.account()
    one = post(s, anna, here.address)
    two = post(s, anna, "ben@outside.example")
    assert {(r["message"], r["recipient"], r["state"]) for r in queue(s)} == {
        (one, here.address, "held"), (two, "ben@outside.example", "held")}
    assert count(s, here) == 0 and spool(s) == sorted([one, two])
    s.cli("queue", "release", one)
    wait_for(lambda: count(s, here) == 1)
    wait_for(lambda: spool(s) == [two])
    assert [r["message"] for r in queue(s)] == [two]
    check_log(s)


def test_every_verb(own_suite):
    s = own_suite(HOLD)
    anna, ben = s.account(), s.account()
    ids = [post(s, anna, f"u{i}@d{i % 2}.example", subject=f"m{i}") for i in range(4)]
    ids.append(post(s, ben, "x@d0.example", "y@other.example"))
    s.deliver(ben.address, sender="stranger@elsewhere.example")
    assert len(queue(s)) == 7
    # list: filters, sums
    assert {r["recipient"] for r in queue(s, "domain=d0.example")} == {"u0@d0.example", "u2@d0.example", "x@d0.example"}
    assert {r["message"] for r in queue(s, f"sender={ben.address}")} == {ids[4]}
    assert [r["message"] for r in queue(s, "recipient=U1@d1.example")] == [ids[1]]
    assert queue(s, "older=1h") == [] and len(queue(s, "state=held")) == 7
    assert [r["recipient"] for r in queue(s, ids[0], ids[1])] == ["u0@d0.example", "u1@d1.example"]
    sums = {r["destination"]: r for r in queue(s, "by=destination")}
    assert sums["d0.example"]["recipients"] == 3 and sums["d0.example"]["held"] == 3
    assert {r["sender"]: r["messages"] for r in queue(s, "by=sender")} == {
        anna.address: 4, ben.address: 1, "stranger@elsewhere.example": 1}
    p = s.cli("queue", "list", "limit=2")
    assert len(p.stdout.splitlines()) == 3 and "limit=0" in p.stderr
    assert not s.cli("queue", "list", "limit=7").stderr
    # show
    shown = json.loads(s.cli("--json", "queue", "show", ids[4]).stdout)
    assert shown["sender"] == ben.address and shown["reports"] == "yes" and len(shown["recipient"]) == 2
    assert "held" in s.cli("queue", "show", ids[0]).stdout
    # what is wrong is said
    for args, code in ((["show", "nobody"], 67), (["hold", "nobody"], 67), (["remove", ids[0], "nobody"], 67), (["release"], 64),
                       (["list", "state=odd"], 64), (["list", "older=long"], 64), (["list", "by=moon"], 64),
                       (["retry", "sender=none@none.example"], 67)):
        p = s.cli("queue", *args, check=False)
        assert p.returncode == code and p.stderr.startswith("mansio: "), (args, p)
    assert len(queue(s)) == 7
    # remove: nobody is told
    p = json.loads(s.cli("--json", "queue", "remove", "domain=other.example").stdout)
    assert (p["messages"], p["recipients"]) == (1, 1)
    s.cli("queue", "remove", ids[0])
    assert len(queue(s)) == 5 and ids[0] not in spool(s)
    # bounce: a report, where one may be sent; this one is held too
    s.cli("queue", "bounce", ids[1])
    wait_for(lambda: [r for r in queue(s) if r["sender"] == ""])
    assert [r["recipient"] for r in queue(s, "sender=<>")] == [anna.address]
    s.cli("queue", "bounce", "sender=stranger@elsewhere.example")
    assert len(queue(s, "sender=<>")) == 1
    s.cli("queue", "release", "sender=<>")
    m = wait_for(lambda: inbox(s, anna))[0]
    assert m.get_content_type() == "multipart/report" and "administrator" in m.as_string()
    # all of it
    s.cli("queue", "remove", "--all")
    assert queue(s) == [] and spool(s) == []
    for event in ("queued", "removed", "bounced", "report", "released"):
        assert s.wait_log(f" {event} ")
    check_log(s)


def test_the_status_of_the_api_is_true(own_suite):
    """403 is not for you, be queued there or not; 404 is not in the queue; 409 cannot be; 503 is nobody there."""
    s = own_suite({**HOLD, "web.answer_wait": "1s"})
    anna, boss = s.account(), s.account("boss", "boss pass 1", "roles=admin")
    dora = s.account("dora", "dora pass 1", "roles=admin@example.org")
    held = post(s, anna, "u@outside.example")
    pages = anna, dora, boss = [Web(s, who) for who in (anna, dora, boss)]

    def statuses(page):
        return [page.get("queue/list").status, page.get(f"queue/show?message={held}").status,
                *(page.post(f"queue/{verb}", {"message": [held]}).status for verb in ("hold", "retry", "release"))]

    for page in (anna, dora):
        assert statuses(page) == [403] * 5
        assert page.post("queue/remove", {"message": ["nobody"]}).status == page.post("route/add", {"to": "x.example"}).status == 403
    assert boss.post("queue/hold", {"message": ["nobody"]}).status == boss.get("queue/show?message=nobody").status == 404
    assert boss.post("queue/hold", {"message": [held]}).status == 404, "it is held already: nothing was changed"
    for wrong in ({}, {"message": [held], "hop": "foo"}):
        assert boss.post("queue/reroute", wrong).status == 400
    assert boss.post("cert/renew").status == 409
    stopped = [p for p, n in s.tree().items() if n == "queued"][0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        a = boss.post("queue/hold", {"message": [held]})
        assert a.status == boss.get("queue/list").status == 503 and a.json["code"] == 75, a
        assert [statuses(page) for page in pages[:2]] == [[403] * 5] * 2
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert boss.get("queue/list").status == 200
    assert boss.post("queue/release", {"message": [held]}).status == 200


# --- it is delivered later, once ------------------------------------------------------

@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_mail_waits_while_delivery_is_away(own_suite, way):
    """No lmtpd, or one that does nothing: 250 from the queue, delivered when it is back, once."""
    s = own_suite({**SOON, "limit.room_wait": "500ms"})
    anna, ben = s.account(), s.account()
    s.deliver(anna.address, subject="before")
    pids = [p for p, n in s.tree().items() if n == "lmtpd"]
    if way == "stopped":
        kill(s, "lmtpd", signal.SIGSTOP)
    else:
        kill(s, "lmtpd")
    for i in range(3):
        post(s, ben, anna.address, subject=f"meanwhile {i}")
    if way == "stopped":
        assert queue(s)
        for p in pids:
            os.kill(p, signal.SIGCONT)
    wait_for(lambda: queue(s) == [], 30)
    subjects = sorted(m["Subject"] for m in inbox(s, anna))
    assert subjects == ["before"] + [f"meanwhile {i}" for i in range(3)]
    assert spool(s) == []


def test_the_queue_goes_on_after_restarts_and_kills(own_suite, relay):
    s = own_suite(with_relay(relay))
    anna = s.account()
    for i in range(10):
        post(s, anna, f"later{i}@outside.example", f"user{i}@outside.example", subject=f"m{i}")
    wait_for(lambda: len(relay.messages) == 10, 20)
    wait_for(lambda: all(r["attempts"] > 0 for r in queue(s)))
    s.stop()
    s.start()
    assert {r["recipient"] for r in queue(s)} == {f"later{i}@outside.example" for i in range(10)}
    for _ in range(3):
        kill(s, "queued")
        wait_for(lambda: s.cli("queue", "list", check=False).returncode == 0)
        kill(s, "sender")
    wait_for(lambda: len(queue(s)) == 10)
    relay.hooks.clear()
    wait_for(lambda: queue(s) == [], 30)
    got = {re.search(b"<(.*?)>", r)[1].decode() for _, rcpts, _ in relay.messages for r in rcpts}
    assert got == {f"{name}{i}@outside.example" for name in ("later", "user") for i in range(10)}
    assert spool(s) == []


def test_mixed_results_each_as_its_own(own_suite, relay):
    s = own_suite(with_relay(relay))
    anna, here = s.account(), s.account()
    post(s, anna, "good@outside.example", "no1@outside.example", "no2@outside.example", "later@outside.example", here.address)
    wait_for(lambda: count(s, here) == 1)
    wait_for(lambda: [r["recipient"] for r in queue(s)] == ["later@outside.example"], 20)
    report = wait_for(lambda: inbox(s, anna))[0]
    status = report.get_payload(1).get_payload()
    assert [p["Final-Recipient"] for p in status[1:]] == ["rfc822;no1@outside.example", "rfc822;no2@outside.example"]
    row = wait_for(lambda: [r for r in queue(s) if "come again" in r["reply"]])[0]
    assert row["state"] in ("waiting", "active") and row["attempts"] >= 1
    s.cli("queue", "remove", "--all")


# --- reports ----------------------------------------------------------------------------

def test_a_report_field_by_field(own_suite, relay):
    s = own_suite(with_relay(relay))
    anna = s.account()
    post(s, anna, "no@outside.example", subject="the one", mail_options=["RET=HDRS", "ENVID=QQ+2B1"],
         rcpt_options=["NOTIFY=FAILURE", "ORCPT=rfc822;No+2BBody@outside.example"])
    m = wait_for(lambda: inbox(s, anna), 20)[0]
    assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status"
    assert m["Return-Path"] == "<>" and m["To"] == anna.address and m["Auto-Submitted"] == "auto-replied"
    text, status, returned = m.get_payload()
    assert "no such user" in text.get_content()
    message, rcpt = status.get_payload()
    assert message["Original-Envelope-Id"] == "QQ+1"
    assert message["Reporting-MTA"] == "dns;mail.example.org"
    assert rcpt["Original-Recipient"] == "rfc822;No+Body@outside.example"
    assert rcpt["Final-Recipient"] == "rfc822;no@outside.example"
    assert rcpt["Action"] == "failed" and rcpt["Status"] == "5.1.1"
    assert rcpt["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user"
    assert rcpt["Remote-MTA"].startswith("dns;")
    assert returned.get_content_type() == "text/rfc822-headers"
    assert "Subject: the one" in returned.get_payload() and "Hello." not in m.as_string()
    wait_for(lambda: spool(s) == [])
    check_log(s)


def test_success_is_reported_where_it_was_asked_for(own_suite):
    plain = FakeHost(extensions=("PIPELINING", "SIZE 50000000", "8BITMIME"))
    s = own_suite(with_relay(plain))
    anna, here = s.account(), s.account()
    post(s, anna, here.address, "ben@outside.example", rcpt_options=["NOTIFY=SUCCESS"])

    def actions():
        return sorted(p["Action"] for m in inbox(s, anna) for p in m.get_payload(1).get_payload()[1:])
    wait_for(lambda: actions() == ["delivered", "relayed"], 20)
    plain.close()


def test_a_delay_is_told_once_and_then_the_end(own_suite, relay):
    s = own_suite(with_relay(relay, queue__delay_warning="1s", queue__lifetime="5s"))
    anna = s.account()
    post(s, anna, "later@outside.example")
    wait_for(lambda: queue(s) == [] and count(s, anna) == 2, 30)
    reports = inbox(s, anna)
    rcpts = [m.get_payload(1).get_payload(1) for m in reports]
    assert [r["Action"] for r in rcpts] == ["delayed", "failed"]
    assert rcpts[0]["Will-Retry-Until"] and rcpts[1]["Status"] == "4.4.7"
    assert "come again" in rcpts[1]["Diagnostic-Code"]


def test_nobody_hears_of_mail_that_he_perhaps_did_not_send(own_suite, relay):
    """A stranger's mail by way of an alias to the outside that refuses it: no report to the sender, whoever that is; the domain's
    postmaster hears of it (smtp/queue/notice.c)."""
    s = own_suite(with_relay(relay))
    keeper, anna = s.account("postmaster"), s.account()
    s.cli("alias", "add", f"out@{DOMAIN}", "no@outside.example")
    for sender in (anna.address, "", "victim@elsewhere.example"):
        with s.smtp() as c:
            c.sendmail(sender, [f"out@{DOMAIN}"], "Subject: x\r\n\r\nx\r\n")
    wait_for(lambda: len([line for line in s.log().splitlines() if " failed " in line]) >= 3, 20)
    wait_for(lambda: queue(s) == [] and spool(s) == [])
    assert count(s, anna) == 0
    assert {re.search(r" to=(\S+)", x)[1] for x in s.log().splitlines() if " report " in x} <= {keeper.address}
    assert not [m for m in relay.messages if m[1]]


# --- damage -----------------------------------------------------------------------------------

def held_messages(s, anna, n=3):
    return [post(s, anna, f"u{i}@outside.example") for i in range(n)]


@pytest.mark.parametrize("how", ["lost", "garbage", "cut"])
def test_a_lost_or_damaged_database_is_built_anew(own_suite, how):
    s = own_suite(HOLD)
    ids = held_messages(s, s.account())
    s.stop()
    folder = s.state / "queue"
    if how == "lost":
        for f in folder.iterdir():
            f.unlink()
    else:
        (folder / "queue.db-wal").unlink(missing_ok=True)
        with open(folder / "queue.db", "r+b") as f:
            if how == "garbage":
                f.seek(100)
                f.write(os.urandom(20000))
            else:
                f.truncate(5000)
    s.start()
    wait_for(lambda: {r["message"] for r in queue(s)} == set(ids))
    assert spool(s) == sorted(ids)
    if how != "lost":
        assert [f for f in folder.iterdir() if ".damaged-" in f.name]
        assert s.wait_log("queue-damaged")
    # and it works on
    new = post(s, s.account(), "new@outside.example")
    assert {r["message"] for r in queue(s)} == {*ids, new}
    s.cli("queue", "remove", "--all")
    assert spool(s) == []


def test_damage_while_it_runs_is_put_aside_too(own_suite):
    s = own_suite(HOLD)
    anna = s.account()
    ids = held_messages(s, anna, 5)
    kill(s, "queued", signal.SIGSTOP)
    with open(s.state / "queue" / "queue.db", "r+b") as f:
        f.write(b"\0" * os.fstat(f.fileno()).st_size)
    for f in (s.state / "queue").glob("queue.db-*"):
        with open(f, "r+b") as g:
            g.write(os.urandom(os.fstat(g.fileno()).st_size))
    kill(s, "queued")
    wait_for(lambda: s.cli("queue", "list", check=False).returncode == 0, 20)
    wait_for(lambda: {r["message"] for r in queue(s)} == set(ids), 20)


def test_a_row_without_content_and_content_without_a_row(own_suite):
    s = own_suite({**HOLD, "queue.unfinished_keep": "1s"})
    anna = s.account()
    ids = held_messages(s, anna)
    s.stop()
    kept = (s.state / "spool" / ids[0]).read_bytes()
    (s.state / "spool" / ids[0]).unlink()
    (s.state / "spool" / "leftover1").write_bytes(b"what an acceptance left that was not finished")
    s.start()
    wait_for(lambda: [r["message"] for r in queue(s, "state=damaged")] == [ids[0]])
    assert "damaged" in s.cli("queue", "show", ids[0]).stdout
    assert s.wait_log("content-damaged")
    # never sent or bounced, but kept; when the file is back it goes on
    s.stop()
    path = s.state / "spool" / ids[0]
    path.write_bytes(kept)
    if ROOT:
        st = os.stat(s.state / "spool")
        os.chown(path, st.st_uid, st.st_gid)
    time.sleep(1.1)  # the age of the leftover file is the disk's
    s.start()
    s.cli("queue", "retry", ids[0])
    assert queue(s, ids[0])[0]["state"] != "damaged"
    wait_for(lambda: "leftover1" not in spool(s))
    assert set(ids) <= set(spool(s))


# --- the disk ---------------------------------------------------------------------------------

@pytest.mark.skipif(not ROOT, reason="needs a file system of its own")
def test_the_spool_is_full(own_suite):
    """The spool alone: 452, mail to mailboxes goes on, it heals by itself within 5 s."""
    s = own_suite({"send.smarthost": "127.0.0.1:1", "queue.min_free": "512k", "queue.retry": "1h"}, start=False)
    with contextlib.ExitStack() as stack:
        stack.callback(s.stop)
        s.start()
        s.stop()
        stack.enter_context(small_disk(s.state / "spool", "4m"))
        s.start()
        anna, ben = s.account(), s.account()
        held = post(s, anna, "before@outside.example")
        filler = fill_disk(s.state / "spool")
        with s.smtp(anna) as c:
            c.mail(anna.address)
            c.rcpt("x@outside.example")
            assert c.data("Subject: full\r\n\r\nx\r\n")[0] == 452
        post(s, anna, ben.address)
        assert count(s, ben) == 1
        assert [r["message"] for r in queue(s)] == [held]
        make_room(filler)
        (s.state / "spool" / "filler").unlink()
        began = time.monotonic()
        post(s, anna, "after@outside.example")
        assert time.monotonic() - began < 30
        assert len(queue(s)) == 2
        s.stop()


@pytest.mark.skipif(not ROOT, reason="only root may look into the suite's processes")
def test_the_order_on_the_disk_before_250(own_suite, tmp_path):
    """The content is synced, then it has its name, the folder is synced, the rows are, and only then is ok said."""
    s = own_suite(HOLD)
    anna = s.account()
    post(s, anna, "warm@outside.example")
    mine, theirs = tmp_path / "queued", tmp_path / "smtpd"
    with watched(s, "queued", mine), watched(s, "smtpd", theirs):
        id = post(s, anna, "x@outside.example")
    steps = []
    for line in mine.read_text(errors="replace").splitlines():
        if "linkat(" in line and id in line and "= 0" in line:
            steps.append("name")
        elif re.search(r"fsync\(\d+<[^>]*/spool>", line):
            steps.append("folder")
        elif re.search(r"f(data)?sync\(\d+<[^>]*/queue.db-wal>", line):
            steps.append("rows")
        elif "result=ok" in line:
            steps.append("ok")
            break
    assert steps == ["name", "folder", "rows", "ok"]
    calls = theirs.read_text(errors="replace")
    assert 0 < calls.index("fsync(") < calls.index("mansio 1 put") < calls.index("250 2.0.0 Accepted")
