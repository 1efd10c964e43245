# SPDX-License-Identifier: ISC
"""Which way mail goes: routes, access and rewriting, relaying for others. Nothing here makes an open relay."""
import json
import smtplib

import pytest

from conftest import DOMAIN, wait_for
from fakehost import FakeHost


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


# --- access and rewriting

def refused(s, sender, *rcpts, source=None):
    """What port 25 says to each recipient, from a stranger."""
    with smtplib.SMTP("localhost", s.ports["smtp"], timeout=20, source_address=source) as c:
        c.ehlo()
        assert c.mail(sender)[0] == 250
        return [c.rcpt(r)[0] for r in rcpts], c.rcpt(rcpts[-1])[1].decode()


def test_access_rules_refuse_hold_and_allow_at_once(house):
    s = house
    anna = s.account("anna")
    s.cli("access", "add", "sender", ".spam.example", "reject", "text=not from there")
    s.cli("access", "add", "sender", "friend@good.spam.example", "allow")
    s.cli("access", "add", "recipient", f"secret@{DOMAIN}", "reject")
    s.cli("alias", "add", f"secret@{DOMAIN}", anna.address)
    wait_for(lambda: refused(s, "x@a.spam.example", anna.address)[0] == [550])
    assert "5.7.1" in refused(s, "x@a.spam.example", anna.address)[1] and "not from there" in refused(s, "x@a.spam.example", anna.address)[1]
    assert refused(s, "friend@good.spam.example", anna.address, f"secret@{DOMAIN}")[0] == [250, 250]  # the first rule decides
    assert refused(s, "other@elsewhere.example", anna.address, f"secret@{DOMAIN}")[0] == [250, 550]
    s.cli("access", "add", "client", "127.0.0.0/8", "reject")
    wait_for(lambda: refused(s, "other@elsewhere.example", anna.address)[0] == [550])
    with s.smtp(anna) as c:  # who is logged in is known by more than his address
        c.sendmail(anna.address, [anna.address], "Subject: own\r\n\r\n")
    s.cli("access", "remove", "client", "127.0.0.0/8")
    wait_for(lambda: refused(s, "other@elsewhere.example", anna.address)[0] == [250])
    s.cli("access", "add", "sender", "slow@elsewhere.example", "hold")
    s.deliver(anna.address, subject="held", sender="slow@elsewhere.example")
    wait_for(lambda: "held" in s.cli("queue", "list").stdout)
    s.cli("queue", "release", "--all")
    wait_for(lambda: not s.cli("queue", "list").stdout.strip(), 20)
    with s.imap(anna) as c:
        assert int(c.select()[1][0]) == 2


def test_addresses_are_rewritten(house):
    s = house
    anna = s.account("anna")
    s.cli("rewrite", "add", "recipient", f"@old.{DOMAIN}", f"@{DOMAIN}")
    s.cli("rewrite", "add", "sender", anna.address, f"public@{DOMAIN}")
    s.deliver(f"Anna@old.{DOMAIN}", subject="moved")
    with s.smtp(anna) as c:
        c.sendmail(anna.address, [anna.address], "Subject: own\r\n\r\n")
    with s.imap(anna) as c:
        c.select()
        paths = [c.fetch(n, "(BODY[HEADER.FIELDS (RETURN-PATH)])")[1][0][1] for n in ("1", "2")]
    assert b"someone@elsewhere.example" in paths[0]  # a stranger's sender stays
    assert f"public@{DOMAIN}".encode() in paths[1]
    assert refused(s, "x@elsewhere.example", f"nobody@old.{DOMAIN}")[0] == [550]


# --- relaying

def test_only_those_who_are_listed_may_relay(own_suite):
    """Each way of [smtp] relay_networks and of the access table, and that nobody else gets through."""
    s = own_suite({"send.hold_all": "yes", "smtp.relay_networks": "127.0.0.2/32, 10.0.0.0/8"})
    anna = s.account("anna")
    away = ("x@outside.example", "@example.org:x@outside.example", f"x%outside.example@{DOMAIN}", f'"x@outside.example"@{DOMAIN}', "x@[192.0.2.1]")

    def codes(source):
        return refused(s, "printer@elsewhere.example", *away, source=(source, 0))[0]
    assert codes("127.0.0.1") == [550] * 5
    assert codes("127.0.0.2") == [250, 250, 550, 550, 250]
    s.cli("access", "add", "client", "127.0.0.3", "relay")
    wait_for(lambda: codes("127.0.0.3") == [250, 250, 550, 550, 250])
    assert codes("127.0.0.1") == [550] * 5
    s.cli("access", "add", "sender", "printer@elsewhere.example", "allow")  # taken, but no right to relay
    s.cli("access", "add", "recipient", "outside.example", "allow")
    assert codes("127.0.0.1") == [550] * 5
    s.cli("access", "remove", "client", "127.0.0.3")
    wait_for(lambda: codes("127.0.0.3") == [550] * 5)
    for text in ("0.0.0.0/0", "::/0", "0.0.0.0/7"):
        assert s.cli("access", "add", "client", text, "relay", check=False).returncode == 65
        assert s.cli("config", "set", "smtp.relay_networks", text, check=False).returncode != 0
    with smtplib.SMTP("localhost", s.ports["submission"], timeout=20, source_address=("127.0.0.2", 0)) as c:
        c.ehlo()
        assert c.mail("printer@elsewhere.example")[0] == 530
    with s.smtp(anna) as c:
        c.mail(anna.address)
        assert c.rcpt("x@outside.example")[0] == 250


def test_a_backup_mx_takes_known_recipients_and_sends_them_on(own_suite):
    host = FakeHost()
    try:
        s = own_suite({"send.smarthost": f"127.0.0.1:{host.port}", "send.smarthost_tls": "none"})
        s.cli("domain", "add", "backed.example", "backup=yes")
        s.cli("alias", "add", "anna@backed.example", "anna@backed.example")
        assert s.cli("user", "add", "ben@backed.example", input="secret pass 1\n", check=False).returncode == 65
        assert refused(s, "x@elsewhere.example", "Anna@backed.example", "anna+list@backed.example", "ben@backed.example",
                       "postmaster@backed.example", "x@sub.backed.example")[0] == [250, 250, 550, 550, 550]
        s.deliver("anna@backed.example", subject="passing through")
        wait_for(lambda: host.messages, 20)
        mail, rcpts, raw = host.messages[0]
        assert b"<someone@elsewhere.example>" in mail and b"<anna@backed.example>" in rcpts[0]  # nothing is rewritten
        assert b"Subject: passing through" in raw
    finally:
        host.close()


# --- routes at work

@pytest.fixture
def hosts():
    made = []

    def make(*args, **kw):
        made.append(FakeHost(*args, **kw))
        return made[-1]

    yield make
    for h in made:
        h.close()


def got(host):
    return sorted((m[0].split(b">")[0] + b">", *(r.split(b">")[0] + b">" for r in m[1])) for m in host.messages)


@pytest.mark.parametrize("others", ["direct", "smarthost"])
def test_mail_of_a_domain_goes_its_own_way_and_the_rest_elsewhere(own_suite, hosts, others):
    one, two, rest = hosts(), hosts(), hosts()
    s = own_suite({"send.direct": "yes", "queue.retry": "1s",
                   **({"send.smarthost": f"127.0.0.1:{rest.port}", "send.smarthost_tls": "none"} if others == "smarthost" else {})})
    anna = s.account("anna")
    s.cli("route", "add", "one.example", f"127.0.0.1:{one.port}", "tls=none", "source=127.0.0.9")
    s.cli("route", "add", ".two.example", f"127.0.0.1:{two.port}", "tls=none")
    s.cli("route", "add", "one.example", f"127.0.0.1:{two.port}", "sender-domain=other.example", "tls=none")
    if others == "direct":
        s.cli("route", "add", "*", f"127.0.0.1:{rest.port}", "tls=none")
    with s.smtp(anna) as c:
        c.sendmail(anna.address, ["a@one.example", "b@one.example", "c@x.two.example", "d@two.example", "e@three.example"], "Subject: x\r\n\r\nx\r\n")
    wait_for(lambda: len(one.messages) == 1 and len(two.messages) == 1 and sum(len(m[1]) for m in rest.messages) == 2, 30)
    assert got(one) == [(b"MAIL FROM:<anna@example.org>", b"RCPT TO:<a@one.example>", b"RCPT TO:<b@one.example>")]
    assert got(two) == [(b"MAIL FROM:<anna@example.org>", b"RCPT TO:<c@x.two.example>")]
    assert {r for m in got(rest) for r in m[1:]} == {b"RCPT TO:<d@two.example>", b"RCPT TO:<e@three.example>"}
    assert one.peers == {"127.0.0.9"} and two.peers == {"127.0.0.1"}
    s.settle()


def test_a_route_logs_in_with_scram_under_verified_tls_only(own_suite):
    relay = own_suite({"server.hostname": "relay.example.net"})
    courier = relay.account("courier@relay.example.net", "a long password")
    inbox = relay.account("ben@outside.example")
    relay.cli("alias", "add", "sender@relay.example.net", courier.address)
    s = own_suite({"send.direct": "yes", "send.ca": str(relay.cert), "queue.retry": "1s",
                   "send.down": "0"})
    anna = s.account("anna")
    s.cli("rewrite", "add", "sender", anna.address, "sender@relay.example.net")  # what the relay lets its account say
    where = f"localhost:{relay.ports['submissions']}"
    s.cli("route", "add", "outside.example", where, "start=implicit", f"username={courier.address}", input="a wrong password\n")
    with s.smtp(anna) as c:
        c.sendmail(anna.address, [inbox.address], "Subject: by route\r\n\r\nx\r\n")
    s.wait_log(" deferred ", timeout=20)
    s.cli("route", "change", "outside.example", f"username={courier.address}", input="a long password\n")
    s.cli("reload")
    with relay.imap(inbox) as c:
        def there():
            s.cli("queue", "retry", "--all", check=False)
            return int(c.select()[1][0]) == 1
        wait_for(there, 20, 0.1)
    logins = [x for x in relay.log().splitlines() if " login " in x and "service=submissions" in x]
    assert logins and all("mech=SCRAM-SHA-256" in x for x in logins)
    assert "long password" not in s.log() + relay.log()
