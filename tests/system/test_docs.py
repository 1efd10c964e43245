# SPDX-License-Identifier: ISC
"""The documents are held to the code."""
import fnmatch
import re
import subprocess

from conftest import TOP


def test_every_stop_of_the_tour_exists():
    text = (TOP / "docs" / "TOUR.md").read_text()
    stops = re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_]+\.[ch]):(\w+)`", text)
    assert len(stops) >= 20
    for path, function in stops:
        source = (TOP / path).read_text()
        assert re.search(rf"^[\w \*]*\b{function}\(", source, re.M), f"{path}:{function}"


def test_processes_of_the_document_run(suite):
    text = (TOP / "docs" / "PROCESSES.md").read_text()
    named = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", text, re.M))
    running = {r["process"] for r in suite.status()}
    assert {n for n, _ in named} == running - {"master"}
    table = (TOP / "master" / "programs.def").read_text()
    for name, user in named:
        assert re.search(rf"\b{name}\b.*\b{user}\b", table), f"{name} {user}"


def test_every_path_in_the_documents_exists():
    for doc in [TOP / "README.md", *(TOP / "docs").glob("*.md")]:
        for path in re.findall(r"`((?:base|net|mail|conf|auth|store|trace|front|smtp|delivery|imap|pop3|master|tests|tools|docs)/[\w./-]+\.\w+)`",
                               doc.read_text()):
            assert (TOP / path).exists(), f"{doc.name}: {path}"


def test_the_map_of_auth_names_every_file():
    named = re.findall(r"`(auth/[\w*]+\.[ch])`", (TOP / "docs" / "AUTHD.md").read_text())
    lost = [p.name for p in (TOP / "auth").glob("*.c") if not any(fnmatch.fnmatch(f"auth/{p.name}", n) for n in named)]
    assert named and not lost, f"docs/AUTHD.md says nothing of {lost}"


def test_status_names_tests_that_exist():
    text = (TOP / "docs" / "STATUS.md").read_text()
    tests = "\n".join(p.read_text() for p in (TOP / "tests" / "system").glob("*.py"))
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}(" in tests, name
    for name in re.findall(r"\b(test_\w+\.py)", text):
        assert (TOP / "tests" / "system" / name).exists(), name


def test_every_defect_of_tests_mutants_fits_the_code():
    p = subprocess.run([TOP / "tests" / "mutants" / "run", "--fits"], capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stdout + p.stderr
