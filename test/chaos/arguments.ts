import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run chaos -- [--minutes N] [--seed S] [--report PATH] [--keep]

Starts a whole Reeve on this machine, breaks its parts and the ways between them while agents work, lets it come to rest, and
checks that every promise held (docs/chaos.md).

  --minutes N     how long things are broken; default 3, at most 600, and 0.5 is half of one
  --seed S        a whole number; the same one is the same schedule. Default: drawn, and printed
  --report PATH   where the report goes; default chaos-S.html
  --keep          leave the folder with all logs
  --help          this text

Ends with 0 where all promises held, 1 where one did not, or the run was ended early, and 2 for a bad argument.
`;

const MAX_MINUTES = 600;
const MAX_SEED = 2 ** 31 - 1;

export type Arguments =
  | {
      readonly kind: 'run';
      readonly minutes: number;
      readonly seed: number;
      readonly report: string;
      readonly keep: boolean;
    }
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly line: string };

/** `draw`: in [0, 1), for a seed that is not given. */
export function readArguments(argv: readonly string[], draw: () => number): Arguments {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        minutes: { type: 'string' },
        seed: { type: 'string' },
        report: { type: 'string' },
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return { kind: 'help' };
    const minutes = numberFrom(values.minutes ?? '3');
    if (!(minutes > 0 && minutes <= MAX_MINUTES))
      return refused(`--minutes must be more than 0, and at most ${MAX_MINUTES}`);
    const seed = numberFrom(values.seed ?? String(Math.floor(draw() * MAX_SEED)));
    if (!Number.isInteger(seed) || seed > MAX_SEED) return refused(`--seed must be a whole number, 0 to ${MAX_SEED}`);
    return { kind: 'run', minutes, seed, report: values.report ?? `chaos-${seed}.html`, keep: values.keep === true };
  } catch (thrown) {
    return refused(thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : 'see --help');
  }
}

const refused = (line: string): Arguments => ({ kind: 'refused', line });

/** NaN where it is no plain decimal number. */
const numberFrom = (text: string): number => (/^\d{1,10}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN);
