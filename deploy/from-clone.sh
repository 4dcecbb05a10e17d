#!/usr/bin/env bash
# From a fresh clone to the first live transition on the board, everything included, timed: deploy/from-clone.sh [REPOSITORY]
# Clones into a temporary folder (the repository that this file is in, unless told), installs everything and runs
# `make first-transition`. Left out is only what is not needed for it: compiling the core, a minute that `make setup` takes.
set -euo pipefail
repository=${1:-$(cd "$(dirname "$0")/.." && pwd)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
began=$SECONDS
git clone --quiet "$repository" "$folder/journeys"
cd "$folder/journeys"
echo "$((SECONDS - began)) s  cloned"
make .venv/.installed
echo "$((SECONDS - began)) s  installed"
make first-transition
total=$((SECONDS - began))
echo "$total s  from a fresh clone to the first live transition on the board (promised: below 300)"
test "$total" -lt 300
