"""Put the page of a run together: findings, tables with intervals, plots, galleries and the run's card.

What a run folder lacks, such as the pictures of a published run, is left out, and the page says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bench.report.figures import against_cost, against_quality, ranking, severity
from bench.report.findings import findings, metrics_of, rank_agreement, vision_metrics
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
        sections=[_section(run, name, configs.get(name), costs, curves.get(name, ())) for name in names],
        plots=[plot for plot in over_severity if plot],
        tables=extra_tables(run.store.root),
        galleries=galleries,
        gallery_note="" if any(gallery.images for gallery in galleries) else _why_no_pictures(galleries),
        card=card_of(run),
        card_json=json.dumps(run.card.content(), indent=1, ensure_ascii=False),
    )


def _section(
    run: ReadRun, name: str, config: DatasetConfig | None, costs: Mapping[str, float], curves: Sequence[Plot]
) -> DatasetSection:
    metrics = metrics_of(run.records, name, run.described)
    vision = vision_metrics(run.records, name, run.described)
    plots = [ranking(run.estimates, name, metric, run.ranked) for metric in metrics]
    plots += [against_quality(run.estimates, name, metric, run.ranked) for metric in vision]
    plots += [against_cost(run.estimates, name, metric, costs, run.ranked) for metric in vision]
    tables = [score_table(run.records, run.estimates, name, run.rows, run.described)]
    recovered = recovery_table(run.records, run.estimates, name, run.rows, run.described)
    every = wide(run.records, name, run.rows, every_metric=True, untrained=True, described=run.described)
    facts = [f"{run.card.datasets.get(name, 0)} images"]
    facts += [f"rain {config.rain}, severity {config.severity:g}, seed {config.seed}"] if config and config.rain else []
    facts += [f"{task}: {card.model}" for task, card in run.card.tasks.get(name, {}).items() if card.model]
    return DatasetSection(
        name=name,
        facts="; ".join(facts),
        findings=[
            *findings(run.records, run.estimates, name, run.rows, run.comparisons, run.described),
            *rank_agreement(read_table(run.store.root / "correlations.csv"), name, vision),
        ],
        tables=[*tables, *([recovered] if recovered else [])],
        plots=[plot for plot in (*plots, *curves) if plot],
        details=[plain_table(f"Every metric on {name}", every)],
    )


def _why_no_pictures(galleries: Sequence[Gallery]) -> str:
    reasons = "; ".join(dict.fromkeys(gallery.reason for gallery in galleries if gallery.reason))
    return f"No pictures: {reasons or 'none were asked for'}. The numbers above do not need them."
