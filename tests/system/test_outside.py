# SPDX-License-Identifier: ISC
"""Mail between two suites of ours and other people's servers, over an internet of its own (tests/outside/): each server has
a network, an address, a domain in a signed DNS, and a certificate that DANE or an MTA-STS policy makes others insist on.

one.example publishes TLSA records, two.example an MTA-STS policy; of the others postfix.example and opensmtpd.example have
TLSA records, exim.example and courier.example a policy.
"""
import email
import fcntl
import smtplib
import sys

import pytest

from conftest import ROOT, Suite, TOP, check_log, wait_for

sys.path.insert(0, str(TOP / "tests" / "outside"))
import peers as others  # noqa: E402
from internet import RESOLVER, Internet  # noqa: E402

pytestmark = [pytest.mark.skipif(not ROOT, reason="networks and chroots are root's"), pytest.mark.timeout(900)]
PEERS = list(others.PEERS)
HOUSES = ["one", "two"]
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
                     "queue.retry": "1s", "smtp.processes": "4"})
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

    def inbox(self):
        return [email.message_from_bytes(f.read_bytes()) for d in ("new", "cur") for f in (self.mail_folder(self.anna) / "Maildir" / d).glob("*")]

    def arrived(self, subject, timeout=20):
        try:
            return wait_for(lambda: next((m for m in self.inbox() if subject in str(m["Subject"])), None), timeout, 0.05)
        except AssertionError:
            raise AssertionError(f"no mail {subject!r} at {self.domain}; its log:\n" + self.log()[-4000:])


@pytest.fixture(scope="module")
def world(system_users):
    roots = others.make_chroots(*PEERS)
    lock = open(roots[PEERS[0]].parent / "outside.run.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # one run at a time uses the chroots
    net = Internet(HOUSES + PEERS)
    stop = [net]
    try:
        for name in ("one", "postfix", "opensmtpd"):
            if name in net.host:
                net.dane(name)
        for name in ("two", "exim", "courier"):
            if name in net.host:
                net.mta_sts(name)
        net.publish()
        w = {}
        for name in HOUSES:
            w[name] = House(net, name)
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


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize("peer", PEERS)
def test_others_reach_us_over_verified_tls(world, peer, house):
    """They say themselves that our server was authenticated, by its TLSA record or by the name in its certificate."""
    p, s = world[peer], world[house]
    p.send(s.anna.address, f"from {peer} to {house}")
    m = s.arrived(f"from {peer} to {house}")
    assert "with ESMTPS" in m["Received"] and p.name in m["Received"]
    p.verified(s.domain)


@pytest.mark.parametrize("peer", PEERS)
def test_others_tell_their_people_of_an_unknown_address_here(world, peer):
    p, s = world[peer], world["one"]
    p.send(f"nobody.{peer}@{s.domain}", "to nobody")
    assert "5.1.1" in p.told(f"nobody.{peer}@{s.domain}").as_string()
