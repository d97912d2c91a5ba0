"""Claims tested here, of the last notebook's file and its checks (jepa_lite/course/capstone/):

1. The reference solution is right in every part. So is another solution, written in another way.
2. Each known fault, put into that other solution's place, is told its own sentence; no two of one part are
   alike, and none is told to what depends on it.
3. Samplers of masks that are wrong in a known way are told in which.
4. An empty file is not yet right in any part; what uses a missing part waits; a stub returns nothing so far.
5. Weights with other names or shapes, a line that stops, and a file that cannot be read are said as they are.
6. `begin` makes an empty file and leaves one that is there; `load` reads it anew each time.
7. Every part has a hint and a source; a misspelled one names near ones. Lines of code are counted.
"""

import re
import textwrap

import pytest

from jepa_lite.course import capstone
from jepa_lite.course.capstone import PARTS, SOLUTION, check, hint, reveal
from jepa_lite.course.capstone.faults import FAULTS

pytestmark = pytest.mark.slow
TEXT = SOLUTION.read_text("utf-8")
# The same method in other words: einsum and loops, a sampler that draws in another order, SDPA.
OTHER = {
    "patchify": """
        def patchify(images, P):
            return F.unfold(images, P, stride=P).transpose(1, 2)
        """,
    "sincos_positions": """
        def sincos_positions(grid, width):
            rows = []
            for r in range(grid[0]):
                for c in range(grid[1]):
                    w = [10000 ** (-4 * i / width) for i in range(width // 4)]
                    rows.append([f(x * v) for x in (c, r) for f in (math.sin, math.cos) for v in w])
            return torch.tensor(rows)
        """,
    "Attention": """
        class Attention(nn.Module):
            def __init__(self, width, heads):
                super().__init__()
                self.h = heads
                self.proj = nn.Linear(width, width)
                self.qkv = nn.Linear(width, width * 3)

            def forward(self, x, keep=None):
                B, L, D = x.shape
                parts = self.qkv(x).chunk(3, -1)
                q, k, v = (t.view(B, L, self.h, D // self.h).transpose(1, 2) for t in parts)
                mask = None if keep is None else keep.view(B, 1, 1, L)
                y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
                return self.proj(y.transpose(1, 2).reshape(B, L, D))
        """,
    "sample_masks": """
        def sample_masks(grid, B, config, generator=None):
            def uniform(pair):
                return pair[0] + (pair[1] - pair[0]) * torch.rand((), generator=generator).item()

            def sides(scale, aspect):
                area = scale * grid[0] * grid[1]
                h = min(max((area * aspect) ** 0.5, area / grid[1]), grid[0])
                return max(round(h), 1), max(round(area / h), 1)

            def block(h, w):
                r = int(torch.randint(grid[0] - h + 1, (1,), generator=generator))
                c = int(torch.randint(grid[1] - w + 1, (1,), generator=generator))
                return {i * grid[1] + j for i in range(r, r + h) for j in range(c, c + w)}

            big = sides(uniform(config.context_scale), 1.0)
            small = sides(uniform(config.target_scale), uniform(config.target_aspect))
            contexts, targets = [], []
            while len(contexts) < B:
                asked = [block(*small) for _ in range(config.num_targets)]
                seen = block(*big) - set().union(*asked)
                if len(seen) >= config.min_keep:
                    contexts.append(sorted(seen))
                    targets.append([sorted(b) for b in asked])
            K = max(map(len, contexts))
            keep = torch.tensor([[i < len(c) for i in range(K)] for c in contexts])
            return torch.tensor([c + c[:1] * (K - len(c)) for c in contexts]), keep, torch.tensor(targets)
        """,
    "update_target": """
            def update_target(self, momentum):
                with torch.no_grad():
                    mine = dict(self.encoder.named_parameters())
                    for name, slow in self.target_encoder.named_parameters():
                        slow.mul_(momentum).add_(mine[name], alpha=1 - momentum)
        """,
}


def whole():
    text = TEXT
    for name, body in OTHER.items():
        pattern = rf"(?ms)^( *)(?:@torch\.no_grad\(\)\n *)?(?:def|class) {name}\("
        assert len(re.findall(pattern, text)) == 1, name
        end = r"(?=\n\n\n|\Z)"
        text = re.sub(
            pattern + r".*?" + end,
            lambda m, body=body: textwrap.indent(textwrap.dedent(body).strip("\n"), m[1]),
            text,
        )
    return text


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "my_ijepa.py"
        path.write_text(text, "utf-8")
        return path

    return write


# 1 ----------------------------------------------------------------------------------------------------


def test_the_reference_is_right():
    report = check.my_ijepa(SOLUTION)
    assert report and list(report.verdicts) == list(PARTS), report
    assert repr(report).count("✓") == len(PARTS) + 1 and "✓ Right. All 10 parts" in repr(report)


def test_another_solution_is_right(file):
    text = whole()
    assert "F.unfold" in text and "scaled_dot_product" in text and "alpha=1 - momentum" in text
    report = check.my_ijepa(file(text))
    assert report, report


# 2 ----------------------------------------------------------------------------------------------------


def wrong(name, fault):
    """The reference's text with a fault, and no text of it twice."""
    kind = "class" if f"\nclass {name}(" in TEXT else "def"
    start = TEXT.index(f"\n{kind} {name}(")
    end = TEXT.find("\n\n\n", start) if "\n\n\n" in TEXT[start:] else len(TEXT)
    body = TEXT[start:end]
    for old, new in fault.changes:
        body = body.replace(old, new)
    return TEXT[:start] + body + TEXT[end:]


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_hears_its_own_sentence(name, file):
    sentences = [fault.message for fault in FAULTS[name]]
    assert len(set(sentences)) == len(sentences) >= 4
    for fault in FAULTS[name]:
        verdict = getattr(check, name)(file(wrong(name, fault)))
        assert verdict.state == "wrong" and verdict.message == fault.message, f"{name}: {verdict}"


def test_what_uses_a_wrong_part_waits(file):
    report = check.my_ijepa(file(wrong("Attention", FAULTS["Attention"][0])))
    assert not report and "… Not yet. 4 of 10 parts are right." in repr(report), report
    said = {name: verdict.message for name, verdict in report.verdicts.items()}
    assert "It uses Attention" in said["Block"] and "It uses Block" in said["Predictor"]


UNKNOWN = {  # wrong in a way that no sentence names: nothing may be claimed
    "patchify": ("return x.permute", "return 2 * x.permute"),
    "Attention": ("math.sqrt(q.shape[-1])", "(1 + math.sqrt(q.shape[-1]))"),
    "Predictor": (
        "self.mask_token + self.positions[target_idx]",
        "self.positions[target_idx] - self.mask_token",
    ),
    "rates": ("train.lr * share", "train.lr * share**2"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_of_an_unknown_fault_nothing_is_claimed(name, file):
    verdict = getattr(check, name)(file(TEXT.replace(*UNKNOWN[name])))
    assert verdict.state == "wrong" and "values differ" in verdict.message, verdict


# 3 ----------------------------------------------------------------------------------------------------

SAMPLERS = [
    ("u, v = torch.rand(2, generator=generator).tolist()",
     "u = v = torch.rand((), generator=generator).item()", "independent of the other"),
    ("block & ~target[again].any(1)", "block", "holds a patch of one of its image's targets"),
    ("& ~target[again].any(1)", "& ~target[again][:, 0]", "holds a patch of one of its image's targets"),
    ("(grid[0] - size[0] + 1) * across", "max(grid[0] - size[0], 1) * across", "patches are never target"),
    ("across = grid[1] - size[1] + 1", "across = grid[1] - size[1]", "patches are never target"),
    ("shape, generator=generator)[..., None]", "shape)[..., None]", "other masks the second time"),
    ("(len(again), M), generator)", "(len(again), 1), generator).expand(-1, M, -1)", "same place"),
    ("(len(again), M), generator)", "(1, M), generator).expand(len(again), -1, -1)", "same targets"),
    ("config.min_keep).nonzero()", "0).nonzero()", "draw such images again"),
    ("(context.sum(1) < config.min_keep)", "(context.sum(1) < 20)", None),
    ("int(area / height + 0.5)", "int(area / height)", "A target has"),
    ("math.sqrt(area * (aspect", "math.sqrt(area) * ((aspect", "A target has"),
    ("return context_idx, keep, target.nonzero()[:, 2]", "return context_idx, ~keep, target.nonzero()[:, 2]",
     "Padding comes last|draw such"),
    ("return context_idx, keep, target.nonzero()[:, 2].view(B, M, -1)", "return context_idx, keep",
     "returns three tensors"),
    ("target.nonzero()[:, 2].view(B, M, -1)", "target.nonzero()[:, 2].view(B, -1)", "has the shape"),
    ("return context_idx, keep, target", "return context_idx.float(), keep, target", "whole numbers"),
    ("context_size = draw_size(grid, config.context_scale",
     "context_size = draw_size(grid, config.target_scale", "draw such images again|No context has more"),
    ("context_idx[keep] = context.nonzero()[:, 1]", "context_idx[keep] = context.nonzero()[:, 1].flip(0)",
     "holds a patch|missing from it|twice"),
]  # fmt: skip


@pytest.mark.parametrize("old, new, words", SAMPLERS, ids=[new[:40] for _, new, _ in SAMPLERS])
def test_a_wrong_sampler_is_told_what_is_wrong(old, new, words, file):
    assert old in TEXT
    verdict = check.sample_masks(file(TEXT.replace(old, new)))
    if words is None:
        assert verdict, f"it draws again more often than it must, and nothing else is wrong: {verdict}"
    else:
        assert verdict.state == "wrong" and re.search(words, verdict.message), verdict


# 4, 5 -------------------------------------------------------------------------------------------------


def test_an_empty_file_is_not_yet_right(file):
    report = check.my_ijepa(file(""))
    assert not report and "… Not yet. 0 of 10 parts are right." in repr(report)
    assert {verdict.state for verdict in report.verdicts.values()} == {"not yet"}


def test_a_stub_returns_nothing_so_far(file):
    stubs = """
def patchify(images, P):
    ...


def sample_masks(grid, B, config, generator=None):
    return ...


def rates(train, progress):
    return None, None, None
"""
    for name in ("patchify", "sample_masks"):
        verdict = getattr(check, name)(file(stubs))
        assert verdict.state == "not yet" and "nothing so far" in verdict.message, verdict
    assert check.rates(file(stubs)).state == "wrong"


@pytest.mark.parametrize(
    "name, old, new, words",
    [
        ("Attention", "self.qkv(x)", "self.kqv(x)", "has no weights named qkv.weight"),
        (
            "Block",
            '"fc1": nn.Linear(width, 4 * width)',
            '"fc1": nn.Linear(width, 3 * width)',
            "mlp.fc1.weight has the",
        ),
        (
            "Encoder",
            "self.register_buffer(",
            "self.more = nn.Parameter(torch.zeros(1)); self.register_buffer(",
            "does not name: more",
        ),
        (
            "Attention",
            "scores = q @ k.transpose(-2, -1)",
            "scores = q @ k",
            "in line|line [0-9]+: `scores = q @ k",
        ),
        ("IJEPA", "def update_target(", "def follow(", "no attribute 'update_target'"),
        ("patchify", "def patchify(images, P):", "def patchify(images):", "TypeError"),
        ("patchify", "B, C, H, W = images.shape", "exit()", "It stops with SystemExit"),
    ],
)
def test_what_stops_is_said_as_it_is(name, old, new, words, file):
    text = (
        TEXT.replace(old, new).replace("self.heads, self.qkv", "self.heads, self.kqv")
        if "kqv" in new
        else TEXT.replace(old, new)
    )
    verdict = getattr(check, name)(file(text))
    assert verdict.state == "wrong" and re.search(words, verdict.message), verdict


def test_a_file_that_cannot_be_read_is_told_where(file, tmp_path):
    for text, words in (("def f(:\n", "SyntaxError in line 1"), ("import nowhere\n", "ModuleNotFoundError"),
                        ("x = 1\ny = x / 0\n", "line 2: `y = x / 0`")):  # fmt: skip
        report = check.my_ijepa(file(text))
        assert not report and all(words in verdict.message for verdict in report.verdicts.values()), report
    assert "no file other.py" in check.patchify(tmp_path / "other.py").message


# 6, 7 -------------------------------------------------------------------------------------------------


def test_begin_makes_a_file_and_leaves_one_that_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("JEPA_LITE_CAPSTONE", str(tmp_path / "new"))
    path = capstone.begin()
    assert path == tmp_path / "new/my_ijepa.py" and path.read_text() == ""
    path.write_text("x = 1")
    assert capstone.begin().read_text() == "x = 1" and capstone.load(path).x == 1
    path.write_text("x = 2")
    assert capstone.load(path).x == 2, "it is read anew"


@pytest.mark.parametrize("name", PARTS)
def test_every_part_has_a_hint_and_a_source(name):
    assert 40 <= len(hint.__getattr__(name)()) <= 400
    shown = repr(getattr(reveal, name)())
    assert re.search(rf"(?m)^(def|class) {name}\(", shown)


def test_the_whole_is_revealed_and_a_misspelled_part_names_near_ones():
    assert repr(reveal.my_ijepa()) == TEXT.rstrip()
    assert reveal.Block()._repr_markdown_().startswith("```python\n")
    with pytest.raises(AttributeError, match="did you mean Attention"):
        _ = check.Attn
    assert set(dir(check)) == {*PARTS, "my_ijepa"}


def test_lines_of_code_are_counted(file):
    text = '"""What it is,\nin two lines."""\n\nimport math  # 1\n\n\ndef f(x):  # 2\n    """Docstring."""\n'
    text += "    # a comment\n    return [  # 3\n        x,\n    ]\n"
    assert capstone.lines_of(file(text)) == 5
