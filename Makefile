# The course in seven commands. Each first makes .venv if it is missing or older than pyproject.toml, with uv where
# that is installed and else with pip. CONTRIBUTING.md says how to do the same without make.
#   make lab                      open your copies of the notebooks, in my-notebooks/ (FRESH=03: the course's 03 anew)
#   make demo                     train, measure and explain an I-JEPA in minutes
#   make test                     every test and every notebook (a part of them: make test ARGS=tests/method/test_vit.py)
#   make test-quick               the tests that take no time: no notebooks, no browser, nothing slow
#   make lint                     what must hold of the code's form
#   make site                     the course and the library as a site in build/site; executes the notebooks first
#   make install                  only make .venv, with what the notebooks need, and my-notebooks/
# PYTHON=... chooses the interpreter, CONSTRAINTS=... a file of versions, UV= leaves uv out.

VENV := .venv
ARGS :=
FRESH :=
CONSTRAINTS :=
PYTHON :=
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# A thread of PyTorch that waits for another one turns in place, by default for so long that a second busy program
# makes every small step wait for seconds. So many turns cost a tenth of a step on an idle machine.
export GOMP_SPINCOUNT ?= 10000
PARALLEL := -n auto --maxprocesses 4 --dist loadfile

.PHONY: help install lab demo test test-quick lint site
help:
	@sed -n 's/^#   //p' Makefile

install: $(VENV)/.course
	@$(BIN)/python my_notebooks.py $(FRESH)

# The whole folder is served, because notebooks link files outside of their own.
lab: install
	@$(BIN)/python -m jupyterlab --ip=127.0.0.1 --ServerApp.root_dir=. $(ARGS) my-notebooks/00_start_here.ipynb

demo: $(VENV)/.course
	@$(BIN)/jepa-lite demo $(ARGS)

# All of it on up to four processes, each of which needs about 2 GB; a part of it, named by ARGS, on one.
test: $(VENV)/.test
	@$(BIN)/python -m pytest $(or $(ARGS),$(PARALLEL))

test-quick: $(VENV)/.test
	@$(BIN)/python -m pytest tests --ignore tests/browser -m "not slow" $(PARALLEL)

lint: $(VENV)/.test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell

site: $(VENV)/.site
	@$(BIN)/python -m website.build $(ARGS)

# A stamp for each extra of pyproject.toml that is installed, .course or .test.
$(VENV)/.%: pyproject.toml $(CONSTRAINTS)
	@rm -f $@; $(BIN)/python -c "import sys$(if $(UV),,, pip)" 2>/dev/null || { $(MAKE_VENV); }
	@echo "Installing JEPA Lite into $(VENV). The first time this takes minutes and gigabytes, most of it PyTorch."
	@{ $(INSTALL) $(addprefix -c ,$(CONSTRAINTS)) -e ".[$*]" && touch $@; } 2>&1 \
	    | tee $(VENV)/install.log | $(SHOW_PROGRESS)
	@test -e $@ || { tail -n 20 $(VENV)/install.log; \
	    echo "make: the installation failed, as said above and in $(VENV)/install.log; mend that and run make again"; exit 1; }

INSTALL = $(if $(UV),$(UV) pip install --python $(BIN)/python,\
    $(BIN)/python -m pip install --disable-pip-version-check --no-input)

define MAKE_WITH_PIP
set -- "$(PYTHON)"; [ "$$1" ] || set -- python3 python3.13 python3.12 python3.11 python3.14 python; \
for python; do \
  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
    echo "Making $(VENV) with $$("$$python" --version)"; \
    exec "$$python" -m venv $$(test -f $(VENV)/pyvenv.cfg && echo --clear) $(VENV); \
  fi; \
done; \
echo "make: found no Python 3.11 or newer with its venv module among: $$*. Install one (Debian, Ubuntu:" \
     "apt install python3 python3-venv; macOS: brew install python; or conda env create -f environment.yml)" \
     "or name yours: make PYTHON=/path/to/python3"; \
exit 1
endef

# With pip in it (--seed), which notebooks and tests call. uv fetches a Python where the machine has none.
define MAKE_WITH_UV
exec $(UV) venv --quiet --seed --python "$(or $(PYTHON),>=3.11)" $$(test -f $(VENV)/pyvenv.cfg && echo --clear) $(VENV)
endef

MAKE_VENV = $(if $(UV),$(MAKE_WITH_UV),$(MAKE_WITH_PIP))

# pip says hundreds of lines: show the large downloads and the long silent step, leave the rest to the log.
define SHOW_PROGRESS
awk '/\.whl \([0-9.]+ MB\)$$/ && substr($$(NF-1), 2) + 0 > 30 { split($$(NF-2), n, "-"); \
       print "  fetching " n[1] " " n[2] ", " substr($$(NF-1), 2) " MB" } \
     /^Installing collected packages/ { print "  unpacking " NF - 3 " packages" } \
     /^(Resolved|Prepared|Installed) / { print "  " tolower($$0) } /^Downloading / { print "  fetching " $$2 " " $$3 } \
     /^Successfully installed/ { print "  done" } { fflush() }'
endef
