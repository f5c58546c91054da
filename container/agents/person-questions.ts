import type { PermissionId } from '#protocol';
import type { AskedPeople } from '../tools/tool-table.ts';
import type { Prompt } from './agent-process.ts';
import type { Permissions } from './permissions.ts';

/** What an agent asks people in one turn by its tools. Its answers are kept until the turn is over, so they may be read late. */
export class PersonQuestions implements AskedPeople {
  readonly #permissions: Permissions;
  readonly #turn: Pick<Prompt, 'emit' | 'signal'>;
  readonly #answers = new Map<PermissionId, Promise<string | null>>();

  constructor(permissions: Permissions, turn: Pick<Prompt, 'emit' | 'signal'>) {
    this.#permissions = permissions;
    this.#turn = turn;
  }

  ask(question: string, choices: readonly string[]): PermissionId | null {
    const options = choices.map((name, at) => ({ id: `choice-${at + 1}`, name, kind: 'choice' as const }));
    // A policy for permissions says nothing of a question, so it always waits for a person.
    const open = this.#permissions.open({ title: question, kind: 'question', input: '', options }, this.#turn, 'ask');
    if (open === null) return null;
    const nameOf = (id: string | null): string | null => options.find((option) => option.id === id)?.name ?? null;
    this.#answers.set(open.id, open.answer.then(nameOf));
    return open.id;
  }

  answerTo(id: PermissionId): Promise<string | null> | null {
    return this.#answers.get(id) ?? null;
  }
}
