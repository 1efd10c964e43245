# SPDX-License-Identifier: ISC
"""How much an account may send ([send] account_...): what is above it is taken and kept in the queue, the account goes on
with whom it knows, and an administrator lets it go. One suite for all of it."""
import json
import os
import re
import shutil
import signal

import pytest

from conftest import DOMAIN, Suite, make_folder, wait_for
from fakehost import FakeHost
from test_http_send import Web, token
from test_smtp import mails, pid_of


@pytest.fixture(scope="module")
def host():
    h = FakeHost()
    yield h
    h.close()


@pytest.fixture(scope="module")
def house(host, system_users):
    s = Suite(make_folder(), {"send.smarthost": f"127.0.0.1:{host.port}", "send.smarthost_tls": "none", "queue.retry": "1s",
                              "send.account_new_day": "3"})
    s.start()
    s.cli("domain", "add", DOMAIN)
    yield s
    s.stop()
    shutil.rmtree(s.folder)


def write(s, account, *to, subject="x"):
    """Submits one message; the reply's text."""
    with s.smtp(account) as c:
        c.ehlo()
        c.mail(account.address)
        for address in to:
            assert c.rcpt(address)[0] == 250
        code, text = c.data(f"Subject: {subject}\r\n\r\nhello\r\n".encode())
        return code, text.decode()


def queue(s, **filters):
    return json.loads(s.cli("--json", "queue", "list", *(f"{k}={v}" for k, v in filters.items())).stdout or "[]")


def limits(s, account):
    return {r["counts"]: r for r in json.loads(s.cli("--json", "limit", "list", account.address).stdout)}


def got(host):
    """Recipients that the other server has, with the subject of what they got."""
    return sorted((re.search(rb"<(.*?)>", r)[1].decode(), re.search(rb"Subject: (\S+)", raw)[1].decode())
                  for _, rcpts, raw in list(host.messages) for r in rcpts)


def has(host, *what):
    wait_for(lambda: all(w in got(host) for w in what), 60)


def test_who_writes_to_many_new_people_goes_on_with_those_it_knows(house, host):
    s, anna, ben = house, house.account(), house.account()
    assert write(s, anna, "a1@far.example", "a2@far.example", "a3@far.example", subject="first")[0] == 250
    assert write(s, anna, "a1@far.example", "a4@far.example", ben.address, subject="second")[0] == 250
    has(host, ("a3@far.example", "first"), ("a1@far.example", "second"))
    wait_for(lambda: mails(s, ben))  # those of this server are no matter of this limit
    row, = queue(s, state="held")
    assert row["recipient"] == "a4@far.example" and "3 new recipients a day" in row["reply"], row
    # by HTTP it is the same account
    answer = Web(s, token=token(s, f"send:{anna.address}")).post("send", {"from": anna.address, "to": ["a5@far.example"], "subject": "third", "text": "x"})
    assert answer.status == 200, answer
    assert {r["recipient"] for r in queue(s, state="held")} == {"a4@far.example", "a5@far.example"}
    one = limits(s, anna)["new_day"]
    assert (one["sent"], one["limit"], one["known"], one["kept"]) == (3, 3, 3, 2), one
    changes = json.loads(s.cli("--json", "changes", "list").stdout)
    assert [r for r in changes if anna.address in r["words"] and "kept" in r["words"]], changes
    # another account is not touched, and a killed queue has forgotten nothing
    os.kill(pid_of(s, "queued"), signal.SIGKILL)
    assert write(s, ben, "a4@far.example", subject="bens")[0] in (250, 451)
    assert write(s, anna, "a2@far.example", "a6@far.example", subject="fourth")[0] == 250
    has(host, ("a2@far.example", "fourth"))
    assert {r["recipient"] for r in queue(s, state="held")} == {f"a{i}@far.example" for i in (4, 5, 6)}
    # released: it arrives, once, and is known from then on
    s.cli("queue", "release", f"sender={anna.address}")
    has(host, ("a4@far.example", "second"), ("a5@far.example", "third"), ("a6@far.example", "fourth"))
    assert write(s, anna, "a4@far.example", subject="fifth")[0] == 250
    has(host, ("a4@far.example", "fifth"))
    mine = [x for x in got(host) if x[1] != "bens"]
    assert len(mine) == len(set(mine)), mine
    assert not queue(s, state="held") and limits(s, anna)["new_day"]["known"] == 6


def test_a_run_is_told_to_come_later_and_the_account_is_not_locked(house, host):
    s, carl = house, house.account()
    s.cli("config", "set", "send.account_held", "2")
    try:
        for i in range(5):
            assert write(s, carl, f"c{i}@far.example", subject=f"run{i}")[0] == 250
        code, text = write(s, carl, "c9@far.example")
        assert code == 452 and text.startswith("4.7.1 ") and "limits" in text, (code, text)
        assert write(s, carl, "c1@far.example", subject="known")[0] == 250
        has(host, ("c1@far.example", "known"))
        # a rule of its own: no limit
        s.cli("config", "set", "send.account_limits", f"{DOMAIN} new_day=3, {carl.address} none")
        assert write(s, carl, *(f"n{i}@far.example" for i in range(6)), subject="news")[0] == 250
        has(host, *((f"n{i}@far.example", "news") for i in range(6)))
        s.cli("queue", "remove", "state=held", f"sender={carl.address}")
    finally:
        s.cli("config", "unset", "send.account_limits")
        s.cli("config", "unset", "send.account_held")
    assert s.cli("config", "set", "send.account_limits", "everybody", check=False).returncode != 0


def test_what_is_above_an_hour_waits_for_the_next_and_a_release_lets_it_go(house, host):
    s, dora, ben = house, house.account(), house.account()
    s.cli("config", "set", "send.account_messages_hour", "2")
    try:
        for i in range(4):
            assert write(s, dora, "d@far.example", ben.address, subject=f"d{i}")[0] == 250
        has(host, ("d@far.example", "d0"), ("d@far.example", "d1"))
        wait_for(lambda: len(mails(s, ben)) == 4)
        rows = queue(s, state="throttled")
        assert len(rows) == 2 and all("2 messages an hour" in r["reply"] and r["next"] > 3000 for r in rows), rows
        assert limits(s, dora)["messages_hour"]["sent"] == 4
        s.cli("queue", "release", f"sender={dora.address}", "state=throttled")
        has(host, ("d@far.example", "d2"), ("d@far.example", "d3"))
        s.cli("limit", "reset", dora.address)
        assert limits(s, dora)["messages_hour"]["sent"] == 0
        assert write(s, dora, "d@far.example", subject="again")[0] == 250
        has(host, ("d@far.example", "again"))
    finally:
        s.cli("config", "unset", "send.account_messages_hour")
