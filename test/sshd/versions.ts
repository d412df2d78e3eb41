/** The versions of sshd that are imitated. */

/** The texts and escapes of a version of sshd. */
export interface Version {
  readonly name: string;
  /** Messages of the unprivileged process are escaped twice. */
  readonly twice: boolean;
  /** True when the ends of connections and `Invalid user` name the port. */
  readonly ports: boolean;
  /** True when the ends of connections name the user. */
  readonly names: boolean;
  readonly tag: string;
  /** True when errors of the banner end in [preauth]. */
  readonly bannerPreauth: boolean;
  /** False up to 5.8, where the unprivileged process writes its messages itself, under a pid of its own and without [preauth]. */
  readonly preauth: boolean;
  /** Up to 6.7, which has fewer words for ends, and none of a key exchange that fails that names the client. */
  readonly terse: boolean;
  /** The listener's message when LoginGraceTime is over; null where no process writes one. */
  readonly timeout: 'own' | 'listener' | null;
}

const UP_TO_7_4 = { twice: true, names: false, tag: 'sshd', bannerPreauth: false, timeout: 'own' } as const;
const SINCE_7_5 = { twice: true, ports: true, names: true, bannerPreauth: false, preauth: true, terse: false } as const;

export const VERSIONS: readonly Version[] = [
  { ...UP_TO_7_4, name: '5.3', ports: false, preauth: false, terse: true },
  { ...UP_TO_7_4, name: '6.6', ports: false, preauth: true, terse: true },
  { ...UP_TO_7_4, name: '7.1', ports: false, preauth: true, terse: false },
  { ...UP_TO_7_4, name: '7.4', ports: true, preauth: true, terse: false },
  { ...SINCE_7_5, name: '8.4', tag: 'sshd', timeout: 'own' },
  { ...SINCE_7_5, name: '9.2', tag: 'sshd', timeout: null },
  { ...SINCE_7_5, name: '10.0', tag: 'sshd-session', timeout: 'listener' },
  { ...SINCE_7_5, name: '10.6', tag: 'sshd-session', timeout: 'listener', twice: false, bannerPreauth: true },
];
