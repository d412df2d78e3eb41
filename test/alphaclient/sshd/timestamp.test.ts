import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reader } from '../../../alphaclient/sshd/reader.ts';
import { TimeZone } from '../../../alphaclient/sshd/time-zone.ts';
import { SessionOutbox } from './session-outbox.ts';

const DAY = 86_400;

function times(lines: readonly string[], writtenMs: number, timeZone = 'UTC'): (string | null)[] {
  const text = lines
    .map((time) => `${time} web sshd[1]: Failed password for bob from 192.0.2.1 port 1 ssh2\n`)
    .join('');
  return new Reader().read(Buffer.from(text), { writtenMs, nowMs: writtenMs, timeZone }).map(({ event }) => event.at);
}

describe('years of year-less lines', () => {
  it('a December line in a file written in January is of last year', () => {
    deepEqual(times(['Dec 31 23:59:59', 'Jan  1 00:00:00'], Date.UTC(2027, 0, 1, 8)), [
      '2026-12-31T23:59:59.000Z',
      '2027-01-01T00:00:00.000Z',
    ]);
  });
  it('a line written out of order around New Year goes back a second, not forward a year', () => {
    deepEqual(
      times(['Dec 31 23:59:58', 'Jan  1 00:00:00', 'Dec 31 23:59:59', 'Jan  1 00:00:01'], Date.UTC(2027, 5, 1)),
      ['2026-12-31T23:59:58.000Z', '2027-01-01T00:00:00.000Z', '2026-12-31T23:59:59.000Z', '2027-01-01T00:00:01.000Z'],
    );
  });
  it('a leap day is of a leap year, and what follows it, too', () => {
    deepEqual(times(['Feb 29 12:00:00', 'Mar  1 12:00:00'], Date.UTC(2026, 10, 1)), [
      '2024-02-29T12:00:00.000Z',
      '2024-03-01T12:00:00.000Z',
    ]);
  });
  it("a log that is a little ahead of the file's time is not a year old", () => {
    deepEqual(times(['Nov 24 12:00:00'], Date.UTC(2026, 10, 24, 1)), ['2026-11-24T12:00:00.000Z']);
  });
  it('a day that there is not has no moment', () => {
    const utc = new TimeZone('UTC');
    ok(Number.isNaN(utc.momentWithoutYear(1, 31, 0, { writtenMs: Date.UTC(2026, 1, 1), previousMs: Number.NaN })));
    ok(Number.isNaN(utc.moment(2026, 1, 29, 0)));
  });
});

describe('local times', () => {
  it('are of the zone given, summer and winter', () => {
    deepEqual(times(['Jul  1 12:00:00', 'Nov  1 12:00:00'], Date.UTC(2026, 10, 24), 'Europe/Berlin'), [
      '2026-07-01T10:00:00.000Z',
      '2026-11-01T11:00:00.000Z',
    ]);
  });
  it('within the hour that the clocks skip, and in the one they show twice, are moments all the same', () => {
    const berlin = new TimeZone('Europe/Berlin');
    equal(berlin.moment(2026, 2, 29, 1.5 * 3600), Date.UTC(2026, 2, 29, 0, 30));
    equal(berlin.moment(2026, 2, 29, 3.5 * 3600), Date.UTC(2026, 2, 29, 1, 30));
    for (let second = 0; second < DAY; second += 900)
      for (const day of [29, 25]) ok(!Number.isNaN(berlin.moment(2026, day === 29 ? 2 : 9, day, second)));
  });
  it('in the repeated hour of autumn go by the order of the lines, also over restarts', () => {
    const clocks = ['01:59:50', '02:30:00', '02:59:58', '02:00:01', '02:00:00', '02:50:00', '03:00:00'];
    const expected = ['59:50', '30:00', '59:58', '00:01', '00:00', '50:00', '00:00'].map(
      (rest, i) => `2026-10-${i === 0 ? '24T23' : i < 3 ? '25T00' : i < 6 ? '25T01' : '25T02'}:${rest}.000Z`,
    );
    const context = { writtenMs: Date.UTC(2026, 10, 24), nowMs: Date.UTC(2026, 10, 24), timeZone: 'Europe/Berlin' };
    for (const date of ['Oct 25 ', '2026-10-25 ', '25/Oct/2026:', 'Sun 2026-10-25 ']) {
      const outbox = new SessionOutbox();
      let reader = outbox.reader();
      const found = clocks.map((clock) => {
        const line = `${date}${clock} web sshd[1]: Failed password for bob from 192.0.2.1 port 1 ssh2\n`;
        const [located] = reader.read(Buffer.from(line), context);
        reader = outbox.restart(reader);
        return located?.event.at;
      });
      deepEqual(found, expected, date);
      deepEqual(
        times(
          clocks.map((clock) => date + clock),
          context.writtenMs,
          context.timeZone,
        ),
        expected,
        date,
      );
    }
  });
  it('of a log that is collected go back without another hour', () => {
    deepEqual(
      times(['Oct 25 02:30:00', 'Oct 25 01:30:00', 'Oct 25 02:30:01'], Date.UTC(2026, 10, 24), 'Europe/Berlin'),
      ['2026-10-25T00:30:00.000Z', '2026-10-24T23:30:00.000Z', '2026-10-25T00:30:01.000Z'],
    );
  });
  it('are of this machine where no zone is given', () => {
    equal(new TimeZone().moment(2026, 6, 1, 3_600), new Date(2026, 6, 1, 1).getTime());
  });
});
