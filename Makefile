# Short names; `./run` and `./test` need nothing installed, these need what `./test` installs.
BIN := .venv/bin

.PHONY: check test fmt up migrate
check:  # format, lint, types, layers, tests: what continuous integration runs
	./test
test:
	$(BIN)/pytest
fmt:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
up:
	$(BIN)/portfolio up
migrate:
	$(BIN)/portfolio migrate
