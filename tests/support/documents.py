"""The fenced blocks of the documentation, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")]
DOCUMENTS += sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "api")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXIT_CODE = re.compile(r"<!-- exit code (\d+) -->\s*$")
MODULES = re.compile(r"(?:backproof|benchmarks|tools\.diagnosis_power)(?:\.\w+)*")


@dataclass(frozen=True)
class Block:
    """A fenced block. `file` is what the paragraph before calls it, as `name.py`; a command in it exits with `code`."""

    place: str
    language: str
    text: str
    file: str | None
    code: int

    @property
    def commands(self):
        """What a block of shell commands runs, one by one, comments and variables resolved."""
        values, found = {}, []
        for line in re.sub(r"\\\n", " ", self.text).splitlines():
            for name, value in values.items():
                line = line.replace(f"${name}", value)
            words = shlex.split(line, comments=True)
            if len(words) == 1 and re.fullmatch(r"[A-Z0-9_]+=.*", words[0]):
                name, _, values[name] = words[0].partition("=")
                continue
            while words:
                end = words.index("&&") if "&&" in words else len(words)
                found.append(Command(tuple(words[:end])))
                words = words[end + 1 :]
        return found


@dataclass(frozen=True)
class Command:
    words: tuple[str, ...]

    def __str__(self):
        return " ".join(word.removeprefix(".venv/bin/") for word in self.words)

    @property
    def module(self):
        """The module of ours that is run as a command, and its arguments; or None."""
        words = list(self.words)
        while words and re.fullmatch(r"[A-Z0-9_]+=.*", words[0]):
            del words[0]
        words[0] = words[0].removeprefix(".venv/bin/")
        if words[0] == "backproof":
            return "backproof", words[1:]
        if words[0] in ("python", "torchrun") and "-m" in words:
            name, *arguments = words[words.index("-m") + 1 :]
            return (name, arguments) if MODULES.fullmatch(name) else None
        return None


def blocks(document):
    """The fenced blocks of a document, in order."""
    text = document.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        paragraph = before.rstrip().rpartition("\n\n")[2]
        name = re.search(r"`(\w+\.py)`[^`]*$", paragraph)
        code = EXIT_CODE.search(before)
        place = f"{document.relative_to(ROOT)}:{before.count(chr(10)) + 1}"
        found.append(Block(place, match[1], match[2], name and name[1], int(code[1]) if code else 0))
    return found
