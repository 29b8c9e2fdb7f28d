"""A page as Markdown (GitHub, MkDocs, notebooks) and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backproof.proofs.page import Block, Display, Heading, Paragraph, Table

PREAMBLE = r"""\documentclass{article}
\usepackage[a4paper,margin=25mm]{geometry}
\usepackage{amsmath}
\newcommand{\lt}{<}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\sloppy
\begin{document}
"""

SECTIONS = {1: r"\section*", 2: r"\section", 3: r"\subsection", 4: r"\subsubsection*"}
ESCAPES = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#"}
IN_CODE = {**ESCAPES, "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "^": r"\^{}", "~": r"\~{}"}


def markdown(blocks: Sequence[Block]) -> str:
    """The page as Markdown, formulas between dollars."""
    return "\n\n".join(map(_markdown_block, blocks)) + "\n"


def _markdown_block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Display(latex, shape):
            return f"$$\n{_with_shape(latex, shape)}\n$$"
        case Table(head, rows):
            lines = [head, ("---",) * len(head), *rows]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex(blocks: Sequence[Block]) -> str:
    """The page as a LaTeX document that compiles on its own."""
    return PREAMBLE + "\n\n".join(map(_latex_block, blocks)) + "\n\n\\end{document}\n"


def _latex_block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{SECTIONS[level]}{{{_prose(text)}}}"
        case Paragraph(text):
            return _prose(text)
        case Display(formula, shape):
            return f"\\[\n{_with_shape(formula, shape)}\n\\]"
        case Table(head, rows):
            lines = [" & ".join(map(_prose, line)) + r" \\" for line in (head, *rows)]
            body = "\n".join([lines[0], r"\hline", *lines[1:]])
            return (
                f"\\begin{{center}}\n\\begin{{tabular}}{{{'l' * len(head)}}}\n{body}\n\\end{{tabular}}\n\\end{{center}}"
            )


def _with_shape(formula: str, shape: str) -> str:
    return rf"{formula} \qquad {shape}" if shape else formula


def _prose(text: str) -> str:
    """Prose of the page in LaTeX: formulas stay, code becomes typewriter, the rest is escaped."""
    parts = re.split(r"(\$[^$]*\$|`[^`]*`)", text)
    return "".join(part if part.startswith("$") else _code_or_words(part) for part in parts)


def _code_or_words(part: str) -> str:
    if part.startswith("`"):
        return rf"\texttt{{{''.join(IN_CODE.get(c, c) for c in part.strip('`'))}}}"
    return "".join(ESCAPES.get(c, c) for c in part)
