# SPDX-License-Identifier: ISC
"""A browser of the tests for the admin page's API: cookie, CSRF token and Origin as a real page has them."""
import base64
import hashlib
import http.client
import json
import socket
import ssl


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Web:
    """One browser: its connection, and what it knows of its login."""

    def __init__(self, suite, account=None, token=None, host="localhost"):
        self.suite, self.token, self.host = suite, token, host
        self.port = suite.ports["https"]
        self.cookie = self.csrf = None
        self.connection = None
        if account:
            answer = self.login(account)
            assert answer.status == 200, answer

    @property
    def origin(self):
        return f"https://{self.host}:{self.port}"

    def open(self, timeout=60):
        context = ssl.create_default_context(cafile=str(self.suite.cert))
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=timeout)

    def request(self, method, path, body=None, headers=None, fresh=False):
        h = {"Host": f"{self.host}:{self.port}"}
        if self.token:
            h["Authorization"] = f"Bearer {self.token}"
        elif self.cookie:
            h["Cookie"] = f"__Host-mansio={self.cookie}"
        if method == "POST":
            h.update({"Origin": self.origin, "Content-Type": "application/json"})
            if self.csrf:
                h["X-Mansio-CSRF"] = self.csrf
        h.update(headers or {})
        h = {k: v for k, v in h.items() if v is not None}
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        data = data.encode() if isinstance(data, str) else data
        for attempt in (1, 2):
            if fresh or not self.connection:
                self.connection = self.open()
            try:
                self.connection.request(method, path, data, h)
                r = self.connection.getresponse()
                return Answer(r.status, r.headers, r.read())
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.connection = None  # an idle connection that ended meanwhile
                if attempt == 2:
                    raise
        raise AssertionError

    def get(self, path, **headers):
        return self.request("GET", "/api/v1/" + path, headers=headers)

    def post(self, path, body=None, **headers):
        return self.request("POST", "/api/v1/" + path, {} if body is None else body,
                            {k.replace("_", "-"): v for k, v in headers.items()})

    def login(self, account):
        answer = self.request("POST", "/api/v1/login", {"address": account.address, "password": account.password})
        if answer.status == 200:
            self.cookie = answer.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
            self.csrf = answer.json["csrf"]
        return answer


def base64url(b):
    return base64.urlsafe_b64encode(b).decode().rstrip("=")


def add_key(page, address, **more):
    """A security key of this account that nobody has: what a browser says for a new one, which nothing signs. The answer."""
    asked = page.post("security-key/add", {"address": address, **more}).json["result"]
    said = {"type": "webauthn.create", "challenge": asked["challenge"], "origin": page.origin}
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")  # RFC 8032 7.1
    data = hashlib.sha256(asked["rp_id"].encode()).digest() + b"\x41" + bytes(20) + b"\0\x10" + hashlib.md5(address.encode()).digest()
    return page.post("security-key/add", {"address": address, "challenge": asked["challenge"], "client_data": base64url(json.dumps(said).encode()),
                                          "authenticator_data": base64url(data + b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20" + public), **more})


def raw(suite, data, timeout=10):
    """Bytes over TLS; all that comes back until the server closes, None if it does not within the time."""
    context = ssl.create_default_context(cafile=str(suite.cert))
    with socket.create_connection(("localhost", suite.ports["https"]), timeout) as s:
        with context.wrap_socket(s, server_hostname="localhost") as t:
            t.sendall(data)
            got = b""
            try:
                while chunk := t.recv(65536):
                    got += chunk
            except (ConnectionResetError, ssl.SSLEOFError):
                pass
            except TimeoutError:
                return None
            return got
