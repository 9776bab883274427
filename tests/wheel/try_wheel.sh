#!/bin/sh
# Build the wheel, install it beside Hugging Face's `evaluate` in a clean environment, and run a small end-to-end there,
# in a folder from which the sources cannot be reached.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A copy of what git knows: nothing that lies about in the folder gets into the wheel.
mkdir "$work/source" && (cd "$root" && git ls-files -z | xargs -0 tar -cf - 2>/dev/null) | tar -xf - -C "$work/source"
"$python" -m venv "$work/venv"
echo "wheel: building"
"$work/venv/bin/pip" --quiet wheel --no-deps --wheel-dir "$work/dist" "$work/source"
rm -rf "$work/source"
mkdir -p "$root/dist" && cp "$work"/dist/*.whl "$root/dist/"
echo "wheel: installing $(ls "$work/dist") beside evaluate"
"$work/venv/bin/pip" --quiet install "$work"/dist/*.whl evaluate

cp "$root/tests/wheel/end_to_end.py" "$root/tests/wheel/share_equal.py" "$work/"
cd "$work"
"$work/venv/bin/python" -I end_to_end.py "$work/venv/bin/tuneworth"
