# Sourced by `run` and `test`: `install ""` and `install "[test]"` make .venv hold what
# pyproject.toml and requirements.lock say, and do nothing where it does already. A venv knows the
# folder it was made in: in a checkout that was moved or copied it is made anew.

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    if [ -n "$candidate" ] && "$candidate" -c \
      'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Python 3.11 or newer is needed, and none of python3, python3.14, python3.13," \
    "python3.12, python3.11 is. Install one, or name it: PYTHON=/path/to/python3 $0" >&2
  return 1
}

make_venv() {
  local python
  python=$(find_python)
  if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
    echo "$python has no module venv or ensurepip. Install it; on Debian and Ubuntu:" \
      "apt-get install python3-venv" >&2
    return 1
  fi
  rm -rf .venv
  "$python" -m venv .venv
  pwd -P > .venv/made-in
}

install() {
  local extras=$1 wanted stamp
  if [ "$(cat .venv/made-in 2> /dev/null)" != "$(pwd -P)" ] ||
    ! .venv/bin/python -c 'import pip' 2> /dev/null; then
    make_venv
  fi
  wanted=$(cat pyproject.toml requirements.lock | sha256sum)
  # What was installed for `test` includes all that `run` needs.
  for stamp in ".venv/installed$extras" ".venv/installed[test]"; do
    if [ "$(cat "$stamp" 2> /dev/null)" = "$wanted" ]; then
      return
    fi
  done
  echo "Installing into .venv, which takes a minute or two the first time" >&2
  .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint requirements.lock --editable ".$extras"
  echo "$wanted" > ".venv/installed$extras"
}
