"""Template, style and script of a run's page; see :mod:`bench.report.html`."""
