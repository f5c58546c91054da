/** What the town tells people of its containers. From what is stored: none is asked for it, woken or kept awake (T10). */
import { z } from 'zod';
import { agentIdSchema } from './ids.ts';

/**
 * `new`: it has no session yet. `running`: an agent in it is at work. `idle`: it was there when it was needed last and no agent in it
 * works; it may have gone to sleep meanwhile, which shows when it is needed next. `asleep`: it did not run when it was asked last.
 * `silent`: it does not answer, and none of its agents is heard. `lost`: it was given up, and its agents were placed again.
 */
export const CONTAINER_STATES = ['new', 'running', 'idle', 'asleep', 'silent', 'lost'] as const;

const time = z.iso.datetime();

/** A container of a town, as far as the town knows. */
export const containerSchema = z.object({
  /** As agents name it. */
  container: z.string(),
  state: z
    .enum(CONTAINER_STATES)
    .describe(
      'idle: no agent in it works, and it may have gone to sleep since; asleep: it did not run when it was asked last; ' +
        'silent: it does not answer; lost: it was given up',
    ),
  since: time.nullable().describe('since when it is asleep, silent or lost; null in the other states'),
  session_since: time.nullable().describe('when the session that its agents run in was opened'),
  last_heard_at: time.nullable().describe('the last sign of life of an agent in it, or of the opening of its session'),
  held: z
    .object({ until: time, failures: z.number().int().min(0) })
    .nullable()
    .describe('after failures in a row nothing is sent there unasked until then'),
  refused_since: time.nullable().describe('since when its control server refuses what the town signs'),
  next_probe_at: time.nullable().describe('it is in doubt, and asked then'),
  agents: z.array(agentIdSchema).describe('who lives there, at work or not'),
});
export type ContainerView = z.infer<typeof containerSchema>;
