/** How `vi.waitFor` waits for what comes in real time: often, and for far longer (ms) than it takes on any machine; `expect.poll` has the same from vitest.config.ts. */
export const PATIENT = { timeout: 60_000, interval: 10 } as const;
