/** Messages that a server has not confirmed survive a reload of their tab. */
import { listOf } from '../lib/fields.ts';

/** The same key is the same message, however often it is sent. */
export interface Kept {
  readonly key: string;
  readonly content: string;
}

const nameOf = (agent: string): string => `reeve.unsent.${agent}`;

/** Stores a message behind those that are there, under its key. */
export function keep(agent: string, message: Kept): void {
  store(agent, [...keptOf(agent).filter(({ key }) => key !== message.key), message]);
}

/** Takes a message away. The others stay as they are stored, so that what a sign-out has cleared does not come back. */
export function drop(agent: string, key: string): void {
  store(
    agent,
    keptOf(agent).filter((message) => message.key !== key),
  );
}

function store(agent: string, messages: readonly Kept[]): void {
  if (messages.length === 0) sessionStorage.removeItem(nameOf(agent));
  else sessionStorage.setItem(nameOf(agent), JSON.stringify(messages));
}

/** In the order in which they were written. */
export function keptOf(agent: string): Kept[] {
  return listOf(sessionStorage.getItem(nameOf(agent)) ?? '').flatMap(({ key, content }) =>
    typeof key === 'string' && typeof content === 'string' ? [{ key, content }] : [],
  );
}
