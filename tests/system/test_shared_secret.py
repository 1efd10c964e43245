# SPDX-License-Identifier: ISC
"""CRAM-MD5 and APOP (docs/AUTH.md, "CRAM-MD5 and APOP"): offered only while an account has a shared secret, good for nothing else, sealed in
the database, and its account's alone. The digests are tests/unit/auth/shared_secret_test.c."""
import base64
import hashlib
import hmac
import imaplib
import json
import poplib
import re
import shutil
import smtplib
import socket
import sqlite3

import pytest

from conftest import Account, Suite, TOP, check_log, make_folder, wait_for
from web import Web

REFUSED = (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError)


@pytest.fixture(scope="module")
def house(system_users):
    s = Suite(make_folder(), {"auth.failure_delay": "0s", "ban.never": "", "ban.hold": "0", "smtp.processes": "2", "server.processes": "1"}).start()
    s.boss = s.account("boss", "boss pass 1", "roles=admin")
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def offered(s):
    """The letters of the doors that show CRAM-MD5 under TLS, and "a" for APOP's timestamp."""
    out = ""
    with s.imap() as c:
        out += "i" if "AUTH=CRAM-MD5" in c.capabilities else ""
    c = s.pop3()
    out += "p" if "CRAM-MD5" in c.capa().get("SASL", []) else ""
    out += "a" if b"<" in c.getwelcome() else ""
    c.quit()
    with s.smtp_submissions() as c:
        out += "s" if "CRAM-MD5" in c.esmtp_features.get("auth", "").split() else ""
    return out


def given(s, who, *words, **more):
    """The account with a shared secret."""
    secret = json.loads(s.cli("--json", "shared-secret", "set", who.address, *words, **more).stdout).get("secret", "")
    wait_for(lambda: offered(s) == "ipas", 20)
    return Account(who.address, secret)


def taken(s, who):
    s.cli("shared-secret", "remove", who.address)
    wait_for(lambda: offered(s) == "", 20)


def cram_pop3(c, account):
    c._putcmd("AUTH CRAM-MD5")
    challenge = c._getresp().split()[1]
    digest = hmac.new(account.password.encode(), base64.b64decode(challenge), hashlib.md5).hexdigest()
    return c._shortcmd(base64.b64encode(f"{account.address} {digest}".encode()).decode())


def logs_in(s, account):
    """The letters of the doors that let it in by these mechanisms."""
    out = ""
    with s.imap() as i, s.smtp_submissions() as m:
        p, a = s.pop3(), s.pop3()
        for letter, login in (("i", lambda: i.login_cram_md5(account.address, account.password)), ("p", lambda: cram_pop3(p, account)),
                              ("a", lambda: a.apop(account.address, account.password)),
                              ("s", lambda: (setattr(m, "user", account.address), setattr(m, "password", account.password), m.auth("CRAM-MD5", m.auth_cram_md5)))):
            try:
                login()
                out += letter
            except REFUSED:
                pass
        p.close()
        a.close()
    return out


def ended(client):
    try:
        client.noop()
    except (imaplib.IMAP4.error, OSError):
        return True
    return False


def test_the_document(house):
    """Every line of docs/AUTH.md's section, one after the other."""
    s, who = house, house.account("anna")
    text = (TOP / "docs" / "AUTH.md").read_text().split("\n## CRAM-MD5 and APOP\n")[1].split("\n## ")[0]
    lines = [line.split()[1:] for line in text.splitlines() if line.startswith("    mansio ")]
    assert [words[1] for words in lines] == ["set", "show", "remove"]
    assert offered(s) == ""
    c = s.pop3()
    with pytest.raises(poplib.error_proto, match="APOP is not offered"):
        c._shortcmd("APOP anna@example.org c4c9334bac560ecc979e58001b3e22fb")
    c.quit()
    secret = json.loads(s.cli("--json", *lines[0]).stdout)["secret"]
    assert re.fullmatch("[0-9a-z]{24}", secret)
    phone = Account(who.address, secret)
    wait_for(lambda: offered(s) == "ipas", 20)
    assert logs_in(s, phone) == "ipas"
    # each is good for its own way alone
    assert logs_in(s, who) == ""
    with pytest.raises(REFUSED):
        s.imap(phone)
    assert Web(s).login(phone).status == 401
    assert secret not in s.cli(*lines[1]).stdout and "set: yes" in s.cli(*lines[1]).stdout
    held = s.imap()
    held.login_cram_md5(phone.address, phone.password)
    s.cli(*lines[2])
    wait_for(lambda: ended(held), 20)
    wait_for(lambda: offered(s) == "", 20)
    assert logs_in(s, phone) == "" and "set: no" in s.cli(*lines[1]).stdout
    assert s.cli(*lines[2], check=False).returncode == 67
    assert secret not in s.log()


def test_it_is_sealed_for_one_account_and_outlives_a_restart(house):
    s, who, other = house, house.account(), house.account()
    phone = given(s, who)
    key = s.state / "secrets" / "shared-secret.key"
    assert re.fullmatch(r"[0-9a-f]{64}\n", key.read_text()) and key.stat().st_mode & 0o777 == 0o600
    assert logs_in(s, phone) == "ipas"
    s.stop()
    files = [p for p in (s.state / "directory").iterdir() if p.is_file()]
    assert not any(phone.password.encode() in p.read_bytes() for p in files)
    # what is sealed for one account opens for no other one
    db = sqlite3.connect(s.state / "directory" / "directory.db")
    db.execute("INSERT INTO shared_secret SELECT (SELECT id FROM account WHERE local = ?), sealed, since FROM shared_secret",
               (other.address.split("@")[0],))
    db.commit()
    db.close()
    s.start()
    wait_for(lambda: offered(s) == "ipas", 20)
    assert logs_in(s, phone) == "ipas" and logs_in(s, Account(other.address, phone.password)) == ""
    assert "the shared secret was sealed with another key" in s.log()
    s.cli("shared-secret", "remove", other.address)
    taken(s, who)


def test_who_may_not_log_in_does_not_and_a_password_for_the_page_does_not_matter(house):
    s, who = house, house.account()
    phone = given(s, who, "--given", input="chosen by the admin 1\n")
    assert phone.password == ""
    phone = Account(who.address, "chosen by the admin 1")
    s.cli("user", "change", who.address, "main_password=web")
    assert logs_in(s, phone) == "ipas"
    s.cli("user", "change", who.address, "active=no")
    assert logs_in(s, phone) == ""
    s.cli("user", "change", who.address, "active=yes")
    assert logs_in(s, phone) == "ipas"
    assert logs_in(s, Account("nobody@example.org", phone.password)) == ""
    for why in ("account may not log in", "no such account"):
        assert f'mech=CRAM-MD5 peer=127.0.0.1 tls=yes why="{why}"' in s.log() and f'mech=APOP peer=127.0.0.1 tls=yes why="{why}"' in s.log()
    # the account goes, and its secret with it
    s.cli("user", "remove", who.address)
    wait_for(lambda: offered(s) == "", 20)


def test_guesses_count(house):
    s, who = house, house.account()
    given(s, who)
    banned = False
    for n in range(40):
        try:
            with smtplib.SMTP_SSL("localhost", s.ports["submissions"], context=s.context(), source_address=("127.1.9.1", 0)) as c:
                c.user, c.password = who.address, f"wrong {n}"
                c.ehlo()
                c.auth("CRAM-MD5", c.auth_cram_md5)
        except smtplib.SMTPAuthenticationError:
            continue
        except (smtplib.SMTPException, OSError):
            banned = True
            break
    assert banned and "127.1.9.1" in s.cli("ban", "list").stdout
    s.cli("ban", "remove", "127.1.9.1")
    taken(s, who)


def hello(s, service, words):
    with socket.create_connection(("127.0.0.1", s.ports[service]), 20) as c:
        f = c.makefile("rwb")
        out = f.readline()
        f.write(words.encode() + b"\r\n")
        f.flush()
        while True:
            line = f.readline()
            out += line
            if re.match(rb"a .*|\.\r|\d\d\d |-ERR", line) or not line:
                return out.decode()


def test_without_tls_only_where_the_settings_say_so(house):
    s, who = house, house.account()
    phone = given(s, who)
    said = [hello(s, "imap", "a CAPABILITY"), hello(s, "pop3", "CAPA"), hello(s, "submission", "EHLO me")]
    assert not any("CRAM" in x or "<" in x for x in said)
    s.cli("config", "set", "auth.shared_secret_clear", "yes")
    wait_for(lambda: "CRAM-MD5" in hello(s, "imap", "a CAPABILITY"), 20)
    imap, pop3, smtp = hello(s, "imap", "a CAPABILITY"), hello(s, "pop3", "CAPA"), hello(s, "submission", "EHLO me")
    # no password is asked for in clear
    assert "AUTH=CRAM-MD5" in imap and "LOGINDISABLED" in imap and imap.count("AUTH=") == 2
    assert "SASL CRAM-MD5\r\n" in pop3 and re.match(r"\+OK .*<\w+@mail.example.org>\r\n", pop3) and "\nUSER" not in pop3
    assert "AUTH CRAM-MD5\r\n" in smtp
    assert "NO [PRIVACYREQUIRED]" in hello(s, "imap", "a AUTHENTICATE PLAIN")
    c = imaplib.IMAP4("localhost", s.ports["imap"], timeout=30)
    c.login_cram_md5(phone.address, phone.password)
    c.logout()
    c = poplib.POP3("localhost", s.ports["pop3"], timeout=30)
    c.apop(phone.address, phone.password)
    c.quit()
    # the timestamp that was said in clear is good after STLS, too
    c = poplib.POP3("localhost", s.ports["pop3"], timeout=30)
    c.stls(s.context())
    c.apop(phone.address, phone.password)
    c.quit()
    s.cli("config", "unset", "auth.shared_secret_clear")
    wait_for(lambda: "CRAM-MD5" not in hello(s, "imap", "a CAPABILITY"), 20)
    taken(s, who)


def test_what_cannot_be_is_told(house):
    s, who = house, house.account()
    for secret, why in (("fifteen letters", "16 to 128"), (129 * "x", "16 to 128"), ("with a\ttab in it 123", "control")):
        told = s.cli("shared-secret", "set", who.address, "--given", input=secret + "\n", check=False)
        assert told.returncode == 65 and why in told.stderr, told
    s.cli("user", "password", who.address, input="a password of hers\n")
    told = s.cli("shared-secret", "set", who.address, "--given", input="a password of hers\n", check=False)
    assert told.returncode == 65 and "is the account's password" in told.stderr
    assert s.cli("shared-secret", "set", "nobody@example.org", check=False).returncode == 67
    # administrators alone; the page has it by API
    assert Web(s, Account(who.address, "a password of hers")).post("shared-secret/set", {"address": who.address}).status == 403
    assert offered(s) == ""
    made = Web(s, s.boss).post("shared-secret/set", {"address": who.address})
    assert made.status == 200 and len(made.json["result"]["secret"]) == 24
    wait_for(lambda: offered(s) == "ipas", 20)
    s.cli("config", "set", "auth.mechanisms", "PLAIN, CRAM-MD5")
    wait_for(lambda: offered(s) == "ips", 20)
    s.cli("config", "set", "auth.mechanisms", "PLAIN")
    wait_for(lambda: offered(s) == "", 20)
    s.cli("config", "unset", "auth.mechanisms")
    wait_for(lambda: offered(s) == "ipas", 20)
    taken(s, who)
