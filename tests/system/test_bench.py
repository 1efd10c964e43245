# SPDX-License-Identifier: ISC
"""The measurement of authentication (bench/auth) still measures: ours alone, a moment long."""
import json
import subprocess

from conftest import BUILD, TOP


def bench_auth(*options):
    return subprocess.run([TOP / "bench/auth", "--build", BUILD, "--no-peer", "--rounds", "1", "--seconds", "0.1",
                           "--only", "sqlite", *options], capture_output=True, text=True, timeout=120)


def test_bench_of_authentication_asks_and_is_answered(tmp_path):
    p = bench_auth("--users", "20", "--hash", "cheap", "--json", tmp_path / "figures")
    assert p.returncode == 0, p.stdout + p.stderr
    figures = json.loads((tmp_path / "figures").read_text())
    assert list(figures) == ["sqlite, cheap, cache off", "sqlite, cheap, cached",
                             "sqlite, recipients, cache off", "sqlite, recipients, cache off, 8 at once",
                             "sqlite, recipients, as it comes", "sqlite, recipients, as it comes, 8 at once"]
    assert all(f["ours"]["rate"] > 0 and f["ours"]["us"] >= 0 and f["ours"]["bad"] == 0 for f in figures.values()), figures


def test_bench_of_authentication_counts_logins_that_fail(tmp_path):
    p = bench_auth("--users", "1", "--connections", "1", "--depth", "1", "--hash", "wrong", "--no-recipients", "--json", tmp_path / "figures")
    assert p.returncode == 0, p.stdout + p.stderr
    figures = json.loads((tmp_path / "figures").read_text())
    assert all(f["ours"]["bad"] > 0 for f in figures.values()), figures
