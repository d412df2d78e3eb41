import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../service/logger.ts';

const HOSTILE = 'a\u001b[2Jb\u009b31mc\u202ed\r\n{"level":60}';

for (const format of ['plain', 'json'] as const)
  test(`a line in the form ${format} stays one line that a terminal shows and does not obey`, () => {
    let written = '';
    const log = createLogger({ level: 'info', format, to: { write: (text) => (written += text) } });
    log.info(HOSTILE, { host: HOSTILE });
    assert.match(written, /^[ -~]+\n$/);
    if (format === 'json') {
      const { msg, host } = JSON.parse(written) as { msg: string; host: string };
      assert.deepEqual([msg, host], [HOSTILE, HOSTILE]);
    }
  });
