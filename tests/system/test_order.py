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

SAYS = ("write", "writev", "sendto", "sendmsg")
CALLS = ",".join(SAYS + ("fsync", "fdatasync", "link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat"))
LINE = re.compile(r"(\d+) +(\w+)\((.*)")
DIRECTORY = re.compile(r"\d+<[^>]*/Maildir(?:/\.([^/>]*))?/cur>")  # as strace -y shows a descriptor

needs_root = pytest.mark.skipif(not ROOT, reason="only root may look into the suite's processes")


@contextlib.contextmanager
def watched(suite, programs, out):
    """Follows the programs' processes and every child they fork; out gets one line a call."""
    pids = [str(p) for p, name in suite.tree().items() if name in programs.split()]
    errors = out.with_suffix(".err")
    with open(errors, "wb") as e:
        p = subprocess.Popen(["strace", "-f", "-y", "-s", "300", "-e", "trace=" + CALLS, "-o", out] +
                             [arg for pid in pids for arg in ("-p", pid)], stdin=subprocess.DEVNULL, stdout=e, stderr=e)
    try:
        # "Process 17 attached", or why not: a session may just have ended
        wait_for(lambda: set(pids) <= set(re.findall(r"\d+", errors.read_text())) or p.poll() is not None)
        assert p.poll() is None, errors.read_text()
        yield
    finally:
        p.terminate()
        p.wait(20)


def steps(out, reply):
    """What the process that said `reply` did to messages up to then, as words; two ways tried for one thing are one step."""
    calls = [m.groups() for m in map(LINE.match, out.read_text(errors="replace").splitlines()) if m]
    said = [pid for pid, call, args in calls if call in SAYS and reply in args]
    assert said, f"nobody said {reply}"
    found = []
    for pid, call, args in calls:
        step = None
        if pid != said[0]:
            continue
        if call in SAYS and reply in args:
            return found + ["reply"]
        if call in ("fsync", "fdatasync"):
            directory = DIRECTORY.match(args)
            if directory:
                step = "sync " + (directory[1] or "INBOX")
            elif "/Maildir/tmp/" in args.split(">")[0]:
                step = "sync content"
        elif call not in SAYS and ",M=" in args:
            step = {"l": "link", "r": "rename", "u": "remove"}[call[0]]
        if step and found[-1:] != [step]:
            found.append(step)


@needs_root
def test_a_delivery_is_on_disk_before_its_250(suite, tmp_path):
    anna = suite.account()
    suite.deliver(anna.address)  # the mailbox is made: what follows is the rule
    out = tmp_path / "calls"
    with watched(suite, "lmtpd", out):
        suite.deliver(anna.address)
    assert steps(out, "2.1.5 Delivered") == ["sync content", "link", "sync INBOX", "reply"]


@needs_root
def test_an_append_is_on_disk_before_its_ok(suite, tmp_path):
    anna = suite.account()
    out = tmp_path / "calls"
    with watched(suite, "imapd", out), suite.imap(anna) as c:
        assert c.append("Sent", None, None, b"Subject: x\r\n\r\nHello.\r\n")[0] == "OK"
    assert steps(out, "APPENDUID") == ["sync content", "link", "sync Sent", "reply"]


@needs_root
def test_a_flag_is_on_disk_before_its_ok(suite, tmp_path):
    anna = suite.account()
    suite.deliver(anna.address)
    out = tmp_path / "calls"
    with watched(suite, "imapd", out), suite.imap(anna) as c:
        c.select("INBOX")
        assert c.store("1", "+FLAGS", "\\Flagged")[0] == "OK"
    assert steps(out, "OK Store completed") == ["rename", "sync INBOX", "reply"]


@needs_root
def test_a_moved_message_is_on_disk_at_its_goal_before_it_leaves(suite, tmp_path):
    anna = suite.account()
    suite.deliver(anna.address)
    out = tmp_path / "calls"
    with watched(suite, "imapd", out), suite.imap(anna) as c:
        c.select("INBOX")
        assert c._simple_command("MOVE", "1", "Archive")[0] == "OK"
    assert steps(out, "OK Move completed") == ["link", "sync Archive", "remove", "sync INBOX", "reply"]


@needs_root
def test_a_deleted_message_is_gone_for_good_before_the_ok_of_quit(suite, tmp_path):
    anna = suite.account()
    suite.deliver(anna.address)
    out = tmp_path / "calls"
    with watched(suite, "pop3d", out):
        c = suite.pop3(anna)
        c.dele(1)
        c.quit()
    assert steps(out, "messages left") == ["remove", "sync INBOX", "reply"]


@needs_root
def test_lmtp_is_on_disk_before_its_250(suite, tmp_path):
    from test_lmtp import Client
    anna = suite.account()
    suite.deliver(anna.address)
    out = tmp_path / "calls"
    with watched(suite, "lmtpd", out), contextlib.closing(Client(suite.state / "run" / "lmtp")) as c:
        c.sendmail("a@elsewhere.example", [anna.address], b"Subject: x\r\n\r\nHello.\r\n")
    assert steps(out, "2.1.5 Delivered") == ["sync content", "link", "sync INBOX", "reply"]


@needs_root
def test_a_copy_is_on_disk_before_its_ok(suite, tmp_path):
    anna = suite.account()
    suite.deliver(anna.address)
    out = tmp_path / "calls"
    with watched(suite, "imapd", out), suite.imap(anna) as c:
        c.select("INBOX")
        assert c.copy("1", "Archive")[0] == "OK"
    assert steps(out, "Copy completed") == ["link", "sync Archive", "reply"]


@needs_root
def test_an_expunge_is_on_disk_before_its_ok(suite, tmp_path):
    anna = suite.account()
    suite.deliver(anna.address)
    with suite.imap(anna) as c:
        c.select("INBOX")
        c.store("1", "+FLAGS", "\\Deleted")
        out = tmp_path / "calls"
        with watched(suite, "imapd", out):
            assert c.expunge()[0] == "OK"
    assert steps(out, "Expunge completed") == ["remove", "sync INBOX", "reply"]


def durable(out, words, reply):
    """The syncs and renames of files whose path has one of the words, before the reply: "fsync NAME", "rename NAME" ..."""
    found = []
    for line in out.read_text(errors="replace").splitlines():
        m = LINE.match(line)
        if not m:
            continue
        _, call, args = m.groups()
        if call in SAYS:
            if reply in args:
                return found
        else:
            name = next((w for w in words if w in args), None)
            if name and found[-1:] != [f"{call} {name}"]:
                found.append(f"{call} {name}")
    raise AssertionError(f"nobody said {reply}")


@needs_root
def test_folders_are_on_disk_before_their_ok(suite, tmp_path):
    anna = suite.account()
    suite.deliver(anna.address)
    out = tmp_path / "calls"
    with watched(suite, "imapd", out), suite.imap(anna) as c:
        for done in (c.create("New"), c.subscribe("New"), c.rename("New", "Other"), c.delete("Other")):
            assert done[0] == "OK", done
    text = out.read_text(errors="replace")
    create = durable(out, ["mansio-folder.tmp", "mansio-new>", 'mansio-new"', "Maildir>"], "Create completed")
    # the folder whole, then its name, then the directory that has it
    assert create[-2:] == ['renameat mansio-new"', "fsync Maildir>"], create
    assert "fsync mansio-folder.tmp" in create and "fsync mansio-new>" in create
    for reply, word in (("Subscribe completed", "mansio-subscriptions"), ("Rename completed", ".Other"), ("Delete completed", "mansio-deleted")):
        before = text[:text.index(reply)].splitlines()
        last_name = max(i for i, line in enumerate(before) if word in line and "rename" in line)
        assert any("fsync(" in line and "/Maildir>" in line for line in before[last_name:]), reply


@needs_root
def test_queued_mail_is_on_disk_before_its_250(own_suite, tmp_path):
    """smtpd syncs the content; queued gives it a name, syncs the directory and commits; only then smtpd says 250."""
    s = own_suite({"send.smarthost": "127.0.0.1:9", "send.hold_all": "yes", "smtp.processes": "4"})
    anna = s.account()
    out = tmp_path / "calls"
    with watched(s, "smtpd queued", out), s.smtp(anna) as c:
        c.sendmail(anna.address, ["x@far.example"], "Subject: x\r\n\r\nHello.\r\n")
    assert durable(out, ["/spool/#", "/spool>", "queue.db-wal"], "Accepted as") == \
        ["fsync /spool/#", "linkat /spool/#", "fsync /spool>", "fdatasync queue.db-wal"]
