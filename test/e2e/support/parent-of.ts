import { readFileSync } from 'node:fs';

/** The control server that an agent's process was started by. */
export function parentOf(pid: number | null | undefined): number {
  const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8');
  return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
}
