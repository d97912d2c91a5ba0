"""The site: README, course, results and API as pages that ask no other machine for anything. `make site`.

executed: notebooks with their outputs, kept and made. stage: the repository as sources for Sphinx. api: the
pages of the modules. explorer: the mask explorer without a kernel, on a page of ours. docstrings: as
reStructuredText. sphinx_parts: links into the repository, and formulas. build: all of it, in order. conf:
Sphinx's configuration.
"""
