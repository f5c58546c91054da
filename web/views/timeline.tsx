import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StreamEvent } from '../../client/index.ts';
import { hrefOf, type Query } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { ActButton } from '../parts/act.tsx';
import { TimeOfDay } from '../parts/time.tsx';
import { nounsOf, sentenceOf, toneOf } from './event-words.ts';

/** Everything that happened in a town, the newest first; what is narrowed down stands in the address. */
export function TimelineView({ query }: { readonly query: Query }) {
  const { live } = useTown();
  const { kind = '', agent = '', seq = '' } = query;
  const events = live.events.value;
  const wanted = events.filter(
    (event) => (kind === '' || nounsOf(event).includes(kind)) && (agent === '' || concerns(event, agent)),
  );
  const first = events[0]?.seq ?? null;
  const oldest = live.oldest.value;
  useGoTo(seq, live.loadOlder.bind(live), events);
  const narrow = (change: Query): void => {
    const next = Object.entries({ kind, agent, ...change }).filter(([, value]) => value !== '');
    location.hash = hrefOf({ name: 'town', town: live.id, tab: 'timeline', query: Object.fromEntries(next) });
  };
  return (
    <section aria-labelledby="timeline">
      <header class="title">
        <h2 id="timeline">Timeline</h2>
        <span class="filters">
          <select
            aria-label="Kind"
            value={kind}
            onChange={({ currentTarget }) => narrow({ kind: currentTarget.value })}
          >
            <option value="">every kind</option>
            {[...new Set(events.flatMap(nounsOf))].toSorted().map((noun) => (
              <option key={noun}>{noun}</option>
            ))}
          </select>
          <select
            aria-label="Agent"
            value={agent}
            onChange={({ currentTarget }) => narrow({ agent: currentTarget.value })}
          >
            <option value="">every agent</option>
            {[...live.agents.byId.value.values()].map(({ id, name, state }) => (
              <option key={id} value={id}>
                {state === 'retired' ? `${name} (retired)` : name}
              </option>
            ))}
          </select>
        </span>
      </header>
      {wanted.length === 0 && <p class="empty">Nothing of that kind has happened, as far back as is shown.</p>}
      <ol class="timeline" reversed>
        {wanted.toReversed().map((event) => (
          <Row key={event.seq} event={event} isSought={String(event.seq) === seq} />
        ))}
      </ol>
      {first !== null && oldest !== null && first > oldest ? (
        <ActButton act={() => live.loadOlder().then(() => null)}>Earlier</ActButton>
      ) : (
        oldest !== null && <p class="quiet">This is as far back as the town keeps what happened.</p>
      )}
    </section>
  );
}

const concerns = (event: StreamEvent, agent: string): boolean =>
  event.subject === agent || JSON.stringify(event.data).includes(agent);

/** Reads back until an event that an address names is there, and shows it. */
function useGoTo(seq: string, loadOlder: () => Promise<void>, events: readonly StreamEvent[]): void {
  const tries = useSignal(0);
  const first = events[0]?.seq ?? null;
  useEffect(() => {
    if (seq === '' || first === null) return;
    document.getElementById(`event-${seq}`)?.scrollIntoView({ block: 'center' });
    if (Number(seq) >= first || tries.peek() >= MOST_PAGES) return;
    tries.value += 1;
    loadOlder().catch(() => undefined);
  }, [seq, first]);
}
/** Pages that are read to find an event. */
const MOST_PAGES = 20;

function Row({ event, isSought }: { readonly event: StreamEvent; readonly isSought: boolean }) {
  const { live } = useTown();
  const agent = live.agents.byId.value.get(event.subject);
  const message = 'message' in event.data && typeof event.data.message === 'string' ? event.data.message : null;
  return (
    <li id={`event-${event.seq}`} class={`${toneOf(event)} ${isSought ? 'sought' : ''}`}>
      <a
        class="quiet seq"
        title="An address for this event"
        href={hrefOf({ name: 'town', town: live.id, tab: 'timeline', query: { seq: String(event.seq) } })}
      >
        {event.seq}
      </a>
      <TimeOfDay at={event.time} />
      <details>
        <summary>
          {agent !== undefined && <strong>{agent.name} </strong>}
          {sentenceOf(event, (id) => live.agents.byId.value.get(id)?.name ?? id)}
        </summary>
        <pre tabIndex={0}>{JSON.stringify(event, null, 2)}</pre>
        {message !== null && agent !== undefined && (
          <a href={hrefOf({ name: 'agent', town: live.id, agent: agent.id, tab: 'chat', query: { message } })}>
            To the message
          </a>
        )}
      </details>
    </li>
  );
}
