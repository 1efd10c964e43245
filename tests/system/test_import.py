# SPDX-License-Identifier: ISC
"""Moving in: a live Dovecot and a live Courier, with clients that were used with them."""
import calendar
import imaplib
import json
import re
import time

import pytest

from oldserver import Courier, Dovecot, Fetchmail, Mbsync

DAY = 1000000000


def message(n, body="Hello.\r\n"):
    return (f"From: someone@elsewhere.example\r\nTo: anna@old.example\r\nSubject: old {n}\r\n"
            f"Message-ID: <old.{n}@elsewhere.example>\r\nDate: Sun, 09 Sep 2001 01:46:40 +0000\r\n\r\n{body}").encode()


def fill(c, folder, n, first=0, flags=()):
    """n messages with dates of their own, gaps between the UIDs, flags and keywords."""
    for i in range(first, first + n):
        when = imaplib.Time2Internaldate(time.localtime(DAY + i * 86400))
        assert c.append(folder, " ".join(flags) and f"({' '.join(flags)})" or None, when, message(f"{folder} {i}"))[0] == "OK"


def picture(c, folder):
    """What a client knows of a folder: its numbers, and each message by UID."""
    typ, data = c.select(folder)
    assert typ == "OK", data
    validity = int(c.untagged_responses["UIDVALIDITY"][-1])
    rows = {}
    if int(data[0]):
        for row in c.fetch("1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE)")[1]:
            text = row.decode() if isinstance(row, bytes) else row[0].decode()
            uid = int(re.search(r"UID (\d+)", text)[1])
            flags = frozenset(re.search(r"FLAGS \(([^)]*)\)", text)[1].split()) - {r"\Recent"}
            date = calendar.timegm(imaplib.Internaldate2tuple(row if isinstance(row, bytes) else row[0]))
            rows[uid] = (flags, date, int(re.search(r"RFC822.SIZE (\d+)", text)[1]))
    return validity, rows


def folders(c, prefix=""):
    """Names below prefix, '/' between levels."""
    out = set()
    for row in c.list()[1]:
        m = re.fullmatch(rb'\(([^)]*)\) "(.)" (.*)', row)
        name = m[3].decode().strip('"').replace(m[2].decode(), "/")
        if rb"\Noselect" not in m[1] and rb"\NonExistent" not in m[1]:
            out.add(name.removeprefix(prefix) if name != "INBOX" else name)
    return out


def rows(p):
    return {r["folder"]: r for r in reversed(json.loads(p.stdout))}


@pytest.fixture
def dovecot(tmp_path):
    made = []

    def make(**options):
        made.append(Dovecot(tmp_path / "old", **options).start())
        return made[-1]
    yield make
    for d in made:
        d.close()


def used(server, prefix="", sep="."):
    """A mailbox that was in use: folders, gaps, flags, keywords, subscriptions."""
    c = server.imap()
    fill(c, "INBOX", 12)
    for name in ("Sent", f"Kunden{sep}M&APw-ller", "Lists"):
        assert c.create(prefix + name)[0] == "OK"
        fill(c, prefix + name, 4)
    c.subscribe(prefix + f"Kunden{sep}M&APw-ller")
    c.subscribe(prefix + "Lists")
    c.select("INBOX")
    c.store("2,5", "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.store("1:3", "+FLAGS", r"(\Seen)")
    c.store("3:4", "+FLAGS", r"(\Flagged \Answered)")
    c.store("4", "+FLAGS", r"($Work NonJunk)")
    c.store("5", "+FLAGS", r"(NonJunk)")
    c.select(prefix + "Sent")
    c.store("1:2", "+FLAGS", r"(\Seen \Draft)")
    c.store("2", "+FLAGS", "Blue")
    c.logout()


@pytest.fixture(params=["dovecot", "dovecot-fs", "courier"])
def old(request, tmp_path):
    """(server, prefix of its folders, separator)"""
    if request.param == "courier":
        server, prefix, sep = Courier(tmp_path / "old").start(), "INBOX.", "."
    else:
        fs = request.param == "dovecot-fs"
        server, prefix, sep = Dovecot(tmp_path / "old", "fs" if fs else "maildir++").start(), "", "/" if fs else "."
    yield server, prefix, sep
    server.close()


def test_the_clients_of_the_old_server_notice_nothing(suite, anna, old, tmp_path):
    server, prefix, sep = old
    used(server, prefix, sep)
    sync, pop = Mbsync(tmp_path / "mbsync"), Fetchmail(tmp_path / "fetchmail")
    sync.config(server.ports["imap"], anna.address, server.password, prefix=prefix)
    sync.sync()
    assert pop.fetch(server.ports["pop3"], anna.address, server.password) == 10
    c = server.imap()
    names = folders(c, prefix.replace(".", "/"))
    assert names == {"INBOX", "Sent", "Lists", "Kunden/M&APw-ller"}
    before = {name: picture(c, name if name == "INBOX" else prefix + name.replace("/", sep)) for name in names}
    uidl = server.pop3().uidl()[1]
    c.logout()
    server.stop()
    have = sync.messages()

    dry = rows(suite.cli("--json", "import", "maildir", server.mail, anna.address, "--dry-run"))
    assert dry["INBOX"]["uids"] == "kept" and dry["INBOX"]["added"] == 10, dry
    assert suite.imap(anna).select("INBOX")[1] == [b"0"]
    done = rows(suite.cli("--json", "import", "maildir", server.mail, anna.address))
    assert {n: r["uids"] for n, r in done.items()} == {n.replace("&APw-", "ü"): "kept" for n in names}, done

    with suite.imap(anna) as c:
        for name in names:
            assert picture(c, name) == before[name], name
        subscribed = {r.decode().rsplit(" ", 1)[1].strip('"') for r in c.lsub()[1]}
        assert {"Kunden/M&APw-ller", "Lists"} <= subscribed
        c.select("INBOX", readonly=True)
        assert c.fetch("3", "(BODY.PEEK[])")[1][0][1] == message("INBOX 3")
    assert suite.pop3(anna).uidl()[1] == uidl
    sync.config(suite.ports["imaps"], anna.address, anna.password, tls=suite.cert)
    for counts in sync.sync():
        assert counts == ("0", "0", "0"), sync.said
    now = sync.messages()
    assert {n: now[n] for n in have} == have
    assert pop.fetch(suite.ports["pop3s"], anna.address, anna.password, tls=suite.cert) == 0, pop.said
