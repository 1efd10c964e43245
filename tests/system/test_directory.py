# SPDX-License-Identifier: ISC
"""The directory in PostgreSQL: a real one, started here, killed, frozen and moved under a running suite."""
import base64
import contextlib
import hashlib
import imaplib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from attackers import NAMES, none_gets_in
from conftest import Account, DOMAIN, MANSIO, TOP, check_log, free_ports, make_folder, wait_for
from postgres import Postgres
from web import Web, add_key


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
    device = json.loads(s.cli("--json", "app-password", "add", anna.address, "protocols=imap").stdout)["password"]
    assert login(s, Account(anna.address, device)) == "OK"
    assert postgres.sql("SELECT protocols, last > 0, peer FROM app_password") == "imap|t|127.0.0.0/24"
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
    shown = s.cli("user", "show", anna.address, check=False)
    assert shown.returncode == 75 and "the directory failed: pgsql: localhost:" in shown.stderr, shown.stderr
    assert " directory-trouble " in s.wait_log("pgsql: localhost:", timeout=20)
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


def all_at_once(s, tries):
    """How each of these logins ends, begun together."""
    sessions = [s.imap() for _ in tries]

    def one(session, who):
        try:
            with session as c:
                c.login(*who)
                return "OK"
        except imaplib.IMAP4.error as e:
            return "UNAVAILABLE" if "UNAVAILABLE" in str(e) else "NO"
    with ThreadPoolExecutor(len(tries)) as threads:
        return list(threads.map(one, sessions, tries))


def test_logins_that_come_together_are_one_question_and_each_has_its_own_answer(postgres, own_suite):
    postgres.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    s = own_suite(postgres.settings(**{"auth.workers": "1", "auth.login_cache_time": "0", "auth.failure_delay": "0", "auth.yescrypt_cost": "1",
                                       "auth.upgrade_hashes": "no", "pgsql.timeout": "9s", "pgsql.retry": "50ms", "ban.never": "127.0.0.0/8"}))
    s.account("anna")
    for n in range(6):
        digest = base64.b64encode(hashlib.sha1(b"pass %d" % n).digest()).decode()
        postgres.sql(f"INSERT INTO account(local, domain, hash) VALUES('p{n}', '{DOMAIN}', '{{SHA}}{digest}')")
    tries = [(f"p{n}@{DOMAIN}", f"pass {n}") for n in range(6)]
    tries += [(f"p{n}@{DOMAIN}", f"pass {n + 1}") for n in range(2)] + [(f"q{n}@{DOMAIN}", "pass 1") for n in range(2)] + tries[:2]
    ends = 6 * ["OK"] + 4 * ["NO"] + 2 * ["OK"]
    together = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%unnest%' AND pid <> pg_backend_pid()"

    def asked_together():
        assert all_at_once(s, tries) == ends
        return postgres.sql(together) != "0"
    wait_for(asked_together, 60)
    postgres.sql("UPDATE account SET active = 0 WHERE local = 'p5'")  # counts for who comes after it
    assert all_at_once(s, tries) == 5 * ["OK"] + 5 * ["NO"] + 2 * ["OK"]
    postgres.kill()
    assert all_at_once(s, tries) == 12 * ["UNAVAILABLE"]
    postgres.start(postgres.port)
    wait_for(lambda: "UNAVAILABLE" not in all_at_once(s, tries))
    check_log(s)


def test_no_name_is_more_than_a_value(served, postgres):
    s = served
    s.settings["auth.failure_delay"] = "0"
    s.write_config()
    s.cli("reload")
    anna = s.account("anna")
    before = postgres.sql("SELECT count(*), max(id) FROM account")
    none_gets_in(s, anna.password)
    for name in NAMES:
        if "\0" not in name and name == name.encode("utf-8", "ignore").decode() and len(name) < 4000:
            assert s.cli("user", "show", "--", name, check=False).returncode in (64, 65, 67), name
    assert postgres.sql("SELECT count(*), max(id) FROM account") == before
    assert login(s, anna) == "OK"


def test_names_of_an_older_program_are_found_again(served, postgres):
    """They were stored with capitals beyond ASCII (RFC 8265); where two would meet nobody's mail goes to another."""
    s = served
    s.account("anna")
    digest = "{SHA}" + base64.b64encode(hashlib.sha1(b"a pass").digest()).decode()
    for name in ("Ünal", "Özgür", "özgür", "Émile"):
        postgres.sql(f"INSERT INTO account(local, domain, hash) VALUES('{name}', '{DOMAIN}', '{digest}')")
    postgres.sql(f"INSERT INTO delegation(kind, address, who) VALUES('send-as', 'anna@{DOMAIN}', 'Ünal@{DOMAIN}'), ('owner', 'anna@{DOMAIN}', 'Özgür@{DOMAIN}');"
                 "UPDATE mansio_version SET version = 12")
    s.stop()
    s.start()
    s.cli("user", "show", f"ünal@{DOMAIN}")
    assert postgres.sql("SELECT string_agg(local, ' ' ORDER BY id) FROM account") == "anna ünal Özgür özgür émile"
    assert postgres.sql("SELECT string_agg(who, ' ' ORDER BY who) FROM delegation") == f"Özgür@{DOMAIN} ünal@{DOMAIN}"
    assert "Özgür" in s.wait_log("is not found any more")
    found = s.cli("directory", "check", check=False)
    assert found.returncode == 65 and f"Özgür@{DOMAIN}" in found.stdout and "owner remove" in found.stdout and "ünal" not in found.stdout
    postgres.sql("DELETE FROM account WHERE local = 'Özgür'")
    assert s.cli("directory", "check", check=False).returncode == 65
    s.cli("owner", "remove", f"anna@{DOMAIN}", f"Özgür@{DOMAIN}")
    assert s.cli("directory", "check").returncode == 0


def test_a_list_that_is_cut_off_is_asked_once_more_and_then_fails_whole(served, postgres):
    s = served
    s.account("anna")
    s.account("ben")
    waits = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'mansio'"

    def cut(times):
        """`user list`, whose connection ends so often while it waits for the table."""
        with contextlib.closing(postgres.shell("BEGIN; LOCK TABLE account; SELECT pg_sleep(100)").stdout) as _:
            wait_for(lambda: postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1")
            p = subprocess.Popen([MANSIO, "--state", s.state, "user", "list"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(times):
                wait_for(lambda: postgres.sql(f"SELECT count(*) {waits}") != "0")
                postgres.sql(f"SELECT pg_terminate_backend(pid) {waits}")
            if times < 2:
                wait_for(lambda: postgres.sql(f"SELECT count(*) {waits}") != "0")
                postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
            out, err = p.communicate(timeout=60)
            postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
            return p.returncode, out.count(f"@{DOMAIN}"), err
    assert cut(1)[:2] == (0, 2)
    code, rows, err = cut(2)
    assert (code, rows) == (75, 0) and "terminating connection" in err
    wait_for(lambda: s.cli("user", "list", check=False).returncode == 0)
    postgres.kill()
    assert s.cli("user", "list", check=False).returncode == 75
    book = s.cli("directory", "list", check=False)
    assert book.returncode == 75 and "pgsql" in book.stderr and "@" not in book.stdout
    postgres.start(postgres.port)
    wait_for(lambda: s.cli("directory", "list", check=False).stdout.count(f"@{DOMAIN}") == 2)


# --- from one database into another -------------------------------------------------------------------

def tables_here(s, folder):
    """Every table of the built-in database that is not this host's alone: {table: rows in order}."""
    folder.mkdir(exist_ok=True)
    for f in (s.state / "directory").glob("directory.db*"):
        shutil.copy(f, folder)
    db = sqlite3.connect(folder / "directory.db")
    db.row_factory = sqlite3.Row
    names = {r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")}
    rows = {t: [dict(r) for r in db.execute(f"SELECT * FROM {t}")] for t in names}
    db.close()
    shutil.rmtree(folder)
    identities = rows.pop("identity")
    rows["setting"] = [{**r, "value": "\\x" + r["value"].hex()} for r in rows["setting"] if r["name"] != "secret"]
    return in_order(rows), {int(i["key"]): i["id"] for i in identities if i["backend"] == "pgsql"}


def tables_there(postgres, names, number={}):
    """The same of PostgreSQL, with the numbers of accounts by which this host knows them."""
    said = postgres.sql("SELECT json_build_object(" + ", ".join(
        f"'{t}', (SELECT coalesce(json_agg(x), '[]') FROM {t} x)" for t in names) + ")")
    rows = json.loads(said)
    for table, key in (("account", "id"), ("invite", "account"), ("app_password", "account")):
        for r in rows.get(table, []):
            r[key] = number.get(r[key], r[key])
    return in_order(rows)


def test_a_backup_says_that_it_has_no_accounts_of_postgresql(own_suite, postgres):
    folder = make_folder()
    s = own_suite(postgres.settings(**{"backup.folder": str(folder / "backup"), "backup.at": ""}))
    s.account()
    assert "accounts of PostgreSQL" in json.loads(s.cli("--json", "backup", "run").stdout)["missing"]
    assert s.wait_log("without=pgsql")
    shutil.rmtree(folder)


def in_order(tables):
    return {t: sorted(rows, key=lambda r: json.dumps(r, sort_keys=True)) for t, rows in tables.items()}


def same(s, postgres, folder):
    """Has each database all that the other one has?"""
    here, number = tables_here(s, folder)
    return here == tables_there(postgres, here, number)


def restarted(s, directory):
    s.stop()
    s.settings["auth.directory"] = directory
    s.write_config()
    s.start()


def mailbox(s, account):
    """UIDVALIDITY, UIDs, who it is."""
    with s.imap(account) as c:
        c.select()
        validity = c.response("UIDVALIDITY")[1][0]
        return validity, c.uid("SEARCH", "ALL")[1][0]


def told(s, *accounts):
    """What the verbs say of all, but for which database says it."""
    shown = [json.loads(s.cli("--json", "user", "show", a.address).stdout) for a in accounts]
    text = json.dumps(shown).replace('"pgsql"', '"sqlite"')
    return [text, *(s.cli("--json", *words).stdout for words in (
        ("domain", "list"), ("alias", "list"), ("route", "list"), ("access", "list"), ("rewrite", "list"), ("send-as", "list")))]


def filled(s):
    """Something in every table; some numbers were given and are not in use any more."""
    gone = s.account("gone")
    people = s.account("anna"), s.account("ben", "another pass"), s.account("carl@zweite.example", "d'accord $1")
    anna, ben, carl = people
    s.cli("user", "remove", gone.address)
    s.cli("user", "change", carl.address, "quota=5M", "quota_messages=7", "roles=admin@zweite.example", "name=Carl 'C.' Ü")
    s.cli("user", "forward", ben.address, anna.address, "keep=yes")
    s.cli("domain", "change", "zweite.example", f"catchall={carl.address}")
    s.cli("alias", "add", f"info@{DOMAIN}", anna.address)
    s.cli("user", "add", f"dora@{DOMAIN}", "active=no", input="x\n")
    s.cli("user", "invite", f"dora@{DOMAIN}")
    s.cli("route", "add", "example.net", "relay.example.net:2525", "username=us", input="its password\n")
    s.cli("access", "add", "sender", "spam.example", "reject", "text=No.")
    s.cli("rewrite", "add", "recipient", f"old@{DOMAIN}", anna.address)
    s.cli("srs", "rotate")
    s.cli("app-password", "add", ben.address, "protocols=imap")
    s.cli("totp", "on", ben.address)
    s.cli("user", "leave", f"dora@{DOMAIN}", anna.address, "until=2099-12-31", "reply=Gone.")
    s.cli("send-as", "add", ben.address, f"address=info@{DOMAIN}")
    ben.shared = json.loads(s.cli("--json", "shared-secret", "set", ben.address).stdout)["secret"]
    token = json.loads(s.cli("--json", "token", "add", "program", "admin").stdout)["token"]
    assert add_key(Web(s, token=token), f"dora@{DOMAIN}").status == 200
    strange_rows(s)
    return people, token


def strange_rows(s):
    """A row in every table that has no column as it is by itself: none that comes later is left out of a copy unnoticed."""
    kinds = {"INTEGER": lambda table, column: 7, "TEXT": lambda table, column: f"{table} {column}", "BLOB": lambda table, column: b"\0\xff"}
    fixed = {("domain", "name"): "z.example", ("account", "id"): 99, ("account", "domain"): "z.example", ("alias", "domain"): "z.example"}
    with contextlib.closing(sqlite3.connect(s.state / "directory" / "directory.db", timeout=60)) as db, db:
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'identity' ORDER BY rowid")]
        for table in tables:
            row = {name: fixed.get((table, name)) or (99 if name == "account" else kinds[kind](table, name))
                   for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})")}
            names = ", ".join(f'"{column}"' for column in row)
            db.execute(f"INSERT INTO {table}({names}) VALUES({', '.join('?' * len(row))})", list(row.values()))


def works(s, people, token, mail):
    """Everybody logs in, has the same mail as before, gets more, and what is in the tables counts."""
    for who, had in zip(people, mail):
        assert login(s, who) == "OK" and mailbox(s, who) == had
    assert login(s, Account(people[0].address, "wrong")) != "OK"
    ben = people[1]
    if hasattr(ben, "shared"):  # sealed for the number of his account, with the key of this host
        wait_for(lambda: "AUTH=CRAM-MD5" in s.imap().capabilities)
        with s.imap() as c:
            c.login_cram_md5(ben.address, ben.shared)
    assert Web(s, token=token).get("status").status == 200
    assert (refused(s, f"nobody@{DOMAIN}"), refused(s, f"old@{DOMAIN}"), refused(s, "anything@zweite.example")) == (550, 0, 0)
    s.deliver(f"info@{DOMAIN}", "more")
    wait_for(lambda: mailbox(s, people[0])[1] != mail[0][1])
    assert mailbox(s, people[0])[0] == mail[0][0]


def as_told(s, step):
    """The commands of docs/AUTH.md's section, in its order: the one that copies."""
    text = (TOP / "docs" / "AUTH.md").read_text().split("\n## From one database into another\n")[1].split("\n## ")[0]
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert lines[:2] == ["[auth]", "directory = sqlite, pgsql"] and "directory = pgsql" in lines
    copies = [line.split()[1:] for line in lines if "directory copy" in line]
    return s.cli(*copies[step], check=False)


def test_a_directory_moves_into_another_database_and_back(postgres, own_suite, tmp_path):
    postgres.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    s = own_suite(postgres.settings("sqlite, pgsql", **{"auth.cache_time": "0", "auth.login_cache_time": "0"}))
    people, token = filled(s)
    anna, ben, carl = people
    for who in people:
        s.deliver(who.address, "before")
        wait_for(lambda: mailbox(s, who)[1])
    wait_for(lambda: mailbox(s, anna)[1] == b"1 2")  # ben's, too
    said, mail = told(s, *people), [mailbox(s, who) for who in people]
    assert s.cli("directory", "copy", "sqlite", "ldap", check=False).returncode == 64
    assert s.cli("directory", "copy", "sqlite", "sqlite", check=False).returncode == 64
    copied = as_told(s, 0)
    assert copied.returncode == 0, copied
    assert same(s, postgres, tmp_path / "db")
    here, number = tables_here(s, tmp_path / "db")
    assert all(here.values()), "something in every table"
    assert all(k == v for k, v in number.items()), "a new database has the same numbers"
    again = as_told(s, 0)
    assert again.returncode == 73 and "not empty" in again.stderr
    restarted(s, "pgsql")
    assert told(s, *people) == said
    works(s, people, token, mail)
    # life goes on there: ben gets another name and keeps his mail, another ben comes, and emil
    mail = [mailbox(s, who) for who in people]
    postgres.sql("UPDATE account SET local = 'bruno' WHERE local = 'ben'")
    shared, bruno = ben.shared, Account(f"bruno@{DOMAIN}", ben.password)
    bruno.shared, ben, emil = shared, s.account("ben", "a third"), s.account("emil")
    s.deliver(ben.address, "for the new one")
    wait_for(lambda: mailbox(s, ben)[1])
    people = anna, bruno, carl, ben, emil
    mail += [mailbox(s, ben), mailbox(s, emil)]
    assert mail[1] == mailbox(s, bruno) and mail[3] != mail[1]
    assert as_told(s, 1).returncode == 73
    back = s.cli("directory", "copy", "pgsql", "sqlite", "--replace")
    assert "account" in back.stdout and same(s, postgres, tmp_path / "db")
    said = told(s, *people)
    restarted(s, "sqlite")
    assert told(s, *people) == said
    works(s, people, token, mail)
    # who comes to a name whose mail another one has gets none of it, here as well
    s.cli("user", "remove", ben.address)
    ben = s.account("ben", "a fourth")
    assert mailbox(s, ben)[1] == b"" and mailbox(s, bruno) == mail[1]
    # and once more over what was left there, by new people's numbers, too
    restarted(s, "sqlite, pgsql")
    s.cli("directory", "copy", "sqlite", "pgsql", "--replace")
    assert same(s, postgres, tmp_path / "db")
    check_log(s)


def copying(s, postgres, who):
    """A copy that stands still between its accounts and its settings, for a rule that was not there before, and who holds it up."""
    for _ in range(3):
        holder = postgres.shell(f"BEGIN; INSERT INTO rule(kind, who) VALUES('sender', '@{who}'); SELECT pg_sleep(100)")
        wait_for(lambda: postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1")
        copy = subprocess.Popen([MANSIO, "--state", s.state, "directory", "copy", "sqlite", "pgsql", "--replace"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        held = ("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mansio' AND wait_event_type = 'Lock'"
                " AND wait_event <> 'relation'")
        wait_for(lambda: copy.poll() is not None or postgres.sql(held) == "1")
        if copy.poll() is None:
            return copy, holder
        copy.communicate()  # this machine stood still for longer than a question may take
        let_go(postgres, holder)
    raise AssertionError("nothing holds it up")


def let_go(postgres, holder):
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    holder.communicate(timeout=60)


def test_a_copy_is_of_one_moment_and_all_or_nothing(postgres, own_suite, tmp_path):
    postgres.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    s = own_suite(postgres.settings("sqlite, pgsql", **{"pgsql.timeout": "9s", "pgsql.retry": "50ms"}))
    s.cli("user", "list")  # makes the tables
    anna = s.account("anna")
    s.cli("access", "add", "sender", "spam.example", "reject")
    postgres.sql("INSERT INTO domain(name) VALUES('old.example'); INSERT INTO account(local, domain) VALUES('old', 'old.example')")
    names = tables_here(s, tmp_path / "db")[0]
    before = tables_there(postgres, names)
    # killed in the middle: as it was
    copy, holder = copying(s, postgres, "spam.example")
    for pid, name in s.tree().items():
        if name.startswith("authd"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    let_go(postgres, holder)
    copy.communicate(timeout=60)
    assert copy.returncode != 0
    wait_for(lambda: postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL"
                                  " AND application_name = 'mansio'") == "0", 60)
    assert tables_there(postgres, names) == before
    wait_for(lambda: login(s, anna) == "OK", 60)
    # what comes meanwhile is not in it
    copy, holder = copying(s, postgres, "spam.example")
    moment, number = tables_here(s, tmp_path / "db")
    db = sqlite3.connect(s.state / "directory" / "directory.db", timeout=60)
    db.execute("INSERT INTO setting VALUES('late', x'00')")
    db.commit()
    db.close()
    let_go(postgres, holder)
    out, err = copy.communicate(timeout=60)
    assert copy.returncode == 0, (out, err)
    assert tables_there(postgres, names, number) == moment
    # the connection breaks in the middle: nothing, and no half of it on a new one
    s.cli("access", "add", "sender", "third.example", "reject")
    copy, holder = copying(s, postgres, "third.example")
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'mansio'")
    out, err = copy.communicate(timeout=60)
    assert copy.returncode == 75 and "nothing was copied" in err
    let_go(postgres, holder)
    assert tables_there(postgres, names, number) == moment
    assert login(s, anna) == "OK"


def test_a_host_that_says_nothing_is_left_for_the_next(postgres, own_suite):
    postgres.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        s = own_suite(postgres.settings("sqlite, pgsql", **{
            "pgsql.hosts": f"127.0.0.1:{silent.getsockname()[1]}, localhost:{postgres.port}", "pgsql.domains": "pg.example",
            "pgsql.timeout": "500ms", "pgsql.retry": "50ms", "auth.failure_delay": "0"}))
        assert "UNAVAILABLE" not in login(s, s.account("ben"))
        wait_for(lambda: s.cli("domain", "add", "pg.example", check=False).returncode == 0)
