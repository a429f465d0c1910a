"""Files as people have them: separators, encodings and decimal signs that nobody has named."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest

from tfmlflow.datasets.table import file as table_file
from tfmlflow.errors import UsageError

TEXT = "größe;stadt;preis\n1,5;Köln;1.234,50\n2;Ulm;99\n3,25;;7,0\n"
COMMAS = TEXT.replace(",", ".").replace("1.234.50", "1234.50").replace(";", ",")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("text", [TEXT, COMMAS, COMMAS.replace(",", "\t"), COMMAS.replace(",", "|")])
def test_a_table_is_read_as_it_is_written(tmp_path: Path, text: str, encoding: str) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(text.encode(encoding))
    frame = table_file.read(str(file))
    assert list(frame.columns) == ["größe", "stadt", "preis"]
    assert frame["größe"].tolist() == [1.5, 2.0, 3.25]
    assert frame["preis"].tolist() == [1234.5, 99.0, 7.0]
    assert frame["stadt"].tolist()[:2] == ["Köln", "Ulm"]


def test_another_encoding_than_utf8_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(TEXT.encode("cp1252"))
    with caplog.at_level(logging.WARNING):
        table_file.read(str(file))
    assert "is not UTF-8, and read as cp1252; data.encoding names another" in caplog.text


def test_points_between_thousands_are_none_of_decimals_where_commas_are(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("preis;zahl;kurs;tag\n1,5;1.234;1.5;26.11.2026\n2,5;999;2.25;01.12.2026\n")
    frame = table_file.read(str(file))
    assert frame["zahl"].tolist() == [1234, 999]
    assert frame["kurs"].tolist() == [1.5, 2.25]
    assert frame["tag"].tolist() == ["26.11.2026", "01.12.2026"]


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
def test_a_packed_table_is_read(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"t.csv.{ending}"
    pd.DataFrame({"a": [1, 2], "b": ["Köln", "Ulm"]}).to_csv(file, index=False)
    assert table_file.read(str(file)).to_dict("list") == {"a": [1, 2], "b": ["Köln", "Ulm"]}


def test_a_field_that_is_very_long_is_no_trouble(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f'a;b\n1;"{"x" * 200_000}"\n2;y\n')
    assert table_file.read(str(file), separator=";")["a"].tolist() == [1, 2]
    assert table_file.read(str(file)).shape[0] == 2


def test_text_with_commas_stays_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "t.csv"
    file.write_text('name,pair\n"Doe, Jane","1,2"\n"Roe, Max","3,4"\n')
    assert table_file.read(str(file))["pair"].tolist() == ["1,2", "3,4"]
    assert "numbers with a comma, such as '1,2', in pair are taken as text" in caplog.text
    file.write_text("name;note\nDoe;1,5 and more\nRoe;2,5\n")
    assert table_file.read(str(file))["note"].tolist() == ["1,5 and more", "2,5"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "utf-9"}, "data.encoding=utf-9: Python knows no such encoding"),
        ({"encoding": "ascii"}, "is not ascii"),
    ],
)
def test_what_is_named_and_wrong_is_refused(tmp_path: Path, options: dict[str, str], message: str) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(TEXT.encode("cp1252"))
    with pytest.raises(UsageError, match=message):
        table_file.read(str(file), **options)


def test_one_column_has_no_separator(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a\n1\n2\n")
    assert table_file.read(str(file))["a"].tolist() == [1, 2]
