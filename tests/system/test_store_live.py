# SPDX-License-Identifier: ISC
"""The index of a live account is deleted or damaged, foreign programs write the Maildir: no wrong answer."""
import contextlib
import os
import pathlib
import random
import shutil
import subprocess
import time

import pytest

from conftest import DOMAIN, wait_for


def picture(c, folder="INBOX"):
    """What a client sees: UIDVALIDITY, and UID -> flags."""
    c.select(folder)
    validity = c.response("UIDVALIDITY")[1][0]
    data = c.uid("FETCH", "1:*", "(FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    rows = {}
    for item in data:
        if isinstance(item, tuple):
            head = item[0]
            uid = int(head.split(b"UID ")[1].split()[0])
            flags = frozenset(f for f in head.split(b"FLAGS (")[1].split(b")")[0].split() if f != b"\\Recent")
            size = int(head.split(b"RFC822.SIZE ")[1].split()[0])
            date = head.split(b'INTERNALDATE "')[1].split(b'"')[0]
            rows[uid] = (flags, size, date, item[1])
    return validity, rows


def filled(suite, account, n=30):
    for i in range(n):
        suite.deliver(account.address, f"message {i}")
    c = suite.imap(account)
    c.select("INBOX")
    c.store("1:10", "+FLAGS", r"(\Seen)")
    c.store("5:7", "+FLAGS", r"(\Flagged $Work Later)")
    c.store("20", "+FLAGS", r"(\Deleted)")
    c.expunge()
    return c


def index_files(suite, account):
    """Copies of the names; a session that ends may still put one of them away."""
    folder = suite.mail_folder(account) / "index"
    return [p for p in folder.rglob("*") if p.is_file()]


def each(files, change):
    for f in files:
        with contextlib.suppress(FileNotFoundError):
            change(f)


def damage_delete(files, folder):
    # a live session may be making it anew meanwhile
    shutil.rmtree(folder, ignore_errors=True)


def damage_each_empty(files, folder):
    each(files, lambda f: os.truncate(f, 0))


def damage_half(files, folder):
    each(files, lambda f: os.truncate(f, f.stat().st_size // 2))


def damage_flips(files, folder):
    r = random.Random(7)

    def flip(f):
        data = bytearray(f.read_bytes())
        for _ in range(max(1, len(data) // 200)):
            data[r.randrange(len(data))] ^= 1 << r.randrange(8)
        f.write_bytes(data)
    each(files, flip)


def damage_garbage_page(files, folder):
    r = random.Random(11)

    def garble(f):
        data = bytearray(f.read_bytes())
        for at in range(0, len(data), 4096):
            if r.random() < 0.5:
                data[at:at + 4096] = r.randbytes(len(data[at:at + 4096]))
        f.write_bytes(data)
    each(files, garble)


def damage_swapped(files, folder):
    each(files, lambda f: f.write_bytes(os.urandom(5000)))


DAMAGE = [damage_delete, damage_each_empty, damage_half, damage_flips, damage_garbage_page, damage_swapped]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("live", [True, False], ids=["live session", "new session"])
def test_index_damage_is_mended_with_the_next_command(suite, anna, damage, live):
    c = filled(suite, anna)
    before = picture(c)
    assert len(before[1]) == 29
    if not live:
        c.logout()
    damage(index_files(suite, anna), suite.mail_folder(anna) / "index")
    if not live:
        c = suite.imap(anna)
    after = picture(c)
    assert after == before
    # and it goes on: a new message gets a higher UID than any before
    suite.deliver(anna.address, "after the damage")
    assert max(picture(c)[1]) > 30
    c.logout()


def test_a_wrong_picture_is_noticed(suite, anna):
    """Negative control of the comparison above."""
    c = filled(suite, anna, 21)
    before = picture(c)
    f = next(p for p in (suite.mail_folder(anna) / "Maildir").rglob("*,S=*") if p.is_file())
    f.unlink()
    assert picture(c) != before
    c.logout()


def test_foreign_programs_are_noticed_with_the_next_command(suite, anna):
    """maildrop, mutt's way (copy with flags), cp, mv, rm."""
    suite.deliver(anna.address, "ours")
    c = suite.imap(anna)
    assert c.select("INBOX")[1] == [b"1"]
    maildir = suite.mail_folder(anna) / "Maildir"
    text = "From: x@y.example\nSubject: foreign {}\n\nbody\n"
    # cp into new/
    (maildir / "new" / f"{int(time.time())}.1.cp").write_text(text.format("cp"))
    own(maildir, maildir / "new")
    c.noop()
    assert c.response("EXISTS")[1][-1] == b"2"
    # a program that writes tmp/ and moves to cur/ with flags
    (maildir / "tmp" / "2.mv").write_text(text.format("mv"))
    os.rename(maildir / "tmp" / "2.mv", maildir / "cur" / "1700000000.2.mv:2,FS")
    own(maildir, maildir / "cur")
    c.noop()
    assert c.search(None, 'SUBJECT "foreign mv" FLAGGED SEEN')[1] == [b"3"]
    # maildrop
    rc = suite.folder / "mailfilter"
    rc.write_text(f'to "{maildir}"\n')
    rc.chmod(0o600)
    subprocess.run(["maildrop", str(rc)], input=text.format("maildrop"), text=True, check=True, timeout=20)
    own(maildir, maildir / "new")
    c.noop()
    assert c.search(None, 'SUBJECT "foreign maildrop"')[1] == [b"4"]
    uids = c.uid("SEARCH", None, "ALL")[1][0].split()
    assert uids == sorted(uids, key=int) and len(set(uids)) == 4
    # the body is sent with CRLF though the file has bare LF
    body = c.fetch("4", "(BODY.PEEK[])")[1][0][1]
    assert b"\r\n\r\nbody\r\n" in body and body.count(b"\n") == body.count(b"\r\n")
    # rm
    for f in (maildir / "cur").iterdir():
        if ".mv" in f.name:
            f.unlink()
    c.response("EXPUNGE")
    c.noop()
    assert c.response("EXPUNGE")[1] == [b"3"]
    # another program sets a flag by renaming
    f = next(p for d in ("new", "cur") for p in (maildir / d).iterdir() if ".cp" in p.name)
    base = f.name.split(":2,")[0]
    os.rename(f, maildir / "cur" / (base + ":2,R"))
    c.noop()
    assert c.search(None, "ANSWERED")[1] == [b"2"]
    c.logout()


def own(maildir, folder):
    """As root: files of a foreign program belong to the mail user."""
    st = maildir.stat()
    for f in folder.iterdir():
        os.chown(f, st.st_uid, st.st_gid)
        f.chmod(0o600)


def test_rebuild_check_status_by_command(suite, anna):
    c = filled(suite, anna)
    before = picture(c)
    out = suite.cli("mailbox", "check", anna.address)
    assert out.returncode == 0, out.stdout
    suite.cli("mailbox", "rebuild", anna.address)
    assert picture(c) == before
    assert "INBOX" in suite.cli("mailbox", "list", anna.address).stdout
    assert "29" in suite.cli("--json", "mailbox", "status", anna.address).stdout
    c.logout()


@pytest.mark.timeout(400)
def test_no_uid_appears_below_one_already_shown(suite, anna):
    """8 writers, 4 watchers, who ask only for what is above what they know; in the end they know all.
    (20,000 messages under MANSIO_SOAK, and always in tests/crash/uids.c, without sockets.)"""
    import threading
    from test_kills import Smtp, text
    each, errors, done = 2500 if os.environ.get("MANSIO_SOAK") else 300, [], threading.Event()

    def guarded(fn, *args):
        def body():
            try:
                fn(*args)
            except Exception as e:
                errors.append(e)
        t = threading.Thread(target=body, daemon=True)
        t.start()
        return t

    def write(k):
        c = Smtp(suite, 30 + k)
        for i in range(each):
            while True:
                try:
                    c.send(anna.address, text(f"{k}-{i}@uids"))
                    break
                except OSError as e:
                    if "421" not in str(e):  # busy, or enough for one connection
                        raise
                    c = Smtp(suite, 30 + k)

    def watch():
        c, seen = suite.imap(anna), []
        c.select("INBOX", readonly=True)
        while True:
            last_round = done.is_set()
            c.noop()
            new = [int(x) for x in c.uid("SEARCH", None, f"UID {seen[-1] + 1 if seen else 1}:*")[1][0].split()]
            seen += [u for u in new if not seen or u > seen[-1]]
            if last_round:
                break
            time.sleep(0.01)
        everything = [int(x) for x in c.uid("SEARCH", None, "ALL")[1][0].split()]
        assert everything == seen, f"below one already shown: {sorted(set(everything) - set(seen))[:5]}"
        assert seen == list(range(1, 8 * each + 1))
        c.logout()

    watchers = [guarded(watch) for _ in range(4)]
    writers = [guarded(write, k) for k in range(8)]
    for t in writers:
        t.join(380)
    done.set()
    for t in watchers:
        t.join(30)
    assert not errors, errors
    assert not any(t.is_alive() for t in writers + watchers)


def test_special_folders_exist_and_are_subscribed_from_the_start(suite, anna):
    c = suite.imap(anna)
    text = b"\n".join(c.list()[1])
    for name, use in (("Drafts", b"\\Drafts"), ("Sent", b"\\Sent"), ("Junk", b"\\Junk"), ("Trash", b"\\Trash"), ("Archive", b"\\Archive")):
        line = next(x for x in text.splitlines() if name.encode() in x)
        assert use in line
    assert len(c.lsub()[1]) == 6
    c.logout()


def test_first_deliveries_at_once_make_one_index(suite):
    """Eight deliveries find a new mailbox without an index: one makes it, none throws it away again."""
    import concurrent.futures
    for _ in range(12):
        a = suite.account()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: suite.deliver(a.address, f"m{n}"), range(8)))
        with suite.imap(a) as c:
            c.select("INBOX")
            assert c.uid("SEARCH", None, "ALL")[1] == [b"1 2 3 4 5 6 7 8"]
