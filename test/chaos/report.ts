/** What a run came to, for people: one page, complete in itself. */
import { CHECKS, type Broken } from './checks.ts';
import type { History } from './history.ts';
import { bucketed, escaped, svgOf, type Plot, type Point } from './plot.ts';

const most = (values: readonly number[]): number => values.reduce((max, value) => Math.max(max, value), 0);
const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
const count = (values: readonly number[]): number => values.length;

/** The whole document, without scripts and without requests. It holds no text of a message, and nothing that is secret. */
export function reportOf(history: History, broken: readonly Broken[], minutes: number): string {
  const held = history.aftermath === null ? 'The run was ended early' : 'Every promise held';
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Chaos report</title>',
    `<style>body{font:15px/1.5 system-ui,sans-serif;max-width:920px;margin:2em auto;padding:0 1em}table{border-collapse:collapse}td,th{padding:2px 12px 2px 0;text-align:left;vertical-align:top}svg{width:100%;margin:8px 0}.broken{color:#b3261e}</style></head><body>`,
    `<h1>${broken.length === 0 ? held : `${broken.length} broken`}</h1>`,
    `<p>Seed ${history.seed}; again: <code>npm run chaos -- --minutes ${minutes} --seed ${history.seed}</code></p>`,
    figuresOf(history),
    '<h2>Promises</h2>',
    promisesOf(history),
    ...(broken.length === 0 ? [] : ['<h2>Broken</h2>', brokenOf(broken)]),
    '<h2>Over time</h2><p>Shaded: something was broken on purpose.</p>',
    ...plotsOf(history).map(svgOf),
    '<h2>What was broken</h2>',
    troublesOf(history),
    '</body></html>\n',
  ].join('\n');
}

const row = (cells: readonly (string | number)[]): string =>
  `<tr>${cells.map((cell) => `<td>${escaped(String(cell))}</td>`).join('')}</tr>`;
const table = (rows: readonly (readonly (string | number)[])[]): string => `<table>${rows.map(row).join('\n')}</table>`;

const listed = (groups: ReadonlyMap<string, readonly unknown[]>): string =>
  [...groups].map(([name, own]) => `${own.length} ${name}`).join(', ') || 'none';

function figuresOf(history: History): string {
  const { towns, sent, lines, calls, cuts, troubles, aftermath, acks, startedAt, endedAt } = history;
  const states = Map.groupBy(
    towns.flatMap(({ messages }) => messages),
    ({ state }) => state,
  );
  const calmAfterMs = aftermath?.calmAfterMs ?? null;
  const again = towns.flatMap(({ messages }) => messages).filter(({ attempts }) => attempts > 1);
  return table([
    ['began', new Date(startedAt).toISOString()],
    ['took', `${Math.round((endedAt - startedAt) / 1000)} s`],
    ['towns, agents', `${towns.length}, ${towns.flatMap(({ agents }) => agents).length}`],
    ['messages accepted from people', sent.length],
    ['messages by state', listed(states)],
    ['of these in more than one attempt', again.length],
    ['processes of agents', new Set(lines.map(({ pid, agent }) => `${agent} ${pid}`)).size],
    ['calls with a token of an agent', calls.length],
    [
      'of these refused with 401',
      listed(
        Map.groupBy(
          calls.filter(({ status }) => status === 401),
          ({ code }) => code,
        ),
      ),
    ],
    ['tokens minted', towns.flatMap(({ events }) => events).filter(({ type }) => type === 'reeve.token.issued').length],
    [
      'lag of a token, median and longest',
      `${median(acks.map(({ lagMs }) => lagMs))} ms, ${most(acks.map(({ lagMs }) => lagMs))} ms`,
    ],
    ['agents revoked or retired', cuts.length],
    ['times that something was broken', troubles.length],
    ['all calm again after', calmAfterMs === null ? 'not seen' : `${Math.round(calmAfterMs / 1000)} s`],
  ]);
}

const promisesOf = (history: History): string =>
  table(
    CHECKS.map(([claim, check]) => {
      const found = check(history).length;
      return [claim, found === 0 ? 'held' : `broken ${found} times`];
    }),
  );

const brokenOf = (broken: readonly Broken[]): string =>
  table(broken.map(({ promise, atMs, what }) => [promise, `${(atMs / 1000).toFixed(1)} s`, what]));

function troublesOf({ troubles, startedAt }: History): string {
  const seconds = (at: number): string => ((at - startedAt) / 1000).toFixed(1);
  const rows = troubles
    .toSorted((one, other) => one.from - other.from)
    .map(({ from, to, kind, agent }) => [`${seconds(from)} to ${seconds(to)} s`, kind, agent ?? '']);
  return table(rows);
}

function plotsOf(history: History): Plot[] {
  const { startedAt, endedAt, calls, acks, troubles, ttlSeconds, lines } = history;
  const seconds = Math.max(1, (endedAt - startedAt) / 1000);
  const time = (at: number): number => (at - startedAt) / 1000;
  const bands = troubles
    .filter(({ agent }) => agent === undefined)
    .map(({ from, to }) => ({ from: time(from), to: time(to) }));
  const frame = { seconds, bands };
  const ages = calls.map(({ at, issuedAt }): Point => ({ at: time(at), value: (at - issuedAt) / 1000 }));
  const lags = acks.map(({ at, lagMs }): Point => ({ at: time(at), value: lagMs / 1000 }));
  const outcomes = Map.groupBy(calls, ({ status }) => (status < 400 ? 'accepted' : String(status)));
  const ended = lines.filter((line) => line.kind === 'ended');
  const ends = Map.groupBy(ended, ({ how }) => how);
  const counted = (groups: ReadonlyMap<string, readonly { readonly at: number }[]>) =>
    [...groups].map(([name, own]) => {
      return {
        name,
        points: bucketed(
          own.map(({ at }) => ({ at: time(at), value: 1 })),
          seconds,
          count,
          0,
        ),
      };
    });
  return [
    {
      ...frame,
      title: 'Age of tokens at their use',
      unit: 's',
      mark: { value: ttlSeconds, name: `${ttlSeconds}` },
      lines: [
        { name: 'median', points: bucketed(ages, seconds, median) },
        { name: 'oldest', points: bucketed(ages, seconds, most) },
      ],
    },
    {
      ...frame,
      title: 'From minted to confirmed',
      unit: 's',
      lines: [
        { name: 'median', points: bucketed(lags, seconds, median) },
        { name: 'longest', points: bucketed(lags, seconds, most) },
      ],
    },
    { ...frame, title: 'Calls of agents by outcome', unit: 'calls', lines: counted(outcomes) },
    { ...frame, title: 'Turns by their end', unit: 'turns', lines: counted(ends) },
  ];
}
