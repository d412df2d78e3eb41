#!/bin/sh
# Starts alphaclient with V8's options for its command. Read buffers die at once, and V8 would grow its young generation to 32 MiB for
# them. An agent that mostly waits gets 1 MiB of it, and only its hottest functions are optimized: both keep its memory small. A scan gets
# 4 MiB, with which it takes an eighth less time, and V8's own rule of what to optimize, which for a million lines is the better one.
# glibc would keep an arena for each thread, and raise the size from which it returns memory to the kernel with each block freed
# (mallopt(3)): an agent with one arena and blocks of 64 KiB returned holds 1 MiB less, and reads a long log as fast.
case "${1:-run}" in
  scan | explain) set -- --max-semi-space-size=4 "${0%start.sh}main.ts" "$@" ;;
  *)
    export MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=65536
    set -- --max-semi-space-size=1 --invocation-count-for-turbofan=50000 "${0%start.sh}main.ts" "$@"
    ;;
esac
exec node "$@"
