"""Analytic mutants of the model files: what is replaced, by what, the gradients that become wrong, and the fault."""

from backproof import MODELS

ALL = ["W1", "b1", "w2", "b2"]
FIRST = ["W1", "b1"]  # what lies behind dZ
NETWORKS = ["two_layer_linear", "two_layer_nonlinear"]
W1_FOR_W2 = "W1.sum(axis=1, keepdims=True).T"
REGRESSIONS = ["univariate", "multivariate"]
SIGMA, DELTA = "* A * (1 - A)", "2 * (y_hat - y) / m"
LAST_LINE = "return backward(X, y, w2, y_hat, {}, m=X.shape[1])"

DELTAS = {
    "the 2 is missing": "(y_hat - y) / m",
    "1/m is missing (a sum for a mean)": "2 * (y_hat - y)",
    "1/m is there twice": "2 * (y_hat - y) / m / m",
    "the sign is wrong": "2 * (y - y_hat) / m",
    "a term is dropped: y": "2 * y_hat / m",
    "a term is dropped: y_hat": "-2 * y / m",
    "a sum for a difference": "2 * (y_hat + y) / m",
    "not differentiated": "(y_hat - y) ** 2 / m",
}

NETWORK_MUTANTS = [
    ("W1: zero", "W1=dZ @ X.T", "W1=0 * (dZ @ X.T)", ["W1"]),
    ("W1: half", "W1=dZ @ X.T", "W1=dZ @ X.T / 2", ["W1"]),
    ("W1: transposed", "W1=dZ @ X.T", "W1=X @ dZ.T", ["W1"]),
    # what raises leaves no gradient at all
    ("W1: not transposed", "W1=dZ @ X.T", "W1=dZ @ X", ALL),
    ("W1: averaged again", "W1=dZ @ X.T", "W1=dZ @ X.T / m", ["W1"]),
    ("W1: the count of features for that of examples", "W1=dZ @ X.T", "W1=dZ @ X.T * m / X.shape[0]", ["W1"]),
    ("b1: not reduced", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ", ["b1"]),
    ("b1: reduced over the wrong axis", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ.sum(axis=0, keepdims=True)", ["b1"]),
    ("b1: reduced over both axes", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ.sum()", ["b1"]),
    ("b1: the axis lost", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ.sum(axis=1)", ["b1"]),
    ("b1: a mean", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ.sum(axis=1, keepdims=True) / m", ["b1"]),
    ("b1: without w2", "b1=dZ.sum(axis=1, keepdims=True)", "b1=0 * w2.T + dy_hat.sum(axis=1, keepdims=True)", ["b1"]),
    ("b2: not reduced", "b2=dy_hat.sum()", "b2=dy_hat", ["b2"]),
    ("b2: kept an axis", "b2=dy_hat.sum()", "b2=dy_hat.sum(axis=1)", ["b2"]),
    ("b2: a mean", "b2=dy_hat.sum()", "b2=dy_hat.sum() / m", ["b2"]),
    ("b2: zero", "b2=dy_hat.sum()", "b2=0 * dy_hat.sum()", ["b2"]),
    ("b2: the sign", "b2=dy_hat.sum()", "b2=-dy_hat.sum()", ["b2"]),
    ("b2: left out", "b2=dy_hat.sum(),", "", ["b2"]),
    ("w2 doubled in dZ", "w2.T @ dy_hat", "(2 * w2).T @ dy_hat", FIRST),
    ("w2 not transposed", "w2.T @ dy_hat", "w2 @ dy_hat", ALL),
]

LINEAR_MUTANTS = [
    ("w2: transposed", "w2=dy_hat @ Z.T", "w2=Z @ dy_hat.T", ["w2"]),
    ("w2: the sign", "w2=dy_hat @ Z.T", "w2=-(dy_hat @ Z.T)", ["w2"]),
    ("w2: Z squared", "w2=dy_hat @ Z.T", "w2=dy_hat @ (Z * Z).T", ["w2"]),
    ("w2: zero", "w2=dy_hat @ Z.T", "w2=0 * (dy_hat @ Z.T)", ["w2"]),
    ("Z without its bias", LAST_LINE.format("Z"), LAST_LINE.format("W1 @ X"), ["w2"]),
    (
        "W1 for w2",
        LAST_LINE.format("Z"),
        f"return backward(X, y, {W1_FOR_W2}, y_hat, Z, m=X.shape[1])",
        FIRST,
    ),
    ("w2 is stale", LAST_LINE.format("Z"), "return backward(X, y, w2 - 1, y_hat, Z, m=X.shape[1])", FIRST),
    ("y_hat is stale: no b2", LAST_LINE.format("Z"), "return backward(X, y, w2, y_hat - b2, Z, m=X.shape[1])", ALL),
    ("m is the features'", LAST_LINE.format("Z"), "return backward(X, y, w2, y_hat, Z, m=X.shape[0])", ALL),
]

SIGMOID_MUTANTS = [
    ("sigma' is missing", SIGMA, "", FIRST),
    ("sigma' = A", SIGMA, "* A", FIRST),
    ("sigma' = 1 - A", SIGMA, "* (1 - A)", FIRST),
    ("sigma' = A (1 + A)", SIGMA, "* A * (1 + A)", FIRST),
    ("sigma' = A (A - 1)", SIGMA, "* A * (A - 1)", FIRST),
    ("sigma' = 1 - A^2, that of tanh", SIGMA, "* (1 - A * A)", FIRST),
    ("sigma' twice", SIGMA, "* A * (1 - A) * A * (1 - A)", FIRST),
    ("sigma' at Z: A is Z", LAST_LINE.format("A"), LAST_LINE.format("W1 @ X + b1"), ["W1", "b1", "w2"]),
    ("sigma' at A: sigma applied again", LAST_LINE.format("A"), LAST_LINE.format("sigmoid(A, xp)"), ["W1", "b1", "w2"]),
    (
        "Z for A in dw2",
        LAST_LINE.format("A"),
        "right = backward(X, y, w2, y_hat, A, m=X.shape[1])\n"
        "    return {**right, 'w2': 2 * (y_hat - y) / X.shape[1] @ (W1 @ X + b1).T}",
        ["w2"],
    ),
    ("w2: transposed", "w2=dy_hat @ A.T", "w2=A @ dy_hat.T", ["w2"]),
    ("w2: sigma' in the wrong place", "w2=dy_hat @ A.T", "w2=dy_hat @ (A * (1 - A)).T", ["w2"]),
    ("b1: before sigma'", "b1=dZ.sum(axis=1, keepdims=True)", "b1=(w2.T @ dy_hat).sum(axis=1, keepdims=True)", ["b1"]),
    ("W1: before sigma'", "W1=dZ @ X.T", "W1=w2.T @ dy_hat @ X.T", ["W1"]),
    (
        "W1 for w2",
        LAST_LINE.format("A"),
        f"return backward(X, y, {W1_FOR_W2}, y_hat, A, m=X.shape[1])",
        FIRST,
    ),
    ("A is stale: no b1", LAST_LINE.format("A"), LAST_LINE.format("sigmoid(W1 @ X, xp)"), ["W1", "b1", "w2"]),
]

UNIVARIATE_MUTANTS = [
    ("w: y for x", "(dy_hat * x).sum()", "(dy_hat * y).sum()", ["w"]),
    ("w: without x", "(dy_hat * x).sum()", "dy_hat.sum()", ["w"]),
    ("w: x squared", "(dy_hat * x).sum()", "(dy_hat * x * x).sum()", ["w"]),
    ("w: not reduced", "(dy_hat * x).sum()", "dy_hat * x", ["w"]),
    ("w: a product of sums", "(dy_hat * x).sum()", "dy_hat.sum() * x.sum()", ["w"]),
    ("b: times x", "b=dy_hat.sum()", "b=(dy_hat * x).sum()", ["b"]),
    ("b: a name that is not there", "b=dy_hat.sum()", "b=w * dy_hat.sum()", ["w", "b"]),
]

MULTIVARIATE_MUTANTS = [
    ("w: transposed", "dy_hat @ X.T", "X @ dy_hat.T", ["w"]),
    ("w: summed over features", "dy_hat @ X.T", "(dy_hat * X).sum()", ["w"]),
    ("w: averaged over features", "dy_hat @ X.T", "dy_hat @ X.T / X.shape[0]", ["w"]),
    ("w: zero", "dy_hat @ X.T", "0 * (dy_hat @ X.T)", ["w"]),
    ("b: not reduced", "b=dy_hat.sum()", "b=dy_hat", ["b"]),
]

MUTANTS = [
    *((model, DELTA, new, list(MODELS[model].params), fault) for fault, new in DELTAS.items() for model in MODELS),
    *((model, *edit, fault) for fault, *edit in NETWORK_MUTANTS for model in NETWORKS),
    *(("two_layer_linear", *edit, fault) for fault, *edit in LINEAR_MUTANTS),
    *(("two_layer_nonlinear", *edit, fault) for fault, *edit in SIGMOID_MUTANTS),
    *(("univariate", *edit, fault) for fault, *edit in UNIVARIATE_MUTANTS),
    *(("multivariate", *edit, fault) for fault, *edit in MULTIVARIATE_MUTANTS),
]
