/**
 * What happened to an agent's tokens, in the row that is written anyway when it happens: no row more. One short
 * line for each fact, the newest first; past its bound the oldest go. Pure: the store writes lines, and people are shown what they
 * come to. Never the text of a token (T6).
 */
import { ISSUE_REASONS, type IssueReason } from '#protocol';

/**
 * Of all facts of an agent together, in characters: three days of hourly tokens, about 50 for each. The row is written anew with
 * each fact, and stays within one page of the database (4096 bytes).
 */
export const MAX_FACTS_UNITS = 3600;
/** Of an error, in UTF-16 code units; the event `reeve.token.failed` has all of it. */
const MAX_ERROR_UNITS = 60;

/** One letter each, for good: rows hold them. */
const LETTERS: Readonly<Record<IssueReason, string>> = { start: 's', delivery: 'd', sweep: 'w', force: 'f', pull: 'p' };

/** What became of one generation. Times in ms. */
export interface Generation {
  readonly gen: number;
  readonly inc: number;
  readonly reason: IssueReason;
  readonly issuedAtMs: number;
  readonly ackedAtMs: number | null;
  readonly firstUsedAtMs: number | null;
  readonly expiresAtMs: number | null;
  readonly outcome: string | null;
  readonly error: string | null;
  readonly revokedAtMs: number | null;
}

const line = (kind: string, ...fields: readonly string[]): string => `${kind}${fields.join('.')}\n`;
const short = (value: number): string => value.toString(36);
const secondsOf = (ms: number): number => Math.floor(ms / 1000);

/** A generation was allocated: `i` and its number, which the database knows, go before this. */
export const issueFact = (inc: number, reason: IssueReason, nowMs: number): string =>
  line('', '', `${LETTERS[reason]}${short(inc)}`, short(nowMs));

/** A push brought it to its container, or found it there. `applied` is what this comes to as a rule, and is not spelt out. */
export function ackFact(gen: number, outcome: string, expiresAtMs: number, nowMs: number): string {
  return line('a', String(gen), ...confirmed(nowMs, expiresAtMs), ...(outcome === APPLIED ? [] : [outcome]));
}

/** The agent called with it, for the first time. Its end is said where nothing else has confirmed it. */
export const useFact = (gen: number, nowMs: number, expiresAtMs: number | null = null): string =>
  line('u', String(gen), ...(expiresAtMs === null ? [short(nowMs)] : confirmed(nowMs, expiresAtMs)));

/** What its push, or its pull, came to instead. */
export function endFact(gen: number, outcome: string, error: string | null, nowMs: number): string {
  const detail = (error ?? '').slice(0, MAX_ERROR_UNITS).replaceAll(/\p{Cc}/gu, ' ');
  return line('f', String(gen), short(nowMs), outcome, ...(detail === '' ? [] : [detail]));
}

/** Once it is confirmed, older ones are refused. */
export const cutFact = (gen: number): string => line('c', String(gen));

/** None that was issued is accepted from here on. */
export const revokeFact = (nowMs: number): string => line('r', '', short(nowMs));

const APPLIED = 'applied';
const confirmed = (nowMs: number, expiresAtMs: number): string[] => [
  short(nowMs),
  short(secondsOf(expiresAtMs) - secondsOf(nowMs)),
];

type Open = { -readonly [K in keyof Generation]: Generation[K] };

/**
 * The generations that the facts tell of, the newest first. One whose issue is forgotten is left out, and so is the last line, which
 * may be a part of one.
 * @param validFromMs tokens that were issued before are refused since
 */
export function generationsIn(facts: string, validFromMs: number): Generation[] {
  const found = new Map<number, Open>();
  let cutAt = Infinity;
  const refuseBelow = (gen: number, atMs: number): void => {
    for (const one of found.values()) if (one.gen < gen) one.revokedAtMs ??= atMs;
    cutAt = Infinity;
  };
  for (const fact of facts.split('\n').slice(0, -1).toReversed()) {
    const [number = '', ...fields] = fact.slice(1).split('.');
    const gen = Number(number);
    const one = found.get(gen);
    switch (fact.charAt(0)) {
      case 'i':
        found.set(gen, issued(gen, fields));
        break;
      case 'a':
      case 'u':
        if (one !== undefined) confirm(one, fact.charAt(0) === 'u', fields);
        if (gen >= cutAt) refuseBelow(cutAt, timeIn(fields));
        break;
      case 'f':
        if (one !== undefined)
          Object.assign(one, { outcome: fields[1] ?? null, error: fields.slice(2).join('.') || null });
        break;
      case 'c':
        cutAt = gen;
        break;
      case 'r':
        refuseBelow(Infinity, timeIn(fields));
        break;
      // Of a release that knows more.
      default:
    }
  }
  // What is issued in the second of a restore is good from the next one on.
  for (const one of found.values()) if (one.issuedAtMs <= validFromMs - 1000) one.revokedAtMs ??= validFromMs;
  return [...found.values()].toReversed();
}

const timeIn = ([at = '']: readonly string[]): number => parseInt(at, 36);

function issued(gen: number, [why = '', ...at]: readonly string[]): Open {
  const [letter, inc] = [why.charAt(0), why.slice(1)];
  const reason = ISSUE_REASONS.find((reason) => LETTERS[reason] === letter);
  if (reason === undefined) throw new Error(`no reason to issue is called ${letter}`);
  const nothing = { ackedAtMs: null, firstUsedAtMs: null, expiresAtMs: null, outcome: null, error: null };
  return { gen, inc: parseInt(inc, 36), reason, issuedAtMs: timeIn(at), ...nothing, revokedAtMs: null };
}

function confirm(one: Open, isUse: boolean, fields: readonly string[]): void {
  const atMs = timeIn(fields);
  one.ackedAtMs ??= atMs;
  const [, lifetime] = fields;
  if (lifetime !== undefined) one.expiresAtMs = (secondsOf(atMs) + parseInt(lifetime, 36)) * 1000;
  if (isUse) {
    one.firstUsedAtMs ??= atMs;
    one.outcome ??= 'in_use';
  } else {
    one.outcome = fields[2] ?? APPLIED;
    one.error = null;
  }
}
