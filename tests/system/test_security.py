# SPDX-License-Identifier: ISC
"""How safe mail leaves: DANE with a zone that is signed, MTA-STS with a web server of policies, and what each refuses. Servers
are played by fakehost.py, with right and wrong certificates."""
import hashlib
import pathlib
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

RIGHT, WRONG, CLEAR = (f"127.0.8.{i}" for i in range(1, 4))
TLS = ("STARTTLS", "PIPELINING", "SIZE 50000000", "8BITMIME")
STS = ["enforced", "badcert", "elsewhere", "trial"]

SAFE = """good 60 MX 10 mail.good
mail.good 60 A {right}
_{port}._tcp.mail.good 60 TLSA 3 1 1 {key}
wrong 60 MX 10 mail.wrong
mail.wrong 60 A {wrong}
_{port}._tcp.mail.wrong 60 TLSA 3 1 1 {key}
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

    def __init__(self):
        self.port = free_ports(1)[0]
        self.files = pathlib.Path(tempfile.mkdtemp(prefix="mansio-security."))
        right = make_certificate(self.files, *[f"mail.{n}.test" for n in STS], name="right")
        wrong = make_certificate(self.files, "mail.badcert.test", "mail.trial.test", name="wrong")
        test_policy.NAMES, names = STS, test_policy.NAMES
        self.web = test_policy.Web(self.files)
        test_policy.NAMES = names
        self.web.start()
        for n in STS:
            mode, mx = ("testing" if n == "trial" else "enforce"), ("other" if n == "elsewhere" else "mail") + f".{n}.test"
            self.web.say[n] = (200, "text/plain", f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 86400\n")
        safe = SAFE.format(right=RIGHT, wrong=WRONG, clear=CLEAR, port=self.port, key=spki(right[0]))
        zones = {"safe.example": safe, "open.example": safe}
        for n in STS:
            zones[f"{n}.test"] = (f'_mta-sts 60 TXT "v=STSv1; id=1"\nmta-sts 60 A 127.0.0.1\n@ 60 MX 10 mail\n'
                                  f'mail 60 A {WRONG if n in ("badcert", "trial") else RIGHT}\n')
        self.knot = Knot(zones, signed=("safe.example",))
        self.hosts = {RIGHT: FakeHost(address=RIGHT, port=self.port, context=server(*right), extensions=TLS),
                      WRONG: FakeHost(address=WRONG, port=self.port, context=server(*wrong), extensions=TLS),
                      CLEAR: FakeHost(address=CLEAR, port=self.port)}
        folder = make_folder()
        (folder / "anchor").write_text(self.knot.anchors())
        (folder / "ca.pem").write_text(right[0].read_text())
        (folder / "web.pem").write_text(self.web.cert.read_text())
        zones = ", ".join(self.knot.setting() + ["dead.example=127.0.0.1:1"])
        self.s = Suite(folder, {"server.hostname": "mail.self-is.example", "send.direct": "yes", "send.port": self.port, "send.down": "100ms",
                                "send.lookup": "3s", "send.smarthost_ca": str(folder / "ca.pem"), "sts.ca": str(folder / "web.pem"), "sts.port": self.web.port,
                                "queue.retry": "1h", "dns.zones": zones, "dns.trust_anchor": str(folder / "anchor")}).start()
        self.s.cli("domain", "add", DOMAIN)

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
    wait_for(lambda: "sts-testing" in world.s.log(), 5)
