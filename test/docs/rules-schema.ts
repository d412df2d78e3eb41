/** Writes docs/rules.schema.json from the schema that the server checks the rules file by: `npm run docs`. A test checks that it is current. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RULES_FILE } from '../../alphaserver/alert-config/rules-schema.ts';

/** Path of the published schema. */
export const SCHEMA_FILE = join(import.meta.dirname, '..', '..', 'docs', 'rules.schema.json');

/** Returns the published schema. */
export const schemaText = (): string => `${JSON.stringify(RULES_FILE, null, 2)}\n`;

if (import.meta.main) writeFileSync(SCHEMA_FILE, schemaText());
