/**
 * Hashes of blocks of a file, spread evenly over what was read of it: they verify a copy of any size by reading a bounded number of
 * bytes.
 */

import { FINGERPRINT_BYTES, fingerprintOf, type ReadBytes } from './fingerprint.ts';

/** The length of a block: the bytes that a reader remembers anyway. */
export const BLOCK_BYTES = FINGERPRINT_BYTES;
/** The blocks of one file, at most: they are saved with every commit, and all read to verify a copy. */
export const BLOCKS_LIMIT = 32;
/** The distance of the blocks in a short file. It is doubled whenever there would be too many blocks. */
const FIRST_EVERY_BYTES = 4_096;

/** The hash of the block that ends at each multiple of `every` bytes, in order. */
export interface BlockHashes {
  readonly every: number;
  readonly hashes: readonly string[];
}

/** No hashes: of a file of which nothing was read, or where they are not kept. */
export const NO_BLOCKS: BlockHashes = { every: FIRST_EVERY_BYTES, hashes: [] };

/** Adds the blocks that end in `bytes`, which begin at the offset `from`; `before`: the bytes before them, a block or all. */
export function addBlocks(blocks: BlockHashes, from: number, before: Buffer, bytes: Buffer): BlockHashes {
  let { every, hashes } = blocks;
  const to = from + bytes.length;
  for (let end = (hashes.length + 1) * every; end <= to; end = (hashes.length + 1) * every) {
    if (hashes.length === BLOCKS_LIMIT) {
      hashes = hashes.filter((_, i) => i % 2 === 1);
      every *= 2;
      continue;
    }
    const at = end - from;
    const block =
      at >= BLOCK_BYTES
        ? bytes.subarray(at - BLOCK_BYTES, at)
        : Buffer.concat([before.subarray(before.length - (BLOCK_BYTES - at)), bytes.subarray(0, at)]);
    hashes = [...hashes, fingerprintOf(block).hash];
  }
  return hashes === blocks.hashes ? blocks : { every, hashes };
}

/** Returns whether these are all blocks of a file up to `offset`. */
export function isComplete({ every, hashes }: BlockHashes, offset: number): boolean {
  return hashes.length === Math.floor(offset / every);
}

/** Returns the blocks that end at or before `offset`. */
export function blocksUpTo(blocks: BlockHashes, offset: number): BlockHashes {
  const count = Math.floor(offset / blocks.every);
  return count >= blocks.hashes.length ? blocks : { every: blocks.every, hashes: blocks.hashes.slice(0, count) };
}

/** Hashes the blocks of a file up to `offset`. Throws read's errors. */
export function blocksOf(offset: number, read: ReadBytes): BlockHashes {
  let every = FIRST_EVERY_BYTES;
  while (offset / every >= BLOCKS_LIMIT + 1) every *= 2;
  const hashes = Array.from({ length: Math.floor(offset / every) }, (_, i) => {
    const end = (i + 1) * every;
    return fingerprintOf(read(end - BLOCK_BYTES, end)).hash;
  });
  return { every, hashes };
}

/** Returns whether a file has these blocks, as far as it has `size` bytes. Throws read's errors. */
export function matchesBlocks(blocks: BlockHashes, size: number, read: ReadBytes): boolean {
  return blocksUpTo(blocks, size).hashes.every((hash, i) => {
    const end = (i + 1) * blocks.every;
    return fingerprintOf(read(end - BLOCK_BYTES, end)).hash === hash;
  });
}
