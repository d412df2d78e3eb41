import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClientConfig } from '../../alphaclient/config.ts';
import { readServerConfig } from '../../alphaserver/config.ts';
import { SettingsError } from '../../service/settings.ts';

const refused = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.message;
  }
  return 'taken';
};

test('without any variable the documented defaults stand', () => {
  const server = readServerConfig({});
  assert.deepEqual(server.listen, { scheme: 'tcp', host: '0.0.0.0', port: 5000 });
  assert.deepEqual(server.http, { scheme: 'http', host: '127.0.0.1', port: 8080 });
  assert.equal(server.dataFolder, './data/alphaserver');
  assert.equal(server.anonymous, false);
  assert.equal(server.retentionMs, 90 * 86_400_000);
  const client = readClientConfig({});
  assert.deepEqual(client.servers, [{ scheme: 'tcp', host: '127.0.0.1', port: 5000 }]);
  assert.equal(client.log, null);
  assert.equal(client.from, 'start');
  assert.equal(client.outboxLimitBytes, 268_435_456);
});

test('a wrong setting is one line that names variable, value and what is valid', () => {
  const wrong: [() => unknown, RegExp][] = [
    [
      () => readServerConfig({ ALPHASERVER_LISTEN: '5000' }),
      /^ALPHASERVER_LISTEN=5000 cannot be used: it must be an address such as tcp:\/\/0\.0\.0\.0:5000 \(tcp or tls\)$/,
    ],
    [() => readServerConfig({ ALPHASERVER_LISTEN: 'tcp://h:70000' }), /ALPHASERVER_LISTEN=tcp:\/\/h:70000/],
    [() => readServerConfig({ ALPHASERVER_ANONYMOUS: 'yes' }), /^ALPHASERVER_ANONYMOUS=yes .* true or false$/],
    [() => readServerConfig({ ALPHASERVER_RETENTION: 'forever' }), /^ALPHASERVER_RETENTION=forever .* 90d$/],
    [() => readServerConfig({ ALPHASERVER_HTTP: 'ftp://x:1' }), /^ALPHASERVER_HTTP=ftp:\/\/x:1 .* or off$/],
    [
      () => readServerConfig({ ALPHASERVER_LISTEN: 'tls://0.0.0.0:5000', ALPHASERVER_TLS_KEY: 'k' }),
      /^ALPHASERVER_TLS_CERT= /,
    ],
    [() => readServerConfig({ LOG_LEVEL: 'loud' }), /^LOG_LEVEL=loud .* trace, debug/],
    [
      () => readClientConfig({ ALPHACLIENT_SERVER: 'tcp://a:1,udp://b:2' }),
      /^ALPHACLIENT_SERVER=tcp:\/\/a:1,udp:\/\/b:2 /,
    ],
    [() => readClientConfig({ ALPHACLIENT_FROM: 'middle' }), /^ALPHACLIENT_FROM=middle .* start or end$/],
    [
      () => readClientConfig({ ALPHACLIENT_HEADER: '{time} {tga} ' }),
      /^ALPHACLIENT_HEADER=.* \{tga\} at character 8 is none/,
    ],
    [() => readClientConfig({ ALPHACLIENT_OUTBOX: '1KiB' }), /^ALPHACLIENT_OUTBOX=1KiB .* 1048576 bytes/],
    [() => readClientConfig({ ALPHACLIENT_NAME: 'n'.repeat(256) }), /^ALPHACLIENT_NAME=nnn/],
  ];
  for (const [read, problem] of wrong) {
    const message = refused(read);
    assert.match(message, problem);
    assert.doesNotMatch(message, /\n/);
  }
});

test('a value cannot forge a second line, and a secret is not shown', () => {
  assert.doesNotMatch(
    refused(() => readServerConfig({ LOG_LEVEL: 'x\nALPHASERVER_OK=1' })),
    /\n/,
  );
  assert.doesNotMatch(
    refused(() => readClientConfig({ ALPHACLIENT_TOKEN: 's3cret'.repeat(100) })),
    /s3cret/,
  );
});

test('the page leaves loopback only with a password, or when everyone may see it', () => {
  const http = 'http://0.0.0.0:8080';
  assert.match(
    refused(() => readServerConfig({ ALPHASERVER_HTTP: http })),
    /ALPHASERVER_HTTP_PASSWORD/,
  );
  assert.equal(readServerConfig({ ALPHASERVER_HTTP: http, ALPHASERVER_HTTP_PASSWORD: 'p' }).http?.host, '0.0.0.0');
  assert.equal(readServerConfig({ ALPHASERVER_HTTP: http, ALPHASERVER_ANONYMOUS: 'true' }).http?.host, '0.0.0.0');
  assert.equal(readServerConfig({ ALPHASERVER_HTTP: 'off' }).http, null);
});

test('several servers and IPv6 are read', () => {
  assert.deepEqual(readClientConfig({ ALPHACLIENT_SERVER: 'tls://[::1]:5000, tcp://b.example:6000' }).servers, [
    { scheme: 'tls', host: '::1', port: 5000 },
    { scheme: 'tcp', host: 'b.example', port: 6000 },
  ]);
});
