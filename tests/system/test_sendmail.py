# SPDX-License-Identifier: ISC
"""sendmail, mailq and newaliases, as cron, git send-email, mail(1) and scripts use them."""
import email
import os
import subprocess

import pytest

from conftest import BUILD, DOMAIN, ROOT

SENDMAIL = BUILD / "sbin" / "sendmail"
MAIL = "To: {to}\nSubject: {subject}\n\nHello.\n"


@pytest.fixture
def tool(suite, tmp_path):
    """tool("-t", input="...") runs sendmail for the common suite; name= as mailq or newaliases, user= as another."""
    return tool_of(suite, tmp_path)


def tool_of(suite, folder):
    conf = suite.folder / f"sendmail.{folder.name}.conf"
    conf.write_text(suite.config.read_text() + f"\n[smtp]\norigin = {DOMAIN}\n")
    conf.chmod(0o644)

    def run(*args, input="", name="sendmail", user=None):
        prefix = ["setpriv", f"--reuid={user}", "--regid=65534", "--clear-groups"] if user else []
        link = folder / name
        if not link.exists():
            link.symlink_to(SENDMAIL)
        env = {k: v for k, v in os.environ.items() if k not in ("MANSIO_STATE", "NAME")}
        return subprocess.run([*prefix, link, "-C", conf, *args] if not user else [*prefix, SENDMAIL, "-C", conf, *args],
                              input=input.encode() if isinstance(input, str) else input, capture_output=True, timeout=30, env=env)
    return run


def got(suite, account):
    """The messages of an account's inbox, oldest first."""
    with suite.imap(account) as c:
        n = int(c.select(readonly=True)[1][0])
        return [email.message_from_bytes(c.fetch(str(i + 1), "BODY.PEEK[]")[1][0][1]) for i in range(n)]


def test_cron(suite, tool, anna):
    """cron: sender and recipient are names of the host, the header has From and To."""
    suite.cli("alias", "add", f"root@{DOMAIN}", anna.address)
    try:
        p = tool("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root",
                 input="From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> true\n\nüber\n.\nend\n")
        assert p.returncode == 0 and p.stdout == p.stderr == b"", p.stderr
        m, = got(suite, anna)
        assert m["From"] == "root (Cron Daemon)" and m["Date"] and m["Message-ID"]
        assert m.get_payload(decode=True) == "über\r\n.\r\nend\r\n".encode()
        assert "(uid" not in m["Received"] and f"[uid {os.getuid()}]" in m["Received"] and "ESMTPA" in m["Received"]
        assert m["Return-Path"] == f"<root@{DOMAIN}>"
    finally:
        suite.cli("alias", "remove", f"root@{DOMAIN}")


def test_recipients_of_the_header(suite, tool, anna, ben):
    p = tool("-t", "-F", 'An "odd" name', "-f", anna.address,
             input=f"From x@y Mon Jan  1 00:00:00 2024\nTo: {anna.address},\n nobody: ;\nBcc: Ben <{ben.address}>\nSubject: s\n\nbody\n.\nnot sent\n")
    assert p.returncode == 0, p.stderr
    for who in (anna, ben):
        m, = got(suite, who)
        assert m["Bcc"] is None and m["From"] == f'"An \\"odd\\" name" <{anna.address}>'
        assert m.get_payload() == "body\r\n"
    # of a resent message those of Resent-, and no others
    assert tool("-t", input=f"Resent-To: {anna.address}\nTo: {ben.address}\nFrom: x@example.net\n\n.\n").returncode == 0
    assert len(got(suite, anna)) == 2 and len(got(suite, ben)) == 1


def test_git_send_email(suite, tool, anna, ben):
    p = tool("-i", "-f", anna.address, anna.address, ben.address, input=MAIL.format(to=ben.address, subject="[PATCH]") + ".\n.more\n")
    assert p.returncode == 0, p.stderr
    assert [got(suite, a)[0].get_payload() for a in (anna, ben)] == ["Hello.\r\n.\r\n.more\r\n"] * 2


def test_text_without_header_and_strange_line_ends(suite, tool, anna):
    assert tool(anna.address, input=b"just text\rwith a bare CR\r\nand CRLF").returncode == 0
    m, = got(suite, anna)
    assert m.get_payload() == "just text\r\nwith a bare CR\r\nand CRLF\r\n" and m["From"]
    assert tool(anna.address, input=b"a\0b").returncode == 65
    assert len(got(suite, anna)) == 1


@pytest.mark.parametrize("args, code", [
    ([], 64), (["-t"], 64), (["-bd"], 64), (["-N", "sometimes", "a@example.org"], 64), (["--nonsense"], 64),
    (["nobody.here@example.org"], 67), (["someone@elsewhere.example"], 77), (["-f", "a b c", "x@example.org"], 64),
    (["not an address"], 65)])
def test_exit_codes(tool, args, code):
    p = tool(*args, input="Subject: s\n\n")
    assert (p.returncode, bool(p.stderr)) == (code, True)


def test_who_can_be_reached_gets_it(suite, tool, anna):
    p = tool("nobody.here@example.org", anna.address, input="Subject: s\n\n")
    assert p.returncode == 67 and b"nobody.here" in p.stderr and b"sent to the other 1" in p.stderr
    assert len(got(suite, anna)) == 1


def test_verify_and_smtp(suite, tool, anna):
    p = tool("-bv", anna.address, "nobody.here@example.org")
    assert p.returncode == 67 and b": 250" in p.stdout and b": 550" in p.stdout and not got(suite, anna)
    p = tool("-bs", input=f"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{anna.address}>\r\nDATA\r\nSubject: bs\r\n\r\n.\r\nQUIT\r\n")
    assert p.returncode == 0 and p.stdout.startswith(b"220 ") and b"STARTTLS" not in p.stdout and b"\r\n221 " in p.stdout
    assert got(suite, anna)[0]["Subject"] == "bs"


def test_reports(suite, tool, anna):
    p = tool("-N", "success", "-R", "hdrs", "-V", "id+7", "-f", anna.address, anna.address, input="Subject: told\n\nbody\n")
    assert p.returncode == 0, p.stderr
    suite.settle()
    report = next(m for m in got(suite, anna) if m.get_content_type() == "multipart/report")
    assert "id+7" in report.as_string()


@pytest.mark.skipif(not ROOT, reason="changes the user")
def test_every_user_unless_the_settings_say_no(own_suite, tmp_path):
    s = own_suite({"smtp.processes": "2"})
    a = s.account()
    tool = tool_of(s, tmp_path)
    assert tool(a.address, input="Subject: 1\n\n", user=54321).returncode == 0
    assert "[uid 54321]" in got(s, a)[0]["Received"]
    for who, codes in (("root", (77, 0)), ("off", (77, 77))):
        s.settings["smtp.local_users"] = who
        s.write_config()
        s.cli("reload")
        assert (tool(a.address, input="\n", user=54321).returncode, tool(a.address, input="\n").returncode) == codes
    # mailq and the like are root's
    assert tool("-bp", user=54321).returncode == 77


def test_without_a_suite_it_says_so(own_suite, tmp_path):
    s = own_suite({"smtp.processes": "2"})
    a, tool = s.account(), tool_of(s, tmp_path)
    s.stop()
    p = tool(a.address, input="Subject: s\n\n")
    assert p.returncode == 75 and b"nothing was sent" in p.stderr
    assert tool("-bs").returncode == 75 and tool(name="mailq").returncode == 69


def test_mailq_and_flush(own_suite, tmp_path):
    s = own_suite({"send.hold_all": "yes", "smtp.processes": "2"})
    a, tool = s.account(), tool_of(s, tmp_path)
    assert tool(name="mailq").stdout == b"Mail queue is empty\n"
    for n in (1, 2):
        assert tool("-f", a.address, a.address, f"u{n}@elsewhere.example", input="Subject: s\n\n").returncode == 0
    out = tool(name="mailq").stdout.decode()
    assert out.startswith("-Queue ID-") and out.count(a.address) == 4 and "u1@elsewhere.example" in out
    assert out.rstrip().endswith("in 2 Requests.")
    assert tool("-q").returncode == 0


def test_newaliases(suite, tool, anna, tmp_path):
    assert b"--import" in tool(name="newaliases").stdout
    file = tmp_path / "aliases"
    file.write_text(f"# system\nwebmaster.t: {anna.address}\nhostmaster.t: webmaster.t,\n   {anna.address}\n"
                    "prog.t: \"|/usr/bin/procmail\"\nlist.t: :include:/etc/list, \\webmaster.t\n")
    p = tool(f"--import={file}", name="newaliases")
    assert p.returncode == 0 and p.stdout == b"3 made, 0 were there already, 2 left out\n", (p.stdout, p.stderr)
    assert "procmail" in p.stderr.decode()
    assert anna.address in suite.cli("alias", "show", f"hostmaster.t@{DOMAIN}").stdout
    assert tool(f"--import={file}", name="newaliases").stdout == b"0 made, 3 were there already, 2 left out\n"
    assert tool(f"--import={tmp_path}/none", name="newaliases").returncode == 66
