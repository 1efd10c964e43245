# SPDX-License-Identifier: ISC
"""QUOTA (RFC 9208) of accounts with limits; without: tests/wire/imap/quota.t."""


def quota(c, root='""'):
    """{resource: (used, limit)} of a quota root."""
    typ, said = c.getquota(root)
    assert typ == "OK"
    line = said[0].decode()
    assert line.startswith('"" (') and line.endswith(")")
    words = line[4:-1].split()
    return {words[i]: (int(words[i + 1]), int(words[i + 2])) for i in range(0, len(words), 3)}


def test_usage_and_limits_are_told_and_overquota_refuses(suite):
    a = suite.account(None, "secret pass 1", "quota=100k", "quota_messages=3")
    with suite.imap(a) as c:
        assert quota(c) == {"STORAGE": (0, 100), "MESSAGE": (0, 3)}
        message = b"Subject: x\r\n\r\n" + b"y" * 2000 + b"\r\n"
        assert c.append("INBOX", None, None, message)[0] == "OK"
        assert c.append("Archive", None, None, message)[0] == "OK"
        assert quota(c) == {"STORAGE": (4, 100), "MESSAGE": (2, 3)}
        typ, (roots, quotas) = c.getquotaroot("Archive")
        assert typ == "OK" and roots == [b'"Archive" ""'] and quotas == [b'"" (STORAGE 4 100 MESSAGE 2 3)']
        # too large, then too many: by APPEND and by COPY
        typ, said = c.append("INBOX", None, None, b"Subject: x\r\n\r\n" + (b"z" * 76 + b"\r\n") * 1300)
        assert typ == "NO" and b"[OVERQUOTA]" in said[0]
        c.select("INBOX")
        assert c.copy("1", "Trash")[0] == "OK"
        assert quota(c)["MESSAGE"] == (3, 3)
        typ, said = c.copy("1", "Trash")
        assert typ == "NO" and b"[OVERQUOTA]" in said[0]
        typ, said = c.append("INBOX", None, None, message)
        assert typ == "NO" and b"[OVERQUOTA]" in said[0]
        # MOVE needs no room
        assert c._simple_command("MOVE", "1", "Trash")[0] == "OK"
        assert quota(c) == {"STORAGE": (6, 100), "MESSAGE": (3, 3)}
        c.select("Trash")
        c.store("1:*", "+FLAGS", r"\Deleted")
        assert c.status("Trash", "(DELETED DELETED-STORAGE)")[1] == [b'"Trash" (DELETED 2 DELETED-STORAGE %d)' % (2 * len(message))]
        c.expunge()
        assert quota(c) == {"STORAGE": (2, 100), "MESSAGE": (1, 3)}


def test_one_limit_alone_is_told_alone(suite):
    with suite.imap(suite.account(None, "secret pass 1", "quota_messages=7")) as c:
        assert quota(c) == {"MESSAGE": (0, 7)}
