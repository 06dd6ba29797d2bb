"""Feeds damaged files to every reader: ``python -m tests.fuzz.fuzz --seconds 60`` (``--help`` says more).

A reader may refuse (UserError, ImageError) or answer, within five seconds and a gigabyte. All else is a finding.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.readers import Reader

CORPUS = Path(__file__).with_name("corpus")
MOST_SECONDS, MOST_BYTES = 5.0, 1 << 30
LONGEST = 1 << 16
WORDS = [
    b"null", b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"1" * 30, b"true", b'""', b"[]", b"{}", b'"\\ud800"', b"\0",
    b"[" * 3000, b'{"a":' * 3000, b"2147483648", b"18446744073709551615", b"../../x", b"/etc/passwd", b"\xff\xfe",
    b"\n", b",", b'"', b"=", b"\xe2\x98\x82", b"-0.0", b"1.5", b"[[]]", b"'", b"#", b"\xff" * 8, b"\x7f\xff\xff\xff",
    b"x" * 300,
]  # fmt: skip


@dataclass
class Tally:
    """What became of a reader's inputs."""

    inputs: int = 0
    answered: int = 0
    refused: int = 0
    seconds: float = 0.0
    findings: dict[str, bytes] = field(default_factory=dict)


def damaged(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """A seed with one to six changes."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        place = rng.randrange(len(data) + 1)
        end = min(len(data), place + rng.choice((1, 1, 2, 4, 8, 32, 256)))
        change = rng.randrange(7)
        if change == 0 and data:
            data[min(place, len(data) - 1)] ^= 1 << rng.randrange(8)
        elif change == 1:
            del data[place:end]
        elif change == 2:
            data[place:place] = data[place:end]
        elif change == 3:
            data[place:end] = rng.randbytes(end - place)
        elif change == 4:
            other = rng.choice(seeds)
            start = rng.randrange(len(other) + 1)
            data[place:end] = other[start : start + rng.choice((1, 4, 16, 64, 1024))]
        elif change == 5:
            data[place : place if rng.random() < 0.5 else end] = rng.choice(WORDS)
        else:
            _replace_token(rng, data)
    return bytes(data[:LONGEST])


def _replace_token(rng: random.Random, data: bytearray) -> None:
    """A number or a word of a text becomes another."""
    text = bytes(data)
    place = rng.randrange(len(text) + 1)
    starts = [text.find(mark, place) for mark in (b": ", b"=", b",", b"[")]
    start = min((found for found in starts if found >= 0), default=place) + 1
    end = start
    while end < len(text) and text[end] not in b",]}\n":
        end += 1
    data[start:end] = rng.choice(WORDS)


def attempt(name: str, data: bytes, tally: Tally) -> None:
    """Give one input to a reader, and note what became of it."""
    from bench.errors import ImageError, UserError

    reader = known_readers()[name]
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    finding = ""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reader.read(Path(folder), data)
            tally.answered += 1
        except (UserError, ImageError):
            tally.refused += 1
        except Exception as error:
            last = next(
                (f for f in reversed(traceback.extract_tb(error.__traceback__)) if "/tests/fuzz/" not in f.filename),
                None,
            )
            finding = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}" if last else repr(error)
            finding += f" ({str(error)[:100]})" if not last else ""
    seconds = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    finding = f"{seconds:.1f} seconds" if seconds > MOST_SECONDS else finding
    finding = f"{grown >> 20} MiB" if grown > MOST_BYTES else finding
    tally.inputs, tally.seconds = tally.inputs + 1, tally.seconds + seconds
    if finding:
        tally.findings.setdefault(finding, data)


@cache
def known_readers() -> Mapping[str, Reader]:
    """Imported late: atheris rewrites what is imported under its eyes."""
    from tests.fuzz.readers import readers

    return readers()


def kept(name: str) -> list[bytes]:
    """Inputs that once were findings."""
    return [path.read_bytes() for path in sorted(CORPUS.glob(f"{name.replace(' ', '-')}-*"))]


def mutate(name: str, inputs: int, seed: int, seconds: float = float("inf")) -> Tally:
    """So many damaged inputs, the same for the same seed."""
    tally, seeds = Tally(), known_readers()[name].seeds()
    rng, end = random.Random(f"{name} {seed}"), time.process_time() + seconds  # noqa: S311
    for data in [*seeds, *kept(name)]:
        attempt(name, data, tally)
    while tally.inputs < inputs and time.process_time() < end:
        attempt(name, damaged(rng, seeds), tally)
    return tally


def guided(name: str, seconds: float, seed: int, out: Path) -> None:
    """Let atheris look for inputs that reach new branches. Its loop has no end, so the process ends here."""
    import atheris

    with atheris.instrument_imports(include=["bench", "derainers", "synth", "tasks"]):
        seeds = known_readers()[name].seeds()
    tally, end = Tally(), time.process_time() + seconds

    def once(data: bytes) -> None:
        attempt(name, data, tally)
        if time.process_time() > end:
            tell(name, tally, out)
            os._exit(0)

    def change(data: bytes, longest: int, number: int) -> bytes:
        if number % 3:
            return bytes(atheris.Mutate(data, longest))
        return damaged(random.Random(number), [data or b"0", *seeds])[:longest]  # noqa: S311

    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate([*seeds, *kept(name)]):
            Path(folder, f"seed{number}").write_bytes(data)
        options = [f"-seed={seed + 1}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=0", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, folder], once, custom_mutator=change)
        atheris.Fuzz()


def tell(name: str, tally: Tally, out: Path) -> None:
    """Print one line of JSON, and keep what was found."""
    findings = {}
    for finding, data in tally.findings.items():
        path = out / f"{name.replace(' ', '-')}-{sha256(data).hexdigest()[:8]}"
        out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        findings[finding] = path.name
    line = {"reader": name, "inputs": tally.inputs, "answered": tally.answered, "refused": tally.refused}
    say({**line, "cpu_seconds": round(tally.seconds, 1), "findings": findings})


def say(line: Mapping[str, object]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """One process a reader, one after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", help="their names; all without")
    parser.add_argument("--seconds", type=float, default=10, help="of the processor, for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path("fuzz-findings"), help="where inputs are kept that are findings"
    )
    parser.add_argument("--plain", action="store_true", help="damage seeds at random, also where atheris is installed")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.here:
        rest = ["--seconds", str(given.seconds), "--seed", str(given.seed), "--out", str(given.out), "--here"]
        for name in given.readers or known_readers():
            command = [sys.executable, "-m", "tests.fuzz.fuzz", name, *rest, *(["--plain"] if given.plain else [])]
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                say({"reader": name, "died": done.returncode, "stderr": done.stderr[-2000:]})
    elif given.plain or importlib.util.find_spec("atheris") is None:
        tell(given.readers[0], mutate(given.readers[0], sys.maxsize, given.seed, given.seconds), given.out)
    else:
        guided(given.readers[0], given.seconds, given.seed, given.out)


if __name__ == "__main__":
    main()
