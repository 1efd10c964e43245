#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Many clients do random things in few mailboxes of one account; every response is checked against a model (imapmodel.py).

    imapstress.py PORT CAFILE USER PASSWORD [--seconds 60] [--clients 20] [--processes 4] [--seed N]

Prints one JSON object: {"errors": [...], "commands": N, ...}; exit 1 if there are errors. At the end all clients fall silent,
and what each one believes must be what the others see and what a fresh look finds.
"""
import argparse
import collections
import json
import multiprocessing
import os
import random
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from imapmodel import Ledger, Model, Wrong  # noqa: E402
from imapwire import Broken, Wire, compact, numbers  # noqa: E402

BOXES = ["INBOX", "Archive", "Work"]
SYSTEM = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"]
KEYWORDS = ["$Label1", "$Label2", "Urgent"]
FULL, EMPTY = 120, 25  # messages: above the one clients remove, below the other they add
TOKEN = "BODY.PEEK[HEADER.FIELDS (X-TOKEN)]"


class Client:
    def __init__(self, args, number, ledger):
        self.args, self.number, self.ledger = args, number, ledger
        self.r = random.Random(args.seed * 1000 + number)
        self.commands = self.resyncs = self.serial = 0
        self.counts = collections.Counter()
        self.last = collections.deque(maxlen=60)
        self.caches = {}
        self.mode = ["plain", "condstore", "qresync", "qresync"][number % 4]
        self.connect()

    # --- one command
    def connect(self):
        self.w = Wire("localhost", self.args.port, self.args.cafile)
        self.m = Model(self.ledger)
        self.m.begin("LOGIN", False)
        self.w.response()
        self.ok(f'LOGIN {self.args.user} "{self.args.password}"')
        if self.mode == "qresync":
            self.m.condstore = self.m.qresync = True
            self.ok("ENABLE QRESYNC")
        elif self.mode == "condstore":
            self.m.condstore = True
            self.ok("ENABLE CONDSTORE")

    def command(self, text, literal=None, by_number=True):
        """Sends one, handles all responses; returns (word, code, text)."""
        self.serial += 1
        tag = f"c{self.number}x{self.serial}"
        words = text.split(" ")
        uid = words[0] == "UID"
        self.m.begin(words[uid], uid)
        self.m.by_number = by_number
        self.last.append(f"C: {tag} {text}")
        data = f"{tag} {text}".encode()
        if literal is not None:
            data += b" {%d+}\r\n" % len(literal) + literal
        self.w.send(data + b"\r\n")
        while True:
            r = self.read()
            if r[0] == tag:
                break
            if r[0] == "+":
                self.idle_wait()
            elif r[0] != "*":
                raise Wrong(f"reply to another tag: {r}")
            else:
                self.m.handle(r)
        if r[2]:
            self.m.codes.append(r[2])
            if r[2][0] == "HIGHESTMODSEQ":
                self.m.told_high = int(r[2][1])
        self.m.done()
        self.commands += 1
        self.counts[words[uid]] += 1
        return r[1], r[2], r[3]

    def read(self):
        r = self.w.response()
        self.last.append("S: " + self.w.raw[:400])
        return r

    def ok(self, text, literal=None):
        word, code, said = self.command(text, literal)
        if word != "OK":
            raise Wrong(f"{text}: {word} {code} {said}")
        return code

    def idle_wait(self):
        end = time.monotonic() + self.r.random() * 0.4
        while (left := end - time.monotonic()) > 0:
            if self.w.waiting(left):
                r = self.read()
                if r[0] != "*":
                    raise Wrong(f"in IDLE: {r}")
                self.m.handle(r)
        self.w.send(b"DONE\r\n")

    # --- choosing
    def some(self, most=8):
        """Indexes of some messages, rising."""
        n = len(self.m.msgs)
        if not n:
            return []
        if self.r.random() < 0.1:
            return list(range(n))
        if self.r.random() < 0.5:
            lo = self.r.randrange(n)
            return list(range(lo, min(n, lo + self.r.randint(1, most))))
        return sorted(self.r.sample(range(n), min(n, self.r.randint(1, most))))

    def picked(self, most=8):
        """(indexes, the set as text, is it of UIDs) or None."""
        at = self.some(most)
        if not at:
            return None
        if self.r.random() < 0.5 and all(self.m.msgs[i].uid for i in at):
            return at, compact(self.m.msgs[i].uid for i in at), True
        return at, compact(i + 1 for i in at), False

    def flags(self):
        n = self.r.randint(1, 2)
        return self.r.sample(SYSTEM[:4] + KEYWORDS, n)

    # --- the things a client does
    def step(self):
        if not self.m.box:
            return self.r.choice([self.do_select, self.do_select, self.do_select, self.do_append, self.do_status])()
        if self.mode == "qresync" and self.m.verb in ("FETCH", "STORE", "SEARCH") and self.r.random() < 0.06:
            return self.do_away(broken=True)  # just when removals may be held back
        n = len(self.m.msgs)
        if n > FULL and self.r.random() < 0.3:
            return self.do_clear()
        if n < EMPTY and self.r.random() < 0.3:
            return self.do_append()
        weight = {
            self.do_fetch: 10, self.do_fetch_changed: 4, self.do_store: 14, self.do_copy: 3, self.do_move: 3, self.do_append: 4,
            self.do_expunge: 4, self.do_search: 8, self.do_idle: 3, self.do_noop: 5, self.do_select: 3, self.do_close: 1,
            self.do_status: 2, self.do_away: 2, self.do_learn: 3,
        }
        self.r.choices(list(weight), list(weight.values()))[0]()

    def do_noop(self):
        self.ok(self.r.choice(["NOOP", "CHECK", "NOOP"]))
        if self.m.missing:
            raise Wrong(f"a search left out UIDs {sorted(self.m.missing)[:9]}, which are still there")

    def do_idle(self):
        self.ok("IDLE")

    def do_status(self):
        self.m.condstore = True
        box = self.r.choice(BOXES)
        before = dict(self.ledger.high)
        if self.r.random() < 0.5:
            self.ok(f"STATUS {box} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE)")
        else:
            self.ok(f'LIST "" ({" ".join(BOXES)}) RETURN (STATUS (UIDNEXT UIDVALIDITY HIGHESTMODSEQ) CHILDREN)')
            if len(self.m.status) != len(BOXES):
                raise Wrong(f"STATUS of {len(self.m.status)} mailboxes")
        for name, st in self.m.status:
            self.ledger.valid(name, st["UIDVALIDITY"])
            for what in ("UIDNEXT", "HIGHESTMODSEQ"):
                if st[what] < before.get((what, name), 0):
                    raise Wrong(f"{what} of {name} was {before[what, name]}, is {st[what]}")
                self.ledger.note(what, name, st[what])

    def do_append(self):
        box = self.r.choice(BOXES)
        token = f"{self.args.seed}.{self.number}.{self.serial}"
        text = f"X-Token: {token}\r\nSubject: {self.r.choice('abc')}\r\n\r\n{'x' * self.r.randint(1, 300)}\r\n".encode()
        code = self.ok(f"APPEND {box} ({' '.join(self.flags())})", text)
        self.ledger.valid(box, int(code[1]))
        self.ledger.saw(box, int(code[2]), "X-Token: " + token)

    def do_select(self, cache=None, box=None):
        self.leave_cache()
        box = box or self.r.choice(BOXES)
        readonly = cache is None and self.r.random() < 0.15
        param = ""
        if cache:
            known = f" {compact(cache.flags)}" if cache.flags and self.r.random() < 0.7 else ""
            param = f" (QRESYNC ({cache.uidvalidity} {cache.modseq}{known}))"
        elif self.r.random() < 0.2:
            self.m.condstore = True
            param = " (CONDSTORE)"
        self.m.leave() if not self.m.box else None
        before = dict(self.ledger.high)
        code = self.ok(f"{'EXAMINE' if readonly else 'SELECT'} {box}{param}")
        self.m.selected(box, readonly, code)
        for what, value in (("UIDNEXT", self.m.uidnext), ("HIGHESTMODSEQ", self.m.modseq)):
            if value < before.get((what, box), 0):
                raise Wrong(f"{what} of {box} was {before[what, box]}, is {value}")
            self.ledger.note(what, box, value)
        if cache:
            self.check_resync(cache)
        else:
            self.do_learn(all_of_it=True)

    def do_learn(self, all_of_it=False):
        """Asks for what is not known, or for all, and compares."""
        n = len(self.m.msgs)
        first = 1 if all_of_it else next((i + 1 for i, m in enumerate(self.m.msgs) if m.uid is None or m.flags is None), 0)
        if not n or not first:
            return
        extra = f" {TOKEN}" if self.r.random() < 0.3 else ""
        word, _, _ = self.command(f"FETCH {first}:{n} (UID FLAGS{extra})")
        self.expunge_issued(word)

    def expunge_issued(self, word):
        if word != "OK" and ["EXPUNGEISSUED"] not in self.m.codes and not any(c[:1] == ["MODIFIED"] for c in self.m.codes):
            raise Wrong(f"{word} {self.m.codes}")

    def do_fetch(self):
        p = self.picked()
        if not p:
            return
        at, text, uid = p
        want = [self.m.msgs[i] for i in at]
        items = self.r.choice(["(UID FLAGS)", "(FLAGS)", "(UID FLAGS MODSEQ)", f"(UID {TOKEN})", "(UID INTERNALDATE RFC822.SIZE)",
                               "(UID BODY[TEXT]<0.5>)", "(ENVELOPE)"])
        if "MODSEQ" in items:
            self.m.condstore = True
        word, _, _ = self.command(f"{'UID ' if uid else ''}FETCH {text} {items}")
        self.expunge_issued(word)
        got = {id(m) for m, _ in self.m.fetched}
        if word == "OK" and not uid and any(id(m) not in got for m in want):
            raise Wrong("FETCH left a message out and said OK")

    def do_fetch_changed(self):
        if not self.m.msgs or any(m.uid is None for m in self.m.msgs):
            return self.do_learn()
        self.m.condstore = True
        since = max(0, self.m.modseq - self.r.randint(0, 30))
        known = {m.uid: m.modseq for m in self.m.msgs}
        vanished = self.m.qresync and self.r.random() < 0.5
        self.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since}{' VANISHED' if vanished else ''})")
        if self.m.earlier and max(self.m.earlier) >= 1 << 31:
            raise Wrong("VANISHED of UIDs that were never given")
        for m, items in self.m.fetched:
            if int(items.get("MODSEQ", ["0"])[0]) <= since:
                raise Wrong(f"CHANGEDSINCE {since} tells {items}")
        told = {m.uid for m, _ in self.m.fetched}
        for uid, modseq in known.items():
            if modseq and modseq > since and uid not in told and self.m.by_uid(uid):
                self.m.missing.add(uid)  # it must be gone

    def do_store(self):
        p = self.picked()
        if not p or any(m.flags is None for m in self.m.msgs):
            return self.do_learn()
        at, text, uid = p
        want = [self.m.msgs[i] for i in at]
        sign, silent = self.r.choice(["+", "-", "+", "-", ""]), self.r.choice([".SILENT", ""])
        flags = self.flags()
        if self.r.random() < 0.25:
            flags.append("\\Deleted")
        cond = ""
        if self.r.random() < 0.35:
            self.m.condstore = True
            cond = f" (UNCHANGEDSINCE {max(0, self.m.modseq - self.r.choice([0, 0, 0, 1, 5, 20]))})"
        word, _, said = self.command(f"{'UID ' if uid else ''}STORE {text}{cond} {sign}FLAGS{silent} ({' '.join(flags)})")
        if self.m.readonly:
            if word != "NO":
                raise Wrong(f"STORE in a read-only mailbox: {word}")
            return
        self.expunge_issued(word)
        modified = next((numbers(c[1]) for c in self.m.codes if c[:1] == ["MODIFIED"]), [])
        if modified and not cond:
            raise Wrong("MODIFIED without a condition")
        of_set = {m.uid if uid else i + 1: m for i, m in zip(at, want)}
        if not set(modified) <= set(of_set):
            raise Wrong(f"MODIFIED {modified} is not of {text}")
        failed = {of_set[n] for n in modified}
        names = {f.lower() for f in flags}
        for m in want:
            if m in self.m.flagged:
                continue
            if not silent and word == "OK" and not uid and m in self.m.msgs:
                raise Wrong(f"STORE said nothing about UID {m.uid}")
            if m not in failed:
                m.flags = frozenset(m.flags | names if sign == "+" else m.flags - names if sign == "-" else names)

    def do_copy(self, move=False):
        p = self.picked(5)
        if not p or (move and self.m.readonly):
            return
        at, text, uid = p
        box = self.r.choice(BOXES)
        source, known = self.m.box, {m.uid for m in self.m.msgs}
        unknown = any(m.uid is None for m in self.m.msgs)
        word, _, _ = self.command(f"{'UID ' if uid else ''}{'MOVE' if move else 'COPY'} {text} {box}")
        self.expunge_issued(word)
        for c in self.m.codes:
            if c[:1] != ["COPYUID"]:
                continue
            was, now = numbers(c[2]), numbers(c[3])
            if len(was) != len(now) or not (unknown or set(was) <= known):
                raise Wrong(f"COPYUID {c}")
            self.ledger.valid(box, int(c[1]))
            if move and source != box and (there := [u for u in was if self.m.by_uid(u)]):
                raise Wrong(f"MOVE left {there}")
            for a, b in zip(was, now):
                if (source, a) in self.ledger.token:
                    self.ledger.saw(box, b, self.ledger.token[source, a])

    def do_move(self):
        self.do_copy(move=True)

    def do_expunge(self):
        if self.m.readonly:
            return
        doomed = {m.uid for m in self.m.msgs if m.flags and "\\deleted" in m.flags and m.uid}
        only = set(self.r.sample(sorted(doomed), len(doomed) // 2)) if self.r.random() < 0.4 else None
        self.ok(f"UID EXPUNGE {compact(only)}" if only else "EXPUNGE")
        if there := [m.uid for m in self.m.msgs if m.uid in (only or doomed) and m not in self.m.flagged]:
            raise Wrong(f"EXPUNGE left {there}")
        if self.m.missing:
            raise Wrong(f"UIDs {sorted(self.m.missing)[:9]} were left out before, and are still there")

    def do_clear(self):
        """Makes room: removes a third."""
        if self.m.readonly:
            return self.do_close()
        n = len(self.m.msgs) // 3
        word, _, _ = self.command(f"STORE 1:{n} +FLAGS (\\Deleted)")
        self.expunge_issued(word)
        self.do_expunge()

    def do_search(self):
        if not self.m.msgs or any(m.uid is None or m.flags is None for m in self.m.msgs):
            return self.do_learn()
        flag = self.r.choice(["\\Seen", "\\Flagged", "$Label1", "\\Deleted"])
        word = f"KEYWORD {flag}" if flag[0] == "$" else flag[1:].upper()
        invert, uid, extended = self.r.random() < 0.4, self.r.random() < 0.5, self.r.random() < 0.5
        lo = self.r.randint(1, len(self.m.msgs))
        by_number = self.r.random() < 0.4
        keys = ("NOT " if invert else "") + word + (f" {lo}:*" if by_number else "")
        expected = [m for i, m in enumerate(self.m.msgs) if (flag.lower() in m.flags) != invert and (not by_number or i + 1 >= lo)]
        name = {id(m): (m.uid if uid else i + 1) for i, m in enumerate(self.m.msgs)}
        before = list(self.m.msgs)
        save = self.r.random() < 0.4
        code = " RETURN (MIN MAX ALL COUNT)" if extended else ""
        if extended and save:
            code = " RETURN (SAVE ALL COUNT)"
        word, _, _ = self.command(f"{'UID ' if uid else ''}SEARCH{code} {keys}", by_number=by_number)
        if word != "OK":
            raise Wrong(f"SEARCH: {word}")
        if extended:
            got = numbers(self.m.esearch["ALL"]) if "ALL" in self.m.esearch else []
            if int(self.m.esearch["COUNT"]) != len(got) or ("MIN" in self.m.esearch and
                    [int(self.m.esearch["MIN"]), int(self.m.esearch["MAX"])] != [got[0], got[-1]]):
                raise Wrong(f"ESEARCH {self.m.esearch}")
        else:
            got = self.m.found
        want = {name[id(m)]: m for m in expected}
        # a session that slept tells what is new in front of the result: that may match, or no longer
        was = {name[id(m)]: m for m in before}
        if extra := [n for n in got if n not in want and n in was and was[n] not in self.m.flagged]:
            raise Wrong(f"SEARCH found {extra[:9]}, which do not match")
        # what is left out must be gone
        self.m.missing |= {m.uid for n, m in want.items() if n not in got and m in self.m.msgs and m not in self.m.flagged}
        if extended and save:
            self.check_saved({was[n].uid for n in got if n in was}, len(got))

    def check_saved(self, saved, n):
        """"$" is what was found, less what went: the first n responses can be of nothing else."""
        self.ok("UID FETCH $ (UID)")
        first = {m.uid for m, items in self.m.fetched[:n] if "FLAGS" not in items}
        if extra := {u for u in first if u not in saved and self.knew(u)}:
            raise Wrong(f"$ was {sorted(saved)[:9]}, gave {sorted(extra)[:9]}")
        if lost := {u for u in saved - first if self.m.by_uid(u)}:
            self.m.missing |= lost

    def knew(self, uid):
        """Did this client know the message's flags before the last command?"""
        m = self.m.by_uid(uid)
        return m and m.flags is not None and m not in self.m.flagged

    def do_close(self):
        self.leave_cache()
        self.ok(self.r.choice(["CLOSE", "UNSELECT"]))
        self.m.leave()

    # --- going away and coming back
    def leave_cache(self):
        if self.m.box and self.mode == "qresync":
            self.caches[self.m.box] = self.m.cache()

    def do_away(self, broken=False):
        """The line breaks; later the client is back with what it knew."""
        self.leave_cache()
        box = self.m.box
        if broken or self.r.random() < 0.5:
            self.w.close()
            self.connect()
        if self.mode == "qresync" and box:
            self.do_select(self.caches[box], box)

    def check_resync(self, cache):
        """RFC 7162 3.2.5: what was known, brought up to date by what was told, is what is there."""
        self.resyncs += 1
        flags = dict(cache.flags)
        for u in self.m.earlier:
            flags.pop(u, None)
        for m, items in self.m.fetched:
            if int(items["MODSEQ"][0]) <= cache.modseq:
                raise Wrong(f"QRESYNC since {cache.modseq} tells {items}")
            if m.uid in flags:
                flags[m.uid] = m.flags
        n = len(self.m.msgs)
        if not n:
            there = {}
        else:
            word, _, _ = self.command(f"FETCH 1:{n} (UID FLAGS)")
            self.expunge_issued(word)
            there = {}
            for m, items in self.m.fetched[:n]:
                if m.uid not in there:
                    there[m.uid] = frozenset(f.lower() for f in items["FLAGS"] if f != "\\Recent")
        gone = set(cache.flags) - set(there)
        if ghosts := set(flags) - set(there) - self.maybe_gone(word if n else "OK", flags, there):
            raise Wrong(f"QRESYNC since {cache.modseq} did not tell that {sorted(ghosts)[:9]} are gone")
        if lost := (set(cache.flags) - set(flags)) & set(there):
            raise Wrong(f"QRESYNC told that {sorted(lost)[:9]} are gone, they are there")
        if other := {u: (flags[u], there[u]) for u in flags if u in there and flags[u] != there[u]}:
            raise Wrong(f"QRESYNC since {cache.modseq} left flags different: {list(other.items())[:3]}")
        del gone

    def maybe_gone(self, word, flags, there):
        """Removed between SELECT and FETCH (then it said EXPUNGEISSUED): they must go with the next NOOP."""
        if word == "OK":
            return set()
        self.m.missing |= set(flags) - set(there)
        return set(flags) - set(there)

    # --- the end
    def settle(self):
        """Everybody is silent: brings the model up to date and returns what this client believes of its mailbox."""
        if not self.m.box:
            self.do_select(box=BOXES[self.number % len(BOXES)])
        self.ok("NOOP")
        self.do_learn()
        self.ok("NOOP")
        if self.m.missing:
            raise Wrong(f"UIDs {sorted(self.m.missing)[:9]} were left out, and are there in the end")
        return self.m.box, {m.uid: sorted(m.flags) for m in self.m.msgs}

    def look(self):
        """{mailbox: {UID: [flags, MODSEQ]}} as a fresh look finds it."""
        out = {}
        for box in BOXES:
            self.leave_cache()
            self.m.condstore = True
            self.m.leave() if not self.m.box else None
            code = self.ok(f"EXAMINE {box}")
            self.m.selected(box, True, code)
            self.m.condstore = True
            n = len(self.m.msgs)
            if n:
                self.ok(f"FETCH 1:{n} (UID FLAGS MODSEQ {TOKEN})")
            out[box] = {m.uid: [sorted(m.flags), m.modseq] for m in self.m.msgs}
        return out


def failure(client, e):
    lines = list(client.last) if client else []
    return {"client": client.number if client else None, "mode": client.mode if client else None,
            "error": f"{type(e).__name__}: {e}", "where": traceback.format_exc()[-1500:], "dialogue": lines}


def live(args, number, ledger, gates, out):
    """One client, from login to the end. gates: all clients of all processes meet there."""
    c = None
    try:
        c = Client(args, number, ledger)
        end = time.monotonic() + args.seconds
        while time.monotonic() < end:
            c.step()
    except (Wrong, Broken, OSError, KeyError, IndexError, ValueError) as e:
        out["errors"].append(failure(c, e))
        c = None
    try:
        gates[0].wait(120)
        if c:
            box, believes = c.settle()
            out["believes"].append([number, box, believes])
        gates[1].wait(120)
        if c:
            out["looks"].append([number, c.look()])
            out["commands"] += c.commands
            out["resyncs"] += c.resyncs
            out["counts"].update(c.counts)
    except (Wrong, Broken, OSError, KeyError, IndexError, ValueError, threading.BrokenBarrierError) as e:
        out["errors"].append(failure(c, e))


def process(args, part, gates, queue):
    ledger = Ledger()
    out = {"errors": [], "believes": [], "looks": [], "commands": 0, "resyncs": 0, "counts": collections.Counter()}
    threads = [threading.Thread(target=live, args=(args, n, ledger, gates, out)) for n in part]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    out["tokens"] = list(ledger.token.items())
    out["uidvalidity"] = ledger.uidvalidity
    queue.put(out)


def compare(parts):
    """What the clients believe, and see, against one another."""
    errors, token, valid, truth = [], {}, {}, None
    for p in parts:
        for key, value in p["tokens"]:
            if token.setdefault(key, value) != value:
                errors.append({"error": f"{key} is {value} and {token[key]}"})
        for box, value in p["uidvalidity"].items():
            if valid.setdefault(box, value) != value:
                errors.append({"error": f"UIDVALIDITY of {box} is {value} and {valid[box]}"})
        for number, look in p["looks"]:
            truth = truth or look
            if look != truth:
                errors.append({"error": f"client {number} sees other messages than the first one"})
    for p in parts:
        for number, box, believes in p["believes"]:
            there = {u: v[0] for u, v in truth[box].items()} if truth else {}
            if believes != there:
                diff = {u: (believes.get(u), there.get(u)) for u in set(believes) | set(there) if believes.get(u) != there.get(u)}
                errors.append({"error": f"client {number} believes other things of {box}: {list(diff.items())[:5]}"})
    return errors


def main():
    p = argparse.ArgumentParser()
    p.add_argument("port", type=int)
    p.add_argument("cafile")
    p.add_argument("user")
    p.add_argument("password")
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--clients", type=int, default=20)
    p.add_argument("--processes", type=int, default=4)
    p.add_argument("--seed", type=int, default=int(time.time()))
    args = p.parse_args()
    gates = [multiprocessing.Barrier(args.clients) for _ in range(2)]
    queue = multiprocessing.Queue()
    parts = [list(range(args.clients))[i::args.processes] for i in range(args.processes)]
    running = [multiprocessing.Process(target=process, args=(args, part, gates, queue)) for part in parts]
    for r in running:
        r.start()
    found = [queue.get(timeout=args.seconds + 300) for _ in running]
    for r in running:
        r.join()
    counts = sum((f["counts"] for f in found), collections.Counter())
    errors = sum((f["errors"] for f in found), [])
    errors += compare(found)
    print(json.dumps({"errors": errors, "commands": sum(f["commands"] for f in found), "resyncs": sum(f["resyncs"] for f in found),
                      "looks": sum(len(f["looks"]) for f in found), "seed": args.seed, "counts": counts}, indent=1))
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
