# SPDX-License-Identifier: ISC
"""Reports about TLS (RFC 8460): what the sender's sessions were is counted, sent by mail and by https to who asks for it, and what
others report to us is read and kept. The servers, the signed zone and the policies are those of test_security.py."""
import base64
import email
import email.policy
import gzip
import json
import os
import re
import signal
import smtplib
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import dkim
import pytest

import test_security
from conftest import DOMAIN, Account, wait_for
from test_security import RIGHT, WRONG, world as _  # noqa: F401

FROM = f"tls-reports@{DOMAIN}"
RECORDS = """_smtp._tls.wrong 60 TXT "v=TLSRPTv1; rua=mailto:tls@wrong.safe.example"
_smtp._tls.good 60 TXT "v=TLSRPTv1; rua=https://nobody.good.safe.example/x,mailto:tls@good.safe.example"
"""
ZONES = {"inside.test": '_mta-sts 60 TXT "v=STSv1; id=1"\nmta-sts 60 A 127.0.0.1\n@ 60 MX 10 mail\nmail 60 A 127.0.8.3\n'
                        '_smtp._tls 60 TXT "v=TLSRPTv1;rua=https://mta-sts.inside.test:PORT/v1/tlsrpt"\n',
         "nopolicy.test": '_mta-sts 60 TXT "v=STSv1; id=1"\nmta-sts 60 A 127.0.0.1\n@ 60 MX 10 mail\nmail 60 A 127.0.8.3\n',
         "badcert.test": '_smtp._tls 60 TXT "v=TLSRPTv1;rua=https://mta-sts.badcert.test:PORT/v1/tlsrpt"\n'}


def dkim_key(folder):
    """A private key of a reporter, and its record."""
    pem = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True).stdout
    (folder / "dkim.pem").write_bytes(pem)
    der = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=pem, check=True, capture_output=True).stdout
    public = base64.b64encode(der).decode()
    return pem, f'k._domainkey 60 TXT "v=DKIM1; k=rsa; s=tlsrpt; p={public[:200]}" "{public[200:]}"\n'


@pytest.fixture(scope="module")
def world(system_users, tmp_path_factory):
    key, record = dkim_key(tmp_path_factory.mktemp("key"))
    w = test_security.World(zones={**ZONES, "reporter.test": record}, records=RECORDS,
                            settings={"tlsrpt.send": "yes", "tlsrpt.from": FROM, "tlsrpt.organisation": "Example & Sons", "tlsrpt.size": "64k",
                                      "tlsrpt.unpacked": "256k", "tlsrpt.retry": "1s"})
    w.key = key
    w.s.cli("dkim", "rotate", DOMAIN)
    w.s.cli("user", "add", f"anna@{DOMAIN}", input="secret pass 1\n")
    w.s.cli("alias", "add", f"postmaster@{DOMAIN}", f"anna@{DOMAIN}")
    yield w
    w.stop()


def reports(w, *args, **want):
    rows = json.loads(w.s.cli("report", "list", *args, "--json").stdout)
    return [r for r in rows if all(r[k] == v for k, v in want.items())]


def counted(w, domain, successes, failures):
    """What we counted of a domain, once it is that."""
    def there():
        return next((r for r in reports(w, domain, by="us", state="counting") if (r["successes"], r["failures"]) == (successes, failures)), None)
    try:
        return wait_for(there, 20, 0.1)
    except AssertionError:
        raise AssertionError(f"{reports(w, domain)}\n{w.s.log()[-3000:]}")


def unpacked(data):
    report = json.loads(gzip.decompress(data))
    assert report["organization-name"] == "Example & Sons" and report["contact-info"] == FROM and report["report-id"]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    assert report["date-range"]["start-datetime"][:10] <= day and re.fullmatch(r"[-0-9]{10}T[:0-9]{8}Z", report["date-range"]["end-datetime"])
    return report


def test_sessions_are_counted_by_what_the_policy_asked_for(world):
    world.post("a@good.safe.example")
    world.log("sent", "a@good.safe.example")
    for to in ("a@wrong.safe.example", "a@clear.safe.example", "a@badcert.test", "a@elsewhere.test"):
        world.post(to)
        world.log("deferred", to)
    for to in ("a@trial.test", "a@clear.open.example", "a@none.open.example"):
        world.post(to)
        world.log("sent", to)
    assert counted(world, "good.safe.example", 1, 0)["policies"] == "tlsa"
    r = counted(world, "wrong.safe.example", 0, 1)
    assert (r["policies"], r["results"], r["day"]) == ("tlsa", "validation-failure (1)", time.strftime("%Y-%m-%d", time.gmtime()))
    good, bad = json.loads(world.s.cli("report", "show", str(r["id"]), "--json").stdout)
    assert (good["result"], good["sessions"]) == ("success", 0) and good["text"].startswith("3 1 1 ")
    assert (bad["mx"], bad["ip"], bad["from"], bad["helo"]) == ("mail.wrong.safe.example", WRONG, "127.0.0.1", "relay.example.net") and "TLSA" in bad["words"]
    assert counted(world, "clear.safe.example", 0, 1)["results"] == "starttls-not-supported (1)"
    assert counted(world, "badcert.test", 0, 1)["results"] == "certificate-not-trusted (1)"
    assert counted(world, "elsewhere.test", 0, 1)["results"] == "validation-failure (1)"
    assert counted(world, "trial.test", 0, 1)["policies"] == "sts"  # on trial the mail goes, and the failure is told
    world.post("a@nopolicy.test")  # its policy's web server shows a certificate for others: as without one, and told
    world.log("sent", "a@nopolicy.test")
    r = counted(world, "nopolicy.test", 0, 2)
    assert (r["policies"], r["results"]) == ("no-policy-found, sts", "starttls-not-supported (1), sts-webpki-invalid (1)")
    assert counted(world, "clear.open.example", 0, 1)["policies"] == "no-policy-found"
    assert counted(world, "none.open.example", 1, 0)["policies"] == "no-policy-found"


def kill(world):
    os.kill(next(p["pid"] for p in world.s.status() if p["process"] == "policyd"), signal.SIGKILL)
    wait_for(lambda: world.s.cli("report", "list", check=False).returncode == 0, 20)


def test_counts_survive_kill(world):
    r = counted(world, "good.safe.example", 1, 0)
    kill(world)
    assert counted(world, "good.safe.example", 1, 0)["id"] == r["id"]


def arrived(world, address, to):
    try:
        return wait_for(lambda: world.at(address, to), 20)[0][2]
    except AssertionError:
        raise AssertionError(f"nothing for {to}\n{world.s.cli('report', 'list').stdout}\n{world.s.log()[-4000:]}")


def test_a_report_leaves_by_mail_signed_and_whatever_its_subject(world):
    """It is about a server whose certificate DANE forbids, and goes there all the same (RFC 8460 3)."""
    # what just failed is left alone for a moment
    wait_for(lambda: all(d["left"] == 0 for d in json.loads(world.s.cli("--json", "destination", "list").stdout)))
    world.s.cli("report", "send", "wrong.safe.example")
    raw = arrived(world, WRONG, "tls@wrong.safe.example")[:-3].replace(b"\r\n..", b"\r\n.")
    m = email.message_from_bytes(raw, policy=email.policy.default)
    assert (m["From"], m["To"], m["TLS-Report-Domain"], m["TLS-Report-Submitter"]) == (FROM, "tls@wrong.safe.example", "wrong.safe.example", DOMAIN)
    assert m.get_content_type() == "multipart/report" and m["Content-Type"].params["report-type"] == "tlsrpt"
    text, part = m.iter_parts()
    assert text.get_content_type() == "text/plain" and part.get_content_type() == "application/tlsrpt+gzip"
    report = unpacked(part.get_payload(decode=True))
    start, end, unique = re.fullmatch(re.escape(f"{DOMAIN}!wrong.safe.example!") + r"(\d+)!(\d+)!(\w+)\.json\.gz", part.get_filename()).groups()
    assert int(start) % 86400 == 0 and int(start) < int(end) < int(start) + 86400 and report["report-id"] == f"{unique}@{DOMAIN}"
    assert m["Subject"] == f"Report Domain: wrong.safe.example Submitter: {DOMAIN} Report-ID: <{report['report-id']}>"
    policy, = report["policies"]
    assert policy["policy"]["policy-type"] == "tlsa" and policy["policy"]["policy-domain"] == "wrong.safe.example"
    assert policy["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": 1}
    failure, = policy["failure-details"]
    assert (failure["result-type"], failure["failed-session-count"], failure["receiving-mx-hostname"]) == ("validation-failure", 1, "mail.wrong.safe.example")
    known = {k["name"] + ".": k["value"].encode() for k in json.loads(world.s.cli("dkim", "list", "--json").stdout)}
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: known.get(name.decode()))
    assert not reports(world, "wrong.safe.example", state="counting"), "the session that brought it is not counted"
    said = world.s.cli("report", "send", "wrong.safe.example", check=False)
    assert said.returncode == 69 and "nothing was counted" in said.stderr


def test_a_report_is_posted_and_tried_again_even_after_a_kill(world):
    world.web.answer = 503
    world.s.cli("report", "send", "badcert.test")
    wait_for(lambda: "503" in reports(world, "badcert.test")[0]["words"], 20)
    kill(world)
    world.web.answer = 201
    wait_for(lambda: reports(world, "badcert.test", state="sent"), 20)
    first, *_, last = world.web.posted
    assert last[0].startswith("mta-sts.badcert.test") and last[1:3] == ("/v1/tlsrpt", "application/tlsrpt+gzip")
    report = unpacked(last[3])
    assert report == unpacked(first[3]), "the same, with the same id"
    policy, = report["policies"]
    assert policy["policy"] == {"policy-type": "sts", "policy-domain": "badcert.test", "mx-host": ["mail.badcert.test"],
                                "policy-string": ["version: STSv1", "mode: enforce", "mx: mail.badcert.test", "max_age: 86400"]}
    assert policy["failure-details"][0]["result-type"] == "certificate-not-trusted"


def test_no_report_is_posted_to_the_inside(world):
    """Nor is a policy fetched there: what is told of that says nothing of what listens."""
    posted, asked = len(world.web.posted), len(world.web.asked)
    world.s.cli("config", "set", "sts.inside_networks", "10.0.0.0/8")
    try:
        world.post("a@inside.test")
        world.log("sent", "a@inside.test")
        counted(world, "inside.test", 0, 2)
        world.s.cli("report", "send", "inside.test")
        words = wait_for(lambda: reports(world, "inside.test")[0]["words"], 20)
        assert "no address of the Internet" in words, words
        shown = world.s.cli("report", "show", str(reports(world, "inside.test")[0]["id"])).stdout
        assert "no address of the Internet" in shown and (len(world.web.posted), len(world.web.asked)) == (posted, asked)
    finally:
        world.s.cli("config", "set", "sts.inside_networks", "127.0.0.0/8")


def test_the_next_address_is_tried_and_who_asks_for_none_gets_none(world):
    world.s.cli("report", "send", "good.safe.example")  # https first, which is nowhere
    assert b"TLS-Report-Domain: good.safe.example" in arrived(world, RIGHT, "tls@good.safe.example")
    world.s.cli("report", "send", "elsewhere.test")
    wait_for(lambda: reports(world, "elsewhere.test", state="unwanted"), 20)


# --- what others report

def letter(world, change=None, about=DOMAIN, id="r1@reporter.test", data=None, signed=True):
    report = {"organization-name": "The Reporter", "contact-info": "tls@reporter.test", "report-id": id,
              "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
              "policies": [{"policy": {"policy-type": "sts", "policy-domain": about, "policy-string": ["version: STSv1"], "mx-host": ["mail." + about]},
                            "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
                            "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 100, "receiving-ip": "192.0.2.1"},
                                                {"result-type": "starttls-not-supported", "failed-session-count": 203}]}]}
    if change:
        change(report)
    data = data or gzip.compress(json.dumps(report).encode())
    text = (f'From: tls@reporter.test\r\nTo: postmaster@{DOMAIN}\r\nSubject: Report Domain: {about} {id}\r\nMIME-Version: 1.0\r\n'
            f'Content-Type: multipart/report; report-type="tlsrpt"; boundary=b\r\n\r\n--b\r\n\r\nA report.\r\n'
            f'--b\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n').encode()
    text += base64.encodebytes(data).replace(b"\n", b"\r\n") + b"--b--\r\n"
    if signed:
        text = dkim.sign(text, b"k", b"reporter.test", world.key, include_headers=[b"From", b"To", b"Subject"]) + text
    with smtplib.SMTP("127.0.0.1", world.s.ports["smtp"]) as c:
        c.sendmail("tls@reporter.test", [f"postmaster@{DOMAIN}"], text)


def test_a_report_to_our_postmaster_is_delivered_read_and_listed(world):
    letter(world)
    row = wait_for(lambda: reports(world, DOMAIN, by="others"), 20)[0]
    assert (row["day"], row["organisation"], row["policies"], row["successes"], row["failures"], row["results"]) == \
        ("2026-11-20", "The Reporter", "sts", 5326, 303, "starttls-not-supported (203), certificate-expired (100)")
    shown = json.loads(world.s.cli("report", "show", str(row["id"]), "--json").stdout)
    assert [(x["result"], x["sessions"]) for x in shown] == [("success", 5326), ("starttls-not-supported", 203), ("certificate-expired", 100)]
    box = world.s.mail_folder(Account(f"anna@{DOMAIN}", "")) / "Maildir"
    assert any(b"application/tlsrpt+gzip" in f.read_bytes() for f in box.glob("[cn]*/*")), (list(box.glob("*/*")), world.s.log()[-2500:])


def test_who_looks_after_a_domain_sees_what_others_say_of_it_and_no_more(world):
    token = json.loads(world.s.cli("token", "add", "x", f"admin@{DOMAIN}", "--json").stdout)["token"]
    context = ssl.create_default_context(cafile=world.s.cert)

    def get(path):
        request = urllib.request.Request(f"https://localhost:{world.s.ports['https']}/api/v1/report/{path}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, context=context) as r:
            return json.load(r)["rows"]
    assert {(r["domain"], r["by"]) for r in get("list")} == {(DOMAIN, "others")}
    assert get(f"show?id={get('list')[0]['id']}")
    with pytest.raises(urllib.error.HTTPError):
        get(f"show?id={reports(world, by='us')[0]['id']}")
    with pytest.raises(urllib.error.HTTPError):
        get("list?domain=good.safe.example")


@pytest.mark.parametrize("words, options", [
    ("it was here before", {}),
    ("not signed by its sender", {"signed": False, "id": "r2"}),
    ("not signed by its sender", {"change": lambda r: r.update({"contact-info": "tls@another.test"}), "id": "r3"}),
    ("about another domain", {"about": "other.example", "id": "r4"}),
    ("larger than [tlsrpt] unpacked", {"data": gzip.compress(b" " * (40 << 20)), "id": "r5"}),
    ("too deep", {"data": gzip.compress(b"[" * 100000), "id": "r6"}),
    ("no JSON", {"data": b"nonsense", "id": "r7"}),
])
def test_what_is_no_report_is_delivered_and_not_kept(world, words, options):
    n = world.s.log().count(" tls-report-refused ")
    letter(world, **options)
    try:
        wait_for(lambda: world.s.log().count(" tls-report-refused ") > n, 20)
    except AssertionError:
        raise AssertionError(world.s.log()[-3000:])
    assert words in [x for x in world.s.log().splitlines() if " tls-report-refused " in x][-1]
    assert len(reports(world, by="others")) == 1
