#!/bin/sh
# Build the wheel and install it in a clean environment: a stranger's first hour with nothing else, and the Python of the
# docs. With the argument `beside`, then a small end-to-end beside Hugging Face's `evaluate`. All of it runs in folders
# from which the sources cannot be reached.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A copy of what git knows: nothing that lies about in the folder gets into the wheel.
mkdir "$work/source" && (cd "$root" && git ls-files -z | xargs -0 tar -cf - 2>/dev/null) | tar -xf - -C "$work/source"
"$python" -m venv "$work/venv"
echo "wheel: building, $("$work/venv/bin/python" --version)"
"$work/venv/bin/pip" --quiet wheel --no-deps --wheel-dir "$work/dist" "$work/source"
rm -rf "$work/source"
mkdir -p "$root/dist" && cp "$work"/dist/*.whl "$root/dist/"
echo "wheel: installing $(ls "$work/dist")"
# What the commands import is compiled at its first import; the rest never has to be.
"$work/venv/bin/pip" --quiet install --no-compile "$work"/dist/*.whl

mkdir -p "$work/pages/docs" "$work/hour" "$work/python"
cp "$root/README.md" "$work/pages/" && cp "$root/docs/your-own-csv.md" "$root/docs/python.md" "$work/pages/docs/"
cp "$root"/tests/wheel/*.py "$root/tests/wheel/label.yaml" "$work/"
cd "$work/hour"
"$work/venv/bin/python" -I "$work/stranger.py" "$work/venv/bin/tuneworth" "$work/pages"
cd "$work/python"
"$work/venv/bin/python" -I "$work/python_pages.py" "$work/pages"
[ "${1:-}" = beside ] || exit 0

echo "wheel: installing evaluate beside it"
"$work/venv/bin/pip" --quiet install --no-compile evaluate
cd "$work"
"$work/venv/bin/python" -I end_to_end.py "$work/venv/bin/tuneworth"
