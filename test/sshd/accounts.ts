/** Ways to come to an sshd that has accounts and PAM: those of host.ts. */
import { Client, Key } from './client.ts';
import { RIGHT } from './host.ts';
import { expect, type Scenario } from './scenarios.ts';
import { MAX_TRIES } from './server.ts';

const WRONG = 'not the password';
const UNKNOWN = { invalidUser: true };
const KEYBOARD = { method: 'keyboard-interactive' };

/** The settings that the host's sshd needs beside the usual ones. */
export const ACCOUNTS_CONFIG = [
  'UsePAM yes',
  'PermitRootLogin no',
  'PasswordAuthentication yes',
  'KbdInteractiveAuthentication yes',
];
/** The end of the file: what holds for one user. */
export const ACCOUNTS_MATCH = ['Match User both', 'AuthenticationMethods publickey,password'];

export const ACCOUNT_SCENARIOS: readonly Scenario[] = [
  [
    'the right password',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('success', await client.password('alice', RIGHT));
      await client.disconnect('done');
      return [note(client)('accepted', 'alice')];
    },
  ],
  [
    'a wrong password, then the right one',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.password('bob', WRONG));
      expect('success', await client.password('bob', RIGHT));
      await client.close();
      return [note(client)('failed', 'bob'), note(client)('accepted', 'bob')];
    },
  ],
  [
    'the right answer, keyboard-interactive',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('success', await client.keyboardInteractive('alice', RIGHT));
      await client.close();
      return [note(client)('accepted', 'alice', KEYBOARD)];
    },
  ],
  [
    'a wrong answer, keyboard-interactive',
    async ({ sshd, from, level }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.keyboardInteractive('alice', WRONG));
      await client.close();
      return [note(client)('failed', 'alice', { ...KEYBOARD, portMissing: level === 'INFO' })];
    },
  ],
  [
    'a wrong answer, then the right password',
    async ({ sshd, from, level }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.keyboardInteractive('bob', WRONG));
      expect('success', await client.password('bob', RIGHT));
      await client.close();
      return [
        note(client)('failed', 'bob', { ...KEYBOARD, portMissing: level === 'INFO' }),
        note(client)('accepted', 'bob'),
      ];
    },
  ],
  [
    'an answer of an unknown user, keyboard-interactive',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      for (let i = 0; i < 2; i++) expect('failure', await client.keyboardInteractive('postgres1', WRONG));
      await client.close();
      return [1, 2].map(() => note(client)('failed', 'postgres1', { ...UNKNOWN, ...KEYBOARD }));
    },
  ],
  [
    'passwords and answers until sshd has had enough',
    async ({ sshd, from, level }, note) => {
      const client = await Client.ready(sshd.port, from);
      for (let i = 0; i < MAX_TRIES / 2; i++) {
        expect('failure', await client.password('alice', WRONG));
        const last = i === MAX_TRIES / 2 - 1;
        expect(last ? 'closed' : 'failure', await client.keyboardInteractive('alice', WRONG));
      }
      return Array.from({ length: MAX_TRIES / 2 }, () => [
        note(client)('failed', 'alice'),
        note(client)('failed', 'alice', { ...KEYBOARD, portMissing: level === 'INFO' }),
      ]).flat();
    },
  ],
  [
    'root, with the right password, where root may not',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.password('root', RIGHT));
      await client.close();
      return [note(client)('failed', 'root')];
    },
  ],
  [
    'root, with the right key, where root may not',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.key('root', sshd.key));
      await client.close();
      return [note(client)('failed', 'root', { method: 'publickey' })];
    },
  ],
  [
    'the right password of an account that is over',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('closed', await client.password('gone', RIGHT));
      return [note(client)('failed', 'gone')];
    },
  ],
  [
    'a key where a password is asked for as well',
    async ({ sshd, from }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.key('both', sshd.key));
      expect('failure', await client.password('both', WRONG));
      expect('success', await client.password('both', RIGHT));
      await client.close();
      return [note(client)('failed', 'both'), note(client)('accepted', 'both')];
    },
  ],
  [
    'a refused key, then the right answer',
    async ({ sshd, from, level }, note) => {
      const client = await Client.ready(sshd.port, from);
      expect('failure', await client.key('alice', new Key()));
      expect('success', await client.keyboardInteractive('alice', RIGHT));
      await client.close();
      const refused = note(client)('failed', 'alice', { method: 'publickey' });
      return [...(level === 'VERBOSE' ? [refused] : []), note(client)('accepted', 'alice', KEYBOARD)];
    },
  ],
];
