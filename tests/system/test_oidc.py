# SPDX-License-Identifier: ISC
"""Access tokens of a real OpenID provider (oidc-provider, tests/system/oidc) by URL: its keys by discovery and by jwks, tokens that it is
asked about (introspection). The provider hangs, dies, lies and changes its key meanwhile."""
import base64
import contextlib
import http.cookiejar
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import TOP, Suite, check_log, free_ports, make_certificate, make_folder, wait_for
import npm
import test_oauth
from test_oauth import Imap, bearer, gets_in


class Stay(urllib.request.HTTPRedirectHandler):
    """Goes where the provider says, but not away from it."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if newurl.startswith("https://localhost/back"):
            raise urllib.error.URLError(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Provider:
    def __init__(self, folder):
        self.folder = folder
        self.cert, self.key = make_certificate(folder, "localhost", name="provider")
        self.port = free_ports(1)[0]
        self.issuer = f"https://localhost:{self.port}"
        self.asked = []
        self.start()

    def start(self):
        self.process = subprocess.Popen(["node", TOP / "tests/system/oidc/provider.mjs", npm.fetched(TOP / "tests/system/oidc"),
                                         str(self.port), self.cert, self.key],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = threading.Semaphore(0)
        threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True).start()
        self.wait()

    def read(self, f):
        for line in f:
            if line == "ready\n":
                self.ready.release()
            else:
                self.asked.append(line.strip())

    def wait(self):
        assert self.ready.acquire(timeout=60)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.wait()

    @contextlib.contextmanager
    def answering(self, kind):
        self.say("answer " + kind)
        try:
            yield
        finally:
            self.say("answer")

    @contextlib.contextmanager
    def hung(self):
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def count(self, path):
        return sum(line.startswith(path) for line in self.asked)

    def opener(self):
        context = ssl.create_default_context(cafile=self.cert)
        return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), Stay,
                                           urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def post(self, path, **fields):
        data = urllib.parse.urlencode(fields).encode()
        return self.opener().open(self.issuer + path, data, timeout=60).read()

    def login(self, who, kind, client):
        """The code that a person's browser brings back: logs in, agrees, is sent to the program."""
        web = self.opener()
        page = web.open(self.issuer + "/auth?" + urllib.parse.urlencode({
            "client_id": client, "response_type": "code", "redirect_uri": "https://localhost/back", "scope": "openid mail",
            "resource": f"https://mail.example.org/{kind}"}), timeout=60)
        for prompt in ({"prompt": "login", "login": who, "password": "x"}, {"prompt": "consent"}):
            try:
                page = web.open(page.url, urllib.parse.urlencode(prompt).encode(), timeout=60)
            except urllib.error.URLError as back:
                return urllib.parse.parse_qs(urllib.parse.urlsplit(back.reason).query)["code"][0]
        raise AssertionError(page.read())

    def token(self, who="anna", kind="jwt", client="thunderbird", secret="of the program"):
        code = self.login(who, kind, client)
        return json.loads(self.post("/token", grant_type="authorization_code", code=code, redirect_uri="https://localhost/back",
                                    client_id=client, client_secret=secret, resource=f"https://mail.example.org/{kind}"))["access_token"]

    def revoke(self, token):
        self.post("/token/revocation", token=token, client_id="thunderbird", client_secret="of the program")


@pytest.fixture(scope="module")
def provider():
    folder = make_folder()
    p = Provider(folder)
    yield p
    p.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def mail(system_users, provider):
    """Keys by discovery."""
    s = Suite(make_folder(), {
        "oauth.issuer": provider.issuer, "oauth.audience": "mail", "oauth.clients": "thunderbird", "oauth.ca_file": str(provider.cert),
        "oauth.keys_again": "100ms", "oauth.timeout": "1s", "auth.failure_delay": "0s", "auth.failure_delay_max": "0s", "ban.never": "::1, 127.0.0.1"})
    (s.folder / "secret").write_text("of: the server/100%\n")
    os.chmod(s.folder / "secret", 0o600)
    s.start()
    s.anna = s.account("anna")
    s.account("ben")
    s.seen = []  # tokens that must not be in the log
    yield s
    if s.process.poll() is None:
        s.stop()
    for token in s.seen:
        assert token not in s.log() and token.split(".")[-1] not in s.log()
    assert "of: the server" not in s.log()
    check_log(s)
    shutil.rmtree(s.folder)


def answer(suite, token):
    with Imap(suite) as c:
        return c.login(bearer(token))[0]


def lets_in(suite, token):
    return answer(suite, token).startswith("a OK")


def set_oauth(suite, **settings):
    for k, v in settings.items():
        suite.settings[f"oauth.{k}"] = v
    suite.write_config()
    suite.cli("reload")


def new(mail, provider, *args, **kw):
    token = provider.token(*args, **kw)
    mail.seen.append(token)
    return token


def test_by_discovery_on_all_protocols(mail, provider):
    token = new(mail, provider)
    p = mail.ports
    wait_for(lambda: lets_in(mail, token))
    for url in (f"imaps://localhost:{p['imaps']}/", f"pop3s://localhost:{p['pop3s']}/", f"smtps://localhost:{p['submissions']}"):
        done = subprocess.run(["curl", "-sS", "--cacert", mail.cert, "--user", "anna@example.org:", "--oauth2-bearer", token, url,
                               *(("--request", "NOOP") if "smtp" in url else ())], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (url, done)
    assert not gets_in(mail, bearer(token, "ben@example.org"))
    with Imap(mail) as c:
        said = c.login(bearer(token[:-8] + "AAAAAAAA"))[1]
        assert said["openid-configuration"] == provider.issuer + "/.well-known/openid-configuration"
    assert not gets_in(mail, bearer(new(mail, provider, client="wiki", secret="of the wiki")))
    asked = provider.count("/jwks")
    for _ in range(5):
        assert gets_in(mail, bearer(token))
    assert provider.count("/jwks") == asked


def keys_fetched(mail):
    return mail.log().count(" oauth-keys ")


def test_a_new_key_counts_at_once_and_one_that_is_shown_no_more_does_not(mail, provider):
    old = new(mail, provider)
    assert gets_in(mail, bearer(old))
    provider.say("rotate")
    assert gets_in(mail, bearer(new(mail, provider)))
    assert not gets_in(mail, bearer(old))


def foreign(provider, **header):
    """A token with a key that nobody has."""
    return test_oauth.Provider().token(iss=provider.issuer, header=header)


def test_unknown_keys_make_us_fetch_seldom(mail, provider):
    set_oauth(mail, keys_again="1h")
    wait_for(lambda: lets_in(mail, new(mail, provider)))
    bad = test_oauth.Provider()
    wait_for(lambda: "AUTHENTICATIONFAILED" in answer(mail, bad.token(iss=provider.issuer)))  # the keys are there
    n = provider.count("/jwks")
    for kid in range(4):
        assert "AUTHENTICATIONFAILED" in answer(mail, bad.token(iss=provider.issuer, header={"kid": f"k{kid}"}))
    assert provider.count("/jwks") == n
    set_oauth(mail, keys_again="100ms")


def test_a_provider_that_hangs_delays_nobody_else(mail, provider):
    good = new(mail, provider)
    bad = foreign(provider)
    assert gets_in(mail, bearer(good))
    with provider.hung():
        assert "UNAVAILABLE" in answer(mail, bad)
        set_oauth(mail, timeout="60s")
        with contextlib.ExitStack() as stack:
            for _ in range(20):  # more than there are workers
                stack.enter_context(Imap(mail)).say("a AUTHENTICATE OAUTHBEARER " + base64.b64encode(bearer(bad).encode()).decode())
            assert gets_in(mail, bearer(good))
            mail.imap(mail.anna).logout()
    set_oauth(mail, timeout="1s")
    wait_for(lambda: "AUTHENTICATIONFAILED" in answer(mail, bad))


def kill(mail, name):
    pid = next(p for p, n in mail.tree().items() if n == name)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pid not in mail.tree() and name in mail.tree().values())


def test_keys_outlive_their_provider_and_oauthd_but_not_for_ever(mail, provider):
    good = new(mail, provider)
    assert gets_in(mail, bearer(good))
    provider.stop()
    kill(mail, "oauthd")
    set_oauth(mail, leeway="31s")
    assert gets_in(mail, bearer(good))
    kill(mail, "authd")
    wait_for(lambda: "UNAVAILABLE" in answer(mail, good))
    mail.imap(mail.anna).logout()
    provider.start()
    again = new(mail, provider)
    wait_for(lambda: lets_in(mail, again))
    assert not gets_in(mail, bearer(good))  # a new provider, a new key
    set_oauth(mail, keys_kept="1s", keys_least="1s", keys_longest="1s")
    wait_for(lambda: lets_in(mail, again))
    n = provider.count("/jwks")
    wait_for(lambda: provider.count("/jwks") > n)  # fetched again before they are old
    provider.stop()
    try:
        wait_for(lambda: "UNAVAILABLE" in answer(mail, again))
    finally:
        provider.start()
    set_oauth(mail, keys_kept="1d", keys_least="1m", keys_longest="1h")


def failed(mail, words, **settings):
    since = len(mail.log())
    before = {k: mail.settings.get(f"oauth.{k}", "") for k in settings}
    set_oauth(mail, **settings)
    mail.wait_log(words, since)
    set_oauth(mail, **before)


def test_what_is_not_the_provider_is_not_believed(mail, provider):
    failed(mail, "of another issuer", issuer=f"https://127.0.0.1:{provider.port}")
    failed(mail, "its web server: ", ca_file=str(mail.cert))
    for kind, words in (("redirect", "says 302"), ("long", "longer than"), ("garbage", "not one JSON object"), ("error", "says 500")):
        with provider.answering(kind):
            failed(mail, words, keys_again="200ms")
    good = new(mail, provider)
    wait_for(lambda: lets_in(mail, good))
    assert provider.count("/elsewhere") == 0


# --- introspection ------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(mail, provider):
    """Tokens that are no JWT are asked about."""
    set_oauth(mail, introspect=provider.issuer + "/token/introspection", jwks=provider.issuer + "/jwks", client_id="mail server",
              client_secret_file="secret", introspect_cache="1h")
    return mail


def introspected(provider):
    return provider.count("/token/introspection")


def test_a_token_that_is_no_jwt_is_asked_about_once(asked, provider):
    token, p = new(asked, provider, kind="opaque"), asked.ports
    wait_for(lambda: lets_in(asked, token))
    n = introspected(provider)
    assert gets_in(asked, bearer(token, "anna@example.org", "XOAUTH2"), mech="XOAUTH2")
    for url in (f"pop3s://localhost:{p['pop3s']}/", f"smtps://localhost:{p['submissions']}"):
        done = subprocess.run(["curl", "-sS", "--cacert", asked.cert, "--user", "anna@example.org:", "--oauth2-bearer", token, url,
                               *(("--request", "NOOP") if "smtp" in url else ())], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (url, done)
    assert not gets_in(asked, bearer(token, "ben@example.org"))
    assert gets_in(asked, bearer(new(asked, provider)))  # by its signature
    assert introspected(provider) == n
    for bad in ("nonsense", new(asked, provider, kind="opaque", client="wiki", secret="of the wiki")):
        assert "AUTHENTICATIONFAILED" in answer(asked, bad)
    assert introspected(provider) == n + 2


def test_a_revoked_token_ends_after_the_cache(asked, provider):
    token, other = new(asked, provider, kind="opaque"), new(asked, provider, kind="opaque")
    assert gets_in(asked, bearer(token))
    provider.revoke(token)
    assert gets_in(asked, bearer(token))
    set_oauth(asked, introspect_cache="1s")
    wait_for(lambda: "AUTHENTICATIONFAILED" in answer(asked, token))
    assert gets_in(asked, bearer(other))
    provider.revoke(other)
    wait_for(lambda: "AUTHENTICATIONFAILED" in answer(asked, other))
    set_oauth(asked, introspect_cache="1h")


def test_a_provider_that_says_nothing_useful_is_try_later(asked, provider):
    known = new(asked, provider, kind="opaque")
    kinds = ("redirect", "long", "garbage", "text", "error")
    tokens = {kind: new(asked, provider, kind="opaque") for kind in (*kinds, "hung", "dead", "secret")}
    wait_for(lambda: lets_in(asked, known))
    for kind in kinds:
        with provider.answering(kind):
            assert "UNAVAILABLE" in answer(asked, tokens[kind]), kind
        assert gets_in(asked, bearer(tokens[kind])), kind  # what was no answer is not kept
    with provider.hung():
        assert "UNAVAILABLE" in answer(asked, tokens["hung"])
        assert gets_in(asked, bearer(known))
        asked.imap(asked.anna).logout()
    assert wait_for(lambda: lets_in(asked, tokens["hung"]))
    (asked.folder / "secret").write_text("another\n")
    asked.cli("reload")
    since = len(asked.log())
    assert "UNAVAILABLE" in answer(asked, tokens["secret"])
    wait_for(lambda: "does not take our client_id and secret" in asked.log()[since:])
    (asked.folder / "secret").write_text("of: the server/100%\n")
    asked.cli("reload")
    wait_for(lambda: lets_in(asked, tokens["secret"]))
    for bad in ({"client_id": ""}, {"introspect": "http://localhost/"}, {"client_secret_file": "nowhere"}, {"jwks": "https://me@localhost/"}):
        name, value = bad.popitem()
        before, asked.settings[f"oauth.{name}"] = asked.settings[f"oauth.{name}"], value
        asked.write_config()
        done = asked.cli("config", "check", check=False)
        assert done.returncode != 0 and name.split("_")[0] in done.stdout + done.stderr, bad
        asked.settings[f"oauth.{name}"] = before
    asked.write_config()


def test_without_keys_every_token_is_asked_about(asked, provider):
    set_oauth(asked, jwks="", audience="")
    token, jwt = new(asked, provider, kind="opaque"), new(asked, provider)
    wait_for(lambda: lets_in(asked, token))
    n = introspected(provider)
    assert not gets_in(asked, bearer(jwt))  # this provider says nothing good of those that speak for themselves
    assert introspected(provider) == n + 1


def test_the_settings_of_the_document(asked, provider):
    """docs/AUTH.md, as it stands there, but for the names of provider, authority and secret."""
    part = (TOP / "docs" / "AUTH.md").read_text().split("\n### By URL\n")[1].split("\n## ")[0]
    blocks = [re.findall(r"^    (\w+) = (.*)$", b, re.M) for b in part.split("[oauth]")[1:]]
    assert len(blocks) == 2
    saved = dict(asked.settings)
    for block, kind in zip(blocks, ("jwt", "opaque")):
        asked.settings = {k: v for k, v in saved.items() if not k.startswith("oauth.")}
        issuer = dict(block).get("issuer", "https://login.example.org/realms/staff")
        asked.settings |= {f"oauth.{k}": v.replace(issuer, provider.issuer).replace("/protocol/openid-connect/token/introspect", "/token/introspection") for k, v in block}
        asked.settings |= {"oauth.ca_file": str(provider.cert)} | ({"oauth.client_secret_file": "secret", "oauth.client_id": "mail server"} if kind == "opaque" else {})
        asked.write_config()
        asked.cli("config", "check")
        asked.cli("reload")
        token = new(asked, provider, kind=kind)
        wait_for(lambda: lets_in(asked, token))
    asked.settings = saved
