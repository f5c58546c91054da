/** How often callers may call, as `[[ratelimits]]` of wrangler.toml says; counted at each place of the platform on its own. */
import { messageOf } from '#lib/result.ts';
import type { Log } from '#lib/log.ts';
import type { Env } from '../../bindings.ts';
import { Refusal } from './problem.ts';

/** Counts a call of one caller. Throws a `Refusal` where it is one too many. */
export type Rate = (caller: string) => Promise<void>;

/** Of each kind of caller. */
export interface Rates {
  /** By the id of the person, whatever credential they come with. */
  readonly person: Rate;
  /** By the id of the agent. */
  readonly agent: Rate;
  /** Credentials of people that were not accepted, by the address that they came from. */
  readonly badSignIn: Rate;
}

const TOO_MANY = { detail: 'Too many calls in this minute.' };

/** The rates of this Worker. Where a binding is absent, or cannot be asked, nothing is refused. */
export function ratesOf({ PERSON_RATE, AGENT_RATE, BAD_SIGN_IN_RATE }: Env, log: Log): Rates {
  const rateOf =
    (name: string, limiter: RateLimit | undefined): Rate =>
    async (caller) => {
      if (limiter !== undefined && !(await isWithin(name, limiter, caller))) {
        throw new Refusal('limit_exceeded', TOO_MANY);
      }
    };
  const isWithin = async (name: string, limiter: RateLimit, caller: string): Promise<boolean> => {
    try {
      return (await limiter.limit({ key: caller })).success;
    } catch (thrown) {
      log.error('rate.not_asked', { rate: name, error: messageOf(thrown) });
      return true;
    }
  };
  return {
    person: rateOf('person', PERSON_RATE),
    agent: rateOf('agent', AGENT_RATE),
    badSignIn: rateOf('bad_sign_in', BAD_SIGN_IN_RATE),
  };
}
