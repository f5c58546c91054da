/** Plots as SVG, of plain elements: they need no script, and nothing from elsewhere. */

/** One value at one time (s). */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/** Values over time, by name, in one picture. */
export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly seconds: number;
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[];
  /** Drawn behind: from when to when something was broken. */
  readonly bands: readonly { readonly from: number; readonly to: number }[];
  /** A height that means something. */
  readonly mark?: { readonly value: number; readonly name: string };
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [900, 200, 50, 22, 26];
const COLOURS = ['#1f6f8b', '#c8553d', '#588157', '#8d5a97', '#b8860b', '#444'];

/** For attributes and for what stands between tags. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0) ?? 0};`);

export function svgOf({ title, unit, seconds, lines, bands, mark }: Plot): string {
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const top =
    Math.max(
      1,
      mark?.value ?? 0,
      values.reduce((most, value) => Math.max(most, value), 0),
    ) * 1.05;
  const x = (at: number): string =>
    (LEFT + (Math.min(Math.max(at, 0), seconds) / seconds) * (WIDTH - LEFT - 10)).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP)).toFixed(1);
  const band = ({ from, to }: Plot['bands'][number]): string =>
    `<rect x="${x(from)}" y="${TOP}" width="${Math.max(1, Number(x(to)) - Number(x(from))).toFixed(1)}" height="${HEIGHT - BOTTOM - TOP}" fill="#f2c14e" opacity="0.25"/>`;
  const line = ({ points }: Plot['lines'][number], nth: number): string =>
    `<polyline fill="none" stroke="${colour(nth)}" points="${points.map(({ at, value }) => `${x(at)},${y(value)}`).join(' ')}"/>`;
  const legend = lines.map(
    ({ name }, nth) => `<text x="${LEFT + 330 + nth * 110}" y="16" fill="${colour(nth)}">${escaped(name)}</text>`,
  );
  const level = (value: number, text: string): string =>
    `<line x1="${LEFT}" x2="${WIDTH - 10}" y1="${y(value)}" y2="${y(value)}" stroke="#999" stroke-dasharray="3 3"/><text x="${LEFT - 4}" y="${y(value)}" text-anchor="end">${escaped(text)}</text>`;
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}" font-size="11">`,
    `<text x="${LEFT}" y="16" font-weight="bold">${escaped(`${title} (${unit})`)}</text>`,
    ...legend,
    ...bands.map(band),
    level(0, '0'),
    level(top / 1.05, (top / 1.05).toFixed(0)),
    ...(mark === undefined ? [] : [level(mark.value, mark.name)]),
    ...lines.map(line),
    `<text x="${WIDTH - 10}" y="${HEIGHT - 6}" text-anchor="end">${Math.round(seconds)} s</text>`,
    '</svg>',
  ].join('');
}

const colour = (nth: number): string => COLOURS[nth % COLOURS.length] ?? '#000';

/** So many points at most, whatever there is to show. */
const BUCKETS = 240;

/**
 * Values that fall into the same piece of time become one, by `join`. Where there are none there is no point, or one at `empty`.
 */
export function bucketed(
  points: readonly Point[],
  seconds: number,
  join: (values: readonly number[]) => number,
  empty?: number,
): Point[] {
  const count = Math.min(BUCKETS, Math.max(1, Math.round(seconds)));
  const width = seconds / count;
  const buckets = Map.groupBy(points, ({ at }) => Math.floor(at / width));
  return Array.from({ length: count }, (_, nth) => nth).flatMap((nth) => {
    const own = buckets.get(nth)?.map((point) => point.value);
    const value = own === undefined ? empty : join(own);
    return value === undefined ? [] : [{ at: nth * width, value }];
  });
}
