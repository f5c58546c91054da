import { makeId, type PermissionId, type PermissionOption, type PermissionPolicy } from '#protocol';
import { afterWhile, type Clock } from '../lib/clock.ts';
import type { RandomBytes } from '../lib/platform.ts';
import type { Prompt, ShownEvent } from './agent-process.ts';

/** What an agent asks before it does something. */
export interface Question {
  readonly title: string;
  readonly kind: string;
  readonly input: string;
  readonly options: readonly PermissionOption[];
}

/** A question that was reported to the town. */
export interface OpenQuestion {
  readonly id: PermissionId;
  /** Resolves with the id of the option that was selected; null: `cancelled`. Never rejects. */
  readonly answer: Promise<string | null>;
}

export interface PermissionParts {
  readonly policy: PermissionPolicy;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly townNowMs: () => number;
  /** How long a person has (ms). */
  readonly deadlineMs: number;
}

/** Questions of one turn that are reported; what an agent asks beyond them is answered `cancelled`. */
const MAX_QUESTIONS = 200;
/** Options that mean yes, and no, the narrowest first: ids and names differ between agents. */
const KINDS = { allow: ['allow_once', 'allow_always'], deny: ['reject_once', 'reject_always'] } as const;
const ID_BYTES = 20;

type Resolved = Extract<ShownEvent, { readonly type: 'permission.resolved' }>;

interface Open {
  readonly options: readonly PermissionOption[];
  readonly settle: (option: string | null, by: Resolved['by']) => void;
}

/**
 * The questions of one agent. Each is reported to the town, and its answer too; each is answered exactly once: by the
 * policy, by a person, by its deadline, or by the end of its turn, because a question without an answer would block some
 * agents for ever.
 */
export class Permissions {
  readonly #parts: PermissionParts;
  readonly #open = new Map<PermissionId, Open>();
  readonly #asked = new WeakMap<AbortSignal, number>();

  constructor(parts: PermissionParts) {
    this.#parts = parts;
  }

  /** Resolves with the id of the option that was selected; null: `cancelled`. `turn.signal` aborts when the turn is over. */
  async ask(question: Question, turn: Pick<Prompt, 'emit' | 'signal'>): Promise<string | null> {
    return (await this.open(question, turn, this.#parts.policy)?.answer) ?? null;
  }

  /** Asks without waiting. Null: the turn is over, or has asked too much. Under `ask` only a person answers. */
  open(
    { title, kind, input, options }: Question,
    turn: Pick<Prompt, 'emit' | 'signal'>,
    policy: PermissionPolicy,
  ): OpenQuestion | null {
    const { clock, randomBytes, townNowMs, deadlineMs } = this.#parts;
    const asked = (this.#asked.get(turn.signal) ?? 0) + 1;
    this.#asked.set(turn.signal, asked);
    if (turn.signal.aborted || asked > MAX_QUESTIONS) return null;
    const permission = makeId('prm', randomBytes(ID_BYTES));
    const report = (event: ShownEvent): void => turn.emit({ kind: 'event', event });
    const expires_at = new Date(townNowMs() + deadlineMs).toISOString();
    report({ type: 'permission.requested', permission, title, kind, input, options: [...options], expires_at });
    const answer = new Promise<string | null>((resolve) => {
      const answered = new AbortController();
      const settle: Open['settle'] = (option, by) => {
        if (!this.#open.delete(permission)) return;
        answered.abort();
        turn.signal.removeEventListener('abort', ended);
        const outcome = option === null ? 'cancelled' : 'selected';
        report({ type: 'permission.resolved', permission, outcome, option, by });
        resolve(option);
      };
      const ended = (): void => settle(null, 'turn_ended');
      this.#open.set(permission, { options, settle });
      if (policy !== 'ask') return settle(optionFor(policy, options), 'policy');
      turn.signal.addEventListener('abort', ended, { once: true });
      afterWhile(clock, answered.signal, deadlineMs, () => settle(null, 'deadline'));
    });
    return { id: permission, answer };
  }

  /** A person's answer; null: `cancelled`. False where this is not open, or has no such option. */
  answer(permission: PermissionId, option: string | null): boolean {
    const open = this.#open.get(permission);
    if (open === undefined || (option !== null && !open.options.some(({ id }) => id === option))) return false;
    open.settle(option, 'person');
    return true;
  }
}

/** Null where the agent offers none that means this. */
function optionFor(policy: keyof typeof KINDS, options: readonly PermissionOption[]): string | null {
  for (const kind of KINDS[policy]) {
    const found = options.find((option) => option.kind === kind);
    if (found !== undefined) return found.id;
  }
  return null;
}
