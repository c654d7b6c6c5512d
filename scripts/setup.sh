#!/usr/bin/env bash
# Builds the private environment .venv from constraints-lane-a.txt; instant when it is up to date.
# Knobs: PYTHON310 (interpreter to use), TFX_RETRIEVAL_NO_UV=1 (install with pip alone).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv="$root/.venv"
stamp="$venv/.tfx-retrieval-stamp"
constraints="$root/constraints-lane-a.txt"
extras="kfp,scann,gcp,dev"

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
  say "$1"
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

# True if $1 starts, is Python 3.10 and can make environments. A pyenv shim may be on PATH and still
# refuse to start, so only running it tells.
is_python310() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 10))' \
    >/dev/null 2>&1 </dev/null
}

# Prints the path of the Python 3.10 to build on.
find_python310() {
  local candidate
  if [ -n "${PYTHON310:-}" ]; then
    is_python310 "$PYTHON310" ||
      fail "PYTHON310=$PYTHON310 is not a Python 3.10 that starts and has venv and ensurepip."
    command -v "$PYTHON310"
    return
  fi
  for candidate in python3.10 python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10.*/bin/python3.10 \
    "$HOME"/.local/share/uv/python/cpython-3.10*/bin/python3.10 \
    /usr/local/bin/python3.10 /opt/python*/bin/python3.10; do
    if is_python310 "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python 3.10 found (TFX 1.16 runs on no newer one). Install one of:" \
    "Ubuntu 22.04:  apt install python3.10-venv python3.10-dev" \
    "pyenv:         pyenv install 3.10" \
    "uv:            uv python install 3.10" \
    "or set PYTHON310=/path/to/python3.10"
}

# Prints the fingerprint of everything that decides what is installed.
fingerprint() {
  cat "$constraints" setup.py pyproject.toml scripts/setup.sh | sha256sum | cut -d' ' -f1
}

check_platform() {
  [ "$(uname -s)-$(uname -m)" = "Linux-x86_64" ] ||
    fail "TFX 1.16 has wheels for Linux x86-64 only; this is $(uname -s) $(uname -m)."
  command -v g++ >/dev/null 2>&1 || command -v c++ >/dev/null 2>&1 ||
    fail "no C++ compiler found; pyfarmhash, which TFX needs, is built from source." \
      "Debian and Ubuntu:  apt install g++"
}

make_venv() {
  local python
  python=$(find_python310)
  "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    fail "$python has no C headers (Python.h); pyfarmhash, which TFX needs, is built from source." \
      "Debian and Ubuntu:  apt install python3.10-dev"
  say "making .venv with $python"
  "$python" -m venv --clear "$venv"
}

# Prints the exact pin of package $1.
pin() { grep -m1 -i "^$1==" "$constraints"; }

install_with_uv() {
  [ -z "${TFX_RETRIEVAL_NO_UV:-}" ] || return 1
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$(pin uv)" || return 1
  "$venv/bin/uv" pip install --python "$venv/bin/python" --compile-bytecode \
    -c "$constraints" pip setuptools wheel -e ".[$extras]"
}

install_with_pip() {
  "$venv/bin/python" -m pip install --disable-pip-version-check --compile \
    -c "$constraints" pip setuptools wheel -e ".[$extras]"
}

main() {
  # Two makes at a time must not build one environment together.
  exec 9<"$root"
  if command -v flock >/dev/null 2>&1; then flock 9; fi

  local wanted
  wanted=$(printf '%s\n%s' "$root" "$(fingerprint)")
  if [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$root" ] &&
    is_python310 "$venv/bin/python"; then
    [ "$(cat "$stamp")" != "$wanted" ] || return 0
    say "the pins changed; bringing .venv up to date"
  else
    # Interrupted before the stamp, or copied from elsewhere: only a fresh start surely repairs it.
    check_platform
    make_venv
  fi
  rm -f "$stamp"

  # Left set, every process would compile TensorFlow's and Beam's thousands of modules again.
  unset PYTHONDONTWRITEBYTECODE
  say "installing TFX and its pinned dependencies (2.8 GB; about a minute, more on a slow network)"
  install_with_uv || {
    say "not installed by uv; going on with pip, which takes several minutes"
    install_with_pip
  }
  printf '%s\n' "$wanted" >"$stamp"
  say "ready: .venv/bin/tfx-retrieval"
}

main "$@"
