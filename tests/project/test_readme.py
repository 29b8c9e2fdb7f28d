"""The README's example does what the README says."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_worked_example_fails_as_told(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    (tmp_path / "mine.py").write_text(next(block for block in blocks if "class Mine" in block))
    command = re.search(r"backproof (conform --backend mine:Mine.*)", README)[1]
    ended = subprocess.run(
        [sys.executable, "-m", "backproof", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "FAIL\ntwo_layer_nonlinear-mine:reference-float32-cpu-n3m7k5-normal" in ended.stdout
    assert re.findall(r"^  (.*): the error exceeds", ended.stdout, re.MULTILINE) == ["dW1, db1"]


def test_the_equations_shown_are_the_equations_shipped():
    shown = next(
        b for b in re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE) if "def forward" in b
    )
    file = Path(__file__).parents[2] / "reference/backproof/models/two_layer_nonlinear.py"
    assert shown in file.read_text(encoding="utf-8")
