"""Put the page of a run together: findings, tables with intervals, plots, galleries and the run's card.

What a run folder lacks, such as the pictures of a published run, is left out, and the page says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bench.report.figures import against_cost, against_quality, ranking, severity
from bench.report.findings import findings, metrics_of, rank_agreement, vision_metrics
from bench.report.gains import gain_findings, gain_table, reference_findings, with_reference
from bench.report.gallery import Gallery
from bench.report.html import DatasetSection, Page
from bench.report.plots import Plot
from bench.report.run import ReadRun, card_of, costs_of, extra_tables, suite_of
from bench.report.tables import plain_table, recovery_table, score_table
from bench.runs.records import read_table
from bench.scoring.truth_ledger import notes_below, read_truth
from bench.suites.suite import DatasetConfig
from bench.tables.wide import wide


def make_page(run: ReadRun, galleries: Sequence[Gallery], curves: Mapping[str, Sequence[Plot]]) -> Page:
    """Put the page of one run together.

    Args:
        run: The run.
        galleries: Pictures, dataset by dataset.
        curves: Dataset to its precision-recall plots.
    """
    suite = suite_of(run)
    configs = suite.datasets if suite else {}
    costs = costs_of(run.store.root)
    names = list(dict.fromkeys(record.dataset for record in run.records))
    metrics = list(dict.fromkeys(metric for name in names for metric in metrics_of(run.records, name, run.described)))
    over_severity = [severity(run.estimates, metric, configs, run.ranked) for metric in metrics] if configs else []
    return Page(
        title=(suite.title or suite.name) if suite else run.store.root.name,
        notes=[*([suite.note] if suite and suite.note else []), *notes_below(read_truth(run.store.root))],
        sections=[_section(run, name, configs, costs, curves.get(name, ())) for name in names],
        plots=[plot for plot in over_severity if plot],
        tables=extra_tables(run.store.root),
        galleries=galleries,
        gallery_note="" if any(gallery.images for gallery in galleries) else _why_no_pictures(galleries),
        card=card_of(run),
        card_json=json.dumps(run.card.content(), indent=1, ensure_ascii=False),
        has_clean=any(name not in run.card.without_clean for name in names),
        has_gains=bool(run.card.without_clean),
    )


def _section(
    run: ReadRun,
    name: str,
    configs: Mapping[str, DatasetConfig],
    costs: Mapping[str, float],
    curves: Sequence[Plot],
) -> DatasetSection:
    config = configs.get(name)
    metrics, has_clean = metrics_of(run.records, name, run.described), name not in run.card.without_clean
    reference = config.reference if config else ""
    vision = vision_metrics(run.records, name, run.described)
    plots = [ranking(run.estimates, name, metric, run.ranked) for metric in metrics]
    plots += [against_quality(run.estimates, name, metric, run.ranked) for metric in vision]
    plots += [against_cost(run.estimates, name, metric, costs, run.ranked) for metric in vision]
    scores = score_table(run.records, run.estimates, name, run.rows, run.described)
    tables = [
        with_reference(scores, run.estimates, reference) if reference else scores,
        recovery_table(run.records, run.estimates, name, run.rows, run.described)
        if has_clean
        else gain_table(run.gains, name),
    ]
    every = wide(run.records, name, run.rows, every_metric=True, untrained=True, described=run.described)
    return DatasetSection(
        name=name,
        facts="; ".join(_facts(run, name, configs)),
        findings=[
            *([] if has_clean else gain_findings(run.gains, name, metrics)),
            *(reference_findings(run.estimates, reference, metrics) if reference else []),
            *findings(run.records, run.estimates, name, run.rows, run.comparisons, run.described, has_clean),
            *rank_agreement(read_table(run.store.root / "correlations.csv"), name, vision),
        ],
        tables=[table for table in tables if table],
        plots=[plot for plot in (*plots, *curves) if plot],
        details=[plain_table(f"Every metric on {name}", every)],
    )


def _facts(run: ReadRun, name: str, configs: Mapping[str, DatasetConfig]) -> list[str]:
    """List what is to be known of one dataset before its numbers: images, rain, models."""
    config = configs.get(name)
    facts = [f"{run.card.datasets.get(name, 0)} images"]
    if name in run.card.without_clean:
        facts.append("photographs as they are, no clean images")
    if rainy := [other for other, one in configs.items() if one.reference == name]:
        facts.append(f"clear weather, the upper reference of {', '.join(rainy)}: its row rain is without rain")
    if config and config.is_drawn:
        facts.append(f"rain {config.rain}, severity {config.severity:g}, seed {config.seed}")
    return facts + [f"{task}: {card.model}" for task, card in run.card.tasks.get(name, {}).items() if card.model]


def _why_no_pictures(galleries: Sequence[Gallery]) -> str:
    reasons = "; ".join(dict.fromkeys(gallery.reason for gallery in galleries if gallery.reason))
    return f"No pictures: {reasons or 'none were asked for'}. The numbers above do not need them."
