import type { Incident } from '../../../alphaserver/detection/incident.ts';

/** An incident for tests of what comes after the rules; `changes` wins. */
export function incident(changes: Partial<Incident> = {}): Incident {
  return {
    id: 'bf-1',
    rule: 'brute-force',
    severity: 'warning',
    key: '192.0.2.1 web-01',
    decidedBy: 10,
    trust: 'syslog',
    vouched: true,
    agent: '5f0c1f6e-9d0b-4c57-8a25-0d8f3f6a7c21',
    host: 'web-01',
    source: '192.0.2.1',
    user: 'root',
    firstAt: Date.parse('2026-11-24T10:00:00Z'),
    openedAt: Date.parse('2026-11-24T10:00:09Z'),
    lastAt: Date.parse('2026-11-24T10:00:30Z'),
    closedAt: null,
    count: 12,
    late: false,
    partOf: null,
    summary: '192.0.2.1 failed 12 times on web-01 in 30 s, as root',
    evidence: [1, 2, 3],
    hosts: ['web-01'],
    users: ['root'],
    ips: ['192.0.2.1'],
    more: false,
    ...changes,
  };
}
