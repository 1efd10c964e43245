# SPDX-License-Identifier: ISC
"""The directory in PostgreSQL: a real one, started here, killed, frozen and moved under a running suite."""
import base64
import imaplib
import smtplib

import pytest

from conftest import Account, DOMAIN, TOP, check_log, free_ports, wait_for
from postgres import Postgres


@pytest.fixture(scope="module")
def postgres():
    p = Postgres().start()
    yield p
    p.done()


def as_documented(settings):
    """The settings of docs/AUTH.md's section, with the names of this database."""
    text = (TOP / "docs" / "AUTH.md").read_text().split("\n## PostgreSQL\n")[1].split("\n## ")[0]
    section, told = "", {}
    for line in text.splitlines():
        if line.startswith("    ["):
            section = line.strip()[1:-1]
        elif line.startswith("    ") and " = " in line:
            key, value = line.strip().split(" = ")
            told[f"{section}.{key}"] = value
    assert told["auth.directory"] == "pgsql" and len(told) == 5 and told.keys() <= settings.keys()
    return {**told, **settings}


@pytest.fixture
def served(postgres, own_suite):
    """A suite with its people in a database that is empty at first."""
    postgres.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    s = own_suite(as_documented(postgres.settings(**{"auth.cache_time": "1h", "pgsql.timeout": "9s", "pgsql.retry": "50ms"})))
    yield s
    check_log(s)


def refused(s, address):
    """The code that RCPT gets, 0: accepted."""
    with s.smtp() as c:
        c.ehlo()
        c.mail("someone@elsewhere.example")
        code, _ = c.rcpt(address)
        return 0 if code == 250 else code


def login(s, account):
    """"OK", or how it failed."""
    try:
        with s.imap() as c:
            c.login(account.address, account.password)
            return "OK"
    except imaplib.IMAP4.error as e:
        return str(e)


def test_people_of_the_database_get_mail_and_log_in(served, postgres):
    s = served
    anna = s.account("anna")
    assert postgres.sql("SELECT local, scram <> '', hash LIKE '$y$%' FROM account") == "anna|t|t"
    s.cli("alias", "add", f"info@{DOMAIN}", anna.address)
    s.deliver(f"info@{DOMAIN}", "by alias")
    with s.imap(anna) as c:
        wait_for(lambda: c.select()[1] == [b"1"], 20)
    with s.smtp(anna) as c:
        c.sendmail(anna.address, [anna.address], "Subject: mine\r\n\r\nx\r\n")
    assert "pgsql" in s.cli("user", "show", anna.address).stdout
    assert login(s, Account(anna.address, "wrong")) != "OK"
    # what others change counts at once, though answers are kept for an hour
    assert refused(s, f"neu@{DOMAIN}") == 550
    postgres.sql(f"INSERT INTO alias(address, domain, targets) VALUES('neu@{DOMAIN}', '{DOMAIN}', 'anna@{DOMAIN}')")
    wait_for(lambda: refused(s, f"neu@{DOMAIN}") == 0, 20)
    # another name, the same mail; who comes to the old name has none of it
    postgres.sql("UPDATE account SET local = 'maria'")
    maria = Account(f"maria@{DOMAIN}", anna.password)
    wait_for(lambda: login(s, maria) == "OK", 20)
    with s.imap(maria) as c:
        wait_for(lambda: c.select()[1] == [b"2"])
    again = s.account("anna", "another pass")
    with s.imap(again) as c:
        assert c.select()[1] == [b"0"]
    postgres.sql("UPDATE account SET active = 0 WHERE local = 'maria'")
    wait_for(lambda: login(s, maria) != "OK", 20)


def test_a_database_that_dies_stands_still_or_moves_stops_its_people_alone(postgres, own_suite):
    postgres.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    first, other = postgres.port, free_ports(1)[0]
    s = own_suite(postgres.settings("sqlite, pgsql", **{
        "pgsql.hosts": f"localhost:{first}, localhost:{other}", "pgsql.domains": "pg.example", "pgsql.timeout": "2s",
        "pgsql.retry": "50ms", "auth.cache_time": "0", "auth.login_cache_time": "0", "auth.failure_delay": "0"}))
    s.cli("user", "list")  # makes the tables
    postgres.sql("INSERT INTO domain(name) VALUES('pg.example')")
    anna, ben = s.account("anna@pg.example"), s.account("ben")
    assert postgres.sql("SELECT count(*) FROM account") == "1"

    def stopped():
        return "UNAVAILABLE" in login(s, anna)

    def works():
        return login(s, anna) == "OK"

    wait_for(works)
    assert login(s, ben) == "OK"
    postgres.kill()
    assert stopped() and login(s, ben) == "OK"
    assert (refused(s, anna.address), refused(s, ben.address), refused(s, f"nobody@{DOMAIN}")) == (451, 0, 550)
    assert s.cli("user", "show", anna.address, check=False).returncode == 75
    postgres.start(first)
    wait_for(works)
    postgres.freeze(True)
    try:
        wait_for(stopped)  # a session may have been answered before all of it stood still
        assert login(s, ben) == "OK"
    finally:
        postgres.freeze(False)
    wait_for(works)
    postgres.kill()  # and a login on a connection that just broke: the second host serves it
    postgres.start(other)
    wait_for(works)
    assert login(s, ben) == "OK"
    assert "pgsql" in s.log()
    check_log(s)


NAMES = ["'", "''", '"', "\\", "\\'", "' OR '1'='1", "' OR 1=1 --", "'; DROP TABLE account; --", "\"; DROP TABLE account; --",
         "anna'--", "anna'/*", "anna' UNION SELECT 1,2,3 --", "$1", "$2", "?1", ":1", "@id", "%s", "%n%n%n", "{0}", "${HOME}", "$(id)",
         "`id`", "|id", "; id", "../../etc/passwd", "*", "*)(uid=*", "(|(uid=*))", "anna,dc=x", "%00", "\\x00", "\u2028", "\u202eanna",
         "ａｎｎａ", "anna\u00ad", "e\u0301", "\U0001f600", "x" * 5000, "anna" + "." * 200, "U22", "anna@@", "\x01\x02", "\x7f"]


def test_no_name_is_more_than_a_value(served, postgres):
    s = served
    s.settings["auth.failure_delay"] = "0"
    s.write_config()
    s.cli("reload")
    anna = s.account("anna")
    before = postgres.sql("SELECT count(*), max(id) FROM account")
    for i, name in enumerate(NAMES):
        for user in (name, f"{name}@{DOMAIN}"):
            c = smtplib.SMTP_SSL("localhost", s.ports["submissions"], timeout=60, context=s.context())
            c.ehlo()
            code, text = c.docmd("AUTH", "PLAIN " + base64.b64encode(b"\0" + user.encode() + b"\0secret pass 1").decode())
            c.close()
            assert code in (500, 535), (i, user[:50], code, text)
    for name in NAMES:
        assert s.cli("user", "show", f"{name}@{DOMAIN}" if "@" not in name else name, check=False).returncode in (64, 65, 67), name
    assert postgres.sql("SELECT count(*), max(id) FROM account") == before
    assert login(s, anna) == "OK"
