"""The site: built without a warning, whole, and read without a network."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = re.compile(r"""<(?:script|img|iframe|source)[^>]*?\ssrc="?([^"\s>]+)|<link[^>]*?\shref="?([^"\s>]+)""")


def build(folder):
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", folder]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = build(folder)
    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    return folder


def text(site, page):
    return (site / page).read_text(encoding="utf-8")


def test_pages_are_whole(site):
    assert "proved for all shapes" in text(site, "index.html")
    assert "Computes the loss and the gradients of the models" in text(site, "api/backend.html")
    assert "wrong_gradients" in text(site, "gallery.html")


def test_links_between_files_lead_to_pages(site):
    page = text(site, "index.html")
    for target in ("derivations.html", "benchmarks.html", "contributing.html", "gallery.html"):
        assert f'href="{target}"' in page
    assert 'href="reference/' not in page


def test_formulas_are_mathml(site):
    page = text(site, "derivations.html")
    assert page.count("<math") > 200
    assert r"\(" not in page
    assert r"\frac" not in page


def test_every_page_written_is_in_the_navigation(site):
    shown = text(site, "index.html")
    for page in (ROOT / "docs").rglob("*.md"):
        target = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert f'href="{target}"' in shown, f"add {page.name} to nav in mkdocs.yml"


def test_nothing_is_loaded_from_the_network(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) >= 10
    for page in pages:
        loaded = [a or b for a, b in LOADED.findall(page.read_text(encoding="utf-8"))]
        assert loaded, page
        assert not [url for url in loaded if url.startswith(("http", "//"))], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\W*(https?:)?//|@import", style.read_text(encoding="utf-8")), style


def test_a_link_that_leads_nowhere_stops_the_build():
    """README's own links, of which MkDocs knows nothing."""
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")
    errors = pytest.importorskip("mkdocs.exceptions", reason="mkdocs is not installed")
    specification = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs/hooks.py")
    hooks = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(hooks)

    for good, there in {
        "[a](docs/derivations.md#x)": "[a](derivations.md#x)",
        "[`error_sweep.py`](reference/backproof/rounding/error_sweep.py)": "`error_sweep.py`",
        "[the page](https://example.org)": "[the page](https://example.org)",
        "[g](examples/derivations/layer_norm.py)": "[g](gallery.md#layer-norm)",
    }.items():
        assert hooks._relink(good, "README.md", "index.md") == there
    with pytest.raises(errors.PluginError, match=r"README.md: the link to docs/gone.md leads nowhere"):
        hooks._relink("[a](docs/gone.md)", "README.md", "index.md")
