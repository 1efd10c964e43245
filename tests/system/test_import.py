# SPDX-License-Identifier: ISC
"""Moving in: a live Dovecot and a live Courier, with clients that were used with them."""
import calendar
import contextlib
import imaplib
import os
import select
import socket
import ssl
import subprocess
import threading
import json
import re
import time

import pytest

from conftest import MANSIO, wait_for
from oldserver import Courier, Dovecot, Fetchmail, Mbsync

DAY = 1000000000


def message(n, body="Hello.\r\n"):
    return (f"From: someone@elsewhere.example\r\nTo: anna@old.example\r\nSubject: old {n}\r\n"
            f"Message-ID: <old.{n}@elsewhere.example>\r\nDate: Sun, 09 Sep 2001 01:46:40 +0000\r\n\r\n{body}").encode()


def fill(c, folder, n, first=0, flags=()):
    """n messages with dates of their own, gaps between the UIDs, flags and keywords."""
    for i in range(first, first + n):
        when = imaplib.Time2Internaldate(time.localtime(DAY + i * 86400))
        typ, said = c.append(folder, " ".join(flags) and f"({' '.join(flags)})" or None, when, message(f"{folder} {i}"))
        assert typ == "OK", said


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
    wait_for(lambda: pid() and not set(pid()) & set(old), 20, 0.05)


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


# --- what comes from a hostile or broken hand ------------------------------------------------

def make_maildir(folder, n=30, first=1, validity=1234567890, sizes=True):
    """As Dovecot leaves it, without one: n messages with UIDs, every third read, dates of their own."""
    for d in ("cur", "new", "tmp"):
        (folder / d).mkdir(parents=True, exist_ok=True)
    lines = [f"3 V{validity} N{first + n + 5} G0123456789abcdef0123456789abcdef"]
    for i in range(first, first + n):
        text = message(i)
        base = f"{DAY + i}.M{i}P1.old" + (f",S={len(text)},W={len(text)}" if sizes else "")
        path = folder / "cur" / (base + (":2,Sa" if i % 3 == 0 else ":2,"))
        path.write_bytes(text)
        os.utime(path, (DAY + i, DAY + i))
        lines.append(f"{i} :{base}")
    (folder / "dovecot-uidlist").write_text("\n".join(lines) + "\n")
    (folder / "dovecot-keywords").write_text("0 $Work\n")
    (folder / "subscriptions").write_text("V\t2\n\nINBOX\n")


def test_odd_things_in_a_maildir_are_told_and_do_no_harm(suite, anna, tmp_path):
    old = tmp_path / "Maildir"
    make_maildir(old)
    secret = tmp_path / "secret"
    secret.write_text("Subject: secret\n\nnot in the Maildir\n")
    (old / "cur" / "1.link.old:2,").symlink_to(secret)
    os.mkfifo(old / "cur" / "1.fifo.old:2,")
    (old / "cur" / "1.folder.old:2,").mkdir()
    (old / "cur" / "x").write_text("Subject: no number\n\n")
    (old / "cur" / "1.\x01ctl.old:2,").write_text("x")
    (old / ".Link").symlink_to(tmp_path)
    for name in (".", "..", ".A..B", ".&Jjo-", ".&broken", ".\xff\xfe", ".INBOX", ".a.", ".Ok" + "x" * 200):
        d = os.fsencode(str(old)) + b"/" + name.encode("latin-1", "replace").replace(b"?", b"\xff")
        if name not in (".", ".."):
            for sub in (b"", b"/cur", b"/new", b"/tmp"):
                os.mkdir(d + sub)
            open(d + b"/cur/1.in.old:2,", "w").write("Subject: inside\n\nx\n")
    (old / "dovecot-acl").write_text("user=ben lr\n")
    (old / "courierimapkeywords").symlink_to("/etc")
    with open(old / "dovecot-uidlist", "a") as f:
        f.write("31 :../../../../etc/passwd\n32 :\n4294967295 :1.x.old\n7 :1000000030.M30P1.old\nnonsense\n33 Pbad\x01uidl :y\n")
    p = suite.cli("--json", "import", "maildir", old, anna.address, check=False)
    said = json.loads(p.stdout)
    said = said if isinstance(said, list) else said["rows"]
    words = " / ".join(r["words"] for r in said)
    assert p.returncode in (0, 65), p.stdout
    assert "are no messages" in words and "dovecot-acl is not taken" in words, words
    with suite.imap(anna) as c:
        inbox = picture(c, "INBOX")[1]
        assert 31 == len([u for u in inbox]) and set(range(1, 30)) <= set(inbox), sorted(inbox)
        got = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        assert b"secret" not in b"".join(x[1] for x in got if isinstance(x, tuple))
        assert len(folders(c)) >= 10
    before = suite.cli("--json", "mailbox", "list", anna.address).stdout
    again = suite.cli("--json", "import", "maildir", old, anna.address, check=False)
    rows_ = json.loads(again.stdout)
    assert all(r["added"] == r["removed"] == 0 for r in (rows_ if isinstance(rows_, list) else rows_["rows"]))
    assert [(r["name"], r["messages"]) for r in json.loads(before)] == \
        [(r["name"], r["messages"]) for r in json.loads(suite.cli("--json", "mailbox", "list", anna.address).stdout)]
    assert suite.cli("mailbox", "check", anna.address).returncode == 0


def test_a_cut_or_flipped_list_of_uids_never_gives_a_uid_to_another_message(suite, tmp_path):
    old = tmp_path / "Maildir"
    make_maildir(old, n=6)
    good = (old / "dovecot-uidlist").read_bytes()
    random = __import__("random").Random(4)
    cases = [good[:n] for n in random.sample(range(len(good)), 6)]
    for _ in range(6):
        b = bytearray(good)
        b[random.randrange(len(b))] ^= 1 << random.randrange(8)
        cases.append(bytes(b))
    for case in cases:
        account = suite.account()
        (old / "dovecot-uidlist").write_bytes(case)
        p = suite.cli("--json", "import", "maildir", old, account.address, check=False)
        assert p.returncode in (0, 65), p.stdout
        with suite.imap(account) as c:
            validity, inbox = picture(c, "INBOX")
            assert len(inbox) == 6
            if validity == 1234567890:  # whoever has a UID of the list is that message
                for row in c.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][::2]:
                    uid, n = int(re.search(rb"UID (\d+)", row[0])[1]), int(re.search(rb"old (\d+)", row[1])[1])
                    listed = dict(re.findall(rb"^(\d+) [^\n]*:(10000000\d+)\.", case, re.M))
                    assert uid == n or listed.get(str(uid).encode()) in (None, b"%d" % (DAY + n)) or uid > 6, (uid, n)


def test_an_import_that_is_killed_goes_on_with_the_same_uids(suite, anna, tmp_path):
    old = tmp_path / "Maildir"
    n = 6000
    make_maildir(old, n=n)
    want = {i: DAY + i for i in range(1, n + 1)}
    kills = 0
    for _ in range(12):
        before = {pid for pid, name in suite.tree().items() if name == "importd"}
        p = subprocess.Popen([MANSIO, "--state", suite.state, "import", "maildir", old, anna.address],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        cur = suite.mail_folder(anna) / "Maildir" / "cur"
        have = len(list(cur.iterdir())) if cur.exists() else 0
        while p.poll() is None:
            new = {pid for pid, name in suite.tree().items() if name == "importd"} - before
            if new and cur.exists() and len(list(cur.iterdir())) >= min(have + 500, n - 1):
                for pid in new:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, 9)
                kills += 1
                break
        p.wait(120)
        if kills >= 4:
            break
    assert kills >= 3
    done = rows(suite.cli("--json", "import", "maildir", old, anna.address))
    assert done["INBOX"]["uids"] == "kept" and len(done) == 1
    with suite.imap(anna) as c:
        validity, inbox = picture(c, "INBOX")
        assert validity == 1234567890 and {u: x[1] for u, x in inbox.items()} == want
        assert all((r"\Seen" in x[0]) == (u % 3 == 0) == ("$Work" in x[0]) for u, x in inbox.items())
        assert int(re.search(rb"UIDNEXT (\d+)", c.status("INBOX", "(UIDNEXT)")[1][0])[1]) == n + 6
    assert any(j["state"] == "failed" and "goes on where it was" in j["words"]
               for j in json.loads(suite.cli("--json", "import", "list").stdout))
    assert suite.cli("mailbox", "check", anna.address).returncode == 0


def test_mail_that_comes_during_an_import_gets_no_uid_of_the_old_server(suite, anna, tmp_path):
    """Between a run that broke off and the next one, new mail must not get a UID that clients know."""
    old = tmp_path / "Maildir"
    make_maildir(old, n=50)
    (old / "cur" / "1000000025.M25P1.old,S=1,W=1:2,").mkdir()  # no message
    target = next(p for p in (old / "cur").iterdir() if p.name.startswith("1000000025.M25P1.old") and p.is_file())
    hold = target.read_bytes()
    target.unlink()
    target.write_bytes(b"")
    os.truncate(target, 300 << 20)  # larger than an import takes: the run is not complete
    p = suite.cli("--json", "import", "maildir", old, anna.address, check=False)
    assert p.returncode == 65 and "larger than" in p.stdout
    suite.deliver(anna.address, "new here")
    os.truncate(target, 0)
    target.write_bytes(hold)
    os.utime(target, (DAY + 25, DAY + 25))
    suite.cli("import", "maildir", old, anna.address)
    with suite.imap(anna) as c:
        inbox = picture(c, "INBOX")[1]
        assert len(inbox) == 51 and 25 not in inbox and min(set(inbox) - set(range(1, 51))) >= 56
        c.select("INBOX", readonly=True)
        assert b"new here" in c.uid("FETCH", "56", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1]


def test_a_large_maildir_takes_minutes_not_hours(suite, anna, tmp_path):
    old = tmp_path / "Maildir"
    n = int(os.environ.get("MANSIO_IMPORT_N", 3000))
    make_maildir(old, n=n)
    began, times = time.monotonic(), os.times()
    done = rows(suite.cli("--json", "import", "maildir", old, anna.address))
    took = time.monotonic() - began
    assert done["INBOX"]["added"] == n
    print(f"{n} messages in {took:.1f} s: {took / n * 100000:.0f} s for 100,000")
    began = time.monotonic()
    assert rows(suite.cli("--json", "import", "maildir", old, anna.address))["INBOX"]["added"] == 0
    again = time.monotonic() - began
    print(f"again, nothing new: {again:.1f} s")
    assert again < took / 2 + 1


class Cutter:
    """Between the import and the server: ends each of the first connections after so many bytes of the server's."""

    def __init__(self, port, cuts):
        self.port, self.cuts, self.made = port, list(cuts), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock = self.listener.accept()[0]
                self.made += 1
                cut = self.cuts.pop(0) if self.cuts else 1 << 60
                threading.Thread(target=self.serve, args=(sock, cut), daemon=True).start()

    def serve(self, sock, left):
        with contextlib.suppress(OSError), sock, socket.create_connection(("127.0.0.1", self.port)) as to:
            while left > 0:
                for s in select.select([sock, to], [], [], 20)[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    if s is to:
                        data = data[:left]
                        left -= len(data)
                    (sock if s is to else to).sendall(data)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # its thread leaves accept() before the number is used again
        self.listener.close()


def test_an_import_over_imap_goes_on_after_breaks(own_suite, dovecot):
    server = dovecot()
    c = server.imap()
    fill(c, "INBOX", 150)
    c.create("Other")
    fill(c, "Other", 5)
    before = {name: picture(c, name) for name in ("INBOX", "Other")}
    c.logout()
    cutter = Cutter(server.ports["imaps"], [20000, 30000, 100, 12000])
    s = own_suite({"import.ca": str(server.cert), "import.ports": str(cutter.own), "import.wait": "5s"})
    anna = s.account()
    again = {**server.ports, "imaps": cutter.own}
    try:
        server.ports, ports = again, server.ports
        p = take(s, server, anna, check=False)  # four connections are all that one run makes; each of these is cut
        assert p.returncode == 75, p.stdout
        with s.imap(anna) as c:
            have = len(picture(c, "INBOX")[1])
        assert 0 < have < 150
        p = take(s, server, anna, "wait=no")
        assert "has begun" in p.stdout
        job = lambda: json.loads(s.cli("--json", "import", "list").stdout)[-1]
        wait_for(lambda: job()["state"] != "running", 30, 0.1)
        assert job()["state"] == "done" and job()["taken"] == 155 and job()["what"] == "import imap", job()
        with s.imap(anna) as c:
            for name, was in before.items():
                assert picture(c, name) == was, name
        assert cutter.made >= 4
    finally:
        server.ports = ports
        cutter.close()


HOSTILE = [
    b"* OK " + b"x" * 5_000_000,
    b"* OK hi\r\n" + b"* 1 FETCH (BODY[] {99999999999999}\r\n",
    b"* OK hi\r\n* CAPABILITY IMAP4rev1\r\na1 OK\r\na2 OK\r\na3 OK\r\n* LIST () \"/\" {1000000000}\r\n",
    b"* OK hi\r\n* CAPABILITY IMAP4rev1\r\na1 OK\r\na2 OK\r\n* CAPABILITY IMAP4rev1\r\na3 OK\r\n"
    b"* LIST () \"/\" \"../../../etc\"\r\n* LIST () \"/\" \"INBOX\"\r\n* LIST () \"/\" \"a/../b\"\r\na4 OK\r\na5 OK\r\n"
    b"* 5 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\na6 OK\r\n* 1 FETCH (UID 4294967294 FLAGS (a b))\r\n* 2 FETCH (UID 3 FLAGS ())\r\na7 OK\r\n"
    b"* 2 FETCH (UID 99 BODY[] {3}\r\nabc)\r\n* 2 FETCH (UID 3 BODY[] {3}\r\nabc)\r\na8 OK\r\n",
    b"\x00\xff\r\n" * 1000, b"* BYE no\r\n", b"a1 OK\r\n" * 100, b"",
]


def test_a_hostile_imap_server_harms_nothing(own_suite):
    s = own_suite({"import.wait": "2s"}, start=False)
    listener = socket.create_server(("127.0.0.1", 0))
    s.settings.update({"import.ca": str(s.cert), "import.ports": str(listener.getsockname()[1])})
    s.write_config()
    s.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(s.cert, s.folder / "cert.key")
    say = [b""]

    def serve():
        with contextlib.suppress(OSError):
            while True:
                raw = listener.accept()[0]
                with contextlib.suppress(OSError, ssl.SSLError), context.wrap_socket(raw, server_side=True) as c:
                    c.settimeout(3)
                    c.sendall(say[0])
                    while c.recv(65536):
                        pass
    for _ in range(4):
        threading.Thread(target=serve, daemon=True).start()
    for text in HOSTILE:
        say[0] = text
        anna = s.account()
        p = s.cli("--json", "import", "imap", f"localhost:{listener.getsockname()[1]}", anna.address, "user=a",
                  input="b\n", check=False)
        assert p.returncode in (0, 65, 74, 75, 77), (text[:80], p.stdout)
        assert s.imap(anna).select("INBOX")[0] == "OK"
    assert json.loads(s.cli("--json", "import", "list").stdout)[-1]["state"] == "failed"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
