# SPDX-License-Identifier: ISC
"""The admin page in Debian's chromium: tests/web/*.mjs, each a walk of its own.

Most walks answer the API themselves (made.mjs), so that each screen meets any number of rows
and any text; what the real API answers, `walk` shows: it does with a running suite what an
administrator does on the first day.
"""
import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

from conftest import DOMAIN, TOP, Suite, check_log, make_folder

WEB = TOP / "tests" / "web"


@pytest.fixture(scope="module")
def modules():
    """The pinned npm packages, in a folder that git does not see."""
    lock = (WEB / "package-lock.json").read_bytes()
    folder = TOP / "tests" / ".cache" / ("web-" + hashlib.sha256(lock).hexdigest()[:12])
    if not folder.exists():
        new = folder.with_name(f"{folder.name}.{os.getpid()}")
        new.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WEB / name, new)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=new, check=True, timeout=150)
        new.rename(folder)
    return folder / "node_modules"


def crowd(s, n):
    """n more people and aliases, written into the directory of a suite that does not run."""
    with contextlib.closing(sqlite3.connect(s.state / "directory" / "directory.db")) as db, db:
        db.execute("INSERT INTO domain(name, active, catchall, created) SELECT 'crowd.example', active, catchall, created FROM domain LIMIT 1")
        db.executemany("INSERT INTO account(local, domain, name, hash, scram, quota_bytes, quota_messages, active, roles, created)"
                       " SELECT ?, 'crowd.example', ?, hash, scram, 0, 0, 1, '', created FROM account WHERE local = 'ben'",
                       ((f"p{i:05}", f"Person {i}") for i in range(n)))
        db.executemany("INSERT INTO alias SELECT ?, 'crowd.example', ?, created FROM domain WHERE name = 'crowd.example'",
                       ((f"a{i:05}@crowd.example", f"p{i:05}@crowd.example") for i in range(n)))


@pytest.fixture(scope="module")
def served(system_users):
    """A suite with two people, of whom Anna may do everything, and a crowd of 10,000 people, aliases and rows
    in the queue, from which nothing gets out."""
    s = Suite(make_folder(), {"send.smarthost": "127.0.0.1:9"}).start()
    s.admin, s.person = s.account("anna"), s.account("ben")
    s.cli("user", "change", s.admin.address, "roles=admin", "name=Anna Albers")
    s.stop()
    crowd(s, 10000)
    s.start()
    with s.smtp(s.admin) as c:
        for i in range(10):
            c.sendmail(s.admin.address, [f"r{i}x{k}@far.example" for k in range(1000)], "Subject: to many\r\n\r\nhello\r\n")
        for to in ("somewhere", "other"):
            c.sendmail(s.admin.address, [f"{to}@elsewhere.example"], f"Subject: {to}\r\n\r\nhello\r\n")
    reader = s.imap(s.admin)
    yield s
    reader.shutdown()
    s.stop()
    check_log(s)
    shutil.rmtree(s.folder)


def walk(name, modules, served, **more):
    """Runs tests/web/NAME.mjs; what it prints is shown when it fails."""
    env = {**os.environ, "MANSIO_NODE_MODULES": str(modules), "MANSIO_WEB": f"https://localhost:{served.ports['https']}",
           "MANSIO_USER": served.admin.address, "MANSIO_PASSWORD": served.admin.password,
           "MANSIO_PERSON": served.person.address, "MANSIO_PERSON_PASSWORD": served.person.password,
           "MANSIO_SMTP": str(served.ports["smtp"]), **more}
    p = subprocess.run(["node", WEB / f"{name}.mjs"], env=env, capture_output=True, text=True, timeout=175)
    assert p.returncode == 0, p.stdout[-6000:] + p.stderr[-3000:]
    assert re.search(r"[1-9]\d* checks, 0 failed", p.stdout), p.stdout[-2000:]
    return p.stdout


def test_pages_from_first_login_to_first_mail_and_an_action_each(modules, served):
    walk("walk", modules, served)


def test_pages_with_0_1_and_10000_rows(modules, served):
    walk("rows", modules, served)


def test_pages_with_10000_real_people_aliases_and_queue_rows(modules, served):
    walk("crowd", modules, served)


def test_pages_no_text_becomes_markup(modules, served):
    walk("xss", modules, served)


def test_pages_axe_clean_in_light_and_dark(modules, served):
    walk("axe", modules, served)


def test_pages_fit_from_360_to_1920_pixels(modules, served):
    walk("layout", modules, served)


def test_pages_keyboard_and_first_page_under_150_kb(modules, served):
    said = walk("keys", modules, served)
    assert int(re.search(r"first page: \d+ files, (\d+) bytes", said)[1]) < 150 * 1024


def test_pages_hold_no_inline_script_style_or_markup():
    """What the content policy would refuse at run time, and what would make markup of texts."""
    for p in (TOP / "webadmin" / "pages").rglob("*.*"):
        if p.suffix not in (".js", ".html") or p.parent.name == "vendor":
            continue
        text = p.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(|new Function|\sstyle=", text), p
        assert not re.search(r"<script>|<style|\son\w+=\"", text), p
        assert len(text.splitlines()) <= 400, p
        assert "SPDX-License-Identifier" in text, p
