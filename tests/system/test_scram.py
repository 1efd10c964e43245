# SPDX-License-Identifier: ISC
"""SCRAM-SHA-256 and -PLUS (RFC 5802, 7677, 9266) by a client of our own: server proof and channel binding are checked."""
import base64
import hashlib
import hmac
import os
import ssl

import pytest


class Failed(Exception):
    pass


def scram(suite, user, password, binding=None, lie=False, drop_plus=False):
    """Logs in by IMAP. binding: None (n), "y" (client could, server did not offer), or "tls-server-end-point"."""
    s = suite.context().wrap_socket(suite.connect("imaps"), server_hostname="localhost")
    f = s.makefile("rb")
    greeting = f.readline()
    mech, gs2, cb = "SCRAM-SHA-256", "n,,", b""
    if binding == "y":
        gs2 = "y,,"
    elif binding:
        mech, gs2 = "SCRAM-SHA-256-PLUS", f"p={binding},,"
        cb = hashlib.sha256(s.getpeercert(True)).digest()
        if lie:
            cb = bytes(32)
    assert f"AUTH={mech}".encode() in greeting, greeting
    nonce = base64.b64encode(os.urandom(18)).decode()
    bare = f"n={user},r={nonce}"
    s.sendall(b"a AUTHENTICATE %s %s\r\n" % (mech.encode(), base64.b64encode((gs2 + bare).encode())))
    line = f.readline()
    if not line.startswith(b"+ "):
        raise Failed(line)
    first = base64.b64decode(line[2:]).decode()
    fields = dict(x.split("=", 1) for x in first.split(","))
    assert fields["r"].startswith(nonce)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    final = f"c={base64.b64encode(gs2.encode() + cb).decode()},r={fields['r']}"
    message = f"{bare},{first},{final}".encode()
    proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.sha256(key).digest(), message, "sha256")))
    s.sendall(base64.b64encode(f"{final},p={base64.b64encode(proof).decode()}".encode()) + b"\r\n")
    line = f.readline()
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
    if line.startswith(b"+ "):
        assert base64.b64decode(line[2:]) == b"v=" + base64.b64encode(signature)
        s.sendall(b"\r\n")
        line = f.readline()
    if not line.startswith(b"a OK"):
        raise Failed(line)
    s.sendall(b"b SELECT INBOX\r\n")
    while not (line := f.readline()).startswith(b"b "):
        assert line
    assert line.startswith(b"b OK")
    return fields


def test_scram_logs_in(suite, anna):
    fields = scram(suite, anna.address, anna.password)
    assert int(fields["i"]) >= 4096


def test_scram_plus_with_server_end_point(suite, anna):
    scram(suite, anna.address, anna.password, "tls-server-end-point")


def test_scram_plus_with_a_wrong_binding_is_refused(suite, anna):
    with pytest.raises(Failed):
        scram(suite, anna.address, anna.password, "tls-server-end-point", lie=True)


def test_scram_y_is_refused_since_plus_was_offered(suite, anna):
    """RFC 5802 6: a client that believes we have no -PLUS was lied to."""
    with pytest.raises(Failed):
        scram(suite, anna.address, anna.password, "y")


def test_scram_wrong_password_is_refused(suite, anna):
    with pytest.raises(Failed):
        scram(suite, anna.address, "wrong")


def test_unknown_accounts_have_stable_salts_like_known_ones(suite, anna):
    """Nobody learns from SCRAM who exists: the same salt and count each time."""

    def first(user):
        s = suite.context().wrap_socket(suite.connect("imaps"), server_hostname="localhost")
        f = s.makefile("rb")
        f.readline()
        s.sendall(b"a AUTHENTICATE SCRAM-SHA-256 %s\r\n" % base64.b64encode(f"n,,n={user},r=abcdefghij".encode()))
        line = f.readline()
        assert line.startswith(b"+ "), line
        fields = dict(x.split("=", 1) for x in base64.b64decode(line[2:]).decode().split(","))
        return fields["s"], fields["i"]

    known, unknown = [first(anna.address) for _ in range(2)], [first("nobody@example.org") for _ in range(2)]
    assert known[0] == known[1] and unknown[0] == unknown[1]
    assert known[0][1] == unknown[0][1] and len(known[0][0]) == len(unknown[0][0])
    assert first("other@example.org") != unknown[0]
