# SPDX-License-Identifier: ISC
"""Backups of a suite that runs, and what comes back out of them (docs/BACKUP.md)."""
import contextlib
import fcntl
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import dkim
import pytest

from conftest import MANSIO, ROOT, Suite, make_folder, wait_for
from fakehost import FakeHost
from oldserver import Fetchmail, Mbsync


@pytest.fixture
def host(own_suite):
    """A suite with a folder for backups, which makes none by itself."""
    folder = make_folder()
    s = own_suite({"backup.folder": str(folder / "backup"), "backup.at": ""})
    s.backup = folder / "backup"
    yield s
    subprocess.run(["rm", "-rf", folder], check=True)


def ask(s, *args, code=0):
    p = s.cli("--json", "backup", *args, check=False)
    assert p.returncode == code, f"{args}: {p.returncode} {p.stdout} {p.stderr}"
    return json.loads(p.stdout) if p.stdout.strip() and not code else p.stdout + p.stderr


def folders(s, account):
    return {r["name"]: r for r in json.loads(s.cli("--json", "mailbox", "list", account.address).stdout)}


def test_a_second_run_without_changes_stores_nothing(host):
    a = host.account()
    for i in range(5):
        host.deliver(a.address, f"message {i}")
    first = ask(host, "run")
    second = ask(host, "run")
    assert (first["messages"], first["read"]) == (5, 5)
    assert (second["messages"], second["read"], second["new_bytes"]) == (5, 0, 0)
    host.deliver(a.address, "one more")
    third = ask(host, "run")
    assert (third["messages"], third["read"]) == (6, 1)
    rows = ask(host, "list")
    assert [r["id"] for r in rows] == [first["id"], second["id"], third["id"]]
    assert all(r["state"] == "complete" for r in rows)


def test_a_deleted_message_comes_back_by_its_subject(host):
    a = host.account()
    for subject in ("keep", "Grüße aus Köln", "other"):
        host.deliver(a.address, subject)
    with host.imap(a) as c:
        c.select("INBOX")
        c.store("2", "+FLAGS", r"(\Flagged $Forwarded)")
    ask(host, "run")
    with host.imap(a) as c:
        c.select("INBOX")
        c.store("2", "+FLAGS", r"(\Deleted)")
        c.expunge()
    found = ask(host, "list", "latest", f"address={a.address}", "match=köln")
    assert [r["subject"] for r in found] == ["Grüße aus Köln"]
    done = ask(host, "restore", "latest", f"address={a.address}", "message=aus Köln", "in_place=yes")
    assert (done["restored"], done["there"]) == (1, 0)
    with host.imap(a) as c:
        c.select("INBOX")
        line = c.fetch("3", "(UID FLAGS)")[1][0].decode()
    assert r"\Flagged" in line and "$Forwarded" in line and "UID 4" in line
    # once more: everything is there
    done = ask(host, "restore", "latest", f"address={a.address}", "in_place=yes")
    assert (done["restored"], done["there"]) == (0, 3)
    done = ask(host, "restore", "latest", f"address={a.address}", "folder=INBOX")
    assert folders(host, a)[done["folder"] + "/INBOX"]["messages"] == 3


def test_plain_tools_get_a_message_out(host):
    """The three commands of docs/BACKUP.md."""
    a = host.account()
    host.deliver(a.address, "in an emergency", body="found\r\n" * 50)
    done = ask(host, "run")

    def shell(command):
        return subprocess.run(["sh", "-c", command], capture_output=True, check=True, cwd=host.backup).stdout.decode()

    def get(sha):
        name, line = shell(f"grep ^{sha} packs/*.index /dev/null").split(":")
        at, pack = int(line.split()[1]), name.replace(".index", ".pack")
        method, _, stored = shell(f"tail -c +{at + 1} {pack} | head -c 140").split()[4:7]
        return shell(f"tail -c +{at + 141} {pack} | head -c {int(stored)}" + (" | gunzip" if method == "gzip" else ""))

    mailbox = get(shell(f"grep '^mailbox .*{a.address}' snapshots/{done['id']}").split()[1])
    listed = get(re.search(r"^list (\w+)", mailbox, re.M)[1])
    assert "Subject: in an emergency" in get(listed.splitlines()[1].split()[0])


def test_verify_of_a_good_backup_finds_nothing(host):
    a = host.account()
    host.deliver(a.address)
    ask(host, "run")
    assert ask(host, "verify")[0]["finding"] == "good"


# --- the whole host ---------------------------------------------------------------

def rescue(s, folder, *args, code=0):
    """The state folder of `s` out of the backup, and a suite on it with ports of its own."""
    new = Suite(make_folder(), {"auth.yescrypt_cost": "1"})
    p = subprocess.run([MANSIO, "backup", "restore", "--all", f"from={folder}", f"state={new.folder}/again", *args],
                       capture_output=True, text=True, timeout=60)
    assert p.returncode == code, p.stdout + p.stderr
    new.said = p.stdout + p.stderr
    new.state = new.folder / "again"
    new.settings["server.state"] = str(new.state)
    new.write_config()
    return new


def numbers(s, account):
    return {n: (r["uidvalidity"], r["messages"], r["special"], r["subscribed"]) for n, r in folders(s, account).items()}


def test_a_whole_host_is_restored_and_clients_transfer_nothing(host, tmp_path):
    """UIDs, flags, keywords, dates, UIDLs, passwords, aliases, settings, queue: on another machine, from the folder alone."""
    a, b = host.account(password="anna's own"), host.account()
    host.cli("alias", "add", "team@example.org", a.address, b.address)
    for i in range(30):
        host.deliver("team@example.org", f"message {i}")
    with host.imap(a) as c:
        c.create("Archive/2026")
        c.subscribe("Archive/2026")
        c.select("INBOX")
        c.store("2:9", "+FLAGS", r"(\Seen $Forwarded Urgent)")
        c.copy("3:20", "Archive/2026")
        c.store("5,7", "+FLAGS", r"(\Deleted)")
        c.expunge()
    sync, pop = Mbsync(tmp_path / "mbsync"), Fetchmail(tmp_path / "fetchmail")
    sync.config(host.ports["imaps"], a.address, a.password, tls=host.cert)
    sync.sync()
    assert pop.fetch(host.ports["pop3s"], b.address, b.password, tls=host.cert) == 30
    host.settings["send.hold_all"] = "yes"
    host.write_config()
    host.cli("reload")
    with host.smtp(a) as c:
        c.sendmail(a.address, ["far@elsewhere.example"], "Subject: held\r\n\r\nx\r\n")
    held = json.loads(host.cli("--json", "queue", "list").stdout)
    assert len(held) == 1
    (host.state / "acme" / "account.key").write_text("the authority knows us by this")
    ask(host, "run")
    before, had = sync.messages(), (numbers(host, a), numbers(host, b))
    host.deliver(a.address, "lives on after the backup")
    host.stop()
    new = rescue(host, host.backup)
    try:
        assert (new.state / "mansio.conf").read_text() == host.config.read_text()
        assert (new.state / "acme" / "account.key").read_text() == "the authority knows us by this"
        new.settings["send.hold_all"] = "yes"
        new.write_config()
        new.start()
        assert (numbers(new, a), numbers(new, b)) == had
        again = json.loads(new.cli("--json", "queue", "list").stdout)
        assert [(r["message"], r["state"], r["recipient"]) for r in again] == [
            (r["message"], r["state"], r["recipient"]) for r in held]
        sync.config(new.ports["imaps"], a.address, a.password, tls=new.cert)
        sync.sync()
        assert sync.messages() == before, sync.said
        assert pop.fetch(new.ports["pop3s"], b.address, b.password, tls=new.cert) == 0, pop.said
        # no UID is given twice: the old host had one after the backup
        new.settings["send.hold_all"] = "no"
        new.write_config()
        new.cli("reload")
        new.deliver("team@example.org", "new mail")
        assert folders(new, a)["INBOX"]["uidnext"] > 1000000
        sync.sync()
        assert len(sync.messages()["INBOX"]) == len(before["INBOX"]) + 1
    finally:
        new.stop()
        shutil.rmtree(new.folder)


def test_a_restored_host_signs_with_the_same_keys_and_knows_its_passwords(host, tmp_path):
    provider = FakeHost()
    try:
        password = host.folder / "smarthost.password"
        password.write_text("the provider's word\n")
        rules, empty = host.folder / "access", host.folder / "rewrite"
        rules.write_text("sender x@spam.example reject\n")
        empty.write_text("")
        host.settings.update({"send.smarthost": f"127.0.0.1:{provider.port}", "send.smarthost_tls": "none",
                              "send.smarthost_password_file": str(password), "smtp.access_file": str(rules), "smtp.rewrite_file": str(empty)})
        host.write_config()
        host.cli("reload")
        a = host.account()
        host.cli("dkim", "rotate", "example.org")
        shared = json.loads(host.cli("--json", "shared-secret", "set", a.address).stdout)["secret"]
        # a domain may be called as a file that is being written; what a crash left of one stays behind
        many, left = host.state / "dkim" / "many.tmp-0123456789ab", "1.key.tmp-0123456789ab"
        many.mkdir()
        for i in range(100):  # more than there are descriptors in a message
            (many / f"{i}.tmp-note").write_text(f"{i}\n" * i)
        (many / left).write_text("half a key")
        host.cli("config", "set", "smtp.hops", "41")
        keys, changes = host.cli("--json", "dkim", "list").stdout, host.cli("--json", "config", "history").stdout
        assert len(json.loads(keys)) == 2
        ask(host, "run")
        host.stop()
        for f in (password, rules, empty):
            f.unlink()
        new = rescue(host, host.backup)
        try:
            assert password.read_text().strip() == "the provider's word" and password.stat().st_mode & 0o777 == 0o600
            assert rules.read_text() == "sender x@spam.example reject\n" and empty.read_text() == ""
            new.settings.update({k: host.settings[k] for k in host.settings if k.startswith("send.")})
            new.write_config()
            new.start()
            assert new.cli("--json", "dkim", "list").stdout == keys
            assert new.cli("--json", "config", "history").stdout == changes
            assert {p.name: p.read_text() for p in (new.state / "dkim" / many.name).iterdir()} == {f"{i}.tmp-note": f"{i}\n" * i for i in range(100)}
            if ROOT:
                signd = next(p for p, n in new.tree().items() if n == "signd")
                folder = new.state / "dkim" / "example.org"
                assert folder.stat().st_uid == os.stat(f"/proc/{signd}").st_uid and folder.stat().st_mode & 0o777 == 0o700
            wait_for(lambda: "AUTH=CRAM-MD5" in new.imap().capabilities, 20)
            with new.imap() as c:  # the key that opens it came along
                c.login_cram_md5(a.address, shared)
            with new.smtp(a) as c:
                c.sendmail(a.address, ["far@elsewhere.example"], f"From: {a.address}\r\nSubject: again\r\n\r\nx\r\n")
            wait_for(lambda: provider.messages, 20)
            message = provider.messages[0][2]
            known = {k["name"] + ".": k["value"].encode() for k in json.loads(keys)}
            judged = dkim.DKIM(message.removesuffix(b".\r\n"))
            assert all(judged.verify(idx=i, dnsfunc=lambda name, timeout=5: known.get(name.decode())) for i in (0, 1))
        finally:
            new.stop()
            shutil.rmtree(new.folder)
    finally:
        provider.close()


def test_mail_that_flows_during_a_run_is_missing_nowhere(host):
    """Messages are moved, flagged and delivered all the time: each is in every backup (one that is just
    being moved in both folders, as the store has it at that moment)."""
    a = host.account()
    stay = {host.deliver(a.address, f"stays {i}") for i in range(40)}
    with host.imap(a) as c:
        c.create("Other")
    stop = threading.Event()
    failed = []

    def move():
        try:
            with host.imap(a) as c:
                while not stop.is_set():
                    for here, there in (("INBOX", "Other"), ("Other", "INBOX")):
                        c.select(here)
                        c._simple_command("MOVE", "1:30", there)
                        c.select(there)
                        c.store("1:10", "+FLAGS", r"(\Flagged)")
                        c.store("1:10", "-FLAGS", r"(\Flagged)")
        except Exception as e:  # noqa: BLE001
            failed.append(e)

    def deliver():
        try:
            while not stop.is_set():
                host.deliver(a.address, "passes")
        except Exception as e:  # noqa: BLE001
            failed.append(e)

    threads = [threading.Thread(target=f) for f in (move, deliver)]
    for t in threads:
        t.start()
    try:
        for _ in range(6):
            done = ask(host, "run")
            rows = [r for f in ("INBOX", "Other")
                    for r in ask(host, "list", done["id"], f"address={a.address}", f"folder={f}", "limit=0")]
            ids = [r["message_id"] for r in rows if r["message_id"] in stay]
            assert set(ids) == stay
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not failed
    assert ask(host, "verify")[0]["finding"] == "good"


# --- faults ---------------------------------------------------------------------------

def test_every_flipped_bit_is_found_and_named(host):
    """Anywhere in the folder; and what is not damaged can still be restored."""
    a, b = host.account(), host.account()
    for i in range(4):
        host.deliver(a.address, f"message {i}")
        host.deliver(b.address, f"message {i}")
    ask(host, "run")
    files = [p for p in host.backup.rglob("*") if p.is_file() and p.stat().st_size]
    rng = random.Random(7)
    for p in files:
        good = p.read_bytes()
        for at in sorted({0, len(good) - 1, *(rng.randrange(len(good)) for _ in range(10))}):
            bad = bytearray(good)
            bad[at] ^= 1 << rng.randrange(8)
            p.write_bytes(bad)
            said = ask(host, "verify", code=65)
            assert str(p.relative_to(host.backup)) in said, (p, at, said)
            (host.backup / "damaged").unlink(missing_ok=True)
        p.write_bytes(good)
    assert ask(host, "verify")[0]["finding"] == "good"
    # one message is damaged: it is named, the others come back
    pack = host.backup / "packs/000001.pack"
    good = pack.read_bytes()
    heads = [m for m in re.finditer(rb"mansio-object 1 (\w+) message", good)]
    bad = bytearray(good)
    bad[heads[3].start() + 150] ^= 4
    pack.write_bytes(bad)
    said = ask(host, "restore", "latest", code=65)
    assert "packs/000001.pack" in said and str(heads[3].start()) in said
    restored = [sum(r["messages"] for n, r in folders(host, x).items() if n.startswith("Restored/")) for x in (a, b)]
    assert sorted(restored) == [3, 4]
    new = rescue(host, host.backup, code=65)
    assert "packs/000001.pack" in new.said and re.search(r"messages +7\n", new.said), new.said
    shutil.rmtree(new.folder)
    # verify says where; the next run stores it again, for the mailbox has it still
    ask(host, "verify", code=65)
    assert ask(host, "run")["read"] == 1 + 7  # and those that were just restored
    new = rescue(host, host.backup)
    assert re.search(r"messages +15\n", new.said), new.said
    shutil.rmtree(new.folder)


def test_a_manifest_of_another_format_is_refused_by_name(host):
    host.account()
    done = ask(host, "run")
    p = host.backup / "snapshots" / done["id"]
    text = p.read_text().replace("mansio-snapshot 1\n", "mansio-snapshot 2\n")
    body = text[:text.rindex("sum ")]
    p.write_text(body + "sum " + hashlib.sha256(body.encode()).hexdigest() + "\n")
    said = ask(host, "restore", done["id"], code=65)
    assert f"snapshots/{done['id']}" in said and "another version" in said


def children(s):
    """backupd's processes at work: all but the first."""
    found = []
    for pid in (pid for pid, n in s.tree().items() if n == "backupd"):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1] != str(s.process.pid):
                found.append(pid)
    return found


def test_killed_at_any_moment_it_goes_on_and_nothing_is_torn(host):
    a = host.account()
    for i in range(60):
        host.deliver(a.address, f"message {i}", body="x" * 20000 + "\r\n")
    rng = random.Random(11)
    for i in range(15):
        p = subprocess.Popen([MANSIO, "--state", host.state, "backup", "run"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        at = time.monotonic() + rng.random() * 0.08
        while p.poll() is None and time.monotonic() < at:
            pass
        for pid in children(host):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        p.wait()
        wait_for(lambda: not children(host))
        assert all(r["state"] in ("complete", "unfinished") for r in ask(host, "list"))
    done = ask(host, "run")
    assert done["messages"] == 60
    assert ask(host, "verify")[0]["finding"] == "good"
    assert sum(r["state"] == "unfinished" for r in ask(host, "list")) == 0
    stored = len(re.findall(rb"mansio-object 1 \w+ message", b"".join(p.read_bytes() for p in (host.backup / "packs").glob("*.pack"))))
    assert stored <= 60 + 15  # each kill costs the message at hand at most


def test_two_runs_are_never_at_once(host):
    host.account()
    ask(host, "run")
    with open(host.backup / "lock", "r+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert "another backup run" in ask(host, "run", code=75)
    ask(host, "run")


@pytest.mark.skipif(not ROOT, reason="mounts")
def test_a_full_disk_one_that_is_read_only_and_one_that_is_gone(own_suite):
    disk = make_folder()
    disk.chmod(0o1777)
    s = own_suite({"backup.folder": str(disk), "backup.at": ""})
    a = s.account()
    for i in range(8):
        s.deliver(a.address, f"message {i}", body=os.urandom(150000).hex() + "\r\n")
    mounted = []
    try:
        # mounted behind our back: taken up at the next word
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "backup", disk], check=True)
        mounted.append(disk)
        assert "mounted" in ask(s, "run", code=75)
        said = wait_for(lambda: (t := ask(s, "run", code=75)) and "mounted" not in t and t, timeout=20)
        assert "packs/000001.pack" in said and "No space left" in said
        assert all(r["state"] != "complete" for r in ask(s, "list"))
        s.wait_log("backup-failed")
        subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
        done = ask(s, "run")
        assert done["messages"] == 8
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        ask(s, "run", code=77)
        assert ask(s, "verify")[0]["finding"] == "good"
        assert ask(s, "restore", "latest", f"address={a.address}")["restored"] == 8
        subprocess.run(["umount", "-l", disk], check=True)
        mounted.clear()
        ask(s, "run", code=75)
        said = wait_for(lambda: (t := s.cli("backup", "run", check=False)).returncode == 67 and t.stderr, timeout=20)
        assert "is the disk mounted?" in said
        assert ask(s, "run", "--new")["messages"] == 16
    finally:
        for d in mounted:
            subprocess.run(["umount", "-l", d])


# --- what stays, and when -------------------------------------------------------------------

def test_removing_frees_space_and_harms_no_other(host):
    a, b = host.account(), host.account()
    for i in range(10):
        host.deliver(a.address, f"big {i}", body=os.urandom(50000).hex() + "\r\n")
    host.deliver(b.address, "small")
    first = ask(host, "run")
    with host.imap(a) as c:
        c.select("INBOX")
        c.store("1:9", "+FLAGS", r"(\Deleted)")
        c.expunge()
    second = ask(host, "run")

    def size():
        return sum(p.stat().st_size for p in (host.backup / "packs").glob("*.pack"))

    large = size()
    done = ask(host, "remove", first["id"])
    assert done["freed_bytes"] > large / 2 and size() < large / 2
    assert [r["id"] for r in ask(host, "list")] == [second["id"]]
    assert ask(host, "verify")[0]["finding"] == "good"
    assert ask(host, "restore", "latest")["restored"] == 2
    ask(host, "remove", first["id"], code=67)


def test_keeping_few_and_the_schedule_of_its_own(host):
    """By the clock: a run soon after the folder is set, then each time so long after the last; across a restart too."""
    host.account()
    host.settings.update({"backup.every": "1s", "backup.keep_last": "2", "backup.keep_daily": "0",
                          "backup.keep_weekly": "0", "backup.keep_monthly": "0"})
    host.write_config()
    host.cli("reload")
    wait_for(lambda: len(re.findall(" backup-done ", host.log())) >= 3, timeout=20)
    wait_for(lambda: "backup-removed" in host.log(), timeout=20)
    host.stop()
    at = len(host.log())
    host.start()
    host.wait_log("backup-done", since=at, timeout=20)
    # the run that the stop came into may be incomplete: authd was gone
    rows = [r for r in ask(host, "list") if r["state"] in ("complete", "incomplete")]
    assert 2 <= len(rows) <= 3 and all(r["kind"] == "schedule" for r in rows) and rows[-1]["state"] == "complete", rows


def test_a_mailbox_restored_by_hand_gets_new_uidvalidities_and_keeps_the_rest(host):
    a = host.account()
    for i in range(5):
        host.deliver(a.address, f"message {i}")

    def told(c):
        return [x.replace(rb"\Recent", b"").split() for x in c.fetch("1:*", "(UID FLAGS INTERNALDATE)")[1]]

    with host.imap(a) as c:
        c.select("INBOX")
        c.store("2", "+FLAGS", r"(\Seen $Forwarded)")
        c.store("4", "+FLAGS", r"(\Deleted)")
        c.expunge()
        before = told(c)
    old = folders(host, a)
    host.cli("mailbox", "restored", a.address)
    new = folders(host, a)
    assert set(old) == set(new)
    assert all(new[f]["uidvalidity"] > max(r["uidvalidity"] for r in old.values()) for f in new)
    with host.imap(a) as c:
        c.select("INBOX")
        assert told(c) == before
    assert "finding" not in host.cli("mailbox", "check", a.address).stdout


def test_at_rest_it_is_small_and_without_a_folder_it_says_what_to_set(own_suite):
    s = own_suite()
    said = ask(s, "run", code=69)
    assert "folder in [backup]" in said
    pid = next(pid for pid, n in s.tree().items() if n == "backupd")
    pss = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    sanitized = b"__asan" in (MANSIO.parent.parent / "libexec" / "backupd").read_bytes()
    assert sanitized or int(pss[1]) < 2048
