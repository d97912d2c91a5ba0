"""Write docs/results.md: what was measured, as a card for each claim, with its numbers taken from results/.

    python benchmarks/cards.py

A card has the claim, the table, what it was measured on, the seeds, the command, the versions and the
machine. No measured number is typed here. A file without a card is an error, so that none is left out by
accident.
"""

import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks import tables  # noqa: E402
from benchmarks.card_parts import card, count, decided, filled, listed, span, told_seeds  # noqa: E402
from benchmarks.photograph_cards import real_images  # noqa: E402
from benchmarks.tables import RESULTS, percent, result, spread  # noqa: E402
from jepa_lite.course.effects import effects  # noqa: E402

PAGE = ROOT / "docs" / "results.md"
MARGIN = 0.05  # of accuracy: a run learns if it is so much better than random weights
MARK = "<!-- `python benchmarks/cards.py` writes this page from benchmarks/results/: do not edit it. -->"
START = (
    """Each card on this page is one claim with everything that you need to check it: the table, the images,
    the seeds, the command that measures it again, the versions and the machine. The numbers are copied from
    the data files by `python benchmarks/cards.py`, and a test compares the page with the files. For what
    follows from the results, and for what limits them, see
    [benchmarks/README.md](../benchmarks/README.md).""",
    """"Linear" and "20-NN" are held-out accuracies, of a linear probe and of a vote of the 20 nearest
    neighbours, both on frozen features. The [glossary](glossary.md) explains the other measures. A card has
    a date if its data file recorded one.""",
)


def demo():
    data = result("demo")
    rows, images = {row["name"]: row for row in data["controls"]}, data["runs"][0]["controls"][0]

    addresses = [run["addresses"] for run in data["runs"]]

    def value(name, probe="linear"):
        return f"{percent(rows[name][probe])} ± {percent(rows[name][probe + '_std'])}%"

    best = max((row["knn"], name) for name, row in rows.items() if name != "ijepa")[1]
    claim = f"""After {data["runs"][0]["steps"]} steps on synthetic images, which took
        {span((run["seconds"] for run in data["runs"]), ".0f")} seconds, a linear probe on the features of
        I-JEPA classifies {value("ijepa")} of the test images correctly. The same probe reaches
        {value("random")} on random weights, {value("pixel_baseline")} on the pixel-prediction baseline and
        {value("pixels")} on raw pixels. By 20-NN I-JEPA reaches {value("ijepa", "knn")}, and the best
        control, which is {tables.NAMES.get(best, best)}, reaches {value(best, "knn")}. On held-out images
        the addresses of the targets, shuffled within each image, make the loss
        {span(used["gain"] for used in addresses)} times what it is. The true patch ranks
        {span((used["own_image_rank"] for used in addresses), ".1f")} on average among the
        {addresses[0]["patches"]} of its image, and a direction that is read from a prediction is
        {span((used["degrees_off"]["right"] for used in addresses), ".0f")} degrees off in the median."""
    on = f"""{images["n_train"]:,} labelled images of `fields` for the probes, and {images["n_test"]:,}
        others for the test. The values after ± are standard deviations over seeds"""
    return [card("The demo beside its controls", "demo", claim, tables.demo_table(), on)]


def shortcuts():
    data = result("shortcuts")
    plain, _, light = data["rows"]

    def spread_of(row, view, probe="linear"):
        return spread([run[view][probe] for run in row["runs"]])

    claim = f"""From images whose leaves share the direction of their stripes and nothing else, the course's
        recipe learns this direction, because a linear probe then reaches {spread_of(plain, "ijepa")}% and
        {spread_of(plain, "random")}% on random weights. When a light over the whole image is shared as well,
        the loss ends at {span((run["loss"] for run in light["runs"]), ".2f")} instead of
        {span((run["loss"] for run in plain["runs"]), ".2f")}, and the alignment gap at
        {span((run["gap"] for run in light["runs"]), ".2f")}. However, the probes then reach only
        {spread_of(light, "ijepa")}% (linear) and {spread_of(light, "ijepa", "knn")}% (20-NN), where chance
        is 12.5%. I-JEPA has learned the light."""
    on = f"""{data["labelled"]:,} labelled images of `shapes` for the probes and {data["held_out"]:,} others
        for the test, after {data["config"]["train"]["steps"]} steps; the table shows means over seeds"""
    return [card("What a shortcut does", "shortcuts", claim, tables.shortcuts_table(), on)]


def step():
    rows = result("step")["rows"]
    claim = f"""A plainly written training step takes
        {span(times["6"] for r in rows for times in r["times"].values())} times as much processor time as
        ours with six groups of contexts. It pads all contexts to the longest and computes every token in
        every block of the predictor, so it needs {span(row["arithmetic"] for row in rows)} times as many
        operations. If ours reads one predictor sequence an image, which is another step, these are
        {span(times["one sequence"] for r in rows for times in r["times"].values())} and
        {span(row["arithmetic_one_sequence"] for row in rows)} times. In bfloat16, with one sequence a target,
        ours is {span(times["bfloat16"] for r in rows for times in r["times"].values())} times as quick as the
        plain step in single precision, on a processor that has bfloat16."""
    on = """synthetic images of 64 pixels, with the same weights and masks for both steps. A cell is the plain
        step's time divided by ours, as the median over rounds in one process, for the plain step with an
        explicit softmax and with the fused kernel"""
    return [card("What a training step costs", "step", claim, tables.step_table(), on)]


def masking():
    data = result("masking")
    rows, batches = data["results"], [row["batch"] for row in data["results"]]
    micro = (1e6 * row["seconds_per_batch"]["sample_masks"]["median"] for row in rows)
    torch = (row["times_faster_than"][loop] for row in rows for loop in ("plain_loop", "collator_loop"))
    claim = f"""`sample_masks` draws the masks of {min(batches)} to {max(batches)} images in
        {span(micro, ".0f")} microseconds of processor time. Loops over the images that are written in
        PyTorch take {span(torch, ".0f")} times as long, and a loop over Python lists takes
        {span((row["times_faster_than"]["list_loop"] for row in rows), ".0f")} times as long."""
    on = f"batches of the sizes shown, alternating in one process, as medians of {data['rounds']} rounds"
    return [card("How fast masks are drawn", "masking", claim, tables.masking_table(), on)]


def scaling():
    data = result("scaling")
    at = {(row["batch"], row["image"], row["processes"]): row for row in data["rows"]}
    one, two = at[64, 64, 1]["step_seconds"], at[64, 64, 2]["step_seconds"]
    off = max(abs(row["memory_counted"] / row["memory_held"] - 1) for row in data["rows"])
    claim = f"""A step of 64 images of 64 pixels takes {one:.2f} seconds on one thread. Two processes of one
        thread each take {two:.2f} seconds for the same batch, so they are {one / two:.1f} times as fast.
        The memory that `jepa-lite plan` counts differs from what tensors hold by at most {percent(off)}%."""
    on = f"""random images, with {count(data["threads_a_process"], "thread")} for each process, as medians
        of {count(data["rounds"], "round")}"""
    return [card("Batch size, image size and processes", "scaling", claim, tables.scaling_table(), on)]


def gpu():
    data = result("gpu")
    rows = {(row["preset"], row["change"]): row for row in data["rows"] if "error" not in row}
    paper = [row for (name, change), row in rows.items() if name.startswith("vit-") and not change]
    off = max(abs((r["memory_peak"] - r["memory_images"]) / r["memory_counted"] - 1) for r in rows.values())
    claim = f"""On one GPU the preset `cifar10` trains on
        {rows["cifar10", ""]["images_per_second"]:,.0f} images a second, and of the paper's networks
        {listed(f"`{row['preset']}` on {row['images_per_second']:,.0f}" for row in paper)}. The memory that
        `jepa-lite plan` counts differs from what was allocated by at most {percent(off)}%."""
    on = f"""random images that lie on the GPU, as medians of whole steps after {data["warm_up"]} steps of
        warm-up"""
    return [card("What a step costs on a GPU", "gpu", claim, tables.gpu_table(), on)]


def checkpoints():
    data = result("checkpoints")
    small, large = (pick(data["rows"], key=lambda row: row["bytes"]) for pick in (min, max))
    claim = f"""Saving a checkpoint takes {small["seconds"]:.2f} seconds for the network of the preset
        `{small["preset"]}` and {large["seconds"]:.2f} seconds for that of `{large["preset"]}`. With
        {data["save_every"] / 60:.0f} minutes between saves, which is the default, this is at most
        {max(100 * row["share"] for row in data["rows"]):.2f}% of a run."""
    on = f"""networks of {count(len(data["rows"]), "preset")} after one step, on the disk of this machine,
        as medians of {count(data["rounds"], "save")}"""
    return [card("What checkpoints cost", "checkpoints", claim, tables.checkpoints_table(), on)]


def plan():
    data = result("plan")
    claim = f"""`jepa-lite plan` estimates {span(row["ratio"] for row in data["rows"])} times the real
        duration of a run, as the median over {count(len(data["rows"][0]["ratios"]), "repetition")} for each
        run. A single estimate is {span(ratio for row in data["rows"] for ratio in row["ratios"])} times the
        real duration."""
    on = f"{data['images']:,} synthetic images. After each plan comes the run that it is of, on a busy server"
    return [card("How well `jepa-lite plan` estimates time", "plan", claim, tables.plan_table(), on)]


def alarms():
    data = result("alarms")
    probed = [row for row in data["rows"] if "knn_ijepa" in row]
    good = [row for row in probed if row["knn_ijepa"] > row["knn_random"] + MARGIN]
    bad = [row for row in data["rows"] if row not in good]
    rang, false, blind = (
        [row for row in rows if any((alarm == "address_gain") is address for alarm in row["alarms"])]
        for rows, address in ((bad, False), (good, False), (data["rows"], True))
    )
    claim = f"""In {count(len(good), "run")} of the table the features become better than random weights, by
        more than {100 * MARGIN:.0f} points of 20-NN accuracy. An alarm of collapse rings in
        {count(len(false))} of these, and in {count(len(rang))} of the {count(len(bad), "other run")}. The
        note on addresses is made in {count(len(blind))}, of which
        {count(len([row for row in blind if row in good]))} learn, because features can be good although
        predictions ignore the address. No limit was chosen on these runs."""
    on = f"""images of `fields`, or what the row names, during {data["config"]["train"]["steps"]} steps
        ({data["rows"][0]["changes"]["train.steps"]} for the first row). "Lowest" is a share of what the
        untrained network had"""
    return [
        card(
            "When the collapse alarms ring",
            "alarms",
            claim,
            tables.alarms_table(),
            on,
            told_seeds(data, accuracy=True),
        )
    ]


def collapse():
    data = result("collapse")
    fell = [row for row in data["rows"] if all(run["alarms"] for run in row["runs"])]
    rest = [row for row in data["rows"] if row not in fell and any(run["alarms"] for run in row["runs"])]
    runs = [run for row in fell for run in row["runs"]]
    claim = f"""In {count(len(fell))} of {count(len(data["rows"]), "setting")} the representation collapses
        with each of the {count(len(data["seeds"]), "seed")}. These settings are
        {listed(f'"{row["name"]}"' for row in fell)}. Their runs end with an effective rank of
        {span((run["rank"] for run in runs), ".1f")} and a loss of
        {span((run["loss"] for run in runs), ".4f")}. Alarms rang in {count(len(rest))} of the other
        settings."""
    on = f"""synthetic images that share a light, after {data["steps"]} steps of a network of width
        {data["config"]["model"]["width"]}; the table shows means over seeds"""
    return [
        card("What keeps the collapse lab from collapsing", "collapse", claim, tables.collapse_table(), on)
    ]


def ablations():
    on = "synthetic images"
    return [ablated("ablations", "The course's run", "What mattered in the course's run", on)]


def ablations_cifar10():
    run = "The run of `laptop`, with multi-block masks, a quicker moving average and a third of its width,"
    on = "of CIFAR-10's training images, the split `report` of benchmarks/real_images.py"
    return [ablated("ablations_cifar10", run, "What mattered on photographs", on)]


def ablated(name, run, title, images):
    data, train = result(name), result(name)["config"]["train"]
    found = [effect for effect in effects(data) if effect["seeds"] and effect["group"] != "control"]
    claim = f"""{run} reaches
        {spread([run["ijepa"]["linear"] for run in data["rows"][0]["runs"]])}% by the linear probe. Of
        {count(len(found), "single change")}, {decided(found)} For the other changes this table does not
        decide whether they help or harm."""
    on = f"""{data["labelled"]:,} labelled images for the probes and {data["held_out"]:,} others for the test
        ({images}), after {train["steps"]:,} steps of {train["batch_size"]} images. An effect is the mean
        difference from the unchanged run, in points and paired by seed, with the half width of its 95%
        interval"""
    return card(title, name, claim, tables.ablations_table(name), on)


def course_run():
    data = result("course_run")
    ours, pixels = (row["runs"] for row in data["rows"][:2])

    def beside(probe):
        views = {"pixel baseline": [run["ijepa"] for run in pixels]}
        views |= {tables.NAMES[name]: data["controls"][name] for name in ("random", "pixels")}
        return listed(f"{spread([run[probe] for run in runs])}% ({name})" for name, runs in views.items())

    gains, ranks = ([run[key] for run in ours] for key in ("address_gain", "own_image_rank"))
    claim = f"""After the {data["config"]["train"]["steps"]:,} steps of the course's run, the loss on held-out
        images is {span(gains)} times as high when the addresses of the targets are shuffled within each
        image, {statistics.mean(gains):.2f} times in the mean of {count(len(ours), "seed")}. The true patch
        ranks {statistics.mean(ranks):.1f} on average among the 64 of its image, where chance is 32.5. A
        linear probe reaches {spread([run["ijepa"]["linear"] for run in ours])}%, beside
        {beside("linear")}, and 20-NN reaches
        {spread([run["ijepa"]["knn"] for run in ours])}%, beside {beside("knn")}."""
    on = f"""{data["labelled"]:,} labelled images of `fields` for the probes and {data["held_out"]:,} others
        for the test. The values after ± are standard deviations over seeds"""
    return [card("The course's run with five seeds", "course_run", claim, tables.course_run_table(), on)]


def course():
    data = result("course")
    cores = count(data["machine"]["threads"], "core")
    claim = f"""On {cores} of an idle server, a notebook takes {span(data["notebooks"].values(), ".0f")}
        seconds, and a training step of the course's run takes {1000 * data["step_seconds"]:.0f}
        milliseconds. Notebook 00 compares your machine with this step."""
    on = f"""every notebook once, in order, so that 05 trains the course's model and 09 its pixel baseline.
        The step is a median after the warm-up, on {data["images"]} made
        images"""
    return [card("How long the notebooks take", "course", claim, tables.course_table(), on)]


def explorer():
    data = result("explorer")
    at = {(row["what"], row["where"]): row["median"] for row in data["rows"]}
    claim = f"""The next draw is visible {at["next draw", "JupyterLab"]:.1f} ms after the key in JupyterLab,
        and {at["next draw", "page without a kernel"]:.1f} ms after it on the page without a kernel. Another
        rule is drawn by the kernel and takes {at["another rule", "JupyterLab"]:.1f} ms. All are medians."""
    on = f"""headless Chromium {data["browser"]}, with {data["grid"][0]} x {data["grid"][1]} patches and the
        rule "{data["rule"]}" """
    return [
        card(
            "How soon the mask explorer follows a key", "explorer", claim, tables.explorer_table(), on.strip()
        )
    ]


CARDS = (
    demo, course_run, real_images, shortcuts, ablations, ablations_cifar10, collapse, alarms, step, masking,
    scaling, gpu, checkpoints, plan, course, explorer,
)  # fmt: skip


def page():
    """The whole of docs/results.md. Raises ValueError where results/ has a file without a card."""
    files, known = {path.stem for path in RESULTS.glob("*.json")}, {make.__name__ for make in CARDS}
    if files != known:
        raise ValueError(f"files and cards differ: benchmarks/cards.py, {', '.join(sorted(files ^ known))}")
    cards = [one for make in CARDS for one in make()]
    return "\n".join([MARK, "# Results", "", *(filled(part) + "\n" for part in START), *cards])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
