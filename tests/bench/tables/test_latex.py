"""LaTeX: marks and escapes by hand, and a document that a TeX engine really compiles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from bench.tables.latex import escape, render_latex

TABLE = pd.DataFrame(
    [
        ["rain", "18.00", "10.00"],
        ["mspfn_light", "24.12", "31.50"],
        ["prenet & co", "25.00", "12.00"],
        ["clean", "", "40.00"],
    ],
    columns=["derainer", "psnr_y (dB)", "precision@0.25/0.60 (%)"],
)
SIGNS = {"psnr_y (dB)": 1, "precision@0.25/0.60 (%)": 1}


def test_the_best_is_bold_and_the_second_underlined() -> None:
    assert render_latex(TABLE, SIGNS).splitlines() == [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"derainer & psnr\_y (dB) & precision@0.25/0.60 (\%) \\",
        r"\midrule",
        r"rain & 18.00 & 10.00 \\",
        r"mspfn\_light & \underline{24.12} & \textbf{31.50} \\",
        r"prenet \& co & \textbf{25.00} & \underline{12.00} \\",
        r"clean &  & 40.00 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_the_lowest_is_bold_where_lower_is_better_and_nothing_where_nothing_ranks() -> None:
    lines = render_latex(TABLE, {"psnr_y (dB)": -1}).splitlines()
    assert lines[5] == r"mspfn\_light & \textbf{24.12} & 31.50 \\"
    assert lines[6] == r"prenet \& co & \underline{25.00} & 12.00 \\"


def test_tables_of_other_kinds_have_no_marks() -> None:
    frame = pd.DataFrame({"metric": ["psnr_y"], "p (%)": [0.25], "n": [3], "none": [float("nan")]})
    assert r"psnr\_y & 0.250000 & 3 &  \\" in render_latex(frame, SIGNS)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex (Debian: texlive-latex-recommended)")
def test_a_document_compiles(tmp_path: Path) -> None:
    every = "".join(chr(code) for code in range(32, 127))
    odd = pd.concat([TABLE, pd.DataFrame([[every, "1.00", "2.00"]], columns=TABLE.columns)])
    head = "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs}\n\\begin{document}\n"
    (tmp_path / "page.tex").write_text(head + render_latex(odd, SIGNS) + "\\end{document}\n")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "page.pdf").stat().st_size > 10_000
    assert escape("a_b") == r"a\_b"
