"""What arbitrary input is drawn from, and what may become of it: a result, or one InputError of one line."""

from hypothesis import strategies as st

from backproof import InputError

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def one_line_or_fine(function, *arguments):
    try:
        return function(*arguments)
    except InputError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than one line: {error}") from error
        return None
