# SPDX-License-Identifier: ISC
"""Power cuts: the file system under a loaded suite is shut down at a random moment, without a flush of its log, and mounted again.

The state lies on ext4 or xfs in a loop-mounted file. Clients deliver by SMTP and LMTP, append, flag, move and expunge, and one
watches; each writes down when it was told what. What was told before the shutdown was asked for must be there after
the next start, under the UIDs that it had. Each life has a boot id of its own, or the index, which is not synced, would be trusted.

MANSIO_CUTS cuts (default 20, `make powercut`: 2,000), in turns on both.
"""
import contextlib
import ctypes
import fcntl
import imaplib
import os
import pathlib
import random
import shutil
import signal
import smtplib
import struct
import subprocess
import threading
import time
import uuid

import pytest

from conftest import ROOT, Account, Suite, make_folder, wait_for
from test_kills import Smtp, text
from test_lmtp import Client as Lmtp

CUTS = int(os.environ.get("MANSIO_CUTS", "20"))
SEED = int(os.environ.get("MANSIO_CRASH_SEED", time.time_ns() // 1000000))
SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN, the same of ext4 and xfs
NO_FLUSH = 2
MKFS = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}

pytestmark = pytest.mark.skipif(not ROOT, reason="only root may mount")


class Disk:
    def __init__(self, kind):
        self.folder = make_folder()
        self.image, self.mount_point = self.folder / "image", self.folder / "disk"
        self.mount_point.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(320 << 20)
        subprocess.run([*MKFS[kind], self.image], check=True, capture_output=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.mount_point], check=True)

    def cut(self):
        fd = os.open(self.mount_point, os.O_RDONLY)
        try:
            at = time.monotonic()
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_FLUSH))
        finally:
            os.close(fd)
        return at

    def umount(self):
        subprocess.run(["umount", self.mount_point], check=True)
        # the last process's mount namespace may hold it a moment longer: then the next mount would be the old, dead one
        wait_for(lambda: not subprocess.run(["losetup", "-j", self.image], capture_output=True, check=True).stdout, timeout=20)

    def remove(self):
        subprocess.run(["umount", "-q", self.mount_point])
        shutil.rmtree(self.folder)


class Ledger:
    """What the clients of one account were told, and when."""

    def __init__(self, account):
        self.account = account
        self.lock = threading.Lock()
        self.told = []  # (when, what, Message-ID, value), of this life
        self.places = {}  # Message-ID -> the places that it may be in: "INBOX", "Archive", "gone"
        self.flags = {}
        self.named = {}  # (folder, UIDVALIDITY, UID) -> Message-ID, as anybody was ever told
        self.validity = {}

    def note(self, what, mid, value=None):
        with self.lock:
            self.told.append((time.monotonic(), what, mid, value))

    def settle(self, cut_at):
        """After a cut: what was told counts, what was asked may be."""
        for at, what, mid, value in self.told:
            sure = at < cut_at
            if what == "ask" or (what == "done" and not sure):
                self.places[mid] = self.places.get(mid, {"gone"}) | value
            elif what == "done":
                self.places[mid] = value
            elif what == "flag" and sure:
                self.flags.setdefault(mid, set()).add(value)
        self.told = []

    def check(self, c):
        """Compares with what a new session sees; from then on that is sure."""
        seen = {}
        for folder in ("INBOX", "Archive"):
            assert c.select(folder)[0] == "OK"
            validity = int(c.response("UIDVALIDITY")[1][0])
            assert self.validity.setdefault(folder, validity) == validity, "UIDVALIDITY changed"
            for uid, flags, raw in fetch(c):
                mid = raw.split(b"Message-ID: <")[1].split(b">")[0].decode()
                assert raw.endswith(f"body of {mid}\r\n".encode()), f"{mid} is not whole"
                assert self.named.setdefault((folder, validity, uid), mid) == mid, f"UID {uid} was another message"
                seen.setdefault(mid, set()).add(folder)
                lost = self.flags.get(mid, set()) - flags
                assert not lost or "gone" in self.places[mid], f"{mid} has lost {lost}"
        for mid, places in self.places.items():
            there = seen.get(mid, {"gone"})
            assert there & places, f"{mid} is in {there}, was told to be in {places}"
            assert there <= places, f"{mid} is in {there}, was told to be in {places}"
        assert set(seen) <= set(self.places)
        # a MOVE that was cut off may leave both: later only as it is now
        self.places = {mid: places for mid, places in seen.items()}
        return seen


def fetch(c):
    typ, data = c.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")
    assert typ == "OK", data
    for item in data:
        if isinstance(item, tuple):
            uid = int(item[0].split(b"UID ")[1].split()[0])
            yield uid, set(item[0].split(b"FLAGS (")[1].split(b")")[0].decode().split()), item[1]


class Life:
    """The suite between two cuts, and its clients."""
    number = 0

    def __init__(self, suite, ledgers, r):
        self.suite, self.ledgers, self.r = suite, ledgers, r
        self.over = False
        self.acks = 0
        Life.number += 1

    def mids(self, kind):
        n = 0
        while not self.over:
            yield f"p{Life.number}-{kind}-{n}@cuts"
            n += 1

    def smtp(self, ledger, k):
        c = Smtp(self.suite, 20 + k)
        for mid in self.mids(f"s{k}"):
            ledger.note("ask", mid, {"INBOX"})
            c.send(ledger.account.address, text(mid))
            ledger.note("done", mid, {"INBOX"})
            self.acks += 1

    def lmtp(self, ledger):
        c = Lmtp(self.suite.state / "run" / "lmtp")
        for mid in self.mids("l"):
            ledger.note("ask", mid, {"INBOX"})
            c.sendmail("a@elsewhere.example", [ledger.account.address], text(mid))
            ledger.note("done", mid, {"INBOX"})
            self.acks += 1

    def imap(self, ledger, here):
        """here: Message-ID -> UID in INBOX, of messages from before."""
        r = random.Random(self.r.random())
        c = self.suite.imap(ledger.account)
        c.select("INBOX")
        for mid in self.mids("i"):
            ledger.note("ask", mid, {"INBOX"})
            typ, data = c.append("INBOX", None, None, text(mid).encode())
            if typ != "OK":
                return
            ledger.note("done", mid, {"INBOX"})
            here[mid] = int(data[0].split(b"APPENDUID ")[1].split(b"]")[0].split()[1])
            self.acks += 1
            if len(here) < 5:
                continue
            mid = r.choice(sorted(here))
            uid, what = str(here[mid]), r.randrange(4)
            if what < 2:
                flag = r.choice(["\\Seen", "\\Flagged", "\\Answered", "Word"])
                if c.uid("STORE", uid, "+FLAGS", f"({flag})")[0] == "OK":
                    ledger.note("flag", mid, flag)
            elif what == 2:
                ledger.note("ask", mid, {"INBOX", "Archive"})
                if c.uid("MOVE", uid, "Archive")[0] == "OK":
                    ledger.note("done", mid, {"Archive"})
                    del here[mid]
            else:
                ledger.note("ask", mid, {"INBOX", "gone"})
                c.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
                if c.uid("EXPUNGE", uid)[0] == "OK":
                    ledger.note("done", mid, {"gone"})
                    del here[mid]
            self.acks += 1

    def watch(self, ledger):
        """Every UID that was ever shown is that message's, whether it survives or not."""
        c = self.suite.imap(ledger.account)
        c.select("INBOX", readonly=True)
        validity, last = ledger.validity["INBOX"], 0
        while not self.over:
            c.noop()
            typ, data = c.uid("FETCH", f"{last + 1}:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
            for item in data if typ == "OK" else ():
                if isinstance(item, tuple):
                    uid = int(item[0].split(b"UID ")[1].split()[0])
                    mid = item[1].split(b"<")[1].split(b">")[0].decode()
                    assert ledger.named.setdefault(("INBOX", validity, uid), mid) == mid, f"UID {uid} was another message"
                    last = max(last, uid)

    def run(self, disk, here, errors):
        """Load until the cut; when it was."""
        def body(fn, *args):
            try:
                fn(*args)
            except (OSError, smtplib.SMTPException, imaplib.IMAP4.error):
                pass  # the cut
            except Exception as e:
                errors.append(e)
        jobs = [(self.smtp, self.ledgers[0], 0), (self.smtp, self.ledgers[1], 1), (self.lmtp, self.ledgers[0]),
                (self.imap, self.ledgers[2], here), (self.watch, self.ledgers[0])]
        threads = [threading.Thread(target=body, args=job, daemon=True) for job in jobs]
        for t in threads:
            t.start()
        # not before there is something to lose
        wait_for(lambda: self.acks > 10, timeout=20, step=0.005)
        time.sleep(self.r.random() * 0.4)
        at = disk.cut()
        self.over = True
        end(self.suite)
        for t in threads:
            t.join(20)
        return at


def end(suite):
    """The machine is off."""
    for pid in suite.tree():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    suite.process.wait(20)
    suite.process = None
    # orphans of master are gone a moment later
    wait_for(lambda: not users_of(suite.state), timeout=20)


def users_of(folder):
    found = []
    for p in pathlib.Path("/proc").iterdir():
        if p.name.isdigit():
            with contextlib.suppress(OSError):
                for fd in (p / "fd").iterdir():
                    with contextlib.suppress(OSError):
                        if os.readlink(fd).startswith(str(folder)):
                            found.append(p.name)
    return found


class Rig:
    def __init__(self, kind, r):
        self.r, self.disk = r, Disk(kind)
        self.outside = make_folder()
        self.suite = Suite(self.outside, {"log.level": "info"})
        self.suite.state = self.disk.mount_point / "state"
        self.suite.settings["server.state"] = str(self.suite.state)
        self.suite.write_config()
        self.suite.state.mkdir()
        self.boot = self.outside / "boot_id"
        self.suite.prefix = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"',
                             str(self.boot)]
        self.start()
        self.ledgers = [Ledger(self.suite.account()) for _ in range(3)]
        for ledger in self.ledgers:
            self.look(ledger)
        self.acks, self.errors = 0, []

    def start(self):
        self.boot.write_text(str(uuid.uuid4()) + "\n")
        self.suite.start()

    def look(self, ledger):
        with self.suite.imap(ledger.account) as c:
            return ledger.check(c)

    def cut(self):
        with self.suite.imap(self.ledgers[2].account) as c:
            c.select("INBOX")
            here = {raw.split(b"Message-ID: <")[1].split(b">")[0].decode(): uid for uid, _, raw in fetch(c)}
        # what a cut MOVE left in both places is left alone from now on
        here = {mid: uid for mid, uid in here.items() if self.ledgers[2].places[mid] == {"INBOX"}}
        life = Life(self.suite, self.ledgers, self.r)
        at = life.run(self.disk, here, self.errors)
        assert not self.errors, self.errors
        self.acks += life.acks
        self.disk.umount()
        self.disk.mount()
        self.start()
        for ledger in self.ledgers:
            ledger.settle(at)
            self.look(ledger)

    def stop(self):
        if self.suite.process:
            end(self.suite)
        self.disk.remove()
        shutil.rmtree(self.outside)


@pytest.fixture
def own_mounts():
    """A mount namespace of ours: one that somebody else makes meanwhile would keep a copy of our disk alive."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    assert libc.unshare(0x00020000) == 0, os.strerror(ctypes.get_errno())  # CLONE_NEWNS
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    yield
    assert libc.setns(before, 0x00020000) == 0, os.strerror(ctypes.get_errno())
    os.close(before)


@pytest.mark.timeout(60 + CUTS * 15)
@pytest.mark.parametrize("kind", sorted(MKFS))
def test_what_was_acknowledged_survives_a_power_cut(own_mounts, kind):
    r = random.Random(SEED)
    rig = Rig(kind, r)
    try:
        for n in range(CUTS // 2):
            try:
                rig.cut()
            except Exception as e:
                raise AssertionError(f"cut {n} on {kind}, seed {SEED}: {e!r}") from e
        print(f"{kind}: {CUTS // 2} cuts, {rig.acks} acknowledged")
        assert rig.acks > 10 * (CUTS // 2)
        for ledger in rig.ledgers:
            out = rig.suite.cli("mailbox", "check", ledger.account.address, check=False)
            assert out.returncode == 0, out.stdout
    finally:
        rig.stop()
