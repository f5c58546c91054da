import type { ContainerBackend } from './container-link.ts';

/**
 * A control server that the operator runs: a process in development, a machine on Fly, a pod. Its address comes from the
 * configuration only. It counts as running always: whether it does shows when it answers.
 */
export function urlBackend(origins: readonly string[], index: number): ContainerBackend {
  const origin = origins[index % origins.length];
  return {
    running: () => true,
    wake: () => undefined,
    // A redirect would carry a token to an address that is not configured.
    fetch: (path, init) => fetch(`${origin}${path}`, { ...init, redirect: 'manual' }),
  };
}
