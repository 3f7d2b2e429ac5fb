#!/bin/sh
# Fetches odiff from npm and lets nothing through that is not pinned.
#
#   fetch.sh ARCH DEST     puts the executable pinned for ARCH (x86_64, arm64) into DEST
#   fetch.sh --pin ARCH    pins what npm serves for ARCH/package.json; for review, then commit
set -eu

say() { echo "odiff: $*" >&2; }
fail() { say "$@"; exit 1; }

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi |
        cut -d ' ' -f 1
}

# npm runs in a folder of its own, so no node_modules appears in the working tree;
# --os and --cpu because the machine that builds need not be the kind that runs.
npm_here() {
    (cd "$work" && npm "$@" --ignore-scripts --os=linux --cpu="$cpu" \
        --no-audit --no-fund --loglevel=error) >&2
}

pin=
if [ "$1" = --pin ]; then
    pin=yes
    shift
fi
arch=$1
case $arch in
x86_64) cpu=x64 ;;
arm64) cpu=arm64 ;;
*) fail "'$arch' is no Lambda architecture: x86_64 or arm64" ;;
esac
command -v npm >/dev/null || fail "npm is needed and is not on PATH"

pins=$(cd "$(dirname "$0")" && pwd)/$arch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$pins/package.json" "$work"

# A package of one platform has one executable; odiff-bin has those of all platforms, which its
# script would copy: we run no scripts and take ours.
fetched() {
    for file in "@odiff/linux-$cpu/odiff" "odiff-bin/raw_binaries/odiff-linux-$cpu"; do
        [ ! -f "$work/node_modules/$file" ] || { echo "$work/node_modules/$file"; return; }
    done
    fail "what npm fetched holds no odiff for $arch"
}

if [ -n "$pin" ]; then
    # Without "resolved" the lock names no registry: npm asks the one it is configured with,
    # and the hash decides.
    npm_here install --omit-lockfile-registry-resolved ||
        fail "npm does not serve what $arch/package.json asks for; nothing is pinned"
    file=$(fetched)
    cp "$work/package-lock.json" "$pins/package-lock.json"
    echo "$(sha256_of "$file")  odiff" >"$pins/odiff.sha256"
    say "pinned for $arch: $(cat "$pins/odiff.sha256")"
    say "compare that with upstream's release before committing it"
    exit 0
fi

dest=$2
if [ ! -f "$pins/package-lock.json" ]; then
    say "no executable is pinned for $arch: layers/odiff/$arch has no package-lock.json. Run"
    say "    make -C layers/odiff pin ARCH=$arch"
    fail "and commit the two files it writes, once reviewed."
fi
[ -f "$pins/odiff.sha256" ] || fail "layers/odiff/$arch/odiff.sha256 is missing: the package" \
    "is locked, its executable is not verified. Run: make -C layers/odiff pin ARCH=$arch"
wanted=$(cut -d ' ' -f 1 "$pins/odiff.sha256")

if [ -x "$dest/odiff" ] && [ "$(sha256_of "$dest/odiff")" = "$wanted" ]; then
    exit 0 # there already; also what makes a second `make setup` work offline
fi

cp "$pins/package-lock.json" "$work"
npm_here ci || fail "npm could not fetch what layers/odiff/$arch/package-lock.json pins"
file=$(fetched)
got=$(sha256_of "$file")
[ "$got" = "$wanted" ] || fail "the executable for $arch is not the pinned one:" \
    "sha256 $got, expected $wanted"

# Under another name first: two builds at once never see half an executable.
mkdir -p "$dest"
cp "$file" "$dest/.odiff.$$"
chmod 755 "$dest/.odiff.$$"
mv -f "$dest/.odiff.$$" "$dest/odiff"
