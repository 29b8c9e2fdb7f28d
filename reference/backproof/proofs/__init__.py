"""Proofs of the hand-derived equations, for all shapes. SymPy is needed here and nowhere else in backproof.

`prove(model)` answers with the equations of a model, each proved in three links or refuted by a
counterexample; `prove_lemmas(models)` with what the project leans on elsewhere.
"""

from backproof.proofs.derivation import Derivation, derive
from backproof.proofs.lemmas import Lemma, lemmas_about, prove_lemmas
from backproof.proofs.prover import Equation, prove

__all__ = ["Derivation", "Equation", "Lemma", "derive", "lemmas_about", "prove", "prove_lemmas"]
