"""Every notebook runs under `pytest --nbmake` as it comes, and each of its exercises is also solved.

The cell of an exercise runs first with the stub replaced by a right answer, then as a learner finds it, so
that all that follows runs unsolved. The kernel is offline: asking another machine for anything fails the
notebook. So does what nbmake does not see: an error that a widget swallowed, a traceback on stderr, a picture
without alt text, an exercise that is not judged as it should be.
"""

import ast
import importlib.util
import inspect
import os
import re
import shutil
import tempfile
import textwrap
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbmake.pytest_items import NotebookFailedException, NotebookFile, NotebookItem
from traitlets.config import Config

ROOT = Path(__file__).parent
NOTEBOOKS, ANSWERS = ROOT / "notebooks", ROOT / "tests/course/answers"
# The course promises 75 s a notebook on two idle laptop cores, which is 150 s of their time. Seconds of the
# clock depend on what else runs, those of the processor do so far less; twice as many are allowed.
CEILING = 300  # seconds of the processor, of the kernel and all that it starts
# Resized images of the tests' and notebooks' own trees are not for the user's cache.
RESIZED = tempfile.TemporaryDirectory(prefix="jepa-lite-resized-")
os.environ.setdefault("JEPA_LITE_CACHE", RESIZED.name)
# A kernel's ports are chosen before it binds them, and another process may take one in between. Sockets that
# are files lie in a folder that no other has; Windows has only ports.
SOCKETS = {"transport": "ipc"} if os.name == "posix" else {}
PATIENCE = 900  # seconds by the clock until a cell counts as hanging


# The last notebook's exercise is a file: empty as it comes, and solved by the reference solution.
CAPSTONE = ("check.my_ijepa(file)", "check.my_ijepa(SOLUTION)")

COURSE = "JEPA_LITE_TEST_COURSE"  # names the folder of models, which all processes of a test run share
# Their tests start event loops, or see what happens where none runs.
LOOPS = ("notebooks", "tests/course", "tests/widgets", "tests/baselines")


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # models are trained anew, once a run, by whichever asks first
        os.environ[COURSE] = tempfile.mkdtemp(prefix="jepa-lite-course-")


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[COURSE], ignore_errors=True)


def pytest_collection_modifyitems(items):
    """Notebooks first and files that train soon, because they last longest: short files then fill the end.
    What starts an event loop comes before the browser's tests, since Playwright keeps one running that no
    other can stand beside."""
    items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)  # of a plugin that may be missing
def pytest_xdist_make_scheduler(config, log):
    """Of several processes (`pytest -n 2`) one runs a whole file, so that what its tests share is made once;
    one runs all of the browser's tests; each takes what comes next in the order of collection.

    Marks of groups would say the same, but pytest 9.2 with pytest-xdist 3.8 loses them in silence.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.partition("::")[0]
            return "tests/browser" if path.startswith("tests/browser/") else path

    config.option.loadscopereorder = False  # the files of most tests first would be the quickest first
    return ByFile(config, log)


def _place(item):
    path = item.path.as_posix()
    if any(f"/{part}/" in path for part in LOOPS):
        return 0 if "/notebooks/" in path else 1
    return next((i for i, part in enumerate(("browser", "training"), 2) if f"/tests/{part}/" in path), 4)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    collected = yield
    if parent.config.option.nbmake and file_path.suffix == ".ipynb" and file_path.parent == NOTEBOOKS:
        return [NotebookRuns.from_parent(parent, path=file_path)]
    return collected


class NotebookRuns(NotebookFile):
    def collect(self):
        yield NotebookRun.from_parent(self, filename=str(self.path))


class NotebookRun(NotebookItem):
    def __init__(self, parent, filename):
        pytest.Item.__init__(self, Path(filename).stem, parent)
        self.filename = filename

    def runtest(self):
        attempts = self.config.rootpath / ".pytest_cache" / f"{self.name}.hosts"
        attempts.parent.mkdir(exist_ok=True)
        attempts.unlink(missing_ok=True)
        notebook = with_solutions(nbformat.read(self.filename, 4), answers_of(self.name[:2]))
        began = busy()
        run_offline(notebook, attempts)
        seconds = busy() - began
        problems = [*swallowed(notebook), *without_alt(notebook), *misjudged(notebook)]
        if attempts.exists():
            problems.append(
                f"it asked for {sorted(set(attempts.read_text('utf-8').split()))}: it must run offline"
            )
        if seconds > CEILING:
            problems.append(f"it took {seconds:.0f} s of the processor, and {CEILING} are allowed")
        assert not problems, f"{self.name}: " + "; ".join(problems)
        folder = os.environ.get("JEPA_LITE_EXECUTED")
        if folder and (ROOT / "website").exists():  # the site shows what learners would see
            from website.executed import keep

            keep(notebook, Path(self.filename).name, Path(folder))
        self.add_report_section("call", "seconds", f"{seconds:.1f}")

    def repr_failure(self, excinfo, style=None):
        if excinfo.type is NotebookFailedException:
            return super().repr_failure(excinfo, style)
        return str(excinfo.value)


def with_solutions(notebook, answers):
    """The notebook with a solved copy before each cell of an exercise that has an answer."""
    cells = []
    for cell in notebook.cells:
        if is_exercise(cell) and (source := solved(cell.source, answers)) != cell.source:
            cells.append(nbformat.v4.new_code_cell(source, metadata=cell.metadata | {"solved": True}))
        cells.append(cell)
    notebook.cells = cells
    return notebook


def is_exercise(cell):
    return cell.cell_type == "code" and "exercise" in cell.metadata.get("tags", [])


def misjudged(notebook):
    """Every exercise must have been judged twice: right when solved, not yet as it comes."""
    checked = {"solved": [], "unsolved": []}
    for cell in notebook.cells:
        state = "solved" if cell.metadata.get("solved") else "unsolved"
        for name in re.findall(r"^check\.(\w+)\(", cell.source, re.M) if cell.cell_type == "code" else []:
            checked[state].append(name)
            if {"solved": "Right.", "unsolved": "Not yet."}[state] not in text_of(cell):
                yield f"check.{name} says {text_of(cell)!r} while it is {state}"
    for name in set(checked["unsolved"]) - set(checked["solved"]):
        yield f"check.{name} has no right answer in {ANSWERS.relative_to(ROOT)}"


def answers_of(number):
    """{exercise: its first right answer} of a notebook; none where it has no exercises."""
    path = ANSWERS / f"answers_{number}.py"
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location(f"answers_{number}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: right[0] for name, right in module.RIGHT.items()}


def solved(source, answers):
    """The source of a cell with the body of every stub replaced by an answer's."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.FunctionDef) and node.name in answers:
            answer = textwrap.dedent(inspect.getsource(answers[node.name]))
            renamed = re.sub(r"^def \w+", f"def {node.name}", answer)
            lines[node.lineno - 1 : node.end_lineno] = renamed.splitlines()
    return "\n".join(lines).replace(*CAPSTONE)


def run_offline(notebook, attempts):
    """Execute in place, in the notebooks' folder, by a kernel that writes down each host it asks for."""
    guard = str(ROOT / "tests/offline")  # its sitecustomize.py is read by every Python that starts
    paths = os.pathsep.join([guard, *filter(None, [os.environ.get("PYTHONPATH")])])
    changes = {
        "PYTHONPATH": paths,
        "JEPA_LITE_HOSTS_ASKED": str(attempts),
        "JEPA_LITE_COURSE": os.environ[COURSE],
    }
    changes |= {"OMP_WAIT_POLICY": "PASSIVE"}  # a waiting thread gives way: other work may run beside
    if "PYTEST_XDIST_WORKER" in os.environ:  # each core has a process already: more threads only take turns
        changes |= {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        changes["JEPA_LITE_CAPSTONE"] = folder  # not beside the notebooks, where a learner's file may lie
        client = NotebookClient(
            notebook,
            timeout=PATIENCE,
            kernel_name="python3",
            store_widget_state=True,
            resources={"metadata": {"path": str(NOTEBOOKS)}},
            config=Config(KernelManager=SOCKETS | {"connection_file": f"{folder}/kernel.json"}),
        )
        client.execute(env=os.environ | changes)


def busy():
    """Seconds of the processor that children of this process, now ended, have used (Windows counts none)."""
    spent = os.times()
    return spent.children_user + spent.children_system


def swallowed(notebook):
    """Errors that did not fail a cell: in outputs, on stderr, and within widgets."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    for model in state.get("state", {}).values():
        outputs += model["state"].get("outputs", [])
        if model["state"].get("trouble"):
            yield f"a widget says: {model['state']['trouble']}"
    for output in outputs:
        if output.get("output_type") == "error":
            yield f"{output['ename']}: {output['evalue']}"
        if output.get("name") == "stderr" and re.search("Traceback|Error|Exception", "".join(output["text"])):
            yield "".join(output["text"])[-500:]


def without_alt(notebook):
    """Pictures of which nothing is said."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            html = "".join(data.get("text/html", ""))
            about = [entry for entry in output.get("metadata", {}).values() if isinstance(entry, dict)]
            pictured = any(kind.startswith("image/") for kind in data) and "text/html" not in data
            if pictured and not any(entry.get("alt") for entry in about):
                yield f"cell {number} shows a picture without alt text"
            for image in re.findall(r"<img\b[^>]*>", html):
                if not re.search(r'alt="[^"]{15,}"', image):
                    yield f"cell {number} shows an <img> without alt text"


def text_of(cell):
    """What a cell printed or showed, as text."""
    said = []
    for output in cell.get("outputs", []):
        said.append("".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", "")))
    return "\n".join(said)
