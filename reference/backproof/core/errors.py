"""The one exception that stands for a mistake of the user's: input or environment."""


class InputError(ValueError):
    """What is wrong, where, and how to mend it, in one line; commands print it and exit with 2."""


def visible(text: str) -> str:
    """`text` on one line of a terminal: line ends, control characters and broken letters are shown as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
