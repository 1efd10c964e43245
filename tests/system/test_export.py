# SPDX-License-Identifier: ISC
"""The way out: what Mansio wrote is taken by Dovecot, by Python's mailbox, and by Mansio itself."""
import json
import mailbox
import os
import shutil

import pytest

from oldserver import Dovecot, Mbsync
from test_import import fill, folders, message, picture, rows


def lived_in(suite, account):
    c = suite.imap(account)
    fill(c, "INBOX", 8)
    c.create("Kunden/M&APw-ller")
    fill(c, "Kunden/M&APw-ller", 3)
    c.subscribe("Kunden/M&APw-ller")
    c.select("INBOX")
    c.store("2,6", "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.store("1:3", "+FLAGS", r"(\Seen \Answered)")
    c.store("3", "+FLAGS", r"(\Flagged $Work NonJunk)")
    c.append("INBOX", None, None, message("with lines", "From here on\r\n>From there\r\n\r\nFrom me Sun Sep  9 01:46:40 2001\r\n"))
    c.logout()


def test_dovecot_goes_on_with_what_mansio_wrote(suite, anna, tmp_path):
    lived_in(suite, anna)
    sync = Mbsync(tmp_path / "mbsync")
    sync.config(suite.ports["imaps"], anna.address, anna.password, tls=suite.cert)
    sync.sync()
    have = sync.messages()
    c = suite.imap(anna)
    before = {name: picture(c, name) for name in folders(c)}
    uidl = suite.pop3(anna).uidl()[1]
    out = tmp_path / "old" / "Maildir"
    out.parent.mkdir()
    done = rows(suite.cli("--json", "export", "maildir", anna.address, out))
    assert done["INBOX"]["added"] == 7 and done["Kunden/Müller"]["added"] == 3
    assert suite.cli("export", "maildir", anna.address, out, check=False).returncode == 73  # never over something
    if os.getuid() == 0:
        for p in [out, *out.rglob("*")]:
            shutil.chown(p, "nobody", "nogroup")
    server = Dovecot(tmp_path / "old").start()
    try:
        c = server.imap()
        for name, was in before.items():
            assert picture(c, name.replace("/", ".")) == was, name
        assert any(b"M&APw-ller" in row for row in c.lsub()[1])
        c.logout()
        assert server.pop3().uidl()[1] == uidl
        sync.config(server.ports["imap"], anna.address, server.password)
        for counts in sync.sync():
            assert counts == ("0", "0", "0"), sync.said
        assert sync.messages() == have
    finally:
        server.close()


def test_an_mbox_goes_out_and_comes_in_again_once(suite, anna, ben, tmp_path):
    lived_in(suite, anna)
    path = tmp_path / "inbox.mbox"
    suite.cli("export", "mbox", anna.address, "INBOX", path)
    box = mailbox.mbox(path)
    assert len(box) == 7
    assert [m["Subject"] for m in box][2] == "old INBOX 3" and "F" in box[2].get_flags() and "A" in box[2].get_flags()
    text = path.read_text()
    assert "\n>From here on\n>>From there\n\n>From me Sun" in text and "\nX-Keywords: $Work NonJunk\n" in text
    streamed = suite.cli("export", "mbox", anna.address).stdout
    assert streamed == text
    for expected in (7, 0):
        done = rows(suite.cli("--json", "import", "mbox", path, ben.address, "Old/Box"))
        assert done["Old/Box"]["messages"] == 7 and done["Old/Box"]["added"] == expected
    with suite.imap(anna) as a, suite.imap(ben) as b:
        mine, his = picture(a, "INBOX")[1], picture(b, "Old/Box")[1]
        assert [his[u] for u in sorted(his)] == [mine[u] for u in sorted(mine)]
        assert [x[1] for x in a.fetch("1:*", "(BODY.PEEK[])")[1][::2]] == [x[1] for x in b.fetch("1:*", "(BODY.PEEK[])")[1][::2]]


def test_an_mbox_of_another_hand(suite, anna, tmp_path):
    path = tmp_path / "odd"
    path.write_bytes(
        b"garbage before\n\n"
        b"From MAILER-DAEMON Sun Sep  9 01:46:40 2001\nFrom: MAILER-DAEMON\nSubject: DON'T DELETE THIS MESSAGE\nX-IMAP: 1 2\n\nnote\n\n"
        b"From a@b.example Sun Sep  9 01:46:40 2001\r\nSubject: crlf\r\nStatus: RO\r\nX-Status: F\r\nContent-Length: 99999\r\n\r\nFrom the start\r\n\r\n"
        b"From a@b.example Sun Sep  9 01:46:40 +0200 2001\nSubject: no body\n\n"
        b"From a@b.example Sun Sep  9 01:46:40 2001\nSubject: twice\n\nx\n\n"
        b"From a@b.example Sun Sep  9 01:46:40 2001\nSubject: twice\n\nx\n\n\n"
        b"From nobody knows when\n\nFrom a@b.example Sun Sep  9 01:46:40 2001\nSubject: long\n\n" + b"y" * 100000)
    out = rows(suite.cli("--json", "import", "mbox", path, anna.address, "Odd"))
    assert out["Odd"]["added"] == 5, out
    with suite.imap(anna) as c:
        validity, all_ = picture(c, "Odd")
        assert all_[1][0] == {r"\Seen", r"\Flagged"} and all_[1][1] == 1000000000 - 0
        texts = [x[1] for x in c.fetch("1:*", "(BODY.PEEK[])")[1][::2]]
    assert texts[0] == b"Subject: crlf\r\nContent-Length: 99999\r\n\r\nFrom the start\r\n"
    assert texts[1] == b"Subject: no body\r\n\r\n"
    assert texts[2] == b"Subject: twice\r\n\r\nx\r\n" and texts[3] == b"Subject: twice\r\n\r\nx\r\n\r\n\r\nFrom nobody knows when\r\n"
    assert texts[4].endswith(b"y" * 100000 + b"\r\n")
    assert rows(suite.cli("--json", "import", "mbox", path, anna.address, "Odd"))["Odd"]["added"] == 0
