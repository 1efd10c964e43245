# SPDX-License-Identifier: ISC
"""Real mail programs against the real suite: send, receive, flag, move, delete, search, IDLE."""
import email
import imaplib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from conftest import DOMAIN, wait_for


def run(*args, input=None, env=None, timeout=60, check=True, cwd=None):
    p = subprocess.run([str(a) for a in args], input=input, capture_output=True, text=True, timeout=timeout, cwd=cwd,
                       env={**os.environ, **(env or {})}, **({} if input is not None else {"stdin": subprocess.DEVNULL}))
    assert not check or p.returncode == 0, f"{args[0]}: {p.returncode}\n{p.stdout}\n{p.stderr}"
    return p


def inbox(suite, account, criterion="ALL"):
    with suite.imap(account) as c:
        c.select("INBOX", readonly=True)
        return c.search(None, criterion)[1][0].split()


# --- swaks -----------------------------------------------------------------

@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_submits_with_starttls(suite, anna, ben, mechanism):
    p = run("swaks", "--server", "localhost", "--port", suite.ports["submission"], "--tls", "--tls-ca-path", suite.cert,
            "--auth", mechanism, "--auth-user", anna.address, "--auth-password", anna.password,
            "--from", anna.address, "--to", ben.address, "--header", "Subject: swaks " + mechanism)
    assert "235 2.7.0" in p.stdout and re.search(r"<~  250 2\.0\.0", p.stdout)
    assert len(inbox(suite, ben, f'SUBJECT "swaks {mechanism}"')) == 1


def test_swaks_with_a_wrong_password_is_refused(suite, anna, ben):
    p = run("swaks", "--server", "localhost", "--port", suite.ports["submissions"], "--tls-on-connect", "--auth", "PLAIN",
            "--auth-user", anna.address, "--auth-password", "wrong", "--from", anna.address, "--to", ben.address, check=False)
    assert p.returncode == 28 and "535 5.7.8" in p.stdout
    assert inbox(suite, ben) == []


def test_swaks_attachment_over_ipv6_port_25(suite, ben, tmp_path):
    blob = tmp_path / "blob.bin"
    blob.write_bytes(os.urandom(3_000_000))
    run("swaks", "--server", "[::1]", "--port", suite.ports["smtp"], "--tls", "--from", "joe@elsewhere.example",
        "--to", ben.address, "--attach", f"@{blob}")
    with suite.imap(ben) as c:
        c.select("INBOX")
        raw = c.fetch("1", "(RFC822)")[1][0][1]
    parts = [p for p in email.message_from_bytes(raw).walk() if p.get_content_type() == "application/octet-stream"]
    assert parts[0].get_payload(decode=True) == blob.read_bytes()


# --- Python's own clients ------------------------------------------------------

def test_smtplib_submission_and_poplib(suite, anna, ben):
    with suite.smtp(anna) as c:
        c.sendmail(anna.address, [ben.address], f"From: {anna.address}\r\nSubject: by smtplib\r\n\r\n..two dots\r\n")
    p = suite.pop3(ben)
    assert p.stat()[0] == 1
    lines = p.retr(1)[1]
    text = b"\r\n".join(lines)
    assert b"Subject: by smtplib" in text and b"\r\n..two dots" in text
    # added on submission: Date and Message-ID (RFC 6409 8.2, 8.3)
    assert b"\r\nDate: " in text and b"\r\nMessage-ID: <" in text.replace(b"Message-Id", b"Message-ID")
    assert text.startswith(b"Return-Path: <" + anna.address.encode())
    assert b"with ESMTPSA" in text
    uid = p.uidl(1)
    p.dele(1)
    p.close()  # aborted: nothing is deleted
    p = suite.pop3(ben)
    assert p.stat()[0] == 1 and p.uidl(1) == uid
    p.dele(1)
    p.quit()
    p = suite.pop3(ben)
    assert p.stat()[0] == 0
    p.quit()


def test_imaplib_flags_moves_deletes_searches(suite, anna):
    for n in range(5):
        suite.deliver(anna.address, f"number {n}", f"Body {n} with Grüße\r\n")
    c = suite.imap(anna)
    assert c.select("INBOX")[1] == [b"5"]
    assert c.store("1", "+FLAGS", r"(\Seen \Flagged $Work)")[0] == "OK"
    assert c.search(None, "KEYWORD", "$Work")[1] == [b"1"]
    for word in ("Grüße", "GRÜßE", "grÜ"):
        c.literal = word.encode()
        assert c.search("UTF-8", "BODY")[1] == [b"1 2 3 4 5"], word
    assert c.search(None, "UNSEEN", "NOT", "SUBJECT", '"number 3"')[1] == [b"2 3 5"]
    assert c._simple_command("MOVE", "2", "Archive")[0] == "OK"
    c.untagged_responses.clear()  # the EXPUNGE of MOVE
    c.store("4", "+FLAGS", r"\Deleted")
    assert c.expunge()[1] == [b"4"]
    assert c.select("Archive")[1] == [b"1"]
    assert b"number 1" in c.fetch("1", "(BODY[HEADER.FIELDS (SUBJECT)])")[1][0][1]
    c.create("Kunden/M&APw-ller")
    assert any(b"M&APw-ller" in x for x in c.list('""', '"Kunden/%"')[1])
    c.logout()


def test_two_sessions_stay_consistent(suite, anna):
    """RFC 2180: a message that one session expunged does not vanish under the other's numbers."""
    for n in range(4):
        suite.deliver(anna.address, f"m{n}")
    a, b = suite.imap(anna), suite.imap(anna)
    a.select("INBOX")
    b.select("INBOX")
    a.store("2", "+FLAGS", r"\Deleted")
    a.expunge()
    # numbers of b are unchanged in FETCH, SEARCH and STORE
    assert b"m3" in b.fetch("4", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1]
    assert b.store("4", "+FLAGS", r"\Flagged")[0] == "OK"
    b.untagged_responses.clear()
    b.noop()
    assert b.untagged_responses.get("EXPUNGE") == [b"2"]
    assert b"m3" in b.fetch("3", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1]
    a.untagged_responses.clear()
    a.noop()
    assert any(b"\\Flagged" in x for x in a.untagged_responses.get("FETCH", []))
    a.logout()
    b.logout()


def exists(f):
    while b"EXISTS" not in (line := f.readline()):
        assert line
    return line


@pytest.mark.alone
def test_idle_shows_new_mail_at_once(suite, anna):
    c = suite.context().wrap_socket(suite.connect("imaps"), server_hostname="localhost")
    f = c.makefile("rb")
    f.readline()
    c.sendall(f'a LOGIN {anna.address} "{anna.password}"\r\nb SELECT INBOX\r\nc IDLE\r\n'.encode())
    while not f.readline().startswith(b"+"):
        pass
    delays = []
    for n in range(5):
        told = []
        reader = threading.Thread(target=lambda: told.extend([exists(f), time.monotonic()]))
        reader.start()
        suite.deliver(anna.address, f"push {n}")
        acked = time.monotonic()
        reader.join(5)
        assert told[0] == b"* %d EXISTS\r\n" % (n + 1)
        delays.append(told[1] - acked)
    c.sendall(b"DONE\r\n")
    while not f.readline().startswith(b"c OK"):
        pass
    c.close()
    assert sorted(delays)[2] < 0.02, delays  # the median; negative: told before the sender heard 250


# --- curl ---------------------------------------------------------------------

def test_curl_reads_and_searches(suite, anna):
    suite.deliver(anna.address, "for curl")
    base = ["curl", "-sS", "--cacert", suite.cert, "-u", f"{anna.address}:{anna.password}"]
    out = run(*base, f"imaps://localhost:{suite.ports['imaps']}/INBOX;UID=1").stdout
    assert "Subject: for curl" in out
    assert "* SEARCH 1" in run(*base, f"imaps://localhost:{suite.ports['imaps']}/INBOX", "-X", "SEARCH SUBJECT curl").stdout
    assert "Subject: for curl" in run(*base, "--ssl-reqd", f"pop3://localhost:{suite.ports['pop3']}/1").stdout


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_curl_mechanisms(suite, anna, mechanism):
    for url in (f"imaps://localhost:{suite.ports['imaps']}/", f"pop3s://localhost:{suite.ports['pop3s']}/"):
        p = run("curl", "-sSv", "--cacert", suite.cert, "-u", f"{anna.address}:{anna.password}",
                "--login-options", "AUTH=" + mechanism, url, check=False)
        if "not supported" in p.stderr or p.returncode == 4:
            pytest.fail(p.stderr)
        assert p.returncode == 0, p.stderr
        assert mechanism in p.stderr


# --- mbsync ----------------------------------------------------------------------

def test_mbsync_two_way_and_second_run_transfers_nothing(suite, anna, tmp_path):
    for n in range(3):
        suite.deliver(anna.address, f"sync {n}")
    (tmp_path / "mail").mkdir()
    rc = tmp_path / "mbsyncrc"
    rc.write_text(f"""
IMAPAccount test
Host localhost
Port {suite.ports['imaps']}
User {anna.address}
Pass "{anna.password}"
SSLType IMAPS
CertificateFile {suite.cert}

IMAPStore remote
Account test

MaildirStore local
Path {tmp_path}/mail/
Inbox {tmp_path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    sync = ("mbsync", "-V", "-c", rc, "all")
    run(*sync, env={"HOME": str(tmp_path)})
    local = tmp_path / "mail" / "INBOX"
    files = [p for d in ("new", "cur") for p in (local / d).iterdir()]
    assert len(files) == 3

    def state():
        out = run(*sync, env={"HOME": str(tmp_path)})
        return re.findall(r"[FN]:? *\+(\d+) \*(\d+) #(\d+)", out.stdout + out.stderr), out.stdout + out.stderr

    def snapshot():
        return sorted((p.name, p.stat().st_mtime_ns) for d in ("new", "cur") for p in (local / d).iterdir())

    before = snapshot()
    counts, text = state()
    assert snapshot() == before
    for triple in counts:
        assert triple == ("0", "0", "0"), text
    # local changes travel: a flag, a new message, a deletion
    first = files[0]
    first.rename(local / "cur" / (first.name.split(":")[0] + ":2,FS"))
    (local / "new" / "1.local.host").write_text("From: a@b.example\nSubject: written here\n\nx\n")
    run(*sync, env={"HOME": str(tmp_path)})
    with suite.imap(anna) as c:
        c.select("INBOX")
        assert len(c.search(None, "ALL")[1][0].split()) == 4
        assert len(c.search(None, "FLAGGED SEEN")[1][0].split()) == 1
        assert len(c.search(None, 'SUBJECT "written here"')[1][0].split()) == 1
        # remote changes travel back
        c.store("2", "+FLAGS", r"\Deleted")
        c.expunge()
    run(*sync, env={"HOME": str(tmp_path)})
    assert len([p for d in ("new", "cur") for p in (local / d).iterdir()]) == 3


# --- fetchmail, msmtp, mutt ---------------------------------------------------------

@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_fetchmail_takes_all_and_then_nothing(suite, anna, tmp_path, protocol):
    for n in range(3):
        suite.deliver(anna.address, f"fetch {n}")
    port = suite.ports[protocol + "s"]
    rc = tmp_path / "fetchmailrc"
    out = tmp_path / "out"
    (tmp_path / "profile").mkdir()
    rc.write_text(f'poll localhost protocol {protocol} service {port} {"uidl " if protocol == "pop3" else ""}'
                  f'user "{anna.address}" password "{anna.password}" ssl sslcertck sslcertfile {suite.cert} mda "cat >>{out}" keep\n')
    rc.chmod(0o600)
    env = {"HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path)}
    run("fetchmail", "-f", rc, env=env)
    assert out.read_text().count("Subject: fetch ") == 3
    p = run("fetchmail", "-f", rc, env=env, check=False)
    assert p.returncode == 1 and out.read_text().count("Subject: fetch ") == 3


def test_msmtp_sends(suite, anna, ben, tmp_path):
    rc = tmp_path / "msmtprc"
    rc.write_text(f"""account default
host localhost
port {suite.ports['submission']}
tls on
tls_starttls on
tls_trust_file {suite.cert}
auth on
user {anna.address}
password {anna.password}
from {anna.address}
""")
    rc.chmod(0o600)
    run("msmtp", "-C", rc, ben.address, input="Subject: by msmtp\n\nhello\n")
    assert len(inbox(suite, ben, 'SUBJECT "by msmtp"')) == 1


def test_mutt_opens_flags_and_copies(suite, anna, tmp_path):
    suite.deliver(anna.address, "for mutt")
    rc = tmp_path / "muttrc"
    rc.write_text(f"""set folder="imaps://localhost:{suite.ports['imaps']}/"
set spoolfile="+INBOX"
set imap_user="{anna.address}"
set imap_pass="{anna.password}"
set certificate_file={suite.cert}
set ssl_ca_certificates_file={suite.cert}
set ssl_force_tls=yes
set mail_check=1
set wait_key=no
set confirmappend=no
set copy=no
unset mark_old
set quit=yes
set delete=yes
push "<flag-message><copy-message>=Archive<enter><sync-mailbox><quit>"
""")
    run("script", "-qec", f"mutt -n -F {rc}", "/dev/null",
        env={"HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}, timeout=30, check=False)
    with suite.imap(anna) as c:
        c.select("INBOX")
        assert c.search(None, "FLAGGED")[1] == [b"1"]
        assert c.select("Archive")[1] == [b"1"]


# --- Thunderbird --------------------------------------------------------------------

def test_thunderbird_reads_flags_moves_sends_and_idles(suite, anna, ben, tmp_path):
    """Debian's Thunderbird, driven from inside (thunderbird.cfg); what it did is looked up by IMAP."""
    for n in range(2):
        suite.deliver(anna.address, f"for thunderbird {n}", f"bird {n}\r\n")
    (tmp_path / "message.eml").write_bytes(
        f"From: <{anna.address}>\r\nTo: <{ben.address}>\r\nSubject: by thunderbird\r\n\r\nTweet.\r\n".encode())
    out = tmp_path / "out"
    (tmp_path / "profile").mkdir()
    env = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "MOZ_HEADLESS": "1",
           "MOZ_DISABLE_AUTO_SAFE_MODE": "1",
           "BIRD_OUT": str(out), "BIRD_USER": anna.address, "BIRD_PASSWORD": anna.password, "BIRD_TO": ben.address,
           "BIRD_MESSAGE": str(tmp_path / "message.eml"), "BIRD_IMAPS": str(suite.ports["imaps"]),
           "BIRD_SUBMISSIONS": str(suite.ports["submissions"]),
           "BIRD_CERT": "".join(suite.cert.read_text().split("-----")[2].split())}
    with open(tmp_path / "stderr", "wb") as err:
        p = subprocess.Popen([thunderbird_with_script(tmp_path / "app"), "--headless", "--no-remote",
                              "--profile", tmp_path / "profile"],
                             env=env, stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True)

    def did(step):
        said = out.read_text() if out.exists() else ""
        assert "failed" not in said, said
        assert p.poll() is None, (tmp_path / "stderr").read_text()[-2000:]
        return step in said.splitlines()

    try:
        wait_for(lambda: did("sent"), 90, 0.1)
        suite.deliver(anna.address, "news for thunderbird")
        wait_for(lambda: did("told by IDLE"), 60, 0.1)
        with suite.imap(anna) as c:
            c.select("INBOX", readonly=True)
            wait_for(lambda: c.noop() and c.search(None, "FLAGGED", "SUBJECT", '"for thunderbird 0"')[1] != [b""], 20, 0.2)
            wait_for(lambda: c.noop() and c.search(None, "SUBJECT", '"for thunderbird 1"')[1] == [b""], 20, 0.2)
            assert c.select("Archive", readonly=True)[1] == [b"1"]
        with suite.imap(ben) as c:
            c.select("INBOX", readonly=True)
            assert c.search(None, "SUBJECT", '"by thunderbird"', "BODY", "Tweet")[1] == [b"1"]
    finally:
        os.killpg(p.pid, signal.SIGTERM)
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()


def thunderbird_with_script(app):
    """A copy of the program that runs thunderbird.cfg at its start (AutoConfig); all that is large is linked."""
    home = pathlib.Path("/usr/lib/thunderbird")
    app.mkdir()
    for entry in home.iterdir():
        if entry.name not in ("defaults", "thunderbird-bin"):
            (app / entry.name).symlink_to(home / entry.name)
    shutil.copytree(home / "defaults", app / "defaults")
    shutil.copy2(home / "thunderbird-bin", app)  # it looks for everything beside itself
    shutil.copy(pathlib.Path(__file__).with_name("thunderbird.cfg"), app)
    (app / "defaults" / "pref" / "autoconfig.js").write_text(
        "// AutoConfig\n"
        'pref("general.config.filename", "thunderbird.cfg");\n'
        'pref("general.config.obscure_value", 0);\n'
        'pref("general.config.sandbox_enabled", false);\n')
    return app / "thunderbird-bin"
