# SPDX-License-Identifier: ISC
"""DKIM: what people here send leaves signed, and others' verifiers agree; keys come and go by the rules (smtp/sign/keys.h)."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import dkim
import pytest

from conftest import DOMAIN, ROOT, TOP, built, wait_for
from fakehost import FakeHost
from nameservers import Knot, Namespace, Scripted, wire_record
import npm
from test_send import arrived, post, stuffed_right


@pytest.fixture
def host():
    h = FakeHost(extensions=("PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "DSN"))
    yield h
    h.close()


@pytest.fixture
def house(own_suite, host):
    """A suite with a smarthost and a person; the DNS is the given server, or nobody."""

    def make(dns=None, **settings):
        values = {"send.smarthost": f"127.0.0.1:{host.port}", "send.smarthost_tls": "none", "queue.retry": "1s",
                  "dns.servers": f"127.0.0.1:{dns.port}" if dns else "127.0.0.1:9", "dns.trust_anchor": "none"}
        values.update({k.replace("__", "."): v for k, v in settings.items()})
        s = own_suite(values)
        s.cli("domain", "add", DOMAIN)
        s.anna = s.account()
        return s

    return make


def keys(s, *args):
    return json.loads(s.cli("dkim", "list", *args, "--json").stdout)


def records(s):
    return {k["name"] + ".": k["value"].encode() for k in keys(s)}


def send(s, to="ben@outside.example", text=b"Hello.\r\n", sender=None, subject="x"):
    sender = sender or s.anna.address
    with s.smtp(s.anna) as c:
        c.sendmail(s.anna.address, [to], f"From: Anna <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n".encode() + text)


def txt(text):
    parts = [text.encode()[i:i + 255] for i in range(0, len(text), 255)]
    return b"".join(bytes([len(p)]) + p for p in parts)


def signatures(message):
    return re.findall(rb"(?m)^DKIM-Signature: v=1; a=(\w+)-sha256;(?:.|\r\n\s)*?d=([\w.-]+);\s+s=(\w+);", message)


def verdicts(message, known):
    """What dkimpy says of each signature."""
    return [verdict(message, i, known) for i in range(len(signatures(message)))]


def verdict(message, i, known):
    try:
        return dkim.DKIM(message).verify(idx=i, dnsfunc=lambda name, timeout=5: known.get(name.decode()))
    except dkim.ValidationError:
        return False


def by_subject(host, subject):
    for _, _, raw in host.messages:
        if f"Subject: {subject}\r\n".encode() in raw:
            return stuffed_right(raw)
    return None


def test_mail_of_a_person_is_signed_by_both_keys_and_a_strangers_is_not(house, host):
    s = house()
    s.cli("dkim", "rotate", DOMAIN)
    assert {(k["algorithm"], k["state"]) for k in keys(s)} == {("rsa", "active"), ("ed25519", "active")}
    send(s, text=b"Dots\r\n.\r\n..\r\nand  blanks \t\r\n\r\n\r\n")
    message = stuffed_right(arrived(host)[0][2])
    found = signatures(message)
    assert {(a, d) for a, d, _ in found} == {(b"rsa", DOMAIN.encode()), (b"ed25519", DOMAIN.encode())}
    assert message.startswith(b"DKIM-Signature:"), "before Received"
    known = records(s)
    assert verdicts(message, known) == [True, True]
    assert verdicts(message.replace(b"Dots", b"Cats"), known) == [False, False], "negative control"
    assert verdicts(b"Subject: another\r\n" + message, known) == [False, False], "over-signed"
    # a stranger's mail that an alias sends on is not ours, whatever its From says
    post(s, text=f"From: {s.anna.address}\r\nSubject: forged\r\n\r\nx\r\n")
    post(s, text=f"From: {s.anna.address}\r\nSubject: forged twice\r\n\r\nx\r\n", sender=s.anna.address)
    for subject in ("forged", "forged twice"):
        wait_for(lambda: by_subject(host, subject), 20)
        assert not signatures(by_subject(host, subject)), subject
    # who writes another domain of this host into From is signed as what he is
    s.cli("domain", "add", "other.example")
    s.cli("dkim", "rotate", "other.example")
    s.cli("send-as", "add", s.anna.address, "domain=other.example")
    send(s, sender="boss@other.example", subject="across")
    wait_for(lambda: by_subject(host, "across"), 20)
    assert {d for _, d, _ in signatures(by_subject(host, "across"))} == {DOMAIN.encode()}
    if ROOT:
        for k in (s.state / "dkim" / DOMAIN).glob("*.key"):
            assert k.stat().st_mode & 0o777 == 0o600
    # without a key mail leaves as before
    s.cli("dkim", "remove", DOMAIN, "--all")
    assert [k["domain"] for k in keys(s)] == ["other.example"] * 2
    send(s, subject="plain")
    wait_for(lambda: by_subject(host, "plain"), 20)
    assert not signatures(by_subject(host, "plain"))


def test_keys_are_made_for_domains_that_are_there_and_go_in_pairs(house):
    s = house(dkim__new_domains="no")
    for command in (("rotate", "nosuch.example"), ("rotate", "nosuch.example", "--first"), ("rotate", f"sub.{DOMAIN}")):
        r = s.cli("dkim", *command, check=False)
        assert r.returncode == 67 and f"no such domain: {command[1]}" in r.stderr, r
    assert s.cli("dkim", "rotate", "no such", check=False).returncode == 65
    assert keys(s) == []
    s.cli("dkim", "rotate", DOMAIN.upper())
    rsa = next(k["selector"] for k in keys(s) if k["algorithm"] == "rsa")
    s.cli("dkim", "remove", DOMAIN, rsa, "--only")
    assert [k["algorithm"] for k in keys(s)] == ["ed25519"]
    s.cli("dkim", "remove", DOMAIN, "--all")
    s.cli("dkim", "rotate", DOMAIN)
    s.cli("dkim", "rotate", DOMAIN)
    assert [k["state"] for k in keys(s)].count("next") == 2
    assert s.cli("dkim", "remove", DOMAIN, "202001r", check=False).returncode == 65
    s.cli("dkim", "remove", DOMAIN, next(k["selector"] for k in keys(s) if k["state"] == "next"))
    assert {(k["algorithm"], k["state"]) for k in keys(s)} == {("rsa", "active"), ("ed25519", "active")}, "both that waited"


def test_the_record_of_spf_names_the_addresses_of_routes(house):
    s = house()

    def spf():
        return next(r["value"] for r in json.loads(s.cli("domain", "dns", DOMAIN, "--json").stdout) if (r["name"], r["type"]) == (DOMAIN, "TXT"))
    assert spf() == '"v=spf1 mx ip4:127.0.0.1 -all"'
    s.cli("route", "add", "big.example", "source=198.51.100.8")
    s.cli("route", "add", "partner.example", "mail.partner.example")  # its own server: it sends nothing for us
    s.cli("route", "add", "other.example", f"sender_domain={DOMAIN}", "source=2001:db8::8,198.51.100.8")
    s.cli("route", "add", "other.example", "sender_domain=another.example", "source=198.51.100.9")
    assert spf() == '"v=spf1 mx ip4:127.0.0.1 ip4:198.51.100.8 ip6:2001:db8::8 -all"'
    s.cli("route", "add", "*", "smtp.provider.example:587", f"sender_domain={DOMAIN}")
    s.cli("route", "add", "*", "smtp.others.example:587")
    assert spf() == '"v=spf1 mx a:smtp.provider.example ip4:198.51.100.8 ip6:2001:db8::8 -all"'


def test_a_rotation_waits_for_the_dns_and_the_old_keys_stay_valid(house, host):
    zone = {}

    def answer(name, type, tcp):
        return (0, [wire_record(name, "TXT", txt(zone[name]))], 0) if name in zone and type == 16 else (3, [], 0)

    server = Scripted(answer)
    try:
        s = house(server, dkim__look="200ms", dkim__overlap="3s")
        s.cli("dkim", "rotate", DOMAIN)
        first = {k["selector"] for k in keys(s)}
        send(s, subject="before")
        wait_for(lambda: by_subject(host, "before"), 20)
        asked = len(server.asked)
        s.cli("dkim", "rotate", DOMAIN)
        assert s.cli("dkim", "rotate", DOMAIN, check=False).returncode == 69, "one at a time"
        new = [k for k in keys(s) if k["selector"] not in first]
        assert len(new) == 2 and {k["state"] for k in new} == {"next"}
        # the DNS says no for longer than the overlap: the old ones go on
        wait_for(lambda: len(server.asked) >= asked + 2 and time.time() > max(int(k["since"]) for k in new) + 4, 20)
        assert {k["state"] for k in keys(s) if k["selector"] not in first} == {"next"}
        send(s, subject="meanwhile")
        wait_for(lambda: by_subject(host, "meanwhile"), 20)
        assert {x.decode() for _, _, x in signatures(by_subject(host, "meanwhile"))} == first
        zone.update({k["name"]: k["value"] for k in new})
        wait_for(lambda: sorted(k["state"] for k in keys(s)) == ["active", "active", "old", "old"], 20)
        send(s, subject="after")
        wait_for(lambda: by_subject(host, "after"), 20)
        assert {x.decode() for _, _, x in signatures(by_subject(host, "after"))} == {k["selector"] for k in new}
        known = records(s)
        for subject in ("before", "meanwhile", "after"):
            assert verdicts(by_subject(host, subject), known) == [True, True], subject
        s.cli("config", "set", "dkim.retire", "0s")
        wait_for(lambda: {k["selector"] for k in keys(s)} == {k["selector"] for k in new}, 20)
        assert len(list((s.state / "dkim" / DOMAIN).iterdir())) == 2
    finally:
        server.stop()


def test_a_dead_signer_delays_nothing_for_good_and_a_large_message_nobody(house, host):
    s = house()
    s.cli("dkim", "rotate", DOMAIN)
    known = records(s)
    large = (b"." * 70 + b"\r\n") * 85000  # 6 MB, a hundred pieces: the scripted host is slow with more
    send(s, text=large, subject="large")
    for i in range(20):
        if i % 7 == 3:
            os.kill(wait_for(lambda: [p for p, n in s.tree().items() if n == "signd"])[0], signal.SIGKILL)
        send(s, subject=f"small{i}")
    wait_for(lambda: len(host.messages) >= 21, 100)
    assert len(host.messages) == 21
    for i in range(20):
        assert verdicts(by_subject(host, f"small{i}"), known) == [True, True], i
    message = by_subject(host, "large")
    assert len(signatures(message)) == 2 and message.endswith(large) and verdict(message, 0, known)
    assert records(s) == known, "the keys are as they were"


# --- what is published ------------------------------------------------------------------

def test_the_records_of_the_keys_are_told_as_a_zone_takes_them(house):
    s = house()
    said = json.loads(s.cli("domain", "dns", DOMAIN, "--json").stdout)
    assert [r["value"] for r in said if "_domainkey" in r["name"]] == ["<no key yet>"]
    assert f"; SELECTOR._domainkey.{DOMAIN}." in s.cli("domain", "zone", DOMAIN).stdout, "no line that a zone would take"
    s.cli("dkim", "rotate", DOMAIN)
    text = s.cli("domain", "zone", DOMAIN).stdout
    knot = Knot({DOMAIN: "@ 60 NS ns.elsewhere.\n" + "\n".join(x for x in text.splitlines() if "_domainkey" in x)})
    try:
        for k in keys(s):
            pieces = re.findall(r'"([^"]*)"', knot.dig(k["name"], "TXT"))
            assert "".join(pieces) == k["value"] and max(map(len, pieces)) <= 255
    finally:
        knot.stop()
    # a domain below it has no keys of its own: it is signed by these
    said = json.loads(s.cli("domain", "dns", f"sub.{DOMAIN}", "--json").stdout)
    assert [r["name"] for r in said if "_domainkey" in r["name"]] == [k["name"] for k in keys(s)]


def test_what_the_dns_shows_is_compared_with_the_keys(house):
    zone = {}

    def answer(name, type, tcp):
        return 0, [wire_record(name, "TXT", t, 0) for t in zone.get(name, ())] if type == 16 else [], 0

    server = Scripted(answer)
    try:
        s = house(server, dkim__look="1h")

        def check(name):
            return next(r for r in json.loads(s.cli("domain", "check", DOMAIN, "--json").stdout) if r["name"] == name)
        row = check(f"SELECTOR._domainkey.{DOMAIN}")
        assert row["state"] == "WARN" and f"mansio dkim rotate {DOMAIN}" in row["fix"], "negative control: nothing is signed"
        s.cli("dkim", "rotate", DOMAIN)
        rsa = next(k for k in keys(s) if k["algorithm"] == "rsa")
        name, value = rsa["name"], rsa["value"]
        key = value.split("p=")[1]
        for records, state, words, fix in (
                ([value], "OK", "key that signs", ""),
                ([value[:200] + " " + value[200:]], "OK", "key that signs", ""),
                ([f'"{value[:255]}" "{value[255:]}"'], "FAIL", "Quotation marks", f"without any: {value}"),
                ([value.replace(";", "\\;")], "FAIL", "backslashes", f"without any: {value}"),
                ([value[:255]], "FAIL", "cut off after 255 bytes", f'in one record: "{value[:255]}" "{value[255:]}"'),
                ([value[:255], value[255:]], "FAIL", "records of their own", "as one record"),
                ([value.replace(key, key[::-1])], "FAIL", "another key", "Replace it."),
                ([value.replace(key, "")], "FAIL", "revoked", "Publish"),
                (["v=spf1 -all"], "FAIL", "no key that DKIM can read", "Replace it."),
                ([value + "; t=y"], "WARN", "on trial", "t=y"),
                (["something else", value], "WARN", "Other texts", "Leave only")):
            zone[name] = [txt(r) for r in records]
            row = check(name)
            assert (row["state"], bool(row["fix"])) == (state, state != "OK") and words in row["words"] and fix in row["fix"], (records, row)
        ed = next(k for k in keys(s) if k["algorithm"] == "ed25519")
        row = check(ed["name"])
        assert row["state"] == "FAIL" and "not published" in row["words"] and row["fix"] == f'Publish: {ed["name"]}. IN TXT "{ed["value"]}"'
        zone[name] = [txt(value)]
        s.cli("dkim", "rotate", DOMAIN)
        new = next(k for k in keys(s) if k["algorithm"] == "rsa" and k["state"] == "next")
        row = check(new["name"])
        assert row["state"] == "WARN" and "next key is not published" in row["words"] and new["value"][:255] in row["fix"]
        zone.clear()
        zone[f"{name}.{DOMAIN}"] = [txt(value)]
        row = check(name)
        assert "adds the domain by itself" in row["words"] and row["fix"] == f"Enter as its name only: {rsa['selector']}._domainkey", row
    finally:
        server.stop()


# --- judges --------------------------------------------------------------------------

LONG = b"x" * 990
CORNERS = {
    "plain": b"From: Anna <anna@example.org>\r\nTo: ben@example.net\r\nSubject: Hello\r\nDate: Sat, 22 Nov 2025 10:00:00 +0000\r\n\r\nText\r\n",
    "blank-lines-at-the-end": b"From: anna@example.org\r\nSubject: x\r\n\r\nText\r\n\r\n \t\r\n\r\n\r\n",
    "no-last-line-end": b"From: anna@example.org\r\nSubject: x\r\n\r\nText  without an end",
    "no-body": b"From: anna@example.org\r\nSubject: x\r\n\r\n",
    "only-blank-lines": b"From: anna@example.org\r\nSubject: x\r\n\r\n\r\n\r\n",
    "blanks-in-lines": b"From: anna@example.org\r\nSubject: x\r\n\r\n  a \t b\t\r\n\t\r\n.\r\n..c \r\n",
    "folded": b"From: =?utf-8?q?Anna?=\r\n\t<anna@example.org>\r\nSubject: a\r\n  b\r\n\t \tc  \r\nTo: a@example.net,\r\n b@example.net,\r\n"
              b"\tc@example.net\r\nMIME-Version:1.0\r\nContent-Type:text/plain;\r\n charset=us-ascii\r\n\r\nText\r\n",
    "eight-bit": "From: Anna Müller <anna@example.org>\r\nSubject: Grüße\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Transfer-Encoding: 8bit\r\n\r\nÄ ö  ü\r\n".encode() + b"\xff\xfe\x80\r\n",
    "long-lines": b"From: anna@example.org\r\nSubject: " + LONG[:900] + b"\r\nReferences: " + b"\r\n ".join([b"<" + LONG[:60] + b"@example.org>"] * 30) +
                  b"\r\n\r\n" + LONG + b"\r\n" + LONG + b"\r\n",
    "repeated-fields": b"From: anna@example.org\r\nReceived: from a by b; Sat, 22 Nov 2025 10:00:00 +0000\r\nReceived: from b by c; Sat, 22 Nov 2025 10:00:00 +0000\r\n"
                       b"Comments: one\r\nComments: two\r\nSubject:\r\nCc: x@example.net\r\n\r\nText\r\n",
    "empty-fields": b"From: anna@example.org\r\nSubject: \r\nReply-To:anna@example.org\r\nX-Empty:\r\n\r\nText\r\n",
}
DATE = b"Date: Sat, 22 Nov 2025 10:00:00 +0000\r\n"
FORGED = [b"From: Boss <boss@example.org>\r\n", b"Subject: Pay at once\r\n", b"Reply-To: eve@evil.example\r\n", b"To: all@example.net\r\n",
          b"Content-Type: text/html\r\n", b"Date: Sat, 22 Nov 2025 11:00:00 +0000\r\n"]
SIGNATURE = re.compile(rb"DKIM-Signature: (?:[^\r]|\r\n[ \t])*\r\n")


def sign_all(folder):
    """Each *.eml there with both keys (tests/unit/smtp/dkim_test.c): NAME.signed; the records of the keys."""
    p = subprocess.run([built("tests/unit/smtp/dkim_test")], env={**os.environ, "DKIM_DIR": str(folder), "MANSIO_SRCDIR": str(TOP)},
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    return dict(line.split(" ", 1) for line in (folder / "records").read_text().splitlines())


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Signed corners with what others put on top or change: ({path: is it good?}, the records of the keys)."""
    folder = tmp_path_factory.mktemp("corners")
    for name, raw in CORNERS.items():
        # without Date and From opendkim looks at nothing
        (folder / f"{name}.eml").write_bytes((b"" if b"\r\nDate:" in raw else DATE) + raw)
    known, out = sign_all(folder), {}
    for name in CORNERS:
        signed = (folder / f"{name}.eml.signed").read_bytes()
        assert len(SIGNATURE.findall(signed)) == 2, name
        variants = [(signed, True), (b"Received: from d by e; Sat, 22 Nov 2025 12:00:00 +0000\r\n" + signed, True)]
        variants += [(forged + signed, False) for forged in FORGED]
        variants += [(signed.replace(b"@example.org", b"@example.com", 1) if name == "plain" else signed + b"more\r\n", False)]
        for i, (raw, good) in enumerate(variants):
            path = folder / f"{name}.{i}"
            path.write_bytes(raw)
            out[path] = good
    return out, known


def test_mailauth_agrees_on_every_corner(cases):
    messages, known = cases
    p = subprocess.run(["node", TOP / "tests/system/mailauth/judge.cjs", npm.fetched(TOP / "tests/system/mailauth")],
                       capture_output=True, text=True, check=True,
                       input=json.dumps({"records": known, "files": [str(f) for f in messages]}))
    for (path, good), said in zip(messages.items(), json.loads(p.stdout), strict=True):
        assert set(said) == {k.split("._domainkey.")[0] for k in known}, (path.name, said)
        assert set(said.values()) == {"pass"} if good else "pass" not in said.values(), (path.name, said)


def test_dkimpy_agrees_on_every_corner(cases):
    messages, known = cases
    zone = {k + ".": v.encode() for k, v in known.items()}
    for path, good in messages.items():
        assert verdicts(path.read_bytes(), zone) == [good, good], path.name


@pytest.mark.skipif(not ROOT, reason="a network of its own needs root")
def test_opendkim_agrees_on_every_corner(cases):
    """It looks into the DNS by itself: a network with a name server of its own. It judges one signature of a message at a time."""
    messages, known = cases
    net = Namespace()
    etc = pathlib.Path("/etc/netns") / net.name
    etc.mkdir(parents=True)
    (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    zone = "@ 60 NS ns.\nns. 60 A 127.0.0.1\n" + "".join(
        f"{name}. 60 TXT " + " ".join(f'"{text[i:i + 255]}"' for i in range(0, len(text), 255)) + "\n" for name, text in known.items())
    knot = Knot({".": zone}, port=53, net=net)
    try:
        judged = []
        for path, good in messages.items():
            raw = path.read_bytes()
            both = SIGNATURE.findall(raw)
            for i, s in enumerate(both):
                one = path.with_name(f"{path.name}.one{i}")
                one.write_bytes(raw.replace(both[1 - i], b""))
                judged.append((one, good))
        p = subprocess.run([*net.prefix, "sh", "-c", 'for f; do opendkim-testmsg -t "${f%/*}" <"$f"; echo "is $?"; done 2>&1', "sh",
                            *[f for f, _ in judged]], capture_output=True, text=True, check=True)
        said = re.findall(r"(?:(opendkim-testmsg: .*)\n)?is (\d+)\n", p.stdout)
        for (path, good), (words, code) in zip(judged, said, strict=True):
            # a field twice that may be there once is a syntax error for it
            assert (code == "0") == good and (good or re.search("Bad signature|Syntax error", words)), (path.name, code, words)
    finally:
        knot.stop()
        net.stop()
        shutil.rmtree(etc)


def test_other_verifiers_agree_over_the_corpus(tmp_path):
    """Every tenth message of the corpus, signed by the library of signd."""
    subprocess.run(["tar", "-C", tmp_path, "-xf", TOP / "tests/corpus/modern.tar.zst"], check=True)
    mails = sorted(tmp_path.rglob("*.eml"))[::10]
    for i, p in enumerate(mails):
        p.rename(tmp_path / f"{i}.eml")
    known = sign_all(tmp_path)
    known = {k + ".": v.encode() for k, v in known.items()}
    signed = sorted(tmp_path.glob("*.signed"))
    judged = 0
    for f in signed:
        try:
            assert verdict(f.read_bytes(), 0, known) and verdict(f.read_bytes(), 1, known), f
            judged += 1
        except dkim.MessageFormatError:
            pass  # a header that dkimpy does not read
    assert judged > len(signed) * 0.9 > 10


def test_what_is_converted_on_its_way_is_signed_as_it_leaves(house, host):
    """To a server without 8BITMIME the text goes as quoted-printable: its signature is of that text (RFC 6376 5.3), each receiver's own."""
    s = house()
    s.cli("dkim", "rotate", DOMAIN)
    known, text = records(s), "Best wishes to all of you, and Gr\u00fc\u00dfe aus K\u00f6ln.\r\n".encode()
    mime = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    head = f"From: <{s.anna.address}>\r\nTo: ben@outside.example\r\n".encode() + mime

    def leaves(subject):
        with s.smtp(s.anna) as c:
            c.sendmail(s.anna.address, ["ben@outside.example"], head + b"Subject: " + subject.encode() + b"\r\n\r\n" + text, mail_options=["BODY=8BITMIME"])
        return wait_for(lambda: by_subject(host, subject), 20)
    message = leaves("as it is")
    assert text in message and verdicts(message, known) == [True, True]
    host.extensions = ("PIPELINING", "SIZE 100000000")
    wait_for(lambda: all(c.sock.fileno() < 0 for c in host.connections), 20)
    message = leaves("converted")
    assert message.isascii() and b"Gr=C3=BC=C3=9Fe" in message and message.count(b"\r\nReceived:") == 1
    assert len(signatures(message)) == 2 and verdicts(message, known) == [True, True]
    assert verdicts(message.replace(b"=C3=BC", b"=C3=B6"), known) == [False, False], "negative control"
    assert "attempt=1" in s.wait_log("to=ben@outside.example via=smtp")
