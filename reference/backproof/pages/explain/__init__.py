"""One real forward and backward pass of a model: its equations, their numbers, and the certified values beside them."""
