"""The prose around the lemmas: what is set up before the claims, and what follows from them."""


def flow(text: str) -> str:
    """A paragraph without its line breaks."""
    return " ".join(text.split())


SIGMA = (
    flow(
        r"""
        The code computes $\sigma$ with $e = e^{-\vert z \vert}$, which never overflows: as $1 / (1 +
        e)$ where $z \ge 0$, and as $e / (1 + e)$ where $z \lt 0$. Both are the textbook form. Its slope
        is then all that the derivations know of $\sigma$.
        """
    ),
    flow(
        r"""
        In the first line $\vert z \vert$ is $z$. In the second it is $-z$: multiply numerator and
        denominator by $e^{-z}$. For the third, the
        derivative of $(1 + e^{-z})^{-1}$ is $e^{-z} (1 + e^{-z})^{-2}$, and $1 - \sigma(z) = e^{-z} (1
        + e^{-z})^{-1}$.
        """
    ),
)

TILES = (
    flow(
        r"""
        Run the equations on a tile of any $t$ of the columns, with $m$ still the number of all
        examples. Each gradient is then a sum with one term for each column of the tile, and the term
        depends on that column alone:
        """
    ),
    flow(
        r"""
        (The last line says the same of the loss.)
        Sums may be regrouped: however the columns are cut into tiles (of different sizes, or empty),
        the gradients of the tiles add up to the gradient of the whole. Threads, chunks of a file,
        microbatches and data-parallel ranks are this one lemma. It needs the global $m$: with its own
        count of columns, a tile would give the mean over the tile, and means over uneven tiles do not
        add up.
        """
    ),
)

ROW_SCALING = (
    flow(
        r"""
        Row $p$ of $dZ$ has the factor $(w_2)_p$ in every column, so it may be taken out of the sum over
        columns. Let $U = d\hat y \odot A \odot (1 - A)$, of shape $(k, m)$: the row $d\hat y$ multiplies
        every row of $A$. (In the linear network $U$ is the row $d\hat y$ itself.) Then
        """
    ),
    flow(
        r"""
        Here $w_2^T$, of shape $(k, 1)$, multiplies every column. One scaling of $k$ rows after the
        whole sum replaces one in every tile.
        """
    ),
)

MOMENTS = (
    flow(
        r"""
        A linear model is $\hat y = v X + c$ for a row $v$ of shape $(1, n)$ and a number $c$: $v = w$
        and $c = b$ for the regressions ($n = 1$ for the univariate one), $v = w_2 W_1$ and $c = w_2 b_1
        + b_2$ for the linear network. Let $g = (2 / m) (v X X^T + c (X \mathbf 1)^T - (X y^T)^T)$, of
        shape $(1, n)$, and $h = (2 / m) (v X \mathbf 1 + c m - y \mathbf 1)$, of shape $()$: these are
        $d\hat y X^T$ and $d\hat y \mathbf 1$ with the residual multiplied out. Then
        """
    ),
    flow(
        r"""
        The moments are computed in one pass over the data, and a step costs the same whatever $m$ is.
        In floating point it is another algorithm: near the optimum the terms of $g$ cancel. For the
        regressions, $\partial L / \partial w = g$ and $\partial L / \partial b = h$.
        """
    ),
)

HESSIAN = (
    flow(
        r"""
        Differentiate twice; and change $w$ by any $u$ of shape $(1, n)$ and $b$ by any number $c$. (For the
        univariate regression, $X$ is the row $x$ and $n = 1$.)
        """
    ),
    flow(
        r"""
        So the Hessian is $H = (2 / m) \tilde X \tilde X^T$, where $\tilde X$ of shape $(n + 1, m)$ is
        $X$ with a row of ones below. The fourth and fifth line say that the gradient changes by exactly
        $(u, c) H$, whatever the step: the loss is quadratic. The last line is a sum of squares: $H$ is
        positive semidefinite, the loss convex, and every stationary point a minimum.
        """
    ),
)

LEARNING_RATE = (
    flow(
        r"""
        Write $\theta = (w, b)$, a row of shape $(1, n + 1)$, and let $\theta^\ast$ be a minimum, where
        the gradient is zero (a quadratic function that is never negative has one).
        By the lemma on the Hessian the gradient at $\theta$ is $(\theta -
        \theta^\ast) H$, so a step $\theta - \eta \nabla L$ multiplies the error $\theta - \theta^\ast$
        by $I - \eta H$. $H$ is symmetric: along an eigenvector of eigenvalue $\lambda$ the error is
        multiplied by $1 - \eta \lambda$ in every step. Now
        """
    ),
    flow(
        r"""
        Along eigenvectors of eigenvalue 0 neither the loss nor the parameters change. Along all
        others the error dies out just where $0 \lt \eta \lambda \lt 2$, and for all of them at once
        where $0 \lt \eta \lt 2 / \lambda_{\max}$; at $\eta = 2 / \lambda_{\max}$ it swings for ever,
        and beyond it grows. The last line is the larger root of the characteristic polynomial of the
        univariate $H$.
        """
    ),
)
