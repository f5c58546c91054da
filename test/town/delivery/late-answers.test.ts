/** Answers that come when what they are about is over: another incarnation, or another session, has taken its place. */
import { describe, expect, it } from 'vitest';
import { lab, nextTurn } from '../support/lab.ts';
import { takeSnapshot } from '../support/snapshot.ts';
import { MINUTE, cutOff, eventsOf, pass, withholdReports } from '../support/passing.ts';
import { rewrite } from '../support/inside.ts';
import { TestTown, api } from '../support/town.ts';
import { CONTAINER_SECRET } from '../support/wiring.ts';

const hello = () => api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);

/** Rings, and lets time pass until the run is over, whatever it waits for. */
async function ringOut(town: TestTown): Promise<void> {
  const rung = town.ring().then(() => true);
  while (!(await Promise.race([rung, nextTurn().then(() => false)]))) lab.clock.advance(100);
}

describe('an answer that comes too late', () => {
  it('to a start that a stop and a second start have overtaken leaves the second one due (T5)', async () => {
    const town = await TestTown.create();
    const gate = { isHeld: true };
    town.container().network = async (request, send) => {
      const answer = await send();
      while (gate.isHeld && request.path === '/session') await nextTurn();
      return answer;
    };
    const created = town.agent('ada');
    await expect.poll(() => town.container().requests.some(({ path }) => path === '/session')).toBe(true);
    const stopped = town.api('POST', '/agents/ada/stop');
    await expect.poll(async () => (await town.read('ada')).state).toBe('stopped');
    const started = town.api('POST', '/agents/ada/start');
    await expect.poll(async () => (await town.read('ada')).incarnation).toBe(2);
    gate.isHeld = false;
    await Promise.all([created, stopped, started]);
    await pass(town, MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'idle', incarnation: 2 });
  });

  it('to a delivery whose session is over hands nothing over: the next incarnation gets the message', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const container = town.container();
    let isLate = false;
    container.after = async (request, answer) => {
      if (isLate || !request.path.endsWith('/messages')) return answer;
      isLate = true;
      container.restart();
      await hello();
      await expect.poll(async () => (await town.read('ada')).incarnation).toBe(2);
      return answer;
    };
    const { id } = await town.send('ada', 'hello');
    await expect.poll(() => isLate).toBe(true);
    await pass(town, 2 * MINUTE);
    await town.until('ada', id, 'done');
    expect((await takeSnapshot(town.stub)).agents[0]?.agent).toMatchObject({ state: 'idle', inc: 2 });
  });
});

/**
 * Both messages of the agent are over in its control server, and no report says so: the town has handed the first over, and sent the
 * second without an answer. The answer to the repeat of that, which has its result, is held until `release`.
 */
async function lateResult() {
  const town = await TestTown.create();
  await town.agent('ada');
  const container = town.container();
  const open = withholdReports(town);
  const gate = { isHeld: true, isReached: false };
  let deliveries = 0;
  container.network = async (request, send) => {
    if (!request.path.endsWith('/messages')) return send();
    deliveries += 1;
    const nth = deliveries;
    const answer = await send();
    if (nth === 2) throw new TypeError('the connection was reset');
    if (nth !== 3) return answer;
    gate.isReached = true;
    while (gate.isHeld) await nextTurn();
    return answer;
  };
  const { id: first } = await town.send('ada', 'hello');
  await town.until('ada', first, 'delivered');
  const { id: second } = await town.send('ada', 'hello');
  await expect.poll(() => lab.turns.some(({ message }) => message === second)).toBe(true);
  for (let ring = 0; !gate.isReached && ring < 3; ring += 1) await ringOut(town);
  expect(gate.isReached).toBe(true);
  const release = (): void => void (gate.isHeld = false);
  return { town, first, second, release, open };
}

/** The agent's next incarnation is to begin, while an answer to this one is out: either call waits for it. */
async function restart(town: TestTown): Promise<{ readonly answered: Promise<unknown> }> {
  const stopped = town.api('POST', '/agents/ada/stop');
  await expect.poll(async () => (await town.read('ada')).state).toBe('stopped');
  const started = town.api('POST', '/agents/ada/start');
  await expect.poll(async () => (await town.read('ada')).incarnation).toBe(2);
  return { answered: Promise.all([stopped, started]) };
}

/** The messages whose turns ended, in the order in which they did. */
const ended = async (town: TestTown) => (await eventsOf(town, 'reeve.turn.finished')).map(({ message }) => message);

/** A probe has found its turn over: it is queued, to fetch its result. */
async function untilFetched(town: TestTown, message: string): Promise<void> {
  for (let ring = 0; (await eventsOf(town, 'reeve.message.queued_again')).length === 0 && ring < 3; ring += 1)
    await ringOut(town);
  expect(await eventsOf(town, 'reeve.message.queued_again')).toEqual([{ messages: [message] }]);
}

describe('a message whose result is fetched', () => {
  it('is not cancelled: its turn is over, and its result counts', async () => {
    const { town, first, release, open } = await lateResult();
    await untilFetched(town, first);
    const { status, body } = await town.api('DELETE', `/agents/ada/messages/${first}`);
    expect([status, body]).toEqual([409, expect.objectContaining({ code: 'state_conflict' })]);
    release();
    open();
    await town.until('ada', first, 'done');
  });

  it('is a new attempt where its incarnation goes before it comes: it runs once more', async () => {
    const { town, first, release, open } = await lateResult();
    await untilFetched(town, first);
    const restarted = await restart(town);
    expect(await town.message('ada', first)).toMatchObject({ state: 'queued', attempts: 2, delivered_at: null });
    open();
    release();
    await restarted.answered;
    await town.until('ada', first, 'done');
    expect(lab.turns.filter(({ message }) => message === first)).toHaveLength(2);
  });
});

describe('a result in an answer that comes too late', () => {
  it('T12: does not count before an earlier message that a probe has queued meanwhile, to fetch its result', async () => {
    const { town, first, second, release, open } = await lateResult();
    await untilFetched(town, first);
    release();
    await town.until('ada', first, 'done');
    open();
    await town.until('ada', second, 'done');
    expect(await ended(town)).toEqual([first, second]);
    expect(lab.turns.filter(({ message }) => message === first || message === second)).toHaveLength(2);
  });

  it('T12: does not count before an earlier message that runs again, because its incarnation is gone', async () => {
    const { town, first, second, release, open } = await lateResult();
    const restarted = await restart(town);
    expect((await town.message('ada', first)).state).toBe('queued');
    open();
    release();
    await restarted.answered;
    await town.until('ada', second, 'done');
    expect(await ended(town)).toEqual([first, second]);
  });

  it('T12: counts, although its incarnation is gone, where no earlier message is open', async () => {
    const { town, first, second, release, open } = await lateResult();
    open();
    await town.until('ada', first, 'done');
    town.container().outgoing = () => Promise.reject(new TypeError('the connection was reset'));
    const restarted = await restart(town);
    release();
    await restarted.answered;
    await town.until('ada', second, 'done');
    expect(lab.turns.filter(({ message }) => message === second)).toHaveLength(1);
  });
});

describe('a hello that takes its time', () => {
  it('gives up no session of a container that was lost when it came, and was found meanwhile', async () => {
    lab.heartbeatMs = 30_000;
    const town = await TestTown.create();
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) await town.agent(name);
    await town.work('a1', 50_000);
    await town.work('a5', 50_000);
    const back = cutOff(town, 1);
    await pass(town, 14 * MINUTE);
    expect((await town.read('a5')).container).toBe(town.containerName(2));
    const gate = { isHeld: true, isReached: false };
    town.container(0).network = async (request, send) => {
      gate.isReached ||= request.path === '/health';
      while (gate.isHeld && request.path === '/health') await nextTurn();
      return send();
    };
    await hello();
    await expect.poll(() => gate.isReached).toBe(true);
    back();
    await pass(town, 10 * MINUTE);
    expect(await town.agent('late')).toMatchObject({ state: 'idle', container: town.containerName(1) });
    await town.work('late', 50_000);
    gate.isHeld = false;
    await pass(town, MINUTE);
    expect(await town.read('late')).toMatchObject({ state: 'working', incarnation: 1 });
  });
});

describe('an agent whose start takes its container down with it', () => {
  it('is tried ever more rarely, although each container that comes up says hello and opens a session', async () => {
    const town = await TestTown.create();
    const container = town.container();
    const tries: number[] = [];
    container.before = async ({ path }) => {
      if (!path.endsWith('/start')) return null;
      tries.push(lab.clock.now());
      container.restart();
      await hello();
      throw new TypeError('the connection was reset');
    };
    await town.agent('ada');
    await pass(town, 20 * MINUTE);
    const gaps = tries.slice(1).map((at, nth) => at - (tries[nth] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15_000);
    expect(tries.length).toBeLessThanOrEqual(15);
  });
});

describe('a run of the alarm with a container that hangs', () => {
  it('T7: ends at its budget, and what comes due meanwhile is done by the next, while the answer is still out', async () => {
    const town = await TestTown.create();
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1']) await town.agent(name);
    const gate = { isHeld: true };
    // The first delivery to each is lost, so that the alarm brings the second.
    let lost = 0;
    for (const index of [0, 1]) {
      town.container(index).network = async (request, send) => {
        if (!request.path.endsWith('/messages')) return send();
        lost += 1;
        if (lost <= 2) throw new TypeError('the connection was reset');
        if (index === 0) while (gate.isHeld) await nextTurn();
        return send();
      };
    }
    const { id: hanging } = await town.send('a1', 'hello');
    const { id: well } = await town.send('b1', 'hello');
    await expect.poll(() => lost).toBe(2);
    await expect.poll(async () => (await takeSnapshot(town.stub)).messages.map(({ tries }) => tries)).toEqual([1, 1]);
    await rewrite(town, 'UPDATE messages SET deliver_at_ms = deliver_at_ms + 20000 WHERE id = ?', well);
    await ringOut(town);
    expect(lost).toBe(3);
    expect((await town.message('b1', well)).state).toBe('queued');
    // The second run meets the first one's request, which is still out.
    await ringOut(town);
    await ringOut(town);
    await town.until('b1', well, 'done');
    expect((await town.message('a1', hanging)).state).toBe('queued');
    gate.isHeld = false;
    await town.until('a1', hanging, 'done');
  });
});
