/** How a command ends: with a code that a script can act on, and one line on stderr for people. */
import { CommanderError } from 'commander';
import { ApiError, Unreachable } from '../client/index.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  auth: 4,
  conflict: 5,
  timeout: 6,
  unreachable: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command. An empty message: all is said. */
export class Ended extends Error {
  readonly code: ExitCode;

  constructor(code: ExitCode, message = '') {
    super(message);
    this.code = code;
  }
}

/** For what was thrown: the code, and the line, which is empty where all is said. Anything unforeseen is thrown on. */
export function endOf(thrown: unknown): { readonly code: ExitCode; readonly line: string } {
  if (thrown instanceof Ended) return { code: thrown.code, line: thrown.message };
  // The library has printed its own line, or the help that was asked for.
  if (thrown instanceof CommanderError) return { code: thrown.exitCode === 0 ? EXIT.ok : EXIT.usage, line: '' };
  if (thrown instanceof ApiError) return { code: codeOf(thrown), line: lineOf(thrown) };
  if (thrown instanceof Unreachable) {
    const cause = causeOf(thrown);
    return {
      code: thrown.why === 'timeout' ? EXIT.timeout : EXIT.unreachable,
      line: cause === '' ? thrown.message : `${thrown.message}: ${cause}`,
    };
  }
  throw thrown;
}

/** What the platform says of a connection that did not come about; it hides it in causes of causes. */
export function causeOf({ cause }: Error): string {
  if (!(cause instanceof Error)) return '';
  const deeper = causeOf(cause);
  return deeper === '' ? cause.message : deeper;
}

function codeOf({ status }: ApiError): ExitCode {
  if (status === 401 || status === 403) return EXIT.auth;
  if (status === 404) return EXIT.notFound;
  if (status === 409 || status === 422) return EXIT.conflict;
  if (status === 400 || status === 413) return EXIT.usage;
  return [502, 503, 504].includes(status) ? EXIT.unreachable : EXIT.failed;
}

function lineOf({ message, code, requestId }: ApiError): string {
  const names = [code, requestId === null ? '' : `request ${requestId}`].filter((name) => name !== '');
  return names.length === 0 ? message : `${message} (${names.join(', ')})`;
}
