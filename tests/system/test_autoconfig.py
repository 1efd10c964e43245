# SPDX-License-Identifier: ISC
"""What mail programs are told: Thunderbird's, Outlook's and Apple's documents over https; and a real Thunderbird that is given
an address and a password, in a network of its own with its own DNS."""
import hashlib
import json
import http.client
import os
import pathlib
import plistlib
import shutil
import signal
import subprocess
import xml.etree.ElementTree as ET

import pytest

from conftest import ROOT, make_folder, wait_for
from nameservers import Knot, Namespace

ADDRESS = "198.51.100.25"
OUTLOOK = ('<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">'
           "<Request><EMailAddress>{}</EMailAddress><AcceptableResponseSchema>"
           "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
           "</AcceptableResponseSchema></Request></Autodiscover>")


def ask(s, path, body=None, host="mail.example.org", method=None):
    c = http.client.HTTPSConnection("localhost", s.ports["https"], context=s.context(), timeout=10)
    c.request(method or ("POST" if body is not None else "GET"), path, body, {"Host": host, "Content-Type": "text/xml"})
    r = c.getresponse()
    data = r.read()
    c.close()
    return r, data


def without_namespaces(data):
    root = ET.fromstring(data)
    for e in root.iter():
        e.tag = e.tag.split("}")[-1]
    return root


def test_thunderbird_is_told(suite, anna):
    for path, host in ((f"/mail/config-v1.1.xml?emailaddress={anna.address}", "autoconfig.example.org"),
                       (f"/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress={anna.address.replace('@', '%40')}", "example.org"),
                       ("/mail/config-v1.1.xml", "autoconfig.example.org")):
        r, data = ask(suite, path, host=host)
        assert r.status == 200 and r.getheader("Content-Type").startswith("text/xml")
        root = ET.fromstring(data)
        assert root.find("emailProvider/domain").text == "example.org"
        servers = [(e.tag, e.get("type"), e.find("hostname").text, int(e.find("port").text), e.find("socketType").text)
                   for e in root.find("emailProvider") if e.tag.endswith("Server")]
        assert ("incomingServer", "imap", "mail.example.org", suite.ports["imaps"], "SSL") == servers[0]
        assert ("outgoingServer", "smtp", "mail.example.org", suite.ports["submissions"], "SSL") in servers
        assert {e.text for e in root.iter("authentication")} == {"password-cleartext"}
        assert {e.text for e in root.iter("username")} == {"%EMAILADDRESS%"}


def test_outlook_is_told(suite, anna):
    for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"):
        r, data = ask(suite, path, OUTLOOK.format(anna.address), "autodiscover.example.org")
        assert r.status == 200
        root = without_namespaces(data)
        said = {p.find("Type").text: p for p in root.iter("Protocol")}
        assert said["IMAP"].find("Port").text == str(suite.ports["imaps"]) and said["IMAP"].find("SSL").text == "on"
        assert said["SMTP"].find("Server").text == "mail.example.org"
        assert {e.text for e in root.iter("LoginName")} == {anna.address}
    r, data = ask(suite, "/autodiscover/autodiscover.json?Email=x%40example.org&Protocol=AutodiscoverV1")
    assert r.status == 200 and b'"Url":"https://mail.example.org' in data
    assert ask(suite, "/autodiscover/autodiscover.json/v1.0/x@example.org?Protocol=EWS")[0].status == 400


@pytest.mark.parametrize("body", [
    "", "no XML", "<Autodiscover>", OUTLOOK.format("anna"), OUTLOOK.format("a@example.org</EMailAddress><EMailAddress>b@example.org"),
    '<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]>' + OUTLOOK.format("&b;@example.org")[21:],
    '<!DOCTYPE a SYSTEM "file:///etc/passwd">' + OUTLOOK.format("a@example.org")[21:],
    OUTLOOK.format("a&#13;&#10;b@example.org"), "<Autodiscover>" + "<a>" * 2000])
def test_what_makes_no_sense_is_refused(suite, body):
    r, data = ask(suite, "/autodiscover/autodiscover.xml", body)
    assert r.status == 200 and without_namespaces(data).find(".//ErrorCode").text == "600"


def test_known_and_unknown_addresses_hear_the_same(suite, anna):
    known, unknown = anna.address, "q" * len(anna.address.split("@")[0]) + "@example.org"
    for path in ("/mail/config-v1.1.xml?emailaddress={}", "/apple.mobileconfig?address={}"):
        a, b = (ask(suite, path.format(x)) for x in (known, unknown))
        if "apple" in path:
            strip = lambda d: {k: v for k, v in d["PayloadContent"][0].items() if "UUID" not in k and "Identifier" not in k}
            one, two = strip(plistlib.loads(a[1])), strip(plistlib.loads(b[1]))
            assert {k: v for k, v in one.items() if v != known} == {k: v for k, v in two.items() if v != unknown}
        else:
            assert a[1] == b[1]
        assert a[0].status == b[0].status == 200
    a, b = (ask(suite, "/autodiscover/autodiscover.xml", OUTLOOK.format(x))[1] for x in (known, unknown))
    assert a.replace(known.encode(), b"") == b.replace(unknown.encode(), b"")


def test_an_apple_profile_and_its_code(suite, anna):
    r, data = ask(suite, f"/apple.mobileconfig?address={anna.address}")
    assert r.getheader("Content-Type") == "application/x-apple-aspen-config"
    mail = plistlib.loads(data)["PayloadContent"][0]
    assert mail["EmailAddress"] == mail["IncomingMailServerUsername"] == anna.address
    assert mail["IncomingMailServerPortNumber"] == suite.ports["imaps"] and mail["IncomingMailServerUseSSL"] is True
    assert "IncomingPassword" not in mail
    assert plistlib.loads(ask(suite, f"/apple.mobileconfig?address={anna.address}")[1])["PayloadUUID"] == plistlib.loads(data)["PayloadUUID"]
    r, svg = ask(suite, f"/apple.svg?address={anna.address}")
    assert r.status == 200 and r.getheader("Content-Type") == "image/svg+xml" and ET.fromstring(svg) is not None
    for bad in ("", "?address=", "?address=anna", "?address=a%0A%40example.org", "?address=" + "x" * 300 + "@example.org"):
        assert ask(suite, "/apple.mobileconfig" + bad)[0].status == 400
        assert ask(suite, "/apple.svg" + bad)[0].status == 400


def test_other_paths_are_not_for_other_names(suite):
    assert ask(suite, "/mail/config-v1.1.xml", host="autoconfig.example.net")[0].status == 200
    for path in ("/", "/api/v1/me", "/metrics", "/apple.mobileconfig?address=a@example.org"):
        assert ask(suite, path, host="autoconfig.example.net")[0].status == 421
    assert ask(suite, "/mail/config-v1.1.xml", body="x")[0].status == 405


# --- a real Thunderbird

def make_authority(folder, *names):
    """A CA, and a certificate of it for the names."""
    def run(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder)
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run("req", "-x509", *ec, "-days", "30", "-subj", "/CN=Test CA", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "ext").write_text("subjectAltName=" + ",".join(f"DNS:{n}" for n in names) + "\nbasicConstraints=CA:FALSE\n")
    run("req", *ec, "-subj", f"/CN={names[0]}", "-keyout", "leaf.key", "-out", "leaf.csr")
    run("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
        "-extfile", "ext", "-out", "leaf.pem")
    return folder / "ca.pem", folder / "leaf.pem", folder / "leaf.key"


@pytest.fixture
def town(own_suite):
    """A network with a mail host on the usual ports, its DNS on port 53, and a folder."""
    folder = make_folder()
    net = Namespace(ADDRESS)
    knot = Knot({"good.example": f"""@ 60 MX 10 mail
mail 60 A {ADDRESS}
autoconfig 60 CNAME mail
autodiscover 60 CNAME mail
"""}, port=53, net=net)
    etc = pathlib.Path("/etc/netns") / net.name  # what `ip netns exec` lays over /etc
    etc.mkdir(parents=True)
    (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (etc / "nsswitch.conf").write_text("hosts: files dns\n")
    ca, cert, key = make_authority(folder, "mail.good.example", "autoconfig.good.example", "autodiscover.good.example")
    s = own_suite({"server.hostname": "mail.good.example", "tls.certificates": str(cert), "tls.keys": str(key),
                   **{f"listen.{k}": f"{ADDRESS}:{v}" for k, v in {"smtp": 25, "submission": 587, "submissions": 465, "imap": 143,
                                                                   "imaps": 993, "pop3": 110, "pop3s": 995, "https": 443}.items()}},
                  start=False)
    s.prefix = net.prefix
    s.start()
    s.net, s.ca, s.work = net, ca, folder
    yield s
    s.stop()
    knot.stop()
    net.stop()
    shutil.rmtree(etc)
    shutil.rmtree(folder)


@pytest.mark.skipif(not ROOT, reason="a network of its own needs root")
def test_thunderbird_needs_an_address_and_a_password(town):
    from test_clients import thunderbird_with_script
    anna = town.account("anna@good.example")
    home = town.work
    program = thunderbird_with_script(home / "app")
    shutil.copy(pathlib.Path(__file__).with_name("autoconfig.cfg"), home / "app" / "thunderbird.cfg")
    out = home / "out"
    (home / "profile").mkdir()
    env = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "MOZ_HEADLESS": "1", "MOZ_DISABLE_AUTO_SAFE_MODE": "1",
           "BIRD_OUT": str(out), "BIRD_USER": anna.address, "BIRD_PASSWORD": anna.password,
           "BIRD_CA": "".join(town.ca.read_text().split("-----")[2].split())}
    with open(home / "stderr", "wb") as err:
        p = subprocess.Popen([*town.net.prefix, program, "--headless", "--no-remote", "--profile", home / "profile"],
                             env=env, stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True)
    try:
        def said():
            text = out.read_text() if out.exists() else ""
            assert "failed" not in text and p.poll() is None, text + (home / "stderr").read_text()[-2000:]
            return text.splitlines() if "done\n" in text else None
        lines = wait_for(said, 90, 0.1)
    finally:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
    assert lines[0] == "found xml-from-isp-https"
    assert "in imap mail.good.example 993 3 %EMAILADDRESS%" in lines
    assert "also pop3 mail.good.example 995 3 %EMAILADDRESS%" in lines
    assert "out smtp mail.good.example 465 3 %EMAILADDRESS%" in lines
    assert "logged in" in lines and "made imap mail.good.example 993 anna@good.example" in lines
    assert "user=anna@good.example" in town.log()


def test_our_own_sts_policy_is_served_and_published(suite):
    """RFC 8461: the record's id is that of the policy which is served, by the name mta-sts.DOMAIN alone."""
    r, body = ask(suite, "/.well-known/mta-sts.txt", host="mta-sts.example.org")
    assert r.status == 200 and r.headers["Content-Type"].split(";")[0] == "text/plain"
    text = body.decode()
    assert text.splitlines() == ["version: STSv1", "mode: testing", "mx: mail.example.org", "max_age: 604800"]
    assert ask(suite, "/.well-known/mta-sts.txt", host="mail.example.org")[0].status == 404
    rows = {(w["name"], w["type"]): w["value"] for w in json.loads(suite.cli("--json", "domain", "dns", "example.org").stdout)}
    id = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert rows["_mta-sts.example.org", "TXT"] == f'"v=STSv1; id={id}"'
    assert rows["mta-sts.example.org", "CNAME"] == "mail.example.org."
    assert rows["_smtp._tls.example.org", "TXT"] == '"v=TLSRPTv1; rua=mailto:postmaster@example.org"'
