/** The project's Compose file, brought up under a project name of the test's own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { until } from '../until.ts';
import { outcome, output } from './machine.ts';

export const SERVICES = ['alphaserver', 'alphaclient_1', 'alphaclient_2'] as const;
export type Service = (typeof SERVICES)[number];

const root = resolve(import.meta.dirname, '../..');
/** Building both images from nothing takes less than a minute; a slow network is given time. */
const upLimitMs = 600_000;
/** From a container's start to the third failed health check and back. */
export const healthyLimitMs = 90_000;

/** Characters of a command's output that are shown when it fails. */
const shownChars = 6_000;
/** A test's project name tells its process, so that a later test knows whether it still runs. */
const projectPrefix = 'asgard-e2e-';

/** One Compose program, such as `docker-compose` or `docker compose`, at work on the project. */
export class Compose {
  readonly #command: readonly [string, ...string[]];
  readonly #project: string;
  readonly #variables: Readonly<Record<string, string>>;

  /** `variables` are what the Compose file takes from the environment. */
  constructor(
    command: readonly [string, ...string[]],
    project = `${projectPrefix}${process.pid}`,
    variables: Readonly<Record<string, string>> = {},
  ) {
    this.#command = command;
    this.#project = project;
    this.#variables = variables;
  }

  /** Takes down what a test left behind that was killed: nobody else knows the name of its project. */
  removeLeftovers(): void {
    const named = [
      ['ps', '-a'],
      ['network', 'ls'],
      ['volume', 'ls'],
    ].flatMap((list) => output('docker', ...list, '--format', '{{.Label "com.docker.compose.project"}}').split('\n'));
    for (const project of new Set(named))
      if (project.startsWith(projectPrefix) && !isTest(project.slice(projectPrefix.length)))
        new Compose(this.#command, project).run('down', '-v', '--rmi', 'local');
  }

  /** Runs one of its commands, which must succeed without a warning, and gives all that it printed. */
  run(...args: string[]): string {
    const [program, ...first] = this.#command;
    const { status, error, stdout, stderr } = spawnSync(program, [...first, ...args], {
      cwd: root,
      // Not the settings of whoever runs the tests.
      env: { ...withoutSettings(process.env), ...this.#variables, COMPOSE_PROJECT_NAME: this.#project },
      encoding: 'utf8',
      timeout: upLimitMs,
      maxBuffer: 64 << 20,
    });
    const all = `${stdout}${stderr}`;
    const what = `${this.#command.join(' ')} ${args.join(' ')}`;
    assert.equal(error, undefined, what);
    assert.equal(status, 0, `${what} ended with ${status}:\n${all.slice(-shownChars)}`);
    assert.doesNotMatch(all, /\bwarn(ing)?\b|\bobsolete\b/i, `${what} warns`);
    return all;
  }
}

/** True while the process is one that runs end-to-end tests. */
function isTest(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('.e2e.ts');
  } catch {
    return false;
  }
}

function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(ALPHASERVER|ALPHACLIENT|LOG|COMPOSE)_/.test(name)),
  );
}

/** Throws when the Compose file's fixed names or addresses are taken by something that is not the test's. */
export function assertFree(): void {
  const taken = output('docker', 'ps', '-a', '--format', '{{.Names}}')
    .split('\n')
    .filter((name) => (SERVICES as readonly string[]).includes(name));
  assert.deepEqual(taken, [], 'these containers are there already and not the test’s: run `docker compose down` first');
  const networks = output('docker', 'network', 'ls', '--format', '{{.Name}}').split('\n');
  assert.ok(!networks.includes('vpcbr'), 'a network vpcbr is there already: run `docker compose down` first');
}

/** All that a container has logged since it was made. */
export function logOf(service: Service): string {
  const { stdout, stderr } = outcome('docker', ['logs', service]);
  return `${stdout}${stderr}`;
}

/** Gives a container's answer to `docker inspect` with this template. */
export function inspect(service: Service, template: string): string {
  return output('docker', 'inspect', '--format', template, service).trim();
}

/** Waits until the container is up and healthy. */
export async function healthy(service: Service): Promise<void> {
  const state = () => inspect(service, '{{.State.Status}} {{.State.Health.Status}}');
  await until(
    () => state() === 'running healthy',
    () => `${service} is ${state()}; its log ends:\n${logOf(service).slice(-shownChars)}`,
    healthyLimitMs,
  );
}

/** Waits until the container's log has what the expression says, at or after the character `from`. */
export async function logs(service: Service, expression: RegExp, from = 0): Promise<RegExpExecArray> {
  let found: RegExpExecArray | null = null;
  await until(
    () => {
      found = expression.exec(logOf(service).slice(from));
      return found !== null;
    },
    () => `${service} logs ${expression}; its log ends:\n${logOf(service).slice(from).slice(-shownChars)}`,
    healthyLimitMs,
  );
  return found ?? assert.fail();
}

/** Gives the number of attempts of a host in alphaserver's log; 0 before the first. */
export function counted(host: string): number {
  const lines = logOf('alphaserver').matchAll(/^Processed result: (\S+) had (\d+) attempt of ssh session$/gm);
  return [...lines].reduce((last, [, name, count]) => (name === host ? Number(count) : last), 0);
}
