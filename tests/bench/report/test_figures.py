from __future__ import annotations

from bench.contract import Record
from bench.report.figures import against_cost, against_quality, ranking, severity, severity_groups, styles_of
from bench.report.findings import findings
from bench.report.tables import score_table
from bench.scoring.estimates import Difference, Estimate
from bench.suites.suite import DatasetConfig

ROWS = ["rain", "mine", "clean"]
ESTIMATES = {
    ("d", "rain", "AP"): Estimate(10.0, "%", 8.0, 12.0),
    ("d", "mine", "AP"): Estimate(15.0, "%", 13.0, 17.0, 0.5, 0.3, 0.7),
    ("d", "clean", "AP"): Estimate(20.0, "%", 18.0, 22.0),
    ("d", "rain", "psnr_y"): Estimate(14.0, "dB", 13.0, 15.0),
    ("d", "mine", "psnr_y"): Estimate(22.0, "dB", 21.0, 23.0),
}


def config(severity: float, **changes: object) -> DatasetConfig:
    return DatasetConfig.model_validate({"source": "coco", "rain": "coco350_y", "severity": severity, **changes})


def records(*derainers: str, metric: str = "AP", untrained: bool = False) -> list[Record]:
    return [
        Record(
            "d", name, "detection", "net", metric, ESTIMATES["d", name, metric].value, "%", 9, 10, "rules",
            better="higher", untrained=untrained,
        )
        for name in derainers
    ]  # fmt: skip


def test_datasets_that_differ_in_severity_alone_make_a_curve() -> None:
    configs = {"b": config(2.0), "a": config(0.5), "other": config(1.0, seed=7), "same": config(0.5, count=3)}
    assert severity_groups(configs) == [["a", "b"]]
    assert severity_groups({"a": config(1.0), "b": config(1.0)}) == []
    estimates = {(name, "rain", "AP"): Estimate(value, "%") for name, value in (("a", 30.0), ("b", 10.0))}
    plot = severity(estimates, "AP", configs, ["rain"])
    assert plot is not None
    light, heavy = plot.series[0].marks
    assert light.x < heavy.x
    assert light.y < heavy.y, "pixels grow downwards"


def test_the_clean_image_has_no_psnr_and_is_a_line() -> None:
    plot = against_quality(ESTIMATES, "d", "AP", ROWS)
    assert plot is not None
    assert [one.name for one in plot.series if one.marks] == ["rain", "mine"]
    assert [one.name for one in plot.series if "rule" in one.style] == ["clean"]


def test_a_plot_needs_something_to_compare() -> None:
    assert ranking(ESTIMATES, "d", "AP", ["rain"]) is None
    assert against_quality(ESTIMATES, "d", "AP", ["rain"]) is None
    assert against_cost(ESTIMATES, "d", "AP", {}, ROWS) is None
    assert severity(ESTIMATES, "AP", {}, ROWS) is None


def test_colours_stay_with_the_derainer() -> None:
    styles = styles_of(["rain", "a", "b", "clean", "clean+b"])
    assert styles["clean+b"] == styles["b"] != styles["a"]
    assert (styles["rain"], styles["clean"]) == ("s-rain", "s-clean")


def test_a_loss_that_may_be_chance_is_said_to_be_one() -> None:
    words = findings(
        records(*ROWS), ESTIMATES, "d", ROWS, {("clean", "rain"): {("d", "AP"): Difference(10, -1, 21, 12, 12)}}
    )
    assert words[0].text == "The rain moves AP of net from 20.00 % to 10.00 %, which may be chance."


def test_harm_is_said_only_where_the_interval_says_so() -> None:
    sure, unsure = Difference(-3.0, -5.0, -1.0, 12, 12), Difference(-3.0, -7.0, 1.0, 12, 12)
    for difference, harms in ((sure, True), (unsure, False)):
        found = findings(records(*ROWS), ESTIMATES, "d", ROWS, {("mine", "rain"): {("d", "AP"): difference}})
        said = [finding.text for finding in found if finding.tone == "harm"]
        text = "mine does harm: it is worse than the rain itself in AP by 3.0 points (1.0 to 5.0)."
        assert said == ([text] if harms else [])


def test_an_untrained_row_is_never_the_best_and_harms_nobody() -> None:
    found = [*records("rain", "clean"), *records("mine", untrained=True)]
    table = score_table(found, ESTIMATES, "d", ROWS)
    assert [line.kind for line in table.lines] == ["rain", "untrained", "clean"]
    assert not any(cell.best for line in table.lines for cell in line.cells)
    assert [line.cells[-1].text for line in table.lines] == ["9/10"] * 3
    words = findings(
        found, ESTIMATES, "d", ROWS, {("mine", "rain"): {("d", "AP"): Difference(-3.0, -5.0, -1.0, 12, 12)}}
    )
    assert not any(finding.tone == "harm" for finding in words)
