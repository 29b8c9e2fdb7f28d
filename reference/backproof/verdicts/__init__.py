"""What tells a mistake from rounding in a user's own gradients: one rule, for every command."""
