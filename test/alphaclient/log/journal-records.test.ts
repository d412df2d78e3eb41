import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  cursorIn,
  isCursor,
  positionAfter,
  recordsBetween,
  sameRecord,
} from '../../../alphaclient/log/journal-cursor.ts';
import { JournalRecords } from '../../../alphaclient/log/journal-records.ts';
import { LOG_LINE_LIMIT_BYTES } from '../../../alphaclient/log/source.ts';

const cursor = (i: number, s = 'a1') =>
  `s=${s};i=${i.toString(16)};b=b1;m=${i.toString(16)};t=${(i + 9).toString(16)};x=${i}`;
const record = (i: number, message = `message ${i}`) =>
  `${JSON.stringify({ MESSAGE: message, __REALTIME_TIMESTAMP: String(i * 1_000_000), __CURSOR: cursor(i) })}\n`;

/** Pushes `text` in pieces of `size` bytes. */
function push(records: JournalRecords, text: string, size: number) {
  const bytes = Buffer.from(text);
  let out = '';
  let last: string | null = null;
  let omitted = 0;
  for (let at = 0; at < bytes.length; at += size) {
    const got = records.push(bytes.subarray(at, at + size));
    out += Buffer.from(got.bytes).toString();
    last = got.cursor ?? last;
    for (const { kind, lines } of got.gaps) omitted += kind === 'unreadable' ? (lines ?? 0) : 0;
  }
  return { out, last, omitted };
}

describe('the records that journalctl prints', () => {
  it('are the same wherever the output is torn', () => {
    const text = [1, 2, 3, 4].map((i) => record(i, `näme ${i}`)).join('');
    for (let size = 1; size <= text.length + 8; size += 3)
      assert.deepEqual(push(new JournalRecords(null), text, size), { out: text, last: cursor(4), omitted: 0 });
  });

  it('are emitted without the one that was emitted before, which may have another number now', () => {
    const text = record(1) + record(2);
    assert.equal(push(new JournalRecords(cursor(1)), text, 7).out, record(2));
    assert.equal(push(new JournalRecords(cursor(1, 'a2')), text, 7).out, record(2));
    assert.equal(push(new JournalRecords(cursor(2)), text, 7).out, text);
  });

  it('are distinguished from other lines that old versions print', () => {
    const text = `-- No entries --\n${record(1)}-- Reboot --\n${record(2)}`;
    assert.equal(push(new JournalRecords(null), text, 11).out, record(1) + record(2));
  });

  it(`are omitted and counted above ${LOG_LINE_LIMIT_BYTES} bytes, wherever the output is torn`, () => {
    const bare = record(2, '').length;
    const fits = record(2, 'x'.repeat(LOG_LINE_LIMIT_BYTES - bare));
    assert.equal(fits.length, LOG_LINE_LIMIT_BYTES);
    const over = record(3, 'x'.repeat(LOG_LINE_LIMIT_BYTES - bare + 1));
    const far = record(4, 'x'.repeat(5 * LOG_LINE_LIMIT_BYTES));
    const text = record(1) + fits + over + record(5) + far + record(6);
    for (const size of [1_000, 65_536, 65_537, 100_000, text.length]) {
      const got = push(new JournalRecords(null), text, size);
      assert.deepEqual(
        { ...got, out: got.out.length },
        { out: (record(1) + fits + record(5) + record(6)).length, last: cursor(6), omitted: 2 },
        `in pieces of ${size}`,
      );
    }
  });

  it('have the cursor of one that is omitted, wherever it stands in it, and whatever its texts say', () => {
    const forged = `,"__CURSOR":"${cursor(9)}",`;
    const texts = [forged, 'x'.repeat(5 * LOG_LINE_LIMIT_BYTES), forged];
    for (const place of [0, 1, 2, 3]) {
      const fields = texts.map((text, i) => [`F${i}`, text]);
      fields.splice(place, 0, ['__CURSOR', cursor(2)]);
      const over = `${JSON.stringify(Object.fromEntries(fields))}\n`;
      for (const size of [101, 1_000, over.length + 300]) {
        const got = push(new JournalRecords(null), record(1) + over, size);
        assert.deepEqual(got, { out: record(1), last: cursor(2), omitted: 1 }, `${place}, in pieces of ${size}`);
        const again = push(new JournalRecords(cursor(2)), over + record(3), size);
        assert.deepEqual(again, { out: record(3), last: cursor(3), omitted: 0 });
      }
    }
  });

  it('have the time of the last of them', () => {
    assert.equal(new JournalRecords(null).push(Buffer.from(record(5) + record(7))).writtenMs, 7_000);
    assert.equal(new JournalRecords(null).push(Buffer.from('{"MESSAGE":')).writtenMs, null);
  });
});

describe('a cursor', () => {
  it('is found again in a saved position, and nothing else is taken for one', () => {
    assert.equal(cursorIn(positionAfter(cursor(4))), cursor(4));
    assert.equal(cursorIn(positionAfter(null)), null);
    for (const wrong of [{}, { version: 2, cursor: cursor(4) }, { version: 1 }, { version: 1, cursor: 7 }])
      assert.equal(cursorIn(wrong), undefined);
    for (const wrong of ['', 's', '--rotate', `${cursor(1)};`, `${cursor(1)} -m`, `s=${'0'.repeat(33)}`])
      assert.ok(!isCursor(wrong), wrong);
    assert.ok(!isCursor(Array(200).fill('s=1').join(';')), 'too long');
  });

  it('names the same record as another when number and hash, or boot, times and hash agree', () => {
    assert.ok(sameRecord(cursor(1), cursor(1)));
    assert.ok(sameRecord(cursor(1), cursor(1, 'a2')));
    assert.ok(!sameRecord(cursor(1), cursor(2)));
    assert.ok(!sameRecord('s=1;i=1', 's=1;i=2'));
  });

  it('gives how many records are between it and a later one of its sequence', () => {
    assert.equal(recordsBetween(cursor(1), cursor(2)), 0);
    assert.equal(recordsBetween(cursor(1), cursor(20)), 18);
    assert.equal(recordsBetween(cursor(20), cursor(1)), null);
    assert.equal(recordsBetween(cursor(1), cursor(2, 'a2')), null);
  });
});
