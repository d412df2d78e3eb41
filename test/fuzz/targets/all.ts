/** All fuzz targets, each with the number of inputs that `npm test` tries: about a second's. */
import type { Target } from '../fuzz.ts';
import { databases } from './databases.ts';
import { frames } from './frames.ts';
import { http } from './http.ts';
import { journalObjects, logLines } from './log-lines.ts';
import { accessFiles, rules, settings, tokens } from './settings.ts';

export const TARGETS: readonly { readonly target: Target; readonly inputs: number }[] = [
  { target: frames, inputs: 5_000 },
  { target: http, inputs: 200 },
  { target: logLines, inputs: 1_000 },
  { target: journalObjects, inputs: 3_000 },
  { target: settings, inputs: 3_000 },
  { target: rules, inputs: 30 },
  { target: tokens, inputs: 2_000 },
  { target: accessFiles, inputs: 1_000 },
  { target: databases, inputs: 40 },
];
