"""How good the check is: faults injected into right derivations, and right ones rewritten.

`python -m tools.diagnosis_power` measures it over the four models and the gallery.
"""
