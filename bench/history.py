"""Reading history from a large store: runs history_bench on a filled one, then the server, and makes the table."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

from results import number
from servers import Carillon, StartFailed, generate

NAME = "history"
HEADING = "## History"
SHAPE = {"messages": 10_000_000, "chats": 10_000, "count": 20_000, "stored": 1_000_000, "requests": 10_000}
QUICK = {"messages": 100_000, "chats": 1_000, "count": 2_000, "stored": 80_000, "requests": 1_000}
PUBLISH_RATE = 5000
HTTP_PUBLISH_RATE = 2000
FILL_TIMEOUT_SECONDS = 3600
TIMEOUT_SECONDS = 900

KINDS = {"newest": "newest 50 of a chat", "sequences": "100 numbers in a row",
         "gaps": "100 numbers in 20 rows of 5"}


class OnFilledStore(Carillon):
    """The server as in the other rows, on a data directory that is there already."""

    poll_seconds = 0.002

    def __init__(self, binary, directory, core, data):
        super().__init__(binary, directory, core)
        self.filled = data

    def data(self):
        return self.filled


class Reader:
    """Asks for histories over one kept connection, one after another, with as little of its own as it can."""

    def __init__(self, server, chats):
        self.chats = chats
        self.asked = 0
        self.token = server.token("reader")
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self):
        """Seconds until the whole answer was there."""
        chat = f"chat-{self.asked * 7919 % self.chats:06}"
        self.asked += 1
        request = (f"GET /messages?chatId={chat}&limit=50 HTTP/1.1\r\nHost: bench\r\n"
                   f"Authorization: Bearer {self.token}\r\n\r\n").encode()
        start = time.perf_counter()
        self.socket.sendall(request)
        answer = self.receive()
        took = time.perf_counter() - start
        if not answer.startswith(b"HTTP/1.1 200 ") or b'"messages":[{' not in answer:
            raise StartFailed(f"GET /messages is answered {answer[:300].decode(errors='replace')}")
        return took

    def receive(self):
        answer = b""
        end = None
        while end is None or len(answer) < end:
            part = self.socket.recv(1 << 18)
            if not part:
                raise StartFailed("the server closed the connection")
            answer += part
            head = answer.find(b"\r\n\r\n") if end is None else -1
            if head >= 0:
                lines = answer[:head].lower().split(b"\r\n")
                length = next(line.split(b":")[1] for line in lines if line.startswith(b"content-length:"))
                end = head + 4 + int(length)
        return answer


def percentiles(seconds):
    ordered = sorted(seconds)
    return {"count": len(ordered), "p50": ordered[len(ordered) // 2] * 1e6,
            "p99": ordered[len(ordered) * 99 // 100] * 1e6}


def run_program(binary, place, sizes, core, command, *arguments, timeout=TIMEOUT_SECONDS):
    program = os.path.join(os.path.dirname(binary), "bench", "history_bench")
    print(f"== history: {command}", file=sys.stderr)
    pin = [] if core is None else ["taskset", "-c", str(core)]
    words = [*pin, program, command, "--dir", place, "--messages", str(sizes["messages"]), "--chats",
             str(sizes["chats"]), *arguments]
    result = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=timeout)
    if result.returncode != 0:
        raise StartFailed(f"history_bench {command} ended with {result.returncode}")
    return json.loads(result.stdout)


def forget_files(directory):
    """Out of the kernel's cache, as after a restart of the machine."""
    for folder, _, names in os.walk(directory):
        for name in names:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def restart(binary, out, core, data, sizes):
    """Seconds from the start to the first history that is answered."""
    with OnFilledStore(binary, out, core, data) as server, Reader(server, sizes["chats"]) as reader:
        return {"ready": server.ready_seconds, "served": server.ready_seconds + reader.ask()}


def over_http(binary, out, cores, data, sizes):
    server_core, other_core = cores
    with OnFilledStore(binary, out, server_core, data) as server, Reader(server, sizes["chats"]) as reader:
        for _ in range(sizes["requests"] // 10):
            reader.ask()
        figures = {"atRest": percentiles([reader.ask() for _ in range(sizes["requests"])])}
        taken = []
        load = Load(binary, server, other_core, sizes)
        while load.is_alive():
            taken.append(reader.ask())
        figures["publishing"] = percentiles(taken)
        figures["load"] = load.outcome()
    return figures


class Load:
    """`carillon bench` publishes steadily to chats of its own, with subscribers."""

    def __init__(self, binary, server, core, sizes):
        arguments = ("one-to-one", "--connections", "100", "--size", "128", "--rate", str(HTTP_PUBLISH_RATE),
                     "--messages", str(2 * sizes["requests"]))
        self.result = {}
        self.thread = threading.Thread(target=self.run, args=(binary, server, arguments, core))
        self.thread.start()

    def run(self, *arguments):
        try:
            self.result = generate(*arguments, 120)
        except (StartFailed, subprocess.SubprocessError) as error:
            self.result = {"failure": str(error)}

    def is_alive(self):
        return self.thread.is_alive()

    def outcome(self):
        self.thread.join()
        return {key: self.result.get(key) for key in ("published", "seconds", "lost", "failure")}


def measure(binary, out, cores, quick, keep):
    sizes = QUICK if quick else SHAPE
    place = os.path.join(out, "history-store-quick" if quick else "history-store")
    data = os.path.join(place, "data")
    core = cores[0]
    count = ("--count", str(sizes["count"]))
    rate = ("--rate", str(PUBLISH_RATE))
    try:
        report = {"sizes": sizes,
                  "fill": run_program(binary, place, sizes, None, "fill", timeout=FILL_TIMEOUT_SECONDS),
                  "read": run_program(binary, place, sizes, core, "read", *count),
                  "permissions": run_program(binary, place, sizes, core, "permissions"),
                  "publishing": run_program(binary, place, sizes, None, "publishing", *count, *rate),
                  "storing": run_program(binary, place, sizes, core, "storing", "--count", str(sizes["stored"]))}
        print("== history: restarts, GET /messages", file=sys.stderr)
        report["restart"] = {"afterStoring": restart(binary, out, core, data, sizes),
                             "again": restart(binary, out, core, data, sizes)}
        forget_files(data)
        report["restart"]["cold"] = restart(binary, out, core, data, sizes)
        report["http"] = over_http(binary, out, cores, data, sizes)
        return report
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


def complaints(report):
    """What must not be, whatever the speed."""
    found = [f"history: {count} of the questions about {KINDS[kind]} are answered differently by SQLite"
             for kind, count in report["read"]["different"].items() if count]
    refused = report["publishing"]["carillon"]["refused"]
    if refused:
        found.append(f"history: {refused} publishes were refused")
    load = report["http"]["load"]
    if load["failure"] or load["lost"]:
        found.append(f"history: publishing over sockets: {load['failure'] or 'lost messages'}")
    return found


def targets(report):
    """(what, bound, limit, unit, measured)"""
    publishing = report["publishing"]["carillon"]["publishing"]
    going_on = f"with {PUBLISH_RATE:,} publishes/s"
    return [
        (f"newest 50 of a chat, {going_on}", "at most", 0.2, "ms p50", publishing["newest"]["p50"] / 1000),
        (f"newest 50 of a chat, {going_on}", "at most", 2, "ms p99", publishing["newest"]["p99"] / 1000),
        (f"sequences of 100 numbers, {going_on}", "at most", 0.5, "ms p50", publishing["sequences"]["p50"] / 1000),
        ("permission check from memory", "at most", 1, "µs", report["permissions"]["us"]),
        ("storing, on one core", "at least", 50000, "messages/s", report["storing"]["perSecondOfCpu"]),
        ("restart on that store", "at most", 2, "s", report["restart"]["afterStoring"]["served"]),
    ]


def target_table(report):
    out = ["| target | measured | reached |", "| --- | --- | --- |"]
    for what, bound, limit, unit, measured in targets(report):
        reached = measured <= limit if bound == "at most" else measured >= limit
        out.append(f"| {what}: {bound} {limit:,} {unit} | {number(measured)} | {'yes' if reached else 'no'} |")
    return out


def reading_table(report):
    read, publishing = report["read"], report["publishing"]
    out = ["| reading, answer encoded | p50 µs | p99 µs | CPU µs | SQLite p50 µs | p99 µs | CPU µs |",
           "| --- |" + " --- |" * 6]
    for kind, title in KINDS.items():
        situations = [("from the store, one thread", read["carillon"], read["sqlite"]),
                      ("through the node, at rest", publishing["carillon"]["atRest"], {}),
                      ("through the node, publishing", publishing["carillon"]["publishing"],
                       publishing["sqlite"]["publishing"])]
        for situation, ours, theirs in situations:
            cells = [figure(each.get(kind), key) for each in (ours, theirs) for key in ("p50", "p99", "cpu")]
            out.append(f"| {title}, {situation} | " + " | ".join(cells) + " |")
    return out


def figure(found, key):
    return number(found[key]) if found and found.get(key) else ""


def server_table(report):
    storing, restarts, http = report["storing"], report["restart"], report["http"]
    wal = storing["walBytes"] / (1 << 20)
    seconds = [(f"restart with {wal:.0f} MiB of write-ahead log", "afterStoring"), ("restart after a drain", "again"),
               ("restart with no file in memory", "cold")]
    out = ["| | |", "| --- | --- |"]
    out += [f"| {what}: ready / first history answered | {number(restarts[key]['ready'])} s / "
            f"{number(restarts[key]['served'])} s |" for what, key in seconds]
    for what, key in (("at rest", "atRest"), (f"{HTTP_PUBLISH_RATE:,} messages/s delivered meanwhile", "publishing")):
        out.append(f"| GET /messages, newest 50, {what}: p50 / p99 | {number(http[key]['p50'])} µs / "
                   f"{number(http[key]['p99'])} µs |")
    rates = [report["publishing"][side]["perSecond"] for side in ("carillon", "sqlite")]
    out.append(f"| while reading was measured: published; rows written to SQLite | {number(rates[0])}/s; "
               f"{number(rates[1])}/s |")
    out.append(f"| storing, pinned to one core: messages/s; CPU per message, compaction included | "
               f"{number(storing['perSecond'])}; {number(storing['cpu'])} µs |")
    out.append(f"| on disk: Carillon / SQLite | {report['fill']['carillonBytes'] / (1 << 30):.2f} GiB / "
               f"{report['fill']['sqliteBytes'] / (1 << 30):.2f} GiB |")
    return out


def markdown(report):
    sizes = report["sizes"]
    intro = f"""
{HEADING}

{sizes['messages']:,} messages of 128 bytes, published over {sizes['chats']:,} chats by chance. Questions about chats by
chance, one at a time, {sizes['count']:,} of each kind after warming up, in one run; the files are in the kernel's memory, both sides
cache 64 MiB of them. SQLite is in WAL mode with `synchronous=NORMAL`, prepared statements, its rows in the order of
(chat, position) `WITHOUT ROWID` and a unique index over (chat, sequence number); it makes the same JSON of its rows,
and the answers are compared. "Through the node" includes the permission, the wait for storage and a change of
threads. Publishing is {PUBLISH_RATE:,}/s into the same chats, synced; in SQLite it is as many rows, in transactions of 2 ms,
not synced. `script/bench {NAME}` repeats it.
"""
    parts = [intro, *target_table(report), "", *reading_table(report), "", *server_table(report)]
    return "\n".join(parts) + "\n"


def replaced(path, report):
    """What the file at `path` says of everything else, and this report as its last section."""
    with open(path) as file:
        others = file.read().split(f"\n{HEADING}\n")[0]
    return others.rstrip("\n") + "\n" + markdown(report)
