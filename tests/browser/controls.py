"""What is asked of any widget: its controls by name, each of them by keyboard alone, its text by contrast.

Each function takes a Playwright locator of the widget's root and returns what is wrong, [] when nothing is.
"""

import re

ROLES = "slider|button|radio|checkbox|combobox|spinbutton|textbox|application|img|group|table|switch|listbox"
CONTROLS = "input, button, select, textarea, summary, canvas[tabindex='0']"
# Everything a widget shows, as a short text: its pictures, its words, and the state of its controls.
SHOWS = """(root) => {
    let sum = 7;
    for (const canvas of root.querySelectorAll("canvas")) {
      if (!canvas.width || !canvas.height) continue;
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (const pixel of new Uint32Array(data.buffer)) sum = (Math.imul(sum, 31) + pixel) | 0;
    }
    const states = [...root.querySelectorAll("input, details, select")]
      .map((i) => [i.value, i.checked, i.disabled, i.open]);
    return [sum, root.textContent, states].flat(9).join(); }"""
CONTRAST = """(root) => {
  const parse = (css) => { const [r, g, b, a = 1] = css.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = ([r, g, b, a], [R, G, B]) =>
    [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (node) => {
    if (!node) return [255, 255, 255, 1];
    const own = parse(getComputedStyle(node).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(node.parentElement));
  };
  const off = (node) =>
    node.closest(".off") || node.closest("[hidden]") || node.disabled || !node.getClientRects().length;
  const own = (node) =>
    [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  return [...root.querySelectorAll("*")].filter((node) => own(node) && !off(node)).map((node) => {
    const back = behind(node), ink = over(parse(getComputedStyle(node).color), back);
    const [low, high] = [light(ink), light(back)].sort((a, b) => a - b);
    return [node.textContent.trim().slice(0, 60), (high + 0.05) / (low + 0.05)];
  });
}"""


def unfold(root):
    """Open every fold, so that nothing hides from the checks."""
    root.evaluate("(root) => root.querySelectorAll('details').forEach((fold) => { fold.open = true; })")


def unnamed(root):
    """Controls and pictures without an accessible name, and canvases neither described nor decoration."""
    lines = re.findall(rf"""^\s*- '?(?:{ROLES})\b(?! ").*$""", root.aria_snapshot(), re.M)
    groups = [line for line in lines if "- group" in line]
    found = [line.strip() for line in lines if line not in groups]
    folds = root.locator("details:visible").count()  # a fold is a group, and its summary says what is in it
    found += groups[folds:]
    canvases = root.locator("canvas:not([aria-label]):not([aria-hidden='true'])").count()
    return found + [f"{canvases} canvases without a description"] * bool(canvases)


def faint(root, least=4.5):
    """Texts that stand out from what is behind by less than WCAG's `least`; switched-off ones are exempt."""
    texts = root.evaluate(CONTRAST)
    assert len(texts) > 3, f"found only {len(texts)} texts to check"
    return [f"{words!r}: {ratio:.2f}" for words, ratio in texts if ratio < least]


def unmoved(root, patience=5):
    """Controls that the keyboard alone does not move, or that lose the focus."""
    unfold(root)
    # By name: strips come and go with the rule, and would shift the others' places.
    root.evaluate(
        "(root, wanted) => root.querySelectorAll(wanted).forEach((c, i) => { c.dataset.asked = i; })",
        CONTROLS,
    )
    waiting, wrong = set(range(root.locator(CONTROLS).count())), []
    assert waiting, "a widget without controls"
    for choice in [None, *root.locator("input[type=radio]").all()]:
        if choice:  # some controls are switched on by one of these only
            choice.focus()
            choice.press("Space")
            await_stillness(root)
        for i in sorted(waiting):
            control = root.locator(f"[data-asked='{i}']")
            if control.is_visible() and control.is_enabled():
                wrong += move(root, control, patience)
                waiting.discard(i)
    left = [root.locator(f"[data-asked='{i}']") for i in waiting]
    never = [name(control) for control in left if control.is_visible()]
    return wrong + [f"{words} could never be used" for words in never]


def name(control):
    words = "(c) => c.ariaLabel || c.labels?.[0]?.textContent || c.textContent || c.outerHTML"
    return control.evaluate(words).strip()[:80]


def move(root, control, patience):
    """Move one control there and back by keyboard; [what is wrong]."""
    kind = control.evaluate("(c) => c.type || c.tagName.toLowerCase()")
    there, back = {
        "range": (("ArrowRight",), ("ArrowLeft",)),
        "radio": (("Space",), ()),
        "checkbox": (("Space",), ("Space",)),
        "button": (("Enter",), ("Enter",)),
        "submit": (("Enter",), ("Enter",)),
        "summary": (("Enter",), ("Enter",)),
        "canvas": (("ArrowRight", "ArrowRight", "ArrowDown"), ()),
    }[kind]
    if kind == "range" and control.evaluate("(c) => +c.value >= +c.max"):
        there, back = back, there
    control.focus()
    before, was_on = root.evaluate(SHOWS), kind == "radio" and control.is_checked()
    wrong = []
    for key in there:
        control.press(key)
    if not was_on and not changes(root, before, patience):
        wrong.append(f"{name(control)} ({kind}): {', '.join(there)} changes nothing")
    for key in back:
        control.press(key)
    if not control.evaluate("(c) => document.activeElement === c || c.disabled"):
        wrong.append(f"{name(control)} ({kind}) lost the focus")
    return wrong


def changes(root, before, patience):
    """Whether the widget shows something else within `patience` seconds."""
    for _ in range(patience * 50):
        if root.evaluate(SHOWS) != before:
            return True
        root.page.wait_for_timeout(20)
    return False


def await_stillness(root, still=5, patience=600):
    """Until the widget has shown the same for a while: a kernel may still be answering."""
    last, same = None, 0
    for _ in range(patience):
        now = root.evaluate(SHOWS)
        same = same + 1 if now == last else 0
        if same >= still:
            return
        last = now
        root.page.wait_for_timeout(60)
    raise AssertionError("the widget does not come to rest")
