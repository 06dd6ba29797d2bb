"""Name the classes of drawn scenes."""

from __future__ import annotations

from enum import IntEnum

from bench.contract import Classes, ClassSpace


class Label(IntEnum):
    """Label-map classes: the nineteen train ids of Cityscapes and BDD100K."""

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    WALL = 3
    FENCE = 4
    POLE = 5
    TRAFFIC_LIGHT = 6
    TRAFFIC_SIGN = 7
    VEGETATION = 8
    TERRAIN = 9
    SKY = 10
    PERSON = 11
    RIDER = 12
    CAR = 13
    TRUCK = 14
    BUS = 15
    TRAIN = 16
    MOTORCYCLE = 17
    BICYCLE = 18


class Category(IntEnum):
    """Instance classes, named as COCO names them where it has them. Riders are persons."""

    PERSON = 1
    BICYCLE = 2
    CAR = 3
    MOTORCYCLE = 4
    BUS = 5
    TRUCK = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGN = 8


def _names(classes: type[Label] | type[Category]) -> tuple[str, ...]:
    return tuple(one.name.lower().replace("_", " ") for one in classes)


CLASSES = Classes(
    instances=ClassSpace("streets", tuple(int(one) for one in Category), _names(Category)),
    labels=ClassSpace("cityscapes", tuple(int(one) for one in Label), _names(Label)),
)
