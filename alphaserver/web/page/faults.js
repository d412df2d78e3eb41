/** Faults of the server itself, now and soon. */
import { counted } from './count.js';
import { byId, element, fill, foreign } from './element.js';
import { fullTime, moment } from './time.js';

/** @import { Certificate, Channel } from './answers.d.ts' */

const USES = {
  agents: 'The certificate that agents see',
  page: 'The certificate of this page',
  authority: 'The certificate authority of agents',
};

/**
 * Says which channels deliver nothing, since what nobody is notified of must at least be shown, and which certificates expire.
 * @param {readonly Channel[]} channels
 * @param {readonly Certificate[]} certificates
 */
export function showFaults(channels, certificates) {
  const nowMs = Date.now();
  const rows = [
    ...channels.filter(({ fault }) => fault !== null).map((channel) => channelRow(channel, nowMs)),
    ...certificates.filter(({ expiresSoon }) => expiresSoon).map((certificate) => certificateRow(certificate, nowMs)),
  ];
  byId('faults').hidden = rows.length === 0;
  fill(byId('faults'), rows);
}

/**
 * @param {Channel} channel
 * @param {number} nowMs
 */
function channelRow({ name, waiting, fault, faultAt }, nowMs) {
  return element(
    'li',
    {},
    'Nobody is notified through ',
    foreign(name),
    faultAt === null ? '' : ` since ${moment(faultAt, nowMs)}`,
    `, ${counted(waiting, 'incident')} waiting: `,
    foreign(fault ?? ''),
  );
}

/**
 * @param {Certificate} certificate
 * @param {number} nowMs
 */
function certificateRow({ use, expiresAt }, nowMs) {
  const verb = Date.parse(expiresAt) < nowMs ? 'expired' : 'expires';
  return element('li', {}, `${USES[use]} ${verb} on ${fullTime(expiresAt)}.`);
}
