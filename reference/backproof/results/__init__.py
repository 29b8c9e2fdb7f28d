"""A run's results: JSON, JUnit, the closing table, resuming, drift between runs, capabilities."""
