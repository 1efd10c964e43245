# SPDX-License-Identifier: ISC
"""Attacks on the running suite (names of PROMISES in the docstrings). Behind each: honest work goes on, nothing was
replaced, nothing leaks."""
import base64
import concurrent.futures
import contextlib
import imaplib
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import BUILD, ROOT, check_log, wait_for

SANITIZED = b"__asan_init" in (BUILD / "libexec" / "front").read_bytes()  # keeps freed memory for a while


def raw_tls(suite, service, starttls=None):
    """A TLS session over memory: what goes out on the wire is ours to say. (socket, tls object, in, out)"""
    sock = suite.connect(service)
    sock.settimeout(5)
    if starttls:
        for line in starttls:
            sock.recv(4096)
            sock.sendall(line + b"\r\n")
        sock.recv(4096)
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = suite.context().wrap_bio(inward, outward, server_hostname="localhost")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(outward.read())
            inward.write(sock.recv(65536))
    sock.sendall(outward.read())
    return sock, tls, inward, outward


def tls_say(pipe, data):
    sock, tls, _, outward = pipe
    tls.write(data)
    sock.sendall(outward.read())


def tls_hear(pipe, until=b"\n"):
    sock, tls, inward, _ = pipe
    got = b""
    while until not in got:
        try:
            got += tls.read(65536)
        except ssl.SSLWantReadError:
            part = sock.recv(65536)
            if not part:
                break
            inward.write(part)
    return got


def close_notify(pipe):
    sock, tls, _, outward = pipe
    with contextlib.suppress(ssl.SSLError):
        tls.unwrap()
    sock.sendall(outward.read())


def read_all(sock, timeout=5):
    sock.settimeout(timeout)
    got = b""
    try:
        while part := sock.recv(65536):
            got += part
    except ConnectionError:
        pass
    return got


def plain(account):
    return base64.b64encode(f"\0{account.address}\0{account.password}".encode())


def mails(suite, account, *search):
    c = suite.imap(account)
    c.select("INBOX", readonly=True)
    found = c.search(None, *(search or ("ALL",)))[1][0].split()
    c.logout()
    return len(found)


def descriptors(suite):
    """{pid: number of its descriptors} of the suite's lasting processes."""
    return {p["pid"]: len(os.listdir(f"/proc/{p['pid']}/fd")) for p in suite.status()}


def children(suite):
    lasting = {p["pid"] for p in suite.status()} | {suite.process.pid}
    return {pid: name for pid, name in suite.tree().items() if pid not in lasting and name not in ("authd", "sender", "traced", "importd", "hookd")}  # their own helpers


def rss(suite):
    return {p["pid"]: int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{p['pid']}/status").read_text())[1]) for p in suite.status()}


@pytest.mark.parametrize("where", ["bdat", "data", "append", "command"])
def test_close_notify_then_clear_bytes(suite, anna, where):
    """C04 (Dead.Letter): TLS ends in the middle of something, one clear byte follows: the connection is dead."""
    before = {p["pid"] for p in suite.status()}
    for tail in (b"x", b"\r\n.\r\n", b"QUIT\r\n", b"\x17\x03\x03\x00\x01x", b"x" * 70000):
        if where == "append":
            pipe = raw_tls(suite, "imaps")
            tls_hear(pipe)
            tls_say(pipe, b'a LOGIN %s "%s"\r\n' % (anna.address.encode(), anna.password.encode()))
            tls_hear(pipe)
            tls_say(pipe, b"b APPEND INBOX {100}\r\n")
            tls_hear(pipe)
            tls_say(pipe, b"Subject: cut")
        else:
            pipe = raw_tls(suite, "submissions")
            tls_hear(pipe)
            tls_say(pipe, b"EHLO x\r\nAUTH PLAIN " + plain(anna) + b"\r\n")
            tls_hear(pipe, b"235 ")
            tls_say(pipe, b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\n" % ((anna.address.encode(),) * 2))
            tls_hear(pipe, b"Recipient ok")
            tls_say(pipe, {"bdat": b"BDAT 100 LAST\r\nSubject: cut", "data": b"DATA\r\nSubject: cut", "command": b"NOO"}[where])
        close_notify(pipe)
        with contextlib.suppress(ConnectionError):
            pipe[0].sendall(tail)
        read_all(pipe[0])
        pipe[0].close()
    assert mails(suite, anna) == 0
    assert {p["pid"] for p in suite.status()} == before


def abandoned(suite, anna, number):
    """One session that is left at some point; many kinds."""
    kind, cut = number % 14, number // 14 % 5
    def lines(service, *parts, tls=False):
        sock = suite.connect(service)
        sock.settimeout(5)
        try:
            if tls:
                sock = suite.context().wrap_socket(sock, server_hostname="localhost")
            for i, part in enumerate(parts):
                if i > cut + 1:
                    break
                sock.sendall(part)
                sock.settimeout(0.05)
                if number % 3:
                    with contextlib.suppress(socket.timeout):
                        sock.recv(4096)
            if number % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        except OSError:
            pass
        finally:
            sock.close()
    a, p = anna.address.encode(), anna.password.encode()
    mail = (b"EHLO x\r\n", b"MAIL FROM:<x@elsewhere.example>\r\n", b"RCPT TO:<%s>\r\n" % a)
    login = b'l LOGIN %s "%s"\r\n' % (a, p)
    if kind == 0:
        lines("smtp", *mail, b"DATA\r\n", b"Subject: half\r\n")
    elif kind == 1:
        lines("smtp", b"".join(mail), b"BDAT 100000\r\n", b"x" * 50000, b"y")
    elif kind == 2:
        lines("smtp", b"".join(mail) + b"RSET\r\n" * 50 + b"QUIT\r\n")
    elif kind == 3:
        lines("smtp", *mail, b"EHLO again\r\n", b"STARTTLS\r\n", b"\x16\x03\x01")
    elif kind == 4:
        lines("imaps", login, b"a SELECT INBOX\r\n", b"b IDLE\r\n", b"DON", tls=True)
    elif kind == 5:
        lines("imaps", login + b"a APPEND INBOX {1000}\r\n", b"x" * 500, b"y", tls=True)
    elif kind == 6:
        lines("imaps", b"a AUTHENTICATE PLAIN\r\n", b"*\r\n", b"b AUTHENTICATE SCRAM-SHA-256\r\n", b"biwsbj11LHI9eA==\r\n", tls=True)
    elif kind == 7:
        lines("imap", b"a STARTTLS\r\n", b"\x16\x03\x01\x00\x05junk!", b"x")
    elif kind == 8:
        lines("pop3s", b"USER %s\r\n" % a, b"PASS %s\r\n" % p, b"RETR 1\r\nDELE 1\r\n", b"LIST\r\n", tls=True)
    elif kind == 9:
        lines("pop3", b"STLS\r\n", b"\x16\x03\x01\x00\x05junk!")
    elif kind == 10:
        lines("submissions", b"EHLO x\r\nAUTH PLAIN\r\n", plain(anna) + b"\r\n", b"MAIL FROM:<%s>\r\n" % a, b"RCPT TO:<%s>\r\n" % a, tls=True)
    elif kind == 11:
        lines("imap")
    elif kind == 12:
        lines("imaps", b"\x16\x03\x01\x02\x00\x01\x00" + bytes(range(256)))
    else:
        lines("submissions", b"EHLO x\r\nAUTH PLAIN " + plain(anna) + b"\r\nMAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\nSubject: q\r\n\r\nx" % (a, a), b"y", tls=True)


def test_abandoned_sessions_leave_nothing(own_suite):
    """C07, C26, C28: sessions left at every point, closed or reset: no descriptor, no child, no memory stays, no half mail."""
    s = own_suite({"limit.connections_per_network": "2000", "smtp.processes": "8", "smtp.data_timeout": "3s", "log.level": "info"})
    anna = s.account()
    s.deliver(anna.address)

    def rounds(first, n):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: abandoned(s, anna, i), range(first, first + n)))
        wait_for(lambda: not children(s), 20)
        wait_for(lambda: not sum(p["sessions"] for p in s.status()), 20)

    rounds(0, 420)
    before, memory = descriptors(s), rss(s)
    rounds(420, 1400)
    wait_for(lambda: descriptors(s) == before, 20)
    grown = {pid: (memory[pid], kib) for pid, kib in rss(s).items() if kib > memory[pid] * 1.2 + 1024}
    assert not grown or SANITIZED
    assert mails(s, anna, "SUBJECT", "half") == 0
    check_log(s)


def test_aborted_logins_leave_nothing(own_suite):
    """C07, C15: 1,000 exchanges begun and cancelled, junk in base64; authd keeps nothing, others log in meanwhile."""
    s = own_suite({"limit.login_failures": "1000", "limit.errors": "10000", "auth.failure_delay": "0ms", "auth.failure_delay_max": "0ms"})
    anna = s.account()
    junk = [b"*", b"=", b"!!!!", b"AAAA" * 2000, base64.b64encode(b"\0\0\0"), base64.b64encode(b"\0' OR 1=1--\0x"), b"=AAA", b"A"]

    def round_of(n):
        sock = s.context().wrap_socket(s.connect("imaps"), server_hostname="localhost")
        f = sock.makefile("rb")
        f.readline()
        for i in range(n):
            sock.sendall(b"a%d AUTHENTICATE %s\r\n" % (i, (b"PLAIN", b"LOGIN", b"SCRAM-SHA-256")[i % 3]))
            line = f.readline()
            while line.startswith(b"+"):
                sock.sendall(junk[i % len(junk)] + b"\r\n")
                line = f.readline()
            assert re.match(rb"a%d (NO|BAD) " % i, line), line
        sock.close()

    round_of(60)
    before, memory = descriptors(s), rss(s)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        list(pool.map(round_of, [200] * 5))
    s.imap(anna).logout()
    wait_for(lambda: descriptors(s) == before)
    grown = {pid: (memory[pid], kib) for pid, kib in rss(s).items() if kib > memory[pid] * 1.2 + 1024}
    assert not grown or SANITIZED


def test_sni_junk(suite, anna):
    """C07, C19: random and odd server names: served or refused, nothing kept."""
    before = descriptors(suite)
    context = ssl._create_unverified_context()
    for i in range(60):
        name = ("a" * 63 + ".") * (i % 4) + f"x{i}.example"
        with contextlib.suppress(OSError, ValueError):
            with context.wrap_socket(suite.connect("imaps"), server_hostname=name) as c:
                assert c.recv(100).startswith(b"* OK")
    suite.imap(anna).logout()
    wait_for(lambda: all(n <= before.get(pid, n) + 2 for pid, n in descriptors(suite).items()))


PROXY = [b"PROXY TCP4 1.2.3.4\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n", b"PROXY " + b"x" * 300, b"PROXY UNKNOWN\r\n" * 9, b"PROXY TCP6 ::1 ::1 1 1 1\r\n",
         b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"x" * 100, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x00", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0c" + b"x" * 12,
         b"\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\xd8" + b"/" * 216, b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", b"EHLO x\r\n", b"\0" * 600]


def test_proxy_junk(own_suite):
    """C03: headers that lie, each cut at every byte: closed, or served as what they say; the next one is served."""
    s = own_suite({"server.proxy_from": "127.0.0.0/8", "limit.handshake": "2s"})
    before = {p["pid"] for p in s.status()}
    for junk in PROXY:
        for cut in sorted({*range(1, min(len(junk), 30)), len(junk)}):
            c = s.connect("smtp")
            c.sendall(junk[:cut])
            if cut == len(junk):
                with contextlib.suppress(socket.timeout, ConnectionError):
                    c.recv(100)
            c.close()
    c = s.connect("smtp")
    c.sendall(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 25\r\n")
    assert c.recv(100).startswith(b"220 ")
    c.close()
    assert {p["pid"] for p in s.status()} == before


def quote(name):
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def test_other_mailboxes_do_not_exist(suite, anna, ben):
    """C11, C12, S8: every command with a mailbox x forms of another's name: the answer is that for a name nobody has."""
    suite.deliver(ben.address, subject="secret of ben")
    user, domain = ben.address.encode().split(b"@")
    forms = [b"user/" + user + b"/INBOX", b"user." + user, b"~" + user + b"/INBOX", b"#shared/" + user, b"#user/" + ben.address.encode(), b"../" + user,
             b"../../" + domain + b"/" + user + b"/Maildir", b"INBOX/../../" + user, b"INBOX/&AC4ALg-/" + user, b"Other Users/" + user,
             b"/" + user, b"//" + user, b"..", b".", b"INBOX/..", b"&AC4ALg-", b"&AC8-" + user, b"Sent/./x", b"%2e%2e/" + user, user + b"/INBOX"]
    odd = [b"x" * 10000, b"a/" * 200 + b"a", b"&", b"&-&", b"&AAA", b"&AAAA-", b"&2AA-", b"&AGE-", b"\\", b"\x7f", b"\xff\xfe", b"&ZeVnLIqe", b"INBOX/",
           b"a//b", b"", b" ", b"*", b"%", b"a\tb", b"~", b"#x"]
    sock = f = None

    def say(command):
        sock.sendall(b"t " + command + b"\r\n")
        got = []
        while True:
            line = f.readline()
            assert line, command
            if line.startswith(b"t "):
                return got, line
            got.append(line)

    root = suite.state / "mail"

    def outside():
        own = (suite.mail_folder(anna), suite.mail_folder(ben))
        return sorted(str(p) for p in root.rglob("*") if not any(x in (p, *p.parents) for x in own))

    tree = outside()
    for name in forms + odd:
        q = quote(name)
        sock = suite.context().wrap_socket(suite.connect("imaps"), server_hostname="localhost")
        f = sock.makefile("rb")
        f.readline()
        assert say(b'LOGIN %s "%s"' % (anna.address.encode(), anna.password.encode()))[1].startswith(b"t OK")
        assert all(b"\\Noselect" in x or b'"/"' in x for x in say(b"LIST " + q + b' "*"')[0])
        for command, like in ((b"SELECT %s", b"SELECT"), (b"EXAMINE %s", b"EXAMINE"), (b"STATUS %s (MESSAGES)", b"STATUS"), (b"DELETE %s", b"DELETE"),
                              (b"RENAME %s there", b"RENAME"), (b"APPEND %s {1+}\r\nx", b"APPEND"), (b"COPY 1 %s", b"COPY")):
            if like == b"COPY":
                say(b"SELECT INBOX")
            if name in (b"INBOX/",) and like in (b"SELECT", b"EXAMINE", b"STATUS", b"APPEND"):
                continue
            got, end = say(command % q)
            assert re.match(rb"t (NO|BAD) [\x20-\x7e]*\r\n", end) or (like == b"COPY" and end.startswith(b"t OK")), (command % q, end)
            assert not any(b"EXISTS" in x and b"secret" in x for x in got)
        end = say(b"CREATE " + q)[1]
        assert re.match(rb"t (OK|NO) ", end), (name, end)
        if end.startswith(b"t OK"):
            say(b"SELECT " + q)
            assert say(b'SEARCH SUBJECT "secret of ben"')[0][-1].split() == [b"*", b"SEARCH"]
            say(b"UNSELECT")
        sock.close()
    assert tree == outside(), "something outside the user's folder"


@pytest.mark.skipif(not ROOT, reason="plants files as another user")
def test_planted_files_in_the_maildir(own_suite):
    """C13: FIFO, symlink, device, socket, hard link, directory in new/ and cur/, symlinks instead of folders: no hang, nothing followed."""
    s = own_suite({"mail.lock_timeout": "3s"})
    anna, ben = s.account(), s.account()
    s.deliver(anna.address, subject="first")
    s.deliver(ben.address, subject="secret of ben")
    secret = next((s.mail_folder(ben) / "Maildir" / "cur").iterdir())
    maildir = s.mail_folder(anna) / "Maildir"
    s.imap(anna).logout()
    owner = maildir.stat()
    target = s.folder / "target"
    target.write_bytes(b"Subject: outside\r\n\r\noutside\r\n")
    target.chmod(0o644)
    for sub in ("new", "cur"):
        d = maildir / sub
        tail = "" if sub == "new" else ":2,S"
        os.mkfifo(d / f"1700000001.fifo.host{tail}")
        os.symlink(target, d / f"1700000002.link.host{tail}")
        os.symlink(secret, d / f"1700000003.other.host{tail}")
        os.symlink("/dev/zero", d / f"1700000004.zero.host{tail}")
        os.mkdir(d / f"1700000005.dir.host{tail}")
        with contextlib.suppress(OSError):
            os.mknod(d / f"1700000006.dev.host{tail}", 0o600 | 0o020000, os.makedev(1, 5))
        u = socket.socket(socket.AF_UNIX)
        u.bind(str(d / f"1700000007.sock.host{tail}"))
        u.close()
        os.symlink("nowhere", d / f"1700000008.dangling.host{tail}")
        for p in d.iterdir():
            os.chown(p, owner.st_uid, owner.st_gid, follow_symlinks=False)
    os.symlink(s.mail_folder(ben) / "Maildir", maildir / ".Evil")
    (maildir / ".Half").mkdir()
    os.symlink(s.mail_folder(ben) / "Maildir" / "cur", maildir / ".Half" / "cur")
    os.symlink("/etc", maildir / ".Etc")
    os.mkfifo(maildir / ".Fifo")
    os.mkfifo(s.mail_folder(anna) / "notify" / "1.x") if (s.mail_folder(anna) / "notify").is_dir() else None
    began = time.monotonic()
    s.deliver(anna.address, subject="second")
    c = s.imap(anna)
    assert int(c.select("INBOX")[1][0]) >= 2
    text = b"".join(x[1] for x in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(x, tuple))
    assert b"secret of ben" not in text and b"outside" not in text
    assert c.search(None, "TEXT", '"secret of ben"')[1] == [b""]
    for name in ("Evil", "Half", "Etc", "Fifo"):
        assert c.select(name)[0] == "NO" or c.search(None, "TEXT", '"secret of ben"')[1] in ([b""], [None])
        c.append(name, None, None, b"Subject: x\r\n\r\nx\r\n")
    c.logout()
    p = s.pop3(anna)
    p.list()
    p.quit()
    for name in ("mansio-folder", "mansio-extra", "mansio-subscriptions", "mansio-mailbox"):
        f = maildir / name
        f.unlink(missing_ok=True)
        os.mkfifo(f)
        os.chown(f, owner.st_uid, owner.st_gid)
        with contextlib.suppress(Exception):
            s.deliver(anna.address, subject="with a fifo")
        with contextlib.suppress(Exception):
            c = s.imap(anna)
            c.select("INBOX")
            c.logout()
        f.unlink(missing_ok=True)
        os.symlink(target, f)
        with contextlib.suppress(Exception):
            s.deliver(anna.address, subject="with a link")
        f.unlink(missing_ok=True)
    assert time.monotonic() - began < 30
    assert target.read_bytes() == b"Subject: outside\r\n\r\noutside\r\n"
    assert mails(s, ben) == 1
    assert s.deliver(anna.address, subject="last") and mails(s, anna, "SUBJECT", "last") == 1
    check_log(s)


def lines_of(sock):
    f = sock.makefile("rb")

    def reply():
        while (line := f.readline())[3:4] == b"-":
            pass
        return line
    return reply


class Ledger:
    """Sends mails until told to stop; knows which were acknowledged."""

    def __init__(self, suite, account):
        self.suite, self.account = suite, account
        self.acknowledged, self.sent, self.stop = [], 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def one(self, sock, reply, number):
        a = self.account.address.encode()
        body = b"Subject: number %d.\r\n\r\n" % number + b"line\r\n" * (10 + number % 7 * 500) + b"the end %d.\r\n.\r\n" % number
        sock.sendall(b"MAIL FROM:<x@elsewhere.example>\r\nRCPT TO:<%s>\r\nDATA\r\n" % a)
        if not (reply().startswith(b"250") & reply().startswith(b"250") & reply().startswith(b"354")):
            return False
        self.sent += 1
        sock.sendall(body)
        return reply().startswith(b"250")

    def run(self):
        number, sock = 0, None
        while not self.stop:
            number += 1
            try:
                if not sock:
                    sock = self.suite.connect("smtp")
                    sock.settimeout(15)
                    reply = lines_of(sock)
                    assert reply().startswith(b"220")
                    sock.sendall(b"EHLO x\r\n")
                    assert reply().startswith(b"250")
                if self.one(sock, reply, number):
                    self.acknowledged.append(number)
                    continue
            except (OSError, AssertionError):
                pass
            if sock:
                sock.close()
            sock = None
            time.sleep(0.01)

    def end(self):
        self.stop = True
        self.thread.join()


def check_ledger(suite, ledger):
    """Each acknowledged mail is there, once or (killed between write and answer) twice; each mail there is whole."""
    found = {}
    c = suite.imap(ledger.account)
    c.select("INBOX", readonly=True)
    for item in c.fetch("1:*", "(BODY.PEEK[])")[1]:
        if isinstance(item, tuple):
            number = int(re.search(rb"Subject: number (\d+)\.", item[1])[1])
            assert item[1].endswith(b"the end %d.\r\n" % number), "half a mail"
            found[number] = found.get(number, 0) + 1
    c.logout()
    lost = [n for n in ledger.acknowledged if n not in found]
    assert not lost, f"acknowledged and lost: {lost}"
    return sum(found.values()) - len(ledger.acknowledged)


def test_killed_processes_lose_nothing(own_suite):
    """R1 in short: kill -9 of every kind while mail flows by several connections: nothing acknowledged is lost or half there."""
    s = own_suite({"smtp.processes": "4", "log.level": "info"})
    ledgers = [Ledger(s, s.account()) for _ in range(4)]
    kinds = ["smtpd", "lmtpd", "authd", "front", "imapd", "pop3d", "mailboxd", "traced"]
    try:
        for i in range(24):
            time.sleep(0.15)
            kind = kinds[i % len(kinds)] if i % 3 else ("lmtpd", "smtpd")[i % 2]
            pids = [pid for pid, name in s.tree().items() if name.startswith(kind)]
            for pid in pids if i % 2 else pids[-1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(1)
        count = [len(x.acknowledged) for x in ledgers]
        wait_for(lambda: all(len(x.acknowledged) > n for x, n in zip(ledgers, count)), 60)
    finally:
        for x in ledgers:
            x.end()
    assert sum(len(x.acknowledged) for x in ledgers) > 50
    s.settle()
    for x in ledgers:
        assert check_ledger(s, x) <= 24
        s.cli("mailbox", "check", x.account.address)
        assert not list((s.mail_folder(x.account) / "Maildir" / "tmp").iterdir())
    wait_for(lambda: not children(s), 20)


@contextlib.contextmanager
def small_disk(folder, size="16m"):
    """A file system of its own under a folder, with its contents, owner and rights."""
    st = os.stat(folder)
    kept = f"{folder}.kept"
    subprocess.run(["cp", "-a", folder, kept], check=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode={st.st_mode & 0o7777:o},uid={st.st_uid},gid={st.st_gid}", "tmpfs", folder]).returncode:
        pytest.skip("no mount here")
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder])


def fill_disk(folder):
    filler = open(folder / "filler", "wb", buffering=0)
    with contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 4096)
    return filler


def make_room(filler):
    filler.truncate(0)
    filler.close()


def refused_by_smtp(s, address):
    """The last answer to a mail."""
    sock = s.connect("smtp")
    reply = lines_of(sock)
    reply()
    sock.sendall(b"EHLO x\r\nMAIL FROM:<a@elsewhere.example>\r\nRCPT TO:<%s>\r\n" % address.encode())
    reply()
    answers = [reply(), reply()]
    if answers[-1].startswith(b"250"):
        sock.sendall(b"DATA\r\n")
        reply()
        sock.sendall(b"Subject: full\r\n\r\n" + b"x" * 60 + b"\r\n.\r\n")
        answers.append(reply())
    sock.close()
    return answers[-1]


def reads_on(s, account, least):
    """New sessions see all that was acknowledged, whole, and by POP3 the same."""
    c = s.imap(account)
    assert c.select("INBOX")[0] == "OK"
    count = int(c.response("EXISTS")[1][0])
    assert count >= least
    assert len([x for x in c.fetch("1:*", "(UID ENVELOPE BODY.PEEK[])")[1] if isinstance(x, tuple)]) == count
    assert c.fetch("1", "(BODY[TEXT])")[0] == "OK"
    assert len(c.search(None, "ALL")[1][0].split()) == count
    assert c.search(None, "SUBJECT", "before")[1][0].split() == [b"1"]
    stored = c.store("1", "+FLAGS", "(\\Flagged)")[0]
    assert stored in ("OK", "NO")
    c.logout()
    p = s.pop3(account)
    assert p.stat()[0] >= count
    assert b"before" in b"".join(p.retr(1)[1])
    p.quit()
    return count, stored


@pytest.mark.skipif(not ROOT, reason="mounts a small file system")
@pytest.mark.parametrize("lost", [False, True], ids=["index as it is", "index lost"])
def test_full_disk(own_suite, lost):
    """C30, R5: the state folder is full: 452 and NO, reading goes on, in new sessions too, nothing acknowledged is lost; it heals alone."""
    s = own_suite({"log.level": "info"}, start=False)
    with contextlib.ExitStack() as stack:
        stack.enter_context(small_disk(s.state))
        stack.callback(s.stop)
        s.start()
        anna, ben = s.account(), s.account()
        s.deliver(anna.address, subject="before")
        reader, open_session = s.imap(ben), s.imap(anna)
        reader.select("INBOX")
        open_session.select("INBOX")
        ledger = Ledger(s, anna)
        stack.callback(ledger.end)
        wait_for(lambda: len(ledger.acknowledged) > 5, 20)
        filler = fill_disk(s.state)
        assert re.match(rb"45[12] 4\.3\.[01] ", refused_by_smtp(s, ben.address))
        held = len(ledger.acknowledged)
        with pytest.raises(imaplib.IMAP4.error):
            if reader.append("INBOX", None, None, b"Subject: x\r\n\r\nfull\r\n")[0] != "OK":
                raise imaplib.IMAP4.error
        # reading goes on, on an open session and on new ones
        assert reader.noop()[0] == "OK"
        assert b"before" in open_session.fetch("1", "(BODY.PEEK[])")[1][0][1]
        if lost:
            (s.mail_folder(anna) / "index" / "state").unlink()
            (s.mail_folder(anna) / "index" / "data.mdb").unlink()
            with contextlib.suppress(OSError):
                filler.write(b"x" * (1 << 20))
        count, stored = reads_on(s, anna, held + 1)
        assert stored == "NO" or not lost
        assert len(ledger.acknowledged) <= held + 1
        make_room(filler)
        wait_for(lambda: len(ledger.acknowledged) > held + 5, 20)
        ledger.end()
        assert reader.append("INBOX", None, None, b"Subject: x\r\n\r\nroom\r\n")[0] == "OK"
        reader.logout()
        assert reads_on(s, anna, len(ledger.acknowledged) + 1)[1] == "OK"
        c = s.imap(anna)
        c.select("INBOX")
        c.store("1", "+FLAGS", "(\\Deleted)")
        c.expunge()
        c.logout()
        assert check_ledger(s, ledger) <= 2
        check_log(s)


@pytest.mark.skipif(not ROOT, reason="mounts a small file system")
@pytest.mark.parametrize("disk", ["store", "index", "log"])
def test_one_full_disk(own_suite, disk):
    """Store, index, log, each on a disk of its own that is full: 452 or NO (the log: nothing), reading goes on, it heals within 5 s."""
    s = own_suite({"log.level": "info", "log.to": "file", "log.file": "events/mansio.log"}, start=False)
    (s.state / "events").mkdir()
    with contextlib.ExitStack() as stack:
        if disk == "log":
            stack.enter_context(small_disk(s.state / "events", "64k"))
        stack.callback(s.stop)
        s.start()
        anna = s.account()
        for subject in ("before", "too"):
            s.deliver(anna.address, subject=subject)
        place = {"store": s.mail_folder(anna), "index": s.mail_folder(anna) / "index", "log": s.state / "events"}[disk]
        if disk != "log":
            stack.enter_context(small_disk(place, "4m"))
        filler = fill_disk(place)
        if disk == "index":
            (place / "data.mdb").unlink()
            with contextlib.suppress(OSError):
                filler.write(b"x" * (1 << 20))
        answer = refused_by_smtp(s, anna.address)
        c = s.imap(anna)
        if disk == "log":
            assert answer.startswith(b"250 ")
            assert c.append("INBOX", None, None, b"Subject: x\r\n\r\nfull\r\n")[0] == "OK"
        else:
            assert re.match(rb"45[12] 4\.3\.[01] ", answer), answer
            with pytest.raises(imaplib.IMAP4.error):
                if c.append("INBOX", None, None, b"Subject: x\r\n\r\nfull\r\n")[0] != "OK":
                    raise imaplib.IMAP4.error
        c.logout()
        count, stored = reads_on(s, anna, 2)
        assert stored == "OK" or disk != "log"
        assert stored == "NO" or disk != "index"
        make_room(filler)
        wait_for(lambda: refused_by_smtp(s, anna.address).startswith(b"250 "), 20)
        assert reads_on(s, anna, count + 1)[1] == "OK"
        s.cli("mailbox", "check", anna.address)
        if disk == "log":
            wait_for(lambda: refused_by_smtp(s, anna.address).startswith(b"250 ") and
                     "delivered" in (place / "mansio.log").read_text(errors="replace").splitlines()[-1], 20)


def test_never_reading_client(own_suite):
    """C26, test 20: FETCH and RETR of large mail that nobody reads: given up after the time for writing, little memory meanwhile."""
    s = own_suite({"imap.write_timeout": "1500ms", "pop3.write_timeout": "1500ms", "log.level": "info"})
    anna = s.account()
    c = s.imap(anna)
    c.append("INBOX", None, None, b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 200_000)
    c.logout()
    before = rss(s)
    socks = []
    for i in range(8):
        sock = s.context().wrap_socket(s.connect("imaps" if i % 2 else "pop3s"), server_hostname="localhost")
        sock.recv(4096)
        if i % 2:
            sock.sendall(b'a LOGIN %s "%s"\r\nb SELECT INBOX\r\n' % (anna.address.encode(), anna.password.encode()) + b"c FETCH 1 BODY[]\r\n" * 20)
        else:
            sock.sendall(b"USER %s\r\nPASS %s\r\n" % (anna.address.encode(), anna.password.encode()) + b"RETR 1\r\n" * 20)
        socks.append(sock)
    wait_for(lambda: len(children(s)) >= 8, 20)
    grown = {pid: kib - before.get(pid, 0) for pid, kib in rss(s).items()}
    assert max(grown.values()) < 16 * 1024 or SANITIZED, grown
    wait_for(lambda: not children(s), 20)
    assert mails(s, anna) == 1
    for sock in socks:
        sock.close()


def test_login_flood_leaves_room_for_honest_logins(own_suite):
    """C16, S9: many guess at once with real hashes: who has the right password gets in soon, wherever the guesses come from."""
    s = own_suite({"auth.yescrypt_cost": "5", "auth.failure_delay": "2s", "auth.failure_delay_max": "15s", "limit.login_failures": "1000"})
    anna, ben = s.account(), s.account()
    stop = threading.Event()

    def guess(n):
        address = f"127.1.{n}.1"
        while not stop.is_set():
            with contextlib.suppress(OSError):
                sock = socket.create_connection(("127.0.0.1", s.ports["imaps"]), 10, (address, 0))
                sock = s.context().wrap_socket(sock, server_hostname="localhost")
                f = sock.makefile("rb")
                f.readline()
                for i in range(5):
                    if stop.is_set():
                        break
                    sock.sendall(b"a LOGIN %s x%d\r\n" % ((anna.address if n % 2 else f"nobody{n}@example.org").encode(), i))
                    if not f.readline():
                        break
                sock.close()

    threads = [threading.Thread(target=guess, args=(n,)) for n in range(24)]
    for t in threads:
        t.start()
    try:
        time.sleep(1)
        took = []
        for i in range(10):
            began = time.monotonic()
            s.imap((anna, ben)[i % 2]).logout()
            took.append(time.monotonic() - began)
        assert sorted(took)[5] < 2 and max(took) < 8, took
    finally:
        stop.set()
        for t in threads:
            t.join()


def test_handover_races(suite):
    """Bytes that hurry ahead of the hand-over and the hand-back: none is lost, none comes twice, and both sides agree."""
    anna = suite.account()
    a = anna.address.encode()
    mail = b"MAIL FROM:<x@elsewhere.example>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n"
    large = b"Subject: large\r\n\r\n" + (b"y" * 70 + b"\r\n") * 15_000
    small = b"Subject: small\r\n\r\ny\r\n"
    sent = 0
    for service in ("smtp", "submissions"):
        for split in (0, 1, 30, 100, 40_000, 70_000):
            sock = suite.connect(service)
            hello = b"EHLO x\r\n"
            if service == "submissions":
                sock = suite.context().wrap_socket(sock, server_hostname="localhost")
                hello += b"AUTH PLAIN " + plain(anna) + b"\r\n"
                m = mail.replace(b"x@elsewhere.example", a)
            else:
                m = mail
            data = hello + m % (a, len(large)) + large
            # back to the door and again to the room, in one flight
            data += b"EHLO again\r\n" + m % (a, len(small)) + small + b"NOOP\r\nHELO third\r\n" + m % (a, len(small)) + small + b"RSET\r\nQUIT\r\n"
            reply = lines_of(sock)
            sock.sendall(data[:split])
            time.sleep(0.02 if split else 0)
            sock.sendall(data[split:])
            got = [reply()]
            while got[-1] and not got[-1].startswith((b"221", b"421")):
                got.append(reply())
            sock.close()
            codes = [int(x[:3]) for x in got if x]
            assert codes == [220, 250] + [235] * (service == "submissions") + [250, 250, 250] * 1 + [250] + [250] * 3 + [250, 250] + [250] * 3 + [250, 221], got
            sent += 3
    assert mails(suite, anna) == sent


def test_half_closed_clients_get_their_answer(suite, anna):
    """A client that ends its side behind QUIT or its last dot still hears the reply (in clear, where TCP lets it)."""
    a = anna.address.encode()
    for end in (b".\r\n", b".\r\nQUIT\r\n"):
        sock = suite.connect("smtp")
        sock.sendall(b"EHLO x\r\nMAIL FROM:<x@elsewhere.example>\r\nRCPT TO:<%s>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n" % a + end)
        sock.shutdown(socket.SHUT_WR)
        assert b"\r\n250 2.0.0 Accepted" in read_all(sock)
        sock.close()
    for service, data, want in (("imap", b"a NOOP\r\n", b"a OK"), ("pop3", b"CAPA\r\n", b"\r\n.\r\n"), ("smtp", b"EHLO x\r\n", b"250 ")):
        sock = suite.connect(service)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert want in read_all(sock), service
        sock.close()
    assert mails(suite, anna) == 2
def test_silent_transactions_do_not_hold_the_rooms(own_suite):
    """C26: silent, or dripping, as many as there are places: honest mail is taken nevertheless, after limit.pressure_wait.
    While nobody waits nobody is sent away."""
    s = own_suite({"server.processes": "1", "smtp.processes": "4", "limit.pressure_wait": "1s", "limit.room_wait": "8s", "limit.min_rate": "100"})
    anna = s.account()
    ends = [b"", b"RCPT TO:<%s>\r\n" % anna.address.encode(), b"NOO", b"DATA\r\nSubject: x\r\n", b"BDAT 1000\r\nSubject: x\r\n"]
    for end in ends:
        held, stop = [], threading.Event()
        for _ in range(3):
            sock = s.connect("smtp")
            sock.sendall(b"EHLO x\r\nMAIL FROM:<x@elsewhere.example>\r\nRCPT TO:<%s>\r\n" % anna.address.encode() + end)
            held.append(sock)
        time.sleep(0.3)

        def drip():
            while not stop.wait(0.3):
                with contextlib.suppress(OSError):
                    held[0].sendall(b"x")

        t = threading.Thread(target=drip if end.startswith((b"DATA", b"BDAT")) else stop.wait)
        t.start()
        try:
            s.deliver(anna.address, subject="honest")
        finally:
            stop.set()
            t.join()
        for sock in held:
            sock.close()
    assert mails(s, anna, "SUBJECT", "honest") == len(ends)
    # nobody waits: a slow one may take its time
    sock = s.connect("smtp")
    reply = lines_of(sock)
    sock.sendall(b"EHLO x\r\nMAIL FROM:<x@elsewhere.example>\r\n")
    assert [reply()[:3] for _ in range(3)] == [b"220", b"250", b"250"]
    time.sleep(2.5)
    sock.sendall(b"RCPT TO:<%s>\r\n" % anna.address.encode())
    assert reply().startswith(b"250")
    sock.sendall(b"DATA\r\n")
    assert reply().startswith(b"354")
    time.sleep(2.5)
    sock.sendall(b"Subject: slow\r\n\r\nx\r\n.\r\n")
    assert reply().startswith(b"250")
    assert mails(s, anna, "SUBJECT", "slow") == 1


def test_endless_senders_take_turns(own_suite):
    """C26: clients with one message behind the other, more than there are places: each gets its turn within limit.room_wait."""
    s = own_suite({"server.processes": "1", "smtp.processes": "2", "log.level": "info"})
    ledgers = [Ledger(s, s.account()) for _ in range(3)]
    try:
        wait_for(lambda: all(len(x.acknowledged) > 3 for x in ledgers), 20)
    finally:
        for x in ledgers:
            x.end()
    for x in ledgers:
        assert check_ledger(s, x) == 0
