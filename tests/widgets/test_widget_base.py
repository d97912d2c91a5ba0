"""Claims tested here, of what all widgets share:

1. Every widget's script is one whole module: no import is left, one default export, and no two modules name
   the same thing, which a browser would refuse.
2. A trait that is an index keeps its last good value, says why, and forgets it at the next good one.
"""

import re
from collections import Counter

import pytest
import traitlets

from jepa_lite import widgets
from jepa_lite.widgets.base import STATIC, Explorer

NAMED = re.compile(r"^(?:export )?(?:const|let|function|class) (\w+|\[[^\]]*\])", re.M)


@pytest.mark.parametrize("name", widgets.__all__)
def test_every_script_is_whole(name):
    script = getattr(widgets, name)._esm
    text = script if isinstance(script, str) else str(script)
    assert not re.search(r"^import\b", text, re.M) and text.count("export default") == 1
    assert len(NAMED.findall(text)) > 20
    twice = [named for named, count in Counter(NAMED.findall(text)).items() if count > 1]
    assert not twice, f"{name}: two modules name {twice}"


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda p: p.name)
def test_every_import_is_exported_over_there_and_used_here(path):
    source = path.read_text("utf-8")
    body = re.sub(r"^import \{[^}]*\}.*$", "", source, flags=re.M)
    for names, module in re.findall(r'^import \{([^}]*)\} from "\./(\w+\.js)";$', source, re.M):
        exported = re.findall(r"^export (?:const|function) (\w+)", (STATIC / module).read_text("utf-8"), re.M)
        for word in filter(None, map(str.strip, names.split(","))):
            assert word in exported, f"{path.name} imports {word}, which {module} does not export"
            assert re.search(rf"\b{word}\b", body), f"{path.name} imports {word} and does not use it"


class Shelf(Explorer):
    _esm = "export default {}"
    book = traitlets.Int(2).tag(sync=True)


def test_an_index_keeps_its_last_good_value_and_says_why():
    shelf = Shelf()
    shelf.keep_below("book", 3)
    for wrong in (3, -1):
        shelf.set_state({"book": wrong})
        assert (shelf.book, shelf.trouble) == (2, f"book must be from 0 to 2, not {wrong}, so it stays at 2.")
    shelf.book = 0
    assert (shelf.book, shelf.trouble) == (0, "")
    with pytest.raises(ValueError, match="book must be from 0 to 1, not 2"):
        Shelf().keep_below("book", 2)


def test_a_widget_without_a_static_figure_says_so():
    with pytest.raises(NotImplementedError, match="Shelf has no static figure"):
        Shelf().figure()
