"""The PDF: what stands on its pages, that no row is lost, that every script shows."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from io import BytesIO
from typing import Any

import pyarrow as pa
import pytest
from pypdf import PdfReader

from wharf.package_worker.content import Content
from wharf.package_worker.pdf import write_pdf

SCRIPTS = {
    "accents": "Übergrößenträger, façade, Łódź",
    "Greek": "\u0393\u03b5\u03b9\u03ac \u039a\u03cc\u03c3\u03bc\u03b5",
    "Cyrillic": "Привет, мир",
    "Chinese": "漢字與中文字符",
    "Korean": "한국어",
    "Devanagari": "नमस्ते",
    "emoji": "🚢",
}


def written(content: Content) -> bytes:
    stream = BytesIO()
    write_pdf(content, stream)
    return stream.getvalue()


def read(content: Content) -> PdfReader:
    return PdfReader(BytesIO(written(content)), strict=True)


def text_of(reader: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def texts(*cells: str | None) -> pa.Table:
    return pa.table({"text": pa.array(cells, pa.string())})


TEXT = [{"name": "text", "title": "Text"}]


def test_every_row_stands_on_exactly_one_page(sales: Any) -> None:
    """Rows are neither lost nor doubled where pages and batches end."""
    reader = read(sales(1000))
    found = Counter(re.findall(r"TX-\d{6}", text_of(reader)))
    assert len(found) == 1000
    assert set(found.values()) == {1}


def test_each_page_says_which_of_how_many_it_is(sales: Any) -> None:
    """The total is known only at the end, and stands on every page but cover and contents."""
    reader = read(sales(300))
    last = len(reader.pages)
    for number, page in enumerate(reader.pages[2:], 3):
        assert f"Page {number} of" in page.extract_text().replace("\u00a0", " ")
    total = reader.pages[2]["/Resources"]["/XObject"]["/Total"]
    assert total["/Subtype"] == "/Form"
    assert f"Pages {last}" in reader.pages[0].extract_text()


def test_the_table_repeats_its_header(sales: Any) -> None:
    """On each of its pages."""
    reader = read(sales(300))
    assert all("Product" in page.extract_text() for page in reader.pages[2:])


def test_the_contents_lead_to_the_sections(sales: Any) -> None:
    """The printed number, the link and the bookmark agree."""
    reader = read(sales(10))
    assert re.search(r"All rows\s*3", reader.pages[1].extract_text())
    link = reader.pages[1]["/Annots"][0].get_object()
    assert link["/Dest"][0].get_object() == reader.pages[2].get_object()
    assert [entry["/Title"] for entry in reader.outline] == ["1  All rows"]


def test_totals_stand_below_with_the_marks_of_the_locale(sales: Any) -> None:
    """Thousands and decimals as the reader writes them."""
    assert "504.495,00" in text_of(read(sales(1000, locale="de")))
    assert "504,495.00" in text_of(read(sales(1000)))


def test_the_file_says_what_it_is(sales: Any) -> None:
    """Title, author and time, for the reader's library."""
    about = read(sales(1)).metadata
    assert about is not None
    assert (about.title, about.author) == ("A test \u2013 default", "Harbour Ltd")
    assert str(about.creation_date) == "2026-11-25 12:00:00+00:00"


def test_the_window_shows_the_title_and_readers_know_the_language(sales: Any) -> None:
    """What assistive software asks a file first; names of any script."""
    content = replace(sales(1, title="H\u00e4fen \u6e2f", locale="de-CH"), author="\u0141\u00f3d\u017a \u6e2f Ltd")
    reader = read(content)
    assert reader.root_object["/Lang"] == "de-CH"
    assert reader.root_object["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712 - pypdf's own boolean
    about = reader.metadata
    assert about is not None
    assert (about.title, about.author) == ("H\u00e4fen \u6e2f \u2013 default", "\u0141\u00f3d\u017a \u6e2f Ltd")


@pytest.mark.parametrize("size", ["A4", "Letter"])
@pytest.mark.parametrize("orientation", ["portrait", "landscape"])
def test_the_paper_is_as_declared(sales: Any, size: str, orientation: str) -> None:
    """Both papers, both ways."""
    box = read(sales(3, page={"size": size, "orientation": orientation})).pages[0].mediabox
    assert (box.width > box.height) == (orientation == "landscape")
    assert round(float(min(box.width, box.height))) == (595 if size == "A4" else 612)


def test_the_same_content_gives_the_same_bytes(sales: Any) -> None:
    """So that a package can be reproduced, and told by its hash."""
    assert written(sales(200)) == written(sales(200))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_shows_and_can_be_copied(make: Any, script: str) -> None:
    """With an embedded font, and with the letters behind the glyphs."""
    reader = read(make(texts(SCRIPTS[script]), TEXT))
    found = text_of(reader).replace(" ", "").replace("\n", "")
    assert SCRIPTS[script].replace(" ", "") in found
    fonts = reader.pages[2]["/Resources"]["/Font"]
    for font in fonts.values():
        about = font["/DescendantFonts"][0]["/FontDescriptor"]
        assert "/FontFile2" in about or "/FontFile3" in about


def test_text_from_right_to_left_is_joined(make: Any) -> None:
    """Arabic letters take the shape of their place; the visual order is from the right."""
    reader = read(make(texts("مرحبا (123) abc"), TEXT))
    assert any("Arabic" in str(font["/BaseFont"]) for font in reader.pages[2]["/Resources"]["/Font"].values())
    assert "(123)" in text_of(reader)


def test_what_no_font_has_is_a_visible_sign(make: Any) -> None:
    """Control characters and private ones: a diamond with a question mark, never an empty box."""
    assert "a\ufffdb\ufffdc" in text_of(read(make(texts("a\x01b\ue000c"), TEXT)))


def test_a_cell_of_100_kb_goes_over_pages_whole(make: Any) -> None:
    """All of its words are there, in order."""
    words = [f"word{n}" for n in range(12_000)]
    reader = read(make(texts("before", " ".join(words), "after"), TEXT))
    found = re.findall(r"word\d+", text_of(reader))
    assert found == words


def test_2000_columns_are_set_in_panels(make: Any) -> None:
    """Side by side as many as the page holds, the others on further pages."""
    table = pa.table({f"c{n}": [f"v{n}."] for n in range(2000)})
    reader = read(make(table, [{"name": f"c{n}", "title": f"Column {n}"} for n in range(2000)]))
    assert Counter(re.findall(r"v(\d+)\.", text_of(reader))) == Counter(map(str, range(2000)))


def test_an_empty_section_says_so(sales: Any) -> None:
    """A package of nothing is a package."""
    assert "There are no rows" in text_of(read(sales(0)))


def test_datasheets_have_a_page_and_a_bookmark_each(sales: Any) -> None:
    """One for each row, below the chapter's bookmark."""
    reader = read(sales(5, of={"layout": "datasheets", "heading": "id"}))
    chapter, below = reader.outline
    assert chapter["/Title"] == "1  All rows"
    assert [entry["/Title"] for entry in below] == [f"TX-{n:06d}" for n in range(5)]
    assert "TX-000004" in reader.pages[-1].extract_text()


@pytest.mark.parametrize("kind", ["bar", "line"])
def test_charts_are_vectors(sales: Any, kind: str) -> None:
    """No picture is in the file, and the labels are text."""
    chart = {"kind": kind, "title": "Pieces by product", "label": "product", "value": "pieces"}
    reader = read(sales(20, of={"chart": chart}))
    assert "Pieces by product" in text_of(reader)
    assert not any(page.images for page in reader.pages)
