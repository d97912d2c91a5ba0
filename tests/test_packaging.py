"""Claims tested here:

1. environment.yml (what learners need), requirements-oldest.txt (all of it) and pyproject.toml ask for the
   same packages, with the same floors; uv.lock is of the present pyproject.toml, and from PyPI alone.
2. pyproject.toml has floors only; each package of the library's imports is asked for by name, what widgets
   import by the extra `widgets`. The library works without any extra, and says what widgets need.
3. Every `make` target that the documents name exists; CI runs lint and test, in public on three systems with
   the newest and the oldest versions, and on Windows by the very commands that CONTRIBUTING.md gives.
   CONTRIBUTING.md is short, pre-commit runs what `make lint` runs, and issue forms know the notebooks.
4. CITATION.cff names the software, its version and the paper; CHANGELOG.md has a section for the version.
5. No file names the folder beside the checkout, except .ci/run, or a path of one machine.
6. A module opens with a docstring and has at most 300 lines.
7. A notebook that raises fails plain `pytest`.
8. An ordinary install, which is no checkout, has all that notebooks ask the library for: results, widgets'
   scripts, answers.
9. A test cannot reach another machine, and can reach this one.
10. Of several processes one runs all tests of a file, or of a browser.
11. `make` installs for each target what it needs and no more, once, with uv where that is and else with pip.
    So do the containers of Binder and Codespaces, with PyTorch without CUDA.
12. The wheel says what it is: version from one place, links, README whose links lead somewhere on PyPI. It is
    published from the repository's own home alone, under the tag of its version, without a password.
13. Where the course is missing, a notebook's first cell installs it and the notebook runs; on Colab it also
    switches third-party widgets on; where the course is there, it changes nothing.
"""

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
import yaml
from make_lab import FIRST
from packaging.requirements import Requirement

import jepa_lite
import repository

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONDA_NAMES = {"torch": "pytorch"}  # where conda-forge's name is not PyPI's
IMPORT_NAMES = {"sklearn": "scikit-learn", "skimage": "scikit-image", "PIL": "pillow"}
MADE_HERE = {".git", ".venv", "runs", "data", "my-notebooks", ".pytest_cache", ".ruff_cache", ".hypothesis"}


def project_files():
    """Every file that is or could be committed, relative to ROOT; a source tree without git works too."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
    git = shutil.which("git") and subprocess.run(command, capture_output=True, check=False)
    if git and git.stdout:
        listed = [Path(name) for name in git.stdout.decode().split("\0") if name]
    else:
        walked = (p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file())
        listed = [p for p in walked if p.parts[0] not in MADE_HERE and "__pycache__" not in p.parts]
    return sorted(p for p in listed if (ROOT / p).is_file())


def text(path):
    """The file's text, empty for a binary file."""
    content = (ROOT / path).read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


def floors(requirements):
    """{name: floor} of requirement strings, each `name>=floor` and no more, or `jepa-lite[extra]`."""
    found = {}
    for requirement in map(Requirement, requirements):
        if requirement.name == PROJECT["project"]["name"]:
            for extra in requirement.extras:
                found |= floors(PROJECT["project"]["optional-dependencies"][extra])
            continue
        specifiers = list(requirement.specifier)
        assert [s.operator for s in specifiers] == [">="], f"{requirement}: want one floor and no more"
        found[requirement.name.lower()] = specifiers[0].version
    return found


def wanted(extra):
    """{name: floor} of `pip install jepa-lite[extra]`."""
    return floors(PROJECT["project"]["dependencies"]) | floors([f"jepa-lite[{extra}]"])


def make_targets():
    return set(re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.M))


def commands(path):
    """The shell commands of a Markdown file: code spans and indented or fenced lines."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text(path), re.M | re.S)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text(path), flags=re.M | re.S))
    indented = re.findall(r"^    (\S.*)$", text(path), re.M)
    return [c.strip() for c in spans + indented + [line for block in fenced for line in block.splitlines()]]


def workflow(name="ci"):
    return yaml.safe_load(text(f".github/workflows/{name}.yml"))


# 1 -------------------------------------------------------------------------------------------------------


def test_environment_yml_agrees_with_pyproject():
    environment = yaml.safe_load(text("environment.yml"))
    assert environment["channels"] == ["conda-forge"]
    entries = environment["dependencies"]
    pip = [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    assert "-e ." in pip, f"the pip part must install the project itself, it has {pip}"
    conda = [entry for entry in entries if isinstance(entry, str) and entry != "pip"]
    found = floors(conda + [line for line in pip if not line.startswith("-")])
    python = found.pop("python")
    assert f">={python}" == PROJECT["project"]["requires-python"]
    expected = {CONDA_NAMES.get(name, name): floor for name, floor in wanted("course").items()}
    assert found == expected, f"only in one of the two: {set(found.items()) ^ set(expected.items())}"


def test_oldest_requirements_are_the_floors():
    lines = [line for line in text("requirements-oldest.txt").splitlines() if not line.startswith("#")]
    expected = [f"{name}=={floor}" for name, floor in wanted("test").items()]
    assert lines == expected, f"only in one of the two: {set(lines) ^ set(expected)}"


def test_uv_lock_is_of_what_pyproject_asks_for():
    lock = tomllib.loads(text("uv.lock"))
    assert set(re.findall(r"https?://[^/\"]+", text("uv.lock"))) == {
        "https://pypi.org",
        "https://files.pythonhosted.org",
    }
    assert lock["requires-python"] == PROJECT["project"]["requires-python"]
    (ours,) = [package for package in lock["package"] if package["name"] == "jepa-lite"]
    locked = {(r["name"], r["specifier"]) for r in ours["metadata"]["requires-dist"] if "specifier" in r}
    expected = {(name, f">={floor}") for name, floor in wanted("test").items()}
    assert locked == expected, f"run uv lock; only in one of the two: {locked ^ expected}"


# 2 -------------------------------------------------------------------------------------------------------


def imported_by(paths):
    """Names of the packages that modules import, the standard library's and ours left out."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.split(".")[0])
    return {IMPORT_NAMES.get(n, n) for n in found - set(sys.stdlib_module_names) - {"jepa_lite"}}


def test_every_import_of_the_library_is_a_dependency():
    widgets = set((ROOT / "jepa_lite/widgets").glob("*.py"))
    library = imported_by(set((ROOT / "jepa_lite").rglob("*.py")) - widgets)
    missing = library - set(floors(PROJECT["project"]["dependencies"]))
    assert "torch" in library and not missing, f"imported, but not a dependency: {missing}"
    missing = imported_by(widgets) - set(wanted("widgets"))
    assert not missing, f"imported by widgets, but not in the extra: {missing}"


def test_what_is_installed_for_whom():
    front_ends, tools = {"jupyterlab", "ipywidgets", "anywidget"}, {"pytest", "ruff", "transformers"}
    for extra, has in (("widgets", front_ends - {"jupyterlab"}), ("course", front_ends)):
        assert {n for n in wanted(extra) if n in front_ends | tools} == has, extra
    assert front_ends | tools <= set(wanted("test"))
    assert not (front_ends | tools) & set(floors(PROJECT["project"]["dependencies"]))


@pytest.mark.slow
def test_without_the_extra_the_library_says_what_widgets_need(tmp_path):
    for name in ("ipywidgets", "anywidget", "traitlets", "jupyterlab", "IPython"):
        missing = f"raise ModuleNotFoundError('No module named {name}', name={name!r})"
        (tmp_path / f"{name}.py").write_text(missing)  # found before the real one
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    code = "import jepa_lite.course, jepa_lite.demo, jepa_lite.figures.report; print('imported')"
    ask = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True, "check": False}
    run = subprocess.run([sys.executable, "-c", code], **ask)
    assert run.stdout == "imported\n", run.stderr[-2000:]
    run = subprocess.run([sys.executable, "-m", "jepa_lite", "explorer"], **ask)
    cure = 'python -m pip install "jepa-lite[widgets]"'
    assert run.returncode == 2 and cure in run.stderr and run.stderr.count("\n") == 1, run.stderr


# 3 -------------------------------------------------------------------------------------------------------


def test_documented_make_targets_exist():
    named = {}
    for path in project_files():
        if path.suffix == ".md":
            found = [m for c in commands(path) for m in re.findall(r"^make ([a-z][a-z-]*)", c)]
            named |= dict.fromkeys(found, path)
    assert {"lab", "test", "demo", "lint"} <= set(named), f"the documents only name {sorted(named)}"
    unknown = {target: str(path) for target, path in named.items() if target not in make_targets()}
    assert not unknown, f"named in a document, but no target of the Makefile: {unknown}"


def test_ci_run_lints_and_tests():
    called = re.findall(r"^make ([a-z-]+)", text(".ci/run"), re.M)
    assert called == ["lint", "test"], f"pytest's summary must come last, and CI runs make {called}"
    assert "set -euo pipefail" in text(".ci/run"), "a command that fails must fail the run"
    assert os.name == "nt" or os.access(ROOT / ".ci/run", os.X_OK), ".ci/run is not executable"


def test_public_ci_runs_the_same_on_three_systems():
    jobs = workflow()["jobs"]
    runs = "\n".join(step["run"] for job in jobs.values() for step in job["steps"] if "run" in step)
    called = set(re.findall(r"make ([a-z-]+)", runs))
    ours = set(re.findall(r"^make ([a-z-]+)", text(".ci/run"), re.M))
    assert called == ours | {"test-quick"}, f"the workflow runs {called}"
    rows = jobs["everything"]["strategy"]["matrix"]["include"]
    assert {row["os"].split("-")[0] for row in rows} == {"ubuntu", "macos", "windows"}, rows
    oldest = [row for row in rows if "constraints" in row]
    assert [row["constraints"] for row in oldest] == ["requirements-oldest.txt"], rows
    assert oldest[0]["python"] == PROJECT["project"]["requires-python"].removeprefix(">="), oldest
    unlimited = [name for name, job in jobs.items() if "timeout-minutes" not in job]
    assert not unlimited, f"jobs without a time limit: {unlimited}"
    assert workflow()["permissions"] == {"contents": "read"}, "the workflow needs to read, nothing more"


def test_pre_commit_runs_what_make_lint_runs():
    (repo,) = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert [hook["entry"] for hook in repo["hooks"]] == ["make lint"], (
        "one list of tools, that of the Makefile"
    )
    assert repo["repo"] == "local" and repo["hooks"][0]["pass_filenames"] is False


def test_issue_forms_ask_for_what_is_needed():
    forms = {p.stem: yaml.safe_load(text(p)) for p in project_files() if p.parent.name == "ISSUE_TEMPLATE"}
    assert set(forms) == {"bug", "question", "result", "config"}
    (notebooks,) = [f["attributes"]["options"] for f in forms["question"]["body"] if f["type"] == "dropdown"]
    titles = [json.loads(text(p))["cells"][0]["source"][0] for p in project_files() if p.suffix == ".ipynb"]
    assert [f"# {title}\n" for title in notebooks] == titles, "the notebooks, by their titles"
    for name in ("bug", "question", "result"):
        fields = forms[name]["body"]
        assert len({field["id"] for field in fields}) == len(fields) >= 3
        assert [f for f in fields if f.get("validations", {}).get("required")], name


def test_contributing_is_short():
    assert len(text("CONTRIBUTING.md").splitlines()) < 100


def test_windows_ci_runs_the_documented_commands():
    steps = [step for job in workflow()["jobs"].values() for step in job["steps"]]
    (step,) = [step for step in steps if step.get("if") == "runner.os == 'Windows'"]
    undocumented = [line for line in step["run"].splitlines() if line not in commands("CONTRIBUTING.md")]
    assert not undocumented, f"CI runs what CONTRIBUTING.md does not say: {undocumented}"


# 4 -------------------------------------------------------------------------------------------------------


def test_citation_names_the_software_and_the_paper():
    citation = yaml.safe_load(text("CITATION.cff"))
    assert (citation["cff-version"], citation["type"], citation["license"]) == ("1.2.0", "software", "MIT")
    assert citation["version"] == jepa_lite.__version__, "run python repository.py"
    assert citation["title"] and citation["message"] and citation["authors"]
    paper = citation["preferred-citation"]
    names = [author["family-names"] for author in paper["authors"]]
    expected = "Assran Duval Misra Bojanowski Vincent Rabbat LeCun Ballas"
    assert " ".join(names) == expected, f"authors in the paper's order: {names}"
    assert paper["title"].startswith("Self-Supervised Learning from Images") and paper["year"] == 2023
    assert "2301.08243" in paper["identifiers"][0]["value"]


def test_the_changelog_begins_with_this_version():
    newest = re.search(r"(?m)^## (\S+)", text("CHANGELOG.md"))
    assert newest and newest[1] == jepa_lite.__version__, "describe what changed in this version"


# 5 -------------------------------------------------------------------------------------------------------


def test_no_file_names_the_folder_beside_the_checkout():
    beside = ".." + "/shared"
    naming = [str(p) for p in project_files() if beside in text(p) and p != Path(".ci/run")]
    assert not naming, f"only .ci/run may name {beside}: {naming}"


def test_no_file_names_a_path_of_one_machine():
    pattern = re.compile(r"(?<![\w.:/])/(?:work|root|home/\w+|Users/\w+)/")
    naming = {str(p): found.group() for p in project_files() if (found := pattern.search(text(p)))}
    assert not naming, f"paths that exist on one machine only: {naming}"


# 6 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "jepa_lite").rglob("*.py")), ids=lambda p: p.name)
def test_modules_open_with_a_docstring_and_stay_small(path):
    source = path.read_text("utf-8")
    assert ast.get_docstring(ast.parse(source)), f"{path.name} does not say what it is and what it is not"
    lines = len(source.splitlines())
    assert lines <= 300, f"{path.relative_to(ROOT)} has {lines} lines: is it still one idea?"


# 7 -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_plain_pytest_fails_when_a_notebook_raises(tmp_path):
    for name, code in (("good", "6 * 7"), ("bad", "1 / 0")):
        cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": code}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "notebooks"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed" in run.stdout and run.returncode == 1, run.stdout[-2000:] + run.stderr[-500:]
    assert "notebooks" in PROJECT["tool"]["pytest"]["ini_options"]["testpaths"]


# 8 -------------------------------------------------------------------------------------------------------

ASKED = """
import json, sys
from pathlib import Path
import jepa_lite
from jepa_lite import course
from jepa_lite.course import exercises
from jepa_lite.widgets.standalone_page import explorer_page
from jepa_lite.widgets import base
found = {name: course.results(name) for name in json.loads(sys.argv[1])}
assert len(explorer_page(grid=(8, 8), draws=2)) > 10_000
shown = {name: repr(getattr(exercises.reveal, name)()) for name in json.loads(sys.argv[2])}
assert all("jepa_lite/" in source and "def " in source for source in shown.values()), shown
print(json.dumps([jepa_lite.__file__, sorted(path.name for path in base.STATIC.iterdir()), found]))
"""


OFFLINE = ["--no-deps", "--no-index", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The path of the wheel that `pip wheel .` builds."""
    here = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", str(here)]
    done = subprocess.run([*pip, str(ROOT)], cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (path,) = here.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with what the wheel puts into site-packages, without the dependencies."""
    site = tmp_path_factory.mktemp("installed") / "site"
    pip = [sys.executable, "-m", "pip", "install", *OFFLINE, "--target", str(site), str(wheel)]
    done = subprocess.run(pip, cwd=site.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return site


@pytest.mark.slow
def test_an_ordinary_install_has_what_notebooks_ask_for(installed, tmp_path):
    notebooks = "".join(text(path) for path in project_files() if path.suffix == ".ipynb")
    names = set(re.findall(r'\bresults\(\\"(\w+)\\"\)', notebooks))
    revealed = set(re.findall(r"\bcheck\.([a-z]\w+)\(", notebooks)) - {"my_ijepa"}  # of the capstone
    assert {"demo", "alarms", "collapse"} <= names and len(revealed) > 20
    command = [sys.executable, "-c", ASKED, json.dumps(sorted(names)), json.dumps(sorted(revealed))]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    file, static, found = json.loads(run.stdout)
    assert Path(file).is_relative_to(installed), f"the test asked {file}"
    scripts = [path.name for path in project_files() if path.parent == Path("jepa_lite/widgets/static")]
    assert scripts and set(scripts) <= set(static)
    assert found == {name: json.loads(text(f"benchmarks/results/{name}.json")) for name in names}
    assert not list(installed.rglob("test_*")) and not (installed / "benchmarks").exists()


# 9 -------------------------------------------------------------------------------------------------------


def test_another_machine_is_out_of_reach(connections_refused):
    address = ("192.0.2.1", 9)  # reserved for documents: no machine has it
    with socket.socket() as s:
        for connect in (s.connect, s.connect_ex):
            with pytest.raises(OSError, match=r"without a network.*192\.0\.2\.1"):
                connect(address)
    with pytest.raises(OSError, match=r"example\.invalid"):
        socket.create_connection(("example.invalid", 80))
    assert connections_refused == ["192.0.2.1", "192.0.2.1", "example.invalid"], connections_refused
    connections_refused.clear()


def test_this_machine_is_within_reach():
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(("localhost", server.getsockname()[1]))
    server.settimeout(10)  # fail rather than wait for ever
    accepted, _ = server.accept()
    with server, client, accepted:
        client.sendall(b"here")
        assert accepted.recv(4) == b"here"


# 10 ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_several_processes_one_runs_a_file(tmp_path):
    names = ("tests/test_a.py", "tests/test_b.py", "tests/browser/test_c.py", "tests/browser/test_d.py")
    for path in (tmp_path / name for name in names):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "import pytest, time\n"
            "@pytest.mark.parametrize('i', range(9))\ndef test_it(i):\n    time.sleep(0.02)\n"
        )
    shutil.copy(ROOT / "conftest.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", "tests"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = set(re.findall(r"^\[(gw\d)\] .*PASSED (\S+)::", run.stdout, re.M))
    whose = {name: {process for process, path in found if path == name} for name in names}
    assert all(len(processes) == 1 for processes in whose.values()), run.stdout[-2000:] + run.stderr[-500:]
    assert whose[names[2]] == whose[names[3]] and len(set.union(*whose.values())) == 2, whose


# 11 ------------------------------------------------------------------------------------------------------

LOGS = '#!/bin/sh\necho "$(basename "$0") $*" >> "$LOG"\n'
MAKES = """case "$*" in
*venv*) mkdir -p .venv/bin; cp "$STANDS_IN" .venv/bin/python; touch .venv/pyvenv.cfg
esac
"""
TOOLS = ("make", "sh", "awk", "tee", "tail", "basename", "mkdir", "cp", "rm", "touch")


@pytest.fixture
def make(tmp_path):
    """make(target, uv) -> what it called, a line each, in a folder where `python3` and `uv` only write down
    how they were called, and make an environment with such a Python where they are asked for one."""
    if not shutil.which("make") or os.name == "nt":
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    stand_in, log = tmp_path / "stand-in", tmp_path / "log"
    stand_in.write_text(LOGS)
    for folder, name in (("bin", "python3"), ("bin-uv", "uv")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(LOGS + MAKES)
    for path in (stand_in, *tmp_path.glob("bin*/*")):
        path.chmod(0o755)
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))

    def run(target, uv):
        paths = [str(tmp_path / "bin"), str(tmp_path / "bin-uv")][: 1 + uv]
        environment = {"PATH": os.pathsep.join(paths), "LOG": str(log), "STANDS_IN": str(stand_in)}
        log.write_text("")
        done = subprocess.run(
            ["make", target], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return log.read_text().splitlines()

    return run


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "pip"])
def test_make_installs_what_a_target_needs(make, uv):
    installer = "uv pip install --python .venv/bin/python" if uv else "python -m pip install"
    first, again, test = make("lab", uv), make("lab", uv), make("test", uv)
    made = [line for line in first if "venv" in line.split()]
    assert made and made[0].startswith("uv venv" if uv else "python3 -m venv"), first
    for lines, extra in ((first, "course"), (test, "test")):
        (install,) = [line for line in lines if " install " in line]
        assert install.startswith(installer) and install.endswith(f"-e .[{extra}]"), install
    copies, lab = again
    assert copies == "python my_notebooks.py" and lab.startswith("python -m jupyterlab ")
    assert first[-2:] == again, first
    assert not [line for line in test if "venv" in line.split()], "one environment is made for both"
    assert test[-1].startswith("python -m pytest")


def test_containers_install_what_make_does_without_cuda():
    cpu = "https://download.pytorch.org/whl/cpu"
    container = json.loads(text(".devcontainer/devcontainer.json"))
    assert container["updateContentCommand"] == "bash .devcontainer/install.sh"
    kernel = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert kernel.endswith("/.venv/bin/python"), "what make makes"
    opened = container["customizations"]["codespaces"]["openFiles"]
    assert opened == [FIRST], "the copy, which make install makes"
    script = text(".devcontainer/install.sh")
    assert script.endswith("make install\n") and cpu in script and "UV_TORCH_BACKEND=cpu" in script
    first, *packages = [line for line in text("binder/requirements.txt").splitlines() if line[0] != "#"]
    assert first == f"--extra-index-url {cpu}", "an index on a later line would come too late"
    assert floors(packages).items() <= floors(PROJECT["project"]["dependencies"]).items()
    assert text("binder/postBuild").endswith('".[course]"\npython my_notebooks.py\n')
    version = text("binder/runtime.txt").strip().removeprefix("python-")
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]
    scripts = [ROOT / "binder/postBuild", ROOT / ".devcontainer/install.sh"]
    assert os.name == "nt" or all(os.access(path, os.X_OK) for path in scripts)


# 12 ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_wheel_says_what_it_is(installed):
    (folder,) = installed.glob("jepa_lite-*.dist-info")
    facts = PathDistribution(folder).metadata
    assert facts["Version"] == jepa_lite.__version__ and "version" not in PROJECT["project"]
    assert facts["License-Expression"] == "MIT" and (folder / "licenses/LICENSE").exists()
    assert {line.split(", ")[0] for line in facts.get_all("Project-URL")} == set(repository.urls())
    assert facts["Description-Content-Type"] == "text/markdown" and facts["Keywords"]
    assert facts.get_payload().lstrip().startswith("# JEPA Lite")
    assert "Typing :: Typed" in facts.get_all("Classifier") and (installed / "jepa_lite/py.typed").exists()


def test_on_pypi_every_link_of_the_readme_is_absolute():
    page = repository.readme_with_doors(text("README.md"), "someone/jepa-lite")
    full = repository.absolute(page, "someone/jepa-lite", "v1.2.3")
    found = [
        ["".join(pair) for pair in re.findall(r'\]\(([^)\s]+)\)|\bsrc(?:set)?="([^"]+)"', version)]
        for version in (page, full)
    ]
    assert len(found[0]) == len(found[1]) > 50
    github = ("https://github.com/someone/jepa-lite", "https://raw.githubusercontent.com/someone/jepa-lite")
    for before, after in zip(*found, strict=True):
        if before.startswith("https:"):
            assert after == before
            continue
        path = ROOT / before.partition("#")[0]
        kind = "/v1.2.3" if path.suffix in (".png", ".svg") and "raw" in after else "/blob/v1.2.3"
        home = github["raw" in after] + ("/tree/v1.2.3" if path.is_dir() else kind)
        assert after == f"{home}/{before}", f"{before} became {after}"
    pairs = re.findall(r'!\[[^\]]*\]\(([^)\s]+)\)|\bsrc(?:set)?="([^"]+)"', full)
    shown = ["".join(pair) for pair in pairs]
    assert len(shown) > 10 and all(url.startswith(github[1]) for url in shown), shown


def test_links_of_the_project_lead_to_the_repository():
    assert list(repository.urls("")) == ["Paper"], "without a repository there is nothing else to name"
    urls = repository.urls("someone/jepa-lite")
    assert set(urls) == {"Homepage", "Documentation", "Changelog", "Issues", "Paper"}
    assert urls["Documentation"] == "https://someone.github.io/jepa-lite/"


def test_a_release_needs_home_tag_and_date(monkeypatch):
    monkeypatch.setattr(repository, "REPOSITORY", "someone/jepa-lite")
    files = {"CHANGELOG.md": "# Changes\n\n## 1.2.3 (2027-01-31)\n\n## 1.2.2\n"}
    monkeypatch.setattr(repository, "_read", lambda path: files[path])
    monkeypatch.setattr(repository, "version", lambda: "1.2.3")
    assert repository.not_ready("v1.2.3", "someone/jepa-lite") == ""
    assert "REPOSITORY" in repository.not_ready("v1.2.3", "fork/jepa-lite")
    for tag in ("v1.2.4", "1.2.3", "v1.2.3rc1"):
        assert "not the tag" in repository.not_ready(tag, "someone/jepa-lite")
    for heading in ("1.2.2", "1.2.3 (not yet released)"):
        files["CHANGELOG.md"] = f"## {heading}\n"
        assert "CHANGELOG.md" in repository.not_ready("v1.2.3", "someone/jepa-lite")


def test_only_the_job_that_publishes_may_publish():
    release = workflow("release")
    assert release["permissions"] == {"contents": "read"} and release[True] == {"push": {"tags": ["v*"]}}
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"} and "permissions" not in build
    assert publish["needs"] == "build" and publish["environment"] == "pypi"
    assert not [step for step in publish["steps"] if "run" in step], "it only uploads what was tried"
    assert "secrets." not in text(".github/workflows/release.yml")
    assert [step["run"] for step in build["steps"] if "--release" in step.get("run", "")]


# 13 ------------------------------------------------------------------------------------------------------

COLAB = {  # stands in for Colab's own package, which its kernels have imported
    "google/__init__.py": "",
    "google/colab/__init__.py": "",
    "google/colab/output.py": "def enable_custom_widget_manager():\n    print('third-party widgets: on')\n",
    "sitecustomize.py": "import google.colab\n",
}
RUNS = """
import json, sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
print(json.dumps([[o.get("text", "") for o in c.outputs] for c in notebook.cells if c.cell_type == "code"]))
"""


def run_notebook(python, cells, here, environment=None):
    """What code cells print (a list of texts each), run in a kernel of the interpreter `python`."""
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (here / "tried.ipynb").write_text(json.dumps(notebook), "utf-8")
    run = subprocess.run(
        [python, "-c", RUNS, "tried.ipynb"], cwd=here, env=os.environ | (environment or {}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-1000:] + run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture
def bare(tmp_path):
    """An environment that has every package of this one, but not jepa-lite. Returns its Python."""
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv").rglob("site-packages")
    for folder in (Path(entry) for entry in sys.path if entry.endswith("site-packages")):
        for path in folder.iterdir():
            ours = path.name.startswith(("jepa_lite", "_editable_impl_jepa_lite")) or path.suffix == ".pth"
            if not ours and not (site / path.name).exists():
                (site / path.name).symlink_to(path)
    return tmp_path / "venv" / "bin" / "python"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="makes links to packages, which Windows allows to few")
def test_the_first_cell_installs_what_is_missing(bare, wheel, tmp_path):
    notebook = json.loads(text("notebooks/02_patches.ipynb"))["cells"]
    given = repository.install_cell(source=f"jepa-lite[widgets] @ {wheel.as_uri()}")
    here = tmp_path / "away"
    for path, content in COLAB.items():
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_text(content)
    asks = {"cell_type": "code", "id": "asks", "metadata": {}, "outputs": [], "execution_count": None}
    asks["source"] = "import jepa_lite; print(jepa_lite.__file__)"
    cells = [notebook[0], given, *notebook[2:], asks]
    # What is there already is all that pip may take: a machine's own pins and folders of wheels do not count.
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_CONSTRAINT": "", "PIP_FIND_LINKS": ""}
    offline |= {"PYTHONPATH": "", "JUPYTER_PATH": "", "IPYTHONDIR": str(tmp_path)}
    outputs = run_notebook(bare, cells, here, offline)
    assert "third-party widgets" not in str(outputs), "this is not Colab"
    (said,) = outputs[-1]
    assert Path(said.strip()).is_relative_to(tmp_path / "venv"), f"the notebook ran with {said}"
    colab = offline | {"PYTHONPATH": str(here)}
    again = run_notebook(bare, [given], here, colab)
    assert again == [["third-party widgets: on\n"]], f"the second time nothing is to be installed: {again}"
