import type { ComponentChildren } from 'preact';
import { useConsole } from '../app/console.ts';
import { duration } from '../lib/time.ts';
import type { Resource } from '../lib/resource.ts';

interface Props<T> {
  readonly of: Resource<T>;
  readonly children: (value: T) => ComponentChildren;
  /** What is being read, for the sentence that says so. */
  readonly what: string;
}

/** A value once it is there; before that that it is read, and where it cannot be read why, since when, and a way to try again. */
export function Loaded<T>({ of, children, what }: Props<T>) {
  const { nowMs } = useConsole();
  const { value, atMs, error } = of.reading.value;
  const again = (
    <button type="button" class="link" onClick={() => of.load()}>
      Try again
    </button>
  );
  if (value === null) {
    if (error === null) return <p class="quiet loading">Reading {what}…</p>;
    return (
      <p class="trouble" role="alert">
        {what} cannot be read: {error.message}. {again}
      </p>
    );
  }
  return (
    <>
      {error !== null && atMs !== null && (
        <p class="trouble" role="status">
          This is from {duration(nowMs.value - atMs)} ago; reading it again failed: {error.message}. {again}
        </p>
      )}
      {children(value)}
    </>
  );
}
