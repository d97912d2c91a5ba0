"""Claims about the figures of notebook 11.

1. Cost against tokens: each line is its numbers over those of the base; what was not measured has no point;
   the guides are the first and the second power; the alt text says the numbers.
2. A log reading shows the measure from before the first step on, whatever the measure; the truth (name and
   alarms) is nowhere in it until it is told, and then everywhere.
3. What cannot be drawn is refused by name.
4. Bars of memory stack the parts that they are given and end at their sum, within the axis, beside the limit.
5. One image of each class is shown, the first, with its name; fewer classes leave places empty.
6. Memory is what `plan` counts; more micro-batches save less for the backward pass and change nothing else.
7. Random weights in the official layout are read as the network that they have the shape of, whole and as an
   encoder, which then is as good as no training.
8. A line of a terminal is done in its folder, and what it says is printed, also where it fails.
9. CIFAR-10's table has our numbers from the data, and says of others' best how it was chosen.
"""

import os
import sys
from pathlib import Path

import pytest
import torch

from jepa_lite import preset
from jepa_lite.course import results, scaling
from jepa_lite.course.figures.scaling import (
    MEASURES,
    PARTS,
    cost_against_tokens,
    log_reading,
    memory_bars,
    one_of_each,
)
from jepa_lite.course.scaling import OTHER, cifar10_numbers, memory, terminal, write_official
from jepa_lite.data.images import Images
from jepa_lite.system.signals import Stopped
from jepa_lite.training.checkpoints import load_encoder, load_model

ROWS = [
    {"patch": 4, "tokens": 256, "flops": 21e9, "seconds": 1.2},
    {"patch": 16, "tokens": 16, "flops": 1e9, "seconds": 0.2},
    {"patch": 8, "tokens": 64, "flops": 4e9, "seconds": 0.4},
    {"patch": 2, "tokens": 1024, "flops": 160e9, "seconds": None},
]
RUNS = results("alarms")["rows"]


def line(ax, gid):
    (found,) = [drawn for drawn in ax.lines if drawn.get_gid() == gid]
    return found.get_xdata().tolist(), found.get_ydata().tolist()


# 1 -------------------------------------------------------------------------------------------------------


def test_costs_are_in_units_of_the_base():
    fig = cost_against_tokens(ROWS, base=8)
    fig.canvas.draw()
    (ax,) = fig.axes
    assert line(ax, "flops") == ([16, 64, 256, 1024], [0.25, 1, 5.25, 40])
    tokens, seconds = line(ax, "seconds")
    assert tokens == [16, 64, 256] and seconds == pytest.approx([0.5, 1, 3])
    assert line(ax, "linear")[1] == [0.25, 1, 4, 16] and line(ax, "square")[1] == [0.0625, 1, 16, 256]
    assert "FLOPs, counted: 0.25, 1, 5.2 and 40 times at 16, 64, 256 and 1024 tokens" in fig.alt_text
    assert "seconds, measured: 0.5, 1 and 3 times at 16, 64 and 256 tokens" in fig.alt_text
    assert line(cost_against_tokens(ROWS, base=16).axes[0], "flops")[1] == [1, 4, 21, 160]


# 2 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["name"])
@pytest.mark.parametrize("measure", MEASURES)
def test_a_reading_tells_only_when_asked(run, measure):
    hidden, told = (log_reading(run, measure, "run Q", tell) for tell in (False, True))
    for fig in (hidden, told):
        fig.canvas.draw()
        upper, lower = fig.axes
        steps, values = line(lower, measure)
        assert steps[0] == 0 and values[0] == run["at_first"][measure]
        assert values[1:] == [record[measure] for record in run["curve"]]
        assert line(upper, "loss")[1] == [record["loss"] for record in run["curve"]]
        low, high = lower.get_ylim()
        assert low <= min(values) and max(values) <= high, "a point lies outside"
        assert f"{min(values):.3g}" in fig.alt_text and fig.alt_text.startswith("run Q")
    words = hidden.alt_text + hidden.axes[0].get_title("left")
    assert run["name"] not in words and "alarm" not in words
    assert not any((drawn.get_gid() or "").startswith("alarm") for drawn in hidden.axes[1].lines)
    marked = [drawn.get_gid() for drawn in told.axes[1].lines if (drawn.get_gid() or "").startswith("alarm")]
    assert marked == [f"alarm {name}" for name in run["alarms"]]
    title, called = told.axes[0].get_title("left"), run["name"].replace("`", "")
    assert called in told.alt_text and called in title.replace("\n", " ")
    assert max(map(len, title.splitlines())) <= 85, "the title is wider than the axes"
    assert ("note: address_gain" in told.alt_text) == ("address_gain" in run["alarms"])
    assert all(f"{name} at step {step}" in told.alt_text for name, step in run["alarms"].items())


# 3 -------------------------------------------------------------------------------------------------------


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="no row of patch 5"):
        cost_against_tokens(ROWS, base=5)
    with pytest.raises(ValueError, match="measure must be one of rank, std, position_share, gap, not 'loss'"):
        log_reading(RUNS[0], "loss", "run A")


# 4, 5 ----------------------------------------------------------------------------------------------------


def test_parts_of_memory_are_stacked():
    runs = {"a run": dict(zip(PARTS, (1e9, 2e9, 3e9, 4e9, 5e9, 6e9), strict=True))}
    runs["another"] = {part: size // 4 for part, size in runs["a run"].items()}
    fig = memory_bars(runs, limit=8e9)
    fig.canvas.draw()
    (ax,) = fig.axes
    bars = {bar.get_gid(): bar for bar in ax.patches}
    for name, parts in runs.items():
        left = 0.0
        for part in PARTS:
            assert bars[f"{name} {part}"].get_x() == pytest.approx(left)
            assert bars[f"{name} {part}"].get_width() == pytest.approx(parts[part] / 1e9)
            left += parts[part] / 1e9
        assert left < ax.get_xlim()[1] and f"{name}: {left:.3g} GB" in fig.alt_text
    assert [drawn.get_xdata() for drawn in ax.lines if drawn.get_gid() == "limit"] == [[8, 8]]
    assert len({bar.get_hatch() for bar in ax.patches}) == len(PARTS), "hatch tells the parts apart"


def test_one_image_of_each_class():
    pixels = torch.arange(5 * 3 * 4 * 4, dtype=torch.uint8).view(5, 3, 4, 4)
    images = Images(pixels, torch.tensor([2, 0, 2, 1, 0]), ("bus", "cat", "dog"), "made")
    fig = one_of_each(images, most=4)
    fig.canvas.draw()
    for ax, first, name in zip(fig.axes, (1, 3, 0), ("bus", "cat", "dog"), strict=False):
        assert ax.get_title() == name
        assert abs(ax.images[0].get_array()[..., 0] - (pixels[first, 0] / 255).numpy()).max() < 1e-6
    assert len(fig.axes) == 4 and not fig.axes[3].images and "3 classes: bus, cat, dog" in fig.alt_text


# 6, 7, 8 -------------------------------------------------------------------------------------------------


def test_more_groups_save_less_for_the_backward_pass():
    few, many = (memory(preset("laptop").with_values({"train.groups": groups})) for groups in (2, 8))
    assert set(few) == set(PARTS)
    assert many["activations"] < 0.4 * few["activations"]
    assert all(few[part] == many[part] for part in PARTS if part != "activations")


def test_random_weights_in_the_official_layout_are_read(tmp_path):
    small = {"image_size": 32, "patch_size": 8, "width": 192, "depth": 2, "heads": 3, "predictor_width": 48}
    small |= {"predictor_depth": 1, "predictor_heads": 3}
    changes = {f"model.{name}": value for name, value in small.items()} | {"masks.min_keep": 1}
    model = preset("vit-h14").with_values(changes).model
    write_official(tmp_path / "made.pth.tar", model, torch.Generator().manual_seed(0))
    encoder, found = load_encoder(tmp_path / "made.pth.tar")
    assert (found.width, found.depth, found.patch_size, found.image_size) == (192, 2, 8, (32, 32))
    whole, config = load_model(tmp_path / "made.pth.tar")
    assert config.model.predictor_width == 48 and config.model.predictor_depth == 1
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.equal(encoder(images), whole.target_encoder(images)) and encoder(images).std() > 0.1


def test_cifars_table_has_sources():
    said = cifar10_numbers(results("real_images"))
    assert "| raw pixels | 42.0 | 44.7 | no network; this repository |" in said
    assert "| untrained, seeds: " in said and said.count(f"[others]({OTHER['page']})") == 2
    assert "| 29.6 | untrained;" in said and "| 41.1 | I-JEPA, 30 epochs" in said
    for numbers, how in {
        "width 192, depth 4, patch 4 | 58.1 | 57.1": "I-JEPA, one block, momentum 0.996 to 1, 2,500 steps",
        "width 192, depth 4, patch 4 | 58.9 | 51.1": "pixel baseline, one block, momentum 0.996 to 1, 3,700",
        "width 192, depth 4, patch 4 | 57.4 | 56.6": "I-JEPA, 2 targets, momentum 0.98 to 0.995, 3,748 steps",
        "width 128, depth 4, patch 4 | 54.5 | 55.0": "I-JEPA, 2 targets, momentum 0.98 to 0.995, 3,000 steps",
    }.items():
        assert f"| {numbers} | {how}" in said
    assert "3,700 steps of 64 images, 10 minutes of one core, seeds: 1;" in said
    assert "18 minutes of one core and on an NVIDIA H200, seeds: 3;" in said


def test_ctrl_c_is_pressed_after_the_step(monkeypatch, capfd):
    def stand_in(config, data, root, out, watch):
        print("training 10%", file=sys.stderr)
        os.write(2, b"\nSIGINT: finishing this step\n")
        assert (config, data, root, out) == ("a config", "folder", "images", "runs")
        watch({"step": 2})
        try:
            watch({"step": 3})
        except KeyboardInterrupt:
            raise Stopped(2, "stopped by SIGINT after step 4") from None

    monkeypatch.setattr(scaling, "pretrain", stand_in)
    scaling.stopped_by_ctrl_c("a config", "folder", "images", "runs", step=3)
    said = capfd.readouterr()
    answer = "SIGINT: finishing this step\nCtrl-C: stopped by SIGINT after step 4\n"
    assert said.out == answer and not said.err


def test_a_long_line_of_a_terminal_is_folded(tmp_path, capsys):
    words = [f"--option-{i}=value" for i in range(12)]
    terminal(lambda given: print(given == words), tmp_path, " ".join(words))
    *command, answer = capsys.readouterr().out.splitlines()
    assert answer == "True" and all(len(row) <= 100 for row in command), command
    shell = "\n".join(command).removeprefix("$ jepa-lite ").replace("\\\n", "")
    assert len(command) > 1 and shell.split() == words


def test_a_line_of_a_terminal(tmp_path, capsys):
    def main(words):
        print(words, Path.cwd() == tmp_path)
        print("training 10%, loss 1\nskipped one", file=sys.stderr)
        if "fail" in words:
            sys.exit(2)

    here = Path.cwd()
    terminal(main, tmp_path, "plan 'a b'")
    with pytest.raises(SystemExit):
        terminal(main, tmp_path, "fail")
    assert Path.cwd() == here
    assert capsys.readouterr().out.splitlines() == [
        "$ jepa-lite plan 'a b'", "['plan', 'a b'] True", "skipped one",
        "$ jepa-lite fail", "['fail'] True", "skipped one",
    ]  # fmt: skip
