/** The secret that signs sessions: made once, so that a restart logs nobody out. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../service/files.ts';

const SECRET_BYTES = 32;

/** Returns the secret of a data folder; makes it where there is none, or no whole one. */
export function sessionSecret(dataFolder: string): Buffer {
  const stored = read(fileIn(dataFolder));
  if (stored.length === SECRET_BYTES) return stored;
  const made = randomBytes(SECRET_BYTES);
  writeSessionSecret(dataFolder, made);
  return made;
}

/** Puts a secret into a data folder; servers read it at their start. */
export function writeSessionSecret(dataFolder: string, secret: Buffer): void {
  replaceFile(fileIn(dataFolder), secret.toString('base64'));
}

const fileIn = (dataFolder: string): string => join(dataFolder, 'session-secret');

function read(file: string): Buffer {
  try {
    return Buffer.from(readFileSync(file, 'utf8'), 'base64');
  } catch {
    // The first start.
    return Buffer.alloc(0);
  }
}
