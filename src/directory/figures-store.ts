/** D1 table `town_figures`: what each town said of itself last. Written by the town behind its work; read without touching a town. */
import type { TownId } from '#protocol';
import { parseJson } from '#lib/json.ts';
import type { Figures } from './figures.ts';

/** What a town said, and when. */
export interface PublishedFigures {
  readonly atMs: number;
  readonly figures: Figures;
}

type Row = { town: TownId; at_ms: number; figures: string };

/** Figures by town. A method rejects where D1 cannot be reached. */
export class FiguresStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Replaces what the town said before. Idempotent. Rejects where the town is not in the directory. */
  async publish(id: TownId, { atMs, figures }: PublishedFigures): Promise<void> {
    await this.#db
      .prepare(
        `INSERT INTO town_figures (town, at_ms, figures) VALUES (?1, ?2, ?3)
         ON CONFLICT (town) DO UPDATE SET at_ms = excluded.at_ms, figures = excluded.figures`,
      )
      .bind(id, atMs, JSON.stringify(figures))
      .run();
  }

  /** Null: the town has said nothing yet. */
  async get(id: TownId): Promise<PublishedFigures | null> {
    return (await this.ofTowns([id])).get(id) ?? null;
  }

  /** Of these towns those that have said something. */
  async ofTowns(ids: readonly TownId[]): Promise<ReadonlyMap<TownId, PublishedFigures>> {
    const { results } = await this.#db
      .prepare('SELECT town, at_ms, figures FROM town_figures WHERE town IN (SELECT value FROM json_each(?))')
      .bind(JSON.stringify(ids))
      .all<Row>();
    return new Map(results.map((row) => [row.town, { atMs: row.at_ms, figures: toFigures(row.figures) }]));
  }
}

/** Another release may have written it: only what is a number is taken. */
function toFigures(text: string): Figures {
  const parsed = parseJson(text);
  const entries = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
  return Object.fromEntries(entries.filter(([, value]) => Number.isFinite(value)));
}
