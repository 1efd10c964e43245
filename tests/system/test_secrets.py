# SPDX-License-Identifier: ISC
"""What people bring: hashes of other programs, files of other servers, SCRAM with other hashes; and that a login of a
moment ago is cheap. Judges: doveadm makes the hashes, gsasl logs in."""
import base64
import concurrent.futures
import contextlib
import hashlib
import hmac
import imaplib
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from conftest import Suite, check_log, make_folder

PASSWORD = "old secret 7"
SCHEMES = """MD5 PLAIN-MD5 LDAP-MD5 SMD5 SHA SHA1 SSHA SHA256 SSHA256 SHA512 SSHA512 CRYPT BLF-CRYPT SHA256-CRYPT SHA512-CRYPT
MD5-CRYPT ARGON2I ARGON2ID PBKDF2 SCRAM-SHA-1 SCRAM-SHA-256 SHA.HEX SSHA512.B64 PLAIN CLEARTEXT PLAIN.B64""".split()


@pytest.fixture(scope="module")
def secrets(system_users):
    s = Suite(make_folder(), {"auth.scram_keys": "SCRAM-SHA-1, SCRAM-SHA-256, SCRAM-SHA-512"}).start()
    s.account()  # makes the domain
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def stored(suite, address):
    with contextlib.closing(sqlite3.connect(suite.state / "directory" / "directory.db", timeout=20)) as db:
        return db.execute("SELECT hash, scram FROM account WHERE local || '@' || domain = ?", [address]).fetchone()


def rows(done):
    said = json.loads(done.stdout)
    return {r["where"].rsplit(":", 1)[1]: r for r in (said["rows"] if isinstance(said, dict) else said)}


def log_in(suite, user, password):
    with suite.imap() as m:
        m.login(user, password)


def doveadm(scheme):
    """The hash as Dovecot makes it, with few rounds."""
    rounds = ["-r", "5"] if scheme in ("CRYPT", "BLF-CRYPT") else ["-r", "3"] if scheme.startswith("ARGON2") else []
    return subprocess.run(["doveadm", "-c", "/dev/null", "pw", "-s", scheme, "-p", PASSWORD, *rounds], check=True,
                          capture_output=True, text=True, timeout=30).stdout.strip()


def test_people_come_with_the_passwords_they_have(secrets, tmp_path):
    """A passwd-file of Dovecot is taken over; who logs in gets today's hash and keys, and notices nothing."""
    file = tmp_path / "users"
    lines = ["# people of the old server"]
    people = {}
    for i, scheme in enumerate(SCHEMES):
        people[f"d{i}@example.org"] = scheme
        lines.append(f"d{i}@example.org:{doveadm(scheme)}:1000:1000:Person {i}:/m/{i}::userdb_quota_rule=*:storage=1G")
    people["django@example.org"] = "Django"
    salt = base64.b64encode(os.urandom(9)).decode()
    made = base64.b64encode(hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt.encode(), 1000)).decode()
    lines += [f"django@example.org:pbkdf2_sha256$1000${salt}${made}", "lm@example.org:{LANMAN}855c3697d9979e78",
              "slow@example.org:$2b$31$" + "a" * 53, "gone@nowhere.example:{SHA}x", "this is no line"]
    file.write_text("\n".join(lines) + "\n")
    done = secrets.cli("--json", "import", "users", file, "--dry-run", check=False)
    assert done.returncode == 65
    assert stored(secrets, "d0@example.org") is None
    done = secrets.cli("--json", "import", "users", file, check=False)
    assert done.returncode == 65
    found = rows(done)
    bad = {n: r["words"] for n, r in found.items() if r["result"] == "bad"}
    first = len(SCHEMES) + 3
    assert sorted(bad, key=int) == [str(first + i) for i in range(4)]
    assert bad[str(first)].endswith("not known here: {LANMAN}") and "hash_memory" in bad[str(first + 1)] and "domain" in bad[str(first + 2)]
    assert [r["result"] for r in found.values()].count("new") == len(people)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda address: log_in(secrets, address, PASSWORD), people))
    for address, scheme in people.items():
        hash, keys = stored(secrets, address)
        assert hash.startswith("$y$"), (scheme, hash)
        assert {k.split("$")[0] for k in keys.splitlines()} == {"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"}
    log_in(secrets, "d3@example.org", PASSWORD)
    with pytest.raises(imaplib.IMAP4.error):
        log_in(secrets, "d3@example.org", PASSWORD + "x")
    # again: nothing is written over
    done = secrets.cli("--json", "import", "users", file, check=False)
    assert [r["result"] for r in rows(done).values()].count("exists") == len(people)
    assert stored(secrets, "d0@example.org")[0].startswith("$y$")
    shown = json.loads(secrets.cli("--json", "user", "show", "d1@example.org").stdout)
    assert (shown["name"], int(shown["quota"])) == ("Person 1", 1 << 30)


def test_files_of_courier_postfix_and_the_system(secrets, tmp_path):
    def take(text, *options, code=0):
        file = tmp_path / "file"
        file.write_text(text)
        done = secrets.cli("--json", "import", "users", file, *options, check=False)
        assert done.returncode == code, done.stderr
        return {n: (r["kind"], r["address"], r["result"]) for n, r in rows(done).items()}

    sha = "{SHA}" + base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    crypt = doveadm("SHA512-CRYPT").split("}")[1]
    assert take(f"cora@example.org\tuid=1000|home=/m|imappw={sha}|gecos=Cora|quota=5000000S\n") == {
        "1": ("user", "cora@example.org", "new")}
    assert take(f"root:*:19000:0:99999:7:::\nsysa:{crypt}:19000:0:99999:7:::\n", "domain=example.org") == {
        "1": ("line", "root", "skipped"), "2": ("user", "sysa@example.org", "new")}
    virtual = "example.org x\ninfo@example.org cora@example.org,\n  sysa\ncora@example.org cora@example.org\nx |y\n"
    assert take(virtual, "domain=example.org", "format=postfix", code=65) == {
        "1": ("line", "example.org", "skipped"), "2": ("alias", "info@example.org", "new"),
        "4": ("alias", "cora@example.org", "skipped"), "5": ("line", "x", "bad")}
    targets = json.loads(secrets.cli("--json", "alias", "show", "info@example.org").stdout)["targets"]
    assert targets == "cora@example.org, sysa@example.org"
    for who in ("cora@example.org", "sysa@example.org"):
        log_in(secrets, who, PASSWORD)
    # only who says so writes over: then the old hash is back
    other = f"cora@example.org:{crypt}\n"
    assert take(other, "format=dovecot")["1"][2] == "exists"
    assert stored(secrets, "cora@example.org")[0].startswith("$y$")
    assert take(other, "format=dovecot", "--replace")["1"][2] == "changed"
    assert stored(secrets, "cora@example.org")[0] == crypt
    log_in(secrets, "cora@example.org", PASSWORD)


def test_a_large_file_is_sent_in_parts(secrets, tmp_path):
    """More than one message holds: lines stay whole, and their numbers go on."""
    file = tmp_path / "file"
    file.write_text("".join(f"# {i}\nlist{i}@example.org u1@example.org,\n  u{i}@example.org\n" for i in range(1500)) + "bad\n")
    done = secrets.cli("--json", "import", "users", file, "--dry-run", check=False)
    found = rows(done)
    assert done.returncode == 65 and len(found) == 1501
    assert {n for n, r in found.items() if r["result"] == "new"} == {str(3 * i + 2) for i in range(1500)}
    assert found["4501"]["result"] == "bad"


def gsasl(suite, account, mech, *options):
    return subprocess.run(
        ["gsasl", "--client", "--imap", f"--connect=localhost:{suite.ports['imap']}", f"--x509-ca-file={suite.cert}",
         "-m", mech, "-a", account.address, "-p", account.password, "--starttls", *options],
        capture_output=True, text=True, timeout=60, input="").returncode


def test_gsasl_logs_in_with_each_hash_and_binding(secrets):
    """SCRAM with SHA-1 and SHA-256; -PLUS binds by tls-exporter under TLS 1.3 and by tls-unique under 1.2."""
    who = secrets.account()
    # whoever was only imported has no keys of all kinds: SCRAM of these hashes is not offered before they are there
    for address in json.loads(secrets.cli("--json", "user", "list").stdout):
        if address["scram"] == "no":
            secrets.cli("user", "change", address["address"], "active=no")
    for mech in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
        assert gsasl(secrets, who, mech + "-PLUS") == 0
        assert gsasl(secrets, who, mech + "-PLUS", "--priority=NORMAL:-VERS-TLS1.3") == 0
        assert gsasl(secrets, who, mech, "--no-cb") == 0
    who.password += "x"
    assert gsasl(secrets, who, "SCRAM-SHA-1-PLUS") != 0


def cpu(suite):
    """Seconds of all processes of authd."""
    ticks = 0
    for pid in suite.tree():
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if b"authd" not in f.read():
                    continue
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_a_login_of_a_moment_ago_is_cheap(secrets):
    """The same logins with and without what is remembered: at least three times the work without."""
    secrets.cli("config", "set", "auth.yescrypt_cost", "6")
    who = secrets.account()

    def logins():
        log_in(secrets, who.address, who.password)
        before = cpu(secrets)
        for _ in range(12):
            log_in(secrets, who.address, who.password)
        return cpu(secrets) - before

    cheap = logins()
    secrets.cli("config", "set", "auth.login_cache_time", "0")
    dear = logins()
    secrets.cli("config", "unset", "auth.login_cache_time")
    secrets.cli("config", "set", "auth.yescrypt_cost", "1")
    assert dear >= 3 * max(cheap, 0.01), (cheap, dear)
    # a new password counts at once, the old one no more
    log_in(secrets, who.address, who.password)
    secrets.cli("user", "password", who.address, input="another one\n")
    log_in(secrets, who.address, "another one")
    with pytest.raises(imaplib.IMAP4.error):
        log_in(secrets, who.address, who.password)


def test_scram_of_sha_512_proves_itself(secrets):
    """By a client of our own: gsasl has no SHA-512."""
    who = secrets.account()
    s = secrets.context().wrap_socket(secrets.connect("imaps"), server_hostname="localhost")
    f = s.makefile("rb")
    f.readline()
    nonce = base64.b64encode(os.urandom(18)).decode()
    bare, gs2 = f"n={who.address},r={nonce}", "p=tls-server-end-point,,"
    cb = hashlib.sha256(s.getpeercert(True)).digest()
    s.sendall(b"a AUTHENTICATE SCRAM-SHA-512-PLUS %s\r\n" % base64.b64encode((gs2 + bare).encode()))
    first = base64.b64decode(f.readline()[2:]).decode()
    fields = dict(x.split("=", 1) for x in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha512", who.password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha512")
    final = f"c={base64.b64encode(gs2.encode() + cb).decode()},r={fields['r']}"
    message = f"{bare},{first},{final}".encode()
    proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.sha512(key).digest(), message, "sha512")))
    s.sendall(base64.b64encode(f"{final},p={base64.b64encode(proof).decode()}".encode()) + b"\r\n")
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha512"), message, "sha512")
    line = f.readline()
    assert base64.b64decode(line[2:]) == b"v=" + base64.b64encode(signature)
    s.sendall(b"\r\n")
    assert f.readline().startswith(b"a OK")
    s.close()
