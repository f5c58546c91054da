import { env } from 'cloudflare:test';
import { edgeOf, type PersonStub } from '../../../src/http/edge/edge.ts';
import { callThrough } from '../../../src/http/edge/call-through.ts';
import type { Result } from '../../../src/lib/result.ts';
import type { TownId } from '../../../src/protocol/index.ts';
import { deployment } from './wiring.ts';

/** A town as a person sees it, past the edge: each call is one round trip, and holds nothing afterwards. */
export function asMember(town: TownId, person: string): PersonStub {
  const call =
    (method: string) =>
    async (...given: unknown[]): Promise<unknown> => {
      const { config } = await deployment();
      const held = edgeOf(env, config).town(town).person({ person });
      return callThrough(
        held,
        (me) => Reflect.apply(Reflect.get(me, method) as Function, me, given) as Promise<Result<unknown, string>>,
      );
    };
  return new Proxy({}, { get: (_, method) => call(String(method)) }) as PersonStub;
}
