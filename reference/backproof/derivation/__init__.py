"""Validating anyone's derivation: loading, checking and diagnosing a loss and its hand-derived gradients."""
