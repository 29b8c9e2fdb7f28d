# What developers run, in a checkout whose .venv has the group `dev` (CONTRIBUTING.md).
bin = .venv/bin

.PHONY: help format lint test docs changelog lowest newest ci
help:       ## this list
	@sed -n 's/^\([a-z]*\): *## /\1\t/p' Makefile
format:     ## lay out the code
	$(bin)/ruff format . && $(bin)/ruff check --fix .
lint:       ## layout, rules and types
	$(bin)/ruff format --check . && $(bin)/ruff check . && $(bin)/mypy
test:       ## all tests, minutes
	$(bin)/python -m pytest -n 2
docs:       ## the site, into site/
	NO_MKDOCS_2_WARNING=1 $(bin)/mkdocs build --quiet --strict
changelog:  ## what changelog.d makes
	$(bin)/towncrier build --draft --version next
lowest:     ## the lowest versions that pyproject.toml promises
	.ci/versions lowest
newest:     ## the newest Python here
	.ci/versions newest
ci:         ## what CI runs, in a fresh .venv
	.ci/run
