#!/usr/bin/env bash
# Runs mypy over the package. The folders components/ and pipelines/ are tfx_retrieval.components and
# tfx_retrieval.pipelines only once installed, so mypy gets a tree of links in which they stand there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tree=.mypy_cache/tree
rm -rf "$tree"
mkdir -p "$tree/tfx_retrieval"
ln -s "$PWD"/tfx_retrieval/* "$PWD/components" "$PWD/pipelines" "$tree/tfx_retrieval/"
python="$PWD/.venv/bin/python"
cd "$tree"
exec "$python" -m mypy --config-file ../../pyproject.toml --cache-dir .. "$@" tfx_retrieval
