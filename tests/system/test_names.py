# SPDX-License-Identifier: ISC
"""One person by every form of name and password that her keyboards make (RFC 4013, RFC 8265), and nobody by another's; names
of attackers against the built-in database."""
import shutil
import subprocess
import unicodedata

import pytest

import attackers
from attackers import is_good, plain
from conftest import DOMAIN, Suite, make_folder
from test_scram import Failed, scram

GRETA = f"grüße@{DOMAIN}"
PASSWORD = "Straße im Süden 7"
NFD = unicodedata.normalize("NFD", PASSWORD)
FULL = "".join(chr(ord(c) - 0x21 + 0xff01) if c.isascii() and c.isalnum() else c for c in PASSWORD)
PASSWORDS = [PASSWORD, NFD, PASSWORD.replace(" ", "\u00a0"), NFD.replace(" ", "\u3000"), FULL, PASSWORD.replace("im", "i\u00adm")]
NAMES = [GRETA, unicodedata.normalize("NFD", GRETA), "GRÜßE@Example.ORG", "Gru\u0308\u1e9ee@EXAMPLE.org", "ｇｒüßｅ@example.org", "ｇｒüßｅ＠example.org"]
OTHERS = [f"grüsse@{DOMAIN}", f"GRÜSSE@{DOMAIN}", f"gruße@{DOMAIN}", f"grüß\u0435@{DOMAIN}", f"grü\u00adße@{DOMAIN}"]
SERVICES = ("imaps", "pop3s", "submissions")


@pytest.fixture(scope="module")
def house(system_users):
    s = Suite(make_folder(), {"auth.failure_delay": "0", "auth.mechanisms": "PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-1"})
    s.start()
    s.cli("domain", "add", DOMAIN)
    s.cli("user", "add", GRETA, input=NFD + "\n")
    s.cli("user", "add", f"anna@{DOMAIN}", input="anna's secret\n")
    yield s
    s.stop()
    shutil.rmtree(s.folder)


def test_one_person_by_each_form_of_name_and_password(house):
    for service in SERVICES:
        for name in NAMES:
            assert is_good(plain(house, name, PASSWORD, service)), (service, name)
        for password in PASSWORDS:
            assert is_good(plain(house, GRETA, password, service)), (service, password)
        for name in OTHERS:
            assert not is_good(plain(house, name, PASSWORD, service)), (service, name)
        for password in (PASSWORD.replace("ß", "ss"), PASSWORD.lower(), PASSWORD.replace("ü", "u"), PASSWORD.replace("i", "\u0131")):
            assert not is_good(plain(house, GRETA, password, service)), (service, password)


def test_scram_takes_what_clients_make_of_it(house):
    prepared = unicodedata.normalize("NFKC", PASSWORD)
    for name in NAMES[:4]:
        scram(house, name, prepared)
    for password in (NFD, PASSWORD.replace("ß", "ss")):  # a client that does not prepare it has another password
        with pytest.raises(Failed):
            scram(house, GRETA, password)


def gsasl(house, password, mech):
    return subprocess.run(["gsasl", "--client", "--imap", f"--connect=localhost:{house.ports['imap']}", f"--x509-ca-file={house.cert}", "-m", mech, "-a", GRETA,
                           "-p", password, "--starttls", "--no-cb"], capture_output=True, text=True, timeout=60, input="",
                          env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}).returncode


@pytest.mark.parametrize("mech", ["SCRAM-SHA-256", "PLAIN"])
def test_gsasl_with_passwords_in_several_forms(house, mech):
    """It prepares them itself."""
    for password in (PASSWORD, NFD, PASSWORD.replace(" ", "\u00a0")):
        assert gsasl(house, password, mech) == 0, password
    assert gsasl(house, PASSWORD.replace("ß", "ss"), mech) != 0


def test_turkish_letters_are_others(house):
    ali = f"ı@{DOMAIN}"
    house.cli("user", "add", ali, input="dotless\n")
    house.cli("user", "add", f"i@{DOMAIN}", input="dotted\n")
    assert is_good(plain(house, ali, "dotless")) and is_good(plain(house, f"I@{DOMAIN}", "dotted"))
    assert not is_good(plain(house, ali, "dotted")) and not is_good(plain(house, f"I@{DOMAIN}", "dotless"))


def test_names_that_look_like_others_and_passwords_with_controls_are_not_made(house):
    for name in ("\u0430nna", "ann\u200ba", "anna\u202e", "\ufb01n", "\U0001f600", "x\u05d0"):
        p = house.cli("user", "add", f"{name}@{DOMAIN}", input="secret of it\n", check=False)
        assert p.returncode == 65, (name, p)
    for same in (unicodedata.normalize("NFD", GRETA), GRETA.upper().replace("SS", "ß")):
        assert house.cli("user", "add", same, input="secret of it\n", check=False).returncode not in (0, 75), same
    for password in ("a\tb", "a\x07", "a\u0085b"):
        p = house.cli("user", "add", f"tab@{DOMAIN}", input=password + "\n", check=False)
        assert p.returncode == 65 and "control characters" in p.stdout + p.stderr, p


def test_no_name_of_an_attacker_gets_in(house):
    before = house.cli("user", "list").stdout
    attackers.none_gets_in(house, "anna's secret")
    for password in ("", "*", "anna's secret\0", b"\xff\xfe", b"anna's secret\xc3"):
        assert not is_good(plain(house, f"anna@{DOMAIN}", password))
    for name in attackers.NAMES:
        if "\0" not in name and name == name.encode("utf-8", "ignore").decode() and len(name) < 4000:
            assert house.cli("user", "show", "--", name, check=False).returncode in (64, 65, 67), name
    assert house.cli("user", "list").stdout == before
    assert is_good(plain(house, f"ANNA@{DOMAIN}", "anna's secret"))
