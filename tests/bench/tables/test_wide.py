from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.contract import ClassMeasure, Failure, ImageMeasure, Record
from bench.errors import UserError
from bench.runs.card import RunCard, RunOrder
from bench.runs.records import long, read_records
from bench.runs.result import WorkDone
from bench.runs.rows import Row
from bench.scoring.per_image import pack_measures
from bench.scoring.scores import PerClass, RunResult, Scores
from bench.tables.ranking import unmarked
from bench.tables.run_files import write_results
from bench.tables.wide import paste, render, wide


def record(derainer: str, metric: str, value: float, unit: str = "", images: int = 4, dataset: str = "d") -> Record:
    return Record(dataset, derainer, "quality", "net, large", metric, value, unit, images, 5, 'rules "as printed", 1')


RECORDS = [
    record("rain", "psnr_y", 21.23456, "dB"),
    record("rain", "ssim_y", 0.812345),
    record("rain", "psnr_hvs", 30.0, "dB"),
    record("rain", "identical_images", 0),
    record("rain", "AP[car]", 12.5, "%", images=2),
    record("mine_1", "ssim_y", 1.0, images=5),
    record("mine_1", "psnr_hvs", 31.5, "dB", images=3),
    record("mine_1", "identical_images", 4),
    record("mine_1", "precision@0.25/0.60", 55.5555, "%"),
    record("other", "ssim_y", 0.5, dataset="e"),
]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_wide_has_one_row_a_derainer_and_the_headlines_in_their_order() -> None:
    frame = wide(RECORDS, "d")
    assert list(frame.columns) == ["derainer", "psnr_y (dB)", "ssim_y", "precision@0.25/0.60 (%)", "images"]
    assert frame.values.tolist() == [
        ["rain", "21.23", "0.8123 *", "", "4/5"],
        ["mine_1", "", "1.0000", "55.56", "4/5"],
    ]


def test_every_metric_but_those_of_single_classes_on_demand() -> None:
    frame = wide(RECORDS, "d", every_metric=True)
    assert "psnr_hvs (dB)" in frame.columns
    assert not [column for column in frame.columns if "[" in column]
    assert frame["identical_images"].tolist() == ["0", "4"], "counts have no decimals"
    assert frame["images"].tolist() == ["4/5", "3/5"], "the fewest images that a shown metric rests on"


def test_rows_are_in_the_order_asked_for_and_stay_when_they_are_empty() -> None:
    frame = wide(RECORDS, "d", ["mine_1", "gone", "rain"])
    assert frame["derainer"].tolist() == ["mine_1", "gone", "rain"]
    assert frame.iloc[1].tolist() == ["gone", "", "", "", ""]


def test_other_datasets_do_not_show() -> None:
    assert wide(RECORDS, "e").values.tolist() == [["other", "0.5000", "4/5"]]
    assert wide(RECORDS, "absent").columns.tolist() == ["derainer", "images"] or not len(wide(RECORDS, "absent"))


def test_long_has_every_record(tmp_path: Path) -> None:
    rows = rows_of(render(long(RECORDS), "csv"))
    assert len(rows) == len(RECORDS)
    assert rows[0] == {
        "dataset": "d", "derainer": "rain", "task": "quality", "model": "net, large", "metric": "psnr_y",
        "value": "21.234560", "unit": "dB", "images": "4", "expected": "5", "protocol": 'rules "as printed", 1',
        "protocol_hash": "", "better": "", "untrained": "False",
    }  # fmt: skip


def test_markdown_is_a_pipe_table_with_the_numbers_as_they_are() -> None:
    lines = render(wide(RECORDS, "d"), "md").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][:3] == ["derainer", "psnr_y (dB)", "ssim_y"]
    assert set("".join(cells[1])) <= set(":-")
    assert cells[1][0].startswith(":")
    assert cells[1][1].endswith(":")
    assert cells[3] == ["mine_1", "", "1.0000", "55.56", "4/5"]
    assert len({len(row) for row in cells}) == 1


def test_latex_escapes_what_latex_would_take_for_commands() -> None:
    text = render(wide(RECORDS, "d"), "latex")
    assert text.startswith("\\begin{tabular}{lrrrr}")
    assert "\\toprule" in text
    assert "mine\\_1 & " in text
    assert "(\\%)" in text
    assert "mine_1" not in text


def test_csv_of_the_wide_table_is_read_back_as_it_is() -> None:
    frame = wide(RECORDS, "d")
    assert [list(row.values()) for row in rows_of(render(frame, "csv"))] == unmarked(frame).values.tolist()


def result() -> RunResult:
    row = Row("d", "rain", "quality")
    scores = Scores(records=RECORDS)
    scores.per_image[row] = pack_measures(row, "net, large", [ImageMeasure("a/b", "psnr_y", 20.123456789)])
    scores.per_class = [
        PerClass("d", "rain", "detection", "net, large", ClassMeasure("traffic light", "AP", 12.5, "%", 7))
    ]
    done = WorkDone(failures=[Failure("d", "rain", "", "c", "restore", 'ValueError: "x", y')])
    done.seconds[Row("d", "rain")] += [1.0, 2.0]
    return RunResult(done, scores)


def card_of(*rows: str) -> RunCard:
    return RunCard(datasets={}, derainers=dict.fromkeys(rows, ""), tasks={}, order=RunOrder(derainers=rows, tasks=[]))


def test_written_results_are_read_back(tmp_path: Path) -> None:
    write_results(tmp_path, result(), card_of("rain", "mine_1", "other"))
    assert read_records(tmp_path) == [replace(item, value=round(item.value, 6)) for item in RECORDS]
    assert rows_of((tmp_path / "per_image.csv").read_text()) == [
        {"dataset": "d", "derainer": "rain", "task": "quality", "model": "net, large", "image": "a/b",
         "metric": "psnr_y", "value": "20.123457"}
    ]  # fmt: skip
    assert rows_of((tmp_path / "per_class.csv").read_text()) == [
        {"dataset": "d", "derainer": "rain", "task": "detection", "model": "net, large", "class": "traffic light",
         "metric": "AP", "value": "12.500000", "unit": "%", "support": "7"}
    ]  # fmt: skip
    assert rows_of((tmp_path / "failures.csv").read_text())[0]["reason"] == 'ValueError: "x", y'
    assert rows_of((tmp_path / "timings.csv").read_text())[0]["seconds_per_image"] == "1.500000"
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["d.csv", "e.csv"]


def test_equal_results_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_results(tmp_path / name, result(), card_of("rain", "mine_1", "other"))
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.csv"))
    assert len(files) == 11
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_empty_results_have_headings(tmp_path: Path) -> None:
    write_results(tmp_path, RunResult(WorkDone(), Scores()), card_of("rain"))
    for name in ("records", "per_image", "per_class", "failures", "slices", "intervals"):
        text = (tmp_path / f"{name}.csv").read_text()
        assert text.startswith("dataset,derainer,task,")
        assert text.count("\n") == 1
    assert read_records(tmp_path) == []


def test_without_a_run_the_folder_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"records\.csv: no such file; give the folder passed to 'derainbench run"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"records\.csv: damaged"),
        (b"\xff\xfe\x00", r"records\.csv: damaged"),
        (b"a,b\n1,2\n", r"records\.csv: expected the columns dataset, derainer, .*found a, b"),
        (b"HEAD1,2,3\n", r"records\.csv: (damaged|expected)"),
        (b"HEADd,rain,quality,,psnr_y,high,dB,4,5,rules\n", r"records\.csv: damaged .*'high'"),
        (b"HEADd,rain,quality,,psnr_y,1.0,dB,,5,rules\n", r"records\.csv: damaged"),
    ],
)
def test_a_damaged_file_of_records_is_said_so(content: bytes, message: str, tmp_path: Path) -> None:
    head = b"dataset,derainer,task,model,metric,value,unit,images,expected,protocol\n"
    (tmp_path / "records.csv").write_bytes(content.replace(b"HEAD", head))
    with pytest.raises(UserError, match=message):
        read_records(tmp_path)


def test_a_table_is_pasted_below_its_marker_in_place_of_the_last(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("before\n\n<!-- table: photos -->\n\nafter | here\n")
    paste(path, "photos", pd.DataFrame({"derainer": ["rain"], "AP (%)": ["1.00"]}))
    first = path.read_text()
    paste(path, "photos", pd.DataFrame({"derainer": ["rain"], "AP (%)": ["2.00"]}))
    assert path.read_text() == first.replace("1.00", "2.00")
    assert path.read_text().endswith("|\n\nafter | here\n")
    with pytest.raises(UserError, match="<!-- table: other -->"):
        paste(path, "other", pd.DataFrame())


def test_records_without_a_protocol_hash_are_read(tmp_path: Path) -> None:
    head = "dataset,derainer,task,model,metric,value,unit,images,expected,protocol\n"
    (tmp_path / "records.csv").write_text(head + "d,rain,quality,,psnr_y,1.0,dB,4,5,rules\n")
    (found,) = read_records(tmp_path)
    assert (found.value, found.protocol_hash) == (1.0, "")


def test_a_task_without_headlines_shows_all_its_metrics_and_others_their_headlines() -> None:
    records = [record("rain", "ssim_y", 0.5), record("rain", "lpips", 0.2), record("rain", "gradient", 3.25)]
    records[2] = replace(records[2], task="sharpness")
    assert list(wide(records, "d").columns) == ["derainer", "ssim_y", "gradient", "images"]
    assert wide(records, "d")["gradient"].tolist() == ["3.2500"]
