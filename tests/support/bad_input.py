"""Files and places that no command can use, by what is wrong with them; and environments that lack something."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOP = "loop"  # a link to itself
DEEP = "[" * 100_000
HUGE = 2**42


def unreadable(folder, suffix):
    """Paths of what is no readable text, by what is wrong; the files are made in `folder`."""
    (folder / f"folder{suffix}").mkdir()
    (folder / f"{LOOP}{suffix}").symlink_to(folder / f"{LOOP}{suffix}")
    (folder / "file").write_text("a file")
    (folder / f"binary{suffix}").write_bytes(bytes(range(256)))
    (folder / f"latin{suffix}").write_bytes("é = 1".encode("latin-1"))
    (folder / f"huge{suffix}").touch()
    os.truncate(folder / f"huge{suffix}", HUGE)  # without a byte on the disk
    named = {
        "missing": folder / f"missing{suffix}",
        "a folder": folder / f"folder{suffix}",
        "below a file": folder / f"file/below{suffix}",
        "a loop of links": folder / f"{LOOP}{suffix}",
        "a name too long": folder / ("n" * 300 + suffix),
        "bytes": folder / f"binary{suffix}",
        "not UTF-8": folder / f"latin{suffix}",
        "huge": folder / f"huge{suffix}",
    }
    return {what: str(path) for what, path in named.items()}


def no_results():
    """Texts that are no JSON result, by what is wrong."""
    return {
        "empty": "",
        "no JSON": "{'a': 1}",
        "truncated": '{"environment": {"backproof": "0.1.0", "se',
        "a list": "[]",
        "a text": '"text"',
        "null": "null",
        "of something else": '{"results": 3}',
        "deep": DEEP,
        "a huge number": '{"cells": ' + "9" * 5000 + "}",
    }


def unwritable(folder, suffix=""):
    """Places where no file can be written, by what is wrong; made in `folder`."""
    (folder / f"taken{suffix}").mkdir()
    (folder / "plain").write_text("kept")
    (folder / f"round{suffix}").symlink_to(folder / f"round{suffix}")
    return {
        "a folder": str(folder / f"taken{suffix}"),
        "no folder": str(folder / "none" / f"r{suffix}"),
        "below a file": str(folder / "plain" / f"r{suffix}"),
        "a loop of links": str(folder / f"round{suffix}"),
        "a name too long": str(folder / ("n" * 300 + suffix)),
        "where the system writes": f"/proc/r{suffix}",
        "no name": "" if not suffix else str(folder / "other.txt"),
    }


def listing(folder):
    """Everything in `folder`, with its contents: to see that nothing was left or changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        plain = path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
        size = path.stat().st_size if plain else None
        found[path] = size, path.read_bytes() if plain and size < HUGE else None
    return found


BLOCKER = """
import importlib.machinery, os
def find_spec(cls, name, path=None, target=None, found=importlib.machinery.PathFinder.find_spec):
    return None if name.partition(".")[0] in os.environ["MISSING"].split() else found(name, path, target)
importlib.machinery.PathFinder.find_spec = classmethod(find_spec)
"""


def without(folder, *packages):
    """An environment in which these packages are not installed."""
    (folder / "sitecustomize.py").write_text(BLOCKER)
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "MISSING": " ".join(packages)}


def run(*argv, module="backproof", shell=None, **options):
    """A command in a process of its own: exit code, standard output, standard error. `shell` are redirections."""
    environment = {**os.environ, **options.pop("env", {})}
    command = [*options.pop("wrapper", ()), sys.executable, "-m", module, *map(str, argv)]
    if shell is not None:
        options |= {"args": ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash", *command]}
    else:
        options |= {"args": command}
    ended = subprocess.run(
        **{"cwd": ROOT, "env": environment, "capture_output": True, "timeout": 120, "check": False} | options
    )
    return ended.returncode, ended.stdout.decode(errors="replace"), ended.stderr.decode(errors="replace")


def result_of(backproof, folder, *argv):
    """The JSON result of a command that goes well."""
    code, _, err = backproof(*argv, "--json", folder / "good.json")
    assert code == 0, err
    return json.loads((folder / "good.json").read_text())
