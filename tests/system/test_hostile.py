# SPDX-License-Identifier: ISC
"""Hostile mails (PROMISES 1.1, C08, S6) and SMTP smuggling (C06, S3) against the whole suite."""
import os
import pathlib
import re
import socket
import tarfile
import subprocess
import time

import pytest

from conftest import TOP, wait_for


def crlf(s):
    return s.replace("\n", "\r\n").encode()


def nested(kind, depth):
    if kind == "multipart":
        head = "".join(f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(depth))
        return crlf("Subject: nest\nMIME-Version: 1.0\n" + head + "Content-Type: text/plain\n\nx\n")
    return crlf("Subject: nest\nMIME-Version: 1.0\n" + "Content-Type: message/rfc822\n\n" * depth + "Subject: in\n\nx\n")


MAILS = {
    "addr100k": lambda: crlf("To: " + ",\n ".join(f"u{i}@e.example" for i in range(100_000)) + "\nSubject: a\n\nx\n"),
    "parens": lambda: crlf("To: " + "(" * 200_000 + ")" * 200_000 + " a@b.example\nSubject: p\n\nx\n"),
    "hdr9M": lambda: crlf("Subject: h\nX-Long: " + "a\n b" * 2_300_000 + "\n\nx\n"),
    "hdrs500k": lambda: crlf("Subject: h\n" + "".join(f"X-{i}: 1\n" for i in range(500_000)) + "\nx\n"),
    "rfc2231": lambda: crlf("Subject: r\nContent-Type: text/plain; " + ";\n ".join(f"name*{i}=a" for i in range(100_000)) + "\n\nx\n"),
    "parts20k": lambda: crlf("Subject: p\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 20_000 + "--b--\n"),
    "nest2000": lambda: nested("multipart", 2000),
    "rfc822nest2000": lambda: nested("message", 2000),
    "boundaryprefix": lambda: crlf("Subject: b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=" + "b" * 60 + "\n\n" +
                                   ("--" + "b" * 59 + "\n") * 200_000),
    "encword50k": lambda: crlf("Subject: " + "\n ".join("=?utf-8?q?=C3=A4?=" for _ in range(50_000)) + "\n\nx\n"),
    "eightbit": lambda: b"Subject: n\r\n\r\n" + b"\xff\xfe" * 500_000 + b"\r\n",
    "refs200k": lambda: crlf("Subject: r\nReferences: " + "\n ".join(f"<{i}@x>" for i in range(200_000)) + "\n\nx\n"),
}


def spent(suite, before):
    """CPU time of the suite's processes since then: what one waits for, on a machine that has nothing else to do."""
    return sum(n - before.get(pid, 0) for pid, n in suite.cpu().items())


@pytest.mark.parametrize("name", sorted(MAILS))
def test_hostile_mail_is_stored_and_read(suite, anna, name):
    """By SMTP in, FETCH and SEARCH out; an honest client beside is served at once."""
    mail = MAILS[name]()
    with suite.smtp() as c:
        try:
            c.sendmail("h@elsewhere.example", [anna.address], mail)
        except Exception as e:  # a clear refusal is an answer too
            assert re.match(r"\(5\d\d", str(e)), e
            return
    c = suite.imap(anna)
    c.select("INBOX")
    for item in ("ENVELOPE", "BODYSTRUCTURE", "(FLAGS RFC822.SIZE)", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "BODY.PEEK[1]"):
        began = suite.cpu()
        assert c.fetch("1", item)[0] == "OK"
        assert spent(suite, began) < 1.0, item
    data = c.fetch("1", "BODY.PEEK[]")[1][0][1]
    assert data.endswith(mail), "bytes were changed"
    for key in ('SUBJECT "zz"', 'BODY "zz"', 'TO "zz"'):
        began = suite.cpu()
        assert c.search(None, key)[0] == "OK"
        assert spent(suite, began) < 2.0, key
    c.logout()


ENDINGS = ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\n.\r", "\r.\n", "\r\n.\0\r\n", "\r\n\0.\r\n", ".\r\n", "\r\n.\r\r\n",
           "\n\r.\r\n", "\r\n.\n\r", "\r\r\n.\r\r\n", "\x0b.\x0b", "\r\n.\r\n"[:3] + "\r\n"[1:], "\n\n.\n\n", "\r\n..\n", "\x85.\x85"]


@pytest.mark.parametrize("number", range(len(ENDINGS)))
def test_smuggled_ending_makes_no_second_message(suite, number):
    """C06, test 11: the odd ending, whole and split at each byte over segments."""
    anna = suite.account()
    odd = ENDINGS[number].encode("latin-1")
    splits = [None] + list(range(1, len(odd)))
    for split in splits:
        s = suite.connect("smtp")
        f = s.makefile("rb")
        f.readline()
        for cmd in ("EHLO x", "MAIL FROM:<a@elsewhere.example>", f"RCPT TO:<{anna.address}>", "DATA"):
            s.sendall(cmd.encode() + b"\r\n")
            while f.readline()[3:4] == b"-":
                pass
        smuggled = f"MAIL FROM:<evil@elsewhere.example>\r\nRCPT TO:<{anna.address}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n".encode()
        head = b"Subject: outer\r\n\r\nfirst"
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if split:
                s.sendall(head + odd[:split])
                time.sleep(0.02)
                s.sendall(odd[split:] + smuggled + b"QUIT\r\n")
            else:
                s.sendall(head + odd + smuggled + b"QUIT\r\n")
            s.settimeout(5)
            answer = b"".join(iter(f.readline, b""))
        except (ConnectionResetError, BrokenPipeError):
            answer = b""
        s.close()
        assert answer.count(b"\r\n250 2.0.0") + answer.startswith(b"250 2.0.0") <= 1, answer
    c = suite.imap(anna)
    c.select("INBOX", readonly=True)
    assert c.search(None, "SUBJECT", "smuggled")[1] == [b""] or all(
        b"outer" in x[1] for x in c.fetch("1:*", "BODY.PEEK[HEADER]")[1] if isinstance(x, tuple))
    assert c.search(None, "HEADER", "Return-Path", "evil")[1] == [b""]
    c.logout()


SHELLS = ['${run{/bin/touch /tmp/p}}', ';touch${IFS}p;', '"$(touch p)"', '`x`', '|touch', '../../x', '-oProxy', '%s%n', "' OR 1=1--",
          '*)(uid=*', '\\2a', "a'||x--"]


@pytest.mark.parametrize("local", SHELLS)
def test_shell_and_injection_strings_are_only_text(suite, local):
    """C01, C02, C12, C15: in RCPT, MAIL, login names."""
    s = suite.connect("smtp")
    f = s.makefile("rb")
    f.readline()
    s.sendall(b"EHLO x\r\n")
    while f.readline()[3:4] == b"-":
        pass
    s.sendall(f"MAIL FROM:<{local}@elsewhere.example>\r\n".encode())
    assert f.readline()[:3] in (b"250", b"501", b"553")
    s.sendall(b"RSET\r\nMAIL FROM:<>\r\n" + f"RCPT TO:<{local}@example.org>\r\n".encode())
    f.readline(), f.readline()
    assert f.readline()[:3] in (b"501", b"550", b"553")
    s.close()
    import imaplib
    c = suite.imap()
    with pytest.raises(imaplib.IMAP4.error):
        c.login(local.replace('"', ""), "x")
    with pytest.raises(imaplib.IMAP4.error):
        c.login(local.replace('"', "") + "@example.org", "x")
    c.logout()
    assert not pathlib.Path("/tmp/p").exists()


def test_junk_before_login_costs_little_memory(own_suite):
    """C07, S7 in short form: 16 MB of junk on 200 connections."""
    s = own_suite()
    anna = s.account()

    def pss():
        total = 0
        for pid in s.tree():
            try:
                total += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
            except (OSError, TypeError):
                pass
        return total

    before = pss()
    socks = []
    for i in range(200):
        c = s.connect(("imap", "pop3", "smtp")[i % 3])
        c.setblocking(False)
        socks.append(c)
    junk = b"(" * 65536
    for _ in range(2):
        for c in socks:
            try:
                c.send(junk)
            except (BlockingIOError, ConnectionError):
                pass
    s.imap(anna).logout()
    during = pss()
    for c in socks:
        c.close()
    assert during - before < 200 * 64, f"{during - before} KiB"
    s.imap(anna).logout()


def test_modern_corpus_goes_through(suite, anna, tmp_path):
    """453 real mails: in by LMTP's way, out byte for byte, each FETCHable."""
    archive = TOP / "tests" / "corpus" / "modern.tar.zst"
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", tmp_path], check=True)
    mails = sorted(p for p in tmp_path.rglob("*") if p.is_file() and p.suffix in (".eml", ".msg", ".raw", ".txt", "") and p.stat().st_size)
    sent = 0
    with suite.smtp() as c:
        for p in mails:
            raw = re.sub(rb"\r?\n|\r", b"\r\n", p.read_bytes()).replace(b"\0", b"")
            try:
                c.sendmail("corpus@elsewhere.example", [anna.address], raw)
                sent += 1
            except Exception as e:
                assert re.match(r"\(5\d\d", str(e)), (p, e)
                c.close()
                c.connect("localhost", suite.ports["smtp"])
    assert sent > 400
    i = suite.imap(anna)
    i.select("INBOX")
    for item in ("(ENVELOPE)", "(BODYSTRUCTURE)", "(BODY.PEEK[])", "(BODY.PEEK[1])"):
        typ, data = i.fetch("1:*", item)
        assert typ == "OK"
    assert len(i.search(None, "ALL")[1][0].split()) == sent
    i.logout()
