# SPDX-License-Identifier: ISC
"""People of an LDAP directory (a real slapd): logins by bind, mail, aliases, groups, quota; hung, dead and lying servers."""
import itertools
import json
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import threading
import time

import pytest

from attackers import logs_in, none_gets_in, plain, tries
from conftest import MANSIO, TOP, Account, Suite, check_log, make_certificate, make_folder, wait_for
from ldapserver import BASE, Slapd, dn, entry, group, person


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    s = Slapd(tmp_path_factory.mktemp("slapd"))
    s.add(person("anna", "anna's secret", mailAlternateAddress=["a.meier@example.org", "Info@Example.org"], mailQuota="10G")
          + person("ben", "ben's secret", accountActive="TRUE")
          + person("carla", "carla's secret", accountActive="FALSE")
          + person("dora", "dora's secret", mailSendAs=["Info@example.org", "@example.net"])
          + person("o'hara", "o's secret")
          + group("inner", dn("anna"))
          + group("outer", f"cn=inner,ou=groups,{BASE}", dn("ben"))
          + group("staff", dn("anna"), f"cn=outer,ou=groups,{BASE}", dn("gone"), mail="staff@example.org")
          + group("admins", dn("dora")))
    yield s
    s.stop()


@pytest.fixture(scope="module")
def house(slapd, system_users):
    folder = make_folder()
    s = Suite(folder, {**slapd.settings(admin_group=f"cn=admins,ou=groups,{BASE}"), "auth.failure_delay": "0"}).start()
    s.cli("domain", "add", "example.org", check=False)
    yield s
    s.stop()
    check_log(s)
    shutil.rmtree(folder, ignore_errors=True)


def test_people_log_in_and_get_mail(house):
    anna = Account("anna@example.org", "anna's secret")
    house.deliver(anna.address, subject="to the directory")
    with house.imap(anna) as c:
        wait_for(lambda: c.select("INBOX")[1] == [b"1"], 20)
        quota = c.getquotaroot("INBOX")[1][1][0].decode()
        assert f" {10 * 1024 * 1024}" in quota, quota
    with house.smtp(anna) as c:  # by another address of hers
        c.sendmail("info@example.org", ["ben@example.org"], "Subject: x\r\n\r\nx\r\n")
        with pytest.raises(smtplib.SMTPException):
            c.sendmail("dora@example.org", ["ben@example.org"], "Subject: x\r\n\r\nx\r\n")
    c = house.pop3(Account("ben@example.org", "ben's secret"))
    assert c.stat()[0] >= 0
    c.quit()
    assert not tries(house, "anna@example.org", "ben's secret")
    assert not tries(house, "carla@example.org", "carla's secret"), "accountActive says no"
    house.deliver("carla@example.org", subject="she gets mail all the same")


def test_people_send_as_others(house):
    """By an attribute of theirs, and by the right of a group (docs/AUTH.md, "Who may send as whom")."""
    def sends(client, sender):
        code, _ = client.mail(sender)
        client.rset()
        return code
    with house.smtp(Account("dora@example.org", "dora's secret")) as dora, house.smtp(Account("ben@example.org", "ben's secret")) as ben:
        assert [sends(dora, a) for a in ("info@example.org", "ben@example.org", "x@example.net", "x@example.org")] == [250, 553, 553, 553]
        house.cli("domain", "add", "example.net")
        assert sends(dora, "x@example.net") == 250
        assert sends(ben, "anna@example.org") == 553
        house.cli("send-as", "add", "staff@example.org", "address=anna@example.org")
        assert (sends(ben, "anna@example.org"), sends(dora, "anna@example.org")) == (250, 553)
        house.cli("send-as", "remove", "staff@example.org", "address=anna@example.org")
        assert sends(ben, "anna@example.org") == 553


def test_an_account_ends_by_an_attribute(house, slapd):
    who = Account("fay@example.org", "fay's secret")
    slapd.add(person("fay", "fay's secret", accountExpires="0"))
    assert tries(house, who.address, who.password)
    for value, state in (("132223104000000000", "expired"), ("9223372036854775807", "active"), ("133000000000000000", "expired")):
        slapd.modify(f"dn: {dn('fay')}\nchangetype: modify\nreplace: accountExpires\naccountExpires: {value}\n")
        assert json.loads(house.cli("--json", "user", "show", who.address).stdout)["state"] == state
    assert not tries(house, who.address, who.password)
    house.deliver(who.address, subject="still received")
    for value, state in (("0", "active"), ("soon", "expired"), ("0", "active"), ("-1", "expired"), ("18446744073709551615", "expired")):
        slapd.modify(f"dn: {dn('fay')}\nchangetype: modify\nreplace: accountExpires\naccountExpires: {value}\n")
        assert json.loads(house.cli("--json", "user", "show", who.address).stdout)["state"] == state, value
    assert not tries(house, who.address, who.password), "what says no time lets nobody in"
    house.wait_log(f"{dn('fay')}: accountExpires 'soon' is no time")


def test_accounts_of_the_built_in_directory_stand_beside(house):
    local = house.account("local")
    assert tries(house, local.address, local.password)
    assert not tries(house, local.address, "wrong")


def test_aliases_and_groups_get_mail(house):
    def count(name):
        with house.imap(Account(f"{name}@example.org", f"{name}'s secret")) as c:
            return int(c.select("INBOX")[1][0])
    before = {n: count(n) for n in ("anna", "ben", "dora")}
    house.deliver("A.Meier@example.org", subject="by an alias")
    wait_for(lambda: count("anna") == before["anna"] + 1, 20)
    house.deliver("staff@example.org", subject="to a group")  # anna once, ben by a group in a group
    wait_for(lambda: count("anna") == before["anna"] + 2 and count("ben") == before["ben"] + 1, 20)
    assert count("dora") == before["dora"]
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        house.deliver("nobody@example.org", subject="x")


def test_the_admin_group_administers(house):
    out = house.cli("user", "show", "dora@example.org").stdout
    assert "admin" in out and "ldap" in out, out
    assert "admin" not in house.cli("user", "show", "ben@example.org").stdout
    p = house.cli("user", "change", "ben@example.org", "name=Benno", check=False)
    assert p.returncode != 0 and "ldap" in p.stdout + p.stderr, p


def test_who_is_renamed_keeps_his_mail(house, slapd):
    slapd.add(person("frieda", "frieda's secret"))
    house.deliver("frieda@example.org", subject="before the wedding")
    frieda = Account("frieda@example.org", "frieda's secret")
    with house.imap(frieda) as c:
        wait_for(lambda: c.select("INBOX")[1] == [b"1"], 20)
    slapd.modify(f"dn: {dn('frieda')}\nchangetype: modify\nreplace: mail\nmail: frieda.neu@example.org\n-\n"
                 "add: mailAlternateAddress\nmailAlternateAddress: frieda@example.org\n")
    with house.imap(Account("frieda.neu@example.org", frieda.password)) as c:
        assert c.select("INBOX")[1] == [b"1"]
    house.deliver("frieda@example.org", subject="to the old name")
    with house.imap(Account("frieda.neu@example.org", frieda.password)) as c:
        wait_for(lambda: c.select("INBOX")[1] == [b"2"], 20)


def test_two_with_one_address_get_nothing_until_it_is_put_right(house, slapd):
    slapd.add(person("gerd", "gerd's secret", mail="both@example.org") + person("gerda", "gerda's secret", mail="both@example.org"))
    assert tries(house, "both@example.org", "gerd's secret") is None
    with pytest.raises(smtplib.SMTPRecipientsRefused) as e:
        house.deliver("both@example.org", subject="whose?")
    assert list(e.value.recipients.values())[0][0] // 100 == 4
    told = [line for line in house.wait_log("have one address", timeout=20).splitlines() if "have one address" in line]
    assert told and all(" directory-trouble " in line for line in told), told
    p = slapd.tool("ldapdelete", dn("gerda"))
    assert p.returncode == 0
    assert tries(house, "both@example.org", "gerd's secret")


def test_no_name_of_an_attacker_gets_in(house):
    none_gets_in(house, "anna's secret")
    for name, password in (("anna@example.org", b""), ("anna@example.org", b"*"), ("anna@example.org", b"anna's secret\0")):
        assert b" OK" not in plain(house, name, password)
    assert b" OK" in plain(house, "ANNA@Example.org", b"anna's secret")
    assert tries(house, "o'hara@example.org", "o's secret")


def test_direct_bind_and_start_tls(own_suite, slapd):
    s = own_suite(slapd.settings(servers=f"ldap://127.0.0.1:{slapd.port}", direct_bind=f"uid=%u,ou=people,{BASE}"))
    s.cli("domain", "add", "example.org", check=False)
    assert tries(s, "anna@example.org", "anna's secret")
    assert tries(s, "anna@example.org", "wrong") is False


def test_only_a_group(own_suite, slapd):
    s = own_suite(slapd.settings(group=f"cn=outer,ou=groups,{BASE}"))
    s.cli("domain", "add", "example.org", check=False)
    assert tries(s, "anna@example.org", "anna's secret"), "in a group that is in the group"
    assert tries(s, "dora@example.org", "dora's secret") is False


def test_a_list_is_a_handful_of_questions_whatever_the_groups(own_suite, slapd):
    slapd.add("".join(person(f"m{i:03}", "x") for i in range(120))
              + group("crew", *(dn(f"m{i:03}") for i in range(110)), f"CN = inner , ou=groups,{BASE}", mail="crew@example.org")
              + group("big", *(dn(f"g{i:04}") for i in range(1002)), mail="big@example.org"))
    s = own_suite(slapd.settings(group=f"cn=crew,ou=groups,{BASE}", admin_group=f"cn=inner,ou=groups,{BASE}", attr_groups="description"))
    s.cli("domain", "add", "example.org")
    s.cli("user", "show", "m000@example.org")  # connected now

    def searches():
        p = slapd.tool("ldapsearch", "-b", "cn=Search,cn=Operations,cn=Monitor", "-s", "base", "-LLL", "monitorOpCompleted")
        return int(p.stdout.split("monitorOpCompleted: ")[1].split()[0])
    before = searches()
    people = s.cli("--json", "user", "list").stdout
    assert '"anna@example.org"' in people and people.count("@example.org") == 111 and people.count('"admin"') == 1
    assert searches() - before <= 8, "not one for each person"
    assert s.cli("alias", "show", "big@example.org", check=False).returncode == 75
    s.wait_log("has more than 1000 members")
    slapd.tool("ldapdelete", f"cn=big,ou=groups,{BASE}")
    before = searches()
    assert "m000@example.org" in s.cli("alias", "list").stdout
    assert searches() - before <= 12, "not one for each member"


def test_a_certificate_that_does_not_fit_is_no_server(own_suite, slapd, tmp_path):
    cert, _ = make_certificate(tmp_path, "other.example", name="other")
    s = own_suite(slapd.settings(ca_file=str(cert), domains="example.org"))
    s.cli("domain", "add", "example.org")
    s.cli("domain", "add", "other.example")
    assert tries(s, "anna@example.org", "anna's secret") is None
    assert "TLS failed" in s.wait_log("TLS failed", timeout=20)
    s.cli("user", "add", "local@other.example", input="its own\n")
    assert tries(s, "local@other.example", "its own"), "a domain that the directory is not asked about"


def test_a_directory_that_is_not_asked_is_pointed_out(own_suite, slapd):
    s = own_suite(slapd.settings(), start=False)
    s.settings["auth.directory"] = "sqlite"
    s.write_config()
    p = subprocess.run([MANSIO, "config", "check", "--config", s.config], text=True, capture_output=True, timeout=60)
    assert p.returncode == 0 and re.search(r"\.conf:\d+: \[ldap\] servers does nothing: \[auth\] directory does not name ldap", p.stderr), p
    s.settings["auth.directory"] = "sqlite, ldap"
    s.write_config()
    assert "does nothing" not in subprocess.run([MANSIO, "config", "check", "--config", s.config], text=True, capture_output=True, timeout=60).stderr


def test_a_base_that_is_not_there_is_said_and_refuses_nobody(own_suite, slapd):
    s = own_suite(slapd.settings(base="dc=exampel,dc=org"))
    s.cli("domain", "add", "example.org")
    assert tries(s, "anna@example.org", "anna's secret") is None
    shown = s.cli("user", "show", "anna@example.org", check=False)
    assert shown.returncode == 75 and "there is no entry [ldap] base" in shown.stderr and "dc=exampel,dc=org" in shown.stderr, shown.stderr


class Hung:
    """Takes connections and says nothing; or a piece of an answer, for ever."""

    def __init__(self, say=b""):
        self.say = say
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.held = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c, _ = self.listener.accept()
                self.held.append(c)
                if self.say:
                    threading.Thread(target=self.talk, args=(c,), daemon=True).start()
            except OSError:
                return

    def talk(self, c):
        try:
            c.recv(1000)
            for b in itertools.chain(self.say, itertools.repeat(0)):
                c.sendall(bytes([b]))
                time.sleep(0.05)
        except OSError:
            pass

    def stop(self):
        self.listener.close()
        for c in self.held:
            c.close()


@pytest.mark.parametrize("scheme,say", [("ldap", b""), ("ldap", b"\x30\x84\x7f\xff\xff\xff"), ("ldaps", b""), ("ldaps", b"\x16\x03\x03\x40\x00\x02")],
                         ids=["silent", "a byte at a time", "silent with TLS", "a byte of TLS at a time"])
def test_a_server_that_hangs_costs_its_share_and_the_next_answers(own_suite, slapd, scheme, say):
    hung = Hung(say)
    try:
        s = own_suite(slapd.settings(servers=f"{scheme}://127.0.0.1:{hung.port}, ldaps://127.0.0.1:{slapd.tls_port}", start_tls="no", timeout="2s", retry="60s"))
        s.cli("domain", "add", "example.org", check=False)
        assert tries(s, "anna@example.org", "anna's secret")
        held = len(hung.held)
        assert held > 0 and tries(s, "anna@example.org", "anna's secret")
        assert len(hung.held) - held <= 4, "who hung is left alone for a while"
    finally:
        hung.stop()


class Slow(Hung):
    """Each answer of the server behind it takes a while."""

    def __init__(self, port, seconds):
        self.behind, self.seconds = port, seconds
        super().__init__(b"x")

    def talk(self, c):
        with socket.create_connection(("127.0.0.1", self.behind)) as server:
            threading.Thread(target=self.copy, args=(c, server, 0), daemon=True).start()
            self.copy(server, c, self.seconds)

    def copy(self, one, other, seconds):
        try:
            while data := one.recv(65536):
                time.sleep(seconds)
                other.sendall(data)
        except OSError:
            pass


def test_a_question_ends_in_time_however_many_searches_it_takes(own_suite, slapd):
    slow = Slow(slapd.port, 0.1)
    slapd.add(group("slow", *(dn(f"s{i:02}") for i in range(90)), mail="slow@example.org"))
    try:
        s = own_suite(slapd.settings(servers=f"ldap://127.0.0.1:{slow.port}", start_tls="no", timeout="2s"))
        s.cli("domain", "add", "example.org", check=False)
        assert "anna" in s.cli("user", "show", "anna@example.org").stdout
        began = time.monotonic()
        assert s.cli("alias", "show", "slow@example.org", check=False).returncode == 75
        assert time.monotonic() - began < 7
    finally:
        slow.stop()
        slapd.tool("ldapdelete", f"cn=slow,ou=groups,{BASE}")


def test_all_servers_dead_is_try_later_and_others_go_on(own_suite, slapd, tmp_path):
    mine = Slapd(tmp_path / "slapd")
    try:
        mine.add(person("anna", "anna's secret"))
        s = own_suite(mine.settings(retry="100ms", timeout="1s"))
        s.cli("domain", "add", "example.org", check=False)
        s.cli("domain", "add", "other.example", check=False)
        assert tries(s, "anna@example.org", "anna's secret")
        mine.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        assert tries(s, "anna@example.org", "anna's secret") is None
        with pytest.raises(smtplib.SMTPRecipientsRefused) as e:
            s.deliver("anna@example.org", subject="x")
        assert list(e.value.recipients.values())[0][0] == 451
        assert time.monotonic() - began < 40
        mine.process.send_signal(signal.SIGCONT)
        wait_for(lambda: tries(s, "anna@example.org", "anna's secret"), 30)
        mine.stop()
        assert tries(s, "anna@example.org", "anna's secret") is None
        mine.start()
        wait_for(lambda: tries(s, "anna@example.org", "anna's secret"), 30)
    finally:
        mine.stop()


def test_active_directory(own_suite, slapd):
    """Its attributes (in slapd's schema): disabled accounts, proxyAddresses, a binary objectGUID."""
    ad = f"ou=ad,{BASE}"
    slapd.add(entry(ad, objectClass="organizationalUnit", ou="ad") + "".join(
        entry(f"cn={n},{ad}", objectClass="user", cn=n, sn=n, mail=f"{n}@ad.example", userPassword=f"{n}'s secret", userAccountControl=uac,
              displayName=n.title(), proxyAddresses=[f"SMTP:{n}@ad.example", f"smtp:{n}.alias@ad.example", f"X500:/o=org/cn={n}"]) +
        "" for n, uac in (("hans", 512), ("ines", 514))))
    for n, guid in (("hans", "AAECAwQFBgcICQoLDA0ODw=="), ("ines", "/////wQFBgcICQoLDA0ODw==")):
        slapd.modify(f"dn: cn={n},{ad}\nchangetype: modify\nadd: objectGUID\nobjectGUID:: {guid}\n")
    s = own_suite(slapd.settings(kind="ad", base=ad, filter="(objectClass=user)", attr_active="", mail_groups="no"))
    s.cli("domain", "add", "ad.example", check=False)
    assert tries(s, "hans@ad.example", "hans's secret")
    assert tries(s, "ines@ad.example", "ines's secret") is False
    s.deliver("hans.alias@ad.example", subject="by proxy address")
    with s.imap(Account("hans@ad.example", "hans's secret")) as c:
        wait_for(lambda: c.select("INBOX")[1] == [b"1"], 20)


@pytest.mark.parametrize("title", ["An LDAP directory", "Active Directory"])
def test_the_settings_of_the_document(own_suite, slapd, tmp_path, title):
    """docs/AUTH.md, as it stands there, but for names of this network."""
    text = (TOP / "docs" / "AUTH.md").read_text()
    part = text[text.index(f"## {title}"):].split("\n## ")[0]
    rows, section, settings = re.findall(r"^    (\[.*\]|\w+ = .*)$", part, re.M), "", {}
    for row in rows:
        if row.startswith("["):
            section = row[1:-1]
        else:
            key, value = row.split(" = ", 1)
            settings[f"{section}.{key}"] = value
    if title == "Active Directory":
        settings.update({"ldap.filter": "(objectClass=inetOrgPerson)", "ldap.attr_id": "entryUUID"})
    own = slapd.settings()
    settings.update({k: own[k] for k in ("ldap.servers", "ldap.base", "ldap.bind_dn", "ldap.bind_password_file", "ldap.ca_file")})
    s = own_suite(settings)
    s.cli("domain", "add", "example.org")
    assert "directory: ldap" in s.cli("user", "show", "anna@example.org").stdout
    assert tries(s, "anna@example.org", "anna's secret")
    device = json.loads(s.cli("--json", "app-password", "add", "anna@example.org").stdout)["password"]
    assert tries(s, "anna@example.org", device)


@pytest.mark.parametrize("settings, words", [
    ({"servers": ""}, "[ldap] servers"), ({"base": ""}, "[ldap] base"), ({"filter": "(a=b"}, "filter"),
    ({"direct_bind": "uid=%x"}, "direct_bind"), ({"bind_password_file": "/none"}, "bind_password_file: /none: No such file"), ({"servers": "http://x"}, "servers"), ({"servers": "ldap://dc.example.org", "start_tls": "no"}, "start_tls")],
    ids=lambda v: v if isinstance(v, str) else "")
def test_settings_that_cannot_be_meant(own_suite, slapd, settings, words):
    s = own_suite(slapd.settings(**settings), start=False)
    p = subprocess.run([MANSIO, "config", "check", "--config", s.config], text=True, capture_output=True, timeout=60)
    assert p.returncode != 0 and words.replace("[ldap] ", "") in p.stdout + p.stderr, p
    assert re.search(r"\.conf:\d+: ", p.stderr), p.stderr
