# SPDX-License-Identifier: ISC
"""POP before SMTP (docs/AUTH.md, "POP before SMTP"): whom it lets send, as whom, from where, and when it ends. How long, and how many addresses:
tests/unit/auth/popbefore_test.c."""
import json
import shutil

import pytest

from conftest import Account, Suite, TOP, check_log, make_folder, wait_for
from test_guess import NEVER, Peer, login


@pytest.fixture(scope="module")
def house(system_users):
    text = (TOP / "docs" / "AUTH.md").read_text().split("\n## POP before SMTP\n")[1].split("\n## ")[0]
    assert "    [auth]\n    pop_before_smtp = 10m\n" in text
    s = Suite(make_folder(), {**NEVER, "auth.pop_before_smtp": "10m", "ban.never": "198.51.100.0/24"}).start()
    s.anna, s.ben = s.account("anna"), s.account("ben", "another pass 1")
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def reply(p, text):
    """The code of the last line."""
    line = p.say(text)
    while line[3:4] == b"-":
        line = p.line()
    return int(line[:3] or 0)


def mail(s, address, sender, to=None, service="submission", early=()):
    """What MAIL is answered, and RCPT and the message if there is a recipient."""
    with Peer(s, address, service) as p:
        assert reply(p, "EHLO me") == 250
        for line in early:
            reply(p, line)
        out = [reply(p, f"MAIL FROM:<{sender}>")]
        if to and out == [250]:
            out.append(reply(p, f"RCPT TO:<{to}>"))
            if out[-1] == 250:
                reply(p, "DATA")
                out.append(reply(p, f"From: {sender}\r\nTo: {to}\r\nSubject: from {address}\r\n\r\nHello.\r\n."))
        return out if to else out[0]


def subjects(s, account):
    return [line for p in s.mail_folder(account).glob("Maildir/*/*") if p.parent.name in ("new", "cur")
            for line in p.read_text().splitlines() if line.startswith("Subject:")]


def test_who_logged_in_sends_from_there_and_as_himself_alone(house):
    s, anna, ben = house, house.anna, house.ben
    assert mail(s, "192.0.2.1", anna.address) == 530
    assert login(s, "192.0.2.1", anna.address, anna.password)
    assert mail(s, "192.0.2.1", anna.address, ben.address) == [250, 250, 250]
    wait_for(lambda: subjects(s, ben) == ["Subject: from 192.0.2.1"], 20)
    line = s.wait_log("mech=POP-BEFORE-SMTP")
    assert "login " in line and f"user={anna.address}" in line and "peer=192.0.2.1" in line
    # nobody else's address, none at all, and not from elsewhere
    for sender in (ben.address, "anna@elsewhere.example", "nobody@example.org", ""):
        assert mail(s, "192.0.2.1", sender) == 530, sender
    assert mail(s, "192.0.2.2", anna.address) == 530
    # port 25 relays for nobody
    assert mail(s, "192.0.2.1", anna.address, "far@elsewhere.example", "smtp")[1] >= 550
    # the next message of a session, a wrong sender before the right one, and commands that come all at once
    with Peer(s, "192.0.2.1", "submission") as p:
        assert reply(p, "EHLO me") == 250
        assert reply(p, f"MAIL FROM:<{ben.address}>") == 530
        p.sock.sendall(f"MAIL FROM:<{anna.address}>\r\nRCPT TO:<{ben.address}>\r\nRSET\r\nMAIL FROM:<{anna.address}>\r\n".encode())
        assert [int(p.line()[:3]) for _ in range(4)] == [250] * 4
    assert login(s, "2001:db8::5", anna.address, anna.password, "imap")
    assert mail(s, "2001:db8::5", anna.address) == 250 and mail(s, "2001:db8::6", anna.address) == 530


def test_of_several_accounts_the_sender_says_which(house):
    s, anna, ben = house, house.anna, house.ben
    s.cli("alias", "add", "both@example.org", anna.address, ben.address)
    s.cli("alias", "add", "hers@example.org", anna.address)
    assert login(s, "192.0.2.20", anna.address, anna.password) and login(s, "192.0.2.20", ben.address, ben.password)
    assert mail(s, "192.0.2.20", "hers@example.org") == 250 and mail(s, "192.0.2.20", ben.address) == 250
    assert mail(s, "192.0.2.20", "both@example.org") == 530
    assert f"user={ben.address} service=submission mech=POP-BEFORE-SMTP peer=192.0.2.20" in s.log()


def test_it_ends_with_the_account_its_password_and_the_setting(house):
    s, who = house, house.account()

    def allowed():
        assert login(s, "192.0.2.30", who.address, who.password)
        return mail(s, "192.0.2.30", who.address) == 250

    assert allowed()
    s.cli("user", "change", who.address, "active=no")
    s.cli("user", "change", who.address, "active=yes")
    assert mail(s, "192.0.2.30", who.address) == 530
    assert allowed()
    who = Account(who.address, "quite another 1")
    s.cli("user", "password", who.address, input=who.password + "\n")
    assert mail(s, "192.0.2.30", who.address) == 530
    assert allowed()
    s.cli("config", "set", "auth.pop_before_smtp", "0")
    wait_for(lambda: mail(s, "192.0.2.30", who.address) == 530, 20)
    s.cli("config", "set", "auth.pop_before_smtp", "10m")
    assert allowed()
    s.cli("user", "remove", who.address)
    s.cli("user", "add", who.address, input=who.password + "\n")
    assert mail(s, "192.0.2.30", who.address) == 530


def test_what_is_not_good_for_submission_is_not_so_by_another_way(house):
    s, who = house, house.account()
    for protocols, code in (("imap", 530), ("imap,submission", 250)):
        made = json.loads(s.cli("--json", "app-password", "add", who.address, f"protocols={protocols}").stdout)
        assert login(s, "192.0.2.40", who.address, made["password"], "imap")
        assert mail(s, "192.0.2.40", who.address) == code, protocols


def test_not_from_where_many_people_are_nor_from_a_banned_network(house):
    s, anna = house, house.anna
    assert login(s, "198.51.100.7", anna.address, anna.password)
    assert mail(s, "198.51.100.7", anna.address) == 530
    # her own logins go on there, the door is open, and this is a stranger's way
    assert login(s, "203.0.113.5", anna.address, anna.password) and mail(s, "203.0.113.5", anna.address) == 250
    for n in range(20):
        login(s, "203.0.113.5", f"guess{n}@example.org", "wrong")
    assert "203.0.113.5" in s.cli("ban", "list").stdout
    assert login(s, "203.0.113.5", anna.address, anna.password)
    assert mail(s, "203.0.113.5", anna.address) == 530
    s.cli("ban", "remove", "203.0.113.5")
    assert mail(s, "203.0.113.5", anna.address) == 250
