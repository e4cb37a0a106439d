"""The pages of `report` in a real browser: they fit, they can be saved, and nothing goes wrong."""

from __future__ import annotations

import base64
import csv
import itertools
import json
import re
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import browser
import numpy as np
import pytest
from support import SIMULATED

from barcodeembed.report import projection

pytestmark = pytest.mark.slow

#: Names in italics, and the others, as a page shows them.
ITALICS = """[...document.querySelectorAll("td, .legend li, .path")]
  .flatMap((cell) => [...cell.querySelectorAll("i")]).map((name) => name.textContent)"""


@pytest.fixture
def tab(tmp_path):
    with browser.opened(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory, index_bundle, call_once) -> dict[str, Path]:
    """A page of three samples with everything that a page can have, and one of two runs."""
    folder = tmp_path_factory.mktemp("pages")
    reads = (SIMULATED / "reads.fasta").read_text().split(">")[1:]
    samples = []
    for number in range(3):
        samples.append(folder / f"S{number}.fasta")
        samples[-1].write_text("".join(f">{record}" for record in reads[number::3]))
    names, hits, vectors = folder / "names.tsv", folder / "hits.tsv", folder / "v.npy"
    page, curves = folder / "names.html", folder / "curves.html"
    joined = folder / "all.fasta"
    joined.write_text("".join(sample.read_text() for sample in samples))
    call_once(
        "classify", *samples, "-i", index_bundle, "--cluster-novel", "--hits", hits, "-o", names
    )
    call_once("embed", joined, "-m", index_bundle / "model", "--offsets", "4", "-o", vectors)
    made = ("--hits", hits, "--vectors", vectors, "--title", "Three lakes", "-o", page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "_umap", lambda: None)  # principal components are faster
        call_once("report", names, "--to", "html", *made)
    runs = []
    for number in range(2):
        runs.append(folder / f"run{number}.training")
        runs[-1].mkdir()
        rows = [
            {"step": step, "loss": 5 - step / 50 - number, "accuracy": step / 100}
            | ({"held_out_loss": 5.5 - step / 60} if step % 20 == 0 else {})
            for step in range(10, 101, 10)
        ]
        (runs[-1] / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    call_once("report", *runs, "--training", "--title", "Runs", "-o", curves)
    return {"names": page, "curves": curves, "table": names}


@pytest.fixture(scope="module")
def call_once():
    from support import run_here

    def run(*words: object) -> None:
        assert run_here(*words, "-q") == 0

    return run


@pytest.mark.parametrize("width", [390, 768, 1400])
@pytest.mark.parametrize("name", ["names", "curves"])
def test_a_page_fits_a_screen_of_any_width(tab, pages, name, width):
    tab.open(pages[name], width)
    assert tab.run("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll("body *")]
      .filter((node) => !node.closest(".scroll, svg, figure") &&
        node.getBoundingClientRect().right > innerWidth).map((node) => node.outerHTML)"""
    assert tab.run(outside) == []
    assert not tab.problems


def test_a_page_works_without_an_error(tab, pages):
    """Every button, a taxon, a sample, the filter and the table of hits."""
    tab.open(pages["names"], 1400)
    for script in (
        '[...document.querySelectorAll(".tiles button")].forEach((tile) => tile.click())',
        '[...document.querySelectorAll(".tiles button")].forEach((tile) => tile.click())',
        'document.querySelector(".legend button").click()',
        'document.querySelector(".path button").click()',
        "document.querySelector('.zoom').dispatchEvent(new MouseEvent('click'))",
        "at('sample').value = 1, at('sample').onchange()",
        "at('heads').querySelectorAll('button').forEach((head) => head.click())",
        "document.querySelector('.link').click()",
        "at('map').dispatchEvent(new MouseEvent('mousemove', { clientX: 500, clientY: 500 }))",
    ):
        tab.run(script)
    assert tab.run("document.querySelectorAll('#hits-rows tr').length") > 1
    tab.run("show({ clade: root, sample: -1, text: 'novel', page: 0 })")
    assert 0 < tab.run("listed.length") < tab.run("queries.length")
    assert tab.problems == []


def test_names_of_genera_and_species_are_in_italics(tab, pages):
    tab.open(pages["names"], 1400)
    with open(pages["table"]) as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    slanted = {row[rank] for row in rows for rank in ("genus", "species")}
    upright = {row[rank] for row in rows for rank in ("order", "family")} | {"novel_0001"}
    shown = set(tab.run(ITALICS))
    assert shown and shown <= slanted and not shown & (upright - slanted)
    style = "[...document.querySelectorAll('#sectors .label')].map((text) => [text.textContent, "
    style += "getComputedStyle(text).fontStyle])"
    labels = dict(tab.run(style))
    assert "italic" in labels.values() and "normal" in labels.values()
    for name, kind in labels.items():
        if not name.endswith("…"):
            assert (kind == "italic") == (name in slanted)


def saved(tab, folder: Path, name: str) -> bytes:
    """Return a file that a page has saved."""
    deadline = time.monotonic() + 30
    while not (folder / name).exists() or list(folder.glob("*.crdownload")):
        assert time.monotonic() < deadline, sorted(path.name for path in folder.iterdir())
        time.sleep(0.05)
    return (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "title", "charts"),
    [
        ("names", "Three-lakes", ("sunburst", "samples", "similarity", "confidence", "map")),
        ("curves", "Runs", ("loss", "accuracy")),
    ],
)
def test_every_chart_is_saved_as_svg_and_png(tab, pages, tmp_path, name, title, charts):
    tab.open(pages[name], 1400)
    for chart in charts:
        sizes = []
        for kind in ("SVG", "PNG"):
            tab.run(
                f'[...at("{chart}").closest("section").querySelectorAll(".save")]'
                f'.find((button) => button.textContent === "{kind}").click()'
            )
            data = saved(tab, tmp_path, f"{title}-{chart}.{kind.lower()}")
            if kind == "SVG":
                root = ElementTree.fromstring(data)
                assert root.tag == "{http://www.w3.org/2000/svg}svg"
                assert len(root.findall(".//{*}text")) > 2
                # No style of the page and nothing outside the file is needed.
                assert b"var(" not in data and b"href" not in data
                sizes.append((3 * float(root.get("width")), 3 * float(root.get("height"))))
            else:
                assert data.startswith(b"\x89PNG\r\n\x1a\n")
                sizes.append(tuple(int.from_bytes(data[at : at + 4], "big") for at in (16, 20)))
        assert sizes[0] == pytest.approx(sizes[1], abs=3)
        assert drawn(tab, tmp_path / f"{title}-{chart}.png") > 1_000
    assert tab.problems == []


def drawn(tab, path: Path) -> int:
    """Return the number of pixels of a picture that are not white."""
    address = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    return tab.run(
        f"""(async () => {{
          const image = new Image();
          image.src = "{address}";
          await image.decode();
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [image.width, image.height];
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          const pixels = context.getImageData(0, 0, image.width, image.height).data;
          let count = 0;
          for (let at = 0; at < pixels.length; at += 4) {{
            if (pixels[at] + pixels[at + 1] + pixels[at + 2] < 700) count += 1;
          }}
          return count;
        }})()"""
    )


def test_a_chart_is_saved_in_light_colours_also_from_a_dark_page(tab, pages, tmp_path):
    tab.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    tab.open(pages["names"], 1400)
    assert tab.run("plain('var(--page)')") == "rgb(18, 18, 17)"
    tab.run('at("similarity").closest("section").querySelector(".save").click()')
    data = saved(tab, tmp_path, "Three-lakes-similarity.svg").decode()
    assert "rgb(42, 120, 214)" in data and "rgb(57, 135, 229)" not in data
    assert tab.run("plain('var(--page)')") == "rgb(18, 18, 17)"


def test_the_table_is_saved_as_csv_with_all_rows_that_the_filter_shows(tab, pages, tmp_path):
    tab.open(pages["names"], 1400)
    tab.run("show({ text: 'novel' })")
    listed = tab.run("listed.map((row) => columns.query_id[row])")
    assert len(listed) > 25  # more than one page
    tab.run("at('csv').click()")
    text = saved(tab, tmp_path, "Three-lakes-queries.csv").decode()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["query"] for row in rows] == listed
    with open(pages["table"]) as stream:
        table = {row["query_id"]: row for row in csv.DictReader(stream, delimiter="\t")}
    for row in rows:
        expected = table[row["query"]]
        assert row["status"] == expected["status"] and row["unit"] == expected["novel_unit"]
        assert row["confidence"] == expected["confidence"] and row["family"]
        assert row["sample"] == expected["sample"]


def test_a_cell_with_a_comma_or_a_quote_is_quoted(tab, pages):
    tab.open(pages["names"], 1400)
    tab.run("columns.flags[0] = 'a,\"b\"', drawTable()")
    assert next(csv.DictReader(tab.run("csv()").splitlines()))["flags"] == 'a,"b"'


def test_a_page_with_samples_is_printed_without_blank_pages(tab, pages):
    tab.open(pages["names"], 1400)
    data = base64.b64decode(tab.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert len(re.findall(rb"/Type /Page\b", data)) in (2, 3)


#: Linear RGB as people see it who lack one kind of cone (Machado, Oliveira and Fernandes 2009).
SIGHT = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175],
       [0.0193339, 0.119192, 0.9503041]]  # fmt: skip


def lab(color: str, sight: str) -> np.ndarray:
    """Return a colour such as ``rgb(1, 2, 3)`` in CIELAB, as it is seen."""
    values = np.array([int(part) for part in re.findall(r"\d+", color)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(SIGHT[sight] @ linear, 0, 1)
    x, y, z = np.cbrt(XYZ @ seen / [0.95047, 1, 1.08883])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_differ_for_the_colour_blind(tab, pages, scheme):
    tab.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    tab.open(pages["names"], 1400)
    groups = [[f"c{number}" for number in range(8)],
              ["assigned", "ambiguous", "novel", "unclassifiable"]]  # fmt: skip
    for names in groups:
        colors = [tab.run(f"plain('var(--{name})')") for name in names]
        for sight in SIGHT:
            for one, other in itertools.combinations(colors, 2):
                assert np.linalg.norm(lab(one, sight) - lab(other, sight)) > 15, (sight, one, other)
