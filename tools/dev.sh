#!/usr/bin/env bash
# The development loop: templ rebuilds pages and restarts the server, Node rebuilds scripts and styles.
#
#   tools/dev.sh TEMPL [argument of gatehouse]...
set -euo pipefail
cd "$(dirname "$0")/.."
templ=$1
shift

node --watch-path=static/src --watch-path=views static/build.mjs &
assets=$!
trap 'kill "$assets" 2>/dev/null' EXIT
go run "$templ" generate --watch -path views --cmd "go run . $*"
