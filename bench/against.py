"""Two builds of Carillon side by side: what does a change cost? One run of each in turn, so that both meet the same
machine. script/bench --against BINARY [NAME...] compares BINARY with the build at hand."""

import statistics
import subprocess
import sys

import results
from rows import ROWS
from servers import StartFailed

NAMES = ("fanout-1", "fanout-16", "one-to-one")
FIGURE = "serverCpuMicrosPerDelivery"
REPEATS = 7  # the difference looked for is smaller than what two single runs differ by


def markdown(rows):
    lines = ["| | other | this | this / other |", "| --- | --- | --- | --- |"]
    for name, (other, this) in rows.items():
        ratio = statistics.median(after / before for before, after in zip(other, this))
        lines.append(f"| {ROWS[name].title} | {statistics.median(other):.3f} | {statistics.median(this):.3f} "
                     f"| {ratio:.3f} |")
    return "Server CPU µs per delivery, medians, and the median ratio of neighbouring runs.\n\n" + "\n".join(lines)


def measure(run_once, this, other, given):
    """Runs whatever of `given.rows` both take; False when a run went wrong."""
    flawless, rows = True, {}
    for name in [name for name in given.rows or NAMES if "carillon" in ROWS[name].contestants]:
        command = ROWS[name].command("carillon", given.quick)
        found = ([], [])
        for _ in range(1 if given.quick else max(given.repeat, REPEATS)):
            try:
                pair = [run_once(binary, name, "carillon", command) for binary in (other, this)]
            except (StartFailed, subprocess.SubprocessError) as error:
                print(error, file=sys.stderr)
                flawless = False
                continue
            figures = [results.value(run, FIGURE) for run in pair]
            flaws = [results.flaws(run) for run in pair]
            print(f"{name}: other {figures[0]:.3f}, this {figures[1]:.3f} µs; mistakes: {flaws[0]}, {flaws[1]}",
                  file=sys.stderr)
            flawless = flawless and flaws == ["none", "none"]
            for column, figure in zip(found, figures):
                column.append(figure)
        if found[0]:
            rows[name] = found
    print(markdown(rows))
    return flawless
