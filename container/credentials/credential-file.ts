/**
 * The current token of an agent in a file, for a process that calls the town itself (`credentials: file`). The file is readable by
 * its owner alone from the moment in which it exists, and replaced as a whole: a reader has the old or the new token, never a piece.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, constants, fchmodSync, fchownSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentId } from '#protocol';
import type { ClientRegistry, TokenClient } from '../clients/registry.ts';
import { errorCode } from '../lib/error-code.ts';

/** Who may read the file; the file is the control server's own where this is null. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

interface FileParts {
  readonly registry: Pick<ClientRegistry, 'register'>;
  readonly agent: AgentId;
  readonly inc: number;
  /** Absolute, and there. The agent's user may enter it, and must not be able to write there. */
  readonly directory: string;
  readonly owner: FileOwner | null;
}

export interface CredentialFile {
  /** For `REEVE_TOKEN_FILE`. */
  readonly path: string;
  /** Removes the file; it is not written again. The end of the incarnation does the same. Idempotent; never throws. */
  close(): void;
}

/** The file could not be written. Names the system's code, never what was to be written. */
export class CredentialFileError extends Error {
  override readonly name = 'CredentialFileError';
}

/**
 * Writes the agent's token into a file, and each new one from then on, until the incarnation ends. Throws `CredentialFileError` where
 * the first cannot be written, and `AgentNotLive` where there is none. A later one that cannot is reported as any client's failure
 * is, and the file keeps the token before it.
 */
export function openCredentialFile({ registry, agent, inc, directory, owner }: FileParts): CredentialFile {
  const file = new TokenFile(join(directory, `token-${inc}`), owner);
  const leave = registry.register(agent, file);
  const close = (): void => {
    leave();
    file.ended();
  };
  if (file.fault !== null) {
    close();
    throw new CredentialFileError(`the credential file cannot be written: ${file.fault}`);
  }
  return { path: file.path, close };
}

/** New, and no link that another user put there before. */
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const OWNER_ONLY = 0o600;

/** Synchronous throughout: when a swap has returned, the file holds the new token, before the message that came along is read. */
class TokenFile implements TokenClient {
  readonly path: string;
  readonly #owner: FileOwner | null;
  #writtenDigest: string | null = null;
  #isOver = false;
  /** The system's code of the last write, where it failed. */
  fault: string | null = null;

  constructor(path: string, owner: FileOwner | null) {
    this.path = path;
    this.#owner = owner;
  }

  setToken(token: string): void {
    const digest = createHash('sha256').update(token).digest('base64url');
    if (this.#isOver || digest === this.#writtenDigest) return;
    try {
      this.#replace(token);
      this.#writtenDigest = digest;
      this.fault = null;
    } catch (thrown) {
      this.fault = errorCode(thrown) ?? 'unknown';
      throw thrown;
    }
  }

  ended(): void {
    this.#isOver = true;
    remove(this.path);
  }

  #replace(token: string): void {
    const temporary = `${this.path}.${randomBytes(8).toString('hex')}`;
    const file = openSync(temporary, CREATE, OWNER_ONLY);
    try {
      try {
        // A umask may have taken away more than it must; it never adds.
        fchmodSync(file, OWNER_ONLY);
        writeFileSync(file, token);
        if (this.#owner !== null) fchownSync(file, this.#owner.uid, this.#owner.gid);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.path);
    } catch (thrown) {
      remove(temporary);
      throw thrown;
    }
  }
}

/** What cannot be removed goes with its directory. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A directory that the agent put there, or a file system that is gone.
  }
}
