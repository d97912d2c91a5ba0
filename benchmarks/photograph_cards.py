"""The cards of results/real_images.json: what is reported of each data set, and the settings tried.

They show whatever rows the file has, so that a new control or run appears without a change here.
"""

import itertools
import statistics

from benchmarks.card_parts import card, count, decided, listed, span
from benchmarks.real_images import DIALS
from benchmarks.tables import percent, points, result, spread, table
from jepa_lite.course.effects import effects
from jepa_lite.course.figures.probing import nearest_to_preset

SETS = {"cifar10": "CIFAR-10", "imagenette": "Imagenette"}
PROBES = {"linear": "linear, %", "linear_last4": "last 4, %", "knn": "20-NN, %"}


def real_images():
    data, made = result("real_images"), []
    rows = [row | {"kind": kind} for kind in ("controls", "runs") for row in data[kind]]
    for on, kind in itertools.product(("report", "choose"), SETS):
        found = [row for row in rows if (row["data"], row["on"]) == (kind, on)]
        turned = [row for row in found if is_dial(row, data)]
        if turned:
            made.append(dials(kind, turned, data["held_out"][kind]))
        found = [row for row in found if row not in turned]
        if found:
            made.append(photographs(kind, on, found, data["held_out"][kind]))
    return made


def is_dial(row, data):
    """Whether a row is of `--dials`, whose costs were measured for these images."""
    costs = [(cost["data"], cost["name"]) for cost in data.get("costs", ())]
    return row["on"] == "choose" and (row["data"], row["name"]) in costs


def dials(kind, rows, held_out):
    """The card of the preset's settings, one changed at a time, each as costly as the preset's run."""
    by_name = {name: [row for row in rows if row["name"] == name] for name in DIALS}
    runs = {
        name: [{"seed": row["seed"], "ijepa": row} for row in group]
        for name, group in by_name.items()
        if group
    }
    effect = {
        probe: {
            e["name"]: e
            for e in effects({"rows": [{"name": n, "group": "", "runs": r} for n, r in runs.items()]}, probe)
            if e["seeds"]
        }
        for probe in ("linear", "knn")
    }
    lines, reference = [], next(iter(runs))
    for name in runs:
        group = by_name[name]
        cells = [spread([row[probe] for row in group]) for probe in PROBES]
        changed = ["" if name == reference else points(effect[probe][name]) for probe in effect]
        gain = f"{statistics.mean(row['address_gain'] for row in group):.2f}"
        lines.append([name, f"{group[0]['steps']:,}", *cells, *changed, gain])
    found = list(effect["linear"].values())
    first = by_name[reference]
    claim = f"""The preset's run, cut to {first[0]["steps"]:,} steps, reaches
        {spread([row["linear"] for row in first])}% on {SETS[kind]} by the linear probe. Of
        {count(len(found), "single change")} at the same processor time, {decided(found)} These runs are
        short, and a change that helps here may not help a longer run."""
    head = ["the preset's run with", "steps", *PROBES.values(), "effect, linear", "effect, 20-NN"]
    measured = f"""{held_out:,} of {SETS[kind]}'s training images, held out as the split `choose`. A change
        whose step costs more processor time has fewer steps, and one whose step costs less has more. An
        effect is the mean difference from the unchanged run, in points and paired by seed, with the half
        width of its 95% interval. The values after ± in the other columns are standard deviations of
        seeds"""
    start = f"python benchmarks/real_images.py {kind} PATH"
    said = [f"{start} --costs", f"{start} runs/dials --steps {first[0]['steps']} --dials"]
    seeds = sorted({row["seed"] for row in rows})
    return card(
        f"Single settings on {SETS[kind]}", "real_images", claim, table([*head, "address gain"], lines),
        measured, f"{count(len(seeds))} ({listed(seeds)})", rows, said,
    )  # fmt: skip


def called(row):
    """What a row of real_images.json is: a control, or what was trained, how long and under which name."""
    if row["kind"] == "controls":
        return row["name"]
    network = "pixel baseline" if row["config"]["model"]["predicts"] == "pixels" else "I-JEPA"
    return f"{network}, {row['steps']:,} steps ({row['name']})"


def photographs(kind, on, rows, held_out):
    """The card of one data set and one of its two held-out splits."""
    order = sorted(rows, key=lambda r: (r["kind"], r["name"] != "raw pixels", r.get("steps", 0), r["name"]))
    groups, lines = {}, []
    for row in order:
        groups.setdefault(called(row), []).append(row)
    for name, group in groups.items():
        cells = {probe: spread([row[probe] for row in group if probe in row]) for probe in PROBES}
        if cells["linear_last4"] and not all("tolerance" in row for row in group):
            cells["linear_last4"] += " *"
        seeds = str(len(group)) if "seed" in group[0] else ""
        lines.append([f"**{name}**" if name.startswith("I-JEPA") else name, seeds, *cells.values()])
    if on == "report":
        title, claim = f"Photographs: {SETS[kind]}", reported(kind, groups)
        split = "`report`, which no training, no probe and no choice of settings has seen"
        if kind == "cifar10":  # the ablations, on the same images, gave the idea
            split += ", but for the shape of the hole"
    else:
        title, claim = f"Settings tried on {SETS[kind]}", chosen(kind, groups)
        split = "`choose`, on which settings are chosen"
    shown = table(["features", "seeds", *PROBES.values()], lines)
    measured = f"""{held_out:,} of {SETS[kind]}'s training images, held out as the split {split}. "Last 4"
        is the linear probe on the last four blocks side by side. A star marks an earlier probe, whose fit
        of four blocks ended too early, up to four points too low. PATH is the folder of these images, and
        RUN is a new folder. Where a command says STEPS, NAME and SETTINGS, the data have them for each row.
        The values after ± are standard deviations over seeds"""
    seeds = listed(sorted({row["seed"] for row in rows if "seed" in row}) or ["none"])
    told = f"{seeds}, of which each row has as many as the table's column says; raw pixels need none"
    return card(title, "real_images", claim, shown, measured, told, rows, commands(kind, on, rows))


def commands(kind, on, rows):
    """The commands that measure these rows again, one for each control, setting and length."""
    start, found = f"python benchmarks/real_images.py {kind} PATH", []
    for row in rows:
        if row["kind"] == "controls":
            found.append(f"{start} --controls{' --on choose' * (on == 'choose')}")
        elif on == "choose":
            found.append(f"{start} RUN --on choose --steps STEPS --name NAME --set SETTINGS")
        else:
            ends = row["config"]["train"]["steps"] is not None  # a run of so many seconds has no steps
            words = [f"--steps {row['steps']}"] * ends + [f'--name "{row["name"]}"']
            words += [f"--seed {row['seed']}"] * (row["seed"] != 0)
            words += ["--device cuda"] * (row["machine"].get("device", "cpu") != "cpu")
            words += [f"--set {' '.join(row['settings'])}"] * bool(row["settings"])
            found.append(f"{start} RUN {' '.join(words)}")
    return list(dict.fromkeys(found))


def reported(kind, groups):
    """The claim: the I-JEPA nearest to the preset, its controls, its addresses."""
    ours = nearest_to_preset([r for name, rows in groups.items() if name.startswith("I-JEPA") for r in rows])
    if not ours:
        return f"Only controls were measured on {SETS[kind]}."
    rivals = {name: group for name, group in groups.items() if not name.startswith("I-JEPA")}
    linear = [f"{spread([row['linear'] for row in group])}% on {name}" for name, group in rivals.items()]
    many = f"mean and standard deviation of {count(len(ours), 'seed')}" if len(ours) > 1 else "one seed"
    minutes = [row["cpu_seconds"] / 60 for row in ours if row["machine"]["device"] == "cpu"]
    others = sorted({row["machine"]["device"] for row in ours} - {"cpu"})
    took = [f"which took {span(minutes, '.0f')} minutes of processor time"] if minutes else []
    took = listed([*took, *(f"on an {device}{' with other seeds' * bool(minutes)}" for device in others)])
    claim = f"""I-JEPA learned from {ours[0]["images"]:,} images without labels, {took}. A linear probe
        on its features then reaches {spread([row["linear"] for row in ours])}% ({many})"""
    claim += f", beside {listed(linear)}. " if linear else ". "
    missing = [name for name in ("raw pixels", "random weights") if name not in groups]
    if missing:
        claim += f"The accuracy of {listed(missing)} is not yet in the file. "
    patches = ours[0]["patches"]
    return (
        claim
        + f"""The loss is {span(row["address_gain"] for row in ours)} times as high when the target
            addresses of each image are shuffled. The true patch has a mean rank of
            {span((row["own_image_rank"] for row in ours), ".1f")} among the {patches} patches of its image,
            where chance is {(patches + 1) / 2:.1f}."""
    )


def chosen(kind, groups):
    """The claim about trial settings: the best and the worst of them by the linear probe."""
    means = {name: statistics.mean(row["linear"] for row in group) for name, group in groups.items()}
    best, worst = max(means, key=means.get), min(means, key=means.get)
    return f"""By the linear probe, the best of {count(len(means), "row")} on {SETS[kind]} is "{best}" with
        {percent(means[best])}%, and the worst is "{worst}" with {percent(means[worst])}%. Settings were
        compared on these images, so the accuracies do not estimate what new images would give."""
