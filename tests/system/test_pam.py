# SPDX-License-Identifier: ISC
"""Users of this system: real tables and a real pam_unix, in a mount namespace with a passwd, a shadow and services of its own."""
import grp
import os
import pathlib
import pwd
import re
import shutil
import signal
import smtplib
import subprocess
import threading

import pytest

from attackers import logs_in, none_gets_in, plain, tries
from conftest import MANSIO, ROOT, TOP, Account, Suite, check_log, make_folder, wait_for

pytestmark = pytest.mark.skipif(not ROOT, reason="users of a system need root")
HIDE = 'cd "$0" && for f in passwd shadow group pam.d; do mount --bind $f /etc/$f || exit 1; done; cd / && exec "$@"'
HANGS = "98765.25"
# name, number, group, shell, gecos; of shadow: what stands before the hash, days since the last change, day of the account's end
PEOPLE = [("anna", 2001, 2001, "/bin/bash", "Anna Meier,Room 5,,", "", 19000, ""),
          ("ben", 2002, 2999, "/bin/sh", "", "", 19000, ""),
          ("expired", 2003, 2999, "/bin/sh", "", "", 19000, "1"),
          ("locked", 2004, 2999, "/bin/sh", "", "!", 19000, ""),
          ("outdated", 2005, 2999, "/bin/sh", "", "", 0, ""),
          ("shellless", 2006, 2999, "/usr/sbin/nologin", "", "", 19000, ""),
          ("service", 501, 2999, "/bin/sh", "", "", 19000, ""),
          ("guest", 70000, 2999, "/bin/sh", "", "", 19000, ""),
          ("stranger", 2007, 2001, "/bin/sh", "", "", 19000, ""),
          ("slow", 2008, 2999, "/bin/sh", "", "", 19000, "")]
MAY = {p[0] for p in PEOPLE[:5]} | {"blank", "slow"}  # whom PAM may be asked about


def document():
    """The settings of docs/AUTH.md as they stand there."""
    part = (TOP / "docs" / "AUTH.md").read_text().split("\n## System users")[1].split("\n## ")[0]
    section, settings = "", {}
    for row in re.findall(r"^    (\[.*\]|\w+ = .*)$", part, re.M):
        if row.startswith("["):
            section = row[1:-1]
        else:
            key, value = row.split(" = ", 1)
            settings[f"{section}.{key}"] = value
    return settings


def make_tables(folder):
    passwd, shadow = pathlib.Path("/etc/passwd").read_text(), "root:*:19000:0:99999:7:::\n"
    for name, uid, gid, shell, gecos, before, changed, end in PEOPLE:
        made = subprocess.run(["openssl", "passwd", "-6", f"{name}'s secret"], check=True, capture_output=True, text=True).stdout.strip()
        passwd += f"{name}:x:{uid}:{gid}:{gecos}:/nonexistent:{shell}\n"
        shadow += f"{name}:{before}{made}:{changed}:0:99999:7::{end}:\n"
    shadow += "blank::19000:0:99999:7:::\n"
    passwd += "blank:x:2009:2999::/nonexistent:/bin/sh\n"
    (folder / "passwd").write_text(passwd)
    (folder / "group").write_text(pathlib.Path("/etc/group").read_text() + "private:x:2001:\npeople:x:2999:anna\n")
    (folder / "shadow").write_text(shadow)
    os.chown(folder / "shadow", 0, grp.getgrnam("shadow").gr_gid)
    (folder / "shadow").chmod(0o640)


def make_services(folder):
    """The service file that is shipped, with the system's part in it."""
    (folder / "pam.d").mkdir()
    shutil.copy(TOP / "auth" / "pam.d" / "mansio", folder / "pam.d" / "mansio")
    (folder / "pam.d" / "common-auth").write_text(f"auth required pam_exec.so quiet {folder}/look\nauth required pam_unix.so nullok\n")
    (folder / "pam.d" / "common-account").write_text("account required pam_unix.so\n")
    (folder / "look").write_text(f'#!/bin/sh\necho "$PAM_USER" >>{folder}/names\n[ "$PAM_USER" != slow ] || sleep {HANGS}\n')
    (folder / "look").chmod(0o755)
    (folder / "names").touch()
    (folder / "names").chmod(0o666)


@pytest.fixture(scope="module")
def house(system_users):
    folder = make_folder()
    make_tables(folder)
    make_services(folder)
    s = Suite(folder, {**document(), "pam.group": "people", "pam.timeout": "2s", "auth.failure_delay": "0"})
    s.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", HIDE, str(folder)]
    s.start()
    for domain in ("example.org", "example.net"):
        s.cli("domain", "add", domain)
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(folder, ignore_errors=True)


def names(s):
    return set((s.folder / "names").read_text().split())


def refused(s, address):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as e:
        s.deliver(address)
    return next(iter(e.value.recipients.values()))[0] == 550


def test_people_log_in_and_get_mail(house):
    """With the settings of docs/AUTH.md, and the service that is shipped."""
    anna = Account("anna@example.org", "anna's secret")
    assert logs_in(house, anna.address, anna.password)
    shown = house.cli("user", "show", anna.address).stdout
    assert "directory: pam" in shown and "Anna Meier" in shown and "Room" not in shown
    house.deliver(anna.address, "by her name")
    house.deliver("anna@example.net", "by her name in the other domain")
    with house.imap(anna) as c:
        wait_for(lambda: c.select("INBOX")[1] == [b"2"], 30)
    with house.smtp(anna) as c:
        c.sendmail("anna@example.net", ["ben@example.org"], "Subject: x\r\n\r\nx\r\n")
    assert logs_in(house, "ben@example.org", "ben's secret")
    assert not logs_in(house, "ben@example.org", "anna's secret")
    assert not logs_in(house, "ben@example.org", "b" * 600)
    p = house.cli("user", "password", anna.address, input="another one\n", check=False)
    assert p.returncode and "pam" in p.stderr, p
    assert anna.address in house.cli("user", "list").stdout


def test_who_may_not_log_in_is_refused_with_the_right_password(house):
    for name in ("expired", "locked", "outdated"):
        assert not logs_in(house, f"{name}@example.org", f"{name}'s secret"), name
        assert name in names(house)
    told = house.wait_log("pam: outdated has the right password and may not log in: ")
    assert " directory-trouble " in told, "the log tells it from a wrong password"
    for password in ("", "x"):
        assert not logs_in(house, "blank@example.org", password), "an account without a password"


def test_names_beyond_the_rules_have_no_mail_and_reach_no_module(house):
    for name in ("root", "_pam", "service", "guest", "shellless", "stranger", "daemon"):
        assert refused(house, f"{name}@example.org"), name
        assert not logs_in(house, f"{name}@example.org", f"{name}'s secret"), name
    assert names(house) <= MAY


def test_no_name_of_an_attacker_gets_in(house):
    none_gets_in(house, "anna's secret")
    assert not logs_in(house, "nobody-has-it@example.org", "anna's secret")
    assert b" OK" not in plain(house, "anna@example.org", b"anna's secret\0")
    assert names(house) <= MAY
    assert logs_in(house, "ANNA@Example.org", "anna's secret")


def test_a_module_that_hangs_is_ended_and_the_others_go_on(house):
    def sleepers():
        found = []
        for p in pathlib.Path("/proc").iterdir():
            try:
                if p.name.isdigit() and HANGS.encode() in (p / "cmdline").read_bytes():
                    found.append(p)
            except OSError:
                pass
        return found

    said = []
    thread = threading.Thread(target=lambda: said.append(tries(house, "slow@example.org", "slow's secret")))
    thread.start()
    wait_for(sleepers, 30)
    house.deliver("ben@example.org", "meanwhile")
    thread.join(60)
    assert said == [None], "try later"
    wait_for(lambda: not sleepers(), 30)
    assert logs_in(house, "ben@example.org", "ben's secret")


def test_pamd_has_little_and_its_death_is_try_later(house):
    def processes():
        return [pid for pid, name in house.tree().items() if name == "pamd"]

    assert logs_in(house, "ben@example.org", "ben's secret")
    groups = {str(pwd.getpwnam("_pam").pw_gid), str(grp.getgrnam("shadow").gr_gid)}
    for pid in processes():
        st = dict(x.split(":\t", 1) for x in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in x)
        assert set(st["Uid"].split()) == {str(pwd.getpwnam("_pam").pw_uid)} and set(st["Groups"].split()) <= groups
        assert st["CapEff"].strip("0") == "" and st["NoNewPrivs"] == "1" and st["Seccomp"] == "2"
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "not to be read by others of its user"
    old = processes()
    for pid in old:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for(lambda: processes() and not set(processes()) & set(old), 30)
    assert logs_in(house, "anna@example.org", "anna's secret!") is False
    assert logs_in(house, "anna@example.org", "anna's secret")
    house.deliver("anna@example.org", "and mail")


@pytest.mark.parametrize("settings, words", [
    ({"pam.domains": ""}, "domains"), ({"pam.domains": "Example.org"}, "small letters"), ({"pam.service": "../x"}, "service"),
    ({"pam.min_uid": "5000", "pam.max_uid": "4000"}, "max_uid")], ids=lambda v: v if isinstance(v, str) else "")
def test_settings_that_cannot_be_meant(own_suite, settings, words):
    s = own_suite({**document(), **settings}, start=False)
    p = subprocess.run([MANSIO, "config", "check", "--config", s.config], text=True, capture_output=True, timeout=60)
    assert p.returncode != 0 and words in p.stdout + p.stderr, p
