"""What is right: the traced graph, certified values and rounding-error bounds."""
