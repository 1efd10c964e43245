# SPDX-License-Identifier: ISC
"""What a client knows of its selected mailbox, from what the server told it, and the rules that each response must obey.

Rules (RFC 3501 7, RFC 7162): EXISTS never shrinks; EXPUNGE and VANISHED name what is there, and never come while FETCH, STORE or
SEARCH by number is answered; sequence numbers are those of messages; UIDs rise with them and never change; a message's MODSEQ
never falls; who is told of MODSEQs is told the UID with them; a UID stands for one message for ever.
"""
from imapwire import Broken, numbers


class Wrong(Exception):
    """The server broke a rule."""


class Message:
    __slots__ = ("uid", "flags", "modseq")

    def __init__(self):
        self.uid = self.flags = self.modseq = None


class Cache:
    """What a QRESYNC client keeps while it is away."""

    def __init__(self, uidvalidity, modseq, flags):
        self.uidvalidity, self.modseq, self.flags = uidvalidity, modseq, flags


class Ledger:
    """What all clients of this process saw: which message a (mailbox, UID) is, and numbers that only rise."""

    def __init__(self):
        self.token, self.uidvalidity, self.high = {}, {}, {}

    def saw(self, box, uid, token):
        if self.token.setdefault((box, uid), token) != token:
            raise Wrong(f"{box} UID {uid} was {self.token[box, uid]}, is {token}")

    def rises(self, what, box, value):
        """Only by what one connection sees; what others saw earlier must not be above."""
        if value < self.high.get((what, box), 0):
            raise Wrong(f"{what} of {box} was {self.high[what, box]}, is {value}")

    def note(self, what, box, value):
        self.high[what, box] = max(value, self.high.get((what, box), 0))

    def valid(self, box, value):
        if self.uidvalidity.setdefault(box, value) != value:
            raise Wrong(f"UIDVALIDITY of {box} was {self.uidvalidity[box]}, is {value}")


class Model:
    def __init__(self, ledger):
        self.ledger = ledger
        self.condstore = self.qresync = False
        self.leave()

    def leave(self):
        self.box, self.readonly = None, False
        self.msgs = []
        self.uidvalidity = self.uidnext = self.modseq = 0
        self.missing = set()  # UIDs that a search left out: they must be gone
        self.saved = None

    def begin(self, verb, uid):
        """A command begins."""
        self.verb, self.uid = verb, uid
        self.fetched = []  # (message, items) in the order in which they came
        self.flagged = set()  # messages whose FLAGS came
        self.codes, self.found, self.esearch, self.earlier, self.status = [], None, None, [], []
        self.told_high, self.seen_high = None, 0

    # --- responses
    def handle(self, r):
        kind = r[2] if len(r) > 2 and isinstance(r[1], str) and r[1].isdigit() else r[1]
        f = getattr(self, "on_" + kind.lower(), None)
        if not f:
            raise Wrong(f"unknown response {r}")
        f(r)

    def on_ok(self, r):
        code = r[2]
        if code:
            self.codes.append(code)
        if code[:1] == ["HIGHESTMODSEQ"]:
            self.told_high = int(code[1])
        elif code[:1] == ["CLOSED"]:
            if self.verb not in ("SELECT", "EXAMINE") or not self.box:
                raise Wrong("CLOSED without a mailbox")
            self.leave()
        elif code[:1] == ["UIDVALIDITY"]:
            self.uidvalidity = int(code[1])
        elif code[:1] == ["UIDNEXT"]:
            self.uidnext = int(code[1])

    def on_bye(self, r):
        raise Wrong(f"BYE {r}")

    def on_ignored(self, r):
        pass

    on_flags = on_recent = on_capability = on_enabled = on_list = on_ignored

    def on_status(self, r):
        self.status.append((r[2], dict(zip(r[3][::2], map(int, r[3][1::2])))))

    def on_exists(self, r):
        n = int(r[1])
        if n < len(self.msgs):
            raise Wrong(f"EXISTS shrinks from {len(self.msgs)} to {n}")
        self.msgs += [Message() for _ in range(n - len(self.msgs))]

    def removal(self):
        if self.verb in ("FETCH", "STORE", "SEARCH") and (not self.uid or self.verb == "SEARCH" and self.by_number):
            raise Wrong(f"a removal is told in {self.verb}")
        if self.verb in ("SELECT", "EXAMINE", "CLOSE", "UNSELECT"):
            raise Wrong(f"a removal is told in {self.verb}")

    def on_expunge(self, r):
        self.removal()
        if self.qresync:
            raise Wrong("EXPUNGE although QRESYNC is enabled")
        n = int(r[1])
        if not 1 <= n <= len(self.msgs):
            raise Wrong(f"EXPUNGE {n} of {len(self.msgs)}")
        self.missing.discard(self.msgs.pop(n - 1).uid)

    def on_vanished(self, r):
        if not self.qresync:
            raise Wrong("VANISHED although QRESYNC is not enabled")
        uids = numbers(r[-1])
        known = {m.uid: m for m in self.msgs}
        if r[2] == ["EARLIER"]:
            if self.fetched:
                raise Wrong("VANISHED (EARLIER) behind FETCH")
            if there := [u for u in uids if u in known]:
                raise Wrong(f"VANISHED (EARLIER) names what is there: {there}")
            self.earlier += uids
            return
        self.removal()
        for u in uids:
            m = known.get(u) or self.unknown(u)
            if not m:
                raise Wrong(f"VANISHED {u}, which is not there")
            self.msgs.remove(m)
            self.missing.discard(u)

    def unknown(self, uid):
        """A message whose UID this client has not asked for, and which may be that one."""
        found = None
        for m in self.msgs:
            if m.uid is None:
                found = m
            elif m.uid < uid:
                found = None
            else:
                break
        return found

    def on_fetch(self, r):
        n = int(r[1])
        if not 1 <= n <= len(self.msgs):
            raise Wrong(f"FETCH of {n}, there are {len(self.msgs)}")
        m, items = self.msgs[n - 1], dict(zip(r[3][::2], r[3][1::2]))
        if "UID" in items:
            self.learn_uid(n - 1, int(items["UID"]))
        if "MODSEQ" in items:
            v = int(items["MODSEQ"][0])
            if m.modseq is not None and v < m.modseq:
                raise Wrong(f"MODSEQ of UID {m.uid} falls from {m.modseq} to {v}")
            m.modseq = v
            self.seen_high = max(self.seen_high, v)
        elif self.condstore and self.unsolicited(items):
            raise Wrong(f"a change is told without MODSEQ: {r}")
        if "MODSEQ" in items and self.unsolicited(items) and "UID" not in items:
            raise Wrong(f"a change is told without UID: {r}")
        if "FLAGS" in items:
            m.flags = frozenset(f.lower() for f in items["FLAGS"] if f != "\\Recent")
            self.flagged.add(m)
        for k, v in items.items():
            if k.startswith("BODY[") and v == "NIL":
                self.missing.add(m.uid)  # its file went while it was read
            elif k.startswith("BODY[HEADER") and m.uid and self.box:
                self.ledger.saw(self.box, m.uid, v.strip())
        self.fetched.append((m, items))

    def unsolicited(self, items):
        return self.verb not in ("FETCH", "SELECT", "EXAMINE") and "FLAGS" in items

    def learn_uid(self, i, uid):
        m = self.msgs[i]
        if m.uid == uid:
            return
        if m.uid is not None:
            raise Wrong(f"message {i + 1} was UID {m.uid}, is {uid}")
        below = next((x.uid for x in reversed(self.msgs[:i]) if x.uid), 0)
        above = next((x.uid for x in self.msgs[i + 1:] if x.uid), 1 << 32)
        if not below < uid < above:
            raise Wrong(f"UID {uid} at {i + 1} between {below} and {above}")
        m.uid = uid

    def on_search(self, r):
        words = r[2:]
        if words and isinstance(words[-1], list):
            self.search_modseq = int(words.pop()[1])
        self.found = [int(w) for w in words]

    def on_esearch(self, r):
        if r[2][0] != "TAG":
            raise Wrong(f"ESEARCH without TAG: {r}")
        rest = r[3:]
        if self.uid != (rest[:1] == ["UID"]):
            raise Wrong(f"UID in ESEARCH: {r}")
        rest = rest[1:] if self.uid else rest
        self.esearch = dict(zip(rest[::2], rest[1::2]))
        self.esearch["TAG"] = r[2][1]

    # --- behind a command
    def done(self):
        """The client's MODSEQ, as RFC 7162 6 has it computed."""
        if self.told_high is not None:
            self.modseq = self.told_high
        else:
            self.modseq = max(self.modseq, self.seen_high)

    def selected(self, box, readonly, codes):
        """SELECT was answered OK."""
        self.box, self.readonly = box, readonly
        if self.told_high is None or not self.uidvalidity or not self.uidnext:
            raise Wrong(f"SELECT without {codes}")
        self.ledger.valid(box, self.uidvalidity)
        if self.uidnext <= max((m.uid for m in self.msgs if m.uid), default=0):
            raise Wrong("UIDNEXT is not above the last UID")

    def cache(self):
        return Cache(self.uidvalidity, self.modseq, {m.uid: m.flags for m in self.msgs if m.uid and m.flags is not None})

    def by_uid(self, uid):
        return next((m for m in self.msgs if m.uid == uid), None)
