"""How a file is written, found in its beginning."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wharf.common.errors import Invalid
from wharf.common.imports import ImportOptions
from wharf.ingest_worker.reading import SAMPLE_BYTES, Dialect, detect

REAL = Path(__file__).parents[4] / "shared" / "data" / "real"
EXPECTED = frozenset({"id", "name", "Unit Price", "city"})
TEXT = "id,name,city\n1,Ann,Oslo\n2,Bob,Bergen\n3,Cid,Moss\n"

real_files = pytest.mark.skipif(not REAL.is_dir(), reason="the folder of real files is not beside the project")


def dialect_of(data: bytes, expected: frozenset[str] = EXPECTED, **options: Any) -> Dialect:
    """The dialect of a whole file."""
    return detect(data, len(data), ImportOptions(**options), expected)


def refused(data: bytes, **options: Any) -> Invalid:
    """The error that a file ends with."""
    with pytest.raises(Invalid) as caught:
        dialect_of(data, **options)
    return caught.value


@pytest.mark.parametrize(("delimiter", "newline"), [(",", "\n"), (";", "\r\n"), ("\t", "\r"), ("|", "\n"), ("^", "\n"),
                                                   ("\x01", "\n")])  # fmt: skip
def test_delimiter_and_newline_are_found(delimiter: str, newline: str) -> None:
    """With a confidence, and the header where it stands."""
    found = dialect_of(TEXT.replace(",", delimiter).replace("\n", newline).encode())
    assert (found.delimiter, found.newline, found.quote) == (delimiter, newline, '"')
    assert found.header == ("id", "name", "city")
    assert (found.data.byte_offset, found.data.line) == (len("id,name,city" + newline), 2)
    assert found.confidence > 0.7


@pytest.mark.parametrize(("codec", "bom", "shown"), [
    ("utf-8", b"", "utf-8"), ("utf-8", b"\xef\xbb\xbf", "utf-8-sig"),
    ("utf-16-le", b"\xff\xfe", "utf-16-le"), ("utf-16-be", b"\xfe\xff", "utf-16-be"),
    ("utf-16-le", b"", "utf-16-le"), ("utf-16-be", b"", "utf-16-be"),
    ("utf-32-le", b"\xff\xfe\x00\x00", "utf-32-le"), ("utf-32-be", b"\x00\x00\xfe\xff", "utf-32-be"),
    ("utf-32-le", b"", "utf-32-le"), ("cp1252", b"", "cp1252"),
])  # fmt: skip
def test_unicode_and_western_files_are_told_apart(codec: str, bom: bytes, shown: str) -> None:
    """With and without a byte order mark."""
    text = TEXT.replace("Oslo", "Tromsø").replace("Cid", "Zoë")
    found = dialect_of(bom + text.encode(codec))
    assert (found.encoding, found.header) == (shown, ("id", "name", "city"))
    assert found.data.byte_offset == len(bom) + len("id,name,city\n".encode(codec))


@pytest.mark.parametrize(("codec", "names"), [
    ("cp1251", ["Иван Петров", "Анна Смирнова"]), ("cp1253", ["Αθήνα", "Θεσσαλονίκη"]),
    ("cp1250", ["Zażółć gęślą jaźń", "Łódź"]), ("cp932", ["東京都の商品", "名前と年齢"]),
    ("gb18030", ["北京产品", "上海产品"]), ("cp949", ["서울 제품", "번호와 이름"]),
])  # fmt: skip
def test_older_encodings_are_told_by_their_letters(codec: str, names: list[str]) -> None:
    """From a few lines of names."""
    data = "\n".join(["id,name", *(f"{i},{name}" for i, name in enumerate(names * 3))]).encode(codec)
    assert dialect_of(data).codec == codec


@pytest.mark.parametrize("junk", [b"\xff", b"\xfe\xff", b"\xc3\xa9,\xe9"])
def test_a_few_damaged_bytes_do_not_make_another_encoding(junk: bytes) -> None:
    """They cost their rows, not the letters of all others."""
    assert dialect_of(TEXT.encode() + b"4," + junk + b",x\n").encoding == "utf-8"


def test_a_letter_that_the_sample_cuts_in_two_is_no_damage() -> None:
    """The sample ends anywhere."""
    data = b"id,name\n" + "1,é\n".encode() * SAMPLE_BYTES
    assert {detect(data[: SAMPLE_BYTES + i], len(data), ImportOptions(), EXPECTED).encoding for i in range(-5, 0)} == {
        "utf-8"
    }


def test_what_the_user_says_is_taken() -> None:
    """Where detection would have chosen otherwise, too."""
    found = dialect_of("id;name|city\n1;ü|y\n".encode("cp850"), encoding="cp850", delimiter="|", quote="'")
    assert (found.encoding, found.delimiter, found.quote, found.header) == ("cp850", "|", "'", ("id;name", "city"))


def test_a_bad_row_does_not_change_the_delimiter() -> None:
    """Nor does a stray quote near the top, that swallows what follows."""
    ragged = "id;name;city\n1,2,3,4,5,6,7,8,9,10\n" + '2;"Bob;Bergen\n' + "3;Cid, of Moss, the third;Moss\n" * 20
    assert dialect_of(ragged.encode()).delimiter == ";"


def test_decimal_commas_do_not_win_over_semicolons() -> None:
    """Both are even, but the header tells."""
    text = "id;name;Unit Price\n" + '1;"x, y";2,50\n' * 30
    assert dialect_of(text.encode()).delimiter == ";"


def test_times_of_day_do_not_make_a_colon_the_delimiter() -> None:
    """A file with one column is one."""
    assert dialect_of(b"name\n10:20:30\n11:20:30\n12:30:30\n").delimiter == ","


def test_apostrophes_enclose_cells_only_where_they_do_so_often() -> None:
    """One O'Hara is no quote."""
    assert dialect_of(b"id,name\n'1','a,b'\n'2','c,d'\n").quote == "'"
    assert dialect_of(b"id,name\n1,O'Hara\n2,'t Hooft\n3,x\n4,x\n5,x\n6,x\n").quote == '"'


def test_what_stands_before_the_header_is_listed() -> None:
    """Nothing is skipped silently."""
    data = b"Report of May\n\nid,name,city\n1,Ann,Oslo\n"
    found = dialect_of(data)
    assert [(s.line, s.text, s.why) for s in found.skipped_lines] == [
        (1, "Report of May", "before_header"),
        (2, "", "blank"),
    ]
    assert (found.header_row, found.as_dict()["header_rows"]) == (3, [3])
    assert data[found.data.byte_offset :] == b"1,Ann,Oslo\n"


def test_a_header_of_two_lines_is_one_record() -> None:
    """A line end inside its quotes is no end."""
    found = dialect_of(b'id,"na\nme",city\n1,2,3\n')
    assert (found.header, found.header_row, found.data.line) == (("id", "na\nme", "city"), 1, 3)


def test_the_header_row_can_be_said() -> None:
    """Where two rows would do, and where none would."""
    assert dialect_of(TEXT.encode(), header_row=2).header == ("1", "Ann", "Oslo")
    assert refused(TEXT.encode(), header_row=90).error_code == "bad_option"


@pytest.mark.parametrize("data", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf", b"\xff\xfe", "\ufeff\r\n".encode("utf-16-be")])
def test_an_empty_file_is_refused(data: bytes) -> None:
    """Spaces and a byte order mark are nothing."""
    assert refused(data).error_code == "empty_file"


@pytest.mark.parametrize(("data", "seems"), [
    (b"PK\x03\x04\x14\x00\x06\x00" + b"\x00" * 50, "xlsx"), (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "PDF"),
    (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "PNG"), (b"\x1f\x8b\x08" + b"x" * 20, "gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500, "xls"), (b"PAR1\x15\x00\x15\x00" + b"\x00" * 40, "Parquet"),
    (bytes(range(256)) * 8, "binary"), (b"id,name\n" + b"\x00\x02\x03" * 300, "binary"),
])  # fmt: skip
def test_a_binary_file_is_named(data: bytes, seems: str) -> None:
    """Whatever its name ended with."""
    error = refused(data)
    assert error.error_code == "binary_file"
    assert seems in error.message


def test_words_that_begin_like_a_binary_file_are_text() -> None:
    """PAR1 may be somebody's code."""
    assert dialect_of(b"PAR1,id,name\nx,1,2\n").header == ("PAR1", "id", "name")


def test_a_file_without_header_names_what_it_needs() -> None:
    """And shows what was found instead."""
    with pytest.raises(Invalid) as caught:
        detect(b"1,2.5,Ann\n2,3.5,Bob\n", 20, ImportOptions(), EXPECTED, ["id", "name"])
    assert caught.value.error_code == "no_header"
    assert "id, name" in caught.value.message
    assert "1, 2.5, Ann" in caught.value.message
    assert [p.loc for p in caught.value.problems] == ["id", "name"]


def test_without_expectations_the_first_row_of_words_is_the_header() -> None:
    """An inspection may not know the profile yet."""
    found = dialect_of(b"Title\n\nfoo,bar,baz\n1,2,3\n4,5,6\n", frozenset())
    assert found.header == ("foo", "bar", "baz")


def test_a_quote_may_be_the_delimiter() -> None:
    """Who asks for it gets it."""
    assert dialect_of(b'id"name\n1"Ann\n', delimiter='"').header == ("id", "name")


def test_an_unknown_encoding_is_refused() -> None:
    """Also when it comes from an old payload that nobody checked."""
    options = ImportOptions.model_construct(encoding="klingon")
    with pytest.raises(Invalid) as caught:
        detect(TEXT.encode(), len(TEXT), options, EXPECTED)
    assert caught.value.error_code == "unknown_encoding"


def test_a_dialect_survives_its_checkpoint() -> None:
    """Every field, the skipped lines too."""
    found = dialect_of(b"May\nid,name,city\n1,Ann,Oslo\n")
    assert Dialect.from_dict(found.to_dict()) == found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(alphabet="ab1 ,;\"'\n|", max_size=8), min_size=3, max_size=3), min_size=3),
       st.sampled_from(",;\t|"), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))  # fmt: skip
def test_any_table_under_a_known_header_is_read_with_its_delimiter(
    table: list[list[str]], delimiter: str, quoting: int
) -> None:
    """Whatever its cells hold."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting).writerows([["id", "name", "city"], *table])
    found = dialect_of(out.getvalue().encode())
    assert (found.delimiter, found.header) == (delimiter, ("id", "name", "city"))


@real_files
@pytest.mark.parametrize(("name", "encoding", "header"), [
    ("shift_jis.csv", "cp932", ("名前", "年齢")), ("utf16.csv", "utf-16-le", ("name", "age")),
    ("utf8bom.csv", "utf-8-sig", ("id", "name")),
])  # fmt: skip
def test_real_files_of_three_encodings_are_read(name: str, encoding: str, header: tuple[str, ...]) -> None:
    """Without being told."""
    found = dialect_of((REAL / name).read_bytes(), frozenset({"名前", "年齢", "name", "age", "id"}))
    assert (found.encoding, found.header) == (encoding, header)


def test_a_file_of_a_hundred_thousand_columns_is_refused() -> None:
    """Before each of them is looked at."""
    assert refused((",".join(f"c{n}" for n in range(100_000)) + "\n").encode()).error_code == "too_many_columns"


@pytest.mark.parametrize(("data", "header"), [
    (b"id,\"x'); DROP TABLE wharf.jobs;--\",name\n1,2,3\n", ("id", "x'); DROP TABLE wharf.jobs;--", "name")),
    (b"id,Name,NAME,name\n1,2,3,4\n", ("id", "Name", "NAME", "name")),
    (b"id,na\0me,city\n1,2,3\n", ("id", "na\0me", "city")),
], ids=["sql", "case", "nul"])  # fmt: skip
def test_headers_are_names_whatever_is_in_them(data: bytes, header: tuple[str, ...]) -> None:
    """SQL, names that differ in case only, NUL bytes."""
    assert dialect_of(data).header == header


def test_a_known_header_that_comes_twice_keeps_its_names() -> None:
    """Both lines are told; a bad row below a known header is a row with something wrong, and no header."""
    found = dialect_of(b"id,name,city\n" + TEXT.encode())
    assert (found.header, found.header_rows, found.data.line) == (("id", "name", "city"), (1, 2), 3)
    rows = "".join(f"{n},{n}.5,2025-01-{n:02}\n" for n in range(1, 20))
    spoilt = dialect_of(f"id,name,city\nnone,nothing,never\n{rows}".encode())
    assert (spoilt.header, spoilt.header_rows) == (("id", "name", "city"), (1,))


def test_a_table_of_many_short_rows_has_no_footer_in_its_middle() -> None:
    """Where not all of them were looked at, none is taken for the last."""
    rows = ["a,1,x"] * 4_998 + ["total"] + ["a,1,x"] * 2_000
    assert dialect_of(("id,name,city\n" + "\n".join(rows)).encode()).end is None


def test_comments_are_listed_in_their_place() -> None:
    """Between what stands above and below the table."""
    found = dialect_of(b"May\n" + TEXT.encode() + b"\nSource: us\n", comment="#")
    listed = [(s.line, s.why) for s in found.skipped(7, [(4, "# x")])]
    assert listed == [(1, "before_header"), (4, "comment"), (7, "footer")]
