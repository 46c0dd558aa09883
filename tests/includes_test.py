#!/usr/bin/env python3
"""House rules that a machine can check: which room includes which, which library stays in which room, file sizes,
nothing left undone in words, every error of the catalogue in docs/protocol.md, and every event_type of the log in
docs/logging.md and the other way round. Prints every breach and exits 1 when there is one. Standard library only.

Usage: includes_test.py [--root DIR]
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

MAX_LINES = 500

SHARED = {"base", "model"}
PORTS = SHARED | {"ports"}
BUS = PORTS | {"bus"}
COMPONENTS = {
    "authorizer",
    "chat_permission",
    "connection_handler",
    "management",
    "message_retrieval",
    "message_storage",
    "metric_collector",
    "outbound",
    "pages",
    "processor",
    "publisher",
}
EDGES = {"clustered", "embedded", "gateway", "observability"}

# What each room may include besides itself.
ALLOWED = {
    "base": set(),
    "model": {"base"},
    "ports": SHARED,
    "bus": PORTS,
    **{room: BUS for room in COMPONENTS},
    **{room: BUS | COMPONENTS for room in EDGES},
    "server": BUS | COMPONENTS | EDGES,
    "cli": BUS | COMPONENTS | EDGES | {"server"},
}
MAIN_ALLOWED = {"cli"}

# The comments application's service has rooms of its own below EXAMPLE, which use the project's.
EXAMPLE = "examples/comments/api"
EXAMPLE_ALLOWED = {
    "comment_store": SHARED,
    "comments_api": BUS | {"authorizer", "outbound", "gateway", "comment_store"},
    "tests": BUS | {"authorizer", "outbound", "gateway", "comment_store", "comments_api"},
}
EXAMPLE_MAIN_ALLOWED = {"base", "comments_api"}

# (pattern of the included path, the rooms that may, the most files that may; None: any number)
LIBRARIES = [
    (re.compile(r"^boost/beast[/.]"), {"gateway"}, None),
    (re.compile(r"^rocksdb/"), {"embedded", "comment_store", "tests"}, None),
    (re.compile(r"^toml\+\+/|^toml\.hpp$"), None, 1),
    (re.compile(r"^CLI/"), None, 1),
    (re.compile(r"^curl/"), {"outbound", "cli"}, None),
    (re.compile(r"^prometheus/"), {"observability"}, None),
    (re.compile(r"^nats(/|\.h$)"), {"clustered"}, None),
    (re.compile(r"^(postgresql/)?libpq-fe\.h$"), {"clustered"}, None),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
UNDONE = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
ERROR_ENTRY = re.compile(r'ErrorEntry \w+\{\s*"\w+",\s*(\d+),\s*\d+,\s*\w+,\s*"((?:[^"\\]|\\.)*)"\}')
LOG_CALL = re.compile(r"\blog::(debug|info|warn|error)\(\s*([^,]+),|\blog::(write)\([^,]+,\s*([^,]+),")
LOG_FORMAT = re.compile(r'\bformat\(Level::(\w+), "(\w+)",')
EVENT_ROW = re.compile(r"^\| `(\w+)` \| ((?:debug|info|warn|error)[^|]*) \|", re.MULTILINE)
CPP = {".cpp", ".hpp", ".h", ".cc"}
WATCHED = CPP | {".mjs", ".js", ".ts", ".tsx", ".py", ".sh", ".cmake", ".css"}
FOLDERS = ["src", "tests", "script", "bench", "web", "examples", "deploy"]
NOT_OURS = {"node_modules", "build", "dist", ".next", "out", "corpus", "__pycache__"}


def files_below(folder):
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not NOT_OURS.intersection(path.parts):
            yield path


def includes_of(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) or match.group(2)


def check_direction(room, included, allowed, main_allowed):
    """The complaint about one include, or None."""
    target = included.split("/")[0] if "/" in included else None
    if target not in ALLOWED and target not in EXAMPLE_ALLOWED or target == room:
        return None
    if target in (main_allowed if room is None else allowed[room]):
        return None
    return f"{room or 'main'} may not include {target}: {included}"


def check_source_tree(root, tree, allowed, main_allowed):
    source = root / tree
    rooms = {path.name for path in source.iterdir() if path.is_dir()} if source.is_dir() else set()
    for room in sorted(rooms - set(allowed)):
        if any(path.suffix in CPP for path in files_below(source / room)):
            yield f"{tree}/{room}: a room that tests/includes_test.py does not know"
    users = {}
    for path in files_below(source):
        if path.suffix not in CPP:
            continue
        relative = path.relative_to(source)
        room = relative.parts[0] if len(relative.parts) > 1 else None
        if room is not None and room not in allowed:
            continue
        for number, included in includes_of(path.read_text(encoding="utf-8")):
            where = f"{tree}/{relative}:{number}"
            if included.startswith("../") or included.startswith("./"):
                yield f"{where}: relative include {included}: name the room"
                continue
            complaint = check_direction(room, included, allowed, main_allowed)
            if complaint:
                yield f"{where}: {complaint}"
            for index, (pattern, may, _) in enumerate(LIBRARIES):
                if not pattern.search(included):
                    continue
                users.setdefault(index, set()).add(str(relative))
                if may is not None and room not in may:
                    yield f"{where}: only {', '.join(sorted(may))} may include {included}"
    for index, (pattern, _, most) in enumerate(LIBRARIES):
        found = sorted(users.get(index, ()))
        if most is not None and len(found) > most:
            yield f"{pattern.pattern} belongs in {most} unit, is in: {', '.join(found)}"


def check_texts(root):
    for folder in FOLDERS:
        for path in files_below(root / folder):
            if path.suffix not in WATCHED and not (folder == "script" and path.suffix == ""):
                continue
            lines = path.read_text(encoding="utf-8").splitlines()
            name = path.relative_to(root)
            if len(lines) > MAX_LINES:
                yield f"{name}: {len(lines)} lines, more than {MAX_LINES}"
            for number, line in enumerate(lines, 1):
                if UNDONE.search(line):
                    yield f"{name}:{number}: left undone in words: {line.strip()[:80]}"


def check_catalogue(root):
    catalogue = root / "src/model/errors.hpp"
    document = root / "docs/protocol.md"
    if not catalogue.is_file() or not document.is_file():
        return
    documented = document.read_text(encoding="utf-8")
    for entry in ERROR_ENTRY.finditer(catalogue.read_text(encoding="utf-8")):
        status, text = entry.group(1), entry.group(2).replace('\\"', '"')
        if not re.search(rf"^\| {status} \|.*`{re.escape(text)}`", documented, re.MULTILINE):
            yield f"docs/protocol.md does not list the error {status} {text}"


def events_of(text):
    """What a source file logs, as (event type, level). The level is "" where it is decided at run time, the event type
    None where it is not to be read from the file."""
    for match in LOG_CALL.finditer(text):
        argument = match.group(2) or match.group(4)
        constant = re.search(rf'\b{re.escape(argument)} = ("\w+");', text)
        for event in re.findall(r'"(\w+)"', constant.group(1) if constant else argument) or [None]:
            yield event, match.group(1) or ""
    for match in LOG_FORMAT.finditer(text):
        yield match.group(2), match.group(1)


def check_log_events(root):
    document = root / "docs/logging.md"
    if not document.is_file():
        return
    listed = dict(EVENT_ROW.findall(document.read_text(encoding="utf-8")))
    logged = set()
    for path in files_below(root / "src"):
        if path.suffix not in CPP or path.name == "log.hpp":
            continue
        for event, level in events_of(path.read_text(encoding="utf-8")):
            if event is None:
                yield f"{path.relative_to(root)}: logs an event_type that is not written out in it"
            elif event in listed and level not in listed[event]:
                yield f"docs/logging.md: {event} is logged as {level}, not only as {listed[event]}"
            logged.add(event)
    for event in sorted(logged - {None} - listed.keys()):
        yield f"docs/logging.md does not list the event_type {event}"
    for event in sorted(listed.keys() - logged):
        yield f"docs/logging.md lists the event_type {event}, which nothing logs"


def breaches(root):
    return [
        *check_source_tree(root, "src", ALLOWED, MAIN_ALLOWED),
        *check_source_tree(root, EXAMPLE, EXAMPLE_ALLOWED, EXAMPLE_MAIN_ALLOWED),
        *check_texts(root),
        *check_catalogue(root),
        *check_log_events(root),
    ]


def self_test():
    """Every rule must fire on a tree that breaks it, and none on a tree that keeps them."""
    entry = 'ErrorEntry kGone{"gone", 410, 0, false, "Gone \\"x\\""};\n'
    good = {
        "src/model/errors.hpp": entry,
        "docs/protocol.md": '| 410 | `Gone "x"` | | no |\n',
        "docs/logging.md": "| `a_b` | info |\n| `c` | warn |\n| `d` | warn |\n| `e` | info or warn |\n",
        "src/main.cpp": '#include "cli/run.hpp"\n',
        "src/base/a.hpp": "#include <string>\n",
        "src/base/log.cpp": 'format(Level::warn, "e", "text");\n',
        "src/bus/log.cpp": 'log::info(\n    "a_b", "x");\nlog::warn(x ? "c" : "d", "x");\n',
        "src/bus/write.cpp": 'kEvent = "c";\nlog::write(level, kEvent, "x");\n',
        "src/bus/a.hpp": '#include "ports/p.hpp"\n#include "base/a.hpp"\n',
        "src/gateway/a.cpp": '#include <boost/beast/core.hpp>\n#include "bus/a.hpp"\n',
        "src/embedded/a.cpp": '#include <rocksdb/db.h>\n#include "processor/p.hpp"\n',
        "src/outbound/a.cpp": "#include <curl/curl.h>\n",
        "src/server/a.cpp": '#include <toml++/toml.h>\n#include "gateway/a.hpp"\n',
        "src/cli/a.cpp": '#include <CLI/CLI.hpp>\n#include "server/a.hpp"\n',
        f"{EXAMPLE}/main.cpp": '#include "comments_api/a.hpp"\n',
        f"{EXAMPLE}/comment_store/a.cpp": '#include <rocksdb/db.h>\n#include "model/a.hpp"\n',
        f"{EXAMPLE}/comments_api/a.cpp": '#include "comment_store/a.hpp"\n#include "gateway/a.hpp"\n',
        f"{EXAMPLE}/tests/a_test.cpp": '#include "comments_api/a.hpp"\n#include "unit/authorizer/a.hpp"\n',
    }
    bad = {
        "src/base/b.hpp": '#include "model/m.hpp"\n',
        "src/model/b.hpp": '#include "ports/m.hpp"\n',
        "src/ports/b.hpp": '#include "bus/m.hpp"\n',
        "src/bus/b.hpp": '#include "publisher/m.hpp"\n',
        "src/publisher/b.hpp": '#include "processor/m.hpp"\n',
        "src/processor/b.hpp": "#include <boost/beast/http.hpp>\n",
        "src/gateway/b.hpp": '#include "embedded/m.hpp"\n',
        "src/embedded/b.hpp": '#include "server/m.hpp"\n',
        "src/server/b.hpp": '#include "cli/m.hpp"\n',
        "src/server/c.hpp": "#include <rocksdb/db.h>\n",
        "src/server/d.hpp": "#include <curl/curl.h>\n",
        "src/server/e.cpp": "  #  include <toml++/toml.h>\n",
        "src/cli/e.cpp": "#include <CLI/App.hpp>\n",
        "src/cli/f.cpp": '#include "../server/a.hpp"\n',
        "src/main.cpp": '#include "server/a.hpp"\n',
        "src/unknown/g.cpp": "\n",
        "src/base/h.cpp": "\n" * (MAX_LINES + 1),
        "src/gateway/c.cpp": '#include "comments_api/a.hpp"\n',
        f"{EXAMPLE}/comment_store/b.cpp": '#include "comments_api/a.hpp"\n',
        f"{EXAMPLE}/comments_api/b.cpp": "#include <rocksdb/db.h>\n",
        f"{EXAMPLE}/comments_api/c.cpp": '#include "embedded/a.hpp"\n',
        f"{EXAMPLE}/main.cpp": '#include "server/a.hpp"\n',
        "docs/protocol.md": '| 411 | `Gone "x"` | | no |\n',
        "tests/i_test.cpp": "// TO" + "DO: later\n",
        "src/bus/j.cpp": 'log::error("unlisted", "x");\n',
        "src/bus/k.cpp": 'log::error(what, "x");\n',
        "src/bus/l.cpp": 'log::error("c", "x");\n',
        "src/base/log.cpp": "\n",
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in good.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        assert breaches(root) == [], breaches(root)
        for name, text in bad.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            kept = (root / name).read_text() if (root / name).exists() else None
            (root / name).write_text(text)
            found = breaches(root)
            assert len(found) == 1, f"{name}: {found}"
            if kept is None:
                (root / name).unlink()
            else:
                (root / name).write_text(kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    self_test()
    found = breaches(root)
    for breach in found:
        print(breach)
    print(f"includes_test: {len(found)} breaches" if found else "includes_test: all rules are kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
