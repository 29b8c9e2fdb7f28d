"""The prose of the page of derivations that is the same for every model."""

ARRAYS = {
    "x": "the inputs, one example a column",
    "X": "the inputs, one example a column",
    "y": "the targets, one example a column",
    "w": "the weights",
    "b": "the bias",
    "W1": "the weights of the first layer, one hidden unit a row",
    "b1": "the biases of the first layer",
    "w2": "the weights of the output",
    "b2": "the bias of the output",
}

OPENING = (
    "From the loss to every gradient of the four models, by hand, each step with its reason and every line with its "
    "shape. Nothing below is quoted: `backproof prove --markdown docs/derivations.md` reads the equations from the "
    "code that ships, derives them again, and writes this page. Do not edit it; change the code or the prover.",
)

NOTATION = (
    "There are $m$ examples, and they are columns: $X$ of shape $(n, m)$ has one example of $n$ features in each "
    "column. A network has $k$ hidden units. A shape is given at the end of each line; $()$ is a number. Where an axis "
    "has size 1 its index is left out, so the row $\\hat y$ of shape $(1, m)$ has entries $\\hat y_j$. "
    "The index $j$ counts examples, $i$ hidden units and $l$ features where they are summed over; $r$, $p$ and $q$ "
    "do where they are kept. A number or a column that is added to a matrix is added to each of its columns.",
    "The gradient of the loss with respect to an array is written with a $d$ before its name, as in the code "
    "(`dy_hat`, `dZ`), and has the shape of that array: $dZ_{pr} = \\partial L / \\partial Z_{pr}$. "
    "(The literature often calls $d\\hat y$ by the letter $\\delta$, which is Kronecker's here.) "
    "$AB$ is the product of matrices, $A \\odot B$ the product entry by entry, $A^T$ the transpose, and $\\mathbf 1$ "
    "the column of $m$ ones, so that $A \\mathbf 1$ is each row of $A$ summed over the examples.",
)

RULES = (
    (
        "Three rules do all the work. First, the entries of an array are independent variables, so the derivative of "
        "one with respect to another is 1 if they are the same and 0 if not. Kronecker's delta says which: "
        "$\\delta_{ip}$ is 1 where $i = p$, and 0 elsewhere.",
        "\\frac{\\partial V_{ij}}{\\partial V_{pr}} = \\delta_{ip} \\delta_{jr}",
    ),
    (
        "Second, a delta under a sum keeps one term and takes the sum away. This is where a sum disappears, and "
        "forgetting it is how a gradient comes to have the wrong shape.",
        "\\sum_{i=1}^{k} \\delta_{ip} f_i = f_p \\quad (1 \\le p \\le k)",
    ),
    (
        "Third, the chain rule: where the loss depends on $V$ only through $U$, "
        "every entry of $U$ passes on its share.",
        "\\frac{\\partial L}{\\partial V_{pr}} = \\sum_{i} \\sum_{j} \\frac{\\partial L}{\\partial U_{ij}} "
        "\\frac{\\partial U_{ij}}{\\partial V_{pr}}",
    ),
)

LINKS = (
    "Each gradient is proved in three links, by `backproof prove`, and each link can fail on its own.",
    "All shapes: the functions of the code are run on arrays whose shapes are the symbols $n$, $m$, $k$. That gives "
    "the loss and each gradient in index notation. The loss, written out down to the parameters, is differentiated, "
    "deltas are collapsed, products distributed over sums and bound indices renamed, until the difference to the "
    "equation is 0. This holds for every $n, m, k \\ge 1$, and does not lean on the steps printed above (which are "
    "verified one by one as well).",
    "Before that the code is read: it must be straight lines of arithmetic on arrays, with no choices and no tests of "
    "sizes, values or types. Anything else is the reason why an equation is not proved. What divisors and roots need "
    'is stated beside the verdict ("provided"), and must follow from $n, m, k \\ge 1$ and real arrays.',
    "Code: NumPy runs the traced operations on exact numbers, zero among them, at several small shapes, with "
    "pairwise distinct sizes so that no transpose can hide. The results are those of the index forms of the first "
    "link, written out. The functions themselves run in every floating-point type, at random sizes up to 128. They "
    "return what the traced operations do, to the last bit, and the same when they are asked again.",
    "Specification: the loss in index notation is the one that was written down once more, independently, for all "
    "$n, m, k$. The traced operations are run on exact numbers (rationals for the linear models, intervals that are "
    "certain to hold the value for the sigmoid) and agree with the loss written as loops "
    "over numbers; and so do the gradients with its derivatives: an exact central difference, since the linear models' "
    "loss is quadratic in each component, and a Taylor series for the sigmoid network. Where an equation is wrong, "
    "the first disagreement is printed as its counterexample. Nothing else refutes.",
)
