#!/bin/sh
# Installs what package-lock.json names, once, and again when the lock file has changed.
# Standard output stays free for the program that follows. Warnings are left out: an older Node that installs is warned
# about packages that it will not run.
# Of all packages the runtime alone needs its install script, which fetches the one for this machine: no other one is run.
# A node_modules that is a link belongs to another checkout, which installs it: npm ci would empty it behind the link.
set -e
cd "$(dirname "$0")/.."
[ -L node_modules ] && exit
[ node_modules/.package-lock.json -nt package-lock.json ] && [ -x node_modules/node/bin/node ] && exit
npm ci --ignore-scripts --loglevel=error >&2
npm rebuild --ignore-scripts=false --loglevel=error node >&2
