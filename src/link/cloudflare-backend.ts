import type { ContainerBackend } from './container-link.ts';

/** What of `ctx.container` is used. Written out, so that its types hold also where those of the platform are not known. */
export interface PlatformContainer {
  readonly running: boolean;
  start(options: { readonly env: Record<string, string>; readonly enableInternet: boolean }): void;
  signal(signo: number): void;
  destroy(): Promise<void>;
  setInactivityTimeout(ms: number): Promise<void>;
  getTcpPort(port: number): { fetch(url: string, init: RequestInit): Promise<Response> };
}

/** Where the control server of the image listens. */
export const CONTROL_PORT = 8790;
const SIGTERM = 15;

/**
 * A container that Cloudflare runs beside this object. `running` reads what the platform knows and starts nothing; neither does a
 * request to its port: only `wake` does. A start returns before anything listens there.
 * @param variables what the control server is told; nothing secret, because every process in the container can read it
 */
export function cloudflareBackend(
  container: PlatformContainer,
  variables: Readonly<Record<string, string>>,
): ContainerBackend {
  return {
    running: () => container.running,
    wake: () => {
      if (!container.running) container.start({ env: { ...variables }, enableInternet: true });
    },
    fetch: (path, init) =>
      container.getTcpPort(CONTROL_PORT).fetch(`http://container${path}`, { ...init, redirect: 'manual' }),
    lifecycle: {
      keep: (ms) => container.setInactivityTimeout(ms),
      end: () => container.signal(SIGTERM),
      destroy: () => container.destroy(),
    },
  };
}
