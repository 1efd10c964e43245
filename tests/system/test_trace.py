# SPDX-License-Identifier: ISC
"""traced: what is kept of the events, the stories that are told of them, the statistics."""
import contextlib
import json
import os
import pathlib
import pwd
import re
import signal
import smtplib
import socket
import subprocess
import time

import pytest

from conftest import MANSIO, ROOT, TOP, built, wait_for
from fakehost import FakeHost
from test_attacks import SANITIZED, fill_disk, make_room, small_disk


def rows(s, *verb):
    return json.loads(s.cli("--json", *verb).stdout)


def found(s, *args):
    """The rows of a search, once there are any (events arrive a moment after the reply)."""
    return wait_for(lambda: rows(s, "trace", "search", *args))


def test_a_message_is_found_and_its_story_told(suite, anna):
    mid = suite.deliver(anna.address, "Kosten der Brücke", sender="tiro@rome.example")
    for args in ([anna.address], ["subject=brücke", "recipient=" + anna.address], ["message_id=" + mid.strip("<>")],
                 ["sender=@rome.example", "recipient=" + anna.address, "since=1h"]):
        assert [r["subject"] for r in found(suite, *args)] == ["Kosten der Brücke"], args
    row = found(suite, anna.address)[0]
    assert row["sender"] == "tiro@rome.example" and row["recipient"] == anna.address and row["recipients"] == 1
    assert row["state"] == "delivered" and row["size"] > 100 and isinstance(row["time"], int)
    assert rows(suite, "trace", "search", anna.address, "until=1h") == []
    assert rows(suite, "trace", "search", anna.address, "subject=bridge") == []
    story = wait_for(lambda: (y := rows(suite, "trace", "show", row["id"]))[-1]["event"] == "close" and y)
    events = [r["event"] for r in story]
    assert [e for e in events if e in ("mail", "rcpt", "delivered", "accepted", "close")] == \
        ["mail", "rcpt", "delivered", "accepted", "close"]
    words = "\n".join(r["words"] for r in story)
    assert "tiro@rome.example" in words and f"in the mailbox of {anna.address}, folder INBOX" in words
    assert "{" not in words and "[" not in words.replace("[127.0.0.1]", "").replace("[::1]", "")
    p = suite.cli("trace", "show", "nosuchmessage", check=False)
    assert p.returncode == 67 and "nothing is known" in p.stderr


def test_a_refusal_is_found_with_its_reply(suite):
    with suite.smtp() as c, pytest.raises(smtplib.SMTPRecipientsRefused):
        c.sendmail("asks@rome.example", ["nobody.there@example.org"], "Subject: x\r\n\r\nx\r\n")
    row = found(suite, "nobody.there@example.org")[0]
    assert row["state"] == "rejected" and "no such mailbox" in row["words"]
    assert any("550 5.1.1" in r["words"] for r in rows(suite, "trace", "show", row["id"]))


def test_log_and_audit_are_listed(suite, anna):
    suite.deliver(anna.address, "listed")
    line = wait_for(lambda: rows(suite, "log", "list", "program=lmtpd", "match=" + anna.address))[-1]
    assert line["event"] == "delivered" and line["level"] == "info" and "folder=INBOX" in line["text"]
    done = [r for r in rows(suite, "audit", "list") if anna.address in r["args"]]
    assert [r["verb"] for r in done] == ["user add"] and done[0]["from"] == "command"
    assert "secret pass" not in json.dumps(rows(suite, "audit", "list")), "a password in the audit log"
    assert any(r["kind"] == "person" and "user add" in r["words"] for r in rows(suite, "changes", "list"))
    assert suite.cli("log", "list", "level=loud", check=False).returncode == 64
    assert suite.cli("trace", "search", "since=yesterdayish", check=False).returncode == 64


def test_the_log_is_followed_as_it_happens(suite, anna):
    p = subprocess.Popen([MANSIO, "--state", suite.state, "--json", "log", "follow", "match=" + anna.address],
                         stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: any("log follow" in r["text"] for r in rows(suite, "log", "list", "match=log follow")))
        suite.deliver(anna.address, "followed")
        while json.loads(p.stdout.readline())["event"] != "delivered":
            pass
    finally:
        p.terminate()
        p.wait()
        p.stdout.close()


def ask(s, **fields):
    """A verb at the control socket, as those ask who may name whom it is for (scope): the rows, or the code."""
    c = control(s, **fields)
    out = []
    while True:
        said = c.recv(1 << 20)
        if not said:
            c.close()
            raise AssertionError("closed without an end")
        row = [x.partition(b"=")[::2] for x in said.split(b"\n")[1:] if x]
        row = {k.decode(): re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), v).decode() for k, v in row}
        if said.startswith(b"mansio 1 expect"):
            continue
        if row.get("done"):
            c.close()
            return out if row["code"] == "0" else int(row["code"])
        out.append(row)


def control(s, **fields):
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.settimeout(20)
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(s.state / "run")
        c.connect("control")
    finally:
        os.fchdir(here)
        os.close(here)
    text = "mansio 1 control\n"
    for k, v in fields.items():
        for x in v if isinstance(v, list) else [v]:
            text += f"{k}={x.replace(' ', '%20')}\n"
    c.send(text.encode())
    return c


def test_each_sees_his_own_part_alone(suite):
    """Bcc: a recipient learns of no other, nor that there are any; the sender learns each fate, not the folders."""
    anna, ben, cleo = suite.account(), suite.account(), suite.account("cleo@example.net")
    with suite.smtp(anna) as c:
        c.sendmail(anna.address, [ben.address, cleo.address, "nobody@example.org"][:2], "Subject: for both\r\n\r\nx\r\n")
    row = found(suite, "sender=" + anna.address)[0]
    assert row["recipients"] == 2
    mine = ask(suite, verb="trace search", scope=ben.address)
    assert [(r["recipient"], r["recipients"], r["subject"]) for r in mine if r["id"] == row["id"]] == [(ben.address, "1", "for both")]
    for scope, seen in ((ben.address, ben.address), ("example.net", cleo.address)):
        text = json.dumps(ask(suite, verb="trace show", id=row["id"], scope=scope))
        assert seen in text
        assert not any(x in text for x in {ben.address, cleo.address} - {seen}), scope
        assert "127.0.0.1" not in text and "::1" not in text and "rcpts" not in text
    text = json.dumps(ask(suite, verb="trace show", id=row["id"], scope=anna.address))
    assert ben.address in text and cleo.address in text and "INBOX" not in text
    everything = json.dumps(ask(suite, verb="trace show", id=row["id"]))
    assert everything.count("INBOX") >= 2
    stranger = suite.account()
    assert ask(suite, verb="trace show", id=row["id"], scope=stranger.address) == 67
    assert ask(suite, verb="trace search", scope=stranger.address) == []
    # several scopes are one right
    assert ask(suite, verb="trace search", subject="for both", scope=[stranger.address, "example.net"])


def test_the_story_of_a_message_in_the_queue(own_suite):
    asked = []
    host = FakeHost({"RCPT": lambda c, line: asked.append(line) or (b"451 4.7.1 Greylisted, come again\r\n" if len(asked) == 1 else None)})
    s = own_suite({"send.smarthost": f"127.0.0.1:{host.port}", "send.smarthost_tls": "none", "queue.retry": "1s"})
    try:
        anna = s.account()
        with s.smtp(anna) as c:
            c.sendmail(anna.address, ["far@away.example"], "Subject: out\r\n\r\nx\r\n")
        row = found(s, "far@away.example")[0]
        wait_for(lambda: rows(s, "trace", "search", "far@away.example")[0]["state"] == "delivered", 20)
        story = rows(s, "trace", "show", row["id"])
        words = "\n".join(r["words"] for r in story)
        assert re.search(r"Attempt 1 for far@away\.example fails for now at \S+ \(127\.0\.0\.1, TLS: none\): 451 4\.7\.1 Greylisted, come again; next in \d s", words), words
        assert re.search(r"Delivered to far@away\.example by \S+ at attempt 2, \d s after it came \(127\.0\.0\.1, TLS: none\): 250 2\.0\.0 queued as 1\.", words), words
        assert "logged in as " + anna.address in words
        counted = wait_for(lambda: [r for r in rows(s, "stats", "show", "step=60") if r["out"]], 20)
        assert sum(r["in"] for r in counted) == 1 and sum(r["out"] for r in counted) == 1
        assert sum(r["deferred"] for r in rows(s, "stats", "show", "step=60")) == 1
        assert counted[-1]["delivery_p50"] >= 500, "a message that waited a second"
    finally:
        host.close()


def test_nothing_that_a_stranger_writes_is_more_than_text(suite, anna):
    """C24: CR, LF, ESC, U+202E, quotes and equals signs in subject, Message-ID and address: one line, and data all the way."""
    since = len(suite.log())
    nasty = 'x" m=000000000000 to=root@example.org \x1b[31m\u202e\r\n2026-01-01T00:00:00.000Z smtpd[1] accepted'
    import base64
    coded = "=?utf-8?B?" + base64.b64encode(nasty.encode()).decode() + "?="
    with suite.smtp() as c:
        c.sendmail("tiro@rome.example", [anna.address],
                   f'From: tiro@rome.example\r\nSubject: {coded}\r\nMessage-ID: <a"b=c\x07\x7f d@e>\r\n\r\nx\r\n')
    row = found(suite, anna.address)[0]
    text = suite.log()[since:]
    assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
    assert len([x for x in text.splitlines() if " accepted " in x and x.startswith("2026-01-01")]) == 0
    assert row["id"] != "000000000000" and row["subject"].startswith('x" m=000000000000 to=root@example.org \x1b[31m\u202e')
    assert rows(suite, "trace", "search", "root@example.org", "subject=m=000000000000") == []
    for args in (["trace", "search", anna.address], ["trace", "show", row["id"]], ["log", "list", "match=" + row["id"]]):
        shown = suite.cli(*args).stdout
        assert "\x1b" not in shown and "\u202e" not in shown
    # a subject as long as it likes
    with suite.smtp() as c:
        c.sendmail("long@rome.example", [anna.address], "Subject: " + "y" * 900 + "\r\n\r\nx\r\n")
    assert len(found(suite, "long@rome.example")[0]["subject"]) <= 200


def test_subjects_stay_out_if_the_admin_wants(own_suite):
    s = own_suite({"trace.subjects": "no"})
    anna = s.account()
    s.deliver(anna.address, "a private matter")
    assert found(s, anna.address)[0]["subject"] == ""
    assert "private" not in s.log()
    assert b"private" not in b"".join(p.read_bytes() for p in (s.state / "trace").iterdir())


def test_events_fit_their_table(suite, anna):
    """trace/events.def: every event of it is said by that program, with the fields that it names."""
    table = re.findall(r'^EVENT\("([^"]+)", "([^"]+)", (\w+), (\w+), "([^"]*)", "(.*)"\)$',
                       (TOP / "trace" / "events.def").read_text(), re.M)
    assert len(table) > 50
    source = {d: "\n".join(p.read_text() for p in (TOP / d).rglob("*.c"))
              for d in ("front", "smtp", "delivery", "imap", "pop3", "auth", "master", "trace", "store", "conf", "import", "webadmin", "acme")}
    place = {"front": "front", "smtpd": "smtp", "queued": "smtp", "sender": "smtp", "hookd": "smtp", "policyd": "smtp", "signd": "smtp", "lmtpd": "delivery", "imapd": "imap", "authd": "auth", "oauthd": "auth",
             "master": "master", "traced": "trace"}
    for program, name, _, _, fields, words in table:
        text = source[place[program]] if program != "*" else "\n".join(source.values())
        assert re.search(rf'"{name}[" ]', text), f"nobody says {program} {name}"
        for field in re.findall(r"\{(\w+)", words):
            assert field in [f.rstrip("?") for f in fields.split()], f"{name}: {field}"
    with suite.smtp(anna) as c:
        c.sendmail(anna.address, [anna.address], "Subject: table\r\n\r\nx\r\n")
    suite.imap(anna).logout()
    suite.pop3(anna).quit()
    said = {"ready", "login", "accepted", "delivered", "logout"}
    wait_for(lambda: all(f"] {name}" in suite.log() for name in said))
    seen, bad = set(), []
    for line in suite.log().splitlines():
        m = re.match(r"\S+Z (\w+)\[\d+\] (?:WARN |ERROR )?(\S+)(.*)", line)
        if not m:
            continue
        keys = re.findall(r' ([\w-]+)=(?:"(?:[^"\\]|\\.)*"|\S*)', m[3])
        for program, name, _, _, fields, _ in table:
            if name == m[2] and program in (m[1], "*"):
                wanted = {f for f in fields.split() if not f.endswith("?")}
                known = {f.rstrip("?") for f in fields.split()} | {"dropped", "cut"}
                if not wanted <= set(keys) <= known:
                    bad.append((program, name, wanted - set(keys), set(keys) - known))
                seen.add(name)
                break
    assert not bad, bad[:10]
    assert seen >= said, seen


# --- nothing of it is needed by the mail

def written(s, text):
    """Waits until it is in the files of the database."""
    wait_for(lambda: any(text.encode() in p.read_bytes() for p in (s.state / "trace").glob("trace.db*")))


def traceds(s):
    """traced and its keeper, in this order."""
    pid = next(p["pid"] for p in s.status() if p["process"] == "traced")
    return int(pid), next(p for p, name in s.tree().items() if name == "traced" and p != int(pid))


def test_the_keeper_stuck_or_killed_costs_no_mail_and_no_log(own_suite):
    s = own_suite({"log.level": "info", "trace.batch": "50ms"})
    anna = s.account()
    keeper = traceds(s)[1]
    os.kill(keeper, signal.SIGSTOP)
    for i in range(20):
        s.deliver(anna.address, f"stuck {i}")
    s.wait_log('subject="stuck 19"')
    os.kill(keeper, signal.SIGCONT)
    assert len(found(s, "subject=stuck")) == 20, "what waited for it is kept"
    written(s, 'subject="stuck 19"')
    os.kill(keeper, signal.SIGKILL)
    s.wait_log("trace-gone")
    s.deliver(anna.address, "killed")
    assert [r for r in s.status() if r["process"] == "traced" and r["restarts"]] or s.wait_log("process-exit process=traced")
    wait_for(lambda: s.cli("trace", "search", "subject=stuck", check=False).returncode == 0)
    assert len(rows(s, "trace", "search", "subject=stuck")) == 20
    s.deliver(anna.address, "and on")
    assert found(s, "subject=and on")


def test_traced_stuck_costs_no_mail(own_suite):
    """Nobody reads the links: senders drop their events, count them, and tell."""
    s = own_suite({"log.level": "info"})
    anna = s.account()
    both = traceds(s)
    for pid in both:
        os.kill(pid, signal.SIGSTOP)
    try:
        with s.smtp() as c:
            for i in range(400):
                c.sendmail("x@elsewhere.example", [anna.address], f"Subject: deaf {i}\r\n\r\nx\r\n")
        assert len(s.imap(anna).select("INBOX")[1]) == 1
    finally:
        for pid in both:
            os.kill(pid, signal.SIGCONT)
    c = s.imap(anna)
    assert c.select("INBOX")[1] == [b"400"]
    c.logout()
    assert found(s, "subject=deaf")
    s.deliver(anna.address, "heard again")
    assert found(s, "subject=heard again")


@pytest.mark.parametrize("how", ["damaged", "torn", "lost", "newer", "gone while it runs"])
def test_a_bad_database_is_put_aside_and_mail_goes_on(own_suite, how):
    s = own_suite()
    anna = s.account()
    s.deliver(anna.address, "before")
    assert found(s, "subject=before")
    db = s.state / "trace" / "trace.db"
    if how == "gone while it runs":
        for p in (s.state / "trace").glob("trace.db*"):
            p.unlink()
    else:
        s.stop()
        if how == "damaged":
            db.write_bytes(b"no database" * 1000)
        elif how == "torn":
            data = bytearray(db.read_bytes())
            data[200:4096] = b"x" * 3896
            db.write_bytes(data)
        elif how == "newer":
            import sqlite3
            with contextlib.closing(sqlite3.connect(db)) as d:
                d.execute("PRAGMA user_version=99")
        else:
            for p in (s.state / "trace").iterdir():
                p.unlink()
        s.start()
    s.deliver(anna.address, "after")
    assert found(s, "subject=after")
    if how in ("damaged", "torn", "newer"):
        assert (s.state / "trace" / "trace.db.damaged").exists()
        assert s.wait_log("trace-damaged")
    wait_for(db.exists)


@pytest.mark.skipif(not ROOT, reason="a mount needs root")
def test_a_full_disk_costs_only_what_is_not_kept(own_suite):
    s = own_suite({"log.level": "info", "trace.batch": "50ms"})
    anna = s.account()
    s.stop()
    with small_disk(s.state / "trace", "3m"):
        try:
            s.start()
            s.deliver(anna.address, "room")
            assert found(s, "subject=room")
            written(s, "subject=room")
            filler = fill_disk(s.state / "trace")
            with s.smtp() as c:
                for i in range(300):
                    c.sendmail("x@elsewhere.example", [anna.address], f"Subject: full {i}\r\n\r\nx\r\n")
            s.wait_log('subject="full 299"')
            make_room(filler)

            def kept_again():  # the first ones may still be counted alone
                s.deliver(anna.address, "room again")
                return rows(s, "trace", "search", "subject=room again")
            wait_for(kept_again, 20, 0.3)
            assert rows(s, "trace", "search", "subject=room", "limit=100")[-1]["subject"] == "room"
        finally:
            s.stop()


def test_a_reader_who_does_not_read_is_dropped(own_suite):
    s = own_suite({"trace.readers": "3"})
    anna = s.account()
    deaf = control(s, verb="log follow")
    wait_for(lambda: rows(s, "log", "list", "match=log follow"))
    with s.smtp() as c:
        for i in range(500):
            c.sendmail("x@elsewhere.example", [anna.address], f"Subject: {'long ' * 30} {i}\r\n\r\nx\r\n")
    assert found(s, anna.address)
    n = 0
    with contextlib.suppress(ConnectionError):
        while said := deaf.recv(1 << 20):
            n += len(said)
    assert 10000 < n < 4 << 20
    deaf.close()
    # at most three at once, and one that goes leaves its place
    live = [control(s, verb="stats live") for _ in range(3)]
    for c in live:
        while not c.recv(1 << 20).startswith(b"mansio 1 result"):
            pass
    assert s.cli("stats", "metrics", check=False).returncode == 75
    live.pop().close()
    wait_for(lambda: s.cli("stats", "metrics", check=False).returncode == 0)
    for c in live:
        c.close()


# --- statistics

def test_statistics_are_shown_live_and_as_history(suite, anna):
    p = subprocess.Popen([MANSIO, "--state", suite.state, "--json", "stats", "live"], stdout=subprocess.PIPE, text=True)
    try:
        first = json.loads(p.stdout.readline())
        suite.deliver(anna.address, "counted")
        got = [first]
        while not sum(r["delivered"] for r in got[1:]):
            got.append(json.loads(p.stdout.readline()))
    finally:
        p.terminate()
        p.wait()
        p.stdout.close()
    times = [r["time"] for r in got]
    assert times == list(range(times[0], times[0] + len(times))), "a row a second"
    assert first["memory_total"] >= first["memory"] and first["disk_total"] > first["disk_used"] > 0
    mine = [r for r in got[1:] if r["delivered"]][0]["time"]
    for step in (1, 10, 60):
        history = rows(suite, "stats", "show", "in", "delivered", f"step={step}")
        assert set(history[-1]) == {"time", "in", "delivered"}
        assert all(r["time"] % step == 0 for r in history)
        at = [r for r in history if r["time"] <= mine < r["time"] + step]
        assert at and at[0]["delivered"] >= 1
    assert suite.cli("stats", "show", "nonsense", check=False).returncode == 64


def test_history_survives_a_restart_and_a_torn_slot(own_suite):
    s = own_suite()
    anna = s.account()
    s.deliver(anna.address, "one")
    wait_for(lambda: sum(r["delivered"] for r in rows(s, "stats", "show", "step=60")) == 1)
    s.stop()
    f = s.state / "trace" / "stats"
    size = f.stat().st_size
    with open(f, "r+b") as x:  # the first ring: a second each
        x.seek(64)
        data = x.read(192 * 3600)
        x.seek(64)
        x.write(bytes(b ^ 0xff if b and i % 192 == 20 else b for i, b in enumerate(data)))
    s.start()
    assert sum(r["delivered"] for r in rows(s, "stats", "show", "step=60")) == 1
    assert sum(r["delivered"] for r in rows(s, "stats", "show", "step=1")) <= 1
    s.deliver(anna.address, "two")
    wait_for(lambda: sum(r["delivered"] for r in rows(s, "stats", "show", "step=60")) == 2)
    assert f.stat().st_size == size


def test_metrics_are_good_for_prometheus(suite, anna):
    suite.deliver(anna.address, "metric")
    wait_for(lambda: "process=\"smtpd\"" in suite.cli("stats", "metrics").stdout, 20)
    text = suite.cli("stats", "metrics").stdout
    p = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=60)
    assert p.returncode == 0 and not p.stdout and not p.stderr, p.stdout + p.stderr
    assert int(re.search(r"^mansio_copies_delivered_total (\d+)$", text, re.M)[1]) >= 1
    buckets = [int(x) for x in re.findall(r'^mansio_delivery_seconds_bucket\{le="[^"]+"\} (\d+)$', text, re.M)]
    assert buckets == sorted(buckets) and buckets[-1] >= 1
    assert re.search(r'^mansio_process_up\{process="front",instance="0"\} 1$', text, re.M)
    assert anna.address not in text


def test_the_depth_of_the_queue_is_counted_and_its_growth_told(own_suite):
    s = own_suite({"send.hold_all": "yes", "send.smarthost": "127.0.0.1:9"})
    anna = s.account()
    began = wait_for(lambda: rows(s, "stats", "show", "queue", "step=1"), 20)[0]["time"]
    with s.smtp(anna) as c:
        for i in range(12):
            c.sendmail(anna.address, [f"far{i}@away.example"], "Subject: held\r\n\r\nx\r\n")
    wait_for(lambda: rows(s, "stats", "show", "queue", "step=1")[-1]["queue"] == 12, 20)
    assert any(r["kind"] == "queue" and "12 messages" in r["words"] for r in rows(s, "changes", "list", f"since={began}"))
    assert "mansio_queue_messages 12" in s.cli("stats", "metrics").stdout
    assert {r["state"] for r in rows(s, "trace", "search", "subject=held")} == {"waiting"}


# --- much of it

def pss(pid):
    return int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])


def cpu(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return sum(map(int, stat[stat.rindex(")") + 2:].split()[11:13]))


@pytest.mark.skipif(not ROOT, reason="the database must belong to _trace")
def test_half_a_million_events_cost_little_memory_and_searching_reads_few(own_suite):
    s = own_suite({"log.level": "info"}, start=False)
    folder = s.state / "trace"
    folder.mkdir(mode=0o700)
    subprocess.run([built("tests/unit/trace/fill"), folder, "100000"], check=True, timeout=120)
    for p in (folder, *folder.iterdir()):
        os.chown(p, pwd.getpwnam("_trace").pw_uid, pwd.getpwnam("_trace").pw_gid)
    s.start()
    pids = traceds(s)
    before = cpu(pids[1])
    for _ in range(3):
        assert rows(s, "trace", "search", "sender=nobody.like.him@nowhere.example") == []
        row = rows(s, "trace", "search", "u7@example.org", "limit=1")[0]
        assert [r["event"] for r in rows(s, "trace", "show", row["id"])] == ["mail", "rcpt", "delivered", "accepted", "close"]
    found_in = cpu(pids[1]) - before
    assert rows(s, "log", "list", "match=a text that no event has") == []
    read_all = cpu(pids[1]) - before - found_in
    assert found_in < read_all, (found_in, read_all)  # nine answers against one that reads everything
    total = sum(pss(p) for p in pids)
    assert total < 12 * 1024 or SANITIZED, f"{total} KiB"


# --- what changed

def test_what_changed_since_yesterday_is_told_once(own_suite):
    s = own_suite()
    anna = s.account()
    for pid in [pid for pid, name in s.tree().items() if name == "pop3d"]:
        os.kill(pid, signal.SIGKILL)
    s.wait_log("process-exit process=pop3d")
    for _ in range(3):
        with contextlib.suppress(Exception):
            s.imap(anna.__class__(anna.address, "wrong")).logout()
    s.cli("reload")

    def told():
        out = {}
        for r in rows(s, "changes", "list"):
            out.setdefault(r["kind"], []).append(r["words"])
        return out
    changes = wait_for(lambda: (t := told()).get("settings") and len(t.get("failure", [])) and t)
    assert any("user add" in w and anna.address in w for w in changes["person"])
    assert [w for w in changes["process"] if w.startswith("pop3d ended: signal 9")]
    assert any("settings were read again" in w for w in changes["settings"])
    fails = [w for w in changes["failure"] if "A login from" in w]
    assert len(fails) == 1 and "Not seen in the week before" in fails[0] and re.search(r"\(\d+ times\)", fails[0]), changes
    # of what was before `since` nothing is told
    assert rows(s, "changes", "list", f"since={int(time.time()) + 5}") == []
