/** What was measured, as a table and as plots. */
import { isMet, type Finding } from './claims/claim.ts';

const WORDS = { true: 'met', false: '**not met**', null: '' } as const;

/** A Markdown table: one row a finding. */
export function tableOf(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => {
    const { what, value, unit, goal } = finding;
    const held = goal === null ? 'for context' : `at ${goal.at} ${goal.value}`;
    return `| ${what} | ${rounded(value)} ${unit} | ${held} | ${WORDS[`${isMet(finding)}`]} |`;
  });
  return ['| What | Measured | Goal | |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}

/** Three figures, as a person reads them. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(value >= 100 ? 3 : 2)));
}
