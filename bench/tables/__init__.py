"""Turn records into tables: CSV, Markdown, LaTeX and HTML; rank rows, join runs, set beside the paper.

Commands, the report and a run's end come in. Read :mod:`bench.tables.wide` first.
"""
