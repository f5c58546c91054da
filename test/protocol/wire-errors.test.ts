import { expect, it } from 'vitest';
import { reportedFaults } from '#protocol';

it('a refusal names 20 faults, each cut to 200 units of path and rule, however much a body has that does not fit', () => {
  const faults = Array.from({ length: 21 }, (_, nth) => ({ path: String(nth), message: 'is required' }));
  expect(reportedFaults(faults)).toEqual(faults.slice(0, 20));
  const fits = { path: 'p'.repeat(200), message: 'm'.repeat(200) };
  expect(reportedFaults([fits])).toEqual([fits]);
  expect(reportedFaults([{ path: `${fits.path}p`, message: `${fits.message}m` }])).toEqual([fits]);
});

it('a fault that is cut inside a character is text all the same', () => {
  expect(reportedFaults([{ path: `${'p'.repeat(199)}🦊`, message: '' }])).toEqual([
    { path: `${'p'.repeat(199)}\ufffd`, message: '' },
  ]);
});
