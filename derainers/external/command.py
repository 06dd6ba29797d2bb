"""Any program as a derainer: it reads one PNG and writes one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.contract import Image, Options
from bench.errors import ImageError, UserError
from bench.io.images import read_image, write_png
from derainers.external.plugins import command_words

TIME_LIMIT_SECONDS = 600.0


class CommandDerainer:
    """Runs a command once an image, without a shell.

    Args:
        template: Words with ``{input}`` and ``{output}``, for which absolute paths of PNG files are put in.
        options: Not needed.
        time_limit_seconds: After that the program is ended and the image has failed.

    Raises:
        UserError: The template lacks a place, or there is no such program.
    """

    def __init__(self, template: str, options: Options, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> None:
        self._words = command_words(template)
        self._time_limit_seconds = time_limit_seconds
        if shutil.which(self._words[0]) is None:
            raise UserError(f"command {template!r}: no program {self._words[0]!r} here; give its path or install it")

    def __call__(self, rainy: Image, /) -> Image:
        """Restore one (H, W, 3) uint8 image.

        Raises:
            ImageError: The program failed, ran too long, or wrote no image of the same size.
        """
        with tempfile.TemporaryDirectory(prefix="derainbench-") as folder:
            source, target = Path(folder) / "input.png", Path(folder) / "output.png"
            write_png(source, rainy)
            words = [word.replace("{input}", str(source)).replace("{output}", str(target)) for word in self._words]
            self._run(words)
            if not target.is_file():
                raise ImageError(f"{self._words[0]} ended well but wrote no {{output}}")
            return read_image(target, size=rainy.shape[:2])

    def _run(self, words: list[str]) -> None:
        try:
            done = subprocess.run(  # noqa: S603  (running the user's program is the purpose; there is no shell)
                words, capture_output=True, text=True, errors="replace", timeout=self._time_limit_seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ImageError(f"{words[0]} took more than {self._time_limit_seconds:g} s") from error
        except OSError as error:
            raise ImageError(f"{words[0]} cannot be run ({error})") from error
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise ImageError(f"{words[0]} ended with status {done.returncode}: {last[:300]}")
