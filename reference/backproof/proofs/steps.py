"""The steps of a derivation: chain rule, derivative of a line, reduction of the deltas, matrix form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sympy import Expr, Indexed, KroneckerDelta, Sum, Symbol, diff

from backproof.proofs import reasons
from backproof.proofs.display import equation, kept_indices, numbered, summed_indices
from backproof.proofs.notation import Formula, Notation, both
from backproof.proofs.source import Line, Source
from backproof.proofs.sums import simplified
from backproof.proofs.symbols import DIMS, Shape, sigma
from backproof.proofs.tensors import Tensor, scalar


@dataclass(frozen=True)
class Step:
    """One line of a derivation: what is done, why, the formula, and whether it was verified."""

    kind: str  # "delta", "chain rule", "derivative", "reduction", "substitution" or "matrix form"
    reason: Formula
    formula: Formula
    shape: Shape  # of the array whose entries the formula gives
    holds: bool = True


@dataclass(frozen=True)
class Derivative:
    """The derivation of dL/d(variable): of a parameter, or of an intermediate of the forward."""

    variable: str
    shape: Shape
    steps: tuple[Step, ...]
    line: Line | None  # of `backward`; None where the code folds it into the next one
    entry: Tensor

    @property
    def holds(self) -> bool:
        return all(step.holds for step in self.steps)


@dataclass
class Writer:
    """Writes the derivatives of one model, the output's first; each may use those written before it."""

    source: Source
    tensors: Mapping[str, Tensor]  # every variable, as independent entries
    lines: Mapping[str, Tensor]  # the forward's lines, in terms of the variables before them
    loss: Expr  # in terms of the output
    written: dict[str, Derivative] = field(default_factory=dict)

    def derivative(self, name: str) -> Derivative:
        tensor = self.tensors[name]
        at = kept_indices(tensor.dims)
        free = {i: size for i, size in zip(at, tensor.dims, strict=True) if i != 1}
        users = [user for user, line in self._users(name)]
        steps, derived = self._through(name, users[0], at, free) if users else self._output(name, at, free)
        line = self.source.gradients.get(name) or next(
            (each for each in self.source.backward if each.target == f"d{name}"), None
        )
        if line is not None:
            steps.append(self._matrix_form(name, line, derived, at, free))
        entry = Tensor(tensor.dims, lambda *to: derived.xreplace(dict(zip(at, to, strict=True))))
        self.written[name] = Derivative(name, tensor.dims, tuple(steps), line, entry)
        return self.written[name]

    def _users(self, name: str) -> list[tuple[str, Line]]:
        users = [(line.target, line) for line in self.source.forward if name in line.names]
        if len(users) > 1:
            raise NotImplementedError(
                f"{name} is used by {len(users)} lines of the forward; the chain is written for one"
            )
        return users

    def _output(self, name: str, at: list[Expr], free: Mapping[Symbol, Expr]) -> tuple[list[Step], Expr]:
        variable = self.tensors[name].entry(*at)
        raw = diff(self.loss, variable)
        derived = simplified(raw, free)
        i, j = numbered(at)[-1], numbered(summed_indices(self.tensors[name].dims))[-1]
        left = both(lambda n: n.partial("L", n.expression(variable)))
        first = Step("delta", reasons.error_at_output(name, i, j), equation(left, raw), self.tensors[name].dims)
        return [first, self._reduction(name, at, derived, [(j, i)])], derived

    def _through(self, name: str, user: str, at: list[Expr], free: Mapping[Symbol, Expr]) -> tuple[list[Step], Expr]:
        variable, to = self.tensors[name].entry(*at), summed_indices(self.tensors[user].dims)
        sizes = {i: size for i, size in zip(to, self.tensors[user].dims, strict=True) if i != 1}
        used = self.tensors[user].entry(*to)
        local = self._local(user, to, variable, {**free, **sizes})
        chained = Sum(self._gradient(user).entry(*to) * local, *((i, 1, size) for i, size in sizes.items()))
        derived = simplified(chained, free)
        deltas = [(str(a), str(b)) for d in local.atoms(KroneckerDelta) for a, b in [_bound_first(d, sizes)]]

        def chain(n: Notation) -> str:
            over = n.sum_over([(str(i), str(size)) for i, size in sizes.items()])
            gradient = n.entry(f"d{user}", numbered(to))
            local = n.partial(n.expression(used), n.expression(variable))
            return f"{n.partial('L', n.expression(variable))} = {over}{gradient} {local}"

        line = self.lines[user].entry(*to)
        stated = equation(both(lambda n: n.expression(used)), line)
        why = (
            reasons.sigmoid_derivative(stated, name, user, numbered(to))
            if isinstance(line, sigma)
            else reasons.derivative(stated)
        )
        left = both(lambda n: n.partial(n.expression(used), n.expression(variable)))
        shape = self.tensors[name].dims
        steps = [
            Step("chain rule", reasons.chain_rule(name, user, numbered(to)), both(chain), shape),
            Step("derivative", why, equation(left, local), self.tensors[user].dims + shape),
            self._reduction(name, at, derived, sorted(deltas)),
        ]
        return self._substituted(name, user, at, free, steps, derived)

    def _local(self, user: str, to: list[Expr], variable: Expr, free: Mapping[Symbol, Expr]) -> Expr:
        """The derivative of one entry of a line of the forward, sigma(Z) being called A again."""
        line = self.lines[user].entry(*to)
        local = simplified(diff(line, variable), free)
        return local.xreplace({line: self.tensors[user].entry(*to)}) if isinstance(line, sigma) else local

    def _gradient(self, name: str) -> Tensor:
        return Tensor.named(f"d{name}", self.tensors[name].dims)

    def _reduction(self, name: str, at: list[Expr], derived: Expr, deltas: list[tuple[str, str]]) -> Step:
        shape = self.tensors[name].dims
        return Step("reduction", reasons.reduction(deltas), equation(_gradient_entry(name, at), derived), shape)

    def _substituted(
        self, name: str, user: str, at: list[Expr], free: Mapping[Symbol, Expr], steps: list[Step], derived: Expr
    ) -> tuple[list[Step], Expr]:
        """Where the code has no line for the user's gradient, it is put in."""
        if self.written[user].line is not None:
            return steps, derived
        put = derived.replace(
            lambda e: isinstance(e, Indexed) and str(e.base) == f"d{user}",
            lambda e: self.written[user].entry.entry(*e.indices),
        )
        put = simplified(put, free)
        why = both(lambda n: f"Put in {n.math(n.name(f'd{user}'))} from above:")
        steps.append(Step("substitution", why, equation(_gradient_entry(name, at), put), self.tensors[name].dims))
        return steps, put

    def _matrix_form(self, name: str, line: Line, derived: Expr, at: list[Expr], free: Mapping[Symbol, Expr]) -> Step:
        gradients = {f"d{known}": self._gradient(known) for known in self.written}
        names = {**self.tensors, **gradients, "m": scalar(DIMS["m"])}
        for helper in self.source.backward:
            if helper is line:
                break
            if helper.target not in names:  # such as residual = y_hat - y, which is the gradient of nothing
                names[helper.target] = helper.evaluate(names, self.source.scope)
        value = line.evaluate(names, self.source.scope)
        holds = value.dims == self.tensors[name].dims and simplified(derived - value.entry(*at), free) == 0
        formula = line.formula([each for each, tensor in self.tensors.items() if tensor.dims == ()])
        stated = both(lambda n: f"{n.name(f'd{name}')} = {n.partial('L', n.name(name))} = {n.pick(formula)}")
        return Step("matrix form", reasons.matrix_form(line, numbered(at)), stated, self.tensors[name].dims, holds)


def _gradient_entry(name: str, at: list[Expr]) -> Formula:
    return both(lambda n: n.entry(f"d{name}", numbered(at)))


def _bound_first(delta: KroneckerDelta, bound: Mapping[Symbol, Expr]) -> tuple[Expr, Expr]:
    a, b = delta.args
    return (a, b) if a in bound else (b, a)
