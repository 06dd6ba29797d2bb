from __future__ import annotations

import pickle
from typing import Annotated, Self

import pytest
from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from bench.errors import ImageError, MissingExtraError, UserError, did_you_mean, faults_of


def test_errors_survive_the_way_home_from_a_worker() -> None:
    for error in (UserError("wrong"), ImageError("bad"), MissingExtraError("PyTorch", "torch", "restoring")):
        back = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(back) is type(error)
        assert str(back) == str(error)


def test_a_missing_library_is_named_with_its_purpose_and_the_command_that_installs_it() -> None:
    message = str(MissingExtraError("ultralytics", "yolo", "detection"))
    assert message.startswith("detection needs ultralytics")
    assert "pip install 'derainbench[yolo]'" in message


@pytest.mark.parametrize(
    ("name", "known", "sentence"),
    [
        ("alpah", ["beta", "alpha", "alphabet"], "Did you mean alpha or alphabet?"),
        ("rian", ["rain"], "Did you mean rain?"),
        ("zzz", ["alpha", "beta"], "Known: alpha, beta."),
        ("zzz", [], "Known: none."),
    ],
)
def test_names_that_are_near_are_suggested_else_all(name: str, known: list[str], sentence: str) -> None:
    assert did_you_mean(name, known) == did_you_mean(name, iter(known)) == sentence


def test_names_that_are_listed_may_be_called_something() -> None:
    assert did_you_mean("zzz", ["alpha"], "Published names") == "Published names: alpha."


class Inner(BaseModel):
    size: int = Field(gt=0)


class Outer(BaseModel):
    name: str
    parts: list[Inner] = []


def test_faults_are_told_setting_by_setting_in_one_line() -> None:
    with pytest.raises(ValidationError) as found:
        Outer.model_validate({"parts": [{"size": 1}, {"size": 0}]})
    assert faults_of(found.value) == "name: Field required; parts.1.size: Input should be greater than 0, got 0"
    with pytest.raises(ValidationError) as found:
        Outer.model_validate(3)
    assert faults_of(found.value).startswith("Input should be a valid dictionary")


def test_faults_tell_short_values_and_our_own_words_as_they_are() -> None:
    class Checked(BaseModel, extra="forbid"):
        number: int = 1

        @model_validator(mode="after")
        def _check(self) -> Self:
            if self.number == 2:
                raise ValueError("number: 2 is taken")
            return self

    def told(**content: object) -> str:
        with pytest.raises(ValidationError) as found:
            Checked.model_validate(content)
        return faults_of(found.value)

    assert told(number="much").endswith("unable to parse string as an integer, got 'much'")
    assert told(number="x" * 100).endswith("unable to parse string as an integer")
    assert told(nubmer=1) == "nubmer: unknown name"
    assert told(number=2) == "number: 2 is taken"


def test_a_misspelt_name_is_told_with_those_that_are_known_there() -> None:
    class Part(BaseModel, extra="forbid"):
        width: int = 1

    class Whole(BaseModel, extra="forbid"):
        parts: dict[Annotated[str, StringConstraints(pattern="^p")], Part] = {}
        further: dict[str, Part] = {}
        listed: list[Part] = []
        single: Part = Part()

    def told(content: object) -> str:
        with pytest.raises(ValidationError) as found:
            Whole.model_validate(content)
        return faults_of(found.value, Whole)

    assert told({"sinlge": 1}) == "sinlge: unknown name. Did you mean single?"
    assert told({"xyz": 1}) == "xyz: unknown name. Known: parts, further, listed, single"
    wrong = {"wdith": 1}
    for content, place in (
        ({"parts": {"p": wrong}}, "parts.p"),
        ({"further": {"q": wrong}}, "further.q"),
        ({"listed": [{}, wrong]}, "listed.1"),
        ({"single": wrong}, "single"),
    ):
        assert told(content) == f"{place}.wdith: unknown name. Did you mean width?"
