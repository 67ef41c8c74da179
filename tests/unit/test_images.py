"""Images by content: their names, and finding them again."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.images import DockerImage, content_tag, hex_tag, image_from_json, image_on_host
from tests.steps.samples import HostState, image_line, make_image

TEXT = st.text(max_size=20)
IMAGES = st.builds(
    DockerImage, TEXT, TEXT, TEXT, st.integers(0, 2**50), TEXT, TEXT, st.lists(TEXT, max_size=3).map(tuple), TEXT
)


@given(IMAGES)
def test_json_there_and_back(image: DockerImage) -> None:
    assert image_from_json(image.as_json()) == image
    assert image.as_json() == {**asdict(image), "layers": list(image.layers)}


@pytest.mark.parametrize("change", [{"layers": "abc"}, {"layers": None}, {"stranger": 1}])
def test_json_of_another_kind_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        image_from_json(make_image("edge").as_json() | change)
    with pytest.raises(KeyError):
        image_from_json({})


def test_names() -> None:
    image = replace(make_image("edge"), tag="0123456789ab")
    assert image.content_name == "community-tracker/edge:0123456789ab"
    assert image.release_tag("r1") == "community-tracker/edge:r1"
    assert image.incoming("1") not in (image.content_name, image.release_tag("r1"))


@pytest.mark.parametrize(
    ("full", "tag"),
    [
        ("app/edge:0123456789ab", "0123456789ab"),
        ("docker.io/app/edge:0123456789ab", "0123456789ab"),
        ("app/edge:20261123T154500Z-1a2b3c4", None),
        ("app/edge:0123456789aB", None),
        ("app/edge:0123456789a", None),
        ("app/edge:incoming-0123456789ab", None),
        ("app/edges:0123456789ab", None),
        ("myapp/edge:0123456789ab", None),
        ("app/edge", None),
        ("<none>:<none>", None),
    ],
)
def test_tag_by_content(full: str, tag: str | None) -> None:
    assert hex_tag(full, "app/edge") == tag


def test_verified_is_under_its_content_name_with_its_layers() -> None:
    image, other = make_image("edge"), make_image("edge", "two")
    assert image.is_on(HostState().having(image_line(image)).facts())
    assert not image.is_on(HostState().facts())
    assert not image.is_on(HostState().having(image_line(other)).facts())
    half = replace(image, layers=image.layers[:1])
    assert not image.is_on(HostState().having(image_line(half)).facts()), "the name is there, its layers are not"
    swapped = replace(image, layers=image.layers[::-1])
    assert not image.is_on(HostState().having(image_line(swapped)).facts())


def test_an_image_from_the_same_input_is_found_whoever_built_it() -> None:
    image = make_image("edge")
    facts = HostState().having(image_line(make_image("edge", "two")), image_line(image)).facts()
    found = image_on_host(facts, image.name, image.input)
    assert found is not None
    assert (found.content_name, found.layers, found.input) == (image.content_name, image.layers, image.input)
    assert found.is_on(facts)
    assert image_on_host(facts, image.name, "another input") is None
    assert image_on_host(facts, "another/edge", image.input) is None


def test_an_image_without_a_content_name_was_not_verified() -> None:
    image = replace(make_image("edge"), tag="latest")
    facts = HostState().having(image_line(image)).facts()
    assert image_on_host(facts, image.name, image.input) is None
    assert content_tag(facts.images[0], image.name) is None
