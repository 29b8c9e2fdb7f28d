"""Taps: which step of the chain is the first wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backproof.derivation.diagnosis.diagnose import Diagnosis
from backproof.derivation.samples import Sample
from backproof.verdicts.judgement import Verdict


def steps(sample: Sample, judged: Mapping[str, Any], found: Mapping[str, Diagnosis]) -> dict[str, Diagnosis]:
    """The diagnoses, each with the place in the chain of taps where its gradient went wrong.

    The chain is followed backwards, from the loss to the parameters, as the gradients flow.
    """
    taps = sample.graph.trace.taps
    chain = sorted((n for n in judged if n in taps), key=lambda name: -taps[name].serial)
    if not chain:
        return dict(found)
    first = next((n for n in chain if judged[n].verdict is Verdict.FAIL), None)
    if first is None:
        said = f"d{chain[-1]} is right: the mistake is after it"
        return {name: replace(d, text=f"{d.text}; {said}") for name, d in found.items()}
    before = chain[: chain.index(first)]
    right = f"d{before[-1]} is right, " if before else ""
    between = f"between {before[-1]} and {first}" if before else f"between the loss and {first}"
    said = f"{right}d{first} is wrong: the mistake is {between}"
    return {name: replace(d, text=f"{d.text}; {said}") for name, d in found.items()}
