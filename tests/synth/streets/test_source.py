"""The source ``streets``: exact truth, the same bytes every time, clear refusals."""

import gc
import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pycocotools.mask
import pytest

from bench.contract import Photograph
from bench.errors import ImageError, UserError
from synth.streets.classes import CLASSES, Category, Label
from synth.streets.source import LEAST_VISIBLE_PIXELS, draw, instances_of, open_streets

LABELS_OF = {
    Category.PERSON: {Label.PERSON, Label.RIDER},
    Category.BICYCLE: {Label.BICYCLE},
    Category.CAR: {Label.CAR},
    Category.MOTORCYCLE: {Label.MOTORCYCLE},
    Category.BUS: {Label.BUS},
    Category.TRUCK: {Label.TRUCK},
    Category.TRAFFIC_LIGHT: {Label.TRAFFIC_LIGHT},
    Category.TRAFFIC_SIGN: {Label.TRAFFIC_SIGN},
}


@pytest.fixture(scope="module")
def scenes() -> list[Photograph]:
    source = open_streets(None, {"count": 24})
    return [source.load(id) for id in source.ids]


def test_shapes_types_and_ranges(scenes: list[Photograph]) -> None:
    for scene in scenes:
        assert scene.clean is not None
        assert scene.clean.shape == (192, 320, 3)
        assert scene.clean.dtype == np.uint8
        assert scene.clean.flags.c_contiguous
        assert scene.rainy is None
        assert scene.truth.size == (192, 320)
        assert scene.truth.label_map is not None
        assert scene.truth.label_map.dtype == np.uint8
        assert set(np.unique(scene.truth.label_map)) <= {*CLASSES.labels.ids, 255}
        assert scene.attributes["timeofday"] in {"day", "dusk", "night"}
        assert scene.attributes["weather"] == "clear"


def test_class_spaces_carry_the_well_known_names() -> None:
    assert CLASSES.labels.ids == tuple(range(19))
    assert CLASSES.labels.names[:3] == ("road", "sidewalk", "building")
    assert CLASSES.labels.names[6:8] == ("traffic light", "traffic sign")
    assert CLASSES.labels.names[18] == "bicycle"
    assert set(CLASSES.instances.names) == {
        "person", "bicycle", "car", "motorcycle", "bus", "truck", "traffic light", "traffic sign",
    }  # fmt: skip


def test_boxes_are_tight_and_areas_are_counts_of_visible_pixels(scenes: list[Photograph]) -> None:
    seen = 0
    for scene in scenes:
        instances = scene.truth.instances
        assert not instances.crowd.any()
        for box, area, rle in zip(instances.boxes, instances.areas, instances.masks, strict=True):
            mask = pycocotools.mask.decode(rle).astype(bool)
            rows, columns = np.nonzero(mask)
            assert mask.sum() == area >= LEAST_VISIBLE_PIXELS
            np.testing.assert_array_equal(box, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            seen += 1
    assert seen > 100


def test_masks_do_not_overlap_and_agree_with_the_label_map(scenes: list[Photograph]) -> None:
    met = set()
    for scene in scenes:
        instances, taken = scene.truth.instances, np.zeros(scene.truth.size, int)
        for id, rle in zip(instances.class_ids, instances.masks, strict=True):
            mask = pycocotools.mask.decode(rle).astype(bool)
            taken += mask
            assert set(np.unique(scene.truth.label_map[mask])) <= LABELS_OF[Category(id)]
            met.add(Category(id))
        assert taken.max(initial=0) <= 1
    assert met == set(Category)


def test_things_of_the_label_map_are_instances_unless_they_are_tiny(scenes: list[Photograph]) -> None:
    things = [label for labels in LABELS_OF.values() for label in labels]
    for scene in scenes:
        masks = [pycocotools.mask.decode(rle).astype(bool) for rle in scene.truth.instances.masks]
        covered = np.any(masks, axis=0) if masks else np.zeros(scene.truth.size, bool)
        rest = np.isin(scene.truth.label_map, things) & ~covered
        counts = np.bincount(scene.truth.label_map[rest], minlength=19)
        assert rest.mean() < 0.02, counts


def test_depth_is_metres_along_the_road(scenes: list[Photograph]) -> None:
    for scene in scenes:
        depth, labels = scene.depth, scene.truth.label_map
        assert depth.shape == scene.truth.size
        assert depth.dtype == np.float64
        assert depth.min() > 0.5
        assert depth.max() <= 1000
        assert (depth[labels == Label.SKY] == 1000).all()
        ground = np.isin(labels, [Label.ROAD, Label.SIDEWALK, Label.TERRAIN])
        for row in range(depth.shape[0]):
            on_row = depth[row][ground[row]]
            assert on_row.size == 0 or np.ptp(on_row) < 1e-3 * on_row.max(), "flat ground: one depth per row"


def test_what_hides_the_ground_is_nearer_than_the_ground(scenes: list[Photograph]) -> None:
    for scene in scenes:
        depth, labels = scene.depth, scene.truth.label_map
        ground = np.isin(labels, [Label.ROAD, Label.SIDEWALK, Label.TERRAIN])
        for row in np.flatnonzero(ground.any(axis=1)):
            reach = depth[row][ground[row]].max()
            assert (depth[row][~ground[row]] <= reach * (1 + 1e-3)).all()


def test_an_object_is_no_deeper_than_it_is_long(scenes: list[Photograph]) -> None:
    longest = {Category.PERSON: 0.5, Category.BICYCLE: 2.2, Category.CAR: 6, Category.MOTORCYCLE: 2.6, Category.BUS: 12}
    longest |= {Category.TRUCK: 10, Category.TRAFFIC_LIGHT: 0.5, Category.TRAFFIC_SIGN: 0.2}
    for scene in scenes:
        for id, rle in zip(scene.truth.instances.class_ids, scene.truth.instances.masks, strict=True):
            depth = scene.depth[pycocotools.mask.decode(rle).astype(bool)]
            assert np.ptp(depth) <= longest[Category(id)]


def test_a_scene_depends_on_its_own_name_only() -> None:
    source = open_streets(None, {"count": 8})
    first = {id: source.load(id) for id in source.ids}
    for id in reversed(open_streets(Path("unused"), {"count": 12}).ids[:8]):
        again = open_streets(None, {"count": 12}).load(id)
        np.testing.assert_array_equal(again.clean, first[id].clean)
        np.testing.assert_array_equal(again.depth, first[id].depth)
        assert again.truth.instances.masks == first[id].truth.instances.masks


def test_seeds_and_splits_share_no_scene() -> None:
    images = set()
    for parameters in ({"seed": 0}, {"seed": 1}, {"seed": 0, "split": "train"}, {"seed": 1, "split": "train"}):
        source = open_streets(None, {"count": 3, **parameters})
        images |= {source.load(id).clean.tobytes() for id in source.ids}
    assert len(images) == 12


def test_another_size_shows_the_same_scene() -> None:
    for number in range(4):
        small = draw("a", (0, 1, number), (96, 160))
        large = draw("a", (0, 1, number), (288, 480))
        assert small.attributes == large.attributes
        centres = large.truth.label_map[1::3, 1::3]
        assert (small.truth.label_map == centres).mean() > 0.99
        close = np.abs(small.depth / large.depth[1::3, 1::3] - 1) < 1e-6
        assert close.mean() > 0.98
        means = [scene.clean.astype(float).mean(axis=(0, 1)) for scene in (small, large)]
        np.testing.assert_allclose(*means, atol=6)


@pytest.mark.parametrize("size", [(32, 32), (97, 131), (480, 150)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    scene = draw("a", (3, 0, 5), size)
    assert scene.clean.shape == (*size, 3)
    assert scene.depth.shape == scene.truth.label_map.shape == size


def test_times_of_day_differ_in_light(scenes: list[Photograph]) -> None:
    light = {"day": [], "dusk": [], "night": []}
    for scene in scenes:
        light[scene.attributes["timeofday"]].append(scene.clean.mean())
    means = [np.mean(light[time]) for time in ("night", "dusk", "day")]
    assert means == sorted(means)
    assert means[0] < 0.6 * means[2]


def test_instances_of_drops_what_is_hardly_seen() -> None:
    numbers = np.zeros((20, 30), np.int64)
    numbers[2:8, 3:9] = 1
    numbers[10:12, 0:10] = 2
    numbers[13:20, 20:30] = 3
    found = instances_of(numbers, [Category.CAR, Category.PERSON, Category.BUS])
    np.testing.assert_array_equal(found.boxes, [[3, 2, 9, 8], [20, 13, 30, 20]])
    np.testing.assert_array_equal(found.class_ids, [Category.CAR, Category.BUS])
    np.testing.assert_array_equal(found.areas, [36, 70])
    empty = instances_of(np.zeros((5, 5), np.int64), [])
    assert empty.boxes.shape == (0, 4)
    assert empty.masks == ()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"number": 3}, "unknown parameter 'number'"),
        ({"split": "test"}, "train, val"),
        ({"count": 0}, "count is 0"),
        ({"width": 3.5}, "width is 3.5"),
        ({"height": True}, "height is True"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_parameters_are_the_users(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_streets(None, parameters)


@pytest.mark.parametrize("id", ["val-00004", "train-00000", "val-x", "nothing"])
def test_unknown_scenes_are_refused(id: str) -> None:
    with pytest.raises(ImageError, match="val-00000 to val-00003"):
        open_streets(None, {"count": 4}).load(id)


@pytest.mark.parametrize(
    ("key", "size", "time", "digest"),
    [
        ((0, 1, 0), (192, 320), "night", "1857214c41d424dc"),
        ((0, 1, 4), (192, 320), "day", "0ce44dd57a532f5c"),
        ((0, 1, 5), (192, 320), "dusk", "9558dd66134ddd8a"),
        ((0, 0, 3), (97, 131), "night", "21a52f12233cec11"),
        ((0, 0, 7), (97, 131), "day", "1297545d858d168d"),
    ],
)
def test_golden_scene(key: tuple[int, int, int], size: tuple[int, int], time: str, digest: str) -> None:
    """Digests of this program's own scenes, so that no change of the drawing goes unnoticed.

    Renew them when the drawing is changed on purpose: weights trained on the old scenes then need training again.
    """
    scene = draw("a", key, size)
    assert scene.attributes["timeofday"] == time
    assert hashlib.sha256(scene.clean.tobytes() + scene.truth.label_map.tobytes()).hexdigest()[:16] == digest


def test_nothing_is_kept_of_a_scene_that_was_drawn() -> None:
    source = open_streets(None, {"count": 120, "width": 64, "height": 48})
    for id in source.ids[:60]:
        source.load(id)  # models that many scenes share are made once and stay
    gc.collect()
    tracemalloc.start()
    for id in source.ids[60:]:
        source.load(id)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 60 * 4000, f"{kept / 60:.0f} bytes a scene"
