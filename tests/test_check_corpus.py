"""The figures of the checker: wrong layers found and named, right ones left alone."""

import pytest

from badak.check.files import examine_file
from corpus import FOLDERS, HERE, check, layers, score

EVERY = [layer for folder in FOLDERS for layer in layers(folder)]
WRONG = [layer for layer in EVERY if layer.wrong]
CORRECT = [layer for layer in EVERY if not layer.wrong]


@pytest.mark.parametrize("layer", CORRECT, ids=lambda layer: layer.name)
def test_a_correct_layer_is_right(layer, tmp_path):
    report = check(layer, tmp_path)
    assert report.verdict == "right", [f.label for f in report.findings]


@pytest.mark.parametrize("layer", WRONG, ids=lambda layer: layer.name)
def test_a_wrong_layer_is_found_and_its_cause_named_first(layer, tmp_path):
    result = score(layer, check(layer, tmp_path))
    assert result.found
    assert result.label


@pytest.mark.parametrize("layer", WRONG, ids=lambda layer: layer.name)
def test_the_nearest_correct_neighbour_is_right(layer, tmp_path):
    report = check(layer, tmp_path, fixed=True)
    assert report.verdict == "right", [f.label for f in report.findings]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_method_and_line_are_near_the_slip(folder, tmp_path):
    scores = [score(layer, check(layer, tmp_path)) for layer in layers(folder) if layer.wrong]
    assert sum(s.place for s in scores) >= 0.9 * len(scores)


def test_every_cause_has_a_layer():
    labels = {
        line.split("`")[1]
        for line in (HERE / "layers" / "LABELS.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and "`" in line
    }
    assert labels <= {layer.header["label"] for layer in WRONG}


POSTS = sorted((HERE / "posts_mistakes").glob("*.py"))


@pytest.mark.parametrize("path", POSTS, ids=lambda path: path.stem)
def test_the_mistakes_of_the_posts_are_named(path, capsys):
    wanted = [
        tuple(pair.split())
        for pair in path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# names: ").split("; ")
    ]
    reports = examine_file(path)
    named = {(report.object, finding.label) for report in reports for finding in report.findings}
    assert set(wanted) <= named
    capsys.readouterr()
