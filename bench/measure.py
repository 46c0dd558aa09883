"""Runs the rows of rows.py, server by server, and writes what was measured. Started by script/bench."""

import argparse
import json
import os
import signal
import subprocess
import sys

import against
import history
import results
from rows import CONTESTANTS, FLAWS, ROWS
from servers import StartFailed, generate

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "bench")
BACKLOG = "/proc/sys/net/core/netdev_max_backlog"
BACKLOG_WANTED = 100000
TIMEOUT_SECONDS = 120


class Backlog:
    """Loopback fan-out overflows the kernel's default queue: raised meanwhile, where that is allowed."""

    def __enter__(self):
        self.before = None
        try:
            with open(BACKLOG) as file:
                before = file.read().strip()
            if int(before) < BACKLOG_WANTED:
                with open(BACKLOG, "w") as file:
                    file.write(str(BACKLOG_WANTED))
                self.before = before
        except OSError:
            print("net.core.netdev_max_backlog cannot be raised: fan-out over loopback may suffer", file=sys.stderr)
        return self

    def __exit__(self, *_):
        if self.before is not None:
            with open(BACKLOG, "w") as file:
                file.write(self.before)


def arguments():
    parser = argparse.ArgumentParser(prog="script/bench", description="Measures Carillon beside its peers.")
    names = [*ROWS, history.NAME]
    parser.add_argument("rows", nargs="*", metavar="NAME", help=f"what to measure (all): {', '.join(names)}")
    parser.add_argument("--server", action="append", choices=tuple(CONTESTANTS), help="only this one; may repeat")
    parser.add_argument("--repeat", type=int, default=3, help="runs per figure, of which the median counts (3)")
    parser.add_argument("--quick", action="store_true", help="small numbers, one run: does it work at all")
    parser.add_argument("--keep", action="store_true", help="leave the filled stores of history in build/bench")
    parser.add_argument("--against", metavar="BINARY", help="another build of carillon: what does this one cost more")
    given = parser.parse_args()
    unknown = [name for name in given.rows if name not in names]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(names)}")
    given.whole = not given.rows and not given.server and not given.quick
    wanted = given.rows or (ROWS if given.server else names)
    given.history = history.NAME in wanted
    if not given.against:
        given.rows = [name for name in wanted if name in ROWS]
    if given.repeat < 1:
        parser.error("--repeat is at least 1")
    return given


def cores():
    """One for the server and one for the generator, where there are two."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def run_once(binary, name, contestant, command):
    server_core, generator_core = cores()
    with CONTESTANTS[contestant].server(binary, OUT, server_core) as server:
        return generate(binary, server, command, generator_core, TIMEOUT_SECONDS)


def median(row, runs):
    """Of the runs without mistakes, where there are any."""
    flawless = [run for run in runs if not any(run.get(flaw) for flaw in FLAWS) and not run.get("failure")]
    key = row.figures[0][0]
    candidates = sorted(flawless or runs, key=lambda run: results.value(run, key) or 0)
    return candidates[(len(candidates) - 1) // 2]


def measure(given, binary):
    measured, commands, raw, failed = {}, {}, [], False
    for name in given.rows:
        row = ROWS[name]
        wanted = [contestant for contestant in row.contestants if not given.server or contestant in given.server]
        commands[name] = {contestant: row.command(contestant, given.quick) for contestant in wanted}
        runs = {contestant: [] for contestant in wanted}
        for _ in range(1 if given.quick else given.repeat):
            for contestant in wanted:
                print(f"== {name}: {CONTESTANTS[contestant].title}", file=sys.stderr)
                try:
                    run = run_once(binary, name, contestant, commands[name][contestant])
                except (StartFailed, subprocess.SubprocessError) as error:
                    print(error, file=sys.stderr)
                    failed = True
                    continue
                runs[contestant].append(run)
                raw.append({"row": name, "server": contestant, "run": run})
                figure, what = row.figures[0]
                print(f"   {results.number(results.value(run, figure))} {what}; mistakes: {results.flaws(run)}",
                      file=sys.stderr)
                failed = failed or (contestant.startswith("carillon") and results.flaws(run) != "none"
                                    and not only_reordered(run))
        measured[name] = {contestant: median(row, found) for contestant, found in runs.items() if found}
    return {name: runs for name, runs in measured.items() if runs}, commands, raw, failed


def measure_history(given, binary):
    """What was measured (nothing when that failed), and what was wrong."""
    try:
        report = history.measure(binary, OUT, cores(), given.quick, given.keep)
    except (StartFailed, OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return None, [str(error)]
    complaints = history.complaints(report)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return report, complaints


def only_reordered(run):
    return not run.get("failure") and not any(run.get(flaw) for flaw in FLAWS)


def complete(measured):
    return all(set(row.contestants) == set(measured.get(name, ())) for name, row in ROWS.items())


def stop(*_):
    sys.exit(130)


def main():
    given = arguments()
    binary = os.path.abspath(os.environ.get("CARILLON_BINARY") or os.path.join(ROOT, "build", "release", "carillon"))
    os.makedirs(OUT, exist_ok=True)
    if given.against:
        with Backlog():
            return 0 if against.measure(run_once, binary, os.path.abspath(given.against), given) else 1
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    with Backlog():
        measured, commands, raw, failed = measure(given, binary)
    text = results.markdown(measured, commands, OUT, 1 if given.quick else given.repeat)
    report = None
    if given.history:
        report, complaints = measure_history(given, binary)
        raw.append({"row": history.NAME, "run": report})
        failed = failed or bool(complaints)
        text += history.markdown(report) if report else ""
    with open(os.path.join(OUT, "raw.json"), "w") as file:
        json.dump(raw, file, indent=1)
    print(text)
    kept = os.path.join(ROOT, "bench", "RESULTS.md")
    path = kept
    if not given.quick and report and not given.rows:
        text = history.replaced(kept, report)
    elif not (given.whole and complete(measured) and report):
        path = os.path.join(OUT, "results.md")
    with open(path, "w") as file:
        file.write(text)
    print(f"written to {os.path.relpath(path, ROOT)}; every run is in build/bench/raw.json", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
