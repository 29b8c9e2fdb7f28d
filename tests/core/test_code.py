"""Verdicts are of code: they are taken up, and compared, only with that of the same code."""

import json
import os

import pytest

from backproof.cli import main
from backproof.core import digests

BACKEND = (
    "from backproof_numpy.backend import NumpyBackend\n"
    "class Tiny(NumpyBackend):\n"
    "    name = 'tiny'\n"
    "    def evaluate(self, *asked):\n"
    "        import beside\n"
    "        loss, y_hat, gradients = super().evaluate(*asked)\n"
    "        return loss, y_hat, {name: beside.FACTOR * d for name, d in gradients.items()}\n"
)
ASKED = ["conform", "--backend", "tb:Tiny", "--cells", "quick", "--model", "univariate"]


@pytest.fixture
def tiny(backproof, tmp_path, monkeypatch):
    """A folder with a backend, a module that it imports in its cells, and a result that passes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").write_text("FACTOR = 1.0\n")
    (tmp_path / "tb.py").write_text(BACKEND)
    assert backproof(*ASKED, "--json", "day.json")[0] == 0
    return tmp_path


def test_cells_of_changed_code_run_again(tiny, backproof):
    assert "2 of 2 cells taken from day.json" in backproof(*ASKED, "--resume", "day.json")[1]
    (tiny / "beside.py").write_text("FACTOR = 2.0\n")
    exit_code, out, _ = backproof(*ASKED, "--resume", "day.json")
    assert exit_code == 1
    assert "--resume: beside.py changed since: 2 cells of tiny run again\n0 of 2 cells taken from day.json" in out
    exit_code, out, _ = backproof(*ASKED, "--baseline", "day.json")
    assert exit_code == 1
    assert "tiny code beside.py: " in out
    assert "tiny code tb.py" not in out


def test_only_the_changed_backend_runs_again(tiny, backproof):
    both = [*ASKED, "--backend", "numpy"]
    assert backproof(*both, "--json", "day.json")[0] == 0
    (tiny / "beside.py").write_text("FACTOR = 2.0\n")
    exit_code, out, _ = backproof(*both, "--resume", "day.json")
    assert exit_code == 1
    assert "changed since: 2 cells of tiny run again\n6 of 8 cells taken" in out


@pytest.mark.parametrize("change", ["import", "sample"])
def test_a_derivation_of_other_code_or_data_is_another(change, backproof, tmp_path):
    """`sample` runs where the cells are made, and no backend reads what it reads."""
    (tmp_path / "beside.py").write_text("FACTOR = 2\n")
    (tmp_path / "scale.txt").write_text("1.0")
    file = tmp_path / "mean.py"
    file.write_text(
        "import beside\n"
        "from pathlib import Path\n"
        "shapes = dict(x='m', w='')\n"
        "params = ['w']\n"
        "def sample(rng, m):\n"
        f"    return dict(x=rng.normal(size=m) * float(Path({str(tmp_path / 'scale.txt')!r}).read_text()))\n"
        "def loss(xp, x, w):\n"
        "    return xp.mean((w * x)**2)\n"
        "def gradients(x, w):\n"
        "    return dict(w=beside.FACTOR * w * (x**2).mean())\n"
    )
    asked = ["conform", "--backend", "numpy", "--cells", "quick", "--model", file]
    assert backproof(*asked, "--json", tmp_path / "day.json")[0] == 0
    assert "\n0 of" not in backproof(*asked, "--resume", tmp_path / "day.json")[1]
    if change == "import":
        (tmp_path / "beside.py").write_text("FACTOR = 3\n")
    else:
        (tmp_path / "scale.txt").write_text("0.5")
    exit_code, out, _ = backproof(*asked, "--resume", tmp_path / "day.json")
    assert exit_code == (1 if change == "import" else 0)
    said = "beside.py changed since" if change == "import" else "mean.py has another loss or other data"
    assert f"--resume: {said}: " in out
    assert "\n0 of" in out


OUTPUTS = ("--json", "--junit", "--html", "--capabilities")
ENDINGS = {"--html": ".html", "--capabilities": ".md"}


READ = {"conf.py": "import tb", "tb.py": BACKEND + "import beside", "beside.py": "FACTOR = 1.0", "known.txt": "# none"}


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The text of a result."""
    path = tmp_path_factory.mktemp("day") / "day.json"
    with pytest.raises(SystemExit):
        main(["conform", "--backend", "numpy", "--cells", "quick", "--model", "univariate", "--json", str(path)])
    return path.read_text()


@pytest.mark.parametrize("option", OUTPUTS)
@pytest.mark.parametrize("how", ["itself", "a link", "a hard link"])
@pytest.mark.parametrize("read", [*READ, "day.json"])
def test_no_result_replaces_what_is_read(option, how, read, day, refused, tmp_path, monkeypatch):
    """Files that are named are known before anything is imported, what these import is before any cell runs."""
    monkeypatch.chdir(tmp_path)
    for file, text in {**READ, "day.json": day}.items():
        (tmp_path / file).write_text(text)
    name = "output" + ENDINGS.get(option, "")
    if how == "itself":
        name = read
    elif how == "a link":
        (tmp_path / name).symlink_to(read)
    else:
        os.link(tmp_path / read, tmp_path / name)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    asked = ["--baseline", "day.json", "--known-failures", "known.txt", option, name]
    assert name in refused("conform", "--backend", "conf:tb.Tiny", *ASKED[3:], *asked)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before


def test_no_result_replaces_what_the_cells_read(tiny, backproof):
    os.link(tiny / "beside.py", tiny / "output")  # imported in a cell
    exit_code, _, err = backproof(*ASKED, "--json", "output", "--junit", "other")
    assert (exit_code, err.count("\n"), (tiny / "other").exists()) == (2, 1, False)
    assert (tiny / "output").read_text() == "FACTOR = 1.0\n"


@pytest.mark.parametrize("command", ["check", "descend", "benchmarks", "benchmarks.page"])
def test_no_command_replaces_what_it_reads(command, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m` has it
    for name in ("mine.py", "data.npz", "result.json"):
        (tmp_path / name).write_text("text")
        os.link(tmp_path / name, tmp_path / f"link of {name}.html")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "X.npy").write_text("text")
    lines = {
        "check": [["mine.py", "--json", "mine.py"], ["mine.py", "--json", "link of mine.py.html"]],
        "descend": [
            ["univariate", "--data", "data.npz", "--json", "data.npz"],
            ["univariate", "--data", "data.npz", "--out", "link of data.npz.html"],
            ["univariate", "--data", "data.npz", "--checkpoint", "./data.npz"],
            ["univariate", "--data", "folder", "--json", "folder/X.npy"],
            ["univariate", "--backend", "mine:backend", "--json", "link of mine.py.html"],
        ],
        "benchmarks": [
            ["--model", "mine.py", "--json", "mine.py"],
            ["--model", "mine.py", "--html", "link of mine.py.html"],
            ["--series", "mine:backend", "--json", "link of mine.py.html"],
        ],
        "benchmarks.page": [["result.json", "result.json"], ["result.json", "link of result.json.html"]],
    }
    for line in lines[command]:
        assert "would replace" in refused(command, *line)
    assert {file.read_text() for file in tmp_path.rglob("*") if file.is_file()} == {"text"}


def test_another_backproof_is_another_judge(backproof, tmp_path):
    path = tmp_path / "r.json"
    asked = ["conform", "--backend", "numpy", "--cells", "quick", "--model", "univariate"]
    backproof(*asked, "--json", path)
    result = json.loads(path.read_text())
    assert result["environment"]["code"] == digests.own()
    result["environment"]["code"] = "f" * 64
    path.write_text(json.dumps(result))
    assert "--resume: backproof's code changed: 6 cells run again" in backproof(*asked, "--resume", path)[1]
