#!/bin/sh
# Makes a virtual environment with pixelgate's command line, from this checkout and the locked lists
# in it: every package that is downloaded must have a hash that is written there.
#
#   install.sh FOLDER      makes FOLDER, with bin/pixelgate (on Windows Scripts/pixelgate) in it
#
# PYTHON names the Python, 3.11 to 3.14; by default python3. Downloads are kept in UV_CACHE_DIR, by
# default ~/.cache/pixelgate, which a CI job may keep: `install.sh --key` prints a key for it.
set -eu

fail() { echo "pixelgate: $*" >&2; exit 2; }

checkout=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$(command -v python3 || command -v python || true)}
[ -n "$python" ] || fail "there is no Python on PATH; PYTHON names one, from 3.11 to 3.14"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' ||
    fail "$("$python" --version) is not supported; PYTHON names one from 3.11 to 3.14"

if [ "${1:-}" = --key ]; then
    exec "$python" -c 'import hashlib, platform, sys
lists = b"".join(open(name, "rb").read() for name in sys.argv[1:])
print(sys.platform, platform.machine(), hashlib.sha256(lists).hexdigest()[:16], sep="-")' \
        "$checkout/requirements-client.txt" "$checkout/tools/install/requirements.txt"
fi
[ -n "${1:-}" ] || fail "name the folder: install.sh FOLDER"

export UV_CACHE_DIR="${UV_CACHE_DIR:-$HOME/.cache/pixelgate}"
export UV_PYTHON_DOWNLOADS=never
# pip fetches uv, and uv the rest, in a tenth of pip's time.
"$python" -m venv "$1"
programs=$1/bin
[ -d "$programs" ] || programs=$1/Scripts
"$programs/python" -m pip install --quiet --disable-pip-version-check --cache-dir "$UV_CACHE_DIR/pip" \
    --only-binary :all: --require-hashes -r "$checkout/tools/install/requirements.txt"
"$programs/uv" pip install --quiet --python "$programs/python" --only-binary :all: \
    --require-hashes -r "$checkout/requirements-client.txt"
# setuptools, which builds our own package, is in the locked list: nothing else is fetched for it.
# It leaves folders beside the sources, so it gets a copy.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/functions"
cp -R "$checkout/functions/pixelgate" "$copy/functions"
cp "$checkout/pyproject.toml" "$checkout/setup.py" "$checkout/README.md" "$checkout/LICENSE" "$copy"
# Files elsewhere in the checkout that setup.py puts into the package.
"$python" - "$checkout" "$copy" <<'END'
import pathlib, runpy, shutil, sys

checkout, copy = map(pathlib.Path, sys.argv[1:])
for name in runpy.run_path(str(copy / "functions/pixelgate/sandbox/files.py"))["COPIED"].values():
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkout / name, copy / name)
END
"$programs/uv" pip install --quiet --python "$programs/python" --no-deps --no-build-isolation "$copy"
"$programs/pixelgate" --version
# In a job of GitHub Actions, for the steps that follow.
[ -z "${GITHUB_PATH:-}" ] || printf '%s\n' "$programs" >> "$GITHUB_PATH"
