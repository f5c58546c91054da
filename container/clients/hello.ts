/**
 * Says hello to the town, so that it checks this process at once instead of at its next probe. A hint: nothing is given away.
 */
import { PROTOCOL_VERSION, helloAnswerSchema, type Hello } from '#protocol';
import { backoffMs, randomShare } from '#lib/backoff.ts';
import { pause } from '../lib/clock.ts';
import type { Config } from '../config.ts';
import { isWorthALine } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';
import { requestTown, type TownAnswer } from './town-request.ts';

const TIMEOUT_MS = 10_000;
const BACKOFF = { firstMs: 500, maxMs: 30_000, jitter: 'equal' } as const;
/** A refused secret is not cured by trying often; a minute is soon enough after the operator has corrected it. */
const REFUSED_PAUSE_MS = 60_000;

type Failed = Exclude<TownAnswer<unknown>, { kind: 'ok' }>;

/** Tries until the town takes it or `life` ends. Without a `CONTAINER_SECRET` there is nothing to say. Never rejects. */
export async function sayHello(
  platform: Platform,
  config: Pick<Config, 'apiUrl' | 'containerSecret'>,
  life: AbortSignal,
): Promise<void> {
  if (config.containerSecret === null) return;
  const hello: Hello = { version: PROTOCOL_VERSION };
  const request = {
    method: 'POST',
    url: `${config.apiUrl}/v1/container/hello`,
    bearer: config.containerSecret,
    body: JSON.stringify(hello),
    answer: helloAnswerSchema,
    timeoutMs: TIMEOUT_MS,
    life,
  } as const;
  for (let failures = 0; !life.aborted;) {
    const answer = await requestTown(platform, request);
    if (answer.kind === 'ok') return platform.log.info('hello_said', { failures });
    failures += 1;
    if (!life.aborted) report(platform, answer, failures);
    await pause(platform.clock, life, waitMs(platform, answer, failures));
  }
}

function isRefusal(answer: Failed): boolean {
  return answer.kind === 'refused' && (answer.status === 401 || answer.status === 403);
}

function waitMs(platform: Platform, answer: Failed, failures: number): number {
  if (isRefusal(answer)) return REFUSED_PAUSE_MS;
  const retryAfterMs = answer.kind === 'refused' ? answer.retryAfterMs : 0;
  return backoffMs(BACKOFF, failures, randomShare(platform.randomBytes), retryAfterMs);
}

function report({ log }: Platform, answer: Failed, failures: number): void {
  const status = answer.kind === 'refused' ? answer.status : undefined;
  const reason = answer.kind === 'refused' ? undefined : answer.reason;
  if (!isWorthALine(failures)) return;
  if (isRefusal(answer)) {
    log.error('hello_refused', {
      status,
      failures,
      advice: 'CONTAINER_SECRET must be the same here and at the Worker',
    });
  } else log.warn('hello_failed', { status, reason, failures });
}
