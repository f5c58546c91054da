/** What the system calls something that was thrown (`EEXIST`, `EPERM`); undefined: it has no such name. */
export function errorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
