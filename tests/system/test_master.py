# SPDX-License-Identifier: ISC
"""mansio run, status, reload, stop; settings; the command itself; the log."""
import contextlib
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import time

import pytest

from conftest import BUILD, MANSIO, TOP, make_certificate, wait_for


def test_status_shows_each_process(suite):
    rows = json.loads(suite.cli("--json", "status").stdout)
    text = suite.cli("status").stdout
    tree = suite.tree()
    names = {r["process"] for r in rows}
    assert {"front", "authd", "smtpd", "imapd", "pop3d", "lmtpd", "traced", "mailboxd"} <= names
    for r in rows:
        assert int(r["pid"]) in tree
        for field in ("uid", "age", "sessions", "restarts"):
            assert field in r
    assert "authd" in text and "pid" in text


def test_bad_settings_are_all_told_with_file_and_line(tmp_path):
    conf = tmp_path / "mansio.conf"
    conf.write_text("[server]\nhostnam = x\n\n[smtp]\nprocesses = many\nmessage_size = 1k\nrecipients = 0\n[smpt]\nx = 1\n")
    for verb in (["config", "check"], ["run"]):
        p = subprocess.run([MANSIO, *verb, "--config", conf], capture_output=True, text=True, timeout=10)
        assert p.returncode == 78, p
        err = p.stdout + p.stderr
        assert re.search(r"mansio\.conf:2: .*hostnam.*hostname", err)
        assert re.search(r"mansio\.conf:5: .*processes", err)
        assert re.search(r"mansio\.conf:7: .*recipients", err)
        assert re.search(r"mansio\.conf:8: .*smpt.*smtp", err)


def test_reload_takes_new_settings_and_keeps_sessions(own_suite):
    s = own_suite()
    anna = s.account()
    c = s.imap(anna)
    c.select("INBOX")
    other = s.smtp()
    other.ehlo()
    s.settings["smtp.message_size"] = "2M"
    s.write_config()
    s.cli("reload")
    wait_for(lambda: "2097152" in s.smtp().ehlo()[1].decode())
    s.deliver(anna.address, "after reload")
    c.noop()
    assert c.search(None, 'SUBJECT "after reload"')[1] == [b"1"]
    assert other.noop()[0] == 250
    # a bad file keeps the old settings, and says why
    s.config.write_text(s.config.read_text() + "\n[smtp]\nfrob = 1\n")
    p = s.cli("reload", check=False)
    assert p.returncode == 78 and "frob" in p.stdout + p.stderr
    assert "2097152" in s.smtp().ehlo()[1].decode()
    assert c.noop()[0] == "OK"
    c.logout()


def test_reload_takes_a_new_certificate(own_suite):
    s = own_suite()

    def serial():
        ctx = s.context()
        with ctx.wrap_socket(s.connect("imaps"), server_hostname="localhost") as t:
            return t.getpeercert()["serialNumber"]

    first = serial()
    anna = s.account()
    c = s.imap(anna)
    make_certificate(s.folder, "localhost", "mail.example.org")
    s.cli("reload")
    wait_for(lambda: serial_changed(serial, first))
    assert c.noop()[0] == "OK"
    s.process.send_signal(signal.SIGHUP)
    assert c.noop()[0] == "OK"
    c.logout()


def serial_changed(serial, first):
    try:
        return serial() != first
    except ssl.SSLError:
        return False


def test_sni_picks_the_certificate(own_suite):
    s = own_suite(start=False)
    cert2, key2 = make_certificate(s.folder, "mail.second.example", name="second")
    s.settings["tls.certificates"] += f", {cert2}"
    s.settings["tls.keys"] += f", {key2}"
    s.write_config()
    s.start()
    for name, ca in (("mail.example.org", s.cert), ("mail.second.example", cert2)):
        ctx = ssl.create_default_context(cafile=str(ca))
        with ctx.wrap_socket(s.connect("imaps"), server_hostname=name) as t:
            assert t.version() == "TLSv1.3"


def test_tls_versions_alpn_and_resumption(suite):
    ctx = suite.context()
    ctx.maximum_version = ssl.TLSVersion.TLSv1_2
    with ctx.wrap_socket(suite.connect("imaps"), server_hostname="localhost") as t:
        assert t.version() == "TLSv1.2"
        session = t.session
    with ctx.wrap_socket(suite.connect("imaps"), server_hostname="localhost", session=session) as t:
        assert t.session_reused
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(suite.connect("imaps"))
    alpn = suite.context()
    alpn.set_alpn_protocols(["http/1.1"])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        alpn.wrap_socket(suite.connect("imaps"), server_hostname="localhost")
    alpn.set_alpn_protocols(["imap"])
    with alpn.wrap_socket(suite.connect("imaps"), server_hostname="localhost") as t:
        assert t.selected_alpn_protocol() == "imap"


def test_proxy_protocol_from_listed_addresses(own_suite):
    s = own_suite({"server.proxy_from": "127.0.0.1"})
    c = s.connect("smtp")
    f = c.makefile("rb")
    c.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n")
    assert f.readline().startswith(b"220 ")
    since = len(s.log())
    c.sendall(b"EHLO x\r\nQUIT\r\n")
    f.read()
    wait_for(lambda: "192.0.2.7" in s.log())
    # IPv6 is not listed: a PROXY line there is a bad command
    c = s.connect("smtp", "::1")
    f = c.makefile("rb")
    assert f.readline().startswith(b"220 ")
    c.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n")
    assert f.readline()[:1] == b"5"
    assert since


def test_stop_ends_everything_within_five_seconds(own_suite):
    s = own_suite()
    anna = s.account()
    took = []
    while not took or (min(took) >= 5 and len(took) < 3):  # a machine that stands still for a moment is no defect
        if took:
            s.start()
        c = s.imap(anna)
        c.select("INBOX")
        pids = set(s.tree())
        p = s.smtp()
        p.ehlo()
        began = time.monotonic()
        s.cli("stop")
        s.process.wait(20)
        took.append(time.monotonic() - began)
        s.process = None
        assert not [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
    assert min(took) < 5


def test_session_list_and_kick(own_suite):
    s = own_suite()
    anna, ben = s.account(), s.account()
    a, b = s.imap(anna), s.imap(ben)
    rows = json.loads(s.cli("--json", "session", "list").stdout)
    users = [r["user"] for r in rows]
    assert anna.address in users and ben.address in users
    s.cli("session", "kick", f"user={anna.address}")
    p = s.cli("session", "kick", "user=nobody@example.org", check=False)
    assert p.returncode == 67 and "nothing matches" in p.stderr
    with pytest.raises(Exception):
        a.noop()
        a.noop()
    assert b.noop()[0] == "OK"
    b.logout()


def test_crash_loop_is_braked(own_suite):
    """A process that dies again and again is not restarted hundreds of times a second."""
    s = own_suite()
    deadline = time.monotonic() + 3
    kills = 0
    while time.monotonic() < deadline:
        for pid, name in s.tree().items():
            if name == "pop3d":
                os.kill(pid, signal.SIGKILL)
                kills += 1
        time.sleep(0.005)
    assert kills < 30
    anna = s.account()
    wait_for(lambda: login(s, anna), 20)


def login(s, account):
    try:
        s.pop3(account).quit()
        return True
    except Exception:
        return False


def test_ipc_garbage_drops_the_peer_only(own_suite):
    """C14, S16: 10,000 frames on the control socket and on the LMTP socket each: only their sender is dropped."""
    import socket
    s = own_suite()
    anna = s.account()
    for name in ("control", "lmtp"):
        path = s.state / "run" / name
        kind = socket.SOCK_SEQPACKET if name == "control" else socket.SOCK_STREAM
        for n in range(10000):
            c = socket.socket(socket.AF_UNIX, kind)
            c.settimeout(2)
            c.connect(str(path))
            try:
                c.send((b"mansio 1 control\nverb=x\n", b"\0" * 1000, os.urandom(500), b"mansio 9 y\n", b"mansio 1 control\nfds=a,b\n")[n % 5])
                if n % 30 == 0:
                    c.recv(1000)
            except OSError:
                pass
            c.close()
    assert {r["restarts"] for r in s.status()} == {"0"} or {r["restarts"] for r in s.status()} == {0}
    s.imap(anna).logout()


def test_log_line_per_event_follows_one_message(suite, anna):
    since = len(suite.log())
    mid = suite.deliver(anna.address, "to be traced")
    line = suite.wait_log("delivered", since)
    m = re.search(r"\bm=(\w+)", line)
    assert m, line
    mine = [x for x in suite.log()[since:].splitlines() if f"m={m[1]}" in x]
    assert any("smtpd" in x for x in mine) and any("lmtpd" in x for x in mine)
    assert any(anna.address in x for x in mine)
    s = re.search(r"\bs=(\w+)", next(x for x in mine if "smtpd" in x))
    assert any("front" in x and f"s={s[1]}" in x for x in suite.log()[since:].splitlines())
    assert mid


def test_log_injection_stays_one_line(suite):
    """C24: CR, LF, ESC and U+202E in HELO and user names."""
    since = len(suite.log())
    c = suite.connect("smtp")
    f = c.makefile("rb")
    f.readline()
    c.sendall("EHLO a\x1b[31mb\u202e\r\nQUIT\r\n".encode())
    f.read()
    i = suite.imap()
    try:
        i.login('x\u202e"', "y")
    except Exception:
        pass
    i.shutdown()
    text = suite.log()[since:]
    assert "\x1b" not in text and "\u202e" not in text


# --- the command ---------------------------------------------------------------

def test_user_alias_domain_verbs(own_suite):
    s = own_suite()
    s.cli("domain", "add", "example.net")
    s.cli("user", "add", "carl@example.net", input="carl's secret\n")
    assert "carl@example.net" in s.cli("user", "list").stdout
    s.cli("alias", "add", "sales@example.net", "carl@example.net")
    s.deliver("sales@example.net", "by alias")
    s.deliver("carl+projects@example.net", "by detail")
    s.cli("domain", "change", "example.net", "catchall=carl@example.net")
    s.deliver("whoever@example.net", "by catch-all")
    from conftest import Account
    carl = Account("carl@example.net", "carl's secret")
    with s.imap(carl) as c:
        assert c.select("INBOX")[1] == [b"3"]
    s.cli("user", "password", "carl@example.net", input="new secret\n")
    with pytest.raises(Exception):
        s.imap(carl)
    carl.password = "new secret"
    s.imap(carl).logout()
    s.cli("user", "change", "carl@example.net", "active=no")
    with pytest.raises(Exception):
        s.imap(carl)
    p = s.cli("user", "show", "nobody@example.net", check=False)
    assert p.returncode == 67 and "nobody@example.net" in p.stderr
    assert s.cli("user", "add", "bad address@example.net", input="x\n", check=False).returncode in (64, 65)
    assert s.cli("domain", "remove", "example.net", check=False).returncode != 0
    assert s.cli("user", "frobnicate", check=False).returncode == 64
    assert "user add" in s.cli("help", "user", "add").stdout


def test_quota_is_refused_at_rcpt_and_by_append(own_suite):
    s = own_suite()
    a = s.account("small", "pw pw pw", "quota=100k")
    s.deliver(a.address, "fits", "x" * 70 + "\r\n")
    import smtplib
    with pytest.raises(smtplib.SMTPException) as e:
        s.deliver(a.address, "too big", ("x" * 70 + "\r\n") * 3000)
    assert "552" in str(e.value) and "5.2.2" in str(e.value)
    with s.imap(a) as c:
        c.select("INBOX")
        typ, text = c.append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"y" * 200_000)
        assert typ == "NO" and b"OVERQUOTA" in text[0]
        assert c.noop()[0] == "OK"


def test_detail_goes_to_a_folder_that_exists(suite, anna):
    c = suite.imap(anna)
    c.create("lists")
    user, domain = anna.address.split("@")
    suite.deliver(f"{user}+lists@{domain}", "to folder")
    suite.deliver(f"{user}+nolists@{domain}", "to inbox")
    assert c.select("lists")[1] == [b"1"] and c.select("INBOX")[1] == [b"1"]
    c.logout()


# --- guessing -------------------------------------------------------------------

def test_failed_logins_slow_down_and_the_owner_elsewhere_does_not_notice(own_suite):
    s = own_suite({"auth.failure_delay": "400ms", "auth.failure_delay_max": "2s"})
    anna = s.account()

    def attempt(password, host):
        import imaplib
        began = time.monotonic()
        c = imaplib.IMAP4_SSL(host, s.ports["imaps"], ssl_context=noverify(), timeout=20)
        try:
            c.login(anna.address, password)
            return True, time.monotonic() - began
        except imaplib.IMAP4.error:
            return False, time.monotonic() - began
        finally:
            c.shutdown()

    times = [attempt("wrong", "127.0.0.1")[1] for _ in range(3)]
    assert times[0] >= 0.3 and times[2] > times[0]
    ok, took = attempt(anna.password, "::1")
    assert ok and took < times[2] / 2  # 1.6 s by now


def noverify():
    ctx = ssl.create_default_context()
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    return ctx


def test_known_and_unknown_accounts_get_the_same_reply(own_suite):
    s = own_suite({"auth.failure_delay": "0ms"})
    anna = s.account()
    answers = {}
    for user in (anna.address, "nobody@example.org", "nobody@nowhere.example"):
        import imaplib
        c = imaplib.IMAP4_SSL("localhost", s.ports["imaps"], ssl_context=s.context(), timeout=20)
        with pytest.raises(imaplib.IMAP4.error) as e:
            c.login(user, "wrong")
        answers[user] = str(e.value)
        c.shutdown()
    assert len(set(answers.values())) == 1, answers


def test_known_and_unknown_accounts_cost_the_same(own_suite):
    """C16 in short form: medians of wrong logins in turn, known and unknown, differ by less than a fifth."""
    import statistics
    s = own_suite({"auth.failure_delay": "0ms", "auth.yescrypt_cost": "5", "limit.login_failures": "1000", "auth.failures": "1000"})
    anna = s.account()
    took = {anna.address: [], "nobody@example.org": []}
    c = s.smtp_submissions()
    import base64
    for n in range(80):
        for user in sorted(took, reverse=n % 2 == 0):
            secret = base64.b64encode(f"\0{user}\0wrong".encode()).decode()
            began = time.perf_counter()
            assert c.docmd("AUTH", "PLAIN " + secret)[0] == 535
            took[user].append(time.perf_counter() - began)
    known, unknown = (statistics.median(v) for v in took.values())
    assert 0.8 < known / unknown < 1.25, took


# --- build and install -------------------------------------------------------------

def test_make_install_and_manual_pages(tmp_path):
    subprocess.run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={tmp_path}"], check=True, capture_output=True, timeout=300)
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert any(f.endswith("bin/mansio") for f in files)
    for name in ("front", "authd", "smtpd", "lmtpd", "imapd", "pop3d", "traced", "mailboxd"):
        f = next(tmp_path.rglob(f"libexec/mansio/{name}"))
        assert f.stat().st_mode & 0o777 == 0o711
    assert any("mansio.conf.5" in f for f in files) and any("mansio.1" in f for f in files)
    out = subprocess.run([next(tmp_path.rglob("bin/mansio")), "version"], capture_output=True, text=True)
    assert out.returncode == 0 and "0.1.0" in out.stdout


def test_sample_file_is_valid(tmp_path):
    sample = subprocess.run([MANSIO, "config", "sample"], capture_output=True, text=True, check=True).stdout
    f = tmp_path / "mansio.conf"
    f.write_text(sample)
    assert subprocess.run([MANSIO, "config", "check", "--config", f], capture_output=True).returncode == 0
    shown = subprocess.run([MANSIO, "config", "show", "--config", f], capture_output=True, text=True)
    assert shown.returncode == 0 and "message_size" in shown.stdout


def test_command_line_mistakes_are_named(suite):
    for args, said in ((["--bogus", "status"], "unknown option --bogus"), (["user", "shwo"], "did you mean 'user show'"),
                       (["frob"], "'mansio help'"), (["user", "add"], "address: is missing"),
                       (["check"], "did you mean 'config check' or 'domain check'"), (["list"], "'mansio help'"),
                       (["user", "add", "a@example.org", "extra"], "one argument too many")):
        p = suite.cli(*args, check=False)
        assert p.returncode == 64 and said in p.stderr and p.stdout == "", (args, p)


def test_json_of_every_verb_is_json(suite, anna):
    for args in (["status"], ["version"], ["domain", "list"], ["domain", "show", "example.org"], ["user", "list"],
                 ["user", "show", anna.address], ["alias", "list"], ["session", "list"], ["mailbox", "list", anna.address],
                 ["mailbox", "status", anna.address], ["mailbox", "check", anna.address],
                 ["mailbox", "rebuild", anna.address], ["config", "show"], ["reload"]):
        json.loads(suite.cli("--json", *args).stdout)
    for args, code in ((["user", "show", "nobody@example.org"], 67), (["mailbox", "list", "nobody@example.org"], 67),
                       (["--config", "/nonexistent", "config", "check"], 78)):
        p = suite.cli("--json", *args, check=False)
        assert p.returncode == code == json.loads(p.stdout)["code"]
        assert not json.loads(p.stdout)["error"].endswith("\n")


def test_password_is_asked_for_without_echo(suite, anna):
    """At a terminal: asked twice, nothing of it shown, a mismatch refused."""
    import pty
    import select
    for answers, code in ((["sesame 1", "sesame 1"], 0), (["sesame 1", "sesame 2"], 65)):
        address = f"tty{code}@example.org"
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(MANSIO, [str(MANSIO), "--state", str(suite.state), "user", "add", address])
        out = b""
        for prompt, answer in zip((b"Password: ", b"again: "), answers):
            while not out.endswith(prompt):
                assert select.select([fd], [], [], 20)[0], out
                out += os.read(fd, 1000)
            os.write(fd, answer.encode() + b"\n")
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while got := os.read(fd, 1000):
                out += got
        os.close(fd)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code and b"sesame" not in out
        assert suite.cli("user", "show", address, check=False).returncode == (67 if code else 0)
