import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { until } from '../until.ts';

const launcher = resolve(import.meta.dirname, '../../service/launcher.ts');
const folder = mkdtempSync(join(tmpdir(), 'launcher-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program that stays up, says that it is, and ends on a signal with the given exit code, telling which it got. */
function patient(name: string, exitCode = 0): string {
  return program(
    name,
    `for (const signal of ['SIGINT', 'SIGTERM'] as const)
       process.on(signal, () => { console.log('${name} got ' + signal); setTimeout(() => process.exit(${exitCode}), 30); });
     setInterval(() => {}, 1_000);
     console.log('${name} is up');
     process.send?.({ ready: {} });`,
  );
}

function program(name: string, source: string): string {
  const path = join(folder, `${name}.ts`);
  writeFileSync(path, source);
  return path;
}

type Launched = {
  readonly child: ChildProcess;
  readonly printed: () => string;
  readonly ended: Promise<number | null>;
  /** Waits until what was printed has `text`, or throws with what was printed instead. */
  readonly prints: (text: string) => Promise<void>;
};

function launch(...args: string[]): Launched {
  return launchWith({}, ...args);
}

function launchWith(environment: Record<string, string>, ...args: string[]): Launched {
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const ended = new Promise<number | null>((done) => child.once('close', (code) => done(code)));
  return {
    child,
    printed: () => output,
    ended,
    async prints(text) {
      await until(
        () => {
          if (output.includes(text)) return true;
          assert.equal(child.exitCode, null, `ended without printing ${text}, but:\n${output}`);
          return false;
        },
        () => `prints ${text}, but:\n${output}`,
      );
    },
  };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} reaches every program once, all are waited for, and the exit code is 0`, async () => {
    const launched = launch(patient(`one-${signal}`), patient(`two-${signal}`));
    await launched.prints(`one-${signal} is up`);
    await launched.prints(`two-${signal} is up`);
    launched.child.kill(signal);
    launched.child.kill(signal);
    assert.equal(await launched.ended, 0, launched.printed());
    for (const name of ['one', 'two']) {
      assert.equal(launched.printed().split(`${name}-${signal} got ${signal}`).length, 2, launched.printed());
    }
  });
}

test('Ctrl-C in a terminal reaches each program once, although all belong to the same terminal', async () => {
  // The signal goes to the whole process group, as a terminal sends it.
  const child = spawn(process.execPath, [launcher, patient('alpha'), patient('beta')], { detached: true });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (output.includes('alpha is up') && output.includes('beta is up') && !output.includes('got')) {
      process.kill(-(child.pid ?? assert.fail('no pid')), 'SIGINT');
    }
  });
  assert.equal(await new Promise((done) => child.once('close', done)), 0, output);
  assert.equal(output.match(/alpha got SIGINT/g)?.length, 1, output);
  assert.equal(output.match(/beta got SIGINT/g)?.length, 1, output);
});

test('the end of the first program stops the others, and its exit code is returned', async () => {
  const first = program(
    'short',
    `process.on('message', () => {}); process.send?.({ ready: {} }); setTimeout(() => process.exit(7), 500);`,
  );
  const launched = launch(first, patient('left'));
  assert.equal(await launched.ended, 7);
  assert.match(launched.printed(), /short\.ts ended with exit code 7; stopping the rest/);
});

test('a first program that is killed counts as 128 and the number of the signal', async () => {
  const launched = launch(program('killed', `process.kill(process.pid, 'SIGKILL');`), patient('mourner'));
  assert.equal(await launched.ended, 137, launched.printed());
});

test('the failure of another program is reported, leaves the first up, and shows in the exit code', async () => {
  const launched = launch(patient('stays'), program('fails', `process.exit(1);`));
  await launched.prints('fails.ts ended with exit code 1; the rest goes on');
  await launched.prints('stays is up');
  launched.child.kill('SIGTERM');
  assert.equal(await launched.ended, 1, launched.printed());
  assert.match(launched.printed(), /stays got SIGTERM/);
});

test('a program with wrong settings ends all with exit code 2', async () => {
  const launched = launch(patient('served'), program('wrong', `process.exit(2);`));
  assert.equal(await launched.ended, 2, launched.printed());
  assert.match(launched.printed(), /wrong\.ts ended with exit code 2; stopping the rest/);
});

test('what a program says over its channel is a line on standard output; anything else is left alone', async () => {
  const source = `process.send?.('noise'); process.send?.({ say: 1 }); process.send?.(null);
    process.send?.({ say: 'page: http://127.0.0.1:8080' }, () => process.exit(0));`;
  const launched = launch(program('speaker', source));
  assert.equal(await launched.ended, 0, launched.printed());
  const lines = launched.printed().trim().split('\n');
  assert.equal(lines[0], 'page: http://127.0.0.1:8080');
  assert.equal(lines.length, 2, launched.printed());
});

test('programs find the file of defaults by its whole path, and their own environment as it was', async () => {
  writeFileSync(join(folder, 'some.env'), 'COLOUR=red\n');
  const source = `console.log(process.env.SETTINGS_DEFAULTS + ' ' + process.env.TASTE + ' ' + process.env.COLOUR);`;
  const launched = launchWith({ TASTE: 'sour' }, '--env', join(folder, 'some.env'), program('reader', source));
  assert.equal(await launched.ended, 0);
  assert.ok(launched.printed().startsWith(`${join(folder, 'some.env')} sour undefined\n`), launched.printed());
});

test('the others are started once the first is ready, with the settings that it offers', async () => {
  const first = program(
    'offers',
    `process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1_000);
     console.log('not ready'); process.send?.({ ready: { TASTE: 'sweet' } });`,
  );
  const launched = launch(
    first,
    program('takes', `console.log('takes ' + process.env.SETTINGS_OFFERED); process.exit(2);`),
  );
  assert.equal(await launched.ended, 2);
  assert.match(launched.printed(), /not ready\n[\s\S]*takes \{"TASTE":"sweet"\}/);
});

test('a first program that ends before it is ready is the only one started', async () => {
  const launched = launch(program('taken', `process.exit(1);`), patient('never'));
  assert.equal(await launched.ended, 1);
  assert.doesNotMatch(launched.printed(), /never|stopping the rest/);
});

test('a signal before the first program is ready ends it, and no other is started', async () => {
  const slow = program(
    'slow',
    `process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1_000); console.log('slow is up');`,
  );
  const launched = launch(slow, patient('unborn'));
  await launched.prints('slow is up');
  launched.child.kill('SIGTERM');
  assert.equal(await launched.ended, 0, launched.printed());
  assert.doesNotMatch(launched.printed(), /unborn/);
});

test('the programs run on the Node that runs the launcher', async () => {
  const launched = launch(program('which', `console.log(process.execPath);`));
  await launched.ended;
  assert.ok(launched.printed().startsWith(process.execPath), launched.printed());
});

test('programs end in good order when the launcher is killed', async () => {
  const farewell = join(folder, 'farewell');
  const source = `import { writeFileSync } from 'node:fs';
    import { onShutdown } from ${JSON.stringify(resolve(import.meta.dirname, '../../service/shutdown.ts'))};
    onShutdown(async () => writeFileSync(${JSON.stringify(farewell)}, ''), 5_000, { error: () => {} });
    setInterval(() => {}, 1_000);
    console.log('heir is up');`;
  const launched = launch(program('heir', source));
  await launched.prints('heir is up');
  launched.child.kill('SIGKILL');
  await until(() => existsSync(farewell));
});

for (const [name, args, complaint] of [
  ['no program', [], /^usage: /],
  ['a program that is not there', [join(folder, 'nobody.ts')], /there is no file .*nobody\.ts/],
  [
    'a settings file that is not there',
    ['--env', join(folder, 'no.env'), patient('idle')],
    /there is no file .*no\.env/,
  ],
  ['an option that does not exist', ['--loud', patient('idle')], /--loud/],
] as const) {
  test(`${name} is wrong usage: one clear message, exit code 2, nothing started`, async () => {
    const launched = launch(...args);
    assert.equal(await launched.ended, 2);
    assert.match(launched.printed(), complaint);
    assert.ok(!launched.printed().includes('is up'));
  });
}

test('the first program is stopped last, when the others have ended', async () => {
  const launched = launch(patient('kept'), patient('leaving'));
  await launched.prints('kept is up');
  await launched.prints('leaving is up');
  launched.child.kill('SIGTERM');
  assert.equal(await launched.ended, 0, launched.printed());
  const [first, second] = ['leaving got SIGTERM', 'kept got SIGTERM'].map((line) => launched.printed().indexOf(line));
  assert.ok(first !== -1 && (first ?? 0) < (second ?? 0), launched.printed());
});

test('a program that does not end in time is killed, and the first one still ends in good order', {
  timeout: 60_000,
}, async () => {
  const source = `process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1_000); console.log('deaf is up');`;
  const launched = launch(patient('polite'), program('deaf', source));
  await launched.prints('polite is up');
  await launched.prints('deaf is up');
  launched.child.kill('SIGTERM');
  assert.equal(await launched.ended, 137);
  assert.match(launched.printed(), /deaf\.ts did not end within 10 s and is killed/);
  assert.match(launched.printed(), /polite got SIGTERM/);
});

test('the repository has the file of defaults that npm start names', () => {
  assert.ok(existsSync(resolve(import.meta.dirname, '../../service/start.env')));
});
