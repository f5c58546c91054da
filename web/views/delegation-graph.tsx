/** Who handed tasks to whom: agents on a circle, an arrow for each pair. */
import { useId } from 'preact/hooks';
import type { Delegation } from '../../client/index.ts';
import { edgesOf, type Edge } from './delegation-tree.ts';

const SIZE = { width: 640, height: 380 };
const CENTRE = { x: SIZE.width / 2, y: SIZE.height / 2 };
const RADIUS = { x: 240, y: 140 };
const NODE_RADIUS = 9;
/** How far an arrow bends aside, as a part of its length, so that there and back are two. */
const BEND = 0.18;
/** An arrow ends this short of its node (units of the drawing). */
const SHORT = NODE_RADIUS + 6;

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Props {
  readonly delegations: readonly Delegation[];
  readonly nameOf: (agent: string) => string;
}

export function DelegationGraph({ delegations, nameOf }: Props) {
  const head = useId();
  const edges = edgesOf(delegations);
  const agents = [...new Set(edges.flatMap(({ from, to }) => [from, to]))].toSorted((one, other) =>
    nameOf(one).localeCompare(nameOf(other)),
  );
  const at = new Map(agents.map((agent, nth) => [agent, onCircle(nth, agents.length)]));
  const said = edges.map(({ from, to, count }) => `${nameOf(from)} to ${nameOf(to)}: ${count}`).join('; ');
  return (
    <svg
      class="graph"
      viewBox={`0 0 ${SIZE.width} ${SIZE.height}`}
      role="img"
      aria-label={`Tasks handed over. ${said}`}
    >
      <defs>
        <marker id={head} viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M0 0 10 5 0 10Z" fill="context-stroke" stroke="none" />
        </marker>
      </defs>
      {edges.map((edge) => (
        <Arrow key={`${edge.from} ${edge.to}`} edge={edge} from={at.get(edge.from)} to={at.get(edge.to)} head={head} />
      ))}
      {[...at].map(([agent, { x, y }]) => (
        <g key={agent}>
          <circle cx={x} cy={y} r={NODE_RADIUS} />
          <text x={x} y={y < CENTRE.y ? y - 16 : y + 26}>
            {nameOf(agent)}
          </text>
        </g>
      ))}
    </svg>
  );
}

function onCircle(nth: number, count: number): Point {
  const angle = (2 * Math.PI * nth) / count - Math.PI;
  return { x: CENTRE.x + RADIUS.x * Math.cos(angle), y: CENTRE.y + RADIUS.y * Math.sin(angle) };
}

interface ArrowProps {
  readonly edge: Edge;
  readonly from: Point | undefined;
  readonly to: Point | undefined;
  readonly head: string;
}

function Arrow({ edge: { count, tone }, from, to, head }: ArrowProps) {
  if (from === undefined || to === undefined || from === to) return null;
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const middle = { x: from.x + dx / 2 - dy * BEND, y: from.y + dy / 2 + dx * BEND };
  const end = towards(to, middle, SHORT);
  const start = towards(from, middle, SHORT);
  const label = { x: (middle.x + from.x + dx / 2) / 2, y: (middle.y + from.y + dy / 2) / 2 };
  return (
    <g class={tone}>
      <path d={`M${start.x} ${start.y}Q${middle.x} ${middle.y} ${end.x} ${end.y}`} marker-end={`url(#${head})`} />
      <text x={label.x} y={label.y}>
        {count}
      </text>
    </g>
  );
}

/** A point so far from `from` on the way to `to`. */
function towards(from: Point, to: Point, by: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  return { x: from.x + ((to.x - from.x) * by) / length, y: from.y + ((to.y - from.y) * by) / length };
}
