/** What the client needs of its platform: a browser, or Node 24. Tests give it another world. */

/** A connection as the client sees it. */
export interface Socket {
  send(text: string): void;
  /** Ends it; nothing arrives from it after that. */
  close(): void;
}

export interface SocketEvents {
  /** Any frame; one that is no text is handed on as an empty one. */
  readonly onText: (text: string) => void;
  /** It ended, or never began. Called at most once. */
  readonly onClose: (code: number) => void;
}

export interface Outside {
  readonly fetch: (address: string, init: RequestInit) => Promise<Response>;
  readonly connect: (address: string, on: SocketEvents) => Socket;
  /** Milliseconds that only grow. */
  readonly nowMs: () => number;
  /** Runs something later; the answer takes it back. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}

export const platform: Outside = {
  fetch: (address, init) => fetch(address, init),
  connect: (address, { onText, onClose }) => {
    const socket = new WebSocket(address);
    const listening = new AbortController();
    const { signal } = listening;
    socket.addEventListener('message', ({ data }) => onText(typeof data === 'string' ? data : ''), { signal });
    // An error is always followed by a close.
    socket.addEventListener('close', ({ code }) => onClose(code), { signal });
    return {
      send: (text) => socket.send(text),
      close: () => {
        listening.abort();
        socket.close();
      },
    };
  },
  nowMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
