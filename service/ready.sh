#!/bin/sh
# Installs what package-lock.json names, once, and again when the lock file has changed.
# Standard output stays free for the program that follows.
set -e
cd "$(dirname "$0")/.."
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci >&2
