import type { Fields, Level, Log } from '../../../container/lib/log.ts';

export interface LogLine {
  readonly level: Level;
  readonly event: string;
  readonly fields: Fields;
}

/** A log that keeps its lines. */
export class KeptLog implements Log {
  readonly lines: LogLine[] = [];

  info(event: string, fields: Fields = {}): void {
    this.lines.push({ level: 'info', event, fields });
  }

  warn(event: string, fields: Fields = {}): void {
    this.lines.push({ level: 'warn', event, fields });
  }

  error(event: string, fields: Fields = {}): void {
    this.lines.push({ level: 'error', event, fields });
  }

  /** Lines of one event, as `level`. */
  levels(event: string): Level[] {
    return this.lines.filter((line) => line.event === event).map(({ level }) => level);
  }

  text(): string {
    return JSON.stringify(this.lines);
  }
}
