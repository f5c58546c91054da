/** How a test waits for what comes in real time: looked for often, and for far longer (ms) than it takes on any machine; `expect.poll` does by itself. */
export const PATIENT = { timeout: 60_000, interval: 10 } as const;
