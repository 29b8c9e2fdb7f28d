"""What only developers run, and no wheel has: `python -m tools.diagnosis_power`, `python -m tools.mutate`."""
