# SPDX-License-Identifier: ISC
"""Backups of a suite that runs, and what comes back out of them (docs/BACKUP.md)."""
import json
import re
import subprocess

import pytest

from conftest import MANSIO, Suite, make_folder, wait_for


@pytest.fixture
def host(own_suite):
    """A suite with a folder for backups, which makes none by itself."""
    folder = make_folder()
    s = own_suite({"backup.folder": str(folder / "backup"), "backup.at": ""})
    s.backup = folder / "backup"
    yield s
    subprocess.run(["rm", "-rf", folder], check=True)


def ask(s, *args, code=0):
    p = s.cli("--json", "backup", *args, check=False)
    assert p.returncode == code, f"{args}: {p.returncode} {p.stdout} {p.stderr}"
    return json.loads(p.stdout) if p.stdout.strip() and not code else p.stdout + p.stderr


def folders(s, account):
    return {r["name"]: r for r in json.loads(s.cli("--json", "mailbox", "list", account.address).stdout)}


def test_a_second_run_without_changes_stores_nothing(host):
    a = host.account()
    for i in range(5):
        host.deliver(a.address, f"message {i}")
    first = ask(host, "run")
    second = ask(host, "run")
    assert (first["messages"], first["read"]) == (5, 5)
    assert (second["messages"], second["read"], second["new_bytes"]) == (5, 0, 0)
    host.deliver(a.address, "one more")
    third = ask(host, "run")
    assert (third["messages"], third["read"]) == (6, 1)
    rows = ask(host, "list")
    assert [r["id"] for r in rows] == [first["id"], second["id"], third["id"]]
    assert all(r["state"] == "complete" for r in rows)


def test_a_deleted_message_comes_back_by_its_subject(host):
    a = host.account()
    for subject in ("keep", "Grüße aus Köln", "other"):
        host.deliver(a.address, subject)
    with host.imap(a) as c:
        c.select("INBOX")
        c.store("2", "+FLAGS", r"(\Flagged $Forwarded)")
    ask(host, "run")
    with host.imap(a) as c:
        c.select("INBOX")
        c.store("2", "+FLAGS", r"(\Deleted)")
        c.expunge()
    found = ask(host, "list", "latest", f"address={a.address}", "match=köln")
    assert [r["subject"] for r in found] == ["Grüße aus Köln"]
    done = ask(host, "restore", "latest", f"address={a.address}", "message=aus Köln", "in_place=yes")
    assert (done["restored"], done["there"]) == (1, 0)
    with host.imap(a) as c:
        c.select("INBOX")
        line = c.fetch("3", "(UID FLAGS)")[1][0].decode()
    assert r"\Flagged" in line and "$Forwarded" in line and "UID 4" in line
    # once more: everything is there
    done = ask(host, "restore", "latest", f"address={a.address}", "in_place=yes")
    assert (done["restored"], done["there"]) == (0, 3)
    done = ask(host, "restore", "latest", f"address={a.address}", "folder=INBOX")
    assert folders(host, a)[done["folder"] + "/INBOX"]["messages"] == 3


def test_verify_of_a_good_backup_finds_nothing(host):
    a = host.account()
    host.deliver(a.address)
    ask(host, "run")
    assert ask(host, "verify")[0]["finding"] == "good"
