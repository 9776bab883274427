#!/bin/sh
# Build the wheel, install it in a clean environment as constraints.txt says, and do the README's first 30 seconds. With the
# argument `hour`, then a stranger's first hour, the Python of the docs, and a small end-to-end beside Hugging Face's
# `evaluate`. All of it runs in folders from which the sources cannot be reached.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
with=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A copy of what git knows: nothing that lies about in the folder gets into the wheel.
mkdir "$work/source" && (cd "$root" && git ls-files -z | xargs -0 tar -cf - 2>/dev/null) | tar -xf - -C "$work/source"
"$python" -m venv "$work/venv"
echo "wheel: building, $("$work/venv/bin/python" --version)"
pip() { "$work/venv/bin/pip" --quiet "$@"; }
pip install --no-compile --constraint "$root/constraints.txt" setuptools
pip wheel --no-deps --no-build-isolation --wheel-dir "$work/dist" "$work/source"
rm -rf "$work/source"
mkdir -p "$root/dist" && cp "$work"/dist/*.whl "$root/dist/"
echo "wheel: installing $(ls "$work/dist")"
# What the commands import is compiled at its first import; the rest never has to be.
pip install --no-compile --constraint "$root/constraints.txt" "$work"/dist/*.whl

mkdir -p "$work/pages/docs" "$work/hour" "$work/python"
cp "$root/README.md" "$work/pages/" && cp "$root/docs/your-own-csv.md" "$root/docs/python.md" "$work/pages/docs/"
cp "$root"/tests/wheel/*.py "$root/tests/wheel/label.yaml" "$work/"
cd "$work/hour"
"$work/venv/bin/python" -I "$work/stranger.py" "$work/venv/bin/tuneworth" "$work/pages" $with
[ "$with" = hour ] || exit 0

cd "$work/python"
"$work/venv/bin/python" -I "$work/python_pages.py" "$work/pages"
echo "wheel: installing evaluate beside it"
pip install --no-compile evaluate
cd "$work"
"$work/venv/bin/python" -I end_to_end.py "$work/venv/bin/tuneworth"
