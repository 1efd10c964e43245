# SPDX-License-Identifier: ISC
"""Twenty clients in three mailboxes for a minute (MANSIO_STRESS_SECONDS: longer), each response checked: tools/imapstress.py."""
import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tools"))
from imapmodel import Ledger, Model, Wrong  # noqa: E402

SECONDS = int(os.environ.get("MANSIO_STRESS_SECONDS", "60"))
TOOL = pathlib.Path(__file__).parent / "tools" / "imapstress.py"


def stress(suite, account, *options, timeout=SECONDS + 300):
    for box in ("Archive", "Work"):
        with suite.imap(account) as c:
            c.create(box)
    p = subprocess.run(["/usr/bin/python3", TOOL, str(suite.ports["imaps"]), suite.cert, account.address, account.password,
                        *options], capture_output=True, text=True, timeout=timeout)
    assert p.stdout, p.stderr
    return json.loads(p.stdout)


def test_state_of_twenty_clients_in_three_mailboxes(own_suite):
    s = own_suite({"log.level": "info", "imap.hibernate_after": "100ms"})
    r = stress(s, s.account("stress"), "--seconds", str(SECONDS))
    assert r["errors"] == [], json.dumps(r["errors"][:2], indent=1)
    assert r["looks"] == 20 and r["commands"] > 20 * SECONDS and r["resyncs"] > SECONDS / 10, r


def test_an_index_that_is_lost_again_and_again_confuses_nobody(own_suite):
    """Every MODSEQ changes each time; nobody may miss a change or be told of what is not there."""
    s = own_suite({"log.level": "info"})
    a = s.account("stress")
    over = threading.Event()

    def lose():
        while not over.wait(1):
            s.cli("mailbox", "rebuild", a.address)

    t = threading.Thread(target=lose)
    t.start()
    timer = threading.Timer(9, over.set)
    timer.start()
    try:
        r = stress(s, a, "--seconds", "12", "--clients", "12", timeout=200)
    finally:
        over.set()
        t.join()
    assert r["errors"] == [], json.dumps(r["errors"][:2], indent=1)
    assert r["looks"] == 12 and r["resyncs"], r


def told(verb, *responses, qresync=False, condstore=False, uid=False):
    """Feeds the model with what a server might say to one command, three messages being there."""
    m = Model(Ledger())
    m.box, m.qresync, m.condstore, m.by_number = "INBOX", qresync, condstore or qresync, True
    m.begin("NOOP", False)
    for r in (["*", "3", "EXISTS"], *(["*", str(i), "FETCH", ["UID", str(i * 2), "MODSEQ", ["10"], "FLAGS", []]] for i in (1, 2, 3))):
        m.handle(r)
    m.begin(verb, uid)
    for r in responses:
        m.handle(r)
    return m


def test_the_model_follows_what_is_right():
    m = told("NOOP", ["*", "2", "EXPUNGE"], ["*", "3", "EXISTS"], ["*", "3", "FETCH", ["UID", "9", "FLAGS", ["\\Seen"]]])
    assert [x.uid for x in m.msgs] == [2, 6, 9] and m.msgs[2].flags == {"\\seen"}
    m = told("NOOP", ["*", "5", "EXISTS"], ["*", "VANISHED", "4,7"], qresync=True)
    assert [x.uid for x in m.msgs] == [2, 6, None]
    m = told("FETCH", ["*", "VANISHED", ["EARLIER"], "1,3"], qresync=True, uid=True)
    assert m.earlier == [1, 3] and len(m.msgs) == 3


@pytest.mark.parametrize("verb, response, options", [
    ("NOOP", ["*", "2", "EXISTS"], {}),
    ("NOOP", ["*", "4", "EXPUNGE"], {}),
    ("FETCH", ["*", "1", "EXPUNGE"], {}),
    ("STORE", ["*", "1", "EXPUNGE"], {}),
    ("SEARCH", ["*", "1", "EXPUNGE"], {}),
    ("SEARCH", ["*", "1", "EXPUNGE"], {"uid": True}),
    ("SELECT", ["*", "1", "EXPUNGE"], {}),
    ("NOOP", ["*", "1", "EXPUNGE"], {"qresync": True}),
    ("NOOP", ["*", "VANISHED", "2"], {}),
    ("NOOP", ["*", "VANISHED", "3"], {"qresync": True}),
    ("NOOP", ["*", "VANISHED", "7"], {"qresync": True}),
    ("FETCH", ["*", "VANISHED", "2"], {"qresync": True}),
    ("FETCH", ["*", "VANISHED", ["EARLIER"], "2"], {"qresync": True, "uid": True}),
    ("FETCH", ["*", "4", "FETCH", ["FLAGS", []]], {}),
    ("FETCH", ["*", "2", "FETCH", ["UID", "5", "FLAGS", []]], {}),
    ("FETCH", ["*", "2", "FETCH", ["MODSEQ", ["9"]]], {}),
    ("NOOP", ["*", "2", "FETCH", ["UID", "4", "FLAGS", []]], {"condstore": True}),
    ("NOOP", ["*", "2", "FETCH", ["MODSEQ", ["11"], "FLAGS", []]], {"condstore": True}),
    ("NOOP", ["*", "NOSUCH"], {}),
    ("NOOP", ["*", "BYE", [], "x"], {}),
])
def test_the_model_notices(verb, response, options):
    """Negative control: each rule that is broken is an error."""
    with pytest.raises(Wrong):
        told(verb, response, **options)
