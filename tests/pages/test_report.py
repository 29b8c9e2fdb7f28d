"""The page of a conformance run: what it says, that no text becomes markup, and how it behaves in a browser."""

import json
import re
import subprocess
import sys

import pytest
from tests.support.pages import Outline, opened, unreached

from backproof.pages import render
from backproof.pages.report.explanations import why
from backproof.pages.report.page import cell_link, page

HOSTILE = "</script><script>alert(1)</script><b>&amp;"
PASS = "two_layer_nonlinear-numpy:reference-float32-cpu-n3m7k5-normal"
FAIL = "two_layer_nonlinear-numpy-drop_one_minus_A:reference-float32-cpu-n3m7k5-normal"
ODD = "two_layer_nonlinear-<script>x</script>:\"'#%&-float32-cpu-n3m7k5-normal"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Cells of every verdict, a known failure, mutants, and names that are markup."""
    folder = tmp_path_factory.mktemp("result")
    (folder / "known").write_text(f"*drop_one_minus_A*-W1e4  {HOSTILE}\n")
    parts = [
        [
            "numpy",
            "tests.support.planted:numpy_drop_one_minus_A",
            "--known-failures",
            folder / "known",
            "--device",
            "all",
        ],
        ["tests.support.planted:crashes", "mutants", "--model", "multivariate", "--cells", "quick"],
    ]
    made = []
    for number, (first, second, *options) in enumerate(parts):
        file = folder / f"{number}.json"
        chosen = ["--backend", first, "--backend", second, "--dtype", "float32", "--model", "two_layer_nonlinear"]
        command = [sys.executable, "-m", "backproof", "conform", *chosen, *options, "--json", file]
        ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        assert ended.returncode == 1, ended.stderr
        made.append(json.loads(file.read_text()))
    whole = made[0]
    whole["environment"]["backends"] |= made[1]["environment"]["backends"]
    odd = next(cell for cell in whole["cells"] if cell["id"] == PASS)
    odd = odd | {"id": ODD, "backend": "<script>x</script>", "series": "<script>x</script>:\"'#%&", "verdict": "error"}
    odd |= {"gradients": {}, "loss": None, "output": None, "reason": HOSTILE, "regime": HOSTILE}
    whole["environment"]["backends"] |= {HOSTILE: whole["environment"]["backends"]["numpy"]}
    whole["environment"]["missing"] = {HOSTILE: HOSTILE}
    whole["cells"] += [odd, *made[1]["cells"]]
    return whole


@pytest.fixture(scope="module")
def file(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page(result, [HOSTILE], 1.5, HOSTILE), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def outline(file):
    return Outline(file.read_text(encoding="utf-8"))


def test_no_text_becomes_markup(outline):
    assert len(outline.all("script")) == 3
    assert not outline.all("b")
    assert "alert(1)" not in outline.text["script"]
    assert outline.text["main"].count(HOSTILE) >= 4  # the finding, the known failure, the environment, what is missing
    assert HOSTILE in outline.text["header"]


def test_the_policy_allows_the_scripts_of_the_page_and_no_request(outline):
    policy = next(m["content"] for m in outline.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy
    assert len(re.findall("sha256-", policy)) == 2
    assert "'unsafe-inline'" not in policy.partition("script-src")[2]
    links = [a["href"] for a in outline.all("a") if not a["href"].startswith(("#", "?"))]
    assert links == ["https://plotly.com/javascript/"]  # a link to follow, nothing that is fetched
    assert [tag.get("href") for tag in outline.all("link")] == ["data:,"]


def test_tables_are_tables_for_all(outline):
    assert len(outline.all("table")) == len(outline.all("caption")) >= 7
    assert all(th.get("scope") in ("row", "col") for th in outline.all("th"))
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    labelled = [attrs["aria-labelledby"] for _, attrs in outline.tags if "aria-labelledby" in attrs]
    assert labelled
    assert set(labelled) <= set(ids)
    assert outline.all("html") == [{"lang": "en"}]
    assert next(a["href"] for a in outline.all("a")) == "#main"


def test_the_same_result_makes_the_same_page(result, file):
    assert page(result, [HOSTILE], 1.5, HOSTILE) == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_contrast_enough(theme):
    style = (render.HERE / "assets" / "page.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#\w{6});", style.split(":root")[1 + theme]))

    def light(name):
        parts = [int(colours[name][at : at + 2], 16) / 255 for at in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for ground in ("page", "raised"):
        for name in ("text", "quiet", "link", *render.MARKS):
            darker, lighter = sorted((light(name), light(ground)))
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, ground)


def cell_of(result, identity):
    return next(cell for cell in result["cells"] if cell["id"] == identity)


def test_why_a_cell_passes_or_fails(result):
    passes = why(cell_of(result, PASS))
    assert re.fullmatch(r"Every error is within its likely bound; the largest, \w+'s, takes 0\.\d+ of it\.", passes[0])
    fails = why(cell_of(result, FAIL))
    assert fails[0] == "dW1, db1: the error exceeds what rounding can make, in any order of operations."
    assert re.match(r"d\w+ at \[\d, \d\]: yours \S+, truth \S+, ratio \S+; its error \S+ is \S+ . the likely", fails[1])
    assert fails[2] == "Not so: loss, output, dw2, db2."


def test_why_a_cell_cannot_tell(result):
    at_optimum = PASS.replace("normal", "optimum")
    told = why(cell_of(result, at_optimum))
    assert told[0].endswith(": rounding in float32 hides a fault of half its size.")
    assert "there is nothing of which half could be wrong" in told[1]
    near = why(cell_of(result, PASS.replace("normal", "residual1e-6")))
    assert re.match(r"\w+: the likely bound is \S+ of its size, at its best component\.", near[1])
    assert why(cell_of(result, PASS.replace("normal", "repeated"))) == [
        "Two runs on the same inputs gave the same bits."
    ]
    skipped = next(cell for cell in result["cells"] if cell["verdict"] == "skip")
    assert "finds no cuda device here" in why(skipped)[0]
    assert "the truth is not finite" in why(cell_of(result, PASS.replace("normal", "nan")))[-1]


def test_a_missing_library_is_told_before_the_run(backproof, tmp_path, monkeypatch):
    monkeypatch.setattr(render.importlib.util, "find_spec", lambda name: None)
    code, out, err = backproof("conform", "--backend", "numpy", "--cells", "quick", "--html", tmp_path / "p.html")
    assert (code, out) == (2, "")
    assert err == ("backproof: an HTML page needs jinja2 and plotly; pip install 'backproof[html]', or leave it out\n")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_page(backproof, tmp_path):
    code, _, err = backproof("conform", "--backend", "numpy", "--cells", "quick", "--html", tmp_path / "p.html")
    assert (code, err) == (0, "")
    told = Outline((tmp_path / "p.html").read_text(encoding="utf-8")).text["main"]
    assert "Every cell passes." in told
    assert backproof("conform", "--html", tmp_path)[0] == 2


def test_it_loads_without_a_request_or_a_word(started, file):
    with opened(started, file.as_uri()) as seen:
        seen.draw()
        assert (seen.logged, seen.asked) == ([], [file.as_uri()])
        assert seen.page.locator("#list tr.cell").count() == 100
        assert seen.texts("#table-errors th[scope=row]") == ["float32"]


def test_filters_are_in_the_address_and_back(started, file, result):
    judged = [cell for cell in result["cells"] if cell["backend"] != "mutants"]
    with opened(started, file.as_uri()) as seen:
        found = seen.page.locator("#found")
        seen.page.get_by_label("verdict", exact=True).select_option("fail")
        failed = sum(cell["verdict"] == "fail" for cell in judged)
        assert found.text_content().startswith(f"{failed} of {len(result['cells'])} cells")
        assert set(seen.texts("#list .cell .verdict")) == {"✗ FAIL"}
        seen.page.get_by_label("text", exact=True).fill("TRANSPOSED")
        assert seen.address().endswith("?verdict=fail&text=TRANSPOSED")
        few = seen.texts("#list .small")
        assert 0 < len(few) < failed
        assert all("transposed" in text for text in few)
        again = seen.address()
        seen.page.get_by_role("button", name="Clear").click()
        seen.page.wait_for_function("() => location.search === ''")
        assert found.text_content().startswith(f"{len(judged)} of")
        seen.go(again)
        assert seen.texts("#list .small") == few
        seen.page.locator(".matrix .place").first.click()
        assert "backend=numpy&model=two_layer_nonlinear#cells" in seen.address()
        assert seen.page.evaluate("document.activeElement.id") == "cells"
        seen.page.get_by_label("backend", exact=True).select_option("mutants")
        assert not seen.logged


@pytest.mark.parametrize("identity", [PASS, FAIL, ODD])
def test_the_link_of_a_cell_opens_it(started, file, identity):
    with opened(started, file.as_uri() + "?verdict=skip" + cell_link(identity)) as seen:
        assert seen.texts(".opened h3") == [identity]
        assert seen.page.evaluate("document.activeElement.closest('tr').id") == f"cell-{identity}"
        top = seen.page.evaluate("document.activeElement.getBoundingClientRect().top")
        assert 0 <= top < 800
        assert not seen.logged


def test_an_opened_cell_says_why_with_numbers(started, file, result):
    with opened(started, file.as_uri() + cell_link(FAIL)) as seen:
        assert seen.texts(".opened .why li") == why(cell_of(result, FAIL))
        row = seen.texts(".opened tr:has(th:text-is('dW1')) td")
        assert row[0] == "✗ FAIL"
        assert float(row[1]) == pytest.approx(cell_of(result, FAIL)["gradients"]["W1"]["error"], rel=1e-2)
        assert any(text.startswith("✓ pass numpy:reference") for text in seen.texts(".opened .others li"))
        assert "--backend tests.support.planted:numpy_drop_one_minus_A" in seen.texts(".opened .command")[0]
        button = seen.page.locator(".open[aria-expanded=true]")
        button.press("Enter")
        assert seen.page.locator(".opened").count() == 0
        assert "#" not in seen.address()


def test_the_keyboard_reaches_everything(started, file):
    with opened(started, file.as_uri() + f"?text={FAIL}" + cell_link(FAIL)) as seen:
        assert unreached(seen) == set()
        seen.go(file.as_uri())
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        shown = seen.page.evaluate("document.activeElement.getBoundingClientRect().left")
        assert shown >= 0


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_screen(started, file, width):
    with opened(started, file.as_uri() + cell_link(FAIL), width=width) as seen:
        seen.draw()
        seen.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width


def test_dark_is_dark(started, file):
    with opened(started, file.as_uri(), scheme="dark") as seen:
        seen.draw()
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 26)"
        text = "getComputedStyle(document.querySelector('.chart text')).fill"
        assert seen.page.evaluate(text) == "rgb(228, 232, 236)"
        seen.page.emulate_media(color_scheme="light")
        seen.page.wait_for_function(f"() => {text} === 'rgb(27, 31, 36)'")
