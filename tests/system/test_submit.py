# SPDX-License-Identifier: ISC
"""How mail gets into the queue: which way each recipient goes, what 250 covers when results are mixed or missing, the wishes
of a sender for reports, forwards and their loops, and who may relay."""
import contextlib
import email
import fcntl
import os
import re
import signal
import smtplib
import socket
import time

import pytest

from conftest import wait_for
from test_smtp import mails, pid_of

MAIL = b"Subject: x\r\n\r\nhello\r\n"
NOWHERE = {"send.smarthost": "127.0.0.1:1", "send.smarthost_tls": "none"}  # a way out where nobody answers: mail waits


def commands(c, *lines):
    """The codes of their replies; after the last one a message, if it is DATA."""
    out = []
    for line in lines:
        if line == "DATA":
            code = c.data(MAIL)[0]
        else:
            code = c.docmd(line)[0]
        out.append(code)
    return out


def said(s, account=None):
    """A connection behind EHLO, and AUTH with an account."""
    c = s.smtp(account)
    c.ehlo()
    return c


def unescape(text):
    return re.sub(r"%([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), text)


def envelopes(s):
    """What lies in the spool: [{"sender": ..., "rcpt": [{"address": ...}], "content": b"..."}]."""
    out = []
    for path in (s.state / "spool").glob("[!.]*"):
        with contextlib.suppress(FileNotFoundError):
            raw = path.read_bytes()
            length = int(raw.split(b" ", 3)[2])
            e = {"rcpt": [], "content": raw[length:]}
            for line in raw[:length].decode().splitlines()[1:-1]:
                name, value = line.split("=", 1)
                if name == "rcpt":
                    address, *parts = value.split(" ")
                    e["rcpt"].append({"address": unescape(address), **{k: unescape(v) for k, v in (p.split("=", 1) for p in parts)}})
                else:
                    e[name] = unescape(value)
            assert e["id"] == path.name
            out.append(e)
    return out


def reports(s, account):
    """The delivery reports in that mailbox, parsed."""
    return [m for m in map(email.message_from_bytes, mails(s, account)) if m.get_content_type() == "multipart/report"]


def status(report):
    """The fields of message/delivery-status, by recipient."""
    part = report.get_payload(1)
    return {str(f["Final-Recipient"]).split(";")[1].strip(): f for f in part.get_payload()[1:]}


@contextlib.contextmanager
def locked(s, account):
    """Another program changes that mailbox and does not end."""
    mails(s, account)  # it is made at the first login
    fd = os.open(s.mail_folder(account), os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def children(s):
    """The deliverers of lmtpd."""
    parent = pid_of(s, "lmtpd")
    return [pid for pid, name in s.tree().items() if name.startswith("lmtpd") and pid != parent]


# --- which way

def test_straight_mail_never_sees_the_queue(own_suite):
    s = own_suite()
    a, b = s.account(), s.account()
    with said(s, a) as c:
        assert commands(c, f"MAIL FROM:<{a.address}>", f"RCPT TO:<{a.address}>", f"RCPT TO:<{b.address}> NOTIFY=FAILURE,DELAY", "DATA") == [250] * 4
    with said(s) as c:  # a stranger's wish for success reports goes unheard: nothing confirms who would get them
        assert commands(c, "MAIL FROM:<x@elsewhere.example>", f"RCPT TO:<{b.address}> NOTIFY=SUCCESS", "DATA") == [250] * 3
    assert len(mails(s, a)) == 1 and len(mails(s, b)) == 2
    assert "queued m=" not in s.log() and not re.search(r" queued .*rcpts=", s.log())


def test_mail_to_the_outside_needs_a_login_and_a_way_out(own_suite):
    s = own_suite()
    a = s.account()
    with said(s, a) as c:
        c.docmd(f"MAIL FROM:<{a.address}>")
        code, text = c.docmd("RCPT TO:<x@elsewhere.example>")
        assert code == 550 and b"neither [send] direct nor smarthost" in text
    s.settings.update(NOWHERE)
    s.write_config()
    s.cli("reload")
    with said(s, a) as c:
        wait_for(lambda: commands(c, "RSET", f"MAIL FROM:<{a.address}>", "RCPT TO:<x@elsewhere.example>")[2] == 250)
        assert commands(c, "RSET", f"MAIL FROM:<{a.address}> RET=HDRS ENVID=QQ+2B1 BODY=8BITMIME",
                        "RCPT TO:<x@elsewhere.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;y+2Bz@elsewhere.example",
                        "RCPT TO:<never@elsewhere.example> NOTIFY=NEVER", "RCPT TO:<w@[192.0.2.1]>", "DATA") == [250] * 6
    (e,) = envelopes(s)
    assert e["sender"] == e["user"] == a.address and e["confirmed"] == e["sender-local"] == e["body8"] == "1"
    assert e["envid"] == "QQ+2B1" and e["ret"] == "hdrs"
    assert [(r["address"], r["number"], r.get("local"), r.get("notify"), r.get("orcpt")) for r in e["rcpt"]] == [
        ("x@elsewhere.example", "1", None, "success,failure", "rfc822;y+2Bz@elsewhere.example"),
        ("never@elsewhere.example", "2", None, "never", None), ("w@[192.0.2.1]", "3", None, None, None)]
    assert int(e["size"]) == len(e["content"])
    assert e["content"].startswith(b"Received: from ") and e["content"].endswith(b"\r\nSubject: x\r\n\r\nhello\r\n")
    assert b"with ESMTPSA" in e["content"] and b"\r\nMessage-ID: <" in e["content"]


def test_strangers_relay_nothing(own_suite):
    """An open relay is found in minutes; sixteen forms in which it is asked for, while there is a way out."""
    s = own_suite(NOWHERE)
    a = s.account()
    local, domain = a.address.split("@")
    out = "x@elsewhere.example"
    forms = [f"<{out}>", f"<\"{out}\">", f"<x%elsewhere.example@{domain}>", f"<elsewhere.example!x@{domain}>",
             f"<\"x%elsewhere.example\"@{domain}>", f"<\"{out}\"@{domain}>", f"<@{domain}:{out}>", f"<@{domain},@mail.example.org:{out}>",
             f"<{out}@{domain}>", f"<x%elsewhere.example@mail.example.org>", "<x@[127.0.0.1]>", "<x@[IPv6:2001:db8::1]>", f"<{out}.>",
             "<elsewhere.example!x>", f"<x@elsewhere.example%{domain}>", f"<{local}@{domain}.elsewhere.example>"]
    assert len(set(forms)) == 16
    with said(s) as c:
        for sender in ("<>", f"<{a.address}>", "<x@mail.example.org>", "<spam@[127.0.0.1]>"):
            assert commands(c, "RSET", f"MAIL FROM:{sender}") == [250, 250]
            for form in forms:
                c.docmd("NOOP")
                code, text = c.docmd(f"RCPT TO:{form}")
                if code == 421:  # too many refusals
                    c.connect("localhost", s.ports["smtp"])
                    c.ehlo()
                    c.docmd(f"MAIL FROM:{sender}")
                    code, text = c.docmd(f"RCPT TO:{form}")
                assert 500 <= code < 560, (sender, form, code, text)
    # who is logged in may not say that he is somebody else
    with said(s, a) as c:
        assert c.docmd("MAIL FROM:<x@elsewhere.example>")[0] == 553
    # and without a login the submission ports take nothing at all
    with smtplib.SMTP("localhost", s.ports["submission"], timeout=20) as c:
        c.starttls(context=s.context())
        assert commands(c, "EHLO x", "MAIL FROM:<>") == [250, 530]
    assert envelopes(s) == []


def test_hold_all_keeps_everything(own_suite):
    s = own_suite({"send.hold_all": "yes"})
    a, b = s.account(), s.account()
    s.cli("alias", "add", "out@example.org", "far@elsewhere.example", b.address)
    with said(s, a) as c:
        assert commands(c, f"MAIL FROM:<{a.address}>", f"RCPT TO:<{b.address}>", "RCPT TO:<x@elsewhere.example>",
                        "RCPT TO:<out@example.org>", "RCPT TO:<nobody@example.org>", "DATA") == [250, 250, 250, 250, 550, 250]
    with said(s) as c:
        assert commands(c, "MAIL FROM:<x@elsewhere.example>", f"RCPT TO:<{b.address}>", "RCPT TO:<x@elsewhere.example>", "DATA") == [250, 250, 550, 250]
    mine, theirs = sorted(envelopes(s), key=lambda e: e["sender"])
    assert [(r["address"], r.get("local")) for r in mine["rcpt"]] == [(b.address, "1"), ("x@elsewhere.example", None), ("out@example.org", "1")]
    assert "confirmed" not in theirs and "user" not in theirs
    assert mails(s, b) == []
    assert s.cli("queue", "list", "state=held").stdout.count("held") == 4


# --- mixed results

def full_and_other(s):
    """A mailbox with room for no mail of that size (which a sender who does not declare it learns at the end), and others."""
    full = s.account(None, "secret pass 1", "--quota", "1k")
    return full, s.account(), s.account()


BIG = b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 40


def send_big(c, sender, *rcpts):
    c.rset()
    assert c.docmd(f"MAIL FROM:<{sender}>")[0] == 250
    for r in rcpts:
        assert c.docmd(f"RCPT TO:<{r}>")[0] == 250
    return c.data(BIG)


def test_a_refusal_among_others_is_reported_to_who_is_confirmed(own_suite):
    s = own_suite()
    full, b, me = full_and_other(s)
    with said(s, me) as c:
        assert send_big(c, me.address, full.address)[0] == 552  # alone: no report is needed
        assert send_big(c, me.address, full.address, b.address)[0] == 250
        wait_for(lambda: reports(s, me), 20)
        assert send_big(c, "", full.address, b.address)[0] == 250  # a null sender hears nothing
    with said(s) as c:
        assert send_big(c, "x@elsewhere.example", full.address)[0] == 552
        assert send_big(c, me.address, full.address, b.address)[0] == 250  # a forged sender neither
    assert len(mails(s, b)) == 3 and mails(s, full) == []
    (r,) = reports(s, me)
    assert list(status(r)) == [full.address] and status(r)[full.address]["Action"] == "failed"
    assert status(r)[full.address]["Status"] == "5.2.2"
    assert r["Auto-Submitted"] == "auto-replied" and r["Return-Path"] == "<>"
    assert envelopes(s) == []
    assert len(re.findall(r"undelivered .*report=no", s.log())) == 3


def test_who_may_still_get_it_gets_it_from_the_queue(own_suite):
    s = own_suite({"mail.lock_timeout": "300ms", "queue.retry": "1s"})
    a, b = s.account(), s.account()
    with said(s) as c, locked(s, a):
        assert commands(c, "MAIL FROM:<x@elsewhere.example>", f"RCPT TO:<{a.address}>", f"RCPT TO:<{b.address}>", "DATA") == [250] * 4
        assert len(mails(s, b)) == 1
        (e,) = envelopes(s)
        assert [(r["address"], r["number"], r["local"]) for r in e["rcpt"]] == [(a.address, "1", "1")]
    wait_for(lambda: len(mails(s, a)) == 1, 20)
    wait_for(lambda: envelopes(s) == [])
    assert len(mails(s, a)) == 1 and len(mails(s, b)) == 1


def test_a_queue_that_is_full_or_gone(own_suite):
    s = own_suite({**NOWHERE, "queue.min_free": "1000000G", "smtp.queue_timeout": "1s"})
    a = s.account()
    s.cli("alias", "add", "out@example.org", "far@elsewhere.example")
    with said(s, a) as c:
        assert commands(c, f"MAIL FROM:<{a.address}>", "RCPT TO:<x@elsewhere.example>", "DATA") == [250, 250, 452]
        assert commands(c, f"MAIL FROM:<{a.address}>", "RCPT TO:<out@example.org>", "DATA") == [250, 250, 452]
        s.settings["queue.min_free"] = "0"
        s.write_config()
        s.cli("reload")
        wait_for(lambda: commands(c, "RSET", f"MAIL FROM:<{a.address}>", "RCPT TO:<x@elsewhere.example>", "DATA")[3] == 250)
        n = len(envelopes(s))
        with stopped(pid_of(s, "queued")):
            assert commands(c, f"MAIL FROM:<{a.address}>", "RCPT TO:<x@elsewhere.example>", "DATA") == [250, 250, 451]
            assert commands(c, f"MAIL FROM:<{a.address}>", f"RCPT TO:<{a.address}>", "DATA") == [250, 250, 250]  # straight mail needs no queue
            assert commands(c, f"MAIL FROM:<{a.address}>", "RCPT TO:<out@example.org>") == [250, 451]
        os.kill(pid_of(s, "queued"), signal.SIGKILL)
        wait_for(lambda: commands(c, "RSET", f"MAIL FROM:<{a.address}>", "RCPT TO:<x@elsewhere.example>", "DATA")[3] == 250, 20)
        assert len(envelopes(s)) > n
        wait_for(lambda: commands(c, "RSET", f"MAIL FROM:<{a.address}>", "RCPT TO:<out@example.org>")[2] == 250, 20)  # lmtpd found the new one too
        assert commands(c, "DATA") == [250]


# --- lmtpd hangs, or dies

def test_a_hung_lmtpd_is_no_reason_to_wait(own_suite):
    s = own_suite({"smtp.lmtp_wait": "300ms", "queue.retry": "1s"})
    a, b = s.account(), s.account()
    with said(s) as c:
        with stopped(pid_of(s, "lmtpd")):
            assert commands(c, "MAIL FROM:<x@elsewhere.example>", f"RCPT TO:<{a.address}>", f"RCPT TO:<{b.address}>",
                            "RCPT TO:<nobody@example.org>", "DATA") == [250, 250, 250, 550, 250]
            (e,) = envelopes(s)
            assert [r["address"] for r in e["rcpt"]] == [a.address, b.address]
        wait_for(lambda: len(mails(s, a)) == len(mails(s, b)) == 1, 20)
        assert commands(c, "MAIL FROM:<>", f"RCPT TO:<{a.address}>", "DATA") == [250] * 3
    assert len(mails(s, a)) == 2


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_a_delivery_that_does_not_come_back_is_no_double(own_suite, how):
    """The child of lmtpd hangs or dies with the message; the queue takes over under the same delivery ids."""
    s = own_suite({"smtp.deliver_timeout": "500ms", "queue.retry": "1s"})
    a, b = s.account(), s.account()
    with said(s) as c:
        assert commands(c, "MAIL FROM:<x@elsewhere.example>", f"RCPT TO:<{a.address}>", f"RCPT TO:<{b.address}>") == [250] * 3
        (child,) = children(s)
        os.kill(child, how)
        assert c.data(MAIL)[0] == 250
        if how == signal.SIGSTOP:
            os.kill(child, signal.SIGCONT)  # now it delivers after all, at the same time as the queue does
    wait_for(lambda: len(mails(s, a)) >= 1 and len(mails(s, b)) >= 1 and envelopes(s) == [], 20)
    wait_for(lambda: child not in s.tree())
    assert len(mails(s, a)) == 1 and len(mails(s, b)) == 1


# --- reports of success

def test_success_is_reported_when_it_was_asked_for(own_suite):
    s = own_suite()
    a, b = s.account(), s.account()
    with said(s, a) as c:
        assert commands(c, f"MAIL FROM:<{a.address}> ENVID=e+2B1 RET=HDRS", f"RCPT TO:<{b.address}> NOTIFY=SUCCESS ORCPT=rfc822;{b.address}",
                        f"RCPT TO:<{a.address}> NOTIFY=NEVER", "DATA") == [250] * 4
    (r,) = wait_for(lambda: reports(s, a), 20)
    assert r.get_payload(1).get_payload(0)["Original-Envelope-Id"] == "e+1"
    assert {k: v["Action"] for k, v in status(r).items()} == {b.address: "delivered"}
    assert status(r)[b.address]["Original-Recipient"] == f"rfc822;{b.address}"
    assert r.get_payload(2).get_content_type() == "text/rfc822-headers"
    assert len(mails(s, b)) == 1


# --- forwards

def forward(s, c, sender, *rcpts):
    assert commands(c, "RSET", f"MAIL FROM:<{sender}> RET=FULL ENVID=f1", *(f"RCPT TO:{r}" for r in rcpts), "DATA") == [250] * (len(rcpts) + 3)


def test_forwards_keep_sender_and_wishes(own_suite):
    s = own_suite(NOWHERE)
    a = s.account("anna@example.org")
    s.cli("domain", "add", "all.example")
    for alias, *targets in [("out@example.org", "far@elsewhere.example"), ("both@example.org", "anna@example.org", "far@elsewhere.example", "off@elsewhere.example")]:
        s.cli("alias", "add", alias, *targets)
    s.cli("domain", "change", "all.example", "catchall=catch@elsewhere.example")
    with said(s) as c:
        forward(s, c, "x@sender.example", "<out@example.org> NOTIFY=DELAY ORCPT=rfc822;o@sender.example")
        (e,) = envelopes(s)
        assert e["sender"] == "x@sender.example" and "confirmed" not in e and e["envid"] == "f1" and e["ret"] == "full"
        assert e["rcpt"] == [{"address": "far@elsewhere.example", "number": "1", "notify": "delay", "orcpt": "rfc822;o@sender.example"}]
        assert e["content"].startswith(b"Delivered-To: out@example.org\r\nReceived: from ") and b"Return-Path" not in e["content"]
        # a copy here and some there, each address once
        forward(s, c, "x@sender.example", "<both@example.org>", "<out@example.org>", "<anything@all.example>", "<both+detail@example.org>")
        new = {r["address"]: (r["orcpt"], x["content"].split(b"\r\n")[0]) for x in envelopes(s) if x["id"] != e["id"] for r in x["rcpt"]}
        assert new == {"far@elsewhere.example": ("rfc822;both@example.org", b"Delivered-To: both@example.org"),
                       "off@elsewhere.example": ("rfc822;both@example.org", b"Delivered-To: both@example.org"),
                       "catch@elsewhere.example": ("rfc822;anything@all.example", b"Delivered-To: anything@all.example")}
    assert len(mails(s, a)) == 1
    with said(s, a) as c:  # who is logged in is confirmed behind the forward too
        forward(s, c, a.address, "<out@example.org> NOTIFY=SUCCESS,FAILURE")
    (e,) = wait_for(lambda: [e for e in envelopes(s) if e.get("confirmed") and e["rcpt"][0]["address"] == "far@elsewhere.example"], 20)
    assert e["user"] == a.address and e["sender-local"] == "1" and e["rcpt"][0]["notify"] == "failure"
    (r,) = wait_for(lambda: reports(s, a), 20)
    assert {k: v["Action"] for k, v in status(r).items()} == {"out@example.org": "expanded"}


def test_a_forward_that_comes_back_ends(own_suite):
    """A -> B -> A: it is refused where it comes round, in the session, so there is one report at most (the other server's)."""
    s = own_suite(NOWHERE)
    s.account("anna@example.org")
    s.cli("alias", "add", "out@example.org", "far@elsewhere.example")
    with said(s) as c:
        forward(s, c, "x@sender.example", "<out@example.org>")
        (e,) = envelopes(s)
        assert commands(c, "MAIL FROM:<x@sender.example>", "RCPT TO:<Out@Example.ORG>") == [250, 250]
        code, text = c.data(b"Received: from b by a; x\r\n" + e["content"])
        assert code == 554 and b"5.4.6" in text
    assert len(envelopes(s)) == 1


def test_forwards_need_a_way_out(own_suite):
    s = own_suite()
    a = s.account()
    s.cli("alias", "add", "out@example.org", "far@elsewhere.example")
    for session in (said(s), said(s, a)):
        with session as c:
            c.docmd("MAIL FROM:<>")
            code, text = c.docmd("RCPT TO:<out@example.org>")
            assert code == 550 and b"neither [send] direct nor smarthost" in text


# --- crowds

def test_ten_thousand_forged_recipients_make_no_bounce(own_suite):
    s = own_suite({**NOWHERE, "limit.errors": "10000", "smtp.recipients": "10000"})
    a = s.account()
    sock = socket.create_connection(("127.0.0.1", s.ports["smtp"]), 30)
    f = sock.makefile("rb")
    f.readline()
    sock.sendall(b"EHLO crowd.example\r\n")
    while f.readline()[3:4] == b"-":
        pass
    codes = []
    for start in range(0, 10000, 500):
        sock.sendall(f"MAIL FROM:<victim{start}@elsewhere.example>\r\n".encode() +
                     b"".join(b"RCPT TO:<forged%d@example.org> NOTIFY=SUCCESS,FAILURE,DELAY\r\n" % i for i in range(start, start + 500)))
        assert f.readline().startswith(b"250")
        codes += [f.readline()[:3] for _ in range(500)]
        sock.sendall(f"RCPT TO:<{a.address}>\r\nDATA\r\n".encode() + MAIL + b".\r\n")
        assert [f.readline()[:3] for _ in range(3)] == [b"250", b"354", b"250"]
    sock.close()
    assert codes == [b"550"] * 10000
    assert len(mails(s, a)) == 20
    assert envelopes(s) == [] and s.cli("queue", "list").stdout.strip() == ""


# --- sizes

def test_what_every_server_must_take(own_suite):
    """RFC 5321 4.5.3.1: the least that may be refused: names, paths, lines, recipients; and one more where it is our limit too."""
    s = own_suite({**NOWHERE, "limit.errors": "1000"})
    a = s.account()
    for i in range(2):
        s.cli("alias", "add", f"{'l' * (63 + i)}@example.org", a.address, check=False)
    domain = ".".join(["d" * 63] * 3 + ["d" * 59])
    with said(s) as c:
        assert commands(c, f"MAIL FROM:<x@{domain}d>", f"RCPT TO:<{'l' * 64}@example.org>") == [250, 250]  # local part 64, path 256
        assert commands(c, "RSET", f"MAIL FROM:<x@{domain}dd>", "MAIL FROM:<>", f"RCPT TO:<{'l' * 65}@example.org>") == [250, 501, 250, 501]
        for long in (f"RCPT TO:<{'n' * 64}@example.org>", f"RCPT TO:<n@{domain}>", f"RCPT TO:<{'n' * 400}@example.org>"):
            c.putcmd(long)
            line = c.file.readline()
            assert line[:1] == b"5" and len(line) <= 512, line  # a reply line 512
        assert commands(c, f"NOOP {'x' * 505}", "RSET", "MAIL FROM:<x@elsewhere.example>") == [250] * 3  # a command line 512
        s.cli("domain", "change", "example.org", f"catchall={a.address}")
        wait_for(lambda: c.docmd("RCPT TO:<r0@example.org>")[0] == 250)
        assert commands(c, *(f"RCPT TO:<r{i}@example.org>" for i in range(1, 100))) == [250] * 99  # 100 recipients
        text = b"Subject: long\r\n\r\n" + b"x" * 998 + b"\r\n" + (b"y" * 62 + b"\r\n") * 1024  # a line 1000, content 64k
        assert c.data(text)[0] == 250
    (mail,) = mails(s, a)  # one mailbox, one copy
    assert mail.endswith(text)
