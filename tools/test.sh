#!/usr/bin/env bash
# All that must hold before a change lands. Called by `make test`; `tools/test.sh e2e` runs the browser and SDK part alone.
#
# Every check runs even when an earlier one has failed, so that one run shows everything. The servers it starts live in a
# temporary folder and end with this script, however it ends. The last line counts checks and tests: "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0
failed=0
work=$(mktemp -d /tmp/gatehouse-test-XXXXXX)
chmod 711 "$work" # PostgreSQL, which runs under another user, must get to its folder
finish() {
  tools/services.sh down "$work/services"
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Runs one check by its name and counts it.
check() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
  echo "   $((SECONDS - start)) s"
}

# Runs a test runner that leaves "PASSED FAILED" in a file, and adds these to the count. A runner that dies counts as one.
count() {
  local name=$1 start=$SECONDS ok=0 bad=0
  shift
  echo "== $name"
  rm -f "$work/count"
  "$@"
  local code=$?
  if [ -s "$work/count" ]; then read -r ok bad <"$work/count"; fi
  if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  passed=$((passed + ok))
  failed=$((failed + bad))
  echo "   $((SECONDS - start)) s"
}

sum() { find views static/dist proxy -type f \( -name '*_templ.go' -o -name '*_gen.go' -o -path 'static/dist/*' -o -name '*.json' \) -exec sha256sum {} + | sort -k 2; }

# Generated files are what their sources say: writing them again changes nothing.
is_generated() {
  sum >"$work/before"
  make --no-print-directory generate || return 1
  sum >"$work/after"
  diff "$work/before" "$work/after" | sed -n 's/^[<>] [0-9a-f]*  //p' | sort -u >"$work/old"
  if [ -s "$work/old" ]; then
    echo "old, run make generate and commit:"
    cat "$work/old"
    return 1
  fi
}

go_tests() { go run ./tools/gotest -out "$work/count" -- -timeout 10m "$@"; }

# vet has run with lint. The race detector needs cgo. With it comes the C part of an SQLite driver that we do not use: -O0 makes that quick.
race_tests() { CGO_ENABLED=1 CGO_CFLAGS=-O0 go_tests -race -vet=off "$@"; }

node_tests() {
  node --test --test-concurrency=1 --test-timeout=300000 --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$work/tap" "$@"
  local code=$?
  awk '/^# pass /{p=$3} /^# (fail|cancelled) /{f+=$3} END{print p+0, f+0}' "$work/tap" >"$work/count"
  return $code
}

all() {
  tools/need.sh go gcc postgres redis chromium shellcheck npm python golangci-lint || return 1
  check "generated files are current" is_generated
  check "lint" make --no-print-directory lint
  check "build" make --no-print-directory build
  start_services || return 1
  count "Go tests" race_tests ./...
  count "browser journeys and SDK" journeys
}

start_services() {
  local exports
  exports=$(tools/services.sh up "$work/services") || return 1
  eval "$exports"
}

journeys() { node_tests e2e/*/*.test.mjs; }

# Tests that run the program take this one instead of building their own.
export GATEHOUSE_BINARY=$PWD/bin/gatehouse

case ${1:-all} in
  all) all ;;
  e2e)
    tools/need.sh go postgres redis chromium npm python && make --no-print-directory build && start_services &&
      count "Go SDK" go_tests -count=1 ./e2e/... && count "browser journeys and SDK" journeys
    ;;
  *) echo "test.sh: no part called $1" >&2; exit 2 ;;
esac
code=$?
if [ $code -ne 0 ]; then failed=$((failed + 1)); fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
