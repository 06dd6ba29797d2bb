"""Everything that reads a file from elsewhere, with small valid files to begin from.

MATLAB files are left out: SciPy's reader of them crashes on damaged ones (a null pointer in ``_mio5_utils``), and
only files with the digest of a published one ever come to it.
"""

from __future__ import annotations

import importlib.util
import io
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from bench.contract import ClassSpace, Options
from bench.errors import ImageError, UserError
from bench.io import images
from bench.perf.cost_table import read_costs
from bench.runs.card import read_card as read_run_card
from bench.runs.digests import check_digests, discard_changed
from bench.runs.folder import RunStore
from bench.runs.records import read_records, read_table
from bench.runs.rows import Row
from bench.scoring.intervals import read_intervals
from bench.suites.suite import parse_suite
from bench.training.derainer_config import load_training
from bench.training.task_config import load_task_training
from derainers.tensorflow_checkpoint import read_tensorbundle
from synth.datasets.dataset import open_dataset
from synth.datasets.manifest import ManifestRow, manifest_text, read_manifest, read_row, row_text
from synth.sources.annotations import read_annotations
from synth.sources.bdd import open_bdd
from synth.sources.coco import open_coco
from synth.sources.doctor import examine
from synth.sources.layouts.class_names import read_class_names
from synth.sources.layouts.source import open_layout
from synth.sources.panoptic import open_semantic
from synth.sources.reading import read_classes
from tasks.detection.backends.darknet_cfg import parse_cfg
from tasks.detection.backends.pickles import read_array_pickle
from tasks.models.shipped import read_card

REPOSITORY = Path(__file__).resolve().parents[2]
SIDES = (12, 16)


@dataclass(frozen=True)
class Reader:
    """One way into the program.

    Attributes:
        read: Is given a folder of its own and the bytes of the file.
        seeds: Valid files.
    """

    read: Callable[[Path, bytes], object]
    seeds: Callable[[], list[bytes]]


def _put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SIDES, 4), dtype=np.uint8)


def _pictures() -> list[bytes]:
    pixels, found = _pixels(), []
    for kind, array in (
        ("PNG", pixels), ("PNG", pixels[..., 0]), ("PNG", pixels[..., 0].astype(np.uint16) * 200),
        ("JPEG", pixels[..., :3]), ("BMP", pixels[..., :3]), ("WEBP", pixels[..., :3]), ("TIFF", pixels[..., :3]),
        ("TIFF", pixels[..., 0]),
    ):  # fmt: skip
        out = io.BytesIO()
        Pillow.fromarray(array).save(out, format=kind)
        found.append(out.getvalue())
    turned, moving, grey = io.BytesIO(), io.BytesIO(), Pillow.fromarray(pixels[..., 0])
    exif = Pillow.Exif()
    exif[0x0112] = 6
    grey.save(turned, format="TIFF", exif=exif)
    grey.save(moving, format="PNG", save_all=True, append_images=[grey.transpose(Pillow.Transpose.ROTATE_180)])
    found += [turned.getvalue(), moving.getvalue()]
    palette = io.BytesIO()
    Pillow.fromarray(pixels[..., 0]).convert("P").save(palette, format="PNG")
    return [*found, palette.getvalue()]


def _read_picture(how: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    return lambda folder, data: how(_put(folder, "picture.png", data))


def _text(*values: object) -> Callable[[], list[bytes]]:
    return lambda: [value.encode() if isinstance(value, str) else json.dumps(value).encode() for value in values]


def _files(*patterns: str) -> Callable[[], list[bytes]]:
    return lambda: [path.read_bytes() for pattern in patterns for path in sorted(REPOSITORY.glob(pattern))]


SQUARE = [2, 2, 9, 2, 9, 8, 2, 8]
RUNS = {"size": list(SIDES), "counts": [20, 8, 164]}
PACKED = {"size": list(SIDES), "counts": "d08T5"}
OBJECT = {"id": 7, "image_id": 1, "category_id": 3, "bbox": [2, 2, 7, 6.5], "area": 42.0, "iscrowd": 0}
COCO = {
    "images": [{"id": n, "file_name": f"{n}.png", "height": SIDES[0], "width": SIDES[1]} for n in (1, 2)],
    "annotations": [
        {**OBJECT, "segmentation": [SQUARE]},
        {**OBJECT, "id": 8, "iscrowd": 1, "segmentation": RUNS},
        {**OBJECT, "id": 9, "image_id": 2, "segmentation": PACKED},
    ],
    "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
}
PANOPTIC = {
    "annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": [{"id": 3, "category_id": 1}]}],
    "categories": [{"id": 1, "name": "person"}],
}
BDD = [
    {
        "name": f"{n}.png",
        "attributes": {"weather": "rainy", "timeofday": "night"},
        "labels": [
            {"category": "car", "box2d": {"x1": 1.5, "y1": 2, "x2": 9, "y2": 8.25}, "attributes": {"crowd": False}},
            {"category": "lane", "poly2d": []},
        ],
    }
    for n in (1, 2)
]


def _with_pictures(folder: Path) -> Path:
    picture = _pictures()[3]
    for number in (1, 2):
        _put(folder, f"{number}.png", picture)
    return folder


def _read_coco(folder: Path, data: bytes) -> object:
    _put(_with_pictures(folder), "labels.json", data)
    source = open_coco(folder, {"annotations": "labels.json"})
    list(examine(source))
    return list(source.audit()), _each(source.load, source.ids)


def _read_bdd(folder: Path, data: bytes) -> object:
    _with_pictures(folder / "images/100k/val")
    _put(folder, "labels/det_20/det_val.json", data)
    source = open_bdd(folder, {"image_size": "any"})
    list(examine(source))
    return list(source.audit()), _each(source.load, source.ids)


VOC = (
    '<?xml version="1.0"?>\n<annotation><filename>a.png</filename>\n<size><width>16</width><height>12</height></size>\n'
    "<object><name>car</name><difficult>0</difficult>\n<bndbox><xmin>2</xmin><ymin>3.5</ymin><xmax>9</xmax>"
    "<ymax>8</ymax></bndbox>\n<part><name>head</name></part></object>\n</annotation>\n"
)
ACDC = {
    **COCO,
    "images": [
        {**image, "file_name": f"rain/val/s/{image['file_name']}"[:-4] + "_rgb_anon.png"} for image in COCO["images"]
    ],
    "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "rider"}],
}


def _read_layout(layout: str, photographs: str, label: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> object:
        for number in (1, 2):
            _put(folder, f"{photographs.format(number)}.png", _pictures()[3])
        _put(folder, "classes.txt", b"person\ncar\n")
        _put(folder, label, data)
        source = open_layout(folder, {"layout": layout, "riders_are_persons": layout == "acdc"})
        list(examine(source))
        return source.fates(source.ids[:1]), [source.load(id) for id in source.ids]

    return read


def _each(load: Callable[[str], object], ids: tuple[str, ...] | list[str]) -> list[object]:
    """Load every image; one that is refused does not hide the others."""
    found = []
    for id in ids:
        try:
            found.append(load(id))
        except ImageError as error:
            found.append(error)
    return found


def _read_panoptic(folder: Path, data: bytes) -> object:
    (folder / "maps").mkdir(exist_ok=True)
    images.write_png(folder / "maps/1.png", np.tile(np.array([3, 0, 0], dtype=np.uint8), (*SIDES, 1)))
    return open_semantic(_put(folder, "maps.json", data)).read("1", 1, SIDES)


def _read_objects(folder: Path, data: bytes) -> object:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UserError(str(error)) from error
    return read_annotations(content if isinstance(content, list) else [content], SIDES, frozenset({1, 3}), "here")


IMAGE_ROW = ManifestRow(
    "a", 1, *SIDES, "k" * 32, "s" * 64, {"angle": 1.5}, {"time": "day"}, "r" * 64, "c" * 64, "", "i" * 64
)


def _read_dataset(folder: Path, data: bytes) -> object:
    """The card and the labels of a built dataset, parted by a zero byte."""
    card, _, labels = data.partition(b"\0")
    _put(folder, "card.json", card)
    _put(folder, "labels/instances.json", labels)
    _put(folder, "manifest.csv", manifest_text([IMAGE_ROW]).encode())
    dataset = open_dataset(folder)
    return _each(dataset.truth, dataset.ids)


def _dataset_seeds() -> list[bytes]:
    space = {"name": "two", "ids": [1, 3], "names": ["person", "car"]}
    card = {"format": 1, "name": "mine", "classes": {"instances": space, "labels": None}}
    return [json.dumps(card).encode() + b"\0" + json.dumps(COCO).encode()]


ROW = Row("d", "rain", "detection")
DETECTIONS = {
    "key": "k", "digest": "x",
    "detections": [{"category_id": 1, "bbox": [1, 2, 3, 4.5], "score": 0.5, "segmentation": PACKED}],
}  # fmt: skip


def _read_evidence(folder: Path, data: bytes) -> object:
    store = RunStore(folder)
    _put(folder, f"{store.evidence_folder(ROW).relative_to(folder)}/a.json", data)
    return store.key(ROW, "a"), store.read_evidence(ROW, "a")


def _read_run_card(folder: Path, data: bytes) -> object:
    _put(folder, "card.json", data)
    return read_run_card(folder)


RUN_CARD = {
    "schema_version": 3, "datasets": {"d": 2}, "chosen": {"d": ["a", "b"]}, "severities": {"d": 1.0},
    "derainers": {"rain": "1"}, "resamples": 10, "untrained": [],
    "tasks": {"d": {"quality": {
        "model": "", "version": "1", "protocol": "p", "scoring": {"a": 1}, "fingerprint": "{}", "code": "c",
        "metrics": [{"name": "m@S", "better": "lower", "digits": 0}],
    }}},
    "protocols": {"d": {"quality": {"hash": "h", "parts": {"a": 1}}}},
}  # fmt: skip
RECORDS = (
    "dataset,derainer,task,model,metric,value,unit,images,expected,protocol,protocol_hash,better,untrained\n"
    'd,rain,quality,,psnr_y,23.5,dB,2,2,"mean, over images",0123456789ab,higher,False\n'
)
COSTS = (
    "derainer,task,height,width,parameters,gflop,latency_ms,batch,images_per_second,memory_mb\n"
    "rain,,720,1280,0,0.0,0.1,1,10.0,5.0\n"
)
INTERVALS = (
    "dataset,derainer,task,metric,value,low,high,recovery,recovery_low,recovery_high\n"
    "d,rain,quality,psnr_y,21.5,20.0,23.0,,,\n"
)


def _table(name: str, read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    def of_folder(folder: Path, data: bytes) -> object:
        _put(folder, name, data)
        return read(folder)

    return of_folder


def _read_bundle(folder: Path, data: bytes) -> object:
    """Index and data of a TensorFlow checkpoint, parted by the index's length."""
    length = int.from_bytes(data[:2], "little")
    index, numbers = data[2 : 2 + length], data[2 + length :]
    return read_tensorbundle(_put(folder, "model.index", index), _put(folder, "model.data", numbers))


def _bundle_seeds() -> list[bytes]:
    """A checkpoint of one 2x2 tensor, put together by hand after LevelDB's description of its tables."""
    shape = b"\x12\x02\x08\x02" * 2
    entry = b"\x08\x01" + b"\x12" + bytes([len(shape)]) + shape + b"\x28\x10"
    block = b"\x00\x01" + bytes([len(entry)]) + b"w" + entry + struct.pack("<II", 0, 1)
    handle = bytes([0, len(block)])
    root = b"\x00\x01" + bytes([len(handle)]) + b"w" + handle + struct.pack("<II", 0, 1)
    place = len(block) + 5
    footer = (bytes([0, 0]) + bytes([place, len(root)])).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    index = block + bytes(5) + root + bytes(5) + footer
    return [len(index).to_bytes(2, "little") + index + np.arange(4, dtype="<f4").tobytes()]


CFG = (
    "[net]\nwidth=64\nheight=64\nchannels=3\n\n[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=2\npad=1\n"
    "activation=leaky\n\n[maxpool]\nsize=2\nstride=2\n\n[shortcut]\nfrom=-1\n\n[route]\nlayers=-1,0\n"
    "\n[upsample]\nstride=2\n\n[convolutional]\nfilters=18\nsize=1\nactivation=linear\n\n"
    "[yolo]\nmask=0,1,2\nanchors=1,2, 3,4, 5,6\nclasses=1\nnum=3\n"
)


def _pickles() -> list[bytes]:
    import pickle

    arrays = {"model": {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.float64(2.0)}, "__author__": "me"}
    return [pickle.dumps(arrays, protocol=protocol) for protocol in (2, 4, 5)]


PLAIN: Mapping[str, Reader] = {
    "image": Reader(_read_picture(images.read_image), _pictures),
    "label map": Reader(_read_picture(images.read_label_map), _pictures),
    "bitmask": Reader(_read_picture(images.read_bitmask), _pictures),
    "depth": Reader(_read_picture(lambda path: images.read_depth(path, 1 / 256)), _pictures),
    "key and size": Reader(_read_picture(lambda path: (images.png_key(path), images.size_of_image(path))), _pictures),
    "coco": Reader(_read_coco, _text(COCO)),
    "objects": Reader(_read_objects, _text([OBJECT | {"segmentation": part} for part in ([SQUARE], RUNS, PACKED)])),
    "panoptic": Reader(_read_panoptic, _text(PANOPTIC)),
    "bdd": Reader(_read_bdd, _text(BDD)),
    "voc": Reader(
        _read_layout("rid", "images/{}", "annotations/1.xml"), _text(VOC, VOC.replace("car", "<![CDATA[bus]]>"))
    ),
    "yolo": Reader(
        _read_layout("yolo", "images/{}", "labels/1.txt"), _text("1 0.5 0.5 0.25 0.5\n0 0.25 0.5 0.5 1e-1\n")
    ),
    "acdc": Reader(
        _read_layout("acdc", "rgb_anon/rain/val/s/{}_rgb_anon", "gt_detection/instancesonly_val_gt_detection.json"),
        _text(ACDC),
    ),
    "yaml classes": Reader(
        lambda f, d: read_class_names(_put(f, "data.yaml", d).parent, "", "mine"),
        _text("names: [person, car]\n", "path: ../x\nnc: 2\nnames:\n  0: person\n  1: 'traffic light'\n"),
    ),
    "classes": Reader(
        lambda f, d: read_classes(_put(f, "c.csv", d), "mine"), _text("id,name\n0,road\n1,sky\n11,void\n")
    ),
    "manifest": Reader(lambda f, d: read_manifest(_put(f, "m.csv", d)), _text(manifest_text([IMAGE_ROW]))),
    "row": Reader(lambda f, d: read_row(_put(f, "r.json", d)), _text(row_text(IMAGE_ROW, [OBJECT]))),
    "dataset": Reader(_read_dataset, _dataset_seeds),
    "suite": Reader(
        lambda f, d: parse_suite(d.decode("utf-8", "replace"), "s", "s.toml"), _files("bench/suites/*.toml")
    ),
    "training": Reader(
        lambda f, d: load_training(str(_put(f, "t.toml", d))), _files("bench/training/configs/derainers/*.toml")
    ),
    "task training": Reader(
        lambda f, d: load_task_training(str(_put(f, "t.toml", d))), _files("bench/training/configs/task_models/*.toml")
    ),
    "records": Reader(_table("records.csv", read_records), _text(RECORDS)),
    "costs": Reader(_table("cost.csv", read_costs), _text(COSTS)),
    "intervals": Reader(_table("intervals.csv", read_intervals), _text(INTERVALS)),
    "table": Reader(_table("t.csv", lambda folder: read_table(folder / "t.csv")), _text("image,value\na,1.5\n")),
    "digests": Reader(_table("digests.csv", check_digests), _text("file,sha256\nrecords.csv," + "0" * 64 + "\n")),
    "going on": Reader(
        _table("digests.csv", discard_changed), _text("file,sha256\nrestored/d/rain/a.png," + "0" * 64 + "\n")
    ),
    "evidence": Reader(_read_evidence, _text(DETECTIONS, {"key": "k", "qualities": {"psnr_y": "23.5"}})),
    "runs card": Reader(_read_run_card, _text(RUN_CARD)),
    "models card": Reader(lambda f, d: read_card(_put(f, "m.json", d)), _files("tasks/weights_shipped/*.json")),
    "cfg": Reader(lambda f, d: parse_cfg(d.decode("utf-8", "replace"), "a.cfg"), _text(CFG)),
    "array pickle": Reader(lambda f, d: read_array_pickle(_put(f, "m.pkl", d)), _pickles),
    "tensorflow": Reader(_read_bundle, _bundle_seeds),
}
"""Those that need no PyTorch."""


def _saved() -> list[bytes]:
    import torch

    out = io.BytesIO()
    state = {"weight": torch.zeros(2, 3), "bias": torch.ones(2)}
    torch.save(state, out)
    older = io.BytesIO()
    torch.save(state, older, _use_new_zipfile_serialization=False)
    return [out.getvalue(), older.getvalue()]


def _safetensors() -> list[bytes]:
    import torch
    from safetensors.torch import save

    return [save({"weight": torch.zeros(2, 3), "bias": torch.ones(2).half()}, {"design": '{"width": 8}'})]


def _read_state(suffix: str) -> Callable[[Path, bytes], object]:
    import torch

    from bench.io.checkpoints import load_state, read_checkpoint

    network = torch.nn.Linear(3, 2)

    def read(folder: Path, data: bytes) -> object:
        path = _put(folder, f"w{suffix}", data)
        return load_state(network, read_checkpoint(path), str(path))

    return read


def _read_darknet(folder: Path, data: bytes) -> object:
    """A description and its weights, parted by a zero byte."""
    from tasks.detection.backends.darknet import DarknetSource
    from tasks.models.checkpoints import Checkpoint

    cfg, _, numbers = data.partition(b"\0")
    path = _put(folder, "n.weights", numbers)
    source = DarknetSource(Checkpoint("n", "0" * 64, path), cfg.decode("utf-8", "replace"), ("car",), 0.45)
    return source.load(Options(), ClassSpace("mine", (1,), ("car",)))


def _darknet_seeds() -> list[bytes]:
    values = 8 * 4 + 8 * 27 + 18 + 18 * 16
    return [CFG.encode() + b"\0" + struct.pack("<iiiq", 0, 2, 0, 0) + np.zeros(values, "<f4").tobytes()]


def readers() -> dict[str, Reader]:
    """All that can be run here, by name."""
    if not all(importlib.util.find_spec(name) for name in ("torch", "safetensors")):
        return dict(PLAIN)
    from derainers.networks.mspfn.weights import read_design

    return {
        **PLAIN,
        "checkpoint": Reader(_read_state(".pth"), _saved),
        "safetensors": Reader(_read_state(".safetensors"), _safetensors),
        "design": Reader(lambda f, d: read_design(_put(f, "w.safetensors", d)), _safetensors),
        "darknet": Reader(_read_darknet, _darknet_seeds),
    }
