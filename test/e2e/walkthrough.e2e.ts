/**
 * The walk-through, on real Docker with real sshd, once with each Compose: what a person does who tries the project,
 * and then what happens to machines. The steps of one Compose build on each other.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../until.ts';
import { assertFree, Compose, counted, healthy, healthyLimitMs, inspect, logOf, logs, SERVICES } from './compose.ts';
import { byPassword } from './login.ts';
import { has, lacking, outcome, output, works } from './machine.ts';

const engine = works('docker', 'info');
const addresses = { alphaclient_1: '10.5.0.6', alphaclient_2: '10.5.0.7' } as const;
type Client = keyof typeof addresses;
const clients = Object.keys(addresses) as Client[];

/** The beginning of the agent's command line: node's options stand before its program. */
const AGENT = 'node *alphaclient/main.ts';

/** Sends a signal to the program whose command line begins with `program`, in which `*` is any text, in a client's container. */
function signal(client: Client, name: 'KILL' | 'STOP', program: string): void {
  const inside = `for each in /proc/[0-9]*; do
      case $(tr '\\0' ' ' 2>/dev/null <$each/cmdline) in ${program.replaceAll(' ', '\\ ')}*) kill -${name} \${each#/proc/} && found=1 ;; esac
    done; [ "$found" ]`;
  // The container may end before the command in it has.
  const { status, stderr } = outcome('docker', ['exec', client, 'bash', '-c', inside]);
  assert.ok(status === 0 || status === 137, `${program} is found: ${stderr}`);
}

for (const command of [['docker-compose'], ['docker', 'compose']] as const) {
  const name = command.join(' ');
  const skip = lacking(`the walk-through with ${name}`, {
    'a Docker engine': engine,
    [name]: works(command[0], ...command.slice(1), 'version'),
    ssh: has('ssh'),
    sshpass: has('sshpass'),
  });

  describe(`the walk-through with ${name}`, { skip }, () => {
    const compose = new Compose([...command]);
    /** The name each host was first seen by, and how many attempts were made on it. */
    const host: Record<Client, string> = { alphaclient_1: '', alphaclient_2: '' };
    const made: Record<Client, number> = { alphaclient_1: 0, alphaclient_2: 0 };
    let failed = false;
    let ours = false;

    before(() => {
      compose.removeLeftovers();
      assertFree();
      ours = true;
    });
    after(() => {
      if (!ours) return;
      if (failed) for (const service of SERVICES) process.stderr.write(`--- ${service}\n${logOf(service)}\n`);
      compose.run('down', '-v', '--rmi', 'local');
    });

    /** A step of the walk. After one that failed, the rest would only wait in vain. */
    const step = (what: string, walk: () => Promise<void>): void => {
      test(what, async (t) => {
        if (failed) return t.skip('an earlier step failed');
        failed = true;
        await walk();
        failed = false;
      });
    };
    const attempt = (client: Client, user = 'root', password = 'PASSWORD'): boolean => {
      made[client]++;
      return byPassword(addresses[client], user, password);
    };
    /** Waits until the server's log says of each host how many attempts were made on it, and no more. */
    const allCounted = async (...of: Client[]): Promise<void> => {
      for (const client of of) {
        await until(
          () => counted(host[client]) === made[client],
          () =>
            `${made[client]} attempts on ${client} (${host[client]}) are counted; alphaserver’s log ends:\n${logOf('alphaserver').slice(-3_000)}`,
          healthyLimitMs,
        );
      }
    };

    step('builds and starts without a warning, and all three become healthy', async () => {
      compose.run('up', '--build', '-d');
      await Promise.all(SERVICES.map(healthy));
      const lines = compose.run('ps').split('\n');
      for (const service of SERVICES) {
        const line = lines.find((one) => one.includes(service));
        assert.match(line ?? `no ${service} in ps`, /Up .*\(healthy\)/);
      }
      for (const client of clients) host[client] = inspect(client, '{{.Id}}').slice(0, 12);
    });

    step('the server’s log begins as the walk-through says', async () => {
      assert.match(logOf('alphaserver'), /^Socket created\nSocket now listening\n/);
      await logs('alphaserver', /^Received connection from 10\.5\.0\.6:\d+$/m);
      await logs('alphaserver', /^Received connection from 10\.5\.0\.7:\d+$/m);
    });

    step('a right password, a wrong one and an unknown user are one attempt each, counted up by one', async () => {
      for (const [user, password, welcome] of [
        ['root', 'PASSWORD', true],
        ['root', 'wrong', false],
        ['nobody-here', 'PASSWORD', false],
      ] as const) {
        assert.equal(attempt('alphaclient_1', user, password), welcome, `${user} with ${password}`);
        await allCounted('alphaclient_1');
      }
      assert.ok(attempt('alphaclient_2'));
      await allCounted('alphaclient_2');
      const lines = logOf('alphaserver').match(/^Processed result: .*$/gm);
      assert.deepEqual(lines, [
        `Processed result: ${host.alphaclient_1} had 1 attempt of ssh session`,
        `Processed result: ${host.alphaclient_1} had 2 attempt of ssh session`,
        `Processed result: ${host.alphaclient_1} had 3 attempt of ssh session`,
        `Processed result: ${host.alphaclient_2} had 1 attempt of ssh session`,
      ]);
    });

    step('more wrong passwords in a row than sshd would put up with by default are each an attempt', async () => {
      for (let count = 0; count < 5; count++) assert.equal(attempt('alphaclient_2', 'admin', `guess${count}`), false);
      await allCounted('alphaclient_2');
    });

    step('the page’s address answers on this machine, and tells what the log tells', async () => {
      const answer = await fetch('http://127.0.0.1:8080/api/hosts');
      const { hosts } = (await answer.json()) as {
        hosts: { host: string; attempts: number; accepted: number; probes: number }[];
      };
      const one = hosts.find((each) => each.host === host.alphaclient_1);
      assert.equal(one?.attempts, made.alphaclient_1);
      assert.equal(one?.accepted, 1);
      // Health checks and the like are not taken for attackers.
      assert.deepEqual(
        hosts.map(({ probes }) => probes),
        [0, 0],
      );
    });

    step(
      'neither program runs as root or with capabilities, and the images cannot be written to and hold no development packages',
      async () => {
        assert.notEqual(output('docker', 'exec', 'alphaserver', 'id', '-u').trim(), '0');
        for (const [service, program] of [
          ['alphaserver', 'alphaserver/main.ts'],
          ['alphaclient_1', 'alphaclient/main.ts'],
        ] as const) {
          const find = `for each in /proc/[0-9]*; do case $(tr '\\0' ' ' 2>/dev/null <$each/cmdline) in node\\ *${program}*) cat $each/status ;; esac; done`;
          const status = output('docker', 'exec', service, 'bash', '-c', find);
          assert.match(status, /^Uid:\t(?!0\t)\d+/m, `${service}: ${status}`);
          for (const set of ['CapPrm', 'CapEff', 'CapAmb']) assert.match(status, new RegExp(`^${set}:\t0+$`, 'm'));
          assert.match(status, /^NoNewPrivs:\t1$/m);
          assert.notEqual(outcome('docker', ['exec', service, 'sh', '-c', 'touch /asgard/x /x']).status, 0);
        }
        for (const service of ['alphaserver', 'alphaclient_1'] as const) {
          const folders = output('docker', 'exec', service, 'ls', '-a', '.', 'node_modules').split('\n');
          for (const unwanted of ['typescript', 'node', '@biomejs', '.env', '.git', 'test']) {
            assert.ok(!folders.includes(unwanted), `${service} has ${unwanted}`);
          }
        }
      },
    );

    for (const [how, end] of [
      ['killed', ['kill', 'alphaserver']],
      ['stopped', ['stop', 'alphaserver']],
    ] as const) {
      step(`attempts made while the server is ${how} arrive when it is back, and it goes on counting`, async () => {
        output('docker', ...end);
        for (const client of clients) {
          attempt(client);
          attempt(client, 'root', 'wrong');
        }
        output('docker', 'start', 'alphaserver');
        await allCounted(...clients);
        await healthy('alphaserver');
      });
    }

    for (const victim of [AGENT, 'sshd: /usr/sbin/sshd -D']) {
      step(`when ${victim} is killed, Docker starts the container anew, and it goes on counting`, async () => {
        const restarts = Number(inspect('alphaclient_1', '{{.RestartCount}}'));
        attempt('alphaclient_1');
        signal('alphaclient_1', 'KILL', victim);
        await until(
          () => Number(inspect('alphaclient_1', '{{.RestartCount}}')) > restarts,
          () => `alphaclient_1 is started anew; its log ends:\n${logOf('alphaclient_1').slice(-2_000)}`,
          healthyLimitMs,
        );
        await healthy('alphaclient_1');
        attempt('alphaclient_1', 'root', 'wrong');
        await allCounted('alphaclient_1');
      });
    }

    step('a client killed right after an attempt goes on counting, and loses none', async () => {
      for (let round = 0; round < 3; round++) {
        attempt('alphaclient_1', 'root', `guess${round}`);
        output('docker', 'kill', 'alphaclient_1');
        output('docker', 'start', 'alphaclient_1');
        await healthy('alphaclient_1');
      }
      attempt('alphaclient_1');
      await allCounted('alphaclient_1');
    });

    step('a client that is stopped sends quit, and ends with 0', async () => {
      const ports = [...logOf('alphaserver').matchAll(/^Received connection from 10\.5\.0\.6:(\d+)$/gm)];
      const port = ports.at(-1)?.[1];
      const from = logOf('alphaserver').length;
      output('docker', 'stop', 'alphaclient_1');
      await logs(
        'alphaserver',
        new RegExp(`^Client is requesting to quit\nConnection 10\\.5\\.0\\.6:${port} closed$`, 'm'),
        from,
      );
      assert.equal(inspect('alphaclient_1', '{{.State.ExitCode}}'), '0');
      output('docker', 'start', 'alphaclient_1');
      await healthy('alphaclient_1');
    });

    step('containers made anew by up --build go on counting under the hosts’ first names', async () => {
      compose.run('up', '--build', '-d', '--force-recreate');
      await Promise.all(SERVICES.map(healthy));
      assert.notEqual(inspect('alphaclient_1', '{{.Id}}').slice(0, 12), host.alphaclient_1);
      for (const client of clients) attempt(client);
      await allCounted(...clients);
    });

    step(
      'what was not sent and what was not even read when all was taken down is counted after the next up',
      async () => {
        const key = output('ssh-keyscan', '-t', 'ed25519', addresses.alphaclient_1);
        output('docker', 'stop', 'alphaserver');
        attempt('alphaclient_1', 'root', 'unsent');
        // An agent that hangs reads nothing more; the attempt stands in sshd's log alone.
        signal('alphaclient_2', 'STOP', AGENT);
        attempt('alphaclient_2', 'root', 'unread');
        compose.run('down');
        assertFree();
        compose.run('up', '-d');
        await Promise.all(SERVICES.map(healthy));
        await allCounted(...clients);
        for (const client of clients) attempt(client);
        await allCounted(...clients);
        assert.equal(output('ssh-keyscan', '-t', 'ed25519', addresses.alphaclient_1), key, 'the host keeps its key');
      },
    );

    step('in the end each attempt is stored once', async () => {
      const answer = await fetch('http://127.0.0.1:8080/api/events?limit=1000');
      const { events } = (await answer.json()) as { events: { host: string; outcome: string }[] };
      for (const client of clients) {
        const attempts = events.filter((event) => event.host === host[client] && event.outcome !== 'probe');
        assert.equal(attempts.length, made[client], client);
      }
    });
  });
}
