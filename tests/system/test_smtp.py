# SPDX-License-Identifier: ISC
"""SMTP sessions over their whole way: to the room and back to the door, over dying processes, into mailboxes."""
import os
import re
import signal
import smtplib
import time

import pytest

from conftest import wait_for

MAIL = b"Subject: x\r\n\r\nhello\r\n"


def send(c, to, sender="x@elsewhere.example", mail=MAIL):
    assert c.sendmail(sender, [to], mail) == {}


def pid_of(s, program):
    """Of the last one that was started."""
    return int(re.findall(rf"process-ready process={program} instance=\d+ pid=(\d+)", s.log())[-1])


def mails(s, account, folder="INBOX"):
    c = s.imap(account)
    n = int(c.select(folder)[1][0])
    out = [c.fetch(str(i), "(BODY.PEEK[])")[1][0][1] for i in range(1, n + 1)]
    c.logout()
    return out


def test_a_silent_session_goes_back_to_the_door_and_comes_again(own_suite):
    s = own_suite({"smtp.handback_idle": "200ms", "smtp.processes": "1"})
    a = s.account()
    with s.smtp() as clear, s.smtp(a) as tls:
        for _ in range(3):  # one smtpd only: each must have been given back for the other's turn
            send(clear, a.address)
            time.sleep(0.4)
            send(tls, a.address, a.address)
            time.sleep(0.4)
        # the identity came along with a renewed ticket, and so did its limits
        with pytest.raises(smtplib.SMTPSenderRefused):
            tls.sendmail("other@example.org", [a.address], MAIL)
        clear.ehlo("again.example")
        send(clear, a.address)
        clear.starttls(context=s.context())
        send(clear, a.address)
    assert len(mails(s, a)) == 8
    assert len([m for m in mails(s, a) if b"with ESMTPSA" in m]) == 3
    assert len([m for m in mails(s, a) if b"with ESMTPS\r\n" in m]) == 1


@pytest.mark.parametrize("program", ["lmtpd", "authd", "traced"])
def test_a_killed_process_costs_no_session(own_suite, program):
    s = own_suite()
    a = s.account()
    with s.smtp() as c:
        send(c, a.address)
        old = pid_of(s, program)
        os.kill(old, signal.SIGKILL)
        acked = 1
        for _ in range(5):
            try:
                send(c, a.address)
                acked += 1
            except smtplib.SMTPResponseException as e:
                assert 400 <= e.smtp_code < 500
            except smtplib.SMTPRecipientsRefused as e:
                assert all(400 <= code < 500 for code, _ in e.recipients.values())
            time.sleep(0.2)
    assert acked >= 5
    wait_for(lambda: pid_of(s, program) != old)
    assert len(mails(s, a)) == acked


def test_a_reload_costs_no_session(own_suite):
    s = own_suite()
    a = s.account()
    with s.smtp() as c:
        send(c, a.address)
        s.settings["smtp.message_size"] = "20M"
        s.write_config()
        s.cli("reload")
        for _ in range(5):
            send(c, a.address)
        wait_for(lambda: c.docmd("MAIL", "FROM:<> SIZE=30000000")[0] == 552 or c.docmd("RSET")[0] == 0)
    assert len(mails(s, a)) == 6


def test_many_recipients_one_message(suite):
    accounts = [suite.account() for _ in range(12)]
    with suite.smtp() as c:
        refused = c.sendmail("x@elsewhere.example", [a.address for a in accounts] + ["nobody@example.org"], MAIL)
    assert list(refused) == ["nobody@example.org"] and refused["nobody@example.org"][0] == 550
    for a in accounts:
        (mail,) = mails(suite, a)
        assert mail.startswith(b"Return-Path: <x@elsewhere.example>\r\nDelivered-To: " + a.address.encode() + b"\r\nReceived: ")
        assert b"\r\n\tid " in mail and b" for <" not in mail  # none learns of the others


def test_a_full_mailbox_is_told_in_the_session(suite):
    a = suite.account(None, "secret pass 1", "--quota", "2k")
    big = b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 20
    with suite.smtp() as c:
        send(c, a.address, mail=big)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as e:  # SIZE= at RCPT
            c.sendmail("x@elsewhere.example", [a.address], big)
        assert e.value.recipients[a.address][0] == 552
        c.rset()
        for command in ("MAIL FROM:<>", f"RCPT TO:<{a.address}>"):  # without SIZE= behind DATA
            assert c.docmd(command)[0] == 250
        code, text = c.data(big)
        assert code == 552 and text.startswith(b"5.2.2")


def test_utf8_addresses_and_headers(suite):
    a = suite.account()
    mail = "From: grün@elsewhere.example\r\nSubject: Grüße\r\n\r\nä\r\n".encode()
    with suite.smtp() as c:
        c.ehlo()
        c.sendmail("grün@elsewhere.example", [a.address], mail, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    (got,) = mails(suite, a)
    assert got.endswith(mail) and "Return-Path: <grün@elsewhere.example>".encode() in got and b"with UTF8SMTP" in got


def test_log_follows_one_message(suite):
    a = suite.account()
    at = len(suite.log())
    with suite.smtp() as c:
        send(c, a.address)
    line = suite.wait_log(f"account={a.address}", at)
    suite.wait_log(" accepted ", at)
    ids = dict(f.split("=", 1) for f in line.split() if f[:2] in ("s=", "m="))
    story = [x.split()[2] for x in suite.log()[at:].splitlines() if f"m={ids['m']}" in x]
    # lmtpd and smtpd write at the same moment: the last two may change places
    assert story[:2] == ["mail", "rcpt"] and sorted(story[2:]) == ["accepted", "delivered"]
    assert all(f"s={ids['s']}" in x for x in suite.log()[at:].splitlines() if f"m={ids['m']}" in x)
