"""Mutation testing: `python -m tools.mutate models` (or `verdicts`, `bounds`). See docs/mutation-testing.md.

cosmic-ray changes files in place, so it is given a copy of the checkout, `build/mutation/NAME`. `--again` tries the
survivors of the last run once more, and what the time limit ended, with the tests as they are now.
"""

import argparse
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.config import load_config
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome

ROOT = Path(__file__).parent.parent
SESSIONS = ROOT / "tools/mutation"
EXPLAINED = ROOT / "docs/mutation-testing.md"
LATE = "timeout"  # what cosmic-ray says of a mutant that the time limit ended; it counts as killed


def copy(folder: Path) -> None:
    """The files of the checkout that git knows of, or would add."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def test(name: str, folder: Path) -> None:
    """Run the session in `folder`: what of it has no result yet."""
    paths = os.pathsep.join(str(folder / root) for root in ("reference", "backends"))
    environment = os.environ | {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": paths,  # before the editable install
        "OPENBLAS_NUM_THREADS": "1",
        "CI": "1",  # Hypothesis draws the same examples every time
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # half the time of a short test
    }
    config, session = f"tools/mutation/{name}.toml", f"{name}.sqlite"
    operators = "tools/mutation/operators.toml"
    commands = [[sys.executable, "-m", "cosmic_ray.cli", "baseline", config]]
    if not (folder / session).exists():
        commands.append([sys.executable, "-m", "cosmic_ray.cli", "init", config, session])
        commands.append([sys.executable, "-m", "cosmic_ray.tools.filters.operators_filter", session, operators])
    commands.append([sys.executable, "-m", "cosmic_ray.cli", "exec", config, session])
    for command in commands:
        if subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
            sys.exit(f"it ended early, in {folder}: {' '.join(command[2:])}")


def changed(diff: str, sign: str) -> str:
    """The lines that `diff` takes away (`-`) or adds (`+`), as one."""
    lines = diff.splitlines()[3:]  # after its three lines of title
    return " ".join(line[1:].strip() for line in lines if line.startswith(sign))


def survivors(session: Path) -> Iterator[tuple[str, str, str, str]]:
    """Every surviving mutant: its job, its file, the function, and the line as it was mutated (or that was removed)."""
    with use_db(session, WorkDB.Mode.open) as database:
        for item, result in database.completed_work_items:
            if result.worker_outcome is not WorkerOutcome.SKIPPED and not result.is_killed:
                (mutation,) = item.mutations
                line = changed(result.diff, "+") or "without " + changed(result.diff, "-")
                yield item.job_id, mutation.module_path.name, mutation.definition_name or "", line


def again(session: Path) -> None:
    """Forget the results of the survivors, and of what the time limit ended."""
    ids = [(job,) for job, *_ in survivors(session)]
    with sqlite3.connect(session) as connection:
        connection.executemany("DELETE FROM work_results WHERE job_id = ?", ids)
        connection.execute("DELETE FROM work_results WHERE output = ?", (LATE,))


def row(file: str, function: str, line: str) -> str:
    """The survivor's place in the table of docs/mutation-testing.md, up to the reason."""
    escaped = line.replace("|", "\\|")
    return f"| {file} | {function} | `{escaped}` |"


def covers(line: str, survivor: str) -> bool:
    """Whether a line of the table explains a survivor; `...` in it stands for anything."""
    place, code, *_ = line.split("`")
    return bool(re.fullmatch(re.escape(f"{place}`{code}` |").replace(r"\.\.\.", ".*"), survivor))


def report(name: str, session: Path) -> bool:
    """Print the figures and every survivor; whether the table of the page has these survivors and no others."""
    with use_db(session, WorkDB.Mode.open) as database:
        results = [result for _, result in database.results if result.worker_outcome is not WorkerOutcome.SKIPPED]
    late = sum(result.output == LATE for result in results)
    killed = sum(result.is_killed for result in results)
    print(f"{name}: {len(results)} mutants, {killed} killed ({late} by the time limit)")
    rows = sorted({row(*survivor) for _, *survivor in survivors(session)})
    modules = tuple(f"| {Path(path).name} |" for path in load_config(SESSIONS / f"{name}.toml")["module-path"])
    page = EXPLAINED.read_text(encoding="utf-8").splitlines()
    listed = [line for line in page if line.startswith(modules)]
    of = {line: [r for r in rows if covers(line, r)] for line in listed}
    unexplained = [r for r in rows if not any(r in covered for covered in of.values())]
    stale = [line for line, covered in of.items() if not covered]
    for title, lines in (("explained", set(rows) - set(unexplained)), ("UNEXPLAINED", unexplained), ("STALE", stale)):
        for line in sorted(lines):
            print(title, line)
    return not unexplained and not stale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(p.stem for p in SESSIONS.glob("*.toml") if p.stem != "operators"))
    parser.add_argument("--again", action="store_true", help="only what survived the last run, or took too long")
    options = parser.parse_args()
    folder = ROOT / "build/mutation" / options.name
    session = folder / f"{options.name}.sqlite"
    if options.again:
        if not session.exists():
            sys.exit(f"{options.name} has not been run here; run without --again")
        for module in load_config(SESSIONS / f"{options.name}.toml")["module-path"]:
            if (ROOT / module).read_bytes() != (folder / module).read_bytes():
                sys.exit(f"{module} has changed since the last run; run without --again")
        again(session)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    copy(folder)
    test(options.name, folder)
    sys.exit(0 if report(options.name, session) else 1)


if __name__ == "__main__":
    main()
