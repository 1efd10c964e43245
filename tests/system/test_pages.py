# SPDX-License-Identifier: ISC
"""The admin page in Debian's chromium: tests/web/*.mjs, each a walk of its own.

Most walks answer the API themselves (made.mjs), so that each screen meets any number of rows
and any text; what the real API answers, `walk` shows: it does with a running suite what an
administrator does on the first day.
"""
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import time

import pytest

from conftest import DOMAIN, MANSIO, TOP, Suite, check_log, make_certificate, make_folder, wait_for
from fakehost import FakeHost
from nameservers import TYPES, Scripted, wire_name, wire_record
import npm
from test_hooks import Receiver
from test_tlsrpt import dkim_key, letter

WEB = TOP / "tests" / "web"


@pytest.fixture(scope="module")
def modules():
    """The folder node_modules of tests/web."""
    return npm.fetched(WEB) / "node_modules"


def crowd(s, n):
    """n more people, aliases, routes and suppressed addresses, written into the databases of a suite that does not run."""
    now = int(time.time())
    with contextlib.closing(sqlite3.connect(s.state / "queue" / "queue.db")) as db, db:
        db.executemany("INSERT INTO suppression(address, sender, until, since, class, reply) VALUES(?, '', ?, ?, 1, '550 5.1.1 no such user')",
                       ((f"s{i:05}@far.example", now + 86400, now) for i in range(n)))
    with contextlib.closing(sqlite3.connect(s.state / "directory" / "directory.db")) as db, db:
        db.execute("INSERT INTO domain(name, active, catchall, created) SELECT 'crowd.example', active, catchall, created FROM domain LIMIT 1")
        ben = db.execute("SELECT hash, scram, created FROM account WHERE local = 'ben'").fetchone()
        db.executemany("INSERT INTO account(local, domain, name, hash, scram, quota_bytes, quota_messages, active, roles, created)"
                       " VALUES(?, 'crowd.example', ?, ?, ?, 0, 0, 1, '', ?)", ((f"p{i:05}", f"Person {i}", *ben) for i in range(n)))
        db.executemany("INSERT INTO alias(address, domain, targets, created) SELECT ?, 'crowd.example', ?, created FROM domain WHERE name = 'crowd.example'",
                       ((f"a{i:05}@crowd.example", f"p{i:05}@crowd.example") for i in range(n)))
        db.executemany("INSERT INTO route(rcpt_domain, sender_domain, host, port, tls, start, user, secret, mech, source, comment, created)"
                       " VALUES(?, '', 'relay.example', 25, 'may', 'auto', '', '', 'auto', '', '', 0)", ((f"r{i:05}.example",) for i in range(n)))


def send_to_many(c, sender, recipients):
    """One message; all RCPT at once (RFC 2920)."""
    c.mail(sender)
    c.send(b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in recipients))
    assert [c.getreply()[0] for _ in recipients] == [250] * len(recipients)
    assert c.data("Subject: to many\r\n\r\nhello\r\n")[0] == 250


@pytest.fixture(scope="module")
def served(system_users):
    """A suite with two people, of whom Anna may do everything, and a crowd of 10,000 people, aliases, routes, suppressed
    addresses, and rows in the queue for as many destinations, from which nothing gets out."""
    s = Suite(make_folder(), {"send.smarthost": "127.0.0.1:9", "send.account_new_day": "0"}).start()
    s.admin, s.person = s.account("anna"), s.account("ben")
    s.cli("user", "change", s.admin.address, "roles=admin", "name=Anna Albers")
    s.stop()
    crowd(s, 10000)
    s.start()
    with s.smtp(s.person) as c:
        for i in range(10):
            send_to_many(c, s.person.address, [f"r@d{i}x{k:03}.example" for k in range(1000)])
    with s.smtp(s.admin) as c:
        for to in ("somewhere", "other"):
            c.sendmail(s.admin.address, [f"{to}@elsewhere.example"], f"Subject: {to}\r\n\r\nhello\r\n")
    reader = s.imap(s.admin)
    yield s
    reader.shutdown()
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


MARKUP = "<img src=x onerror=alert(1)>"


class Outside:
    """What is around a suite: name servers, two servers of which one does not answer, a receiver of webhooks, a folder for
    backups, and an old server to import from. What they say holds markup."""

    def __init__(self, old):
        self.folder = make_folder()
        self.host = FakeHost({"RCPT": self.later}, address="127.0.8.1", name="mx.slow.example")
        self.dns = Scripted(self.answer)
        self.receiver = Receiver(self.folder)
        self.seen = set()
        self.backup = self.folder / "backup"
        self.key, record = dkim_key(self.folder)
        self.record = re.findall('"(.*?)"', record)
        self.s = Suite(make_folder(), {
            "send.direct": "yes", "send.port": self.host.port, "queue.retry": "1h", "send.connect": "3s", "accounting.format": "csv",
            "dns.servers": f"127.0.0.1:{self.dns.port}", "dns.trust_anchor": "none", "dns.zones": f"reporter.test=127.0.0.1:{self.dns.port}", "check.timeout": "3s", "check.blocklists": "bl.example",
            "backup.folder": self.backup, "backup.at": "", "import.ca": old.cert, "import.ports": str(old.ports["imaps"]), **self.receiver.settings})
        self.s.settings["check.port25_hosts"] = f"localhost:{self.s.ports['smtp']}"
        self.s.write_config()
        self.s.start()
        self.s.admin = self.s.account("anna", "pass 1 long")
        self.s.person = self.s.account("ben", "pass 2 long")
        self.s.cli("user", "change", self.s.admin.address, "roles=admin")
        self.s.cli("alias", "add", f"postmaster@{DOMAIN}", self.s.person.address)

    def later(self, c, line):
        """Each address is tried later, at first."""
        if line in self.seen or b"later@" not in line:
            return None
        self.seen.add(line)
        return b"451 4.7.1 " + MARKUP.encode() + b" come back later\r\n"

    def answer(self, name, type, tcp):
        def text(t):
            return bytes([len(t)]) + t.encode()
        data = {("slow.example", "MX"): b"\0\x0a" + wire_name("mx.slow.example"), ("mx.slow.example", "A"): b"\x7f\0\x08\x01",
                ("dead.example", "MX"): b"\0\x0a" + wire_name("mx.dead.example"), ("mx.dead.example", "A"): b"\x7f\0\x08\x02",
                ("never.example", "MX"): b"\0\x0a" + wire_name("mx.never.example"), ("mx.never.example", "A"): b"\x7f\0\x08\x02",
                ("example.org", "MX"): b"\0\x0a" + wire_name("mail.example.org"), ("mail.example.org", "A"): b"\x7f\0\0\x01",
                ("k._domainkey.reporter.test", "TXT"): b"".join(text(x) for x in self.record),
                ("example.org", "TXT"): text(f"v=spf1 +all {MARKUP}")}
        found = [wire_record(name, t, d) for (n, t), d in data.items() if n == name and TYPES[t] == type]
        return (0 if found or name in {n for n, _ in data} else 3), found, 0

    def post(self):
        """What the queue holds when the administrator looks: said "later", not reached, to be sent in two hours; and a report about TLS."""
        with self.s.smtp(self.s.person) as c:
            for to, options in (("later@slow.example", []), ("nobody@dead.example", []), ("x@never.example", []), ("tomorrow@slow.example", ["HOLDFOR=7190"])):
                c.sendmail(self.s.person.address, [to], f"Subject: to {to}\r\n\r\nhello\r\n", options)
        letter(self, lambda r: r.update({"organization-name": f"The Reporter {MARKUP}"}))
        wait_for(lambda: all(re.search(f" deferred .*to={to}", self.s.log()) for to in ("later@slow", "nobody@dead", "x@never")), 20)

    def stop(self):
        self.s.stop()
        self.receiver.close()
        self.host.close()
        self.dns.stop()
        check_log(self.s)
        for folder in (self.s.folder, self.folder):
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def outside(served):
    served.deliver(served.person.address, subject="old 1")
    served.deliver(served.person.address, subject="old 2")
    o = Outside(served)
    yield o
    o.stop()


def walk(name, modules, served, **more):
    """Runs tests/web/NAME.mjs; what it prints is shown when it fails."""
    env = {**os.environ, "MANSIO_NODE_MODULES": str(modules), "MANSIO_WEB": f"https://localhost:{served.ports['https']}",
           "MANSIO_USER": served.admin.address, "MANSIO_PASSWORD": served.admin.password,
           "MANSIO_PERSON": served.person.address, "MANSIO_PERSON_PASSWORD": served.person.password,
           "MANSIO_SMTP": str(served.ports["smtp"]), "MANSIO_IMAPS": str(served.ports["imaps"]), **more}
    p = subprocess.run(["node", WEB / f"{name}.mjs"], env=env, capture_output=True, text=True, timeout=175)
    assert p.returncode == 0, p.stdout[-6000:] + p.stderr[-3000:]
    assert re.search(r"[1-9]\d* checks, 0 failed", p.stdout), p.stdout[-2000:]
    return p.stdout


def test_pages_from_first_login_to_first_mail_and_an_action_each(modules, served):
    walk("walk", modules, served)


def test_pages_of_sending_and_of_the_host_with_an_action_each(modules, served, outside):
    outside.post()
    s, new = outside.s, make_certificate(outside.folder, "localhost", "mail.example.org", name="new")
    cert, key = s.settings["tls.certificates"], s.settings["tls.keys"]
    walk("sending", modules, s, MANSIO_HOP=f"127.0.8.1:{outside.host.port}", MANSIO_OLD=f"localhost:{served.ports['imaps']}",
         MANSIO_OLD_USER=served.person.address, MANSIO_OLD_PASSWORD=served.person.password,
         MANSIO_NEW_CERTIFICATE=f"cat {new[0]} > {cert}; cat {new[1]} > {key}; {MANSIO} --state {s.state} reload >/dev/null",
         MANSIO_FINGERPRINT=f"openssl x509 -in {new[0]} -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f")
    # what the pages showed has happened
    assert {r for m in outside.host.messages for r in re.findall(rb"<(.*?)>", b"".join(m[1]))} == {b"later@slow.example", b"nobody@dead.example", b"tomorrow@slow.example"}
    assert [e for e in outside.receiver.got if e["event"] == "test"] and not outside.receiver.bad
    assert list(outside.backup.iterdir())
    with s.imap(s.admin) as c:
        assert c.select("INBOX")[1] == [b"2"]
    assert len(list((s.state / "dkim" / DOMAIN).glob("*.key"))) == 2


def test_pages_with_0_1_and_10000_rows(modules, served):
    walk("rows", modules, served)


def test_pages_with_10000_real_rows_of_each_kind(modules, served):
    walk("crowd", modules, served)


def test_pages_no_text_becomes_markup(modules, served):
    walk("xss", modules, served)


def test_pages_axe_clean_in_light_and_dark(modules, served):
    walk("axe", modules, served)


def test_pages_fit_from_360_to_1920_pixels(modules, served):
    walk("layout", modules, served)


def test_pages_keyboard_and_first_page_under_150_kb(modules, served):
    said = walk("keys", modules, served)
    assert int(re.search(r"first page: \d+ files, (\d+) bytes", said)[1]) < 150 * 1024


def test_pages_hold_no_inline_script_style_or_markup():
    """What the content policy would refuse at run time, and what would make markup of texts."""
    for p in (TOP / "webadmin" / "pages").rglob("*.*"):
        if p.suffix not in (".js", ".html") or p.parent.name == "vendor":
            continue
        text = p.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(|new Function|\sstyle=", text), p
        assert not re.search(r"<script>|<style|\son\w+=\"", text), p
        assert len(text.splitlines()) <= 400, p
        assert "SPDX-License-Identifier" in text, p
