import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take longest, in the order in which they begin: those that wait for a real stack (e2e) in between those that
 * compute, so that neither the cores nor the workers idle, and no long file is left for the end. A file that is missing here
 * only begins later; that each name is a file's, architecture.test.ts holds.
 */
export const LONGEST = [
  'e2e/ending',
  'e2e/stream',
  'e2e/chat-clients',
  'town/crash/crash-sweep',
  'town/crash/crash-start',
  'e2e/demo',
  'town/crash/crash-hello',
  'town/crash/crash-refusal',
  'town/crash/crash-deliver',
  'e2e/start',
  'town/crash/crash-restore',
  'town/containers/liveness-restart',
  'e2e/storms',
  'town/containers/liveness-containers',
  'town/containers/liveness-crash',
  'town/delivery/poison',
  'e2e/secret-scan',
  'town/isolation/isolation-matrix',
  'e2e/placement',
  'town/containers/liveness',
  'town/properties',
  'container/agents/process/churn',
  'container/weather/churn',
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
