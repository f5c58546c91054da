import type { SweepReport } from '../../client/index.ts';

/** What a refresh came to, by what the containers themselves answered. */
export function sentenceOf({ due, ok, failed, skipped, results }: SweepReport): string {
  if (due === 0) return 'no agent was due.';
  const outcomes = [...new Set(results.map(({ outcome }) => outcome))].join(', ');
  const parts = [
    `${ok} of ${due} confirmed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} left out`] : []),
  ];
  return `${parts.join(', ')} (${outcomes}).`;
}
