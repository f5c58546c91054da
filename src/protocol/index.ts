/** What Worker and control server say to each other; imported as `#protocol` by both sides. */
export * from './agent-api.ts';
export * from './claims.ts';
export * from './control.ts';
export * from './control-calls.ts';
export * from './fence.ts';
export * from './ids.ts';
export * from './ledger-api.ts';
export * from './limits.ts';
export * from './page.ts';
export * from './permissions.ts';
export * from './retry-after.ts';
export * from './runtime.ts';
export * from './stream.ts';
export * from './text.ts';
export * from './turn-events.ts';
export * from './wire-errors.ts';
