# SPDX-License-Identifier: ISC
"""Delegation (docs/AUTH.md, "Who may send as whom", "A mailbox of several people", "When an account ends", "Somebody leaves"): who
may send with an address that is not his, by submission and by HTTP, and who may say so; owners of mailboxes; accounts that end, and people who leave. Corners of the rules are in tests/unit/auth/delegation_test.c."""
import datetime
import imaplib
import json
import shlex
import shutil
import smtplib
import subprocess

import pytest

from conftest import Account, Suite, TOP, check_log, make_folder, wait_for
from web import Web


@pytest.fixture(scope="module")
def house(system_users):
    s = Suite(make_folder(), {"auth.failure_delay": "0s", "auth.yescrypt_cost": "1", "auth.cache_time": "1h"}).start()
    s.boss = s.account("boss", "boss pass 1", "roles=admin")
    s.dora = s.account("dora", "dora pass 1", "roles=admin@example.org")
    s.cli("domain", "add", "far.example")
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def section(name):
    text = (TOP / "docs" / "AUTH.md").read_text().split(f"\n## {name}\n")[1].split("\n## ")[0]
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("    mansio ")]


def sends(client, sender):
    """The code of MAIL FROM in a session that goes on."""
    code, _ = client.mail(sender)
    client.rset()
    return code


def test_the_document_of_sending(house):
    """Every line of the section, one after the other."""
    s, anna, office = house, house.account("anna"), house.account("olga")
    news = s.account("newsletter")
    s.cli("alias", "add", "info@example.org", s.boss.address)
    s.cli("alias", "add", "office@example.org", office.address)
    lines = section("Who may send as whom")
    assert len(lines) == 5
    with s.smtp(anna) as a, s.smtp(office) as o, s.smtp(news) as n:
        assert (sends(a, "info@example.org"), sends(o, s.boss.address), sends(n, anna.address)) == (553, 553, 553)
        for line in lines[:3]:
            s.cli(*line)
        # with the next message, in the same session
        assert (sends(a, "info@example.org"), sends(o, s.boss.address), sends(n, anna.address)) == (250, 250, 250)
        assert (sends(a, s.boss.address), sends(o, "info@example.org"), sends(n, "x@far.example")) == (553, 553, 553)
        assert sends(n, "nobody.here@example.org") == 250
        assert s.cli(*lines[3]).stdout.count("example.org") >= 6
        a.sendmail("info@example.org", [anna.address], f"From: info@example.org\r\nTo: {anna.address}\r\nSubject: x\r\n\r\nx\r\n")
        s.cli(*lines[4])
        assert sends(a, "info@example.org") == 553
    assert s.cli(*lines[4], check=False).returncode == 67


def test_by_http_as_well(house):
    s, who, other = house, house.account(), house.account()
    page = Web(s, who)
    mail = {"from": other.address, "to": [who.address], "subject": "x", "text": "x"}
    assert page.post("send", mail).status == 403
    s.cli("send-as", "add", who.address, f"address={other.address}")
    assert page.post("send", mail).status == 200
    token = json.loads(s.cli("--json", "token", "add", "program", f"send:{who.address}").stdout)["token"]
    assert Web(s, token=token).post("send", mail).status == 200
    s.cli("send-as", "remove", who.address, f"address={other.address}")
    assert page.post("send", mail).status == 403


def test_the_author_that_people_see(house):
    """docs/AUTH.md: From must be one whom the account may send as, by swaks and by HTTP; the setting. Every form of the header is in
    tests/unit/smtp/author_test.c, the wire's replies in tests/wire/submission/author.t."""
    s, who, other = house, house.account(), house.account()
    s.cli("domain", "add", "off.example")
    s.cli("domain", "change", "off.example", "active=no")
    page = Web(s, who)

    def code(author):
        p = subprocess.run(["swaks", "--server", "localhost", "--port", str(s.ports["submission"]), "--tls", "--auth", "PLAIN", "--auth-user", who.address,
                            "--auth-password", who.password, "--from", who.address, "--to", who.address, "--h-From", author], capture_output=True, text=True, timeout=60)
        refused = [line for line in p.stdout.splitlines() if line.startswith("<~* ")]
        assert len(refused) == (p.returncode != 0), p.stdout
        return refused[0][4:] if refused else 250

    def by_http(author):
        letter = f"From: {author}\r\nTo: {who.address}\r\nSubject: x\r\n\r\nx\r\n".encode()
        return page.request("POST", f"/api/v1/send?from={who.address}&to={who.address}", letter, {"Content-Type": "message/rfc822"}).status
    assert code(f"{other.address} <{who.address}>") == 250 and by_http(who.address) == 200
    assert code(f"The boss <{other.address}>").startswith(f"550 5.7.1 From: <{other.address}> is not an address of the account {who.address}")
    assert by_http(other.address) == by_http("boss@elsewhere.example") == 403
    wait_for(lambda: f"author={other.address}" in s.log())
    s.cli("send-as", "add", who.address, f"address={other.address}")
    assert by_http(other.address) == 200
    s.cli("send-as", "remove", who.address, f"address={other.address}")
    s.cli("config", "set", "smtp.header_from", "outside")
    assert code("boss@elsewhere.example") == 250 and by_http("boss@elsewhere.example") == 200
    assert by_http(other.address) == by_http("boss@off.example") == 403
    s.cli("config", "set", "smtp.header_from", "any")
    assert by_http(other.address) == 200
    s.cli("config", "unset", "smtp.header_from")
    assert by_http(other.address) == 403


def test_who_may_say_so(house):
    s, who, other = house, house.account(), house.account()
    far = s.account("fred@far.example")
    page, dora, boss = Web(s, who), Web(s, s.dora), Web(s, s.boss)

    def add(web, to, of):
        return web.post("send-as/add", {"who": to.address if isinstance(to, Account) else to, **of}).status
    mine, others, all_of = {"address": who.address}, {"address": other.address}, {"domain": "example.org"}
    assert add(page, other, mine) == 200 and add(page, who, others) == 403 and add(page, who, all_of) == 403
    assert add(page, far, mine) == 403 and add(page, other, {**mine, "domain": "example.org"}) == 403
    with s.smtp(other) as c:
        assert sends(c, who.address) == 250
        rows = page.get("send-as/list").json["rows"]
        assert [(r["who"], r["address"]) for r in rows] == [(other.address, who.address)]
        assert page.get(f"send-as/list?address={s.boss.address}").json["rows"] == []
        assert page.post("send-as/remove", {"who": other.address, **mine}).status == 200
        assert sends(c, who.address) == 553
    # an administrator of the domain: his own people, and nobody who may more than he does
    assert add(dora, who, others) == 200 and add(dora, who, all_of) == 200 and add(dora, far, others) == 403
    assert add(dora, who, {"address": s.boss.address}) == 403 and add(dora, far, {"domain": "far.example"}) == 403
    assert add(dora, who, {"address": far.address}) == 403
    assert add(boss, far, others) == 200 and add(boss, who, {"domain": "far.example"}) == 200
    # no field of his own says that he is a global one
    assert dora.post("send-as/add", {"who": far.address, **mine, "asker_admin": "1"}).status in (400, 403)
    with pytest.raises(smtplib.SMTPException), s.smtp(far) as c:
        c.sendmail(who.address, [who.address], "Subject: x\r\n\r\nx\r\n")
    assert any(r["verb"] == "send-as add" for r in json.loads(s.cli("--json", "audit", "list").stdout))


def shown(s, who):
    return json.loads(s.cli("--json", "user", "show", who.address).stdout)


def logs_in(s, account):
    """Where it does."""
    good = ""
    for letter, door in (("i", s.imap), ("s", s.smtp)):
        try:
            with door(account):
                good += letter
        except (imaplib.IMAP4.error, smtplib.SMTPAuthenticationError):
            continue
    return good + ("w" if Web(s).login(account).status == 200 else "")


def ended(client):
    try:
        client.noop()
    except (imaplib.IMAP4.error, OSError):
        return True
    return False


def test_the_document_of_the_end(house):
    s, who = house, house.account("anna2e")
    lines = [[word.replace("anna@", "anna2e@") for word in line] for line in section("When an account ends")]
    ends = []
    for line in lines:
        s.cli(*line)
        ends.append(int(shown(s, who)["expires"]))
    last = datetime.datetime(2027, 1, 1, tzinfo=datetime.timezone.utc).timestamp()
    assert ends == [last, last - 6 * 3600, last - 6 * 3600, 0]
    for wrong in ("tomorrow", "2026-13-01", "0", "2026-12-31 18:00"):
        assert s.cli("user", "change", who.address, f"expires={wrong}", check=False).returncode == 65


def test_an_account_ends(house):
    s, who = house, house.account()
    phone = Account(who.address, json.loads(s.cli("--json", "app-password", "add", who.address).stdout)["password"])
    token = Web(s, token=json.loads(s.cli("--json", "token", "add", "program", f"send:{who.address}").stdout)["token"])
    mail = {"from": who.address, "to": [who.address], "subject": "x", "text": "x"}
    held, page = s.imap(phone), Web(s, who)
    assert token.post("send", mail).status == 200 and page.get("me").status == 200
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    s.cli("user", "change", who.address, f"expires={soon:%Y-%m-%dT%H:%M:%S}")
    wait_for(lambda: ended(held), 30)
    assert logs_in(s, who) == logs_in(s, phone) == "" and page.get("me").status == 401 and token.post("send", mail).status == 403
    assert (shown(s, who)["state"], shown(s, who)["active"]) == ("expired", "yes")
    s.deliver(who.address, "it is received")
    s.cli("user", "change", who.address, "expires=never")
    assert logs_in(s, who) == "isw"
    again = s.imap(who)
    wait_for(lambda: again.select()[1] == [b"2"])
    # what is over already ends at once
    s.cli("user", "change", who.address, "expires=2020-01-01")
    wait_for(lambda: ended(again), 30)
    dora = Web(s, s.dora)
    assert dora.post("user/change", {"address": who.address, "expires": "2999-01-01"}).status == 200
    assert Web(s, who).post("user/change", {"address": who.address, "expires": "never"}).status == 403


def refusal(s, address):
    """What mail to it meets: nothing, or the reply."""
    with s.smtp() as c:
        c.ehlo()
        c.mail("somebody@elsewhere.example")
        code, words = c.rcpt(address)
        return None if code == 250 else f"{code} {words.decode()}"


def test_somebody_leaves(house):
    """docs/AUTH.md's section, and what it says."""
    s, who, ben = house, house.account("lea"), house.account("luk")
    lines = [[word.replace("anna@", "lea@").replace("ben@", "luk@") for word in line] for line in section("Somebody leaves")]
    phone = Account(who.address, json.loads(s.cli("--json", "app-password", "add", who.address).stdout)["password"])
    s.cli("send-as", "add", who.address, f"address={ben.address}")
    held, page = s.imap(phone), Web(s, who)
    s.cli(*lines[0])
    wait_for(lambda: ended(held), 30)
    assert logs_in(s, who) == logs_in(s, phone) == "" and page.get("me").status == 401
    told = shown(s, who)
    assert told["state"] == "left" and ben.address in told["forward"]
    assert datetime.datetime.fromtimestamp(int(told["until"]), datetime.timezone.utc).isoformat().startswith("2027-04-01T00:00:00")
    assert "1" in s.cli("--json", "app-password", "list", who.address).stdout and who.address in s.cli("send-as", "list").stdout
    s.deliver(who.address, "for her")
    with s.imap(ben) as c:
        wait_for(lambda: c.select()[1] == [b"1"])
    # the day is over
    s.cli(*[word if not word.startswith("until=") else "until=2026-01-01" for word in lines[0]])
    assert refusal(s, who.address).startswith("550 5.1.6 <lea@example.org>: Anna has left us, write to luk@example.org")
    assert refusal(s, "lea+x@example.org").startswith("550 5.1.6")
    s.cli("user", "leave", who.address, "until=2026-01-01")
    assert refusal(s, who.address).startswith("550 5.1.1")
    s.cli(*lines[2])
    assert refusal(s, who.address) is None and logs_in(s, who) == "isw" and logs_in(s, phone) == "is"
    assert shown(s, who)["forward"] == "" and shown(s, who)["state"] == "active"
    with s.imap(who) as c:
        assert c.select()[1] == [b"1"], "a copy of what came meanwhile"
    assert Web(s, who).post("user/leave", {"address": who.address}).status == 403


def test_a_verb_about_a_mailbox_never_follows_its_mail(house):
    """Who forwards her mail to another one does not get into his mailbox by it."""
    s, who, other = house, house.account(), house.account()
    s.deliver(other.address, "his alone")
    with s.imap(other) as c:
        wait_for(lambda: c.select()[1] == [b"1"])
    page = Web(s, who)
    assert page.post("user/forward", {"address": who.address, "target": [other.address], "keep": False}).status == 200
    assert page.get(f"mailbox/status?address={who.address}").json["result"]["messages"] == 0
    assert all(int(f["messages"]) == 0 for f in page.get(f"mailbox/list?address={who.address}").json["rows"])
    s.cli("user", "leave", who.address, other.address, "until=2026-01-01")
    assert json.loads(s.cli("--json", "mailbox", "status", who.address).stdout)["messages"] == 0
    assert s.cli("mailbox", "status", "nobody.here@example.org", check=False).returncode == 67


def test_its_moment_comes_while_answers_are_cached(house):
    s, who = house, house.account()
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    s.cli("user", "leave", who.address, f"until={soon:%Y-%m-%dT%H:%M:%S}", "reply=gone")
    wait_for(lambda: refusal(s, who.address), 30)
    assert "gone" in refusal(s, who.address)


def test_the_document_of_owners(house):
    """Every line of the section, one after the other."""
    s, anna, ben, box = house, house.account("anna3o"), house.account("ben3o"), "sales@example.org"
    s.cli("alias", "add", "team@example.org", ben.address)
    lines = [[word.replace("anna@", "anna3o@") for word in line] for line in section("A mailbox of several people")]
    assert len(lines) == 7
    with s.smtp(anna) as a, s.smtp(ben) as b:
        for line in lines[:3]:
            s.cli(*line)
        assert (sends(a, box), sends(b, box)) == (250, 250)
        assert s.cli(*lines[3]).stdout.count(box) == 2
        # by his name alone he is none, as one of the team he is
        mine = Web(s, ben).get(f"owner/list?who={ben.address}").json["rows"]
        assert [(r["who"], r["address"]) for r in mine] == [("team@example.org", box)]
        assert Web(s, ben).get(f"owner/list?who={anna.address}").json["rows"] == []
        phone = Account(box, json.loads(s.cli("--json", *lines[4]).stdout)["password"])
        row, = json.loads(s.cli("--json", *lines[5]).stdout)
        assert row["owner"] == anna.address and logs_in(s, phone) == "is"
        s.deliver(box, "for all of us")
        held = s.imap(phone)
        wait_for(lambda: held.select()[1] == [b"1"])
        s.cli(*lines[6])
        wait_for(lambda: ended(held), 30)
        assert logs_in(s, phone) == "" and (sends(a, box), sends(b, box)) == (553, 250)
    assert s.cli(*lines[6], check=False).returncode == 67
    for words in (("user", "password", box), ("user", "invite", box)):
        assert s.cli(*words, input="a password 1\n", check=False).returncode == 69
    assert "does not own this mailbox any more" in s.log()


def test_an_owner_looks_after_a_mailbox_and_nobody_else_does(house):
    s, ann, ben, carl, far = house, house.account(), house.account(), house.account(), house.account("gil@far.example")
    a, b, c, dora, box = Web(s, ann), Web(s, ben), Web(s, carl), Web(s, s.dora), "box4o@example.org"
    s.cli("user", "add", box, "shared=yes")

    def own(web, who, address=box):
        return web.post("owner/add", {"address": address, "who": who.address}).status
    assert (own(a, ann), own(a, ben, ann.address), own(dora, far), own(dora, ann, s.boss.address)) == (403, 403, 403, 403)
    assert (own(dora, ann), own(dora, ben)) == (200, 200)

    def make(web, who, **more):
        return web.post("app-password/add", {"address": box, "old": who.password, **more})
    assert make(c, carl).status == 403 and make(a, Account(box, "wrong")).status == 403
    assert a.post("app-password/add", {"address": box}).status == 400 and make(a, ann, owner=ben.address).status == 403
    assert make(a, ann, asker=ben.address).status in (400, 403) and make(c, carl, asker_owner="1").status in (400, 403)
    hers, his = make(a, ann).json["result"], make(b, ben).json["result"]
    assert logs_in(s, Account(box, hers["password"])) == logs_in(s, Account(box, his["password"])) == "is"

    def ids(web):
        return [r["id"] for r in web.get(f"app-password/list?address={box}").json["rows"]]
    assert ids(a) == [hers["id"]] and ids(b) == [his["id"]] and sorted(ids(dora)) == sorted([hers["id"], his["id"]])
    assert a.post("app-password/remove", {"address": box, "id": his["id"]}).status == 404
    assert logs_in(s, Account(box, his["password"])) == "is"
    for path in ("user/show", "mailbox/status", "app-password/list"):
        assert (a.get(f"{path}?address={box}").status, c.get(f"{path}?address={box}").status) == (200, 403), path
    assert [len(w.get(f"owner/list?address={box}").json["rows"]) for w in (a, c)] == [2, 0]
    swapped = s.cli("owner", "add", ann.address, box, check=False)
    assert swapped.returncode == 65 and "first the mailbox" in swapped.stderr, swapped.stderr
    assert (a.post("user/forward", {"address": box, "target": [ann.address]}).status, c.post("user/forward", {"address": box}).status) == (200, 403)
    for path, more in (("user/password", {"password": "a password 1", "old": ann.password}), ("totp/on", {"old": ann.password}), ("user/remove", {}),
            ("owner/remove", {"who": ben.address})):
        assert a.post(path, {"address": box, **more}).status == 403, path
    assert a.post("app-password/remove", {"address": box, "id": hers["id"]}).status == 200 and ids(dora) == [his["id"]]


def test_an_owner_who_may_not_log_in_is_none(house):
    s, who, box = house, house.account(), "box5o@example.org"
    s.cli("user", "add", box, "shared=yes")
    s.cli("owner", "add", box, who.address)
    phone = Account(box, json.loads(s.cli("--json", "app-password", "add", box, f"owner={who.address}").stdout)["password"])
    for off, on in (("active=no", "active=yes"), ("expires=2020-01-01", "expires=never")):
        held = s.imap(phone)
        s.cli("user", "change", who.address, off)
        wait_for(lambda: ended(held), 30)
        assert logs_in(s, phone) == ""
        s.cli("user", "change", who.address, on)
        assert logs_in(s, phone) == "is"
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    s.cli("user", "change", who.address, f"expires={soon:%Y-%m-%dT%H:%M:%S}")
    try:
        held = s.imap(phone)
    except imaplib.IMAP4.error:
        held = None  # a machine that stood still
    wait_for(lambda: not held or ended(held), 30)
    assert logs_in(s, phone) == ""
    # whoever has the name later has nothing of it
    s.cli("user", "remove", who.address)
    s.cli("user", "add", who.address, input="another one\n")
    s.cli("owner", "add", box, who.address)
    assert logs_in(s, phone) == ""
