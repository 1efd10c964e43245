# SPDX-License-Identifier: ISC
"""A fault at the n-th operation on a file, in a process of the running suite.

tests/crash/faults.c is preloaded into the programs as they were built for release; its counter lies in a page that this
file maps too. Each run arms it for one program, lets a client do one thing, writes into the ledger what the client was told,
and then looks, with another session, whether all that was acknowledged is there: once, whole, under the UID that it had.

A sample fits into MANSIO_CRASH_SECONDS for each thing (default 2; 0: every operation with every fault, `make crash`).
"""
import contextlib
import errno
import imaplib
import itertools
import mmap
import os
import random
import shutil
import smtplib
import struct
import subprocess
import time

import pytest

from conftest import TOP, Suite, make_folder, wait_for

SECONDS = float(os.environ.get("MANSIO_CRASH_SECONDS", "2"))
SEED = int(os.environ.get("MANSIO_CRASH_SEED", time.time_ns() // 1000000))
COUNT, ERROR, STICKY, SHORT, KILL, KILL_AFTER = range(6)  # enum faults_mode of tests/crash/faults.h
MODES = [("kill", KILL, 0), ("kill after", KILL_AFTER, 0), ("EIO", ERROR, errno.EIO), ("ENOSPC", ERROR, errno.ENOSPC),
         ("ENOSPC stays", STICKY, errno.ENOSPC), ("EMFILE", ERROR, errno.EMFILE), ("ENOMEM", ERROR, errno.ENOMEM),
         ("short", SHORT, 0)]


class Page:
    """struct faults"""
    HEAD = struct.Struct("<IIiI16sIIII64sq")

    def __init__(self, path):
        path.write_bytes(bytes(4096))
        path.chmod(0o666)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)

    def arm(self, program, mode, error=0, n=0):
        self.map[:] = bytes(4096)
        self.map[:self.HEAD.size] = self.HEAD.pack(0, mode, error, n, program.encode(), 0, 0, 0, 0, b"", 0)
        self.map[0] = 1

    def shift(self, seconds):
        """Sets the wall clock of all programs."""
        struct.pack_into("<q", self.map, self.HEAD.size - 8, seconds)

    def disarm(self):
        self.map[0] = 0
        _, _, _, _, _, seen, fired, again, _, what, _ = self.HEAD.unpack(self.map[:self.HEAD.size])
        return seen, fired, again, what.rstrip(b"\0").decode()


class Rig:
    def __init__(self, settings=None):
        self.folder = make_folder()
        lib = self.folder / "faults.so"
        subprocess.run(["gcc", "-std=gnu17", "-O1", "-shared", "-fPIC", "-I", TOP, "-o", lib, TOP / "tests/crash/faults.c",
                        TOP / "tests/crash/faults_clock.c"],
                       check=True)
        self.page = Page(self.folder / "page")
        self.env = {"LD_PRELOAD": str(lib), "MANSIO_FAULTS": str(self.folder / "page")}
        self.suite = Suite(self.folder, settings)
        self.start()

    def start(self):
        os.environ.update(self.env)
        try:
            self.suite.start()
        finally:
            for name in self.env:
                del os.environ[name]

    def stop(self):
        self.page.disarm()
        self.suite.stop()
        # a sandbox ends the counter's kill(2) by SIGSYS; nothing else may have died by itself
        bad = [line for line in self.suite.log().splitlines()
               if any(w in line for w in ("runtime error:", "signal 11", "signal 6", "signal 7", "bug:"))]
        assert not bad, "\n".join(bad[:5])
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def rig():
    r = Rig()
    yield r
    r.stop()


def text(mid):
    return f"From: a@elsewhere.example\r\nMessage-ID: <{mid}>\r\nSubject: s\r\n\r\n{mid}\r\n".encode()


def session(suite, account):
    """authd that was killed again and again comes back after a pause."""
    def try_it():
        try:
            return suite.imap(account)
        except (imaplib.IMAP4.error, OSError):
            return None
    return wait_for(try_it, timeout=20)


class Mailbox:
    """One account, what its clients were told, and what they see."""
    serial = itertools.count(1)

    def __init__(self, suite, folders=("INBOX", "Archive")):
        self.suite, self.folders = suite, folders
        self.account = suite.account()
        self.acked = {}  # Message-ID -> set of folders that it must be in one of
        self.sent = set()  # all that may be there
        self.gone = set()  # acknowledged as gone
        self.flags = {}  # Message-ID -> flags that were acknowledged
        self.named = {}  # (folder, UIDVALIDITY, UID) -> Message-ID, as it was ever seen
        self.next = {}
        self.twice = set()  # a MOVE without an answer may leave both
        self.looker = None

    def message(self):
        mid = f"m{next(self.serial)}@faults"
        self.sent.add(mid)
        return mid

    def look(self):
        """{folder: {uid: (Message-ID, flags)}}, and judges it. What is not there may wait in the queue."""
        seen = self.see()
        if not set(self.acked) <= {mid for rows in seen.values() for mid, _ in rows.values()}:
            self.suite.settle()
            seen = self.see()
        return self.judge(seen)

    def see(self):
        if not self.looker:
            self.looker = session(self.suite, self.account)
        c, seen = self.looker, {}
        for folder in self.folders:
            typ, data = c.select(folder, readonly=True)
            assert typ == "OK", data
            validity, uidnext = int(c.response("UIDVALIDITY")[1][0]), int(c.response("UIDNEXT")[1][0])
            assert uidnext >= self.next.get((folder, validity), 0), "UIDNEXT ran backwards"
            seen[folder] = rows = {}
            if int(data[0]):
                typ, data = c.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")
                assert typ == "OK", data
                for item in data:
                    if isinstance(item, tuple):
                        uid = int(item[0].split(b"UID ")[1].split()[0])
                        flags = set(item[0].split(b"FLAGS (")[1].split(b")")[0].decode().split())
                        mid = item[1].split(b"Message-ID: <")[1].split(b">")[0].decode()
                        assert item[1].endswith(text(mid)), "not whole"
                        rows[uid] = mid, flags
            for uid, (mid, flags) in rows.items():
                known = self.named.get((folder, validity, uid))
                assert known in (None, mid), f"UID {uid} was {known}, is {mid}"
                assert known or uid >= self.next.get((folder, validity), 0), f"UID {uid} came below UIDNEXT"
                assert uid < uidnext and mid in self.sent
                assert mid not in self.gone, f"{mid} came back"
                assert self.flags.get(mid, set()) <= flags, f"{mid} has lost its flags"
                self.named[folder, validity, uid] = mid
            self.next[folder, validity] = uidnext
        return seen

    def judge(self, seen):
        all_seen = [mid for rows in seen.values() for mid, _ in rows.values()]
        for mid, places in self.acked.items():
            n = all_seen.count(mid)
            assert n, f"{mid} is lost"
            assert n == 1 or mid in self.twice, f"{mid} is there {n} times"
            assert any(mid == m for place in places for m, _ in seen[place].values()), f"{mid} is not in {places}"
        return seen

    def close(self):
        with contextlib.suppress(Exception):
            self.looker.logout()


# --- what a client does; each returns whether it was acknowledged

def answered(call, *args):
    """True for OK, False for NO or a connection that was lost."""
    try:
        return call(*args)[0] == "OK"
    except (imaplib.IMAP4.error, OSError):
        return False


class Imap:
    """A session that is there again when it was killed."""
    def __init__(self, box):
        self.box, self.c = box, None

    def selected(self):
        with contextlib.suppress(imaplib.IMAP4.error, OSError, AttributeError):
            if self.c.noop()[0] == "OK":
                return self.c
        self.c = session(self.box.suite, self.box.account)
        assert self.c.select("INBOX")[0] == "OK"
        return self.c


def straight(box, imap):
    mid = box.message()
    yield
    try:
        with box.suite.smtp() as c:
            c.sendmail("a@elsewhere.example", [box.account.address], text(mid))
    except (smtplib.SMTPException, OSError):
        return
    box.acked[mid] = {"INBOX"}


def lmtp(box, imap):
    from test_lmtp import Client
    mid = box.message()
    yield
    try:
        c = Client(box.suite.state / "run" / "lmtp")
        with contextlib.closing(c):
            c.sendmail("a@elsewhere.example", [box.account.address], text(mid))
    except (smtplib.SMTPException, OSError, AssertionError):
        return
    box.acked[mid] = {"INBOX"}


def append(box, imap):
    mid = box.message()
    c = imap.selected()
    yield
    if answered(c.append, "INBOX", r"(\Seen Fresh)", None, text(mid)):
        box.acked[mid] = {"INBOX"}
        box.flags[mid] = {"\\Seen", "Fresh"}


def some(box, n=2):
    """UIDs and Message-IDs in INBOX to do something with."""
    rows = box.look()["INBOX"]
    while len(rows) < n + 1:
        with box.suite.imap(box.account) as c:
            mid = box.message()
            assert c.append("INBOX", None, None, text(mid))[0] == "OK"
            box.acked[mid] = {"INBOX"}
        rows = box.look()["INBOX"]
    uids = list(rows)[:n]
    return ",".join(map(str, uids)), [rows[u][0] for u in uids]


def store(box, imap):
    uids, mids = some(box)
    c = imap.selected()
    word = f"k{next(box.serial) % 20}"
    yield
    if answered(c.uid, "STORE", uids, "+FLAGS", rf"(\Flagged {word})"):
        for mid in mids:
            box.flags[mid] = box.flags.get(mid, set()) | {"\\Flagged", word}


def copy(box, imap):
    uids, mids = some(box)
    c = imap.selected()
    before = len(box.look()["Archive"])
    box.twice.update(mids)
    yield
    done = answered(c.uid, "COPY", uids, "Archive")
    box.disarmed()
    after = len(box.look()["Archive"])
    assert after - before in ((2,) if done else (0, 1, 2))  # one: killed between the two


def move(box, imap):
    uids, mids = some(box)
    c = imap.selected()
    yield
    done = answered(c.uid, "MOVE", uids, "Archive")
    for mid in mids:
        box.acked[mid] = {"Archive"} if done else {"INBOX", "Archive"}
    if not done:
        box.twice.update(mids)


def expunge(box, imap):
    uids, mids = some(box)
    c = imap.selected()
    assert c.uid("STORE", uids, "+FLAGS.SILENT", r"(\Deleted)")[0] == "OK"
    for mid in mids:
        box.acked.pop(mid, None)
    yield
    if answered(c.expunge):
        # a COPY may have left another in Archive
        box.gone.update(set(mids) - box.twice)
    else:
        c = imap.selected()
        c.expunge()


def pop3_delete(box, imap):
    uids, mids = some(box)
    c = box.suite.pop3(box.account)
    box.acked.pop(mids[0], None)
    with contextlib.suppress(Exception):
        c.dele(1)
    yield
    try:
        if c.quit().startswith(b"+OK"):
            box.gone.update(set(mids[:1]) - box.twice)
    except Exception:
        pass


def names(box):
    with box.suite.imap(box.account) as c:
        return {line.decode().split('"')[-2] for line in c.list()[1]}, {line.decode().split('"')[-2] for line in c.lsub()[1] if line}


def folders(box, imap):
    """Four things with a folder that holds a message."""
    c = imap.selected()
    n = next(box.serial)
    a, b, mid = f"F{n}", f"G{n}/H", f"folder{n}@faults"
    yield
    made = answered(c.create, a)
    subscribed = made and answered(c.subscribe, a)
    filled = made and answered(c.append, a, None, None, text(mid))
    renamed = made and answered(c.rename, a, b)
    box.disarmed()
    there, lsub = names(box)
    assert not made or {a, b} & there, "an acknowledged folder is gone"
    assert not (a in there and b in there)
    assert not renamed or b in there
    assert not subscribed or a in lsub
    for name in {a, b} & there:
        with box.suite.imap(box.account) as c:
            typ, data = c.select(name)
            assert typ == "OK", data
            assert not filled or data == [b"1"], "a message of a renamed folder is lost"
            if data != [b"0"]:
                assert c.fetch("1", "(BODY.PEEK[])")[1][0][1].endswith(text(mid))
            c.unselect()
            assert c.delete(name)[0] == "OK" and name not in names(box)[0]


def delete_folder(box, imap):
    c = imap.selected()
    name = f"D{next(box.serial)}"
    assert c.create(name)[0] == "OK" and c.append(name, None, None, text("x@faults"))[0] == "OK"
    yield
    done = answered(c.delete, name)
    box.disarmed()
    there = name in names(box)[0]
    assert not (done and there)
    if there:
        with box.suite.imap(box.account) as c:
            assert c.select(name)[1] == [b"1"], "half deleted"


def may_login(suite, address, password):
    try:
        with suite.imap() as c:
            c.login(address, password)
            return True
    except imaplib.IMAP4.error:
        return False


def user_add(box, imap):
    address = f"new{next(box.serial)}@example.org"
    yield
    done = box.suite.cli("user", "add", address, input="secret one\n", check=False).returncode == 0
    box.disarmed()
    there = may_login(box.suite, address, "secret one")
    assert there or not done, "an added user is gone"
    if not there:
        box.suite.cli("user", "add", address, input="secret one\n")
        assert may_login(box.suite, address, "secret one")


def password(box, imap):
    old, new = box.account.password, f"secret {next(box.serial)}"
    yield
    done = box.suite.cli("user", "password", box.account.address, input=new + "\n", check=False).returncode == 0
    box.disarmed()
    with_new, with_old = (may_login(box.suite, box.account.address, p) for p in (new, old))
    assert with_new != with_old
    assert with_new or not done, "a changed password is forgotten"
    box.account.password = new if with_new else old


def first_mail(box, imap):
    """authd makes the mailbox's directory."""
    other = Mailbox(box.suite)
    yield
    for _ in straight(other, None):
        pass
    box.disarmed()
    other.look()
    other.close()


THINGS = [(straight, "lmtpd"), (lmtp, "lmtpd"), (append, "imapd"), (store, "imapd"), (copy, "imapd"), (move, "imapd"),
          (expunge, "imapd"), (pop3_delete, "pop3d"), (folders, "imapd"), (delete_folder, "imapd"), (user_add, "authd"),
          (password, "authd"), (first_mail, "authd")]


def plan(ops, r, kills=None):
    """Every operation with every fault, in an order of chance; some programs may not die so often (master's brake)."""
    runs = [(n, m) for n in range(1, ops + 1) for m in MODES]
    r.shuffle(runs)
    deaths = [run for run in runs if run[1][1] in (KILL, KILL_AFTER)]
    return [run for run in runs if kills is None or run not in deaths[kills:]]


def once(rig, box, imap, thing, program, mode=COUNT, error=0, n=0):
    """Does it with the counter armed: (operations seen, hit, what)."""
    run = thing(box, imap)
    next(run)
    rig.page.arm(program, mode, error, n)
    said = []
    box.disarmed = lambda: said or said.append(rig.page.disarm())
    try:
        next(run, None)
    finally:
        box.disarmed()
    seen, fired, again, what = said[0]
    assert not again, f"{what} failed and was repeated"
    return seen, fired, what


@pytest.mark.parametrize("thing,program", THINGS, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_nothing_acknowledged_is_lost_whatever_fails(rig, thing, program):
    r = random.Random(SEED)
    box = Mailbox(rig.suite)
    imap = Imap(box)
    once(rig, box, imap, thing, program)  # the mailbox is made
    ops = once(rig, box, imap, thing, program)[0]
    assert ops > 2, "nothing was counted"
    before = {name for name in rig.suite.tree().values()}
    end = time.monotonic() + SECONDS if SECONDS else float("inf")
    hits, least = 0, 3 if thing is first_mail else 5  # authd itself dies of most: it is held back (master's brake)
    for n, (name, mode, error) in plan(ops, r, 3 if thing is first_mail and SECONDS else None):
        if time.monotonic() > end and hits >= least:
            break
        where = "?"
        try:
            _, fired, where = once(rig, box, imap, thing, program, mode, error, n)
            hits += bool(fired)
            box.look()
        except Exception as e:
            raise AssertionError(f"{thing.__name__}, {name} at operation {n} ({where}) of {program}, seed {SEED}: {e!r}") from e
        if len(box.sent) % 40 == 0:
            box.close()
            box = Mailbox(rig.suite)
            imap = Imap(box)
    assert hits >= least
    assert wait_for(lambda: {name for name in rig.suite.tree().values()} >= before), "a process is gone"
    box.close()


def size_of(suite):
    with suite.smtp() as c:
        return c.ehlo()[1].decode().split("SIZE ")[1].split()[0]


def test_a_reload_is_done_or_not_done_whatever_fails():
    """The settings in force are the old ones or the new ones; master lives, or starts again as if nothing had been."""
    rig = Rig()
    suite = rig.suite
    r = random.Random(SEED)
    anna = suite.account()
    sizes = itertools.cycle([str(n << 20) for n in (3, 4, 5)])

    def reload(mode=COUNT, error=0, n=0):
        old, new = size_of(suite), next(sizes)
        suite.settings["smtp.message_size"] = new
        suite.write_config()
        rig.page.arm("mansio", mode, error, n)
        done = suite.cli("reload", check=False).returncode == 0
        seen, fired, again, what = rig.page.disarm()
        assert not again
        if fired and mode in (KILL, KILL_AFTER):
            with contextlib.suppress(subprocess.TimeoutExpired):  # or it was a fork of master's, on its way to exec
                suite.process.wait(0.5)
        if suite.process.poll() is not None:
            suite.process = None
            rig.start()
            old = new  # it has read the file
        if done:
            wait_for(lambda: size_of(suite) == new)
        assert size_of(suite) in (old, new), what
        suite.deliver(anna.address)
        return seen

    try:
        reload()
        ops = reload()
        end = time.monotonic() + SECONDS if SECONDS else float("inf")
        done = 0
        for n, (name, mode, error) in plan(ops, r):
            if time.monotonic() > end and done >= 5:
                break
            try:
                reload(mode, error, n)
            except Exception as e:
                raise AssertionError(f"reload, {name} at operation {n}, seed {SEED}: {e!r}") from e
            done += 1
    finally:
        rig.stop()


def test_the_ledger_sees_a_loss(rig):
    """Negative control: a file is removed behind the suite's back."""
    box = Mailbox(rig.suite)
    for _ in straight(box, None):
        pass
    box.look()
    for f in (rig.suite.mail_folder(box.account) / "Maildir" / "cur").iterdir():
        f.unlink()
    with pytest.raises(AssertionError, match="is lost"):
        box.look()
    box.close()
