/** Messages that are known and say nothing about an attempt: told apart by their first words, never decoded. */

import type { Rule } from './fact.ts';

/** begins, example, versions. The example is the message too where nothing in it varies. */
const KNOWN: readonly (readonly [begins: string, example: string, versions?: string])[] = [
  [
    'Accepted key ',
    'Accepted key ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG found at /home/alice/.ssh/authorized_keys:1',
    'since 7.7',
  ],
  [
    'Accepted certificate ID ',
    'Accepted certificate ID "alice" (serial 7) signed by ED25519 CA SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG via /etc/ssh/ca.pub',
  ],
  [
    'matching key found: ',
    'matching key found: file /home/alice/.ssh/authorized_keys, line 1 ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
    'up to 7.6',
  ],
  ['Found matching ', 'Found matching RSA key: 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff', 'up to 6.7'],
  ['Failed to ', 'Failed to allocate internet-domain X11 display socket.'],
  ['User child is on pid ', 'User child is on pid 4321'],
  ['Starting session: ', 'Starting session: command for alice from 192.0.2.10 port 50022 id 0'],
  ['Close session: ', 'Close session: user alice from 192.0.2.10 port 50022 id 0'],
  ['Closing connection to ', 'Closing connection to 192.0.2.10 port 50022'],
  ['Transferred: ', 'Transferred: sent 2448, received 1640 bytes'],
  ['subsystem request for ', 'subsystem request for sftp by user alice failed, subsystem not found'],
  ['session opened for ', 'session opened for local user alice from [192.0.2.10]'],
  ['session closed for ', 'session closed for local user alice from [192.0.2.10]'],
  ['pam_', 'pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)', 'PAM modules'],
  ['PAM ', 'PAM service(sshd) ignoring max retries; 6 > 3', 'PAM modules'],
  ['Server listening on ', 'Server listening on 0.0.0.0 port 22.'],
  ['Received signal ', 'Received signal 15; terminating.'],
  ['Received SIGHUP', 'Received SIGHUP; restarting.'],
  ['Exiting on signal ', 'Exiting on signal 15'],
  ['Bind to port ', 'Bind to port 22 on 0.0.0.0 failed: Address already in use.'],
  ['Cannot bind any address', 'Cannot bind any address.'],
  ['Missing privilege separation directory', 'Missing privilege separation directory: /run/sshd'],
  [
    'reverse mapping checking getaddrinfo for ',
    'reverse mapping checking getaddrinfo for client.example [192.0.2.10] failed.',
  ],
  ['Address ', 'Address 192.0.2.10 maps to client.example, but this does not map back to the address.'],
  ['Nasty PTR record ', 'Nasty PTR record "192.0.2.10" is set up for 192.0.2.10, ignoring'],
  ['Could not get shadow information for ', 'Could not get shadow information for NOUSER'],
  ['Could not load host ', 'Could not load host key: /etc/ssh/ssh_host_rsa_key'],
  ['Unable to load host key', 'Unable to load host key: /etc/ssh/ssh_host_rsa_key'],
  ['Authentication refused: ', 'Authentication refused: bad ownership or modes for directory /home/alice/.ssh'],
  ['beginning MaxStartups throttling', 'beginning MaxStartups throttling', '8.4 to 9.9'],
  ['in MaxStartups throttling for ', 'in MaxStartups throttling for 00:00:10, 3 connections dropped', '8.4 to 9.9'],
  [
    'exited MaxStartups throttling after ',
    'exited MaxStartups throttling after 00:00:10, 3 connections dropped',
    '8.4 to 9.9',
  ],
  [
    'srclimit_penalise: ',
    'srclimit_penalise: ipv4: new 192.0.2.0/24 active penalty of 5 seconds for authentication failure',
    'since 9.8',
  ],
  [
    'WARNING: connection from ',
    'WARNING: connection from 192.0.2.10 port 50022 is not using a post-quantum key exchange algorithm: "curve25519-sha256" [preauth]',
    '10.6',
  ],
  ['debug1: ', 'debug1: Forked child 4321.'],
  ['debug2: ', 'debug2: fd 3 setting O_NONBLOCK'],
  ['debug3: ', 'debug3: fd 5 is not O_NONBLOCK'],
  ['Set /proc/self/oom_score_adj ', 'Set /proc/self/oom_score_adj to 0'],
  ['rexec line ', 'rexec line 32: Deprecated option UsePrivilegeSeparation'],
  ['/etc/ssh/', '/etc/ssh/sshd_config line 32: Deprecated option UsePrivilegeSeparation'],
  ['AuthorizedKeysCommand ', 'AuthorizedKeysCommand /usr/bin/keys alice failed, status 1'],
  ['channel ', 'channel 2: open failed: administratively prohibited: open failed'],
  ['connect_to ', 'connect_to 192.0.2.20 port 80: failed.'],
  ['connect to ', 'connect to 192.0.2.20 port 80 failed: Connection refused'],
  [
    'refused local port forward: ',
    'refused local port forward: originator 127.0.0.1 port 50022, target 192.0.2.20 port 80',
  ],
  ['bind [', 'bind [127.0.0.1]:8080: Address already in use'],
  ['monitor_read: ', 'monitor_read: unsupported request: 4'],
  ['dispatch_protocol_error: ', 'dispatch_protocol_error: type 90 seq 4 [preauth]'],
  ['kex protocol error: ', 'kex protocol error: type 30 seq 1 [preauth]'],
  ['ssh_dispatch_run_fatal: ', 'ssh_dispatch_run_fatal: no dispatch'],
  ['syslogin_perform_logout: ', 'syslogin_perform_logout: logout() returned an error'],
  ['lastlog_', "lastlog_openseek: Couldn't stat /var/log/lastlog: No such file or directory"],
  ['Changing root directory to ', 'Changing root directory to /srv/sftp'],
  ['Environment variable ', 'Environment variable LC_ALL too long'],
  ['Attempt to write login records by non-root user', 'Attempt to write login records by non-root user (aborting)'],
  ['Client protocol version ', 'Client protocol version 2.0; client software version OpenSSH_9.2', 'DEBUG'],
  ["Couldn't ", 'Couldn\'t create pid file "/run/sshd.pid": Permission denied'],
  ['no hostkeys available', 'no hostkeys available -- exiting.'],
  ['WARNING: ', 'WARNING: no suitable primes in /etc/ssh/moduli'],
  ['Read ', 'Read from remote host 192.0.2.10: Connection reset by peer'],
  ['Local disconnected: ', 'Local disconnected: Connection closed', 'HPN builds'],
];

function named(begins: string): string {
  return `noise:${begins
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '-')
    .replace(/^-|-$/g, '')}`;
}

export const NOISE: readonly Rule[] = KNOWN.map(([begins, example, versions]) => ({
  name: named(begins),
  message: example,
  versions: versions ?? 'all',
  meaning: 'nothing about an attempt',
  example,
  begins,
}));
