"""The one exception that stands for a mistake of the user's: input or environment."""


class InputError(ValueError):
    """What is wrong, where, and how to mend it, in one line; commands print it and exit with 2."""
