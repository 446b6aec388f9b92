"""Manifest, images, models and recipes say the same."""

import hashlib

import pytest
import tflite
from firmware_samples.catalogue import all_recipes, kernels_executed
from firmware_samples.manifest import read_manifest, write_manifest
from firmware_samples.recipe import CORES

from instsim import resources
from instsim.model.tflite_writer import write_tflite

FOLDER = resources.firmware_elf()
IMAGES = read_manifest(FOLDER / "manifest.toml")
RECIPES = {(recipe.name, core): recipe for recipe in all_recipes() for core in recipe.cores}
NETWORKS = {recipe.network.name: recipe.network for recipe in RECIPES.values() if recipe.network}


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: f"{image['name']}-{image['core']}")
def test_manifest_describes_the_committed_image(image):
    data = (FOLDER / image["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == image["sha256"]
    assert len(data) == image["bytes"]
    # Neither the build folder nor the builder's home may get into an image.
    assert b"/tmp/" not in data
    assert b"/home/" not in data
    for source in image["sources"]:
        assert (FOLDER / source).is_file()


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: f"{image['name']}-{image['core']}")
def test_manifest_expects_what_the_recipe_computes(image):
    recipe = RECIPES[image["name"], image["core"]]
    assert image["outcome"] == recipe.outcome
    if recipe.stdout_pattern:
        assert image["expected_stdout_pattern"] == recipe.stdout_pattern
    else:
        assert image["expected_stdout"] == recipe.stdout(CORES[image["core"]])
    if recipe.network:
        assert image["kernels_per_inference"] == len(kernels_executed(recipe.network))


def test_every_recipe_has_its_image_and_every_image_its_recipe():
    assert {(image["name"], image["core"]) for image in IMAGES} == set(RECIPES)
    assert {path.name for path in (FOLDER / "elf").iterdir()} == {image["file"].removeprefix("elf/") for image in IMAGES}


def test_images_stay_small():
    assert sum(image["bytes"] for image in IMAGES) < 3_000_000


def test_every_era_of_node_layout_is_there_on_both_instruction_sets():
    eras = {(image["node_registration_offset"], image["core"]) for image in IMAGES if "node_registration_offset" in image}
    assert {(offset, core) for offset in (24, 28, 36, 40) for core in ("cortex-m4", "rv32imc")} <= eras


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_committed_model_is_what_the_network_gives(name):
    assert (FOLDER / "models" / f"{name}.tflite").read_bytes() == write_tflite(NETWORKS[name])


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_model_reads_back_as_the_network(name):
    data = (FOLDER / "models" / f"{name}.tflite").read_bytes()
    assert data[4:8] == b"TFL3"
    model = tflite.Model.GetRootAsModel(data, 0)
    network = NETWORKS[name]
    assert model.SubgraphsLength() == len(network.subgraphs)
    for place, subgraph in enumerate(network.subgraphs):
        written = model.Subgraphs(place)
        assert [written.Tensors(index).ShapeAsNumpy().tolist() for index in range(written.TensorsLength())] == [
            list(tensor.shape) for tensor in subgraph.tensors
        ]
        kinds = []
        for index in range(written.OperatorsLength()):
            code = model.OperatorCodes(written.Operators(index).OpcodeIndex())
            kinds.append(tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode())))
            assert written.Operators(index).InputsAsNumpy().tolist() == list(subgraph.operators[index].inputs)
        assert kinds == [operator.kind for operator in subgraph.operators]


def test_manifest_survives_writing_and_reading(tmp_path):
    write_manifest(tmp_path / "manifest.toml", IMAGES)
    assert read_manifest(tmp_path / "manifest.toml") == IMAGES
