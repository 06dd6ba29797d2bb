"""What the pages take from the code when they are built: the commands, the metrics, the scripts, the cards of runs."""

from __future__ import annotations

import csv
import inspect
import re
import shutil
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer.main

from bench.cli import app

ROOT = Path(__file__).resolve().parents[1]
_INCLUDE = re.compile(r"<!-- include: (\S+) -->")
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):(<code[^>]*>)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put commands, metrics and scripts where a page asks for them."""
    markdown = _INCLUDE.sub(lambda found: f"```python\n{(ROOT / 'docs' / found[1]).read_text('utf-8')}```", markdown)
    if "<!-- metrics -->" in markdown:
        markdown = markdown.replace("<!-- metrics -->", metrics())
    if "<!-- commands -->" in markdown:
        markdown = markdown.replace("<!-- commands -->", commands())
    return markdown.replace('href="../results/', 'href="results/')


def on_post_build(config: Any) -> None:
    """Put the cards to which the ranking leads beside the pages."""
    for card in (ROOT / "results").glob("*/card.json"):
        target = Path(config["site_dir"]) / card.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(card, target)


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name code in reStructuredText's way; a page needs only the name."""
    return _ROLE.sub(r"\1", html)


def metrics() -> str:
    """The table of metrics."""
    lines = ["| metric | task | unit | better | meaning |", "| --- | --- | --- | --- | --- |"]
    with (ROOT / "bench/io/metrics.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            lines.append(f"| `{row['metric']}` | {row['task']} | {row['unit']} | {row['better']} | {row['meaning']} |")
    return "\n".join(lines)


def commands() -> str:
    """Every command: what it does, its examples, its arguments and options."""
    return "\n\n".join(_command(name, command) for name, command in _commands(typer.main.get_command(app), ""))


def _commands(group: Any, before: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        found += _commands(command, f"{before}{name} ") if inner else [(before + name, command)]
    return found


def _command(name: str, command: Any) -> str:
    text, _, examples = re.sub(r"\n\s*Examples?:", "\0", command.help or "").partition("\0")
    shown = "\n".join(line.strip() for line in examples.splitlines() if line.strip())
    rows = ["| argument or option | default | meaning |", "| --- | --- | --- |"]
    hints = get_type_hints(inspect.unwrap(command.callback))
    rows += [_parameter(one, hints.get(one.name)) for one in command.params if one.name != "help"]
    words = " ".join(line.strip() for line in text.splitlines())
    return f"## {name}\n\n{words}\n\n```sh\n{shown}\n```\n\n" + "\n".join(rows)


def _parameter(parameter: Any, hint: object) -> str:
    options = [text for text in parameter.opts if text.startswith("-")]
    name = ", ".join(f"`{text}`" for text in options) or f"`{parameter.name.upper()}`"
    default = (
        ""
        if parameter.default in (None, False, "", [], ()) or callable(parameter.default)
        else f"`{parameter.default}`"
    )
    meaning = (getattr(parameter, "help", "") or "").replace("|", "\\|").replace("<", "&lt;")
    literal = next((one for one in (hint, *get_args(hint)) if get_origin(one) is Literal), None)
    if literal:
        choices = ", ".join(f"`{choice}`" for choice in get_args(literal))
        meaning = f"{meaning} One of {choices}.".strip()
    return f"| {name} | {default} | {meaning} |"
