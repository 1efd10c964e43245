# SPDX-License-Identifier: ISC
"""App passwords (docs/AUTH.md, "App passwords"): one for each device and protocol, expiry, last use, the main password for the
page alone, and that what was removed is worth nothing at once, sessions included. What a login costs is tests/unit/auth/sasl_test.c.
The second factor of the page, with oathtool as the telephone."""
import imaplib
import json
import poplib
import shutil
import smtplib
import subprocess

import pytest

from conftest import Account, Suite, TOP, check_log, make_folder, wait_for
from web import Web


@pytest.fixture(scope="module")
def house(system_users):
    s = Suite(make_folder(), {"auth.failure_delay": "0s", "auth.yescrypt_cost": "1", "auth.app_passwords": "3"}).start()
    s.boss = s.account("boss", "boss pass 1", "roles=admin")
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def add(s, who, *options):
    """The same account with a new app password, and its id."""
    made = json.loads(s.cli("--json", "app-password", "add", who.address, *options).stdout)
    return Account(who.address, made["password"]), made["id"]


def listed(s, who):
    return {r["label"]: r for r in json.loads(s.cli("--json", "app-password", "list", who.address).stdout)}


def logs_in(s, account):
    """Where it does."""
    good = ""
    for letter, door in (("i", s.imap), ("p", s.pop3), ("s", s.smtp)):
        try:
            with_it = door(account)
        except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPAuthenticationError):
            continue
        good += letter
        getattr(with_it, {"i": "logout", "p": "quit", "s": "quit"}[letter])()
    return good + ("w" if Web(s).login(account).status == 200 else "")


def ended(client):
    try:
        client.noop()
    except (imaplib.IMAP4.error, OSError):
        return True
    return False


def offers_scram(s):
    with s.imap() as c:
        return any("SCRAM" in word for word in c.capabilities)


def test_the_document(house):
    """Every line of docs/AUTH.md's section, one after the other."""
    s, who = house, house.account("anna")
    text = (TOP / "docs" / "AUTH.md").read_text().split("\n## App passwords\n")[1].split("\n## ")[0]
    lines = [line.split()[1:] for line in text.splitlines() if line.startswith("    mansio ")]
    assert len(lines) == 5
    wait_for(lambda: offers_scram(s), 20)
    assert logs_in(s, who) == "ipsw"
    by_main = s.imap(who)
    phone = Account(who.address, json.loads(s.cli("--json", *lines[0]).stdout)["password"])
    scanner = Account(who.address, json.loads(s.cli("--json", *lines[1]).stdout)["password"])
    assert logs_in(s, phone) == "ips" and logs_in(s, scanner) == "s"
    typed = Account(who.address, phone.password.replace("-", " ").upper())
    assert logs_in(s, typed) == "ips"
    told = listed(s, who)
    assert s.cli(*lines[2]).stdout.count("127.0.0.0/24") == 2 and phone.password not in s.cli(*lines[2]).stdout
    assert int(told["phone"]["last"]) and int(told["phone"]["expires"]) == 0
    assert int(told["scanner"]["expires"]) - int(told["scanner"]["since"]) == 365 * 86400
    # SCRAM knows one password of a name: it is not offered to somebody who has more
    wait_for(lambda: not offers_scram(s), 20)
    s.cli(*lines[3])
    wait_for(lambda: ended(by_main), 20)
    assert logs_in(s, who) == "w" and logs_in(s, phone) == "ips"
    assert "main_password: web" in s.cli("user", "show", who.address).stdout
    held = s.imap(phone)
    s.cli(*[told["phone"]["id"] if word == "ID" else word for word in lines[4]])
    wait_for(lambda: ended(held), 20)
    assert logs_in(s, phone) == "" and logs_in(s, scanner) == "s"
    assert s.cli(*[told["phone"]["id"] if word == "ID" else word for word in lines[4]], check=False).returncode == 67
    assert phone.password not in s.log()


def test_its_sessions_end_when_its_time_is_over(house):
    s, who = house, house.account()
    phone, _ = add(s, who, "label=short", "expires=2s")
    try:
        held = s.imap(phone)
    except imaplib.IMAP4.error:
        held = None  # a machine that stood still: its time is over
    wait_for(lambda: not held or ended(held), 20)
    assert logs_in(s, phone) == "" and logs_in(s, who) == "ipsw"
    assert "the app password has expired" in s.log()


def test_a_person_makes_and_removes_her_own_by_the_page(house):
    s, who = house, house.account()
    page = Web(s, who)
    ask = {"address": who.address, "label": "tablet", "protocols": "imap"}
    assert page.post("app-password/add", ask).status == 400
    assert page.post("app-password/add", {**ask, "old": "wrong"}).status == 403
    assert page.post("app-password/add", {**ask, "address": s.boss.address, "old": who.password}).status == 403
    made = page.post("app-password/add", {**ask, "old": who.password}).json["result"]
    tablet = Account(who.address, made["password"])
    assert logs_in(s, tablet) == "i"
    row, = page.get(f"app-password/list?address={who.address}").json["rows"]
    assert row["id"] == made["id"] and row["protocols"] == "imap" and not {"password", "digest"} & row.keys()
    assert page.get(f"app-password/list?address={s.boss.address}").status == 403
    held = s.imap(tablet)
    assert page.post("app-password/remove", {"address": who.address, "id": made["id"]}).status == 200
    wait_for(lambda: ended(held), 20)
    assert logs_in(s, tablet) == ""
    assert page.get("me").status == 200, "who removes it goes on"
    # an administrator of the domain looks after his people's, not after those of who may more
    dora = s.account("dora", "dora pass 1", "roles=admin@example.org")
    admin = Web(s, dora)
    assert admin.post("app-password/add", {"address": who.address}).status == 200
    assert admin.post("app-password/add", {"address": s.boss.address}).status == 403


def test_what_cannot_be_is_told(house):
    s, who = house, house.account()
    for words, code in ((["protocols=imap,web"], 65), (["protocols="], 65), (["expires=soon"], 65), (["expires=0"], 65), (["label=" + 101 * "x"], 65)):
        assert s.cli("app-password", "add", who.address, *words, check=False).returncode == code, words
    assert s.cli("app-password", "add", "nobody@example.org", check=False).returncode == 67
    assert s.cli("user", "change", who.address, "main_password=mail", check=False).returncode == 65
    for _ in range(3):
        add(s, who)
    full = s.cli("app-password", "add", who.address, check=False)
    assert full.returncode == 73 and "app_passwords" in full.stderr
    # they go with the account: who gets the name later has none of them
    s.cli("user", "remove", who.address)
    s.cli("user", "add", who.address, input="another one\n")
    assert listed(s, who) == {}


def code(secret, when="now"):
    """What a telephone shows."""
    return subprocess.run(["oathtool", "--totp", "-b", secret, "-N", when], check=True, capture_output=True, text=True).stdout.strip()


def enter(s, who, typed=None):
    """The page's status for password and code, and its browser."""
    page = Web(s)
    a = page.post("login", {"address": who.address, "password": who.password, **({"code": typed} if typed else {})})
    return a.status


def test_a_second_factor_for_the_page(house):
    """Every line of docs/AUTH.md's section, one after the other."""
    s, who = house, house.account("anna2f")
    text = (TOP / "docs" / "AUTH.md").read_text().split("\n## A second factor for the web page\n")[1].split("\n## ")[0]
    lines = [line.replace("anna@", "anna2f@").split()[1:] for line in text.splitlines() if line.startswith("    mansio ")]
    assert len(lines) == 4 and enter(s, who) == 200
    secret = json.loads(s.cli("--json", *lines[0]).stdout)["secret"]
    assert enter(s, who) == 200, "it does not count yet"
    assert s.cli(*lines[0][:3], "code=abcdef", check=False).returncode == 65
    assert "on: no" in s.cli(*lines[2]).stdout
    held, before = s.imap(who), Web(s, who)
    shown = code(secret)
    told = json.loads(s.cli("--json", *[word.replace("CODE", shown) for word in lines[1]]).stdout)
    assert told["main_password"] == "web"
    wait_for(lambda: ended(held), 20)
    wait_for(lambda: before.get("me").status == 401, 20)  # it had shown the password alone
    recovery = told["recovery"].split()
    assert len(set(recovery)) == 10 and s.cli(*lines[2]).stdout.count("10") >= 1
    assert enter(s, who) == 403 and enter(s, Account(who.address, "wrong")) == 401
    assert enter(s, who, shown) == 401, "it was used when it was turned on"
    assert enter(s, who, code(secret, "now + 10 minutes")) == 401
    assert enter(s, Account(who.address, "wrong"), code(secret, "now + 30 seconds")) == 401
    # the clock's next step counts already
    assert enter(s, who, code(secret, "now + 30 seconds")) == 200
    assert enter(s, who, recovery[3]) == 200 and enter(s, who, recovery[3]) == 401
    assert logs_in(s, who) == "", "no mail program gets in with the password alone"
    # who is logged in shows the password alone for what is his own
    page = Web(s)
    answer = page.post("login", {"address": who.address, "password": who.password, "code": recovery[4].upper()})
    page.cookie, page.csrf = answer.headers["Set-Cookie"].split("=", 1)[1].split(";")[0], answer.json["csrf"]
    assert page.get(f"totp/show?address={who.address}").json["result"]["recovery_left"] == 8
    assert page.post("totp/off", {"address": who.address}).status == 400
    made = page.post("app-password/add", {"address": who.address, "old": who.password}).json["result"]["password"]
    assert logs_in(s, Account(who.address, made)) == "ips"
    assert s.cli("totp", "on", who.address, check=False).returncode == 73
    s.cli(*lines[3])
    assert enter(s, who) == 200 and secret not in s.log()
