"""Print the figures of the checker on the layers in tests/layers and tests/layers_more.

Usage: python benchmarks/check_corpus.py [--each] (with badak importable). With --each it lists every
shortfall.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import corpus


def main() -> None:
    for folder in corpus.FOLDERS:
        wrong = [layer for layer in corpus.layers(folder) if layer.wrong]
        correct = [layer for layer in corpus.layers(folder) if not layer.wrong]
        with tempfile.TemporaryDirectory() as place:
            started = time.perf_counter()
            scores = [corpus.score(layer, corpus.check(layer, Path(place))) for layer in wrong]
            fixed = [corpus.check(layer, Path(place), fixed=True).verdict for layer in wrong]
            verdicts = [corpus.check(layer, Path(place)).verdict for layer in correct]
            seconds = time.perf_counter() - started
        print(f"{folder.name}: {len(wrong)} wrong, {len(correct)} correct, {seconds:.1f} s")
        rows = [
            ("wrong found", sum(s.found for s in scores), len(scores)),
            ("right cause named first", sum(s.label for s in scores), len(scores)),
            ("right method, line within two of the slip", sum(s.place for s in scores), len(scores)),
            ("right once fixed", fixed.count("right"), len(fixed)),
            (
                "correct called wrong or hazard",
                sum(v in ("wrong", "hazard") for v in verdicts),
                len(verdicts),
            ),
            ("correct called right", verdicts.count("right"), len(verdicts)),
        ]
        for title, count, total in rows:
            print(f"  {title:44} {count:4} of {total:4}  {100 * count / max(total, 1):5.1f} %")
        if "--each" in sys.argv:
            for layer, result in zip(wrong, scores, strict=True):
                if not (result.found and result.label and result.place):
                    print(f"  {layer.name}: {result}")


if __name__ == "__main__":
    main()
