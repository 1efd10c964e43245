# SPDX-License-Identifier: ISC
"""What a domain must publish, whether it does, and whether the host can do its work: in a network of its own, with own name
servers that hold the whole DNS. Most of it without a running suite, as `mansio setup` asks."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from conftest import MANSIO, ROOT, make_certificate, wait_for
from nameservers import TYPES, Knot, Namespace, Scripted, wire_name, wire_record

pytestmark = pytest.mark.skipif(not ROOT, reason="a network of its own needs root")
ADDRESS = "198.51.100.25"

# the whole DNS, as one zone
WORLD = f"""
@ 60 NS ns.
ns. 60 A 127.0.0.1
org. 60 NS ns.
mail.good.example. 60 A {ADDRESS}
mail.good.example. 60 TXT "v=spf1 a -all"
25.100.51.198.in-addr.arpa. 60 PTR mail.good.example.
alias.good.example. 60 CNAME mail.good.example.
other.example. 60 A 192.0.2.99
alone.example. 60 NS ns.
lost.example. 60 NS ns.
good.example. 60 MX 10 mail.good.example.
good.example. 60 TXT "v=spf1 mx -all"
good.example. 60 TXT "something else"
_dmarc.good.example. 60 TXT "v=DMARC1; p=none; rua=mailto:postmaster@good.example"
_submissions._tcp.good.example. 60 SRV 0 1 465 mail.good.example.
_imaps._tcp.good.example. 60 SRV 0 1 993 mail.good.example.
autoconfig.good.example. 60 CNAME mail.good.example.
autodiscover.good.example. 60 CNAME mail.good.example.
_autodiscover._tcp.good.example. 60 SRV 0 1 443 mail.good.example.
nomx.example. 60 A 192.0.2.99
elsewhere.example. 60 MX 10 other.example.
both.example. 60 MX 10 mail.good.example.
both.example. 60 MX 20 other.example.
cname.example. 60 MX 10 alias.good.example.
address.example. 60 MX 10 198.51.100.25.
null.example. 60 MX 0 .
noaddress.example. 60 MX 10 nowhere.example.
twospf.example. 60 TXT "v=spf1 mx -all"
twospf.example. 60 TXT "v=spf1 a -all"
plusall.example. 60 TXT "v=spf1 +all"
manyspf.example. 60 TXT "v=spf1 {' '.join(f'a:h{i}.example' for i in range(11))} -all"
notnamed.example. 60 TXT "v=spf1 ip4:192.0.2.0/24 -all"
included.example. 60 TXT "v=spf1 include:inner.example ~all"
inner.example. 60 TXT "v=spf1 ip4:198.51.100.0/24 -all"
circle.example. 60 TXT "v=spf1 include:circle.example -all"
redirected.example. 60 TXT "v=spf1 redirect=inner.example"
neutral.example. 60 TXT "v=spf1 mx ?all"
neutral.example. 60 MX 10 mail.good.example.
sts.example. 60 MX 10 mail.good.example.
sts.example. 60 MX 20 other.example.
_mta-sts.sts.example. 60 TXT "v=STSv1; id=1"
lines.example. 60 TXT "v=spf1 mx\\013\\010FAKE -all"
2.0.0.127.bl.example. 60 A 127.0.0.2
2.0.0.127.hit.example. 60 A 127.0.0.2
25.100.51.198.hit.example. 60 A 127.0.0.4
2.0.0.127.mad.example. 60 A 127.0.0.2
1.0.0.127.mad.example. 60 A 127.0.0.2
25.100.51.198.mad.example. 60 A 127.0.0.2
2.0.0.127.public.example. 60 A 127.255.255.254
25.100.51.198.public.example. 60 A 127.255.255.254
"""


class World:
    def __init__(self):
        self.net = Namespace(ADDRESS)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mansio-checks."))
        self.folder.chmod(0o755)
        self.cert, self.key = make_certificate(self.folder, "mail.good.example")
        with self.net:
            self.silent = Scripted(lambda name, type, tcp: None)
        self.knot = Knot({".": WORLD + "broken.example. 60 NS ns.\nbroken.example. 60 DS 1 13 2 " + "ab" * 32 +
                               f"\n_25._tcp.mail.good.example. 60 TLSA {self.tlsa()}\n",
                          "alone.example": "@ 60 NS ns.", "lost.example": "@ 60 NS ns.\n@ 60 NS gone.example.",
                          "broken.example": "@ 60 NS ns.\n@ 60 MX 10 mail.good.example."},
                         signed=(".", "broken.example"), net=self.net)
        (self.folder / "anchor").write_text("".join(x for x in self.knot.anchors().splitlines(True) if x.startswith(". ")))
        self.number = 0

    def tlsa(self):
        der = subprocess.run(f"openssl x509 -in {self.cert} -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum",
                             shell=True, check=True, capture_output=True, text=True).stdout.split()[0]
        return f"3 1 1 {der}"

    def settings(self, **more):
        rows = {"server.hostname": "mail.good.example", "server.state": str(self.folder / "state"),
                "tls.certificates": str(self.cert), "tls.keys": str(self.key),
                "dns.servers": f"127.0.0.1:{self.knot.port}", "dns.trust_anchor": str(self.folder / "anchor"),
                "dns.zones": f"silent.example=127.0.0.1:{self.silent.port}",
                "listen.submission": "", "listen.imap": "", "listen.pop3": "", "listen.pop3s": "",
                "check.port25_hosts": "localhost:1", "check.blocklists": "bl.example", "check.timeout": "10s"}
        rows.update({k.replace("__", "."): v for k, v in more.items()})
        self.number += 1
        path = self.folder / f"c{self.number}.conf"
        sections = {}
        for k, v in rows.items():
            section, name = k.split(".", 1)
            sections.setdefault(section, []).append(f"{name} = {v}\n")
        path.write_text("".join(f"[{s}]\n" + "".join(lines) for s, lines in sections.items()))
        return path

    def cli(self, *args, json_too=True, **more):
        p = subprocess.run([*self.net.prefix, MANSIO, "--config", self.settings(**more), *(["--json"] if json_too else []), *args],
                           capture_output=True, text=True, timeout=60)
        assert p.returncode == 0, p.stdout + p.stderr
        return json.loads(p.stdout) if json_too else p.stdout

    def domain(self, domain, **more):
        return {(r["name"], r["type"]): r for r in self.cli("domain", "check", domain, **more)}

    def host(self, *args, **more):
        return {r["check"]: r for r in self.cli("host", "check", *args, **more)}


@pytest.fixture(scope="module")
def world(system_users):
    w = World()
    yield w
    w.knot.stop()
    w.silent.stop()
    w.net.stop()
    shutil.rmtree(w.folder)


def test_every_record_of_a_domain_is_listed(world):
    rows = world.cli("domain", "dns", "good.example")
    said = {(r["name"], r["type"]): r for r in rows}
    assert said["good.example", "MX"]["value"] == "10 mail.good.example." and said["good.example", "MX"]["need"] == "must"
    assert said["mail.good.example", "A"]["value"] == ADDRESS
    assert said["25.100.51.198.in-addr.arpa", "PTR"]["value"] == "mail.good.example."
    assert said["good.example", "TXT"]["value"] == '"v=spf1 mx -all"'
    assert said["_dmarc.good.example", "TXT"]["value"].startswith('"v=DMARC1')
    assert said["_imaps._tcp.good.example", "SRV"]["value"] == "0 1 993 mail.good.example."
    assert ("_imap._tcp.good.example", "SRV") not in said  # not served: not advertised
    assert said["_25._tcp.mail.good.example", "TLSA"]["value"] == world.tlsa()
    assert all(r["why"] for r in rows)
    assert ("autoconfig.good.example", "CNAME") in said and ("autodiscover.good.example", "CNAME") in said
    rows = world.cli("domain", "dns", "good.example", listen__https="")
    assert not any("auto" in r["name"] for r in rows)


@pytest.mark.parametrize("settings, spf, words", [
    ({"send__smarthost": "198.51.100.7:587"}, "mx ip4:198.51.100.7", "from other addresses than its own"),
    ({"send__smarthost": "[2001:db8:1::7]:587"}, "mx ip6:2001:db8:1::7", "from other addresses than its own"),
    ({"send__smarthost": "10.0.0.7"}, "mx ip4:10.0.0.7", "put the public one"),
    ({"send__smarthost": "smtp.provider.example:587"}, "mx a:smtp.provider.example", "include:"),
    ({"send__smarthost": "198.51.100.7", "send__source": "198.51.100.8"}, "mx ip4:198.51.100.7", ""),
    ({"send__direct": "yes", "send__source": "198.51.100.8, 10.1.1.1, 2001:db8:1::8, 198.51.100.8"}, "mx ip4:198.51.100.8 ip6:2001:db8:1::8",
     "the addresses that mail leaves by")])
def test_spf_names_who_sends(world, settings, spf, words):
    said = {(r["name"], r["type"]): r for r in world.cli("domain", "dns", "good.example", **settings)}["good.example", "TXT"]
    assert said["value"] == f'"v=spf1 {spf} -all"' and words in said["why"]
    row = world.domain("good.example", **settings)["good.example", "TXT"]
    assert row["state"] == ("FAIL" if settings.get("send__smarthost", "")[:3] in ("198", "[20") else "OK"), row
    if row["state"] == "FAIL":
        assert "does not name the smarthost" in row["words"] and f"v=spf1 {spf} -all" in row["fix"]


def test_spf_of_many_addresses_is_in_pieces(world):
    value = {(r["name"], r["type"]): r for r in world.cli("domain", "dns", "good.example", send__direct="yes", send__source=", ".join(
        f"198.51.100.{n}" for n in range(10, 40)))}["good.example", "TXT"]["value"]
    assert len(value) > 500 and max(map(len, value.strip('"').split('" "'))) == 255
    assert value.replace('" "', "") == '"v=spf1 mx' + "".join(f" ip4:198.51.100.{n}" for n in range(10, 40)) + ' -all"'


def test_the_zone_text_is_one_that_a_name_server_takes(world):
    text = world.cli("domain", "zone", "good.example", json_too=False)
    lines = [x for x in text.splitlines() if x and not x.startswith(";")]
    assert "; SELECTOR._domainkey.good.example. " in text and "<shown while Mansio runs>" in text
    assert len(lines) >= 6 and all(" IN " in x for x in lines)
    k = Knot({"good.example": "@ 60 NS ns.elsewhere.\n" + text})
    try:
        assert k.dig("good.example", "MX") == "10 mail.good.example.\n"
        assert k.dig("good.example", "TXT") == '"v=spf1 mx -all"\n'
        assert "993 mail.good.example." in k.dig("_imaps._tcp.good.example", "SRV")
    finally:
        k.stop()


def test_a_domain_that_is_right(world):
    rows = world.domain("good.example")
    key = rows.pop(("SELECTOR._domainkey.good.example", "TXT"))
    assert key["state"] == "UNKNOWN" and "running suite" in key["words"] and key["fix"], "keys are the suite's alone"
    assert {r["state"] for r in rows.values()} == {"OK"}, rows
    assert rows["good.example", "DNSSEC"]["found"] == "secure"
    assert rows["good.example", "MX"]["found"] == "10 mail.good.example"
    assert not any(r["fix"] for r in rows.values())


@pytest.mark.parametrize("domain, type, state, words", [
    ("nomx.example", "MX", "FAIL", "no MX"),
    ("elsewhere.example", "MX", "FAIL", "goes to other.example"),
    ("both.example", "MX", "WARN", "Other hosts"),
    ("cname.example", "MX", "FAIL", "is a CNAME"),
    ("address.example", "MX", "FAIL", "names the address 198.51.100.25"),
    ("null.example", "MX", "FAIL", "takes no mail at all"),
    ("noaddress.example", "MX", "FAIL", "nowhere.example, which has no address"),
    ("nomx.example", "TXT", "FAIL", "no SPF record"),
    ("twospf.example", "TXT", "FAIL", "two SPF records"),
    ("plusall.example", "TXT", "FAIL", "anybody may send"),
    ("manyspf.example", "TXT", "FAIL", "more than 10 lookups"),
    ("circle.example", "TXT", "FAIL", "circle"),
    ("notnamed.example", "TXT", "FAIL", "does not name this host"),
    ("neutral.example", "TXT", "WARN", "-all or ~all"),
    ("included.example", "TXT", "OK", "(1 of 10"),
    ("redirected.example", "TXT", "OK", "names this host"),
    ("lines.example", "TXT", "FAIL", "broken"),
    ("alone.example", "NS", "WARN", "one name server only"),
    ("lost.example", "NS", "FAIL", "gone.example has no address"),
    ("none.example", "NS", "FAIL", "does not exist"),
    ("broken.example", "MX", "FAIL", "signatures do not hold"),
    ("silent.example", "MX", "UNKNOWN", "")])
def test_what_is_wrong_with_a_domain_is_told(world, domain, type, state, words):
    row = world.domain(domain, check__timeout="4s")[domain, type]
    assert row["state"] == state and words in row["words"], row
    assert bool(row["fix"]) == (state != "OK"), row
    assert "\n" not in row["found"] and "\r" not in row["found"]


def test_a_certificate_that_the_dns_does_not_name(world):
    cert, key = make_certificate(world.folder, "mail.good.example", name="other")
    row = world.domain("good.example", tls__certificates=str(cert), tls__keys=str(key))["_25._tcp.mail.good.example", "TLSA"]
    assert row["state"] == "FAIL" and "another certificate" in row["words"]


def test_a_host_of_the_mx_that_the_policy_does_not_name(world):
    def row(**more):
        return world.domain("sts.example", **more)["_mta-sts.sts.example", "TXT"]
    r = row(sts__publish="enforce")
    assert r["state"] == "FAIL" and "names other.example, but the policy does not" in r["words"]
    assert "mansio config set sts.publish_mx 'other.example'" in r["fix"]
    assert row()["state"] == "WARN", "on trial: nothing is lost yet"
    r = row(sts__publish="enforce", sts__publish_mx="*.other.example, x.example")
    assert "publish_mx '*.other.example, x.example, other.example'" in r["fix"], "a star is one label"
    r = row(sts__publish="enforce", sts__publish_mx="Other.Example")
    assert r["state"] == "WARN" and "another version" in r["words"]


def test_another_name_than_the_addresses(world):
    rows = world.domain("good.example", server__hostname="alias2.good.example")
    assert rows["good.example", "MX"]["state"] == "FAIL" and rows["alias2.good.example", "A"]["state"] == "FAIL"
    assert rows["25.100.51.198.in-addr.arpa", "PTR"]["state"] == "FAIL"
    assert "bears the name mail.good.example" in rows["25.100.51.198.in-addr.arpa", "PTR"]["words"]


def test_a_host_that_is_right(world):
    import socket
    import threading
    with world.net:
        server = socket.create_server(("127.0.0.1", 0))

    def serve():
        c, _ = server.accept()
        c.sendall(b"220 there\r\n")
        c.recv(100)
        c.close()
    threading.Thread(target=serve, daemon=True).start()
    rows = world.host("good.example", check__port25_hosts=f"localhost:{server.getsockname()[1]}")
    server.close()
    for check in ("name", "ptr", "ports", "resolver", "dnssec", "disk", "memory", "mx", "blocklists", "port25"):
        assert rows[check]["state"] == "OK", rows[check]
    assert rows["clock"]["state"] in ("OK", "WARN")


def test_what_is_wrong_with_a_host_is_told(world):
    import socket
    with world.net:
        taken = socket.create_server(("127.0.0.1", 0))
    rows = world.host("good.example", server__hostname="other.example", check__blocklists="hit.example, bl.example",
                      check__least_disk="1024G", check__least_memory="1024G", listen__smtp=f"127.0.0.1:{taken.getsockname()[1]}")
    taken.close()
    assert rows["name"]["state"] == "FAIL" and "another host's name" in rows["name"]["words"]
    assert rows["ptr"]["state"] == "FAIL" and "bears the name mail.good.example" in rows["ptr"]["words"]
    assert rows["port25"]["state"] == "FAIL" and "smarthost" in rows["port25"]["fix"]
    assert rows["ports"]["state"] == "FAIL" and f"process {os.getpid()}" in rows["ports"]["words"]
    assert rows["blocklists"]["state"] == "FAIL" and "hit.example" in rows["blocklists"]["words"]
    assert rows["mx"]["state"] == "WARN" and "mail.good.example" in rows["mx"]["words"]
    assert rows["disk"]["state"] == rows["memory"]["state"] == "WARN"
    assert all(r["fix"] for r in rows.values() if r["state"] != "OK")


def test_a_list_that_lists_everything_or_nothing_says_nothing(world):
    rows = world.host(check__blocklists="mad.example, public.example, gone.example")
    assert rows["blocklists"]["state"] == "UNKNOWN"


def test_without_a_network_nothing_is_claimed(world):
    rows = world.host("good.example", dns__servers="127.0.0.1:1", dns__trust_anchor="", check__timeout="4s")
    assert rows["resolver"]["state"] == "FAIL"
    for check in ("name", "dnssec", "mx", "blocklists"):
        assert rows[check]["state"] == "UNKNOWN" and rows[check]["fix"]
    states = {r["state"] for k, r in world.domain("good.example", dns__servers="127.0.0.1:1", check__timeout="3s").items()}
    assert states <= {"UNKNOWN"}


def test_a_running_suite_answers_the_same(world, own_suite):
    s = own_suite({"server.hostname": "mail.good.example", "dns.servers": f"127.0.0.1:{world.knot.port}",
                   "dns.trust_anchor": str(world.folder / "anchor"), "check.blocklists": "bl.example"}, start=False)
    s.prefix = world.net.prefix
    s.settings["check.port25_hosts"] = f"localhost:{s.ports['smtp']}"
    s.write_config()
    s.start()
    rows = {r["check"]: r for r in json.loads(s.cli("--json", "host", "check", "good.example").stdout)}
    assert rows["ports"] == {"check": "ports", "state": "OK", "words": "Mansio runs, and has its ports.", "fix": ""}
    assert rows["port25"]["state"] == rows["name"]["state"] == rows["resolver"]["state"] == "OK"
    rows = {(r["name"], r["type"]): r["state"] for r in json.loads(s.cli("--json", "domain", "check", "good.example").stdout)}
    assert rows["good.example", "MX"] == "OK"
    # a resolver that is gone costs an answer, not the verb; the next one has it again
    os.kill(next(p for p, n in s.tree().items() if n == "resolverd"), 9)
    rows = json.loads(s.cli("--json", "domain", "check", "good.example").stdout)
    assert rows
    assert s.cli("domain", "check", "not a name", check=False).returncode == 65
    pss = int(next(x.split()[1] for x in open(f"/proc/{next(p for p, n in s.tree().items() if n == 'checkd')}/smaps_rollup")
                   if x.startswith("Pss:")))
    assert pss < 4000


def test_the_policy_that_others_fetch(own_suite):
    """MTA-STS: the record is there; is the policy, under a certificate with its name, and the one that we mean?"""
    zone = {}

    def answer(name, type, tcp):
        return 0, [wire_record(name, t, data, 0) for t, data in zone.get(name, ()) if TYPES[t] == type], 0

    dns = Scripted(answer)
    try:
        s = own_suite({"server.hostname": "mail.example.org", "dns.servers": f"127.0.0.1:{dns.port}", "dns.trust_anchor": "none",
                       "sts.publish": "enforce", "sts.inside_networks": "127.0.0.1"}, start=False)
        cert, key = make_certificate(s.folder, "mail.example.org", "mta-sts.example.org", name="web")
        s.settings.update({"tls.certificates": str(cert), "tls.keys": str(key), "sts.ca": str(cert), "sts.port": str(s.ports["https"])})
        s.write_config()
        s.start()

        def said(verb, domain):
            return next(r for r in json.loads(s.cli("--json", "domain", verb, domain).stdout) if r["name"] == f"_mta-sts.{domain}")
        record = said("dns", "example.org")["value"].strip('"').encode()
        for domain in ("example.org", "other.example"):
            zone[domain] = [("MX", b"\0\x0a" + wire_name("mail.example.org"))]
            zone[f"_mta-sts.{domain}"] = [("TXT", bytes([len(record)]) + record)]
            zone[f"mta-sts.{domain}"] = [("A", b"\x7f\0\0\1")]
        row = said("check", "example.org")
        assert row["state"] == "OK" and "is fetched and names every host" in row["words"], row
        row = said("check", "other.example")
        assert row["state"] == "WARN" and "none can be fetched from https://mta-sts.other.example/" in row["words"], row
        assert "[acme] names" in row["fix"]
        # others have it still when ours has changed and the record has not
        zone["example.org"].append(("MX", b"\0\x14" + wire_name("mx2.example.org")))
        row = said("check", "example.org")
        assert row["state"] == "FAIL" and "names mx2.example.org, but the policy does not" in row["words"], row
        s.cli("config", "set", "sts.publish_mx", "mx2.example.org")
        wait_for(lambda: said("dns", "example.org")["value"].strip('"').encode() != record, 20)
        row = said("check", "example.org")
        assert row["state"] == "WARN" and "another version" in row["words"], row
        record = said("dns", "example.org")["value"].strip('"').encode()
        zone["_mta-sts.example.org"] = [("TXT", bytes([len(record)]) + record)]
        wait_for(lambda: said("check", "example.org")["state"] == "OK", 20)
    finally:
        dns.stop()
