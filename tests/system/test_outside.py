# SPDX-License-Identifier: ISC
"""Mail between two suites of ours and other people's servers, over an internet of its own (tests/outside/): each server has
a network, an address, a domain in a signed DNS, and a certificate that DANE or an MTA-STS policy makes others insist on.

one.example publishes TLSA records, two.example an MTA-STS policy; of the others postfix.example and opensmtpd.example have
TLSA records, exim.example and courier.example a policy. example.org is the host of an admin who does what docs/SENDING.md
says; Exim is his provider there.
"""
import email
import fcntl
import json
import os
import re
import smtplib
import ssl
import subprocess
import sys

import dkim
import pytest

from conftest import BUILD, MANSIO, ROOT, Suite, TOP, check_log, wait_for

sys.path.insert(0, str(TOP / "tests" / "outside"))
import peers as others  # noqa: E402
from internet import RESOLVER, Internet  # noqa: E402

pytestmark = [pytest.mark.skipif(not ROOT, reason="networks and chroots are root's"), pytest.mark.timeout(900)]
PEERS = list(others.PEERS)
HOUSES = ["one", "two", "org"]
PORT = {"smtp": 25, "submission": 587, "submissions": 465, "imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "https": 443}


class House(Suite):
    """A suite on a host of that internet, with anna in its domain."""

    def __init__(self, net, name, settings=None):
        folder = net.folder / name
        folder.mkdir(mode=0o755)
        self.net, self.host = net, net.host[name]
        self.domain, self.address = self.host.domain, self.host.address
        rows = {f"listen.{s}": f"{self.address}:{p}" for s, p in PORT.items()}
        rows.update({"server.hostname": self.host.mail_name, "tls.certificates": str(self.host.certificate),
                     "tls.keys": str(self.host.key), "dns.servers": f"{RESOLVER}:53", "dns.trust_anchor": str(net.anchor),
                     "queue.retry": "1s", "smtp.processes": "4",
                     "check.port25_hosts": "mail.postfix.example", "check.blocklists": ""})
        rows.update(settings or {})
        super().__init__(folder, rows)
        self.prefix = net.inside(name)

    def start(self):
        super().start()
        self.anna = self.account(f"anna@{self.domain}")
        return self

    def send(self, to, subject, **kw):
        """anna writes to somebody, as a mail program does: port 587, TLS, login."""
        text = f"From: anna@{self.domain}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello.\r\n"
        with self.host, smtplib.SMTP(self.address, 587, timeout=20) as c:
            c.starttls()
            c.login(self.anna.address, self.anna.password)
            c.sendmail(self.anna.address, [to], text, **kw)

    def outcome(self, address, timeout=20):
        """What the log says of the last attempt with a recipient."""
        def look():
            return next((x for x in reversed(self.log().splitlines())
                         if f"to={address} " in x and any(w in x for w in (" sent ", " deferred ", " failed "))), None)
        try:
            return wait_for(look, timeout, 0.05)
        except AssertionError:
            raise AssertionError(f"nothing became of {address}:\n" + self.log()[-4000:])

    def verified(self, domain):
        """What its log says of a server of the domain that was authenticated."""
        return 'tls="TLSv1.3 ' + ("DANE" if domain in self.net.dane_domains else "MTA-STS") + '"'

    def inbox(self):
        return [email.message_from_bytes(f.read_bytes()) for d in ("new", "cur") for f in (self.mail_folder(self.anna) / "Maildir" / d).glob("*")]

    def probe(self, address):
        """Exit code and rows of a test of delivery."""
        p = self.cli("--json", "test", "delivery", address, check=False)
        said = json.loads(p.stdout)
        return p.returncode, said if isinstance(said, list) else said["rows"]

    def arrived(self, subject, timeout=20):
        try:
            return wait_for(lambda: next((m for m in self.inbox() if subject in str(m["Subject"])), None), timeout, 0.05)
        except AssertionError:
            raise AssertionError(f"no mail {subject!r} at {self.domain}; its log:\n" + self.log()[-4000:])


    def told(self, address, timeout=20):
        """The report to anna that her mail to this address failed."""
        def report(m):
            return "anna@" not in str(m["From"]) and address in m.as_string()
        try:
            return wait_for(lambda: next(filter(report, self.inbox()), None), timeout, 0.05)
        except AssertionError:
            raise AssertionError(f"{self.domain} told nothing of {address}; its log:\n" + self.log()[-4000:])


@pytest.fixture(scope="module")
def world(system_users):
    roots = others.make_chroots(*PEERS)
    lock = open(roots[PEERS[0]].parent / "outside.run.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # one run at a time uses the chroots
    net = Internet(HOUSES + PEERS, {"org": "example.org"}, {"exim": ["smtp.provider.example"], "org": ["mta-sts.example.org"]}, bare=["org"])
    stop = [net]
    try:
        for name in ("one", "postfix", "opensmtpd"):
            if name in net.host:
                net.dane(name)
        for name in ("two", "exim", "courier"):
            if name in net.host:
                net.mta_sts(name)
        for name in ("one", *PEERS):
            net.impostor(name)
        net.host["one"].records += ["null 60 MX 0 .", "dead 60 MX 10 mx.dead", f"mx.dead 60 A {RESOLVER}"]
        net.publish()
        w = {}
        for name in HOUSES:
            w[name] = House(net, name, {"send.direct": "yes"} if name != "org" else None)
            stop.append(w[name])
            w[name].start()
        for name in PEERS:
            w[name] = others.PEERS[name](net, roots[name])
            stop.append(w[name])
        for name in PEERS:
            w[name].start()
        yield w
        for name in HOUSES:
            check_log(w[name])
    finally:
        for x in reversed(stop):
            x.stop()
        lock.close()


def test_what_the_world_is_made_of_is_proven(world):
    net = world["one"].net
    assert net.proven("_25._tcp.mail.one.example", "TLSA") and not net.proven("none.one.example", "A")
    assert net.proven("_mta-sts.two.example", "TXT")


@pytest.mark.parametrize("house", ["one", "two"])
@pytest.mark.parametrize("peer", PEERS)
def test_others_reach_us_over_verified_tls(world, peer, house):
    """They say themselves that our server was authenticated, by its TLSA record or by the name in its certificate."""
    p, s = world[peer], world[house]
    p.send(s.anna.address, f"from {peer} to {house}")
    m = s.arrived(f"from {peer} to {house}")
    assert re.search("with (ESMTP|UTF8SMTP)S\\b", m["Received"]) and p.name in m["Received"]
    p.verified(s.domain)


@pytest.mark.parametrize("peer", PEERS)
def test_others_tell_their_people_of_an_unknown_address_here(world, peer):
    p, s = world[peer], world["one"]
    p.send(f"nobody.{peer}@{s.domain}", "to nobody")
    assert "5.1.1" in p.told(f"nobody.{peer}@{s.domain}").as_string()


@pytest.mark.parametrize("peer", PEERS)
def test_others_do_verify(world, peer):
    """... so that what they say above means something: nothing reaches us by a name that our certificate and records do not fit."""
    p, s = world[peer], world["one"]
    p.send(f"anna@wrong.{s.domain}", "to an impostor")
    p.refused_to_talk(f"wrong.{s.domain}")
    assert f"@wrong.{s.domain}" not in s.log()


# --- from us: straight to the servers that MX records name

@pytest.mark.parametrize("house", ["one", "two"])
@pytest.mark.parametrize("peer", PEERS)
def test_we_reach_others_over_verified_tls(world, peer, house):
    p, s = world[peer], world[house]
    s.send(f"anna@{p.domain}", f"from {house} to {peer}")
    p.arrived(f"from {house} to {peer}")
    line = s.outcome(f"anna@{p.domain}")
    assert " sent " in line and f"remote={p.name}" in line and s.verified(p.domain) in line, line


@pytest.mark.parametrize("here, there", [("one", "two"), ("two", "one")])
def test_two_of_us_reach_each_other_over_verified_tls(world, here, there):
    a, b = world[here], world[there]
    a.send(b.anna.address, f"from {here} to {there}")
    assert re.search("with (ESMTP|UTF8SMTP)S\\b", b.arrived(f"from {here} to {there}")["Received"])
    assert a.verified(b.domain) in a.outcome(b.anna.address)


@pytest.mark.parametrize("peer", PEERS + ["one"])
def test_what_cannot_be_verified_does_not_leave(world, peer):
    """A domain whose TLSA record or policy its server does not fit: the mail waits, and the reason is told."""
    s, p = world["two"], world[peer]
    s.send(f"anna@wrong.{p.domain}", "to an impostor")
    line = s.outcome(f"anna@wrong.{p.domain}")
    assert " deferred " in line and re.search("TLSA|DANE|MTA-STS", line), line
    s.cli("queue", "remove", f"recipient=anna@wrong.{p.domain}")
    assert f"@wrong.{p.domain}" not in p.log() and not [m for m in p.inbox() if m["Subject"] == "to an impostor"]


@pytest.mark.parametrize("peer", PEERS + ["one"])
def test_we_tell_our_people_of_an_unknown_address_there(world, peer):
    s, p = world["two"], world[peer]
    s.send(f"nobody.{peer}@{p.domain}", "to nobody")
    m = s.told(f"nobody.{peer}@{p.domain}")
    assert m.get_content_type() == "multipart/report" and re.search(r"^Status: 5\.", m.as_string(), re.M), m.as_string()


# --- the same way without a message

@pytest.mark.parametrize("peer", PEERS)
def test_a_test_walks_to_others_and_says_what_they_say(world, peer):
    s, p = world["two"], world[peer]
    dane = p.domain in s.net.dane_domains
    code, rows = s.probe(f"anna@{p.domain}")
    words = {r["stage"]: r["words"] for r in rows}
    assert code == 0 and {r["state"] for r in rows} == {"OK"}, rows
    assert ("TLSA 3 1 1" if dane else "an authority") in words["tls"] and p.name in words["tls"] and f"taken by {p.name}" in words["result"]
    assert ("DANE" if dane else "MTA-STS policy") in words["demand"] and words["rcpt"].startswith("250 ") and words["greeting"].startswith(f"220 {p.name}")
    code, rows = s.probe(f"never.{peer}@{p.domain}")
    row, = [r for r in rows if r["stage"] == "rcpt"]
    assert code == 69 and row["state"] == "FAIL" and re.match("5[0-9][0-9] ", row["words"]), rows
    code, rows = s.probe(f"anna@wrong.{p.domain}")
    failed = next(r for r in rows if r["state"] == "FAIL")
    assert code == 75 and "would wait" in rows[-1]["words"] and (failed["stage"], "TLSA" in failed["words"], "does not name" in failed["words"]) == \
        (("tls", True, False) if dane else ("demand", False, True)), rows


@pytest.mark.parametrize("domain, ends, stage, words", [("null", 69, "mx", "null MX"), ("dead", 75, "connect", "Connection refused")])
def test_a_test_says_where_there_is_no_way(world, domain, ends, stage, words):
    code, rows = world["two"].probe(f"anna@{domain}.one.example")
    failed = next(r for r in rows if r["state"] == "FAIL")
    assert code == ends and failed["stage"] == stage and words in failed["words"], rows


# --- docs/SENDING.md: each section's commands are run as they stand there, and then the section's promise is checked

SENDING = (TOP / "docs" / "SENDING.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", SENDING, re.M | re.S))


class Admin:
    """Types what stands in the document, on the host of example.org."""

    def __init__(self, world):
        self.world, self.house = world, world["org"]
        self.etc, self.bin = self.house.folder / "etc", self.house.folder / "bin"
        for d in (self.etc, self.bin):
            d.mkdir(exist_ok=True)
        for name, what in (("mansio", f'"{MANSIO}" --state "{self.house.state}"'),
                           ("sendmail", f'"{BUILD}/sbin/sendmail" -C "{self.house.config}"')):
            (self.bin / name).write_text(f'#!/bin/sh\nexec {what} "$@"\n')
            (self.bin / name).chmod(0o755)
        self.names = {"/etc/mansio/": f"{self.etc}/", "friend@elsewhere.example": "anna@postfix.example",
                      "mail.example.org:587": f"{self.house.address}:587", "elsewhere.example": "postfix.example",
                      "friend@big.example": "anna@courier.example", "big.example": "courier.example",
                      "friend.example": "one.example", "192.0.2.25": world["one"].address}

    def does(self, heading):
        """Runs the section's commands; returns what each block printed."""
        out = []
        for block in re.findall(r"^```sh\n(.*?)^```", SECTIONS[heading], re.M | re.S):
            for word, here in self.names.items():
                block = block.replace(word, here)
            p = subprocess.run([*self.world["one"].net.inside("org"), "bash", "-ec", f'PATH="{self.bin}:$PATH"\n' + block],
                               stdin=subprocess.DEVNULL, env={**os.environ, "HOME": str(self.etc)}, capture_output=True, text=True, timeout=60)
            assert p.returncode == 0, f"{block}\n{p.stdout}{p.stderr}\n{self.house.log()[-2000:]}"
            out.append(p.stdout)
        assert out, f"{heading}: no commands"
        return out


@pytest.fixture(scope="module")
def admin(world):
    return Admin(world)


@pytest.fixture(scope="module")
def provider(admin):
    """example.org sends by its provider."""
    return admin.does("By a provider")


@pytest.fixture(scope="module")
def records(admin):
    """example.org has published what the document says, literally."""
    zone, = admin.does("The records")
    assert zone.count(" IN ") > 5
    admin.house.net.change("org", zone)
    return zone


def test_sending_by_a_provider(world, provider):
    world["postfix"].arrived("by the provider")
    world["exim"].wait_log("<= anna@example.org", "A=plain:example.org")
    assert "tls=TLSv1.3" in world["org"].wait_log("connected remote=smtp.provider.example")
    world["exim"].wait_log("=> anna@postfix.example", "CV=dane")


def test_sending_needs_a_host_that_is_fit(world, admin):
    shown = admin.does("Is this host fit for it?")[0]
    assert re.search(r"^port25 +OK", shown, re.M) and re.search(r"^ptr +OK", shown, re.M), shown


def test_sending_needs_records(world, records):
    def all_right():
        rows = json.loads(world["org"].cli("--json", "domain", "check", "example.org").stdout)
        return rows and not [r for r in rows if r["state"] == "FAIL"]
    wait_for(all_right, 20, 0.2)
    world["postfix"].send("anna@example.org", "now there is a way here")
    world["org"].arrived("now there is a way here")


def test_sending_straight(world, admin, provider, records):
    s = world["org"]
    _, zone, _ = admin.does("Straight to the others")
    assert '"v=spf1 mx -all"' in zone, "who may send is the host alone now"
    s.net.change("org", zone)
    world["postfix"].arrived("by myself")
    s.wait_log("ip=" + world["postfix"].address)
    world["courier"].arrived("by a route")
    assert "remote=smtp.provider.example" in s.outcome("anna@courier.example")


def test_sending_is_tried_without_mail(world, admin, provider, records):
    shown, = admin.does("Would it arrive?")
    assert re.search(r"^rcpt +.*OK +250 ", shown, re.M) and re.search(r"^result +OK +mail for anna@postfix\.example is taken by ", shown, re.M), shown


def smtp_to(world, to, of):
    """A connection to port 25 of a house from the network of another one."""
    with world[of].host:
        c = smtplib.SMTP(world[to].address, 25, timeout=20)
    c.ehlo()
    return c


def test_sending_and_rules(world, admin):
    listed = admin.does("Rules: whom to refuse, hold, let through")[-1]
    assert ".junk.example" in listed and ".spam.example" in listed and "file" in listed and "command" in listed
    with smtp_to(world, "org", "one") as c:
        for sender, code in (("x@a.spam.example", 550), ("x@a.junk.example", 550), ("friend@good.junk.example", 250), ("x@one.example", 250)):
            c.mail(sender)
            assert c.rcpt("anna@example.org")[0] == code, sender
            c.rset()


def test_sending_and_a_certificate(world, admin, records):
    admin.does("A device that cannot log in")
    s = world["org"]
    s.cli("config", "set", "send.direct", "yes")  # whatever the sections before have left
    with smtp_to(world, "org", "one") as c:
        c.mail("printer@example.org")
        assert c.rcpt("anna@postfix.example")[0] == 550
        c.rset()
        context = ssl._create_unverified_context()
        context.load_cert_chain(admin.etc / "printer.pem", admin.etc / "printer.key")
        c.starttls(context=context)
        c.sendmail("printer@example.org", ["anna@postfix.example"], "Subject: by a printer\r\n\r\nx\r\n")
    assert " sent " in s.outcome("anna@postfix.example")


def test_sending_and_a_backup(world, admin):
    admin.does("A backup for another server")
    world["org"].cli("config", "set", "send.direct", "yes")
    with smtp_to(world, "org", "one") as c:
        assert c.sendmail("anna@two.example", ["anna@one.example"], "Subject: kept for you\r\n\r\nx\r\n") == {}
        c.ehlo()
        assert c.has_extn("etrn") and c.docmd("ETRN", "one.example")[0] in (250, 251, 253)
        assert c.docmd("ETRN", "two.example")[0] == 459
    world["one"].arrived("kept for you")


def test_sending_and_forwards(world, admin, provider, records):
    admin.does("Forwards")
    world["exim"].send("office@example.org", "by a forward")
    m = world["postfix"].arrived("by a forward")
    assert re.fullmatch(r"<SRS0=[\w+/]{6}=\w\w=exim\.example=anna@example\.org>", str(m["Return-Path"]).strip())
    assert m["Delivered-To"] and "office@example.org" in m.get_all("Delivered-To")


def test_sending_is_watched(world, admin, provider):
    def shown():
        return "".join(admin.does("What became of it?"))
    wait_for(lambda: "by the provider" in shown() and "250" in shown(), 20, 0.3)


def test_sending_by_hand(world, admin, provider):
    """Mail that finds its server away is held, listed, and goes its way when the server is back."""
    s = world["org"]
    s.cli("config", "set", "queue.retry", "1h")
    s.cli("route", "add", "postfix.example", "127.0.0.1:1", "tls=none")
    try:
        s.send("anna@postfix.example", "kept by hand")
        wait_for(lambda: [r for r in json.loads(s.cli("--json", "queue", "list", "domain=postfix.example", "state=waiting").stdout) if r["attempts"]], 20, 0.2)
        shown, = admin.does("The queue by hand")
        assert re.search(r"^\S+ .* anna@postfix\.example .*held", shown, re.M), shown
    finally:
        s.cli("route", "remove", "postfix.example")
        s.cli("config", "set", "queue.retry", "1s")

    def there():
        s.cli("queue", "retry", "domain=postfix.example", check=False)  # it may be on its way already
        return [m for m in world["postfix"].inbox() if m["Subject"] == "kept by hand"]
    wait_for(there, 20, 0.3)


def test_sending_later(world, admin, provider):
    """It waits, is listed as scheduled, and leaves when the administrator says so."""
    s = world["org"]
    (admin.etc / "anna.password").write_text(s.anna.password + "\n")
    shown, = admin.does("Later")
    assert re.search(r"^\S+ .*anna@example\.org.* anna@postfix\.example .*scheduled", shown, re.M), shown
    row, = json.loads(s.cli("--json", "queue", "list", "state=scheduled").stdout)
    assert 3000 < row["next"] <= 3601, row
    assert not [m for m in world["postfix"].inbox() if m["Subject"] == "in an hour"]
    s.cli("queue", "retry", row["message"])
    world["postfix"].arrived("in an hour")


def test_sending_is_limited(world, admin, provider):
    s = world["org"]
    try:
        admin.does("How much one account may send")
        assert "news@example.org none, example.org new_day=500" in s.cli("config", "show", "send.account_limits").stdout
    finally:
        s.cli("config", "unset", "send.account_limits")


def test_sending_from_a_program(world, admin, provider):
    s = world["org"]
    (admin.etc / ".curlrc").write_text(f'resolve = "mail.example.org:443:{s.address}"\ncacert = "{s.net.authority.cert}"\n')
    shown, = admin.does("From a program")
    assert json.loads(shown)["refused"] == []
    m = world["postfix"].arrived("by a program")
    assert re.fullmatch(r"<anna\+.+@example\.org>", str(m["Return-Path"]).strip()), m["Return-Path"]


def test_sending_and_dkim(world, admin, provider, records):
    """The keys that the receiver finds in the DNS are those that signed, for a verifier of another hand."""
    shown = admin.does("A signature: DKIM")[0]
    lines = re.findall(r"^\S+\._domainkey\.example\.org\. .* IN TXT .*$", shown, re.M)
    assert len(lines) == 2, shown
    s = world["org"]
    s.net.change("org", records + "\n".join(lines) + "\n")

    def all_right():
        rows = json.loads(s.cli("--json", "domain", "check", "example.org").stdout)
        return {r["state"] for r in rows if "_domainkey" in r["name"]} == {"OK"}
    wait_for(all_right, 20, 0.2)
    s.send("anna@postfix.example", "with a signature")
    message = world["postfix"].arrived("with a signature").raw.replace(b"\n", b"\r\n")
    message = message[message.index(b"DKIM-Signature:"):]

    def look(name, timeout=5):
        return "".join(re.findall(r'"([^"]*)"', s.net.ask(name.decode(), "TXT"))).encode()
    assert [dkim.DKIM(message).verify(idx=i, dnsfunc=look) for i in range(message.count(b"DKIM-Signature:"))] == [True, True]


def test_sending_from_a_new_address(world, admin):
    """What that does to mail: test_polite.py."""
    shown = admin.does("A new address")[0]
    world["org"].cli("config", "unset", "send.warmup"), world["org"].cli("config", "unset", "send.source")
    assert re.search(r"^192\.0\.2\.1 .* \d+", shown, re.M), shown


def test_sending_to_lists(world, admin, provider):
    """... test_polite.py."""
    admin.does("Lists, bounces and complaints")
    world["org"].cli("config", "unset", "reports.feedback_networks"), world["org"].cli("config", "unset", "reports.feedback")


def test_sending_and_mta_sts(world, admin, provider, records):
    lines = admin.does("TLS that others insist on: MTA-STS")[0]
    zone = admin.does("The records")[0]
    s = world["org"]
    s.net.change("org", zone + "\n".join(x.lstrip("; ") for x in lines.splitlines() if " IN " in x) + "\n")
    world["two"].send("anna@example.org", "by MTA-STS")
    s.arrived("by MTA-STS")
    assert 'tls="TLSv1.3 MTA-STS"' in world["two"].outcome("anna@example.org")


def test_sending_and_dane(world, admin, records):
    line = admin.does("TLS that others insist on: DANE")[0]
    world["one"].net.change("org", admin.does("The records")[0] + line.lstrip("; "))
    world["exim"].send("anna@example.org", "by DANE")
    world["org"].arrived("by DANE")
    world["exim"].wait_log("=> anna@example.org", "CV=dane")


def test_sending_and_reports(world, admin, provider, records):
    """The record is printed, and what a house met with at each of the others stands in its list."""
    net = world["org"].net
    shown, = admin.does("How TLS went: reports")
    assert "rua=mailto:postmaster@example.org" in shown and "tlsrpt.send" in shown
    domain = net.host[PEERS[0]].domain
    world["one"].send(f"anna@{domain}", "for the report")
    world[PEERS[0]].arrived("for the report")

    def row():
        return next((r for r in json.loads(world["one"].cli("report", "list", domain, "--json").stdout) if r["successes"] and not r["failures"]), None)
    assert wait_for(row, 20, 0.2)["policies"] == ("tlsa" if domain in net.dane_domains else "sts")


def test_a_failure_behind_the_provider_is_told_to_the_sender(world, provider, records):
    s = world["org"]
    s.send("nobody@postfix.example", "to nobody")
    m = s.told("nobody@postfix.example")
    assert m.get_content_type() == "multipart/report" and "550" in m.as_string()


def test_every_section_of_sending_is_run():
    text = (TOP / "tests" / "system" / "test_outside.py").read_text()
    for heading in SECTIONS:
        if "```sh" in SECTIONS[heading]:
            assert f'does("{heading}")' in text, heading
