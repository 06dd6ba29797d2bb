"""The report page of a run: one offline HTML file made from the run's tables, evidence and pictures.

:mod:`bench.api.report` comes in with opened datasets. Read :mod:`bench.report.page` first; ``templates/`` has the HTML.
:mod:`bench.report.ranking` sets several runs beside each other.
"""
