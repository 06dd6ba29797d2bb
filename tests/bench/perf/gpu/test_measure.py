"""A GPU is measured part by part within its time; here on the processor, with the smallest sizes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.perf.gpu.figure import DRY, GpuFigure, GpuScale
from bench.perf.gpu.measure import TimedPart, figure_line, measure_gpu, with_shares

torch = pytest.importorskip("torch")

from bench.perf.gpu.networks import bytes_moved, differences, limits, networks, work_of  # noqa: E402  (needs torch)
from derainers.facts import count  # noqa: E402


def endless(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    yield GpuFigure("first", value=float(os.getpid()))
    time.sleep(600)


def broken(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    yield GpuFigure("second", value=float(os.getpid()))
    raise ValueError("not\nwith me")


def dying(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    os._exit(3)
    yield


def test_what_was_measured_is_kept_where_a_part_fails_or_dies() -> None:
    parts = [TimedPart("broken", broken, 1), TimedPart("dying", dying, 1)]
    frames = list(measure_gpu("cpu", 600, DRY, parts))
    assert [len(frame) for frame in frames] == [1, 2, 3]
    last = frames[-1]
    assert last["part"].tolist() == ["broken", "broken", "dying"]
    assert last["note"].tolist() == ["", "ValueError: not with me", "its process ended with status 3"]
    assert last["value"].iloc[0] != os.getpid(), "in a process of its own"
    assert set(last["device"]) == {"cpu"}


@pytest.mark.slow
def test_a_part_is_ended_when_its_share_of_the_time_is_over() -> None:
    started = time.monotonic()
    *_, last = measure_gpu("cpu", 400, DRY, [TimedPart("endless", endless, 1), TimedPart("broken", broken, 9)])
    assert 39 < time.monotonic() - started < 400
    assert last["part"].tolist() == ["endless", "endless", "broken", "broken"]
    assert last["note"].tolist()[:2] == ["", "its time was over; give --minutes more"]
    assert not Path(f"/proc/{int(last['value'].iloc[0])}").exists()


def test_the_time_of_a_network_is_told_as_a_share_of_the_limits() -> None:
    found = [
        GpuFigure("copy", value=1000.0, unit="GB/s", part="limits"),
        GpuFigure("matrix product", precision="bf16", value=500.0, unit="TFLOP/s", part="limits"),
        GpuFigure("net", "whole call", "bf16", value=10.0, unit="ms", gflop=2000.0, gigabytes=3.0, part="networks"),
        GpuFigure("net", "whole call", "fp32", value=10.0, unit="ms", gflop=2000.0, gigabytes=3.0, part="networks"),
        GpuFigure("net", note="no compiler", part="compiled"),
    ]
    frame = with_shares(found)
    assert frame["arithmetic_share"].tolist()[2] == pytest.approx(2e12 / 500e12 / 10e-3)
    assert frame["memory_share"].tolist()[2:4] == pytest.approx([3e9 / 1000e9 / 10e-3] * 2)
    assert frame["arithmetic_share"].isna().tolist() == [True, True, False, True, True]
    assert figure_line(frame[:3]) == "networks net whole call bf16 10 ms 40 % of arithmetic, 30 % of memory"
    assert figure_line(frame) == "compiled net no compiler"


def test_work_is_counted_as_the_facts_count_it_and_bytes_by_hand() -> None:
    assert work_of("prenet-small", 32, 48).gflop == pytest.approx(count("prenet-small", 32, 48)[1] / 1e9)
    layer = torch.nn.Conv2d(3, 4, kernel_size=1)
    x = torch.zeros(1, 3, 2, 5)
    with torch.inference_mode():
        alone = bytes_moved(lambda: layer(x))
        assert alone == 4 * (30 + (12 + 4) + 40), "image, weights and bias, result"
        assert bytes_moved(lambda: layer(x)[:, :, :1].transpose(2, 3)) == alone, "views move nothing"
        assert bytes_moved(lambda: layer(x).relu_()) == alone + 4 * 80, "what works in place reads and writes"


def test_limits_networks_and_differences_are_figures_of_the_device() -> None:
    found = list(limits("cpu", DRY))
    assert [(each.what, each.precision, each.unit) for each in found] == [
        ("copy", "", "GB/s"), ("matrix product", "fp32", "TFLOP/s"), ("matrix product", "bf16", "TFLOP/s"),
    ]  # fmt: skip
    timed = list(networks("cpu", DRY))
    assert [(each.how, each.precision) for each in timed] == [
        (how, precision) for precision in ("fp32", "bf16", "bf16 weights") for how in ("network alone", "whole call")
    ]
    assert all(each.value and each.value > 0 for each in [*found, *timed])
    levels = {(each.how, each.precision): each.value for each in differences("cpu", DRY)}
    assert levels["largest difference to the CPU", "fp32"] == 0
    autocast, weights = (levels["mean difference to the CPU", how] or 0 for how in ("bf16", "bf16 weights"))
    assert 0 < 2 * autocast < weights < 1, "why bf16 is autocast"


def test_a_network_that_fails_is_a_line_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiler(*_: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr("bench.perf.gpu.networks.build_derainer", compiler)
    found = list(networks("cpu", DRY))
    assert [(each.precision, each.value, each.note) for each in found] == [
        (precision, None, "RuntimeError: no compiler") for precision in ("fp32", "bf16", "bf16 weights")
    ]  # fmt: skip


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_without_a_gpu_it_says_so_in_one_line(device: str) -> None:
    result = CliRunner().invoke(app, ["perf", "gpu", "--device", device])
    assert result.exit_code != 0
    assert "--device cpu" in str(result.exception)


def test_figures_are_written_one_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[object] = []

    def measured(device: str, seconds: float, scale: GpuScale) -> Iterator[pd.DataFrame]:
        seen.extend([device, seconds, scale])
        yield with_shares([GpuFigure("copy", value=2.5, unit="GB/s", part="limits")])
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.perf.gpu.measure.measure_gpu", measured)
    out = tmp_path / "gpu.csv"
    result = CliRunner().invoke(app, ["perf", "gpu", "--device", "cpu", "--minutes", "0.5", "--out", str(out)])
    assert seen == ["cpu", 30.0, DRY]
    assert "limits copy 2.5 GB/s" in result.output
    frame = pd.read_csv(out)
    assert frame["value"].tolist() == [2.5]
    assert {"torch", "processor", "memory_bytes"} <= set(frame)
