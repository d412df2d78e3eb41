/** Something that carries the lines of a log from one process to another: what the comparison needs of it. */
export interface Peer {
  readonly name: string;
  /** The log it follows. */
  readonly logFile: string;
  startReceiver(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  killReceiver(): Promise<void>;
  startSender(): Promise<void>;
  killSender(): Promise<void>;
  /** Cuts the connection between the two; the next one goes through. */
  cut(): void;
  /** The user names of the lines that have arrived, each as often as it did. */
  arrived(): Promise<string[]>;
  /** Ends both and takes their files away. */
  close(): Promise<void>;
}
