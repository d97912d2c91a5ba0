"""Claims tested here, for the scripts under jepa_lite/widgets/static:

1. Every file of tests/widgets/js passes under node's own test runner.
2. The colours and hatches of kit.js are those of figures/style.py; its heat scale is matplotlib's cividis.

Where there is no node both are skipped; CI has one, and fails without it.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps

from jepa_lite.figures import style

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "jepa_lite" / "widgets" / "static"
SUITES = sorted((HERE / "js").glob("*.test.mjs"))


@pytest.fixture(scope="module")
def node():
    found = shutil.which("node")
    if not found and os.environ.get("CI"):
        pytest.fail("the tests of the JavaScript need node, and CI must run them: install nodejs")
    return found or pytest.skip("no node on this machine: install nodejs to test the JavaScript")


def run(node, *arguments):
    return subprocess.run([node, *arguments], capture_output=True, text=True, encoding="utf-8", check=False)


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_javascript(node, suite):
    done = run(node, "--test", "--test-reporter=tap", str(suite))
    counts = dict(re.findall(r"^# (tests|pass|fail) (\d+)$", done.stdout, re.M))
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(counts["pass"]) == int(counts["tests"]) >= 3, done.stdout


def test_every_script_with_something_pure_has_its_tests():
    pure = {
        p.stem
        for p in STATIC.glob("*.js")
        if re.search(r"^export (?:const|function)", p.read_text("utf-8"), re.M)
    }
    assert pure and pure == {suite.name.removesuffix(".test.mjs") for suite in SUITES}


# 2 -------------------------------------------------------------------------------------------------------


def from_kit(node, expression):
    """The value of a JavaScript expression over kit.js, as Python's."""
    kit = json.dumps((STATIC / "kit.js").as_uri())
    program = f"import * as kit from {kit}; console.log(JSON.stringify({expression}))"
    done = run(node, "--input-type=module", "--eval", program)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_looks_are_those_of_the_figures(node):
    figures = [(colour, hatch[0]) for colour, hatch in (*style.TARGETS, style.DROPPED)]
    scripts = [tuple(look) for look in from_kit(node, "[...kit.TARGETS, kit.DROPPED]")]
    assert scripts == figures, f"kit.js has {scripts}, style.py {figures}"
    assert from_kit(node, "kit.SKY") == style.SKY


def test_the_heat_scale_is_the_figures(node):
    scale = np.array(from_kit(node, "Array.from({ length: 65 }, (_, i) => kit.heat(i / 64))"))
    figures = colormaps[style.HEAT](np.linspace(0, 1, 65))[:, :3] * 255
    at_stops, between = np.abs(scale - figures)[::8].max(), np.abs(scale - figures).max()
    assert at_stops <= 1.5, f"a stop of kit.js is {at_stops:.1f} of 255 from {style.HEAT}"
    assert between <= 20, f"between its stops kit.js is {between:.1f} of 255 from {style.HEAT}"
