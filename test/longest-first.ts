import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take longest, in the order in which they begin: those that wait for a real stack (e2e) in between those that
 * compute, so that neither the cores nor the workers idle, and no long file is left for the end. A file that is missing here
 * only begins later; that each name is a file's, architecture.test.ts holds.
 */
export const LONGEST = [
  'e2e/stream',
  'e2e/chaos',
  'e2e/ending',
  'town/crash/crash-start',
  'town/crash/crash-deliver',
  'browser/console',
  'town/crash/crash-sweep',
  'e2e/chat-clients',
  'town/crash/crash-restore',
  'e2e/secret-scan',
  'town/isolation/isolation-matrix',
  'browser/accessible',
  'town/containers/liveness-containers',
  'e2e/demo',
  'town/crash/crash-hello',
  'e2e/start',
  'town/containers/liveness-restart',
  'e2e/storms',
  'town/members/roles-matrix',
  'town/crash/crash-refusal',
  'e2e/docs-page',
  'container/weather/churn',
  'browser/ways-in',
  'town/properties',
  'town/delivery/poison',
  'town/containers/liveness-crash',
  'container/agents/process/churn',
  'town/containers/liveness',
  'e2e/placement',
  'scripts/build-image',
  'e2e/third-parties',
  'town/delivery/outbox-properties',
];

const rank = ({ moduleId }: TestSpecification): number => {
  const at = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return at === -1 ? LONGEST.length : at;
};

/** The order in which vitest hands files to its workers; the rest of them by size, as vitest does. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}
