"""PASS, FAIL or INCONCLUSIVE: how a value is judged against its truth and its bounds."""
