"""The measurements as Markdown."""

import os
import platform
import subprocess
import time

from rows import CONTESTANTS, FLAWS, ROWS

HEADER = """# Measurements

Written by `script/bench`; the command beside a row repeats it. Server and load generator are each bound to a
core of their own and talk over loopback TCP; every figure is the median of {repeat} runs with a fresh server each
(history: one run on one store).
CPU is the user and system time of all the server's threads, read once it has come to rest, divided by the
deliveries. Carillon runs as users run it: a message is on disk before it is answered or delivered, and it goes
into the history; nchan and nats-server keep nothing on disk here. The content has 128 bytes; what travels with
it (Carillon's envelope, NATS' subject) is each server's own. The bare loop reads messages and sends WebSocket
frames and does nothing else: no server is expected below "one write per turn".

"""


def machine(directory):
    cores = os.cpu_count()
    model = ""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    kernel = ".".join(platform.release().split(".")[:2])
    lines = [f"- {cores} cores ({model}), Linux {kernel}", f"- data on {disk(directory)}"]
    versions = ", ".join(filter(None, (version(package) for package in ("nginx", "libnginx-mod-nchan", "nats-server",
                                                          "libsqlite3-0"))))
    if versions:
        lines.append(f"- {versions}")
    return "## Machine\n\n" + "\n".join(lines) + "\n"


def disk(directory):
    device = os.stat(directory).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    kind = "a disk"
    try:
        node = os.path.realpath(f"/sys/dev/block/{number}")
        if not os.path.exists(f"{node}/queue"):
            node = os.path.dirname(node)
        with open(f"{node}/queue/rotational") as file:
            kind = "a rotating disk" if file.read().strip() == "1" else "solid-state storage"
        if os.path.basename(node).startswith("vd"):
            kind = "a virtio disk"  # whose flag says nothing about what is below
    except OSError:
        pass
    filesystem = ""
    with open("/proc/self/mountinfo") as file:
        for line in file:
            fields = line.split()
            if fields[2] == number:
                filesystem = fields[fields.index("-") + 1]
    return f"{kind}, {filesystem or 'unknown file system'}, a 4 KiB write synced in {sync_micros(directory):.0f} µs"


def sync_micros(directory):
    """The median of 200."""
    path = os.path.join(directory, "sync-probe")
    times = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for _ in range(200):
            start = time.perf_counter()
            os.write(descriptor, b"x" * 4096)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - start)
    finally:
        os.close(descriptor)
        os.unlink(path)
    return sorted(times)[100] * 1e6


def version(package):
    result = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", package], capture_output=True,
                            text=True)
    return result.stdout if result.returncode == 0 else ""


def value(run, key):
    for part in key.split("."):
        run = run.get(part) if isinstance(run, dict) else None
    return run


def number(figure):
    if figure is None:
        return "–"
    if figure >= 1000:
        return f"{figure:,.0f}"
    if figure >= 100:
        return f"{figure:.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def flaws(run):
    found = [f"{run[key]:,} {key}" for key in FLAWS if run.get(key)]
    if run.get("reordered"):
        found.append(f"{run['reordered']:,} reordered")
    if run.get("failure"):
        found.append(run["failure"].split("\n")[0])
    return ", ".join(found) or "none"


def targets(measured):
    out = ["## Targets\n", "| target | measured | reached |", "| --- | --- | --- |"]
    for name, runs in measured.items():
        row = ROWS[name]
        run = runs.get("carillon")
        if run is None:
            continue
        for key, bound, limit, what, factor in row.targets:
            figure = value(run, key)
            scaled = None if figure is None else figure * factor
            reached = scaled is not None and (scaled <= limit if bound == "at most" else scaled >= limit)
            flawless = not any(run.get(flaw) for flaw in FLAWS) and not run.get("failure")
            verdict = "yes" if reached and flawless else "no" if flawless else f"no: {flaws(run)}"
            out.append(f"| {row.title}: {bound} {limit:,} {what} | {number(scaled)} | {verdict} |")
    return "\n".join(out) + "\n"


def overview(measured):
    """The first figure of each row for all servers side by side, with its ratio to Carillon's."""
    shown = [name for name in CONTESTANTS if any(name in runs for runs in measured.values())]
    out = ["## Side by side\n", "In parentheses: the figure divided by Carillon's.\n",
           "| | " + " | ".join(CONTESTANTS[name].title for name in shown) + " | command |",
           "| --- |" + " --- |" * (len(shown) + 1)]
    for name, runs in measured.items():
        key, what = ROWS[name].figures[0]
        base = value(runs.get("carillon", {}), key)
        cells = []
        for contestant in shown:
            figure = value(runs.get(contestant, {}), key)
            ratio = f" ({figure / base:.2f})" if figure is not None and base and contestant != "carillon" else ""
            cells.append("" if contestant not in runs else number(figure) + ratio)
        out.append(f"| {ROWS[name].title}: {what} | " + " | ".join(cells) + f" | `script/bench {name}` |")
    return "\n".join(out) + "\n"


def details(name, runs, commands):
    row = ROWS[name]
    out = [f"## {row.title[0].upper()}{row.title[1:]}\n",
           "| server | " + " | ".join(what for _, what in row.figures) + " | mistakes | command |",
           "| --- |" + " --- |" * (len(row.figures) + 2)]
    for contestant, run in runs.items():
        cells = " | ".join(number(value(run, key)) for key, _ in row.figures)
        out.append(f"| {CONTESTANTS[contestant].title} | {cells} | {flaws(run)} | "
                   f"`script/bench {name} --server {contestant}` |")
    out.append("\nThe load generator's part:\n\n```")
    out += [generator_command(contestant, commands[contestant]) for contestant in runs]
    out.append("```")
    return "\n".join(out) + "\n"


def generator_command(contestant, arguments):
    protocol = CONTESTANTS[contestant].server.protocol
    where = {"bare": "--server-core 0",
             "nats": "--url http://127.0.0.1:PORT --publish-url nats://127.0.0.1:PORT --server-pid PID"}
    return " ".join(["carillon bench", *arguments, "--protocol", protocol,
                     where.get(protocol, "--url http://127.0.0.1:PORT --server-pid PID")])


def markdown(measured, commands, directory, repeat):
    parts = [HEADER.format(repeat=repeat) + machine(directory)]
    if measured:
        parts += [targets(measured), overview(measured)]
    parts += [details(name, runs, commands[name]) for name, runs in measured.items()]
    return "\n".join(parts)
