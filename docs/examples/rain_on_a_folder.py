"""Rain on every image of the folder ``photos/images``, three times as hard each time."""

from pathlib import Path

from bench.io.images import list_images, read_image, write_png
from synth.rain.presets import preset
from synth.rain.renderer import StreakRenderer

rain = StreakRenderer(preset("coco350_y"))
for name, path in list_images(Path("photos/images")).items():
    for severity in (0.5, 1.0, 1.5):
        rainy = rain(read_image(path), key=f"2020/mine/{name}", severity=severity).rainy
        write_png(Path(f"rainy-{severity}") / f"{name}.png", rainy)
        print(name, severity, rainy.mean().round(1))
