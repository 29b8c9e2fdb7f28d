"""The digest of the code that verdicts are of: it changes with whatever local code a file imports, and only then."""

import json

import pytest

from backproof.core import digests

FILES = {
    "tb.py": "import numpy\nfrom tinyrev import gradients\n\ndef later():\n    import lazily\n",
    "tinyrev.py": "import package.inner\ngradients = 1\n",
    "lazily.py": "x = 1\n",
    "unrelated.py": "x = 1\n",
    "package/__init__.py": "from . import inner\n",
    "package/inner.py": "import json\n",
    "package/kernel.cu": "__global__ void k();\n",
    "package/deep/rows.py": "x = 1\n",
    "package/notes.txt": "text\n",
    "site-packages/numpy/__init__.py": "x = 1\n",
    "json.py": "x = 1\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("file", FILES)
def test_a_digest_is_of_all_local_code_that_a_file_imports(file, folder):
    path = [str(folder), str(folder / "site-packages")]
    before = digests.digest(folder / "tb.py", path)
    assert before == digests.digest(folder / "tb.py", path)
    (folder / file).write_text(FILES[file] + "# another comment")
    imported = file not in ("unrelated.py", "package/notes.txt", "site-packages/numpy/__init__.py", "json.py")
    assert (digests.digest(folder / "tb.py", path) != before) is imported


def test_a_digest_does_not_depend_on_where_the_files_are(folder, tmp_path_factory):
    moved = tmp_path_factory.mktemp("moved") / "x"
    before = digests.digest(folder / "tb.py", [str(folder)])
    folder.rename(moved)
    assert digests.digest(moved / "tb.py", [str(moved)]) == before


def test_a_file_that_python_cannot_read_has_a_digest_too(tmp_path):
    for text in (b"import (", b"\xff\x00", b""):
        (tmp_path / "f.py").write_bytes(text)
        assert len(digests.digest(tmp_path / "f.py", [])) == 64


def test_a_changed_module_beside_a_backend_is_another_backend(backproof, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").write_text("FACTOR = 1.0\n")
    (tmp_path / "tb.py").write_text(
        "from backproof_numpy.backend import NumpyBackend\n"
        "class Tiny(NumpyBackend):\n"
        "    name = 'tiny'\n"
        "    def evaluate(self, *asked):\n"
        "        import beside\n"
        "        loss, y_hat, gradients = super().evaluate(*asked)\n"
        "        return loss, y_hat, {name: beside.FACTOR * d for name, d in gradients.items()}\n"
    )
    asked = ["conform", "--backend", "tb:Tiny", "--cells", "quick", "--model", "univariate"]
    assert backproof(*asked, "--json", "day.json")[0] == 0
    assert backproof(*asked, "--resume", "day.json")[0] == 0
    (tmp_path / "beside.py").write_text("FACTOR = 2.0\n")
    exit_code, _, err = backproof(*asked, "--resume", "day.json")
    assert (exit_code, err.count("\n")) == (2, 1)
    assert "tiny's code was" in err
    exit_code, out, _ = backproof(*asked, "--baseline", "day.json")
    assert exit_code == 1
    assert "tiny code" in out


def test_a_changed_module_beside_a_derivation_is_another_derivation(backproof, tmp_path):
    (tmp_path / "beside.py").write_text("FACTOR = 2\n")
    (tmp_path / "mean.py").write_text(
        "import beside\n"
        "shapes = dict(x='m', w='')\n"
        "params = ['w']\n"
        "def loss(xp, x, w):\n"
        "    return xp.mean((w * x)**2)\n"
        "def gradients(x, w):\n"
        "    return dict(w=beside.FACTOR * w * (x**2).mean())\n"
    )
    asked = ["conform", "--backend", "numpy", "--cells", "quick", "--model", tmp_path / "mean.py"]
    assert backproof(*asked, "--json", tmp_path / "day.json")[0] == 0
    assert backproof(*asked, "--resume", tmp_path / "day.json")[0] == 0
    (tmp_path / "beside.py").write_text("FACTOR = 3\n")
    exit_code, _, err = backproof(*asked, "--resume", tmp_path / "day.json")
    assert (exit_code, err.count("\n")) == (2, 1)
    assert "mean.py's code was" in err


def test_another_backproof_is_another_judge(backproof, tmp_path):
    path = tmp_path / "r.json"
    asked = ["conform", "--backend", "numpy", "--cells", "quick", "--model", "univariate"]
    backproof(*asked, "--json", path)
    result = json.loads(path.read_text())
    assert result["environment"]["code"] == digests.own()
    result["environment"]["code"] = "f" * 64
    path.write_text(json.dumps(result))
    assert "backproof's code was ffff" in backproof(*asked, "--resume", path)[2]
