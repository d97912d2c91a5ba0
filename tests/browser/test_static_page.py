"""Claims about the page that `jepa-lite explorer` writes, opened from disk in a browser without a network:

1. It shows without asking anyone for anything; every control has a name and moves by keyboard; texts
   stand out.
2. A rule and a number of targets bring the masks that the library draws for the same seed.
3. Play goes through the draws; where less motion is preferred it goes slowly; Pause holds.
4. A draw follows a key within a few of the frames of a bare slider's.
"""

import pytest
import torch
from controls import await_stillness, faint, unfold, unmoved, unnamed
from latency import draws, summary

from jepa_lite.config import MaskConfig
from jepa_lite.method.masks import sample_masks
from jepa_lite.widgets.standalone_page import explorer_page


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_text(explorer_page(grid=(8, 12), draws=20), "utf-8")
    return path.as_uri()


@pytest.fixture
def opened(new_page, file):
    """opened(**options of Playwright): (the explorer, faults)."""

    def open_page(clock=False, **options):
        page, faults = new_page(offline=True, **options)
        if clock:
            page.clock.install()
        page.goto(file)
        page.locator(".jepa canvas").first.wait_for()
        return page.locator(".jepa"), faults

    return open_page


def description(root):
    return root.get_by_role("application").first.get_attribute("aria-label")


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_disk_and_every_control_works(opened, scheme):
    root, faults = opened(color_scheme=scheme)
    unfold(root)
    await_stillness(root)
    assert not unnamed(root), root.aria_snapshot()
    assert not faint(root), faint(root)
    wrong = unmoved(root)
    assert not wrong, wrong
    assert not faults.found, faults.found


# 2 -------------------------------------------------------------------------------------------------------


def test_rules_targets_and_seeds_bring_their_masks(opened):
    root, _ = opened()
    unfold(root)
    targets, seed = (root.get_by_role("slider", name=name) for name in ("number of targets", "seed"))
    targets.press("Home")
    seed.press("End")
    for rule in ("official", "block", "paper"):
        root.locator(f"input[value={rule}]").press("Space")
        masks = sample_masks(
            (8, 12), 1, MaskConfig(rule=rule, num_targets=1), torch.Generator().manual_seed(19)
        )
        words = f"Draw 19 on a grid of 8 by 12 patches. Context: {int(masks.context_keep.sum())} patches"
        assert description(root).startswith(words) and "Target: " in description(root)
    targets.press("ArrowRight")
    assert "Targets: " in description(root)


# 3 -------------------------------------------------------------------------------------------------------


def test_play_is_slow_where_less_motion_is_preferred(opened):
    shown = {}
    for preference in ("no-preference", "reduce"):
        root, _ = opened(clock=True, reduced_motion=preference)
        seed, clock = root.get_by_role("slider", name="seed"), root.page.clock
        clock.run_for(5000)
        assert seed.input_value() == "0", "it moves without being asked"
        root.get_by_role("button", name="Play").press("Enter")
        clock.run_for(6100)
        shown[preference] = int(seed.input_value())
        root.get_by_role("button", name="Pause").press("Enter")
        clock.run_for(6100)
        assert int(seed.input_value()) == shown[preference], "Pause does not hold"
    assert shown["no-preference"] >= 3 * shown["reduce"] > 0, f"draws in as many seconds: {shown}"


# 4 -------------------------------------------------------------------------------------------------------


def test_a_draw_follows_a_key_within_a_few_frames(opened):
    root, _ = opened()
    ours, theirs, _ = draws(root.page, root, None, 19)
    print(f"milliseconds from key to picture: the page {summary(ours)}, a bare slider {summary(theirs)}")
    frame = root.page.evaluate(
        """async () => { const next = () => new Promise(requestAnimationFrame), start = await next();
            for (let i = 0; i < 20; i++) await next();
            return ((await next()) - start) / 21; }"""
    )
    assert summary(ours)["median"] < 3 * (frame + summary(theirs)["median"]), (ours, theirs, frame)
