#!/bin/sh
# Installs what package-lock.json names, once, and again when the lock file has changed.
# Standard output stays free for the program that follows. Warnings are left out: an older Node that installs is warned
# about packages that it will not run.
set -e
cd "$(dirname "$0")/.."
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --loglevel=error >&2
