/** An expected outcome: a value or a tagged reason. Only broken invariants and misconfiguration throw. */
export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** An outcome that holds a value. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** An outcome that holds the reason why there is no value. */
export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

/** The same outcome with another value; an error passes through. */
export function mapOk<T, U, E>(result: Result<T, E>, to: (value: T) => U): Result<U, E> {
  return result.ok ? ok(to(result.value)) : result;
}

/** The message of something thrown. Only for logs: it may quote an address, never a token, because tokens are never thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
