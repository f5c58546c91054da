/**
 * A life that ends with the first of others, or by `end`, after which none of them knows of it any more. For short lives beside long
 * ones: of what `AbortSignal.any` makes, Node keeps each that has a listener until one of its sources aborts.
 */
export function firstAbort(...sources: readonly AbortSignal[]): {
  readonly signal: AbortSignal;
  readonly end: () => void;
} {
  const life = new AbortController();
  const end = (): void => {
    for (const source of sources) source.removeEventListener('abort', end);
    life.abort();
  };
  for (const source of sources) source.addEventListener('abort', end, { once: true });
  if (sources.some(({ aborted }) => aborted)) end();
  return { signal: life.signal, end };
}
