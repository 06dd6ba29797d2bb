"""Let derainers stand beside each other over finished runs: what each gives back, what it harms, who may be ranked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.io.training.origin import TrainedOn
from bench.runs.rows import CLEAN, ON_CLEAN, kind_of
from bench.scoring.estimates import Estimate
from bench.scoring.metrics import most_images
from bench.tables.places import Place, first_of


@dataclass(frozen=True)
class Origin:
    """What is known of a row's weights.

    Attributes:
        words: What they were trained on, for people; empty if nobody says.
        trained: The same of a training whose card is here; None for others.
    """

    words: str = ""
    trained: TrainedOn | None = None

    @property
    def stated(self) -> bool:
        """Return True if all images of the training are told, of itself and of the weights that it began with."""
        return bool(self.words) and (self.trained is None or self.trained.whole)


@dataclass(frozen=True)
class Standing:
    """What one derainer does in one place.

    Attributes:
        estimate: Score and recovery, with their intervals.
        on_clean: The same on clean images that it restored; NaN if nobody tried.
        harm: The place that this is from; None if nobody tried.
        change: Score on clean images that it restored, less that on the clean images.
        saw_photographs: True if its weights were trained on photographs of this dataset.
        knows_rain: True if its weights were trained on this rain.
        knows_judge: True if its weights were trained to please the model that looks here.
        partial: True if its score rests on fewer images than others.
        ranked: True if it may be called better than another: its training is told and knew neither photographs nor
            judge, and its recovery rests on all images and has an interval.
        leads: True if it is the best that may be ranked, or its interval overlaps the best one's.
    """

    estimate: Estimate
    on_clean: Estimate
    harm: Place | None
    change: float
    saw_photographs: bool
    knows_rain: bool
    knows_judge: bool
    partial: bool
    ranked: bool
    leads: bool = False


def standings(places: Sequence[Place], origins: Mapping[str, Origin]) -> dict[str, Standing]:
    """Compare the derainers in places that can be compared; rain, clean images and random weights are none.

    Args:
        places: Where; of a row in several, the first counts.
        origins: Row to what is known of its weights.
    """
    first = first_of(places)
    most = most_images(place.records[row] for row, place in first.items())
    baseline = max(place.baseline for place in places)
    found = {}
    for row, place in first.items():
        if kind_of(row) == "derainer":
            partial = place.records[row].images < most[place.metric] or 0 < place.baseline < baseline
            found[row] = _standing(row, first, places, origins.get(row, Origin()), partial)
    return _led(found)


def _harm_of(row: str, first: Mapping[str, Place]) -> Place | None:
    """Find the place that tells what a derainer does to clean images; None if nothing says that it is the same one."""
    control = first.get(ON_CLEAN + row)
    # Weights of one name are equal in all runs (rows_of), and so are scores of a row without any (places_of).
    return control if control and (first[row].run.weights(row) or row in control.records) else None


def _standing(row: str, first: Mapping[str, Place], places: Sequence[Place], origin: Origin, partial: bool) -> Standing:
    place, harm, trained = first[row], _harm_of(row, first), origin.trained
    unknown = Estimate(math.nan, place.unit)
    own = place.estimate(row, place.metric) or unknown
    on_clean, clean = (harm.estimate(name, place.metric) if harm else None for name in (ON_CLEAN + row, CLEAN))
    saw = trained is not None and any(trained.saw(one.photographs) for one in places)
    led = trained is not None and any(digest in place.judge for digest in trained.guides)
    return Standing(
        estimate=own,
        on_clean=on_clean or unknown,
        harm=harm,
        change=on_clean.value - clean.value if on_clean and clean else math.nan,
        saw_photographs=saw,
        knows_rain=trained is not None and any(one.rain in trained.rains for one in places),
        knows_judge=led,
        partial=partial,
        ranked=origin.stated and not (saw or led or partial) and math.isfinite(own.recovery_low),
    )


def _led(found: Mapping[str, Standing]) -> dict[str, Standing]:
    """Say who leads: the highest recovery of those that are ranked, and all whose interval overlaps its interval."""
    ranked = [one.estimate for one in found.values() if one.ranked]
    best = max(ranked, key=lambda estimate: estimate.recovery, default=None)
    return {
        row: replace(one, leads=one.ranked and best is not None and one.estimate.recovery_high >= best.recovery_low)
        for row, one in found.items()
    }
