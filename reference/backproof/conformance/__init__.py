"""The conformance matrix: cells, the processes that compute them, and the verdicts."""
