"""What MkDocs is told beyond mkdocs.yml: pages that live elsewhere in the repository, and mathematics as MathML.

README.md and its like are pages as they are: a link between files of the repository becomes one between pages, or,
where the file is none, its name. Formulas become MathML when the site is built, so no script renders them.
"""

import html
import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
GALLERY = "examples/derivations"
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    GALLERY: "gallery.md",
    "reference/backproof/hosting/protocol.py": "api/backend.md",
    "reference/backproof/models/algorithms.py": "api/algorithms.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r'<(?:span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</(?:span|div)>', re.DOTALL)
IN_CONTENTS = re.compile(r'<span class="md-ellipsis">.*?</span>', re.DOTALL)
INLINE = re.compile(r"\\(\()(.*?)\\\)", re.DOTALL)


def on_config(config):
    """A guide that `nav` does not name comes after those it names."""
    guides = next(section["Guides"] for section in config.nav if "Guides" in section)
    named = str(config.nav)
    guides += [page.name for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in named]
    return config


def on_files(files, config):
    """The pages of PAGES that are made from files elsewhere."""
    for source, page in PAGES.items():
        if source.endswith(".md"):
            files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, PAGES[GALLERY], content=_gallery()))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links between files of the repository, as links between pages; code is left alone."""
    here = page.file.src_uri
    source = {page: source for source, page in PAGES.items()}.get(here, f"docs/{here}")
    done, kept = 0, []
    for fence in FENCE.finditer(markdown):
        kept += [_relink(markdown[done : fence.start()], source, here), fence.group()]
        done = fence.end()
    return "".join([*kept, _relink(markdown[done:], source, here)])


def on_post_page(output, page, config):
    """Formulas as MathML, those of the headings in the table of contents too."""
    return IN_CONTENTS.sub(lambda entry: INLINE.sub(_mathml, entry.group()), FORMULA.sub(_mathml, output))


def _relink(text, source, here):
    def replace(match):
        image, label, target = match.groups()
        path, _, anchor = target.partition("#")
        if not path or ":" in path:
            return match.group()
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if place in PAGES:
            there = PAGES[place]
        elif place.startswith("docs/") and (ROOT / place).exists():
            there = place.removeprefix("docs/")
        elif posixpath.dirname(place) == GALLERY:
            there, anchor = PAGES[GALLERY], posixpath.basename(place).removesuffix(".py").replace("_", "-")
        elif (ROOT / place).exists():
            return label if place.endswith(label.strip("`")) else f"{label} (`{place}`)"
        else:
            raise PluginError(f"{source}: the link to {target} leads nowhere")
        link = posixpath.relpath(there, posixpath.dirname(here) or ".")
        return f"{image}[{label}]({link}{'#' * bool(anchor)}{anchor})"

    return LINK.sub(replace, text)


def _mathml(match):
    opening, formula = match.groups()
    if opening == "(":
        return convert(html.unescape(formula))
    return f'<div class="formula">{convert(html.unescape(formula).strip(), display="block")}</div>'


def _gallery():
    """Every derivation of the gallery, whole."""
    made = [
        "# Gallery of derivations",
        "Each of these files states a loss, its hand-derived gradients, and a classic mistake, `wrong_gradients`.\n"
        "`backproof check FILE.py` validates the gradients; with `--gradients wrong_gradients` it names the mistake.",
    ]
    for path in sorted((ROOT / GALLERY).glob("*.py")):
        title = path.stem.replace("_", " ").capitalize()
        made += [f"## {title}", f"```python\n{path.read_text(encoding='utf-8').strip()}\n```"]
    return "\n\n".join(made) + "\n"
