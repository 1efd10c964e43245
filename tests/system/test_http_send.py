# SPDX-License-Identifier: ISC
"""POST /api/v1/send: JSON and whole messages, by a login and by a token; Python's email parser is the judge of what arrives.
(Each refusal of a field is in tests/unit/webadmin/letter_test.c.)"""
import base64
import email
import email.policy
import json
import threading

from conftest import wait_for
from web import Web, raw


def token(suite, *roles):
    return json.loads(suite.cli("--json", "token", "add", "sender", *roles).stdout)["token"]


def newest(suite, account):
    def look():
        with suite.imap(account) as m:
            m.select()
            n = m.search(None, "ALL")[1][0].split()
            return m.fetch(n[-1], "(BODY.PEEK[])")[1][0][1] if n else None
    return wait_for(look)


def parsed(data):
    m = email.message_from_bytes(data, policy=email.policy.default)
    for part in m.walk():
        assert not part.defects, part.defects
    return m


def count(suite, account):
    with suite.imap(account) as m:
        return int(m.select()[1][0])


def test_json_by_a_token_becomes_mail_that_others_read(suite):
    anna, ben = suite.account(), suite.account()
    w = Web(suite, token=token(suite, f"send:{anna.address}"))
    picture = bytes(range(256)) * 40
    a = w.post("send", {
        "from": f"Anna Bär, \"the\" boss <{anna.address}>", "to": [{"name": "Ben, you", "address": ben.address}],
        "subject": "Grüße aus dem Süden und noch viel mehr davon, so dass es nicht in eine Zeile passt ✓",
        "text": "Zeile\n.\n..\nFrom here \nünd " + "x" * 2000, "html": "<p>Hällo <img src=\"cid:pic@x\"></p>",
        "headers": {"X-Campaign": "spring", "In-Reply-To": "<a@b.example>", "References": " ".join(f"<{i}@ref.example>" for i in range(40))},
        "attachments": [{"filename": "Rechnung für März.pdf", "type": "application/pdf", "content": base64.b64encode(picture).decode()},
                        {"filename": "p.png", "type": "image/png", "cid": "pic@x", "content": base64.b64encode(b"png").decode()}]})
    assert a.status == 200, a
    assert a.json["accepted"] == [ben.address] and a.json["refused"] == [] and a.json["id"]
    data = newest(suite, ben)
    assert max(map(len, data.split(b"\r\n"))) < 999 and data.count(b"\n") == data.count(b"\r\n")
    m = parsed(data)
    assert (m["From"].addresses[0].display_name, m["From"].addresses[0].addr_spec) == ('Anna Bär, "the" boss', anna.address)
    assert (m["To"].addresses[0].display_name, m["To"].addresses[0].addr_spec) == ("Ben, you", ben.address)
    assert m["Subject"].startswith("Grüße aus dem Süden") and m["Subject"].endswith("passt ✓")
    assert m["Date"].datetime and m["Message-ID"] and m["X-Campaign"] == "spring" and m["References"].count("@ref.example") == 40
    text, html = m.get_body(("plain",)).get_content().replace("\r\n", "\n"), m.get_body(("html",)).get_content()
    assert text == "Zeile\n.\n..\nFrom here \nünd " + "x" * 2000 + "\n" and "Hällo" in html
    files = {p.get_filename(): p for p in m.walk() if p.get_filename()}
    assert files["Rechnung für März.pdf"].get_content() == picture
    assert files["p.png"]["Content-ID"] == "<pic@x>" and files["p.png"].get_content() == b"png"
    # the story of it is that of a login and a submission
    assert suite.wait_log(f"accepted s=") and suite.wait_log(f"user={anna.address} service=http mech=token:sender")


def test_many_wrong_recipients_keep_the_letter_from_nobody(suite):
    """More of them than a mail program may name in one connection ([limit] errors)."""
    anna, ben = suite.account(), suite.account()
    w = Web(suite, token=token(suite, f"send:{anna.address}"))
    wrong = [f"nobody{i}@example.org" for i in range(30)]
    a = w.post("send", {"from": anna.address, "to": [*wrong, ben.address], "subject": "to many", "text": "x"})
    assert a.status == 200 and a.json["accepted"] == [ben.address] and [r["to"] for r in a.json["refused"]] == wrong, a
    assert b"to many" in newest(suite, ben)


def test_a_login_sends_with_the_page_only(suite):
    anna, ben = suite.account(), suite.account()
    w = Web(suite, anna)
    letter = {"from": anna.address, "to": ben.address, "subject": "by the page", "text": "x"}
    csrf, w.csrf = w.csrf, None
    assert w.post("send", letter).status == 403
    w.csrf = csrf
    assert w.post("send", letter, Origin="https://evil.example").status == 403
    assert w.get("send").status == 405
    assert w.post("send", letter).status == 200
    assert b"by the page" in newest(suite, ben)
    assert Web(suite).post("send", letter).status == 401
    for role in ("admin", "metrics"):  # rights over accounts are no right to speak for them
        assert Web(suite, token=token(suite, role)).post("send", letter).status == 403
    assert count(suite, ben) == 1


def test_the_rules_of_submission_hold(suite):
    anna, ben = suite.account(), suite.account()
    w = Web(suite, token=token(suite, f"send:{anna.address}"))
    a = w.post("send", {"from": ben.address, "to": ben.address, "text": "forged"})
    assert a.status == 403 and "5.7.1" in a.json["error"] and a.json["refused"] == [], a  # one sentence, about the sender
    a = w.post("send", {"from": anna.address, "to": [ben.address, "nobody@example.org", "x@outside.example"], "text": "three"})
    assert a.status == 200 and a.json["accepted"] == [ben.address], a
    assert {r["to"]: r["code"] for r in a.json["refused"]} == {"nobody@example.org": 550, "x@outside.example": 550}
    assert all(r["words"] and r["status"].startswith("5.") for r in a.json["refused"])
    a = w.post("send", {"from": anna.address, "to": ["nobody@example.org"], "text": "none"})
    assert a.status == 422 and a.json["code"] == 67 and len(a.json["refused"]) == 1, a
    a = w.post("send", {"from": anna.address, "to": ben.address, "subject": "x\r\nBcc: evil@example.org", "text": ""})
    assert a.status == 400 and "line breaks" in a.json["error"], a
    suite.cli("user", "change", anna.address, "active=no")
    assert w.post("send", {"from": anna.address, "to": ben.address}).status == 403
    assert count(suite, ben) == 1
    assert suite.cli("token", "add", "x", "send:", check=False).returncode == 65
    nobody = suite.cli("token", "add", "x", "metrics", "send:nobody@example.org", check=False)
    assert nobody.returncode == 67 and "there is no account nobody@example.org" in nobody.stderr and not nobody.stdout
    assert suite.cli("token", "add", "x", "send:a@example.org", "send:b@example.org", check=False).returncode == 65


def test_a_whole_message(suite):
    anna, ben, cleo = suite.account(), suite.account(), suite.account()
    w = Web(suite, token=token(suite, f"send:{anna.address}"))
    text = (f"From: Anna <{anna.address}>\nTo: {ben.address}\nBcc: {cleo.address}\nSubject: raw\n"
            "Message-ID: <mine@example.org>\n\n.dot\nQUIT\n.\nend\n").encode()
    a = w.request("POST", "/api/v1/send", text, {"Content-Type": "message/rfc822"})
    assert a.status == 200 and set(a.json["accepted"]) == {ben.address, cleo.address}, a
    for who in (ben, cleo):
        data = newest(suite, who)
        assert b"Bcc" not in data and data.endswith(b"\r\n\r\n.dot\r\nQUIT\r\n.\r\nend\r\n") and b"<mine@example.org>" in data
    a = w.request("POST", f"/api/v1/send?from={anna.address}&to={cleo.address}", text, {"Content-Type": "message/rfc822"})
    assert a.status == 200 and a.json["accepted"] == [cleo.address], a
    assert w.request("POST", "/api/v1/send", text, {"Content-Type": "text/plain"}).status == 415
    a = w.request("POST", "/api/v1/send", text.replace(b".dot", b"a\rb"), {"Content-Type": "message/rfc822"})
    assert a.status == 422, a  # a bare CR: as by SMTP
    assert count(suite, ben) == 1


def test_large_messages_are_few_and_bounded(own_suite):
    s = own_suite({"web.sends": "4", "web.send_size": "3M", "smtp.message_size": "2M", "smtp.processes": "4"})
    anna, ben = s.account(), s.account()
    key = token(s, f"send:{anna.address}")
    w = Web(s, token=key)
    big = {"from": anna.address, "to": ben.address, "text": "0123456789abcde\n" * 90000}  # 1.4 MB: far above [web] body
    a = w.post("send", big)
    assert a.status == 200, a
    assert len(newest(s, ben)) > 1400000
    assert w.post("send", {**big, "text": big["text"] * 2}).status == 413
    assert w.post("send", {**big, "text": "x" * 2200000}).status == 413  # above [smtp] message_size
    # one address has half of the places: two that never send their bodies, and a third is told to wait; by their heads alone
    def head(path, length):
        return (f"POST {path} HTTP/1.1\r\nHost: localhost:{s.ports['https']}\r\nAuthorization: Bearer {key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n").encode()

    assert b" 413 " in raw(s, head("/api/v1/user/add", 2000000))[:20] and b" 413 " in raw(s, head("/api/v1/send", 4000000))[:20]
    slow = [Web(s).open() for _ in range(2)]
    for c in slow:
        c.connect()
        c.sock.sendall(head("/api/v1/send", 2000000))
    wait_for(lambda: b" 503 " in (raw(s, head("/api/v1/send?x", 2000000), 0.5) or b"")[:20])
    assert w.post("send", {"from": anna.address, "to": ben.address, "text": "small"}).status == 200
    for c in slow:
        c.close()
    assert wait_for(lambda: w.post("send", big).status == 200)


def test_many_at_once(own_suite):
    s = own_suite({"web.sends": "40", "smtp.processes": "3"})
    anna, ben = s.account(), s.account()
    key = token(s, f"send:{anna.address}")
    answers = []

    def work(i):
        w = Web(s, token=key)
        for k in range(5):
            a = w.post("send", {"from": anna.address, "to": ben.address, "subject": f"n{i}.{k}", "text": "x" * 200000})
            answers.append((f"n{i}.{k}", a.status))
    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    good = {n for n, status in answers if status == 200}
    assert len(answers) == 30 and {status for _, status in answers} <= {200, 503} and len(good) >= 20, answers
    with s.imap(ben) as m:
        m.select()
        there = [email.message_from_bytes(x[1])["Subject"] for x in m.fetch("1:*", "(BODY.PEEK[HEADER])")[1] if isinstance(x, tuple)]
    assert good <= set(there) and len(there) == len(set(there))
    # mail programs go on beside it
    c = s.smtp(anna)
    c.sendmail(anna.address, [ben.address], "Subject: smtp\r\n\r\nx")
    c.quit()


def test_verp_is_asked_for_by_json(suite):
    """What becomes of it: test_polite.py."""
    anna, ben = suite.account(), suite.account()
    a = Web(suite, token=token(suite, f"send:{anna.address}")).post("send", {"from": anna.address, "to": [ben.address], "text": "a", "verp": True})
    assert a.status == 200, a
    line, = [x for x in suite.log().splitlines() if f" m={a.json['id']} " in x and " mail " in x]
    assert "verp=" in line, line
