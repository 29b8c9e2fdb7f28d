"""What further calls on the same arrays add to a verdict: every answer is judged, and a wrong one fails, whichever."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backproof.verdicts.judgement import Judgement, Verdict

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
NOT_DETERMINISTIC = Judgement(Verdict.INCONCLUSIVE, "not deterministic: two runs on the same inputs differ")
LIKE = 16.0  # so much larger than an error that was put down to a user's own form, another one may be

Judged = Mapping[str, Judgement]


def ordinal(call: int) -> str:
    """A call's number as a word."""
    return ORDINALS[call - 1]


def with_later(judged: Judged, later: Sequence[tuple[int, Judged]], by_hand: bool = False) -> dict[str, Judgement]:
    """The judgements of the first answer and of later ones, by name: the graver of each, saying which call it is of.

    `later` holds the number of each call, and its judgements of the tensors that it answered in other bits; of
    gradients `by_hand` the first answer's were weighed, and the later ones' were not.
    """
    worst = dict(judged)
    for call, others in later:
        for name, other in others.items():
            first, graver = judged.get(name), worst.get(name)
            excused = by_hand and first is not None and _alike(first, other)
            if graver is None or (other.verdict.gravity > graver.verdict.gravity and not excused):
                reason = f"the {ordinal(call)} call on the same arrays is wrong: {other.reason}"
                worst[name] = replace(other, reason=reason if other.verdict is Verdict.FAIL else other.reason)
            elif graver is first and first.verdict is Verdict.FAIL:
                worst[name] = replace(first, reason=f"{first.reason}; {_differs(call, other)}")
    return worst


def repeated(judged: Judged, later: Sequence[tuple[int, Judged]], by_hand: bool = False) -> dict[str, Judgement]:
    """What runs on the same inputs say of determinism: other bits are reported, and fail where an answer is wrong."""
    different = {name for _, others in later for name in others}
    worst = with_later({name: j for name, j in judged.items() if name in different}, later, by_hand)
    return {name: Judgement(Verdict.PASS) for name in judged} | {
        name: j if j.verdict is Verdict.FAIL else NOT_DETERMINISTIC for name, j in worst.items()
    }


def _alike(first: Judgement, other: Judgement) -> bool:
    """The first error was beyond its bound, and is not of another size."""
    if first.error is None or first.bound is None or other.error is None:
        return False
    return first.error > first.bound and other.error <= LIKE * first.error


def _differs(call: int, other: Judgement) -> str:
    how = {Verdict.FAIL: "is wrong too", Verdict.PASS: "is within its bounds"}.get(other.verdict, "is inconclusive")
    size = "" if other.error is None else f", with an error of {other.error:.2g}"
    return f"the {ordinal(call)} call on the same arrays answers differently: it {how}{size}"
