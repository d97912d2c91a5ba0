"""Which ingredient mattered? Effects of single changes, paired by seed, with intervals, beside the paper's.

An effect is a difference of accuracies, in points: a run with one change minus the reference run of the same
seed, which had the same images and the same first encoder. The runs are those of benchmarks/ablations.py. The
paper's numbers (arXiv 2301.08243, linear probe on 1% of ImageNet's labels) are single runs of other sizes.
Its reference has four targets where ours has two, and a context of up to the whole image where ours has at
most 60%, so PAPER takes from its tables the two rows that differ as ours do, or says how they differ.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from . import results

LEVEL = 0.95
TABLES = {"synthetic images": "ablations", "CIFAR-10": "ablations_cifar10"}  # images: name of the results
PAPER = {  # our row: (what the paper changed, top-1 with the change, top-1 without, where)
    "random patches": ("random for multi-block", 17.6, 54.2, "Table 6, ViT-B/16"),
    "one block": ("block for multi-block", 20.2, 54.2, "Table 6, ViT-B/16"),
    "rasterized": ("rasterized for multi-block", 15.5, 54.2, "Table 6, ViT-B/16"),
    "1 target": ("1 target for 2", 9.0, 22.0, "Table 10, ViT-B/16"),
    "4 targets": ("4 targets for 2", 54.2, 22.0, "Table 10, ViT-B/16"),
    "target scale 0.075 to 0.2": ("0.075 to 0.2 for 0.15 to 0.2", 19.2, 54.2, "Table 8, ViT-B/16"),
    "target scale 0.2 to 0.3": ("0.2 to 0.3 for 0.15 to 0.2", 33.6, 54.2, "Table 8, ViT-B/16"),
    "context scale 0.85 to 1": ("0.85 to 1 for 0.4 to 1, not to 0.6", 54.2, 31.2, "Table 9, ViT-B/16"),
    "pixels as targets": ("pixels for the output, 800 and 500 epochs", 40.7, 66.9, "Table 7, ViT-L/16"),
    "predictor of depth 1": ("depth 6 for 12; ours: 1 for 2", 64.0, 66.9, "Table 12, ViT-L/16"),
    "targets masked at the input": ("its input, not its output", 56.1, 67.3, "Table 11, ViT-H/16"),
}  # fmt: skip


def tables() -> dict[str, dict]:
    """{images: table} of the ablations that were measured, each as benchmarks/ablations.py wrote it."""
    found = {}
    for images, name in TABLES.items():
        try:
            found[images] = results(name)
        except FileNotFoundError:  # not measured yet
            continue
    return found


def interval(values: ArrayLike) -> tuple[float, float]:
    """(mean, half width of its 95% interval) of one value a seed, by Student's t for n - 1 degrees.

    The half width is nan for a single value: one seed says nothing of the spread. Raises ValueError for none.
    """
    values = np.asarray(values, dtype=float)  # (n,)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"an interval needs a row of values, one a seed, not the shape {values.shape}")
    n = len(values)
    if n == 1:
        return float(values[0]), math.nan
    t = stats.t.ppf((1 + LEVEL) / 2, n - 1)  # 12.7 for two seeds, 4.3 for three, 1.96 for very many
    return float(values.mean()), float(t * values.std(ddof=1) / math.sqrt(n))


def decided_together(differences: ArrayLike) -> np.ndarray:
    """Which rows of differences (changes, seeds) are not noise, when all are tested at once: bool (changes,).

    Two-sided t tests, and Holm's method on their p values (Holm 1979, "A simple sequentially rejective
    multiple test procedure"). If no change did anything, the chance that even one is called decided is at
    most 5%. Of a single seed nothing is decided.
    """
    differences = np.asarray(differences, dtype=float)
    count, seeds = differences.shape
    decided = np.zeros(count, dtype=bool)
    if seeds < 2:
        return decided
    p = stats.ttest_1samp(differences, 0.0, axis=1).pvalue
    for rank, row in enumerate(np.argsort(p)):
        if not p[row] <= (1 - LEVEL) / (count - rank):
            break
        decided[row] = True
    return decided


def effects(table: dict, probe: str = "linear") -> list[dict]:
    """[{"name", "group", "seeds", "differences", "mean", "half", "paper"}], in points of accuracy.

    table: benchmarks/results/ablations.json, or ablations_cifar10.json. probe: "linear" or "knn". Differences
    are over the seeds that a row and the reference both have; rows without one are left out. Group "control"
    holds random weights and raw pixels. paper: the paper's effect, or None; what we did not run has the
    paper's alone, and no seeds.
    """
    reference = _by_seed(table["rows"][0], "ijepa", probe)
    runs = [(row["name"], row["group"], _by_seed(row, "ijepa", probe)) for row in table["rows"][1:]]
    known = {row["name"] for row in table["rows"]}
    runs += [(name, "not run here", {}) for name in PAPER if name not in known]
    for control, name in (("random", "random weights"), ("pixels", "raw pixels")):
        runs.append((name, "control", _by_seed(table["rows"][0], control, probe)))
    found = []
    for name, group, run in runs:
        seeds = sorted(set(run) & set(reference))
        if not seeds and group != "not run here":
            continue
        differences = [100 * (run[seed] - reference[seed]) for seed in seeds]
        mean, half = interval(differences) if seeds else (math.nan, math.nan)
        found.append({"name": name, "group": group, "seeds": seeds, "differences": differences,
                      "mean": mean, "half": half, "paper": _in_paper(name)})  # fmt: skip
    return found


def _in_paper(name: str) -> float | None:
    """The paper's effect of the change that our row `name` makes, in points; None where it has none."""
    if name not in PAPER:
        return None
    _, changed, reference, _ = PAPER[name]
    return changed - reference


def verdict(effect: dict) -> str:
    """What an effect's interval says: "higher", "lower", "undecided" (0 lies in it), or "one seed"."""
    mean, half = effect["mean"], effect["half"]
    if not math.isfinite(half):
        return "one seed" if effect["seeds"] else "not run"
    return "undecided" if abs(mean) <= half else ("higher" if mean > 0 else "lower")


def standing(effect: dict) -> str:
    """How an effect stands to the paper's: "same sign", "opposite sign", "not in the paper" or "not run"."""
    if effect["paper"] is None:
        return "not in the paper"
    if not effect["seeds"]:
        return "not run"
    return "same sign" if effect["mean"] * effect["paper"] > 0 else "opposite sign"


def verdicts(table: dict) -> str:
    """Every effect in words by both probes, as a table in Markdown, beside the effect in the paper.

    table: as in `effects`. The verdict is of each change alone; "also together" marks those that
    `decided_together` decides, over the seeds that all of them have. The address gain is a mean over seeds.
    """
    found = [effect for effect in effects(table, "linear") if effect["group"] != "control"]
    by_probe = _in_words(table, "linear"), _in_words(table, "knn")
    gains = {row["name"]: _mean_gain(row) for row in table["rows"]}
    head = [
        "change",
        "linear probe",
        "20-NN",
        "address gain",
        "the paper's change",
        "its points",
        "the signs",
    ]
    reference = table["rows"][0]["name"]
    first = [reference, "the reference", "the reference", gains[reference], "", "", ""]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", f"| {' | '.join(first)} |"]
    for effect in found:
        name = effect["name"]
        what, *_, where = PAPER.get(name, ("", 0, 0, ""))
        paper = "" if effect["paper"] is None else f"{effect['paper']:+.1f}"
        cells = [name, *(words[name] for words in by_probe), gains.get(name, "")]
        cells += [f"{what} ({where})" if what else "", paper, standing(effect)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _in_words(table, probe):
    """{name: "-10.0 ± 2.5, lower"} of every effect."""
    found = [effect for effect in effects(table, probe) if effect["group"] != "control"]
    ran = [effect for effect in found if effect["seeds"]]
    common = sorted(set.intersection(*(set(effect["seeds"]) for effect in ran))) if ran else []
    rows = [[e["differences"][e["seeds"].index(seed)] for seed in common] for e in ran]
    together = dict(zip([e["name"] for e in ran], decided_together(rows) if common else [], strict=False))
    words = {effect["name"]: verdict(effect) for effect in found}
    for effect in ran:
        half = "" if math.isnan(effect["half"]) else f" ± {effect['half']:.1f}"
        also = ", also together" if together.get(effect["name"]) else ""
        words[effect["name"]] = f"{effect['mean']:+.1f}{half}, {words[effect['name']]}{also}"
    return words


def _mean_gain(row: dict) -> str:
    """The mean address gain of a row's runs, in digits; "" where it was not measured."""
    gains = [run["address_gain"] for run in row["runs"] if "address_gain" in run]
    return f"{np.mean(gains):.2f}" if gains else ""


def _by_seed(row, encoder, probe):
    return {run["seed"]: run[encoder][probe] for run in row["runs"] if encoder in run}
