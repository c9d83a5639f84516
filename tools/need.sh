#!/usr/bin/env bash
# Makes sure that the named things are there, installing only what is missing:
#
#   tools/need.sh [go] [gcc] [postgres] [redis] [chromium] [shellcheck] [npm] [python] [golangci-lint]
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "need.sh: $*" >&2; exit 1; }

have() { command -v "$1" >/dev/null 2>&1; }

have_postgres() { have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

have_chromium() {
  local name
  for name in "${CHROMIUM:-chromium}" chromium chromium-browser google-chrome google-chrome-stable; do
    if have "$name"; then return 0; fi
  done
  return 1
}

install_packages() {
  local as_root=()
  have apt-get || die "cannot install $*: there is no apt-get; install them by hand"
  if [ "$(id -u)" -ne 0 ]; then
    have sudo || die "cannot install $*: neither root nor sudo"
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

need_npm() {
  have node || die "Node.js 20 or newer is needed"
  npm ls >/dev/null 2>&1 || npm ci --no-audit --no-fund --loglevel error
}

# The Python SDKs that the tests speak as, in a folder of their own that a change of their list makes anew.
need_python() {
  local list=e2e/sdk/requirements.txt folder=bin/tools/python
  if cmp -s "$list" "$folder/installed.txt"; then return; fi
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$list"
  cp "$list" "$folder/installed.txt"
}

# A Python that can make such a folder: Debian keeps that part in a package of its own.
have_python() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

need_golangci_lint() {
  local version=${GOLANGCI_LINT:?set by the Makefile}
  if [ -x bin/tools/golangci-lint ] && bin/tools/golangci-lint version 2>/dev/null | grep -qF "${version#v}"; then return; fi
  echo "building golangci-lint $version"
  GOBIN=$PWD/bin/tools go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
}

packages=()
for thing in "$@"; do
  case $thing in
    go) have go || die "Go $(sed -n 's/^go //p' go.mod) or newer is needed: https://go.dev/dl" ;;
    gcc) have gcc || packages+=(gcc libc6-dev) ;;
    postgres) have_postgres || packages+=(postgresql) ;;
    redis) have redis-server || have valkey-server || packages+=(redis-server) ;;
    chromium) have_chromium || packages+=(chromium) ;;
    shellcheck) have shellcheck || packages+=(shellcheck) ;;
    python) have_python || packages+=(python3 python3-venv) ;;
    npm | golangci-lint) ;;
    *) die "do not know how to get $thing" ;;
  esac
done
if [ ${#packages[@]} -gt 0 ]; then install_packages "${packages[@]}"; fi
for thing in "$@"; do
  case $thing in
    npm) need_npm ;;
    python) need_python ;;
    golangci-lint) need_golangci_lint ;;
  esac
done
