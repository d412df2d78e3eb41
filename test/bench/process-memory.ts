/** How programs are started as a user does, and the memory they take, from Linux' /proc. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import MANIFEST from '../../package.json' with { type: 'json' };
import type { Program } from '../programs.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** The environment of both programs. */
export const COMPILED_ENV = {
  NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'node'),
  PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
};

/** V8's options that a script starts a program with. */
export const v8OptionsOf = (script: string): string[] => script.match(/--[a-z-]+=\d+/g) ?? [];

/** What a script sets of glibc's allocator (mallopt(3)). */
export const mallocEnvOf = (script: string): Record<string, string> =>
  Object.fromEntries([...script.matchAll(/(MALLOC_[A-Z_]+)=(\d+)/g)].map(([, name, value]) => [name, value]));

/** The environment of a server, as `npm run alphaserver` sets it. */
export const SERVER_ENV = {
  ...COMPILED_ENV,
  NODE_OPTIONS: v8OptionsOf(MANIFEST.scripts.alphaserver).join(' '),
  ...mallocEnvOf(MANIFEST.scripts.alphaserver),
};

/** MiB. */
export interface Memory {
  /** Private memory that no file backs. */
  readonly anonymous: number;
  readonly resident: number;
  /** The most that was resident since the start, or since `forgetPeak`. */
  readonly peak: number;
}

/** Reads it. */
export function memoryOf({ child }: Program): Memory {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const mib = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024;
  return { anonymous: mib('RssAnon'), resident: mib('VmRSS'), peak: mib('VmHWM') };
}

/** Begins the peak anew (proc_pid_clear_refs(5)). */
export const forgetPeak = ({ child }: Program): void => writeFileSync(`/proc/${child.pid}/clear_refs`, '5');
