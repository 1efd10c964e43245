# SPDX-License-Identifier: ISC
"""Forwards: a sender of ours and the way back of reports (SRS), no backscatter, no loop, a seal (ARC) that others verify."""
import contextlib
import json
import re
import smtplib
import subprocess

import dkim
import pytest

from conftest import DOMAIN, wait_for
from fakehost import FakeHost
from nameservers import Scripted, wire_record
from test_dkim import keys, txt
from test_send import stuffed_right
from test_submit import mails, reports, status

TARGET = "ben@outside.example"


@pytest.fixture
def host():
    h = FakeHost(extensions=("PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8"))
    yield h
    h.close()


@pytest.fixture
def dns():
    """TXT records by name, served until the test is over."""
    zone = {}

    def answer(name, type, tcp):
        return (0, [wire_record(name, "TXT", txt(zone[name]))], 0) if name in zone and type == 16 else (3, [], 0)

    server = Scripted(answer)
    server.zone = zone
    yield server
    server.stop()


@pytest.fixture
def house(own_suite, host, dns):
    def make(**settings):
        values = {"send.smarthost": f"127.0.0.1:{host.port}", "send.smarthost_tls": "none", "queue.retry": "1s",
                  "dns.servers": f"127.0.0.1:{dns.port}", "dns.trust_anchor": "none"}
        values.update({k.replace("__", "."): v for k, v in settings.items()})
        s = own_suite(values)
        s.cli("domain", "add", DOMAIN, check=False)
        s.anna = s.account()  # the first account: the domain's keeper
        return s

    return make


@contextlib.contextmanager
def door(s):
    with smtplib.SMTP("127.0.0.1", s.ports["smtp"], "mx.far.example") as c:
        c.ehlo()
        yield c


def come(s, alias, sender="cora@far.example", text=b"From: cora@far.example\r\nSubject: x\r\n\r\nHello.\r\n"):
    with door(s) as c:
        c.sendmail(sender, [alias], text)


def rcpt(s, address, sender=""):
    with door(s) as c:
        c.docmd(f"MAIL FROM:<{sender}>")
        code, text = c.docmd(f"RCPT TO:<{address}>")
        return code, text.decode()


def left(host, n):
    wait_for(lambda: len(host.messages) >= n, 30)
    return host.messages


def said(line):
    return re.search(rb"<(.*?)>", line)[1].decode()


def perl_srs(*args):
    """Mail::SRS with a secret of its own: forward ADDRESS DOMAIN, or reverse ADDRESS, or the age of a time stamp."""
    code = ("use Mail::SRS; my $s = new Mail::SRS(Secret => 'other', MaxAge => 3); my $f = shift; "
            "print $f eq 'forward' ? $s->forward(@ARGV) : $f eq 'reverse' ? $s->reverse(@ARGV) : $s->timestamp_check(@ARGV) ? 'valid' : 'old'")
    return subprocess.run(["perl", "-e", code, *args], capture_output=True, text=True, check=True).stdout


def test_a_forward_says_a_sender_of_ours_and_reports_to_it_come_back(house, host):
    s = house(forward__bounces="3")
    s.cli("alias", "add", f"out@{DOMAIN}", TARGET)
    come(s, f"out@{DOMAIN}")
    sender = said(left(host, 1)[0][0])
    local = re.fullmatch(rf"SRS0=(.{{6}})=(..)=far\.example=cora@{re.escape(DOMAIN)}", sender)
    assert local and perl_srs("age", local[2]) == "valid"
    # where it went to is found, and what became of it there
    found = wait_for(lambda: [r for r in json.loads(s.cli("trace", "search", f"recipient={TARGET}", "--json", check=False).stdout or "[]")
                              if r["state"] == "delivered"], 20)
    assert [(r["sender"], r["recipient"], r["recipients"]) for r in found] == [("cora@far.example", TARGET, 1)]
    # others rewrite it once more, and come back to it
    second = perl_srs("forward", sender, "third.example")
    assert second.startswith("SRS1=") and perl_srs("reverse", second) == sender
    # a report finds the one who sent the message, however its case was treated; nothing else does
    for address in (sender, sender.lower()):
        with door(s) as c:
            c.sendmail("", [address], b"Subject: report\r\n\r\nNo.\r\n")
    assert [(said(m[0]), said(m[1][0])) for m in left(host, 3)[1:]] == [("", "cora@far.example")] * 2
    assert rcpt(s, sender, "spam@other.example") == (550, f"5.7.1 <{sender}>: only reports go to the sender of a forward, with the sender <>")
    for bad in (sender.replace("cora", "dora"), sender.replace("far.", "car."), sender.replace(local[1], "A" * 6), f"SRS0=x@{DOMAIN}",
                sender.replace("far.example=cora", "far.examplec=ora")):
        code, text = rcpt(s, bad)
        assert code == 550 and text.startswith("5.1.1") and "SRS: its hash is wrong" in text, bad
    assert rcpt(s, sender.replace(DOMAIN, "not-ours.example"))[0] == 550
    # a new secret: what the old one made stays valid, for as long as it may
    s.cli("srs", "rotate")
    assert rcpt(s, sender)[0] == 250
    assert rcpt(s, sender)[0] == 450, "the fourth within the hour"
    shown = s.cli("srs", "show", sender).stdout
    assert "good" in shown and "cora@far.example" in shown
    assert "bad" in s.cli("srs", "show", sender.replace("cora", "dora")).stdout
    # one that another forward wrote keeps its way; ours, and none, stay as they are
    for n, given in enumerate((perl_srs("forward", "dan@far.example", "first.example"), s.anna.address, ""), 4):
        come(s, f"out@{DOMAIN}", given)
        left(host, n)  # one may overtake another
    first, ours, none = (said(m[0]) for m in left(host, 6)[3:])
    assert re.fullmatch(rf"SRS1=.{{6}}=first\.example==....=..=far\.example=dan@{re.escape(DOMAIN)}", first)
    assert (ours, none) == (s.anna.address, "")
    with door(s) as c:
        c.sendmail("", [first], b"Subject: report\r\n\r\nNo.\r\n")
    back = said(left(host, 7)[6][1][0])
    assert back.endswith("@first.example") and perl_srs("reverse", back) == "dan@far.example"
    # too long to be said: a report then stays with the postmaster
    come(s, f"out@{DOMAIN}", "a" * 40 + "@" + "b" * 30 + ".example")
    assert said(left(host, 8)[7][0]) == f"postmaster@{DOMAIN}"


def test_a_refused_forward_is_told_to_nobody_who_may_be_forged(house, host, dns):
    host.hooks["RCPT"] = lambda c, line: b"550 5.7.1 no spam please\r\n" if TARGET.encode() in line else None
    s = house(forward__notices="2")
    s.cli("alias", "add", f"out@{DOMAIN}", TARGET)
    for i in range(20):
        come(s, f"out@{DOMAIN}", f"victim{i}@elsewhere.example", b"Subject: buy\r\n\r\nBuy %d.\r\n" % i)
    wait_for(lambda: len(re.findall(r"failed.*no spam please", s.log())) >= 20, 40)
    wait_for(lambda: s.log().count("unreported") >= 18 and not s.cli("queue", "list").stdout.strip(), 20)
    assert not host.messages, "backscatter"
    notices = reports(s, s.anna)
    assert len(notices) == 2 and s.log().count("unreported") == 18
    for n in notices:
        text = n.get_payload(0).get_payload()
        assert f"out@{DOMAIN}" in text and "victim" in text and "550 5.7.1 no spam please" in text and "not told" in text
        assert n.get_payload(2).get_payload(0).get_payload().startswith("Buy"), "the message is not lost"
        assert status(n)[TARGET]["Action"] == "failed" and n["To"] == f"<postmaster@{DOMAIN}>"
    # who is confirmed hears of it himself: by SPF, or by a signature of his own over his address
    dns.zone["far.example"] = "v=spf1 ip4:127.0.0.0/8 -all"
    come(s, f"out@{DOMAIN}")
    assert [said(r) for r in left(host, 1)[0][1]] == ["cora@far.example"] and said(host.messages[0][0]) == ""
    # a report that is refused makes no other
    come(s, f"out@{DOMAIN}", "")
    wait_for(lambda: len(re.findall(r"failed.*no spam please", s.log())) >= 22, 20)
    assert len(host.messages) == 1 and len(reports(s, s.anna)) == 2


def test_two_servers_that_forward_to_each_other_make_one_report(own_suite, dns):
    common = {"send.smarthost_tls": "none", "queue.retry": "1s", "dns.servers": f"127.0.0.1:{dns.port}", "dns.trust_anchor": "none"}
    a = own_suite(common | {"send.smarthost": "127.0.0.1:9", "server.hostname": "mx.a.example"})
    b = own_suite(common | {"send.smarthost": f"127.0.0.1:{a.ports['smtp']}", "server.hostname": "mx.b.example"})
    a.cli("config", "set", "send.smarthost", f"127.0.0.1:{b.ports['smtp']}")
    keeper = {}
    for s, own, other in (a, "a.example", "b.example"), (b, "b.example", "a.example"):
        s.cli("domain", "add", own)
        keeper[s] = s.account(f"keeper@{own}")
        s.cli("alias", "add", f"list@{own}", f"list@{other}")
    come(a, "list@a.example")
    wait_for(lambda: reports(b, keeper[b]), 20)
    wait_for(lambda: not a.cli("queue", "list").stdout.strip() and not b.cli("queue", "list").stdout.strip(), 20)
    (r,) = reports(b, keeper[b])
    assert "a loop" in r.get_payload(0).get_payload() and not mails(a, keeper[a])
    returned = r.get_payload(2).get_payload(0)
    assert returned.get_all("Delivered-To") == ["list@b.example", "list@a.example"]
    # a person of A: B sees that A may say that sender, so the one report goes to her
    dns.zone["c.example"] = "v=spf1 ip4:127.0.0.1 -all"
    a.cli("domain", "add", "c.example")
    carla = a.account("carla@c.example")
    a.cli("alias", "add", "other@c.example", "other@b.example")
    b.cli("alias", "add", "other@b.example", "other@c.example")
    with a.smtp(carla) as c:
        c.sendmail(carla.address, ["other@c.example"], b"From: carla@c.example\r\nSubject: mine\r\n\r\nx\r\n")
    wait_for(lambda: reports(a, carla), 20)
    assert len(mails(a, carla)) == len(reports(b, keeper[b])) == 1 and not mails(a, keeper[a])


def chain(message, zone):
    """What dkimpy says of the chain, and the results that each hop wrote."""
    cv, results, why = dkim.arc_verify(message, dnsfunc=lambda name, timeout=5: zone.get(name.decode().rstrip("."), "").encode() or None)
    return (cv or b"fail").decode(), why


def found(message, i):
    return re.sub(rb"\s+", b" ", re.search(rb"(?m)^ARC-Authentication-Results: i=%d; ((?:.|\r\n\s)*?)\r\n(?!\s)" % i, message)[1]).decode()


def author(dns):
    """A key of far.example, published; signs."""
    key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=key, capture_output=True, check=True).stdout
    dns.zone["s1._domainkey.far.example"] = "v=DKIM1; k=rsa; p=" + "".join(public.decode().splitlines()[1:-1])
    return lambda message: dkim.sign(message, b"s1", b"far.example", key) + message


def test_a_seal_on_converted_text_says_what_came(house, host, dns):
    """For a server of 7-bit text the message is changed: the seal is of the new text, its words are of the old one."""
    host.extensions = ("PIPELINING", "SIZE 100000000")
    s = house()
    s.cli("dkim", "rotate", DOMAIN)
    s.cli("alias", "add", f"out@{DOMAIN}", TARGET)
    dns.zone.update({k["name"]: k["value"] for k in keys(s)})
    sign = author(dns)
    text = "From: cora@far.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\u00fc\u00dfe\r\n"
    with door(s) as c:
        c.sendmail("cora@far.example", [f"out@{DOMAIN}"], sign(text.encode()), ["BODY=8BITMIME"])
    message = stuffed_right(left(host, 1)[0][2])
    assert b"R3LDvMOfZQ0K" in message and message.isascii()
    assert chain(message, dns.zone)[0] == "pass" and "dkim=pass header.d=far.example" in found(message, 1)
    assert wait_for(lambda: s.log().count(" checked "), 20) == 1


def test_seals_of_several_hops_hold_and_a_broken_chain_is_said_so(house, host, dns):
    s = house()
    hops = [DOMAIN, f"second.{DOMAIN}", f"third.{DOMAIN}", f"fourth.{DOMAIN}"]  # the key of the domain above seals
    s.cli("dkim", "rotate", DOMAIN)
    for i, d in enumerate(hops):
        s.cli("domain", "add", d, check=False)
        s.cli("alias", "add", f"hop@{d}", TARGET)
    dns.zone.update({k["name"]: k["value"] for k in keys(s)})
    dns.zone["far.example"] = "v=spf1 include:_spf.far.example -all"
    dns.zone["_spf.far.example"] = "v=spf1 ip4:127.0.0.1/8 ~all"
    sign = author(dns)
    message = b"From: cora@far.example\r\nTo: hop@x.example\r\nSubject: chain\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@far.example>\r\n\r\nHello  there \r\n.dot\r\n\r\n"
    message = sign(message)
    for i, d in enumerate(hops[:2]):
        come(s, f"hop@{d}", text=message)
        message = stuffed_right(left(host, i + 1)[i][2])
        assert message.startswith(b"ARC-Seal: i=%d;" % (i + 1)) and b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=" + DOMAIN.encode() not in message
        assert chain(message, dns.zone)[0] == "pass", chain(message, dns.zone)
        words = found(message, i + 1)
        assert "dkim=pass header.d=far.example header.s=s1" in words and "spf=pass smtp.mailfrom=cora@far.example" in words
        assert ("arc=none" if i == 0 else "arc=pass") in words
    assert chain(message.replace(b"Hello", b"Hallo"), dns.zone)[0] == "fail", "negative control"
    # changed on the way: the next hop says so with a set of its own, and the one after it adds none
    come(s, f"hop@{hops[2]}", sender="eve@nospf.example", text=message.replace(b"Hello", b"Hallo"))
    message = stuffed_right(left(host, 3)[2][2])
    words = found(message, 3)
    assert re.search(rb"ARC-Seal: i=3; a=rsa-sha256; cv=fail; d=example.org;", message) and "dkim=fail (the body was changed)" in words
    assert "arc=fail (the body was changed)" in words and "spf=none smtp.mailfrom=eve@nospf.example" in words
    assert chain(message, dns.zone)[0] == "fail"
    come(s, f"hop@{hops[3]}", text=message)
    message = stuffed_right(left(host, 4)[3][2])
    assert not re.search(rb"(?m)^ARC-Seal: i=4", message) and message.startswith(b"Delivered-To: hop@fourth.")
    assert "sealed" in s.log()
