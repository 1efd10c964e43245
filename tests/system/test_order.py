# SPDX-License-Identifier: ISC
"""The order of a durable write, seen from outside: the system calls of the process that makes it.

`250` after DATA and `OK` after APPEND say that the message outlives a power cut. So its content is on disk before it gets its
name, and the directory that holds the name is on disk before the client hears of it.
"""
import contextlib
import re
import subprocess

import pytest

from conftest import ROOT, wait_for

CALLS = "fsync,fdatasync,linkat,link,rename,renameat,renameat2,write,writev,sendto,sendmsg"
LINE = re.compile(r"(\d+) +(\w+)\((.*)")


@contextlib.contextmanager
def watched(suite, program, out):
    """Follows the program's parent and every child it forks; out gets one line a call."""
    pid = next(p for p, name in suite.tree().items() if name == program)
    errors = out.with_suffix(".err")
    with open(errors, "wb") as e:
        p = subprocess.Popen(["strace", "-f", "-y", "-s", "300", "-e", "trace=" + CALLS, "-o", out, "-p", str(pid)],
                             stdin=subprocess.DEVNULL, stdout=e, stderr=e)
    try:
        wait_for(lambda: "attached" in errors.read_text() or p.poll() is not None)
        assert p.poll() is None, errors.read_text()
        yield
    finally:
        p.terminate()
        p.wait(10)


def steps(out, reply):
    """What the process that said `reply` did to this mailbox, as words, up to the reply."""
    calls = [m.groups() for m in map(LINE.match, out.read_text(errors="replace").splitlines()) if m]
    said = [pid for pid, call, args in calls if call in ("write", "writev", "sendto", "sendmsg") and reply in args]
    assert said, f"nobody said {reply}"
    found = []
    for pid, call, args in calls:
        if pid != said[0]:
            continue
        if call.startswith("f") and "Maildir/tmp/" in args.split(">")[0]:
            found.append("sync content")
        elif call.startswith("link") and ",M=" in args:
            if found[-1:] != ["link"]:  # the second way of an older kernel is the same step
                found.append("link")
        elif call.startswith("f") and re.match(r"\d+<[^>]*/Maildir(/\.[^/]*)?/cur>", args):
            found.append("sync directory")
        elif call in ("write", "writev", "sendto", "sendmsg") and reply in args:
            found.append("reply")
    return found[:found.index("reply") + 1]


@pytest.mark.skipif(not ROOT, reason="only root may look into the suite's processes")
def test_a_delivery_is_on_disk_before_its_250(suite, tmp_path):
    anna = suite.account()
    suite.deliver(anna.address)  # the mailbox is made: what follows is the rule
    out = tmp_path / "calls"
    with watched(suite, "lmtpd", out):
        suite.deliver(anna.address)
    assert steps(out, "2.1.5 Delivered") == ["sync content", "link", "sync directory", "reply"]


@pytest.mark.skipif(not ROOT, reason="only root may look into the suite's processes")
def test_an_append_is_on_disk_before_its_ok(suite, tmp_path):
    anna = suite.account()
    out = tmp_path / "calls"
    with watched(suite, "imapd", out):
        with suite.imap(anna) as c:
            assert c.append("Sent", None, None, b"Subject: x\r\n\r\nHello.\r\n")[0] == "OK"
    assert steps(out, "APPENDUID") == ["sync content", "link", "sync directory", "reply"]
