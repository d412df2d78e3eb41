#!/bin/sh
# Installs what package-lock.json names, once, and again when the lock file has changed.
# Standard output stays free for the program that follows. Warnings are left out: an older Node that installs is warned
# about packages that it will not run.
# A node_modules that is a link belongs to another checkout, which installs it: npm ci would empty it behind the link.
set -e
cd "$(dirname "$0")/.."
[ -L node_modules ] || [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --loglevel=error >&2
