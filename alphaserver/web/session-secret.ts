/** The secret that signs sessions: made once, so that a restart logs nobody out. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../service/files.ts';

const SECRET_BYTES = 32;

/** Returns the secret of a data folder; makes it where there is none, or no whole one. */
export function sessionSecret(dataFolder: string): Buffer {
  const file = join(dataFolder, 'session-secret');
  const stored = read(file);
  if (stored.length === SECRET_BYTES) return stored;
  const made = randomBytes(SECRET_BYTES);
  replaceFile(file, made.toString('base64'));
  return made;
}

function read(file: string): Buffer {
  try {
    return Buffer.from(readFileSync(file, 'utf8'), 'base64');
  } catch {
    // The first start.
    return Buffer.alloc(0);
  }
}
