#!/bin/sh
# Installs the wheels for this system in an empty environment and compares examples/, on Linux, macOS
# and Windows (in Git's shell):
#
#   tools/wheels/try-anywhere.sh WHEELS
set -eu
checkout=$(cd "$(dirname "$0")/../.." && pwd)
wheels=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"${PYTHON:-python}" -m venv env
programs=env/bin
[ -d "$programs" ] || programs=env/Scripts
# Both by path, and only wheels: an index could have a stranger's package of that name.
case $("$programs/python" -c 'import platform, sys; print(sys.platform, platform.machine())') in
"linux x86_64") platform=manylinux_2_28_x86_64 ;;
"linux aarch64") platform=manylinux_2_28_aarch64 ;;
"darwin x86_64") platform=macosx_11_0_x86_64 ;;
"darwin arm64") platform=macosx_11_0_arm64 ;;
"win32 AMD64") platform=win_amd64 ;;
*) echo "there is no wheel for this system" >&2; exit 2 ;;
esac
"$programs/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
    "$wheels"/pixelgate-*-py3-none-any.whl \
    "$wheels"/pixelgate_compare-*-"$platform".whl

"$programs/pixelgate" --version
"$programs/python" -m pixelgate --help >/dev/null
code=0
result=$("$programs/pixelgate" compare "$checkout/examples/base" "$checkout/examples/head" --json) || code=$?
echo "$result"
# The same counts on every system; docs/install.md says where it was tried.
counts='"counts": {"total": 48, "changed": 21, "added": 9, "removed": 5, "renamed": 1, "unchanged": 12, "skipped": 0, "errored": 0}'
case $result in
*"$counts"*) [ "$code" = 1 ] && echo "as expected" ;;
*) echo "another result, exit code $code" >&2; exit 1 ;;
esac
