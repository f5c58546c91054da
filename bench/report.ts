/** What was measured, as a table and as plots: for the terminal, and for docs/benchmarks.md. */
import { isMet, type Finding } from './claims/claim.ts';
import { tableOf } from '../scripts/markdown-table.ts';
import { median } from './measure.ts';

const WORDS = { true: 'yes', false: '**no**', null: '' } as const;
const BEGIN = '<!-- measured -->';
const END = '<!-- /measured -->';

/** A Markdown table: one row a finding. */
export function findingsTable(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => {
    const { what, value, unit, goal } = finding;
    const held = goal === null ? 'for context' : `at ${goal.at} ${goal.value}`;
    return [what, `${rounded(value)} ${unit}`, held, WORDS[`${isMet(finding)}`]];
  });
  return `${tableOf([['What', 'Measured', 'Goal', 'Met'], ...rows])}\n`;
}

/** The document with the table and the plots of these findings in the place of those before. Throws where it has no such place. */
export function withFindings(document: string, findings: readonly Finding[]): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`the document has no place between ${BEGIN} and ${END}`);
  const plots = findings.filter(({ times }) => times.length > 1).map(plotOf);
  const measured = [BEGIN, '', findingsTable(findings), ...plots, ''].join('\n');
  return document.slice(0, begin) + measured + document.slice(end);
}

/** The medians of the sides as bars. */
function plotOf({ what, times }: Finding): string {
  const sides = times.map(({ name, ms }) => ({ name, ms: median(ms) }));
  return [
    '```mermaid',
    'xychart-beta',
    `  title "${what}"`,
    `  x-axis [${sides.map(({ name }) => `"${name}"`).join(', ')}]`,
    '  y-axis "ms, median"',
    `  bar [${sides.map(({ ms }) => rounded(ms)).join(', ')}]`,
    '```',
    '',
  ].join('\n');
}

/** Two figures, or three from a hundred on, as a person reads them. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(value >= 100 ? 3 : 2)));
}
