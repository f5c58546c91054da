import { describe, expect, test } from 'vitest';
import { hrefOf, parseRoute, type Route } from '../../web/app/route.ts';

const town = 'town_0123456789abcdefghjk';

describe('an address of the console', () => {
  const routes: Route[] = [
    { name: 'fleet' },
    { name: 'keys' },
    { name: 'town', town, tab: 'overview', query: {} },
    { name: 'town', town, tab: 'timeline', query: { kind: 'token', agent: 'agt_1' } },
    { name: 'agent', town, agent: 'ada', tab: 'chat', query: { message: 'msg_1' } },
    { name: 'agent', town, agent: 'ada', tab: 'credential', query: {} },
  ];
  test.each(routes)('leads to what it was made of: $name $tab', (route) => {
    expect(parseRoute(hrefOf(route))).toEqual(route);
  });

  test.each(['#/towns', '#/elsewhere', '#/keys/1', `#/towns/${town}/nothing`, `#/towns/${town}/agents/ada/nothing`])(
    'that nothing makes leads nowhere: %s',
    (hash) => expect(parseRoute(hash)).toEqual({ name: 'unknown' }),
  );

  test('of nothing is that of all towns, and what cannot be decoded is taken as it stands', () => {
    expect(parseRoute('')).toEqual({ name: 'fleet' });
    expect(parseRoute('#/towns/%E0%A4%A')).toEqual({ name: 'town', town: '%E0%A4%A', tab: 'overview', query: {} });
  });
});
