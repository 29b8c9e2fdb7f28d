"""Derivations at fault: one line that says what is wrong with them, and where."""

import pytest
from tests.support.derivations import LINEAR

DERIVATIONS = {
    "empty": ("", "there is no `shapes`"),
    "no Python": ("shapes = (", "line 1: SyntaxError"),
    "NUL": ("shapes = 1\0", "null bytes"),
    "raises": ("1 / 0", "line 1, in <module>: ZeroDivisionError"),
    "exits": ("raise SystemExit(0)", "SystemExit"),
    "ends its process": ("import os; os._exit(3)", "ended its process (exit code 3)"),
    "kills its process": ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
    "shapes of no kind": (LINEAR.replace('X="n m"', "X=3"), "shapes must be a dict of strings"),
    "axes of no kind": (LINEAR.replace('X="n m"', 'X="n -1"'), "has the axis '-1'"),
    "params of no kind": (LINEAR.replace('["w", "b"]', "7"), "params"),
    "no such param": (LINEAR.replace('["w", "b"]', '["v"]'), "params names v"),
    "a loss of no function": (LINEAR + "\nloss = 3\n", "`loss` is a int; it must be a function"),
    "a loss that is no scalar": (LINEAR.replace("xp.mean(", "("), "loss"),
    **{
        f"np.{call} in the loss": (
            LINEAR.replace("xp.mean((w @ X", f"xp.mean((np.{call}").replace("params", "import numpy as np\nparams", 1),
            "use the namespace's own, as in xp.exp",
        )
        for call in ("mean(w)", "sum(w)", "max(w)", "var(w)", "exp(w)", "dot(w, X)")
    },
    "a loss of nothing": (LINEAR.replace("    return xp.mean", "    xp.mean"), "loss"),
    "an unknown argument": (LINEAR.replace("def gradients(X, y, w, b)", "def gradients(X, y, w, b, c)"), "takes c"),
    "gradients of no kind": (LINEAR.replace("return dict(w=delta @ X.T, b=delta.sum())", "return 1"), "returns a int"),
    "gradients of chance": (
        LINEAR.replace("delta.sum()", "np.random.rand()").replace("params", "import numpy as np\nparams", 1),
        "not deterministic",
    ),
    "a sample of no kind": (LINEAR + "\ndef sample(rng, n, m): return 3\n", "sample returns a int"),
    "a sample of another shape": (LINEAR + "\ndef sample(rng, n, m): return dict(X=rng.random((1, 1)))\n", "of shape"),
    "a sample with NaN": (LINEAR + "\ndef sample(rng, n, m): return dict(b=float('nan'))\n", "with NaN or Inf"),
    "many lines said": (LINEAR.replace("m = X.shape[1]", "raise ValueError('one\\ntwo\\x1b[31m')"), "one two"),
}


@pytest.mark.parametrize("what", DERIVATIONS)
def test_a_derivation_at_fault_is_refused_with_what_is_wrong(what, refused, tmp_path):
    source, said = DERIVATIONS[what]
    (tmp_path / "mine.py").write_text(source)
    assert said in refused("check", tmp_path / "mine.py", "--time-limit", "100").replace(str(tmp_path), "")
