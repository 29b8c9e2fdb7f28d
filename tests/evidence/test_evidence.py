"""What a backend's process reads is seen, in whatever way it reads; a changed, new or missing file is named."""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from backproof.conformance.cells import Cell, Problem
from backproof.conformance.decide import tasks
from backproof.evidence import changes
from backproof.evidence.fingerprint import LARGE, fingerprint
from backproof.evidence.manifest import Manifest
from backproof.hosting.evaluation import Evaluation
from backproof.hosting.worker import Worker

BACKEND = """
class Reads(NumpyBackend):
    name = "reads"
    def evaluate(self, *asked):
        late()
        return super().evaluate(*asked)
"""
READS = """
import ctypes, glob, importlib.util, json, linecache, os, sqlite3, sys, threading
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
import numpy as np
from backproof_numpy import NumpyBackend
sys.path[:0] = ["earlier", "later", "archive.zip", "site-packages"]
import beside, bytecode, linked, helper, inarchive, package.inner, portions.part
from folder_link import behind_link
try:
    import optional
except ImportError:
    pass
spec = importlib.util.spec_from_file_location("by_place", "elsewhere/by_place.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))
importlib.util.find_spec("sought")
exec(open("statements.txt").read())
weights = np.load("weights.npy")
mapped = np.memmap("mapped.bin", mode="r")
kept = os.open("kept.txt", os.O_RDONLY)
library = ctypes.CDLL("./library_link.so")
loader = ExtensionFileLoader("_bisect", "_bisect.so")
spec = importlib.util.spec_from_file_location("_bisect", "_bisect.so", loader=loader)
importlib.util.module_from_spec(spec)

def late():
    import lazily
    thread = threading.Thread(target=lambda: __import__("in_thread"))
    thread.start(), thread.join()
    json.loads(Path("settings.json").read_text())
    linecache.getline("line.txt", 1)
    sqlite3.connect("base.db").execute("pragma schema_version").fetchone()
    glob.glob("parts/*.txt")
    os.path.exists("flag")
    os.access("key", os.R_OK)
    for name in ("maybe.txt",):
        try:
            open(name)
        except OSError:
            pass
    if not os.path.exists("product.txt"):
        Path("product.txt").write_text("1")
    Path("product.txt").read_text()
    with open("log.txt", "a") as log:
        log.write("a line")
    os.environ.get("READS_BY_NAME"), "READS_IN" in os.environ, os.environb.get(b"READS_BYTES")
"""
TEXTS = [
    "beside.py", "later/linked.py", "site-packages/helper.py", "later/package/__init__.py", "later/package/inner.py",
    "later/portions/part.py", "real/behind_link.py", "other/behind_link.py", "elsewhere/by_place.py", "statements.txt",
    "kept.txt", "lazily.py", "in_thread.py", "settings.json", "line.txt", "unread.txt", "kernel.cu",
]  # fmt: skip
OTHERWISE = ("unread.txt", "other/behind_link.py", "site-packages/helper.py")  # read not at all, or told in other words


def _write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _archive(folder, text):
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.writestr("inarchive.py", text)


def _append(name):
    def change(folder):
        with open(folder / name, "ab") as file:
            file.write(b" ")

    return change


def _swap(link, to):
    def change(folder):
        (folder / link).unlink()
        (folder / link).symlink_to(to)

    return change


def _same_size_and_time(folder):
    file = folder / "beside.py"
    before = file.stat()
    file.write_text("1\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


CHANGES = {  # what is changed, and a word of the reason
    **{name: (_append(name), f"{Path(name).name} changed since") for name in TEXTS if name not in OTHERWISE},
    "a helper in site-packages": (_append("site-packages/helper.py"), "helper.py (installed) changed since"),
    "same size, same time": (_same_size_and_time, "beside.py changed since"),
    "bytecode without a source": (_append("bytecode.pyc"), "bytecode.pyc changed since"),
    "a zipped module": (lambda folder: _archive(folder, "2"), "archive.zip changed since"),
    "an array": (_append("weights.npy"), "weights.npy changed since"),
    "a mapped array": (_append("mapped.bin"), "mapped.bin changed since"),
    "a database": (_append("base.db"), "base.db changed since"),
    "a library": (_append("library.so.1"), "library.so.1 changed since"),
    "a library's link": (_swap("library_link.so", "library.so.2"), "library_link.so changed since"),
    "an extension module": (_append("_bisect.so"), "_bisect.so changed since"),
    "a folder's link": (_swap("folder_link", "other"), "behind_link.py changed since"),
    "a module is gone": (lambda folder: (folder / "beside.py").unlink(), "beside.py is gone"),
    "a module found earlier": (
        lambda folder: _write(folder / "earlier/linked.py", ""), "module linked is found elsewhere"
    ),
    "a namespace's new portion": (
        lambda folder: _write(folder / "earlier/portions/part.py", ""),
        "module portions is found elsewhere",
    ),
    "a module before the standard library's": (
        lambda folder: _write(folder / "earlier/linecache.py", ""),
        "module linecache is found elsewhere",
    ),
    "an optional module": (lambda folder: _write(folder / "optional.py", ""), "module optional is found now"),
    "a module that is searched for": (lambda folder: _write(folder / "sought.py", ""), "module sought is found now"),
    "an optional file": (lambda folder: _write(folder / "maybe.txt", ""), "maybe.txt is new"),
    "a file that is asked for": (lambda folder: _write(folder / "flag", ""), "flag is new"),
    "a file that access is asked of": (lambda folder: _write(folder / "key", ""), "key is new"),
    "another file in a folder": (lambda folder: _write(folder / "parts/1.txt", ""), "parts changed since"),
    "what it wrote and reads": (_append("product.txt"), "product.txt changed since"),
    "what nothing reads": (_append("unread.txt"), None),
    "what it only writes": (_append("log.txt"), None),
}  # fmt: skip


def _run(spec, folder):
    """The manifest of one evaluation of the backend `spec`, whose module is in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        worker = Worker(spec)
        try:
            backend = worker.start()
            cell = Cell(Problem("univariate", (("m", 7),), "normal", "float64"), backend.name, "reference", "cpu")
            answer = worker.run(tasks(cell)[0], 60)
        finally:
            worker.close()
    assert isinstance(answer, Evaluation), answer
    return worker.manifest


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A folder, and the manifest of a run that read it in every way."""
    import py_compile

    import numpy as np

    folder = tmp_path_factory.mktemp("reads")
    for name in TEXTS:
        _write(folder / name, "0\n")
    for name in ("earlier", "parts"):
        (folder / name).mkdir()
    _write(folder / "later/package/inner.py", "from package import __doc__\n")
    _write(folder / "bytecode.py", "0\n")
    py_compile.compile(str(folder / "bytecode.py"), str(folder / "bytecode.pyc"), doraise=True)
    (folder / "bytecode.py").unlink()
    _archive(folder, "1")
    np.save(folder / "weights.npy", 1.0)
    (folder / "mapped.bin").write_bytes(bytes(8))
    (folder / "base.db").write_bytes(b"")
    extension = next(Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("_bisect*.so"))
    for name in ("library.so.1", "_bisect.so"):
        shutil.copy(extension, folder / name)
    (folder / "library.so.2").write_bytes(b"another")
    (folder / "library_link.so").symlink_to("library.so.1")
    (folder / "folder_link").symlink_to("real")
    (folder / "real/__init__.py").write_text("")
    (folder / "other/__init__.py").write_text("")
    (folder / "other/behind_link.py").write_text("2\n")
    (folder / "reads.py").write_text(READS + BACKEND)
    return folder, _run("reads:Reads", folder)


def test_what_did_not_change_is_the_same(read):
    _, manifest = read
    reasons, again = changes.differences(manifest.as_json(), manifest)
    assert reasons == []
    assert again == manifest


@pytest.mark.parametrize("change", CHANGES)
def test_what_it_reads_is_named_when_it_changes(change, read, tmp_path):
    folder, manifest = read
    saved = tmp_path / "saved"
    shutil.copytree(folder, saved, symlinks=True)
    act, expected = CHANGES[change]
    told = manifest.as_json()
    told["installed"] = [each for each in told["installed"] if each["folder"].startswith(str(folder))]  # quick
    try:
        act(folder)
        reasons, _ = changes.differences(told, manifest)
    finally:
        for place in folder.iterdir():
            shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
        shutil.copytree(saved, folder, symlinks=True, dirs_exist_ok=True)
    assert (reasons == []) is (expected is None), reasons
    assert expected is None or expected in reasons


@pytest.mark.parametrize(
    "name", ["READS_BY_NAME", "READS_IN", "READS_BYTES", "OMP_NUM_THREADS", "JAX_ENABLE_X64", "TORCH_X"]
)
def test_variables_that_it_asks_for_or_that_set_libraries_are_compared(name, read, monkeypatch):
    _, manifest = read
    told = manifest.as_json()
    monkeypatch.setenv(name, "31")
    assert changes.differences(told, manifest)[0] == [f"{name} is set otherwise"]
    monkeypatch.delenv(name)
    monkeypatch.setenv("READS_NOBODY_ASKED", "31")
    assert changes.differences(told, manifest)[0] == []


def test_a_value_of_the_environment_is_not_in_the_result(tmp_path, monkeypatch):
    monkeypatch.setenv("READS_A_SECRET", "unguessable")
    (tmp_path / "asks.py").write_text(
        "import os\nfrom backproof_numpy import NumpyBackend\n"
        "key, backend = os.environ['READS_A_SECRET'], NumpyBackend()\n"
    )
    told = _run("asks:backend", tmp_path).as_json()
    assert "READS_A_SECRET" in told["variables"]
    assert "unguessable" not in repr(told)


@pytest.mark.parametrize(
    "what", ["Python", "Python's options", "the platform", "the processor", "numpy", "the number of processors"]
)
def test_another_machine_or_library_is_another_run(what, read):
    _, manifest = read
    now = Manifest(**vars(manifest) | {"facts": manifest.facts | {what: "another"}})
    (reason,) = changes.differences(manifest.as_json(), now)[0]
    assert reason.startswith(what)


UNKNOWN = {  # what cannot be followed, and a word of why
    "subprocess.run(['true'])": "it starts true",
    "os.popen('true').read()": "it starts sh",
    "os.waitpid(os.fork() or os._exit(0), 0)": "it starts processes of its own",
    "from multiprocessing import popen_spawn_posix": "it starts processes of its own",
    "socket.socket(socket.AF_UNIX).connect_ex('/nowhere')": "it opens network connections",
    "dict(os.environ)": "it reads the whole environment",
    "open('state.txt').read(), open('state.txt', 'w').write('2')": "state.txt is read and then written by it",
    "os.open('inside.txt', os.O_RDONLY, dir_fd=os.open('below', os.O_RDONLY))": "it opens inside.txt by a folder's",
    "__import__('stale')": "stale.py ran from bytecode of another text",
}
KNOWN = {  # what looks alike
    "import tempfile; tempfile.TemporaryFile().write(b'1')",
    "import tempfile; f = tempfile.NamedTemporaryFile(); open(f.name).read(); f.close()",
    "import ctypes.util; ctypes.util.find_library('m')",
    "import platform; platform.processor()",
    "import concurrent.futures as c; c.ThreadPoolExecutor(1).submit(int).result()",
}


def _asking(folder, name, statements):
    lines = [
        "import multiprocessing, os, socket, subprocess",
        "from backproof_numpy import NumpyBackend",
        "class Reads(NumpyBackend):",
        "    def evaluate(self, *asked):",
        *(f"        {statement}" for statement in statements),
        "        return super().evaluate(*asked)",
    ]
    (folder / f"{name}.py").write_text("\n".join(lines))
    return _run(f"{name}:Reads", folder)


def test_what_cannot_be_followed_is_unknown(tmp_path):
    _write(tmp_path / "state.txt", "1")
    _write(tmp_path / "below/inside.txt", "1")
    _write(tmp_path / "stale.py", "x = 1\n")
    import py_compile

    py_compile.compile(str(tmp_path / "stale.py"), doraise=True)
    before = (tmp_path / "stale.py").stat()
    _write(tmp_path / "stale.py", "x = 2\n")
    os.utime(tmp_path / "stale.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    unknown = _asking(tmp_path, "follows", UNKNOWN).unknown
    for word in UNKNOWN.values():
        assert any(reason.startswith(word) for reason in unknown), (word, unknown)


def test_what_a_process_does_for_itself_is_not_unknown(tmp_path):
    manifest = _asking(tmp_path, "follows", sorted(KNOWN))
    assert manifest.unknown == []
    assert changes.differences(manifest.as_json(), manifest)[0] == []


def test_a_library_that_a_library_loads_is_seen(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")

    def build(*words):
        subprocess.run([compiler, "-shared", "-fPIC", *words], cwd=tmp_path, check=True)

    _write(tmp_path / "inner.c", "double inner(void) { return SCALE; }\n")
    _write(tmp_path / "outer.c", "double inner(void); double outer(void) { return inner(); }\n")
    build("-DSCALE=1.0", "-Wl,-soname,libinner.so.1", "-o", "libinner.so.1.0", "inner.c")
    for link, to in (("libinner.so.1", "libinner.so.1.0"), ("libinner.so", "libinner.so.1")):
        (tmp_path / link).symlink_to(to)
    build("-o", "libouter.so", "outer.c", "-L.", "-linner", f"-Wl,-rpath,{tmp_path}")
    manifest = _asking(tmp_path, "loads", ["import ctypes; ctypes.CDLL('./libouter.so').outer()"])
    told = manifest.as_json()
    assert changes.differences(told, manifest)[0] == []
    build("-DSCALE=2.0", "-Wl,-soname,libinner.so.1", "-o", "libinner.so.1.1", "inner.c")
    _swap("libinner.so.1", "libinner.so.1.1")(tmp_path)
    assert "libinner.so.1 changed since" in changes.differences(told, manifest)[0]


def test_large_files_are_read_unless_a_distribution_lists_them(tmp_path):
    """Those are known by size, time and inode: the gigabytes of a framework are not read."""
    site = tmp_path / "site-packages"
    listed, hand_made, own = site / "big/listed.so", site / "big/hand_made.so", tmp_path / "own.so"
    for file in (listed, hand_made, own):
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "wb") as opened:
            opened.truncate(LARGE + 1)
    _write(site / "big-1.0.dist-info/RECORD", "big/listed.so,sha256=x,1\n")
    assert [fingerprint(str(file)).partition(":")[0] for file in (listed, hand_made, own)] == [
        "stat",
        "sha256",
        "sha256",
    ]


def test_a_file_that_changes_during_the_run_is_unknown():
    manifest = Manifest({"/a/lib.py": "sha256:1"})
    manifest.merge(Manifest({"/a/lib.py": "sha256:2"}))
    assert manifest.unknown == ["lib.py changed during the run"]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        told = [fingerprint(str(tmp_path / name)) for name in ("pipe", "s", "none")]
    assert told == ["special", "special", "absent"]
    assert fingerprint("\0") == "unreadable"
    assert fingerprint(sys.executable).startswith(("sha256:", "stat:"))


def test_the_line_that_starts_a_process_is_nobodys_code():
    line = "from backproof.evidence.callers import Caller; print(Caller('backproof').in_stack())"
    ended = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
