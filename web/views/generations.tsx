/** The generations of a credential over time: when each was issued, confirmed, used and over, and what was refused. */
import { useSignal } from '@preact/signals';
import type { Credential } from '../../client/index.ts';
import { useConsole } from '../app/console.ts';
import { clockTime } from '../lib/time.ts';
import { barsOf, spanOf, ticksOf, type Bar, type Span } from './generation-plot.ts';
import { refusalWords } from './refusal-words.ts';

/** Of the drawing, in its own units. */
const WIDTH = 1000;
const LEFT = 60;
const ROW = 22;
const AXIS = 24;
const MOST_TICKS = 7;
const HOUR = 3_600_000;
const SPANS = [
  ['3 hours', 3 * HOUR],
  ['24 hours', 24 * HOUR],
  ['all', Infinity],
] as const;

const x = (part: number): number => LEFT + part * (WIDTH - LEFT);

export function Generations({ credential }: { readonly credential: Credential }) {
  const { nowMs } = useConsole();
  const chosen = useSignal<number>(SPANS[0][1]);
  const now = nowMs.value;
  const span = spanOf(credential, chosen.value === Infinity ? 0 : now - chosen.value, now);
  const bars = barsOf(credential, span);
  return (
    <section aria-labelledby="generations">
      <header class="title">
        <h2 id="generations">Generations</h2>
        <span class="filters" role="group" aria-label="How far back">
          {SPANS.map(([word, ms]) => (
            <button key={word} type="button" aria-pressed={chosen.value === ms} onClick={() => (chosen.value = ms)}>
              {word}
            </button>
          ))}
        </span>
      </header>
      {bars.length === 0 ? (
        <p class="empty">No token lived in that time.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Generations over time">
          <Plot bars={bars} span={span} now={now} />
        </div>
      )}
      <p class="quiet legend">
        <span class="key issued" /> issued, not confirmed <span class="key acked" /> confirmed by its container{' '}
        <span class="key cut" /> cut off before its end <span class="key used" /> first used{' '}
        <span class="key refused" /> a call was refused
      </p>
    </section>
  );
}

interface PlotProps {
  readonly bars: readonly Bar[];
  readonly span: Span;
  readonly now: number;
}

function Plot({ bars, span, now }: PlotProps) {
  const height = bars.length * ROW + AXIS;
  const at = (ms: number): number => x((ms - span.from) / (span.to - span.from));
  return (
    <svg class="plot" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={saidOf(bars)}>
      {ticksOf(span, MOST_TICKS).map((ms) => (
        <g key={ms} class="tick">
          <path d={`M${at(ms)} 0V${height - AXIS}`} />
          <text x={at(ms)} y={height - 6}>
            {clockTime(new Date(ms).toISOString(), now).replace(/:\d\d$/, '')}
          </text>
        </g>
      ))}
      {bars.map((bar, nth) => (
        <Row key={bar.generation.generation} bar={bar} y={nth * ROW} now={now} />
      ))}
      <path class="now" d={`M${at(now)} 0V${height - AXIS}`} />
    </svg>
  );
}

function Row({ bar, y, now }: { readonly bar: Bar; readonly y: number; readonly now: number }) {
  const { generation, start, end, isCut, acked, used, refusals } = bar;
  const confirmed = generation.acked_at === null ? null : (acked ?? start);
  return (
    <g class={isCut ? 'row revoked' : 'row'}>
      <title>{wordsOf(bar, now)}</title>
      <text x={LEFT - 10} y={y + 15}>
        {generation.generation}
      </text>
      <rect class="issued" x={x(start)} y={y + 4} width={Math.max(2, x(end) - x(start))} height={ROW - 8} rx="3" />
      {confirmed !== null && (
        <rect
          class="acked"
          x={x(confirmed)}
          y={y + 4}
          width={Math.max(2, x(end) - x(confirmed))}
          height={ROW - 8}
          rx="3"
        />
      )}
      {used !== null && <circle class="used" cx={x(used)} cy={y + ROW / 2} r="4" />}
      {refusals.map(({ at, refusal }) => (
        <path key={refusal.reason} class="refused" d={`M${x(at) - 5} ${y + ROW / 2 - 5}l10 10m0 -10l-10 10`} />
      ))}
    </g>
  );
}

function wordsOf({ generation, refusals }: Bar, now: number): string {
  const { generation: number, reason, issued_at, expires_at, outcome } = generation;
  return [
    `Generation ${number}, by ${reason}, issued ${clockTime(issued_at, now)}`,
    expires_at === null ? 'not confirmed' : `over ${clockTime(expires_at, now)}`,
    ...(outcome === null ? [] : [outcome]),
    ...refusals.map(({ refusal }) => refusalWords(refusal.reason)),
  ].join('; ');
}

/** For people who do not see it: the tables below say all of it. */
const saidOf = (bars: readonly Bar[]): string =>
  `${bars.length} generations, the newest is ${bars[0]?.generation.generation ?? 0}; refused: ${bars.flatMap(({ refusals }) => refusals).length}`;
