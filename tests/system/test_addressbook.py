# SPDX-License-Identifier: ISC
"""The people as an address book: whom who finds by command and API, from an LDAP directory and the built-in one; what is unchanged is not sent again."""
import base64
import hashlib
import json
import shutil
import signal
import threading
import urllib.parse

import pytest

from conftest import Account, Suite, check_log, make_folder, wait_for
from ldapserver import Slapd, group, dn, person
from web import Web

PASSWORD = "secret pass 1"
OWN = ["anna@example.org", "ben@example.org", "staff@example.org", "zoe@example.org"]


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    s = Slapd(tmp_path_factory.mktemp("slapd"))
    s.add(person("anna", "anna's secret").replace("cn: Anna", f"cn:: {base64.b64encode(b'Anna' + bytes([13, 10]) + b'TEL:1').decode()}") + person("gone", "gone's secret", accountActive="FALSE")
          + person("shy", "shy's secret", mailHidden="TRUE") + person("open", "open's secret", mail="open@elsewhere.example", mailHidden="FALSE")
          + group("staff", dn("anna"), dn("gone"), mail="staff@example.org")
          + group("council", dn("anna"), dn("shy"), mail="council@example.org", mailHidden="TRUE"))
    yield s
    s.stop()


@pytest.fixture(scope="module")
def house(slapd, system_users):
    folder = make_folder()
    s = Suite(folder, {**slapd.settings(), "auth.directory": "sqlite, ldap", "ldap.domains": "example.org", "ldap.timeout": "9s", "ldap.retry": "100ms", "auth.failure_delay": "0"}).start()
    for domain in ("example.org", "other.example", "off.example"):
        s.cli("domain", "add", domain, check=False)
    for name, options in {"ben@example.org": ["name=Ben Huber"], "zoe@example.org": ["name=Zoë"], "hidden@example.org": ["listed=no"],
                          "suspended@example.org": ["active=no"], "expired@example.org": ["expires=2020-01-01"], "olga@other.example": ["name=Olga"],
                          "boss@other.example": ["roles=admin@other.example"], "root@example.org": ["roles=admin", "listed=no"],
                          "nobody@off.example": []}.items():
        s.account(name, PASSWORD, *options)
    s.cli("domain", "change", "off.example", "active=no")
    s.cli("alias", "add", "team@other.example", "olga@other.example", "boss@other.example")
    s.cli("alias", "add", "one@other.example", "olga@other.example")
    s.cli("alias", "add", "secret@other.example", "olga@other.example", "boss@other.example", "listed=no")
    yield s
    slapd.process.send_signal(signal.SIGCONT)
    s.stop()
    check_log(s)
    shutil.rmtree(folder, ignore_errors=True)


def browser(s, address):
    return Web(s, Account(address, PASSWORD))


def found(answer):
    assert answer.status == 200, answer
    return [r["address"] for r in answer.json["rows"]]


def test_a_person_finds_her_own_domain_and_nobody_who_is_hidden(house):
    ben = browser(house, "ben@example.org")
    answer = ben.get("directory")
    assert found(answer) == OWN
    rows = {r["address"]: r for r in answer.json["rows"]}
    assert rows["staff@example.org"]["kind"] == "list" and rows["zoe@example.org"] == {"address": "zoe@example.org", "name": "Zoë", "kind": "person"}
    assert rows["anna@example.org"]["name"] == "Anna  TEL:1", "one line, whatever the other directory has"
    assert found(ben.get("directory/list?match=hub")) == ["ben@example.org"]
    for word in ("zoë", "ZOË", "ZOE\u0308"):
        assert found(ben.get("directory?match=" + urllib.parse.quote(word))) == ["zoe@example.org"]
    assert found(ben.get("directory?limit=2")) == OWN[:2]
    assert found(ben.get("directory?limit=2&after=ben@example.org")) == OWN[2:]
    assert found(ben.get("directory?domain=Example.ORG")) == OWN
    assert ben.get("directory?domain=other.example").status == 403
    assert ben.get("user/list?domain=example.org").status == 403
    assert ben.get("user").status == 403, "a noun alone is its list, for those who may"
    assert browser(house, "olga@other.example").get("directory").json["rows"] == [
        {"address": "boss@other.example", "name": "", "kind": "person"}, {"address": "olga@other.example", "name": "Olga", "kind": "person"},
        {"address": "team@other.example", "name": "", "kind": "list"}]


def test_administrators_find_those_whom_they_look_after(house):
    assert "ben@example.org" not in found(browser(house, "boss@other.example").get("directory"))
    all_of_them = found(browser(house, "root@example.org").get("directory"))
    assert all_of_them == OWN + ["boss@other.example", "olga@other.example", "team@other.example"]
    assert [r["address"] for r in json.loads(house.cli("directory", "list", "other.example", "--json").stdout)] == all_of_them[4:]
    assert Web(house).get("directory").status == 401
    house.cli("user", "change", "ben@example.org", "listed=no")
    assert "ben@example.org" not in found(browser(house, "zoe@example.org").get("directory"))
    house.cli("user", "change", "ben@example.org", "listed=yes")


def test_an_alias_goes_into_the_book_and_out_of_it(house):
    def shown():
        return "secret@other.example" in found(browser(house, "olga@other.example").get("directory"))
    assert not shown() and json.loads(house.cli("--json", "alias", "show", "secret@other.example").stdout)["listed"] == "no"
    assert json.loads(house.cli("--json", "alias", "show", "council@example.org").stdout)["listed"] == "no"
    house.cli("alias", "change", "secret@other.example", "listed=yes")
    assert shown()
    house.cli("alias", "change", "secret@other.example", "listed=no")
    house.cli("alias", "change", "secret@other.example", "boss@other.example", "olga@other.example")
    assert not shown(), "other targets do not show it"
    assert house.cli("alias", "change", "secret@other.example", check=False).returncode == 64


def test_what_is_unchanged_is_not_sent_again(house):
    ben = browser(house, "ben@example.org")
    answer = ben.get("directory")
    tag = {k.lower(): v for k, v in answer.headers.items()}["etag"]
    again = ben.get("directory", **{"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    for tags in ("W/" + tag, '"other", ' + tag, "*"):
        assert ben.get("directory", **{"If-None-Match": tags}).status == 304
    assert ben.get("directory", **{"If-None-Match": '"other"'}).status == 200
    assert browser(house, "zoe@example.org").get("directory", **{"If-None-Match": tag}).status == 304, "the same list"
    house.cli("user", "change", "zoe@example.org", "name=Zoe")
    assert found(ben.get("directory", **{"If-None-Match": tag})) == OWN
    house.cli("user", "change", "zoe@example.org", "name=Zoë")


def test_what_was_done_is_told_whatever_the_client_has(house):
    root, empty = browser(house, "root@example.org"), b'{"rows":[]}'
    for _ in range(2):
        answer = root.post("mailbox/check", {"address": "root@example.org"}, If_None_Match='"%s"' % hashlib.sha256(empty).hexdigest()[:32])
        assert (answer.status, answer.body) == (200, empty)


def test_the_setting_says_whom_people_find(house):
    ben = browser(house, "ben@example.org")
    house.cli("config", "set", "directory.visible", "off")
    assert ben.get("directory").status == 403
    assert "ben@example.org" in found(browser(house, "root@example.org").get("directory"))
    assert found(browser(house, "boss@other.example").get("directory"))[0] == "boss@other.example"
    house.cli("config", "set", "directory.visible", "all")
    assert found(ben.get("directory")) == OWN + ["boss@other.example", "olga@other.example", "team@other.example"]
    assert found(ben.get("directory?domain=other.example")) == ["boss@other.example", "olga@other.example", "team@other.example"]
    house.cli("config", "unset", "directory.visible")
    assert found(ben.get("directory")) == OWN


def test_one_persons_crowd_of_questions_is_refused(house, slapd):
    ben, answers = browser(house, "ben@example.org"), []

    def ask():
        one = Web(house)
        one.cookie = ben.cookie
        answers.append(one.get("directory"))

    slapd.process.send_signal(signal.SIGSTOP)
    crowd = [threading.Thread(target=ask) for _ in range(24)]
    try:
        for t in crowd:
            t.start()
        wait_for(lambda: any(a.status == 503 and "too many" in a.json["error"] for a in answers), 60)
    finally:
        slapd.process.send_signal(signal.SIGCONT)
    for t in crowd:
        t.join()
    assert {a.status for a in answers} == {200, 503}


def test_a_directory_that_hangs_is_missing_and_that_is_said(house, slapd):
    house.settings["ldap.timeout"] = "500ms"
    house.stop()
    house.write_config()
    house.start()
    slapd.process.send_signal(signal.SIGSTOP)
    try:
        answer = browser(house, "ben@example.org").get("directory")
        assert found(answer) == ["ben@example.org", "zoe@example.org"]
        assert "(ldap)" in answer.json["error"] and answer.json["code"] == 75
        nobody = browser(house, "ben@example.org").get("directory?match=is-nowhere")
        assert found(nobody) == [] and nobody.json["code"] == 75
        p = house.cli("directory", "list", check=False)
        assert p.returncode == 75 and "ldap" in p.stderr and "olga@other.example" in p.stdout
    finally:
        slapd.process.send_signal(signal.SIGCONT)
    wait_for(lambda: found(browser(house, "ben@example.org").get("directory")) == OWN, 60)


def test_a_directory_that_cuts_its_lists_is_missing_and_the_log_says_why(house, slapd):
    file = slapd.folder / "slapd.conf"
    slapd.stop()
    file.write_text("sizelimit 1\n" + file.read_text())
    slapd.start()
    wait_for(lambda: "(ldap)" in browser(house, "ben@example.org").get("directory").json.get("error", ""), 60)
    house.wait_log("does not tell the whole list")
