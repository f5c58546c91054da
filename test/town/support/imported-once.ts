/**
 * The pool imports the Worker's main module anew for each request and each call of an object: it asks vitest over a socket where the
 * module is, and whether it has changed. It has not: what it was at the first call of a test file stands until the next file. This is
 * a third of the time of a test that calls much.
 */
type Import = (id: string, ...options: unknown[]) => Promise<unknown>;

interface Pool {
  readonly __vitest_mocker__?: { readonly moduleRunner?: { import: Import } };
  readonly __vitest_worker__?: { readonly providedContext?: { readonly cloudflarePoolOptions?: string } };
}

/** The runner's own function: several test files share an isolate, and each puts another in its place. */
const OWN = Symbol.for('reeve.imported-once');

/** Does nothing where vitest or the pool is built in another way: tests are slower then, and right. */
export function importMainOnce(): void {
  const { __vitest_mocker__: mocker, __vitest_worker__: worker } = globalThis as Pool;
  const runner = mocker?.moduleRunner;
  const { main } = JSON.parse(worker?.providedContext?.cloudflarePoolOptions ?? '{}') as { main?: string };
  if (runner === undefined || main === undefined) return;
  const own = (runner.import as Import & { [OWN]?: Import })[OWN] ?? runner.import.bind(runner);
  let imported: unknown = null;
  const once: Import = async (id, ...options) => (id === main ? (imported ??= await own(id)) : own(id, ...options));
  runner.import = Object.assign(once, { [OWN]: own });
}
