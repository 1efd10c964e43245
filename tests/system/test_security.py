# SPDX-License-Identifier: ISC
"""How safe mail leaves: DANE with a zone that is signed, MTA-STS with a web server of policies, and what each refuses. Servers
are played by fakehost.py, with right and wrong certificates."""
import hashlib
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import tempfile

import pytest

import test_mx
import test_policy
from conftest import DOMAIN, Suite, check_log, free_ports, make_certificate, make_folder, wait_for
from fakehost import FakeHost
from nameservers import Knot
from web import Web

RIGHT, WRONG, CLEAR, PASSES_ON, DEAD = (f"127.0.8.{i}" for i in range(1, 6))
TLS = ("STARTTLS", "PIPELINING", "SIZE 50000000", "8BITMIME")
STS = ["enforced", "badcert", "elsewhere", "trial", "mistaken"]

SAFE = """good 60 MX 10 mail.good
mail.good 60 A {right}
_{port}._tcp.mail.good 60 TLSA 3 1 1 {key}
wrong 60 MX 10 mail.wrong
mail.wrong 60 A {wrong}
_{port}._tcp.mail.wrong 60 TLSA 3 1 1 {key}
mistaken 60 MX 10 mail.wrong
second 60 MX 10 mail.wrong
second 60 MX 20 mail.good
clear 60 MX 10 mail.clear
mail.clear 60 A {clear}
_{port}._tcp.mail.clear 60 TLSA 3 1 1 {key}
odd 60 MX 10 mail.odd
mail.odd 60 A {wrong}
_{port}._tcp.mail.odd 60 TLSA 1 1 1 {key}
none 60 MX 10 mail.none
mail.none 60 A {wrong}
lost 60 MX 10 mail.lost
mail.lost 60 A {right}
_{port}._tcp.mail.lost 60 CNAME x.dead.example.
alias 60 MX 10 aka.alias
aka.alias 60 CNAME mail.good
bad-alias 60 MX 10 aka.bad-alias
aka.bad-alias 60 CNAME mail.wrong
out 60 MX 10 aka.out
aka.out 60 CNAME mail.none.open.example.
_{port}._tcp.aka.out 60 TLSA 3 1 1 {key}
required 60 MX 10 mail.none
required 60 MX 20 mail.passes-on
mail.passes-on 60 A {passes_on}
unsure 60 MX 10 mail.none
_mta-sts.unsure 60 CNAME x.dead.example.
null 60 MX 0 .
gone 60 MX 10 mail.gone
mail.gone 60 A {dead}
both 60 MX 10 mail.gone
both 60 MX 20 mail.good
"""


def spki(cert):
    pub = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"], check=True, capture_output=True).stdout
    return hashlib.sha256(subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pub, check=True, capture_output=True).stdout).hexdigest()


def server(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


class World:
    post, log, at = test_mx.World.post, test_mx.World.log, test_mx.World.at

    def __init__(self, zones=None, records="", settings=None):
        """zones, settings: more of them; records: in safe.example, by this World's web server's port."""
        self.port = free_ports(1)[0]
        self.files = pathlib.Path(tempfile.mkdtemp(prefix="mansio-security."))
        right = make_certificate(self.files, *[f"mail.{n}.test" for n in STS], "mail.passes-on.safe.example", name="right")
        wrong = make_certificate(self.files, "mail.badcert.test", "mail.trial.test", name="wrong")
        test_policy.NAMES, names = STS, test_policy.NAMES
        self.web = test_policy.Web(self.files)
        test_policy.NAMES = names
        self.web.start()
        for n in STS:
            mode, mx = ("testing" if n == "trial" else "enforce"), ("other" if n == "elsewhere" else "mail") + f".{n}.test"
            self.web.say[n] = (200, "text/plain", f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 86400\n")
        safe = SAFE.format(right=RIGHT, wrong=WRONG, clear=CLEAR, passes_on=PASSES_ON, dead=DEAD, port=self.port, key=spki(right[0]))
        zones = {"safe.example": safe + records, "open.example": safe, **{n: z.replace("PORT", str(self.web.port)) for n, z in (zones or {}).items()}}
        for n in STS:
            zones[f"{n}.test"] = zones.get(f"{n}.test", "") + (f'_mta-sts 60 TXT "v=STSv1; id=1"\nmta-sts 60 A 127.0.0.1\n@ 60 MX 10 mail\n'
                                  f'mail 60 A {WRONG if n in ("badcert", "trial", "mistaken") else RIGHT}\n')
        self.knot = Knot(zones, signed=("safe.example",))
        self.hosts = {RIGHT: FakeHost(address=RIGHT, port=self.port, context=server(*right), extensions=TLS),
                      WRONG: FakeHost(address=WRONG, port=self.port, context=server(*wrong), extensions=TLS),
                      PASSES_ON: FakeHost(address=PASSES_ON, port=self.port, context=server(*right), extensions=(*TLS, "REQUIRETLS")),
                      CLEAR: FakeHost(address=CLEAR, port=self.port)}
        folder = make_folder()
        (folder / "anchor").write_text(self.knot.anchors())
        (folder / "ca.pem").write_text(right[0].read_text())
        (folder / "web.pem").write_text(self.web.cert.read_text())
        dns = ", ".join(self.knot.setting() + ["dead.example=127.0.0.1:1"])
        self.s = Suite(folder, {"server.hostname": "mail.self-is.example", "send.direct": "yes", "send.port": self.port, "send.down": "100ms",
                                "send.lookup": "3s", "send.ca": str(folder / "ca.pem"), "sts.ca": str(folder / "web.pem"), "sts.port": self.web.port,
                                "sts.inside_networks": "127.0.0.0/8", "queue.retry": "1h", "dns.zones": dns, "dns.trust_anchor": str(folder / "anchor"), "tlsrpt.port": self.web.port,
                                **(settings or {})}).start()
        self.s.cli("domain", "add", DOMAIN)
        self.anna = self.s.account()

    def write(self, to, *options, header=""):
        """anna sends by submission; returns the subject."""
        with self.s.smtp(self.anna) as c:
            c.sendmail(self.anna.address, [to], f"From: {self.anna.address}\r\n{header}Subject: x\r\n\r\nHello.\r\n".encode(),
                       mail_options=options)

    def stop(self):
        self.s.stop()
        check_log(self.s)
        shutil.rmtree(self.s.folder)
        shutil.rmtree(self.files)
        for h in self.hosts.values():
            h.close()
        self.web.stop()
        self.knot.stop()


@pytest.fixture(scope="module")
def world(system_users):
    w = World()
    yield w
    w.stop()


@pytest.mark.parametrize("to, where, how", [
    ("a@good.safe.example", RIGHT, "TLSv1.3 DANE"),
    ("a@second.safe.example", RIGHT, "TLSv1.3 DANE"),
    ("a@odd.safe.example", WRONG, "TLSv1.3 encrypted"),
    ("a@none.safe.example", WRONG, "TLSv1.3 opportunistic"),
    ("a@wrong.open.example", WRONG, "TLSv1.3 opportunistic"),  # records that nobody signed count for nothing
    ("a@clear.open.example", CLEAR, "none"),
    ("a@enforced.test", RIGHT, "TLSv1.3 MTA-STS"),
    ("a@trial.test", WRONG, "TLSv1.3 opportunistic"),
])
def test_mail_leaves_as_safely_as_the_domain_asks(world, to, where, how):
    world.post(to)
    line = world.log("sent", to)
    assert f'tls="{how}"' in line or f"tls={how} " in line + " ", line
    assert len(world.at(where, to)) == 1


@pytest.mark.parametrize("to, words", [
    ("b@wrong.safe.example", "TLSA"),
    ("b@clear.safe.example", "does not offer STARTTLS, and nothing may go to it in clear"),
    ("b@lost.safe.example", "the TLSA records of mail.lost.safe.example cannot be had"),
    ("b@badcert.test", "certificate"),
    ("b@elsewhere.test", "does not name mail.elsewhere.test"),
])
def test_what_is_not_safe_enough_waits_and_says_why(world, to, words):
    world.post(to)
    line = world.log("deferred", to)
    assert words in line, line
    assert not any(world.at(h, to) for h in world.hosts)


def test_a_policy_on_trial_is_reported_and_the_mail_goes(world):
    world.post("c@trial.test")
    world.log("sent", "c@trial.test")
    wait_for(lambda: "sts-testing" in world.s.log(), 20)


@pytest.mark.parametrize("to, where, how", [
    ("d@alias.safe.example", RIGHT, "TLSv1.3 DANE"),  # the records stand where the alias leads to (RFC 7672 2.2.3)
    ("d@out.safe.example", RIGHT, None),  # it leads into a zone that nobody signed: they stand at the alias itself
    ("d@bad-alias.safe.example", WRONG, None),
])
def test_records_of_a_server_that_is_an_alias(world, to, where, how):
    world.post(to)
    if how:
        assert f'tls="{how}"' in world.log("sent", to) and world.at(where, to)
    else:
        assert "TLSA" in world.log("deferred", to) and not world.at(where, to)


def test_requiretls_goes_to_a_verified_server_that_passes_it_on(world):
    """Of two servers that a signed zone names, the better one has a certificate of nobody; there are no TLSA records and no policy."""
    world.write("e@required.safe.example", "REQUIRETLS")
    line = world.log("sent", "e@required.safe.example")
    assert "remote=mail.passes-on.safe.example" in line and 'tls="TLSv1.3 verified"' in line and "attempt=1" in line, line
    assert "tried=" in line and "mail.none.safe.example" in line, "and the story tells why not the better one"
    (mail, _, _), = world.at(PASSES_ON, "e@required")
    assert b" REQUIRETLS" in mail
    world.write("f@required.safe.example")
    assert "remote=mail.none.safe.example" in world.log("sent", "f@required.safe.example"), "other mail takes the better one"


@pytest.mark.parametrize("to, words", [
    ("e@none.safe.example", "fails in the TLS handshake"),  # a name that is proven, a certificate that is not
    ("e@enforced.test", "does not offer REQUIRETLS"),
    ("e@none.open.example", "proven neither by DNSSEC nor by MTA-STS"),
    ("e@clear.safe.example", "does not offer STARTTLS"),
])
def test_requiretls_that_cannot_be_had_is_told_at_once(world, to, words):
    world.write(to, "REQUIRETLS")
    line = world.log("failed", to)
    assert words in line and ("status=5.7.10" in line or "status=5.7.30" in line), line
    assert not any(world.at(h, to) for h in world.hosts)


def test_a_sender_may_ask_that_policies_do_not_count(world):
    """RFC 8689: to tell somebody that his certificate is wrong. Not together with REQUIRETLS, and only by the one right word."""
    for i, to in enumerate(["mistaken.safe.example", "mistaken.test"]):
        world.write(f"g{i}@{to}", header="TLS-Required: No\r\n")
        assert 'tls="TLSv1.3 opportunistic"' in world.log("sent", f"g{i}@{to}")
    world.write("g3@mistaken.safe.example", header="TLS-Required: Yes\r\n")
    world.log("deferred", "g3@mistaken.safe.example")
    world.write("g4@badcert.test", "REQUIRETLS", header="TLS-Required: No\r\n")
    world.log("failed", "g4@badcert.test")
    assert not any(world.at(h, f"g{i}@") for h in world.hosts for i in (3, 4))


def test_the_story_tells_each_attempt_with_host_address_tls_and_words(world):
    """By the command and by the API: to the sender, too; a server that was passed over is told with the reason."""
    long = [f"line {i} " + "see https://example.net/why " * 6 for i in range(4)]
    said = b"450-4.2.0 Mailbox\r\n" + b"".join(f"450-4.2.0 {x}\r\n".encode() for x in long) + b"450 4.2.0 is busy\r\n"
    world.hosts[RIGHT].hooks["RCPT"] = lambda c, line: said if b"i2@" in line else None
    try:
        world.write("i@both.safe.example")
        world.write("i2@good.safe.example")
        world.log("sent", "i@both.safe.example")
        world.log("deferred", "i2@good.safe.example")
    finally:
        world.hosts[RIGHT].hooks.clear()
    web = Web(world.s, world.anna)

    def story(to):
        found = wait_for(lambda: json.loads(world.s.cli("--json", "trace", "search", to).stdout), 20)
        by_command = json.loads(world.s.cli("--json", "trace", "show", found[0]["id"]).stdout)
        by_api = web.get(f"trace/show?id={found[0]['id']}").json["rows"]
        assert [r["words"] for r in by_api if r["program"] == "queued"] == [r["words"] for r in by_command if r["program"] == "queued"]
        return "\n".join(r["words"] for r in by_command)
    words = wait_for(lambda: (lambda w: w if "Delivered to i@" in w else None)(story("i@both.safe.example")), 20, 0.1)
    assert re.search(rf"Delivered to i@both\.safe\.example by mail\.good\.safe\.example at attempt 1, \d s after it came \({RIGHT}, TLS: TLSv1\.3 DANE\): "
                     rf"250 2\.0\.0 queued as \d+\. Passed over before: .*mail\.gone\.safe\.example.* cannot be reached at {DEAD}: Connection refused", words), words
    words = story("i2@good.safe.example")
    assert f"fails for now at mail.good.safe.example ({RIGHT}, TLS: TLSv1.3 DANE): 450 4.2.0 Mailbox {' '.join(x.strip() for x in long)} is busy; next in" in words, words
