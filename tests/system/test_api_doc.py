# SPDX-License-Identifier: ISC
"""The examples of docs/API.md, one after the other, against a suite: status, and every field that the page shows."""
import json
import re

from conftest import TOP
from web import Web

EXAMPLE = re.compile(r"^ {6}(GET|POST) (\S+)(?: (\{.*\}))?\n {6}(\d+) (\{.*\})$", re.M)


def fits(shown, got):
    """What is shown is there; more may be."""
    if isinstance(shown, dict):
        return isinstance(got, dict) and all(k in got and fits(v, got[k]) for k, v in shown.items())
    if isinstance(shown, list):
        return isinstance(got, list) and len(shown) == len(got) and all(map(fits, shown, got))
    return shown == got


def test_the_examples(suite):
    user = suite.account("anndoc@doc.example")
    token = json.loads(suite.cli("--json", "token", "add", "docs", "admin", f"send:{user.address}").stdout)["token"]
    w = Web(suite, token=token)
    text = (TOP / "docs" / "API.md").read_text()
    examples = EXAMPLE.findall(text)
    assert len(examples) == len(re.findall(r"^ {6}(?:GET|POST) ", text, re.M)) >= 8
    for method, path, body, status, answer in examples:
        def fill(s):
            return s.replace("$USER", user.address).replace("$DOMAIN", "doc.example")
        a = w.request(method, fill(path), fill(body) if body else None)
        assert (a.status, fits(json.loads(fill(answer)), a.json)) == (int(status), True), (method, path, a)
