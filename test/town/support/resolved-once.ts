/**
 * The pool imports the Worker's main module anew for each request and each call of an object, and asks vitest each time, over a
 * socket, where that module is. It does not move: the first answer stands. This is a third of the time of a test that calls much.
 */
type Resolve = (id: string, importer?: string) => Promise<unknown>;

interface Runner {
  readonly vitestOptions?: { readonly transport?: { resolveId?: Resolve } };
}

/** Marks the function that is in place, because several test files share an isolate. */
const ONCE = Symbol.for('reeve.resolved-once');

/** Does nothing where vitest is built in another way: tests are slower then, and right. */
export function resolveMainOnce(): void {
  const { __vitest_mocker__: mocker } = globalThis as { __vitest_mocker__?: { moduleRunner?: Runner } };
  const transport = mocker?.moduleRunner?.vitestOptions?.transport;
  if (transport?.resolveId === undefined || ONCE in transport.resolveId) return;
  const resolve = transport.resolveId.bind(transport);
  const known = new Map<string, Promise<unknown>>();
  const once: Resolve = (id, importer) => {
    if (importer !== undefined) return resolve(id, importer);
    const answer = known.get(id) ?? resolve(id);
    known.set(id, answer);
    return answer;
  };
  transport.resolveId = Object.assign(once, { [ONCE]: true });
}
