"""An installed package with three tasks of its own: boxes, boxes that it matches itself, and label maps."""

from __future__ import annotations

from pathlib import Path

NAMES = ("finder", "matcher", "zones")

_SOURCE = """
import numpy as np

from bench.contract import MatchedObjects, Measure, Summary


class Finder:
    name, model, protocol, fingerprint, scoring, version = "finder", "", "counts", "f", {}, "1"
    needs = frozenset({"boxes"})

    def judge(self, options):
        raise NotImplementedError

    def summarise(self, evidence, truths):
        found = [len(seen.scores) if hasattr(seen, "scores") else seen.size for seen in evidence.values()]
        return Summary((Measure(f"seen_by_{self.name}", float(sum(found)), "", len(found)),))


class Matcher(Finder):
    name, score, overlap = "matcher", 0.5, 0.7

    def matched(self, evidence, truth):
        right = evidence.scores >= 0.6
        return MatchedObjects(evidence, right, ~right & (evidence.scores < 0.55), truth)


class Zones(Finder):
    name, needs = "zones", frozenset({"label_map"})


def finder(parameters, classes):
    return Finder()


def matcher(parameters, classes):
    return Matcher()


def zones(parameters, classes):
    return Zones()
"""


def write_plugin(site: Path) -> Path:
    """Write the package as an installed distribution; whatever has ``site`` on its path finds its entry points."""
    info = site / "tasks_of_tests-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tasks-of-tests\nVersion: 1.0\n")
    points = "".join(f"{name} = tasks_of_tests:{name}\n" for name in NAMES)
    (info / "entry_points.txt").write_text(f"[derainbench.tasks]\n{points}")
    (site / "tasks_of_tests.py").write_text(_SOURCE)
    return site
