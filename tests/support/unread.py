"""Code that no equation is proved of, wrong or not: it looks at sizes, values or types, has a state, or is not what it
seems.

Each is (kind, model, edits, reason): what is replaced in the file, and a part of the reason why it is not proved.
"""

DELTA = "2 * (y_hat - y) / m"
RETURN = "    return dict(\n"
Edits = tuple[str, ...]
Case = tuple[str, str, Edits, str]


def delta(kind: str, factor: str, answer: str, model: str = "multivariate") -> Case:
    """dy_hat times a factor that is 1 where a careless prover looks."""
    return kind, model, (DELTA, f"{DELTA} * {factor}"), answer


def line(kind: str, line: str, factor: str, answer: str, model: str = "multivariate") -> Case:
    """Lines before dy_hat, and dy_hat times a factor that they make."""
    return kind, model, (f"    dy_hat = {DELTA}", f"{line}\n    dy_hat = {DELTA} * {factor}"), answer


def file(kind: str, code: str, factor: str, answer: str, model: str = "multivariate") -> Case:
    """Code at the top level of the file, and dy_hat times a factor that uses it."""
    return kind, model, ("\n\ndef forward", f"\n\n{code}\n\n\ndef forward", DELTA, f"{DELTA} * {factor}"), answer


SIZES = [
    delta("branch on a multiple of 8", "(2 if m % 8 == 0 else 1)", "branches on m % 8 == 0 at line 18"),
    delta("branch on one size", "(2 if m == 5 else 1)", "branches on m == 5 at line 18"),
    delta("branch on some sizes", "(2 if m in (16, 32, 64, 128) else 1)", "branches on m in (16, 32, 64, 128)"),
    delta("branch on large sizes", "(2 if m > 100 else 1)", "branches on m > 100"),
    delta("branch on the truth of a size", "(1 if m else 2)", "branches on m at line 18"),
    delta("branch on n == m", "(2 if X.shape[0] == m else 1)", "branches on X.shape[0] == m"),
    delta("branch on the parity of n", "(2 if X.shape[0] % 2 else 1)", "branches on X.shape[0] % 2"),
    delta("a comparison as a number", "(1 + (m == 5))", "compares m == 5"),
    delta("a remainder", "(1 + m % 2 - m % 2)", "uses m % 2"),
    delta("an integer division", "(m // 2 * 2 / m)", "uses m // 2"),
    delta("a bit", "(1 + (m & 1))", "uses m & 1"),
    delta("a shift", "(1 + (m >> 7))", "uses m >> 7"),
    delta("a boolean operation", "(m and 1)", "branches on m and 1"),
    delta("not", "(1 + (not m))", "uses not m"),
    delta("bool", "bool(m)", "calls bool"),
    delta("int", "(int(m) / m)", "calls int"),
    delta("is_integer", "(1 + float(m / 7).is_integer())", "calls float(m / 7).is_integer"),
    delta("a table by size", "{5: 2}.get(m, 1)", "calls {5: 2}.get"),
    delta("an index by size", "(1, 2)[0 ** (m - 5)]", "indexes (1, 2)[0 ** (m - 5)]"),
    delta("text of a size", "len(str(m))", "calls len"),
    delta("a formatted size", "float(f'{m}') / m", "calls float"),
    delta("the hash of a size", "(hash(m) / m)", "calls hash"),
    delta("the length of an array", "(X.shape[0] / len(X))", "calls len"),
    delta("the smaller of two", "min(m, 5)", "calls min"),
    delta("the larger of two", "max(1, m - 100)", "calls max"),
    delta("a computed exponent", "0 ** (0 ** (m - 5))", "raises to the power 0 ** (m - 5)"),
    delta("a range", "sum(1 for _ in range(m)) / m", "calls sum"),
    delta("the parity of k", "(2 if w2.shape[1] % 2 else 1)", "branches on", "two_layer_nonlinear"),
]
VALUES = [
    delta("zeros among the targets", "(y != 0)", "compares y != 0"),
    ("zeros among the inputs", "multivariate", ("dy_hat @ X.T", "dy_hat @ (X + (X == 0)).T"), "compares X == 0"),
    ("zeros, times one", "multivariate", ("dy_hat @ X.T", "dy_hat @ (X + 1 * (X == 0)).T"), "compares X == 0"),
    delta("not a number", "(1 - (y != y))", "compares y != y"),
    delta("an absolute value", "(abs(y_hat - y) / abs(y - y_hat))", "calls abs"),
    delta("a mask", "y[y > 0].size", "indexes by y > 0"),
    delta("any", "(1 + (y == 3).any())", "calls (y == 3).any"),
    delta("an argument that NumPy takes for another", "y.sum(0, True)", "raises TypeError at line 18"),
    delta("a maximum", "(y.max() / y.max())", "calls y.max"),
    delta("astype", "y.astype(bool)", "calls y.astype"),
    delta("fill in place", "(1 if y.fill(0) else 1)", "branches on y.fill(0)"),
    line("an item assigned", "    y_hat[0] = 0", "1", "assigns to y_hat[0]"),
    line("a change in place", "    y_hat -= y", "1", "changes in place y_hat"),
    line("a loop over rows", "    for row in X:\n        y = row", "1", "loops over X"),
    line("a walrus", "    z = (y_hat := y)", "1", "assigns inside an expression"),
    line("a comprehension", "    f = [1 for _ in y][0]", "f", "indexes [1 for _ in y][0]"),
    line("an assertion", "    assert (y != 0).all()", "1", "uses assert (y != 0).all()"),
    *(
        (f"numpy.{call}", "two_layer_nonlinear", (DELTA, f"{DELTA} * np.{call}"), f"calls np.{call.partition('(')[0]}")
        for call in (
            "where(y == 0, 2, 1)",
            "sign(m)",
            "floor(m / m)",
            "abs(-1)",
            "isnan(y)",
            "array(1)",
            "random.rand()",
        )
    ),
]
TYPES = [
    delta("the dtype", "(2 if y.dtype == 'float32' else 1)", "branches on y.dtype == 'float32'"),
    delta("the dtype by getattr", "(2 if getattr(y, 'dtype', None) == 'float32' else 1)", "branches on getattr"),
    delta("the width of a dtype", "(8 / y.dtype.itemsize)", "uses y.dtype.itemsize"),
    delta("isinstance", "(1 if isinstance(m, object) else 2)", "branches on isinstance(m, object)"),
    delta("type", "(type(m)(1))", "calls type(m)"),
    delta("the class", "(2 if m.__class__ is int else 1)", "branches on m.__class__ is int"),
    delta("an identity", "(1 + (y is y_hat))", "compares y is y_hat"),
    delta("id", "(id(y) / id(y))", "calls id"),
    delta("hasattr", "(1 + hasattr(m, 'bit_length'))", "calls hasattr"),
    delta("the memory's layout", "y.flags.c_contiguous", "uses y.flags.c_contiguous"),
    delta("strides", "(8 / y.strides[1])", "indexes y.strides[1]"),
    delta("the number of axes", "y.ndim - 1", "uses y.ndim"),
]
STATE = [
    line(
        "a refusal caught",
        "    try:\n        f = 2 if int(m) > 100 else 1\n    except BaseException:\n        f = 1",
        "f",
        "catches exceptions at line 18",
    ),
    line("a refusal suppressed", "    with suppress(Exception):\n        m = 1", "1", "has a with block at line 18"),
    line(
        "a counter of calls",
        "    global calls\n    calls = calls + 1",
        "(calls / calls)",
        "changes a global: global calls",
    ),
    line("an import", "    import time", "1", "imports inside a function: import time"),
    line("a nested function", "    def f(z):\n        return z", "f(1)", "defines a function inside a function"),
    line("a lambda", "    f = lambda z: z", "f(1)", "has a lambda: lambda z: z"),
    line("a deletion", "    del y", "1", "deletes a variable: del y"),
    delta("eval", "eval('1')", "calls eval"),
    delta("an environment variable", "float(__import__('os').environ.get('F', 1))", "calls float"),
    delta(
        "the caller's frame", "__import__('sys')._getframe().f_lineno", "uses __import__('sys')._getframe().f_lineno"
    ),
    ("a mutable default", "multivariate", ("y_hat, m):", "y_hat, m, seen=[]):"), "a default that is not a number"),
    ("a computed default", "multivariate", ("y_hat, m):", "y_hat, m, f=len('12')):"), "computes a default"),
    ("any arguments", "multivariate", ("y_hat, m):", "y_hat, m, *rest):"), "takes any arguments"),
    (
        "two returns",
        "multivariate",
        (RETURN, f"    if m == 5:\n        return dict(w=w, b=b)\n{RETURN}"),
        "branches on m == 5",
    ),
    ("a generator", "multivariate", (RETURN, f"    yield 1\n{RETURN}"), "uses yield 1"),
    file("an import of a module", "import time", "(time.time() / time.time())", "does more than import NumPy"),
    file("a table that changes", "seen = []", "(1 if seen.append(1) else 1)", "branches on seen.append(1)"),
    file("a table", "table = {5: 2}", "table[m]", "uses table"),
    file(
        "a decorator", "def same(f):\n    return f\n\n\n@same\ndef one(z):\n    return 1", "one(m)", "one is decorated"
    ),
    file("a closure", "def make():\n    return lambda z: 1\n\n\none = make()", "one(m)", "does more than import NumPy"),
    file(
        "a class that is called",
        "class One:\n    def __call__(self, z):\n        return 1",
        "One()(m)",
        "does more than",
    ),
    file("a call at the top", "print(end='')", "1", "the file does more than import NumPy"),
    file("a loop at the top", "for _ in 'x':\n    pass", "1", "the file does more than import NumPy"),
    file("a branch at the top", "if True:\n    scale = 2", "(scale / scale)", "the file does more than import NumPy"),
    file("a bad annotation", "def f(z: print(end='')):\n    return z", "1", "computes an annotation"),
    file("an annotation that binds", "def f(z: (backward := 3)):\n    return z", "1", "computes an annotation"),
    file("a recursion", "def f(z):\n    return f(z)", "f(m)", "f calls itself"),
    file(
        "a name bound twice",
        "def f(z):\n    return z\n\n\ndef f(z):\n    return z / z",
        "f(m)",
        "f is bound twice, at lines",
    ),
    file(
        "an attribute replaced",
        "def f(z):\n    return z\n\n\nf.__defaults__ = (1,)",
        "f(m)",
        "does more than import NumPy",
    ),
    file(
        "a code object replaced",
        "def f(z):\n    return 1\n\n\nf.__code__ = (lambda z: z).__code__",
        "f(m)",
        "does more than",
    ),
    (
        "backward defined again",
        "multivariate",
        ("\n\ndef loss", "\n\ndef backward(X, y, y_hat, m):\n    return dict(w=X, b=y)\n\n\ndef loss"),
        "backward is bound twice",
    ),
    ("params left out", "multivariate", ('params = ["w", "b"]', 'params = ["w"]'), "are not those of the model"),
    ("a size held at 1", "multivariate", ('X="n m"', 'X="1 m"'), "are not those of the model"),
]
WRAPS = "(sum(m) ** 8 / m ** 8)"  # in 64 bits, m ** 8 is 0 at m = 256
BEYOND = [  # right, or never tried, at the sizes and values of any run
    file("integers that wrap around", "from numpy import sum", WRAPS, "calls np.sum of numbers alone"),
    file(
        "a square that wraps around",
        "from numpy import square",
        "(square(m) / m**2)",
        "calls np.square of numbers alone",
    ),
    file("a product of sizes", "from numpy import multiply", "(multiply(m, 3) / m / 3)", "of numbers alone"),
    line("a size at which it raises", "    unused = 1 / (m - 1000)", "1", "divides by m - 1000 at line 18"),
    line("a power of a size that raises", "    unused = (m - 1000) ** -1", "1", "divides by m - 1000 at line 18"),
    line("a number in a tuple that raises", "    unused = (1 / (m * m - 90000), m)", "1", "which may be 0"),
    file(
        "the prover's own name for literals",
        "from numpy import square as __lifted__",
        "(1 + ((__lifted__(y) - y) / 1000000) ** 98)",
        "the file binds __lifted__",
    ),
    file(
        "a function by that name", "def __lifted__(v):\n    return v", "__lifted__(m / m)", "the file binds __lifted__"
    ),
    file("builtins that are a number", "__builtins__ = 1", "1", "the file binds __builtins__"),
    (
        "lost to rounding at large sizes only",
        "multivariate",
        (DELTA, "2 * (y_hat - y + m ** 20 - m ** 20) / m"),
        "more than half of it is lost to rounding",
    ),
]
LARGE = [  # hours, or more memory than there is
    delta("powers of powers", "((((y**99)**99)**99)**0)", "multiplies out to more than 2000 factors"),
    delta("powers of literals", "((((2**99)**99)**99)**0)", "multiplies out to more than 2000 factors"),
    line(
        "doubled sixty times",
        "    z0 = y\n    " + "\n    ".join(f"z{i + 1} = z{i} + z{i}" for i in range(60)),
        "(1 + z60 - z60)",
        "multiplies out to more than 2000 factors",
    ),
]
UNREAD: list[Case] = [*SIZES, *VALUES, *TYPES, *STATE, *BEYOND, *LARGE]

MORE = "the file does more than import NumPy, define functions and name literals, at line {}"
PATCHED = {  # what a file does to the others when it is imported (in a process of its own), and the reason
    "numpy's mean": ("np.mean = lambda *_, **__: 0", MORE.format(15)),
    "numpy's sum": ("setattr(np, 'sum', lambda *_, **__: 0)", MORE.format(15)),
    "the sigmoid": ("from backproof.models import primitives", MORE.format(15)),
    "sigmoid's code": ("sigmoid.__code__ = (lambda z, xp: z).__code__", MORE.format(15)),
    "sigmoid's defaults": ("sigmoid.__defaults__ = (1,)", MORE.format(15)),
    "the builtins": ("import builtins\n\nbuiltins.dict = lambda **_: {}", MORE.format(15)),
    "exec": ("exec('import os')", MORE.format(15)),
}
