# SPDX-License-Identifier: ISC
"""Moving in: a live Dovecot and a live Courier, with clients that were used with them."""
import calendar
import contextlib
import imaplib
import json
import re
import time

import pytest

from conftest import wait_for
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


def uidls(p):
    """{unique id: subject}; in which order they come is each server's own."""
    with contextlib.closing(p):
        return {row.split()[1]: [h for h in p.top(int(row.split()[0]), 0)[1] if h.startswith(b"Subject:")]
                for row in p.uidl()[1]}


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
    uidl = uidls(server.pop3())
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
    assert uidls(suite.pop3(anna)) == uidl
    sync.config(suite.ports["imaps"], anna.address, anna.password, tls=suite.cert)
    for counts in sync.sync():
        assert counts == ("0", "0", "0"), sync.said
    now = sync.messages()
    assert {n: now[n] for n in have} == have
    assert pop.fetch(suite.ports["pop3s"], anna.address, anna.password, tls=suite.cert) == 0, pop.said


def test_a_second_run_takes_what_is_new_and_leaves_what_was_done_here(suite, anna, dovecot):
    old = dovecot()
    used(old)
    run = lambda *more: rows(suite.cli("--json", "import", "maildir", old.mail, anna.address, *more))
    run()
    # people work here already: a message read, one removed, one flagged, one moved, one delivered
    with suite.imap(anna) as c:
        c.select("INBOX")
        c.uid("STORE", "9", "+FLAGS", r"(\Seen)")
        c.uid("STORE", "10", "+FLAGS", r"(\Deleted)")
        c.expunge()
        assert c.uid("MOVE", "11", "Archive")[0] == "OK"
        c.uid("STORE", "1", "+FLAGS", r"(\Flagged)")
    suite.deliver(anna.address, "delivered here")
    # and on the old server, which still lives
    c = old.imap()
    fill(c, "INBOX", 2, first=20)
    c.select("INBOX")
    c.uid("STORE", "8", "+FLAGS", r"(\Seen $Work)")
    c.uid("STORE", "6", "-FLAGS", r"(\Flagged)")
    c.uid("STORE", "7,3", "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.create("Fresh")
    fill(c, "Fresh", 3)
    c.logout()
    dry = run("--dry-run")
    assert (dry["INBOX"]["added"], dry["INBOX"]["changed"], dry["INBOX"]["removed"]) == (2, 2, 2), dry
    done = run()
    assert (done["INBOX"]["added"], done["INBOX"]["changed"], done["INBOX"]["removed"]) == (2, 2, 2), done
    assert done["Fresh"]["added"] == 3
    with suite.imap(anna) as c:
        inbox = picture(c, "INBOX")[1]
        assert set(inbox) == {1, 4, 6, 8, 9, 12, 13, 14, 15}  # 13: delivered here; so the new ones are 14 and 15
        assert inbox[1][0] == {r"\Seen", r"\Flagged"} and inbox[9][0] == {r"\Seen"}
        assert inbox[8][0] == {r"\Seen", "$Work"} and inbox[6][0] == {r"\Answered", "$Work", "NonJunk"}
        assert len(picture(c, "Archive")[1]) == 1 and len(picture(c, "Fresh")[1]) == 3
    again = run()
    assert all(r["added"] == r["changed"] == r["removed"] == 0 for r in again.values()), again
    jobs = json.loads(suite.cli("--json", "import", "list").stdout)
    mine = [j for j in jobs if j["address"] == anna.address]
    assert [j["state"] for j in mine] == ["done"] * 4 and mine[-1]["what"] == "import maildir"


def test_new_mail_of_the_old_server_keeps_its_uids_as_long_as_none_came_here(suite, anna, dovecot, tmp_path):
    old = dovecot()
    used(old)
    sync = Mbsync(tmp_path / "mbsync")
    suite.cli("import", "maildir", old.mail, anna.address)
    c = old.imap()
    fill(c, "INBOX", 3, first=20)
    before = picture(c, "INBOX")
    c.logout()
    sync.config(old.ports["imap"], anna.address, old.password)
    sync.sync()
    have = sync.messages()
    assert rows(suite.cli("--json", "import", "maildir", old.mail, anna.address))["INBOX"]["added"] == 3
    with suite.imap(anna) as c:
        assert picture(c, "INBOX") == before
    sync.config(suite.ports["imaps"], anna.address, anna.password, tls=suite.cert)
    for counts in sync.sync():
        assert counts == ("0", "0", "0"), sync.said
    now = sync.messages()
    assert {n: now[n] for n in have} == have


def test_a_folder_with_mail_of_its_own_gets_new_uids_and_it_is_said(suite, anna, dovecot):
    old = dovecot()
    used(old)
    suite.deliver(anna.address, "was here first")
    done = rows(suite.cli("--json", "import", "maildir", old.mail, anna.address))
    assert done["INBOX"]["uids"] == "new" and "has messages already" in done["INBOX"]["words"]
    assert done["Sent"]["uids"] == "kept"
    with suite.imap(anna) as c:
        assert len(picture(c, "INBOX")[1]) == 11


# --- over IMAP -------------------------------------------------------------------------

@pytest.fixture
def far(own_suite, dovecot):
    """(a suite that trusts the other server's certificate and may connect to its ports, the server)"""
    server = dovecot()
    s = own_suite({"import.ca": str(server.cert), "import.ports": f"{server.ports['imaps']}, {server.ports['imap']}",
                   "import.wait": "5s"})
    return s, server


def take(s, server, account, *more, check=True, security="tls", password=None):
    port = server.ports["imaps" if security == "tls" else "imap"]
    return s.cli("--json", "import", "imap", f"localhost:{port}", account.address, f"user={account.address}",
                 f"security={security}", *more, input=(password or server.password) + "\n", check=check)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_an_account_comes_over_imap_with_its_numbers(far, tmp_path, security):
    s, server = far
    anna = s.account()
    used(server)
    sync = Mbsync(tmp_path / "mbsync")
    sync.config(server.ports["imap"], anna.address, server.password)
    sync.sync()
    c = server.imap()
    before = {name: picture(c, name.replace("/", ".")) for name in folders(c)}
    c.logout()
    have = sync.messages()
    dry = rows(take(s, server, anna, "--dry-run", security=security))
    assert dry["INBOX"]["added"] == 10 and dry["INBOX"]["uids"] == "kept"
    assert s.imap(anna).select("INBOX")[1] == [b"0"]
    done = rows(take(s, server, anna, security=security))
    assert {r["uids"] for r in done.values()} == {"kept"} and done["Kunden/Müller"]["added"] == 4, done
    with s.imap(anna) as c:
        for name, was in before.items():
            assert picture(c, name) == was, name
        assert any(b"M&APw-ller" in row for row in c.lsub()[1])
        c.select("INBOX", readonly=True)
        assert c.fetch("3", "(BODY.PEEK[])")[1][0][1] == message("INBOX 3")
    sync.config(s.ports["imaps"], anna.address, anna.password, tls=s.cert)
    for counts in sync.sync():
        assert counts == ("0", "0", "0"), sync.said
    now = sync.messages()
    assert {n: now[n] for n in have} == have
    # the old server lives on
    c = server.imap()
    fill(c, "INBOX", 2, first=30)
    c.select("INBOX")
    c.uid("STORE", "8", "+FLAGS", r"(\Seen $Later)")
    c.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
    c.expunge()
    want = picture(c, "INBOX")
    c.logout()
    done = rows(take(s, server, anna, security=security))
    assert (done["INBOX"]["added"], done["INBOX"]["changed"], done["INBOX"]["removed"]) == (2, 1, 1), done
    with s.imap(anna) as c:
        assert picture(c, "INBOX") == want


def change(s, key, value):
    """A reload, and until another importd serves."""
    pid = lambda: [r["pid"] for r in s.status() if r["process"] == "importd" and r["state"] == "ready"]
    old = pid()
    s.settings[key] = value
    s.write_config()
    s.cli("reload")
    wait_for(lambda: pid() and not set(pid()) & set(old), 10, 0.05)


def test_refusals_of_the_other_server_are_explained(far):
    s, server = far
    anna = s.account()
    p = take(s, server, anna, password="wrong", check=False)
    assert p.returncode == 77 and "refuses the login" in p.stdout, p.stdout
    change(s, "import.ca", str(s.cert))  # whom we trust is somebody else
    p = take(s, server, anna, check=False)
    assert p.returncode == 75 and "certificate" in p.stdout, p.stdout
    change(s, "import.ports", "993")
    p = take(s, server, anna, check=False)
    assert p.returncode == 75 and "[import] ports" in p.stdout, p.stdout
    assert [j["state"] for j in json.loads(s.cli("--json", "import", "list").stdout)][-1:] == ["failed"]
