# SPDX-License-Identifier: ISC
"""Security keys as a second factor of the page, in Debian's chromium with a key that it pretends to have (tests/web/touch.mjs)."""
import json
import shutil

import pytest

from conftest import Suite, check_log, make_folder, wait_for
from test_app_passwords import code, ended, enter, logs_in
from test_pages import modules, walk  # noqa: F401
from web import Web, add_key


@pytest.fixture(scope="module")
def house(system_users):
    s = Suite(make_folder(), {"auth.failure_delay": "0s", "auth.yescrypt_cost": "1", "ban.failures": "0"}).start()
    s.admin, s.person = s.account("boss", "boss pass 1", "roles=admin"), s.account("anna", "anna pass 1")
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def test_a_key_from_its_first_touch_to_its_end(modules, house):  # noqa: F811
    s = house
    held = s.imap(s.person)
    walk("touch", modules, s)
    wait_for(lambda: ended(held), 20)
    assert logs_in(s, s.person) == "", "the password alone opens nothing"
    assert "main_password: web" in s.cli("user", "show", s.person.address).stdout
    copied = [line for line in s.log().splitlines() if "key-copied" in line]
    assert len(copied) == 1 and "there may be a copy of it" in s.log() and "the answer was given on another page" in s.log()
    # an administrator looks after who lost all of it
    row, = json.loads(s.cli("--json", "security-key", "list", s.person.address).stdout)
    assert row["host"] == "localhost" and row["label"] == "old one" and int(row["last"]) and row["peer"]
    boss = Web(s, s.admin)
    assert boss.post("security-key/remove", {"address": s.person.address, "id": row["id"]}).status == 200
    assert Web(s).login(s.person).status == 200, "no key is left, and nothing more is asked for"
    assert "on: no" in s.cli("totp", "show", s.person.address).stdout and "recovery" not in s.cli("totp", "show", s.person.address).stdout


def test_what_is_no_answer_of_a_key_adds_none(house):
    s, who = house, house.account("ben")
    page = Web(s, who)
    ask = {"address": who.address, "old": who.password}
    assert page.post("security-key/add", {"address": who.address}).status == 400
    assert page.post("security-key/add", {**ask, "old": "wrong"}).status == 403
    assert page.post("security-key/add", {**ask, "address": s.admin.address}).status == 403
    asked = page.post("security-key/add", {**ask, "label": "one"}).json["result"]
    assert asked["rp_id"] == "localhost" and asked["algorithms"] == "-7,-8,-257" and len(asked["challenge"]) == 54
    answer = {"challenge": asked["challenge"], "client_data": "e30", "authenticator_data": "AAAA"}
    for more, words in ((answer, "another kind of question"), (answer, "not known any more"), ({**answer, "challenge": "x"}, "not known any more")):
        told = page.post("security-key/add", {**ask, **more})
        assert told.status == 400 and words in told.json["error"], told
    # a challenge is for the login that asked for it
    asked = page.post("security-key/add", ask).json["result"]
    assert "not known any more" in Web(s, who).post("security-key/add", {**ask, **answer, "challenge": asked["challenge"]}).json["error"]
    # no name, no key; and not by the command, which has no page
    told = Web(s, who, host="127.0.0.1").post("security-key/add", ask)
    assert told.status == 400 and "by its name" in told.json["error"]
    assert s.cli("security-key", "add", who.address, check=False).returncode == 64
    assert s.cli("security-key", "remove", who.address, "nothing", check=False).returncode == 67
    assert page.get(f"security-key/list?address={who.address}").json["rows"] == []
    # what a login may say of a key is nothing that a password guesser gets round the guard with
    for more in ({"key": "AAAA"}, {"key": "AAAA", "challenge": "AAAA", "client_data": "e30", "authenticator_data": "AAAA", "signature": "AAAA"}, {"key": "%" * 20000}):
        assert page.post("login", {"address": who.address, "password": "wrong", **more}).status == 401
    assert page.post("login", {"address": who.address, "password": who.password, "key": "AAAA"}).status == 200, "no second factor, and none is looked at"


def test_as_many_as_an_account_may_have_and_they_go_with_it(house):
    s, who = house, house.account("carl")
    page = Web(s, who)
    other = Web(s, who)
    told = add_key(page, who.address, old=who.password)
    wait_for(lambda: other.get("me").status == 401, 20)  # it had shown the password alone
    assert page.get("me").status == 200
    assert told.status == 200 and len(told.json["result"]["recovery"].split()) == 10 and told.json["result"]["main_password"] == "web"
    again = page.post("security-key/add", {"address": who.address, "old": who.password}).json["result"]
    assert again["known"], "the browser is told which keys there are"
    assert Web(s).login(who).status == 403
    s.settings["auth.security_keys"] = "1"
    s.write_config()
    s.cli("reload")
    full = page.post("security-key/add", {"address": who.address, "old": who.password})
    assert full.status == 409 and "security_keys" in full.json["error"]
    # codes of a telephone beside it: the recovery codes stay the same, and go with the last of both
    asked = Web(s).post("login", {"address": who.address, "password": who.password})
    assert asked.json["ways"] == ["key"] and asked.json["rp_id"] == "localhost"
    secret = json.loads(s.cli("--json", "totp", "on", who.address).stdout)["secret"]
    both = json.loads(s.cli("--json", "totp", "on", who.address, f"code={code(secret)}").stdout)
    assert "recovery" not in both and Web(s).login(who).json["ways"] == ["code", "key"]
    recovery = told.json["result"]["recovery"].split()
    assert enter(s, who, recovery[0]) == 200 and enter(s, who, recovery[0]) == 401
    s.cli("totp", "off", who.address)
    assert Web(s).login(who).json["ways"] == ["key"] and enter(s, who, recovery[1]) == 200
    assert s.cli("totp", "off", who.address, check=False).returncode == 67
    assert "recovery_left: 8" in s.cli("totp", "show", who.address).stdout
    s.cli("user", "remove", who.address)
    assert Web(s).login(s.account("carl", "another one")).status == 200
    assert json.loads(s.cli("--json", "security-key", "list", who.address).stdout) == []
