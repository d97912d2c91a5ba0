"""How soon a picture follows a key, measured in the page: from the key's event to the first animation
frame whose canvas differs. Beside it, alternating, a reference that lies in the same page.
"""

import statistics

from controls import await_stillness

# Awaits the next key, then the frame in which watch() gives another answer; resolves to milliseconds.
TIMED = """([selector, root]) => {
  const node = root ?? document.querySelector(selector);
  const shows = () => {
    const canvas = node.querySelector("canvas");
    if (!canvas) return node.textContent + [...node.querySelectorAll("input")].map((i) => i.value);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 7;
    for (const pixel of new Uint32Array(data.buffer)) sum = (Math.imul(sum, 31) + pixel) | 0;
    return sum;
  };
  const before = shows();
  window.timed = new Promise((resolve) => window.addEventListener("keydown", ({ timeStamp }) => {
    const look = () => (shows() === before ? requestAnimationFrame(look)
      : resolve(performance.now() - timeStamp));
    requestAnimationFrame(look);
  }, { capture: true, once: true }));
}"""
# The least that a page can do: a slider of its own that paints its number. Stands in for a widget.
BARE = """() => {
  const root = document.createElement("div");
  root.id = "bare";
  root.style = "position: fixed; bottom: 0; right: 0";
  root.innerHTML = `<canvas width="40" height="40"></canvas><input type="range" max="255" value="0">`;
  const input = root.querySelector("input"), ctx = root.querySelector("canvas").getContext("2d");
  input.dataset.lmSuppressShortcuts = "true";
  input.addEventListener("input", () => {
    ctx.fillStyle = `rgb(${input.value}, 7, 9)`; ctx.fillRect(0, 0, 40, 40); });
  document.body.append(root);
}"""
# The least that a kernel can do: a slider of ipywidgets, whose number Python sends back.
STOCK = """
import ipywidgets
stock, echo = ipywidgets.IntSlider(0, 0, 255), ipywidgets.HTML("0")
stock.observe(lambda change: setattr(echo, "value", f"is {change.new}"), "value")
ipywidgets.VBox([stock, echo])
"""


def press(control, root, key):
    """Milliseconds from `key`, pressed on `control`, to the frame in which `root` shows something else."""
    control.focus()
    root.evaluate("(root) => (" + TIMED + ")([null, root])")
    control.press(key)
    return root.page.evaluate("() => window.timed")


def draws(page, widget, stock, presses):
    """Three lists of milliseconds, alternating: the explorer's next draw by key, a bare slider's picture, and
    what a kernel echoes to a slider of ipywidgets (left out without `stock`)."""
    page.evaluate(BARE)
    seed, bare = widget.get_by_role("slider", name="seed"), page.locator("#bare input")
    await_stillness(widget)
    ours, theirs, echoes = [], [], []
    for _ in range(presses):
        ours.append(press(seed, widget, "ArrowRight"))
        theirs.append(press(bare, page.locator("#bare"), "ArrowRight"))
        if stock:
            echoes.append(echo(stock))
    return ours, theirs, echoes


def settings(widget, stock, presses):
    """Two lists, alternating: a change of the rule, which the kernel answers, and a kernel's echo."""
    ours, echoes = [], []
    for i in range(presses):
        await_stillness(widget)
        rule = widget.get_by_role("radio", name=("random", "block")[i % 2])
        ours.append(press(rule, widget, "Space"))
        widget.get_by_text("of 256 draws").first.wait_for()  # the kernel has drawn the other masks too
        echoes.append(echo(stock))
    return ours, echoes


def echo(stock):
    return press(stock.locator(".noUi-handle"), stock.locator(".widget-html-content"), "ArrowRight")


def summary(times):
    """What a list of milliseconds comes to."""
    ranked = sorted(times)
    tenth = ranked[min(len(ranked) - 1, round(0.9 * len(ranked)))]
    return {"median": round(statistics.median(times), 1), "p90": round(tenth, 1), "presses": len(times)}
