"""The tables of what was measured, in Markdown, each made from one file of results/ to the last digit.

README.md, benchmarks/README.md and docs/results.md hold them; tests/test_readme.py and cards.py compare them.
"""

import json
import math
import statistics
from pathlib import Path

from jepa_lite.course.effects import effects

RESULTS = Path(__file__).parent / "results"
NAMES = {
    "pixels": "raw pixels",
    "random": "random weights",
    "pixel_baseline": "pixel baseline",
    "ijepa": "**I-JEPA**",
}


def result(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def percent(value):
    return f"{100 * value:.1f}"


def spread(values):
    """The mean in percent, with the standard deviation over seeds where there are several; '' for none."""
    if len(values) > 1:
        return f"{percent(statistics.mean(values))} ± {percent(statistics.stdev(values))}"
    return percent(values[0]) if values else ""


def demo_table():
    rows = result("demo")["controls"]
    heads = {"linear": "linear, %", "linear_last4": "last 4, %", "knn": "20-NN, %"}
    probes = [p for p in heads if any(p in r for r in rows)]
    cells = [[f"{percent(r[p])} ± {percent(r[p + '_std'])}" if p in r else "" for p in probes] for r in rows]
    named = [[NAMES.get(r["name"], r["name"]), *c] for r, c in zip(rows, cells, strict=True)]
    return table(["features", *(heads[p] for p in probes)], named)


def shortcuts_table():
    rows = []
    for r in result("shortcuts")["rows"]:
        views = [
            f"{100 * statistics.mean(run[view][probe] for run in r['runs']):.1f}"
            for probe in ("linear", "knn") for view in ("ijepa", "random", "pixels")
        ]  # fmt: skip
        means = (statistics.mean(run[key] for run in r["runs"]) for key in ("loss", "gap", "address_gain"))
        rows.append([r["name"], *views, *(f"{mean:.2f}" for mean in means)])
    probes = [f"{probe}: {view}" for probe in ("linear", "20-NN") for view in ("I-JEPA", "random", "pixels")]
    return table(["leaves share", *probes, "loss", "gap", "address gain"], rows)


STEPS = {  # ours in step.json: a heading
    "1": "groups 1",
    "3": "groups 3",
    "6": "groups 6",
    "one sequence": "one sequence",
    "bfloat16": "bfloat16",
    "one sequence, bfloat16": "one sequence, bfloat16",
}


def step_table():
    def pair(times, name):
        return " / ".join(f"{times[attention][name]:.2f}" for attention in ("explicit", "fused"))

    rows = [
        [
            f"{r['encoder']}, {r['width']} wide, {r['context']} masks",
            *(pair(r["times"], name) for name in STEPS), pair(r["times_plain_in_bfloat16"], "bfloat16"),
            f"{r['arithmetic']:.2f} / {r['arithmetic_one_sequence']:.2f}",
            percent(r["padding_share"]), percent(r["data_share"]), f"{r['share_of_matmul']:.2f}",
        ]
        for r in result("step")["rows"]
    ]  # fmt: skip
    shares = ["operations", "padding, %", "data, %", "of a matrix product"]
    return table(["encoder", *STEPS.values(), "bfloat16 against bfloat16", *shares], rows)


def masking_table():
    rows = [
        [
            f"{r['batch']} images, {r['grid'][0]} x {r['grid'][1]} patches",
            *(f"{r['times_faster_than'][f'{loop}_loop']:.0f}" for loop in ("plain", "collator", "list")),
        ]
        for r in result("masking")["results"]
    ]
    head = ["a batch of", "the paper's rule in torch", "released rule in torch", "the paper's rule in lists"]
    return table(head, rows)


def scaling_table():
    rows = [
        [
            str(r["batch"]), f"{r['image']} ({r['patches']})", str(r["processes"]),
            f"{r['step_seconds']:.2f}",
            f"{r['images_per_second']:.0f}",
            *(f"{r['memory_' + what] / 1e6:.0f}" for what in ("resident", "held", "counted")),
        ]
        for r in result("scaling")["rows"]
    ]  # fmt: skip
    head = ["batch", "image side (patches)", "processes", "s a step", "images a second"]
    return table([*head, "MB resident", "MB held by tensors", "MB counted"], rows)


def gpu_table():
    rows = [
        [
            r["preset"] + (f", {r['change']}" if r["change"] else ""), str(r["batch"]),
            f"{1000 * r['step_seconds']:.0f}",
            f"{r['images_per_second']:,.0f}",
            *(f"{r['memory_' + what] / 1e9:.1f}" for what in ("peak", "counted")),
            f"{r['flops_per_second'] / 1e12:.0f}",
        ]
        for r in result("gpu")["rows"] if "error" not in r
    ]  # fmt: skip
    head = ["preset", "batch", "ms a step", "images a second", "GB at the peak", "GB counted", "TFLOP/s"]
    return table(head, rows)


def checkpoints_table():
    rows = [
        [r["preset"], f"{r['bytes'] / 1e6:.0f}", f"{r['seconds']:.2f}", f"{100 * r['share']:.2f}"]
        for r in result("checkpoints")["rows"]
    ]
    return table(["preset", "MB", "s a save", "% of the run"], rows)


def plan_table():
    rows = [
        [
            r["name"], str(r["steps"]), f"{r['estimated_seconds']:.0f}", f"{r['real_seconds']:.0f}",
            *(f"{x:.2f}" for x in (r["ratio"], min(r["ratios"]), max(r["ratios"]))),
        ]
        for r in result("plan")["rows"]
    ]  # fmt: skip
    return table(["run", "steps", "estimated, s", "real, s", "estimate / real", "lowest", "highest"], rows)


def alarms_table():
    rows = [
        [
            r["name"], *(percent(r[key]) if key in r else "" for key in ("knn_ijepa", "knn_random")),
            ", ".join(f"{name} at {step}" for name, step in r["alarms"].items()) or "none",
            *(f"{100 * r['lowest'][m] / r['at_first'][m]:.1f}" for m in ("std", "rank")),
            *(f"{r['curve'][-1][m]:.2f}" for m in ("position_share", "address_gain")),
            f"{r['curve'][-1]['loss']:.3f}",
        ]
        for r in result("alarms")["rows"]
    ]  # fmt: skip
    head = ["run", "20-NN, %", "random weights, %", "alarms, at step", "lowest std, %", "lowest rank, %"]
    return table([*head, "position share", "address gain", "last loss"], rows)


def collapse_table():
    form = {"loss": "{:.3f}", "rank": "{:.1f}", "std": "{:.3f}", "position_share": "{:.2f}", "gap": "{:.2f}"}
    rows = []
    for r in result("collapse")["rows"]:
        means = [form[m].format(sum(run[m] for run in r["runs"]) / len(r["runs"])) for m in form]
        rang = sum(bool(run["alarms"]) for run in r["runs"])
        rows.append([r["name"], f"{rang} of {len(r['runs'])}", *means])
    untrained = [run["at_first"] for run in result("collapse")["rows"][0]["runs"]]
    means = [form[m].format(sum(u[m] for u in untrained) / len(untrained)) for m in list(form)[1:]]
    return table(
        ["the lab with", "alarms rang in", "loss", "rank", "std", "position share", "gap"],
        [["weights as drawn", "", "", *means], *rows],
    )


def ablations_table(name="ablations"):
    data, rows = result(name), []
    run = "the course's run" if name == "ablations" else "the preset's run"
    found = {probe: {e["name"]: e for e in effects(data, probe)} for probe in ("linear", "knn")}
    for r in data["rows"]:
        runs = r["runs"]
        means = [percent(sum(run["ijepa"][p] for run in runs) / len(runs)) for p in ("linear", "knn")]
        reference = r["group"] == "reference"
        effect = ["", ""] if reference else [points(found[p][r["name"]]) for p in found]
        paper = None if reference else found["linear"][r["name"]]["paper"]
        seen = percent(runs[0]["context_share"])
        rows.append([r["name"], seen, *means, *effect, "" if paper is None else f"{paper:+.1f}"])
    for control, name in (("random", "random weights"), ("pixels", "raw pixels")):
        runs = data["controls"][control]
        means = [percent(sum(run[p] for run in runs) / len(runs)) for p in ("linear", "knn")]
        rows.append([name, "", *means, *(points(found[p][name]) for p in found), ""])
    head = [f"{run} with", "context, %", "linear, %", "20-NN, %", "effect, linear", "effect, 20-NN"]
    return table([*head, "in the paper"], rows)


def points(effect):
    """Mean and half width of the 95% interval, in points; of one seed the mean alone."""
    return f"{effect['mean']:+.1f}" + ("" if math.isnan(effect["half"]) else f" ± {effect['half']:.1f}")


def course_run_table():
    data, rows = result("course_run"), []
    for name, row in zip(("**I-JEPA**", "pixel baseline"), data["rows"], strict=True):
        runs = row["runs"]
        means = [spread([run["ijepa"][probe] for run in runs]) for probe in ("linear", "knn")]
        used = [statistics.mean(run[key] for run in runs) for key in ("address_gain", "own_image_rank")]
        rows.append([name, *means, f"{used[0]:.2f}", f"{used[1]:.1f}"])
    for control in ("random", "pixels"):
        means = [spread([run[probe] for run in data["controls"][control]]) for probe in ("linear", "knn")]
        rows.append([NAMES[control], *means, "", ""])
    return table(["features", "linear, %", "20-NN, %", "address gain", "own-image rank"], rows)


def explorer_table():
    rows = [
        [f"{r['what']}, {r['where']}", f"{r['median']:.1f}", f"{r['p90']:.1f}", str(r["presses"])]
        for r in result("explorer")["rows"]
    ]
    return table(["from a key to", "median, ms", "90%, ms", "presses"], rows)


def course_table():
    data = result("course")
    return table(["notebook", "s to run"], [[name, f"{s:.0f}"] for name, s in data["notebooks"].items()])
