"""Render the page from templates into one HTML file that asks no network for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from bench import __version__
from bench.report.findings import Sentence
from bench.report.gallery import Gallery
from bench.report.plots import Plot
from bench.report.tables import Table


@dataclass(frozen=True)
class DatasetSection:
    """The section of the page about one dataset; ``facts`` is one line, ``details`` are folded away."""

    name: str
    facts: str
    findings: Sequence[Sentence]
    tables: Sequence[Table]
    plots: Sequence[Plot]
    details: Sequence[Table]


@dataclass(frozen=True)
class Page:
    """Everything that the templates put on the page.

    Attributes:
        title: Heading.
        notes: Paragraphs that a reader must know before any number.
        sections: One for each dataset.
        plots: Plots over several datasets.
        tables: Tables of the whole run.
        galleries: Pictures, dataset by dataset; empty ones only say why.
        gallery_note: Why there are no pictures at all; empty if there are some.
        card: Facts about the run: heading to value.
        card_json: The whole card as text.
        explain: True explains the words rain, clean and recovery.
        has_clean: False if no dataset has clean images, so that these words need no explanation.
        has_gains: True if some dataset has none, so that gains are to be explained.
    """

    title: str
    notes: Sequence[str]
    sections: Sequence[DatasetSection] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    galleries: Sequence[Gallery] = ()
    gallery_note: str = ""
    card: Sequence[tuple[str, Mapping[str, str]]] = ()
    card_json: str = ""
    explain: bool = True
    has_clean: bool = True
    has_gains: bool = False


def render_page(page: Page) -> str:
    """Render one page as HTML. Everything that comes from a run is escaped; only our own style and script may run."""
    style, script = _text("report.css"), _text("report.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return template("report.html").render(
        page=page,
        policy=policy,
        style=style,
        script=script,
        data=[_script_data(gallery) for gallery in page.galleries if gallery.images],
        version=__version__,
    )


def template(name: str) -> Template:
    """Open one template; everything that is put into it is escaped, and nothing may be missing."""
    environment = Environment(
        loader=PackageLoader("bench.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _script_data(gallery: Gallery) -> dict[str, object]:
    return {
        "dataset": gallery.dataset,
        "rows": list(gallery.rows.items()),
        "measures": list(gallery.measures),
        "tasks": list(gallery.tasks.items()),
        "classes": {task: list(pairs) for task, pairs in gallery.classes.items()},
        "images": gallery.images,
    }


def _text(name: str) -> str:
    return files("bench.report").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Hash one inline text as a content security policy names it (CSP Level 3, hash-source)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
