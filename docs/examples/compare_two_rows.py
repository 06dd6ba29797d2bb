"""Run two derainers on the drawn streets and print what one gains on the other, with its interval."""

from pathlib import Path

from bench.api import run_suite
from bench.scoring.intervals import compare_rows
from bench.suites.suite import load_suite, override

suite = override(load_suite("streets"), count=4, derainers=["rain", "classical", "clean"], tasks=["quality"])
run_suite(suite, Path("compared"))
for row in compare_rows(Path("compared"), "classical", "rain").itertuples():
    print(f"{row.metric}: {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]")
