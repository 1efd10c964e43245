# SPDX-License-Identifier: ISC
"""IMAP sessions in IDLE give up their processes and come back as if nothing had been (docs/PROCESSES.md)."""
import concurrent.futures
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import time

import pytest

from conftest import Suite, check_log, make_folder, wait_for

SETTINGS = {"imap.hibernate_after": "200ms"}


@pytest.fixture(scope="module")
def quick(system_users):
    """A suite whose sessions fall asleep soon."""
    s = Suite(make_folder(), SETTINGS).start()
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def states_of(suite, account):
    rows = json.loads(suite.cli("--json", "session", "list").stdout)
    return [r["state"] for r in rows if r["user"] == account.address]


def drop_index(suite, account):
    """At one stroke: sessions that end may still write into it."""
    gone = suite.mail_folder(account) / "index.gone"
    (suite.mail_folder(account) / "index").rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


class Client:
    """IMAP by hand: what is sent when, and each line that comes back."""

    def __init__(self, suite, account, tls=True, select="INBOX", timeout=20):
        self.suite, self.account, self.tag = suite, account, 0
        s = socket.create_connection(("127.0.0.1", suite.ports["imaps" if tls else "imap"]), timeout)
        self.sock = suite.context().wrap_socket(s, server_hostname="localhost") if tls else s
        self.file = self.sock.makefile("rb")
        self.line()
        self.run(f'LOGIN {account.address} "{account.password}"')
        if select:
            self.run(f"SELECT {select}")

    def send(self, text):
        self.sock.sendall(text.encode() if isinstance(text, str) else text)

    def line(self):
        got = self.file.readline().decode()
        if not got:
            raise EOFError
        return got.rstrip("\r\n")

    def until(self, start):
        """Lines up to one that begins so (with it)."""
        out = [self.line()]
        while not out[-1].startswith(start):
            out.append(self.line())
        return out

    def run(self, command, good="OK"):
        self.tag += 1
        self.send(f"a{self.tag} {command}\r\n")
        out = self.until(f"a{self.tag} ")
        assert out[-1].startswith(f"a{self.tag} {good}"), out
        return out

    def idle(self):
        self.tag += 1
        self.send(f"a{self.tag} IDLE\r\n")
        return self.until("+")

    def done(self):
        self.send("DONE\r\n")
        out = self.until(f"a{self.tag} ")
        assert out[-1].startswith(f"a{self.tag} OK"), out
        return out

    def sleep(self):
        """IDLE, and wait until there is no process."""
        self.idle()
        self.wait_asleep()
        return self

    def state(self):
        """Of the account's only session in IDLE."""
        states = states_of(self.suite, self.account)
        return "asleep" if "asleep" in states else states[0]

    def wait_asleep(self):
        wait_for(lambda: self.state() == "asleep", 20)

    def uids(self):
        return [int(u) for u in self.run("UID SEARCH ALL")[0].split()[2:]]

    def ended(self):
        """Everything up to the end of the connection."""
        out = []
        try:
            while True:
                out.append(self.line())
        except (EOFError, ConnectionError, ssl.SSLError):
            return out


def children(suite):
    return sum(name == "imapd" for name in suite.tree().values())


def another(suite, account, select="INBOX"):
    c = suite.imap(account)
    if select:
        c.select(select)
    return c


@pytest.mark.parametrize("tls", [True, False])
def test_new_mail_wakes_it_and_it_sleeps_again(own_suite, tls):
    s = own_suite({**SETTINGS, "auth.allow_clear": "yes"})
    a = s.account()
    c = Client(s, a, tls=tls).sleep()
    wait_for(lambda: children(s) == 1)  # the zygote alone
    for n in range(1, 4):
        s.deliver(a.address)
        assert c.until(f"* {n} EXISTS")[-1] == f"* {n} EXISTS"
        assert "RECENT" in c.line()
        c.wait_asleep()
    wait_for(lambda: children(s) == 1)
    c.done()
    assert c.uids() == [1, 2, 3]


def test_the_door_answers_done_idle_and_noop_itself(quick):
    a = quick.account()
    c = Client(quick, a).sleep()
    since = len(quick.log())
    c.done()
    assert c.run("NOOP")[-1].endswith("OK NOOP completed")
    c.idle()
    c.done()
    c.idle()
    assert c.state() == "asleep"
    assert "event=wake" not in quick.log()[since:] and " wake " not in quick.log()[since:]
    c.done()
    assert c.run("CHECK")  # and this one wakes it


def test_news_between_two_commands_is_told_with_the_next_one(quick):
    a = quick.account()
    c = Client(quick, a).sleep()
    c.done()
    quick.deliver(a.address)
    assert "* 1 EXISTS" in c.run("NOOP")
    assert c.uids() == [1]


def test_expunges_flags_and_keywords_of_others(quick):
    a = quick.account()
    for _ in range(6):
        quick.deliver(a.address)
    c = Client(quick, a).sleep()
    c.done()  # nothing is told while no command runs
    o = another(quick, a)
    o.store("2:3", "+FLAGS", r"(\Deleted)")
    o.expunge()
    o.store("1", "+FLAGS", r"(\Flagged newword)")
    o.logout()
    quick.deliver(a.address)
    told = c.run("NOOP")
    assert [t for t in told if "EXPUNGE" in t] == ["* 2 EXPUNGE", "* 2 EXPUNGE"]
    assert any(re.match(r"\* 1 FETCH .*\\Flagged.*newword", t) for t in told)
    assert any(t.startswith("* FLAGS") and "newword" in t for t in told)
    assert sum("FETCH" in t for t in told) == 1
    assert "* 7 EXISTS" in told  # before the expunges are told
    assert c.uids() == [1, 4, 5, 6, 7]


def test_the_same_while_in_idle(quick):
    a = quick.account()
    for _ in range(4):
        quick.deliver(a.address)
    c = Client(quick, a).sleep()
    o = another(quick, a)
    o.store("1:2", "+FLAGS", r"(\Deleted)")
    o.expunge()
    seen = c.until("* 1 EXPUNGE") + c.until("* 1 EXPUNGE")
    assert sum("EXPUNGE" in t for t in seen) == 2
    c.done()
    assert c.uids() == [3, 4]


def test_fetch_by_number_means_what_the_client_was_shown(quick):
    """The command that wakes it still counts expunged messages, and shows today's flags."""
    a = quick.account()
    for _ in range(3):
        quick.deliver(a.address)
    c = Client(quick, a).sleep()
    c.done()
    o = another(quick, a)
    o.store("1", "+FLAGS", r"(\Deleted)")
    o.expunge()
    o.store("2", "+FLAGS", r"(\Answered)")
    told = c.run("FETCH 2:3 (UID FLAGS)")
    rows = {int(t.split()[1]): t for t in told if "UID" in t}
    assert "UID 2" in rows[2] and "UID 3" in rows[3] and "Answered" in rows[3]
    assert not any("EXPUNGE" in t for t in told)
    assert "* 1 EXPUNGE" in c.run("NOOP")


def test_recent_stays_what_it_was(quick):
    a = quick.account()
    quick.deliver(a.address)
    quick.deliver(a.address)
    c = Client(quick, a).sleep()
    c.done()
    told = c.run("FETCH 1:2 FLAGS")
    assert sum("Recent" in t for t in told) == 2
    assert c.run("SEARCH RECENT")[0] == "* SEARCH 1 2"


def test_qresync_goes_on_over_the_sleep(quick):
    """What ENABLE turned on stays: VANISHED, and MODSEQ with each flag."""
    a = quick.account()
    for _ in range(4):
        quick.deliver(a.address)
    c = Client(quick, a, select=None)
    c.run("ENABLE QRESYNC")
    c.run("SELECT INBOX")
    c.sleep()
    c.done()
    o = another(quick, a)
    o.store("2:3", "+FLAGS", r"(\Deleted)")
    o.expunge()
    o.store("1", "+FLAGS", r"(\Flagged)")
    told = c.run("NOOP")
    assert "* VANISHED 2:3" in told and not any("EXPUNGE" in t for t in told)
    assert any(re.match(r"\* 1 FETCH \(.*UID 1 .*MODSEQ", t) for t in told), told
    c.sleep()
    o.store("1:2", "+FLAGS", r"(\Deleted)")
    o.expunge()
    c.until("* VANISHED 1,4")


def test_a_saved_search_result_keeps_it_awake(quick):
    a = quick.account()
    quick.deliver(a.address)
    c = Client(quick, a)
    c.run("SEARCH RETURN (SAVE) ALL")
    c.idle()
    quick.deliver(a.address)
    c.until("* 2 EXISTS")
    assert c.state() == "room"
    c.done()
    assert any("UID 1" in t for t in c.run("FETCH $ UID"))
    c.run("SELECT INBOX")  # that one is forgotten
    c.sleep()


@pytest.mark.parametrize("how", ["delete", "rename"])
def test_folder_that_is_gone_says_bye(quick, how):
    a = quick.account()
    o = another(quick, a, None)
    o.create("Work")
    c = Client(quick, a, select="Work").sleep()
    o.delete("Work") if how == "delete" else o.rename("Work", "Play")
    assert any(t.startswith("* BYE") for t in c.ended())


def test_folder_made_anew_with_the_same_name_says_bye(quick):
    a = quick.account()
    o = another(quick, a, None)
    o.create("Work")
    c = Client(quick, a, select="Work").sleep()
    c.done()
    o.delete("Work")
    o.create("Work")
    c.send("a99 NOOP\r\n")
    told = c.ended()
    assert any(t.startswith("* BYE") for t in told) and not any("a99 OK" in t for t in told)


def test_another_uidvalidity_says_bye(quick):
    a = quick.account()
    quick.deliver(a.address)
    c = Client(quick, a).sleep()
    c.done()
    path = quick.mail_folder(a) / "Maildir" / "mansio-folder"
    path.unlink()  # the folder gets a new identity
    c.send("a99 FETCH 1 FLAGS\r\n")
    told = c.ended()
    assert any(t.startswith("* BYE") for t in told) and not any("a99 OK" in t for t in told)


def test_index_deleted_while_asleep(quick):
    """The set can still be told: no BYE, no doubled news."""
    a = quick.account()
    for _ in range(5):
        quick.deliver(a.address)
    c = Client(quick, a).sleep()
    c.done()
    drop_index(quick, a)
    quick.deliver(a.address)
    told = c.run("NOOP")
    assert "* 6 EXISTS" in told
    assert not any("FETCH" in t or "EXPUNGE" in t for t in told), told
    assert c.uids()[:5] == [1, 2, 3, 4, 5] and len(c.uids()) == 6


def test_index_deleted_after_an_expunge_says_bye(quick):
    """What the client was shown cannot be told any more: never a wrong number."""
    a = quick.account()
    for _ in range(5):
        quick.deliver(a.address)
    c = Client(quick, a).sleep()
    c.done()
    o = another(quick, a)
    o.store("2", "+FLAGS", r"(\Deleted)")
    o.expunge()
    o.logout()
    drop_index(quick, a)
    c.send("a99 FETCH 2 UID\r\n")
    told = c.ended()
    assert any(t.startswith("* BYE") for t in told) and not any("FETCH" in t for t in told)


def test_pipelined_behind_done(quick):
    a = quick.account()
    quick.deliver(a.address)
    c = Client(quick, a).sleep()
    c.send("DONE\r\nb1 NOOP\r\nb2 FETCH 1 UID\r\nb3 SELECT Sent\r\nb4 LOGOUT\r\n")
    told = c.ended()
    order = [t.split()[0] for t in told if not t.startswith("*")]
    assert order == [f"a{c.tag}", "b1", "b2", "b3", "b4"]
    assert any("FETCH (UID 1)" in t for t in told)


@pytest.mark.parametrize("tls", [True, False])
def test_literal_split_over_the_wake(own_suite, tls):
    s = own_suite({**SETTINGS, "auth.allow_clear": "yes"})
    a = s.account()
    c = Client(s, a, tls=tls).sleep()
    c.done()
    body = b"Subject: x\r\n\r\n" + b"y" * 60000
    c.send(b"b1 APPEND INBOX {%d+}\r\n" % len(body) + body[:30000])
    wait_for(lambda: c.state() == "room")
    c.send(body[30000:] + b"\r\n")
    assert c.until("b1 ")[-1].startswith("b1 OK")
    assert c.uids() == [1]


def test_half_a_line_stays_and_travels_along(quick):
    a = quick.account()
    c = Client(quick, a).sleep()
    c.send("DO")
    quick.deliver(a.address)
    c.until("* 1 EXISTS")
    c.send("NE\r\n")
    assert c.until(f"a{c.tag} ")[-1].startswith(f"a{c.tag} OK")
    assert c.uids() == [1]


def test_something_else_than_done_is_bad(quick):
    a = quick.account()
    c = Client(quick, a).sleep()
    c.send("b1 NOOP\r\n")
    assert c.until(f"a{c.tag} ")[-1].startswith(f"a{c.tag} BAD")
    c.run("NOOP")


@pytest.mark.parametrize("select", ["INBOX", None])
def test_client_that_leaves_is_gone(quick, select):
    a = quick.account()
    c = Client(quick, a, select=select).sleep()
    c.sock.close()
    c.file.close()
    wait_for(lambda: states_of(quick, a) == [])
    quick.deliver(a.address)  # nobody is told, nobody minds
    assert Client(quick, a).uids() == [1]


def test_status_counts_the_sleepers(own_suite):
    s = own_suite({**SETTINGS, "server.processes": "1"})
    held = [Client(s, s.account()).sleep() for _ in range(2)]
    door = wait_for(lambda: [r for r in s.status() if r["process"] == "front" and r["note"] == "2 asleep"])
    assert door[0]["sessions"] == len(held)
    wait_for(lambda: all(r["sessions"] == 0 for r in s.status() if r["process"] == "imapd"))


def test_kick_says_bye(quick):
    a = quick.account()
    c = Client(quick, a).sleep()
    rows = json.loads(quick.cli("--json", "session", "kick", "--user", a.address).stdout)
    assert [r["state"] for r in rows] == ["asleep"]
    assert any(t.startswith("* BYE Session ended by the administrator") for t in c.ended())


@pytest.mark.parametrize("how", ["password", "remove", "inactive"])
def test_login_that_is_good_no_more_does_not_come_back(quick, how):
    a = quick.account()
    c = Client(quick, a).sleep()
    if how == "password":
        quick.cli("user", "password", a.address, input="another one 2\n")
    elif how == "remove":
        quick.cli("user", "remove", a.address)
    else:
        quick.cli("user", "change", a.address, "--active", "no")
    c.send("DONE\r\nb1 LIST \"\" *\r\n")
    told = c.ended()
    assert any(t.startswith("* BYE") for t in told) and not any("LIST" in t for t in told)


def test_survives_imapd_and_reload(own_suite):
    s = own_suite(SETTINGS)
    a, b = s.account(), s.account()
    c, d = Client(s, a).sleep(), Client(s, b).sleep()
    for pid, name in s.tree().items():
        if name == "imapd":
            os.kill(pid, signal.SIGKILL)
    assert c.state() == "asleep"
    c.send("DONE\r\nb1 CHECK\r\n")  # waits for the next imapd if it must
    assert c.until("b1 ")[-1].startswith("b1 OK")
    s.cli("reload")
    assert d.state() == "asleep"
    s.deliver(b.address)
    d.until("* 1 EXISTS")
    d.wait_asleep()


def test_stop_says_bye(own_suite):
    s = own_suite(SETTINGS)
    took, anna = [], s.account()
    while not took or (min(took) >= 3 and len(took) < 3):  # a machine that stands still for a moment is no defect
        if took:
            s.start()
        c = Client(s, anna).sleep()
        took.append(s.stop())
        assert any(t.startswith("* BYE") for t in c.ended())
    assert min(took) < 3


def test_too_many_sleepers_stay_awake(own_suite):
    s = own_suite({**SETTINGS, "imap.sleepers": "1", "server.processes": "1"})
    a, b = s.account(), s.account()
    c = Client(s, a).sleep()
    d = Client(s, b)
    d.idle()
    s.deliver(b.address)
    d.until("* 1 EXISTS")
    assert d.state() == "room" and c.state() == "asleep"


def test_never_when_switched_off(own_suite):
    s = own_suite({"imap.hibernate_after": "0s"})
    a = s.account()
    c = Client(s, a)
    c.idle()
    s.deliver(a.address)
    c.until("* 1 EXISTS")
    assert c.state() == "room"


def test_a_foreign_delivery_is_seen_by_the_look(own_suite):
    s = own_suite({**SETTINGS, "imap.hibernate_look": "1s"})
    a = s.account()
    c = Client(s, a).sleep()
    folder = s.mail_folder(a) / "Maildir"
    path = folder / "tmp" / "1.foreign.host"
    path.write_bytes(b"Subject: foreign\n\nhello\n")
    owner = (folder / "new").stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    os.rename(path, folder / "new" / path.name)
    assert c.until("* 1 EXISTS")


def test_two_sessions_of_one_account_do_not_mix(quick):
    """Each wakes to its own view, with its own bytes."""
    a = quick.account()
    o = another(quick, a, None)
    o.create("Work")
    c, d = Client(quick, a), Client(quick, a, select="Work")
    c.idle()
    d.idle()
    wait_for(lambda: states_of(quick, a).count("asleep") == 2, 20)
    quick.deliver(a.address)
    c.until("* 1 EXISTS")
    assert states_of(quick, a).count("asleep") >= 1  # the other one's folder is not concerned
    d.done()
    assert d.uids() == []
    c.done()
    assert c.uids() == [1]


# --- what is told is true, over any number of sleeps


class Watcher:
    """A client that keeps what it is told: the UID and flags of each sequence number."""

    def __init__(self, suite, account):
        self.c = Client(suite, account)
        self.rows = []
        for t in self.c.run("FETCH 1:* (UID FLAGS)"):
            self.told(t)

    def told(self, line):
        m = re.match(r"\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \((.*)\))?$", line)
        if not m:
            return
        n, what = int(m[1]), m[2]
        if what == "EXISTS":
            assert n >= len(self.rows), line
            self.rows += [[None, None] for _ in range(n - len(self.rows))]
        elif what == "EXPUNGE":
            del self.rows[n - 1]
        else:
            if n > len(self.rows):  # the first answer: EXISTS came with SELECT
                self.rows.append([None, None])
            row, uid = self.rows[n - 1], re.search(r"UID (\d+)", m[3])
            if uid:
                assert row[0] in (None, int(uid[1])), f"{row} {line}"
                row[0] = int(uid[1])
            row[1] = {f for f in re.search(r"FLAGS \(([^)]*)\)", m[3])[1].split() if f != r"\Recent"}

    def learn(self):
        """UIDs of what is new; the flags that were told stay as told."""
        told = [row[1] for row in self.rows]
        for t in self.c.run("FETCH 1:* (UID FLAGS)"):
            self.told(t)
        for row, flags in zip(self.rows, told):
            assert flags in (None, row[1]), "a change of flags was never told"


def test_what_sleepers_are_told_stays_true(own_suite):
    """Two watch and sleep, one changes at random; at the end each knows all, by what it was told."""
    s = own_suite({"imap.hibernate_after": "30ms", "log.level": "info"})
    a = s.account()
    r = random.Random(11)
    body = b"Subject: x\r\n\r\nhello\r\n"
    o = another(s, a)
    for _ in range(10):
        o.append("INBOX", None, None, body)
    watchers = [Watcher(s, a), Watcher(s, a)]
    end, rounds = time.monotonic() + 8, 0
    while time.monotonic() < end or rounds < 10:
        rounds += 1
        for w in watchers:
            for t in w.c.idle():
                w.told(t)
        if r.random() < .8:
            wait_for(lambda: states_of(s, a).count("asleep") >= 1, 20)
        for _ in range(r.randrange(1, 5)):
            n = len(o.search(None, "ALL")[1][0].split())
            act = r.choice(["append", "flag", "unflag", "expunge", "keyword"])
            if act == "append" or n < 3:
                o.append("INBOX", None, None, body)
            elif act == "expunge":
                o.store(str(r.randint(1, n)), "+FLAGS", r"(\Deleted)")
                o.expunge()
            else:
                o.store(str(r.randint(1, n)), "-FLAGS" if act == "unflag" else "+FLAGS",
                        f"(word{r.randrange(4)})" if act == "keyword" else r"(\Flagged \Seen)")
        for w in watchers:
            for t in w.c.done():
                w.told(t)
            for t in w.c.run("NOOP"):
                w.told(t)
            w.learn()
    truth = Watcher(s, a)
    assert [w.rows for w in watchers] == [truth.rows, truth.rows]


# --- many at once


def pss(suite, name=None):
    """KiB of the suite's processes (of that name), each shared page counted once."""
    total = 0
    for pid, process in suite.tree().items():
        if name in (None, process):
            with contextlib.suppress(OSError):
                total += int(re.search(r"^Pss:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read(), re.M).group(1))
    return total


def asleep(suite):
    rows = json.loads(suite.cli("--json", "session", "list").stdout)
    return sum(r["state"] == "asleep" for r in rows)


@pytest.mark.alone
def test_a_silent_tls_connection_costs_the_door_little(own_suite):
    """KiB of front for one that says nothing before login (in clear: test_crowd.py)."""
    s = own_suite({"limit.connections_per_address": "100000", "limit.connections_per_network": "100000", "log.level": "info"})

    def silent():
        c = s.context().wrap_socket(s.connect("imaps"), server_hostname="localhost")
        assert c.recv(200).startswith(b"* OK")
        return c

    held = [silent() for _ in range(100)]  # what is made once is there
    before = pss(s, "front")
    held += [silent() for _ in range(500)]
    each = (pss(s, "front") - before) / 500
    print(f"{each:.1f} KiB a TLS connection")
    assert each <= 24


SLEEPERS = 1000


@pytest.mark.alone
def test_a_thousand_sleepers_cost_little_and_wake_alone(own_suite):
    """At most 48 KiB each in all processes together, 24 KiB of it in front; no process; news wake whom they concern."""
    s = own_suite({**SETTINGS, "limit.sessions_per_user": "1000", "limit.connections_per_address": "100000", "log.level": "info"})
    accounts = [s.account() for _ in range(20)]
    Client(s, accounts[0]).sleep().sock.close()  # what is made once is there
    wait_for(lambda: asleep(s) == 0)
    before, front = pss(s), pss(s, "front")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        clients = list(pool.map(lambda i: Client(s, accounts[i % 20]), range(SLEEPERS)))
    for c in clients:
        c.idle()
    wait_for(lambda: asleep(s) == SLEEPERS, 30, 0.3)
    wait_for(lambda: children(s) == 1)
    each, door = (pss(s) - before) / SLEEPERS, (pss(s, "front") - front) / SLEEPERS
    print(f"{each:.1f} KiB a sleeper, {door:.1f} in front")
    assert each <= 48 and door <= 24
    s.deliver(accounts[7].address)
    for c in clients[7::20]:
        assert c.until("* 1 EXISTS")
    assert asleep(s) >= SLEEPERS - SLEEPERS // 20
    for c in clients[3::20]:  # all at once, and each gets its answers
        c.send("DONE\r\nz1 SELECT Sent\r\n")
    for c in clients[3::20]:
        assert c.until("z1 ")[-1].startswith("z1 OK")
