import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import {
  flag,
  integer,
  list,
  number,
  object,
  oneOf,
  optional,
  orNull,
  record,
  type Static,
  text,
} from '../../service/schema.ts';

const schema = object({
  name: text({ maxLength: 5 }),
  count: integer({ minimum: 0 }),
  share: number(),
  open: flag(),
  kind: oneOf(['failed', 'accepted']),
  hosts: list(text()),
  states: record(integer()),
  closedAt: orNull(text()),
  trust: orNull(oneOf(['journal', 'syslog'])),
  origin: optional(object({ country: orNull(text()) })),
});
type Value = Static<typeof schema>;

const value: Value = {
  name: 'web',
  count: 1,
  share: 0.5,
  open: true,
  kind: 'failed',
  hosts: ['a'],
  states: { well: 1 },
  closedAt: null,
  trust: null,
};

test('a schema takes the values of its static type, and an optional property may be absent', () => {
  const valid = new Ajv().compile(schema);
  equal(valid(value), true);
  equal(valid({ ...value, origin: { country: null } } satisfies Value), true);
});

test('a schema takes nothing that its static type does not', () => {
  const valid = new Ajv().compile(schema);
  // @ts-expect-error: a word that is none of those named
  const kind: Value = { ...value, kind: 'lost' };
  // @ts-expect-error: null where it is not allowed
  const name: Value = { ...value, name: null };
  // @ts-expect-error: a list of numbers in place of texts
  const hosts: Value = { ...value, hosts: [1] };
  // @ts-expect-error: a required property that is absent
  const absent: Value = { ...value, closedAt: undefined };
  for (const wrong of [kind, name, hosts, absent]) equal(valid(wrong), false);
  equal(valid({ ...value, name: 'longer' }), false);
});

test('a schema is plain JSON Schema', () => {
  deepEqual(JSON.parse(JSON.stringify(object({ a: optional(orNull(text())), b: list(integer()) }))), {
    type: 'object',
    required: ['b'],
    properties: { a: { type: 'string', nullable: true }, b: { type: 'array', items: { type: 'integer' } } },
  });
});
