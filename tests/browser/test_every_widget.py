"""Claims about every widget of cells.py, in JupyterLab, Notebook 7 and Voila alike:

1. It shows, with pictures, and its every control and picture has a name.
2. Every control is moved by keyboard alone, and keeps the focus.
3. All of that raises no error: not in the kernel, not in a script, and asks no other machine for anything.
4. In the light and in the dark theme each text stands out from what is behind it by 4.5 to 1 or more.
5. Its picture and every control are in sight at once on a laptop's screen, 1280 by 800: what a control does
   is seen while it moves.
6. A run that was stopped is begun again by a button that can be pressed, which says so.
7. The checks themselves see a fault of each kind.
"""

import re

import pytest
from cells import WIDGETS
from controls import await_stillness, faint, unfold, unmoved, unnamed
from front_ends import open_lab, write_notebook

every_widget = pytest.mark.parametrize("name", WIDGETS)


# 1 -------------------------------------------------------------------------------------------------------


@every_widget
def test_it_shows_and_everything_has_a_name(front_end, name):
    root = front_end.widget(name)
    unfold(root)
    drawn = root.evaluate(
        """(root) => [...root.querySelectorAll("canvas")].filter((canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.some((value) => value !== data[0]); }).length"""
    )
    assert drawn, "every picture is blank"
    assert not unnamed(root), root.aria_snapshot()


# 2, 3 ----------------------------------------------------------------------------------------------------


@every_widget
def test_every_control_moves_by_keyboard_and_nothing_breaks(front_end, name):
    root = front_end.widget(name)
    wrong = unmoved(root)
    await_stillness(root)
    assert not wrong, wrong
    assert not front_end.faults.found, front_end.faults.found
    assert front_end.page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0


# 4 -------------------------------------------------------------------------------------------------------


@every_widget
def test_texts_stand_out(front_end, name):
    root = front_end.widget(name)
    unfold(root)
    for scheme in ("light", "dark") if front_end.name == "lab" else ("light",):  # the others have one theme
        front_end.page.emulate_media(color_scheme=scheme)
        front_end.page.wait_for_function(
            "(light) => (document.body.dataset.jpThemeLight ?? light) === light",
            arg=str(scheme == "light").lower(),
        )
        await_stillness(root)
        assert not faint(root), f"in the {scheme} theme: {faint(root)}"
    front_end.page.emulate_media(color_scheme="light")


# 5 -------------------------------------------------------------------------------------------------------

OUT_OF_SIGHT = """(root) => {
  root.scrollIntoView({ block: "start" });
  const { top, bottom } = root.closest(".jp-WindowedPanel-outer").getBoundingClientRect();
  const all = [root.querySelector("canvas"), ...root.querySelectorAll("input, button, summary")];
  return all.filter((part) => part.getClientRects().length)
    .map((part) => [part, part.getBoundingClientRect()])
    .filter(([, box]) => box.top < top - 1 || box.bottom > bottom || box.right > innerWidth)
    .map(([part, box]) => `${part.labels?.[0]?.textContent ?? part.outerHTML}: from ${box.top}`);
}"""


@every_widget
def test_picture_and_controls_are_in_sight_at_once(front_end, name):
    if front_end.name != "lab":
        pytest.skip("the others leave more room for a notebook than JupyterLab does")
    front_end.page.set_viewport_size({"width": 1280, "height": 800})
    root = front_end.widget(name)
    root.evaluate("(root) => root.querySelectorAll('details').forEach((fold) => { fold.open = false; })")
    await_stillness(root)
    hidden = root.evaluate(OUT_OF_SIGHT)
    front_end.page.set_viewport_size({"width": 1280, "height": 1000})
    assert not hidden, hidden


# 6 -------------------------------------------------------------------------------------------------------


def test_a_stopped_run_is_begun_again_by_a_button(front_end):
    root = front_end.widget("LiveTraining")
    stop, again = (root.get_by_role("button", name=name, exact=True) for name in ("Stop", "Start again"))
    if again.count() == 0:
        root.get_by_role("button", name=re.compile("Resume|Pause")).press("Enter")
        stop.press("Enter")
    root.get_by_role("status").filter(has_text="Start again begins anew").wait_for()
    assert again.get_attribute("aria-disabled") == "false"
    again.press("Enter")
    root.get_by_role("status").filter(has_text=re.compile("^Training, step")).wait_for()
    stop.press("Enter")
    again.wait_for()
    assert not front_end.faults.found, front_end.faults.found


# 7 -------------------------------------------------------------------------------------------------------

FAULTY = '''
import anywidget, traitlets
class Faulty(anywidget.AnyWidget):
    value = traitlets.Int(3).tag(sync=True)
    _esm = """
    export default { render({ model, el }) {
      el.classList.add("jepa");
      el.innerHTML = `<canvas></canvas><input type="range" id="stolen" max="9" value="3"><button></button>
        <label>named <input type="range" id="named" max="9" value="3"></label>
        <p style="color: #999; background: #fff">faint</p>
        ${"<p style='color: #000; background: #fff'>fine</p>".repeat(6)}`;
      const named = el.querySelector("#named");
      named.dataset.lmSuppressShortcuts = "true";
      named.addEventListener("input", () => { model.set("value", +named.value); model.save_changes(); });
    } };"""
faulty = Faulty()
faulty.observe(lambda change: 1 / 0, "value")
faulty
'''


def await_fault(page, faults, word):
    for _ in range(200):
        if any(word in fault for fault in faults.found):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{word} went unheard: {faults.found}")


def test_the_checks_see_a_fault_of_each_kind(home, lab, new_page):
    write_notebook(home / "notebooks" / "faulty.ipynb", [FAULTY])
    page, faults = new_page()
    open_lab(page, lab, "notebooks/faulty.ipynb")
    root = page.locator(".jepa")
    root.wait_for()
    assert not faults.found, faults.found
    assert len(unnamed(root)) == 3, f"{unnamed(root)} in {root.aria_snapshot()}"  # range, button, canvas
    assert [words.split(":")[0] for words in faint(root)] == ["'faint'"]
    root.locator("#named").focus()
    root.locator("#named").press("ArrowRight")
    await_fault(page, faults, "ZeroDivisionError")
    assert len(faults.found) == 1, faults.found
    page.evaluate("""() => { console.error("said"); setTimeout(() => { throw new Error("thrown"); });
        new Image().src = "http://192.0.2.1:9/asked"; }""")
    for word in ("said", "thrown", "192.0.2.1:9/asked"):
        await_fault(page, faults, word)
    wrong = " ".join(unmoved(root, patience=1))
    assert "stolen" in wrong and "named" not in wrong, wrong
