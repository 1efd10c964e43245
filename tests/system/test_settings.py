# SPDX-License-Identifier: ISC
"""config list, set, unset, diff, history, undo: settings by command, and for the page."""
import json
import os
import signal
import socket
import subprocess

import pytest

from conftest import BUILD, DOMAIN, MANSIO, ROOT
from web import Web


def rows(s, *args):
    return json.loads(s.cli("--json", "config", *args).stdout)


def ask(s, **fields):
    """A verb on the control socket as it comes from outside, with `asker`: the last message's fields."""
    text = "mansio 1 control\n" + "".join(f"{k}={v}\n" for k, v in fields.items())
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.settimeout(10)
    here = os.getcwd()
    os.chdir(s.state / "run")
    try:
        c.connect("control")
    finally:
        os.chdir(here)
    c.send(text.encode())
    while True:
        lines = c.recv(200000).decode().splitlines()
        answer = dict(line.split("=", 1) for line in lines[1:])
        if answer.get("done"):
            c.close()
            return answer


def test_a_change_is_one_line_and_counts_at_once(own_suite):
    s = own_suite(start=False)
    s.config.write_text("# the admin's own words\n" + s.config.read_text() + "; the end\n")
    s.config.chmod(0o640)
    before = s.config.read_text()
    s.start()
    anna = s.account()
    c = s.imap(anna)
    assert rows(s, "set", "smtp.message_size", "2M")["needs_restart"] == ""
    after = s.config.read_text()
    assert after == before.replace("processes = 12\n", "processes = 12\nmessage_size = 2M\n")
    assert s.config.stat().st_mode & 0o777 == 0o640
    with s.smtp() as m:
        m.ehlo()
        assert m.esmtp_features["size"] == str(2 << 20)
    row = next(r for r in rows(s, "list", "message_size") if r["key"] == "smtp.message_size")
    line = after.splitlines().index("message_size = 2M") + 1
    assert (row["value"], row["default"], row["source"], row["when"], row["editable"]) == (
        "2M", "50M", f"{s.config}:{line}", "reload", "yes")
    assert row["limits"] and row["text"]
    assert rows(s, "set", "smtp.processes", "13")["needs_restart"] == "smtp.processes"
    assert [(r["key"], r["value"], r["file"], r["needs"]) for r in rows(s, "diff")] == [
        ("smtp.processes", "12", "13", "restart")]
    assert c.noop()[0] == "OK", "a session ended"
    assert len(rows(s, "list")) > 100
    assert {"smtp.message_size", "smtp.processes"} < {r["key"] for r in rows(s, "list", "--changed")}


def test_undo_and_unset_bring_back_what_was(own_suite):
    s = own_suite()
    before = s.config.read_text()
    rows(s, "set", "imap.sessions", "77")
    rows(s, "set", "imap.sessions", "78")
    rows(s, "unset", "limit.connections_per_address")
    kept = rows(s, "history")
    assert [(r["id"], r["verb"], r["key"], r["from"], r["to"], r["who"]) for r in kept] == [
        ("3", "unset", "limit.connections_per_address", "1000", "50", "this host"),
        ("2", "set", "imap.sessions", "77", "78", "this host"),
        ("1", "set", "imap.sessions", "5000", "77", "this host")]
    assert all(isinstance(r["time"], int) for r in kept)
    s.cli("config", "undo", "2")
    assert "sessions = 77" in s.config.read_text() and "connections_per_address = 1000" in s.config.read_text()
    s.cli("config", "undo", "1")
    assert s.config.read_text() == before
    assert s.cli("config", "undo", "99", check=False).returncode == 67
    p = s.cli("config", "undo", check=False)
    assert p.returncode == 64 and "which change?" in p.stderr and "  5  undo change 1: 77 -> 5000\n" in p.stderr, p.stderr
    assert p.stderr.splitlines()[-1].endswith("  1  set imap.sessions: 5000 -> 77")
    s.cli("config", "set", "server.settings_history", "2")
    s.cli("config", "set", "imap.sessions", "79")
    s.cli("config", "set", "imap.sessions", "80")
    assert [r["id"] for r in rows(s, "history")] == ["8", "7"], "more is kept than the setting allows"


def test_what_is_wrong_changes_nothing(own_suite):
    s = own_suite()
    before = s.config.read_text()
    for key, value, code in (("smtp.nothing", "1", 67), ("smtp.hops", "-1", 65), ("smtp.hops", "many", 65),
                             ("tls.certificates", "/nonexistent.pem", 65), ("queue.share_alone", "1", 65),
                             ("send.smarthost_user", "anna", 65)):
        p = s.cli("config", "set", key, value, check=False)
        assert p.returncode == code, (key, p.stderr)
        assert p.stderr.strip()
        assert s.config.read_text() == before
    assert s.cli("config", "unset", "smtp.hops", check=False).returncode == 65
    assert s.cli("config", "history", "--json").stdout.strip() in ("[]", "")
    # edited by hand and not reloaded: left alone until it is
    s.config.write_text(before + "[pop3]\nsessions = 9\n")
    p = s.cli("config", "set", "smtp.hops", "60", check=False)
    assert p.returncode == 75 and "reload" in p.stderr
    assert [r["key"] for r in rows(s, "diff")] == ["pop3.sessions"]
    s.cli("reload")
    s.cli("config", "set", "smtp.hops", "60")
    assert s.config.read_text() == (before + "[pop3]\nsessions = 9\n").replace(
        "processes = 12\n", "processes = 12\nhops = 60\n")
    if ROOT:
        assert s.config.stat().st_uid == 0


def test_who_asks_from_outside_cannot_set_files_and_ports(own_suite):
    s = own_suite()
    before = s.config.read_text()
    for key in ("server.state", "listen.smtp", "tls.keys", "log.file", "server.sandbox", "send.smarthost_ca"):
        a = ask(s, verb="config set", key=key, value="x", asker="boss@example.org")
        assert a["code"] == "77" and "host" in a["error"], (key, a)
    assert s.config.read_text() == before
    a = ask(s, verb="config set", key="smtp.hops", value="61", asker="boss@example.org")
    assert a["code"] == "0", a
    assert rows(s, "history")[0]["who"] == "boss@example.org"
    a = ask(s, verb="config set", key="smtp.hops", value="61%0A[server]%0Astate = /", asker="boss@example.org")
    assert a["code"] == "65", a
    # an undo is no way around
    s.cli("config", "set", "log.file", "x.log")
    last = rows(s, "history")[0]["id"]
    a = ask(s, verb="config undo", id=last, asker="boss@example.org")
    assert a["code"] == "77", a
    assert ask(s, verb="config undo", id=last)["code"] == "0"


def test_the_page_sets_what_it_may(own_suite):
    """Through webadmind and the gate: the change is its admin's in the history, and files stay out of reach."""
    s = own_suite({"server.hostname": "localhost"})
    boss = s.account("boss@example.org", "secret pass 1", "roles=admin")
    page = Web(s, boss)
    before = s.config.read_text()
    for key in ("tls.keys", "server.state", "listen.smtp", "acme.hook"):
        a = page.post("config/set", {"key": key, "value": "/etc/shadow"})
        assert a.status == 403 and "host" in a.json["error"], a
        a = page.post("config/set", {"key": key, "value": "/etc/shadow", "asker": ""})
        assert a.status in (400, 403), a
    assert s.config.read_text() == before
    a = page.post("config/set", {"key": "smtp.hops", "value": "61"})
    assert a.status == 200, a
    assert rows(s, "history")[0]["who"] == boss.address
    listed = {r["key"]: r for r in page.get("config/list").json["rows"]}
    assert listed["smtp.hops"]["value"] == "61" and listed["smtp.hops"]["editable"] == "yes"
    assert listed["tls.keys"]["editable"] == "no"
    assert page.post("config/undo", {"id": "1"}).status == 200
    assert s.config.read_text() == before
    certs = page.get("cert/list").json["rows"]
    assert certs and all(r["fingerprint"] and r["state"] == "WARN" for r in certs if r["name"] == "localhost"), certs


def test_a_change_names_who_has_not_taken_it(own_suite):
    s = own_suite({"server.reload_wait": "300ms"})
    queued, = [pid for pid, name in s.tree().items() if name == "queued"]
    os.kill(queued, signal.SIGSTOP)
    try:
        assert rows(s, "set", "imap.sessions", "77")["not_yet"] == "queued"
        assert json.loads(s.cli("--json", "reload").stdout)["not_yet"] == "queued"
    finally:
        os.kill(queued, signal.SIGCONT)
    s.cli("config", "set", "server.reload_wait", "20s")
    assert "not_yet" not in rows(s, "set", "imap.sessions", "78")


def local(s, *args, by="option", **kw):
    """A command that is told the state folder alone, from a folder where no settings file lies."""
    option, env = (["--state", str(s.state)], {}) if by == "option" else ([], {"MANSIO_STATE": str(s.state)})
    return subprocess.run([MANSIO, *option, *args], capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL, timeout=60,
                          env={k: v for k, v in os.environ.items() if k != "MANSIO_STATE"} | env, **kw)


@pytest.mark.parametrize("by", ["option", "environment"])
def test_commands_that_read_the_file_read_that_of_the_state_folder(own_suite, by):
    """Each verb that reads the settings itself: config show, config check, the checks without a suite that runs."""
    s = own_suite({"imap.sessions": "4711"})
    s.account()  # the domain example.org
    for running in (True, False):
        assert local(s, "config", "show", "imap.sessions", by=by).stdout == "4711\n"
        assert local(s, "config", "show", "server.state", by=by).stdout == f"{s.state}\n"
        shown = local(s, "config", "show", "--changed", by=by).stdout
        assert "sessions = 4711" in shown and "hostname = mail.example.org" in shown
        assert json.loads(local(s, "--json", "config", "show", "--changed", by=by).stdout)["imap.sessions"] == "4711"
        p = local(s, "config", "check", by=by)
        assert p.returncode == 0 and p.stdout == f"{s.config}: good\n", p
        dns = json.loads(local(s, "--json", "domain", "dns", DOMAIN, by=by).stdout)
        assert any(r["type"] == "MX" and "mail.example.org" in r["value"] for r in dns), dns
        if running:
            s.stop()
    s.config.write_text(s.config.read_text().replace("sessions = 4711", "sessions = many"))
    p = local(s, "config", "check", by=by)
    assert p.returncode == 78 and str(s.config) in p.stderr and "many" in p.stderr
    assert local(s, "config", "show", by=by).returncode == 78
    # a file that is named is the one, whatever else is said
    other = s.folder / "other.conf"
    other.write_text("[imap]\nsessions = 12\n")
    assert local(s, "config", "show", "imap.sessions", "--config", str(other), by=by).stdout == "12\n"


def test_a_state_folder_that_nobody_knows_is_not_taken_for_the_usual_one(own_suite):
    s = own_suite(start=False)
    for args in (["config", "show"], ["config", "show", "imap.sessions"], ["config", "check"]):
        p = local(s, *args)
        assert p.returncode == 78 and "is not known" in p.stderr and not p.stdout, p
    # as quickstart and a restored host have it
    (s.state / "mansio.conf").write_text("[imap]\nsessions = 17\n")
    assert local(s, "config", "show", "imap.sessions").stdout == "17\n"


def test_sendmail_takes_the_settings_of_the_state_folder(own_suite):
    s = own_suite({"smtp.origin": "example.org"})
    anna = s.account("anna")
    p = subprocess.run([BUILD / "sbin" / "sendmail", "anna"], input="Subject: x\n\nHello.\n", text=True, capture_output=True, timeout=30,
                       env=os.environ | {"MANSIO_STATE": str(s.state)}, cwd="/")
    assert p.returncode == 0, p
    with s.imap(anna) as c:
        assert c.select(readonly=True)[1] == [b"1"]
