"""Claims about measured numbers in the pages that people read:

1. docs/results.md is what benchmarks/cards.py makes from the data; every file of results/ has a card there.
2. Cards appear for whatever rows the photographs' file has, with the mean and the spread of seeds.
3. A number in prose is the data's: it stands in a phrase that code makes from a data file (quotes), or it is
   an accuracy, a duration or a rank of the photographs' file, or an EXCEPTION says what else it is.
4. If one of these numbers is changed, 3 fails.
5. Whatever is measured records the day, in UTC.

A measured number has a decimal point or a unit (%, times, seconds, minutes, points, ms, microseconds), also
as the first of a range, or it follows "rank". Marked tables are left to test_readme.py. Code, links and
numbers in words are not looked at.
"""

import collections
import copy
import datetime
import functools
import itertools
import re
import statistics
from pathlib import Path

import pytest

from benchmarks import cards, photograph_cards
from benchmarks.tables import percent, result, spread
from jepa_lite.course.effects import LEVEL, interval
from jepa_lite.presets import preset
from jepa_lite.training.provenance import machine
from jepa_lite.training.run_log import COST

ROOT = Path(__file__).parent.parent
README, BENCHMARKS, MODELS = "README.md", "benchmarks/README.md", "docs/models.md"
PAGES = [README, BENCHMARKS, "CONTRIBUTING.md"]
PAGES += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path != cards.PAGE)
NUMBER = r"(?<![\w.,/-])\d[\d,]*(?:\.\d+)?(?![\d.]*\.\d)"
UNIT = r" ?(%|percent|points|times|seconds?|minutes?|hours?|ms|microseconds)(?!\w)"
RANGE = r"(?: (?:to|and|or|±) \d[\d,.]*)?"
DECIMAL = r"(?<![\w.,/-])\d[\d,]*\.\d+(?![\w.]*\d)"
RANK = r"(?:(?<=\brank )|(?<=\branks ))\d+"
MEASURED = re.compile(rf"{NUMBER}(?={RANGE}{UNIT})|{DECIMAL}|{RANK}")
AGAIN = "measured again by test_readme.py, from the weights of the package"
FACE = "67% of its attention is on her face, which is 9% of the image"
EXCEPTIONS = {  # {a page: {words around numbers that no data file holds: what they are}}
    README: {
        "at most 75 seconds on two laptop cores": "a limit, which CI holds",
        "41.1% by 20-NN on the test images": "a result of other people",
        "CC BY 2.0": "a licence",
        FACE: AGAIN,
        "Before training it is 13%": AGAIN,
    },
    BENCHMARKS: {
        'masks" have a context scale of 0.85 to 1, "demo masks" one of 0.4 to 0.6': "settings of step.py",
        "linear probe on 1% of ImageNet's labels": "the paper's",
        "a frame is 16.7 ms": "a second by 60",
        "a rate of 1.2e-2 was worse than 6e-3": "settings",
        "A momentum of 0.999 is too slow": "a setting",
        "with PyTorch 2.11,": "a version",
        "(a scale of 0.85 to 1) gave": "a setting",
        "of about the same processor time, 1,200 seconds of one core": "the length that runs were given",
        "a block of 75%": "a setting",
        "from 0.99 to 0.999 with such a block": "a setting",
        "a rate of 1e-2, crops from 0.6 of an image": "settings",
        "We had aimed at 60%, 66% and 60%": "what was wanted",
        "We had aimed at 1.5 at every width": "what was wanted",
    },
    "CONTRIBUTING.md": {
        "Python 3.11": "a version",
        "at most 75 seconds on two laptop cores": "a limit, which CI holds",
    },
    "docs/install.md": {"Python 3.11": "a version"},
    MODELS: {
        phrase: AGAIN
        for phrase in (
            FACE,
            "one block of 60% of the image",
            "changes by more than 0.6 points",
            "From one wheel of the motorcycle, 20% is on the other, against 14% before training",
            "From the cat's nose, 47% is on the eyes, against 7% before training",
            "one head puts 82% of its attention on the eyes",
            "By the trained features, 80% of the five nearest",
            "against 75% by the untrained ones and 45% for raw pixels; chance is 12.5%",
            "nearest to a prediction, 80% come from the right",
            "visible patches, 78% do",
            "the true patch ranks 6 of 64 by the prediction",
        )
    },
}


@functools.cache
def quotes():
    """{a page: phrases with numbers, as the data files would have them}"""
    limits, runs = result("alarms")["limits"], result("demo")["runs"]
    seconds = [run["seconds"] for run in runs]
    gains, ranks = ([run["addresses"][key] for run in runs] for key in ("gain", "own_image_rank"))
    off = {k: [run["addresses"]["degrees_off"][k] for run in runs] for k in ("right", "wrong")}
    photographs_of = {r["name"]: r for r in result("real_images")["runs"] if r["data"] == "imagenette"}
    changes = [f"image's mean times {times}" for times in ("two", "four", "four, ten minutes")]
    changes += ["rate 1e-2, ten minutes", "ten minutes, mimetic"]
    twice, four, long, high, mimetic = (photographs_of[f"width 96, {change}"] for change in changes)
    tried = collections.defaultdict(list)
    for row in result("real_images")["runs"]:
        if row["on"] == "choose":
            tried[row["data"][0].upper(), row["name"]].append(row)

    def mean(data, name, key):
        value = statistics.mean(row[key] for row in tried[data, name])
        return percent(value) if key in ("linear", "knn", "linear_last4") else f"{value:.2f}"

    hole, whole, narrow, before = (
        {(data, key): mean(data, name, key) for data in "IC" for key in ("linear", "knn", "address_gain")}
        for name in (
            "one block, on a GPU", "multi-block", "width 128, one block", "width 128, one block, on two cores"
        )
    )  # fmt: skip
    middle, wide = (
        [mean(data, name, "linear") for data in "IC"]
        for name in ("width 160, one block", "width 256, one block of 75%")
    )
    longer, hour = "width 256, multi-block, batches of 128", photographs_of["an hour"]
    found = result("real_images")["runs"]
    (one_hour,), (slow_hour,) = (
        [r for r in found if (r["data"], r["name"]) == ("cifar10", name)]
        for name in ("an hour, momentum 0.98 to 0.995", "an hour")
    )
    looks, ends = (
        [point["knn"] for point in row["curve"] if "knn" in point] for row in (one_hour, slow_hour)
    )
    scattered = tried["I", "width 128, random patches"][0]
    heads = [
        percent(tried["I", f"width 96, {name}"][0]["linear_last4"])
        for name in ("eight heads", "predictor 96 wide", "weight decay 0.1")
    ]
    shipped = {
        row["data"]: [f"{100 * row[probe]:.0f}%" for probe in ("linear", "linear_last4", "knn")]
        for row in result("real_images")["shipped"]
    }
    assert ends == sorted(ends), "it rose to its end"
    momenta = itertools.chain(*(preset(name).train.momentum for name in ("laptop", "laptop-imagenette")))
    quick = next(r for r in found if r["name"] == "pixel baseline, equal seconds, momentum 0.98 to 0.995")
    (copied,) = (row for row in result("real_images")["shipped"] if row["data"] == "cifar10")
    far = {r["data"]: r for r in result("real_images")["runs"] if r["name"] == "long, on a GPU"}
    seen = {data: f"{row['images'] / 1e6:.1f}" for data, row in far.items()}
    lead = {}  # of what is shipped, over the pixel baseline
    for (data, probe), name in itertools.product(
        itertools.product(("imagenette", "cifar10"), ("linear", "knn")),
        ("ten minutes", "pixel baseline, equal seconds"),
    ):
        same = [r[probe] for r in result("real_images")["runs"] if (r["data"], r["name"]) == (data, name)]
        mean_of = 100 * statistics.mean(same)
        lead[data[0].upper(), probe] = abs(mean_of - lead.get((data[0].upper(), probe), 0))
    slow, batches, slower = (
        f", {c}" for c in ("momentum 0.99 to 0.999", "batches of 256", "momentum 0.996 to 1")
    )
    deep, paced = f", depth 6{slow}", f"one block, bfloat16{slower}"
    drift = {
        change: [
            mean("C", f"width 128, one block, bfloat16{change}", key)
            for key in ("linear", "knn", "address_gain")
        ]
        for change in ("", slow, batches, slower, deep)
    }
    fell = [run["rank"] for r in result("collapse")["rows"] for run in r["runs"] if run["alarms"]]
    ratios = [ratio for row in result("plan")["rows"] for ratio in row["ratios"]]
    micro = {64: [], 128: [], 256: []}
    for row in result("masking")["results"]:
        micro[row["batch"]].append(1e6 * row["seconds_per_batch"]["sample_masks"]["median"])
    small, large = (f"{min(micro[batch]):.0f} to {max(micro[batch]):.0f}" for batch in (64, 256))
    steps = result("step")["rows"]
    products = [row["products_share"] for row in steps]
    fewer = [max(row[key] for row in steps) for key in ("arithmetic", "arithmetic_one_sequence")]
    apart, joint = (
        next(row["runs"] for row in result("ablations")["rows"] if row["name"] == name)
        for name in ("4 targets", "4 targets in one sequence")
    )
    of_joining = [
        interval([100 * (b["ijepa"][probe] - a["ijepa"][probe]) for a, b in zip(apart, joint, strict=True)])
        for probe in ("linear", "knn")
    ]
    costly = f"would cost over {100 * COST:.0f}%"
    return {
        "docs/demo.md": [
            f"Training took {min(seconds):.0f} to {max(seconds):.0f} seconds",
            f"it is {min(off['right']):.1f} to {max(off['right']):.1f} degrees off with the right",
            f"and {min(off['wrong']):.1f} to {max(off['wrong']):.1f} degrees off with the addresses",
            f"loss {min(gains):.2f} to {max(gains):.2f} times what it is",
            f"ranks {min(ranks):.1f} to {max(ranks):.1f} on average",
        ],
        "docs/training.md": [costly],
        MODELS: [
            *(
                f"{a}, {b} and {c} on {on}"
                for on, (a, b, c) in (("Imagenette", shipped["imagenette"]), ("CIFAR-10", shipped["cifar10"]))
            ),
            "momentum from {:g} to {:g}, the paper's | from {:g} to {:g} |".format(*momenta),
            "the baseline has {:.0f}%, {:.0f}% and {:.0f}% on CIFAR-10".format(
                *(100 * quick[probe] for probe in ("linear", "linear_last4", "knn"))
            ),
            f"the address gain becomes {copied['address_gain']:.2f} and the own-image rank "
            f"{copied['own_image_rank']:.1f} (see",
            f"for {seen['imagenette']} and {seen['cifar10']} million images",
            f"by {lead['I', 'linear']:.0f} points linear and by {lead['I', 'knn']:.0f} by neighbours",
            f"leads by {lead['C', 'linear']:.0f} point linear, and I-JEPA by {lead['C', 'knn']:.0f} by",
        ],
        BENCHMARKS: [
            f"Imagenette reaches {narrow['I', 'linear']}% with an encoder 128 wide, {middle[0]}% "
            f"with one 160 wide and {hole['I', 'linear']}% with one 192 wide, and a probe of CIFAR-10 "
            f"{narrow['C', 'linear']}%, {middle[1]}% and {hole['C', 'linear']}%",
            f"too few steps in that time: {wide[0]}% and {wide[1]}%",
            f"Imagenette has {hole['I', 'linear']}% linear and {hole['I', 'knn']}% by 20-NN "
            f"instead of {whole['I', 'linear']}% and {whole['I', 'knn']}%, and CIFAR-10 has "
            f"{hole['C', 'linear']}% and {hole['C', 'knn']}% instead of "
            f"{whole['C', 'linear']}% and {whole['C', 'knn']}%",
            f"a gain of {hole['I', 'address_gain']} and {hole['C', 'address_gain']} instead of "
            f"{whole['I', 'address_gain']} and {whole['C', 'address_gain']}",
            f"of Imagenette is {before['I', 'address_gain']} after 3,000 steps and "
            f"{narrow['I', 'address_gain']} after 4,000, and that of CIFAR-10 "
            f"{before['C', 'address_gain']} and {narrow['C', 'address_gain']}",
            f"from {before['I', 'linear']}% to {narrow['I', 'linear']}% and from "
            f"{before['C', 'linear']}% to {narrow['C', 'linear']}%",
            f"(in bfloat16) has {drift[''][0]}% linear and {drift[''][1]}% by 20-NN.",
            f"from 0.99 to 0.999 it has {drift[slow][0]}% and {drift[slow][1]}%, and with the paper's, from "
            f"0.996 to 1, {drift[slower][0]}% and {drift[slower][1]}%.",
            f"quarter of the steps, it has {drift[batches][0]}% and {drift[batches][1]}%.",
            f"gain is {drift[''][2]}, {drift[slow][2]}, {drift[slower][2]} and {drift[batches][2]}.",
            f"from 0.99 to 0.999, in fewer steps, have {drift[deep][0]}% and {drift[deep][1]}%.",
            *(
                f"from {hole[data, 'linear']}% and {hole[data, 'knn']}% to "
                f"{mean(data, paced, 'linear')}% and {mean(data, paced, 'knn')}%"
                for data in "CI"
            ),
            f"ranks {scattered['own_image_rank']:.1f} of {scattered['patches']}, which is nearly always",
            f"the linear probe of Imagenette has {percent(scattered['linear'])}%.",
            f"reaches {mean('I', longer, 'linear')}% linear and {mean('I', longer, 'knn')}% by "
            f"20-NN on Imagenette, and {mean('C', longer, 'linear')}% and "
            f"{mean('C', longer, 'knn')}% on CIFAR-10, after "
            f"{tried['C', longer][0]['images']:,} images",
            f"After an hour of two cores, or {hour['images']:,} images, it has {percent(hour['linear'])}% "
            f"and {percent(hour['knn'])}% on Imagenette's",
            f"On CIFAR-10's it has {percent(one_hour['linear'])}% and {percent(one_hour['knn'])}% after "
            f"{one_hour['images']:,} images.",
            f"has {percent(slow_hour['linear'])}% linear, {percent(slow_hour['linear_last4'])}% with four "
            f"blocks and {percent(slow_hour['knn'])}% by 20-NN, after {slow_hour['images']:,} images.",
            f"rose to its end, to {100 * ends[-1]:.0f}%, with an address gain of "
            f"{slow_hour['curve'][-1]['address_gain']:.2f}.",
            f"rose to {100 * max(looks):.0f}% and then fell to {100 * looks[-1]:.0f}%, while the address "
            f"gain went on rising to {one_hour['curve'][-1]['address_gain']:.2f}",
            f"has {percent(far['cifar10']['linear'])}% and {percent(far['cifar10']['knn'])}% on CIFAR-10's",
            f"has {percent(far['imagenette']['linear'])}% and {percent(far['imagenette']['knn'])}%, no more",
            f"{spread([row['linear_last4'] for row in tried['I', 'width 96']])}% to {heads[0]}%, "
            f"{heads[1]}% and {heads[2]}%",
            f"gave an address gain of {mean('I', 'width 96, context 0.85 to 1', 'address_gain')}, and probes",
            f"ends with an address gain of {mimetic['address_gain']:.2f}",
            f"has {percent(four['linear'])}% and 20-NN {percent(four['knn'])}%, with 2 it has "
            f"{percent(twice['linear'])}% and {percent(twice['knn'])}%",
            f"is left: {percent(long['linear'])}% with it, and {percent(high['linear'])}% in a run without",
            f"(own-image rank {long['own_image_rank']:.1f} after 5,000 steps, "
            f"where {(long['patches'] + 1) / 2}",
            costly,
            f"single ratios lay between {min(ratios):.2f} and {max(ratios):.2f}",
            f"(a contrast of {result('alarms')['faint']})",
            f"the ceiling of position's share, {limits['ceiling']['position_share']}, rings",
            f"take {100 * min(products):.0f}% to {100 * max(products):.0f}% of the processor time (",
            f"at most {fewer[0]:.2f} times as many operations for the same function, and {fewer[1]:.2f} with",
            "{:+.1f} ± {:.1f} linear and {:+.1f} ± {:.1f} by 20-NN)".format(*itertools.chain(*of_joining)),
            f"rank to about {max(fell):.1f} or less",
            f"{100 * LEVEL:.0f}% interval",
            f"takes {small} microseconds by the paper's rule, and one of 256 images takes {large}.",
        ],
    }


@functools.cache
def photographs():
    """{unit or "": the numbers that the README and docs/models.md may take from results/real_images.json}"""
    data = result("real_images")
    rows = [row for kind in ("controls", "runs", "shipped") for row in data[kind] if row["on"] == "report"]
    known = {unit: set() for unit in ("%", "times", "seconds", "minutes", "")}
    for row in rows:
        same = [r for r in rows if all(r.get(k) == row.get(k) for k in ("data", "on", "name", "steps"))]
        for probe in ("linear", "linear_last4", "knn", "knn_last4"):
            values = [other[probe] for other in same if probe in other]
            known["%"] |= {percent(value) for value in values}
            if len(values) > 1:
                known["%"] |= {percent(statistics.mean(values)), percent(statistics.stdev(values))}
        if row.get("name") == "ten minutes":  # what is shipped; those of all runs would leave few digits free
            known["times"].add(f"{row['address_gain']:.2f}")
            known["seconds"].add(f"{row['cpu_seconds']:,.0f}")
            known["minutes"] |= {str(int(row["cpu_seconds"] / 60)), f"{row['cpu_seconds'] / 60:.0f}"}
            known[""] |= {f"{row[key]:.1f}" for key in ("own_image_rank", "rank")}
            known[""].add(f"{(row['patches'] + 1) / 2:.1f}")
    return known


def prose(page):
    """A page without marked tables, code, comments and addresses, in one line."""
    text = (ROOT / page).read_text("utf-8")
    text = re.sub(r"<!-- [^>]*-->\n.*?<!-- end -->", "", text, flags=re.S)
    text = re.sub(r"^```.*?^```|^    .*?$|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.S | re.M)
    return " ".join(text.split())


def unbacked(page, text):
    """The measured numbers of `text` that are neither from data nor excepted, with what surrounds them."""
    phrases = [*quotes().get(page, ()), *EXCEPTIONS.get(page, ())]
    spans = [found.span() for phrase in phrases for found in re.finditer(re.escape(phrase), text)]
    seen = photographs() if page in (README, MODELS) else {}
    for found in MEASURED.finditer(text):
        unit = re.match(rf"{RANGE}{UNIT}", text[found.end() :])
        of_photographs = found[0] in seen.get(unit[1] if unit else "", ())
        if not of_photographs and not any(a <= found.start() and found.end() <= b for a, b in spans):
            yield f"...{text[max(found.start() - 60, 0) : found.end() + 30]}..."


# 1, 2 ----------------------------------------------------------------------------------------------------


def test_the_page_of_results_is_made_from_the_data():
    assert cards.PAGE.read_text("utf-8") == cards.page(), "run python benchmarks/cards.py"
    for path in cards.RESULTS.glob("*.json"):
        assert f"[{path.name}](../benchmarks/results/{path.name})" in cards.page(), path.name


def test_a_file_without_a_card_is_named(monkeypatch):
    monkeypatch.setattr(cards, "CARDS", [make for make in cards.CARDS if make is not cards.step])
    with pytest.raises(ValueError, match="step"):
        cards.page()


def test_new_rows_of_photographs_appear_with_mean_and_spread(monkeypatch):
    data = copy.deepcopy(result("real_images"))
    run = next(row for row in data["runs"] if row["data"] == "imagenette" and row["name"] == "ten minutes")
    for seed, linear in ((11, 0.2), (12, 0.3), (13, 0.31)):
        new = copy.deepcopy(run) | {"seed": seed, "name": "another", "steps": 77, "linear": linear}
        new["config"]["model"]["predicts"] = "pixels"
        data["runs"].append(new | {"date": "2031-02-03"})
        data["runs"].append(new | {"on": "choose", "name": "a setting"})
    monkeypatch.setattr(photograph_cards, "result", lambda name: data)
    made = {card.partition("\n")[0]: " ".join(card.split()) for card in photograph_cards.real_images()}
    reported = made["## Photographs: Imagenette"]
    assert "| pixel baseline, 77 steps (another) | 3 | 27.0 ± 6.1 |" in reported
    assert "27.0 ± 6.1% on pixel baseline, 77 steps (another)" in reported
    assert '--steps 77 --name "another" --seed 12' in reported and "12 and 13" in reported
    assert "2031-02-03" in reported
    assert "| pixel baseline, 77 steps (a setting) | 3 |" in made["## Settings tried on Imagenette"]
    assert "another" not in made["## Photographs: CIFAR-10"]


# 3, 4 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_measured_numbers_in_prose_are_the_data(page):
    wrong = list(unbacked(page, prose(page)))
    assert not wrong, f"{page}: no data file holds these numbers (see quotes() for how to name one): {wrong}"


def test_no_quote_and_no_exception_is_left_over():
    for page, phrases in itertools.chain(quotes().items(), EXCEPTIONS.items()):
        for phrase in phrases:
            assert phrase in prose(page), f"{page} no longer says: {phrase}"


@pytest.mark.parametrize("page", [README, BENCHMARKS, MODELS])
def test_a_changed_number_is_found(page):
    text = prose(page)
    numbers = list(MEASURED.finditer(text))
    assert numbers
    for found in numbers:
        changed = [found[0][:-1] + digit for digit in "0123456789" if digit != found[0][-1]]
        noticed = [any(unbacked(page, text[: found.start()] + new + text[found.end() :])) for new in changed]
        assert sum(noticed) >= 7, f"{page}: {found[0]} can be changed to {changed} without a failure"


# 5 -------------------------------------------------------------------------------------------------------


def test_a_result_records_its_day():
    days = [datetime.datetime.now(datetime.UTC).date().isoformat()]
    measured = machine()["date"]
    days.append(datetime.datetime.now(datetime.UTC).date().isoformat())
    assert days[0] <= measured <= days[1]
