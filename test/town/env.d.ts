import type { D1Migration } from 'cloudflare:test';
import type { Env as WorkerEnv } from '../../src/bindings.ts';

declare global {
  interface ImportMeta {
    /** Of Vite: the files that match, by path; none is loaded before its function is called. */
    readonly glob: (pattern: string) => Readonly<Record<string, () => Promise<unknown>>>;
  }

  namespace Cloudflare {
    interface Env extends WorkerEnv {
      readonly TEST_MIGRATIONS: D1Migration[];
      /** `full`, or empty: how large the tests of test/town/scale are. */
      readonly SCALE: string;
      /** `full`, or empty: how many hostile requests the tests of test/town/hostile try. */
      readonly HOSTILE: string;
      /** Answers with the CPU time (s) of this runtime so far. */
      readonly CPU_SECONDS: Fetcher;
    }
  }
}
