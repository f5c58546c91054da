/** How a test waits for what comes in real time: looked for often, and for far longer (ms) than it takes on any machine. */
export const PATIENT = { timeout: 20_000, interval: 10 } as const;
