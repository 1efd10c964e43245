# SPDX-License-Identifier: ISC
"""kill -9 of processes of every kind while mail comes in and goes out.

Who sends gets 250 or sends the same message again; who fetches deletes what it has. The ledger is theirs alone: a message that
got its 250 and was never fetched is lost, one that was fetched under two UIDs is doubled (a kill between the commit and the
reply cannot be told from one before it). Short here; `make soak` sets MANSIO_SOAK: 100,000 messages and 1,000 kills.

A program that dies again within ten seconds of its start is held back by master's brake, so each of the single ones is killed once in
eleven seconds; sessions, deliveries, smtpds and workers take the rest.
"""
import collections
import contextlib
import imaplib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import threading
import time

import pytest

from conftest import Suite, make_folder, wait_for

SOAK = bool(os.environ.get("MANSIO_SOAK"))
MESSAGES, KILLS = (100000, 1000) if SOAK else (10000, 200)
SEED = int(os.environ.get("MANSIO_CRASH_SEED", time.time_ns() // 1000000))
SENDERS = 4
SINGLE = ("front", "authd", "lmtpd", "imapd", "pop3d", "mailboxd", "importd", "backupd", "traced", "queued", "sender", "resolverd", "checkd")


def text(mid):
    return f"From: a@elsewhere.example\r\nTo: b@example.org\r\nMessage-ID: <{mid}>\r\nSubject: {mid}\r\n\r\nbody of {mid}\r\n"


class Smtp:
    """Pipelined, over port 25 in clear; each from a network of its own, which may have a quarter of the smtpds."""

    def __init__(self, suite, network):
        self.s = socket.create_connection(("127.0.0.1", suite.ports["smtp"]), 10, (f"127.0.{network}.1", 0))
        self.f = self.s.makefile("rb")
        self.reply("220")
        self.s.sendall(b"EHLO sender.example\r\n")
        self.reply("250")

    def reply(self, want):
        while True:
            line = self.f.readline().decode()
            if not line or line[3:4] != "-":
                break
        if not line.startswith(want):
            raise OSError(f"wanted {want}, got {line!r}")

    def send(self, to, body):
        self.s.sendall(f"MAIL FROM:<a@elsewhere.example>\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode())
        for want in ("250", "250", "354"):
            self.reply(want)
        self.s.sendall(body.encode() + b".\r\n")
        self.reply("250")

    def close(self):
        self.s.close()


class Load:
    def __init__(self, suite):
        self.suite = suite
        self.accounts = [suite.account() for _ in range(5)]
        self.pop3 = suite.account()
        self.probe = suite.account()
        self.number = iter(range(MESSAGES))
        self.lock = threading.Lock()
        self.acked = set()
        self.copies = collections.defaultdict(set)  # Message-ID -> where it was seen: (account, UID)
        self.again = 0
        self.blame = {}  # Message-ID -> what had been killed when it got no answer
        self.last_kill = None
        self.sending = True
        self.errors = []
        self.last = {}  # account that is only read -> highest UID that was seen
        self.gone = collections.defaultdict(set)  # account -> UIDs whose EXPUNGE was acknowledged

    def run(self, fn, *args):
        def body():
            try:
                fn(*args)
            except Exception as e:
                self.errors.append(f"{fn.__name__}: {e!r}")
                raise
        t = threading.Thread(target=body, daemon=True)
        t.start()
        return t

    # --- in
    def take(self):
        with self.lock:
            return next(self.number, None)

    def sender(self, network):
        c = None
        while (n := self.take()) is not None:
            mid = f"k{n}@kills"
            to = self.pop3 if n % 10 == 9 else self.accounts[n % len(self.accounts)]
            while True:
                try:
                    c = c or Smtp(self.suite, network)
                    c.send(to.address, text(mid))
                    break
                except OSError:
                    self.again += 1
                    self.blame[mid] = self.last_kill
                    if c:
                        c.close()
                    c = None
                    time.sleep(0.01)
            self.acked.add(mid)

    # --- out
    def seen(self, account, uid, raw):
        mid = raw.split(b"Message-ID: <")[1].split(b">")[0].decode()
        assert raw.endswith(f"body of {mid}\r\n".encode()), f"{mid} is not whole"
        self.copies[mid].add((account.address, uid))

    def round(self, c, account, delete):
        first = 1 if delete else self.last.get(account.address, 0) + 1
        typ, data = c.uid("FETCH", f"{first}:*", "(BODY.PEEK[])")
        if typ != "OK":
            raise OSError(data)
        uids = []
        for item in data:
            if isinstance(item, tuple):
                uid = int(item[0].split(b"UID ")[1].split()[0])
                assert uid not in self.gone[account.address], f"UID {uid} came back"
                self.seen(account, uid, item[1])
                if uid >= first:
                    uids.append(uid)
                self.last[account.address] = max(uid, self.last.get(account.address, 0))
        if uids and delete:
            which = ",".join(map(str, uids))
            if c.uid("STORE", which, "+FLAGS.SILENT", r"(\Deleted)")[0] == "OK" and c.expunge()[0] == "OK":
                self.gone[account.address].update(uids)
        return len(uids)

    def reader(self, account, delete):
        c = None
        while True:
            last = not self.sending
            try:
                if not c:
                    c = self.suite.imap(account)
                    c.select("INBOX")
                c.noop()
                n = self.round(c, account, delete)
                if last:
                    return
                if not n:
                    time.sleep(0.02)
            except (imaplib.IMAP4.error, OSError):
                c = None
                time.sleep(0.02)

    def pop3_reader(self, account):
        while True:
            last = not self.sending
            with contextlib.suppress(Exception):
                c = self.suite.pop3(account)
                for line in c.uidl()[1]:
                    n, uid = line.split()
                    raw = b"\r\n".join(c.retr(int(n))[1]) + b"\r\n"
                    self.seen(account, uid, raw)
                    c.dele(int(n))
                c.quit()
                if last:
                    return
            time.sleep(0.05)


class Killer:
    def __init__(self, load, r):
        self.load, self.suite, self.r = load, load.suite, r
        self.killed = collections.Counter()
        self.back = []  # seconds until the service was back, and what was killed
        self.single_at = {}

    def kinds(self):
        """(program, is it a single one, pid) of what lives now."""
        rows = json.loads(self.suite.cli("--json", "status").stdout)
        named = {int(row["pid"]): (row["process"], row["instance"]) for row in rows}
        now = time.monotonic()
        for pid, program in self.suite.tree().items():
            if pid == self.suite.process.pid:
                continue
            process, instance = named.get(pid, (None, None))
            if program == "authd" and process:
                if now - self.single_at.get("authd", 0) > 11:
                    yield program, "authd", pid
            elif program in SINGLE and process:
                if now - self.single_at.get((program, instance), 0) > 11:
                    yield program, (program, instance), pid
            elif program == "authd":
                title = pathlib.Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0")
                kind = "authd workers" if title.endswith("workers") else "authd worker"
                single = "authd" if kind == "authd workers" else kind  # it takes authd along
                if now - self.single_at.get(single, 0) > (11 if single == "authd" else 4):
                    yield kind, single, pid
            elif program == "smtpd":
                if now - self.single_at.get((program, instance), 0) > 11:
                    yield "smtpd", (program, instance), pid
            else:
                yield program + " child", None, pid

    def once(self):
        try:
            found = list(self.kinds())
        except (AssertionError, OSError):
            return
        if not found:
            return
        names = sorted({name for name, _, _ in found})
        name = min(names, key=lambda n: (self.killed[n], self.r.random()))
        _, single, pid = self.r.choice([f for f in found if f[0] == name])
        self.load.last_kill = name
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # a delivery that just ended
        if single:
            self.single_at[single] = time.monotonic()
        self.killed[name] += 1
        began = time.monotonic()
        self.why = None
        try:
            wait_for(self.alive, timeout=20, step=0.01)
        except AssertionError as e:
            raise AssertionError(f"no service 20 s after the death of {name} {pid}: {self.why!r}; {self.suite.log()[-3000:]}") from e
        self.back.append((time.monotonic() - began, name))

    def alive(self):
        """A message comes in by a new connection, and a new session is let in."""
        try:
            c = Smtp(self.suite, 9)
            c.send(self.load.probe.address, text("probe@kills"))
            c.close()
            self.suite.imap(self.load.probe).logout()
            return True
        except (imaplib.IMAP4.error, OSError) as e:
            self.why = e
            return False


def drained(suite):
    """What found no mailbox at once is in the queue; it goes on as soon as it is told to."""
    if not json.loads(suite.cli("--json", "queue", "list", check=False).stdout or "[0]"):
        return True
    suite.cli("queue", "retry", "--all", check=False)
    return False


def clean(suite, account):
    """What a killed process left in temporary names is gone after a check, once it is old enough."""
    folder = suite.mail_folder(account)

    def left():
        return [p for p in folder.rglob("*") if p.is_file() and (p.parent.name == "tmp" or ".tmp" in p.name)]
    for p in left():
        os.utime(p, (time.time() - 3 * 86400,) * 2)
    suite.cli("mailbox", "check", "--repair", account.address, check=False)
    assert not left(), left()[:3]
    out = suite.cli("mailbox", "check", account.address, check=False)
    assert out.returncode == 0, out.stdout + out.stderr


@pytest.mark.timeout(3600 if SOAK else 300)
def test_nothing_is_lost_by_kills():
    r = random.Random(SEED)
    suite = Suite(make_folder(), {"log.level": "info"}).start()
    try:
        load = Load(suite)
        killer = Killer(load, r)
        senders = [load.run(load.sender, 10 + k) for k in range(SENDERS)]
        readers = [load.run(load.reader, a, i > 0) for i, a in enumerate(load.accounts[:4])]
        readers.append(load.run(load.pop3_reader, load.pop3))
        while sum(killer.killed.values()) < KILLS and not load.errors:
            killer.once()
        for t in senders:
            t.join(600)
        wait_for(lambda: drained(suite), timeout=60, step=0.2)
        load.sending = False
        for t in readers:
            t.join(60)
        assert not load.errors, load.errors[:3]
        assert len(load.acked) == MESSAGES and not any(t.is_alive() for t in senders + readers)
        load.reader(load.accounts[4], False)  # nobody has read it yet
        lost = load.acked - set(load.copies)
        doubled = [m for m, places in load.copies.items() if len(places) > 1]
        slow = [b for b in killer.back if b[0] > 1]
        print(f"{dict(killer.killed)}, sent again {load.again}, doubled {len(doubled)} by {collections.Counter(load.blame.get(m) for m in doubled)}, back: median "
              f"{sorted(killer.back)[len(killer.back) // 2][0]:.3f} s, longest {max(killer.back)}, above 1 s: {slow}, seed {SEED}")
        assert not lost, f"{len(lost)} lost, as {sorted(lost)[:5]}, seed {SEED}"
        assert len(doubled) <= MESSAGES / 1000, f"{len(doubled)} doubled"
        assert len(slow) <= KILLS / 20, slow
        assert len(killer.killed) >= 10, killer.killed
        for a in load.accounts + [load.pop3, load.probe]:
            clean(suite, a)
        text_of_log = suite.log()
        assert not [w for w in ("signal 11", "signal 6", "signal 7", "signal 31", "bug:") if w in text_of_log]
    finally:
        suite.stop()
        shutil.rmtree(suite.folder)
